// Runs of numbers do what the single number does, on whatever target RECTIFY_TARGET chooses.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
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
    const bool ends_row = !json && (column + i + 1) % dialect.fields == 0;
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
