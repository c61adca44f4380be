#include "compare/blocks.hpp"

#include <array>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "compare/tiles.hpp"
#include "dispatch.hpp"

namespace rectify::inline v1::detail {
namespace {

template <class T>
class Blocks {
  using C = Compute<T>;

 public:
  Blocks(const Modes& modes, Kept& kept, const Tensor& slab, const Layout& layout)
      : modes_(modes), kept_(kept), layout_(layout), slab_(slab.data<T>().data()) {
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
      evaluate(0, true, baseline_.get());
      baseline_has_nan_ = has_nan(baseline_.get());
      for (std::size_t c = 0; c < modes_.plans.size(); ++c) {
        const Plan& plan = modes_.plans[c];
        const C* y = baseline_.get();
        if (c != 0 && (!plan.rectifier || plan.by_tiles)) {
          evaluate(c, true, y_.get());
          y = y_.get();
        }
        if (!plan.rectifier) {
          evaluate(c, false, g_.get());
          collect(c, y);
        }
        if (plan.by_tiles) compare(c, y);
      }
    });
  }

 private:
  /// Values and gradients of the slab, of an activation of slices; else empty.
  struct Whole {
    std::unique_ptr<T[]> y, g;
  };

  static std::byte* bytes(T* values) { return reinterpret_cast<std::byte*>(values); }

  void begin(const Tile& tile) {
    tile_ = &tile;
    n_ = tile.rows * kTileWidth;
    pack(layout_, tile, slab_, x_.get());
    x_has_nan_ = has_nan(x_.get());
    nan_of_.fill(0);
    if (!x_has_nan_) return;
    for (std::size_t i = 0; i < n_; ++i) nan_of_[i % kTileWidth] += is_nan(x_[i]) ? 1 : 0;
  }

  static bool is_nan(T x) {
    if constexpr (is_floating<T>) return std::isnan(widen(x));
    return false;
  }

  /// Whether there is a NaN among values of the tile; asks about all of them, which vectorizes.
  template <class V>
  bool has_nan(const V* values) const {
    std::uint32_t found = 0;
    if constexpr (is_floating<V>) {
      for (std::size_t i = 0; i < n_; ++i) {
        const auto x = widen(values[i]);
        found |= x != x ? 1u : 0u;  // NOLINT(misc-redundant-expression): true for NaN alone
      }
    }
    return found != 0;
  }

  /// The tile's values or gradients of a mode. Zero, which differs from nobody's, where x is NaN.
  void evaluate(std::size_t mode, bool values, C* to) {
    T* narrow = nullptr;
    if constexpr (std::is_same_v<T, C>) {
      narrow = to;
    } else {
      narrow = narrow_.get();
    }
    const Module& module = modes_.modules[mode];
    const Activation& activation = module.activation();
    if (module.scope() == Scope::element) {
      (values ? activation.forward : activation.backward)(
          modes_.dtype, bytes(x_.get()), bytes(narrow), {.outer = n_}, module.values());
    } else {
      pack(layout_, *tile_, (values ? whole_[mode].y : whole_[mode].g).get(), narrow);
    }
    if constexpr (!std::is_same_v<T, C>) {
      for (std::size_t i = 0; i < n_; ++i) to[i] = widen(narrow[i]);
    }
    if (!x_has_nan_) return;
    for (std::size_t i = 0; i < n_; ++i) to[i] = is_nan(x_[i]) ? C{0} : to[i];
  }

  /// Calls use(unit, i) for each value of the tile that is there and not NaN.
  template <class Use>
  void for_each_value(Use use) {
    for (std::size_t r = 0; r < tile_->rows; ++r) {
      for (std::size_t l = 0; l < tile_->width; ++l) {
        const std::size_t i = r * kTileWidth + l;
        if (!is_nan(x_[i])) use(tile_->units[l], i);
      }
    }
  }

  kernel::Block block_of(const float* values) const {
    return {values, kTileWidth, tile_->rows, tile_->width, values, 0};
  }

  /// Adds the tile to a mode's outcomes.
  void collect(std::size_t mode, const C* y) {
    std::vector<Outcome>& outcomes = kept_.outcomes[mode];
    if constexpr (has_kernels<T>) {
      if (collect_by_kernels(outcomes, y)) return;
    }
    for_each_value(
        [&](std::size_t unit, std::size_t i) { add_value(outcomes[unit], y[i], g_[i]); });
  }

  static void add_value(Outcome& to, C y, C g) {
    if (y == 0) ++to.zero;
    if (g != 0) ++to.live;
    if constexpr (is_floating<T>) {
      const auto wide = static_cast<double>(y);
      if (!std::isnan(wide)) to.range.add(key_of(y));
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

  /// False, and nothing is added, if there is a NaN or an infinity.
  bool collect_by_kernels(std::vector<Outcome>& outcomes, const float* y) {
    const std::size_t lanes = tile_->width;
    const kernel::Functions& kernel = kernel::best();
    const kernel::Block of_y = block_of(y);
    const kernel::Block of_g = block_of(g_.get());
    kernel::Scan ys;
    kernel::Scan gs;
    kernel.scan(of_y, ys);
    kernel.scan(of_g, gs);
    const Extremes y_extremes(ys, lanes);
    const Extremes g_extremes(gs, lanes);
    if (tile_->rows == 1 || !y_extremes.finite() || !g_extremes.finite()) return false;
    for (std::size_t l = 0; l < lanes; ++l) {
      if (ys.nan[l] != 0 || gs.nan[l] != 0) return false;
    }
    for (std::size_t l = 0; l < lanes; ++l) {
      Outcome& to = outcomes[tile_->units[l]];
      const auto present = static_cast<std::int64_t>(tile_->rows) - nan_of_[l];
      const std::int64_t zero = present - ys.positive[l] - ys.negative[l];
      to.zero += static_cast<std::uint64_t>(zero);
      to.live += static_cast<std::uint64_t>(gs.positive[l] + gs.negative[l]);
      if (zero != 0) to.range.add(Key{0});
      if (ys.positive[l] != 0) to.range.add({key_of(ys.least_positive[l]), key_of(ys.highest[l])});
      if (ys.negative[l] != 0)
        to.range.add({key_of(ys.lowest[l]), key_of(ys.greatest_negative[l])});
    }
    const auto add = [&](const kernel::Block& block, const kernel::Scan& scan, const Extremes& of,
                         const auto& above, const auto& below) {
      if (of.highest > 0)
        add_sums(block, kernel::Part::above, 1, of.least_positive, of.highest, scan.positive,
                 above);
      if (of.lowest < 0)
        add_sums(block, kernel::Part::below, 1, -of.greatest_negative, -of.lowest, scan.negative,
                 below);
    };
    const auto outcome = [&](std::size_t l) -> Outcome& { return outcomes[tile_->units[l]]; };
    add(
        of_y, ys, y_extremes,
        [&](std::size_t l) { return std::pair(&outcome(l).above, &outcome(l).squares); },
        [&](std::size_t l) { return std::pair(&outcome(l).below, &outcome(l).squares); });
    const auto gradients = [&](std::size_t l) {
      return std::pair(&outcome(l).gradients, static_cast<ExactSum*>(nullptr));
    };
    add(of_g, gs, g_extremes, gradients, gradients);
    return true;
  }

  /// Adds what is between the tile's values and the baseline's.
  void compare(std::size_t mode, const C* y) {
    std::vector<Difference>& differences = kept_.differences[mode];
    const C* const baseline = baseline_.get();
    if constexpr (has_kernels<T>) {
      if (tile_->rows > 1 && !baseline_has_nan_ && !has_nan(y)) {
        kernel::Differences found;
        kernel::best().differ(block_of(y), block_of(baseline), found);
        for (std::size_t l = 0; l < tile_->width; ++l) {
          differences[tile_->units[l]].add(
              {static_cast<std::uint64_t>(found.count[l]), found.greatest[l]});
        }
        return;
      }
    }
    for_each_value([&](std::size_t unit, std::size_t i) {
      differences[unit].add(static_cast<double>(y[i]), static_cast<double>(baseline[i]));
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

  const Tile* tile_ = nullptr;
  std::size_t n_ = 0;  // values of the tile, and zeros that fill it up
  std::unique_ptr<T[]> x_ = values<T>(), narrow_ = values<T>();
  std::unique_ptr<C[]> y_ = values<C>(), g_ = values<C>(), baseline_ = values<C>();
  bool x_has_nan_ = false, baseline_has_nan_ = false;
  std::array<std::int32_t, kTileWidth> nan_of_{};  // of a column
};

}  // namespace

void add_blocks(const Modes& modes, Kept& kept, const Tensor& slab, const Layout& layout) {
  dispatch(modes.dtype, [&](auto type) {
    Blocks<typename decltype(type)::type>(modes, kept, slab, layout).add();
  });
}

}  // namespace rectify::inline v1::detail
