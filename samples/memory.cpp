// Memory of one's own: a vector, an array or a span of floats or doubles is rectified where it is.

#include <iostream>
#include <rectify/rectify.hpp>
#include <span>
#include <vector>

namespace {

template <class Range>
void show(const char* what, const Range& values) {
  std::cout << what;
  for (const auto value : values) std::cout << ' ' << value;
  std::cout << '\n';
}

}  // namespace

int main() {
  namespace F = rectify::functional;

  std::vector<float> acts = {2, -4, 5, -6};
  F::leaky_relu(acts, 0.4);
  show("leaky_relu:", acts);

  // A part of a buffer that another library has allocated: a pointer and a size.
  double buffer[] = {-1, -2, -3, -4};
  const std::span<double> middle(buffer + 1, 2);
  F::relu(middle);
  show("relu of the middle:", buffer);

  // With values of one's own, a Tensor is a copy that has a shape, and is printed as in PyTorch.
  const rectify::Tensor x = rectify::Tensor::of(acts, {2, 2});
  std::cout << rectify::to_string(x) << '\n';
  show("a tensor's elements:", x.data<float>());
}
