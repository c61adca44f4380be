// The kernels of the activations, for tests/bench/activations.py, which times PyTorch between its
// questions. A question is a line, of fields between tabs:
//   MODE DTYPE DIRECTION FROM TO CALLS    elu, float32, forward | backward, and two files of raw elements;
//                                         nanoseconds a value of the fastest call. TO may be "-".
//   copy BYTES CALLS                      the same of memcpy, a byte
// and so is an answer: nanoseconds of the processor, of one thread. FROM is read once.
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "rectify/activation.hpp"

namespace {

using namespace rectify;

double nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

template <class F>
double fastest(int calls, F&& f) {
  double best = 1e300;
  for (int call = 0; call < calls; ++call) {
    const double start = nanoseconds();
    f();
    best = std::min(best, nanoseconds() - start);
  }
  return best;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> fields;
  for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
  return fields;
}

/// Memory that begins where a page does, as PyTorch's and malloc's of this size.
struct Buffer {
  std::vector<std::byte> room;
  std::size_t size = 0;

  std::byte* resized(std::size_t n) {
    size = n;
    if (room.size() < n + 4096) room.resize(n + 4096);
    return data();
  }
  std::byte* data() {
    void* at = room.data();
    std::size_t space = room.size();
    return static_cast<std::byte*>(std::align(4096, size, at, space));
  }
};

Buffer input;
Buffer output;
std::string input_name;

double run(const std::vector<std::string>& fields) {
  const Module mode = Module::parse(fields.at(0));
  const DType dtype = fields.at(1) == "float64" ? DType::float64 : DType::float32;
  const std::string& from = fields.at(3);
  const std::string& to = fields.at(4);
  if (from != input_name) {
    std::ifstream file(from, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::memcpy(input.resized(bytes.size()), bytes.data(), bytes.size());
    input_name = from;
  }
  const bool in_place = to == "in place";
  std::byte* const result = in_place ? input.data() : output.resized(input.size);
  const Extent extent{.outer = input.size / itemsize(dtype)};
  const Activation::Kernel kernel =
      fields.at(2) == "forward" ? mode.activation().forward : mode.activation().backward;
  const double best = fastest(std::stoi(fields.at(5)),
                              [&] { kernel(dtype, input.data(), result, extent, mode.values()); });
  if (to != "-" && !in_place) {
    std::ofstream file(to, std::ios::binary);
    file.write(reinterpret_cast<const char*>(result), static_cast<std::streamsize>(input.size));
  }
  return best / static_cast<double>(extent.outer);
}

double copy(const std::vector<std::string>& fields) {
  const std::size_t n = std::stoul(fields.at(1));
  if (input.size != n) {
    std::memset(input.resized(n), 1, n);
    input_name.clear();
  }
  std::byte* const to = output.resized(n);
  return fastest(std::stoi(fields.at(2)), [&] { std::memcpy(to, input.data(), n); }) /
         static_cast<double>(n);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields.at(0) == "target") {
      std::printf("%s\n", std::string(instructions()).c_str());
    } else {
      std::printf("%.6f\n", fields.at(0) == "copy" ? copy(fields) : run(fields));
    }
    std::fflush(stdout);
  }
}
