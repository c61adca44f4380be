// What rectify does, once the command line is read.
#pragma once

#include "options.hpp"

namespace rectify::app {

/// Applies the operation to every tensor of every input and writes the results. Throws Error,
/// ReaderGone.
void apply(const Options& options);

/// Writes text to standard output. Throws as Output does.
void print(const std::string& text);

}  // namespace rectify::app
