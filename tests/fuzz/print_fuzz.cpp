// Print, then read: a tensor of any bits goes through every format that can be read again, and
// through torch's print with all of its digits.
//
// Settings: dtype, rank, format, NaN's spelling, header, block, source; four print options; then
// the sizes and the bits of the elements.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "dispatch.hpp"
#include "fuzz.hpp"
#include "half.hpp"

namespace rectify::fuzz {
namespace {

Tensor tensor_of(Settings& settings, std::string_view& text, DType dtype) {
  Shape shape(settings.below(5));
  std::int64_t rest = static_cast<std::int64_t>(text.size() / itemsize(dtype));
  for (std::int64_t& size : shape) {
    size = static_cast<std::int64_t>(settings.below(12));
    // The last takes what is there, if it is to.
    if (size == 11) size = std::max<std::int64_t>(rest, 1);
    rest /= std::max<std::int64_t>(size, 1);
  }
  std::int64_t count = 1;
  for (std::int64_t& size : shape) {
    size = std::min<std::int64_t>(size, 10000 / std::max<std::int64_t>(count, 1));
    count *= size;
  }
  Tensor tensor = Tensor::empty(shape, dtype);
  for (std::size_t i = 0; i < tensor.nbytes(); ++i) {
    const auto byte = text.empty() ? std::byte{0} : static_cast<std::byte>(text[i % text.size()]);
    tensor.bytes()[i] = dtype == DType::boolean ? byte & std::byte{1} : byte;
  }
  return tensor;
}

/// What a Writer makes of the tensor, in slabs of `rows` rows (0: whole).
std::string written(const Tensor& tensor, const WriteOptions& write, std::int64_t rows) {
  std::string text;
  Output output = Output::memory(text);
  Writer writer(output, write);
  const auto result_of = [&](const Tensor& slab) {
    Result result;
    result.columns.push_back({"", slab});
    if (tensor.dim() >= 2) result.lines = Lines::slices;
    return result;
  };
  if (rows == 0 || tensor.dim() == 0 || tensor.shape()[0] <= rows) {
    writer.write(result_of(tensor));
  } else {
    const std::int64_t size = tensor.shape()[0];
    const std::size_t row_bytes = tensor.nbytes() / static_cast<std::size_t>(size);
    for (std::int64_t at = 0; at < size; at += rows) {
      Shape shape = tensor.shape();
      shape[0] = std::min(rows, size - at);
      Tensor slab = Tensor::empty(shape, tensor.dtype());
      if (slab.nbytes() != 0) {
        std::memcpy(slab.bytes(), tensor.bytes() + static_cast<std::size_t>(at) * row_bytes,
                    slab.nbytes());
      }
      Result result = result_of(slab);
      result.begins = at == 0;
      result.ends = at + rows >= size;
      writer.write(std::move(result));
    }
  }
  writer.finish();
  output.commit();
  return text;
}

/// The dtype that text written of this one is read as.
DType as_text(DType dtype) { return dtype == DType::boolean ? DType::uint8 : dtype; }

/// The rows of `tensors` as one tensor.
Tensor stacked(const std::vector<Tensor>& tensors, DType dtype) {
  Shape shape = tensors.empty() ? Shape{} : tensors[0].shape();
  shape.insert(shape.begin(), static_cast<std::int64_t>(tensors.size()));
  Tensor all = Tensor::empty(shape, dtype);
  std::byte* to = all.bytes();
  for (const Tensor& tensor : tensors) {
    need(tensor.shape() == tensors[0].shape(), "lines of unlike shapes");
    if (tensor.nbytes() != 0) std::memcpy(to, tensor.bytes(), tensor.nbytes());
    to += tensor.nbytes();
  }
  return all;
}

void check_formats(const Tensor& tensor, const WriteOptions& write, const Way& way) {
  std::string text;
  try {
    text = written(tensor, write, 0);
  } catch (const Error& error) {
    need(error.kind() == ErrorKind::unsupported, error.what());
    check_message(error.what());
    need(write.format == "npy"
             ? tensor.dtype() == DType::bfloat16
             : (write.format == "csv" || write.format == "tsv") && tensor.dim() > 2,
         std::string("it has no ") + write.format + ": " + error.what());
    return;
  }
  need(text == written(tensor, write, static_cast<std::int64_t>(way.block_bytes % 7) + 1),
       "in slabs it is written otherwise");
  if (write.nan == NanText::string && text.find('"') != std::string::npos) return;
  if (tensor.numel() == 0 && write.format != "npy") return;  // text has no sizes behind a 0

  ReadOptions read;
  read.format = write.format;
  if (write.format != "npy") read.dtype = as_text(tensor.dtype());
  if (write.format == "csv" || write.format == "tsv") read.ndmin = 2;
  const Loaded back = loaded(text, read, way);
  need(!back.error, "not read back: " + (back.error ? std::string(back.error->what()) : text));
  const Tensor expected = write.format == "npy" ? tensor : tensor.to(as_text(tensor.dtype()));
  Tensor found;
  if (write.format == "jsonl" && tensor.dim() >= 2) {
    found = stacked(back.tensors, expected.dtype());
  } else {
    need(back.tensors.size() == 1, "more or fewer tensors");
    found = back.tensors[0];
  }
  if (read.ndmin == 2) {
    need(found.numel() == expected.numel() && found.dim() == 2, "another table");
    need(expected.dim() < 2 ? found.shape()[1] == 1 || expected.dim() == 0
                            : found.shape() == expected.shape(),
         "a table of another shape");
    found = found.reshape(expected.shape());
  }
  // "-0" and NaN's sign are lost where null stands for NaN or text has no sign for it.
  if (write.nan == NanText::null && (write.format == "json" || write.format == "jsonl") &&
      text.find("null") != std::string::npos)
    return;
  need(same(found, expected, write.format == "npy"), "another value is read back: " + text);
}

/// Prints a tensor with so many digits that all of it is there, and reads the text as JSON.
void check_print(const Tensor& tensor, PrintOptions print) {
  const std::string shown = to_string(tensor, print);
  need(shown.starts_with("tensor(") && shown.ends_with(")"), "no tensor is printed");
  // Edges printed from slabs are those of the whole.
  WriteOptions write;
  write.format = "torch";
  write.print = print;
  need(written(tensor, write, 1 + print.edgeitems % 3) == shown + "\n",
       "in slabs it is printed otherwise");

  print.threshold = PrintOptions::kNoThreshold;
  print.precision = 17;
  print.sci_mode = SciMode::on;
  std::string text = to_string(tensor, print).substr(std::strlen("tensor("));
  text.pop_back();
  for (const std::string_view word : {"dtype=", "size="}) {
    const std::size_t at = text.find(word);
    if (at == std::string::npos) continue;
    text.resize(text.find_last_not_of(", \n", at - 1) + 1);
  }
  if (tensor.dtype() == DType::boolean) return;
  for (const auto& [from, to] :
       {std::pair<std::string_view, std::string_view>{"nan", "NaN"}, {"inf", "Infinity"}}) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  }
  for (std::size_t at = 0; (at = text.find('.', at)) != std::string::npos; ++at) {
    const bool ends = at + 1 == text.size() || text[at + 1] < '0' || text[at + 1] > '9';
    if (ends) text.insert(at + 1, 1, '0');  // "2." is 2.0
  }
  if (tensor.numel() == 0) return;
  ReadOptions read;
  read.format = "json";
  read.dtype = tensor.dtype();
  const Loaded back = loaded(text, read, {});
  need(!back.error && back.tensors.size() == 1 && same(back.tensors[0], tensor, false),
       "printed: " + text + (back.error ? back.error->what() : ""));
}

void run(std::string_view text) {
  Settings settings(text);
  constexpr DType kAll[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16,
                            DType::int64,   DType::int32,   DType::int16,   DType::int8,
                            DType::uint8,   DType::boolean};
  const DType dtype = settings.one_of(kAll);
  WriteOptions write;
  write.format = settings.one_of({"json", "jsonl", "csv", "tsv", "npy"});
  write.nan = settings.one_of({NanText::literal, NanText::null, NanText::string});
  const Way way = other_way(settings);
  PrintOptions print;
  print.precision = settings.one_of({4, 0, 1, 2, 8, 17, 40});
  print.threshold = settings.one_of({1000, 0, 5, 20});
  print.edgeitems = settings.one_of({3, 0, 1, 2, 100});
  print.linewidth = settings.one_of({80, 1, 20, 100000});
  print.sci_mode = settings.one_of({SciMode::automatic, SciMode::on, SciMode::off});
  const Tensor tensor = tensor_of(settings, text, dtype);
  check_formats(tensor, write, way);
  check_print(tensor, print);
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
