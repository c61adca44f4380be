// A report for people: first how many units are dead and which, then the activations, then the
// units that come next.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>

#include "rectify/error.hpp"
#include "report/figures.hpp"
#include "text_width.hpp"

namespace rectify::app {
namespace {

enum class Style : std::uint8_t { plain, bold, dim, red, yellow, green };

class TableWriter {
 public:
  TableWriter(const ReportOptions& options, std::size_t reports)
      : options_(options),
        width_(static_cast<std::size_t>(std::max(options.columns, 24))),
        // One row is for the prompt that follows.
        screen_((options.rows > 0 ? static_cast<std::size_t>(options.rows) : 24) - 1),
        reports_(reports) {}

  /// Of several tensors a line each, those with the greatest share of dead units first, or of dormant
  /// ones if these alone are asked about, and totals. Returns the tensors that are shown.
  std::vector<const NamedReport*> overview(std::span<const NamedReport> reports) {
    if (reports.size() == 1) return {&reports[0]};
    if (reports.empty()) return {};
    std::uint64_t dead = 0;
    std::uint64_t units = 0;
    const auto judged = [&](const NamedReport& report) -> const ActivationFigures& {
      return report.figures.activations[judge(report.figures, options_)];
    };
    std::vector<const NamedReport*> order;
    for (const NamedReport& report : reports) {
      dead += judged(report).dead_units;
      units += static_cast<std::uint64_t>(report.figures.units);
      order.push_back(&report);
    }
    std::stable_sort(order.begin(), order.end(), [&](const NamedReport* a, const NamedReport* b) {
      const auto share = [&](const NamedReport* report) {
        return value_of(worst_share(judged(*report), options_)).value_or(-1);
      };
      return share(a) > share(b);
    });
    std::string text =
        fmt::format("{} tensors: {} of {} dead", reports.size(), dead, plural(units, "unit"));
    if (units != 0) text += fmt::format(" ({})", percent(dead, units));
    text += " under " + label(judged(reports.front()).mode);
    const std::size_t common = common_folder(reports);
    if (common != 0)
      text += fmt::format(
          ", all in {}",
          shortened(escaped(reports.front().source.substr(0, common)), width_ / 2, options_.utf8));
    paragraph("", words(text), dead == 0 ? Style::plain : Style::red);
    line("");

    const std::size_t shown = std::min(order.size(), options_.top.value_or(order.size()));
    Column names;
    Column size{"units", {}}, dead_units{"dead units", {}}, active{"active", {}};
    Column dormant{"dormant", {}}, grad{"grad mean", {}}, shape{"shape", {}};
    for (const NamedReport* report : std::span(order).first(shown)) {
      const ActivationFigures& row = judged(*report);
      names.cells.push_back({shortened(escaped(report->source.substr(common)),
                                       std::max<std::size_t>(width_ / 2, 12), options_.utf8),
                             Style::bold});
      size.cells.push_back({fmt::format("{}", report->figures.units)});
      dead_units.cells.push_back({fmt::format("{} ({})", row.dead_units, percent(row.dead_frac)),
                                  row.dead_units == 0 ? Style::plain : Style::red});
      dormant.cells.push_back({fmt::format("{} ({})", row.dormant_units, percent(row.dormant_frac)),
                               row.dormant_units == 0 ? Style::plain : Style::red});
      active.cells.push_back({percent(row.active_frac)});
      grad.cells.push_back({number(row.grad_mean)});
      shape.cells.push_back({to_string(report->figures.shape)});
    }
    std::vector<Column> columns = {std::move(size), std::move(dead_units), std::move(active),
                                   std::move(grad)};
    if (options_.dormant_check) columns.insert(columns.begin() + 2, std::move(dormant));
    fold(names, {std::move(columns), {std::move(shape)}});
    if (shown != order.size()) {
      paragraph(
          "  ",
          words(fmt::format("{} {} more: --top {} shows all", options_.utf8 ? "\u2026" : "...",
                            order.size() - shown, order.size())),
          Style::dim);
    }
    line("");
    order.resize(shown);
    return order;
  }

  void tensor(const NamedReport& report) {
    const std::size_t begin = lines_;
    const TensorFigures& figures = report.figures;
    const std::size_t judged = judge(figures, options_);
    title(report);
    listings(report, judged);
    line("");
    activations(figures);
    const std::vector<std::string> said = notes(figures, judged);
    if (options_.per_unit || figures.units > 1) {
      const std::size_t used =
          lines_ - begin + 3 + (said.empty() ? 0 : 1 + said.size()) + lines_of_checks();
      units(report, judged, screen_ / std::max<std::size_t>(reports_, 1), used);
    }
    if (!said.empty()) line("");
    for (const std::string& note : said) paragraph("", words("note: " + note), Style::yellow);
  }

  void checks() {
    if (lines_of_checks() != 0) line("");
    check(options_.check, "dead");
    check(options_.dormant_check, "dormant");
  }

  void line(const std::string& text) {
    out_ += text;
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
    ++lines_;
  }

  std::string take() { return std::move(out_); }

 private:
  static constexpr std::uint64_t kFewSamples = 100;
  static constexpr std::size_t kFewestRows = 4;
  static constexpr std::size_t kDeadLines = 3;

  /// What to be careful of.
  static std::vector<std::string> notes(const TensorFigures& figures, std::size_t judged) {
    std::vector<std::string> said;
    const std::uint64_t samples = samples_of(figures);
    if (figures.input.n == 0) return said;
    if (samples < kFewSamples) {
      const std::string are =
          plural(samples, "sample") + (samples == 1 ? " is few: " : " are few: ");
      // Many units beside them are samples, more likely than not.
      said.push_back(are + (may_be_turned(figures)
                                ? "--unit-axis 0 if the rows are the units"
                                : "\"dead\" is a statement about this input alone"));
    }
    const auto is_infinite = [](const UnitFigures& unit) {
      return std::isinf(value_of(unit.mean_abs).value_or(0));
    };
    if (!figures.activations.empty() && figures.activations[judged].dormant_units != 0 &&
        std::any_of(figures.activations[judged].units.begin(),
                    figures.activations[judged].units.end(), is_infinite))
      said.emplace_back("beside a unit with inf all others are dormant, by their mean");
    if (const std::string advice = axis_advice(figures); !advice.empty()) said.push_back(advice);
    return said;
  }

  std::size_t lines_of_checks() const {
    const std::size_t checks = (options_.check ? 1u : 0u) + (options_.dormant_check ? 1u : 0u);
    return checks == 0 ? 0 : 1 + checks;
  }

  void check(const std::optional<Check>& check, std::string_view what) {
    if (!check) return;
    paragraph(
        "",
        words(fmt::format("check: {}, limit {}: {}", found_text(*check, what, escaped(check->mode)),
                          limit_text(check->limit), check->passed ? "passed" : "failed")),
        check->passed ? Style::green : Style::red);
  }

  struct Cell {
    std::string text;
    Style style = Style::plain;
  };

  struct Column {
    std::string header;
    std::vector<Cell> cells;
  };

  /// How many bytes of their names all have in common: a folder, or a file of several tensors.
  static std::size_t common_folder(std::span<const NamedReport> reports) {
    std::string_view common = reports.front().source;
    for (const NamedReport& report : reports) {
      const auto end =
          std::mismatch(common.begin(), common.end(), report.source.begin(), report.source.end());
      common = common.substr(0, static_cast<std::size_t>(end.first - common.begin()));
    }
    return common.find_last_of("/:") + 1;
  }

  static std::uint64_t samples_of(const TensorFigures& figures) {
    return figures.units <= 0 ? 0 : figures.input.n / static_cast<std::uint64_t>(figures.units);
  }

  std::string painted(std::string_view text, Style style) const {
    constexpr std::string_view kCodes[] = {"", "1", "2", "1;31", "33", "32"};
    if (!options_.colour || style == Style::plain || text.empty()) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(style)], text);
  }

  std::string right(const Cell& cell, std::size_t width) const {
    const std::size_t columns = display_width(cell.text);
    return std::string(width - std::min(width, columns), ' ') + painted(cell.text, cell.style);
  }

  std::string left(const Cell& cell, std::size_t width) const {
    const std::size_t columns = display_width(cell.text);
    return painted(cell.text, cell.style) + std::string(width - std::min(width, columns), ' ');
  }

  static std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> found;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(' '), text.size());
      found.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return found;
  }

  /// Words wrapped at the width, each line after the first indented by two.
  void paragraph(const std::string& indent, const std::vector<std::string>& words, Style style) {
    std::string text = indent;
    bool first = true;
    for (const std::string& word : words) {
      if (!first && display_width(text) + 1 + display_width(word) > width_) {
        line(painted(text, style));
        text = indent + "  ";
        first = true;
      }
      if (!first) text += ' ';
      text += word;
      first = false;
    }
    line(painted(text, style));
  }

  void title(const NamedReport& report) {
    const TensorFigures& figures = report.figures;
    const InputCounts& input = figures.input;
    const std::string source = shortened(escaped(report.source), width_ - 1, options_.utf8);
    const std::uint64_t k = input.n - input.nan;
    std::vector<Cell> facts;
    facts.push_back({fmt::format("{} {}", name(figures.dtype), to_string(figures.shape))});
    facts.push_back({fmt::format("{} of {}{}", plural(samples_of(figures), "sample"),
                                 plural(static_cast<std::uint64_t>(figures.units), "unit"),
                                 axis_text(figures))});
    std::string text = painted(source, Style::bold) + ":";
    std::size_t used = display_width(source) + 1;
    flow(text, used, facts);

    facts.clear();
    facts.push_back({plural(input.n, "input")});
    facts.push_back({percent(input.positive, k) + " positive"});
    facts.push_back({percent(input.negative, k) + " negative"});
    facts.push_back({percent(input.zero, k) + " zero"});
    if (input.inf != 0) facts.push_back({fmt::format("{} inf", input.inf), Style::yellow});
    facts.push_back({fmt::format("{} nan", input.nan), input.nan == 0 ? Style::plain : Style::red});
    text = " ";
    used = 1;
    flow(text, used, facts);
  }

  /// Facts after `text`, with commas, on as many lines as they need.
  void flow(std::string text, std::size_t used, const std::vector<Cell>& facts) {
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const bool last = i + 1 == facts.size();
      const std::size_t columns = display_width(facts[i].text) + (last ? 0 : 1);
      if (used + 1 + columns > width_ && used > 2) {
        line(text);
        text = "   ";
        used = 3;
      }
      text += ' ' + painted(facts[i].text, facts[i].style) + (last ? "" : ",");
      used += 1 + columns;
    }
    line(text);
  }

  void activations(const TensorFigures& figures) {
    Column labels;
    Column dead{"dead units", {}};
    Column active{"active", {}}, zero{"zero", {}}, live{"live", {}}, grad{"grad mean", {}};
    Column min{"min", {}}, max{"max", {}}, mean{"mean", {}}, std{"std", {}};
    const std::string baseline =
        figures.activations.empty() ? std::string() : label(figures.activations.front().mode);
    Column differs{"unlike " + baseline, {}}, by{"by up to", {}};
    for (const ActivationFigures& row : figures.activations) {
      labels.cells.push_back({shortened(label(row.mode), width_ - 20, options_.utf8), Style::bold});
      const std::string share =
          value_of(row.dead_frac) ? fmt::format(" ({})", percent(row.dead_frac)) : "";
      dead.cells.push_back({fmt::format("{} of {}{}", row.dead_units, figures.units, share),
                            row.dead_units == 0 ? Style::plain : Style::red});
      active.cells.push_back({percent(row.active_frac)});
      zero.cells.push_back({percent(row.zero_frac)});
      live.cells.push_back({percent(row.live_frac)});
      grad.cells.push_back({number(row.grad_mean)});
      min.cells.push_back({number(row.min)});
      max.cells.push_back({number(row.max)});
      mean.cells.push_back({number(row.mean)});
      std.cells.push_back({number(row.std)});
      const std::uint64_t k = row.n - std::min(row.n, row.nan);
      differs.cells.push_back({row.differs ? percent(*row.differs, k) : ""});
      by.cells.push_back({row.differs ? number(row.max_abs_diff) : ""});
    }
    std::vector<std::vector<Column>> groups = {
        {std::move(dead), std::move(active), std::move(zero), std::move(live), std::move(grad)},
        {std::move(min), std::move(max), std::move(mean), std::move(std)}};
    if (figures.activations.size() > 1) {
      groups[1].push_back(std::move(differs));
      groups[1].push_back(std::move(by));
    }
    fold(labels, groups);
  }

  static std::size_t width_of(const Column& column) {
    std::size_t width = display_width(column.header);
    for (const Cell& cell : column.cells) width = std::max(width, display_width(cell.text));
    return width;
  }

  /// Columns beside the labels: in one block if they fit, else a block for each group, and more
  /// blocks for a group that is too wide.
  void fold(const Column& labels, const std::vector<std::vector<Column>>& groups) {
    constexpr std::size_t kIndent = 2;
    constexpr std::size_t kGap = 2;
    const std::size_t label_width = kIndent + width_of(labels);
    std::size_t all = label_width;
    for (const std::vector<Column>& group : groups) {
      for (const Column& column : group) all += kGap + width_of(column);
    }
    std::vector<std::vector<const Column*>> blocks(1);
    std::size_t used = label_width;
    for (const std::vector<Column>& group : groups) {
      if (all > width_ && !blocks.back().empty()) blocks.emplace_back(), used = label_width;
      for (const Column& column : group) {
        const std::size_t columns = kGap + width_of(column);
        if (used + columns > width_ && !blocks.back().empty())
          blocks.emplace_back(), used = label_width;
        blocks.back().push_back(&column);
        used += columns;
      }
    }
    for (const std::vector<const Column*>& block : blocks) {
      std::vector<std::size_t> widths;
      for (const Column* column : block) widths.push_back(width_of(*column));
      std::string text(label_width, ' ');
      for (std::size_t i = 0; i < block.size(); ++i)
        text += "  " + right({block[i]->header, Style::dim}, widths[i]);
      line(text);
      for (std::size_t row = 0; row < labels.cells.size(); ++row) {
        text = "  " + left(labels.cells[row], label_width - kIndent);
        for (std::size_t i = 0; i < block.size(); ++i)
          text += "  " + right(block[i]->cells[row], widths[i]);
        line(text);
      }
    }
  }

  /// How many units are dead, and which; then those that are always or never alive otherwise.
  void listings(const NamedReport& report, std::size_t judged) {
    const TensorFigures& figures = report.figures;
    if (figures.activations.empty() || figures.units <= 1) return;
    line("");
    const std::string what = options_.dead_below > 0 ? fmt::format("dead (live in {} or less)",
                                                                   limit_text(options_.dead_below))
                                                     : "dead";
    const ActivationFigures& first = figures.activations[judged];
    for (std::size_t i = 0; i < figures.activations.size(); ++i) {
      // The others' dead units only where they are not the same ones.
      const ActivationFigures& row = figures.activations[i == 0 ? judged : i <= judged ? i - 1 : i];
      if (&row != &first && (row.dead_units == 0 || row.dead_at == first.dead_at)) continue;
      std::vector<std::size_t> dead;
      dead.reserve(row.dead_at.size());
      for (const std::int64_t unit : row.dead_at) dead.push_back(static_cast<std::size_t>(unit));
      const std::string under = fmt::format("{} under {}", what, label(row.mode));
      if (!has_values(figures.input)) {
        paragraph("  ", {"no values"}, Style::yellow);
        break;
      }
      if (dead.empty()) {
        paragraph("  ", words(fmt::format("no unit is {}", under)), Style::green);
      } else {
        names(report, fmt::format("{} of {} units {}", dead.size(), figures.units, under), dead,
              kDeadLines, Style::red);
      }
    }
    if (const std::vector<std::size_t> dormant = dormant_alive(first); !dormant.empty()) {
      names(report,
            fmt::format("{} dormant ({} or less)",
                        first.dead_units == 0 ? fmt::format("{}", dormant.size())
                                              : fmt::format("{} more", dormant.size()),
                        options_.dormant_below),
            dormant, kDeadLines, Style::yellow);
    }
    std::vector<std::size_t> linear;
    std::vector<std::size_t> nan;
    for (std::size_t unit = 0; unit < first.units.size(); ++unit) {
      if (is_one(first.units[unit].active_frac)) linear.push_back(unit);
      if (first.units[unit].nan != 0) nan.push_back(unit);
    }
    if (!linear.empty())
      names(report, fmt::format("{} linear (always positive)", linear.size()), linear, 1,
            Style::yellow);
    if (!nan.empty()) names(report, fmt::format("{} with nan", nan.size()), nan, 1, Style::yellow);
  }

  void names(const NamedReport& report, const std::string& what,
             const std::vector<std::size_t>& units, std::size_t most_lines, Style style) {
    constexpr std::size_t kMoreWidth = 17;  // of " ... 1000000 more"
    const bool named = has_names(report);
    std::string text = "  " + painted(what + ":", style);
    std::size_t used = 2 + display_width(what) + 1;
    std::size_t lines = 1;
    for (std::size_t i = 0; i < units.size();) {
      // Neighbours without names are a range.
      std::size_t end = i + 1;
      while (!named && end < units.size() && units[end] == units[end - 1] + 1) ++end;
      if (end == i + 2) end = i + 1;
      std::string item = end > i + 1
                             ? fmt::format("{}-{}", units[i], units[end - 1])
                             : shortened(unit_name(report, units[i]), width_ - 8, options_.utf8);
      const bool last = end == units.size();
      if (!last) item += ',';
      const std::size_t columns = 1 + display_width(item);
      const std::size_t room = lines == most_lines && !last ? kMoreWidth : 0;
      if (used + columns + room > width_ && used > 4) {
        if (lines == most_lines) {
          const std::string more =
              fmt::format(" {} {} more", options_.utf8 ? "\u2026" : "...", units.size() - i);
          if (used + display_width(more) > width_) {
            line(text);
            text = "   ";
          }
          text += more;
          break;
        }
        line(text);
        ++lines;
        text = "   ";
        used = 3;
      }
      text += ' ' + item;
      used += columns;
      i = end;
    }
    line(text);
  }

  /// A bar of `width` columns; anything above nothing shows, and only all of it is full.
  std::string bar(const Figure& share, std::size_t width) const {
    const double value = std::clamp(value_of(share).value_or(0), 0.0, 1.0);
    const std::size_t steps = width * (options_.utf8 ? 8 : 2);
    std::size_t filled = static_cast<std::size_t>(value * static_cast<double>(steps));
    if (value > 0) filled = std::max<std::size_t>(filled, 1);
    std::string text;
    std::size_t used = 0;
    if (options_.utf8) {
      constexpr const char* kEighths[] = {"",       "\u258F", "\u258E", "\u258D",
                                          "\u258C", "\u258B", "\u258A", "\u2589"};
      for (; used < filled / 8; ++used) text += "\u2588";
      if (filled % 8 != 0) text += kEighths[filled % 8], ++used;
    } else {
      text.append(filled / 2, '#');
      used = filled / 2;
      if (filled % 2 != 0) text += filled == 1 ? '.' : ':', ++used;
    }
    text.append(width - used, ' ');
    return options_.utf8 ? "\u2595" + text + "\u258F" : "|" + text + "|";
  }

  void units(const NamedReport& report, std::size_t judged, std::size_t screen, std::size_t used) {
    const TensorFigures& figures = report.figures;
    if (figures.activations.empty()) return;
    const ActivationFigures& row = figures.activations[judged];
    const std::size_t count = row.units.size();
    if (count == 0) return;
    std::vector<std::size_t> order = worst_first(row);

    // If not all fit, the dead ones, which are named above, make room for those that come next.
    const std::size_t rows =
        options_.top.value_or(std::max(kFewestRows, screen > used ? screen - used : 0));
    std::size_t hidden_dead = 0;
    std::vector<std::size_t> rest;
    if (!options_.per_unit && count > rows) {
      hidden_dead = static_cast<std::size_t>(std::count_if(
          order.begin(), order.end(), [&](std::size_t unit) { return row.units[unit].dead; }));
      order.erase(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(hidden_dead));
      if (order.size() > rows) {
        rest.assign(order.begin() + static_cast<std::ptrdiff_t>(rows), order.end());
        order.resize(rows);
      }
    }
    if (order.empty()) return;

    Column unit{"worst first", {}};
    Column active{"active", {}};
    Column notes;
    std::vector<Column> figures_of(figures.activations.size() + 1);
    for (std::size_t i = 0; i < figures.activations.size(); ++i) {
      figures_of[i].header = (i == 0 ? "grad mean: " : "") + label(figures.activations[i].mode);
    }
    figures_of.back().header = "dormancy";
    const std::size_t most = std::max<std::size_t>(11, width_ / 3);
    for (const std::size_t index : order) {
      const UnitFigures& each = row.units[index];
      const Style style = each.dead ? Style::red : Style::plain;
      unit.cells.push_back({shortened(has_names(report) && !report.names[index].empty()
                                          ? unit_name(report, index)
                                          : "unit " + unit_name(report, index),
                                      most, options_.utf8),
                            style});
      active.cells.push_back({percent(each.active_frac), style});
      for (std::size_t i = 0; i < figures.activations.size(); ++i)
        figures_of[i].cells.push_back({number(figures.activations[i].units[index].grad_mean, 4)});
      figures_of.back().cells.push_back({number(each.dormancy, 3)});
      notes.cells.push_back(each.dead                  ? Cell{"dead", Style::red}
                            : !has_values(each)        ? Cell{"no values", Style::yellow}
                            : is_one(each.active_frac) ? Cell{"linear", Style::yellow}
                            : each.nan != 0 ? Cell{fmt::format("{} nan", each.nan), Style::yellow}
                                            : Cell{});
    }

    // What is left of the width after name, share, bar and note goes to as many figures as fit.
    constexpr std::size_t kLeastBar = 8;
    constexpr std::size_t kMostBar = 32;
    const std::size_t unit_width = width_of(unit);
    const std::size_t active_width = width_of(active);
    const std::size_t note_width = width_of(notes);
    std::size_t fixed =
        2 + unit_width + 2 + active_width + 1 + 2 + (note_width != 0 ? 2 : 0) + note_width;
    std::vector<std::size_t> widths;
    for (const Column& column : figures_of) {
      const std::size_t width = width_of(column);
      if (fixed + 2 + width + kLeastBar > width_) break;
      fixed += 2 + width;
      widths.push_back(width);
    }
    const std::size_t bar_width = std::min(kMostBar, width_ > fixed ? width_ - fixed : 0);
    const bool bars = bar_width >= kLeastBar;

    line("");
    std::string text = "  " + left({unit.header, Style::dim}, unit_width) + "  " +
                       right({active.header, Style::dim}, active_width);
    if (bars) text += std::string(1 + 2 + bar_width, ' ');
    for (std::size_t k = 0; k < widths.size(); ++k)
      text += "  " + right({figures_of[k].header, Style::dim}, widths[k]);
    line(text);
    for (std::size_t i = 0; i < order.size(); ++i) {
      text = "  " + left(unit.cells[i], unit_width) + "  " + right(active.cells[i], active_width);
      if (bars) text += " " + bar(row.units[order[i]].active_frac, bar_width);
      for (std::size_t k = 0; k < widths.size(); ++k)
        text += "  " + right(figures_of[k].cells[i], widths[k]);
      if (!notes.cells[i].text.empty())
        text += "  " + painted(notes.cells[i].text, notes.cells[i].style);
      line(text);
    }
    if (hidden_dead == 0 && rest.empty()) return;
    std::string more = options_.utf8 ? "\u2026" : "...";
    if (!rest.empty()) {
      more +=
          fmt::format(" {} more, {}", rest.size(), percent(row.units[rest.front()].active_frac));
      if (rest.size() > 1) more += " to " + percent(row.units[rest.back()].active_frac);
      more += " active";
    }
    if (hidden_dead != 0)
      more += fmt::format("{} {} dead", rest.empty() ? "" : ", and", hidden_dead);
    paragraph("  ", words(more + ": --per-unit shows all"), Style::dim);
  }

  const ReportOptions& options_;
  std::size_t width_;
  std::size_t screen_;
  std::size_t reports_;
  std::size_t lines_ = 0;
  std::string out_;
};

}  // namespace

std::string report_table(const std::vector<NamedReport>& reports, const ReportOptions& options) {
  TableWriter table(options, reports.size());
  std::vector<const NamedReport*> shown = table.overview(reports);
  std::sort(shown.begin(), shown.end());  // in the order in which they were given
  for (const NamedReport* const report : shown) {
    if (report != shown.front()) table.line("");
    table.tensor(*report);
  }
  table.checks();
  return table.take();
}

}  // namespace rectify::app
