#include "rectify/compare.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compare/tally.hpp"
#include "dispatch.hpp"
#include "dyadic.hpp"
#include "half.hpp"
#include "kernels/exact.hpp"
#include "kernels/target.hpp"
#include "number/exact_sum.hpp"
#include "rectify/error.hpp"

using namespace rectify;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Module relu() { return Module::parse("relu"); }
Module leaky(double slope) { return Module::parse("leaky").with("negative_slope", slope); }

CompareOptions relu_and_leaky(double slope = 0.01, std::optional<std::int64_t> axis = -1) {
  return {axis, {relu(), leaky(slope)}, false};
}

Tensor tensor(std::initializer_list<float> values, Shape shape) {
  return Tensor::of(std::span<const float>(values.begin(), values.size()), std::move(shape));
}

Tally tally_of(const Tensor& tensor, const CompareOptions& options) {
  Tally tally(options, tensor.dtype(), tensor.shape());
  tally.add(tensor);
  return tally;
}

double number(const Figure& figure) {
  REQUIRE(std::holds_alternative<double>(figure));
  return std::get<double>(figure);
}

std::string text(const Figure& figure) {
  if (std::holds_alternative<std::monostate>(figure)) return "null";
  if (const auto* const integer = std::get_if<std::int64_t>(&figure))
    return "int " + std::to_string(*integer);
  char digits[64];
  std::snprintf(digits, sizeof digits, "%a", std::get<double>(figure));
  return digits;
}

// ---- the reference: plain loops over plain lists, sums by the oracle ----------------------------

/// The elements as doubles, and exactly also where those cannot hold an int64.
struct Values {
  std::vector<double> doubles;
  std::vector<Dyadic> exact;  // zero for what is not finite
  std::vector<std::int64_t> integers;
};

Values values_of(const Tensor& tensor) {
  Values values;
  dispatch(tensor.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for (const T element : tensor.data<T>()) {
      const auto wide = widen(element);
      const auto value = static_cast<double>(wide);
      values.doubles.push_back(value);
      values.integers.push_back(is_floating<T> ? 0 : static_cast<std::int64_t>(wide));
      values.exact.push_back(!is_floating<T>        ? Dyadic::integer(values.integers.back())
                             : std::isfinite(value) ? Dyadic(value)
                                                    : Dyadic());
    }
  });
  return values;
}

/// mean_abs is compared with this before dormancy is made of it.
struct Expected {
  std::uint64_t k = 0;
  Dyadic magnitudes;
  bool finite = true;
};

/// Checks `figures` against the elements at `indices`.
Expected check(const Figures& figures, const std::vector<std::size_t>& indices, const Values& x,
               const Values& y, const Values& g, const Values* baseline, bool integers) {
  std::uint64_t nan = 0, k = 0, active = 0, zero = 0, live = 0, differ = 0;
  std::uint64_t y_nan = 0, y_plus = 0, y_minus = 0, g_nan = 0, g_plus = 0, g_minus = 0;
  double greatest = 0;
  std::vector<double> in_order;
  std::vector<std::int64_t> integers_in_order;
  DyadicSum sums, gradients;
  Dyadic squares, magnitudes;
  for (const std::size_t i : indices) {
    if (std::isnan(x.doubles[i])) {
      ++nan;
      continue;
    }
    ++k;
    active += x.doubles[i] > 0;
    zero += y.doubles[i] == 0;
    live += g.doubles[i] != 0;
    y_nan += std::isnan(y.doubles[i]);
    y_plus += y.doubles[i] == kInfinity;
    y_minus += y.doubles[i] == -kInfinity;
    g_nan += std::isnan(g.doubles[i]);
    g_plus += g.doubles[i] == kInfinity;
    g_minus += g.doubles[i] == -kInfinity;
    sums += y.exact[i];
    squares += y.exact[i] * y.exact[i];
    magnitudes += y.exact[i].abs();
    gradients += g.exact[i];
    if (!std::isnan(y.doubles[i])) in_order.push_back(y.doubles[i]);
    integers_in_order.push_back(y.integers[i]);
    if (baseline != nullptr) {
      const double a = y.doubles[i];
      const double b = baseline->doubles[i];
      if (a != b && !(std::isnan(a) && std::isnan(b))) {
        ++differ;
        if (!(std::abs(a - b) <= greatest))
          greatest = std::isnan(greatest) ? kNan : std::abs(a - b);
      }
    }
  }
  const Dyadic sum = sums;
  const Dyadic gradient = gradients;
  const auto is_share = [&](const Figure& figure, std::uint64_t part) {
    return k == 0 ? figure == Figure() : is_quotient(number(figure), Dyadic(part), k);
  };
  CHECK(figures.n == indices.size());
  CHECK(figures.nan == nan);
  CHECK(is_share(figures.active_frac, active));
  CHECK(is_share(figures.zero_frac, zero));
  CHECK(is_share(figures.live_frac, live));
  CHECK(figures.differs.has_value() == (baseline != nullptr));
  if (baseline != nullptr) {
    CHECK(*figures.differs == differ);
    CHECK(text(figures.max_abs_diff) == (k == 0 ? "null" : text(greatest)));
  } else {
    CHECK(figures.max_abs_diff == Figure());
  }
  const bool finite = y_nan + y_plus + y_minus == 0;
  if (k == 0) {
    for (const Figure& figure :
         {figures.grad_mean, figures.min, figures.max, figures.mean, figures.std, figures.mean_abs})
      CHECK(figure == Figure());
    return {0, {}, true};
  }
  if (g_nan + g_plus + g_minus == 0) {
    CHECK(is_quotient(number(figures.grad_mean), gradient, k));
  } else {
    CHECK(text(figures.grad_mean) == text(g_nan != 0     ? kNan
                                          : g_plus == 0  ? -kInfinity
                                          : g_minus == 0 ? kInfinity
                                                         : kNan));
  }
  if (y_nan != 0) {
    CHECK(std::isnan(number(figures.min)));
    CHECK(std::isnan(number(figures.max)));
  } else if (integers) {
    const auto [low, high] =
        std::minmax_element(integers_in_order.begin(), integers_in_order.end());
    CHECK(figures.min == Figure(*low));
    CHECK(figures.max == Figure(*high));
  } else {
    const auto [low, high] = std::minmax_element(in_order.begin(), in_order.end());
    CHECK(text(figures.min) == text(*low + 0.0));
    CHECK(text(figures.max) == text(*high + 0.0));
  }
  if (finite) {
    CHECK(is_quotient(number(figures.mean), sum, k));
    CHECK(is_quotient(number(figures.mean_abs), magnitudes, k));
    if (sum == Dyadic()) CHECK_FALSE(std::signbit(number(figures.mean)));
  } else {
    CHECK(text(figures.mean) == text(y_nan != 0 || (y_plus != 0 && y_minus != 0) ? kNan
                                     : y_plus != 0                               ? kInfinity
                                                                                 : -kInfinity));
    CHECK(text(figures.mean_abs) == text(y_nan != 0 ? kNan : kInfinity));
  }
  if (k == 1) {
    CHECK(figures.std == Figure());
  } else if (finite) {
    CHECK(is_deviation(number(figures.std), sum, squares, k));
  } else {
    CHECK(std::isnan(number(figures.std)));
  }
  return {k, magnitudes, finite};
}

/// Checks every figure of the whole tensor.
void check(const TensorFigures& figures, const Tensor& tensor, const CompareOptions& options,
           double dead_below = 0) {
  const Shape& shape = tensor.shape();
  const bool integers = !is_floating_point(tensor.dtype());
  std::size_t outer = 1, units = 1, inner = static_cast<std::size_t>(tensor.numel());
  std::optional<std::int64_t> axis;
  if (shape.size() >= 2 && options.unit_axis) {
    axis = *options.unit_axis + (*options.unit_axis < 0 ? std::ssize(shape) : 0);
    if (*options.unit_axis == kFeatures)
      axis = shape.size() == 4 || shape.size() == 5 ? 1 : std::ssize(shape) - 1;
    outer = inner = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto size = static_cast<std::size_t>(shape[i]);
      if (static_cast<std::int64_t>(i) < *axis) outer *= size;
      if (static_cast<std::int64_t>(i) == *axis) units = size;
      if (static_cast<std::int64_t>(i) > *axis) inner *= size;
    }
  }
  CHECK(figures.dtype == tensor.dtype());
  CHECK(figures.shape == shape);
  CHECK(figures.unit_axis == axis);
  CHECK(figures.units == static_cast<std::int64_t>(units));
  REQUIRE(figures.unit_inputs.size() == units);
  REQUIRE(figures.activations.size() == options.modes.size());

  std::vector<std::vector<std::size_t>> of_unit(units);
  for (std::size_t i = 0; i < outer * units * inner; ++i) of_unit[i / inner % units].push_back(i);
  std::vector<std::size_t> all(outer * units * inner);
  std::iota(all.begin(), all.end(), std::size_t{0});

  const Values x = values_of(tensor);
  const auto check_counts = [&](const InputCounts& counts,
                                const std::vector<std::size_t>& indices) {
    InputCounts expected;
    for (const std::size_t i : indices) {
      const double value = x.doubles[i];
      ++expected.n;
      expected.nan += std::isnan(value);
      expected.inf += std::isinf(value);
      expected.positive += value > 0;
      expected.zero += value == 0;
      expected.negative += value < 0;
    }
    CHECK(counts.n == expected.n);
    CHECK(counts.nan == expected.nan);
    CHECK(counts.inf == expected.inf);
    CHECK(counts.positive == expected.positive);
    CHECK(counts.zero == expected.zero);
    CHECK(counts.negative == expected.negative);
  };
  check_counts(figures.input, all);
  for (std::size_t u = 0; u < units; ++u) check_counts(figures.unit_inputs[u], of_unit[u]);

  Values baseline;
  for (std::size_t c = 0; c < options.modes.size(); ++c) {
    CAPTURE(c);
    const Module& mode = options.modes[c];
    const ActivationFigures& ours = figures.activations[c];
    const Values y = values_of(apply(mode, tensor.clone()));
    Tensor gradients = Tensor::empty(shape, tensor.dtype());
    mode.activation().backward(tensor.dtype(), tensor.bytes(), gradients.bytes(),
                               mode.extent(shape), mode.values());
    const Values g = values_of(gradients);
    if (c == 0) baseline = y;
    const Values* const against = c == 0 ? nullptr : &baseline;
    CHECK(ours.mode == mode);
    check(ours, all, x, y, g, against, integers);

    std::uint64_t linear = 0;
    std::vector<std::int64_t> dead_at;
    std::vector<Expected> expected(units);
    double mean = 0;
    std::uint64_t with_values = 0;
    REQUIRE(ours.units.size() == units);
    for (std::size_t u = 0; u < units; ++u) {
      CAPTURE(u);
      const UnitFigures& unit = ours.units[u];
      expected[u] = check(unit, of_unit[u], x, y, g, against, integers);
      const bool dead = expected[u].k != 0 && number(unit.live_frac) <= dead_below;
      CHECK(unit.dead == dead);
      if (dead) dead_at.push_back(static_cast<std::int64_t>(u));
      linear += expected[u].k != 0 && number(unit.active_frac) == 1;
      if (expected[u].k != 0) {
        mean += number(unit.mean_abs);
        ++with_values;
      }
    }
    CHECK(ours.dead_at == dead_at);
    CHECK(ours.dead_units == dead_at.size());
    CHECK((units == 0 ? ours.dead_frac == Figure()
                      : is_quotient(number(ours.dead_frac), Dyadic(dead_at.size()), units)));
    CHECK(ours.linear_units == linear);
    CHECK(ours.dormant_units == ours.dormant_at.size());
    CHECK(ours.dormant_units == static_cast<std::uint64_t>(std::count_if(
                                    ours.units.begin(), ours.units.end(), [](const UnitFigures& u) {
                                      const double* const of = std::get_if<double>(&u.dormancy);
                                      const bool dormant = of == nullptr || *of <= kDormantBelow;
                                      CHECK(u.dormant == (u.n != u.nan && dormant));
                                      return u.dormant;
                                    })));
    mean /= static_cast<double>(with_values);
    for (std::size_t u = 0; u < units; ++u) {
      const Figure& dormancy = ours.units[u].dormancy;
      if (expected[u].k == 0 || mean == 0) {
        CHECK(dormancy == Figure());
      } else {
        const double quotient = number(ours.units[u].mean_abs) / mean;
        if (std::isfinite(quotient) && std::isfinite(mean)) {
          CHECK(number(dormancy) == doctest::Approx(quotient).epsilon(1e-9));
        } else if (!std::isinf(mean) || std::isinf(number(ours.units[u].mean_abs))) {
          // (where the plain mean overflowed there is nothing to compare with)
          CHECK((std::isnan(number(dormancy)) || std::isinf(mean)));
        }
      }
    }
  }
}

void check(const Tensor& tensor, const CompareOptions& options) {
  check(tally_of(tensor, options).figures(), tensor, options);
}

// ---- random tensors
// ------------------------------------------------------------------------------

enum Kind { normal, wide, special, bits, all_dead, all_linear, tiny, huge, kinds };

Tensor random_tensor(std::mt19937_64& random, DType dtype, const Shape& shape, int kind) {
  Tensor result = Tensor::empty(shape, dtype);
  std::normal_distribution<double> gauss;
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for (T& element : result.data<T>()) {
      double x = gauss(random);
      if (kind == wide) x = std::ldexp(x, static_cast<int>(random() % 60) - 30);
      if (kind == all_dead) x = -std::abs(x);
      if (kind == all_linear) x = std::abs(x) + 1e-3;
      if constexpr (std::is_same_v<T, bool>) {
        element = x > 0;
      } else if constexpr (!is_floating<T>) {
        element = kind == bits || kind == huge ? static_cast<T>(random())
                                               : static_cast<T>(std::clamp(40 * x, 0.0, 120.0));
        if (kind == normal) element = static_cast<T>(element - (std::is_signed_v<T> ? 40 : 0));
      } else {
        if (kind == tiny) x *= static_cast<double>(0x1p-140f) * (random() % 8 == 0 ? 0x1p-900 : 1);
        if (kind == huge)
          x *= dtype == DType::float16 ? 0x1p15 : dtype == DType::float64 ? 0x1p1021 : 0x1p125;
        if constexpr (std::is_same_v<T, double>) {
          element = x;
        } else {
          element = narrow<T>(static_cast<float>(x));
        }
        if (kind == bits) {
          const std::uint64_t all = random();
          std::memcpy(static_cast<void*>(&element), &all, sizeof element);
        }
        if (kind == special && random() % 16 == 0) {
          constexpr float kSpecial[] = {0.0f,      -0.0f,     NAN,        -NAN,     INFINITY,
                                        -INFINITY, 0x1p-149f, -0x1p-149f, 0x1p-24f, 1e-30f};
          const float chosen = kSpecial[random() % std::size(kSpecial)];
          if constexpr (std::is_same_v<T, double>) {
            element = static_cast<double>(chosen);
          } else {
            element = narrow<T>(chosen);
          }
        }
      }
    }
  });
  return result;
}

constexpr DType kFloats[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16};

/// All partial texts, one below the other.
std::string partials(const Tally& tally, const CompareOptions& options) {
  std::string text;
  for (std::size_t c = 0; c < options.modes.size(); ++c) text += tally.partial(c) + "\n";
  return text;
}

std::vector<std::string> partial_texts(const Tally& tally, const CompareOptions& options) {
  std::vector<std::string> texts;
  for (std::size_t c = 0; c < options.modes.size(); ++c) texts.push_back(tally.partial(c));
  return texts;
}

/// A state whose checksum fits what else is in it.
std::string sealed(nlohmann::json state) {
  state.erase("checksum");
  const std::string sum = checksum(state.dump());
  state["checksum"] = sum;
  return state.dump();
}

void append(std::string& all, const Figures& figures) {
  all += std::to_string(figures.n) + ' ' + std::to_string(figures.nan);
  for (const Figure& figure :
       {figures.active_frac, figures.zero_frac, figures.live_frac, figures.grad_mean, figures.min,
        figures.max, figures.mean, figures.std, figures.mean_abs, figures.max_abs_diff})
    all += ' ' + text(figure);
  all += ' ' + (figures.differs ? std::to_string(*figures.differs) : "none");
}

/// Every figure of a report, by its bits.
std::string all_figures(const TensorFigures& figures) {
  std::string all;
  for (const InputCounts& in : figures.unit_inputs) {
    for (const std::uint64_t count : {in.n, in.nan, in.inf, in.positive, in.zero, in.negative})
      all += std::to_string(count) + ' ';
  }
  for (const ActivationFigures& activation : figures.activations) {
    append(all += "\nall: ", activation);
    for (const UnitFigures& unit : activation.units) {
      append(all += "\n", unit);
      all += (unit.dead ? " dead " : " live ") + text(unit.dormancy);
    }
  }
  return all;
}

/// Rows [first, last) of a tensor.
Tensor rows_of(const Tensor& tensor, std::int64_t first, std::int64_t last) {
  Shape shape = tensor.shape();
  const std::size_t row = shape[0] == 0 ? 0 : tensor.nbytes() / static_cast<std::size_t>(shape[0]);
  shape[0] = last - first;
  Tensor rows = Tensor::empty(shape, tensor.dtype());
  std::memcpy(rows.bytes(), tensor.bytes() + static_cast<std::size_t>(first) * row, rows.nbytes());
  return rows;
}

}  // namespace

TEST_CASE("the figures are those of the reference, for every dtype, shape and kind of values") {
  std::mt19937_64 random(3);
  struct Row {
    Shape shape;
    std::optional<std::int64_t> axis;
    const char* why;
  };
  const Row rows[] = {
      {{300, 5}, -1, "fewer units than lanes"},
      {{41, 19}, -1, "units left over after whole vectors"},
      {{70, 16}, 1, "whole vectors"},
      {{9, 16}, 0, "rows are units"},
      {{700}, -1, "1-D: one unit"},
      {{40, 18}, std::nullopt, "the tensor is one unit"},
      {{6, 5, 23}, 1, "channels in the middle"},
      {{5, 3, 4, 5}, -3, "channels of images"},
      {{4, 3, 200}, 0, "images are units"},
      {{30, 4, 6}, 2, "3-D, last axis"},
      {{1, 11}, -1, "one sample"},
      {{1}, -1, "one value"},
      {{}, -1, "no dimensions"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    for (const DType dtype : kFloats) {
      CAPTURE(name(dtype));
      for (int kind = 0; kind < kinds; ++kind) {
        CAPTURE(kind);
        const Tensor input = random_tensor(random, dtype, row.shape, kind);
        constexpr double kSlopes[] = {0.01, 0.2, -0.5, 3.0};
        check(input, relu_and_leaky(kSlopes[random() % std::size(kSlopes)], row.axis));
      }
    }
  }
}

TEST_CASE("every kernel that this processor can run sums exactly") {
  std::mt19937_64 random(10);
  std::uniform_real_distribution<float> fractions(1, 0x1.fffffcp0f);
  std::size_t k = 0;
  for (const kernel::Functions& functions : kernel::available()) {
    CAPTURE(k++);
    const bool integers = functions.sum_integers != nullptr;
    struct Row {
      int top, apart;
      const char* why;
    };
    const Row rows_of_tests[] = {
        {1, 0, "one binade"},
        {1, kernel::kBinades - 1, "as far apart as one layer can be"},
        {1, kernel::kBinades, "two layers"},
        {1, kernel::kIntegerBinades - 1, "as far apart as integers can be"},
        {127, kernel::kIntegerBinades - 1, "the greatest floats"},
        {-121, kernel::kIntegerBinades - 1, "subnormals"},
    };
    for (const Row& row : rows_of_tests) {
      CAPTURE(row.why);
      for (const std::size_t rows :
           {std::size_t{1}, std::size_t{2}, std::size_t{77}, kernel::kRows}) {
        CAPTURE(rows);
        for (const bool greatest_only : {false, true}) {
          // Fewer lanes than there are, and rows with something behind them.
          const std::size_t lanes = rows == 77 ? 9 : kernel::kLanes;
          const std::size_t stride = kernel::kLanes + rows % 3;
          std::vector<float> values(rows * stride);
          for (float& x : values) {
            const float fraction = greatest_only ? 0x1.fffffep0f : fractions(random);
            const auto down = static_cast<int>(random() % static_cast<unsigned>(row.apart + 1));
            x = std::ldexp(random() % 2 == 0 ? fraction : -fraction,
                           greatest_only ? row.top : row.top - down);
            if (random() % 20 == 0) x = random() % 2 == 0 ? NAN : 0.0f * x;
          }
          const kernel::Block block{values.data(), stride, rows, lanes, values.data(), 0};
          kernel::Scan scan;
          functions.scan(block, scan);
          std::vector<float> numbers = values;  // those that are, and others in some places
          for (float& x : numbers) x = std::isnan(x) ? 0.0f : x;
          std::vector<float> others = numbers;
          for (float& x : others) {
            if (random() % 4 == 0) x = -0.3f * x;
          }
          const auto block_of = [&](const std::vector<float>& all) {
            return kernel::Block{all.data(), stride, rows, lanes, all.data(), 0};
          };
          kernel::Differences between;
          functions.differ(block_of(numbers), block_of(others), between);
          kernel::Totals totals;
          functions.total(block_of(numbers), totals);
          const auto sums_of = [&](kernel::Part part, float slope, std::size_t lane) {
            const int top = part == kernel::Part::below ? row.top - 2 : row.top;  // x * 0.25
            std::pair<ExactSum, ExactSum> sums;
            if (integers && row.apart < kernel::kIntegerBinades) {
              kernel::Integers found;
              const int exponent = top - row.apart - 23;
              functions.sum_integers(block, part, slope, exponent, found);
              sums.first.add_scaled(found.sum[lane], exponent, slope > 0);
              sums.second.add_scaled((ExactSum::Wide{found.high[lane]} << 52) + found.low[lane],
                                     2 * exponent, false);
            }
            std::pair<ExactSum, ExactSum> in_layers;
            const bool all = row.apart < kernel::kBinades;
            for (int high = top; high >= top - row.apart; high -= kernel::kBinades) {
              kernel::Sums found;
              functions.sum(block, part, slope, {high - kernel::kBinades + 1, high, all}, found);
              in_layers.first.add(found.sum[lane]);
              in_layers.second.add(found.high[lane]);
              in_layers.second.add(found.low[lane]);
            }
            if (integers) {
              CHECK(sums.first.text() == in_layers.first.text());
              CHECK(sums.second.text() == in_layers.second.text());
            }
            return in_layers;
          };
          for (std::size_t lane = 0; lane < lanes; ++lane) {
            std::int32_t positive = 0, negative = 0, nan = 0, unlike = 0;
            float highest = -INFINITY, lowest = INFINITY;
            float least_positive = INFINITY, greatest_negative = -INFINITY;
            double widest = 0;
            ExactSum above, above_squares, below, below_squares, total;
            for (std::size_t r = 0; r < rows; ++r) {
              const float x = values[r * stride + lane];
              const float a = numbers[r * stride + lane];
              const float b = others[r * stride + lane];
              unlike += a != b;
              total.add(static_cast<double>(a));
              widest = std::max(widest, std::abs(static_cast<double>(a) - static_cast<double>(b)));
              nan += std::isnan(x);
              if (std::isnan(x)) continue;
              highest = std::max(highest, x);
              lowest = std::min(lowest, x);
              if (x > 0) {
                ++positive;
                least_positive = std::min(least_positive, x);
                above.add(static_cast<double>(x));
                above_squares.add_square(static_cast<double>(x));
              } else if (x < 0) {
                ++negative;
                greatest_negative = std::max(greatest_negative, x);
                const float y = x * 0.25f;
                below.add(static_cast<double>(y));
                below_squares.add_square(static_cast<double>(y));
              }
            }
            CHECK(scan.positive[lane] == positive);
            CHECK(scan.negative[lane] == negative);
            CHECK(scan.nan[lane] == nan);
            CHECK(scan.highest[lane] == highest);
            CHECK(scan.lowest[lane] == lowest);
            CHECK(scan.least_positive[lane] == least_positive);
            CHECK(scan.greatest_negative[lane] == greatest_negative);
            CHECK(totals.zero[lane] == static_cast<std::int32_t>(rows) - positive - negative);
            CHECK(totals.least[lane] == std::min(least_positive, -greatest_negative));
            CHECK(totals.greatest[lane] == std::max({highest, -lowest, 0.0f}));
            if (row.apart < kernel::kBinades) {
              ExactSum found;
              found.add(totals.sum[lane]);
              CHECK(found.text() == total.text());
            }
            CHECK(between.count[lane] == unlike);
            CHECK(between.greatest[lane] == widest);
            const auto [sum, squares] = sums_of(kernel::Part::above, 0, lane);
            CHECK(sum.text() == above.text());
            CHECK(squares.text() == above_squares.text());
            const auto [sum_below, squares_below] = sums_of(kernel::Part::below, 0.25f, lane);
            CHECK(sum_below.text() == below.text());
            CHECK(squares_below.text() == below_squares.text());
          }
        }
      }
    }
  }
}

namespace {

/// Adds the sums in lane l of pieces in units of 2^exponent.
template <std::size_t kCount>
void add_pieces(const kernel::Pieces<kCount>& of, std::size_t l, int exponent, ExactSum& sum,
                ExactSum& squares) {
  const auto add = [](ExactSum& to, double x, int unit) {
    int own = 0;
    const double fraction = std::frexp(x, &own);
    to.add_scaled(static_cast<std::uint64_t>(std::ldexp(std::abs(fraction), 53)), own - 53 + unit,
                  x < 0);
  };
  for (const double* const x : {of.a, of.b, of.c}) add(sum, x[l], exponent);
  for (const double* const x : {of.aa, of.bb, of.cc}) add(squares, x[l], 2 * exponent);
  for (const double* const x : {of.ab, of.ac, of.bc}) add(squares, x[l], 2 * exponent + 1);
}

/// Adds the sums in lane l of a strip's values on one side, of which there are `count`.
void add_side(const kernel::StripSums<double>& of, std::size_t l, std::int32_t, int exponent,
              ExactSum& sum, ExactSum& squares) {
  add_pieces(of, l, exponent, sum, squares);
}
void add_side(const kernel::StripSums<float>& of, std::size_t l, std::int32_t count, int exponent,
              ExactSum& sum, ExactSum& squares) {
  sum.add_scaled(of.magnitudes(l, count, exponent), exponent, false);
  squares.add_scaled((ExactSum::Wide{of.high[l]} << 52) + of.low[l], 2 * exponent, false);
}

/// Strips of values with magnitudes in [2^bottom, 2^top), of rows without anything behind them.
template <class T>
void check_strips(const kernel::Functions& functions, int exponent, int digits, int bottom, int top,
                  Compute<T> factor, Compute<T> unit) {
  using C = Compute<T>;
  std::mt19937_64 random(13);
  std::uniform_real_distribution<C> fractions(1, static_cast<C>(1.99));
  const C least = std::ldexp(C{1}, bottom);
  const C beyond = std::ldexp(C{1}, top);
  const C greatest = beyond - std::ldexp(C{1}, top - digits);
  const kernel::Rule<C> rule{factor, unit, least, beyond, least, beyond};
  for (std::size_t width = 1; width <= kernel::kStripLanes; ++width) {
    CAPTURE(width);
    const std::size_t rows = 37;
    std::vector<T> values(rows * width);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto above = static_cast<int>(random() % static_cast<unsigned>(top - bottom));
      C x = i % 5 == 0   ? greatest
            : i % 7 == 0 ? least
                         : std::ldexp(fractions(random), bottom + above);
      if (i % 11 == 0) x = C{0};
      if (i % 13 == 0) x = C{NAN};
      values[i] = narrow<T>(random() % 2 == 0 ? x : -x);
    }
    const kernel::BlockOf<T> block{values.data(), width, rows, width, values.data(), 0};
    kernel::Strip<C> strip;
    strip.exponent = exponent;
    for (std::uint32_t times = 1; times <= 3; ++times) {
      REQUIRE(functions.add_rows_of<T>()(block, rule, strip));
      CHECK(strip.rows == times * rows);
    }
    for (std::size_t l = 0; l < width; ++l) {
      std::int32_t positive = 0, negative = 0, nan = 0;
      C highest = -INFINITY, lowest = INFINITY, near_above = INFINITY, near_below = -INFINITY;
      ExactSum sums[2], squares[2], found[2], found_squares[2];
      for (std::size_t r = 0; r < rows; ++r) {
        const C x = widen(values[r * width + l]);
        nan += std::isnan(x) ? 3 : 0;
        if (std::isnan(x)) continue;
        highest = std::max(highest, x);
        lowest = std::min(lowest, x);
        if (x == 0) continue;
        const C y = x > 0 ? x : widen(narrow<T>(x * factor)) * unit;
        (x > 0 ? positive : negative) += 3;
        (x > 0 ? near_above : near_below) =
            x > 0 ? std::min(near_above, x) : std::max(near_below, x);
        for (int times = 0; times < 3; ++times) {
          sums[x > 0].add(static_cast<double>(y));
          squares[x > 0].add_square(static_cast<double>(y));
        }
      }
      CHECK(strip.positive[l] == positive);
      CHECK(strip.negative[l] == negative);
      CHECK(strip.nan[l] == nan);
      CHECK(strip.highest[l] == highest);
      CHECK(strip.lowest[l] == lowest);
      CHECK(strip.least_positive[l] == near_above);
      CHECK(strip.greatest_negative[l] == near_below);
      add_side(strip.below, l, negative, exponent, found[0], found_squares[0]);
      add_side(strip.above, l, positive, exponent, found[1], found_squares[1]);
      for (const std::size_t side : {0u, 1u}) {
        CHECK(found[side].text() == sums[side].text());
        CHECK(found_squares[side].text() == squares[side].text());
      }
    }
    for (const C outside : {beyond, -beyond, least / 2, -least / 2, C{INFINITY}, -C{INFINITY}}) {
      CAPTURE(outside);
      const kernel::Strip<C> before = strip;
      const T kept = std::exchange(values[values.size() / 2], narrow<T>(outside));
      CHECK_FALSE(functions.add_rows_of<T>()(block, rule, strip));
      CHECK(std::memcmp(&before, &strip, sizeof strip) == 0);
      values[values.size() / 2] = kept;
    }
  }
}

}  // namespace

TEST_CASE("strips take what is within their bounds, exactly, and nothing else") {
  bool any = false;
  for (const kernel::Functions& functions : kernel::available()) {
    if (functions.add_rows == nullptr) continue;
    any = true;
    check_strips<float>(functions, -30, 24, -7, 21, -1.28f, 1);
    check_strips<float16>(functions, -24, 11, -12, 14, -0.01f, 128);
    check_strips<bfloat16>(functions, -30, 8, -23, 21, -0.01f, 128);
    check_strips<double>(functions, -60, 53, -8, 7, -0.01, 128);
  }
  CHECK(any == (target() == Target::avx512));
}

TEST_CASE("every kernel that this processor can run sums doubles exactly") {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> fractions(1, 0x1.ffffffffffffep0);
  constexpr int kApart = kernel::kDoubleBinades - 1;
  struct Row {
    int top, apart;
    const char* why;
  };
  const Row rows_of_tests[] = {
      {1, 0, "one binade"},
      {1, kApart, "as far apart as one layer can be"},
      {1, kApart + 1, "two layers"},
      {1, 5 * kApart, "five layers"},
      {1023, kApart, "the greatest doubles"},
      {-940 + kApart, kApart, "the least that the kernels take"},
  };
  std::size_t k = 0;
  for (const kernel::Functions& functions : kernel::available()) {
    CAPTURE(k++);
    for (const Row& row : rows_of_tests) {
      CAPTURE(row.why);
      for (const std::size_t rows :
           {std::size_t{1}, std::size_t{2}, std::size_t{77}, kernel::kDoubleRows}) {
        CAPTURE(rows);
        // Numbers at random; or all of a lane the same: the greatest, and those of which pieces are
        // the greatest that they can be, at the top and at the bottom of a layer.
        for (const double same : {0.0, 0x1.fffffffffffffp0, 1 + 0x1p-22 - 0x1p-52,
                                  0x1p-15 * (1 + 0x1p-7 - 0x1p-29 + 0x1p-30 - 0x1p-52)}) {
          CAPTURE(same);
          if (row.apart < kApart && same != 0 && same < 1) continue;
          const std::size_t lanes = rows == 77 ? 9 : kernel::kLanes;
          const std::size_t stride = kernel::kLanes + rows % 3;
          const auto lower = [&](std::size_t lane) {  // lanes have layers of their own
            return row.top > 0 ? static_cast<int>(lane % kernel::kLanes)
                               : -static_cast<int>(lane % kernel::kLanes);
          };
          std::vector<double> values(rows * stride);
          for (std::size_t i = 0; i < values.size(); ++i) {
            const std::size_t lane = i % stride;
            const auto down = static_cast<int>(random() % static_cast<unsigned>(row.apart + 1));
            double& x = values[i];
            if (same != 0) {
              x = std::ldexp(lane % 2 == 0 ? same : -same, row.top - lower(lane));
              continue;
            }
            x = std::ldexp(fractions(random), row.top - down - lower(lane));
            if (random() % 2 == 0) x = -x;
            if (random() % 20 == 0) x = random() % 2 == 0 ? NAN : 0.0 * x;
          }
          const kernel::BlockOf<double> block{values.data(), stride, rows, lanes, values.data(), 0};
          kernel::ScanOf<double> scan;
          functions.scan_doubles(block, scan);
          std::vector<ExactSum> sums(2 * lanes), squares(2 * lanes);
          for (const kernel::Part part : {kernel::Part::above, kernel::Part::below}) {
            const bool all = row.apart <= kApart;
            for (int top = row.top; top >= row.top - row.apart; top -= kernel::kDoubleBinades) {
              double scales[kernel::kLanes];
              const auto exponent = [&](std::size_t lane) {
                return top - lower(lane) - kernel::kDoubleTop;
              };
              for (std::size_t l = 0; l < kernel::kLanes; ++l)
                scales[l] = l == 1 ? 0 : std::ldexp(1.0, -exponent(l));
              kernel::DoubleSums found;
              functions.sum_doubles(block, part, scales, all, found);
              for (std::size_t l = 0; l < lanes; ++l) {
                const std::size_t i = 2 * l + (part == kernel::Part::above ? 0 : 1);
                add_pieces(found, l, exponent(l), sums[i], squares[i]);
              }
            }
          }
          for (std::size_t lane = 0; lane < lanes; ++lane) {
            std::int64_t positive = 0, negative = 0, nan = 0;
            double highest = -INFINITY, lowest = INFINITY;
            double least_positive = INFINITY, greatest_negative = -INFINITY;
            ExactSum above, above_squares, below, below_squares;
            for (std::size_t r = 0; r < rows; ++r) {
              const double x = values[r * stride + lane];
              nan += std::isnan(x);
              if (std::isnan(x)) continue;
              highest = std::max(highest, x);
              lowest = std::min(lowest, x);
              if (x > 0) {
                ++positive;
                least_positive = std::min(least_positive, x);
              } else if (x < 0) {
                ++negative;
                greatest_negative = std::max(greatest_negative, x);
              }
              if (lane == 1) continue;  // which has been left out
              (x > 0 ? above : below).add(x);
              (x > 0 ? above_squares : below_squares).add_square(x);
            }
            CHECK(scan.positive[lane] == positive);
            CHECK(scan.negative[lane] == negative);
            CHECK(scan.nan[lane] == nan);
            CHECK(scan.highest[lane] == highest);
            CHECK(scan.lowest[lane] == lowest);
            CHECK(scan.least_positive[lane] == least_positive);
            CHECK(scan.greatest_negative[lane] == greatest_negative);
            CHECK(sums[2 * lane].text() == above.text());
            CHECK(squares[2 * lane].text() == above_squares.text());
            CHECK(sums[2 * lane + 1].text() == below.text());
            CHECK(squares[2 * lane + 1].text() == below_squares.text());
          }
        }
      }
    }
  }
}

TEST_CASE("any list of modes can be compared, in any order") {
  std::mt19937_64 random(4);
  const std::vector<Module> all = {leaky(0.01), relu(),       leaky(0.0),   leaky(-0.0),
                                   leaky(0.01), leaky(1.0),   leaky(-2.0),  leaky(1e-30),
                                   leaky(1e30), leaky(1e-45), leaky(1e-300)};
  for (std::size_t baseline = 0; baseline < all.size(); ++baseline) {
    CAPTURE(baseline);
    CompareOptions options;
    options.modes = all;
    std::swap(options.modes[0], options.modes[baseline]);
    for (const DType dtype : kFloats) {
      CAPTURE(name(dtype));
      for (const int kind : {normal, special, bits}) {
        CAPTURE(kind);
        check(random_tensor(random, dtype, {33, 9}, kind), options);
      }
    }
  }
}

TEST_CASE("integers go through relu exactly") {
  std::mt19937_64 random(5);
  for (const DType dtype : {DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8}) {
    CAPTURE(name(dtype));
    for (const int kind : {normal, bits, all_dead, all_linear}) {
      CAPTURE(kind);
      for (const Shape& shape : {Shape{50, 7}, Shape{300}, Shape{}, Shape{0, 3}, Shape{1, 3},
                                 Shape{1100, 17}, Shape{3, 40, 5}}) {
        check(random_tensor(random, dtype, shape, kind), {-1, {relu(), relu()}, false});
        if (shape.size() == 3)
          check(random_tensor(random, dtype, shape, kind), {1, {relu(), relu()}, false});
      }
    }
  }
  const Tensor extremes = Tensor::of<std::int64_t>({std::numeric_limits<std::int64_t>::max(),
                                                    std::numeric_limits<std::int64_t>::max(),
                                                    std::numeric_limits<std::int64_t>::min()});
  check(extremes, {-1, {relu()}, false});
  for (const DType dtype : {DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8,
                            DType::uint16, DType::uint32}) {
    CAPTURE(name(dtype));
    Tensor greatest = Tensor::empty({1100, 17}, dtype);
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      std::ranges::fill(greatest.data<T>(), std::numeric_limits<T>::max());
    });
    check(greatest, {-1, {relu()}, false});
  }
  CHECK_THROWS_AS(Tally(relu_and_leaky(), DType::int32, {2}), Error);
  CHECK_THROWS_AS(Tally({-1, {relu()}, false}, DType::boolean, {2}), Error);
}

/// The same activation, of which nobody is told that it is a rectifier.
Module unknown(const Module& rectifier) {
  static std::deque<Activation> copies;  // Modules refer to them
  copies.push_back(rectifier.activation());
  copies.back().traits.rectifier = false;
  Module copy(copies.back());
  if (copy.has("negative_slope"))
    copy = copy.with("negative_slope", rectifier.value("negative_slope"));
  return copy;
}

TEST_CASE("rectifiers have the same figures whether they are known as such or not") {
  std::mt19937_64 random(6);
  const std::vector<std::vector<Module>> lists = {
      {relu(), leaky(0.2)}, {leaky(0.01), relu(), leaky(-0.5)}, {leaky(0), leaky(-1e30)}};
  for (const DType dtype : kFloats) {
    CAPTURE(name(dtype));
    for (int kind = 0; kind < kinds; ++kind) {
      CAPTURE(kind);
      for (const Shape& shape : {Shape{50, 13}, Shape{700, 32}, Shape{2000}, Shape{9, 3, 40},
                                 Shape{3, 2, 3, 7}, Shape{40, 2000}}) {
        if (shape.back() == 2000 && kind != special) continue;
        CAPTURE(to_string(shape));
        const Tensor input = random_tensor(random, dtype, shape, kind);
        for (const std::vector<Module>& known : lists) {
          const std::optional<std::int64_t> axis = shape.size() > 2 ? 1 : -1;
          // All of them, or the baseline alone, or all but the baseline.
          const std::string wanted = all_figures(tally_of(input, {axis, known, false}).figures());
          for (const int which : {0, 1, 2}) {
            CAPTURE(which);
            CompareOptions options{axis, known, false};
            for (std::size_t c = 0; c < known.size(); ++c) {
              if (which == 0 || (which == 1) == (c == 0)) options.modes[c] = unknown(known[c]);
            }
            Tally tally(options, dtype, shape);
            for (std::int64_t row = 0; row < shape[0];) {
              const std::int64_t end = std::min<std::int64_t>(
                  shape[0], row + 1 + static_cast<std::int64_t>(random() % 900));
              tally.add(rows_of(input, row, end));
              row = end;
            }
            CHECK(all_figures(tally.figures()) == wanted);
          }
        }
      }
    }
  }
  for (const DType dtype : {DType::int64, DType::uint8}) {
    const Tensor input = random_tensor(random, dtype, {100, 5}, bits);
    CHECK(all_figures(tally_of(input, {-1, {relu(), unknown(relu())}, false}).figures()) ==
          all_figures(tally_of(input, {-1, {relu(), relu()}, false}).figures()));
  }
}

TEST_CASE("any activation is compared by its own values and gradients") {
  std::mt19937_64 random(13);
  const auto all = [](const char* modes) { return Module::parse_list(modes); };
  for (const char* const modes :
       {"relu,relu6,elu", "elu(0.5),leaky,relu,leaky(0.3)", "relu6,softmax", "softmax,relu",
        "softmax(dim=0),elu(-1),relu", "softmax(0)", "relu,elu,relu6,celu(0.3)",
        "celu,prelu(0.25),elu(3)", "leaky(-0.1),elu(0)", "leaky,softmax(dim=-2),relu6"}) {
    CAPTURE(modes);
    for (const DType dtype : kFloats) {
      CAPTURE(name(dtype));
      for (int kind = 0; kind < kinds; ++kind) {
        CAPTURE(kind);
        for (const Shape& shape : {Shape{70, 13}, Shape{5, 4, 20}, Shape{1, 3}}) {
          CAPTURE(to_string(shape));
          const CompareOptions options{shape.size() > 2 ? 1 : -1, all(modes), false};
          const Tensor input = random_tensor(random, dtype, shape, kind);
          const Tally tally = tally_of(input, options);
          check(tally.figures(), input, options);
          const Tally again =
              Tally::from_partial(options, dtype, shape, partial_texts(tally, options));
          CHECK(partials(again, options) == partials(tally, options));
        }
      }
    }
  }
  for (const DType dtype : {DType::int8, DType::int64, DType::uint8})
    check(random_tensor(random, dtype, {60, 7}, bits), {-1, all("relu6,relu"), false});
}

TEST_CASE("what is said to keep values above zero keeps them, with a gradient of one") {
  std::mt19937_64 random(16);
  const Tensor input = random_tensor(random, DType::float32, {5000}, bits);
  for (const Activation& activation : activations()) {
    if (!activation.traits.keeps_positive) continue;
    CAPTURE(activation.name);
    const Tensor output = rectify::apply(Module(activation), input);
    const Tensor slope = gradient(Module(activation), input);
    for (std::size_t i = 0; i < 5000; ++i) {
      const float x = input.data<float>()[i];
      if (!(x > 0)) continue;
      CHECK(output.data<float>()[i] == x);
      CHECK(slope.data<float>()[i] == 1);
    }
  }
}

TEST_CASE("a third activation leaves the figures of the others alone") {
  std::mt19937_64 random(14);
  const Tensor input = random_tensor(random, DType::float32, {3000, 24}, normal);
  const auto of = [&](const char* modes) {
    return tally_of(input, {-1, Module::parse_list(modes), false}).figures();
  };
  TensorFigures three = of("relu,leaky,elu");
  three.activations.pop_back();
  CHECK(all_figures(three) == all_figures(of("relu,leaky")));
}

TEST_CASE("an activation along the rows takes all of them at once, or none") {
  std::mt19937_64 random(15);
  const Tensor input = random_tensor(random, DType::float32, {40, 5}, normal);
  const CompareOptions rows{-1, Module::parse_list("relu,softmax(dim=0)"), false};
  const CompareOptions columns{-1, Module::parse_list("relu,softmax(dim=-1)"), false};
  CHECK(needs_whole(rows, {40, 5}));
  CHECK(needs_whole({-1, Module::parse_list("softmax"), false}, {40}));
  CHECK_FALSE(needs_whole(columns, {40, 5}));
  CHECK_FALSE(needs_whole(columns, {}));
  Tally tally(rows, DType::float32, {0, 5});
  tally.add(rows_of(input, 0, 0));
  tally.add(rows_of(input, 0, 20));
  CHECK_THROWS_AS(tally.add(rows_of(input, 20, 40)), Error);
  CHECK_THROWS_AS(tally.merge(tally_of(rows_of(input, 20, 40), rows)), Error);
  Tally halves(columns, DType::float32, {0, 5});
  halves.add(rows_of(input, 0, 17));
  halves.merge(tally_of(rows_of(input, 17, 40), columns));
  CHECK(all_figures(halves.figures()) == all_figures(tally_of(input, columns).figures()));
}

TEST_CASE("an activation that changes the shape cannot be compared") {
  Activation halving = *find_activation("relu");
  halving.shape_of = [](const Shape& shape, const rectify::Values&) { return shape; };
  CHECK_THROWS_AS(Tally({-1, {Module(halving)}, false}, DType::float32, {2, 2}), Error);
}

TEST_CASE("empty tensors and tensors without units have figures that are nothing") {
  for (const Shape& shape : {Shape{0}, Shape{0, 4}, Shape{4, 0}, Shape{0, 0}, Shape{2, 0, 3}}) {
    CAPTURE(to_string(shape));
    for (const std::optional<std::int64_t> axis :
         {std::optional<std::int64_t>(-1), std::optional<std::int64_t>(0),
          std::optional<std::int64_t>()}) {
      check(Tensor::empty(shape, DType::float32), relu_and_leaky(0.01, axis));
    }
  }
  const TensorFigures figures =
      tally_of(Tensor::empty({4, 0}, DType::float32), relu_and_leaky()).figures();
  CHECK(figures.activations[0].dead_frac == Figure());
  CHECK(figures.input.n == 0);
}

TEST_CASE("a worked example") {
  const Tensor input = tensor({1, -2, 0, 3, -1, -0.0f, 2, -3, NAN, -INFINITY, 4, 0}, {4, 3});
  const TensorFigures figures = tally_of(input, relu_and_leaky(0.5)).figures();
  CHECK(figures.input.n == 12);
  CHECK(figures.input.nan == 1);
  CHECK(figures.input.inf == 1);
  CHECK(figures.input.positive == 4);
  CHECK(figures.input.zero == 3);
  CHECK(figures.input.negative == 4);
  const ActivationFigures& with_relu = figures.activations[0];
  CHECK(with_relu.units[0].mean == Figure(1.5));  // 1, 3, 2, -inf
  CHECK(with_relu.units[0].grad_mean == Figure(0.75));
  CHECK(with_relu.units[1].max == Figure(4.0));  // -2, -1, -3, 4
  CHECK(with_relu.units[2].dead);                // 0, -0, NaN, 0
  CHECK(with_relu.dead_at == std::vector<std::int64_t>{2});
  CHECK(with_relu.units[1].dormancy == Figure(12.0 / 10));  // 1 of (1.5 + 1 + 0) / 3
  const ActivationFigures& with_leaky = figures.activations[1];
  CHECK(with_leaky.units[0].mean == Figure(-kInfinity));
  CHECK(with_leaky.units[0].max_abs_diff == Figure(kInfinity));
  CHECK(*with_leaky.units[1].differs == 3);
  CHECK(with_leaky.units[1].max_abs_diff == Figure(1.5));
  CHECK_FALSE(with_leaky.units[2].dead);
}

TEST_CASE("the limit of dead units is a share") {
  const Tensor input = tensor({1, -2, -1, -3, -1, -1, -1, -1}, {4, 2});
  const Tally tally = tally_of(input, relu_and_leaky());
  CHECK(tally.figures(0).activations[0].dead_at == std::vector<std::int64_t>{1});
  CHECK(tally.figures(0.25).activations[0].dead_at == std::vector<std::int64_t>{0, 1});
  CHECK(tally.figures(0.25).activations[1].dead_at.empty());
  CHECK(tally.figures(1).activations[1].dead_units == 2);
}

TEST_CASE("dormancy neither overflows nor loses the small") {
  const double big = std::numeric_limits<double>::max();
  const auto dormancies = [](std::initializer_list<double> values) {
    const Tensor input = Tensor::of(std::span<const double>(values.begin(), values.size()),
                                    {1, static_cast<std::int64_t>(values.size())});
    std::vector<std::string> texts;
    const TensorFigures figures = tally_of(input, {-1, {relu()}, false}).figures();
    for (const UnitFigures& unit : figures.activations[0].units)
      texts.push_back(text(unit.dormancy));
    return texts;
  };
  const auto texts = [](std::initializer_list<double> values) {
    std::vector<std::string> list;
    for (const double value : values) list.push_back(text(value));
    return list;
  };
  CHECK(dormancies({big, big}) == texts({1, 1}));
  CHECK(dormancies({0x1p-1074, 0x1p-1074, 0}) == texts({1.5, 1.5, 0}));
  CHECK(dormancies({1, 1, 1, 0x1p-1000}) == texts({4.0 / 3, 4.0 / 3, 4.0 / 3, 0x1p-998 / 3}));
  CHECK(dormancies({kInfinity, 1}) == texts({kNan, 0}));
  CHECK(dormancies({0, -1}) == std::vector<std::string>{"null", "null"});
  CHECK(dormancies({kNan, 2}) == std::vector<std::string>{"null", text(1.0)});
}

TEST_CASE("slabs of any size, in parts merged in any order, give the same bytes") {
  std::mt19937_64 random(7);
  for (const DType dtype : kFloats) {
    CAPTURE(name(dtype));
    for (const Shape& shape : {Shape{600, 11}, Shape{90, 3, 40}, Shape{3000}, Shape{500, 8}}) {
      CAPTURE(to_string(shape));
      for (const int kind : {normal, special, wide}) {
        CAPTURE(kind);
        const Tensor input = random_tensor(random, dtype, shape, kind);
        CompareOptions options = relu_and_leaky(0.01, shape.size() == 3 ? 1 : -1);
        options.modes.push_back(kind == wide ? Module::parse("elu") : leaky(0.3));
        options.histogram = true;
        const std::string whole = partials(tally_of(input, options), options);
        const bool merges_in_texts = kind == special;

        std::vector<Tally> parts;
        for (int i = 0; i < 4; ++i) parts.emplace_back(options, dtype, shape);
        for (std::int64_t row = 0; row < shape[0];) {
          const std::int64_t rows =
              std::min<std::int64_t>(shape[0] - row, 1 + static_cast<std::int64_t>(random() % 300));
          parts[random() % parts.size()].add(rows_of(input, row, row + rows));
          row += rows;
        }
        std::shuffle(parts.begin(), parts.end(), random);
        Tally merged(options, dtype, shape);
        for (const Tally& part : parts) {
          if (merges_in_texts) {
            merged.merge(Tally::from_partial(options, dtype, shape, partial_texts(part, options)));
          } else {
            merged.merge(part);
          }
        }
        CHECK(partials(merged, options) == whole);
        const auto bins = merged.histogram();
        std::uint64_t counted = 0;
        double last = -kInfinity;
        for (const Tally::Bin& bin : bins) {
          CHECK(bin.low >= last);
          CHECK(bin.low <= bin.high);
          last = bin.high;
          counted += bin.count;
        }
        const InputCounts counts = merged.figures().input;
        CHECK(counted == counts.n - counts.nan - counts.inf);
      }
    }
  }
}

TEST_CASE("columns of any number and size are summed from slab to slab") {
  std::mt19937_64 random(12);
  std::normal_distribution<float> normal;
  for (const std::int64_t columns : {1, 3, 8, 9, 17, 100, 1000}) {
    CAPTURE(columns);
    for (const double slope : {0.01, 0.25, -0.3, 1.0, 3.0, 0.0, 1e-36, 1e30, 1e-300, 1e300}) {
      CAPTURE(slope);
      for (const DType dtype : kFloats) {
        CAPTURE(name(dtype));
        if (slope > 1e200 && dtype != DType::float64) continue;  // which is refused
        // More rows than a strip takes at once; columns of sizes of their own, which may change.
        const std::int64_t rows = columns == 3 || columns == 8 ? 9000 : 1 + 3000 / columns;
        Tensor tensor = Tensor::empty({rows, columns}, dtype);
        const int kind = static_cast<int>(random() % 4);
        CAPTURE(kind);
        dispatch(dtype, [&](auto type) {
          using T = typename decltype(type)::type;
          if constexpr (is_floating<T>) {
            const std::span<T> values = tensor.data<T>();
            for (std::size_t i = 0; i < values.size(); ++i) {
              const auto column = static_cast<int>(i) % static_cast<int>(columns);
              const int exponent = kind == 1   ? column % 60 - 30
                                   : kind == 2 ? static_cast<int>(40 * i / values.size())
                                   : kind == 3 ? static_cast<int>(random() % 80) - 40
                                               : 0;
              Compute<T> x = std::ldexp(Compute<T>{normal(random)}, exponent);
              if constexpr (std::is_same_v<T, double>) x *= 1 + std::ldexp(normal(random), -25);
              if (random() % 50 == 0) x = random() % 2 == 0 ? 0.0f : -NAN;
              if (random() % 3000 == 0) x = random() % 2 == 0 ? INFINITY : -1e-44f;
              values[i] = narrow<T>(x);
            }
          }
        });
        for (const bool baseline_is_relu : {true, false}) {
          CompareOptions options = relu_and_leaky(slope);
          if (!baseline_is_relu) std::swap(options.modes[0], options.modes[1]);
          Tally tally(options, dtype, tensor.shape());
          for (std::int64_t row = 0; row < rows;) {
            const std::int64_t end =
                std::min<std::int64_t>(rows, row + 1 + static_cast<std::int64_t>(random() % 1500));
            tally.add(rows_of(tensor, row, end));
            row = end;
          }
          check(tally.figures(), tensor, options);
        }
      }
    }
  }
}

TEST_CASE("products at the ends of what a strip takes are summed exactly") {
  struct Row {
    DType dtype;
    double slope, first, fill, late;
    const char* why;
  };
  const Row rows_of_tests[] = {
      {DType::float16, 2.37e-07, 1, -1, -7.99609375, "rounded up to twice as great"},
      {DType::bfloat16, 0.9985 * 0x1p-126, 0x1p-4, -0x1p-4, -0.498046875, "likewise"},
      {DType::float64, 1.9 * 0x1p-1000, 0x1p-37, -1.75 * 0x1p-23, -1.9 * 0x1p-23,
       "the least units"},
      {DType::float64, 0x1p-1022, 1, -1.3, -7.9, "subnormal products"},
      {DType::float64, 5e-310, 1, -1.3, -7.9, "a subnormal slope"},
  };
  for (const Row& row : rows_of_tests) {
    CAPTURE(row.why);
    Tensor tensor = Tensor::empty({64, 8}, row.dtype);
    dispatch(row.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (is_floating<T>) {
        const std::span<T> values = tensor.data<T>();
        for (std::size_t i = 0; i < values.size(); ++i) {
          const std::size_t r = i / 8;
          double x = r == 0 ? row.first : r == 40 ? row.late : row.fill * (r % 2 == 0 ? 1 : 1.25);
          if (row.dtype != DType::float64 && r != 0 && r != 40) x = row.fill;
          if (row.dtype == DType::float64 && r % 2 == 1) x = row.first;
          values[i] = narrow<T>(static_cast<Compute<T>>(x));
        }
      }
    });
    check(tensor, relu_and_leaky(row.slope));
  }
}

TEST_CASE("with rows as units, slabs and merged tallies follow one another") {
  std::mt19937_64 random(8);
  for (const std::int64_t columns : {33, 4, 5}) {
    CAPTURE(columns);
    const Tensor input = random_tensor(random, DType::float32, {20, columns}, special);
    const CompareOptions options = relu_and_leaky(0.01, 0);
    const std::string whole = partials(tally_of(input, options), options);
    Tally first(options, input.dtype(), input.shape());
    Tally second(options, input.dtype(), input.shape());
    first.add(rows_of(input, 0, 3));
    first.add(rows_of(input, 3, 9));
    second.add(rows_of(input, 9, 20));
    first.merge(second);
    CHECK(partials(first, options) == whole);
    check(first.figures(), input, options);
    const Tally again =
        Tally::from_partial(options, input.dtype(), {0, columns}, partial_texts(first, options));
    CHECK(partials(again, options) == whole);
  }
}

TEST_CASE("values fall into the class that holds them") {
  CompareOptions options = relu_and_leaky();
  options.histogram = true;
  for (const double x :
       {1.0, 1.124, 1.125, 0.0, -1.0, 1e-40, 1e-45, 3e38, -0x1.fffffep127, 0x1p-126, -0x1.fp-127}) {
    CAPTURE(x);
    const auto bins = tally_of(tensor({static_cast<float>(x)}, {1}), options).histogram();
    REQUIRE(bins.size() == 1);
    const double magnitude = static_cast<double>(static_cast<float>(x));
    CHECK(bins[0].low <= magnitude);
    CHECK(magnitude <= bins[0].high);
    CHECK(bins[0].low == bins[0].high);  // a class ends where the values end
  }
  const auto bins = tally_of(tensor({1.0f, 1.1f, 1.12f, 1.9f, -5.0f}, {5}), options).histogram();
  REQUIRE(bins.size() == 3);
  CHECK(bins[0].low == -5);
  CHECK(bins[0].high == -5);
  CHECK(bins[1].low == 1);
  CHECK(bins[1].high == 1.125);
  CHECK(bins[1].count == 3);
  CHECK(bins[2].low == 1.875);
  CHECK(bins[2].high == static_cast<double>(1.9f));
  CHECK(tally_of(tensor({NAN, INFINITY}, {2}), options).histogram().empty());
  options.histogram = false;
  CHECK(tally_of(tensor({1}, {1}), options).histogram().empty());
}

TEST_CASE("a tally refuses what does not belong to it") {
  const CompareOptions options = relu_and_leaky();
  Tally tally(options, DType::float32, {2, 3});
  CHECK_THROWS_AS(tally.add(Tensor::empty({2, 4}, DType::float32)), Error);
  CHECK_THROWS_AS(tally.add(Tensor::empty({6}, DType::float32)), Error);
  CHECK_THROWS_AS(tally.add(Tensor::empty({2, 3}, DType::float64)), Error);
  CHECK_THROWS_AS(tally.merge(Tally(options, DType::float64, {2, 3})), Error);
  CHECK_THROWS_AS(tally.merge(Tally(options, DType::float32, {2, 4})), Error);
  CHECK_THROWS_AS(tally.merge(Tally(relu_and_leaky(0.2), DType::float32, {2, 3})), Error);
  CHECK_THROWS_AS(tally.merge(Tally(relu_and_leaky(0.01, 0), DType::float32, {2, 3})), Error);
  CHECK_THROWS_AS(Tally(relu_and_leaky(0.01, 2), DType::float32, {2, 3}), Error);
  CHECK_THROWS_AS(Tally(relu_and_leaky(0.01, -3), DType::float32, {2, 3}), Error);
  CHECK_THROWS_AS(Tally(relu_and_leaky(kInfinity), DType::float32, {2, 3}), Error);
  CHECK_THROWS_AS(Tally({-1, {}, false}, DType::float32, {2, 3}), Error);
  Tally scalar(options, DType::float32, {});
  scalar.add(tensor({1}, {}));
  CHECK_THROWS_AS(scalar.add(tensor({1}, {})), Error);
}

TEST_CASE("partial figures that cannot be are refused") {
  const Tensor input = tensor({1, -2, 0, 3, NAN, -INFINITY, 2, -3, 5, 0, 4, INFINITY}, {4, 3});
  CompareOptions options = relu_and_leaky(0.5);
  options.modes.push_back(Module::parse("elu"));
  options.histogram = true;
  const std::vector<std::string> texts = partial_texts(tally_of(input, options), options);
  const auto read = [&](const std::vector<std::string>& from) {
    return Tally::from_partial(options, DType::float32, {0, 3}, from);
  };
  CHECK(partial_texts(read(texts), options) == texts);
  CHECK_THROWS_AS(read({}), Error);
  CHECK_THROWS_AS(read({texts[0]}), Error);
  CHECK_THROWS_AS(read({texts[1], texts[0], texts[2]}), Error);
  CHECK_THROWS_AS(Tally::from_partial(options, DType::float32, {0, 4}, texts), Error);
  CHECK_THROWS_AS(Tally::from_partial(relu_and_leaky(0.25), DType::float32, {0, 3}, texts), Error);
  for (const char* text : {"", "{", "[]", "null", "1", "{}", "{\"version\":1}", "\xff", "[[[[[["}) {
    CAPTURE(text);
    CHECK_THROWS_AS(read({texts[0], text, texts[2]}), Error);
  }
  for (const char* const nested : {"[", "{\"version\":2,\"checksum\":[", "{\"a\":"}) {
    std::string deep;
    while (deep.size() < 1'000'000) deep += nested;
    CHECK_THROWS_AS(read({texts[0], deep, texts[2]}), Error);
  }

  std::string older = sealed(nlohmann::json::parse(texts[1]));
  older.replace(older.find("\"version\":2"), 11, "\"version\":1");
  CHECK_THROWS_WITH(read({texts[0], older, texts[2]}),
                    doctest::Contains("they are of another version of rectify"));

  // Every item of every unit replaced by things it is not: damage, which the checksum shows. With a
  // checksum that fits, some of them could be, of other inputs; none may crash, and what is read
  // must be written as it was.
  const char* const replacements[] = {"null",
                                      "-1",
                                      "0",
                                      "1",
                                      "3",
                                      "1e300",
                                      "18446744073709551615",
                                      "9223372036854775807",
                                      "2.5",
                                      "\"\"",
                                      "\"0\"",
                                      "\"1p0\"",
                                      "\"-1p0\"",
                                      "\"1p2112\"",
                                      "\"ffp-2148\"",
                                      "[]",
                                      "{}",
                                      "true",
                                      "\"NaN\""};
  std::size_t refused = 0;
  std::size_t changes = 0;
  for (std::size_t c = 0; c < texts.size(); ++c) {
    CAPTURE(c);
    const nlohmann::json good = nlohmann::json::parse(texts[c]);
    const auto attempt = [&](const nlohmann::json& bad) {
      if (bad == good) return;
      CAPTURE(bad.dump());
      ++changes;
      std::vector<std::string> with = texts;
      with[c] = bad.dump();
      CHECK_THROWS_AS(read(with), Error);
      with[c] = sealed(bad);
      try {
        const Tally tally = read(with);
        tally.figures();
        tally.histogram();
        CHECK(tally.partial(c) == with[c]);
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::data);
        ++refused;
      }
    };
    for (std::size_t u = 0; u < 3; ++u) {
      for (std::size_t i = 0; i < good["units"][u].size(); ++i) {
        for (const char* const replacement : replacements) {
          nlohmann::json bad = good;
          bad["units"][u][i] = nlohmann::json::parse(replacement);
          attempt(bad);
        }
        nlohmann::json shorter = good;
        shorter["units"][u].erase(i);
        nlohmann::json longer = good;
        longer["units"][u].push_back(longer["units"][u][i]);
        for (const nlohmann::json& bad : {shorter, longer}) {
          std::vector<std::string> with = texts;
          with[c] = sealed(bad);
          CHECK_THROWS_AS(read(with), Error);
        }
      }
    }
    for (const auto& [key, value] : good.items()) {
      for (const char* const replacement : replacements) {
        nlohmann::json bad = good;
        bad[key] = nlohmann::json::parse(replacement);
        if (key != "checksum") attempt(bad);
        if (bad == good || key == "classes") continue;
        std::vector<std::string> with = texts;
        with[c] = key == "checksum" ? bad.dump() : sealed(bad);
        CHECK_THROWS_AS(read(with), Error);
      }
      nlohmann::json bad = good;
      bad.erase(key);
      std::vector<std::string> with = texts;
      with[c] = key == "checksum" ? bad.dump() : sealed(bad);
      CHECK_THROWS_AS(read(with), Error);
    }
  }
  CAPTURE(changes);
  CHECK(refused > changes * 3 / 4);
}

TEST_CASE("random damage to partial figures never crashes") {
  std::mt19937_64 random(9);
  const Tensor input = random_tensor(random, DType::float64, {30, 2}, special);
  const CompareOptions options = relu_and_leaky();
  const std::vector<std::string> texts = partial_texts(tally_of(input, options), options);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> damaged = texts;
    std::string& text = damaged[random() % 2];
    for (std::uint64_t hits = 1 + random() % 3; hits != 0; --hits) {
      constexpr char kBytes[] = "0123456789abcdefp-+.,[]{}\"nulNaIfity:";
      text[random() % text.size()] = kBytes[random() % (sizeof kBytes - 1)];
    }
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (round % 2 == 0 && json.is_object()) text = sealed(json);
    try {
      Tally tally = Tally::from_partial(options, input.dtype(), input.shape(), damaged);
      tally.merge(tally_of(input, options));
      tally.figures();
    } catch (const Error&) {
    }
  }
}
