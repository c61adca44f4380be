// The words in which the tests of formats and streams tell their stories: text goes in, tensors or
// bytes come out, or an error.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "golden.hpp"
#include "io/reader.hpp"
#include "number/number.hpp"
#include "rectify/error.hpp"
#include "rectify/print.hpp"
#include "rectify/stream.hpp"

namespace rectify {

// ---- text in, tensors out ----------------------------------------------------------------------

inline ReadOptions reading(std::string format, std::size_t block_bytes = std::size_t{1} << 20) {
  ReadOptions options;
  options.format = std::move(format);
  options.block_bytes = block_bytes;
  return options;
}

/// A tensor's shape and elements: "[2] 1.0 -2.0".
inline std::string shown(const Tensor& tensor) {
  std::string line = to_string(tensor.shape());
  dispatch(tensor.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for (const T& value : tensor.data<T>()) {
      std::array<char, kNumberBytes> number;
      line += " " + std::string(number.data(), format_number(number.data(), value));
    }
  });
  return line;
}

/// The tensors in a text, shown, with semicolons between them; or what the error says, of an input
/// called "in".
inline std::string loaded(std::string_view text, const ReadOptions& options) {
  std::string all;
  try {
    for (const Tensor& tensor : load(Source::memory(text, "in"), options)) {
      all += (all.empty() ? "" : "; ") + shown(tensor);
    }
  } catch (const Error& error) {
    return error.what();
  }
  return all;
}

// ---- text in, bytes out ------------------------------------------------------------------------

/// What a run left behind.
struct Outcome {
  std::string bytes;
  std::string error;  // Error::what(); empty if all went well
  ErrorKind kind = ErrorKind::data;
};

inline Operation leaky(double slope = 0.5) {
  Operation operation;
  operation.modes = {Module::parse("leaky").with("negative_slope", slope)};
  return operation;
}

inline Operation relu() {
  Operation operation;
  operation.modes = Module::parse_list("relu");
  return operation;
}

inline WriteOptions writing(std::string format) {
  WriteOptions options;
  options.format = std::move(format);
  return options;
}

/// Runs `source` through the operation.
inline Outcome converted(Source source, const ReadOptions& read, const WriteOptions& write,
                         const Operation& operation = relu(), unsigned threads = 1) {
  Outcome outcome;
  try {
    Output output = Output::memory(outcome.bytes);
    Writer writer(output, write);
    RunOptions options;
    options.threads = threads;
    run(source, read, operation, writer, options);
    writer.finish();
    output.commit();
  } catch (const Error& error) {
    outcome.error = error.what();
    outcome.kind = error.kind();
  }
  return outcome;
}

inline Outcome converted(std::string_view text, const ReadOptions& read, const WriteOptions& write,
                         const Operation& operation = relu(), unsigned threads = 1) {
  return converted(Source::memory(text, "in"), read, write, operation, threads);
}

/// The bytes that relu makes of a text, or the error.
inline std::string converted(std::string_view text, const std::string& from, const std::string& to,
                             std::size_t block_bytes = std::size_t{1} << 20, unsigned threads = 1) {
  const Outcome outcome = converted(text, reading(from, block_bytes), writing(to), relu(), threads);
  return outcome.error.empty() ? outcome.bytes : outcome.error;
}

// ---- the property of every format --------------------------------------------------------------

inline constexpr std::size_t kBlocks[] = {1, 2, 3, 5, 7, 16, 64, 1000, std::size_t{1} << 20};
inline constexpr std::string_view kOutputs[] = {"torch", "json", "jsonl", "csv", "tsv", "npy"};

/// True if one run tells the same as another that read the same input. Of an error the text and
/// place count: whole rows before it may have been written by one and not yet by the other.
inline bool same_outcome(const Outcome& run, const Outcome& other, bool bytes_stream) {
  if (run.error.empty() && other.error.empty()) return run.bytes == other.bytes;
  // What cannot be done with any tensor of this kind, and one that is bad further on besides: which
  // of the two is said first depends on how much is read before anything is written.
  const auto is_refusal = [](const Outcome& outcome) {
    return !outcome.error.empty() && outcome.kind != ErrorKind::data;
  };
  if (!run.error.empty() && !other.error.empty() && (is_refusal(run) || is_refusal(other))) {
    return true;
  }
  return run.error == other.error && (!bytes_stream || run.bytes.starts_with(other.bytes) ||
                                      other.bytes.starts_with(run.bytes));
}

/// A text that comes in order, as from a pipe, so that there is no going back in it.
class InOrder final : public Reader {
 public:
  explicit InOrder(std::string_view text) : text_(text) {}

  std::size_t read(char* to, std::size_t, std::size_t size, const std::function<bool()>&) override {
    const std::size_t count = text_.copy(to, size);
    text_.remove_prefix(count);
    return count;
  }
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  std::size_t read_at(std::uint64_t, char*, std::size_t) const override { return 0; }
  void seek(std::uint64_t) override {}

 private:
  std::string_view text_;
};

/// Checks that neither blocks nor threads change what a run makes of `text`, in any output format.
inline void check_blocks(std::string_view text, ReadOptions read, const Operation& operation) {
  unsigned count = 0;
  for (const std::string_view to : kOutputs) {
    CAPTURE(to);
    WriteOptions write = writing(std::string(to));
    write.print.threshold = 20;  // so that small tensors are summarised, too
    write.print.edgeitems = 2;
    read.block_bytes = std::size_t{1} << 30;
    const Outcome whole = converted(text, read, write, operation);
    for (const std::size_t block_bytes : kBlocks) {
      // A chunk a byte of a long text takes its time and shows no more than one of a short text.
      if (text.size() / block_bytes > 2000) continue;
      CAPTURE(block_bytes);
      read.block_bytes = block_bytes;
      // Starting threads takes most of the time: 2 and 4 take turns.
      for (const unsigned threads : {1u, ++count % 2 == 0 ? 2u : 4u}) {
        // Two of four come in order.
        const bool is_in_order = count / 2 % 2 == 0;
        Source source = is_in_order ? Source(std::make_shared<InOrder>(text), "in")
                                    : Source::memory(text, "in");
        const Outcome outcome = converted(std::move(source), read, write, operation, threads);
        if (same_outcome(outcome, whole, to != "npy")) continue;  // a check only for what fails
        CAPTURE(threads);
        CAPTURE(is_in_order);
        CAPTURE(std::string(text.substr(0, 2000)));
        CHECK(outcome.error == whole.error);
        CHECK(outcome.bytes == whole.bytes);
      }
    }
  }
}

/// A named pipe that another thread writes a text into.
class Pipe {
 public:
  Pipe(const std::string& path, std::string text) : path_(path) {
    std::signal(SIGPIPE, SIG_IGN);  // a reader may give up early
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    writer_ = std::thread(
        [path, content = std::move(text)] { std::ofstream(path, std::ios::binary) << content; });
  }
  ~Pipe() {
    writer_.join();
    std::filesystem::remove(path_);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

 private:
  std::string path_;
  std::thread writer_;
};

// ---- files -------------------------------------------------------------------------------------

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void put_content(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  REQUIRE(out);
}

/// The files of a folder of tests/conformance, by name and in order.
inline std::vector<std::string> conformance_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(RECTIFY_TESTS_DIR "/conformance/" + folder + "/own")) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE(paths.size() > 20);
  return paths;
}

/// A folder of its own for a test, gone afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rectify-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Names of what is in it, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

}  // namespace rectify
