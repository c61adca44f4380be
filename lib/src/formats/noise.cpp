// Normal noise as an input: what randn() draws, slab by slab, so that memory does not grow with it.
// The generator's words are drawn where a chunk is cut; what is made of them is any thread's work.

#include <algorithm>
#include <optional>
#include <utility>

#include "format.hpp"
#include "io/reader.hpp"
#include "randn.hpp"
#include "rectify/random.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::int64_t kSlab = std::int64_t{1} << 15;

/// No bytes: the numbers are drawn by the decoder.
class NoiseReader final : public Reader {
 public:
  explicit NoiseReader(Noise noise) : noise_(std::move(noise)) {}

  std::size_t read(char*, std::size_t, std::size_t, const std::function<bool()>&) override {
    return 0;
  }
  std::optional<std::uint64_t> size() const override { return 0; }
  std::size_t read_at(std::uint64_t, char*, std::size_t) const override { return 0; }
  void seek(std::uint64_t) override {}
  const Noise* noise() const override { return &noise_; }

 private:
  Noise noise_;
};

class NoiseDecoder final : public Decoder {
 public:
  explicit NoiseDecoder(const Noise& noise)
      : shape_(noise.shape),
        dtype_(noise.dtype),
        n_(numel(noise.shape, noise.dtype)),
        generator_(noise.seed),
        words_(static_cast<std::uint32_t>(noise.seed)),
        draw_(static_cast<std::uint64_t>(n_), noise.dtype) {
    noise.drawn();  // whether randn() takes the dtype
  }

  void restrict_to(const Part&) override {
    throw Error(ErrorKind::usage, option("part") + " divides a file, and noise is not one");
  }

  bool cut(Chunk& chunk) override {
    if (ended_) return false;
    chunk.begins = row_ == 0;
    chunk.size = 0;
    if (!is_large()) {
      chunk.result = {};
      chunk.result.columns.push_back({"", randn(shape_, generator_, dtype_)});
      chunk.rows = 0;
      ended_ = true;
    } else {
      const std::int64_t fields = n_ / shape_[0];
      std::int64_t rows = std::min(shape_[0] - row_, std::max<std::int64_t>(1, kSlab / fields));
      const std::size_t count = draw_.fit(static_cast<std::uint64_t>(rows * fields));
      rows = static_cast<std::int64_t>(count) / fields;
      chunk.size = draw_.bytes(count);
      chunk.bytes.reserve(chunk.size, 0);
      chunk.drawn = draw_.draw(words_, count, reinterpret_cast<std::byte*>(chunk.bytes.data()));
      chunk.rows = rows;
      row_ += rows;
      ended_ = row_ == shape_[0];
    }
    chunk.ends = chunk.last = ended_;
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    Result result = std::exchange(chunk.result, {});
    if (is_large()) {
      Shape shape = shape_;
      shape[0] = chunk.rows;
      Tensor slab = Tensor::empty(std::move(shape), dtype_);
      make_normal(chunk.drawn, dtype_, reinterpret_cast<std::byte*>(chunk.bytes.data()),
                  slab.bytes());
      result.columns.push_back({"", std::move(slab)});
    }
    result.begins = chunk.begins;
    result.ends = chunk.ends;
    if (!shape_.empty()) result.length = shape_[0];
    if (shape_.size() >= 2) result.lines = Lines::slices;
    results.push_back(std::move(result));
  }

 private:
  bool is_large() const { return n_ >= static_cast<std::int64_t>(kNormalBlock); }

  Shape shape_;
  DType dtype_;
  std::int64_t n_;
  Generator generator_;    // of a small draw
  MersenneTwister words_;  // of a large one
  LargeDraw draw_;
  std::int64_t row_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Decoder> noise_decoder(const Noise& noise) {
  return std::make_unique<NoiseDecoder>(noise);
}

Source Source::noise(Noise noise, std::string name) {
  return Source(std::make_shared<NoiseReader>(std::move(noise)), std::move(name));
}

}  // namespace rectify::inline v1
