#include "merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <istream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <streambuf>
#include <utility>

#include "report/figures.hpp"

namespace rectify::app {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "rectify.compare/1";
constexpr int kDeepest = 32;  // a partial report nests 9 deep

constexpr std::string_view kPartialHint = "rectify compare --partial writes those";

[[noreturn]] void fail(const std::string& file, std::string message, std::string_view hint = {}) {
  throw Error(ErrorKind::data, std::move(message), std::string(hint), {file});
}

/// A Source as a stream, which is read as the parser takes it: what is not a report may have no end.
class SourceBuffer final : public std::streambuf {
 public:
  explicit SourceBuffer(Source source)
      : source_(std::move(source)), block_(std::size_t{64} << 10) {}

 private:
  int_type underflow() override {
    const std::size_t size = source_.read(block_.data(), block_.size());
    // Which the parser takes for the end.
    if (std::memchr(block_.data(), '\0', size) != nullptr)
      fail(source_.name(), "it is not a partial report: it has a NUL in it", kPartialHint);
    setg(block_.data(), block_.data(), block_.data() + size);
    return size == 0 ? traits_type::eof() : traits_type::to_int_type(block_[0]);
  }

  Source source_;
  std::vector<char> block_;
};

/// The document of a partial file. Brackets upon brackets are refused before anything walks down
/// them.
Json parse(const std::string& file, Source source) {
  const auto is_shallow = [&](int depth, Json::parse_event_t event, const Json&) {
    if (depth == 0 && event == Json::parse_event_t::array_start)
      fail(file, "it is not a partial report", kPartialHint);
    if (depth > kDeepest) fail(file, "it is not a partial report: it nests too deep", kPartialHint);
    return true;
  };
  SourceBuffer buffer(std::move(source));
  std::istream stream(&buffer);
  stream.exceptions(std::ios::badbit);  // what reading throws comes through
  Json document = Json::parse(stream, is_shallow, false);
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  if (schema == document.end() || *schema != kSchema)
    fail(file, "it is not a partial report", kPartialHint);
  return document;
}

/// A whole number that `T` holds; the library's own conversion takes any number.
template <class T>
T whole(const std::string& file, const Json& json) {
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<T>(json.get<std::uint64_t>())
                        : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
  if (!fits)
    fail(file, "it is not a partial report: a number in it is not as it must be", kPartialHint);
  return json.get<T>();
}

/// One tensor of one partial file.
struct PartialTensor {
  std::string file;
  std::string source;
  std::vector<std::string> names;
  DType dtype = DType::float32;
  Shape shape;
  std::vector<std::string> states;  // of each mode
  std::optional<std::int64_t> unit_axis;
  std::vector<Module> modes;
  double dead_below = 0, dormant_below = kDormantBelow;
  Part part;
  std::string head;  // its checksum(), as the file has it
};

/// What the figures of a partial report depend on besides its states, which have checksums of their own. Not
/// the source, which is a name alone, and may be made the same for parts that lie in different files.
std::string head_of(const PartialTensor& tensor) {
  std::string text = fmt::format("{}\n{}\n", name(tensor.dtype), to_string(tensor.shape));
  text += tensor.unit_axis ? fmt::format("{}\n", *tensor.unit_axis) : "none\n";
  text += fmt::format("{} {}\n", tensor.dead_below, tensor.dormant_below);
  for (const Module& mode : tensor.modes) text += mode.text() + '\n';
  for (const std::string& unit : tensor.names) text += unit + '\0';
  return text;
}

/// JSON has no bytes but UTF-8: what is not is in hexadecimal beside it.
bool is_utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)) == text;
}

std::string in_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string from_hex(const std::string& file, const Json& json) {
  const std::string text = json.get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned char byte = 0;
    if (std::from_chars(&text[i], &text[i] + 2, byte, 16).ptr != &text[i] + 2) break;
    bytes += static_cast<char>(byte);
  }
  if (in_hex(bytes) != text)
    fail(file, "it is not a partial report: its bytes are not hexadecimal", kPartialHint);
  return bytes;
}

PartialTensor read_tensor(const std::string& file, const Json& tensor) {
  PartialTensor partial;
  partial.file = file;
  partial.source = tensor.at("source").get<std::string>();
  const auto dtype = find_dtype(tensor.at("dtype").get<std::string>());
  if (!dtype) fail(file, "it has an unknown dtype");
  partial.dtype = *dtype;
  for (const Json& size : tensor.at("shape"))
    partial.shape.push_back(whole<std::int64_t>(file, size));
  numel(partial.shape);
  std::size_t units = 1;
  if (!tensor.at("unit_axis").is_null()) {
    const auto axis = whole<std::size_t>(file, tensor.at("unit_axis"));
    if (axis >= partial.shape.size()) fail(file, "its unit_axis is none of its shape's");
    partial.unit_axis = static_cast<std::int64_t>(axis);
    units = static_cast<std::size_t>(partial.shape[axis]);
  }
  if (tensor.contains("names")) partial.names = tensor.at("names").get<std::vector<std::string>>();
  for (const Json& row : tensor.at("activations")) {
    const Activation* const activation = find_activation(row.at("mode").get<std::string>());
    if (activation == nullptr) fail(file, "it has an unknown mode");
    Module mode(*activation);
    for (const Parameter& parameter : activation->parameters) {
      const bool slope = parameter.name == "negative_slope";
      const std::string key(parameter.name);
      const Json& value = slope ? row.at("slope") : row.at("parameters").at(key);
      try {
        mode = value.is_string() ? mode.with(parameter.name, value.get<std::string>())
                                 : mode.with(parameter.name, value.get<double>());
      } catch (const Error& error) {
        throw error.as(ErrorKind::data).at({file});  // nobody typed it
      }
    }
    partial.modes.push_back(mode);
    if (!row.contains("partial")) {
      fail(file, "it is a report, but not a partial one", kPartialHint);
    }
    const Json& state = row.at("partial");
    const Part part{whole<std::uint64_t>(file, state.at("part").at(0)),
                    whole<std::uint64_t>(file, state.at("part").at(1))};
    if (!partial.states.empty() &&
        (part.index != partial.part.index || part.count != partial.part.count))
      fail(file, "its activations are of different parts");
    const std::string head = state.at("head").get<std::string>();
    if (!partial.states.empty() && head != partial.head)
      fail(file, "it is damaged: its activations have different checksums of the same");
    partial.head = head;
    if (state.contains("bytes")) {
      partial.source = from_hex(file, state.at("bytes").at("source"));
      partial.names.clear();
      for (const Json& unit : state.at("bytes").at("names"))
        partial.names.push_back(from_hex(file, unit));
    }
    partial.part = part;
    if (partial.part.index < 1 || partial.part.index > partial.part.count)
      fail(file, "its part is none");
    if (!partial.shape.empty() && state.at("state").at("rows") != partial.shape[0])
      fail(file, "its rows are more or fewer than in its shape");
    // Before any memory is taken for them.
    if (state.at("state").at("units").size() != units)
      fail(file, "its units are more or fewer than in its shape");
    partial.states.push_back(state.at("state").dump());
  }
  if (partial.modes.empty()) fail(file, "it compares nothing");
  return partial;
}

std::vector<PartialTensor> read_file(const std::string& path) {
  const std::string name = path == "-" ? "<stdin>" : path;
  const Json document = parse(name, path == "-" ? Source::standard_input() : Source::file(path));
  std::vector<PartialTensor> tensors;
  try {
    const double dead_below = document.at("dead_below").get<double>();
    if (!(dead_below >= 0 && dead_below <= 1)) fail(name, "its dead_below is not a share");
    const double dormant_below = document.value("dormant_below", kDormantBelow);
    if (!(dormant_below >= 0)) fail(name, "its dormant_below is not a number from 0");
    for (const Json& tensor : document.at("tensors")) {
      tensors.push_back(read_tensor(name, tensor));
      tensors.back().dead_below = dead_below;
      tensors.back().dormant_below = dormant_below;
    }
  } catch (const Json::exception&) {
    fail(name, "it is not a partial report: a member is missing or not what it should be",
         kPartialHint);
  } catch (const Error& error) {
    throw error.at({name});
  }
  if (tensors.empty()) fail(name, "it has no tensor");
  return tensors;
}

/// Throws if `part` is not of the same run as `first`.
void check_same(const PartialTensor& first, const PartialTensor& part) {
  const auto differ = [&](const std::string& what, const std::string& here,
                          const std::string& there) {
    fail(part.file, fmt::format("{} {}, and {} has {}", what, here, escaped(first.file), there),
         "parts of one input, with the same options, can be merged");
  };
  const auto inner = [](const Shape& shape) {
    return shape.empty() ? shape : Shape(shape.begin() + 1, shape.end());
  };
  const auto axis = [](const PartialTensor& p) {
    return p.unit_axis ? std::to_string(*p.unit_axis) : "none";
  };
  const auto modes = [](const PartialTensor& p) {
    std::string text;
    for (const Module& mode : p.modes) text += (text.empty() ? "" : ",") + label(mode);
    return text;
  };
  if (part.source != first.source)
    differ("it is of the input", in_quotes(part.source), in_quotes(first.source));
  if (part.dtype != first.dtype)
    differ("it has the dtype", std::string(name(part.dtype)), std::string(name(first.dtype)));
  if (part.shape.size() != first.shape.size() || inner(part.shape) != inner(first.shape)) {
    differ("it has the shape", to_string(part.shape), to_string(first.shape));
  }
  if (part.unit_axis != first.unit_axis) differ("it has --unit-axis", axis(part), axis(first));
  if (part.names != first.names) differ("it has a header", "of other names", "another");
  if (part.modes != first.modes) differ("it compares", modes(part), modes(first));
  if (part.dead_below != first.dead_below) {
    differ("it has --dead-below", fmt::format("{}", part.dead_below),
           fmt::format("{}", first.dead_below));
  }
  if (part.dormant_below != first.dormant_below) {
    differ("it has --dormant-below", fmt::format("{}", part.dormant_below),
           fmt::format("{}", first.dormant_below));
  }
  if (part.part.count != first.part.count) {
    differ("it is one of", fmt::format("{} parts", part.part.count),
           fmt::format("{}", first.part.count));
  }
}

}  // namespace

std::vector<std::string> partial_texts(const Options& options, const NamedReport& report,
                                       const Tally& tally) {
  PartialTensor tensor;
  tensor.source = report.source;
  if (has_names(report)) tensor.names = report.names;
  tensor.dtype = report.figures.dtype;
  tensor.shape = report.figures.shape;
  tensor.unit_axis = report.figures.unit_axis;
  for (const ActivationFigures& row : report.figures.activations) tensor.modes.push_back(row.mode);
  tensor.dead_below = options.dead_below;
  tensor.dormant_below = options.dormant_below;
  tensor.part = options.read.part.value_or(Part{});

  std::string bytes;
  if (!is_utf8(tensor.source) || !std::ranges::all_of(tensor.names, is_utf8)) {
    Json names = Json::array();
    for (const std::string& unit : tensor.names) names.push_back(in_hex(unit));
    bytes = fmt::format(R"("bytes":{{"source":"{}","names":{}}},)", in_hex(tensor.source),
                        names.dump());
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < tensor.modes.size(); ++i) {
    texts.push_back(fmt::format(R"({{"part":[{},{}],"head":"{}",{}"state":{}}})", tensor.part.index,
                                tensor.part.count, checksum(head_of(tensor)), i == 0 ? bytes : "",
                                tally.partial(i)));
  }
  return texts;
}

std::vector<Compared> merge(Options& options) {
  std::vector<std::string> inputs = options.inputs;
  if (inputs.empty()) inputs.emplace_back("-");
  std::vector<PartialTensor> firsts;
  std::vector<Compared> merged;
  std::vector<std::set<std::uint64_t>> seen;
  for (const std::string& input : inputs) {
    std::vector<PartialTensor> tensors = read_file(input);
    if (!firsts.empty() && tensors.size() != firsts.size()) {
      fail(tensors[0].file,
           fmt::format("it has {}, and {} has {}", plural(tensors.size(), "tensor"),
                       escaped(firsts[0].file), firsts.size()));
    }
    const bool is_first = firsts.empty();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      PartialTensor& tensor = tensors[i];
      CompareOptions compare;
      compare.unit_axis = tensor.unit_axis;
      compare.modes = tensor.modes;
      compare.histogram = options.plot.has_value();
      Tally tally;
      try {
        tally = Tally::from_partial(compare, tensor.dtype, tensor.shape, tensor.states);
      } catch (const Error& error) {
        throw error.as(ErrorKind::data).at({tensor.file});  // whatever it is to who computes
      }
      if (!is_first) check_same(firsts[i], tensor);
      if (tensor.head != checksum(head_of(tensor)))
        fail(tensor.file, "it is damaged, as its checksum tells", kPartialHint);
      if (is_first) {
        seen.emplace_back().insert(tensor.part.index);
        merged.push_back({tensor.source, tensor.names, std::move(tally)});
        firsts.push_back(std::move(tensor));
        continue;
      }
      if (!seen[i].insert(tensor.part.index).second) {
        fail(tensor.file,
             fmt::format("part {} of {} is there twice", tensor.part.index, tensor.part.count));
      }
      try {
        merged[i].tally.merge(tally);
      } catch (const Error& error) {
        throw error.at({tensor.file});
      }
    }
  }
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    for (std::uint64_t part = 1; part <= firsts[i].part.count; ++part) {
      if (!seen[i].contains(part)) {
        fail(firsts[i].source, fmt::format("part {} of {} is missing", part, firsts[i].part.count),
             "--merge takes all parts");
      }
    }
  }
  options.compare.modes = firsts[0].modes;
  if (options.dead_below < 0) options.dead_below = firsts[0].dead_below;
  if (options.dormant_below < 0) options.dormant_below = firsts[0].dormant_below;
  return merged;
}

}  // namespace rectify::app
