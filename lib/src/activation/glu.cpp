// glu: the first half of each slice times the sigmoid of the second (aten/src/ATen/native/cpu/
// Activation.cpp: glu_kernel and glu_backward_kernel; the gradient starts from the sigmoid that is
// stored, rounded to the dtype).

#include <cstddef>

#include "activation/elementary.hpp"
#include "activation/loops.hpp"

namespace rectify::inline v1 {
namespace {

template <Target kTarget, class C>
RECTIFY_INLINE C sigmoid(C x) {
  return 1 / (1 + elementary::exp<Quickly<kTarget>::kFma>(-x));
}

template <class T>
struct Gate {
  template <Target kTarget>
  RECTIFY_INLINE static void run(const T* from, T* to, const Extent* extent) {
    const std::size_t half = extent->size / 2 * extent->inner;
    for (std::size_t slice = 0; slice < extent->outer; ++slice, from += 2 * half, to += half) {
      for (std::size_t i = 0; i < half; ++i)
        to[i] = narrow<T>(widen(from[i]) * sigmoid<kTarget>(widen(from[half + i])));
    }
  }
};

template <class T>
struct GateGradient {
  template <Target kTarget>
  RECTIFY_INLINE static void run(const T* from, T* to, const Extent* extent) {
    using C = Compute<T>;
    const std::size_t half = extent->size / 2 * extent->inner;
    for (std::size_t slice = 0; slice < extent->outer; ++slice, from += 2 * half, to += 2 * half) {
      for (std::size_t i = 0; i < half; ++i) {
        const C s = rounded<T>(sigmoid<kTarget>(widen(from[half + i])));
        to[i] = narrow<T>(s);
        to[half + i] = narrow<T>((1 - s) * s * widen(from[i]));
      }
    }
  }
};

template <template <class T> class Kernel>
void over_halves(DType dtype, const std::byte* from, std::byte* to, const Extent& extent) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      run_on_target<Kernel<T>>(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), &extent);
    } else {
      refuse_kernel();
    }
  });
}

}  // namespace

void glu_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                 const Values&) {
  over_halves<Gate>(dtype, from, to, extent);
}

void glu_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                  const Values&) {
  over_halves<GateGradient>(dtype, from, to, extent);
}

}  // namespace rectify::inline v1
