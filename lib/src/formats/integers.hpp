// Integers that a floating dtype cannot hold.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/stream.hpp"

namespace rectify::inline v1 {

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
  if constexpr (!is_floating<T>) {
    return false;
  } else {
    // As integers, which is what the compiler makes vectors of. An integer of text may be infinite.
    using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t,
                                    std::conditional_t<sizeof(T) == 4, std::int32_t, std::int16_t>>;
    const auto least = std::bit_cast<Bits>(narrow<T>(static_cast<Compute<T>>(kExactUpTo<T>)));
    const auto most = std::bit_cast<Bits>(narrow<T>(std::numeric_limits<Compute<T>>::infinity()));
    Bits found = 0;
    for (const T value : values) {
      const auto size =
          static_cast<Bits>(std::bit_cast<Bits>(value) & std::numeric_limits<Bits>::max());
      found = static_cast<Bits>(found | ((size >= least ? 1 : 0) & (size <= most ? 1 : 0)));
    }
    return found != 0;
  }
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

/// What to do about a number of a text that `dtype` does not hold; "": nothing.
std::string hint_for_misfit(std::string_view number, DType dtype);

/// The tensor as `dtype`; tells `inexact` which of its integers that does not hold. `place` is the
/// tensor's. Throws as Tensor::to() does.
Tensor converted(const Tensor& tensor, DType dtype, const std::string& place, Inexact& inexact);

}  // namespace rectify::inline v1
