// The format of print(tensor): written only. Several columns each stand under a line with their
// name.

#include <algorithm>

#include "format.hpp"
#include "torch_printer.hpp"
#include "workers.hpp"

namespace rectify::inline v1 {
namespace {

class TorchEncoder final : public detail::Encoder {
 public:
  TorchEncoder(Output& output, const PrintOptions& options) : output_(output), options_(options) {}

  // The width of a column depends on every element shown.
  bool takes_slabs(const Result&, std::size_t) const override { return false; }

  const PrintOptions* edges() const override { return &options_; }

  void use_threads(unsigned threads) override { threads_ = threads; }

  // A long text is made as it is written: it is never held.
  void encode(Result& result, std::string& text) const override {
    if (is_long(result)) return;
    for (const Column& column : result.columns) {
      text += heading(result, column);
      text += result.whole ? to_string(column.tensor, *result.whole, options_)
                           : to_string(column.tensor, options_);
      text += '\n';
    }
    // The shape is all that put() asks for.
    if (!result.whole) result.whole = result.columns[0].tensor.shape();
    result.columns.clear();
    result.style = nullptr;
  }

  void put(const Result& result, std::string_view text) override {
    const Shape& shape = result.whole ? *result.whole : result.columns[0].tensor.shape();
    // A tensor over the threshold whose dimensions are all short is printed whole.
    const bool is_cut = std::any_of(shape.begin(), shape.end(), [&](std::int64_t size) {
      return shown_size(size, options_) < size;
    });
    ++printed_.tensors;
    if (is_cut && summarises(shape, options_) && ++printed_.shortened == 1)
      printed_.first_shortened = shape;
    output_.write(text);
    if (!is_long(result)) return;
    for (const Column& column : result.columns) {
      output_.write(heading(result, column));
      write_pieces(column.tensor);
      output_.write("\n");
    }
  }

  Printed printed() const override { return printed_; }

 private:
  static constexpr std::int64_t kLong = 100'000;

  /// Whether a tensor of many elements is among them, of which all are shown.
  bool is_long(const Result& result) const {
    return !result.whole &&
           std::any_of(result.columns.begin(), result.columns.end(), [&](const Column& column) {
             const Tensor& tensor = column.tensor;
             return tensor.numel() > kLong && !summarises(tensor.shape(), options_);
           });
  }

  /// The line in front of one of several.
  static std::string heading(const Result& result, const Column& column) {
    const std::string name =
        is_named(result) ? escaped(name_of(result.name, column)) : column.label;
    return name.empty() && !is_named(result) ? "" : name + ":\n";
  }

  void write_pieces(const Tensor& tensor) {
    struct Piece {
      std::int64_t index = 0;
      std::string text;
    };
    const TorchText text(tensor, tensor.shape(), options_);
    std::int64_t next = 0;
    std::size_t line = 0;
    ordered<Piece>(
        threads_,
        [&](Piece& piece, const auto&) {
          if (next == text.pieces()) return false;
          piece.index = next++;
          piece.text.clear();
          return true;
        },
        [&](const Piece& piece) { return piece.index + 1 == text.pieces(); },
        [&](Piece& piece) { text.append(piece.index, piece.text); },
        [&](Piece& piece) {
          line = last_line(piece.text, line);
          output_.write(piece.text);
        });
    output_.write(text.end(line));
  }

  Output& output_;
  PrintOptions options_;
  unsigned threads_ = 1;
  Printed printed_;
};

}  // namespace

std::unique_ptr<detail::Encoder> torch_encoder(Output& output, const WriteOptions& options) {
  to_string(Tensor(), options.print);  // refuses options out of range before anything is read
  return std::make_unique<TorchEncoder>(output, options.print);
}

}  // namespace rectify::inline v1
