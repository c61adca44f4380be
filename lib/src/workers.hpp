// Threads: every one is started here.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace rectify::inline v1 {

/// The processors this process may run on.
unsigned processors();

/// Gives the calling thread descriptors of its own, where the system has it so: those that are open now,
/// which stay open until it ends, and what it opens from then on, which no other thread has. Threads that
/// share theirs take turns in opening and closing files.
void own_descriptors();

/// Waits for `ready()` without sleeping, for no longer than sleeping and being woken take: to be
/// told of what is next to be there costs more than to look.
template <class Ready>
void wait_awake(Ready ready) {
  constexpr std::chrono::microseconds kMost(30);
  const auto end = std::chrono::steady_clock::now() + kMost;
  while (!ready() && std::chrono::steady_clock::now() < end) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

/// A pipeline in order: `cut(item, land)` fills the next item (false: there is none) and
/// `put(item)` takes finished ones, both in the calling thread and in order; `work(item)` runs on
/// any thread, and the calling one is one of these `threads`: rather than wait for the others it
/// works, too. Items are used again, so that their buffers are. At most 2 * threads are under way.
/// The first exception in the order of the items ends the run and is thrown from here. `only(item)`
/// tells, after cut, that no other follows: then no thread is started.
/// Before cut() waits for its input it is to call land(), which puts the oldest item under way as
/// soon as it is finished, until that says that there is none. What it throws is to pass through.
/// If there is `begin()`, every thread that is started calls it before anything is worked on; the calling
/// thread does not.
template <class Item, class Cut, class Only, class Work, class Put, class Begin = std::nullptr_t>
void ordered(unsigned threads, Cut cut, Only only, Work work, Put put, Begin begin = nullptr) {
  struct Slot {
    Item item;
    std::exception_ptr error;
    std::atomic<bool> done = false;
  };
  Item first;
  const auto none = [] { return false; };
  if (!cut(first, none)) return;
  if (threads <= 1 || only(first)) {
    do {
      work(first);
      put(first);
    } while (!only(first) && cut(first, none));
    return;
  }

  std::mutex mutex;
  std::condition_variable waiting, finished;
  std::deque<Slot*> queue;  // cut, not yet taken by a worker
  std::atomic<std::size_t> queued = 0;
  std::atomic<bool> stop = false;
  const bool awake = threads <= processors();  // else another has work for this one
  /// Works on the first that nobody has taken.
  const auto run = [&](std::unique_lock<std::mutex>& lock) {
    Slot& slot = *queue.front();
    queue.pop_front();
    --queued;
    lock.unlock();
    try {
      work(slot.item);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    slot.done = true;
  };
  constexpr bool kBegins = !std::is_same_v<Begin, std::nullptr_t>;
  std::size_t begun = 0;
  const auto worker = [&] {
    if constexpr (kBegins) {
      begin();
      {
        const std::lock_guard lock(mutex);
        ++begun;
      }
      finished.notify_one();
    }
    for (;;) {
      if (awake) wait_awake([&] { return queued != 0 || stop; });
      std::unique_lock lock(mutex);
      waiting.wait(lock, [&] { return stop || !queue.empty(); });
      if (stop) return;
      run(lock);
      finished.notify_one();
    }
  };
  std::vector<std::thread> pool;
  const auto join = [&] {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    waiting.notify_all();
    for (std::thread& thread : pool) thread.join();
  };

  // `first` is the oldest slot of the ring; the others are made as the run needs them.
  std::deque<std::unique_ptr<Slot>> spare;
  std::deque<std::unique_ptr<Slot>> flying;
  const auto launch = [&](std::unique_ptr<Slot> slot) {
    slot->done = false;
    flying.push_back(std::move(slot));
    {
      const std::lock_guard lock(mutex);
      queue.push_back(flying.back().get());
      ++queued;
    }
    waiting.notify_one();
  };
  bool landed = true;  // the last one that land() was called for
  const auto land = [&] {
    if (flying.empty()) return false;
    landed = false;
    Slot& oldest = *flying.front();
    {
      std::unique_lock lock(mutex);
      while (!oldest.done) {
        if (!queue.empty()) {
          run(lock);
          continue;
        }
        lock.unlock();
        if (awake) wait_awake([&] { return oldest.done.load(); });
        lock.lock();
        finished.wait(lock, [&] { return oldest.done.load(); });
      }
    }
    if (oldest.error) std::rethrow_exception(oldest.error);
    put(oldest.item);
    spare.push_back(std::move(flying.front()));
    flying.pop_front();
    landed = true;
    return true;
  };
  try {
    for (unsigned i = 1; i < threads; ++i) {
      try {
        pool.emplace_back(worker);
      } catch (const std::system_error&) {
        break;  // no more threads to be had: go on with those that run, or with none
      }
    }
    if constexpr (kBegins) {
      std::unique_lock lock(mutex);
      finished.wait(lock, [&] { return begun == pool.size(); });
    }
    auto slot_of_first = std::make_unique<Slot>();
    slot_of_first->item = std::move(first);
    launch(std::move(slot_of_first));
    std::exception_ptr cut_error;
    bool more = true;
    while (more || !flying.empty()) {
      while (more && flying.size() < 2 * static_cast<std::size_t>(threads)) {
        std::unique_ptr<Slot> slot;
        if (spare.empty()) {
          slot = std::make_unique<Slot>();
        } else {
          slot = std::move(spare.back());
          spare.pop_back();
        }
        try {
          more = cut(slot->item, land);
        } catch (...) {
          if (!landed) throw;
          cut_error = std::current_exception();  // what was cut before comes first
          more = false;
        }
        if (!more) break;
        more = !only(slot->item);
        launch(std::move(slot));
        // Cutting takes time: what is ready, or wrong, is not to wait for more of it.
        if (flying.front()->done) break;
      }
      land();
    }
    if (cut_error) std::rethrow_exception(cut_error);
  } catch (...) {
    join();
    throw;
  }
  join();
}

}  // namespace rectify::inline v1
