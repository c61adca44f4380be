// The format of print(tensor): written only. Several columns each stand under a line with their
// name.

#include <algorithm>

#include "format.hpp"

namespace rectify::inline v1 {
namespace {

class TorchEncoder final : public detail::Encoder {
 public:
  TorchEncoder(Output& output, const PrintOptions& options) : output_(output), options_(options) {}

  // The width of a column depends on every element shown.
  bool takes_slabs(const Result&, std::size_t) const override { return false; }

  const PrintOptions* edges() const override { return &options_; }

  void encode(const Result& result, std::string& text) const override {
    for (const Column& column : result.columns) {
      const std::string name =
          result.name.empty() ? column.label : escaped(name_of(result.name, column));
      if (!name.empty()) text += name + ":\n";
      text += result.whole ? to_string(column.tensor, *result.whole, options_)
                           : to_string(column.tensor, options_);
      text += '\n';
    }
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
  }

  Printed printed() const override { return printed_; }

 private:
  Output& output_;
  PrintOptions options_;
  Printed printed_;
};

}  // namespace

std::unique_ptr<detail::Encoder> torch_encoder(Output& output, const WriteOptions& options) {
  to_string(Tensor(), options.print);  // refuses options out of range before anything is read
  return std::make_unique<TorchEncoder>(output, options.print);
}

}  // namespace rectify::inline v1
