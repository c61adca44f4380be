// Where the inputs of a tensor lie, and where activations put them: what plots draw.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "rectify/compare.hpp"
#include "report/report.hpp"

namespace rectify::app {

/// Shares of the finite inputs in even cells of [low, high].
struct Distribution {
  double low = 0, high = 0;
  /// How many finite inputs there are.
  double total = 0;
  /// Shares of the inputs in each cell, and of those that lie beyond all cells.
  std::vector<double> inputs;
  double outside = 0;
  /// The same of the outputs of each activation; empty where they do not follow from the input's
  /// value alone.
  std::vector<std::vector<double>> outputs;
  /// Where inputs get no gradient from the activation that decides what is dead.
  std::vector<std::pair<double, double>> dead;
};

/// In `cells` cells, from a report and the histogram of its inputs: all but the outermost 0.1 % is
/// shown, since one far value would leave the rest a single spike, and so is zero, where
/// activations bend.
Distribution distribution_of(const NamedReport& report, std::span<const Tally::Bin> histogram,
                             std::size_t judged, std::size_t cells);

}  // namespace rectify::app
