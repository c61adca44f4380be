// Files of several named tensors and gzip data: from a pipe as from a file, whatever the blocks, and
// what is taken is written to each of them and read again with the same names and bits.
//
// Settings: format, format written, block, source.
#include <string>

#include "fuzz.hpp"

namespace rectify::fuzz {
namespace {

struct Found {
  std::vector<Named> tensors;
  std::optional<Error> error;
};

Found named(std::string_view text, const ReadOptions& read, const Way& way) {
  Found found;
  try {
    ReadOptions reading = read;
    reading.block_bytes = way.block_bytes;
    found.tensors = load_named(source_of(text, way.from), reading);
  } catch (const Error& error) {
    found.error = error;
  }
  return found;
}

std::string saved(const std::vector<Named>& tensors, const std::string& format) {
  std::string bytes;
  Output output = Output::memory(bytes);
  WriteOptions options;
  options.format = format;
  Writer writer(output, options);
  for (const Named& one : tensors) {
    Result result;
    result.name = one.name;
    result.columns.push_back({"", one.tensor});
    writer.write(std::move(result));
  }
  writer.finish();
  output.commit();
  return bytes;
}

void check_round_trip(const std::vector<Named>& tensors, const std::string& format) {
  std::string bytes;
  try {
    bytes = saved(tensors, format);
  } catch (const Error& error) {  // two of a name, a name that is not UTF-8, bfloat16
    need(error.kind() == ErrorKind::unsupported, error.what());
    return;
  }
  ReadOptions read;
  read.format = format;
  const Found again = named(bytes, read, {});
  need(!again.error, again.error ? again.error->what() : "");
  need(again.tensors.size() == tensors.size(), "not as many tensors");
  for (const Named& one : again.tensors) {
    bool found = false;
    for (const Named& other : tensors)
      found = found ||
              ((one.name == other.name || other.name.empty()) && same(one.tensor, other.tensor));
    need(found, "saved and read again it differs: " + one.name);
  }
}

void run(std::string_view text) {
  Settings settings(text);
  ReadOptions read;
  read.format = settings.one_of({"", "safetensors", "npz", "pt"});
  WriteOptions write;
  write.format = settings.one_of({"json", "jsonl", "torch", "npz", "safetensors"});
  write.print.threshold = 8;
  write.print.edgeitems = 2;
  const Way other = other_way(settings);

  const Found whole = named(text, read, {});
  const Found second = named(text, read, other);
  if (whole.error) check_error(*whole.error);
  if (second.error) check_error(*second.error);
  need(whole.error.has_value() == second.error.has_value(), "an error here and none there");
  if (whole.error) return;
  need(whole.tensors.size() == second.tensors.size(), "not as many tensors");
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    need(whole.tensors[i].name == second.tensors[i].name &&
             same(whole.tensors[i].tensor, second.tensors[i].tensor),
         "another tensor");
  }
  const Ran first = converted(text, read, write, nothing(), {});
  const Ran next = converted(text, read, write, nothing(), other);
  need(first.error.has_value() == next.error.has_value(), "an error here and none there");
  need(first.error || first.bytes == next.bytes,
       "written: " + first.bytes + "\nother: " + next.bytes);
  check_round_trip(whole.tensors, "npz");
  check_round_trip(whole.tensors, "safetensors");
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
