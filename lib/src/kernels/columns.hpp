// Lines of a table taken apart by their columns.
#pragma once

#include <cstddef>
#include <vector>

namespace rectify::inline v1 {

/// What becomes of the columns of a table. Neighbours that are treated alike are a run of columns.
struct ColumnPlan {
  char delimiter = ',';
  /// The first character of a comment line; 0 if there are none.
  char comment = '\0';
  /// How many columns each run has. All of them together are a line.
  std::vector<std::size_t> runs;
  /// How many columns there are up to the end of each run.
  std::vector<std::size_t> stops;
  /// The runs that make a row of numbers, in their order there.
  std::vector<std::size_t> taken;
  /// Those that are kept as text, of one column each.
  std::vector<std::size_t> kept;
  /// The last run is a column of nothing.
  bool ends_empty = false;
};

/// Lines that are being taken apart. There is room for kPadding characters more than are put anywhere.
struct LinesApart {
  static constexpr std::size_t kPadding = 128;
  const char* p;           ///< the next line
  const char* last;        ///< behind the line feed of the last one
  char* rows;              ///< where the next row of numbers goes
  const char* kept_begin;  ///< where the text of kept columns begins
  char* kept;              ///< and where the next of it goes
  std::size_t* ends;       ///< where the end of that goes, from kept_begin
};

/// Takes lines apart for as long as they are plain: no quote in them, as many columns as the plan
/// has, neither blank nor a comment. Leaves the first other one to the caller. `bounds` has room for
/// as many as there are runs.
void take_apart(LinesApart& lines, const ColumnPlan& plan, const char** bounds);

/// Puts the line at hand, of which `bounds` has the end of each run, where it belongs; `next` is the
/// line behind it. False: it is not plain.
bool put_line(LinesApart& lines, const ColumnPlan& plan, const char* const* bounds,
              const char* next);

}  // namespace rectify::inline v1
