// Arrays whose bytes stand in a file as they do in memory: what safetensors, NPZ and PyTorch's files
// have in common, once it is known where each of their tensors is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format.hpp"
#include "rectify/io.hpp"
#include "rectify/stream.hpp"

namespace rectify::inline v1 {

/// A slab of this size stays in a core's cache on its way through.
inline constexpr std::int64_t kSlabBytes = std::int64_t{1} << 18;

/// How many rows, of which the first begins at `position` in a file, to take for a slab: up to where
/// a multiple of its size stands there, and a little behind it. In most files that are made of it a
/// multiple stands so, too, and whole blocks are what the system reads and writes fastest.
inline std::int64_t rows_of_slab(std::uint64_t position, std::int64_t row_bytes) {
  constexpr std::uint64_t kHeaders = 512;  // by which both may differ
  constexpr auto kSlab = static_cast<std::uint64_t>(kSlabBytes);
  std::int64_t bytes =
      kSlabBytes - static_cast<std::int64_t>((position + kSlab - kHeaders) % kSlab);
  if (bytes < kSlabBytes / 2) bytes += kSlabBytes;
  return bytes / row_bytes + (bytes % row_bytes == 0 ? 0 : 1);
}

/// A checksum (CRC-32) of bytes.
struct Checksum {
  /// Of what stands in front of the array in the same member, and how the checksum begins so.
  std::uint32_t before = 0;
  /// What it must be behind the array's last byte.
  std::uint32_t whole = 0;
};

struct Array {
  /// What it is called, as what, its shape and its size in bytes.
  Entry entry;
  /// Of a dtype that rectify does not have: why it is not read, and what to do.
  std::string refusal = {}, hint = {};
  /// Whether its elements have the other byte order.
  bool swapped = false;
  /// Whether it is the negative of what stands there.
  bool negated = false;
  /// In elements, none negative; empty: C order.
  std::vector<std::int64_t> strides;
  /// Where its first element stands: a Source of its own at that place, which has a size if it can
  /// be read anywhere; null: `begin` bytes from the start of the file itself, which is read on.
  std::function<Source()> open;
  std::uint64_t begin = 0;
  /// Of an array in C order that can be read anywhere, all of it.
  std::optional<Checksum> checksum;
  /// What else has to be looked at before it is read, though not for a summary. Null: nothing.
  std::function<void()> check = nullptr;
};

struct Arrays {
  std::vector<Array> arrays;
  /// Whether they may be taken in another order, wherever the file comes from.
  bool any_order = false;
  std::vector<std::pair<std::string, std::string>> metadata;
  /// Whether the file holds one array without a name, and is not of several.
  bool nameless = false;
  /// Of a file that is read on: how many bytes it has, no more and no fewer.
  std::optional<std::uint64_t> end = std::nullopt;
};

/// Whether `name` is one that `glob` names: * stands for any characters, ? for one, [a-c] for one of
/// these, [!a-c] for one that is not.
bool matches(std::string_view glob, std::string_view name);

/// Whether one of `keys` names it.
bool is_chosen(const std::vector<std::string>& keys, std::string_view name);

/// Throws Error{usage} for a key that names none of these tensors.
void check_keys(const std::vector<std::string>& keys, const std::vector<std::string_view>& names,
                const Place& place);

/// How errors call a tensor of a file: "acts.npz:layer1".
std::string place_of(const std::string& file, const std::string& tensor);

/// Room for a tensor in an output that can be overwritten, which its slabs fill one after the other
/// while those of others fill theirs.
class Room {
 public:
  /// Behind what has been written.
  Room(Output& output, std::uint64_t size) : at_(output.position()), end_(at_ + size) {
    output.insert(at_, size);
  }

  /// Throws Error{usage} for more than there is room for.
  void fill(Output& output, std::string_view bytes);
  /// Throws Error{usage} if there is room left.
  void check_full() const;

 private:
  std::uint64_t at_, end_;
};

/// A decoder of those of the arrays that the options choose. Throws Error{usage} for a name that none
/// of them has, and for a part of the file.
std::unique_ptr<Decoder> arrays_decoder(Source& source, Arrays arrays, const ReadOptions& options,
                                        const Wanted& wanted);

}  // namespace rectify::inline v1
