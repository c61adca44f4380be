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
//
// The rows of a matrix in JSON are one run: brackets and commas between two rows are told by carries,
// too.
//
// What changes in a text: by the same words a number is known to be positive and written as
// format_number() writes it, if it has a point between digits, no zero in front of another digit or
// behind the fraction's first, not three in front of all others, and at most seven digits from the
// first that is not zero. It is at least 10^-3 then and less than 10^7. Float32 are 2^(k-23) apart
// from 2^k on and decimals of seven digits 10^(m-6) from 10^m on, which is more for every power of
// two from there to there, so that no two of these decimals are one float32; and none is as near to
// the middle of two as a double's rounding. So it is the only one of up to seven digits that reads as
// its value, hence the shortest. A carry through the characters of a number tells for all at once in
// which there is one that speaks against that.
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

namespace rectify::inline v1 {
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
  /// The same, and between rows a bracket, a comma and a bracket, with blanks and line feeds behind
  /// the first two.
  json_rows,
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

/// A window may load 16 characters from its last one on.
constexpr std::ptrdiff_t kReach = 96;

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
  if constexpr (kGaps == Gaps::json || kGaps == Gaps::json_rows) {
    const bool ends_row = kGaps == Gaps::json_rows && run.left == 1;
    if (*end == ']') {
      run.closed = true;
    } else if (*end == ',' && !ends_row) {
      ++end;
      if constexpr (kGaps == Gaps::json_rows) --run.left;
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

/// Whether, of numbers that end at `ends`, every `fields`-th ends at one of `row_ends` and no other
/// does, if the first row has `left` more. Sets how many the last has.
RECTIFY_INLINE RECTIFY_AVX2 bool are_rows(std::uint64_t ends, std::uint64_t row_ends,
                                          std::size_t fields, std::size_t& left) {
  std::size_t more = left;
  for (; row_ends != 0; row_ends &= row_ends - 1) {
    const std::uint64_t up_to = ends & (row_ends ^ (row_ends - 1));
    if (static_cast<std::size_t>(std::popcount(up_to)) != more) return false;
    more += fields;
  }
  const auto count = static_cast<std::size_t>(std::popcount(ends));
  if (count >= more) return false;
  left = more - count;
  return true;
}

/// Goes on with the run while there is room for a window's numbers, and for a window.
template <Gaps kGaps, class T>
RECTIFY_AVX2 void read_windows(Progress<T>& run, const char* last, const T* out_end,
                               const Dialect& dialect) {
  constexpr bool kJson = kGaps == Gaps::json || kGaps == Gaps::json_rows;
  // A window has up to 32 numbers.
  while (last - run.p >= kReach && out_end - run.out >= 33) {
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
      if constexpr (kGaps == Gaps::json) {
        bracket = lowest(window.equal(']'));
        gap |= window.equal(' ') | bracket;
        first |= bracket;
        second = gap & ~first;
      } else if constexpr (kGaps == Gaps::json_rows) {
        row_ends = window.equal(']');
        const std::uint64_t open = window.equal('[');
        const std::uint64_t blank = window.equal(' ') | feed;
        gap |= blank | row_ends | open;
        // Behind a bracket that closes stand a comma and one that opens, and a number behind that.
        const auto next = [&](std::uint64_t bits) { return ((bits << 1) + blank) & ~blank; };
        const std::uint64_t comma = next(row_ends);
        const std::uint64_t opens = next(comma);
        const std::uint64_t wrong = (comma & ~delimiter) | (opens ^ open) | (next(opens) & gap);
        second = blank | comma | open;
        first = (delimiter & ~comma) | row_ends;
        if (wrong != 0) [[unlikely]] {
          // The number in front of those brackets is not passed.
          const std::uint64_t up_to = lowest(wrong) | (lowest(wrong) - 1);
          const std::uint64_t gaps = gap & ~(gap << 1) & up_to;
          bad = gaps == 0 ? 1 : std::uint64_t{1} << (63 - std::countl_zero(gaps));
        }
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
      bad |= (ends & ~first) | (gap & ~ends & ~second);
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
    if constexpr (kGaps != Gaps::json) {
      // Every left-th end is one of a row, and no other.
      const auto count = static_cast<std::size_t>(std::popcount(ends));
      row_ends &= known;
      if (count < run.left && row_ends == 0) {
        run.left -= count;
      } else {
        if (!are_rows(ends, row_ends, dialect.fields, run.left)) [[unlikely]] {
          // Up to the first end that is not what it should be.
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
          ends &= lowest(wrong) - 1;
          ragged = true;
        }
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

// ---- What changes in a text

/// In the place of a point: the number's value is there already.
constexpr std::uint8_t kIsRead = 255;

/// A search that is under way.
template <class T>
struct Search {
  const char* p;     ///< the start of a number
  std::size_t left;  ///< numbers of the row, this one included
  std::size_t count = 0;
  std::size_t of = 0;  ///< numbers passed
  std::span<Spot> spots;
  std::span<T> values;
  std::uint8_t* points;  ///< by spots: where the point is behind a sign, or kIsRead
};

/// Passes the text at `search.p`, which stays, and the separator behind it. False: it is long, or
/// not a text that belongs there.
template <class T>
bool pass_one(Search<T>& search, const char* last, const Dialect& dialect) {
  constexpr std::ptrdiff_t kMost = 128;
  const char* const limit = last - search.p > kMost ? search.p + kMost : last;
  const char* const end = std::find_if(search.p, limit, [&](char c) {
    return c == dialect.delimiter || c == '\n' || c == '"' || c == '\r';
  });
  if (end == limit || *end != (search.left == 1 ? '\n' : dialect.delimiter)) return false;
  search.left = search.left == 1 ? dialect.fields : search.left - 1;
  search.p = end + 1;
  return true;
}

/// What stands between two numbers of a row in JSON, and between two rows.
constexpr std::string_view kNumberGap = ", ";
constexpr std::string_view row_gap(const Dialect& dialect) {
  return dialect.nested ? "], [" : "]\n[";
}

/// Reads the number at `search.p`, which changes then, and passes the separator behind it, or a text
/// that stays. False: it is not what belongs there.
template <class T>
[[gnu::noinline]] bool find_one(Search<T>& search, const char* last, const Dialect& dialect) {
  if (dialect.staying != nullptr && dialect.staying[dialect.fields - search.left] != 0)
    return pass_one(search, last, dialect);
  const ParsedNumber<T> number = parse_number<T>(search.p, last, dialect.grammar, dialect.point);
  if (number.status != NumberStatus::ok || number.end == last) return false;
  const bool ends_row = search.left == 1;
  const char* next = number.end + 1;
  if (dialect.grammar == NumberGrammar::csv) {
    if (*number.end != (ends_row ? '\n' : dialect.delimiter)) return false;
  } else if (!ends_row || *number.end != ']' || next != last) {
    const std::string_view gap = ends_row ? row_gap(dialect) : kNumberGap;
    if (!std::string_view(number.end, last).starts_with(gap)) return false;
    next = number.end + gap.size();
    if (next == last) return false;
  }
  search.left = ends_row ? dialect.fields : search.left - 1;
  search.spots[search.count] = {search.p, number.end};
  search.values[search.count] = number.value;
  search.points[search.count++] = kIsRead;
  ++search.of;
  search.p = next;
  return true;
}

/// By segments that end at `ends`: those with one of `bits` in them, as a bit at their end.
RECTIFY_INLINE std::uint64_t segments_with(std::uint64_t bits, std::uint64_t ends,
                                           std::uint64_t inside) {
  // A segment is a run of ones in front of a zero, which a carry reaches from any place in it.
  return ((inside + (bits & inside)) | bits) & ends;
}

/// Of `gaps`, those behind a text that stays; `staying` begins with the word of the first of them.
RECTIFY_INLINE RECTIFY_AVX2 std::uint64_t gaps_behind(const std::uint64_t* staying,
                                                      std::uint64_t gaps) {
  const auto count = static_cast<std::size_t>(std::popcount(gaps));
  std::uint64_t behind = 0;
  // By eights, as most windows have no more, so that no branch hangs on how many there are.
  for (std::size_t i = 0; i < count; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) {
      behind |= lowest(gaps) & staying[i + k];
      gaps &= gaps - 1;
    }
  }
  return behind;
}

/// How numbers stand in a text of which some change.
enum class Layout : std::uint8_t {
  csv,
  /// With other fields among them, which stay.
  csv_with_texts,
  /// Rows in brackets, with a comma and a blank between two rows, as between two numbers.
  json_rows,
  /// The same, but with a line feed between two rows.
  json_lines,
};

/// `kAlike`: -1 stands for any number that is negative.
template <bool kAlike, Layout kLayout, class T>
RECTIFY_AVX2 bool find_in_windows(Search<T>& search, const char* last, const Dialect& dialect) {
  constexpr bool kJson = kLayout == Layout::json_rows || kLayout == Layout::json_lines;
  constexpr std::size_t kSearchBytes = kStayingBytes - 256;
  const char* const stop =
      last - search.p < static_cast<std::ptrdiff_t>(kSearchBytes) ? last : search.p + kSearchBytes;
  while (last - search.p >= kReach && search.p < stop &&
         search.spots.size() - search.count >= kLeastSpots / 2) {
    const char* const p = search.p;
    const Window window = Window::at(p);
    const std::uint64_t digit = window.digits();
    const std::uint64_t zero = window.equal('0');
    const std::uint64_t minus = window.equal('-');
    const std::uint64_t point = window.equal('.');
    const std::uint64_t feed = kLayout == Layout::json_rows ? 0 : window.equal('\n');

    // As in read_windows(). What belongs to whole numbers and their gaps is known, up to `next`.
    std::uint64_t gap = window.equal(dialect.delimiter) | feed;
    std::uint64_t ends = gap, starts = gap << 1, row_ends = feed, wrong = 0;
    std::uint64_t known = 0;
    std::ptrdiff_t next = 0;
    if constexpr (kJson) {
      const std::uint64_t comma = gap & ~feed;
      const std::uint64_t blank = window.equal(' ');
      const std::uint64_t open = window.equal('[');
      row_ends = window.equal(']');
      const std::uint64_t behind_row = row_ends << 1;
      if constexpr (kLayout == Layout::json_rows) {
        wrong = (behind_row & ~comma) | (open ^ (row_ends << 3));
        ends = (comma & ~behind_row) | row_ends;
      } else {
        wrong = (behind_row ^ feed) | (open ^ (row_ends << 2));
        ends = comma | row_ends;
      }
      wrong |= blank ^ (comma << 1);
      gap |= blank | open | row_ends;
      starts = ((open | blank) << 1) & ~open;
      next = 63 - std::countl_zero(starts | 1);
      known = (std::uint64_t{1} << next) - 1;
    } else if (gap != 0) {
      next = 64 - std::countl_zero(gap);
      known = ~std::uint64_t{0} >> std::countl_zero(gap);
    }
    ends &= known;
    [[maybe_unused]] const std::size_t column = dialect.fields - search.left;
    if constexpr (kLayout == Layout::csv_with_texts) {
      if (((window.equal('"') | window.equal('\r')) & known) != 0) return false;
    }
    // What stands at `next` belongs to the gap in front of it, too.
    if (known == 0 || (wrong & ((known << 1) | 1)) != 0 ||
        !are_rows(ends, row_ends & known, dialect.fields, search.left)) [[unlikely]] {
      if (!find_one(search, last, dialect)) return false;
      continue;
    }

    // What is not a number of digits and a point.
    const std::uint64_t begin = (starts | 1) & known;
    const std::uint64_t first_digit = (begin & ~minus) | ((begin & minus) << 1);
    const std::uint64_t fraction = (point & known) << 1;
    const std::uint64_t behind = (fraction + digit) & ~digit;  // the first character of no fraction
    std::uint64_t bad = ~(gap | digit | point | minus);
    bad |= minus & ~begin;
    bad |= first_digit & ~digit;
    bad |= point & ~(digit << 1);
    bad |= behind & ~ends;

    // What format_number() would write otherwise, or may. It writes a point between digits and no
    // zeros in front of a number or behind it.
    const std::uint64_t leading = first_digit & zero;
    const std::uint64_t tenths = (leading << 2) & fraction;
    if constexpr (kJson) {
      bad |= fraction & ~digit;                       // "1."
      bad |= (leading << 1) & digit;                  // "01"
      bad |= ((leading & (minus << 1)) << 1) & ends;  // "-0" is 0
    }
    bad &= known;
    std::uint64_t odd = bad;
    odd |= ends & ~behind;
    odd |= fraction & ~digit;
    odd |= (leading << 1) & digit;
    odd |= (behind >> 1) & zero & ~(fraction & ~tenths);
    odd |= tenths & zero & (zero >> 1) & (zero >> 2);  // 0.000
    // Eight digits with a point among them are nine characters.
    const std::uint64_t inside = ~gap & known;
    const std::uint64_t two = inside & (inside >> 1);
    const std::uint64_t four = two & (two >> 2);
    const std::uint64_t eight = four & (four >> 4);
    const std::uint64_t first_other = (tenths + zero) & ~zero;
    odd |= first_digit & ~leading & eight & (inside >> 8);
    odd |= first_other & eight;
    odd &= known;

    if constexpr (kLayout == Layout::csv_with_texts) {
      ends &= ~gaps_behind(dialect.staying + column, ends);
      bad = segments_with(bad, ends, inside);
    }
    const std::uint64_t odd_ends = segments_with(odd, ends, inside);
    std::uint64_t changing = segments_with(odd | (minus & begin), ends, inside);

    const std::size_t count = search.count;
    const std::uint64_t left = changing;
    const auto put = [&](std::size_t i) RECTIFY_ALWAYS_INLINE {
      const auto end = static_cast<std::size_t>(std::countr_zero(changing));
      const std::uint64_t before = gap & ((changing ^ (changing - 1)) >> 1);
      const std::size_t start = 64 - static_cast<std::size_t>(std::countl_zero(before));
      search.spots[count + i] = {p + start, p + end};
      const std::size_t at = start + (minus >> (start & 63) & 1);
      const auto place = static_cast<std::uint8_t>(std::countr_zero(point >> (at & 63)));
      if constexpr (kAlike) {
        search.points[count + i] = (odd_ends >> (end & 63) & 1) != 0 ? place : kIsRead;
        search.values[count + i] = T{-1};
      } else {
        search.points[count + i] = place;
      }
      changing &= changing - 1;
    };
    const auto size = static_cast<std::size_t>(std::popcount(changing));
    for (std::size_t i = 0; i < 4; ++i) put(i);
    if (size > 4) {
      for (std::size_t i = 4; i < 8; ++i) put(i);
      for (std::size_t i = 8; i < size; ++i) put(i);
    }
    if (bad != 0) [[unlikely]] {
      std::uint64_t those = left;
      const std::uint64_t bad_ends = segments_with(bad, ends, inside);
      for (std::size_t i = 0; i < size; ++i, those &= those - 1) {
        if ((lowest(those) & bad_ends) == 0) continue;
        const Spot& spot = search.spots[count + i];
        const ParsedNumber<T> number =
            parse_number<T>(spot.begin, spot.end, dialect.grammar, dialect.point);
        if (number.status != NumberStatus::ok || number.end != spot.end) return false;
        search.values[count + i] = number.value;
        search.points[count + i] = kIsRead;
      }
    }
    search.count += size;
    search.of += static_cast<std::size_t>(std::popcount(ends));
    search.p += next;
  }
  return true;
}

template <Layout kLayout, class T>
bool find_by_layout(Search<T>& search, const char* last, const Dialect& dialect, bool alike) {
  return alike ? find_in_windows<true, kLayout>(search, last, dialect)
               : find_in_windows<false, kLayout>(search, last, dialect);
}

/// Reads the numbers that were found.
template <class T>
RECTIFY_AVX2 void read_found(Search<T>& search, const Dialect& dialect) {
  for (std::size_t i = 0; i < search.count; ++i) {
    if (search.points[i] == kIsRead) continue;
    const Spot& spot = search.spots[i];
    const bool negative = *spot.begin == '-';
    const char* const at = spot.begin + (negative ? 1 : 0);
    const auto size = static_cast<std::size_t>(spot.end - at);
    const std::size_t place = std::min<std::size_t>(search.points[i], size);
    const std::size_t behind = size - place;
    bool done = size - (behind != 0 ? 1 : 0) <= kMostDigits;
    if (done) [[likely]] {
      done = convert(number_of(at, size, place), behind, negative, search.values[i]);
    }
    if (!done) [[unlikely]] {
      search.values[i] =
          parse_number<T>(spot.begin, spot.end, dialect.grammar, dialect.point).value;
    }
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
    if (dialect.grammar == NumberGrammar::json && dialect.nested) {
      read_windows<Gaps::json_rows>(run, last, out_end, dialect);
    } else if (dialect.grammar == NumberGrammar::json) {
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

template <class T>
Changing find_changing([[maybe_unused]] const char* first, [[maybe_unused]] const char* last,
                       [[maybe_unused]] const Dialect& dialect, std::size_t column,
                       [[maybe_unused]] bool alike, [[maybe_unused]] std::span<Spot> spots,
                       [[maybe_unused]] std::span<T> values) {
#if RECTIFY_X86_KERNELS
  const char delimiter = dialect.delimiter;
  const bool plain = (delimiter < '0' || delimiter > '9') && delimiter != '-' && delimiter != '+' &&
                     delimiter != '.' && dialect.point == '.';
  if (target() != Target::baseline && plain) {
    std::array<std::uint8_t, 1024> points;
    const std::size_t room = std::min(spots.size(), points.size());
    Search<T> search{.p = first,
                     .left = dialect.fields - column,
                     .spots = spots.first(room),
                     .values = values.first(room),
                     .points = points.data()};
    bool good =
        dialect.grammar == NumberGrammar::json
            ? (dialect.nested ? find_by_layout<Layout::json_rows>(search, last, dialect, alike)
                              : find_by_layout<Layout::json_lines>(search, last, dialect, alike))
        : dialect.staying != nullptr
            ? find_by_layout<Layout::csv_with_texts>(search, last, dialect, alike)
            : find_by_layout<Layout::csv>(search, last, dialect, alike);
    if (last - search.p < kReach) {
      while (good && search.p != last && room != search.count)
        good = find_one(search, last, dialect);
    }
    read_found(search, dialect);
    return {search.p, search.count, search.of, dialect.fields - search.left, good};
  }
#endif
  return {first, 0, 0, column, false};
}

template Changing find_changing(const char*, const char*, const Dialect&, std::size_t, bool,
                                std::span<Spot>, std::span<float>);
template Changing find_changing(const char*, const char*, const Dialect&, std::size_t, bool,
                                std::span<Spot>, std::span<double>);

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

}  // namespace rectify::inline v1
