#include "kernels/target.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace rectify::inline v1 {
namespace {

Target best_target() {
#if RECTIFY_X86_KERNELS
  // No processor with BMI2 is without lzcnt, which not every compiler can ask about.
  for (const bool has : {__builtin_cpu_supports("avx2"), __builtin_cpu_supports("fma"),
                         __builtin_cpu_supports("bmi"), __builtin_cpu_supports("bmi2")}) {
    if (!has) return Target::baseline;
  }
  for (const bool has : {__builtin_cpu_supports("avx512f"), __builtin_cpu_supports("avx512vl"),
                         __builtin_cpu_supports("avx512dq"), __builtin_cpu_supports("avx512bw"),
                         __builtin_cpu_supports("avx512ifma")}) {
    if (!has) return Target::avx2;
  }
  return Target::avx512;
#else
  return Target::baseline;
#endif
}

}  // namespace

Target target() {
  static const Target chosen = [] {
    const Target best = best_target();
    const char* const wanted = std::getenv("RECTIFY_TARGET");
    if (wanted == nullptr) return best;
    const std::string_view name = wanted;
    if (name == "baseline") return Target::baseline;
    if (name == "avx2") return std::min(best, Target::avx2);
    return best;
  }();
  return chosen;
}

}  // namespace rectify::inline v1
