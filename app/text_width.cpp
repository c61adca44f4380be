#include "text_width.hpp"

#include <clocale>
#include <cwchar>

namespace rectify::app {
namespace {

/// Makes the thread's characters those of UTF-8 for as long as it lives, where the system can. The
/// locale of the process stays what it is: numbers must not depend on it.
class Utf8Characters {
 public:
  Utf8Characters() : before_(locale() == nullptr ? nullptr : ::uselocale(locale())) {}
  Utf8Characters(const Utf8Characters&) = delete;
  Utf8Characters& operator=(const Utf8Characters&) = delete;
  ~Utf8Characters() {
    if (before_ != nullptr) ::uselocale(before_);
  }

 private:
  static locale_t locale() {
    static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return utf8;
  }

  locale_t before_;
};

struct Character {
  std::size_t bytes;
  std::size_t columns;
};

/// The first character of `text`, which is not empty.
Character first_character(std::string_view text) {
  std::mbstate_t state{};
  wchar_t code = 0;
  const std::size_t bytes = std::mbrtowc(&code, text.data(), text.size(), &state);
  if (bytes == 0 || bytes > text.size()) return {1, 1};  // NUL, not UTF-8, or cut
  const int columns = ::wcwidth(code);
  return {bytes, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.columns;
    text.remove_prefix(character.bytes);
  }
  return columns;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  const Utf8Characters utf8;
  return columns_of(text);
}

std::string shortened(std::string_view text, std::size_t columns, bool utf8) {
  const Utf8Characters characters;
  if (columns_of(text) <= columns) return std::string(text);
  // The middle goes: what tells names apart is more often their end.
  const std::string_view ellipsis = utf8 ? "\u2026" : "...";
  const std::size_t dots = utf8 ? 1 : 3;
  if (columns == 0) return {};
  if (columns <= dots) return std::string(ellipsis.substr(0, utf8 ? ellipsis.size() : columns));
  const std::size_t tail_columns = (columns - dots) / 2;
  std::size_t head = 0;
  for (std::size_t left = columns - dots - tail_columns; head < text.size();) {
    const Character character = first_character(text.substr(head));
    if (character.columns > left) break;
    left -= character.columns;
    head += character.bytes;
  }
  // The longest end that fits and does not begin with a mark, which has no column.
  std::size_t tail = head;
  for (std::size_t left = columns_of(text.substr(head)); tail < text.size();) {
    const Character character = first_character(text.substr(tail));
    if (left <= tail_columns && character.columns != 0) break;
    left -= character.columns;
    tail += character.bytes;
  }
  return std::string(text.substr(0, head)).append(ellipsis).append(text.substr(tail));
}

}  // namespace rectify::app
