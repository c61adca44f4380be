// softmax over the slices of a tensor, with the sums in PyTorch's order
// (aten/src/ATen/native/cpu/SoftMaxKernel.cpp): along the last dimension a slice is summed in the
// lanes of an AVX2 vector, eight of float32 or four of float64, and then the lanes; along another
// dimension, element by element. exp is the vector loops' (elementary.hpp) for every element, where
// PyTorch calls the C library for the last few of a row of 16 bits, or of columns.
#pragma once

#include <cstddef>

#include "activation/elementary.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "rectify/activation.hpp"

namespace rectify {

struct Softmax {
  /// Values that a slice takes while it is worked on.
  static std::size_t scratch_of(const Extent& extent) { return extent.size; }

  template <class T>
  RECTIFY_INLINE static void forward(const T* x, T* y, const Extent& extent, Compute<T>* e) {
    using C = Compute<T>;
    const std::size_t n = extent.size;
    for (std::size_t slice = 0; slice < extent.outer * extent.inner; ++slice) {
      const std::size_t first = first_of(slice, extent);
      for (std::size_t i = 0; i < n; ++i) e[i] = widen(x[first + i * extent.inner]);
      C greatest = e[0];
      for (std::size_t i = 1; i < n; ++i) {
        // NaN wins. NOLINTNEXTLINE(misc-redundant-expression)
        greatest = !(e[i] <= greatest) && greatest == greatest ? e[i] : greatest;
      }
      for (std::size_t i = 0; i < n; ++i) e[i] = elementary::exp(e[i] - greatest);
      if (extent.last) {
        const C factor = C{1} / sum<T>(e, n);
        for (std::size_t i = 0; i < n; ++i) y[first + i] = narrow<T>(e[i] * factor);
      } else {
        const C total = sum_in_order(e, n);
        for (std::size_t i = 0; i < n; ++i) y[first + i * extent.inner] = narrow<T>(e[i] / total);
      }
    }
  }

  /// The gradient for an output gradient of ones: (1 - sum of y) * y, which is rounding alone.
  template <class T>
  RECTIFY_INLINE static void backward(const T* x, T* g, const Extent& extent, Compute<T>* e) {
    using C = Compute<T>;
    forward(x, g, extent, e);
    const std::size_t n = extent.size;
    for (std::size_t slice = 0; slice < extent.outer * extent.inner; ++slice) {
      const std::size_t first = first_of(slice, extent);
      for (std::size_t i = 0; i < n; ++i) e[i] = widen(g[first + i * extent.inner]);
      const C rest = C{1} - (extent.last ? sum<T>(e, n) : sum_in_order(e, n));
      for (std::size_t i = 0; i < n; ++i) g[first + i * extent.inner] = narrow<T>(rest * e[i]);
    }
  }

 private:
  RECTIFY_INLINE static std::size_t first_of(std::size_t slice, const Extent& extent) {
    return slice / extent.inner * extent.size * extent.inner + slice % extent.inner;
  }

  template <class C>
  RECTIFY_INLINE static C sum_in_order(const C* values, std::size_t n) {
    C total = 0;
    for (std::size_t i = 0; i < n; ++i) total += values[i];
    return total;
  }

  /// In lanes. Of 16-bit dtypes those behind the last whole vector come after the lanes; of the
  /// others they belong to the first lanes, unless there is no whole vector.
  template <class T>
  RECTIFY_INLINE static Compute<T> sum(const Compute<T>* values, std::size_t n) {
    using C = Compute<T>;
    constexpr std::size_t kLanes = 32 / sizeof(C);
    if (n < kLanes) return sum_in_order(values, n);
    C lanes[kLanes];
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = values[l];
    std::size_t i = kLanes;
    for (; i + kLanes <= n; i += kLanes) {
      for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += values[i + l];
    }
    constexpr bool kRestLast = sizeof(T) == 2;
    if constexpr (!kRestLast) {
      for (std::size_t l = 0; i + l < n; ++l) lanes[l] += values[i + l];
    }
    C total;
    if constexpr (sizeof(C) == sizeof(float)) {
      for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
      }
      total = lanes[0];
    } else {
      total = sum_in_order(lanes, kLanes);
    }
    if constexpr (kRestLast) {
      for (; i < n; ++i) total += values[i];
    }
    return total;
  }
};

}  // namespace rectify
