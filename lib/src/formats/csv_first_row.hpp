// What the first row of a table may be: names or data.
#pragma once

#include <string_view>

namespace rectify {

/// What a field of the first row may be.
enum class Kind {
  empty,
  number,
  /// Begins like a number, but is not one: data that was damaged, a date, a name like 1.0.0.
  like_number,
  /// Stands for a missing value, or is a name.
  missing_word,
  name,
};

/// Of a field that is neither empty nor a number.
Kind kind_of_words(std::string_view text);

}  // namespace rectify
