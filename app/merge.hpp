// Partial reports, as `rectify compare --partial` writes them, put together again.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "rectify/compare.hpp"

namespace rectify::app {

/// The text of a partial report: what --merge has to know of the run, and the state of one
/// activation.
std::string partial_text(const Options& options, const Tally& tally, std::size_t mode);

/// One tally for every tensor of the parts that options.inputs name. Sets options.compare and,
/// unless the user has, dead_below to those of the parts. Throws Error{data} for what is not a partial
/// report, for parts that differ in anything but their rows (it says in what), and for parts that
/// are missing or there twice.
std::vector<Compared> merge(Options& options);

}  // namespace rectify::app
