// Modules: an activation's name and values, read and written as PyTorch and people do, and applied
// to tensors.

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "activation/checks.hpp"
#include "number/number.hpp"
#include "rectify/activation.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
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

/// Whether it is spelled as the module of torch.nn is, of which the arguments may stand otherwise than
/// those of the function.
bool is_module(std::string_view name, const Activation& activation) {
  const std::string_view word = without_package(name);
  if (word.size() == name.size()) return word == activation.module;
  const std::string_view package = name.substr(0, name.size() - word.size() - 1);
  return same_word(package, "nn") || same_word(package, "torch.nn");
}

/// Whether PyTorch has an argument `inplace` for it, the last of those that may be given by place.
bool has_inplace_flag(const Activation& activation) {
  return activation.traits.in_place && activation.name != "sigmoid" && activation.name != "tanh";
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
  // What papers and other frameworks call them.
  constexpr std::pair<std::string_view, std::string_view> kElsewhere[] = {
      {"swish", "silu"}, {"lrelu", "leaky"}, {"step", "threshold"}, {"linear", "leaky(1)"}};
  for (const auto& [word, ours] : kElsewhere) {
    if (word == without_package(name)) hint = did_you_mean(ours);
  }
  refuse("there is no activation " + in_quotes(name), hint.empty() ? "there are " + all : hint);
}

/// More than this is not a dimension, nor a number of channels.
constexpr double kMostWhole = 1 << 20;

bool read_number(std::string_view text, double& value) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const ParsedNumber<double> number =
      parse_number<double>(digits.data(), digits.data() + digits.size(), NumberGrammar::csv);
  // A whole number has no negative zero, in Python as in C++.
  const bool whole = digits.find_first_of(".eE") == std::string_view::npos;
  value = whole && number.value == 0 ? 0 : number.value;
  return !digits.empty() && number.status == NumberStatus::ok &&
         number.end == digits.data() + digits.size();
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// Calls use(item) for each of what stands between the commas that no bracket encloses.
template <class Use>
void for_each_item(std::string_view text, Use use) {
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t end = begin;
    for (int depth = 0; end < text.size() && (text[end] != ',' || depth > 0); ++end)
      depth += text[end] == '(' || text[end] == '['   ? 1
               : text[end] == ')' || text[end] == ']' ? -1
                                                      : 0;
    use(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
}

/// Puts what a parameter is given as text into its place.
void read_value(std::string_view text, const Activation& activation, std::size_t index,
                Values& values) {
  const Parameter& parameter = activation.parameters[index];
  const std::string what = std::string(parameter.name) + " of " + std::string(activation.name);
  double value = 0;
  switch (parameter.kind) {
    case Parameter::Kind::number:
      if (!read_number(text, value)) refuse(what + " takes a number, not " + in_quotes(text));
      break;
    case Parameter::Kind::whole: {
      if (!read_number(text, value) || !(std::abs(value) <= kMostWhole) ||
          std::trunc(value) != value)
        refuse(what + " takes a whole number, not " + in_quotes(text));
      break;
    }
    case Parameter::Kind::flag:
      if (same_word(text, "True") || text == "1" || text == parameter.name) {
        value = 1;
      } else if (!same_word(text, "False") && text != "0") {
        refuse(what + " is True or False, not " + in_quotes(text));
      }
      break;
    case Parameter::Kind::choice: {
      const auto found =
          std::find(parameter.choices.begin(), parameter.choices.end(), without_quotes(text));
      if (found == parameter.choices.end()) {
        std::string words;
        for (const std::string_view word : parameter.choices)
          words += (words.empty() ? "" : " or ") + std::string(word);
        refuse(std::string(parameter.name) + " argument must be either " + words + ".",
               did_you_mean(nearest(without_quotes(text), parameter.choices)));
      }
      value = static_cast<double>(found - parameter.choices.begin());
      break;
    }
    case Parameter::Kind::numbers: {
      const bool listed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
      values.list.clear();
      for_each_item(listed ? text.substr(1, text.size() - 2) : text, [&](std::string_view item) {
        if (!read_number(item, value))
          refuse(what + " takes a number or [several, numbers], not " + in_quotes(text));
        values.list.push_back(value);
      });
      value = values.list.front();
      break;
    }
  }
  values[index] = value;
}

/// Whether a number stands for a value of the parameter: of a choice, its place among them.
bool admits(const Parameter& parameter, double value) {
  constexpr double kMostExact = 0x1p53;
  const bool is_whole = std::trunc(value) == value && std::abs(value) <= kMostExact;
  switch (parameter.kind) {
    case Parameter::Kind::number:
    case Parameter::Kind::numbers:
      return true;
    case Parameter::Kind::whole:
      return is_whole;
    case Parameter::Kind::flag:
      return value == 0 || value == 1;
    case Parameter::Kind::choice:
      return is_whole && value >= 0 && value < static_cast<double>(parameter.choices.size());
  }
  return false;
}

std::string text_of(double value) {
  std::array<char, kNumberBytes> digits;
  return {digits.data(), format_number(digits.data(), value)};
}

/// Whether an activation makes the same of both: zeros of different signs are two, NaN is one.
bool is_same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

/// 2 rather than 2.0, as people type it; but -0 is read as 0.
std::string typed(std::string number) {
  if (number != "-0.0" && number.ends_with(".0")) number.resize(number.size() - 2);
  return number;
}

}  // namespace

bool Values::operator==(const Values& other) const {
  return std::ranges::equal(numbers, other.numbers, is_same) &&
         std::ranges::equal(list, other.list, is_same) && seed == other.seed &&
         drawn == other.drawn;
}

Values Values::of(std::initializer_list<double> numbers) {
  Values values;
  std::copy(numbers.begin(), numbers.end(), values.numbers.begin());
  return values;
}

const Activation* find_activation(std::string_view name) {
  const std::string_view word = without_package(name);
  for (const Activation& row : activations()) {
    if (same_word(word, row.name) || same_word(word, row.function) || same_word(word, row.module))
      return &row;
  }
  return nullptr;
}

Module::Module(const Activation& activation) : activation_(&activation) {
  for (std::size_t i = 0; i < activation.parameters.size(); ++i) {
    values_[i] = activation.parameters[i].standard;
    if (activation.parameters[i].kind == Parameter::Kind::numbers) values_.list = {values_[i]};
  }
}

Module Module::parse(std::string_view text) {
  const std::string_view whole = trimmed(text);
  const std::size_t open = whole.find('(');
  const std::string_view name = trimmed(whole.substr(0, open));
  const Activation* const activation = find_activation(name);
  if (activation == nullptr) refuse_name(name);
  Module module(*activation);
  if (open == std::string_view::npos) {
    module.require_all();
    return module;
  }
  if (whole.back() != ')') refuse(in_quotes(whole) + " lacks the closing parenthesis");

  const std::span<const Parameter> parameters = activation->parameters;
  const std::string_view arguments = trimmed(whole.substr(open + 1, whole.size() - open - 2));
  bool named = false;
  std::array<bool, kMostParameters> given{};
  std::size_t position = 0;
  std::size_t count = 1;  // of a list, where the module is told its length
  bool counted = false;
  const bool as_module = is_module(name, *activation);
  const auto take_count = [&](std::string_view argument, std::size_t i) {
    const std::string what(parameters[i].count);
    double number = 0;
    if (!read_number(argument, number) || !(number >= 1 && number <= kMostWhole) ||
        std::trunc(number) != number) {
      refuse(what + " is a whole number above zero, not " + in_quotes(argument),
             named ? ""
                   : std::string(activation->name) + "(" + std::string(argument) + ") takes the " +
                         std::string(parameters[i].name));
    }
    if (std::exchange(counted, true)) refuse(what + " is given twice in " + in_quotes(whole));
    count = static_cast<std::size_t>(number);
    module.given_[i] = true;
  };
  const auto take_inplace = [](std::string_view argument) {
    if (argument == "False") return;
    refuse("a mode by itself is not in place: the operation as a whole is",
           "leave it out: " + option("inplace") + " is of all modes");
  };
  // Where `inplace` stands: RReLU's module has it where the function has `training`.
  std::size_t inplace_position = parameters.size();
  if (as_module && activation->name == "rrelu") --inplace_position;
  const auto take = [&](std::string_view argument) {
    std::size_t index = position++;
    const auto is_flag = [&](const Parameter& parameter) {
      return parameter.kind == Parameter::Kind::flag && parameter.name == argument;
    };
    if (const std::size_t equals = argument.find('='); equals != std::string_view::npos) {
      const std::string_view keyword = trimmed(argument.substr(0, equals));
      argument = trimmed(argument.substr(equals + 1));
      named = true;
      if (keyword == "inplace") {
        return take_inplace(argument);
      }
      index = module.index_of(keyword);
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (parameters[i].each == keyword && !keyword.empty()) index = i;
        if (parameters[i].count != keyword || keyword.empty()) continue;
        return take_count(argument, i);
      }
      if (index == parameters.size()) {
        std::vector<std::string_view> names;
        for (const Parameter& parameter : parameters) names.push_back(parameter.name);
        std::string hint = did_you_mean(nearest(keyword, names));
        if (hint.empty() && names.size() == 1) hint = did_you_mean(names[0]);
        refuse(std::string(activation->name) + " has no parameter " + in_quotes(keyword), hint);
      }
    } else if (const auto flag = std::find_if(parameters.begin(), parameters.end(), is_flag);
               flag != parameters.end()) {
      named = true;
      index = static_cast<std::size_t>(flag - parameters.begin());
    } else if (named) {
      refuse("a value without a name stands behind one with a name in " + in_quotes(whole));
    } else if (index == inplace_position && has_inplace_flag(*activation) &&
               (argument == "True" || argument == "False" || index < parameters.size())) {
      return take_inplace(argument);
    } else if (as_module && index < 2 && !parameters.empty() && !parameters[0].count.empty()) {
      // How many there are, then what each of them is.
      if (index == 0) return take_count(argument, 0);
      index = 0;
    } else if (index >= parameters.size()) {
      refuse(std::string(activation->name) + " takes " +
             (parameters.empty() ? "no parameter"
                                 : std::to_string(parameters.size()) +
                                       (parameters.size() == 1 ? " parameter" : " parameters")) +
             ", and " + in_quotes(whole) + " gives more");
    }
    if (given[index])
      refuse(std::string(parameters[index].name) + " is given twice in " + in_quotes(whole));
    read_value(argument, *activation, index, module.values_);
    module.given_[index] = given[index] = true;
  };
  if (!arguments.empty()) for_each_item(arguments, take);
  if (count > 1) {
    if (module.values_.list.size() > 1) refuse(in_quotes(whole) + " gives a list and its length");
    module.values_.list.resize(count, module.values_.list.front());
  }
  module.require_all();
  if (as_module && activation->check_module != nullptr) activation->check_module(module.values_);
  return module;
}

void Module::require_all() const {
  std::string missing;
  std::size_t count = 0;
  std::string example;
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i) {
    const Parameter& parameter = activation_->parameters[i];
    if (!parameter.required) continue;
    example += (example.empty() ? "" : ", ") + std::string("0");
    if (given_[i]) continue;
    missing += (count == 0 ? "'" : " and '") + std::string(parameter.name) + "'";
    ++count;
  }
  if (count == 0) return;
  refuse(std::string(activation_->module) + ".__init__() missing " + std::to_string(count) +
             " required positional argument" + (count == 1 ? "" : "s") + ": " + missing,
         std::string(activation_->name) + "(" + example + ")");
}

std::vector<Module> Module::parse_list(std::string_view text) {
  std::vector<Module> modules;
  for_each_item(text, [&](std::string_view item) { modules.push_back(parse(item)); });
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
  const std::size_t index = index_of(parameter);
  const Parameter& known = activation_->parameters[index];
  if (!admits(known, value)) {
    refuse(std::string(parameter) + " of " + std::string(activation_->name) + " cannot be " +
           text_of(value));
  }
  changed.values_[index] = value;
  if (known.kind == Parameter::Kind::numbers) changed.values_.list = {value};
  return changed;
}

Module Module::with(std::string_view parameter, std::string_view value) const {
  static_cast<void>(this->value(parameter));
  Module changed = *this;
  read_value(trimmed(value), *activation_, index_of(parameter), changed.values_);
  return changed;
}

Module Module::with(std::string_view parameter, std::vector<double> values) const {
  static_cast<void>(this->value(parameter));
  const std::size_t index = index_of(parameter);
  if (activation_->parameters[index].kind != Parameter::Kind::numbers || values.empty())
    refuse(std::string(parameter) + " of " + std::string(activation_->name) + " takes one number");
  Module changed = *this;
  changed.values_[index] = values.front();
  changed.values_.list = std::move(values);
  return changed;
}

Module Module::seeded(std::uint64_t seed, std::uint64_t drawn) const {
  Module changed = *this;
  changed.values_.seed = static_cast<std::uint32_t>(seed);  // MT19937 takes no more
  changed.values_.drawn = drawn;
  return changed;
}

std::string Module::value_text(std::string_view parameter) const {
  const double value = this->value(parameter);
  const Parameter& known = activation_->parameters[index_of(parameter)];
  switch (known.kind) {
    case Parameter::Kind::number:
      break;
    case Parameter::Kind::whole:
      return std::to_string(static_cast<std::int64_t>(value));
    case Parameter::Kind::flag:
      return value == 0 ? "False" : "True";
    case Parameter::Kind::choice:
      return std::string(known.choices[static_cast<std::size_t>(value)]);
    case Parameter::Kind::numbers: {
      if (values_.list.size() == 1) break;
      std::string text;
      for (const double one : values_.list) text += (text.empty() ? "[" : ", ") + text_of(one);
      return text + "]";
    }
  }
  return text_of(value);
}

Module Module::told_by_values() const {
  Module told = *this;
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i)
    told.given_[i] = activation_->parameters[i].required ||
                     values_[i] != activation_->parameters[i].standard || values_.list.size() > 1;
  return told;
}

std::string Module::text() const {
  std::string arguments;
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i) {
    const Parameter& parameter = activation_->parameters[i];
    if (parameter.shown == Parameter::Shown::if_given && values_[i] == parameter.standard) continue;
    if (!arguments.empty()) arguments += ", ";
    const std::vector<double>& list = values_.list;
    if (!parameter.count.empty() && std::all_of(list.begin(), list.end(), [&](double one) {
          return one == parameter.standard;
        })) {
      arguments += std::string(parameter.count) + '=' + std::to_string(list.size());
      continue;
    }
    if (parameter.shown != Parameter::Shown::bare) arguments += std::string(parameter.name) + '=';
    const bool is_word = parameter.kind == Parameter::Kind::choice;
    arguments += is_word ? "'" + value_text(parameter.name) + "'" : value_text(parameter.name);
  }
  return std::string(has_module_form() ? activation_->module : activation_->function) + '(' +
         arguments + ')';
}

bool Module::has_module_form() const {
  try {
    if (activation_->check_module != nullptr) activation_->check_module(values_);
    return true;
  } catch (const Error&) {
    return false;
  }
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
    arguments += typed(value_text(parameter.name));
  }
  std::string text(activation_->name);
  return arguments.empty() ? text : text + '(' + arguments + ')';
}

Scope Module::scope() const {
  const bool one_for_all = activation_->scope == Scope::channel && values_.list.size() <= 1;
  return one_for_all ? Scope::element : activation_->scope;
}

bool Module::is_random() const { return activation_->traits.random && value("training") != 0; }

bool Module::keeps(DType dtype) const {
  return activation_->dtype_of == nullptr || activation_->dtype_of(dtype) == dtype;
}

void Module::check(DType dtype, const Shape& shape) const {
  activation_->check(dtype, shape, values_);
}

std::int64_t Module::dim(const Shape& shape) const {
  switch (scope()) {
    case Scope::element:
      break;
    case Scope::channel:
      return shape.size() < 2 ? -1 : 1;
    case Scope::slice: {
      if (shape.empty()) break;
      const auto dim = static_cast<std::int64_t>(value("dim"));
      return dim < 0 ? dim + static_cast<std::int64_t>(shape.size()) : dim;
    }
  }
  return -1;
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
  for (std::size_t i = 0; i < activation_->parameters.size(); ++i) {
    if (!given_[i]) continue;
    const bool several = activation_->parameters[i].kind == Parameter::Kind::numbers;
    if (several ? !std::ranges::equal(values_.list, other.values_.list, is_same)
                : !is_same(values_[i], other.values_[i]))
      return false;
  }
  return true;
}

bool Module::operator==(const Module& other) const {
  return activation_ == other.activation_ && values_ == other.values_;
}

Tensor apply(const Module& module, Tensor input, bool inplace) {
  const Activation& activation = module.activation();
  static_cast<void>(input.bytes());  // throws if it was moved from
  module.check(input.dtype(), input.shape());
  if (inplace && !activation.traits.in_place) {
    throw Error(ErrorKind::unsupported,
                "PyTorch has no " + std::string(activation.name) + " in place");
  }
  if (inplace && !module.keeps(input.dtype())) {
    throw Error(
        ErrorKind::unsupported,
        "result type Float can't be cast to the desired output type " + scalar_type(input.dtype()),
        option("dtype", "float32") + " converts the input");
  }
  const Extent extent = module.extent(input.shape());
  Tensor output = input;
  if (!inplace) {
    output = Tensor::empty(
        activation.shape_of == nullptr ? input.shape()
                                       : activation.shape_of(input.shape(), module.values()),
        activation.dtype_of == nullptr ? input.dtype() : activation.dtype_of(input.dtype()));
  }
  if (inplace || module.scope() != Scope::element || module.is_random() ||
      output.dtype() != input.dtype()) {
    activation.forward(input.dtype(), input.bytes(), output.bytes(), extent, module.values());
    return output;
  }
  // What is not in place is new memory, which the system clears as it is touched first. Then it is in
  // cache, past which kernels write no more than this.
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  const std::size_t item = itemsize(input.dtype());
  for (std::size_t at = 0; at < input.nbytes(); at += kPieceBytes) {
    const std::size_t size = std::min(kPieceBytes, input.nbytes() - at);
    activation.forward(input.dtype(), input.bytes() + at, output.bytes() + at,
                       Extent{.outer = size / item}, module.values());
  }
  return output;
}

void apply(const Module& module, Elements elements) {
  const Activation& activation = module.activation();
  const DType dtype = elements.dtype();
  const Shape shape{static_cast<std::int64_t>(elements.size())};
  module.check(dtype, shape);
  if (!module.keeps(dtype) || activation.shape_of != nullptr) {
    throw Error(ErrorKind::unsupported,
                std::string(activation.function) + " of " + std::string(name(dtype)) +
                    " does not fit into its input's memory",
                "a Tensor has its result");
  }
  const std::size_t bytes = elements.size() * itemsize(dtype);
  if (activation.traits.in_place) {
    activation.forward(dtype, elements.bytes(), elements.bytes(), module.extent(shape),
                       module.values());
  } else if (module.scope() != Scope::element) {
    const std::vector<std::byte> input(elements.bytes(), elements.bytes() + bytes);
    activation.forward(dtype, input.data(), elements.bytes(), module.extent(shape),
                       module.values());
  } else {
    // Piece by piece: the bits of an element are the same wherever it stands.
    alignas(64) std::array<std::byte, 4096> piece;
    for (std::size_t at = 0; at < bytes; at += piece.size()) {
      const std::size_t size = std::min(piece.size(), bytes - at);
      std::memcpy(piece.data(), elements.bytes() + at, size);
      activation.forward(dtype, piece.data(), elements.bytes() + at,
                         Extent{.outer = size / itemsize(dtype)}, module.values());
    }
  }
}

Tensor gradient(const Module& module, const Tensor& input, bool inplace) {
  const Activation& activation = module.activation();
  static_cast<void>(input.bytes());  // throws if it was moved from
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

}  // namespace rectify::inline v1
