// How `rectify compare` shows its figures: a table for people, JSON and CSV for programs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/compare.hpp"

namespace rectify::app {

struct NamedReport {
  /// As errors call it; bytes of any kind.
  std::string source;
  /// Of the units, bytes of any kind; any other number of them than there are units counts as none.
  std::vector<std::string> names;
  TensorFigures figures;
  /// Of each activation the text of a JSON object, or none.
  std::vector<std::string> partials;
};

/// What --fail-if-dead or --fail-if-dormant was asked about, and the answer.
struct Check {
  /// The name of the activation looked at.
  std::string mode;
  double limit = 0;
  /// The greatest share of such units of a tensor.
  double worst = 0;
  bool passed = true;
};

struct ReportOptions {
  bool per_unit = false;
  /// Of tables: how many tensors, and how many units of each, are shown; nothing: as many as fit.
  std::optional<std::size_t> top;
  double dead_below = 0;
  double dormant_below = kDormantBelow;
  std::optional<Check> check, dormant_check;  // both of one activation

  // The rest concerns tables, and plots in the terminal.
  bool colour = false;
  /// Bars of block characters instead of ASCII; names are UTF-8 in any case.
  bool utf8 = false;
  int columns = 80;
  /// Of the screen that a table should fit; 0: 24.
  int rows = 0;
};

/// Sets what concerns tables: the size from COLUMNS and LINES, else from the terminal that standard
/// output is, else 80 columns; colour on a terminal unless NO_COLOR is set or TERM is dumb; utf8 as
/// LC_ALL, LC_CTYPE or LANG says, the first that is set.
void fit_to_terminal(ReportOptions& options);

/// A document after compare.schema.json, strict RFC 8259: what is undefined is null, NaN and
/// infinities are strings, bytes that are not UTF-8 become U+FFFD. With `lines` a document of its
/// own for each tensor, each on one line.
std::string report_json(const std::vector<NamedReport>& reports, const ReportOptions& options,
                        bool lines);

/// A header and a row for each tensor and activation; with per_unit for each tensor, activation and
/// unit. Columns in the schema's order, quoting after RFC 4180, an empty field where a figure is
/// undefined. Names keep their bytes.
std::string report_csv(const std::vector<NamedReport>& reports, const ReportOptions& options,
                       char delimiter);

/// For people: how many units are dead and which, then the activations beside one another, then the
/// units, worst first. A screen for each tensor; with per_unit as long as it takes.
std::string report_table(const std::vector<NamedReport>& reports, const ReportOptions& options);

/// For a pull request: a table of the tensors, worst first, if there are several, and for each the
/// activations beside one another and the worst units, `top` of them.
std::string report_markdown(const std::vector<NamedReport>& reports, const ReportOptions& options);

// ---- what plots share with tables --------------------------------------------------------------

/// "relu", "leaky 0.01", "elu(0.5)".
std::string label(const Module& mode);

/// Which activation decides what is dead or dormant: the one that options.check, or dormant_check,
/// names, else the baseline.
std::size_t judge(const TensorFigures& figures, const ReportOptions& options);

/// Indices of the units: the dead ones, those without a value, then by live and active share.
std::vector<std::size_t> worst_first(const ActivationFigures& figures);

/// The unit's name as printable UTF-8; its index as text if it has none.
std::string unit_name(const NamedReport& report, std::size_t unit);

}  // namespace rectify::app
