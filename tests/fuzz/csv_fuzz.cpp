// CSV and TSV: in any blocks as in one, in parts as undivided, with no row lost, and written out
// the same again.
//
// Settings: format, header, delimiter, decimal, missing, ndmin, dtype, format written, block,
// source, options of tables that are nearly plain.
#include <algorithm>
#include <string>

#include "fuzz.hpp"

namespace rectify::fuzz {
namespace {

/// What can be read as data is never given with a header, and what cannot as one with a row more.
/// Returns whether the text has a header.
bool check_header(std::string_view text, ReadOptions read, const Loaded& whole) {
  const bool automatic = read.header == Header::automatic;
  if (!automatic) return read.header == Header::yes;
  read.header = Header::no;
  Loaded same_one = loaded(text, read, {});
  const bool has_header = same_one.error.has_value();
  if (has_header) {
    read.header = Header::yes;
    same_one = loaded(text, read, {});
  }
  need(!same_one.error && same(same_one.tensors.at(0), whole.tensors.at(0)),
       "a row lost or made up");
  return has_header;
}

/// Every line of a single column between its first row and its last is a row.
void check_rows_of_column(std::string_view text, ReadOptions read, char delimiter,
                          bool has_header) {
  if (text.find('"') != std::string_view::npos) return;  // a name may have lines of its own
  read.ndmin = 2;
  const Loaded table = loaded(text, read, {});
  need(!table.error, "two dimensions are refused");
  const Shape& shape = table.tensors.at(0).shape();
  if (shape[1] != 1) return;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::int64_t rows = 0;
  std::int64_t last = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool is_blank = std::all_of(line.begin(), line.end(), [&](char c) {
      return (c == ' ' || c == '\t') && c != delimiter;
    });
    if (rows != 0 || !is_blank) ++rows;
    if (!is_blank) last = rows;
  }
  need(shape[0] == last - (has_header ? 1 : 0), "not every line is a row");
}

/// Options of tables as people have them, some that go together. Returns whether there are any.
bool take_options_of_tables(Settings& settings, ReadOptions& read) {
  const std::size_t choice = settings.below(10);
  switch (choice) {
    case 1:
      read.skip = 1 + settings.below(3);
      break;
    case 2:
      read.skip_after_header = 1 + settings.below(2);
      break;
    case 3:
      read.comment = settings.one_of({"#", "//", "-"});
      break;
    case 4:
      read.missing_words = {"NA", "-9", "x"};
      break;
    case 5:
      read.keep = {settings.one_of({"1", "2", "2-3", "a"})};
      break;
    case 6:
      read.columns = {settings.one_of({"1", "2-", "b", "*"}), settings.one_of({"1", "2", "3"})};
      break;
    case 7:
      read.delimiter = ReadOptions::kBlanks;
      read.keep = {"1"};
      break;
    case 8:
      read.keep = {"1"};
      read.columns = {"3", "2"};
      read.comment = "#";
      break;
    case 9:
      read.skip = 1;
      read.keep = {"2"};
      read.missing_words = {"NA"};
      break;
    default:
      break;
  }
  return choice != 0;
}

void run(std::string_view text) {
  Settings settings(text);
  ReadOptions read;
  read.format = settings.one_of({"csv", "tsv"});
  read.header = settings.one_of({Header::automatic, Header::yes, Header::no});
  read.delimiter = settings.one_of({'\0', ';', ' ', '|', '.', '\t'});
  read.decimal = settings.one_of({'.', ','});
  if (const char* missing = settings.one_of({"", "nan", "7"}); *missing != '\0')
    read.missing = missing;
  read.ndmin = static_cast<int>(settings.below(3));
  read.dtype = settings.one_of(kDTypes);
  WriteOptions write;
  write.format = settings.one_of({"csv", "json", "jsonl", "torch", "npy", "tsv"});
  const Way other = other_way(settings);
  const bool has_more = take_options_of_tables(settings, read);
  const char delimiter = read.delimiter != '\0' ? read.delimiter
                         : read.format == "csv" ? ','
                                                : '\t';
  if (delimiter == read.decimal) return;  // the option line has none such

  const Loaded whole = check_ways(text, read, write, other);
  if (!whole.error && !has_more) {
    check_rows_of_column(text, read, delimiter, check_header(text, read, whole));
  }
  if (!is_floating_point(*read.dtype)) return;
  write.format = write.format == "jsonl" ? "jsonl" : "csv";
  check_parts(text, read, write, 1 + text.size() % 5, other);
  if (whole.error || has_more) return;

  // What is no number with a decimal comma may be one with a point, and no header then.
  if (read.decimal != '.' && read.header == Header::automatic) return;
  // What is written is read back: the same header, the same values, the same bytes.
  write.format = "csv";
  write.delimiter = ',';  // and not the input's
  write.decimal = '.';
  const Ran first = converted(text, read, write, nothing(), {});
  need(!first.error, "a table has no CSV");
  ReadOptions again;
  again.format = "csv";
  again.dtype = read.dtype;
  again.ndmin = read.ndmin;
  // A header of numbers is taken for one only if it is said to be.
  again.header = read.header;
  const Ran second = converted(first.bytes, again, write, nothing(), other);
  need(!second.error && second.bytes == first.bytes,
       "written: " + first.bytes +
           "\nand again: " + (second.error ? second.error->what() : second.bytes));
  const Loaded back = loaded(first.bytes, again, {});
  need(!back.error && back.tensors.size() == 1 && same(back.tensors[0], whole.tensors[0], false),
       "other values are read back from: " + first.bytes);
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
