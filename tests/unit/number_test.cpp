#include "number/number.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "golden.hpp"
#include "half.hpp"

namespace rectify {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr auto kJson = NumberGrammar::json;
constexpr auto kCsv = NumberGrammar::csv;
constexpr auto kOk = NumberStatus::ok;
constexpr auto kNotANumber = NumberStatus::not_a_number;
constexpr auto kOutOfRange = NumberStatus::out_of_range;
constexpr auto kTooLarge = NumberStatus::too_large;

/// What parse_number() says of `text`, which lies in memory of exactly its size, so that the
/// address sanitizer sees a read beyond it; the end is given as the number of characters.
template <class T>
struct Parsed {
  T value;
  std::size_t length;
  NumberStatus status;
};

template <class T>
Parsed<T> parsed(std::string_view text, NumberGrammar grammar, char decimal = '.') {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  std::copy(text.begin(), text.end(), exact.get());
  const char* first = exact.get();
  const auto number = parse_number<T>(first, first + text.size(), grammar, decimal);
  return {number.value, static_cast<std::size_t>(number.end - first), number.status};
}

/// The bits of a floating-point value, zero-extended.
template <class T>
std::uint64_t bits_of(T value) {
  if constexpr (sizeof(T) == 2) return std::bit_cast<std::uint16_t>(value);
  if constexpr (sizeof(T) == 4) return std::bit_cast<std::uint32_t>(value);
  if constexpr (sizeof(T) == 8) return std::bit_cast<std::uint64_t>(value);
}

template <class T>
T from_bits(std::uint64_t bits) {
  if constexpr (sizeof(T) == 2) return std::bit_cast<T>(static_cast<std::uint16_t>(bits));
  if constexpr (sizeof(T) == 4) return std::bit_cast<T>(static_cast<std::uint32_t>(bits));
  if constexpr (sizeof(T) == 8) return std::bit_cast<T>(bits);
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || bits_of(a) == bits_of(b);
}

/// The value of all of `text`, which must be a number.
template <class T>
T value_of(std::string_view text, NumberGrammar grammar = kCsv) {
  const auto number = parse_number<T>(text.data(), text.data() + text.size(), grammar);
  if (number.status != kOk || number.end != text.data() + text.size()) {
    FAIL("not read to its end: " << text);
  }
  return number.value;
}

/// What format_number() writes, having checked that it kept to its room.
template <class T>
std::string formatted(T value) {
  std::array<char, kNumberBytes + 1> room;
  room.back() = '#';
  const char* end = format_number(room.data(), value);
  REQUIRE(room.back() == '#');
  return std::string(room.data(), static_cast<std::size_t>(end - room.data()));
}

/// The nearest double by the standard library; infinity and zero beyond its range.
double oracle(std::string_view text) {
  double value = 0;
  std::string_view magnitude = text;
  const bool negative = magnitude.starts_with('-');
  if (negative) magnitude.remove_prefix(1);
  const char* end = magnitude.data() + magnitude.size();
  if (std::from_chars(magnitude.data(), end, value).ec == std::errc::result_out_of_range) {
    value = std::strtod(std::string(magnitude).c_str(), nullptr);
  }
  return negative ? -value : value;
}

void check_as_oracle(const std::string& text) {
  CAPTURE(text);
  const double expected = oracle(text);
  if (!same(value_of<double>(text), expected)) CHECK(value_of<double>(text) == expected);
}

/// The significant digits of a number's text: "0.00120" has two.
std::size_t count_digits(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e'))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  digits.erase(0, digits.find_first_not_of('0'));
  return digits.find_last_not_of('0') + 1;
}

template <class T>
std::string shortest_scientific(T value) {
  std::array<char, 64> room;
  const auto end =
      std::to_chars(room.data(), room.data() + room.size(), value, std::chars_format::scientific);
  return {room.data(), end.ptr};
}

// ---- Grammars

struct GrammarRow {
  const char* text;
  NumberStatus status;
  std::size_t length;
  double value;
  std::string_view why;
};

void check_grammar(const GrammarRow& row, NumberGrammar grammar, char decimal = '.') {
  CAPTURE(row.text);
  CAPTURE(row.why);
  const auto number = parsed<double>(row.text, grammar, decimal);
  CHECK(number.status == row.status);
  CHECK(number.length == row.length);
  if (row.status == kOk && !same(number.value, row.value)) CHECK(number.value == row.value);
}

TEST_CASE("JSON numbers follow RFC 8259, and Python's names of the non-finite") {
  static constexpr GrammarRow kRows[] = {
      {"", kNotANumber, 0, 0, "empty"},
      {"0", kOk, 1, 0.0, "zero"},
      {"-0", kOk, 2, 0.0, "the integer 0 in Python"},
      {"-0.0", kOk, 4, -0.0, "a float"},
      {"-0e0", kOk, 4, -0.0, "a float"},
      {"-0E-5", kOk, 5, -0.0, "a float"},
      {"12", kOk, 2, 12, "integer"},
      {"-12.5e-1", kOk, 8, -1.25, "all parts"},
      {"1E+2", kOk, 4, 100, "capital, plus"},
      {"1e05", kOk, 4, 1e5, "exponents may have leading zeros"},
      {"01", kOk, 1, 0, "no leading zeros: 0, then garbage"},
      {"-01", kOk, 2, 0, "no leading zeros: -0, then garbage"},
      {"00", kOk, 1, 0, "no leading zeros"},
      {"0000000012345678", kOk, 1, 0, "no leading zeros, in whole words"},
      {"0.5", kOk, 3, 0.5, "a zero before the point is no leading zero"},
      {"1.", kNotANumber, 0, 0, "digits after the point"},
      {"1.e5", kNotANumber, 0, 0, "digits after the point"},
      {".5", kNotANumber, 0, 0, "digits before the point"},
      {"-.5", kNotANumber, 0, 0, "digits before the point"},
      {"+1", kNotANumber, 0, 0, "no plus"},
      {"-", kNotANumber, 0, 0, "a sign alone"},
      {"--1", kNotANumber, 0, 0, "two signs"},
      {"- 1", kNotANumber, 0, 0, "a blank within"},
      {"1e", kNotANumber, 0, 0, "an exponent without digits"},
      {"1e+", kNotANumber, 0, 0, "an exponent without digits"},
      {"1e-,", kNotANumber, 0, 0, "an exponent without digits"},
      {"1.5e]", kNotANumber, 0, 0, "an exponent without digits"},
      {"1e5.5", kOk, 3, 1e5, "an exponent is an integer"},
      {"1,2", kOk, 1, 1, "what follows is the caller's"},
      {"12345678]", kOk, 8, 12345678, "a whole word, then something else"},
      {"1234567 ", kOk, 7, 1234567, "less than a word"},
      {"0x10", kOk, 1, 0, "no hexadecimal"},
      {"1_000", kOk, 1, 1, "no underscores"},
      {"null", kNotANumber, 0, 0, "the caller's"},
      {"true", kNotANumber, 0, 0, "no number"},
      {"NaN", kOk, 3, kNaN, "as Python writes it"},
      {"Infinity", kOk, 8, kInfinity, "as Python writes it"},
      {"-Infinity", kOk, 9, -kInfinity, "as Python writes it"},
      {"-NaN", kNotANumber, 0, 0, "Python neither writes nor reads it"},
      {"+Infinity", kNotANumber, 0, 0, "no plus"},
      {"nan", kNotANumber, 0, 0, "exactly as written"},
      {"NAN", kNotANumber, 0, 0, "exactly as written"},
      {"inf", kNotANumber, 0, 0, "exactly as written"},
      {"infinity", kNotANumber, 0, 0, "exactly as written"},
      {"Infinit", kNotANumber, 0, 0, "cut off"},
      {"Na", kNotANumber, 0, 0, "cut off"},
      {"1e400", kOk, 5, kInfinity, "a float beyond doubles"},
      {"-1e400", kOk, 6, -kInfinity, "a float beyond doubles"},
      {"-1e-400", kOk, 7, -0.0, "a float below doubles"},
      {"\xEF\xBC\x91", kNotANumber, 0, 0, "a fullwidth 1"},
      {"1\xEF\xBC\x91", kOk, 1, 1, "bytes above 127 are no digits"},
      {"123\xBA\xFF\x80\x00x", kOk, 3, 123, "nor do they carry into digits"},
  };
  for (const GrammarRow& row : kRows) check_grammar(row, kJson);
  check_grammar({"1,5", kOk, 1, 1, "the decimal point is a point"}, kJson, ',');
}

TEST_CASE("CSV numbers are what people write") {
  static constexpr GrammarRow kRows[] = {
      {"", kNotANumber, 0, 0, "empty"},
      {"0", kOk, 1, 0.0, "zero"},
      {"-0", kOk, 2, -0.0, "a float, unlike JSON's"},
      {"+0", kOk, 2, 0.0, "plus"},
      {"007", kOk, 3, 7, "leading zeros"},
      {"-007.50", kOk, 7, -7.5, "leading and trailing zeros"},
      {".5", kOk, 2, 0.5, "nothing before the point"},
      {"5.", kOk, 2, 5, "nothing after the point"},
      {"+.5", kOk, 3, 0.5, "nothing before the point"},
      {"5.e1", kOk, 4, 50, "nothing after the point"},
      {".5E-1", kOk, 5, 0.05, "nothing before the point"},
      {".", kNotANumber, 0, 0, "no digit"},
      {"-.", kNotANumber, 0, 0, "no digit"},
      {".e5", kNotANumber, 0, 0, "no digit"},
      {"e5", kNotANumber, 0, 0, "no digit"},
      {"-", kNotANumber, 0, 0, "a sign alone"},
      {"+", kNotANumber, 0, 0, "a sign alone"},
      {"+-3", kNotANumber, 0, 0, "two signs"},
      {"--3", kNotANumber, 0, 0, "two signs"},
      {"1e", kOk, 1, 1, "the longest number is 1"},
      {"1e+", kOk, 1, 1, "the longest number is 1"},
      {"1.5E-x", kOk, 3, 1.5, "the longest number is 1.5"},
      {"1e5e5", kOk, 3, 1e5, "one exponent"},
      {"1.2.3", kOk, 3, 1.2, "one point"},
      {"1e1.5", kOk, 3, 10, "an exponent is an integer"},
      {"0x10", kOk, 1, 0, "no hexadecimal"},
      {"1_000", kOk, 1, 1, "no underscores"},
      {"1,5", kOk, 1, 1, "no thousands"},
      {"1 2", kOk, 1, 1, "a blank ends it"},
      {" 1", kNotANumber, 0, 0, "blanks are the caller's to skip"},
      {"nan", kOk, 3, kNaN, "in any case"},
      {"NaN", kOk, 3, kNaN, "in any case"},
      {"-NAN", kOk, 4, kNaN, "with a sign"},
      {"+nan", kOk, 4, kNaN, "with a sign"},
      {"inf", kOk, 3, kInfinity, "in any case"},
      {"+InF", kOk, 4, kInfinity, "in any case"},
      {"-inf", kOk, 4, -kInfinity, "with a sign"},
      {"INFINITY", kOk, 8, kInfinity, "in any case"},
      {"-Infinity", kOk, 9, -kInfinity, "with a sign"},
      {"infinit", kOk, 3, kInfinity, "the longest is inf"},
      {"nano", kOk, 3, kNaN, "what follows is the caller's"},
      {"na", kNotANumber, 0, 0, "n/a is for --missing"},
      {"i", kNotANumber, 0, 0, "cut off"},
      {"1e400", kOk, 5, kInfinity, "beyond doubles"},
      {"-1e-400", kOk, 7, -0.0, "below doubles"},
  };
  for (const GrammarRow& row : kRows) check_grammar(row, kCsv);
}

TEST_CASE("a decimal comma takes the place of the point") {
  static constexpr GrammarRow kRows[] = {
      {"1,5", kOk, 3, 1.5, "comma"},
      {"-,25e1", kOk, 6, -2.5, "nothing before it"},
      {"1.5", kOk, 1, 1, "a point means nothing then"},
      {"3,", kOk, 2, 3, "nothing after it"},
      {",", kNotANumber, 0, 0, "no digit"},
      {"0,1000000000000000055511151231257827", kOk, 36, 0.1, "more than 19 digits"},
      // Half a unit above 1, and a digit more: all of the digits must be looked at.
      {"1,000000000000000111022302462515654042363166809082031250", kOk, 56, 1.0, "tie"},
      {"1,000000000000000111022302462515654042363166809082031251", kOk, 56, 1.0000000000000002,
       "above a tie"},
  };
  for (const GrammarRow& row : kRows) check_grammar(row, kCsv, ',');
}

TEST_CASE("a number ends where the text does, at any offset in a word") {
  const std::string text = "12345.678901234e-12";
  for (std::size_t length = 1; length <= text.size(); ++length) {
    CAPTURE(length);
    const std::string prefix = text.substr(0, length);
    const auto number = parsed<double>(prefix, kCsv);
    CHECK(number.status == kOk);
    CHECK(number.length <= length);
    CHECK(same(number.value, std::strtod(prefix.c_str(), nullptr)));
  }
}

// ---- Values

TEST_CASE("exponents and digits of any length are read in linear time") {
  struct Row {
    std::string text;
    double value;
  };
  const std::string zeros(100000, '0');
  const std::string nines(100000, '9');
  const Row rows[] = {
      {"0.4e00669999999999999999999999999999999999", kInfinity},
      {"-0.4e-00669999999999999999999999999999999999", -0.0},
      {"0e99999999999999999999999999999999999", 0.0},
      {"0.000e99999999999999999999999999999999999", 0.0},
      {"1" + zeros + "e-100000", 1.0},
      {"0." + zeros + "1e100001", 1.0},
      {"0." + zeros + "1e100000", 0.1},
      {"0." + zeros + "1", 0.0},
      {"1" + zeros + ".0", kInfinity},
      {"0." + nines, 1.0},
      {nines + "e-100000", 1.0},
      {"1." + zeros + "1", 1.0},
      {"9007199254740993." + zeros, 9007199254740992.0},
      {"9007199254740993." + zeros + "1", 9007199254740994.0},
      {"9007199254740992." + nines, 9007199254740992.0},
      {zeros + "123.5", 123.5},
      {zeros + "." + zeros + "e" + nines, 0.0},
  };
  for (const Row& row : rows) {
    const std::string text = row.text.substr(0, 60);
    CAPTURE(text);
    CHECK(same(value_of<double>(row.text), row.value));
    CHECK(same(value_of<double>("-" + row.text.substr(row.text[0] == '-' ? 1 : 0)),
               -std::fabs(row.value)));
  }
}

TEST_CASE("hard doubles are read as the standard library reads them") {
  const char* const texts[] = {
      "2.2250738585072011e-308",  // the one that hung PHP and Java
      "2.2250738585072014e-308",
      "2.2250738585072012e-308",
      "4.9406564584124654e-324",
      "2.4703282292062327e-324",  // just below half of the smallest subnormal
      "2.4703282292062328e-324",
      "1.7976931348623157e308",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "9007199254740993",
      "9007199254740993.0000000000000000000000001",
      "9007199254740995",
      "7.2057594037927933e16",
      "1e23",
      "8.5e22",
      "9.5e-22",
      "6.9294956446009195e15",
      "3.7455744005952583e15",
      "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
      "1448997445238699",
      "104110013277974872254e-225",
      "45035996273704985e-1",
      "45035996273704995e-1",
      "5e-324",
      "18446744073709551615",
      "18446744073709551616",
      "99999999999999999999",
      "100000000000000000000",
      "1234567890123456789e-342",
      "9999999999999999999e-343",
      "1e-342",
      "1e308",
      "17976931348623157e292",
      "1e309",
  };
  for (const char* text : texts) check_as_oracle(text);
}

TEST_CASE("random decimals are read as the standard library reads them") {
  std::mt19937_64 random(1);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  for (int i = 0; i < 1000000; ++i) {
    std::string text = below(2) == 0 ? "-" : "";
    const auto digits = 1 + below(i % 16 == 0 ? 40 : 20);
    const auto point = below(digits);
    for (std::uint64_t place = 0; place < digits; ++place) {
      if (place == point && place > 0) text += '.';
      text += static_cast<char>('0' + below(10));
    }
    if (below(2) == 0) text += "e" + std::to_string(static_cast<int>(below(700)) - 360);
    check_as_oracle(text);
  }
}

TEST_CASE("ties between doubles go to the even one, however many digits tell") {
  std::mt19937_64 random(2);
  std::array<char, 1200> room;
  for (int i = 0; i < 20000; ++i) {
    // The exact decimal of a double, subnormal in every fourth turn; with one digit more; cut off.
    const std::uint64_t mask = i % 4 == 0 ? 0x801FFFFFFFFFFFFF : ~std::uint64_t{0};
    const double value = std::fabs(from_bits<double>(random() & mask));
    if (!(value < 1e308)) continue;
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value,
                                   std::chars_format::scientific, 780);
    const std::string exact(room.data(), end.ptr);
    const std::size_t e = exact.find('e');
    check_as_oracle(exact);
    check_as_oracle(exact.substr(0, e) + "1" + exact.substr(e));
    check_as_oracle(exact.substr(0, 20 + random() % 700) + exact.substr(e));
    // An odd integer of 54 bits is halfway between two doubles.
    const std::uint64_t odd = (std::uint64_t{1} << 53 | random() >> 11) | 1;
    const std::string halfway = std::to_string(odd);
    for (const char* tail :
         {"", ".0", ".00000000000000000000000000001", "e0", "0e-1", "000000e10"}) {
      check_as_oracle(halfway + tail);
    }
    // The same halved up to four times, which still fits 64 bits as an integer times 10^-n.
    std::uint64_t fives = 5;
    for (int n = 1; n <= 4; ++n, fives *= 5) {
      check_as_oracle(std::to_string(odd * fives) + "e-" + std::to_string(n));
      check_as_oracle(std::to_string(odd * fives + 1) + "e-" + std::to_string(n));
    }
    check_as_oracle(std::to_string(odd - 1) + ".99999999999999999999999");
    check_as_oracle(shortest_scientific(static_cast<double>(odd) * 0x1p-200) + "5");
  }
}

TEST_CASE("a tie with infinity is infinite, a tie with zero is zero") {
  // Half a unit beyond the largest double, and half of the smallest: the even neighbour is further
  // out. IEEE 754, section 4.3.1.
  std::array<char, 1200> room;
  const auto exact = [&](long double value) {
    std::snprintf(room.data(), room.size(), "%.800Le", value);
    return std::string(room.data());
  };
  const std::string beyond = exact(std::ldexp(1.0L, 1024) - std::ldexp(1.0L, 970));
  const std::string half = exact(std::ldexp(1.0L, -1075));
  const auto nudged = [](const std::string& text, const char* digit) {
    const std::size_t e = text.find('e');
    return text.substr(0, e) + digit + text.substr(e);
  };
  CHECK(value_of<double>(beyond) == kInfinity);
  CHECK(value_of<double>(nudged(beyond, "1")) == kInfinity);
  CHECK(same(value_of<double>("-" + beyond), -kInfinity));
  CHECK(value_of<double>(exact(std::ldexp(1.0L, 1024) - std::ldexp(1.0L, 969) * 3)) ==
        std::numeric_limits<double>::max());
  CHECK(same(value_of<double>(half), 0.0));
  CHECK(same(value_of<double>("-" + half), -0.0));
  CHECK(value_of<double>(nudged(half, "1")) == std::numeric_limits<double>::denorm_min());
}

TEST_CASE("every shortest text of a double is read back") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000000; ++i) {
    const double value = from_bits<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = shortest_scientific(value);
    if (!same(value_of<double>(text), value)) CHECK(text == "read back");
  }
}

TEST_CASE("narrow dtypes are rounded by way of a double, and 16 bits of a float32 as well") {
  CHECK(value_of<float>("1.000000059604644775390626") == 1.0f);
  CHECK(value_of<float>("9007199791611905") == 0x1p53f);
  CHECK(bits_of(value_of<float>("7.038531e-26")) == 0x15AE43FE);
  CHECK(std::isinf(value_of<float>("3.4028235677973366e38")));
  CHECK(value_of<float>("3.4028235677973362e38") == std::numeric_limits<float>::max());
  CHECK(bits_of(value_of<float16>("65519.99999999999")) == 0x7C00);
  CHECK(bits_of(value_of<float16>("65519.99")) == 0x7BFF);
  CHECK(bits_of(value_of<float16>("1.00048828125090949")) == 0x3C00);
  CHECK(bits_of(value_of<bfloat16>("1.0039062500009095")) == 0x3F80);
  CHECK(bits_of(value_of<bfloat16>("1e-40")) == 0x0001);
  CHECK(bits_of(value_of<float16>("-1e-8")) == 0x8000);
}

TEST_CASE("a JSON integer that no double holds is too large, in CSV it is infinite") {
  const std::string huge = "1" + std::string(400, '0');
  // The least integers to overflow, and not to: halfway between the largest double and 2^1024.
  std::array<char, 400> room;
  const auto end = std::to_chars(room.data(), room.data() + room.size(),
                                 std::numeric_limits<double>::max(), std::chars_format::fixed, 0);
  const std::string largest(room.data(), end.ptr);
  const auto check = [&]<class T>(std::type_identity<T>) {
    CHECK(parsed<T>(huge, kJson).status == kTooLarge);
    CHECK(parsed<T>(huge, kJson).length == huge.size());
    CHECK(parsed<T>("-" + huge, kJson).status == kTooLarge);
    CHECK(parsed<T>(huge + ".0", kJson).status == kOk);
    CHECK(parsed<T>(huge + "e0", kJson).status == kOk);
    CHECK(std::isinf(widen(parsed<T>(huge, kCsv).value)));
    CHECK(parsed<T>(huge, kCsv).status == kOk);
    CHECK(parsed<T>(largest, kJson).status == kOk);
  };
  check(std::type_identity<float16>{});
  check(std::type_identity<bfloat16>{});
  check(std::type_identity<float>{});
  check(std::type_identity<double>{});
  CHECK(parsed<double>(largest, kJson).value == std::numeric_limits<double>::max());
}

struct IntegerRow {
  const char* text;
  NumberStatus status;
  std::int64_t value;
};

template <class T>
void check_integers(const std::vector<IntegerRow>& rows) {
  for (const IntegerRow& row : rows) {
    CAPTURE(row.text);
    CAPTURE(name(dtype_of<T>));
    for (const NumberGrammar grammar : {kJson, kCsv}) {
      const auto number = parsed<T>(row.text, grammar);
      CHECK(number.status == row.status);
      if (number.status != kNotANumber) CHECK(number.length == std::strlen(row.text));
      if (row.status == kOk) CHECK(static_cast<std::int64_t>(number.value) == row.value);
    }
  }
}

TEST_CASE("integer dtypes hold integers exactly and truncate the rest by way of a double") {
  check_integers<std::int8_t>({{"127", kOk, 127},
                               {"-128", kOk, -128},
                               {"128", kOutOfRange, 0},
                               {"-129", kOutOfRange, 0},
                               {"127.9", kOk, 127},
                               {"-128.9", kOk, -128},
                               {"128.0", kOutOfRange, 0},
                               {"-0", kOk, 0},
                               {"-0.9", kOk, 0},
                               {"1e2", kOk, 100},
                               {"1e3", kOutOfRange, 0},
                               {"12700e-2", kOk, 127}});
  check_integers<std::uint8_t>({{"255", kOk, 255},
                                {"256", kOutOfRange, 0},
                                {"-1", kOutOfRange, 0},
                                {"-0", kOk, 0},
                                {"-0.5", kOk, 0},
                                {"-1.0", kOutOfRange, 0},
                                {"255.99", kOk, 255}});
  check_integers<std::uint16_t>({{"65535", kOk, 65535}, {"65536", kOutOfRange, 0}});
  check_integers<std::uint32_t>({{"4294967295", kOk, 4294967295}, {"4294967296", kOutOfRange, 0}});
  check_integers<std::uint64_t>(
      {{"18446744073709551615", kOk, -1},  // the same bits
       {"9223372036854775808", kOk, std::numeric_limits<std::int64_t>::min()},
       {"18446744073709551616", kOutOfRange, 0},
       {"-1", kOutOfRange, 0}});
  check_integers<std::int16_t>({{"32767", kOk, 32767}, {"-32769", kOutOfRange, 0}});
  check_integers<std::int32_t>({{"-2147483648", kOk, -2147483648},
                                {"2147483648", kOutOfRange, 0},
                                {"2147483647.5", kOk, 2147483647},
                                {"1e10", kOutOfRange, 0}});
  check_integers<std::int64_t>(
      {{"9223372036854775807", kOk, std::numeric_limits<std::int64_t>::max()},
       {"-9223372036854775808", kOk, std::numeric_limits<std::int64_t>::min()},
       {"9223372036854775808", kOutOfRange, 0},
       {"-9223372036854775809", kOutOfRange, 0},
       {"18446744073709551616", kOutOfRange, 0},
       {"18446744073709551617", kOutOfRange, 0},
       {"99999999999999999999999999", kOutOfRange, 0},
       {"9007199254740993", kOk, 9007199254740993},
       {"9007199254740993.0", kOk, 9007199254740992},
       {"9.223372036854775807e18", kOutOfRange, 0},
       {"-9.223372036854775808e18", kOk, std::numeric_limits<std::int64_t>::min()},
       {"1e-400", kOk, 0},
       {"1e400", kOutOfRange, 0},
       {"NaN", kOutOfRange, 0},
       {"-Infinity", kOutOfRange, 0}});
  check_integers<bool>({{"0", kOk, 0},
                        {"1", kOk, 1},
                        {"1.0", kOk, 1},
                        {"10e-1", kOk, 1},
                        {"-0", kOk, 0},
                        {"2", kOutOfRange, 0},
                        {"-1", kOutOfRange, 0},
                        {"0.5", kOutOfRange, 0},
                        {"1e400", kOutOfRange, 0},
                        {"NaN", kOutOfRange, 0}});
  CHECK(parsed<std::int64_t>("0000000000000000000000000000042", kCsv).value == 42);
  CHECK(parsed<std::int64_t>("x", kCsv).status == kNotANumber);
}

TEST_CASE("flat literals become the numbers torch.Tensor made of them") {
  std::size_t checked = 0;
  for (const nlohmann::json& record : golden("literal.jsonl")) {
    const auto json = record.at("json").get<std::string>();
    if (json.find_first_of("[", 1) != std::string::npos || json.find_first_of("]") == 1) continue;
    CAPTURE(json);
    const DType dtype = dtype_of_record(record);
    const std::string error = record.value("error", "");
    std::string output;
    bool bad = false;
    std::istringstream numbers(json[0] == '[' ? json.substr(1, json.size() - 2) : json);
    for (std::string text; std::getline(numbers, text, ',');) {
      dispatch(dtype, [&]<class T>(std::type_identity<T>) {
        const auto number = parsed<T>(text, kJson);
        CHECK(number.length == text.size());
        bad = bad || number.status != kOk;
        std::array<unsigned char, sizeof(T)> bytes;
        std::memcpy(bytes.data(), &number.value, sizeof(T));
        for (const unsigned char byte : bytes) {
          output += "0123456789abcdef"[byte >> 4];
          output += "0123456789abcdef"[byte & 15];
        }
      });
    }
    CHECK(bad == !error.empty());
    if (error.empty()) CHECK(output == record.at("output").get<std::string>());
    ++checked;
  }
  CHECK(checked > 200);
}

TEST_CASE("the public number suite is read to the bit") {
  const std::string folder = RECTIFY_TESTS_DIR "/../../shared/conformance/numbers/";
  std::size_t lines = 0;
  for (const char* file :
       {"exhaustive-float16.txt", "freetype-2-7.txt", "google-wuffs.txt", "lemire-fast-float.txt",
        "more-test-cases.txt", "tencent-rapidjson.txt"}) {
    std::ifstream in(folder + file);
    std::string half, single, text;
    std::string wide;
    for (; in >> half >> single >> wide >> text; ++lines) {
      CAPTURE(file);
      CAPTURE(text);
      const std::uint64_t bits = std::strtoull(wide.c_str(), nullptr, 16);
      const auto narrowed = static_cast<float>(from_bits<double>(bits));
      CHECK(bits_of(value_of<double>(text)) == bits);
      CHECK(bits_of(value_of<float>(text)) == bits_of(narrowed));
      CHECK(bits_of(value_of<float16>(text)) == bits_of(to_float16(narrowed)));
      CHECK(bits_of(value_of<bfloat16>(text)) == bits_of(to_bfloat16(narrowed)));
    }
  }
  if (lines == 0) {
    MESSAGE("skipped: the public number suite is not beside the project");
  } else {
    CHECK(lines == 10120);
  }
}

// ---- Writing

TEST_CASE("numbers are laid out as NumPy's scalars are") {
  struct Row {
    double value;
    const char* float64;
    const char* float32;
  };
  static constexpr Row kRows[] = {
      {0.0, "0.0", "0.0"},
      {-0.0, "-0.0", "-0.0"},
      {2.0, "2.0", "2.0"},
      {-1.6, "-1.6", "-1.6"},
      {0.1, "0.1", "0.1"},
      {1e-5, "1e-05", "1e-05"},
      {1.5e-7, "1.5e-07", "1.5e-07"},
      {1e-4, "0.0001", "1e-04"},  // the nearest float32 lies below 1e-4
      {0.00012345, "0.00012345", "0.00012345"},
      {123456789.0, "123456789.0", "123456790.0"},
      {1e15, "1000000000000000.0", "1000000000000000.0"},
      {9007199254740993.0, "9007199254740992.0", "9007199000000000.0"},
      {9999999999999998.0, "9999999999999998.0", "1e+16"},
      {1e16, "1e+16", "1e+16"},
      {1.5e16, "1.5e+16", "1.5e+16"},
      {-1e22, "-1e+22", "-1e+22"},
      {1.7976931348623157e308, "1.7976931348623157e+308", "inf"},
      {5e-324, "5e-324", "0.0"},
      {1.401298464324817e-45, "1.401298464324817e-45", "1e-45"},
      {kInfinity, "inf", "inf"},
      {-kInfinity, "-inf", "-inf"},
      {kNaN, "nan", "nan"},
  };
  for (const Row& row : kRows) {
    CHECK(formatted(row.value) == row.float64);
    CHECK(formatted(static_cast<float>(row.value)) == row.float32);
  }
  CHECK(formatted(-std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(formatted(float16{0x7BFF}) == "65500.0");
  CHECK(formatted(float16{0x0001}) == "6e-08");
  CHECK(formatted(float16{0xFC00}) == "-inf");
  CHECK(formatted(bfloat16{0x3F80}) == "1.0");
  CHECK(formatted(bfloat16{0x3DCD}) == "0.1");
  CHECK(formatted(bfloat16{0x7F7F}) == "3.39e+38");
  CHECK(formatted(bfloat16{0x7FC0}) == "nan");
}

TEST_CASE("integers and booleans are written without a point") {
  CHECK(formatted(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(formatted(std::int8_t{-128}) == "-128");
  CHECK(formatted(std::uint8_t{255}) == "255");
  CHECK(formatted(std::int32_t{0}) == "0");
  CHECK(formatted(true) == "1");
  CHECK(formatted(false) == "0");
}

TEST_CASE("texts recorded from NumPy are written to the byte") {
  std::ifstream in(RECTIFY_TESTS_DIR "/unit/numpy_texts.tsv");
  std::size_t rows = 0;
  std::string dtype, hex, text;
  for (; in >> dtype >> hex >> text; ++rows) {
    CAPTURE(dtype);
    CAPTURE(hex);
    dispatch(find_dtype(dtype).value(), [&]<class T>(std::type_identity<T>) {
      if constexpr (is_floating<T>) {
        CHECK(formatted(from_bits<T>(std::strtoull(hex.c_str(), nullptr, 16))) == text);
      }
    });
  }
  CHECK(rows > 2000);
}

TEST_CASE("float64 has the shortest digits, and the closest of those") {
  std::mt19937_64 random(4);
  const auto check = [](std::uint64_t bits) {
    const double value = from_bits<double>(bits);
    if (!std::isfinite(value)) return;
    const std::string text = formatted(value);
    const std::string shortest = shortest_scientific(value);
    if (!same(value_of<double>(text), value) || !same(oracle(text), value) ||
        count_digits(text) != count_digits(shortest) ||
        std::strtold(text.c_str(), nullptr) != std::strtold(shortest.c_str(), nullptr)) {
      CHECK(text == shortest);
    }
  };
  for (int i = 0; i < 500000; ++i) check(random());
  for (std::uint64_t exponent = 0; exponent < 2047; ++exponent) {
    for (std::uint64_t offset = 0; offset < 5; ++offset) check((exponent << 52) + offset - 2);
  }
  for (int i = 0; i < 200000; ++i) {
    check(bits_of(static_cast<double>(random() % 10000000) / 1000));
    check(bits_of(static_cast<double>(random() >> (random() % 64))));
  }
}

TEST_CASE("float32 whose shortest digits miss by way of a double get one more") {
  // There is this one, and its negative (tests/exhaustive).
  const auto value = from_bits<float>(0x15AE43FD);
  CHECK(shortest_scientific(value) == "7.038531e-26");
  CHECK(static_cast<float>(oracle("7.038531e-26")) != value);
  CHECK(formatted(value) == "7.0385307e-26");
  CHECK(formatted(-value) == "-7.0385307e-26");
}

/// All values of a 16-bit dtype: to text and back, and no text with fewer digits does.
template <class T>
void check_all_of() {
  CAPTURE(name(dtype_of<T>));
  std::array<char, 64> room;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto value = from_bits<T>(bits);
    const std::string text = formatted(value);
    if (std::isnan(widen(value))) {
      CHECK(text == "nan");
      continue;
    }
    CAPTURE(text);
    if (bits_of(value_of<T>(text)) != bits) CHECK(text == "read back");
    if (!std::isfinite(widen(value)) || widen(value) == 0) continue;
    if (bits_of(narrow<T>(static_cast<float>(oracle(text)))) != bits) CHECK(text == "by a double");
    const std::size_t digits = count_digits(text);
    CHECK(digits <= 5);
    if (digits == 1) continue;
    // The neighbours of the value among the decimals with one digit less: its exact digits cut off,
    // and that plus one in the last place.
    const auto end = std::to_chars(room.data(), room.data() + room.size(),
                                   std::fabs(static_cast<double>(widen(value))),
                                   std::chars_format::scientific, 40);
    const std::string exact(room.data(), end.ptr);
    std::string cut = exact.substr(0, 1) + exact.substr(2, digits - 2);
    const int exponent = std::atoi(exact.c_str() + exact.find('e') + 1);
    for (int step = 0; step < 2; ++step) {
      const std::string shorter = std::to_string(std::atoi(cut.c_str()) + step) + "e" +
                                  std::to_string(exponent - static_cast<int>(digits) + 2);
      if (bits_of(value_of<T>(shorter)) == (bits & 0x7FFF)) CHECK(text == shorter);
    }
  }
}

TEST_CASE("every float16 and bfloat16 reads back from the fewest digits") {
  check_all_of<float16>();
  check_all_of<bfloat16>();
}

}  // namespace
}  // namespace rectify
