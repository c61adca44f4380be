// Numbers a second, read, written and printed, beside std::from_chars and std::to_chars in the same
// run, with Google Benchmark (which tells its own options: --benchmark_filter=write/float32).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "number/number.hpp"
#include "rectify/rectify.hpp"

namespace {

using rectify::NumberGrammar;

constexpr std::size_t kNumbers = 1'000'000;

template <class F>
void add(const std::string& name, std::size_t numbers, std::size_t bytes, F run) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) run();
    const auto rounds = static_cast<std::size_t>(state.iterations());
    state.SetItemsProcessed(static_cast<std::int64_t>(rounds * numbers));
    state.SetBytesProcessed(static_cast<std::int64_t>(rounds * bytes));
  })->Unit(benchmark::kMillisecond);
}

/// The values, and the text they make with one a line, which is what is read back.
template <class T>
struct Data {
  std::vector<T> values;
  std::vector<char> text;
  const char* end = nullptr;
  std::vector<T> read;
};

template <class T>
void add_all(const std::string& what, std::vector<T> values) {
  const auto data = std::make_shared<Data<T>>();
  data->values = std::move(values);
  data->text.resize(kNumbers * (rectify::kNumberBytes + 1));
  data->read.resize(kNumbers);
  const auto write = [data] {
    char* p = data->text.data();
    for (const T value : data->values) {
      p = rectify::format_number(p, value);
      *p++ = '\n';
    }
    data->end = p;
  };
  write();
  const auto bytes = static_cast<std::size_t>(data->end - data->text.data());
  add("write/" + what + "/rectify", kNumbers, bytes, write);
  add("write/" + what + "/std", kNumbers, bytes, [data] {
    // Room of its own: what is read below stays as it is.
    static std::vector<char> room(kNumbers * (rectify::kNumberBytes + 1));
    char* p = room.data();
    for (const T value : data->values) {
      p = std::to_chars(p, p + rectify::kNumberBytes, value).ptr;
      *p++ = '\n';
    }
    benchmark::DoNotOptimize(p);
  });
  for (const NumberGrammar grammar : {NumberGrammar::json, NumberGrammar::csv}) {
    const std::string name = grammar == NumberGrammar::json ? "json" : "csv";
    add("read " + name + "/" + what + "/rectify", kNumbers, bytes, [data, grammar] {
      const char* p = data->text.data();
      for (T& value : data->read) {
        const auto number = rectify::parse_number<T>(p, data->end, grammar);
        value = number.value;
        p = number.end + 1;
      }
      if (data->read != data->values) std::abort();
    });
  }
  add("read/" + what + "/std", kNumbers, bytes, [data] {
    const char* p = data->text.data();
    for (T& value : data->read) p = std::from_chars(p, data->end, value).ptr + 1;
    if (data->read != data->values) std::abort();
  });
}

template <class T, class Make>
std::vector<T> generate(Make&& make) {
  std::vector<T> values(kNumbers);
  for (T& value : values) value = make();
  return values;
}

void add_print(const std::string& what, const rectify::PrintOptions& options) {
  rectify::Tensor tensor =
      rectify::Tensor::empty({static_cast<std::int64_t>(kNumbers)}, rectify::DType::float32);
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  for (float& x : tensor.data<float>()) x = normal(random);
  const std::size_t bytes = rectify::to_string(tensor, options).size();
  add("print/" + what, kNumbers, bytes,
      [=] { benchmark::DoNotOptimize(rectify::to_string(tensor, options)); });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  const auto bits32 = [&] {
    for (;;) {
      const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      if (std::isfinite(value)) return value;
    }
  };
  const auto bits64 = [&] {
    for (;;) {
      const double value = std::bit_cast<double>(random());
      if (std::isfinite(value)) return value;
    }
  };
  add_all("float32 normal", generate<float>([&] { return static_cast<float>(normal(random)); }));
  add_all("float32 random bits", generate<float>(bits32));
  add_all("float32 small integers", generate<float>([&] {
            return static_cast<float>(static_cast<int>(random() % 2001) - 1000);
          }));
  add_all("float64 normal", generate<double>([&] { return normal(random); }));
  add_all("float64 random bits", generate<double>(bits64));
  add_all("float64 two decimals", generate<double>([&] {
            return static_cast<double>(static_cast<int>(random() % 200001)) / 100;
          }));
  add_all("int64 random bits", generate<std::int64_t>([&] {
            return static_cast<std::int64_t>(random()) >> (random() % 64);
          }));
  rectify::PrintOptions print{.threshold = rectify::PrintOptions::kNoThreshold};
  add_print("float32 scientific", print);
  print.sci_mode = rectify::SciMode::off;
  add_print("float32 fixed", print);
  benchmark::RunSpecifiedBenchmarks();
}
