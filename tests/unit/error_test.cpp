#include "rectify/error.hpp"

#include <doctest/doctest.h>

using namespace rectify;

TEST_CASE("an error is one line with its place and a hint") {
  const Error error(ErrorKind::data, "'x' is not a number", "use --missing", {"a.csv", 3, 7});
  CHECK(std::string(error.what()) == "a.csv:3:7: 'x' is not a number (use --missing)");
  CHECK(std::string(Error(ErrorKind::io, "no").at({"f"}).what()) == "f: no");
  CHECK(std::string(error.at({"other", 1, 1}).what()).starts_with("a.csv:3:7: "));
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
