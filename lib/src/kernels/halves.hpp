// 16-bit numbers as float, many at a time.
#pragma once

#include <cstddef>

#include "half.hpp"

namespace rectify::inline v1::kernel {

/// to[i] = to_float(x[i]) for i < n.
void to_floats(const float16* x, std::size_t n, float* to);
void to_floats(const bfloat16* x, std::size_t n, float* to);

}  // namespace rectify::inline v1::kernel
