// What people type who know other programs, or not yet this one, and what is right instead. A hint
// is given only where following it leads further.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace rectify::app {

/// What to do about a word that looks like an option and is none: the one that neighbours call so,
/// the nearest, those with that letter, or where to look. `before` are the words in front of it.
std::string hint_for_option(std::string_view word, Options::Command command,
                            const std::vector<std::string>& before);

/// What to do about an input that is not there: a literal, a mode, a command, an address, a value
/// for an option that takes none. "" if nothing is to be said.
std::string hint_for_input(const std::string& input, const Options& options);

/// Throws Error{usage} where the words behind --tensor or --randn show that one option was to have
/// them all: `--randn 2 3`.
void check_stray_words(const Options& options);

}  // namespace rectify::app
