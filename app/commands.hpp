// What rectify does, once the command line is read.
#pragma once

#include "options.hpp"

namespace rectify::app {

/// Applies the operation to every tensor of every input and writes the results. Throws Error,
/// ReaderGone.
void apply(Options options);

/// Lists the tensors that the inputs hold. Throws as reading does.
void list(const Options& options);

/// Reports what the modes do to every tensor of every input, or merges partial reports. True
/// if no --fail-if-... limit was passed; if one was, a line on standard error says which. Throws
/// Error, ReaderGone.
bool compare(Options options);

/// Writes a line about the run to standard error. There is nobody to tell if that fails.
void say(const std::string& line);

/// Writes text to standard output. Throws as Output does.
void print(const std::string& text);

}  // namespace rectify::app
