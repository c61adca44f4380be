// Text to values and back: the only two places where they meet. No locale, no allocation, no
// exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rectify/tensor.hpp"

namespace rectify::inline v1 {

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
/// zero. Integer dtypes: integers exactly; a fraction or an exponent by way of a double, truncated
/// (127.5 is out of int8's range, as in torch); bool holds 0 and 1 alone, however they are written
/// (0.5 is out of range).
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

// ---- Runs of numbers: what the single number does, for many at a time

/// Enough room for what may change in a step of a search.
inline constexpr std::size_t kLeastSpots = 64;

/// How the numbers of a table, or of a list in JSON, are written.
struct Dialect {
  NumberGrammar grammar = NumberGrammar::csv;
  char delimiter = ',';
  char point = '.';
  /// csv: numbers of a row, each with the delimiter behind it but the last, which has a line break.
  std::size_t fields = 1;
  /// json: the numbers are those of lists of `fields` each, which stand in a list; else of one list.
  bool nested = false;
  /// csv, for find_changing(): by columns, whether what stands there is text that stays, as a word of
  /// ones or zeros; over and over for kLeastSpots more than a row has. Null: all are numbers.
  const std::uint64_t* staying = nullptr;
};

struct Run {
  /// Where the run ended: the start of a number or of what stands in its place, blanks before it
  /// included.
  const char* end = nullptr;
  /// Numbers in it.
  std::size_t count = 0;
  /// json: the last number was the last of its list, and `end` is the bracket behind it. Other lists
  /// in the run were passed with their brackets.
  bool closed = false;
};

/// Reads a run of numbers with their separators from `first` on, the start of number `column` (from
/// 0) of its row, as parse_number() would. It ends before whatever is not plainly a number that
/// belongs there with its separator behind it, before the last characters of the text, and before
/// `out` is full: from there on it is for the caller to read number by number, and to say what is
/// wrong. May end at once.
template <class T>
Run read_numbers(const char* first, const char* last, const Dialect& dialect, std::size_t column,
                 std::span<T> out);

/// Writes what stands behind a row of numbers where that is not the same each time.
class RowEnds {
 public:
  virtual ~RowEnds() = default;
  /// `out` is behind the last number of a row. Returns where the next number goes, with as much room
  /// as write_numbers() needs for the rest of its values, and sets how many make the next row.
  virtual char* write(char* out, std::size_t& width) = 0;
};

/// What stands behind the numbers of a table: `between` behind each, but `after_row`, or what
/// `row_ends` writes, behind every `width`-th; at most 8 characters each.
struct Separators {
  std::string_view between = ",";
  std::string_view after_row = "\n";
  std::size_t width = 1;
  RowEnds* row_ends = nullptr;
};

/// What is written for values that are no numbers; at most 12 characters each.
struct NumberWords {
  std::string_view nan = "nan";
  std::string_view infinity = "inf";
  std::string_view minus_infinity = "-inf";
};

/// Enough room for each of the numbers of a run and what stands behind it.
inline constexpr std::size_t kRunBytes = kNumberBytes + 8;

/// Writes the values as format_number() would, each with its separator behind it, and returns the
/// end. The first of them is number `column` (from 0) of its row. `out` needs room for kRunBytes a
/// value.
template <class T>
char* write_numbers(char* out, std::span<const T> values, const Separators& separators,
                    std::size_t column, const NumberWords& words = {});

// ---- Texts of which only some numbers change

/// Where a number stands in a text.
struct Spot {
  const char* begin;
  const char* end;
};

/// What may change in a text.
struct Changing {
  /// Where the search ended: the start of a number, or the end of the text.
  const char* end = nullptr;
  /// Numbers that may change, and those in all.
  std::size_t count = 0;
  std::size_t of = 0;
  /// The column (from 0) of the number at `end`.
  std::size_t column = 0;
  /// False: something stands there that does not belong there, and the rest means nothing.
  bool good = false;
};

/// What stays of the text that is searched at a time has no more characters.
inline constexpr std::size_t kStayingBytes = std::size_t{16} << 10;
/// Finds the numbers at the start of [first, last) that may change where positive ones do not: all
/// but those that are positive, and written as format_number() writes them, by the look of their
/// digits. The text is rows of numbers in csv, a line feed behind each, among which there may be
/// texts that stay, without quotes or carriage returns; or rows in json, "1.0, 2.0], [3.0, 4.0]",
/// between two of which there is a line feed if they are not nested. The first number is `column`
/// (from 0) of its row. Gives where those numbers stand and what parse_number() makes of them, or,
/// if `negatives_are_alike`, maybe -1 in the place of a negative one. `spots` and `values` have
/// equal room, for kLeastSpots at least. Where there is no quick way to tell, nothing is good.
template <class T>
Changing find_changing(const char* first, const char* last, const Dialect& dialect,
                       std::size_t column, bool negatives_are_alike, std::span<Spot> spots,
                       std::span<T> values);

/// Copies [first, last), of which the characters up to `limit` may be read, with values in place of
/// the numbers that stand at the spots, and returns the end. `out` needs room for the text, for
/// kNumberBytes a value, and for kNumberBytes more.
template <class T>
char* write_changed(char* out, const char* first, const char* last, const char* limit,
                    std::span<const Spot> spots, std::span<const T> values);

}  // namespace rectify::inline v1
