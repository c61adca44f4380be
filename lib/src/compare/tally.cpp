// A Tally: the tensor that its slabs are of, and which collector gets them.

#include "compare/tally.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "compare/blocks.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

using namespace detail;

bool needs_whole(const CompareOptions& options, const Shape& shape) {
  return std::any_of(options.modes.begin(), options.modes.end(),
                     [&](const Module& mode) { return mode.dim(shape) == 0; });
}

std::uint64_t Tally::State::rows() const {
  if (shape.empty()) return kept.inputs[0].nan + kept.inputs[0].count();
  return static_cast<std::uint64_t>(shape[0]);
}

void Tally::State::append_rows(std::int64_t more) {
  if (more != 0 && shape[0] != 0 && needs_whole(options, shape)) {
    throw Error(ErrorKind::usage,
                "an activation along the first dimension takes the tensor whole, not in parts");
  }
  Shape longer = shape;
  if (__builtin_add_overflow(longer[0], more, longer.data()))
    throw Error(ErrorKind::data, "there are more rows than can be counted");
  numel(longer, dtype());
  shape = std::move(longer);
}

void detail::check_mode(const Module& mode, DType dtype, const Shape& shape) {
  if (dtype == DType::uint64) {  // extremes are kept as std::int64_t
    throw Error(ErrorKind::unsupported, "uint64 cannot be compared",
                option("dtype", "float64") + " converts the input");
  }
  try {
    mode.check(dtype, shape);
  } catch (const Error& error) {
    if (dtype != DType::boolean) throw;
    mode.check(DType::float32, shape);  // or it is not the dtype that is refused
    // The other dtypes that one mode takes may be refused by the next.
    throw Error(error.kind(), error.message(),
                option("dtype", "float32") + " reads them as 0 and 1", error.place());
  }
}

namespace {

/// The modes, all of which take such a tensor. Throws if one does not.
const std::vector<Module>& checked(const CompareOptions& options, DType dtype, const Shape& shape) {
  if (options.modes.empty()) throw Error(ErrorKind::usage, "nothing to compare");
  for (const Module& mode : options.modes) {
    if (mode.activation().shape_of != nullptr) {
      throw Error(ErrorKind::unsupported,
                  mode.label() + " cannot be compared: its values are not one for each input");
    }
    check_mode(mode, dtype, shape);
    if (!mode.keeps(dtype)) {
      throw Error(ErrorKind::unsupported,
                  mode.label() + " cannot be compared: its values are of another dtype",
                  option("dtype", "float32") + " converts the input");
    }
    if (mode.is_random()) {
      throw Error(ErrorKind::unsupported,
                  mode.label() + " cannot be compared: its values are drawn at random",
                  "leave training out");
    }
  }
  numel(shape, dtype);
  return options.modes;
}

}  // namespace

Tally::State::State(const CompareOptions& wanted, DType dtype, const Shape& of)
    : options(wanted), shape(of), modes(dtype, checked(options, dtype, shape)) {
  const auto dimensions = static_cast<std::int64_t>(shape.size());
  if (dimensions >= 2 && options.unit_axis) {
    const bool has_channels = dimensions == 4 || dimensions == 5;
    axis = *options.unit_axis == kFeatures
               ? (has_channels ? 1 : dimensions - 1)
               : *options.unit_axis + (*options.unit_axis < 0 ? dimensions : 0);
    if (*axis < 0 || *axis >= dimensions) {
      throw Error(ErrorKind::usage, "there is no unit axis " + std::to_string(*options.unit_axis) +
                                        " in a tensor of " + std::to_string(dimensions) +
                                        " dimensions");
    }
  }
  for (std::size_t i = 1; i < shape.size(); ++i) per_row *= static_cast<std::size_t>(shape[i]);
  if (dimensions > 0) shape[0] = 0;
  if (options.histogram) classes.resize(2 * kClassesOfASign);
  const std::size_t units = !axis ? 1
                            : *axis == 0
                                ? 0
                                : static_cast<std::size_t>(shape[static_cast<std::size_t>(*axis)]);
  // Which a file of a few bytes may claim.
  constexpr std::size_t kMostWithoutValues = std::size_t{1} << 20;
  if (units > kMostWithoutValues && numel(of, dtype) == 0) {
    throw Error(ErrorKind::unsupported,
                "a tensor of shape " + to_string(of) + " has no values for its " +
                    std::to_string(units) + " units",
                option("unit_axis", "none") + " asks for none of them");
  }
  resize(units);
}

Tally::Tally() = default;
Tally::Tally(const CompareOptions& options, DType dtype, const Shape& shape)
    : state_(std::make_unique<State>(options, dtype, shape)) {}
Tally::Tally(Tally&&) noexcept = default;
Tally& Tally::operator=(Tally&&) noexcept = default;
Tally::~Tally() = default;

void Tally::add(const Tensor& slab) {
  State& state = *state_;
  const Shape& shape = slab.shape();
  const bool same_sizes =
      slab.dim() == state.shape.size() &&
      (slab.dim() == 0 || std::equal(shape.begin() + 1, shape.end(), state.shape.begin() + 1));
  if (slab.dtype() != state.dtype() || !same_sizes) {
    throw Error(ErrorKind::data, "rows of " + std::string(name(slab.dtype())) + " " +
                                     to_string(shape) + " do not belong to a tensor of " +
                                     std::string(name(state.dtype())) + " " +
                                     to_string(state.shape));
  }
  if (slab.dim() == 0) {
    if (state.rows() != 0)
      throw Error(ErrorKind::data, "a tensor without dimensions has one value only");
  } else {
    state.append_rows(shape[0]);
  }
  Layout layout;
  layout.units = state.units();
  layout.inner = static_cast<std::size_t>(slab.numel());
  if (state.axis == 0) {
    layout.grows = true;
    layout.first_unit = layout.units;
    layout.units = static_cast<std::size_t>(shape[0]);
    layout.inner = state.per_row;
    state.resize(layout.first_unit + layout.units);
  } else if (state.axis) {
    layout.inner = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto axis = static_cast<std::size_t>(*state.axis);
      if (i < axis) layout.outer *= static_cast<std::size_t>(shape[i]);
      if (i > axis) layout.inner *= static_cast<std::size_t>(shape[i]);
    }
  }
  if (slab.numel() == 0) return;
  state.rectifiers.add(slab, layout);
  const std::vector<Plan>& plans = state.modes.plans;
  if (std::any_of(plans.begin(), plans.end(),
                  [](const Plan& plan) { return !plan.rectifier || plan.by_tiles; }))
    add_blocks(state.modes, state.kept, slab, layout);
  if (!state.classes.empty()) add_classes(state.classes, slab);
}

void Tally::merge(const Tally& other) {
  State& to = *state_;
  State& from = *other.state_;
  to.rectifiers.settle();
  from.rectifiers.settle();
  const auto differ = [](const std::string& what) {
    throw Error(ErrorKind::data, "these figures are not of one tensor: " + what);
  };
  if (to.dtype() != from.dtype()) {
    differ("their dtypes are " + std::string(name(to.dtype())) + " and " +
           std::string(name(from.dtype())));
  }
  if (to.shape.size() != from.shape.size() ||
      (!to.shape.empty() &&
       !std::equal(to.shape.begin() + 1, to.shape.end(), from.shape.begin() + 1))) {
    differ("their shapes are " + to_string(to.shape) + " and " + to_string(from.shape));
  }
  if (to.axis != from.axis) differ("their unit axes are not the same");
  if (to.options.modes != from.options.modes) differ("they are of other activations or parameters");
  if (to.classes.size() != from.classes.size()) differ("one has a histogram and one has not");

  const std::size_t first_unit = to.axis == 0 ? to.units() : 0;
  if (!to.shape.empty()) {
    to.append_rows(from.shape[0]);
  } else if (to.rows() + from.rows() > 1) {
    differ("a tensor without dimensions has one value only");
  }
  to.resize(first_unit + (to.axis == 0 ? from.units() : to.units()));
  to.kept.add(from.kept, first_unit);
  for (std::size_t i = 0; i < to.classes.size(); ++i) to.classes[i] += from.classes[i];
}

}  // namespace rectify::inline v1
