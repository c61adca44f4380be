// The figures: what is made of counts, extremes and exact sums once all values are in.

#include <algorithm>
#include <cmath>
#include <limits>

#include "compare/tally.hpp"
#include "dispatch.hpp"

namespace rectify::inline v1 {

using namespace detail;

namespace detail {

void complete(Outcome& outcome, const Plan& plan, const Inputs& in, bool undo) {
  if (plan.rectifier || !plan.keeps_positive) return;
  // Modulo 2^64 the counts can be taken back, too.
  const auto add = [&](std::uint64_t& count, std::uint64_t more) {
    count += undo ? std::uint64_t{0} - more : more;
  };
  const std::uint64_t taken_as_zero = in.positive + in.nan;
  add(outcome.zero, std::uint64_t{0} - taken_as_zero);
  add(outcome.live, in.positive - (plan.gradient_at_zero != 0 ? taken_as_zero : 0));
  add(outcome.y.plus_infinite, in.positive_infinite);
  outcome.gradients.add_multiple(undo ? plan.gradient_at_zero : -plan.gradient_at_zero,
                                 taken_as_zero);
  outcome.gradients.add_multiple(undo ? -1 : 1, in.positive);
  outcome.above.add(in.sum, undo);
  outcome.squares.add(in.squares, undo);
  outcome.range.add(in.above);
}

Outcome outcome_of(const Modes& modes, const Kept& kept, std::size_t mode, std::size_t unit) {
  const Plan& plan = modes.plans[mode];
  Outcome outcome =
      plan.rectifier ? outcome_of_rectifier(modes, kept, mode, unit) : kept.outcomes[mode][unit];
  complete(outcome, plan, kept.inputs[unit]);
  if (outcome.zero != 0) outcome.range.add(Key{0});
  if (mode != 0) outcome.difference = kept.differences[mode][unit];
  return outcome;
}

Figure figure_of(DType dtype, Key key) {
  return dispatch(dtype, [&](auto type) -> Figure {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      return static_cast<double>(value_of<Compute<T>>(key));
    } else {
      return key;
    }
  });
}

}  // namespace detail

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Figure share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

InputCounts counts_of(const Inputs& in) {
  return {in.nan + in.count(), in.nan,  in.positive_infinite + in.negative_infinite,
          in.positive,         in.zero, in.negative};
}

/// The sum of |y|.
ExactSum magnitudes(const Outcome& outcome) {
  ExactSum sum = outcome.above;
  sum.add(outcome.below, true);
  return sum;
}

/// `mean`: where the mean of |y| is added, if it is finite.
void set_figures(Figures& figures, DType dtype, const Inputs& in, const Outcome& outcome,
                 bool is_baseline, ExactSum* mean = nullptr) {
  const std::uint64_t k = in.count();
  figures.n = in.nan + k;
  figures.nan = in.nan;
  figures.active_frac = share(in.positive, k);
  figures.zero_frac = share(outcome.zero, k);
  figures.live_frac = share(outcome.live, k);
  if (!is_baseline) figures.differs = outcome.difference.count;
  if (k == 0) return;
  figures.grad_mean = outcome.g.none() ? outcome.gradients.mean(k) : outcome.g.sum();
  figures.min = outcome.y.nan != 0 ? Figure(kNan) : figure_of(dtype, outcome.range.low);
  figures.max = outcome.y.nan != 0 ? Figure(kNan) : figure_of(dtype, outcome.range.high);
  if (outcome.y.none()) {
    ExactSum sum = outcome.above;
    sum.add(outcome.below);
    figures.mean = sum.mean(k);
    const ExactSum sizes = magnitudes(outcome);
    figures.mean_abs = sizes.mean(k);
    if (mean != nullptr) mean->add_mean(sizes, k);
    if (k >= 2) figures.std = ExactSum::standard_deviation(sum, outcome.squares, k).value_or(kNan);
  } else {
    figures.mean = outcome.y.sum();
    figures.mean_abs = outcome.y.nan != 0 ? kNan : std::numeric_limits<double>::infinity();
    if (k >= 2) figures.std = kNan;
  }
  if (!is_baseline) figures.max_abs_diff = outcome.difference.greatest;
}

/// mean_abs of each unit by the mean of mean_abs over the units that have values. `means` are the
/// same before they were rounded to doubles, so that the quotient is rounded once, but for one of
/// 2^60.
void set_dormancy(std::vector<UnitFigures>& units, const std::vector<ExactSum>& means) {
  std::uint64_t count = 0;  // of units with values
  bool any_nan = false;
  bool any_infinite = false;
  ExactSum sum;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double* const mean_abs = std::get_if<double>(&units[u].mean_abs);
    if (mean_abs == nullptr) continue;
    ++count;
    any_nan |= std::isnan(*mean_abs);
    any_infinite |= std::isinf(*mean_abs);
    sum.add(means[u]);
  }
  if (!any_nan && !any_infinite && sum.sign() == 0) return;  // 0/0
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double* const mean_abs = std::get_if<double>(&units[u].mean_abs);
    if (mean_abs == nullptr) continue;
    if (any_nan || (any_infinite && std::isinf(*mean_abs))) {
      units[u].dormancy = kNan;
    } else if (any_infinite) {
      units[u].dormancy = 0.0;
    } else {
      units[u].dormancy = ExactSum::quotient(means[u], count, sum);
    }
  }
}

void count_dormant(ActivationFigures& activation, double dormant_below) {
  for (std::size_t u = 0; u < activation.units.size(); ++u) {
    UnitFigures& unit = activation.units[u];
    if (unit.n == unit.nan) continue;
    // Where all are silent none has a dormancy, and all are dormant.
    const double* const dormancy = std::get_if<double>(&unit.dormancy);
    unit.dormant = dormancy == nullptr || *dormancy <= dormant_below;
    if (unit.dormant) activation.dormant_at.push_back(static_cast<std::int64_t>(u));
  }
  activation.dormant_units = activation.dormant_at.size();
  activation.dormant_frac = share(activation.dormant_units, activation.units.size());
}

}  // namespace

TensorFigures Tally::figures(double dead_below, double dormant_below) const {
  state_->rectifiers.settle();
  const State& state = *state_;
  TensorFigures result;
  result.dtype = state.dtype();
  result.shape = state.shape;
  result.unit_axis = state.axis;
  result.units = static_cast<std::int64_t>(state.units());
  Inputs all;
  for (const Inputs& in : state.kept.inputs) {
    all.add(in);
    result.unit_inputs.push_back(counts_of(in));
  }
  result.input = counts_of(all);
  for (std::size_t c = 0; c < state.options.modes.size(); ++c) {
    ActivationFigures& activation = result.activations.emplace_back(state.options.modes[c]);
    activation.units.resize(state.units());
    Outcome total;
    std::vector<ExactSum> means(state.units());
    for (std::size_t u = 0; u < state.units(); ++u) {
      const Inputs& in = state.kept.inputs[u];
      const Outcome outcome = outcome_of(state.modes, state.kept, c, u);
      UnitFigures& unit = activation.units[u];
      set_figures(unit, state.dtype(), in, outcome, c == 0, &means[u]);
      const std::uint64_t k = in.count();
      unit.dead = k != 0 && std::get<double>(unit.live_frac) <= dead_below;
      if (unit.dead) activation.dead_at.push_back(static_cast<std::int64_t>(u));
      if (k != 0 && in.positive == k) ++activation.linear_units;
      total.add(outcome);
    }
    set_figures(activation, state.dtype(), all, total, c == 0);
    activation.dead_units = activation.dead_at.size();
    activation.dead_frac = share(activation.dead_units, state.units());
    set_dormancy(activation.units, means);
    count_dormant(activation, dormant_below);
  }
  return result;
}

}  // namespace rectify::inline v1
