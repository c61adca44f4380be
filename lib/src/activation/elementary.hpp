// exp, expm1, tanh, log, log1p and erf as PyTorch's vector loops have them.
//
// All but the float erf are SLEEF's, with errors below 1 ulp (N. Shibata and F. Petrogalli, "SLEEF: A
// Portable Vectorized Library of C Standard Mathematical Functions", IEEE TPDS 31, 2020;
// sleefsimdsp.c, sleefsimddp.c: the functions called ..._u10).
//   exp     The argument is reduced by multiples of ln 2 in two parts (Cody and Waite), a polynomial
//           gives the rest, and 2^q is multiplied in two steps, so that results may become
//           subnormal.
//   expm1   exp in two parts (T. J. Dekker, "A floating-point technique for extending the available
//           precision", 1971), less one. Where SLEEF adds in two parts without knowing which is the
//           greater, and we do, three operations give the bits of six.
//   tanh    (e - 1/e) / (e + 1/e), e = exp |x| in two parts.
//   log     The argument is 2^e m with m near 1; log m = 2 artanh((m - 1) / (m + 1)), a polynomial
//           in the square of the quotient; e ln 2 is added in two parts. log1p likewise, with m - 1
//           from x itself.
//   erf     double: 1 - p(x)^-16 up to 2.5, 1 - exp p(x) beyond, p of degree 20 and 23.
//           float: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 7.1.26, with
//           an absolute error of 1.5e-7, which PyTorch calls in its place
//           (aten/src/ATen/cpu/vec/vec256/vec256_float.h).
// Coefficients and the order of the operations decide the bits; every operation rounds once, and
// std::fma stands where one rounding is meant.
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

namespace rectify::inline v1::elementary {

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

template <class T>
inline constexpr Bits<T> kSign = ~(~Bits<T>{0} >> 1);

template <class T>
RECTIFY_INLINE T magnitude(T x) {
  return std::bit_cast<T>(std::bit_cast<Bits<T>>(x) & ~kSign<T>);
}

/// y, or -y where the sign of `of` is minus.
template <class T>
RECTIFY_INLINE T with_sign(T y, T of) {
  return std::bit_cast<T>(std::bit_cast<Bits<T>>(y) ^ (std::bit_cast<Bits<T>>(of) & kSign<T>));
}

template <class T>
RECTIFY_INLINE bool is_nan(T x) {
  return x != x;  // NOLINT(misc-redundant-expression): true for NaN alone
}

/// How x * y + z is computed: in one operation, or of float in double. There the product is exact, but
/// the sum is rounded to double before it is rounded to float, which is not always the same.
enum class Fma : std::uint8_t { once, in_double };

template <Fma kFma, class T>
RECTIFY_INLINE T fma(T x, T y, T z) {
  if constexpr (kFma == Fma::in_double && sizeof(T) == 4) {
    return static_cast<T>(static_cast<double>(x) * static_cast<double>(y) + static_cast<double>(z));
  } else {
    return std::fma(x, y, z);
  }
}

/// An unevaluated sum, high + low.
template <class T>
struct Two {
  T high, low;
};

template <class T>
RECTIFY_INLINE Two<T> select(bool condition, Two<T> a, Two<T> b) {
  return {select(condition, a.high, b.high), select(condition, a.low, b.low)};
}
template <class T>
RECTIFY_INLINE Two<T> operator-(Two<T> x) {
  return {-x.high, -x.low};
}

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
RECTIFY_INLINE Two<T> fast_add(Two<T> x, T y) {
  const T sum = x.high + y;
  return {sum, ((x.high - sum) + y) + x.low};
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

/// The same of |x| >= |y|, by fewer operations: where Dekker's sum holds, its error is Knuth's.
template <class T>
RECTIFY_INLINE Two<T> add_smaller(T x, Two<T> y) {
  const Two<T> sum = fast_add(x, y.high);
  return {sum.high, sum.low + y.low};
}
template <class T>
RECTIFY_INLINE Two<T> add_smaller(Two<T> x, Two<T> y) {
  const Two<T> sum = fast_add(x.high, y.high);
  return {sum.high, sum.low + (x.low + y.low)};
}

template <Fma kFma = Fma::once, class T>
RECTIFY_INLINE Two<T> multiply(Two<T> x, T y) {
  const T product = x.high * y;
  return {product, fma<kFma>(x.low, y, fma<kFma>(x.high, y, -product))};
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

template <class T>
RECTIFY_INLINE Two<T> reciprocal(Two<T> x) {
  const T y = T{1} / x.high;
  return {y, y * std::fma(-x.low, y, std::fma(-x.high, y, T{1}))};
}
template <Fma kFma = Fma::once, class T>
RECTIFY_INLINE Two<T> divide(Two<T> x, Two<T> y) {
  const T inverse = T{1} / y.high;
  const T quotient = x.high * inverse;
  const T error = fma<kFma>(inverse, x.high, -quotient);
  const T rest = fma<kFma>(-y.low, inverse, fma<kFma>(-y.high, inverse, T{1}));
  return {quotient, fma<kFma>(quotient, rest, fma<kFma>(x.low, inverse, error))};
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

/// 2^q of a normal number, q a whole number in two's complement.
template <class T>
RECTIFY_INLINE T power_of_two(Bits<T> q) {
  constexpr int kFraction = std::numeric_limits<T>::digits - 1;
  constexpr Bits<T> kBias = std::numeric_limits<T>::max_exponent - 1;
  return std::bit_cast<T>(static_cast<Bits<T>>((q + kBias) << kFraction));
}

/// x * 2^q.
template <class T>
RECTIFY_INLINE T scaled(T x, Bits<T> q) {
  const auto half = static_cast<Bits<T>>(static_cast<std::make_signed_t<Bits<T>>>(q) >> 1);
  return (x * power_of_two<T>(half)) * power_of_two<T>(q - half);
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

/// Fma::in_double gives the same bits, for each of the 2^32 arguments.
template <Fma kFma = Fma::once>
RECTIFY_INLINE float exp(float x) {
  const Whole<float> q = nearest_whole(x * kPerLn2<float>);
  float s = fma<kFma>(q.value, -kLn2High<float>, x);
  s = fma<kFma>(q.value, -kLn2Low<float>, s);
  float u = 0.000198527617612853646278381f;
  u = fma<kFma>(u, s, 0.00139304355252534151077271f);
  u = fma<kFma>(u, s, 0.00833336077630519866943359f);
  u = fma<kFma>(u, s, 0.0416664853692054748535156f);
  u = fma<kFma>(u, s, 0.166666671633720397949219f);
  u = fma<kFma>(u, s, 0.5f);
  u = scaled(1.0f + fma<kFma>(s * s, u, s), q.bits);
  u = select(x < -104.0f, 0.0f, u);
  return select(x > 100.0f, std::numeric_limits<float>::infinity(), u);
}

template <Fma = Fma::once>
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

/// Which arguments of exp_in_two() matter: all, or those of which 2^q is a normal number and the low
/// part no subnormal, so that one multiplication does what two do. SLEEF has no such difference;
/// what it gives for the others is selected away by those who call it.
enum class Range : std::uint8_t { all, near };

template <Range kRange, class T>
RECTIFY_INLINE Two<T> scaled(Two<T> x, Bits<T> q) {
  if constexpr (kRange == Range::near) {
    const T power = power_of_two<T>(q);
    return {x.high * power, x.low * power};
  } else {
    return {scaled(x.high, q), scaled(x.low, q)};
  }
}

/// x - q ln 2, q the whole number nearest to x / ln 2. SLEEF adds both products by Knuth's sum, whose
/// answer is known here. The first, which has as few digits as it needs, is exact, and so is the
/// difference: x is from half to twice of it, or q is 0 (P. H. Sterbenz, "Floating-point computation",
/// 1974). That is a multiple of the last place of the second product, and so Dekker's sum holds even
/// where it is the smaller (C.-P. Jeannerod and P. Zimmermann, "FastTwoSum revisited", 2025).
template <class T>
RECTIFY_INLINE Two<T> without_ln2(T x, T q) {
  return fast_add(std::fma(q, -kLn2High<T>, x), q * -kLn2Low<T>);
}

/// exp(x) in two parts; of Range::all, x > -104 (-1000).
template <Range kRange>
RECTIFY_INLINE Two<float> exp_in_two(float x) {
  const Whole<float> q = nearest_whole(x * kPerLn2<float>);
  const Two<float> s = without_ln2(x, q.value);
  float u = 0.1980960224e-3f;
  u = std::fma(u, s.high, 0.1394256484e-2f);
  u = std::fma(u, s.high, 0.8333456703e-2f);
  u = std::fma(u, s.high, 0.4166637361e-1f);
  Two<float> t = add_smaller(0.166666659414234244790680580464f, multiply(s, u));
  t = add_smaller(0.5f, multiply(s, t));
  t = add_smaller(s, multiply(square(s), t));
  t = fast_add(1.0f, t);
  return scaled<kRange>(t, q.bits);
}

template <Range kRange>
RECTIFY_INLINE Two<double> exp_in_two(double x) {
  constexpr double kCoefficients[10] = {0.1602472219709932072e-9, 0.2092255183563157007e-8,
                                        0.2505230023782644465e-7, 0.2755724800902135303e-6,
                                        0.2755731892386044373e-5, 0.2480158735605815065e-4,
                                        0.1984126984148071858e-3, 0.1388888888886763255e-2,
                                        0.8333333333333347095e-2, 0.4166666666666669905e-1};
  const Whole<double> q = nearest_whole(x * kPerLn2<double>);
  const Two<double> s = without_ln2(x, q.value);
  const Two<double> s2 = square(s);
  const Two<double> s4 = square(s2);
  const double u = polynomial(s.high, s2.high, s4.high, s4.high * s4.high, kCoefficients);
  Two<double> t = fast_add(0.5, multiply(s, 0.1666666666666666574));
  t = fast_add(1.0, multiply(t, s));
  t = fast_add(1.0, multiply(t, s));
  t = fast_add(t, multiply(s4, u));
  return scaled<kRange>(t, q.bits);
}

template <class T>  // below it expm1 is -1
inline constexpr T kMinusOne = sizeof(T) == 4 ? T(-16.635532333438687426)
                                              : T(-36.736800569677101399);

/// exp(x) - 1, without the loss of digits near zero.
template <class T>
RECTIFY_INLINE T expm1(T x) {
  constexpr T kOverflow = sizeof(T) == 4 ? T(88.72283172607421875) : T(709.782712893383996732223);
  const Two<T> difference = add(exp_in_two<Range::all>(x), T{-1});
  T y = difference.high + difference.low;
  y = select(x > kOverflow, std::numeric_limits<T>::infinity(), y);
  y = select(x < kMinusOne<T>, T{-1}, y);
  return select(x == 0, x, y);  // keeps -0.0
}

/// The same of x < 0 and of -0.0; anything of others.
template <class T>
RECTIFY_INLINE T expm1_of_negative(T x) {
  const Two<T> difference = add_smaller(T{-1}, exp_in_two<Range::near>(x));
  const T y = select(x < kMinusOne<T>, T{-1}, difference.high + difference.low);
  return std::bit_cast<T>(std::bit_cast<Bits<T>>(y) | kSign<T>);  // of -0.0, too
}

template <class T>  // above it tanh is 1
inline constexpr T kOne = sizeof(T) == 4 ? T(8.664339742f) : T(18.714973875);

template <class T>
RECTIFY_INLINE T tanh(T x) {
  const T a = magnitude(x);
  const Two<T> e = exp_in_two<Range::near>(a);
  const Two<T> inverse = reciprocal(e);
  Two<T> quotient;
  if constexpr (sizeof(T) == 4) {
    quotient = divide(fast_add(e, -inverse), fast_add(e, inverse));
  } else {
    quotient = divide(add(e, -inverse), add(e, inverse));
  }
  const T y = select(a > kOne<T>, T{1}, quotient.high + quotient.low);
  return select(is_nan(x), x, with_sign(y, x));
}

/// What log and log1p have in common: exponent * ln 2 + 2 artanh(quotient).
template <Fma kFma = Fma::once, class T>
RECTIFY_INLINE T log_of_parts(T exponent, Two<T> quotient) {
  constexpr Two<T> kLn2 =
      sizeof(T) == 4 ? Two<T>{T(0.69314718246459960938f), T(-1.904654323148236017e-09f)}
                     : Two<T>{T(0.693147180559945286226764), T(2.319046813846299558417771e-17)};
  const T x2 = quotient.high * quotient.high;
  T p;
  if constexpr (sizeof(T) == 4) {
    p = T(0.3027294874e+0f);
    p = fma<kFma>(p, x2, T(0.3996108174e+0f));
    p = fma<kFma>(p, x2, T(0.6666694880e+0f));
  } else {
    const T x4 = x2 * x2;
    const T high = std::fma(x4, 0.1532076988502701353e+0,
                            std::fma(x2, 0.1525629051003428716e+0, 0.1818605932937785996e+0));
    const T low = std::fma(x4, std::fma(x2, 0.2222214519839380009e+0, 0.2857142932794299317e+0),
                           std::fma(x2, 0.3999999999635251990e+0, 0.6666666666667333541e+0));
    p = std::fma(x4 * x4, high, low);
  }
  Two<T> sum = multiply<kFma>(kLn2, exponent);
  sum = fast_add(sum, Two<T>{quotient.high * 2, quotient.low * 2});
  sum = fast_add(sum, (x2 * quotient.high) * p);
  return sum.high + sum.low;
}

/// floor(log2 x) of a normal x above zero, in two's complement.
template <class T>
RECTIFY_INLINE Bits<T> exponent_of(T x) {
  constexpr int kFraction = std::numeric_limits<T>::digits - 1;
  constexpr Bits<T> kBias = std::numeric_limits<T>::max_exponent - 1;
  return ((std::bit_cast<Bits<T>>(x) >> kFraction) & (2 * kBias + 1)) - kBias;
}

/// A small whole number in two's complement as a T.
template <class T>
RECTIFY_INLINE T number_of(Bits<T> whole) {
  constexpr T kShift = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);
  return std::bit_cast<T>(static_cast<Bits<T>>(whole + std::bit_cast<Bits<T>>(kShift))) - kShift;
}

template <class T>
RECTIFY_INLINE T log(T x) {
  constexpr int kFraction = std::numeric_limits<T>::digits - 1;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const bool tiny = x < std::numeric_limits<T>::min();
  const T normal = select(tiny, x * T(0x1p64), x);
  const Bits<T> e = exponent_of(normal * T(1.0 / 0.75));
  const T m =
      std::bit_cast<T>(static_cast<Bits<T>>(std::bit_cast<Bits<T>>(normal) - (e << kFraction)));
  T y = log_of_parts(number_of<T>(select(tiny, static_cast<Bits<T>>(e - 64), e)),
                     divide(add(T{-1}, m), add(T{1}, m)));
  y = select(x == kInfinity, kInfinity, y);
  y = select((x < 0) | is_nan(x), std::numeric_limits<T>::quiet_NaN(), y);
  return select(x == 0, -kInfinity, y);
}

/// Whether arguments of log1p come near the greatest number.
enum class Reach : std::uint8_t { moderate, full };

/// log(1 + x) of x >= 0 or NaN, as what exp gives is. Very far out (1e38, 1e307) SLEEF takes log(x);
/// with Reach::moderate, which saves half of the work, the result is infinite there.
/// Fma::in_double gives the same bits, for each float32.
template <Reach kReach, Fma kFma = Fma::once, class T>
RECTIFY_INLINE T log1p(T x) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  constexpr T kBound = sizeof(T) == 4 ? T(0x1.2ced32p+126) : T(0x1.c7b1f3cac7433p+1019);
  const Bits<T> e = exponent_of((x + T{1}) * T(1.0 / 0.75));
  const T scale = power_of_two<T>(Bits<T>{0} - e);
  const T m = fma<kFma>(x, scale, scale - T{1});
  const T y = log_of_parts<kFma>(number_of<T>(e), divide<kFma>(Two<T>{m, T{0}}, fast_add(T{2}, m)));
  if constexpr (kReach == Reach::full) return select(x > kBound, log(x), y);
  return select(x > kBound, kInfinity, y);
}

/// Abramowitz and Stegun's polynomial, of 1 / (1 + 0.3275911 |x|).
template <Fma kFma = Fma::once>
RECTIFY_INLINE float erf_polynomial(float t) {
  float r = fma<kFma>(1.061405429f, t, -1.453152027f);
  r = fma<kFma>(r, t, 1.421413741f);
  r = fma<kFma>(r, t, -0.284496736f);
  return fma<kFma>(r, t, 0.254829592f);
}

template <Fma kFma = Fma::once>
RECTIFY_INLINE float erf(float x) {
  const float t = 1.0f / fma<kFma>(0.3275911f, magnitude(x), 1.0f);
  return with_sign(fma<kFma>(-exp<kFma>(-(x * x)) * t, erf_polynomial<kFma>(t), 1.0f), x);
}

/// exp of a number in two parts, as erf takes it; less exact than exp_in_two().
RECTIFY_INLINE double exp_of_two(Two<double> x) {
  constexpr double kCoefficients[10] = {
      2.51069683420950419527139e-08, 2.76286166770270649116855e-07, 2.75572496725023574143864e-06,
      2.48014973989819794114153e-05, 0.000198412698809069797676111, 0.0013888888939977128960529,
      0.00833333333332371417601081,  0.0416666666665409524128449,   0.166666666666666740681535,
      0.500000000000000999200722};
  const Whole<double> q = nearest_whole((x.high + x.low) * kPerLn2<double>);
  Two<double> s = add(x, q.value * -kLn2High<double>);
  s = add(s, q.value * -kLn2Low<double>);
  const double sum = s.high + s.low;
  s = {sum, (s.high - sum) + s.low};
  const double s2 = s.high * s.high;
  const double s4 = s2 * s2;
  const double u = polynomial(s.high, s2, s4, s4 * s4, kCoefficients);
  Two<double> t = fast_add(1.0, s);
  t = fast_add(t, multiply(square(s), u));
  return select(x.high < -1000.0, 0.0, scaled(t.high + t.low, q.bits));
}

/// Up to here the double erf takes the first of its polynomials.
inline constexpr double kErfNear = 2.5;

/// kIsNear: |of| <= kErfNear, so that half of the work can be left out.
template <Fma = Fma::once, bool kIsNear = false>
RECTIFY_INLINE double erf(double of) {
  // Two polynomials, of which each place of the arrays has a coefficient: up to kErfNear, and beyond.
  constexpr double kNear[21] = {
      -0.2083271002525222097e-14, 0.7151909970790897009e-13,  -0.1162238220110999364e-11,
      0.1186474230821585259e-10,  -0.8499973178354613440e-10, 0.4507647462598841629e-9,
      -0.1808044474288848915e-8,  0.5435081826716212389e-8,   -0.1143939895758628484e-7,
      0.1215442362680889243e-7,   0.1669878756181250355e-7,   -0.9808074602255194288e-7,
      0.1389000557865837204e-6,   0.2945514529987331866e-6,   -0.1842918273003998283e-5,
      0.3417987836115362136e-5,   0.3860236356493129101e-5,   -0.3309403072749947546e-4,
      0.1060862922597579532e-3,   0.2323253155213076174e-3,   0.1490149719145544729e-3};
  constexpr double kFar[21] = {
      -0.4024015130752621932e-18, 0.3847193332817048172e-16,  -0.1749316241455644088e-14,
      0.5029618322872872715e-13,  -0.1025221466851463164e-11, 0.1573695559331945583e-10,
      -0.1884658558040203709e-9,  0.1798167853032159309e-8,   -0.1380745342355033142e-7,
      0.8525705726469103499e-7,   -0.4160448058101303405e-6,  0.1517272660008588485e-5,
      -0.3341634127317201697e-5,  -0.2515023395879724513e-5,  0.6539731269664907554e-4,
      -0.3551065097428388658e-3,  0.1210736097958368864e-2,   -0.2605566912579998680e-2,
      0.1252823202436093193e-2,   0.1820191395263313222e-1,   -0.1021557155453465954e+0};
  const double x = magnitude(of);
  const double x2 = x * x;
  const double x4 = x2 * x2;
  const double x8 = x4 * x4;
  const bool near = kIsNear || x <= kErfNear;
  const auto c = [&](int i) RECTIFY_ALWAYS_INLINE { return select(near, kNear[i], kFar[i]); };
  const auto four = [&](int i) RECTIFY_ALWAYS_INLINE {
    return std::fma(x2, std::fma(x, c(i), c(i + 1)), std::fma(x, c(i + 2), c(i + 3)));
  };
  const double middle =
      std::fma(x8, std::fma(x4, four(5), four(9)), std::fma(x4, four(13), four(17)));
  const double t = std::fma(x8 * x8, std::fma(x4, c(0), four(1)), middle);
  const auto multiply_add = [](double a, Two<double> y, Two<double> z)
                                RECTIFY_ALWAYS_INLINE { return fast_add(z, multiply(y, a)); };
  const Two<double> c2 =
      select(near, Two<double>{0.0092877958392275604405, 7.9287559463961107493e-19},
             Two<double>{-0.63691044383641748361, -2.4249477526539431839e-17});
  const Two<double> c1 =
      select(near, Two<double>{0.042275531758784692937, 1.3785226620501016138e-19},
             Two<double>{-1.1282926061803961737, -6.2970338860410996505e-17});
  const Two<double> c0 =
      select(near, Two<double>{0.07052369794346953491, 9.5846628070792092842e-19},
             Two<double>{-1.2261313785184804967e-05, -5.5329707514490107044e-22});
  Two<double> p =
      multiply_add(x2, multiply_add(x, Two<double>{t, 0.0}, c2), multiply_add(x, c1, c0));
  const Two<double> power = square(square(square(square(fast_add(1.0, multiply(p, x))))));
  Two<double> rest = reciprocal(power);
  if constexpr (!kIsNear) rest = select(near, rest, Two<double>{exp_of_two(p), 0.0});
  p = add(rest, -1.0);
  double y = -(p.high + p.low);
  y = select(x < 1e-8, x * 1.12837916709551262756245475959, y);
  y = select(x >= 6, 1.0, y);
  y = select(of == 0, 0.0, y);
  return with_sign(y, of);
}

}  // namespace rectify::inline v1::elementary
