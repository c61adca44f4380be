#include <doctest/doctest.h>

#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "streams.hpp"

namespace rectify {
namespace {

using Given = std::function<void(ReadOptions&)>;

const Given kNone = [](ReadOptions&) {};
Given delimiter(char c) {
  return [=](ReadOptions& o) { o.delimiter = c; };
}
Given eu() {
  return [](ReadOptions& o) {
    o.delimiter = ';';
    o.decimal = ',';
  };
}
const Given kTabs = [](ReadOptions& o) { o.format = "tsv"; };
const Given kHeader = [](ReadOptions& o) { o.header = Header::yes; };
const Given kNoHeader = [](ReadOptions& o) { o.header = Header::no; };
const Given kMissing = [](ReadOptions& o) { o.missing = "nan"; };
const Given kWords = [](ReadOptions& o) { o.missing_words = {"NA"}; };
const Given kKept = [](ReadOptions& o) { o.keep = {"1"}; };
const Given kComment = [](ReadOptions& o) { o.comment = "#"; };
const Given kFirstKept = [](ReadOptions& o) { o.keep = {"t"}; };
const Given kNotAvailable = [](ReadOptions& o) { o.missing_words = {"#N/A"}; };
const Given kUnits = [](ReadOptions& o) { o.skip_after_header = 1; };

const std::string kAsk = ".header = yes takes it as names, .header = no as data";
const std::string kForm =
    "expected digits with an optional sign, point and exponent, or nan or inf";

struct Row {
  std::string text;
  Given given;
  std::string place;  // of the error
  std::string hint;   // all of it; "" for none
  std::string why;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      // delimiters
      {"1;2\n3;4\n", kNone, "1:1", "fields separated by semicolons: .delimiter = ';'; " + kAsk,
       "semicolons"},
      {"a;b\n1;2\n", kNone, "2:1", "fields separated by semicolons: .delimiter = ';'",
       "under a header"},
      {"a\tb\n1\t2\n", [](ReadOptions& o) { o.format = "csv"; }, "2:1",
       "fields separated by tabs: .delimiter = tab", "tabs in what is said to be CSV"},
      {"a|b\n1|2\n", kNone, "2:1", "fields separated by bars: .delimiter = '|'", "bars"},
      {"a,b\n1,2\n", kTabs, "2:1", "fields separated by commas: .delimiter = ','",
       "commas in what is said to be TSV"},
      {"1 2\n3 4\n", kNone, "1:1", "fields separated by blanks: .delimiter = blanks; " + kAsk,
       "blanks"},
      {"1  2\n3  4\n", kNone, "1:1", "fields separated by blanks: .delimiter = blanks; " + kAsk,
       "runs of them"},
      {"  1.5   -2\n300   4\n", kNone, "1:3",
       "fields separated by blanks: .delimiter = blanks; " + kAsk, "aligned"},
      {"1,5;2,5\n3;4\n", kNone, "1:3",
       "fields separated by semicolons: .delimiter = ';' .decimal = ','; " + kAsk,
       "decimal commas, too"},
      {"a;b\n1,5;2\n", kNone, "2:3",
       "fields separated by semicolons: .delimiter = ';' .decimal = ','",
       "the same under a header"},
      {"a;b\n1,5;2\n", delimiter(';'), "2:1", "a decimal comma: .decimal = ','",
       "where the delimiter is known"},
      {"a;b\n1.5;2\n", eu(), "2:1", "a comma is the decimal point here",
       "a point, where commas were said"},
      {"1;x\n2;3\n", kNone, "1:1", kAsk, "numbers neither way"},
      {"note\nuse a|b here\n1\n", kNone, "2:1",
       "a line of words behind the header: .skip_after_header = 1", "a bar in prose"},
      {"note\nuse a|b here\n", kNone, "2:1", kForm, "words, and nothing behind them"},
      {"a=1\nb=2\n", kNone, "2:1", kForm, "settings"},
      {"mpg cyl\nMazda 21 6\nDatsun 22.8 4\n", kNone, "2:1",
       "fields separated by blanks: .delimiter = blanks .header = yes .keep = 1", "rows of R"},
      {"#,score\n1,0.5\n#N/A,3\n4,5\n", kNone, "3:1",
       "a word for a missing value: .missing_words = #N/A", "a mark of another kind"},
      {"x|y\n1,234|2\n2,345|3\n", kNone, "2:3",
       "fields separated by bars and a decimal comma, unless it separates thousands: "
       ".delimiter = '|' .decimal = ','",
       "thousands, maybe, between bars"},
      {"C;2019;2020\nF;1;2\nI;3;4\n", kNone, "2:1",
       "fields separated by semicolons: .delimiter = ';' .header = yes .keep = 1, or .header = no "
       "if "
       "the first line is data",
       "years beside a name"},
      {"Plate A, run 3\ns0\t4610,9\ns1\t2,87\n", kNone, "2:1", kForm, "tabs in a text to keep"},
      {"x\n5\n1;2\n", kNone, "3:1", kForm, "a row of more fields than the header has names"},
      {"1;2\n", delimiter(','), "1:1", kAsk, "a delimiter was given"},
      {"v,w\n\"p, q\",1\n", kNone, "2:1", ".keep = v leaves the column as it is",
       "a comma between words"},
      {"v,w\n\"p, q\",1\n", kKept, "", "", "that is kept"},
      {"1,2\n1,2,3\n", kNone, "2:5", "", "no decimal comma makes three fields two numbers"},
      // comments
      {"x,y\n# made by hand\n1,2\n", kNone, "2:1", "a comment: .comment = '#'", "a comment"},
      {"x,y\n1,2\n% end\n", kNone, "3:1", "a comment: .comment = '%'", "MATLAB's"},
      {"x,y\n#1,2\n3,m\n", kComment, "3:3", ".keep = y leaves the column as it is",
       "numbers in a comment"},
      {"x,y\n1,2\n// end\n", kNone, "3:1", "a comment: .comment = //", "another"},
      {"x,y\n1,2\n# end\n", kComment, "", "", "one that is skipped"},
      {"x,y\n1,2\n% end\n", kComment, "3:1", kForm, "another than was given"},
      // missing values
      {"x\nNA\n", kNone, "2:1", "a word for a missing value: .missing_words = NA", "R"},
      {"x\nNA\n", kMissing, "2:1", "a word for a missing value: .missing_words = NA",
       "what it is worth was said"},
      {"x\nnull\n", kWords, "2:1", kForm, "another word than was given"},
      {"x,y\nNA,-\n", kNone, "2:1", "a word for a missing value: .missing_words = NA,-",
       "two words"},
      {"x,y,z\n1,n/a,#N/A\n", kNone, "2:3", "a word for a missing value: .missing_words = n/a,#N/A",
       "spreadsheets"},
      {"NA\n1\n", kNone, "1:1", "a word for a missing value: .missing_words = NA; " + kAsk,
       "in the first row"},
      {"NA,2\n1,3\n", kNone, "1:1", "a word for a missing value: .missing_words = NA; " + kAsk,
       "beside a number"},
      {"x,y\nAlgeria,1\n", kNone, "2:1", ".keep = x leaves the column as it is",
       "an ordinary word"},
      {"x,y\n1,\n", kNone, "2:3", "to fill missing fields: .missing = nan, or a number",
       "an empty field"},
      {"x,y\n1,\n", [](ReadOptions& o) { o.dtype = DType::int32; }, "2:3",
       "to fill missing fields: .missing = 0", "of integers"},
      {"x\n1\n\n2\n", kNone, "3:1", "to fill missing fields: .missing = nan, or a number",
       "a blank line of a column"},
      {"1,2\n3\n", kMissing, "2:2", ".missing fills empty fields, not absent ones",
       "an absent field"},
      {"1,2\n3\n", kNone, "2:2", "", "the same"},
      // lines of words
      {"x,y\ns,m\n1,2\n", kNone, "2:1", "a line of words behind the header: .skip_after_header = 1",
       "units"},
      {"x,y\n,[C]\n1,2\n", kNone, "2:1",
       "a line of words behind the header: .skip_after_header = 1", "units, one of them empty"},
      {"x,y\nu,v\ns,m\n1,2\n", kUnits, "3:1", kForm, "a third line"},
      {"x,y\n1,2\ns,m\n", kNone, "3:1", kForm, "words further down"},
      // ends of rows
      {"a,b\n1,2,\n3,4,\n", kNone, "2:5", "the row ends with a delimiter",
       "rows alone end with a delimiter"},
      {"1,2\n3,4,\n", kNone, "2:5", "the row ends with a delimiter", "one row does"},
      {"x y\nr1 1 2\nr2 3 4\n", delimiter(' '), "2:1",
       "row names that the header has no name for: .header = yes .keep = 1", "R's row names"},
      {"idx,0,1\n0,1.5,-2\n", kNone, "1:1", kAsk, "a named index, under which names are numbers"},
      {"x,y\n1,2,3\n", kNone, "2:5", "", "a field too many is not a row name"},
      // text
      {"t,x\n2020-01-02,1\n", kNone, "2:1", ".keep = t leaves the column as it is", "dates"},
      {"t,n,x\n10:00,a b,1\n", kNone, "2:1", ".keep = t,n leaves these columns as they are",
       "times and labels"},
      {"my t,x\n10:00,1\n", kNone, "2:1", ".keep = 1 leaves the column as it is",
       "a name with a blank in it"},
      {"1,a\n2,b\n", kNoHeader, "1:3", ".keep = 2 leaves the column as it is", "without names"},
      {"3,2,setosa\n5,3,x\n", kNone, "1:5", kAsk, "a label in the first row"},
      {"x\nabc\n", kUnits, "3:1", "", "nothing but words"},
      {"1\na b\n", kNone, "2:1", kForm, "words in the only column"},
      {"1\n1..2\n", kNone, "2:1", kForm, "a slip of the finger"},
      {"1\n0x10\n", kNone, "2:1", kForm, "hexadecimal"},
      // thousands
      {"x,y\n\"1,234.5\",-2\n", kNone, "2:1",
       "thousands separators are not read: sed -E ':a; s/(\"[-+]?[0-9]+),([0-9]{3}[\",.])/\\1\\2/; "
       "ta' takes "
       "them out",
       "commas between quotes"},
      {"a;b\n1.234,5;-1\n", eu(), "2:1",
       "thousands separators are not read: tr -d . takes them out", "points"},
      {"a;b\n1,234,567;-1\n", delimiter(';'), "2:1",
       "thousands separators are not read: tr -d , takes them out", "commas"},
      {"1 000\n2 000\n", kNone, "1:1",
       "thousands separators are not read: tr -d ' ' takes them out; " + kAsk, "blanks"},
      {"x\n1'000\n", kNone, "2:1", "thousands separators are not read: tr -d \"'\" takes them out",
       "Switzerland"},
      {"x\n1_000\n", kNone, "2:1", "thousands separators are not read: tr -d _ takes them out",
       "programmers"},
      {"x\n1\u202F000\n", kNone, "2:1",
       "thousands separators are not read: sed 's/\\xe2\\x80\\xaf//g' takes them out", "France"},
      // what is not seen
      {"a,b\n\u202F2,2\n", kNone, "2:1",
       "it has U+202F (a narrow no-break space) in it, which no number has",
       "a blank that is none"},
      {"a,b\n\u00A02,2\n", kNone, "2:1",
       "it has U+00A0 (a no-break space) in it, which no number has", "another"},
      {"a,b\n\u22122,2\n", kNone, "2:1",
       "it has U+2212 (a minus sign that is not a hyphen) in it, which no number has", "a minus"},
      {"x,y\r1.5,-2\r3,-4\r", kNone, "1:1",
       "a carriage return inside the line: tr '\\r' '\\n' makes it a line break; " + kAsk,
       "an old Mac"},
      {"1\r1\r 1\r", kHeader, "1:8",
       "a carriage return inside the line: tr '\\r' '\\n' makes it a line break",
       "the same, and a header was said"},
      {"1\r\r\n2\r\n", kNone, "1:1",
       "a carriage return too many in the line break: tr -d '\\r'; " + kAsk,
       "one carriage return too many"},
      {"1\n2\r,3\n", kNone, "2:1", kForm, "one in front of a delimiter"},
      {std::string("\x03\xaa\x01,\x9c|\x02\n\xee\x11|\x04\n"), kNone, "2:2",
       "this is binary, not text", "numbers as they stand in memory"},
      {std::string("1,x\0\n3,4\n", 8), kNone, "1:4", "this is not text", "a NUL"},
      {std::string("1,2\n3\0,\0"
                   "4\0\n",
                   11),
       kNone, "2:2", "from here on this is UTF-16: every second byte is zero",
       "UTF-16 in the middle"},
      {"x\n1\n\x1A", kNone, "3:1", "the end-of-file mark of DOS: tr -d '\\032' takes it out",
       "DOS"},
      {"1\r3\r", kNoHeader, "1:1",
       "a carriage return inside the line: tr '\\r' '\\n' makes it a line break",
       "two rows that must not become one"},
      {"a\r\n1\r2\r\n", kNone, "2:1",
       "a carriage return inside the line: tr -s '\\r' '\\n' makes it a line break",
       "the same among others, of which none may become a blank line"},
      // all that a row needs at once
      {"time;temp\n10:00;-3,5\n", kNone, "2:1",
       "fields separated by semicolons: .delimiter = ';' .decimal = ',' .keep = 1",
       "times and decimal commas"},
      {"time|temp\n10:00|-3,5\n", kNone, "2:1",
       "fields separated by bars: .delimiter = '|' .decimal = ',' .keep = 1", "between bars"},
      {"time temp\n10:00 -3,5\n", kNone, "2:1",
       "fields separated by blanks: .delimiter = blanks .decimal = ',' .keep = 1",
       "between blanks"},
      {"time\ttemp\n10:00\t-3,5\n", [](ReadOptions& o) { o.format = "csv"; }, "2:1",
       "fields separated by tabs: .delimiter = tab .decimal = ',' .keep = 1", "between tabs"},
      {"x;3,5\ny;4,5\n", kNone, "1:1",
       "fields separated by semicolons: .delimiter = ';' .decimal = ',' .keep = 1; " + kAsk,
       "without names"},
      {"x;3,5\ny;4,5\n", kNoHeader, "1:1",
       "fields separated by semicolons: .delimiter = ';' .decimal = ',' .keep = 1",
       "without names, as was said"},
      {"6;A1;-32,884\n39;\u00e9;35,74\n", kNone, "1:1",
       "fields separated by semicolons: .delimiter = ';' .decimal = ',' .keep = 2; " + kAsk,
       "text in the middle"},
      {"-90,5;6,7;\n-28,0;3,3;\n", kNone, "1:5",
       "fields separated by semicolons: .delimiter = ';' .decimal = ','; " + kAsk,
       "a delimiter at the ends"},
      {"x;y\n1;NA\n2;-3\n", kNone, "2:1",
       "fields separated by semicolons: .delimiter = ';' .missing_words = NA", "a missing word"},
      {"x;y\n1;\n2;-3\n", kNone, "2:1",
       "fields separated by semicolons: .delimiter = ';' .missing = nan", "a missing field"},
      {"x;y;time\n-3,5;1;10:00\n", kNone, "2:4",
       "fields separated by semicolons: .delimiter = ';' .decimal = ',' .keep = 3",
       "no column of numbers is kept"},
      {"t,a,b\n10:00,NA,1\n10:01,-3,2\n", kNone, "2:1",
       "a column of text and a word for a missing value: .keep = t .missing_words = NA",
       "text and a missing word"},
      {"q,d\n1,NA\n2,-\n", kWords, "3:3", kForm, "a second missing word"},
      {"a,a,b\nx,1,2\n", kNone, "2:1", ".keep = 1 leaves the column as it is",
       "names that are one"},
      {"t,v\nx,-\ny,-3\n", kFirstKept, "2:3", "a word for a missing value: .missing_words = '-'",
       "no line of words"},
      {"t,v\nx,\ny,-3\n", kFirstKept, "2:3", "to fill missing fields: .missing = nan, or a number",
       "no line of words either"},
      {"a,t\n1,x\n#N/A,y\n", kFirstKept, "3:1", "a word for a missing value: .missing_words = #N/A",
       "no comment"},
      {"id,t,v\n#1,q,-5\nx2,r,6\n", kNone, "2:1", ".keep = id,t leaves these columns as they are",
       "labels that are no comments"},
      {"a,b\n#N/A,2\n# note\n", kNotAvailable, "3:1", kForm, "a mark that rows begin with, too"},
      {"u v\n1 200\n3 450\n", kNone, "2:1", "fields separated by blanks: .delimiter = blanks",
       "as many names as groups of digits"},
      {"1 200\n3 400\n", kNone, "1:1", "fields separated by blanks: .delimiter = blanks; " + kAsk,
       "groups of which none begins with a zero"},
      {"# x y\n1 200\n3 400\n", kNone, "2:1",
       "a comment and fields separated by blanks: .comment = '#' .delimiter = blanks",
       "names behind a mark"},
      {"1 000,5\n2 000,5\n", kNone, "1:1", "thousands separators are not read; " + kAsk,
       "thousands with decimal commas"},
      {"a,b\n0.5,1.000.000\n", kNone, "2:5", "thousands separators are not read",
       "points that mean something else in another field"},
      {"col_a,b\n1_000,2\n", kNone, "2:1", "thousands separators are not read", "or in a name"},
      {"a,b,c\n\nu,v,w\n1,2,3\n", kNone, "3:1",
       "a line of words behind the header: .skip_after_header = 2", "a blank line counts"},
      {"Logger report\nStation: 5\nz,t\n-28.7,11.2\n", kNone, "2:1",
       "lines in front of the header: .skip = 2", "a report's head"},
      {"title\n\na,b\n1,2\n", kNone, "2:1", "lines in front of the header: .skip = 2",
       "a title and a blank line"},
      {"\"a\" \"b\"\n\"r1\" 1 2\n", kNone, "1:5",
       "fields separated by blanks: .delimiter = blanks .header = yes .keep = 1",
       "quotes and other delimiters"},
      {"\"a\";\"b\"\n\"1,5\";\"2,5\"\n", kNone, "1:4",
       "fields separated by semicolons: .delimiter = ';' .decimal = ','", "all of it in quotes"},
      {"| a | b |\n|---|---|\n| 1 | 2 |\n", delimiter('|'), "2:1",
       "a line of words behind the header: .skip_after_header = 1", "a table of Markdown"},
      {"1,2\n3,nan\n", [](ReadOptions& o) { o.dtype = DType::int32; }, "2:3",
       "choose a floating dtype", "no wider integer has nan"},
      {"1,99999999999999999999\n", [](ReadOptions& o) { o.dtype = DType::int64; }, "1:3",
       ".dtype = float64 rounds it", "no integer is wider"},
      // nothing but a header
      {"a;b\n", kNone, "2:1", "", "no delimiter makes rows of it"},
      {"name\n", kNone, "2:1", "", "a name is not a number either"},
      {"1\n", kHeader, "2:1", ".header = no reads the first row as numbers",
       "a number that was said to be a name"},
      {"1\n",
       [](ReadOptions& o) {
         o.header = Header::yes;
         o.skip_after_header = 1;
       },
       "2:1", "", "the same, with more options"},
  };
  return table;
}

ReadOptions options_of(const Row& row) {
  ReadOptions options;
  row.given(options);
  return options;
}

/// "2:3" of "in:2:3: ...".
std::string place_of(const std::string& error) {
  const std::size_t end = error.find(": ");
  return error.starts_with("in:") ? error.substr(3, end - 3) : "";
}

std::pair<int, int> as_numbers(const std::string& place) {
  if (place.empty()) return {1 << 30, 0};
  return {std::stoi(place), std::stoi(place.substr(place.find(':') + 1))};
}

TEST_CASE("a row that cannot be read is met with what reads it, or with nothing") {
  REQUIRE(rows().size() >= 60);
  for (const Row& row : rows()) {
    CAPTURE(row.why);
    ReadOptions options = options_of(row);
    for (const std::size_t block_bytes : {std::size_t{1} << 20, std::size_t{1}, std::size_t{5}}) {
      options.block_bytes = block_bytes;
      const std::string found = loaded(row.text, options);
      CAPTURE(found);
      CHECK(place_of(found) == row.place);
      if (row.place.empty()) continue;
      const bool has_hint = found.ends_with(")");
      if (row.hint.empty()) {
        CHECK(found.find(" (") == std::string::npos);
      } else {
        CHECK(has_hint);
        CHECK(found.ends_with(" (" + row.hint + ")"));
      }
    }
  }
}

/// The options with what a hint says: `.name = value` each.
bool follow(const std::string& hint, ReadOptions& options) {
  static const std::regex kOption("\\.(\\w+) = ('[^']*'|[^ ;)]+)");
  bool any = false;
  const std::string told = hint.substr(0, hint.find("; " + kAsk));
  const bool asks = told.starts_with(kAsk);
  for (std::sregex_iterator at(told.begin(), told.end(), kOption), end; at != end; ++at) {
    const std::string name = (*at)[1];
    std::string value = (*at)[2];
    if (value.starts_with('\'')) value = value.substr(1, value.size() - 2);
    if (value.ends_with(',') && name != "decimal" && name != "delimiter") value.pop_back();
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= value.size();) {
      const std::size_t comma = std::min(value.find(',', begin), value.size());
      words.push_back(value.substr(begin, comma - begin));
      begin = comma + 1;
    }
    any = true;
    if (name == "delimiter") {
      CHECK(options.delimiter == '\0');  // what is given already is not to be given
      options.delimiter = value == "tab"      ? '\t'
                          : value == "blanks" ? ReadOptions::kBlanks
                                              : value.at(0);
    } else if (name == "decimal") {
      CHECK(options.decimal == '.');
      options.decimal = value.at(0);
    } else if (name == "format") {
      options.format = value;
    } else if (name == "header") {
      options.header = value == "yes" ? Header::yes : Header::no;
    } else if (name == "missing") {
      CHECK(!options.missing);
      options.missing = value;
    } else if (name == "missing_words") {
      CHECK(options.missing_words.empty());
      options.missing_words = words;
    } else if (name == "keep") {
      CHECK(options.keep.empty());
      options.keep = words;
    } else if (name == "comment") {
      CHECK(options.comment.empty());
      options.comment = value;
    } else if (name == "skip_after_header") {
      CHECK(options.skip_after_header == 0);
      options.skip_after_header = std::stoul(value);
    } else if (name == "skip") {
      CHECK(options.skip == 0);
      options.skip = std::stoul(value);
    } else if (name == "dtype") {
      options.dtype = DType::float64;
    } else {
      FAIL("a hint names " << name);
    }
    if (asks) break;
  }
  return any;
}

TEST_CASE("whoever follows a hint gets past that error") {
  for (const Row& row : rows()) {
    CAPTURE(row.why);
    ReadOptions options = options_of(row);
    const std::string found = loaded(row.text, options);
    const std::size_t begin = found.rfind(" (");
    if (begin == std::string::npos || found.find("not absent ones") != std::string::npos) continue;
    const std::string hint = found.substr(begin + 2);
    CAPTURE(hint);
    if (!follow(hint, options)) continue;
    const std::string after = loaded(row.text, options);
    CAPTURE(after);
    CHECK(as_numbers(place_of(after)) > as_numbers(place_of(found)));
  }
}

}  // namespace
}  // namespace rectify
