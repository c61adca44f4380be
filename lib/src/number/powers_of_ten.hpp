// The leading 128 bits of the powers of ten, which decimal -> binary (Lemire) and binary -> decimal
// (Giulietti) both multiply by: one table of 10.7 KB, computed by the compiler.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace rectify::inline v1 {

/// 10^k = (high * 2^64 + low) * 2^(floor(log2(10^k)) - 127), rounded up; exact for k = 0 to 55.
struct PowerOfTen {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

/// 10^-343 times any 64-bit significand is less than half the smallest double; formatting a double
/// needs -292 to 324.
inline constexpr int kSmallestPower = -342;
inline constexpr int kLargestPower = 324;

namespace detail {

/// An integer of 1024 bits, least significant limb first.
using BigInteger = std::array<std::uint32_t, 32>;

constexpr void multiply_by_5(BigInteger& x) {
  std::uint64_t carry = 0;
  for (std::uint32_t& limb : x) {
    carry += std::uint64_t{5} * limb;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
}

constexpr void divide_by_5(BigInteger& x) {
  std::uint64_t remainder = 0;
  for (std::size_t i = x.size(); i-- > 0;) {
    remainder = remainder << 32 | x[i];
    x[i] = static_cast<std::uint32_t>(remainder / 5);
    remainder %= 5;
  }
}

/// The leading 128 bits of x >= 2^128, increased by one if there are others below them (always, if
/// x itself has been rounded down).
constexpr PowerOfTen leading_bits(const BigInteger& x, bool rounded_down) {
  std::size_t top = x.size() - 1;
  while (x[top] == 0) --top;
  const std::size_t limb = top - 4;
  // 1 to 32: the 128 bits begin at this bit of x[limb].
  const auto shift = std::bit_width(x[top]);
  bool inexact = rounded_down;
  for (std::size_t i = 0; i < limb; ++i) inexact = inexact || x[i] != 0;
  inexact = inexact || (std::uint64_t{x[limb]} & ((std::uint64_t{1} << shift) - 1)) != 0;
  const auto word = [&](std::size_t i) {
    return (std::uint64_t{x[limb + i + 1]} << 32 | x[limb + i]) >> shift & 0xFFFFFFFFu;
  };
  return {word(3) << 32 | word(2), (word(1) << 32 | word(0)) + (inexact ? 1 : 0)};
}

/// 10^k has the bits of 5^k. Negative powers are divided out of 2^960 one five at a time, which
/// gives the same as a single division: floor(floor(x / a) / b) = floor(x / ab).
consteval auto make_powers_of_ten() {
  std::array<PowerOfTen, kLargestPower - kSmallestPower + 1> powers{};
  BigInteger x{};
  x[4] = 1;
  for (std::size_t k = -kSmallestPower; k < powers.size(); ++k) {
    powers[k] = leading_bits(x, false);
    multiply_by_5(x);
  }
  x = {};
  x[30] = 1;
  for (std::size_t k = -kSmallestPower; k-- > 0;) {
    divide_by_5(x);
    powers[k] = leading_bits(x, true);
  }
  return powers;
}

inline constexpr auto kPowersOfTen = make_powers_of_ten();

}  // namespace detail

constexpr const PowerOfTen& power_of_ten(int k) {
  return detail::kPowersOfTen[static_cast<std::size_t>(k - kSmallestPower)];
}

/// 1, 10, 100, … 10^19.
inline constexpr auto kTens = []() {
  std::array<std::uint64_t, 20> tens{1};
  for (std::size_t i = 1; i < tens.size(); ++i) tens[i] = 10 * tens[i - 1];
  return tens;
}();

/// floor(log2(10^k)), for |k| <= 1650.
constexpr int floor_log2_power_of_ten(int k) { return (k * 1741647) >> 19; }

/// floor(log10(2^e)), for |e| <= 1650.
constexpr int floor_log10_power_of_two(int e) { return (e * 1262611) >> 22; }

/// floor(log10(3/4 * 2^e)), for |e| <= 1500.
constexpr int floor_log10_three_quarters_power_of_two(int e) {
  return (e * 1262611 - 524031) >> 22;
}

}  // namespace rectify::inline v1
