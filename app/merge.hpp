// Partial reports, as `rectify compare --partial` writes them, put together again.
#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "rectify/compare.hpp"
#include "report/report.hpp"

namespace rectify::app {

/// What --merge has to know of a tensor of the report besides what that says: for each activation the text
/// of an object of its state, and of a checksum of the rest.
std::vector<std::string> partial_texts(const Options& options, const NamedReport& report,
                                       const Tally& tally);

/// One tally for every tensor of the parts that options.inputs name. Sets options.compare and,
/// unless the user has, dead_below to those of the parts. Throws Error{data} for what is not a partial
/// report, for parts that differ in anything but their rows (it says in what), and for parts that
/// are missing or there twice.
std::vector<Compared> merge(Options& options);

}  // namespace rectify::app
