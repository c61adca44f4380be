// CSV and TSV: RFC 4180, with LF or CRLF, any one-byte delimiter, blanks around numbers, blank
// lines skipped, and a header row or none. Data fields are numbers (number.hpp, the csv grammar)
// or, where `missing` says what they stand for, empty. A quoted field may hold a number or nothing;
// line breaks inside quotes are read in the header alone, so that data can be cut at any newline.
// Refused on purpose: comments, rows of unequal length, other number formats.

#include <algorithm>
#include <cstring>
#include <utility>

#include "dispatch.hpp"
#include "format.hpp"
#include "number.hpp"

namespace rectify {
namespace {

/// A quoted header field longer than this is taken for a quote that was never closed.
constexpr std::size_t kMostQuotedBytes = std::size_t{1} << 20;

std::string plural(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(Source& source, const ReadOptions& options, const Wanted& wanted, char delimiter)
      : name_(source.name()),
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
    if (begun_ && cutter_.at_end()) return false;
    cutter_.fill(chunk);
    chunk.begins = !begun_;
    if (!begun_) {
      begun_ = true;
      while (!read_head(chunk)) {
        if (!drop_blank_lines(chunk)) grow_by_lines(chunk);
      }
      if (part_) {
        cutter_.go_to_part(cutter_.offset(chunk) + data_offset_, *part_);
        data_offset_ = 0;
        cutter_.fill(chunk);
        // The first slab of a tensor has rows, unless it is the only one.
        while (!cutter_.ended() && drop_blank_lines(chunk)) {
        }
      }
    }
    std::size_t size = chunk.size;
    while (!cutter_.ended()) {
      const void* newline =
          chunk.size == 0 ? nullptr : ::memrchr(chunk.bytes.data(), '\n', chunk.size);
      if (newline != nullptr) {
        size = static_cast<std::size_t>(static_cast<const char*>(newline) - chunk.bytes.data()) + 1;
        break;
      }
      grow_by_lines(chunk);
      size = chunk.size;
    }
    cutter_.split(chunk, size);
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
    if (chunk.begins) result.names = names_;
  }

  std::uint64_t lines_before() const override { return cutter_.lines_before_part(); }

 private:
  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != delimiter_; }

  const char* skip_blanks(const char* p, const char* end) const {
    while (p != end && is_blank(*p)) ++p;
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

  /// A line that goes on and on may be no text at all, and without end.
  void fail_at_nul(const Chunk& chunk) const {
    if (chunk.size < kMostQuotedBytes) return;
    const void* nul = std::memchr(chunk.bytes.data(), '\0', chunk.size);
    if (nul != nullptr) fail_nul(chunk, static_cast<const char*>(nul));
  }

  [[noreturn]] void fail_nul(const Chunk& chunk, const char* at) const {
    fail(chunk, at, "'\\x00' is not a number", "this is no text");
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

  bool is_number(const Field& field) const {
    const char* p = skip_blanks(field.begin, field.end);
    const ParsedNumber<double> number =
        parse_number<double>(p, field.end, NumberGrammar::csv, decimal_);
    return number.status == NumberStatus::ok && skip_blanks(number.end, field.end) == field.end;
  }

  /// A number with a carriage return beside it is no name: `1\r\r\n` and `1\r2\n` are rows whose
  /// line breaks were spoilt, and would be lost as a header.
  void refuse_carriage_return(const Chunk& chunk, const Field& field) const {
    if (field.quoted || std::find(field.begin, field.end, '\r') == field.end) return;
    Field number = field;
    number.begin = std::find_if_not(field.begin, field.end,
                                    [this](char c) { return c == '\r' || is_blank(c); });
    number.end = std::find(number.begin, field.end, '\r');
    if (!is_number(number)) return;
    const std::string_view text(field.begin, static_cast<std::size_t>(field.end - field.begin));
    fail(chunk, field.begin, in_quotes(text) + " is not a number",
         hint_for(text) + "; --header yes takes it for a name");
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
      if (skip_blanks(field.begin, field.end) != field.end && !is_number(field)) {
        if (header_ == Header::automatic) refuse_carriage_return(chunk, field);
        has_words_ = true;
      }
      p = field.next;
      if (p == end || *p != delimiter_) break;
    }
    const char* data = first;
    names_.clear();
    if (header_ == Header::yes || (header_ == Header::automatic && has_words_)) {
      p = first;
      for (std::size_t i = 0; i < fields_; ++i) {
        const Field field = field_at(chunk, p, end, cutter_.ended());
        names_.push_back(name_of(field));
        p = field.next == end ? end : field.next + 1;
      }
      data = end_of_line(begin, p, end);
      const char* nul = std::find(first, data, '\0');
      if (nul != data) fail_nul(chunk, nul);
    }
    const char* row = skip_blank_lines(data, end);
    if (row == end && cutter_.ended()) {
      const char* line_end = std::find(first, end, '\n');
      const std::string hint = delimiter_hint({first, static_cast<std::size_t>(line_end - first)});
      fail(chunk, end, "no tensor in it: only a header",
           hint.empty() ? "--header no reads the first row as numbers" : hint);
    }
    const void* newline =
        row == end ? nullptr : std::memchr(row, '\n', static_cast<std::size_t>(end - row));
    const bool more =
        newline != nullptr && skip_blank_lines(static_cast<const char*>(newline) + 1, end) != end;
    const bool enough = more || (newline != nullptr && !tells_rows_from_vectors_);
    if (!enough && !cutter_.ended()) return false;
    single_row_ = !enough;
    data_offset_ = static_cast<std::size_t>(data - begin);
    return true;
  }

  /// `p` stands behind a header's last field, at its line break or one past it.
  static const char* end_of_line(const char* begin, const char* p, const char* end) {
    if (p != begin && p[-1] == '\n') return p;
    const void* newline =
        p == end ? nullptr : std::memchr(p, '\n', static_cast<std::size_t>(end - p));
    return newline == nullptr ? end : static_cast<const char*>(newline) + 1;
  }

  // ---- rows of numbers -------------------------------------------------------------------------

  template <class T>
  void check_missing() const {
    const char* end = missing_->data() + missing_->size();
    const ParsedNumber<T> number = parse_number<T>(missing_->data(), end, NumberGrammar::csv);
    if (number.status == NumberStatus::ok && number.end == end) return;
    throw Error(ErrorKind::usage, "--missing " + in_quotes(*missing_) + " is no " +
                                      std::string(rectify::name(dtype_)) + " number");
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
    const auto lines = static_cast<std::size_t>(std::count(p, end + 1, '\n'));
    // No row without a line, no field without a byte: whichever is less bounds the memory.
    const std::size_t most =
        lines > chunk.size / fields_ + 1 ? chunk.size + fields_ + 1 : lines * fields_;
    Tensor values = Tensor::empty({static_cast<std::int64_t>(most)}, dtype_of<T>);
    T* const out = values.data<T>().data();
    const T missing = missing_value<T>();
    std::size_t count = 0;

    while (p < end) {
      if (*p <= ' ') {
        const char* content = skip_blank_lines(p, end);
        if (content == end) break;
        p = content;
      }
      const char* line_end = nullptr;  // found when it is first needed
      for (std::size_t field = 1;; ++field) {
        p = skip_blanks(p, end);
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
    const char* content = skip_blanks(field.begin, field.end);
    if (content == field.end) {
      if (!missing_) {
        fail(chunk, p,
             "field " + std::to_string(position) + " of " + std::to_string(fields_) + " is missing",
             "to fill missing fields: --missing nan, or a number");
      }
      value = missing;
      return field.next;
    }
    const ParsedNumber<T> number =
        parse_number<T>(content, field.end, NumberGrammar::csv, decimal_);
    const std::string_view text(field.begin, static_cast<std::size_t>(field.end - field.begin));
    if (number.status == NumberStatus::out_of_range &&
        skip_blanks(number.end, field.end) == field.end) {
      fail(chunk, p, in_quotes(text) + " does not fit " + std::string(rectify::name(dtype_)),
           is_floating_point(dtype_) ? "" : "choose a wider --dtype");
    }
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
      fail_nul(chunk, field.begin + nul);
    }
    if (number.status != NumberStatus::ok || skip_blanks(number.end, field.end) != field.end) {
      fail(chunk, p, in_quotes(text) + " is not a number", hint_for(text));
    }
    value = number.value;
    return field.next;
  }

  /// Says so if the text looks like fields separated by something else.
  std::string delimiter_hint(std::string_view text) const {
    const auto has = [&](char c) { return text.find(c) != std::string_view::npos; };
    const auto commas = std::count(text.begin(), text.end(), ',');
    if (delimiter_ != ',' && (commas > 1 || (commas == 1 && decimal_ == ','))) {
      return delimiter_ == '\t' ? "fields separated by commas: --from csv"
                                : "fields separated by commas: --delimiter ,";
    }
    if (delimiter_ != ';' && has(';')) return "fields separated by semicolons: --delimiter ';'";
    if (delimiter_ != '\t' && has('\t')) return "fields separated by tabs: --from tsv";
    if (delimiter_ != '|' && has('|')) return "fields separated by bars: --delimiter '|'";
    const bool numbers = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') ||
             std::string_view(" +-.eE\r").find(c) != std::string_view::npos;
    });
    if (delimiter_ != ' ' && numbers && has(' '))
      return "fields separated by blanks: --delimiter ' '";
    return "";
  }

  std::string hint_for(std::string_view text) const {
    const auto has = [&](char c) { return text.find(c) != std::string_view::npos; };
    std::string delimiter = delimiter_hint(text);
    if (!delimiter.empty()) return delimiter;
    if (decimal_ != ',' && has(',')) return "a decimal comma: --decimal ,";
    if (decimal_ == ',' && has('.')) return "--decimal , reads a comma as the decimal point";
    if (text.front() == '#') return "comments are not read";
    if (text.back() == '\r') return "a carriage return too many in the line break: tr -d '\\r'";
    if (has('\r')) return "a carriage return inside the line: tr '\\r' '\\n' makes it a line break";
    const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '-' || c == '?';
    });
    if (letters) return "for missing values: leave the field empty and give --missing nan";
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
      hint = "for decimal commas: --decimal , and another --delimiter";
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
         missing_ ? "--missing fills empty fields, not absent ones" : "");
  }

  std::string name_;
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
  bool has_words_ = false;         // in the first row
  std::size_t last_field_ = 0;     // where read_head came to
  std::size_t fields_before_ = 0;  // and how many it passed
  bool single_row_ = false;
  std::size_t data_offset_ = 0;  // in the first chunk: past the header
  std::vector<std::string> names_;
};

// ---- writing -----------------------------------------------------------------------------------

class CsvEncoder final : public detail::Encoder {
 public:
  CsvEncoder(Output& output, const WriteOptions& options, char delimiter)
      : output_(output), header_(options.header), delimiter_(delimiter) {}

  bool takes_slabs(const Result&) const override { return true; }
  bool takes_stacks() const override { return true; }
  bool tells_rows_from_vectors() const override { return false; }
  bool tells_records() const override { return true; }

  void encode(const Result& result, std::string& text) const override {
    check_text(result.columns[0].tensor);
    const std::size_t width = width_of(result);
    dispatch(result.columns[0].tensor.dtype(),
             [&](auto type) { encode_rows<typename decltype(type)::type>(result, width, text); });
  }

  void put(const Result& result, std::string_view text) override {
    if (result.begins) {
      const std::size_t width = width_of(result) * result.columns.size();
      if (!begun_) {
        begun_ = true;
        width_ = width;
        names_ = result.names;
        write_header(result);
      } else if (width != width_) {
        throw Error(
            ErrorKind::unsupported,
            "a tensor of " + plural(width, "column") + " after one of " + std::to_string(width_),
            "rows of a CSV have one length; --to jsonl holds tensors of any shape");
      } else if (result.names != names_ && !result.names.empty() && header_ != Header::no) {
        throw Error(ErrorKind::unsupported, "a header other than the first input's",
                    "--out-header no leaves headers out");
      }
    }
    output_.write(text);
  }

 private:
  /// Values of each column of the Result that stand on one line.
  static std::size_t width_of(const Result& result) {
    if (result.lines == Lines::rows) return result.fields;
    const Shape& shape = result.columns[0].tensor.shape();
    if (shape.size() > 2) {
      throw Error(ErrorKind::unsupported,
                  "a tensor of " + std::to_string(shape.size()) + " dimensions has no CSV",
                  "at most 2 dimensions do; --to json or npy holds any");
    }
    return shape.size() == 2 ? static_cast<std::size_t>(shape[1]) : 1;
  }

  template <class T>
  void encode_rows(const Result& result, std::size_t width, std::string& text) const {
    std::vector<const T*> at;
    for (const Column& column : result.columns)
      at.push_back(column.tensor.template data<T>().data());
    const auto numel = static_cast<std::size_t>(result.columns[0].tensor.numel());
    const std::size_t rows =
        width == 0 ? static_cast<std::size_t>(result.columns[0].tensor.shape()[0]) : numel / width;
    char buffer[4096];
    char* p = buffer;
    for (std::size_t row = 0; row < rows; ++row) {
      for (const T*& values : at) {
        for (std::size_t i = 0; i < width; ++i) {
          p = format_number(p, values[i]);
          *p++ = delimiter_;
          if (p > buffer + sizeof buffer - kNumberBytes - 2) {
            text.append(buffer, p);
            p = buffer;
          }
        }
        values += width;
      }
      if (width == 0) {
        *p++ = '\n';
      } else if (p != buffer) {
        p[-1] = '\n';
      } else {
        text.back() = '\n';
      }
      if (p > buffer + sizeof buffer - kNumberBytes - 2) {
        text.append(buffer, p);
        p = buffer;
      }
    }
    text.append(buffer, p);
  }

  void write_header(const Result& result) {
    const bool labelled = result.columns.size() > 1;
    if (header_ == Header::no || (header_ == Header::automatic && names_.empty() && !labelled))
      return;
    const std::size_t width = width_of(result);
    std::string line;
    std::size_t first_name_end = 0;
    for (const Column& column : result.columns) {
      for (std::size_t i = 0; i < width; ++i) {
        const bool is_first = i == 0 && &column == &result.columns.front();
        if (!is_first) line += delimiter_;
        const bool column_alone = labelled && width == 1 && names_.empty();
        std::string name = i < names_.size() ? names_[i] : std::to_string(i);
        if (column_alone) {
          name = column.label;
        } else if (labelled) {
          name.insert(0, column.label + '.');
        }
        line += field_text(name, labelled || width > 1);
        if (is_first) first_name_end = line.size();
      }
    }
    if (is_mistaken(line)) {  // as a file that begins so would be
      line.insert(first_name_end, 1, '"');
      line.insert(0, 1, '"');
    }
    output_.write(line + "\n");
  }

  /// RFC 4180: quoted where the name would otherwise be read as something else.
  std::string field_text(const std::string& name, bool has_neighbours) const {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    const bool edges = !name.empty() && (blank(name.front()) || blank(name.back()) ||
                                         name.starts_with(kByteOrderMark));
    const bool empty_line = name.empty() && !has_neighbours;
    if (!edges && !empty_line &&
        name.find_first_of(std::string("\"\r\n") + delimiter_) == std::string::npos)
      return name;
    std::string text = "\"";
    for (const char c : name) {
      if (c == '"') text += '"';
      text += c;
    }
    return text + '"';
  }

  Output& output_;
  Header header_;
  char delimiter_;
  bool begun_ = false;
  std::size_t width_ = 0;
  std::vector<std::string> names_;
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

std::unique_ptr<detail::Encoder> csv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, ',');
}

std::unique_ptr<detail::Encoder> tsv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, '\t');
}

}  // namespace rectify
