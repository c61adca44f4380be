// torch.randn, bit for bit: the uniform numbers of torch's MT19937 generator, turned into pairs of
// normal ones by Box and Muller's method in the arithmetic that PyTorch uses for the dtype.
// float32 follows PyTorch's AVX2 kernel on every machine: its polynomials with a fused
// multiply-add just where std::fma stands, hence this file is compiled with -ffp-contract=off.
// float16 and bfloat16 are float32's numbers, rounded. float64, and draws of fewer than 16 numbers,
// call the C library, as PyTorch does; another libm may differ in the last place.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <utility>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/error.hpp"
#include "rectify/random.hpp"

namespace rectify::inline v1 {
namespace {

constexpr double kTwoPi = 2.0 * std::numbers::pi;

/// Draws of at least a block are transformed block by block, the first half with the second.
constexpr std::size_t kHalfBlock = 8;
constexpr std::size_t kBlock = 2 * kHalfBlock;

// ---- Uniform numbers: ATen/core/DistributionsHelper.h, uniform_real_distribution ----

/// The lowest `Digits` bits of some random ones as a fraction in [0, 1). A type with so many digits
/// holds it exactly.
template <int Digits>
double fraction(std::uint64_t bits) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << Digits;
  return static_cast<double>(bits & (kOne - 1)) / static_cast<double>(kOne);
}

template <class T>
T uniform(std::mt19937& words);

template <>
double uniform(std::mt19937& words) {
  const std::uint64_t high = words();
  const std::uint64_t low = words();
  return fraction<53>(high << 32 | low);
}

template <>
float uniform(std::mt19937& words) {
  return static_cast<float>(fraction<24>(words()));
}

// ---- float32: aten/src/ATen/native/cpu/avx_mathfun.h, Cephes's polynomials ----

// Always inlined, so that each is compiled for the instructions of the function that calls it.

/// log256_ps for 0 < x <= 1.
[[gnu::always_inline]] inline float natural_log(float x) {
  constexpr float kSqrtHalf = 0.707106781186547524f;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  float e = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - 126);
  const float m = std::bit_cast<float>((bits & 0x007FFFFFu) | 0x3F000000u);  // 0.5 <= m < 1
  const bool is_low = m < kSqrtHalf;
  e -= is_low ? 1.0f : 0.0f;
  const float r = (m - 1.0f) + (is_low ? m : 0.0f);
  const float z = r * r;
  float y = 7.0376836292e-2f;
  y = std::fma(y, r, -1.1514610310e-1f);
  y = std::fma(y, r, 1.1676998740e-1f);
  y = std::fma(y, r, -1.2420140846e-1f);
  y = std::fma(y, r, 1.4249322787e-1f);
  y = std::fma(y, r, -1.6668057665e-1f);
  y = std::fma(y, r, 2.0000714765e-1f);
  y = std::fma(y, r, -2.4999993993e-1f);
  y = std::fma(y, r, 3.3333331174e-1f);
  y = y * r;
  y = std::fma(y, z, e * -2.12194440e-4f);
  y = std::fma(z, -0.5f, y);
  return std::fma(e, 0.693359375f, r + y);
}

struct SineCosine {
  float sine;
  float cosine;
};

/// sincos256_ps for 0 <= x < 2 pi.
[[gnu::always_inline]] inline SineCosine sine_cosine(float x) {
  constexpr float kFourOverPi = 1.27323954473516f;
  const std::int32_t octant = (static_cast<std::int32_t>(x * kFourOverPi) + 1) & ~1;
  const float q = static_cast<float>(octant);
  // x - octant * pi/4, with pi/4 in three parts.
  x = std::fma(q, -0.78515625f, x);
  x = std::fma(q, -2.4187564849853515625e-4f, x);
  x = std::fma(q, -3.77489497744594108e-8f, x);
  const float z = x * x;
  float even = std::fma(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  even = std::fma(even, z, 4.166664568298827e-2f);
  even = even * z;
  even = std::fma(even, z, -(z * 0.5f));
  even = even + 1.0f;
  float odd = std::fma(-1.9515295891e-4f, z, 8.3321608736e-3f);
  odd = std::fma(odd, z, -1.6666654611e-1f);
  odd = odd * z;
  odd = std::fma(odd, x, x);
  const bool is_swapped = (octant & 2) != 0;
  const float sine = is_swapped ? even : odd;
  const float cosine = is_swapped ? odd : even;
  return {(octant & 4) != 0 ? -sine : sine, ((octant - 2) & 4) == 0 ? -cosine : cosine};
}

/// normal_fill_16_AVX2 for every block of a whole number of blocks. The additions of zero, here and
/// below, are torch's "+ mean": no -0.0 comes out.
[[gnu::always_inline]] inline void transform_blocks(std::span<float> data) {
  for (std::size_t start = 0; start < data.size(); start += kBlock) {
    float* block = data.data() + start;
    for (std::size_t j = 0; j < kHalfBlock; ++j) {
      const float u1 = 1.0f - block[j];
      const float u2 = block[j + kHalfBlock];
      const float radius = std::sqrt(-2.0f * natural_log(u1));
      const SineCosine at = sine_cosine(static_cast<float>(kTwoPi) * u2);
      block[j] = radius * at.cosine + 0.0f;
      block[j + kHalfBlock] = radius * at.sine + 0.0f;
    }
  }
}

#if defined(__x86_64__)
/// The same with the processor's own fused multiply-add. Where std::fma is a call, a large draw
/// takes at least twice as long.
[[gnu::target("avx2,fma")]] void transform_blocks_avx2(std::span<float> data) {
  transform_blocks(data);
}
#endif

void normal_fill(std::span<float> data) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return transform_blocks_avx2(data);
  }
#endif
  transform_blocks(data);
}

// ---- float64: aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill_16 ----

void normal_fill(std::span<double> data) {
  for (std::size_t start = 0; start < data.size(); start += kBlock) {
    double* block = data.data() + start;
    for (std::size_t j = 0; j < kHalfBlock; ++j) {
      const double u1 = 1.0 - block[j];
      const double u2 = block[j + kHalfBlock];
      const double radius = std::sqrt(-2.0 * std::log(u1));
      const double theta = kTwoPi * u2;
      block[j] = radius * std::cos(theta) + 0.0;
      block[j + kHalfBlock] = radius * std::sin(theta) + 0.0;
    }
  }
}

// ---- Draws ----

/// The next numbers of a whole number of blocks, whose words follow one another in the stream.
template <class T>
void draw_blocks(std::span<T> data, std::mt19937& words) {
  if constexpr (is_half<T>) {
    // The numbers are float32's, rounded once; some blocks at a time wait in a buffer.
    std::array<float, 64 * kBlock> buffer;
    while (!data.empty()) {
      const std::span<float> normal = std::span(buffer).first(std::min(data.size(), buffer.size()));
      draw_blocks(normal, words);
      std::transform(normal.begin(), normal.end(), data.begin(), narrow<T>);
      data = data.subspan(normal.size());
    }
  } else {
    for (T& x : data) x = uniform<T>(words);
    normal_fill(data);
  }
}

/// normal_fill: at least a block of numbers. If they are not a whole number of blocks, the last block
/// starts anew, over numbers that are normal already. float32 and float64 have drawn a uniform
/// number for each of all the others by then, 16 bits for those of the whole blocks alone.
template <class T>
void draw_large(std::span<T> data, std::mt19937& words) {
  const std::size_t rest = data.size() % kBlock;
  draw_blocks(data.first(data.size() - rest), words);
  if (rest == 0) return;
  if constexpr (!is_half<T>) {
    for (T& x : data.last(rest)) x = uniform<T>(words);
  }
  draw_blocks(data.last(kBlock), words);
}

/// ATen/core/DistributionsHelper.h, normal_distribution<double>: one number after the other, by
/// pairs of which the second, the sine, waits in `left_over`, even for the next draw.
template <class T>
void draw_small(std::span<T> data, std::mt19937& words, double& left_over, bool& has_left_over) {
  for (T& x : data) {
    double normal = left_over;
    if (!has_left_over) {
      const double u1 = uniform<double>(words);
      const double u2 = uniform<double>(words);
      const double radius = std::sqrt(-2.0 * std::log1p(-u2));
      const double theta = kTwoPi * u1;
      left_over = radius * std::sin(theta);
      normal = radius * std::cos(theta);
    }
    has_left_over = !has_left_over;
    x = narrow<T>(static_cast<Compute<T>>(normal + 0.0));
  }
}

/// The words of MT19937 that a draw of n numbers takes.
template <class T>
std::uint64_t words_of(std::size_t n, bool has_left_over) {
  if (n < kBlock) return (n + (has_left_over ? 0 : 1)) / 2 * 4;
  const std::size_t rest = n % kBlock;
  const std::size_t uniform = (is_half<T> ? n - rest : n) + (rest == 0 ? 0 : kBlock);
  return uniform * (sizeof(T) == sizeof(double) ? 2 : 1);
}

}  // namespace

Tensor randn(Shape shape, Generator& generator, DType dtype) {
  if (!is_floating_point(dtype)) {
    throw Error(ErrorKind::unsupported,
                "randn draws floating point numbers, not " + std::string(name(dtype)),
                "choose float16, bfloat16, float32 or float64");
  }
  Tensor tensor = Tensor::empty(std::move(shape), dtype);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      const std::span<T> data = tensor.data<T>();
      generator.drawn_ += words_of<T>(data.size(), generator.has_left_over_);
      if (data.size() >= kBlock) {
        draw_large(data, generator.words_);
      } else {
        draw_small(data, generator.words_, generator.left_over_, generator.has_left_over_);
      }
    }
  });
  return tensor;
}

}  // namespace rectify::inline v1
