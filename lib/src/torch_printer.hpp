// The text of print(tensor), whole or in pieces: a long one is never held, and is made by several
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rectify/api.hpp"
#include "rectify/print.hpp"
#include "rectify/tensor.hpp"

namespace rectify::inline v1 {

class RECTIFY_LOCAL TorchText {
 public:
  enum class Notation : std::uint8_t {
    integer,     // integers and bool: 7, True
    whole,       // floats of which all are whole: 7.
    fixed,       // 7.0000
    scientific,  // 7.0000e+00
  };

  /// How every element of one tensor is written.
  struct Column {
    Notation notation = Notation::whole;
    int precision = 0;
    std::size_t width = 1;  // of the longest text, without what is not counted: zeros, nan and inf
    /// Whether what is finite has at most eight digits, those behind the point included, and some of
    /// it is not zero.
    bool is_short = false;
  };

  /// Reads all that is shown and chooses its format. `tensor` has all elements of `shape` or, where
  /// that is summarised, the edges. The options have been checked, and live as long as this.
  TorchText(Tensor tensor, Shape shape, const PrintOptions& options);

  /// At least one; more only where all elements are shown.
  std::int64_t pieces() const { return pieces_; }

  /// Appends a piece of the text. Any thread.
  void append(std::int64_t piece, std::string& out) const;

  /// What stands behind the last piece, if the last line of them all has so many bytes.
  std::string end(std::size_t line) const;

 private:
  Tensor tensor_;
  Shape shape_;
  const PrintOptions& options_;
  bool summarise_;
  bool empty_;
  Column column_;
  std::int64_t shown_ = 0;  // elements
  std::int64_t pieces_ = 1;
};

/// Of a text, how many bytes its last line has, if before it that line had `line`.
std::size_t last_line(std::string_view text, std::size_t line);

/// Throws Error{usage} for options out of their ranges.
void check(const PrintOptions& options);

}  // namespace rectify::inline v1
