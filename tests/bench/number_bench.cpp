// Numbers a second, read and written, beside std::from_chars and std::to_chars in the same run:
//   number_bench [millions of numbers]
// Each line is the best of nine rounds; the last column is the ratio of the two.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "number/number.hpp"

namespace {

using rectify::NumberGrammar;

/// Seconds of the fastest of nine calls.
template <class F>
double fastest(F&& f) {
  double best = 1e9;
  for (int round = 0; round < 9; ++round) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}

void report(const char* what, const char* data, std::size_t numbers, std::size_t bytes, double ours,
            double standard) {
  const auto count = static_cast<double>(numbers);
  std::printf("%-6s %-28s %7.1f M/s %7.0f MB/s   std %7.1f M/s   x%.2f\n", what, data,
              count / ours / 1e6, static_cast<double>(bytes) / ours / 1e6, count / standard / 1e6,
              standard / ours);
}

/// Writes the values one a line, then reads them back.
template <class T>
void measure(const char* data, const std::vector<T>& values) {
  std::vector<char> text(values.size() * (rectify::kNumberBytes + 1));
  char* end = nullptr;
  const double standard_write = fastest([&] {
    char* p = text.data();
    for (const T value : values) {
      p = std::to_chars(p, p + rectify::kNumberBytes, value).ptr;
      *p++ = '\n';
    }
    end = p;
  });
  const double write = fastest([&] {
    char* p = text.data();
    for (const T value : values) {
      p = rectify::format_number(p, value);
      *p++ = '\n';
    }
    end = p;
  });
  const auto bytes = static_cast<std::size_t>(end - text.data());
  report("write", data, values.size(), bytes, write, standard_write);

  std::vector<T> read(values.size());
  for (const NumberGrammar grammar : {NumberGrammar::json, NumberGrammar::csv}) {
    const double ours = fastest([&] {
      const char* p = text.data();
      for (T& value : read) {
        const auto number = rectify::parse_number<T>(p, end, grammar);
        value = number.value;
        p = number.end + 1;
      }
    });
    if (read != values) std::abort();
    const double standard = fastest([&] {
      const char* p = text.data();
      for (T& value : read) p = std::from_chars(p, end, value).ptr + 1;
    });
    report(grammar == NumberGrammar::json ? "json" : "csv", data, values.size(), bytes, ours,
           standard);
  }
}

template <class T, class Make>
std::vector<T> generate(std::size_t count, Make&& make) {
  std::vector<T> values(count);
  for (T& value : values) value = make();
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) * 1000000 : 2000000;
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  const auto normal32 = [&] { return static_cast<float>(normal(random)); };
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
  const auto small = [&] { return static_cast<float>(static_cast<int>(random() % 2001) - 1000); };
  const auto cents = [&] { return static_cast<double>(static_cast<int>(random() % 200001)) / 100; };
  measure("float32 normal", generate<float>(count, normal32));
  measure("float32 random bits", generate<float>(count, bits32));
  measure("float32 small integers", generate<float>(count, small));
  measure("float64 normal", generate<double>(count, [&] { return normal(random); }));
  measure("float64 random bits", generate<double>(count, bits64));
  measure("float64 two decimals", generate<double>(count, cents));
  measure("int64 random bits", generate<std::int64_t>(count, [&] {
            return static_cast<std::int64_t>(random()) >> (random() % 64);
          }));
}
