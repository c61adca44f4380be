// What makes a shell complete rectify's options and their words, from the table of flags.

#include "completion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "flags.hpp"
#include "help.hpp"

namespace rectify::app {
namespace {

constexpr std::string_view kCommands[] = {"apply", "compare"};

Options::Command command_of(std::size_t i) { return static_cast<Options::Command>(i); }

/// The words of a flag, for a shell: between blanks.
std::string words_of(const Flag& flag) {
  return flag.words == nullptr ? "" : joined(flag.words(), " ");
}

std::string dashed(const Flag& flag, std::string_view between) {
  std::string text(flag.name);
  if (flag.letter != '\0' && flag.name.size() > 2)
    text = fmt::format("-{}{}{}", flag.letter, between, flag.name);
  return text;
}

/// A mode's name and, in parentheses, each parameter: to be filled in, and as it is if it is not. Of
/// these two a shell completes what they begin with, and does not close the quotes.
std::vector<std::string> modes_with_parameters() {
  std::vector<std::string> words;
  for (const Activation& activation : activations()) {
    words.emplace_back(activation.name);
    const Module standard(activation);
    for (const Parameter& parameter : activation.parameters) {
      words.push_back(fmt::format("{}({}=", activation.name, parameter.name));
      const std::string value = parameter.required ? "0" : standard.value_text(parameter.name);
      if (value.find(' ') == std::string::npos) words.push_back(words.back() + value + ")");
    }
  }
  return words;
}

// ---- bash --------------------------------------------------------------------------------------

/// `rectify` or `rectify compare`: the words on the command line decide. A list is completed behind
/// its last comma; in quotes a mode's parameters are offered, too.
std::string bash() {
  std::string text = R"(# Completion of rectify for bash, by rectify --completion bash
_rectify() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=apply words= begun=
  COMPREPLY=()
  if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == compare ]]; then command=compare; fi
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  case $command:$before in
)";
  std::string files;
  std::string others;
  for (std::size_t i = 0; i < std::size(kCommands); ++i) {
    for (const Flag& flag : flags()) {
      if (!applies(flag, command_of(i)) || flag.value == Flag::none) continue;
      const std::string pattern =
          fmt::format("{}:{}", kCommands[i], dashed(flag, fmt::format("|{}:", kCommands[i])));
      std::string& same = flag.value == Flag::file ? files : others;
      if (flag.words != nullptr && flag.value != Flag::list) {
        text += fmt::format("    {})\n      words='{}' ;;\n", pattern, words_of(flag));
      } else if (flag.words != nullptr) {
        text += fmt::format(
            "    {})\n"
            "      words='{}'\n"
            "      if [[ $word == [\\'\\\"]* ]]; then word=${{word:1}} words='{}'; compopt -o "
            "nospace; fi\n"
            "      if [[ $word == *,* ]]; then begun=${{word%,*}},; fi ;;\n",
            pattern, words_of(flag), joined(modes_with_parameters(), " "));
      } else {
        same += (same.empty() ? "" : "|") + pattern;
      }
    }
  }
  text += fmt::format(
      "    {})\n      compopt -o default; return ;;\n"
      "    {})\n      return ;;\n"
      "    *)\n      if [[ $word != -* ]]; then\n"
      "        if [[ $COMP_CWORD == 1 && -n $word && compare == \"$word\"* ]]; then "
      "COMPREPLY=(compare); fi\n"
      "        compopt -o default; return\n      fi\n"
      "      case $command in\n",
      files, others);
  for (std::size_t i = 0; i < std::size(kCommands); ++i) {
    text += fmt::format("        {}) words='", kCommands[i]);
    std::string between;
    for (const Flag& flag : flags()) {
      if (!applies(flag, command_of(i))) continue;
      text += between + dashed(flag, " ");
      between = " ";
    }
    text += "' ;;\n";
  }
  return text + R"(      esac ;;
  esac
  local found
  for found in $(compgen -W "$words" -- "${word#"$begun"}"); do COMPREPLY+=("$begun$found"); done
}
complete -F _rectify rectify
)";
}

// ---- zsh ---------------------------------------------------------------------------------------

/// Text inside the brackets of an _arguments specification that stands between single quotes.
std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh() {
  std::string text = R"(#compdef rectify
# Completion of rectify for zsh, by rectify --completion zsh
_rectify_modes() {
  local -a modes=()";
  for (const Activation& activation : activations()) {
    text += fmt::format("\n    '{}[{}]'", activation.name, zsh_text(Module(activation).text()));
  }
  text += R"()
  _values -s , mode $modes
}
_rectify() {
  local -a flags
  if (( CURRENT > 2 )) && [[ $words[2] == compare ]]; then
)";
  for (const std::size_t i : {std::size_t{1}, std::size_t{0}}) {
    if (i == 0) text += "  else\n";
    text += "    flags=(\n";
    for (const Flag& flag : flags()) {
      if (!applies(flag, command_of(i))) continue;
      std::string action;
      if (flag.words != nullptr) action = fmt::format("({})", words_of(flag));
      if (flag.words != nullptr && flag.value == Flag::list) action = "_rectify_modes";
      if (flag.value == Flag::file) action = "_files";
      std::string rest = fmt::format("[{}]", zsh_text(help_line(flag, 0)));
      if (flag.value != Flag::none) rest += fmt::format(":{}:{}", zsh_text(flag.variable), action);
      const std::string equals = flag.value == Flag::none ? "" : "=";
      const std::string again = flag.repeats || flag.value == Flag::list ? "*" : "";
      if (flag.letter != '\0' && flag.name.size() > 2)
        text += fmt::format("      '{}-{}{}'\n", again, flag.letter, rest);
      text += fmt::format("      '{}{}{}{}'\n", again, flag.name,
                          flag.name.size() > 2 ? equals : "", rest);
    }
    text += "    )\n";
  }
  return text + R"(  fi
  if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    compadd compare
  fi
  _arguments -s $flags '*:INPUT:_files'
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _rectify "$@"; else compdef _rectify rectify; fi
)";
}

// ---- fish --------------------------------------------------------------------------------------

std::string fish_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string fish() {
  std::string text = R"(# Completion of rectify for fish, by rectify --completion fish
function __rectify_compares
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = compare
end
function __rectify_modes
    set -l begun (string replace -r '[^,]*$' '' -- (commandline -ct))
)";
  for (const Activation& activation : activations()) {
    text += fmt::format("    printf '%s%s\\t%s\\n' \"$begun\" {} '{}'\n", activation.name,
                        fish_text(Module(activation).text()));
  }
  text += R"(end
complete -c rectify -n 'test (count (commandline -opc)) = 1' -a compare -d 'which units are dead'
)";
  for (const Flag& flag : flags()) {
    text += "complete -c rectify";
    if (flag.command == Flag::compare) text += " -n __rectify_compares";
    if (flag.command == Flag::apply) text += " -n 'not __rectify_compares'";
    if (flag.letter != '\0') text += fmt::format(" -s {}", flag.letter);
    if (flag.name.size() > 2) text += fmt::format(" -l {}", flag.name.substr(2));
    const bool of_modes = flag.words != nullptr && flag.value == Flag::list;
    if (of_modes) {
      text += " -x -a '(__rectify_modes)'";
    } else if (flag.words != nullptr) {
      text += fmt::format(" -x -a '{}'", fish_text(words_of(flag)));
    } else if (flag.value == Flag::file) {
      text += " -r -F";
    } else if (flag.value != Flag::none) {
      text += " -x";
    }
    text += fmt::format(" -d '{}'\n", fish_text(help_line(flag, 0)));
  }
  return text;
}

}  // namespace

std::vector<std::string> shells() { return {"bash", "zsh", "fish"}; }

std::string completion(std::string_view shell) {
  if (shell == "bash") return bash();
  return shell == "zsh" ? zsh() : fish();
}

}  // namespace rectify::app
