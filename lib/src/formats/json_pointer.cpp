#include "json_pointer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_text.hpp"
#include "number/number.hpp"
#include "utf8.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::string_view kEach = "*";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

class DocumentReader {
 public:
  DocumentReader(const Chunk& chunk, const std::string& name, const std::string& pointer,
                 const std::vector<std::string>& steps, std::vector<const char*>& found,
                 std::string_view half)
      : chunk_(chunk),
        name_(name),
        pointer_(pointer),
        steps_(steps),
        found_(found),
        half_(half),
        end_(chunk.bytes.data() + chunk.size) {}

  const char* read(const char* p) {
    const char* const document = p;
    found_.clear();
    bool on_path = true;  // the steps lead to the value about to be read
    for (;;) {
      p = to_text(p);
      const bool into = on_path && levels_.size() < steps_.size();
      if (on_path && !into) found_.push_back(p);
      if (*p == '{' || *p == '[') {
        if (levels_.size() == kMostDepth)
          fail(p, "more than " + std::to_string(kMostDepth) + " levels of nesting");
        levels_.push_back({*p == '{', into, 0, found_.size(), nullptr});
        p = to_text(p + 1);
        if (*p != (levels_.back().object ? '}' : ']')) {
          p = enter(p, on_path);
          continue;
        }
        levels_.pop_back();
        ++p;
      } else {
        p = scalar(p);
      }
      // A value has ended: close what ends with it, or go on to the next element.
      for (;; levels_.pop_back(), ++p) {
        if (levels_.empty()) {
          if (found_.empty()) fail_absent(document, "the document");
          return p;
        }
        Level& level = levels_.back();
        if (level.element != nullptr && found_.size() == level.found)
          fail_absent(level.element, "element " + std::to_string(level.index) + " of the list");
        p = to_text(p);
        if (*p == ',') break;
        if (*p != (level.object ? '}' : ']')) {
          fail(p, std::string("expected ',' or '") + (level.object ? "}" : "]") + "' but found " +
                      kind_at(p, end_));
        }
      }
      ++levels_.back().index;
      p = enter(skip_space(p + 1, end_), on_path);
    }
  }

  /// The name at `p`, with the colon behind it; returns where the value begins.
  const char* name(const char* p, std::string* key) const {
    if (p == end_) fail(p, "unexpected end of input");
    if (*p != '"') fail(p, "expected a name in quotes but found " + kind_at(p, end_));
    p = skip_space(string(p, key), end_);
    if (p == end_ || *p != ':') fail(p, "expected ':' after a name");
    return to_text(p + 1);
  }

 private:
  /// An object or a list that is open.
  struct Level {
    bool object;
    bool on_path;         // the steps up to here lead to it, and there is one more
    std::uint64_t index;  // of the element at hand
    std::size_t found;    // how many values had been found in front of what the step leads into
    const char* element;  // the one at hand, if the step leads into each
  };

  [[noreturn]] void fail(const char* at, std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), place_in(chunk_, name_, at));
  }
  [[noreturn]] void fail_absent(const char* at, const std::string& what) const {
    fail(at, what + " has no value at the pointer " + in_quotes(pointer_),
         "names and indices are matched exactly, indices count from 0");
  }

  /// The next character that is not white space. There has to be one.
  const char* to_text(const char* p) const {
    p = skip_space(p, end_);
    if (p == end_) fail(p, "unexpected end of input");
    return p;
  }

  /// At the start of an element of the innermost level: reads an object's key. Tells whether the
  /// steps lead into it.
  const char* enter(const char* p, bool& into) {
    Level& level = levels_.back();
    const std::string* const step = level.on_path ? &steps_[levels_.size() - 1] : nullptr;
    if (!level.object) {
      const bool each = step != nullptr && *step == kEach;
      into = each || (step != nullptr && *step == std::to_string(level.index));
      if (each) level.element = p;
      if (each) level.found = found_.size();
      return p;
    }
    std::string key;
    p = name(p, step != nullptr ? &key : nullptr);
    into = step != nullptr && *step == key;
    if (into) found_.resize(level.found);  // what another member of that name had no longer counts
    return p;
  }

  const char* scalar(const char* p) const {
    if (*p == '"') return string(p, nullptr);
    const std::string_view token = token_at(p, end_);
    if (token == "true" || token == "false" || token == "null") return p + token.size();
    const ParsedNumber<double> number = parse_number<double>(p, end_, NumberGrammar::json);
    if (number.status == NumberStatus::not_a_number || number.end != p + token.size()) {
      fail(p, "expected a value but found " + kind_at(p, end_));
    }
    return number.end;
  }

  /// Past the string at `p`; its text, unescaped, appended to `text` if wanted.
  const char* string(const char* p, std::string* text) const {
    const char* const quote = p++;
    for (;;) {
      const char* plain = p;
      while (p != end_ && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20 &&
             static_cast<unsigned char>(*p) < 0x80)
        ++p;
      if (text != nullptr) text->append(plain, p);
      if (p == end_) fail(quote, "this string is never closed");
      if (*p == '"') return p + 1;
      if (static_cast<unsigned char>(*p) >= 0x80) {
        const std::size_t length = utf8_sequence(p);
        if (text != nullptr) text->append(p, length);
        p += length;
      } else if (*p == '\\') {
        p = escape(p, text);
      } else {
        fail(p, "a control character inside a string: " + in_quotes({p, 1}));
      }
    }
  }

  std::size_t utf8_sequence(const char* p) const {
    std::uint32_t code = 0;
    const std::size_t length = utf8_length({p, static_cast<std::size_t>(end_ - p)}, code);
    if (length == 0) fail(p, "invalid UTF-8: " + in_quotes({p, 1}));
    return length;
  }

  const char* escape(const char* p, std::string* text) const {
    const std::string_view rest(p, static_cast<std::size_t>(end_ - p));
    if (rest.size() < 6 || rest[1] != 'u') return escape(rest.substr(0, 2), text);
    const bool surrogate =
        (rest[2] == 'd' || rest[2] == 'D') &&
        std::string_view("89abcdefABCDEF").find(rest[3]) != std::string_view::npos &&
        is_hexadecimal(rest[4]) && is_hexadecimal(rest[5]);
    if (!surrogate) return escape(rest.substr(0, 6), text);
    // nlohmann_json reads a pair and no half of one. Python and JavaScript write halves, so there
    // are documents with them; a pointer, which is UTF-8, names none.
    if (accepts(rest.substr(0, 12))) return escape(rest.substr(0, 12), text);
    if (text != nullptr) *text += half_;
    return p + 6;
  }

  static bool is_hexadecimal(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
  static bool accepts(std::string_view inside_a_string) {
    return nlohmann::json::accept("\"" + std::string(inside_a_string) + "\"");
  }
  const char* escape(std::string_view bytes, std::string* text) const {
    const nlohmann::json value =
        nlohmann::json::parse("\"" + std::string(bytes) + "\"", nullptr, false);
    if (!value.is_string()) fail(bytes.data(), "not an escape: " + in_quotes(bytes));
    if (text != nullptr) *text += value.get<std::string>();
    return bytes.data() + bytes.size();
  }

  const Chunk& chunk_;
  const std::string& name_;
  const std::string& pointer_;
  const std::vector<std::string>& steps_;
  std::vector<const char*>& found_;
  std::string_view half_;  // what a name has for half a surrogate pair
  const char* end_;
  std::vector<Level> levels_;
};

}  // namespace

JsonPointer::JsonPointer(std::string text) : text_(std::move(text)) {
  try {
    for (nlohmann::json::json_pointer pointer(text_); !pointer.empty(); pointer.pop_back())
      steps_.push_back(pointer.back());
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::usage, option("pointer", in_quotes(text_)) + " is not a JSON pointer",
                "RFC 6901: /a/0 for element 0 of member a; ~0 is ~, ~1 is /");
  }
  std::reverse(steps_.begin(), steps_.end());
}

bool JsonPointer::names_several() const {
  return std::find(steps_.begin(), steps_.end(), kEach) != steps_.end();
}

std::string pointer_step(std::string_view name) {
  std::string step = "/";
  for (const char c : name) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return step;
}

namespace {

/// What an object has of numbers, by its first bytes.
struct NumbersOf {
  std::vector<std::string> numbers;  // names of those that are single
  std::string list;                  // of the longest that is a list of numbers
  bool whole = false;
};

/// Behind the value at `p`; null if it does not end in the chunk.
const char* end_of(const Chunk& chunk, const char* p) {
  try {
    return skip_value(chunk, "", p);
  } catch (const Error&) {
    return nullptr;
  }
}

NumbersOf numbers_of(const Chunk& chunk, const char* p) {
  Chunk window;
  window.size =
      std::min(kTokenBytes, static_cast<std::size_t>(chunk.bytes.data() + chunk.size - p));
  window.bytes.reserve(window.size, 0);
  std::copy_n(p, window.size, window.bytes.data());
  const char* const end = window.bytes.data() + window.size;
  NumbersOf found;
  std::size_t longest = 0;
  p = window.bytes.data();
  try {
    do {
      std::string name;
      p = read_name(window, "", skip_space(p + 1, end), name);
      const char* const value = p;
      const bool can_be_typed =
          escaped(name) == name && name.find('\'') == std::string::npos && !name.empty();
      while (p != end && (is_space(*p) || *p == '[')) ++p;
      const bool is_number = p != end && (*p == '-' || (*p >= '0' && *p <= '9') ||
                                          std::string_view(p, end).starts_with("null") ||
                                          std::string_view(p, end).starts_with("NaN"));
      const bool is_list = p != end && *value == '[' && is_number;
      const char* const behind = end_of(window, value);
      const auto length = static_cast<std::size_t>((behind == nullptr ? end : behind) - value);
      if (can_be_typed && is_list && length > longest) {
        longest = length;
        found.list = name;
      }
      if (can_be_typed && is_number && !is_list) found.numbers.push_back(name);
      if (behind == nullptr) break;
      p = behind;
      p = skip_space(p, end);
    } while (p != end && *p == ',');
    found.whole = p != end && *p == '}';
  } catch (const Error&) {
    // A name goes on behind the window, or it is not JSON.
  }
  return found;
}

/// Whether jq takes `.name`.
bool is_word_of_jq(std::string_view name) {
  for (const std::string_view keyword :
       {"and", "or", "if", "then", "else", "elif", "end", "as", "def", "reduce", "foreach", "try",
        "catch", "label", "import", "include"}) {
    if (name == keyword) return false;
  }
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return c == '_' || (is_wordlike(c) && c != '-' && c != '+' && c != '.');
         });
}

}  // namespace

std::string hint_for_object(const Chunk& chunk, const char* p, const std::string& path,
                            std::size_t depth) {
  constexpr std::size_t kMostColumns = 8;
  if (escaped(path) != path || path.find('\'') != std::string::npos) return "";  // nobody types it
  const NumbersOf found = numbers_of(chunk, p);
  std::string where = path;
  for (std::size_t i = 0; i < depth; ++i) where += "/" + std::string(kEach);
  const std::string takes =
      depth == 0 ? " takes one value out of a document" : " takes one value of each object";
  if (!found.list.empty()) return option("pointer", where + pointer_step(found.list)) + takes;
  if (found.numbers.empty()) return option("pointer", where + "/NAME") + takes;
  std::string hint = option("pointer", where + pointer_step(found.numbers[0])) + takes;
  const bool reads_as_table =
      depth == 1 && found.whole && found.numbers.size() > 1 &&
      found.numbers.size() <= kMostColumns &&
      (path.empty() || is_word_of_jq(std::string_view(path).substr(1))) &&
      std::all_of(found.numbers.begin(), found.numbers.end(), is_word_of_jq);
  if (!reads_as_table) return hint;
  std::string columns;
  for (const std::string& name : found.numbers) columns += (columns.empty() ? "." : ", .") + name;
  return "jq -c '." + (path.empty() ? "" : path.substr(1)) + "[] | [" + columns +
         "]' FILE | rectify; " + hint;
}

const char* read_name(const Chunk& chunk, const std::string& source, const char* p,
                      std::string& name) {
  std::vector<const char*> found;
  return DocumentReader(chunk, source, {}, {}, found, kReplacement).name(p, &name);
}

const char* skip_value(const Chunk& chunk, const std::string& source, const char* p) {
  std::vector<const char*> found;
  return DocumentReader(chunk, source, {}, {}, found, kReplacement).read(p);
}

const char* JsonPointer::find(const Chunk& chunk, const std::string& source, const char* p,
                              std::vector<const char*>& found) const {
  return DocumentReader(chunk, source, text_, steps_, found, std::string_view("\0", 1)).read(p);
}

}  // namespace rectify::inline v1
