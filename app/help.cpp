#include "help.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rectify::app {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kText = 24;  // the column at which an option's text begins

constexpr std::string_view kExamples =
    "rectify [OPTIONS] [INPUT...]   PyTorch's rectifiers at the shell\n"
    "rectify compare -h             several beside one another: which units are dead?\n"
    "  rectify --tensor '[2,-4,5,-6]' --slope 0.4       a literal\n"
    "  rectify acts.csv --mode relu -o out.npy          from file to file\n"
    "  zcat acts.csv.gz | rectify --to csv | less       a filter\n";

constexpr std::string_view kCompareExamples =
    "rectify compare [OPTIONS] [INPUT...]   which units are dead, and under what\n"
    "  rectify compare acts.npy                       a table for people\n"
    "  rectify compare --fail-if-dead 0.1 acts/*.npy  a gate for CI: exit 3\n"
    "  rectify compare acts.csv --to json             for programs, such as jq\n";

/// `text` in lines of kColumns, each behind so many blanks.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) lines += fmt::format("{:{}}{}\n", "", indent, line);
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (!line.empty() && indent + line.size() + 1 + end > kColumns) end_line();
    line += fmt::format("{}{}", line.empty() ? "" : " ", text.substr(0, end));
    if (end != text.size() && text[end] == '\n') end_line();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  end_line();
  return lines;
}

/// The manual's paragraph without its marks.
std::string plain(std::string_view manual) {
  std::string text(manual);
  std::erase(text, '`');
  return text;
}

/// An option's line, the text broken where it is too long.
std::string entry(const Flag& flag, std::string_view text) {
  const std::string head = "  " + invocation(flag);
  std::string lines = wrapped(text, kText);
  if (head.size() + 1 > kText) return head + "\n" + lines;
  lines.replace(0, std::min(head.size(), lines.size()), head);
  return lines;
}

bool stands_on(Flag::For screen, Options::Command command) {
  if (screen == Flag::both) return true;
  return screen == (command == Options::Command::compare ? Flag::compare : Flag::apply);
}

std::string exit_codes(Options::Command command) {
  return fmt::format(
      "No INPUT, or -: standard input. Exit: 0 done, 1 bad data or I/O, 2 wrong usage{}\n",
      command == Options::Command::compare ? ",\n3 over a limit." : ".");
}

}  // namespace

std::string invocation(const Flag& flag) {
  std::string text(flag.name);
  if (flag.letter != '\0' && flag.name.size() > 2)
    text = fmt::format("-{}, {}", flag.letter, flag.name);
  return flag.variable.empty() ? text : fmt::format("{} {}", text, flag.variable);
}

std::string help_line(const Flag& flag, std::size_t width) {
  const std::string standard = flag.standard.empty() ? "" : fmt::format(" [{}]", flag.standard);
  std::string text(flag.brief);
  if (flag.words != nullptr && flag.value == Flag::choice) {
    const std::string words =
        fmt::format("{}{}", text.empty() ? "" : ": ", joined(flag.words(), ", "));
    if (text.empty() || text.size() + words.size() + standard.size() <= width) text += words;
  }
  text += standard;
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

std::string short_help(Options::Command command) {
  std::string text(command == Options::Command::compare ? kCompareExamples : kExamples);
  for (const Flag& flag : flags()) {
    if (applies(flag, command) && stands_on(flag.screen, command))
      text += entry(flag, help_line(flag, kColumns - kText));
  }
  return text + exit_codes(command);
}

std::string help(Options::Command command) {
  std::string text(command == Options::Command::compare ? kCompareExamples : kExamples);
  for (int i = 0; i <= Flag::other; ++i) {
    const auto group = static_cast<Flag::Group>(i);
    const auto here = [&](const Flag& flag) {
      return flag.group == group && applies(flag, command);
    };
    if (std::none_of(flags().begin(), flags().end(), here)) continue;
    text += fmt::format("\n{}:\n", heading(group));
    for (const Flag& flag : flags()) {
      if (!here(flag)) continue;
      text += entry(flag, help_line(flag, kAnyWidth));
      const std::string more = plain(flag.manual);
      if (more != help_line(flag, 0)) text += wrapped(more, kText + 2);
    }
  }
  return text + "\n" + exit_codes(command);
}

std::string usage(Options::Command command) {
  if (command == Options::Command::compare) {
    return "rectify: nothing to read: name a file, or pipe something in\n"
           "  rectify compare acts.csv\n"
           "  rectify compare layer1.npy --mode relu,leaky,elu --fail-if-dead 0.1\n"
           "rectify compare -h tells more\n";
  }
  return "rectify: nothing to read: name a file, pipe something in, or give --tensor or --randn\n"
         "  rectify --tensor '[2,-4,5,-6]' --slope 0.4\n"
         "  rectify acts.csv --mode relu\n"
         "rectify -h tells more\n";
}

}  // namespace rectify::app
