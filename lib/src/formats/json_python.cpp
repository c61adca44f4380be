#include "json_python.hpp"

#include <vector>

#include "json_text.hpp"

namespace rectify::inline v1 {
namespace {

bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }
char closing(char open) { return open == '(' ? ')' : open == '[' ? ']' : '}'; }

class Rewriter {
 public:
  Rewriter(Chunk& chunk, const std::string& source) : chunk_(chunk), source_(source) {}

  void rewrite() {
    char* const begin = chunk_.bytes.data();
    char* const end = begin + chunk_.size;
    for (char* p = begin; p != end;) {
      if (is_space(*p)) {
        ++p;
      } else if (opens(*p)) {
        begin_value(p);
        levels_.push_back({p});
        ++p;
      } else if (closes(*p)) {
        close(p++);
      } else if (*p == ',') {
        if (!levels_.empty()) separate(p);
        ++p;
      } else {
        begin_value(p);
        p = behind_word(p, end);
      }
    }
    for (std::size_t i = levels_.size(); i-- > 0;) {
      if (*levels_[i].open == '(')
        fail(end, "unexpected end of input inside a tuple", "a ')' is missing");
    }
  }

 private:
  /// Brackets that are open.
  struct Level {
    char* open;
    std::size_t values = 0;  // behind the last comma
    std::size_t commas = 0;
    char* comma = nullptr;  // the last, if a value stood before it
  };

  [[noreturn]] void fail(const char* at, std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint),
                place_in(chunk_, source_, at));
  }

  static char* behind_word(char* p, char* end) {
    if (*p == '"') {  // a name, or NaN as a text
      for (++p; p != end && *p != '"'; ++p) {
        if (*p == '\\' && p + 1 != end) ++p;
      }
      return p == end ? p : p + 1;
    }
    while (p != end && !is_space(*p) && !opens(*p) && !closes(*p) && *p != ',' && *p != '"') ++p;
    return p;
  }

  /// Where brackets become blanks, values that touched would look like two.
  void begin_value(char* p) {
    if (levels_.empty()) {
      if (p == closed_ || (p != chunk_.bytes.data() && !is_space(p[-1])))
        fail(p, "expected the end of the value but found " + word_at(p));
      return;
    }
    Level& level = levels_.back();
    if (++level.values > 1 && *level.open == '(')
      fail(p, "expected ',' or ')' but found " + word_at(p));
  }

  std::string word_at(char* p) const {
    if (*p == '"') return "a string";
    const char* const end = opens(*p) ? p + 1 : behind_word(p, chunk_.bytes.data() + chunk_.size);
    return in_quotes({p, end});
  }

  void separate(char* p) {
    Level& level = levels_.back();
    level.comma = level.values == 0 ? nullptr : p;
    level.values = 0;
    ++level.commas;
  }

  void close(char* p) {
    if (levels_.empty()) {
      if (*p == ')') fail(p, "expected the end of the value but found ')'", "a '(' is missing");
      return;  // others are the reader's to report
    }
    const Level level = levels_.back();
    levels_.pop_back();
    if (levels_.empty()) closed_ = p + 1;
    if (*p != closing(*level.open)) {
      if (*p != ')' && *level.open != '(') return;
      fail(p, std::string("expected ',' or '") + closing(*level.open) + "' but found '" + *p + "'");
    }
    if (level.values == 0 && level.comma != nullptr) *level.comma = ' ';
    if (*p != ')') return;
    // As in Python it is the comma that makes a tuple; () is one, too.
    const bool tuple = level.commas != 0 || level.values == 0;
    *level.open = tuple ? '[' : ' ';
    *p = tuple ? ']' : ' ';
  }

  Chunk& chunk_;
  const std::string& source_;
  std::vector<Level> levels_;
  const char* closed_ = nullptr;  // behind the last bracket that closed all
};

}  // namespace

void make_json_of_python(Chunk& chunk, const std::string& source) {
  Rewriter(chunk, source).rewrite();
}

}  // namespace rectify::inline v1
