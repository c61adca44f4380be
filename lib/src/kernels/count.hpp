// Line feeds, which every byte of a table is asked for.
#pragma once

#include <cstddef>

namespace rectify::inline v1 {

/// How many line feeds [first, last) has.
std::size_t count_line_feeds(const char* first, const char* last);

}  // namespace rectify::inline v1
