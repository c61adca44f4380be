// The checksum of zip archives and gzip (CRC-32), at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rectify::inline v1 {

/// The CRC-32 of what has the checksum `before` (0: nothing) and of these bytes behind it.
std::uint32_t crc32_of(std::uint32_t before, const void* bytes, std::size_t size);

}  // namespace rectify::inline v1
