#include "plot_modes.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "plot.hpp"
#include "rectify/rectify.hpp"

namespace rectify::app {
namespace {

constexpr double kReach = 4;
constexpr int kStepsOfOne = 64;  // a power of two, so that whole numbers are among them
constexpr int kWidth = 1040;     // pixels
constexpr int kHeight = 380;

// After Okabe and Ito: told apart by people who see red and green alike. Beyond them, dashes do it.
constexpr std::string_view kColours[] = {"#1b1f24", "#0072b2", "#009e73", "#cc79a7",
                                         "#e69f00", "#56b4e9", "#d55e00"};

Tensor inputs() {
  std::vector<double> x;
  const auto last = static_cast<int>(kReach * kStepsOfOne);
  for (int i = -last; i <= last; ++i) x.push_back(static_cast<double>(i) / kStepsOfOne);
  return Tensor::of<double>(x, {static_cast<std::int64_t>(x.size())});
}

/// One panel. A gap stands where a curve jumps, as the derivative of a function with a kink does.
void draw(std::string& script, const std::vector<Module>& modes, const std::vector<Tensor>& curves,
          std::string_view title, std::string_view data) {
  const auto to = std::back_inserter(script);
  const Tensor at = inputs();
  const std::span<const double> x = at.data<double>();
  // A step that is no part of a slope: its neighbours are much smaller.
  constexpr double kJump = 0.25, kMuch = 4;
  for (std::size_t m = 0; m < modes.size(); ++m) {
    const std::span<const double> y = curves[m].data<double>();
    fmt::format_to(to, "${}{} << EOD\n", data, m);
    const auto step = [&](std::size_t i) {
      return i == 0 || i >= y.size() ? 0 : std::abs(y[i] - y[i - 1]);
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool jumps = step(i) > std::max(kJump, kMuch * std::max(step(i - 1), step(i + 1)));
      if (!std::isfinite(y[i]) || (i > 0 && jumps)) script += '\n';
      if (std::isfinite(y[i])) fmt::format_to(to, "{} {}\n", x[i], y[i]);
    }
    script += "EOD\n";
  }
  fmt::format_to(to, "set title {}\nset xrange [{}:{}]\nplot", gnuplot_string(title), -kReach,
                 kReach);
  for (std::size_t m = 0; m < modes.size(); ++m) {
    fmt::format_to(to, "{} ${}{} using 1:2 with lines lw 2.4 dt {} lc rgb '{}' title {}",
                   m == 0 ? "" : ",", data, m, 1 + m / std::size(kColours),
                   kColours[m % std::size(kColours)], gnuplot_string(modes[m].label()));
  }
  script += '\n';
}

}  // namespace

void check_plot_modes(const std::string& target, const std::vector<Module>& modes) {
  if (!target.ends_with(".svg")) {
    throw Error(ErrorKind::usage, "--plot-modes takes FILE.svg, not " + in_quotes(target));
  }
  for (const Module& mode : modes) {
    if (mode.scope() == Scope::element && !mode.is_random()) continue;
    throw Error(ErrorKind::usage, "--plot-modes draws what gives each value by itself, which " +
                                      mode.label() + " does not");
  }
}

void plot_modes(const std::string& target, const std::vector<Module>& modes) {
  check_plot_modes(target, modes);
  std::vector<Tensor> values;
  std::vector<Tensor> derivatives;
  for (const Module& mode : modes) {
    values.push_back(apply(mode, inputs()));
    derivatives.push_back(gradient(mode, inputs()));
  }
  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,13' background rgb 'white' "
      "linewidth 1\n"
      "set border 3 lw 0.8 lc rgb '#57606a'\n"
      "set tics nomirror out scale 0.6 textcolor rgb '#24292f'\n"
      "set grid back lt 1 lw 0.6 lc rgb '#d8dee4'\n"
      "set title font ',14'\n"
      "set key left top reverse Left noenhanced\n"
      "set multiplot layout 1,2\n",
      kWidth, kHeight);
  draw(script, modes, values, "values", "values");
  draw(script, modes, derivatives, "derivatives", "derivatives");
  script += "unset multiplot\n";
  const std::string picture = gnuplot(script);
  Output output = Output::file(target);
  output.write(picture);
  output.commit();
}

}  // namespace rectify::app
