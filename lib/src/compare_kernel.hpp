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
    nan -= x != x;
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
  inline constexpr Functions kFunctions = {kLanes, scan, sum, differ, nullptr};                \
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

inline constexpr Functions kFunctions = {avx2::kLanes, avx2::scan, avx2::sum, avx2::differ,
                                         sum_integers};

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
