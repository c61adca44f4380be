// The formats, in the order in which help names them.

#include <algorithm>

#include "format.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

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

void check_alone(const Result& result, std::string_view format) {
  if (!result.file || !result.begins) return;
  const std::vector<Entry>& entries = result.file->entries;
  const auto counts = [&](const Entry& entry) {
    return result.file->chosen || (entry.known && is_floating_point(*entry.known));
  };
  const auto count = std::count_if(entries.begin(), entries.end(), counts);
  if (count < 2) return;
  throw Error(ErrorKind::usage,
              std::string(format) + " holds one tensor, and here are " + std::to_string(count),
              option("keys", in_quotes(result.name)) + " takes one of them");
}

std::string name_of(const std::string& tensor, const Column& column) {
  return column.label.empty() ? tensor : tensor + "." + column.label;
}

std::span<const Format> formats() {
  using Kind = Format::Kind;
  static const std::vector<std::string_view> of_rows = {
      "read.header",       "read.delimiter", "read.decimal", "missing", "missing_words", "skip",
      "skip_after_header", "comment",        "columns",      "keep",    "ndmin"};
  static const Format table[] = {
      {"torch", Kind::text, {"txt"}, {}, nullptr, torch_encoder},
      {"json", Kind::text, {"json"}, {"pointer", "keys"}, json_decoder, json_encoder},
      {"jsonl", Kind::text, {"jsonl", "ndjson"}, {"pointer", "keys"}, jsonl_decoder, jsonl_encoder},
      {"csv", Kind::text, {"csv"}, of_rows, csv_decoder, csv_encoder},
      {"tsv", Kind::text, {"tsv", "tab"}, of_rows, tsv_decoder, tsv_encoder},
      {"npy", Kind::binary, {"npy"}, {}, npy_decoder, npy_encoder},
      {"npz", Kind::binary, {"npz"}, {"keys"}, zip_decoder, npz_encoder},
      {"pt", Kind::binary, {"pt", "pth"}, {"keys"}, zip_decoder, nullptr},
      {"safetensors",
       Kind::binary,
       {"safetensors"},
       {"keys"},
       safetensors_decoder,
       safetensors_encoder},
  };
  return table;
}

const Format& printed_format() { return formats()[0]; }

const Format* find_format(std::string_view name) {
  for (const Format& format : formats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

std::string format_of_extension(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return "";
  for (const Format& format : formats()) {
    for (const std::string_view extension : format.extensions) {
      const std::string_view found = path.substr(dot + 1);
      const bool same = std::equal(
          found.begin(), found.end(), extension.begin(), extension.end(),
          [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
      if (same) return std::string(format.name);
    }
  }
  return "";
}

namespace {

template <class Codec>
std::vector<std::string> formats_with(Codec Format::*codec) {
  std::vector<std::string> names;
  for (const Format& format : formats()) {
    if (format.*codec != nullptr) names.emplace_back(format.name);
  }
  return names;
}

}  // namespace

std::vector<std::string> readable_formats() { return formats_with(&Format::decoder); }
std::vector<std::string> writable_formats() { return formats_with(&Format::encoder); }

}  // namespace rectify::inline v1
