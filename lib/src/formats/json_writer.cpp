// JSON: a nested array a tensor, a value a line in json; a value for each record in jsonl. Several
// columns are the members of an object, and so are the tensors of a file of several.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "dispatch.hpp"
#include "float_format.hpp"
#include "format.hpp"
#include "half.hpp"
#include "number/number.hpp"

namespace rectify::inline v1 {
namespace {

class JsonEncoder final : public detail::Encoder {
 public:
  JsonEncoder(Output& output, const WriteOptions& options, bool lines)
      : output_(output), nan_(options.nan), float_format_(options.float_format), lines_(lines) {}

  // Several columns stand one after the other in an object: the first has to be whole before the
  // second begins.
  bool takes_slabs(const Result& result, std::size_t columns) const override {
    return columns == 1 || by_lines(result);
  }

  void encode(Result& result, std::string& text) const override {
    for (const Column& column : result.columns) check_text(column.tensor);
    if (by_lines(result)) {
      encode_lines(result, text);
    } else {
      encode_tensor(result, text);
    }
    result.columns.clear();
    result.style = nullptr;
  }

  bool keeps(const TableStyle& style) const override {
    return style.format == (lines_ ? "jsonl" : "json") && !float_format_.is_set();
  }

  bool takes_stacks() const override { return lines_; }
  bool line_per_tensor() const override { return lines_; }
  bool tells_rows_from_vectors() const override { return !lines_; }

  void put(const Result& result, std::string_view text) override {
    if (!lines_ && result.begins) separate(result);
    const bool are_rows = result.text && result.lines == Lines::tensor;
    if (are_rows) output_.write(result.begins ? "[" : ", ");
    output_.write(text);
    if (are_rows && result.ends) output_.write("]\n");
  }

  void finish() override { close(); }

 private:
  bool by_lines(const Result& result) const {
    return lines_ && result.lines != Lines::tensor && !is_named(result);
  }

  /// Tensors with names that are from one file are in one object.
  void separate(const Result& result) {
    if (!is_named(result) || (open_ && file_ != result.file)) close();
    if (!is_named(result)) return;
    if (!open_ && result.file) check_names(*result.file);
    output_.write(std::exchange(open_, true) ? ", " : "{");
    file_ = result.file;
  }

  /// An object has each name once, which is known before any of it is written.
  static void check_names(const Contents& contents) {
    std::set<std::string_view> names;
    for (const Entry& entry : contents.entries) {
      const bool left_out = !contents.chosen && entry.known && !is_floating_point(*entry.known);
      if (left_out || names.insert(entry.name).second) continue;
      throw Error(ErrorKind::unsupported, "two tensors are called " + in_quotes(entry.name),
                  option("write.format", "jsonl") + " writes a line for each");
    }
  }

  void close() {
    if (std::exchange(open_, false)) output_.write("}\n");
  }

  /// Bytes of a name that are not UTF-8 become U+FFFD.
  static std::string key_of(const std::string& name) {
    return nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
           ": ";
  }

  /// Text in a small buffer that is emptied into `text` when it is nearly full.
  class Sink {
   public:
    Sink(std::string& text, NanText nan, const FloatFormat& float_format)
        : text_(text), float_format_(float_format) {
      if (nan == NanText::null) words_ = {"null", "null", "null"};
      if (nan == NanText::literal) words_ = {"NaN", "Infinity", "-Infinity"};
      if (nan == NanText::string) words_ = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};
    }
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    void put(char c) {
      make_room(1);
      *p_++ = c;
    }
    void put(std::string_view words) {
      flush();
      text_ += words;
    }
    /// The values in rows of `width`, without a separator behind the last one.
    template <class T>
    void put_numbers(std::span<const T> values, std::string_view after_row, std::size_t width) {
      const Separators separators{.between = ", ", .after_row = after_row, .width = width};
      std::size_t column = 0;
      while (!values.empty()) {
        const std::size_t count = std::min(values.size(), kNumbers);
        make_room(count * kRunBytes);
        if (float_format_.is_set()) {
          put_formatted(values.first(count), separators, column);
        } else {
          p_ = write_numbers(p_, values.first(count), separators, column, words_);
        }
        column = (column + count) % width;
        values = values.subspan(count);
        if (values.empty()) {
          p_ -= column == 0 ? separators.after_row.size() : separators.between.size();
        }
      }
    }
    void flush() {
      text_.append(buffer_, p_);
      p_ = buffer_;
    }

   private:
    static constexpr std::size_t kNumbers = 256;

    template <class T>
    void put_formatted(std::span<const T> values, const Separators& separators,
                       std::size_t column) {
      for (const T& value : values) {
        make_room(FloatFormat::kBytes + kRunBytes);
        char* end = p_;
        if constexpr (is_floating<T>) {
          const auto wide = widen(value);
          if (std::isfinite(wide)) end = float_format_.write(p_, wide);
        }
        const std::size_t place = column++ % separators.width;
        if (end == p_) {
          p_ = write_numbers(p_, std::span(&value, 1), separators, place, words_);
          continue;
        }
        const bool ends_row = place + 1 == separators.width;
        const std::string_view behind = ends_row ? separators.after_row : separators.between;
        p_ = std::copy(behind.begin(), behind.end(), end);
      }
    }

    void make_room(std::size_t size) {
      if (static_cast<std::size_t>(buffer_ + sizeof buffer_ - p_) < size) flush();
    }

    std::string& text_;
    NumberWords words_;
    const FloatFormat& float_format_;
    char buffer_[kNumbers * kRunBytes];
    char* p_ = buffer_;
  };

  /// The dimensions of `shape` from `dim` on, nested; returns the end of the values used.
  template <class T>
  static const T* encode_nested(Sink& sink, const Shape& shape, std::size_t dim, const T* values) {
    if (dim == shape.size()) {
      sink.put_numbers(std::span(values, 1), "", 1);
      return values + 1;
    }
    sink.put('[');
    values = encode_elements(sink, shape, dim, values);
    sink.put(']');
    return values;
  }

  /// The elements of dimension `dim` with what separates them, without brackets around.
  template <class T>
  static const T* encode_elements(Sink& sink, const Shape& shape, std::size_t dim,
                                  const T* values) {
    const auto size = static_cast<std::size_t>(shape[dim]);
    if (dim + 1 == shape.size()) {
      if (size != 0) sink.put_numbers(std::span(values, size), "", size);
      return values + size;
    }
    if (dim + 2 == shape.size() && shape[dim + 1] != 0) {
      return encode_rows(sink, "], [", size, static_cast<std::size_t>(shape[dim + 1]), values);
    }
    for (std::size_t i = 0; i < size; ++i) {
      if (i != 0) sink.put(", ");
      values = encode_nested(sink, shape, dim + 1, values);
    }
    return values;
  }

  /// Rows of numbers in brackets, with `between` for what closes one and opens the next.
  template <class T>
  static const T* encode_rows(Sink& sink, std::string_view between, std::size_t rows,
                              std::size_t width, const T* values) {
    if (rows == 0) return values;
    sink.put('[');
    sink.put_numbers(std::span(values, rows * width), between, width);
    sink.put(']');
    return values + rows * width;
  }

  static std::string key(const Column& column) {
    return "\"" + column.label + "\": ";
  }  // labels are our own words

  void encode_tensor(const Result& result, std::string& text) const {
    const bool object = result.columns.size() > 1;
    const bool named = is_named(result);
    Sink sink(text, nan_, float_format_);
    if (named && result.begins) sink.put((lines_ ? "{" : "") + key_of(result.name));
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      const Tensor& tensor = result.columns[i].tensor;
      if (object) sink.put((i == 0 ? "{" : ", ") + key(result.columns[i]));
      if (tensor.dim() != 0) {
        if (result.begins) {
          sink.put('[');
        } else if (tensor.shape()[0] != 0) {
          sink.put(", ");
        }
      }
      dispatch(tensor.dtype(), [&](auto type) {
        const auto* values = tensor.data<typename decltype(type)::type>().data();
        tensor.dim() == 0 ? encode_nested(sink, tensor.shape(), 0, values)
                          : encode_elements(sink, tensor.shape(), 0, values);
      });
      if (tensor.dim() != 0 && result.ends) sink.put(']');
    }
    if (object) sink.put('}');
    if (named && lines_ && result.ends) sink.put('}');
    if (result.ends && (!named || lines_)) sink.put('\n');
    sink.flush();
  }

  /// A column of a Result as lines, each a value of this shape.
  struct Record {
    std::int64_t lines;
    Shape shape;
  };

  static Record record_of(const Result& result, const Column& column) {
    const Tensor& tensor = column.tensor;
    if (result.lines == Lines::rows) {
      const auto fields = static_cast<std::int64_t>(fields_of(result, column));
      return {fields == 0 ? 0 : tensor.numel() / fields, {fields}};
    }
    return {tensor.shape()[0], Shape(tensor.shape().begin() + 1, tensor.shape().end())};
  }

  void encode_lines(const Result& result, std::string& text) const {
    const bool object = result.columns.size() > 1;
    Sink sink(text, nan_, float_format_);
    std::vector<Record> records;
    std::vector<const std::byte*> at;
    for (const Column& column : result.columns) {
      records.push_back(record_of(result, column));
      at.push_back(column.tensor.bytes());
      if (records.back().lines == records[0].lines) continue;
      throw Error(ErrorKind::unsupported,
                  "results of different numbers of rows have no common lines",
                  option("write.format", "json") + " holds tensors of any shape");
    }
    if (!object && records[0].shape.size() == 1 && records[0].shape[0] != 0) {
      dispatch(result.columns[0].tensor.dtype(), [&](auto type) {
        using T = typename decltype(type)::type;
        encode_rows(sink, "]\n[", static_cast<std::size_t>(records[0].lines),
                    static_cast<std::size_t>(records[0].shape[0]),
                    reinterpret_cast<const T*>(at[0]));
      });
      if (records[0].lines != 0) sink.put('\n');
      sink.flush();
      return;
    }
    for (std::int64_t line = 0; line < records[0].lines; ++line) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        if (object) sink.put((i == 0 ? "{" : ", ") + key(result.columns[i]));
        dispatch(result.columns[i].tensor.dtype(), [&](auto type) {
          using T = typename decltype(type)::type;
          at[i] = reinterpret_cast<const std::byte*>(
              encode_nested(sink, records[i].shape, 0, reinterpret_cast<const T*>(at[i])));
        });
      }
      if (object) sink.put('}');
      sink.put('\n');
    }
    sink.flush();
  }

  Output& output_;
  NanText nan_;
  FloatFormat float_format_;
  bool lines_;
  bool open_ = false;  // an object of named tensors
  std::shared_ptr<const Contents> file_;
};

}  // namespace

std::unique_ptr<detail::Encoder> json_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, false);
}

std::unique_ptr<detail::Encoder> jsonl_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, true);
}

}  // namespace rectify::inline v1
