#include "commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <utility>

#include "first_words.hpp"
#include "merge.hpp"
#include "plot.hpp"
#include "progress.hpp"
#include "report/figures.hpp"
#include "report/report.hpp"
#include "text_width.hpp"

namespace rectify::app {
namespace {

/// Sets a seed where none is given and random numbers are drawn, and tells it, and the instructions.
void seed(Options& options) {
  if (options.verbose) say(fmt::format("instructions: {}", instructions()));
  if (options.seed || !(options.randn || draws(options))) return;
  options.seed = std::random_device{}();
  if (options.verbose) say(fmt::format("--seed {}", *options.seed));
}

constexpr const char* kNoise = "--randn";

/// Of options that have been seeded.
Noise noise_of(const Options& options) {
  Noise noise{*options.randn, *options.seed, options.read.dtype.value_or(DType::float32)};
  try {
    noise.drawn();
  } catch (const Error& error) {
    throw error.at({kNoise});
  }
  return noise;
}

/// The operation, of which the modes that draw random numbers go on where noise leaves the generator.
Operation operation_of(const Options& options) {
  Operation operation = options.operation;
  if (!draws(options)) return operation;
  const std::uint64_t drawn = options.randn ? noise_of(options).drawn() : 0;
  for (Module& mode : operation.modes) mode = mode.seeded(*options.seed, drawn);
  return operation;
}

Source open(const Options& options, const std::string& input) {
  if (options.randn) return Source::noise(noise_of(options), kNoise);
  if (options.tensor) return Source::memory(*options.tensor, "--tensor");
  if (input == "-") return Source::standard_input();
  try {
    return Source::file(input);
  } catch (const Error& error) {
    std::error_code none;
    if (std::filesystem::exists(input, none)) throw;
    throw Error(error.kind(), error.message(), hint_for_input(input, options), error.place());
  }
}

/// The inputs there are; standard input if none is named, and the literal, which has no name.
/// `options` must outlive them. To be called before anything is opened: /dev/fd/3 is what the program was
/// started with, not what it has opened since.
Sources sources_of(const Options& options) {
  std::set<std::string, std::less<>> absent;
  for (const std::string& input : options.inputs) {
    const bool may_be_descriptor = input.starts_with("/dev/") || input.starts_with("/proc/");
    if (may_be_descriptor && ::access(input.c_str(), F_OK) != 0) absent.insert(input);
  }
  const auto name = [&options](std::size_t i) -> std::string {
    return options.inputs.empty() ? "-" : options.inputs[i];
  };
  return {std::max<std::size_t>(1, options.inputs.size()),
          [=, &options, absent = std::move(absent)](std::size_t i) {
            const std::string input = name(i);
            if (absent.contains(input)) {
              throw Error(ErrorKind::io, std::string("cannot open: ") + std::strerror(ENOENT),
                          hint_for_input(input, options), {input});
            }
            return open(options, input);
          },
          [=](std::size_t i) {
            const std::string input = name(i);
            struct stat status {};
            // Standard input is read from where it stands, by one after the other.
            return input == "-" ||
                   (::stat(input.c_str(), &status) == 0 && S_ISFIFO(status.st_mode));
          }};
}

Output open_output(const Options& options) {
  return options.output ? Output::file(*options.output) : Output::standard_output();
}

/// Refuses a file that would be written over while it is read (`< a.csv 1<> a.csv`), as cat does; one that a
/// shell has emptied (`a.csv > a.csv`) is told of by the same words. What is appended to a file comes behind
/// all that is read of it.
void check_output_is_no_input(const Options& options) {
  struct stat output {};
  if (options.output || options.tensor || options.randn || ::fstat(STDOUT_FILENO, &output) != 0 ||
      !S_ISREG(output.st_mode) || (::fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND) != 0)
    return;
  const auto check = [&](const std::string& input) {
    struct stat status {};
    const bool is_there =
        input == "-" ? ::fstat(STDIN_FILENO, &status) == 0 : ::stat(input.c_str(), &status) == 0;
    if (!is_there || status.st_dev != output.st_dev || status.st_ino != output.st_ino) return;
    const std::string name = input == "-" ? "<stdin>" : input;
    throw Error(ErrorKind::usage,
                "standard output is this file, which would be written over while it is read",
                input == "-" ? "-o FILE puts the output in its place when it is whole"
                             : "-o in place of > puts the output there when it is whole",
                {name});
  };
  if (options.inputs.empty()) check("-");
  std::for_each(options.inputs.begin(), options.inputs.end(), check);
}

bool is_binary(const std::string& format) {
  return format == "npy" || format == "npz" || format == "safetensors";
}

/// Says what is not an error.
void note(const Error& error) { say("note: " + error.line(option_text)); }

/// The options of a run that shows its progress and its notes, and in which open() opens files alone.
RunOptions shown(RunOptions options, Progress& progress) {
  options.own_descriptors = true;
  options.progress = [&progress](const Source& source) { progress.show(source); };
  options.note = [&progress](const Error& error) {
    progress.hide();
    note(error);
  };
  return options;
}

// ---- list --------------------------------------------------------------------------------------

/// A line a tensor: name, dtype, shape, bytes, in columns.
std::string list_table(const std::vector<std::pair<std::string, Entry>>& all, bool several) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> widths(4);
  for (const auto& [source, entry] : all) {
    std::string name = several || entry.name.empty() ? source : "";
    if (!entry.name.empty()) name += (name.empty() ? "" : ":") + entry.name;
    const std::string_view dtype = entry.known ? rectify::name(*entry.known) : entry.dtype;
    rows.push_back(
        {escaped(name), escaped(dtype), to_string(entry.shape), fmt::format("{}", entry.bytes)});
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], display_width(rows.back()[i]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < 3; ++i)
      text += row[i] + std::string(widths[i] - display_width(row[i]) + 2, ' ');
    text += fmt::format("{:>{}}\n", row[3], widths[3]);
  }
  return text;
}

std::string list_json(const std::vector<std::pair<std::string, Entry>>& all, bool lines) {
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  for (const auto& [source, entry] : all) {
    document.push_back(
        {{"source", source},
         {"name", entry.name},
         {"dtype", entry.known ? std::string(rectify::name(*entry.known)) : entry.dtype},
         {"shape", entry.shape},
         {"bytes", entry.bytes}});
  }
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  if (!lines) return without_controls(document.dump(2, ' ', false, kReplace)) + "\n";
  std::string text;
  for (const auto& record : document)
    text += without_controls(record.dump(-1, ' ', false, kReplace)) + "\n";
  return text;
}

/// A file of numbers is meant to be read again: says that most of them are not there, and how to
/// have them.
void note_what_is_left_out(const Printed& printed) {
  if (printed.shortened == 0) return;
  const std::uint64_t others = printed.shortened - 1;
  // Several tensors may differ in their columns, which CSV cannot; JSON holds anything.
  const bool table = printed.tensors == 1 && printed.first_shortened.size() <= 2;
  say(fmt::format(
      "note: {} values, only edges shown{}: --to {} gives all",
      numel(printed.first_shortened, DType::uint8),
      others == 0 ? "" : fmt::format(", and of {} more tensor{}", others, others == 1 ? "" : "s"),
      table ? "csv" : "json"));
}

// ---- compare -----------------------------------------------------------------------------------

/// The tallies of the inputs, and what is said of them besides. One bad input of several does not
/// take the reports of the others, but from what is put in place of a file or is merged: that is
/// whole.
std::vector<Compared> tallies_of(const Options& options, bool& failed) {
  Progress progress(false);  // the report comes at the end
  const RunOptions run_options = shown(options.run, progress);
  std::function<void(const Error&)> go_on;
  if (!options.partial && !options.output) {
    go_on = [&](const Error& error) {
      progress.hide();
      failed = true;
      say(error.line(option_text));
    };
  }
  return rectify::compare(sources_of(options), options.read, options.compare, run_options, go_on);
}

struct Worst {
  const NamedReport* report = nullptr;
  std::size_t mode = 0;
  double share = -1;
};

/// The units that a limit is about.
struct Gate {
  std::string_view word;
  Figure ActivationFigures::*share;
  std::vector<std::int64_t> ActivationFigures::*at;
};
constexpr Gate kDead{"dead", &ActivationFigures::dead_frac, &ActivationFigures::dead_at};
constexpr Gate kDormant{"dormant", &ActivationFigures::dormant_frac,
                        &ActivationFigures::dormant_at};

/// The greatest share of such units of a tensor: under the baseline, or under `check` with any of
/// the slopes compared. Throws Error{usage} if it is not compared.
Worst worst_of(const std::vector<NamedReport>& reports, const std::vector<Module>& modes,
               const std::optional<Module>& check, const Gate& gate) {
  Worst worst;
  for (std::size_t c = 0; c < modes.size(); ++c) {
    if (check ? !check->covers(modes[c]) : c != 0) continue;
    for (const NamedReport& report : reports) {
      const double* found = std::get_if<double>(&(report.figures.activations[c].*gate.share));
      const double share = found == nullptr ? 0 : *found;
      if (share > worst.share) worst = {&report, c, share};
    }
  }
  if (worst.report == nullptr && check && !reports.empty()) {
    throw Error(ErrorKind::usage,
                "--check " + in_quotes(check->label()) + " is none of the modes compared");
  }
  worst.share = std::max(worst.share, 0.0);
  return worst;
}

/// The first tensor without a value, or with NaN alone; null if there is none.
const NamedReport* without_values(const std::vector<NamedReport>& reports) {
  const auto found = std::find_if(reports.begin(), reports.end(), [](const NamedReport& report) {
    return report.figures.input.n == report.figures.input.nan;
  });
  return found == reports.end() ? nullptr : &*found;
}

/// Says in one line which tensor has NaN first, and how many others. Whether there is none.
bool say_nan(const std::vector<NamedReport>& named) {
  const auto has_nan = [](const NamedReport& report) { return report.figures.input.nan != 0; };
  const auto first = std::find_if(named.begin(), named.end(), has_nan);
  if (first == named.end()) return true;
  const auto others = std::count_if(first + 1, named.end(), has_nan);
  say(fmt::format(
      "{}: {} of {} values are NaN{}", escaped(first->source), first->figures.input.nan,
      first->figures.input.n,
      others == 0 ? "" : fmt::format("; {} more of {} tensors have some", others, named.size())));
  return false;
}

/// Says in one line which units of the worst tensor are over a limit, and which tensors are besides.
void say_worst(const std::vector<NamedReport>& named, const Worst& worst, const Gate& gate,
               double limit) {
  constexpr std::size_t kMostNames = 20;
  constexpr std::size_t kMostTensors = 10;
  const NamedReport& report = *worst.report;
  const ActivationFigures& figures = report.figures.activations[worst.mode];
  const std::vector<std::int64_t>& at = figures.*gate.at;
  std::string units;
  for (std::size_t i = 0; i < at.size() && i < kMostNames; ++i)
    units += (i == 0 ? "" : ", ") + unit_name(report, static_cast<std::size_t>(at[i]));
  if (at.size() > kMostNames) units += fmt::format(", and {} more", at.size() - kMostNames);
  std::string others;
  std::size_t count = 0;
  for (const NamedReport& other : named) {
    const ActivationFigures& same = other.figures.activations[worst.mode];
    const double* const share = std::get_if<double>(&(same.*gate.share));
    if (&other == &report || share == nullptr || !(*share > limit)) continue;
    if (++count <= kMostTensors) {
      others += fmt::format("{}{} ({} of {})", count == 1 ? "; also " : ", ", escaped(other.source),
                            (same.*gate.at).size(), other.figures.units);
    }
  }
  if (count > kMostTensors) others += fmt::format(", and {} more", count - kMostTensors);
  say(fmt::format("{}: {} of {} units {} under {} ({:.1f} %), limit {:.4g} %: {}{}",
                  escaped(report.source), at.size(), report.figures.units, gate.word,
                  label(figures.mode), 100 * worst.share, 100 * limit, units, others));
}

}  // namespace

bool list(const Options& options) {
  const Sources sources = sources_of(options);
  std::vector<std::pair<std::string, Entry>> all;
  bool complete = true;
  for (std::size_t i = 0; i < sources.count; ++i) {
    try {
      Source source = sources.open(i);
      const std::string name = source.name();
      for (Entry& entry : rectify::list(std::move(source), options.read))
        all.emplace_back(name, std::move(entry));
    } catch (const Error& error) {
      // As in compare, one bad input of several does not take what is said of the others.
      if (sources.count == 1 || options.output || error.kind() == ErrorKind::usage) throw;
      complete = false;
      say(error.line(option_text));
    }
  }
  if (!complete && all.empty()) return false;
  Output output = open_output(options);
  const std::string& format = options.write.format;
  output.write(format == "torch" ? list_table(all, sources.count > 1)
                                 : list_json(all, format == "jsonl"));
  output.commit();
  return complete;
}

void apply(Options options) {
  seed(options);
  if (is_binary(options.write.format) && !options.output && ::isatty(STDOUT_FILENO) != 0) {
    throw Error(ErrorKind::usage,
                options.write.format + " is binary, and standard output is a terminal",
                "-o FILE, or > FILE");
  }
  check_output_is_no_input(options);
  const Sources sources = sources_of(options);
  Output output = open_output(options);
  if (options.write.format == "npy" && options.inputs.size() > 1 && output.is_file()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} inputs and one .npy file: numpy.load would read the first alone",
                            options.inputs.size()),
                "--to jsonl holds them all, or one run for each input");
  }
  Writer writer(output, options.write);
  Progress progress(!options.output);
  const RunOptions run_options = shown(options.run, progress);
  try {
    run(sources, options.read, operation_of(options), writer, run_options);
  } catch (const ReaderGone&) {
    throw;
  } catch (...) {
    try {
      if (!options.tensor) output.flush();  // what came before is right, and whole
    } catch (const std::exception&) {
      // The first error counts.
    }
    throw;
  }
  writer.finish();
  output.commit();
  if (output.is_file()) note_what_is_left_out(writer.printed());
}

Verdict compare(Options options) {
  seed(options);
  if (options.plot) {
    check_plot_target(*options.plot);
    if (*options.plot == "-" && options.report_format != "table" && !options.output) {
      throw Error(ErrorKind::usage,
                  "--plot - would draw into the " + options.report_format + " on standard output",
                  "-o FILE for the one, or --plot FILE.svg for the other");
    }
  }
  bool failed = false;
  const std::vector<Compared> tallies =
      options.merge ? merge(options) : tallies_of(options, failed);
  if (failed && tallies.empty()) return Verdict::incomplete;
  options.dead_below = std::max(options.dead_below, 0.0);
  if (options.dormant_below < 0) options.dormant_below = kDormantBelow;

  std::vector<NamedReport> named;
  for (const Compared& merged : tallies) {
    NamedReport& report = named.emplace_back();
    report.source = merged.source;
    report.names = merged.names;
    report.figures = merged.tally.figures(options.dead_below, options.dormant_below);
    if (!options.partial) continue;
    if (report.figures.unit_axis == 0 && report.figures.shape.size() > 1) {
      throw Error(ErrorKind::usage, "--partial with --unit-axis 0: every part has units of its own",
                  {}, {report.source});
    }
    report.partials = partial_texts(options, report, merged.tally);
  }

  ReportOptions show;
  fit_to_terminal(show);
  show.colour = show.colour && !options.output;
  show.per_unit = options.per_unit;
  show.top = options.top;
  show.dead_below = options.dead_below;
  show.dormant_below = options.dormant_below;
  const std::vector<Module>& modes = options.compare.modes;
  const Worst dead = worst_of(named, modes, options.check, kDead);
  const Worst dormant = worst_of(named, modes, options.check, kDormant);
  // Nothing can be said of no values, and a gate that let them pass would never see that what feeds
  // it has come to nothing.
  const NamedReport* const empty = without_values(named);
  const auto checked = [&](const Worst& worst, double limit) {
    const Module& mode = modes.at(worst.mode);
    const bool has_rivals = std::count_if(modes.begin(), modes.end(), [&](const Module& other) {
                              return &other.activation() == &mode.activation();
                            }) > 1;
    return Check{has_rivals ? label(mode) : std::string(mode.activation().name), limit, worst.share,
                 worst.share <= limit && empty == nullptr};
  };
  if (options.fail_if_dead) show.check = checked(dead, *options.fail_if_dead);
  if (options.fail_if_dormant) show.dormant_check = checked(dormant, *options.fail_if_dormant);
  try {
    Output output = open_output(options);
    if (options.report_format == "table") {
      output.write(report_table(named, show));
    } else if (options.report_format == "markdown") {
      output.write(report_markdown(named, show));
    } else if (options.report_format == "csv" || options.report_format == "tsv") {
      output.write(report_csv(named, show, options.report_format == "csv" ? ',' : '\t'));
    } else {
      output.write(report_json(named, show, options.report_format == "jsonl"));
    }
    output.commit();
  } catch (const ReaderGone&) {
    // Nobody reads the report; the limits count all the same.
  }

  if (options.plot) {
    std::vector<std::vector<Tally::Bin>> histograms;
    histograms.reserve(tallies.size());
    for (const Compared& merged : tallies) histograms.push_back(merged.tally.histogram());
    plot(*options.plot, named, histograms, show);
  }

  bool within_limits = true;
  if (empty != nullptr && (show.check || show.dormant_check || options.fail_if_nan)) {
    say(fmt::format("{}: no values: a limit on them is passed", escaped(empty->source)));
    within_limits = false;
  }
  if (show.check && dead.share > show.check->limit) {
    say_worst(named, dead, kDead, show.check->limit);
    within_limits = false;
  }
  if (show.dormant_check && dormant.share > show.dormant_check->limit) {
    say_worst(named, dormant, kDormant, show.dormant_check->limit);
    within_limits = false;
  }
  if (options.fail_if_nan && !say_nan(named)) within_limits = false;
  return failed ? Verdict::incomplete : within_limits ? Verdict::fine : Verdict::over_limit;
}

void say(const std::string& line) {
  const std::string text = "rectify: " + line + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {  // somebody made it non-blocking
      pollfd ready = {STDERR_FILENO, POLLOUT, 0};
      if (::poll(&ready, 1, -1) >= 0 || errno == EINTR) continue;
    }
    if (count <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

void print(const std::string& text) {
  Output output = Output::standard_output();
  output.write(text);
  output.commit();
}

}  // namespace rectify::app
