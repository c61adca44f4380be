// JSON and JSON Lines: in any blocks as in one, and the tensors that nlohmann_json's documents are.
//
// Settings: format, dtype, format written, block, source. What nlohmann_json reads rectify reads if
// it is a tensor, with the same values. What nlohmann_json refuses, rectify reads only for NaN and
// Infinity, for numbers beyond a double, for several values in a line or over several, and for RS.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "json_oracle.hpp"

namespace rectify::fuzz {
namespace {

struct Documents {
  std::vector<Json> values;
  bool good = true;
  bool open = false;
};

/// The documents of a text, which is one, or one a line.
Documents documents(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  Documents found;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  found.open = text.find(kByteOrderMark) != std::string_view::npos;
  if (found.open) return found;
  Parsed whole = parse(text);
  found.open = whole.open;
  if (whole.good) found.values.push_back(std::move(whole.value));
  if (whole.good || whole.open) return found;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Parsed parsed = parse(line);
    found.good = found.good && parsed.good;
    found.open = found.open || parsed.open;
    found.values.push_back(std::move(parsed.value));
  }
  return found;
}

/// The text with a zero for each NaN and Infinity, and a blank for each RS, which nlohmann_json does
/// not have.
std::string without_words(std::string_view text) {
  std::string plain(text);
  for (const std::string_view word : {"NaN", "Infinity"}) {
    for (std::size_t at = 0; (at = plain.find(word, at)) != std::string::npos; ++at)
      plain.replace(at, word.size(), "0");
  }
  std::replace(plain.begin(), plain.end(), '\x1E', ' ');
  return plain;
}

/// nlohmann_json sorts names, and has one of two members of a name: what has been read must be there.
void check_objects(const std::vector<Json>& values, DType dtype, const Loaded& loaded) {
  if (loaded.error) return;
  std::vector<Tensor> tensors;
  for (const Json& value : values) {
    if (dtype == DType::int64 && has_rounded_integer(value)) return;
    const Json members = value.is_object() ? value : Json::object({{"", value}});
    for (const auto& [name, member] : members.items()) {
      const auto tensor = tensor_of(member, dtype);
      need(tensor.has_value(), "a member that is taken is no tensor");
      tensors.push_back(*tensor);
    }
  }
  need(loaded.tensors.size() == tensors.size(), "nlohmann_json has more or fewer members");
  for (const Tensor& tensor : tensors) {
    need(std::any_of(loaded.tensors.begin(), loaded.tensors.end(),
                     [&](const Tensor& one) { return same(one, tensor, false); }),
         "nlohmann_json has another value");
  }
}

void check_values(std::string_view text, DType dtype, const Loaded& loaded) {
  const Documents expected = documents(text);
  if (expected.open) return;
  if (!expected.good) {
    need(loaded.error || loaded.tensors.size() > 1 || documents(without_words(text)).good,
         "nlohmann_json refuses what is taken");
    return;
  }
  const auto is_object = [](const Json& value) { return value.is_object(); };
  if (std::any_of(expected.values.begin(), expected.values.end(), is_object)) {
    check_objects(expected.values, dtype, loaded);
    return;
  }
  std::vector<Tensor> tensors;
  for (const Json& value : expected.values) {
    if (dtype == DType::int64 && has_rounded_integer(value)) return;
    const auto tensor = tensor_of(value, dtype);
    if (tensor) tensors.push_back(*tensor);
  }
  if (expected.values.empty() || tensors.size() != expected.values.size()) {
    need(loaded.error.has_value(), "what is taken is no tensor");
    return;
  }
  need(!loaded.error, "a tensor is refused");
  need(loaded.tensors.size() == tensors.size(), "nlohmann_json has more or fewer values");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    need(same(loaded.tensors[i], tensors[i], false), "nlohmann_json has another value");
}

/// Whether --part has something to divide: no value goes over the end of its line.
bool has_a_value_a_line(std::string_view text, const ReadOptions& read) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") != line.npos && loaded(line, read, {}).error) return false;
  }
  return true;
}

void run(std::string_view text) {
  Settings settings(text);
  ReadOptions read;
  read.format = settings.one_of({"json", "jsonl", ""});
  read.dtype = settings.one_of(kDTypes);
  WriteOptions write;
  write.format = settings.one_of({"json", "jsonl", "csv", "torch", "npy"});
  const Way other = other_way(settings);
  const Loaded whole = check_ways(text, read, write, other);
  if (!read.format.empty()) check_values(text, *read.dtype, whole);
  const bool divides = read.format == "jsonl" && is_floating_point(*read.dtype);
  if (divides && has_a_value_a_line(text, read)) {
    write.format = "jsonl";
    check_parts(text, read, write, 1 + text.size() % 5, other);
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
