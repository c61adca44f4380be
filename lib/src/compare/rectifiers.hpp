// The collector for rectifiers, of which an Activation's traits tell: what is above zero is counted
// and summed once for all of them, and each adds what it makes of the values below; their gradients
// follow from the counts. Counts the inputs for all modes. blocks.hpp has the collector for the
// others.
#pragma once

#include <array>
#include <optional>
#include <tuple>
#include <vector>

#include "compare/unit.hpp"
#include "kernels/exact.hpp"
#include "rectify/tensor.hpp"

namespace rectify::inline v1::detail {

class Rectifiers {
 public:
  /// Adds to `kept`; both must outlive it and stay where they are.
  Rectifiers(const Modes& modes, Kept& kept);

  void add(const Tensor& slab, const Layout& layout);

  /// Adds to the units what is held back for later, so that what is kept is complete.
  void settle();

 private:
  using StripUnits = std::array<std::size_t, kernel::kStripLanes>;

  template <class T>
  void add_value(std::size_t unit, Compute<T> x);
  template <class T>
  void add_block(const kernel::BlockOf<T>& values, const std::size_t* units);
  template <class T>
  void add_slab(const T* x, const Layout& layout);
  template <class T>
  void add_integers(const T* x, const Layout& layout);
  template <class T>
  void add_differences_from_zero(std::size_t unit, std::uint64_t count, Compute<T> lowest);

  void plan_strips();
  bool strips_serve() const { return one_pass_ && not_fitting_ < 64 + fitting_ / 4; }
  template <class T>
  kernel::Rule<Compute<T>> rule_of(int exponent) const;
  template <class T>
  void add_matrix(const T* x, std::size_t rows, std::size_t columns, std::size_t inner);
  template <class T>
  void add_run(const kernel::BlockOf<T>& block, std::size_t unit);
  template <class T, class Units>
  void add_to_strip(kernel::BlockOf<T> block, const Units& units, kernel::Strip<Compute<T>>& strip);
  template <class T>
  void add_apart(kernel::BlockOf<T> block, const StripUnits& units);
  template <class T>
  void settle(kernel::Strip<Compute<T>>& strip, std::size_t lanes, const StripUnits& of);
  StripUnits units_of(std::size_t strip) const;
  static StripUnits all_of(std::size_t unit);

  const Modes& modes_;
  Kept& kept_;

  // Columns whose sums are not yet among those of their units (which would take as long as adding
  // dozens of values), where the kernel has strips and the modes allow it.
  bool one_pass_ = false;
  std::optional<std::size_t> stripped_;  // the one rectifier that is not flat, if any
  int strip_shift_ = 0;                  // its sums are in units of 2^(exponent - strip_shift_)
  template <class C>
  struct Strips {
    std::vector<kernel::Strip<C>> of_columns;
    kernel::Strip<C> run;  // of values of one unit
    kernel::Rule<C> rule;
    std::optional<int> exponent;  // that the rule is for
  };
  std::tuple<Strips<float>, Strips<double>> strips_;  // by the arithmetic
  std::size_t strip_columns_ = 0, strip_inner_ = 1;   // of the rows that they are of
  std::size_t run_unit_ = 0;
  std::uint64_t fitting_ = 0, not_fitting_ = 0;  // blocks
};

/// What is kept of a unit under a rectifier, as if it had been taken from values and gradients.
Outcome outcome_of_rectifier(const Modes& modes, const Kept& kept, std::size_t mode,
                             std::size_t unit);

}  // namespace rectify::inline v1::detail
