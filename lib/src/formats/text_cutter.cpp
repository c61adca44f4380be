// Reading text block by block and cutting it where a format says, whatever the format.

#include <algorithm>
#include <cstring>
#include <utility>

#include "format.hpp"
#include "kernels/count.hpp"

namespace rectify::inline v1 {
namespace {

// The first block is small: most inputs are, and a program that reads four numbers need not touch a
// megabyte.
constexpr std::size_t kFirstBytes = std::size_t{64} << 10;

// So much of the end of a block is looked at for the end of a line: at first, and at most.
constexpr std::size_t kFirstWindow = std::size_t{4} << 10;
constexpr std::size_t kLastWindow = std::size_t{64} << 10;

}  // namespace

void Buffer::reserve(std::size_t size, std::size_t keep) {
  if (size + 1 <= capacity_) return;
  const std::size_t capacity = size + 1;
  std::unique_ptr<char[]> data(new char[capacity]);
  if (keep != 0) std::memcpy(data.get(), data_.get(), keep);
  data_ = std::move(data);
  capacity_ = capacity;
}

/// Waits for something, and takes what is there of what is wanted.
void TextCutter::read(Chunk& chunk) {
  chunk.bytes.reserve(wanted_, chunk.size);
  const std::size_t got = source_.read(chunk.bytes.data() + chunk.size, 1, wanted_ - chunk.size);
  chunk.size += got;
  // What is there may be all: look whether anything follows.
  ended_ = got == 0 || (source_.ready() && source_.peek(1).empty());
}

/// What was left over, as far as it is wanted; whether there was any.
bool TextCutter::take_rest(Chunk& chunk) {
  const std::size_t count = std::min(rest_size_, wanted_ - chunk.size);
  if (count == 0) return false;
  chunk.bytes.reserve(wanted_, chunk.size);
  std::memcpy(chunk.bytes.data() + chunk.size, rest_.data() + rest_begin_, count);
  chunk.size += count;
  rest_begin_ += count;
  rest_size_ -= count;
  return true;
}

void TextCutter::fill(Chunk& chunk) {
  chunk.left_unread = false;
  chunk.size = 0;
  wanted_ = block_bytes_;
  if (rest_size_ > block_bytes_) {
    take_rest(chunk);
  } else if (begun_) {
    if (rest_size_ != 0) std::memmove(rest_.data(), rest_.data() + rest_begin_, rest_size_);
    rest_begin_ = 0;
    std::swap(chunk.bytes, rest_);
    chunk.size = std::exchange(rest_size_, 0);
    wanted_ = std::max(block_bytes_, chunk.size + block_bytes_ / 2);
    // What was left over may be whole, and is not to wait for more.
    if (!ended_ && !full(chunk) && (chunk.size == 0 || source_.ready())) read(chunk);
  } else {
    begun_ = true;
    wanted_ = std::min(block_bytes_, kFirstBytes);
    if (const auto whole = source_.size()) wanted_ = std::min<std::size_t>(wanted_, *whole + 1);
    wanted_ = std::max<std::size_t>(wanted_, 1);
    std::size_t mark = 0;
    while (mark < kByteOrderMark.size() &&
           source_.peek(mark + 1).starts_with(kByteOrderMark.substr(0, mark + 1))) {
      ++mark;
    }
    if (mark == kByteOrderMark.size()) {
      source_.skip(mark);
      column_ += mark;  // columns count bytes, and these are there
    }
    read(chunk);
  }
  chunk.line = line_;
  chunk.column = column_;
}

void TextCutter::grow(Chunk& chunk) {
  if (full(chunk)) wanted_ = std::max(2 * chunk.size, block_bytes_);
  const bool took = take_rest(chunk);
  if (!full(chunk) && !ended_ && (!took || source_.ready())) read(chunk);
}

void TextCutter::split(Chunk& chunk, std::size_t size) {
  const std::size_t left = chunk.size - size;
  if (rest_size_ != 0) {
    rest_begin_ -= left;  // the chunk came from there, and is still there
  } else {
    rest_begin_ = 0;
    if (left != 0) {
      rest_.reserve(std::max(left, block_bytes_ + block_bytes_ / 2), 0);
      std::memcpy(rest_.data(), chunk.bytes.data() + size, left);
    }
  }
  rest_size_ += left;
  chunk.size = size;
  chunk.last = ended_ && rest_size_ == 0;
  const char* begin = chunk.bytes.data();
  const char* end = begin + size;
  line_ += count_line_feeds(begin, end);
  const void* newline = size == 0 ? nullptr : ::memrchr(begin, '\n', size);
  if (newline == nullptr) {
    column_ += size;
  } else {
    column_ = static_cast<std::uint64_t>(end - static_cast<const char*>(newline));
  }
}

std::string_view TextCutter::last_lines_ahead() {
  const auto size = source_.size();
  const std::uint64_t begin = source_.position() - rest_size_;
  if (!begun_ || !size || *size <= begin || *size - begin <= block_bytes_) return {};
  for (std::size_t window = kFirstWindow; window <= kLastWindow; window *= 4) {
    const std::size_t count = std::min(window, block_bytes_);
    ahead_.resize(count);
    if (source_.read_at(begin + block_bytes_ - count, ahead_.data(), count) != count) return {};
    const void* newline = ::memrchr(ahead_.data(), '\n', count);
    if (newline != nullptr) {
      const auto end =
          static_cast<std::size_t>(static_cast<const char*>(newline) - ahead_.data()) + 1;
      lines_ahead_ = block_bytes_ - count + end;
      if (lines_ahead_ < rest_size_) return {};
      return {ahead_.data(), end};
    }
    if (count == block_bytes_) break;
  }
  return {};
}

void TextCutter::leave_unread(Chunk& chunk) {
  chunk.left_unread = true;
  chunk.offset = source_.position() - rest_size_;
  chunk.size = lines_ahead_;
  chunk.line = line_;
  chunk.column = column_;
  chunk.last = false;
  source_.skip(lines_ahead_ - rest_size_);
  rest_begin_ = rest_size_ = 0;
  line_ = 1;
  column_ = 1;
}

void TextCutter::load(Chunk& chunk) const {
  if (!chunk.left_unread) return;
  chunk.bytes.reserve(chunk.size, 0);
  char* const begin = chunk.bytes.data();
  char* const end = begin + chunk.size;
  // Decoding relies on a line feed at the end; no other change can be told.
  if (source_.read_at(chunk.offset, begin, chunk.size) != chunk.size || end[-1] != '\n')
    throw Error(ErrorKind::io, "cannot read: the file was changed while it was read", {},
                {source_.name()});
  chunk.line_feeds = count_line_feeds(begin, end);
}

void TextCutter::loaded(const Chunk& chunk) {
  if (chunk.left_unread) lines_loaded_ += chunk.line - 1 + chunk.line_feeds;
}

std::uint64_t TextCutter::offset(const Chunk& chunk) const {
  return source_.position() - rest_size_ - chunk.size;
}

/// The first start of a line at or behind `at`.
std::uint64_t TextCutter::line_start(std::uint64_t body, std::uint64_t at) const {
  if (at <= body) return body;
  std::vector<char> block(kFirstBytes);
  for (std::uint64_t position = at - 1;;) {
    const std::size_t size = source_.read_at(position, block.data(), block.size());
    const void* newline = size == 0 ? nullptr : std::memchr(block.data(), '\n', size);
    if (newline != nullptr) {
      return position +
             static_cast<std::uint64_t>(static_cast<const char*>(newline) - block.data()) + 1;
    }
    position += size;
    if (size < block.size()) return position;
  }
}

/// Where the lines behind the first `index` of `count` shares begin.
std::uint64_t TextCutter::share_begin(std::uint64_t body, std::uint64_t index,
                                      std::uint64_t count) const {
  const std::uint64_t size = size_in_parts(source_);
  __extension__ using Wide = unsigned __int128;
  return line_start(
      body, body + static_cast<std::uint64_t>(static_cast<Wide>(size - body) * index / count));
}

std::uint64_t size_in_parts(const Source& source) {
  if (const auto size = source.size()) return *size;
  throw Error(ErrorKind::usage,
              option("part") + " takes a file: what cannot be gone back in cannot be divided", {},
              {source.name()});
}

void TextCutter::go_to_part(std::uint64_t body) {
  part_begin_ = share_begin(body, part_->index - 1, part_->count);
  source_.restrict_to(part_begin_, part_end(body));
  rest_begin_ = 0;
  rest_size_ = 0;
  line_ = 1;
  char before = '\n';  // or the last byte of a byte order mark, which counts
  if (part_begin_ != 0) source_.read_at(part_begin_ - 1, &before, 1);
  column_ = before == '\n' ? 1 : part_begin_ + 1;
  ended_ = false;
}

std::uint64_t TextCutter::lines_before() const {
  if (part_begin_ == 0) return lines_loaded_;
  std::vector<char> block(kFirstBytes);
  std::uint64_t lines = lines_loaded_;
  for (std::uint64_t position = 0; position < part_begin_;) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), part_begin_ - position));
    const std::size_t size = source_.read_at(position, block.data(), want);
    if (size == 0) break;
    lines += count_line_feeds(block.data(), block.data() + size);
    position += size;
  }
  return lines;
}

Place place_in(const Chunk& chunk, const std::string& source, const char* at) {
  const char* begin = chunk.bytes.data();
  Place place{source, chunk.line, chunk.column};
  const auto before = static_cast<std::size_t>(at - begin);
  const void* newline = before == 0 ? nullptr : ::memrchr(begin, '\n', before);
  if (newline == nullptr) {
    place.column += before;
  } else {
    place.line += count_line_feeds(begin, at);
    place.column = static_cast<std::uint64_t>(at - static_cast<const char*>(newline));
  }
  return place;
}

}  // namespace rectify::inline v1
