// PyTorch's own names for the activations: torch.nn modules and torch.nn.functional functions.
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

/// min(max(x, 0), 6) for every element; -0.0 and NaN are kept. Any shape; floating point and integer
/// dtypes, which are kept. Throws Error{unsupported} for bool. Meaning: torch.nn.functional.relu6.
Tensor relu6(Tensor input, bool inplace = false);

/// x where x > 0, otherwise alpha * (exp(x) - 1), with the bits of PyTorch's vector loops. Any
/// shape. Throws Error{unsupported} for integer dtypes and bool. Meaning: torch.nn.functional.elu.
Tensor elu(Tensor input, double alpha = 1.0, bool inplace = false);

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

/// torch.nn.ReLU6: nn::ReLU6{}(x).
struct ReLU6 {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.ELU: nn::ELU{.alpha = 0.5}(x).
struct ELU {
  double alpha = 1.0;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

}  // namespace nn
}  // namespace rectify
