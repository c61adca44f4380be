// CSV and TSV: RFC 4180, a line a row; columns of several names stand side by side. What was read
// from a table of the same format is written in its style, and its columns that are kept stand in
// their places.

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "csv_dialect.hpp"
#include "dispatch.hpp"
#include "float_format.hpp"
#include "format.hpp"
#include "half.hpp"
#include "number/number.hpp"

namespace rectify::inline v1 {
namespace {

class CsvEncoder final : public detail::Encoder {
 public:
  CsvEncoder(Output& output, const WriteOptions& options, char delimiter)
      : output_(output),
        header_(options.header),
        format_(delimiter == '\t' ? "tsv" : "csv"),
        options_(options),
        float_format_(options.float_format) {
    standard_.delimiter = delimiter;
  }

  bool takes_slabs(const Result&, std::size_t) const override { return true; }
  bool takes_stacks() const override { return true; }
  bool tells_rows_from_vectors() const override { return false; }
  bool tells_records() const override { return true; }
  std::string_view writes_skipped_of() const override {
    return header_ == Header::no ? std::string_view() : format_;
  }

  bool keeps(const TableStyle& style) const override {
    const TableStyle written = style_of(&style);
    return written.format == style.format && written.delimiter == style.delimiter &&
           written.decimal == style.decimal && style.decimal == '.' && !style.crlf &&
           !float_format_.is_set();
  }

  void encode(Result& result, std::string& text) const override {
    check_alone(result, "CSV");
    const TableStyle style = style_of(result.style.get());
    Lines lines(text, style, float_format_);
    if (result.columns.size() == 1 && result.kept == nullptr) {
      const Column& column = result.columns[0];
      const Table table = table_of(result, column);
      dispatch(column.tensor.dtype(), [&](auto type) {
        const auto* values = column.tensor.data<typename decltype(type)::type>().data();
        if (table.width != 0) {
          lines.add_rows(values, table.rows, table.width);
        } else {
          for (std::size_t row = 0; row < table.rows; ++row) lines.end();
        }
      });
      lines.flush();
      return;
    }
    std::vector<Table> tables;
    std::vector<const std::byte*> at;
    for (const Column& column : result.columns) {
      tables.push_back(table_of(result, column));
      at.push_back(column.tensor.bytes());
      if (tables.back().rows == tables[0].rows) continue;
      throw Error(ErrorKind::unsupported,
                  "a result of " + plural(tables.back().rows, "row") +
                      " does not stand beside one of " + std::to_string(tables[0].rows),
                  option("write.format", "json") + " holds tensors of any shape");
    }
    const std::vector<std::size_t> before = places_of_kept(result);
    if (!before.empty() && result.kept->ends.size() != tables[0].rows * before.size()) {
      throw Error(ErrorKind::unsupported,
                  "a result of " + plural(tables[0].rows, "row") + " has no place for what " +
                      option("keep") + " keeps of " +
                      plural(result.kept->ends.size() / before.size(), "row"));
    }
    // What has the delimiter in it is in quotes then.
    const bool is_as_it_was = result.style != nullptr && result.style->delimiter == style.delimiter;
    if (at.size() == 1 && lines.is_plain() && tables[0].width != 0) {
      dispatch(result.columns[0].tensor.dtype(), [&](auto type) {
        const auto* values = result.columns[0].tensor.data<typename decltype(type)::type>().data();
        lines.add_rows(values, tables[0].rows, tables[0].width, *result.kept, before, is_as_it_was);
      });
      lines.flush();
      return;
    }
    std::size_t kept = 0;
    for (std::size_t row = 0; row < tables[0].rows; ++row) {
      std::size_t next_kept = 0;  // of the row
      for (std::size_t i = 0; i < at.size(); ++i) {
        dispatch(result.columns[i].tensor.dtype(), [&](auto type) {
          using T = typename decltype(type)::type;
          const auto* values = reinterpret_cast<const T*>(at[i]);
          std::size_t done = 0;
          for (; i == 0 && next_kept < before.size(); ++next_kept, ++kept) {
            const std::size_t stop = std::min(before[next_kept], tables[i].width);
            values = lines.add(values, stop - done);
            done = stop;
            const std::string& kept_text = result.kept->text;
            lines.add_text(kept_field(*result.kept, kept), kept_text.data() + kept_text.size(),
                           is_as_it_was);
          }
          values = lines.add(values, tables[i].width - done);
          at[i] = reinterpret_cast<const std::byte*>(values);
        });
      }
      lines.end();
    }
    lines.flush();
  }

  void put(const Result& result, std::string_view text) override {
    if (result.begins) {
      std::size_t width = 0;
      for (const Column& column : result.columns) width += table_of(result, column).width;
      const TableStyle style = style_of(result.style.get());
      const std::vector<std::size_t> places = places_of_kept(result);
      const std::vector<std::string> kept =
          result.kept == nullptr ? std::vector<std::string>() : result.kept->names;
      if (!begun_) {
        begun_ = true;
        width_ = width;
        names_ = result.names;
        delimiter_written_ = style.delimiter;
        decimal_written_ = style.decimal;
        places_ = places;
        kept_names_ = kept;
        write_head(result);
      } else if ((style.delimiter != delimiter_written_ && width_ + places_.size() > 1) ||
                 style.decimal != decimal_written_) {
        const bool is_decimal = style.decimal != decimal_written_;
        const char first = is_decimal ? decimal_written_ : delimiter_written_;
        const char other = is_decimal ? style.decimal : style.delimiter;
        throw Error(ErrorKind::unsupported,
                    in_quotes({&other, 1}) +
                        (is_decimal ? " as the decimal point" : " between fields") + " after " +
                        in_quotes({&first, 1}) + " in the first input",
                    option(is_decimal ? "write.decimal" : "write.delimiter",
                           first == '\t' ? "tab" : in_quotes({&first, 1})) +
                        " writes it for all");
      } else if (places != places_ ||
                 (kept != kept_names_ && !kept.empty() && header_ != Header::no)) {
        throw Error(ErrorKind::unsupported,
                    "what " + option("keep") +
                        " keeps stands elsewhere, or is called otherwise, than "
                        "in the first input",
                    places == places_ ? option("write.header", "no") + " leaves headers out"
                                      : option("write.format", "json") + " leaves it out");
      } else if (width != width_) {
        throw Error(
            ErrorKind::unsupported,
            "a tensor of " + plural(width, "column") + " after one of " + std::to_string(width_),
            "rows of a CSV have one length; " + option("write.format", "jsonl") +
                " holds tensors of any shape");
      } else if (result.names != names_ && !result.names.empty() && header_ != Header::no) {
        throw Error(ErrorKind::unsupported, "a header other than the first input's",
                    is_in_other_order(result.names)
                        ? option("columns", joined_names()) + " takes columns in one order"
                        : option("write.header", "no") + " leaves headers out");
      }
    }
    output_.write(text);
  }

 private:
  /// Whether these are the names of the first input in another order, each of which means one column
  /// where it is typed as it stands.
  bool is_in_other_order(const std::vector<std::string>& names) const {
    const auto is_letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    const auto is_plain = [&](const std::string& name) {
      return !name.empty() && is_letter(name[0]) &&
             std::all_of(name.begin(), name.end(),
                         [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
    };
    std::vector<std::string> one = names_;
    std::vector<std::string> other = names;
    std::sort(one.begin(), one.end());
    std::sort(other.begin(), other.end());
    return one == other && std::adjacent_find(one.begin(), one.end()) == one.end() &&
           std::all_of(one.begin(), one.end(), is_plain);
  }

  std::string joined_names() const {
    std::string list;
    for (const std::string& name : names_) list += (list.empty() ? "" : ",") + name;
    return list;
  }

  /// A column of a Result as lines of values.
  struct Table {
    std::size_t rows, width;
  };

  static Table table_of(const Result& result, const Column& column) {
    check_text(column.tensor);
    const Shape& shape = column.tensor.shape();
    const auto numel = static_cast<std::size_t>(column.tensor.numel());
    if (result.lines == rectify::Lines::rows) {
      const std::size_t width = fields_of(result, column);
      return {width == 0 ? 0 : numel / width, width};
    }
    if (shape.size() > 2) {
      throw Error(
          ErrorKind::unsupported,
          "a tensor of " + std::to_string(shape.size()) + " dimensions has no CSV",
          "at most 2 dimensions do; " + option("write.format", "json") + " or npy holds any");
    }
    if (shape.size() < 2) return {numel, 1};
    return {static_cast<std::size_t>(shape[0]), static_cast<std::size_t>(shape[1])};
  }

  /// In the style of the input, if it was a table of the same format, but for what the options say.
  TableStyle style_of(const TableStyle* read) const {
    TableStyle style = read != nullptr && read->format == format_ ? *read : standard_;
    if (options_.delimiter != '\0' && options_.delimiter != style.delimiter) {
      style.delimiter = options_.delimiter;
      if (style.delimiter == style.decimal) style.decimal = '.';
    }
    if (options_.decimal != '\0') style.decimal = options_.decimal;
    if (style.delimiter == style.decimal) {
      throw Error(
          ErrorKind::usage,
          in_quotes({&style.decimal, 1}) + " is the decimal point and the delimiter at once",
          option("write.delimiter", ";"));
    }
    return style;
  }

  /// How many columns of the first tensor stand before each kept one. They stand where they were if
  /// it is the only one, and has the input's columns; else in front.
  static std::vector<std::size_t> places_of_kept(const Result& result) {
    if (result.kept == nullptr) return {};
    std::vector<std::size_t> before = result.kept->before;
    if (result.columns.size() != 1 || fields_of(result, result.columns[0]) != result.fields)
      std::fill(before.begin(), before.end(), 0);
    return before;
  }

  /// The index-th of the kept fields as it stands in the input.
  static std::string_view kept_field(const KeptColumns& kept, std::size_t index) {
    const std::size_t begin = index == 0 ? 0 : kept.ends[index - 1];
    return std::string_view(kept.text).substr(begin, kept.ends[index] - begin);
  }

  /// Whether a line that begins with the field would be a comment.
  static bool begins_comment(std::string_view field, std::string_view comment) {
    const std::size_t first = field.find_first_not_of(" \t");
    return !comment.empty() && first != std::string_view::npos &&
           field.substr(first).starts_with(comment);
  }

  static std::string in_double_quotes(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
      if (c == '"') text += '"';
      text += c;
    }
    return text + '"';
  }

  /// Numbers on lines, in a small buffer that is emptied into `text` when it is nearly full.
  class Lines {
   public:
    Lines(std::string& text, const TableStyle& style, const FloatFormat& float_format)
        : text_(text),
          delimiter_(style.delimiter),
          decimal_(style.decimal),
          crlf_(style.crlf),
          comment_(style.comment),
          float_format_(float_format) {}
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;

    /// Adds `count` values to the line at hand, and returns their end.
    template <class T>
    const T* add(const T* values, std::size_t count) {
      if (is_plain()) {
        if (count != 0) put(values, count, count, {&delimiter_, 1});
      } else {
        for (std::size_t i = 0; i < count; ++i) put_otherwise(values[i]);
      }
      empty_ = empty_ && count == 0;
      return values + count;
    }

    /// Adds whole lines of `width` values.
    template <class T>
    void add_rows(const T* values, std::size_t rows, std::size_t width) {
      if (is_plain()) {
        put(values, rows * width, width, crlf_ ? "\r\n" : "\n");
        return;
      }
      for (std::size_t row = 0; row < rows; ++row) {
        values = add(values, width);
        end();
      }
    }

    /// The same, with fields of the input among them: `before` says how many values stand before
    /// each.
    template <class T>
    void add_rows(const T* values, std::size_t rows, std::size_t width, const KeptColumns& kept,
                  std::span<const std::size_t> before, bool is_as_it_was) {
      Among among(*this, rows, width, kept, before, is_as_it_was);
      const std::size_t count = rows * width;
      std::size_t stop = among.begin();
      for (std::size_t done = 0; done < count;) {
        const std::size_t some = std::min(count - done, kNumbers);
        make_room(some * kRunBytes);
        const Separators separators{
            .between = {&delimiter_, 1}, .after_row = "", .width = stop - done, .row_ends = &among};
        p_ = write_numbers(p_, std::span(values + done, some), separators, 0);
        done += some;
        stop = among.stop();
      }
    }

    /// Adds a field of a text up to `end` as it is, but in quotes where the line would be a comment,
    /// or it has the delimiter in it, which it has not if it `is_as_it_was`.
    void add_text(std::string_view field, const char* end, bool is_as_it_was) {
      if (field.empty() && delimiter_ == ' ' && !is_as_it_was) {  // between blanks nothing shows
        make_room(3);
        *p_++ = '"';
        *p_++ = '"';
        *p_++ = delimiter_;
        empty_ = false;
        return;
      }
      if ((!is_as_it_was && field.find(delimiter_) != std::string_view::npos) ||
          (empty_ && begins_comment(field, comment_))) {
        const std::size_t first = field.find_first_not_of(" \t");
        if (field[first == std::string_view::npos ? 0 : first] != '"') {
          flush();
          text_ += in_double_quotes(field);
          field = {end, 0};
        } else if (const std::size_t stop = field.rfind('"') + 1;
                   field.substr(0, first).find(delimiter_) != std::string_view::npos ||
                   field.find(delimiter_, stop) != std::string_view::npos) {
          field = field.substr(first, stop - first);  // blanks beside it are the delimiter now
        }
      }
      if (field.size() > kMostTextBytes) {
        flush();
        text_ += field;
      } else {
        constexpr std::size_t kStep = 32;  // a length that is known is copied faster
        make_room(field.size() + kStep);
        if (field.size() <= kStep && static_cast<std::size_t>(end - field.data()) >= kStep) {
          std::memcpy(p_, field.data(), kStep);
        } else {
          std::memcpy(p_, field.data(), field.size());
        }
        p_ += field.size();
      }
      *p_++ = delimiter_;
      empty_ = false;
    }

    void end() {
      if (empty_) make_room(3);
      if (empty_) {
        ++p_;
      } else if (p_ == buffer_) {
        text_.pop_back();
        ++p_;
      }
      --p_;  // the last delimiter
      if (crlf_) *p_++ = '\r';
      *p_++ = '\n';
      empty_ = true;
    }

    /// To be called after the last line.
    void flush() {
      text_.append(buffer_, p_);
      p_ = buffer_;
    }

    bool is_plain() const { return decimal_ == '.' && !float_format_.is_set(); }

   private:
    static constexpr std::size_t kNumbers = 256;
    static constexpr std::size_t kMostTextBytes = 256;

    /// Puts fields of the input among the numbers.
    class Among final : public RowEnds {
     public:
      Among(Lines& lines, std::size_t rows, std::size_t width, const KeptColumns& kept,
            std::span<const std::size_t> before, bool is_as_it_was)
          : lines_(lines),
            rows_left_(rows),
            width_(width),
            kept_(kept),
            end_(kept.text.data() + kept.text.size()),
            before_(before),
            is_as_it_was_(is_as_it_was) {}

      /// Begins the first row; returns how many values stand next to one another there.
      std::size_t begin() { return next(); }
      /// How many values of all have been passed when fields or the end of a row are next.
      std::size_t stop() const { return stop_; }

      char* write(char* out, std::size_t& width) override {
        lines_.p_ = out;
        *lines_.p_++ = lines_.delimiter_;
        lines_.empty_ = false;
        width = next();
        return lines_.p_;
      }

     private:
      std::size_t next() {
        while (rows_left_ != 0) {
          for (; next_ < before_.size() && before_[next_] == column_; ++next_, ++field_)
            lines_.add_text(kept_field(kept_, field_), end_, is_as_it_was_);
          if (column_ != width_) {
            const std::size_t stop = next_ < before_.size() ? before_[next_] : width_;
            const std::size_t count = stop - column_;
            column_ = stop;
            stop_ += count;
            lines_.make_room(kNumbers * kRunBytes);  // for the rest of a run
            return count;
          }
          lines_.end();
          column_ = 0;
          next_ = 0;
          --rows_left_;
        }
        return width_;  // there is nothing more
      }

      Lines& lines_;
      std::size_t rows_left_;
      std::size_t width_;
      const KeptColumns& kept_;
      const char* end_;  // of their text
      std::span<const std::size_t> before_;
      bool is_as_it_was_;
      std::size_t column_ = 0;  // of the tensor, in the row
      std::size_t next_ = 0;    // kept field of the row
      std::size_t field_ = 0;   // of all
      std::size_t stop_ = 0;
    };

    /// `count` values in rows of `width`, with a delimiter or `after_row` behind each.
    template <class T>
    void put(const T* values, std::size_t count, std::size_t width, std::string_view after_row) {
      const Separators separators{
          .between = {&delimiter_, 1}, .after_row = after_row, .width = width};
      for (std::size_t done = 0; done < count;) {
        const std::size_t some = std::min(count - done, kNumbers);
        make_room(some * kRunBytes);
        p_ = write_numbers(p_, std::span(values + done, some), separators, done % width);
        done += some;
      }
    }

    /// One value with another decimal point, or in a format of the caller's, and the delimiter.
    template <class T>
    void put_otherwise(T value) {
      make_room(FloatFormat::kBytes + kNumberBytes);
      char* const begin = p_;
      bool is_formatted = false;
      if constexpr (is_floating<T>) {
        const auto wide = widen(value);
        is_formatted = float_format_.is_set() && std::isfinite(wide);
        if (is_formatted) p_ = float_format_.write(p_, wide);
      }
      if (!is_formatted) p_ = format_number(p_, value);
      std::replace(begin, p_, '.', decimal_);
      *p_++ = delimiter_;
    }

    void make_room(std::size_t size) {
      if (static_cast<std::size_t>(buffer_ + sizeof buffer_ - p_) < size) flush();
    }

    std::string& text_;
    char delimiter_;
    char decimal_;
    bool crlf_;
    std::string_view comment_;
    const FloatFormat& float_format_;
    bool empty_ = true;                          // the line at hand
    char buffer_[2 * kNumbers * kRunBytes + 2];  // and a carriage return behind a full one
    char* p_ = buffer_;
  };

  /// A field of a line in front of the rows.
  struct Name {
    std::string text;
    bool quoted = false;
  };

  /// One of the lines in front of the rows, whose fields `of(column, i)` and `of_kept(i)` give.
  template <class F, class G>
  std::vector<Name> line_of(const Result& result, F of, G of_kept) const {
    std::vector<Name> line;
    const std::vector<std::size_t> before = places_of_kept(result);
    std::size_t kept = 0;
    for (const Column& column : result.columns) {
      const std::size_t width = table_of(result, column).width;
      for (std::size_t i = 0; i < width; ++i) {
        for (; kept < before.size() && before[kept] <= i; ++kept) line.push_back(of_kept(kept));
        line.push_back(of(column, i));
      }
      for (; kept < before.size(); ++kept) line.push_back(of_kept(kept));
    }
    return line;
  }

  /// What stands in front of the rows: lines that were skipped, the header, lines behind it.
  void write_head(const Result& result) {
    const bool labelled = result.columns.size() > 1;
    const TableStyle style = style_of(result.style.get());
    const KeptColumns none;
    const KeptColumns& kept = result.kept == nullptr ? none : *result.kept;
    // Names are those of the input's columns, and of no others.
    const bool named =
        (!names_.empty() && names_.size() == table_of(result, result.columns.front()).width) ||
        !kept.names.empty();
    if (header_ == Header::no) return;
    std::string text;
    if (style.names_delimiter) {
      text = std::string("sep=") + style.delimiter;
      text += line_end(style);
    }
    text += style.preamble;
    const bool has_header = header_ == Header::yes || named || labelled;
    if (has_header) {
      const std::vector<Name> names = line_of(
          result,
          [&](const Column& column, std::size_t i) {
            const std::size_t width = table_of(result, column).width;
            const bool has_names = names_.size() == width;
            Name name{has_names ? names_[i] : std::to_string(i)};
            name.quoted = has_names && i < style.quoted.size() && style.quoted[i];
            if (labelled && width == 1 && !has_names) {
              name.text = column.label;
            } else if (labelled) {
              name.text.insert(0, column.label + '.');
            }
            return name;
          },
          [&](std::size_t i) {
            Name name{i < kept.names.size() ? kept.names[i] : ""};
            name.quoted = i < kept.quoted.size() && kept.quoted[i];
            return name;
          });
      const std::size_t first =
          kept.first_is_nameless && names.size() > 1 && !names_.empty() ? 1 : 0;
      text += line_text({names.begin() + static_cast<std::ptrdiff_t>(first), names.end()}, style,
                        names.size() > 1);
    }
    // They are about the names in front of them.
    const bool in_place = named && !labelled && result.style != nullptr &&
                          result.style->delimiter == style.delimiter &&
                          !style.behind_header_lines.empty();
    for (std::size_t line = 0; has_header && line < style.behind_header.size(); ++line) {
      if (in_place && style.behind_header_lines[line]) {
        text += *style.behind_header_lines[line];
        text += line_end(style);
        continue;
      }
      const auto words = line_of(
          result,
          [&](const Column&, std::size_t i) {
            const std::vector<std::string>& fields = style.behind_header[line];
            return Name{i < fields.size() ? fields[i] : ""};
          },
          [&](std::size_t i) { return Name{kept.behind_header[line][i]}; });
      text += line_text(words, style, words.size() > 1);
    }
    output_.write(text);
  }

  static std::string_view line_end(const TableStyle& style) { return style.crlf ? "\r\n" : "\n"; }

  std::string line_text(const std::vector<Name>& names, const TableStyle& style,
                        bool has_neighbours) const {
    std::string line;
    std::size_t first_name_end = 0;
    for (const Name& name : names) {
      if (&name != names.data()) line += style.delimiter;
      const bool is_quoted =
          name.quoted || (&name == names.data() && begins_comment(name.text, style.comment));
      line += is_quoted ? in_double_quotes(name.text)
                        : field_text(name.text, has_neighbours, style.delimiter);
      if (&name == names.data()) first_name_end = line.size();
    }
    if (is_mistaken(line)) {  // as a file that begins so would be
      line.insert(first_name_end, 1, '"');
      line.insert(0, 1, '"');
    }
    line += line_end(style);
    return line;
  }

  /// RFC 4180: quoted where the name would otherwise be read as something else.
  static std::string field_text(const std::string& name, bool has_neighbours, char delimiter) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    const bool edges = !name.empty() && (blank(name.front()) || blank(name.back()) ||
                                         name.starts_with(kByteOrderMark));
    // Between blanks nothing shows.
    const bool empty_line = name.empty() && (!has_neighbours || delimiter == ' ');
    if (!edges && !empty_line &&
        name.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos)
      return name;
    return in_double_quotes(name);
  }

  Output& output_;
  Header header_;
  std::string format_;
  WriteOptions options_;
  TableStyle standard_;
  FloatFormat float_format_;
  bool begun_ = false;
  std::size_t width_ = 0;
  std::vector<std::string> names_;
  // Of the first Result, as they are written:
  char delimiter_written_ = ',', decimal_written_ = '.';
  std::vector<std::size_t> places_;  // of kept columns
  std::vector<std::string> kept_names_;
};

}  // namespace

std::unique_ptr<detail::Encoder> csv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, ',');
}

std::unique_ptr<detail::Encoder> tsv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, '\t');
}

}  // namespace rectify::inline v1
