// What a tile of integers has in each of its columns, in vectors: counts, extremes and sums that are
// exact, since a column is short.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rectify::inline v1::kernel {

inline constexpr std::size_t kIntegerColumns = 16;
inline constexpr std::size_t kIntegerRows = 512;

template <class T>
struct IntegerColumns {
  static constexpr std::size_t kCount = kIntegerColumns;

  std::uint32_t positive[kCount], negative[kCount];
  T highest[kCount], lowest[kCount];  // or 0
  T least_positive[kCount], greatest_negative[kCount];
  // Of the values above zero, if these are below 2^32.
  std::uint64_t sum[kCount];
  // And of their squares, the upper half of whose bits is in high.
  std::uint64_t low[kCount], high[kCount];

  static constexpr int kHalf = sizeof(T) < 4 ? 8 * sizeof(T) : 32;  // bits
};

/// Of kIntegerColumns columns of up to kIntegerRows rows, of which the first values stand side by side.
template <class T>
void scan_integers(IntegerColumns<T>& columns, const T* x, std::size_t rows, std::size_t stride);

}  // namespace rectify::inline v1::kernel
