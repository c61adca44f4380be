// A report as JSON, after compare.schema.json.

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <variant>

#include "report/figures.hpp"

namespace rectify::app {
namespace {

/// Writes JSON from left to right. Objects and arrays are tall (a member a line) or flat; all are
/// flat in JSON Lines.
class JsonWriter {
 public:
  explicit JsonWriter(bool lines) : lines_(lines) {}

  enum Layout : std::uint8_t { tall, flat };

  void open(char bracket, Layout layout) {
    out_ += bracket;
    open_.push_back({bracket == '{' ? '}' : ']', lines_ ? flat : layout, true});
  }

  void close() {
    const Level level = open_.back();
    open_.pop_back();
    if (level.layout == tall && !level.empty) new_line();
    out_ += level.bracket;
  }

  /// To be called before each element of an array.
  void item() {
    Level& level = open_.back();
    if (!level.empty) out_ += level.layout == tall ? "," : ", ";
    level.empty = false;
    if (level.layout == tall) new_line();
  }

  void key(std::string_view name) {
    item();
    string(name);
    out_ += ": ";
  }

  template <class T>
  void member(std::string_view name, const T& value) {
    key(name);
    put(value);
  }

  void put(std::uint64_t count) { fmt::format_to(std::back_inserter(out_), "{}", count); }
  void put(std::int64_t number) { fmt::format_to(std::back_inserter(out_), "{}", number); }
  void put(bool truth) { out_ += truth ? "true" : "false"; }
  void put(std::nullptr_t) { out_ += "null"; }
  void put(const std::string& text) { string(text); }
  void put(std::string_view text) { string(text); }

  void put(double number) {
    if (std::isnan(number)) {
      out_ += "\"NaN\"";
    } else if (std::isinf(number)) {
      out_ += number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    } else {
      append_double(out_, number);
    }
  }

  void put(const Figure& figure) {
    if (const double* real = std::get_if<double>(&figure)) {
      put(*real);
    } else if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure)) {
      put(*whole);
    } else {
      put(nullptr);
    }
  }

  void put(const std::optional<std::uint64_t>& count) { count ? put(*count) : put(nullptr); }
  void put(const std::optional<std::int64_t>& number) { number ? put(*number) : put(nullptr); }

  template <class T>
  void put(const std::vector<T>& items) {
    open('[', flat);
    for (const T& each : items) {
      item();
      put(each);
    }
    close();
  }

  /// JSON text as it is, but for line breaks, which stand between its tokens only.
  void raw(std::string_view text) {
    for (const char c : text) out_ += c == '\n' || c == '\r' ? ' ' : c;
  }

  void end_document() { out_ += '\n'; }

  std::string take() { return std::move(out_); }

 private:
  struct Level {
    char bracket;
    Layout layout;
    bool empty;
  };

  void new_line() {
    out_ += '\n';
    out_.append(2 * open_.size(), ' ');
  }

  void string(std::string_view text) {
    using Json = nlohmann::json;
    const std::string quoted =
        Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
    out_ += without_controls(quoted);
  }

  std::string out_;
  std::vector<Level> open_;
  bool lines_;
};

void write_unit(JsonWriter& json, const NamedReport& report, const UnitFigures& figures,
                std::size_t unit) {
  json.open('{', JsonWriter::flat);
  json.member("unit", std::uint64_t{unit});
  if (has_names(report)) json.member("name", report.names[unit]);
  for_each_figure(figures, [&](const char* name, const auto& value) { json.member(name, value); });
  json.member("dead", figures.dead);
  json.member("dormancy", figures.dormancy);
  json.close();
}

/// A number, or what Python calls the value where it is something else.
void write_parameter(JsonWriter& json, const Module& mode, const Parameter& parameter) {
  const bool is_number =
      parameter.kind == Parameter::Kind::number || parameter.kind == Parameter::Kind::whole ||
      (parameter.kind == Parameter::Kind::numbers && mode.values().list.size() == 1);
  if (is_number) {
    json.member(parameter.name, mode.value(parameter.name));
  } else {
    json.member(parameter.name, std::string_view(mode.value_text(parameter.name)));
  }
}

/// The slope has a member of its own; every other parameter is one of "parameters".
void write_mode(JsonWriter& json, const Module& mode) {
  json.member("mode", mode.activation().name);
  if (mode.has("negative_slope")) {
    json.member("slope", mode.value("negative_slope"));
  } else if (!mode.activation().parameters.empty()) {
    json.key("parameters");
    json.open('{', JsonWriter::flat);
    for (const Parameter& parameter : mode.activation().parameters)
      write_parameter(json, mode, parameter);
    json.close();
  }
}

void write_tensor(JsonWriter& json, const NamedReport& report, const ReportOptions& options) {
  const TensorFigures& figures = report.figures;
  json.open('{', JsonWriter::tall);
  json.member("source", report.source);
  json.member("dtype", name(figures.dtype));
  json.member("shape", figures.shape);
  json.member("unit_axis", figures.unit_axis);
  json.member("units", figures.units);
  if (has_names(report)) json.member("names", report.names);
  json.key("input");
  json.open('{', JsonWriter::flat);
  json.member("n", figures.input.n);
  json.member("nan", figures.input.nan);
  json.member("inf", figures.input.inf);
  json.member("positive", figures.input.positive);
  json.member("zero", figures.input.zero);
  json.member("negative", figures.input.negative);
  json.close();
  json.key("activations");
  json.open('[', JsonWriter::tall);
  for (std::size_t i = 0; i < figures.activations.size(); ++i) {
    const ActivationFigures& row = figures.activations[i];
    json.item();
    json.open('{', JsonWriter::tall);
    write_mode(json, row.mode);
    for_each_figure(row, [&](const char* name, const auto& value) { json.member(name, value); });
    json.member("dead_units", row.dead_units);
    json.member("dead_frac", row.dead_frac);
    json.member("linear_units", row.linear_units);
    json.member("dormant_units", row.dormant_units);
    json.member("dead_at", row.dead_at);
    if (options.per_unit) {
      json.key("per_unit");
      json.open('[', JsonWriter::tall);
      for (std::size_t unit = 0; unit < row.units.size(); ++unit) {
        json.item();
        write_unit(json, report, row.units[unit], unit);
      }
      json.close();
    }
    if (i < report.partials.size()) {
      json.key("partial");
      json.raw(report.partials[i]);
    }
    json.close();
  }
  json.close();
  json.close();
}

void write_check(JsonWriter& json, const char* name, const std::optional<Check>& check) {
  json.key(name);
  if (!check) return json.put(nullptr);
  json.open('{', JsonWriter::flat);
  json.member("mode", check->mode);
  json.member("limit", check->limit);
  json.member("worst", check->worst);
  json.member("passed", check->passed);
  json.close();
}

void write_document(JsonWriter& json, std::span<const NamedReport> reports,
                    const ReportOptions& options) {
  json.open('{', JsonWriter::tall);
  json.member("schema", std::string_view("rectify.compare/1"));
  json.member("baseline", std::uint64_t{0});
  json.member("dead_below", options.dead_below);
  json.member("dormant_below", options.dormant_below);
  write_check(json, "check", options.check);
  write_check(json, "dormant_check", options.dormant_check);
  json.key("tensors");
  json.open('[', JsonWriter::tall);
  for (const NamedReport& report : reports) {
    json.item();
    write_tensor(json, report, options);
  }
  json.close();
  json.close();
  json.end_document();
}

}  // namespace

std::string without_controls(std::string_view json) {
  std::string text;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto byte = static_cast<unsigned char>(json[i]);
    const auto next = static_cast<unsigned char>(i + 1 < json.size() ? json[i + 1] : 0);
    if (byte == 0x7F) {
      text += "\\u007f";
    } else if (byte == 0xC2 && next < 0xA0) {
      fmt::format_to(std::back_inserter(text), "\\u{:04x}", next);
      ++i;
    } else {
      text += json[i];
    }
  }
  return text;
}

std::string report_json(const std::vector<NamedReport>& reports, const ReportOptions& options,
                        bool lines) {
  JsonWriter json(lines);
  if (lines) {
    for (const NamedReport& report : reports) write_document(json, {&report, 1}, options);
  } else {
    write_document(json, reports, options);
  }
  return json.take();
}

}  // namespace rectify::app
