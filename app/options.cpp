// Every option once: its name, argument, group, help and meaning stand in one row of kRows. CLI11
// splits the command line; the words that the user gets to read are ours.

#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string_view>

#ifndef RECTIFY_VERSION
#error "RECTIFY_VERSION comes from CMake"
#endif

namespace rectify::app {
namespace {

[[noreturn]] void refuse(std::string message, std::string hint = {}) {
  throw Error(ErrorKind::usage, std::move(message), std::move(hint));
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

/// A whole number from `low` to `high`.
template <class T>
T whole(std::string_view option, const std::string& text, T low, T high) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < low || value > high) {
    refuse(fmt::format("{} takes a whole number from {} to {}, not {}", option, low, high,
                       in_quotes(text)));
  }
  return value;
}

double finite(std::string_view option, const std::string& text) {
  double value = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  const auto [stop, error] = std::from_chars(begin, end, value);
  // from_chars leaves the value alone when it is out of range; strtod tells zero from infinity (no
  // locale is ever set).
  const bool out_of_range = error == std::errc::result_out_of_range;
  if (out_of_range) value = std::strtod(text.c_str(), nullptr);
  if ((error != std::errc{} && !out_of_range) || stop != end || !std::isfinite(value) ||
      (begin != text.data() && *begin == '-')) {
    refuse(fmt::format("{} takes a finite number, not {}", option, in_quotes(text)));
  }
  return value;
}

/// The index of `text` among `words`, which stand for the values of an option.
std::size_t choice(std::string_view option, const std::string& text,
                   const std::vector<std::string>& words) {
  const auto at = std::find(words.begin(), words.end(), text);
  if (at == words.end())
    refuse(fmt::format("{} takes {}, not {}", option, joined(words, ", "), in_quotes(text)));
  return static_cast<std::size_t>(at - words.begin());
}

char one_character(std::string_view option, const std::string& text) {
  if (text == "\\t" || text == "tab") return '\t';
  constexpr std::string_view kTaken = "0123456789+-\"\r\n";
  const bool letter = text.size() == 1 &&
                      ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
  if (text.size() != 1 || letter || text[0] == '\0' ||
      static_cast<unsigned char>(text[0]) >= 0x80 ||
      kTaken.find(text[0]) != std::string_view::npos) {
    refuse(fmt::format("{} takes one character that no number contains, not {}", option,
                       in_quotes(text)),
           "\\t is a tab");
  }
  return text[0];
}

Shape sizes(const std::string& text) {
  Shape shape;
  if (text == "()") return shape;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::int64_t size = -1;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, size);
    if (error != std::errc{} || stop != text.data() + end || size < 0) {
      refuse("--randn takes sizes such as 4 or 2,3, or () for a single number, not " +
             in_quotes(text));
    }
    shape.push_back(size);
    begin = end + 1;
  }
  return shape;
}

std::uint64_t seed(const std::string& text) {
  const char* end = text.data() + text.size();
  if (text.starts_with('-')) {
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end) return static_cast<std::uint64_t>(value);
  } else {
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end) return value;
  }
  refuse("--seed takes a whole number from -2^63 to 2^64-1, not " + in_quotes(text));
}

std::vector<Module> modes(std::string_view option, const std::string& text) {
  std::vector<Module> found;
  try {
    found = Module::parse_list(text);
  } catch (const Error& error) {
    throw error.as(ErrorKind::usage).at({std::string(option)});
  }
  for (std::size_t i = 1; i < found.size(); ++i) {
    if (std::find(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), found[i]) !=
        found.begin() + static_cast<std::ptrdiff_t>(i))
      refuse(fmt::format("{} names {} twice", option, found[i].label()));
  }
  return found;
}

/// The modes, those whose slope is open once with each of the slopes.
std::vector<Module> with_slopes(const std::vector<Module>& modes,
                                const std::vector<double>& slopes) {
  constexpr std::string_view kSlope = "negative_slope";
  std::vector<Module> all;
  for (const Module& mode : modes) {
    if (slopes.empty() || !mode.has(kSlope) || mode.gave(kSlope)) {
      all.push_back(mode);
      continue;
    }
    for (const double slope : slopes) all.push_back(mode.with(kSlope, slope));
  }
  return all;
}

/// Numbers between commas.
std::vector<double> numbers(std::string_view option, const std::string& text) {
  std::vector<double> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    values.push_back(finite(option, text.substr(begin, end - begin)));
    if (std::count(values.begin(), values.end(), values.back()) > 1) {
      refuse(fmt::format("{} names {} twice", option, values.back()));
    }
    begin = end + 1;
  }
  return values;
}

double share(std::string_view option, const std::string& text) {
  const double value = finite(option, text);
  if (value < 0 || value > 1)
    refuse(fmt::format("{} takes a share from 0 to 1, not {}", option, in_quotes(text)));
  return value;
}

Part part(const std::string& text) {
  Part part;
  const char* end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, part.index);
  if (error == std::errc{} && slash != end && *slash == '/') {
    const auto [stop, error_behind] = std::from_chars(slash + 1, end, part.count);
    constexpr std::uint64_t kMost = 1'000'000'000;
    if (error_behind == std::errc{} && stop == end && part.index >= 1 && part.index <= part.count &&
        part.count <= kMost)
      return part;
  }
  refuse("--part takes K/N with 1 <= K <= N, such as 2/8, not " + in_quotes(text));
}

std::vector<std::string> report_formats() { return {"table", "json", "jsonl", "csv", "tsv"}; }

constexpr char kShield = '\x01';

enum Group : std::uint8_t { kInput, kOperation, kReport, kGate, kOutput, kPrinting, kOther };
enum For : std::uint8_t { kBoth, kApply, kCompare };  // the commands that take an option
constexpr std::string_view kGroups[] = {"Input",  "Operation",
                                        "Report", "For scripts and CI",
                                        "Output", "Printing, as torch.set_printoptions",
                                        "Other"};

struct Row {
  For command;
  Group group;
  std::string_view name;      // as CLI11 takes it: "-o,--output"
  std::string_view argument;  // empty: a flag
  std::string_view brief;     // for -h
  std::string_view more;      // for --help, besides
  void (*take)(Options&, const std::string&);
  std::string_view field = {};  // that it sets, as option() calls it, where the name is another
};

// In the order of application: --profile stands before the options that override it.
constexpr Row kRows[] = {
    {kBoth, kInput, "--tensor", "JSON", "a literal such as '[[1,-2],[3,-4]]'",
     "As torch.Tensor(...); a bare number is 0-d.",
     [](Options& o, const std::string& text) { o.tensor = text; }},
    {kBoth, kInput, "--randn", "SIZES", "normal noise such as 4 or 2,3, as torch.randn",
     "Bit for bit PyTorch's CPU generator. () is 0-d. Fewer than 16 values and 16 or more are "
     "drawn differently, as in PyTorch.",
     [](Options& o, const std::string& text) { o.randn = sizes(text); }},
    {kBoth, kInput, "--seed", "N", "for --randn, as torch.manual_seed",
     "Without it every run draws anew; -v tells the seed.",
     [](Options& o, const std::string& text) { o.seed = seed(text); }},
    {kBoth, kInput, "--from", "FORMAT", "", "auto: by the file's extension, else by its content.",
     [](Options& o, const std::string& text) {
       std::vector<std::string> names = readable_formats();
       names.insert(names.begin(), "auto");
       o.read.format = choice("--from", text, names) == 0 ? "" : text;
     },
     "read.format"},
    {kBoth, kInput, "--dtype", "T", "float16, bfloat16, float32, float64, int8..int64, uint8",
     "Text is read as float32 unless given, .npy keeps its own. Text goes through a double, as in "
     "PyTorch; integers stay exact.",
     [](Options& o, const std::string& text) {
       o.read.dtype = find_dtype(text);
       if (!o.read.dtype || o.read.dtype == DType::boolean) {
         refuse(
             "--dtype takes float16, bfloat16, float32, float64, int8, int16, int32, int64 or "
             "uint8, not " +
             in_quotes(text));
       }
     }},
    {kBoth, kInput, "--pointer", "P", "JSON: the value at /a/b of a document (RFC 6901)",
     "Of every document, in JSON Lines.",
     [](Options& o, const std::string& text) { o.read.pointer = text; }},
    {kBoth, kInput, "--header", "WHEN", "CSV: the first row is one: auto, yes, no [auto]",
     "auto: numbers are data, names a header; what may be either is an error.",
     [](Options& o, const std::string& text) {
       o.read.header = static_cast<Header>(choice("--header", text, {"auto", "yes", "no"}));
     },
     "read.header"},
    {kBoth, kInput, "--delimiter", "C", "CSV: between fields [a comma; tsv: a tab]", "",
     [](Options& o, const std::string& text) {
       o.read.delimiter = one_character("--delimiter", text);
     }},
    {kBoth, kInput, "--decimal", "C", "CSV: the decimal point, . or , [.]", "",
     [](Options& o, const std::string& text) {
       o.read.decimal = choice("--decimal", text, {".", ","}) == 0 ? '.' : ',';
     }},
    {kBoth, kInput, "--missing", "X", "CSV: what an empty field stands for: nan or a number",
     "Without it a missing field, or a blank line between the rows of one column, is an error.",
     [](Options& o, const std::string& text) { o.read.missing = text; }},
    {kApply, kInput, "--ndmin", "N", "CSV: 2 keeps two dimensions for one row or column [0]",
     "Otherwise one row or column is 1-D and one number 0-d, as numpy.loadtxt reads them.",
     [](Options& o, const std::string& text) { o.read.ndmin = whole("--ndmin", text, 0, 2); }},

    {kBoth, kInput, "--part", "K/N", "the K-th of N parts of a CSV, TSV, JSONL, npy file",
     "The parts' CSV or JSON Lines, one after the other, are the undivided output. Implies --ndmin "
     "2.",
     [](Options& o, const std::string& text) { o.read.part = part(text); }},

    {kApply, kOperation, "--mode", "LIST", "",
     "With parameters as PyTorch writes them: leaky(0.2), elu(alpha=0.5). Several, between commas, "
     "give each result under its name. --list-modes tells more.",
     [](Options& o, const std::string& text) { o.operation.modes = modes("--mode", text); },
     "modes"},
    {kApply, kOperation, "--slope", "X", "leaky's negative_slope [0.01]",
     "Any finite number that the dtype can hold.",
     [](Options& o, const std::string& text) { o.slopes = {finite("--slope", text)}; }},
    {kApply, kOperation, "--inplace", "", "operate in the input's own memory",
     "A file is never changed by it.",
     [](Options& o, const std::string&) { o.operation.inplace = true; }},
    {kApply, kOperation, "--grad", "", "the input's gradient instead of the output",
     "As output.backward(torch.ones_like(output)) leaves it.",
     [](Options& o, const std::string&) { o.operation.gradient = true; }},
    {kApply, kOperation, "--echo", "", "the input before the output",
     "After --inplace that is the changed one.",
     [](Options& o, const std::string&) { o.operation.echo = true; }},
    {kCompare, kOperation, "--mode", "LIST",
     "what to compare; the first is the baseline [relu,leaky]", "",
     [](Options& o, const std::string& text) { o.operation.modes = modes("--mode", text); }},
    {kCompare, kOperation, "--slope", "X[,X...]",
     "leaky's negative_slope; several are compared [0.01]",
     "Any finite number that the dtype can hold.",
     [](Options& o, const std::string& text) { o.slopes = numbers("--slope", text); }},
    {kCompare, kReport, "--unit-axis", "N", "the axis of the units, or none [-1]",
     "Negative ones count from the last. none, and a 1-D input, is one unit.",
     [](Options& o, const std::string& text) {
       if (text == "none") {
         o.compare.unit_axis.reset();
       } else {
         o.compare.unit_axis = whole<std::int64_t>("--unit-axis", text, -128, 127);
       }
     }},
    {kCompare, kReport, "--dead-below", "P", "dead: a share of live gradients of at most P [0]",
     "0: no gradient on any sample of this input.",
     [](Options& o, const std::string& text) { o.dead_below = share("--dead-below", text); }},
    {kCompare, kReport, "--per-unit", "", "every unit, not the worst alone", "",
     [](Options& o, const std::string&) { o.per_unit = true; }},
    {kCompare, kReport, "--plot", "FILE", "draw FILE.svg, FILE.png, or - in the terminal",
     "The share of active samples per unit, and the inputs with the activations over them; by "
     "gnuplot.",
     [](Options& o, const std::string& text) { o.plot = text; }},
    {kCompare, kGate, "--fail-if-dead", "F", "exit 3 if more than this share of the units is dead",
     "0 allows none.",
     [](Options& o, const std::string& text) { o.fail_if_dead = share("--fail-if-dead", text); }},
    {kCompare, kGate, "--check", "MODE", "what --fail-if-dead looks at [the baseline]",
     "Under the worst of its slopes, if there are several.",
     [](Options&, const std::string&) {}},  // once the candidates are known
    {kCompare, kGate, "--fail-if-nan", "", "exit 3 if the input has a NaN", "",
     [](Options& o, const std::string&) { o.fail_if_nan = true; }},
    {kCompare, kGate, "--partial", "", "write figures that --merge adds, as JSON",
     "Exact sums: the merged report is the undivided one's.",
     [](Options& o, const std::string&) { o.partial = true; }, "Tally::partial"},
    {kCompare, kGate, "--merge", "", "the INPUTs are such partial figures",
     "All parts of one input, in any order.",
     [](Options& o, const std::string&) { o.merge = true; }},

    {kBoth, kOperation, "--threads", "N", "[the processors available]",
     "The result does not depend on it.",
     [](Options& o, const std::string& text) {
       o.run.threads = whole("--threads", text, 1u, 1024u);
     }},

    {kBoth, kOutput, "-o,--output", "FILE", "replaced whole, or left as it is [standard output]",
     "FILE may be the input. What is not a regular file is written to directly.",
     [](Options& o, const std::string& text) {
       o.output = text == "-" ? std::nullopt : std::optional(text);
     }},
    {kCompare, kOutput, "--to", "FORMAT", "",
     "The table is the format of FILE.txt. A FILE of another extension, or of none, needs --to.",
     [](Options& o, const std::string& text) {
       choice("--to", text, report_formats());
       o.report_format = text;
     }},
    {kApply, kOutput, "--to", "FORMAT", "",
     "torch is what print(tensor) prints, and the format of FILE.txt. A FILE of another extension, "
     "or of none, needs --to.",
     [](Options& o, const std::string& text) {
       choice("--to", text, writable_formats());
       o.write.format = text;
     },
     "write.format"},
    {kApply, kOutput, "--out-header", "WHEN", "CSV: auto, yes, no [auto: as in the input]", "",
     [](Options& o, const std::string& text) {
       o.write.header = static_cast<Header>(choice("--out-header", text, {"auto", "yes", "no"}));
     },
     "write.header"},
    {kApply, kOutput, "--nan", "AS", "JSON: NaN, Infinity as literal, null, string [literal]",
     "literal is what Python's json writes and reads.",
     [](Options& o, const std::string& text) {
       o.write.nan = static_cast<NanText>(choice("--nan", text, {"literal", "null", "string"}));
     }},

    {kApply, kPrinting, "--profile", "NAME", "default, short, full", "Single options override it.",
     [](Options& o, const std::string& text) {
       PrintOptions& print = o.write.print;
       switch (choice("--profile", text, {"default", "short", "full"})) {
         case 1:
           print.precision = print.edgeitems = 2;
           break;
         case 2:
           print.threshold = PrintOptions::kNoThreshold;
           break;
         default:
           break;
       }
     }},
    {kApply, kPrinting, "--precision", "N", "digits after the point [4]", "",
     [](Options& o, const std::string& text) {
       o.write.print.precision = whole<std::int64_t>("--precision", text, 0, 1000);
     }},
    {kApply, kPrinting, "--threshold", "N", "elements above which only edges show, or inf [1000]",
     "",
     [](Options& o, const std::string& text) {
       o.write.print.threshold =
           text == "inf" ? PrintOptions::kNoThreshold
                         : whole<std::int64_t>("--threshold", text, 0, PrintOptions::kNoThreshold);
     }},
    {kApply, kPrinting, "--edgeitems", "N", "items at each edge [3]", "",
     [](Options& o, const std::string& text) {
       o.write.print.edgeitems =
           whole<std::int64_t>("--edgeitems", text, 0, std::numeric_limits<std::int64_t>::max());
     }},
    {kApply, kPrinting, "--linewidth", "N", "characters a line [80]", "",
     [](Options& o, const std::string& text) {
       o.write.print.linewidth =
           whole<std::int64_t>("--linewidth", text, 1, std::numeric_limits<std::int64_t>::max());
     }},
    {kApply, kPrinting, "--sci-mode", "WHEN", "auto, on, off [auto]", "",
     [](Options& o, const std::string& text) {
       o.write.print.sci_mode =
           static_cast<SciMode>(choice("--sci-mode", text, {"auto", "on", "off"}));
     }},

    {kBoth, kOther, "-v,--verbose", "", "tell the seed of --randn", "",
     [](Options& o, const std::string&) { o.verbose = true; }},
    {kBoth, kOther, "-h", "", "this page", "",
     [](Options& o, const std::string&) { o.ask = Options::Ask::short_help; }},
    {kBoth, kOther, "--help", "", "every option explained", "",
     [](Options& o, const std::string&) { o.ask = Options::Ask::help; }},
    {kBoth, kOther, "--list-modes", "", "every mode with its parameters and formula", "",
     [](Options& o, const std::string&) { o.ask = Options::Ask::list_modes; }},
    {kBoth, kOther, "--version", "", "the release, and the PyTorch it follows", "",
     [](Options& o, const std::string&) { o.ask = Options::Ask::version; }},
};

/// "--output" of "-o,--output", "-h" of "-h".
std::string_view long_name(const Row& row) {
  const std::size_t at = row.name.find("--");
  return at == std::string_view::npos ? row.name : row.name.substr(at);
}

/// The text for -h. The words that an option takes are those of the library's tables.
std::string brief(const Row& row) {
  if (row.name == "--mode" && row.command == kApply) {
    std::vector<std::string> names;
    for (const Activation& activation : activations()) names.emplace_back(activation.name);
    return joined(names, ", ") + ", or a list [leaky]";
  }
  if (row.name == "--from") return "auto, " + joined(readable_formats(), ", ") + " [auto]";
  if (row.name == "--to") {
    return row.command == kApply ? joined(writable_formats(), ", ") + " [FILE's, or torch]"
                                 : joined(report_formats(), ", ") + " [FILE's, or table]";
  }
  return std::string(row.brief);
}

bool applies(const Row& row, Options::Command command) {
  return row.command == kBoth ||
         (row.command == kCompare) == (command == Options::Command::compare);
}

/// " (did you mean --slope?)" or where to look.
std::string hint_for(std::string_view typed, Options::Command command) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (applies(row, command)) names.push_back(long_name(row));
  }
  const std::string_view meant = nearest(typed, names);
  if (!meant.empty()) return "did you mean " + std::string(meant) + "?";
  for (const Row& row : kRows) {
    if (!applies(row, command) && long_name(row) == typed) {
      return row.command == kCompare ? "it is an option of rectify compare"
                                     : "rectify compare does not take it";
    }
  }
  return command == Options::Command::compare ? "rectify compare -h lists the options"
                                              : "rectify -h lists the options";
}

constexpr std::string_view kExamples =
    "rectify [OPTIONS] [INPUT...]   PyTorch's ReLU and Leaky ReLU at the shell\n"
    "rectify compare -h             relu beside leaky, and which units are dead\n"
    "  rectify --tensor '[2,-4,5,-6]' --slope 0.4       a literal\n"
    "  rectify acts.csv --mode relu -o out.npy          from file to file\n"
    "  zcat acts.csv.gz | rectify --to csv | less       a filter\n"
    "  rectify --mode relu,leaky --randn 3,4 --seed 0   one beside the other\n"
    "  rectify acts.json --pointer /layers/0 --grad     a gradient\n";

constexpr std::string_view kCompareExamples =
    "rectify compare [OPTIONS] [INPUT...]   relu beside leaky: which units are dead\n"
    "  rectify compare acts.npy                       a table for people\n"
    "  rectify compare --fail-if-dead 0.1 acts/*.npy  a gate for CI: exit 3\n"
    "  rectify compare acts.csv --to json             for programs, such as jq\n"
    "  rectify compare acts.npy --plot acts.svg       a picture\n"
    "  rectify compare --partial --part 1/8 acts.csv  one of eight, for --merge\n";

std::string page(Options::Command command, bool explain) {
  const bool compares = command == Options::Command::compare;
  std::string text(compares ? kCompareExamples : kExamples);
  constexpr std::size_t kColumn = 22;
  for (std::size_t group = 0; group < std::size(kGroups); ++group) {
    const auto in_group = [&](const Row& row) {
      return row.group == group && applies(row, command);
    };
    if (std::none_of(std::begin(kRows), std::end(kRows), in_group)) continue;
    text += fmt::format("{}{}:\n", explain ? "\n" : "", kGroups[group]);
    for (const Row& row : kRows) {
      if (!in_group(row)) continue;
      std::string name =
          fmt::format("{}{}{}", row.name, row.argument.empty() ? "" : " ", row.argument);
      if (row.name.starts_with("-o")) name = "-o, --output FILE";
      if (row.name.starts_with("-v")) name = "-v, --verbose";
      text += fmt::format("  {:<{}}{}\n", name, kColumn, brief(row));
      if (!explain || row.more.empty()) continue;
      // Wrapped at 78 columns.
      std::string line;
      std::string_view rest = row.more;
      while (!rest.empty()) {
        const std::size_t space = std::min(rest.find(' '), rest.size());
        if (!line.empty() && kColumn + 3 + line.size() + space > 78) {
          text += fmt::format("  {:<{}}{}\n", "", kColumn, line);
          line.clear();
        }
        line += (line.empty() ? "" : " ") + std::string(rest.substr(0, space));
        rest.remove_prefix(std::min(space + 1, rest.size()));
      }
      text += fmt::format("  {:<{}}{}\n", "", kColumn, line);
    }
  }
  return text + (explain ? "\n" : "") +
         "No INPUT, or -: standard input. Exit: 0 done, 1 bad data or I/O, 2 wrong usage" +
         (compares ? ",\n3 over a limit.\n" : ".\n");
}

/// What the library calls `row`.
std::string field_of(const Row& row) {
  if (!row.field.empty()) return std::string(row.field);
  std::string field(long_name(row));
  field.erase(0, field.find_first_not_of('-'));
  std::replace(field.begin(), field.end(), '-', '_');
  return field;
}

/// CLI11's complaint in our words.
[[noreturn]] void translate(const CLI::ParseError& error, const CLI::App& app,
                            Options::Command command) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    for (const std::string& word : app.remaining()) {
      const std::string name = word.substr(0, word.find('='));
      refuse("no such option: " + in_quotes(word), hint_for(name, command));
    }
  }
  std::string text = error.what();  // "--slope: 1 required TEXT missing", "inplace was given ..."
  text.erase(0, text.find_first_not_of('-'));
  const std::string first = "--" + text.substr(0, text.find_first_of(": "));
  for (const Row& row : kRows) {
    const std::string_view name = long_name(row);
    if (first != name && first != "-" + std::string(name)) continue;
    if (row.argument.empty()) refuse(std::string(name) + " takes no value");
    refuse(fmt::format("{} needs a value: {}", name, row.argument));
  }
  refuse(escaped(text), "rectify -h lists the options");
}

}  // namespace

namespace {

/// The format of -o FILE where no --to gives it: the one that its extension names, or `otherwise`
/// for what is written to directly, such as /dev/stdout or a FIFO.
std::string format_of_output(const std::string& file, const std::string& otherwise,
                             const std::vector<std::string>& formats) {
  const std::string format = format_of_extension(file);
  if (!format.empty()) return format;
  if (!Output::puts_in_place(file)) return otherwise;
  const std::string extension = std::filesystem::path(file).extension().string();
  std::string hint = "--to " + joined(formats, "|");
  constexpr std::pair<std::string_view, std::string_view> kCompressors[] = {
      {".gz", "gzip"}, {".bz2", "bzip2"}, {".xz", "xz"}, {".zst", "zstd"}};
  for (const auto& [ending, program] : kCompressors) {
    if (extension == ending)
      hint += fmt::format("; to compress what comes out: | {} >FILE", program);
  }
  if (extension.empty())
    refuse("-o " + in_quotes(file) + " has no extension to name a format", hint);
  refuse(fmt::format("-o {}: no format is called {}", in_quotes(file), in_quotes(extension)), hint);
}

void settle_apply(Options& options) {
  if (options.write.format.empty() && options.output)
    options.write.format = format_of_output(*options.output, "torch", writable_formats());
  const Operation& operation = options.operation;
  for (const Module& mode : operation.modes) {
    if (operation.inplace && !mode.activation().traits.in_place)
      refuse(fmt::format("--inplace: PyTorch has no {} in place", mode.activation().name));
  }
  if (operation.inplace && operation.modes.size() > 1) {
    refuse("--inplace takes one --mode: a second would see what the first has made of the input");
  }
  if (options.write.format == "npy" && (operation.modes.size() > 1 || operation.echo)) {
    refuse("npy holds one array a tensor, and here are several",
           "one run for each --mode, or --to json");
  }
  // The first part's header is the header of all.
  if (options.read.part && options.read.part->index != 1 &&
      options.write.header == Header::automatic) {
    options.write.header = Header::no;
  }
}

void settle_compare(Options& options, const std::string& check) {
  options.compare.modes = options.operation.modes;
  options.compare.histogram = options.plot.has_value();
  if (!check.empty() && !options.fail_if_dead) refuse("--check goes with --fail-if-dead");
  if (!check.empty()) {
    const std::vector<Module> checked = modes("--check", check);
    if (checked.size() != 1) refuse("--check takes one mode, not " + in_quotes(check));
    options.check = checked.front();
    const std::vector<Module>& compared = options.compare.modes;
    const bool found = std::any_of(compared.begin(), compared.end(),
                                   [&](const Module& mode) { return options.check->covers(mode); });
    if (!found && !options.merge)
      refuse("--check " + in_quotes(check) + " is none of the modes compared");
  }
  if (options.partial) {
    if (options.merge) refuse("--merge reads what --partial writes: one of them");
    if (!options.report_format.empty() && options.report_format != "json")
      refuse("--partial writes JSON, not " + options.report_format);
    if (options.plot) refuse("--plot draws a whole input: leave out --partial");
    options.report_format = "json";
  }
  if (options.merge) {
    if (options.tensor || options.randn) refuse("--merge takes files that --partial has written");
    if (options.plot) refuse("--plot draws from the input itself, not from --merge");
  }
  if (options.plot && *options.plot != "-") {
    const auto is_plot = [&](const std::string& file) {
      std::error_code none;
      return file == *options.plot || std::filesystem::equivalent(file, *options.plot, none);
    };
    if (options.output && is_plot(*options.output)) refuse("--plot and -o name one file");
    if (std::any_of(options.inputs.begin(), options.inputs.end(), is_plot))
      refuse("--plot names an input: it would be lost", "another file for the plot");
  }
  if (options.output) {
    const std::string format = format_of_extension(*options.output);
    if (format == "npy")
      refuse("a report is not an array: " + in_quotes(*options.output), "FILE.json");
    if (options.partial && (format == "csv" || format == "tsv"))
      refuse("--partial writes JSON, not " + format);
    if (options.report_format.empty()) {
      options.report_format = format_of_output(*options.output, "table", report_formats());
      if (options.report_format == "torch") options.report_format = "table";  // both are .txt
    }
  }
  if (options.report_format.empty()) options.report_format = "table";
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  // A command only as the first argument: a file of that name is ./compare.
  if (argc > 1 && std::string_view(argv[1]) == "compare") {
    options.command = Options::Command::compare;
    options.operation.modes = Module::parse_list("relu,leaky");
    --argc;
    ++argv;
  } else {
    options.operation.modes = Module::parse_list("leaky");
  }

  // CLI11 takes "[a,b]" for a list of inputs, which may be a file's name: a byte in front hides the
  // bracket from it.
  std::vector<std::string> words(argv, argv + argc);
  for (std::string& word : words) {
    if (word.starts_with('[')) word.insert(word.begin(), kShield);
  }
  std::vector<const char*> shielded;
  shielded.reserve(words.size());
  for (const std::string& word : words) shielded.push_back(word.c_str());

  CLI::App app;
  app.set_help_flag();
  app.set_config();
  std::vector<std::string> values(std::size(kRows));
  std::vector<CLI::Option*> given(std::size(kRows));
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (!applies(kRows[i], options.command)) continue;
    const std::string name(kRows[i].name);
    given[i] = kRows[i].argument.empty() ? app.add_flag(name)->disable_flag_override()
                                         : app.add_option(name, values[i])->take_last();
  }
  app.add_option("INPUT", options.inputs);
  try {
    app.parse(argc, shielded.data());
  } catch (const CLI::ParseError& error) {
    translate(error, app, options.command);
  }

  const auto restored = [](std::string& word) {
    if (word.starts_with(kShield)) word.erase(0, 1);
  };
  std::for_each(options.inputs.begin(), options.inputs.end(), restored);
  std::for_each(values.begin(), values.end(), restored);

  std::string check;
  std::string input_options;  // those that say how to read or what to compare
  std::string text_option;    // one that says how to read text
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (given[i] == nullptr || given[i]->count() == 0) continue;
    kRows[i].take(options, values[i]);
    if (kRows[i].name == "--check") check = values[i];
    const bool reads = kRows[i].group == kInput || kRows[i].name == "--mode" ||
                       kRows[i].name == "--slope" || kRows[i].name == "--unit-axis";
    if (reads && input_options.empty()) input_options = kRows[i].name;
    for (const std::string_view name :
         {"--from", "--pointer", "--header", "--delimiter", "--decimal", "--missing", "--ndmin"}) {
      if (kRows[i].name == name) text_option = name;
    }
  }
  if (options.ask != Options::Ask::run) return options;

  if ((options.tensor ? 1 : 0) + (options.randn ? 1 : 0) + (options.inputs.empty() ? 0 : 1) > 1) {
    refuse("one kind of source a call: files, --tensor or --randn");
  }
  if (options.seed && !options.randn) refuse("--seed goes with --randn");
  if (options.randn && !text_option.empty())
    refuse(text_option + " is for what is read, not for --randn");
  if (options.tensor && !options.read.format.empty() && options.read.format != "json") {
    refuse("--tensor is JSON: --from " + options.read.format + " is for files");
  }
  if (options.read.part && (options.tensor || options.randn))
    refuse("--part divides files, not --tensor or --randn");
  if (options.merge && !input_options.empty()) {
    refuse("--merge takes figures as they are: " + input_options +
           " belongs to the runs of --partial");
  }
  if (options.read.part && options.inputs.size() > 1) {
    refuse("--part divides one file: the parts of several would not join in their order",
           "one run for each file");
  }
  if (options.tensor) options.read.format = "json";
  const char delimiter = options.read.delimiter == '\0'
                             ? (options.read.format == "tsv" ? '\t' : ',')
                             : options.read.delimiter;
  if (delimiter == options.read.decimal) {
    refuse(fmt::format("{} is the decimal point and the delimiter at once",
                       in_quotes({&delimiter, 1})),
           "--delimiter ';'");
  }
  options.operation.modes = with_slopes(options.operation.modes, options.slopes);
  if (options.command == Options::Command::compare) {
    settle_compare(options, check);
  } else {
    settle_apply(options);
  }
  return options;
}

std::string option_text(std::string_view field, std::string_view value) {
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&](const Row& one) { return field_of(one) == field; });
  if (row == std::end(kRows)) return std::string(field);  // tests/layers.py: there is none
  std::string text(long_name(*row));
  if (row->command == kCompare) text.insert(0, "compare ");
  if (value.empty()) return text;
  const bool means_something_to_a_shell = value == ";" || value == "|" || value == " ";
  return text +
         (means_something_to_a_shell ? fmt::format(" '{}'", value) : fmt::format(" {}", value));
}

std::string short_help(Options::Command command) { return page(command, false); }

std::string help(Options::Command command) { return page(command, true); }

std::string usage() {
  return "rectify: nothing to read: name a file, pipe something in, or give --tensor or --randn\n"
         "  rectify --tensor '[2,-4,5,-6]' --slope 0.4\n"
         "  rectify acts.csv --mode relu\n"
         "rectify -h tells more\n";
}

std::string list_modes() {
  std::string text;
  for (const Activation& activation : activations()) {
    const Module standard(activation);
    std::string name(activation.name);
    std::string parameters;
    for (const Parameter& parameter : activation.parameters) {
      parameters += fmt::format("  {:<9}{} = {:g}: {}\n", "", parameter.name,
                                standard.value(parameter.name), parameter.about);
    }
    text += fmt::format("{:<11}{}\n{}  {:<9}torch.nn.{}\n", name, activation.summary, parameters,
                        "", standard.text());
  }
  return text;
}

std::string version() {
  return "rectify " RECTIFY_VERSION " (values, printing and CPU random numbers of PyTorch 2.14)\n";
}

}  // namespace rectify::app
