#include "rectify/error.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "utf8.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kQuotedBytes = 60;

/// Characters that would break the line, reorder what stands beside them, or look like blanks or
/// like nothing at all.
bool is_unprintable(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C ||
         (code >= 0x2000 && code <= 0x200F) || code == 0xA0 || code == 0xAD ||
         (code >= 0x205F && code <= 0x2064) || (code >= 0x2028 && code <= 0x202F) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

void append_hex(std::string& out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// What option() puts around a field, before its value and behind it.
constexpr char kField = '\x01';
constexpr char kValue = '\x02';
constexpr char kEnd = '\x03';

/// The text with every option in words.
std::string with_options(std::string_view text, const OptionText& words) {
  std::string out;
  for (;;) {
    const std::size_t begin = text.find(kField);
    const std::size_t value = text.find(kValue, begin);
    const std::size_t end = text.find(kEnd, value);
    if (end == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, begin));
    out +=
        words(text.substr(begin + 1, value - begin - 1), text.substr(value + 1, end - value - 1));
    text.remove_prefix(end + 1);
  }
}

/// A field as C++ has it: ".missing = nan", ".delimiter = ';'".
std::string in_cpp(std::string_view field, std::string_view value) {
  const bool is_function = field.find(':') != std::string_view::npos;
  std::string text =
      is_function ? std::string(field) : "." + std::string(field.substr(field.rfind('.') + 1));
  if (value.empty()) return text;
  const bool is_sign = value.size() == 1 && std::isalnum(static_cast<unsigned char>(value[0])) == 0;
  return text + " = " + (is_sign ? "'" + std::string(value) + "'" : std::string(value));
}

std::string one_line(const Place& place, const std::string& message, const std::string& hint) {
  std::string line = escaped(place.source);
  if (place.line != 0) line += ":" + std::to_string(place.line);
  if (place.line != 0 && place.column != 0) line += ":" + std::to_string(place.column);
  if (!line.empty()) line += ": ";
  line += message;
  if (!hint.empty()) line += " (" + hint + ")";
  return line;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Letters to change, add or leave out to make one word of the other (Levenshtein's distance),
/// whatever their case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

Error::Error(ErrorKind kind, std::string message, std::string hint, Place place)
    : kind_(kind),
      marked_message_(std::move(message)),
      marked_hint_(std::move(hint)),
      message_(with_options(marked_message_, in_cpp)),
      hint_(with_options(marked_hint_, in_cpp)),
      place_(std::move(place)),
      what_(one_line(place_, message_, hint_)) {}

Error Error::at(Place place) const {
  if (!place_.source.empty()) place.source = place_.source;
  if (place_.line != 0) place.line = place_.line, place.column = place_.column;
  return moved_to(std::move(place));
}

Error Error::moved_to(Place place) const {
  return Error(kind_, marked_message_, marked_hint_, std::move(place));
}

Error Error::as(ErrorKind kind) const { return Error(kind, marked_message_, marked_hint_, place_); }

std::string Error::line(const OptionText& words) const {
  return one_line(place_, with_options(marked_message_, words), with_options(marked_hint_, words));
}

std::string option(std::string_view field, std::string_view value) {
  std::string mark(1, kField);
  mark.append(field);
  mark += kValue;
  mark.append(value);
  mark += kEnd;
  return mark;
}

std::string escaped(std::string_view text, std::size_t most) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (i >= most) return out + "...";
    std::uint32_t code = 0;
    const std::size_t length = utf8_length(text.substr(i), code);
    if (code == '\n' && length == 1) {
      out += "\\n";
    } else if (code == '\r' && length == 1) {
      out += "\\r";
    } else if (code == '\t' && length == 1) {
      out += "\\t";
    } else if (length == 0 || is_unprintable(code)) {
      for (std::size_t k = 0; k < (length == 0 ? 1 : length); ++k)
        append_hex(out, static_cast<unsigned char>(text[i + k]));
    } else {
      out.append(text.substr(i, length));
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

std::string in_quotes(std::string_view text) { return "'" + escaped(text, kQuotedBytes) + "'"; }

std::string_view nearest(std::string_view typed, std::span<const std::string_view> known) {
  constexpr std::size_t kNear = 2;
  constexpr std::size_t kTelling = 3;  // letters that tell more than a beginning
  std::string_view best;
  std::size_t least = kNear + 1;
  for (const std::string_view word : known) {
    const std::size_t distance = edit_distance(typed, word);
    const bool begins = typed.size() > kTelling && typed.size() < word.size() &&
                        edit_distance(typed, word.substr(0, typed.size())) == 0;
    // Where all letters differ, nothing is alike.
    const bool alike = distance < std::min(typed.size(), word.size());
    if ((distance < least && alike) || (begins && best.empty())) {
      least = std::min(distance, least);
      best = word;
    }
  }
  return best;
}

}  // namespace rectify::inline v1
