// The only switch over dtypes: gives a generic lambda the element type.
#pragma once

#include <cstdint>
#include <type_traits>

#include "rectify/error.hpp"
#include "rectify/tensor.hpp"

namespace rectify {

/// Calls f(std::type_identity<T>{}) with the element type of `dtype` and returns what it returns.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float16:
      return f(std::type_identity<float16>{});
    case DType::bfloat16:
      return f(std::type_identity<bfloat16>{});
    case DType::float32:
      return f(std::type_identity<float>{});
    case DType::float64:
      return f(std::type_identity<double>{});
    case DType::int8:
      return f(std::type_identity<std::int8_t>{});
    case DType::int16:
      return f(std::type_identity<std::int16_t>{});
    case DType::int32:
      return f(std::type_identity<std::int32_t>{});
    case DType::int64:
      return f(std::type_identity<std::int64_t>{});
    case DType::uint8:
      return f(std::type_identity<std::uint8_t>{});
    case DType::uint16:
      return f(std::type_identity<std::uint16_t>{});
    case DType::uint32:
      return f(std::type_identity<std::uint32_t>{});
    case DType::uint64:
      return f(std::type_identity<std::uint64_t>{});
    case DType::boolean:
      return f(std::type_identity<bool>{});
  }
  throw Error(ErrorKind::usage, "no such dtype");
}

/// uint16, uint32 and uint64, which PyTorch has for little but keeping and converting values.
template <class T>
inline constexpr bool is_wide_unsigned =
    std::is_same_v<T, std::uint16_t> || std::is_same_v<T, std::uint32_t> ||
    std::is_same_v<T, std::uint64_t>;

inline bool is_wide_unsigned_dtype(DType dtype) {
  return dispatch(dtype, [](auto type) { return is_wide_unsigned<typename decltype(type)::type>; });
}

/// Whether text is read as the dtype.
inline bool is_dtype_of_text(DType dtype) {
  return dtype != DType::boolean && !is_wide_unsigned_dtype(dtype);
}

/// The same as dispatch() for the dtypes that text is read as; f is not called for the others.
template <class F>
void dispatch_text(DType dtype, F&& f) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!std::is_same_v<T, bool> && !is_wide_unsigned<T>) f(type);
  });
}

template <class T>
inline constexpr bool is_half = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

template <class T>
inline constexpr bool is_floating = std::is_floating_point_v<T> || is_half<T>;

}  // namespace rectify
