// exp and expm1 as PyTorch's vector loops have them: SLEEF's algorithms with errors below 1 ulp
// (N. Shibata and F. Petrogalli, "SLEEF: A Portable Vectorized Library of C Standard Mathematical
// Functions", IEEE TPDS 31, 2020; sleefsimdsp.c, sleefsimddp.c). The argument is reduced by
// multiples of ln 2 in two parts, a polynomial gives the rest, and 2^q is multiplied in two steps,
// so that results may become subnormal. Coefficients and the order of the operations decide the
// bits; every operation rounds once, and std::fma stands where one rounding is meant.
//
// There is no branch, no table and no call but fma, so that loops over these functions vectorize.
// A condition selects by masks: compilers thread jumps through chains of ?: instead. Compiled with
// -ffp-contract=off.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/target.hpp"

namespace rectify::elementary {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// a where `condition` holds, else b.
template <class T>
RECTIFY_INLINE T select(bool condition, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto mask = static_cast<Bits<T>>(Bits<T>{0} - Bits<T>{condition});
    return std::bit_cast<T>((std::bit_cast<Bits<T>>(a) & mask) |
                            (std::bit_cast<Bits<T>>(b) & ~mask));
  } else {
    return condition ? a : b;
  }
}

/// An unevaluated sum, high + low.
template <class T>
struct Two {
  T high, low;
};

/// x + y and its rounding error, if |x| >= |y| (Dekker).
template <class T>
RECTIFY_INLINE Two<T> fast_add(T x, T y) {
  const T sum = x + y;
  return {sum, (x - sum) + y};
}
template <class T>
RECTIFY_INLINE Two<T> fast_add(T x, Two<T> y) {
  const T sum = x + y.high;
  return {sum, ((x - sum) + y.high) + y.low};
}
template <class T>
RECTIFY_INLINE Two<T> fast_add(Two<T> x, Two<T> y) {
  const T sum = x.high + y.high;
  return {sum, (((x.high - sum) + y.high) + x.low) + y.low};
}

/// The same of any x and y (Knuth).
template <class T>
RECTIFY_INLINE Two<T> add(T x, T y) {
  const T sum = x + y;
  const T rest = sum - x;
  return {sum, (x - (sum - rest)) + (y - rest)};
}
template <class T>
RECTIFY_INLINE Two<T> add(Two<T> x, T y) {
  const Two<T> sum = add(x.high, y);
  return {sum.high, sum.low + x.low};
}
template <class T>
RECTIFY_INLINE Two<T> add(Two<T> x, Two<T> y) {
  const Two<T> sum = add(x.high, y.high);
  return {sum.high, sum.low + (x.low + y.low)};
}
template <class T>
RECTIFY_INLINE Two<T> add(T x, Two<T> y) {
  const Two<T> sum = add(x, y.high);
  return {sum.high, sum.low + y.low};
}

template <class T>
RECTIFY_INLINE Two<T> multiply(Two<T> x, T y) {
  const T product = x.high * y;
  return {product, std::fma(x.low, y, std::fma(x.high, y, -product))};
}
template <class T>
RECTIFY_INLINE Two<T> multiply(Two<T> x, Two<T> y) {
  const T product = x.high * y.high;
  return {product,
          std::fma(x.high, y.low, std::fma(x.low, y.high, std::fma(x.high, y.high, -product)))};
}
template <class T>
RECTIFY_INLINE Two<T> square(Two<T> x) {
  const T product = x.high * x.high;
  return {product, std::fma(x.high + x.high, x.low, std::fma(x.high, x.high, -product))};
}

/// The whole number nearest to x, ties to even, and its bits; of |x| < 2^22 (2^51). What it gives
/// for others is selected away by those who call it.
template <class T>
struct Whole {
  T value;
  Bits<T> bits;
};
template <class T>
RECTIFY_INLINE Whole<T> nearest_whole(T x) {
  constexpr T kShift = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);
  const T shifted = x + kShift;
  return {shifted - kShift,
          static_cast<Bits<T>>(std::bit_cast<Bits<T>>(shifted) - std::bit_cast<Bits<T>>(kShift))};
}

/// x * 2^q, q a whole number in two's complement.
template <class T>
RECTIFY_INLINE T scaled(T x, Bits<T> q) {
  constexpr int kFraction = std::numeric_limits<T>::digits - 1;
  constexpr Bits<T> kBias = std::numeric_limits<T>::max_exponent - 1;
  const auto half = static_cast<Bits<T>>(static_cast<std::make_signed_t<Bits<T>>>(q) >> 1);
  const T first = std::bit_cast<T>(static_cast<Bits<T>>((half + kBias) << kFraction));
  const T second = std::bit_cast<T>(static_cast<Bits<T>>((q - half + kBias) << kFraction));
  return (x * first) * second;
}

template <class T>
inline constexpr T kPerLn2 = T(1.442695040888963407359925);
template <class T>  // ln 2, so short that products with whole numbers are exact
inline constexpr T kLn2High = sizeof(T) == 4 ? T(0.693145751953125)
                                             : T(.69314718055966295651160180568695068359375);
template <class T>  // and what is missing
inline constexpr T kLn2Low = sizeof(T) == 4 ? T(1.428606765330187045e-06)
                                            : T(.28235290563031577122588448175013436025525e-12);

/// The polynomial of ten coefficients, the highest power's first, by Estrin's scheme.
RECTIFY_INLINE double polynomial(double x, double x2, double x4, double x8, const double (&c)[10]) {
  const double high = std::fma(x2, std::fma(x, c[2], c[3]), std::fma(x, c[4], c[5]));
  const double low = std::fma(x2, std::fma(x, c[6], c[7]), std::fma(x, c[8], c[9]));
  return std::fma(x8, std::fma(x, c[0], c[1]), std::fma(x4, high, low));
}

RECTIFY_INLINE float exp(float x) {
  const Whole<float> q = nearest_whole(x * kPerLn2<float>);
  float s = std::fma(q.value, -kLn2High<float>, x);
  s = std::fma(q.value, -kLn2Low<float>, s);
  float u = 0.000198527617612853646278381f;
  u = std::fma(u, s, 0.00139304355252534151077271f);
  u = std::fma(u, s, 0.00833336077630519866943359f);
  u = std::fma(u, s, 0.0416664853692054748535156f);
  u = std::fma(u, s, 0.166666671633720397949219f);
  u = std::fma(u, s, 0.5f);
  u = scaled(1.0f + std::fma(s * s, u, s), q.bits);
  u = select(x < -104.0f, 0.0f, u);
  return select(x > 100.0f, std::numeric_limits<float>::infinity(), u);
}

RECTIFY_INLINE double exp(double x) {
  constexpr double kCoefficients[10] = {0.2081276378237164457e-8, 0.2511210703042288022e-7,
                                        0.2755762628169491192e-6, 0.2755723402025388239e-5,
                                        0.2480158687479686264e-4, 0.1984126989855865850e-3,
                                        0.1388888888914497797e-2, 0.8333333333314938210e-2,
                                        0.4166666666666602598e-1, 0.1666666666666669072e+0};
  const Whole<double> q = nearest_whole(x * kPerLn2<double>);
  double s = std::fma(q.value, -kLn2High<double>, x);
  s = std::fma(q.value, -kLn2Low<double>, s);
  const double s2 = s * s;
  const double s4 = s2 * s2;
  double u = polynomial(s, s2, s4, s4 * s4, kCoefficients);
  u = std::fma(u, s, 0.5);
  u = std::fma(u, s, 1.0);
  u = std::fma(u, s, 1.0);
  u = scaled(u, q.bits);
  u = select(x > 0x1.62e42fefa39efp+9, std::numeric_limits<double>::infinity(), u);
  return select(x < -1000.0, 0.0, u);
}

/// exp(x) in two parts.
RECTIFY_INLINE Two<float> exp_in_two(float x) {
  const Whole<float> q = nearest_whole(x * kPerLn2<float>);
  Two<float> s = add(x, q.value * -kLn2High<float>);
  s = add(s, q.value * -kLn2Low<float>);
  float u = 0.1980960224e-3f;
  u = std::fma(u, s.high, 0.1394256484e-2f);
  u = std::fma(u, s.high, 0.8333456703e-2f);
  u = std::fma(u, s.high, 0.4166637361e-1f);
  Two<float> t = add(multiply(s, u), 0.166666659414234244790680580464f);
  t = add(multiply(s, t), 0.5f);
  t = add(s, multiply(square(s), t));
  t = fast_add(1.0f, t);
  t = {scaled(t.high, q.bits), scaled(t.low, q.bits)};
  const bool vanishes = x < -104.0f;
  return {select(vanishes, 0.0f, t.high), select(vanishes, 0.0f, t.low)};
}

RECTIFY_INLINE Two<double> exp_in_two(double x) {
  constexpr double kCoefficients[10] = {0.1602472219709932072e-9, 0.2092255183563157007e-8,
                                        0.2505230023782644465e-7, 0.2755724800902135303e-6,
                                        0.2755731892386044373e-5, 0.2480158735605815065e-4,
                                        0.1984126984148071858e-3, 0.1388888888886763255e-2,
                                        0.8333333333333347095e-2, 0.4166666666666669905e-1};
  const Whole<double> q = nearest_whole(x * kPerLn2<double>);
  Two<double> s = add(x, q.value * -kLn2High<double>);
  s = add(s, q.value * -kLn2Low<double>);
  const Two<double> s2 = square(s);
  const Two<double> s4 = square(s2);
  const double u = polynomial(s.high, s2.high, s4.high, s4.high * s4.high, kCoefficients);
  Two<double> t = fast_add(0.5, multiply(s, 0.1666666666666666574));
  t = fast_add(1.0, multiply(t, s));
  t = fast_add(1.0, multiply(t, s));
  t = fast_add(t, multiply(s4, u));
  t = {scaled(t.high, q.bits), scaled(t.low, q.bits)};
  const bool vanishes = x < -1000.0;
  return {select(vanishes, 0.0, t.high), select(vanishes, 0.0, t.low)};
}

/// exp(x) - 1, without the loss of digits near zero.
template <class T>
RECTIFY_INLINE T expm1(T x) {
  constexpr T kOverflow = sizeof(T) == 4 ? T(88.72283172607421875) : T(709.782712893383996732223);
  constexpr T kMinusOne = sizeof(T) == 4 ? T(-16.635532333438687426) : T(-36.736800569677101399);
  const Two<T> difference = add(exp_in_two(x), T{-1});
  T y = difference.high + difference.low;
  y = select(x > kOverflow, std::numeric_limits<T>::infinity(), y);
  y = select(x < kMinusOne, T{-1}, y);
  return select(x == 0, x, y);  // keeps -0.0
}

}  // namespace rectify::elementary
