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
//   doubts                     whether Quickly may have doubts with FMA, too
// The bits are those of PyTorch's AVX2 vector loops, wherever an element stands: its scalar loops,
// which take the last few elements of a tensor, call the C library and can differ in the last
// place.
//
// Files that include this are compiled with -fno-trapping-math, without which the loops do not
// vectorize (the compiler would have to assume that a multiplication it skips could trap), and with
// -ffp-contract=off, so that a multiplication and an addition are fused only where std::fma says
// so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "activation/kernels.hpp"
#include "activation/quick.hpp"
#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "rectify/error.hpp"

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
    Exactly how;
    RECTIFY_INDEPENDENT
    for (std::size_t i = 0; i < n; ++i) to[i] = narrow<T>(Op::of(f, widen(from[i]), how));
  }

 private:
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
