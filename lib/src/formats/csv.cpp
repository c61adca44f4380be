// CSV and TSV: RFC 4180, with LF or CRLF, any one-byte delimiter, blanks around numbers, and a
// header row or none; a first row that may be either is refused. Blank lines are skipped, but for
// those between the rows of a single column, which are missing fields. Data fields are numbers
// (number.hpp, the csv grammar) or, where `missing` says what they stand for, empty. A quoted field
// may hold a number or nothing; line breaks inside quotes are read in the header alone, so that
// data can be cut at any newline. Refused on purpose: comments, rows of unequal length, other
// number formats.

#include <algorithm>
#include <cstring>
#include <utility>

#include "csv_first_row.hpp"
#include "dispatch.hpp"
#include "format.hpp"
#include "kernels/count.hpp"
#include "number/number.hpp"

namespace rectify {
namespace {

/// A quoted header field longer than this is taken for a quote that was never closed.
constexpr std::size_t kMostQuotedBytes = std::size_t{1} << 20;

/// What to do about a first row that may be data or a header.
std::string ask_for_header(std::string_view row) {
  return option("read.header", "yes") + " takes " + std::string(row) + " as names, " +
         option("read.header", "no") + " as data";
}
/// A row with more fields that no run begins with is read field by field.
constexpr int kMostVainRuns = 8;

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(Source& source, const ReadOptions& options, const Wanted& wanted, char delimiter)
      : source_(source),
        name_(source.name()),
        block_bytes_(std::max<std::size_t>(options.block_bytes, 1)),
        cutter_(source, options.block_bytes),
        dtype_(options.dtype.value_or(DType::float32)),
        header_(options.header),
        delimiter_(options.delimiter == '\0' ? delimiter : options.delimiter),
        decimal_(options.decimal),
        missing_(options.missing),
        ndmin_(options.part ? 2 : options.ndmin),
        part_(options.part),
        tells_rows_from_vectors_(wanted.tells_rows_from_vectors) {
    if (missing_) {
      dispatch_text(dtype_, [&](auto type) { check_missing<typename decltype(type)::type>(); });
    }
  }

  bool cut(Chunk& chunk) override {
    if (begun_ && cutter_.at_end() && owed_ == 0) return false;
    cutter_.fill(chunk);
    chunk.begins = !begun_;
    if (!begun_) {
      begun_ = true;
      while (!read_head(chunk)) {
        if (!drop_blank_lines(chunk)) grow_by_lines(chunk);
      }
      if (part_) {
        const std::uint64_t body = cutter_.offset(chunk) + data_offset_;
        row_behind_ = fields_ == 1 && has_row_from(cutter_.part_end(body, *part_));
        cutter_.go_to_part(body, *part_);
        data_offset_ = 0;
        cutter_.fill(chunk);
        has_first_row_ = cutter_.offset(chunk) == body;
      }
    }
    chunk.blank_rows = 0;
    std::size_t size = size_of_lines(chunk);
    // A part may begin with blank lines, and the first slab of a tensor has rows.
    while (chunk.begins && part_ && fields_ != 1 && !cutter_.ended() &&
           skip_blank_lines(chunk.bytes.data(), chunk.bytes.data() + size) ==
               chunk.bytes.data() + size) {
      cutter_.split(chunk, size);
      cutter_.fill(chunk);
      size = size_of_lines(chunk);
    }
    const std::size_t rows_size = fields_ == 1 ? settle_blank_lines(chunk, size) : size;
    cutter_.split(chunk, size);
    chunk.size = rows_size;
    chunk.last = chunk.last && owed_ == 0;
    chunk.ends = chunk.last;
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    Tensor values;
    dispatch_text(dtype_, [&](auto type) { values = rows<typename decltype(type)::type>(chunk); });
    const std::int64_t count = values.numel() / static_cast<std::int64_t>(fields_);
    const auto fields = static_cast<std::int64_t>(fields_);
    Shape shape;
    if (ndmin_ >= 2 || (!single_row_ && fields_ != 1)) {
      shape = {count, fields};
    } else if (!single_row_) {
      shape = {count};
    } else if (fields_ != 1 || ndmin_ == 1) {
      shape = {fields};
    }
    Result& result = results.emplace_back();
    result.columns.push_back({"", values.reshape(std::move(shape))});
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    result.lines = Lines::rows;
    result.fields = fields_;
    result.of_part = part_ && part_->count > 1;
    if (chunk.begins) result.names = names_;
  }

  std::uint64_t lines_before() const override { return cutter_.lines_before_part(); }

 private:
  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != delimiter_; }

  const char* skip_blanks(const char* p, const char* end) const {
    while (p != end && is_blank(*p)) ++p;
    return p;
  }

  /// The same inside a field, where even the delimiter is a blank: it is between quotes then.
  static const char* skip_blanks_inside(const char* p, const char* end) {
    while (p != end && (*p == ' ' || *p == '\t')) ++p;
    return p;
  }

  /// Past the line break at `p`, or `p` if there is none.
  static const char* skip_break(const char* p, const char* end) {
    if (p != end && *p == '\n') return p + 1;
    if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') return p + 2;
    return p;
  }

  /// The start of the next line that is not blank.
  const char* skip_blank_lines(const char* p, const char* end) const {
    for (;;) {
      const char* content = skip_blanks(p, end);
      if (content != end && *content == '\r' && content + 1 == end) return end;
      const char* next = skip_break(content, end);
      if (next == content) return content == end ? end : p;
      p = next;
    }
  }

  [[noreturn]] void fail(const Chunk& chunk, const char* at, std::string message,
                         std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), place_in(chunk, name_, at));
  }

  /// If there are nothing but blank lines so far, forgets them and reads on. A carriage return at
  /// the end may belong to a line break that is not here yet.
  bool drop_blank_lines(Chunk& chunk) {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    if (skip_blank_lines(begin, end) != end) return false;
    const void* newline = chunk.size == 0 ? nullptr : ::memrchr(begin, '\n', chunk.size);
    if (newline == nullptr) return false;
    cutter_.split(chunk, static_cast<std::size_t>(static_cast<const char*>(newline) - begin) + 1);
    cutter_.fill(chunk);
    return true;
  }

  /// The size of the whole lines at hand, of one at least: reads on if there is none.
  std::size_t size_of_lines(Chunk& chunk) {
    while (!cutter_.ended()) {
      const void* newline =
          chunk.size == 0 ? nullptr : ::memrchr(chunk.bytes.data(), '\n', chunk.size);
      if (newline != nullptr) {
        return static_cast<std::size_t>(static_cast<const char*>(newline) - chunk.bytes.data()) + 1;
      }
      grow_by_lines(chunk);
    }
    return chunk.size;
  }

  // ---- blank lines of a single column ----------------------------------------------------------
  //
  // They are rows if a row comes behind them, which may be in another chunk or another part. Until
  // that is known they are counted.

  /// `size` is that of the whole lines at hand. Returns how much of it is rows, and sets how many
  /// blank lines in front of them are rows, too.
  std::size_t settle_blank_lines(Chunk& chunk, std::size_t& size) {
    std::size_t rows = size_of_rows(chunk, size);
    while (rows == 0 && !cutter_.ended()) {
      waiting_ += lines_in(chunk, 0, size);
      cutter_.split(chunk, size);
      cutter_.fill(chunk);
      size = size_of_lines(chunk);
      rows = size_of_rows(chunk, size);
    }
    const bool goes_on = cutter_.ended() && row_behind_;
    if (goes_on) rows = size;
    if (rows != 0 || goes_on) owed_ += std::exchange(waiting_, 0);
    // All of them at once might be too many. Without a value for them the first one is an error.
    chunk.blank_rows = missing_ ? std::min<std::uint64_t>(owed_, block_bytes_) : owed_;
    owed_ -= chunk.blank_rows;
    if (owed_ != 0) return size = 0;
    waiting_ += lines_in(chunk, rows, size);
    return rows;
  }

  /// Up to the blank lines at the end of the first `size` bytes.
  std::size_t size_of_rows(const Chunk& chunk, std::size_t size) const {
    const char* const begin = chunk.bytes.data();
    while (size != 0) {
      const void* newline = ::memrchr(begin, '\n', size - 1);
      const char* line = newline == nullptr ? begin : static_cast<const char*>(newline) + 1;
      if (skip_blank_lines(line, begin + size) != begin + size) break;
      size = static_cast<std::size_t>(line - begin);
    }
    return size;
  }

  static std::uint64_t lines_in(const Chunk& chunk, std::size_t begin, std::size_t end) {
    return count_line_feeds(chunk.bytes.data() + begin, chunk.bytes.data() + end);
  }

  /// Whether anything but blank lines stands in the input from `at` on.
  bool has_row_from(std::uint64_t at) const {
    const std::uint64_t size = source_.size().value_or(0);
    std::vector<char> block(std::size_t{64} << 10);
    while (at < size) {
      const std::size_t count = source_.read_at(
          at, block.data(),
          static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - at)));
      const char* const end = block.data() + count;
      if (skip_blank_lines(block.data(), end) != end) return true;
      if (count == 0 || at + count == size) break;
      // A carriage return at the end of a block may belong to a line break.
      at += end[-1] == '\r' && count > 1 ? count - 1 : count;
    }
    return false;
  }

  /// Reads on until there is another line break, or a good deal more.
  void grow_by_lines(Chunk& chunk) {
    std::size_t before = 0;
    do {
      if (cutter_.full(chunk)) fail_at_nul(chunk);
      before = chunk.size;
      cutter_.grow(chunk);
    } while (!cutter_.full(chunk) && !cutter_.ended() &&
             std::memchr(chunk.bytes.data() + before, '\n', chunk.size - before) == nullptr);
  }

  /// A line that goes on and on may not be text at all, and without end.
  void fail_at_nul(const Chunk& chunk) const {
    if (chunk.size < kMostQuotedBytes) return;
    const void* nul = std::memchr(chunk.bytes.data(), '\0', chunk.size);
    if (nul != nullptr) fail_nul(chunk, static_cast<const char*>(nul));
  }

  [[noreturn]] void fail_nul(const Chunk& chunk, const char* at) const {
    fail(chunk, at, "'\\x00' is not a number", "this is not text");
  }

  // ---- the head: byte order mark, header, number of fields -------------------------------------

  struct Field {
    const char* begin = nullptr;  // what is inside the quotes, or between the blanks
    const char* end = nullptr;
    bool quoted = false;
    const char* next =
        nullptr;        // past the field: at a delimiter, a line break or the end of the text
    bool open = false;  // the text ends before the field is sure to
  };

  Field field_at(const Chunk& chunk, const char* p, const char* end, bool ended) const {
    Field field;
    p = skip_blanks(p, end);
    if (p != end && *p == '"') {
      const char* quote = p;
      field.quoted = true;
      field.begin = ++p;
      for (;;) {
        const void* found =
            p == end ? nullptr : std::memchr(p, '"', static_cast<std::size_t>(end - p));
        const char* close = found == nullptr ? end : static_cast<const char*>(found);
        if (static_cast<std::size_t>(close - quote) > kMostQuotedBytes) {
          fail(chunk, quote, "a quoted field of more than 1 MiB in the header",
               "or a quote that is never closed");
        }
        if (close == end && ended) {
          fail(chunk, quote, "this quote is never closed",
               "a quote inside a quoted field is written twice");
        }
        if (close == end || (close + 1 == end && !ended)) {
          field.open = true;
          return field;
        }
        if (close + 1 != end && close[1] == '"') {
          p = close + 2;
          continue;
        }
        field.end = close;
        p = skip_blanks(close + 1, end);
        break;
      }
      const bool ends_line =
          p == end || *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] == '\n'));
      if (!ends_line && *p != delimiter_) {
        fail(chunk, p, "text after a closing quote",
             "a quote inside a quoted field is written twice");
      }
      field.next = p;
    } else {
      field.begin = p;
      while (p != end && *p != delimiter_ && *p != '\n') ++p;
      field.next = p;
      // Part of a line break, in front of one or of the end; anywhere else it is a character of the
      // field.
      if (p != field.begin && p[-1] == '\r' && (p == end || *p == '\n')) field.next = p - 1;
      const char* last = field.next;
      while (last != field.begin && is_blank(last[-1])) --last;
      field.end = last;
    }
    // A carriage return at the end may belong to a line break that is not here yet, or not.
    const bool cut = field.next == end || (*field.next == '\r' && field.next + 1 == end);
    field.open = cut && !ended;
    return field;
  }

  static std::string name_of(const Field& field) {
    if (!field.quoted) return std::string(field.begin, field.end);
    std::string name;
    for (const char* p = field.begin; p != field.end; ++p) {
      name += *p;
      if (*p == '"') ++p;  // the second of the two that stand for one
    }
    return name;
  }

  bool is_number(const Field& field) const { return is_number(field, decimal_); }

  bool is_number(const Field& field, char decimal) const {
    const char* p = skip_blanks_inside(field.begin, field.end);
    const ParsedNumber<double> number =
        parse_number<double>(p, field.end, NumberGrammar::csv, decimal);
    return number.status == NumberStatus::ok &&
           skip_blanks_inside(number.end, field.end) == field.end;
  }

  static std::string_view text_of(const Field& field) {
    return {field.begin, static_cast<std::size_t>(field.end - field.begin)};
  }

  Kind kind_of(const Field& field) const {
    if (skip_blanks_inside(field.begin, field.end) == field.end) return Kind::empty;
    return is_number(field) ? Kind::number : kind_of_words(text_of(field));
  }

  /// Calls `with` for each field of the first row and for where it begins. Returns its end: a line
  /// break or the end of the text.
  template <class F>
  const char* for_each_field(const Chunk& chunk, const char* p, const char* end, F with) const {
    for (std::size_t i = 0;; ++i) {
      p = skip_blanks(p, end);
      const Field field = field_at(chunk, p, end, cutter_.ended());
      with(field, p);
      if (i + 1 == fields_) return field.next;
      p = field.next + 1;
    }
  }

  /// Whether the first row, which begins at `first`, is a header. Numbers are data, and names are a
  /// header. What may be either is an error: a guess might lose a row, or make one up.
  bool is_header(const Chunk& chunk, const char* first, const char* end) const {
    struct Found {
      Field field;
      const char* at = nullptr;
      Kind kind = Kind::empty;
    };
    Found number;
    Found words;
    Found spoilt;  // by a carriage return
    bool has_name = false;
    std::size_t position = 0;
    std::size_t empty_before = 0;
    std::size_t counted = 0;  // fields behind those that are 0, 1, 2 ...
    const char* const row_end =
        for_each_field(chunk, first, end, [&](const Field& field, const char* at) {
          const Kind kind = kind_of(field);
          if (kind == Kind::empty && position == empty_before) ++empty_before;
          if (kind == Kind::number && text_of(field) == std::to_string(position - empty_before))
            ++counted;
          if (kind == Kind::number && number.at == nullptr) number = {field, at, kind};
          if (kind > Kind::number && words.at == nullptr) words = {field, at, kind};
          if (kind > Kind::empty && spoilt.at == nullptr && !field.quoted &&
              text_of(field).find('\r') != std::string_view::npos)
            spoilt = {field, at, kind};
          has_name = has_name || kind == Kind::name;
          ++position;
        });
    if (words.at == nullptr) {
      if (empty_before == 0 || counted == 0 || empty_before + counted != fields_) return false;
      fail(chunk, first,
           "the first row may be data or a header: an empty field before 0, 1, 2 ... is how pandas "
           "writes names that are numbers",
           ask_for_header("it"));
    }
    // A carriage return in a name is most likely a line break that was spoilt.
    if (number.at == nullptr && has_name && spoilt.at == nullptr) return true;
    const char* nul = std::find(first, row_end, '\0');
    if (nul != row_end) fail_nul(chunk, nul);
    std::string hint = ask_for_header("it");
    const std::string remedy =
        spoilt.at != nullptr ? hint_for(text_of(spoilt.field))
                             : remedy_for_row({first, static_cast<std::size_t>(row_end - first)});
    if (!remedy.empty()) hint.insert(0, remedy + "; ");
    const std::string text = in_quotes(text_of(words.field));
    if (number.at == nullptr && has_name) {
      fail(chunk, spoilt.at,
           "the first row has a carriage return in " + in_quotes(text_of(spoilt.field)), hint);
    }
    if (number.at != nullptr) {
      fail(chunk, words.at,
           "the first row mixes numbers (" + in_quotes(text_of(number.field)) + ") and " +
               (words.kind == Kind::like_number ? "other text (" : "words (") + text + ")",
           hint);
    }
    fail(chunk, words.at,
         "the first row may be data or a header: " + text +
             (words.kind == Kind::like_number ? " begins like a number, but is not one"
                                              : " may stand for a missing value"),
         hint);
  }

  /// The options with which a row is numbers alone, if there are any.
  std::string remedy_for_row(std::string_view row) const {
    const Remedy other = delimiter_remedy(row);
    // Groups of digits: 1 000 is more likely a thousand than 1 and 0.
    if (other.delimiter == ' ' && row.size() > 3 && row.rfind(' ') == row.size() - 4) return "";
    if (is_row_of_numbers(row, other.delimiter, decimal_)) return other.hint;
    if (is_row_of_numbers(row, other.delimiter, ','))
      return other.hint + " " + option("decimal", ",");
    return is_row_of_numbers(row, delimiter_, ',') ? "a decimal comma: " + option("decimal", ",")
                                                   : "";
  }

  bool is_row_of_numbers(std::string_view row, char delimiter, char decimal) const {
    if (delimiter == '\0' || delimiter == decimal) return false;
    const char* const end = row.data() + row.size();
    for (const char* p = row.data();; ++p) {
      Field field;
      field.begin = p;
      p = std::find(p, end, delimiter);
      field.end = p;
      if (!is_number(field, decimal)) return false;
      if (p == end) return true;
    }
  }

  /// Reads the header, counts the fields, and sees whether there is more than one row. False: it
  /// takes more text, and begins then with the last field it came to, as a row may be long.
  bool read_head(Chunk& chunk) {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* const first = skip_blank_lines(begin, end);
    if (first == end && !cutter_.ended()) return false;
    if (first == end) fail(chunk, end, "no tensor in it: expected rows of numbers");

    const char* p = std::max(first, begin + last_field_);
    for (fields_ = fields_before_;; ++p) {
      last_field_ = static_cast<std::size_t>(p - begin);
      fields_before_ = fields_++;
      const Field field = field_at(chunk, p, end, cutter_.ended());
      if (field.open) return false;
      p = field.next;
      if (p == end || *p != delimiter_) break;
    }
    const char* data = first;
    names_.clear();
    if (!has_header_) {
      has_header_ =
          header_ == Header::automatic ? is_header(chunk, first, end) : header_ == Header::yes;
    }
    bool only_numbers = true;
    if (*has_header_) {
      const char* row_end = for_each_field(chunk, first, end, [&](const Field& field, const char*) {
        names_.push_back(name_of(field));
        only_numbers = only_numbers && is_number(field);
      });
      data = skip_break(row_end, end);
      const char* nul = std::find(first, data, '\0');
      if (nul != data) fail_nul(chunk, nul);
    }
    const char* row = skip_blank_lines(data, end);
    if (row == end && cutter_.ended()) {
      const char* line_end = std::find(first, end, '\n');
      const std::string hint =
          delimiter_remedy({first, static_cast<std::size_t>(line_end - first)}).hint;
      fail(chunk, end, "no tensor in it: only a header",
           hint.empty() && only_numbers
               ? option("read.header", "no") + " reads the first row as numbers"
               : hint);
    }
    // One between a header and the first row of a single column is a row, too.
    const bool blank_row = fields_ == 1 && *has_header_ && row != data;
    const void* newline =
        row == end ? nullptr : std::memchr(row, '\n', static_cast<std::size_t>(end - row));
    const bool more =
        newline != nullptr &&
        (blank_row || skip_blank_lines(static_cast<const char*>(newline) + 1, end) != end);
    const bool enough = more || (newline != nullptr && !tells_rows_from_vectors_);
    if (!enough && !cutter_.ended()) return false;
    single_row_ = !enough && !blank_row;
    data_offset_ = static_cast<std::size_t>(data - begin);
    return true;
  }

  // ---- rows of numbers -------------------------------------------------------------------------

  template <class T>
  void check_missing() const {
    const char* end = missing_->data() + missing_->size();
    const ParsedNumber<T> number = parse_number<T>(missing_->data(), end, NumberGrammar::csv);
    if (number.status == NumberStatus::ok && number.end == end) return;
    throw Error(ErrorKind::usage, option("missing", in_quotes(*missing_)) + " is not a number of " +
                                      std::string(rectify::name(dtype_)));
  }

  template <class T>
  T missing_value() const {
    return missing_ ? parse_number<T>(missing_->data(), missing_->data() + missing_->size(),
                                      NumberGrammar::csv)
                          .value
                    : T{};
  }

  template <class T>
  Tensor rows(Chunk& chunk) const {
    char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    begin[chunk.size] = '\n';  // the last line may have none
    const char* p = begin + (chunk.begins ? data_offset_ : 0);
    const auto lines = count_line_feeds(p, end + 1);
    // No row without a line, no field without a byte: whichever is less bounds the memory.
    const std::size_t most =
        lines > chunk.size / fields_ + 1 ? chunk.size + fields_ + 1 : lines * fields_;
    const auto blank_rows = static_cast<std::size_t>(chunk.blank_rows);
    const std::size_t size = most + blank_rows;
    const Dialect dialect{.grammar = NumberGrammar::csv,
                          .delimiter = delimiter_,
                          .point = decimal_,
                          .fields = fields_};
    Tensor values = Tensor::empty({static_cast<std::int64_t>(size)}, dtype_of<T>);
    T* const out = values.data<T>().data();
    const T missing = missing_value<T>();
    std::size_t count = blank_rows;
    if (blank_rows != 0) {
      if (!missing_) fail_missing({name_, chunk.line - blank_rows, 1}, 1, false);
      std::fill_n(out, blank_rows, missing);
    }

    while (p < end) {
      if (*p <= ' ') {
        const char* content = fields_ == 1 ? skip_blanks(p, end) : skip_blank_lines(p, end);
        if (content == end) break;
        if (fields_ == 1 && skip_break(content, end) != content) {
          if (!missing_) fail_missing(place_in(chunk, name_, p), 1, false);
          out[count++] = missing;
          p = skip_break(content, end);
          continue;
        }
        p = content;
      }
      const char* line_end = nullptr;  // found when it is first needed
      int vain = 0;                    // runs that ended at once
      for (std::size_t field = 1;; ++field) {
        p = skip_blanks(p, end);
        if (vain < kMostVainRuns && field <= fields_) {
          const Run run = read_numbers<T>(p, end, dialect, field - 1, {out + count, size - count});
          count += run.count;
          p = run.end;
          vain += run.count == 0 ? 1 : 0;
          if (field + run.count > fields_) line_end = nullptr;
          field = (field - 1 + run.count) % fields_ + 1;
          if (field == 1 && run.count != 0) break;  // a blank line may be next
          p = skip_blanks(p, end);
        }
        const ParsedNumber<T> number = parse_number<T>(p, end, NumberGrammar::csv, decimal_);
        const char* next = skip_blanks(number.end, end);
        const char c = *next;
        const bool ends_line = c == '\n' || (c == '\r' && next != end && next[1] == '\n');
        if (number.status == NumberStatus::ok && (c == delimiter_ || ends_line) && field <= fields_)
            [[likely]] {
          out[count++] = number.value;
        } else {
          if (field > fields_) fail_long(chunk, p, end);
          next = special_field<T>(chunk, p, end, line_end, field, missing, out[count++]);
        }
        if (*next == delimiter_ && next != end) {
          p = next + 1;
          continue;
        }
        if (field != fields_) fail_short(chunk, next, field);
        p = next == end ? end : skip_break(next, end + 1);
        break;
      }
    }
    return values.prefix({static_cast<std::int64_t>(count)});
  }

  /// A field that is not simply a number: quoted, missing, or wrong. Returns its end: a delimiter,
  /// a line break or the end.
  template <class T>
  const char* special_field(const Chunk& chunk, const char* p, const char* end,
                            const char*& line_end, std::size_t position, T missing,
                            T& value) const {
    if (line_end == nullptr) line_end = std::find(p, end, '\n');
    Field field;
    if (p != line_end && *p == '"') {
      // Only to the end of the line: a number has no line break in it.
      const char* const break_begin = line_end[-1] == '\r' ? line_end - 1 : line_end;
      const char* close = p + 1;
      for (; close < break_begin; ++close) {
        if (*close != '"') continue;
        if (close + 1 == break_begin || close[1] != '"') break;
        ++close;
      }
      if (close >= break_begin) {
        fail(chunk, p, "this quote is not closed on its line",
             "a field of a data row holds one number");
      }
      field.begin = p + 1;
      field.end = close;
      field.next = skip_blanks(close + 1, break_begin);
      if (field.next != break_begin && *field.next != delimiter_) {
        fail(chunk, field.next, "text after a closing quote",
             "a quote inside a quoted field is written twice");
      }
    } else {
      field = field_at(chunk, p, line_end, true);  // knows a line break's carriage return
    }
    const char* content = skip_blanks_inside(field.begin, field.end);
    if (content == field.end) {
      if (!missing_) fail_missing(place_in(chunk, name_, p), position, is_in_first_row(chunk, p));
      value = missing;
      return field.next;
    }
    const ParsedNumber<T> number =
        parse_number<T>(content, field.end, NumberGrammar::csv, decimal_);
    const std::string_view text(field.begin, static_cast<std::size_t>(field.end - field.begin));
    if (number.status == NumberStatus::out_of_range &&
        skip_blanks_inside(number.end, field.end) == field.end) {
      fail(chunk, p, in_quotes(text) + " does not fit " + std::string(rectify::name(dtype_)),
           is_floating_point(dtype_) ? "" : "choose a wider " + option("dtype"));
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
      fail_nul(chunk, field.begin + nul);
    }
    if (number.status != NumberStatus::ok ||
        skip_blanks_inside(number.end, field.end) != field.end) {
      fail(chunk, p, in_quotes(text) + " is not a number", hint_for(text));
    }
    value = number.value;
    return field.next;
  }

  /// Whether `at` is in the first row of all, where it is data without anyone having said so.
  bool is_in_first_row(const Chunk& chunk, const char* at) const {
    if (!chunk.begins || !has_first_row_ || *has_header_ || header_ == Header::no) return false;
    const char* const first = chunk.bytes.data() + data_offset_;
    return std::find(first, at, '\n') == at;
  }

  /// A missing field of the first row may be a name of a header of numbers: a value for it would
  /// make a row of that.
  [[noreturn]] void fail_missing(Place place, std::size_t position, bool in_first_row) const {
    throw Error(
        ErrorKind::data,
        "field " + std::to_string(position) + " of " + std::to_string(fields_) + " is missing",
        in_first_row ? ask_for_header("the first row")
                     : "to fill missing fields: " + option("missing", "nan") + ", or a number",
        std::move(place));
  }

  /// The delimiter that a text may have instead, and what to say then.
  struct Remedy {
    char delimiter = '\0';
    std::string hint;
  };

  Remedy delimiter_remedy(std::string_view text) const {
    const auto has = [&](char c) { return text.find(c) != std::string_view::npos; };
    const auto commas = std::count(text.begin(), text.end(), ',');
    if (delimiter_ != ',' && (commas > 1 || (commas == 1 && decimal_ == ','))) {
      return {',',
              "fields separated by commas: " +
                  (delimiter_ == '\t' ? option("read.format", "csv") : option("delimiter", ","))};
    }
    if (delimiter_ != ';' && has(';'))
      return {';', "fields separated by semicolons: " + option("delimiter", ";")};
    if (delimiter_ != '\t' && has('\t'))
      return {'\t', "fields separated by tabs: " + option("read.format", "tsv")};
    if (delimiter_ != '|' && has('|'))
      return {'|', "fields separated by bars: " + option("delimiter", "|")};
    const bool numbers = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') ||
             std::string_view(" +-.eE\r").find(c) != std::string_view::npos;
    });
    if (delimiter_ != ' ' && numbers && has(' '))
      return {' ', "fields separated by blanks: " + option("delimiter", " ")};
    return {};
  }

  std::string hint_for(std::string_view text) const {
    const auto has = [&](char c) { return text.find(c) != std::string_view::npos; };
    Remedy remedy = delimiter_remedy(text);
    if (remedy.delimiter != '\0') return std::move(remedy.hint);
    if (decimal_ != ',' && has(',')) return "a decimal comma: " + option("decimal", ",");
    if (decimal_ == ',' && has('.'))
      return option("decimal", ",") + " reads a comma as the decimal point";
    if (text.front() == '#') return "comments are not read";
    if (text.back() == '\r') return "a carriage return too many in the line break: tr -d '\\r'";
    if (has('\r')) return "a carriage return inside the line: tr '\\r' '\\n' makes it a line break";
    const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '-' || c == '?';
    });
    if (letters)
      return "for missing values: leave the field empty and give " + option("missing", "nan");
    return "expected digits with an optional sign, point and exponent, or nan or inf";
  }

  [[noreturn]] void fail_long(const Chunk& chunk, const char* at, const char* end) const {
    const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
    const char* line_end = newline == nullptr ? end : static_cast<const char*>(newline);
    const auto more = static_cast<std::size_t>(std::count(at, line_end, delimiter_)) + 1;
    std::string hint;
    if (skip_blanks(at, line_end) == line_end || *skip_blanks(at, line_end) == '\r') {
      hint = "the row ends with a delimiter";
    } else if (delimiter_ == ',' && decimal_ == '.') {
      hint =
          "for decimal commas: " + option("decimal", ",") + " and another " + option("delimiter");
    }
    fail(chunk, at,
         "the row has " + plural(fields_ + more, "field") + ", expected " +
             std::to_string(fields_) + " as " +
             (names_.empty() ? "in the first row" : "in the header"),
         hint);
  }

  [[noreturn]] void fail_short(const Chunk& chunk, const char* at, std::size_t found) const {
    fail(chunk, at,
         "the row has " + plural(found, "field") + ", expected " + std::to_string(fields_) +
             " as " + (names_.empty() ? "in the first row" : "in the header"),
         missing_ ? option("missing") + " fills empty fields, not absent ones" : "");
  }

  Source& source_;
  std::string name_;
  std::size_t block_bytes_;
  TextCutter cutter_;
  DType dtype_;
  Header header_;
  char delimiter_;
  char decimal_;
  std::optional<std::string> missing_;
  int ndmin_;
  std::optional<Part> part_;
  bool tells_rows_from_vectors_;

  bool begun_ = false;
  std::size_t fields_ = 0;
  std::optional<bool> has_header_;  // once the first row is here
  bool has_first_row_ = true;       // in the first chunk
  std::size_t last_field_ = 0;      // where read_head came to
  std::size_t fields_before_ = 0;   // and how many it passed
  bool single_row_ = false;
  std::size_t data_offset_ = 0;  // in the first chunk: past the header
  std::vector<std::string> names_;
  std::uint64_t waiting_ = 0;  // blank lines behind the last row, which are rows if one follows
  std::uint64_t owed_ = 0;     // blank lines that are rows and have not been given out
  bool row_behind_ = false;    // a row follows behind the part
};

}  // namespace

std::unique_ptr<Decoder> csv_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  return std::make_unique<CsvDecoder>(source, options, wanted, ',');
}

std::unique_ptr<Decoder> tsv_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  return std::make_unique<CsvDecoder>(source, options, wanted, '\t');
}
}  // namespace rectify
