#include "csv_hint.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "csv_columns.hpp"
#include "csv_first_row.hpp"

namespace rectify::inline v1 {
namespace {

/// Between fields, where it is not the one at hand.
struct Other {
  char character;
  std::string_view name, word;
  std::string_view format;  // by which it is named, if none was
};
constexpr Other kOthers[] = {{',', "commas", ",", "csv"},
                             {';', "semicolons", ";", ""},
                             {'\t', "tabs", "tab", ""},
                             {'|', "bars", "|", ""},
                             {ReadOptions::kBlanks, "blanks", "blanks", ""}};
constexpr const Other& kBlanks = kOthers[4];
constexpr const char* kFill = "to fill missing fields";
constexpr std::string_view kCommentMarks[] = {"#", "%", "//", "!"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count;
}

/// Of what begins like a number: whether it is a time, a date or a label all the same, and not a
/// number that was damaged or is written in another way.
bool is_text(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (text.empty() || !is_digit(text[0])) return false;
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_letter(c) || std::string_view(" -/:.+_").find(c) != std::string::npos;
  });
  if (!is_plain) return false;
  const std::size_t first = digits_at(text, 0);
  if (first + 1 < text.size() && text[first] == ':' && is_digit(text[first + 1])) return true;
  // 2020-01-02, 2/1/20, 02.01.2020 and 2020-01, and whatever stands behind them.
  if (first < text.size() && std::string_view("-/.").find(text[first]) != std::string::npos) {
    const char separator = text[first];
    const std::size_t second = digits_at(text, first + 1);
    const std::size_t at = first + 1 + second;
    const std::size_t third =
        at < text.size() && text[at] == separator ? digits_at(text, at + 1) : 0;
    const auto is_year = [](std::size_t count) { return count == 2 || count == 4; };
    if (first <= 4 && (second == 1 || second == 2) && third <= 4 && third != 3 &&
        (is_year(first) || is_year(third)) && first + second + third >= 4 && third != 0)
      return true;
    if (separator != '.' && first == 4 && second == 2 && at == text.size()) return true;
  }
  // A letter with a digit behind it, as in 2020Q1 or 3f9a, but that of an exponent or 0x10.
  for (std::size_t i = first; i + 1 < text.size(); ++i) {
    if (is_letter(text[i]) && std::string_view("eEdDqQxX").find(text[i]) == std::string::npos &&
        std::any_of(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), is_digit))
      return true;
  }
  return false;
}

bool starts_with_any(std::string_view text, std::span<const std::string_view> marks) {
  return std::any_of(marks.begin(), marks.end(),
                     [&](std::string_view mark) { return text.starts_with(mark); });
}

/// Whether it is a line of hyphens, as between a header and its table, or stands for no unit.
bool is_rule(std::string_view text) {
  return !text.empty() && text.find_first_not_of('-') == std::string_view::npos;
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(" \t\r") + 1));
  return text;
}

class Hints {
 public:
  explicit Hints(const CsvFault& fault) : fault_(fault), options_(fault.options) {
    fields_ = split(fault.dialect, fault.row);
    const std::string_view text = fault.text;
    std::size_t at = 0;
    if (fault.has_header) {
      const bool names_delimiter = text.starts_with("sep=") || text.starts_with("\"sep=");
      const std::size_t begin = names_delimiter ? text.find('\n') + 1 : 0;
      const char* const end = text.data() + text.size();
      const char* const first = fault.dialect.skip_blank_lines(text.data() + begin, end, true);
      const char* p = first;
      for (;; ++p) {  // a name may have line breaks in it
        const CsvField field = fault.dialect.field_at(p, end, true);
        p = field.wrong == nullptr ? field.next : std::find(p, end, '\n');
        if (p == end || field.wrong != nullptr || !fault.dialect.is_delimiter(*p)) break;
      }
      header_ = {first, static_cast<std::size_t>(p - first)};
      at =
          std::min(text.find('\n', static_cast<std::size_t>(p - text.data())), text.size() - 1) + 1;
      behind_header_ = at;
      // A delimiter with which all lines end.
      if (!fields_.empty() && fields_.size() == fault.expected + 1 &&
          fields_.back().text().empty() && split(fault.dialect, header_).size() == fields_.size())
        fields_.pop_back();
    }
    // The row is the last.
    const std::size_t last =
        text.size() > fault.row.size() ? text.size() - fault.row.size() - 1 : 0;
    if (at < last) add_lines(before_, text.substr(at, last - at));
    add_lines(behind_, fault.behind);
  }

  /// Of what is missing alone.
  std::string missing() const {
    if (fault_.kind != CsvFault::missing || options_.missing || !options_.missing_words.empty())
      return "";
    ReadOptions with = options_;
    with.missing = "0";
    if (!works(with)) return "";
    const bool is_floating = !options_.dtype || is_floating_point(*options_.dtype);
    return kFill + std::string(": ") +
           (is_floating ? option("missing", "nan") + ", or a number" : option("missing", "0"));
  }

  std::string find() const {
    if (fault_.kind == CsvFault::only_header) {
      const std::string hint = json();
      return hint.empty() ? carriage_return() : hint;
    }
    for (const auto& attempt : {&Hints::foreign, &Hints::carriage_return, &Hints::certain_comment,
                                &Hints::skip, &Hints::units, &Hints::readings, &Hints::comment,
                                &Hints::reading_behind_comment, &Hints::thousands}) {
      std::string hint = (this->*attempt)();
      if (!hint.empty()) return hint;
    }
    if (fault_.kind == CsvFault::quote) return "";
    if (fault_.kind == CsvFault::ragged) return end_of_row();
    if (fault_.kind == CsvFault::missing) return "";
    CsvDialect point = fault_.dialect;
    point.decimal = '.';
    if (fault_.dialect.decimal == ',' &&
        point.is_number(
            point.field_at(fault_.field.data(), fault_.field.data() + fault_.field.size(), true)))
      return "a comma is the decimal point here";
    std::string hint = invisible();
    // Of a first row that is a header, the rest would become data.
    if (fault_.kind == CsvFault::first_row || !hint.empty()) return hint;
    return "expected digits with an optional sign, point and exponent, or nan or inf";
  }

 private:
  /// What has to be given for a line to be read, and why.
  struct Reading {
    ReadOptions with;
    std::vector<std::string> reasons, told;
    bool has_row_names = false;
    bool divides_header = false;
    bool may_have_no_header = false;
    bool may_be_thousands = false;  // beside another delimiter
    std::size_t doubts = 0;
    std::size_t kept = 0;

    void tell(std::string reason, std::string option) {
      if (!reason.empty()) reasons.push_back(std::move(reason));
      told.push_back(std::move(option));
    }
  };

  static void add_lines(std::vector<std::string_view>& lines, std::string_view text,
                        std::size_t most = std::string_view::npos) {
    while (!text.empty() && lines.size() < most) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      if (!without_blanks(line).empty()) lines.push_back(line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  /// None if a quote is where none can be.
  static std::vector<CsvField> split(const CsvDialect& dialect, std::string_view line) {
    std::vector<CsvField> fields;
    const char* p = line.data();
    const char* const end = p + line.size();
    for (;; ++p) {
      fields.push_back(dialect.field_at(p, end, true));
      if (fields.back().wrong != nullptr) return {};
      p = fields.back().next;
      if (p == end || !dialect.is_delimiter(*p)) return fields;
    }
  }

  /// Whether the text is read with these options; `head_alone`: with rows or without.
  bool works(const ReadOptions& options, std::string_view text, bool head_alone = false) const {
    Source source = Source::memory(text, "");
    ReadOptions plain = options;
    plain.block_bytes = text.size() + 1;
    try {
      const auto decoder = csv_decoder_without_hints(source, plain, {}, delimiter_of(plain));
      Chunk chunk;
      std::vector<Result> results;
      while (decoder->cut(chunk)) decoder->decode(chunk, results);
      return true;
    } catch (const Error& error) {
      return head_alone && error.message().starts_with("no tensor in it");
    }
  }
  /// Whether the row is, alone or with those behind it, which may be needed to tell what it is.
  bool works(const ReadOptions& options) const {
    return works(options, fault_.text) ||
           (!behind_.empty() && works(options, fault_.text + fault_.behind));
  }

  char delimiter_of(const ReadOptions& options) const {
    if (options.format == options_.format) return fault_.delimiter;
    return options.format == "tsv" ? '\t' : ',';
  }

  bool has(char c) const {
    return (fault_.kind == CsvFault::quote ? std::string_view(fault_.text) : fault_.row).find(c) !=
           std::string_view::npos;
  }

  CsvDialect dialect_with(const Other* other, char decimal) const {
    CsvDialect dialect = fault_.dialect;
    dialect.decimal = decimal;
    if (other == nullptr) return dialect;
    dialect.blanks = other->character == ReadOptions::kBlanks;
    dialect.delimiter = dialect.blanks ? ' ' : other->character;
    return dialect;
  }

  // ---- one reading -----------------------------------------------------------------------------

  /// A row and the header above it, divided alike.
  struct Line {
    CsvDialect dialect;
    const Other* other;  // the delimiter, if it is not the one at hand
    std::vector<CsvField> fields, names;
    std::vector<bool> taken;  // of each field, whether it is the tensor's, as far as that was said

    bool has_header() const { return !names.empty(); }
  };

  /// What the fields of a line are, beside numbers.
  struct Contents {
    std::vector<std::size_t> text;
    std::vector<std::string> missing_words;
    bool has_missing = false;
  };

  /// Reads the row with this delimiter and decimal point: all options that takes, at once. Nothing
  /// if that cannot be, or if an option would have to be given that is. `ends`: an empty field at
  /// the end is none.
  std::optional<Reading> reading(const ReadOptions& base, bool has_header, const Other* other,
                                 char decimal, bool ends, std::string_view row) const {
    Reading found;
    found.with = base;
    if (base.comment != options_.comment) found.tell("a comment", option("comment", base.comment));
    tell_dialect(found, other, decimal);
    std::optional<Line> line = divide(has_header, other, decimal, ends, row);
    if (!line || !take_row_names(found, *line, ends, base)) return std::nullopt;
    found.divides_header = line->names.size() > 1;
    // The lines behind are rows, too.
    if (!behind_.empty() && (other != nullptr || found.has_row_names)) {
      std::vector<CsvField> next = split(line->dialect, behind_[0]);
      if (ends && !next.empty() && next.back().text().empty()) next.pop_back();
      if (next.size() != line->fields.size() &&
          !line->dialect.is_comment(behind_[0].data(), behind_[0].data() + behind_[0].size()))
        return std::nullopt;
    }
    const auto taken =
        taken_of(line->fields.size(), other == nullptr ? fault_.names : names_of(line->names));
    if (!taken) return std::nullopt;
    line->taken = *taken;
    const std::optional<Contents> contents = contents_of(*line, found);
    if (!contents || !tell_contents(found, *line, *contents)) return std::nullopt;
    if (found.told.empty()) return std::nullopt;
    // A first row of which some is text may be a header, in which nothing but names is. A number
    // below text tells that it is one.
    if (fault_.kind == CsvFault::first_row && found.kept != 0 &&
        (other == nullptr || behind_.empty() || !works(found.with, fault_.text + fault_.behind)))
      return std::nullopt;
    return found;
  }

  void tell_dialect(Reading& found, const Other* other, char decimal) const {
    if (other != nullptr) {
      const bool by_format = !other->format.empty() && options_.format.empty();
      if (by_format) {
        found.with.format = other->format;
      } else {
        found.with.delimiter = other->character;
      }
      found.tell(
          "fields separated by " + std::string(other->name),
          by_format ? option("read.format", other->format) : option("read.delimiter", other->word));
    }
    if (decimal == options_.decimal) return;
    found.with.decimal = decimal;
    const bool may_be = may_be_thousands(other);
    found.may_be_thousands = other != nullptr && may_be;
    found.tell(other != nullptr ? ""
               : may_be         ? "a decimal comma, unless it separates thousands"
                                : "a decimal comma",
               option("read.decimal", {&decimal, 1}));
  }

  /// Whether there are three digits behind each comma that stands in a number, as behind one that
  /// separates thousands.
  bool may_be_thousands(const Other* other) const {
    const CsvDialect comma = dialect_with(other, ',');
    const auto speaks_against = [&](std::string_view line) {
      const std::vector<CsvField> fields = split(comma, line);
      return std::any_of(fields.begin(), fields.end(), [&](const CsvField& field) {
        const std::string_view text = field.text();
        return text.find(',') != std::string_view::npos && comma.is_number(field) &&
               (!is_grouped(text, ",") || text.find_first_of("123456789") > text.find(','));
      });
    };
    return !speaks_against(fault_.row) &&
           std::none_of(before_.begin(), before_.end(), speaks_against) &&
           std::none_of(behind_.begin(), behind_.end(), speaks_against);
  }

  /// Nothing, if a quote is where none can be, or if it cannot be a row.
  std::optional<Line> divide(bool has_header, const Other* other, char decimal, bool ends,
                             std::string_view row) const {
    Line line{dialect_with(other, decimal), other, {}, {}, {}};
    const CsvDialect& dialect = line.dialect;
    line.fields = split(dialect, row);
    if (has_header) line.names = split(dialect, header_);
    if (line.fields.empty() || (has_header && line.names.empty())) return std::nullopt;
    const auto ends_empty = [&] {
      return line.fields.size() > 1 && !dialect.blanks && !line.fields.back().quoted &&
             line.fields.back().text().empty();
    };
    if (ends) {
      if (!ends_empty()) return std::nullopt;
      line.fields.pop_back();
      if (line.names.size() > 1 && line.names.back().text().empty()) line.names.pop_back();
    }
    // One row alone that ends with a delimiter does not tell what that is.
    if (!has_header && fault_.is_first && behind_.empty() && !ends && ends_empty())
      return std::nullopt;
    // Numbers with a comma in them are no names, whatever stands beside them.
    if (options_.header == Header::automatic && dialect.delimiter != ',' &&
        fault_.kind != CsvFault::quote) {
      const CsvDialect comma = dialect_with(other, ',');
      const bool has_number =
          std::any_of(line.names.begin(), line.names.end(), [&](const CsvField& name) {
            return comma.is_number(name) && name.text().find(',') != std::string_view::npos;
          });
      if (has_number) return std::nullopt;
    }
    return line;
  }

  /// Whether the row has as many fields as the header, or one more, which is a name then.
  bool take_row_names(Reading& found, const Line& line, bool ends, const ReadOptions& base) const {
    if (!line.has_header()) return true;
    const bool nameless = line.other == nullptr && fault_.names.size() == line.names.size() + 1;
    const std::size_t expected = line.names.size() + (nameless ? 1u : 0u);
    if (line.fields.size() == expected) return true;
    if (line.fields.size() != expected + 1 || expected < 2 || has_chosen() || ends ||
        base.skip_after_header != options_.skip_after_header)
      return false;
    const CsvField& name = line.fields[0];
    const bool is_number =
        line.dialect.is_number(name) || kind_of_words(name.text()) == Kind::like_number;
    if (name.text().empty() || (!name.quoted && is_number)) return false;
    found.has_row_names = true;
    found.with.header = Header::yes;
    found.reasons.emplace_back("row names that the header has no name for");
    if (options_.header == Header::automatic) found.told.push_back(option("read.header", "yes"));
    return true;
  }

  /// Nothing, if a field is neither a number nor one of these.
  std::optional<Contents> contents_of(const Line& line, Reading& found) const {
    const CsvDialect& dialect = line.dialect;
    Contents contents;
    const std::vector<bool> before = numbers_in(dialect, before_, line.fields.size());
    const std::vector<bool> behind = numbers_in(dialect, behind_, line.fields.size());
    const bool is_comment = may_be_comment();
    for (std::size_t i = 0; i < line.fields.size(); ++i) {
      const CsvField& field = line.fields[i];
      const std::string_view text = field.text();
      const auto is_text_here = [&] {
        return (kind_of_words(text) == Kind::name || is_text(text)) &&
               text.find('\r') == std::string_view::npos && !has_chosen() && !before[i] &&
               !(is_comment && behind[i]);
      };
      if (found.has_row_names && i == 0) {
        contents.text.push_back(i);
      } else if (!line.taken[i] || dialect.is_number(field)) {
        continue;
      } else if (dialect.is_missing(field)) {
        // Bars at both ends of a line, and what has no name.
        const bool is_margin = i == 0 && dialect.delimiter == '|' && line.has_header() &&
                               line.names[0].text().empty() && !has_chosen();
        if (is_margin) {
          contents.text.push_back(i);
          continue;
        }
        contents.has_missing = true;
        continue;
      } else if (const std::optional<std::string> word = missing_word(field)) {
        std::vector<std::string>& words = contents.missing_words;
        // A longer list is none that somebody types.
        constexpr std::size_t kMostWords = 20;
        if (word->empty() || !options_.missing_words.empty() || words.size() > kMostWords)
          return std::nullopt;
        if (std::find(words.begin(), words.end(), *word) == words.end()) words.push_back(*word);
        continue;
      } else if ((fault_.kind == CsvFault::first_row && behind[i]) || !is_text_here() ||
                 (dialect.blanks && has_numbers_inside(text, fault_.dialect)) ||
                 has_numbers_beside_other(text, dialect)) {
        return std::nullopt;
      } else {
        contents.text.push_back(i);
      }
      found.doubts += has_other_delimiter(text, dialect) ? 1u : 0u;
    }
    return contents;
  }

  /// Adds what has to be said of text and of missing fields. False, if no column is left.
  bool tell_contents(Reading& found, const Line& line, const Contents& contents) const {
    // A longer list is none that somebody reads or types.
    constexpr std::size_t kMostKept = 50;
    const auto all = std::count(line.taken.begin(), line.taken.end(), true);
    found.kept = contents.text.size();
    if (found.kept != 0 && (found.kept == static_cast<std::size_t>(all) || found.kept > kMostKept))
      return false;
    std::string keep;
    for (const std::size_t i : contents.text) {
      const bool by_name = line.other == nullptr && !found.has_row_names && line.has_header();
      found.with.keep.push_back(by_name ? word_of(i) : std::to_string(i + 1));
      keep += (keep.empty() ? "" : ",") + found.with.keep.back();
    }
    if (found.kept != 0) {
      const Names names = names_beside(found, line);
      if (names == Names::unclear || names == Names::numbers) {
        found.with.header = Header::yes;
        found.told.push_back(option("read.header", "yes"));
        found.may_have_no_header = names == Names::numbers;
      }
      const bool is_new = found.kept > (found.has_row_names ? 1u : 0u);
      found.tell(!is_new           ? ""
                 : found.kept == 1 ? "a column of text"
                                   : "columns of text",
                 option("keep", keep));
    }
    if (const std::vector<std::string>& words = contents.missing_words; !words.empty()) {
      found.with.missing_words = words;
      std::string list;
      for (const std::string& word : words) list += (list.empty() ? "" : ",") + word;
      found.tell(words.size() == 1 || found.reasons.empty() ? "a word for a missing value"
                                                            : "words for missing values",
                 option("missing_words", list));
    } else if (contents.has_missing && !options_.missing && options_.missing_words.empty()) {
      const bool is_floating = !options_.dtype || is_floating_point(*options_.dtype);
      found.with.missing = is_floating ? "nan" : "0";
      found.tell(found.reasons.empty() ? kFill : "a missing field",
                 option("missing", *found.with.missing));
    }
    return true;
  }

  /// Whether the header is known for one by the names of the columns that are not kept: those of
  /// columns that are kept by their number do not count.
  enum class Names : std::uint8_t {
    clear,
    unclear,
    /// Numbers beside names: years, or a first row.
    numbers,
  };
  Names names_beside(const Reading& found, const Line& line) const {
    if (!line.has_header() || found.with.header != Header::automatic ||
        fault_.kind == CsvFault::quote)
      return Names::clear;
    FirstRowFields names(line.dialect);
    bool has_names = false;
    bool has_numbers = false;
    bool are_kept_names = true;
    for (std::size_t i = 0; i < line.names.size() && i < line.fields.size(); ++i) {
      const std::vector<std::string>& keep = found.with.keep;
      if (!line.taken[i] ||
          std::find(keep.begin(), keep.end(), std::to_string(i + 1)) != keep.end()) {
        are_kept_names = are_kept_names && kind_of_words(line.names[i].text()) == Kind::name;
        continue;
      }
      has_numbers = has_numbers || line.dialect.is_number(line.names[i]);
      names.take(line.names[i]);
      has_names = true;
    }
    if (has_numbers) return are_kept_names ? Names::numbers : Names::clear;
    return has_names && names.is().is != FirstRow::header ? Names::unclear : Names::clear;
  }

  /// Whether the caller has said which columns are the tensor's.
  bool has_chosen() const { return !options_.keep.empty() || !options_.columns.empty(); }

  static std::vector<std::string> names_of(const std::vector<CsvField>& fields) {
    std::vector<std::string> names;
    for (const CsvField& field : fields) names.push_back(field.name());
    return names;
  }

  /// Which columns are the tensor's, as far as that was said.
  std::optional<std::vector<bool>> taken_of(std::size_t fields,
                                            std::span<const std::string> names) const {
    std::vector<bool> taken(fields, true);
    if (!has_chosen()) return taken;
    try {
      const CsvColumns columns =
          choose_columns(names.size() == fields ? names : std::span<const std::string>(), fields,
                         options_.columns, options_.keep);
      for (std::size_t i = 0; i < fields; ++i) taken[i] = columns.role[i] >= 0;
      return taken;
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  /// What a column is called by in a list of them: its name, if that means it alone.
  std::string word_of(std::size_t i) const {
    const std::string number = std::to_string(i + 1);
    if (i >= fault_.names.size()) return number;
    const std::string& name = fault_.names[i];
    const bool is_plain =
        !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
          return c == '_' || c == '.' || is_letter(c) || is_digit(c);
        });
    return is_plain && std::count(fault_.names.begin(), fault_.names.end(), name) == 1 ? name
                                                                                       : number;
  }

  /// What stands for a missing value, as it has to be typed; "" if it cannot be. Nothing if it is no
  /// such word.
  static std::optional<std::string> missing_word(const CsvField& field) {
    // printf of an old C library: -1.#IND and 1.#QNAN are NaN, 1.#INF is not.
    const bool is_nan = field.text().find(".#IND") != std::string_view::npos ||
                        field.text().find(".#QNAN") != std::string_view::npos;
    if (!is_nan && kind_of_words(field.text()) != Kind::missing_word) return std::nullopt;
    std::string word = field.name();
    word.erase(0, word.find_first_not_of(" \t"));
    word.erase(word.find_last_not_of(" \t") + 1);
    if (word.find_first_of(",\"'") != std::string::npos || escaped(word) != word) return "";
    return word;
  }

  /// Whether another delimiter than the dialect's is in it, so that it may be more than one field.
  static bool has_other_delimiter(std::string_view text, const CsvDialect& dialect) {
    return std::any_of(text.begin(), text.end(), [&](char c) {
      return (c == ';' || c == '|' || c == '\t') && !dialect.is_delimiter(c);
    });
  }

  /// Whether it would be several fields as the table is divided, with a number among them: 5 km,1.5,2
  /// is not two columns with a blank between them.
  static bool has_numbers_inside(std::string_view text, const CsvDialect& dialect) {
    const std::vector<CsvField> inner = split(dialect, text);
    return inner.size() > 1 && std::any_of(inner.begin(), inner.end(), [&](const CsvField& field) {
             return dialect.is_number(field);
           });
  }

  /// The same of another delimiter that is in it.
  bool has_numbers_beside_other(std::string_view text, const CsvDialect& dialect) const {
    return std::any_of(std::begin(kOthers), std::end(kOthers), [&](const Other& other) {
      return other.character != ',' && other.character != ReadOptions::kBlanks &&
             text.find(other.character) != std::string_view::npos &&
             !dialect.is_delimiter(other.character) &&
             has_numbers_inside(text, dialect_with(&other, dialect.decimal));
    });
  }

  /// Of each of so many columns, whether one of the lines that have as many has a number there. Takes
  /// each line apart once: there may be as many columns as characters.
  static std::vector<bool> numbers_in(const CsvDialect& dialect,
                                      std::span<const std::string_view> lines,
                                      std::size_t columns) {
    std::vector<bool> found(columns, false);
    for (const std::string_view line : lines) {
      const char* const end = line.data() + line.size();
      if (dialect.is_comment(dialect.skip_blanks(line.data(), end), end)) continue;
      const std::vector<CsvField> fields = split(dialect, line);
      for (std::size_t i = 0; i < columns && fields.size() >= columns; ++i)
        found[i] = found[i] || dialect.is_number(fields[i]);
    }
    return found;
  }

  /// Whether the row looks like a comment.
  bool may_be_comment() const {
    const std::string_view row = without_blanks(fault_.row);
    return starts_with_any(row, kCommentMarks) &&
           row.substr(0, 3).find(' ') != std::string_view::npos;
  }

  static std::string as_hint(const Reading& found) {
    std::string told;
    for (const std::string& option : found.told) told += (told.empty() ? "" : " ") + option;
    if (found.reasons.size() == 1 && found.told.size() == 1) {
      if (found.kept != 0)
        return told + " leaves " +
               (found.kept == 1 ? "the column as it is" : "these columns as they are");
      if (found.reasons[0] == kFill && found.with.missing == "nan") told += ", or a number";
    }
    const bool has_delimiter = found.reasons[0].starts_with("fields separated");
    std::string reasons;
    for (std::size_t i = 0; i < (has_delimiter ? 1 : found.reasons.size()); ++i) {
      const std::string_view reason = found.reasons[i];
      reasons += (i == 0 ? "" : " and ") + std::string(reason);
    }
    if (found.may_be_thousands) reasons += " and a decimal comma, unless it separates thousands";
    if (found.may_have_no_header)
      told += ", or " + option("read.header", "no") + " if the first line is data";
    return reasons + ": " + told;
  }

  // ---- all readings, the most likely first -----------------------------------------------------

  /// Whether the header and the row are divided alike as they are.
  bool is_divided_as_its_header() const {
    return fault_.has_header && fault_.names.size() > 1 && fields_.size() == fault_.expected;
  }

  std::string readings_with(const ReadOptions& base, bool has_header) const {
    std::vector<Reading> found;
    const auto add = [&](const Other* other, char decimal) {
      for (const bool ends : {true, false}) {
        std::optional<Reading> next = reading(base, has_header, other, decimal, ends, fault_.row);
        if (next && works(next->with)) found.push_back(std::move(*next));
      }
    };
    const auto add_decimals = [&](const Other* other, char delimiter) {
      add(other, options_.decimal);
      if (options_.decimal == '.' && delimiter != ',' && has(',')) add(other, ',');
    };
    if (fault_.kind != CsvFault::quote) add_decimals(nullptr, fault_.dialect.delimiter);
    if (options_.delimiter == '\0' && !(has_header && is_divided_as_its_header())) {
      for (const Other& other : kOthers) {
        const bool blanks = other.character == ReadOptions::kBlanks;
        if (other.character == fault_.dialect.delimiter || other.character == options_.decimal)
          continue;
        if (!(blanks ? has(' ') && !are_thousands() : has(other.character))) continue;
        add_decimals(&other, other.character);
      }
    }
    const auto best =
        std::min_element(found.begin(), found.end(), [](const Reading& a, const Reading& b) {
          return std::tuple(a.has_row_names, !a.divides_header, a.doubts) <
                 std::tuple(b.has_row_names, !b.divides_header, b.doubts);
        });
    return best == found.end() ? "" : as_hint(*best);
  }

  std::string readings() const { return readings_with(options_, fault_.has_header); }

  /// Names behind a mark, as numpy.savetxt writes them, are none.
  std::string reading_behind_comment() const {
    if (!options_.comment.empty() || !fault_.has_header || options_.header == Header::yes)
      return "";
    for (const std::string_view mark : kCommentMarks) {
      if (!header_.starts_with(mark) || !may_skip(mark)) continue;
      ReadOptions with = options_;
      with.comment = mark;
      return readings_with(with, false);
    }
    return "";
  }

  /// Whether blanks stand in numbers, in front of each three digits, and not between them. Where they
  /// might, digits that begin with a zero tell, and rows of other lengths.
  bool are_thousands() const {
    std::vector<std::string_view> lines = before_;
    lines.push_back(fault_.row);
    lines.insert(lines.end(), behind_.begin(), behind_.end());
    bool all = true;
    bool any = false;
    std::size_t names = 0;
    if (fault_.has_header) {
      std::string_view header = header_;
      for (const std::string_view mark : kCommentMarks) {
        if (header.starts_with(mark)) header.remove_prefix(mark.size());
      }
      names = split(dialect_with(&kBlanks, '.'), header).size();
    }
    std::vector<std::size_t> counts;
    for (std::string_view line : lines) {
      line = without_blanks(line);
      const bool is_group = is_grouped(line, " ") && line.find("  ") == std::string_view::npos;
      if (is_group) {
        for (std::size_t at = line.find(' '); at != std::string_view::npos;
             at = line.find(' ', at + 1)) {
          const bool leads = line[line[0] == '-' || line[0] == '+' ? 1 : 0] != '0';
          if (line[at + 1] == '0' && leads) any = true;
        }
      }
      all = all && (is_group || line.find(' ') == std::string_view::npos);
      counts.push_back(static_cast<std::size_t>(std::count(line.begin(), line.end(), ' ')) + 1);
    }
    const bool same = std::all_of(counts.begin(), counts.end(),
                                  [&](std::size_t count) { return count == counts[0]; });
    const bool named = names == counts[0] && names > 1;
    return all && (any || !same || (fault_.has_header && !named));
  }

  // ---- what is no reading of the row -----------------------------------------------------------

  /// A table of another kind, by its name.
  std::string foreign() const {
    if (std::string hint = json(); !hint.empty()) return hint;
    constexpr std::string_view kArff[] = {"@relation", "@RELATION", "@attribute", "@ATTRIBUTE"};
    const auto is_arff = [&](std::string_view line) {
      return starts_with_any(without_blanks(line), kArff);
    };
    if (is_arff(header_) || is_arff(fault_.row) ||
        (without_blanks(fault_.row).starts_with('%') &&
         std::any_of(behind_.begin(), behind_.end(), is_arff)))
      return "an ARFF file: sed '1,/^@[Dd]/d' FILE | rectify";
    if (is_svmlight(fault_.row))
      return "an svmlight file: sklearn.datasets.load_svmlight_file(FILE)[0].toarray() has its "
             "rows";
    return "";
  }

  /// Of what is a document of JSON, or a line each, by all appearances.
  std::string json() const {
    const std::string text = fault_.text + fault_.behind;
    const std::string_view start = without_blanks(text);
    if (!start.starts_with('[') && !start.starts_with('{')) return "";
    const auto is_read = [](auto decoder_of, std::string_view whole) {
      Source source = Source::memory(whole, "");
      try {
        const auto decoder = decoder_of(source, ReadOptions(), Wanted());
        Chunk chunk;
        std::vector<Result> results;
        while (decoder->cut(chunk)) decoder->decode(chunk, results);
        return true;
      } catch (const Error&) {
        return false;
      }
    };
    const std::size_t newline = start.find('\n');
    if (newline < start.find_last_not_of("\n\r\t ") &&
        is_read(json_decoder, start.substr(0, newline)) && is_read(jsonl_decoder, text))
      return "lines of JSON: " + option("read.format", "jsonl");
    // What is at hand may be the first lines of it.
    std::string whole = text.substr(0, text.find_last_of("]}") + 1);
    for (int open = 0; open < 3; ++open, whole += ']') {
      if (is_read(json_decoder, whole)) return "JSON: " + option("read.format", "json");
    }
    return "";
  }

  /// Whether it is a label, and indices with a colon and a value behind each.
  static bool is_svmlight(std::string_view row) {
    const CsvDialect blanks = [] {
      CsvDialect dialect;
      dialect.blanks = true;
      dialect.delimiter = ' ';
      return dialect;
    }();
    row = without_blanks(row.substr(0, row.find('#')));
    const std::vector<CsvField> fields = split(blanks, row);
    if (fields.size() < 2 || !blanks.is_number(fields[0])) return false;
    return std::all_of(fields.begin() + 1, fields.end(), [&](const CsvField& field) {
      const std::string_view text = field.text();
      const std::size_t colon = text.starts_with("qid:") ? 3 : digits_at(text, 0);
      const std::string_view value = text.substr(std::min(colon + 1, text.size()));
      return colon != 0 && colon < text.size() && text[colon] == ':' && !value.empty() &&
             blanks.is_number(blanks.field_at(value.data(), value.data() + value.size(), true));
    });
  }

  bool may_skip(std::string_view mark) const {
    const auto begins = [&](std::string_view line) {
      return without_blanks(line).starts_with(mark);
    };
    return std::none_of(options_.missing_words.begin(), options_.missing_words.end(), begins) &&
           std::none_of(before_.begin(), before_.end(), begins);
  }

  /// Other lines that begin so do not have as many fields as the header.
  std::string comment() const {
    if (!options_.comment.empty()) return "";
    // A row of as many fields as the others has a word for a missing value, or a label, in the first.
    if (!fields_.empty() && fields_.size() == fault_.expected) {
      if (kind_of_words(fields_[0].text()) == Kind::missing_word) return "";
      const std::optional<std::vector<bool>> taken = taken_of(fields_.size(), fault_.names);
      bool is_row = fields_.size() > 1;
      for (std::size_t i = 1; i < fields_.size(); ++i) {
        is_row = is_row && ((taken && !(*taken)[i]) || fault_.dialect.is_number(fields_[i]) ||
                            fault_.dialect.is_missing(fields_[i]) ||
                            kind_of_words(fields_[i].text()) == Kind::missing_word);
      }
      if (is_row) return "";
    }
    return comment_of(without_blanks(fault_.row));
  }

  /// A header that begins with a mark, or a line that does and is divided otherwise.
  std::string certain_comment() const {
    if (!options_.comment.empty()) return "";
    const std::string_view row = without_blanks(fault_.row);
    if (!fields_.empty() && fields_.size() == fault_.expected &&
        kind_of_words(fields_[0].text()) == Kind::missing_word)
      return "";
    const bool is_one = starts_with_any(header_, kCommentMarks) ||
                        (starts_with_any(row, kCommentMarks) && fields_.size() != fault_.expected &&
                         !may_be_divided_otherwise());
    return is_one ? comment_of(row) : "";
  }

  std::string comment_of(std::string_view row) const {
    // A carriage return inside the line may have been the end of the comment.
    if (row.find('\r') != std::string_view::npos) return "";
    // Where the first column is labels, one may begin like a comment.
    const auto is_label = [&](std::string_view line) {
      const std::vector<CsvField> fields = split(fault_.dialect, line);
      return !fields.empty() && !fault_.dialect.is_missing(fields[0]) &&
             !fault_.dialect.is_number(fields[0]) &&
             kind_of_words(fields[0].text()) == Kind::name &&
             !starts_with_any(without_blanks(line), kCommentMarks);
    };
    const bool has_labels =
        fault_.expected > 1 && (std::any_of(before_.begin(), before_.end(), is_label) ||
                                std::any_of(behind_.begin(), behind_.end(), is_label));
    for (const std::string_view mark : kCommentMarks) {
      const bool is_header =
          fault_.has_header && !fault_.names.empty() && fault_.names[0].starts_with(mark) &&
          (header_.substr(mark.size()).starts_with(' ') || !may_be_divided_otherwise());
      if ((!row.starts_with(mark) && !is_header) || !may_skip(mark)) continue;
      ReadOptions with = options_;
      with.comment = mark;
      if (!is_header && has_labels) {
        with.comment += ' ';
        if (!row.starts_with(with.comment)) continue;
      }
      if (works(with, fault_.text, true)) return "a comment: " + option("comment", with.comment);
    }
    return "";
  }

  std::string carriage_return() const {
    const std::string_view row = fault_.row;
    // One at the end of the line is a line break's, if that is not left out already.
    const bool is_whole =
        fault_.kind != CsvFault::first_row && fault_.kind != CsvFault::only_header;
    if (row.substr(0, row.size() - (is_whole && !row.empty() ? 1 : 0)).find('\r') ==
        std::string_view::npos)
      return "";
    const std::string text = fault_.text + fault_.behind;
    // Where line feeds stand behind all of them, no two rows would be joined without them.
    bool are_at_ends = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\r') continue;
      const std::size_t next = text.find_first_not_of('\r', i);
      are_at_ends = are_at_ends && next != std::string::npos && text[next] == '\n';
    }
    std::string without = fault_.text;
    std::erase(without, '\r');
    if (are_at_ends && works(options_, without))
      return "a carriage return too many in the line break: tr -d '\\r'";
    const bool is_first_row = fault_.kind == CsvFault::first_row;
    // Where blank lines are rows, a line break must not become two, nor two one.
    const bool has_rows_of_nothing = fault_.expected == 1 && options_.missing.has_value();
    const bool has_pairs = has_rows_of_nothing && text.find("\r\n") < text.size() - 2;
    for (const bool squeezes : {false, true}) {
      if (squeezes && has_rows_of_nothing) break;
      std::string lines = fault_.text;
      if (has_pairs) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < lines.size(); ++i) {
          if (lines[i] == '\r' && i + 1 < lines.size() && lines[i + 1] == '\n') continue;
          lines[kept++] = lines[i];
        }
        lines.resize(kept);
      }
      std::replace(lines.begin(), lines.end(), '\r', '\n');
      if (squeezes)
        lines.erase(std::unique(lines.begin(), lines.end(),
                                [](char a, char b) { return a == '\n' && b == '\n'; }),
                    lines.end());
      bool is_sound = works(options_, lines, is_first_row);
      if (!is_sound && fault_.text.find('\n') + 1 == fault_.text.size()) {
        // There is no other line break: that the first line is sound is enough.
        const std::size_t content = std::min(lines.find_first_not_of(" \t\n"), lines.size());
        is_sound = works(options_, lines.substr(0, lines.find('\n', content) + 1), true);
      }
      if (is_sound)
        return "a carriage return inside the line: " +
               std::string(has_pairs ? "sed 's/\\r$//' | " : "") + "tr " +
               std::string(squeezes ? "-s " : "") + "'\\r' '\\n' makes it a line break";
    }
    return "";
  }

  /// A title, and whatever stands in front of the header.
  std::string skip() const {
    if (!fault_.is_first || !fault_.has_header || options_.header != Header::automatic ||
        fault_.skips || options_.skip_after_header != 0 || behind_.empty())
      return "";
    constexpr std::size_t kMostLines = 100;  // every one is tried in several ways
    const std::string text = fault_.text + fault_.behind;
    std::size_t at = 0;
    for (std::size_t lines = 1; at < fault_.text.size() && lines <= kMostLines; ++lines) {
      at = text.find('\n', at) + 1;
      const std::string_view rest = std::string_view(text).substr(at);
      if (without_blanks(rest.substr(0, rest.find('\n'))).empty()) continue;
      for (std::size_t i = 0; i <= std::size(kOthers); ++i) {
        const Other* other = i == 0 ? nullptr : &kOthers[i - 1];
        if (other != nullptr &&
            (options_.delimiter != '\0' || other->character == fault_.dialect.delimiter))
          continue;
        for (const char decimal : {'.', ','}) {
          if (decimal != options_.decimal && options_.decimal != '.') continue;
          const CsvDialect dialect = dialect_with(other, decimal);
          if (dialect.delimiter == decimal ||
              !is_table(dialect, rest, std::string_view(text).substr(0, at)))
            continue;
          ReadOptions with = options_;
          if (other != nullptr) with.delimiter = other->character;
          with.decimal = decimal;
          if (!works(with, rest)) continue;
          std::string hint =
              "lines in front of the header: " + option("skip", std::to_string(lines));
          if (other != nullptr) hint += " " + option("read.delimiter", other->word);
          if (decimal != options_.decimal) hint += " " + option("read.decimal", ",");
          return hint;
        }
      }
    }
    return "";
  }

  /// Whether a header and rows of several fields begin here, and the lines before have fewer fields.
  static bool is_table(const CsvDialect& dialect, std::string_view text, std::string_view before) {
    std::vector<std::string_view> lines;
    add_lines(lines, text, 2);
    if (lines.size() < 2) return false;
    const std::vector<CsvField> names = split(dialect, lines[0]);
    if (names.size() < 2 || split(dialect, lines[1]).size() != names.size()) return false;
    for (const CsvField& name : names) {
      if (dialect.is_number(name) || dialect.is_missing(name)) return false;
    }
    lines.clear();
    add_lines(lines, before);
    return std::all_of(lines.begin(), lines.end(), [&](std::string_view line) {
      const std::vector<CsvField> fields = split(dialect, line);
      // Spreadsheets write a title with as many delimiters as the table has.
      const bool is_title = fields.size() > 1 && !fields[0].text().empty() &&
                            std::all_of(fields.begin() + 1, fields.end(),
                                        [](const CsvField& field) { return field.text().empty(); });
      return fields.size() < names.size() || (fields.size() == names.size() && is_title);
    });
  }

  /// A line of words behind the header: names of units, or a second header.
  std::string units() const {
    if (!fault_.has_header || !fault_.is_first || options_.skip_after_header != 0 ||
        fault_.kind == CsvFault::quote)
      return "";
    const std::string_view text = fault_.text;
    const std::size_t row = text.size() - fault_.row.size() - 1;
    if (row < behind_header_) return "";
    // Blank lines and comments count.
    const auto lines = std::count(text.begin() + static_cast<std::ptrdiff_t>(behind_header_),
                                  text.begin() + static_cast<std::ptrdiff_t>(row), '\n') +
                       1;
    ReadOptions with = options_;
    with.skip_after_header = static_cast<std::size_t>(lines);
    if (fields_.size() == fault_.expected && !may_be_divided_otherwise() &&
        are_words(fault_.dialect, fault_.names)) {
      if (behind_.empty() || !works(with, text, true)) return "";
      const std::optional<std::vector<bool>> taken = taken_of(fields_.size(), fault_.names);
      const std::vector<bool> numbers = numbers_in(fault_.dialect, behind_, fields_.size());
      bool has_numbers = false;
      for (std::size_t i = 0; i < numbers.size(); ++i)
        has_numbers = has_numbers || (numbers[i] && taken && (*taken)[i]);
      if (!has_numbers) return "";
      for (const std::string_view line : behind_) {
        if (!has_words_alone(line) || works(with, fault_.text + fault_.behind)) break;
        ReadOptions more = with;
        more.skip_after_header += static_cast<std::size_t>(
            std::count(fault_.behind.data(), line.data() + line.size(), '\n') + 1);
        if (!works(more, fault_.text + fault_.behind)) continue;
        return "lines of words behind the header: " +
               option("skip_after_header", std::to_string(more.skip_after_header));
      }
      return "a line of words behind the header: " +
             option("skip_after_header", std::to_string(lines));
    }
    const std::string told = option("skip_after_header", std::to_string(lines));
    if (behind_.empty() || options_.delimiter != '\0' || fault_.names.size() != 1) return "";
    for (const Other& other : kOthers) {
      if (other.character == fault_.dialect.delimiter || other.character == options_.decimal)
        continue;
      for (const char decimal : {'.', ','}) {
        if (decimal == other.character || (decimal != options_.decimal && options_.decimal != '.'))
          continue;
        const CsvDialect dialect = dialect_with(&other, decimal);
        const std::vector<CsvField> names = split(dialect, header_);
        if (names.size() < 2 || split(dialect, fault_.row).size() != names.size() ||
            !are_words(dialect, names_of(names)))
          continue;
        for (const bool ends : {true, false}) {
          std::optional<Reading> found = reading(with, true, &other, decimal, ends, behind_[0]);
          if (!found || !works(found->with, fault_.text + fault_.behind)) continue;
          found->told.push_back(told);
          found->may_have_no_header = false;  // or there would be no line behind it
          return as_hint(*found);
        }
      }
    }
    return "";
  }

  /// Whether all that stands in a line, of what would be the tensor's, is words: what is damaged,
  /// missing or begins like a number may be data.
  bool has_words_alone(std::string_view line) const {
    const std::vector<CsvField> fields = split(fault_.dialect, line);
    const std::optional<std::vector<bool>> taken = taken_of(fields.size(), fault_.names);
    if (!taken) return false;
    bool has_words = false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string_view text = fields[i].text();
      if (!(*taken)[i] || text.empty()) continue;
      const bool is_word =
          !fault_.dialect.is_number(fields[i]) && !fault_.dialect.is_missing(fields[i]) &&
          (kind_of_words(text) == Kind::name || (is_rule(text) && text.size() > 1));
      if (!is_word) return false;
      has_words = true;
    }
    return has_words;
  }

  /// Whether the row is words where there are numbers below.
  bool are_words(const CsvDialect& dialect, std::span<const std::string> names) const {
    const std::vector<CsvField> fields = split(dialect, fault_.row);
    const std::optional<std::vector<bool>> taken = taken_of(fields.size(), names);
    if (!taken) return false;
    // Rows below, taken apart once: there may be as many columns as characters.
    std::vector<std::vector<CsvField>> rows;
    for (const std::string_view line : behind_) {
      std::vector<CsvField> others = split(dialect, line);
      const bool has_number = std::any_of(others.begin(), others.end(), [&](const CsvField& field) {
        return dialect.is_number(field);
      });
      if (others.size() >= fields.size() && has_number) rows.push_back(std::move(others));
    }
    bool has_words = false;
    bool has_name = false;
    bool turns_to_numbers = false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string_view text = fields[i].text();
      // A time beside it, or a number, is that of a row; and so is a word that comes again below.
      const bool is_kept_number =
          !(*taken)[i] && !text.empty() &&
          (dialect.is_number(fields[i]) || kind_of_words(text) == Kind::like_number);
      if (is_kept_number) return false;
      if (!(*taken)[i] || dialect.is_missing(fields[i])) continue;
      const auto comes_again = [&](const auto& row) { return row[i].text() == text; };
      const auto is_number = [&](const auto& row) { return dialect.is_number(row[i]); };
      if (std::any_of(rows.begin(), rows.end(), comes_again)) return false;
      const bool is_name = !dialect.is_number(fields[i]) && kind_of_words(text) == Kind::name;
      if (!is_name && !is_rule(text)) return false;
      has_name = has_name || is_name;
      has_words = true;
      turns_to_numbers = turns_to_numbers || ((is_name || text.size() > 1) &&
                                              std::any_of(rows.begin(), rows.end(), is_number));
    }
    // Words in the only column are no text to keep.
    const bool comparable = !behind_.empty() && std::count(taken->begin(), taken->end(), true) > 1;
    const bool all_rules = has_words && !has_name;
    if (all_rules && !comparable)
      return std::all_of(fields.begin(), fields.end(),
                         [](const CsvField& f) { return f.text().size() > 1; });
    return has_words && (comparable ? turns_to_numbers : has_name);
  }

  /// Whether the header and the row are divided by another delimiter, into columns of which some may
  /// be text.
  bool may_be_divided_otherwise() const {
    if (options_.delimiter != '\0' || fault_.names.size() != 1) return false;
    return std::any_of(std::begin(kOthers), std::end(kOthers), [&](const Other& other) {
      if (other.character == fault_.dialect.delimiter) return false;
      const CsvDialect dialect = dialect_with(&other, fault_.dialect.decimal);
      const std::size_t names = split(dialect, header_).size();
      // R's rows have a name that the header has none for.
      const std::size_t fields = split(dialect, fault_.row).size();
      return names > 1 && (fields == names || fields == names + 1 ||
                           (!behind_.empty() && split(dialect, behind_[0]).size() == names));
    });
  }

  /// Digits in groups of three.
  std::string thousands() const {
    struct Separator {
      std::string_view text, remedy;
    };
    constexpr Separator kSeparators[] = {{",", "tr -d ,"},
                                         {".", "tr -d ."},
                                         {" ", "tr -d ' '"},
                                         {"'", "tr -d \"'\""},
                                         {"_", "tr -d _"},
                                         {"\u00A0", "sed 's/\\xc2\\xa0//g'"},
                                         {"\u202F", "sed 's/\\xe2\\x80\\xaf//g'"},
                                         {"\u2009", "sed 's/\\xe2\\x80\\x89//g'"}};
    for (const auto& [separator, remedy] : kSeparators) {
      if (!is_grouped(fault_.field, separator)) continue;
      const bool quoted = separator[0] == fault_.dialect.delimiter;
      std::string text;
      bool in_quotes = false;
      for (std::size_t i = 0; i < fault_.text.size(); ++i) {
        if (fault_.text[i] == '"') in_quotes = !in_quotes;
        if (fault_.text.compare(i, separator.size(), separator) == 0 && (!quoted || in_quotes)) {
          i += separator.size() - 1;
        } else {
          text += fault_.text[i];
        }
      }
      // The commas of decimals would divide fields.
      const bool is_divided =
          !fault_.has_header && fault_.dialect.delimiter == ',' && !quoted && fields_.size() > 1;
      if (!is_divided && !works(options_, text)) continue;
      const std::string message = "thousands separators are not read";
      // A point further down would be that of a fraction.
      const bool may_be_point = separator == "." && options_.decimal == '.';
      if (is_divided || may_be_point || (!quoted && is_elsewhere(separator))) return message;
      // Of what stands in the quotes besides the sed takes nothing out.
      if (quoted && fault_.field.find_first_of(" eE") != std::string_view::npos) return message;
      return message + ": " +
             (quoted ? "sed -E ':a; s/(\"[-+]?[0-9]+)" + std::string(separator) +
                           "([0-9]{3}[\",.])/\\1\\2/; ta'"
                     : std::string(remedy)) +
             " takes them out";
    }
    return "";
  }

  /// Whether what separates thousands is in anything else of the table, too, or may be.
  bool is_elsewhere(std::string_view separator) const {
    if (!options_.keep.empty()) return true;
    const auto has_it = [&](std::string_view line, bool is_row) {
      for (const CsvField& field : split(fault_.dialect, line)) {
        const bool may_lose =
            is_row && !fault_.dialect.is_number(field) && is_grouped(field.text(), separator);
        if (!may_lose && field.text().find(separator) != std::string_view::npos) return true;
      }
      return false;
    };
    const auto row_has_it = [&](std::string_view line) { return has_it(line, true); };
    return has_it(header_, false) || row_has_it(fault_.row) ||
           std::any_of(before_.begin(), before_.end(), row_has_it) ||
           std::any_of(behind_.begin(), behind_.end(), row_has_it);
  }

  static bool is_grouped(std::string_view text, std::string_view separator) {
    const auto digits = [&] {
      const std::size_t count = digits_at(text, 0);
      text.remove_prefix(count);
      return count;
    };
    while (!text.empty() && (text[0] == ' ' || text[0] == '+' || text[0] == '-'))
      text.remove_prefix(1);
    const std::size_t first = digits();
    if (first == 0 || first > 3 || !text.starts_with(separator)) return false;
    while (text.starts_with(separator)) {
      text.remove_prefix(separator.size());
      if (digits() != 3) return false;
    }
    return text.empty() || text[0] == '.' || text[0] == ',' || text[0] == ' ' || text[0] == 'e' ||
           text[0] == 'E';
  }

  std::string end_of_row() const {
    return fields_.size() == fault_.expected + 1 && fields_.back().text().empty()
               ? "the row ends with a delimiter"
               : "";
  }

  std::string invisible() const {
    const std::string found = invisible_in(fault_.field);
    return found.empty() ? "" : "it has " + found + " in it, which no number has";
  }

  const CsvFault& fault_;
  const ReadOptions& options_;
  std::vector<CsvField> fields_;  // of the row
  std::string_view header_;
  std::size_t behind_header_ = 0;
  std::vector<std::string_view> before_, behind_;  // rows, or what should be
};

}  // namespace

std::string csv_hint(const CsvFault& fault) {
  // Every reading takes as long as the row, and there are many.
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  return fault.text.size() > kMostBytes ? Hints(fault).missing() : Hints(fault).find();
}

}  // namespace rectify::inline v1
