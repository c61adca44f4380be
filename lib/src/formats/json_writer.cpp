// JSON: a nested array a tensor, a value a line in json; a value for each record in jsonl. Several
// columns are the members of an object.

#include <cmath>

#include "dispatch.hpp"
#include "format.hpp"
#include "half.hpp"
#include "number/number.hpp"

namespace rectify {
namespace {

class JsonEncoder final : public detail::Encoder {
 public:
  JsonEncoder(Output& output, const WriteOptions& options, bool lines)
      : output_(output), nan_(options.nan), lines_(lines) {}

  // Several columns stand one after the other in an object: the first has to be whole before the
  // second begins.
  bool takes_slabs(const Result& result, std::size_t columns) const override {
    return columns == 1 || (lines_ && result.lines != Lines::tensor);
  }

  void encode(const Result& result, std::string& text) const override {
    for (const Column& column : result.columns) check_text(column.tensor);
    if (lines_ && result.lines != Lines::tensor) {
      encode_lines(result, text);
    } else {
      encode_tensor(result, text);
    }
  }

  bool takes_stacks() const override { return lines_; }
  bool line_per_tensor() const override { return lines_; }
  bool tells_rows_from_vectors() const override { return !lines_; }

  void put(const Result&, std::string_view text) override { output_.write(text); }

 private:
  /// Text in a small buffer that is emptied into `text` when it is nearly full.
  struct Sink {
    std::string& text;
    char buffer[4096];
    char* p = buffer;

    void reserve() {
      if (p > buffer + sizeof buffer - kNumberBytes - 2) flush();
    }
    void put(char c) {
      reserve();
      *p++ = c;
    }
    void put(std::string_view words) {
      flush();
      text += words;
    }
    void flush() {
      text.append(buffer, p);
      p = buffer;
    }
  };

  template <class T>
  char* number(char* p, T value) const {
    if constexpr (is_floating<T>) {
      const auto wide = widen(value);
      if (!std::isfinite(wide)) [[unlikely]] {
        std::string_view word = std::isnan(wide) ? "NaN" : wide > 0 ? "Infinity" : "-Infinity";
        if (nan_ == NanText::null) word = "null";
        if (nan_ == NanText::string) *p++ = '"';
        p = std::copy(word.begin(), word.end(), p);
        if (nan_ == NanText::string) *p++ = '"';
        return p;
      }
    }
    return format_number(p, value);
  }

  template <class T>
  void encode_row(Sink& sink, const T* values, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) {
        *sink.p++ = ',';
        *sink.p++ = ' ';
      }
      sink.p = number(sink.p, values[i]);
      sink.reserve();
    }
  }

  /// The dimensions of `shape` from `dim` on, nested; returns the end of the values used.
  template <class T>
  const T* encode_nested(Sink& sink, const Shape& shape, std::size_t dim, const T* values) const {
    if (dim == shape.size()) {
      sink.reserve();
      sink.p = number(sink.p, *values);
      return values + 1;
    }
    sink.put('[');
    values = encode_elements(sink, shape, dim, values);
    sink.put(']');
    return values;
  }

  /// The elements of dimension `dim` with what separates them, without brackets around.
  template <class T>
  const T* encode_elements(Sink& sink, const Shape& shape, std::size_t dim, const T* values) const {
    const std::int64_t size = shape[dim];
    if (dim + 1 == shape.size()) {
      sink.reserve();
      encode_row(sink, values, static_cast<std::size_t>(size));
      return values + size;
    }
    for (std::int64_t i = 0; i < size; ++i) {
      if (i != 0) sink.put(", ");
      values = encode_nested(sink, shape, dim + 1, values);
    }
    return values;
  }

  static std::string key(const Column& column) {
    return "\"" + column.label + "\": ";
  }  // labels are our own words

  void encode_tensor(const Result& result, std::string& text) const {
    const bool object = result.columns.size() > 1;
    Sink sink{text, {}};
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
    if (result.ends) sink.put('\n');
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
    Sink sink{text, {}};
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
  bool lines_;
};

}  // namespace

std::unique_ptr<detail::Encoder> json_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, false);
}

std::unique_ptr<detail::Encoder> jsonl_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, true);
}

}  // namespace rectify
