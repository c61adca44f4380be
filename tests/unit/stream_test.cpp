#include "rectify/stream.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "formats/format.hpp"
#include "io/reader.hpp"
#include "streams.hpp"

namespace rectify {
namespace {

// ---- which format ------------------------------------------------------------------------------

TEST_CASE("a format is known by its extension, else by its content") {
  CHECK(format_of_extension("a/b.csv") == "csv");
  CHECK(format_of_extension("x.JSON") == "json");
  CHECK(format_of_extension("x.ndjson") == "jsonl");
  CHECK(format_of_extension("x.tab") == "tsv");
  CHECK(format_of_extension("x.txt") == "torch");
  CHECK(format_of_extension("x.npy") == "npy");
  CHECK(format_of_extension("x.parquet") == "");
  CHECK(format_of_extension("csv") == "");
  CHECK(format_of_extension("a.csv/b") == "");
  CHECK(format_of_extension("") == "");

  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"[[1,2]]", "[1, 2] 1.0 2.0", "a bracket is JSON"},
      {"\xEF\xBB\xBF [1]", "[1] 1.0", "JSON behind a byte order mark"},
      {"[1]\n[2,3]\n", "[1] 1.0; [2] 2.0 3.0", "JSON Lines"},
      {"1,2\n", "[2] 1.0 2.0", "CSV"},
      {"1\t2\n", "[2] 1.0 2.0", "TSV"},
      {"1\t,2\n", "[2] 1.0 2.0", "a comma beside a tab: CSV"},
      {"-0\n", "[] -0.0", "a number alone is CSV"},
      {"{\"a\":1}", "[] 1.0", "an object is JSON"},
      {"", "in:1:1: no tensor in it", "nothing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string found = loaded(row.text, {});
    CHECK_MESSAGE(found.starts_with(row.expected), found);
  }
}

TEST_CASE("the extension counts for more than the content, the option for more than both") {
  CHECK_THROWS_AS(load(Source::memory("[1]", "x.csv")), Error);
  CHECK(shown(load(Source::memory("[1]", "x.csv"), reading("json"))[0]) == "[1] 1.0");
  CHECK(shown(load(Source::memory("1,2", "x.txt"))[0]) == "[2] 1.0 2.0");
}

TEST_CASE("what people pass by mistake is named, with a remedy") {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"version https://git-lfs.github.com/spec/v1", "this is a Git LFS pointer"},
      {"\xFF\xFE"
       "1\0"sv,
       "this is UTF-16 text"},
      {"1\0,\0002\0"sv, "this is UTF-16 text"},
      {"\x80\x04\x95", "this is a Python pickle, which is never read"},
      {"\n <!DOCTYPE HTML>", "this is an HTML page"},
      {"<?xml version", "this is an XML document"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.expected);
    const std::string found = loaded(row.text, {});
    CHECK_MESSAGE(found.starts_with("in:1:1: " + std::string(row.expected)), found);
  }
}

TEST_CASE("options of one format are refused by another") {
  ReadOptions delimiter;
  delimiter.delimiter = ';';
  CHECK(loaded("[1]", delimiter).find(" is for CSV, and this is json") != std::string::npos);
  ReadOptions pointer = reading("csv");
  pointer.pointer = "/a";
  CHECK(loaded("1", pointer).find(".pointer is for JSON, and this is csv") != std::string::npos);
  ReadOptions boolean;
  boolean.dtype = DType::boolean;
  CHECK(loaded("[1]", boolean).find("text is not read as bool") != std::string::npos);
}

TEST_CASE("only what has a reader is read") {
  for (const char* format : {"torch", "pickle"}) {
    CHECK(loaded("[1]", reading(format)) == "no format '" + std::string(format) + "' can be read");
  }
  CHECK(loaded("{\"a\\\"]\": {}}", {}).starts_with("in:1:10: expected a number or a list"));
  CHECK(
      loaded("[\"\\\\\"]\n[1]\n", {}).starts_with("in:1:2: expected a number but found a string"));
}

TEST_CASE("formats are listed in one order") {
  CHECK(readable_formats() ==
        std::vector<std::string>{"json", "jsonl", "csv", "tsv", "npy", "npz", "pt", "safetensors"});
  CHECK(writable_formats() == std::vector<std::string>{"torch", "json", "jsonl", "csv", "tsv",
                                                       "npy", "npz", "safetensors"});
  std::string text;
  Output output = Output::memory(text);
  CHECK_THROWS_AS(Writer(output, writing("pickle")), Error);
}

// ---- the operation -----------------------------------------------------------------------------

Result result_of(const Tensor& tensor) {
  Result result;
  result.columns.push_back({"", tensor});
  return result;
}

std::string labels(const Result& result) {
  std::string all;
  for (const Column& column : result.columns) {
    all += column.label + ": " + shown(column.tensor) + "; ";
  }
  return all;
}

TEST_CASE("an operation gives a column a mode, and the input with echo") {
  struct Row {
    bool both, echo, gradient, inplace;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {false, false, false, false, ": [2] 2.0 -2.0; ", "one output has no name"},
      {false, true, false, false, "input: [2] 2.0 -4.0; output: [2] 2.0 -2.0; ", "echo"},
      {false, true, false, true, "input: [2] 2.0 -2.0; output: [2] 2.0 -2.0; ", "echo after it"},
      {false, false, true, false, ": [2] 1.0 0.5; ", "the gradient"},
      {false, false, true, true, ": [2] 1.0 0.5; ", "the gradient in place"},
      {true, false, false, false, "leaky: [2] 2.0 -2.0; relu: [2] 2.0 0.0; ", "two modes"},
      {true, true, true, false, "input: [2] 2.0 -4.0; leaky: [2] 1.0 0.5; relu: [2] 1.0 0.0; ",
       "two gradients and the input"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Operation operation = leaky();
    if (row.both) operation.modes.push_back(Module::parse("relu"));
    operation.echo = row.echo;
    operation.gradient = row.gradient;
    operation.inplace = row.inplace;
    Result result = result_of(Tensor::of<float>({2, -4}));
    operate(operation, result);
    CHECK(labels(result) == row.expected);
  }
}

TEST_CASE("several modes in place are refused") {
  Operation operation = leaky();
  operation.modes.push_back(Module::parse("relu"));
  operation.inplace = true;
  Result result = result_of(Tensor::of<float>({1}));
  CHECK_THROWS_AS(operate(operation, result), Error);
}

// ---- the pump ----------------------------------------------------------------------------------

TEST_CASE("tensors before a bad one are written, and it is the bad one that is told") {
  for (const std::size_t block_bytes : kBlocks) {
    CAPTURE(block_bytes);
    for (const unsigned threads : {1u, 3u}) {
      const Outcome outcome = converted("[1]\n[2]\n[x]\n[y]\n", reading("jsonl", block_bytes),
                                        writing("jsonl"), relu(), threads);
      CHECK(outcome.bytes == "[1.0]\n[2.0]\n");
      CHECK(outcome.error == "in:3:2: 'x' is not a JSON number");
    }
  }
}

TEST_CASE("blocks of no bytes are blocks of one") {
  CHECK(converted("[1]\n[2]\n", "jsonl", "jsonl", 0) == "[1.0]\n[2.0]\n");
  CHECK(converted("1\n2\n", "csv", "jsonl", 0) == "[1.0]\n[2.0]\n");
}

TEST_CASE("a line belongs whole to the part that it begins in, however long it is") {
  Folder folder;
  const std::string path = folder / "x.csv";
  const std::string row = "1" + std::string(100000, '0') + "e-100000\n";  // 1, and 98 KiB long
  put_content(path, row + row + row + "2\n");
  std::string all;
  for (std::uint64_t index = 1; index <= 7; ++index) {
    ReadOptions options;
    options.part = Part{index, 7};
    const Outcome outcome = converted(Source::file(path), options, writing("csv"));
    CHECK(outcome.error == "");
    all += outcome.bytes;
  }
  CHECK(all == "1.0\n1.0\n1.0\n2.0\n");
}

TEST_CASE("what the output cannot hold comes before what is bad further on") {
  for (const std::size_t block_bytes : kBlocks) {
    CAPTURE(block_bytes);
    const Outcome outcome =
        converted("[1,2]\n[3]\n[x]\n", reading("jsonl", block_bytes), writing("csv"));
    CHECK(outcome.bytes == "1.0,2.0\n");
    CHECK(outcome.error.find("after one of 2") != std::string::npos);
  }
}

TEST_CASE("a pipe gives what a file and memory give") {
  Folder folder;
  std::string texts[] = {"a,b\n1,-2\n3,4\n", "[[1,-2],[3,4]]", "[1]\n[2]\n", "1,2\n3\n", ""};
  for (const std::string& text : texts) {
    CAPTURE(text);
    put_content(folder / "in", text);
    for (const std::string_view to : kOutputs) {
      const WriteOptions write = writing(std::string(to));
      const Outcome file = converted(Source::file(folder / "in"), {}, write);
      const Outcome memory = converted(Source::memory(text, folder / "in"), {}, write);
      const Pipe writer(folder / "pipe", text);
      Outcome pipe = converted(Source::file(folder / "pipe"), {}, write);
      CHECK(memory.bytes == file.bytes);
      CHECK(memory.error == file.error);
      CHECK(pipe.bytes == file.bytes);
      const std::size_t name = pipe.error.find("/pipe");
      if (name != std::string::npos) pipe.error.replace(name, 5, "/in");
      CHECK(pipe.error == file.error);
    }
  }
}

TEST_CASE("progress tells the bytes read, up to all of them") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "1,2\n";
  std::string bytes;
  Output output = Output::memory(bytes);
  Writer writer(output, writing("csv"));
  Source source = Source::memory(text, "in");
  std::vector<std::uint64_t> seen;
  RunOptions options;
  options.threads = 2;
  options.progress = [&](const Source& of) { seen.push_back(of.position()); };
  run(source, reading("csv", 100), relu(), writer, options);
  CHECK(seen.size() > 10);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == text.size());
}

TEST_CASE("several inputs go into one output, one after the other") {
  std::string bytes;
  Output output = Output::memory(bytes);
  Writer writer(output, writing("csv"));
  for (const std::string_view text : {"a,b\n1,2\n", "3,4\n5,6\n", "a,b\n7,8\n"}) {
    Source source = Source::memory(text, "in");
    run(source, reading("csv"), relu(), writer);
  }
  writer.finish();
  CHECK(bytes == "a,b\n1.0,2.0\n3.0,4.0\n5.0,6.0\n7.0,8.0\n");
}

TEST_CASE("many inputs give the same, whoever opens them and however large they are") {
  // Small ones, some of many tensors; a large one now and then, one that is not exact, one that is gone.
  std::vector<std::string> texts;
  std::mt19937 random(7);
  for (int i = 0; i < 700; ++i) {
    std::string text;
    const bool large = i % 151 == 70;
    const auto lines = large ? 20'000 : i % 40 == 13 ? 500 : random() % 3 + 1;
    for (std::size_t line = 0; line < lines; ++line) {
      const std::string row = std::to_string(random() % 9) + ",-" + std::to_string(random() % 9);
      text += i % 2 == 0 ? row + "\n" : "[" + row + "]\n";
    }
    texts.push_back(std::move(text));
  }
  texts[332] = "16777217,-1\n";
  Folder folder;
  const auto name_of = [](std::size_t i) {
    return std::to_string(i) + (i % 2 == 0 ? ".csv" : ".jsonl");
  };
  for (std::size_t i = 0; i < texts.size(); i += 3) put_content(folder / name_of(i), texts[i]);

  const auto story = [&](unsigned threads, bool own_descriptors, std::size_t bad,
                         const std::string& format) {
    std::string bytes;
    std::string said;
    std::vector<std::atomic<int>> opened(texts.size());
    {
      Output output = Output::memory(bytes);
      Writer writer(output, writing(format));
      RunOptions options;
      options.threads = threads;
      options.own_descriptors = own_descriptors;
      options.note = [&](const Error& error) { said += std::string(error.what()) + "\n"; };
      Sources sources;
      sources.count = texts.size();
      sources.open = [&](std::size_t i) {
        ++opened[i];
        if (i == bad) throw Error(ErrorKind::io, "gone", {}, {"in"});
        return i % 3 == 0 ? Source::file(folder / name_of(i))
                          : Source::memory(texts[i], name_of(i));
      };
      try {
        run(sources, {}, relu(), writer, options);
        writer.finish();
      } catch (const Error& error) {
        said += error.what();
      }
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(i);
      // Files are opened again only where the descriptor may be another thread's.
      CHECK(opened[i] <= (own_descriptors && texts[i].size() > 65536 ? 2 : 1));
    }
    return bytes + said;
  };
  for (const std::size_t bad : {texts.size(), std::size_t{600}}) {
    for (const std::string format : {"torch", "jsonl", "csv"}) {
      const std::string expected = story(1, false, bad, format);
      CHECK((bad == texts.size() || expected.ends_with("gone")));
      CHECK(expected.find("not exact") != std::string::npos);
      for (const unsigned threads : {1u, 2u, 5u}) {
        for (const bool own_descriptors : {false, true}) {
          CAPTURE(threads);
          CAPTURE(own_descriptors);
          CHECK((story(threads, own_descriptors, bad, format) == expected));
        }
      }
    }
  }
}

TEST_CASE("inputs in front of one that cannot be read are written") {
  /// A file whose first bytes cannot be had.
  class Broken final : public Reader {
   public:
    std::size_t read(char*, std::size_t, std::size_t, const std::function<bool()>&) override {
      throw Error(ErrorKind::io, "broken", {}, {"in"});
    }
    std::optional<std::uint64_t> size() const override { return 4096; }
    std::size_t read_at(std::uint64_t, char*, std::size_t) const override {
      throw Error(ErrorKind::io, "broken", {}, {"in"});
    }
    void seek(std::uint64_t) override {}
  };
  for (const unsigned threads : {1u, 2u, 5u}) {
    CAPTURE(threads);
    std::string bytes;
    Output output = Output::memory(bytes);
    Writer writer(output, writing("csv"));
    RunOptions options;
    options.threads = threads;
    Sources sources;
    sources.count = 200;
    sources.open = [](std::size_t i) {
      return i == 150 ? Source(std::make_shared<Broken>(), "in") : Source::memory("1,-2\n", "in");
    };
    CHECK_THROWS_WITH_AS(run(sources, {}, relu(), writer, options), "in: broken", Error);
    CHECK(std::count(bytes.begin(), bytes.end(), '\n') == 150);
  }
}

TEST_CASE("a long print is what to_string() gives, on any number of threads") {
  const Noise noise{{3, 40'001}, 5};
  WriteOptions write;
  write.print.threshold = PrintOptions::kNoThreshold;
  const Tensor x = load(Source::noise(noise, "in"))[0];
  const std::string expected = "input:\n" + to_string(x, write.print) + "\noutput:\n" +
                               to_string(apply(Module::parse("relu"), x), write.print) + "\n";
  Operation operation = relu();
  operation.echo = true;
  for (const unsigned threads : {1u, 2u, 5u}) {
    CAPTURE(threads);
    std::string text;
    Output output = Output::memory(text);
    Writer writer(output, write);
    Source source = Source::noise(noise, "in");
    RunOptions options;
    options.threads = threads;
    run(source, {}, operation, writer, options);
    CHECK((text == expected));
    CHECK(writer.printed().tensors == 1);
    CHECK(writer.printed().shortened == 0);
  }
}

// ---- slabs -------------------------------------------------------------------------------------

/// A tensor in slabs of so many rows, through a Writer.
std::string written_in_slabs(const Tensor& tensor, std::int64_t rows, const WriteOptions& options) {
  std::string bytes;
  Output output = Output::memory(bytes);
  Writer writer(output, options);
  const std::int64_t size = tensor.shape()[0];
  const std::size_t row_bytes = size == 0 ? 0 : tensor.nbytes() / static_cast<std::size_t>(size);
  for (std::int64_t first = 0; first < size || first == 0; first += rows) {
    Shape shape = tensor.shape();
    shape[0] = std::min(rows, size - first);
    const std::byte* begin = tensor.bytes() + static_cast<std::size_t>(first) * row_bytes;
    const std::size_t count = static_cast<std::size_t>(shape[0]) * row_bytes;
    Result result = result_of(tensor_of_bytes(tensor.dtype(), shape, {begin, count}));
    result.begins = first == 0;
    result.ends = first + rows >= size;
    writer.write(std::move(result));
  }
  writer.finish();
  return bytes;
}

TEST_CASE("slabs are printed as the whole tensor is") {
  std::mt19937 words(1);
  const Shape shapes[] = {{0},      {1},        {7},          {50},         {2, 0},    {7, 3},
                          {50, 2},  {3, 50},    {9, 9, 9},    {20, 1, 7},   {5, 0, 3}, {1, 100},
                          {100, 1}, {30, 2, 2}, {2, 3, 4, 5}, {12, 8, 3, 2}};
  for (const Shape& shape : shapes) {
    for (const DType dtype : {DType::float32, DType::int64, DType::bfloat16}) {
      Tensor tensor = Tensor::empty(shape, DType::float64);
      for (double& value : tensor.data<double>()) {
        value = static_cast<double>(words() % 2000) / 8 - 100;
      }
      tensor = tensor.to(dtype);
      for (const std::int64_t edgeitems : {0, 1, 2, 3, 10}) {
        for (const std::int64_t threshold : {0, 5, 40, 1000}) {
          WriteOptions options = writing("torch");
          options.print.edgeitems = edgeitems;
          options.print.threshold = threshold;
          const std::string expected = to_string(tensor, options.print) + "\n";
          for (const std::int64_t rows : {1, 2, 3, 5, 20}) {
            const std::string found = written_in_slabs(tensor, rows, options);
            if (found == expected) continue;  // a check only for what fails
            CAPTURE(to_string(shape));
            CAPTURE(edgeitems);
            CAPTURE(threshold);
            CAPTURE(rows);
            CHECK(found == expected);
          }
        }
      }
    }
  }
}

TEST_CASE("slabs are written as the whole tensor is, in every format") {
  for (const std::string_view to : {"json", "jsonl", "csv", "tsv", "npy", "npz", "safetensors"}) {
    CAPTURE(to);
    const WriteOptions options = writing(std::string(to));
    for (const Shape& shape : {Shape{1}, Shape{7}, Shape{7, 3}, Shape{1, 3}, Shape{4, 0}}) {
      CAPTURE(to_string(shape));
      Tensor tensor = Tensor::empty(shape, DType::float32);
      for (std::size_t i = 0; i < tensor.data<float>().size(); ++i) {
        tensor.data<float>()[i] = static_cast<float>(i);
      }
      const std::string whole = written_in_slabs(tensor, 100, options);
      for (const std::int64_t rows : {1, 2, 3}) {
        CHECK(written_in_slabs(tensor, rows, options) == whole);
      }
    }
  }
}

// ---- every dtype in every format ---------------------------------------------------------------

/// The text of a tensor's numbers, nested as JSON nests them, from `at` on.
std::string nested(const Shape& shape, std::size_t dim, const std::vector<std::string>& numbers,
                   std::size_t& at) {
  if (dim == shape.size()) return numbers[at++];
  std::string text;
  for (std::int64_t i = 0; i < shape[dim]; ++i) {
    text += (i == 0 ? "" : ", ") + nested(shape, dim + 1, numbers, at);
  }
  return "[" + text + "]";
}

TEST_CASE("every dtype is written by every format of text, in any shape") {
  for (const DType dtype :
       {DType::float16, DType::bfloat16, DType::float32, DType::float64, DType::int8, DType::int16,
        DType::int32, DType::int64, DType::uint8, DType::boolean}) {
    CAPTURE(name(dtype));
    const std::string digits[] = {is_floating_point(dtype) ? "0.0" : "0",
                                  is_floating_point(dtype) ? "1.0" : "1"};
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3}, Shape{2, 3}, Shape{3, 0}, Shape{0, 3},
                               Shape{3000, 1}, Shape{1, 3000}, Shape{2, 2, 2}, Shape{5000, 0}}) {
      CAPTURE(to_string(shape));
      Tensor bytes = Tensor::empty(shape, DType::uint8);
      std::vector<std::string> numbers;
      for (std::uint8_t& value : bytes.data<std::uint8_t>()) {
        value = numbers.size() % 3 == 0;
        numbers.push_back(digits[value]);
      }
      // bool is one byte, 0 or 1.
      const Tensor tensor = dtype == DType::boolean
                                ? tensor_of_bytes(dtype, shape, {bytes.bytes(), bytes.nbytes()})
                                : bytes.to(dtype);
      const auto written = [&](const std::string& format, std::size_t columns, Lines lines) {
        std::string text;
        Output output = Output::memory(text);
        Writer writer(output, writing(format));
        Result result = result_of(tensor);
        if (columns == 2) result.columns = {{"x", tensor}, {"y", tensor}};
        result.lines = lines;
        writer.write(std::move(result));
        writer.finish();
        return text;
      };
      const auto json = [&](const Shape& part, std::size_t& at, std::size_t columns) {
        const std::size_t begin = at;
        const std::string once = nested(part, 0, numbers, at);
        if (columns == 1) return once + "\n";
        at = begin;
        return "{\"x\": " + once + ", \"y\": " + nested(part, 0, numbers, at) + "}\n";
      };
      for (const std::size_t columns : {1u, 2u}) {
        CAPTURE(columns);
        std::size_t at = 0;
        const std::string whole = json(shape, at, columns);
        CHECK(written("json", columns, Lines::tensor) == whole);
        CHECK(written("jsonl", columns, Lines::tensor) == whole);
        if (!shape.empty()) {
          const Shape slice(shape.begin() + 1, shape.end());
          std::string lines;
          at = 0;
          for (std::int64_t i = 0; i < shape[0]; ++i) lines += json(slice, at, columns);
          CHECK(written("jsonl", columns, Lines::slices) == lines);
        }
        for (const auto& [format, delimiter] : {std::pair{"csv", ","}, {"tsv", "\t"}}) {
          if (shape.size() > 2) {
            CHECK_THROWS_AS(written(format, columns, Lines::tensor), Error);
            continue;
          }
          const std::int64_t rows = shape.empty() ? 1 : shape[0];
          const std::int64_t width = shape.size() == 2 ? shape[1] : 1;
          std::string expected;
          if (columns == 2) {  // names
            for (const char* column : {"x", "y"}) {
              for (std::int64_t i = 0; i < width; ++i) {
                expected += (expected.empty() ? "" : delimiter) + std::string(column) +
                            (width == 1 ? "" : "." + std::to_string(i));
              }
            }
            expected += "\n";
          }
          for (std::int64_t row = 0; row < rows; ++row) {
            std::string line;
            for (std::size_t column = 0; column < columns; ++column) {
              for (std::int64_t i = 0; i < width; ++i) {
                line += (line.empty() ? "" : delimiter) +
                        numbers[static_cast<std::size_t>(row * width + i)];
              }
            }
            expected += line + "\n";
          }
          if (written(format, columns, Lines::tensor) != expected) {
            CHECK(written(format, columns, Lines::tensor) == expected);
          }
        }
      }
    }
  }
}

TEST_CASE("lines of JSON stay lines in every dtype, of one shape or of several") {
  const std::string text = "[1, 0]\n[0, 1]\n3\n4\n\n[]\n[[1], [2]]\n[2]\n";
  for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64,
                            DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8}) {
    CAPTURE(name(dtype));
    ReadOptions options = reading("jsonl");
    options.dtype = dtype;
    const bool floating = is_floating_point(dtype);
    CHECK(converted(text, options, writing("jsonl")).bytes ==
          (floating ? "[1.0, 0.0]\n[0.0, 1.0]\n3.0\n4.0\n[]\n[[1.0], [2.0]]\n[2.0]\n"
                    : "[1, 0]\n[0, 1]\n3\n4\n[]\n[[1], [2]]\n[2]\n"));
    CHECK(converted("[1, 0]\n[0, 1]\n", options, writing("csv")).bytes ==
          (floating ? "1.0,0.0\n0.0,1.0\n" : "1,0\n0,1\n"));
    // Rows before a bad one are written: they are right.
    const Outcome bad = converted("[1, 0]\n[0, x]\n", options, writing("jsonl"));
    CHECK(bad.error == "in:2:5: 'x' is not a JSON number");
    CHECK(bad.bytes == (floating ? "[1.0, 0.0]\n" : "[1, 0]\n"));
    options.rows_of_one = true;
    CHECK(loaded("[1, 0]\n[0, 1]\n", options) ==
          (floating ? "[2, 2] 1.0 0.0 0.0 1.0" : "[2, 2] 1 0 0 1"));
  }
}

TEST_CASE("a tensor without elements whose text would never end is refused") {
  const std::string message = " has no elements but more rows than are written as text";
  for (const char* to : {"json", "jsonl"}) {
    for (const Shape& shape : {Shape{1 << 25, 0}, Shape{1 << 13, 1 << 12, 0}}) {
      std::string text;
      Output output = Output::memory(text);
      Writer writer(output, writing(to));
      try {
        writer.write(result_of(Tensor::empty(shape, DType::float32)));
        CHECK_MESSAGE(false, "no error");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::unsupported);
        CHECK(error.message() == "a tensor of shape " + to_string(shape) + message);
      }
      CHECK(text == "");
    }
  }
}

// ---- whole files -------------------------------------------------------------------------------

TEST_CASE("what is saved is loaded again, bit for bit") {
  Folder folder;
  std::mt19937 words(7);
  for (const char* extension : {"npy", "json", "jsonl", "csv", "tsv"}) {
    for (const DType dtype :
         {DType::float16, DType::bfloat16, DType::float32, DType::float64, DType::int8,
          DType::int16, DType::int32, DType::int64, DType::uint8}) {
      const bool npy = std::string_view(extension) == "npy";
      if (npy && dtype == DType::bfloat16) continue;  // it has none
      CAPTURE(extension);
      CAPTURE(name(dtype));
      const Tensor numbers = Tensor::empty({40, 5}, dtype);
      Tensor tensor = numbers.clone();
      for (std::size_t i = 0; i < tensor.nbytes(); ++i) {
        tensor.bytes()[i] = static_cast<std::byte>(words() >> 8);
      }
      const std::string path = folder / (std::string("x.") + extension);
      save(path, {&tensor, 1});
      ReadOptions options;
      options.dtype = dtype;
      const std::vector<Tensor> back = load(Source::file(path), options);
      // A line of JSON Lines is a row.
      const bool lines = std::string_view(extension) == "jsonl";
      REQUIRE(back.size() == (lines ? 40u : 1u));
      if (!lines) CHECK(same_bits(back[0], tensor));
      for (std::size_t i = 0; lines && i < back.size(); ++i) {
        const std::size_t bytes = back[i].nbytes();
        CHECK(same_bits(back[i], tensor_of_bytes(dtype, {5}, {tensor.bytes() + i * bytes, bytes})));
      }
    }
  }
  CHECK(folder.names().size() == 5);
}

TEST_CASE("a file saved under an unknown extension was the shortened print") {
  const Folder folder;
  const Tensor tensor = Tensor::of<float>(std::vector<float>(1600), {40, 40});
  for (const char* name : {"x.parquet", "x", "x.csv.gz", "x.", "d.csv/x"}) {
    CAPTURE(name);
    try {
      save(folder / name, {&tensor, 1});
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
    }
  }
  CHECK(folder.names().empty());
  save(folder / "x.parquet", {&tensor, 1}, writing("csv"));
  CHECK(load(Source::file(folder / "x.parquet")).at(0).shape() == Shape{40, 40});
}

TEST_CASE("the format given to save was torch, and the extension overrode it") {
  const Folder folder;
  const Tensor tensor = Tensor::of<float>({1, -2});
  save(folder / "x.csv", {&tensor, 1}, writing("torch"));
  CHECK(content_of(folder / "x.csv") == "tensor([ 1., -2.])\n");
  save(folder / "x.json", {&tensor, 1}, writing("csv"));
  CHECK(content_of(folder / "x.json") == "1.0\n-2.0\n");
  save(folder / "x.txt", {&tensor, 1});
  CHECK(content_of(folder / "x.txt") == "tensor([ 1., -2.])\n");
  std::string text;
  Output output = Output::memory(text);
  Writer writer(output, {});
  writer.write(result_of(tensor));
  CHECK(text == "tensor([ 1., -2.])\n");
}

TEST_CASE("what is not a file of its own needs no extension") {
  const Folder folder;
  for (const char* path : {"/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/2", "/"}) {
    CAPTURE(path);
    CHECK_FALSE(Output::puts_in_place(path));
  }
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(Output::puts_in_place(folder / "fifo"));
  CHECK_FALSE(Output::puts_in_place(""));
  CHECK(Output::puts_in_place(folder / "new"));
  put_content(folder / "old", "old");
  CHECK(Output::puts_in_place(folder / "old"));
  CHECK_NOTHROW(save("/dev/null", {}));
}

TEST_CASE("a second array in an npy file was lost to numpy.load") {
  const Folder folder;
  put_content(folder / "x.npy", "old");
  const std::vector<Tensor> two = {Tensor::of<float>({1, -2}), Tensor::of<float>({3})};
  try {
    save(folder / "x.npy", two);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
  }
  CHECK(content_of(folder / "x.npy") == "old");
  CHECK(folder.names().size() == 1);
  // A stream holds any number.
  std::string text;
  Output output = Output::memory(text);
  Writer writer(output, writing("npy"));
  for (const Tensor& tensor : two) writer.write(result_of(tensor));
  CHECK(load(Source::memory(text, "in")).size() == 2);
}

TEST_CASE("a print tells what it left out") {
  struct Row {
    std::string text;
    Printed printed;
    const char* why;
  };
  const std::string ten = "[0,1,2,3,4,5,6,7,8,9]";
  const Row rows[] = {
      {"", {0, 0, {}}, "nothing"},
      {"[1,2,3]", {1, 0, {}}, "all is shown"},
      {"[0,1,2,3,4,5,6]", {1, 1, {7}}, "one too many"},
      {"[[0,1,2],[3,4,5]]", {1, 0, {}}, "as many elements as the threshold"},
      {"[[0,1,2,3],[3,4,5,6]]", {1, 0, {}}, "more, but every row and column is shown"},
      {"[" + ten + "]", {1, 1, {1, 10}}, "one row"},
      {"[1]\n" + ten + "\n[[" + ten + "]]\n[2]\n", {4, 2, {10}}, "two of four"},
      {"[[0],[1],[2],[3],[4],[5],[6]]", {1, 1, {7, 1}}, "a column"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : {std::size_t{1}, std::size_t{10}, std::size_t{1} << 20}) {
      for (const bool lists : {false, true}) {
        std::string text;
        Output output = Output::memory(text);
        WriteOptions write = writing("torch");
        write.print.threshold = 6;
        write.print.edgeitems = 2;
        Writer writer(output, write);
        Operation operation = relu();
        operation.echo = lists;
        Source source = Source::memory(row.text, "in");
        if (!row.text.empty()) run(source, reading("jsonl", block_bytes), operation, writer);
        writer.finish();
        const Printed printed = writer.printed();
        CHECK(printed.tensors == row.printed.tensors);
        CHECK(printed.shortened == row.printed.shortened);
        CHECK(printed.first_shortened == row.printed.first_shortened);
      }
    }
  }
  std::string text;
  Output output = Output::memory(text);
  Writer writer(output, writing("csv"));
  writer.write(result_of(Tensor::of<float>(std::vector<float>(1600), {40, 40})));
  CHECK(writer.printed().tensors == 0);  // of other formats nothing is left out
}

/// A file that says to have more bytes than it gives.
class ShortReader final : public Reader {
 public:
  ShortReader(std::string text, std::size_t there) : text_(std::move(text)), there_(there) {}

  std::size_t read(char* to, std::size_t, std::size_t size, const std::function<bool()>&) override {
    const std::size_t got = read_at(at_, to, size);
    at_ += got;
    return got;
  }
  std::optional<std::uint64_t> size() const override { return text_.size(); }
  std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const override {
    if (position >= there_) return 0;
    return text_.copy(to, std::min<std::size_t>(size, there_ - position), position);
  }
  void seek(std::uint64_t position) override { at_ = position; }

 private:
  std::string text_;
  std::size_t there_;
  std::uint64_t at_ = 0;
};

TEST_CASE("an array that ended too early was told without figures") {
  std::string text;
  Output output = Output::memory(text);
  Writer writer(output, writing("safetensors"));
  Result result;
  result.name = "a";
  result.columns.push_back({"", Tensor::empty({4}, DType::float32)});
  writer.write(std::move(result));
  writer.finish();
  const auto message = [&](std::size_t missing, auto call) -> std::string {
    Source source(std::make_shared<ShortReader>(text, text.size() - missing), "in");
    try {
      call(std::move(source));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string expected =
      "in:a: unexpected end in the data: shape [4] of float32 takes 16 bytes, and of the ";
  CHECK(message(10, [](Source source) { load(std::move(source), reading("safetensors")); }) ==
        expected + "16 from byte 0 on 6 are there (the file was cut short)");
  CHECK(message(3, [](Source source) {
          std::string print;
          Output to = Output::memory(print);
          WriteOptions options;
          options.print.threshold = 2;
          options.print.edgeitems = 1;
          Writer printer(to, options);
          run(source, reading("safetensors"), Operation{}, printer);
        }) == expected + "4 from byte 12 on 1 are there (the file was cut short)");
}

TEST_CASE("several results of slabs in a container are those of the whole tensor") {
  Tensor tensor = Tensor::empty({7, 3}, DType::float32);
  for (std::size_t i = 0; i < 21; ++i) tensor.data<float>()[i] = static_cast<float>(i) - 10;
  for (const std::string_view to : {"npz", "safetensors"}) {
    CAPTURE(to);
    const auto written = [&](std::int64_t rows, std::int64_t length) {
      std::string text = "in front of it";
      Output output = Output::memory(text);
      Writer writer(output, writing(std::string(to)));
      for (const std::string_view name : {"a", "b"}) {
        for (std::int64_t row = 0; row < 7; row += rows) {
          Tensor slab = Tensor::empty({std::min(rows, 7 - row), 3}, DType::float32);
          std::memcpy(slab.bytes(), tensor.bytes() + row * 12, slab.nbytes());
          Result result;
          result.name = name;
          result.length = length;
          result.begins = row == 0;
          result.ends = row + rows >= 7;
          result.columns = {{"relu", slab}, {"half", Tensor::empty(slab.shape(), DType::float16)}};
          std::memset(result.columns[1].tensor.bytes(), 1, result.columns[1].tensor.nbytes());
          writer.write(std::move(result));
        }
      }
      writer.finish();
      return text;
    };
    const std::string whole = written(7, 7);
    for (const std::int64_t rows : {1, 2, 3}) CHECK(written(rows, 7) == whole);
    CHECK_THROWS_WITH_AS(written(2, 5), "a tensor has more rows than its length", Error);
    CHECK_THROWS_WITH_AS(written(2, 9), "a tensor has fewer rows than its length", Error);
  }
}

TEST_CASE("a tensor that cannot be saved leaves the file that was there") {
  Folder folder;
  put_content(folder / "x.csv", "old");
  const Tensor cube = Tensor::empty({1, 1, 1}, DType::float32);
  CHECK_THROWS_AS(save(folder / "x.csv", {&cube, 1}), Error);
  CHECK(content_of(folder / "x.csv") == "old");
  CHECK(folder.names().size() == 1);
}

TEST_CASE("literals are the tensors that torch makes of them") {
  std::size_t compared = 0;
  for (const nlohmann::json& record : golden("literal.jsonl")) {
    const auto text = record.at("json").get<std::string>();
    CAPTURE(text);
    CAPTURE(dtype_of_record(record) == DType::float32);
    ReadOptions options = reading("json");
    options.dtype = dtype_of_record(record);
    if (record.contains("error")) {
      CHECK_THROWS_AS(load(Source::memory(text, "in"), options), Error);
      continue;
    }
    const std::vector<Tensor> found = load(Source::memory(text, "in"), options);
    REQUIRE(found.size() == 1);
    CHECK(same_bits(found[0], tensor_of_field(record, "output")));
    ++compared;
  }
  CHECK(compared > 200);
}

// ---- activations over slices, and such as change shape or dtype --------------------------------

Shape halved(const Shape& shape, const Values& values) {
  Shape half = shape;
  const auto dim = static_cast<std::int64_t>(values[0]);
  half[static_cast<std::size_t>(dim < 0 ? dim + static_cast<std::int64_t>(shape.size()) : dim)] /=
      2;
  return half;
}

/// The first half of each slice, as glu has half of its input's size.
void take_half(DType, const std::byte* from, std::byte* to, const Extent& extent, const Values&) {
  const std::size_t half = extent.size / 2 * extent.inner * sizeof(float);
  for (std::size_t i = 0; i < extent.outer; ++i)
    std::memcpy(to + i * half, from + i * extent.size * extent.inner * sizeof(float), half);
}

void widened(DType, const std::byte* from, std::byte* to, const Extent& extent, const Values&) {
  for (std::size_t i = 0; i < extent.numel(); ++i) {
    float x = 0;
    std::memcpy(&x, from + i * sizeof x, sizeof x);
    const double y = x;
    std::memcpy(to + i * sizeof y, &y, sizeof y);
  }
}

constexpr Parameter kDim[] = {
    {.name = "dim", .standard = -1, .kind = Parameter::Kind::whole, .about = ""}};

constexpr Activation kHalf = {.name = "half",
                              .function = "half",
                              .module = "Half",
                              .summary = "",
                              .parameters = kDim,
                              .traits = {.in_place = false},
                              .scope = Scope::slice,
                              .shape_of = halved,
                              .dtype_of = nullptr,
                              .check = [](DType, const Shape&, const Values&) {},
                              .forward = take_half,
                              .backward = nullptr,
                              .backward_of_output = nullptr,
                              .check_inplace_backward = nullptr};

constexpr Activation kWide = {.name = "wide",
                              .function = "wide",
                              .module = "Wide",
                              .summary = "",
                              .parameters = {},
                              .traits = {.in_place = false},
                              .scope = Scope::element,
                              .shape_of = nullptr,
                              .dtype_of = [](DType) { return DType::float64; },
                              .check = [](DType, const Shape&, const Values&) {},
                              .forward = widened,
                              .backward = nullptr,
                              .backward_of_output = nullptr,
                              .check_inplace_backward = nullptr};

Operation operation_of(std::vector<Module> modes) {
  Operation operation;
  operation.modes = std::move(modes);
  return operation;
}

TEST_CASE("an output may have a shape and a dtype of its own, in every format and beside others") {
  const std::string table = "1,-2,3,-4\n5,-6,7,-8\n";
  const Operation half = operation_of({Module(kHalf)});
  const Operation both = operation_of({Module(kHalf), Module::parse("relu"), Module(kWide)});
  const auto text = [&](const Operation& operation, const char* to) {
    return converted(table, reading("csv"), writing(to), operation).bytes;
  };
  CHECK(text(half, "csv") == "1.0,-2.0\n5.0,-6.0\n");
  CHECK(text(half, "json") == "[[1.0, -2.0], [5.0, -6.0]]\n");
  CHECK(text(half, "jsonl") == "[1.0, -2.0]\n[5.0, -6.0]\n");
  CHECK(text(half, "torch") == "tensor([[ 1., -2.],\n        [ 5., -6.]])\n");
  CHECK(text(both, "csv") ==
        "half.0,half.1,relu.0,relu.1,relu.2,relu.3,wide.0,wide.1,wide.2,wide.3\n"
        "1.0,-2.0,1.0,0.0,3.0,0.0,1.0,-2.0,3.0,-4.0\n"
        "5.0,-6.0,5.0,0.0,7.0,0.0,5.0,-6.0,7.0,-8.0\n");
  CHECK(
      text(both, "jsonl") ==
      "{\"half\": [1.0, -2.0], \"relu\": [1.0, 0.0, 3.0, 0.0], \"wide\": [1.0, -2.0, 3.0, -4.0]}\n"
      "{\"half\": [5.0, -6.0], \"relu\": [5.0, 0.0, 7.0, 0.0], \"wide\": [5.0, -6.0, 7.0, "
      "-8.0]}\n");
  CHECK(text(operation_of({Module(kWide)}), "torch") ==
        "tensor([[ 1., -2.,  3., -4.],\n        [ 5., -6.,  7., -8.]], dtype=torch.float64)\n");
  // A header is of the input's columns, and not of fewer.
  CHECK(converted("a,b\n1,2\n3,4\n", reading("csv"), writing("csv"), half).bytes == "1.0\n3.0\n");
  CHECK(converted("1,2,3,4\n", reading("csv"), writing("csv"), half).bytes == "1.0,2.0\n");
  CHECK(converted("1\n2\n3\n4\n", reading("csv"), writing("csv"), half).bytes == "1.0\n2.0\n");
  CHECK(converted("1\n2\n3\n4\n", reading("csv"), writing("csv"), both)
            .error.find("does not stand beside") != std::string::npos);
}

TEST_CASE("what goes along a dimension does not depend on how the input was divided") {
  std::string table;
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    const std::string row = std::to_string(i % 7) + "," + std::to_string(-i % 5) + "," +
                            std::to_string(i % 11 - 5) + ",0.5";
    table += row + "\n";
    lines += (i == 0 ? "[[" : ", [") + row + "]";
  }
  lines += "]\n";
  for (const char* const modes : {"softmax", "softmax(0)", "softmax(1)", "softmax(-2)", "elu(0.5)",
                                  "relu,softmax(0),elu", "softmax(-1),relu6"}) {
    const Operation operation = operation_of(Module::parse_list(modes));
    for (const char* const from : {"csv", "json"}) {
      const std::string& text = std::string_view(from) == "csv" ? table : lines;
      for (const char* const to : {"csv", "jsonl", "json", "torch"}) {
        CAPTURE(modes);
        CAPTURE(from);
        CAPTURE(to);
        const Outcome whole = converted(text, reading(from), writing(to), operation);
        CHECK(whole.error.empty());
        for (const std::size_t block : {std::size_t{1}, std::size_t{64}, std::size_t{1000}}) {
          for (const unsigned threads : {1u, 3u}) {
            const Outcome other =
                converted(text, reading(from, block), writing(to), operation, threads);
            CHECK(other.error.empty());
            CHECK(other.bytes == whole.bytes);
          }
        }
      }
    }
    // And each column of the outcome is the activation of the whole tensor.
    const Tensor input = load(Source::memory(table, "in"), reading("csv"))[0];
    const Module first = Module::parse_list(modes).front();
    const Outcome outcome =
        converted(table, reading("csv", 10), writing("csv"), operation_of({first}), 2);
    const Tensor again = load(Source::memory(outcome.bytes, "out"), reading("csv"))[0];
    const Tensor wanted = apply(first, input.clone());
    CHECK(again.shape() == wanted.shape());
    CHECK(std::memcmp(again.bytes(), wanted.bytes(), wanted.nbytes()) == 0);
  }
}

}  // namespace
}  // namespace rectify
