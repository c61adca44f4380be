#include "first_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "flags.hpp"

namespace rectify::app {
namespace {

/// What other programs, and PyTorch, call what we call otherwise.
struct Synonym {
  std::string_view word;  // without dashes, with '-' for '_'
  std::string_view right;
};
constexpr Synonym kSynonyms[] = {
    {"negative-slope", "--slope X"},
    {"negslope", "--slope X"},
    {"alpha", "--slope X for leaky, --mode 'elu(alpha=X)' for others"},
    {"dim", "--mode 'softmax(dim=N)', or compare --unit-axis N"},
    {"axis", "--mode 'softmax(dim=N)', or compare --unit-axis N"},
    {"manual-seed", "--seed N"},
    {"random-seed", "--seed N"},
    {"random", "--randn SIZES"},
    {"rand", "--randn SIZES"},
    {"normal", "--randn SIZES"},
    {"shape", "--randn SIZES"},
    {"size", "--randn SIZES"},
    {"json", "--to json; an input's format is told from its name or content"},
    {"jsonl", "--to jsonl; an input's format is told from its name or content"},
    {"csv", "--to csv; an input's format is told from its name or content"},
    {"tsv", "--to tsv; an input's format is told from its name or content"},
    {"npy", "--to npy; an input's format is told from its name or content"},
    {"format", "--to FORMAT for the output, --from FORMAT for the input"},
    {"output-format", "--to FORMAT"},
    {"input-format", "--from FORMAT"},
    {"out-format", "--to FORMAT"},
    {"in-format", "--from FORMAT"},
    {"icsv", "--from csv"},
    {"ijson", "--from json"},
    {"itsv", "--from tsv"},
    {"ocsv", "--to csv"},
    {"ojson", "--to json"},
    {"otsv", "--to tsv"},
    {"no-header", "--header no"},
    {"noheader", "--header no"},
    {"headerless", "--header no"},
    {"implicit-csv-header", "--header no"},
    {"headers", "--header WHEN"},
    {"no-out-header", "--out-header no"},
    {"headerless-csv-output", "--out-header no"},
    {"quiet", "there is nothing to silence: notes go to standard error, 2>/dev/null"},
    {"silent", "there is nothing to silence: notes go to standard error, 2>/dev/null"},
    {"activation", "--mode LIST"},
    {"act", "--mode LIST"},
    {"fn", "--mode LIST"},
    {"function", "--mode LIST"},
    {"modes", "--mode LIST"},
    {"in-place", "--inplace"},
    {"gradient", "--grad"},
    {"backward", "--grad"},
    {"sep", "--delimiter C"},
    {"separator", "--delimiter C"},
    {"delim", "--delimiter C"},
    {"field-separator", "--delimiter C"},
    {"fs", "--delimiter C"},
    {"ifs", "--delimiter C"},
    {"decimal-separator", "--decimal C"},
    {"na-values", "--missing-words WORDS"},
    {"nan-values", "--missing-words WORDS"},
    {"skiprows", "--skip N"},
    {"skip-rows", "--skip N"},
    {"skip-lines", "--skip N"},
    {"usecols", "--columns LIST"},
    {"cols", "--columns LIST"},
    {"fmt", "--float-format F"},
    {"ofmt", "--float-format F"},
    {"ofs", "--out-delimiter C"},
    {"ojsonl", "--to jsonl"},
    {"md", "--to markdown"},
    {"markdown", "--to markdown"},
    {"tau", "--dormant-below T"},
    {"fill", "--missing X"},
    {"fillna", "--missing X"},
    {"filling-values", "--missing X"},
    {"type", "--dtype T"},
    {"jq", "--pointer /a/b"},
    {"path", "--pointer /a/b"},
    {"query", "--pointer /a/b"},
    {"jobs", "--threads N"},
    {"nthreads", "--threads N"},
    {"num-threads", "--threads N"},
    {"parallel", "--threads N"},
    {"out", "-o FILE"},
    {"outfile", "-o FILE"},
    {"output-file", "-o FILE"},
    {"in", "an input is named without an option: rectify FILE"},
    {"input", "an input is named without an option: rectify FILE"},
    {"file", "an input is named without an option: rectify FILE"},
    {"infile", "an input is named without an option: rectify FILE"},
    {"literal", "--tensor JSON"},
    {"data", "--tensor JSON for a literal; a file is named without an option"},
    {"x", "--tensor JSON for a literal; a file is named without an option"},
    {"sci", "--sci-mode on"},
    {"scientific", "--sci-mode on"},
    {"digits", "--precision N"},
    {"decimals", "--precision N"},
    {"print-precision", "--precision N"},
    {"usage", "--help"},
    {"compare", "compare stands first: rectify compare FILE"},
};

/// Letters that mean one thing in the neighbours that people come from.
constexpr Synonym kLetters[] = {
    {"d", "--delimiter C"},
    {"F", "--delimiter C"},
    {"t", "--delimiter C, or --to FORMAT"},
    {"i", "an input is named without an option: rectify FILE"},
    {"j", "--threads N"},
    {"V", "--version"},
    {"?", "--help"},
};

bool is_number(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc{} && end == word.data() + word.size() && !word.empty();
}

/// Whether numbers stand in it, between commas or blanks, and nothing else.
bool are_numbers(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(", "), text.size());
    if (end != 0) {
      if (!is_number(text.substr(0, end))) return false;
      ++count;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return count != 0;
}

/// The words for a shell, in quotes where it would read them otherwise.
std::string for_shell(std::string_view word) {
  constexpr std::string_view kPlain =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,._/=+-:";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// What a synonym stands for, if the command takes it: "--grad", "--to npy; an input's ...".
std::string as_taken(std::string_view right, Options::Command command) {
  if (!right.starts_with("--")) return std::string(right);
  const std::string_view name = right.substr(0, right.find_first_of(" ;"));
  const auto is_it = [&](const Flag& flag) { return flag.name == name && applies(flag, command); };
  const auto flag = std::find_if(flags().begin(), flags().end(), is_it);
  if (flag == flags().end()) {
    return command == Options::Command::compare
               ? fmt::format("{}, which rectify compare does not take", name)
               : fmt::format("{} is an option of rectify compare", name);
  }
  // The same option takes other words in the other command.
  const std::string_view value =
      right.substr(name.size(), right.find(';', name.size()) - name.size());
  const bool is_word = value.size() > 1 && std::islower(value[1]) != 0;
  if (!is_word || flag->words == nullptr) return std::string(right);
  const std::vector<std::string> words = flag->words();
  if (std::find(words.begin(), words.end(), value.substr(1)) == words.end())
    return fmt::format("{} takes {}", name, joined(words, ", "));
  return std::string(right);
}

/// Whether a message can show it as it is to be typed.
bool can_be_shown(std::string_view word) { return escaped(word) == word; }

bool exists(const std::string& path) {
  std::error_code none;
  return std::filesystem::exists(path, none);
}

}  // namespace

std::string hint_for_option(std::string_view word, Options::Command command,
                            const std::vector<std::string>& before) {
  // `--tensor 2 -4 5`: the words behind it were to be one.
  if (is_number(word)) {
    const auto tensor = std::find(before.rbegin(), before.rend(), "--tensor").base();
    if (tensor != before.begin() && std::all_of(tensor, before.end(), is_number)) {
      std::string list;
      for (auto at = tensor; at != before.end(); ++at) list += *at + ",";
      return fmt::format("--tensor takes one word: --tensor '[{}{}]'", list, word);
    }
    return fmt::format("a literal is --tensor {}", word);
  }
  const std::string_view typed = word.substr(0, word.find('='));
  std::string plain(typed.substr(std::min(typed.find_first_not_of('-'), typed.size())));
  std::replace(plain.begin(), plain.end(), '-', '_');
  const Activation* const activation = find_activation(plain);
  const std::string parameter = plain;
  std::replace(plain.begin(), plain.end(), '_', '-');
  std::vector<std::string_view> names;
  std::vector<std::string> begun;       // the names that begin so
  std::vector<std::string> with_words;  // and those in which these words stand
  for (const Flag& flag : flags()) {
    if (!applies(flag, command)) continue;
    names.push_back(flag.name);
    if (!plain.empty() && flag.name.substr(2).starts_with(plain)) begun.emplace_back(flag.name);
    if (flag.name.find("-" + plain + "-") != std::string_view::npos ||
        flag.name.ends_with("-" + plain))
      with_words.emplace_back(flag.name);
  }
  const auto did_you_mean = [](const std::vector<std::string>& words) {
    return fmt::format("did you mean {}?", joined(words, ", "));
  };
  // A letter of one's own, or with its value behind it: -F,
  const bool is_letter =
      typed.size() == 2 ||
      (typed.size() == 3 && std::ispunct(static_cast<unsigned char>(typed[2])) != 0);
  if (is_letter && typed[1] != '-') {
    for (const Synonym& letter : kLetters) {
      if (typed.substr(1, 1) == letter.word) return std::string(letter.right);
    }
    if (!begun.empty()) return did_you_mean(begun);
  } else {
    for (const Synonym& synonym : kSynonyms) {
      if (plain == synonym.word) return as_taken(synonym.right, command);
    }
    for (const Flag& flag : flags()) {
      if (applies(flag, command) || flag.name != typed) continue;
      return flag.command == Flag::compare ? "it is an option of rectify compare"
                                           : "rectify compare does not take it";
    }
    if (activation != nullptr) return fmt::format("--mode {}", activation->name);
    if (const auto dtype = find_dtype(plain)) return fmt::format("--dtype {}", name(*dtype));
    if (!begun.empty()) return did_you_mean(begun);
    // -slope and --SLOPE are near enough, too; of a few letters others are near by chance.
    const std::string_view meant = nearest("--" + plain, names);
    const auto begins_so = [&] {
      return meant.size() > 2 && (plain[0] | ('a' - 'A')) == meant[2];  // -h is a name, too
    };
    if (!meant.empty() && (plain.size() > 4 || begins_so()))
      return did_you_mean({std::string(meant)});
    if (!with_words.empty()) return did_you_mean(with_words);
    for (const Activation& row : activations()) {
      for (const Parameter& one : row.parameters) {
        if (one.name == parameter) return fmt::format("--mode '{}({}=X)'", row.name, one.name);
      }
    }
  }
  return command == Options::Command::compare ? "rectify compare -h lists the options"
                                              : "rectify -h lists the options";
}

std::string hint_for_input(const std::string& input, const Options& options) {
  if (!can_be_shown(input)) return "";
  if (input.starts_with("http://") || input.starts_with("https://") || input.starts_with("ftp://"))
    return fmt::format("rectify reads files and pipes: curl -sSL {} | rectify", for_shell(input));
  if (input.starts_with("s3://") || input.starts_with("gs://"))
    return "rectify reads files and pipes: copy it here, or pipe it in";
  const bool has_files = std::any_of(options.inputs.begin(), options.inputs.end(), exists);
  if (is_number(input) && has_files) {
    // The value of an option that has one already, or takes none.
    if (options.slopes.size() == 1)
      return fmt::format("several slopes are one word: --slope {},{}", options.slopes[0], input);
    const auto takes_one = [](const Module& mode) { return !mode.activation().parameters.empty(); };
    const std::vector<Module>& modes = options.operation.modes;
    if (!options.mode_text.empty() && modes.size() == 1 && takes_one(modes[0]))
      return fmt::format("parameters belong to their mode: --mode '{}({})'",
                         modes[0].activation().name, input);
    return "it is the value of no option: some take none";
  }
  if (are_numbers(input) || (input.starts_with('[') && input.ends_with(']'))) {
    const bool list = input.starts_with('[') || is_number(input);
    std::string text = input;
    if (!list && text.find(',') == std::string::npos)
      std::replace(text.begin(), text.end(), ' ', ',');
    return fmt::format("a literal is --tensor {}",
                       list ? for_shell(text) : fmt::format("'[{}]'", text));
  }
  if (input == "help" || input == "version" || input == "man")
    return fmt::format("rectify {}--{}",
                       options.command == Options::Command::compare ? "compare " : "", input);
  const bool first = !options.inputs.empty() && options.inputs.front() == input;
  if (const Activation* activation = find_activation(input)) {
    std::string list(activation->name);
    if (!options.mode_text.empty()) list = fmt::format("{},{}", options.mode_text, list);
    return fmt::format("an activation is chosen by --mode {}", for_shell(list));
  }
  if (options.command == Options::Command::apply && input == "compare")
    return "compare stands first: rectify compare FILE";
  if (options.command == Options::Command::apply && first) {
    constexpr std::string_view kCommand[] = {"compare"};
    if (!nearest(input, kCommand).empty()) return "did you mean rectify compare?";
  }
  for (const std::string_view word : {"true", "false", "yes", "no", "on", "off"}) {
    if (input == word) return "an option that stands alone takes no value";
  }
  return "";
}

void check_stray_words(const Options& options) {
  const auto refuse_stray = [&] {
    for (const std::string& input : options.inputs) {
      if (input == "-" || exists(input)) continue;
      const std::string hint = hint_for_input(input, options);
      if (!hint.empty()) refuse(fmt::format("there is no file {}", in_quotes(input)), hint);
    }
  };
  if (options.randn && !options.inputs.empty() &&
      std::all_of(options.inputs.begin(), options.inputs.end(),
                  [](const std::string& word) { return is_number(word) && !exists(word); })) {
    std::string sizes;
    for (const std::int64_t size : *options.randn) sizes += fmt::format("{},", size);
    refuse("--randn takes its sizes in one word",
           fmt::format("--randn {}{}", sizes, joined(options.inputs, ",")));
  }
  // Nothing is printed of the files beside a word that is none. Who types words types few.
  constexpr std::size_t kMostTyped = 16;
  const bool beside_files = options.inputs.size() > 1 && options.inputs.size() <= kMostTyped;
  if (options.randn || (beside_files && !options.tensor)) refuse_stray();
  if (!options.tensor) return;
  if (options.inputs.empty()) {
    if (exists(*options.tensor) && !are_numbers(*options.tensor)) {
      std::string hint = "a file is named without an option";
      if (can_be_shown(*options.tensor)) hint += ": rectify " + for_shell(*options.tensor);
      refuse(fmt::format("--tensor takes a literal, and {} is a file", in_quotes(*options.tensor)),
             hint);
    }
    // As curl and httpie name a file to be read.
    if (options.tensor->size() > 1 && options.tensor->starts_with('@')) {
      std::string hint = "a file is named without an option";
      if (can_be_shown(*options.tensor))
        hint += ": rectify " + for_shell(options.tensor->substr(1));
      refuse(fmt::format("--tensor takes a literal, not {}", in_quotes(*options.tensor)), hint);
    }
    return;
  }
  if (is_number(*options.tensor) &&
      std::all_of(options.inputs.begin(), options.inputs.end(),
                  [](const std::string& word) { return is_number(word) && !exists(word); })) {
    refuse("--tensor takes one word",
           fmt::format("--tensor '[{},{}]'", *options.tensor, joined(options.inputs, ",")));
  }
  // [1, -2], without quotes.
  const auto is_list = [](const std::string& text) {
    return (text.starts_with('[') && text.ends_with(']')) ||
           (text.starts_with('(') && text.ends_with(')'));
  };
  const std::string list = *options.tensor + " " + joined(options.inputs, " ");
  if (!is_list(*options.tensor) && is_list(list) && can_be_shown(list))
    refuse("--tensor takes one word", "--tensor " + for_shell(list));
  refuse_stray();
}

}  // namespace rectify::app
