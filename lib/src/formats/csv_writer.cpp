// CSV and TSV: RFC 4180 with LF, a line a row; columns of several names stand side by side.

#include <algorithm>
#include <span>
#include <utility>

#include "dispatch.hpp"
#include "format.hpp"
#include "number/number.hpp"

namespace rectify {
namespace {

class CsvEncoder final : public detail::Encoder {
 public:
  CsvEncoder(Output& output, const WriteOptions& options, char delimiter)
      : output_(output), header_(options.header), delimiter_(delimiter) {}

  bool takes_slabs(const Result&, std::size_t) const override { return true; }
  bool takes_stacks() const override { return true; }
  bool tells_rows_from_vectors() const override { return false; }
  bool tells_records() const override { return true; }

  void encode(const Result& result, std::string& text) const override {
    check_alone(result, "CSV");
    Lines lines(text, delimiter_);
    if (result.columns.size() == 1) {
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
    for (std::size_t row = 0; row < tables[0].rows; ++row) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        dispatch(result.columns[i].tensor.dtype(), [&](auto type) {
          using T = typename decltype(type)::type;
          at[i] = reinterpret_cast<const std::byte*>(
              lines.add(reinterpret_cast<const T*>(at[i]), tables[i].width));
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
      if (!begun_) {
        begun_ = true;
        width_ = width;
        names_ = result.names;
        write_header(result);
      } else if (width != width_) {
        throw Error(
            ErrorKind::unsupported,
            "a tensor of " + plural(width, "column") + " after one of " + std::to_string(width_),
            "rows of a CSV have one length; " + option("write.format", "jsonl") +
                " holds tensors of any shape");
      } else if (result.names != names_ && !result.names.empty() && header_ != Header::no) {
        throw Error(ErrorKind::unsupported, "a header other than the first input's",
                    option("write.header", "no") + " leaves headers out");
      }
    }
    output_.write(text);
  }

 private:
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

  /// Numbers on lines, in a small buffer that is emptied into `text` when it is nearly full.
  class Lines {
   public:
    Lines(std::string& text, char delimiter) : text_(text), delimiter_(delimiter) {}
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;

    /// Adds `count` values to the line at hand, and returns their end.
    template <class T>
    const T* add(const T* values, std::size_t count) {
      if (count != 0) put(values, count, count, delimiter_);
      empty_ = empty_ && count == 0;
      return values + count;
    }

    /// Adds whole lines of `width` values.
    template <class T>
    void add_rows(const T* values, std::size_t rows, std::size_t width) {
      put(values, rows * width, width, '\n');
    }

    void end() {
      if (empty_) {
        make_room(1);
        *p_++ = '\n';
      } else if (p_ != buffer_) {  // instead of the last delimiter
        p_[-1] = '\n';
      } else {
        text_.back() = '\n';
      }
      empty_ = true;
    }

    /// To be called after the last line.
    void flush() {
      text_.append(buffer_, p_);
      p_ = buffer_;
    }

   private:
    static constexpr std::size_t kNumbers = 256;

    /// `count` values in rows of `width`, with a delimiter or `after_row` behind each.
    template <class T>
    void put(const T* values, std::size_t count, std::size_t width, char after_row) {
      const Separators separators{
          .between = {&delimiter_, 1}, .after_row = {&after_row, 1}, .width = width};
      for (std::size_t done = 0; done < count;) {
        const std::size_t some = std::min(count - done, kNumbers);
        make_room(some * kRunBytes);
        p_ = write_numbers(p_, std::span(values + done, some), separators, done % width);
        done += some;
      }
    }

    void make_room(std::size_t size) {
      if (static_cast<std::size_t>(buffer_ + sizeof buffer_ - p_) < size) flush();
    }

    std::string& text_;
    char delimiter_;
    bool empty_ = true;  // the line at hand
    char buffer_[kNumbers * kRunBytes];
    char* p_ = buffer_;
  };

  void write_header(const Result& result) {
    const bool labelled = result.columns.size() > 1;
    // Names are those of the input's columns, and of no others.
    const bool named =
        !names_.empty() && names_.size() == table_of(result, result.columns.front()).width;
    if (header_ == Header::no || (header_ == Header::automatic && !named && !labelled)) return;
    std::string line;
    std::size_t first_name_end = 0;
    for (const Column& column : result.columns) {
      const std::size_t width = table_of(result, column).width;
      const bool has_names = names_.size() == width;
      for (std::size_t i = 0; i < width; ++i) {
        const bool is_first = i == 0 && &column == &result.columns.front();
        if (!is_first) line += delimiter_;
        const bool column_alone = labelled && width == 1 && !has_names;
        std::string name = has_names ? names_[i] : std::to_string(i);
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

std::unique_ptr<detail::Encoder> csv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, ',');
}

std::unique_ptr<detail::Encoder> tsv_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<CsvEncoder>(output, options, '\t');
}

}  // namespace rectify
