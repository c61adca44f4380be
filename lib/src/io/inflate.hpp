// Readers that inflate (RFC 1951): of gzip data, and of a member of a zip archive.
#pragma once

#include <cstdint>
#include <memory>

#include "reader.hpp"
#include "rectify/io.hpp"

namespace rectify::inline v1 {

/// What gzip data (RFC 1952) hold, one member or several. Reads on from where `source` stands, which
/// must outlive the reader. Throws Error{data} under the source's name for data that are damaged or
/// end too early.
std::shared_ptr<Reader> gunzip(Source& source);

/// What a member of a zip archive should inflate to.
struct Inflated {
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
};

/// What bare deflate data inflate to: all that is in `source`. Throws Error{data} under the source's
/// name for data that are damaged, or are not of that size and checksum.
std::shared_ptr<Reader> inflate(Source source, const Inflated& expected);

}  // namespace rectify::inline v1
