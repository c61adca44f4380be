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
#include <cstring>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "randn.hpp"

#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

constexpr double kTwoPi = 2.0 * std::numbers::pi;

constexpr std::size_t kHalfBlock = kNormalBlock / 2;
/// So many numbers at a time stay in a core's cache.
constexpr std::size_t kPiece = 4096;

// ---- Uniform numbers: ATen/core/DistributionsHelper.h, uniform_real_distribution ----

/// The lowest 24 bits of a word as a fraction in [0, 1).
RECTIFY_INLINE float uniform(std::uint32_t word) {
  return static_cast<float>(static_cast<std::int32_t>(word & 0xFFFFFFu)) * 0x1p-24f;
}

/// The lowest 53 bits of two words.
double uniform(std::uint32_t high, std::uint32_t low) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << 53;
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) & (kOne - 1);
  return static_cast<double>(bits) / static_cast<double>(kOne);
}

double uniform(MersenneTwister& words) {
  const std::uint32_t high = words();
  return uniform(high, words());
}

// ---- float32: aten/src/ATen/native/cpu/avx_mathfun.h, Cephes's polynomials ----

// Always inlined, so that each is compiled for the instructions of the function that calls it.

/// log256_ps for 0 < x <= 1.
RECTIFY_INLINE float natural_log(float x) {
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
RECTIFY_INLINE SineCosine sine_cosine(float x) {
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

/// normal_fill_16_AVX2 of words in place, for every block of a whole number of blocks. The additions
/// of zero, here and below, are torch's "+ mean": no -0.0 comes out.
struct NormalOfWords {
  RECTIFY_INLINE static void run(float* data, std::size_t n) {
    for (float* block = data; block != data + n; block += kNormalBlock) {
      for (std::size_t j = 0; j < kHalfBlock; ++j) {
        const float u1 = 1.0f - uniform(std::bit_cast<std::uint32_t>(block[j]));
        const float u2 = uniform(std::bit_cast<std::uint32_t>(block[j + kHalfBlock]));
        const float radius = std::sqrt(-2.0f * natural_log(u1));
        const SineCosine at = sine_cosine(static_cast<float>(kTwoPi) * u2);
        block[j] = radius * at.cosine + 0.0f;
        block[j + kHalfBlock] = radius * at.sine + 0.0f;
      }
    }
  }
};

void normal_of_words(float* data, std::size_t n) { run_on_target<NormalOfWords>(data, n); }

// ---- float64: aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill_16 ----

void normal_of_words(double* data, std::size_t n) {
  const auto uniform_at = [](double words) {
    const auto [high, low] = std::bit_cast<std::array<std::uint32_t, 2>>(words);
    return uniform(high, low);
  };
  for (double* block = data; block != data + n; block += kNormalBlock) {
    for (std::size_t j = 0; j < kHalfBlock; ++j) {
      const double u1 = 1.0 - uniform_at(block[j]);
      const double u2 = uniform_at(block[j + kHalfBlock]);
      const double radius = std::sqrt(-2.0 * std::log(u1));
      const double theta = kTwoPi * u2;
      block[j] = radius * std::cos(theta) + 0.0;
      block[j + kHalfBlock] = radius * std::sin(theta) + 0.0;
    }
  }
}

// ---- Draws ----

/// ATen/core/DistributionsHelper.h, normal_distribution<double>: one number after the other, by
/// pairs of which the second, the sine, waits in `left_over`, even for the next draw.
template <class T>
void draw_small(std::span<T> data, MersenneTwister& words, double& left_over, bool& has_left_over) {
  for (T& x : data) {
    double normal = left_over;
    if (!has_left_over) {
      const double u1 = uniform(words);
      const double u2 = uniform(words);
      const double radius = std::sqrt(-2.0 * std::log1p(-u2));
      const double theta = kTwoPi * u1;
      left_over = radius * std::sin(theta);
      normal = radius * std::cos(theta);
    }
    has_left_over = !has_left_over;
    x = narrow<T>(static_cast<Compute<T>>(normal + 0.0));
  }
}

/// Words of MT19937 that a number of a large draw takes.
std::size_t words_a_number(DType dtype) { return dtype == DType::float64 ? 2 : 1; }

/// The words of MT19937 that a draw of n numbers takes.
std::uint64_t words_of(std::uint64_t n, DType dtype, bool has_left_over) {
  if (n < kNormalBlock) return (n + (has_left_over ? 0 : 1)) / 2 * 4;
  const std::uint64_t rest = n % kNormalBlock;
  const std::uint64_t uniform = (itemsize(dtype) == 2 ? n - rest : n) + (rest == 0 ? 0 : kNormalBlock);
  return uniform * words_a_number(dtype);
}

void check_dtype(DType dtype) {
  if (is_floating_point(dtype)) return;
  throw Error(ErrorKind::unsupported,
              "randn draws floating point numbers, not " + std::string(name(dtype)),
              "choose float16, bfloat16, float32 or float64");
}

/// Numbers of a piece to where they belong; float16 and bfloat16 are float32's, rounded.
template <class T>
void make(const DrawnWords& piece, std::byte* numbers, std::byte* to) {
  using C = Compute<T>;
  C* const from = reinterpret_cast<C*>(numbers);
  T* const first = reinterpret_cast<T*>(to);
  const std::size_t last_block = piece.blocks * kNormalBlock;
  normal_of_words(from, last_block + (piece.has_tail ? kNormalBlock : 0));
  const auto copy = [](const C* begin, std::size_t count, T* into) {
    std::transform(begin, begin + count, into, narrow<T>);
  };
  copy(from + piece.skip, std::min(piece.count, last_block - piece.skip), first);
  if (piece.has_tail) copy(from + last_block, kNormalBlock, first + (piece.count - kNormalBlock));
}

}  // namespace

// ---- In pieces ---------------------------------------------------------------------------------

std::size_t LargeDraw::fit(std::uint64_t count) const {
  const std::uint64_t left = n_ - drawn_;
  return static_cast<std::size_t>(left - std::min(left, count) < kNormalBlock ? left : count);
}

std::size_t LargeDraw::bytes(std::size_t count) const {
  const std::size_t most = drawn_ % kNormalBlock + count + 2 * kNormalBlock;
  return most * words_a_number(dtype_) * sizeof(std::uint32_t);
}

DrawnWords LargeDraw::draw(MersenneTwister& words, std::size_t count, std::byte* to) {
  const std::size_t a_number = words_a_number(dtype_);
  const std::size_t a_block = a_number * kNormalBlock;
  const std::size_t rest = n_ % kNormalBlock;
  const std::uint64_t end = drawn_ + count;
  DrawnWords piece;
  piece.skip = drawn_ % kNormalBlock;
  piece.count = count;
  piece.has_tail = end == n_ && rest != 0;
  const std::uint64_t last = piece.has_tail ? n_ - rest : end;
  piece.blocks = static_cast<std::size_t>((last - drawn_ + piece.skip + kNormalBlock - 1) / kNormalBlock);
  auto* const at = reinterpret_cast<std::uint32_t*>(to);
  const std::size_t carried = piece.skip == 0 ? 0 : a_block;
  std::memcpy(at, block_.data(), carried * sizeof *at);
  words.fill({at + carried, piece.blocks * a_block - carried});
  std::memcpy(block_.data(), at + (piece.blocks - 1) * a_block, a_block * sizeof *at);
  if (piece.has_tail) {
    // float32 and float64 have drawn a uniform number for each of the rest by then.
    if (itemsize(dtype_) != 2) words.discard(rest * a_number);
    words.fill({at + piece.blocks * a_block, a_block});
  }
  drawn_ = end;
  return piece;
}

void make_normal(const DrawnWords& piece, DType dtype, std::byte* words, std::byte* to) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) make<T>(piece, words, to);
  });
}

// ---- Whole -------------------------------------------------------------------------------------

std::uint64_t Noise::drawn() const {
  constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 47;
  check_dtype(dtype);
  const auto n = static_cast<std::uint64_t>(numel(shape, dtype));
  if (n >= kAddressSpace / itemsize(dtype)) {
    throw Error(ErrorKind::unsupported,
                to_string(shape) + " of " + std::string(name(dtype)) +
                    " takes more than any memory holds");
  }
  return words_of(n, dtype, false);
}

Tensor randn(Shape shape, Generator& generator, DType dtype) {
  check_dtype(dtype);
  Tensor tensor = Tensor::empty(std::move(shape), dtype);
  const auto n = static_cast<std::uint64_t>(tensor.numel());
  generator.drawn_ += words_of(n, dtype, generator.has_left_over_);
  if (n < kNormalBlock) {
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (is_floating<T>)
        draw_small(tensor.data<T>(), generator.words_, generator.left_over_,
                   generator.has_left_over_);
    });
    return tensor;
  }
  LargeDraw draw(n, dtype);
  std::vector<std::byte> words(draw.bytes(kPiece));
  std::byte* to = tensor.bytes();
  while (!draw.ended()) {
    const std::size_t count = draw.fit(kPiece);
    make_normal(draw.draw(generator.words_, count, words.data()), dtype, words.data(), to);
    to += count * itemsize(dtype);
  }
  return tensor;
}

}  // namespace rectify::inline v1
