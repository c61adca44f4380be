// Printing a tensor as PyTorch's print() does.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "rectify/api.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

enum class SciMode : std::uint8_t { automatic, on, off };

/// The arguments of torch.set_printoptions, with its defaults.
struct PrintOptions {
  /// Threshold that no number of elements exceeds: torch's `threshold=inf`.
  static constexpr std::int64_t kNoThreshold = std::numeric_limits<std::int64_t>::max();

  /// Digits after the point; 0 to 1000.
  std::int64_t precision = 4;
  /// With more elements than this, only the edges are shown; not negative.
  std::int64_t threshold = 1000;
  /// How many first and last items of a long dimension are shown; not negative.
  std::int64_t edgeitems = 3;
  /// Characters a line; at least 1.
  std::int64_t linewidth = 80;
  SciMode sci_mode = SciMode::automatic;
};

/// True if a tensor of so many elements in that shape is shown by its edges alone (a 0-d tensor
/// never is).
bool summarises(const Shape& shape, const PrintOptions& options);

/// How many indices of a dimension of `size` are kept when only edges are shown: all, or edgeitems
/// at either end.
std::int64_t shown_size(std::int64_t size, const PrintOptions& options);

/// The text that print(tensor) writes, without the final newline.
/// Throws Error{usage} for options out of the ranges above. Meaning: torch/_tensor_str.py of
/// PyTorch 2.14.
std::string to_string(const Tensor& tensor, const PrintOptions& options = {});

/// The text of a tensor of `shape` of which only the shown elements are at hand: `edges` has the
/// elements that print() shows, in order, and every dimension shortened to shown_size(). Needs
/// summarises(shape, options); the text is the one that the whole tensor gives.
std::string to_string(const Tensor& edges, const Shape& shape, const PrintOptions& options);

}  // namespace v1
}  // namespace rectify
