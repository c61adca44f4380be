// Every option once: a row has all that is known of it. The command line (options.cpp), help
// (help.cpp), the manual (manual.cpp) and completion (completion.cpp) are made from the rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace rectify::app {

struct Flag {
  enum For : std::uint8_t { both, apply, compare, neither };
  enum Group : std::uint8_t { input, operation, report, gate, output, printing, other };
  /// What kind of word the option takes, for those who complete it.
  enum Value : std::uint8_t {
    none,
    text,
    file,
    number,
    /// One of words().
    choice,
    /// Several of words(), between commas.
    list,
  };

  For command = both;
  Group group = other;
  /// "--output"; "-h" for one that has a letter alone.
  std::string_view name;
  /// 'o', or '\0'.
  char letter = '\0';
  Value value = none;
  /// What help calls the value: "FILE".
  std::string_view variable = {};
  /// The words it takes, from the tables that know them; null: any.
  std::vector<std::string> (*words)() = nullptr;
  /// What holds where it is not given; empty: nothing, or the text says it.
  std::string_view standard = {};
  /// The commands on whose one screen of -h it stands.
  For screen = neither;
  /// A line of help, before the words and the default.
  std::string_view brief;
  /// The paragraph of the manual and of --help; what is typed stands between backticks.
  std::string_view manual;
  /// Whether it may be given several times, each of which counts.
  bool repeats = false;
  /// What giving it does. `word` is "" for an option without a value.
  void (*take)(Options&, const std::string& word);
  /// The field of the library's options that it sets, as option() calls it, where that has another
  /// name.
  std::string_view field = {};
  /// The formats that it is for, of those that are written; null: all.
  std::vector<std::string> (*formats)() = nullptr;
};

/// In the order of application: what others override stands before them.
std::span<const Flag> flags();

/// The heading of a group of options.
std::string_view heading(Flag::Group group);

/// Whether the command takes it.
bool applies(const Flag& flag, Options::Command command);

/// Whether it is about what is read, or what is done to it: no part of reports that are merged.
bool reads(const Flag& flag);

/// The formats of compare's reports.
std::vector<std::string> report_formats();

/// The modes of a list, as the option of that name was given. Throws Error{usage}.
std::vector<Module> modes_of(std::string_view option, const std::string& text);

/// Throws Error{usage}.
[[noreturn]] void refuse(std::string message, std::string hint = {});

/// "a, b" of {"a", "b"}.
std::string joined(const std::vector<std::string>& words, std::string_view between);

}  // namespace rectify::app
