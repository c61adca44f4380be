#pragma once

#include <cstddef>
#include <string>

#include "flags.hpp"

namespace rectify::app {

inline constexpr std::size_t kAnyWidth = static_cast<std::size_t>(-1);

/// What an option does, the words it takes as far as `width` columns hold them, and its default.
std::string help_line(const Flag& flag, std::size_t width);

/// "-o, --output FILE".
std::string invocation(const Flag& flag);

/// What -h prints: one screen of 24 lines of 80 columns with purpose, examples and the options that
/// most need.
std::string short_help(Options::Command command);

/// What --help prints: every option, explained.
std::string help(Options::Command command);

/// What is printed when there is nothing to read and nobody to read from.
std::string usage(Options::Command command);

}  // namespace rectify::app
