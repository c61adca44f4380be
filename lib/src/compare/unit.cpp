#include "compare/unit.hpp"

#include <cmath>
#include <cstddef>

#include "dispatch.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1::detail {
namespace {

template <class T>
Plan plan_of(DType dtype, const Module& mode) {
  const Activation& activation = mode.activation();
  Plan plan;
  plan.rectifier = activation.traits.rectifier;
  if (plan.rectifier) plan.clamps = activation.parameters.empty();
  if constexpr (is_floating<T>) {
    if (plan.rectifier && !plan.clamps) {
      plan.slope = static_cast<double>(static_cast<Compute<T>>(mode.values()[0]));
      plan.slope_below = static_cast<double>(widen(narrow<T>(static_cast<Compute<T>>(plan.slope))));
    }
    if (activation.traits.keeps_positive && mode.scope() == Scope::element) {
      const auto at_zero = [&](Activation::Kernel kernel) {
        const T zero{};
        T result;
        kernel(dtype, reinterpret_cast<const std::byte*>(&zero),
               reinterpret_cast<std::byte*>(&result), {}, mode.values());
        return static_cast<double>(widen(result));
      };
      plan.gradient_at_zero = at_zero(activation.backward);
      plan.keeps_positive =
          at_zero(activation.forward) == 0 && std::isfinite(plan.gradient_at_zero);
    }
  }
  plan.flat = plan.rectifier && plan.slope == 0;
  return plan;
}

}  // namespace

Modes::Modes(DType of, const std::vector<Module>& all) : dtype(of), modules(all) {
  for (const Module& mode : all) {
    plans.push_back(
        dispatch(of, [&](auto type) { return plan_of<typename decltype(type)::type>(of, mode); }));
    if (plans.size() == 1) continue;
    Plan& plan = plans.back();
    const Plan& baseline = plans[0];
    plan.by_rectifiers = plan.rectifier && baseline.rectifier &&
                         (plan.flat || baseline.flat || plan.slope == baseline.slope);
    plan.by_tiles = !plan.by_rectifiers;
    plan.keeps_positive &= baseline.keeps_positive;
  }
}

void Kept::resize(const Modes& modes, std::size_t units) {
  if (units > inputs.max_size() / 4) throw Error(ErrorKind::data, "there are too many units");
  inputs.resize(units);
  below.resize(modes.plans.size());
  outcomes.resize(modes.plans.size());
  differences.resize(modes.plans.size());
  for (std::size_t c = 0; c < modes.plans.size(); ++c) {
    const Plan& plan = modes.plans[c];
    if (!plan.rectifier) outcomes[c].resize(units);
    if (plan.rectifier && !plan.flat) below[c].resize(units);
    if (c != 0) differences[c].resize(units);
  }
}

void Kept::add(const Kept& other, std::size_t first_unit) {
  for (std::size_t u = 0; u < other.inputs.size(); ++u) inputs[first_unit + u].add(other.inputs[u]);
  const auto add = [&](auto& ours, const auto& theirs) {
    for (std::size_t c = 0; c < ours.size(); ++c) {
      for (std::size_t u = 0; u < theirs[c].size(); ++u) ours[c][first_unit + u].add(theirs[c][u]);
    }
  };
  add(below, other.below);
  add(outcomes, other.outcomes);
  add(differences, other.differences);
}

}  // namespace rectify::inline v1::detail
