// The collector for any activation: its own forward() and backward() into tiles that fit the
// cache, and exact sums of what is found there. Of those that keep values above zero only what is
// below is counted. Also compares with the baseline, unless a rectifier with a rectifier that makes
// zeros; rectifiers.hpp has the quicker way for those.
#pragma once

#include "compare/unit.hpp"
#include "rectify/tensor.hpp"

namespace rectify::inline v1::detail {

/// Adds a slab to the outcomes, and to the differences that are taken by tiles. It must hold whole
/// slices of activations that work on those.
void add_blocks(const Modes& modes, Kept& kept, const Tensor& slab, const Layout& layout);

}  // namespace rectify::inline v1::detail
