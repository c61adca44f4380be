// The kernels that the rows of the table name. What they do stands beside the functions they run:
// piecewise.cpp, exponential.cpp, hyperbolic.cpp, gaussian.cpp, softmax.cpp, glu.cpp.
#pragma once

#include <cstddef>

#include "rectify/activation.hpp"
#include "rectify/tensor.hpp"

namespace rectify::inline v1 {

/// The kernels of a function of single elements, which loops.hpp describes.
template <template <class T> class Function>
void forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
             const Values& values);
template <template <class T> class Function>
void backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
              const Values& values);
template <template <class T> class Function>
void backward_of_output(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                        const Values& values);

/// Whether a function takes integers, and what it makes of them.
enum class Integers { none, kept, as_float32 };

namespace function {
template <class T>
struct Relu;
template <class T>
struct LeakyRelu;
template <class T>
struct Relu6;
template <class T>
struct RRelu;
template <class T>
struct Hardtanh;
template <class T>
struct Hardswish;
template <class T>
struct Hardsigmoid;
template <class T>
struct Threshold;
template <class T>
struct Hardshrink;
template <class T>
struct Softshrink;
template <class T>
struct Softsign;
template <class T>
struct Elu;
template <class T>
struct Selu;
template <class T>
struct Silu;
template <class T>
struct Sigmoid;
template <class T>
struct Logsigmoid;
template <class T>
struct Tanh;
template <class T>
struct Tanhshrink;
template <class T>
struct Mish;
}  // namespace function

// The others, each with loops of its own.
using KernelFunction = void(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                            const Values& values);

/// A weight for all elements, or one a channel.
KernelFunction prelu_forward, prelu_backward;
/// leaky_relu of the mean slope or, in training, of a random slope for each element.
KernelFunction rrelu_forward, rrelu_backward;
KernelFunction celu_forward, celu_backward, celu_backward_of_output;
KernelFunction softplus_forward, softplus_backward;
/// By the error function, or by the approximation with tanh.
KernelFunction gelu_forward, gelu_backward;
/// The first half of each slice times the sigmoid of the second.
KernelFunction glu_forward, glu_backward;
KernelFunction softmax_forward, softmax_backward;
KernelFunction softmin_forward, softmin_backward;
KernelFunction log_softmax_forward, log_softmax_backward;

}  // namespace rectify::inline v1
