// Text to values: eight characters at a time into a 64-bit significand and a power of ten, then
// Clinger's or Lemire's way to the nearest double.
//
//   W. D. Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990
//   D. Lemire, "Number Parsing at a Gigabyte per Second", Software: Practice and Experience 51,
//   2021
//   N. Mushtak, D. Lemire, "Fast Number Parsing Without Fallback", the same, 53, 2023
//
// Assumes the default rounding mode, as everything else here does.
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "dispatch.hpp"
#include "half.hpp"
#include "number/number.hpp"
#include "number/powers_of_ten.hpp"

namespace rectify {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr std::uint64_t high_half(uint128 x) { return static_cast<std::uint64_t>(x >> 64); }
constexpr std::uint64_t low_half(uint128 x) { return static_cast<std::uint64_t>(x); }

/// The first of eight characters in the lowest byte, whatever the machine's byte order.
std::uint64_t load(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  if constexpr (std::endian::native == std::endian::big) return __builtin_bswap64(word);
  return word;
}

constexpr std::uint64_t kZeros = 0x3030303030303030;  // "00000000"

/// The characters of a number, taken apart: (-1)^negative * significand * 10^exponent.
struct Literal {
  const char* end;     ///< one past the number
  const char* digits;  ///< the digits, with the point somewhere among them
  const char* digits_end;
  std::uint64_t significand;  ///< at most the first 19 digits that are not leading zeros
  std::int64_t exponent;
  bool negative;
  bool whole;      ///< neither a point nor an exponent was written
  bool truncated;  ///< there are more than 19; the value is less than (significand + 1) *
                   ///< 10^exponent
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The high bit of the first byte that is not a digit (and of some bytes after it), else 0.
constexpr std::uint64_t non_digits(std::uint64_t word) {
  // Adding 0x46 sets the bit from ':' on, subtracting '0' sets it below '0'. Carries and borrows
  // come from bytes that are themselves no digits, hence only reach bytes after the first such.
  return ((word + 0x4646464646464646) | (word - kZeros)) & 0x8080808080808080;
}

/// The number that eight digits (each byte 0 to 9) stand for: pairs, then fours, then all.
constexpr std::uint64_t combine_digits(std::uint64_t digits) {
  digits = digits * 10 + (digits >> 8);
  constexpr std::uint64_t kPairs = 0x000000FF000000FF;
  constexpr std::uint64_t kFirstAndThird = 100 + (std::uint64_t{1000000} << 32);
  constexpr std::uint64_t kSecondAndFourth = 1 + (std::uint64_t{10000} << 32);
  return ((digits & kPairs) * kFirstAndThird + ((digits >> 16) & kPairs) * kSecondAndFourth) >> 32;
}

/// Appends the digits from `p` on to `significand` (modulo 2^64) and returns their end. For the few
/// digits before a point: their end is known by prediction, before they are loaded.
const char* scan_digits(const char* p, const char* last, std::uint64_t& significand) {
  for (; p != last && is_digit(*p); ++p) {
    significand = significand * 10 + static_cast<std::uint64_t>(*p - '0');
  }
  return p;
}

/// The same for the many digits behind a point, whose number varies too much to be predicted.
/// Either way for both parts measured slower on normal variates.
const char* scan_many_digits(const char* p, const char* last, std::uint64_t& significand) {
  while (last - p >= 8) {
    const std::uint64_t word = load(p);
    const std::uint64_t stops = non_digits(word);
    if (stops != 0) {
      // Fewer than eight: shifted to the end of the word, behind zeros.
      const int count = std::countr_zero(stops) / 8;
      significand = significand * kTens[static_cast<std::size_t>(count)] +
                    combine_digits((word - kZeros) << (56 - 8 * count) << 8);
      return p + count;
    }
    significand = significand * 100000000 + combine_digits(word - kZeros);
    p += 8;
  }
  return scan_digits(p, last, significand);
}

/// Calls use(digit) for the digits of the number from its first nonzero one on, until it returns
/// false.
template <class Use>
void for_each_significant_digit(const Literal& number, Use&& use) {
  const char* p = number.digits;
  while (p != number.digits_end && !(*p >= '1' && *p <= '9')) ++p;
  for (; p != number.digits_end; ++p) {
    if (is_digit(*p) && !use(*p)) return;
  }
}

/// For numbers of more than 19 digits: keeps the first 19 that count. Without leading zeros there
/// may be fewer, and all is well as it is.
void keep_19_digits(Literal& number) {
  std::uint64_t significand = 0;
  std::int64_t count = 0;
  for_each_significant_digit(number, [&](char digit) {
    if (++count <= 19) significand = significand * 10 + static_cast<std::uint64_t>(digit - '0');
    return true;
  });
  if (count <= 19) return;
  number.significand = significand;
  number.exponent += count - 19;
  number.truncated = true;
}

/// Takes apart the number at the start of [first, last), the sign included. False if there is none;
/// NaN and infinities are not looked for.
template <NumberGrammar kGrammar>
bool scan(const char* first, const char* last, char point, Literal& number) {
  constexpr bool kJson = kGrammar == NumberGrammar::json;
  const char* p = first;
  number.negative = p != last && *p == '-';
  if (number.negative || (!kJson && p != last && *p == '+')) ++p;

  number.digits = p;
  number.significand = 0;
  number.exponent = 0;
  number.whole = true;
  number.truncated = false;
  p = scan_digits(p, last, number.significand);
  std::int64_t digits = p - number.digits;
  if (kJson && digits > 1 && *number.digits == '0') [[unlikely]] {
    p = number.digits + 1;  // RFC 8259: a leading zero stands alone
    digits = 1;
    number.significand = 0;
  }
  if (kJson && digits == 0) return false;
  if (p != last && *p == point) {
    const char* fraction = ++p;
    p = scan_many_digits(p, last, number.significand);
    if (kJson && p == fraction) return false;
    digits += p - fraction;
    number.exponent = fraction - p;
    number.whole = false;
  }
  if (!kJson && digits == 0) return false;
  number.digits_end = p;

  if (p != last && (*p == 'e' || *p == 'E')) {
    const char* e = p + 1;
    const bool negative = e != last && *e == '-';
    if (negative || (e != last && *e == '+')) ++e;
    if (e != last && is_digit(*e)) {
      // Far beyond what any text in memory can make up for with its digits, and far from overflow.
      constexpr std::int64_t kEnough = 100000000000000000;
      std::int64_t exponent = 0;
      for (; e != last && is_digit(*e); ++e) {
        if (exponent < kEnough) exponent = exponent * 10 + (*e - '0');
      }
      number.exponent += negative ? -exponent : exponent;
      number.whole = false;
      p = e;
    } else if (kJson) {
      return false;
    }
  }
  number.end = p;
  if (digits > 19) [[unlikely]] {
    keep_19_digits(number);
  }
  return true;
}

/// significand * 10^exponent rounded to the nearest double, ties to even.
double nearest_double(std::uint64_t significand, std::int64_t exponent) {
  // Clinger: both factors are doubles, so a single operation rounds once.
  static constexpr std::array<double, 23> kExactTens = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (significand <= std::uint64_t{1} << 53 && exponent >= -22 && exponent <= 22) {
    const auto exact = static_cast<double>(significand);
    if (exponent < 0) return exact / kExactTens[static_cast<std::size_t>(-exponent)];
    return exact * kExactTens[static_cast<std::size_t>(exponent)];
  }

  // Lemire: the leading 64 bits of the product, and only if those leave the rounding open (they end
  // in nine ones) 64 more, decide; Mushtak and Lemire prove that no case remains.
  if (significand == 0 || exponent < kSmallestPower) return 0.0;
  if (exponent > 308) return std::numeric_limits<double>::infinity();
  const int k = static_cast<int>(exponent);
  const int leading_zeros = std::countl_zero(significand);
  significand <<= leading_zeros;
  const PowerOfTen& power = power_of_ten(k);
  uint128 product = uint128{significand} * power.high;
  if ((high_half(product) & 0x1FF) == 0x1FF) {
    // The proof has the positive powers rounded down.
    const std::uint64_t low = power.low - (k > 55 ? 1 : 0);
    product += high_half(uint128{significand} * low);
  }
  const int carry = static_cast<int>(high_half(product) >> 63);
  std::uint64_t mantissa = high_half(product) >> (carry + 9);  // 53 bits and one to round by
  const int biased = floor_log2_power_of_ten(k) + 63 + carry - leading_zeros + 1023;
  if (biased <= 0) {  // subnormal; there are no ties so far down
    if (biased < -62) return 0.0;
    mantissa >>= 1 - biased;
    return std::bit_cast<double>((mantissa + 1) >> 1);
  }
  // A tie, which takes a product without further bits: 5^k must divide a 64-bit number, or fit.
  if (low_half(product) <= 1 && k >= -4 && k <= 23 && (mantissa & 3) == 1 &&
      mantissa << (carry + 9) == high_half(product)) {
    mantissa &= ~std::uint64_t{1};
  }
  // The leading one of the mantissa, or the carry of its rounding, increments the exponent.
  const std::uint64_t bits = (static_cast<std::uint64_t>(biased - 1) << 52) + ((mantissa + 1) >> 1);
  constexpr std::uint64_t kInfinity = std::uint64_t{0x7FF} << 52;
  return std::bit_cast<double>(bits < kInfinity ? bits : kInfinity);
}

/// The magnitude of a number whose first 19 digits do not tell which double is nearest. No double,
/// and no point halfway between two, has more than 767 significant digits, so what follows 800 of
/// them matters only as being nonzero.
[[gnu::noinline, gnu::cold]] double nearest_double_of_digits(const Literal& number) {
  constexpr std::size_t kEnough = 800;
  std::array<char, kEnough + 32> text;
  std::size_t kept = 0;
  std::int64_t adjusted = number.exponent + 19;  // the value is 0.ddd * 10^adjusted
  for_each_significant_digit(number, [&](char digit) {
    if (kept < kEnough) {
      text[kept++] = digit;
      return true;
    }
    if (digit == '0') return true;
    text[kept - 1] = '1';  // odd one out: above any tie, below the next
    return false;
  });
  char* end = text.data() + kept;
  *end++ = 'e';
  end =
      std::to_chars(end, text.data() + text.size(), adjusted - static_cast<std::int64_t>(kept)).ptr;
  double value = 0.0;
  const std::errc error = std::from_chars(text.data(), end, value).ec;
  if (error == std::errc::result_out_of_range) {
    value = adjusted > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  }
  return value;
}

double to_double(const Literal& number) {
  double magnitude = nearest_double(number.significand, number.exponent);
  if (number.truncated && magnitude != nearest_double(number.significand + 1, number.exponent)) {
    magnitude = nearest_double_of_digits(number);
  }
  return number.negative ? -magnitude : magnitude;
}

/// The value of a double in the integer dtype T, truncated; nothing of the sort for bool, where
/// torch takes any fraction as true and others would not.
template <class T>
NumberStatus truncate(double x, T& value) {
  constexpr auto kLowest = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double kBeyond =
      2.0 * static_cast<double>(std::uint64_t{1} << (std::numeric_limits<T>::digits - 1));
  const double whole = std::trunc(x);
  if (!(whole >= kLowest && whole < kBeyond)) return NumberStatus::out_of_range;
  if (std::is_same_v<T, bool> && whole != x) return NumberStatus::out_of_range;
  value = static_cast<T>(whole);
  return NumberStatus::ok;
}

/// A double in T's range of values.
template <class T>
NumberStatus convert(double x, T& value) {
  if constexpr (std::is_same_v<T, double>) {
    value = x;
  } else if constexpr (is_floating<T>) {
    value = narrow<T>(static_cast<float>(x));
  } else {
    return truncate(x, value);
  }
  return NumberStatus::ok;
}

/// An integer literal in the integer dtype T, exactly.
template <class T>
NumberStatus convert_exactly(const Literal& number, T& value) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (number.truncated && !number.negative) {  // which may have 20 digits
      const auto error = std::from_chars(number.digits, number.digits_end, value).ec;
      return error == std::errc{} ? NumberStatus::ok : NumberStatus::out_of_range;
    }
  }
  const std::uint64_t largest =
      number.negative ? std::uint64_t{0} - static_cast<std::uint64_t>(std::numeric_limits<T>::min())
                      : static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  if (number.truncated || number.significand > largest) return NumberStatus::out_of_range;
  value =
      static_cast<T>(number.negative ? std::uint64_t{0} - number.significand : number.significand);
  return NumberStatus::ok;
}

/// Moves `p` behind `name` if it stands there.
template <NumberGrammar kGrammar>
bool skip_name(const char*& p, const char* last, std::string_view name) {
  if (static_cast<std::size_t>(last - p) < name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    // For CSV in any case; no two characters but the cases of a letter differ in that bit and
    // become a letter.
    const bool same =
        kGrammar == NumberGrammar::json ? p[i] == name[i] : (p[i] | 0x20) == (name[i] | 0x20);
    if (!same) return false;
  }
  p += name.size();
  return true;
}

/// NaN and infinities.
template <class T, NumberGrammar kGrammar>
[[gnu::noinline, gnu::cold]] ParsedNumber<T> parse_name(const char* first, const char* last) {
  constexpr bool kJson = kGrammar == NumberGrammar::json;
  const char* p = first;
  const bool negative = p != last && *p == '-';
  if (negative || (!kJson && p != last && *p == '+')) ++p;
  double value;
  if (skip_name<kGrammar>(p, last, "Infinity") || (!kJson && skip_name<kGrammar>(p, last, "inf"))) {
    value = std::numeric_limits<double>::infinity();
  } else if (!(kJson && negative) && skip_name<kGrammar>(p, last, "NaN")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    return {T{}, first, NumberStatus::not_a_number};
  }
  ParsedNumber<T> result{T{}, p, NumberStatus::ok};
  result.status = convert(negative ? -value : value, result.value);
  return result;
}

template <class T, NumberGrammar kGrammar>
ParsedNumber<T> parse(const char* first, const char* last, char point) {
  Literal number;
  if (!scan<kGrammar>(first, last, point, number)) return parse_name<T, kGrammar>(first, last);
  ParsedNumber<T> result{T{}, number.end, NumberStatus::ok};
  if constexpr (!is_floating<T>) {
    if (number.whole) {
      result.status = convert_exactly(number, result.value);
      return result;
    }
  }
  double x = to_double(number);
  if constexpr (kGrammar == NumberGrammar::json && is_floating<T>) {
    if (number.whole) {  // an integer in Python: without a zero of its own sign, and not infinite
      x += 0.0;
      if (std::isinf(x)) result.status = NumberStatus::too_large;
    }
  }
  const NumberStatus status = convert(x, result.value);
  if (status != NumberStatus::ok) result.status = status;
  return result;
}

}  // namespace

template <class T>
ParsedNumber<T> parse_number(const char* first, const char* last, NumberGrammar grammar,
                             char decimal) {
  if (grammar == NumberGrammar::json) return parse<T, NumberGrammar::json>(first, last, '.');
  return parse<T, NumberGrammar::csv>(first, last, decimal);
}

template ParsedNumber<float16> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<bfloat16> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<float> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<double> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::int8_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::int16_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::int32_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::int64_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::uint8_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::uint16_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::uint32_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<std::uint64_t> parse_number(const char*, const char*, NumberGrammar, char);
template ParsedNumber<bool> parse_number(const char*, const char*, NumberGrammar, char);

}  // namespace rectify
