// An open descriptor, and what every call on one has in common: interruptions, and the words of an
// error.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "rectify/error.hpp"

namespace rectify::inline v1 {

inline constexpr std::size_t kMostAtOnce = std::size_t{1}
                                           << 30;  // Linux moves at most 2 GiB a call

/// Throws Error{io} with the system's reason.
[[noreturn]] inline void fail(const std::string& name, const std::string& what, int error,
                              std::string hint = {}) {
  throw Error(ErrorKind::io, what + std::strerror(error), std::move(hint), {name});
}

/// Whether a call that failed is to be made again: it was interrupted, or the descriptor is one
/// that somebody made non-blocking, and has been waited for.
inline bool is_to_be_tried_again(int fd, short events) {
  if (errno == EAGAIN) {
    pollfd wanted{fd, events, 0};
    if (::poll(&wanted, 1, -1) >= 0) return true;
  }
  return errno == EINTR;
}

/// open(2), however often it is interrupted: opening a FIFO waits.
inline int open_file(const std::string& path, int flags, mode_t mode = 0) {
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

}  // namespace rectify::inline v1
