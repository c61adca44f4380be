// Python's pickles read as data: the values that torch.save writes around tensors, and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rectify::inline v1 {

/// The values of a pickle, which refer to one another by their numbers. There may be cycles.
struct Pickle {
  enum class Kind : std::uint8_t {
    /// None, and what says nothing of tensors: bytes, a device, a layout, which text then shows.
    none,
    boolean,
    /// In number, or, beyond 64 bits, in text: its bytes, little endian in two's complement.
    integer,
    /// In text, as Python writes it.
    real,
    text,
    /// Of items.
    tuple,
    list,
    /// Of items: key, value, key, value ...
    dict,
    /// A name of the closed list: "torch.FloatStorage".
    global,
    /// Of items: the values that name a storage.
    persistent,
    /// torch._utils._rebuild_tensor and its versions; items are its arguments.
    tensor,
    mark,
  };
  struct Value {
    Kind kind = Kind::none;
    std::int64_t number = 0;  // of boolean and integer; of a tensor the version of the function
    std::string text;
    std::vector<std::uint32_t> items;
  };

  std::vector<Value> values;
  std::uint32_t top = 0;

  const Value& operator[](std::uint32_t i) const { return values[i]; }
};

/// What Python's repr gives of a key of a dict: a number, a text in quotes, a tuple of them. Nothing:
/// more than so many bytes, or a tuple in tuples that are too deep.
std::optional<std::string> text_of(const Pickle& pickle, std::uint32_t index, std::size_t most);

/// Reads a pickle of protocol 2 to 5. Nothing is imported or run: the opcodes and the names that are
/// known are a closed list, and any other is Error{data}, which says which, and where; so is what is
/// deeper or larger than any file of tensors. `source` is how errors call it.
Pickle read_pickle(std::string_view bytes, const std::string& source);

}  // namespace rectify::inline v1
