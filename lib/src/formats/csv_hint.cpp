#include "csv_hint.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include "csv_first_row.hpp"

namespace rectify::inline v1 {
namespace {

class Hints {
 public:
  explicit Hints(const CsvFault& fault) : fault_(fault), options_(fault.options) {
    const char* p = fault.row.data();
    const char* const end = p + fault.row.size();
    for (;; ++p) {
      const CsvField field = fault.dialect.field_at(p, end, true);
      if (field.wrong != nullptr) break;
      fields_.push_back(field);
      p = field.next;
      if (p == end || !fault.dialect.is_delimiter(*p)) break;
    }
  }

  std::string find() const {
    using Kind = CsvFault::Kind;
    if (fault_.kind == Kind::only_header) return carriage_return();
    for (const auto& attempt :
         {&Hints::comment, &Hints::delimiter, &Hints::decimal, &Hints::carriage_return,
          &Hints::thousands, &Hints::units, &Hints::missing_words, &Hints::row_names}) {
      std::string hint = (this->*attempt)();
      if (!hint.empty()) return hint;
    }
    if (fault_.kind == Kind::ragged) return end_of_row();
    if (fault_.kind == Kind::missing) return missing();
    CsvDialect point = fault_.dialect;
    point.decimal = '.';
    if (fault_.dialect.decimal == ',' &&
        point.is_number(
            point.field_at(fault_.field.data(), fault_.field.data() + fault_.field.size(), true)))
      return "a comma is the decimal point here";
    std::string hint = invisible();
    // Of a first row that is a header, the rest would become data.
    if (fault_.kind == Kind::first_row) return hint;
    if (hint.empty()) hint = kept();
    if (!hint.empty()) return hint;
    return "expected digits with an optional sign, point and exponent, or nan or inf";
  }

 private:
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
  bool works(const ReadOptions& options) const { return works(options, fault_.text); }

  char delimiter_of(const ReadOptions& options) const {
    if (options.format == options_.format) return fault_.delimiter;
    return options.format == "tsv" ? '\t' : ',';
  }

  bool has(char c) const { return fault_.row.find(c) != std::string_view::npos; }

  bool has_carriage_return_inside() const {
    return fault_.row.substr(0, fault_.row.empty() ? 0 : fault_.row.size() - 1).find('\r') !=
           std::string_view::npos;
  }

  std::string comment() const {
    // A carriage return inside the line may have been the end of the comment.
    if (!options_.comment.empty() || has_carriage_return_inside()) return "";
    const std::string_view row =
        fault_.row.substr(std::min(fault_.row.find_first_not_of(" \t"), fault_.row.size()));
    // A row of as many fields as the others has a word for a missing value, or a label, in the first.
    if (fields_.size() == fault_.expected &&
        (fields_.size() > 1 ||
         (!fields_.empty() && kind_of_words(fields_[0].text()) == Kind::missing_word)) &&
        std::all_of(fields_.begin() + 1, fields_.end(), [&](const CsvField& field) {
          return fault_.dialect.is_number(field) || fault_.dialect.is_missing(field) ||
                 kind_of_words(field.text()) == Kind::missing_word;
        }))
      return "";
    for (const std::string_view mark : {"#", "%", "//", "!"}) {
      const bool is_header =
          fault_.has_header && !fault_.names.empty() && fault_.names[0].starts_with(mark);
      if (!row.starts_with(mark) && !is_header) continue;
      ReadOptions with = options_;
      with.comment = mark;
      if (works(with, fault_.text, true)) return "a comment: " + option("comment", mark);
    }
    return "";
  }

  std::string delimiter() const {
    if (options_.delimiter != '\0') return "";
    for (const Other& other : kOthers) {
      const bool blanks = other.character == ReadOptions::kBlanks;
      if (other.character == fault_.dialect.delimiter) continue;
      if (!(blanks ? has(' ') && !are_groups(' ') : has(other.character))) continue;
      ReadOptions with = options_;
      const bool by_format = !other.format.empty() && options_.format.empty();
      if (by_format) {
        with.format = other.format;
      } else {
        with.delimiter = other.character;
      }
      const std::string hint =
          "fields separated by " + std::string(other.name) + ": " +
          (by_format ? option("read.format", other.format) : option("read.delimiter", other.word));
      if (works(with)) return hint;
      if (options_.decimal != '.' || other.character == ',') continue;
      with.decimal = ',';
      if (works(with)) return hint + " " + option("read.decimal", ",");
      with.decimal = '.';
      if (const std::string list = text_columns(with, other.character); !list.empty())
        return hint + " " + option("keep", list);
    }
    return "";
  }

  /// The columns of text that have to be kept for the row to be read with these options; "" if that
  /// does not help.
  std::string text_columns(ReadOptions options, char delimiter) const {
    if (!fault_.has_header || !options.keep.empty() || !options.columns.empty()) return "";
    CsvDialect dialect = fault_.dialect;
    dialect.blanks = delimiter == ReadOptions::kBlanks;
    dialect.delimiter = dialect.blanks ? ' ' : delimiter;
    std::string list;
    const char* p = fault_.row.data();
    const char* const end = p + fault_.row.size();
    for (std::size_t i = 1;; ++i, ++p) {
      const CsvField field = dialect.field_at(p, end, true);
      if (field.wrong != nullptr) return "";
      if (!dialect.is_number(field)) {
        options.keep.push_back(std::to_string(i));
        list += (list.empty() ? "" : ",") + options.keep.back();
      }
      p = field.next;
      if (p == end || !dialect.is_delimiter(*p)) break;
    }
    return !list.empty() && works(options) ? list : "";
  }

  /// Whether what the character separates are groups of three digits: 1 000 is more likely a
  /// thousand than 1 and 0.
  bool are_groups(char separator) const {
    std::string_view row = fault_.row;
    if (row.ends_with('\r')) row.remove_suffix(1);
    const std::size_t last = row.rfind(separator);
    return last != std::string_view::npos && row.size() - last == 4;
  }

  std::string decimal() const {
    if (options_.decimal != '.' || fault_.dialect.delimiter == ',' || !has(',')) return "";
    ReadOptions with = options_;
    with.decimal = ',';
    return works(with) ? "a decimal comma: " + option("read.decimal", ",") : "";
  }

  std::string carriage_return() const {
    if (!has('\r')) return "";
    std::string without = fault_.text;
    std::erase(without, '\r');
    constexpr std::string_view kTooMany =
        "a carriage return too many in the line break: tr -d '\\r'";
    if (fault_.row.ends_with('\r') && works(options_, without)) return std::string(kTooMany);
    std::string lines = fault_.text;
    std::replace(lines.begin(), lines.end(), '\r', '\n');
    const bool is_first_row = fault_.kind == CsvFault::first_row;
    bool is_sound = works(options_, lines, is_first_row);
    if (!is_sound && fault_.text.find('\n') + 1 == fault_.text.size()) {
      // There is no other line break: that the first line is sound is enough.
      const std::size_t content = std::min(lines.find_first_not_of(" \t\n"), lines.size());
      is_sound = works(options_, lines.substr(0, lines.find('\n', content) + 1), true);
    }
    if (is_sound) return "a carriage return inside the line: tr '\\r' '\\n' makes it a line break";
    return works(options_, without) ? std::string(kTooMany) : "";
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
      if (!works(options_, text)) continue;
      return "thousands separators are not read: " +
             (quoted ? "sed -E ':a; s/(\"[-+]?[0-9]+)" + std::string(separator) +
                           "([0-9]{3}[\",.])/\\1\\2/; ta'"
                     : std::string(remedy)) +
             " takes them out";
    }
    return "";
  }

  static bool is_grouped(std::string_view text, std::string_view separator) {
    const auto digits = [&] {
      std::size_t count = 0;
      for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++count) text.remove_prefix(1);
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

  /// Whether it is a line of hyphens, as between a header and its table, or stands for no unit.
  static bool is_rule(std::string_view text) {
    return !text.empty() && text.find_first_not_of('-') == std::string_view::npos;
  }

  /// Whether the header and the row are divided by another delimiter, into columns of which some may
  /// be text.
  bool may_be_divided_otherwise() const {
    if (options_.delimiter != '\0' || fault_.names.size() != 1) return false;
    const std::string_view header = fault_.names[0];
    return std::any_of(std::begin(kOthers), std::end(kOthers), [&](const Other& other) {
      const auto count = std::count(header.begin(), header.end(), other.character);
      return count != 0 &&
             count == std::count(fault_.row.begin(), fault_.row.end(), other.character);
    });
  }

  /// A line of words behind the header.
  std::string units() const {
    const bool is_words = std::all_of(fields_.begin(), fields_.end(), [&](const CsvField& field) {
      return fault_.dialect.is_missing(field) ||
             (!fault_.dialect.is_number(field) &&
              (kind_of_words(field.text()) == Kind::name || is_rule(field.text())));
    });
    const bool has_words = std::any_of(fields_.begin(), fields_.end(), [&](const CsvField& field) {
      return !fault_.dialect.is_missing(field);
    });
    if (!fault_.has_header || !fault_.is_first || !is_words || !has_words ||
        fields_.size() != fault_.expected || options_.skip_after_header != 0 ||
        may_be_divided_otherwise())
      return "";
    ReadOptions with = options_;
    with.skip_after_header = 1;
    return works(with, fault_.text, true)
               ? "a line of words behind the header: " + option("skip_after_header", "1")
               : "";
  }

  std::string missing_words() const {
    if (!options_.missing_words.empty()) return "";
    ReadOptions with = options_;
    std::string list;
    for (const CsvField& field : fields_) {
      if (fault_.dialect.is_missing(field) || fault_.dialect.is_number(field)) continue;
      // printf of an old C library: -1.#IND and 1.#QNAN are NaN, 1.#INF is not.
      const bool is_nan = field.text().find(".#IND") != std::string_view::npos ||
                          field.text().find(".#QNAN") != std::string_view::npos;
      if (!is_nan && kind_of_words(field.text()) != Kind::missing_word) continue;
      std::string word = field.name();
      word.erase(0, word.find_first_not_of(" \t"));
      word.erase(word.find_last_not_of(" \t") + 1);
      // A word that cannot be typed as it is shown would not help.
      if (word.find_first_of(",\"'") != std::string::npos || escaped(word) != word) return "";
      if (std::find(with.missing_words.begin(), with.missing_words.end(), word) !=
          with.missing_words.end())
        continue;
      list += (list.empty() ? "" : ",") + word;
      with.missing_words.push_back(word);
    }
    if (with.missing_words.empty() || !works(with)) return "";
    return "a word for a missing value: " + option("missing_words", list);
  }

  std::string row_names() const {
    if (!fault_.has_header || fields_.size() != fault_.names.size() + 1 || !options_.keep.empty() ||
        (fault_.dialect.is_number(fields_[0]) && !fields_[0].quoted))
      return "";
    ReadOptions with = options_;
    with.header = Header::yes;
    with.keep = {"1"};
    if (!works(with)) return "";
    return "row names that the header has no name for: " +
           (options_.header == Header::automatic ? option("read.header", "yes") + " " : "") +
           option("keep", "1");
  }

  std::string end_of_row() const {
    return fields_.size() == fault_.expected + 1 && fields_.back().text().empty()
               ? "the row ends with a delimiter"
               : "";
  }

  std::string missing() const {
    if (options_.missing) return "";
    ReadOptions with = options_;
    with.missing = "nan";
    if (works(with)) return "to fill missing fields: " + option("missing", "nan") + ", or a number";
    with.missing = "0";
    return works(with) ? "to fill missing fields: " + option("missing", "0") : "";
  }

  std::string invisible() const {
    const std::string found = invisible_in(fault_.field);
    return found.empty() ? "" : "it has " + found + " in it, which no number has";
  }

  /// Columns of text.
  std::string kept() const {
    if (!options_.keep.empty() || !options_.columns.empty()) return "";
    ReadOptions with = options_;
    std::string list;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fault_.dialect.is_missing(fields_[i]) || fault_.dialect.is_number(fields_[i])) continue;
      std::string word = std::to_string(i + 1);
      if (fault_.has_header && i < fault_.names.size()) {
        const std::string& name = fault_.names[i];
        const bool is_plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
          return c == '_' || c == '.' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 (c >= '0' && c <= '9');
        }) && (name[0] < '0' || name[0] > '9');
        if (is_plain) word = name;
      }
      list += (list.empty() ? "" : ",") + word;
      with.keep.push_back(word);
    }
    if (with.keep.empty() || with.keep.size() == fields_.size() || !works(with)) return "";
    return option("keep", list) + " leaves " +
           (with.keep.size() == 1 ? "the column as it is" : "these columns as they are");
  }

  struct Other {
    char character;
    std::string_view name, word;
    std::string_view format;  // that has this delimiter
  };
  static constexpr Other kOthers[] = {{',', "commas", ",", "csv"},
                                      {';', "semicolons", ";", ""},
                                      {'\t', "tabs", "tab", "tsv"},
                                      {'|', "bars", "|", ""},
                                      {ReadOptions::kBlanks, "blanks", "blanks", ""}};

  const CsvFault& fault_;
  const ReadOptions& options_;
  std::vector<CsvField> fields_;
};

}  // namespace

std::string csv_hint(const CsvFault& fault) { return Hints(fault).find(); }

}  // namespace rectify::inline v1
