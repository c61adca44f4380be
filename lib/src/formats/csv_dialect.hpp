// How a table is written: where its fields and lines end, and what a field may be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/stream.hpp"

namespace rectify::inline v1 {

/// A field, as far as its text is there.
struct CsvField {
  /// What is inside the quotes, or between the blanks.
  const char* begin = nullptr;
  const char* end = nullptr;
  bool quoted = false;
  /// Past the field: at a delimiter, a line break or the end of the text.
  const char* next = nullptr;
  /// The text ends before the field is sure to.
  bool open = false;
  /// Set: where it is wrong, and how.
  const char* wrong = nullptr;
  enum class Fault : std::uint8_t { none, too_long, not_closed, text_behind } fault = Fault::none;

  /// What is wrong, and what to do about it.
  std::string_view problem() const;
  std::string_view remedy() const;
  std::string_view text() const { return {begin, static_cast<std::size_t>(end - begin)}; }
  /// The text, with a quote for each two.
  std::string name() const;
};

struct CsvDialect {
  char delimiter = ',';
  /// Runs of blanks and tabs are the delimiter, those at the ends of a line mean nothing.
  bool blanks = false;
  char decimal = '.';
  /// Lines that begin so are skipped; none if it is empty.
  std::string comment;
  /// What stands for an empty field.
  std::vector<std::string> missing_words;

  bool is_delimiter(char c) const { return blanks ? c == ' ' || c == '\t' : c == delimiter; }
  bool is_blank(char c) const { return (c == ' ' || c == '\t') && (blanks || c != delimiter); }
  const char* skip_blanks(const char* p, const char* end) const {
    while (p != end && is_blank(*p)) ++p;
    return p;
  }
  /// The start of the next line that is neither blank nor a comment; `end`, if that cannot be told of
  /// what stands in front of it. `ended`: the text goes on no further, or with a line.
  const char* skip_blank_lines(const char* p, const char* end, bool ended) const;
  /// Whether a comment begins at `p`, which is behind the blanks of a line.
  bool is_comment(const char* p, const char* end) const {
    return !comment.empty() &&
           std::string_view(p, static_cast<std::size_t>(end - p)).starts_with(comment);
  }

  /// The field at `p`. `ended`: the text goes on no further than to `end`. A line break inside
  /// quotes belongs to the field, unless `end` is that of a line.
  CsvField field_at(const char* p, const char* end, bool ended) const;

  /// Whether it is a number and nothing else, but for blanks.
  bool is_number(const CsvField& field) const;
  /// Whether nothing is in it, or what stands for that.
  bool is_missing(const CsvField& field) const;
  bool is_missing_word(std::string_view text) const;
};

/// The same as CsvDialect::skip_blanks() inside a field, where even the delimiter is a blank: it is
/// between quotes then.
inline const char* skip_blanks_inside(const char* p, const char* end) {
  while (p != end && (*p == ' ' || *p == '\t')) ++p;
  return p;
}

/// Past the line break at `p`, or `p` if there is none.
inline const char* skip_break(const char* p, const char* end) {
  if (p != end && *p == '\n') return p + 1;
  if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') return p + 2;
  return p;
}

}  // namespace rectify::inline v1
