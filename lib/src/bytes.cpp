// Where bytes come from and go to: files, pipes, memory. The only file that opens, reads, writes or
// renames.

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "rectify/error.hpp"
#include "rectify/stream.hpp"

namespace rectify {
namespace {

constexpr std::size_t kOutputBytes = std::size_t{64} << 10;  // small writes are gathered up to this
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;    // Linux moves at most 2 GiB a call
constexpr std::size_t kPipeBytes = std::size_t{64} << 10;    // what a pipe holds
constexpr int kLargePipeBytes = 512 << 10;                   // and one that has been found full

std::string reason(int error) { return std::strerror(error); }

[[noreturn]] void fail(const std::string& name, const std::string& what, int error,
                       std::string hint = {}) {
  throw Error(ErrorKind::io, what + reason(error), std::move(hint), {name});
}

/// Whether a call that failed is to be made again: it was interrupted, or the descriptor is one
/// that somebody made non-blocking, and has been waited for.
bool is_to_be_tried_again(int fd, short events) {
  if (errno == EAGAIN) {
    pollfd wanted{fd, events, 0};
    if (::poll(&wanted, 1, -1) >= 0) return true;
  }
  return errno == EINTR;
}

/// open(2), however often it is interrupted: opening a FIFO waits.
int open_file(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

/// An open descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  Descriptor(Descriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), owned_(std::exchange(other.owned_, false)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Descriptor() {
    if (owned_) ::close(fd_);
  }

  int get() const { return fd_; }
  bool owned() const { return owned_; }
  /// close(2)'s result: the last chance to hear of a write that failed.
  int close() {
    // Interrupted, it is closed all the same.
    return std::exchange(owned_, false) && ::close(fd_) != 0 && errno != EINTR ? -1 : 0;
  }

 private:
  int fd_ = -1;
  bool owned_ = false;
};

/// Names of temporary files that a signal handler has to remove. A slot is taken before the file
/// exists and given back after it is gone.
struct Temporary {
  std::atomic<bool> taken{false};
  std::atomic<bool> armed{false};
  char path[PATH_MAX];
};
Temporary temporaries[8];

Temporary* register_temporary(const std::string& path) {
  if (path.size() >= sizeof Temporary::path) return nullptr;
  for (Temporary& slot : temporaries) {
    if (!slot.taken.exchange(true)) {
      std::memcpy(slot.path, path.c_str(), path.size() + 1);
      slot.armed = true;
      return &slot;
    }
  }
  return nullptr;  // more than eight at once: they are removed by their Outputs, though not by a
                   // signal
}

void forget_temporary(Temporary* slot) {
  if (slot == nullptr) return;
  slot->armed = false;
  slot->taken = false;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

/// The open descriptor that a name such as /dev/stdout or /dev/fd/3 stands for, or -1. What it is
/// open on may be a pipe, which has no name, or a file that others write to as well.
int descriptor_of(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int fd = -1;
    const char* end = path.data() + path.size();
    const auto [at, error] = std::from_chars(path.data() + folder.size(), end, fd);
    if (error == std::errc() && at == end) return fd;
  }
  return -1;
}

/// The file that a chain of symbolic links ends at, which need not exist, or a descriptor's name.
std::string resolve_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as the kernel allows
  std::string resolved = path;
  for (int i = 0;; ++i) {
    if (descriptor_of(resolved) >= 0) return resolved;
    char link[PATH_MAX];
    const ssize_t length = ::readlink(resolved.c_str(), link, sizeof link);
    if (length < 0) return resolved;
    if (i == kMostLinks) fail(path, "cannot write: ", ELOOP);
    const std::string to(link, static_cast<std::size_t>(length));
    resolved = to.starts_with('/') ? to : directory_of(resolved).append(to);
  }
}

bool is_regular(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

std::string random_name() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    static std::atomic<std::uint64_t> count{0};
    bits = (static_cast<std::uint64_t>(::getpid()) << 32) + count++;
  }
  char name[40];
  std::snprintf(name, sizeof name, ".rectify-%016llx", static_cast<unsigned long long>(bits));
  return name;
}

}  // namespace

void remove_temporaries() noexcept {
  for (Temporary& slot : temporaries) {
    if (slot.armed) ::unlink(slot.path);
  }
}

// ---- Source ------------------------------------------------------------------------------------

struct Source::State {
  std::string name;
  Descriptor file;
  bool is_file = false;  // else the bytes are in `text`
  bool regular = false;
  std::uint64_t base =
      0;  // file offset at which this source begins (a descriptor may be handed over half read)
  std::uint64_t length = 0;  // of a regular file when it was opened, or of the part that is read
  std::string_view text;
  std::uint64_t position = 0;
  std::vector<char> ahead;  // peeked, not taken: [ahead_begin, ahead_end)
  std::size_t ahead_begin = 0;
  std::size_t ahead_end = 0;
  bool ended = false;     // a terminal would go on behind its end
  bool enlarged = false;  // a pipe that was full
  std::function<bool()> before_waiting;

  std::size_t peeked() const { return ahead_end - ahead_begin; }

  /// Whether the system has more, or the end.
  bool system_ready() const {
    if (!is_file || regular || ended) return true;
    pollfd wanted{file.get(), POLLIN, 0};
    for (;;) {
      const int count = ::poll(&wanted, 1, 0);
      if (count >= 0) return count != 0;
      if (errno != EINTR) fail(name, "cannot read: ", errno);
    }
  }

  /// Reads on from `at`, which is where the descriptor stands: at least `least` bytes, unless the
  /// input ends before, and up to `size` of them as long as more is there.
  std::size_t system_read(std::uint64_t at, char* to, std::size_t least, std::size_t size) {
    if (regular) {  // what has been appended since is not read
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, length - std::min(length, at)));
    }
    std::size_t got = 0;
    while (got < size && !ended) {
      while (!system_ready()) {
        if (got >= least) return got;
        if (!before_waiting || !before_waiting()) break;  // the read waits
      }
      const ssize_t count = ::read(file.get(), to + got, std::min(size - got, kMostAtOnce));
      if (count == 0) {
        check_end();
        ended = !regular;
        break;
      }
      if (count < 0) {
        if (is_to_be_tried_again(file.get(), POLLIN)) continue;
        fail(name, "cannot read: ", errno);
      }
      got += static_cast<std::size_t>(count);
      if (!regular && !enlarged && static_cast<std::size_t>(count) >= kPipeBytes) {
        // The writer is fast. Fewer and larger reads save more time than all looking for more
        // costs; where it may not be, as for want of rights or of a pipe, it goes on as it is.
        enlarged = true;
        ::fcntl(file.get(), F_SETPIPE_SZ, kLargePipeBytes);
      }
    }
    return got;
  }

  /// Where a file ends before its length: throws if it has been cut. Otherwise it is one of /sys,
  /// whose length says nothing.
  void check_end() const {
    struct stat status {};
    if (!regular || ::fstat(file.get(), &status) != 0) return;
    if (static_cast<std::uint64_t>(status.st_size) >= base + length) return;
    throw Error(ErrorKind::io,
                "cannot read: the file became shorter while it was read, from " +
                    std::to_string(base + length) + " to " + std::to_string(status.st_size) +
                    " bytes",
                {}, Place{name});
  }
};

Source::Source(std::unique_ptr<State> state) : state_(std::move(state)) {}
Source::Source(Source&&) noexcept = default;
Source& Source::operator=(Source&&) noexcept = default;
Source::~Source() = default;

namespace {

/// `opened`: by us, so that it stands at its start.
void look_at(int fd, bool opened, bool& regular, std::uint64_t& base, std::uint64_t& length,
             const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(name, "cannot read: ", errno);
  if (S_ISDIR(status.st_mode)) fail(name, "cannot read: ", EISDIR);
  if (!S_ISREG(status.st_mode)) return;
  const off_t at = opened ? 0 : ::lseek(fd, 0, SEEK_CUR);
  if (at < 0) fail(name, "cannot read: ", errno);
  regular = true;
  base = static_cast<std::uint64_t>(at);
  length = status.st_size > at ? static_cast<std::uint64_t>(status.st_size - at) : 0;
  // Files of /proc and /sys say 0 and have something to read all the same.
  if (status.st_size == 0) regular = false;
}

}  // namespace

Source Source::file(const std::string& path) {
  if (path.empty()) throw Error(ErrorKind::io, "cannot open a file without a name");
  auto state = std::make_unique<State>();
  state->name = path;
  state->is_file = true;
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) fail(path, "cannot open: ", errno);
  state->file = Descriptor(fd, true);
  look_at(fd, true, state->regular, state->base, state->length, path);
  return Source(std::move(state));
}

Source Source::standard_input() {
  auto state = std::make_unique<State>();
  state->name = "<stdin>";
  state->is_file = true;
  state->file = Descriptor(STDIN_FILENO, false);
  look_at(STDIN_FILENO, false, state->regular, state->base, state->length, state->name);
  return Source(std::move(state));
}

Source Source::memory(std::string_view text, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->text = text;
  return Source(std::move(state));
}

const std::string& Source::name() const { return state_->name; }

std::size_t Source::read(char* to, std::size_t size) { return read(to, size, size); }

std::size_t Source::read(char* to, std::size_t least, std::size_t size) {
  State& s = *state_;
  if (!s.is_file) {
    const std::size_t got = std::min<std::size_t>(size, s.text.size() - s.position);
    if (got != 0) std::memcpy(to, s.text.data() + s.position, got);
    s.position += got;
    return got;
  }
  const std::size_t peeked = std::min(size, s.peeked());
  if (peeked != 0) std::memcpy(to, s.ahead.data() + s.ahead_begin, peeked);
  s.ahead_begin += peeked;
  s.position += peeked;
  if (peeked == size) return size;
  const std::size_t got =
      s.system_read(s.position, to + peeked, least - std::min(least, peeked), size - peeked);
  s.position += got;
  return peeked + got;
}

std::string_view Source::peek(std::size_t size) { return peek(size, size); }

std::string_view Source::peek(std::size_t least, std::size_t size) {
  State& s = *state_;
  if (!s.is_file) return s.text.substr(s.position);
  const std::size_t have = s.peeked();
  // No more memory than a small file needs: it may be one of thousands.
  if (s.regular) size = std::min<std::size_t>(size, s.length - std::min(s.length, s.position));
  if (have < size) {
    if (s.ahead_begin != 0) {
      std::memmove(s.ahead.data(), s.ahead.data() + s.ahead_begin, have);
      s.ahead_begin = 0;
      s.ahead_end = have;
    }
    if (s.ahead.size() < size) s.ahead.resize(size);
    s.ahead_end += s.system_read(s.position + have, s.ahead.data() + have,
                                 least - std::min(least, have), size - have);
  }
  return {s.ahead.data() + s.ahead_begin, s.peeked()};
}

bool Source::ready(std::size_t beyond) const {
  return beyond < state_->peeked() || state_->system_ready();
}

void Source::before_waiting(std::function<bool()> call) {
  state_->before_waiting = std::move(call);
}

std::uint64_t Source::position() const { return state_->position; }

std::optional<std::uint64_t> Source::size() const {
  if (!state_->is_file) return state_->text.size();
  return state_->regular ? std::optional(state_->length) : std::nullopt;
}

std::size_t Source::read_at(std::uint64_t position, char* to, std::size_t size) const {
  const State& s = *state_;
  if (!s.is_file) {
    if (position >= s.text.size()) return 0;
    const std::size_t count = std::min<std::size_t>(size, s.text.size() - position);
    std::memcpy(to, s.text.data() + position, count);
    return count;
  }
  std::size_t got = 0;
  while (got < size) {
    const ssize_t count = ::pread(s.file.get(), to + got, std::min(size - got, kMostAtOnce),
                                  static_cast<off_t>(s.base + position + got));
    if (count == 0) {
      s.check_end();
      break;
    }
    if (count < 0) {
      if (errno == EINTR) continue;
      fail(s.name, "cannot read: ", errno);
    }
    got += static_cast<std::size_t>(count);
  }
  return got;
}

void Source::restrict_to(std::uint64_t begin, std::uint64_t end) {
  State& s = *state_;
  if (!s.is_file) {
    s.text =
        s.text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(end, s.text.size())));
    s.position = std::min<std::uint64_t>(begin, s.text.size());
    return;
  }
  s.length = end;
  s.ahead_begin = s.ahead_end = 0;
  s.position = begin;
  if (::lseek(s.file.get(), static_cast<off_t>(s.base + begin), SEEK_SET) < 0) {
    fail(s.name, "cannot read: ", errno);
  }
}

void Source::skip(std::uint64_t size) {
  State& s = *state_;
  if (s.is_file && s.regular) {
    const std::uint64_t to = s.position + size;
    s.ahead_begin = s.ahead_end = 0;
    if (::lseek(s.file.get(), static_cast<off_t>(s.base + to), SEEK_SET) < 0) {
      fail(s.name, "cannot read: ", errno);
    }
    s.position = to;
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

// ---- Output ------------------------------------------------------------------------------------

struct Output::State {
  std::string name;
  Descriptor file;
  std::string* text = nullptr;  // memory instead of a file
  bool regular = false;         // a regular file
  std::string buffer;
  std::uint64_t position = 0;

  // A file that commit() puts in place:
  std::string target;  // after symbolic links
  std::string temporary;
  Temporary* registered = nullptr;
  bool replaces = false;

  ~State() { discard(); }

  void discard() {
    if (temporary.empty()) return;
    ::unlink(temporary.c_str());
    forget_temporary(registered);
    temporary.clear();
  }

  void system_write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file.get(), bytes.data(), std::min(bytes.size(), kMostAtOnce));
      if (count < 0) {
        if (is_to_be_tried_again(file.get(), POLLOUT)) continue;
        if (errno == EPIPE) throw ReaderGone();
        fail(name, "write error: ", errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void flush() {
    system_write(buffer);
    buffer.clear();
  }

  void open_temporary(mode_t mode) {
    for (int tries = 0;; ++tries) {
      temporary = directory_of(target) + random_name();
      registered = register_temporary(temporary);
      const int fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
      if (fd >= 0) {
        file = Descriptor(fd, true);
        return;
      }
      const int error = errno;
      forget_temporary(registered);
      temporary.clear();
      if (error != EEXIST || tries == 100) fail(name, "cannot write: ", error);
    }
  }
};

Output::Output(std::unique_ptr<State> state) : state_(std::move(state)) {}
Output::Output(Output&&) noexcept = default;
Output& Output::operator=(Output&&) noexcept = default;
Output::~Output() = default;

Output Output::file(const std::string& path) {
  if (path.empty()) throw Error(ErrorKind::io, "cannot write to a file without a name");
  auto state = std::make_unique<State>();
  state->name = path;
  state->target = resolve_links(path);
  if (const int fd = descriptor_of(state->target); fd >= 0) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) fail(path, "cannot write: ", errno);
    state->file = Descriptor(copy, true);
    state->regular = is_regular(copy);
    return Output(std::move(state));
  }
  struct stat status {};
  const bool exists = ::stat(state->target.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail(path, "cannot write: ", errno);
  if (exists && !S_ISREG(status.st_mode)) {
    // A device or FIFO (opening a directory gives the system's own reason).
    const int fd = open_file(path, O_WRONLY);
    if (fd < 0) fail(path, "cannot write: ", errno);
    state->file = Descriptor(fd, true);
    return Output(std::move(state));
  }
  if (exists && ::access(state->target.c_str(), W_OK) != 0) fail(path, "cannot write: ", errno);
  constexpr mode_t kNewFile = 0666;  // less the umask
  state->replaces = exists;
  state->regular = true;
  state->open_temporary(exists ? 0600 : kNewFile);
  if (exists) {
    // Another owner's file keeps its owner where the system lets us; if not, it keeps at least its
    // mode.
    const int fd = state->file.get();
    mode_t mode = status.st_mode & 07777;
    struct stat made {};
    if (::fstat(fd, &made) != 0) fail(path, "cannot write: ", errno);
    if ((made.st_uid != status.st_uid || made.st_gid != status.st_gid) &&
        ::fchown(fd, status.st_uid, status.st_gid) != 0) {
      mode &= 0777;
      // The group alone may be ours to give; else another group must not get this one's rights.
      if (::fchown(fd, static_cast<uid_t>(-1), status.st_gid) != 0) mode &= 0707;
    }
    if (::fchmod(fd, mode) != 0) fail(path, "cannot write: ", errno);
  }
  return Output(std::move(state));
}

Output Output::standard_output() {
  auto state = std::make_unique<State>();
  state->name = "<stdout>";
  state->file = Descriptor(STDOUT_FILENO, false);
  state->regular = is_regular(STDOUT_FILENO);
  return Output(std::move(state));
}

bool Output::puts_in_place(const std::string& path) {
  if (path.empty()) return false;
  const std::string target = resolve_links(path);
  if (descriptor_of(target) >= 0) return false;
  struct stat status {};
  return ::stat(target.c_str(), &status) == 0 ? S_ISREG(status.st_mode) : errno == ENOENT;
}

Output Output::memory(std::string& text) {
  auto state = std::make_unique<State>();
  state->name = "<memory>";
  state->text = &text;
  state->position = text.size();
  return Output(std::move(state));
}

void Output::write(std::string_view bytes) {
  State& s = *state_;
  s.position += bytes.size();
  if (s.text != nullptr) {
    s.text->append(bytes);
    return;
  }
  if (s.buffer.size() + bytes.size() > kOutputBytes) s.flush();
  if (bytes.size() > kOutputBytes) {
    s.system_write(bytes);
  } else {
    s.buffer.append(bytes);
  }
}

void Output::flush() {
  if (state_->text == nullptr) state_->flush();
}

bool Output::is_file() const { return state_->regular; }

bool Output::can_overwrite() const { return !state_->temporary.empty() || state_->text != nullptr; }

void Output::overwrite(std::uint64_t position, std::string_view bytes) {
  State& s = *state_;
  if (s.text != nullptr) {
    s.text->replace(position, bytes.size(), bytes);
    return;
  }
  s.flush();
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(s.file.get(), bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (count < 0) {
      if (errno == EINTR) continue;
      fail(s.name, "write error: ", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
    position += static_cast<std::uint64_t>(count);
  }
}

std::uint64_t Output::position() const { return state_->position; }

void Output::commit() {
  State& s = *state_;
  if (s.text != nullptr) return;
  s.flush();
  if (s.temporary.empty()) {
    // Of standard output, which stays open, a copy; where none is to be had, the writes have told.
    if (!s.file.owned()) {
      const int fd = ::fcntl(s.file.get(), F_DUPFD_CLOEXEC, 0);
      Descriptor copy(fd, fd >= 0);
      if (copy.close() != 0) fail(s.name, "write error: ", errno);
    }
    if (s.file.close() != 0) fail(s.name, "write error: ", errno);
    return;
  }
  while (s.replaces && ::fsync(s.file.get()) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) break;  // a file system that has none
    if (errno != EINTR) fail(s.name, "write error: ", errno);
  }
  if (s.file.close() != 0) fail(s.name, "write error: ", errno);
  if (::rename(s.temporary.c_str(), s.target.c_str()) != 0) fail(s.name, "cannot write: ", errno);
  forget_temporary(s.registered);
  s.temporary.clear();
}

}  // namespace rectify
