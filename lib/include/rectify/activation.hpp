// The activations, as one table: a row is one activation with its parameters, its values and its
// gradient on every dtype. A Module is a row with values for its parameters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/api.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

/// What an activation may be told, under PyTorch's keyword.
struct Parameter {
  enum class Kind : std::uint8_t {
    number,
    /// A whole number, as a dimension is.
    whole,
    /// True or False: 1 or 0.
    flag,
    /// One of a few words: its place among them.
    choice,
    /// One number or several: the first of them, and all in Values::list.
    numbers,
  };

  /// "negative_slope", "alpha", "dim".
  std::string_view name;
  /// The value that PyTorch takes if none is given.
  double standard = 0;
  Kind kind = Kind::number;
  /// One line for people.
  std::string_view about;
  /// The words of a choice.
  std::span<const std::string_view> choices = {};
  /// Whether PyTorch has no standard value.
  bool required = false;
  /// Whether PyTorch's repr tells its value alone, without the name, or nothing at all as long as it
  /// is the standard one.
  enum class Shown : std::uint8_t { named, bare, if_given } shown = Shown::named;
  /// What torch.nn's module is told in place of several numbers: how many there are, and what each of
  /// them is.
  std::string_view count = {};
  std::string_view each = {};
};

inline constexpr std::size_t kMostParameters = 3;

/// Values of an activation's parameters.
struct Values {
  std::array<double, kMostParameters> numbers{};
  /// All of the parameter that takes several, if there is one.
  std::vector<double> list;
  /// What torch.manual_seed() was given, of which the generator takes no more; for an activation that
  /// draws random numbers.
  std::uint32_t seed = 0;
  /// How many of the generator's words others have drawn before: Generator::drawn().
  std::uint64_t drawn = 0;

  static Values of(std::initializer_list<double> numbers);

  /// In the order of the parameters.
  double operator[](std::size_t parameter) const { return numbers[parameter]; }
  double& operator[](std::size_t parameter) { return numbers[parameter]; }
  /// Zeros of different signs are not the same; any NaN is the same as another.
  bool operator==(const Values& other) const;
};

/// A contiguous tensor as an activation sees it: element i of a slice stands i * inner elements
/// behind the slice's first one, and there are outer * inner slices. To an activation of single
/// elements all of them are slices of one.
struct Extent {
  std::size_t outer = 1;
  std::size_t size = 1;
  std::size_t inner = 1;
  /// Whether the slices lie along the last dimension: then inner is 1, but not only then.
  bool last = true;

  std::size_t numel() const { return outer * size * inner; }
};

/// What an activation works on by itself.
enum class Scope : std::uint8_t {
  element,
  /// Each element with what belongs to its channel, of which dimension 1 has one each.
  channel,
  /// All elements along the dimension that the parameter "dim" names.
  slice,
};

/// What others may rely on, so that they need not know an activation by its name.
struct Traits {
  /// PyTorch has it for integer dtypes, and keeps them.
  bool integers = false;
  /// y = x where x > 0, with a gradient of 1.
  bool keeps_positive = false;
  /// And elsewhere y = x times the first parameter, or zero if there is none.
  bool rectifier = false;
  /// PyTorch has it in place.
  bool in_place = true;
  /// It draws random numbers, in the order of the elements, where its parameter "training" is set.
  bool random = false;
};

/// A row of the table. Use apply() and gradient() rather than the functions in it.
struct Activation {
  using Kernel = void (*)(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                          const Values& values);

  /// What a list of modes calls it: "leaky".
  std::string_view name;
  /// The function in torch.nn.functional: "leaky_relu".
  std::string_view function;
  /// The module in torch.nn: "LeakyReLU".
  std::string_view module;
  /// The formula, for people.
  std::string_view summary;
  /// The gradient at zero where its formula does not tell it, for people: "0", "alpha".
  std::string_view gradient_at_zero = {};
  std::span<const Parameter> parameters = {};
  Traits traits = {};
  Scope scope = Scope::element;
  /// Shape and dtype of the output; null: those of the input. A channel activation is one of single
  /// elements as long as it has one value for all.
  Shape (*shape_of)(const Shape& input, const Values& values) = nullptr;
  DType (*dtype_of)(DType input) = nullptr;
  /// Throws what PyTorch throws when it does not take this input or these values.
  void (*check)(DType dtype, const Shape& shape, const Values& values);
  /// Throws what the module of torch.nn throws when it is made with these values; null if it takes all.
  void (*check_module)(const Values& values) = nullptr;
  /// y = f(x); x == y is allowed where the operation may be in place.
  Kernel forward;
  /// The gradient that reaches x when that of every y is one.
  Kernel backward;
  /// The same from y instead of x, as PyTorch has it after an operation in place; null where
  /// PyTorch keeps the input for it.
  Kernel backward_of_output = nullptr;
  /// Throws what PyTorch throws when backward() follows an operation in place with these values;
  /// null if it never does.
  void (*check_inplace_backward)(const Values& values) = nullptr;
};

/// All activations, in the order in which help and reports name them.
std::span<const Activation> activations();

/// The instructions that activations use on this processor: "avx512", "avx2", or "baseline", which
/// every processor of the architecture has. The environment's RECTIFY_TARGET names lesser ones than
/// the best; the bits do not depend on it.
std::string_view instructions();

/// The names that there are on any processor, in ascending order. RECTIFY_TARGET with another names
/// nothing, and one that the processor has not stands for its best.
std::span<const std::string_view> known_instructions();

/// The activation called `name`: its own name, torch's function or module, in any case, with or
/// without what Python writes before it ("nn.", "F.", "torch.nn.functional."); or null.
const Activation* find_activation(std::string_view name);

/// An activation with values for its parameters, as torch.nn has them.
class Module {
 public:
  /// With PyTorch's standard values. The activation must outlive the Module, as a row does.
  explicit Module(const Activation& activation);

  /// Reads what PyTorch writes, and what people type: "leaky", "leaky(0.2)", "nn.ReLU()",
  /// "LeakyReLU(negative_slope=0.2)". Throws Error{usage} for an unknown name or parameter, with
  /// the nearest one, and for a value that cannot be.
  static Module parse(std::string_view text);

  /// Several, between commas.
  static std::vector<Module> parse_list(std::string_view text);

  const Activation& activation() const { return *activation_; }
  const Values& values() const { return values_; }

  /// Whether it has a parameter of this name, and whether the text that it was read from gave it.
  bool has(std::string_view parameter) const;
  bool gave(std::string_view parameter) const;

  /// The value of a parameter. Throws Error{usage} where there is none of this name.
  double value(std::string_view parameter) const;
  /// The same module with another value, as a number or as the words in which parse() takes it;
  /// gave() does not change. Throws Error{usage}.
  Module with(std::string_view parameter, double value) const;
  Module with(std::string_view parameter, std::string_view value) const;
  Module with(std::string_view parameter, std::vector<double> values) const;
  /// The same module, which draws its random numbers for each tensor as after
  /// torch.manual_seed(seed) and a draw of so many words (Generator::drawn()).
  Module seeded(std::uint64_t seed, std::uint64_t drawn = 0) const;

  /// What a parameter's value is called: "0.01", "[0.1, 0.2]", "tanh", "True".
  std::string value_text(std::string_view parameter) const;

  /// The same module, whose label tells the values that are not PyTorch's standard ones, however
  /// they were given.
  Module told_by_values() const;

  /// PyTorch's repr: "LeakyReLU(negative_slope=0.2)"; under the function's name where PyTorch has no module
  /// of these values: "hardtanh(min_val=1.0, max_val=1.0)".
  std::string text() const;

  /// What results are called: the activation's name, with the parameters that the text gave:
  /// "leaky(0.2)".
  std::string label() const;

  /// What it works on, with these values.
  Scope scope() const;
  /// Whether it draws random numbers.
  bool is_random() const;
  /// Whether the output has the dtype of an input of this one; its shape, whether for all inputs.
  bool keeps(DType dtype) const;

  /// Throws what PyTorch throws for an input like this; Error{unsupported}, Error{data} for a shape,
  /// or Error{usage} for a value.
  void check(DType dtype, const Shape& shape) const;

  /// How the activation sees a tensor of this shape, which check() has let pass.
  Extent extent(const Shape& shape) const;

  /// The dimension, counted from the first, along which the activation takes elements together, or
  /// that of the channels; negative if it takes each by itself, or if there is no such dimension.
  std::int64_t dim(const Shape& shape) const;

  /// Whether `other` is the same activation with the values that this one's text gave.
  bool covers(const Module& other) const;

  /// The same activation with the same values.
  bool operator==(const Module& other) const;

 private:
  std::size_t index_of(std::string_view parameter) const;
  void require_all() const;
  bool has_module_form() const;

  const Activation* activation_;
  Values values_{};
  std::array<bool, kMostParameters> given_{};
};

/// f of the input, in the shape and dtype that the activation gives. With `inplace` the result
/// shares the input's memory and nothing is allocated. Throws as Module::check(), and
/// Error{unsupported} in place where PyTorch has no such operation.
Tensor apply(const Module& module, Tensor input, bool inplace = false);

/// f of elements in the caller's own memory, a tensor of one dimension, which the results replace;
/// also where PyTorch has it not in place. Nothing is allocated, unless f takes all elements together.
/// Throws as Module::check(), and Error{unsupported} where the result has another shape or dtype.
/// Write rectify::apply: of a std::vector, the name alone can be std::apply.
void apply(const Module& module, Elements elements);

/// The gradient that reaches the input on output.backward(torch.ones_like(output)), in the input's
/// shape and dtype. With `inplace` the operation runs in the input's memory first, and the gradient
/// replaces what it has left there. Throws as apply() does, Error{unsupported} for dtypes that have
/// no gradient, and Error{usage} for values with which PyTorch has none in place.
Tensor gradient(const Module& module, const Tensor& input, bool inplace = false);

}  // namespace v1
}  // namespace rectify
