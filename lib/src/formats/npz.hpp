// The arrays of a zip archive.
#pragma once

#include <memory>
#include <vector>

#include "arrays.hpp"
#include "zip.hpp"

namespace rectify::inline v1 {

/// Those of NumPy's .npz, with the headers of its members.
Arrays read_npz(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members);

}  // namespace rectify::inline v1
