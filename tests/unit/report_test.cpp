// The table, JSON, CSV and pictures of `compare`, on figures worked out here the plain way.
#include "report/report.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plot.hpp"
#include "rectify/rectify.hpp"
#include "text_width.hpp"

using namespace rectify;
using namespace rectify::app;
using Json = nlohmann::ordered_json;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Module relu() { return Module::parse("relu"); }
Module leaky(double slope) { return Module::parse("leaky").with("negative_slope", slope); }

void fill(Figures& figures, const std::vector<double>& x, const std::vector<double>& y,
          const std::vector<double>& baseline) {
  figures.n = x.size();
  double k = 0, active = 0, zero = 0, gradient = 0, sum = 0, sum_abs = 0, most = 0;
  double low = kInf, high = -kInf;
  std::uint64_t differs = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      ++figures.nan;
      continue;
    }
    ++k;
    active += x[i] > 0 ? 1 : 0;
    zero += y[i] == 0 ? 1 : 0;
    gradient += x[i] > 0 ? 1 : 0;
    sum += y[i];
    sum_abs += std::abs(y[i]);
    low = std::min(low, y[i]), high = std::max(high, y[i]);
    if (y[i] != baseline[i]) ++differs;
    most = std::max(most, std::abs(y[i] - baseline[i]));
  }
  if (&y != &baseline) figures.differs = differs;
  if (k == 0) return;
  if (&y != &baseline) figures.max_abs_diff = most;
  figures.active_frac = active / k, figures.zero_frac = zero / k;
  figures.live_frac = figures.grad_mean = gradient / k;
  figures.min = low, figures.max = high, figures.mean = sum / k, figures.mean_abs = sum_abs / k;
  if (k > 1) figures.std = 1.0;  // its value does not matter here
}

/// Of a table of samples by units, as nested braces; relu first. The gradient of leaky is that of
/// a slope of 0, so that units die under it, too.
TensorFigures figures_of(const std::vector<std::vector<double>>& rows,
                         const std::vector<Module>& modes = {relu(), leaky(0.01)}) {
  TensorFigures tensor;
  const std::size_t units = rows.empty() ? 0 : rows.front().size();
  tensor.shape = {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(units)};
  tensor.unit_axis = 1;
  tensor.units = static_cast<std::int64_t>(units);
  std::vector<std::vector<double>> columns(units);
  std::vector<double> all;
  for (const std::vector<double>& row : rows) {
    for (std::size_t unit = 0; unit < units; ++unit) {
      columns[unit].push_back(row[unit]);
      all.push_back(row[unit]);
    }
  }
  for (const double x : all) {
    InputCounts& input = tensor.input;
    ++input.n;
    input.nan += std::isnan(x) ? 1u : 0u, input.inf += std::isinf(x) ? 1u : 0u;
    input.positive += x > 0 ? 1u : 0u, input.zero += x == 0 ? 1u : 0u;
    input.negative += x < 0 ? 1u : 0u;
  }
  const auto outputs = [](const Module& mode, const std::vector<double>& x) {
    const Tensor y = apply(mode, Tensor::of<double>(x, {static_cast<std::int64_t>(x.size())}));
    return std::vector<double>(y.data<double>().begin(), y.data<double>().end());
  };
  for (const Module& mode : modes) {
    ActivationFigures row(mode);
    const bool first = tensor.activations.empty();
    const auto of = [&](Figures& figures, const std::vector<double>& x) {
      const std::vector<double> baseline = outputs(modes.front(), x);
      first ? fill(figures, x, baseline, baseline) : fill(figures, x, outputs(mode, x), baseline);
    };
    of(row, all);
    for (std::size_t unit = 0; unit < units; ++unit) {
      UnitFigures figures;
      of(figures, columns[unit]);
      figures.dead = figures.live_frac == Figure{0.0};
      if (figures.n > figures.nan) figures.dormancy = 0.5;
      row.dead_units += figures.dead ? 1u : 0u;
      row.linear_units += figures.active_frac == Figure{1.0} ? 1u : 0u;
      if (figures.dead) row.dead_at.push_back(static_cast<std::int64_t>(unit));
      row.units.push_back(figures);
    }
    if (units != 0)
      row.dead_frac = static_cast<double>(row.dead_units) / static_cast<double>(units);
    tensor.activations.push_back(std::move(row));
  }
  return tensor;
}

/// Units of which every third is dead; the others are active the more, the further right.
std::vector<std::vector<double>> slanted(std::size_t samples, std::size_t units) {
  std::vector<std::vector<double>> rows(samples, std::vector<double>(units, -1));
  for (std::size_t unit = 0; unit < units; ++unit) {
    if (unit % 3 == 0) continue;
    for (std::size_t row = 0; row * units <= unit * samples && row < samples; ++row)
      rows[row][unit] = static_cast<double>(unit + 1);
  }
  return rows;
}

NamedReport report_of(const std::vector<std::vector<double>>& rows,
                      std::vector<std::string> names = {}) {
  return {"acts.csv", std::move(names), figures_of(rows), {}};
}

const std::vector<std::vector<double>> kSmall = {{1, -1, 2}, {-3, -1, 4}};

Json json_of(const std::vector<NamedReport>& reports, const ReportOptions& options = {}) {
  return Json::parse(report_json(reports, options, false));
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> found;
  for (const auto& item : object.items()) found.push_back(item.key());
  return found;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    found.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return found;
}

std::string table_of(const std::vector<NamedReport>& reports, const ReportOptions& options = {}) {
  return report_table(reports, options);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

using Names = std::vector<std::string>;

/// Sets an environment variable, or unsets it, for the length of a test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

// ---- JSON --------------------------------------------------------------------------------------

TEST_CASE("the JSON document has the schema's keys in the schema's order") {
  ReportOptions options;
  options.per_unit = true;
  const Json document = json_of({report_of(kSmall, {"a", "b", "c"})}, options);
  CHECK(keys(document) == Names{"schema", "baseline", "dead_below", "dormant_below", "check",
                                "dormant_check", "tensors"});
  const Json& tensor = document["tensors"][0];
  CHECK(keys(tensor) ==
        Names{"source", "dtype", "shape", "unit_axis", "units", "names", "input", "activations"});
  CHECK(keys(tensor["input"]) == Names{"n", "nan", "inf", "positive", "zero", "negative"});
  const Names figures = {"n",         "nan",     "active_frac", "zero_frac", "live_frac",
                         "grad_mean", "min",     "max",         "mean",      "std",
                         "mean_abs",  "differs", "max_abs_diff"};
  Names relu_keys = {"mode"};
  relu_keys.insert(relu_keys.end(), figures.begin(), figures.end());
  for (const char* key :
       {"dead_units", "dead_frac", "linear_units", "dormant_units", "dead_at", "per_unit"})
    relu_keys.emplace_back(key);
  CHECK(keys(tensor["activations"][0]) == relu_keys);
  Names leaky_keys = relu_keys;
  leaky_keys.insert(leaky_keys.begin() + 1, "slope");
  CHECK(keys(tensor["activations"][1]) == leaky_keys);
  Names unit_keys = {"unit", "name"};
  unit_keys.insert(unit_keys.end(), figures.begin(), figures.end());
  for (const char* key : {"dead", "dormancy"}) unit_keys.emplace_back(key);
  CHECK(keys(tensor["activations"][1]["per_unit"][2]) == unit_keys);

  CHECK(tensor["shape"] == Json({2, 3}));
  CHECK(tensor["activations"][0]["dead_at"] == Json::array({1}));
  CHECK(tensor["activations"][0]["differs"].is_null());
  CHECK(tensor["activations"][1]["slope"] == 0.01);
  CHECK(tensor["activations"][1]["differs"] == 3);
  CHECK(tensor["activations"][0]["per_unit"][1]["dead"] == true);
}

TEST_CASE("what was not asked for is left out of the JSON") {
  const Json tensor = json_of({report_of(kSmall)})["tensors"][0];
  CHECK_FALSE(tensor.contains("names"));
  CHECK_FALSE(tensor["activations"][0].contains("per_unit"));
  CHECK_FALSE(tensor["activations"][0].contains("partial"));
  NamedReport wrong = report_of(kSmall, {"too", "few"});
  CHECK_FALSE(json_of({wrong})["tensors"][0].contains("names"));
  wrong.figures.unit_axis.reset();
  CHECK(json_of({wrong})["tensors"][0]["unit_axis"].is_null());
}

TEST_CASE("JSON numbers: fewest digits with a point or an exponent, integers without") {
  NamedReport report = report_of(kSmall);
  ActivationFigures& row = report.figures.activations[1];
  row.mode = leaky(1e-05);
  row.min = std::int64_t{-9007199254740993};
  row.max = 1e+300;
  row.mean = 0.1;
  row.std = kNan;
  row.mean_abs = kInf;
  row.max_abs_diff = -kInf;
  row.grad_mean = 3.0;
  const std::string text = report_json({report}, {}, false);
  for (const char* member :
       {"\"slope\": 1e-05,", "\"min\": -9007199254740993,", "\"max\": 1e+300,", "\"mean\": 0.1,",
        "\"std\": \"NaN\",", "\"mean_abs\": \"Infinity\",", "\"max_abs_diff\": \"-Infinity\",",
        "\"grad_mean\": 3.0,", "\"dead_below\": 0.0,"}) {
    CAPTURE(member);
    CHECK(contains(text, member));
  }
}

TEST_CASE("undefined figures are null") {
  const Json tensor = json_of({report_of({{kNan}, {kNan}})})["tensors"][0];
  for (const char* key : {"active_frac", "zero_frac", "live_frac", "grad_mean", "min", "std"}) {
    CAPTURE(key);
    CHECK(tensor["activations"][0][key].is_null());
  }
  const Json nothing = json_of({report_of({})})["tensors"][0];
  CHECK(nothing["units"] == 0);
  CHECK(nothing["activations"][0]["dead_frac"].is_null());
}

TEST_CASE("strings in JSON are valid UTF-8 whatever bytes a name holds") {
  struct Row {
    std::string_view bytes;
    std::string_view written;
    const char* why;
  };
  const Row rows[] = {
      {"plain", "plain", "nothing to do"},
      {"a\"b\\c/", "a\\\"b\\\\c/", "quote and backslash"},
      {"\n\r\t\b\x1f", "\\n\\r\\t\\b\\u001f", "controls"},
      {"\x7f\xc2\x9b", "\\u007f\\u009b", "what a terminal would obey"},
      {"\xe5\xb1\xa4\xf0\x9f\x94\xa5", "\xe5\xb1\xa4\xf0\x9f\x94\xa5", "UTF-8 stays"},
      {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", "no UTF-8"},
      {"\xc3", "\xef\xbf\xbd", "cut"},
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "overlong"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "surrogate"},
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "beyond Unicode"},
      {std::string_view("\0", 1), "\\u0000", "NUL"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    NamedReport report = report_of({{1}}, {std::string(row.bytes)});
    report.source = row.bytes;
    const std::string text = report_json({report}, {}, false);
    CHECK(contains(text, "\"source\": \"" + std::string(row.written) + "\""));
    CHECK(contains(text, "\"names\": [\"" + std::string(row.written) + "\"]"));
    CHECK(Json::accept(text));
  }
}

TEST_CASE("JSON Lines: a complete document for each tensor, each on one line") {
  ReportOptions options;
  options.per_unit = true;
  options.check = Check{"relu", 0.25, 1.0 / 3, false};
  NamedReport second = report_of(kSmall);
  second.source = "two\nlines";
  second.partials = {"{\"sum\":\n [1,\r\n2]}", "{}"};
  const std::vector<std::string> found =
      lines(report_json({report_of(kSmall), second}, options, true));
  REQUIRE(found.size() == 2);
  for (const std::string& line : found) {
    const Json document = Json::parse(line);
    CHECK(document["tensors"].size() == 1);
    CHECK(document["check"]["mode"] == "relu");
    CHECK(document["check"]["limit"] == 0.25);
    CHECK(document["check"]["passed"] == false);
  }
  const Json last = Json::parse(found[1])["tensors"][0];
  CHECK(last["source"] == "two\nlines");
  CHECK(last["activations"][0]["partial"]["sum"] == Json({1, 2}));
  CHECK(report_json({}, {}, true).empty());
}

TEST_CASE("a report of very many units takes time in proportion") {
  const std::vector<NamedReport> reports = {report_of(slanted(2, 100000))};
  ReportOptions options;
  options.per_unit = true;
  const auto started = std::chrono::steady_clock::now();
  const std::string json = report_json(reports, options, false);
  const std::string csv = report_csv(reports, options, ',');
  const std::string table = report_table(reports, options);
  const std::string screen = report_table(reports, {});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  CHECK(seconds < 60);  // 1 s as a rule; quadratic work takes many minutes
  CHECK(Json::parse(json)["tensors"][0]["activations"][1]["per_unit"].size() == 100000);
  CHECK(lines(csv).size() == 1 + 2 * 100000);
  CHECK(lines(table).size() > 100000);
  CHECK(lines(screen).size() < 24);
}

// ---- CSV ---------------------------------------------------------------------------------------

TEST_CASE("CSV: a row for each tensor and activation") {
  const std::vector<std::string> rows = lines(report_csv({report_of(kSmall)}, {}, ','));
  REQUIRE(rows.size() == 3);
  CHECK(rows[0] ==
        "source,mode,slope,n,nan,active_frac,zero_frac,live_frac,grad_mean,min,max,mean,std,"
        "mean_abs,differs,max_abs_diff,dead_units,dead_frac,linear_units,dormant_units,dead_at");
  CHECK(rows[1].starts_with("acts.csv,relu,,6,0,0.5,0.5,0.5,0.5,0.0,4.0,"));
  CHECK(rows[1].ends_with(",,,1,0.3333333333333333,1,0,1"));
  CHECK(rows[2].starts_with("acts.csv,leaky,0.01,6,0,0.5,0.0,"));
}

TEST_CASE("CSV with --per-unit: a row for each tensor, activation and unit") {
  ReportOptions options;
  options.per_unit = true;
  const std::vector<std::string> rows =
      lines(report_csv({report_of(kSmall, {"a", "b", "c"})}, options, ','));
  REQUIRE(rows.size() == 7);
  CHECK(rows[0] ==
        "source,mode,slope,unit,name,n,nan,active_frac,zero_frac,live_frac,grad_mean,min,max,mean,"
        "std,mean_abs,differs,max_abs_diff,dead,dormancy");
  CHECK(rows[2] == "acts.csv,relu,,1,b,2,0,0.0,1.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0,,,1,0.5");
  CHECK(rows[4].starts_with("acts.csv,leaky,0.01,0,a,2,0,0.5,"));
}

TEST_CASE("CSV: what is undefined is empty, text is quoted where it must be") {
  NamedReport report = report_of({{kNan, kNan}}, {"say \"hi\", twice", "two\nlines"});
  report.source = "a,b.csv";
  report.figures.activations[0].mean = kNan;
  report.figures.activations[0].std = -kInf;
  report.figures.activations[0].dead_at = {0, 12, 99};
  const std::string csv = report_csv({report}, {}, ',');
  CHECK(contains(csv, "\n\"a,b.csv\",relu,,2,2,,,,,,,nan,-inf,,,,0,0.0,0,0,0 12 99\n"));
  CHECK(contains(report_csv({report}, {}, '\t'), "\na,b.csv\trelu\t\t2\t2\t"));
  ReportOptions options;
  options.per_unit = true;
  const std::string units = report_csv({report}, options, ',');
  CHECK(contains(units, ",0,\"say \"\"hi\"\", twice\",1,1,,,,,,,,,,,,0,\n"));
  CHECK(contains(units, ",1,\"two\nlines\",1,1,"));
}

// ---- the table ---------------------------------------------------------------------------------

TEST_CASE("the table says first how many units are dead, and which, by name") {
  const std::vector<std::string> rows =
      lines(table_of({report_of(slanted(200, 7), {"a", "b", "c", "d", "e", "f", "g"})}));
  CHECK(rows[0] == "acts.csv: float32 [200, 7], 200 samples of 7 units (axis 1)");
  CHECK(rows[1].starts_with("  1400 inputs, "));
  CHECK(rows[3] == "  3 of 7 units dead under relu: a, d, g");
  CHECK(contains(rows[5], "dead units"));
  CHECK(contains(rows[6], "3 of 7 (42.9 %)"));
}

TEST_CASE("units without names are numbers, neighbours a range") {
  std::vector<std::vector<double>> rows(100, std::vector<double>(9, -1));
  rows[0][4] = 1;
  rows[0][7] = 1;
  CHECK(contains(table_of({report_of(rows)}), "7 of 9 units dead under relu: 0-3, 5, 6, 8\n"));
  CHECK(contains(table_of({report_of(rows)}), "\n  unit 7 "));
  CHECK(contains(table_of({report_of({{1, 1}})}), "no unit is dead under relu\n"));
  CHECK(contains(table_of({report_of({{1, -1}, {1, 1}})}), "1 linear (always positive): 0\n"));
  CHECK(contains(table_of({report_of({{1, kNan}, {1, 1}})}), "1 with nan: 1\n"));
}

TEST_CASE("units stand worst first: dead, without values, then by activity") {
  const TensorFigures figures =
      figures_of({{1, 1, -1, kNan, -1, 1}, {1, -1, -1, kNan, -1, 1}, {1, -1, -1, kNan, -1, -1}});
  CHECK(worst_first(figures.activations[0]) == std::vector<std::size_t>{2, 4, 3, 1, 5, 0});
}

TEST_CASE("a table fits the screen, with --per-unit it is as long as it takes") {
  struct Row {
    std::size_t units;
    int screen;
  };
  for (const Row& row : {Row{3, 24}, Row{10, 24}, Row{200, 24}, Row{2000, 24}, Row{200, 50}}) {
    CAPTURE(row.units);
    CAPTURE(row.screen);
    const NamedReport report = report_of(slanted(200, row.units));
    ReportOptions options;
    options.rows = row.screen;
    options.check = Check{"relu", 0.1, 0.4, false};
    CHECK(lines(table_of({report}, options)).size() < static_cast<std::size_t>(row.screen));
    const bool all = row.units == 3;
    CHECK(contains(table_of({report}, options), "--per-unit shows all") == !all);
    options.per_unit = true;
    const std::string every = table_of({report}, options);
    CHECK(lines(every).size() > row.units);
    CHECK_FALSE(contains(every, "--per-unit"));
  }
}

TEST_CASE("no line is wider than the terminal, whatever the names") {
  Names names;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    names.push_back(i % 4 == 0   ? "\u96a0\u308c\u5c64\u30e6\u30cb\u30c3\u30c8" + number
                    : i % 4 == 1 ? "encoder.layers.12.attention.output.dense.unit_" + number
                    : i % 4 == 2 ? "e\u0301\u0301\u0301" + number
                                 : "\x1b[31m\xff\n" + number);
  }
  for (const int columns : {24, 32, 40, 60, 80, 120, 200}) {
    for (const bool utf8 : {false, true}) {
      for (const bool per_unit : {false, true}) {
        CAPTURE(columns);
        CAPTURE(utf8);
        ReportOptions options;
        options.columns = columns;
        options.utf8 = utf8;
        options.per_unit = per_unit;
        NamedReport report = report_of(slanted(200, 40), names);
        report.source = "/a/rather/long/path/of/folders/and/then/some/more/of/them/layer_12.npy";
        report.figures.activations.push_back(report.figures.activations[1]);
        report.figures.activations.back().mode = leaky(-0.123456789);
        for (const std::string& line : lines(table_of({report, report}, options))) {
          CAPTURE(line);
          // Below 40 columns a heading with its figure may stand out a little.
          const int allowed = std::max(columns, 36);
          CHECK(display_width(line) <= static_cast<std::size_t>(allowed));
          CHECK_FALSE(contains(line, "\x1b"));
        }
      }
    }
  }
}

TEST_CASE("columns stay in line with counts of ten digits and wide names") {
  NamedReport report = report_of(slanted(200, 3), {"\u5c64\u4e00", "b", "e\u0301"});
  report.figures.shape = {2000000000, 3};
  report.figures.input.n = 6000000000;
  report.figures.activations[0].dead_units = 1234567890;
  const std::vector<std::string> rows = lines(table_of({report}));
  CHECK(contains(rows[1], "6000000000 inputs"));
  // The heading and what stands below it end in the same column.
  const auto end_of = [](const std::string& line, std::string_view part) {
    return display_width(line.substr(0, line.find(part) + part.size()));
  };
  const std::size_t heading = 5;
  CHECK(contains(rows[heading + 1], "1234567890 of 3 (33.3 %)"));
  CHECK(end_of(rows[heading], "dead units") == end_of(rows[heading + 1], "(33.3 %)"));
  std::vector<std::size_t> bars;
  for (const std::string& line : rows) {
    if (contains(line, "|")) bars.push_back(display_width(line.substr(0, line.find('|'))));
  }
  REQUIRE(bars.size() == 3);
  CHECK(bars[0] == bars[1]);
  CHECK(bars[1] == bars[2]);
}

TEST_CASE("a share rounds to nothing or to all only if it is that") {
  std::vector<std::vector<double>> rows(5000, std::vector<double>{-1, 1});
  rows[0] = {1, -1};
  const std::string table = table_of({report_of(rows)});
  CHECK(contains(table, "<0.1 %"));
  CHECK(contains(table, ">99.9 %"));
  CHECK(contains(table, "no unit is dead"));
  CHECK_FALSE(contains(table, "linear"));
}

TEST_CASE("bars are ASCII unless the locale is UTF-8, names are UTF-8 in any case") {
  const NamedReport report = report_of(slanted(200, 4), {"\u00e4", "b", "c", "d"});
  ReportOptions options;
  const std::string ascii = table_of({report}, options);
  options.utf8 = true;
  const std::string blocks = table_of({report}, options);
  CHECK(contains(ascii, "|#"));
  CHECK_FALSE(contains(ascii, "\u2588"));
  CHECK(contains(blocks, "\u2595\u2588"));
  CHECK_FALSE(contains(blocks, "#"));
  CHECK(contains(ascii, "\u00e4"));
}

TEST_CASE("colour is put around text and changes nothing else") {
  const NamedReport report = report_of(slanted(20, 5));
  ReportOptions options;
  options.check = Check{"relu", 0.1, 0.4, false};
  const std::string plain = table_of({report}, options);
  CHECK_FALSE(contains(plain, "\x1b"));
  options.colour = true;
  std::string coloured = table_of({report}, options);
  CHECK(contains(coloured, "\x1b[1;31m"));
  for (std::size_t at = 0; (at = coloured.find("\x1b[", at)) != std::string::npos;)
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  // Painted text may keep blanks before the end of a line that plain text loses.
  CHECK(coloured == plain);
}

TEST_CASE("few samples are noted, a check is reported, several tensors are summed up") {
  const NamedReport few = report_of(slanted(20, 6));
  const NamedReport many = report_of(slanted(100, 6));
  CHECK(contains(table_of({few}), "\nnote: 20 samples are few"));
  CHECK_FALSE(contains(table_of({many}), "note:"));
  ReportOptions options;
  options.check = Check{"relu", 0.1, 1.0 / 3, false};
  CHECK(contains(table_of({many}, options),
                 "\ncheck: 33.3 % of units dead under relu, limit 10 %: failed\n"));
  CHECK(table_of({few, many}).starts_with("2 tensors: 4 of 12 units dead (33.3 %) under relu\n\n"));
}

TEST_CASE("of several tensors the worst stands first, without the folder that all are in") {
  NamedReport good = report_of(slanted(100, 6));
  NamedReport bad = report_of(slanted(100, 3));
  good.source = "acts/deep/a.npy";
  bad.source = "acts/b.npy";
  NamedReport worse = report_of({{-1, -1}, {-2, -1}});
  worse.source = "acts/c.npy";
  const std::string table = table_of({good, worse, bad});
  CHECK(contains(table, "under relu, all in acts/\n"));
  const auto at = [&](const char* text) { return table.find(text); };
  CHECK(at("\n  c.npy") < at("\n  deep/a.npy"));
  CHECK(at("\n  c.npy") < at("\n  b.npy"));
  CHECK(at("\n  b.npy") != std::string::npos);
  ReportOptions options;
  options.top = 1;
  CHECK(contains(table_of({good, worse, bad}, options), "2 more: --top 3 shows all"));
  CHECK_FALSE(contains(table_of({good, worse, bad}, options), "\n  b.npy"));
}

TEST_CASE("Markdown shows names as they stand, and the worst first") {
  NamedReport good = report_of(slanted(100, 6));
  NamedReport bad = report_of({{-1, 1}, {-2, 1}}, {"a|b", "<i>*x*"});
  bad.source = "acts_[1].npy\n# not a heading";
  const std::string text = report_markdown({good, bad}, {});
  CHECK(
      text.starts_with("| tensor | units | dead units | active | grad mean |\n"
                       "| --- | ---: | ---: | ---: | ---: |\n"
                       "| acts\\_\\[1\\].npy\\\\n\\# not a heading | 2 | 1 (50.0 %) |"));
  CHECK(contains(text, "**1 of 2 units dead** under relu (50.0 %): a\\|b\n"));
  CHECK(contains(text, "\n| &lt;i\\>\\*x\\* | 100.0 % |"));
  CHECK(contains(text, "linear |\n"));
  CHECK_FALSE(contains(text, "\n\n\n"));
  ReportOptions options;
  options.top = 1;
  CHECK(contains(report_markdown({bad}, options), "\n1 more unit\n"));
  options.check = Check{"relu", 0.1, 0.5, false};
  CHECK(report_markdown({bad}, options)
            .starts_with("**Check failed**: 50.0 % of units dead under relu, limit 10 %\n"));
}

TEST_CASE("a table of next to nothing") {
  struct Row {
    std::vector<std::vector<double>> rows;
    const char* part;
    const char* why;
  };
  const Row rows[] = {
      {{}, "0 of 0", "no units"},
      {{{5}}, "1 sample of 1 unit (axis 1)\n", "one value"},
      {{{kNan}, {kNan}}, "2 nan", "no values"},
      {{{kNan, 1}, {kNan, -1}}, "no values\n", "a unit without values"},
      {{{kInf, -kInf}}, "2 inf, 0 nan", "infinities"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const bool per_unit : {false, true}) {
      ReportOptions options;
      options.per_unit = per_unit;
      options.columns = 100;
      const std::string table = table_of({report_of(row.rows)}, options);
      CAPTURE(table);
      CHECK(contains(table, row.part));
    }
  }
  CHECK(table_of({}).empty());
  NamedReport whole = report_of({{1}, {-1}});
  whole.figures.unit_axis.reset();
  CHECK_FALSE(contains(table_of({whole}), "worst first"));
}

TEST_CASE("the activation that --check names decides what is dead") {
  TensorFigures figures = figures_of(kSmall, {leaky(0.01), leaky(0.2), relu()});
  ReportOptions options;
  CHECK(judge(figures, options) == 0);
  options.check = Check{"relu", 0, 0, true};
  CHECK(judge(figures, options) == 2);
  options.check->mode = "leaky";
  CHECK(judge(figures, options) == 0);
  options.check->mode = "leaky 0.2";
  CHECK(judge(figures, options) == 1);
}

TEST_CASE("text is shortened by the columns it takes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("\u5c64") == 2);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("\U0001f525") == 2);
  CHECK(shortened("abc", 3, true) == "abc");
  CHECK(shortened("abcdefgh", 5, true) == "ab\u2026gh");
  CHECK(shortened("abcdefgh", 6, false) == "ab...h");
  CHECK(shortened("\u5c64\u5c64\u5c64\u5c64", 6, true) == "\u5c64\u2026\u5c64");
  CHECK(shortened("aaaae\u0301", 3, true) == "a\u2026e\u0301");
  for (std::size_t columns = 0; columns < 12; ++columns) {
    for (const bool utf8 : {false, true}) {
      CHECK(display_width(shortened("\u5c64e\u0301abc\u5c64\u5c64xyz", columns, utf8)) <= columns);
    }
  }
}

// ---- the terminal ------------------------------------------------------------------------------

TEST_CASE("the locale's variables say whether bars may be UTF-8") {
  struct Row {
    const char* all;
    const char* ctype;
    const char* lang;
    bool utf8;
  };
  const Row rows[] = {
      {nullptr, nullptr, nullptr, false}, {nullptr, nullptr, "de_DE.UTF-8", true},
      {nullptr, nullptr, "C", false},     {nullptr, "C.utf8", "C", true},
      {"C", "C.utf8", "C.utf8", false},   {"en_GB.utf8@euro", nullptr, "C", true},
      {"", "", "en_US.UTF-8", true},      {nullptr, nullptr, "de_DE.ISO-8859-1", false},
  };
  for (const Row& row : rows) {
    const Environment all("LC_ALL", row.all);
    const Environment ctype("LC_CTYPE", row.ctype);
    const Environment lang("LANG", row.lang);
    ReportOptions options;
    fit_to_terminal(options);
    CAPTURE(&row - rows);
    CHECK(options.utf8 == row.utf8);
  }
}

TEST_CASE("COLUMNS and LINES say how large the screen is") {
  ReportOptions options;
  {
    const Environment columns("COLUMNS", "132");
    const Environment rows("LINES", "43");
    fit_to_terminal(options);
    CHECK(options.columns == 132);
    CHECK(options.rows == 43);
  }
  const Environment rows("LINES", nullptr);
  for (const char* odd : {"", "0", "-5", "80x", "99999999999999999999"}) {
    CAPTURE(odd);
    const Environment columns("COLUMNS", odd);
    fit_to_terminal(options);
    CHECK(options.columns > 0);
    CHECK(options.columns < 10000);
  }
}

// ---- plots -------------------------------------------------------------------------------------

namespace {

/// A folder that goes away with everything in it.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "rectify-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  bool empty() const { return std::filesystem::is_empty(path_); }

  /// A program called gnuplot for PATH.
  void fake_gnuplot(const std::string& script) const {
    std::ofstream(path_ / "gnuplot") << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(path_ / "gnuplot", std::filesystem::perms::owner_all);
  }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool has_gnuplot() {
  if (std::system("gnuplot --version >/dev/null 2>&1") == 0) return true;
  MESSAGE("skipped: there is no gnuplot");
  return false;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t times = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++times;
  return times;
}

/// What stands first between the two, or nothing.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  return text.substr(at + begin.size(), text.find(end, at) - at - begin.size());
}

struct Box {
  double width = 0, height = 0;
};

/// The areas of an SVG that are filled with a colour.
std::vector<Box> shapes(const std::string& svg, const std::string& colour) {
  std::vector<Box> found;
  const std::string begin = "<polygon fill = '" + colour + "' points = '";
  for (std::size_t at = 0; (at = svg.find(begin, at)) != std::string::npos;) {
    at += begin.size();
    std::istringstream points(svg.substr(at, svg.find('\'', at) - at));
    double low[2] = {1e9, 1e9};
    double high[2] = {-1e9, -1e9};
    char comma = 0;
    for (double point[2]; points >> point[0] >> comma >> point[1];) {
      for (const int axis : {0, 1}) {
        low[axis] = std::min(low[axis], point[axis]);
        high[axis] = std::max(high[axis], point[axis]);
      }
    }
    found.push_back({high[0] - low[0], high[1] - low[1]});
  }
  return found;
}

const std::vector<Tally::Bin> kBins = {{-4, -2, 5}, {-2, -1, 20}, {0, 0, 3}, {1, 2, 9}};

std::string why_not(const std::string& target, const std::vector<NamedReport>& reports) {
  try {
    plot(target, reports, {kBins}, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a plot goes to an SVG, a PNG or the terminal") {
  CHECK_NOTHROW(check_plot_target("-"));
  CHECK_NOTHROW(check_plot_target("a.b/c.svg"));
  CHECK_NOTHROW(check_plot_target("c.png"));
  for (const char* target : {"c.pdf", "svg", "", "c.svg.gz"}) {
    CAPTURE(target);
    try {
      check_plot_target(target);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
    }
  }
}

TEST_CASE("without gnuplot the error says how to get it, and nothing is left behind") {
  const Scratch scratch;
  const Environment path("PATH", scratch.file("nowhere").c_str());
  CHECK(why_not(scratch.file("a.svg"), {report_of(kSmall)}) ==
        "plotting needs gnuplot (apt-get install gnuplot-nox)");
  CHECK(scratch.empty());
}

TEST_CASE("a gnuplot that fails is quoted on one line") {
  struct Row {
    const char* script;
    const char* said;
    const char* why;
  };
  const Row rows[] = {
      {"cat >/dev/null; echo '  line 3: \033[31mno such' >&2; echo thing >&2; exit 1",
       "gnuplot failed: line 3: \\x1b[31mno such thing", "status and text"},
      {"exit 3", "gnuplot failed: exit status 3", "gone before it has read"},
      {"kill -9 $$", "gnuplot failed: ended by signal 9", "killed"},
      {"cat >/dev/null", "gnuplot failed: exit status 0", "no picture"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const Scratch scratch;
    scratch.fake_gnuplot(row.script);
    const Environment path("PATH", (scratch.file("") + ":/usr/bin:/bin").c_str());
    // Enough units that the script does not fit a pipe.
    CHECK(why_not(scratch.file("a.svg"),
                  std::vector<NamedReport>(20, report_of(slanted(2, 600)))) == row.said);
    CHECK_FALSE(std::filesystem::exists(scratch.file("a.svg")));
  }
}

TEST_CASE("gnuplot's output may come before it has read everything") {
  const Scratch scratch;
  // More than a pipe holds, both ways.
  scratch.fake_gnuplot(
      "head -c 400000 /dev/zero | tr '\\0' x; head -c 400000 /dev/zero | tr '\\0' y >&2; cat");
  const Environment path("PATH", (scratch.file("") + ":/usr/bin:/bin").c_str());
  plot(scratch.file("a.svg"), std::vector<NamedReport>(24, report_of(slanted(2, 600))), {}, {});
  const std::string picture = contents(scratch.file("a.svg"));
  CHECK(picture.size() > 500000);
  CHECK(picture.ends_with("unset multiplot\n"));
}

TEST_CASE("text for gnuplot is one quoted string in which nothing is expanded") {
  CHECK(gnuplot_string("plain, 1.5") == "\"plain, 1.5\"");
  CHECK(gnuplot_string("\u5c64") == "\"\u5c64\"");
  // gnuplot takes all digits behind an escape for a part of it.
  CHECK(gnuplot_string("1e+305 #8") == "\"1e\\053\\063\\060\\065 \\0438\"");
  CHECK(gnuplot_string("5%") == "\"5\\045\"");
  CHECK(gnuplot_string("5%", true) == "\"5\\045\\045\"");
  CHECK(gnuplot_string("'`@\"") == "\"\\047\\140\\100\\042\"");
  CHECK(gnuplot_string("a\n") == "\"a\\134n\"");
  CHECK(gnuplot_string("\xff") == "\"\\134xff\"");
}

TEST_CASE("an SVG names the units and marks the dead ones") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  const std::string target = scratch.file("a.svg");
  plot(target, {report_of(slanted(50, 4), {"alpha", "\u5c64", "gamma", "delta"})}, {kBins}, {});
  const std::string svg = contents(target);
  CHECK(svg.starts_with("<?xml"));
  CHECK(svg.ends_with("</svg>\n\n"));
  for (const char* part :
       {"alpha", "\u5c64", "gamma", "delta", "acts.csv: active samples",
        "2 of 4 units dead under relu (50.0 %)", "outputs of leaky 0.01", "4 units, worst first"}) {
    CAPTURE(part);
    CHECK(contains(svg, part));
  }
  plot(target, {report_of({{1, 1}})}, {kBins}, {});
  CHECK_FALSE(contains(contents(target), ">dead under"));
}

TEST_CASE("the picture of a single unit was empty: a bar has a width without neighbours") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  std::vector<std::vector<double>> one_of_60_lives = {std::vector<double>(60, -1)};
  one_of_60_lives[0][7] = 1;
  std::vector<std::vector<double>> one_of_60_is_dead = {std::vector<double>(60, 1)};
  one_of_60_is_dead[0][7] = -1;
  struct Row {
    std::vector<std::vector<double>> rows;
    std::vector<double> shares;  // of the bars or areas in sight, in percent
    const char* why;
  };
  const Row rows[] = {
      {{{1}, {-1}}, {50}, "one unit"},
      {{{1}, {2}}, {100}, "one unit, always active"},
      {{{-1}, {-2}}, {}, "one unit, dead: a mark instead of a bar"},
      {{{1, -1}, {2, -2}}, {100}, "one beside a dead one"},
      {{{1, 1}, {2, -2}}, {50, 100}, "two units"},
      {{{1, 1, -1}, {2, -2, -3}, {3, -3, 4}, {4, 5, -6}}, {25, 50, 100}, "three units"},
      {one_of_60_lives, {100}, "an outline of one unit"},
      {one_of_60_is_dead, {100}, "an outline of all but one"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    plot(scratch.file("a.svg"), {report_of(row.rows)}, {kBins}, {});
    const std::string svg = contents(scratch.file("a.svg"));
    constexpr double kHundredPercent = 340 * 0.5;  // at least so many pixels of the panel's height
    const std::vector<Box> bars = shapes(svg, "rgb(143, 184, 222)");
    REQUIRE(bars.size() == row.shares.size());
    for (std::size_t i = 0; i < bars.size(); ++i) {
      CHECK(bars[i].width > 0.8 * 400 / static_cast<double>(row.rows[0].size()) / 2);
      CHECK(bars[i].height > kHundredPercent * row.shares[i] / 100);
      CHECK(bars[i].height / bars.back().height ==
            doctest::Approx(row.shares[i] / row.shares.back()).epsilon(0.01));
    }
    // The legend has a mark or a line, and so has what it explains.
    const std::string line = between(svg, "<path stroke='rgb(213,  94,   0)'", "/>");
    const std::size_t marks = count(svg, "<use xlink:href='#gpPt1' ") + count(line, "M");
    CHECK(marks == (contains(svg, ">dead under relu<") ? 2u : 0u));
  }
}

TEST_CASE("a PNG is one, the same figures give the same bytes") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  for (const char* name : {"a.png", "b.png"})
    plot(scratch.file(name), {report_of(slanted(50, 4))}, {kBins}, {});
  CHECK(contents(scratch.file("a.png")).starts_with("\x89PNG"));
  CHECK(contents(scratch.file("a.png")) == contents(scratch.file("b.png")));
}

TEST_CASE("a name neither runs a command nor breaks the picture") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  const std::string proof = scratch.file("proof");
  const std::string touch = "touch " + proof;
  const Names names = {
      "'; system('" + touch + "'); '",
      "\"; system(\"" + touch + "\"); \"",
      "`" + touch + "`",
      "'.`" + touch + "`.'",
      "\n!" + touch + "\n",
      "\r!" + touch,
      "EOD\n!" + touch,
      "\\",
      "\\'; system('" + touch + "')",
      "@x",
      "$x",
      "{/Bold=40 x}",
      "%d %s %n %%",
      "# comment",
      "</text><script>alert(1)</script>&amp;",
      "\xff\xfe",
      std::string("\0", 1),
      "\u202e",
      "",
  };
  for (const std::string& name : names) {
    CAPTURE(name);
    Names units(4, name);
    units[0] = "x";
    NamedReport report = report_of(slanted(20, 4), units);
    report.source = name;
    const std::string target = scratch.file("a.svg");
    CHECK(why_not(target, {report}) == "");
    CHECK_FALSE(std::filesystem::exists(proof));
    const std::string svg = contents(target);
    // What a name says is there to be read.
    if (name.starts_with('`')) CHECK(contains(svg, "> `touch ") != contains(svg, ">`touch "));
    CHECK_FALSE(contains(svg, "<script>"));
    CHECK(svg.ends_with("</svg>\n\n"));
  }
}

TEST_CASE("odd tensors and histograms are drawn, too") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  constexpr double kMost = std::numeric_limits<double>::max();
  const std::vector<std::vector<Tally::Bin>> histograms = {
      {},
      {{0, 0, 5}},
      {{-kMost, -kMost / 1.09, 1}, {kMost / 1.09, kMost, 1}},
      {{5e-324, 5e-324, 1}},
      {{3, 3, 7}},
      {{-1, 1, 0}},
      {{1e-320, 1.1e-320, 5}},
      {{-1e-3, 1e-3, 1000000}, {1e8, 1.1e8, 1}},
  };
  const std::vector<std::vector<std::vector<double>>> tensors = {{},
                                                                 {{1}},
                                                                 {{kNan}},
                                                                 {{kNan, -1, 1}},
                                                                 {{kInf, -kInf}},
                                                                 slanted(3, 48),
                                                                 slanted(3, 49),
                                                                 slanted(3, 5000)};
  for (const std::vector<Tally::Bin>& bins : histograms) {
    for (const std::vector<std::vector<double>>& rows : tensors) {
      CAPTURE(&bins - histograms.data());
      CAPTURE(&rows - tensors.data());
      CHECK_NOTHROW(plot(scratch.file("a.svg"), {report_of(rows)}, {bins}, {}));
    }
  }
  CHECK_NOTHROW(plot(scratch.file("a.svg"), {}, {}, {}));
  CHECK_NOTHROW(
      plot(scratch.file("a.svg"), std::vector<NamedReport>(40, report_of({{1, -1}})), {}, {}));
  CHECK(contains(contents(scratch.file("a.svg")), "the first 24 of 40"));
}

TEST_CASE("a picture that cannot be written leaves the old one") {
  if (!has_gnuplot()) return;
  const Scratch scratch;
  CHECK(contains(why_not(scratch.file("no/such/folder/a.svg"), {report_of(kSmall)}),
                 "No such file or directory"));
}
