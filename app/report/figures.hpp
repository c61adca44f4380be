// The figures of `compare` as all its reports go through them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace rectify::app {

/// Fewest digits that read back to the value, always with a point or an exponent.
void append_double(std::string& out, double value);

/// The figure as a double; nothing where it is undefined.
std::optional<double> value_of(const Figure& figure);

bool has_values(const Figures& figures);

/// Whether each unit has a name.
bool has_names(const NamedReport& report);

/// Calls member("n", figures.n), and so on: each name once, for JSON and CSV alike.
template <class Member>
void for_each_figure(const Figures& figures, Member&& member) {
  member("n", figures.n);
  member("nan", figures.nan);
  member("active_frac", figures.active_frac);
  member("zero_frac", figures.zero_frac);
  member("live_frac", figures.live_frac);
  member("grad_mean", figures.grad_mean);
  member("min", figures.min);
  member("max", figures.max);
  member("mean", figures.mean);
  member("std", figures.std);
  member("mean_abs", figures.mean_abs);
  member("differs", figures.differs);
  member("max_abs_diff", figures.max_abs_diff);
}

}  // namespace rectify::app
