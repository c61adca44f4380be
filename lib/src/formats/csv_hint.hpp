// What to do about a row of a table that is not numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "csv_dialect.hpp"
#include "format.hpp"

namespace rectify::inline v1 {

/// A row that could not be read, and all that is the same whatever came before it in a block: the
/// head of the table and the row itself.
struct CsvFault {
  enum Kind {
    /// A field is not a number.
    not_a_number,
    /// A field is missing.
    missing,
    /// The row has more or fewer fields than the first.
    ragged,
    /// The row is the first, and may be data or a header.
    first_row,
    /// There is nothing behind the row.
    only_header,
    /// Text stands behind a closing quote.
    quote,
  };
  Kind kind;
  /// Those that hold for the text below.
  ReadOptions options;
  /// The dialect as it turned out, and the format's delimiter.
  const CsvDialect& dialect;
  char delimiter;
  /// From the start of the file through the row; what is between its head and the row is left out.
  std::string text;
  std::string_view row;
  /// That is at fault, or empty.
  std::string_view field;
  /// How many fields a row should have.
  std::size_t expected;
  bool has_header;
  /// The row is the first of the data.
  bool is_first;
  /// Of the header.
  std::span<const std::string> names;
  /// The first lines behind the row, if it is in the head of the table.
  std::string behind;
  /// Lines in front of the header are skipped, or one of them names the delimiter.
  bool skips;
};

/// The hint for it: an option, or a filter in front, that is not used already and with which the
/// row is numbers. Each is tried on the text before it is given. "" if none is.
std::string csv_hint(const CsvFault& fault);

/// A decoder of a table whose errors have no hints, and which needs none.
std::unique_ptr<Decoder> csv_decoder_without_hints(Source& source, const ReadOptions& options,
                                                   const Wanted& wanted, char delimiter);

}  // namespace rectify::inline v1
