// Prints a tensor as PyTorch 2.14 does; the rules are those of torch/_tensor_str.py. One format for
// the whole tensor is chosen from the elements shown (Column: torch's _Formatter), then the vectors
// of the last dimension are written one after the other.
// sci_mode on or off also decides which notation the column's width is measured in. Old releases
// (1.13) measured the notation that they would have chosen themselves, so that forced columns did
// not line up.

#include "torch_printer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "number/digits.hpp"
#include "rectify/error.hpp"
#include "rectify/print.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::string_view kPrefix = "tensor(";
constexpr std::size_t kIndent = kPrefix.size();

constexpr std::int64_t kMostPrecision = 1000;
/// Of a piece of a long text, which then mostly fits the processor's second cache.
constexpr std::int64_t kPieceElements = 16384;
/// Holds any element: sign, the 309 digits of the largest double, point and decimals.
constexpr std::size_t kTextBytes = 1 + 309 + 1 + static_cast<std::size_t>(kMostPrecision);

// ---- Elements ----

using Column = TorchText::Column;
using Notation = TorchText::Notation;

/// The element in the type it is written from: bool, std::int64_t, std::uint64_t, float or double.
template <class T>
auto written_as(T x) {
  if constexpr (std::is_same_v<T, bool> || is_floating<T>) {
    return widen(x);
  } else if constexpr (std::is_unsigned_v<T>) {
    return std::uint64_t{x};
  } else {
    return std::int64_t{x};
  }
}

/// 10 to that power, times a significand of 24 bits, fits 64 bits.
constexpr int kMostDecimals = 12;

/// |x| * 10^decimals, rounded to a whole number, ties to even; nothing if 64 bits do not suffice.
/// x is m * 2^e with integers m < 2^24 and e, so the product is the quotient of two integers;
/// only their division rounds, and its remainder tells exactly how.
std::optional<std::uint64_t> scaled(float x, int decimals) {
  if (decimals > kMostDecimals || decimals < -kMostDecimals) return std::nullopt;
  if (x == 0) return 0;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const int biased = static_cast<int>((bits >> 23) & 0xFFu);
  const std::uint32_t fraction = bits & 0x7FFFFFu;
  const int exponent = std::max(biased, 1) - 150;
  std::uint64_t dividend = biased == 0 ? fraction : fraction | 0x800000u;
  if (decimals >= 0 && exponent < 0) {
    if (-exponent > 63) return std::nullopt;
    dividend *= kTens[static_cast<std::size_t>(decimals)];
    const std::uint64_t half = std::uint64_t{1} << (-exponent - 1);
    const std::uint64_t quotient = dividend >> -exponent;
    const std::uint64_t below = dividend & (2 * half - 1);
    return quotient + (below + (quotient & 1) > half ? 1 : 0);
  }
  std::uint64_t divisor = 1;
  if (decimals >= 0) {
    dividend *= kTens[static_cast<std::size_t>(decimals)];
  } else {
    divisor = kTens[static_cast<std::size_t>(-decimals)];
  }
  if (exponent >= 0) {
    if (exponent > std::countl_zero(dividend)) return std::nullopt;
    dividend <<= exponent;
  } else {
    if (-exponent > std::countl_zero(divisor)) return std::nullopt;
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): it does not know countl_zero()
    divisor <<= -exponent;
  }
  const std::uint64_t quotient = dividend / divisor;
  const std::uint64_t below = dividend % divisor;
  const std::uint64_t above = divisor - below;
  return quotient + (below > above || (below == above && quotient % 2 == 1) ? 1 : 0);
}

constexpr std::uint64_t kEightDigits = 100000000;
constexpr std::uint64_t kSixteenDigits = kEightDigits * kEightDigits;

/// Writes value / 10^decimals, for a value below 10^16, with all of the decimals. Whole words are
/// written: what is too much lies behind the end.
char* write_decimals(char* out, std::uint64_t value, int decimals) {
  constexpr int kWord = 8;
  const int whole = std::max(1, count_digits(value) - decimals);
  if (value < kEightDigits && whole + decimals <= kWord) [[likely]] {
    const std::uint64_t digits = (split_digits(static_cast<std::uint32_t>(value)) | kZeros) >>
                                 (8 * (kWord - whole - decimals));
    store(out, digits);
    if (decimals == 0) return out + whole;
    out[whole] = '.';
    store(out + whole + 1, whole < kWord ? digits >> (8 * whole) : 0);
    return out + whole + 1 + decimals;
  }
  char digits[4 * kWord];  // of which the second half is there to be read, not to be seen
  char* const end = digits + 2 * kWord;
  store(end - 2 * kWord, split_digits(static_cast<std::uint32_t>(value / kEightDigits)) | kZeros);
  store(end - kWord, split_digits(static_cast<std::uint32_t>(value % kEightDigits)) | kZeros);
  std::memset(end, 0, 2 * kWord);
  std::memcpy(out, end - decimals - whole, 2 * kWord);
  out += whole;
  if (decimals == 0) return out;
  *out++ = '.';
  std::memcpy(out, end - decimals, 2 * kWord);
  return out + decimals;
}

/// The decimal exponents of what has a binary exponent: `low`, and one more from `next` on.
struct DecimalExponent {
  int low;
  float next;
};
constexpr auto kDecimalExponents = []() {
  std::array<DecimalExponent, 256> table{};
  for (int biased = 0; biased < 256; ++biased) {
    const int low = floor_log10_power_of_two(std::max(biased, 1) - 127);
    // Exact enough: no float32 lies between a power of ten and its nearest double.
    double next = 1;
    for (int i = 0; i < (low < 0 ? -low - 1 : low + 1); ++i) next *= 10;
    if (low + 1 < 0) next = 1 / next;
    float least = static_cast<float>(std::min(next, 3e38));
    if (static_cast<double>(least) < next)
      least = std::bit_cast<float>(std::bit_cast<std::uint32_t>(least) + 1);
    table[static_cast<std::size_t>(biased)] = {low, least};
  }
  return table;
}();

constexpr std::uint32_t kSignBit = 0x80000000;

/// The text of a magnitude that scaled() can handle; null, and nothing written, for all others.
/// std::to_chars is exact as well and takes those, and several times as long.
char* write_common(char* out, float x, const Column& column) {
  const int precision = column.notation == Notation::whole ? 0 : column.precision;
  if (precision > kMostDecimals) return nullptr;
  if (column.notation != Notation::scientific) {
    const auto value = scaled(x, precision);
    if (!value || *value >= kSixteenDigits) return nullptr;
    return write_decimals(out, *value, precision);
  }
  const std::uint64_t one = kTens[static_cast<std::size_t>(precision)];
  // Rounding may carry into a further digit, and subnormal numbers have smaller exponents.
  const auto [low, next] = kDecimalExponents[std::bit_cast<std::uint32_t>(x) >> 23];
  int exponent = x == 0 ? 0 : low + (x >= next ? 1 : 0);
  auto value = scaled(x, precision - exponent);
  if (value && *value >= 10 * one) value = scaled(x, precision - ++exponent);
  if (!value || (*value < one && x != 0)) return nullptr;
  out = write_decimals(out, *value, precision);
  *out++ = 'e';
  *out++ = exponent < 0 ? '-' : '+';
  const int size = std::abs(exponent);
  *out++ = static_cast<char>('0' + size / 10);
  *out++ = static_cast<char>('0' + size % 10);
  return out;
}

char* copy(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

/// Writes one element, without blanks, and returns the end. `out` has kTextBytes.
char* write(char* out, bool x, const Column&) { return copy(out, x ? "True" : "False"); }

template <class I>
requires std::is_integral_v<I>
char* write(char* out, I x, const Column&) { return std::to_chars(out, out + kTextBytes, x).ptr; }

template <class F>
requires std::is_floating_point_v<F>
char* write(char* out, F x, const Column& column) {
  if (std::isnan(x)) return copy(out, "nan");  // whatever its sign
  if (std::signbit(x)) *out++ = '-';
  x = std::abs(x);
  if (std::isinf(x)) return copy(out, "inf");
  char* end = nullptr;
  if constexpr (std::is_same_v<F, float>) end = write_common(out, x, column);
  if (end == nullptr) {
    const bool scientific = column.notation == Notation::scientific;
    const int precision = column.notation == Notation::whole ? 0 : column.precision;
    // One byte less than kTextBytes, which the sign may have taken.
    end = std::to_chars(out, out + kTextBytes - 1, static_cast<double>(x),
                        scientific ? std::chars_format::scientific : std::chars_format::fixed,
                        precision)
              .ptr;
  }
  if (column.notation == Notation::whole) *end++ = '.';
  return end;
}

// ---- Which elements are shown ----

/// One dimension as it is shown: `shown` indices, of which those from `ahead` on stand behind an
/// ellipsis and lie `skipped` further in memory. Without an ellipsis ahead == shown.
struct Dimension {
  std::int64_t shown = 0;
  std::int64_t ahead = 0;
  std::int64_t skipped = 0;
  std::int64_t stride = 1;
  std::int64_t at = 0;  // of the walk: which of the shown indices

  bool is_cut() const { return ahead != shown; }
};

/// Steps through the shown vectors, those of the last dimension, in C order; a 0-d tensor is a
/// vector of one. A loop, not a recursion: a file may name any number of dimensions.
class Walk {
 public:
  /// `memory` is the shape of the elements at hand: `shape`, or the shape of its edges.
  Walk(const Shape& shape, const Shape& memory, bool summarise, const PrintOptions& options) {
    std::int64_t stride = 1;
    dimensions_.resize(std::max(shape.size(), std::size_t{1}), {.shown = 1, .ahead = 1});
    for (std::size_t i = shape.size(); i-- > 0; stride *= memory[i]) {
      const std::int64_t shown = summarise ? shown_size(shape[i], options) : shape[i];
      dimensions_[i] = {.shown = shown,
                        .ahead = shown < shape[i] ? options.edgeitems : shown,
                        .skipped = memory[i] - shown,
                        .stride = stride};
    }
  }

  const Dimension& dimension(std::size_t level) const { return dimensions_[level]; }
  const Dimension& vector() const { return dimensions_.back(); }
  /// Where the current vector starts in memory.
  std::int64_t offset() const { return offset_; }
  /// The dimension whose index the last step increased.
  std::size_t level() const { return level_; }

  /// How many elements are shown.
  std::int64_t count() const {
    std::int64_t count = 1;
    for (const Dimension& d : dimensions_) count *= d.shown;
    return count;
  }

  /// Goes to a vector, where all are shown.
  void seek(std::int64_t vector) {
    offset_ = vector * dimensions_.back().shown;
    for (std::size_t i = dimensions_.size() - 1; i-- > 0;) {
      dimensions_[i].at = vector % dimensions_[i].shown;
      vector /= dimensions_[i].shown;
    }
  }

  /// Goes on to the next vector; false if there is none.
  bool step() {
    for (level_ = dimensions_.size() - 1; level_-- > 0;) {
      Dimension& d = dimensions_[level_];
      if (++d.at < d.shown) {
        offset_ += d.stride * (d.at == d.ahead ? d.skipped + 1 : 1);
        return true;
      }
      offset_ -= d.stride * (d.shown - 1 + d.skipped);
      d.at = 0;
    }
    return false;
  }

 private:
  std::vector<Dimension> dimensions_;
  std::int64_t offset_ = 0;
  std::size_t level_ = 0;
};

/// Calls f(element) for each shown element.
template <class T, class F>
void for_each_shown(Walk walk, const T* elements, F f) {
  do {
    const Dimension& vector = walk.vector();
    const T* x = elements + walk.offset();
    for (std::int64_t i = 0; i < vector.ahead; ++i) f(written_as(x[i]));
    for (std::int64_t i = vector.ahead; i < vector.shown; ++i) f(written_as(x[i + vector.skipped]));
  } while (walk.step());
}

// ---- The column ----

template <class T>
std::size_t text_length(T x, const Column& column) {
  std::array<char, kTextBytes> text;
  return static_cast<std::size_t>(write(text.data(), x, column) - text.data());
}

template <class T>
Column integer_column(const Walk& walk, const T* elements) {
  auto least = written_as(elements[0]);
  auto most = least;
  for_each_shown(walk, elements, [&](auto x) {
    least = std::min(least, x);
    most = std::max(most, x);
  });
  Column column{.notation = Notation::integer};
  column.width = std::max(text_length(least, column), text_length(most, column));
  return column;
}

/// The smallest and the largest of some magnitudes; `high` is 0 if there are none.
template <class F>
struct Range {
  F low = std::numeric_limits<F>::infinity();
  F high = 0;
};

/// The extremes of what is finite and not zero, by the patterns of the magnitudes, which are in
/// their order: the smallest and the largest, of the positive and of the negative numbers. Each is
/// kept moved to where all that does not count is beyond it, so that vectors find it without asking.
template <class F>
struct Patterns {
  using Bits = std::conditional_t<sizeof(F) == 4, std::uint32_t, std::uint64_t>;
  using Signed = std::make_signed_t<Bits>;
  static constexpr Bits kSign = Bits{1} << (8 * sizeof(F) - 1);
  static constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<F>::infinity());

  // Less one: zero, and what has the other sign, is greater than infinity.
  Bits low[2] = {kInfinity - 1, kInfinity - 1};
  // Infinity and what is greater becomes negative, or less than zero becomes.
  static constexpr Bits kShift = kSign - kInfinity;
  Signed high[2] = {kShift, kShift};
};

struct FindExtremes {
  template <class F, class T>
  RECTIFY_INLINE static void run(Patterns<F>* found, const T* x, std::int64_t n) {
    using Bits = typename Patterns<F>::Bits;
    using Signed = typename Patterns<F>::Signed;
    Bits low_positive = found->low[0];
    Bits low_negative = found->low[1];
    Signed high_positive = found->high[0];
    Signed high_negative = found->high[1];
    for (std::int64_t i = 0; i < n; ++i) {
      const auto positive = std::bit_cast<Bits>(widen(x[i]));
      const Bits negative = positive ^ Patterns<F>::kSign;
      low_positive = std::min(low_positive, Bits(positive - 1));
      low_negative = std::min(low_negative, Bits(negative - 1));
      high_positive = std::max(high_positive, Signed(positive + Patterns<F>::kShift));
      high_negative = std::max(high_negative, Signed(negative + Patterns<F>::kShift));
    }
    *found = {{low_positive, low_negative}, {high_positive, high_negative}};
  }
};

template <class F>
class Extremes {
 public:
  template <class T>
  void add(const T* x, std::int64_t n) {
    run_on_target<FindExtremes>(&patterns_, x, n);
    for (std::int64_t i = 0; whole_ && i < n; ++i) {
      const F value = widen(x[i]);
      whole_ = std::trunc(value) == value || std::isnan(value);
    }
  }

  Range<F> of(bool negative) const {
    using Bits = typename Patterns<F>::Bits;
    return {std::bit_cast<F>(Bits(patterns_.low[negative] + 1)),
            std::bit_cast<F>(Bits(Bits(patterns_.high[negative]) - Patterns<F>::kShift))};
  }
  bool whole() const { return whole_; }

 private:
  Patterns<F> patterns_;
  bool whole_ = true;
};

/// Of a column whose largest magnitude is `high`, and not 0.
bool is_short(const Column& column, double high) {
  constexpr int kMost = 7;
  // A word of cells of two characters would have nothing but blanks in its first half.
  if (column.notation == Notation::whole) return column.width > 2 && high < kEightDigits - 1;
  if (column.precision == 0 || column.precision > kMost) return false;  // 0: there is no point
  if (column.notation == Notation::scientific) return true;
  return high * static_cast<double>(kTens[static_cast<std::size_t>(column.precision)]) <
         kEightDigits - 1;
}

template <class T>
Column floating_column(Walk walk, const T* elements, const PrintOptions& options) {
  using F = Compute<T>;
  Extremes<F> extremes;
  do {
    const Dimension& vector = walk.vector();
    const T* const x = elements + walk.offset();
    extremes.add(x, vector.ahead);
    extremes.add(x + vector.ahead + vector.skipped, vector.shown - vector.ahead);
  } while (walk.step());
  const bool whole = extremes.whole();
  const Range<F> ranges[2] = {extremes.of(false), extremes.of(true)};
  const double low = static_cast<double>(std::min(ranges[0].low, ranges[1].low));
  const double high = static_cast<double>(std::max(ranges[0].high, ranges[1].high));

  Column column{.notation = Notation::whole, .precision = static_cast<int>(options.precision)};
  if (high == 0) return column;  // sci_mode has no say over zeros, nan and inf alone
  if (options.sci_mode == SciMode::automatic
          ? high / low > 1000.0 || high > 1.0e8 || (!whole && low < 1.0e-4)
          : options.sci_mode == SciMode::on) {
    column.notation = Notation::scientific;
  } else if (!whole) {
    column.notation = Notation::fixed;
  }
  // Among numbers of one sign the text grows with the magnitude or, where the exponent gets a third
  // digit, towards zero: the extremes have the longest ones.
  for (const bool negative : {false, true}) {
    for (const F magnitude : {ranges[negative].low, ranges[negative].high}) {
      if (ranges[negative].high == 0) continue;
      column.width = std::max(column.width, text_length(negative ? -magnitude : magnitude, column));
    }
  }
  column.is_short = is_short(column, high);
  return column;
}

// ---- Layout ----

/// What the width of a column does not count: nan, infinities and -0.
RECTIFY_INLINE bool is_uncounted(std::uint32_t bits) {
  return (bits & ~kSignBit) >= 0x7F800000u || bits == kSignBit;
}

constexpr auto kScales = []() {
  std::array<double, kMostDecimals + 1> scales{};
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<double>(kTens[i]);
  return scales;
}();

/// x * 10^decimals, rounded as by scaled(), for 0 <= decimals <= kMostDecimals and products below
/// 2^52: 24 bits by the 28 of 5^12, and so exact in a double, until 2^52 is added. That rounds as
/// torch does, ties to even.
RECTIFY_INLINE std::uint64_t scaled_in_double(float x, int decimals) {
  const double product =
      std::abs(static_cast<double>(x)) * kScales[static_cast<std::size_t>(decimals)];
  return std::bit_cast<std::uint64_t>(product + 0x1p52) & 0xFFFFFFFFFFFFF;
}

/// Sixteen characters in two words.
struct CellText {
  std::uint64_t first = 0, second = 0;
};

/// Those behind the first bits / 8, of which there are less than eight.
RECTIFY_INLINE CellText without(CellText text, int bits) {
  return {text.first >> bits | text.second << 1 << (63 - bits), text.second >> bits};
}

/// The character `at` of CellText.
constexpr CellText character(char c, int at) {
  const auto code = static_cast<std::uint64_t>(c);
  return at < 8 ? CellText{code << (8 * at), 0} : CellText{0, code << (8 * (at - 8))};
}

constexpr CellText operator|(CellText a, CellText b) {
  return {a.first | b.first, a.second | b.second};
}

/// A cell of a column that is_short and not scientific, with ", " behind it. kDecimals is the
/// column's precision, where it is known to the compiler; else -1.
template <int kDecimals>
class FixedCell {
 public:
  explicit FixedCell(const Column& column)
      : precision_(column.notation == Notation::fixed ? column.precision : 0),
        frame_(character(' ', 0) | character('.', kCell - 1 - precision_) | character(',', kCell) |
               character(' ', kCell + 1)),
        unused_(8 * (kCell - static_cast<int>(column.width))) {}

  RECTIFY_INLINE bool operator()(float x, CellText& cell) const {
    const int decimals = kDecimals < 0 ? precision_ : kDecimals;
    const auto bits = std::bit_cast<std::uint32_t>(x);
    if (is_uncounted(bits)) [[unlikely]]
      return false;
    const std::uint64_t digits =
        split_digits(static_cast<std::uint32_t>(scaled_in_double(x, decimals)));
    // Blanks, in front of all that is shown, and then the sign. The last digit before the point is
    // shown, be it zero.
    const std::uint64_t shown = digits | std::uint64_t{1} << (8 * (kWord - 1 - decimals));
    const int blanks = std::countr_zero(shown) & ~7;
    const std::uint64_t text =
        digits + kZeros - (0x1010101010101010 & ((std::uint64_t{1} << blanks) - 1));
    const std::uint64_t sign = std::uint64_t{bits >> 31} * ('-' - ' ') << blanks;
    // The digits in front of the point go one place on, those behind it two.
    const std::uint64_t whole = text & ~std::uint64_t{0} >> (8 * decimals);
    const std::uint64_t rest = text ^ whole;
    cell = without({frame_.first + sign + (whole << 8) + (rest << 16),
                    frame_.second + (whole >> 56) + (rest >> 48)},
                   unused_);
    return true;
  }

 private:
  static constexpr int kWord = 8;
  static constexpr int kCell = 1 + kWord + 1;  // sign, digits, point

  int precision_;
  CellText frame_;
  int unused_;
};

/// The same of a scientific one.
template <int kDecimals>
class ScientificCell {
 public:
  explicit ScientificCell(const Column& column)
      : precision_(column.precision),
        frame_(character(' ', 0) | character('.', 2) | character(',', 7 + precision_) |
               character(' ', 8 + precision_)),
        unused_(8 * (7 + precision_ - static_cast<int>(column.width))) {}

  RECTIFY_INLINE bool operator()(float x, CellText& cell) const {
    const int precision = kDecimals < 0 ? precision_ : kDecimals;
    const auto bits = std::bit_cast<std::uint32_t>(x);
    if (is_uncounted(bits)) [[unlikely]]
      return false;
    const auto [low, next] = kDecimalExponents[bits >> 23 & 0xFF];
    const float magnitude = std::abs(x);
    int exponent = bits == 0 ? 0 : low + (magnitude >= next ? 1 : 0);
    const int decimals = precision - exponent;
    // Subnormal numbers, whose exponents the table does not know, are among those.
    if (decimals < 0 || decimals > kMostDecimals) [[unlikely]]
      return false;
    std::uint64_t value = scaled_in_double(x, decimals);
    if (value == 10 * kTens[static_cast<std::size_t>(precision)]) [[unlikely]] {
      value /= 10;  // rounding has carried into a further digit
      ++exponent;
    }
    const std::uint64_t digits =
        (split_digits(static_cast<std::uint32_t>(value)) | kZeros) >> (8 * (kWord - 1 - precision));
    const std::uint64_t sign = std::uint64_t{bits >> 31} * ('-' - ' ');
    const std::uint64_t power =
        kExponents[static_cast<std::size_t>(std::ptrdiff_t{exponent} + kLeast)];
    const int at = 8 * (3 + precision);  // of the exponent
    // Of it, what is in the second word: all, some or nothing.
    const std::uint64_t power_behind = at < 64 ? power >> 1 >> (63 - at) : power << (at - 64);
    cell = without({frame_.first + sign + ((digits & 0xFF) << 8) + (digits >> 8 << 24) +
                        (at < 64 ? power << at : 0),
                    frame_.second + (digits >> 48) + power_behind},
                   unused_);
    return true;
  }

 private:
  static constexpr int kWord = 8;
  static constexpr int kLeast = 45;
  /// "e-45" to "e+39", each the bytes of a word.
  static constexpr auto kExponents = []() {
    std::array<std::uint32_t, kLeast + 40> texts{};
    for (int i = -kLeast; i < 40; ++i) {
      const auto size = static_cast<std::uint32_t>(i < 0 ? -i : i);
      texts[static_cast<std::size_t>(std::ptrdiff_t{i} + kLeast)] =
          'e' | (i < 0 ? std::uint32_t{'-'} : std::uint32_t{'+'}) << 8 | ('0' + size / 10) << 16 |
          ('0' + size % 10) << 24;
    }
    return texts;
  }();

  int precision_;
  CellText frame_;
  int unused_;
};

/// Appends texts, each padded to the column.
class Cells {
 public:
  /// `line_start`: bytes in front of the first cell of a further line.
  Cells(std::string& out, const Column& column, std::size_t line_start)
      : out_(out), column_(column), line_start_(line_start) {}

  template <class T>
  void append(T x) {
    open(1);
    put(x);
    close();
  }

  /// torch's _vector_str, without the brackets.
  template <class T>
  void append_cut_vector(const T* x, const Dimension& vector, std::int64_t items_per_line) {
    std::int64_t items = 0;  // in the current line
    append_items(x, vector.ahead, items, items_per_line);
    open(1);
    separate(items, items_per_line);
    at_ = copy(at_, " ...");
    close();
    append_items(x + vector.ahead + vector.skipped, vector.shown - vector.ahead, items,
                 items_per_line);
  }

  /// Items of a vector, from `first` on, of one that is shown whole.
  template <class T>
  void append_part(const T* x, std::int64_t first, std::int64_t n, std::int64_t items_per_line) {
    std::int64_t items = first == 0 ? 0 : (first - 1) % items_per_line + 1;
    append_items(x + first, n, items, items_per_line);
  }

 private:
  static constexpr std::size_t kWords = 16;  // what write() writes beyond the end of a text
  static constexpr std::size_t kBlanks = 16;
  // What zeros, nan and inf, which the width does not count, can have beyond it.
  static constexpr std::size_t kBeyond = 8;
  static constexpr std::int64_t kRun = 256;

  /// Makes room for so many cells with their separators.
  void open(std::int64_t cells) {
    const std::size_t size = out_.size();
    const std::size_t cell = std::max<std::size_t>(column_.width, 1) + kBeyond + line_start_ + 2;
    out_.resize(size + static_cast<std::size_t>(cells) * cell + kBlanks + kTextBytes + kWords, ' ');
    at_ = out_.data() + size;
  }
  void close() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }

  template <class T>
  void append_items(const T* x, std::int64_t n, std::int64_t& items, std::int64_t items_per_line) {
    for (std::int64_t begin = 0; begin < n; begin += kRun) {
      const std::int64_t end = std::min(begin + kRun, n);
      open(end - begin);
      if constexpr (std::is_same_v<Compute<T>, float>) {
        if (column_.is_short) {
          put_short(x + begin, end - begin, items, items_per_line);
          close();
          continue;
        }
      }
      for (std::int64_t i = begin; i < end; ++i) {
        separate(items, items_per_line);
        put(written_as(x[i]));
      }
      close();
    }
  }

  void separate(std::int64_t& items, std::int64_t items_per_line) {
    if (items == items_per_line) {
      at_ = copy(at_, ",\n");
      std::memset(at_, ' ', line_start_);
      at_ += line_start_;
      items = 0;
    } else if (items != 0) {
      at_ = copy(at_, ", ");
    }
    ++items;
  }

  /// Where column_.is_short. `cell` makes the sixteen bytes of a cell with its separator, of which
  /// those beyond it are written over by the next one; none of what has to be put() one by one.
  template <class T, class Cell>
  void put_short(const T* x, std::int64_t n, std::int64_t& items, std::int64_t items_per_line,
                 Cell cell) {
    const std::size_t width = column_.width + 2;
    for (std::int64_t i = 0; i < n;) {
      separate(items, items_per_line);
      const std::int64_t count = std::min(n - i, 1 + (items_per_line - items));  // of the line
      items += count - 1;
      char* at = at_;
      for (const std::int64_t end = i + count; i < end; ++i) {
        const float value = widen(x[i]);
        CellText text;
        if (!cell(value, text)) [[unlikely]] {
          at_ = at;
          put(value);
          at = copy(at_, ", ");
          continue;
        }
        store(at, text.first);
        store(at + 8, text.second);
        at += width;
      }
      at_ = at - 2;  // what follows knows which separator it wants
    }
  }

  template <class T>
  void put_short(const T* x, std::int64_t n, std::int64_t& items, std::int64_t items_per_line) {
    constexpr int kUsual = 4;
    const auto with = [&](auto cell) { put_short(x, n, items, items_per_line, cell); };
    if (column_.notation == Notation::scientific) {
      column_.precision == kUsual ? with(ScientificCell<kUsual>(column_))
                                  : with(ScientificCell<-1>(column_));
    } else {
      column_.notation == Notation::fixed&& column_.precision == kUsual
          ? with(FixedCell<kUsual>(column_))
          : with(FixedCell<-1>(column_));
    }
  }

  /// Neighbours of one sign mostly have texts of one length: each is written where the last one of
  /// its sign ended up, and moved if that was wrong.
  template <class T>
  void put(T x) {
    std::size_t& guess = blanks_[is_negative(x)];
    std::memset(at_, ' ', kBlanks);
    char* const text = at_ + guess;
    const auto length = static_cast<std::size_t>(write(text, x, column_) - text);
    const std::size_t blanks = column_.width - std::min(length, column_.width);
    if (blanks != guess) [[unlikely]] {
      std::memmove(at_ + blanks, text, length);
      std::memset(at_, ' ', blanks);
      guess = blanks <= kBlanks ? blanks : 0;
    }
    at_ += blanks + length;
  }

  template <class T>
  static bool is_negative(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::signbit(x);
    } else if constexpr (std::is_same_v<T, bool>) {
      return x;
    } else {
      return x < 0;
    }
  }

  std::string& out_;
  const Column& column_;
  std::size_t line_start_;
  std::size_t blanks_[2] = {0, 0};  // of the last text, by sign; kBlanks at most
  char* at_ = nullptr;
};

/// torch's _tensor_str_with_formatter: the elements shown from `begin` on, in their order. `walk` is
/// at the start; where less than all is wanted, it cuts nothing.
template <class T>
void append_elements(std::string& out, const T* elements, Walk walk, std::size_t dim,
                     const Column& column, std::int64_t linewidth, std::int64_t begin,
                     std::int64_t end) {
  if (dim == 0) {
    Cells(out, column, 0).append(written_as(elements[0]));
    return;
  }
  const std::size_t indent = kIndent + dim - 1;
  Cells cells(out, column, indent + 1);
  const std::int64_t items_per_line =
      std::max(std::int64_t{1}, (linewidth - static_cast<std::int64_t>(indent)) /
                                    static_cast<std::int64_t>(column.width + 2));
  // Between the vector at hand and the one before it.
  const auto separate_vectors = [&] {
    const std::size_t level = walk.level();
    const std::size_t inner = dim - 1 - level;  // dimensions within a slice of this level
    const auto separate = [&] {
      out += ',';
      out.append(inner, '\n');
      out.append(kIndent + level + 1, ' ');
    };
    out.append(inner, ']');
    separate();
    if (walk.dimension(level).is_cut() && walk.dimension(level).at == walk.dimension(level).ahead) {
      out += "...";
      separate();
    }
    out.append(inner, '[');
  };
  const std::int64_t all = walk.count();
  const std::int64_t length = walk.vector().shown;
  std::int64_t first = begin % length;  // of the vector at hand
  if (begin == 0) {
    out.append(dim, '[');
  } else if (first != 0) {
    walk.seek(begin / length);
  } else {
    walk.seek(begin / length - 1);
    walk.step();
    separate_vectors();
  }
  for (std::int64_t at = begin;;) {
    const std::int64_t n = std::min(length - first, end - at);
    if (walk.vector().is_cut()) {
      cells.append_cut_vector(elements + walk.offset(), walk.vector(), items_per_line);
    } else {
      cells.append_part(elements + walk.offset(), first, n, items_per_line);
    }
    at += n;
    first = 0;
    if (at == end) break;
    walk.step();
    separate_vectors();
  }
  if (end == all) out.append(dim, ']');
}

/// torch's _add_suffixes, with its way of counting: the last line, of so many bytes, is taken for
/// two characters longer than it is, the closing parenthesis is left out.
std::string suffixed(std::size_t line, std::span<const std::string> suffixes,
                     std::int64_t linewidth) {
  std::string out;
  std::size_t counted = line + 2;
  for (const std::string& suffix : suffixes) {
    if (std::cmp_greater(counted + suffix.size() + 2, linewidth)) {
      out += ",\n";
      out.append(kIndent, ' ');
      counted = kIndent + suffix.size();
    } else {
      out += ", ";
      counted += suffix.size() + 2;
    }
    out += suffix;
  }
  return out;
}

/// A tuple as Python writes it: "()", "(2,)", "(2, 3)".
std::string tuple(const Shape& shape) {
  std::string text = "(";
  for (const std::int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

// ---- The whole ----

/// The number of elements, where only it matters and not what they are.
std::int64_t numel_of(const Shape& shape) { return numel(shape, DType::uint8); }

/// The text of a tensor of `shape`, of which `tensor` has all elements or the edges.
std::string print(const Tensor& tensor, const Shape& shape, const PrintOptions& options) {
  const TorchText text(tensor, shape, options);
  std::string out;
  for (std::int64_t i = 0; i < text.pieces(); ++i) {
    text.append(i, out);
    // About what the text will have, so that its growth need not be copied.
    if (i == 0) out.reserve(out.size() * static_cast<std::size_t>(text.pieces()) * 33 / 32);
  }
  out += text.end(last_line(out, 0));
  return out;
}

}  // namespace

TorchText::TorchText(Tensor tensor, Shape shape, const PrintOptions& options)
    : tensor_(std::move(tensor)),
      shape_(std::move(shape)),
      options_(options),
      summarise_(summarises(shape_, options)),
      empty_(numel_of(shape_) == 0) {
  if (empty_ || (summarise_ && options.edgeitems == 0)) return;
  const Walk walk(shape_, tensor_.shape(), summarise_, options_);
  shown_ = walk.count();
  if (!summarise_) pieces_ = (shown_ + kPieceElements - 1) / kPieceElements;
  dispatch(tensor_.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const elements = std::as_const(tensor_).template data<T>().data();
    if constexpr (is_floating<T>) {
      column_ = floating_column(walk, elements, options_);
    } else {
      column_ = integer_column(walk, elements);
    }
  });
}

void TorchText::append(std::int64_t piece, std::string& out) const {
  if (piece == 0) out += kPrefix;
  if (shown_ == 0) {
    out += empty_ ? "[]" : "[...]";
    return;
  }
  const Walk walk(shape_, tensor_.shape(), summarise_, options_);
  const std::int64_t begin = piece * kPieceElements;
  const std::int64_t end = piece + 1 == pieces_ ? shown_ : begin + kPieceElements;
  dispatch(tensor_.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    append_elements(out, tensor_.data<T>().data(), walk, shape_.size(), column_, options_.linewidth,
                    begin, end);
  });
}

std::string TorchText::end(std::size_t line) const {
  std::vector<std::string> suffixes;
  // Without edges nothing else would tell the shape; torch says it of a tensor shown whole as well.
  if (empty_ ? shape_.size() != 1 : options_.edgeitems == 0) {
    suffixes.push_back("size=" + tuple(shape_));
  }
  // What torch.tensor() would make of such a list needs no saying, but an empty list is float32.
  const DType dtype = tensor_.dtype();
  const bool is_default =
      dtype == DType::float32 || (!empty_ && (dtype == DType::int64 || dtype == DType::boolean));
  if (!is_default) suffixes.push_back("dtype=torch." + std::string(name(dtype)));
  return suffixed(line, suffixes, options_.linewidth) + ')';
}

std::size_t last_line(std::string_view text, std::size_t line) {
  const std::size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? line + text.size() : text.size() - newline - 1;
}

void check(const PrintOptions& options) {
  const auto refuse = [](std::string_view option, std::string_view range, std::int64_t value) {
    throw Error(ErrorKind::usage, std::string(option) + " must be " + std::string(range) +
                                      ", not " + std::to_string(value));
  };
  if (options.precision < 0 || options.precision > kMostPrecision) {
    refuse("precision", "from 0 to " + std::to_string(kMostPrecision), options.precision);
  }
  if (options.threshold < 0) refuse("threshold", "0 or more", options.threshold);
  if (options.edgeitems < 0) refuse("edgeitems", "0 or more", options.edgeitems);
  if (options.linewidth < 1) refuse("linewidth", "1 or more", options.linewidth);
}

bool summarises(const Shape& shape, const PrintOptions& options) {
  return !shape.empty() && numel_of(shape) > options.threshold;
}

std::int64_t shown_size(std::int64_t size, const PrintOptions& options) {
  const bool is_cut = size - options.edgeitems > options.edgeitems;  // edgeitems may be huge
  return is_cut ? 2 * options.edgeitems : size;
}

std::string to_string(const Tensor& tensor, const PrintOptions& options) {
  check(options);
  return print(tensor, tensor.shape(), options);
}

std::string to_string(const Tensor& edges, const Shape& shape, const PrintOptions& options) {
  check(options);
  if (!summarises(shape, options)) {
    throw Error(ErrorKind::usage, "a tensor of shape " + to_string(shape) +
                                      " is shown whole: its edges alone cannot be printed");
  }
  Shape shown = shape;
  for (std::int64_t& size : shown) size = shown_size(size, options);
  if (edges.shape() != shown) {
    throw Error(ErrorKind::usage, "the edges of a tensor of shape " + to_string(shape) +
                                      " have the shape " + to_string(shown) + ", not " +
                                      to_string(edges.shape()));
  }
  return print(edges, shape, options);
}

}  // namespace rectify::inline v1
