// In the compilers' vectors, since left to themselves they find none for bytes. Lanes are as wide as
// what they hold takes: bytes count up to 255 rows, which then go to wider lanes.

#include "kernels/exact_integers.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/target.hpp"

namespace rectify::inline v1::kernel {
namespace {

template <class U, std::size_t kCount>
struct LanesOf {
  using type [[gnu::vector_size(kCount * sizeof(U))]] = U;
};

struct Scan {
  /// What a sum is kept in, and a square in two halves.
  template <class T>
  using Sum = std::conditional_t<sizeof(T) == 1, std::uint16_t,
                                 std::conditional_t<sizeof(T) == 2, std::uint32_t, std::uint64_t>>;

  template <Target kTarget, class T>
  RECTIFY_INLINE static void run(IntegerColumns<T>* columns, const T* x, std::size_t rows,
                                 std::size_t stride) {
    // Bytes of a vector; without AVX2 GCC 12 makes of two registers at a time the better code, but for
    // products of 64 bits.
    constexpr std::size_t kVector = kTarget == Target::baseline && sizeof(T) == 8 ? 16 : 32;
    constexpr std::size_t kLanes = kVector / sizeof(Sum<T>);
    constexpr std::size_t kMostRows = sizeof(T) == 1 ? 255 : kIntegerRows;
    *columns = {};
    std::fill_n(columns->least_positive, kIntegerColumns, std::numeric_limits<T>::max());
    std::fill_n(columns->greatest_negative, kIntegerColumns, std::numeric_limits<T>::min());
    for (std::size_t r = 0; r < rows; r += kMostRows) {
      for (std::size_t first = 0; first < kIntegerColumns; first += kLanes)
        add<kLanes>(*columns, first, x + r * stride + first, std::min(kMostRows, rows - r), stride);
    }
  }

  template <std::size_t kLanes, class T>
  RECTIFY_INLINE static void add(IntegerColumns<T>& columns, std::size_t first, const T* x,
                                 std::size_t rows, std::size_t stride) {
    using U = std::make_unsigned_t<T>;
    using Values = typename LanesOf<T, kLanes>::type;
    using Counts = typename LanesOf<U, kLanes>::type;
    using Sums = typename LanesOf<Sum<T>, kLanes>::type;
    constexpr int kHalf = 4 * sizeof(Sum<T>);
    Values highest, lowest, least, greatest;
    std::memcpy(&highest, columns.highest + first, sizeof highest);
    std::memcpy(&lowest, columns.lowest + first, sizeof lowest);
    std::memcpy(&least, columns.least_positive + first, sizeof least);
    std::memcpy(&greatest, columns.greatest_negative + first, sizeof greatest);
    const Values top = Values{} + std::numeric_limits<T>::max();
    const Values bottom = Values{} + std::numeric_limits<T>::min();
    Counts positive{}, negative{};
    Sums sum{}, low{}, high{};
    for (std::size_t r = 0; r < rows; ++r, x += stride) {
      Values v;
      std::memcpy(&v, x, sizeof v);
      const auto is_above = v > Values{};
      const auto is_below = v < Values{};
      positive -= __builtin_bit_cast(Counts, is_above);
      negative -= __builtin_bit_cast(Counts, is_below);
      highest = v > highest ? v : highest;
      lowest = v < lowest ? v : lowest;
      const Values above = is_above ? v : top;
      least = above < least ? above : least;
      const Values below = is_below ? v : bottom;
      greatest = below > greatest ? below : greatest;
      const Sums kept = __builtin_convertvector(
          __builtin_bit_cast(Counts, v) & __builtin_bit_cast(Counts, is_above), Sums);
      const Sums square = kept * kept;
      sum += kept;
      low += square & ((Sum<T>{1} << kHalf) - 1);
      high += square >> kHalf;
    }
    std::memcpy(columns.highest + first, &highest, sizeof highest);
    std::memcpy(columns.lowest + first, &lowest, sizeof lowest);
    std::memcpy(columns.least_positive + first, &least, sizeof least);
    std::memcpy(columns.greatest_negative + first, &greatest, sizeof greatest);
    for (std::size_t l = 0; l < kLanes; ++l) {
      columns.positive[first + l] += static_cast<std::uint32_t>(positive[l]);
      columns.negative[first + l] += static_cast<std::uint32_t>(negative[l]);
      columns.sum[first + l] += sum[l];
      columns.low[first + l] += low[l];
      columns.high[first + l] += high[l];
    }
  }
};

}  // namespace

template <class T>
void scan_integers(IntegerColumns<T>& columns, const T* x, std::size_t rows, std::size_t stride) {
  run_on_target<Scan>(&columns, x, rows, stride);
}

#define RECTIFY_INTEGERS(T) \
  template void scan_integers(IntegerColumns<T>&, const T*, std::size_t, std::size_t);
RECTIFY_INTEGERS(std::int8_t)
RECTIFY_INTEGERS(std::int16_t)
RECTIFY_INTEGERS(std::int32_t)
RECTIFY_INTEGERS(std::int64_t)
RECTIFY_INTEGERS(std::uint8_t)
RECTIFY_INTEGERS(std::uint16_t)
RECTIFY_INTEGERS(std::uint32_t)
RECTIFY_INTEGERS(std::uint64_t)
#undef RECTIFY_INTEGERS

}  // namespace rectify::inline v1::kernel
