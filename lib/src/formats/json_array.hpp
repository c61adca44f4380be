// Nested arrays of numbers, the values of JSON that are tensors.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "format.hpp"
#include "half.hpp"
#include "integers.hpp"
#include "json_pointer.hpp"
#include "json_text.hpp"
#include "number/number.hpp"

namespace rectify::inline v1 {

inline constexpr std::size_t kMostDimensions = 128;  // torch's own limit

/// The sizes that an array turns out to have. Those of the first rows bind the others.
struct Sizes {
  static constexpr std::int64_t kUnknown = -1;
  std::size_t rank = kMostDimensions + 1;  // until a number or an empty list tells
  std::size_t met = 0;                     // dimensions whose size is set, if only to unknown
  std::array<std::int64_t, kMostDimensions> size;

  // NOLINTNEXTLINE(modernize-use-equals-default): Sizes{} leaves `size` alone, too
  Sizes() {}  // there may be one of these for every line
  /// With these sizes, which all values must have.
  explicit Sizes(const Shape& shape) : rank(shape.size()), met(shape.size()) {
    std::copy(shape.begin(), shape.end(), size.begin());
  }
  bool rank_known() const { return rank <= kMostDimensions; }
  Shape shape() const {
    return Shape(size.begin(), size.begin() + static_cast<std::ptrdiff_t>(rank));
  }
};

/// How numbers are spelled.
enum class Spelling : std::uint8_t {
  json,
  /// As in Python's source, too: 2., .5, +1.
  python,
};

/// Reads arrays of numbers of type T from a chunk.
template <class T>
class ArrayReader {
 public:
  /// `path`: the pointer to what is read.
  ArrayReader(const Chunk& chunk, const std::string& name, Spelling spelling, std::string path)
      : chunk_(chunk),
        name_(name),
        path_(std::move(path)),
        end_(chunk.bytes.data() + chunk.size),
        python_(spelling == Spelling::python) {}

  /// Reads values into `values` from `p` on, which stands at depth `depth` of an array, before an
  /// element (`after_open`: behind its bracket, so that none need follow). Stops behind the value,
  /// or at the end of the chunk if that is behind a comma at depth 1
  /// (`partial`). Returns where it stopped. `rows` counts the elements at depth 1.
  const char* read(const char* p, std::size_t depth, bool after_open, bool partial, Sizes& sizes,
                   std::vector<T>& values, std::int64_t& rows) {
    std::array<std::int64_t, kMostDimensions> count;
    std::array<const char*, kMostDimensions> open;
    count[0] = 0;
    open[0] = nullptr;
    bool want_value = true;
    const char* const first = depth == 0 || after_open ? p : nullptr;
    for (;;) {
      p = skip_space(p, end_);
      if (p == end_) {
        if (partial && depth == 1 && want_value && !after_open) {
          rows = count[0];
          return p;
        }
        fail_end();
      }
      const char c = *p;
      if (want_value) {
        if (c == '[') {
          if (depth == kMostDimensions)
            fail(p, "more than 128 dimensions", "PyTorch has no more either");
          if (sizes.rank_known() && depth >= sizes.rank) {
            fail(p, "a list stands where a number was expected, as in the rows before",
                 "rows must have one shape");
          }
          open[depth] = p;
          count[depth] = 0;
          if (depth == sizes.met) sizes.size[sizes.met++] = Sizes::kUnknown;
          ++depth;
          after_open = true;
          ++p;
          continue;
        }
        if (c == '{') fail_at_object(p, depth, first);
        if (c == ']' && after_open) {  // an empty list
          settle_rank(sizes, depth, p, true);
          close(sizes, depth, 0, open[depth - 1], p);
          --depth;
          ++p;
        } else {
          settle_rank(sizes, depth, p, false);
          after_open = false;
          if (depth == 0) {
            p = number(p, values);
          } else {
            // The numbers of an innermost row follow one another.
            std::int64_t& numbers = count[depth - 1];
            const char* const run = p;
            const bool has_rows = depth >= 2 && sizes.size[depth - 1] > 0;
            bool closed = has_rows ? read_rows(p, values, sizes.size[depth - 1], numbers,
                                               count[depth - 2], open[depth - 1])
                                   : read_run(p, values, numbers);
            if (!closed) {
              if (p != run) continue;
              p = number(p, values);
              ++numbers;
            }
            want_value = false;
            while (!closed && p != end_ && *p == ',') {
              p = skip_space(p + 1, end_);
              closed = read_run(p, values, numbers);
              if (closed) break;
              const ParsedNumber<T> parsed = parse_number<T>(p, end_, NumberGrammar::json);
              if (parsed.status != NumberStatus::ok ||
                  (parsed.end != end_ && *parsed.end != ',' && *parsed.end != ']')) {
                want_value = true;
                break;
              }
              values.push_back(parsed.value);
              p = parsed.end;
              ++numbers;
            }
            continue;
          }
        }
      } else if (c == ',') {
        ++p;
        want_value = true;
        after_open = false;
        continue;
      } else if (c == ']') {
        close(sizes, depth, count[depth - 1], open[depth - 1], p);
        if (depth == 1) rows = count[0];
        --depth;
        ++p;
      } else {
        fail(p, "expected ',' or ']' but found " + kind_at(p, end_),
             c == kRecordSeparator   ? kCutShort
             : c == '\n' || c == '}' ? ""
                                     : "numbers of a list are separated by commas");
      }
      after_open = false;
      want_value = false;
      if (depth == 0) return p;
      if (p[-1] == ']') ++count[depth - 1];
    }
  }

  [[noreturn]] void fail(const char* at, std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), place_in(chunk_, name_, at));
  }

  [[noreturn]] void fail_end() const {
    fail(end_, "unexpected end of input inside a list", "a ']' is missing");
  }

 private:
  static constexpr const char* kCutShort = "the text in front of it was cut short";

  /// `first`: where the value begins, if it does so in the chunk. What to do about an object is told
  /// where it is the first thing in it: another may be in any chunk, whole or not.
  [[noreturn]] void fail_at_object(const char* p, std::size_t depth, const char* first) const {
    const char* q = p;
    while (first != nullptr && q != first && (is_space(q[-1]) || q[-1] == '[')) --q;
    fail(p, "expected a number or a list but found an object",
         q == first ? hint_for_object(chunk_, p, path_, depth) : "");
  }

  void settle_rank(Sizes& sizes, std::size_t depth, const char* p, bool empty_list) const {
    if (!sizes.rank_known()) {
      sizes.rank = depth;
    } else if (sizes.rank != depth) {
      if (empty_list) {
        fail(p, "an empty list stands where a list of lists was expected, as in the rows before",
             "rows must have one shape");
      }
      if (*p != '-' && *p != 'n' && *p != 'N' && *p != 'I' && !(*p >= '0' && *p <= '9')) {
        std::vector<T> scrap;
        number(p, scrap);  // says what is wrong with it
      }
      fail(p, "a number stands where a list was expected, as in the rows before",
           "rows must have one shape");
    }
  }

  void close(Sizes& sizes, std::size_t depth, std::int64_t count, const char* open,
             const char* p) const {
    std::int64_t& size = sizes.size[depth - 1];
    if (size == Sizes::kUnknown) {
      size = count;
    } else if (size != count) {
      fail(open == nullptr ? p : open,
           "a list of length " + std::to_string(count) + " where the first has " +
               std::to_string(size) + " (dimension " + std::to_string(depth - 1) + ")",
           "rows must have one length");
    }
  }

  /// Moves `p` past a run of numbers with their commas, which go to `values` and are counted. True:
  /// to the bracket that closes their list, else to the start of a value.
  bool read_run(const char*& p, std::vector<T>& values, std::int64_t& numbers) const {
    std::array<T, 256> some;
    for (;;) {
      const Run run = read_numbers<T>(p, end_, {.grammar = NumberGrammar::json}, 0, some);
      values.insert(values.end(), some.begin(),
                    some.begin() + static_cast<std::ptrdiff_t>(run.count));
      numbers += static_cast<std::int64_t>(run.count);
      p = skip_space(run.end, end_);
      if (run.closed || run.count == 0) return run.closed;
    }
  }

  /// The same, on through the rows of `width` numbers that follow; `numbers` are those of the row at
  /// hand, which is behind `rows` others and begins at `open`.
  bool read_rows(const char*& p, std::vector<T>& values, std::int64_t width, std::int64_t& numbers,
                 std::int64_t& rows, const char*& open) const {
    std::array<T, 256> some;
    const char* const begin = p;
    const std::int64_t rows_before = rows;
    bool closed = false;
    for (std::size_t count = 1; count != 0 && !closed && numbers < width;) {
      const Run run = read_numbers<T>(p, end_,
                                      {.grammar = NumberGrammar::json,
                                       .fields = static_cast<std::size_t>(width),
                                       .nested = true},
                                      static_cast<std::size_t>(numbers), some);
      count = run.count;
      closed = run.closed;
      values.insert(values.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
      // Of a list that is closed the bracket is not passed.
      const std::int64_t passed = numbers + static_cast<std::int64_t>(count) - (closed ? 1 : 0);
      rows += passed / width;
      numbers = passed % width + (closed ? 1 : 0);
      p = skip_space(run.end, end_);
    }
    if (rows != rows_before)
      open = static_cast<const char*>(::memrchr(begin, '[', static_cast<std::size_t>(p - begin)));
    return closed;
  }

  /// The number at `p`, appended to `values`; its end.
  const char* number(const char* p, std::vector<T>& values) const {
    const ParsedNumber<T> parsed = parse(p);
    const bool ends = parsed.end == end_ || ends_token(*parsed.end);
    if (parsed.status == NumberStatus::ok && ends) {
      values.push_back(parsed.value);
      return parsed.end;
    }
    const std::string_view token = token_at(p, end_);
    if (token == "null") {
      if constexpr (is_floating<T>) {
        values.push_back(narrow<T>(std::numeric_limits<Compute<T>>::quiet_NaN()));
        return p + token.size();
      } else {
        fail(p, "null is NaN, which does not fit " + std::string(rectify::name(dtype_of<T>)),
             "choose a floating dtype");
      }
    }
    if (ends && parsed.status == NumberStatus::out_of_range) {
      fail(p, in_quotes(token) + " does not fit " + std::string(rectify::name(dtype_of<T>)),
           hint_for_misfit(token, dtype_of<T>));
    }
    if (ends && parsed.status == NumberStatus::too_large) {
      fail(p, "the integer " + in_quotes(token) + " is too large for any floating dtype",
           "written with a point or exponent it is read as Infinity");
    }
    // What proto3's JSON, and we ourselves if asked to, write for these.
    if constexpr (is_floating<T>) {
      for (const auto& [word, value] :
           {std::pair<std::string_view, double>{"\"NaN\"",
                                                std::numeric_limits<double>::quiet_NaN()},
            {"\"Infinity\"", std::numeric_limits<double>::infinity()},
            {"\"-Infinity\"", -std::numeric_limits<double>::infinity()}}) {
        if (token != word) continue;
        values.push_back(narrow<T>(static_cast<Compute<T>>(value)));
        return p + token.size();
      }
    }
    if (*p == kRecordSeparator)
      fail(p, "expected a number but found " + kind_at(p, end_), kCutShort);
    if (*p == '"' || token == "true" || token == "false")
      fail(p, "expected a number but found " + kind_at(p, end_));
    if (*p == ',' || *p == ']' || *p == '}') {
      fail(p, "expected a number but found '" + std::string(1, *p) + "'",
           *p == ',' ? "a number is missing, or the comma is one too many"
                     : "a comma is one too many");
    }
    if (token == "nan" || token == "inf" || token == "-inf" || token == "+Infinity" ||
        token == "-NaN" || token == "infinity" || token == "None") {
      fail(p, in_quotes(token) + is_not_a_number(), "NaN, Infinity, -Infinity and null are read");
    }
    std::string hint;
    if (token.find_first_not_of("-0123456789") == token.size() - 1 && token.size() > 1 &&
        token.ends_with('.') && token[token.size() - 2] != '-') {
      hint = "write " + std::string(token) + "0";
    }
    const std::size_t dot = token[0] == '-' ? 1 : 0;
    if (token.size() > dot + 1 && token[dot] == '.' &&
        token.find_first_not_of("0123456789", dot + 1) == std::string_view::npos) {
      hint = "write " + std::string(token.substr(0, dot)) + "0" + std::string(token.substr(dot));
    }
    fail(p, in_quotes(token) + is_not_a_number(), hint);
  }

  std::string is_not_a_number() const {
    return python_ ? " is not a number" : " is not a JSON number";
  }

  /// The number at `p`, or the start of one that JSON has not and Python has: 2., .5, 007.5, +1.
  ParsedNumber<T> parse(const char* p) const {
    const ParsedNumber<T> parsed = parse_number<T>(p, end_, NumberGrammar::json);
    const std::string_view token = token_at(p, end_);
    if (!python_ || parsed.end == token.data() + token.size() ||
        token.find_first_not_of("+-.0123456789eE") != token.npos) {
      return parsed;
    }
    if (token.find_first_of(".eE") != token.npos)
      return parse_number<T>(p, end_, NumberGrammar::csv);
    const bool has_sign = token.size() > 1 && token[0] == '+' && token[1] != '-';
    return has_sign ? parse_number<T>(p + 1, end_, NumberGrammar::json) : parsed;
  }

  const Chunk& chunk_;
  const std::string& name_;
  std::string path_;
  const char* end_;
  bool python_;
};

}  // namespace rectify::inline v1
