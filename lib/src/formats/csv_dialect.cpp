#include "csv_dialect.hpp"

#include <algorithm>
#include <cstring>

#include "number/number.hpp"

namespace rectify::inline v1 {
namespace {

/// A quoted header field longer than this is taken for a quote that was never closed.
constexpr std::size_t kMostQuotedBytes = std::size_t{1} << 20;

}  // namespace

std::string CsvField::name() const {
  if (!quoted) return std::string(begin, end);
  std::string name;
  for (const char* p = begin; p != end; ++p) {
    name += *p;
    if (*p == '"') ++p;  // the second of the two that stand for one
  }
  return name;
}

const char* CsvDialect::skip_blank_lines(const char* p, const char* end, bool ended) const {
  for (;;) {
    const char* content = skip_blanks(p, end);
    if (content != end && *content == '\r' && content + 1 == end) return end;
    if (!ended && content != end && comment.starts_with(std::string_view(content, end))) return end;
    if (content != end && is_comment(content, end)) {
      p = std::find(content, end, '\n');
      if (p == end) return end;
      ++p;
      continue;
    }
    const char* next = skip_break(content, end);
    if (next == content) return content == end ? end : p;
    p = next;
  }
}

std::string_view CsvField::problem() const {
  switch (fault) {
    case Fault::none:
      break;
    case Fault::too_long:
      return "a quoted field of more than 1 MiB";
    case Fault::not_closed:
      return "this quote is never closed";
    case Fault::text_behind:
      return "text after a closing quote";
  }
  return "";
}

std::string_view CsvField::remedy() const {
  return fault == Fault::too_long ? "or a quote that is never closed"
                                  : "a quote inside a quoted field is written twice";
}

CsvField CsvDialect::field_at(const char* p, const char* end, bool ended) const {
  CsvField field;
  p = skip_blanks(p, end);
  const auto fail = [&](const char* at, CsvField::Fault fault) {
    field.wrong = at;
    field.fault = fault;
    return field;
  };
  if (p != end && *p == '"') {
    const char* quote = p;
    field.quoted = true;
    field.begin = ++p;
    for (;;) {
      const void* found =
          p == end ? nullptr : std::memchr(p, '"', static_cast<std::size_t>(end - p));
      const char* close = found == nullptr ? end : static_cast<const char*>(found);
      if (static_cast<std::size_t>(close - quote) > kMostQuotedBytes)
        return fail(quote, CsvField::Fault::too_long);
      if (close == end && ended) return fail(quote, CsvField::Fault::not_closed);
      if (close == end || (close + 1 == end && !ended)) {
        field.open = true;
        return field;
      }
      if (close + 1 != end && close[1] == '"') {
        p = close + 2;
        continue;
      }
      field.end = close;
      p = close + 1;
      break;
    }
    field.next = p;
    p = skip_blanks(p, end);
    const bool ends_line = p == end || *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] == '\n'));
    if (!ends_line && !(blanks ? p != field.next : is_delimiter(*p)))
      return fail(p, CsvField::Fault::text_behind);
    field.next = blanks && !ends_line ? p - 1 : p;
  } else {
    field.begin = p;
    while (p != end && !is_delimiter(*p) && *p != '\n') ++p;
    // Part of a line break, in front of one or of the end; anywhere else it is a character of the
    // field.
    if (p != field.begin && p[-1] == '\r' && (p == end || *p == '\n')) --p;
    field.next = p;
    const char* last = p;
    while (last != field.begin && is_blank(last[-1])) --last;
    field.end = last;
    if (blanks) {
      p = skip_blanks(p, end);
      const bool ends_line =
          p == end || *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] == '\n'));
      field.next = ends_line ? p : p - 1;
    }
  }
  // A carriage return at the end may belong to a line break that is not here yet, or not.
  const bool cut = field.next == end || (*field.next == '\r' && field.next + 1 == end);
  field.open = cut && !ended;
  return field;
}

bool CsvDialect::is_number(const CsvField& field) const {
  const char* p = skip_blanks_inside(field.begin, field.end);
  const ParsedNumber<double> number =
      parse_number<double>(p, field.end, NumberGrammar::csv, decimal);
  return number.status == NumberStatus::ok &&
         skip_blanks_inside(number.end, field.end) == field.end;
}

bool CsvDialect::is_missing(const CsvField& field) const {
  const char* const begin = skip_blanks_inside(field.begin, field.end);
  if (begin == field.end) return true;
  if (missing_words.empty()) return false;
  const char* end = field.end;
  while (end[-1] == ' ' || end[-1] == '\t') --end;
  return is_missing_word({begin, end});
}

bool CsvDialect::is_missing_word(std::string_view text) const {
  return std::find(missing_words.begin(), missing_words.end(), text) != missing_words.end();
}

}  // namespace rectify::inline v1
