#include "flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "completion.hpp"

namespace rectify::app {

void refuse(std::string message, std::string hint) {
  throw Error(ErrorKind::usage, std::move(message), std::move(hint));
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

std::vector<Module> modes_of(std::string_view option, const std::string& text) {
  std::vector<Module> found;
  try {
    found = Module::parse_list(text);
  } catch (const Error& error) {
    throw error.as(ErrorKind::usage).at({std::string(option)});
  }
  return found;
}

namespace {

// ---- values ------------------------------------------------------------------------------------

/// A whole number from `low` to `high`. `other` is a word that the option takes besides.
template <class T>
T whole(std::string_view option, const std::string& text, T low, T high,
        std::string_view other = {}) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < low || value > high) {
    refuse(fmt::format("{} takes a whole number from {} to {}{}{}, not {}", option, low, high,
                       other.empty() ? "" : ", or ", other, in_quotes(text)));
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
           option == "--delimiter" ? "tab, or blanks for runs of blanks and tabs" : "tab is one");
  }
  return text[0];
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// As torch.randn takes them: 4 or 2, 3, in parentheses or brackets or not; () is a single number's.
Shape sizes(const std::string& text) {
  Shape shape;
  std::string_view rest = without_blanks(text);
  const bool is_tuple = (rest.starts_with('(') && rest.ends_with(')')) ||
                        (rest.starts_with('[') && rest.ends_with(']'));
  if (is_tuple) rest = without_blanks(rest.substr(1, rest.size() - 2));
  if (is_tuple && rest.empty()) return shape;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = without_blanks(rest.substr(0, comma));
    std::int64_t size = -1;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), size);
    if (error != std::errc{} || stop != word.data() + word.size() || size < 0) {
      refuse("--randn takes sizes such as 4 or 2,3, or () for a single number, not " +
             in_quotes(text));
    }
    shape.push_back(size);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    if (is_tuple && without_blanks(rest).empty()) more = false;  // (4,)
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

/// Words between commas; one with a comma in it stands in double quotes.
std::vector<std::string> words_of(std::string_view option, const std::string& text) {
  std::vector<std::string> words;
  bool quoted = false;
  bool was_quoted = false;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        word += text[i++];
      } else {
        quoted = !quoted;
      }
      was_quoted = true;
    } else if (i == text.size() || (text[i] == ',' && !quoted)) {
      if ((word.empty() && !was_quoted) || quoted)
        refuse(fmt::format("{} takes words between commas, not {}", option, in_quotes(text)));
      words.push_back(std::move(word));
      word.clear();
      was_quoted = false;
    } else {
      word += text[i];
    }
  }
  return words;
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

// ---- the words that options take ---------------------------------------------------------------

std::vector<std::string> input_formats() {
  std::vector<std::string> names = readable_formats();
  names.insert(names.begin(), "auto");
  return names;
}

std::vector<std::string> mode_names() {
  std::vector<std::string> names;
  for (const Activation& activation : activations()) names.emplace_back(activation.name);
  return names;
}

std::vector<std::string> dtypes() {
  return {"float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"};
}

std::vector<std::string> when() { return {"auto", "yes", "no"}; }
std::vector<std::string> scientific() { return {"auto", "on", "off"}; }
std::vector<std::string> profiles() { return {"default", "short", "full"}; }
std::vector<std::string> nan_texts() { return {"literal", "null", "string"}; }

std::vector<std::string> printed_formats() { return {"torch"}; }
std::vector<std::string> table_formats() { return {"csv", "tsv"}; }
std::vector<std::string> json_formats() { return {"json", "jsonl"}; }
std::vector<std::string> number_formats() { return {"csv", "tsv", "json", "jsonl"}; }

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

constexpr Flag kFlags[] = {
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--tensor",
     .value = Flag::text,
     .variable = "JSON",
     .screen = Flag::apply,
     .brief = "a literal such as '[[1,-2],[3,-4]]'",
     .manual = "A literal such as `[[1,-2],[3,-4]]`, as `torch.Tensor` takes it. A bare number is "
               "0-d. It is JSON, or typed as in Python: `[2., -.5]`, `(1, 2)`, `[1, 2,]`.",
     .take = [](Options& o, const std::string& word) { o.tensor = word; }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--randn",
     .value = Flag::text,
     .variable = "SIZES",
     .screen = Flag::apply,
     .brief = "normal noise such as 4 or 2,3, as torch.randn",
     .manual = "Standard normal numbers of that shape, such as `4`, `2,3` or, as in Python, "
               "`(2, 3)`; `()` is 0-d. Bit for "
               "bit those of `torch.randn` on a CPU. Fewer than 16 values and 16 or more are drawn "
               "by different rules, as in PyTorch.",
     .take = [](Options& o, const std::string& word) { o.randn = sizes(word); }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--seed",
     .value = Flag::number,
     .variable = "N",
     .brief = "for --randn, as torch.manual_seed",
     .manual =
         "The seed of `--randn`, and of what `rrelu(training)` draws, for each tensor anew and "
         "behind `--randn`; as `torch.manual_seed` takes it: from -2^63 to 2^64-1. "
         "Without it every run draws anew, and `-v` tells the seed.",
     .take = [](Options& o, const std::string& word) { o.seed = seed(word); }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--from",
     .value = Flag::choice,
     .variable = "FORMAT",
     .words = input_formats,
     .standard = "auto",
     .screen = Flag::both,
     .brief = "",
     .manual = "The format of the input. `auto` goes by the file's extension, else by its content.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.format = choice("--from", word, input_formats()) == 0 ? "" : word;
         },
     .field = "read.format"},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--dtype",
     .value = Flag::choice,
     .variable = "T",
     .words = dtypes,
     .standard = "text: float32",
     .screen = Flag::both,
     .brief = "to compute in",
     .manual =
         "The dtype to compute in. Text is read as float32 unless this is given, and goes "
         "through a double, as in PyTorch; integers stay exact in integer dtypes. An .npy "
         "keeps its own, and is converted otherwise; a note tells integers that are not exact. "
         "PyTorch's other names are taken, too: `half`, "
         "`float`, `double`, `short`, `int`, `long`, `torch.double`.",
     .take =
         [](Options& o, const std::string& word) {
           // PyTorch's other names.
           constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
               {"half", "float16"}, {"float", "float32"}, {"double", "float64"},
               {"short", "int16"},  {"int", "int32"},     {"long", "int64"}};
           std::string name = word.starts_with("torch.") ? word.substr(6) : word;
           for (const auto& [other, same] : kOthers) {
             if (name == other) name = same;
           }
           const std::vector<std::string> known = dtypes();
           const bool is_known = std::find(known.begin(), known.end(), name) != known.end();
           choice("--dtype", is_known ? name : word, known);
           o.read.dtype = find_dtype(name);
         }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--pointer",
     .value = Flag::text,
     .variable = "P",
     .screen = Flag::apply,
     .brief = "JSON: the value at /a/b of a document (RFC 6901)",
     .manual = "JSON: the value at P of each document, such as `/layers/0/acts` (RFC 6901). A step "
               "`*` leads into every element of a list: `/data/*/embedding` are the rows of one "
               "tensor.",
     .take = [](Options& o, const std::string& word) { o.read.pointer = word; }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--key",
     .value = Flag::text,
     .variable = "NAME",
     .brief = "of a file of several tensors those of a name, or like 'enc.*'",
     .manual =
         "Of a file of several tensors, such as a JSON object, read the one called NAME, or those "
         "whose names match a pattern as in a shell (`'encoder.*'`). May be given several times. "
         "Without it all tensors are read; integers and booleans pass unchanged to a file of "
         "several, "
         "and are left out elsewhere, each with a note, unless `--dtype` converts them; what no "
         "activation has values for (complex numbers, float8, strings) ends the run with an error.",
     .repeats = true,
     .take = [](Options& o, const std::string& word) { o.read.keys.push_back(word); },
     .field = "keys"},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--header",
     .value = Flag::choice,
     .variable = "WHEN",
     .words = when,
     .standard = "auto",
     .screen = Flag::both,
     .brief = "CSV: the first row is one",
     .manual =
         "CSV: whether the first row is a header. With `auto` it is data if all its fields that "
         "are not empty are numbers. It is a header if none is, and one at least is a name: it "
         "neither begins like a number (with a digit, a sign, a point or the sign of a currency) "
         "nor stands for a missing value. Anything else may be a row of data that would be lost, "
         "and is an error that asks for `yes` or `no`: numbers beside words, or nothing but such "
         "as `1 000`, `12%`, `2020-01-02` or `NA`. So is an empty field before 0, 1, 2 ..., which "
         "is how pandas writes names that are numbers.\n"
         "Words for missing values, in any case: `NA`, `N/A`, `#N/A`, `#NA`, `<NA>`, `n.a.`, "
         "`n/d`, `n.d.`, `NaT`, `null`, `nil`, `none`, `\\N`, `missing`, `nothing`, `undefined`, "
         "`undef`, `?`, `*`, `nan(ind)`, one to three `-`, a point, and `#VALUE!`, `#REF!`, "
         "`#DIV/0!`, `#NUM!`, `#NAME?`, `#NULL!`.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.header = static_cast<Header>(choice("--header", word, when()));
         },
     .field = "read.header"},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--delimiter",
     .value = Flag::text,
     .variable = "C",
     .words =
         [] {
           return std::vector<std::string>{"blanks", "tab"};
         },
     .standard = "a comma; tsv: a tab",
     .brief = "CSV: between fields",
     .manual =
         "CSV: the character between fields; `\\t` or `tab` is a tab. `blanks` stands for runs "
         "of blanks and tabs, of which those at the ends of a line mean nothing. Without it a "
         "first line `sep=;`, as spreadsheets write it, names the delimiter.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.delimiter =
               word == "blanks" ? ReadOptions::kBlanks : one_character("--delimiter", word);
         },
     .field = "read.delimiter"},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--decimal",
     .value = Flag::text,
     .variable = "C",
     .standard = ".",
     .brief = "CSV: the decimal point, . or ,",
     .manual = "CSV: the decimal point, a point or a comma.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.decimal = choice("--decimal", word, {".", ","}) == 0 ? '.' : ',';
         },
     .field = "read.decimal"},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--missing",
     .value = Flag::text,
     .variable = "X",
     .screen = Flag::both,
     .brief = "CSV: what an empty field stands for: nan or a number",
     .manual = "CSV: the number that an empty field stands for, or `nan`. In a table of one column "
               "a blank line between the rows is such a field. Without it a missing field is an "
               "error.",
     .take = [](Options& o, const std::string& word) { o.read.missing = word; }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--missing-words",
     .value = Flag::list,
     .variable = "LIST",
     .brief = "CSV: words such as NA,null that stand for empty",
     .manual =
         "CSV: what stands for an empty field, such as `NA,null,-`, exactly as it is written. "
         "`--missing` says what these are worth; alone, `nan`.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.missing_words = words_of("--missing-words", word);
         }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--skip",
     .value = Flag::number,
     .variable = "N",
     .standard = "0",
     .brief = "CSV: lines in front of the header or first row",
     .manual = "CSV: skip so many lines in front of the header, or of the first row. CSV that is "
               "written has them again, up to 64 MiB, so that it is read by the same command; "
               "`--out-header no` leaves them out.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.skip = whole<std::size_t>("--skip", word, 0, std::size_t{1} << 40);
         }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--skip-after-header",
     .value = Flag::number,
     .variable = "N",
     .standard = "0",
     .brief = "CSV: lines of units or words behind the header",
     .manual = "CSV: skip so many lines behind the header: units, a second header. CSV that is "
               "written has them again, as with `--skip`.",
     .take =
         [](Options& o, const std::string& word) {
           o.read.skip_after_header = whole<std::size_t>("--skip-after-header", word, 0, 1'000'000);
         }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--comment",
     .value = Flag::text,
     .variable = "TEXT",
     .brief = "CSV: lines that begin so are skipped",
     .manual = "CSV: skip lines that begin so, such as `#`, wherever they stand.",
     .take =
         [](Options& o, const std::string& word) {
           if (word.empty() || word.find_first_of("\n\r") != std::string::npos || word[0] == ' ')
             refuse("--comment takes what a comment begins with, not " + in_quotes(word));
           o.read.comment = word;
         }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--columns",
     .value = Flag::list,
     .variable = "LIST",
     .brief = "CSV: the columns to read: a,3,5-7,'unit*'",
     .manual =
         "CSV: the columns that are read, in this order: names, numbers from 1, ranges (`5-7`, "
         "`5-`), patterns (`unit*`). A name with a comma in it stands in double quotes.",
     .take = [](Options& o,
                const std::string& word) { o.read.columns = words_of("--columns", word); }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--keep",
     .value = Flag::list,
     .variable = "LIST",
     .brief = "CSV: columns that are left as they are: time,label",
     .manual =
         "CSV: columns that are no part of the tensor, such as times and labels, given as for "
         "`--columns`. Their text passes unchanged to CSV in its place. With `--keep 1` a row "
         "may have one field more than the header (R's row names).",
     .take = [](Options& o, const std::string& word) { o.read.keep = words_of("--keep", word); }},
    {.command = Flag::apply,
     .group = Flag::input,
     .name = "--ndmin",
     .value = Flag::number,
     .variable = "N",
     .standard = "0",
     .brief = "CSV: 2 keeps two dimensions for one row or column",
     .manual = "CSV: with `2`, a single row, column or number keeps two dimensions; with `1`, a "
               "single number keeps one. Otherwise one row or column is 1-D and one number 0-d, as "
               "`numpy.loadtxt` reads them.",
     .take = [](Options& o,
                const std::string& word) { o.read.ndmin = whole("--ndmin", word, 0, 2); }},
    {.command = Flag::both,
     .group = Flag::input,
     .name = "--part",
     .value = Flag::text,
     .variable = "K/N",
     .brief = "the K-th of N parts of a CSV, TSV, JSONL, npy file",
     .manual =
         "Read the K-th of N parts of a CSV, TSV, JSON Lines or npy file. Text is divided by "
         "bytes, and a line belongs to the part that holds its first one; npy is divided by rows. "
         "Every part reads the header, the first alone writes it (`--out-header yes`: each does). "
         "The parts' CSV or JSON Lines, "
         "one after the other, are the undivided output. Implies `--ndmin 2`.",
     .take = [](Options& o, const std::string& word) { o.read.part = part(word); }},

    {.command = Flag::apply,
     .group = Flag::operation,
     .name = "--mode",
     .value = Flag::list,
     .variable = "LIST",
     .words = mode_names,
     .standard = "leaky",
     .screen = Flag::both,
     .brief = "activations such as relu,elu(0.5): --list-modes",
     .manual =
         "An activation, or a list such as `relu,leaky`, which gives each result under its name. "
         "PyTorch's names of functions and modules are taken, too, in any case: `leaky_relu`, "
         "`nn.LeakyReLU`. Parameters stand in parentheses, by position or by PyTorch's name: "
         "`leaky(0.2)`, `elu(alpha=0.5)`, `softmax(dim=0)`. `--list-modes` tells them all.",
     .take =
         [](Options& o, const std::string& word) {
           o.operation.modes = modes_of("--mode", word);
           o.mode_text = word;
         },
     .field = "modes"},
    {.command = Flag::apply,
     .group = Flag::operation,
     .name = "--slope",
     .value = Flag::number,
     .variable = "X",
     .standard = "0.01",
     .screen = Flag::both,
     .brief = "leaky's negative_slope",
     .manual = "The `negative_slope` of Leaky ReLU, where the list gives none: any finite number "
               "that what the dtype is computed in can hold (16 bits: float32).",
     .take = [](Options& o, const std::string& word) { o.slopes = {finite("--slope", word)}; }},
    {.command = Flag::apply,
     .group = Flag::operation,
     .name = "--inplace",
     .brief = "operate in the input's own memory",
     .manual = "Operate in the input's own memory. The result is the same, and a file is never "
               "changed by it; `--echo` then shows the changed input, and `--grad` is computed "
               "from the output, which PyTorch refuses for a negative slope.",
     .take = [](Options& o, const std::string&) { o.operation.inplace = true; }},
    {.command = Flag::apply,
     .group = Flag::operation,
     .name = "--grad",
     .screen = Flag::apply,
     .brief = "the input's gradient instead of the output",
     .manual = "Instead of the output, the gradient that reaches the input on "
               "`output.backward(torch.ones_like(output))`.",
     .take = [](Options& o, const std::string&) { o.operation.gradient = true; }},
    {.command = Flag::apply,
     .group = Flag::operation,
     .name = "--echo",
     .screen = Flag::apply,
     .brief = "the input before the output",
     .manual = "The input before the output, each under its name.",
     .take = [](Options& o, const std::string&) { o.operation.echo = true; }},
    {.command = Flag::compare,
     .group = Flag::operation,
     .name = "--mode",
     .value = Flag::list,
     .variable = "LIST",
     .words = mode_names,
     .standard = "relu,leaky",
     .screen = Flag::both,
     .brief = "what to compare; the first is the baseline",
     .manual = "What to compare; the first is the baseline.",
     .take =
         [](Options& o, const std::string& word) {
           o.operation.modes = modes_of("--mode", word);
           o.mode_text = word;
         }},
    {.command = Flag::compare,
     .group = Flag::operation,
     .name = "--slope",
     .value = Flag::text,
     .variable = "X[,X...]",
     .standard = "0.01",
     .screen = Flag::both,
     .brief = "leaky's negative_slope; several are compared",
     .manual =
         "The `negative_slope` of Leaky ReLU, where the list gives none; several are compared "
         "with one another.",
     .take = [](Options& o, const std::string& word) { o.slopes = numbers("--slope", word); }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--unit-axis",
     .value = Flag::text,
     .variable = "N",
     .words = [] { return std::vector<std::string>{"none"}; },
     .screen = Flag::both,
     .brief = "the axis of the units, or none",
     .manual = "The axis of the units; negative ones count from the last. Without it that is the "
               "last, and of tensors of 4 and 5 dimensions axis 1, as PyTorch's channels are. With "
               "`none`, and for a 1-D input, all values are one unit.",
     .take =
         [](Options& o, const std::string& word) {
           if (word == "none") {
             o.compare.unit_axis.reset();
           } else {
             o.compare.unit_axis = whole<std::int64_t>("--unit-axis", word, -128, 127, "none");
           }
         }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--dead-below",
     .value = Flag::number,
     .variable = "P",
     .standard = "0",
     .brief = "dead: a share of live gradients of at most P",
     .manual = "A unit is dead if the share of its gradients that are not zero is at most P. `0`: "
               "no gradient on any sample of this input.",
     .take = [](Options& o,
                const std::string& word) { o.dead_below = share("--dead-below", word); }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--dormant-below",
     .value = Flag::number,
     .variable = "T",
     .standard = "0.025",
     .brief = "dormant: a dormancy of at most T",
     .manual = "A unit is dormant if its dormancy, the mean of its values' magnitudes by that mean "
               "of all units, is at most T (Sokar et al. 2023). Where no unit has a value other "
               "than zero, all are.",
     .take =
         [](Options& o, const std::string& word) {
           o.dormant_below = finite("--dormant-below", word);
           if (o.dormant_below < 0)
             refuse("--dormant-below takes a number from 0, not " + in_quotes(word));
         }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--per-unit",
     .screen = Flag::both,
     .brief = "every unit, not the worst alone",
     .manual = "Report every unit, not the worst alone.",
     .take = [](Options& o, const std::string&) { o.per_unit = true; }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--top",
     .value = Flag::number,
     .variable = "N",
     .brief = "how many tensors, and units of each, a table shows",
     .manual = "How many tensors, and how many units of each, the table and the report in Markdown "
               "show, worst first. Without it the table shows what fits a screen.",
     .take =
         [](Options& o, const std::string& word) {
           o.top = whole<std::size_t>("--top", word, 0, std::numeric_limits<std::int32_t>::max());
         }},
    {.command = Flag::compare,
     .group = Flag::report,
     .name = "--plot",
     .value = Flag::file,
     .variable = "FILE",
     .screen = Flag::both,
     .brief = "draw FILE.svg, FILE.png, or - in the terminal",
     .manual =
         "Draw FILE`.svg` or FILE`.png`, by gnuplot(1), or `-` in the terminal: the share of "
         "active samples per unit, and where the outputs lie, with the inputs behind them and "
         "those without a gradient shaded. With `--merge`, too.",
     .take = [](Options& o, const std::string& word) { o.plot = word; }},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--fail-if-dead",
     .value = Flag::number,
     .variable = "F",
     .screen = Flag::both,
     .brief = "exit 3 if more than this share of the units is dead",
     .manual = "Exit 3 if the share of dead units is greater than F; `0` allows none. A tensor "
               "without values, or with NaN alone, exits 3, too.",
     .take = [](Options& o,
                const std::string& word) { o.fail_if_dead = share("--fail-if-dead", word); }},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--fail-if-dormant",
     .value = Flag::number,
     .variable = "F",
     .brief = "exit 3 if more than this share is dormant",
     .manual = "The same of dormant units (`--dormant-below`), which dead ones are, too, under a "
               "rectifier without a slope.",
     .take = [](Options& o,
                const std::string& word) { o.fail_if_dormant = share("--fail-if-dormant", word); }},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--check",
     .value = Flag::choice,
     .variable = "MODE",
     .words = mode_names,
     .standard = "the baseline",
     .brief = "what these limits look at",
     .manual = "The activation that `--fail-if-dead` and `--fail-if-dormant` look at; under the "
               "worst of its slopes, if there are several.",
     .take = [](Options& o, const std::string& word) { o.check_text = word; }},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--fail-if-nan",
     .brief = "exit 3 if the input has a NaN",
     .manual = "Exit 3 if the input has a NaN, or a tensor has no values.",
     .take = [](Options& o, const std::string&) { o.fail_if_nan = true; }},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--partial",
     .screen = Flag::both,
     .brief = "write figures that --merge adds, as JSON",
     .manual =
         "Write figures that `--merge` adds, as JSON. Their sums are exact: the merged report "
         "is the undivided one's.",
     .take = [](Options& o, const std::string&) { o.partial = true; },
     .field = "Tally::partial"},
    {.command = Flag::compare,
     .group = Flag::gate,
     .name = "--merge",
     .screen = Flag::both,
     .brief = "the INPUTs are such partial figures",
     .manual = "The INPUTs are such figures, of all parts of one input in any order; the report is "
               "that of the undivided input.",
     .take = [](Options& o, const std::string&) { o.merge = true; }},

    {.command = Flag::both,
     .group = Flag::operation,
     .name = "--threads",
     .value = Flag::number,
     .variable = "N",
     .standard = "the processors available",
     .brief = "",
     .manual = "How many threads work. The result does not depend on it.",
     .take = [](Options& o,
                const std::string& word) { o.run.threads = whole("--threads", word, 1u, 1024u); }},

    {.command = Flag::both,
     .group = Flag::output,
     .name = "--output",
     .letter = 'o',
     .value = Flag::file,
     .variable = "FILE",
     .standard = "standard output",
     .screen = Flag::both,
     .brief = "replaced whole, or left as it is",
     .manual =
         "Write to FILE, which may be the input. It is replaced whole once all is written, or "
         "left as it was; links are followed, mode and owner kept. What is not a regular file "
         "is written to directly.",
     .take =
         [](Options& o, const std::string& word) {
           o.output = word == "-" ? std::nullopt : std::optional(word);
         }},
    {.command = Flag::compare,
     .group = Flag::output,
     .name = "--to",
     .value = Flag::choice,
     .variable = "FORMAT",
     .words = report_formats,
     .standard = "FILE's, or table",
     .screen = Flag::both,
     .brief = "",
     .manual = "The format of the report. Without it, the one that the extension of the `-o` file "
               "names (`.txt`: `table`, `.md`: `markdown`); a file with another extension, or "
               "none, needs "
               "`--to`. `markdown` is for a pull request or the summary of a CI run.",
     .take =
         [](Options& o, const std::string& word) {
           choice("--to", word, report_formats());
           o.report_format = word;
         }},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--to",
     .value = Flag::choice,
     .variable = "FORMAT",
     .words = writable_formats,
     .standard = "FILE's, or torch",
     .screen = Flag::both,
     .brief = "",
     .manual = "The format of the output; `torch` is what `print(tensor)` prints. Without it, the "
               "one that the extension of the `-o` file names (`.txt`: `torch`); a file with "
               "another extension, or none, needs `--to`. A print that shows only edges and goes "
               "into a file is noted on standard error.",
     .take =
         [](Options& o, const std::string& word) {
           choice("--to", word, writable_formats());
           o.write.format = word;
         },
     .field = "write.format"},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--out-header",
     .value = Flag::choice,
     .variable = "WHEN",
     .words = when,
     .standard = "auto",
     .brief = "CSV: write a header",
     .manual = "CSV: whether a header is written. `auto`: if the input has one, or if there are "
               "several results to tell apart.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.header = static_cast<Header>(choice("--out-header", word, when()));
         },
     .field = "write.header",
     .formats = table_formats},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--out-delimiter",
     .value = Flag::text,
     .variable = "C",
     .standard = "the input's, if it is of that format",
     .brief = "CSV: between fields",
     .manual =
         "CSV: what is written between fields; `\\t` or `tab` is a tab. CSV made of CSV has the "
         "input's delimiter, decimal point and line ends, and quotes the names that are quoted "
         "there.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.delimiter = one_character("--out-delimiter", word);
         },
     .field = "write.delimiter",
     .formats = table_formats},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--out-decimal",
     .value = Flag::text,
     .variable = "C",
     .standard = "the input's, if it is of that format",
     .brief = "CSV: the decimal point, . or ,",
     .manual = "CSV: the decimal point that is written, a point or a comma.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.decimal = choice("--out-decimal", word, {".", ","}) == 0 ? '.' : ',';
         },
     .field = "write.decimal",
     .formats = table_formats},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--float-format",
     .value = Flag::text,
     .variable = "F",
     .standard = "the fewest digits that read back to the value",
     .brief = "CSV, JSON: numbers as %.4f, %.3e or %g",
     .manual = "CSV, JSON: how floating numbers are written, as in C: `%.4f`, `%.3e`, `%g`. For "
               "`--to torch` there is `--precision`.",
     .take =
         [](Options& o, const std::string& word) {
           if (word.empty()) refuse("--float-format takes a format, such as %.4f");
           o.write.float_format = word;
         },
     .formats = number_formats},
    {.command = Flag::apply,
     .group = Flag::output,
     .name = "--nan",
     .value = Flag::choice,
     .variable = "AS",
     .words = nan_texts,
     .standard = "literal",
     .brief = "JSON: NaN and the infinities",
     .manual = "JSON: NaN and the infinities as `literal` (`NaN`, `Infinity`, as Python's json "
               "writes and reads them), `null` or `string`.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.nan = static_cast<NanText>(choice("--nan", word, nan_texts()));
         },
     .formats = json_formats},

    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--profile",
     .value = Flag::choice,
     .variable = "NAME",
     .words = profiles,
     .brief = "",
     .manual = "`default`, `short` (precision 2, 2 edge items) or `full` (no threshold). The "
               "options below override it.",
     .take =
         [](Options& o, const std::string& word) {
           PrintOptions& print = o.write.print;
           const std::size_t profile = choice("--profile", word, profiles());
           if (profile == 1) print.precision = print.edgeitems = 2;
           if (profile == 2) print.threshold = PrintOptions::kNoThreshold;
         },
     .formats = printed_formats},
    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--precision",
     .value = Flag::number,
     .variable = "N",
     .standard = "4",
     .brief = "digits after the point",
     .manual = "Digits after the point.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.print.precision = whole<std::int64_t>("--precision", word, 0, 1000);
         },
     .formats = printed_formats},
    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--threshold",
     .value = Flag::number,
     .variable = "N",
     .words = [] { return std::vector<std::string>{"inf"}; },
     .standard = "1000",
     .screen = Flag::apply,
     .brief = "elements above which only edges show, or inf",
     .manual = "With more elements than this, only the edges are shown; `inf` shows all.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.print.threshold =
               word == "inf"
                   ? PrintOptions::kNoThreshold
                   : whole<std::int64_t>("--threshold", word, 0, PrintOptions::kNoThreshold, "inf");
         },
     .formats = printed_formats},
    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--edgeitems",
     .value = Flag::number,
     .variable = "N",
     .standard = "3",
     .brief = "items at each edge",
     .manual = "How many items are shown at each edge of a dimension.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.print.edgeitems = whole<std::int64_t>("--edgeitems", word, 0, kMost);
         },
     .formats = printed_formats},
    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--linewidth",
     .value = Flag::number,
     .variable = "N",
     .standard = "80",
     .brief = "characters a line",
     .manual = "Characters a line.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.print.linewidth = whole<std::int64_t>("--linewidth", word, 1, kMost);
         },
     .formats = printed_formats},
    {.command = Flag::apply,
     .group = Flag::printing,
     .name = "--sci-mode",
     .value = Flag::choice,
     .variable = "WHEN",
     .words = scientific,
     .standard = "auto",
     .brief = "scientific notation",
     .manual = "Whether numbers are in scientific notation.",
     .take =
         [](Options& o, const std::string& word) {
           o.write.print.sci_mode = static_cast<SciMode>(choice("--sci-mode", word, scientific()));
         },
     .formats = printed_formats},

    {.name = "--verbose",
     .letter = 'v',
     .brief = "tell the seed of what is drawn, and the instructions",
     .manual = "Tell on standard error the seed of `--randn` and of `rrelu(training)`, and which "
               "instructions of the processor are used: avx512, avx2 or baseline. "
               "`RECTIFY_TARGET` in the environment names lesser ones than the best; the answers "
               "have the same bits.",
     .take = [](Options& o, const std::string&) { o.verbose = true; }},
    {.name = "-h",
     .letter = 'h',
     .brief = "a screen of help",
     .manual = "A screen of help.",
     .take = [](Options& o, const std::string&) { o.ask = Options::Ask::short_help; }},
    {.name = "--help",
     .screen = Flag::both,
     .brief = "every option explained",
     .manual = "Every option explained.",
     .take = [](Options& o, const std::string&) { o.ask = Options::Ask::help; }},
    {.command = Flag::apply,
     .group = Flag::other,
     .name = "--plot-modes",
     .value = Flag::file,
     .variable = "FILE.svg",
     .brief = "draw the modes and their derivatives",
     .manual =
         "Draw the activations of `--mode` and their derivatives from -4 to 4, by gnuplot(1), and "
         "read nothing.",
     .take =
         [](Options& o, const std::string& word) {
           o.ask = Options::Ask::plot_modes;
           o.plot = word;
         }},
    {.name = "--list-modes",
     .screen = Flag::both,
     .brief = "every mode with its parameters and formula",
     .manual = "Every mode with its formula, its parameters and their defaults, and PyTorch's "
               "module.",
     .take = [](Options& o, const std::string&) { o.ask = Options::Ask::list_modes; }},
    {.command = Flag::apply,
     .name = "--list",
     .brief = "name, dtype, shape and bytes of each tensor",
     .manual = "Instead of applying anything, list what the inputs hold: name, dtype, shape and "
               "size in bytes of each tensor. Of binary files the headers alone are read. `--to "
               "json` is for programs.",
     .take = [](Options& o, const std::string&) { o.list = true; }},
    {.name = "--man",
     .brief = "the manual, for man -l -",
     .manual = "Print this manual, as man(1) reads it: `rectify --man | man -l -`.",
     .take = [](Options& o, const std::string&) { o.ask = Options::Ask::manual; }},
    {.name = "--completion",
     .value = Flag::choice,
     .variable = "SHELL",
     .words = shells,
     .brief = "",
     .manual = "Print what makes a shell complete options, formats, modes and dtypes: `source "
               "<(rectify --completion bash)`, and so for zsh; `rectify --completion fish | "
               "source`. A package has installed it.",
     .take =
         [](Options& o, const std::string& word) {
           choice("--completion", word, shells());
           o.shell = word;
           o.ask = Options::Ask::completion;
         }},
    {.name = "--version",
     .brief = "the release, and the PyTorch it follows",
     .manual = "The release, and the PyTorch that it follows.",
     .take = [](Options& o, const std::string&) { o.ask = Options::Ask::version; }},
};

}  // namespace

std::vector<std::string> report_formats() {
  return {"table", "json", "jsonl", "csv", "tsv", "markdown"};
}

std::span<const Flag> flags() { return kFlags; }

std::string_view heading(Flag::Group group) {
  constexpr std::string_view kHeadings[] = {"Input",  "Operation",
                                            "Report", "For scripts and CI",
                                            "Output", "Printing, as torch.set_printoptions",
                                            "Other"};
  return kHeadings[group];
}

bool applies(const Flag& flag, Options::Command command) {
  return flag.command == Flag::both ||
         (flag.command == Flag::compare) == (command == Options::Command::compare);
}

bool reads(const Flag& flag) {
  return flag.group == Flag::input || flag.name == "--mode" || flag.name == "--slope" ||
         flag.name == "--unit-axis";
}

}  // namespace rectify::app
