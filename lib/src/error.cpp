#include "rectify/error.hpp"

#include <utility>

#include "utf8.hpp"

namespace rectify {
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

std::string one_line(const Place& place, const std::string& message, const std::string& hint) {
  std::string line = escaped(place.source);
  if (place.line != 0) line += ":" + std::to_string(place.line);
  if (place.line != 0 && place.column != 0) line += ":" + std::to_string(place.column);
  if (!line.empty()) line += ": ";
  line += message;
  if (!hint.empty()) line += " (" + hint + ")";
  return line;
}

}  // namespace

Error::Error(ErrorKind kind, std::string message, std::string hint, Place place)
    : kind_(kind),
      message_(std::move(message)),
      hint_(std::move(hint)),
      place_(std::move(place)),
      what_(one_line(place_, message_, hint_)) {}

Error Error::at(Place place) const {
  if (!place_.source.empty()) place.source = place_.source;
  if (place_.line != 0) place.line = place_.line, place.column = place_.column;
  return Error(kind_, message_, hint_, std::move(place));
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

}  // namespace rectify
