// compare(): the tensors of inputs through the pump into tallies.

#include "rectify/compare.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare/tally.hpp"
#include "pump.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

using Failed = std::function<void(const Error&)>;

/// The sink of compare().
class Count {
 public:
  struct Work {
    std::vector<Tally> tallies;  // of whole tensors

    void clear() { tallies.clear(); }
  };

  Count(const CompareOptions& options, const RunOptions& run, const Failed& failed)
      : options_(options), note_(run.note), failed_(failed) {}

  Wanted wanted() const { return {.needs_floating = true, .rows = kRows}; }
  const PrintOptions* edges() const { return nullptr; }

  void check(const Result& result) const {
    if (result.passed) return;
    const Tensor& tensor = result.columns[0].tensor;
    for (const Module& mode : options_.modes)
      detail::check_mode(mode, tensor.dtype(), tensor.shape());
    if (!result.of_part || !needs_whole(result)) return;
    throw Error(ErrorKind::usage,
                "a part has not all rows, which an operation along the first dimension takes");
  }

  bool needs_whole(const Result& result) const {
    return !result.passed && rectify::needs_whole(options_, result.columns[0].tensor.shape());
  }

  /// Slabs are added to whichever tally of their tensor no other thread is adding to: sums are
  /// exact, so it does not show.
  void work(Result& result, std::size_t number, Work& work) const {
    const Tensor& slab = result.columns[0].tensor;
    if (result.passed) {
      work.tallies.emplace_back();
      return;
    }
    if (result.begins && result.ends) {
      work.tallies.emplace_back(options_, slab.dtype(), slab.shape()).add(slab);
      return;
    }
    // Only where rows are units does their order matter.
    work.tallies.emplace_back();
    if (in_order(slab)) return;
    std::optional<Tally> tally;
    {
      const std::lock_guard lock(mutex_);
      std::vector<Tally>& tallies = idle_[number];
      if (!tallies.empty()) {
        tally = std::move(tallies.back());
        tallies.pop_back();
      }
    }
    if (!tally) tally.emplace(options_, slab.dtype(), slab.shape());
    tally->add(slab);
    const std::lock_guard lock(mutex_);
    idle_[number].push_back(std::move(*tally));
  }

  void put(Result& result, std::size_t number, Work& work, std::size_t i) {
    const Tensor& slab = result.columns[0].tensor;
    const std::string source = result.name.empty() ? source_ : source_ + ":" + result.name;
    if (result.passed) {
      if (result.begins && note_) {
        note_(Error(
            ErrorKind::unsupported,
            std::string(name(slab.dtype())) + " is not floating: it is left out",
            option("keys", in_quotes(result.name)) + " " + option("dtype", "float32") + " takes it",
            {source}));
      }
      return;
    }
    if (result.begins) inputs_.push_back(number >> 32);
    if (!are_columns(slab)) result.names.clear();
    if (result.begins && result.ends) {
      compared.push_back({source, std::move(result.names), std::move(work.tallies[i])});
      return;
    }
    if (result.begins) compared.push_back({source, std::move(result.names), Tally()});
    Tally& tally = compared.back().tally;
    if (in_order(slab)) {
      if (result.begins) tally = Tally(options_, slab.dtype(), slab.shape());
      tally.add(slab);
    } else if (result.ends) {
      // All slabs before this one have been added: they have passed here.
      const std::lock_guard lock(mutex_);
      const auto found = idle_.find(number);
      tally = std::move(found->second.front());
      for (std::size_t k = 1; k < found->second.size(); ++k) tally.merge(found->second[k]);
      idle_.erase(found);
    }
  }

  void begin(const std::string& name) { source_ = name; }
  void before_waiting() {}
  bool goes_on(std::size_t index, const Error& error) {
    if (!failed_ || error.kind() == ErrorKind::usage) return false;
    for (; !inputs_.empty() && inputs_.back() == index; inputs_.pop_back()) compared.pop_back();
    {
      const std::lock_guard lock(mutex_);
      idle_.erase(idle_.lower_bound(index << 32), idle_.lower_bound((index + 1) << 32));
    }
    failed_(error);
    return true;
  }

  std::vector<Compared> compared;

 private:
  /// A slab of many rows is added faster than the same rows in small slabs: each has sums of its own.
  static constexpr std::int64_t kRows = 128;

  /// Whether the units are the columns of a table, which have its names.
  bool are_columns(const Tensor& slab) const {
    if (!options_.unit_axis || slab.dim() != 2) return false;
    const std::int64_t axis = *options_.unit_axis;
    return axis == kFeatures || axis == 1 || axis == -1;
  }

  bool in_order(const Tensor& slab) const {
    if (!options_.unit_axis || slab.dim() < 2) return false;
    const std::int64_t axis = *options_.unit_axis;
    return axis == 0 || axis == -static_cast<std::int64_t>(slab.dim());
  }

  const CompareOptions& options_;
  std::function<void(const Error&)> note_;
  const Failed& failed_;
  std::string source_;
  std::vector<std::size_t> inputs_;  // of which each of `compared` is
  mutable std::mutex mutex_;
  mutable std::map<std::size_t, std::vector<Tally>> idle_;  // by the tensor's number
};

template <class Sources>
std::vector<Compared> compare_all(Sources& sources, const ReadOptions& read,
                                  const CompareOptions& options, const RunOptions& run,
                                  const Failed& failed) {
  ReadOptions reading = read;
  reading.rows_of_one = true;
  reading.ndmin = 2;
  Count sink(options, run, failed);
  Pump(reading, sink, run).run(sources);
  return std::move(sink.compared);
}

}  // namespace

std::vector<Compared> compare(Source& source, const ReadOptions& read,
                              const CompareOptions& options, const RunOptions& run) {
  return compare_all(source, read, options, run, nullptr);
}

std::vector<Compared> compare(const Sources& sources, const ReadOptions& read,
                              const CompareOptions& options, const RunOptions& run,
                              const std::function<void(const Error&)>& failed) {
  return compare_all(sources, read, options, run, failed);
}

}  // namespace rectify::inline v1
