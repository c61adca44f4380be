// 64 characters at a time where the processor can: comparisons give a bit for each delimiter, line
// feed and quote, and the end of a run of columns is the n-th delimiter. The places of all delimiters
// of a short line are written down eight at a time, so that no branch hangs on how many there are
// (simdjson's flatten_bits; Langdale and Lemire, Parsing Gigabytes of JSON per Second, 2019). One
// instruction, PDEP, would find the n-th, but some processors take ten times as long for it.
#include "kernels/columns.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/target.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify::inline v1 {
namespace {

/// Copies `size` characters, in steps of a length that is known if there is room. They read up to
/// `limit` and write up to LinesApart::kPadding more.
RECTIFY_INLINE char* copy(char* out, const char* from, std::size_t size, const char* limit) {
  const auto room = static_cast<std::size_t>(limit - from);
  if (size <= 32 && room >= 32) {
    std::memcpy(out, from, 32);
  } else if (size <= 64 && room >= 64) {
    std::memcpy(out, from, 64);
  } else if (size <= 128 && room >= 128) {
    std::memcpy(out, from, 128);
  } else {
    std::memcpy(out, from, size);
  }
  return out + size;
}

RECTIFY_INLINE bool put(LinesApart& lines, const ColumnPlan& plan, const char* const* bounds,
                        const char* next) {
  const auto begin_of = [&](std::size_t run) { return run == 0 ? lines.p : bounds[run - 1] + 1; };
  if (plan.ends_empty) {
    const std::size_t run = plan.runs.size() - 1;
    for (const char* p = begin_of(run); p != bounds[run]; ++p) {
      if (*p != ' ' && *p != '\t') return false;
    }
  }
  char* out = lines.rows;
  for (const std::size_t run : plan.taken) {
    const char* const begin = begin_of(run);
    out = copy(out, begin, static_cast<std::size_t>(bounds[run] - begin), lines.last);
    *out++ = plan.delimiter;
  }
  out[-1] = '\n';
  // One that stood inside the line would become part of the line break.
  if (out - lines.rows > 1 && out[-2] == '\r') return false;
  lines.rows = out;
  for (const std::size_t run : plan.kept) {
    const char* const begin = begin_of(run);
    lines.kept = copy(lines.kept, begin, static_cast<std::size_t>(bounds[run] - begin), lines.last);
    *lines.ends++ = static_cast<std::size_t>(lines.kept - lines.kept_begin);
  }
  lines.p = next;
  return true;
}

/// The end of a line's content, whose line feed is at `feed`.
RECTIFY_INLINE const char* content_end(const char* begin, const char* feed) {
  return feed != begin && feed[-1] == '\r' ? feed - 1 : feed;
}

/// Whether a line may have fields: it is neither blank nor a comment.
RECTIFY_INLINE bool may_have_fields(const char* p, const ColumnPlan& plan) {
  while ((*p == ' ' || *p == '\t') && *p != plan.delimiter) ++p;
  return *p != '\n' && *p != '\r' && (plan.comment == '\0' || *p != plan.comment);
}

/// Finds where the runs of the line end; its line feed. Null: it is not plain.
const char* find_bounds(const LinesApart& lines, const ColumnPlan& plan, const char** bounds) {
  const std::size_t last_run = plan.runs.size() - 1;
  std::size_t run = 0;
  std::size_t left = plan.runs[0];
  for (const char* p = lines.p; p != lines.last; ++p) {
    if (*p == '"') return nullptr;
    if (*p == '\n') {
      if (run != last_run || left != 1) return nullptr;
      bounds[run] = content_end(lines.p, p);
      return p;
    }
    if (*p != plan.delimiter || --left != 0) continue;
    if (run == last_run) return nullptr;
    bounds[run] = p;
    left = plan.runs[++run];
  }
  return nullptr;
}

void take_apart_singly(LinesApart& lines, const ColumnPlan& plan, const char** bounds) {
  while (lines.p != lines.last && may_have_fields(lines.p, plan)) {
    const char* const feed = find_bounds(lines, plan, bounds);
    if (feed == nullptr || !put(lines, plan, bounds, feed + 1)) return;
  }
}

#if RECTIFY_X86_KERNELS

#define RECTIFY_AVX2 __attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt")))

RECTIFY_INLINE RECTIFY_AVX2 std::uint64_t equal(__m256i low, __m256i high, char c) {
  const __m256i all = _mm256_set1_epi8(c);
  const auto first = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, all)));
  const auto second =
      static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, all)));
  return first | static_cast<std::uint64_t>(second) << 32;
}

/// The delimiters of 64 characters, and what else there is to know of them.
struct Window {
  std::uint64_t delimiters, feeds, quotes;

  RECTIFY_INLINE RECTIFY_AVX2 static Window at(const char* p, char delimiter) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    return {equal(low, high, delimiter), equal(low, high, '\n'), equal(low, high, '"')};
  }
};

/// The bits below the lowest that is set; all if none is.
constexpr std::uint64_t below(std::uint64_t bits) { return (bits - 1) & ~bits; }

/// Writes the places of the `count` bits that are set, counted from `first`, and up to seven more, or
/// eight where there are none, that mean nothing.
RECTIFY_INLINE RECTIFY_AVX2 void write_places(std::uint64_t bits, std::size_t count,
                                              std::uint8_t first, std::uint8_t* places) {
  for (std::size_t i = 0;;) {
    for (std::size_t k = 0; k < 8; ++k) {
      places[i + k] = static_cast<std::uint8_t>(first + std::countr_zero(bits));
      bits &= bits - 1;
    }
    if ((i += 8) >= count) return;
  }
}

/// find_bounds() for a line of up to 128 characters, without a branch that hangs on where its
/// fields end. `is_longer`: it may be that.
RECTIFY_INLINE RECTIFY_AVX2 const char* find_bounds_of_short(const LinesApart& lines,
                                                             const ColumnPlan& plan,
                                                             const char** bounds, bool& is_longer) {
  const Window first = Window::at(lines.p, plan.delimiter);
  const Window second = Window::at(lines.p + 64, plan.delimiter);
  is_longer = (first.feeds | second.feeds) == 0;
  if (is_longer) return nullptr;
  const std::uint64_t in_first = below(first.feeds);
  const std::uint64_t in_second = first.feeds != 0 ? 0 : below(second.feeds);
  if (((first.quotes & in_first) | (second.quotes & in_second)) != 0) return nullptr;
  const std::uint64_t low = first.delimiters & in_first;
  const std::uint64_t high = second.delimiters & in_second;
  const auto count = static_cast<std::size_t>(std::popcount(low));
  const auto behind = static_cast<std::size_t>(std::popcount(high));
  const std::size_t last = plan.stops.size() - 1;
  if (count + behind + 1 != plan.stops[last]) return nullptr;
  constexpr std::size_t kFew = 3;  // for which it is quicker to drop the bits in front of each
  if (last <= kFew) {
    for (std::size_t run = 0; run != last; ++run) {
      const std::size_t n = plan.stops[run];
      const bool is_low = n <= count;
      std::uint64_t bits = is_low ? low : high;
      for (std::size_t left = is_low ? n : n - count; left != 1; --left) bits &= bits - 1;
      bounds[run] = lines.p + (is_low ? 0 : 64) + std::countr_zero(bits);
    }
  } else {
    std::uint8_t places[128 + 8];
    write_places(low, count, 0, places);
    write_places(high, behind, 64, places + count);
    for (std::size_t run = 0; run != last; ++run)
      bounds[run] = lines.p + places[plan.stops[run] - 1];
  }
  const char* const feed = lines.p + (first.feeds != 0 ? std::countr_zero(first.feeds)
                                                       : 64 + std::countr_zero(second.feeds));
  bounds[last] = content_end(lines.p, feed);
  return feed;
}

/// find_bounds() for a line of any length. Null, too, where there is no room for another window.
RECTIFY_AVX2 const char* find_bounds_in_windows(const LinesApart& lines, const ColumnPlan& plan,
                                                const char** bounds) {
  constexpr std::ptrdiff_t kWindow = 64;
  const std::size_t last_run = plan.runs.size() - 1;
  std::size_t run = 0;
  std::size_t left = plan.runs[0];
  const char* feed = nullptr;
  for (const char* p = lines.p; feed == nullptr; p += kWindow) {
    if (lines.last - p < kWindow) return nullptr;
    const Window window = Window::at(p, plan.delimiter);
    const std::uint64_t line = below(window.feeds);
    if ((window.quotes & line) != 0) return nullptr;
    std::uint64_t delimiters = window.delimiters & line;
    auto count = static_cast<std::size_t>(std::popcount(delimiters));
    while (count >= left) {
      if (run == last_run) return nullptr;
      count -= left;
      while (--left != 0) delimiters &= delimiters - 1;
      bounds[run] = p + std::countr_zero(delimiters);
      delimiters &= delimiters - 1;
      left = plan.runs[++run];
    }
    left -= count;
    if (window.feeds != 0) feed = p + std::countr_zero(window.feeds);
  }
  if (run != last_run || left != 1) return nullptr;
  bounds[run] = content_end(lines.p, feed);
  return feed;
}

RECTIFY_AVX2 void take_apart_in_windows(LinesApart& lines, const ColumnPlan& plan,
                                        const char** bounds) {
  while (lines.last - lines.p >= 128 && may_have_fields(lines.p, plan)) {
    bool is_longer = false;
    const char* feed = find_bounds_of_short(lines, plan, bounds, is_longer);
    if (is_longer) feed = find_bounds_in_windows(lines, plan, bounds);
    if (feed == nullptr || !put(lines, plan, bounds, feed + 1)) return;
  }
}

#endif

}  // namespace

bool put_line(LinesApart& lines, const ColumnPlan& plan, const char* const* bounds,
              const char* next) {
  return put(lines, plan, bounds, next);
}

void take_apart(LinesApart& lines, const ColumnPlan& plan, const char** bounds) {
#if RECTIFY_X86_KERNELS
  if (target() != Target::baseline) take_apart_in_windows(lines, plan, bounds);
#endif
  take_apart_singly(lines, plan, bounds);
}

}  // namespace rectify::inline v1
