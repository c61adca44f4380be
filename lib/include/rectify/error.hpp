// The one error type of the library, and how text from an input is shown in a message.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "rectify/api.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

enum class ErrorKind {
  /// The input is not what it should be.
  data,
  /// The system refused to open, read or write.
  io,
  /// PyTorch does not do this either (leaky_relu of integers), or a format cannot hold it.
  unsupported,
  /// The caller asked for something that makes no sense.
  usage,
};

/// Where in an input: `line` and `column` count from 1, columns in bytes; 0 means that there is
/// none to give.
struct Place {
  std::string source;
  std::uint64_t line = 0;
  std::uint64_t column = 0;
};

/// Names a field of the library's options in the message or the hint of an Error, with a value for
/// it or without: option("missing", "nan"). Where both ReadOptions and WriteOptions have the field,
/// "read." or "write." stands in front; a function has its whole name ("Tally::partial"). The Error
/// shows a field as it is written in C++, `.missing = nan`, or with Error::line() as a program's
/// users write it. The text it returns is for an Error alone: it has control characters in it,
/// which text from an input never has there, being escaped.
std::string option(std::string_view field, std::string_view value = {});

/// How a program calls a field that option() has named, with its value, or without it where that is
/// empty.
using OptionText = std::function<std::string(std::string_view field, std::string_view value)>;

/// `message` says what was found and what was expected, `hint` what to do about it (may be empty).
/// what() is all of it in one printable line: "SOURCE:LINE:COLUMN: message (hint)".
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, std::string hint = {}, Place place = {});

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const Place& place() const { return place_; }
  const char* what() const noexcept override { return what_.c_str(); }

  /// The line that what() is, with the options in the words of a program.
  std::string line(const OptionText& words) const;

  /// The same error at another place; a place that is already known stays.
  Error at(Place place) const;
  /// Likewise, but whatever place is known.
  Error moved_to(Place place) const;
  /// The same error as one of another kind.
  Error as(ErrorKind kind) const;

 private:
  ErrorKind kind_;
  std::string marked_message_;  // as given: with the marks of option()
  std::string marked_hint_;
  std::string message_;
  std::string hint_;
  Place place_;
  std::string what_;
};

/// `text` as printable UTF-8 on one line: control characters (C0, DEL, C1), line separators,
/// characters that change the writing direction and bytes that are not UTF-8 become `\xHH` (or `\n`,
/// `\r`, `\t`). More than `most` bytes are cut with "...".
std::string escaped(std::string_view text, std::size_t most = 4096);

/// escaped() between single quotes, cut at a length that suits a message: 'n/a'.
std::string in_quotes(std::string_view text);

/// The word of `known` that somebody who typed `typed` most likely meant: at most two letters are
/// other, missing or too many, in any case; or it begins so. "" if none is near.
std::string_view nearest(std::string_view typed, std::span<const std::string_view> known);

}  // namespace v1
}  // namespace rectify
