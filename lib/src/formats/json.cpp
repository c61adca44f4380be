// JSON and JSON Lines: RFC 8259 arrays of numbers, with NaN, Infinity, -Infinity as Python's json
// writes them and null for NaN. A value follows another after white space (jsonl: on a line of its
// own, as a rule); each is a tensor. Long values are read in runs of their outermost elements.
// Refused on purpose: text, objects and booleans (but see PointerReader), ragged rows, more than
// 128 dimensions.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "dispatch.hpp"
#include "format.hpp"
#include "half.hpp"
#include "number.hpp"
#include "utf8.hpp"

namespace rectify {
namespace {

constexpr std::size_t kMostDimensions = 128;  // torch's own limit
constexpr std::size_t kMostDepth = 1000;      // of a document that a pointer looks into
// A tensor takes a hundred times the memory of a short number's text: of values that may each be
// one, less is read at a time than of an array.
constexpr std::size_t kValuesBytes = std::size_t{32} << 10;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::size_t kTokenBytes = 256;  // more of a wrong token than any message shows

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

const char* skip_space(const char* p, const char* end) {
  while (p != end && is_space(*p)) ++p;
  return p;
}

bool ends_token(char c) {
  return is_space(c) || c == ',' || c == ']' || c == '[' || c == '}' || c == '{' || c == ':';
}

/// What may stand inside a number, a literal, or the misspelling of one.
bool is_wordlike(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
         c == '-' || c == '.';
}

std::string_view token_at(const char* p, const char* end) {
  const char* token = p;
  while (p != end && !ends_token(*p)) ++p;
  if (p == token && p != end) ++p;
  return {token, static_cast<std::size_t>(p - token)};
}

/// What a value that is not a number is called in a message.
std::string kind_at(const char* p, const char* end) {
  const std::string_view token = token_at(p, end);
  if (*p == '"') return "a string";
  if (*p == '{') return "an object";
  if (token == "true" || token == "false") return "a boolean (" + std::string(token) + ")";
  return in_quotes(token);
}

// ---- values ------------------------------------------------------------------------------------

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

/// Reads arrays of numbers of type T from a chunk.
template <class T>
class ArrayReader {
 public:
  ArrayReader(const Chunk& chunk, const std::string& name)
      : chunk_(chunk), name_(name), end_(chunk.bytes.data() + chunk.size) {}

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
        if (c == ']' && after_open) {  // an empty list
          settle_rank(sizes, depth, p, true);
          close(sizes, depth, 0, open[depth - 1], p);
          --depth;
          ++p;
        } else {
          settle_rank(sizes, depth, p, false);
          p = number(p, values);
          after_open = false;
          // The numbers of an innermost row follow one another: a tight loop for them.
          if (depth != 0) {
            std::int64_t& numbers = count[depth - 1];
            ++numbers;
            while (p != end_ && *p == ',') {
              const char* next = p + 1;
              while (next != end_ && is_space(*next)) ++next;
              const ParsedNumber<T> parsed = parse_number<T>(next, end_, NumberGrammar::json);
              if (parsed.status != NumberStatus::ok ||
                  (parsed.end != end_ && *parsed.end != ',' && *parsed.end != ']'))
                break;
              values.push_back(parsed.value);
              p = parsed.end;
              ++numbers;
            }
            want_value = false;
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
             c == '\n' || c == '}' ? "" : "numbers of a list are separated by commas");
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

  /// The number at `p`, appended to `values`; its end.
  const char* number(const char* p, std::vector<T>& values) const {
    const ParsedNumber<T> parsed = parse_number<T>(p, end_, NumberGrammar::json);
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
           "choose a wider " + option("dtype"));
    }
    if (ends && parsed.status == NumberStatus::too_large) {
      fail(p, "the integer " + in_quotes(token) + " is too large for any floating dtype",
           "written with a point or exponent it is read as Infinity");
    }
    if (*p == '{') {
      fail(p, "expected a number or a list but found an object",
           option("pointer", "/NAME") + " takes one value out of a document");
    }
    if (*p == '"' || token == "true" || token == "false")
      fail(p, "expected a number but found " + kind_at(p, end_));
    if (*p == ',' || *p == ']' || *p == '}') {
      fail(p, "expected a number but found '" + std::string(1, *p) + "'",
           *p == ',' ? "a number is missing, or the comma is one too many"
                     : "a comma is one too many");
    }
    if (token == "nan" || token == "inf" || token == "-inf" || token == "+Infinity" ||
        token == "-NaN" || token == "infinity" || token == "None") {
      fail(p, in_quotes(token) + " is not a JSON number",
           "NaN, Infinity, -Infinity and null are read");
    }
    fail(p, in_quotes(token) + " is not a JSON number");
  }

  const Chunk& chunk_;
  const std::string& name_;
  const char* end_;
};

// ---- a value inside a document (RFC 6901)
// --------------------------------------------------------

/// Reads any JSON value and finds the one a pointer names. Of members of one name the last counts,
/// as in Python.
class PointerReader {
 public:
  PointerReader(const Chunk& chunk, const std::string& name, const std::vector<std::string>& tokens)
      : chunk_(chunk), name_(name), tokens_(tokens), end_(chunk.bytes.data() + chunk.size) {}

  /// Checks the document at `p` and returns its end; `found` is where the value stands, or null.
  const char* read(const char* p, const char*& found) {
    struct Level {
      bool object;
      std::uint64_t index;  // of the element at hand
      bool on_path;         // the tokens up to here lead to this value
    };
    std::vector<Level> levels;
    found = nullptr;
    bool on_path = true;  // of the value about to be read
    for (;;) {
      p = skip_space(p, end_);
      if (on_path && levels.size() == tokens_.size()) found = p;
      if (p == end_) fail(p, "unexpected end of input");
      if (*p == '{' || *p == '[') {
        if (levels.size() == kMostDepth)
          fail(p, "more than " + std::to_string(kMostDepth) + " levels of nesting");
        const bool object = *p == '{';
        // What is inside another value of the same member no longer counts.
        if (on_path && levels.size() < tokens_.size()) found = nullptr;
        levels.push_back({object, 0, on_path && levels.size() < tokens_.size()});
        p = skip_space(p + 1, end_);
        if (p == end_) fail(p, "unexpected end of input");
        if (*p == (object ? '}' : ']')) {
          ++p;
          levels.pop_back();
        } else {
          p = enter(p, levels.back().object, levels.back().on_path, levels.size() - 1, 0, on_path);
          continue;
        }
      } else {
        if (on_path && levels.size() < tokens_.size()) found = nullptr;
        p = scalar(p);
      }
      // A value has ended: close what ends with it, or go on to the next element.
      for (;;) {
        if (levels.empty()) return p;
        p = skip_space(p, end_);
        if (p == end_) fail(p, "unexpected end of input");
        Level& level = levels.back();
        if (*p == (level.object ? '}' : ']')) {
          ++p;
          levels.pop_back();
          continue;
        }
        if (*p != ',') {
          fail(p, std::string("expected ',' or '") + (level.object ? "}" : "]") + "' but found " +
                      kind_at(p, end_));
        }
        p = skip_space(p + 1, end_);
        p = enter(p, level.object, level.on_path, levels.size() - 1, ++level.index, on_path);
        break;
      }
    }
  }

  [[noreturn]] void fail(const char* at, std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), place_in(chunk_, name_, at));
  }

 private:
  /// At the start of an element: reads an object's key. Tells whether the pointer's tokens lead
  /// into it.
  const char* enter(const char* p, bool object, bool on_path, std::size_t depth,
                    std::uint64_t index, bool& into) const {
    if (!object) {
      into = on_path && tokens_[depth] == std::to_string(index);
      return p;
    }
    if (p == end_) fail(p, "unexpected end of input");
    if (*p != '"') fail(p, "expected a name in quotes but found " + kind_at(p, end_));
    std::string key;
    p = string(p, on_path ? &key : nullptr);
    into = on_path && tokens_[depth] == key;
    p = skip_space(p, end_);
    if (p == end_ || *p != ':') fail(p, "expected ':' after a name");
    return p + 1;
  }

  const char* scalar(const char* p) const {
    if (*p == '"') return string(p, nullptr);
    const std::string_view token = token_at(p, end_);
    if (token == "true" || token == "false" || token == "null") return p + token.size();
    const ParsedNumber<double> number = parse_number<double>(p, end_, NumberGrammar::json);
    if (number.status == NumberStatus::not_a_number || number.end != p + token.size()) {
      fail(p, "expected a value but found " + kind_at(p, end_));
    }
    return number.end;
  }

  /// Past the string at `p`; its text, unescaped, appended to `text` if wanted.
  const char* string(const char* p, std::string* text) const {
    const char* const quote = p++;
    for (;;) {
      const char* plain = p;
      while (p != end_ && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20 &&
             static_cast<unsigned char>(*p) < 0x80)
        ++p;
      if (text != nullptr) text->append(plain, p);
      if (p == end_) fail(quote, "this string is never closed");
      if (*p == '"') return p + 1;
      if (static_cast<unsigned char>(*p) >= 0x80) {
        const std::size_t length = utf8_sequence(p);
        if (text != nullptr) text->append(p, length);
        p += length;
      } else if (*p == '\\') {
        p = escape(p, text);
      } else {
        fail(p, "a control character inside a string: " + in_quotes({p, 1}));
      }
    }
  }

  std::size_t utf8_sequence(const char* p) const {
    std::uint32_t code = 0;
    const std::size_t length = utf8_length({p, static_cast<std::size_t>(end_ - p)}, code);
    if (length == 0) fail(p, "invalid UTF-8: " + in_quotes({p, 1}));
    return length;
  }

  const char* escape(const char* p, std::string* text) const {
    const std::string_view rest(p, static_cast<std::size_t>(end_ - p));
    if (rest.size() < 6 || rest[1] != 'u') return escape(rest.substr(0, 2), text);
    const bool surrogate =
        (rest[2] == 'd' || rest[2] == 'D') &&
        std::string_view("89abcdefABCDEF").find(rest[3]) != std::string_view::npos &&
        is_hexadecimal(rest[4]) && is_hexadecimal(rest[5]);
    if (!surrogate) return escape(rest.substr(0, 6), text);
    // nlohmann_json reads a pair and no half of one. Python and JavaScript write halves, so there
    // are documents with them; a pointer, which is UTF-8, names none.
    if (accepts(rest.substr(0, 12))) return escape(rest.substr(0, 12), text);
    if (text != nullptr) *text += '\0';
    return p + 6;
  }

  static bool is_hexadecimal(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
  static bool accepts(std::string_view inside_a_string) {
    return nlohmann::json::accept("\"" + std::string(inside_a_string) + "\"");
  }
  const char* escape(std::string_view bytes, std::string* text) const {
    const nlohmann::json value =
        nlohmann::json::parse("\"" + std::string(bytes) + "\"", nullptr, false);
    if (!value.is_string()) fail(bytes.data(), "not an escape: " + in_quotes(bytes));
    if (text != nullptr) *text += value.get<std::string>();
    return bytes.data() + bytes.size();
  }

  const Chunk& chunk_;
  const std::string& name_;
  const std::vector<std::string>& tokens_;
  const char* end_;
};

std::vector<std::string> pointer_tokens(const std::string& text) {
  std::vector<std::string> tokens;
  try {
    for (nlohmann::json::json_pointer pointer(text); !pointer.empty(); pointer.pop_back()) {
      tokens.push_back(pointer.back());
    }
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::usage, option("pointer", in_quotes(text)) + " is not a JSON pointer",
                "RFC 6901: /a/0 for element 0 of member a; ~0 is ~, ~1 is /");
  }
  std::reverse(tokens.begin(), tokens.end());
  return tokens;
}

// ---- the decoder -------------------------------------------------------------------------------

/// Follows brackets and strings to where a value ends.
struct Nesting {
  static constexpr auto kNests = [] {
    std::array<bool, 256> nests{};
    for (const char c : std::string_view("[]{}\"")) nests[static_cast<unsigned char>(c)] = true;
    return nests;
  }();

  std::int64_t depth = 0;
  bool in_string = false;
  bool escaped = false;
  std::size_t seen = 0;     // bytes looked at
  std::size_t end = 0;      // behind the last white space between values
  std::size_t bracket = 0;  // behind the last bracket that closes a value

  /// `strings`: whether brackets in strings are to be told from others. Of the values that end in
  /// `text`, those up to the first that ends behind `enough` bytes.
  void look(std::string_view text, bool strings, std::size_t enough) {
    for (; seen < text.size() && end < enough; ++seen) {
      if (depth > 0 && !in_string) {  // inside a value, where most bytes mean nothing here
        while (seen < text.size() && !kNests[static_cast<unsigned char>(text[seen])]) ++seen;
        if (seen == text.size()) break;
      }
      const char c = text[seen];
      if (in_string) {
        if (escaped) {
          escaped = false;
        } else if (c == '\\') {
          escaped = true;
        } else if (c == '"') {
          in_string = false;
        }
      } else if (c == '[' || c == '{') {
        ++depth;
      } else if (c == ']' || c == '}') {
        if (depth > 0) --depth;
        if (depth == 0) bracket = seen + 1;
      } else if (depth == 0 && is_space(c)) {
        end = seen + 1;
      } else if (c == '"' && strings) {
        in_string = true;
      }
    }
  }
};

class JsonDecoder final : public Decoder {
 public:
  JsonDecoder(Source& source, const ReadOptions& options, bool lines, bool stacks)
      : name_(source.name()),
        cutter_(source, options.block_bytes),
        block_bytes_(options.block_bytes),
        values_bytes_(
            std::clamp<std::size_t>(block_bytes_, 1, stacks && lines ? kStackBytes : kValuesBytes)),
        dtype_(options.dtype.value_or(DType::float32)),
        lines_(lines),
        stacks_(stacks && lines),
        rows_of_one_(options.rows_of_one && lines),
        part_(options.part),
        has_pointer_(options.pointer.has_value()) {
    if (part_ && !lines) {
      throw Error(ErrorKind::usage,
                  option("part") + " divides JSON Lines, and this is one JSON document",
                  option("read.format", "jsonl") + " reads a value a line", {name_});
    }
    if (has_pointer_) {
      pointer_ = *options.pointer;
      tokens_ = pointer_tokens(pointer_);
    }
  }

  bool cut(Chunk& chunk) override {
    if (begun_ && cutter_.at_end()) return false;
    const bool first = !begun_;
    begun_ = true;
    take(chunk);
    const std::uint64_t body = first ? cutter_.offset(chunk) : 0;
    if (first && (rows_of_one_ || part_)) {
      // To the first value: of its shape are the rows, and without one no part is right to be
      // empty.
      while (blank(chunk.text()) && !chunk.last) take(chunk);
      if (rows_of_one_ && !blank(chunk.text())) row_ = first_row(chunk);
    }
    if (chunk.last && !any_) {
      throw Error(ErrorKind::data, "no tensor in it: expected a number or a list of numbers", {},
                  place_in(chunk, name_, chunk.bytes.data() + chunk.size));
    }
    if (part_ && first) {
      cutter_.go_to_part(body, *part_);
      inside_ = false;  // of the array that the whole begins with
      vain_ = false;
      take(chunk);
      chunk.glued = glued_ = false;
    }
    if (rows_of_one_) {
      chunk.begins = first;
      chunk.ends = chunk.last;
      chunk.element = row_;
    }
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    dispatch_text(dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      if (rows_of_one_) {
        decode_rows<T>(chunk, results);
      } else {
        decode_as<T>(chunk, results);
      }
    });
  }

  std::uint64_t lines_before() const override { return cutter_.lines_before_part(); }

 private:
  /// The next chunk: whole values, or elements of a long array.
  void take(Chunk& chunk) {
    cutter_.read_blocks_of(inside_ ? block_bytes_ : values_bytes_);
    cutter_.fill(chunk);
    chunk.begins = !inside_;
    chunk.ends = true;
    chunk.glued = glued_;
    if (!inside_) {
      // Whole values, if there is one; else the first elements of a long array.
      Nesting nesting;
      for (;;) {
        const std::string_view text = chunk.text();
        const bool few = chunk.size <= 2 * values_bytes_;
        if (vain_ || (cutter_.ended() && few)) {
          cutter_.split(chunk, chunk.size);
          break;
        }
        const char* const first = skip_space(text.data(), text.data() + text.size());
        nesting.look(text, has_pointer_,
                     static_cast<std::size_t>(first - text.data()) + values_bytes_);
        if (blank(text.substr(0, nesting.end)) && !blank(text)) nesting.end = 0;
        // Behind a bracket alone there may be more of what is wrong with the value.
        if (nesting.end == 0 && cutter_.full(chunk)) nesting.end = nesting.bracket;
        if (nesting.end != 0) {
          cutter_.split(chunk, nesting.end);
          break;
        }
        if (cutter_.ended()) {
          cutter_.split(chunk, chunk.size);
          break;
        }
        if (!cutter_.full(chunk)) {
          cutter_.grow(chunk);
          continue;
        }
        if (!has_pointer_ && !rows_of_one_ && begins_array(text)) {
          rank_ = 0;
          if (cut_elements(chunk)) break;
        } else if (is_vain(text) || (has_pointer_ ? nesting.depth > std::int64_t{kMostDepth}
                                                  : !begins_array(text) && is_hopeless(text))) {
          vain_ = true;
          cutter_.split(chunk, chunk.size);  // decode() says what it is
          break;
        }
        cutter_.grow(chunk);
      }
    } else {
      while (!cut_elements(chunk)) cutter_.grow(chunk);
    }
    any_ = any_ || !blank(chunk.text());
    glued_ = chunk.size != 0 && !is_space(chunk.text().back());
  }

  static bool blank(std::string_view text) {
    return skip_space(text.data(), text.data() + text.size()) == text.data() + text.size();
  }
  static bool begins_array(std::string_view text) {
    const char* p = skip_space(text.data(), text.data() + text.size());
    return p != text.data() + text.size() && *p == '[';
  }
  /// Whether neither a number nor the start of one is all that stands in `text`, and all that a
  /// message says of the rest is there.
  static bool is_hopeless(std::string_view text) {
    const char* const end = text.data() + text.size();
    const char* p = skip_space(text.data(), end);
    while (p != end && is_wordlike(*p)) ++p;
    p = skip_space(p, end);
    return static_cast<std::size_t>(end - p) > kTokenBytes || std::any_of(p, end, ends_token);
  }

  /// Whether `text` has a byte that is in no array of numbers, or in no document if there is a
  /// pointer, and all that a message says of the rest. To read on would be vain, and may have no
  /// end.
  bool is_vain(std::string_view text) const {
    constexpr auto kInArrays = [] {
      std::array<bool, 256> is_in{};
      for (const char c : std::string_view(" \t\r\n[],+-.0123456789eENaInfityul"))
        is_in[static_cast<unsigned char>(c)] = true;
      return is_in;
    }();
    const char* const bad = std::find_if(text.begin(), text.end(), [&](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return has_pointer_ ? byte < ' ' && !is_space(c) : !kInArrays[byte];
    });
    return static_cast<std::size_t>(text.end() - bad) > kTokenBytes;
  }

  /// Splits the chunk behind a run of elements of the array at hand, or behind the array. False: it
  /// takes more text.
  bool cut_elements(Chunk& chunk) {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* p = begin;
    if (chunk.begins) {
      p = skip_space(p, end) + 1;
      // The first element's brackets tell how deep the elements are.
      std::size_t depth = 0;
      const char* q = p;
      for (; q != end && (is_space(*q) || *q == '['); ++q) depth += *q == '[' ? 1u : 0u;
      if (depth >= kMostDimensions) {
        cutter_.split(chunk, chunk.size);  // decode() says that it is too deep
        chunk.ends = true;
        return true;
      }
      if (q == end && !cutter_.ended()) return false;
      rank_ = depth;
    }
    // An element ends with as many brackets as its first one has dimensions, the array with one
    // more. Where nesting differs from that of the first element there is an error before the
    // brackets could mislead.
    const char* last = nullptr;  // behind the last comma between elements
    for (;;) {
      const void* found =
          p == end ? nullptr : std::memchr(p, ']', static_cast<std::size_t>(end - p));
      const char* bracket = found == nullptr ? end : static_cast<const char*>(found);
      if (rank_ == 0) {
        const void* comma =
            bracket == p ? nullptr : ::memrchr(p, ',', static_cast<std::size_t>(bracket - p));
        if (comma != nullptr) last = static_cast<const char*>(comma) + 1;
      }
      if (bracket == end) break;
      std::size_t closed = 1;
      p = skip_space(bracket + 1, end);
      while (p != end && *p == ']' && closed <= rank_) {
        ++closed;
        p = skip_space(p + 1, end);
      }
      if (closed > rank_) {
        while (p[-1] != ']') --p;
        chunk.element = element_;
        cutter_.split(chunk, static_cast<std::size_t>(p - begin));
        inside_ = false;
        return true;
      }
      if (closed == rank_ && p != end && *p == ',') last = ++p;
    }
    const bool is_line = lines_ && rank_ == 0;  // a record is not divided
    if (last != nullptr && !is_line && !cutter_.ended()) {
      cutter_.split(chunk, static_cast<std::size_t>(last - begin));
      chunk.ends = false;
      if (chunk.begins) {
        element_ = first_element(chunk);
      }
      chunk.element = element_;
      inside_ = true;
      return true;
    }
    if (last != nullptr && is_line) p = last;
    vain_ = cutter_.full(chunk) &&
            ((rank_ == 0 && is_hopeless({p, static_cast<std::size_t>(end - p)})) ||
             is_vain(chunk.text()));
    if (cutter_.ended() || vain_) {
      cutter_.split(chunk, chunk.size);  // an error, which decode() finds
      chunk.element = element_;
      chunk.ends = true;
      inside_ = false;
      return true;
    }
    return false;
  }

  /// The shape of the first element of the array that the chunk begins with.
  Shape first_element(const Chunk& chunk) const {
    ArrayReader<double> reader(chunk, name_);
    Sizes sizes;
    std::vector<double> values;
    std::int64_t rows = 0;
    const char* const begin = chunk.bytes.data();
    try {
      reader.read(skip_space(begin, begin + chunk.size) + 1, 0, false, false, sizes, values, rows);
    } catch (const Error&) {
      return Shape(rank_, Sizes::kUnknown);  // decode() meets the same, and knows the dtype
    }
    return sizes.shape();
  }

  /// Where the value behind `p` begins, or the chunk's end. White space has to stand before it.
  template <class T>
  const char* next_value(const ArrayReader<T>& reader, const Chunk& chunk, const char* p) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    const char* value = skip_space(p, end);
    if (value == p && p != end && (p != chunk.bytes.data() || chunk.glued)) {
      reader.fail(p, "expected the end of the value but found " + kind_at(p, end),
                  "values are separated by line breaks");
    }
    return value;
  }

  /// Where the value to read stands in the document at `p`; `after` is the document's end, or null
  /// if the value itself is the document.
  template <class T>
  const char* value_at(const ArrayReader<T>& reader, const Chunk& chunk, const char* p,
                       const char*& after) const {
    after = nullptr;
    if (!has_pointer_) return p;
    const char* found = nullptr;
    after = PointerReader(chunk, name_, tokens_).read(p, found);
    if (found == nullptr) {
      reader.fail(p, "the document has no value at the pointer " + in_quotes(pointer_),
                  "names and indices are matched exactly, indices count from 0");
    }
    return found;
  }

  /// The shape of the chunk's first value.
  Shape first_row(const Chunk& chunk) const {
    ArrayReader<double> reader(chunk, name_);
    Sizes sizes;
    std::vector<double> values;
    std::int64_t rows = 0;
    const char* after = nullptr;
    const char* p = skip_space(chunk.bytes.data(), chunk.bytes.data() + chunk.size);
    reader.read(value_at(reader, chunk, p, after), 0, false, false, sizes, values, rows);
    return sizes.shape();
  }

  /// The chunk's values as rows of one tensor.
  template <class T>
  void decode_rows(const Chunk& chunk, std::vector<Result>& results) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    ArrayReader<T> reader(chunk, name_);
    Sizes sizes(chunk.element);
    std::vector<T> values;
    values.reserve(chunk.size / 8);
    std::int64_t count = 0;
    for (const char* p = chunk.bytes.data();; ++count) {
      p = next_value(reader, chunk, p);
      if (p == end) break;
      const char* after = nullptr;
      std::int64_t rows = 0;
      p = reader.read(value_at(reader, chunk, p, after), 0, false, false, sizes, values, rows);
      if (after != nullptr) p = after;
    }
    Shape shape = chunk.element;
    shape.insert(shape.begin(), count);
    Result& result = results.emplace_back();
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    result.of_part = part_ && part_->count > 1;
    result.columns.push_back(
        {"", Tensor::of(std::span<const T>(values.data(), values.size()), std::move(shape))});
  }

  template <class T>
  void decode_as(const Chunk& chunk, std::vector<Result>& results) const {
    const char* p = chunk.bytes.data();
    const char* const end = p + chunk.size;
    ArrayReader<T> reader(chunk, name_);
    if (!chunk.begins || !chunk.ends) {
      Shape shape = chunk.element;
      shape.insert(shape.begin(), Sizes::kUnknown);
      Sizes sizes(shape);
      std::vector<T> values;
      values.reserve(chunk.size / 8);
      std::int64_t rows = 0;
      if (chunk.begins) p = next_value(reader, chunk, p) + 1;
      p = reader.read(p, 1, chunk.begins, !chunk.ends, sizes, values, rows);
      sizes.size[0] = rows;
      add(results, sizes, values, chunk.begins, chunk.ends);
      if (!chunk.ends) return;
    }
    std::vector<T> values;  // of one tensor, or of `count` that are stacked
    Shape stacked;
    std::int64_t count = 0;
    const auto unstack = [&] {
      if (count != 0) add_stack(results, stacked, values, count);
      values.clear();
      count = 0;
    };
    for (;;) {
      const std::size_t before = values.size();
      Sizes sizes;
      try {
        p = next_value(reader, chunk, p);
        if (p == end) break;
        const char* after = nullptr;
        std::int64_t rows = 0;
        p = reader.read(value_at(reader, chunk, p, after), 0, false, false, sizes, values, rows);
        if (after != nullptr) p = after;
      } catch (const Error&) {
        values.resize(before);
        unstack();  // what came before is right
        throw;
      }
      const bool stacks = stacks_ && sizes.rank <= 1 && values.size() != before;
      if (count != 0 && (!stacks || sizes.shape() != stacked)) {
        std::vector<T> own(values.begin() + static_cast<std::ptrdiff_t>(before), values.end());
        values.resize(before);
        unstack();
        values = std::move(own);
      }
      if (stacks) {
        if (count++ == 0) stacked = sizes.shape();
      } else {
        add(results, sizes, values, true, true);
        values.clear();
      }
    }
    unstack();
  }

  /// `count` values of one shape as the slices of one tensor.
  template <class T>
  static void add_stack(std::vector<Result>& results, Shape shape, const std::vector<T>& values,
                        std::int64_t count) {
    shape.insert(shape.begin(), count);
    Result& result = results.emplace_back();
    result.lines = Lines::slices;
    result.columns.push_back(
        {"", Tensor::of(std::span<const T>(values.data(), values.size()), std::move(shape))});
  }

  template <class T>
  void add(std::vector<Result>& results, const Sizes& sizes, const std::vector<T>& values,
           bool begins, bool ends) const {
    Shape shape = sizes.shape();
    Result& result = results.emplace_back();
    result.begins = begins;
    result.ends = ends;
    if (lines_ && shape.size() == 1 && begins && ends && shape[0] != 0) {
      result.lines = Lines::rows;  // a record: a line of its own in CSV, too
      result.fields = static_cast<std::size_t>(shape[0]);
    }
    result.columns.push_back(
        {"", Tensor::of(std::span<const T>(values.data(), values.size()), std::move(shape))});
  }

  std::string name_;
  TextCutter cutter_;
  std::size_t block_bytes_;   // read at a time of a long array
  std::size_t values_bytes_;  // and of values that may be short
  DType dtype_;
  bool lines_;
  bool stacks_;
  bool rows_of_one_;
  std::optional<Part> part_;
  bool has_pointer_;
  std::string pointer_;
  std::vector<std::string> tokens_;

  bool begun_ = false;
  bool any_ = false;      // a tensor has been cut
  bool glued_ = false;    // the last chunk did not end in white space
  bool inside_ = false;   // the last chunk ended between the elements of an array
  bool vain_ = false;     // decode() stops at the last chunk: what follows is not read on for
  std::size_t rank_ = 0;  // dimensions of that array's elements
  Shape element_;         // and their shape
  Shape row_;             // with rows_of_one_: the shape of every value
};

// ---- writing -----------------------------------------------------------------------------------

class JsonEncoder final : public detail::Encoder {
 public:
  JsonEncoder(Output& output, const WriteOptions& options, bool lines)
      : output_(output), nan_(options.nan), lines_(lines) {}

  // Several columns stand one after the other in an object: the first has to be whole before the
  // second begins.
  bool takes_slabs(const Result& result, std::size_t columns) const override {
    return columns == 1 || (lines_ && result.lines != Lines::tensor);
  }

  void encode(const Result& result, std::string& text) const override {
    for (const Column& column : result.columns) check_text(column.tensor);
    if (lines_ && result.lines != Lines::tensor) {
      encode_lines(result, text);
    } else {
      encode_tensor(result, text);
    }
  }

  bool takes_stacks() const override { return lines_; }
  bool line_per_tensor() const override { return lines_; }
  bool tells_rows_from_vectors() const override { return !lines_; }

  void put(const Result&, std::string_view text) override { output_.write(text); }

 private:
  /// Text in a small buffer that is emptied into `text` when it is nearly full.
  struct Sink {
    std::string& text;
    char buffer[4096];
    char* p = buffer;

    void reserve() {
      if (p > buffer + sizeof buffer - kNumberBytes - 2) flush();
    }
    void put(char c) {
      reserve();
      *p++ = c;
    }
    void flush() {
      text.append(buffer, p);
      p = buffer;
    }
  };

  template <class T>
  char* number(char* p, T value) const {
    if constexpr (is_floating<T>) {
      const auto wide = widen(value);
      if (!std::isfinite(wide)) [[unlikely]] {
        std::string_view word = std::isnan(wide) ? "NaN" : wide > 0 ? "Infinity" : "-Infinity";
        if (nan_ == NanText::null) word = "null";
        if (nan_ == NanText::string) *p++ = '"';
        p = std::copy(word.begin(), word.end(), p);
        if (nan_ == NanText::string) *p++ = '"';
        return p;
      }
    }
    return format_number(p, value);
  }

  template <class T>
  void encode_row(Sink& sink, const T* values, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) {
        *sink.p++ = ',';
        *sink.p++ = ' ';
      }
      sink.p = number(sink.p, values[i]);
      sink.reserve();
    }
  }

  /// The dimensions of `shape` from `dim` on, nested; returns the end of the values used.
  template <class T>
  const T* encode_nested(Sink& sink, const Shape& shape, std::size_t dim, const T* values) const {
    if (dim == shape.size()) {
      sink.reserve();
      sink.p = number(sink.p, *values);
      return values + 1;
    }
    sink.put('[');
    values = encode_elements(sink, shape, dim, values);
    sink.put(']');
    return values;
  }

  /// The elements of dimension `dim` with what separates them, without brackets around.
  template <class T>
  const T* encode_elements(Sink& sink, const Shape& shape, std::size_t dim, const T* values) const {
    const std::int64_t size = shape[dim];
    if (dim + 1 == shape.size()) {
      sink.reserve();
      encode_row(sink, values, static_cast<std::size_t>(size));
      return values + size;
    }
    for (std::int64_t i = 0; i < size; ++i) {
      if (i != 0) {
        sink.put(',');
        sink.put(' ');
      }
      values = encode_nested(sink, shape, dim + 1, values);
    }
    return values;
  }

  static std::string key(const Column& column) {
    return "\"" + column.label + "\": ";
  }  // labels are our own words

  void encode_tensor(const Result& result, std::string& text) const {
    const bool object = result.columns.size() > 1;
    Sink sink{text, {}};
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      const Tensor& tensor = result.columns[i].tensor;
      if (object) {
        sink.flush();
        text += (i == 0 ? "{" : ", ") + key(result.columns[i]);
      }
      if (tensor.dim() != 0) {
        if (result.begins) {
          sink.put('[');
        } else if (tensor.shape()[0] != 0) {
          sink.put(',');
          sink.put(' ');
        }
      }
      dispatch(tensor.dtype(), [&](auto type) {
        const auto* values = tensor.data<typename decltype(type)::type>().data();
        tensor.dim() == 0 ? encode_nested(sink, tensor.shape(), 0, values)
                          : encode_elements(sink, tensor.shape(), 0, values);
      });
      if (tensor.dim() != 0 && result.ends) sink.put(']');
    }
    if (object) sink.put('}');
    if (result.ends) sink.put('\n');
    sink.flush();
  }

  /// A column of a Result as lines, each a value of this shape.
  struct Record {
    std::int64_t lines;
    Shape shape;
  };

  static Record record_of(const Result& result, const Column& column) {
    const Tensor& tensor = column.tensor;
    if (result.lines == Lines::rows) {
      const auto fields = static_cast<std::int64_t>(fields_of(result, column));
      return {fields == 0 ? 0 : tensor.numel() / fields, {fields}};
    }
    return {tensor.shape()[0], Shape(tensor.shape().begin() + 1, tensor.shape().end())};
  }

  void encode_lines(const Result& result, std::string& text) const {
    Sink sink{text, {}};
    if (result.columns.size() == 1) {
      const Column& column = result.columns[0];
      const Record record = record_of(result, column);
      dispatch(column.tensor.dtype(), [&](auto type) {
        const auto* values = column.tensor.data<typename decltype(type)::type>().data();
        for (std::int64_t line = 0; line < record.lines; ++line) {
          values = encode_nested(sink, record.shape, 0, values);
          sink.put('\n');
        }
      });
      sink.flush();
      return;
    }
    std::vector<Record> records;
    std::vector<const std::byte*> at;
    for (const Column& column : result.columns) {
      records.push_back(record_of(result, column));
      at.push_back(column.tensor.bytes());
      if (records.back().lines == records[0].lines) continue;
      throw Error(ErrorKind::unsupported,
                  "results of different numbers of rows have no common lines",
                  option("write.format", "json") + " holds tensors of any shape");
    }
    for (std::int64_t line = 0; line < records[0].lines; ++line) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        sink.flush();
        text += (i == 0 ? "{" : ", ") + key(result.columns[i]);
        dispatch(result.columns[i].tensor.dtype(), [&](auto type) {
          using T = typename decltype(type)::type;
          at[i] = reinterpret_cast<const std::byte*>(
              encode_nested(sink, records[i].shape, 0, reinterpret_cast<const T*>(at[i])));
        });
      }
      sink.put('}');
      sink.put('\n');
    }
    sink.flush();
  }

  Output& output_;
  NanText nan_;
  bool lines_;
};

}  // namespace

std::unique_ptr<Decoder> json_decoder(Source& source, const ReadOptions& options, const Wanted&) {
  return std::make_unique<JsonDecoder>(source, options, false, false);
}

std::unique_ptr<Decoder> jsonl_decoder(Source& source, const ReadOptions& options,
                                       const Wanted& wanted) {
  return std::make_unique<JsonDecoder>(source, options, true, wanted.stacks);
}

std::unique_ptr<detail::Encoder> json_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, false);
}

std::unique_ptr<detail::Encoder> jsonl_encoder(Output& output, const WriteOptions& options) {
  return std::make_unique<JsonEncoder>(output, options, true);
}

}  // namespace rectify
