// Draws of 16 normal numbers and more, piece by piece: the words of the generator in their order, and
// what any thread makes of them.
//
// Such a draw is made of blocks of 16, the first half of which is transformed with the second
// (normal_fill). If it is not a whole number of blocks, its last 16 numbers are those of one more
// block, which is drawn when all others have been.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "rectify/random.hpp"

namespace rectify::inline v1 {

inline constexpr std::size_t kNormalBlock = 16;

/// Where the numbers of a piece stand among the blocks whose words have been drawn for it.
struct DrawnWords {
  std::size_t blocks = 0;
  /// Numbers of the first block that belong to the piece before.
  std::size_t skip = 0;
  std::size_t count = 0;
  /// Behind the blocks stands the one that the draw's last 16 numbers are taken from.
  bool has_tail = false;
};

class LargeDraw {
 public:
  /// Of n numbers, 16 or more.
  LargeDraw(std::uint64_t n, DType dtype) : n_(n), dtype_(dtype) {}

  bool ended() const { return drawn_ == n_; }
  /// How many of the next numbers make a piece: `count`, or all that are left where fewer than 16
  /// would be.
  std::size_t fit(std::uint64_t count) const;
  /// The room that the words of a piece take; with fewer than 16 numbers more, too.
  std::size_t bytes(std::size_t count) const;
  /// Draws the words of the next numbers, as many as fit() says, to where they are aligned as
  /// float64 is.
  DrawnWords draw(MersenneTwister& words, std::size_t count, std::byte* to);

 private:
  std::uint64_t n_;
  DType dtype_;
  std::uint64_t drawn_ = 0;
  std::array<std::uint32_t, 2 * kNormalBlock> block_{};  // the last one drawn, part of which may be left
};

/// Writes the numbers of a piece, in the dtype, to `to`. Destroys its words.
void make_normal(const DrawnWords& piece, DType dtype, std::byte* words, std::byte* to);

}  // namespace rectify::inline v1
