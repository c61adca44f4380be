// Runs of text to values, 64 characters at a time where the processor can; what is not plainly
// digits with an optional minus and point between two separators is parse_number()'s, and so is all
// that ends a run.
//
// Comparisons give a bit for each character of a window: digits, points, minus signs, separators.
// Whether all of its fields are numbers is then a matter of some additions and shifts of these words,
// as in simdjson (G. Langdale, D. Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 28,
// 2019): a point starts a carry through the digits behind it, which has to come out at the end of a
// field. A field's digits are gathered from around its point by a shuffle, and added up in pairs,
// fours and eights. Up to 15 of them are exact in a double, and so is the power of ten they are
// divided by, hence the quotient is rounded once (Clinger's case, see number/read.cpp).
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "number/number.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify {
namespace {

#if RECTIFY_X86_KERNELS

#define RECTIFY_AVX2 __attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt")))

/// What separates the numbers.
enum class Gaps : std::uint8_t {
  /// A delimiter or a line feed.
  csv,
  /// Those, or a carriage return and a line feed, with blanks behind them.
  spaced_csv,
  /// A comma with blanks and line feeds behind it; a bracket ends the run.
  json,
};

/// 64 characters.
struct Window {
  __m256i low, high;

  RECTIFY_INLINE RECTIFY_AVX2 static Window at(const char* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  RECTIFY_INLINE RECTIFY_AVX2 static std::uint64_t bits(__m256i low, __m256i high) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
           static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32;
  }
  RECTIFY_INLINE RECTIFY_AVX2 std::uint64_t equal(char c) const {
    const __m256i all = _mm256_set1_epi8(c);
    return bits(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
  }
  RECTIFY_INLINE RECTIFY_AVX2 std::uint64_t digits() const {
    const __m256i zero = _mm256_set1_epi8('0');
    const __m256i nine = _mm256_set1_epi8(9);
    const __m256i a = _mm256_sub_epi8(low, zero);
    const __m256i b = _mm256_sub_epi8(high, zero);
    return bits(_mm256_cmpeq_epi8(_mm256_min_epu8(a, nine), a),
                _mm256_cmpeq_epi8(_mm256_min_epu8(b, nine), b));
  }
};

constexpr std::size_t kMostCharacters = 16;
constexpr std::size_t kMostDigits = 15;

/// By the size of a number without its sign and the place of its point (the size, if it has none):
/// which characters are its digits, to the end of 16.
constexpr auto kGathers = [] {
  std::array<std::array<std::uint8_t, 16>, (kMostCharacters + 1) * (kMostCharacters + 1)> gathers{};
  for (std::size_t size = 0; size <= kMostCharacters; ++size) {
    for (std::size_t point = 0; point <= kMostCharacters; ++point) {
      auto& gather = gathers[size * (kMostCharacters + 1) + point];
      gather.fill(0x80);
      std::size_t place = 16;
      for (std::size_t i = size; i-- > 0;) {
        if (i != point) gather[--place] = static_cast<std::uint8_t>(i);
      }
    }
  }
  return gathers;
}();

/// By the digits behind the point and the point: 1, 1, 10, 100, …
constexpr auto kDivisors = [] {
  std::array<double, kMostCharacters + 1> divisors{1, 1};
  for (std::size_t i = 2; i < divisors.size(); ++i) divisors[i] = divisors[i - 1] * 10;
  return divisors;
}();

/// The number that the gathered characters stand for.
RECTIFY_INLINE RECTIFY_AVX2 std::uint64_t number_of(const char* p, std::size_t size,
                                                    std::size_t point) {
  const auto& gather = kGathers[size * (kMostCharacters + 1) + point];
  __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  x = _mm_shuffle_epi8(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(gather.data())));
  x = _mm_subs_epu8(x, _mm_set1_epi8('0'));
  x = _mm_maddubs_epi16(x, _mm_set1_epi16(0x010A));
  x = _mm_madd_epi16(x, _mm_set1_epi32(0x00010064));
  x = _mm_packus_epi32(x, x);
  x = _mm_madd_epi16(x, _mm_set1_epi32(0x00012710));
  const auto eights = static_cast<std::uint64_t>(_mm_cvtsi128_si64(x));
  return (eights & 0xFFFFFFFF) * 100000000 + (eights >> 32);
}

/// The value of the number, of up to kMostDigits digits. False: it is for parse_number() to say.
template <class T>
RECTIFY_INLINE RECTIFY_AVX2 bool convert(std::uint64_t number, std::size_t behind, bool negative,
                                         T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return false;
  } else if constexpr (is_floating<T>) {
    const double magnitude =
        static_cast<double>(static_cast<std::int64_t>(number)) / kDivisors[behind];
    const auto bits = std::bit_cast<std::uint64_t>(magnitude) |
                      static_cast<std::uint64_t>(negative ? 1 : 0) << 63;
    const auto x = std::bit_cast<double>(bits);
    if constexpr (std::is_same_v<T, double>) {
      value = x;
    } else {
      value = narrow<T>(static_cast<float>(x));
    }
    return true;
  } else {
    const auto x =
        negative ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number);
    value = static_cast<T>(x);
    return behind == 0 && std::in_range<T>(x);
  }
}

/// The lowest bit that is set.
constexpr std::uint64_t lowest(std::uint64_t bits) { return bits & (~bits + 1); }

/// A run that is under way.
template <class T>
struct Progress {
  const char* p;        ///< the start of a number, or the bracket that closes the run
  T* out;               ///< where its value goes
  std::size_t left;     ///< in the row, this one included
  bool closed = false;  ///< at the bracket
  bool spaced = false;  ///< stopped at a blank
};

const char* skip_blanks(const char* p, const char* last, const Dialect& dialect) {
  while (p != last && (*p == ' ' || *p == '\t') && *p != dialect.delimiter) ++p;
  return p;
}

/// Reads the number at `run.p` and the separator behind it. False: it is not plainly that.
template <Gaps kGaps, class T>
[[gnu::noinline]] bool read_one(Progress<T>& run, const char* last, const Dialect& dialect) {
  const ParsedNumber<T> number = parse_number<T>(run.p, last, dialect.grammar, dialect.point);
  if (number.status != NumberStatus::ok || number.end == last) return false;
  const char* end = number.end;
  if constexpr (kGaps == Gaps::json) {
    if (*end == ']') {
      run.closed = true;
    } else if (*end == ',') {
      ++end;
      while (end != last && (*end == ' ' || *end == '\n')) ++end;
    } else {
      return false;
    }
  } else {
    const bool ends_row = run.left == 1;
    if (kGaps == Gaps::spaced_csv && ends_row && *end == '\r') ++end;
    if (end == last || *end != (ends_row ? '\n' : dialect.delimiter)) return false;
    ++end;
    if constexpr (kGaps == Gaps::spaced_csv) end = skip_blanks(end, last, dialect);
    run.left = run.left == 1 ? dialect.fields : run.left - 1;
  }
  *run.out++ = number.value;
  run.p = end;
  return true;
}

/// Goes on with the run while there is room for a window's numbers, and for a window.
template <Gaps kGaps, class T>
RECTIFY_AVX2 void read_windows(Progress<T>& run, const char* last, const T* out_end,
                               const Dialect& dialect) {
  constexpr bool kJson = kGaps == Gaps::json;
  // A window may load 16 characters from its last one on, and has up to 32 numbers.
  while (last - run.p >= 96 && out_end - run.out >= 33) {
    const char* const p = run.p;
    const Window window = Window::at(p);
    const std::uint64_t digit = window.digits();
    const std::uint64_t minus = window.equal('-');
    const std::uint64_t point = window.equal(dialect.point);
    const std::uint64_t delimiter = window.equal(dialect.delimiter);
    const std::uint64_t feed = window.equal('\n');

    // `gap` is all that is between numbers, `ends` the first character of each, `starts` the first
    // one behind it, and `known` what belongs to whole numbers and their gaps.
    std::uint64_t gap = delimiter | feed;
    std::uint64_t ends = gap, starts = gap << 1, row_ends = feed, bracket = 0, known = 0, bad = 0;
    if constexpr (kGaps == Gaps::csv) {
      if (gap != 0) known = ~std::uint64_t{0} >> std::countl_zero(gap);
    } else {
      std::uint64_t first = delimiter, second = 0;  // where in a gap characters may be
      if constexpr (kJson) {
        bracket = lowest(window.equal(']'));
        gap |= window.equal(' ') | bracket;
        first |= bracket;
        second = gap & ~first;
      } else {
        const std::uint64_t carriage = window.equal('\r') & (feed >> 1);
        std::uint64_t blank = window.equal(' ') | window.equal('\t');
        blank &= ~delimiter;
        gap |= blank | carriage;
        first |= (feed & ~(carriage << 1)) | carriage;
        second = blank | (carriage << 1);
        row_ends = first & ~delimiter;
      }
      ends = gap & ~(gap << 1);
      starts = ~gap & (gap << 1);
      bad = (ends & ~first) | (gap & ~ends & ~second);
      if (bracket != 0) {
        known = bracket | (bracket - 1);
      } else if (starts != 0) {
        known = ~(~std::uint64_t{0} << (63 - std::countl_zero(starts)));
      }
    }

    const std::uint64_t begin = starts | 1;
    const std::uint64_t first_digit = (begin & ~minus) | ((begin & minus) << 1);
    const std::uint64_t fraction = (point & known) << 1;
    bad |= ~(gap | digit | point | minus);
    bad |= minus & ~begin;
    bad |= first_digit & ~digit;
    bad |= point & ~(digit << 1);
    bad |= ((fraction + digit) & ~digit) & ~ends;
    if constexpr (kJson) {
      const std::uint64_t zero = first_digit & window.equal('0');
      bad |= fraction & ~digit;                    // "1."
      bad |= (zero << 1) & digit;                  // "01"
      bad |= ((zero & (minus << 1)) << 1) & ends;  // "-0" is 0
    }
    bad &= known;
    const bool good = bad == 0;
    if (!good) [[unlikely]] {
      // Up to the number with the first of them in it, or behind it.
      const std::uint64_t before = begin & (lowest(bad) | (lowest(bad) - 1));
      known = ~(~std::uint64_t{0} << (63 - std::countl_zero(before)));
      bracket = 0;
    }
    ends &= known;
    bool ragged = false;
    if constexpr (!kJson) {
      // Every left-th end is one of a row, and no other.
      const auto count = static_cast<std::size_t>(std::popcount(ends));
      row_ends &= known;
      if (count < run.left && row_ends == 0) {
        run.left -= count;
      } else {
        std::size_t left = run.left;
        std::uint64_t wrong = 0;
        while (count >= left) {
          const std::uint64_t end = _pdep_u64(std::uint64_t{1} << (left - 1), ends);
          if (lowest(row_ends) != end) {
            wrong = end;
            break;
          }
          row_ends &= row_ends - 1;
          left += dialect.fields;
        }
        wrong |= row_ends;
        if (wrong != 0) [[unlikely]] {
          ends &= lowest(wrong) - 1;
          ragged = true;
        }
        run.left = left - count;
      }
    }

    if (ends == 0 && !ragged) {
      // A number in doubt, or longer than the window.
      if (kGaps == Gaps::csv && !good) {
        const char c = p[std::countr_zero(bad)];
        if ((c == ' ' || c == '\t' || c == '\r') && c != dialect.delimiter) {
          run.spaced = true;
          return;
        }
      }
      if (!read_one<kGaps>(run, last, dialect) || run.closed) return;
      continue;
    }

    std::size_t start = 0;
    for (; ends != 0; ends &= ends - 1) {
      const auto end = static_cast<std::size_t>(std::countr_zero(ends));
      const bool negative = (minus >> start & 1) != 0;
      const std::size_t at = start + (negative ? 1 : 0);
      const std::size_t size = end - at;
      const std::size_t place =
          std::min(static_cast<std::size_t>(std::countr_zero(point >> at)), size);
      const std::size_t behind = size - place;
      bool done = size - (behind != 0 ? 1 : 0) <= kMostDigits;
      if (done) [[likely]] {
        done = convert(number_of(p + at, size, place), behind, negative, *run.out);
      }
      if (!done) [[unlikely]] {
        const ParsedNumber<T> number =
            parse_number<T>(p + start, p + end, dialect.grammar, dialect.point);
        if (number.status != NumberStatus::ok || number.end != p + end) {
          run.p = p + start;
          run.left = 0;
          return;
        }
        *run.out = number.value;
      }
      ++run.out;
      if constexpr (kGaps == Gaps::csv) {
        start = end + 1;
      } else {
        start = static_cast<std::size_t>(std::countr_zero(starts));
        starts &= starts - 1;
      }
    }
    if (bracket != 0) {
      run.p = p + std::countr_zero(bracket);
      run.closed = true;
      return;
    }
    run.p = p + start;
    if (ragged) return;
  }
}

#endif

}  // namespace

template <class T>
Run read_numbers(const char* first, const char* last, const Dialect& dialect, std::size_t column,
                 std::span<T> out) {
#if RECTIFY_X86_KERNELS
  const char delimiter = dialect.delimiter;
  const bool plain = (delimiter < '0' || delimiter > '9') && delimiter != '-' && delimiter != '+' &&
                     delimiter != dialect.point;
  if (!std::is_same_v<T, bool> && target() != Target::baseline && plain) {
    Progress<T> run{first, out.data(), dialect.fields - column};
    const T* const out_end = out.data() + out.size();
    if (dialect.grammar == NumberGrammar::json) {
      read_windows<Gaps::json>(run, last, out_end, dialect);
    } else {
      read_windows<Gaps::csv>(run, last, out_end, dialect);
      if (run.spaced) {
        run.p = skip_blanks(run.p, last, dialect);
        read_windows<Gaps::spaced_csv>(run, last, out_end, dialect);
      }
    }
    return {run.p, static_cast<std::size_t>(run.out - out.data()), run.closed};
  }
#endif
  return {first, 0, false};
}

#define RECTIFY_READ_NUMBERS(T) \
  template Run read_numbers(const char*, const char*, const Dialect&, std::size_t, std::span<T>)
RECTIFY_READ_NUMBERS(float16);
RECTIFY_READ_NUMBERS(bfloat16);
RECTIFY_READ_NUMBERS(float);
RECTIFY_READ_NUMBERS(double);
RECTIFY_READ_NUMBERS(std::int8_t);
RECTIFY_READ_NUMBERS(std::int16_t);
RECTIFY_READ_NUMBERS(std::int32_t);
RECTIFY_READ_NUMBERS(std::int64_t);
RECTIFY_READ_NUMBERS(std::uint8_t);
RECTIFY_READ_NUMBERS(std::uint16_t);
RECTIFY_READ_NUMBERS(std::uint32_t);
RECTIFY_READ_NUMBERS(std::uint64_t);
RECTIFY_READ_NUMBERS(bool);
#undef RECTIFY_READ_NUMBERS

}  // namespace rectify
