// The figures of `compare` in three dresses. JSON and CSV say everything, the table what matters:
// first how many units are dead and which, then the activations, then the units that come next.

#include "report.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>
#include <variant>

#include "rectify/error.hpp"

namespace rectify::app {
namespace {

// ---- numbers -----------------------------------------------------------------------------------

/// Fewest digits that read back to the value, always with a point or an exponent.
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

bool has_values(const Figures& figures) { return figures.n > figures.nan; }

// ---- figures in the schema's order -------------------------------------------------------------

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

bool has_names(const NamedReport& report) {
  return !report.names.empty() &&
         report.names.size() == static_cast<std::size_t>(report.figures.units);
}

// ---- UTF-8 -------------------------------------------------------------------------------------

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF5   ? 0
                             : lead >= 0xF0 ? 4
                             : lead >= 0xE0 ? 3
                             : lead >= 0xC2 ? 2
                                            : 0;
  if (length == 0 || text.size() < length) return {};
  std::uint32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u) return {};
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

struct Range {
  std::uint32_t first, last;
};

// Unicode 14: East Asian Width W and F, with unassigned gaps and old scripts merged.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
    {0x3041, 0x3247},   {0x3250, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},
    {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x1B2FF}, {0x1F004, 0x1F004},
    {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA},
    {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E},
    {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E},
    {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4},
    {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2},
    {0x1F6D5, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7F0},
    {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF},
    {0x20000, 0x3FFFD},
};

// Unicode 14: marks that take no column (Mn, Me) of the scripts in common use, conjoining Hangul.
constexpr Range kCombining[] = {
    {0x300, 0x36F},   {0x483, 0x489},     {0x591, 0x5BD},   {0x5BF, 0x5BF},   {0x5C1, 0x5C2},
    {0x5C4, 0x5C5},   {0x5C7, 0x5C7},     {0x610, 0x61A},   {0x64B, 0x65F},   {0x670, 0x670},
    {0x6D6, 0x6DC},   {0x6DF, 0x6E4},     {0x6E7, 0x6E8},   {0x6EA, 0x6ED},   {0x711, 0x711},
    {0x730, 0x74A},   {0x8CA, 0x8E1},     {0x8E3, 0x902},   {0x93A, 0x93A},   {0x93C, 0x93C},
    {0x941, 0x948},   {0x94D, 0x94D},     {0x951, 0x957},   {0x962, 0x963},   {0x981, 0x981},
    {0x9BC, 0x9BC},   {0x9C1, 0x9C4},     {0x9CD, 0x9CD},   {0xA01, 0xA02},   {0xA3C, 0xA3C},
    {0xA41, 0xA51},   {0xA81, 0xA82},     {0xABC, 0xABC},   {0xAC1, 0xAC8},   {0xACD, 0xACD},
    {0xB82, 0xB82},   {0xBC0, 0xBC0},     {0xBCD, 0xBCD},   {0xC3E, 0xC40},   {0xC46, 0xC56},
    {0xCBC, 0xCBC},   {0xCBF, 0xCBF},     {0xCCC, 0xCCD},   {0xD41, 0xD44},   {0xD4D, 0xD4D},
    {0xDCA, 0xDCA},   {0xDD2, 0xDD6},     {0xE31, 0xE31},   {0xE34, 0xE3A},   {0xE47, 0xE4E},
    {0xEB1, 0xEB1},   {0xEB4, 0xEBC},     {0xEC8, 0xECD},   {0xF71, 0xF7E},   {0xF80, 0xF84},
    {0x102D, 0x1030}, {0x1032, 0x1037},   {0x1039, 0x103A}, {0x103D, 0x103E}, {0x1160, 0x11FF},
    {0x17B4, 0x17B5}, {0x17B7, 0x17BD},   {0x17C6, 0x17C6}, {0x17C9, 0x17D3}, {0x1AB0, 0x1ACE},
    {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0},   {0x302A, 0x302D}, {0x3099, 0x309A}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
};

bool among(std::span<const Range> ranges, std::uint32_t code) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), code,
                       [](std::uint32_t value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && code <= std::prev(after)->last;
}

std::size_t columns_of(std::uint32_t code) {
  if (code < 0x300) return 1;
  if (among(kCombining, code)) return 0;
  return among(kWide, code) ? 2 : 1;
}

// ---- JSON --------------------------------------------------------------------------------------

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
    out_ += '"';
    while (!text.empty()) {
      const Character character = first_character(text);
      if (character.bytes == 0) {
        out_ += "\xEF\xBF\xBD";
      } else if (character.code == '"' || character.code == '\\') {
        out_ += '\\';
        out_ += text.front();
      } else if (character.code == '\n') {
        out_ += "\\n";
      } else if (character.code == '\r') {
        out_ += "\\r";
      } else if (character.code == '\t') {
        out_ += "\\t";
      } else if (character.code < 0x20 || (character.code >= 0x7F && character.code < 0xA0)) {
        // DEL and C1 need not be escaped; a terminal is better off without them.
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", character.code);
      } else {
        out_.append(text.substr(0, character.bytes));
      }
      text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
    }
    out_ += '"';
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

/// The slope has a member of its own; every other parameter is one of "parameters".
void write_mode(JsonWriter& json, const Module& mode) {
  json.member("mode", mode.activation().name);
  if (mode.has("negative_slope")) {
    json.member("slope", mode.value("negative_slope"));
  } else if (!mode.activation().parameters.empty()) {
    json.key("parameters");
    json.open('{', JsonWriter::flat);
    for (const Parameter& parameter : mode.activation().parameters)
      json.member(parameter.name, mode.value(parameter.name));
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

void write_document(JsonWriter& json, std::span<const NamedReport> reports,
                    const ReportOptions& options) {
  json.open('{', JsonWriter::tall);
  json.member("schema", std::string_view("rectify.compare/1"));
  json.member("baseline", std::uint64_t{0});
  json.member("dead_below", options.dead_below);
  json.key("check");
  if (options.check) {
    json.open('{', JsonWriter::flat);
    json.member("mode", options.check->mode);
    json.member("limit", options.check->limit);
    json.member("worst", options.check->worst);
    json.member("passed", options.check->passed);
    json.close();
  } else {
    json.put(nullptr);
  }
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

// ---- CSV ---------------------------------------------------------------------------------------

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

// ---- the table ---------------------------------------------------------------------------------

enum class Style : std::uint8_t { plain, bold, dim, red, yellow, green };

std::string percent(double share) {
  // 0.0 % and 100.0 % are kept for what is exactly that: it is the difference between dead and not.
  if (share > 0 && share < 0.0005) return "<0.1 %";
  if (share < 1 && share > 0.9995) return ">99.9 %";
  return fmt::format("{:.1f} %", 100 * share);
}

std::string percent(const Figure& share) {
  const std::optional<double> value = value_of(share);
  return value ? percent(*value) : "-";
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

/// As the user typed it: 10 %, 2.5 %.
std::string limit_text(double share) { return fmt::format("{:.6g} %", 100 * share); }

std::string number(const Figure& figure, int digits = 5) {
  if (const std::int64_t* whole = std::get_if<std::int64_t>(&figure))
    return fmt::format("{}", *whole);
  const std::optional<double> value = value_of(figure);
  if (!value) return "-";
  return fmt::format("{:.{}g}", *value == 0 ? 0.0 : *value, digits);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

class TableWriter {
 public:
  TableWriter(const ReportOptions& options, std::size_t reports)
      : options_(options),
        width_(static_cast<std::size_t>(std::max(options.columns, 24))),
        // One row is for the prompt that follows.
        screen_((options.rows > 0 ? static_cast<std::size_t>(options.rows) : 24) - 1),
        reports_(reports) {}

  void overview(std::span<const NamedReport> reports) {
    if (reports.size() < 2) return;
    std::uint64_t dead = 0;
    std::uint64_t units = 0;
    const NamedReport* worst = nullptr;
    double worst_share = 0;
    const auto judged = [&](const NamedReport& report) -> const ActivationFigures& {
      return report.figures.activations[judge(report.figures, options_)];
    };
    for (const NamedReport& report : reports) {
      dead += judged(report).dead_units;
      units += static_cast<std::uint64_t>(report.figures.units);
      const double share = value_of(judged(report).dead_frac).value_or(0);
      if (share > worst_share) worst = &report, worst_share = share;
    }
    std::string text =
        fmt::format("{} tensors: {} of {} dead", reports.size(), dead, plural(units, "unit"));
    if (units != 0) text += fmt::format(" ({})", percent(dead, units));
    if (worst != nullptr) {
      text += fmt::format(", most in {} ({})",
                          shortened(escaped(worst->source), width_ / 2, options_.utf8),
                          percent(worst_share));
    }
    paragraph("", words(text), dead == 0 ? Style::plain : Style::red);
    line("");
  }

  void tensor(const NamedReport& report) {
    const std::size_t begin = lines_;
    const TensorFigures& figures = report.figures;
    const std::size_t judged = judge(figures, options_);
    title(report);
    listings(report, judged);
    line("");
    activations(figures);
    const std::uint64_t samples = samples_of(figures);
    const bool few = samples < kFewSamples && figures.input.n != 0;
    if (options_.per_unit || figures.units > 1) {
      const std::size_t used = lines_ - begin + 3 + (few ? 2 : 0) + (options_.check ? 2 : 0);
      units(report, judged, screen_ / std::max<std::size_t>(reports_, 1), used);
    }
    if (few) {
      line("");
      paragraph("",
                words(fmt::format("note: {} {} few: \"dead\" is a statement about this input "
                                  "alone",
                                  plural(samples, "sample"), samples == 1 ? "is" : "are")),
                Style::yellow);
    }
  }

  void check() {
    if (!options_.check) return;
    const Check& check = *options_.check;
    line("");
    paragraph("",
              words(fmt::format("check: {} of units dead under {}, limit {}: {}",
                                percent(check.worst), escaped(check.mode), limit_text(check.limit),
                                check.passed ? "passed" : "failed")),
              check.passed ? Style::green : Style::red);
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

  struct Cell {
    std::string text;
    Style style = Style::plain;
  };

  struct Column {
    std::string header;
    std::vector<Cell> cells;
  };

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
    if (figures.units == 1) {
      facts.push_back({plural(samples_of(figures), "sample") + " of 1 unit"});
    } else {
      facts.push_back(
          {fmt::format("{} of {} units", plural(samples_of(figures), "sample"), figures.units)});
    }
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
      std::string text(label_width, ' ');
      for (const Column* column : block)
        text += "  " + right({column->header, Style::dim}, width_of(*column));
      line(text);
      for (std::size_t row = 0; row < labels.cells.size(); ++row) {
        text = "  " + left(labels.cells[row], label_width - kIndent);
        for (const Column* column : block)
          text += "  " + right(column->cells[row], width_of(*column));
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
      if (dead.empty()) {
        paragraph("  ", words(fmt::format("no unit is {}", under)), Style::green);
      } else {
        names(report, fmt::format("{} of {} units {}", dead.size(), figures.units, under), dead,
              kDeadLines, Style::red);
      }
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
    const std::size_t rows = std::max(kFewestRows, screen > used ? screen - used : 0);
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
      more += fmt::format(" {} more, {} to {} active", rest.size(),
                          percent(row.units[rest.front()].active_frac),
                          percent(row.units[rest.back()].active_frac));
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

/// The first of these variables that is set and not empty.
std::string_view environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// A size in columns or rows; 0 if the variable does not hold one.
int size_from(const char* name) {
  constexpr int kMost = 10000;
  const std::string_view text = environment({name});
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && value > 0 && value <= kMost ? value : 0;
}

}  // namespace

void fit_to_terminal(ReportOptions& options) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  struct winsize size {};
  if (!terminal || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  options.columns = size_from("COLUMNS");
  if (options.columns == 0) options.columns = size.ws_col != 0 ? size.ws_col : 80;
  options.rows = size_from("LINES");
  if (options.rows == 0) options.rows = size.ws_row;
  options.colour = terminal && environment({"NO_COLOR"}).empty() && environment({"TERM"}) != "dumb";
  std::string locale(environment({"LC_ALL", "LC_CTYPE", "LANG"}));
  for (char& c : locale) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  options.utf8 =
      locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
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
    for (const char* name : {"dead_units", "dead_frac", "linear_units", "dead_at"})
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
      csv.put(std::string_view(fmt::format("{}", fmt::join(row.dead_at, " "))));
      csv.end_row();
    }
  }
  return csv.take();
}

std::string report_table(const std::vector<NamedReport>& reports, const ReportOptions& options) {
  TableWriter table(options, reports.size());
  table.overview(reports);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    if (i != 0) table.line("");
    table.tensor(reports[i]);
  }
  table.check();
  return table.take();
}

std::string label(const Module& mode) {
  // As the values are, so that reports that were merged say the same.
  if (!mode.has("negative_slope")) return mode.told_by_values().label();
  return fmt::format("{} {}", mode.activation().name, mode.value("negative_slope"));
}

std::size_t judge(const TensorFigures& figures, const ReportOptions& options) {
  if (!options.check) return 0;
  for (std::size_t i = 0; i < figures.activations.size(); ++i) {
    if (options.check->mode == label(figures.activations[i].mode)) return i;
  }
  for (std::size_t i = 0; i < figures.activations.size(); ++i) {
    if (options.check->mode == figures.activations[i].mode.activation().name) return i;
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

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.bytes == 0 ? 1 : columns_of(character.code);
    text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
  }
  return columns;
}

std::string shortened(std::string_view text, std::size_t columns, bool utf8) {
  if (display_width(text) <= columns) return std::string(text);
  // The middle goes: what tells names apart is more often their end.
  const std::string_view ellipsis = utf8 ? "\u2026" : "...";
  const std::size_t dots = utf8 ? 1 : 3;
  if (columns == 0) return {};
  if (columns <= dots) return std::string(ellipsis.substr(0, utf8 ? ellipsis.size() : columns));
  const std::size_t head_columns = (columns - dots + 1) / 2;
  const std::size_t tail_columns = (columns - dots) / 2;
  std::size_t head = 0;
  for (std::size_t used = 0; head < text.size();) {
    const Character character = first_character(text.substr(head));
    used += character.bytes == 0 ? 1 : columns_of(character.code);
    if (used > head_columns) break;
    head += std::max<std::size_t>(character.bytes, 1);
  }
  std::size_t tail = text.size();
  for (std::size_t used = 0; tail > 0;) {
    std::size_t begin = tail - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0u) == 0x80u) --begin;
    const Character character = first_character(text.substr(begin));
    const std::size_t width = character.bytes == 0 ? 1 : columns_of(character.code);
    if (used + width > tail_columns) break;
    used += width;
    tail = begin;
  }
  while (tail < text.size()) {  // no mark without its letter
    const Character character = first_character(text.substr(tail));
    if (character.bytes == 0 || columns_of(character.code) != 0) break;
    tail += character.bytes;
  }
  std::string out(text.substr(0, head));
  out += ellipsis;
  out += text.substr(tail);
  return out;
}

}  // namespace rectify::app
