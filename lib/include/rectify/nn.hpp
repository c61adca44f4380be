// PyTorch's own names for the activations: torch.nn modules and torch.nn.functional functions, as
// libtorch has them.
//
// All give the bits of PyTorch's vector loops, on every dtype that PyTorch takes: float32, float64
// and, in float32 and rounded once, float16 and bfloat16. Shape and dtype are the input's, unless a
// function says otherwise. With `inplace` the result shares `input`'s memory. They throw
// Error{unsupported} for other dtypes, Error{usage} for a value that PyTorch refuses or that the
// arithmetic cannot hold, and Error{data} for a shape, all in PyTorch's words. Parameters without a
// dimension given: the last one.
//
// The functions of single elements also take the caller's own memory, and leave their results
// there (Elements: a std::vector<float>, a std::span<double>, an array):
//
//     std::vector<float> acts = ...;
//     rectify::functional::leaky_relu(acts, 0.4);
#pragma once

#include <cstdint>
#include <string_view>

#include "rectify/api.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {
namespace functional {

/// max(x, 0): x < 0 gives +0, everything else is kept, -0.0 and NaN among it. Integer dtypes are
/// kept, too; bool is refused.
/// Meaning: torch.nn.functional.relu.
Tensor relu(Tensor input, bool inplace = false);
void relu(Elements elements);

/// x where x > 0, otherwise x * negative_slope: NaN stays NaN, and -0.0 is multiplied like any other
/// number.
/// Meaning: torch.nn.functional.leaky_relu.
Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false);
void leaky_relu(Elements elements, double negative_slope = 0.01);

/// min(max(x, 0), 6); -0.0 and NaN are kept. Integer dtypes are kept, too.
/// Meaning: torch.nn.functional.relu6.
Tensor relu6(Tensor input, bool inplace = false);
void relu6(Elements elements);

/// x where x > 0, otherwise x * weight. The weight has one element, or as many as dimension 1 of the
/// input; it is converted to the input's dtype.
/// Meaning: torch.nn.functional.prelu.
Tensor prelu(Tensor input, const Tensor& weight);
void prelu(Elements elements, const Tensor& weight);

/// x where x > 0, otherwise x times a slope: in training a random one between the bounds for each
/// element, as PyTorch draws it after manual_seed(seed); else the one in the middle.
/// Meaning: torch.nn.functional.rrelu.
Tensor rrelu(Tensor input, double lower = 1.0 / 8, double upper = 1.0 / 3, bool training = false,
             bool inplace = false, std::uint64_t seed = 0);
void rrelu(Elements elements, double lower = 1.0 / 8, double upper = 1.0 / 3, bool training = false,
           std::uint64_t seed = 0);

/// x where x > 0, otherwise alpha * (exp(x) - 1).
/// Meaning: torch.nn.functional.elu.
Tensor elu(Tensor input, double alpha = 1.0, bool inplace = false);
void elu(Elements elements, double alpha = 1.0);

/// elu with the alpha and the scale of self-normalizing networks, 1.6733 and 1.0507.
/// Meaning: torch.nn.functional.selu.
Tensor selu(Tensor input, bool inplace = false);
void selu(Elements elements);

/// x where x > 0, otherwise alpha * (exp(x / alpha) - 1); alpha is not 0.
/// Meaning: torch.nn.functional.celu.
Tensor celu(Tensor input, double alpha = 1.0, bool inplace = false);
void celu(Elements elements, double alpha = 1.0);

/// x times the standard normal distribution function of x, by the error function ("none") or by its
/// approximation with tanh ("tanh").
/// Meaning: torch.nn.functional.gelu.
Tensor gelu(Tensor input, std::string_view approximate = "none");
void gelu(Elements elements, std::string_view approximate = "none");

/// x * sigmoid(x).
/// Meaning: torch.nn.functional.silu.
Tensor silu(Tensor input, bool inplace = false);
void silu(Elements elements);

/// x * tanh(log(1 + exp(x))).
/// Meaning: torch.nn.functional.mish.
Tensor mish(Tensor input, bool inplace = false);
void mish(Elements elements);

/// x between two limits, otherwise the nearer of them. Integer dtypes are kept, and the limits cut to
/// them.
/// Meaning: torch.nn.functional.hardtanh.
Tensor hardtanh(Tensor input, double min_val = -1.0, double max_val = 1.0, bool inplace = false);
void hardtanh(Elements elements, double min_val = -1.0, double max_val = 1.0);

/// x * relu6(x + 3) / 6.
/// Meaning: torch.nn.functional.hardswish.
Tensor hardswish(Tensor input, bool inplace = false);
void hardswish(Elements elements);

/// relu6(x + 3) / 6.
/// Meaning: torch.nn.functional.hardsigmoid.
Tensor hardsigmoid(Tensor input, bool inplace = false);
void hardsigmoid(Elements elements);

/// log(1 + exp(x * beta)) / beta, but x itself where x * beta > threshold.
/// Meaning: torch.nn.functional.softplus.
Tensor softplus(Tensor input, double beta = 1.0, double threshold = 20.0);
void softplus(Elements elements, double beta = 1.0, double threshold = 20.0);

/// x / (1 + |x|). Integers give float32.
/// Meaning: torch.nn.functional.softsign.
Tensor softsign(Tensor input);
void softsign(Elements elements);

/// x where x > threshold, otherwise value; NaN is kept. Integer dtypes are kept, too.
/// Meaning: torch.nn.functional.threshold.
Tensor threshold(Tensor input, double threshold, double value, bool inplace = false);
void threshold(Elements elements, double threshold, double value);

/// x - tanh(x). Integers give float32.
/// Meaning: torch.nn.functional.tanhshrink.
Tensor tanhshrink(Tensor input);
void tanhshrink(Elements elements);

/// 0 where -lambd <= x <= lambd, otherwise x.
/// Meaning: torch.nn.functional.hardshrink.
Tensor hardshrink(Tensor input, double lambd = 0.5);
void hardshrink(Elements elements, double lambd = 0.5);

/// x nearer to zero by lambd, and 0 where that would pass it; lambd is not negative.
/// Meaning: torch.nn.functional.softshrink.
Tensor softshrink(Tensor input, double lambd = 0.5);
void softshrink(Elements elements, double lambd = 0.5);

/// log(sigmoid(x)).
/// Meaning: torch.nn.functional.logsigmoid.
Tensor logsigmoid(Tensor input);
void logsigmoid(Elements elements);

/// 1 / (1 + exp(-x)). Integers and bool give float32.
/// Meaning: torch.sigmoid.
Tensor sigmoid(Tensor input, bool inplace = false);
void sigmoid(Elements elements);

/// tanh(x). Integers and bool give float32.
/// Meaning: torch.tanh.
Tensor tanh(Tensor input, bool inplace = false);
void tanh(Elements elements);

/// The first half along `dim` times the sigmoid of the second: half as large there.
/// Meaning: torch.nn.functional.glu.
Tensor glu(Tensor input, std::int64_t dim = -1);

/// exp(x) over its sum along `dim`.
/// Meaning: torch.nn.functional.softmax.
Tensor softmax(Tensor input, std::int64_t dim = -1);

/// softmax of -x.
/// Meaning: torch.nn.functional.softmin.
Tensor softmin(Tensor input, std::int64_t dim = -1);

/// The logarithm of softmax.
/// Meaning: torch.nn.functional.log_softmax.
Tensor log_softmax(Tensor input, std::int64_t dim = -1);

}  // namespace functional

/// The modules: nn::ReLU{}(x), nn::LeakyReLU{.negative_slope = 0.2, .inplace = true}(x). Each is its
/// function above with its options.
namespace nn {

/// torch.nn.ReLU.
struct ReLU {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.LeakyReLU.
struct LeakyReLU {
  double negative_slope = 0.01;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.ReLU6.
struct ReLU6 {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.PReLU, whose weight is learned.
struct PReLU {
  Tensor weight = Tensor::of<float>({0.25f});

  Tensor operator()(Tensor input) const;
};

/// torch.nn.RReLU.
struct RReLU {
  double lower = 1.0 / 8;
  double upper = 1.0 / 3;
  bool training = false;
  bool inplace = false;
  std::uint64_t seed = 0;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.ELU.
struct ELU {
  double alpha = 1.0;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.SELU.
struct SELU {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.CELU.
struct CELU {
  double alpha = 1.0;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.GELU.
struct GELU {
  std::string_view approximate = "none";

  Tensor operator()(Tensor input) const;
};

/// torch.nn.SiLU.
struct SiLU {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Mish.
struct Mish {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Hardtanh.
struct Hardtanh {
  double min_val = -1.0;
  double max_val = 1.0;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Hardswish.
struct Hardswish {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Hardsigmoid.
struct Hardsigmoid {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Softplus.
struct Softplus {
  double beta = 1.0;
  double threshold = 20.0;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Softsign.
struct Softsign {
  Tensor operator()(Tensor input) const;
};

/// torch.nn.Threshold.
struct Threshold {
  double threshold;
  double value;
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Tanhshrink.
struct Tanhshrink {
  Tensor operator()(Tensor input) const;
};

/// torch.nn.Hardshrink.
struct Hardshrink {
  double lambd = 0.5;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Softshrink.
struct Softshrink {
  double lambd = 0.5;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.LogSigmoid.
struct LogSigmoid {
  Tensor operator()(Tensor input) const;
};

/// torch.nn.Sigmoid.
struct Sigmoid {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Tanh.
struct Tanh {
  bool inplace = false;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.GLU.
struct GLU {
  std::int64_t dim = -1;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Softmax.
struct Softmax {
  std::int64_t dim = -1;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.Softmin.
struct Softmin {
  std::int64_t dim = -1;

  Tensor operator()(Tensor input) const;
};

/// torch.nn.LogSoftmax.
struct LogSoftmax {
  std::int64_t dim = -1;

  Tensor operator()(Tensor input) const;
};

}  // namespace nn
}  // namespace v1
}  // namespace rectify
