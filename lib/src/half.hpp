// float16 and bfloat16 to and from float, without branches so that loops over them vectorize.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "rectify/tensor.hpp"

namespace rectify::inline v1 {

inline float to_float(bfloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// Exact. The exponent is moved by a multiplication that also normalizes subnormals; infinities and
/// NaN are patched after it.
inline float to_float(float16 x) {
  const std::uint32_t bits = x.bits;
  const std::uint32_t magnitude = (bits & 0x7FFFu) << 13;
  const std::uint32_t scaled =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  const std::uint32_t special = magnitude | 0x7F800000u;
  const std::uint32_t value = magnitude >= 0x0F800000u ? special : scaled;
  return std::bit_cast<float>(value | ((bits & 0x8000u) << 16));
}

/// x < 0, by the bits: those of -0 come before them, those of NaN behind them.
inline bool is_below_zero(float16 x) {
  return static_cast<std::uint16_t>(x.bits - 0x8001u) < 0x7C00u;
}
inline bool is_below_zero(bfloat16 x) {
  return static_cast<std::uint16_t>(x.bits - 0x8001u) < 0x7F80u;
}
template <class T>
inline bool is_below_zero(T x) {
  return x < 0;
}

inline bool is_nan(float16 x) { return (x.bits & 0x7FFFu) > 0x7C00u; }
inline bool is_nan(bfloat16 x) { return (x.bits & 0x7FFFu) > 0x7F80u; }
template <class T>
inline bool is_nan(T x) {
  return x != x;  // NOLINT(misc-redundant-expression): true for NaN alone
}

/// Nearest, ties to even; every NaN becomes a quiet one of the same sign.
inline bfloat16 to_bfloat16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t nan = (bits >> 16) | 0x0040u;
  return {static_cast<std::uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded)};
}

/// Nearest, ties to even; every NaN becomes a quiet one of the same sign.
inline float16 to_float16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  // Normal results: rebias the exponent and round away 13 bits of the significand; a carry reaches
  // infinity as it should.
  const std::uint32_t normal = (magnitude - 0x38000000u + 0x0FFFu + ((magnitude >> 13) & 1u)) >> 13;
  // Subnormal results: adding 0.5 aligns the last place with 2^-24, and the addition itself rounds
  // to nearest even.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
  std::uint32_t result = magnitude < 0x38800000u ? subnormal : normal;
  result = magnitude >= 0x47800000u ? 0x7C00u : result;
  result = magnitude > 0x7F800000u ? 0x7E00u : result;
  return {static_cast<std::uint16_t>(result | sign)};
}

/// Conversions between an element and the type its arithmetic is done in: float for the 16-bit
/// dtypes, itself otherwise.
template <class T>
inline T widen(T x) {
  return x;
}
inline float widen(float16 x) { return to_float(x); }
inline float widen(bfloat16 x) { return to_float(x); }

template <class T>
using Compute = decltype(widen(T{}));

template <class T>
inline T narrow(Compute<T> x) {
  if constexpr (std::is_same_v<T, float16>) {
    return to_float16(x);
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return to_bfloat16(x);
  } else {
    return x;
  }
}

}  // namespace rectify::inline v1
