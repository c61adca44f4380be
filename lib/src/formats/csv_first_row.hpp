// What the first row of a table is: names or data.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "csv_dialect.hpp"

namespace rectify::inline v1 {

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

/// The character of Unicode in `text` that looks like a blank or a minus and is neither, by its
/// number and name; "" if there is none.
std::string invisible_in(std::string_view text);

struct FirstRow {
  enum { header, data, unclear } is;
  /// Why that is unclear, and the field that makes it so, or null for all.
  std::string message;
  const CsvField* at;
};

/// Whether the first row is a header. Numbers are data, and names are a header. What may be either
/// is unclear: a guess might lose a row, or make one up.
FirstRow first_row(const CsvDialect& dialect, std::span<const CsvField> fields);

/// Whether the fields are empty ones and then 0, 1, 2 ..., as pandas writes names that are numbers.
bool counts_columns(const CsvDialect& dialect, std::span<const CsvField> fields);

}  // namespace rectify::inline v1
