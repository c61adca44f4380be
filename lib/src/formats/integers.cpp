// Integers that a floating dtype cannot hold.

#include "integers.hpp"

#include <bit>
#include <utility>

namespace rectify::inline v1 {
namespace {

/// How many bits the digits of a floating dtype have.
int digits_of(DType floating) {
  return dispatch(floating, [](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) return std::ilogb(kExactUpTo<T>);
    return 0;
  });
}

}  // namespace

bool may_be_inexact(DType from, DType to) {
  if (is_floating_point(from) || !is_floating_point(to)) return false;
  return dispatch(from, [&](auto integer) {
    using From = typename decltype(integer)::type;
    if constexpr (is_floating<From>) {
      return false;
    } else {
      constexpr auto kMost = static_cast<double>(std::numeric_limits<From>::max());
      return dispatch(to, [](auto floating) {
        using To = typename decltype(floating)::type;
        if constexpr (is_floating<To>) return kMost > kExactUpTo<To>;
        return false;
      });
    }
  });
}

std::string hint_for_misfit(std::string_view number, DType dtype) {
  if (is_floating_point(dtype)) return "";
  if (number.find_first_of("0123456789") == std::string_view::npos)
    return "choose a floating dtype";
  if (dtype == DType::int64) return option("dtype", "float64") + " rounds it";
  return "choose a wider " + option("dtype");
}

Tensor converted(const Tensor& tensor, DType dtype, const std::string& place, Inexact& inexact) {
  Tensor result = tensor.to(dtype);
  if (!may_be_inexact(tensor.dtype(), dtype)) return result;
  const int digits = digits_of(dtype);
  // Beyond this float16 has nothing but infinity; the others hold any 64 bits' magnitude.
  const int most_bits = dtype == DType::float16 ? 16 : 64;
  dispatch(tensor.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!is_floating<T> && !std::is_same_v<T, bool>) {
      for (const T value : tensor.data<T>()) {
        const auto bits = static_cast<std::uint64_t>(value);
        const std::uint64_t magnitude = value < 0 ? 0 - bits : bits;
        if (magnitude >> digits == 0) continue;
        const auto length = static_cast<int>(std::bit_width(magnitude));
        const int used = length - std::countr_zero(magnitude);
        if (used <= digits && length <= most_bits) continue;
        if (inexact.count++ == 0) {
          inexact.first = {place};
          inexact.value = std::to_string(value);
        }
        inexact.in_float64 = inexact.in_float64 && used <= digits_of(DType::float64);
        inexact.in_int64 = inexact.in_int64 && std::in_range<std::int64_t>(value);
      }
    }
  });
  return result;
}

}  // namespace rectify::inline v1
