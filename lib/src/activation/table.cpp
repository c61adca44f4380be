// The table: what each activation is called, takes and refuses, and the loops that run its
// functions (scalar.hpp) over tensors, compiled once a target.
//
// This file is compiled with -fno-trapping-math, without which the loops do not vectorize (the
// compiler would have to assume that a multiplication it skips could trap), and with
// -ffp-contract=off, so that a multiplication and an addition are fused only where std::fma says
// so.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "activation/scalar.hpp"
#include "activation/softmax.hpp"
#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "rectify/activation.hpp"
#include "rectify/error.hpp"

namespace rectify {
namespace {

// ---- loops --------------------------------------------------------------------------------------

struct Forward {
  template <class F, class C>
  RECTIFY_INLINE static C of(const F& f, C x) {
    return f.forward(x);
  }
};

struct Backward {
  template <class F, class C>
  RECTIFY_INLINE static C of(const F& f, C x) {
    return f.derivative(x);
  }
};

struct BackwardOfOutput {
  template <class F, class C>
  RECTIFY_INLINE static C of(const F& f, C y) {
    return f.derivative_of_output(y);
  }
};

template <class Op, class F, class T>
struct Loop {
  RECTIFY_INLINE static void run(const F& f, const T* from, T* to, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) to[i] = narrow<T>(Op::of(f, widen(from[i])));
  }
};

/// A Kernel of an activation of single elements.
template <class F, class Op>
void elementwise(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                 const Values& values) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T> || (F::integers && !std::is_same_v<T, bool>)) {
      run_on_target<Loop<Op, F, T>>(F(values), reinterpret_cast<const T*>(from),
                                    reinterpret_cast<T*>(to), extent.numel());
    } else {
      throw Error(ErrorKind::usage, "no such kernel");  // check() has refused it
    }
  });
}

/// A Kernel of an activation of slices: F::forward or F::backward of all of them, in T.
template <class F, bool kForward>
struct Slices {
  template <class T>
  struct Of {
    RECTIFY_INLINE static void run(const T* from, T* to, const Extent* extent,
                                   Compute<T>* scratch) {
      kForward ? F::forward(from, to, *extent, scratch) : F::backward(from, to, *extent, scratch);
    }
  };

  static void kernel(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                     const Values&) {
    if (extent.numel() == 0) return;
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (is_floating<T>) {
        std::vector<Compute<T>> scratch(F::scratch_of(extent));
        run_on_target<Of<T>>(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), &extent,
                             scratch.data());
      } else {
        throw Error(ErrorKind::usage, "no such kernel");  // check() has refused it
      }
    });
  }
};

template <class F>
constexpr Activation::Kernel forward = elementwise<F, Forward>;
template <class F>
constexpr Activation::Kernel backward = elementwise<F, Backward>;
template <class F>
constexpr Activation::Kernel backward_of_output = elementwise<F, BackwardOfOutput>;

// ---- what PyTorch refuses -----------------------------------------------------------------------

/// What PyTorch calls a dtype in "not implemented for 'Long'".
std::string scalar_type(DType dtype) {
  switch (dtype) {
    case DType::int8:
      return "Char";
    case DType::int16:
      return "Short";
    case DType::int32:
      return "Int";
    case DType::int64:
      return "Long";
    case DType::uint8:
      return "Byte";
    case DType::boolean:
      return "Bool";
    default:
      return std::string(name(dtype));
  }
}

[[noreturn]] void refuse_bool(const char* message) {
  throw Error(ErrorKind::unsupported, message,
              option("dtype", "float32") + " or uint8 reads them as 0 and 1");
}

void require_floating(DType dtype, const char* kernel) {
  if (is_floating_point(dtype)) return;
  throw Error(ErrorKind::unsupported,
              "\"" + std::string(kernel) + "\" not implemented for '" + scalar_type(dtype) + "'",
              dtype == DType::boolean ? option("dtype", "float32") + " reads them as 0 and 1"
                                      : option("modes", "relu") + " keeps integers, " +
                                            option("dtype", "float32") + " converts them");
}

/// PyTorch converts a parameter to the type of the arithmetic, which is float32 for 16 bits.
void require_convertible(DType dtype, double value, const char* what) {
  if (dtype == DType::float64 || !std::isfinite(value) ||
      std::abs(value) <= std::numeric_limits<float>::max())
    return;
  throw Error(ErrorKind::usage,
              std::string(what) + " cannot be converted to type float without overflow",
              option("dtype", "float64") + " can hold it");
}

void check_relu(DType dtype, const Shape&, const Values&) {
  if (dtype == DType::boolean) refuse_bool("Boolean inputs not supported for relu");
}

void check_leaky_relu(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "leaky_relu_cpu");
  if (!std::isfinite(values[0]))
    throw Error(ErrorKind::usage, "negative_slope must be a finite number");
  require_convertible(dtype, values[0], "the slope");
}

void check_relu6(DType dtype, const Shape&, const Values&) {
  if (dtype == DType::boolean) refuse_bool("Bool inputs not supported for hardtanh");
}

void check_elu(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "elu_cpu");
  require_convertible(dtype, values[0], "value");
}

void check_softmax(DType dtype, const Shape& shape, const Values& values) {
  const auto dim = static_cast<std::int64_t>(values[0]);
  const std::int64_t rank = std::max<std::int64_t>(1, static_cast<std::int64_t>(shape.size()));
  if (dim < -rank || dim >= rank) {
    throw Error(ErrorKind::data, "Dimension out of range (expected to be in range of [" +
                                     std::to_string(-rank) + ", " + std::to_string(rank - 1) +
                                     "], but got " + std::to_string(dim) + ")");
  }
  const bool last = dim == -1 || dim == rank - 1;
  require_floating(dtype, last ? "softmax_lastdim_kernel_impl" : "softmax_kernel_impl");
}

void check_leaky_relu_inplace_backward(const Values& values) {
  if (values[0] < 0) {
    throw Error(ErrorKind::usage,
                "leaky_relu in place has no gradient for a negative slope: the output no longer "
                "tells the input's sign",
                "leave out " + option("inplace"));
  }
}

void check_elu_inplace_backward(const Values& values) {
  if (values[0] < 0) {
    throw Error(ErrorKind::usage,
                "In-place elu backward calculation is triggered with a negative slope which is not "
                "supported. This is caused by calling in-place forward function with a negative "
                "slope, please call out-of-place version instead.",
                "leave out " + option("inplace"));
  }
}

// ---- the table ----------------------------------------------------------------------------------

constexpr Parameter kNegativeSlope[] = {
    {"negative_slope", 0.01, false, "the factor of what is not above zero: any finite number"}};
constexpr Parameter kAlpha[] = {{"alpha", 1.0, false, "the limit far below zero is -alpha"}};

constexpr Parameter kDim[] = {
    {"dim", -1, true, "the dimension along which the values sum to 1; negative: from the last"}};

constexpr Activation kTable[] = {
    {.name = "leaky",
     .function = "leaky_relu",
     .module = "LeakyReLU",
     .summary = "x where x > 0, otherwise x * negative_slope",
     .parameters = kNegativeSlope,
     .traits = {.integers = false, .rectifier = true},
     .scope = Scope::element,
     .shape_of = nullptr,
     .dtype_of = nullptr,
     .check = check_leaky_relu,
     .forward = forward<scalar::LeakyRelu>,
     .backward = backward<scalar::LeakyRelu>,
     .backward_of_output = backward_of_output<scalar::LeakyRelu>,
     .check_inplace_backward = check_leaky_relu_inplace_backward},
    {.name = "relu",
     .function = "relu",
     .module = "ReLU",
     .summary = "x where x > 0, otherwise 0",
     .parameters = {},
     .traits = {.integers = true, .rectifier = true},
     .scope = Scope::element,
     .shape_of = nullptr,
     .dtype_of = nullptr,
     .check = check_relu,
     .forward = forward<scalar::Relu>,
     .backward = backward<scalar::Relu>,
     .backward_of_output = backward_of_output<scalar::Relu>,
     .check_inplace_backward = nullptr},
    {.name = "relu6",
     .function = "relu6",
     .module = "ReLU6",
     .summary = "x between 0 and 6, otherwise the nearer of them",
     .parameters = {},
     .traits = {.integers = true},
     .scope = Scope::element,
     .shape_of = nullptr,
     .dtype_of = nullptr,
     .check = check_relu6,
     .forward = forward<scalar::Relu6>,
     .backward = backward<scalar::Relu6>,
     .backward_of_output = nullptr,
     .check_inplace_backward = nullptr},
    {.name = "elu",
     .function = "elu",
     .module = "ELU",
     .summary = "x where x > 0, otherwise alpha * (exp(x) - 1)",
     .parameters = kAlpha,
     .traits = {},
     .scope = Scope::element,
     .shape_of = nullptr,
     .dtype_of = nullptr,
     .check = check_elu,
     .forward = forward<scalar::Elu>,
     .backward = backward<scalar::Elu>,
     .backward_of_output = backward_of_output<scalar::Elu>,
     .check_inplace_backward = check_elu_inplace_backward},
    {.name = "softmax",
     .function = "softmax",
     .module = "Softmax",
     .summary = "exp(x) / sum of exp(x) along dim",
     .parameters = kDim,
     .traits = {.in_place = false},
     .scope = Scope::slice,
     .shape_of = nullptr,
     .dtype_of = nullptr,
     .check = check_softmax,
     .forward = Slices<Softmax, true>::kernel,
     .backward = Slices<Softmax, false>::kernel,
     .backward_of_output = nullptr,
     .check_inplace_backward = nullptr},
};

}  // namespace

std::span<const Activation> activations() { return kTable; }

}  // namespace rectify
