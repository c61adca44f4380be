// The header of NumPy's .npy format, which an .npz has in front of each array, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rectify/io.hpp"
#include "rectify/tensor.hpp"

namespace rectify {

struct NpyHead {
  /// The dtype as the header calls it.
  std::string descr;
  /// Nothing: one that rectify does not have; then why, and what to do.
  std::optional<DType> dtype;
  std::string refusal, hint;
  bool swapped = false;
  /// Of an array whose order differs from C's.
  bool fortran = false;
  Shape shape;
  /// Of the elements; 0 where the dtype is not known.
  std::uint64_t bytes = 0;
};

/// Reads a header, up to the first element. Throws Error{data} under the source's name. `wanted`: as
/// what the array is to be read; bfloat16 then is what two bytes without a type are (V2). `follows`:
/// behind another array.
NpyHead read_npy_head(Source& source, std::optional<DType> wanted, bool follows = false);

/// The header that numpy.save writes, its room for growth included: its length does not depend on
/// the first dimension's size.
std::string npy_header(DType dtype, const Shape& shape);

/// Throws Error{unsupported} for what has no .npy.
void check_npy(const Tensor& tensor);

}  // namespace rectify
