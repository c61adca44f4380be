// rectify: PyTorch's rectifiers without PyTorch, bit for bit.
//
// A Tensor (tensor.hpp) is a dtype, a shape and memory. What PyTorch does to it stands under
// PyTorch's names (nn.hpp):
//
//     rectify::Tensor x = rectify::Tensor::of<float>({2, -4, 5, -6});
//     rectify::Tensor y = rectify::nn::LeakyReLU{.negative_slope = 0.4}(x);
//     std::cout << rectify::to_string(y) << '\n';   // tensor([ 2.0000, -1.6000,  5.0000, -2.4000])
//
// The activations are also a table (activation.hpp) for code that lets its user choose. print.hpp
// writes what print(tensor) writes, random.hpp draws what torch.randn draws. Files and pipes go
// through stream.hpp: load() and save() for whole tensors, run() for inputs of any length in
// constant memory. Everything that goes wrong is an Error (error.hpp) with a place and a hint.
#pragma once

#include "rectify/activation.hpp"
#include "rectify/api.hpp"
#include "rectify/compare.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"
#include "rectify/print.hpp"
#include "rectify/random.hpp"
#include "rectify/stream.hpp"
#include "rectify/tensor.hpp"
