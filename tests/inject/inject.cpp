// The program with faults: linked with its sources into an executable of its own, in which the
// calls that can fail (allocation, the system's, thread start) are counted and fail at will. The
// program knows nothing of it: the linker's --wrap leads its calls here.
//
//   rectify_inject ARGUMENTS...
//
// runs nothing by itself. Each line on standard input, "KIND N HOW", is a run of the program with
// those arguments, in a child process, standard input, output and error being the files in, out and
// err of the folder RECTIFY_INJECT (in arrives by a pipe). HOW is
//   once   the N-th call of the kind fails
//   on     it and all later ones
//   short  from the N-th on, at most one byte is moved at a time
//   again  from the N-th on, each is first interrupted (EINTR), then done
//   later  from the N-th on, each is first told that there is nothing yet (EAGAIN), then done
// and N = 0 makes none fail; HOW = leak loses memory, to see whether that is seen. The answer is a
// line: the wait status, then the calls of each kind, in the order of `kinds`; "?" instead of a
// KIND gives their names. Descriptors that the program leaves open make it end with status 98.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "options.hpp"

namespace {

enum Kind {
  kParse,  // allocations up to the end of the command line's parsing, alike for all commands
  kNew,    // and after it
  kThread,
  kRead,
  kPread,
  kWrite,
  kPwrite,
  kOpen,
  kClose,
  kFstat,
  kStat,
  kLseek,
  kAccess,
  kFcntl,
  kReadlink,
  kUnlink,
  kRename,
  kLink,
  kFsync,
  kFchmod,
  kFchown,
  kGetrandom,
  kAffinity,
  kPipe,
  kPoll,
  kSpawn,
  kWaitpid,
  kIoctl,
  kKinds
};

struct Row {
  const char* name;
  int error;  // what a failed call says
};
constexpr Row kinds[kKinds] = {
    {"parse", ENOMEM},  {"new", ENOMEM},    {"thread", EAGAIN},   {"read", EIO},
    {"pread", EIO},     {"write", ENOSPC},  {"pwrite", EIO},      {"open", EMFILE},
    {"close", EIO},     {"fstat", EIO},     {"stat", EACCES},     {"lseek", EINVAL},
    {"access", EACCES}, {"fcntl", EMFILE},  {"readlink", EACCES}, {"unlink", EACCES},
    {"rename", EACCES}, {"link", EACCES},   {"fsync", EIO},       {"fchmod", EPERM},
    {"fchown", EPERM},  {"getrandom", EIO}, {"affinity", ENOSYS}, {"pipe", EMFILE},
    {"poll", ENOMEM},   {"spawn", EAGAIN},  {"waitpid", ECHILD},  {"ioctl", ENOTTY},
};

enum class How { once, on, briefly, again, later };

std::atomic<long>* counts = nullptr;  // of each kind, in memory that the child shares
bool armed = false;
Kind memory = kParse;
Kind wanted = kKinds;
long at = 0;
How how = How::once;
thread_local bool interrupted = false;

/// Counts a call. Whether it has to fail, errno set.
bool fails(Kind kind) {
  if (!armed) return false;
  const long number = ++counts[kind];
  if (kind != wanted || at == 0 || number < at) return false;
  switch (how) {
    case How::once:
      if (number != at) return false;
      break;
    case How::on:
      break;
    case How::briefly:
      return false;
    case How::again:
    case How::later:
      interrupted = !interrupted;
      if (!interrupted) return false;
      errno = how == How::again ? EINTR : EAGAIN;
      return true;
  }
  errno = kinds[kind].error;
  return true;
}

std::size_t moved(Kind kind, std::size_t size) {
  const bool brief =
      armed && how == How::briefly && kind == wanted && at != 0 && counts[kind] >= at && size > 1;
  return brief ? 1 : size;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails(memory)) throw std::bad_alloc();
  void* result = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    result = std::malloc(size == 0 ? 1 : size);
  } else if (::posix_memalign(&result, alignment, size) != 0) {
    result = nullptr;
  }
  if (result == nullptr) throw std::bad_alloc();
  return result;
}

}  // namespace

// ---- allocation --------------------------------------------------------------------------------
// The other forms of the standard library call these.

void* operator new(std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory_) noexcept { std::free(memory_); }
void operator delete(void* memory_, std::size_t) noexcept { std::free(memory_); }
void operator delete(void* memory_, std::align_val_t) noexcept { std::free(memory_); }
void operator delete(void* memory_, std::size_t, std::align_val_t) noexcept { std::free(memory_); }

// ---- the system's ------------------------------------------------------------------------------

extern "C" {

// A function of one result type whose failure is -1.
#define RECTIFY_WRAP(kind, name, parameters, arguments) \
  int __real_##name parameters;                         \
  int __wrap_##name parameters;                         \
  int __wrap_##name parameters { return fails(kind) ? -1 : __real_##name arguments; }

RECTIFY_WRAP(kFstat, fstat, (int fd, struct stat* status), (fd, status))
RECTIFY_WRAP(kStat, stat, (const char* path, struct stat* status), (path, status))
RECTIFY_WRAP(kAccess, access, (const char* path, int mode), (path, mode))
RECTIFY_WRAP(kUnlink, unlink, (const char* path), (path))
RECTIFY_WRAP(kRename, rename, (const char* from, const char* to), (from, to))
RECTIFY_WRAP(kLink, linkat,
             (int from_folder, const char* from, int to_folder, const char* to, int flags),
             (from_folder, from, to_folder, to, flags))
RECTIFY_WRAP(kFsync, fsync, (int fd), (fd))
RECTIFY_WRAP(kFchmod, fchmod, (int fd, mode_t mode), (fd, mode))
RECTIFY_WRAP(kFchown, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
RECTIFY_WRAP(kAffinity, sched_getaffinity, (pid_t pid, std::size_t size, cpu_set_t* set),
             (pid, size, set))
RECTIFY_WRAP(kPipe, pipe2, (int* ends, int flags), (ends, flags))
RECTIFY_WRAP(kPoll, poll, (pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
RECTIFY_WRAP(kWaitpid, waitpid, (pid_t pid, int* status, int options), (pid, status, options))
#undef RECTIFY_WRAP

// As on Linux, a close that fails has closed all the same.
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
  const bool failed = fails(kClose);
  const int error = errno;
  const int result = __real_close(fd);
  if (!failed) return result;
  interrupted = false;
  errno = error;
  return -1;
}

off_t __real_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence);
off_t __wrap_lseek(int fd, off_t offset, int whence) {
  return fails(kLseek) ? -1 : __real_lseek(fd, offset, whence);
}

ssize_t __real_readlink(const char* path, char* link, std::size_t size);
ssize_t __wrap_readlink(const char* path, char* link, std::size_t size);
ssize_t __wrap_readlink(const char* path, char* link, std::size_t size) {
  return fails(kReadlink) ? -1 : __real_readlink(path, link, size);
}

ssize_t __real_getrandom(void* to, std::size_t size, unsigned flags);
ssize_t __wrap_getrandom(void* to, std::size_t size, unsigned flags);
ssize_t __wrap_getrandom(void* to, std::size_t size, unsigned flags) {
  return fails(kGetrandom) ? -1 : __real_getrandom(to, size, flags);
}

ssize_t __real_read(int fd, void* to, std::size_t size);
ssize_t __wrap_read(int fd, void* to, std::size_t size);
ssize_t __wrap_read(int fd, void* to, std::size_t size) {
  return fails(kRead) ? -1 : __real_read(fd, to, moved(kRead, size));
}

ssize_t __real_pread(int fd, void* to, std::size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void* to, std::size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void* to, std::size_t size, off_t offset) {
  return fails(kPread) ? -1 : __real_pread(fd, to, moved(kPread, size), offset);
}

ssize_t __real_write(int fd, const void* from, std::size_t size);
ssize_t __wrap_write(int fd, const void* from, std::size_t size);
ssize_t __wrap_write(int fd, const void* from, std::size_t size) {
  return fails(kWrite) ? -1 : __real_write(fd, from, moved(kWrite, size));
}

ssize_t __real_writev(int fd, const iovec* parts, int count);
ssize_t __wrap_writev(int fd, const iovec* parts, int count);
ssize_t __wrap_writev(int fd, const iovec* parts, int count) {
  if (fails(kWrite)) return -1;
  const std::size_t size = moved(kWrite, 2);
  return size == 1 ? __real_write(fd, parts[0].iov_base, 1) : __real_writev(fd, parts, count);
}

ssize_t __real_pwrite(int fd, const void* from, std::size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void* from, std::size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void* from, std::size_t size, off_t offset) {
  return fails(kPwrite) ? -1 : __real_pwrite(fd, from, moved(kPwrite, size), offset);
}

int __real_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return fails(kOpen) ? -1 : __real_open(path, flags, mode);
}

// The fortified open() of two arguments.
int __real___open_2(const char* path, int flags);
int __wrap___open_2(const char* path, int flags);
int __wrap___open_2(const char* path, int flags) {
  return fails(kOpen) ? -1 : __real___open_2(path, flags);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  const long argument = va_arg(rest, long);  // an int or nothing, for what the program asks
  va_end(rest);
  return fails(kFcntl) ? -1 : __real_fcntl(fd, command, argument);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return fails(kIoctl) ? -1 : __real_ioctl(fd, request, argument);
}

int __real_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                        const posix_spawnattr_t* attributes, char* const* arguments,
                        char* const* environment);
int __wrap_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                        const posix_spawnattr_t* attributes, char* const* arguments,
                        char* const* environment);
int __wrap_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                        const posix_spawnattr_t* attributes, char* const* arguments,
                        char* const* environment) {
  if (fails(kSpawn)) return kinds[kSpawn].error;
  return __real_posix_spawnp(pid, file, actions, attributes, arguments, environment);
}

// std::thread's, whose standard library comes linked in so that --wrap sees this call of it.
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument) {
  if (fails(kThread)) return kinds[kThread].error;
  return __real_pthread_create(thread, attributes, start, argument);
}

}  // extern "C"

// ---- runs --------------------------------------------------------------------------------------

rectify::app::Options real_parse_options(int argc, const char* const* argv) __asm__(
    "__real__ZN7rectify3app13parse_optionsEiPKPKc");
rectify::app::Options wrapped_parse_options(int argc, const char* const* argv) __asm__(
    "__wrap__ZN7rectify3app13parse_optionsEiPKPKc");
rectify::app::Options wrapped_parse_options(int argc, const char* const* argv) {
  rectify::app::Options options = real_parse_options(argc, argv);
  memory = kNew;
  return options;
}

namespace {

void replace(int fd, int by) {
  if (by < 0 || ::dup2(by, fd) < 0) ::_exit(99);
  if (by != fd) __real_close(by);
}

/// Standard input from a pipe that holds the file's bytes, at most as many as a pipe takes.
int piped(const std::string& path) {
  const int file = __real_open(path.c_str(), O_RDONLY);
  int ends[2];
  char bytes[60000];
  const ssize_t size = file < 0 ? -1 : __real_read(file, bytes, sizeof bytes);
  if (size < 0 || __real_pipe2(ends, 0) != 0 ||
      __real_write(ends[1], bytes, static_cast<std::size_t>(size)) != size) {
    return -1;
  }
  __real_close(file);
  __real_close(ends[1]);
  return ends[0];
}

void prepare_child() {
  const std::string folder = std::getenv("RECTIFY_INJECT");
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  replace(STDIN_FILENO, piped(folder + "/in"));
  replace(STDOUT_FILENO, __real_open((folder + "/out").c_str(), kFlags, 0666));
  replace(STDERR_FILENO, __real_open((folder + "/err").c_str(), kFlags, 0666));
  const char* const patience = std::getenv("RECTIFY_PATIENCE");
  ::alarm(static_cast<unsigned>(20 *
                                (patience != nullptr ? std::atof(patience) : 1)));  // nothing hangs
}

/// The open descriptors, a bit each.
std::uint64_t open_descriptors() {
  std::uint64_t open = 0;
  for (int fd = 0; fd < 64; ++fd) {
    if (__real_fcntl(fd, F_GETFD) != -1) open |= std::uint64_t{1} << fd;
  }
  return open;
}

[[gnu::noinline]] void lose_memory() {
  for (int i = 0; i < 16; ++i) std::memset(std::malloc(100), 1, 100);
}

bool set_fault(const char* kind, const char* word) {
  for (int i = 0; i < kKinds; ++i) {
    if (std::strcmp(kinds[i].name, kind) == 0) wanted = static_cast<Kind>(i);
  }
  how = std::strcmp(word, "on") == 0      ? How::on
        : std::strcmp(word, "short") == 0 ? How::briefly
        : std::strcmp(word, "again") == 0 ? How::again
        : std::strcmp(word, "later") == 0 ? How::later
                                          : How::once;
  return wanted != kKinds;
}

}  // namespace

extern "C" [[gnu::weak]] int __lsan_do_recoverable_leak_check();  // where it is linked in
extern "C" int __real_main(int argc, char** argv);
extern "C" int __wrap_main(int argc, char** argv);
extern "C" int __wrap_main(int argc, char** argv) {
  void* const shared = ::mmap(nullptr, kKinds * sizeof *counts, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || std::getenv("RECTIFY_INJECT") == nullptr) return 99;
  counts = new (shared) std::atomic<long>[kKinds]();
  std::setvbuf(stdin, nullptr, _IONBF, 0);
  // Its megabytes of memory are touched here, once, and not by each child when it ends.
  if (__lsan_do_recoverable_leak_check != nullptr) __lsan_do_recoverable_leak_check();

  char kind[32], word[32];
  while (std::scanf("%31s", kind) == 1) {
    if (std::strcmp(kind, "?") == 0) {
      for (const Row& row : kinds) std::printf("%s ", row.name);
    } else {
      if (std::scanf("%ld %31s", &at, word) != 2) ::_exit(99);
      for (int i = 0; i < kKinds; ++i) counts[i] = 0;
      const pid_t child = ::fork();
      if (child == 0) {
        if (!set_fault(kind, word)) ::_exit(99);
        prepare_child();
        if (std::strcmp(word, "leak") == 0) lose_memory();
        const std::uint64_t before = open_descriptors();
        armed = true;
        const int status = __real_main(argc, argv);
        armed = false;
        return (open_descriptors() & ~before) == 0 ? status : 98;
      }
      int status = 0;
      if (child < 0 || __real_waitpid(child, &status, 0) != child) ::_exit(99);
      std::printf("%d ", status);
      for (int i = 0; i < kKinds; ++i) std::printf("%ld ", counts[i].load());
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  ::_exit(0);
}
