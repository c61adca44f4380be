// Both rectifiers on four numbers, printed as PyTorch prints them.

#include <iostream>
#include <rectify/rectify.hpp>

int main() {
  const auto x = rectify::Tensor::of<float>({2, -4, 5, -6});
  std::cout << rectify::to_string(rectify::nn::ReLU{}(x)) << '\n';
  std::cout << rectify::to_string(rectify::nn::LeakyReLU{.negative_slope = 0.4}(x)) << '\n';
}
