// The formats, in the order in which help names them.

#include "format.hpp"
#include "rectify/error.hpp"

namespace rectify {

void check_text(const Tensor& tensor) {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  if (tensor.numel() != 0) return;
  std::int64_t rows = 1;
  for (const std::int64_t size : tensor.shape()) {
    if (size == 0) return;
    if (size > kMost || (rows *= size) > kMost) {
      throw Error(ErrorKind::unsupported,
                  "a tensor of shape " + to_string(tensor.shape()) +
                      " has no elements but more rows than are written as text");
    }
  }
}

std::span<const Format> formats() {
  static const Format table[] = {
      {"torch", {"txt"}, nullptr, torch_encoder},
      {"json", {"json"}, json_decoder, json_encoder},
      {"jsonl", {"jsonl", "ndjson"}, jsonl_decoder, jsonl_encoder},
      {"csv", {"csv"}, csv_decoder, csv_encoder},
      {"tsv", {"tsv", "tab"}, tsv_decoder, tsv_encoder},
      {"npy", {"npy"}, npy_decoder, npy_encoder},
  };
  return table;
}

const Format* find_format(std::string_view name) {
  for (const Format& format : formats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace rectify
