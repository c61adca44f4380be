// Which units are dead: batches of activations, as a training loop has them, added one by one.

#include <iostream>
#include <rectify/rectify.hpp>
#include <vector>

int main() {
  using namespace rectify;

  // What is compared; the first is the baseline.
  CompareOptions options;
  options.modes = Module::parse_list("relu,leaky(0.1)");
  Tally tally(options, DType::float32, {0, 4});  // rows of 4 units

  // Three batches of what 4 units receive, of which the third is never positive.
  Generator generator(0);
  for (int batch = 0; batch < 3; ++batch) {
    Tensor x = randn({8, 4}, generator);
    for (std::size_t row = 0; row < 8; ++row) {
      float& third = x.data<float>()[row * 4 + 2];
      third = third > 0 ? -third : third;
    }
    tally.add(x);
  }

  const TensorFigures figures = tally.figures();
  for (const ActivationFigures& activation : figures.activations) {
    std::cout << activation.mode.label() << ": " << activation.dead_units << " of " << figures.units
              << " units dead";
    for (const std::int64_t unit : activation.dead_at) std::cout << ", unit " << unit;
    std::cout << "; mean gradient " << std::get<double>(activation.grad_mean) << '\n';
  }
}
