// exp as PyTorch's scalar loops have it, for the few places where the answer depends on which
// elements they take: the C library's. float32's is glibc's since 2.28, which is not rounded
// correctly, by its algorithm (sysdeps/ieee754/flt-32/e_expf.c, Arm's optimized routines): x is
// k / 32 ln 2 + r, 2^(k / 32) stands in a table, and a cubic in double gives the rest. float64's is
// the machine's own.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace rectify::inline v1::c_library {

inline double exp(double x) { return std::exp(x); }

inline float exp(float x) {
  constexpr double kPowers[32] = {
      0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
      0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
      0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
      0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
      0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
      0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
      0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
      0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
  };
  constexpr double kShift = 0x1.8p52;
  constexpr float kVanishing = -0x1.9fe368p6f;  // -103.97: below the least subnormal
  constexpr float kOverflow = 0x1.62e42ep6f;    // 88.72
  if (std::isnan(x)) return x;
  if (x <= kVanishing) return 0.0f;
  if (x > kOverflow) return std::numeric_limits<float>::infinity();
  const double z = 0x1.71547652b82fep+0 * 32 * static_cast<double>(x);
  const double shifted = z + kShift;
  const auto k = std::bit_cast<std::uint64_t>(shifted);
  const double r = z - (shifted - kShift);
  const double power = std::bit_cast<double>(std::bit_cast<std::uint64_t>(kPowers[k % 32]) +
                                             (((k - k % 32) / 32) << 52));
  const double high =
      std::fma(0x1.c6af84b912394p-5 / 32 / 32 / 32, r, 0x1.ebfce50fac4f3p-3 / 32 / 32);
  const double low = std::fma(0x1.62e42ff0c52d6p-1 / 32, r, 1.0);
  return static_cast<float>(std::fma(high, r * r, low) * power);
}

}  // namespace rectify::inline v1::c_library
