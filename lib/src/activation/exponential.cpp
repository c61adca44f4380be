// The functions made of exp, expm1 and log1p: the elu family, sigmoid, silu, softplus, logsigmoid.

#include "activation/elementary.hpp"
#include "activation/loops.hpp"

namespace rectify::inline v1 {
namespace function {

using elementary::magnitude;
using elementary::Reach;
using elementary::select;

/// aten/src/ATen/native/cpu/Elu.h and elu_backward_kernel in cpu/Activation.cpp: all three are
/// elu(alpha, scale, input_scale). kFalling: input_scale is negative.
template <class T, bool kFalling = false>
struct EluFamily {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  EluFamily(double alpha, double of_scale, double input_scale, double gradient_input_scale)
      : scale(static_cast<C>(of_scale)),
        negative(static_cast<C>(alpha) * scale),
        input(static_cast<C>(input_scale)),
        gradient_input(static_cast<C>(gradient_input_scale)) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    const C z = x * input;
    C y;
    if constexpr (kFalling) {
      y = how.expm1(z);
    } else {
      y = how.expm1_of_negative(z);
    }
    return select(x >= 0, x * scale, y * negative);
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    return select(x > 0, scale, gradient_input * negative * how.exp(x * gradient_input));
  }
  RECTIFY_INLINE C derivative_of_output(C y) const {
    return select(y > 0, scale, gradient_input * (y + negative));
  }

  C scale, negative, input, gradient_input;
};

template <class T>
struct Elu : EluFamily<T> {
  explicit Elu(const Values& values) : EluFamily<T>(values[0], 1, 1, 1) {}
};

/// The constants of G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-Normalizing Neural
/// Networks", 2017.
template <class T>
struct Selu : EluFamily<T> {
  explicit Selu(const Values&)
      : EluFamily<T>(1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1, 1) {}
};

/// The gradient's factor is one over alpha in float32, for float64, too: derivatives.yaml writes
/// alpha.toFloat().
template <class T, bool kFalling>
struct CeluOf : EluFamily<T, kFalling> {
  explicit CeluOf(const Values& values)
      : EluFamily<T, kFalling>(values[0], 1, 1 / values[0],
                               1 / static_cast<double>(static_cast<float>(values[0]))) {}
};

template <class T>
using Celu = CeluOf<T, false>;
template <class T>
using FallingCelu = CeluOf<T, true>;

/// aten/src/ATen/native/cpu/UnaryOpsKernel.cpp: sigmoid_kernel; the gradient is of the rounded value,
/// BinaryOpsKernel.cpp: sigmoid_backward_kernel.
template <class T>
struct Sigmoid {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::as_float32;

  explicit Sigmoid(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return 1 / (1 + how.exp(0 - x));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C y = rounded<T>(forward(x, how));
    if constexpr (std::is_same_v<T, float16>) return rounded<T>(1 - y) * y;
    return (1 - y) * y;
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: silu_kernel and silu_backward_kernel.
template <class T>
struct Silu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit Silu(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return x / (1 + how.exp(-x));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C s = 1 / (1 + how.exp(-x));
    return s * how.fma(x, 1 - s, C{1});
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: softplus_kernel and softplus_backward_kernel. How far
/// log1p has to reach depends on the threshold.
template <class T, Reach kReach>
struct SoftplusWithin {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit SoftplusWithin(const Values& values)
      : beta(static_cast<C>(values[0])), threshold(static_cast<C>(values[1])) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    const C b = x * beta;
    return select(b > threshold, x, how.template log1p<kReach>(how.exp(b)) / beta);
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C b = x * beta;
    const C z = how.exp(b);
    return select(b > threshold, C{1}, z / (z + 1));
  }

  C beta, threshold;
};

template <class T>
using Softplus = SoftplusWithin<T, Reach::moderate>;
template <class T>
using FarSoftplus = SoftplusWithin<T, Reach::full>;

/// aten/src/ATen/native/cpu/Activation.cpp: log_sigmoid_cpu_kernel, which keeps the exponential,
/// rounded, for log_sigmoid_backward_cpu_kernel.
template <class T>
struct Logsigmoid {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit Logsigmoid(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return select(x > 0, C{0}, x) - how.template log1p<Reach::moderate>(how.exp(-magnitude(x)));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C z = rounded<T>(how.exp(-magnitude(x)));
    const C q = z / (1 + z);
    return select(x < 0, 1 - q, 0 + q);
  }
};

}  // namespace function

RECTIFY_FUNCTION_WITH_OUTPUT(Elu)
RECTIFY_FUNCTION_WITH_OUTPUT(Selu)
RECTIFY_FUNCTION(Sigmoid)
RECTIFY_FUNCTION(Silu)
RECTIFY_FUNCTION(Logsigmoid)

void celu_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                  const Values& values) {
  values[0] < 0 ? elementwise<function::FallingCelu, Forward>(dtype, from, to, extent, values)
                : elementwise<function::Celu, Forward>(dtype, from, to, extent, values);
}

void celu_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                   const Values& values) {
  elementwise<function::Celu, Backward>(dtype, from, to, extent, values);
}

void celu_backward_of_output(DType dtype, const std::byte* from, std::byte* to,
                             const Extent& extent, const Values& values) {
  elementwise<function::Celu, BackwardOfOutput>(dtype, from, to, extent, values);
}

void softplus_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                      const Values& values) {
  // exp(x * beta) of what is not above the threshold stays where log1p is simple.
  const bool moderate = values[1] <= (dtype == DType::float64 ? 700 : 87);
  moderate ? elementwise<function::Softplus, Forward>(dtype, from, to, extent, values)
           : elementwise<function::FarSoftplus, Forward>(dtype, from, to, extent, values);
}

void softplus_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                       const Values& values) {
  elementwise<function::Softplus, Backward>(dtype, from, to, extent, values);
}

}  // namespace rectify::inline v1
