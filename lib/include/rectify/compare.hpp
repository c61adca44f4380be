// What several activations do to the same input, unit by unit, and which units are dead: the
// figures of `rectify compare`, without a word of output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "rectify/activation.hpp"
#include "rectify/api.hpp"
#include "rectify/stream.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

/// The axis of PyTorch's features and channels: 1 of tensors of 4 and 5 dimensions, else the last.
inline constexpr std::int64_t kFeatures = std::numeric_limits<std::int64_t>::min();

/// What partial figures, and who keeps them, show damage by: 64-bit FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo)
/// in hexadecimal.
std::string checksum(std::string_view text);

/// Up to what dormancy a unit is dormant unless something else is said: Sokar's tau.
inline constexpr double kDormantBelow = 0.025;

struct CompareOptions {
  /// The axis whose indices are the units; negative ones count from the last. A tensor of fewer
  /// than 2 dimensions is one unit. Nothing: the tensor as a whole is one unit.
  std::optional<std::int64_t> unit_axis = kFeatures;
  /// What is compared; the first is the baseline that the others are compared against.
  std::vector<Module> modes;
  /// Whether Tally::histogram() is wanted, which takes some time.
  bool histogram = false;
};

/// Exact counts of the inputs; -0.0 is zero. n = nan + positive + zero + negative; infinities are
/// counted there, too.
struct InputCounts {
  std::uint64_t n = 0, nan = 0, inf = 0, positive = 0, zero = 0, negative = 0;
};

/// A figure: nothing where it is undefined (no values), an integer for the extremes of integer
/// tensors, else a double.
using Figure = std::variant<std::monostate, double, std::int64_t>;

/// Of a tensor or a unit under one activation. x is the input, y = f(x), g = f'(x) as PyTorch gives
/// them in the dtype; k = n - nan. Shares are over k. Means and std are exact sums, rounded once to
/// nearest; a zero is never negative. With k = 0 all of them are nothing, with k = 1 std is.
///
/// Infinities count as values: a mean over them is infinite, or NaN if there are both, and std is
/// NaN. A y that is NaN although its x is not (-inf under a slope of 0) makes min, max, mean, std
/// and mean_abs NaN, too.
struct Figures {
  std::uint64_t n = 0, nan = 0;
  /// #(x > 0) / k.
  Figure active_frac;
  /// #(y = 0) / k.
  Figure zero_frac;
  /// #(g != 0) / k.
  Figure live_frac;
  /// Sum of g, divided by k.
  Figure grad_mean;
  /// Of y; std with k - 1, as torch.std.
  Figure min, max, mean, std, mean_abs;
  /// Values unlike the baseline's; nothing for the baseline.
  std::optional<std::uint64_t> differs;
  /// From the baseline's values, of which equal infinities differ by 0; NaN if only one of a pair
  /// is NaN. Nothing for the baseline.
  Figure max_abs_diff;
};

struct UnitFigures : Figures {
  /// k > 0 and live_frac <= dead_below.
  bool dead = false;
  /// mean_abs / mean of mean_abs over units with k > 0 (Sokar et al. 2023); nothing for k = 0, and
  /// where that mean is 0.
  Figure dormancy;
  /// k > 0 and dormancy <= dormant_below; or no unit of the tensor has a value other than zero.
  bool dormant = false;
};

struct ActivationFigures : Figures {
  explicit ActivationFigures(Module of) : mode(std::move(of)) {}

  Module mode;
  std::uint64_t dead_units = 0;
  /// Of all units.
  Figure dead_frac;
  /// With active_frac = 1.
  std::uint64_t linear_units = 0;
  std::uint64_t dormant_units = 0;
  /// Of all units.
  Figure dormant_frac;
  /// Indices of the dead units.
  std::vector<std::int64_t> dead_at;
  /// And of the dormant ones.
  std::vector<std::int64_t> dormant_at;
  std::vector<UnitFigures> units;
};

struct TensorFigures {
  DType dtype = DType::float32;
  Shape shape;
  /// Counted from the first; nothing if the tensor is one unit.
  std::optional<std::int64_t> unit_axis;
  std::int64_t units = 0;
  InputCounts input;
  std::vector<InputCounts> unit_inputs;
  std::vector<ActivationFigures> activations;
};

/// Whether an activation takes values along the first dimension together, so that no slab of fewer
/// rows than all can be added by itself.
bool needs_whole(const CompareOptions& options, const Shape& shape);

/// Mergeable figures of one tensor: exact counts and exact sums, so that neither the order nor the
/// division into slabs, threads or parts shows in a result. Memory grows with the number of units
/// alone: about 400 bytes each for relu and one leaky. A slab of many rows is added faster than the
/// same rows in small slabs. A Tally may be used by one thread at a time.
///
/// Where the rows are the units (unit_axis 0), order matters: rows become units in the order in
/// which they are added, and those of a merged tally follow this one's.
class Tally {
 public:
  /// Without a tensor: may only be assigned to.
  Tally();
  /// Of a tensor without rows yet, of this dtype and shape (whose first size does not count).
  /// Throws as the activations' check() does, Error{usage} if there is no such unit axis, and
  /// Error{unsupported} for an activation that changes the shape or the dtype.
  Tally(const CompareOptions& options, DType dtype, const Shape& shape);
  Tally(Tally&&) noexcept;
  Tally& operator=(Tally&&) noexcept;
  ~Tally();

  /// Adds rows: a slab along the first dimension, of the dtype and the other sizes given at the
  /// start, else Error{data}. A 0-d tensor is added once, and so is one that an activation
  /// needs_whole(), else Error{usage}.
  void add(const Tensor& slab);

  /// Adds another tally of the same tensor. Throws Error{data} that says what differs if it is
  /// not.
  void merge(const Tally& other);

  /// Everything at once. Costs time for each unit.
  TensorFigures figures(double dead_below = 0.0, double dormant_below = kDormantBelow) const;

  /// Counts of inputs in classes of about 9 % of their size, from the least to the greatest: finite
  /// values only. Needs CompareOptions::histogram.
  struct Bin {
    double low, high;
    std::uint64_t count;
  };
  std::vector<Bin> histogram() const;

  /// The state of one mode as the text of a JSON object, complete enough to be merged: version,
  /// counts, extremes, exact sums, and the checksum() of all that. No blanks; members by name, which is
  /// the text that the checksum is of.
  std::string partial(std::size_t mode) const;

  /// The tally whose partial() texts, one for each mode, these are. Throws Error{data} for what is
  /// not such a text, for another version, for damage, and for counts that cannot be.
  static Tally from_partial(const CompareOptions& options, DType dtype, const Shape& shape,
                            const std::vector<std::string>& texts);

 private:
  struct RECTIFY_LOCAL State;
  std::unique_ptr<State> state_;
};

/// A tensor's Tally, where it is from (an input, or "FILE:NAME" of a file of several tensors), and a
/// header's names of its columns.
struct Compared {
  std::string source;
  std::vector<std::string> names;
  Tally tally;
};

/// A Tally for every tensor of the source; the values of JSON Lines are the rows of one. In
/// blocks, on several threads, in memory that does not grow with the number of rows, unless an
/// activation needs_whole(): then the tensor is gathered first, and a part of it is Error{usage}.
/// Throws the Error that stands first in the input, with its place.
std::vector<Compared> compare(Source& source, const ReadOptions& read,
                              const CompareOptions& options, const RunOptions& run = {});

/// The same for several inputs, one after the other. Small files are in flight at once. If `failed`
/// is not null, it is called in the calling thread with what is wrong with one of them: nothing of
/// that one is in the result, and the others are read. Error{usage} is thrown in any case.
std::vector<Compared> compare(const Sources& sources, const ReadOptions& read,
                              const CompareOptions& options, const RunOptions& run = {},
                              const std::function<void(const Error&)>& failed = nullptr);

}  // namespace v1
}  // namespace rectify
