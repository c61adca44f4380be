// Where bytes go to: files that appear whole, what is written to directly, memory. With source.cpp
// the only file that opens, and the only one that writes or renames.

#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "descriptor.hpp"
#include "rectify/io.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kOutputBytes = std::size_t{64} << 10;  // small writes are gathered up to this

/// Of `size` bytes that end at a position in a file, how many had better be written with the next:
/// the system keeps a file by pages, many together where it is written so, and what ends within them
/// costs twice.
std::size_t beyond_blocks(std::uint64_t end, std::size_t size) {
  constexpr std::size_t kBlockBytes = std::size_t{128} << 10;
  constexpr std::size_t kPageBytes = 4096;
  constexpr std::size_t kFewOf = 16;  // these are copied once more
  const std::size_t beyond = end % kBlockBytes;
  return beyond <= size / kFewOf ? beyond : std::min<std::size_t>(size, end % kPageBytes);
}

/// Names of temporary files that a signal handler has to remove. A slot is taken before the file
/// exists and given back after it is gone.
struct Temporary {
  std::atomic<bool> taken{false};
  std::atomic<bool> armed{false};
  char path[PATH_MAX]{};  // all zeros: no constructor need run, nor touch the pages, at each start
};
constinit Temporary temporaries[8];

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
int descriptor_of(const std::string& name) {
  std::filesystem::path place = name;
  std::error_code unknown;  // a folder that is gone: then it is none of these
  if (place.is_relative()) place = std::filesystem::current_path(unknown) / place;
  const std::string path = place.lexically_normal().string();
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  const std::string own = "/proc/" + std::to_string(::getpid()) + "/fd/";
  for (const std::string_view folder :
       {std::string_view("/dev/fd/"), std::string_view("/proc/self/fd/"),
        std::string_view("/proc/thread-self/fd/"), std::string_view(own)}) {
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

/// Gives an open file the access control list of another, or takes away its own if that has none. Where
/// it cannot, the bits of the group, which are a list's mask, must not give away more than they did: false.
bool keeps_acl(const std::string& of, int fd) {
  constexpr const char* kAcl = "system.posix_acl_access";
  char list[4096];
  const ssize_t size = ::getxattr(of.c_str(), kAcl, list, sizeof list);
  if (size < 0 && errno == ERANGE) return false;
  if (size > 0) return ::fsetxattr(fd, kAcl, list, static_cast<std::size_t>(size), 0) == 0;
  // Nor one that it has of its folder, if it has one: where there are no such lists, nothing is lost.
  return ::fremovexattr(fd, kAcl) == 0 || ::fgetxattr(fd, kAcl, nullptr, 0) <= 0;
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

struct Output::State {
  std::string name;
  Descriptor file;
  std::string* text = nullptr;  // memory instead of a file
  bool regular = false;         // a regular file
  std::string buffer;
  std::uint64_t position = 0;

  // A file that commit() puts in place:
  bool in_place = false;
  std::string target;     // after symbolic links
  std::string temporary;  // its name until then; empty: it has none
  Temporary* registered = nullptr;
  bool replaces = false;

  ~State() { discard(); }

  void discard() {
    if (temporary.empty()) return;
    ::unlink(temporary.c_str());
    forget_temporary(registered);
    temporary.clear();
  }

  /// Writes both, one behind the other; the first is not long.
  void system_write(std::string_view first, std::string_view second = {}) const {
    while (!first.empty() || !second.empty()) {
      const std::string_view one = first.empty() ? second : first;
      const std::size_t size = std::min(second.size(), kMostAtOnce);
      const iovec parts[] = {{const_cast<char*>(first.data()), first.size()},
                             {const_cast<char*>(second.data()), size}};
      const ssize_t count = first.empty() || second.empty()
                                ? ::write(file.get(), one.data(), std::min(one.size(), kMostAtOnce))
                                : ::writev(file.get(), parts, 2);
      if (count < 0) {
        if (is_to_be_tried_again(file.get(), POLLOUT)) continue;
        if (errno == EPIPE) throw ReaderGone();
        fail(name, "write error: ", errno);
      }
      const auto written = static_cast<std::size_t>(count);
      second.remove_prefix(written - std::min(written, first.size()));
      first.remove_prefix(std::min(written, first.size()));
    }
  }

  void flush() {
    system_write(buffer);
    buffer.clear();
  }

  /// What the system calls the open file, by which one without a name can be given one.
  std::string descriptor_name() const { return "/proc/self/fd/" + std::to_string(file.get()); }

  /// Opens a file without a name, of which nothing is left if this process is killed. Whether there
  /// are such files here; whatever else is wrong will be wrong with a named one, too.
  bool open_nameless(mode_t mode) {
    const std::string folder = directory_of(target);
    const int fd = open_file(folder.empty() ? "." : folder, O_RDWR | O_TMPFILE, mode);
    if (fd < 0) return false;
    file = Descriptor(fd, true);
    if (::access(descriptor_name().c_str(), F_OK) == 0) return true;
    file = Descriptor();
    return false;
  }

  /// What make(path) returns for a new name beside the target; negative: it has failed.
  template <class Make>
  int with_new_name(Make make) {
    for (int tries = 0;; ++tries) {
      temporary = directory_of(target) + random_name();
      registered = register_temporary(temporary);
      const int made = make(temporary);
      if (made >= 0) return made;
      const int error = errno;
      forget_temporary(registered);
      temporary.clear();
      if (error != EEXIST || tries == 100) fail(name, "cannot write: ", error);
    }
  }

  void open_temporary(mode_t mode) {
    in_place = true;
    if (open_nameless(mode)) return;
    const int fd = with_new_name(
        [&](const std::string& path) { return open_file(path, O_RDWR | O_CREAT | O_EXCL, mode); });
    file = Descriptor(fd, true);
  }

  /// Gives the file the name that rename() takes, which could replace no file by itself.
  void give_name() {
    if (!temporary.empty()) return;
    const std::string now = descriptor_name();
    with_new_name([&](const std::string& path) {
      return ::linkat(AT_FDCWD, now.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
    });
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
    if (!keeps_acl(state->target, fd)) mode &= 0707;
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
  if (s.buffer.size() + bytes.size() <= kOutputBytes) {
    s.buffer.append(bytes);
    return;
  }
  const std::size_t rest = s.regular ? beyond_blocks(s.position, bytes.size()) : 0;
  s.system_write(s.buffer, bytes.substr(0, bytes.size() - rest));
  s.buffer.assign(bytes.substr(bytes.size() - rest));
}

void Output::flush() {
  if (state_->text == nullptr) state_->flush();
}

bool Output::is_file() const { return state_->regular; }

bool Output::can_overwrite() const { return state_->in_place || state_->text != nullptr; }

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

void Output::insert(std::uint64_t position, std::uint64_t size) {
  State& s = *state_;
  if (s.text != nullptr) {
    s.text->insert(position, size, ' ');
    s.position += size;
    return;
  }
  s.flush();
  std::string block(std::size_t{1} << 20, '\0');
  for (std::uint64_t end = s.position;
       end != position;) {  // from the end, as it may overlap itself
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end - position));
    end -= count;
    for (std::size_t got = 0; got < count;) {
      const ssize_t there =
          ::pread(s.file.get(), block.data() + got, count - got, static_cast<off_t>(end + got));
      if (there < 0 && errno == EINTR) continue;
      if (there <= 0) fail(s.name, "cannot read back: ", there < 0 ? errno : EIO);
      got += static_cast<std::size_t>(there);
    }
    overwrite(end + size, std::string_view(block).substr(0, count));
  }
  s.position += size;
  if (::lseek(s.file.get(), static_cast<off_t>(s.position), SEEK_SET) < 0)
    fail(s.name, "write error: ", errno);
}

std::uint64_t Output::position() const { return state_->position; }

void Output::commit() {
  State& s = *state_;
  if (s.text != nullptr) return;
  s.flush();
  if (!s.in_place) {
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
  s.give_name();
  if (s.file.close() != 0) fail(s.name, "write error: ", errno);
  if (::rename(s.temporary.c_str(), s.target.c_str()) != 0) fail(s.name, "cannot write: ", errno);
  forget_temporary(s.registered);
  s.temporary.clear();
}

}  // namespace rectify::inline v1
