// Text to values and back. Reading: eight characters at a time into a 64-bit significand and a
// power of ten, then Clinger's or Lemire's way to the nearest double. Writing: the shortest digits
// by Giulietti's Schubfach, then NumPy's layout.
//
//   W. D. Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990
//   D. Lemire, "Number Parsing at a Gigabyte per Second", Software: Practice and Experience 51,
//   2021 N. Mushtak, D. Lemire, "Fast Number Parsing Without Fallback", the same, 53, 2023 R.
//   Giulietti, "The Schubfach way to render doubles", 2020
//
// Assumes the default rounding mode, as everything else here does.
#include "number.hpp"

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
#include "powers_of_ten.hpp"

namespace rectify {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr std::uint64_t high_half(uint128 x) { return static_cast<std::uint64_t>(x >> 64); }
constexpr std::uint64_t low_half(uint128 x) { return static_cast<std::uint64_t>(x); }

/// 1, 10, 100, … 10^19.
constexpr auto kTens = []() {
  std::array<std::uint64_t, 20> tens{1};
  for (std::size_t i = 1; i < tens.size(); ++i) tens[i] = 10 * tens[i - 1];
  return tens;
}();

// Eight characters in a word: the first one in the lowest byte, whatever the machine's byte order.

constexpr std::uint64_t in_text_order(std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::big) return __builtin_bswap64(word);
  return word;
}

std::uint64_t load(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  return in_text_order(word);
}

void store(char* text, std::uint64_t word) {
  word = in_text_order(word);
  std::memcpy(text, &word, sizeof word);
}

void store(char* text, uint128 word) {
  store(text, low_half(word));
  store(text + 8, high_half(word));
}

constexpr std::uint64_t kZeros = 0x3030303030303030;  // "00000000"

// ---- Reading

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

// ---- Writing

/// digits * 10^exponent.
struct Decimal {
  std::uint64_t digits;
  int exponent;
};

/// The IEEE 754 format of a dtype.
template <class T>
struct Format {
  using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
  static constexpr int kFractionBits = std::is_same_v<T, float16>    ? 10
                                       : std::is_same_v<T, bfloat16> ? 7
                                       : sizeof(T) == 4              ? 23
                                                                     : 52;
  static constexpr int kExponentBits = static_cast<int>(8 * sizeof(T)) - 1 - kFractionBits;
  static constexpr int kLargestExponent = (1 << kExponentBits) - 1;  ///< of infinities and NaN
  static constexpr int kBias = kLargestExponent / 2 + kFractionBits;
  static constexpr Bits kHiddenBit = static_cast<Bits>(Bits{1} << kFractionBits);
  /// Digits of at most this many bytes: 9 for float32 and below, 17 for float64; the first one
  /// apart, the others fit this type.
  using Text = std::conditional_t<sizeof(T) == 8, uint128, std::uint64_t>;
};

/// x * 10^k in Schubfach's scale, rounded down except that a last bit of 0 becomes 1 when something
/// is cut off (rop' of section 9). 64 bits of the power are enough for 24-bit significands (the
/// paper's section on floats), 128 bits for 53.
template <class T>
std::uint64_t round_to_odd(const PowerOfTen& power, std::uint64_t x) {
  if constexpr (sizeof(T) < 8) {
    const uint128 product = uint128{power.high + (power.low != 0 ? 1 : 0)} * x;
    return high_half(product) | (low_half(product) >> 32 > 1 ? 1 : 0);
  } else {
    // Positive inexact powers are rounded up in the table, as the paper has them.
    const uint128 product = uint128{power.high} * x + high_half(uint128{power.low} * x);
    return high_half(product) | (low_half(product) > 1 ? 1 : 0);
  }
}

/// True if parse_number() makes `bits` of the decimal: for the narrow dtypes by way of a double,
/// whose rounding can carry a decimal across the end of the interval that rounds to `bits`.
template <class T>
[[gnu::noinline, gnu::cold]] bool reads_back(const Decimal& decimal,
                                             typename Format<T>::Bits bits) {
  T value{};
  convert(nearest_double(decimal.digits, decimal.exponent), value);
  return std::bit_cast<typename Format<T>::Bits>(value) == bits;
}

/// The shortest decimal that reads back as the finite positive value of `bits`, the closest to it
/// of several; names as in the paper, figure 4. digits may end in zeros.
template <class T>
Decimal shortest(typename Format<T>::Bits bits) {
  using F = Format<T>;
  const auto fraction = static_cast<typename F::Bits>(bits & (F::kHiddenBit - 1));
  const int biased = static_cast<int>(bits >> F::kFractionBits);
  const std::uint64_t c =
      biased != 0 ? static_cast<std::uint64_t>(fraction | F::kHiddenBit) : fraction;
  const int q = (biased != 0 ? biased : 1) - F::kBias;  // the value is c * 2^q

  // Integers whose unit in the last place is at most 1 have no shorter decimal than themselves:
  // 0 <= -q <= the zeros at the end of c, in a single comparison, as data around 1 would make two
  // branches of two.
  if (static_cast<unsigned>(-q) <= static_cast<unsigned>(std::countr_zero(c))) [[unlikely]] {
    return {c >> -q, 0};
  }

  // Below a power of two the neighbour is only half as far away.
  const bool is_power = fraction == 0 && biased > 1;
  const int k = is_power ? floor_log10_three_quarters_power_of_two(q) : floor_log10_power_of_two(q);
  const int h = q + floor_log2_power_of_ten(-k) + 1;
  const PowerOfTen& power = power_of_ten(-k);
  const std::uint64_t odd = c & 1;  // an even significand wins ties: the ends belong to it
  const std::uint64_t lower = round_to_odd<T>(power, (4 * c - 2 + (is_power ? 1 : 0)) << h) + odd;
  const std::uint64_t v = round_to_odd<T>(power, (4 * c) << h);
  const std::uint64_t upper = round_to_odd<T>(power, (4 * c + 2) << h) - odd;

  // [lower, upper] holds the decimals, four to a unit of 10^k, that round to the value.
  // One digit fewer, if that leaves exactly one:
  const std::uint64_t s = v / 4;
  const std::uint64_t s10 = s / 10;
  const bool s10_inside = lower <= 40 * s10;
  const bool t10_inside = 40 * s10 + 40 <= upper;
  const Decimal fewer{s10 + (t10_inside ? 1 : 0), k + 1};
  bool take_fewer = (s10_inside != t10_inside) & (s >= 10);
  if constexpr (sizeof(T) < 8) {
    // By way of a double: a decimal strictly between the ends becomes a double between them or at
    // one of them, never beyond, since rounding is monotonic and the ends are doubles (floats for
    // the 16-bit dtypes, which take one more step of the same kind). At an end the tie goes to the
    // even significand. So only an odd c can be missed, and only from a decimal within half a unit
    // in the last place of a double (float) from the end. That is less than a quarter of 10^k, as
    // the interval is at most 40 quarters wide and 16-bit significands are at least 13 bits shorter
    // than a float's; and then the end, cut off inwards to a whole quarter, is that very decimal.
    // One float32 in twenty is tried; of all 2^32 only 0x15AE43FD (7.038531e-26) and its negative
    // fail.
    const bool at_end = (40 * fewer.digits == lower) | (40 * fewer.digits == upper);
    if (at_end & (odd != 0) & take_fewer) [[unlikely]] {
      take_fewer = reads_back<T>(fewer, bits);
    }
  }
  // Otherwise the closest, unless it is the other that is inside. This needs no such care: the
  // closest is within half of 10^k from the value and the ends are half of 2^q away. 10^k is 2^q
  // for q = 0 alone, where the value is an integer; for every other q of the narrow dtypes it is
  // at least 0.9 % less.
  const bool s_inside = lower <= 4 * s;
  const bool t_inside = 4 * s + 4 <= upper;
  const bool t_closer = v + (s & 1) > 4 * s + 2;
  const bool take_t = s_inside != t_inside ? t_inside : t_closer;
  // Chosen by a mask, since no branch could be predicted.
  const std::uint64_t closest = s + (take_t ? 1 : 0);
  const std::uint64_t mask = std::uint64_t{0} - (take_fewer ? 1 : 0);
  return {closest ^ ((closest ^ fewer.digits) & mask), k + (take_fewer ? 1 : 0)};
}

/// The eight decimal digits of x < 10^8, one a byte, the first in the lowest: halves, then pairs,
/// then digits, each step dividing all parts at once by a multiplication with the reciprocal.
constexpr std::uint64_t split_digits(std::uint32_t x) {
  const std::uint64_t first = x / 10000;
  const std::uint64_t halves = first | (x - first * 10000) << 32;
  const std::uint64_t hundreds = (halves * 5243 >> 19) & 0x0000007F0000007F;
  const std::uint64_t pairs = hundreds | (halves - hundreds * 100) << 16;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000F000F000F000F;
  return tens | (pairs - tens * 10) << 8;
}

/// The position of the last nonzero byte, counted from 1; 0 for none.
int significant_bytes(std::uint64_t x) {
  return static_cast<int>((static_cast<unsigned>(std::bit_width(x)) + 7) / 8);
}
int significant_bytes(uint128 x) {
  return high_half(x) != 0 ? 8 + significant_bytes(high_half(x)) : significant_bytes(low_half(x));
}

/// The number of decimal digits of x > 0.
int count_digits(std::uint64_t x) {
  const auto guess = static_cast<std::size_t>(std::bit_width(x | 1)) * 1233 >> 12;  // log10(2)
  return static_cast<int>(guess) + (x >= kTens[guess] ? 1 : 0);
}

/// Writes a nonzero decimal as NumPy lays it out. Text holds all of its digits but the first.
template <class Text>
char* write_decimal(char* out, const Decimal& decimal, bool positional) {
  constexpr int kTail = sizeof(Text);
  const int count = count_digits(decimal.digits);
  const int exponent = decimal.exponent + count - 1;  // of the first digit
  std::uint64_t rest = decimal.digits * kTens[static_cast<std::size_t>(kTail + 1 - count)];
  constexpr std::uint64_t kFirst = kTens[kTail];
  const auto first = static_cast<char>('0' + rest / kFirst);
  rest %= kFirst;
  Text tail;
  Text text;
  if constexpr (kTail == 8) {
    tail = split_digits(static_cast<std::uint32_t>(rest));
    text = tail | kZeros;
  } else {
    tail = uint128{split_digits(static_cast<std::uint32_t>(rest % 100000000))} << 64 |
           split_digits(static_cast<std::uint32_t>(rest / 100000000));
    text = tail | (uint128{kZeros} << 64 | kZeros);
  }
  const int length = significant_bytes(tail);  // digits after the first, without trailing zeros

  // Whole words are written; what is too much is written over or lies behind the end.
  if (!positional) {
    out[0] = first;
    out[1] = '.';
    store(out + 2, text);
    out += length == 0 ? 1 : 2 + length;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    int size = exponent < 0 ? -exponent : exponent;
    if (kTail > 8 && size >= 100) {
      *out++ = static_cast<char>('0' + size / 100);
      size %= 100;
    }
    *out++ = static_cast<char>('0' + size / 10);
    *out++ = static_cast<char>('0' + size % 10);
    return out;
  }
  if (exponent >= length) {  // "1200.0"
    out[0] = first;
    store(out + 1, text);
    if (kTail == 8) store(out + 9, kZeros);
    out[exponent + 1] = '.';
    out[exponent + 2] = '0';
    return out + exponent + 3;
  }
  // "1.25" and "0.0125" in one way, as data around 1 would mispredict a branch: the digits behind
  // the zeros, then those behind the point once more, one place further on.
  const int negative = exponent >> 31;          // all ones if the number is below 1
  const int zeros = (1 - exponent) & negative;  // before the digits, the point included
  const int whole = exponent & ~negative;       // digits before the point, but for the first
  store(out, kZeros);
  out[zeros] = first;
  store(out + zeros + 1, text);
  char* fraction = out + zeros + whole + 2 + negative;
  store(fraction, text >> (8 * whole));
  out[whole + 1] = '.';
  return fraction + length - whole;
}

char* write_text(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

template <class T>
char* format_floating(char* out, T value) {
  using F = Format<T>;
  auto bits = std::bit_cast<typename F::Bits>(value);
  constexpr auto kSign = static_cast<typename F::Bits>(F::kHiddenBit << F::kExponentBits);
  const bool negative = (bits & kSign) != 0;
  bits = static_cast<typename F::Bits>(bits & (kSign - 1));
  constexpr auto kInfinity =
      static_cast<typename F::Bits>(typename F::Bits{F::kLargestExponent} << F::kFractionBits);
  if (bits > kInfinity) return write_text(out, "nan");
  *out = '-';
  out += negative ? 1 : 0;
  if (bits == kInfinity) return write_text(out, "inf");
  if (bits == 0) return write_text(out, "0.0");
  // NumPy compares the value, not its digits: the float32 nearest to 1e-4 is written 1e-04, as it
  // lies below.
  const double magnitude = std::fabs(static_cast<double>(widen(value)));
  const bool positional = magnitude >= 1e-4 && magnitude < 1e16;
  return write_decimal<typename F::Text>(out, shortest<T>(bits), positional);
}

}  // namespace

template <class T>
ParsedNumber<T> parse_number(const char* first, const char* last, NumberGrammar grammar,
                             char decimal) {
  if (grammar == NumberGrammar::json) return parse<T, NumberGrammar::json>(first, last, '.');
  return parse<T, NumberGrammar::csv>(first, last, decimal);
}

template <class T>
char* format_number(char* out, T value) {
  if constexpr (is_floating<T>) {
    return format_floating(out, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    *out = value ? '1' : '0';
    return out + 1;
  } else {
    return std::to_chars(out, out + kNumberBytes, value).ptr;
  }
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
template ParsedNumber<bool> parse_number(const char*, const char*, NumberGrammar, char);
template char* format_number(char*, float16);
template char* format_number(char*, bfloat16);
template char* format_number(char*, float);
template char* format_number(char*, double);
template char* format_number(char*, std::int8_t);
template char* format_number(char*, std::int16_t);
template char* format_number(char*, std::int32_t);
template char* format_number(char*, std::int64_t);
template char* format_number(char*, std::uint8_t);
template char* format_number(char*, bool);

}  // namespace rectify
