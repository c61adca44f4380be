// --pointer: the value that nlohmann_json finds at it, in any blocks.
//
// Settings: dtype, block, source; then the pointer, up to a line break; then the document.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "json_oracle.hpp"

namespace rectify::fuzz {
namespace {

void run(std::string_view text) {
  Settings settings(text);
  ReadOptions read;
  read.format = "json";
  read.dtype = settings.one_of(kDTypes);
  const Way other = other_way(settings);
  read.pointer = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), read.pointer->size() + 1));

  Loaded whole;
  std::optional<Json::json_pointer> pointer;
  try {
    pointer.emplace(*read.pointer);
  } catch (const Json::parse_error&) {
  }
  if (!pointer) {
    const Loaded refused = loaded(text, read, other);
    need(refused.error.has_value(), "what is no pointer is taken");
    check_message(refused.error->what());
    return;
  }
  WriteOptions write;
  write.format = "json";
  whole = check_ways(text, read, write, other);
  if (whole.error && whole.error->message().find("levels of nesting") != std::string::npos) return;

  const Parsed document = parse(text);
  if (document.open) return;
  if (!document.good) {
    // Several documents, or the spellings that RFC 8259 has not.
    need(whole.error || whole.tensors.size() > 1 || text.find_first_of("NI") != text.npos,
         "nlohmann_json refuses what is taken");
    return;
  }
  const Json* value = nullptr;
  try {
    value = &document.value.at(*pointer);
  } catch (const Json::exception&) {  // nothing there, or an index that is none
  }
  if (value == nullptr) {
    need(whole.error.has_value(), "there is nothing at the pointer");
    return;
  }
  if (*read.dtype == DType::int64 && has_rounded_integer(*value)) return;
  const auto tensor = tensor_of(*value, *read.dtype);
  need(tensor.has_value() == !whole.error, tensor ? "a tensor is refused" : "no tensor is taken");
  if (tensor) {
    need(whole.tensors.size() == 1 && same(whole.tensors[0], *tensor, false),
         "nlohmann_json has another value");
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
