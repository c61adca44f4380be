#include "first_words.hpp"

#include <fmt/format.h>

#include <algorithm>
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
    {"na-values", "--missing nan"},
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
  std::vector<std::string_view> names;
  for (const Flag& flag : flags()) {
    if (applies(flag, command)) names.push_back(flag.name);
  }
  std::string plain(typed.substr(std::min(typed.find_first_not_of('-'), typed.size())));
  const Activation* const activation = find_activation(plain);
  std::replace(plain.begin(), plain.end(), '_', '-');
  if (typed.size() == 2) {  // a letter
    for (const Synonym& letter : kLetters) {
      if (plain == letter.word) return std::string(letter.right);
    }
    std::vector<std::string> with_letter;
    for (const std::string_view name : names) {
      if (name.size() > 2 && name.substr(2, 1) == plain) with_letter.emplace_back(name);
    }
    if (!with_letter.empty()) return fmt::format("did you mean {}?", joined(with_letter, ", "));
  } else {
    for (const Synonym& synonym : kSynonyms) {
      if (plain == synonym.word) return std::string(synonym.right);
    }
    if (activation != nullptr) return fmt::format("--mode {}", activation->name);
    // -slope and --SLOPE are near enough, too.
    const std::string_view meant = nearest("--" + plain, names);
    if (!meant.empty()) return fmt::format("did you mean {}?", meant);
    for (const Flag& flag : flags()) {
      if (applies(flag, command) || flag.name != typed) continue;
      return flag.command == Flag::compare ? "it is an option of rectify compare"
                                           : "rectify compare does not take it";
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
  if (options.randn) refuse_stray();
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
  refuse_stray();
}

}  // namespace rectify::app
