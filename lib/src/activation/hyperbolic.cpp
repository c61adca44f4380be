// The functions made of tanh: itself, tanhshrink, mish.

#include "activation/elementary.hpp"
#include "activation/loops.hpp"

namespace rectify::inline v1 {
namespace function {

using elementary::Reach;

/// aten/src/ATen/native/cpu/UnaryOpsKernel.cpp: tanh_kernel; the gradient is of the rounded value,
/// BinaryOpsKernel.cpp: tanh_backward_kernel.
template <class T>
struct Tanh {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::as_float32;
  static constexpr bool doubts = true;

  explicit Tanh(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return how.tanh(x);
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C y = rounded<T>(how.tanh(x));
    return how.fma(-y, y, C{1});
  }
};

/// torch/nn/functional.py: tanhshrink is input - input.tanh(), each rounded to the dtype.
template <class T>
struct Tanhshrink {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::as_float32;
  static constexpr bool doubts = true;

  explicit Tanhshrink(const Values& values) : tanh(values) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return x - rounded<T>(tanh.forward(x, how));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    return 1 + rounded<T>(-tanh.derivative(x, how));
  }

  Tanh<T> tanh;
};

/// aten/src/ATen/native/cpu/Activation.cpp: mish_kernel and mish_backward_kernel.
template <class T>
struct Mish {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;
  static constexpr bool doubts = true;

  explicit Mish(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return x * how.tanh(how.template log1p<Reach::moderate>(how.exp(x)));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C s = 1 / (1 + how.exp(-x));
    const C t = how.tanh(how.template log1p<Reach::moderate>(how.exp(x)));
    return how.fma(x * s, how.fma(-t, t, C{1}), t);
  }
};

}  // namespace function

RECTIFY_FUNCTION(Tanh)
RECTIFY_FUNCTION(Tanhshrink)
RECTIFY_FUNCTION(Mish)

}  // namespace rectify::inline v1
