// The arrays of a zip archive.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "arrays.hpp"
#include "zip.hpp"

namespace rectify {

/// Those of NumPy's .npz, with the headers of its members. `wanted`: as what they are to be read.
Arrays read_npz(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members,
                std::optional<DType> wanted);

}  // namespace rectify
