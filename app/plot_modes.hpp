// --plot-modes: the activations and their derivatives as a picture, drawn by gnuplot.
#pragma once

#include <string>
#include <vector>

#include "rectify/activation.hpp"

namespace rectify::app {

/// Throws Error{usage} unless `target` is FILE.svg, and each mode gives every value by itself.
void check_plot_modes(const std::string& target, const std::vector<Module>& modes);

/// Two panels beside one another, the values and the derivatives of all modes from -4 to 4. The file
/// is put in place whole or not at all. Throws as check_plot_modes() does, Error{io} if gnuplot is not
/// there or fails, and what Output throws.
void plot_modes(const std::string& target, const std::vector<Module>& modes);

}  // namespace rectify::app
