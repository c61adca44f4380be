// Exact sums of floating-point values by the block: what keeps compare's cost close to that of
// reading.
//
// A block is up to 1024 rows of up to 16 lanes (columns, or a run of values laid side by side).
// Within a block the values of a lane are added without any rounding error, in double or, where
// there are instructions for it, in integers; see Sums, Integers and DoubleSums for the proofs. All
// need exponents that are not too far apart. Other blocks are summed in layers, the greatest values
// first, which is the binning of J. Demmel and H. D. Nguyen ("Parallel reproducible summation",
// IEEE Transactions on Computers 64, 2015) with bins placed by the data rather than on a grid:
// results are exact, so it does not show in them how they were come by. What becomes of the sums
// of blocks is compare/'s.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "half.hpp"

namespace rectify::inline v1::kernel {

inline constexpr std::size_t kRows = 1024;
inline constexpr std::size_t kLanes = 16;
inline constexpr int kBinades = 20;         // of the values that sum() takes in one layer
inline constexpr int kIntegerBinades = 29;  // and sum_integers() at all
inline constexpr int kDoubleBinades = 16;   // and sum_doubles() in one layer

/// The values of a block: lane l of row r is first[r * stride + l]. Where a function does not say
/// otherwise, lanes from `width` up to the next multiple of eight are read, too, and what is found of
/// them means nothing.
template <class T>
struct BlockOf {
  const T* first;
  std::size_t stride;
  std::size_t rows;   // at most kRows; of doubles, kDoubleRows
  std::size_t width;  // at most kLanes
  // Memory that is wanted soon, a line for every row; need not exist.
  const T* ahead;
  std::size_t ahead_stride;
};
using Block = BlockOf<float>;

/// Lane by lane. Where there are no such values, highest is -inf, least_positive +inf, and so on.
/// NaN is counted and otherwise passed over.
template <class T>
struct ScanOf {
  using Count = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

  Count positive[kLanes], negative[kLanes], nan[kLanes];
  T highest[kLanes], lowest[kLanes];
  T least_positive[kLanes], greatest_negative[kLanes];
};
using Scan = ScanOf<float>;

/// Lane by lane: the sum of the values and, in two parts, of their squares.
///
/// Let all values v that are not zero have 2^e <= |v| < 2^(E+1), E - e <= 19. They are multiples of
/// 2^(e-23), and no sum of 1024 of them reaches 2^(E+11): at most 53 bits, so that every addition
/// is exact. A square q is exact in a double (48 bits), a multiple of 2^(2e-46) and below 2^(2E+2).
/// The running sum of squares starts at 2^k, k = 2E + 12, and does not leave [2^k, 2^(k+1)], where
/// doubles are multiples of u = 2^(k-52). So the addition of q rounds it to a multiple h of u, the
/// difference between the sum after and the sum before is exactly h, and low = q - h is exact, too.
/// |low| <= u/2, and 1024 of them stay within 2^(2E-31): 53 bits again from 2^(2e-46) up.
struct Sums {
  double sum[kLanes];
  double high[kLanes];  // without the 2^k
  double low[kLanes];
};

/// Lane by lane: the sum of the magnitudes in units of 2^exponent, and in units of 2^(2 * exponent)
/// the sum of their squares, low + high * 2^52.
///
/// Let all values v that are not zero have 2^e <= |v| < 2^(E+1), E - e <= 28, and exponent = e
/// - 23. Then |v| is m * 2^exponent with an integer m < 2^52, which 2^(52+exponent) + |v| holds in
/// the 52 bits of its fraction. 1024 of them, or of the lower or upper 52 bits of their squares,
/// fit 64 bits.
struct Integers {
  std::uint64_t sum[kLanes];
  std::uint64_t low[kLanes];
  std::uint64_t high[kLanes];
};

/// Lane by lane, of doubles v that a power of two makes integers n = v * scale: the sums of their
/// pieces and of the products of these.
///
/// Let all v that are not zero have 2^(E-15) <= |v| < 2^(E+1), and scale = 2^(67-E). Then
/// n = a + b + c is below 2^68, where a is the multiple of 2^46 that is nearest to n, b the multiple
/// of 2^23 nearest to the rest, and c what is left. Counted in these units no piece exceeds 2^22, and
/// no product of two 2^44; a double holds the sum of 512 of these, so that no addition rounds.
template <std::size_t kCount>
struct Pieces {
  double a[kCount], b[kCount], c[kCount];
  double aa[kCount], ab[kCount], ac[kCount], bb[kCount], bc[kCount], cc[kCount];
};
using DoubleSums = Pieces<kLanes>;
inline constexpr std::size_t kDoubleRows = 512;
inline constexpr int kDoubleTop = 67;  // scale = 2^(kDoubleTop-E)
/// The least magnitude for which there is a scale, whatever is the greatest.
inline constexpr double kLeastDouble = 0x1p-940;

/// Lane by lane: how many values are zero, and the sum of all, which is exact if those that are not zero
/// are as near to one another as for Sums. Magnitudes of no values are infinite and zero. Where a value is
/// not finite, neither is the sum.
struct Totals {
  std::int32_t zero[kLanes];
  float least[kLanes], greatest[kLanes];  // magnitudes
  double sum[kLanes];
};

/// Between two blocks, lane by lane.
struct Differences {
  std::int32_t count[kLanes];
  double greatest[kLanes];
};

inline constexpr std::size_t kStripLanes = 8;

/// The sums of a strip's values above zero, or below: integers m, of which a value is
/// m * 2^exponent. Of float and of what is as wide as it in arithmetic, m is below 2^52 as in
/// Integers. 4095 of them, and of either half of their squares' 104 bits, fit 64 bits. The sums hold
/// the bits of 2^(52+exponent), too, once for each value: see magnitudes(). Of double they are those
/// of DoubleSums.
template <class C>
struct StripSums : Pieces<kStripLanes> {
  static constexpr std::size_t kMostRows = kDoubleRows;
  static constexpr int kBits = 68;
};
template <>
struct StripSums<float> {
  static constexpr std::size_t kMostRows = 4095;
  static constexpr int kBits = 52;
  std::uint64_t sum[kStripLanes];
  std::uint64_t low[kStripLanes], high[kStripLanes];  // of m * m: 52 bits

  /// The sum in lane l, of `count` values.
  std::uint64_t magnitudes(std::size_t l, std::int32_t count, int exponent) const {
    return sum[l] - static_cast<std::uint64_t>(count) *
                        std::bit_cast<std::uint64_t>(std::ldexp(1.0, 52 + exponent));
  }
};

/// A few columns, carried from one call of add_rows() to the next; lane by lane. Extremes of no
/// values are infinite, as in Scan. Below zero the sums are those of the magnitudes that a Rule makes
/// of the values; the sign is settled with them.
template <class C>
struct Strip {
  StripSums<C> above, below;
  std::int32_t positive[kStripLanes], negative[kStripLanes], nan[kStripLanes];
  C highest[kStripLanes], lowest[kStripLanes];
  C least_positive[kStripLanes], greatest_negative[kStripLanes];
  std::int32_t exponent = 0;
  std::uint32_t rows = 0;

  Strip() { clear(); }
  /// Empties the strip; keeps its exponent.
  void clear() {
    constexpr C kInfinite = std::numeric_limits<C>::infinity();
    const std::int32_t kept = exponent;
    std::memset(static_cast<void*>(this), 0, sizeof *this);
    exponent = kept;
    for (std::size_t l = 0; l < kStripLanes; ++l) {
      highest[l] = greatest_negative[l] = -kInfinite;
      lowest[l] = least_positive[l] = kInfinite;
    }
  }
};

/// What strips of an exponent take: above zero [least, beyond), below zero
/// (-beyond_below, -least_below]. `factor` is minus the magnitude of the slope: below zero x * factor,
/// rounded to the dtype, is the magnitude of what the rectifier makes of x. That is multiplied by
/// `unit`, a power of two.
template <class C>
struct Rule {
  C factor, unit;
  C least, beyond, least_below, beyond_below;
};

enum class Part { above, below };

/// Which magnitudes are summed: those in [2^bottom, 2^(top+1)), or simply all, if it is known that
/// there are no others.
struct Layer {
  int bottom, top;
  bool all;
};

struct Functions {
  void (*scan)(const Block& block, Scan& scan);
  /// Of the values x above zero, or of x * slope (rounded to float) of those below.
  void (*sum)(const Block& block, Part part, float slope, Layer layer, Sums& sums);
  void (*total)(const Block& block, Totals& totals);
  /// Where a and b differ, and how far; neither holds a NaN.
  void (*differ)(const Block& a, const Block& b, Differences& differences);
  /// As sum(), of magnitudes; null where the target has no instructions for it.
  void (*sum_integers)(const Block& block, Part part, float slope, int exponent,
                       Integers& integers);
  void (*scan_doubles)(const BlockOf<double>& block, ScanOf<double>& scan);
  /// Of the values above or below zero, in a block of up to kDoubleRows. Lane by lane, those are
  /// summed that are as near to one another as they are to be; or simply all, if it is known that
  /// there are no others. A scale of zero leaves a lane out.
  void (*sum_doubles)(const BlockOf<double>& block, Part part, const double* scales, bool all,
                      DoubleSums& sums);

  /// Add the first eight lanes of a block, or as many as it has, to a strip that has room for its
  /// rows, if all values are within the rule's bounds, in one pass; null where the target has no
  /// instructions for it. They read no other lanes. Of float `unit` is 1 and `factor` in (-2, -1].
  template <class T>
  using AddRows = bool(const BlockOf<T>& block, const Rule<Compute<T>>& rule,
                       Strip<Compute<T>>& strip);
  AddRows<float>* add_rows;
  AddRows<float16>* add_float16_rows;
  AddRows<bfloat16>* add_bfloat16_rows;
  AddRows<double>* add_double_rows;

  template <class T>
  AddRows<T>* add_rows_of() const {
    if constexpr (std::is_same_v<T, float>) {
      return add_rows;
    } else if constexpr (std::is_same_v<T, float16>) {
      return add_float16_rows;
    } else if constexpr (std::is_same_v<T, bfloat16>) {
      return add_bfloat16_rows;
    } else {
      return add_double_rows;
    }
  }
};

/// What a rectifier makes of the values below zero, and zeros in place of the others:
/// to[r * kLanes + l] = x * slope, rounded to T, as far as the block is read.
template <class T>
void multiply_below(const BlockOf<Compute<T>>& block, Compute<T> slope, Compute<T>* to);

/// What target() has, and the targets before it; the last is the best.
std::span<const Functions> available();
const Functions& best();

}  // namespace rectify::inline v1::kernel
