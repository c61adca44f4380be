// The scalar functions, the loops around them, and the table. An activation is one struct and one
// row of kTable:
//   integers           whether PyTorch has it for integer dtypes
//   forward(x)         the value, in the dtype or, for 16-bit dtypes, in float32 and rounded once
//   derivative(kept)   the gradient; `kept` is the input, or the output after an operation in place
// This file is compiled with -fno-trapping-math, without which the loops do not vectorize (the
// compiler would have to assume that a multiplication it skips could trap), and with
// -ffp-contract=off, so that no FMA changes a bit.

#include "rectify/activation.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"

namespace rectify {
namespace {

/// aten/src/ATen/native/Activation.cpp: relu is clamp_min(0), threshold_backward its gradient.
struct Relu {
  static constexpr bool integers = true;

  explicit Relu(const Parameters&) {}

  template <class C>
  C forward(C x) const {
    return x < 0 ? C{0} : x;  // keeps -0.0 and NaN
  }
  template <class C>
  C derivative(C kept) const {
    return kept <= 0 ? C{0} : C{1};  // 1 at NaN: torch's quirk, kept on purpose
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: leaky_relu_kernel and leaky_relu_backward_kernel.
struct LeakyRelu {
  static constexpr bool integers = false;

  explicit LeakyRelu(const Parameters& parameters) : slope(parameters.negative_slope) {}

  template <class C>
  C forward(C x) const {
    const C scaled = x * static_cast<C>(slope);
    return x > 0 ? x : scaled;
  }
  template <class C>
  C derivative(C kept) const {
    return kept > 0 ? C{1} : static_cast<C>(slope);
  }

  double slope;
};

/// What PyTorch calls a dtype in "not implemented for 'Long'".
std::string_view scalar_type(DType dtype) {
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
      return name(dtype);
  }
}

void check_relu(DType dtype, const Parameters&) {
  if (dtype == DType::boolean) {
    throw Error(ErrorKind::unsupported, "Boolean inputs not supported for relu",
                "--dtype float32 or uint8 reads them as 0 and 1");
  }
}

void check_leaky_relu(DType dtype, const Parameters& parameters) {
  if (!is_floating_point(dtype)) {
    throw Error(ErrorKind::unsupported,
                "\"leaky_relu_cpu\" not implemented for '" + std::string(scalar_type(dtype)) + "'",
                dtype == DType::boolean
                    ? "--dtype float32 reads them as 0 and 1"
                    : "--mode relu keeps integers, --dtype float32 converts them");
  }
  const double slope = parameters.negative_slope;
  if (!std::isfinite(slope))
    throw Error(ErrorKind::usage, "negative_slope must be a finite number");
  if (dtype != DType::float64 && std::abs(slope) > std::numeric_limits<float>::max()) {
    throw Error(ErrorKind::usage, "the slope cannot be converted to type float without overflow",
                "--dtype float64 can hold it");
  }
}

void check_leaky_relu_inplace_backward(const Parameters& parameters) {
  if (parameters.negative_slope < 0) {
    throw Error(ErrorKind::usage,
                "leaky_relu in place has no gradient for a negative slope: the output no longer "
                "tells the input's sign",
                "leave out --inplace");
  }
}

template <class F, class Op>
void loop(const F& f, DType dtype, const std::byte* from, std::byte* to, std::size_t n, Op op) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T> || (F::integers && !std::is_same_v<T, bool>)) {
      const T* x = reinterpret_cast<const T*>(from);
      T* y = reinterpret_cast<T*>(to);
      for (std::size_t i = 0; i < n; ++i) y[i] = narrow<T>(op(f, widen(x[i])));
    } else {
      throw Error(ErrorKind::usage, "no such kernel");  // check() has refused it
    }
  });
}

template <class F>
void forward(DType dtype, const std::byte* x, std::byte* y, std::size_t n,
             const Parameters& parameters) {
  loop(F(parameters), dtype, x, y, n, [](const F& f, auto value) { return f.forward(value); });
}

template <class F>
void backward(DType dtype, const std::byte* kept, std::byte* g, std::size_t n,
              const Parameters& parameters) {
  loop(F(parameters), dtype, kept, g, n,
       [](const F& f, auto value) { return f.derivative(value); });
}

constexpr Activation kTable[] = {
    {"leaky", "leaky_relu", "x where x > 0, otherwise x * slope", true, check_leaky_relu,
     forward<LeakyRelu>, backward<LeakyRelu>, check_leaky_relu_inplace_backward},
    {"relu", "relu", "x where x > 0, otherwise 0", false, check_relu, forward<Relu>, backward<Relu>,
     nullptr},
};

}  // namespace

std::span<const Activation> activations() { return kTable; }

const Activation* find_activation(std::string_view name) {
  for (const Activation& row : kTable) {
    if (row.name == name || row.torch_name == name) return &row;
  }
  return nullptr;
}

Tensor apply(const Activation& activation, Tensor input, const Parameters& parameters,
             bool inplace) {
  activation.check(input.dtype(), parameters);
  Tensor output = inplace ? input : Tensor::empty(input.shape(), input.dtype());
  activation.forward(input.dtype(), input.bytes(), output.bytes(),
                     static_cast<std::size_t>(input.numel()), parameters);
  return output;
}

Tensor gradient(const Activation& activation, const Tensor& input, const Parameters& parameters,
                bool inplace) {
  activation.check(input.dtype(), parameters);
  if (!is_floating_point(input.dtype())) {
    throw Error(ErrorKind::unsupported,
                "Only Tensors of floating point and complex dtype can require gradients",
                "--dtype float32 converts them");
  }
  if (inplace && activation.check_inplace_backward != nullptr)
    activation.check_inplace_backward(parameters);
  const Tensor kept = inplace ? apply(activation, input, parameters, true) : input;
  Tensor result = inplace ? input : Tensor::empty(input.shape(), input.dtype());
  activation.backward(input.dtype(), kept.bytes(), result.bytes(),
                      static_cast<std::size_t>(input.numel()), parameters);
  return result;
}

namespace functional {

Tensor relu(Tensor input, bool inplace) {
  return apply(*find_activation("relu"), std::move(input), {}, inplace);
}

Tensor leaky_relu(Tensor input, double negative_slope, bool inplace) {
  return apply(*find_activation("leaky_relu"), std::move(input), {.negative_slope = negative_slope},
               inplace);
}

}  // namespace functional

namespace nn {

Tensor ReLU::operator()(Tensor input) const { return functional::relu(std::move(input), inplace); }

Tensor LeakyReLU::operator()(Tensor input) const {
  return functional::leaky_relu(std::move(input), negative_slope, inplace);
}

}  // namespace nn
}  // namespace rectify
