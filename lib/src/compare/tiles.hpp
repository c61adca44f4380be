// Tiles: the values of a slab in blocks of rows and columns that are near one another in the
// cache, every column of one unit; and exact sums of what the kernels find in a block.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "compare/unit.hpp"
#include "dispatch.hpp"
#include "kernels/exact.hpp"

namespace rectify::inline v1::detail {

inline constexpr std::size_t kTileWidth = kernel::kLanes;
inline constexpr std::size_t kTileRows = 512;
inline constexpr std::size_t kTileValues = kTileRows * kTileWidth;

struct Tile {
  std::size_t rows = 0;
  std::size_t width = kTileWidth;  // of a packed row, which is filled up with zeros
  // Row r stands at first + r * stride in the slab; what comes next, at ahead + r * stride.
  std::size_t first = 0, stride = kTileWidth, ahead = 0;
  // Or the tile is a piece of the run of one unit's values, from number `first` of them, and the
  // run is in several places.
  bool scattered = false;
  std::size_t run = 0;  // whose it is, counted within the slab
  std::array<std::size_t, kTileWidth> units{};

  bool of_one_unit() const { return units.front() == units[width - 1] && stride == kTileWidth; }
};

/// Calls use(tile) until it has seen each value once.
template <class Use>
void for_each_tile(const Layout& slab, Use use) {
  constexpr std::size_t kWidth = kTileWidth;
  Tile tile;
  if (slab.in_runs()) {
    const std::size_t n = slab.outer * slab.inner;
    for (std::size_t u = 0; u < slab.units; ++u) {
      tile.run = u;
      tile.units.fill(slab.first_unit + u);
      for (std::size_t i = 0; i < n; i += tile.rows * tile.width) {
        tile.rows = std::clamp<std::size_t>((n - i) / kWidth, 1, kTileRows);
        tile.width = std::min(kWidth, n - i);
        tile.scattered = i % slab.inner + tile.rows * tile.width > slab.inner;
        tile.first =
            tile.scattered ? i : (i / slab.inner * slab.units + u) * slab.inner + i % slab.inner;
        tile.ahead = tile.first + kTileValues;
        use(std::as_const(tile));
      }
    }
    return;
  }
  const auto cover = [&](std::size_t first, std::size_t rows, std::size_t columns) {
    tile.stride = columns;
    for (std::size_t r = 0; r < rows; r += kTileRows) {
      tile.rows = std::min(kTileRows, rows - r);
      for (std::size_t c = 0; c < columns; c += kWidth) {
        tile.width = std::min(kWidth, columns - c);
        tile.first = first + r * columns + c;
        tile.ahead = tile.first + (columns <= 4 * kWidth ? kTileRows * columns : kWidth);
        for (std::size_t l = 0; l < tile.width; ++l) tile.units[l] = slab.unit_of(c + l);
        use(std::as_const(tile));
      }
    }
  };
  // Rows that are many times the width leave few places idle; short ones are laid side by side
  // until they are a multiple of it.
  const std::size_t columns = slab.units * slab.inner;
  const std::size_t together = columns < 8 * kWidth ? kWidth / std::gcd(kWidth, columns) : 1;
  const std::size_t rest = slab.outer % together;
  cover(0, slab.outer / together, together * columns);
  if (rest != 0) cover((slab.outer - rest) * columns, 1, rest * columns);
}

/// Copies a tile's values out of the slab, row after row.
template <class T>
void pack(const Layout& slab, const Tile& tile, const T* from, T* to) {
  if (tile.scattered) {
    const std::size_t end = tile.first + tile.rows * tile.width;
    for (std::size_t i = tile.first; i < end;) {
      const std::size_t at = i % slab.inner;
      const std::size_t n = std::min(end - i, slab.inner - at);
      to = std::copy_n(from + (i / slab.inner * slab.units + tile.run) * slab.inner + at, n, to);
      i += n;
    }
    std::fill_n(to, kTileWidth - tile.width, T{});
    return;
  }
  from += tile.first;
  for (std::size_t r = 0; r < tile.rows; ++r, from += tile.stride, to += kTileWidth) {
    if (tile.width == kTileWidth) {
      std::memcpy(static_cast<void*>(to), from, sizeof(T) * kTileWidth);
    } else {
      std::fill(std::copy_n(from, tile.width, to), to + kTileWidth, T{});
    }
  }
}

inline void scan(const kernel::Block& block, kernel::Scan& found) {
  kernel::best().scan(block, found);
}
inline void scan(const kernel::BlockOf<double>& block, kernel::ScanOf<double>& found) {
  kernel::best().scan_doubles(block, found);
}

/// Of all lanes of a block together; infinite where there are no such values.
template <class C>
struct Extremes {
  static constexpr C kInfinite = std::numeric_limits<C>::infinity();
  C highest = -kInfinite, lowest = kInfinite;
  C least_positive = kInfinite, greatest_negative = -kInfinite;

  Extremes(const kernel::ScanOf<C>& scan, std::size_t lanes) {
    for (std::size_t l = 0; l < lanes; ++l) {
      highest = std::max(highest, scan.highest[l]);
      lowest = std::min(lowest, scan.lowest[l]);
      least_positive = std::min(least_positive, scan.least_positive[l]);
      greatest_negative = std::max(greatest_negative, scan.greatest_negative[l]);
    }
  }
  bool finite() const { return highest < kInfinite && lowest > -kInfinite; }
};

/// Adds the sums of a part of a block to those that to(lane) gives, a pair of pointers, of which
/// that to the sum of squares may be null. All values of the part that are not zero have magnitudes
/// from least to greatest, where `slope` is multiplied in; there are counts[lane] of them.
template <class To>
void add_sums(const kernel::Block& block, kernel::Part part, float slope, float least,
              float greatest, const std::int32_t* counts, const To& to) {
  const kernel::Functions& kernel = kernel::best();
  const bool negative = part == kernel::Part::below && slope > 0;
  const int bottom = std::ilogb(least);
  const int top = std::ilogb(greatest);
  if (least == greatest) {
    const auto value = static_cast<double>(least);
    for (std::size_t l = 0; l < block.width; ++l) {
      const auto [sum, squares] = to(l);
      const auto times = static_cast<std::uint64_t>(counts[l]);
      sum->add_multiple(negative ? -value : value, times);
      if (squares != nullptr) squares->add_multiple(value * value, times);
    }
  } else if (kernel.sum_integers != nullptr && top - bottom < kernel::kIntegerBinades) {
    const int exponent = bottom - 23;
    kernel::Integers sums;
    kernel.sum_integers(block, part, slope, exponent, sums);
    for (std::size_t l = 0; l < block.width; ++l) {
      const auto [sum, squares] = to(l);
      sum->add_scaled(sums.sum[l], exponent, negative);
      if (squares == nullptr) continue;
      squares->add_scaled((ExactSum::Wide{sums.high[l]} << 52) + sums.low[l], 2 * exponent, false);
    }
  } else {
    const bool all = top - bottom < kernel::kBinades;
    for (int high = top; high >= bottom; high -= kernel::kBinades) {
      kernel::Sums sums;
      kernel.sum(block, part, slope, {high - (kernel::kBinades - 1), high, all}, sums);
      for (std::size_t l = 0; l < block.width; ++l) {
        const auto [sum, squares] = to(l);
        sum->add(sums.sum[l]);
        if (squares == nullptr) continue;
        squares->add(sums.high[l]);
        squares->add(sums.low[l]);
      }
    }
  }
}

/// The sum of values in units of 2^exponent, and that of their squares in units of 2^(2 * exponent):
/// upper * 2^46 + lower.
struct IntegerSums {
  __extension__ using Integer = __int128;
  Integer sum = 0, upper = 0, lower = 0;

  IntegerSums() = default;
  template <std::size_t kCount>
  IntegerSums(const kernel::Pieces<kCount>& of, std::size_t l) {
    const auto count = [](double x) { return Integer{static_cast<std::int64_t>(x)}; };
    sum = (count(of.a[l] * 0x1p-46) << 46) + count(of.b[l]) + count(of.c[l]);
    upper = (count(of.aa[l] * 0x1p-92) << 46) + (count(of.ab[l] * 0x1p-69) << 24) +
            count(of.ac[l] * 0x1p-45) + count(of.bb[l] * 0x1p-46);
    lower = (count(of.bc[l] * 0x1p-23) << 24) + count(of.cc[l]);
  }
  IntegerSums& operator+=(const IntegerSums& other) {
    sum += other.sum;
    upper += other.upper;
    lower += other.lower;
    return *this;
  }
  /// Adds them elsewhere, or subtracts the sum; squares may be null.
  void add_to(ExactSum* to, ExactSum* squares, int exponent, bool negated = false) const {
    const auto add = [](ExactSum* any, Integer x, int unit, bool minus) {
      any->add_scaled(static_cast<ExactSum::Wide>(x < 0 ? -x : x), unit, (x < 0) != minus);
    };
    add(to, sum, exponent, negated);
    if (squares == nullptr) return;
    add(squares, upper, 2 * exponent + 46, false);
    add(squares, lower, 2 * exponent, false);
  }
};

/// As add_sums() of floats; of the counts[l] in lane l that are not zero, the magnitudes are from
/// least[l], which is normal, to greatest[l].
template <class To>
void add_sums(const kernel::BlockOf<double>& block, kernel::Part part, const std::int64_t* counts,
              const double* least, const double* greatest, const To& to) {
  static_assert(kTileRows <= kernel::kDoubleRows);
  constexpr int kBias = std::numeric_limits<double>::max_exponent - 1;
  const auto exponent = [](double size) {
    return static_cast<int>(std::bit_cast<std::uint64_t>(size) >> 52) - kBias;
  };
  int tops[kTileWidth] = {}, bottoms[kTileWidth] = {};
  int layers = 0;
  for (std::size_t l = 0; l < block.width; ++l) {
    if (counts[l] == 0) continue;
    tops[l] = exponent(greatest[l]);
    bottoms[l] = exponent(least[l]);
    layers = std::max(layers, (tops[l] - bottoms[l]) / kernel::kDoubleBinades + 1);
  }
  for (int layer = 0; layer < layers; ++layer) {
    double scales[kTileWidth] = {};
    for (std::size_t l = 0; l < block.width; ++l) {
      if (counts[l] == 0 || tops[l] < bottoms[l]) continue;
      scales[l] = std::bit_cast<double>(
          static_cast<std::uint64_t>(kBias + kernel::kDoubleTop - tops[l]) << 52);
    }
    kernel::DoubleSums sums;
    kernel::best().sum_doubles(block, part, scales, layers == 1, sums);
    for (std::size_t l = 0; l < block.width; ++l) {
      if (scales[l] == 0) continue;
      const auto [sum, squares] = to(l);
      IntegerSums(sums, l).add_to(sum, squares, tops[l] - kernel::kDoubleTop);
      tops[l] -= kernel::kDoubleBinades;
    }
  }
}

}  // namespace rectify::inline v1::detail
