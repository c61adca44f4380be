// Prints a tensor as PyTorch 2.14 does; the rules are those of torch/_tensor_str.py. One format for
// the whole tensor is chosen from the elements shown (Column: torch's _Formatter), then the vectors
// of the last dimension are written one after the other.
// sci_mode on or off also decides which notation the column's width is measured in. Old releases
// (1.13) measured the notation that they would have chosen themselves, so that forced columns did
// not line up.

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
/// Holds any element: sign, the 309 digits of the largest double, point and decimals.
constexpr std::size_t kTextBytes = 1 + 309 + 1 + static_cast<std::size_t>(kMostPrecision);

// ---- Elements ----

enum class Notation : std::uint8_t {
  integer,     // integers and bool: 7, True
  whole,       // floats of which all are whole: 7.
  fixed,       // 7.0000
  scientific,  // 7.0000e+00
};

/// How every element of one tensor is written.
struct Column {
  Notation notation = Notation::whole;
  int precision = 0;
  std::size_t width = 1;  // of the longest text, without what is not counted: zeros, nan and inf
};

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
/// their order: the smallest and the largest, of the positive and of the negative numbers.
template <class F>
struct Patterns {
  using Bits = std::conditional_t<sizeof(F) == 4, std::int32_t, std::int64_t>;
  static constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<F>::infinity());

  Bits low[2] = {kInfinity, kInfinity};
  Bits high[2] = {0, 0};
};

struct FindExtremes {
  template <class F, class T>
  RECTIFY_INLINE static void run(Patterns<F>* found, const T* x, std::int64_t n) {
    using Bits = typename Patterns<F>::Bits;
    constexpr Bits kMagnitude = std::numeric_limits<Bits>::max();
    constexpr Bits kInfinity = Patterns<F>::kInfinity;
    Patterns<F> p = *found;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto bits = std::bit_cast<Bits>(widen(x[i]));
      const Bits magnitude = bits & kMagnitude;
      const bool counts = (magnitude != 0) & (magnitude < kInfinity);
      const bool negative = bits < 0;
      const Bits positive_one = counts & !negative ? magnitude : 0;
      const Bits negative_one = counts & negative ? magnitude : 0;
      p.high[0] = std::max(p.high[0], positive_one);
      p.high[1] = std::max(p.high[1], negative_one);
      p.low[0] = std::min(p.low[0], positive_one == 0 ? kInfinity : positive_one);
      p.low[1] = std::min(p.low[1], negative_one == 0 ? kInfinity : negative_one);
    }
    *found = p;
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
    return {std::bit_cast<F>(patterns_.low[negative]),
            std::bit_cast<F>(patterns_.high[negative])};
  }
  bool whole() const { return whole_; }

 private:
  Patterns<F> patterns_;
  bool whole_ = true;
};

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
  return column;
}

// ---- Layout ----

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
  void append_vector(const T* x, const Dimension& vector, std::int64_t items_per_line) {
    std::int64_t items = 0;  // in the current line
    append_items(x, vector.ahead, items, items_per_line);
    if (!vector.is_cut()) return;
    open(1);
    separate(items, items_per_line);
    at_ = copy(at_, " ...");
    close();
    append_items(x + vector.ahead + vector.skipped, vector.shown - vector.ahead, items,
                 items_per_line);
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

/// torch's _tensor_str_with_formatter.
template <class T>
void append_elements(std::string& out, const T* elements, Walk walk, std::size_t dim,
                     const Column& column, std::int64_t linewidth) {
  if (dim == 0) {
    Cells(out, column, 0).append(written_as(elements[0]));
    return;
  }
  const std::size_t indent = kIndent + dim - 1;
  Cells cells(out, column, indent + 1);
  const std::int64_t items_per_line =
      std::max(std::int64_t{1}, (linewidth - static_cast<std::int64_t>(indent)) /
                                    static_cast<std::int64_t>(column.width + 2));
  out.append(dim, '[');
  for (;;) {
    cells.append_vector(elements + walk.offset(), walk.vector(), items_per_line);
    if (!walk.step()) break;
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
  }
  out.append(dim, ']');
}

/// torch's _add_suffixes, with its way of counting: the last line is taken for two characters
/// longer than it is, the closing parenthesis is left out.
void append_suffixes(std::string& out, std::span<const std::string> suffixes,
                     std::int64_t linewidth) {
  const std::size_t newline = out.rfind('\n');
  std::size_t counted = out.size() - (newline == std::string::npos ? 0 : newline + 1) + 2;
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
std::int64_t count(const Shape& shape) { return numel(shape, DType::uint8); }

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

/// The text of a tensor of `shape`, of which `tensor` has all elements or the edges.
std::string print(const Tensor& tensor, const Shape& shape, const PrintOptions& options) {
  const bool summarise = summarises(shape, options);
  const bool empty = count(shape) == 0;
  const DType dtype = tensor.dtype();
  std::string out(kPrefix);
  if (empty) {
    out += "[]";
  } else if (summarise && options.edgeitems == 0) {
    out += "[...]";
  } else {
    const Walk walk(shape, tensor.shape(), summarise, options);
    dispatch(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      const T* elements = tensor.data<T>().data();
      Column column;
      if constexpr (is_floating<T>) {
        column = floating_column(walk, elements, options);
      } else {
        column = integer_column(walk, elements);
      }
      // No more than the text will have, and its growth need not be copied.
      if (!summarise) {
        out.reserve(static_cast<std::size_t>(tensor.numel()) * (column.width + 2));
      }
      append_elements(out, elements, walk, shape.size(), column, options.linewidth);
    });
  }

  std::vector<std::string> suffixes;
  // Without edges nothing else would tell the shape; torch says it of a tensor shown whole as well.
  if (empty ? shape.size() != 1 : options.edgeitems == 0) {
    suffixes.push_back("size=" + tuple(shape));
  }
  // What torch.tensor() would make of such a list needs no saying, but an empty list is float32.
  const bool is_default =
      dtype == DType::float32 || (!empty && (dtype == DType::int64 || dtype == DType::boolean));
  if (!is_default) suffixes.push_back("dtype=torch." + std::string(name(dtype)));
  append_suffixes(out, suffixes, options.linewidth);
  out += ')';
  return out;
}

}  // namespace

bool summarises(const Shape& shape, const PrintOptions& options) {
  return !shape.empty() && count(shape) > options.threshold;
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
