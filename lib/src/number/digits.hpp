// Decimal digits of integers, eight at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "number/powers_of_ten.hpp"

namespace rectify::inline v1 {

__extension__ using uint128 = unsigned __int128;

// Eight characters in a word: the first one in the lowest byte, whatever the machine's byte order.

constexpr std::uint64_t in_text_order(std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::big) return __builtin_bswap64(word);
  return word;
}

inline void store(char* text, std::uint64_t word) {
  word = in_text_order(word);
  std::memcpy(text, &word, sizeof word);
}

/// Sixteen characters.
inline void store(char* text, uint128 word) {
  store(text, static_cast<std::uint64_t>(word));
  store(text + 8, static_cast<std::uint64_t>(word >> 64));
}

inline constexpr std::uint64_t kZeros = 0x3030303030303030;  // "00000000"

/// The eight decimal digits of x < 10^8, one a byte, the first in the lowest: halves, then pairs,
/// then digits, each step dividing all parts at once by a multiplication with the reciprocal.
[[gnu::always_inline]] constexpr std::uint64_t split_digits(std::uint32_t x) {
  const std::uint64_t first = x / 10000;
  const std::uint64_t halves = first | (x - first * 10000) << 32;
  const std::uint64_t hundreds = (halves * 5243 >> 19) & 0x0000007F0000007F;
  const std::uint64_t pairs = hundreds | (halves - hundreds * 100) << 16;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000F000F000F000F;
  return tens | (pairs - tens * 10) << 8;
}

/// The number of decimal digits of x > 0.
inline int count_digits(std::uint64_t x) {
  const auto guess = static_cast<std::size_t>(std::bit_width(x | 1)) * 1233 >> 12;  // log10(2)
  return static_cast<int>(guess) + (x >= kTens[guess] ? 1 : 0);
}

}  // namespace rectify::inline v1
