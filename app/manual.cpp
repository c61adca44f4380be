#include "manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "flags.hpp"
#include "manual_text.hpp"

namespace rectify::app {
namespace {

/// Text in roff: what stands between backticks in bold, a sentence a line, a new line of the text a
/// paragraph.
std::string roff(std::string_view text) {
  std::string result;
  bool bold = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = result.empty() || result.back() == '\n';
    const char next = i + 1 == text.size() ? '\0' : text[i + 1];
    if (c == '`') {
      bold = !bold;
      result += bold ? "\\fB" : "\\fR";
    } else if (c == '\\') {
      result += "\\e";
    } else if (c == '-' && (bold || next != ' ')) {
      result += "\\-";
    } else if (c == '\'') {
      result += begins_line || bold ? "\\(aq" : "'";
    } else if (c == '^') {
      result += "\\(ha";
    } else if (c == '.' && begins_line) {
      result += "\\&.";
    } else if (c == '\n') {
      result += "\n.IP\n";
    } else if (c == ' ' && !bold && i != 0 && text[i - 1] == '.' && next >= 'A' && next <= 'Z') {
      result += '\n';
    } else {
      result += c;
    }
  }
  return result;
}

std::string bold(std::string_view text) { return roff(fmt::format("`{}`", text)); }

/// "One of `a`, `b` or `c`."
std::string words_of(const Flag& flag) {
  std::string text;
  const std::vector<std::string> words = flag.words();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? " or " : ", ";
    text += "`" + words[i] + "`";
  }
  return text + ".";
}

std::string paragraph(const Flag& flag) {
  std::string head;
  if (flag.letter != '\0' && flag.name.size() > 2)
    head = bold(fmt::format("-{}", flag.letter)) + ", ";
  head += bold(flag.name);
  if (!flag.variable.empty()) head += fmt::format(" \\fI{}\\fR", roff(flag.variable));
  std::string text = fmt::format(".TP\n{}\n{}\n", head, roff(flag.manual));
  const bool has_list = flag.value == Flag::choice || flag.value == Flag::list;
  if (flag.words != nullptr && has_list) text += roff("Words: " + words_of(flag)) + "\n";
  if (!flag.standard.empty()) {
    const bool typed = flag.standard.find(' ') == std::string_view::npos;
    text += fmt::format("Default: {}.\n", typed ? bold(flag.standard) : roff(flag.standard));
  }
  return text;
}

/// Breaks long lines of text, which roff fills again; a request stays on its line.
std::string with_short_lines(const std::string& page) {
  constexpr std::size_t kLine = 79;
  std::string result;
  for (std::size_t begin = 0; begin < page.size();) {
    std::size_t end = std::min(page.find('\n', begin), page.size());
    const std::size_t next = end + 1;
    while (page[begin] != '.' && end - begin > kLine) {
      const std::size_t blank = page.rfind(' ', begin + kLine);
      if (blank == std::string::npos || blank <= begin) break;
      result.append(page, begin, blank - begin).append("\n");
      begin = blank + 1;
      if (page[begin] == '.' || page[begin] == '\'') result += "\\&";
    }
    result.append(page, begin, end - begin).append("\n");
    begin = next;
  }
  return result;
}

/// The options of one command alone, or those of both with the command that has more of them.
std::string options_of(Options::Command command) {
  const bool compares = command == Options::Command::compare;
  std::string text;
  for (int i = 0; i <= Flag::other; ++i) {
    const auto group = static_cast<Flag::Group>(i);
    std::string section;
    for (const Flag& flag : flags()) {
      if (flag.group != group || !applies(flag, command)) continue;
      if (!compares || flag.command == Flag::compare) section += paragraph(flag);
    }
    if (section.empty()) continue;
    text += compares ? section : fmt::format(".SS {}\n{}", roff(heading(group)), section);
  }
  return text;
}

}  // namespace

std::string manual() {
  std::string text(kManualText);
  const auto put = [&](std::string_view mark, const std::string& options) {
    text.replace(text.find(mark), mark.size(), options);
  };
  put(".\\\" OPTIONS\n", options_of(Options::Command::apply));
  put(".\\\" OPTIONS OF COMPARE\n", options_of(Options::Command::compare));
  return with_short_lines(text);
}

}  // namespace rectify::app
