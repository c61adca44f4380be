// Which columns of a table are the tensor, and which pass by it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rectify::inline v1 {

struct CsvColumns {
  static constexpr std::int32_t kDropped = -1;
  static constexpr std::int32_t kFirstKept = -2;  // the next is one less
  /// Of each field of a row: where in the tensor's row it goes, or one of these.
  std::vector<std::int32_t> role;
  std::size_t width = 0;  // of the tensor
  std::size_t kept = 0;
  /// How many columns of the tensor stand before each kept one.
  std::vector<std::size_t> before;

  /// Whether all fields are the tensor's, in their order.
  bool all() const;
  /// Whether each field is the tensor's or kept, and those of the tensor are in their order.
  bool in_place() const;
};

/// The columns that `columns` and `keep` choose of `fields`, whose names may be empty (ReadOptions
/// says how). Throws Error{usage} for those that are not there or are meant in two ways.
CsvColumns choose_columns(std::span<const std::string> names, std::size_t fields,
                          std::span<const std::string> columns, std::span<const std::string> keep);

/// Whether one of the words takes the first column by its number.
bool takes_first_by_number(std::span<const std::string> words);

}  // namespace rectify::inline v1
