// What nlohmann_json makes of a text, and the tensor that its value is.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/tensor.hpp"

namespace rectify::fuzz {

using Json = nlohmann::json;

/// A document, or why there is none. `open`: nlohmann_json cannot tell, as it has no numbers beyond
/// a double, no half of a surrogate pair, stops at a NUL, and does not say whether a "NaN" was written
/// with escapes, which rectify refuses.
struct Parsed {
  Json value;
  bool good = false;
  bool open = false;
};

inline Parsed parse(std::string_view text) {
  Parsed parsed;
  parsed.open = text.find('\0') != std::string_view::npos;
  for (const char* const escaped : {"\\u002", "\\u004", "\\u006", "\\u007"})
    parsed.open = parsed.open || text.find(escaped) != std::string_view::npos;
  if (parsed.open) return parsed;
  try {
    parsed.value = Json::parse(text);
    parsed.good = true;
  } catch (const Json::out_of_range&) {
    parsed.open = true;
  } catch (const Json::parse_error& error) {
    parsed.open = std::string_view(error.what()).find("surrogate") != std::string_view::npos;
  }
  return parsed;
}

/// The number that the value is where floating-point numbers are read: null is NaN, and so is "NaN".
inline std::optional<double> number_of(const Json& json) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json.is_number()) return json.get<double>();
  if (json.is_null() || json == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (json == "Infinity") return kInfinity;
  if (json == "-Infinity") return -kInfinity;
  return std::nullopt;
}

/// Appends the numbers of nested lists of one shape; false if they are something else.
template <class T>
bool append(const Json& json, std::size_t depth, std::vector<T>& values, Shape& shape) {
  constexpr std::size_t kMostDimensions = 128;
  if (json.is_array()) {
    if (depth == kMostDimensions) return false;
    shape = {0};
    for (const Json& item : json) {
      Shape of_item;
      if (!append(item, depth + 1, values, of_item)) return false;
      if (shape[0] != 0 &&
          !std::equal(of_item.begin(), of_item.end(), shape.begin() + 1, shape.end()))
        return false;
      of_item.insert(of_item.begin(), shape[0] + 1);
      shape = std::move(of_item);
    }
    return true;
  }
  shape = {};
  if constexpr (is_floating<T>) {
    const std::optional<double> value = number_of(json);
    if (!value) return false;
    values.push_back(narrow<T>(static_cast<Compute<T>>(*value)));
  } else {
    constexpr auto kLow = static_cast<double>(std::numeric_limits<T>::min());
    constexpr auto kHigh = static_cast<double>(std::numeric_limits<T>::max());
    if (json.is_number_unsigned()) {
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<T>::max()))
        return false;
    } else if (json.is_number_integer()) {
      const auto value = json.get<std::int64_t>();
      if (value < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
          value > static_cast<std::int64_t>(std::numeric_limits<T>::max()))
        return false;
    } else if (json.is_number_float()) {
      const double value = std::trunc(json.get<double>());
      // 2^63 is the double next to the largest int64.
      if (value < kLow || value > kHigh || value == 0x1p63) return false;
    } else {
      return false;
    }
    values.push_back(static_cast<T>(json.is_number_float() ? static_cast<T>(json.get<double>())
                                                           : json.get<T>()));
  }
  return true;
}

/// The tensor that the value is, as rectify must read it; nothing if it is none.
inline std::optional<Tensor> tensor_of(const Json& json, DType dtype) {
  return dispatch(dtype, [&](auto type) -> std::optional<Tensor> {
    using T = typename decltype(type)::type;
    if constexpr (std::is_same_v<T, bool>) {
      return std::nullopt;
    } else {
      std::vector<T> values;
      Shape shape;
      if (!append(json, 0, values, shape)) return std::nullopt;
      return Tensor::of(std::span<const T>(values), shape);
    }
  });
}

/// Whether a whole number below every int64 is among the values: nlohmann_json has made a double of
/// it, which int64 seems to hold.
inline bool has_rounded_integer(const Json& json) {
  if (json.is_number_float()) return json.get<double>() == -0x1p63;
  if (!json.is_structured()) return false;
  for (const Json& item : json) {
    if (has_rounded_integer(item)) return true;
  }
  return false;
}

}  // namespace rectify::fuzz
