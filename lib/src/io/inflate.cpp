#include "inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/crc.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;  // of what is compressed
constexpr std::size_t kSpareBytes = 256;
constexpr std::string_view kGzipMagic = "\x1F\x8B";

class InflateReader : public Reader {
 public:
  InflateReader(Source& from, int window_bits, std::string_view what)
      : from_(from), what_(what), input_(kBlockBytes) {
    // Memory from where all of ours comes, so that want of it is felt, and tested, alike.
    stream_.zalloc = [](void*, uInt items, uInt size) {
      return ::operator new (std::size_t{items} * size, std::nothrow);
    };
    stream_.zfree = [](void*, void* memory) { ::operator delete(memory); };
    if (::inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~InflateReader() override { ::inflateEnd(&stream_); }

  std::size_t read(char* to, std::size_t least, std::size_t size,
                   const std::function<bool()>& before_waiting) final {
    std::size_t got = std::min(size, spare_end_ - spare_begin_);
    std::copy_n(spare_ + spare_begin_, got, to);
    spare_begin_ += got;
    while (got < size && !ended_) {
      if (stream_.avail_in == 0 && !has_more_) {
        while (!from_.ready()) {
          if (got >= least) return got;
          if (!before_waiting || !before_waiting()) break;
        }
      }
      got += step(to + got, size - got);
    }
    return got;
  }

  bool ready() final {
    while (spare_begin_ == spare_end_ && !ended_) {
      if (stream_.avail_in == 0 && !has_more_ && !from_.ready()) return false;
      spare_begin_ = 0;
      spare_end_ = step(spare_, kSpareBytes);
    }
    return true;
  }

  std::optional<std::uint64_t> size() const final { return std::nullopt; }
  std::size_t read_at(std::uint64_t, char*, std::size_t) const final { only_in_order(); }
  void seek(std::uint64_t) final { only_in_order(); }

 protected:
  /// What has come out of inflate.
  virtual void inflated(const char* bytes, std::size_t size) = 0;
  /// At the end of a deflate stream, or behind it: whether all is read. Throws for what may not
  /// follow, and for a stream that ends where it should not.
  virtual bool ends() = 0;

  [[noreturn]] void fail(const std::string& message, std::string hint = {}) const {
    throw Error(ErrorKind::data, message, std::move(hint), {from_.name()});
  }
  [[noreturn]] void fail_damaged(const std::string& reason) const {
    fail(std::string(what_) + " are damaged at byte " + std::to_string(position()) + ": " + reason);
  }
  [[noreturn]] void fail_short() const {
    fail("unexpected end in " + std::string(what_) + " behind byte " + std::to_string(position()),
         "the file was cut short");
  }
  /// Of the compressed bytes, those used.
  std::uint64_t position() const { return from_.position() - stream_.avail_in; }

  /// The next compressed bytes; false at the end.
  bool refill() {
    if (stream_.avail_in != 0) return true;
    stream_.avail_in = static_cast<uInt>(from_.read(input_.data(), 1, input_.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    return stream_.avail_in != 0;
  }
  unsigned char next_byte() const { return *stream_.next_in; }
  void drop_byte() {
    ++stream_.next_in;
    --stream_.avail_in;
  }
  void begin_again() { ::inflateReset(&stream_); }

 private:
  [[noreturn]] void only_in_order() const {
    throw Error(ErrorKind::usage, "what is inflated is read in order", {}, {from_.name()});
  }

  /// Inflates at most a block of input, or looks at what stands behind a stream.
  std::size_t step(char* to, std::size_t size) {
    if (between_) {
      ended_ = ends();
      between_ = false;
      return 0;
    }
    if (!has_more_ && !refill()) fail_short();
    size = std::min<std::size_t>(size, std::numeric_limits<uInt>::max());
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(size);
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_NEED_DICT) fail_damaged("a preset dictionary");
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      fail_damaged(stream_.msg == nullptr ? "not deflate data" : stream_.msg);
    const std::size_t got = size - stream_.avail_out;
    inflated(to, got);
    between_ = result == Z_STREAM_END;
    // Of what it has taken it may hold back what there was no room for, and that may be the end.
    has_more_ = stream_.avail_out == 0 && !between_;
    return got;
  }

  Source& from_;
  std::string_view what_;
  std::vector<char> input_;
  z_stream stream_{};
  char spare_[kSpareBytes];  // inflated to see whether something is there
  std::size_t spare_begin_ = 0, spare_end_ = 0;
  bool between_ = false;  // a stream has ended
  bool has_more_ = false;
  bool ended_ = false;
};

constexpr int kGzip = 16;  // as zlib's inflateInit2 has it

/// zlib checks the checksum and the size of each member.
class GzipReader final : public InflateReader {
 public:
  explicit GzipReader(Source& from) : InflateReader(from, MAX_WBITS + kGzip, "the gzip data") {}

 private:
  void inflated(const char*, std::size_t) override {}

  bool ends() override {
    bool padded = false;  // as on tapes: gzip(1) takes zeros behind the last member, too
    for (; refill() && next_byte() == 0; drop_byte()) padded = true;
    if (!refill()) return true;
    if (padded || next_byte() != static_cast<unsigned char>(kGzipMagic[0]))
      fail_damaged("bytes that are not gzip data follow");
    begin_again();
    return false;
  }
};

class MemberReader final : public InflateReader {
 public:
  MemberReader(std::unique_ptr<Source> from, const Inflated& expected)
      : InflateReader(*from, -MAX_WBITS, "the deflated data"),
        own_(std::move(from)),
        expected_(expected) {}

 private:
  void inflated(const char* bytes, std::size_t size) override {
    crc_ = crc32_of(crc_, bytes, size);
    size_ += size;
    if (size_ > expected_.size) {
      fail("more is inflated than the " + std::to_string(expected_.size) +
           " bytes that the archive says");
    }
  }

  bool ends() override {
    if (refill()) fail_damaged("bytes follow the end of the member");
    if (size_ != expected_.size) {
      fail(std::to_string(size_) + " bytes are inflated, and the archive says " +
           std::to_string(expected_.size));
    }
    if (crc_ != expected_.crc) fail("the checksum (CRC-32) is not that of the archive: damaged");
    return true;
  }

  std::unique_ptr<Source> own_;
  Inflated expected_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace

std::shared_ptr<Reader> gunzip(Source& source) { return std::make_shared<GzipReader>(source); }

std::shared_ptr<Reader> inflate(Source source, const Inflated& expected) {
  return std::make_shared<MemberReader>(std::make_unique<Source>(std::move(source)), expected);
}

}  // namespace rectify::inline v1
