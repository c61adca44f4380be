// MT19937 by vectors: no round of the recurrence needs a word that one of the 227 before it makes.

#include <algorithm>

#include "kernels/target.hpp"
#include "rectify/random.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kN = 624;
constexpr std::size_t kM = 397;

RECTIFY_INLINE std::uint32_t twisted(std::uint32_t high, std::uint32_t low) {
  const std::uint32_t y = (high & 0x80000000u) | (low & 0x7FFFFFFFu);
  return (y >> 1) ^ ((0u - (low & 1u)) & 0x9908B0DFu);
}

RECTIFY_INLINE std::uint32_t tempered(std::uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680u;
  y ^= (y << 15) & 0xEFC60000u;
  return y ^ (y >> 18);
}

/// The next state. How far apart what a round reads and writes is does not change, and is either
/// that of neighbours, read before they are written, or 227 and more, so that compilers see that
/// rounds may go side by side.
struct Twist {
  RECTIFY_INLINE static void run(std::uint32_t* state) {
    for (std::size_t i = 0; i < kN - kM; ++i)
      state[i] = state[i + kM] ^ twisted(state[i], state[i + 1]);
    for (std::size_t begin = kN - kM; begin < kN - 1; begin += kN - kM) {
      const std::size_t end = std::min(begin + (kN - kM), kN - 1);
      for (std::size_t i = begin; i < end; ++i)
        state[i] = state[i - (kN - kM)] ^ twisted(state[i], state[i + 1]);
    }
    state[kN - 1] = state[kM - 1] ^ twisted(state[kN - 1], state[0]);
  }
};

struct Temper {
  RECTIFY_INLINE static void run(const std::uint32_t* from, std::uint32_t* to, std::size_t n) {
    RECTIFY_INDEPENDENT
    for (std::size_t i = 0; i < n; ++i) to[i] = tempered(from[i]);
  }
};

}  // namespace

MersenneTwister::MersenneTwister(std::uint32_t seed) {
  static_assert(kWords == kN);
  state_[0] = seed;
  for (std::uint32_t i = 1; i < kN; ++i)
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
}

void MersenneTwister::twist() {
  run_on_target<Twist>(state_.data());
  next_ = 0;
}

std::uint32_t MersenneTwister::operator()() {
  if (next_ == kWords) twist();
  return tempered(state_[next_++]);
}

void MersenneTwister::fill(std::span<std::uint32_t> words) {
  while (!words.empty()) {
    if (next_ == kWords) twist();
    const std::size_t count = std::min(words.size(), kWords - next_);
    run_on_target<Temper>(static_cast<const std::uint32_t*>(state_.data() + next_), words.data(),
                          count);
    next_ += count;
    words = words.subspan(count);
  }
}

void MersenneTwister::discard(std::uint64_t count) {
  for (;;) {
    const std::uint64_t step = std::min<std::uint64_t>(count, kWords - next_);
    next_ += static_cast<std::size_t>(step);
    count -= step;
    if (count == 0) return;
    twist();
  }
}

}  // namespace rectify::inline v1
