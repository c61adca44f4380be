#include "compare/blocks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "compare/tiles.hpp"
#include "dispatch.hpp"
#include "kernels/halves.hpp"

namespace rectify::inline v1::detail {
namespace {

template <class T>
class Blocks {
  using C = Compute<T>;
  using F = std::conditional_t<is_floating<T>, C, float>;

 public:
  Blocks(const Modes& modes, Kept& kept, const Tensor& slab, const Layout& layout)
      : modes_(modes), kept_(kept), layout_(layout), slab_(slab.data<T>().data()) {
    for (const Plan& plan : modes.plans) {
      any_keeps_positive_ |= plan.keeps_positive;
      all_keep_positive_ &= plan.keeps_positive || (plan.rectifier && !plan.by_tiles);
    }
    for (const Module& mode : modes.modules) {
      Whole& whole = whole_.emplace_back();
      const Activation& activation = mode.activation();
      if (mode.scope() == Scope::element) continue;
      const Extent extent = mode.extent(slab.shape());
      const auto whole_slab = [&](Activation::Kernel kernel) {
        auto values = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(slab.numel()));
        kernel(modes.dtype, slab.bytes(), bytes(values.get()), extent, mode.values());
        return values;
      };
      whole.y = whole_slab(activation.forward);
      whole.g = whole_slab(activation.backward);
    }
  }

  void add() {
    for_each_tile(layout_, [&](const Tile& tile) {
      begin(tile);
      baseline_of_ = nullptr;
      for (std::size_t c = 0; c < modes_.plans.size(); ++c) {
        const Plan& plan = modes_.plans[c];
        if (plan.rectifier && !plan.by_tiles) continue;
        const Arguments& of = plan.keeps_positive ? below_ : all_;
        evaluate(c, Wanted::values, of, y_.get());
        scanned_ = false;
        if (!plan.rectifier) {
          evaluate(c, Wanted::gradients, of, g_.get());
          collect(c, of);
        }
        if (plan.by_tiles) compare(c, of);
        if (c == 0) take_as_baseline(of);
      }
    });
  }

 private:
  /// Values and gradients of the slab, of an activation of slices; else empty.
  struct Whole {
    std::unique_ptr<T[]> y, g;
  };
  enum class Wanted : std::uint8_t { values, gradients };

  /// What the tile's values and gradients are taken of.
  struct Arguments {
    std::unique_ptr<T[]> x = values<T>();
    bool has_nan = false;
    std::array<std::int32_t, kTileWidth> nan{};  // of a column
  };

  static std::byte* bytes(T* values) { return reinterpret_cast<std::byte*>(values); }

  void begin(const Tile& tile) {
    tile_ = &tile;
    n_ = tile.rows * kTileWidth;
    pack(layout_, tile, slab_, all_.x.get());
    if constexpr (is_floating<T>) {
      if (any_keeps_positive_) keep_below(all_.x.get(), below_.x.get());
    }
    if (all_keep_positive_) return;
    all_.has_nan = has_nan(all_.x.get());
    all_.nan.fill(0);
    if (!all_.has_nan) return;
    for (std::size_t i = 0; i < n_; ++i) all_.nan[i % kTileWidth] += is_nan(all_.x[i]) ? 1 : 0;
  }

  /// The tile's values below zero, and zeros in place of the others: by masks, as signs are as good as
  /// random, and a branch would be wrong half of the time.
  void keep_below(const T* x, T* below) const {
    using Bits =
        std::conditional_t<sizeof(T) == 2, std::uint16_t,
                           std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
    for (std::size_t i = 0; i < n_; ++i) {
      const auto mask = static_cast<Bits>(is_below_zero(x[i]) ? ~Bits{0} : Bits{0});
      below[i] = std::bit_cast<T>(static_cast<Bits>(std::bit_cast<Bits>(x[i]) & mask));
    }
  }

  /// Whether there is a NaN among values of the tile; asks about all of them, which vectorizes.
  template <class V>
  bool has_nan(const V* values) const {
    // Of 16 bits as wide as the values, so that as many of them fit a vector.
    using Found = std::conditional_t<sizeof(V) == 2, std::uint16_t, std::uint32_t>;
    Found found = 0;
    for (std::size_t i = 0; i < n_; ++i)
      found = static_cast<Found>(found | (is_nan(values[i]) ? 1u : 0u));
    return found != 0;
  }

  /// The tile's values or gradients of a mode. Zero, which differs from nobody's, where x is NaN.
  void evaluate(std::size_t mode, Wanted wanted, const Arguments& of, C* to) {
    T* narrow = nullptr;
    if constexpr (std::is_same_v<T, C>) {
      narrow = to;
    } else {
      narrow = narrow_.get();
    }
    const bool values = wanted == Wanted::values;
    const Module& module = modes_.modules[mode];
    const Activation& activation = module.activation();
    if (module.scope() == Scope::element) {
      (values ? activation.forward : activation.backward)(
          modes_.dtype, bytes(of.x.get()), bytes(narrow), {.outer = n_}, module.values());
    } else {
      pack(layout_, *tile_, (values ? whole_[mode].y : whole_[mode].g).get(), narrow);
    }
    if constexpr (is_half<T>) kernel::to_floats(narrow, n_, to);
    if (!of.has_nan) return;
    for (std::size_t i = 0; i < n_; ++i) to[i] = is_nan(of.x[i]) ? C{0} : to[i];
  }

  /// Calls use(unit, i) for each value of the tile that is there and not NaN.
  template <class Use>
  void for_each_value(const Arguments& of, Use use) {
    for (std::size_t r = 0; r < tile_->rows; ++r) {
      for (std::size_t l = 0; l < tile_->width; ++l) {
        const std::size_t i = r * kTileWidth + l;
        if (!is_nan(of.x[i])) use(tile_->units[l], i);
      }
    }
  }

  kernel::BlockOf<C> block_of(const C* values) const {
    return {values, kTileWidth, tile_->rows, tile_->width, values, 0};
  }

  /// Adds the tile to a mode's outcomes.
  void collect(std::size_t mode, const Arguments& of) {
    std::vector<Outcome>& outcomes = kept_.outcomes[mode];
    if constexpr (is_floating<T>) {
      if (collect_by_kernels(outcomes, of)) return;
    }
    for_each_value(
        of, [&](std::size_t unit, std::size_t i) { add_value(outcomes[unit], y_[i], g_[i]); });
  }

  static void add_value(Outcome& to, C y, C g) {
    if (y == 0) ++to.zero;
    if (g != 0) ++to.live;
    if constexpr (is_floating<T>) {
      const auto wide = static_cast<double>(y);
      if (!std::isnan(wide) && wide != 0) to.range.add(key_of(y));
      if (to.y.admits(wide)) {
        (wide > 0 ? to.above : to.below).add(wide);
        to.squares.add_square(wide);
      }
      if (to.g.admits(static_cast<double>(g))) to.gradients.add(static_cast<double>(g));
    } else {
      const auto wide = static_cast<std::int64_t>(y);
      to.range.add(wide);
      (wide > 0 ? to.above : to.below).add_integer(wide);
      to.squares.add_integer_square(wide);
      to.gradients.add_integer(static_cast<std::int64_t>(g));
    }
  }

  /// False, and nothing is added, if there is a NaN, an infinity, or a double that the kernels do not
  /// take.
  bool collect_by_kernels(std::vector<Outcome>& outcomes, const Arguments& of) {
    const std::size_t lanes = tile_->width;
    const auto of_y = block_of(y_.get());
    const auto of_g = block_of(g_.get());
    scan(of_y, ys_);
    Gradients gs;
    if (tile_->rows == 1 || !summable(ys_) || !look_at(of_g, gs)) return false;
    scanned_ = true;
    const auto outcome = [&](std::size_t l) -> Outcome& { return outcomes[tile_->units[l]]; };
    const auto rows = static_cast<std::int64_t>(tile_->rows);
    for (std::size_t l = 0; l < lanes; ++l) {
      Outcome& to = outcome(l);
      to.zero += static_cast<std::uint64_t>(rows - of.nan[l] - ys_.positive[l] - ys_.negative[l]);
      if (ys_.positive[l] != 0)
        to.range.add({key_of(ys_.least_positive[l]), key_of(ys_.highest[l])});
      if (ys_.negative[l] != 0)
        to.range.add({key_of(ys_.lowest[l]), key_of(ys_.greatest_negative[l])});
    }
    add_parts(of_y, ys_, [&](std::size_t l, kernel::Part part) {
      Outcome& to = outcome(l);
      return std::pair(part == kernel::Part::above ? &to.above : &to.below, &to.squares);
    });
    add_gradients(of_g, gs, outcome);
    return true;
  }

  using Gradients =
      std::conditional_t<std::is_same_v<C, double>, kernel::ScanOf<double>, kernel::Totals>;

  /// Whether kernels take the sums of what has been scanned.
  bool summable(const kernel::ScanOf<C>& scan) const {
    const Extremes<C> of(scan, tile_->width);
    for (std::size_t l = 0; l < tile_->width; ++l) {
      if (scan.nan[l] != 0) return false;
    }
    if constexpr (std::is_same_v<C, double>) {
      if (of.least_positive < kernel::kLeastDouble || -of.greatest_negative < kernel::kLeastDouble)
        return false;
    }
    return of.finite();
  }

  /// False if the sums of gradients are not for the kernels.
  bool look_at(const kernel::Block& block, kernel::Totals& gs) const {
    kernel::best().total(block, gs);
    return std::all_of(gs.sum, gs.sum + block.width, [](double sum) { return std::isfinite(sum); });
  }
  bool look_at(const kernel::BlockOf<double>& block, kernel::ScanOf<double>& gs) const {
    scan(block, gs);
    return summable(gs);
  }

  /// Adds the sums of both parts of a block to those that to(lane, part) gives.
  template <class To>
  static void add_parts(const kernel::Block& block, const kernel::Scan& scan, const To& to) {
    const Extremes<float> of(scan, block.width);
    if (of.highest > 0) {
      add_sums(block, kernel::Part::above, 1, of.least_positive, of.highest, scan.positive,
               [&](std::size_t l) { return to(l, kernel::Part::above); });
    }
    if (of.lowest < 0) {
      add_sums(block, kernel::Part::below, 1, -of.greatest_negative, -of.lowest, scan.negative,
               [&](std::size_t l) { return to(l, kernel::Part::below); });
    }
  }
  template <class To>
  static void add_parts(const kernel::BlockOf<double>& block, const kernel::ScanOf<double>& scan,
                        const To& to) {
    double least[kTileWidth], greatest[kTileWidth];
    for (std::size_t l = 0; l < block.width; ++l) {
      least[l] = -scan.greatest_negative[l];
      greatest[l] = -scan.lowest[l];
    }
    add_sums(block, kernel::Part::above, scan.positive, scan.least_positive, scan.highest,
             [&](std::size_t l) { return to(l, kernel::Part::above); });
    add_sums(block, kernel::Part::below, scan.negative, least, greatest,
             [&](std::size_t l) { return to(l, kernel::Part::below); });
  }

  template <class Of>
  static void add_gradients(const kernel::Block& block, const kernel::Totals& gs,
                            const Of& outcome) {
    for (std::size_t l = 0; l < block.width; ++l)
      outcome(l).live += block.rows - static_cast<std::uint64_t>(gs.zero[l]);
    const float least = *std::min_element(gs.least, gs.least + block.width);
    const float greatest = *std::max_element(gs.greatest, gs.greatest + block.width);
    if (greatest == 0) return;
    if (std::ilogb(greatest) - std::ilogb(least) < kernel::kBinades) {
      for (std::size_t l = 0; l < block.width; ++l) outcome(l).gradients.add(gs.sum[l]);
      return;
    }
    for (const kernel::Part part : {kernel::Part::above, kernel::Part::below}) {
      add_sums(block, part, 1, least, greatest, nullptr, [&](std::size_t l) {
        return std::pair(&outcome(l).gradients, static_cast<ExactSum*>(nullptr));
      });
    }
  }
  template <class Of>
  static void add_gradients(const kernel::BlockOf<double>& block, const kernel::ScanOf<double>& gs,
                            const Of& outcome) {
    for (std::size_t l = 0; l < block.width; ++l)
      outcome(l).live += static_cast<std::uint64_t>(gs.positive[l] + gs.negative[l]);
    add_parts(block, gs, [&](std::size_t l, kernel::Part) {
      return std::pair(&outcome(l).gradients, static_cast<ExactSum*>(nullptr));
    });
  }

  /// The values at hand are those of the baseline.
  void take_as_baseline(const Arguments& of) {
    std::swap(y_, baseline_);
    baseline_of_ = &of;
    baseline_has_nan_ = has_nan(baseline_.get());
  }

  /// Adds what is between the tile's values and the baseline's.
  void compare(std::size_t mode, const Arguments& of) {
    std::vector<Difference>& differences = kept_.differences[mode];
    if (scanned_ && &of == &below_ && modes_.plans[0].clamps) {
      // The baseline's are zeros.
      for (std::size_t l = 0; l < tile_->width; ++l) {
        const auto greatest = std::max({F{0}, ys_.highest[l], -ys_.lowest[l]});
        differences[tile_->units[l]].add(
            {static_cast<std::uint64_t>(ys_.positive[l] + ys_.negative[l]), greatest});
      }
      return;
    }
    if (baseline_of_ != &of) {
      std::swap(y_, baseline_);
      evaluate(0, Wanted::values, of, y_.get());
      take_as_baseline(of);
    }
    if constexpr (std::is_same_v<C, float>) {
      if (tile_->rows > 1 && !baseline_has_nan_ && !has_nan(y_.get())) {
        kernel::Differences found;
        kernel::best().differ(block_of(y_.get()), block_of(baseline_.get()), found);
        for (std::size_t l = 0; l < tile_->width; ++l) {
          differences[tile_->units[l]].add(
              {static_cast<std::uint64_t>(found.count[l]), found.greatest[l]});
        }
        return;
      }
    }
    for_each_value(of, [&](std::size_t unit, std::size_t i) {
      if constexpr (std::is_integral_v<C>) {  // of which doubles do not hold all
        const C a = std::max(y_[i], baseline_[i]);
        const C b = std::min(y_[i], baseline_[i]);
        if (a != b) {
          differences[unit].add({1, static_cast<double>(static_cast<std::uint64_t>(a) -
                                                        static_cast<std::uint64_t>(b))});
        }
      } else {
        differences[unit].add(static_cast<double>(y_[i]), static_cast<double>(baseline_[i]));
      }
    });
  }

  template <class V>
  static std::unique_ptr<V[]> values() {
    return std::make_unique_for_overwrite<V[]>(kTileValues);
  }

  const Modes& modes_;
  Kept& kept_;
  const Layout& layout_;
  const T* slab_;
  std::vector<Whole> whole_;  // a mode each

  bool any_keeps_positive_ = false, all_keep_positive_ = true;
  const Tile* tile_ = nullptr;
  std::size_t n_ = 0;      // values of the tile, and zeros that fill it up
  Arguments all_, below_;  // below_: of min(x, 0), and 0 for NaN
  std::unique_ptr<T[]> narrow_ = values<T>();
  std::unique_ptr<C[]> y_ = values<C>(), g_ = values<C>(), baseline_ = values<C>();
  const Arguments* baseline_of_ =
      nullptr;  // what the baseline's values in the tile are taken of, if any
  bool baseline_has_nan_ = false;
  kernel::ScanOf<F> ys_;  // of the values,
  bool scanned_ = false;  // if they are finite
};

}  // namespace

void add_blocks(const Modes& modes, Kept& kept, const Tensor& slab, const Layout& layout) {
  dispatch(modes.dtype, [&](auto type) {
    Blocks<typename decltype(type)::type>(modes, kept, slab, layout).add();
  });
}

}  // namespace rectify::inline v1::detail
