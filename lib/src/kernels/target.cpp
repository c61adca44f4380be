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
  for (const bool has : {RECTIFY_PROCESSOR_HAS(AVX2, "avx2"), RECTIFY_PROCESSOR_HAS(FMA, "fma"),
                         RECTIFY_PROCESSOR_HAS(BMI1, "bmi"), RECTIFY_PROCESSOR_HAS(BMI2, "bmi2")}) {
    if (!has) return Target::baseline;
  }
  for (const bool has :
       {RECTIFY_PROCESSOR_HAS(AVX512F, "avx512f"), RECTIFY_PROCESSOR_HAS(AVX512VL, "avx512vl"),
        RECTIFY_PROCESSOR_HAS(AVX512DQ, "avx512dq"), RECTIFY_PROCESSOR_HAS(AVX512BW, "avx512bw"),
        RECTIFY_PROCESSOR_HAS(AVX512_IFMA, "avx512ifma")}) {
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
