// Modules: an activation's name and values, read and written as PyTorch and people do, and applied
// to tensors.

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "number/number.hpp"
#include "rectify/activation.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"

namespace rectify {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "LeakyReLU" of "torch.nn.LeakyReLU"; the text itself if no such thing stands before a name.
std::string_view without_package(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return name;
  for (const std::string_view package :
       {"nn", "F", "torch", "torch.nn", "functional", "nn.functional", "torch.nn.functional"}) {
    if (same_word(name.substr(0, dot), package)) return name.substr(dot + 1);
  }
  return name;
}

[[noreturn]] void refuse(std::string message, std::string hint = {}) {
  throw Error(ErrorKind::usage, std::move(message), std::move(hint));
}

std::string did_you_mean(std::string_view nearest) {
  return nearest.empty() ? std::string() : "did you mean " + std::string(nearest) + "?";
}

[[noreturn]] void refuse_name(std::string_view name) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Activation& row : activations()) {
    all += (all.empty() ? "" : ", ") + std::string(row.name);
    for (const std::string_view known : {row.name, row.function, row.module})
      names.push_back(known);
  }
  std::string hint = did_you_mean(nearest(without_package(name), names));
  refuse("there is no activation " + in_quotes(name), hint.empty() ? "there are " + all : hint);
}

double number_in(std::string_view text, const Activation& activation, const Parameter& parameter) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const ParsedNumber<double> number =
      parse_number<double>(digits.data(), digits.data() + digits.size(), NumberGrammar::csv);
  if (digits.empty() || number.status != NumberStatus::ok ||
      number.end != digits.data() + digits.size()) {
    refuse(std::string(parameter.name) + " of " + std::string(activation.name) + " takes a " +
           (parameter.whole ? "whole " : "") + "number, not " + in_quotes(text));
  }
  constexpr double kMostDim = 1 << 20;
  if (parameter.whole &&
      !(std::abs(number.value) <= kMostDim && std::trunc(number.value) == number.value)) {
    refuse(std::string(parameter.name) + " of " + std::string(activation.name) +
           " takes a whole number, not " + in_quotes(text));
  }
  return number.value;
}

std::string text_of(double value, bool whole) {
  if (whole) return std::to_string(static_cast<std::int64_t>(value));
  std::array<char, kNumberBytes> digits;
  return {digits.data(), format_number(digits.data(), value)};
}

}  // namespace

const Activation* find_activation(std::string_view name) {
  const std::string_view word = without_package(name);
  for (const Activation& row : activations()) {
    if (same_word(word, row.name) || same_word(word, row.function) || same_word(word, row.module))
      return &row;
  }
  return nullptr;
}

Module::Module(const Activation& activation) : activation_(&activation) {
  for (std::size_t i = 0; i < activation.parameters.size(); ++i)
    values_[i] = activation.parameters[i].standard;
}

Module Module::parse(std::string_view text) {
  const std::string_view whole = trimmed(text);
  const std::size_t open = whole.find('(');
  const std::string_view name = trimmed(whole.substr(0, open));
  const Activation* const activation = find_activation(name);
  if (activation == nullptr) refuse_name(name);
  Module module(*activation);
  if (open == std::string_view::npos) return module;
  if (whole.back() != ')') refuse(in_quotes(whole) + " lacks the closing parenthesis");

  const std::span<const Parameter> parameters = activation->parameters;
  std::string_view rest = trimmed(whole.substr(open + 1, whole.size() - open - 2));
  bool named = false;
  for (std::size_t position = 0; !rest.empty(); ++position) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view argument = trimmed(rest.substr(0, comma));
    rest = comma == rest.size() ? std::string_view() : trimmed(rest.substr(comma + 1));
    std::size_t index = position;
    if (const std::size_t equals = argument.find('='); equals != std::string_view::npos) {
      const std::string_view keyword = trimmed(argument.substr(0, equals));
      argument = trimmed(argument.substr(equals + 1));
      named = true;
      if (keyword == "inplace") {
        if (argument == "False") continue;
        refuse("a mode by itself is not in place", "inplace is asked of the operation as a whole");
      }
      index = 0;
      while (index < parameters.size() && parameters[index].name != keyword) ++index;
      if (index == parameters.size()) {
        std::vector<std::string_view> names;
        for (const Parameter& parameter : parameters) names.push_back(parameter.name);
        std::string hint = did_you_mean(nearest(keyword, names));
        if (hint.empty() && names.size() == 1) hint = did_you_mean(names[0]);
        refuse(std::string(activation->name) + " has no parameter " + in_quotes(keyword), hint);
      }
    } else if (named) {
      refuse("a value without a name stands behind one with a name in " + in_quotes(whole));
    } else if (index >= parameters.size()) {
      refuse(std::string(activation->name) + " takes " +
             (parameters.empty() ? "no parameter"
                                 : std::to_string(parameters.size()) +
                                       (parameters.size() == 1 ? " parameter" : " parameters")) +
             ", and " + in_quotes(whole) + " gives more");
    }
    if (module.given_[index])
      refuse(std::string(parameters[index].name) + " is given twice in " + in_quotes(whole));
    module.values_[index] = number_in(argument, *activation, parameters[index]);
    module.given_[index] = true;
  }
  return module;
}

std::vector<Module> Module::parse_list(std::string_view text) {
  std::vector<Module> modules;
  for (std::size_t begin = 0; begin <= text.size();) {
    // A comma inside parentheses is between parameters.
    std::size_t end = begin;
    for (int depth = 0; end < text.size() && (text[end] != ',' || depth > 0); ++end)
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
    modules.push_back(parse(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return modules;
}

std::size_t Module::index_of(std::string_view parameter) const {
  std::size_t index = 0;
  for (const Parameter& known : activation_->parameters) {
    if (known.name == parameter) break;
    ++index;
  }
  return index;
}

bool Module::has(std::string_view parameter) const {
  return index_of(parameter) < activation_->parameters.size();
}

bool Module::gave(std::string_view parameter) const {
  return has(parameter) && given_[index_of(parameter)];
}

double Module::value(std::string_view parameter) const {
  if (!has(parameter)) {
    refuse(std::string(activation_->name) + " has no parameter " + in_quotes(parameter));
  }
  return values_[index_of(parameter)];
}

Module Module::with(std::string_view parameter, double value) const {
  static_cast<void>(this->value(parameter));
  Module changed = *this;
  changed.values_[index_of(parameter)] = value;
  return changed;
}

Module Module::told_by_values() const {
  Module told = *this;
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i)
    told.given_[i] = values_[i] != activation_->parameters[i].standard;
  return told;
}

std::string Module::text() const {
  std::string text(activation_->module);
  text += '(';
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i) {
    const Parameter& parameter = activation_->parameters[i];
    if (i != 0) text += ", ";
    text += parameter.name;
    text += '=';
    text += text_of(values_[i], parameter.whole);
  }
  return text + ')';
}

std::string Module::label() const {
  std::string arguments;
  bool skipped = false;
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i) {
    const Parameter& parameter = activation_->parameters[i];
    if (!given_[i]) {
      skipped = true;
      continue;
    }
    if (!arguments.empty()) arguments += ", ";
    if (skipped) arguments += std::string(parameter.name) + '=';
    // As people type it: 2 rather than 2.0.
    std::string number = text_of(values_[i], parameter.whole);
    if (number.ends_with(".0")) number.resize(number.size() - 2);
    arguments += number;
  }
  std::string text(activation_->name);
  return arguments.empty() ? text : text + '(' + arguments + ')';
}

void Module::check(DType dtype, const Shape& shape) const {
  activation_->check(dtype, shape, values_);
}

std::int64_t Module::dim(const Shape& shape) const {
  if (activation_->scope == Scope::element || shape.empty()) return -1;
  const auto dim = static_cast<std::int64_t>(value("dim"));
  return dim < 0 ? dim + static_cast<std::int64_t>(shape.size()) : dim;
}

Extent Module::extent(const Shape& shape) const {
  const std::int64_t along = dim(shape);
  Extent extent;
  extent.last = along < 0 || along + 1 == static_cast<std::int64_t>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto size = static_cast<std::size_t>(shape[i]);
    const auto at = static_cast<std::int64_t>(i);
    (at == along ? extent.size : at > along && along >= 0 ? extent.inner : extent.outer) *= size;
  }
  return extent;
}

bool Module::covers(const Module& other) const {
  if (activation_ != other.activation_) return false;
  for (std::size_t i = 0; i < kMostParameters; ++i) {
    if (given_[i] && values_[i] != other.values_[i]) return false;
  }
  return true;
}

bool Module::operator==(const Module& other) const {
  if (activation_ != other.activation_) return false;
  const std::size_t count = activation_->parameters.size();
  return std::equal(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count),
                    other.values_.begin());
}

Tensor apply(const Module& module, Tensor input, bool inplace) {
  const Activation& activation = module.activation();
  module.check(input.dtype(), input.shape());
  if (inplace && !activation.traits.in_place) {
    throw Error(ErrorKind::unsupported,
                "PyTorch has no " + std::string(activation.name) + " in place");
  }
  const Extent extent = module.extent(input.shape());
  Tensor output = input;
  if (!inplace) {
    output = Tensor::empty(
        activation.shape_of == nullptr ? input.shape()
                                       : activation.shape_of(input.shape(), module.values()),
        activation.dtype_of == nullptr ? input.dtype() : activation.dtype_of(input.dtype()));
  }
  activation.forward(input.dtype(), input.bytes(), output.bytes(), extent, module.values());
  return output;
}

Tensor gradient(const Module& module, const Tensor& input, bool inplace) {
  const Activation& activation = module.activation();
  module.check(input.dtype(), input.shape());
  if (!is_floating_point(input.dtype())) {
    throw Error(ErrorKind::unsupported,
                "Only Tensors of floating point and complex dtype can require gradients",
                option("dtype", "float32") + " converts them");
  }
  if (inplace && activation.check_inplace_backward != nullptr)
    activation.check_inplace_backward(module.values());
  // In place the operation leaves its output where the input was, and PyTorch takes the gradient
  // from there, or keeps the input for it.
  const bool of_output = inplace && activation.backward_of_output != nullptr;
  const Tensor kept = inplace && !of_output ? input.clone() : input;
  if (inplace) apply(module, input, true);
  Tensor result = inplace ? input : Tensor::empty(input.shape(), input.dtype());
  const Activation::Kernel backward =
      of_output ? activation.backward_of_output : activation.backward;
  backward(input.dtype(), kept.bytes(), result.bytes(), module.extent(input.shape()),
           module.values());
  return result;
}

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

Tensor elu(Tensor input, double alpha, bool inplace) {
  return apply(named("elu").with("alpha", alpha), std::move(input), inplace);
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

Tensor ELU::operator()(Tensor input) const {
  return functional::elu(std::move(input), alpha, inplace);
}

}  // namespace nn
}  // namespace rectify
