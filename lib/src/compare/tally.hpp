// What a Tally holds, for the files that are its parts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compare/rectifiers.hpp"
#include "compare/unit.hpp"
#include "rectify/compare.hpp"

namespace rectify::inline v1 {

struct Tally::State {
  State(const CompareOptions& options, DType dtype, const Shape& shape);

  CompareOptions options;
  Shape shape;                       // the first size is that of the rows so far
  std::optional<std::int64_t> axis;  // of the units, counted from the first
  std::size_t per_row = 1;           // elements of a row
  detail::Modes modes;
  detail::Kept kept;
  detail::Rectifiers rectifiers{modes, kept};
  std::vector<std::uint64_t> classes;  // of the histogram, or nothing

  DType dtype() const { return modes.dtype; }
  std::size_t units() const { return kept.inputs.size(); }
  void resize(std::size_t units) { kept.resize(modes, units); }
  /// Rows so far; a tensor without dimensions is a row once it is there.
  std::uint64_t rows() const;
  /// Throws Error{data} if the values could not be counted then.
  void append_rows(std::int64_t more);
};

namespace detail {

/// Throws Error{unsupported} unless the mode takes such a tensor, and its figures can be kept.
void check_mode(const Module& mode, DType dtype, const Shape& shape);

/// Of a unit, under any mode.
Outcome outcome_of(const Modes& modes, const Kept& kept, std::size_t mode, std::size_t unit);

/// Adds to the outcome under a mode that keeps_positive what the inputs tell of it; or takes it away.
void complete(Outcome& outcome, const Plan& plan, const Inputs& in, bool undo = false);

/// An extreme as a figure of the dtype.
Figure figure_of(DType dtype, Key key);

/// How many classes a histogram has, and the counting.
inline constexpr std::size_t kClassesOfASign = std::size_t{255} * 8;
void add_classes(std::vector<std::uint64_t>& classes, const Tensor& slab);

}  // namespace detail
}  // namespace rectify::inline v1
