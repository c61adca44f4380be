// How many columns of a terminal text takes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rectify::app {

/// Columns that `text` takes: a wide character takes two, a combining mark none, by the C library's
/// wcwidth(3). A byte that is not UTF-8 takes one, as does all where there is no locale C.UTF-8.
std::size_t display_width(std::string_view text);

/// `text` if it fits `columns`, else its head and its end around an ellipsis, "..." without utf8.
std::string shortened(std::string_view text, std::size_t columns, bool utf8);

}  // namespace rectify::app
