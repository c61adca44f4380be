#include "kernels/target.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
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
    const auto name = std::find(std::begin(kTargets), std::end(kTargets),
                                std::string_view(wanted == nullptr ? "" : wanted));
    return name == std::end(kTargets)
               ? best
               : std::min(best, static_cast<Target>(name - std::begin(kTargets)));
  }();
  return chosen;
}

}  // namespace rectify::inline v1
