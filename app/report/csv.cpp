// A report as rows for other programs.

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <utility>
#include <variant>

#include "report/figures.hpp"

namespace rectify::app {
namespace {

class CsvWriter {
 public:
  explicit CsvWriter(char delimiter) : delimiter_(delimiter) {}

  void put(std::string_view text) {
    begin();
    const bool quote = text.find_first_of("\"\r\n") != std::string_view::npos ||
                       text.find(delimiter_) != std::string_view::npos ||
                       (!text.empty() && (text.front() == ' ' || text.back() == ' '));
    if (!quote) {
      out_ += text;
      return;
    }
    out_ += '"';
    for (const char c : text) {
      if (c == '"') out_ += '"';
      out_ += c;
    }
    out_ += '"';
  }

  void put(std::uint64_t count) {
    begin();
    fmt::format_to(std::back_inserter(out_), "{}", count);
  }

  void put(double number) {
    begin();
    append_double(out_, number);
  }

  void put(const Figure& figure) {
    if (const double* real = std::get_if<double>(&figure)) return put(*real);
    begin();
    if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure))
      fmt::format_to(std::back_inserter(out_), "{}", *whole);
  }

  void put(const std::optional<std::uint64_t>& count) { count ? put(*count) : begin(); }

  void empty() { begin(); }

  void end_row() {
    out_ += '\n';
    first_ = true;
  }

  std::string take() { return std::move(out_); }

 private:
  void begin() {
    if (!first_) out_ += delimiter_;
    first_ = false;
  }

  std::string out_;
  char delimiter_;
  bool first_ = true;
};

}  // namespace

std::string report_csv(const std::vector<NamedReport>& reports, const ReportOptions& options,
                       char delimiter) {
  CsvWriter csv(delimiter);
  for (const char* name : {"source", "mode", "slope"}) csv.put(std::string_view(name));
  if (options.per_unit) {
    for (const char* name : {"unit", "name"}) csv.put(std::string_view(name));
  }
  for_each_figure(Figures{},
                  [&](const char* name, const auto&) { csv.put(std::string_view(name)); });
  if (options.per_unit) {
    for (const char* name : {"dead", "dormancy"}) csv.put(std::string_view(name));
  } else {
    for (const char* name : {"dead_units", "dead_frac", "linear_units", "dormant_units", "dead_at"})
      csv.put(std::string_view(name));
  }
  csv.end_row();

  const auto put_figure = [&](const char*, const auto& value) { csv.put(value); };
  const auto put_mode = [&](const NamedReport& report, const Module& mode) {
    csv.put(std::string_view(report.source));
    if (mode.has("negative_slope")) {
      csv.put(mode.activation().name);
      csv.put(mode.value("negative_slope"));
    } else {
      csv.put(std::string_view(label(mode)));
      csv.empty();
    }
  };
  for (const NamedReport& report : reports) {
    const bool named = has_names(report);
    for (const ActivationFigures& row : report.figures.activations) {
      if (options.per_unit) {
        for (std::size_t unit = 0; unit < row.units.size(); ++unit) {
          put_mode(report, row.mode);
          csv.put(std::uint64_t{unit});
          csv.put(named ? std::string_view(report.names[unit]) : std::string_view());
          for_each_figure(row.units[unit], put_figure);
          csv.put(std::uint64_t{row.units[unit].dead ? 1u : 0u});
          csv.put(row.units[unit].dormancy);
          csv.end_row();
        }
        continue;
      }
      put_mode(report, row.mode);
      for_each_figure(row, put_figure);
      csv.put(row.dead_units);
      csv.put(row.dead_frac);
      csv.put(row.linear_units);
      csv.put(row.dormant_units);
      csv.put(std::string_view(fmt::format("{}", fmt::join(row.dead_at, " "))));
      csv.end_row();
    }
  }
  return csv.take();
}

}  // namespace rectify::app
