// What "in place" means: the result is the input's memory. Also gradients, and what is refused.

#include <iostream>
#include <rectify/rectify.hpp>

int main() {
  using namespace rectify;
  using functional::leaky_relu;

  // A Tensor is a handle, as in PyTorch: copies share their elements, clone() does not.
  Tensor x = Tensor::of<double>({2, -4, 5, -6});
  const Tensor before = x.clone();

  const Tensor y = leaky_relu(x, 0.4, /*inplace=*/true);
  std::cout << "x, after the call:    " << to_string(x) << '\n';
  std::cout << "y:                    " << to_string(y) << '\n';
  std::cout << "one memory:           " << (x.bytes() == y.bytes() ? "yes" : "no") << '\n';
  std::cout << "the clone:            " << to_string(before) << '\n';

  // The gradient that reaches the input on output.backward(torch.ones_like(output)).
  const Module leaky = Module::parse("LeakyReLU(negative_slope=0.4)");
  std::cout << "its gradient:         " << to_string(gradient(leaky, before)) << '\n';

  // The elements can be read and set in place, too.
  x.data<double>()[0] = -1;
  std::cout << "y, as x[0] is set:    " << to_string(y) << '\n';

  // In place, the output alone is left, and with a negative slope it no longer tells the input's
  // sign: PyTorch refuses this gradient, and so does rectify.
  try {
    gradient(leaky.with("negative_slope", -0.4), before.clone(), /*inplace=*/true);
  } catch (const Error& error) {
    std::cout << "refused:              " << error.message() << '\n';
  }
}
