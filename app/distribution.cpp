#include "distribution.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "rectify/rectify.hpp"

namespace rectify::app {
namespace {

/// Values beyond are cut off, so that ranges stay finite.
constexpr double kMostDrawn = std::numeric_limits<double>::max() / 8;

/// Inputs or outputs that lie evenly between two values.
struct Run {
  double low, high;
  double count;
};

/// The value below which a share of the inputs lies.
double quantile(std::span<const Tally::Bin> bins, double total, double share) {
  double below = 0;
  for (const Tally::Bin& bin : bins) {
    const double count = static_cast<double>(bin.count);
    if (count > 0 && below + count >= share * total) {
      const double part = std::clamp((share * total - below) / count, 0.0, 1.0);
      return bin.low + part * (bin.high - bin.low);
    }
    below += count;
  }
  return bins.empty() ? 0 : bins.back().high;
}

void set_range(Distribution& shown, std::span<const Tally::Bin> bins) {
  constexpr double kTail = 0.0005;
  if (shown.total == 0) {
    shown.low = -1, shown.high = 1;
    return;
  }
  shown.low = std::min(quantile(bins, shown.total, kTail), 0.0);
  shown.high = std::max(quantile(bins, shown.total, 1 - kTail), 0.0);
  constexpr double kLeastWidth = 1e-290;  // what is narrower is out of gnuplot's reach
  double width = shown.high - shown.low;
  if (!(width > kLeastWidth)) width = 1;
  if (!std::isfinite(width)) width = 2 * kMostDrawn;
  shown.low = std::max(shown.low, -kMostDrawn) - 0.04 * width;
  shown.high = std::min(shown.high, kMostDrawn) + 0.04 * width;
}

/// The shares of runs in each cell; what lies beyond all of them is the result.
double spread(const Distribution& shown, std::span<const Run> runs, std::vector<double>& shares) {
  const std::size_t count = shares.size();
  const double step = (shown.high - shown.low) / static_cast<double>(count);
  const auto cell = [&](double x) {
    return std::clamp((x - shown.low) / step, 0.0, static_cast<double>(count));
  };
  double beyond = 0;
  for (const Run& run : runs) {
    const double share = run.count / shown.total;
    if (share == 0) continue;
    if (!std::isfinite(run.low) || !std::isfinite(run.high)) {
      beyond += share;
      continue;
    }
    const double begin = cell(run.low);
    const double end = cell(run.high);
    if (!(run.high > run.low) || !(end > begin)) {  // a single value, or a run far outside
      const double middle = run.low / 2 + run.high / 2;
      if (!(middle >= shown.low && middle <= shown.high)) {
        beyond += share;
      } else {
        shares[std::min(static_cast<std::size_t>(begin), count - 1)] += share;
      }
      continue;
    }
    const double per_cell = share * (step / (run.high - run.low));
    double inside = 0;
    for (double at = begin; at < end;) {
      const double next = std::min(std::floor(at) + 1, end);
      const double part = (next - at) * per_cell;
      shares[std::min(static_cast<std::size_t>(at), count - 1)] += part;
      inside += part;
      at = next;
    }
    beyond += std::max(0.0, share - inside);
  }
  return beyond;
}

/// What an activation makes of the inputs. The values come from the function itself, so that what
/// is drawn is what is computed; between neighbours it is taken to be straight, unless it jumps.
std::vector<Run> outputs_of(const Module& mode, std::span<const Tally::Bin> bins) {
  constexpr std::size_t kPieces = 8;
  constexpr double kMuch = 4;
  std::vector<double> x;
  for (const Tally::Bin& bin : bins) {
    for (std::size_t i = 0; i <= kPieces; ++i) {
      const double part = static_cast<double>(i) / kPieces;
      x.push_back(bin.low * (1 - part) + bin.high * part);
    }
  }
  rectify::apply(mode, x);
  std::vector<Run> runs;
  for (std::size_t b = 0; b < bins.size(); ++b) {
    const double* const y = x.data() + b * (kPieces + 1);
    const double count = static_cast<double>(bins[b].count) / kPieces;
    const auto step = [&](std::size_t i) { return std::abs(y[i + 1] - y[i]); };
    for (std::size_t i = 0; i < kPieces; ++i) {
      double others = 0;
      for (std::size_t k = 0; k < kPieces; ++k) others = std::max(others, k == i ? 0 : step(k));
      const double width = (bins[b].high - bins[b].low) / kPieces;
      if (step(i) > kMuch * std::max(others, width)) {  // it jumps, and nothing lies between
        runs.push_back({y[i], y[i], count / 2});
        runs.push_back({y[i + 1], y[i + 1], count / 2});
      } else {
        runs.push_back({std::min(y[i], y[i + 1]), std::max(y[i], y[i + 1]), count});
      }
    }
  }
  return runs;
}

/// The ranges of [low, high] in which inputs get no gradient.
std::vector<std::pair<double, double>> dead_zones(const Module& mode, double low, double high) {
  constexpr std::size_t kPoints = 1024;  // of either side of zero, which is one of them
  std::vector<double> x;
  for (std::size_t i = 0; i < kPoints; ++i)
    x.push_back(low * (1 - static_cast<double>(i) / kPoints));
  for (std::size_t i = 0; i <= kPoints; ++i) x.push_back(high * (static_cast<double>(i) / kPoints));
  const Tensor slopes = gradient(mode, Tensor::of(x));
  const std::span<const double> slope = slopes.data<double>();
  std::vector<std::pair<double, double>> zones;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (slope[i] != 0) continue;
    if (i == 0 || slope[i - 1] != 0) zones.emplace_back(x[i], x[i]);
    zones.back().second = x[i];
  }
  // A point is not a zone.
  std::erase_if(zones, [](const auto& zone) { return !(zone.first < zone.second); });
  return zones;
}

}  // namespace

Distribution distribution_of(const NamedReport& report, std::span<const Tally::Bin> histogram,
                             std::size_t judged, std::size_t cells) {
  Distribution shown;
  std::vector<Run> inputs;
  for (const Tally::Bin& bin : histogram) {
    shown.total += static_cast<double>(bin.count);
    inputs.push_back({bin.low, bin.high, static_cast<double>(bin.count)});
  }
  set_range(shown, histogram);
  shown.inputs.assign(cells, 0);
  if (shown.total != 0) shown.outside = spread(shown, inputs, shown.inputs);
  const auto by_value = [](const Module& mode) {
    return mode.scope() == Scope::element && !mode.is_random();
  };
  for (const ActivationFigures& row : report.figures.activations) {
    std::vector<double>& shares = shown.outputs.emplace_back();
    if (shown.total == 0 || !by_value(row.mode)) continue;
    shares.assign(cells, 0);
    spread(shown, outputs_of(row.mode, histogram), shares);
  }
  const Module& judge = report.figures.activations[judged].mode;
  if (by_value(judge)) shown.dead = dead_zones(judge, shown.low, shown.high);
  return shown;
}

}  // namespace rectify::app
