// Lists as people type them in Python.
#pragma once

#include <string>

#include "format.hpp"

namespace rectify::inline v1 {

/// Makes the tuples of the chunk's text lists, and takes out the comma behind a last element and the
/// brackets around a single value that is not a tuple: `((1, 2), (3, 4),)`, `[1, 2,]`, `(1)`. Every
/// byte stays in its place, so that errors tell where it is. Throws Error{data} for round brackets
/// that are not in pairs, and for values in them without a comma between.
void make_json_of_python(Chunk& chunk, const std::string& source);

}  // namespace rectify::inline v1
