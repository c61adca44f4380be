// Three activations of the same values, and their gradients.
#include <iostream>
#include <rectify/rectify.hpp>

int main() {
  const auto x = rectify::Tensor::of<float>({-2, -0.5, 0, 1, 3});
  for (const rectify::Module& mode : rectify::Module::parse_list("relu, silu, gelu")) {
    std::cout << mode.text() << '\n'
              << rectify::to_string(rectify::apply(mode, x)) << '\n'
              << rectify::to_string(rectify::gradient(mode, x)) << '\n';
  }
}
