// Values to text: the shortest digits by Giulietti's Schubfach, then NumPy's layout.
//
//   R. Giulietti, "The Schubfach way to render doubles", 2020
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
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

// Eight characters in a word: the first one in the lowest byte, whatever the machine's byte order.

constexpr std::uint64_t in_text_order(std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::big) return __builtin_bswap64(word);
  return word;
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
  std::array<char, kNumberBytes> text;
  char* end = std::to_chars(text.data(), text.data() + text.size(), decimal.digits).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(), decimal.exponent).ptr;
  const T value = parse_number<T>(text.data(), end, NumberGrammar::csv).value;
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

template char* format_number(char*, float16);
template char* format_number(char*, bfloat16);
template char* format_number(char*, float);
template char* format_number(char*, double);
template char* format_number(char*, std::int8_t);
template char* format_number(char*, std::int16_t);
template char* format_number(char*, std::int32_t);
template char* format_number(char*, std::int64_t);
template char* format_number(char*, std::uint8_t);
template char* format_number(char*, std::uint16_t);
template char* format_number(char*, std::uint32_t);
template char* format_number(char*, std::uint64_t);
template char* format_number(char*, bool);

}  // namespace rectify
