// Where the processor multiplies without carries, 64 bytes at a time are folded into the next 64
// (V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction",
// Intel 2009): a block that is moved by n bits is the same, modulo the polynomial, as its two halves
// times what x^n leaves. What is left in the end, 16 bytes, has the checksum of all; zlib makes that.
// Newer processors multiply two or four blocks of 16 bytes at once (VPCLMULQDQ).
//
// One multiplication is done at a time. Meanwhile other units reduce another part of the bytes by
// additions alone (S. Russell, "Chorba: A novel CRC32 implementation", arXiv:2412.16398): the polynomial
// divides x^300 + x^155 + x^117 + x^89 + 1, and so it divides that of x^256 in place of x. A block of 16
// bytes is the same as four of its kind, 290, 366, 422 and 600 blocks behind it; two blocks side by side
// as four pairs, half as many pairs behind. Both together are nearly twice as fast as either. Four
// blocks at once outrun memory by themselves.
#include "kernels/crc.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "kernels/target.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify::inline v1 {
namespace {

std::uint32_t crc32_of_few(std::uint32_t before, const char* bytes, std::size_t size) {
  return static_cast<std::uint32_t>(::crc32_z(before, reinterpret_cast<const Bytef*>(bytes), size));
}

/// The product of two polynomials modulo that of the checksum. Their lowest powers are the highest
/// bits.
std::uint32_t product(std::uint32_t a, std::uint32_t b) {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  std::uint32_t sum = 0;
  for (int bit = 31; bit >= 0; --bit) {
    sum ^= b & (0 - (a >> bit & 1));
    b = b >> 1 ^ (kPolynomial & (0 - (b & 1)));
  }
  return sum;
}

/// x^(8 * size), by which a checksum moves on by `size` bytes.
std::uint32_t move_by(std::uint64_t size) {
  std::uint32_t power = std::uint32_t{1} << 31;
  for (std::uint32_t square = std::uint32_t{1} << 23; size != 0; size >>= 1) {
    if ((size & 1) != 0) power = product(power, square);
    square = product(square, square);
  }
  return power;
}

#if RECTIFY_X86_KERNELS

constexpr std::size_t kSteps = 4;
constexpr std::size_t kFewest = 256;  // of fewer bytes zlib's loop is as fast

// Code for blocks of 16 bytes has the attributes of that for 32, whose instructions nothing asks for
// there: a template has one set of them.
#define RECTIFY_TARGET_CARRYLESS target("pclmul,vpclmulqdq,avx2")
#define RECTIFY_CARRYLESS __attribute__((RECTIFY_TARGET_CARRYLESS, always_inline)) inline

/// Blocks of 16 bytes.
struct By16 {
  using Block = __m128i;

  RECTIFY_CARRYLESS static Block load(const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const Block*>(from));
  }
  RECTIFY_CARRYLESS static Block first(std::uint32_t word) {
    return _mm_cvtsi32_si128(static_cast<int>(word));
  }
  RECTIFY_CARRYLESS static Block repeat(__m128i bytes) { return bytes; }
  RECTIFY_CARRYLESS static Block add(Block a, Block b) { return _mm_xor_si128(a, b); }
  RECTIFY_CARRYLESS static Block product_of_low(Block a, Block b) {
    return _mm_clmulepi64_si128(a, b, 0x00);
  }
  RECTIFY_CARRYLESS static Block product_of_high(Block a, Block b) {
    return _mm_clmulepi64_si128(a, b, 0x11);
  }
};

/// Two of them side by side.
struct By32 {
  using Block = __m256i;

  RECTIFY_CARRYLESS static Block load(const char* from) {
    return _mm256_loadu_si256(reinterpret_cast<const Block*>(from));
  }
  RECTIFY_CARRYLESS static Block first(std::uint32_t word) {
    return _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, static_cast<int>(word));
  }
  RECTIFY_CARRYLESS static Block repeat(__m128i bytes) {
    return _mm256_broadcastsi128_si256(bytes);
  }
  RECTIFY_CARRYLESS static Block add(Block a, Block b) { return _mm256_xor_si256(a, b); }
  RECTIFY_CARRYLESS static Block product_of_low(Block a, Block b) {
    return _mm256_clmulepi64_epi128(a, b, 0x00);
  }
  RECTIFY_CARRYLESS static Block product_of_high(Block a, Block b) {
    return _mm256_clmulepi64_epi128(a, b, 0x11);
  }
};

/// x^(n + 32) and x^(n - 32) modulo the polynomial, bits reversed.
RECTIFY_CARRYLESS __m128i by_128() { return _mm_set_epi64x(0x0ccaa009e, 0x1751997d0); }
RECTIFY_CARRYLESS __m128i by_512() { return _mm_set_epi64x(0x1c6e41596, 0x154442bd4); }
RECTIFY_CARRYLESS __m128i by_1024() { return _mm_set_epi64x(0x14a7fe880, 0x1e88ef372); }

/// `block` moved by as many bits as `moved` is of, added to what stands there.
template <class By>
RECTIFY_CARRYLESS typename By::Block fold(typename By::Block block, __m128i moved,
                                          typename By::Block there) {
  const auto by = By::repeat(moved);
  return By::add(By::add(By::product_of_low(block, by), By::product_of_high(block, by)), there);
}

/// Bytes that have the checksum of all in front of them.
template <class By>
struct Sums {
  typename By::Block of[kSteps];

  static constexpr std::size_t kStep = sizeof(typename By::Block);
  static constexpr std::size_t kBytes = kSteps * kStep;

  RECTIFY_CARRYLESS static Sums load(const char* bytes) {
    Sums sums;
    for (std::size_t i = 0; i < kSteps; ++i) sums.of[i] = By::load(bytes + i * kStep);
    return sums;
  }

  RECTIFY_CARRYLESS static Sums begin(std::uint32_t before, const char* bytes) {
    Sums sums = load(bytes);
    sums.of[0] = By::add(sums.of[0], By::first(~before));
    return sums;
  }

  /// The i-th moved by all of them, and `there`.
  RECTIFY_CARRYLESS static typename By::Block moved(typename By::Block block,
                                                    typename By::Block there) {
    return fold<By>(block, kBytes == 64 ? by_512() : by_1024(), there);
  }

  RECTIFY_CARRYLESS const char* fold_up_to(const char* bytes, const char* end) {
    for (; static_cast<std::size_t>(end - bytes) >= kBytes; bytes += kBytes) {
      for (std::size_t i = 0; i < kSteps; ++i) of[i] = moved(of[i], By::load(bytes + i * kStep));
    }
    return bytes;
  }
};

/// The checksum of the sums and the bytes up to `end`.
RECTIFY_CARRYLESS std::uint32_t finish(Sums<By16> sums, const char* bytes, const char* end) {
  bytes = sums.fold_up_to(bytes, end);
  for (std::size_t i = 1; i < kSteps; ++i)
    sums.of[i] = fold<By16>(sums.of[i - 1], by_128(), sums.of[i]);
  char folded[sums.kStep];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(folded), sums.of[kSteps - 1]);
  const std::uint32_t crc = crc32_of_few(~std::uint32_t{0}, folded, sizeof folded);
  return crc32_of_few(crc, bytes, static_cast<std::size_t>(end - bytes));
}

RECTIFY_CARRYLESS std::uint32_t finish(Sums<By32> sums, const char* bytes, const char* end) {
  bytes = sums.fold_up_to(bytes, end);
  char folded[sums.kBytes / 2];
  for (std::size_t i = 0; i < 2; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(folded + i * sums.kStep),
                        fold<By32>(sums.of[i], by_512(), sums.of[i + 2]));
  }
  return finish(Sums<By16>::load(folded), bytes, end);
}

template <class By>
__attribute__((RECTIFY_TARGET_CARRYLESS)) std::uint32_t crc32_folded(std::uint32_t before,
                                                                     const char* bytes,
                                                                     std::size_t size) {
  return finish(Sums<By>::begin(before, bytes), bytes + Sums<By>::kBytes, bytes + size);
}

/// The blocks that were added last, and how far behind it each is added.
template <class By>
struct Ring {
  static constexpr std::ptrdiff_t kStep = sizeof(typename By::Block);
  static constexpr std::ptrdiff_t kLags[4] = {16 * 290 / kStep, 16 * 366 / kStep, 16 * 422 / kStep,
                                              16 * 600 / kStep};
  static constexpr std::ptrdiff_t kSize = kLags[3];
  static constexpr std::size_t kBytes = kSize * kStep;
  // For each step of folding so many blocks are added, two behind the multiplication of a sum.
  static constexpr std::ptrdiff_t kAdded = 2 * kSteps;
  /// The bytes that are folded while a round of the ring is added.
  static constexpr std::size_t folded_in_round() {
    std::ptrdiff_t steps = 0, from = 0;
    for (const std::ptrdiff_t lag : kLags) {
      steps += (lag - from) / kAdded;
      from = lag;
    }
    return static_cast<std::size_t>(steps) * Sums<By>::kBytes;
  }
  static constexpr std::size_t kRoundBytes = kBytes + folded_in_round();
  static constexpr std::size_t kFewest = 4 * kRoundBytes;
};

/// What is added, what is folded meanwhile, and the sums of that.
template <class By>
struct Both {
  const char* added;
  const char* folded;
  Sums<By> sums;
};

/// Adds the blocks [from, to) of a round of the ring, and takes as many steps of folding. The blocks
/// that stand kLags[0], [1] and [2] in front of the i-th are ring[i + a], [i + b] and [i + c]. Not
/// inline: where compilers know the three, they keep in memory what they hope to need again.
template <class By>
__attribute__((RECTIFY_TARGET_CARRYLESS, noinline)) Both<By> add_and_fold(
    Both<By> both, typename By::Block* ring, std::ptrdiff_t from, std::ptrdiff_t to,
    std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t c) {
  constexpr std::ptrdiff_t kStep = sizeof(typename By::Block);
  constexpr std::ptrdiff_t kAdded = Ring<By>::kAdded;
  const auto add_one = [&](std::ptrdiff_t i, const char* bytes)
      __attribute__((RECTIFY_TARGET_CARRYLESS, always_inline)) {
    const auto near = By::add(ring[i + a], ring[i + b]);
    const auto far = By::add(ring[i + c], ring[i]);
    ring[i] = By::add(By::add(near, far), By::load(bytes));
  };
  const char* added = both.added;
  const char* folded = both.folded;
  auto [s0, s1, s2, s3] = both.sums.of;
  std::ptrdiff_t i = from;
  const auto step = [&](std::ptrdiff_t j, typename By::Block sum)
      __attribute__((RECTIFY_TARGET_CARRYLESS, always_inline)) {
    sum = Sums<By>::moved(sum, By::load(folded + j * kStep));
    add_one(i + 2 * j, added + 2 * j * kStep);
    add_one(i + 2 * j + 1, added + (2 * j + 1) * kStep);
    return sum;
  };
  for (; i + kAdded <= to; i += kAdded) {
    s0 = step(0, s0);
    s1 = step(1, s1);
    s2 = step(2, s2);
    s3 = step(3, s3);
    folded += Sums<By>::kBytes;
    added += kAdded * kStep;
  }
  for (; i < to; ++i, added += kStep) add_one(i, added);
  return {added, folded, {{s0, s1, s2, s3}}};
}

/// Of Ring<By>::kFewest bytes and more. The first part is added up, the second folded.
template <class By>
__attribute__((RECTIFY_TARGET_CARRYLESS)) std::uint32_t crc32_together(std::uint32_t before,
                                                                       const char* bytes,
                                                                       std::size_t size) {
  using Ring = Ring<By>;
  constexpr std::size_t kSums = Sums<By>::kBytes;
  const std::size_t rounds = (size - Ring::kBytes - kSums) / Ring::kRoundBytes;
  const char* const second = bytes + (rounds + 1) * Ring::kBytes;
  Both<By> both = {bytes, second + kSums, Sums<By>::begin(0, second)};
  typename By::Block ring[Ring::kSize];
  std::memset(ring, 0, sizeof ring);
  ring[0] = By::first(~before);
  constexpr std::ptrdiff_t kA = Ring::kLags[0], kB = Ring::kLags[1], kC = Ring::kLags[2];
  constexpr std::ptrdiff_t kAll = Ring::kSize;
  for (std::size_t i = 0; i < rounds; ++i) {
    both = add_and_fold(both, ring, 0, kA, kAll - kA, kAll - kB, kAll - kC);
    both = add_and_fold(both, ring, kA, kB, -kA, kAll - kB, kAll - kC);
    both = add_and_fold(both, ring, kB, kC, -kA, -kB, kAll - kC);
    both = add_and_fold(both, ring, kC, kAll, -kA, -kB, -kC);
  }
  // The last round is added to nothing behind it.
  const std::ptrdiff_t at[] = {0, kA, kB, kC, kAll};
  for (std::ptrdiff_t k = 0; k < 4; ++k) {
    for (std::ptrdiff_t i = at[k]; i < at[k + 1]; ++i) {
      auto sum = By::add(ring[i], By::load(both.added + i * Ring::kStep));
      if (k < 1) sum = By::add(sum, ring[i + kAll - kA]);
      if (k < 2) sum = By::add(sum, ring[i + kAll - kB]);
      if (k < 3) sum = By::add(sum, ring[i + kAll - kC]);
      ring[i] = sum;
    }
  }
  const std::uint32_t crc =
      crc32_folded<By>(~std::uint32_t{0}, reinterpret_cast<const char*>(ring), Ring::kBytes);
  return crc32_joined(crc, finish(both.sums, both.folded, bytes + size),
                      static_cast<std::uint64_t>(bytes + size - second));
}

#define RECTIFY_TARGET_64 target("pclmul,vpclmulqdq,avx2,avx512f,avx512vl")

/// Two times 64 bytes are folded at a time: there is no more to gain.
__attribute__((RECTIFY_TARGET_64)) std::uint32_t crc32_by_64(std::uint32_t before,
                                                             const char* bytes, std::size_t size) {
  constexpr std::size_t kStep = 64;
  const auto fold_64 = [](__m512i & sum, const __m512i& moved, const __m512i& there)
      __attribute__((RECTIFY_TARGET_64, always_inline)) {
    constexpr int kSum = 0x96;  // of three bits
    sum = _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(sum, moved, 0x00),
                                    _mm512_clmulepi64_epi128(sum, moved, 0x11), there, kSum);
  };
  const __m512i both = _mm512_maskz_broadcast_i32x4(0xFFFF, by_1024());
  const __m512i one = _mm512_maskz_broadcast_i32x4(0xFFFF, by_512());
  const char* const end = bytes + size;
  __m512i even = _mm512_loadu_si512(bytes);
  __m512i odd = _mm512_loadu_si512(bytes + kStep);
  even = _mm512_xor_si512(even, _mm512_maskz_set1_epi32(1, static_cast<int>(~before)));
  for (bytes += 2 * kStep; static_cast<std::size_t>(end - bytes) >= 2 * kStep; bytes += 2 * kStep) {
    fold_64(even, both, _mm512_loadu_si512(bytes));
    fold_64(odd, both, _mm512_loadu_si512(bytes + kStep));
  }
  fold_64(even, one, odd);
  char folded[kStep];
  _mm512_storeu_si512(folded, even);
  return finish(Sums<By16>::load(folded), bytes, end);
}

#undef RECTIFY_TARGET_64

template <class By>
std::uint32_t crc32_by_blocks(std::uint32_t before, const char* bytes, std::size_t size) {
  return size >= Ring<By>::kFewest ? crc32_together<By>(before, bytes, size)
                                   : crc32_folded<By>(before, bytes, size);
}

#undef RECTIFY_CARRYLESS
#undef RECTIFY_TARGET_CARRYLESS

#endif

}  // namespace

bool has_crc32_way(Crc32Way way) {
#if RECTIFY_X86_KERNELS
  switch (way) {
    case Crc32Way::by_tables:
      return true;
    case Crc32Way::by_16:
      return target() >= Target::avx2 && RECTIFY_PROCESSOR_HAS(PCLMULQDQ, "pclmul");
    case Crc32Way::by_32:
      return has_crc32_way(Crc32Way::by_16) && RECTIFY_PROCESSOR_HAS(VPCLMULQDQ, "vpclmulqdq");
    case Crc32Way::by_64:
      return has_crc32_way(Crc32Way::by_32) && target() >= Target::avx512;
  }
#endif
  return way == Crc32Way::by_tables;
}

std::uint32_t crc32_of(Crc32Way way, std::uint32_t before, const void* bytes, std::size_t size) {
  const auto* const from = static_cast<const char*>(bytes);
#if RECTIFY_X86_KERNELS
  if (size >= kFewest) {
    switch (way) {
      case Crc32Way::by_64:
        return crc32_by_64(before, from, size);
      case Crc32Way::by_32:
        return crc32_by_blocks<By32>(before, from, size);
      case Crc32Way::by_16:
        return crc32_by_blocks<By16>(before, from, size);
      case Crc32Way::by_tables:
        break;
    }
  }
#else
  static_cast<void>(way);
#endif
  return crc32_of_few(before, from, size);
}

std::uint32_t crc32_of(std::uint32_t before, const void* bytes, std::size_t size) {
  static const Crc32Way best =
      *std::find_if(std::rbegin(kCrc32Ways), std::rend(kCrc32Ways), has_crc32_way);
  return crc32_of(best, before, bytes, size);
}

std::uint32_t crc32_joined(std::uint32_t before, std::uint32_t crc, std::uint64_t size) {
  // Parts of a file have few sizes, and to raise to a power takes as long as to read kilobytes.
  struct Move {
    std::uint64_t size = 0;
    std::uint32_t by = std::uint32_t{1} << 31;
  };
  thread_local Move known[16];
  Move& move = known[(size >> 4 ^ size >> 8 ^ size >> 12) % std::size(known)];
  if (move.size != size) move = {size, move_by(size)};
  return product(before, move.by) ^ crc;
}

}  // namespace rectify::inline v1
