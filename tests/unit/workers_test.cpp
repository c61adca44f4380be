#include "workers.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace rectify {
namespace {

struct Item {
  int number = -1;
  int result = 0;
};

/// Uneven work, so that items overtake one another.
void dawdle(int number) {
  std::this_thread::sleep_for(std::chrono::microseconds(number * 7919 % 5 * 100));
}

/// What a run of `count` items has put, in order; an exception's text ends it.
std::vector<std::string> story(unsigned threads, int count, int bad_work = -1, int bad_cut = -1,
                               int bad_put = -1) {
  std::vector<std::string> told;
  int next = 0;
  try {
    ordered<Item>(
        threads,
        [&](Item& item, const auto&) {
          if (next == bad_cut) throw std::runtime_error("cut " + std::to_string(next));
          if (next == count) return false;
          item.number = next++;
          return true;
        },
        [](const Item&) { return false; },
        [&](Item& item) {
          dawdle(item.number);
          if (bad_work >= 0 && item.number >= bad_work) {
            throw std::runtime_error("work " + std::to_string(item.number));
          }
          item.result = item.number * item.number;
        },
        [&](Item& item) {
          if (item.number == bad_put) throw std::runtime_error("put " + std::to_string(bad_put));
          told.push_back(std::to_string(item.result));
        });
  } catch (const std::runtime_error& error) {
    told.emplace_back(error.what());
  }
  return told;
}

std::vector<std::string> squares(int count, const std::string& end = "") {
  std::vector<std::string> told;
  for (int i = 0; i < count; ++i) told.push_back(std::to_string(i * i));
  if (!end.empty()) told.push_back(end);
  return told;
}

TEST_CASE("items are put in the order in which they were cut") {
  for (const unsigned threads : {0u, 1u, 2u, 3u, 8u, 33u}) {
    for (const int count : {0, 1, 2, 3, 100}) {
      CAPTURE(threads);
      CAPTURE(count);
      CHECK(story(threads, count) == squares(count));
    }
  }
}

TEST_CASE("the first failure in the order of the items is the one that is told") {
  for (const unsigned threads : {1u, 2u, 4u}) {
    CAPTURE(threads);
    CHECK(story(threads, 50, 0) == squares(0, "work 0"));
    CHECK(story(threads, 50, 17) == squares(17, "work 17"));
    CHECK(story(threads, 50, -1, 0) == squares(0, "cut 0"));
    CHECK(story(threads, 50, -1, 1) == squares(1, "cut 1"));
    CHECK(story(threads, 50, -1, 20) == squares(20, "cut 20"));
    CHECK(story(threads, 50, 18, 20) == squares(18, "work 18"));
    CHECK(story(threads, 50, -1, -1, 9) == squares(9, "put 9"));
    CHECK(story(threads, 50, 12, 14, 9) == squares(9, "put 9"));
    CHECK(story(threads, 50, 9, -1, 9) == squares(9, "work 9"));
  }
}

TEST_CASE("before cut() waits, all that it has cut is put, and no item is lost") {
  for (const unsigned threads : {1u, 2u, 4u}) {
    for (const int every : {1, 2, 5}) {
      CAPTURE(threads);
      CAPTURE(every);
      int cuts = 0;
      int puts = 0;
      ordered<Item>(
          threads,
          [&](Item& item, const auto& land) {
            if (cuts % every == 0) {
              while (land()) {
              }
              CHECK(puts == cuts);
            }
            item.number = cuts++;
            dawdle(item.number);  // in vain, or for so long that the item before it is done
            return cuts <= 100;
          },
          [](const Item&) { return false; }, [](Item& item) { dawdle(item.number + 1); },
          [&](Item& item) { CHECK(item.number == puts++); });
      CHECK(cuts == 101);
      CHECK(puts == 100);
    }
  }
}

TEST_CASE("what is wrong with items is told before cut() waits, and before what cut() meets") {
  for (const unsigned threads : {1u, 2u, 4u}) {
    for (const bool bad_put : {false, true}) {
      CAPTURE(threads);
      CAPTURE(bad_put);
      int next = 0;
      int waits = 0;
      std::vector<int> told;
      const auto fail = [](const Item& item) {
        if (item.number == 7) throw std::runtime_error("item 7");
      };
      const auto run = [&] {
        ordered<Item>(
            threads,
            [&](Item& item, const auto& land) {
              if (next == 9) throw std::runtime_error("cut 9");
              if (next == 8) {
                while (land()) {
                }
                ++waits;
              }
              item.number = next++;
              return true;
            },
            [](const Item&) { return false; },
            [&](Item& item) {
              if (!bad_put) fail(item);
            },
            [&](Item& item) {
              if (bad_put) fail(item);
              told.push_back(item.number);
            });
      };
      CHECK_THROWS_WITH(run(), "item 7");
      CHECK(waits == 0);
      CHECK(told == std::vector<int>{0, 1, 2, 3, 4, 5, 6});
    }
  }
}

TEST_CASE("an only item is worked on without another thread, and nothing is cut behind it") {
  int cuts = 0;
  std::thread::id worker;
  ordered<Item>(
      8, [&](Item&, const auto&) { return ++cuts == 1; }, [](const Item&) { return true; },
      [&](Item&) { worker = std::this_thread::get_id(); }, [](Item&) {});
  CHECK(cuts == 1);
  CHECK(worker == std::this_thread::get_id());
}

TEST_CASE("nothing is cut behind the last of many") {
  for (const unsigned threads : {1u, 2u, 4u}) {
    CAPTURE(threads);
    int cuts = 0;
    int puts = 0;
    ordered<Item>(
        threads,
        [&](Item& item, const auto&) {
          item.number = cuts++;
          return true;
        },
        [](const Item& item) { return item.number == 9; }, [](Item&) {},
        [&](Item& item) { CHECK(item.number == puts++); });
    CHECK(cuts == 10);
    CHECK(puts == 10);
  }
}

TEST_CASE("cutting and putting stay in the calling thread, and few items are under way") {
  const std::thread::id caller = std::this_thread::get_id();
  constexpr unsigned kThreads = 3;
  std::mutex mutex;
  std::set<std::thread::id> workers;
  std::set<const Item*> items;
  int cuts = 0;
  int puts = 0;
  int most = 0;
  ordered<Item>(
      kThreads,
      [&](Item& item, const auto&) {
        CHECK(std::this_thread::get_id() == caller);
        item.number = cuts++;
        most = std::max(most, cuts - puts);
        return cuts <= 200;
      },
      [](const Item&) { return false; },
      [&](Item& item) {
        dawdle(item.number);
        const std::lock_guard lock(mutex);
        workers.insert(std::this_thread::get_id());
        items.insert(&item);
      },
      [&](Item&) {
        CHECK(std::this_thread::get_id() == caller);
        ++puts;
      });
  CHECK(puts == 200);
  CHECK(most <= 2 * static_cast<int>(kThreads) + 1);  // one cut may find the end
  CHECK(items.size() <= 2 * kThreads);
  CHECK(workers.size() <= kThreads);
}

TEST_CASE("every thread that is started begins before anything is worked on") {
  const std::thread::id caller = std::this_thread::get_id();
  for (const unsigned threads : {1u, 2u, 7u}) {
    CAPTURE(threads);
    std::atomic<unsigned> begun = 0;
    int next = 0;
    ordered<Item>(
        threads, [&](Item&, const auto&) { return next++ < 50; }, [](const Item&) { return false; },
        [&](Item&) { CHECK(begun == threads - 1); }, [](Item&) {},
        [&] {
          CHECK(std::this_thread::get_id() != caller);
          dawdle(static_cast<int>(begun) + 1);
          ++begun;
        });
  }
}

TEST_CASE("there is a processor to work on") { CHECK(processors() >= 1); }

}  // namespace
}  // namespace rectify
