// The loops that run a function of single elements over a tensor, compiled once a target. A function
// is a struct template over the element type T, whose constructor makes its constants of the values
// of the parameters, each in the type and with the roundings that PyTorch has for T, and
//   integers                   whether PyTorch has it for integer dtypes
//   forward(x)                 the value; arithmetic and result are of Compute<T>: T or, for 16-bit
//                              dtypes, float32, which is rounded once at the end
//   derivative(x)              the gradient
//   derivative_of_output(y)    the gradient from the value, where PyTorch takes it from there after
//                              an operation in place
// Those made of exp and its kin take them from another argument, `how`, in either way of quick.hpp, and
//   doubts                     whether Quickly is the quicker, with its doubts, with FMA, too
//   is_near(x)                 of double: whether Nearly, which is shorter, gives the same
// and those that take no longer than memory does
//   at_memory_speed            true
// The bits are those of PyTorch's AVX2 vector loops, wherever an element stands: its scalar loops,
// which take the last few elements of a tensor, call the C library and can differ in the last
// place.
//
// Files that include this are compiled with -fno-trapping-math, without which the loops do not
// vectorize (the compiler would have to assume that a multiplication it skips could trap), and with
// -ffp-contract=off, so that a multiplication and an addition are fused only where std::fma says
// so.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "activation/kernels.hpp"
#include "activation/quick.hpp"
#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "rectify/error.hpp"

#if RECTIFY_X86_KERNELS
#include <emmintrin.h>
#endif

namespace rectify::inline v1 {

/// x rounded to T, for what PyTorch stores between two operations.
template <class T>
RECTIFY_INLINE Compute<T> rounded(Compute<T> x) {
  return widen(narrow<T>(x));
}

struct Forward {
  template <class F, class C, class How>
  RECTIFY_INLINE static C of(const F& f, C x, How& how) {
    if constexpr (requires { f.forward(x, how); }) {
      return f.forward(x, how);
    } else {
      return f.forward(x);
    }
  }
  template <class F, class C>
  static constexpr bool is_either_way = requires(const F& f, C x, Exactly how) {
    f.forward(x, how);
  };
};

struct Backward {
  template <class F, class C, class How>
  RECTIFY_INLINE static C of(const F& f, C x, How& how) {
    if constexpr (requires { f.derivative(x, how); }) {
      return f.derivative(x, how);
    } else {
      return f.derivative(x);
    }
  }
  template <class F, class C>
  static constexpr bool is_either_way = requires(const F& f, C x, Exactly how) {
    f.derivative(x, how);
  };
};

struct BackwardOfOutput {
  template <class F, class C, class How>
  RECTIFY_INLINE static C of(const F& f, C x, How& how) {
    if constexpr (requires { f.derivative_of_output(x, how); }) {
      return f.derivative_of_output(x, how);
    } else {
      return f.derivative_of_output(x);
    }
  }
  template <class F, class C>
  static constexpr bool is_either_way = requires(const F& f, C x, Exactly how) {
    f.derivative_of_output(x, how);
  };
};

/// How many elements the long functions take at a time: several vectors, so that compilers mix their
/// operations. Each is a chain that is longer than processors look ahead, so that they would wait for
/// one after the other. Of double there are fewer, since more constants want registers.
template <Target kTarget, class C>
inline constexpr std::size_t kTogether = (sizeof(C) == 4 ? 4 : 2) *
                                         (kTarget == Target::avx512 ? 64
                                          : kTarget == Target::avx2 ? 32
                                                                    : 16) /
                                         sizeof(C);

/// A run of elements from one place to another, or to the same.
template <class Op, class T>
struct Loop {
  using C = Compute<T>;

  template <Target kTarget, class F>
  RECTIFY_INLINE static void run(F f, const T* from, T* to, std::size_t n) {
    if constexpr (std::is_same_v<C, float> && Op::template is_either_way<F, C> &&
                  (!kFuses<kTarget> || requires { F::doubts; })) {
      const std::size_t done = quickly<kTarget>(f, from, to, n);
      from += done;
      to += done;
      n -= done;
    }
    if constexpr (std::is_same_v<C, double> && requires { F::is_near(C{}); }) {
      const std::size_t done = by_nearness<kTarget>(f, from, to, n);
      from += done;
      to += done;
      n -= done;
    }
    Exactly how;
    std::size_t i = 0;
    if constexpr (kFuses<kTarget> && Op::template is_either_way<F, C>) {
      constexpr std::size_t kChunk = kTogether<kTarget, C>;
      for (; i + kChunk <= n; i += kChunk) {
        C y[kChunk];
        for (std::size_t j = 0; j < kChunk; ++j) y[j] = Op::of(f, widen(from[i + j]), how);
        for (std::size_t j = 0; j < kChunk; ++j) to[i + j] = narrow<T>(y[j]);
      }
    }
    RECTIFY_INDEPENDENT
    for (; i < n; ++i) to[i] = narrow<T>(Op::of(f, widen(from[i]), how));
  }

 private:
  /// In blocks, each in the short way; what is far in one is then done again by itself. What is not a whole
  /// block is left. Returns how many are done.
  template <Target kTarget, class F>
  RECTIFY_INLINE static std::size_t by_nearness(F f, const T* from, T* to, std::size_t n) {
    constexpr std::size_t kBlock = 64;
    constexpr std::size_t kVector = kFuses<kTarget> ? kTogether<kTarget, C> / 2 : 1;
    std::size_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
      std::uint8_t at[kBlock];
      std::size_t far = 0;
      for (std::size_t j = 0; j < kBlock; ++j) {
        at[far] = static_cast<std::uint8_t>(j);
        far += F::is_near(from[i + j]) ? 0u : 1u;
      }
      if (far > kBlock / 2) {
        in_vectors<kVector>(f, from + i, to + i, kBlock, Exactly{});
        continue;
      }
      T some[kBlock] = {};
      for (std::size_t j = 0; j < far; ++j) some[j] = from[i + at[j]];
      in_vectors<kFuses<kTarget> ? 2 * kVector : 1>(f, from + i, to + i, kBlock, Nearly{});
      in_vectors<kVector>(f, some, some, (far + kVector - 1) / kVector * kVector, Exactly{});
      for (std::size_t j = 0; j < far; ++j) to[i + at[j]] = some[j];
    }
    return i;
  }

  template <std::size_t kVector, class F, class How>
  RECTIFY_INLINE static void in_vectors(F f, const T* from, T* to, std::size_t n, How how) {
    for (std::size_t i = 0; i < n; i += kVector) {
      C y[kVector];
      for (std::size_t j = 0; j < kVector; ++j) y[j] = Op::of(f, widen(from[i + j]), how);
      for (std::size_t j = 0; j < kVector; ++j) to[i + j] = narrow<T>(y[j]);
    }
  }

  /// In chunks, in which what is in doubt is done again; what is not a whole chunk is left. Returns how
  /// many are done.
  template <Target kTarget, class F>
  RECTIFY_INLINE static std::size_t quickly(F f, const T* from, T* to, std::size_t n) {
    constexpr std::size_t kChunk = 32;
    std::size_t i = 0;
    for (; i + kChunk <= n; i += kChunk) {
      C y[kChunk];
      std::uint16_t doubts[kChunk];
      std::uint16_t doubt = 0;
      for (std::size_t j = 0; j < kChunk; ++j) {
        Quickly<kTarget> how;
        y[j] = Op::of(f, widen(from[i + j]), how);
        doubts[j] = how.doubt;
        doubt |= how.doubt;
      }
      if (doubt != 0) {
        Exactly how;
        for (std::size_t j = 0; j < kChunk; ++j) {
          // All of the chunk is vectors; without FMA each costs as much as a chunk does.
          if (!kFuses<kTarget> && doubts[j] == 0) continue;
          y[j] = Op::of(f, widen(from[i + j]), how);
        }
      }
      for (std::size_t j = 0; j < kChunk; ++j) to[i + j] = narrow<T>(y[j]);
    }
    return i;
  }
};

/// So many bytes are in no cache.
inline constexpr std::size_t kLargeBytes = std::size_t{32} << 20;

/// The same of a large run, for functions that are faster than memory. Two pages at a time, a few
/// lines of each in turn, while the same lines of the next two are asked for: memory is busier so. What
/// goes to another place is written past the caches, as memcpy does, which would read its lines
/// before.
template <class Op, class T>
struct LargeLoop {
  template <Target kTarget, class F>
  RECTIFY_INLINE static void run(F f, const T* from, T* to, std::size_t n) {
    const std::size_t head =
        std::min(n, (0 - reinterpret_cast<std::uintptr_t>(to)) % kLineBytes / sizeof(T));
    Loop<Op, T>::template run<kTarget>(f, from, to, head);
    std::size_t i = head;
    if (from == to) {
      for (; i + 2 * kTwoPages <= n; i += kTwoPages) {
        by_pieces(from + i, [&](std::size_t at) RECTIFY_ALWAYS_INLINE {
          Loop<Op, T>::template run<kTarget>(f, to + i + at, to + i + at, kPiece);
        });
      }
    } else {
      for (; i + 2 * kTwoPages <= n; i += kTwoPages) {
        by_pieces(from + i, [&](std::size_t at) RECTIFY_ALWAYS_INLINE {
          alignas(kPieceBytes) T piece[kPiece];
          Loop<Op, T>::template run<kTarget>(f, from + i + at, piece, kPiece);
          stream(piece, to + i + at);
        });
      }
      fence();
    }
    Loop<Op, T>::template run<kTarget>(f, from + i, to + i, n - i);
  }

 private:
  static constexpr std::size_t kLineBytes = 64;
  static constexpr std::size_t kPieceBytes = 4 * kLineBytes;
  static constexpr std::size_t kLine = kLineBytes / sizeof(T);
  static constexpr std::size_t kPiece = kPieceBytes / sizeof(T);
  static constexpr std::size_t kPage = 4096 / sizeof(T);
  static constexpr std::size_t kTwoPages = 2 * kPage;

  template <class Work>
  RECTIFY_INLINE static void by_pieces(const T* from, Work work) {
    for (std::size_t at = 0; at < kPage; at += kPiece) {
      for (const std::size_t begin : {at, kPage + at}) {
        for (std::size_t line = 0; line < kPiece; line += kLine)
          __builtin_prefetch(from + kTwoPages + begin + line);
        work(begin);
      }
    }
  }

  RECTIFY_INLINE static void stream(const T* piece, T* to) {
#if RECTIFY_X86_KERNELS
    constexpr std::size_t kVector = sizeof(__m128i) / sizeof(T);
    for (std::size_t line = 0; line < kPiece; line += kLine) {
      for (std::size_t i = line; i < line + kLine; i += kVector) {
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                         _mm_load_si128(reinterpret_cast<const __m128i*>(piece + i)));
      }
      // Compilers leave it at that order: a line that is written at once is one write to memory.
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
#else
    std::memcpy(to, piece, kPieceBytes);
#endif
  }

  RECTIFY_INLINE static void fence() {
#if RECTIFY_X86_KERNELS
    _mm_sfence();
#endif
  }
};

/// The same from integers, of which the values are float32.
template <class T>
struct LoopFromIntegers {
  template <class F>
  RECTIFY_INLINE static void run(F f, const T* from, float* to, std::size_t n) {
    Exactly how;
    for (std::size_t i = 0; i < n; ++i) {
      if constexpr (requires { f.forward_of_integer(from[i]); }) {
        to[i] = f.forward_of_integer(from[i]);
      } else {
        to[i] = Forward::of(f, static_cast<float>(from[i]), how);
      }
    }
  }
};

[[noreturn]] inline void refuse_kernel() {
  throw Error(ErrorKind::usage, "no such kernel");  // check() has refused it
}

template <template <class T> class Function, class Op>
void elementwise(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                 const Values& values) {
  constexpr Integers kIntegers = Function<float>::integers;
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const first = reinterpret_cast<const T*>(from);
    if constexpr (requires { Function<T>::at_memory_speed; } && std::is_floating_point_v<T>) {
      if (extent.numel() * sizeof(T) >= kLargeBytes) {
        return run_on_target<LargeLoop<Op, T>>(Function<T>(values), first, reinterpret_cast<T*>(to),
                                               extent.numel());
      }
    }
    if constexpr (is_floating<T> || (kIntegers == Integers::kept && !std::is_same_v<T, bool>)) {
      run_on_target<Loop<Op, T>>(Function<T>(values), first, reinterpret_cast<T*>(to),
                                 extent.numel());
    } else if constexpr (kIntegers == Integers::as_float32 && std::is_same_v<Op, Forward>) {
      run_on_target<LoopFromIntegers<T>>(Function<float>(values), first,
                                         reinterpret_cast<float*>(to), extent.numel());
    } else {
      refuse_kernel();
    }
  });
}

template <template <class T> class Function>
void forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
             const Values& values) {
  elementwise<Function, Forward>(dtype, from, to, extent, values);
}

template <template <class T> class Function>
void backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
              const Values& values) {
  elementwise<Function, Backward>(dtype, from, to, extent, values);
}

template <template <class T> class Function>
void backward_of_output(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                        const Values& values) {
  elementwise<Function, BackwardOfOutput>(dtype, from, to, extent, values);
}

// A file instantiates the kernels of its functions, which the table names.
#define RECTIFY_KERNELS_OF(OPERATION, FUNCTION)                                                   \
  template void OPERATION<function::FUNCTION>(DType, const std::byte*, std::byte*, const Extent&, \
                                              const Values&);
#define RECTIFY_FUNCTION(FUNCTION)      \
  RECTIFY_KERNELS_OF(forward, FUNCTION) \
  RECTIFY_KERNELS_OF(backward, FUNCTION)
#define RECTIFY_FUNCTION_WITH_OUTPUT(FUNCTION) \
  RECTIFY_FUNCTION(FUNCTION)                   \
  RECTIFY_KERNELS_OF(backward_of_output, FUNCTION)

}  // namespace rectify::inline v1
