// The command line: CLI11 splits it, the table of flags says what each option means, and here is
// what they mean together. The words that the user gets to read are ours.

#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string_view>

#include "first_words.hpp"
#include "flags.hpp"
#include "plot_modes.hpp"

#ifndef RECTIFY_VERSION
#error "RECTIFY_VERSION comes from CMake"
#endif

namespace rectify::app {
namespace {

constexpr char kShield = '\x01';

/// What the library calls the field that `flag` sets.
std::string field_of(const Flag& flag) {
  if (!flag.field.empty()) return std::string(flag.field);
  std::string field(flag.name.substr(flag.name.find_first_not_of('-')));
  std::replace(field.begin(), field.end(), '-', '_');
  return field;
}

/// CLI11's complaint in our words.
[[noreturn]] void translate(const CLI::ParseError& error, const CLI::App& app,
                            const std::vector<std::string>& words, Options::Command command) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    for (const std::string& word : app.remaining()) {
      const std::vector<std::string> before(words.begin(),
                                            std::find(words.begin(), words.end(), word));
      refuse("no such option: " + in_quotes(word), hint_for_option(word, command, before));
    }
  }
  std::string text = error.what();  // "--slope: 1 required TEXT missing", "inplace was given ..."
  text.erase(0, text.find_first_not_of('-'));
  const std::string first = "--" + text.substr(0, text.find_first_of(": "));
  for (const Flag& flag : flags()) {
    if (first != flag.name && first != fmt::format("-{}", flag.name)) continue;
    if (flag.value == Flag::none) refuse(fmt::format("{} takes no value", flag.name));
    refuse(fmt::format("{} needs a value: {}", flag.name, flag.variable));
  }
  refuse(escaped(text), "rectify -h lists the options");
}

/// Whether a word that begins with a dash may name the flag, also behind others: -v-list is -v --list
/// to CLI11. Compares so many more words than it need that no rule of CLI11 has to be repeated here.
bool may_name(std::string_view word, const Flag& flag) {
  const bool has_letter = flag.letter != '\0' && word.find(flag.letter, 1) != std::string::npos;
  return has_letter || word.find(flag.name.substr(1)) != std::string::npos;
}

constexpr std::string_view kSlope = "negative_slope";

bool leaves_slope_open(const Module& mode) { return mode.has(kSlope) && !mode.gave(kSlope); }

void refuse_idle_slope(const Options& options) {
  const std::vector<Module>& modes = options.operation.modes;
  if (options.slopes.empty() || std::any_of(modes.begin(), modes.end(), leaves_slope_open)) return;
  refuse(fmt::format("--slope is the negative_slope of leaky, and --mode {} leaves none open",
                     options.mode_text),
         "leave --slope out");
}

/// The modes, those whose slope is open once with each of the slopes.
std::vector<Module> with_slopes(const std::vector<Module>& modes,
                                const std::vector<double>& slopes) {
  std::vector<Module> all;
  for (const Module& mode : modes) {
    if (slopes.empty() || !leaves_slope_open(mode)) {
      all.push_back(mode);
      continue;
    }
    for (const double slope : slopes) all.push_back(mode.with(kSlope, slope));
  }
  for (auto mode = all.begin(); mode != all.end(); ++mode) {
    if (std::find(all.begin(), mode, *mode) != mode)
      refuse(fmt::format("--mode names {} twice", mode->label()));
  }
  return all;
}

bool is_among(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

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

/// Refuses what has no meaning where nothing is applied, and what is written is a list.
void settle_list(Options& options, const std::vector<const Flag*>& given) {
  for (const Flag* flag : given) {
    const bool is_for_tensors = flag->group == Flag::operation || flag->group == Flag::printing ||
                                flag->group == Flag::output;
    if (is_for_tensors && flag->name != "--threads" && flag->name != "--to" &&
        flag->name != "--output")
      refuse(
          fmt::format("--list tells what there is, and applies nothing: leave out {}", flag->name));
  }
  if (options.write.format.empty() && options.output)
    options.write.format = format_of_output(*options.output, "torch", {"torch", "json", "jsonl"});
  if (options.write.format.empty()) options.write.format = "torch";
  const std::string& format = options.write.format;
  if (format != "torch" && format != "json" && format != "jsonl")
    refuse("--list is a table, or with --to json or jsonl a document: not " + format);
  if (options.randn) refuse("--list is for what is read, not for --randn");
}

void settle_apply(Options& options) {
  if (options.write.format.empty() && options.output) {
    options.write.format = format_of_output(*options.output, "torch", writable_formats());
    if (!is_among(options.write.format, writable_formats()))
      refuse(fmt::format("-o {}: {} is read, not written", in_quotes(*options.output),
                         options.write.format),
             "--to " + joined(writable_formats(), "|"));
  }
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

/// Refuses what has no meaning for the format that is written.
void refuse_misplaced(const Options& options, const std::vector<const Flag*>& given) {
  const std::string format = options.write.format.empty() ? "torch" : options.write.format;
  for (const Flag* flag : given) {
    const std::vector<std::string> formats = flag->formats();
    if (std::find(formats.begin(), formats.end(), format) != formats.end()) continue;
    std::string hint;
    const bool text = format != "torch" && format != "npy";
    if (flag->name == "--precision" && text) hint = "--float-format %.4f writes four digits";
    if (flag->name == "--float-format" && format == "torch")
      hint = "--precision 4 prints four digits";
    refuse(
        fmt::format("{} is for --to {}, and this is {}", flag->name, joined(formats, ", "), format),
        hint);
  }
}

/// Whether -o would put something in the place of an input.
bool output_is_input(const Options& options) {
  if (!options.output || !Output::puts_in_place(*options.output)) return false;
  return std::any_of(options.inputs.begin(), options.inputs.end(), [&](const std::string& file) {
    std::error_code none;
    return file == *options.output || std::filesystem::equivalent(file, *options.output, none);
  });
}

void settle_compare(Options& options) {
  const std::string& check = options.check_text;
  options.compare.modes = options.operation.modes;
  // Whether a plot will be drawn of the parts is not known where they are made.
  options.compare.histogram = options.plot.has_value() || options.partial;
  if (!check.empty() && !options.fail_if_dead && !options.fail_if_dormant)
    refuse("--check goes with --fail-if-dead or --fail-if-dormant");
  if (!check.empty()) {
    const std::vector<Module> checked = modes_of("--check", check);
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
    if (options.plot) refuse("--plot draws a whole input: it goes with --merge, not --partial");
    options.report_format = "json";
  }
  if (options.merge) {
    if (options.tensor || options.randn) refuse("--merge takes files that --partial has written");
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
    if (output_is_input(options))
      refuse("-o names an input: it would be lost", "another file for the report");
    const std::string format = format_of_extension(*options.output);
    if (!format.empty() && format != "torch" && !is_among(format, report_formats()))
      refuse("a report is not an array: " + in_quotes(*options.output), "FILE.json");
    if (options.partial && (format == "csv" || format == "tsv"))
      refuse("--partial writes JSON, not " + format);
    if (options.report_format.empty() && options.output->ends_with(".md"))
      options.report_format = "markdown";
    if (options.report_format.empty()) {
      options.report_format = format_of_output(*options.output, "table", report_formats());
      if (options.report_format == "torch") options.report_format = "table";  // both are .txt
    }
  }
  if (options.report_format.empty()) options.report_format = "table";
  if (options.top && options.per_unit)
    refuse("--per-unit shows every unit, and --top the worst alone: one of them");
  if (options.top && options.report_format != "table" && options.report_format != "markdown")
    refuse(fmt::format("--top shortens a table or Markdown: {} has all", options.report_format));
}

/// The library takes the best for a name that it does not know.
void check_target() {
  const char* const given = std::getenv("RECTIFY_TARGET");
  if (given == nullptr || *given == '\0') return;
  const auto known = known_instructions();
  if (std::find(known.begin(), known.end(), given) != known.end()) return;
  refuse(fmt::format("RECTIFY_TARGET is one of {}, not {}",
                     joined({known.begin(), known.end()}, ", "), in_quotes(given)));
}

}  // namespace

bool draws(const Options& options) {
  return std::any_of(options.operation.modes.begin(), options.operation.modes.end(),
                     [](const Module& mode) { return mode.is_random(); });
}

Options parse_options(int argc, const char* const* argv) {
  check_target();
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
  // bracket from it. There may be thousands of files, whose names are not copied for it.
  std::vector<const char*> words(argv, argv + argc);
  std::deque<std::string> shielded;
  std::vector<std::string_view> dashed;
  for (auto word = words.begin() + 1; word < words.end(); ++word) {
    if (**word == '[') *word = shielded.emplace_back(kShield + std::string(*word)).c_str();
    if (**word == '-') dashed.emplace_back(*word);
  }

  CLI::App app;
  app.set_help_flag();
  app.set_config();
  std::vector<std::string> values(flags().size());
  std::vector<std::vector<std::string>> lists(flags().size());  // of those that may be given again
  const auto is_list = [](const Flag& flag) { return flag.repeats || flag.value == Flag::list; };
  std::vector<CLI::Option*> given(flags().size());
  for (std::size_t i = 0; i < flags().size(); ++i) {
    const Flag& flag = flags()[i];
    if (!applies(flag, options.command)) continue;
    // Every option that is added is compared with all before it, which for all of them takes longer
    // than anything else in a short run. One that is not named is not missed: CLI11 leaves over what
    // it does not know, and nearest() looks for it in flags().
    const auto names_it = [&](std::string_view word) { return may_name(word, flag); };
    if (std::none_of(dashed.begin(), dashed.end(), names_it)) continue;
    std::string name(flag.name);
    if (flag.letter != '\0' && flag.name.size() > 2) name += fmt::format(",-{}", flag.letter);
    given[i] = flag.value == Flag::none ? app.add_flag(name)->disable_flag_override()
               : is_list(flag)          ? app.add_option(name, lists[i])->allow_extra_args(false)
                                        : app.add_option(name, values[i])->take_last();
  }
  app.add_option("INPUT", options.inputs);
  try {
    app.parse(argc, words.data());
  } catch (const CLI::ParseError& error) {
    translate(error, app, {words.begin(), words.end()}, options.command);
  }

  const auto restored = [](std::string& word) {
    if (word.starts_with(kShield)) word.erase(0, 1);
  };
  std::for_each(options.inputs.begin(), options.inputs.end(), restored);
  std::for_each(values.begin(), values.end(), restored);
  for (std::vector<std::string>& list : lists) std::for_each(list.begin(), list.end(), restored);

  std::string input_options;  // those that say how to read or what to compare
  std::string text_option;    // one that says how to read text
  std::vector<const Flag*> all_given;
  std::vector<const Flag*> of_formats;  // those that are for some formats alone
  for (std::size_t i = 0; i < flags().size(); ++i) {
    if (given[i] == nullptr || given[i]->count() == 0) continue;
    const Flag& flag = flags()[i];
    all_given.push_back(&flag);
    if (flag.name == "--tensor" && given[i]->count() > 1)
      refuse("--tensor is given twice, and one tensor is taken a call");
    if (flag.repeats) {
      for (const std::string& word : lists[i]) flag.take(options, word);
    } else {
      flag.take(options, is_list(flag) ? joined(lists[i], ",") : values[i]);
    }
    if (reads(flag) && input_options.empty()) input_options = flag.name;
    for (const std::string_view name :
         {"--from", "--pointer", "--key", "--header", "--delimiter", "--decimal", "--missing",
          "--missing-words", "--skip", "--skip-after-header", "--comment", "--columns", "--keep",
          "--ndmin"}) {
      if (flag.name == name) text_option = name;
    }
    if (flag.formats != nullptr) of_formats.push_back(&flag);
  }
  if (options.ask == Options::Ask::plot_modes) {
    refuse_idle_slope(options);
    options.operation.modes = with_slopes(options.operation.modes, options.slopes);
    if (!options.inputs.empty() || options.tensor || options.randn)
      refuse("--plot-modes draws the modes alone, and takes no input",
             "compare --plot draws what they do to an input");
    for (const Flag* flag : all_given) {
      if (flag->name != "--plot-modes" && flag->name != "--mode" && flag->name != "--slope")
        refuse(fmt::format("--plot-modes draws the modes alone: leave out {}", flag->name));
    }
    check_plot_modes(*options.plot, options.operation.modes);
  }
  if (options.ask != Options::Ask::run) {
    // --help compare
    if (options.inputs.size() == 1 && options.inputs[0] == "compare")
      options.command = Options::Command::compare;
    return options;
  }

  check_stray_words(options);
  if ((options.tensor ? 1 : 0) + (options.randn ? 1 : 0) + (options.inputs.empty() ? 0 : 1) > 1) {
    refuse("one kind of source a call: files, --tensor or --randn");
  }
  if (options.seed && !options.randn && !draws(options))
    refuse(options.command == Options::Command::compare
               ? "--seed goes with --randn"
               : "--seed goes with --randn, or with --mode 'rrelu(training)'");
  if (options.randn && !text_option.empty())
    refuse(text_option + " is for what is read, not for --randn");
  if (options.tensor && !options.read.format.empty() && options.read.format != "json") {
    refuse("--tensor is JSON: --from " + options.read.format + " is for files");
  }
  if (options.read.part && (options.tensor || options.randn))
    refuse("--part divides files, not --tensor or --randn");
  if (options.read.part && output_is_input(options))
    refuse("-o names an input: all of it but the part would be lost", "another file for the part");
  if (options.merge && !input_options.empty()) {
    refuse("--merge takes figures as they are: " + input_options +
           " belongs to the runs of --partial");
  }
  if (options.read.part && options.read.ndmin == 1)
    refuse("--part implies --ndmin 2, and here is --ndmin 1");
  if (options.read.part && options.inputs.size() > 1) {
    refuse("--part divides one file: the parts of several would not join in their order",
           "one run for each file");
  }
  if (options.tensor) {
    options.read.format = "json";
    options.read.python = true;
  }
  std::vector<Module>& modes = options.operation.modes;
  if (!options.merge) refuse_idle_slope(options);
  modes = with_slopes(modes, options.slopes);
  if (options.command == Options::Command::compare) {
    settle_compare(options);
  } else if (options.list) {
    settle_list(options, all_given);
  } else {
    settle_apply(options);
    refuse_misplaced(options, of_formats);
  }
  return options;
}

std::string option_text(std::string_view field, std::string_view value) {
  const auto flag = std::find_if(flags().begin(), flags().end(),
                                 [&](const Flag& one) { return field_of(one) == field; });
  if (flag == flags().end()) return std::string(field);  // tests/layers.py: there is none
  std::string text(flag->name);
  if (flag->command == Flag::compare) text.insert(0, "compare ");
  if (value.empty()) return text;
  constexpr std::string_view kPlain =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,._/=+-:@%";
  const bool is_quoted = value.size() > 1 && value.starts_with('\'') && value.ends_with('\'');
  const bool means_something_to_a_shell =
      !is_quoted && value.find_first_not_of(kPlain) != std::string_view::npos;
  return text +
         (means_something_to_a_shell ? fmt::format(" '{}'", value) : fmt::format(" {}", value));
}

std::string list_modes() {
  std::string text;
  for (const Activation& activation : activations()) {
    const Module standard(activation);
    text += fmt::format("{:<12}{}\n", activation.name, activation.summary);
    for (const Parameter& parameter : activation.parameters) {
      std::string value = parameter.required ? "to be given" : standard.value_text(parameter.name);
      if (value.ends_with(".0")) value.resize(value.size() - 2);
      text += fmt::format("{:<12}{} = {}: {}\n", "", parameter.name, value, parameter.about);
    }
    text += fmt::format("{:<12}gradient at 0: {}\n", "", activation.gradient_at_zero);
    text += fmt::format("{:<12}torch.nn.{}\n", "", standard.text());
  }
  text +=
      "\nValues and gradients have the bits of PyTorch's AVX2 vector loops, wherever an element "
      "stands:\nfloat32, float64, and float16, bfloat16 computed in float32.\n";
  return text;
}

std::string version() {
  return "rectify " RECTIFY_VERSION " (values, printing and CPU random numbers of PyTorch 2.14)\n";
}

}  // namespace rectify::app
