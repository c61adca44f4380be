// CSV and TSV: RFC 4180, with LF or CRLF, any one-byte delimiter or runs of blanks, blanks around
// numbers, and a header row or none; a first row that may be either is refused. Blank lines are
// skipped, but for those between the rows of a single column, which are missing fields. Data fields
// are numbers (number.hpp, the csv grammar) or, where `missing` says what they stand for, empty. A
// quoted field may hold a number or nothing; line breaks inside quotes are read in the header alone,
// so that data can be cut at any newline. Refused on purpose: rows of unequal length, other number
// formats.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <utility>

#include "csv_columns.hpp"
#include "csv_dialect.hpp"
#include "csv_first_row.hpp"
#include "csv_hint.hpp"
#include "dispatch.hpp"
#include "format.hpp"
#include "integers.hpp"
#include "kernels/columns.hpp"
#include "kernels/count.hpp"
#include "number/number.hpp"
#include "rewrite.hpp"

namespace rectify::inline v1 {
namespace {

/// What to do about a first row that may be data or a header.
std::string ask_for_header(std::string_view row) {
  return option("read.header", "yes") + " takes " + std::string(row) + " as names, " +
         option("read.header", "no") + " as data";
}

/// A row with more fields that no run begins with is read field by field.
constexpr int kMostVainRuns = 8;

/// A line that is longer than this may not be text at all.
constexpr std::size_t kLongLineBytes = std::size_t{1} << 20;

/// Skipped text that is to be written again is held until then, but not without end.
constexpr std::size_t kMostSkippedBytes = std::size_t{64} << 20;

/// No text has these, but for damage.
bool is_binary(char c) {
  return static_cast<unsigned char>(c) < '\t' ||
         (c > '\r' && c < ' ' && c != '\x1A' && c != '\x1B');
}

class CsvDecoder final : public Decoder {
 public:
  CsvDecoder(Source& source, const ReadOptions& options, const Wanted& wanted, char delimiter,
             bool gives_hints)
      : source_(source),
        options_(options),
        name_(source.name()),
        block_bytes_(std::max<std::size_t>(options.block_bytes, 1)),
        cutter_(source, options.block_bytes),
        dtype_(options.dtype.value_or(DType::float32)),
        delimiter_(delimiter),
        missing_(options.missing),
        ndmin_(options.ndmin),
        tells_rows_from_vectors_(wanted.tells_rows_from_vectors),
        rewriting_(wanted.rewriting),
        gives_hints_(gives_hints),
        holds_skipped_(wanted.skipped_of == (delimiter == '\t' ? "tsv" : "csv")),
        lines_to_skip_(options.skip) {
    dialect_.delimiter = options.delimiter == '\0' ? delimiter : options.delimiter;
    dialect_.blanks = dialect_.delimiter == ReadOptions::kBlanks;
    if (dialect_.blanks) dialect_.delimiter = ' ';
    dialect_.decimal = options.decimal;
    dialect_.comment = options.comment;
    dialect_.missing_words = options.missing_words;
    if (!missing_ && !options.missing_words.empty()) missing_ = "nan";
    if (missing_) {
      dispatch_text(dtype_, [&](auto type) { check_missing<typename decltype(type)::type>(); });
    }
    for (const std::string& word : options.missing_words) {
      CsvField field;
      field.begin = word.data();
      field.end = word.data() + word.size();
      has_number_words_ = has_number_words_ || dialect_.is_number(field);
    }
  }

  void restrict_to(const Part& part) override {
    cutter_.restrict_to(part);
    ndmin_ = 2;  // a part of a single row has others beside it
    holds_skipped_ = holds_skipped_ && cutter_.has_start();
  }

  bool cut(Chunk& chunk) override {
    if (begun_ && cutter_.ended() && owed_ == 0) return false;
    if (begun_ && cut_unread(chunk)) return true;
    cutter_.fill(chunk);
    chunk.begins = !begun_;
    if (!begun_) {
      begun_ = true;
      begin(chunk);
    }
    chunk.blank_rows = 0;
    std::size_t size = size_of_lines(chunk);
    // A part may begin with blank lines, and the first slab of a tensor has rows.
    while (chunk.begins && cutter_.is_restricted() && fields_ != 1 && !cutter_.ended() &&
           dialect_.skip_blank_lines(chunk.bytes.data(), chunk.bytes.data() + size, true) ==
               chunk.bytes.data() + size) {
      remember({chunk.bytes.data(), size});
      cutter_.split(chunk, size);
      cutter_.fill(chunk);
      size = size_of_lines(chunk);
    }
    const std::size_t rows_size = fields_ == 1 ? settle_blank_lines(chunk, size) : size;
    if (chunk.begins) begins_at_ = cutter_.offset(chunk);
    cutter_.split(chunk, size);
    chunk.size = rows_size;
    chunk.last = chunk.last && owed_ == 0;
    chunk.ends = chunk.last;
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    cutter_.load(chunk);
    if (rewrites_.load(std::memory_order_relaxed)) {
      if (auto text = rewritten(chunk)) {
        const auto fields = static_cast<std::int64_t>(columns_.width);
        Result& result = add(chunk, results, Tensor::empty({0, fields}, dtype_));
        result.text = std::move(text);
        if (columns_.kept != 0) result.kept = std::make_shared<KeptColumns>(kept_);
        return;
      }
    }
    Tensor values;
    std::shared_ptr<KeptColumns> kept;
    if (columns_.kept != 0) kept = std::make_shared<KeptColumns>(kept_);
    Inexact inexact;
    dispatch_text(dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      bool is_done = plain_;
      if (plain_) {
        values = rows<T>(chunk);
      } else if (!plan_.runs.empty()) {
        is_done = rows_taken_apart<T>(chunk, kept.get(), values);
      }
      if (!is_done) {
        values = rows_by_field<T>(chunk, kept.get(), inexact);
      } else if (may_be_inexact<T>(values.data<T>())) {
        rows_by_field<T>(chunk, nullptr, inexact);
      }
    });
    const auto fields = static_cast<std::int64_t>(columns_.width);
    const std::int64_t count = values.numel() / fields;
    Shape shape;
    if (ndmin_ >= 2 || (!single_row_ && fields != 1)) {
      shape = {count, fields};
    } else if (!single_row_) {
      shape = {count};
    } else if (fields != 1 || ndmin_ == 1) {
      shape = {fields};
    }
    Result& result = add(chunk, results, values.reshape(std::move(shape)));
    result.kept = std::move(kept);
    result.inexact = std::move(inexact);
  }

  void decoded(const Chunk& chunk) override { cutter_.loaded(chunk); }

  std::uint64_t lines_before() const override { return cutter_.lines_before(); }

  bool has_columns() const override { return fields_ > 1; }

  std::optional<Error> note() const override {
    if (!trailing_) return std::nullopt;
    return Error(ErrorKind::data,
                 "every line ends with a delimiter, which is not a column of its own",
                 option("columns", "1-" + std::to_string(fields_ + 1)) +
                     (missing_ ? "" : " " + option("missing", "nan")) + " takes it for one",
                 {name_});
  }

 private:
  /// A Result of the rows of a chunk.
  Result& add(const Chunk& chunk, std::vector<Result>& results, Tensor tensor) const {
    Result& result = results.emplace_back();
    result.columns.push_back({"", std::move(tensor)});
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    result.lines = Lines::rows;
    result.fields = columns_.width;
    result.of_part = cutter_.is_of_several();
    result.style = style_;
    if (chunk.begins) result.names = chosen_names_;
    return result;
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
    if (dialect_.skip_blank_lines(begin, end, cutter_.ended()) != end) return false;
    const void* newline = chunk.size == 0 ? nullptr : ::memrchr(begin, '\n', chunk.size);
    if (newline == nullptr) return false;
    drop(chunk, static_cast<std::size_t>(static_cast<const char*>(newline) - begin) + 1);
    return true;
  }

  /// Leaves the next lines to decode() to read, if it needs nothing but them.
  bool cut_unread(Chunk& chunk) {
    if (owed_ != 0 || waiting_ != 0) return false;
    const std::string_view end = cutter_.last_lines_ahead();
    if (end.empty()) return false;
    // Of a single column the last line has to be a row: of blank lines it counts what stands behind.
    if (fields_ == 1) {
      const std::size_t newline = end.substr(0, end.size() - 1).rfind('\n');
      if (newline == std::string_view::npos) return false;  // longer than what has been looked at
      const char* const row = end.data() + newline + 1;
      const char* const row_end = end.data() + end.size();
      if (dialect_.skip_blank_lines(row, row_end, true) == row_end) return false;
    }
    cutter_.leave_unread(chunk);
    chunk.begins = chunk.ends = false;
    chunk.blank_rows = 0;
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
      wait_for_row(chunk, 0, size);
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
    chunk.blank_line = waiting_line_;
    chunk.blank_hint = missing_ || chunk.blank_rows == 0 ? "" : hint_for_waiting();
    wait_for_row(chunk, rows, size);
    return rows;
  }

  /// Of the blank lines in a run of lines without rows.
  void wait_for_row(const Chunk& chunk, std::size_t begin, std::size_t end) {
    const std::uint64_t lines = lines_in(chunk, begin, end);
    if (waiting_ == 0 && lines != 0) {
      const char* const text = chunk.bytes.data();
      const char* p = text + begin;
      const char* const last = text + end;
      while (dialect_.is_comment(dialect_.skip_blanks(p, last), last)) {
        p = std::find(p, last, '\n');
        if (p != last) ++p;
      }
      waiting_line_ = chunk.line + count_line_feeds(text, p);
      const std::uint64_t at = cutter_.offset(chunk);
      waiting_is_first_ = at + static_cast<std::uint64_t>(p - text) == first_row_at_;
    }
    waiting_ += lines;
  }

  /// Up to the blank lines at the end of the first `size` bytes.
  std::size_t size_of_rows(const Chunk& chunk, std::size_t size) const {
    const char* const begin = chunk.bytes.data();
    while (size != 0) {
      const void* newline = ::memrchr(begin, '\n', size - 1);
      const char* line = newline == nullptr ? begin : static_cast<const char*>(newline) + 1;
      if (dialect_.skip_blank_lines(line, begin + size, true) != begin + size) break;
      size = static_cast<std::size_t>(line - begin);
    }
    return size;
  }

  /// Blank lines in a run of them, in which comments may stand.
  std::uint64_t lines_in(const Chunk& chunk, std::size_t begin, std::size_t end) const {
    const char* p = chunk.bytes.data() + begin;
    const char* const last = chunk.bytes.data() + end;
    std::uint64_t lines = count_line_feeds(p, last);
    if (dialect_.comment.empty()) return lines;
    while (p != last) {
      const bool is_comment = dialect_.is_comment(dialect_.skip_blanks(p, last), last);
      p = std::find(p, last, '\n');
      if (p == last) break;  // it has no line feed that was counted
      lines -= is_comment ? 1u : 0u;
      ++p;
    }
    return lines;
  }

  /// Whether anything but blank lines stands in the input from `at` on, where a line begins.
  bool has_row_from(std::uint64_t at) const {
    const std::uint64_t size = source_.size().value_or(0);
    std::vector<char> block(std::size_t{64} << 10);
    bool in_comment = false;
    while (at < size) {
      const std::size_t count = source_.read_at(
          at, block.data(),
          static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - at)));
      if (count == 0) break;
      const char* p = block.data();
      const char* const end = p + count;
      if (in_comment) p = std::find(p, end, '\n');
      in_comment = p == end;
      const bool is_last = at + count == size;
      // What is not a whole line yet is looked at again, unless it fills the block.
      const void* newline = ::memrchr(p, '\n', static_cast<std::size_t>(end - p));
      const char* whole = is_last              ? end
                          : newline == nullptr ? p
                                               : static_cast<const char*>(newline) + 1;
      if (dialect_.skip_blank_lines(p, whole, true) != whole) return true;
      if (whole == block.data()) {
        const char* const content = dialect_.skip_blanks(p, end);
        in_comment = dialect_.is_comment(content, end);
        if (!in_comment && content != end && (*content != '\r' || content + 1 != end)) return true;
        whole = in_comment ? end : content;
      }
      at += static_cast<std::uint64_t>(whole - block.data());
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
    if (chunk.size < kLongLineBytes) return;
    const void* nul = std::memchr(chunk.bytes.data(), '\0', chunk.size);
    if (nul != nullptr) fail_binary(chunk, static_cast<const char*>(nul));
  }

  [[noreturn]] void fail_binary(const Chunk& chunk, const char* at) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    const bool wide = *at == '\0' && end - at > 2 && at[1] > ' ' && at[2] == '\0';
    fail(chunk, at, in_quotes({at, 1}) + " is not a number",
         wide          ? "from here on this is UTF-16: every second byte is zero"
         : *at == '\0' ? "this is not text"
                       : "this is binary, not text");
  }

  void refuse_binary(const Chunk& chunk, const char* begin, const char* end) const {
    const char* const found = std::find_if(begin, end, is_binary);
    if (found != end) fail_binary(chunk, found);
  }

  // ---- the head: what stands in front of the rows ----------------------------------------------

  void begin(Chunk& chunk) {
    read_delimiter(chunk);
    skip_lines(chunk);
    if (dialect_.delimiter == dialect_.decimal) {
      throw Error(
          ErrorKind::usage,
          in_quotes({&dialect_.decimal, 1}) + " is the decimal point and the delimiter at once",
          chunk.text().find(';') != std::string_view::npos || options_.delimiter != '\0'
              ? option("read.delimiter", ";")
              : option("read.decimal", ".") + " leaves it the delimiter",
          {name_});
    }
    if (dialect_.comment.find(dialect_.delimiter) != std::string::npos) {
      throw Error(ErrorKind::usage,
                  option("comment", in_quotes(dialect_.comment)) + " has the delimiter in it", {},
                  {name_});
    }
    while (!read_head(chunk)) {
      if (!drop_blank_lines(chunk)) grow_by_lines(chunk);
    }
    before_.append(chunk.bytes.data(), data_offset_);
    if (!cutter_.is_restricted()) return;
    const std::uint64_t body = cutter_.offset(chunk) + data_offset_;
    row_behind_ = fields_ == 1 && has_row_from(cutter_.part_end(body));
    cutter_.go_to_part(body);
    data_offset_ = 0;
    cutter_.fill(chunk);
  }

  /// Leaves the first bytes of the chunk behind.
  void drop(Chunk& chunk, std::size_t size) {
    remember({chunk.bytes.data(), size});
    cutter_.split(chunk, size);
    cutter_.fill(chunk);
    last_field_ = fields_before_ = 0;
  }

  /// Keeps what stands in front of the rows for hints, which count its lines: all of it, or none of
  /// them is given.
  void remember(std::string_view text) {
    before_ += text;
    if (before_.size() <= static_cast<std::size_t>(kMostOfLine)) return;
    before_.erase(0, before_.size() - 2);  // of which the end of a line is to be known
    gives_hints_ = false;
  }

  /// A spreadsheet's first line `sep=;`, with or without quotes.
  void read_delimiter(Chunk& chunk) {
    for (;;) {
      const std::string_view text = chunk.text();
      const bool quoted = text.starts_with('"');
      const std::string_view word = quoted ? "\"sep=" : "sep=";
      if (text.substr(0, word.size()) != word.substr(0, text.size())) return;
      const std::size_t newline = text.find('\n');
      if (newline == std::string_view::npos && !cutter_.ended() && text.size() < word.size() + 4) {
        cutter_.grow(chunk);
        continue;
      }
      std::string_view line = text.substr(0, newline);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (quoted && line.ends_with('"')) line.remove_suffix(1);
      const char c = line.empty() ? '\0' : line.back();
      const bool is_word =
          (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (line.size() != word.size() + 1 || is_word || c == '"' || c == '.' || c == '+' || c == '-')
        return;
      if (options_.delimiter == '\0') dialect_.delimiter = c;
      names_delimiter_ = true;
      if (lines_to_skip_ != 0) --lines_to_skip_;
      drop(chunk, newline == std::string_view::npos ? text.size() : newline + 1);
      return;
    }
  }

  /// A block at a time, whatever the length of the lines.
  void skip_lines(Chunk& chunk) {
    while (lines_to_skip_ != 0) {
      const char* const begin = chunk.bytes.data();
      const char* const end = begin + chunk.size;
      const char* p = begin;
      while (lines_to_skip_ != 0 && p != end) {
        const void* newline = std::memchr(p, '\n', static_cast<std::size_t>(end - p));
        if (newline != nullptr) --lines_to_skip_;
        p = newline == nullptr ? end : static_cast<const char*>(newline) + 1;
      }
      if (lines_to_skip_ != 0 && cutter_.ended()) {
        fail(chunk, end,
             "no tensor in it: " + option("skip", std::to_string(options_.skip)) +
                 " leaves no line");
      }
      if (holds_skipped_) hold_skipped({begin, static_cast<std::size_t>(p - begin)});
      for (const char* last = p - begin > 2 ? p - 2 : begin; last != p; ++last) {
        skipped_crlf_ = *last == '\n' && last_skipped_ == '\r';
        last_skipped_ = *last;
      }
      cutter_.split(chunk, static_cast<std::size_t>(p - begin));
      cutter_.fill(chunk);
    }
  }

  void hold_skipped(std::string_view text) {
    if (text.size() > kMostSkippedBytes - preamble_.size()) {
      throw Error(ErrorKind::unsupported,
                  "more than 64 MiB of skipped text, which would be written again",
                  option("write.header", "no") + " leaves it out", {name_});
    }
    preamble_ += text;
  }

  CsvField field_at(const Chunk& chunk, const char* p, const char* end, bool ended) const {
    const CsvField field = dialect_.field_at(p, end, ended);
    if (field.wrong != nullptr)
      fail(chunk, field.wrong, std::string(field.problem()), std::string(field.remedy()));
    return field;
  }

  /// The fields of the row at `p`. `end`, which is the text's, is set to where the row ends: at a
  /// line break, or where the text does. None, if the row may go on behind a text that has not ended.
  std::vector<CsvField> fields_at(const Chunk& chunk, const char* p, const char*& end,
                                  bool ended = true) const {
    std::vector<CsvField> fields;
    const char* const text_end = end;
    for (;; ++p) {
      fields.push_back(field_at(chunk, p, text_end, ended));
      if (fields.back().open) return {};
      p = fields.back().next;
      if (p == text_end || !dialect_.is_delimiter(*p)) break;
    }
    end = p;
    return fields;
  }

  /// Gives `take` each field of the row from `p` to `row_end`, which can be read.
  template <class Take>
  void for_each_field(const Chunk& chunk, const char* p, const char* row_end, Take take) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    for (;; ++p) {
      const CsvField field = dialect_.field_at(p, end, true);
      take(field);
      p = field.next;
      if (p == row_end) break;
    }
  }

  /// Whether the first row, of fields_ fields, is a header. Nothing: it takes more text to say what
  /// to do about it.
  std::optional<bool> is_header(const Chunk& chunk, const char* first, const char* end) const {
    // Columns that are kept, or not taken, by their number may hold anything.
    const auto by_number = [](const std::vector<std::string>& words) {
      return std::all_of(words.begin(), words.end(), [](const std::string& word) {
        return word.find_first_not_of("0123456789-") == std::string::npos;
      });
    };
    FirstRowFields all(dialect_);
    for_each_field(chunk, first, end, [&](const CsvField& field) { all.take(field); });
    FirstRowFields taken(dialect_);
    const bool takes_some = (!options_.keep.empty() || !options_.columns.empty()) &&
                            by_number(options_.keep) && by_number(options_.columns) &&
                            !all.count_columns();
    if (takes_some) {
      const CsvColumns chosen = choose(fields_, {});
      std::size_t i = 0;
      for_each_field(chunk, first, end, [&](const CsvField& field) {
        if (chosen.role[i++] >= 0) taken.take(field);
      });
    }
    const FirstRow row = (takes_some ? taken : all).is();
    if (row.is != FirstRow::unclear) return row.is == FirstRow::header;
    refuse_binary(chunk, first, end);
    if (!has_lines_behind(chunk, end)) return std::nullopt;
    const char* const text_end = chunk.bytes.data() + chunk.size;
    const char* const next = skip_break(end, text_end);
    std::string hint;
    if (gives_hints_) {
      const std::string_view line(first, static_cast<std::size_t>(end - first));
      const CsvFault fault{CsvFault::first_row,
                           options_behind_skipped(),
                           dialect_,
                           delimiter_,
                           before_ +
                               std::string(chunk.bytes.data(), next == end ? text_end : next) +
                               (next == end ? "\n" : ""),
                           line,
                           row.at ? row.at->text() : std::string_view(),
                           fields_,
                           false,
                           true,
                           {},
                           lines_behind(chunk, end),
                           skips()};
      hint = csv_hint(fault);
    }
    if (!hint.empty()) hint += "; ";
    const char* at = row.at ? row.at->begin - (row.at->quoted ? 1 : 0) : first;
    fail(chunk, at, row.message, hint + ask_for_header("it"));
  }

  // Hints are tried on a few lines, the same ones however much is read at a time.
  static constexpr std::size_t kMostLinesBehind = 3;
  static constexpr std::size_t kMostBytesBehind = 4096;
  static constexpr std::ptrdiff_t kMostOfLine = 1 << 20;  // without an end in sight

  /// Up to kMostLinesBehind whole ones behind the line that ends at `end`.
  std::string lines_behind(const Chunk& chunk, const char* end) const {
    const char* const text_end = chunk.bytes.data() + chunk.size;
    end = std::find(end, text_end, '\n');
    if (end == text_end) return "";
    std::string_view text(end + 1, static_cast<std::size_t>(text_end - end - 1));
    const bool cut = text.size() > kMostBytesBehind || !cutter_.ended();
    text = text.substr(0, kMostBytesBehind);
    std::size_t size = 0;
    for (std::size_t lines = 0; lines != kMostLinesBehind && size < text.size(); ++lines) {
      const std::size_t newline = text.find('\n', size);
      if (newline == std::string_view::npos) {
        if (!cut) size = text.size();
        break;
      }
      size = newline + 1;
    }
    std::string lines(text.substr(0, size));
    if (!lines.empty() && lines.back() != '\n') lines += '\n';
    return lines;
  }

  bool has_lines_behind(const Chunk& chunk, const char* end) const {
    if (!gives_hints_ || cutter_.ended()) return true;
    const char* const text_end = chunk.bytes.data() + chunk.size;
    const char* const p = std::find(end, text_end, '\n');
    if (p == text_end) return text_end - end > kMostOfLine;
    return text_end - p > static_cast<std::ptrdiff_t>(kMostBytesBehind) ||
           std::count(p, text_end, '\n') > static_cast<std::ptrdiff_t>(kMostLinesBehind);
  }

  /// Whether the row can be read.
  bool is_sound(const char* p, const char* end) const {
    for (std::size_t i = 0;; ++i, ++p) {
      const CsvField field = dialect_.field_at(p, end, true);
      if (field.wrong != nullptr) return false;
      const bool is_taken = i < fields_ && columns_.role[i] >= 0;
      if (is_taken &&
          !(dialect_.is_missing(field) ? missing_.has_value() : dialect_.is_number(field)))
        return false;
      p = field.next;
      if (p == end || !dialect_.is_delimiter(*p)) return i + 1 == fields_ + (trailing_ ? 1 : 0);
    }
  }

  /// Those that hold for the text without what was skipped, which hints are tried on.
  ReadOptions options_behind_skipped() const {
    ReadOptions options = options_;
    options.skip = 0;
    return options;
  }

  /// Whether lines in front of the table are no part of it.
  bool skips() const { return options_.skip != 0 || names_delimiter_; }

  /// In the first row, which may have been divided wrongly.
  [[noreturn]] void fail_quote(const Chunk& chunk, const char* first, const CsvField& field) const {
    std::string found;
    std::string behind = lines_behind(chunk, field.wrong);
    if (gives_hints_ && field.fault == CsvField::Fault::text_behind && !behind.empty()) {
      const char* const line_end =
          std::find(field.wrong, chunk.bytes.data() + chunk.size, '\n') + 1;
      const std::size_t size = behind.find('\n') + 1;
      const std::string row = behind.substr(0, size - 1);
      found = csv_hint({CsvFault::quote,
                        options_behind_skipped(),
                        dialect_,
                        delimiter_,
                        before_ + std::string(first, line_end) + row + "\n",
                        row,
                        {},
                        0,
                        true,
                        true,
                        {},
                        behind.substr(size),
                        skips()});
    }
    fail(chunk, field.wrong, std::string(field.problem()),
         found.empty() ? std::string(field.remedy()) : found);
  }

  CsvColumns choose(std::size_t fields, std::span<const std::string> names) const {
    try {
      return choose_columns(names, fields, options_.columns, options_.keep);
    } catch (const Error& error) {
      throw error.at({name_});
    }
  }

  /// Whether a delimiter ends the line, but for blanks.
  bool ends_with_delimiter(const char* begin, const char* end) const {
    if (end != begin && end[-1] == '\r') --end;
    while (end != begin && dialect_.is_blank(end[-1])) --end;
    return end != begin && dialect_.is_delimiter(end[-1]);
  }

  /// Reads the header, counts the fields, and sees whether there is more than one row. False: it
  /// takes more text, and begins then with the last field it came to, as a row may be long.
  bool read_head(Chunk& chunk) {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const bool ended = cutter_.ended();
    const char* const first = dialect_.skip_blank_lines(begin, end, ended);
    if (first == end && !ended) return false;
    if (first == end) fail(chunk, end, "no tensor in it: expected rows of numbers");

    const char* p = std::max(first, begin + last_field_);
    for (fields_ = fields_before_;; ++p) {
      last_field_ = static_cast<std::size_t>(p - begin);
      fields_before_ = fields_++;
      const CsvField field = dialect_.field_at(p, end, ended);
      if (field.wrong != nullptr) {
        if (!has_lines_behind(chunk, p)) return false;
        fail_quote(chunk, first, field);
      }
      if (field.open) return false;
      p = field.next;
      if (p == end || !dialect_.is_delimiter(*p)) break;
    }
    const char* const row_end = p;
    names_.clear();
    if (!has_header_) {
      has_header_ = options_.header == Header::automatic ? is_header(chunk, first, row_end)
                                                         : options_.header == Header::yes;
      if (!has_header_) return false;
    }
    std::vector<CsvField> fields;  // of the header
    if (*has_header_) {
      for_each_field(chunk, first, row_end, [&](const CsvField& field) {
        fields.push_back(field);
        names_.push_back(field.name());
      });
    }
    const char* data = first;
    std::vector<std::vector<CsvField>> behind;
    std::vector<std::optional<std::string>> behind_lines;
    if (*has_header_) {
      data = skip_break(row_end, end);
      if (const char* nul = std::find(first, data, '\0'); nul != data) fail_binary(chunk, nul);
      for (std::size_t i = 0; i < options_.skip_after_header; ++i) {
        const char* words_end = end;
        behind.push_back(fields_at(chunk, data, words_end, ended));
        if (behind.back().empty()) return false;
        behind_lines.emplace_back(std::string(data, words_end));
        data = skip_break(words_end, end);
      }
    } else if (options_.skip_after_header != 0) {
      throw Error(ErrorKind::usage,
                  option("skip_after_header") + ": the table has no header, " +
                      (options_.header == Header::no ? "as " + option("read.header", "no") + " says"
                                                     : "its first row is numbers"),
                  option("skip") + " skips lines in front of it", {name_, 0, 0});
    }
    const char* row = dialect_.skip_blank_lines(data, end, ended);
    if (row == end && ended) fail_empty(chunk, first, row_end);
    // One between a header and the first row of a single column is a row, too.
    const bool blank_row = fields_ == 1 && *has_header_ && row != data &&
                           lines_in(chunk, static_cast<std::size_t>(data - begin),
                                    static_cast<std::size_t>(row - begin)) != 0;
    const void* newline =
        row == end ? nullptr : std::memchr(row, '\n', static_cast<std::size_t>(end - row));
    const char* next = newline == nullptr ? end
                                          : dialect_.skip_blank_lines(
                                                static_cast<const char*>(newline) + 1, end, ended);
    const bool more = newline != nullptr && (blank_row || next != end);
    const bool enough = more || (newline != nullptr && !tells_rows_from_vectors_);
    if (!enough && !ended) return false;
    const char* const line_end = newline == nullptr ? end : static_cast<const char*>(newline);
    refuse_tabs(chunk, row, line_end);

    // A delimiter at the end of all lines is none between two fields. Lines of delimiters alone are
    // fields that are missing, and one line alone tells nothing.
    bool trailing = false;
    const bool says_something = std::any_of(row, line_end, [&](char c) {
      return c != dialect_.delimiter && c != '\r' && !dialect_.is_blank(c);
    });
    if (says_something && !dialect_.blanks && options_.columns.empty() && fields_ >= 2 &&
        (!*has_header_ || (names_.back().empty() && !fields.back().quoted)) &&
        ends_with_delimiter(row, line_end)) {
      const void* behind_next =
          next == end ? nullptr : std::memchr(next, '\n', static_cast<std::size_t>(end - next));
      if (behind_next == nullptr && !ended) return false;
      trailing =
          next == end
              ? *has_header_
              : ends_with_delimiter(
                    next, behind_next == nullptr ? end : static_cast<const char*>(behind_next));
    }
    if (trailing) {
      trailing_ = true;
      --fields_;
      if (*has_header_) names_.pop_back();
    }
    bool nameless = false;
    if (*has_header_ && takes_first_by_number(options_.keep)) {
      const char* content_end = line_end;
      // A delimiter with which rows end, and the header does not, is not a field of theirs.
      nameless = fields_at(chunk, row, content_end).size() == fields_ + (trailing ? 2 : 1) &&
                 (trailing || dialect_.blanks || !ends_with_delimiter(row, line_end));
      if (nameless) {
        ++fields_;
        names_.insert(names_.begin(), "");
      }
    }
    settle_columns(fields, behind, std::move(behind_lines), nameless,
                   ends_with_crlf(begin, row_end, end));
    const char* const first_end = blank_row ? std::find(data, end, '\n') : line_end;
    if (gives_hints_ && (blank_row ? !missing_ : !is_sound(row, line_end))) {
      if (!has_lines_behind(chunk, first_end)) return false;
      behind_first_ = lines_behind(chunk, first_end);
    }
    single_row_ = !enough && !blank_row;
    data_offset_ = static_cast<std::size_t>(data - begin);
    first_row_at_ =
        cutter_.offset(chunk) + static_cast<std::uint64_t>((fields_ == 1 ? data : row) - begin);
    first_row_.assign(row, row + std::min(line_end - row, kMostOfLine));  // with less: no hint
    first_row_ += '\n';
    return true;
  }

  /// Of a header with a tab in it and a first row that is a number beside one, the tab might as well
  /// divide both.
  void refuse_tabs(const Chunk& chunk, const char* row, const char* line_end) const {
    const bool may_be = *has_header_ && fields_ == 1 && options_.delimiter == '\0' &&
                        !dialect_.blanks && names_[0].find('\t') != std::string::npos &&
                        std::find(row, line_end, '\t') != line_end;
    if (!may_be) return;
    const CsvField field = dialect_.field_at(row, line_end, true);
    if (field.next < line_end - 1 || !dialect_.is_number(field)) return;
    fail(chunk, row, "a tab stands in the header and beside this number",
         option("read.delimiter", "tab") + " divides them");
  }

  /// Whether lines end so: the row does, or the last line in front of one that goes on to the end.
  bool ends_with_crlf(const char* begin, const char* row_end, const char* end) const {
    if (row_end != end) return *row_end == '\r';
    const void* newline = ::memrchr(begin, '\n', static_cast<std::size_t>(end - begin));
    if (newline == nullptr) return before_.empty() ? skipped_crlf_ : before_.ends_with("\r\n");
    const char* const feed = static_cast<const char*>(newline);
    return feed != begin && feed[-1] == '\r';
  }

  [[noreturn]] void fail_empty(const Chunk& chunk, const char* first, const char* row_end) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    bool is_numbers = true;
    for_each_field(chunk, first, row_end, [&](const CsvField& field) {
      is_numbers = is_numbers && dialect_.is_number(field);
    });
    std::string hint;
    if (options_.skip_after_header == 0 && is_numbers) {
      if (options_.header != Header::no)
        hint = option("read.header", "no") + " reads the first row as numbers";
    } else if (gives_hints_) {
      const CsvFault fault{CsvFault::only_header,
                           options_behind_skipped(),
                           dialect_,
                           delimiter_,
                           before_ + std::string(chunk.bytes.data(), end),
                           {first, static_cast<std::size_t>(row_end - first)},
                           {},
                           fields_,
                           true,
                           false,
                           names_,
                           {},
                           skips()};
      hint = csv_hint(fault);
    }
    fail(chunk, end, "no tensor in it: only a header", hint);
  }

  /// What the columns are, and how they look when they are written again.
  void settle_columns(const std::vector<CsvField>& fields,
                      const std::vector<std::vector<CsvField>>& behind,
                      std::vector<std::optional<std::string>> behind_lines, bool nameless,
                      bool crlf) {
    columns_ = choose(fields_, names_);
    // A comment that begins like a number has to be looked for in front of each.
    const bool is_clear =
        dialect_.comment.empty() ||
        std::string_view("+-.0123456789nNiI").find(dialect_.comment[0]) == std::string::npos;
    plain_ = columns_.all() && !trailing_ && !dialect_.blanks && !has_number_words_ && is_clear;
    plan_ = plan_of_columns();
    auto style = std::make_shared<TableStyle>();
    style->delimiter = dialect_.delimiter;
    style->decimal = dialect_.decimal;
    style->crlf = crlf;
    style->comment = dialect_.comment;
    style->names_delimiter = names_delimiter_ && cutter_.has_start();
    if (cutter_.has_start()) style->preamble = preamble_;
    style->format = delimiter_ == '\t' ? "tsv" : "csv";
    chosen_names_.clear();
    kept_ = {};
    kept_.before = columns_.before;
    kept_.first_is_nameless = nameless;
    style->behind_header.resize(behind.size());
    for (std::size_t line = 0; line < behind.size(); ++line) {
      if (!nameless && behind[line].size() == fields.size()) behind_lines[line].reset();
    }
    if (!trailing_ && columns_.in_place()) style->behind_header_lines = std::move(behind_lines);
    kept_.behind_header.resize(behind.size());
    if (*has_header_) {
      chosen_names_.resize(columns_.width);
      style->quoted.resize(columns_.width);
      kept_.names.resize(columns_.kept);
      kept_.quoted.resize(columns_.kept);
      for (std::size_t line = 0; line < behind.size(); ++line) {
        style->behind_header[line].resize(columns_.width);
        kept_.behind_header[line].resize(columns_.kept);
      }
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::int32_t role = columns_.role[i];
      if (role == CsvColumns::kDropped) continue;
      const bool is_kept = role < 0;
      const auto at = static_cast<std::size_t>(is_kept ? CsvColumns::kFirstKept - role : role);
      const bool absent = nameless && i == 0;
      const std::size_t field = i - (nameless ? 1u : 0u);
      const bool is_last = i + 1 == names_.size();
      (is_kept ? kept_.names : chosen_names_)[at] = names_[i];
      (is_kept ? kept_.quoted : style->quoted)[at] = !absent && fields[field].quoted;
      for (std::size_t line = 0; line < behind.size(); ++line) {
        // A line may have a field for the names of rows, which the header has not.
        const std::vector<CsvField>& words = behind[line];
        const bool has_all = nameless && words.size() >= names_.size();
        std::string& text = (is_kept ? kept_.behind_header : style->behind_header)[line][at];
        const std::size_t word = has_all ? i : field;
        if ((absent && !has_all) || word >= words.size()) continue;
        // What stands behind the last column, as in a sentence with commas, belongs to it.
        std::size_t last = is_last ? words.size() - 1 : word;
        while (last > word && words[last].name().empty()) --last;
        text = last == word ? words[word].name()
                            : std::string(words[word].begin - (words[word].quoted ? 1 : 0),
                                          words[last].end + (words[last].quoted ? 1 : 0));
      }
    }
    rewrites_ = rewriting_ != nullptr && rewriting_->takes(dtype_, *style) && settle_rewriting();
    style_ = std::move(style);
  }

  // ---- rows of numbers -------------------------------------------------------------------------

  template <class T>
  void check_missing() const {
    const char* end = missing_->data() + missing_->size();
    const ParsedNumber<T> number = parse_number<T>(missing_->data(), end, NumberGrammar::csv);
    if (number.status == NumberStatus::ok && number.end == end) return;
    std::string hint;
    if (!options_.missing) {
      hint = option("missing") + " says what " + option("missing_words") + " are worth";
    } else if (!missing_->empty() && kind_of_words(*missing_) == Kind::missing_word) {
      hint = option("missing_words", *missing_) + " reads a word as a missing field";
    }
    throw Error(ErrorKind::usage,
                option("missing", in_quotes(*missing_)) + " is not a number of " +
                    std::string(rectify::name(dtype_)),
                hint);
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
    begin[chunk.size] = '\n';  // the last line may have none
    const auto lines =
        count_line_feeds(begin + (chunk.begins ? data_offset_ : 0), begin + chunk.size + 1);
    // No row without a line, no field without a byte: whichever is less bounds the memory.
    const std::size_t most =
        lines > chunk.size / fields_ + 1 ? chunk.size + fields_ + 1 : lines * fields_;
    Tensor values = Tensor::empty(
        {static_cast<std::int64_t>(most + static_cast<std::size_t>(chunk.blank_rows))},
        dtype_of<T>);
    const std::size_t count = read_rows(chunk, fields_, false, values.data<T>());
    return values.prefix({static_cast<std::int64_t>(count)});
  }

  /// Reads the rows of a chunk, of which a line feed stands behind the last; returns how many values
  /// they have. `fields`: how many a row has. `is_taken_apart`: all lines are rows. `values` has room
  /// for all.
  template <class T>
  std::size_t read_rows(const Chunk& chunk, std::size_t fields, bool is_taken_apart,
                        std::span<T> values) const {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* p = begin + (chunk.begins ? data_offset_ : 0);
    const auto blank_rows = static_cast<std::size_t>(chunk.blank_rows);
    T* const out = values.data();
    const std::size_t size = values.size();
    const Dialect dialect{.grammar = NumberGrammar::csv,
                          .delimiter = dialect_.delimiter,
                          .point = dialect_.decimal,
                          .fields = fields};
    const T missing = missing_value<T>();
    const bool has_comments = !is_taken_apart && !dialect_.comment.empty();
    std::size_t count = blank_rows;
    if (blank_rows != 0) {
      if (!missing_) fail_missing({name_, chunk.blank_line, 1}, 1, chunk.blank_hint);
      std::fill_n(out, blank_rows, missing);
    }

    while (p < end) {
      if (has_comments && dialect_.is_comment(dialect_.skip_blanks(p, end), end)) {
        p = std::find(p, end, '\n') + 1;
        continue;
      }
      if (*p <= ' ') {
        const char* content = fields == 1 || is_taken_apart
                                  ? dialect_.skip_blanks(p, end)
                                  : dialect_.skip_blank_lines(p, end, true);
        if (content == end) break;
        if (fields == 1 && skip_break(content, end) != content) {
          if (!missing_) fail_blank_line(chunk, p, content);
          out[count++] = missing;
          p = skip_break(content, end);
          continue;
        }
        p = content;
      }
      const char* line_end = nullptr;  // found when it is first needed
      int vain = 0;                    // runs that ended at once
      for (std::size_t field = 1;; ++field) {
        p = dialect_.skip_blanks(p, end);
        if (vain < kMostVainRuns && field <= fields) {
          const Run run = read_numbers<T>(p, end, dialect, field - 1, {out + count, size - count});
          count += run.count;
          p = run.end;
          vain += run.count == 0 ? 1 : 0;
          if (field + run.count > fields) line_end = nullptr;
          field = (field - 1 + run.count) % fields + 1;
          if (field == 1 && run.count != 0) break;  // a blank line may be next
          p = dialect_.skip_blanks(p, end);
        }
        const ParsedNumber<T> number =
            parse_number<T>(p, end, NumberGrammar::csv, dialect_.decimal);
        const char* next = dialect_.skip_blanks(number.end, end);
        const char c = *next;
        const bool ends_line = c == '\n' || (c == '\r' && next != end && next[1] == '\n');
        if (number.status == NumberStatus::ok && (c == dialect_.delimiter || ends_line) &&
            field <= fields) [[likely]] {
          out[count++] = number.value;
        } else {
          if (line_end == nullptr) line_end = std::find(p, end, '\n');
          if (field > fields) fail_long(chunk, p, line_end);
          next = special_field<T>(chunk, p, line_end, field, missing, out[count++]);
        }
        if (*next == dialect_.delimiter && next != end) {
          p = next + 1;
          continue;
        }
        if (field != fields) fail_short(chunk, next, field);
        p = next == end ? end : skip_break(next, end + 1);
        break;
      }
    }
    return count;
  }

  // ---- rows whose text is changed where it stands ------------------------------------------------

  /// The rows of a chunk as they are written again; nothing: it takes a look at their values.
  std::optional<std::string> rewritten(Chunk& chunk) const {
    std::optional<std::string> text;
    if (chunk.blank_rows == 0 && dtype_ == DType::float32) text = rewritten_as<float>(chunk);
    if (chunk.blank_rows == 0 && dtype_ == DType::float64) text = rewritten_as<double>(chunk);
    // Others will be like this one.
    if (!text) rewrites_.store(false, std::memory_order_relaxed);
    return text;
  }

  template <class T>
  std::optional<std::string> rewritten_as(Chunk& chunk) const {
    char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* p = begin + (chunk.begins ? data_offset_ : 0);
    if (fields_ != 1) p = dialect_.skip_blank_lines(p, end, true);
    if (p == end) return std::nullopt;
    begin[chunk.size] = '\n';  // the last line may have none
    const char* const last = end[-1] == '\n' ? end : end + 1;
    std::string text;
    text.reserve(chunk.size + chunk.size / 4);
    const Dialect dialect{.delimiter = dialect_.delimiter,
                          .fields = columns_.width + columns_.kept,
                          .staying = staying_.empty() ? nullptr : staying_.data()};
    if (rewrite_plan_.runs.empty()) {
      if (!rewrite<T>({p, last}, dialect, *rewriting_, text)) return std::nullopt;
      return text;
    }
    chunk.apart.reserve(static_cast<std::size_t>(last - p) + LinesApart::kPadding, 0);
    LinesApart lines{p, p, nullptr, nullptr, nullptr, nullptr};
    std::vector<const char*> bounds(rewrite_plan_.runs.size());
    while (lines.p != last) {
      begin_piece(lines, last, chunk);
      if (!take_apart_all(lines, rewrite_plan_, bounds) ||
          !rewrite<T>({chunk.apart.data(), lines.rows}, dialect, *rewriting_, text))
        return std::nullopt;
    }
    return text;
  }

  /// Settles how the text of rows is changed. False: it cannot be.
  bool settle_rewriting() {
    rewrite_plan_ = {};
    staying_.clear();
    if (plain_) return true;
    if (plan_.runs.empty()) return false;
    // The runs in the order in which their columns are written.
    rewrite_plan_ = plan_;
    rewrite_plan_.taken.clear();
    rewrite_plan_.kept.clear();
    std::size_t kept = 0;
    std::size_t width = 0;
    bool divides_run = false;
    const auto add_kept = [&] {
      while (kept != plan_.kept.size() && columns_.before[kept] <= width) {
        divides_run = divides_run || columns_.before[kept] != width;
        rewrite_plan_.taken.push_back(plan_.kept[kept++]);
        staying_.push_back(~std::uint64_t{0});
      }
    };
    for (const std::size_t run : plan_.taken) {
      add_kept();
      width += plan_.runs[run];
      rewrite_plan_.taken.push_back(run);
      staying_.resize(staying_.size() + plan_.runs[run], 0);
    }
    add_kept();
    if (divides_run) return false;
    const std::size_t written = staying_.size();
    const bool stays = columns_.kept != 0;
    while (stays && staying_.size() < written + kLeastSpots)
      staying_.push_back(staying_[staying_.size() - written]);
    if (!stays) staying_.clear();
    // A row may have to be kept from becoming a comment, and a comment is not told from a text.
    if (stays && staying_[0] != 0 && !dialect_.comment.empty()) return false;
    const bool is_in_place = columns_.in_place() && !trailing_ && dialect_.comment.empty() &&
                             std::is_sorted(rewrite_plan_.taken.begin(), rewrite_plan_.taken.end());
    if (is_in_place) rewrite_plan_ = {};
    return true;
  }

  // ---- rows that are taken apart ---------------------------------------------------------------

  /// The same, for rows of which not all fields are the tensor's: those that are become a table of
  /// their own. False: that takes a look at each field, or there is something to say of one.
  template <class T>
  bool rows_taken_apart(Chunk& chunk, KeptColumns* kept, Tensor& values) const {
    char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* const first = begin + (chunk.begins ? data_offset_ : 0);
    if (first == end) return false;
    begin[chunk.size] = '\n';  // the last line may have none
    const char* const last = end[-1] == '\n' ? end : end + 1;
    const auto size = static_cast<std::size_t>(last - first);
    const std::size_t most_lines = count_line_feeds(first, last);
    if (most_lines > size / fields_ + 1)
      return false;  // most are blank, and take no memory of rows
    constexpr std::size_t kPadding = LinesApart::kPadding;
    chunk.apart.reserve(2 * (size + kPadding), 0);
    char* const kept_begin = chunk.apart.data() + size + kPadding;
    std::vector<std::size_t> none;
    std::vector<std::size_t>& ends = kept == nullptr ? none : kept->ends;
    ends.resize(plan_.kept.size() * most_lines);
    LinesApart lines{first, first, nullptr, kept_begin, kept_begin, ends.data()};
    std::vector<const char*> bounds(plan_.runs.size());
    values = Tensor::empty({static_cast<std::int64_t>(most_lines * columns_.width)}, dtype_of<T>);
    std::span<T> left = values.data<T>();
    bool is_done = true;
    while (is_done && lines.p != last) {
      begin_piece(lines, last, chunk);
      is_done = take_apart_all(lines, plan_, bounds);
      if (!is_done) break;
      Chunk table;
      table.begins = false;
      table.size = static_cast<std::size_t>(lines.rows - chunk.apart.data());
      std::swap(table.bytes, chunk.apart);
      try {
        table.bytes.data()[table.size] = '\n';
        left = left.subspan(read_rows(table, columns_.width, true, left));
      } catch (const Error&) {
        is_done = false;  // its place is not this one
      }
      std::swap(table.bytes, chunk.apart);
    }
    if (!is_done) {
      if (kept != nullptr) *kept = kept_;
      return false;
    }
    values = values.prefix({values.numel() - static_cast<std::int64_t>(left.size())});
    ends.resize(static_cast<std::size_t>(lines.ends - ends.data()));
    if (kept != nullptr)
      kept->text.assign(kept_begin, static_cast<std::size_t>(lines.kept - kept_begin));
    return true;
  }

  /// So many of the lines up to `last` that what becomes of them is still at hand when it is read.
  static void begin_piece(LinesApart& lines, const char* last, Chunk& chunk) {
    constexpr std::ptrdiff_t kPiece = std::ptrdiff_t{64} << 10;
    lines.last = last - lines.p <= kPiece ? last : std::find(lines.p + kPiece, last, '\n') + 1;
    lines.rows = chunk.apart.data();
  }

  /// Takes all lines apart. False: there is something to say of one.
  bool take_apart_all(LinesApart& lines, const ColumnPlan& plan,
                      std::vector<const char*>& bounds) const {
    for (;;) {
      take_apart(lines, plan, bounds.data());
      if (lines.p == lines.last) return true;
      const char* const next = dialect_.skip_blank_lines(lines.p, lines.last, true);
      if (next == lines.last) {
        lines.p = next;
        return true;
      }
      const bool is_line = next == lines.p;
      lines.p = next;
      if (is_line && !take_apart_with_quotes(lines, plan, bounds)) return false;
    }
  }

  /// The line at hand, which has quotes in it. False: there is something to say of it.
  bool take_apart_with_quotes(LinesApart& lines, const ColumnPlan& plan,
                              std::vector<const char*>& bounds) const {
    const char* const feed = std::find(lines.p, lines.last, '\n');
    std::size_t run = 0;
    std::size_t left = plan.runs[0];
    for (const char* p = lines.p;; ++p) {
      const CsvField field = dialect_.field_at(p, feed, true);
      if (field.wrong != nullptr) return false;
      p = field.next;
      if (p == feed || !dialect_.is_delimiter(*p)) {
        bounds[run] = p;
        return run + 1 == plan.runs.size() && left == 1 &&
               put_line(lines, plan, bounds.data(), feed + 1);
      }
      if (--left != 0) continue;
      bounds[run] = p;
      if (++run == plan.runs.size()) return false;
      left = plan.runs[run];
    }
  }

  /// How the lines are taken apart; nothing where each field has to be looked at.
  ColumnPlan plan_of_columns() const {
    ColumnPlan plan;
    // A table of one column has rows of nothing, and a word for a missing value may be a number.
    if (plain_ || dialect_.blanks || has_number_words_ || fields_ == 1) return plan;
    plan.delimiter = dialect_.delimiter;
    plan.comment = dialect_.comment.empty() ? '\0' : dialect_.comment[0];
    plan.ends_empty = trailing_;
    std::vector<std::pair<std::int32_t, std::size_t>> taken;
    std::vector<std::pair<std::int32_t, std::size_t>> kept;
    std::int32_t before = CsvColumns::kFirstKept;
    for (std::size_t i = 0; i < fields_; ++i) {
      const std::int32_t role = columns_.role[i];
      const bool is_kept = role <= CsvColumns::kFirstKept;
      const bool goes_on =
          !plan.runs.empty() && !is_kept && before > CsvColumns::kFirstKept &&
          (role == CsvColumns::kDropped ? before == role : before >= 0 && role == before + 1);
      before = role;
      if (goes_on) {
        ++plan.runs.back();
        continue;
      }
      if (is_kept) kept.emplace_back(-role, plan.runs.size());
      if (role >= 0) taken.emplace_back(role, plan.runs.size());
      plan.runs.push_back(1);
    }
    if (trailing_) plan.runs.push_back(1);
    plan.stops.resize(plan.runs.size());
    std::partial_sum(plan.runs.begin(), plan.runs.end(), plan.stops.begin());
    std::sort(taken.begin(), taken.end());
    std::sort(kept.begin(), kept.end());
    for (const auto& [role, run] : taken) plan.taken.push_back(run);
    for (const auto& [role, run] : kept) plan.kept.push_back(run);
    return plan;
  }

  /// The same again, for rows of which not all fields are the tensor's, or which are written in ways that
  /// take a look at each. `kept` gets the fields that are kept, if it is not null.
  template <class T>
  Tensor rows_by_field(const Chunk& chunk, KeptColumns* kept, Inexact& inexact) const {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* p = begin + (chunk.begins ? data_offset_ : 0);
    const auto lines = static_cast<std::size_t>(std::count(p, end, '\n')) + 1;
    // No row without a line, no field without a byte: whichever is less bounds the memory.
    const std::size_t width = columns_.width;
    const std::size_t most =
        lines > chunk.size / width + 1 ? chunk.size + 2 * width : lines * width;
    const auto blank_rows = static_cast<std::size_t>(chunk.blank_rows);
    Tensor values = Tensor::empty({static_cast<std::int64_t>(most + blank_rows)}, dtype_of<T>);
    T* const out = values.data<T>().data();
    const T missing = missing_value<T>();
    std::size_t count = blank_rows;
    if (blank_rows != 0) {
      if (!missing_) fail_missing({name_, chunk.blank_line, 1}, 1, chunk.blank_hint);
      std::fill_n(out, blank_rows, missing);
    }
    while (p < end) {
      const char* content = dialect_.skip_blanks(p, end);
      if (fields_ == 1) {
        if (content == end) break;
        if (dialect_.is_comment(content, end)) {  // a blank line behind it is a row
          p = std::find(content, end, '\n');
          p += p == end ? 0 : 1;
          continue;
        }
        if (skip_break(content, end + 1) != content) {
          if (!missing_) fail_blank_line(chunk, p, content);
          out[count++] = missing;
          p = skip_break(content, end + 1);
          continue;
        }
      } else {
        p = dialect_.skip_blank_lines(p, end, true);
        if (p == end) break;
      }
      const char* const line_end = std::find(p, end, '\n');
      T* const row = out + count;
      count += width;
      p = read_row(chunk, p, line_end, row, missing, kept, inexact);
    }
    return values.prefix({static_cast<std::int64_t>(count)});
  }

  /// One row, up to `line_end`; returns where the next begins.
  template <class T>
  const char* read_row(const Chunk& chunk, const char* p, const char* line_end, T* row, T missing,
                       KeptColumns* kept, Inexact& inexact) const {
    const auto note_inexact = [&](std::string_view text, T value, const char* at) {
      if (is_inexact<T>(text, value, inexact) && inexact.count++ == 0)
        inexact.first = place_in(chunk, name_, at);
    };
    for (std::size_t position = 1;; ++position) {
      if (position > fields_) {
        if (!trailing_ || position > fields_ + 1) fail_long(chunk, p, line_end);
        const CsvField field = dialect_.field_at(p, line_end, true);
        const bool is_last = field.wrong == nullptr &&
                             !(field.next != line_end && dialect_.is_delimiter(*field.next));
        if (is_last && field.begin == field.end && !field.quoted) return line_end + 1;
        fail(chunk, p, "a value stands behind the delimiter with which the first rows end",
             is_last
                 ? option("columns", "1-" + std::to_string(fields_ + 1)) + " takes it for a column"
                 : "");
      }
      const std::int32_t role = columns_.role[position - 1];
      const char* next = nullptr;
      if (role >= 0) {
        const char* const at = dialect_.skip_blanks(p, line_end);
        const ParsedNumber<T> number =
            parse_number<T>(at, line_end, NumberGrammar::csv, dialect_.decimal);
        next = dialect_.skip_blanks(number.end, line_end);
        const bool ends_line = next == line_end || (*next == '\r' && next + 1 == line_end);
        const bool ends_field =
            ends_line || (dialect_.blanks ? next != number.end : *next == dialect_.delimiter);
        if (number.status == NumberStatus::ok && ends_field &&
            !(has_number_words_ && dialect_.is_missing_word({at, number.end}))) {
          row[role] = number.value;
          if (dialect_.blanks && !ends_line) --next;
          note_inexact({at, static_cast<std::size_t>(number.end - at)}, number.value, at);
        } else {
          next = special_field<T>(chunk, at, line_end, position, missing, row[role]);
          const CsvField field = dialect_.field_at(at, line_end, true);
          if (field.quoted && !dialect_.is_missing(field))
            note_inexact(field.text(), row[role], at);
        }
      } else {
        const CsvField field = field_on_line(chunk, p, line_end);
        next = field.next;
        if (kept != nullptr && role != CsvColumns::kDropped) {
          const int quote = field.quoted ? 1 : 0;
          kept->text.append(dialect_.blanks ? field.begin - quote : p,
                            dialect_.blanks ? field.end + quote : next);
          kept->ends.push_back(kept->text.size());
        }
      }
      if (next != line_end && dialect_.is_delimiter(*next)) {
        p = next + 1;
        continue;
      }
      if (trailing_ && position == fields_)
        fail(chunk, next, "the row does not end with a delimiter, as the first rows do");
      if (position != fields_) fail_short(chunk, next, position);
      return line_end + 1;
    }
  }

  /// A field of a data row, which has no line break in it.
  CsvField field_on_line(const Chunk& chunk, const char* p, const char* line_end) const {
    CsvField field = dialect_.field_at(p, line_end, true);
    if (field.wrong == nullptr) return field;
    if (field.fault == CsvField::Fault::not_closed) {
      fail(chunk, field.wrong, "this quote is not closed on its line",
           "a field of a data row has no line break in it");
    }
    std::string remedy;
    if (field.fault == CsvField::Fault::text_behind)
      remedy = hint(CsvFault::quote, chunk, p, line_end, {});
    fail(chunk, field.wrong, std::string(field.problem()),
         remedy.empty() ? std::string(field.remedy()) : remedy);
  }

  /// A field that is not simply a number: quoted, missing, or wrong. Returns its end: a delimiter,
  /// a line break or the end.
  template <class T>
  const char* special_field(const Chunk& chunk, const char* p, const char* line_end,
                            std::size_t position, T missing, T& value) const {
    const CsvField field = field_on_line(chunk, p, line_end);
    if (dialect_.is_missing(field)) {
      if (!missing_) {
        const bool may_be_header =
            is_in_first_row(chunk, p) && !*has_header_ && options_.header != Header::no;
        fail_missing(place_in(chunk, name_, p), position,
                     may_be_header ? ask_for_header("the first row")
                                   : hint(CsvFault::missing, chunk, p, line_end, field.text()));
      }
      value = missing;
      return field.next;
    }
    const char* const content = skip_blanks_inside(field.begin, field.end);
    const ParsedNumber<T> number =
        parse_number<T>(content, field.end, NumberGrammar::csv, dialect_.decimal);
    const bool whole = skip_blanks_inside(number.end, field.end) == field.end;
    const std::string_view text = field.text();
    if (number.status == NumberStatus::out_of_range && whole) {
      fail(chunk, p, in_quotes(text) + " does not fit " + std::string(rectify::name(dtype_)),
           hint_for_misfit(text, dtype_));
    }
    refuse_binary(chunk, field.begin, field.end);
    if (text == "\x1A") {
      fail(chunk, p, "'\\x1a' is not a number",
           "the end-of-file mark of DOS: tr -d '\\032' takes it out");
    }
    if (number.status != NumberStatus::ok || !whole) {
      fail(chunk, p, in_quotes(text) + " is not a number",
           hint(CsvFault::not_a_number, chunk, p, line_end, text));
    }
    value = number.value;
    return field.next;
  }

  /// Whether `at` is in the first row of the data.
  bool is_in_first_row(const Chunk& chunk, const char* at) const {
    if (!chunk.begins) return false;
    const char* const begin = chunk.bytes.data();
    const void* newline = ::memrchr(begin, '\n', static_cast<std::size_t>(at - begin));
    const char* line = newline == nullptr ? begin : static_cast<const char*>(newline) + 1;
    line = std::max(line, begin + data_offset_);
    return begins_at_ + static_cast<std::uint64_t>(line - begin) == first_row_at_;
  }

  std::string hint(CsvFault::Kind kind, const Chunk& chunk, const char* at, const char* line_end,
                   std::string_view field) const {
    if (!gives_hints_) return "";
    const void* newline =
        ::memrchr(chunk.bytes.data(), '\n', static_cast<std::size_t>(at - chunk.bytes.data()));
    const char* begin =
        newline == nullptr ? chunk.bytes.data() : static_cast<const char*>(newline) + 1;
    if (chunk.begins) begin = std::max(begin, chunk.bytes.data() + data_offset_);
    const std::string_view row(begin, static_cast<std::size_t>(line_end - begin));
    const bool is_first = is_in_first_row(chunk, at);
    const std::string before =
        is_first ? std::string(chunk.bytes.data() + data_offset_, begin) : first_row_;
    return csv_hint({kind, options_behind_skipped(), dialect_, delimiter_,
                     before_ + before + std::string(row) + "\n", row, field, fields_, *has_header_,
                     is_first, names_, is_first ? behind_first_ : "", skips()});
  }

  /// The same of the blank line that has waited for a row longest.
  std::string hint_for_waiting() const {
    if (!gives_hints_) return "";
    return csv_hint({CsvFault::missing,
                     options_behind_skipped(),
                     dialect_,
                     delimiter_,
                     before_ + (waiting_is_first_ ? "" : first_row_) + "\n",
                     {},
                     {},
                     fields_,
                     *has_header_,
                     waiting_is_first_,
                     names_,
                     waiting_is_first_ ? behind_first_ : "",
                     skips()});
  }

  /// One of a single column, which is a missing field.
  [[noreturn]] void fail_blank_line(const Chunk& chunk, const char* p, const char* content) const {
    while (p != chunk.bytes.data() && p[-1] != '\n') --p;  // its start, where blanks may stand
    fail_missing(place_in(chunk, name_, p), 1, hint(CsvFault::missing, chunk, p, content, {}));
  }

  [[noreturn]] void fail_missing(Place place, std::size_t position, std::string hint) const {
    if (hint.empty() && fields_ == 1 && gives_hints_) {
      hint = "to fill missing fields: " + (is_floating_point(dtype_)
                                               ? option("missing", "nan") + ", or a number"
                                               : option("missing", "0"));
    }
    throw Error(
        ErrorKind::data,
        "field " + std::to_string(position) + " of " + std::to_string(fields_) + " is missing",
        std::move(hint), std::move(place));
  }

  /// `at` is where the first field too many begins.
  [[noreturn]] void fail_long(const Chunk& chunk, const char* at, const char* line_end) const {
    std::size_t more = 0;
    for (const char* p = at;; ++p) {
      const CsvField field = dialect_.field_at(p, line_end, true);
      ++more;
      if (field.wrong != nullptr) break;
      p = field.next;
      if (p == line_end || !dialect_.is_delimiter(*p)) break;
    }
    fail(chunk, at, "the row has " + plural(fields_ + more, "field") + expected(),
         hint(CsvFault::ragged, chunk, at, line_end, {}));
  }

  [[noreturn]] void fail_short(const Chunk& chunk, const char* at, std::size_t found) const {
    const char* const line_end = std::find(at, chunk.bytes.data() + chunk.size, '\n');
    fail(chunk, at, "the row has " + plural(found, "field") + expected(),
         missing_ ? option("missing") + " fills empty fields, not absent ones"
                  : hint(CsvFault::ragged, chunk, at, line_end, {}));
  }

  std::string expected() const {
    return ", expected " + std::to_string(fields_) + " as " +
           (names_.empty() || kept_.first_is_nameless ? "in the first row" : "in the header");
  }

  Source& source_;
  const ReadOptions& options_;
  std::string name_;
  std::size_t block_bytes_;
  TextCutter cutter_;
  DType dtype_;
  char delimiter_;  // the format's
  CsvDialect dialect_;
  std::optional<std::string> missing_;
  int ndmin_;
  bool tells_rows_from_vectors_;
  const Rewriting* rewriting_;
  mutable std::atomic<bool> rewrites_ = false;  // until that was in vain
  bool gives_hints_;
  bool has_number_words_ = false;  // that stand for missing values
  bool holds_skipped_;             // to be written again
  std::size_t lines_to_skip_;

  // The head:
  bool begun_ = false;
  bool names_delimiter_ = false;
  std::string preamble_;  // lines that were skipped, if they are to be written again
  char last_skipped_ = '\0';
  bool skipped_crlf_ = false;  // they end with a carriage return and a line feed
  std::string before_;     // all other text in front of the chunk at hand; in the end, of the rows
  std::string first_row_;  // of the data
  std::string behind_first_;        // lines behind it, if it cannot be read
  std::uint64_t first_row_at_ = 0;  // in the input
  std::uint64_t begins_at_ = 0;     // the first chunk
  std::size_t fields_ = 0;
  std::optional<bool> has_header_;  // once the first row is here
  std::size_t last_field_ = 0;      // where read_head came to
  std::size_t fields_before_ = 0;   // and how many it passed
  bool single_row_ = false;
  bool trailing_ = false;        // every line ends with a delimiter
  bool plain_ = true;            // all fields are the tensor's, one delimiter between two
  std::size_t data_offset_ = 0;  // in the first chunk: past the header
  std::vector<std::string> names_;
  CsvColumns columns_;
  ColumnPlan plan_;
  ColumnPlan rewrite_plan_;             // no runs: rows are changed where they stand
  std::vector<std::uint64_t> staying_;  // as Dialect::staying has it
  std::vector<std::string> chosen_names_;
  KeptColumns kept_;  // all of it but the rows
  std::shared_ptr<const TableStyle> style_;

  std::uint64_t waiting_ = 0;  // blank lines behind the last row, which are rows if one follows
  std::uint64_t waiting_line_ = 0;  // of the first of them
  bool waiting_is_first_ = false;   // it is the first row of the data
  std::uint64_t owed_ = 0;          // blank lines that are rows and have not been given out
  bool row_behind_ = false;         // a row follows behind the part
};

}  // namespace

std::unique_ptr<Decoder> csv_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  return std::make_unique<CsvDecoder>(source, options, wanted, ',', true);
}

std::unique_ptr<Decoder> tsv_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  return std::make_unique<CsvDecoder>(source, options, wanted, '\t', true);
}

std::unique_ptr<Decoder> csv_decoder_without_hints(Source& source, const ReadOptions& options,
                                                   const Wanted& wanted, char delimiter) {
  return std::make_unique<CsvDecoder>(source, options, wanted, delimiter, false);
}

}  // namespace rectify::inline v1
