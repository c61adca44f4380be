#include "csv_first_row.hpp"

#include <algorithm>
#include <cstdint>

#include "utf8.hpp"

namespace rectify::inline v1 {
namespace {

/// Written in lower case. What R, pandas, SQL, SAS, Stata, Excel and programs' printf write.
constexpr std::string_view kMissingWords[] = {
    "na",   "n/a", "#n/a", "#na",           "<na>",    "n.a.",    "n/d",       "n.d.",     "nat",
    "null", "nil", "none", "\\n",           "missing", "nothing", "undefined", "undef",    "nd",
    "bdl",  "lod", "n a",  "not available", "unknown", "?",       "*",         "nan(ind)", "-",
    "--",   "---", ".",    "#value!",       "#ref!",   "#div/0!", "#num!",     "#name?",   "#null!",
};

/// The character at the start of `text`, which is not empty, and its length. A byte that is not
/// UTF-8 is taken for Latin-1, where the signs of currencies and the no-break space are the same.
std::uint32_t character_at(std::string_view text, std::size_t& length) {
  std::uint32_t code = 0;
  length = utf8_length(text, code);
  if (length != 0) return code;
  length = 1;
  return static_cast<unsigned char>(text[0]);
}

/// A blank of Unicode, which people do not see, or a carriage return that went astray.
bool is_invisible(std::uint32_t code) {
  return code == ' ' || (code >= '\t' && code <= '\r') || code == 0xA0 || code == 0xFEFF ||
         code == 0x202F || code == 0x205F || code == 0x3000 || (code >= 0x2000 && code <= 0x200B);
}

/// A digit, a sign, a point or the sign of a currency.
bool is_start_of_number(std::uint32_t code) {
  constexpr std::uint32_t kZeros[] = {'0', 0x660, 0x6F0, 0x966, 0xFF10};
  for (const std::uint32_t zero : kZeros) {
    if (code >= zero && code <= zero + 9) return true;
  }
  return code == '+' || code == '-' || code == 0x2212 || (code >= 0x2010 && code <= 0x2015) ||
         code == 0xFE63 || code == 0xFF0B || code == 0xFF0D || code == '.' || code == ',' ||
         code == '$' || (code >= 0xA2 && code <= 0xA5) || (code >= 0x20A0 && code <= 0x20CF);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view without_invisible(std::string_view text) {
  std::size_t begin = text.size();
  std::size_t end = text.size();
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    if (is_invisible(character_at(text.substr(at), length))) continue;
    begin = std::min(begin, at);
    end = at + length;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

Kind kind_of_words(std::string_view text) {
  text = without_invisible(text);
  // Accountants' (1.50) is negative, and '1' is quoted for some readers.
  if (text.size() > 2 && ((text.front() == '(' && text.back() == ')') ||
                          (text.front() == '\'' && text.back() == '\''))) {
    text = without_invisible(text.substr(1, text.size() - 2));
  }
  const auto is_missing_word = [&] {
    return std::any_of(std::begin(kMissingWords), std::end(kMissingWords),
                       [&](std::string_view word) {
                         return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                                           [](char a, char b) { return lower(a) == b; });
                       });
  };
  if (is_missing_word()) return Kind::missing_word;
  // What laboratories and spreadsheets write before a number: <0.01, ~5, '-5.
  while (text.size() > 1 && std::string_view("<>~='").find(text.front()) != std::string_view::npos)
    text = without_invisible(text.substr(1));
  for (const std::string_view sign : {"\u2264", "\u2265", "\u2248", "\u00B1"}) {
    if (text.starts_with(sign)) text = without_invisible(text.substr(sign.size()));
  }
  if (text.empty() || is_missing_word()) return Kind::missing_word;
  std::size_t length = 0;
  return is_start_of_number(character_at(text, length)) ? Kind::like_number : Kind::name;
}

void FirstRowFields::take(const CsvField& field) {
  const bool is_missing = dialect_.is_missing(field);
  if (is_missing && empty_ == size_) {
    ++empty_;
  } else {
    counts_ = counts_ && field.text() == std::to_string(size_ - empty_);
  }
  ++size_;
  const Kind kind = is_missing                  ? Kind::empty
                    : dialect_.is_number(field) ? Kind::number
                                                : kind_of_words(field.text());
  if (kind == Kind::number && !number_) number_ = {field, kind};
  if (kind > Kind::number && !words_) words_ = {field, kind};
  if (kind > Kind::empty && !spoilt_ && !field.quoted &&
      field.text().find('\r') != std::string_view::npos)
    spoilt_ = field;
  has_name_ = has_name_ || kind == Kind::name;
}

FirstRow FirstRowFields::is() const {
  const auto unclear = [](std::string message, std::optional<CsvField> at) {
    return FirstRow{FirstRow::unclear, std::move(message), at};
  };
  if (!words_) {
    if (!count_columns()) return {FirstRow::data, "", std::nullopt};
    return unclear(
        "the first row may be data or a header: an empty field before 0, 1, 2 ... is how pandas "
        "writes names that are numbers",
        std::nullopt);
  }
  const std::string text = in_quotes(words_->field.text());
  const bool is_like_number = words_->kind == Kind::like_number;
  if (!number_ && has_name_) {
    if (!spoilt_) return {FirstRow::header, "", std::nullopt};
    // A carriage return in a name is most likely a line break that was spoilt.
    return unclear("the first row has a carriage return in " + in_quotes(spoilt_->text()), spoilt_);
  }
  if (number_) {
    return unclear("the first row mixes numbers (" + in_quotes(number_->field.text()) + ") and " +
                       (is_like_number ? "other text (" : "words (") + text + ")",
                   words_->field);
  }
  return unclear("the first row may be data or a header: " + text +
                     (is_like_number ? " begins like a number, but is not one"
                                     : " may stand for a missing value"),
                 words_->field);
}

std::string invisible_in(std::string_view text) {
  constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {0xA0, "a no-break space"},
      {0xFEFF, "a byte order mark"},
      {0x202F, "a narrow no-break space"},
      {0x2009, "a thin space"},
      {0x2007, "a figure space"},
      {0x200B, "a space of no width"},
      {0x3000, "an ideographic space"},
      {0x2212, "a minus sign that is not a hyphen"},
      {0x2013, "an en dash"},
      {0x2010, "a hyphen of Unicode"}};
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const std::uint32_t code = character_at(text.substr(at), length);
    for (const auto& [character, name] : kNames) {
      if (code != character) continue;
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      std::string number = "U+";
      for (int shift = 12; shift >= 0; shift -= 4) number += kDigits[code >> shift & 15];
      return number + " (" + std::string(name) + ")";
    }
  }
  return "";
}

}  // namespace rectify::inline v1
