// The checksum of zip archives and gzip (CRC-32), at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rectify::inline v1 {

/// The CRC-32 of what has the checksum `before` (0: nothing) and of these bytes behind it.
std::uint32_t crc32_of(std::uint32_t before, const void* bytes, std::size_t size);

/// How that is made, in ascending order of speed. All give the same.
enum class Crc32Way : std::uint8_t {
  by_tables,
  /// Blocks of so many bytes are multiplied at once.
  by_16,
  by_32,
  by_64,
};
inline constexpr Crc32Way kCrc32Ways[] = {Crc32Way::by_tables, Crc32Way::by_16, Crc32Way::by_32,
                                          Crc32Way::by_64};

/// Whether the processor can, and target() lets it.
bool has_crc32_way(Crc32Way way);

/// The same as without a way, which takes the fastest. It must be one that there is.
std::uint32_t crc32_of(Crc32Way way, std::uint32_t before, const void* bytes, std::size_t size);

/// The CRC-32 of what has the checksum `before` and, behind it, `size` bytes that have the checksum
/// `crc` by themselves.
std::uint32_t crc32_joined(std::uint32_t before, std::uint32_t crc, std::uint64_t size);

}  // namespace rectify::inline v1
