// compare --plot -: the picture in characters, drawn as the bars of the table are.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distribution.hpp"
#include "plot.hpp"
#include "rectify/rectify.hpp"
#include "report/figures.hpp"
#include "text_width.hpp"

namespace rectify::app {
namespace {

constexpr std::size_t kUnitLines = 8;
constexpr std::size_t kInputLines = 4;
constexpr std::size_t kOutputLines = 2;
constexpr std::size_t kMostLabel = 20;

class Drawing {
 public:
  explicit Drawing(const ReportOptions& options)
      : options_(options), width_(static_cast<std::size_t>(std::max(options.columns, 40))) {}

  void units(const NamedReport& report, const ActivationFigures& row) {
    const std::vector<std::size_t> order = worst_first(row);
    line("");
    heading(report, fmt::format("active samples of {}, worst first", plural(order.size(), "unit")));
    if (order.empty()) return;
    // A column or more a unit, or of very many units those at even distances and both ends.
    constexpr std::size_t kAxis = 8;  // "  100 % "
    const std::size_t room = width_ - kAxis;
    const std::size_t each = std::clamp<std::size_t>(room / order.size(), 1, 3);
    const std::size_t columns = std::min(room / each, order.size());
    std::vector<double> shares;
    std::string below;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::size_t rank = columns < 2 ? i : i * (order.size() - 1) / (columns - 1);
      const UnitFigures& unit = row.units[order[rank]];
      for (std::size_t k = 0; k < each; ++k) {
        const bool gap = each > 1 && k + 1 == each;
        shares.push_back(gap ? 0 : value_of(unit.active_frac).value_or(0));
        below += gap ? " " : unit.dead ? mark() : options_.utf8 ? "\u2500" : "-";
      }
    }
    const std::vector<std::string> lines = columns_of(shares, kUnitLines);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string_view axis = i == 0                  ? "  100 % "
                                    : i == lines.size() / 2 ? "   50 % "
                                                            : "        ";
      line(std::string(axis) + lines[i]);
    }
    line("    0 % " + below);
    if (row.dead_units != 0)
      wrapped("        ", fmt::format("{} dead under {}: {} of {}", mark(), label(row.mode),
                                      row.dead_units, order.size()));
  }

  void outputs(const NamedReport& report, std::span<const Tally::Bin> histogram,
               std::size_t judged) {
    std::vector<std::string> labels = {"inputs"};
    for (const ActivationFigures& row : report.figures.activations)
      labels.push_back(shortened(label(row.mode), kMostLabel, options_.utf8));
    std::size_t label_width = 0;
    for (const std::string& text : labels) label_width = std::max(label_width, display_width(text));
    const std::size_t cells = width_ - label_width - 4;
    const Distribution shown = distribution_of(report, histogram, judged, cells);
    line("");
    heading(report, "inputs, and where the outputs lie (heights are logarithms)");
    if (shown.total == 0) {
      line("  no finite inputs");
      return;
    }
    const auto panel = [&](const std::string& name, const std::vector<double>& shares,
                           std::size_t height) {
      const std::vector<std::string> lines = columns_of(logarithms(shares), height);
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool last = i + 1 == lines.size();
        line("  " + (last ? name : "") +
             std::string(label_width - (last ? display_width(name) : 0), ' ') + "  " + lines[i]);
      }
    };
    panel(labels[0], shown.inputs, kInputLines);
    for (std::size_t i = 0; i < shown.outputs.size(); ++i) {
      if (shown.outputs[i].empty()) {
        line("  " + labels[i + 1] + ": not of each value alone");
      } else {
        panel(labels[i + 1], shown.outputs[i], kOutputLines);
      }
    }
    axis(shown, label_width + 4);
    const ActivationFigures& judge = report.figures.activations[judged];
    if (!shown.dead.empty())
      wrapped(std::string(label_width + 4, ' '),
              fmt::format("{} no gradient under {}: {} of the inputs", mark(), label(judge.mode),
                          percent(1 - value_of(judge.live_frac).value_or(1))));
  }

  std::string take() { return std::move(out_); }

 private:
  /// What marks the dead.
  const char* mark() const { return options_.utf8 ? "\u00D7" : "x"; }

  void heading(const NamedReport& report, const std::string& what) {
    const std::string source = shortened(escaped(report.source), width_ / 2, options_.utf8);
    wrapped("", source + ": " + what);
  }

  /// Words on as many lines as they need, those after the first further in.
  void wrapped(const std::string& indent, std::string_view text) {
    std::string now = indent;
    bool first = true;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(' '), text.size());
      const std::string word(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!first && display_width(now) + 1 + display_width(word) > width_) {
        line(now);
        now = indent + "  ";
        first = true;
      }
      now += (first ? "" : " ") + word;
      first = false;
    }
    line(now);
  }

  /// Shares from 0 to 1, as many as there are columns, as lines of so many characters' height. What
  /// is more than nothing shows.
  std::vector<std::string> columns_of(const std::vector<double>& shares, std::size_t height) const {
    constexpr const char* kEighths[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                        "\u2585", "\u2586", "\u2587", "\u2588"};
    constexpr const char* kHalves[] = {" ", ".", ":"};
    const std::size_t steps = options_.utf8 ? 8 : 2;
    std::vector<std::string> lines(height);
    for (const double share : shares) {
      auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) *
                                             static_cast<double>(height * steps));
      if (share > 0) filled = std::max<std::size_t>(filled, 1);
      for (std::size_t i = height; i-- > 0;) {
        const std::size_t here = std::min(filled, steps);
        filled -= here;
        // A full character that others stand on, or that is the top.
        lines[i] += options_.utf8 ? kEighths[here] : here == 2 && filled > 0 ? "|" : kHalves[here];
      }
    }
    return lines;
  }

  /// A ten-thousandth is the least that is drawn: 0, and all of it is 1.
  static std::vector<double> logarithms(const std::vector<double>& shares) {
    constexpr double kDecades = 4;
    std::vector<double> heights;
    heights.reserve(shares.size());
    for (const double share : shares)
      heights.push_back(share > 0 ? std::max(1 + std::log10(share) / kDecades, 1e-9) : 0);
    return heights;
  }

  /// The ends and zero below the cells, in which what gets no gradient is marked.
  void axis(const Distribution& shown, std::size_t indent) {
    const std::size_t cells = shown.inputs.size();
    const double step = (shown.high - shown.low) / static_cast<double>(cells);
    std::string marks(indent, ' ');
    for (std::size_t i = 0; i < cells; ++i) {
      const double middle = shown.low + (static_cast<double>(i) + 0.5) * step;
      const bool dead = std::any_of(shown.dead.begin(), shown.dead.end(), [&](const auto& zone) {
        return zone.first <= middle && middle <= zone.second;
      });
      marks += dead ? mark() : options_.utf8 ? "\u2500" : "-";
    }
    line(marks);
    std::string numbers(cells, ' ');
    const auto put = [&](double value, double at) {
      const std::string text = fmt::format("{:.3g}", value);
      if (text.size() > cells) return;
      const double centred = at - static_cast<double>(text.size()) / 2;
      const auto begin = static_cast<std::size_t>(
          std::clamp(centred, 0.0, static_cast<double>(cells - text.size())));
      const std::size_t from = begin == 0 ? 0 : begin - 1;
      if (numbers.substr(from, text.size() + 2).find_first_not_of(' ') != std::string::npos) return;
      numbers.replace(begin, text.size(), text);
    };
    put(0, -shown.low / step);
    put(shown.low, 0);
    put(shown.high, static_cast<double>(cells));
    line(std::string(indent, ' ') + numbers);
  }

  void line(const std::string& text) {
    out_ += text;
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

  const ReportOptions& options_;
  std::size_t width_;
  std::string out_;
};

}  // namespace

std::string plot_text(const std::vector<NamedReport>& reports,
                      const std::vector<std::vector<Tally::Bin>>& histograms,
                      const ReportOptions& options) {
  Drawing drawing(options);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const std::size_t judged = judge(reports[i].figures, options);
    drawing.units(reports[i], reports[i].figures.activations[judged]);
    drawing.outputs(reports[i],
                    i < histograms.size() ? std::span<const Tally::Bin>(histograms[i])
                                          : std::span<const Tally::Bin>(),
                    judged);
  }
  return drawing.take();
}

}  // namespace rectify::app
