// Exact sums of float32 values by the block: what keeps compare's cost close to that of reading.
//
// A block is up to 1024 rows of a few lanes (columns, or a run of values laid side by side). Within
// a block the values of a lane are added without any rounding error, in double or, where there are
// instructions for it, in integers; see Sums and Integers for the proofs. Both need exponents that
// are not too far apart. Other blocks are summed in layers, the greatest values first, which is the
// binning of J. Demmel and H. D. Nguyen ("Parallel reproducible summation", IEEE Transactions on
// Computers 64, 2015) with bins placed by the data rather than on a grid: results are exact, so it
// does not show in them how they were come by.
//
// The code is written once, in the compilers' vectors, and compiled for four lanes anywhere and for
// eight with AVX2. Every product here is exact in a double, so that fusing it with the next
// addition
// (-ffp-contract) changes nothing and is welcome.

#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define RECTIFY_X86_KERNELS 1
#include <immintrin.h>
#endif

namespace rectify::kernel {

inline constexpr std::size_t kRows = 1024;
inline constexpr std::size_t kMostLanes = 8;
inline constexpr int kBinades = 20;         // of the values that sum() takes in one layer
inline constexpr int kIntegerBinades = 29;  // and sum_integers() at all

/// Lane by lane; what there is none of is infinite: highest -inf, least_positive +inf, and so on.
/// NaN is counted and otherwise passed over.
struct Scan {
  std::int32_t positive[kMostLanes], negative[kMostLanes], nan[kMostLanes];
  float highest[kMostLanes], lowest[kMostLanes];
  float least_positive[kMostLanes], greatest_negative[kMostLanes];
};

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
  double sum[kMostLanes];
  double high[kMostLanes];  // without the 2^k
  double low[kMostLanes];
};

/// Lane by lane: the sum of the magnitudes in units of 2^exponent, and in units of 2^(2 * exponent)
/// the sum of their squares, low + high * 2^52.
///
/// Let all values v that are not zero have 2^e <= |v| < 2^(E+1), E - e <= 28, and exponent = e
/// - 23. Then |v| is m * 2^exponent with an integer m < 2^52, which 2^(52+exponent) + |v| holds in
/// the 52 bits of its fraction. 256 of them, or of the lower or upper 52 bits of their squares, fit
/// 64 bits.
struct Integers {
  std::uint64_t sum[kMostLanes];
  std::uint64_t low[kMostLanes];
  std::uint64_t high[kMostLanes];
};

inline constexpr std::size_t kStripLanes = 8;
inline constexpr std::size_t kStripRows = 4095;

/// A few columns, carried from one call of add_rows() to the next; lane by lane. What there is none
/// of is infinite, as in Scan.
///
/// The values y, those above zero as they are and those below by a factor in (-2, -1], count
/// m = y / 2^exponent, an integer below 2^52 as in Integers. 4095 of them, and of either half of
/// their squares' 104 bits, fit 64 bits. The sums hold the bits of 2^(52+exponent), too, once for
/// each value: see magnitudes().
struct Strip {
  std::uint64_t above[kStripLanes] = {}, below[kStripLanes] = {};
  std::uint64_t above_low[kStripLanes] = {}, below_low[kStripLanes] = {};  // of m * m: 52 bits
  std::uint64_t above_high[kStripLanes] = {}, below_high[kStripLanes] = {};
  std::int32_t positive[kStripLanes] = {}, negative[kStripLanes] = {}, nan[kStripLanes] = {};
  float highest[kStripLanes], lowest[kStripLanes];
  float least_positive[kStripLanes], greatest_negative[kStripLanes];
  std::int32_t exponent = 0;
  std::uint32_t rows = 0;

  Strip() { clear(); }
  /// Of no rows, with the exponent that was.
  void clear() {
    constexpr float kInfinite = std::numeric_limits<float>::infinity();
    const std::int32_t kept = exponent;
    std::memset(static_cast<void*>(this), 0, sizeof *this);
    exponent = kept;
    for (std::size_t l = 0; l < kStripLanes; ++l) {
      highest[l] = greatest_negative[l] = -kInfinite;
      lowest[l] = least_positive[l] = kInfinite;
    }
  }
  /// A sum of `count` values, in units of 2^exponent.
  std::uint64_t magnitudes(std::uint64_t sum, std::int32_t count) const {
    return sum - static_cast<std::uint64_t>(count) *
                     std::bit_cast<std::uint64_t>(std::ldexp(1.0, 52 + exponent));
  }
};

/// Which values a strip of this exponent takes: above zero [least, beyond), below zero
/// (-beyond_below, -least_below].
struct Bounds {
  float least, beyond, least_below, beyond_below;
};

/// From the baseline, lane by lane.
struct Differences {
  std::int32_t count[kMostLanes];
  double greatest[kMostLanes];
};

/// The values of a block: lane l of row r is first[r * stride + l].
struct Block {
  const float* first;
  std::size_t stride;
  std::size_t rows;  // at most kRows
  // Memory that is wanted soon, a line for every second row; need not exist.
  const float* ahead;
  std::size_t ahead_stride;
};

enum class Part { above, below };

/// Which magnitudes are summed: those in [2^bottom, 2^(top+1)), or simply all, if it is known that
/// there are no others.
struct Layer {
  int bottom, top;
  bool all;
};

struct Functions {
  std::size_t lanes;
  void (*scan)(const Block& block, Scan& scan);
  /// Of the values x above zero, or of x * slope (rounded to float) of those below.
  void (*sum)(const Block& block, Part part, float slope, Layer layer, Sums& sums);
  /// Where a * slope_a and b * slope_b of the values below zero differ, and how far.
  void (*differ)(const Block& a, float slope_a, const Block& b, float slope_b,
                 Differences& differences);
  /// As sum(), of magnitudes; null where the processor has no instructions for it.
  void (*sum_integers)(const Block& block, Part part, float slope, int exponent,
                       Integers& integers);
  /// Adds the first `lanes` of a block to a strip that has room for its rows, if all values are
  /// within its bounds, in one pass; null as above. `factor` is in (-2, -1].
  bool (*add_rows)(const Block& block, std::size_t lanes, float factor, const Bounds& bounds,
                   Strip& strip);
};

#define RECTIFY_INLINE [[gnu::always_inline]] inline

// Not one template: GCC 12 takes no vector_size that depends on a parameter here.
template <int kLanes>
struct Vectors;
template <>
struct Vectors<4> {
  using Floats = float __attribute__((vector_size(16)));
  using Doubles = double __attribute__((vector_size(32)));
  using Ints = std::int32_t __attribute__((vector_size(16)));
};
template <>
struct Vectors<8> {
  using Floats = float __attribute__((vector_size(32)));
  using Doubles = double __attribute__((vector_size(64)));
  using Ints = std::int32_t __attribute__((vector_size(32)));
};

template <int kLanes>
RECTIFY_INLINE void scan(const Block& block, Scan& scan) {
  using Floats = typename Vectors<kLanes>::Floats;
  using Ints = typename Vectors<kLanes>::Ints;
  const Floats infinite = Floats{} + std::numeric_limits<float>::infinity();
  Ints positive{}, negative{}, nan{};
  Floats highest = -infinite, lowest = infinite;
  Floats least_positive = infinite, greatest_negative = -infinite;
  for (std::size_t r = 0; r < block.rows; ++r) {
    const float* const row = block.first + r * block.stride;
    if (r % 2 == 0) __builtin_prefetch(block.ahead + r * block.ahead_stride, 0, 2);
    Floats x;
    std::memcpy(&x, row, sizeof x);
    const Ints is_positive = x > 0.0f;
    const Ints is_negative = x < 0.0f;
    positive -= is_positive;
    negative -= is_negative;
    nan -= x != x;  // NOLINT(misc-redundant-expression): true for NaN alone
    // The form of the minimum and maximum instructions, which pass over a NaN that stands first.
    highest = x > highest ? x : highest;
    lowest = x < lowest ? x : lowest;
    const Floats above = is_positive ? x : infinite;
    const Floats below = is_negative ? x : -infinite;
    least_positive = above < least_positive ? above : least_positive;
    greatest_negative = below > greatest_negative ? below : greatest_negative;
  }
  std::memcpy(scan.positive, &positive, sizeof positive);
  std::memcpy(scan.negative, &negative, sizeof negative);
  std::memcpy(scan.nan, &nan, sizeof nan);
  std::memcpy(scan.highest, &highest, sizeof highest);
  std::memcpy(scan.lowest, &lowest, sizeof lowest);
  std::memcpy(scan.least_positive, &least_positive, sizeof least_positive);
  std::memcpy(scan.greatest_negative, &greatest_negative, sizeof greatest_negative);
}

template <int kLanes, Part kPart, bool kAll>
RECTIFY_INLINE void sum(const Block& block, int lane, float slope, Layer layer, Sums& sums) {
  using Floats = typename Vectors<kLanes>::Floats;
  using Doubles = typename Vectors<kLanes>::Doubles;
  const Floats zero{};
  const Floats least = zero + std::ldexp(1.0f, layer.bottom);
  const Floats beyond = zero + std::ldexp(1.0f, layer.top + 1);  // may be infinity
  const Doubles bin = Doubles{} + std::ldexp(1.0, 2 * layer.top + 12);
  // Rows take turns at two sets of sums: one chain of additions would leave half of the units idle.
  // Each of the two bins holds what both of them could.
  Doubles sum[2] = {}, high[2] = {bin, bin}, low[2] = {};
  const auto add = [&](const float* row, int set) __attribute__((always_inline)) {
    Floats x;
    std::memcpy(&x, row, sizeof x);
    if constexpr (kPart == Part::above) {
      x = x > zero ? x : zero;
    } else {
      x = (x < zero ? x : zero) * slope;
    }
    if constexpr (!kAll) {
      const Floats magnitude = x < zero ? -x : x;
      x = magnitude < least ? zero : x;
      x = magnitude < beyond ? x : zero;
    }
    const Doubles wide = __builtin_convertvector(x, Doubles);
    sum[set] += wide;
    const Doubles after = wide * wide + high[set];
    low[set] += wide * wide - (after - high[set]);
    high[set] = after;
  };
  const float* row = block.first + lane;
  std::size_t r = 0;
  for (; r + 2 <= block.rows; r += 2, row += 2 * block.stride) {
    add(row, 0);
    add(row + block.stride, 1);
  }
  if (r < block.rows) add(row, 0);
  sum[0] += sum[1];
  high[0] = (high[0] - bin) + (high[1] - bin);
  low[0] += low[1];
  std::memcpy(sums.sum + lane, &sum[0], sizeof sum[0]);
  std::memcpy(sums.high + lane, &high[0], sizeof high[0]);
  std::memcpy(sums.low + lane, &low[0], sizeof low[0]);
}

template <int kLanes>
RECTIFY_INLINE void sum(const Block& block, int lane, Part part, float slope, Layer layer,
                        Sums& sums) {
  if (part == Part::above) {
    layer.all ? sum<kLanes, Part::above, true>(block, lane, slope, layer, sums)
              : sum<kLanes, Part::above, false>(block, lane, slope, layer, sums);
  } else {
    layer.all ? sum<kLanes, Part::below, true>(block, lane, slope, layer, sums)
              : sum<kLanes, Part::below, false>(block, lane, slope, layer, sums);
  }
}

template <int kLanes>
RECTIFY_INLINE void differ(const Block& a, float slope_a, const Block& b, float slope_b, int lane,
                           Differences& differences) {
  using Floats = typename Vectors<kLanes>::Floats;
  using Doubles = typename Vectors<kLanes>::Doubles;
  using Ints = typename Vectors<kLanes>::Ints;
  const Floats zero{};
  Ints count{};
  Doubles greatest{};
  for (std::size_t r = 0; r < a.rows; ++r) {
    Floats x, y;
    std::memcpy(&x, a.first + r * a.stride + lane, sizeof x);
    std::memcpy(&y, b.first + r * b.stride + lane, sizeof y);
    x = (x < zero ? x : zero) * slope_a;
    y = (y < zero ? y : zero) * slope_b;
    count -= x != y;
    Doubles difference = __builtin_convertvector(x, Doubles) - __builtin_convertvector(y, Doubles);
    difference = difference < 0.0 ? -difference : difference;
    greatest = difference > greatest ? difference : greatest;
  }
  std::memcpy(differences.count + lane, &count, sizeof count);
  std::memcpy(differences.greatest + lane, &greatest, sizeof greatest);
}

// kLanes of a block, kWide at a time where doubles are involved: GCC 12 converts floats to doubles
// one by one where these do not fit a register.
#define RECTIFY_KERNELS(name, lanes, wide, ...)                                                \
  namespace name {                                                                             \
  constexpr int kLanes = lanes;                                                                \
  constexpr int kWide = wide;                                                                  \
  __VA_ARGS__ inline void scan(const Block& block, Scan& out) {                                \
    kernel::scan<kLanes>(block, out);                                                          \
  }                                                                                            \
  __VA_ARGS__ inline void sum(const Block& block, Part part, float slope, Layer layer,         \
                              Sums& out) {                                                     \
    for (int lane = 0; lane < kLanes; lane += kWide)                                           \
      kernel::sum<kWide>(block, lane, part, slope, layer, out);                                \
  }                                                                                            \
  __VA_ARGS__ inline void differ(const Block& a, float slope_a, const Block& b, float slope_b, \
                                 Differences& out) {                                           \
    for (int lane = 0; lane < kLanes; lane += kWide)                                           \
      kernel::differ<kWide>(a, slope_a, b, slope_b, lane, out);                                \
  }                                                                                            \
  inline constexpr Functions kFunctions = {kLanes, scan, sum, differ, nullptr, nullptr};       \
  }

RECTIFY_KERNELS(anywhere, 4, 4)
#if RECTIFY_X86_KERNELS
RECTIFY_KERNELS(avx2, 8, 4, __attribute__((target("avx2,fma"))))

namespace ifma {

#define RECTIFY_IFMA __attribute__((target("avx2,fma,avx512f,avx512vl,avx512ifma")))

template <Part kPart>
RECTIFY_IFMA inline void sum_part(const Block& block, float slope, int exponent, Integers& out) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(-std::abs(slope));
  const __m512d bias = _mm512_set1_pd(std::ldexp(1.0, 52 + exponent));
  __m512i sum[2] = {}, low[2] = {}, high[2] = {};
  const auto add = [&](const float* row, int set) RECTIFY_IFMA __attribute__((always_inline)) {
    const __m256 all = _mm256_loadu_ps(row);
    // Both give zero for NaN, as their second operand is.
    const __m256 x = kPart == Part::above ? _mm256_max_ps(all, zero)
                                          : _mm256_mul_ps(_mm256_min_ps(all, zero), factor);
    const __m512i m = _mm512_castpd_si512(_mm512_add_pd(_mm512_maskz_cvtps_pd(0xFF, x), bias));
    sum[set] = _mm512_add_epi64(sum[set], m);
    low[set] = _mm512_madd52lo_epu64(low[set], m, m);  // take the 52 lower bits of m by themselves
    high[set] = _mm512_madd52hi_epu64(high[set], m, m);
  };
  const float* row = block.first;
  std::size_t r = 0;
  for (; r + 2 <= block.rows; r += 2, row += 2 * block.stride) {
    add(row, 0);
    add(row + block.stride, 1);
  }
  if (r < block.rows) add(row, 0);
  // Each m came with the bits of the bias; modulo 2^64 they go as they came.
  const auto biases = static_cast<long long>(
      block.rows * std::bit_cast<std::uint64_t>(std::ldexp(1.0, 52 + exponent)));
  sum[0] = _mm512_sub_epi64(_mm512_add_epi64(sum[0], sum[1]), _mm512_set1_epi64(biases));
  low[0] = _mm512_add_epi64(low[0], low[1]);
  high[0] = _mm512_add_epi64(high[0], high[1]);
  std::memcpy(out.sum, &sum[0], sizeof out.sum);
  std::memcpy(out.low, &low[0], sizeof out.low);
  std::memcpy(out.high, &high[0], sizeof out.high);
}

inline void sum_integers(const Block& block, Part part, float slope, int exponent, Integers& out) {
  part == Part::above ? sum_part<Part::above>(block, slope, exponent, out)
                      : sum_part<Part::below>(block, slope, exponent, out);
}

RECTIFY_IFMA inline bool add_rows(const Block& block, std::size_t lanes, float factor,
                                  const Bounds& bounds, Strip& strip) {
  const auto present = static_cast<__mmask8>((1u << lanes) - 1);
  const __m256 zero = _mm256_setzero_ps();
  const __m256 factors = _mm256_set1_ps(factor);
  const __m256i one = _mm256_set1_epi32(1);
  const __m512d bias = _mm512_set1_pd(std::ldexp(1.0, 52 + strip.exponent));
  const auto load = [](const auto& from) RECTIFY_IFMA __attribute__((always_inline)) {
    return _mm512_loadu_si512(from);
  };
  const auto load_half = [](const auto& from) RECTIFY_IFMA __attribute__((always_inline)) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  };
  __m512i above = load(strip.above), below = load(strip.below);
  __m512i above_low = load(strip.above_low), below_low = load(strip.below_low);
  __m512i above_high = load(strip.above_high), below_high = load(strip.below_high);
  __m256i positive = load_half(strip.positive), negative = load_half(strip.negative);
  __m256i nan = load_half(strip.nan);
  __m256 highest = _mm256_loadu_ps(strip.highest), lowest = _mm256_loadu_ps(strip.lowest);
  __m256 least_positive = _mm256_loadu_ps(strip.least_positive);
  __m256 greatest_negative = _mm256_loadu_ps(strip.greatest_negative);
  const float* x = block.first;
  const float* ahead = block.ahead;
  for (std::size_t r = 0; r < block.rows; ++r, x += block.stride, ahead += block.ahead_stride) {
    __builtin_prefetch(ahead, 0, 3);
    const __m256 all = _mm256_maskz_loadu_ps(present, x);
    const __mmask8 is_positive = _mm256_cmp_ps_mask(all, zero, _CMP_GT_OQ);
    const __mmask8 is_negative = _mm256_cmp_ps_mask(all, zero, _CMP_LT_OQ);
    const __mmask8 is_nan = _mm256_cmp_ps_mask(all, all, _CMP_UNORD_Q);
    positive = _mm256_mask_add_epi32(positive, is_positive, positive, one);
    negative = _mm256_mask_add_epi32(negative, is_negative, negative, one);
    nan = _mm256_mask_add_epi32(nan, is_nan, nan, one);
    // Both give their second operand for NaN.
    highest = _mm256_max_ps(all, highest);
    lowest = _mm256_min_ps(all, lowest);
    least_positive = _mm256_mask_min_ps(least_positive, is_positive, all, least_positive);
    greatest_negative = _mm256_mask_max_ps(greatest_negative, is_negative, all, greatest_negative);
    const __m256 y = _mm256_mask_mul_ps(all, is_negative, all, factors);
    const __m512i m = _mm512_castpd_si512(_mm512_add_pd(_mm512_maskz_cvtps_pd(0xFF, y), bias));
    above = _mm512_mask_add_epi64(above, is_positive, above, m);
    below = _mm512_mask_add_epi64(below, is_negative, below, m);
    above_low = _mm512_mask_madd52lo_epu64(above_low, is_positive, m, m);
    above_high = _mm512_mask_madd52hi_epu64(above_high, is_positive, m, m);
    below_low = _mm512_mask_madd52lo_epu64(below_low, is_negative, m, m);
    below_high = _mm512_mask_madd52hi_epu64(below_high, is_negative, m, m);
  }
  const auto outside = static_cast<unsigned>(
      _mm256_cmp_ps_mask(highest, _mm256_set1_ps(bounds.beyond), _CMP_GE_OQ) |
      _mm256_cmp_ps_mask(least_positive, _mm256_set1_ps(bounds.least), _CMP_LT_OQ) |
      _mm256_cmp_ps_mask(lowest, _mm256_set1_ps(-bounds.beyond_below), _CMP_LE_OQ) |
      _mm256_cmp_ps_mask(greatest_negative, _mm256_set1_ps(-bounds.least_below), _CMP_GT_OQ));
  if ((outside & present) != 0) return false;
  const auto store = [](auto& to, __m512i from) RECTIFY_IFMA __attribute__((always_inline)) {
    _mm512_storeu_si512(to, from);
  };
  const auto store_half = [](auto& to, __m256i from) RECTIFY_IFMA __attribute__((always_inline)) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), from);
  };
  store(strip.above, above);
  store(strip.below, below);
  store(strip.above_low, above_low);
  store(strip.below_low, below_low);
  store(strip.above_high, above_high);
  store(strip.below_high, below_high);
  store_half(strip.positive, positive);
  store_half(strip.negative, negative);
  store_half(strip.nan, nan);
  _mm256_storeu_ps(strip.highest, highest);
  _mm256_storeu_ps(strip.lowest, lowest);
  _mm256_storeu_ps(strip.least_positive, least_positive);
  _mm256_storeu_ps(strip.greatest_negative, greatest_negative);
  strip.rows += static_cast<std::uint32_t>(block.rows);
  return true;
}

inline constexpr Functions kFunctions = {avx2::kLanes, avx2::scan,   avx2::sum,
                                         avx2::differ, sum_integers, add_rows};

#undef RECTIFY_IFMA

}  // namespace ifma
#endif

#undef RECTIFY_KERNELS
#undef RECTIFY_INLINE

/// All that this processor can run, the fastest last.
struct List {
  const Functions* functions[3];
  std::size_t count;
};
inline List available() {
  List list{{&anywhere::kFunctions}, 1};
#if RECTIFY_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    list.functions[list.count++] = &avx2::kFunctions;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512ifma"))
      list.functions[list.count++] = &ifma::kFunctions;
  }
#endif
  return list;
}

inline const Functions& best() {
  static const Functions& chosen = [&]() -> const Functions& {
    const List list = available();
    return *list.functions[list.count - 1];
  }();
  return chosen;
}

}  // namespace rectify::kernel
