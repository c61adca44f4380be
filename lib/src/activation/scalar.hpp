// The functions themselves: a struct each, made from the values of its parameters, with
//   integers                   whether PyTorch has it for integer dtypes
//   forward(x)                 the value, in the dtype or, for 16-bit dtypes, in float32 and
//                              rounded once
//   derivative(x)              the gradient
//   derivative_of_output(y)    the gradient from the value, where PyTorch takes it from there after
//                              an operation in place
// The bits are those of PyTorch's AVX2 vector loops, wherever an element stands: its scalar loops,
// which take the last few elements of a tensor, call the C library and can differ in the last
// place.
#pragma once

#include "activation/elementary.hpp"
#include "kernels/target.hpp"
#include "rectify/activation.hpp"

namespace rectify::scalar {

using elementary::select;

/// aten/src/ATen/native/Activation.cpp: relu is clamp_min(0), threshold_backward its gradient.
struct Relu {
  static constexpr bool integers = true;

  explicit Relu(const Values&) {}

  template <class C>
  RECTIFY_INLINE C forward(C x) const {
    return x < 0 ? C{0} : x;  // keeps -0.0 and NaN
  }
  template <class C>
  RECTIFY_INLINE C derivative(C x) const {
    return x <= 0 ? C{0} : C{1};  // 1 at NaN: PyTorch's quirk, kept on purpose
  }
  template <class C>
  RECTIFY_INLINE C derivative_of_output(C y) const {
    return derivative(y);
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: leaky_relu_kernel and leaky_relu_backward_kernel.
struct LeakyRelu {
  static constexpr bool integers = false;

  explicit LeakyRelu(const Values& values) : slope(values[0]) {}

  template <class C>
  RECTIFY_INLINE C forward(C x) const {
    const C scaled = x * static_cast<C>(slope);
    return x > 0 ? x : scaled;
  }
  template <class C>
  RECTIFY_INLINE C derivative(C x) const {
    return x > 0 ? C{1} : static_cast<C>(slope);
  }
  template <class C>
  RECTIFY_INLINE C derivative_of_output(C y) const {
    return derivative(y);
  }

  double slope;
};

/// aten/src/ATen/native/Activation.cpp: relu6 is hardtanh from 0 to 6; the gradient is that of
/// hardtanh_backward_kernel in cpu/Activation.cpp.
struct Relu6 {
  static constexpr bool integers = true;

  explicit Relu6(const Values&) {}

  template <class C>
  RECTIFY_INLINE C forward(C x) const {
    const C above = x < 0 ? C{0} : x;  // keeps -0.0 and NaN
    return above > 6 ? C{6} : above;
  }
  template <class C>
  RECTIFY_INLINE C derivative(C x) const {
    return x > 0 && x < 6 ? C{1} : C{0};  // 0 at NaN
  }
};

/// aten/src/ATen/native/cpu/Elu.h and elu_backward_kernel in cpu/Activation.cpp.
struct Elu {
  static constexpr bool integers = false;

  explicit Elu(const Values& values) : alpha(values[0]) {}

  template <class C>
  RECTIFY_INLINE C forward(C x) const {
    return select(x >= 0, x, elementary::expm1(x) * static_cast<C>(alpha));
  }
  template <class C>
  RECTIFY_INLINE C derivative(C x) const {
    return select(x > 0, C{1}, static_cast<C>(alpha) * elementary::exp(x));
  }
  template <class C>
  RECTIFY_INLINE C derivative_of_output(C y) const {
    return select(y > 0, C{1}, y + static_cast<C>(alpha));
  }

  double alpha;
};

}  // namespace rectify::scalar
