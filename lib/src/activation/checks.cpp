#include "activation/checks.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "dispatch.hpp"
#include "number/number.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

std::string scalar_type(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return "Half";
    case DType::bfloat16:
      return "BFloat16";
    case DType::float32:
      return "Float";
    case DType::float64:
      return "Double";
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
    case DType::uint16:
      return "UInt16";
    case DType::uint32:
      return "UInt32";
    case DType::uint64:
      return "UInt64";
    case DType::boolean:
      return "Bool";
  }
  return std::string(name(dtype));
}

namespace {

[[noreturn]] void refuse_bool(const char* message) {
  throw Error(ErrorKind::unsupported, message,
              option("dtype", "float32") + " or uint8 reads them as 0 and 1");
}

[[noreturn]] void refuse_dtype(DType dtype, const char* kernel) {
  throw Error(ErrorKind::unsupported,
              "\"" + std::string(kernel) + "\" not implemented for '" + scalar_type(dtype) + "'",
              dtype == DType::boolean    ? option("dtype", "float32") + " reads them as 0 and 1"
              : is_floating_point(dtype) ? option("dtype", "float32") + " converts them"
                                         : option("modes", "relu") + " keeps integers, " +
                                               option("dtype", "float32") + " converts them");
}

void refuse_wide_unsigned(DType dtype, const char* kernel) {
  if (is_wide_unsigned_dtype(dtype)) refuse_dtype(dtype, kernel);
}

void require_floating(DType dtype, const char* kernel) {
  if (!is_floating_point(dtype)) refuse_dtype(dtype, kernel);
}

/// What PyTorch calls the type of the arithmetic, which a parameter is converted to.
const char* type_of_arithmetic(DType dtype) {
  switch (dtype) {
    case DType::int8:
      return "int8_t";
    case DType::int16:
      return "int16_t";
    case DType::int32:
      return "int";
    case DType::int64:
      return "int64_t";
    case DType::uint8:
      return "uint8_t";
    case DType::float64:
      return "double";
    default:
      return "float";
  }
}

/// PyTorch converts a parameter to the type of the arithmetic, which is float32 for 16 bits.
bool is_convertible(DType dtype, double value) {
  if (dtype == DType::float64) return true;
  if (is_floating_point(dtype))
    return !std::isfinite(value) || std::abs(value) <= std::numeric_limits<float>::max();
  return dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      // The limit above the greatest value is a power of two, and exact.
      const double whole = std::trunc(value);
      return whole >= static_cast<double>(std::numeric_limits<T>::min()) &&
             whole < std::ldexp(1.0, std::numeric_limits<T>::digits);
    } else {
      return true;
    }
  });
}

void require_convertible(DType dtype, double value, const char* what = "value") {
  if (is_convertible(dtype, value)) return;
  throw Error(ErrorKind::usage,
              std::string(what) + " cannot be converted to type " + type_of_arithmetic(dtype) +
                  " without overflow",
              is_floating_point(dtype) ? option("dtype", "float64") + " can hold it" : "");
}

[[noreturn]] void refuse_value(std::string message) {
  throw Error(ErrorKind::usage, std::move(message));
}

/// A number as C++ writes it to a stream.
std::string streamed(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

/// As Python writes a float.
std::string in_python(double value) {
  std::array<char, kNumberBytes> text{};
  return {text.data(), format_number(text.data(), value)};
}

double greatest(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return 65504;
    case DType::bfloat16:
      return 0x1.FEp127;
    case DType::float64:
      return std::numeric_limits<double>::max();
    default:
      return std::numeric_limits<float>::max();
  }
}

/// Throws unless the shape has the dimension.
std::int64_t checked_dim(const Shape& shape, double value) {
  const auto dim = static_cast<std::int64_t>(value);
  const std::int64_t rank = std::max<std::int64_t>(1, static_cast<std::int64_t>(shape.size()));
  if (dim < -rank || dim >= rank) {
    throw Error(ErrorKind::data, "Dimension out of range (expected to be in range of [" +
                                     std::to_string(-rank) + ", " + std::to_string(rank - 1) +
                                     "], but got " + std::to_string(dim) + ")");
  }
  return dim < 0 ? dim + rank : dim;
}

constexpr const char* kNoNegation =
    "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
    "mask, use the `~` or `logical_not()` operator instead.";
constexpr const char* kNoSubtraction =
    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
    "invert a mask, use the `~` or `logical_not()` operator instead.";

void check_rows(DType dtype, const Shape& shape, const Values& values, const char* last,
                const char* other) {
  const std::int64_t dim = checked_dim(shape, values[0]);
  const bool is_last = dim + 1 >= static_cast<std::int64_t>(shape.size());
  require_floating(dtype, is_last ? last : other);
}

[[noreturn]] void refuse_inplace_backward(const char* what, const char* wish = "") {
  throw Error(ErrorKind::usage,
              "In-place " + std::string(what) +
                  " backward calculation is triggered with a negative slope which is not "
                  "supported. This is caused by calling in-place forward function with a negative "
                  "slope, please call out-of-place version instead." +
                  wish,
              "leave out " + option("inplace"));
}

}  // namespace

void check_any(DType, const Shape&, const Values&) {}

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
  refuse_wide_unsigned(dtype, "clamp_scalar_cpu");
}

void check_hardtanh(DType dtype, const Shape&, const Values& values) {
  if (values[0] > values[1]) refuse_value("min_val cannot be greater than max_val");
  if (dtype == DType::boolean) refuse_bool("Bool inputs not supported for hardtanh");
  if (!is_floating_point(dtype)) {
    for (const double limit : {values[0], values[1]}) require_convertible(DType::int64, limit);
  }
  refuse_wide_unsigned(dtype, "clamp_scalar_cpu");
  if (dtype == DType::uint8 && (std::trunc(values[0]) < 0 || std::trunc(values[1]) < 0)) {
    throw Error(ErrorKind::unsupported,
                "cannot do hardtanh on an unsigned type with negative limits");
  }
  for (const double limit : {values[0], values[1]}) require_convertible(dtype, limit);
}

void check_hardtanh_module(const Values& values) {
  if (values[0] >= values[1]) {  // which NaN is not, here as there
    refuse_value("max_val (" + in_python(values[1]) + ") must be greater than min_val (" +
                 in_python(values[0]) + ")");
  }
}

void check_prelu(DType dtype, const Shape& shape, const Values& values) {
  if (values.list.size() > 1) {
    if (shape.empty()) throw Error(ErrorKind::data, "Not allow zero-dim input tensor.");
    const auto weights = static_cast<std::int64_t>(values.list.size());
    const std::int64_t channels = shape.size() < 2 ? 1 : shape[1];
    if (weights != channels) {
      throw Error(
          ErrorKind::data,
          "Mismatch of parameter numbers and input channel size. Found parameter numbers = " +
              std::to_string(weights) + " and channel size = " + std::to_string(channels) + ".",
          "a weight for each of dimension 1, or one for all");
    }
  }
  require_floating(dtype, "prelu_cpu");
}

void check_rrelu(DType dtype, const Shape&, const Values& values) {
  const double lower = values[0];
  const double upper = values[1];
  const bool training = values[2] != 0;
  for (const auto& [name, bound] : {std::pair("lower", lower), std::pair("upper", upper)}) {
    if (!std::isfinite(bound)) {
      refuse_value(std::string("rrelu: ") + name + " bound must be finite, got " + streamed(bound));
    }
  }
  if (lower > upper) refuse_value("Lower bound should be less than or equal to the upper bound");
  if (!training) {
    require_floating(dtype, "leaky_relu_cpu");
    return require_convertible(dtype, (lower + upper) / 2);
  }
  if (!is_floating_point(dtype) || dtype == DType::float16)
    refuse_dtype(dtype, "rrelu_with_noise_out_cpu");
  for (const double bound : {lower, upper}) require_convertible(dtype, bound);
}

void check_elu(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "elu_cpu");
  require_convertible(dtype, values[0]);
}

void check_selu(DType dtype, const Shape&, const Values&) { require_floating(dtype, "elu_cpu"); }

void check_celu(DType dtype, const Shape&, const Values& values) {
  if (values[0] == 0) refuse_value("ZeroDivisionError: alpha cannot be 0 for CELU");
  require_floating(dtype, "elu_cpu");
  for (const double value : {values[0], 1 / values[0]}) require_convertible(dtype, value);
}

void check_gelu(DType dtype, const Shape&, const Values&) {
  require_floating(dtype, "GeluKernelImpl");
}

void check_silu(DType dtype, const Shape&, const Values&) { require_floating(dtype, "silu_cpu"); }

void check_mish(DType dtype, const Shape&, const Values&) { require_floating(dtype, "mish_cpu"); }

void check_hardswish(DType dtype, const Shape&, const Values&) {
  require_floating(dtype, "hardswish_cpu");
}

void check_hardsigmoid(DType dtype, const Shape&, const Values&) {
  require_floating(dtype, "hardsigmoid_cpu");
}

void check_softplus(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "softplus_cpu");
  for (const double value : {values[0], values[1]}) require_convertible(dtype, value);
}

void check_softsign(DType dtype, const Shape&, const Values&) {
  if (dtype == DType::boolean) refuse_dtype(dtype, "abs_cpu");
  refuse_wide_unsigned(dtype, "abs_cpu");
}

void check_threshold(DType dtype, const Shape&, const Values& values) {
  if (dtype == DType::boolean) refuse_dtype(dtype, "threshold_cpu");
  refuse_wide_unsigned(dtype, "threshold_cpu");
  for (const double value : {values[0], values[1]}) require_convertible(dtype, value);
}

void check_tanhshrink(DType dtype, const Shape&, const Values&) {
  if (dtype == DType::boolean) refuse_bool(kNoSubtraction);
}

void check_hardshrink(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "hardshrink_cpu");
  require_convertible(dtype, values[0]);
}

void check_softshrink(DType dtype, const Shape&, const Values& values) {
  require_floating(dtype, "softshrink_check");
  const double most = greatest(dtype);
  if (values[0] >= 0 && values[0] <= most) return;
  refuse_value("lambda must be in range [0, " + streamed(most) + "] for input dtype " +
               scalar_type(dtype) + ", but found " + streamed(values[0]));
}

void check_logsigmoid(DType dtype, const Shape&, const Values&) {
  require_floating(dtype, "log_sigmoid_cpu");
}

void check_glu(DType dtype, const Shape& shape, const Values& values) {
  if (shape.empty()) {
    throw Error(ErrorKind::data, "glu does not support scalars because halving size must be even");
  }
  const std::int64_t dim = checked_dim(shape, values[0]);
  const std::int64_t size = shape[static_cast<std::size_t>(dim)];
  if (size % 2 != 0) {
    throw Error(ErrorKind::data, "Halving dimension must be even, but dimension " +
                                     std::to_string(dim) + " is size " + std::to_string(size));
  }
  require_floating(dtype, "glu_cpu");
}

void check_softmax(DType dtype, const Shape& shape, const Values& values) {
  check_rows(dtype, shape, values, "softmax_lastdim_kernel_impl", "softmax_kernel_impl");
}

void check_softmin(DType dtype, const Shape& shape, const Values& values) {
  if (dtype == DType::boolean) refuse_bool(kNoNegation);
  check_softmax(dtype, shape, values);
}

void check_log_softmax(DType dtype, const Shape& shape, const Values& values) {
  check_rows(dtype, shape, values, "log_softmax_lastdim_kernel_impl", "log_softmax_kernel_impl");
}

void check_leaky_relu_inplace_backward(const Values& values) {
  if (values[0] < 0) {
    throw Error(ErrorKind::usage,
                "leaky_relu in place has no gradient for a negative slope: the output no longer "
                "tells the input's sign",
                "leave out " + option("inplace"));
  }
}

/// In training the gradient is the slope that was drawn, unless the bounds are as good as one.
void check_rrelu_inplace_backward(const Values& values) {
  constexpr double kApart = 1e-6;
  const bool drawn = values[2] != 0 && values[1] - values[0] > kApart;
  if (!drawn && (values[0] + values[1]) / 2 < 0) {
    refuse_inplace_backward("leakyReLu",
                            " File an issue at https://github.com/pytorch/pytorch if you do "
                            "require supporting in-place leakRelu backward calculation with "
                            "negative slope");
  }
}

void check_elu_inplace_backward(const Values& values) {
  if (values[0] < 0) refuse_inplace_backward("elu");
}

}  // namespace rectify::inline v1
