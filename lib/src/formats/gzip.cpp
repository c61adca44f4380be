// Gzip data, read as what they hold.

#include <utility>

#include "format.hpp"
#include "io/inflate.hpp"

namespace rectify::inline v1 {
namespace {

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder(Source& source, const ReadOptions& options, const Wanted& wanted)
      : inflated_(gunzip(source), source.name()),
        decoder_(make_decoder(inflated_, options, wanted, true)) {}

  void restrict_to(const Part&) override {
    throw Error(ErrorKind::usage,
                option("part") + " takes what can be read anywhere, and gzip data come in order",
                {}, {inflated_.name()});
  }
  bool cut(Chunk& chunk) override { return decoder_->cut(chunk); }
  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    decoder_->decode(chunk, results);
  }
  void decoded(const Chunk& chunk) override { decoder_->decoded(chunk); }
  std::optional<std::vector<Entry>> entries() const override { return decoder_->entries(); }
  std::uint64_t lines_before() const override { return decoder_->lines_before(); }
  bool has_columns() const override { return decoder_->has_columns(); }
  std::optional<Error> note() const override { return decoder_->note(); }

 private:
  Source inflated_;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace

std::unique_ptr<Decoder> gzip_decoder(Source& source, const ReadOptions& options,
                                      const Wanted& wanted) {
  return std::make_unique<GzipDecoder>(source, options, wanted);
}

}  // namespace rectify::inline v1
