// The pump: chunks of one or several inputs through a sink, on every processor and in order. What
// the sink takes whole alone is gathered before it works on it, so that no result depends on how
// an input was divided.
//
// A sink has
//   struct Work { void clear(); }       what work() makes of the Results of a chunk for put()
//   Wanted wanted() const               what a decoder may leave out or had better put together
//   void check(const Result&) const     throws what is wrong with a tensor, by its first slab
//   bool needs_whole(const Result&) const     whether a slab cannot be worked on by itself; the
//                                       same for all slabs of a tensor
//   const PrintOptions* edges() const   set: of a tensor that these summarise, the edges suffice
//   void work(Result&, std::size_t number, Work&) const   works on a Result, appending to Work; on
//                                       any thread. The number is the tensor's, in all inputs
//   void put(Result&, std::size_t number, Work&, std::size_t i)   takes the i-th Result of a Work,
//                                       in order
//   void begin(const std::string& name) before the first Result of an input
//   void before_waiting()               before the pump waits for input: gives out what is there
// and, if one of several inputs that fails need not stop the others,
//   bool goes_on(std::size_t index, const Error&)   forgets what it has taken of the index-th input;
//                                       false: the error ends the run
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/format.hpp"
#include "gather.hpp"
#include "rectify/error.hpp"
#include "rectify/stream.hpp"
#include "workers.hpp"

namespace rectify::inline v1 {

template <class Sink>
class Pump {
 public:
  Pump(const ReadOptions& read, Sink& sink, const RunOptions& options)
      : read_(read),
        sink_(sink),
        options_(options),
        threads_(options.threads == 0 ? processors() : options.threads) {}

  /// Moves all of one input, which is the index-th. Throws the Error that stands first in it, with
  /// its place.
  void run(Source& source, std::size_t index = 0) {
    std::optional<Input> input;
    {
      const BeforeWaiting guard(source, [&] {
        sink_.before_waiting();
        return false;
      });
      input.emplace(source, index, read_, sink_.wanted());
    }
    if constexpr (requires { sink_.entries; }) {
      if (auto entries = input->decoder->entries()) {
        sink_.entries = std::move(*entries);
        return;
      }
    }
    stream(*input);
  }

  /// Moves all inputs, one after the other. Small files are worked on whole, a few of them by one
  /// thread while others are by another: opening them is a good part of it.
  void run(const Sources& sources) {
    if (sources.count == 1) {
      Source source = sources.open(0);
      run(source);
      return;
    }
    const std::size_t most =
        std::clamp<std::size_t>(sources.count / (std::size_t{8} * threads_), 1, kMostTogether);
    std::size_t together = std::min(most, kFirstTogether);
    std::size_t next = 0;
    ordered<Batch>(
        threads_,
        [&](Batch& batch, const auto&) {
          if (next == sources.count) return false;
          batch.begin = next;
          batch.end = next = std::min(sources.count, next + together);
          return true;
        },
        [&](const Batch& batch) { return batch.end == sources.count; },
        [&](Batch& batch) { work_on_small(sources, batch); },
        [&](Batch& batch) {
          std::size_t index = batch.begin;
          for (std::size_t i = 0; i < batch.count; ++i)
            one_of_several(index++, [&] { deliver(batch.small[i]); });
          if (batch.count != 0) {
            const std::uint64_t mean = batch.bytes / batch.count + 1;
            together = std::clamp<std::size_t>(kTogetherBytes / mean, 1, most);
          }
          if (batch.error) one_of_several(index++, [&] { std::rethrow_exception(batch.error); });
          for (; index < batch.end; ++index) {
            one_of_several(index, [&] {
              std::optional<Source> source = std::exchange(batch.next, std::nullopt);
              if (!source) {
                sink_.before_waiting();
                source.emplace(sources.open(index));
              }
              run(*source, index);
            });
          }
        },
        [&] {
          if (options_.own_descriptors) own_descriptors();
        });
  }

 private:
  static constexpr std::uint64_t kSmallBytes = std::uint64_t{64} << 10;
  // So many at a time that waking a thread for them is a small part of the work, and no more than
  // memory is easily had for.
  static constexpr std::size_t kFirstTogether = 16;
  static constexpr std::size_t kMostTogether = 128;
  static constexpr std::uint64_t kTogetherBytes = std::uint64_t{512} << 10;

  /// What came of a chunk.
  struct Worked {
    std::size_t tensor = 0;  // the number of the one that begins in the chunk, or goes on
    std::vector<Result> results;
    std::vector<bool> gathered;  // of each result, whether it is not worked on but gathered
    typename Sink::Work work;
    std::exception_ptr error;  // of what stands behind the results
  };
  struct Item : Worked {
    Chunk chunk;
  };

  /// An input and its decoder, and how an error of theirs is told.
  struct Input {
    Source& source;
    const ReadOptions& read;
    std::unique_ptr<Decoder> decoder;
    std::size_t tensor;  // the number of the last that has begun
    Inexact inexact;     // of all that has been delivered

    Input(Source& of, std::size_t index, const ReadOptions& options, Wanted wanted)
        : source(of),
          read(options),
          decoder(make_decoder(of, options, for_part(options, std::move(wanted)))),
          tensor(index << 32) {
      if (options.part) decoder->restrict_to(*options.part);
    }

    /// A document has no parts, so that whether it is one has to be known.
    static Wanted for_part(const ReadOptions& options, Wanted wanted) {
      wanted.tells_records = wanted.tells_records || options.part;
      return wanted;
    }

    bool cut(Chunk& chunk) {
      if (!decoder->cut(chunk)) return false;
      tensor += chunk.begins ? 1u : 0u;
      return true;
    }

    /// Told of what came of each chunk, in order. The decoder last: lines of the chunk's places count
    /// from where it began.
    void decoded(const Chunk& chunk, const Worked& worked) {
      for (const Result& result : worked.results) add(result.inexact);
      if (!worked.error) decoder->decoded(chunk);
    }

    void add(const Inexact& found) {
      if (found.count == 0) return;
      if (inexact.count == 0) {
        inexact.first = of_file(found.first);
        inexact.value = found.value;
      }
      inexact.count += found.count;
      inexact.in_float64 = inexact.in_float64 && found.in_float64;
      inexact.in_int64 = inexact.in_int64 && found.in_int64;
    }

    /// What a user should know, once all has been cut.
    std::vector<Error> notes() const {
      std::vector<Error> notes;
      if (const auto note = decoder->note()) notes.push_back(*note);
      if (inexact.count == 0) return notes;
      const Place& first = inexact.first;
      const DType dtype = read.dtype.value_or(DType::float32);
      std::string hint;
      if (dtype != DType::float64 && inexact.in_float64)
        hint = option("dtype", "float64") + " keeps them";
      if (decoder->has_columns())
        hint += (hint.empty() ? "" : "; ") + option("keep") + " leaves a column as it is";
      const bool one = inexact.count == 1;
      std::string which = one ? ", at " : ", the first at ";
      if (first.line != 0) {
        which += std::to_string(first.line) + ":" + std::to_string(first.column);
      } else {
        which = (one ? ": " : ", the first ") + inexact.value;
        if (first.source != source.name()) which += " in " + in_quotes(first.source);
      }
      notes.emplace_back(ErrorKind::data,
                         std::to_string(inexact.count) + (one ? " integer is" : " integers are") +
                             " not exact in " + std::string(rectify::name(dtype)) + which,
                         hint, Place{source.name()});
      return notes;
    }

    /// A place in the chunk at hand, with the file's own line.
    Place of_file(Place place) const {
      if (place.line != 0) place.line += decoder->lines_before();
      return place;
    }

    /// An error about the output names it itself; all others are about the input, and get the
    /// file's own line.
    Error in_its_place(const Error& error) const {
      if (error.kind() == ErrorKind::io) return error;
      Place place = of_file(error.place());
      if (place.source.empty()) place.source = source.name();
      return error.moved_to(std::move(place));
    }
  };

  bool gathers(const Result& result) const {
    return !(result.begins && result.ends) && sink_.needs_whole(result);
  }

  /// Decodes a chunk and works on what need not be gathered. Any thread.
  void work_on(const Input& input, Chunk& chunk, Worked& to) const {
    to.results.clear();
    to.gathered.clear();
    to.work.clear();
    to.error = nullptr;
    try {
      input.decoder->decode(chunk, to.results);
    } catch (const Error&) {
      to.error = std::current_exception();  // the tensors before it come first
    } catch (...) {
      to.error = std::current_exception();
      to.results.clear();  // a Result may have been in the making
    }
    for (std::size_t i = 0; i < to.results.size(); ++i) {
      Result& result = to.results[i];
      try {
        if (result.begins) sink_.check(result);
        to.gathered.push_back(gathers(result));
        if (!to.gathered.back()) sink_.work(result, to.tensor, to.work);
      } catch (const Error& error) {
        to.error = std::make_exception_ptr(of_tensor(error, input.source.name(), result));
        to.results.resize(i);
      } catch (...) {
        to.error = std::current_exception();  // likewise
        to.results.resize(i);
      }
    }
  }

  /// An error of a tensor that has a name.
  static Error of_tensor(const Error& error, const std::string& source, const Result& result) {
    if (result.name.empty() || error.kind() == ErrorKind::io) return error;
    return error.at({source + ":" + result.name});
  }

  /// A small file, worked on and closed.
  struct Small {
    std::string name;
    std::uint64_t bytes = 0;
    std::vector<Worked> chunks;  // of which the first `count` are the file's
    std::size_t count = 0;
    std::exception_ptr error;  // of what stands behind them
    std::vector<Error> notes;

    /// Whether it holds so little that the next may as well be put in its place: what is made for each
    /// of thousands of files is a good part of the time.
    bool is_tiny() const {
      constexpr std::uint64_t kTinyBytes = 1024;
      return bytes <= kTinyBytes && count <= 1 && (count == 0 || chunks[0].results.size() <= 1);
    }
    void clear() {
      if (!is_tiny()) chunks = std::vector<Worked>();
      count = 0;
      error = nullptr;
      notes.clear();
    }
  };

  /// Inputs [begin, end), of which the first are small files.
  struct Batch {
    std::size_t begin = 0, end = 0;
    std::vector<Small> small;  // of which the first `count` are of the batch
    std::size_t count = 0;
    std::uint64_t bytes = 0;     // of the small files
    std::optional<Source> next;  // the first that is not, opened, if all threads can read it
    std::exception_ptr error;    // of opening it
  };

  /// Works on the inputs of a batch up to the first that is not a small file. Any thread.
  void work_on_small(const Sources& sources, Batch& batch) const {
    // What came of the last batch is freed here and not where it was delivered: freeing is work, too.
    for (Small& small : batch.small) small.clear();
    batch.count = 0;
    batch.bytes = 0;
    batch.error = nullptr;
    for (std::size_t i = batch.begin; i < batch.end; ++i) {
      if (sources.waits && sources.waits(i)) return;
      std::optional<Source> source;
      bool is_small = false;
      try {
        source.emplace(sources.open(i));
        const auto size = source->size();
        is_small = size && *size <= kSmallBytes && !is_compressed(*source);
      } catch (...) {
        batch.error = std::current_exception();  // the inputs before it come first
        return;
      }
      if (!is_small) {
        if (!options_.own_descriptors) batch.next = std::move(source);
        return;
      }
      if (batch.count == batch.small.size()) batch.small.emplace_back();
      Small& small = batch.small[batch.count++];
      small.name = source->name();
      small.bytes = *source->size();
      batch.bytes += small.bytes;
      try {
        Input input(*source, i, read_, sink_.wanted());
        work_on_all(input, small);
        small.notes = input.notes();
      } catch (...) {
        small.error = std::current_exception();
      }
      if (small.error) return;
    }
  }

  /// What moves the index-th of several inputs. If it fails, the others may go on without it.
  template <class Move>
  void one_of_several(std::size_t index, Move move) {
    try {
      move();
    } catch (const Error& error) {
      if constexpr (requires { sink_.goes_on(index, error); }) {
        if (sink_.goes_on(index, error)) {
          gather_ = Gather();
          return;
        }
      }
      throw;
    }
  }

  void deliver(Small& small) {
    sink_.begin(small.name);
    try {
      for (std::size_t i = 0; i < small.count; ++i) deliver(small.chunks[i], small.name);
    } catch (const Error& error) {
      throw error.kind() == ErrorKind::io ? error : error.at({small.name});
    }
    if (small.error) std::rethrow_exception(small.error);
    tell(small.notes);
  }

  void tell(const std::vector<Error>& notes) const {
    if (!options_.note) return;
    for (const Error& note : notes) options_.note(note);
  }

  /// All chunks of an input, one after the other.
  void work_on_all(Input& input, Small& small) const {
    Chunk chunk;
    try {
      while (!chunk.last && input.cut(chunk)) {
        if (small.count == small.chunks.size()) small.chunks.emplace_back();
        Worked& worked = small.chunks[small.count];
        worked.tensor = input.tensor;
        work_on(input, chunk, worked);
        input.decoded(chunk, worked);
        ++small.count;
        if (!worked.error) continue;
        worked.error = placed(input, worked.error);
        return;
      }
    } catch (const Error& error) {
      throw input.in_its_place(error);
    }
  }

  static std::exception_ptr placed(const Input& input, const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const Error& found) {
      return std::make_exception_ptr(input.in_its_place(found));
    } catch (...) {
      return error;
    }
  }

  /// Hands on the results of a chunk, in order.
  void deliver(Worked& worked, const std::string& source) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < worked.results.size(); ++i) {
      Result& result = worked.results[i];
      if (!worked.gathered[i]) {
        sink_.put(result, worked.tensor, worked.work, next++);
        continue;
      }
      const bool ends = result.ends;
      gather_.add(std::move(result), sink_.edges());
      if (!ends) continue;
      Result whole = gather_.take(sink_.edges());
      typename Sink::Work work;
      try {
        sink_.check(whole);
      } catch (const Error& error) {
        throw of_tensor(error, source, whole);
      }
      sink_.work(whole, worked.tensor, work);
      sink_.put(whole, worked.tensor, work, 0);
    }
    if (worked.error) std::rethrow_exception(worked.error);
  }

  /// What is to be done before reading waits, for as long as this lives.
  class BeforeWaiting {
   public:
    BeforeWaiting(Source& source, std::function<bool()> call) : source_(source) {
      source_.before_waiting(std::move(call));
    }
    BeforeWaiting(const BeforeWaiting&) = delete;
    BeforeWaiting& operator=(const BeforeWaiting&) = delete;
    ~BeforeWaiting() { source_.before_waiting(nullptr); }

   private:
    Source& source_;
  };

  /// Chunks of one input, several at a time.
  void stream(Input& input) {
    sink_.begin(input.source.name());
    try {
      ordered<Item>(
          threads_,
          [&](Item& item, const auto& land) {
            const BeforeWaiting guard(input.source, [&] {
              if (land()) return true;
              sink_.before_waiting();
              return false;
            });
            if (!input.cut(item.chunk)) return false;
            item.tensor = input.tensor;
            return true;
          },
          [](const Item& item) { return item.chunk.last; },
          [&](Item& item) { work_on(input, item.chunk, item); },
          [&](Item& item) {
            input.decoded(item.chunk, item);
            deliver(item, input.source.name());
            if (options_.progress) options_.progress(input.source);
          });
      tell(input.notes());
    } catch (const Error& error) {
      throw input.in_its_place(error);
    }
  }

  const ReadOptions& read_;
  Sink& sink_;
  const RunOptions& options_;
  unsigned threads_;
  Gather gather_;
};

}  // namespace rectify::inline v1
