// The format of print(tensor): written only. Several columns each stand under a line with their
// name.

#include "format.hpp"

namespace rectify {
namespace {

class TorchEncoder final : public detail::Encoder {
 public:
  TorchEncoder(Output& output, const PrintOptions& options) : output_(output), options_(options) {}

  // The width of a column depends on every element shown.
  bool takes_slabs(const Result&) const override { return false; }

  const PrintOptions* edges() const override { return &options_; }

  void encode(const Result& result, std::string& text) const override {
    for (const Column& column : result.columns) {
      if (!column.label.empty()) text += column.label + ":\n";
      text += result.whole ? to_string(column.tensor, *result.whole, options_)
                           : to_string(column.tensor, options_);
      text += '\n';
    }
  }

  void put(const Result&, std::string_view text) override { output_.write(text); }

 private:
  Output& output_;
  PrintOptions options_;
};

}  // namespace

std::unique_ptr<detail::Encoder> torch_encoder(Output& output, const WriteOptions& options) {
  to_string(Tensor(), options.print);  // refuses options out of range before anything is read
  return std::make_unique<TorchEncoder>(output, options.print);
}

}  // namespace rectify
