// What Tally::add() costs beside a plain pass over the same memory that only counts signs:
//   compare_bench [millions of values]
// Processor time of one thread, the best of several rounds, in nanoseconds a value: of rectifiers,
// and of what another activation adds to them. RECTIFY_TARGET chooses the instructions.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "rectify/compare.hpp"

namespace {

using namespace rectify;

double seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Seconds of the fastest of a few calls.
template <class F>
double fastest(F&& f) {
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    const double start = seconds();
    f();
    best = std::min(best, seconds() - start);
  }
  return best;
}

/// Keeps the pass from being optimized away.
volatile std::int64_t seen = 0;

struct Signs {
  std::int64_t positive = 0, negative = 0;
};

/// The pass to compare with. Compilers make vector code of it; counts of 32 bits keep it short.
template <class T>
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"), noinline))
#endif
Signs count_signs(const T* x, std::size_t n) {
  Signs signs;
  for (std::size_t start = 0; start < n; start += 65536) {
    const std::size_t end = std::min(n, start + 65536);
    std::int32_t positive = 0;
    std::int32_t negative = 0;
    for (std::size_t i = start; i < end; ++i) {
      positive += x[i] > 0;
      negative += x[i] < 0;
    }
    signs.positive += positive;
    signs.negative += negative;
  }
  return signs;
}

template <class T>
void measure(const char* what, const Shape& shape, double spread) {
  Tensor tensor = Tensor::empty(shape, dtype_of<T>);
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> binades(-spread, spread);
  std::vector<T> some((1 << 20) + 7);  // repeated: making values takes longer than measuring
  for (T& x : some)
    x = static_cast<T>(static_cast<double>(normal(random)) *
                       (spread > 0 ? std::exp2(binades(random)) : 1));
  std::size_t i = 0;
  for (T& x : tensor.template data<T>()) x = some[i++ % some.size()];
  const auto n = static_cast<std::size_t>(tensor.numel());
  const auto count = static_cast<double>(n);
  const double plain =
      fastest([&] { seen = count_signs(tensor.template data<T>().data(), n).positive; });
  std::printf("%-34s signs %6.3f ns", what, plain / count * 1e9);
  double rectifiers = 0;
  for (const char* const modes : {"relu,leaky", "relu,leaky,relu6", "relu,leaky,elu"}) {
    const CompareOptions options{-1, Module::parse_list(modes), false};
    const double ours = fastest([&] {
      Tally tally(options, tensor.dtype(), shape);
      tally.add(tensor);
    });
    if (rectifiers == 0) rectifiers = ours;
    const std::string_view added = std::string_view(modes).substr(sizeof "relu,leaky" - 1);
    std::printf("   %s %6.3f ns", added.empty() ? modes : added.data(),
                (added.empty() ? ours : ours - rectifiers) / count * 1e9);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t millions = argc > 1 ? std::atoll(argv[1]) : 32;
  const std::int64_t n = millions * 1'000'000;
  measure<float>("float32 [n / 32, 32]", {n / 32, 32}, 0);
  measure<float>("float32 [n / 100, 100]", {n / 100, 100}, 0);
  measure<float>("float32 [n / 256, 256]", {n / 256, 256}, 0);
  measure<float>("float32 [n / 4096, 4096]", {n / 4096, 4096}, 0);
  measure<float>("float32 [n / 100000, 100000]", {n / 100'000, 100'000}, 0);
  measure<float>("float32 [n]", {n}, 0);
  measure<float>("float32 [n / 3, 3]", {n / 3, 3}, 0);
  measure<float>("float32 [n / 32, 32], 80 binades", {n / 32, 32}, 40);
  measure<double>("float64 [n / 32, 32]", {n / 32, 32}, 0);
}
