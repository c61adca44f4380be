// The quick way to exact sums of doubles of many sizes: integers, by the exponent.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "number/exact_sum.hpp"

namespace rectify::inline v1 {

/// The exact sums of magnitudes and of their squares, by the exponent: fractions of the same one are
/// added as integers, up to 512 of them and of their squares.
class MagnitudeSums {
 public:
  /// Whether they take magnitudes from the least to the greatest: normal numbers, and not so far apart
  /// that move_to() would take longer than what it is for.
  static bool take(double least, double greatest) {
    return least >= std::numeric_limits<double>::min() && std::isfinite(greatest) &&
           exponent(greatest) - exponent(least) <= 100;
  }

  void add(double magnitude) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(magnitude);
    const std::uint64_t fraction = (bits & (kUnit - 1)) | kUnit;
    Of& of = of_[bits >> 52];
    of.sum += fraction;
    of.squares += ExactSum::Wide{fraction} * fraction;
  }

  /// Adds the sums of what was added, which is from the least to the greatest, elsewhere.
  void move_to(double least, double greatest, ExactSum& sum, bool negative, ExactSum& squares) {
    for (std::uint64_t e = exponent(least); e <= exponent(greatest); ++e) {
      if (of_[e].sum == 0) continue;
      const int unit = static_cast<int>(e) - 1075;
      sum.add_scaled(of_[e].sum, unit, negative);
      squares.add_scaled(of_[e].squares, 2 * unit, false);
      of_[e] = {};
    }
  }

 private:
  static constexpr std::uint64_t kUnit = std::uint64_t{1} << 52;
  struct Of {
    ExactSum::Wide squares = 0;
    std::uint64_t sum = 0;
  };
  static std::uint64_t exponent(double x) { return std::bit_cast<std::uint64_t>(x) >> 52; }

  std::vector<Of> of_ = std::vector<Of>(2047);
};

}  // namespace rectify::inline v1
