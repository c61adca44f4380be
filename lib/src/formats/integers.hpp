// Integers that a floating dtype cannot hold.
#pragma once

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/stream.hpp"

namespace rectify {

/// Integers up to this are exact in T.
template <class T>
inline constexpr double kExactUpTo = [] {
  if constexpr (std::is_same_v<T, double>) return 9007199254740992.0;
  if constexpr (std::is_same_v<T, float>) return 16777216.0;
  return std::is_same_v<T, float16> ? 2048.0 : 256.0;
}();

/// Whether one of the values may have been an integer that is not exact.
template <class T>
bool may_be_inexact(std::span<const T> values) {
  if constexpr (is_floating<T>) {
    bool found = false;
    for (const T value : values) {
      const auto wide = widen(value);
      found |= wide >= kExactUpTo<T> || wide <= -kExactUpTo<T>;
    }
    return found;
  }
  return false;
}

/// Whether `text` is an integer, as digits with or without a sign, and is not `value`, which was
/// read from it. Tells `inexact` what would hold it.
template <class T>
bool is_inexact(std::string_view text, T value, Inexact& inexact) {
  if constexpr (!is_floating<T>) {
    return false;
  } else {
    const auto wide = static_cast<double>(widen(value));
    if (!(std::abs(wide) >= kExactUpTo<T>)) return false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
    while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
      return false;
    __extension__ using Wide = unsigned __int128;
    constexpr std::size_t kMostDigits = 38;
    Wide digits = 0;
    if (text.size() <= kMostDigits) {
      for (const char c : text) digits = digits * 10 + static_cast<unsigned>(c - '0');
    }
    const auto is_held = [&](double as) {
      return text.size() <= kMostDigits && as < 0x1p127 && static_cast<Wide>(as) == digits;
    };
    if (is_held(std::abs(wide))) return false;
    inexact.in_float64 = inexact.in_float64 && is_held(static_cast<double>(digits));
    inexact.in_int64 = inexact.in_int64 && text.size() <= kMostDigits && digits < (Wide{1} << 63);
    return true;
  }
}

/// Whether `to` may fail to hold an integer of the dtype `from` exactly.
bool may_be_inexact(DType from, DType to);

/// The tensor as `dtype`; tells `inexact` which of its integers that does not hold. `place` is the
/// tensor's. Throws as Tensor::to() does.
Tensor converted(const Tensor& tensor, DType dtype, const std::string& place, Inexact& inexact);

}  // namespace rectify
