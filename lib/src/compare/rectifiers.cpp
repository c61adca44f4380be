#include "compare/rectifiers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "compare/tiles.hpp"
#include "dispatch.hpp"
#include "kernels/exact_integers.hpp"
#include "kernels/halves.hpp"

namespace rectify::inline v1::detail {
namespace {

/// A rectifier's value of x < 0, as the activation has it.
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

Rectifiers::Rectifiers(const Modes& modes, Kept& kept) : modes_(modes), kept_(kept) {
  plan_strips();
}

// ---- by the value -------------------------------------------------------------------------------

template <class T>
void Rectifiers::add_value(std::size_t unit, Compute<T> x) {
  using C = Compute<T>;
  Inputs& in = kept_.inputs[unit];
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
    const Plan& baseline = modes_.plans[0];
    for (std::size_t c = 0; c < modes_.plans.size(); ++c) {
      const Plan& plan = modes_.plans[c];
      if (!plan.rectifier) continue;
      const C y = value_below<T>(plan, x);
      if (plan.by_rectifiers) {
        kept_.differences[c][unit].add(static_cast<double>(y),
                                       static_cast<double>(value_below<T>(baseline, x)));
      }
      if (plan.flat) continue;
      Below& to = kept_.below[c][unit];
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

// ---- by the block -------------------------------------------------------------------------------

/// Adds a block of up to kTileRows rows whose lane l is of units[l].
template <class T>
void Rectifiers::add_block(const kernel::BlockOf<T>& values, const std::size_t* units) {
  using C = Compute<T>;
  C wide[is_half<T> ? kTileValues : 1];
  kernel::BlockOf<C> block;
  if constexpr (is_half<T>) {
    block = {wide, kTileWidth, values.rows, values.width, wide, 0};
    const std::size_t read = (values.width + 7) / 8 * 8;
    for (std::size_t r = 0; r < values.rows; ++r)
      kernel::to_floats(values.first + r * values.stride, read, wide + r * kTileWidth);
  } else {
    block = values;
  }
  const std::vector<Plan>& plans = modes_.plans;
  const std::size_t lanes = block.width;
  kernel::ScanOf<C> scan;
  detail::scan(block, scan);
  const Extremes<C> of(scan, lanes);
  // Values below zero that become zero or infinite are counted one by one, as are infinities; and
  // doubles so small that the kernels do not take them.
  constexpr C kLeast = std::is_same_v<C, double> ? static_cast<C>(kernel::kLeastDouble)
                                                 : std::numeric_limits<C>::denorm_min();
  bool plain = of.finite() && block.rows > 1 && of.least_positive >= kLeast;
  if (of.lowest < 0) {
    for (const Plan& plan : plans) {
      if (!plan.rectifier || plan.flat) continue;
      plain = plain && std::abs(value_below<T>(plan, of.greatest_negative)) >= kLeast &&
              std::isfinite(value_below<T>(plan, of.lowest));
    }
  }
  if (!plain) {
    for (std::size_t r = 0; r < block.rows; ++r) {
      for (std::size_t l = 0; l < lanes; ++l)
        add_value<T>(units[l], block.first[r * block.stride + l]);
    }
    return;
  }

  for (std::size_t l = 0; l < lanes; ++l) {
    Inputs& in = kept_.inputs[units[l]];
    const auto positive = static_cast<std::uint64_t>(scan.positive[l]);
    const auto negative = static_cast<std::uint64_t>(scan.negative[l]);
    const auto nan = static_cast<std::uint64_t>(scan.nan[l]);
    in.nan += nan;
    in.positive += positive;
    in.zero += block.rows - positive - negative - nan;
    in.negative += negative;
    if (positive != 0) in.above.add({key_of(scan.least_positive[l]), key_of(scan.highest[l])});
    if (negative != 0) in.below.add({key_of(scan.lowest[l]), key_of(scan.greatest_negative[l])});
  }
  if (of.highest > 0) {
    const auto to = [&](std::size_t l) {
      Inputs& in = kept_.inputs[units[l]];
      return std::pair(&in.sum, &in.squares);
    };
    if constexpr (std::is_same_v<C, double>) {
      add_sums(block, kernel::Part::above, scan.positive, scan.least_positive, scan.highest, to);
    } else {
      add_sums(block, kernel::Part::above, 0, of.least_positive, of.highest, scan.positive, to);
    }
  }
  if (!(of.lowest < 0)) return;

  for (std::size_t c = 0; c < plans.size(); ++c) {
    const Plan& plan = plans[c];
    if (!plan.rectifier || plan.flat) continue;
    const auto to = [&](std::size_t l) {
      Below& below = kept_.below[c][units[l]];
      return std::pair(&below.sum, &below.squares);
    };
    const auto size = [&](C x) { return std::abs(value_below<T>(plan, x)); };
    if constexpr (std::is_same_v<T, float>) {  // whose kernels multiply
      add_sums(block, kernel::Part::below, static_cast<float>(plan.slope),
               size(of.greatest_negative), size(of.lowest), scan.negative, to);
    } else {
      C products[kTileValues];
      kernel::multiply_below<T>(block, static_cast<C>(plan.slope), products);
      kernel::BlockOf<C> of_mode = block;
      of_mode.first = products;
      of_mode.stride = kTileWidth;
      const auto part = plan.slope < 0 ? kernel::Part::above : kernel::Part::below;
      if constexpr (std::is_same_v<T, double>) {
        double least[kTileWidth], greatest[kTileWidth];
        for (std::size_t l = 0; l < lanes; ++l) {
          least[l] = size(scan.greatest_negative[l]);
          greatest[l] = size(scan.lowest[l]);
        }
        add_sums(of_mode, part, scan.negative, least, greatest, to);
      } else {
        add_sums(of_mode, part, 1, size(of.greatest_negative), size(of.lowest), scan.negative, to);
      }
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
void Rectifiers::add_differences_from_zero(std::size_t unit, std::uint64_t count,
                                           Compute<T> lowest) {
  const Plan& baseline = modes_.plans[0];
  for (std::size_t c = 1; c < modes_.plans.size(); ++c) {
    const Plan& plan = modes_.plans[c];
    if (!plan.by_rectifiers || plan.slope == baseline.slope) continue;
    const Plan& other = plan.flat ? baseline : plan;
    kept_.differences[c][unit].add(
        {count, static_cast<double>(std::abs(value_below<T>(other, lowest)))});
  }
}

// ---- by the slab --------------------------------------------------------------------------------

template <class T>
void Rectifiers::add_slab(const T* x, const Layout& layout) {
  Layout rest = layout;
  // Rows of few columns are laid side by side, until they are a multiple of the lanes. Where every
  // slab has units of its own, no strip could go on with the next one.
  if (!layout.in_runs() && !layout.grows && strips_serve()) {
    constexpr std::size_t kLanes = kernel::kStripLanes;
    const std::size_t columns = layout.units * layout.inner;
    const std::size_t together = columns < 8 * kLanes ? kLanes / std::gcd(kLanes, columns) : 1;
    rest.outer = layout.outer % together;
    add_matrix(x, layout.outer / together, together * columns, layout.inner);
    x += (layout.outer - rest.outer) * columns;
  }
  for_each_tile(rest, [&](const Tile& tile) {
    // The lines of long rows are far apart, and often all compete for one corner of the cache, so
    // each is read once, into a tile that is near.
    T packed[kTileValues];
    const bool in_place = !tile.scattered && tile.width == kTileWidth && tile.stride <= 1024;
    if (!in_place) pack(layout, tile, x, packed);
    const kernel::BlockOf<T> block{in_place ? x + tile.first : packed,
                                   in_place ? tile.stride : kTileWidth,
                                   tile.rows,
                                   tile.width,
                                   x + tile.ahead,
                                   tile.stride};
    if (tile.of_one_unit() && tile.width == kTileWidth && strips_serve())
      return add_run(block, tile.units[0]);
    add_block(block, tile.units.data());
  });
  auto& run = std::get<Strips<Compute<T>>>(strips_).run;
  settle<T>(run, kernel::kStripLanes, all_of(run_unit_));
}

template <class T>
void Rectifiers::add_integers(const T* x, const Layout& layout) {
  for_each_tile(layout, [&](const Tile& tile) {
    T packed[kTileValues];
    const bool in_place = !tile.scattered && tile.width == kTileWidth;
    if (!in_place) pack(layout, tile, x, packed);
    const T* const first = in_place ? x + tile.first : packed;
    const std::size_t stride = in_place ? tile.stride : kTileWidth;
    kernel::IntegerColumns<T> columns;
    kernel::scan_integers(columns, first, tile.rows, stride);
    for (std::size_t l = 0; l < tile.width; ++l) {
      if constexpr (sizeof(T) == 8) {
        if (columns.highest[l] > std::numeric_limits<std::uint32_t>::max()) {
          for (std::size_t r = 0; r < tile.rows; ++r)
            add_value<T>(tile.units[l], first[r * stride + l]);
          continue;
        }
      }
      Inputs& in = kept_.inputs[tile.units[l]];
      const std::uint64_t positive = columns.positive[l];
      const std::uint64_t negative = columns.negative[l];
      in.positive += positive;
      in.zero += tile.rows - positive - negative;
      in.negative += negative;
      if (positive != 0) {
        in.above.add({key_of(columns.least_positive[l]), key_of(columns.highest[l])});
        in.sum.add_scaled(columns.sum[l], 0, false);
        in.squares.add_scaled((ExactSum::Wide{columns.high[l]} << columns.kHalf) + columns.low[l],
                              0, false);
      }
      if (negative != 0)
        in.below.add({key_of(columns.lowest[l]), key_of(columns.greatest_negative[l])});
    }
  });
}

void Rectifiers::add(const Tensor& slab, const Layout& layout) {
  dispatch(modes_.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* x = slab.data<T>().data();
    if constexpr (is_floating<T>) {
      add_slab(x, layout);
    } else if constexpr (!is_floating<T> && !std::is_same_v<T, bool>) {
      add_integers(x, layout);
    } else {
      for (std::size_t o = 0; o < layout.outer; ++o) {
        for (std::size_t u = 0; u < layout.units; ++u) {
          for (std::size_t i = 0; i < layout.inner; ++i)
            add_value<T>(layout.first_unit + u, widen(*x++));
        }
      }
    }
  });
}

// ---- strips -------------------------------------------------------------------------------------

namespace {

/// What a dtype's numbers are: integers of so many bits times a power of two, below 2^kBeyond. Products
/// from kLeast on are right in a strip: the least normal number, and of 16 bits, to which the kernel
/// rounds by itself, the least subnormal one.
template <class T>
struct Numbers;
template <>
struct Numbers<float> {
  static constexpr int kDigits = 24, kBeyond = 128;
  static constexpr double kLeast = std::numeric_limits<float>::min();
};
template <>
struct Numbers<float16> {
  static constexpr int kDigits = 11, kBeyond = 16;
  static constexpr double kLeast = 0x1p-24;
};
template <>
struct Numbers<bfloat16> {
  static constexpr int kDigits = 8, kBeyond = 128;
  static constexpr double kLeast = 0x1p-133;
};
template <>
struct Numbers<double> {
  static constexpr int kDigits = 53, kBeyond = 1024;
  static constexpr double kLeast = std::numeric_limits<double>::min();
};

/// The exponent for a strip of such values, with room for somewhat greater ones; there need be none
/// that suits.
template <class T>
int exponent_for(const kernel::BlockOf<T>& block) {
  using C = Compute<T>;
  constexpr bool kDouble = std::is_same_v<C, double>;
  constexpr int kLeast = kDouble ? -940 - kernel::kDoubleTop : -149 - 23;
  constexpr int kGreatest = kDouble ? 1022 - kernel::kDoubleTop : 126 - 51;
  constexpr int kRoom = 2;
  C least = std::numeric_limits<C>::infinity();
  C greatest = 0;
  for (std::size_t r = 0; r < block.rows; ++r) {
    for (std::size_t l = 0; l < block.width; ++l) {
      const C size = std::abs(widen(block.first[r * block.stride + l]));
      if (!(size > 0 && std::isfinite(size))) continue;
      least = std::min(least, size);
      greatest = std::max(greatest, size);
    }
  }
  if (greatest == 0) return kLeast;
  const int lowest = std::ilogb(greatest) - (kernel::StripSums<C>::kBits - 2);
  const int highest = std::ilogb(least) - (Numbers<T>::kDigits - 1);
  return std::clamp(std::min(lowest + kRoom, std::max(lowest, highest)), kLeast, kGreatest);
}

}  // namespace

/// Sees whether one pass serves all rectifiers: at most one of them makes other values than zeros
/// below zero.
void Rectifiers::plan_strips() {
  const bool has_kernel = dispatch(modes_.dtype, [](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) return kernel::best().add_rows_of<T>() != nullptr;
    return false;
  });
  if (!has_kernel) return;
  const std::vector<Plan>& plans = modes_.plans;
  for (std::size_t c = 0; c < plans.size(); ++c) {
    if (!plans[c].rectifier || plans[c].flat) continue;
    if (stripped_) {
      stripped_.reset();
      return;
    }
    stripped_ = c;
  }
  one_pass_ = true;
  if (!stripped_) return;
  int exponent = 0;
  std::frexp(plans[*stripped_].slope, &exponent);
  strip_shift_ = 1 - exponent;
}

/// A product with the slope times 2^strip_shift_ is about as great as the value or up to twice as
/// great; where it is subnormal in 16 bits, it may be rounded to exactly twice as great.
template <class T>
kernel::Rule<Compute<T>> Rectifiers::rule_of(int exponent) const {
  using C = Compute<T>;
  using Of = Numbers<T>;
  const C least = std::ldexp(C{1}, exponent + Of::kDigits - 1);
  const C beyond = std::ldexp(C{1}, exponent + kernel::StripSums<C>::kBits - 1);
  if (!stripped_) return {-1, 1, least, beyond, least, beyond};
  const double slope = std::abs(modes_.plans[*stripped_].slope);
  const double least_below = std::max(Of::kLeast, Of::kLeast / slope) * (1 + 0x1p-20);
  const double greatest = std::ldexp(1.0, Of::kBeyond - 2);
  kernel::Rule<C> rule{-static_cast<C>(slope),
                       std::ldexp(C{1}, strip_shift_),
                       least,
                       beyond,
                       std::max(least, static_cast<C>(least_below)),
                       std::min(beyond, static_cast<C>(std::min(greatest, greatest / slope)))};
  if constexpr (std::is_same_v<T, float>) {
    // Products with this are those with the slope, times 2^strip_shift_, as long as neither product
    // is subnormal or infinite.
    rule.factor = static_cast<float>(-std::ldexp(slope, strip_shift_));
    rule.unit = 1;
  }
  // Such products are to stay below StripSums' limit, too.
  if constexpr (is_half<T>) rule.beyond_below = std::min(rule.beyond_below, beyond / 2);
  // No value below zero fits where 2^strip_shift_ is beyond the dtype, or where the sums of squares
  // would be of units that ExactSum does not have.
  constexpr int kLeastUnit = -1074;
  if (std::isinf(rule.unit) || exponent - strip_shift_ < kLeastUnit)
    rule.least_below = std::numeric_limits<C>::infinity();
  return rule;
}

/// Adds a block of at most eight lanes, which belong to units().
template <class T, class Units>
void Rectifiers::add_to_strip(kernel::BlockOf<T> block, const Units& units,
                              kernel::Strip<Compute<T>>& strip) {
  using C = Compute<T>;
  constexpr std::size_t kMostRows = kernel::StripSums<C>::kMostRows;
  Strips<C>& strips = std::get<Strips<C>>(strips_);
  const auto added = [&] {
    if (strip.exponent != strips.exponent) {
      strips.exponent = strip.exponent;
      strips.rule = rule_of<T>(strip.exponent);
    }
    return kernel::best().add_rows_of<T>()(block, strips.rule, strip);
  };
  for (std::size_t rows = block.rows; rows != 0; rows -= block.rows) {
    if (strip.rows == kMostRows) settle<T>(strip, block.width, units());
    block.rows = std::min({rows, kMostRows - strip.rows, kTileRows});
    if (added()) {
      ++fitting_;
    } else {
      const StripUnits of = units();
      settle<T>(strip, block.width, of);
      strip.exponent = exponent_for(block);
      if (!added()) {
        ++not_fitting_;
        add_apart(block, of);
      }
    }
    block.first += block.rows * block.stride;
    block.ahead += block.rows * block.ahead_stride;
  }
}

/// Adds what does not fit a strip.
template <class T>
void Rectifiers::add_apart(kernel::BlockOf<T> block, const StripUnits& units) {
  constexpr std::size_t kLanes = kernel::kStripLanes;
  T packed[kTileRows * kLanes];
  if (block.width < kLanes) {
    for (std::size_t r = 0; r < block.rows; ++r) {
      T* const row = packed + r * kLanes;
      std::fill(std::copy_n(block.first + r * block.stride, block.width, row), row + kLanes, T{});
    }
    block.first = packed;
    block.stride = kLanes;
  }
  block.ahead = block.first;
  block.ahead_stride = 0;
  add_block(block, units.data());
}

/// Adds values that are all of one unit, row after row without a gap.
template <class T>
void Rectifiers::add_run(const kernel::BlockOf<T>& tile, std::size_t unit) {
  constexpr std::size_t kLanes = kernel::kStripLanes;
  auto& run = std::get<Strips<Compute<T>>>(strips_).run;
  if (unit != run_unit_) {
    settle<T>(run, kLanes, all_of(run_unit_));
    run_unit_ = unit;
  }
  const std::size_t rows = tile.rows * tile.width / kLanes;
  const kernel::BlockOf<T> block{tile.first, kLanes, rows, kLanes, tile.first + 16 * kLanes,
                                 kLanes};
  add_to_strip(
      block, [&] { return all_of(unit); }, run);
}

/// Adds rows of which column c is of unit c / inner % units().
template <class T>
void Rectifiers::add_matrix(const T* x, std::size_t rows, std::size_t columns, std::size_t inner) {
  constexpr std::size_t kLanes = kernel::kStripLanes;
  using C = Compute<T>;
  std::vector<kernel::Strip<C>>& strips = std::get<Strips<C>>(strips_).of_columns;
  if (strips.empty()) {
    const kernel::BlockOf<T> first{
        x, columns, std::min<std::size_t>(rows, 16), std::min<std::size_t>(columns, 64), x, 0};
    kernel::Strip<C> strip;
    strip.exponent = exponent_for(first);
    strips.assign((columns + kLanes - 1) / kLanes, strip);
    strip_columns_ = columns;
    strip_inner_ = inner;
  }
  // As many rows at a time as stay near while the strips take turns, but not so few that the strips
  // themselves were all there is to fetch.
  constexpr std::size_t kNearBytes = std::size_t{16} << 10;
  constexpr std::size_t kFarBytes = std::size_t{512} << 10;
  const std::size_t row_bytes = columns * sizeof *x;
  const std::size_t least = row_bytes <= 2 * kNearBytes ? 16 : 64;
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): what has no columns does not come here
  const std::size_t together = std::clamp(kNearBytes / row_bytes, least, kTileRows);
  // What comes next is fetched meanwhile: the rows behind these, or, if that is too far away, the
  // columns behind these.
  const bool next_rows = together * row_bytes <= kFarBytes;
  for (std::size_t r = 0; r < rows; r += together) {
    const T* const block = x + r * columns;
    const std::size_t some_rows = std::min(together, rows - r);
    for (std::size_t s = 0; s < strips.size(); ++s) {
      const T* const first = block + s * kLanes;
      const T* const ahead =
          next_rows ? block + some_rows * (columns + s * kLanes) : first + 4 * kLanes;
      const kernel::BlockOf<T> some{first,     columns,
                                    some_rows, std::min(kLanes, columns - s * kLanes),
                                    ahead,     next_rows ? kLanes : columns};
      add_to_strip(
          some, [&] { return units_of(s); }, strips[s]);
    }
  }
}

Rectifiers::StripUnits Rectifiers::units_of(std::size_t strip) const {
  StripUnits of;
  for (std::size_t l = 0; l < of.size(); ++l)
    of[l] = (strip * kernel::kStripLanes + l) / strip_inner_ % kept_.inputs.size();
  return of;
}

Rectifiers::StripUnits Rectifiers::all_of(std::size_t unit) {
  StripUnits of;
  of.fill(unit);
  return of;
}

namespace {

/// What a strip's sums have in lane l, of `count` values.
IntegerSums sums_in(const kernel::Strip<float>& strip, const kernel::StripSums<float>& sums,
                    std::size_t l, std::int32_t count) {
  IntegerSums found;
  found.sum = sums.magnitudes(l, count, strip.exponent);
  found.lower = (IntegerSums::Integer{sums.high[l]} << 52) + sums.low[l];
  return found;
}
IntegerSums sums_in(const kernel::Strip<double>&, const kernel::StripSums<double>& sums,
                    std::size_t l, std::int32_t) {
  return {sums, l};
}

}  // namespace

/// Adds what a strip holds to its units.
template <class T>
void Rectifiers::settle(kernel::Strip<Compute<T>>& strip, std::size_t lanes, const StripUnits& of) {
  if (strip.rows == 0) return;
  struct Side {
    std::uint64_t count = 0;
    Range range;
    IntegerSums sums;
  };
  for (std::size_t l = 0; l < lanes;) {
    const std::size_t unit = of[l];
    Side up;
    Side down;
    std::uint64_t nan = 0;
    std::uint64_t n = 0;
    Compute<T> lowest = 0;
    for (; l < lanes && of[l] == unit; ++l) {
      n += strip.rows;
      nan += static_cast<std::uint64_t>(strip.nan[l]);
      if (const std::int32_t count = strip.positive[l]) {
        up.count += static_cast<std::uint64_t>(count);
        up.range.add({key_of(strip.least_positive[l]), key_of(strip.highest[l])});
        up.sums += sums_in(strip, strip.above, l, count);
      }
      if (const std::int32_t count = strip.negative[l]) {
        down.count += static_cast<std::uint64_t>(count);
        down.range.add({key_of(strip.lowest[l]), key_of(strip.greatest_negative[l])});
        down.sums += sums_in(strip, strip.below, l, count);
        lowest = std::min(lowest, strip.lowest[l]);
      }
    }
    Inputs& in = kept_.inputs[unit];
    in.nan += nan;
    in.zero += n - nan - up.count - down.count;
    in.positive += up.count;
    in.negative += down.count;
    in.above.add(up.range);
    in.below.add(down.range);
    up.sums.add_to(&in.sum, &in.squares, strip.exponent);
    if (down.count == 0) continue;
    if (stripped_) {
      Below& to = kept_.below[*stripped_][unit];
      down.sums.add_to(&to.sum, &to.squares, strip.exponent - strip_shift_,
                       modes_.plans[*stripped_].slope > 0);
    }
    add_differences_from_zero<T>(unit, down.count, lowest);
  }
  strip.clear();
}

void Rectifiers::settle() {
  dispatch(modes_.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      constexpr std::size_t kLanes = kernel::kStripLanes;
      auto& strips = std::get<Strips<Compute<T>>>(strips_).of_columns;
      for (std::size_t s = 0; s < strips.size(); ++s)
        settle<T>(strips[s], std::min(kLanes, strip_columns_ - s * kLanes), units_of(s));
    }
  });
}

// ---- outcomes -----------------------------------------------------------------------------------

Outcome outcome_of_rectifier(const Modes& modes, const Kept& kept, std::size_t mode,
                             std::size_t unit) {
  const Plan& plan = modes.plans[mode];
  const Inputs& in = kept.inputs[unit];
  const std::uint64_t rest = in.zero + in.negative;
  Outcome outcome;
  outcome.live = in.positive + (plan.slope_below != 0 ? rest : 0);
  outcome.gradients.add_multiple(1, in.positive);
  if (std::isfinite(plan.slope_below)) {
    outcome.gradients.add_multiple(plan.slope_below, rest);
  } else {
    (plan.slope_below > 0 ? outcome.g.plus_infinite : outcome.g.minus_infinite) = rest;
  }
  outcome.above = in.sum;
  outcome.squares = in.squares;
  outcome.y.plus_infinite = in.positive_infinite;
  outcome.zero = in.zero;
  // Both branches of a rectifier are monotonic, rounding included: extremes come from extremes.
  outcome.range = in.above;
  if (in.zero != 0) outcome.range.add(Key{0});
  if (!in.below.empty()) {
    dispatch(modes.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      for (const Key key : {in.below.low, in.below.high}) {
        const auto y = value_below<T>(plan, value_of<Compute<T>>(key));
        // NOLINTNEXTLINE(misc-redundant-expression): false for NaN alone
        if (y == y) outcome.range.add(key_of(y));
      }
    });
  }
  if (plan.flat) {
    outcome.y.nan = plan.clamps ? 0 : in.negative_infinite;  // -inf * 0 is NaN
    outcome.zero += in.negative - outcome.y.nan;
  } else {
    const Below& more = kept.below[mode][unit];
    outcome.zero += more.zero;
    (plan.slope > 0 ? outcome.y.minus_infinite : outcome.y.plus_infinite) += more.infinite;
    (plan.slope > 0 ? outcome.below : outcome.above).add(more.sum);
    outcome.squares.add(more.squares);
  }
  return outcome;
}

}  // namespace rectify::inline v1::detail
