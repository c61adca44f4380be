// Partial figures: the state of a mode as text, and back.
//
// {"checksum":"...","mode":"LeakyReLU(negative_slope=0.01)","rows":64,"units":[[...],...],
// "version":2}. The members stand in the order of their names and without blanks, so that a JSON
// library that has read and written them leaves the text that the checksum is of. Values are
// counts, sums as ExactSum::text() has them, extremes as Keys and differences as the bits of a
// double; what is in a unit's array and in which order, fields() tells. The first mode's units
// begin with the inputs. "classes", of the first mode alone and only if there is a histogram, are
// pairs of an index and a count.

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "compare/tally.hpp"
#include "dispatch.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

using namespace detail;

namespace {

using Json = nlohmann::json;

constexpr int kPartialVersion = 2;
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 62;
// The bits of doubles.
constexpr std::uint64_t kInfinity = std::uint64_t{0x7FF} << 52;
constexpr std::uint64_t kNan = std::uint64_t{0xFFF} << 51;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::data, "these partial figures cannot be read: " + what,
              "make them again with " + option("Tally::partial"));
}

void require(bool possible, const char* what) {
  if (!possible) refuse(what);
}

std::uint64_t count_in(const Json& json, std::uint64_t most) {
  require(json.is_number_unsigned(), "a count is missing");
  const auto count = json.get<std::uint64_t>();
  require(count <= most, "a count is too large");
  return count;
}

/// A sum of squares, whose bounds are others than those of a sum.
struct Squares {
  ExactSum& sum;
};

/// Puts a comma between items.
class StateWriter {
 public:
  explicit StateWriter(std::string& text) : text_(text) {}

  void put(std::uint64_t count) { item(std::to_string(count)); }
  void put(const ExactSum& sum) { item('"' + sum.text() + '"'); }
  void put(Squares squares) { put(squares.sum); }
  void put(double value) {
    item(std::to_string(std::isnan(value) ? kNan : std::bit_cast<std::uint64_t>(value)));
  }
  void put(const Range& range) {
    item(range.empty() ? "null" : std::to_string(range.low));
    item(range.empty() ? "null" : std::to_string(range.high));
  }

 private:
  void item(const std::string& json) {
    if (!std::exchange(first_, false)) text_ += ',';
    text_ += json;
  }

  std::string& text_;
  bool first_ = true;
};

/// The opposite, for a unit of at most `most` values. What is read may be of no possible input, but
/// all that the figures are made of is within its bounds.
class StateReader {
 public:
  StateReader(DType dtype, const Json& items, std::uint64_t most)
      : dtype_(dtype), items_(items), most_(most) {
    require(items.is_array(), "a unit is not an array");
  }

  void put(std::uint64_t& count) { count = count_in(item(), most_); }
  void put(ExactSum& sum) { read(sum, ExactSum::Terms::doubles); }
  void put(Squares squares) { read(squares.sum, ExactSum::Terms::squares); }
  void put(double& value) {
    const std::uint64_t bits = count_in(item(), kNan);
    require(bits <= kInfinity || bits == kNan, "a greatest difference cannot be");
    value = std::bit_cast<double>(bits);
  }
  void put(Range& range) {
    const Json& low = item();
    const Json& high = item();
    if (low.is_null() && high.is_null()) return;
    range = {key_in(low), key_in(high)};
    require(!range.empty(), "the least value is greater than the greatest");
  }
  void end() { require(next_ == items_.size(), "a unit has more items than it should"); }

 private:
  const Json& item() {
    require(next_ < items_.size(), "a unit has fewer items than it should");
    return items_[next_++];
  }

  void read(ExactSum& sum, ExactSum::Terms terms) {
    const Json& json = item();
    require(json.is_string(), "a sum is missing");
    std::optional<ExactSum> read = ExactSum::from_text(json.get_ref<const std::string&>(), terms);
    require(read.has_value(), "a sum is not written as it should be");
    sum = *std::move(read);
  }

  Key key_in(const Json& json) const {
    require(json.is_number_integer() &&
                (!json.is_number_unsigned() || std::in_range<Key>(json.get<std::uint64_t>())),
            "an extreme is missing");
    const auto key = json.get<Key>();
    const bool in_dtype = dispatch(dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (std::is_same_v<T, bool> || !is_floating<T>) {
        return std::in_range<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>>(key);
      } else {
        const auto value = value_of<Compute<T>>(key);
        return !std::isnan(value) && key_of(widen(narrow<T>(value))) == key;
      }
    });
    require(in_dtype, "an extreme is not a value of the dtype");
    return key;
  }

  DType dtype_;
  const Json& items_;
  std::uint64_t most_;
  std::size_t next_ = 0;
};

/// Writes the fields of a unit under a mode, or reads them; the outcome is that of a mode that is not a
/// rectifier.
template <class Io>
void fields(Io& io, const Modes& modes, Kept& kept, std::size_t mode, std::size_t unit,
            Outcome& of) {
  const auto put = [&](auto&&... values) { (io.put(values), ...); };
  if (mode == 0) {
    Inputs& in = kept.inputs[unit];
    put(in.nan, in.positive_infinite, in.negative_infinite, in.positive, in.zero, in.negative);
    put(in.above, in.below, in.sum, Squares{in.squares});
  }
  if (!modes.plans[mode].rectifier) {
    put(of.zero, of.live, of.range, of.y.nan, of.y.plus_infinite, of.y.minus_infinite, of.above,
        of.below, Squares{of.squares});
    put(of.g.nan, of.g.plus_infinite, of.g.minus_infinite, of.gradients);
  } else if (!modes.plans[mode].flat) {
    Below& below = kept.below[mode][unit];
    put(below.zero, below.infinite, below.sum, Squares{below.squares});
  }
  if (mode != 0) put(kept.differences[mode][unit].count, kept.differences[mode][unit].greatest);
}

/// Throws unless the counts of a unit of `n` values, each at most n, leave none for another.
void check_counts(const Modes& modes, const Kept& kept, std::size_t mode, std::size_t unit,
                  const Outcome& of, std::uint64_t n) {
  const Inputs& in = kept.inputs[unit];
  const std::uint64_t k = in.count();
  const auto has_extremes = [](const Range& range, std::uint64_t count) {
    require(range.empty() == (count == 0), "there are extremes of no values, or none of some");
  };
  if (mode == 0) {
    // Step by step: of enormous shapes their sum can be more than 64 bits.
    require(in.positive <= n && in.negative <= n - in.positive &&
                in.zero <= n - in.positive - in.negative &&
                in.nan == n - in.positive - in.negative - in.zero,
            "the counts of a unit do not add up");
    require(in.positive_infinite <= in.positive && in.negative_infinite <= in.negative,
            "a unit has more infinities than values of their sign");
    has_extremes(in.above, in.positive);
    has_extremes(in.below, in.negative);
  }
  bool possible = true;
  if (!modes.plans[mode].rectifier) {
    possible = of.zero <= k && of.live <= k && of.y.nan <= k &&
               of.y.plus_infinite <= k - of.y.nan &&
               of.y.minus_infinite <= k - of.y.nan - of.y.plus_infinite;
    has_extremes(of.range, k - std::min(k, of.y.nan));
    Range known;
    if (of.zero != 0) known.add(Key{0});
    if (modes.plans[mode].keeps_positive) known.add(in.above);
    require(known.empty() || (of.range.low <= known.low && known.high <= of.range.high),
            "the extremes of a unit leave out some of its values");
  } else if (!modes.plans[mode].flat) {
    const Below& below = kept.below[mode][unit];
    possible = below.zero <= in.negative && below.infinite <= in.negative - below.zero;
  }
  if (mode != 0) possible = possible && kept.differences[mode][unit].count <= k;
  require(possible, "a unit has more values than inputs");
}

}  // namespace

std::string checksum(std::string_view whole) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : whole) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string text(16, '0');
  for (char& digit : text) {
    digit = "0123456789abcdef"[hash >> 60];
    hash <<= 4;
  }
  return text;
}

std::string Tally::partial(std::size_t mode) const {
  State& state = *state_;
  state.rectifiers.settle();
  std::string text = "{";
  if (mode == 0 && !state.classes.empty()) {
    text += R"("classes":[)";
    for (std::size_t i = 0; i < state.classes.size(); ++i) {
      if (state.classes[i] == 0) continue;
      text += text.ends_with(']') ? ",[" : "[";
      text += std::to_string(i) + ',' + std::to_string(state.classes[i]) + ']';
    }
    text += "],";
  }
  text += R"("mode":")" + state.options.modes.at(mode).text() + R"(","rows":)" +
          std::to_string(state.rows()) + R"(,"units":[)";
  for (std::size_t u = 0; u < state.units(); ++u) {
    text += u == 0 ? "[" : ",[";
    StateWriter writer(text);
    Outcome outcome;
    if (!state.modes.plans[mode].rectifier) outcome = outcome_of(state.modes, state.kept, mode, u);
    fields(writer, state.modes, state.kept, mode, u, outcome);
    text += ']';
  }
  text += R"(],"version":)" + std::to_string(kPartialVersion) + '}';
  return R"({"checksum":")" + checksum(text) + "\"," + text.substr(1);
}

Tally Tally::from_partial(const CompareOptions& options, DType dtype, const Shape& shape,
                          const std::vector<std::string>& texts) {
  Tally tally(options, dtype, shape);
  State& state = *tally.state_;
  require(texts.size() == options.modes.size(), "there is not one text for each activation");
  for (std::size_t c = 0; c < texts.size(); ++c) {
    const auto is_shallow = [](int depth, Json::parse_event_t, const Json&) {
      constexpr int kDeepest = 4;
      require(depth <= kDeepest, "they nest too deep");
      return true;
    };
    // Json::parse takes a NUL for the end.
    require(texts[c].find('\0') == std::string::npos, "they have a NUL in them");
    Json json = Json::parse(texts[c], is_shallow, false);
    require(json.is_object(), "they are not a JSON object");
    const auto member = [&](const char* key) -> const Json& {
      const auto found = json.find(key);
      if (found == json.end()) refuse("there is no \"" + std::string(key) + '"');
      return *found;
    };
    require(member("version") == kPartialVersion, "they are of another version of rectify");
    const Json sum = member("checksum");
    json.erase("checksum");
    require(sum == checksum(json.dump()), "they are damaged, as their checksum tells");
    require(member("mode") == options.modes[c].text(),
            "they are of another activation or parameter");
    const std::uint64_t rows = count_in(member("rows"), kMostRows);
    const Json& units = member("units");
    require(units.is_array(), "\"units\" is not an array");
    require(c == 0 || rows == state.rows(), "they are of more or fewer rows than the first");
    if (c == 0) {
      require(!state.shape.empty() || rows <= 1, "a tensor without dimensions has one value");
      if (!state.shape.empty()) state.shape[0] = static_cast<std::int64_t>(rows);
      numel(state.shape, dtype);
      if (state.axis == 0) {
        require(units.size() == rows, "there is not one unit a row");
        state.resize(units.size());
      }
    }
    require(units.size() == state.units(), "there are more or fewer units than in the shape");
    // numel() has found that rows * per_row can be counted.
    const std::uint64_t n = state.axis == 0 ? state.per_row
                            : state.axis && state.units() != 0
                                ? rows * (state.per_row / state.units())
                                : rows * state.per_row;
    for (std::size_t u = 0; u < units.size(); ++u) {
      StateReader reader(dtype, units[u], n);
      Outcome outcome;
      fields(reader, state.modes, state.kept, c, u, outcome);
      reader.end();
      check_counts(state.modes, state.kept, c, u, outcome, n);
      if (state.modes.plans[c].rectifier) continue;
      complete(outcome, state.modes.plans[c], state.kept.inputs[u], true);
      state.kept.outcomes[c][u] = std::move(outcome);
    }
    if (c != 0 || state.classes.empty()) continue;
    require(json.contains("classes"), "they hold no histogram");
    const Json& classes = member("classes");
    require(classes.is_array(), "\"classes\" is not an array");
    for (const Json& item : classes) {
      require(item.is_array() && item.size() == 2, "a class is not a pair");
      state.classes[count_in(item[0], state.classes.size() - 1)] = count_in(item[1], kMostRows);
    }
  }
  return tally;
}

}  // namespace rectify::inline v1
