// gelu: x times the normal distribution function, by erf or by an approximation with tanh.

#include <bit>
#include <cmath>
#include <cstdint>

#include "activation/elementary.hpp"
#include "activation/loops.hpp"

namespace rectify::inline v1 {
namespace function {

using elementary::magnitude;
using elementary::select;
using elementary::with_sign;

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kTwoOverSqrtPi = 1.12837916709551257390;

/// What oneDNN, to which PyTorch leaves float32, makes of it with AVX2 (src/cpu/x64/injectors/
/// jit_uni_eltwise_injector.cpp: gelu_erf_compute_vector_fwd and _bwd): erf by Abramowitz and Stegun
/// 7.1.26, with an exp of its own. Fma::in_double gives the same bits, for each float32.
struct OneDnnGelu {
  static constexpr Integers integers = Integers::none;

  explicit OneDnnGelu(const Values&) {}

  /// Of x <= 0, since it is -z^2. (oneDNN also lowers what is above ln of the greatest number.) Of NaN
  /// a number, which the caller multiplies by NaN.
  template <class How>
  RECTIFY_INLINE static float exp(float x, How& how) {
    constexpr float kLnLeastNormal = std::bit_cast<float>(0xC2AEAC50u);
    constexpr float kPerLn2 = std::bit_cast<float>(0x3FB8AA3Bu);
    constexpr float kLn2 = std::bit_cast<float>(0x3F317218u);
    float r = select(x > kLnLeastNormal, x, kLnLeastNormal);
    const float n = how.floor(r * kPerLn2 + 0.5f);
    r = elementary::fma<How::kFma>(-n, kLn2, r);
    const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n - 1) + 127);
    const float half_power = select(x < kLnLeastNormal, 0.0f, std::bit_cast<float>(exponent << 23));
    float y = elementary::fma<How::kFma>(0.00828929059f, r, 0.0418978221f);
    y = elementary::fma<How::kFma>(y, r, 0.166676521f);
    y = elementary::fma<How::kFma>(y, r, 0.499991506f);
    y = elementary::fma<How::kFma>(y, r, 0.999999701f);
    y = elementary::fma<How::kFma>(y, r, 1.0f);
    return y * half_power * 2.0f;
  }

  struct Parts {
    float x, density, erf;  // exp(-x^2) is the density
  };
  template <class How>
  RECTIFY_INLINE static Parts parts_of(float input, How& how) {
    constexpr float kSqrtHalfFloat = std::bit_cast<float>(0x3F3504F3u);
    constexpr float kP = std::bit_cast<float>(0x3EA7BA05u);
    const float x = input * kSqrtHalfFloat;
    const float density = exp(-(x * x), how);
    const float t = 1.0f / elementary::fma<How::kFma>(kP, magnitude(x), 1.0f);
    const float erf = elementary::fma<How::kFma>(-density * t, how.erf_polynomial(t), 1.0f);
    return {x, density, with_sign(erf, input)};
  }

  template <class How>
  RECTIFY_INLINE float forward(float x, How& how) const {
    const float half = x * 0.5f;
    return elementary::fma<How::kFma>(parts_of(x, how).erf, half, half);
  }
  template <class How>
  RECTIFY_INLINE float derivative(float x, How& how) const {
    constexpr float kInvSqrtPi = std::bit_cast<float>(0x3F106EBAu);
    const Parts parts = parts_of(x, how);
    return elementary::fma<How::kFma>(parts.erf, 0.5f, parts.x * kInvSqrtPi * parts.density + 0.5f);
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: GeluKernelImpl and GeluBackwardKernelImpl.
template <class T>
struct ErfGelu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit ErfGelu(const Values&) {}

  RECTIFY_INLINE static bool is_near(double x) {
    return magnitude(x * kSqrtHalf) <= elementary::kErfNear;
  }

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    return x * C(0.5) * (1 + how.erf(x * C(kSqrtHalf)));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    constexpr C kBeta = C(kTwoOverSqrtPi * kSqrtHalf * 0.5);
    const C e = how.erf(x * C(kSqrtHalf));
    const C density = kBeta * how.exp(x * x * C(-0.5));
    return how.fma(x, density, C(0.5) * (1 + e));
  }
};

/// The same with approximate='tanh'.
template <class T>
struct TanhGelu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;
  static constexpr bool doubts = true;
  static constexpr C kBeta = C(1.41421356237309504880 * kTwoOverSqrtPi * 0.5);
  static constexpr C kKappa = C(0.044715);

  explicit TanhGelu(const Values&) {}

  template <class How>
  RECTIFY_INLINE C forward(C x, How& how) const {
    const C inner = kBeta * how.fma(kKappa, x * x * x, x);
    return C(0.5) * x * (1 + how.tanh(inner));
  }
  template <class How>
  RECTIFY_INLINE C derivative(C x, How& how) const {
    const C square = x * x;
    const C t = how.tanh(kBeta * how.fma(kKappa, square * x, x));
    const C of_tanh = how.fma(-t, t, C{1});
    const C of_inner = kBeta * how.fma(C{3} * kKappa, square, C{1});
    return how.fma(C(0.5), 1 + t, C(0.5) * x * of_tanh * of_inner);
  }
};

template <class T>
using Gelu = std::conditional_t<std::is_same_v<T, float>, OneDnnGelu, ErfGelu<T>>;

}  // namespace function

namespace {

template <class Op>
void gelu(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
          const Values& values) {
  const bool by_tanh = values[0] != 0;
  by_tanh ? elementwise<function::TanhGelu, Op>(dtype, from, to, extent, values)
          : elementwise<function::Gelu, Op>(dtype, from, to, extent, values);
}

}  // namespace

void gelu_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                  const Values& values) {
  gelu<Forward>(dtype, from, to, extent, values);
}

void gelu_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                   const Values& values) {
  gelu<Backward>(dtype, from, to, extent, values);
}

}  // namespace rectify::inline v1
