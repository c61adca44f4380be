// What the first row of a table is: names or data.
#pragma once

#include <cstddef>
#include <optional>
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
  /// Why that is unclear, and the field that makes it so, or nothing for all.
  std::string message;
  std::optional<CsvField> at;
};

/// Whether the first row is a header, told from its fields one after the other: a row may have more
/// of them than should be held.
class FirstRowFields {
 public:
  explicit FirstRowFields(const CsvDialect& dialect) : dialect_(dialect) {}

  void take(const CsvField& field);

  /// Numbers are data, and names are a header. What may be either is unclear: a guess might lose a
  /// row, or make one up.
  FirstRow is() const;

  /// Whether the fields are empty ones and then 0, 1, 2 ..., as pandas writes names that are numbers.
  bool count_columns() const { return counts_ && empty_ != 0 && empty_ != size_; }

 private:
  struct Found {
    CsvField field;
    Kind kind;
  };

  const CsvDialect& dialect_;
  std::optional<Found> number_, words_;  // the first of each
  std::optional<CsvField> spoilt_;       // by a carriage return
  bool has_name_ = false;
  bool counts_ = true;
  std::size_t empty_ = 0;  // in front of all others
  std::size_t size_ = 0;
};

}  // namespace rectify::inline v1
