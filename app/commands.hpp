// What rectify does, once the command line is read.
#pragma once

#include <cstdint>

#include "options.hpp"

namespace rectify::app {

/// Applies the operation to every tensor of every input and writes the results. Throws Error,
/// ReaderGone.
void apply(Options options);

/// Lists the tensors that the inputs hold; whether all of several could be read, else a line on
/// standard error says why. Throws as reading does.
bool list(const Options& options);

enum class Verdict : std::uint8_t {
  fine,
  /// A --fail-if-... limit was passed, and a line on standard error says which.
  over_limit,
  /// Some of several inputs could not be read, and a line on standard error says why.
  incomplete,
};

/// Reports what the modes do to every tensor of every input, or merges partial reports. Throws
/// Error, ReaderGone.
Verdict compare(Options options);

/// Writes a line about the run to standard error. There is nobody to tell if that fails.
void say(const std::string& line);

/// Writes text to standard output. Throws as Output does.
void print(const std::string& text);

}  // namespace rectify::app
