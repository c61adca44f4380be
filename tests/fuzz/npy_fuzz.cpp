// NPY: from a pipe as from a file, in parts as undivided, and what is taken is saved and read again
// with the same bits.
//
// Settings: dtype, format written, block, source.
#include <string>

#include "fuzz.hpp"

namespace rectify::fuzz {
namespace {

void run(std::string_view text) {
  Settings settings(text);
  ReadOptions read;
  read.format = "npy";
  if (const std::size_t choice = settings.below(1 + std::size(kDTypes)); choice != 0)
    read.dtype = kDTypes[choice - 1];
  WriteOptions write;
  write.format = settings.one_of({"npy", "torch", "json", "jsonl", "csv"});
  write.print.threshold = 8;
  write.print.edgeitems = 2;
  Way other = other_way(settings);

  // How many bytes are missing, a pipe cannot tell beforehand: two more ways of saying so.
  const Loaded whole = loaded(text, read, {});
  const Loaded piped = loaded(text, read, other);
  if (whole.error) {
    check_error(*whole.error);
    need(piped.error && piped.error->kind() == whole.error->kind(), "it is taken from a pipe");
    check_error(*piped.error);
    if (other.from == Way::From::pipe) return;
  }
  need(piped.tensors.size() == whole.tensors.size(), "not as many arrays");
  for (std::size_t i = 0; i < whole.tensors.size(); ++i)
    need(same(whole.tensors[i], piped.tensors[i]), "another array from a pipe");
  const bool converts =
      !whole.error && !whole.tensors.empty() && is_floating_point(whole.tensors[0].dtype());
  if (converts) {
    const Ran first = converted(text, read, write, nothing(), {});
    const Ran second = converted(text, read, write, nothing(), other);
    need(first.bytes == second.bytes, "written: " + first.bytes + "\nother: " + second.bytes);
    need(first.error.has_value() == second.error.has_value(), "an error here and none there");
    if (!first.error && whole.tensors.size() == 1 && whole.tensors[0].dim() != 0 &&
        (write.format == "csv" || (write.format == "jsonl" && whole.tensors[0].dim() > 1))) {
      check_parts(text, read, write, 1 + text.size() % 5, other);
    }
  }

  for (const Tensor& tensor : whole.tensors) {
    if (tensor.dtype() == DType::bfloat16 || tensor.dim() > 32) continue;
    std::string saved;
    Output output = Output::memory(saved);
    write.format = "npy";
    Writer writer(output, write);
    Result result;
    result.columns.push_back({"", tensor});
    writer.write(std::move(result));
    writer.finish();
    ReadOptions again;
    again.format = "npy";
    const Loaded back = loaded(saved, again, other);
    need(!back.error && back.tensors.size() == 1 && same(back.tensors[0], tensor),
         "saved and read again it differs");
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
