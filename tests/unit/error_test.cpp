#include "rectify/error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace rectify;

TEST_CASE("an error is one line with its place and a hint") {
  const Error error(ErrorKind::data, "'x' is not a number", "use a float", {"a.csv", 3, 7});
  CHECK(std::string(error.what()) == "a.csv:3:7: 'x' is not a number (use a float)");
  CHECK(std::string(Error(ErrorKind::io, "no").at({"f"}).what()) == "f: no");
  CHECK(std::string(error.at({"other", 1, 1}).what()).starts_with("a.csv:3:7: "));
}

TEST_CASE("an option is called as in C++, or as a program calls it") {
  const Error error(ErrorKind::data, option("missing", in_quotes("x")) + " is not a number",
                    option("dtype") + " or " + option("delimiter", ";") + ", " +
                        option("write.format", "json") + "; " + option("Tally::partial"),
                    {"a", 1, 2});
  CHECK(error.message() == ".missing = 'x' is not a number");
  CHECK(error.hint() == ".dtype or .delimiter = ';', .format = json; Tally::partial");
  CHECK(error.what() == "a:1:2: " + error.message() + " (" + error.hint() + ")");

  const auto words = [](std::string_view field, std::string_view value) {
    return "<" + std::string(field) + "|" + std::string(value) + ">";
  };
  const std::string_view line =
      "a:1:2: <missing|'x'> is not a number "
      "(<dtype|> or <delimiter|;>, <write.format|json>; <Tally::partial|>)";
  CHECK(error.line(words) == line);
  CHECK(error.at({"b", 3}).line(words) == line);
  CHECK(error.as(ErrorKind::usage).line(words) == line);
  CHECK(error.as(ErrorKind::usage).kind() == ErrorKind::usage);
  CHECK(error.moved_to({"b"}).line(words) == "b: " + std::string(line.substr(7)));
}

TEST_CASE("half of a mark in a message stays, and names nothing") {
  const std::string mark = option("missing", "nan");
  for (std::size_t size = 0; size < mark.size(); ++size) {
    const std::string part = "x" + mark.substr(0, size);
    CHECK(Error(ErrorKind::data, part).message() == part);
  }
}

TEST_CASE("text from an input cannot break the line, move the cursor or be no UTF-8") {
  struct Row {
    std::string_view text;
    std::string_view shown;
    std::string_view why;
  };
  const Row rows[] = {
      {"plain, {} %s", "plain, {} %s", "no format string"},
      {"\x1b[31m", "\\x1b[31m", "escape"},
      {"a\nb\rc\td", "a\\nb\\rc\\td", "breaks"},
      {"\x7f", "\\x7f", "DEL"},
      {"\xc2\x9b", "\\xc2\\x9b", "C1"},
      {"\x9b", "\\x9b", "a bare byte of C1"},
      {"\xe2\x80\xae", "\\xe2\\x80\\xae", "right-to-left override"},
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8", "line separator"},
      {"\xc3\xa9", "\xc3\xa9", "a letter stays"},
      {"\xc3", "\\xc3", "cut UTF-8"},
      {"\xc0\xaf", "\\xc0\\xaf", "overlong"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80", "surrogate"},
      {std::string_view("\0x", 2), "\\x00x", "NUL"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(escaped(row.text) == row.shown);
  }
  CHECK(in_quotes(std::string(1000, 'a')).size() < 80);
}
