// torch.nn.functional and torch.nn, by the table.

#include <string>
#include <utility>
#include <vector>

#include "rectify/activation.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"

namespace rectify::inline v1 {
namespace functional {
namespace {

Module named(std::string_view name) { return Module(*find_activation(name)); }

// What a function is: its row of the table with values for the parameters.

Module leaky_relu_of(double negative_slope) {
  return named("leaky_relu").with("negative_slope", negative_slope);
}

Module prelu_of(const Tensor& weight) {
  if (weight.dim() > 1) {
    throw Error(ErrorKind::usage,
                "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = " +
                    std::to_string(weight.dim()));
  }
  const Tensor weights = weight.to(DType::float64);
  const std::span<const double> values = weights.data<double>();
  return named("prelu").with("weight", std::vector<double>(values.begin(), values.end()));
}

Module rrelu_of(double lower, double upper, bool training, std::uint64_t seed) {
  return named("rrelu")
      .with("lower", lower)
      .with("upper", upper)
      .with("training", training ? 1.0 : 0.0)
      .seeded(seed);
}

Module elu_of(double alpha) { return named("elu").with("alpha", alpha); }

Module celu_of(double alpha) { return named("celu").with("alpha", alpha); }

Module gelu_of(std::string_view approximate) {
  return named("gelu").with("approximate", approximate);
}

Module hardtanh_of(double min_val, double max_val) {
  return named("hardtanh").with("min_val", min_val).with("max_val", max_val);
}

Module softplus_of(double beta, double threshold) {
  return named("softplus").with("beta", beta).with("threshold", threshold);
}

Module threshold_of(double threshold, double value) {
  return named("threshold").with("threshold", threshold).with("value", value);
}

Module hardshrink_of(double lambd) { return named("hardshrink").with("lambd", lambd); }

Module softshrink_of(double lambd) { return named("softshrink").with("lambd", lambd); }

Module glu_of(std::int64_t dim) { return named("glu").with("dim", static_cast<double>(dim)); }

Module softmax_of(std::int64_t dim) {
  return named("softmax").with("dim", static_cast<double>(dim));
}

Module softmin_of(std::int64_t dim) {
  return named("softmin").with("dim", static_cast<double>(dim));
}

Module log_softmax_of(std::int64_t dim) {
  return named("log_softmax").with("dim", static_cast<double>(dim));
}

}  // namespace

Tensor relu(Tensor input, bool inplace) { return apply(named("relu"), std::move(input), inplace); }
void relu(Elements elements) { apply(named("relu"), elements); }

Tensor leaky_relu(Tensor input, double negative_slope, bool inplace) {
  return apply(leaky_relu_of(negative_slope), std::move(input), inplace);
}
void leaky_relu(Elements elements, double negative_slope) {
  apply(leaky_relu_of(negative_slope), elements);
}

Tensor relu6(Tensor input, bool inplace) {
  return apply(named("relu6"), std::move(input), inplace);
}
void relu6(Elements elements) { apply(named("relu6"), elements); }

Tensor prelu(Tensor input, const Tensor& weight) {
  return apply(prelu_of(weight), std::move(input));
}
void prelu(Elements elements, const Tensor& weight) { apply(prelu_of(weight), elements); }

Tensor rrelu(Tensor input, double lower, double upper, bool training, bool inplace,
             std::uint64_t seed) {
  return apply(rrelu_of(lower, upper, training, seed), std::move(input), inplace);
}
void rrelu(Elements elements, double lower, double upper, bool training, std::uint64_t seed) {
  apply(rrelu_of(lower, upper, training, seed), elements);
}

Tensor elu(Tensor input, double alpha, bool inplace) {
  return apply(elu_of(alpha), std::move(input), inplace);
}
void elu(Elements elements, double alpha) { apply(elu_of(alpha), elements); }

Tensor selu(Tensor input, bool inplace) { return apply(named("selu"), std::move(input), inplace); }
void selu(Elements elements) { apply(named("selu"), elements); }

Tensor celu(Tensor input, double alpha, bool inplace) {
  return apply(celu_of(alpha), std::move(input), inplace);
}
void celu(Elements elements, double alpha) { apply(celu_of(alpha), elements); }

Tensor gelu(Tensor input, std::string_view approximate) {
  return apply(gelu_of(approximate), std::move(input));
}
void gelu(Elements elements, std::string_view approximate) {
  apply(gelu_of(approximate), elements);
}

Tensor silu(Tensor input, bool inplace) { return apply(named("silu"), std::move(input), inplace); }
void silu(Elements elements) { apply(named("silu"), elements); }

Tensor mish(Tensor input, bool inplace) { return apply(named("mish"), std::move(input), inplace); }
void mish(Elements elements) { apply(named("mish"), elements); }

Tensor hardtanh(Tensor input, double min_val, double max_val, bool inplace) {
  return apply(hardtanh_of(min_val, max_val), std::move(input), inplace);
}
void hardtanh(Elements elements, double min_val, double max_val) {
  apply(hardtanh_of(min_val, max_val), elements);
}

Tensor hardswish(Tensor input, bool inplace) {
  return apply(named("hardswish"), std::move(input), inplace);
}
void hardswish(Elements elements) { apply(named("hardswish"), elements); }

Tensor hardsigmoid(Tensor input, bool inplace) {
  return apply(named("hardsigmoid"), std::move(input), inplace);
}
void hardsigmoid(Elements elements) { apply(named("hardsigmoid"), elements); }

Tensor softplus(Tensor input, double beta, double threshold) {
  return apply(softplus_of(beta, threshold), std::move(input));
}
void softplus(Elements elements, double beta, double threshold) {
  apply(softplus_of(beta, threshold), elements);
}

Tensor softsign(Tensor input) { return apply(named("softsign"), std::move(input)); }
void softsign(Elements elements) { apply(named("softsign"), elements); }

Tensor threshold(Tensor input, double threshold, double value, bool inplace) {
  return apply(threshold_of(threshold, value), std::move(input), inplace);
}
void threshold(Elements elements, double threshold, double value) {
  apply(threshold_of(threshold, value), elements);
}

Tensor tanhshrink(Tensor input) { return apply(named("tanhshrink"), std::move(input)); }
void tanhshrink(Elements elements) { apply(named("tanhshrink"), elements); }

Tensor hardshrink(Tensor input, double lambd) {
  return apply(hardshrink_of(lambd), std::move(input));
}
void hardshrink(Elements elements, double lambd) { apply(hardshrink_of(lambd), elements); }

Tensor softshrink(Tensor input, double lambd) {
  return apply(softshrink_of(lambd), std::move(input));
}
void softshrink(Elements elements, double lambd) { apply(softshrink_of(lambd), elements); }

Tensor logsigmoid(Tensor input) { return apply(named("logsigmoid"), std::move(input)); }
void logsigmoid(Elements elements) { apply(named("logsigmoid"), elements); }

Tensor sigmoid(Tensor input, bool inplace) {
  return apply(named("sigmoid"), std::move(input), inplace);
}
void sigmoid(Elements elements) { apply(named("sigmoid"), elements); }

Tensor tanh(Tensor input, bool inplace) { return apply(named("tanh"), std::move(input), inplace); }
void tanh(Elements elements) { apply(named("tanh"), elements); }

Tensor glu(Tensor input, std::int64_t dim) { return apply(glu_of(dim), std::move(input)); }

Tensor softmax(Tensor input, std::int64_t dim) { return apply(softmax_of(dim), std::move(input)); }

Tensor softmin(Tensor input, std::int64_t dim) { return apply(softmin_of(dim), std::move(input)); }

Tensor log_softmax(Tensor input, std::int64_t dim) {
  return apply(log_softmax_of(dim), std::move(input));
}

}  // namespace functional

namespace nn {

Tensor ReLU::operator()(Tensor input) const { return functional::relu(std::move(input), inplace); }

Tensor LeakyReLU::operator()(Tensor input) const {
  return functional::leaky_relu(std::move(input), negative_slope, inplace);
}

Tensor ReLU6::operator()(Tensor input) const {
  return functional::relu6(std::move(input), inplace);
}

Tensor PReLU::operator()(Tensor input) const { return functional::prelu(std::move(input), weight); }

Tensor RReLU::operator()(Tensor input) const {
  return functional::rrelu(std::move(input), lower, upper, training, inplace, seed);
}

Tensor ELU::operator()(Tensor input) const {
  return functional::elu(std::move(input), alpha, inplace);
}

Tensor SELU::operator()(Tensor input) const { return functional::selu(std::move(input), inplace); }

Tensor CELU::operator()(Tensor input) const {
  return functional::celu(std::move(input), alpha, inplace);
}

Tensor GELU::operator()(Tensor input) const {
  return functional::gelu(std::move(input), approximate);
}

Tensor SiLU::operator()(Tensor input) const { return functional::silu(std::move(input), inplace); }

Tensor Mish::operator()(Tensor input) const { return functional::mish(std::move(input), inplace); }

Tensor Hardtanh::operator()(Tensor input) const {
  const Module module = functional::hardtanh_of(min_val, max_val);
  module.activation().check_module(module.values());
  return functional::hardtanh(std::move(input), min_val, max_val, inplace);
}

Tensor Hardswish::operator()(Tensor input) const {
  return functional::hardswish(std::move(input), inplace);
}

Tensor Hardsigmoid::operator()(Tensor input) const {
  return functional::hardsigmoid(std::move(input), inplace);
}

Tensor Softplus::operator()(Tensor input) const {
  return functional::softplus(std::move(input), beta, threshold);
}

Tensor Softsign::operator()(Tensor input) const { return functional::softsign(std::move(input)); }

Tensor Threshold::operator()(Tensor input) const {
  return functional::threshold(std::move(input), threshold, value, inplace);
}

Tensor Tanhshrink::operator()(Tensor input) const {
  return functional::tanhshrink(std::move(input));
}

Tensor Hardshrink::operator()(Tensor input) const {
  return functional::hardshrink(std::move(input), lambd);
}

Tensor Softshrink::operator()(Tensor input) const {
  return functional::softshrink(std::move(input), lambd);
}

Tensor LogSigmoid::operator()(Tensor input) const {
  return functional::logsigmoid(std::move(input));
}

Tensor Sigmoid::operator()(Tensor input) const {
  return functional::sigmoid(std::move(input), inplace);
}

Tensor Tanh::operator()(Tensor input) const { return functional::tanh(std::move(input), inplace); }

Tensor GLU::operator()(Tensor input) const { return functional::glu(std::move(input), dim); }

Tensor Softmax::operator()(Tensor input) const {
  return functional::softmax(std::move(input), dim);
}

Tensor Softmin::operator()(Tensor input) const {
  return functional::softmin(std::move(input), dim);
}

Tensor LogSoftmax::operator()(Tensor input) const {
  return functional::log_softmax(std::move(input), dim);
}

}  // namespace nn
}  // namespace rectify::inline v1
