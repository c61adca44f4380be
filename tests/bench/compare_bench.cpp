// What Tally::add() costs beside a plain pass over the same memory that only counts signs, with
// Google Benchmark: one thread, in values a second, of the default rectifiers and with one more
// activation. RECTIFY_TARGET chooses the instructions.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "rectify/compare.hpp"

namespace {

using namespace rectify;

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
Tensor values_of(const Shape& shape, double spread) {
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
  return tensor;
}

template <class T>
void add(const std::string& what, const Shape& shape, double spread) {
  const auto run = [=](const char* name, auto pass) {
    benchmark::RegisterBenchmark((what + "/" + name).c_str(), [=](benchmark::State& state) {
      const Tensor tensor = values_of<T>(shape, spread);
      for ([[maybe_unused]] auto _ : state) pass(tensor);
      state.SetItemsProcessed(state.iterations() * tensor.numel());
    })->Unit(benchmark::kMillisecond);
  };
  run("signs", [](const Tensor& tensor) {
    benchmark::DoNotOptimize(
        count_signs(tensor.data<T>().data(), static_cast<std::size_t>(tensor.numel())));
  });
  std::vector<const char*> lists = {"relu"};
  if constexpr (std::is_floating_point_v<T>)
    lists = {"relu,leaky", "relu,leaky,relu6", "relu,leaky,elu"};
  for (const char* const modes : lists) {
    run(modes, [=](const Tensor& tensor) {
      const CompareOptions options{-1, Module::parse_list(modes), false};
      Tally tally(options, tensor.dtype(), tensor.shape());
      tally.add(tensor);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  constexpr std::int64_t n = 32'000'000;
  add<float>("float32 [n/32,32]", {n / 32, 32}, 0);
  add<float>("float32 [n/100,100]", {n / 100, 100}, 0);
  add<float>("float32 [n/256,256]", {n / 256, 256}, 0);
  add<float>("float32 [n/4096,4096]", {n / 4096, 4096}, 0);
  add<float>("float32 [n/100000,100000]", {n / 100'000, 100'000}, 0);
  add<float>("float32 [n]", {n}, 0);
  add<float>("float32 [n/3,3]", {n / 3, 3}, 0);
  add<float>("float32 [n/32,32] 80 binades", {n / 32, 32}, 40);
  add<double>("float64 [n/32,32]", {n / 32, 32}, 0);
  add<std::int8_t>("int8 [n/32,32]", {n / 32, 32}, 4);
  add<std::uint8_t>("uint8 [n/32,32]", {n / 32, 32}, 4);
  add<std::int32_t>("int32 [n/32,32]", {n / 32, 32}, 4);
  benchmark::RunSpecifiedBenchmarks();
}
