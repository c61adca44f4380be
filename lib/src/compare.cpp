// Figures of a tensor under several activations, from exact counts and exact sums.
//
// A slab is seen as (outer, units, inner). PyTorch's rectifiers are x above zero and x * slope
// below, so what is above zero is counted and summed once for all of them, and each adds what it
// makes of the values below; their gradients follow from the counts. Any other activation of the
// table is taken through its own forward() and backward(), value by value ("general" here).

#include "rectify/compare.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <utility>

#include "compare_kernel.hpp"
#include "dispatch.hpp"
#include "exact_sum.hpp"
#include "half.hpp"
#include "rectify/error.hpp"

namespace rectify {
namespace {

using Json = nlohmann::json;

constexpr int kPartialVersion = 1;
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 62;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

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
  void add(Key key) {
    low = std::min(low, key);
    high = std::max(high, key);
  }
  void add(const Range& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
  bool operator==(const Range&) const = default;
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
    if (a == b || (std::isnan(a) && std::isnan(b))) return;
    ++count;
    enlarge(std::abs(a - b));
  }
  void add(const Difference& other) {
    count += other.count;
    enlarge(other.greatest);
  }
  void enlarge(double difference) {
    if (!(difference <= greatest)) greatest = std::isnan(greatest) ? greatest : difference;
  }
};

/// A sum of values that need not be finite.
struct Series {
  std::uint64_t nan = 0, plus_infinite = 0, minus_infinite = 0;
  ExactSum sum;

  bool finite() const { return nan + plus_infinite + minus_infinite == 0; }
  /// The sum itself where it is no finite number.
  double special() const {
    if (nan != 0 || (plus_infinite != 0 && minus_infinite != 0)) return kNan;
    return plus_infinite != 0 ? kInfinity : -kInfinity;
  }
  double mean(std::uint64_t k) const { return finite() ? sum.mean(k) : special(); }
  /// Counts a value that is not finite; true for one that is.
  bool admits(double x) {
    if (std::isfinite(x)) return true;
    ++(std::isnan(x) ? nan : x > 0 ? plus_infinite : minus_infinite);
    return false;
  }
  void add(const Series& other) {
    nan += other.nan;
    plus_infinite += other.plus_infinite;
    minus_infinite += other.minus_infinite;
    sum.add(other.sum);
  }
};

/// All that the figures of an activation need to know of its values y and its gradients g.
struct Outcome {
  std::uint64_t zero = 0, live = 0;
  Range range;  // of y, without NaN
  Series y, g;
  ExactSum squares, magnitudes;  // of finite y
  Difference difference;

  void add(const Outcome& other) {
    zero += other.zero;
    live += other.live;
    range.add(other.range);
    y.add(other.y);
    g.add(other.g);
    squares.add(other.squares);
    magnitudes.add(other.magnitudes);
    difference.add(other.difference);
  }
};

/// What is known of a mode before any value.
struct Plan {
  bool rectifier = false;  // else general
  bool clamps = false;     // relu: everything below zero becomes zero, even -inf
  bool flat = false;       // every finite value below zero becomes zero
  bool differs = false;    // whether a Difference is kept, in differences_
  double slope = 0;        // in the dtype's arithmetic
  double slope_below = 0;  // the gradient at zero and below, in the dtype
};

template <class T>
Plan plan_of(const Module& mode) {
  Plan plan;
  plan.rectifier = mode.activation().traits.rectifier;
  if (!plan.rectifier) return plan;
  plan.clamps = mode.activation().parameters.empty();
  if constexpr (is_floating<T>) {
    if (!plan.clamps) plan.slope = static_cast<double>(static_cast<Compute<T>>(mode.values()[0]));
    plan.slope_below = static_cast<double>(widen(narrow<T>(static_cast<Compute<T>>(plan.slope))));
  }
  plan.flat = plan.slope == 0;
  return plan;
}

/// A rectifier's value of x < 0, as activation.cpp has it.
template <class T>
Compute<T> value_below(const Plan& plan, Compute<T> x) {
  if (plan.clamps) return 0;
  if constexpr (is_floating<T>) {
    return widen(narrow<T>(x * static_cast<Compute<T>>(plan.slope)));
  } else {
    return 0;
  }
}

}  // namespace

using StripUnits = std::array<std::size_t, kernel::kStripLanes>;

struct Report::State {
  CompareOptions options;
  DType dtype = DType::float32;
  Shape shape;                       // the first size is that of the rows so far
  std::optional<std::int64_t> axis;  // of the units, counted from the first
  std::size_t per_row = 1;           // elements of a row
  std::vector<Plan> plans;
  bool general = false;  // any mode is not a rectifier

  std::vector<Inputs> inputs;                        // a unit each
  std::vector<std::vector<Below>> below;             // a mode each: units, or nothing
  std::vector<std::vector<Difference>> differences;  // likewise, of rectifiers
  std::vector<std::vector<Outcome>> outcomes;        // likewise, of general modes
  std::vector<std::uint64_t> classes;                // of the histogram, or nothing

  // Columns whose sums are not yet among those of their units (which would take as long as adding
  // dozens of values), where the kernel has strips and the modes allow it.
  bool one_pass = false;
  std::optional<std::size_t> stripped;  // the one mode that is not flat, if any
  float strip_factor = -1;              // of values below zero: -|slope| * 2^strip_shift
  int strip_shift = 0;
  std::vector<kernel::Strip> strips;
  std::size_t strip_columns = 0, strip_inner = 1;  // of the rows that they are of
  kernel::Strip run_strip;                         // of runs of a unit, settled after each
  kernel::Bounds bounds{};
  std::optional<int> bounds_exponent;
  std::uint64_t fitting = 0, not_fitting = 0;  // blocks

  std::size_t units() const { return inputs.size(); }
  std::uint64_t rows() const;
  void resize(std::size_t units);
  void append_rows(std::int64_t more);

  template <class T>
  void add(const T* x, std::size_t outer, std::size_t first_unit, std::size_t units,
           std::size_t inner);
  template <class T>
  void add_value(std::size_t unit, Compute<T> x);
  template <class T>
  void add_block(const T* x, std::size_t stride, std::size_t rows, std::size_t lanes,
                 const std::size_t* units, const T* ahead, std::size_t ahead_stride);
  template <class T>
  void add_matrix(const T* x, std::size_t rows, std::size_t columns, std::size_t first_unit,
                  std::size_t units, std::size_t inner);
  template <class T>
  void add_run(const T* x, std::size_t n, std::size_t unit);
  template <class T>
  void add_general(const T* x, std::size_t n, std::size_t first_unit, std::size_t units,
                   std::size_t inner);
  template <class T>
  void add_classes(const T* x, std::size_t n);

  void plan_strips();
  template <class T>
  bool strips_serve() const;
  kernel::Bounds bounds_of(int exponent) const;
  void add_strips(const float* x, std::size_t rows, std::size_t columns, std::size_t inner);
  template <class Units>
  void add_to_strip(kernel::Block block, std::size_t lanes, const Units& units,
                    kernel::Strip& strip);
  StripUnits units_of(std::size_t strip) const;
  void settle(kernel::Strip& strip, std::size_t lanes, const StripUnits& of);
  void settle();
  template <class T>
  void add_differences_from_zero(std::size_t unit, std::uint64_t count, Compute<T> lowest);

  Outcome outcome(std::size_t mode, std::size_t unit) const;
};

/// Rows so far; a tensor without dimensions is a row once it is there.
std::uint64_t Report::State::rows() const {
  if (shape.empty()) return inputs[0].nan + inputs[0].count();
  return static_cast<std::uint64_t>(shape[0]);
}

/// Throws Error{data} if the values could not be counted then.
void Report::State::append_rows(std::int64_t more) {
  Shape longer = shape;
  if (__builtin_add_overflow(longer[0], more, longer.data()))
    throw Error(ErrorKind::data, "there are more rows than can be counted");
  numel(longer, dtype);
  shape = std::move(longer);
}

void Report::State::resize(std::size_t units) {
  if (units > inputs.max_size() / 4) throw Error(ErrorKind::data, "there are too many units");
  inputs.resize(units);
  for (std::size_t c = 0; c < plans.size(); ++c) {
    if (!plans[c].rectifier) {
      outcomes[c].resize(units);
    } else {
      if (!plans[c].flat) below[c].resize(units);
    }
    if (plans[c].differs) differences[c].resize(units);
  }
}

// ---- adding -------------------------------------------------------------------------------------

template <class T>
void Report::State::add_value(std::size_t unit, Compute<T> x) {
  using C = Compute<T>;
  Inputs& in = inputs[unit];
  if constexpr (is_floating<T>) {
    if (std::isnan(x)) {
      ++in.nan;
      return;
    }
  }
  if (x == 0) {
    ++in.zero;
    return;
  }
  if (x > 0) {
    ++in.positive;
    in.above.add(key_of(x));
    if constexpr (is_floating<T>) {
      if (std::isinf(x)) {
        ++in.positive_infinite;
      } else {
        in.sum.add(static_cast<double>(x));
        in.squares.add_square(static_cast<double>(x));
      }
    } else {
      in.sum.add_integer(static_cast<std::int64_t>(x));
      in.squares.add_integer_square(static_cast<std::int64_t>(x));
    }
    return;
  }
  ++in.negative;
  in.below.add(key_of(x));
  if constexpr (is_floating<T>) {
    if (std::isinf(x)) ++in.negative_infinite;
    const C of_baseline = plans[0].rectifier ? value_below<T>(plans[0], x) : C{0};
    for (std::size_t c = 0; c < plans.size(); ++c) {
      const Plan& plan = plans[c];
      if (!plan.rectifier) continue;
      const C y = value_below<T>(plan, x);
      if (plan.differs && !general)
        differences[c][unit].add(static_cast<double>(y), static_cast<double>(of_baseline));
      if (plan.flat) continue;
      Below& to = below[c][unit];
      if (y == 0) {
        ++to.zero;
      } else if (std::isinf(y)) {
        ++to.infinite;
      } else {
        to.sum.add(static_cast<double>(y));
        to.squares.add_square(static_cast<double>(y));
      }
    }
  }
}

/// The float32 values of a block: those of float32 where they are, 16-bit ones made wider in
/// `tile`; so are blocks of fewer lanes than the kernels', filled up with zeros.
template <class T>
kernel::Block block_of(const T* x, std::size_t stride, std::size_t rows, std::size_t lanes,
                       const T* ahead, std::size_t ahead_stride, std::size_t kernel_lanes,
                       T* packed, float* tile) {
  if constexpr (std::is_same_v<T, float>) {
    if (lanes == kernel_lanes) return {x, stride, rows, ahead, ahead_stride};
  }
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(x + r * stride, lanes, packed + r * kernel_lanes);
    std::fill_n(packed + r * kernel_lanes + lanes, kernel_lanes - lanes, T{});
  }
  if constexpr (std::is_same_v<T, float>) {
    return {packed, kernel_lanes, rows, packed, 0};
  } else {
    for (std::size_t i = 0; i < rows * kernel_lanes; ++i) tile[i] = to_float(packed[i]);
    return {tile, kernel_lanes, rows, tile, 0};
  }
}

/// Adds the sums of a block to the ExactSums that to(lane) gives, layer by layer. All values of the
/// part that are not zero have magnitudes from least to greatest.
template <class To>
void add_sums(const kernel::Functions& kernel, const kernel::Block& block, kernel::Part part,
              float slope, float least, float greatest, std::size_t lanes, const To& to) {
  const int bottom = std::ilogb(least);
  if (kernel.sum_integers != nullptr && std::ilogb(greatest) - bottom < kernel::kIntegerBinades) {
    const int exponent = bottom - 23;
    const bool negative = part == kernel::Part::below && slope > 0;
    kernel::Integers sums;
    kernel.sum_integers(block, part, slope, exponent, sums);
    for (std::size_t l = 0; l < lanes; ++l) {
      const auto [sum, squares] = to(l);
      sum->add_scaled(sums.sum[l], exponent, negative);
      squares->add_scaled((ExactSum::Wide{sums.high[l]} << 52) + sums.low[l], 2 * exponent, false);
    }
    return;
  }
  for (int top = std::ilogb(greatest); top >= bottom; top -= kernel::kBinades) {
    const int end = top - (kernel::kBinades - 1);
    kernel::Sums sums;
    kernel.sum(block, part, slope, {end, top, std::ilogb(greatest) - bottom < kernel::kBinades},
               sums);
    for (std::size_t l = 0; l < lanes; ++l) {
      const auto [sum, squares] = to(l);
      sum->add(sums.sum[l]);
      squares->add(sums.high[l]);
      squares->add(sums.low[l]);
    }
  }
}

/// Adds values of float32 or of 16 bits: lane l of row r is x[r * stride + l], of units[l].
template <class T>
void Report::State::add_block(const T* x, std::size_t stride, std::size_t rows, std::size_t lanes,
                              const std::size_t* units, const T* ahead, std::size_t ahead_stride) {
  const kernel::Functions& kernel = kernel::best();
  constexpr std::size_t kValues = kernel::kRows * kernel::kMostLanes;
  T packed[kValues];
  float tile[is_half<T> ? kValues : 1];
  const kernel::Block block =
      block_of(x, stride, rows, lanes, ahead, ahead_stride, kernel.lanes, packed, tile);
  kernel::Scan scan;
  kernel.scan(block, scan);

  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  float highest = -kInfinite, lowest = kInfinite;
  float least_positive = kInfinite, greatest_negative = -kInfinite;
  for (std::size_t l = 0; l < lanes; ++l) {
    highest = std::max(highest, scan.highest[l]);
    lowest = std::min(lowest, scan.lowest[l]);
    least_positive = std::min(least_positive, scan.least_positive[l]);
    greatest_negative = std::max(greatest_negative, scan.greatest_negative[l]);
  }
  // Values below zero that become zero or infinite are counted one by one, as are infinities.
  bool plain = highest != kInfinite && lowest != -kInfinite;
  if (lowest < 0) {
    for (const Plan& plan : plans) {
      if (!plan.rectifier || plan.flat) continue;
      plain = plain && value_below<T>(plan, greatest_negative) != 0 &&
              std::isfinite(value_below<T>(plan, lowest));
    }
  }
  if (!plain) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t l = 0; l < lanes; ++l) add_value<T>(units[l], widen(x[r * stride + l]));
    }
    return;
  }

  for (std::size_t l = 0; l < lanes; ++l) {
    Inputs& in = inputs[units[l]];
    const auto positive = static_cast<std::uint64_t>(scan.positive[l]);
    const auto negative = static_cast<std::uint64_t>(scan.negative[l]);
    const auto nan = static_cast<std::uint64_t>(scan.nan[l]);
    in.nan += nan;
    in.positive += positive;
    in.zero += rows - positive - negative - nan;
    in.negative += negative;
    if (positive != 0) {
      in.above.add({key_of(scan.least_positive[l]), key_of(scan.highest[l])});
    }
    if (negative != 0) {
      in.below.add({key_of(scan.lowest[l]), key_of(scan.greatest_negative[l])});
    }
  }
  if (highest > 0) {
    add_sums(kernel, block, kernel::Part::above, 0, least_positive, highest, lanes,
             [&](std::size_t l) {
               Inputs& in = inputs[units[l]];
               return std::pair(&in.sum, &in.squares);
             });
  }
  if (!(lowest < 0)) return;

  // What a mode makes of the values below zero, as a block and a slope that the kernels
  // multiply with. 16-bit products are rounded to 16 bits, hence made here; the kernels take values
  // below zero, so that their sign goes into the slope.
  struct Scaled {
    kernel::Block block;
    float slope;
  };
  float scaled_tiles[is_half<T> ? 2 : 1][is_half<T> ? kValues : 1];
  const auto scaled = [&](std::size_t c, float* into) -> Scaled {
    if constexpr (is_half<T>) {
      T y[kValues];
      const std::size_t n = rows * kernel.lanes;
      const Module& mode = options.modes[c];
      mode.activation().forward(dtype, reinterpret_cast<const std::byte*>(packed),
                                reinterpret_cast<std::byte*>(y), {.outer = n}, mode.values());
      for (std::size_t i = 0; i < n; ++i) into[i] = tile[i] < 0 ? -std::abs(to_float(y[i])) : 0.0f;
      return {{into, kernel.lanes, rows, into, 0}, plans[c].slope > 0 ? 1.0f : -1.0f};
    } else {
      (void)into;
      return {block, static_cast<float>(plans[c].slope)};
    }
  };
  const Plan& baseline = plans[0];
  std::optional<Scaled> of_baseline;
  for (std::size_t c = 0; c < plans.size(); ++c) {
    const Plan& plan = plans[c];
    if (!plan.rectifier) continue;
    Scaled values{};
    if (!plan.flat) {
      values = scaled(c, scaled_tiles[is_half<T> && c != 0 ? 1 : 0]);
      if (c == 0) of_baseline = values;
      add_sums(kernel, values.block, kernel::Part::below, values.slope,
               std::abs(value_below<T>(plan, greatest_negative)),
               std::abs(value_below<T>(plan, lowest)), lanes, [&](std::size_t l) {
                 Below& to = this->below[c][units[l]];
                 return std::pair(&to.sum, &to.squares);
               });
    }
    if (!plan.differs || general || plan.slope == baseline.slope || plan.flat || baseline.flat)
      continue;
    kernel::Differences found;
    kernel.differ(values.block, values.slope, of_baseline->block, of_baseline->slope, found);
    for (std::size_t l = 0; l < lanes; ++l) {
      differences[c][units[l]].add({static_cast<std::uint64_t>(found.count[l]), found.greatest[l]});
    }
  }
  for (std::size_t l = 0; l < lanes; ++l) {
    if (scan.negative[l] == 0) continue;
    add_differences_from_zero<T>(units[l], static_cast<std::uint64_t>(scan.negative[l]),
                                 scan.lowest[l]);
  }
}

/// From a baseline that makes zeros of `count` finite values below zero, or of such zeros from the
/// baseline: everything differs, the lowest most.
template <class T>
void Report::State::add_differences_from_zero(std::size_t unit, std::uint64_t count,
                                              Compute<T> lowest) {
  if (general) return;
  const Plan& baseline = plans[0];
  for (std::size_t c = 1; c < plans.size(); ++c) {
    const Plan& plan = plans[c];
    if (plan.slope == baseline.slope || !(plan.flat || baseline.flat)) continue;
    const Plan& other = plan.flat ? baseline : plan;
    differences[c][unit].add({count, static_cast<double>(std::abs(value_below<T>(other, lowest)))});
  }
}

/// Adds rows of `columns` values; column c is of unit first_unit + c / inner % units.
template <class T>
void Report::State::add_matrix(const T* x, std::size_t rows, std::size_t columns,
                               std::size_t first_unit, std::size_t units, std::size_t inner) {
  const std::size_t most = kernel::best().lanes;
  const auto add = [&](const T* block, std::size_t stride, std::size_t some_rows,
                       std::size_t column, const T* ahead) {
    const std::size_t lanes = std::min(most, columns - column);
    std::array<std::size_t, kernel::kMostLanes> of;
    for (std::size_t l = 0; l < lanes; ++l) of[l] = first_unit + (column + l) / inner % units;
    // Blocks side by side share the lines to fetch, which are longer than a row of one.
    add_block(block, stride, some_rows, lanes, of.data(), ahead + column / most % 2 * columns,
              columns);
  };
  constexpr std::size_t kTogether = 16;  // floats in a line of memory
  for (std::size_t r = 0; r < rows; r += kernel::kRows) {
    const std::size_t some_rows = std::min(kernel::kRows, rows - r);
    const T* const first = x + r * columns;
    if (columns <= 1024) {
      const std::size_t ahead = columns <= 64 ? kernel::kRows * columns : kTogether;
      for (std::size_t c = 0; c < columns; c += most)
        add(first + c, columns, some_rows, c, first + c + ahead);
      continue;
    }
    // The lines of long rows are far apart, and often all compete for one corner of the cache, so
    // each is read once, into a tile that is near.
    T tile[kernel::kRows * kTogether];
    for (std::size_t c = 0; c < columns; c += kTogether) {
      const std::size_t width = std::min(kTogether, columns - c);
      for (std::size_t i = 0; i < some_rows; ++i) {
        const T* const from = first + i * columns + c;
        if (width == kTogether) {
          std::memcpy(tile + i * kTogether, from, sizeof(T) * kTogether);
        } else {
          std::memcpy(tile + i * kTogether, from, sizeof(T) * width);
        }
      }
      for (std::size_t lane = 0; lane < width; lane += most)
        add(tile + lane, kTogether, some_rows, c + lane, first + c + kTogether);
    }
  }
}

/// Adds values that are all of one unit.
template <class T>
void Report::State::add_run(const T* x, std::size_t n, std::size_t unit) {
  const std::size_t lanes = kernel::best().lanes;
  const std::size_t rows = n / lanes;
  if (strips_serve<T>()) {
    StripUnits units;
    units.fill(unit);
    if constexpr (std::is_same_v<T, float>) {
      const kernel::Block block{x, lanes, rows, x + 16 * lanes, lanes};
      add_to_strip(
          block, lanes, [&] { return units; }, run_strip);
    }
    settle(run_strip, lanes, units);
  } else {
    add_matrix(x, rows, lanes, unit, 1, 1);
  }
  for (std::size_t i = rows * lanes; i < n; ++i) add_value<T>(unit, widen(x[i]));
}

// ---- strips -------------------------------------------------------------------------------------

/// Sees whether the modes are such that one pass serves them all: rectifiers, and below zero
/// at most one of them makes other values than zeros.
void Report::State::plan_strips() {
  if (dtype != DType::float32 || general || kernel::best().add_rows == nullptr) return;
  for (std::size_t c = 0; c < plans.size(); ++c) {
    if (plans[c].flat) continue;
    if (stripped) {
      stripped.reset();
      return;
    }
    stripped = c;
  }
  one_pass = true;
  if (!stripped) return;
  int exponent = 0;
  strip_factor = static_cast<float>(-2 * std::frexp(std::abs(plans[*stripped].slope), &exponent));
  strip_shift = 1 - exponent;
}

/// Whether to add values by strips: not if it turns out that they are too far apart.
template <class T>
bool Report::State::strips_serve() const {
  return std::is_same_v<T, float> && one_pass && not_fitting < 64 + fitting / 4;
}

/// Products with the factor are those with the slope times 2^strip_shift as long as neither is
/// subnormal or infinite.
kernel::Bounds Report::State::bounds_of(int exponent) const {
  const float least = std::ldexp(1.0f, exponent + 23);
  const float beyond = std::ldexp(1.0f, exponent + 51);
  if (!stripped) return {least, beyond, least, beyond};
  constexpr double kNormal = std::numeric_limits<float>::min();
  const double slope = std::abs(plans[*stripped].slope);
  const double least_below = std::max(kNormal, kNormal / slope) * (1 + 0x1p-20);
  const double beyond_below = std::min(0x1p126, 0x1p126 / slope);
  return {least, beyond, static_cast<float>(std::max<double>(least, least_below)),
          static_cast<float>(std::min<double>(beyond, beyond_below))};
}

/// The exponent for a strip of such values, with room for somewhat greater ones; there need be none
/// that suits.
int exponent_for(const kernel::Block& block, std::size_t lanes) {
  constexpr int kLeast = -149 - 23;
  constexpr int kGreatest = 126 - 51;
  constexpr int kRoom = 2;
  float least = std::numeric_limits<float>::infinity();
  float greatest = 0;
  for (std::size_t r = 0; r < block.rows; ++r) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const float size = std::abs(block.first[r * block.stride + l]);
      if (!(size > 0 && std::isfinite(size))) continue;
      least = std::min(least, size);
      greatest = std::max(greatest, size);
    }
  }
  if (greatest == 0) return kLeast;
  const int lowest = std::ilogb(greatest) - 50;
  return std::clamp(std::min(lowest + kRoom, std::max(lowest, std::ilogb(least) - 23)), kLeast,
                    kGreatest);
}

/// Adds a block of `lanes` values that belong to units().
template <class Units>
void Report::State::add_to_strip(kernel::Block block, std::size_t lanes, const Units& units,
                                 kernel::Strip& strip) {
  const auto added = [&](const kernel::Block& some) {
    if (strip.exponent != bounds_exponent) {
      bounds_exponent = strip.exponent;
      bounds = bounds_of(strip.exponent);
    }
    return kernel::best().add_rows(some, lanes, strip_factor, bounds, strip);
  };
  for (std::size_t rows = block.rows; rows != 0; rows -= block.rows) {
    if (strip.rows == kernel::kStripRows) settle(strip, lanes, units());
    block.rows = std::min({rows, kernel::kStripRows - strip.rows, kernel::kRows});
    if (added(block)) {
      ++fitting;
    } else {
      const StripUnits of = units();
      settle(strip, lanes, of);
      strip.exponent = exponent_for(block, lanes);
      if (!added(block)) {
        ++not_fitting;
        add_block(block.first, block.stride, block.rows, lanes, of.data(), block.first, 0);
      }
    }
    block.first += block.rows * block.stride;
    block.ahead += block.rows * block.ahead_stride;
  }
}

/// Adds rows of which column c is of unit c / inner % units().
void Report::State::add_strips(const float* x, std::size_t rows, std::size_t columns,
                               std::size_t inner) {
  constexpr std::size_t kLanes = kernel::kStripLanes;
  if (strips.empty()) {
    kernel::Strip strip;
    strip.exponent = exponent_for({x, columns, std::min<std::size_t>(rows, 16), x, 0},
                                  std::min<std::size_t>(columns, 64));
    strips.assign((columns + kLanes - 1) / kLanes, strip);
    strip_columns = columns;
    strip_inner = inner;
  }
  // As many rows at a time as stay near while the strips take turns, but not so few that the strips
  // themselves were all there is to fetch.
  constexpr std::size_t kNearBytes = std::size_t{16} << 10;
  constexpr std::size_t kFarBytes = std::size_t{512} << 10;
  const std::size_t row_bytes = columns * sizeof *x;
  const std::size_t least = row_bytes <= 2 * kNearBytes ? 16 : 64;
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): what has no columns does not come here
  const std::size_t together = std::clamp(kNearBytes / row_bytes, least, kernel::kRows);
  // What comes next is fetched meanwhile: the rows behind these, or, if that is too far away, the
  // columns behind these.
  const bool next_rows = together * row_bytes <= kFarBytes;
  for (std::size_t r = 0; r < rows; r += together) {
    const float* const block = x + r * columns;
    const std::size_t some_rows = std::min(together, rows - r);
    for (std::size_t s = 0; s < strips.size(); ++s) {
      const float* const first = block + s * kLanes;
      const float* const ahead =
          next_rows ? block + some_rows * (columns + s * kLanes) : first + 4 * kLanes;
      add_to_strip(
          {first, columns, some_rows, ahead, next_rows ? kLanes : columns},
          std::min(kLanes, columns - s * kLanes), [&] { return units_of(s); }, strips[s]);
    }
  }
}

StripUnits Report::State::units_of(std::size_t strip) const {
  StripUnits of;
  for (std::size_t l = 0; l < of.size(); ++l)
    of[l] = (strip * kernel::kStripLanes + l) / strip_inner % units();
  return of;
}

/// Adds what a strip holds to its units.
void Report::State::settle(kernel::Strip& strip, std::size_t lanes, const StripUnits& of) {
  if (strip.rows == 0) return;
  using Wide = ExactSum::Wide;
  struct Side {
    std::uint64_t count = 0;
    Range range;
    Wide sum = 0, squares = 0;
  };
  for (std::size_t l = 0; l < lanes;) {
    const std::size_t unit = of[l];
    Side up;
    Side down;
    std::uint64_t nan = 0;
    std::uint64_t n = 0;
    float lowest = 0;
    for (; l < lanes && of[l] == unit; ++l) {
      n += strip.rows;
      nan += static_cast<std::uint64_t>(strip.nan[l]);
      if (const std::int32_t count = strip.positive[l]) {
        up.count += static_cast<std::uint64_t>(count);
        up.range.add({key_of(strip.least_positive[l]), key_of(strip.highest[l])});
        up.sum += strip.magnitudes(strip.above[l], count);
        up.squares += (Wide{strip.above_high[l]} << 52) + strip.above_low[l];
      }
      if (const std::int32_t count = strip.negative[l]) {
        down.count += static_cast<std::uint64_t>(count);
        down.range.add({key_of(strip.lowest[l]), key_of(strip.greatest_negative[l])});
        down.sum += strip.magnitudes(strip.below[l], count);
        down.squares += (Wide{strip.below_high[l]} << 52) + strip.below_low[l];
        lowest = std::min(lowest, strip.lowest[l]);
      }
    }
    Inputs& in = inputs[unit];
    in.nan += nan;
    in.zero += n - nan - up.count - down.count;
    in.positive += up.count;
    in.negative += down.count;
    in.above.add(up.range);
    in.below.add(down.range);
    in.sum.add_scaled(up.sum, strip.exponent, false);
    in.squares.add_scaled(up.squares, 2 * strip.exponent, false);
    if (down.count == 0) continue;
    if (stripped) {
      Below& to = below[*stripped][unit];
      const int exponent = strip.exponent - strip_shift;
      to.sum.add_scaled(down.sum, exponent, plans[*stripped].slope > 0);
      to.squares.add_scaled(down.squares, 2 * exponent, false);
    }
    add_differences_from_zero<float>(unit, down.count, lowest);
  }
  strip.clear();
}

void Report::State::settle() {
  for (std::size_t s = 0; s < strips.size(); ++s) {
    settle(strips[s], std::min(kernel::kStripLanes, strip_columns - s * kernel::kStripLanes),
           units_of(s));
  }
}

template <class T>
void Report::State::add(const T* x, std::size_t outer, std::size_t first_unit, std::size_t units,
                        std::size_t inner) {
  if constexpr (is_half<T> || std::is_same_v<T, float>) {
    const std::size_t lanes = kernel::best().lanes;
    if (units == 1) {
      add_run(x, outer * inner, first_unit);
    } else if (inner < 16 || outer > inner) {
      // Rows that are a few times the lanes leave few lanes idle; short ones are laid side by side
      // until they are a multiple of the lanes.
      const std::size_t columns = units * inner;
      const std::size_t together = columns < 8 * lanes ? lanes / std::gcd(lanes, columns) : 1;
      if (strips_serve<T>()) {
        if constexpr (std::is_same_v<T, float>)
          add_strips(x, outer / together, together * columns, inner);
      } else {
        add_matrix(x, outer / together, together * columns, first_unit, units, inner);
      }
      x += outer / together * together * columns;
      add_matrix(x, 1, outer % together * columns, first_unit, units, inner);
    } else {
      // Runs of a unit, joined to whole blocks where they are short.
      constexpr std::size_t kValues = kernel::kRows * kernel::kMostLanes;
      for (std::size_t u = 0; u < units; ++u) {
        T joined[kValues];
        std::size_t size = 0;
        for (std::size_t o = 0; o < outer; ++o) {
          const T* const run = x + (o * units + u) * inner;
          const std::size_t whole = inner / kValues * kValues;
          if (whole != 0) add_run(run, whole, first_unit + u);
          for (std::size_t taken = whole; taken < inner;) {
            const std::size_t more = std::min(inner - taken, kValues - size);
            std::copy_n(run + taken, more, joined + size);
            taken += more;
            size += more;
            if (size == kValues) add_run(joined, std::exchange(size, 0), first_unit + u);
          }
        }
        add_run(joined, size, first_unit + u);
      }
    }
  } else {
    for (std::size_t o = 0; o < outer; ++o) {
      for (std::size_t u = 0; u < units; ++u) {
        for (std::size_t i = 0; i < inner; ++i) add_value<T>(first_unit + u, widen(*x++));
      }
    }
  }
}

/// Through forward() and backward(), a few thousand values at a time.
template <class T>
void Report::State::add_general(const T* x, std::size_t n, std::size_t first_unit,
                                std::size_t units, std::size_t inner) {
  constexpr std::size_t kValues = 1024;
  std::array<T, kValues> baseline;
  std::array<T, kValues> value;
  std::array<T, kValues> gradient;
  const auto bytes = [](auto& array) { return reinterpret_cast<std::byte*>(array.data()); };
  for (std::size_t start = 0; start < n; start += kValues) {
    const std::size_t count = std::min(kValues, n - start);
    const auto* const from = reinterpret_cast<const std::byte*>(x + start);
    for (std::size_t c = 0; c < plans.size(); ++c) {
      const Module& mode = options.modes[c];
      const Activation& activation = mode.activation();
      auto& y = c == 0 ? baseline : value;
      activation.forward(dtype, from, bytes(y), {.outer = count}, mode.values());
      if (!plans[c].rectifier)
        activation.backward(dtype, from, bytes(gradient), {.outer = count}, mode.values());
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t unit = first_unit + (start + i) / inner % units;
        if constexpr (is_floating<T>) {
          if (std::isnan(widen(x[start + i]))) continue;
        }
        const auto y_i = widen(y[i]);
        if (plans[c].differs) {
          differences[c][unit].add(static_cast<double>(y_i),
                                   static_cast<double>(widen(baseline[i])));
        }
        if (plans[c].rectifier) continue;
        const auto g_i = widen(gradient[i]);
        Outcome& to = outcomes[c][unit];
        if (y_i == 0) ++to.zero;
        if (g_i != 0) ++to.live;
        if constexpr (is_floating<T>) {
          const auto wide = static_cast<double>(y_i);
          if (!std::isnan(y_i)) to.range.add(key_of(y_i));
          if (to.y.admits(wide)) {
            to.y.sum.add(wide);
            to.squares.add_square(wide);
            to.magnitudes.add(std::abs(wide));
          }
          if (to.g.admits(static_cast<double>(g_i))) to.g.sum.add(static_cast<double>(g_i));
        } else {
          const auto wide = static_cast<std::int64_t>(y_i);
          to.range.add(wide);
          to.y.sum.add_integer(wide);
          to.squares.add_integer_square(wide);
          to.magnitudes.add_magnitude(wide);
          to.g.sum.add_integer(static_cast<std::int64_t>(g_i));
        }
      }
    }
  }
}

// Classes of magnitudes: exponents of float32, and three bits.
constexpr std::size_t kClasses = std::size_t{255} * 8;

template <class T>
void Report::State::add_classes(const T* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = static_cast<double>(widen(x[i]));
    if (!std::isfinite(value) || value == 0) continue;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value) & ~(std::uint64_t{1} << 63);
    // Magnitudes below 2^-126 are in eight classes of one width, as the subnormals of float32;
    // those of 2^128 and above, which float64 alone has, in the last.
    constexpr std::uint64_t kFirst = (std::uint64_t{1023} - 126) << 3;
    const std::uint64_t top = bits >> 49;
    const std::size_t index =
        top < kFirst ? static_cast<std::size_t>(std::abs(value) * 0x1p129)
                     : std::min(kClasses - 1, static_cast<std::size_t>(top - kFirst + 8));
    ++classes[value < 0 ? kClasses - 1 - index : kClasses + index];
  }
}

Report::Report() : state_(std::make_unique<State>()) {}
Report::Report(Report&&) noexcept = default;
Report& Report::operator=(Report&&) noexcept = default;
Report::~Report() = default;

Report::Report(const CompareOptions& options, DType dtype, const Shape& shape) : Report() {
  State& state = *state_;
  if (options.modes.empty()) throw Error(ErrorKind::usage, "nothing to compare");
  for (const Module& mode : options.modes) mode.check(dtype, shape);
  numel(shape, dtype);
  state.options = options;
  state.dtype = dtype;
  state.shape = shape;
  const auto dimensions = static_cast<std::int64_t>(shape.size());
  if (dimensions >= 2 && options.unit_axis) {
    const std::int64_t axis = *options.unit_axis + (*options.unit_axis < 0 ? dimensions : 0);
    if (axis < 0 || axis >= dimensions) {
      throw Error(ErrorKind::usage, "there is no unit axis " + std::to_string(*options.unit_axis) +
                                        " in a tensor of " + std::to_string(dimensions) +
                                        " dimensions");
    }
    state.axis = axis;
  }
  for (std::size_t i = 1; i < shape.size(); ++i)
    state.per_row *= static_cast<std::size_t>(shape[i]);
  if (dimensions > 0) state.shape[0] = 0;

  for (const Module& mode : options.modes) {
    state.plans.push_back(
        dispatch(dtype, [&](auto type) { return plan_of<typename decltype(type)::type>(mode); }));
    state.general |= !state.plans.back().rectifier;
  }
  for (std::size_t c = 1; c < state.plans.size(); ++c) state.plans[c].differs = true;
  state.plan_strips();
  state.below.resize(state.plans.size());
  state.differences.resize(state.plans.size());
  state.outcomes.resize(state.plans.size());
  if (options.histogram) state.classes.resize(2 * kClasses);
  state.resize(!state.axis ? 1
               : *state.axis == 0
                   ? 0
                   : static_cast<std::size_t>(shape[static_cast<std::size_t>(*state.axis)]));
}

void Report::add(const Tensor& slab) {
  State& state = *state_;
  const bool same_sizes =
      slab.dim() == state.shape.size() &&
      (slab.dim() == 0 ||
       std::equal(slab.shape().begin() + 1, slab.shape().end(), state.shape.begin() + 1));
  if (slab.dtype() != state.dtype || !same_sizes) {
    throw Error(ErrorKind::data, "rows of " + std::string(name(slab.dtype())) + " " +
                                     to_string(slab.shape()) + " do not belong to a tensor of " +
                                     std::string(name(state.dtype)) + " " + to_string(state.shape));
  }
  const Shape& shape = slab.shape();
  if (slab.dim() == 0) {
    if (state.rows() != 0)
      throw Error(ErrorKind::data, "a tensor without dimensions has one value only");
  } else {
    state.append_rows(shape[0]);
  }
  std::size_t outer = 1;
  std::size_t first_unit = 0;
  std::size_t units = state.units();
  std::size_t inner = static_cast<std::size_t>(slab.numel());
  if (state.axis == 0) {
    first_unit = units;
    units = static_cast<std::size_t>(shape[0]);
    inner = state.per_row;
    state.resize(first_unit + units);
  } else if (state.axis) {
    const auto axis = static_cast<std::size_t>(*state.axis);
    inner = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (i < axis) outer *= static_cast<std::size_t>(shape[i]);
      if (i > axis) inner *= static_cast<std::size_t>(shape[i]);
    }
  }
  if (slab.numel() == 0) return;
  dispatch(state.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const x = slab.data<T>().data();
    const auto n = static_cast<std::size_t>(slab.numel());
    state.add<T>(x, outer, first_unit, units, inner);
    if (state.general) state.add_general<T>(x, n, first_unit, units, inner);
    if (!state.classes.empty()) state.add_classes<T>(x, n);
  });
}

void Report::merge(const Report& other) {
  State& to = *state_;
  State& from = *other.state_;
  to.settle();
  from.settle();
  const auto differ = [](const std::string& what) {
    throw Error(ErrorKind::data, "these figures are not of one tensor: " + what);
  };
  if (to.dtype != from.dtype) {
    differ("their dtypes are " + std::string(name(to.dtype)) + " and " +
           std::string(name(from.dtype)));
  }
  if (to.shape.size() != from.shape.size() ||
      (!to.shape.empty() &&
       !std::equal(to.shape.begin() + 1, to.shape.end(), from.shape.begin() + 1))) {
    differ("their shapes are " + to_string(to.shape) + " and " + to_string(from.shape));
  }
  if (to.axis != from.axis) differ("their unit axes are not the same");
  if (to.options.modes != from.options.modes) differ("they are of other activations or parameters");
  if (to.classes.size() != from.classes.size()) differ("one has a histogram and one has not");

  const std::size_t first_unit = to.axis == 0 ? to.units() : 0;
  if (!to.shape.empty()) {
    to.append_rows(from.shape[0]);
  } else if (to.rows() + from.rows() > 1) {
    differ("a tensor without dimensions has one value only");
  }
  to.resize(first_unit + (to.axis == 0 ? from.units() : to.units()));
  for (std::size_t u = 0; u < from.units(); ++u) to.inputs[first_unit + u].add(from.inputs[u]);
  const auto add = [&](auto& ours, const auto& theirs) {
    for (std::size_t c = 0; c < ours.size(); ++c) {
      for (std::size_t u = 0; u < theirs[c].size(); ++u) ours[c][first_unit + u].add(theirs[c][u]);
    }
  };
  add(to.below, from.below);
  add(to.differences, from.differences);
  add(to.outcomes, from.outcomes);
  for (std::size_t i = 0; i < to.classes.size(); ++i) to.classes[i] += from.classes[i];
}

// ---- figures ------------------------------------------------------------------------------------

/// What is kept of a unit, as if the mode were general.
Outcome Report::State::outcome(std::size_t mode, std::size_t unit) const {
  const Plan& plan = plans[mode];
  const Inputs& in = inputs[unit];
  Outcome outcome;
  if (!plan.rectifier) {
    outcome = outcomes[mode][unit];
  } else {
    const std::uint64_t rest = in.zero + in.negative;
    outcome.live = in.positive + (plan.slope_below != 0 ? rest : 0);
    outcome.g.sum.add_multiple(1, in.positive);
    if (std::isfinite(plan.slope_below)) {
      outcome.g.sum.add_multiple(plan.slope_below, rest);
    } else {
      (plan.slope_below > 0 ? outcome.g.plus_infinite : outcome.g.minus_infinite) = rest;
    }
    outcome.y.sum = in.sum;
    outcome.squares = in.squares;
    outcome.magnitudes = in.sum;
    outcome.y.plus_infinite = in.positive_infinite;
    outcome.zero = in.zero;
    // Both branches of a rectifier are monotonic, rounding included: extremes come from extremes.
    outcome.range = in.above;
    if (in.zero != 0) outcome.range.add(Key{0});
    if (!in.below.empty()) {
      dispatch(dtype, [&](auto type) {
        using T = typename decltype(type)::type;
        for (const Key key : {in.below.low, in.below.high}) {
          const auto y = value_below<T>(plan, value_of<Compute<T>>(key));
          // NOLINTNEXTLINE(misc-redundant-expression): false for NaN alone
          if (y == y) outcome.range.add(key_of(y));
        }
      });
    }
    if (plan.flat) {
      const bool keeps_infinity = !plan.clamps;  // -inf * 0 is NaN
      outcome.y.nan = keeps_infinity ? in.negative_infinite : 0;
      outcome.zero += in.negative - outcome.y.nan;
    } else {
      const Below& more = below[mode][unit];
      outcome.zero += more.zero;
      (plan.slope > 0 ? outcome.y.minus_infinite : outcome.y.plus_infinite) += more.infinite;
      outcome.y.sum.add(more.sum);
      outcome.squares.add(more.squares);
      outcome.magnitudes.add(more.sum, plan.slope > 0);
    }
  }
  if (plan.differs) outcome.difference = differences[mode][unit];
  return outcome;
}

namespace {

Figure share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

Figure figure_of(DType dtype, Key key) {
  return dispatch(dtype, [&](auto type) -> Figure {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      return static_cast<double>(value_of<Compute<T>>(key));
    } else {
      return key;
    }
  });
}

InputCounts counts_of(const Inputs& in) {
  return {in.nan + in.count(), in.nan,  in.positive_infinite + in.negative_infinite,
          in.positive,         in.zero, in.negative};
}

void set_figures(Figures& figures, DType dtype, const Inputs& in, const Outcome& outcome,
                 bool is_baseline) {
  const std::uint64_t k = in.count();
  figures.n = in.nan + k;
  figures.nan = in.nan;
  figures.active_frac = share(in.positive, k);
  figures.zero_frac = share(outcome.zero, k);
  figures.live_frac = share(outcome.live, k);
  if (!is_baseline) figures.differs = outcome.difference.count;
  if (k == 0) return;
  figures.grad_mean = outcome.g.mean(k);
  figures.min = outcome.y.nan != 0 ? Figure(kNan) : figure_of(dtype, outcome.range.low);
  figures.max = outcome.y.nan != 0 ? Figure(kNan) : figure_of(dtype, outcome.range.high);
  figures.mean = outcome.y.mean(k);
  if (k >= 2) {
    figures.std =
        outcome.y.finite()
            ? ExactSum::standard_deviation(outcome.y.sum, outcome.squares, k).value_or(kNan)
            : kNan;
  }
  if (outcome.y.finite()) {
    figures.mean_abs = outcome.magnitudes.mean(k);
  } else if (outcome.y.nan != 0) {
    figures.mean_abs = kNan;
  } else {
    figures.mean_abs = kInfinity;
  }
  if (!is_baseline) figures.max_abs_diff = outcome.difference.greatest;
}

/// mean_abs of each unit by the mean of mean_abs over the units that have values. The means come as
/// double-doubles and so do the quotients, which leaves about 2^-100 for the errors of all steps
/// before the one rounding to double.
void set_dormancy(std::vector<UnitFigures>& units, const std::vector<DoubleDouble>& means) {
  std::uint64_t count = 0;  // of units with values
  bool any_nan = false;
  bool any_infinite = false;
  int scale = std::numeric_limits<int>::min();  // the greatest exponent
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double* const mean_abs = std::get_if<double>(&units[u].mean_abs);
    if (mean_abs == nullptr) continue;
    ++count;
    any_nan |= std::isnan(*mean_abs);
    any_infinite |= std::isinf(*mean_abs);
    if (means[u].high != 0) scale = std::max(scale, means[u].exponent);
  }
  if (!any_nan && !any_infinite && scale == std::numeric_limits<int>::min()) return;  // 0/0
  // The sum of the means, in units of 2^scale; what is lost far below does not show.
  double high = 0;
  double low = 0;
  for (const DoubleDouble& mean : means) {
    if (mean.high == 0) continue;
    const double term = std::ldexp(mean.high, mean.exponent - scale);
    const double sum = high + term;
    const double rest = sum - high;
    low += (high - (sum - rest)) + (term - rest);  // Knuth's exact error of the addition
    low += std::ldexp(mean.low, mean.exponent - scale);
    high = sum;
  }
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double* const mean_abs = std::get_if<double>(&units[u].mean_abs);
    if (mean_abs == nullptr) continue;
    if (any_nan || (any_infinite && std::isinf(*mean_abs))) {
      units[u].dormancy = kNan;
    } else if (any_infinite || means[u].high == 0) {
      units[u].dormancy = 0.0;
    } else {
      const auto times = static_cast<double>(count);
      const double dividend = means[u].high * times;
      const double dividend_low = std::fma(means[u].high, times, -dividend) + means[u].low * times;
      const double quotient = dividend / high;
      const double rest = std::fma(-quotient, high, dividend) + (dividend_low - quotient * low);
      units[u].dormancy = std::ldexp(quotient + rest / high, means[u].exponent - scale);
    }
  }
}

}  // namespace

TensorFigures Report::figures(double dead_below) const {
  state_->settle();
  const State& state = *state_;
  TensorFigures result;
  result.dtype = state.dtype;
  result.shape = state.shape;
  result.unit_axis = state.axis;
  result.units = static_cast<std::int64_t>(state.units());
  Inputs all;
  for (const Inputs& in : state.inputs) {
    all.add(in);
    result.unit_inputs.push_back(counts_of(in));
  }
  result.input = counts_of(all);
  for (std::size_t c = 0; c < state.plans.size(); ++c) {
    ActivationFigures& activation = result.activations.emplace_back(state.options.modes[c]);
    activation.units.resize(state.units());
    Outcome total;
    std::vector<DoubleDouble> means(state.units());
    for (std::size_t u = 0; u < state.units(); ++u) {
      const Inputs& in = state.inputs[u];
      const Outcome outcome = state.outcome(c, u);
      UnitFigures& unit = activation.units[u];
      set_figures(unit, state.dtype, in, outcome, c == 0);
      const std::uint64_t k = in.count();
      if (k != 0 && outcome.y.finite()) means[u] = outcome.magnitudes.precise_mean(k);
      unit.dead = k != 0 && std::get<double>(unit.live_frac) <= dead_below;
      if (unit.dead) activation.dead_at.push_back(static_cast<std::int64_t>(u));
      if (k != 0 && in.positive == k) ++activation.linear_units;
      total.add(outcome);
    }
    set_figures(activation, state.dtype, all, total, c == 0);
    activation.dead_units = activation.dead_at.size();
    activation.dead_frac = share(activation.dead_units, state.units());
    set_dormancy(activation.units, means);
  }
  return result;
}

std::vector<Report::Bin> Report::histogram() const {
  state_->settle();
  const State& state = *state_;
  std::vector<Bin> bins;
  const auto bound = [](std::size_t index) {
    return index < 8 ? static_cast<double>(index) * 0x1p-129
                     : std::ldexp(static_cast<double>(8 + index % 8),
                                  static_cast<int>(index / 8) - 127 - 3);
  };
  // A class ends where the values end: a constant is a point. The last ones hold what is beyond
  // them, too.
  Range above;
  Range below;
  for (const Inputs& in : state.inputs) {
    above.add(in.above);
    below.add(in.below);
  }
  const auto value = [&](Key key) {
    return dispatch(state.dtype, [&](auto type) {
      return static_cast<double>(value_of<Compute<typename decltype(type)::type>>(key));
    });
  };
  const auto add_bin = [&](double from, double to, double least, double greatest,
                           std::uint64_t count) {
    bins.push_back({std::max(from, least), std::min(to, greatest), count});
  };
  for (std::size_t i = 0; i < state.classes.size(); ++i) {
    if (i == kClasses) {
      std::uint64_t zeros = 0;
      for (const Inputs& in : state.inputs) zeros += in.zero;
      if (zeros != 0) bins.push_back({0, 0, zeros});
    }
    if (state.classes[i] == 0) continue;
    constexpr double kGreatest = std::numeric_limits<double>::max();
    if (i < kClasses) {
      add_bin(i == 0 ? -kGreatest : -bound(kClasses - i), -bound(kClasses - 1 - i),
              value(below.low), value(below.high), state.classes[i]);
    } else {
      const std::size_t k = i - kClasses;
      add_bin(bound(k), k + 1 == kClasses ? kGreatest : bound(k + 1), value(above.low),
              value(above.high), state.classes[i]);
    }
  }
  return bins;
}

// ---- partial figures ----------------------------------------------------------------------------
//
// {"version":1,"mode":"leaky","slope":0.01,"rows":64,"units":[[...],...]}. What is in a unit's
// array is what the functions named put() append, in that order; get() reads it back. "classes", of
// the first mode alone and only if there is a histogram, are pairs of an index and a count.

namespace {

class PartialWriter {
 public:
  explicit PartialWriter(DType dtype) : dtype_(dtype) {}

  void put(std::uint64_t count) { item(std::to_string(count)); }
  void put(const ExactSum& sum) { item('"' + sum.text() + '"'); }
  void put(double value) {
    if (std::isfinite(value)) {
      std::array<char, 32> digits;
      const char* const end =
          std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
      item({digits.data(), end});
    } else {
      item(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    }
  }
  void put(const Range& range) {
    for (const Key key : {range.low, range.high}) {
      if (range.empty()) {
        item("null");
      } else if (is_floating_point(dtype_)) {
        put(std::get<double>(figure_of(dtype_, key)));
      } else {
        item(std::to_string(key));
      }
    }
  }
  void put(const Series& series) {
    put(series.nan);
    put(series.plus_infinite);
    put(series.minus_infinite);
    put(series.sum);
  }
  void put_counts(const Inputs& in) {
    put(in.nan);
    put(in.positive_infinite);
    put(in.negative_infinite);
    put(in.positive);
    put(in.zero);
    put(in.negative);
  }
  void put(const Inputs& in) {
    put_counts(in);
    put(in.above);
    put(in.below);
    put(in.sum);
    put(in.squares);
  }
  void put(const Below& below) {
    put(below.zero);
    put(below.infinite);
    put(below.sum);
    put(below.squares);
  }
  void put(const Outcome& outcome) {
    put(outcome.zero);
    put(outcome.live);
    put(outcome.y);
    put(outcome.g);
    put(outcome.range);
    put(outcome.squares);
    put(outcome.magnitudes);
  }
  void put(const Difference& difference) {
    put(difference.count);
    put(difference.greatest);
  }

  void begin() {
    text += text.ends_with(']') ? ",[" : "[";
    first_ = true;
  }
  void end() { text += ']'; }

  std::string text;

 private:
  void item(std::string_view json) {
    if (!first_) text += ',';
    text += json;
    first_ = false;
  }

  DType dtype_;
  bool first_ = true;
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::data, "these partial figures cannot be read: " + what,
              "make them again with compare --partial");
}

void require(bool possible, const char* what) {
  if (!possible) refuse(what);
}

std::uint64_t count_in(const Json& json, std::uint64_t most) {
  require(json.is_number_unsigned(), "a count is missing");
  const auto count = json.get<std::uint64_t>();
  require(count <= most, "a count is too large");
  return count;
}

double number_in(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (json == "Infinity") return kInfinity;
  if (json == "-Infinity") return -kInfinity;
  if (json == "NaN") return kNan;
  refuse("a number is missing");
}

/// Under which name a state keeps a parameter. The slope has been there from the start.
std::string partial_key(const Parameter& parameter) {
  return parameter.name == "negative_slope" ? "slope" : std::string(parameter.name);
}

/// Takes a unit's array apart and checks that there could be such a unit: one of `n` values.
class PartialReader {
 public:
  PartialReader(DType dtype, const Json& items, std::uint64_t n)
      : dtype_(dtype), items_(items), n_(n) {
    require(items.is_array(), "a unit is no array");
  }

  void get_counts(Inputs& in) {
    for (std::uint64_t* const count : {&in.nan, &in.positive_infinite, &in.negative_infinite,
                                       &in.positive, &in.zero, &in.negative})
      *count = get_count();
    require(in.nan + in.count() == n_, "the counts of a unit do not add up");
    require(in.positive_infinite <= in.positive && in.negative_infinite <= in.negative,
            "a unit has more infinities than values");
    require(is_floating_point(dtype_) || in.nan + in.positive_infinite + in.negative_infinite == 0,
            "integers are not NaN or infinite");
  }

  void get(Inputs& in) {
    get_counts(in);
    in.above = get_range(in.positive);
    in.below = get_range(in.negative);
    const double low = as_double(in.above.low);
    const double high = as_double(in.above.high);
    if (in.positive != 0) {
      require(in.above.low > 0, "the least of the positive values is not positive");
      require(std::isinf(high) == (in.positive_infinite != 0) &&
                  std::isinf(low) == (in.positive_infinite == in.positive),
              "an extreme and a count of infinities contradict each other");
    }
    if (in.negative != 0) {
      require(in.below.high < 0, "the greatest of the negative values is not negative");
      require(std::isinf(as_double(in.below.low)) == (in.negative_infinite != 0) &&
                  std::isinf(as_double(in.below.high)) == (in.negative_infinite == in.negative),
              "an extreme and a count of infinities contradict each other");
    }
    in.sum = get_sum();
    in.squares = get_sum();
    const std::uint64_t finite = in.positive - in.positive_infinite;
    check_sums(in.sum, in.squares, finite, 1);
    if (finite != 0) {
      const double mean = in.sum.mean(finite);
      require(low <= mean && mean <= high, "a mean is not between the extremes");
    }
  }

  void get(Below& below, const Inputs& in, const Plan& plan) {
    below.zero = get_count();
    below.infinite = get_count();
    require(below.zero <= in.negative && below.infinite <= in.negative - below.zero &&
                below.infinite >= in.negative_infinite,
            "a unit has more values below zero than inputs");
    below.sum = get_sum();
    below.squares = get_sum();
    check_sums(below.sum, below.squares, in.negative - below.zero - below.infinite,
               plan.slope > 0 ? -1 : 1);
  }

  void get(Outcome& outcome, const Inputs& in) {
    const std::uint64_t k = in.count();
    outcome.zero = get_count();
    outcome.live = get_count();
    require(outcome.zero <= k && outcome.live <= k, "a unit has more values than inputs");
    get(outcome.y, k);
    get(outcome.g, k);
    outcome.range = get_range(k - outcome.y.nan);
    outcome.squares = get_sum();
    outcome.magnitudes = get_sum();
    const std::uint64_t finite =
        k - outcome.y.nan - outcome.y.plus_infinite - outcome.y.minus_infinite;
    check_sums(outcome.magnitudes, outcome.squares, finite, finite == outcome.zero ? 0 : 1);
    require(finite < 2 || ExactSum::standard_deviation(outcome.y.sum, outcome.squares, finite),
            "sums contradict each other");
  }

  void get(Difference& difference, std::uint64_t most) {
    difference.count = get_count();
    require(difference.count <= most, "more values differ than there are");
    difference.greatest = number_in(item());
    require(std::isnan(difference.greatest) || difference.greatest >= 0,
            "a greatest difference is negative");
    require((difference.count == 0) == (difference.greatest == 0),
            "a greatest difference and the count of differences contradict each other");
  }

  static constexpr int kInputItems = 12;  // that get(Inputs&) takes

  void end() { require(next_ == items_.size(), "a unit has more items than it should"); }

 private:
  const Json& item() {
    require(next_ < items_.size(), "a unit has fewer items than it should");
    return items_[next_++];
  }
  std::uint64_t get_count() { return count_in(item(), n_); }

  ExactSum get_sum() {
    const Json& json = item();
    require(json.is_string(), "a sum is missing");
    std::optional<ExactSum> sum = ExactSum::from_text(json.get_ref<const std::string&>());
    require(sum.has_value(), "a sum is not written as it should be");
    return *std::move(sum);
  }

  void get(Series& series, std::uint64_t k) {
    series.nan = get_count();
    series.plus_infinite = get_count();
    series.minus_infinite = get_count();
    require(series.nan <= k && series.plus_infinite <= k - series.nan &&
                series.minus_infinite <= k - series.nan - series.plus_infinite,
            "a unit has more values than inputs");
    series.sum = get_sum();
  }

  /// The extremes of `count` values: null if there are none.
  Range get_range(std::uint64_t count) {
    const Json& low = item();
    const Json& high = item();
    if (count == 0) {
      require(low.is_null() && high.is_null(), "there are extremes of no values");
      return {};
    }
    const Range range{get_key(low), get_key(high)};
    require(range.low <= range.high && (count > 1 || range.low == range.high),
            "the least value is greater than the greatest");
    return range;
  }

  Key get_key(const Json& json) const {
    return dispatch(dtype_, [&](auto type) -> Key {
      using T = typename decltype(type)::type;
      if constexpr (is_floating<T>) {
        const double value = number_in(json);
        const bool in_float =
            std::isinf(value) || std::abs(value) <= std::numeric_limits<float>::max();
        if constexpr (std::is_same_v<T, double>) {
          require(!std::isnan(value), "an extreme is no value of the dtype");
          return key_of(value);
        } else {
          require(in_float, "an extreme is no value of the dtype");  // NaN neither
          const T narrowed = narrow<T>(static_cast<float>(value));
          require(static_cast<double>(widen(narrowed)) == value,
                  "an extreme is no value of the dtype");
          return key_of(widen(narrowed));
        }
      } else {
        require(json.is_number_integer(), "an extreme is no value of the dtype");
        require(!json.is_number_unsigned() ||
                    json.get<std::uint64_t>() <= std::uint64_t{0x7FFFFFFFFFFFFFFF},
                "an extreme is no value of the dtype");
        const auto value = json.get<std::int64_t>();
        require(value >= static_cast<std::int64_t>(std::numeric_limits<T>::min()) &&
                    value <= static_cast<std::int64_t>(std::numeric_limits<T>::max()),
                "an extreme is no value of the dtype");
        return value;
      }
    });
  }

  double as_double(Key key) const {
    const Figure figure = figure_of(dtype_, key);
    const double* const value = std::get_if<double>(&figure);
    return value != nullptr ? *value : static_cast<double>(key);
  }

  /// Of `count` values of that sign (0: all are zero). Their squares cannot sum to less than the
  /// inequality of Cauchy and Schwarz allows.
  static void check_sums(const ExactSum& sum, const ExactSum& squares, std::uint64_t count,
                         int sign) {
    if (count == 0) sign = 0;
    require(sum.sign() == sign && squares.sign() == std::abs(sign),
            "a sum has not the sign of its terms");
    require(count < 2 || ExactSum::standard_deviation(sum, squares, count),
            "sums contradict each other");
  }

  DType dtype_;
  const Json& items_;
  std::uint64_t n_;
  std::size_t next_ = 0;
};

}  // namespace

std::string Report::partial(std::size_t mode) const {
  state_->settle();
  const State& state = *state_;
  const Module& of = state.options.modes.at(mode);
  const Plan& plan = state.plans[mode];
  PartialWriter writer(state.dtype);
  writer.text = R"({"version":)" + std::to_string(kPartialVersion) + R"(,"mode":")" +
                std::string(of.activation().name) + '"';
  for (const Parameter& parameter : of.activation().parameters) {
    writer.text += ",\"" + partial_key(parameter) + "\":";
    writer.put(of.value(parameter.name));
  }
  writer.text += ",\"rows\":" + std::to_string(state.rows()) + ",\"units\":";
  writer.begin();
  for (std::size_t u = 0; u < state.units(); ++u) {
    writer.begin();
    if (plan.rectifier) {
      writer.put(state.inputs[u]);
      if (!plan.flat) writer.put(state.below[mode][u]);
    } else {
      writer.put_counts(state.inputs[u]);
      writer.put(state.outcomes[mode][u]);
    }
    if (plan.differs) writer.put(state.differences[mode][u]);
    writer.end();
  }
  writer.end();
  if (mode == 0 && !state.classes.empty()) {
    writer.text += ",\"classes\":";
    writer.begin();
    for (std::size_t i = 0; i < state.classes.size(); ++i) {
      if (state.classes[i] == 0) continue;
      writer.begin();
      writer.put(std::uint64_t{i});
      writer.put(state.classes[i]);
      writer.end();
    }
    writer.end();
  }
  return writer.text + '}';
}

Report Report::from_partial(const CompareOptions& options, DType dtype, const Shape& shape,
                            const std::vector<std::string>& texts) {
  Report report(options, dtype, shape);
  State& state = *report.state_;
  require(texts.size() == state.plans.size(), "there is not one text for each activation");
  Json repeated;  // the units of the first rectifier, whose inputs the others repeat
  for (std::size_t c = 0; c < texts.size(); ++c) {
    const Module& mode = options.modes[c];
    const Plan& plan = state.plans[c];
    Json json = Json::parse(texts[c], nullptr, false);
    require(json.is_object(), "they are no JSON object");
    const auto member = [&](const char* key) -> Json& {
      const auto found = json.find(key);
      if (found == json.end()) refuse("there is no \"" + std::string(key) + '"');
      return *found;
    };
    require(member("version") == kPartialVersion, "they are of another version of rectify");
    require(member("mode") == std::string(mode.activation().name),
            "they are of another activation");
    for (const Parameter& parameter : mode.activation().parameters) {
      require(number_in(member(partial_key(parameter).c_str())) == mode.value(parameter.name),
              "they are of another parameter");
    }
    const std::uint64_t rows = count_in(member("rows"), kMostRows);
    Json& units = member("units");
    require(units.is_array(), "\"units\" is no array");
    if (c == 0) {
      require(!state.shape.empty() || rows <= 1, "a tensor without dimensions has one value");
      if (!state.shape.empty()) state.shape[0] = static_cast<std::int64_t>(rows);
      numel(state.shape, dtype);
      if (state.axis == 0) {
        require(units.size() == rows, "there is not one unit a row");
        state.resize(units.size());
      }
    }
    require(units.size() == state.units(), "there are more or fewer units than in the shape");
    // numel() has found that rows * per_row can be counted.
    const std::uint64_t n = state.axis == 0 ? state.per_row
                            : state.axis && state.units() != 0
                                ? rows * (state.per_row / state.units())
                                : rows * state.per_row;
    for (std::size_t u = 0; u < units.size(); ++u) {
      PartialReader reader(dtype, units[u], n);
      Inputs in;
      if (plan.rectifier) {
        reader.get(in);
        if (!plan.flat) reader.get(state.below[c][u], in, plan);
      } else {
        reader.get_counts(in);
        reader.get(state.outcomes[c][u], in);
      }
      if (plan.differs) reader.get(state.differences[c][u], in.count());
      reader.end();
      const InputCounts counts = counts_of(in);
      const InputCounts before = counts_of(state.inputs[u]);
      bool same = c == 0 || (counts.nan == before.nan && counts.inf == before.inf &&
                             counts.positive == before.positive && counts.zero == before.zero &&
                             counts.n == before.n);
      if (plan.rectifier && !repeated.is_null()) {
        same = same && std::equal(units[u].begin(), units[u].begin() + PartialReader::kInputItems,
                                  repeated[u].begin());
      } else if (plan.rectifier || c == 0) {
        state.inputs[u] = std::move(in);
      }
      require(same, "the activations' inputs differ");
    }
    if (plan.rectifier && repeated.is_null()) repeated = std::move(units);
    if (c == 0 && !state.classes.empty()) {
      std::uint64_t finite = 0;
      for (const Inputs& in : state.inputs)
        finite += in.positive + in.negative - in.positive_infinite - in.negative_infinite;
      const Json& classes = member("classes");
      require(classes.is_array(), "\"classes\" is no array");
      for (const Json& item : classes) {
        require(item.is_array() && item.size() == 2, "a class is no pair");
        std::uint64_t& count = state.classes[count_in(item[0], state.classes.size() - 1)];
        require(count == 0, "a class is there twice");
        count = count_in(item[1], finite);
        finite -= count;
      }
      require(finite == 0, "the classes do not hold all values");
    }
  }
  return report;
}

}  // namespace rectify
