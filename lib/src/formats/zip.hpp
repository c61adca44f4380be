// Zip archives (APPNOTE 6.3): where their members are, and new ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/io.hpp"

namespace rectify::inline v1 {

struct ZipMember {
  std::string name;
  bool deflated = false;  // else stored
  std::uint32_t crc = 0;
  std::uint64_t begin = 0;       // of its data in the archive
  std::uint64_t compressed = 0;  // bytes there
  std::uint64_t size = 0;        // and inflated
  std::string refusal;           // why it is not read, if it is not: encrypted, another method
};

/// What the directory at the end of an archive, which has a size, says of its members; zip64, too. In
/// the order of the directory. Throws Error{data} for a directory that is damaged, differs from what
/// stands in front of a member, lets members overlap, or names one twice.
std::vector<ZipMember> read_zip(const Source& source);

/// The bytes of a member, at most `most`, checked. Throws Error{data} if there are more, or for its refusal.
std::string read_member(const Source& source, const ZipMember& member, std::size_t most);

/// Reads a stored member and throws Error{data} unless its checksum is right.
void check_stored(const Source& source, const ZipMember& member);

/// Writes members that are stored. What can be overwritten gets sizes and checksum in front of each,
/// what cannot behind it.
class ZipWriter {
 public:
  explicit ZipWriter(Output& output) : output_(output) {}

  /// Begins a member, behind those that have begun. Returns its number.
  std::size_t begin(const std::string& name);
  /// Appends to the member that has begun last.
  void write(std::string_view bytes);
  /// Takes what has been appended to the output as bytes of it.
  void count(std::uint64_t size) { members_.back().size += size; }
  /// Bytes of a member so far.
  std::uint64_t size(std::size_t member) const { return members_[member].size; }
  /// Where a member's bytes stand in the output.
  std::uint64_t data_begin(std::size_t member) const { return members_[member].data_begin; }
  /// Ends a member; of an output that cannot be overwritten, before another begins.
  void end(std::size_t member, std::uint32_t crc);
  /// Writes the directory.
  void finish();

 private:
  struct Member {
    std::string name;
    std::uint64_t begin = 0;  // of what stands in front of it, in the archive
    std::uint64_t data_begin = 0;
    std::uint64_t size = 0;
    std::uint32_t crc = 0;
  };

  std::string local_header(const Member& member) const;

  Output& output_;
  std::vector<Member> members_;
  std::uint64_t start_ = 0;  // of the archive in the output
};

}  // namespace rectify::inline v1
