// compare --plot: the figures as a picture.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rectify/compare.hpp"
#include "report/report.hpp"

namespace rectify::app {

/// Throws Error{usage} unless `target` is FILE.svg, FILE.png or "-".
void check_plot_target(const std::string& target);

/// For each report two panels beside one another: the share of active samples of each unit, the
/// worst first and the dead ones marked; and the distribution of the outputs over that of the inputs,
/// with the inputs that get no gradient shaded. `histograms` are those of the reports, in their
/// order; a missing one is empty.
///
/// A file is drawn by gnuplot, and put in place whole or not at all; "-" is plot_text() on standard
/// output. Throws Error{usage} as check_plot_target() does, Error{io} if gnuplot is not there or
/// fails, and what Output throws.
void plot(const std::string& target, const std::vector<NamedReport>& reports,
          const std::vector<std::vector<Tally::Bin>>& histograms, const ReportOptions& options);

/// The same in characters, as wide as options.columns: blocks, or ASCII without options.utf8.
std::string plot_text(const std::vector<NamedReport>& reports,
                      const std::vector<std::vector<Tally::Bin>>& histograms,
                      const ReportOptions& options);

/// gnuplot's standard output for this script. Throws Error{io}.
std::string gnuplot(std::string_view script);

/// `text` as a string in a gnuplot script: one line in double quotes, in which nothing is expanded.
/// Tic labels are formats (%g), other text is not.
std::string gnuplot_string(std::string_view text, bool tic_label = false);

}  // namespace rectify::app
