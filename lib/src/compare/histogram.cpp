// The histogram of the inputs: counts in classes of magnitudes, which are the exponents of float32
// and three more bits.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "compare/tally.hpp"
#include "dispatch.hpp"

namespace rectify::inline v1 {

using namespace detail;

namespace {

constexpr std::size_t kClasses = kClassesOfASign;

template <class T>
void count_classes(std::vector<std::uint64_t>& classes, std::span<const T> x) {
  if constexpr (std::is_same_v<T, float>) {
    // The same classes, of its own bits.
    constexpr std::uint32_t kInfinite = 255u << 3;
    for (const float element : x) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(element);
      const std::uint32_t index = (bits & 0x7FFFFFFFu) >> 20;
      if (index >= kInfinite || element == 0) continue;
      ++classes[bits >> 31 != 0 ? kClasses - 1 - index : kClasses + index];
    }
    return;
  }
  for (const T element : x) {
    const auto value = static_cast<double>(widen(element));
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

}  // namespace

void detail::add_classes(std::vector<std::uint64_t>& classes, const Tensor& slab) {
  dispatch(slab.dtype(),
           [&](auto type) { count_classes(classes, slab.data<typename decltype(type)::type>()); });
}

std::vector<Tally::Bin> Tally::histogram() const {
  state_->rectifiers.settle();
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
  for (const Inputs& in : state.kept.inputs) {
    above.add(in.above);
    below.add(in.below);
  }
  const auto value = [&](Key key) {
    return dispatch(state.dtype(), [&](auto type) {
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
      for (const Inputs& in : state.kept.inputs) zeros += in.zero;
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

}  // namespace rectify::inline v1
