#include "report/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "rectify/error.hpp"

namespace rectify::app {

void append_double(std::string& out, double value) {
  const std::size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), "{}", value);
  if (out.find_first_of(".en", begin) == std::string::npos) out += ".0";
}

std::optional<double> value_of(const Figure& figure) {
  if (const double* real = std::get_if<double>(&figure)) return *real;
  if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure))
    return static_cast<double>(*whole);
  return std::nullopt;
}

bool is_one(const Figure& share) { return value_of(share) == 1.0; }

std::string percent(double share) {
  // 0.0 % and 100.0 % are kept for what is exactly that: it is the difference between dead and not.
  if (share > 0 && share < 0.0005) return "<0.1 %";
  if (share < 1 && share >= 0.9995) return ">99.9 %";
  return fmt::format("{:.1f} %", 100 * share);
}

std::string percent(const Figure& share) {
  const std::optional<double> value = value_of(share);
  return value ? percent(*value) : "-";
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

std::string found_text(const Check& check, std::string_view what, const std::string& mode) {
  return !check.passed && check.worst <= check.limit
             ? "no values"
             : fmt::format("{} of units {} under {}", percent(check.worst), what, mode);
}

std::string limit_text(double share) { return fmt::format("{:.6g} %", 100 * share); }

std::string number(const Figure& figure, int digits) {
  if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure))
    return fmt::format("{}", *whole);
  const std::optional<double> value = value_of(figure);
  if (!value) return "-";
  return fmt::format("{:.{}g}", *value == 0 ? 0.0 : *value, digits);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string axis_text(const TensorFigures& figures) {
  return figures.unit_axis ? fmt::format(" (axis {})", *figures.unit_axis) : "";
}

bool may_be_turned(const TensorFigures& figures) {
  const Shape& shape = figures.shape;
  return shape.size() == 2 && figures.unit_axis == 1 && shape[1] / 4 >= shape[0];
}

std::string axis_advice(const TensorFigures& figures) {
  const Shape& shape = figures.shape;
  const std::int64_t axis = figures.unit_axis.value_or(-1);
  if (shape.size() == 3 && axis == 2)
    return "the last axis has the units; --unit-axis 1 if channels come first";
  // Pictures are square more often than there are as many channels as rows.
  const bool has_channels = shape.size() == 4 || shape.size() == 5;
  if (has_channels && axis == 1 && shape[1] == shape[2] && shape.back() != shape[2])
    return "axis 1 has the units; --unit-axis -1 if channels come last";
  return "";
}

std::vector<std::size_t> dormant_alive(const ActivationFigures& figures) {
  std::vector<std::size_t> units;
  for (const std::int64_t at : figures.dormant_at) {
    const auto unit = static_cast<std::size_t>(at);
    if (!figures.units[unit].dead) units.push_back(unit);
  }
  return units;
}

Figure worst_share(const ActivationFigures& figures, const ReportOptions& options) {
  return options.dormant_check && !options.check ? figures.dormant_frac : figures.dead_frac;
}

bool has_values(const Figures& figures) { return figures.n > figures.nan; }

bool has_values(const InputCounts& input) { return input.n > input.nan; }

bool has_names(const NamedReport& report) {
  return !report.names.empty() &&
         report.names.size() == static_cast<std::size_t>(report.figures.units);
}

std::string label(const Module& mode) {
  // As the values are, so that reports that were merged say the same.
  if (!mode.has("negative_slope")) return mode.told_by_values().label();
  return fmt::format("{} {}", mode.activation().name, mode.value("negative_slope"));
}

std::size_t judge(const TensorFigures& figures, const ReportOptions& options) {
  const std::optional<Check>& check = options.check ? options.check : options.dormant_check;
  if (!check) return 0;
  for (std::size_t i = 0; i < figures.activations.size(); ++i) {
    if (check->mode == label(figures.activations[i].mode)) return i;
  }
  for (std::size_t i = 0; i < figures.activations.size(); ++i) {
    if (check->mode == figures.activations[i].mode.activation().name) return i;
  }
  return 0;
}

std::vector<std::size_t> worst_first(const ActivationFigures& figures) {
  struct Rank {
    int group;
    double live, active;
    std::size_t unit;
    auto operator<=>(const Rank&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
  };
  std::vector<Rank> ranks;
  ranks.reserve(figures.units.size());
  for (std::size_t i = 0; i < figures.units.size(); ++i) {
    const UnitFigures& unit = figures.units[i];
    ranks.push_back({unit.dead          ? 0
                     : has_values(unit) ? 2
                                        : 1,
                     value_of(unit.live_frac).value_or(0), value_of(unit.active_frac).value_or(0),
                     i});
  }
  std::sort(ranks.begin(), ranks.end(), [](const Rank& a, const Rank& b) { return a < b; });
  std::vector<std::size_t> order;
  order.reserve(ranks.size());
  for (const Rank& rank : ranks) order.push_back(rank.unit);
  return order;
}

std::string unit_name(const NamedReport& report, std::size_t unit) {
  if (!has_names(report) || report.names[unit].empty()) return fmt::format("{}", unit);
  return escaped(report.names[unit]);
}

}  // namespace rectify::app
