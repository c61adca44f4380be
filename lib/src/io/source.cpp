// Where bytes come from: files, pipes, memory, and parts of what can be read anywhere. With
// output.cpp the only file that opens, and the only one that reads.

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "descriptor.hpp"
#include "reader.hpp"
#include "rectify/io.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kPipeBytes = std::size_t{64} << 10;  // what a pipe holds
constexpr int kLargePipeBytes = 512 << 10;                 // and one that has been found full

/// A file, FIFO, device or terminal.
class FileReader final : public Reader {
 public:
  /// `opened`: by us, so that it stands at its start; else it may be handed over half read.
  FileReader(Descriptor file, bool opened, std::string name)
      : name_(std::move(name)), file_(std::move(file)) {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) fail(name_, "cannot read: ", errno);
    if (S_ISDIR(status.st_mode)) fail(name_, "cannot read: ", EISDIR);
    if (!S_ISREG(status.st_mode)) return;
    const off_t at = opened ? 0 : ::lseek(file_.get(), 0, SEEK_CUR);
    if (at < 0) fail(name_, "cannot read: ", errno);
    base_ = static_cast<std::uint64_t>(at);
    length_ = status.st_size > at ? static_cast<std::uint64_t>(status.st_size - at) : 0;
    // Files of /proc and /sys say 0 and have something to read all the same.
    regular_ = status.st_size != 0;
  }

  std::size_t read(char* to, std::size_t least, std::size_t size,
                   const std::function<bool()>& before_waiting) override {
    std::size_t got = 0;
    while (got < size && !ended_) {
      while (!ready()) {
        if (got >= least) return got;
        if (!before_waiting || !before_waiting()) break;  // the read waits
      }
      const ssize_t count = ::read(file_.get(), to + got, std::min(size - got, kMostAtOnce));
      if (count == 0) {
        check_end();
        ended_ = !regular_;
        break;
      }
      if (count < 0) {
        if (is_to_be_tried_again(file_.get(), POLLIN)) continue;
        fail(name_, "cannot read: ", errno);
      }
      got += static_cast<std::size_t>(count);
      if (!regular_ && !enlarged_ && static_cast<std::size_t>(count) >= kPipeBytes) {
        // The writer is fast. Fewer and larger reads save more time than all looking for more
        // costs; where it may not be, as for want of rights or of a pipe, it goes on as it is.
        enlarged_ = true;
        ::fcntl(file_.get(), F_SETPIPE_SZ, kLargePipeBytes);
      }
    }
    if (regular_ && got != 0) check_end();
    return got;
  }

  bool ready() override {
    if (regular_ || ended_) return true;
    pollfd wanted{file_.get(), POLLIN, 0};
    for (;;) {
      const int count = ::poll(&wanted, 1, 0);
      if (count >= 0) return count != 0;
      if (errno != EINTR) fail(name_, "cannot read: ", errno);
    }
  }

  std::optional<std::uint64_t> size() const override {
    return regular_ ? std::optional(length_) : std::nullopt;
  }

  std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const override {
    std::size_t got = 0;
    while (got < size) {
      const ssize_t count = ::pread(file_.get(), to + got, std::min(size - got, kMostAtOnce),
                                    static_cast<off_t>(base_ + position + got));
      if (count == 0) {
        check_end();
        break;
      }
      if (count < 0) {
        if (errno == EINTR) continue;
        fail(name_, "cannot read: ", errno);
      }
      got += static_cast<std::size_t>(count);
    }
    if (regular_ && got != 0) check_end();
    return got;
  }

  void seek(std::uint64_t position) override {
    if (::lseek(file_.get(), static_cast<off_t>(base_ + position), SEEK_SET) < 0)
      fail(name_, "cannot read: ", errno);
  }

 private:
  /// Throws if the file has been cut since it was opened; else one that ends before its length is of
  /// /sys, whose length says nothing. To be asked behind every read: of the page in which a file is
  /// cut, a read at the same time may have got zeros for what stood there.
  void check_end() const {
    struct stat status {};
    if (!regular_ || ::fstat(file_.get(), &status) != 0) return;
    if (static_cast<std::uint64_t>(status.st_size) >= base_ + length_) return;
    throw Error(ErrorKind::io,
                "cannot read: the file became shorter while it was read, from " +
                    std::to_string(base_ + length_) + " to " + std::to_string(status.st_size) +
                    " bytes",
                {}, Place{name_});
  }

  std::string name_;
  Descriptor file_;
  bool regular_ = false;
  std::uint64_t base_ = 0;    // where it begins in the file
  std::uint64_t length_ = 0;  // of a regular file when it was opened
  bool ended_ = false;        // a terminal would go on behind its end
  bool enlarged_ = false;     // a pipe that was full
};

/// What is read by position alone, and in order from a position of its own.
class PositionedReader : public Reader {
 public:
  std::size_t read(char* to, std::size_t, std::size_t size, const std::function<bool()>&) final {
    const std::size_t got = read_at(at_, to, size);
    at_ += got;
    return got;
  }
  void seek(std::uint64_t position) final { at_ = position; }

 private:
  std::uint64_t at_ = 0;
};

class MemoryReader final : public PositionedReader {
 public:
  explicit MemoryReader(std::string_view text) : text_(text) {}
  explicit MemoryReader(std::string&& text) : own_(std::move(text)), text_(own_) {}

  std::optional<std::uint64_t> size() const override { return text_.size(); }
  std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const override {
    if (position >= text_.size()) return 0;
    const std::size_t count = std::min<std::size_t>(size, text_.size() - position);
    std::memcpy(to, text_.data() + position, count);
    return count;
  }
  const char* memory() const override { return text_.data(); }

 private:
  std::string own_;
  std::string_view text_;
};

/// A part of what can be read anywhere, which it keeps alive.
class SliceReader final : public PositionedReader {
 public:
  SliceReader(std::shared_ptr<const Reader> of, std::uint64_t begin, std::uint64_t size)
      : of_(std::move(of)), begin_(begin), size_(size) {}

  std::optional<std::uint64_t> size() const override { return size_; }
  std::size_t read_at(std::uint64_t position, char* to, std::size_t size) const override {
    if (position >= size_) return 0;
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - position));
    return of_->read_at(begin_ + position, to, size);
  }
  const char* memory() const override {
    return of_->memory() == nullptr ? nullptr : of_->memory() + begin_;
  }

 private:
  std::shared_ptr<const Reader> of_;
  std::uint64_t begin_;
  std::uint64_t size_;
};

}  // namespace

std::shared_ptr<Reader> memory_reader(std::string text) {
  return std::make_shared<MemoryReader>(std::move(text));
}

struct Source::State {
  std::string name;
  std::shared_ptr<Reader> reader;
  std::optional<std::uint64_t> length;  // of what has a size, or of the part that is read
  std::uint64_t position = 0;
  std::vector<char> ahead;  // peeked, not taken: [ahead_begin, ahead_end)
  std::size_t ahead_begin = 0;
  std::size_t ahead_end = 0;
  std::function<bool()> before_waiting;

  State(std::shared_ptr<Reader> from, std::string called)
      : name(std::move(called)), reader(std::move(from)), length(reader->size()) {}

  std::size_t peeked() const { return ahead_end - ahead_begin; }

  /// Of `size` bytes from `at` on, those in front of the end: what has been appended to a file since
  /// is not read.
  std::size_t within(std::uint64_t at, std::size_t size) const {
    if (!length) return size;
    return static_cast<std::size_t>(std::min<std::uint64_t>(size, *length - std::min(*length, at)));
  }

  /// Reads on from `at`, which is where the reader stands.
  std::size_t read(std::uint64_t at, char* to, std::size_t least, std::size_t size) const {
    return reader->read(to, least, within(at, size), before_waiting);
  }

  void seek(std::uint64_t to) {
    ahead_begin = ahead_end = 0;
    reader->seek(to);
    position = to;
  }
};

Source::Source(std::shared_ptr<Reader> reader, std::string name)
    : state_(std::make_unique<State>(std::move(reader), std::move(name))) {}
Source::Source(Source&&) noexcept = default;
Source& Source::operator=(Source&&) noexcept = default;
Source::~Source() = default;

Source Source::file(const std::string& path) {
  if (path.empty()) throw Error(ErrorKind::io, "cannot open a file without a name");
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) fail(path, "cannot open: ", errno);
  return Source(std::make_shared<FileReader>(Descriptor(fd, true), true, path), path);
}

Source Source::standard_input() {
  const std::string name = "<stdin>";
  return Source(std::make_shared<FileReader>(Descriptor(STDIN_FILENO, false), false, name), name);
}

Source Source::memory(std::string_view text, std::string name) {
  return Source(std::make_shared<MemoryReader>(text), std::move(name));
}

Source Source::slice(std::uint64_t begin, std::uint64_t size, std::string name) const {
  const std::uint64_t there = state_->length.value_or(0);
  if (!state_->length || begin > there || size > there - begin)
    throw Error(ErrorKind::usage, "a slice goes beyond what can be read anywhere", {},
                {state_->name});
  return Source(std::make_shared<SliceReader>(state_->reader, begin, size), std::move(name));
}

const std::string& Source::name() const { return state_->name; }

const Noise* Source::noise() const { return state_->reader->noise(); }

std::size_t Source::read(char* to, std::size_t size) { return read(to, size, size); }

std::size_t Source::read(char* to, std::size_t least, std::size_t size) {
  State& s = *state_;
  const std::size_t peeked = std::min(size, s.peeked());
  if (peeked != 0) std::memcpy(to, s.ahead.data() + s.ahead_begin, peeked);
  s.ahead_begin += peeked;
  s.position += peeked;
  if (peeked == size) return size;
  const std::size_t got =
      s.read(s.position, to + peeked, least - std::min(least, peeked), size - peeked);
  s.position += got;
  return peeked + got;
}

std::string_view Source::peek(std::size_t size) { return peek(size, size); }

std::string_view Source::peek(std::size_t least, std::size_t size) {
  State& s = *state_;
  if (const char* const memory = s.reader->memory(); memory != nullptr) {
    const std::uint64_t at = std::min(s.position, *s.length);
    return {memory + at, static_cast<std::size_t>(*s.length - at)};
  }
  const std::size_t have = s.peeked();
  size = s.within(s.position, size);  // no more memory than a small file needs: there may be many
  if (have < size) {
    if (s.ahead_begin != 0) {
      std::memmove(s.ahead.data(), s.ahead.data() + s.ahead_begin, have);
      s.ahead_begin = 0;
      s.ahead_end = have;
    }
    if (s.ahead.size() < size) s.ahead.resize(size);
    s.ahead_end += s.read(s.position + have, s.ahead.data() + have, least - std::min(least, have),
                          size - have);
  }
  return {s.ahead.data() + s.ahead_begin, s.peeked()};
}

bool Source::ready(std::size_t beyond) const {
  return beyond < state_->peeked() || state_->reader->ready();
}

void Source::before_waiting(std::function<bool()> call) {
  state_->before_waiting = std::move(call);
}

std::uint64_t Source::position() const { return state_->position; }

std::optional<std::uint64_t> Source::size() const { return state_->length; }

std::size_t Source::read_at(std::uint64_t position, char* to, std::size_t size) const {
  return state_->reader->read_at(position, to, size);
}

void Source::restrict_to(std::uint64_t begin, std::uint64_t end) {
  State& s = *state_;
  s.length = s.length ? std::min(*s.length, end) : end;
  s.seek(begin);
}

void Source::skip(std::uint64_t size) {
  State& s = *state_;
  if (s.length) {
    s.seek(s.position + size);
    return;
  }
  char scrap[4096];
  while (size != 0) {
    const std::size_t got =
        read(scrap, static_cast<std::size_t>(std::min<std::uint64_t>(size, sizeof scrap)));
    if (got == 0) return;
    size -= got;
  }
}

}  // namespace rectify::inline v1
