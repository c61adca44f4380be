// The words of JSON text, for its readers.
#pragma once

#include <string>
#include <string_view>

#include "rectify/error.hpp"

namespace rectify::inline v1 {

inline constexpr std::size_t kMostDepth = 1000;  // of a document that a pointer looks into
inline constexpr std::size_t kTokenBytes = 256;  // more of what is wrong than any message tells

inline bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline const char* skip_space(const char* p, const char* end) {
  while (p != end && is_space(*p)) ++p;
  return p;
}

/// RS, which begins each text of a sequence (RFC 7464).
inline constexpr char kRecordSeparator = '\x1E';

/// What may stand between values.
inline bool is_between(char c) { return is_space(c) || c == kRecordSeparator; }

inline const char* skip_between(const char* p, const char* end) {
  while (p != end && is_between(*p)) ++p;
  return p;
}

inline bool ends_token(char c) {
  return is_between(c) || c == ',' || c == ']' || c == '[' || c == '}' || c == '{' || c == ':';
}

/// What may stand inside a number, a literal, or the misspelling of one.
inline bool is_wordlike(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
         c == '-' || c == '.';
}

inline std::string_view token_at(const char* p, const char* end) {
  const char* token = p;
  while (p != end && !ends_token(*p)) ++p;
  if (p == token && p != end) ++p;
  return {token, static_cast<std::size_t>(p - token)};
}

/// What a value that is not a number is called in a message.
inline std::string kind_at(const char* p, const char* end) {
  const std::string_view token = token_at(p, end);
  if (*p == '"') return "a string";
  if (*p == kRecordSeparator) return "RS, which begins the next text";
  if (*p == '{') return "an object";
  if (token == "true" || token == "false") return "a boolean (" + std::string(token) + ")";
  return in_quotes(token);
}
}  // namespace rectify::inline v1
