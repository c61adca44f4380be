// Partial reports: `compare --merge` refuses them in one clean line, or merges them to the same
// figures in any order; those of a divided tensor to the undivided one's.
//
// Settings: '0': the texts of up to three files follow, with NULs between them. '1': dtype, units,
// parts and rows; then how many places of the parts' texts are edited, a choice of place and of
// value for each, and the bits of the elements.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "compare/tally.hpp"
#include "fuzz.hpp"
#include "merge.hpp"
#include "options.hpp"
#include "report/report.hpp"

namespace rectify::fuzz {
namespace {

using app::Options;
using Json = nlohmann::json;

constexpr int kFirstDescriptor = 100;

/// What compare --merge makes of files with these texts: the merged states, or the error.
struct Outcome {
  std::vector<std::string> states;
  bool rows_are_units = false;
  std::optional<Error> error;
};

Outcome merged(const std::vector<std::string>& texts, bool backwards) {
  Outcome outcome;
  Options options;
  options.command = Options::Command::compare;
  options.merge = true;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const int fd = ::memfd_create("partial", 0);
    const int kept = kFirstDescriptor + static_cast<int>(i);
    need(::write(fd, texts[i].data(), texts[i].size()) == static_cast<ssize_t>(texts[i].size()),
         "memfd");
    need(::dup2(fd, kept) == kept, "dup2");
    ::close(fd);
    options.inputs.push_back("/proc/self/fd/" + std::to_string(kept));
  }
  if (backwards) std::reverse(options.inputs.begin(), options.inputs.end());
  try {
    for (const Compared& one : app::merge(options)) {
      const TensorFigures figures = one.tally.figures(options.dead_below);
      outcome.rows_are_units = outcome.rows_are_units || figures.unit_axis == 0;
      const InputCounts& input = figures.input;
      need(input.n == input.nan + input.positive + input.zero + input.negative, "counts");
      std::vector<std::string> states;
      for (std::size_t c = 0; c < figures.activations.size(); ++c) {
        const ActivationFigures& of = figures.activations[c];
        need(of.dead_units <= static_cast<std::uint64_t>(figures.units), "dead units");
        for (const Figure& share : {of.active_frac, of.zero_frac, of.live_frac, of.dead_frac}) {
          const double* value = std::get_if<double>(&share);
          need(value == nullptr || (*value >= 0 && *value <= 1), "a share");
        }
        states.push_back(one.tally.partial(c));
      }
      // A state is read to what it was written from.
      CompareOptions compare = options.compare;
      compare.unit_axis = figures.unit_axis;
      const Tally again = Tally::from_partial(compare, figures.dtype, figures.shape, states);
      for (std::size_t c = 0; c < states.size(); ++c)
        need(again.partial(c) == states[c], "read again it differs: " + states[c]);
      outcome.states.insert(outcome.states.end(), states.begin(), states.end());
      outcome.states.push_back(one.source + to_string(figures.shape));
    }
  } catch (const Error& error) {
    outcome.error = error;
    check_message(error.what());
    need(error.kind() == ErrorKind::data, std::string("not a matter of data: ") + error.what());
  }
  return outcome;
}

void check_merge(const std::vector<std::string>& texts) {
  const Outcome forwards = merged(texts, false);
  const Outcome backwards = merged(texts, true);
  need(forwards.error.has_value() == backwards.error.has_value(), "refused in one order only");
  need(forwards.rows_are_units || forwards.states == backwards.states, "the order shows");
}

/// The file of one part.
std::string partial_file(const Tally& tally, const Part& part) {
  Options options;
  options.read.part = part;
  options.dead_below = 0;
  options.dormant_below = kDormantBelow;
  app::NamedReport named;
  named.source = "acts.npy";
  named.figures = tally.figures();
  named.partials = app::partial_texts(options, named, tally);
  return app::report_json({named}, {}, false);
}

/// Gives every state the checksum that fits it, so that what is wrong with it is seen.
void seal(Json& document) {
  for (Json& tensor : document["tensors"]) {
    for (Json& activation : tensor["activations"]) {
      Json& state = activation["partial"]["state"];
      state.erase("checksum");
      const std::string sum = checksum(state.dump());
      state["checksum"] = sum;
    }
  }
}

/// Puts another value where the text's JSON has one. Its checksum fits again, unless that was it.
std::string edited(const std::string& text, Settings& settings) {
  static const Json kValues[] = {0,
                                 1,
                                 -1,
                                 2,
                                 1e308,
                                 -0.0,
                                 nullptr,
                                 true,
                                 "",
                                 "0",
                                 "NaN",
                                 "Infinity",
                                 "1p-3",
                                 "-1",
                                 "fp0",
                                 "1p9999",
                                 "1p-2148",
                                 "fp2112",
                                 7,
                                 Json::array(),
                                 Json::object(),
                                 Json::array({0, 0}),
                                 18446744073709551615u,
                                 9223372036854775807,
                                 "-Infinity",
                                 0.5,
                                 1e-320,
                                 "float64",
                                 "leaky"};
  Json flat = Json::parse(text).flatten();
  auto place = flat.begin();
  const std::size_t first = settings.below(64);
  std::advance(place, static_cast<std::ptrdiff_t>((first * 64 + settings.below(64)) % flat.size()));
  Json document = Json::parse(text);
  document[Json::json_pointer(place.key())] = settings.one_of(kValues);
  try {
    if (!place.key().ends_with("/checksum")) seal(document);
  } catch (const Json::exception&) {
    // What should hold a state holds something else.
  }
  return document.dump();
}

void run_made(std::string_view text) {
  Settings settings(text);
  const DType dtype = settings.one_of(kDTypes);
  const auto units = static_cast<std::int64_t>(settings.below(5)) + 1;
  const std::uint64_t count = settings.below(3) + 1;
  const std::size_t edits = settings.below(5);
  std::string choices(text.substr(0, 4 * edits));
  text.remove_prefix(choices.size());
  const std::size_t row_bytes = static_cast<std::size_t>(units) * itemsize(dtype);
  const auto rows = static_cast<std::int64_t>(text.size() / row_bytes);

  CompareOptions options;
  options.modes = Module::parse_list("relu");
  if (is_floating_point(dtype)) {
    options.modes.push_back(Module::parse("leaky"));
    options.modes.push_back(Module::parse("leaky(-0.5)"));
    options.modes.push_back(Module::parse("elu"));
  }
  const auto of_rows = [&](std::int64_t first, std::int64_t last) {
    Tensor slab = Tensor::empty({last - first, units}, dtype);
    if (slab.nbytes() != 0)
      std::memcpy(slab.bytes(), text.data() + static_cast<std::size_t>(first) * row_bytes,
                  slab.nbytes());
    Tally tally(options, dtype, {0, units});
    tally.add(slab);
    return tally;
  };
  std::vector<std::string> files;
  for (std::uint64_t k = 1; k <= count; ++k) {
    const auto from = static_cast<std::int64_t>(static_cast<std::uint64_t>(rows) * (k - 1) / count);
    const auto to = static_cast<std::int64_t>(static_cast<std::uint64_t>(rows) * k / count);
    files.push_back(partial_file(of_rows(from, to), {k, count}));
  }
  if (edits == 0) {
    const Outcome whole = merged({partial_file(of_rows(0, rows), {1, 1})}, false);
    const Outcome parts = merged(files, false);
    need(!whole.error && !parts.error, "what is written is refused");
    need(whole.states == parts.states, "the division shows");
  }
  std::string_view rest = choices;
  Settings chosen(rest);
  for (std::size_t i = 0; i < edits; ++i) {
    std::string& file = files[chosen.below(files.size())];
    file = edited(file, chosen);
  }
  check_merge(files);
}

void run(std::string_view text) {
  Settings settings(text);
  if (settings.below(2) == 1) return run_made(text);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t end = i == 2 ? text.size() : std::min(text.find('\0'), text.size());
    texts.emplace_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  check_merge(texts);
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
