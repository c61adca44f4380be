// Random numbers, bit for bit as PyTorch's CPU generator draws them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rectify/api.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

/// MT19937, as std::mt19937 has it: M. Matsumoto and T. Nishimura, "Mersenne Twister: A
/// 623-Dimensionally Equidistributed Uniform Pseudo-Random Number Generator", ACM TOMACS 8, 1998. Draws
/// many words at once several times as fast.
class MersenneTwister {
 public:
  explicit MersenneTwister(std::uint32_t seed);

  std::uint32_t operator()();
  /// The next words, as many as there is room for.
  void fill(std::span<std::uint32_t> words);
  /// Goes on as if `count` words had been drawn.
  void discard(std::uint64_t count);

 private:
  static constexpr std::size_t kWords = 624;
  void twist();

  std::array<std::uint32_t, kWords> state_;
  std::size_t next_ = kWords;
};

/// torch's CPU generator after manual_seed(seed): MT19937, of which only the low 32 bits of the
/// seed count, and the sine that a short draw leaves over for the next one.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : words_(static_cast<std::uint32_t>(seed)) {}

  /// How many words of MT19937 have been drawn.
  std::uint64_t drawn() const { return drawn_; }

 private:
  friend Tensor randn(Shape shape, Generator& generator, DType dtype);
  MersenneTwister words_;
  std::uint64_t drawn_ = 0;
  double left_over_ = 0.0;
  bool has_left_over_ = false;
};

/// Standard normal values: torch.randn(shape, dtype=dtype). Draws of fewer than 16 elements and of
/// 16 or more follow different rules, so a slice of a large draw is not the small draw. Shape plays
/// no part beyond the number of elements. float16 and bfloat16 are float32's numbers, rounded; of a
/// draw of 16 or more that is not a multiple of 16, the last 16 are those of the block behind the last
/// whole one. This is PyTorch 2.14; 2.6 and older drew other 16-bit numbers. Throws
/// Error{unsupported} for dtypes that are not floating point, and as numel() does. Meaning:
/// aten/src/ATen/native/cpu/DistributionTemplates.h (normal_fill, normal_fill_AVX2),
/// ATen/core/DistributionsHelper.h.
Tensor randn(Shape shape, Generator& generator, DType dtype = DType::float32);

/// The first draw of a generator, for Source::noise.
struct Noise {
  Shape shape;
  std::uint64_t seed = 0;
  DType dtype = DType::float32;

  /// How many words of MT19937 it takes. Throws as randn() does, and Error{unsupported} for what no
  /// address space holds.
  std::uint64_t drawn() const;
};

}  // namespace v1
}  // namespace rectify
