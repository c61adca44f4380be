// torch.nn.functional and torch.nn, by the table.

#include <utility>
#include <vector>

#include "rectify/activation.hpp"
#include "rectify/nn.hpp"

namespace rectify {
namespace functional {
namespace {

Module named(std::string_view name) { return Module(*find_activation(name)); }

}  // namespace

Tensor relu(Tensor input, bool inplace) { return apply(named("relu"), std::move(input), inplace); }

Tensor leaky_relu(Tensor input, double negative_slope, bool inplace) {
  return apply(named("leaky_relu").with("negative_slope", negative_slope), std::move(input),
               inplace);
}

Tensor relu6(Tensor input, bool inplace) {
  return apply(named("relu6"), std::move(input), inplace);
}

Tensor prelu(Tensor input, const Tensor& weight) {
  const Tensor weights = weight.to(DType::float64);
  const std::span<const double> values = weights.data<double>();
  return apply(named("prelu").with("weight", std::vector<double>(values.begin(), values.end())),
               std::move(input));
}

Tensor rrelu(Tensor input, double lower, double upper, bool training, bool inplace,
             std::uint64_t seed) {
  return apply(named("rrelu")
                   .with("lower", lower)
                   .with("upper", upper)
                   .with("training", training ? 1.0 : 0.0)
                   .seeded(seed),
               std::move(input), inplace);
}

Tensor elu(Tensor input, double alpha, bool inplace) {
  return apply(named("elu").with("alpha", alpha), std::move(input), inplace);
}

Tensor selu(Tensor input, bool inplace) { return apply(named("selu"), std::move(input), inplace); }

Tensor celu(Tensor input, double alpha, bool inplace) {
  return apply(named("celu").with("alpha", alpha), std::move(input), inplace);
}

Tensor gelu(Tensor input, std::string_view approximate) {
  return apply(named("gelu").with("approximate", approximate), std::move(input));
}

Tensor silu(Tensor input, bool inplace) { return apply(named("silu"), std::move(input), inplace); }

Tensor mish(Tensor input, bool inplace) { return apply(named("mish"), std::move(input), inplace); }

Tensor hardtanh(Tensor input, double min_val, double max_val, bool inplace) {
  return apply(named("hardtanh").with("min_val", min_val).with("max_val", max_val),
               std::move(input), inplace);
}

Tensor hardswish(Tensor input, bool inplace) {
  return apply(named("hardswish"), std::move(input), inplace);
}

Tensor hardsigmoid(Tensor input, bool inplace) {
  return apply(named("hardsigmoid"), std::move(input), inplace);
}

Tensor softplus(Tensor input, double beta, double threshold) {
  return apply(named("softplus").with("beta", beta).with("threshold", threshold), std::move(input));
}

Tensor softsign(Tensor input) { return apply(named("softsign"), std::move(input)); }

Tensor threshold(Tensor input, double threshold, double value, bool inplace) {
  return apply(named("threshold").with("threshold", threshold).with("value", value),
               std::move(input), inplace);
}

Tensor tanhshrink(Tensor input) { return apply(named("tanhshrink"), std::move(input)); }

Tensor hardshrink(Tensor input, double lambd) {
  return apply(named("hardshrink").with("lambd", lambd), std::move(input));
}

Tensor softshrink(Tensor input, double lambd) {
  return apply(named("softshrink").with("lambd", lambd), std::move(input));
}

Tensor logsigmoid(Tensor input) { return apply(named("logsigmoid"), std::move(input)); }

Tensor sigmoid(Tensor input, bool inplace) {
  return apply(named("sigmoid"), std::move(input), inplace);
}

Tensor tanh(Tensor input, bool inplace) { return apply(named("tanh"), std::move(input), inplace); }

Tensor glu(Tensor input, std::int64_t dim) {
  return apply(named("glu").with("dim", static_cast<double>(dim)), std::move(input));
}

Tensor softmax(Tensor input, std::int64_t dim) {
  return apply(named("softmax").with("dim", static_cast<double>(dim)), std::move(input));
}

Tensor softmin(Tensor input, std::int64_t dim) {
  return apply(named("softmin").with("dim", static_cast<double>(dim)), std::move(input));
}

Tensor log_softmax(Tensor input, std::int64_t dim) {
  return apply(named("log_softmax").with("dim", static_cast<double>(dim)), std::move(input));
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
}  // namespace rectify
