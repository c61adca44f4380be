// PyTorch's own names for the two rectifiers: torch.nn modules and torch.nn.functional functions.
#pragma once

#include "rectify/tensor.hpp"

namespace rectify {
namespace functional {

/// max(x, 0) for every element: x < 0 gives +0, everything else is kept, -0.0 and NaN among it. Any
/// shape; floating point and integer dtypes, which are kept. With `inplace` the result shares
/// `input`'s memory. Throws Error{unsupported} for bool. Meaning: torch.nn.functional.relu.
Tensor relu(Tensor input, bool inplace = false);

/// x where x > 0, otherwise x * negative_slope, in the dtype (16-bit dtypes: in float32, rounded
/// once). Any shape. NaN stays NaN and -0.0 is multiplied like any other number. With `inplace` the
/// result shares `input`'s memory. Throws Error{unsupported} for integer dtypes and bool, as
/// PyTorch does, and Error{usage} for a slope the arithmetic cannot hold. Meaning:
/// torch.nn.functional.leaky_relu.
Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false);

}  // namespace functional

namespace nn {

/// torch.nn.ReLU: nn::ReLU{}(x), nn::ReLU{.inplace = true}(x).
struct ReLU {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.LeakyReLU: nn::LeakyReLU{.negative_slope = 0.2}(x).
struct LeakyReLU {
  double negative_slope = 0.01;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

}  // namespace nn
}  // namespace rectify
