// What a caller does with tensors in files: operate on them, write, load and save them. Chunks,
// threads and order are the pump's (pump.hpp).

#include "rectify/stream.hpp"

#include <algorithm>
#include <utility>

#include "formats/format.hpp"
#include "gather.hpp"
#include "pump.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

// ---- writing -----------------------------------------------------------------------------------

Writer::Writer(Output& output, const WriteOptions& options)
    : output_(output), gather_(std::make_unique<Gather>()) {
  const Format* format = options.format.empty() ? &printed_format() : find_format(options.format);
  if (format == nullptr || format->encoder == nullptr) {
    throw Error(ErrorKind::usage, "no format " + in_quotes(options.format) + " can be written");
  }
  encoder_ = format->encoder(output, options);
}

Writer::~Writer() = default;

void Writer::write(Result result) {
  const bool whole = result.begins && result.ends;
  if (!whole && !encoder_->takes_slabs(result, result.columns.size())) {
    const bool ends = result.ends;
    gather_->add(std::move(result), encoder_->edges());
    if (!ends) return;
    result = gather_->take(encoder_->edges());
  }
  std::string text;
  encoder_->encode(result, text);
  encoder_->put(result, text);
}

void Writer::finish() { encoder_->finish(); }

Printed Writer::printed() const { return encoder_->printed(); }

// ---- the operation -----------------------------------------------------------------------------

namespace {

/// Values a row of an output of this shape, if the input's rows have `fields` and another shape; a
/// tensor of one dimension is a row or, where rows are single values, a column.
std::optional<std::size_t> fields_of_output(const Shape& input, const Shape& output,
                                            std::size_t fields) {
  if (output == input) return std::nullopt;
  if (output.size() >= 2) {
    std::int64_t product = 1;
    for (std::size_t i = 1; i < output.size(); ++i) product *= output[i];
    return static_cast<std::size_t>(product);
  }
  return output.size() == 1 && fields != 1 ? static_cast<std::size_t>(output[0]) : 1;
}

/// `own_input`: nobody sees the input again, and its memory may as well hold the output.
void operate(const Operation& operation, Result& result, bool own_input) {
  const Tensor input = result.columns.at(0).tensor;
  if (operation.inplace && operation.modes.size() > 1) {
    throw Error(ErrorKind::usage,
                option("inplace") +
                    " takes one mode: a second would see what the first has made of the input");
  }
  const bool single = operation.modes.size() == 1;
  const bool reuse = own_input && single && !operation.echo && !operation.gradient;
  std::vector<Column> columns;
  if (operation.echo) columns.push_back({"input", input});
  for (const Module& mode : operation.modes) {
    std::string label = single ? (operation.echo ? "output" : "") : mode.label();
    const bool own_memory = reuse && mode.scope() == Scope::element &&
                            mode.activation().traits.in_place && mode.keeps(input.dtype());
    Tensor output = operation.gradient ? gradient(mode, input, operation.inplace)
                                       : apply(mode, input, operation.inplace || own_memory);
    const auto fields = fields_of_output(input.shape(), output.shape(), result.fields);
    columns.push_back({std::move(label), std::move(output), fields});
  }
  result.columns = std::move(columns);
}

}  // namespace

void operate(const Operation& operation, Result& result) { operate(operation, result, false); }

// ---- converting --------------------------------------------------------------------------------

namespace {

/// Whether the operation goes along the first dimension, or draws a number for each element in their
/// order, so that a slab is not enough for it.
bool needs_all_rows(const Operation& operation, const Shape& shape) {
  return std::any_of(operation.modes.begin(), operation.modes.end(), [&](const Module& mode) {
    return mode.is_random() || (mode.scope() == Scope::slice && mode.dim(shape) == 0);
  });
}

/// Whether a row by itself gives what it gives among others.
bool is_by_rows(const Operation& operation) {
  return std::all_of(operation.modes.begin(), operation.modes.end(), [](const Module& mode) {
    return mode.scope() == Scope::element ||
           (mode.scope() == Scope::slice && mode.value("dim") == -1);
  });
}

/// Whether what is positive stays as it is, and nothing but the result is written. What is negative
/// is changed in place then.
bool keeps_positive(const Operation& operation) {
  if (operation.modes.size() != 1 || operation.gradient || operation.inplace || operation.echo)
    return false;
  const Module& mode = operation.modes[0];
  const Traits& traits = mode.activation().traits;
  return traits.keeps_positive && traits.in_place && mode.scope() == Scope::element &&
         !mode.is_random();
}

bool is_elementwise(const Operation& operation) {
  return std::all_of(operation.modes.begin(), operation.modes.end(), [](const Module& mode) {
    return mode.scope() == Scope::element && !mode.is_random();
  });
}

}  // namespace

/// The sink of run(): operates on each tensor and writes it.
class Convert final : public Rewriting {
 public:
  struct Work {
    std::string text;               // of the Results, one after the other
    std::vector<std::size_t> ends;  // where the text of each ends

    void clear() {
      text.clear();
      ends.clear();
    }
  };

  Convert(const Operation& operation, Writer& writer, const RunOptions& options)
      : operation_(operation),
        writer_(writer),
        encoder_(*writer.encoder_),
        note_(options.note),
        elementwise_(is_elementwise(operation)) {
    encoder_.use_threads(options.threads == 0 ? processors() : options.threads);
  }

  Wanted wanted() const {
    // Values may be put together, or left out, where each is worked on by itself.
    return {
        .edges = edges(),
        .stacks = elementwise_ && encoder_.takes_stacks(),
        .line_per_tensor = encoder_.line_per_tensor(),
        .tells_rows_from_vectors = !is_by_rows(operation_) || encoder_.tells_rows_from_vectors(),
        .skipped_of = encoder_.writes_skipped_of(),
        .tells_records = encoder_.tells_records(),
        .needs_floating = !encoder_.is_container(),
        .widest_first = encoder_.wants_widest_first(),
        .resizes =
            std::any_of(operation_.modes.begin(), operation_.modes.end(),
                        [](const Module& mode) { return mode.activation().shape_of != nullptr; }),
        .rewriting = keeps_positive(operation_) ? this : nullptr};
  }

  bool takes(DType dtype, const TableStyle& style) const override {
    try {
      operation_.modes[0].check(dtype, {});
      return encoder_.keeps(style);
    } catch (const Error&) {
      return false;  // it is told of a Result
    }
  }
  bool negatives_become_alike() const override {
    const Activation& activation = operation_.modes[0].activation();
    return activation.traits.rectifier && activation.parameters.empty();
  }
  void change(Elements values) const override { apply(operation_.modes[0], values); }

  const PrintOptions* edges() const { return elementwise_ ? encoder_.edges() : nullptr; }

  void check(const Result& result) const {
    if (result.passed) return;
    const Tensor& tensor = result.columns[0].tensor;
    for (const Module& mode : operation_.modes) {
      Shape shape = tensor.shape();
      // Of a slab the first size says nothing: the whole is checked before it is worked on.
      if (!(result.begins && result.ends) && mode.scope() == Scope::slice && mode.dim(shape) == 0)
        shape[0] = 0;
      mode.check(tensor.dtype(), shape);
    }
    if (!result.of_part || !needs_all_rows(operation_, tensor.shape())) return;
    throw Error(ErrorKind::usage,
                "a part has not all rows, which an operation along the first dimension, or with "
                "random numbers, takes");
  }

  bool needs_whole(const Result& result) const {
    if (result.passed) return encoder_.is_container() && !encoder_.takes_slabs(result, 1);
    const std::size_t columns = operation_.modes.size() + (operation_.echo ? 1u : 0u);
    return !encoder_.takes_slabs(result, columns) ||
           needs_all_rows(operation_, result.columns[0].tensor.shape());
  }

  void work(Result& result, std::size_t, Work& work) const {
    if (!result.passed && !result.text) operate(operation_, result, true);
    if (result.text && work.text.empty()) {
      work.text.swap(*result.text);
    } else if (result.text) {
      work.text += *result.text;
    } else if (!result.passed || encoder_.is_container()) {
      encoder_.encode(result, work.text);
    }
    work.ends.push_back(work.text.size());
  }

  void put(Result& result, std::size_t, Work& work, std::size_t i) {
    const std::size_t begin = i == 0 ? 0 : work.ends[i - 1];
    if (result.passed && result.begins && note_) note_passed(result);
    if (result.passed && !encoder_.is_container()) return;
    encoder_.put(result, std::string_view(work.text).substr(begin, work.ends[i] - begin));
  }

  void begin(const std::string& name) { source_ = name; }

  void before_waiting() {
    if (!writer_.output_.can_overwrite()) writer_.output_.flush();
  }

 private:
  void note_passed(const Result& result) const {
    const Tensor& tensor = result.columns[0].tensor;
    note_(Error(
        ErrorKind::unsupported,
        std::string(name(tensor.dtype())) + " is not floating: it " +
            (encoder_.is_container() ? "passes unchanged" : "is left out"),
        option("keys", in_quotes(result.name)) + " " + option("dtype", "float32") + " takes it",
        {source_ + ":" + result.name}));
  }

  const Operation& operation_;
  Writer& writer_;
  detail::Encoder& encoder_;
  std::function<void(const Error&)> note_;
  std::string source_;
  bool elementwise_;
};

void run(Source& source, const ReadOptions& read, const Operation& operation, Writer& writer,
         const RunOptions& options) {
  Convert sink(operation, writer, options);
  Pump(read, sink, options).run(source);
}

void run(const Sources& sources, const ReadOptions& read, const Operation& operation,
         Writer& writer, const RunOptions& options) {
  Convert sink(operation, writer, options);
  Pump(read, sink, options).run(sources);
}

// ---- whole tensors -----------------------------------------------------------------------------

namespace {

/// The sink of load().
class Collect {
 public:
  struct Work {
    void clear() {}
  };

  Wanted wanted() const { return {}; }
  const PrintOptions* edges() const { return nullptr; }
  void check(const Result&) const {}
  bool needs_whole(const Result&) const { return true; }
  void work(Result&, std::size_t, Work&) const {}
  void put(Result& result, std::size_t, Work&, std::size_t) {
    tensors.push_back({std::move(result.name), std::move(result.columns[0].tensor)});
  }
  void begin(const std::string&) {}
  void before_waiting() {}

  std::vector<Named> tensors;
};

/// The sink of list(), where the decoder does not know beforehand.
class Shapes {
 public:
  struct Work {
    void clear() {}
  };

  Shapes() {
    nothing_.threshold = 0;
    nothing_.edgeitems = 0;
  }

  Wanted wanted() const { return {.edges = &nothing_}; }
  const PrintOptions* edges() const { return &nothing_; }
  void check(const Result&) const {}
  bool needs_whole(const Result&) const { return true; }
  void work(Result&, std::size_t, Work&) const {}
  void put(Result& result, std::size_t, Work&, std::size_t) {
    const Tensor& tensor = result.columns[0].tensor;
    const Shape& shape = result.whole ? *result.whole : tensor.shape();
    const auto count = static_cast<std::uint64_t>(numel(shape, tensor.dtype()));
    entries.push_back({std::move(result.name), std::string(name(tensor.dtype())), tensor.dtype(),
                       shape, count * itemsize(tensor.dtype())});
  }
  void begin(const std::string&) {}
  void before_waiting() {}

  std::vector<Entry> entries;

 private:
  PrintOptions nothing_;
};

}  // namespace

std::vector<Entry> list(Source source, const ReadOptions& options) {
  Shapes sink;
  const RunOptions run;
  Pump(options, sink, run).run(source);
  return std::move(sink.entries);
}

std::vector<Named> load_named(Source source, const ReadOptions& options) {
  Collect sink;
  const RunOptions run;
  Pump(options, sink, run).run(source);
  return std::move(sink.tensors);
}

std::vector<Tensor> load(Source source, const ReadOptions& options) {
  std::vector<Tensor> tensors;
  for (Named& named : load_named(std::move(source), options))
    tensors.push_back(std::move(named.tensor));
  return tensors;
}

void save(const std::string& path, std::span<const Tensor> tensors, WriteOptions options) {
  std::vector<Named> named;
  for (const Tensor& tensor : tensors) named.push_back({"", tensor});
  save_named(path, named, std::move(options));
}

void save_named(const std::string& path, std::span<const Named> tensors, WriteOptions options) {
  if (options.format.empty()) options.format = format_of_extension(path);
  if (options.format.empty() && Output::puts_in_place(path)) {
    throw Error(ErrorKind::usage, "the extension names no format that can be written",
                "WriteOptions::format does", {path});
  }
  Output output = Output::file(path);
  Writer writer(output, options);
  for (const auto& [name, tensor] : tensors) {
    Result result;
    result.name = name;
    result.columns.push_back({"", tensor});
    if (tensor.dim() >= 2) result.lines = Lines::slices;
    writer.write(std::move(result));
  }
  writer.finish();
  output.commit();
}

}  // namespace rectify::inline v1
