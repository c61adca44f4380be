#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "formats/format.hpp"
#include "streams.hpp"

namespace rectify {
namespace {

std::string read_csv(std::string_view text, ReadOptions options = {}) {
  options.format = "csv";
  return loaded(text, options);
}

TEST_CASE("rows and columns keep the dimensions that numpy.loadtxt gives them") {
  struct Row {
    std::string_view text;
    int ndmin;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"1,2\n3,4\n", 0, "[2, 2] 1.0 2.0 3.0 4.0", "a table"},
      {"1,2\n", 0, "[2] 1.0 2.0", "a single row is 1-D"},
      {"1\n2\n", 0, "[2] 1.0 2.0", "a single column is 1-D"},
      {"1\n", 0, "[] 1.0", "a number alone is 0-D"},
      {"1", 0, "[] 1.0", "with or without a line end"},
      {"1\n", 1, "[1] 1.0", "ndmin 1 makes it 1-D"},
      {"1,2\n", 2, "[1, 2] 1.0 2.0", "ndmin 2 keeps the row"},
      {"1\n2\n", 2, "[2, 1] 1.0 2.0", "ndmin 2 keeps the column"},
      {"1", 2, "[1, 1] 1.0", "ndmin 2 keeps both"},
      {"a\n1\n", 0, "[] 1.0", "a header is no row"},
      {"1,2\n\n \n", 0, "[2] 1.0 2.0", "blank lines are no rows"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    ReadOptions options;
    options.ndmin = row.ndmin;
    CHECK(read_csv(row.text, options) == row.expected);
  }
}

TEST_CASE("what people write as CSV is read as what they mean") {
  struct Row {
    std::string_view text;
    std::string_view expected;
    std::string_view why;
  };
  const Row rows[] = {
      {"1,2\r\n3,4\r\n", "[2, 2] 1.0 2.0 3.0 4.0", "CRLF"},
      {"1,2\r\n3,4", "[2, 2] 1.0 2.0 3.0 4.0", "CRLF and no end"},
      {"\xEF\xBB\xBF"
       "1,2\n",
       "[2] 1.0 2.0", "a byte order mark"},
      {"\n\n 1 ,\t2 \n\r\n3, 4\n\n", "[2, 2] 1.0 2.0 3.0 4.0", "blanks and blank lines"},
      {"\"1\",\"2\"\n\" 3\",\"4 \" \n", "[2, 2] 1.0 2.0 3.0 4.0", "numbers in quotes"},
      {"x,\"a, \"\"b\"\"\nc\"\n1,2\n", "[2] 1.0 2.0", "a header with everything quoting is for"},
      {"x,y\r\n\r\n1,2\r\n3,4\r\n", "[2, 2] 1.0 2.0 3.0 4.0", "a header, CRLF, a blank line"},
      {"a,\n1,2\n", "[2] 1.0 2.0", "an empty name"},
      {"+1,.5,5.,007,1E2\n", "[5] 1.0 0.5 5.0 7.0 100.0", "spellings of numbers"},
      {"nan,-INF,Infinity\n", "[3] nan -inf inf", "no numbers, but values"},
      {"-0\n", "[] -0.0", "the sign of zero is kept"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(read_csv(row.text) == row.expected);
  }
}

TEST_CASE("a comment is one wherever a block ends in it") {
  const std::string_view heads[] = {"",      "\n\n\n\n\n\n\n", "## c\n",        "\n ## c\n\n",
                                    "a,b\n", "a,b\n## c\n\n",  "## c\na,b\n\n", "#\n"};
  const std::string_view bodies[] = {
      "1,-2\n",  "1,-2\n3,-4\n", "1,-2\n## c\n3,-4\n", "1,-2\n\n## c",  "1\n2\n\n##\n3\n",
      "1,-2\n#", "1\n2\n## c",   "1\n\t\n2\n",         "1,-2\n## c\n#", "1,2,3\n\n## x\n\n4,5,6\n"};
  for (const std::string_view head : heads) {
    for (const std::string_view body : bodies) {
      const std::string text = std::string(head) + std::string(body);
      for (const bool fills : {false, true}) {
        ReadOptions options;
        options.comment = "##";
        if (fills) options.missing = "0";
        const std::string expected = read_csv(text, options);
        for (options.block_bytes = 1; options.block_bytes <= text.size(); ++options.block_bytes) {
          CAPTURE(text);
          CAPTURE(options.block_bytes);
          CHECK(read_csv(text, options) == expected);
        }
      }
    }
  }
}

TEST_CASE("options change what a CSV means") {
  ReadOptions semicolons;
  semicolons.delimiter = ';';
  semicolons.decimal = ',';
  CHECK(read_csv("1,5;2\n", semicolons) == "[2] 1.5 2.0");
  ReadOptions blanks;
  blanks.delimiter = ' ';
  CHECK(read_csv("\" 1 \" 2\n", blanks) == "[2] 1.0 2.0");  // in quotes it is a blank
  ReadOptions missing;
  missing.missing = "-1";
  CHECK(read_csv("1,,3\n,\"\",\n", missing) == "[2, 3] 1.0 -1.0 3.0 -1.0 -1.0 -1.0");
  ReadOptions yes;
  yes.header = Header::yes;
  CHECK(read_csv("1,2\n3,4\n", yes) == "[2] 3.0 4.0");
  ReadOptions no;
  no.header = Header::no;
  CHECK(read_csv("a\n1\n", no).starts_with("in:1:1: 'a' is not a number"));
  ReadOptions whole;
  whole.dtype = DType::int64;
  CHECK(read_csv("9223372036854775807,-2.5\n", whole) == "[2] 9223372036854775807 -2");
  CHECK(loaded("1\t2\n", reading("tsv")) == "[2] 1.0 2.0");
}

TEST_CASE("an error says what is wrong and where") {
  struct Row {
    std::string_view text;
    std::string_view begins;
    std::string_view why;
  };
  const Row rows[] = {
      {"", "in:1:1: no tensor in it: expected rows", "nothing"},
      {"\n \n", "in:3:1: no tensor in it: expected rows", "nothing but blank lines"},
      {"a,b\n", "in:2:1: no tensor in it: only a header", "a header alone"},
      {"1,2\n3\n", "in:2:2: the row has 1 field, expected 2 as in the first row", "short"},
      {"a,b\n1,2\n3,4,5\n", "in:3:5: the row has 3 fields, expected 2 as in the header", "long"},
      {"1,2\n3,x\n", "in:2:3: 'x' is not a number", "a word"},
      {"1,2\n\n\n3, x\n", "in:4:4: 'x' is not a number", "blank lines count"},
      {"1,2\n,4\n", "in:2:1: field 1 of 2 is missing", "missing at the front"},
      {"1,2\n3,\n", "in:2:3: field 2 of 2 is missing", "missing at the end"},
      {"\xEF\xBB\xBF"
       "1\nx\n",
       "in:2:1: 'x' is not a number", "a byte order mark is in line 1"},
      {"1\n\"2\n", "in:2:1: this quote is not closed on its line", "an open quote"},
      {"1\n\"2\"3\n", "in:2:4: text after a closing quote", "a quote too early"},
      {"a,\"b\n1,2\n", "in:1:3: this quote is never closed", "an open quote in the header"},
      {"1\n0x10\n", "in:2:1: '0x10' is not a number", "no hexadecimal"},
      {"1\n1_000\n", "in:2:1: '1_000' is not a number", "no underscores"},
      {"1\n\x1b[2J\n", "in:2:1: '\\x1b[2J' is not a number", "control characters stay inside"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string found = read_csv(row.text);
    CHECK_MESSAGE(found.starts_with(row.begins), found);
  }
}

TEST_CASE("a header is kept, and quoted where it has to be") {
  CHECK(converted("a,b\n1,-2\n", "csv", "csv") == "a,b\n1.0,0.0\n");
  CHECK(converted("\"a \"\"b\"\"\",\"x\ny\"\n1,2\n", "csv", "csv") ==
        "\"a \"\"b\"\"\",\"x\ny\"\n1.0,2.0\n");
  CHECK(converted("a\tb,c\n1\t2\n", "tsv", "csv") == "a,\"b,c\"\n1.0,2.0\n");
  WriteOptions without = writing("csv");
  without.header = Header::no;
  CHECK(converted("a,b\n1,-2\n", reading("csv"), without).bytes == "1.0,0.0\n");
  WriteOptions with = writing("csv");
  with.header = Header::yes;
  CHECK(converted("1,-2\n", reading("csv"), with).bytes == "0,1\n1.0,0.0\n");
}

TEST_CASE("rows stay rows and columns stay columns on the way through") {
  CHECK(converted("1,2\n", "csv", "csv") == "1.0,2.0\n");
  CHECK(converted("1\n2\n", "csv", "csv") == "1.0\n2.0\n");
  CHECK(converted("1,2\n", "csv", "jsonl") == "[1.0, 2.0]\n");
  CHECK(converted("1\n2\n", "csv", "jsonl") == "[1.0]\n[2.0]\n");
  CHECK(converted("[[1,2],[3,4]]", "json", "csv") == "1.0,2.0\n3.0,4.0\n");
  CHECK(converted("[1,2]", "json", "csv") == "1.0\n2.0\n");
  CHECK(converted("[1,2]\n[3,4]\n", "jsonl", "csv") == "1.0,2.0\n3.0,4.0\n");
  CHECK(converted("[[[1]]]", "json", "csv") ==
        "in: a tensor of 3 dimensions has no CSV (at most 2 dimensions do; .format = json or npy "
        "holds any)");
  CHECK(converted("[1,2]\n[3]\n", "jsonl", "csv").find("after one of 2") != std::string::npos);
  // Of several errors the first, however many tensors are converted at once.
  CHECK(converted("[1,2]\n[3]\n[[[4]]]\n", "jsonl", "csv").find("after one of 2") !=
        std::string::npos);
}

TEST_CASE("several columns of a result stand side by side under their names") {
  Operation echo = relu();
  echo.echo = true;
  CHECK(converted("1\n-2\n", reading("csv"), writing("csv"), echo).bytes ==
        "input,output\n1.0,1.0\n-2.0,0.0\n");
  CHECK(converted("a,b\n1,-2\n", reading("csv"), writing("csv"), echo).bytes ==
        "input.a,input.b,output.a,output.b\n1.0,-2.0,1.0,0.0\n");
}

TEST_CASE("no row is lost, and none made up, by a guess at what the first one is") {
  const std::string data = "data";
  const std::string header = "header";
  struct Row {
    std::string_view first;
    std::string expected;  // "data", "header", or where and how the error begins
    std::string_view why;
    char delimiter = ',';
    char decimal = '.';
  };
  const std::string either = "the first row may be data or a header: ";
  const auto begins_like = [&](const std::string& place, const std::string& text) {
    return place + ": " + either + "'" + text + "' begins like a number, but is not one";
  };
  const auto missing = [&](const std::string& place, const std::string& text) {
    return place + ": " + either + "'" + text + "' may stand for a missing value";
  };
  const std::string pandas = "1:1: " + either + "an empty field before 0, 1, 2 ...";
  const Row rows[] = {
      // numbers
      {"1,2", data, "numbers"},
      {" 1 ,\t-2.5e3", data, "blanks around them"},
      {"\"1\",\"-2\"", data, "numbers in quotes count by what is in them"},
      {"nan,nan", data, "nan is a number"},
      {"-Inf,NaN", data, "so is inf, in any case"},
      {"1,", data, "a missing field among numbers"},
      {",5", data, "the same in front"},
      {",", data, "missing fields alone"},
      {"\"\",\" \"", data, "the same in quotes"},
      {"0,1", data, "names that are numbers cannot be told without an empty field before them"},
      {",1,2", data, "no numbers from 0 on"},
      {",0,2", data, "a number is left out"},
      {",0,1,", data, "an empty field behind them"},
      {",0.0,1.0", data, "as pandas never numbers columns"},
      {"1,5;2,5", data, "decimal commas", ';', ','},
      // names
      {"a,b", header, "names"},
      {"a", header, "one name"},
      {"a,", header, "an empty name"},
      {",x", header, "pandas' index"},
      {"\"\",\"V1\"", header, "R's row names"},
      {"t (s),v [m/s]", header, "units"},
      {"x,1.0.0", header, "a name that begins like a number beside one that does not"},
      {"x,-", header, "a name that is a missing value beside one that is none"},
      {"relu.0,relu.1", header, "what rectify writes"},
      {"# x,y", header, "numpy.savetxt"},
      {"Temp [\xb0 C]", header, "Latin-1"},
      {"\u00e9t\u00e9,x", header, "UTF-8"},
      {"(a)", header, "a name in brackets"},
      {"'a','b'", header, "names in other quotes"},
      {"nano", header, "it only begins with the letters of nan"},
      {"infra", header, "and of inf"},
      {"\"say \"\"1\"\"\"", header, "quotes in a name"},
      {"a;b", header, "names with another delimiter between them"},
      {"x;1.5", header, "no number with a decimal comma", ';', ','},
      // mixtures
      {"NA,-2", "1:1: the first row mixes numbers ('-2') and words ('NA')", "a missing value"},
      {"3,2,setosa", "1:5: the first row mixes numbers ('3') and words ('setosa')", "a label"},
      {"idx,0,1", "1:1: the first row mixes numbers ('0') and words ('idx')", "a named index"},
      {"1,\"x\"", "1:3: the first row mixes numbers ('1') and words ('x')", "a name in quotes"},
      {"1,12%", "1:3: the first row mixes numbers ('1') and other text ('12%')", "a percentage"},
      {"nan,NA", "1:5: the first row mixes numbers ('nan') and words ('NA')", "two missing values"},
      {",,x,1", "1:3: the first row mixes numbers ('1') and words ('x')", "behind empty fields"},
      // damaged numbers
      {"1 000,2 000", begins_like("1:1", "1 000"), "thousands"},
      {"\"1,234.5\"", begins_like("1:1", "1,234.5"), "thousands with commas"},
      {"12%", begins_like("1:1", "12%"), "a percentage"},
      {" 2020-01-02 ", begins_like("1:2", "2020-01-02"), "a date"},
      {"10:00:01", begins_like("1:1", "10:00:01"), "a time"},
      {"\u22121", begins_like("1:1", "\u22121"), "a minus of Unicode"},
      {"\u20131", begins_like("1:1", "\u20131"), "a dash for a minus"},
      {"\u00a01", begins_like("1:1", "\\xc2\\xa01"), "a no-break space"},
      {"\xa0 1", begins_like("1:1", "\\xa0 1"), "the same in Latin-1"},
      {"\u202f1", begins_like("1:1", "\\xe2\\x80\\xaf1"), "a narrow no-break space"},
      {"\u20091", begins_like("1:1", "\\xe2\\x80\\x891"), "a thin space"},
      {"1\u00a0", begins_like("1:1", "1\\xc2\\xa0"), "a no-break space behind it"},
      {"$5", begins_like("1:1", "$5"), "dollars"},
      {"\u20ac5", begins_like("1:1", "\u20ac5"), "euros"},
      {"\u00a35", begins_like("1:1", "\u00a35"), "pounds"},
      {"\uff15", begins_like("1:1", "\uff15"), "a digit of full width"},
      {"\u0665", begins_like("1:1", "\u0665"), "an Arabic digit"},
      {"(1.50)", begins_like("1:1", "(1.50)"), "an accountant's minus"},
      {"'1','2'", begins_like("1:1", "'1'"), "numbers in other quotes"},
      {"0x10", begins_like("1:1", "0x10"), "hexadecimal"},
      {"1_000", begins_like("1:1", "1_000"), "underscores"},
      {"1.#QNAN", begins_like("1:1", "1.#QNAN"), "what old printf makes of nan"},
      {"1.0.0,1.0.1", begins_like("1:1", "1.0.0"), "versions"},
      {"1.5;2.5", begins_like("1:1", "1.5"), "a decimal point", ';', ','},
      {"1;2", begins_like("1:1", "1;2"), "another delimiter"},
      {"\"1\n\"", begins_like("1:1", "1\\n"), "a line break in quotes"},
      {"1\r2", begins_like("1:1", "1\\r2"), "a line break that was spoilt"},
      {"\r5", begins_like("1:1", "\\r5"), "another"},
      {"1\r\r", begins_like("1:1", "1\\r"), "one carriage return too many"},
      {"\"1\r\"", begins_like("1:1", "1\\r"), "the same in quotes"},
      // words for missing values
      {"NA", missing("1:1", "NA"), "R"},
      {"n/a,", missing("1:1", "n/a"), "in any case"},
      {"\"NULL\"", missing("1:1", "NULL"), "SQL"},
      {"\\N", missing("1:1", "\\N"), "MySQL"},
      {"None,None", missing("1:1", "None"), "Python"},
      {"-,--", missing("1:1", "-"), "dashes"},
      {"?", missing("1:1", "?"), "Weka"},
      {".", missing("1:1", "."), "SAS"},
      {"#DIV/0!", missing("1:1", "#DIV/0!"), "Excel"},
      {"nan(ind)", missing("1:1", "nan(ind)"), "new printf"},
      {"(null)", missing("1:1", "(null)"), "C"},
      {"\u00a0", missing("1:1", "\\xc2\\xa0"), "nothing that can be seen"},
      {"\r\r", missing("1:1", "\\r"), "nothing but a line break too many"},
      {"NA,12%", missing("1:1", "NA"), "nothing that is a name"},
      // pandas
      {",0,1", pandas, "pandas' default header"},
      {",0", pandas, "of one column"},
      {"\"\",\"0\",\"1\"", pandas, "in quotes"},
      {",,0,1", pandas, "of an index of two levels"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CAPTURE(std::string(row.first));
    ReadOptions options = reading("csv");
    options.delimiter = row.delimiter;
    options.decimal = row.decimal;
    options.missing = "7";
    const auto fields =
        static_cast<std::size_t>(1 + std::count(row.first.begin(), row.first.end(), row.delimiter));
    std::string line = "5";
    if (row.first != "\"1,234.5\"") {
      for (std::size_t i = 1; i < fields; ++i) line += row.delimiter + std::string("5");
    }
    const std::string text = std::string(row.first) + "\n" + line + "\n" + line + "\n";
    for (const std::size_t block_bytes : {std::size_t{1}, std::size_t{3}, std::size_t{1} << 20}) {
      options.block_bytes = block_bytes;
      const std::string found = loaded(text, options);
      if (row.expected != data && row.expected != header) {
        CHECK_MESSAGE(found.starts_with("in:" + row.expected), found);
        CHECK_MESSAGE(found.ends_with(".header = yes takes it as names, .header = no as data)"),
                      found);
        continue;
      }
      const std::string rows_read = row.expected == data ? "[3" : "[2";
      CHECK_MESSAGE(found.starts_with(rows_read + (line.size() == 1 ? "]" : ",")), found);
    }
    // What is said to be a header is one, whatever it looks like.
    options.header = Header::yes;
    const std::string found = loaded(text, options);
    CHECK_MESSAGE(found.starts_with(line.size() == 1 ? "[2]" : "[2,"), found);
  }
}

TEST_CASE("a missing field of the first row may be a name, and is not to be filled by a hint") {
  const std::string ask = "(.header = yes takes the first row as names, .header = no as data)";
  const std::string fill = "(to fill missing fields: .missing = nan, or a number)";
  CHECK(read_csv(",5,7\n0,1,2\n") == "in:1:1: field 1 of 3 is missing " + ask);
  CHECK(read_csv("\n\n1,\n3,4\n") == "in:3:3: field 2 of 2 is missing " + ask);
  CHECK(read_csv("1,2\n3,\n") == "in:2:3: field 2 of 2 is missing " + fill);
  CHECK(read_csv("a,b\n1,\n") == "in:2:3: field 2 of 2 is missing " + fill);
  ReadOptions no;
  no.header = Header::no;
  CHECK(read_csv("1,\n3,4\n", no) == "in:1:3: field 2 of 2 is missing " + fill);
}

TEST_CASE("a blank line of a single column is a missing field") {
  struct Row {
    std::string_view text;
    std::string_view place;     // of the error without .missing, or nothing
    std::string_view expected;  // with .missing = 7
    std::string_view why;
  };
  const Row rows[] = {
      {"b\n2\n\n6\n", "in:3:1", "[3] 2.0 7.0 6.0", "between rows"},
      {"2\n\n6\n", "in:2:1", "[3] 2.0 7.0 6.0", "without a header"},
      {"2\n \t\n\n6\n", "in:2:1", "[4] 2.0 7.0 7.0 6.0", "blanks in it"},
      {"2\r\n\r\n6\r\n", "in:2:1", "[3] 2.0 7.0 6.0", "CRLF"},
      {"2\n\n\n6", "in:2:1", "[4] 2.0 7.0 7.0 6.0", "no end"},
      {"2\n\n\"\"\n", "in:2:1", "[3] 2.0 7.0 7.0", "quotes are a row, too"},
      {"b\n\n6\n", "in:2:1", "[2] 7.0 6.0", "behind a header"},
      {"b\n\n6", "in:2:1", "[2] 7.0 6.0", "the same, and no end"},
      {"\n\nb\n\n6\n7\n", "in:4:1", "[3] 7.0 6.0 7.0", "in front of a header it is none"},
      {"\n \n2\n6\n", "", "[2] 2.0 6.0", "in front of the first row"},
      {"2\n6\n\n \n\r\n", "", "[2] 2.0 6.0", "behind the last row"},
      {"2\n6\n\n  ", "", "[2] 2.0 6.0", "the same, and no end"},
      {"2\n6\n\n\r", "", "[2] 2.0 6.0", "half a line break"},
      {"2\n\n\n", "", "[] 2.0", "behind the only row"},
      {"b\n2\n\n\n", "", "[] 2.0", "behind the only row of a header"},
      {"1,2\n\n3,4\n", "", "[2, 2] 1.0 2.0 3.0 4.0", "in several columns it is nothing"},
      {"a,b\n\n1,2\n", "", "[2] 1.0 2.0", "nor behind their header"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const std::size_t block_bytes : kBlocks) {
      CAPTURE(block_bytes);
      ReadOptions options = reading("csv", block_bytes);
      const std::string found = loaded(row.text, options);
      if (row.place.empty()) {
        CHECK(found == row.expected);
      } else {
        CHECK(found ==
              std::string(row.place) +
                  ": field 1 of 1 is missing (to fill missing fields: .missing = nan, or a "
                  "number)");
      }
      options.missing = "7";
      CHECK(loaded(row.text, options) == row.expected);
    }
  }
  ReadOptions tabs = reading("tsv");
  tabs.missing = "7";
  CHECK(loaded("2\n \n6\n", tabs) == "[3] 2.0 7.0 6.0");
}

/// What relu makes of the parts of a text, one after the other, or the first error.
std::string joined_parts(std::string_view text, ReadOptions read, std::uint64_t count) {
  std::string bytes;
  for (std::uint64_t k = 1; k <= count; ++k) {
    read.part = Part{k, count};
    WriteOptions write = writing("csv");
    if (k != 1) write.header = Header::no;
    const Outcome outcome = converted(text, read, write, relu(), k % 2 == 0 ? 2 : 1);
    if (!outcome.error.empty()) return outcome.error;
    bytes += outcome.bytes;
  }
  return bytes;
}

TEST_CASE("blank lines of a single column are rows in whichever part they stand") {
  std::string many = "x\n";
  for (std::size_t i = 0; i < 40; ++i)
    many += std::to_string(i) + "\n" + std::string(i * 7 % 23, '\n');
  const std::string texts[] = {
      many + "1\n",
      many + "1\n" + std::string(100, '\n'),
      "\n\n5\n" + std::string(300, '\n') + "6\n",
      "x\n" + std::string(300, '\n') + "6",
      "1\r\n\r\n \r\n\r\n\t\r\n2\r\n\r\n",
  };
  for (const std::string& text : texts) {
    for (const bool fills : {false, true}) {
      ReadOptions read = reading("csv");
      if (fills) read.missing = "7";
      const Outcome whole = converted(text, read, writing("csv"));
      CHECK(whole.error.empty() == fills);
      for (const std::uint64_t count : {1u, 2u, 3u, 5u, 17u, 200u}) {
        for (const std::size_t block_bytes : {std::size_t{1}, std::size_t{4}, std::size_t{64}}) {
          read.block_bytes = block_bytes;
          const std::string parts = joined_parts(text, read, count);
          if (parts == (fills ? whole.bytes : whole.error)) continue;  // a check for what fails
          CAPTURE(count);
          CAPTURE(block_bytes);
          CHECK(parts == (fills ? whole.bytes : whole.error));
        }
      }
    }
  }
}

TEST_CASE("a row of another length says how many fields it has, and why that may be") {
  struct Row {
    std::string_view text;
    char delimiter;
    std::string_view expected;
  };
  const std::string three = "the row has 3 fields, expected 2 as in the first row";
  const Row rows[] = {
      {"1,2\n3,4,5\n", ',', ""},
      {"1,2\n3,4,5", ',', ""},
      {"1,2\n3,4,\n", ',', "(the row ends with a delimiter)"},
      {"1,2\n3,4,\r\n", ',', "(the row ends with a delimiter)"},
      {"1,2\n3,4,", ',', "(the row ends with a delimiter)"},
      {"1;2\n3;4;5\n", ';', ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    ReadOptions options;
    options.delimiter = row.delimiter;
    const std::string found = read_csv(row.text, options);
    CHECK_MESSAGE(found.starts_with("in:2:5: " + three), found);
    CHECK_MESSAGE(found.ends_with(row.expected.empty() ? three : row.expected), found);
  }
  ReadOptions missing;
  missing.missing = "0";
  CHECK(read_csv("1,2\n3\n", missing).ends_with("(.missing fills empty fields, not absent ones)"));
}

TEST_CASE("a number has to fit the dtype, and so has the one for missing fields") {
  ReadOptions narrow;
  narrow.dtype = DType::int8;
  CHECK(read_csv("300\n", narrow) == "in:1:1: '300' does not fit int8 (choose a wider .dtype)");
  CHECK(read_csv("1,\"-129 \"\n", narrow) ==
        "in:1:3: '-129 ' does not fit int8 (choose a wider .dtype)");
  CHECK(read_csv("x\n1\n", narrow) == "[] 1");  // a header
  narrow.header = Header::no;
  CHECK(read_csv("300x\n1\n", narrow).starts_with("in:1:1: '300x' is not a number"));
  for (const char* bad : {"", "x", "1 ", "1,2", "128"}) {
    CAPTURE(bad);
    narrow.missing = bad;
    CHECK(read_csv("1\n", narrow) ==
          ".missing = '" + std::string(bad) + "' is not a number of int8");
  }
}

TEST_CASE("quotes and carriage returns where lines end") {
  ReadOptions with;
  with.header = Header::yes;
  CHECK(read_csv("\"a\"\r\n1\r\n", with) == "[] 1.0");
  CHECK(read_csv("\"a\"\r", with).starts_with("in:1:5: no tensor in it: only a header"));
  CHECK(read_csv("\"a\"\rb\n1\n", with).starts_with("in:1:4: text after a closing quote"));
  CHECK(read_csv("\"a\"b,c\n1,2\n", with).starts_with("in:1:4: text after a closing quote"));
  CHECK(read_csv("\"a\n", with).starts_with("in:1:1: this quote is never closed"));
  CHECK(read_csv("a\rb\n1\n", with) == "[] 1.0");  // a character like any other
  CHECK(read_csv("1\r2\n3\n", with) == "[] 3.0");
  // Rows would be lost in a name: `a\r1\r2\n3\n` is most likely a column of three.
  CHECK(read_csv("a\rb\n1\n").find("the first row has a carriage return") != std::string::npos);
  CHECK(read_csv("a\r1\r2\r\n3\n").find("in:1:1: the first row has") == 0);
  CHECK(read_csv("1,2\r\r\n2,3\n").starts_with("in:1:3: the first row mixes numbers ('1')"));
  CHECK(read_csv("1\n2\r3\n").starts_with("in:2:1: '2\\r3' is not a number"));
  CHECK(read_csv("1\n\"2\"\"3\"\n").starts_with("in:2:1: '2\"\"3' is not a number"));
  CHECK(read_csv("1\n\"2\"\r\n\"3\"") == "[3] 1.0 2.0 3.0");
}

TEST_CASE("one carriage return belongs to a line break, a second one to the field before it") {
  ReadOptions missing = reading("csv");
  missing.missing = "7";
  for (const ReadOptions& options : {reading("csv"), missing}) {
    CHECK(read_csv("1\n\r\r\n2\n", options)
              .starts_with("in:2:1: '\\r' is not a number (a carriage return too many"));
    CHECK(read_csv("1,2\n3,\r\r\n", options).starts_with("in:2:3: '\\r' is not a number"));
    CHECK(read_csv("1,2\n3,4\r\r\n5,6\n", options).starts_with("in:2:3: '4\\r' is not a number"));
    CHECK(read_csv("1\n2\n\r\r", options).starts_with("in:3:1: '\\r' is not a number"));
    CHECK(read_csv("1\n\"2\"\r\r\n", options).starts_with("in:2:4: text after a closing quote"));
    CHECK(
        read_csv("1\n\"\r\n", options).starts_with("in:2:1: this quote is not closed on its line"));
    CHECK(read_csv("1,2\n3,\"4\"\r", options) == "[2, 2] 1.0 2.0 3.0 4.0");
  }
  CHECK(read_csv("1,2\n,\r\n\r\n,\r", missing) == "[3, 2] 1.0 2.0 7.0 7.0 7.0 7.0");
}

TEST_CASE("a header that no reader could tell from data is quoted") {
  WriteOptions semicolons = writing("csv");
  CHECK(converted("\" a\",\"b \",\"\tc\",\"d,\",\"e\r\"\n1,2,3,4,5\n", reading("csv"), semicolons)
            .bytes == "\" a\",\"b \",\"\tc\",\"d,\",\"e\r\"\n1.0,2.0,3.0,4.0,5.0\n");
  // A file that begins so would be refused as what it is not.
  CHECK(converted("\"\x80\x04 3\",b\n1,2\n", reading("csv"), semicolons).bytes ==
        "\"\x80\x04 3\",b\n1.0,2.0\n");
  CHECK(converted("\"%PDF\"\n1\n", reading("csv"), semicolons).bytes == "\"%PDF\"\n1.0\n");
  CHECK(converted("b,%PDF\n1,2\n", reading("csv"), semicolons).bytes == "b,%PDF\n1.0,2.0\n");
  ReadOptions tabs = reading("tsv");
  WriteOptions table;
  table.format = "tsv";
  CHECK(converted("\"\"\t<html>\n1\t2\n", tabs, table).bytes == "\"\"\t<html>\n1.0\t2.0\n");
  // At the start of a file it would be skipped.
  CHECK(converted("\"\xEF\xBB\xBF"
                  "42\",b\n1,2\n",
                  reading("csv"), semicolons)
            .bytes ==
        "\"\xEF\xBB\xBF"
        "42\",b\n1.0,2.0\n");
  ReadOptions with = reading("csv");
  with.header = Header::yes;
  CHECK(converted("\"\"\n1\n", with, semicolons).bytes == "\"\"\n1.0\n");  // no blank line
  CHECK(converted("\"\",a\n1,2\n", with, semicolons).bytes == "\"\",a\n1.0,2.0\n");
  CHECK(converted(",a\n1,2\n", with, semicolons).bytes == ",a\n1.0,2.0\n");
}

TEST_CASE("inputs of several headers do not go under one") {
  const auto joined = [](const WriteOptions& write, std::string_view first,
                         std::string_view second) {
    std::string bytes;
    try {
      Output output = Output::memory(bytes);
      Writer writer(output, write);
      for (const std::string_view text : {first, second}) {
        Source source = Source::memory(text, "in");
        run(source, reading("csv"), relu(), writer);
      }
      writer.finish();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return bytes;
  };
  CHECK(joined(writing("csv"), "a,b\n1,2\n", "a,c\n3,4\n") ==
        "in: a header other than the first input's (.header = no leaves headers out)");
  CHECK(joined(writing("csv"), "1,2\n", "a,c\n3,4\n") ==
        "in: a header other than the first input's (.header = no leaves headers out)");
  WriteOptions without = writing("csv");
  without.header = Header::no;
  CHECK(joined(without, "a,b\n1,2\n", "a,c\n3,4\n") == "1.0,2.0\n3.0,4.0\n");
}

/// Tables whose trouble stands at different places, late ones among them.
std::vector<std::string> generated() {
  const auto table = [](int rows, int columns, const std::string& end) {
    std::string text;
    for (int row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) {
        text += (column == 0 ? "" : ",") + std::to_string(row * 37 % 11 - 5) + "." +
                std::to_string(column);
      }
      text += end;
    }
    return text;
  };
  const std::string name(300, 'n');
  return {
      table(1, 1, ""),
      table(1, 5, "\n"),
      table(40, 1, "\n"),
      table(40, 3, "\n"),
      table(40, 3, "\r\n"),
      table(40, 3, "\n\n \r\n\n"),
      table(40, 1, "\n\n \r\n\n"),
      "x\n\n" + table(20, 1, "\n") + std::string(200, '\n') + table(20, 1, "\r\n\t\r\n"),
      "\n\n" + table(20, 1, "\n") + std::string(200, '\n') + "x",
      "\n\r\n \t\n\xEF\xBB\xBF" + table(3, 2, "\n"),
      "\xEF\xBB\xBF\n\r\n \t\n" + table(3, 2, "\n"),
      "\xEF\xBB\xBF\"first \"\"line\nsecond\r\nthird\"  ,b,\n" + table(20, 3, "\r\n"),
      name + "," + name + "," + name + "\r\n\r\n" + table(20, 3, "\n"),
      name + "\n",
      name,
      table(5, 3, "\n") + "\"1\",\" 2 \",\"\"\"3\"\n",
      table(5, 3, "\n") + "\"1\",\" 2 \" , \"3\"\n\"4\",5,\"6\"",
      table(30, 3, "\n") + "1,2\n" + table(30, 3, "\n"),
      table(30, 3, "\n") + "1,2,3,4\n" + table(30, 3, "\n") + "x\n",
      table(30, 3, "\n") + "1,2,\n",
      table(30, 3, "\n") + "1,,3\n",
      table(30, 3, "\n") + "1,word,3\n1,2\n",
      table(30, 3, "\n") + "1,\"2,3\n" + table(3, 3, "\n"),
      table(30, 3, "\r\n") + "1,2,3\r4,5,6\r\n",
      table(30, 3, "\n") + "1,2,3\r",
      table(30, 3, "\n") + "1,2,3\n\r",
      table(30, 3, "\n") + " ",
      "\"" + name + "\n1,2\n3,4\n",
      "\"a\" b,c\n1,2\n",
      "1,2\n\xFF\xFE,3\n",
      table(30, 3, "\r\n") + "1,2,3\r\r\n4,5,6\n",
      table(30, 3, "\n") + "1,2,\r\r\n4,5,6\n",
      std::string("1,2\n3,\0004\n5,6\n", 13),
      std::string("a,\0b\n3,4\n", 9),
  };
}

TEST_CASE("a NUL in a header is no name") {
  CHECK(read_csv(std::string("a,\0b\n3,4\n", 9)) ==
        "in:1:3: '\\x00' is not a number (this is not text)");
}

TEST_CASE("neither blocks nor threads change what a CSV becomes") {
  std::vector<std::string> texts = generated();
  for (const std::string& path : conformance_files("csv")) texts.push_back(content_of(path));
  // Carriage returns at the ends of blocks, which may belong to line breaks.
  for (const char* text : {"1,2\r\x15\r\r\r\r\r\r\r\r\r3\n", "1,2\r\r\r\r\r\r\r\r,3\n4,5,6\n",
                           "a,\"b\"  \r\n1,2\r\n", "\"a\"\rb\n1\n", "1\r\r\r\r\r\r\r\r\r2"}) {
    texts.emplace_back(text);
  }
  ReadOptions filled = reading("csv");
  filled.missing = "nan";
  ReadOptions tall = reading("csv");
  tall.ndmin = 2;
  tall.header = Header::no;
  tall.dtype = DType::float64;
  Operation both;
  both.modes = Module::parse_list("relu,leaky");
  both.echo = true;
  for (const std::string& text : texts) {
    check_blocks(text, reading("csv"), leaky());
    if (text.size() > 3000) continue;
    check_blocks(text, filled, both);
    check_blocks(text, tall, relu());
  }
}

// ---- lines that are read where they are decoded ------------------------------------------------

/// Lines of numbers, with `odd` in place of each that has its number, counted from 1.
std::string lines_with(std::size_t count, const std::map<std::size_t, std::string>& odd,
                       std::string_view usual) {
  std::string text;
  for (std::size_t i = 1; i <= count; ++i)
    text += (odd.contains(i) ? odd.at(i) : std::string(usual)) + "\n";
  return text;
}

TEST_CASE("lines are counted alike, however much is read at a time and wherever") {
  Folder folder;
  const auto check = [&](const std::string& text, const ReadOptions& read,
                         const std::string& what) {
    CAPTURE(what);
    put_content(folder / "in", text);
    for (const std::size_t block_bytes : {10u, 57u, 100u, 1000u, 5000u, 1u << 20}) {
      for (const unsigned threads : {1u, 3u}) {
        for (const bool is_file : {false, true}) {
          CAPTURE(block_bytes);
          CAPTURE(threads);
          CAPTURE(is_file);
          ReadOptions options = read;
          options.block_bytes = block_bytes;
          Source source = is_file ? Source::file(folder / "in") : Source::memory(text, "in");
          const std::string name = source.name();
          std::string bytes, told;
          Output output = Output::memory(bytes);
          Writer writer(output, writing("npy"));
          RunOptions run_options;
          run_options.threads = threads;
          run_options.note = [&](const Error& note) { told = note.what(); };
          try {
            run(source, options, relu(), writer, run_options);
          } catch (const Error& error) {
            told = error.what();
          }
          CHECK(told.starts_with(name + what));
        }
      }
    }
  };
  const auto of_part = [](std::uint64_t index) {
    ReadOptions options = reading("csv");
    options.part = Part{index, 3};
    return options;
  };
  const std::string inexact = ": 2 integers are not exact in float32, the first at ";
  check(lines_with(3000, {{1999, "1,x"}, {2500, "y,2"}}, "1,2"), reading("csv"), ":1999:3: 'x'");
  check(lines_with(3000, {{700, ""}, {900, "1,2,3"}}, "1,2"), reading("csv"), ":900:5: ");
  check(lines_with(3000, {{1, "a"}, {1999, "x"}}, "1"), reading("csv"), ":1999:1: 'x'");
  check(lines_with(3000, {{500, "16777217,1"}, {2900, "16777217,1"}}, "1,2"), reading("csv"),
        inexact + "500:1");
  check(lines_with(3000, {{2000, "1,16777217"}, {2001, "16777217,1"}}, "1,2"), of_part(2),
        inexact + "2000:3");
  check(lines_with(3000, {{2800, "1,x"}}, "1,2"), of_part(3), ":2800:3: 'x'");
  // Blank lines of a single column, in front of a row and behind the last.
  std::map<std::size_t, std::string> blank;
  for (std::size_t i = 1500; i < 1600; ++i) blank[i] = "";
  check(lines_with(3000, blank, "1"), reading("csv"), ":1500:1: ");
  blank.clear();
  for (std::size_t i = 2000; i <= 3000; ++i) blank[i] = "";
  blank[1900] = "x";
  check(lines_with(3000, blank, "1"), reading("csv"), ":1900:1: 'x'");
  // A line longer than any block but the last.
  check(lines_with(300, {{150, std::string(4500, '1') + ",2"}, {280, "1,x"}}, "1,2"),
        reading("csv"), ":280:3: 'x'");
}

TEST_CASE("a file that is changed where its lines are still to be read is an error") {
  Folder folder;
  put_content(folder / "in", lines_with(1000, {}, "1,2"));
  Source source = Source::file(folder / "in");
  const ReadOptions options = reading("csv", 100);
  const auto decoder = make_decoder(source, options, {});
  Chunk chunk;
  std::vector<Result> results;
  for (int i = 0; i < 3; ++i) REQUIRE(decoder->cut(chunk));
  CHECK(chunk.left_unread);
  std::fstream(folder / "in", std::ios::in | std::ios::out) << std::string(4000, '1');
  CHECK_THROWS_WITH_AS(
      decoder->decode(chunk, results),
      ((folder / "in") + ": cannot read: the file was changed while it was read").c_str(), Error);
}

// ---- text that is changed where it stands ------------------------------------------------------

/// A table of numbers as they come, of so many columns.
std::string table_of(std::mt19937& random, std::size_t fields, std::size_t rows, char delimiter) {
  std::string text;
  for (std::size_t i = 0; i < rows * fields; ++i) {
    std::array<char, 64> number;
    const double x = static_cast<double>(random()) / 2e9 - 1;
    const char* const formats[] = {"%.6g", "%.4f", "%.9g", "%.3e", "%.1f", "%.0f"};
    const std::size_t kind = random() % 8;
    std::snprintf(number.data(), number.size(), formats[kind % 6 * (random() % 2)],
                  kind == 7 ? x * 1e-4 : x * static_cast<double>(1 + random() % 1000));
    text += number.data();
    text += (i + 1) % fields == 0 ? '\n' : delimiter;
  }
  return text;
}

TEST_CASE("a table whose text is changed where it stands is what its values give") {
  // In place, what is done is done to the values.
  Operation elu;
  elu.modes = Module::parse_list("elu");
  std::mt19937 random(4);
  const auto check = [&](std::string_view text, const ReadOptions& read,
                         const WriteOptions& write) {
    for (Operation operation : {relu(), leaky(), leaky(-2), elu}) {
      const Outcome outcome = converted(text, read, write, operation, 2);
      operation.inplace = true;
      const Outcome expected = converted(text, read, write, operation);
      CHECK(outcome.error == expected.error);
      if (outcome.bytes == expected.bytes) continue;
      if (!outcome.error.empty() && expected.bytes.starts_with(outcome.bytes)) continue;
      CAPTURE(std::string(text.substr(0, 3000)));
      CHECK(outcome.bytes == expected.bytes);
    }
  };
  const std::string_view odd[] = {"-",
                                  "",
                                  " 1",
                                  "1 ",
                                  "\"-1\"",
                                  "nan",
                                  "-inf",
                                  "1e400",
                                  "1,2",
                                  "\n",
                                  "x",
                                  "\r\n",
                                  "-0",
                                  "+1",
                                  ".5",
                                  "16777217",
                                  "-123456789012345678901234567890",
                                  "#"};
  for (int round = 0; round < 300; ++round) {
    const std::size_t fields = random() % 3 == 0 ? 1 : 1 + random() % 30;
    const char delimiter = ",;\t"[random() % 3];
    std::string text = table_of(random, fields, 1 + random() % 60, delimiter);
    if (random() % 3 == 0) {
      const std::size_t field = text.find_first_of(",;\t\n", random() % text.size());
      text.insert(field == std::string::npos ? 0 : field, odd[random() % std::size(odd)]);
    }
    if (random() % 4 == 0) text.pop_back();
    if (random() % 4 == 0) text += "\n\n";
    if (random() % 4 == 0) text.insert(0, "\n");
    ReadOptions read = reading(random() % 4 == 0 ? "tsv" : "csv", 50 + random() % 5000);
    read.delimiter = delimiter;
    const DType dtypes[] = {DType::float32, DType::float32, DType::float64, DType::bfloat16};
    read.dtype = dtypes[random() % 4];
    read.header = random() % 3 == 0 ? Header::yes : Header::no;
    if (random() % 4 == 0) read.missing = "-7";
    if (random() % 8 == 0) read.comment = "#";
    WriteOptions write = writing(random() % 4 == 0 ? "tsv" : "csv");
    if (random() % 8 == 0) write.delimiter = ';';
    if (random() % 8 == 0) write.decimal = ',';
    if (random() % 8 == 0) write.float_format = "%.3f";
    check(text, read, write);
  }
}

TEST_CASE("integers that are not exact are told of where the text of a table is changed") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += i == 700 ? "-16777217,2.5\n" : "-1.5,2.5\n";
  for (const std::size_t block_bytes : {std::size_t{500}, std::size_t{1} << 20}) {
    std::string told, bytes;
    Source source = Source::memory(text, "in");
    Output output = Output::memory(bytes);
    Writer writer(output, writing("csv"));
    RunOptions options;
    options.note = [&](const Error& note) { told += note.what(); };
    run(source, reading("csv", block_bytes), leaky(), writer, options);
    CHECK(told.starts_with("in: 1 integer is not exact in float32, at 701:1"));
  }
}

TEST_CASE("rows are changed as text where they are plain, until some are not") {
  struct Halved final : Rewriting {
    bool takes(DType dtype, const TableStyle& style) const override {
      return dtype == DType::float32 && style.delimiter == ',';
    }
    bool negatives_become_alike() const override { return false; }
    void change(Elements values) const override { apply(leaky().modes[0], values); }
  };
  const Halved halved;
  const auto texts = [&](std::string_view text, const ReadOptions& read) {
    std::string all;
    Source source = Source::memory(text, "in");
    const auto decoder = find_format("csv")->decoder(source, read, {.rewriting = &halved});
    Chunk chunk;
    std::vector<Result> results;
    while (decoder->cut(chunk)) {
      results.clear();
      decoder->decode(chunk, results);
      all += results[0].text.value_or("values;");
    }
    return all;
  };
  const bool searches = instructions() != "baseline";
  CHECK(texts("1.5,-2\n-3.25,4\n", reading("csv")) ==
        (searches ? "1.5,-1.0\n-1.625,4.0\n" : "values;"));
  CHECK(texts("a,b\n1.5,-2", reading("csv")) == (searches ? "1.5,-1.0\n" : "values;"));
  CHECK(texts("1.5,-2\n\n3,4\n", reading("csv")) == "values;");
  CHECK(texts("1.5;-2\n3;4\n", [] {
          ReadOptions read = reading("csv");
          read.delimiter = ';';
          return read;
        }()) == "values;");
  // Once it was in vain it is not tried again.
  CHECK(texts("1.5,-2\n3.5 ,4\n1.5,-2\n", reading("csv", 8)).ends_with("values;values;"));
}

TEST_CASE("the slabs of a CSV are no larger than its blocks warrant") {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "1,-2.5,3\n";
  for (const std::size_t block_bytes : {std::size_t{100}, std::size_t{5000}}) {
    CAPTURE(block_bytes);
    Source source = Source::memory(text, "in");
    const ReadOptions options = reading("csv", block_bytes);
    const auto decoder = find_format("csv")->decoder(source, options, {});
    Chunk chunk;
    std::vector<Result> results;
    std::size_t largest = 0;
    std::size_t values = 0;
    while (decoder->cut(chunk)) {
      CHECK(chunk.size <= 2 * block_bytes);
      results.clear();
      decoder->decode(chunk, results);
      REQUIRE(results.size() == 1);
      largest = std::max(largest, results[0].columns[0].tensor.nbytes());
      values += static_cast<std::size_t>(results[0].columns[0].tensor.numel());
    }
    CHECK(values == 60000);
    CHECK(largest <= 4 * block_bytes);
  }
}

}  // namespace
}  // namespace rectify
