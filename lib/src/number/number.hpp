// Text to values and back: the only two places where they meet. No locale, no allocation, no
// exceptions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rectify/tensor.hpp"

namespace rectify {

/// What counts as a number.
///   json: RFC 8259, and NaN, Infinity, -Infinity as Python's json writes them. -0 is the integer
///         0, hence +0. A number that breaks off ("1.", "1e", "-") is none at all, so that a caller
///         can report all of it; "01" is 0, and what follows is garbage.
///   csv:  an optional sign, digits with an optional point (".5", "5.", "007"), an optional
///         exponent; or nan, inf, infinity in any case with an optional sign. -0 is -0.0. Blanks
///         around a number are the caller's to skip. "1e" is 1, and what follows is garbage.
enum class NumberGrammar : std::uint8_t { json, csv };

enum class NumberStatus : std::uint8_t {
  ok,
  /// No number starts here.
  not_a_number,
  /// An integer dtype cannot hold it (NaN and infinities among them).
  out_of_range,
  /// Json: a whole number without point or exponent that no double can hold (Python:
  /// OverflowError).
  too_large,
};

template <class T>
struct ParsedNumber {
  T value{};
  /// One past the number; `first` if not_a_number.
  const char* end = nullptr;
  NumberStatus status = NumberStatus::ok;
};

/// Reads the number at the start of [first, last), the longest that the grammar allows; what
/// follows it is the caller's concern. Floating dtypes: decimal to double, correctly rounded, then
/// to float32, then to 16 bits, as torch.Tensor([...]) does; too large is infinity, too small is
/// zero. Integer dtypes: integers exactly; a fraction or an exponent by way of a double, truncated;
/// bool holds 0 and 1 alone, however they are written (0.5 is out of range).
/// `decimal` is the decimal point (csv only: ',' in some countries). Linear in the text, whatever
/// its length.
template <class T>
ParsedNumber<T> parse_number(const char* first, const char* last, NumberGrammar grammar,
                             char decimal = '.');

/// Enough room for format_number().
inline constexpr std::size_t kNumberBytes = 40;

/// Writes `value` as str() of NumPy's scalar of that dtype does, and returns the end: the fewest
/// digits that read back to the value ("2.0", "-1.6", "1e-05", "1e+16", "nan", "-inf"), integers
/// and booleans (1, 0) without a point. Where those digits would not give the value back by way of
/// a double, as parse_number() reads them, as many more as it takes are written (correctly
/// rounded). bfloat16, which NumPy has not, follows the same rules. `out` needs room for
/// kNumberBytes.
template <class T>
char* format_number(char* out, T value);

}  // namespace rectify
