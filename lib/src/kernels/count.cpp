// 32 characters at a time in the compilers' vectors: a comparison gives -1 for each line feed, and
// up to 255 of those are subtracted from a byte before they are added up.
#include "kernels/count.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/target.hpp"

namespace rectify::inline v1 {
namespace {

struct CountLineFeeds {
  RECTIFY_INLINE static void run(const char* first, const char* last, std::size_t* count) {
    using Bytes = std::uint8_t __attribute__((vector_size(32)));
    constexpr std::size_t kSize = sizeof(Bytes);
    std::size_t sum = 0;
    while (static_cast<std::size_t>(last - first) >= kSize) {
      const auto rounds =
          std::min<std::size_t>(static_cast<std::size_t>(last - first) / kSize, 255);
      Bytes counts{};
      for (std::size_t i = 0; i < rounds; ++i, first += kSize) {
        Bytes text;
        std::memcpy(&text, first, kSize);
        counts -= reinterpret_cast<Bytes>(text == static_cast<std::uint8_t>('\n'));
      }
      for (std::size_t i = 0; i < kSize; ++i) sum += counts[i];
    }
    for (; first != last; ++first) sum += *first == '\n' ? 1 : 0;
    *count = sum;
  }
};

}  // namespace

std::size_t count_line_feeds(const char* first, const char* last) {
  std::size_t count = 0;
  run_on_target<CountLineFeeds>(first, last, &count);
  return count;
}

}  // namespace rectify::inline v1
