#include "fuzz.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "dispatch.hpp"
#include "half.hpp"

namespace rectify::fuzz {
namespace {

constexpr std::size_t kPipeBytes = 60000;  // what a pipe holds without a reader

std::string shown(const std::optional<Error>& error) {
  return error ? std::string("error: ") + error->what() : "no error";
}

void check_same_error(const std::optional<Error>& whole, const std::optional<Error>& other) {
  const bool same = whole.has_value() == other.has_value() &&
                    (!whole || (whole->kind() == other->kind() &&
                                std::string_view(whole->what()) == other->what()));
  need(same, "whole: " + shown(whole) + "\nother: " + shown(other));
}

/// `writes`: an error of the format written may stand in front of the input's when it comes row by
/// row.
void check_same(const Ran& whole, const Ran& other, bool writes = true) {
  if (!(writes && whole.error && other.error && other.error->kind() == ErrorKind::unsupported))
    check_same_error(whole.error, other.error);
  // In front of an error less may have been given out, never something else.
  const bool same =
      whole.error ? whole.bytes.starts_with(other.bytes) || other.bytes.starts_with(whole.bytes)
                  : whole.bytes == other.bytes;
  need(same, "whole: " + whole.bytes + "\nother: " + other.bytes);
}

Ran compared(std::string_view text, const ReadOptions& read, const Way& way) {
  Ran ran;
  try {
    Source source = source_of(text, way.from);
    ReadOptions reading = read;
    reading.block_bytes = way.block_bytes;
    CompareOptions options;
    options.modes = Module::parse_list("relu,leaky,elu,softmax(dim=0)");
    RunOptions run;
    run.threads = way.threads;
    for (const Compared& compared : compare(source, reading, options, run)) {
      const Tally& tally = compared.tally;
      for (std::size_t c = 0; c < options.modes.size(); ++c) ran.bytes += tally.partial(c);
      ran.bytes += to_string(tally.figures().shape);
      for (const std::string& name : compared.names) ran.bytes += '|' + name;
    }
  } catch (const Error& error) {
    ran.error = error;
  }
  return ran;
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "fuzz: %s\n", escaped(what, 100000).c_str());
  std::abort();
}

Way other_way(Settings& settings) {
  constexpr std::size_t kBlocks[] = {1, 2, 3, 4, 5, 7, 8, 11, 16, 25, 32, 64, 100, 1000, 1 << 20};
  Way way;
  way.block_bytes = settings.one_of(kBlocks);
  const std::size_t choice = settings.below(9);
  way.threads = static_cast<unsigned>(choice % 3) + 1;
  way.from = static_cast<Way::From>(choice / 3);
  return way;
}

Source source_of(std::string_view text, Way::From from) {
  if (from == Way::From::memory) return Source::memory(text, "<stdin>");
  int fd = -1;
  if (from == Way::From::pipe && text.size() <= kPipeBytes) {
    int ends[2];
    need(::pipe(ends) == 0, "no pipe");
    need(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()), "pipe");
    ::close(ends[1]);
    fd = ends[0];
  } else {
    fd = ::memfd_create("input", 0);
    need(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "memfd");
    need(::lseek(fd, 0, SEEK_SET) == 0, "memfd");
  }
  need(::dup2(fd, STDIN_FILENO) == STDIN_FILENO, "dup2");
  ::close(fd);
  return Source::standard_input();
}

Operation nothing() {
  Operation operation;
  operation.modes = Module::parse_list("leaky(1)");
  return operation;
}

Ran converted(std::string_view text, const ReadOptions& read, const WriteOptions& write,
              const Operation& operation, const Way& way) {
  Ran ran;
  try {
    Source source = source_of(text, way.from);
    ReadOptions reading = read;
    reading.block_bytes = way.block_bytes;
    Output output = Output::memory(ran.bytes);
    Writer writer(output, write);
    RunOptions options;
    options.threads = way.threads;
    run(source, reading, operation, writer, options);
    writer.finish();
    output.commit();
  } catch (const Error& error) {
    ran.error = error;
  }
  return ran;
}

Loaded loaded(std::string_view text, const ReadOptions& read, const Way& way) {
  Loaded result;
  try {
    ReadOptions reading = read;
    reading.block_bytes = way.block_bytes;
    result.tensors = load(source_of(text, way.from), reading);
  } catch (const Error& error) {
    result.error = error;
  }
  return result;
}

void check_message(const std::string& line) {
  need(!line.empty(), "an empty message");
  need(line.size() < 1500, "a message of " + std::to_string(line.size()) + " bytes: " + line);
  // RFC 3629, decoded the long way.
  for (std::size_t i = 0; i < line.size();) {
    const auto lead = static_cast<unsigned char>(line[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    need(length != 0 && i + length <= line.size(), "not UTF-8: " + line);
    std::uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(line[i + k]);
      need((byte & 0xC0) == 0x80, "not UTF-8: " + line);
      code = code << 6 | (byte & 0x3Fu);
    }
    need(length < 3 || code >= (length == 3 ? 0x800u : 0x10000u), "overlong UTF-8: " + line);
    need(code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF), "no character: " + line);
    need(code >= 0x20 && (code < 0x7F || code > 0x9F), "a control character: " + line);
    need(code != 0x2028 && code != 0x2029 && (code < 0x202A || code > 0x202E) &&
             (code < 0x2066 || code > 0x2069) && code != 0x200E && code != 0x200F,
         "a separator or a direction mark: " + line);
    i += length;
  }
}

void check_error(const Error& error) {
  check_message(error.what());
  need(error.kind() == ErrorKind::usage || error.place().source.starts_with("<stdin>"),
       std::string("no source in: ") + error.what());
}

Loaded check_ways(std::string_view text, const ReadOptions& read, const WriteOptions& write,
                  const Way& other) {
  const Way plain;
  const bool integers = read.dtype && !is_floating_point(*read.dtype);
  Operation operation = nothing();
  if (integers) operation.modes = Module::parse_list("relu");
  const Ran whole = converted(text, read, write, operation, plain);
  if (whole.error) check_error(*whole.error);
  check_same(whole, converted(text, read, write, operation, other));
  // In place it is the values that are operated on, and not the text of a table where it stands.
  for (const char* mode : {"relu", "leaky(-0.5)"}) {
    if (integers) break;
    operation.modes = Module::parse_list(mode);
    operation.inplace = false;
    const Ran out_of_place = converted(text, read, write, operation, other);
    operation.inplace = true;
    check_same(out_of_place, converted(text, read, write, operation, other));
  }

  Loaded tensors = loaded(text, read, plain);
  const Loaded others = loaded(text, read, other);
  check_same_error(tensors.error, others.error);
  need(tensors.tensors.size() == others.tensors.size(), "not as many tensors");
  for (std::size_t i = 0; i < tensors.tensors.size(); ++i) {
    need(same(tensors.tensors[i], others.tensors[i]), "other tensors");
  }
  if (!integers) check_same(compared(text, read, plain), compared(text, read, other), false);
  return tensors;
}

void check_parts(std::string_view text, ReadOptions read, WriteOptions write, std::uint64_t count,
                 const Way& way) {
  const Operation operation = nothing();
  const Ran whole = converted(text, read, write, operation, {});
  // What gzip data and containers hold has no parts.
  for (const std::string_view magic : {"\x1F\x8B", "PK\x03\x04", "PK\x05\x06"}) {
    if (text.starts_with(magic)) return;
  }
  Ran parts;
  for (std::uint64_t k = 1; k <= count && !parts.error; ++k) {
    read.part = Part{k, count};
    if (k != 1) write.header = Header::no;
    Ran part =
        converted(text, read, write, operation, {Way::From::memory, way.block_bytes, way.threads});
    parts.bytes += part.bytes;
    parts.error = part.error;
  }
  check_same(whole, parts);
}

bool same(const Tensor& a, const Tensor& b, bool nan_bits) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  return dispatch(a.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = a.data<T>();
    const auto y = b.data<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::memcmp(&x[i], &y[i], sizeof(T)) == 0) continue;
      if constexpr (is_floating<T>) {
        if (!nan_bits && std::isnan(widen(x[i])) && std::isnan(widen(y[i]))) continue;
      }
      return false;
    }
    return true;
  });
}

}  // namespace rectify::fuzz
