// What the fuzz targets share: settings at the front of an input, runs of the rest from memory, a
// file and a pipe in blocks of any size, and what must hold of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rectify/compare.hpp"
#include "rectify/error.hpp"
#include "rectify/stream.hpp"
#include "rectify/tensor.hpp"

namespace rectify::fuzz {

/// Says what is wrong and aborts, which keeps the input.
[[noreturn]] void fail(const std::string& what);

inline void need(bool ok, const std::string& what) {
  if (!ok) fail(what);
}

/// The first characters of an input choose what is done with the rest, so that seeds can be
/// written by hand: '0' is the first of the choices, '1' the second, and so on around.
class Settings {
 public:
  explicit Settings(std::string_view& input) : input_(input) {}

  std::size_t below(std::size_t count) {
    if (input_.empty()) return 0;
    const auto digit = static_cast<unsigned char>(input_.front() - '0');
    input_.remove_prefix(1);
    return digit % count;
  }

  template <class T, std::size_t kCount>
  T one_of(const T (&choices)[kCount]) {
    return choices[below(kCount)];
  }

 private:
  std::string_view& input_;
};

/// How an input is read. None of it may show in the result.
struct Way {
  enum class From : std::uint8_t { memory, file, pipe };
  From from = From::memory;
  std::size_t block_bytes = std::size_t{1} << 20;
  unsigned threads = 1;
};
/// Of two settings: the size of a block, then threads and kind of source.
Way other_way(Settings& settings);

/// float32 first, then the others that text can be read as.
inline constexpr DType kDTypes[] = {DType::float32,  DType::float64, DType::float16,
                                    DType::bfloat16, DType::int64,   DType::int32,
                                    DType::int16,    DType::int8,    DType::uint8};

/// What came of a run.
struct Ran {
  std::string bytes;
  std::optional<Error> error;
};

/// `text` under the name "<stdin>".
Source source_of(std::string_view text, Way::From from);

Ran converted(std::string_view text, const ReadOptions& read, const WriteOptions& write,
              const Operation& operation, const Way& way);

struct Loaded {
  std::vector<Tensor> tensors;
  std::optional<Error> error;
};

Loaded loaded(std::string_view text, const ReadOptions& read, const Way& way);

/// An operation that leaves every value alone.
Operation nothing();

/// One short line of UTF-8 without control characters; if it is not, fails.
void check_message(const std::string& line);
/// The same of an error about the input at hand, which it names.
void check_error(const Error& error);

/// Reads, converts and compares `text` in two ways and fails if they differ: converted() in the
/// bytes or the error, loaded() in the tensors' bits or the error, compare() in the figures. Gives
/// what was loaded.
Loaded check_ways(std::string_view text, const ReadOptions& read, const WriteOptions& write,
                  const Way& other);

/// Fails unless the parts' output, one after the other, is `whole`, with the same error.
void check_parts(std::string_view text, ReadOptions read, WriteOptions write, std::uint64_t count,
                 const Way& way);

/// Same dtype, shape and bits; any NaN is as good as another unless `nan_bits`.
bool same(const Tensor& a, const Tensor& b, bool nan_bits = true);

}  // namespace rectify::fuzz
