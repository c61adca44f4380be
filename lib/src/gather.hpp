// A whole tensor of slabs or, where its edges are enough, no more than those.
#pragma once

#include <cstdint>
#include <vector>

#include "rectify/api.hpp"
#include "rectify/print.hpp"
#include "rectify/stream.hpp"

namespace rectify::inline v1 {

/// The slabs one after the other; takes their memory as it goes.
Tensor concatenate(std::vector<Tensor>& slabs);

class RECTIFY_LOCAL Gather {  // which stream.hpp declares
 public:
  /// Adds the next slab of a tensor. `edges`: of a tensor that these options summarise, what they
  /// show is kept; null: all of it. The same for all slabs of a tensor.
  void add(Result&& slab, const PrintOptions* edges);

  /// The tensor whose last slab has been added.
  Result take(const PrintOptions* edges);

 private:
  struct Kept {
    std::vector<Tensor> slabs;  // all of them, until there are more elements than the threshold
    std::vector<Tensor> head;   // then the first rows
    std::vector<Tensor> tail;   // and the last
  };

  static void keep_edges(Kept& kept, const Tensor& slab, std::int64_t before,
                         const PrintOptions& edges);

  Result result_;
  std::vector<Kept> columns_;
  Shape shape_;  // so far
  bool only_edges_ = false;
};

}  // namespace rectify::inline v1
