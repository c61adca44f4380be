// How a caller wants floating numbers to be written.
#pragma once

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <system_error>

#include "rectify/error.hpp"

namespace rectify::inline v1 {

/// As C's printf, for "%.4f" and the like. Not finite numbers have no format.
class FloatFormat {
 public:
  /// Throws Error{usage} for what is not one.
  explicit FloatFormat(const std::string& text) {
    if (text.empty()) return;
    std::string_view rest = text;
    bool good = rest.starts_with('%');
    rest.remove_prefix(good ? 1 : 0);
    precision_ = 6;
    if (good && rest.starts_with('.')) {
      const char* const end = rest.data() + rest.size();
      precision_ = 0;
      const auto [stop, error] = std::from_chars(rest.data() + 1, end, precision_);
      good = (error == std::errc{} || stop == rest.data() + 1) && precision_ >= 0 &&
             precision_ <= kMostDigits;
      rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
    }
    good = good && rest.size() == 1 && std::string_view("efg").find(rest[0]) != std::string::npos;
    if (!good) {
      throw Error(ErrorKind::usage, option("float_format", in_quotes(text)) + " is not a format",
                  "%.4f, %.3e and %g are, with at most 100 digits");
    }
    form_ = rest[0] == 'e'   ? std::chars_format::scientific
            : rest[0] == 'f' ? std::chars_format::fixed
                             : std::chars_format::general;
  }

  bool is_set() const { return precision_ >= 0; }

  /// Room for write(): the digits of the greatest double and those behind the point.
  static constexpr std::size_t kBytes = 512;

  char* write(char* out, double value) const {
    return std::to_chars(out, out + kBytes, value, form_, precision_).ptr;
  }

 private:
  static constexpr int kMostDigits = 100;
  int precision_ = -1;
  std::chars_format form_ = std::chars_format::general;
};

}  // namespace rectify::inline v1
