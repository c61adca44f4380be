// Which instructions the kernels use: chosen once, from what the processor has. Every kernel gives
// the same bits on every target.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define RECTIFY_X86_KERNELS 1
#endif

/// For what a kernel compiled for a target calls: code of no target of its own, in its place.
#define RECTIFY_INLINE [[gnu::always_inline]] inline

namespace rectify {

/// In ascending order: each has the instructions of those before it.
enum class Target : std::uint8_t {
  baseline,  ///< what every processor of the architecture has
  avx2,      ///< AVX2 and FMA
  avx512,    ///< AVX-512 with F, VL, DQ, BW and IFMA
};

/// The best target of this processor, or the one that the environment's RECTIFY_TARGET names, if it
/// is not beyond this processor.
Target target();

}  // namespace rectify
