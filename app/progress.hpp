// A line on standard error that tells how far a long run has come.
#pragma once

#include <chrono>
#include <cstdint>

#include "rectify/rectify.hpp"

namespace rectify::app {

/// Shown only if standard error is a terminal and results do not go there meanwhile, after two
/// seconds, five times a second; erased at the end.
class Progress {
 public:
  /// `to_stdout`: whether results go to standard output as they come.
  explicit Progress(bool to_stdout);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const Source& source);
  /// Erases the line, for others to be written there.
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point next_ = started_ + std::chrono::seconds(2);
};

}  // namespace rectify::app
