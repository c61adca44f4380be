#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace rectify::app {

Progress::Progress(bool to_stdout)
    : enabled_(::isatty(STDERR_FILENO) != 0 && !(to_stdout && ::isatty(STDOUT_FILENO) != 0)) {}

Progress::~Progress() { hide(); }

void Progress::hide() {
  if (!std::exchange(shown_, false)) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void Progress::show(const Source& source) {
  if (!enabled_ || source.noise() != nullptr) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  shown_ = true;
  const double megabytes = static_cast<double>(source.position()) / 1e6;
  const double rate = megabytes / std::chrono::duration<double>(now - started_).count();
  std::string line = fmt::format("\r{}: {:.0f} MB", escaped(source.name(), 40), megabytes);
  if (const auto size = source.size(); size && *size != 0) {
    line += fmt::format(" of {:.0f} ({:.0f} %)", static_cast<double>(*size) / 1e6,
                        1e8 * megabytes / static_cast<double>(*size));
  }
  fmt::print(stderr, "{}, {:.0f} MB/s\x1b[K", line, rate);
  std::fflush(stderr);
}

}  // namespace rectify::app
