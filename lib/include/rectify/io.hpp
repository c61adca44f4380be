// Bytes in and out: files, pipes, memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rectify/api.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

class Reader;
struct Noise;

/// A reader that has closed its end of the pipe. Not an error: there is nobody left to write for.
class ReaderGone : public std::exception {
 public:
  const char* what() const noexcept override { return "the reader is gone"; }
};

// ---- bytes in ----------------------------------------------------------------------------------

/// Bytes to read, in order; those of a regular file also by position. Moves, does not copy.
class Source {
 public:
  /// Opens a file, FIFO or device. Throws Error{io} with the system's reason.
  static Source file(const std::string& path);
  static Source standard_input();
  /// `text` under the name that errors give it. The text must outlive the Source.
  static Source memory(std::string_view text, std::string name);

  /// What randn() draws (random.hpp), in place of bytes: run() and compare() take its numbers as they
  /// come.
  static Source noise(Noise noise, std::string name);

  /// What reads in another way (lib/src/io/reader.hpp).
  Source(std::shared_ptr<Reader> reader, std::string name);

  Source(Source&&) noexcept;
  Source& operator=(Source&&) noexcept;
  ~Source();

  /// How errors call it: the path as given, or "<stdin>".
  const std::string& name() const;

  /// What is drawn in place of bytes; null of all other sources.
  const Noise* noise() const;

  /// Up to `size` bytes; fewer only at the end. Throws Error{io}.
  std::size_t read(char* to, std::size_t size);
  /// Likewise, but beyond `least` of them only what is there without waiting.
  std::size_t read(char* to, std::size_t least, std::size_t size);

  /// The next bytes without taking them, at least `size` of them unless the input ends before.
  std::string_view peek(std::size_t size);
  /// Likewise, but at least `least` of them, and beyond these only what is there without waiting.
  std::string_view peek(std::size_t least, std::size_t size);

  /// Whether the byte behind the next `beyond` ones, or the end, is there without waiting: of a
  /// regular file and memory always.
  bool ready(std::size_t beyond = 0) const;

  /// `call` is made whenever reading is about to wait for a pipe or terminal, and again until it
  /// has nothing to do and returns false, or something to read is there. What it throws comes out
  /// of the read or peek.
  void before_waiting(std::function<bool()> call);

  /// Bytes taken so far.
  std::uint64_t position() const;

  /// Bytes in all, of a regular file as it was when opened, or of memory; nothing for pipes and
  /// devices.
  std::optional<std::uint64_t> size() const;

  /// Bytes at a position of a regular file or memory, without moving; fewer than `size` only at the
  /// end. Throws Error{io}.
  std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const;

  /// Goes to `begin` and ends at `end`; of a regular file or memory.
  void restrict_to(std::uint64_t begin, std::uint64_t end);

  /// `size` bytes from `begin` on of a regular file or memory, read by themselves; the file stays
  /// open for as long as they are. Throws Error{usage} if they are not all there.
  Source slice(std::uint64_t begin, std::uint64_t size, std::string name) const;

  /// Takes `size` bytes, without reading them where that is possible.
  void skip(std::uint64_t size);

 private:
  struct RECTIFY_LOCAL State;
  std::unique_ptr<State> state_;
};

// ---- bytes out ---------------------------------------------------------------------------------

/// Bytes to write. A file appears, or replaces the one that was there, whole at commit() or not at
/// all: an Output destroyed without commit() leaves everything as it was. What is not a regular file
/// is written to directly.
class Output {
 public:
  /// Writes beside `path` and renames at commit(). Symbolic links are followed; an existing file's
  /// mode and owner are kept and its successor is on the disk (fsync) before it gives way. Throws
  /// Error{io}.
  static Output file(const std::string& path);
  static Output standard_output();
  /// Whether file() would put a file of that name in place, and not write to what is there already:
  /// a device, a FIFO, an open descriptor such as /dev/stdout.
  static bool puts_in_place(const std::string& path);
  /// Appends to `text`, which must outlive the Output.
  static Output memory(std::string& text);

  Output(Output&&) noexcept;
  Output& operator=(Output&&) noexcept;
  ~Output();

  /// Throws Error{io}, or ReaderGone for a pipe that nobody reads.
  void write(std::string_view bytes);

  /// Hands what is buffered to the system. Throws as write() does.
  void flush();

  /// Whether the bytes go to a regular file, be it one that standard output was sent to.
  bool is_file() const;
  /// Whether overwrite() works: a file that commit() puts in place.
  bool can_overwrite() const;
  /// Replaces bytes written earlier.
  void overwrite(std::uint64_t position, std::string_view bytes);
  /// Where overwrite() works: moves what stands at `position` and behind it on by `size` bytes, which
  /// overwrite() is to fill.
  void insert(std::uint64_t position, std::uint64_t size);
  /// Bytes written so far.
  std::uint64_t position() const;

  /// Writes what is buffered, checks that it arrived, and puts a file in place. Throws as write()
  /// does.
  void commit();

 private:
  struct RECTIFY_LOCAL State;
  explicit Output(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Removes the temporary files of Outputs that are not committed. Safe in a signal handler; the
/// process should end after it.
void remove_temporaries() noexcept;

}  // namespace v1
}  // namespace rectify
