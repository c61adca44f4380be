#include "kernels/halves.hpp"

#include "kernels/target.hpp"

namespace rectify::inline v1::kernel {
namespace {

struct ToFloats {
  template <class T>
  RECTIFY_INLINE static void run(const T* x, std::size_t n, float* to) {
    RECTIFY_INDEPENDENT
    for (std::size_t i = 0; i < n; ++i) to[i] = to_float(x[i]);
  }
};

}  // namespace

void to_floats(const float16* x, std::size_t n, float* to) { run_on_target<ToFloats>(x, n, to); }
void to_floats(const bfloat16* x, std::size_t n, float* to) { run_on_target<ToFloats>(x, n, to); }

}  // namespace rectify::inline v1::kernel
