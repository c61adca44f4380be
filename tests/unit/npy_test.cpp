#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "formats/format.hpp"
#include "streams.hpp"

namespace rectify {
namespace {

/// A version 1 file as numpy.save might write it.
std::string npy(const std::string& descr, bool fortran, const std::string& shape,
                std::string_view data) {
  std::string header = "{'descr': '" + descr +
                       "', 'fortran_order': " + (fortran ? "True" : "False") +
                       ", 'shape': " + shape + ", }\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(data);
}

std::string npy_bytes(const Tensor& tensor) {
  std::string bytes;
  Output output = Output::memory(bytes);
  Writer writer(output, writing("npy"));
  Result result;
  result.columns.push_back({"", tensor});
  writer.write(std::move(result));
  writer.finish();
  return bytes;
}

/// 0, 1, 2, ... as they stand in a file.
std::string counting_bytes(std::int16_t count) {
  std::string bytes;
  for (std::int16_t i = 0; i < count; ++i) {
    bytes += static_cast<char>(i & 0xFF);
    bytes += static_cast<char>(i >> 8);
  }
  return bytes;
}

TEST_CASE("a header is numpy.save's, to the byte") {
  // From NumPy 1.24.2: what stands before the blanks, and how long it all is.
  struct Row {
    DType dtype;
    Shape shape;
    std::string_view descr;
    std::string_view tuple;
    std::size_t length;
    std::string_view why;
  };
  const Row rows[] = {
      {DType::float32, {4}, "<f4", "(4,)", 128, "a vector"},
      {DType::float64, {2, 3}, "<f8", "(2, 3)", 128, "a matrix"},
      {DType::int8, {}, "|i1", "()", 128, "0-d, a single byte has no order"},
      {DType::boolean, {1, 0, 2}, "|b1", "(1, 0, 2)", 128, "empty"},
      {DType::int64, {123456}, "<i8", "(123456,)", 128, "digits leave the length alone"},
      {DType::uint8, {0}, "|u1", "(0,)", 128, "an empty vector"},
      {DType::float16, Shape(32, 1), "<f2",
       "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
       "1, 1)",
       192, "32 dimensions"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string data = npy_bytes(Tensor::empty(row.shape, row.dtype));
    std::string expected("\x93NUMPY\x01\x00", 8);
    expected += static_cast<char>(row.length - 10);
    expected += '\0';
    expected += "{'descr': '" + std::string(row.descr) +
                "', 'fortran_order': False, 'shape': " + std::string(row.tuple) + ", }";
    expected.resize(row.length - 1, ' ');
    expected += '\n';
    CHECK(data.substr(0, row.length) == expected);
    CHECK(data.size() == row.length + Tensor::empty(row.shape, row.dtype).nbytes());
  }
}

TEST_CASE("what is written is read back with its dtype, shape and bits") {
  for (const DType dtype :
       {DType::float16, DType::float32, DType::float64, DType::int8, DType::int16, DType::int32,
        DType::int64, DType::uint8, DType::uint16, DType::uint32, DType::uint64, DType::boolean}) {
    for (const Shape& shape :
         {Shape{}, Shape{0}, Shape{5}, Shape{2, 3}, Shape{0, 3}, Shape{3, 0}, Shape(32, 1)}) {
      CAPTURE(name(dtype));
      CAPTURE(to_string(shape));
      Tensor tensor = Tensor::empty(shape, dtype);
      for (std::size_t i = 0; i < tensor.nbytes(); ++i) {
        tensor.bytes()[i] = static_cast<std::byte>(dtype == DType::boolean ? i % 2 : i * 37 + 1);
      }
      const std::string bytes = npy_bytes(tensor);
      const std::vector<Tensor> back = load(Source::memory(bytes, "in"), reading("npy"));
      REQUIRE(back.size() == 1);
      CHECK(same_bits(back[0], tensor));
    }
  }
}

TEST_CASE("both byte orders and both orders of elements are read") {
  const std::string_view big("\0\1\xFF\xFE", 4);
  CHECK(loaded(npy(">i2", false, "(2,)", big), reading("npy")) == "[2] 1 -2");
  CHECK(loaded(npy("<i2", true, "(2, 3)", counting_bytes(6)), reading("npy")) ==
        "[2, 3] 0 2 4 1 3 5");
  CHECK(loaded(npy("<i2", true, "(2, 2, 2)", counting_bytes(8)), reading("npy")) ==
        "[2, 2, 2] 0 4 2 6 1 5 3 7");
  CHECK(loaded(npy("<i2", true, "(4, 1)", counting_bytes(4)), reading("npy")) == "[4, 1] 0 1 2 3");
  CHECK(loaded(npy("|b1", false, "(3,)", std::string_view("\0\1\7", 3)), reading("npy")) ==
        "[3] 0 1 1");
}

TEST_CASE("bytes of a bool other than 0 and 1 are true, in any order and from anywhere") {
  // numpy.load of these: [[False, True, True], [True, False, True]] in Fortran order.
  const std::string_view bytes("\0\x2B\1\0\xFF\2", 6);
  const std::string_view in_order = "[2, 3] 0 1 1 0 1 1";
  const std::string_view turned = "[2, 3] 0 1 1 1 0 1";
  Folder folder;
  for (const char* descr : {"|b1", "?", ">b1", "<b1"}) {
    for (const bool fortran : {false, true}) {
      CAPTURE(descr);
      CAPTURE(fortran);
      const std::string text = npy(descr, fortran, "(2, 3)", bytes);
      const std::string_view expected = fortran ? turned : in_order;
      for (const std::size_t block : {std::size_t{1}, std::size_t{1} << 20}) {
        CHECK(loaded(text, reading("npy", block)) == expected);
        put_content(folder / "file", text);
        CHECK(shown(load(Source::file(folder / "file"), reading("npy", block)).at(0)) == expected);
        const Pipe writer(folder / "pipe", text);
        CHECK(shown(load(Source::file(folder / "pipe"), reading("npy", block)).at(0)) == expected);
      }
      // 0 and 1 as numbers too, whole and by the edges.
      ReadOptions numbers = reading("npy");
      numbers.dtype = DType::uint8;
      CHECK(loaded(text, numbers) == expected);
      WriteOptions print = writing("torch");
      print.print.threshold = 1;
      print.print.edgeitems = 1;
      numbers.dtype = DType::int64;
      put_content(folder / "file", text);
      CHECK(converted(Source::file(folder / "file"), numbers, print).bytes ==
            (fortran ? "tensor([[0,  ..., 1],\n        [1,  ..., 1]])\n"
                     : "tensor([[0,  ..., 1],\n        [0,  ..., 1]])\n"));
      numbers.part = Part{2, 2};
      CHECK(converted(Source::file(folder / "file"), numbers, writing("csv")).bytes ==
            (fortran ? "1,0,1\n" : "0,1,1\n"));
    }
  }
}

TEST_CASE("arrays follow one another in one stream") {
  const std::string one = npy("<i2", false, "(2,)", counting_bytes(2));
  const std::string none = npy("<i2", false, "(0, 2)", "");
  const std::string number = npy("<i2", false, "()", counting_bytes(1));
  CHECK(loaded(one + none + number + one, reading("npy")) == "[2] 0 1; [0, 2]; [] 0; [2] 0 1");
  CHECK(loaded(one + "rest", reading("npy")) ==
        "in: bytes that are not an array follow the array: 'rest'");
}

TEST_CASE("a file that is not what it says is an error") {
  struct Row {
    std::string text;
    std::string_view message;
    std::string_view why;
  };
  const Row rows[] = {
      {"", "no tensor in it: the file is empty", "nothing"},
      {"\x93NUM", "unexpected end in the first 8 bytes: 4 are there", "cut in the magic"},
      {npy("<i2", false, "(3,)", counting_bytes(2)),
       "shape [3] of int16 takes 6 bytes, 4 are there", "cut in the data"},
      {npy("<i2", false, "(3", ""), "where a size was expected", "a tuple cut short"},
      {npy("<c8", false, "(1,)", ""), "dtype '<c8' is not supported", "complex"},
      {npy("|O", false, "(1,)", ""), "Python objects (a pickle), which are never read", "objects"},
      {npy("<f4", false, "(4)", ""), "a number in brackets, not a tuple", "no tuple"},
      {npy("<f4", false, "(9223372036854775807, 9223372036854775807)", ""),
       "in: ", "a size beyond counting"},
      {npy("<f4", false, "(-1,)", ""), "where a size was expected", "negative"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string found = loaded(row.text, reading("npy"));
    CHECK_MESSAGE(found.find(row.message) != std::string::npos, found);
    CHECK_MESSAGE(found.starts_with("in: "), found);
  }
}

/// A file whose header is `text`, which is no more than the header of a small array.
std::string npy_of_header(const std::string& text, char major = 1, char minor = 0) {
  std::string bytes = "\x93NUMPY";
  bytes += major;
  bytes += minor;
  bytes += static_cast<char>(text.size() & 0xFF);
  bytes += static_cast<char>(text.size() >> 8);
  if (major > 1) bytes += std::string(2, '\0');
  return bytes + text + "\7";
}

TEST_CASE("a header is a Python dict however it is spaced, and nothing else") {
  const auto head = [](const std::string& text) {
    return loaded(npy_of_header(text), reading("npy"));
  };
  const std::string order = "'fortran_order':False,";
  const std::string descr = "'descr':'|i1',";
  CHECK(head("{" + descr + order + "'shape':(1,)}") == "[1] 7");
  CHECK(head("{\"shape\":(1L,),\"fortran_order\":False,\"descr\":\"i1\"}") == "[1] 7");
  CHECK(head("{u'shape':(1L,),u'fortran_order':False,u'descr':u'<i1'}") == "[1] 7");
  CHECK(head("{'shape':(1,),'fortran_order':False,'descr':'int8'}") == "[1] 7");
  CHECK(head(" \t{ 'descr' :\r\n '<i1' ,\f'fortran_order' : True , 'shape' : ( 1 , ) , } \n") ==
        "[1] 7");
  CHECK(loaded(npy_of_header("{" + descr + order + "'shape':(1,)}", 2), reading("npy")) == "[1] 7");
  CHECK(loaded(npy_of_header("{" + descr + order + "'shape':(1,)}", 3), reading("npy")) == "[1] 7");

  struct Row {
    std::string text;
    std::string_view message;
  };
  const std::string no_dict =
      "the header is not a Python dict of descr, fortran_order and shape: expected ";
  const Row rows[] = {
      {"", "expected '{' but found its end"},
      {"[" + descr + "]", "expected '{' but found '["},
      {"{" + descr + order + "'shape':(1,)", "expected ',' but found its end"},
      {"{" + descr + order + "'shape':(1,)}}", "the header goes on behind its end: '}'"},
      {"{" + descr + order + "}", "the header lacks descr, fortran_order or shape"},
      {"{" + descr + "'shape':(1,)}", "the header lacks descr, fortran_order or shape"},
      {"{" + order + "'shape':(1,)}", "the header lacks descr, fortran_order or shape"},
      {"{}", "the header lacks descr, fortran_order or shape"},
      {"{" + descr + descr + "}", "the header has the key 'descr' twice"},
      {"{" + order + order + "}", "the header has the key 'fortran_order' twice"},
      {"{'shape':(1,),'shape':(1,)}", "the header has the key 'shape' twice"},
      {"{'shapes':(1,)}", "the header has the key 'shapes'"},
      {"{descr:'|i1'}", "the header has 'descr:'"},
      {"{", "the header has its end where a key in quotes was expected"},
      {"{'descr", "the header has a string that is not closed"},
      {"{'descr\n'", "the header has a string that is not closed"},
      {"{'des\\cr'", "the header has a string that is not closed"},
      {"{'descr\"", "the header has a string that is not closed"},
      {"{'descr':1}", "where a dtype in quotes was expected"},
      {"{'descr':[('a','<f4')]}", "structured dtypes are not supported"},
      {"{'descr':('<f4',(2,))}", "structured dtypes are not supported"},
      {"{'descr':''}", "dtype '' is not supported"},
      {std::string("{'descr':'\0f4'}", 15), "dtype '\\x00f4' is not supported"},
      {"{'descr':'<'}", "dtype '<' is not supported"},
      {"{'descr':'<U3'}", "dtype '<U3' is not supported"},
      {"{'fortran_order':0}", "fortran_order is neither True nor False but '0}'"},
      {"{'shape':(1,,)}", "the shape has ',)}' where a size was expected"},
      {"{'shape':(1 2)}", "expected ',' but found '2)}'"},
      {"{'shape':(9223372036854775808,)}", "the shape has a size beyond 63 bits"},
      {"{'shape':(99999999999999999999,)}", "the shape has a size beyond 63 bits"},
      {"{'shape':(2,03)}", "the shape has '03)}' where a size was expected: none begins with a zero"},
      {"{'shape':1}", "expected '(' but found '1}'"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string found = head(row.text);
    CHECK_MESSAGE(found.find(row.message) != std::string::npos, found);
    CHECK(found.starts_with("in: "));
    if (row.message.starts_with("expected")) CHECK(found.starts_with("in: " + no_dict));
  }
  const auto ones = [&](int count) {
    std::string sizes;
    for (int i = 0; i < count; ++i) sizes += "1,";
    return head("{" + descr + order + "'shape':(" + sizes + ")}");
  };
  CHECK(ones(64).ends_with("] 7"));
  CHECK(ones(65) == "in: the shape has more than 64 dimensions");

  for (const auto& [major, minor] : {std::pair{'\0', '\0'}, {'\4', '\0'}, {'\1', '\1'}}) {
    const std::string version = std::to_string(major) + "." + std::to_string(minor);
    CHECK(loaded(npy_of_header("{}", major, minor), reading("npy")) ==
          "in: format version " + version + " is unknown (1.0, 2.0 and 3.0 are read)");
  }
  CHECK(loaded(std::string("\x93NUMPY\1\0\7", 9), reading("npy")) ==
        "in: unexpected end in the header's length");
}

TEST_CASE("from a pipe an array of any size and order is read, or its end missed") {
  Folder folder;
  // In Fortran order it has to be whole, and is larger than what is taken on trust (64 MiB).
  constexpr std::int64_t kColumns = 35'000'000;
  const std::string shape = "(2, " + std::to_string(kColumns) + ")";
  std::string data(2 * kColumns, '\0');
  data[1] = 1;
  data[2 * kColumns - 2] = 2;
  data[2 * kColumns - 1] = 3;
  const auto from_pipe = [&](std::string text) {
    const std::string path = folder / "pipe.npy";
    const Pipe pipe(path, std::move(text));
    return load(Source::file(path)).at(0);
  };
  const Tensor tensor = from_pipe(npy("|i1", true, shape, data));
  REQUIRE(tensor.shape() == Shape{2, kColumns});
  const std::int8_t* values = tensor.data<std::int8_t>().data();
  CHECK(values[0] == 0);
  CHECK(values[kColumns] == 1);
  CHECK(values[kColumns - 1] == 2);
  CHECK(values[2 * kColumns - 1] == 3);
  try {
    from_pipe(npy("|i1", true, shape, "abc"));
    CHECK_MESSAGE(false, "no error");
  } catch (const Error& error) {
    CHECK(error.message() ==
          "unexpected end in the data: shape [2, 35000000] of int8 takes "
          "70000000 bytes, 3 are there");
  }
}

TEST_CASE("a file that is cut short while it is read is an error") {
  Folder folder;
  const std::string path = folder / "x.npy";
  for (const bool fortran : {false, true}) {
    for (const char* to : {"json", "torch"}) {  // torch reads the edges alone
      CAPTURE(fortran);
      CAPTURE(to);
      const std::string whole = npy("<i2", fortran, "(100, 100)", counting_bytes(10000));
      put_content(path, whole);
      Source source = Source::file(path);
      std::filesystem::resize_file(path, 1000);
      const Outcome outcome = converted(std::move(source), {}, writing(to));
      CHECK_MESSAGE(
          outcome.error.find("the file became shorter while it was read, from " +
                             std::to_string(whole.size()) + " to 1000 bytes") != std::string::npos,
          outcome.error);
    }
  }
}

TEST_CASE("what has no rows to divide has no parts") {
  Folder folder;
  const std::string path = folder / "x.npy";
  ReadOptions part;
  part.part = Part{1, 2};
  const auto error = [&](const std::string& bytes, const char* to) {
    put_content(path, bytes);
    return converted(Source::file(path), part, writing(to)).error;
  };
  CHECK(error(npy("|i1", false, "()", "\1"), "csv") ==
        path + ": a single number cannot be divided");
  CHECK(error(npy("|i1", false, "(2,)", "\1\2"), "jsonl") ==
        path +
            ": a 1-D array is one line of JSON Lines, which has no parts (.format = csv has a line "
            "for each value)");
  CHECK(error(npy("|i1", false, "(2,)", "\1\2"), "csv") == "");
}

TEST_CASE("formats without room for a tensor say so") {
  const Tensor bfloats = Tensor::empty({1}, DType::bfloat16);
  CHECK_THROWS_AS(npy_bytes(bfloats), Error);
  CHECK_THROWS_AS(npy_bytes(Tensor::empty(Shape(33, 1), DType::float32)), Error);
}

/// Many arrays in all orders, alone and several together.
std::vector<std::string> generated() {
  std::vector<std::string> texts;
  for (const bool fortran : {false, true}) {
    for (const char* descr : {"<i2", ">i2"}) {
      texts.push_back(npy(descr, fortran, "()", counting_bytes(1)));
      texts.push_back(npy(descr, fortran, "(0,)", ""));
      texts.push_back(npy(descr, fortran, "(3, 0)", ""));
      texts.push_back(npy(descr, fortran, "(0, 3)", ""));
      texts.push_back(npy(descr, fortran, "(100,)", counting_bytes(100)));
      texts.push_back(npy(descr, fortran, "(20, 5)", counting_bytes(100)));
      texts.push_back(npy(descr, fortran, "(1, 100)", counting_bytes(100)));
      texts.push_back(npy(descr, fortran, "(5, 4, 5)", counting_bytes(100)));
      texts.push_back(npy(descr, fortran, "(2, 3, 4, 5)", counting_bytes(120)));
    }
  }
  std::string all;
  for (const std::string& text : texts) all += text;
  texts.push_back(all);
  texts.push_back(all + "rest");
  texts.push_back(all.substr(0, all.size() - 1));
  texts.push_back(npy("<i2", false, "(50, 2)", counting_bytes(99)));
  return texts;
}

TEST_CASE("neither blocks nor threads change what .npy becomes") {
  std::vector<std::string> texts = generated();
  for (const std::string& path : conformance_files("npy")) texts.push_back(content_of(path));
  ReadOptions floats = reading("npy");
  floats.dtype = DType::float32;
  ReadOptions bytes = reading("npy");
  bytes.dtype = DType::uint8;
  Operation both;
  both.modes = Module::parse_list("relu,leaky");
  for (const std::string& text : texts) {
    check_blocks(text, reading("npy"), relu());
    check_blocks(text, floats, both);
    check_blocks(text, bytes, relu());
  }
}

TEST_CASE("a summary that reads only the edges is that of the whole array") {
  Folder folder;
  for (const std::string& text : generated()) {
    for (const std::int64_t edgeitems : {0, 1, 2, 3, 60}) {
      for (const std::int64_t threshold : {0, 10, 1000}) {
        CAPTURE(edgeitems);
        CAPTURE(threshold);
        CAPTURE(text.substr(0, 80));
        WriteOptions options = writing("torch");
        options.print.edgeitems = edgeitems;
        options.print.threshold = threshold;
        std::string expected;
        try {
          for (const Tensor& tensor : load(Source::memory(text, "in"), reading("npy"))) {
            expected += to_string(tensor, options.print) + "\n";
          }
        } catch (const Error&) {
          continue;
        }
        CHECK(converted(text, reading("npy"), options).bytes == expected);
        if (threshold != 10) continue;
        put_content(folder / "file", text);
        CHECK(converted(Source::file(folder / "file"), reading("npy", 20), options).bytes ==
              expected);
        const Pipe writer(folder / "pipe", text);
        CHECK(converted(Source::file(folder / "pipe"), reading("npy", 20), options).bytes ==
              expected);
      }
    }
  }
}

TEST_CASE("a summary does not hide a value that the dtype cannot hold") {
  std::string data = counting_bytes(1000);  // 256 and more are no uint8, far from the edges
  for (std::size_t i = 0; i < 100; ++i) data[data.size() - 1 - i] = 0;
  ReadOptions options = reading("npy");
  options.dtype = DType::uint8;
  WriteOptions print = writing("torch");
  print.print.threshold = 10;
  CHECK(converted(npy("<i2", false, "(1000,)", data), options, print).error.starts_with("in: "));
}

TEST_CASE("the slabs of a .npy are no larger than its blocks") {
  const std::string text = npy("<i2", false, "(1000, 10)", counting_bytes(10000));
  Source source = Source::memory(text, "in");
  const ReadOptions options = reading("npy", 100);
  const auto decoder = find_format("npy")->decoder(source, options, {});
  Chunk chunk;
  std::vector<Result> results;
  std::int64_t rows = 0;
  while (decoder->cut(chunk)) {
    results.clear();
    decoder->decode(chunk, results);
    REQUIRE(results.size() == 1);
    CHECK(results[0].columns[0].tensor.nbytes() == 100);
    CHECK(results[0].length == 1000);
    CHECK(results[0].begins == (rows == 0));
    rows += results[0].columns[0].tensor.shape()[0];
    CHECK(results[0].ends == (rows == 1000));
  }
  CHECK(rows == 1000);
}

}  // namespace
}  // namespace rectify
