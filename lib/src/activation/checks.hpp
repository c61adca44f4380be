// What PyTorch refuses, in its words: an activation's check of dtype, shape and values.
#pragma once

#include <string>

#include "rectify/activation.hpp"

namespace rectify::inline v1 {

/// What PyTorch calls a dtype in "not implemented for 'Long'".
std::string scalar_type(DType dtype);

using Check = void(DType dtype, const Shape& shape, const Values& values);

Check check_relu, check_leaky_relu, check_relu6, check_hardtanh, check_prelu, check_rrelu;
Check check_elu, check_selu, check_celu, check_gelu, check_silu, check_mish;
Check check_hardswish, check_hardsigmoid, check_softplus, check_softsign, check_threshold;
Check check_tanhshrink, check_hardshrink, check_softshrink, check_logsigmoid, check_any;
Check check_glu, check_softmax, check_softmin, check_log_softmax;

using ValuesCheck = void(const Values& values);

ValuesCheck check_hardtanh_module;
ValuesCheck check_leaky_relu_inplace_backward, check_rrelu_inplace_backward;
ValuesCheck check_elu_inplace_backward;

}  // namespace rectify::inline v1
