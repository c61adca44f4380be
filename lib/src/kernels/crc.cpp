// Where the processor multiplies without carries, 64 bytes at a time are folded into the next 64
// (V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction",
// Intel 2009): a block that is moved by n bits is the same, modulo the polynomial, as its two halves
// times what x^n leaves. What is left in the end, 16 bytes, has the checksum of all; zlib makes that.
#include "kernels/crc.hpp"

#include <zlib.h>

#include "kernels/target.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify::inline v1 {
namespace {

std::uint32_t crc32_of_few(std::uint32_t before, const char* bytes, std::size_t size) {
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<const Bytef*>(bytes), size));
}

#if RECTIFY_X86_KERNELS

constexpr std::size_t kStep = 16;
constexpr std::size_t kSteps = 4;
constexpr std::size_t kFewest = 256;  // of fewer bytes zlib's loop is as fast

#define RECTIFY_CARRYLESS __attribute__((target("pclmul,sse2")))

RECTIFY_CARRYLESS inline __m128i load(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

/// `block` moved by as many bits as `moved` is of, added to what stands there.
RECTIFY_CARRYLESS inline __m128i fold(__m128i block, __m128i moved, __m128i there) {
  const __m128i low = _mm_clmulepi64_si128(block, moved, 0x00);
  const __m128i high = _mm_clmulepi64_si128(block, moved, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

RECTIFY_CARRYLESS std::uint32_t crc32_folded(std::uint32_t before, const char* bytes,
                                             std::size_t size) {
  // x^(n + 32) and x^(n - 32) modulo the polynomial, bits reversed, for n = 512 and n = 128.
  const __m128i by_all = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
  const __m128i by_one = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  __m128i sums[kSteps];
  for (std::size_t i = 0; i < kSteps; ++i) sums[i] = load(bytes + i * kStep);
  sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128(static_cast<int>(~before)));
  const char* const end = bytes + size;
  for (bytes += kSteps * kStep; static_cast<std::size_t>(end - bytes) >= kSteps * kStep;
       bytes += kSteps * kStep) {
    for (std::size_t i = 0; i < kSteps; ++i)
      sums[i] = fold(sums[i], by_all, load(bytes + i * kStep));
  }
  for (std::size_t i = 1; i < kSteps; ++i) sums[i] = fold(sums[i - 1], by_one, sums[i]);
  char folded[kStep];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(folded), sums[kSteps - 1]);
  const std::uint32_t crc = crc32_of_few(~std::uint32_t{0}, folded, sizeof folded);
  return crc32_of_few(crc, bytes, static_cast<std::size_t>(end - bytes));
}

#undef RECTIFY_CARRYLESS

#endif

}  // namespace

std::uint32_t crc32_of(std::uint32_t before, const void* bytes, std::size_t size) {
  const auto* const from = static_cast<const char*>(bytes);
#if RECTIFY_X86_KERNELS
  static const bool folds = target() != Target::baseline && __builtin_cpu_supports("pclmul") != 0;
  if (folds && size >= kFewest) return crc32_folded(before, from, size);
#endif
  return crc32_of_few(before, from, size);
}

}  // namespace rectify::inline v1
