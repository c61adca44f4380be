// What a Source stands on: bytes of a file or pipe, of memory, of a part of either, or inflated ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace rectify::inline v1 {

struct Noise;

class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  /// The next bytes: at least `least` of them unless the input ends before, and up to `size` of them
  /// as long as more is there without waiting. Before it waits it makes `before_waiting` (which may
  /// be empty) again and again until that returns false or something is there.
  virtual std::size_t read(char* to, std::size_t least, std::size_t size,
                           const std::function<bool()>& before_waiting) = 0;

  /// Whether a byte or the end is there without waiting.
  virtual bool ready() { return true; }

  /// How many bytes there are in all, of what can be read anywhere; nothing for what comes in order.
  virtual std::optional<std::uint64_t> size() const = 0;

  // Of what has a size:

  /// Bytes at a position, without moving; fewer only at the end. Any thread.
  virtual std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const = 0;
  /// Goes on reading at a position.
  virtual void seek(std::uint64_t position) = 0;
  /// All bytes, if they are in memory; else null.
  virtual const char* memory() const { return nullptr; }
  /// Numbers that are drawn, if these are read in place of bytes; else null.
  virtual const Noise* noise() const { return nullptr; }
};

/// Of a text that it keeps.
std::shared_ptr<Reader> memory_reader(std::string text);

}  // namespace rectify::inline v1
