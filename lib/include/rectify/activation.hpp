// The activations, as one table: a row is one activation with its values and its gradient on every
// dtype.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "rectify/tensor.hpp"

namespace rectify {

/// What an activation may be told; each takes what it needs.
struct Parameters {
  double negative_slope =
      0.01;  ///< leaky: the factor of values that are not positive; any finite number
};

/// A row of the table. Use apply() and gradient() rather than the functions in it.
struct Activation {
  std::string_view name;        ///< what --mode calls it: "relu"
  std::string_view torch_name;  ///< the function in torch.nn.functional: "leaky_relu"
  std::string_view summary;     ///< one line for people
  bool has_slope;               ///< whether negative_slope means something to it

  /// Throws what PyTorch throws when it does not take this dtype or these parameters.
  void (*check)(DType dtype, const Parameters& parameters);
  /// y[i] = f(x[i]) for n elements of the dtype; x == y is allowed.
  void (*forward)(DType dtype, const std::byte* x, std::byte* y, std::size_t n,
                  const Parameters& parameters);
  /// g[i] = f'(kept[i]); `kept` holds the inputs, or the outputs after an operation in place. kept
  /// == g is allowed.
  void (*backward)(DType dtype, const std::byte* kept, std::byte* g, std::size_t n,
                   const Parameters& parameters);
  /// Throws what PyTorch throws when backward() follows an operation in place with these
  /// parameters; null if it never does.
  void (*check_inplace_backward)(const Parameters& parameters);
};

/// All activations, in the order in which help and reports name them.
std::span<const Activation> activations();

/// The activation called `name` (its own name or torch's), or null.
const Activation* find_activation(std::string_view name);

/// f of every element, in the input's shape and dtype. With `inplace` the result shares the input's
/// memory and nothing is allocated. Throws Error{unsupported} for a dtype PyTorch refuses
/// (leaky_relu of integers, anything of bool) and Error{usage} for a slope that is not finite or
/// that the dtype's arithmetic cannot hold.
Tensor apply(const Activation& activation, Tensor input, const Parameters& parameters = {},
             bool inplace = false);

/// The gradient that reaches the input on output.backward(torch.ones_like(output)), in the input's
/// shape and dtype. With `inplace` it is computed from the output of the operation in place, as
/// PyTorch does, and replaces the input. Throws as apply() does, Error{unsupported} for dtypes that
/// have no gradient, and Error{usage} for a negative slope in place.
Tensor gradient(const Activation& activation, const Tensor& input, const Parameters& parameters = {},
                bool inplace = false);

}  // namespace rectify
