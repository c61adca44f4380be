// Runs of numbers do what the single number does, on whatever target RECTIFY_TARGET chooses.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "number/number.hpp"

namespace rectify {
namespace {

constexpr DType kDTypes[] = {DType::float16, DType::bfloat16, DType::float32, DType::float64,
                             DType::int8,    DType::int16,    DType::int32,   DType::int64,
                             DType::uint8,   DType::boolean};

// ---- Writing

/// The text that single numbers make.
template <class T>
std::string written_singly(std::span<const T> values, const Separators& separators,
                           std::size_t column, const NumberWords& words) {
  std::string text;
  char room[kNumberBytes];
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::string number(room, format_number(room, values[i]));
    if (number == "nan") number = words.nan;
    if (number == "inf") number = words.infinity;
    if (number == "-inf") number = words.minus_infinity;
    text += number;
    text += (column + i + 1) % separators.width == 0 ? separators.after_row : separators.between;
  }
  return text;
}

template <class T>
void check_written(std::span<const T> values, const Separators& separators, std::size_t column = 0,
                   const NumberWords& words = {}) {
  const std::size_t size = values.size() * kRunBytes;
  const std::unique_ptr<char[]> room(new char[size]);  // exact, for the address sanitizer
  char* const begin = room.get();
  const std::string text(begin, write_numbers<T>(room.get(), values, separators, column, words));
  if (text != written_singly(values, separators, column, words)) {
    CHECK(text == written_singly(values, separators, column, words));
  }
}

TEST_CASE("a run of float32 is written as its numbers are, one by one") {
  std::mt19937_64 random(1);
  std::vector<float> values;
  // Every exponent, with the ends and random ones of its fractions, and both signs.
  for (std::uint32_t exponent = 0; exponent < 256; ++exponent) {
    for (std::uint32_t i = 0; i < 400; ++i) {
      const std::uint32_t fraction = i < 8     ? i
                                     : i < 16  ? 0x7FFFFF - (i - 8)
                                     : i < 100 ? 1u << i % 23
                                               : static_cast<std::uint32_t>(random()) & 0x7FFFFF;
      const auto sign = static_cast<std::uint32_t>(random()) & 0x80000000;
      values.push_back(std::bit_cast<float>(exponent << 23 | fraction | sign));
    }
  }
  // Decimals of few digits, around powers of ten and around the change of layouts.
  for (int i = 0; i < 100000; ++i) {
    double x = static_cast<double>(random() % 2000001) - 1e6;
    for (auto n = random() % 12; n > 0; --n) x /= 10;
    values.push_back(static_cast<float>(x));
  }
  for (int k = -45; k <= 38; ++k) {
    auto x = static_cast<float>(std::stod("1e" + std::to_string(k)));
    for (int i = 0; i < 20; ++i) x = std::nextafter(x, 0.0f);
    for (int i = 0; i < 40; ++i, x = std::nextafter(x, 1e38f)) values.push_back(x);
  }
  for (const std::uint32_t bits : {0u, 0x80000000u, 0x38D1B717u, 0xB8D1B717u, 0x15AE43FDu, 1u})
    values.push_back(std::bit_cast<float>(bits));
  check_written<float>(values, {});
  check_written<float>(values, {.between = ",", .after_row = "\n", .width = 10});
}

TEST_CASE("a run has its separators behind its numbers, whatever its length and first column") {
  const std::vector<float> all = {1.0f, -2.5f, 0.0f, 1e-5f, 3e20f, -0.0f, 7.0f, 123456.7f, 1e15f};
  const Separators rows[] = {{}, {", ", "], [", 3}, {"\t", "]\n[", 7}, {"12345678", "87654321", 2}};
  for (std::size_t size = 0; size < 300; size += size < 20 ? 1 : 41) {
    std::vector<float> values;
    for (std::size_t i = 0; i < size; ++i) values.push_back(all[i * 7 % all.size()]);
    for (const Separators& separators : rows) {
      for (std::size_t column = 0; column < separators.width; ++column)
        check_written<float>(values, separators, column);
    }
  }
}

TEST_CASE("a run has the words it is given for what is no number, in every dtype") {
  std::mt19937_64 random(2);
  for (const DType dtype : kDTypes) {
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      const std::unique_ptr<T[]> all(new T[1000]);
      const std::span<T> values(all.get(), 1000);
      for (T& value : values) {
        const std::uint64_t bits = random();
        if constexpr (std::is_same_v<T, bool>) {
          value = (bits & 1) != 0;
        } else if constexpr (is_half<T>) {
          value.bits = static_cast<std::uint16_t>(bits);
        } else {
          std::memcpy(&value, &bits, sizeof value);
        }
        if constexpr (is_floating<T>) {
          using C = Compute<T>;
          if (bits >> 62 == 0) value = narrow<T>(std::numeric_limits<C>::infinity());
          if (bits >> 62 == 1) value = narrow<T>(-std::numeric_limits<C>::infinity());
          if (bits >> 62 == 2) value = narrow<T>(std::numeric_limits<C>::quiet_NaN());
        }
      }
      check_written<T>(values, {", ", "\n", 9}, 4, {"NaN", "\"Infinity\"", "null"});
    });
  }
}

// ---- Reading

/// The run at the start of `text`, having checked that single numbers would be the same, each with
/// its separator. Returns how many numbers it has.
template <class T>
std::size_t check_read(std::string_view text, const Dialect& dialect, std::size_t column = 0,
                       std::size_t room = 100000) {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  std::copy(text.begin(), text.end(), exact.get());
  const char* p = exact.get();
  const char* const last = p + text.size();
  const std::unique_ptr<T[]> out(new T[room]);
  const Run run = read_numbers<T>(p, last, dialect, column, {out.get(), room});
  const bool json = dialect.grammar == NumberGrammar::json;
  CAPTURE(text.substr(0, 200));
  CAPTURE(name(dtype_of<T>));
  const auto skip = [&] {
    while (p != last &&
           (*p == ' ' || (json ? *p == '\n' : *p == '\t' && dialect.delimiter != '\t')))
      ++p;
  };
  REQUIRE(run.count <= room);
  for (std::size_t i = 0; i < run.count; ++i) {
    CAPTURE(i);
    skip();
    const ParsedNumber<T> number = parse_number<T>(p, last, dialect.grammar, dialect.point);
    REQUIRE(number.status == NumberStatus::ok);
    if (std::memcmp(&number.value, &out[i], sizeof(T)) != 0) FAIL("another value");
    p = number.end;
    REQUIRE(p != last);
    if (json && run.closed && i + 1 == run.count) {
      REQUIRE(*p == ']');
      break;
    }
    const bool ends_row = (!json || dialect.nested) && (column + i + 1) % dialect.fields == 0;
    if (json && ends_row) {
      for (const char c : std::string_view("],[")) {
        REQUIRE(p != last);
        if (*p != c) FAIL("another bracket");
        ++p;
        skip();
      }
      continue;
    }
    if (ends_row && *p == '\r') ++p;
    REQUIRE(p != last);
    if (*p != (ends_row ? '\n' : dialect.delimiter)) FAIL("another separator");
    ++p;
  }
  const char* end = run.end;
  while (end != last && (*end == ' ' || *end == '\n' || *end == '\t')) ++end;
  while (p != last && (*p == ' ' || *p == '\n' || *p == '\t')) ++p;
  if (run.count != 0) CHECK(end == p);
  return run.count;
}

struct Fields {
  std::mt19937_64 random{3};

  std::uint64_t below(std::uint64_t bound) { return random() % bound; }

  std::string digits(std::uint64_t count) {
    std::string text;
    for (; count > 0; --count) text += static_cast<char>('0' + below(10));
    return text;
  }

  /// Mostly what runs are made for; otherwise anything near a number.
  std::string next(char point, bool odd) {
    if (!odd) {
      std::string text = below(2) == 0 ? "-" : "";
      text += below(3) == 0 ? "0" : std::to_string(1 + below(1000));
      if (below(4) != 0) text += point + digits(1 + below(9));
      return text;
    }
    constexpr std::string_view kCharacters = "0123456789+-.,eE \t\r\n\"naifNI][;0000.......----";
    std::string text = below(2) == 0 ? digits(below(25)) : "";
    for (auto i = below(4); i > 0; --i) text += kCharacters[below(kCharacters.size())];
    text += digits(below(20));
    return text;
  }
};

TEST_CASE("a run of text is read as its numbers are, one by one") {
  Fields fields;
  for (int round = 0; round < 6000; ++round) {
    const bool json = fields.below(3) == 0;
    Dialect dialect;
    dialect.grammar = json ? NumberGrammar::json : NumberGrammar::csv;
    if (!json) {
      dialect.delimiter = ",;\t |"[fields.below(5)];
      dialect.point = dialect.delimiter == ',' || fields.below(3) != 0 ? '.' : ',';
    }
    dialect.fields = fields.below(3) == 0 ? 1 : 1 + fields.below(40);
    const std::uint64_t oddness = 2 + fields.below(300);
    const std::uint64_t spaces = fields.below(4);
    std::string text;
    const std::size_t column = fields.below(dialect.fields);
    const std::size_t count = fields.below(120);
    for (std::size_t i = 0; i < count; ++i) {
      text += fields.next(dialect.point, fields.below(oddness) == 0);
      if (json) {
        text += i + 1 == count && fields.below(2) == 0 ? "]" : ",";
        if (spaces != 0) text += spaces == 1 ? "\n  " : " ";
      } else if ((column + i + 1) % dialect.fields == 0 || fields.below(oddness) == 0) {
        text += spaces == 1 ? "\r\n" : "\n";
      } else {
        text += dialect.delimiter;
        if (spaces == 2) text += fields.below(2) == 0 ? "  " : " ";
      }
    }
    // What follows a run is no part of it.
    text += std::string(fields.below(120), "x 1,-.]\n"[fields.below(8)]);
    const std::size_t room = fields.below(5) == 0 ? fields.below(100) : 100000;
    check_read<float>(text, dialect, column, room);
    dispatch_text(kDTypes[fields.below(9)], [&](auto type) {
      check_read<typename decltype(type)::type>(text, dialect, column, room);
    });
  }
}

TEST_CASE("a run goes through plain numbers to the last characters of the text") {
  if (target() == Target::baseline) return;
  Fields fields;
  const auto table = [&](std::string_view between, std::string_view after_row, std::size_t width) {
    std::string text;
    for (std::size_t i = 1; i <= 3000; ++i) {
      text += fields.next('.', false) + std::string(i % width == 0 ? after_row : between);
      if (i % 500 == 0) text.insert(text.find_last_of("0123456789") + 1, "e-07");
    }
    return text;
  };
  CHECK(check_read<float>(table(",", "\n", 1000), {.fields = 1000}) > 2900);
  CHECK(check_read<double>(table(",", "\n", 7), {.fields = 7}) > 2900);
  CHECK(check_read<float>(table(",", "\r\n", 10), {.fields = 10}) > 2900);
  CHECK(check_read<float>(table(", ", "\n", 10), {.fields = 10}) > 2900);
  CHECK(check_read<float>(table("\t", "\n", 3), {.delimiter = '\t', .fields = 3}) > 2900);
  CHECK(check_read<float>(table("", "\n", 1), {.fields = 1}) > 2900);
  CHECK(check_read<float>(table(", ", ",\n", 9), {.grammar = NumberGrammar::json}) > 2900);
  std::string integers;
  for (int i = 0; i < 3000; ++i) integers += std::to_string(i * 7 % 128) + ",";
  CHECK(check_read<std::int8_t>(integers, {.fields = 100000}) > 2900);
}

TEST_CASE("a run of rows is read as its numbers are, with the brackets between them") {
  Fields fields;
  const std::string_view brackets[] = {"], [", "],[", "],\n [", "] , [", "]\n,\n[  "};
  const std::string_view wrong[] = {"]], [[", "], ",   ", [", "] [",  "]",
                                    "], []",  "],, [", "][,", "], [,"};
  std::size_t all = 0;
  std::size_t passed = 0;
  for (int round = 0; round < 4000; ++round) {
    const Dialect dialect{.grammar = NumberGrammar::json,
                          .fields = 1 + fields.below(fields.below(2) == 0 ? 4 : 40),
                          .nested = true};
    const std::uint64_t oddness = fields.below(3) == 0 ? 100000 : 10 + fields.below(300);
    const std::string_view between = fields.below(2) == 0 ? ", " : ",";
    const std::string_view after_row = brackets[fields.below(std::size(brackets))];
    const std::size_t column = fields.below(dialect.fields);
    const std::size_t count = fields.below(300);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += fields.next('.', fields.below(oddness * 4) == 0);
      const bool ends_row = (column + i + 1) % dialect.fields == 0 || fields.below(oddness) == 0;
      text += fields.below(oddness) == 0 ? wrong[fields.below(std::size(wrong))]
              : ends_row                 ? after_row
                                         : between;
    }
    text += std::string(fields.below(2) == 0 ? 0 : 100, ' ');
    const std::size_t found = check_read<float>(text, dialect, column);
    check_read<double>(text, dialect, column, 40);
    check_read<std::int16_t>(text, dialect, column);
    if (oddness == 100000) {
      all += count;
      passed += found;
    }
  }
  if (target() != Target::baseline) CHECK(passed > all / 3);
}

// ---- Texts of which only some numbers change

/// What single numbers make of a table whose numbers up to zero are multiplied; nothing, if it is not
/// one.
template <class T>
std::optional<std::string> multiplied_singly(std::string_view text, const Dialect& dialect,
                                             std::size_t column, T slope) {
  std::string all;
  const char* const last = text.data() + text.size();
  const bool is_json = dialect.grammar == NumberGrammar::json;
  for (const char* p = text.data(); p != last;) {
    const char* const end = std::find_if(
        p, last, [&](char c) { return c == dialect.delimiter || c == (is_json ? ']' : '\n'); });
    const bool stays = dialect.staying != nullptr && dialect.staying[column] != 0;
    const ParsedNumber<T> number = parse_number<T>(p, end, dialect.grammar);
    const bool ends_row = ++column == dialect.fields;
    if (stays) {
      const std::string_view field(p, static_cast<std::size_t>(end - p));
      if (field.size() >= 128 || field.find_first_of("\"\r") != std::string_view::npos ||
          end == last || *end != (ends_row ? '\n' : dialect.delimiter))
        return std::nullopt;
      if (ends_row) column = 0;
      all.append(p, end + 1);
      p = end + 1;
      continue;
    }
    if (number.status != NumberStatus::ok || number.end != end || end == last) return std::nullopt;
    std::string_view gap(end, 1);
    if (!is_json && *end != (ends_row ? '\n' : dialect.delimiter)) return std::nullopt;
    if (is_json && !(ends_row && *end == ']' && end + 1 == last)) {
      gap = !ends_row ? ", " : dialect.nested ? "], [" : "]\n[";
      const std::string_view rest(end, static_cast<std::size_t>(last - end));
      if (!rest.starts_with(gap) || rest.size() == gap.size()) return std::nullopt;
    }
    if (ends_row) column = 0;
    char room[kNumberBytes];
    const T value = number.value > 0   ? number.value
                    : slope != 0       ? number.value * slope
                    : number.value < 0 ? T{0}
                                       : number.value;
    all.append(room, format_number(room, value));
    all += gap;
    p = end + gap.size();
  }
  return all;
}

/// The same by what changes; counts that.
template <class T>
std::optional<std::string> multiplied(std::string_view text, const Dialect& dialect,
                                      std::size_t column, T slope, std::size_t room,
                                      std::size_t& changing) {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  std::copy(text.begin(), text.end(), exact.get());
  const char* p = exact.get();
  const char* const last = p + text.size();
  const std::unique_ptr<Spot[]> spots(new Spot[room]);
  const std::unique_ptr<T[]> values(new T[room]);
  std::string all;
  while (p != last) {
    const Changing found = find_changing<T>(p, last, dialect, column, slope == 0,
                                            {spots.get(), room}, {values.get(), room});
    if (!found.good) return std::nullopt;
    for (T& value : std::span(values.get(), found.count)) {
      if (!(value > 0)) value = slope != 0 ? value * slope : value < 0 ? T{0} : value;
    }
    const std::size_t size =
        static_cast<std::size_t>(found.end - p) + (found.count + 1) * kNumberBytes;
    const std::unique_ptr<char[]> out(new char[size]);
    all.append(out.get(),
               write_changed<T>(out.get(), p, found.end, last, {spots.get(), found.count},
                                {values.get(), found.count}));
    changing += found.count;
    column = found.column;
    p = found.end;
  }
  return all;
}

template <class T>
void check_multiplied(std::string_view text, const Dialect& dialect, std::size_t column, T slope,
                      std::size_t room, std::size_t* changing = nullptr) {
  std::size_t count = 0;
  const auto found = multiplied<T>(text, dialect, column, slope, room, count);
  const auto expected = multiplied_singly<T>(text, dialect, column, slope);
  if (found != expected) {
    CAPTURE(text.substr(0, 2000));
    CAPTURE(name(dtype_of<T>));
    CAPTURE(slope);
    CHECK(found.value_or("nothing") == expected.value_or("nothing"));
  }
  if (changing != nullptr) *changing = count;
}

TEST_CASE("what stays of a text is written as its numbers are, in every layout of digits") {
  if (target() == Target::baseline) return;
  Fields fields;
  for (std::uint64_t whole = 0; whole <= 9; ++whole) {
    for (std::uint64_t behind = 0; behind <= 12; ++behind) {
      for (const std::string_view sign : {"", "-", "?"}) {
        std::string text;
        for (int i = 0; i < 700; ++i) {
          if (sign == "-" || (sign == "?" && fields.below(2) == 0)) text += '-';
          const auto digits = [&](std::uint64_t count) {
            std::string some = fields.digits(count);
            // Zeros in front, behind and alone.
            const std::uint64_t first = fields.below(count + 1);
            if (fields.below(3) == 0) std::fill_n(some.begin(), first, '0');
            if (fields.below(3) == 0) std::fill_n(some.rbegin(), first, '0');
            return some;
          };
          text += digits(whole);
          if (behind != 0) text += "." + digits(behind - 1);
          text += (i + 1) % 7 == 0 ? '\n' : ',';
        }
        for (const float slope : {0.0f, 0.01f, -3.0f}) {
          check_multiplied<float>(text, {.fields = 7}, 0, slope, 512);
          check_multiplied<double>(text, {.fields = 7}, 0, static_cast<double>(slope), 100);
        }
      }
    }
  }
}

TEST_CASE("a decimal of seven digits stays as float32 prints it, around powers of two and ten") {
  if (target() == Target::baseline) return;
  Fields fields;
  std::string text;
  const auto add = [&](double x) {
    char number[32];
    for (int digits = 5; digits <= 8; ++digits) {
      const int exponent = static_cast<int>(std::floor(std::log10(x)));
      text +=
          std::string(number,
                      static_cast<std::size_t>(std::snprintf(
                          number, sizeof number, "%.*f", std::max(0, digits - 1 - exponent), x))) +
          "\n";
    }
  };
  for (int e = -14; e < 25; ++e) {
    for (int i = -500; i < 500; ++i) add(std::ldexp(1.0, e) * (1 + 1e-7 * i));
  }
  for (int i = 0; i < 100000; ++i)
    add(std::pow(10, static_cast<double>(fields.below(11000)) / 1000 - 4));
  check_multiplied<float>(text, {}, 0, 0.5f, 512);
}

TEST_CASE("a text changes where a table of numbers is one, and nowhere else") {
  if (target() == Target::baseline) return;
  Fields fields;
  for (int round = 0; round < 6000; ++round) {
    Dialect dialect;
    dialect.delimiter = ",;\t |"[fields.below(5)];
    dialect.fields = fields.below(3) == 0 ? 1 : 1 + fields.below(40);
    const std::uint64_t oddness = fields.below(4) == 0 ? 100000 : 2 + fields.below(300);
    const std::size_t column = fields.below(dialect.fields);
    // Some columns may be text that stays.
    std::vector<std::uint64_t> staying;
    if (fields.below(2) == 0) {
      const std::uint64_t few = 1 + fields.below(4);
      for (std::size_t i = 0; i < dialect.fields; ++i)
        staying.push_back(fields.below(few) == 0 ? ~std::uint64_t{0} : 0);
      while (staying.size() < dialect.fields + kLeastSpots)
        staying.push_back(staying[staying.size() - dialect.fields]);
      dialect.staying = staying.data();
    }
    const auto word = [&] {
      std::string text(fields.below(fields.below(50) == 0 ? 140 : 12), '\0');
      for (char& c : text) c = "abcXYZ0123456789-+.# \xC3\xBC"[fields.below(23)];
      if (fields.below(oddness * 4) == 0) text += fields.below(2) == 0 ? '"' : '\r';
      return text;
    };
    std::size_t count = fields.below(120) * (fields.below(20) == 0 ? 60 : 1);
    if (fields.below(10) != 0) count -= std::min(count, (column + count) % dialect.fields);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      std::string field = fields.next('.', fields.below(oddness) == 0);
      if (fields.below(2) == 0) std::replace(field.begin(), field.end(), '\n', '1');
      text += staying.empty() || staying[(column + i) % dialect.fields] == 0 ? field : word();
      text += (column + i + 1) % dialect.fields == 0 ? '\n' : dialect.delimiter;
      if (fields.below(oddness * 20) == 0) text += fields.below(2) == 0 ? '\n' : dialect.delimiter;
    }
    const float slope = fields.below(2) == 0 ? 0.0f : 0.25f;
    const std::size_t room = kLeastSpots + fields.below(600);
    check_multiplied<float>(text, dialect, column, slope, room);
    check_multiplied<double>(text, dialect, column, static_cast<double>(slope), room);
  }
}

TEST_CASE("a text changes where rows in JSON are written as we write them, and nowhere else") {
  if (target() == Target::baseline) return;
  Fields fields;
  for (int round = 0; round < 6000; ++round) {
    Dialect dialect{.grammar = NumberGrammar::json};
    dialect.fields = fields.below(3) == 0 ? 1 : 1 + fields.below(40);
    dialect.nested = fields.below(2) == 0;
    const std::uint64_t oddness = fields.below(2) == 0 ? 100000 : 2 + fields.below(1000);
    const std::size_t column = fields.below(dialect.fields);
    std::size_t count = 1 + fields.below(120) * (fields.below(20) == 0 ? 60 : 1);
    if (fields.below(10) != 0)
      count += (2 * dialect.fields - column - count % dialect.fields) % dialect.fields;
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      std::string field = fields.next('.', fields.below(oddness) == 0);
      if (fields.below(4) != 0) std::replace(field.begin(), field.end(), '+', '1');
      text += field;
      const bool ends_row = (column + i + 1) % dialect.fields == 0;
      std::string gap = !ends_row ? ", " : i + 1 == count ? "]" : dialect.nested ? "], [" : "]\n[";
      if (fields.below(oddness * 4) == 0) {
        const std::size_t at = fields.below(gap.size() + 1);
        if (fields.below(2) == 0 && at != gap.size()) {
          gap.erase(at, 1);
        } else {
          gap.insert(at, 1, ", ][\n0-"[fields.below(7)]);
        }
      }
      text += gap;
    }
    const float slope = fields.below(2) == 0 ? 0.0f : 0.25f;
    const std::size_t room = kLeastSpots + fields.below(600);
    check_multiplied<float>(text, dialect, column, slope, room);
    check_multiplied<double>(text, dialect, column, static_cast<double>(slope), room);
  }
}

TEST_CASE("what is positive and as it would be printed does not change") {
  if (target() == Target::baseline) return;
  std::string text;
  for (int i = 0; i < 10000; ++i) {
    text += i % 10 == 0 ? "-" : "";
    text += std::to_string(i % 1000) + "." + std::to_string(i % 999) + (i % 5 == 0 ? "5\n" : "1,");
  }
  std::size_t changing = 0;
  check_multiplied<float>(text.substr(text.find('\n') + 1), {.fields = 5}, 0, 0.5f, 512, &changing);
  CHECK(changing < 1100);
  CHECK(changing >= 999);
}

TEST_CASE("a run ends at the bracket of its list") {
  if (target() == Target::baseline) return;
  std::string list = "1, -2.5, 3]";
  const std::string behind(200, ' ');
  float out[64];
  const std::string text = list + behind;
  const Run run = read_numbers<float>(text.data(), text.data() + text.size(),
                                      {.grammar = NumberGrammar::json}, 0, out);
  CHECK(run.closed);
  CHECK(run.count == 3);
  CHECK(run.end == text.data() + list.size() - 1);
  CHECK(out[1] == -2.5f);
}

}  // namespace
}  // namespace rectify
