// Shorter ways to the bits of elementary.hpp in float32, which almost always arrive, and know when they
// may not have.
//
// What takes two parts of float32 there is computed in double here, of the same polynomials, so that
// the two differ by the rounding errors of elementary.hpp alone: 2^-33 of the result and 2^-48.
// Rounded to float32 both are the same, unless the border between two float32 is that near. Then
// there is doubt, and the caller takes the long way; so it does, always, near zero, where the long
// way's errors are of the size of the result. This is A. Ziv's rounding test ("Fast evaluation of
// elementary mathematical functions with correctly rounded last bit", ACM TOMS 17, 1991), with an
// algorithm in place of the exact result. That the bound holds is tried of all 2^32
// float32 by tests/exhaustive.
//
// A function of activations that takes exp and its kin from an argument `how` is computed in either
// way: struct Exactly, or struct Quickly.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "activation/elementary.hpp"
#include "kernels/target.hpp"

namespace rectify::inline v1 {

/// The long way: elementary.hpp.
struct Exactly {
  static constexpr elementary::Fma kFma = elementary::Fma::once;

  template <class C>
  RECTIFY_INLINE static C fma(C x, C y, C z) {
    return std::fma(x, y, z);
  }
  template <class C>
  RECTIFY_INLINE static C exp(C x) {
    return elementary::exp(x);
  }
  template <class C>
  RECTIFY_INLINE static C expm1(C x) {
    return elementary::expm1(x);
  }
  template <class C>
  RECTIFY_INLINE static C expm1_of_negative(C x) {
    return elementary::expm1_of_negative(x);
  }
  template <class C>
  RECTIFY_INLINE static C tanh(C x) {
    return elementary::tanh(x);
  }
  template <elementary::Reach kReach, class C>
  RECTIFY_INLINE static C log1p(C x) {
    return elementary::log1p<kReach>(x);
  }
  template <class C>
  RECTIFY_INLINE static C erf(C x) {
    return elementary::erf(x);
  }
  RECTIFY_INLINE static float erf_polynomial(float t) { return elementary::erf_polynomial(t); }
  RECTIFY_INLINE static float floor(float x) { return std::floor(x); }
};

/// The same of arguments for which is_near() of the function holds.
struct Nearly : Exactly {
  RECTIFY_INLINE static double erf(double x) {
    return elementary::erf<elementary::Fma::once, true>(x);
  }
};

/// Whether the target multiplies and adds in one instruction; if not, std::fma is a call.
#if defined(__FP_FAST_FMA) && defined(__FP_FAST_FMAF)
template <Target>
inline constexpr bool kFuses = true;
#else
template <Target kTarget>
inline constexpr bool kFuses = kTarget != Target::baseline;
#endif

template <Target kTarget>
struct Quickly {
  static constexpr elementary::Fma kFma =
      kFuses<kTarget> ? elementary::Fma::once : elementary::Fma::in_double;

  /// No longer zero where an answer may not be that of Exactly. Of 16 bits, so that compilers take two
  /// vectors of float32 at a time, whose operations do not wait for one another.
  std::uint16_t doubt = 0;

  /// In double with doubt where the sum, rounded to double, lies between two float32, so that the
  /// second rounding may go the wrong way.
  RECTIFY_INLINE float fma(float x, float y, float z) {
    if constexpr (kFma == elementary::Fma::once) return std::fma(x, y, z);
    const double sum = static_cast<double>(x) * y + z;
    const auto rest =
        static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(sum)) & ((1u << 29) - 1);
    const double size = elementary::magnitude(sum);
    const bool subnormal = (size < std::numeric_limits<float>::min()) & (size > 0);
    doubt |= static_cast<std::uint16_t>((rest == 1u << 28) | subnormal);
    return static_cast<float>(sum);
  }
  RECTIFY_INLINE static float exp(float x) {
    if constexpr (kFma == elementary::Fma::once) return elementary::exp(x);
    return exp_without_fma(x);
  }
  /// Of |x| < 2^22.
  RECTIFY_INLINE static float floor(float x) {
    if constexpr (kFma == elementary::Fma::once) return std::floor(x);  // one instruction as well
    const float nearest = elementary::nearest_whole(x).value;
    return nearest - elementary::select(nearest > x, 1.0f, 0.0f);
  }
  template <elementary::Reach kReach>
  RECTIFY_INLINE static float log1p(float x) {
    return elementary::log1p<kReach, kFma>(x);
  }
  RECTIFY_INLINE static float erf(float x) { return elementary::erf<kFma>(x); }
  RECTIFY_INLINE static float erf_polynomial(float t) {
    return elementary::erf_polynomial<kFma>(t);
  }
  RECTIFY_INLINE static float expm1(float x) { return elementary::expm1(x); }

  RECTIFY_INLINE float expm1_of_negative(float x) {
    const bool inside = (x < 0) & (x >= elementary::kMinusOne<float>);
    const double y = expm1_in_double(elementary::select(inside, x, -1.0f));
    const float rounded = settled(y, -1);
    const float below = elementary::select(inside, rounded, -1.0f);
    return elementary::select(x < 0, below, x);  // -0.0 and NaN stay
  }

  RECTIFY_INLINE float tanh(float x) {
    const float a = elementary::magnitude(x);
    const bool inside = (a > 0) & (a <= elementary::kOne<float>);
    // e^2 - 1 is (e - 1) (e + 1), and tanh x is (e^2 - 1) / (e^2 + 1).
    const double e = expm1_in_double(elementary::select(inside, a, 1.0f));
    const double square = e * (e + 2);
    const float rounded = settled(square / (square + 2), 1);
    const float y = elementary::select(inside, rounded, 1.0f);
    return elementary::select(a > 0, elementary::with_sign(y, x), x);
  }

 private:
  /// x * y + z, rounded once to float32, where the result is from 2^kExponent on and less than twice that,
  /// and so is z or less: 1.5 * 2^(kExponent + 29) + z is exact, and in the sum with it the last place is
  /// a float32's.
  template <int kExponent>
  RECTIFY_INLINE static double rounded_fma(double x, double y, double z) {
    constexpr double kShift = std::bit_cast<double>((std::uint64_t{1023 + 29 + kExponent} << 52) |
                                                    std::uint64_t{1} << 51);
    return (x * y + (z + kShift)) - kShift;
  }
  RECTIFY_INLINE static double rounded(double x) {
    return static_cast<double>(static_cast<float>(x));
  }

  /// elementary::exp(float), operation by operation, in double: products are exact there, as is the
  /// argument's reduction, of multiples q of ln 2 that are short.
  RECTIFY_INLINE static float exp_without_fma(float x) {
    using elementary::select;
    const elementary::Whole<float> q = elementary::nearest_whole(x * elementary::kPerLn2<float>);
    const double whole = q.value;
    const double s =
        rounded((x - whole * elementary::kLn2High<float>)-whole * elementary::kLn2Low<float>);
    double u = 0.000198527617612853646278381f;
    u = rounded_fma<-10>(u, s, 0.00139304355252534151077271f);
    u = rounded_fma<-7>(u, s, 0.00833336077630519866943359f);
    u = rounded_fma<-5>(u, s, 0.0416664853692054748535156f);
    u = rounded_fma<-3>(u, s, 0.166666671633720397949219f);
    u = rounded(u * s + 0.5);
    const auto more = static_cast<float>(rounded(s * s) * u + s);
    float y = elementary::scaled(1.0f + more, q.bits);
    y = select(x < -104.0f, 0.0f, y);
    return select(x > 100.0f, std::numeric_limits<float>::infinity(), y);
  }

  /// x * y + z, rounded once or twice.
  RECTIFY_INLINE static double multiply_add(double x, double y, double z) {
    if constexpr (kFuses<kTarget>) return std::fma(x, y, z);
    return x * y + z;
  }

  /// exp(x) - 1 of -17 < x < 9 by the polynomial of elementary::exp_in_two().
  RECTIFY_INLINE static double expm1_in_double(double x) {
    constexpr double kLn2 = 0.69314718055994530942;
    constexpr double kShift = 0x1.8p52;
    constexpr std::uint64_t kBias = 1023;
    const double shifted = multiply_add(x, elementary::kPerLn2<double>, kShift);
    const double q = shifted - kShift;
    const auto power = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + kBias) << 52);
    const double s = multiply_add(q, -kLn2, x);
    const double s2 = s * s;
    const double high = multiply_add(s, 0.1980960224e-3f, 0.1394256484e-2f);
    const double middle = multiply_add(s, 0.8333456703e-2f, 0.4166637361e-1f);
    const double low = multiply_add(s, 0.166666659414234244790680580464f, 0.5);
    const double u = multiply_add(multiply_add(multiply_add(high, s2, middle), s2, low), s2, s);
    return multiply_add(power, u, power - 1);
  }

  /// x, of the sign of `sign`, in float32, with doubt if the long way may round it to another.
  RECTIFY_INLINE float settled(double x, double sign) {
    constexpr double kRelative = 0x1p-33;
    constexpr double kAbsolute = 0x1p-48;
    const auto far = static_cast<float>(multiply_add(x, 1 + kRelative, sign * kAbsolute));
    const auto near = static_cast<float>(multiply_add(x, 1 - kRelative, -sign * kAbsolute));
    doubt |= static_cast<std::uint16_t>(far != near);
    return far;
  }
};

}  // namespace rectify::inline v1
