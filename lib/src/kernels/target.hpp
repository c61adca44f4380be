// Which instructions the kernels use: chosen once, from what the processor has. Every kernel gives
// the same bits on every target.
#pragma once

#include <cstdint>
#include <string_view>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define RECTIFY_X86_KERNELS 1
// Clang knows the header's _Bool in GNU's dialects alone.
#if __has_include(<sys/platform/x86.h>) && !(defined(__clang__) && defined(__STRICT_ANSI__))
#include <sys/platform/x86.h>
#endif
/// Whether the processor has a feature, by glibc's name and by the compilers'. glibc knows: it has asked when
/// the program started. The compilers' way asks once more, and in a virtual machine every question (CPUID) is a
/// trap: together a tenth of the time of a short run.
#ifdef CPU_FEATURE_ACTIVE
#define RECTIFY_PROCESSOR_HAS(GLIBC, COMPILER) CPU_FEATURE_ACTIVE(GLIBC)
#else
#define RECTIFY_PROCESSOR_HAS(GLIBC, COMPILER) (__builtin_cpu_supports(COMPILER) != 0)
#endif
#endif

/// For what a kernel compiled for a target calls: code of no target of its own, in its place.
#define RECTIFY_INLINE [[gnu::always_inline]] inline
/// The same behind the parameters of a lambda.
#define RECTIFY_ALWAYS_INLINE __attribute__((always_inline))

/// Before a loop of which no round reads what another writes, even if it writes where it reads.
#if defined(__clang__)
#define RECTIFY_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define RECTIFY_INDEPENDENT _Pragma("GCC ivdep")
#else
#define RECTIFY_INDEPENDENT
#endif

namespace rectify::inline v1 {

/// In ascending order: each has the instructions of those before it.
enum class Target : std::uint8_t {
  /// What every processor of the architecture has.
  baseline,
  /// AVX2, FMA, BMI and BMI2, hence LZCNT.
  avx2,
  /// AVX-512 with F, VL, DQ, BW and IFMA.
  avx512,
};

/// What each is called.
inline constexpr std::string_view kTargets[] = {"baseline", "avx2", "avx512"};

/// The best target of this processor, or the one that the environment's RECTIFY_TARGET names, if it
/// is not beyond this processor.
Target target();

namespace detail {

/// A kernel that wants to know its target has it as the first parameter of the template run.
template <class Kernel, Target kTarget, class... Arguments>
RECTIFY_INLINE void run(Arguments... arguments) {
  if constexpr (requires { Kernel::template run<kTarget>(arguments...); }) {
    Kernel::template run<kTarget>(arguments...);
  } else {
    Kernel::run(arguments...);
  }
}

template <class Kernel, class... Arguments>
void run_on_baseline(Arguments... arguments) {
  run<Kernel, Target::baseline>(arguments...);
}
#if RECTIFY_X86_KERNELS
template <class Kernel, class... Arguments>
__attribute__((target("avx2,fma"))) void run_on_avx2(Arguments... arguments) {
  run<Kernel, Target::avx2>(arguments...);
}
template <class Kernel, class... Arguments>
__attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,avx512bw"))) void run_on_avx512(
    Arguments... arguments) {
  run<Kernel, Target::avx512>(arguments...);
}
#endif

}  // namespace detail

/// Calls Kernel::run(arguments...), which is RECTIFY_INLINE as all that it calls should be, compiled
/// for the target: what is not inlined is compiled for the baseline.
template <class Kernel, class... Arguments>
void run_on_target(Arguments... arguments) {
#if RECTIFY_X86_KERNELS
  switch (target()) {
    case Target::avx512:
      return detail::run_on_avx512<Kernel>(arguments...);
    case Target::avx2:
      return detail::run_on_avx2<Kernel>(arguments...);
    case Target::baseline:
      break;
  }
#endif
  detail::run_on_baseline<Kernel>(arguments...);
}

}  // namespace rectify::inline v1
