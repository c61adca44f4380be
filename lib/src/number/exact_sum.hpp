// Sums without rounding, and the few figures that are made of them, rounded once.
//
// A sum is an integer in units of a power of two: R. Neal's small superaccumulator ("Fast exact
// summation using small and large superaccumulators", 2015, arXiv:1505.05571), 32-bit digits in
// 64-bit words whose carries wait, but with only the digits that its values touch. A sum of values
// of like size is 48 bytes, so that a hundred thousand of them are a few megabytes. An exact sum
// depends neither on the order of its terms nor on how they were divided among parts.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace rectify::inline v1 {

/// The exact sum of finite doubles, squares of doubles, and integers. Room for 2^62 terms of any
/// size. Copies are deep.
class ExactSum {
 public:
  __extension__ using Wide = unsigned __int128;

  ExactSum() = default;
  ExactSum(const ExactSum& other) { *this = other; }
  ExactSum(ExactSum&& other) noexcept { swap(other); }
  ExactSum& operator=(const ExactSum& other);
  ExactSum& operator=(ExactSum&& other) noexcept {
    swap(other);
    return *this;
  }
  ~ExactSum() {
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): clang 14 destroys a std::optional's twice
    if (on_heap()) delete[] digits_.heap;
  }

  /// Adds a finite double.
  void add(double x) {
    auto [fraction, position] = magnitude_of(x);
    if (fraction == 0) return;
    position += 14;  // 1074 bits below the point are 14 less than 34 digits
    const int digit = static_cast<int>(position / 32) - 34;
    const std::uint32_t shift = position % 32;
    // Two digits, of 32 and of up to 52 bits: the word of the upper one has room for 2^10 of them.
    const std::uint64_t low = (fraction << shift) & 0xFFFFFFFFu;
    const std::uint64_t high = fraction >> (32 - shift);
    const std::uint64_t sign = std::uint64_t{0} - (std::bit_cast<std::uint64_t>(x) >> 63);
    std::int64_t* const to = reach(digit, 2);
    to[0] += static_cast<std::int64_t>((low ^ sign) - sign);
    to[1] += static_cast<std::int64_t>((high ^ sign) - sign);
  }

  /// Adds magnitude * 2^exponent, or subtracts it; exponent >= -2148, and the product no greater
  /// than the square of the greatest double.
  void add_scaled(Wide magnitude, int exponent, bool negative) {
    if (magnitude == 0) return;
    const int position = exponent - 32 * kLeastDigit;
    const int digit = position / 32 + kLeastDigit;
    const int shift = position % 32;
    // Up to 159 bits in four digits, of 32 bits and the uppermost of 63 (never: 2^128 is not
    // reached).
    const std::uint64_t low = static_cast<std::uint64_t>(magnitude) << shift;
    const Wide upper = magnitude >> (64 - shift);
    const std::array<std::uint64_t, 5> parts = {
        low & 0xFFFFFFFFu, low >> 32, static_cast<std::uint64_t>(upper) & 0xFFFFFFFFu,
        static_cast<std::uint64_t>(upper >> 32) & 0xFFFFFFFFu,
        static_cast<std::uint64_t>(upper >> 64)};
    int count = 5;
    while (count > 2 && parts[static_cast<std::size_t>(count - 1)] == 0) --count;
    std::int64_t* const to = reach(digit, count);
    const std::uint64_t sign = negative ? ~std::uint64_t{0} : 0;
    for (int i = 0; i < count; ++i) {
      to[i] += static_cast<std::int64_t>((parts[static_cast<std::size_t>(i)] ^ sign) - sign);
    }
  }

  /// Adds x * x, x finite, without rounding the square.
  void add_square(double x) {
    const auto [fraction, position] = magnitude_of(x);
    add_scaled(Wide{fraction} * fraction, 2 * (static_cast<int>(position) - 1074), false);
  }

  void add_integer(std::int64_t x) {
    const std::uint64_t magnitude = static_cast<std::uint64_t>(x);
    add_scaled(Wide{x < 0 ? std::uint64_t{0} - magnitude : magnitude}, 0, x < 0);
  }

  /// Adds x * x.
  void add_integer_square(std::int64_t x) {
    const std::uint64_t bits = static_cast<std::uint64_t>(x);
    const Wide magnitude{x < 0 ? std::uint64_t{0} - bits : bits};
    add_scaled(magnitude * magnitude, 0, false);
  }

  /// Adds x * times, x finite.
  void add_multiple(double x, std::uint64_t times);

  /// Adds another sum, or subtracts it.
  void add(const ExactSum& other, bool negated = false);

  /// -1, 0 or 1.
  int sign() const;

  /// The sum divided by `count` (not 0), correctly rounded to nearest, ties to even; of a zero sum
  /// +0. The sum itself may lie outside the range of a double.
  double mean(std::uint64_t count) const;

  /// Adds sum / count (not 0), of which 127 bits or more are kept.
  void add_mean(const ExactSum& sum, std::uint64_t count);

  /// |a| * times / |b|, where b is not zero, rounded to nearest as if b had 126 bits and no more, of
  /// which it differs from the exact quotient in one of 2^70 cases.
  static double quotient(const ExactSum& a, std::uint64_t times, const ExactSum& b);

  /// sqrt((k * squares - sum^2) / (k * (k - 1))), correctly rounded: the standard deviation of
  /// k >= 2 values (k < 2^62) from their sum and the sum of their squares, with k - 1 as torch.std
  /// has it. Nothing if there are no k values with such sums.
  static std::optional<double> standard_deviation(const ExactSum& sum, const ExactSum& squares,
                                                  std::uint64_t k);

  /// The sum in the one way there is to write it: an optional '-', an odd number in hexadecimal
  /// without leading zeros, 'p', and the decimal exponent of 2; "0" for zero. 0.75 is "3p-2".
  std::string text() const;

  enum class Terms : std::uint8_t { doubles, squares };

  /// The sum of such terms that text() writes so; nothing for anything else.
  static std::optional<ExactSum> from_text(std::string_view text, Terms terms);

 private:
  struct Parts;

  /// fraction * 2^(position - 1074).
  struct Magnitude {
    std::uint64_t fraction;
    std::uint32_t position;
  };
  static Magnitude magnitude_of(double x) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    const std::uint32_t exponent = static_cast<std::uint32_t>(bits >> 52) & 0x7FF;
    if (exponent == 0) return {fraction, 0};
    return {fraction | std::uint64_t{1} << 52, exponent - 1};
  }

  static constexpr int kInline = 5;
  static constexpr int kAddsToCarry = 1000;  // of at most 2^52 each to a word below 2^32
  // Digits of the least square of a double, and above those of the sum of 2^62 greatest ones.
  static constexpr int kLeastDigit = -68;
  static constexpr int kMost = 136;

  bool on_heap() const { return capacity_ > kInline; }
  std::int64_t* words() { return on_heap() ? digits_.heap : digits_.here; }
  const std::int64_t* words() const { return on_heap() ? digits_.heap : digits_.here; }

  /// The words of `count` digits from `digit` on, with room to add once to each.
  std::int64_t* reach(int digit, int count) {
    if (--adds_ < 0) carry();
    if (digit < first_ || digit + count > first_ + size_) widen(digit, count);
    return words() + (digit - first_);
  }

  void widen(int digit, int count);
  void carry();
  void swap(ExactSum& other) noexcept;
  Parts parts() const;

  union Digits {
    std::int64_t here[kInline];
    std::int64_t* heap;
  };
  Digits digits_ = {{}};
  std::int16_t first_ = 0;  // the digit of the first word; its unit is 2^(32 * first_)
  std::uint8_t size_ = 0;
  std::uint8_t capacity_ = kInline;
  std::int32_t adds_ = kAddsToCarry;  // that may still be made before carries are due
};

}  // namespace rectify::inline v1
