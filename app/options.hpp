// What was asked for on the command line. CLI11 is seen in options.cpp alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/compare.hpp"
#include "rectify/rectify.hpp"

namespace rectify::app {

struct Options {
  enum class Ask : std::uint8_t { run, short_help, help, list_modes, plot_modes, manual, completion, version };
  Ask ask = Ask::run;
  std::string shell;  // of Ask::completion

  // One kind of source:
  std::vector<std::string> inputs;  // "-" is standard input
  std::optional<std::string> tensor;
  std::optional<Shape> randn;
  std::optional<std::uint64_t> seed;

  ReadOptions read;
  Operation operation;
  std::string mode_text;       // as --mode has it; empty: not given
  std::vector<double> slopes;  // of the modes that leave theirs open
  WriteOptions write;
  RunOptions run;
  std::optional<std::string> output;
  bool verbose = false;
  bool list = false;  // the tensors, instead of applying anything

  // Of `rectify compare`:
  enum class Command : std::uint8_t { apply, compare };
  Command command = Command::apply;
  CompareOptions compare;
  std::string report_format;  // table, json, jsonl, csv or tsv
  // Below 0: not given. Then 0 and kDormantBelow, or with --merge what the parts have.
  double dead_below = -1.0;
  double dormant_below = -1.0;
  bool per_unit = false;
  std::optional<std::size_t> top;
  std::optional<double> fail_if_dead;
  std::optional<double> fail_if_dormant;
  std::string check_text;       // as --check has it; empty: not given
  std::optional<Module> check;  // with every value of what it leaves open; none: the baseline
  bool fail_if_nan = false;
  bool partial = false;
  bool merge = false;
  std::optional<std::string> plot;
};

/// Whether a mode draws random numbers.
bool draws(const Options& options);

/// Reads the command line. Throws Error{usage} in words of ours: the option as typed, and the
/// nearest valid one.
Options parse_options(int argc, const char* const* argv);

/// How the program calls a field of the library's options, for Error::line(): "--missing nan".
std::string option_text(std::string_view field, std::string_view value);

/// What --list-modes prints: each activation with its formula, parameters and PyTorch's module.
std::string list_modes();

std::string version();

}  // namespace rectify::app
