#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "formats/format.hpp"
#include "streams.hpp"

namespace rectify {
namespace {

std::string read_json(std::string_view text, DType dtype = DType::float32) {
  ReadOptions options = reading("json");
  options.dtype = dtype;
  return loaded(text, options);
}

std::string read_at(const std::string& pointer, std::string_view text) {
  ReadOptions options = reading("json");
  options.pointer = pointer;
  return loaded(text, options);
}

TEST_CASE("nested lists of numbers are tensors") {
  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"[2,-4]", "[2] 2.0 -4.0", "a vector"},
      {"3", "[] 3.0", "a number"},
      {" [ [ 1 , 2 ] ,\n[ 3 , 4 ] ] ", "[2, 2] 1.0 2.0 3.0 4.0", "white space anywhere"},
      {"[[[1],[2]]]", "[1, 2, 1] 1.0 2.0", "three dimensions"},
      {"[]", "[0]", "empty"},
      {"[[],[]]", "[2, 0]", "lists of nothing"},
      {"[NaN,Infinity,-Infinity,null]", "[4] nan inf -inf nan", "values that RFC 8259 has not"},
      {"[-0.0,-0]", "[2] -0.0 0.0", "Python reads -0 as the integer"},
      {"[1]\n[2,3]\n4\n", "[1] 1.0; [2] 2.0 3.0; [] 4.0", "several values are several tensors"},
      {"\xEF\xBB\xBF[1]", "[1] 1.0", "a byte order mark"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(read_json(row.text) == row.expected);
  }
  CHECK(read_json("[9223372036854775807,-2.5]", DType::int64) == "[2] 9223372036854775807 -2");
}

TEST_CASE("an error says what is wrong and where") {
  struct Row {
    std::string_view text;
    std::string_view begins;
    std::string_view why;
  };
  const Row rows[] = {
      {"", "in:1:1: no tensor in it", "nothing"},
      {"[1,\n 2,\n x]", "in:3:2: 'x' is not a JSON number", "a word"},
      {"[1,2", "in:1:5: unexpected end of input inside a list", "cut short"},
      {"[[1,2],[3]]", "in:1:8: a list of length 1 where the first has 2 (dimension 1)", "ragged"},
      {"[1,[2]]", "in:1:4: a list stands where a number was expected", "too deep"},
      {"[[1],2]", "in:1:6: a number stands where a list was expected", "too shallow"},
      {"[[1],[[]]]", "in:1:7: a list stands where a number was expected", "an empty list too deep"},
      {"[[[]],[]]", "in:1:8: an empty list stands where a list of lists", "and one too shallow"},
      {"[1,]", "in:1:4: expected a number but found ']' (a comma is one too many)", "a last comma"},
      {"[[1],]", "in:1:6: expected a number but found ']' (a comma is one too many)",
       "a last comma between lists"},
      {"[1,,2]", "in:1:4: expected a number but found ','", "two commas"},
      {"[1 2]", "in:1:4: expected ',' or ']' but found '2'", "no comma"},
      {"[true]", "in:1:2: expected a number but found a boolean (true)", "a boolean"},
      {"[\"1\"]", "in:1:2: expected a number but found a string", "a string"},
      {"[{\"a\":1}]", "in:1:2: expected a number or a list but found an object", "an object"},
      {"[1][2]", "in:1:4: expected the end of the value but found '['", "values in one word"},
      {"[01]", "in:1:2: '01' is not a JSON number", "a leading zero"},
      {"[.5]", "in:1:2: '.5' is not a JSON number", "a bare point"},
      {"[nan]", "in:1:2: 'nan' is not a JSON number (NaN, Infinity", "another spelling"},
      {"]", "in:1:1: expected a number but found ']'", "a bracket alone"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string found = read_json(row.text);
    CHECK_MESSAGE(found.starts_with(row.begins), found);
  }
  CHECK(read_json("[300]", DType::int8).starts_with("in:1:2: '300' does not fit int8"));
  CHECK(read_json("[null]", DType::int8).starts_with("in:1:2: null is NaN"));
}

TEST_CASE("a literal may be typed as in Python") {
  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"[2., -.5, 1.e1, +3, -0., 00.5]", "[6] 2.0 -0.5 10.0 3.0 -0.0 0.5", "numbers"},
      {"(1, 2)", "[2] 1.0 2.0", "a tuple"},
      {"((1,), [2],)", "[2, 1] 1.0 2.0", "tuples of one, and a last comma"},
      {"()", "[0]", "an empty tuple"},
      {"((), ())", "[2, 0]", "tuples of nothing"},
      {"(1)", "[] 1.0", "brackets around a number"},
      {"[(1), ((2)), (3,)]", "in:1:14: a list stands where a number was expected", "ragged"},
      {"[[((1)), 2], ([3, (4)])]", "[2, 2] 1.0 2.0 3.0 4.0", "brackets around values"},
      {"(1 2)", "in:1:4: expected ',' or ')' but found '2'", "no comma"},
      {"(1)(2)", "in:1:4: expected the end of the value but found '('", "a call"},
      {"(1)2", "in:1:4: expected the end of the value but found '2'", "values in one word"},
      {"((1, 2), (3, 4)", "in:1:16: unexpected end of input inside a tuple", "cut short"},
      {"(1, 2]", "in:1:6: expected ',' or ')' but found ']'", "the other bracket"},
      {"[1, 2)", "in:1:6: expected ',' or ']' but found ')'", "the other one"},
      {"[1,,]", "in:1:4: expected a number but found ','", "two commas"},
      {"(,)", "in:1:2: expected a number but found ','", "a comma alone"},
      {"[1,\n 2.5.]", "in:2:2: '2.5.' is not a number", "two points"},
      {"[0x1]", "in:1:2: '0x1' is not a number", "a hexadecimal number"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
      CAPTURE(block_bytes);
      ReadOptions options = reading("json", block_bytes);
      options.python = true;
      const std::string found = loaded(row.text, options);
      CHECK_MESSAGE(found.starts_with(row.expected), found);
    }
  }
  ReadOptions options = reading("json");
  options.python = true;
  options.dtype = DType::int64;
  CHECK(loaded("[+9223372036854775807, 2.9]", options) == "[2] 9223372036854775807 2");
}

TEST_CASE("the texts of a sequence, each behind RS, are values") {
  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"\x1E[1,-2]\n\x1E[[3]]\n", "[2] 1.0 -2.0; [1, 1] 3.0", "as RFC 7464 has them"},
      {"\x1E[1]\x1E[2]\x1E"
       "3\x1E-4",
       "[1] 1.0; [1] 2.0; [] 3.0; [] -4.0", "without line breaks"},
      {"\x1E[\n  1,\n  2\n]\n\x1E[\n  3\n]\n", "[2] 1.0 2.0; [1] 3.0", "over several lines"},
      {"\x1E\x1E \x1E[1]\n\x1E\n", "[1] 1.0", "texts with nothing in them"},
      {"\xEF\xBB\xBF\x1E[1]", "[1] 1.0", "behind a byte order mark"},
      {"[1]\n\x1E[2]\n", "[1] 1.0; [1] 2.0", "not in front of the first"},
      {"\x1E[1,2\n\x1E[3]\n",
       "in:2:1: expected ',' or ']' but found RS, which begins the next text (the text in front of "
       "it "
       "was cut short)",
       "cut behind a number"},
      {"\x1E[[1],\x1E[3]]\n",
       "in:1:7: expected a number but found RS, which begins the next text (the text in front of "
       "it "
       "was cut short)",
       "cut behind a comma"},
      {"\x1E[1\x1E,2]\n", "in:1:4: expected ',' or ']' but found RS", "within a list"},
      {"\x1E[1]x\x1E[2]", "in:1:5: expected the end of the value but found 'x'", "glued"},
      {"\x1E", "in:1:2: no tensor in it", "nothing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : kBlocks) {
      CAPTURE(block_bytes);
      for (const char* format : {"jsonl", "json", ""}) {
        CAPTURE(format);
        const std::string found = loaded(row.text, reading(format, block_bytes));
        CHECK_MESSAGE(found.starts_with(row.expected), found);
      }
    }
  }
  // Long ones, in blocks and on threads.
  std::string text;
  std::string lines;
  for (int i = 0; i < 300; ++i) {
    const std::string value = "[[" + std::to_string(i) + ", -0.5], [2.5, 1.0]]\n";
    text += "\x1E" + value;
    lines += value;
  }
  for (const std::size_t block_bytes : kBlocks) {
    for (const unsigned threads : {1u, 3u}) {
      CAPTURE(block_bytes);
      CHECK(converted(text, "", "jsonl", block_bytes, threads) ==
            converted(lines, "jsonl", "jsonl"));
    }
  }
}

/// The tensors in a text with their names, "a [2] 1.0 -2.0", or the error.
std::string named(std::string_view text, ReadOptions options) {
  std::string all;
  try {
    for (const auto& [name, tensor] : load_named(Source::memory(text, "in"), options))
      all += (all.empty() ? "" : "; ") + name + " " + shown(tensor);
  } catch (const Error& error) {
    return error.what();
  }
  return all;
}

TEST_CASE("an object of tensors is a file of several") {
  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {R"({"a": [1, -2], "b.0": [[3], [4]], "c": -5})",
       "a [2] 1.0 -2.0; b.0 [2, 1] 3.0 4.0; c [] -5.0", "tensors under their names"},
      {R"({"]}": [], "\u00e9\n": null, "\"": "NaN"})", "]} [0]; é\n [] nan; \" [] nan",
       "names of any characters"},
      {R"({"\ud83d\ude00": 1, "x\ud83d": 2})", "😀 [] 1.0; x\uFFFD [] 2.0", "half a surrogate pair"},
      {"{\"a\":1}\n[2]\n {\"a\":[3]}", "a [] 1.0;  [1] 2.0; a [1] 3.0", "among other values"},
      {"\x1E{\"a\":1}\x1E{\"b\":[2]}\n", "a [] 1.0; b [1] 2.0", "in a sequence"},
      {"\n{ \"a\" :\n[ 1 ]\t, \"b\":2\n}\n", "a [1] 1.0; b [] 2.0", "white space anywhere"},
      {"{}", "in:1:1: an object without a tensor", "an empty one"},
      {R"({"a": 1, "b": 2, "a": 3})", "in:1:18: two tensors are called 'a'", "a name twice"},
      {R"({"a\u0062": 1, "ab": 3})", "in:1:16: two tensors are called 'ab'", "in two spellings"},
      {R"({"a": [1, 2)", "in:1:12: unexpected end of input inside a list", "cut in a list"},
      {R"({"a": [1, 2])", "in:1:13: unexpected end of input inside an object (a '}' is missing)",
       "cut behind a list"},
      {R"({"a": [1, 2],)", "in:1:14: unexpected end of input", "cut behind a comma"},
      {R"({"a")", "in:1:5: expected ':' after a name", "cut behind a name"},
      {R"({"a":)", "in:1:6: unexpected end of input", "cut behind a colon"},
      {R"({"a": 1,})", "in:1:9: expected a name in quotes but found '}'", "a last comma"},
      {R"({"a": 1 "b": 2})", "in:1:9: expected ',' or '}' but found a string", "no comma"},
      {R"({a: 1})", "in:1:2: expected a name in quotes but found 'a'", "a name without quotes"},
      {R"({"a": })", "in:1:7: expected a number but found '}'", "no value"},
      {R"({"a": [1]}x)", "in:1:11: expected the end of the value but found 'x'", "glued"},
      {R"({"a": [1]}{"a": [2]})", "in:1:11: expected the end of the value but found an object",
       "two in one word"},
      {R"({"a": [1], "b": [[1], [2, 3]]})", "in:1:23: a list of length 2 where the first has 1",
       "ragged"},
      {R"({"a": "text", "b": [1, 2], "c": 3})",
       "in:1:7: expected a number but found a string (.keys = 'b' takes a member that is a tensor)",
       "a text among tensors"},
      {R"({"a": {"b": [1]}})", "in:1:7: expected a number or a list but found an object", "nested"},
      {R"({"a": "text", "b": {"c": {}}})",
       "in:1:7: expected a number but found a string (.pointer = /b/NAME takes one value",
       "no tensor"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : kBlocks) {
      CAPTURE(block_bytes);
      for (const char* format : {"json", "jsonl", ""}) {
        CAPTURE(format);
        const std::string found = named(row.text, reading(format, block_bytes));
        CHECK_MESSAGE(found.starts_with(row.expected), found);
      }
    }
  }
}

TEST_CASE("an object among numbers is met with the pointer to its own") {
  struct Row {
    std::string_view text;
    std::string_view hint;
    std::string_view why;
  };
  const std::string wide = "[{\"t\": \"" + std::string(300, 'x') + "\", \"e\": 1}, 2]";
  const std::string list = "[{\"n\": 0, \"e\": [" + std::string(300, '1') + "]}, {\"n\": 1}]";
  const std::string records = R"([{"a": 1, "b": -2}, {"a": 3, "b": -4}])";
  const Row rows[] = {
      {records,
       "jq -c '.[] | [.a, .b]' FILE | rectify; .pointer = /*/a takes one value of each object",
       "records"},
      {R"({"d": [{"a": 1, "b": 2}]})",
       "jq -c '.d[] | [.a, .b]' FILE | rectify; .pointer = /d/*/a takes one value of each object",
       "records in a member"},
      {R"([{"id": "x", "v": 1.5}])", ".pointer = /*/v takes one value of each object",
       "one number"},
      {R"([{"x y": 1, "b": 2}])", ".pointer = /*/x y takes one value of each object", "no word"},
      {R"([{"if": 1, "b": 2}])", ".pointer = /*/if takes one value of each object",
       "jq's own word"},
      {R"([{"a": 1, "e": [1, 2]}])", ".pointer = /*/e takes one value of each object", "a list"},
      {R"([{"shape": [2], "data": [[1], [2]]}])",
       ".pointer = /*/data takes one value of each object", "the longer list"},
      {R"([[{"a/b": 1, "~": "x"}]])", ".pointer = /*/*/a~1b takes one value of each object",
       "deeper"},
      {R"({"m": {"t": "x", "w": [1]}})", ".pointer = /m/w takes one value out of a document",
       "an object in an object"},
      {R"({"t": "x", "data": [{"e": [1, 2]}]})",
       ".pointer = /data/*/e takes one value of each object",
       "behind a member that is not a tensor"},
      {R"([{"it's": 1}])", ".pointer = /*/NAME takes one value of each object",
       "a name that a shell takes otherwise"},
      {wide, ".pointer = /*/NAME takes one value of each object", "a member far behind"},
      {list, ".pointer = /*/e takes one value of each object", "a long list"},
      {R"([1, {"a": 1}])", "", "not the first"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : kBlocks) {
      CAPTURE(block_bytes);
      for (const std::string_view behind : {"", "\n", "\n[1]\n"}) {
        const std::string text = std::string(row.text) + std::string(behind);
        const std::string found = loaded(text, reading("json", block_bytes));
        CHECK_MESSAGE(found.ends_with(row.hint.empty() ? "found an object"
                                                       : " (" + std::string(row.hint) + ")"),
                      found);
      }
    }
  }
  CHECK(read_at("/a", R"({"a": {"b": 1, "c": [1, 2]}})")
            .ends_with("(.pointer = /a/c takes one value out of a document)"));
}

TEST_CASE("a value with something glued to it is not given out, wherever blocks end") {
  for (const std::string_view value :
       {"[1, -2]", "[[1], [2]]", "{\"a\": [1], \"b\": 2}", "{\"a\": [[1], [2]]}"}) {
    for (const std::string_view glued :
         {"x", "x\n", "]", "[1]\n", "\"a\"\n", "{\"a\": 1}\n", ",\n"}) {
      const std::string text = std::string(value) + std::string(glued);
      CAPTURE(text);
      for (const std::size_t block_bytes : kBlocks) {
        CAPTURE(block_bytes);
        for (const char* format : {"json", "jsonl", ""}) {
          CAPTURE(format);
          const Outcome outcome = converted(text, reading(format, block_bytes), writing("jsonl"));
          // Rows of it may have been.
          CHECK(outcome.bytes.find('\n') == std::string::npos);
          const std::string place = "in:1:" + std::to_string(value.size() + 1) + ": ";
          CHECK_MESSAGE(outcome.error.starts_with(place), outcome.error);
          CHECK(outcome.error == converted(text, reading("jsonl"), writing("jsonl")).error);
        }
      }
    }
  }
}

TEST_CASE("keys choose members of an object") {
  const auto chosen = [](std::string_view text, std::vector<std::string> keys) {
    ReadOptions options = reading("json");
    options.keys = std::move(keys);
    return named(text, options);
  };
  const std::string_view text = R"({"model": "m", "l1": [1], "l2": [-2], "at": {"x": [{}, "]"]}})";
  CHECK(chosen(text, {"l1"}) == "l1 [1] 1.0");
  CHECK(chosen(text, {"l2", "l?"}) == "l1 [1] 1.0; l2 [1] -2.0");
  CHECK(chosen(text, {"l3"}) == "in:1:1: no tensor is called 'l3' (did you mean 'l1'?)");
  CHECK(
      chosen(text, {"model"}).starts_with("in:1:11: expected a number but found a string (.keys"));
  CHECK(chosen("[1]", {"l1"}) == "in:1:1: .keys takes a tensor by its name, and this one has none");
  // What is not chosen is looked at, too.
  CHECK(chosen(R"({"l1": [1], "l2": [1,]})", {"l1"}).starts_with("in:1:22: expected a value"));
}

TEST_CASE("128 dimensions are read, one more is refused") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
  };
  CHECK(load(Source::memory(nested(128), "in"), reading("json"))[0].dim() == 128);
  CHECK(read_json(nested(129)).starts_with("in:1:129: more than 128 dimensions"));
}

TEST_CASE("a pointer takes one value out of a document") {
  const std::string_view text =
      R"({"a": {"b/c": [1, [2, 3]], "": 4}, "~": [[5]], "é": 6, "a\"]": 7, "\u00e8": [8], "x": 0, "x": 9})";
  CHECK(read_at("/a/b~1c/1", text) == "[2] 2.0 3.0");
  CHECK(read_at("/a/", text) == "[] 4.0");
  CHECK(read_at("/~0", text) == "[1, 1] 5.0");
  CHECK(read_at("/é", text) == "[] 6.0");
  CHECK(read_at("/a\"]", text) == "[] 7.0");
  CHECK(read_at("/è/0", text) == "[] 8.0");
  CHECK(read_at("/x", text) == "[] 9.0");
  CHECK(read_at("", "[1]") == "[1] 1.0");
  CHECK(read_at("/y", text).find("the document has no value") != std::string::npos);
  CHECK(read_at("/a", text).find("but found an object") != std::string::npos);
  CHECK(read_at("a", text).find("is not a JSON pointer") != std::string::npos);
  CHECK(read_at("/a", "{\"a\": [1]} {\"a\": [2]}") == "[1] 1.0; [1] 2.0");
}

TEST_CASE("a pointer's step * leads into every element of a list") {
  const std::string_view text = R"({"data": [{"e": [1, -2], "n": 0}, {"n": 1, "e": [3, 4]}]})";
  CHECK(read_at("/data/*/e", text) == "[2, 2] 1.0 -2.0 3.0 4.0");
  CHECK(read_at("/data/*/n", text) == "[2] 0.0 1.0");
  CHECK(read_at("/*/1", "[[1, 2], [3, -4], [5, 6]]") == "[3] 2.0 -4.0 6.0");
  CHECK(read_at("/*/*", "[[1, 2], [3, -4]]") == "[4] 1.0 2.0 3.0 -4.0");
  // A member of that name is one, and of two of one name the last counts.
  CHECK(read_at("/*", R"({"*": 7})") == "[1] 7.0");
  CHECK(read_at("/a/*/b", R"({"a": [{"b": 1}, {"b": 2}], "a": [{"b": 5, "b": 6}]})") == "[1] 6.0");
  // No element is passed over in silence, nor is a list without any.
  CHECK(
      read_at("/data/*/x", text)
          .starts_with("in:1:11: element 0 of the list has no value at the pointer '/data/*/x' ("));
  CHECK(read_at("/*/e", R"([{"e": 1}, {"f": 2}])")
            .starts_with("in:1:12: element 1 of the list has no value at the pointer '/*/e' ("));
  CHECK(read_at("/*", "[]").starts_with("in:1:1: the document has no value at the pointer '/*' ("));
  CHECK(read_at("/*/e", R"([{"e": [1, 2]}, {"e": [3]}])")
            .starts_with("in:1:23: a list of length 1 where the first has 2 (dimension 0)"));
}

TEST_CASE("a document around a pointer's value is checked, too") {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view text;
    std::string_view begins;
    std::string_view why;
  };
  const Row rows[] = {
      {"{", "in:1:2: unexpected end of input", "an object cut short"},
      {"{\"a\"", "in:1:5: expected ':' after a name", "cut behind a name"},
      {"{\"a\":", "in:1:6: unexpected end of input", "cut in front of a value"},
      {"{\"a\":[1]", "in:1:9: unexpected end of input", "cut behind a value"},
      {"{\"a\":1,", "in:1:8: unexpected end of input", "cut behind a comma"},
      {"{\"a\":[1,", "in:1:9: unexpected end of input", "cut behind a comma of a list"},
      {"{\"a\":1 2}", "in:1:8: expected ',' or '}' but found '2'", "no comma in an object"},
      {"{\"a\":[1 2]}", "in:1:9: expected ',' or ']' but found '2'", "no comma in a list"},
      {"{\"a\" 1}", "in:1:6: expected ':' after a name", "no colon"},
      {"{a:1}", "in:1:2: expected a name in quotes but found 'a'", "a name without quotes"},
      {"{\"a\":1,}", "in:1:8: expected a name in quotes but found '}'", "a last comma"},
      {"{\"a\":tru}", "in:1:6: expected a value but found 'tru'", "no literal"},
      {"{\"a\":1x}", "in:1:6: expected a value but found '1x'", "no number"},
      {"{\"a\":}", "in:1:6: expected a value but found '}'", "no value"},
      {"{\"a\":01}", "in:1:6: expected a value but found '01'", "a leading zero"},
      {"{\"a", "in:1:2: this string is never closed", "an open string"},
      {"{\"a\":1,\"b\1\":2}", "in:1:10: a control character inside a string: '\\x01'", "raw"},
      {"{\"a\xFF\":1}", "in:1:4: invalid UTF-8: '\\xff'", "no UTF-8"},
      {"{\"a\xC3(\":1}", "in:1:4: invalid UTF-8: '\\xc3'", "half a character"},
      {"{\"a\xE2\x82\":1}", "in:1:4: invalid UTF-8: '\\xe2'", "two thirds of one"},
      {"{\"a\xF0\x9F\x98\":1}", "in:1:4: invalid UTF-8: '\\xf0'", "three quarters of one"},
      {"{\"a\xBF\":1}", "in:1:4: invalid UTF-8: '\\xbf'", "the end of one alone"},
      {"{\"a\xC0\x80\":1}", "in:1:4: invalid UTF-8: '\\xc0'", "longer than it need be"},
      {"{\"a\xE0\x9F\xBF\":1}", "in:1:4: invalid UTF-8: '\\xe0'", "the same of three bytes"},
      {"{\"a\xED\xA0\x80\":1}", "in:1:4: invalid UTF-8: '\\xed'", "half of a pair"},
      {"{\"a\xF4\x90\x80\x80\":1}", "in:1:4: invalid UTF-8: '\\xf4'", "behind the last character"},
      {"{\"a\xF0\x9F", "in:1:4: invalid UTF-8: '\\xf0'", "cut in a character"},
      {"{\"\\q\":1}", "in:1:3: not an escape: '\\q'", "an unknown escape"},
      {"{\"\\u12\":1}", "in:1:3: not an escape: ", "too few digits"},
      {"{\"\\u00g0\":1}", "in:1:3: not an escape: ", "no hexadecimal digits"},
      {std::string_view("{\"\\ud\0ab\":1}", 12), "in:1:3: not an escape: '\\ud\\x00ab'",
       "nor does a NUL end it"},
      {"{\"\\ud8g0\":1}", "in:1:3: not an escape: '\\ud8g0'",
       "no hexadecimal digits in half a pair"},
      {"{\"\\ud83d\\q\":1}", "in:1:9: not an escape: '\\q'", "nor what follows it"},
      {"{\"\\", "in:1:3: not an escape: '\\'", "cut in an escape"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string found = read_at("/z", row.text);
    CHECK_MESSAGE(found.starts_with(row.begins), found);
  }
  CHECK(read_at("/z", std::string(1001, '[')).starts_with("in:1:1001: more than 1000 levels"));
}

TEST_CASE("names are matched as what they stand for") {
  CHECK(read_at("/z", R"({"y": true, "x": [false, null, {}], "w": [], "z": [1]})") == "[1] 1.0");
  CHECK(read_at("/é€😀", "{\"é€😀\": [1]}") == "[1] 1.0");
  CHECK(read_at("/é€😀", R"({"\u00E9\u20ac\ud83d\uDE00": [1]})") == "[1] 1.0");
  CHECK(read_at("/é€😀", R"({"\u00E9\u20ac\uD83D\ude00": [1]})") == "[1] 1.0");
  CHECK(read_at("/a\"\\\n\t~1b", R"({"a\"\\\n\t~1b": 0, "a\"\\\n\t/b": [1]})") == "[1] 1.0");
  // Half a surrogate pair stands for no character, and is a string's content all the same, as in
  // Python and JavaScript.
  CHECK(
      read_at("/a", R"({"x": ["\ud83d", "\uDE00\ud83d", "\ud83d\"", "\uD83D\u00e9"], "a": [1]})") ==
      "[1] 1.0");
  CHECK(read_at("/a", R"({"\ud83d": [0], "a\uDE00": [2], "a": [1]})") == "[1] 1.0");
  CHECK(read_at("/x\uFFFD", R"({"x\ud83d": [0]})").find("the document has no value") !=
        std::string::npos);
  CHECK(read_at("/1/0", R"([[0], [[1], 2]])") == "[1] 1.0");
  CHECK(read_at("/01", "[[0], [1]]").find("the document has no value") != std::string::npos);
  // A value that another of its name replaces no longer counts, whatever is in it.
  CHECK(read_at("/a/b", R"({"a": {"b": 1}, "a": {"c": 2}})").find("the document has no value") !=
        std::string::npos);
  CHECK(read_at("/a/b", R"({"a": {"b": 1}, "a": 2})").find("the document has no value") !=
        std::string::npos);
}

TEST_CASE("strings with brackets and escapes in them do not mislead where a document ends") {
  const std::string text = R"({"]}\"]": "\\", "a": [1, 2]})"
                           "\n"
                           R"({"\\": "[{", "a": [3]})";
  for (const std::size_t block_bytes : kBlocks) {
    CAPTURE(block_bytes);
    ReadOptions options = reading("jsonl", block_bytes);
    options.pointer = "/a";
    CHECK(loaded(text, options) == "[2] 1.0 2.0; [1] 3.0");
  }
}

TEST_CASE("spellings of NaN and infinity that JSON has not are met with those it has") {
  for (const char* word : {"nan", "inf", "-inf", "+Infinity", "-NaN", "infinity", "None"}) {
    CAPTURE(word);
    const std::string quoted = "'" + std::string(word) + "'";
    CHECK(read_json("[" + std::string(word) + "]") ==
          "in:1:2: " + quoted +
              " is not a JSON number (NaN, Infinity, -Infinity and null are read)");
  }
  CHECK(read_json("[+inf]") == "in:1:2: '+inf' is not a JSON number");
  // What is wrong with the word counts for more than where it stands.
  CHECK(read_json("[[1],x]") == "in:1:6: 'x' is not a JSON number");
  CHECK(read_json("[[1],\"\"]") == "in:1:6: expected a number but found a string");
  CHECK(read_json("[[1],NaN]").starts_with("in:1:6: a number stands where a list was expected"));
  CHECK(read_json("[[1],-1]").starts_with("in:1:6: a number stands where a list was expected"));
  CHECK(read_json("[[1],null]").starts_with("in:1:6: a number stands where a list was expected"));
  CHECK(read_json("[1}").starts_with("in:1:3: expected ',' or ']' but found '}'"));
  CHECK(read_json("[1,}").starts_with("in:1:4: expected a number but found '}'"));
  const std::string huge = "1" + std::string(400, '0');
  CHECK(read_json("[" + huge + "]").starts_with("in:1:2: the integer '1000"));
  CHECK(read_json("[1,{}]").starts_with("in:1:4: expected a number or a list but found an object"));
}

TEST_CASE("NaN and infinities are written as asked") {
  WriteOptions options = writing("json");
  const auto written = [&](NanText nan) {
    options.nan = nan;
    return converted("[NaN, Infinity]", reading("json"), options).bytes;
  };
  CHECK(written(NanText::literal) == "[NaN, Infinity]\n");
  CHECK(written(NanText::null) == "[null, null]\n");
  CHECK(written(NanText::string) == "[\"NaN\", \"Infinity\"]\n");
}

TEST_CASE("several columns of a result are an object") {
  Operation echo = relu();
  echo.echo = true;
  CHECK(converted("[[1],[-2]]", reading("json"), writing("json"), echo).bytes ==
        "{\"input\": [[1.0], [-2.0]], \"output\": [[1.0], [0.0]]}\n");
  CHECK(converted("1\n-2\n", reading("csv"), writing("jsonl"), echo).bytes ==
        "{\"input\": [1.0], \"output\": [1.0]}\n{\"input\": [-2.0], \"output\": [0.0]}\n");
}

// ---- against nlohmann_json ---------------------------------------------------------------------

/// Documents that are mostly tensors, and the damage that makes something else of them.
class Documents {
 public:
  explicit Documents(std::uint32_t seed) : words_(seed) {}

  std::string next() {
    std::vector<std::size_t> shape(below(4));
    for (std::size_t& size : shape) size = below(4);
    std::string text = value(shape, 0);
    if (below(2) == 0) return text;
    constexpr std::string_view kDamage = "[],,0123.eE+-\" \n{}:nNtx\\";
    for (std::size_t i = 0; i <= below(3); ++i) {
      const std::size_t at = below(text.size() + 1);
      if (below(2) == 0 || at == text.size()) {
        text.insert(at, 1, kDamage[below(kDamage.size())]);
      } else {
        text.erase(at, 1);
      }
    }
    return text;
  }

  std::size_t below(std::size_t bound) { return words_() % bound; }

 private:
  std::string value(const std::vector<std::size_t>& shape, std::size_t dim) {
    const std::string space[] = {"", "", "", " ", "\n", "\t\r\n "};
    if (dim == shape.size()) return number();
    std::string text = "[" + space[below(6)];
    for (std::size_t i = 0; i < shape[dim]; ++i) {
      if (i != 0) text += space[below(6)] + "," + space[below(6)];
      text += value(shape, dim + 1);
    }
    return text + space[below(6)] + "]";
  }

  std::string number() {
    std::string text = below(2) == 0 ? "-" : "";
    text += std::to_string(below(3) == 0 ? 0 : words_() % 100000);
    if (below(2) == 0) text += "." + std::to_string(words_());
    if (below(3) == 0) {
      text += below(2) == 0 ? "e" : "E";
      text += below(3) == 0 ? "-" : below(2) == 0 ? "+" : "";
      text += std::to_string(below(300));
    }
    return text;
  }

  std::mt19937 words_;
};

/// Shape and values of nlohmann's document; false if it is no tensor.
bool flatten(const nlohmann::json& json, std::size_t dim, Shape& shape,
             std::vector<double>& values) {
  if (json.is_array()) {
    const auto size = static_cast<std::int64_t>(json.size());
    if (values.empty() && dim == shape.size()) shape.push_back(size);
    if (dim >= shape.size() || shape[dim] != size) return false;
    for (const nlohmann::json& element : json) {
      if (!flatten(element, dim + 1, shape, values)) return false;
    }
    return true;
  }
  if (!json.is_number() || dim != shape.size()) return false;
  const double value = json.get<double>();
  values.push_back(value == 0 && json.is_number_integer() ? 0.0 : value);  // -0 is the integer 0
  return true;
}

/// Whether empty lists all stand at one depth, where the innermost are.
bool empties_agree(const nlohmann::json& json, std::size_t dim, std::size_t rank) {
  if (!json.is_array()) return true;
  if (json.empty()) return dim + 1 == rank;
  return std::all_of(json.begin(), json.end(), [&](const nlohmann::json& element) {
    return empties_agree(element, dim + 1, rank);
  });
}

TEST_CASE("what nlohmann_json accepts and is a tensor is read with the same values") {
  Documents documents(1);
  int tensors = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = documents.next();
    CAPTURE(text);
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    Shape shape;
    std::vector<double> values;
    const bool is_tensor = !json.is_discarded() && flatten(json, 0, shape, values) &&
                           empties_agree(json, 0, shape.size());
    ReadOptions options = reading("json", 1 + documents.below(20));
    options.dtype = DType::float64;
    std::vector<Tensor> found;
    try {
      found = load(Source::memory(text, "in"), options);
    } catch (const Error& error) {
      ++refused;
      CAPTURE(error.what());
      if (is_tensor) CHECK_FALSE(is_tensor);
      continue;
    }
    if (!is_tensor) {
      // Not one JSON document: several of them, or what only Python takes for JSON.
      const bool python = text.find("NaN") != std::string::npos ||
                          text.find("Infinity") != std::string::npos || json.is_discarded();
      if (found.size() == 1 && !python) CHECK(is_tensor);
      continue;
    }
    ++tensors;
    REQUIRE(found.size() == 1);
    CHECK(same_bits(found[0], Tensor::of(std::span<const double>(values), shape)));
  }
  CHECK(tensors > 8000);
  CHECK(refused > 3000);
}

// ---- blocks ------------------------------------------------------------------------------------

std::vector<std::string> generated() {
  std::string vector = "[0";
  std::string matrix = "[[0.5, -1]";
  std::string cube = "[[[1, 2], [3, 4], [5, -6]]";
  std::string lines;
  for (int i = 1; i < 60; ++i) {
    vector += ", " + std::to_string(i * 7 % 13 - 6);
    matrix += ",\n [" + std::to_string(i) + ", " + std::to_string(-i) + "e-1]";
    if (i < 12) cube += ",[[" + std::to_string(i) + ",-1],\n[2,3]\n,[-4,5] ] ";
    lines += "[" + std::to_string(i) + ", -" + std::to_string(i) + "]\n";
  }
  const std::string deep = std::string(40, '[') + "1,-2" + std::string(40, ']');
  std::vector<std::string> texts = {
      vector + "]",
      vector + " ] \n\n",
      matrix + "]",
      cube + "]",
      lines,
      vector + "]\n" + matrix + "]\n-3\n" + cube + "]\n",
      "[1\n,\n-2\n]\n\n[3 , -4]\n \n-5\n[\n]",
      "[[\n1\n]\n,\n[\n-2]\n]",
      "1 2 -3   4\n5",
      "[]",
      "[[]]",
      "[[],[],[],[],[],[]]",
      "[[[],[]],[[],[]],[[],[]],[[],[]]]",
      "\xEF\xBB\xBF" + vector + "]",
      deep,
      "[" + deep + "," + deep + "," + deep + "]",
      std::string(128, '[') + "1" + std::string(128, ']'),
      "  [  1  ,  -2  ,  3  ]  ",
      "[1" + std::string(70, ' ') + ",-2" + std::string(70, '\n') + "]",
      "[0." + std::string(400, '1') + ", -2]",
      "-0." + std::string(400, '1'),
      "[NaN, -Infinity, Infinity, null, -0.0, -0]",
  };
  // The same with something wrong at the end or in the middle.
  for (const char* bad : {"",
                          ",",
                          ", x]",
                          ", 1 2]",
                          ", [1]]",
                          ", [1, 2, 3]]",
                          ", [1, 2], 3]",
                          ", [[1, 2]]]",
                          ", []]",
                          ", \"text]\", 1]",
                          ", {\"a\": [1]}]",
                          ", true, 1]",
                          ", tru@e, 1]",
                          ", 1e, 2]",
                          "}",
                          "; 1]",
                          ", 01]",
                          ", nan]",
                          ", -]",
                          ", 1,,2]",
                          ",]",
                          "] x",
                          "]]",
                          "] ]",
                          "][1, 2]",
                          "][1, 2, 3, 4, 5, 6, 7, 8, 9]",
                          "]1",
                          "]\"a b\"",
                          "] \"a b\"",
                          ", \xC3\xA9t\xC3\xA9 x, 1]",
                          ", [NaN, nul], 1]",
                          ", 1//, 2]",
                          "] // done\n"}) {
    texts.push_back(vector + bad);
    texts.push_back(matrix + bad);
    texts.push_back(matrix + "]\n" + vector + bad + "\n" + vector + "]");
    texts.push_back(cube + bad + cube);
    texts.push_back(std::string("[1") + bad);
    texts.push_back(std::string("[[1, 2]") + bad);
  }
  for (const char* text : {"ab@cdef ",
                           "ab@cdef,1",
                           "tru",
                           "true",
                           "\"a b c\"",
                           "\"a",
                           "{\"a\": 1, \"b\": [2]} [1]",
                           "12,13",
                           "1[2]",
                           "[1]2",
                           "[1][2]",
                           "]",
                           "[1]]",
                           "}",
                           ":",
                           "[",
                           "[[",
                           "[[1",
                           "[1,",
                           "- 1",
                           "[[1,2],[3],[4,5]]",
                           "[[[1,2],[3]],[[1,2],[3,4]]]",
                           "[[x,1],[2,3]]",
                           "[[[1],2],[[1],[2]]]",
                           "[[1,[2]],[1,2]]",
                           "[[[],1],[2]]",
                           "[[1],[[2]],[3]]",
                           "[[\"]\",1],[2]]",
                           "[[,1],[2]]",
                           "[1, 2, 3",
                           "[1 2 3]",
                           "[ ]",
                           "[ , ]",
                           "[1, 2] [3, 4",
                           "[1e999, -1e999]"}) {
    texts.emplace_back(text);
  }
  texts.push_back("[" + std::string(400, '1') + ", 2]");
  texts.push_back("[[" + std::string(400, '1') + "], [2]]");
  texts.push_back("[" + std::string(400, '@') + ", 2]");
  texts.push_back("[ \"" + std::string(700, 'x') + "\", 2]");
  texts.push_back("[1" + std::string(300, ' ') + "2]");
  texts.push_back(std::string(129, '[') + "1" + std::string(129, ']'));
  return texts;
}

TEST_CASE("neither blocks nor threads change what JSON becomes") {
  std::vector<std::string> texts = generated();
  for (const std::string& path : conformance_files("json")) texts.push_back(content_of(path));
  int count = 0;
  for (const std::string& text : texts) {
    check_blocks(text, reading(count % 2 == 0 ? "json" : "jsonl"), leaky());
    ++count;
  }
}

TEST_CASE("neither blocks nor threads change what JSON becomes in other dtypes and columns") {
  ReadOptions whole = reading("json");
  whole.dtype = DType::int8;
  Operation both;
  both.modes = Module::parse_list("relu,leaky");
  int count = 0;
  for (const std::string& text : generated()) {
    if (++count % 3 != 0) continue;
    check_blocks(text, whole, relu());
    check_blocks(text, reading(count % 2 == 0 ? "json" : "jsonl"), both);
  }
}

TEST_CASE("neither blocks nor threads change JSON Lines that are the rows of one tensor") {
  ReadOptions rows = reading("jsonl");
  rows.rows_of_one = true;
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "[" + std::to_string(i) + ", -1, 2]\n";
  for (const std::string& text :
       {lines, lines + "\n[1, 2, 3", lines + "[1, 2]\n", lines + "3\n", lines + lines,
        lines + "[1, x, 2]\n" + lines, std::string("[[1, 2], [3, 4]]\n[[5, 6], [7, -8]]\n"),
        std::string("[1]"), std::string("1\n-2\n3\n"), std::string("\n\n[1, -2]\n\n")}) {
    check_blocks(text, rows, leaky());
  }
}

TEST_CASE("the slabs of a JSON document are no larger than its blocks warrant") {
  std::string text = "[[1, -2.5, 3]";
  for (int i = 1; i < 20000; ++i) text += ", [1, -2.5, 3]";
  text += "]";
  for (const std::size_t block_bytes : {std::size_t{100}, std::size_t{5000}}) {
    CAPTURE(block_bytes);
    Source source = Source::memory(text, "in");
    const ReadOptions options = reading("json", block_bytes);
    const auto decoder = find_format("json")->decoder(source, options, {});
    Chunk chunk;
    std::vector<Result> results;
    std::size_t largest = 0;
    std::size_t values = 0;
    while (decoder->cut(chunk)) {
      CHECK(chunk.size <= 2 * block_bytes);
      results.clear();
      decoder->decode(chunk, results);
      for (const Result& result : results) {
        largest = std::max(largest, result.columns[0].tensor.nbytes());
        values += static_cast<std::size_t>(result.columns[0].tensor.numel());
      }
    }
    CHECK(values == 60000);
    CHECK(largest <= 4 * block_bytes);
  }
}

}  // namespace
}  // namespace rectify
