// What standard output is, as far as tables and plots care.

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "report/report.hpp"

namespace rectify::app {
namespace {

/// The first of these variables that is set and not empty.
std::string_view environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// A size in columns or rows; 0 if the variable does not hold one.
int size_from(const char* name) {
  constexpr int kMost = 10000;
  const std::string_view text = environment({name});
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && value > 0 && value <= kMost ? value : 0;
}

}  // namespace

void fit_to_terminal(ReportOptions& options) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  struct winsize size {};
  if (!terminal || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  options.columns = size_from("COLUMNS");
  if (options.columns == 0) options.columns = size.ws_col != 0 ? size.ws_col : 80;
  options.rows = size_from("LINES");
  if (options.rows == 0) options.rows = size.ws_row;
  options.colour = terminal && environment({"NO_COLOR"}).empty() && environment({"TERM"}) != "dumb";
  std::string locale(environment({"LC_ALL", "LC_CTYPE", "LANG"}));
  for (char& c : locale) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  options.utf8 =
      locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

}  // namespace rectify::app
