// CSV and TSV: in any blocks as in one, in parts as undivided, and written out the same again.
//
// Settings: format, header, delimiter, decimal, missing, ndmin, dtype, format written, block,
// source.
#include <string>

#include "fuzz.hpp"

namespace rectify::fuzz {
namespace {

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
  const char delimiter = read.delimiter != '\0' ? read.delimiter
                         : read.format == "csv" ? ','
                                                : '\t';
  if (delimiter == read.decimal) return;  // the option line has none such

  const Loaded whole = check_ways(text, read, write, other);
  if (!is_floating_point(*read.dtype)) return;
  write.format = write.format == "jsonl" ? "jsonl" : "csv";
  check_parts(text, read, write, 1 + text.size() % 5, other);
  if (whole.error) return;

  // What is no number with a decimal comma may be one with a point, and no header then.
  if (read.decimal != '.' && read.header == Header::automatic) return;
  // What is written is read back: the same header, the same values, the same bytes.
  write.format = "csv";
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
