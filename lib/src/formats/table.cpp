// The formats, in the order in which help names them.

#include "format.hpp"

namespace rectify {

std::span<const Format> formats() {
  static const Format table[] = {
      {"torch", {}, nullptr, torch_encoder},
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
