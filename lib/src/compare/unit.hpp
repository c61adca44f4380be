// What is kept of a unit and how it adds up: exact counts, extremes and sums. How values get there
// is rectifiers.cpp's and blocks.cpp's, what is made of them figures.cpp's.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "half.hpp"
#include "number/exact_sum.hpp"
#include "rectify/activation.hpp"

namespace rectify::inline v1::detail {

// ---- values in order ----------------------------------------------------------------------------

/// An integer that is less where the value is: integers themselves, and the bits of floating-point
/// values (of float32 for the 16-bit dtypes) with those of negative ones turned over. No NaN; both
/// zeros are 0.
using Key = std::int64_t;

template <class C>
Key key_of(C value) {
  if constexpr (std::is_same_v<C, float>) {
    const auto bits = std::bit_cast<std::int32_t>(value + 0.0f);
    return bits ^ ((bits >> 31) & 0x7FFFFFFF);
  } else if constexpr (std::is_same_v<C, double>) {
    const auto bits = std::bit_cast<std::int64_t>(value + 0.0);
    return bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF);
  } else {
    return static_cast<Key>(value);
  }
}

template <class C>
C value_of(Key key) {
  if constexpr (std::is_same_v<C, float>) {
    const auto bits = static_cast<std::int32_t>(key);
    return std::bit_cast<float>(bits ^ ((bits >> 31) & 0x7FFFFFFF));
  } else if constexpr (std::is_same_v<C, double>) {
    return std::bit_cast<double>(key ^ ((key >> 63) & 0x7FFFFFFFFFFFFFFF));
  } else {
    return static_cast<C>(key);
  }
}

struct Range {
  Key low = std::numeric_limits<Key>::max();
  Key high = std::numeric_limits<Key>::min();

  bool empty() const { return low > high; }
  void add(Key key) { add({key, key}); }
  void add(const Range& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
};

// ---- what is kept -------------------------------------------------------------------------------

/// Of a unit's inputs; the sums are those of the finite values above zero.
struct Inputs {
  std::uint64_t nan = 0, positive_infinite = 0, negative_infinite = 0;
  std::uint64_t positive = 0, zero = 0, negative = 0;  // infinities among them
  Range above, below;                                  // of the values above and below zero
  ExactSum sum, squares;

  std::uint64_t count() const { return positive + zero + negative; }
  void add(const Inputs& other) {
    nan += other.nan;
    positive_infinite += other.positive_infinite;
    negative_infinite += other.negative_infinite;
    positive += other.positive;
    zero += other.zero;
    negative += other.negative;
    above.add(other.above);
    below.add(other.below);
    sum.add(other.sum);
    squares.add(other.squares);
  }
};

/// What a rectifier makes of a unit's inputs below zero, unless all of it is zero.
struct Below {
  std::uint64_t zero = 0, infinite = 0;
  ExactSum sum, squares;

  void add(const Below& other) {
    zero += other.zero;
    infinite += other.infinite;
    sum.add(other.sum);
    squares.add(other.squares);
  }
};

/// From the baseline.
struct Difference {
  std::uint64_t count = 0;
  double greatest = 0;  // NaN if a value was NaN on one side alone

  void add(double a, double b) {
    if (a != b && !(std::isnan(a) && std::isnan(b))) add({1, std::abs(a - b)});
  }
  void add(const Difference& other) {
    count += other.count;
    if (!(other.greatest <= greatest)) greatest = std::isnan(greatest) ? greatest : other.greatest;
  }
};

/// Values that are not finite, which sums leave out.
struct Special {
  std::uint64_t nan = 0, plus_infinite = 0, minus_infinite = 0;

  bool none() const { return nan + plus_infinite + minus_infinite == 0; }
  /// The sum of all values, if there are some of these.
  double sum() const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (nan != 0 || (plus_infinite != 0 && minus_infinite != 0))
      return std::numeric_limits<double>::quiet_NaN();
    return plus_infinite != 0 ? kInfinity : -kInfinity;
  }
  /// Counts a value that is not finite; true for one that is.
  bool admits(double x) {
    if (std::isfinite(x)) return true;
    ++(std::isnan(x) ? nan : x > 0 ? plus_infinite : minus_infinite);
    return false;
  }
  void add(const Special& other) {
    nan += other.nan;
    plus_infinite += other.plus_infinite;
    minus_infinite += other.minus_infinite;
  }
};

/// All that the figures of an activation need to know of its values y and its gradients g.
struct Outcome {
  std::uint64_t zero = 0, live = 0;
  Range range;                     // of y, without NaN; zeros need not be in it
  Special y, g;                    // what is not finite
  ExactSum above, below, squares;  // of the finite y: those above zero, those below, all
  ExactSum gradients;              // of the finite g
  Difference difference;

  void add(const Outcome& other) {
    zero += other.zero;
    live += other.live;
    range.add(other.range);
    y.add(other.y);
    g.add(other.g);
    above.add(other.above);
    below.add(other.below);
    squares.add(other.squares);
    gradients.add(other.gradients);
    difference.add(other.difference);
  }
};

// ---- modes, and what is kept of all units -------------------------------------------------------

/// What is known of a mode before any value.
struct Plan {
  bool rectifier = false;  // else its values and gradients are taken from its own functions
  bool clamps = false;     // a rectifier without a slope: all below zero becomes zero, even -inf
  bool flat = false;       // every finite value below zero becomes zero
  double slope = 0;        // in the dtype's arithmetic
  double slope_below = 0;  // the gradient at zero and below, in the dtype
  // It and the baseline have values above zero as they are, and a zero of zero. If it is not a
  // rectifier, its outcomes are of min(x, 0), and of 0 in place of NaN: see complete().
  bool keeps_positive = false;
  double gradient_at_zero = 0;
  // How its differences are found: from those between the values below zero of one rectifier and the
  // zeros of another, or value by value.
  bool by_rectifiers = false, by_tiles = false;
};

struct Modes {
  DType dtype = DType::float32;
  std::vector<Module> modules;  // the first is the baseline
  std::vector<Plan> plans;      // one each

  Modes() = default;
  Modes(DType dtype, const std::vector<Module>& modules);
};

/// A unit each; of a mode's lists those that are needed for it, the others are empty.
struct Kept {
  std::vector<Inputs> inputs;
  std::vector<std::vector<Below>> below;             // of rectifiers that are not flat
  std::vector<std::vector<Outcome>> outcomes;        // of modes that are not rectifiers
  std::vector<std::vector<Difference>> differences;  // of all but the baseline

  /// Throws Error{data} if there are too many units for memory.
  void resize(const Modes& modes, std::size_t units);
  /// Adds what `other` keeps of the same modes; its first unit is `first_unit` here.
  void add(const Kept& other, std::size_t first_unit);
};

/// A slab as (outer, units, inner).
struct Layout {
  std::size_t outer = 1, units = 1, inner = 1;
  std::size_t first_unit = 0;
  bool grows = false;  // every slab has units of its own

  /// That of a place in a row of units and inner, or in several rows side by side.
  std::size_t unit_of(std::size_t column) const { return first_unit + column / inner % units; }
  /// Whether a unit's values had better be taken along `inner` than across rows.
  bool in_runs() const { return units == 1 || (inner >= 16 && outer <= inner); }
};

}  // namespace rectify::inline v1::detail
