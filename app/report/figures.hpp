// The figures of `compare` as all its reports go through them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/report.hpp"

namespace rectify::app {

/// Fewest digits that read back to the value, always with a point or an exponent.
void append_double(std::string& out, double value);

/// The figure as a double; nothing where it is undefined.
std::optional<double> value_of(const Figure& figure);

/// Whether a share is all.
bool is_one(const Figure& share);

bool has_values(const Figures& figures);
bool has_values(const InputCounts& input);

// ---- for people --------------------------------------------------------------------------------

/// "12.3 %", "-" where it is undefined. 0.0 % and 100.0 % are said of just that.
std::string percent(double share);
std::string percent(const Figure& share);
std::string percent(std::uint64_t part, std::uint64_t whole);

/// A limit as the user typed it: "10 %", "2.5 %".
std::string limit_text(double share);

/// What a check has found: "12.0 % of units dead under relu", or that there are no values, on which a
/// limit is passed, whatever it is.
std::string found_text(const Check& check, std::string_view what, const std::string& mode);

/// In so many significant digits; "-" where it is undefined.
std::string number(const Figure& figure, int digits = 5);

/// "1 unit", "2 units".
std::string plural(std::uint64_t count, std::string_view noun);

/// JSON text with DEL and C1 escaped, which need not be; a terminal is better off without them.
std::string without_controls(std::string_view json);

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

/// " (axis 1)", nothing where the tensor is one unit.
std::string axis_text(const TensorFigures& figures);

/// Whether a table has so many more columns than rows that its rows may be the units.
bool may_be_turned(const TensorFigures& figures);

/// What to try if the units are not along the axis that they were taken from: of 3 and more dimensions,
/// and of shapes that may well have them along another. Nothing for others.
std::string axis_advice(const TensorFigures& figures);

/// Dormant units that are not dead.
std::vector<std::size_t> dormant_alive(const ActivationFigures& figures);

/// The share of units by which tensors are ordered, worst first.
Figure worst_share(const ActivationFigures& figures, const ReportOptions& options);

}  // namespace rectify::app
