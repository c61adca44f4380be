// What was asked for on the command line. CLI11 is seen in options.cpp alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rectify/rectify.hpp"

namespace rectify::app {

struct Options {
  enum class Ask : std::uint8_t { run, short_help, help, version };
  Ask ask = Ask::run;

  // One kind of source:
  std::vector<std::string> inputs;  // "-" is standard input
  std::optional<std::string> tensor;
  std::optional<Shape> randn;
  std::optional<std::uint64_t> seed;

  ReadOptions read;
  Operation operation;
  WriteOptions write;
  RunOptions run;
  std::optional<std::string> output;
  bool verbose = false;
};

/// Reads the command line. Throws Error{usage} in words of ours: the option as typed, and the
/// nearest valid one.
Options parse_options(int argc, const char* const* argv);

/// What -h prints: a screen of purpose, examples and options.
std::string short_help();

/// What --help prints: the same, with every option explained.
std::string help();

/// What is printed when there is nothing to read and nobody to read from.
std::string usage();

std::string version();

}  // namespace rectify::app
