// The kernels of exact.hpp, written once in the compilers' vectors and compiled for four lanes at a
// time anywhere and for eight with AVX2; with AVX-512's IFMA sums are of integers. Every product
// that is added to is exact in a double (of pieces, of float32, with a power of two), so that fusing
// it with the addition (-ffp-contract) changes nothing and is welcome; a product with a slope, which
// is rounded, is added to nothing.

#include "kernels/exact.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "dispatch.hpp"
#include "kernels/target.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify::inline v1::kernel {
namespace {

// Not one template: GCC 12 takes no vector_size that depends on a parameter here.
template <int kWide>
struct Vectors;
template <>
struct Vectors<2> {
  using Floats = float __attribute__((vector_size(8)));
  using Doubles = double __attribute__((vector_size(16)));
  using Longs = std::int64_t __attribute__((vector_size(16)));
  using Ints = std::int32_t __attribute__((vector_size(8)));
};
template <>
struct Vectors<4> {
  using Floats = float __attribute__((vector_size(16)));
  using Doubles = double __attribute__((vector_size(32)));
  using Longs = std::int64_t __attribute__((vector_size(32)));
  using Ints = std::int32_t __attribute__((vector_size(16)));
};
template <>
struct Vectors<8> {
  using Floats = float __attribute__((vector_size(32)));
  using Doubles = double __attribute__((vector_size(64)));
  using Longs = std::int64_t __attribute__((vector_size(64)));
  using Ints = std::int32_t __attribute__((vector_size(32)));
};

template <int kWide, class T>
RECTIFY_INLINE void scan(const BlockOf<T>& block, std::size_t lane, ScanOf<T>& scan) {
  using Of = Vectors<kWide>;
  constexpr bool kFloat = std::is_same_v<T, float>;
  using Values = std::conditional_t<kFloat, typename Of::Floats, typename Of::Doubles>;
  using Counts = std::conditional_t<kFloat, typename Of::Ints, typename Of::Longs>;
  const Values zero{};
  const Values infinite = zero + std::numeric_limits<T>::infinity();
  Counts positive{}, negative{}, nan{};
  Values highest = -infinite, lowest = infinite;
  Values least_positive = infinite, greatest_negative = -infinite;
  for (std::size_t r = 0; r < block.rows; ++r) {
    const T* const row = block.first + r * block.stride + lane;
    if (lane == 0) __builtin_prefetch(block.ahead + r * block.ahead_stride, 0, 2);
    Values x;
    std::memcpy(&x, row, sizeof x);
    const Counts is_positive = x > zero;
    const Counts is_negative = x < zero;
    positive -= is_positive;
    negative -= is_negative;
    nan -= x != x;  // NOLINT(misc-redundant-expression): true for NaN alone
    // The form of the minimum and maximum instructions, which pass over a NaN that stands first.
    highest = x > highest ? x : highest;
    lowest = x < lowest ? x : lowest;
    const Values above = is_positive ? x : infinite;
    const Values below = is_negative ? x : -infinite;
    least_positive = above < least_positive ? above : least_positive;
    greatest_negative = below > greatest_negative ? below : greatest_negative;
  }
  std::memcpy(scan.positive + lane, &positive, sizeof positive);
  std::memcpy(scan.negative + lane, &negative, sizeof negative);
  std::memcpy(scan.nan + lane, &nan, sizeof nan);
  std::memcpy(scan.highest + lane, &highest, sizeof highest);
  std::memcpy(scan.lowest + lane, &lowest, sizeof lowest);
  std::memcpy(scan.least_positive + lane, &least_positive, sizeof least_positive);
  std::memcpy(scan.greatest_negative + lane, &greatest_negative, sizeof greatest_negative);
}

/// Calls add(row, set) for each row of a block, from the lane on, with 0 and 1 in turn: what is added to
/// two sets need not wait for itself.
template <class Add>
RECTIFY_INLINE void by_twos(const Block& block, std::size_t lane, const Add& add) {
  const float* row = block.first + lane;
  std::size_t r = 0;
  for (; r + 2 <= block.rows; r += 2, row += 2 * block.stride) {
    add(row, 0);
    add(row + block.stride, 1);
  }
  if (r < block.rows) add(row, 0);
}

template <int kWide, Part kPart, bool kAll>
RECTIFY_INLINE void sum(const Block& block, std::size_t lane, float slope, Layer layer,
                        Sums& sums) {
  using Floats = typename Vectors<kWide>::Floats;
  using Doubles = typename Vectors<kWide>::Doubles;
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
  by_twos(block, lane, add);
  sum[0] += sum[1];
  high[0] = (high[0] - bin) + (high[1] - bin);
  low[0] += low[1];
  std::memcpy(sums.sum + lane, &sum[0], sizeof sum[0]);
  std::memcpy(sums.high + lane, &high[0], sizeof high[0]);
  std::memcpy(sums.low + lane, &low[0], sizeof low[0]);
}

template <int kWide>
RECTIFY_INLINE void sum(const Block& block, std::size_t lane, Part part, float slope, Layer layer,
                        Sums& sums) {
  if (part == Part::above) {
    layer.all ? sum<kWide, Part::above, true>(block, lane, slope, layer, sums)
              : sum<kWide, Part::above, false>(block, lane, slope, layer, sums);
  } else {
    layer.all ? sum<kWide, Part::below, true>(block, lane, slope, layer, sums)
              : sum<kWide, Part::below, false>(block, lane, slope, layer, sums);
  }
}

// To add these to an integer and take them away again rounds it to multiples of 2^46 and 2^23.
constexpr double kCoarse = 0x1.8p98;
constexpr double kFine = 0x1.8p75;

template <int kWide, Part kPart, bool kAll>
RECTIFY_INLINE void sum_doubles(const BlockOf<double>& block, std::size_t lane,
                                const double* scales, DoubleSums& sums) {
  using Doubles = typename Vectors<kWide>::Doubles;
  const Doubles zero{};
  const Doubles coarse = zero + kCoarse;
  const Doubles fine = zero + kFine;
  const Doubles least = zero + 0x1p104;
  const Doubles beyond = zero + 0x1p136;
  Doubles scale;
  std::memcpy(&scale, scales + lane, sizeof scale);
  Doubles a_sum{}, b_sum{}, c_sum{}, aa{}, ab{}, ac{}, bb{}, bc{}, cc{};
  const double* row = block.first + lane;
  for (std::size_t r = 0; r < block.rows; ++r, row += block.stride) {
    Doubles n;
    std::memcpy(&n, row, sizeof n);
    if constexpr (kPart == Part::above) {
      n = (n > zero ? n : zero) * scale;
    } else {
      n = (n < zero ? n : zero) * scale;
    }
    if constexpr (!kAll) {
      // By squares, which have no sign. Of two masks GCC 12 would make code lane by lane.
      const Doubles square = n * n;
      n = square < beyond ? n : zero;
      n = n * n < least ? zero : n;
    }
    const Doubles a = (n + coarse) - coarse;
    const Doubles rest = n - a;
    const Doubles b = (rest + fine) - fine;
    const Doubles c = rest - b;
    a_sum += a;
    b_sum += b;
    c_sum += c;
    aa += a * a;
    ab += a * b;
    ac += a * c;
    bb += b * b;
    bc += b * c;
    cc += c * c;
  }
  std::memcpy(sums.a + lane, &a_sum, sizeof a_sum);
  std::memcpy(sums.b + lane, &b_sum, sizeof b_sum);
  std::memcpy(sums.c + lane, &c_sum, sizeof c_sum);
  std::memcpy(sums.aa + lane, &aa, sizeof aa);
  std::memcpy(sums.ab + lane, &ab, sizeof ab);
  std::memcpy(sums.ac + lane, &ac, sizeof ac);
  std::memcpy(sums.bb + lane, &bb, sizeof bb);
  std::memcpy(sums.bc + lane, &bc, sizeof bc);
  std::memcpy(sums.cc + lane, &cc, sizeof cc);
}

template <int kWide>
RECTIFY_INLINE void sum_doubles(const BlockOf<double>& block, std::size_t lane, Part part,
                                const double* scales, bool all, DoubleSums& sums) {
  if (part == Part::above) {
    all ? sum_doubles<kWide, Part::above, true>(block, lane, scales, sums)
        : sum_doubles<kWide, Part::above, false>(block, lane, scales, sums);
  } else {
    all ? sum_doubles<kWide, Part::below, true>(block, lane, scales, sums)
        : sum_doubles<kWide, Part::below, false>(block, lane, scales, sums);
  }
}

template <int kScanned, int kWide>
RECTIFY_INLINE void total(const Block& block, std::size_t lane, Totals& totals) {
  using Floats = typename Vectors<kScanned>::Floats;
  using Ints = typename Vectors<kScanned>::Ints;
  using Doubles = typename Vectors<kWide>::Doubles;
  constexpr std::size_t kParts = kScanned / kWide;
  const Floats infinite = Floats{} + std::numeric_limits<float>::infinity();
  Ints zero{};
  Floats least = infinite, greatest{};
  Doubles sum[2][kParts] = {};
  const auto add = [&](const float* row, int set) __attribute__((always_inline)) {
    Floats x;
    std::memcpy(&x, row, sizeof x);
    const Ints is_zero = x == 0.0f;
    zero -= is_zero;
    const Floats size = __builtin_bit_cast(Floats, __builtin_bit_cast(Ints, x) & 0x7FFFFFFF);
    greatest = size > greatest ? size : greatest;
    const Floats present = is_zero ? infinite : size;
    least = present < least ? present : least;
    for (std::size_t p = 0; p < kParts; ++p) {
      typename Vectors<kWide>::Floats part;
      std::memcpy(&part, row + p * kWide, sizeof part);
      sum[set][p] += __builtin_convertvector(part, Doubles);
    }
  };
  by_twos(block, lane, add);
  for (std::size_t p = 0; p < kParts; ++p) sum[0][p] += sum[1][p];
  std::memcpy(totals.zero + lane, &zero, sizeof zero);
  std::memcpy(totals.least + lane, &least, sizeof least);
  std::memcpy(totals.greatest + lane, &greatest, sizeof greatest);
  std::memcpy(totals.sum + lane, &sum[0], sizeof sum[0]);
}

/// In float first: rounding keeps the order, so that the greatest difference is among those that
/// are the greatest in float, too. Only a few rows are then looked at in double.
template <int kWide>
RECTIFY_INLINE void differ(const Block& a, const Block& b, std::size_t lane,
                           Differences& differences) {
  using Floats = typename Vectors<kWide>::Floats;
  using Ints = typename Vectors<kWide>::Ints;
  constexpr std::size_t kTogether = 16;
  const auto load = [&](const Block& block, std::size_t r, Floats& x)
      __attribute__((always_inline)) {
    std::memcpy(&x, block.first + r * block.stride + lane, sizeof x);
  };
  const auto distance =
      [](const Floats& x, const Floats& y, Floats& d) __attribute__((always_inline)) {
    d = __builtin_bit_cast(Floats, __builtin_bit_cast(Ints, x - y) & 0x7FFFFFFF);
  };
  Ints count{};
  Floats widest{};
  for (std::size_t r = 0; r < a.rows; ++r) {
    Floats x, y, d;
    load(a, r, x);
    load(b, r, y);
    count -= x != y;
    distance(x, y, d);
    widest = d > widest ? d : widest;
  }
  std::memcpy(differences.count + lane, &count, sizeof count);
  double greatest[static_cast<std::size_t>(kWide)] = {};
  widest = widest > 0.0f ? widest : Floats{} - 1.0f;  // -1: where there are none
  for (std::size_t begin = 0; begin < a.rows; begin += kTogether) {
    const std::size_t end = std::min(a.rows, begin + kTogether);
    Ints found{};
    for (std::size_t r = begin; r < end; ++r) {
      Floats x, y, d;
      load(a, r, x);
      load(b, r, y);
      distance(x, y, d);
      found |= d == widest;
    }
    std::uint64_t any[sizeof found / sizeof(std::uint64_t)];
    std::memcpy(any, &found, sizeof any);
    std::uint64_t all = 0;
    for (const std::uint64_t some : any) all |= some;
    if (all == 0) continue;
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t l = 0; l < kWide; ++l) {
        const double x = a.first[r * a.stride + lane + l];
        const double d = std::abs(x - b.first[r * b.stride + lane + l]);
        greatest[l] = d > greatest[l] ? d : greatest[l];
      }
    }
  }
  std::memcpy(differences.greatest + lane, greatest, sizeof greatest);
}

// kScanned lanes at a time, and kWide where doubles are involved: GCC 12 converts floats to doubles
// one by one where these do not fit a register.
#define RECTIFY_DOUBLE_KERNELS(wide, ...)                                                     \
  __VA_ARGS__ void scan_doubles(const BlockOf<double>& block, ScanOf<double>& out) {          \
    for (std::size_t lane = 0; lane < block.width; lane += wide)                              \
      kernel::scan<wide>(block, lane, out);                                                   \
  }                                                                                           \
  __VA_ARGS__ void sum_doubles(const BlockOf<double>& block, Part part, const double* scales, \
                               bool all, DoubleSums& out) {                                   \
    for (std::size_t lane = 0; lane < block.width; lane += wide)                              \
      kernel::sum_doubles<wide>(block, lane, part, scales, all, out);                         \
  }

#define RECTIFY_KERNELS(name, scanned, wide, ...)                                                  \
  namespace name {                                                                                 \
  __VA_ARGS__ void scan(const Block& block, Scan& out) {                                           \
    for (std::size_t lane = 0; lane < block.width; lane += scanned)                                \
      kernel::scan<scanned>(block, lane, out);                                                     \
  }                                                                                                \
  __VA_ARGS__ void sum(const Block& block, Part part, float slope, Layer layer, Sums& out) {       \
    for (std::size_t lane = 0; lane < block.width; lane += wide)                                   \
      kernel::sum<wide>(block, lane, part, slope, layer, out);                                     \
  }                                                                                                \
  __VA_ARGS__ void total(const Block& block, Totals& out) {                                        \
    for (std::size_t lane = 0; lane < block.width; lane += scanned)                                \
      kernel::total<scanned, wide>(block, lane, out);                                              \
  }                                                                                                \
  __VA_ARGS__ void differ(const Block& a, const Block& b, Differences& out) {                      \
    for (std::size_t lane = 0; lane < a.width; lane += scanned)                                    \
      kernel::differ<scanned>(a, b, lane, out);                                                    \
  }                                                                                                \
  RECTIFY_DOUBLE_KERNELS(wide, __VA_ARGS__)                                                        \
  constexpr Functions kFunctions = {scan,        sum,     total,   differ,  nullptr, scan_doubles, \
                                    sum_doubles, nullptr, nullptr, nullptr, nullptr};              \
  }

RECTIFY_KERNELS(anywhere, 4, 2)
#if RECTIFY_X86_KERNELS
RECTIFY_KERNELS(avx2, 8, 4, __attribute__((target("avx2,fma"))))

namespace ifma {

#define RECTIFY_IFMA __attribute__((target("avx2,fma,avx512f,avx512vl,avx512bw,avx512ifma")))

template <Part kPart>
RECTIFY_IFMA void sum_part(const Block& block, std::size_t lane, float slope, int exponent,
                           Integers& out) {
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
  const float* row = block.first + lane;
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
  std::memcpy(out.sum + lane, &sum[0], sizeof sum[0]);
  std::memcpy(out.low + lane, &low[0], sizeof low[0]);
  std::memcpy(out.high + lane, &high[0], sizeof high[0]);
}

void sum_integers(const Block& block, Part part, float slope, int exponent, Integers& out) {
  for (std::size_t lane = 0; lane < block.width; lane += 8) {
    part == Part::above ? sum_part<Part::above>(block, lane, slope, exponent, out)
                        : sum_part<Part::below>(block, lane, slope, exponent, out);
  }
}

RECTIFY_DOUBLE_KERNELS(8, RECTIFY_IFMA)

/// Eight values of a row, of which those that are not `present` are not read.
RECTIFY_IFMA inline __m256 load(const float* x, __mmask8 present) {
  return _mm256_maskz_loadu_ps(present, x);
}
RECTIFY_IFMA inline __m256 load(const float16* x, __mmask8 present) {
  return _mm256_maskz_cvtph_ps(0xFF, _mm_maskz_loadu_epi16(present, x));
}
RECTIFY_IFMA inline __m256 load(const bfloat16* x, __mmask8 present) {
  const __m128i bits = _mm_maskz_loadu_epi16(present, x);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/// Rounds numbers, not NaN, to 16 bits and back: nearest, ties to even.
template <class T>
RECTIFY_IFMA inline __m256 rounded(__m256 x) {
  if constexpr (std::is_same_v<T, float16>) {
    return _mm256_maskz_cvtph_ps(0xFF, _mm256_maskz_cvtps_ph(0xFF, x, _MM_FROUND_TO_NEAREST_INT));
  } else {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    return _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(-0x10000)));
  }
}

RECTIFY_IFMA inline __m512i load(const std::uint64_t* from) { return _mm512_loadu_si512(from); }
RECTIFY_IFMA inline __m256i load(const std::int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
RECTIFY_IFMA inline void store(std::uint64_t* to, __m512i from) { _mm512_storeu_si512(to, from); }
RECTIFY_IFMA inline void store(std::int32_t* to, __m256i from) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), from);
}

template <class T>
RECTIFY_IFMA bool add_rows(const BlockOf<T>& block, const Rule<float>& rule, Strip<float>& strip) {
  const auto present = static_cast<__mmask8>((1u << std::min(block.width, kStripLanes)) - 1);
  const __m256 zero = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(rule.factor);
  const __m256 unit = _mm256_set1_ps(rule.unit);
  const __m256i one = _mm256_set1_epi32(1);
  const __m512d bias = _mm512_set1_pd(std::ldexp(1.0, 52 + strip.exponent));
  __m512i above = load(strip.above.sum), below = load(strip.below.sum);
  __m512i above_low = load(strip.above.low), below_low = load(strip.below.low);
  __m512i above_high = load(strip.above.high), below_high = load(strip.below.high);
  __m256i positive = load(strip.positive), negative = load(strip.negative);
  __m256i nan = load(strip.nan);
  __m256 highest = _mm256_loadu_ps(strip.highest), lowest = _mm256_loadu_ps(strip.lowest);
  __m256 least_positive = _mm256_loadu_ps(strip.least_positive);
  __m256 greatest_negative = _mm256_loadu_ps(strip.greatest_negative);
  const T* x = block.first;
  const T* ahead = block.ahead;
  for (std::size_t r = 0; r < block.rows; ++r, x += block.stride, ahead += block.ahead_stride) {
    __builtin_prefetch(ahead, 0, 3);
    const __m256 all = load(x, present);
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
    __m256 y;
    if constexpr (is_half<T>) {
      y = _mm256_mask_mul_ps(all, is_negative, rounded<T>(_mm256_mul_ps(all, factor)), unit);
    } else {
      y = _mm256_mask_mul_ps(all, is_negative, all, factor);
    }
    const __m512i m = _mm512_castpd_si512(_mm512_add_pd(_mm512_maskz_cvtps_pd(0xFF, y), bias));
    above = _mm512_mask_add_epi64(above, is_positive, above, m);
    below = _mm512_mask_add_epi64(below, is_negative, below, m);
    above_low = _mm512_mask_madd52lo_epu64(above_low, is_positive, m, m);
    above_high = _mm512_mask_madd52hi_epu64(above_high, is_positive, m, m);
    below_low = _mm512_mask_madd52lo_epu64(below_low, is_negative, m, m);
    below_high = _mm512_mask_madd52hi_epu64(below_high, is_negative, m, m);
  }
  const auto outside = static_cast<unsigned>(
      _mm256_cmp_ps_mask(highest, _mm256_set1_ps(rule.beyond), _CMP_GE_OQ) |
      _mm256_cmp_ps_mask(least_positive, _mm256_set1_ps(rule.least), _CMP_LT_OQ) |
      _mm256_cmp_ps_mask(lowest, _mm256_set1_ps(-rule.beyond_below), _CMP_LE_OQ) |
      _mm256_cmp_ps_mask(greatest_negative, _mm256_set1_ps(-rule.least_below), _CMP_GT_OQ));
  if ((outside & present) != 0) return false;
  store(strip.above.sum, above);
  store(strip.below.sum, below);
  store(strip.above.low, above_low);
  store(strip.below.low, below_low);
  store(strip.above.high, above_high);
  store(strip.below.high, below_high);
  store(strip.positive, positive);
  store(strip.negative, negative);
  store(strip.nan, nan);
  _mm256_storeu_ps(strip.highest, highest);
  _mm256_storeu_ps(strip.lowest, lowest);
  _mm256_storeu_ps(strip.least_positive, least_positive);
  _mm256_storeu_ps(strip.greatest_negative, greatest_negative);
  strip.rows += static_cast<std::uint32_t>(block.rows);
  return true;
}

/// The sums of Pieces in registers.
struct PieceSums {
  __m512d a, b, c, aa, ab, ac, bb, bc, cc;

  RECTIFY_IFMA RECTIFY_ALWAYS_INLINE explicit PieceSums(const Pieces<kStripLanes>& from)
      : a(_mm512_loadu_pd(from.a)),
        b(_mm512_loadu_pd(from.b)),
        c(_mm512_loadu_pd(from.c)),
        aa(_mm512_loadu_pd(from.aa)),
        ab(_mm512_loadu_pd(from.ab)),
        ac(_mm512_loadu_pd(from.ac)),
        bb(_mm512_loadu_pd(from.bb)),
        bc(_mm512_loadu_pd(from.bc)),
        cc(_mm512_loadu_pd(from.cc)) {}

  RECTIFY_IFMA RECTIFY_ALWAYS_INLINE void add(__mmask8 which, const __m512d& x, const __m512d& y,
                                              const __m512d& z) {
    a = _mm512_mask_add_pd(a, which, a, x);
    b = _mm512_mask_add_pd(b, which, b, y);
    c = _mm512_mask_add_pd(c, which, c, z);
    aa = _mm512_mask3_fmadd_pd(x, x, aa, which);
    ab = _mm512_mask3_fmadd_pd(x, y, ab, which);
    ac = _mm512_mask3_fmadd_pd(x, z, ac, which);
    bb = _mm512_mask3_fmadd_pd(y, y, bb, which);
    bc = _mm512_mask3_fmadd_pd(y, z, bc, which);
    cc = _mm512_mask3_fmadd_pd(z, z, cc, which);
  }

  RECTIFY_IFMA RECTIFY_ALWAYS_INLINE void store(Pieces<kStripLanes>& to) const {
    _mm512_storeu_pd(to.a, a);
    _mm512_storeu_pd(to.b, b);
    _mm512_storeu_pd(to.c, c);
    _mm512_storeu_pd(to.aa, aa);
    _mm512_storeu_pd(to.ab, ab);
    _mm512_storeu_pd(to.ac, ac);
    _mm512_storeu_pd(to.bb, bb);
    _mm512_storeu_pd(to.bc, bc);
    _mm512_storeu_pd(to.cc, cc);
  }
};

RECTIFY_IFMA bool add_double_rows(const BlockOf<double>& block, const Rule<double>& rule,
                                  Strip<double>& strip) {
  const auto present = static_cast<__mmask8>((1u << std::min(block.width, kStripLanes)) - 1);
  const __m512d zero = _mm512_setzero_pd();
  const __m512d factor = _mm512_set1_pd(rule.factor);
  const __m512d unit = _mm512_set1_pd(rule.unit);
  const __m512d scale = _mm512_set1_pd(std::ldexp(1.0, -strip.exponent));
  const __m512d coarse = _mm512_set1_pd(kCoarse);
  const __m512d fine = _mm512_set1_pd(kFine);
  const __m256i one = _mm256_set1_epi32(1);
  PieceSums above(strip.above), below(strip.below);
  __m256i positive = load(strip.positive), negative = load(strip.negative);
  __m256i nan = load(strip.nan);
  __m512d highest = _mm512_loadu_pd(strip.highest), lowest = _mm512_loadu_pd(strip.lowest);
  __m512d least_positive = _mm512_loadu_pd(strip.least_positive);
  __m512d greatest_negative = _mm512_loadu_pd(strip.greatest_negative);
  const double* x = block.first;
  const double* ahead = block.ahead;
  for (std::size_t r = 0; r < block.rows; ++r, x += block.stride, ahead += block.ahead_stride) {
    __builtin_prefetch(ahead, 0, 3);
    const __m512d all = _mm512_maskz_loadu_pd(present, x);
    const __mmask8 is_positive = _mm512_cmp_pd_mask(all, zero, _CMP_GT_OQ);
    const __mmask8 is_negative = _mm512_cmp_pd_mask(all, zero, _CMP_LT_OQ);
    const __mmask8 is_nan = _mm512_cmp_pd_mask(all, all, _CMP_UNORD_Q);
    positive = _mm256_mask_add_epi32(positive, is_positive, positive, one);
    negative = _mm256_mask_add_epi32(negative, is_negative, negative, one);
    nan = _mm256_mask_add_epi32(nan, is_nan, nan, one);
    highest = _mm512_maskz_max_pd(0xFF, all, highest);
    lowest = _mm512_maskz_min_pd(0xFF, all, lowest);
    least_positive = _mm512_mask_min_pd(least_positive, is_positive, all, least_positive);
    greatest_negative = _mm512_mask_max_pd(greatest_negative, is_negative, all, greatest_negative);
    const __m512d y = _mm512_mask_mul_pd(all, is_negative, _mm512_mul_pd(all, factor), unit);
    const __m512d n = _mm512_mul_pd(y, scale);
    const __m512d a = _mm512_sub_pd(_mm512_add_pd(n, coarse), coarse);
    const __m512d rest = _mm512_sub_pd(n, a);
    const __m512d b = _mm512_sub_pd(_mm512_add_pd(rest, fine), fine);
    const __m512d c = _mm512_sub_pd(rest, b);
    above.add(is_positive, a, b, c);
    below.add(is_negative, a, b, c);
  }
  const auto outside = static_cast<unsigned>(
      _mm512_cmp_pd_mask(highest, _mm512_set1_pd(rule.beyond), _CMP_GE_OQ) |
      _mm512_cmp_pd_mask(least_positive, _mm512_set1_pd(rule.least), _CMP_LT_OQ) |
      _mm512_cmp_pd_mask(lowest, _mm512_set1_pd(-rule.beyond_below), _CMP_LE_OQ) |
      _mm512_cmp_pd_mask(greatest_negative, _mm512_set1_pd(-rule.least_below), _CMP_GT_OQ));
  if ((outside & present) != 0) return false;
  above.store(strip.above);
  below.store(strip.below);
  store(strip.positive, positive);
  store(strip.negative, negative);
  store(strip.nan, nan);
  _mm512_storeu_pd(strip.highest, highest);
  _mm512_storeu_pd(strip.lowest, lowest);
  _mm512_storeu_pd(strip.least_positive, least_positive);
  _mm512_storeu_pd(strip.greatest_negative, greatest_negative);
  strip.rows += static_cast<std::uint32_t>(block.rows);
  return true;
}

}  // namespace ifma

#undef RECTIFY_IFMA
#endif

#undef RECTIFY_KERNELS
#undef RECTIFY_DOUBLE_KERNELS

template <class T>
struct MultiplyBelow {
  using C = Compute<T>;

  RECTIFY_INLINE static void run(const BlockOf<C>* block, C slope, C* to) {
    std::size_t rows = block->rows;
    std::size_t lanes = (block->width + 7) / 8 * 8;
    if (block->stride == kLanes && lanes == kLanes) lanes *= std::exchange(rows, 1);
    for (std::size_t r = 0; r < rows; ++r, to += kLanes) {
      const C* const row = block->first + r * block->stride;
      if constexpr (is_half<T>) {
        // Back and forth in a loop each: both in one GCC 12 does not vectorize.
        constexpr std::size_t kTogether = 256;
        for (std::size_t l = 0; l < lanes; l += kTogether) {
          const std::size_t n = std::min(kTogether, lanes - l);
          T y[kTogether];
          RECTIFY_INDEPENDENT
          for (std::size_t i = 0; i < n; ++i)
            y[i] = narrow<T>((row[l + i] < 0 ? row[l + i] : C{0}) * slope);
          RECTIFY_INDEPENDENT
          for (std::size_t i = 0; i < n; ++i) to[l + i] = widen(y[i]);
        }
      } else {
        RECTIFY_INDEPENDENT
        for (std::size_t l = 0; l < lanes; ++l) to[l] = (row[l] < 0 ? row[l] : C{0}) * slope;
      }
    }
  }
};

constexpr Functions kFunctions[] = {
    anywhere::kFunctions,
#if RECTIFY_X86_KERNELS
    avx2::kFunctions,
    {avx2::scan, avx2::sum, avx2::total, avx2::differ, ifma::sum_integers, ifma::scan_doubles,
     ifma::sum_doubles, ifma::add_rows<float>, ifma::add_rows<float16>, ifma::add_rows<bfloat16>,
     ifma::add_double_rows},
#endif
};

}  // namespace

template <class T>
void multiply_below(const BlockOf<Compute<T>>& block, Compute<T> slope, Compute<T>* to) {
  run_on_target<MultiplyBelow<T>>(&block, slope, to);
}
template void multiply_below<float16>(const Block&, float, float*);
template void multiply_below<bfloat16>(const Block&, float, float*);
template void multiply_below<double>(const BlockOf<double>&, double, double*);

std::span<const Functions> available() {
  return std::span(kFunctions).first(static_cast<std::size_t>(target()) + 1);
}

const Functions& best() {
  static const Functions& chosen = available().back();
  return chosen;
}

}  // namespace rectify::inline v1::kernel
