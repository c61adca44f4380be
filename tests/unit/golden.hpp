// Reads what a real PyTorch was recorded to do (tests/torch/golden, whose README has the fields).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/print.hpp"
#include "rectify/tensor.hpp"

namespace rectify {

/// All records of a file of tests/torch/golden, such as "print.jsonl".
inline std::vector<nlohmann::json> golden(const std::string& file) {
  const std::string path = RECTIFY_TESTS_DIR "/torch/golden/" + file;
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot open " + path);
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(in, line);) records.push_back(nlohmann::json::parse(line));
  return records;
}

inline DType dtype_of_record(const nlohmann::json& record) {
  return find_dtype(record.at("dtype").get<std::string>()).value();
}

inline std::vector<std::byte> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::runtime_error("an odd number of hex digits");
  const auto digit = [](char c) {
    const std::size_t value = std::string_view("0123456789abcdef").find(c);
    if (value > 15) throw std::runtime_error("not a hex digit");
    return value;
  };
  std::vector<std::byte> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(16 * digit(hex[2 * i]) + digit(hex[2 * i + 1]));
  }
  return bytes;
}

/// A tensor with these raw bytes, little-endian and in C order.
inline Tensor tensor_of_bytes(DType dtype, Shape shape, std::span<const std::byte> bytes) {
  Tensor tensor = Tensor::empty(std::move(shape), dtype);
  if (bytes.size() != tensor.nbytes()) throw std::runtime_error("bytes do not fill the shape");
  if (!bytes.empty()) std::memcpy(tensor.bytes(), bytes.data(), bytes.size());
  return tensor;
}

/// The tensor whose bytes a field of a record holds as hex digits.
inline Tensor tensor_of_field(const nlohmann::json& record, const std::string& field) {
  return tensor_of_bytes(dtype_of_record(record), record.at("shape").get<Shape>(),
                         bytes_of_hex(record.at(field).get<std::string>()));
}

/// The tensor that a record starts from: its `hex`, or what its `recipe` makes.
inline Tensor tensor_of(const nlohmann::json& record) {
  if (!record.contains("recipe")) return tensor_of_field(record, "hex");
  const nlohmann::json& recipe = record.at("recipe");
  const DType dtype = dtype_of_record(record);
  Tensor tensor = Tensor::empty(record.at("shape").get<Shape>(), dtype);
  if (recipe.is_string()) {  // "every bit pattern" of a 16-bit dtype
    for (std::size_t i = 0; i < tensor.nbytes() / 2; ++i) {
      const auto bits = static_cast<std::uint16_t>(i ^ 0x8000u);  // from -32768 up
      std::memcpy(tensor.bytes() + 2 * i, &bits, 2);
    }
    return tensor;
  }
  const auto mul = recipe.at("mul").get<std::int64_t>();
  const auto mod = recipe.at("mod").get<std::int64_t>();
  const auto sub = recipe.at("sub").get<std::int64_t>();
  const auto div = recipe.at("div").get<std::int64_t>();
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto element = [](double value) {
      return narrow<T>(static_cast<Compute<T>>(value));  // every value is exact in its dtype
    };
    const std::span<T> data = tensor.data<T>();
    for (std::size_t i = 0; i < data.size(); ++i) {
      const std::int64_t number = static_cast<std::int64_t>(i) * mul % mod - sub;
      data[i] =
          element(static_cast<double>(number) / (is_floating<T> ? static_cast<double>(div) : 1.0));
    }
    for (const nlohmann::json& change : recipe.value("set", nlohmann::json::array())) {
      data[change.at(0).get<std::size_t>()] = element(change.at(1).get<double>());
    }
  });
  return tensor;
}

/// The arguments of torch.set_printoptions in a record: a profile first, then what overrides it.
inline PrintOptions print_options_of(const nlohmann::json& arguments) {
  PrintOptions options;
  const auto profile = arguments.value("profile", std::string("default"));
  if (profile == "short") options.precision = 2, options.edgeitems = 2;
  if (profile == "full") options.threshold = PrintOptions::kNoThreshold;
  options.precision = arguments.value("precision", options.precision);
  options.threshold = arguments.value("threshold", options.threshold);
  options.edgeitems = arguments.value("edgeitems", options.edgeitems);
  options.linewidth = arguments.value("linewidth", options.linewidth);
  if (arguments.contains("sci_mode") && !arguments.at("sci_mode").is_null()) {
    options.sci_mode = arguments.at("sci_mode").get<bool>() ? SciMode::on : SciMode::off;
  }
  return options;
}

/// True if both have the same dtype, shape and bits, where any NaN equals any other.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  return dispatch(a.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const std::span<const T> x = a.data<T>();
    const std::span<const T> y = b.data<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto is_nan = [](T value) { return widen(value) != widen(value); };
      if (std::memcmp(&x[i], &y[i], sizeof(T)) != 0 && !(is_nan(x[i]) && is_nan(y[i]))) {
        return false;
      }
    }
    return true;
  });
}

}  // namespace rectify
