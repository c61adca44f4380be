// The tensors that torch.save has written.
#pragma once

#include <memory>
#include <vector>

#include "arrays.hpp"
#include "zip.hpp"

namespace rectify::inline v1 {

/// The member of an archive that torch.save has written which says what the others are; null: it is
/// not such an archive.
const ZipMember* find_pickle(const std::vector<ZipMember>& members);

/// The tensors of such an archive, named by the path to them: "model.layer1.0.weight". The numbers,
/// texts and the like beside them are passed over.
Arrays read_pt(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members);

}  // namespace rectify::inline v1
