// Number text: what strtod and from_chars say of the same characters, and the fewest digits that
// read back.
//
// Settings: grammar and decimal point; then the text of a number, whose bytes are taken for values
// to write, too.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include "dispatch.hpp"
#include "fuzz.hpp"
#include "half.hpp"
#include "number/number.hpp"

namespace rectify::fuzz {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A number as the grammar of number.hpp has it, read character by character.
struct Spelled {
  std::size_t size = 0;  // 0: none
  bool whole = true;     // no point, no exponent
  bool word = false;     // nan or an infinity
  std::string plain;     // with a point, as strtod reads it
};

Spelled spelled(std::string_view text, NumberGrammar grammar, char decimal) {
  const bool json = grammar == NumberGrammar::json;
  Spelled number;
  std::size_t i = 0;
  const auto at = [&](std::size_t k) { return k < text.size() ? text[k] : '\0'; };
  if (at(0) == '-' || (!json && at(0) == '+')) ++i;
  const std::size_t sign = i;

  std::string lower(text.substr(i, 8));
  if (!json) {
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (const std::string_view word :
       json ? std::array<std::string_view, 3>{"Infinity", "NaN", "NaN"}
            : std::array<std::string_view, 3>{"infinity", "inf", "nan"}) {
    if (!lower.starts_with(word) || (json && word == "NaN" && sign != 0)) continue;
    number.size = sign + word.size();
    number.word = true;
    number.plain = (at(0) == '-' ? "-" : "") + std::string(word);
    return number;
  }

  const std::size_t first = i;
  while (is_digit(at(i))) ++i;
  if (json && i > first + 1 && text[first] == '0') i = first + 1;
  std::size_t digits = i - first;
  if (json && digits == 0) return number;
  number.plain = (at(0) == '-' ? "-" : "") + std::string(text.substr(first, i - first));
  if (at(i) == (json ? '.' : decimal)) {
    const std::size_t point = i++;
    while (is_digit(at(i))) ++i;
    if (json && i == point + 1) return number;
    digits += i - point - 1;
    number.whole = false;
    number.plain += "." + std::string(text.substr(point + 1, i - point - 1));
  }
  if (digits == 0) return number;
  number.size = i;
  if (at(i) == 'e' || at(i) == 'E') {
    std::size_t e = i + 1;
    if (at(e) == '+' || at(e) == '-') ++e;
    if (!is_digit(at(e))) {
      if (json) number.size = 0;
      return number;
    }
    const std::size_t exponent = i;
    while (is_digit(at(e))) ++e;
    number.size = e;
    number.whole = false;
    number.plain += text.substr(exponent, e - exponent);
  }
  return number;
}

/// from_chars agrees with strtod where it has a value.
double nearest(const std::string& plain) {
  const double value = std::strtod(plain.c_str(), nullptr);
  double other = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), other);
  need(error != std::errc{} || end != plain.data() + plain.size() || std::isnan(value) ||
           std::memcmp(&value, &other, sizeof value) == 0,
       "strtod and from_chars differ");
  return value;
}

/// The value of float16 (bfloat16) nearest to a float: a multiple of the distance of its
/// neighbours, the even one of two. Infinity from the power of two behind the largest on.
template <class T>
double rounded(float x) {
  constexpr bool is_half = std::is_same_v<T, float16>;
  constexpr int kDigits = is_half ? 11 : 8;
  constexpr int kLeast = is_half ? -14 : -126;
  if (x == 0 || !std::isfinite(x)) return double{x};
  const double distance = std::ldexp(1.0, std::max(std::ilogb(x), kLeast) + 1 - kDigits);
  const double y = std::nearbyint(double{x} / distance) * distance;
  return std::fabs(y) < (is_half ? 0x1p16 : 0x1p128) ? y : std::copysign(HUGE_VAL, y);
}

template <class T>
void check_parse(std::string_view text, NumberGrammar grammar, char decimal) {
  const std::string where = std::string(name(dtype_of<T>)) + " of '" + escaped(text) + "'";
  const char* begin = text.data();
  const char* end = begin + text.size();
  const ParsedNumber<T> parsed = parse_number<T>(begin, end, grammar, decimal);
  const Spelled number = spelled(text, grammar, decimal);
  if (number.size == 0) {
    need(parsed.status == NumberStatus::not_a_number && parsed.end == begin, where + ": a number");
    return;
  }
  need(parsed.end == begin + number.size, where + ": another end");
  double x = nearest(number.plain);
  const bool json = grammar == NumberGrammar::json;
  if (json && number.whole && !number.word && x == 0) x = 0;  // the integer -0

  if constexpr (is_floating<T>) {
    if (json && number.whole && !number.word && std::isinf(x)) {
      need(parsed.status == NumberStatus::too_large, where + ": not too large");
      return;
    }
    need(parsed.status == NumberStatus::ok, where + ": refused");
    double expected = x;
    if constexpr (sizeof(T) == 4) expected = double{static_cast<float>(x)};
    if constexpr (sizeof(T) == 2) expected = rounded<T>(static_cast<float>(x));
    const auto value = static_cast<double>(widen(parsed.value));
    const bool nan = std::isnan(expected) && std::isnan(value);
    need(nan || std::memcmp(&expected, &value, sizeof value) == 0, where + ": another value");
  } else {
    // The text of a whole number against the dtype's own, else a double in its range, truncated.
    bool fits = false;
    T expected{};
    if (number.whole && !number.word) {
      const char* first = number.plain.data();
      const char* last = first + number.plain.size();
      std::int64_t wide = 0;
      const auto [stop, error] = std::from_chars(first, last, wide);
      fits = error == std::errc{} && wide >= std::int64_t{std::numeric_limits<T>::min()} &&
             wide <= std::int64_t{std::numeric_limits<T>::max()};
      if (fits) expected = static_cast<T>(wide);
    } else {
      const double whole = std::trunc(x);
      fits = x >= static_cast<double>(std::numeric_limits<T>::min()) &&
             x <= static_cast<double>(std::numeric_limits<T>::max()) && whole != 0x1p63 &&
             !(std::is_same_v<T, bool> && whole != x);
      if (fits) expected = static_cast<T>(whole);
    }
    need((parsed.status == NumberStatus::ok) == fits, where + (fits ? ": refused" : ": taken"));
    need(!fits || parsed.value == expected, where + ": another value");
  }
}

/// The digits of a number without its point, exponent and the zeros around them.
std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e'))) {
    if (is_digit(c)) digits += c;
  }
  digits.erase(0, digits.find_first_not_of('0'));
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits;
}

template <class T>
void check_format(std::string_view bytes) {
  T value{};
  if (bytes.size() < sizeof(T)) return;
  if constexpr (std::is_same_v<T, bool>) {
    value = (bytes[0] & 1) != 0;
  } else {
    std::memcpy(&value, bytes.data(), sizeof(T));
  }
  std::array<char, kNumberBytes> out;
  const std::string text(out.data(), format_number(out.data(), value));
  const std::string where = std::string(name(dtype_of<T>)) + " written '" + text + "'";
  need(text.size() <= 26, where + ": too long");
  const ParsedNumber<T> back =
      parse_number<T>(text.data(), text.data() + text.size(), NumberGrammar::csv);
  need(back.status == NumberStatus::ok && back.end == text.data() + text.size(),
       where + ": not read");
  if constexpr (is_floating<T>) {
    if (std::isnan(widen(value))) {
      need(text == "nan" && std::isnan(widen(back.value)), where + ": of NaN");
      return;
    }
  }
  need(std::memcmp(&value, &back.value, sizeof(T)) == 0, where + ": reads back as another value");
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    if (std::isinf(value)) return;
    std::array<char, 64> other;
    const auto end = std::to_chars(other.data(), other.data() + other.size(), value,
                                   std::chars_format::scientific)
                         .ptr;
    const std::string fewest = digits_of({other.data(), end});
    // A float is read by way of a double, which may take a digit more.
    const bool by_double = static_cast<T>(std::strtod(other.data(), nullptr)) == value;
    if (by_double) need(digits_of(text) == fewest, where + ": the fewest digits are " + fewest);
  }
}

/// A run is what single numbers are, as far as it goes.
template <class T>
void check_runs(std::string_view text, NumberGrammar grammar, char decimal) {
  const bool json = grammar == NumberGrammar::json;
  const Dialect dialect{
      .grammar = grammar, .delimiter = decimal == ',' ? ';' : ',', .point = decimal, .fields = 3};
  const std::string where = "a run of " + std::string(name(dtype_of<T>)) + " in '" + escaped(text);
  const std::unique_ptr<T[]> room_for_values(new T[text.size() + 64]);
  std::span<T> values(room_for_values.get(), text.size() + 64);
  const char* p = text.data();
  const char* const last = p + text.size();
  const auto run = read_numbers<T>(p, last, dialect, 1, values);
  values = values.first(run.count);
  for (std::size_t i = 0; i < run.count; ++i) {
    while (p != last && (*p == ' ' || *p == (json ? '\n' : '\t'))) ++p;
    const ParsedNumber<T> number = parse_number<T>(p, last, grammar, decimal);
    need(
        number.status == NumberStatus::ok && std::memcmp(&number.value, &values[i], sizeof(T)) == 0,
        where + ": another value");
    p = number.end;
    if (json && run.closed && i + 1 == run.count) {
      need(p == run.end && *p == ']', where + ": another bracket");
      break;
    }
    const bool ends_row = !json && (i + 2) % 3 == 0;
    if (ends_row && p != last && *p == '\r') ++p;
    need(p != last && *p++ == (ends_row ? '\n' : dialect.delimiter), where + ": another gap");
  }
  need(run.count == 0 || p <= run.end || run.closed, where + ": another end");

  std::vector<char> room(values.size() * kRunBytes);
  const char* const end = write_numbers<T>(room.data(), values, {", ", "],[", 3}, 1);
  std::string expected;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::array<char, kNumberBytes> out;
    expected.append(out.data(), format_number(out.data(), values[i]));
    expected += (i + 2) % 3 == 0 ? "],[" : ", ";
  }
  need(std::string_view(room.data(), static_cast<std::size_t>(end - room.data())) == expected,
       where + ": written otherwise");
}

void run(std::string_view text) {
  Settings settings(text);
  const std::size_t choice = settings.below(3);
  const NumberGrammar grammar = choice == 0 ? NumberGrammar::json : NumberGrammar::csv;
  const char decimal = choice == 2 ? ',' : '.';
  // Copied to where an address sanitizer sees a step beyond; and with neighbours, as in a table.
  const std::vector<char> copy(text.begin(), text.end());
  const std::string_view number(copy.data(), copy.size());
  const std::string among = std::string(text) + ",1234567890123456789,-2.5e-3\n";
  const std::string_view comma = decimal == ',' ? ";" : ",";
  std::string many(text), rows(text);
  for (int i = 0; i < 12; ++i) many += (i % 3 == 1 ? "\n" : comma), many += text;
  for (int i = 0; i < 20; ++i)
    rows += (i % 3 == 1 ? "\n" : comma), rows += i % 7 == 3 ? text : "-0.25";
  for (const DType dtype :
       {DType::float16, DType::bfloat16, DType::float32, DType::float64, DType::int8, DType::int16,
        DType::int32, DType::int64, DType::uint8, DType::boolean}) {
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (!is_wide_unsigned<T>) {  // as which no text is read
        check_parse<T>(number, grammar, decimal);
        check_parse<T>(among, grammar, decimal);
        check_format<T>(number);
        check_runs<T>(many, grammar, decimal);
        check_runs<T>(rows, grammar, decimal);
      }
    });
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
