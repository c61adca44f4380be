#include "gather.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "dispatch.hpp"

namespace rectify::inline v1 {
namespace {

/// Copies rows [first, last) of `from`, of the other dimensions what is shown.
template <class T>
T* copy_edges(const T* from, T* to, const Shape& shape, std::size_t dim, std::int64_t first,
              std::int64_t last, const PrintOptions& options) {
  std::int64_t stride = 1;
  for (std::size_t i = dim + 1; i < shape.size(); ++i) stride *= shape[i];
  for (std::int64_t i = first; i < last; ++i) {
    const T* row = from + i * stride;
    if (dim + 1 == shape.size()) {
      *to++ = *row;
      continue;
    }
    const std::int64_t size = shape[dim + 1];
    const std::int64_t shown = shown_size(size, options);
    const std::int64_t head = shown == size ? size : shown / 2;
    to = copy_edges(row, to, shape, dim + 1, 0, head, options);
    to = copy_edges(row, to, shape, dim + 1, size - (shown - head), size, options);
  }
  return to;
}

Tensor edge_rows(const Tensor& slab, std::int64_t first, std::int64_t last,
                 const PrintOptions& options) {
  Shape shape = slab.shape();
  for (std::size_t i = 1; i < shape.size(); ++i) shape[i] = shown_size(shape[i], options);
  shape[0] = last - first;
  Tensor result = Tensor::empty(std::move(shape), slab.dtype());
  if (result.numel() == 0) return result;
  dispatch(slab.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    copy_edges(slab.data<T>().data(), result.data<T>().data(), slab.shape(), 0, first, last,
               options);
  });
  return result;
}

}  // namespace

Tensor concatenate(std::vector<Tensor>& slabs) {
  if (slabs.size() == 1) return slabs[0];
  Shape shape = slabs[0].shape();
  shape[0] = 0;
  for (const Tensor& slab : slabs) shape[0] += slab.shape()[0];
  Tensor result = Tensor::empty(std::move(shape), slabs[0].dtype());
  std::byte* to = result.bytes();
  for (Tensor& slab : slabs) {
    if (slab.nbytes() != 0) std::memcpy(to, slab.bytes(), slab.nbytes());
    to += slab.nbytes();
    slab = Tensor();  // memory that is not needed twice
  }
  return result;
}

void Gather::add(Result&& slab, const PrintOptions* edges) {
  if (slab.begins) {
    result_ = slab;
    columns_.assign(slab.columns.size(), {});
    shape_ = slab.columns[0].tensor.shape();
    shape_[0] = 0;
    only_edges_ = false;
  }
  if (!slab.begins && slab.kept != nullptr) {
    KeptColumns& kept = *result_.kept;
    const std::size_t before = kept.text.size();
    kept.text += slab.kept->text;
    for (const std::size_t end : slab.kept->ends) kept.ends.push_back(before + end);
  }
  const std::int64_t rows = slab.columns[0].tensor.shape()[0];
  const bool was_edges = only_edges_;
  const std::int64_t before = shape_[0];
  shape_[0] += rows;
  only_edges_ = edges != nullptr && summarises(shape_, *edges);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Kept& kept = columns_[i];
    Tensor& tensor = slab.columns[i].tensor;
    if (!only_edges_) {
      // Of slabs without rows, which may have been given much memory, one tells the shape.
      if (rows != 0 || kept.slabs.empty()) kept.slabs.push_back(std::move(tensor));
      continue;
    }
    if (!was_edges && !kept.slabs.empty()) {
      keep_edges(kept, concatenate(kept.slabs), 0, *edges);
      kept.slabs.clear();
    }
    keep_edges(kept, tensor, before, *edges);
  }
}

/// `slab` holds rows `before` and on.
void Gather::keep_edges(Kept& kept, const Tensor& slab, std::int64_t before,
                        const PrintOptions& edges) {
  const std::int64_t rows = slab.shape()[0];
  const std::int64_t first =
      std::clamp<std::int64_t>(edges.edgeitems - std::min(before, edges.edgeitems), 0, rows);
  if (first != 0) kept.head.push_back(edge_rows(slab, 0, first, edges));
  const std::int64_t last = std::min(rows - first, edges.edgeitems);
  if (last != 0) kept.tail.push_back(edge_rows(slab, rows - last, rows, edges));
  // Slabs may have few rows each: drop those at the front that later ones have pushed out.
  std::int64_t count = 0;
  for (const Tensor& tensor : kept.tail) count += tensor.shape()[0];
  while (!kept.tail.empty() && count > edges.edgeitems) {
    Tensor& oldest = kept.tail.front();
    const std::int64_t size = oldest.shape()[0];
    const std::int64_t excess = std::min(count - edges.edgeitems, size);
    if (excess == size) {
      kept.tail.erase(kept.tail.begin());
    } else {
      oldest = edge_rows(oldest, excess, size, edges);  // its other dimensions are short already
    }
    count -= excess;
  }
}

Result Gather::take(const PrintOptions* edges) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Kept& kept = columns_[i];
    Tensor& tensor = result_.columns[i].tensor;
    if (!only_edges_) {
      tensor = concatenate(kept.slabs);
      continue;
    }
    std::move(kept.tail.begin(), kept.tail.end(), std::back_inserter(kept.head));
    if (kept.head.empty()) kept.head.push_back(edge_rows(tensor, 0, 0, *edges));
    tensor = concatenate(kept.head);
  }
  if (only_edges_) result_.whole = shape_;
  result_.length = shape_[0];
  result_.ends = true;
  columns_.clear();
  return std::move(result_);
}

}  // namespace rectify::inline v1
