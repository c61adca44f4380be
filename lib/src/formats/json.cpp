// JSON and JSON Lines: RFC 8259 arrays of numbers, with NaN, Infinity, -Infinity as Python's json
// writes them, or as strings, and null for NaN. A value follows another after white space (jsonl: on
// a line of its own, as a rule) or the RS of RFC 7464; each is a tensor. Long arrays are read in
// runs of their outermost elements. An object of names and such arrays is a file of several tensors,
// and is read whole. A literal may be typed as in Python (json_python.hpp).
// Refused on purpose: other text, booleans and objects within arrays or objects (but see
// JsonPointer), two members of one name, ragged rows, more than 128 dimensions.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "arrays.hpp"
#include "dispatch.hpp"
#include "format.hpp"
#include "json_array.hpp"
#include "json_pointer.hpp"
#include "json_python.hpp"
#include "json_text.hpp"
#include "rewrite.hpp"

namespace rectify::inline v1 {
namespace {

// A tensor takes a hundred times the memory of a short number's text: of values that may each be
// one, less is read at a time than of an array.
constexpr std::size_t kValuesBytes = std::size_t{32} << 10;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

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
  std::size_t end = 0;      // behind the last white space or RS between values
  std::size_t bracket = 0;  // behind the last bracket that closes a value

  /// Of the values that end in `text`, those up to the first that ends behind `enough` bytes.
  void look(std::string_view text, std::size_t enough) {
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
      } else if (depth == 0 && is_between(c)) {
        end = seen + 1;
      } else if (c == '"') {
        in_string = true;
      }
    }
  }
};

class JsonDecoder final : public Decoder {
 public:
  JsonDecoder(Source& source, const ReadOptions& options, const Wanted& wanted, bool lines)
      : name_(source.name()),
        cutter_(source, options.block_bytes),
        block_bytes_(options.block_bytes),
        values_bytes_(std::clamp<std::size_t>(block_bytes_, 1,
                                              wanted.stacks && lines ? kStackBytes : kValuesBytes)),
        dtype_(options.dtype.value_or(DType::float32)),
        lines_(lines),
        stacks_(wanted.stacks && lines),
        rows_of_one_(options.rows_of_one && lines),
        python_(options.python && !lines),
        keys_(options.keys),
        rewriting_(wanted.rewriting) {
    if (options.pointer) {
      pointer_.emplace(*options.pointer);
      path_ = *options.pointer;
    } else if (rows_of_one_ && !keys_.empty()) {
      throw Error(
          ErrorKind::usage,
          option("keys") + " takes tensors by their names, and these lines are the rows of one",
          keys_[0].find_first_of("*?['") == std::string::npos
              ? option("pointer", pointer_step(keys_[0])) + " in its place takes a value of each"
              : "",
          {name_});
    }
    TableStyle style;
    style.format = lines ? "jsonl" : "json";
    rewrites_ = rewriting_ != nullptr && !pointer_ && keys_.empty() && !python_ && !rows_of_one_ &&
                rewriting_->takes(dtype_, style);
  }

  void restrict_to(const Part& part) override {
    if (!lines_) {
      throw Error(ErrorKind::usage,
                  option("part") + " divides JSON Lines, and this is one JSON document",
                  option("read.format", "jsonl") + " reads a value a line", {name_});
    }
    cutter_.restrict_to(part);
  }

  bool cut(Chunk& chunk) override {
    if (begun_ && cutter_.ended()) return false;
    const bool first = !begun_;
    begun_ = true;
    take(chunk);
    const std::uint64_t body = first ? cutter_.offset(chunk) : 0;
    if (first && (rows_of_one_ || cutter_.is_restricted())) {
      // To the first value: of its shape are the rows, and without one no part is right to be
      // empty.
      while (blank(chunk.text()) && !chunk.last) take(chunk);
      if (rows_of_one_ && !blank(chunk.text())) row_ = shape_of_value(chunk, chunk.bytes.data());
    }
    if (chunk.last && !any_) {
      throw Error(ErrorKind::data, "no tensor in it: expected a number or a list of numbers", {},
                  place_in(chunk, name_, chunk.bytes.data() + chunk.size));
    }
    if (first && cutter_.is_restricted()) {
      std::optional<Shape> ahead = shape_ahead(chunk, body);
      cutter_.go_to_part(body);
      inside_ = false;  // of the array that the whole begins with
      vain_ = false;
      take(chunk);
      chunk.ahead = std::move(ahead);
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
    if (chunk.ahead) {
      Result& result = results.emplace_back();
      result.columns.push_back({"", Tensor::empty(*chunk.ahead, dtype_)});
      result.lines = Lines::slices;
      return;
    }
    if (rewrites_.load(std::memory_order_relaxed) && rewritten(chunk, results)) return;
    if (python_) make_json_of_python(chunk, name_);
    dispatch_text(dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      const char* p = chunk.bytes.data();
      if (!chunk.begins || !chunk.ends) p = rows_of_one_ ? p : decode_elements<T>(chunk, results);
      if (p != nullptr) decode_values<T>(chunk, p, results);
    });
  }

  std::uint64_t lines_before() const override { return cutter_.lines_before(); }

 private:
  /// The next chunk: whole values, or elements of a long array.
  void take(Chunk& chunk) {
    cutter_.read_blocks_of(inside_ ? block_bytes_ : values_bytes_);
    cutter_.fill(chunk);
    chunk.begins = !inside_;
    chunk.ends = true;
    chunk.ahead.reset();
    chunk.glued = glued_;
    if (python_) {  // a literal is short
      while (!cutter_.ended()) cutter_.grow(chunk);
      cutter_.split(chunk, chunk.size);
    } else if (!inside_) {
      // Whole values, if there is one; else the first elements of a long array.
      Nesting nesting;
      for (;;) {
        const std::string_view text = chunk.text();
        const bool few = chunk.size <= 2 * values_bytes_;
        if (vain_ || (cutter_.ended() && few)) {
          cutter_.split(chunk, chunk.size);
          break;
        }
        const char* const first = skip_between(text.data(), text.data() + text.size());
        nesting.look(text, static_cast<std::size_t>(first - text.data()) + values_bytes_);
        if (blank(text.substr(0, nesting.end)) && !blank(text)) nesting.end = 0;
        if (nesting.end != 0) {
          cutter_.split(chunk, nesting.end);
          break;
        }
        if (cutter_.ended()) {
          cutter_.split(chunk, chunk.size);
          break;
        }
        // Behind a bracket alone there may be more of what is wrong with the value.
        if (cutter_.full(chunk) && nesting.bracket != 0 &&
            is_glued(text.data() + nesting.bracket, text.data() + text.size())) {
          vain_ = true;
          cutter_.split(chunk, chunk.size);
          break;
        }
        if (!cutter_.full(chunk) || nesting.bracket != 0) {
          cutter_.grow(chunk);
          continue;
        }
        const bool document = pointer_ || begins_with(text, '{');
        if (!document && !rows_of_one_ && begins_with(text, '[')) {
          rank_ = 0;
          if (cut_elements(chunk)) break;
        } else if (is_vain(text, document) ||
                   (document ? nesting.depth > std::int64_t{kMostDepth}
                             : !begins_with(text, '[') && is_hopeless(text))) {
          vain_ = true;
          cutter_.split(chunk, chunk.size);  // decode() says what it is
          break;
        }
        cutter_.grow(chunk);
      }
    } else {
      settled_ = 0;
      while (!cut_elements(chunk)) cutter_.grow(chunk);
    }
    any_ = any_ || !blank(chunk.text());
    glued_ = chunk.size != 0 && !is_between(chunk.text().back());
  }

  static bool blank(std::string_view text) {
    return skip_between(text.data(), text.data() + text.size()) == text.data() + text.size();
  }
  static bool begins_with(std::string_view text, char bracket) {
    const char* p = skip_between(text.data(), text.data() + text.size());
    return p != text.data() + text.size() && *p == bracket;
  }
  /// Whether neither a number nor the start of one is all that stands in `text`, and all that a
  /// message says of the rest is there.
  static bool is_hopeless(std::string_view text) {
    const char* const end = text.data() + text.size();
    const char* p = skip_between(text.data(), end);
    for (const std::string_view word : {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""}) {
      const auto size = std::min(word.size(), static_cast<std::size_t>(end - p));
      if (std::string_view(p, size) != word.substr(0, size)) continue;
      p += size;
      break;
    }
    while (p != end && is_wordlike(*p)) ++p;
    p = skip_space(p, end);
    return static_cast<std::size_t>(end - p) > kTokenBytes || std::any_of(p, end, ends_token);
  }

  /// Whether `text` has a byte that is in no array of numbers, or in no document at all, and all
  /// that a message says of the rest. To read on would be vain, and may have no end.
  static bool is_vain(std::string_view text, bool document) {
    constexpr auto kInArrays = [] {
      std::array<bool, 256> is_in{};
      for (const char c : std::string_view(" \t\r\n[],+-.0123456789eENaInfityul\""))
        is_in[static_cast<unsigned char>(c)] = true;
      return is_in;
    }();
    const char* const end = text.data() + text.size();
    const char* const bad = std::find_if(skip_between(text.data(), end), end, [&](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return document ? byte < ' ' && !is_space(c) : !kInArrays[byte];
    });
    return static_cast<std::size_t>(end - bad) > kTokenBytes;
  }

  /// Whether something else than white space or RS stands at `p`, behind a value, and all that a
  /// message says of it is there.
  bool is_glued(const char* p, const char* end) const {
    return p != end && !is_between(*p) &&
           (cutter_.ended() || static_cast<std::size_t>(end - p) > kTokenBytes ||
            std::any_of(p, end, ends_token));
  }

  /// Splits the chunk behind a run of elements of the array at hand, or behind the array. False: it
  /// takes more text.
  bool cut_elements(Chunk& chunk) {
    const char* const begin = chunk.bytes.data();
    const char* const end = begin + chunk.size;
    const char* p = begin + settled_;
    if (chunk.begins) {
      p = skip_between(begin, end) + 1;
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
      if (q != end && *q == '{') {  // of which a message tells more
        vain_ = static_cast<std::size_t>(end - q) > kTokenBytes || cutter_.ended();
        if (vain_) cutter_.split(chunk, chunk.size);
        return vain_;
      }
      rank_ = depth;
    }
    // An element ends with as many brackets as its first one has dimensions, the array with one
    // more. Where nesting differs from that of the first element there is an error before the
    // brackets could mislead.
    const char* last = nullptr;  // behind the last comma between elements
    // Up to where brackets need not be looked at again once there is more.
    const auto settle = [&](const char* at) {
      if (!chunk.begins && last == nullptr) settled_ = static_cast<std::size_t>(at - begin);
    };
    for (;;) {
      const void* found =
          p == end ? nullptr : std::memchr(p, ']', static_cast<std::size_t>(end - p));
      const char* bracket = found == nullptr ? end : static_cast<const char*>(found);
      if (rank_ == 0) {
        const void* comma =
            bracket == p ? nullptr : ::memrchr(p, ',', static_cast<std::size_t>(bracket - p));
        if (comma != nullptr) last = static_cast<const char*>(comma) + 1;
      }
      if (bracket == end) {
        if (rank_ != 0) settle(p == end ? begin + settled_ : end);
        break;
      }
      settle(bracket);
      std::size_t closed = 1;
      p = skip_space(bracket + 1, end);
      while (p != end && *p == ']' && closed <= rank_) {
        ++closed;
        p = skip_space(p + 1, end);
      }
      if (closed > rank_) {
        while (p[-1] != ']') --p;
        // It is complete, and given out, once it is known that nothing is glued to it.
        vain_ = is_glued(p, end);
        if (!vain_ && (p == end || !is_between(*p)) && !cutter_.ended()) return false;
        chunk.element = element_;
        cutter_.split(chunk, vain_ ? chunk.size : static_cast<std::size_t>(p - begin));
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
        element_ = shape_of_element(chunk);
      }
      chunk.element = element_;
      inside_ = true;
      return true;
    }
    if (last != nullptr && is_line) p = last;
    vain_ = cutter_.full(chunk) &&
            ((rank_ == 0 && is_hopeless({p, static_cast<std::size_t>(end - p)})) ||
             is_vain(chunk.text(), false));
    if (cutter_.ended() || vain_) {
      cutter_.split(chunk, chunk.size);  // an error, which decode() finds
      chunk.element = element_;
      chunk.ends = true;
      inside_ = false;
      return true;
    }
    return false;
  }

  /// The shape of the value at `p`, of the first one if a pointer names several, and how many it finds.
  Shape shape_of_value(const Chunk& chunk, const char* p,
                       std::size_t* values_found = nullptr) const {
    ArrayReader<double> reader(chunk, name_, Spelling::json, path_);
    Sizes sizes;
    std::vector<double> values;
    std::int64_t rows = 0;
    p = skip_between(p, chunk.bytes.data() + chunk.size);
    std::vector<const char*> found{p};
    if (pointer_) pointer_->find(chunk, name_, p, found);
    reader.read(found[0], 0, false, false, sizes, values, rows);
    if (values_found != nullptr) *values_found = found.size();
    return sizes.shape();
  }

  /// Of a first part that ends in front of the first value, which is in the chunk: the shape of no rows
  /// such as that has, of which a table writes its header. Nothing else.
  std::optional<Shape> shape_ahead(const Chunk& chunk, std::uint64_t body) const {
    const char* const begin = chunk.bytes.data();
    const char* const value = skip_between(begin, begin + chunk.size);
    const std::uint64_t at = cutter_.offset(chunk) + static_cast<std::uint64_t>(value - begin);
    if (!stacks_ || !cutter_.has_start() || value == begin + chunk.size ||
        at < cutter_.part_end(body))
      return std::nullopt;
    try {
      std::size_t found = 0;
      Shape shape = shape_of_value(chunk, begin, &found);
      if (pointer_ && pointer_->names_several())
        shape.insert(shape.begin(), static_cast<std::int64_t>(found));
      if (shape.size() > 2) return std::nullopt;  // no table
      if (shape == Shape{0}) return shape;        // a column
      if (shape.size() == 2) shape.erase(shape.begin());
      shape.insert(shape.begin(), 0);
      return shape;
    } catch (const Error&) {
      return std::nullopt;  // the part that it is in tells of it
    }
  }

  /// That of the first element of the array that the chunk begins with.
  Shape shape_of_element(const Chunk& chunk) const {
    const char* const begin = chunk.bytes.data();
    try {
      return shape_of_value(chunk, skip_between(begin, begin + chunk.size) + 1);
    } catch (const Error&) {
      return Shape(rank_, Sizes::kUnknown);  // decode() meets the same, and knows the dtype
    }
  }

  /// Where the value behind `p` begins, or the chunk's end. White space or RS has to stand before
  /// it.
  template <class T>
  const char* next_value(const ArrayReader<T>& reader, const Chunk& chunk, const char* p) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    const char* value = skip_between(p, end);
    if (value == p && p != end && (p != chunk.bytes.data() || chunk.glued)) {
      reader.fail(p, "expected the end of the value but found " + kind_at(p, end),
                  python_ ? "the numbers of a list are in brackets"
                          : "values are separated by white space");
    }
    return value;
  }

  template <class T>
  ArrayReader<T> reader_of(const Chunk& chunk, std::string path) const {
    return {chunk, name_, python_ ? Spelling::python : Spelling::json, std::move(path)};
  }

  // ---- rows whose text is changed where it stands ------------------------------------------------

  /// Makes a Result of rows of a long matrix, or of records on a line each, as they are written
  /// again. False: it takes a look at their values.
  bool rewritten(const Chunk& chunk, std::vector<Result>& results) const {
    const bool inside = !chunk.begins || !chunk.ends;
    if (chunk.begins && chunk.glued) return false;
    if (inside ? chunk.element.size() != 1 || chunk.element[0] < 1 : !stacks_) return false;
    // What stands around rows that are written so already.
    const std::string_view before = !inside ? "[" : chunk.begins ? "[[" : " [";
    const std::string_view behind = !inside ? "\n" : chunk.ends ? "]" : ",";
    std::string_view rows = chunk.text();
    std::string text;
    bool is_done = rows.size() > 3 && rows.starts_with(before) && rows.ends_with(behind);
    std::int64_t width = 0;
    if (is_done) {
      rows.remove_prefix(before.size());
      rows.remove_suffix(behind.size());
      width = inside ? chunk.element[0]
                     : 1 + std::count(rows.begin(), std::find(rows.begin(), rows.end(), ']'), ',');
      text.reserve(rows.size() + rows.size() / 4);
      text = "[";
      const Dialect dialect{.grammar = NumberGrammar::json,
                            .fields = static_cast<std::size_t>(width),
                            .nested = inside};
      is_done = dtype_ == DType::float32   ? rewrite<float>(rows, dialect, *rewriting_, text)
                : dtype_ == DType::float64 ? rewrite<double>(rows, dialect, *rewriting_, text)
                                           : false;
    }
    if (!is_done) {  // others will be like this one
      rewrites_.store(false, std::memory_order_relaxed);
      return false;
    }
    if (!inside) text += '\n';
    Result& result = results.emplace_back();
    result.columns.push_back({"", Tensor::empty({0, width}, dtype_)});
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    if (!inside) result.lines = Lines::slices;
    result.text = std::move(text);
    return true;
  }

  /// A tensor without a name is none that keys choose.
  void check_unnamed(const Chunk& chunk, const char* p) const {
    if (keys_.empty()) return;
    throw Error(ErrorKind::usage,
                option("keys") + " takes a tensor by its name, and this one has none", {},
                place_in(chunk, name_, p));
  }

  /// Elements of a long array. Returns the array's end, or null if it is not in the chunk.
  template <class T>
  const char* decode_elements(const Chunk& chunk, std::vector<Result>& results) const {
    ArrayReader<T> reader = reader_of<T>(chunk, path_);
    Shape shape = chunk.element;
    shape.insert(shape.begin(), Sizes::kUnknown);
    Sizes sizes(shape);
    std::vector<T> values;
    values.reserve(chunk.size / 8);
    const char* p = chunk.bytes.data();
    if (chunk.begins) {
      p = next_value(reader, chunk, p);
      check_unnamed(chunk, p++);
    }
    p = reader.read(p, 1, chunk.begins, !chunk.ends, sizes, values, sizes.size[0]);
    if (chunk.ends && p != chunk.bytes.data() + chunk.size && !is_between(*p))
      next_value(reader, chunk, p);
    Result& result = add(results, values, sizes.shape());
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    return chunk.ends ? p : nullptr;
  }

  /// A vector in JSON Lines is a record: a line of its own in CSV, too.
  void mark_record(Result& result) const {
    const Shape& of = result.columns[0].tensor.shape();
    if (!lines_ || of.size() != 1 || of[0] == 0) return;
    result.lines = Lines::rows;
    result.fields = static_cast<std::size_t>(of[0]);
  }

  /// Whole values from `p` on: a Result each, or stacked as the slices or rows of one.
  template <class T>
  void decode_values(const Chunk& chunk, const char* p, std::vector<Result>& results) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    ArrayReader<T> reader = reader_of<T>(chunk, path_);
    std::vector<T> values;  // of one tensor, or of `count` that are stacked
    if (rows_of_one_) values.reserve(chunk.size / 8);
    Shape stacked = chunk.element;
    std::int64_t count = 0;
    std::vector<const char*> found;
    const auto unstack = [&] {
      if (count != 0 || rows_of_one_) {
        stacked.insert(stacked.begin(), std::exchange(count, 0));
        Result& result = add(results, values, stacked);
        if (rows_of_one_) {
          result.begins = chunk.begins;
          result.ends = chunk.ends;
          result.of_part = cutter_.is_of_several();
        } else {
          result.lines = Lines::slices;
        }
      }
      values.clear();
    };
    for (;;) {
      const std::size_t before = values.size();
      Sizes sizes = rows_of_one_ ? Sizes(chunk.element) : Sizes();
      std::int64_t rows = 0;
      try {
        p = next_value(reader, chunk, p);
        if (p == end) break;
        if (*p == '{' && !pointer_ && !rows_of_one_) {
          std::vector<Result> named;
          p = decode_object<T>(chunk, p, named);
          if (p != end && !is_between(*p)) next_value(reader, chunk, p);
          unstack();
          std::move(named.begin(), named.end(), std::back_inserter(results));
          continue;
        }
        check_unnamed(chunk, p);
        const char* document_end = nullptr;
        found.assign(1, p);
        if (pointer_) document_end = pointer_->find(chunk, name_, p, found);
        for (const char* value : found)
          p = reader.read(value, 0, false, false, sizes, values, rows);
        if (pointer_) p = document_end;
        // With something else glued to it the value is not whole, and is not given out.
        if (p != end && !is_between(*p)) next_value(reader, chunk, p);
      } catch (const Error&) {
        values.resize(before);
        if (!rows_of_one_) unstack();  // what came before is right
        throw;
      }
      if (rows_of_one_) {
        count += static_cast<std::int64_t>(found.size());
        continue;
      }
      Shape shape = sizes.shape();
      if (pointer_ && pointer_->names_several())
        shape.insert(shape.begin(), static_cast<std::int64_t>(found.size()));
      const bool stacks = stacks_ && shape.size() <= 1 && values.size() != before;
      if (count != 0 && (!stacks || shape != stacked)) {
        std::vector<T> own(values.begin() + static_cast<std::ptrdiff_t>(before), values.end());
        values.resize(before);
        unstack();
        values = std::move(own);
      }
      if (stacks) {
        if (count++ == 0) stacked = std::move(shape);
        continue;
      }
      Result& result = add(results, values, std::move(shape));
      mark_record(result);
      values.clear();
    }
    unstack();
  }

  /// What to do about an object of which one member is not a tensor: to choose the largest that is.
  template <class T>
  std::string hint_of_others(const Chunk& chunk, const char* p) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    ArrayReader<T> reader = reader_of<T>(chunk, path_);
    std::string best, other;
    std::size_t most = 0;
    try {
      do {
        std::string name;
        const char* const value = read_name(chunk, name_, skip_space(p + 1, end), name);
        const char* const inner = *value == '[' ? skip_space(value + 1, end) : value;
        if (other.empty() && inner != end && *inner == '{')
          other = hint_for_object(chunk, inner, pointer_step(name), inner == value ? 0 : 1);
        std::vector<T> values;
        try {
          Sizes sizes;
          std::int64_t rows = 0;
          reader.read(value, 0, false, false, sizes, values, rows);
        } catch (const Error&) {
          values.clear();
        }
        if (values.size() > most) {
          most = values.size();
          best = std::move(name);
        }
        p = skip_space(skip_value(chunk, name_, value), end);
      } while (p != end && *p == ',');
    } catch (const Error&) {
      return "";  // it is not JSON
    }
    const bool can_be_typed = escaped(best) == best && best.find('\'') == std::string::npos;
    return most != 0 && can_be_typed
               ? option("keys", in_quotes(best)) + " takes a member that is a tensor"
               : other;
  }

  /// The tensors of the object at `p`, under their names; returns its end.
  template <class T>
  const char* decode_object(const Chunk& chunk, const char* p, std::vector<Result>& results) const {
    const char* const end = chunk.bytes.data() + chunk.size;
    const char* const object = p;
    ArrayReader<T> reader = reader_of<T>(chunk, path_);
    const auto contents = std::make_shared<Contents>();
    contents->chosen = true;  // text has no dtype that would keep a tensor from being operated on
    std::vector<std::string> names;
    std::unordered_set<std::string> distinct;
    std::vector<T> values;
    p = skip_space(p + 1, end);
    if (p != end && *p == '}') reader.fail(object, "an object without a tensor");
    for (;;) {
      const char* const at = p;
      std::string name;
      p = read_name(chunk, name_, p, name);
      if (!distinct.insert(name).second)
        reader.fail(at, "two tensors are called " + in_quotes(name));
      if (is_chosen(keys_, name) || keys_.empty()) {
        Sizes sizes;
        std::int64_t rows = 0;
        values.clear();
        try {
          p = reader_of<T>(chunk, pointer_step(name)).read(p, 0, false, false, sizes, values, rows);
        } catch (const Error& error) {
          if (!error.hint().empty()) throw;
          throw Error(error.kind(), error.message(), hint_of_others<T>(chunk, object),
                      error.place());
        }
        Result& result = add(results, values, sizes.shape());
        const Tensor& tensor = result.columns[0].tensor;
        result.name = name;
        if (tensor.dim() != 0) result.length = tensor.shape()[0];
        if (tensor.dim() >= 2) result.lines = Lines::slices;
        mark_record(result);
        contents->entries.push_back(
            {name, std::string(rectify::name(dtype_)), dtype_, tensor.shape(), tensor.nbytes()});
      } else {
        p = skip_value(chunk, name_, p);
      }
      names.push_back(std::move(name));
      p = skip_space(p, end);
      if (p == end) reader.fail(p, "unexpected end of input inside an object", "a '}' is missing");
      if (*p == '}') break;
      if (*p != ',') reader.fail(p, "expected ',' or '}' but found " + kind_at(p, end));
      p = skip_space(p + 1, end);
    }
    // To tell the place takes longer than to read a short object.
    if (!keys_.empty())
      check_keys(keys_, {names.begin(), names.end()}, place_in(chunk, name_, object));
    for (Result& result : results) result.file = contents;
    return p + 1;
  }

  template <class T>
  static Result& add(std::vector<Result>& results, const std::vector<T>& values, Shape shape) {
    Result& result = results.emplace_back();
    result.columns.push_back({"", Tensor::of(std::span<const T>(values), std::move(shape))});
    return result;
  }

  std::string name_;
  TextCutter cutter_;
  std::size_t block_bytes_;   // read at a time of a long array
  std::size_t values_bytes_;  // and of values that may be short
  DType dtype_;
  bool lines_;
  bool stacks_;
  bool rows_of_one_;
  bool python_;
  std::optional<JsonPointer> pointer_;
  std::string path_;  // what the pointer says
  std::vector<std::string> keys_;
  const Rewriting* rewriting_;
  mutable std::atomic<bool> rewrites_ = false;  // until that was in vain

  bool begun_ = false;
  bool any_ = false;         // a tensor has been cut
  bool glued_ = false;       // the last chunk did not end in white space
  bool inside_ = false;      // the last chunk ended between the elements of an array
  std::size_t settled_ = 0;  // of the chunk at hand, if so
  bool vain_ = false;        // decode() stops at the last chunk: what follows is not read on for
  std::size_t rank_ = 0;     // dimensions of that array's elements
  Shape element_;            // and their shape
  Shape row_;                // with rows_of_one_: the shape of every value
};

}  // namespace

std::unique_ptr<Decoder> json_decoder(Source& source, const ReadOptions& options,
                                      const Wanted& wanted) {
  return std::make_unique<JsonDecoder>(source, options, wanted, false);
}

std::unique_ptr<Decoder> jsonl_decoder(Source& source, const ReadOptions& options,
                                       const Wanted& wanted) {
  return std::make_unique<JsonDecoder>(source, options, wanted, true);
}
}  // namespace rectify::inline v1
