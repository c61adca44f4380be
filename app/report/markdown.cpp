// A report in Markdown, for a pull request or the summary of a CI run: GitHub's tables, which others
// render, too.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "rectify/error.hpp"
#include "report/figures.hpp"

namespace rectify::app {
namespace {

constexpr std::size_t kUnits = 10;  // that are shown of a tensor where nothing is said

/// Text that Markdown shows as it stands.
std::string plain(std::string_view text) {
  std::string result;
  for (const char c : escaped(text)) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else {
      if (std::string_view("\\`*_{}[]()#+|~!>-").find(c) != std::string_view::npos) result += '\\';
      result += c;
    }
  }
  return result;
}

/// A row of a table. The cells are Markdown.
void add_row(std::string& text, const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) text += "| " + cell + " ";
  text += "|\n";
}

/// The heads of a table: the first column stands left, the others right.
void add_heads(std::string& text, const std::vector<std::string>& heads) {
  add_row(text, heads);
  for (std::size_t i = 0; i < heads.size(); ++i) text += i == 0 ? "| --- " : "| ---: ";
  text += "|\n";
}

/// The names of units, of as many as can be read.
std::string named(const NamedReport& report, const std::vector<std::size_t>& units) {
  constexpr std::size_t kMostNames = 20;
  std::string names;
  for (std::size_t i = 0; i < units.size() && i < kMostNames; ++i)
    names += (i == 0 ? "" : ", ") + plain(unit_name(report, units[i]));
  if (units.size() > kMostNames) names += fmt::format(" and {} more", units.size() - kMostNames);
  return names;
}

void add_check(std::string& text, const std::optional<Check>& check, std::string_view what) {
  if (!check) return;
  text += fmt::format("**Check {}**: {}, limit {}\n\n", check->passed ? "passed" : "failed",
                      found_text(*check, what, plain(check->mode)), limit_text(check->limit));
}

void add_tensor(std::string& text, const NamedReport& report, const ReportOptions& options) {
  const TensorFigures& figures = report.figures;
  const std::size_t judged = judge(figures, options);
  text += fmt::format(
      "### {}\n\n{} {}, {} of {}{}", plain(report.source), name(figures.dtype),
      plain(to_string(figures.shape)),
      plural(figures.units <= 0 ? 0 : figures.input.n / static_cast<std::uint64_t>(figures.units),
             "sample"),
      plural(static_cast<std::uint64_t>(figures.units), "unit"), plain(axis_text(figures)));
  if (figures.input.nan != 0) text += fmt::format(", **{} nan**", figures.input.nan);
  text += "\n\n";
  if (figures.activations.empty()) return;
  const ActivationFigures& row = figures.activations[judged];
  if (!has_values(figures.input)) {
    text += "No values.\n\n";
  } else if (row.dead_units == 0) {
    text += fmt::format("No unit is dead under {}.\n\n", plain(label(row.mode)));
  } else {
    const std::vector<std::size_t> dead(row.dead_at.begin(), row.dead_at.end());
    text += fmt::format("**{} of {} dead** under {} ({}): {}\n\n", row.dead_units,
                        plural(static_cast<std::uint64_t>(figures.units), "unit"),
                        plain(label(row.mode)), percent(row.dead_frac), named(report, dead));
  }
  if (const std::vector<std::size_t> dormant = dormant_alive(row); !dormant.empty()) {
    text += fmt::format("{} dormant (dormancy {} or less): {}\n\n",
                        row.dead_units == 0 ? fmt::format("{}", dormant.size())
                                            : fmt::format("{} more", dormant.size()),
                        options.dormant_below, named(report, dormant));
  }
  add_heads(text, {"activation", "dead units", "active", "zero", "live", "grad mean", "min", "max",
                   "mean", "std"});
  for (const ActivationFigures& each : figures.activations) {
    add_row(text, {plain(label(each.mode)), fmt::format("{} of {}", each.dead_units, figures.units),
                   percent(each.active_frac), percent(each.zero_frac), percent(each.live_frac),
                   number(each.grad_mean), number(each.min), number(each.max), number(each.mean),
                   number(each.std)});
  }
  text += '\n';

  const std::vector<std::size_t> order = worst_first(row);
  const std::size_t shown =
      options.per_unit ? order.size() : std::min(order.size(), options.top.value_or(kUnits));
  if (shown == 0 || figures.units <= 1) return;
  std::vector<std::string> heads = {"worst units", "active"};
  for (const ActivationFigures& each : figures.activations)
    heads.push_back("grad mean: " + plain(label(each.mode)));
  heads.emplace_back("dormancy");
  heads.emplace_back("");
  add_heads(text, heads);
  for (std::size_t i = 0; i < shown; ++i) {
    const UnitFigures& unit = row.units[order[i]];
    std::vector<std::string> cells = {plain(unit_name(report, order[i])),
                                      percent(unit.active_frac)};
    for (const ActivationFigures& each : figures.activations)
      cells.push_back(number(each.units[order[i]].grad_mean, 4));
    cells.push_back(number(unit.dormancy, 3));
    cells.emplace_back(unit.dead                  ? "dead"
                       : !has_values(unit)        ? "no values"
                       : is_one(unit.active_frac) ? "linear"
                                                  : "");
    add_row(text, cells);
  }
  if (shown != order.size())
    text += fmt::format("\n{}\n", plural(order.size() - shown, "more unit"));
  text += '\n';
}

}  // namespace

std::string report_markdown(const std::vector<NamedReport>& reports, const ReportOptions& options) {
  std::string text;
  add_check(text, options.check, "dead");
  add_check(text, options.dormant_check, "dormant");
  std::vector<const NamedReport*> order;
  for (const NamedReport& report : reports) order.push_back(&report);
  std::size_t shown = order.size();
  if (reports.size() > 1) {
    shown = std::min(shown, options.top.value_or(shown));
    const auto judged = [&](const NamedReport* report) -> const ActivationFigures& {
      return report->figures.activations[judge(report->figures, options)];
    };
    const auto share = [&](const NamedReport* report) {
      return value_of(worst_share(judged(report), options)).value_or(-1);
    };
    std::stable_sort(order.begin(), order.end(), [&](const NamedReport* a, const NamedReport* b) {
      return share(a) > share(b);
    });
    std::vector<std::string> heads = {"tensor", "units", "dead units", "active", "grad mean"};
    if (options.dormant_check) heads.insert(heads.begin() + 3, "dormant units");
    add_heads(text, heads);
    for (const NamedReport* report : std::span(order).first(shown)) {
      const ActivationFigures& row = judged(report);
      std::vector<std::string> cells = {
          plain(report->source), fmt::format("{}", report->figures.units),
          fmt::format("{} ({})", row.dead_units, percent(row.dead_frac)), percent(row.active_frac),
          number(row.grad_mean)};
      if (options.dormant_check) {
        cells.insert(cells.begin() + 3,
                     fmt::format("{} ({})", row.dormant_units, percent(row.dormant_frac)));
      }
      add_row(text, cells);
    }
    if (shown != order.size())
      text += fmt::format("\n{}\n", plural(order.size() - shown, "more tensor"));
    text += '\n';
  }
  // In the order in which they were given.
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown));
  for (const NamedReport* report : std::span(order).first(shown))
    add_tensor(text, *report, options);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace rectify::app
