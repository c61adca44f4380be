// What float32 patterns become, by plain code of its own: nothing here calls the library.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace reference {

using Patterns = std::vector<std::uint32_t>;

/// The values and the gradients of PyTorch's relu and leaky_relu, bit for bit, NaN included: relu
/// keeps it as it is, leaky_relu makes a signalling one quiet.
Patterns relu(const Patterns& x);
Patterns relu_gradient(const Patterns& x);
Patterns leaky_relu(const Patterns& x, double slope);
Patterns leaky_relu_gradient(const Patterns& x, double slope);

/// Appends the text of a float32 as NumPy lays it out, of the fewest digits that read back to it by
/// way of a double. True if the fewest digits that read back directly would not do.
bool append_text(std::string& out, float x);

/// What PyTorch prints of a vector, an element a line.
enum class Notation { automatic, scientific, fixed };
std::string print(std::span<const float> x, Notation notation);

}  // namespace reference
