// The functions of plain arithmetic: relu and leaky_relu and their kin, the hard approximations, the
// shrinking ones, softsign. Body and tail of PyTorch's loops give the same bits, but for NaN and
// zeros in some gradients, where the body is followed.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "activation/elementary.hpp"
#include "activation/loops.hpp"
#include "rectify/random.hpp"

namespace rectify::inline v1 {
namespace function {

using elementary::magnitude;
using elementary::select;
using elementary::with_sign;

/// A parameter in the type of the arithmetic; what is cut off an integer's is PyTorch's doing.
template <class T>
Compute<T> constant(double value) {
  return static_cast<Compute<T>>(value);
}

/// The same, rounded to the dtype, as PyTorch has some of them for 16 bits.
template <class T>
Compute<T> rounded_constant(double value) {
  if constexpr (is_half<T>) return rounded<T>(static_cast<float>(value));
  return constant<T>(value);
}

/// x between two limits: NaN stays, and of equal zeros x.
template <class C>
RECTIFY_INLINE C clamp(C x, C low, C high) {
  const C above = select(x < low, low, x);
  return select(above > high, high, above);
}

/// aten/src/ATen/native/Activation.cpp: relu is clamp_min(0), threshold_backward its gradient.
template <class T>
struct Relu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::kept;
  static constexpr bool at_memory_speed = true;

  explicit Relu(const Values&) {}

  RECTIFY_INLINE C forward(C x) const {
    return x < 0 ? C{0} : x;  // keeps -0.0 and NaN
  }
  RECTIFY_INLINE C derivative(C x) const {
    return x <= 0 ? C{0} : C{1};  // 1 at NaN: PyTorch's quirk, kept on purpose
  }
  RECTIFY_INLINE C derivative_of_output(C y) const { return derivative(y); }
};

/// aten/src/ATen/native/cpu/Activation.cpp: leaky_relu_kernel and leaky_relu_backward_kernel.
template <class T>
struct LeakyRelu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;
  static constexpr bool at_memory_speed = true;

  explicit LeakyRelu(const Values& values) : slope(constant<T>(values[0])) {}

  RECTIFY_INLINE C forward(C x) const {
    const C scaled = x * slope;
    return x > 0 ? x : scaled;
  }
  RECTIFY_INLINE C derivative(C x) const { return x > 0 ? C{1} : slope; }
  RECTIFY_INLINE C derivative_of_output(C y) const { return derivative(y); }

  C slope;
};

/// In evaluation rrelu is leaky_relu of the slope in the middle.
template <class T>
struct RRelu : LeakyRelu<T> {
  explicit RRelu(const Values& values) : LeakyRelu<T>(Values::of({(values[0] + values[1]) / 2})) {}
};

/// aten/src/ATen/native/cpu/Activation.cpp: prelu_kernel; the weight is a tensor of the dtype.
template <class T>
struct PRelu {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit PRelu(double value) : weight(rounded_constant<T>(value)) {}

  RECTIFY_INLINE C forward(C x) const {
    const C scaled = weight * x;
    return x > 0 ? x : scaled;
  }
  RECTIFY_INLINE C derivative(C x) const { return x > 0 ? C{1} : weight; }

  C weight;
};

/// aten/src/ATen/native/Activation.cpp: relu6 is hardtanh from 0 to 6; the gradient is that of
/// hardtanh_backward_kernel in cpu/Activation.cpp.
template <class T>
struct Relu6 {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::kept;

  explicit Relu6(const Values&) {}

  RECTIFY_INLINE C forward(C x) const { return clamp(x, C{0}, C{6}); }
  RECTIFY_INLINE C derivative(C x) const {
    return x > 0 && x < 6 ? C{1} : C{0};  // 0 at NaN
  }
};

/// aten/src/ATen/native/Activation.cpp: hardtanh is clamp, whose limits are of the dtype; those of
/// the gradient are of the arithmetic.
template <class T>
struct Hardtanh {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::kept;

  explicit Hardtanh(const Values& values)
      : low(rounded_constant<T>(values[0])),
        high(rounded_constant<T>(values[1])),
        gradient_low(constant<T>(values[0])),
        gradient_high(constant<T>(values[1])),
        limits_are_nan(std::isnan(values[0]) || std::isnan(values[1])) {}

  RECTIFY_INLINE C forward(C x) const {
    return limits_are_nan ? std::numeric_limits<C>::quiet_NaN() : clamp(x, low, high);
  }
  RECTIFY_INLINE C derivative(C x) const {
    return select((x > gradient_low) & (x < gradient_high), C{1}, C{0});  // 0 at NaN
  }

  C low, high, gradient_low, gradient_high;
  bool limits_are_nan;  // one of them; then clamp is NaN, whatever x is
};

/// aten/src/ATen/native/cpu/Activation.cpp: hardswish_kernel and hardswish_backward_kernel.
template <class T>
struct Hardswish {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit Hardswish(const Values&) {}

  RECTIFY_INLINE C forward(C x) const { return x * clamp(x + 3, C{0}, C{6}) / 6; }
  RECTIFY_INLINE C derivative(C x) const {
    return select(x <= -3, C{0}, select(x >= 3, C{1}, x / 3 + C(0.5)));
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: hardsigmoid_kernel and hardsigmoid_backward_kernel, whose
/// sixth is float32's for float64, too.
template <class T>
struct Hardsigmoid {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit Hardsigmoid(const Values&) {}

  RECTIFY_INLINE C forward(C x) const { return clamp(x + 3, C{0}, C{6}) / 6; }
  RECTIFY_INLINE C derivative(C x) const {
    return select((x > -3) & (x < 3), C(1.0f / 6.0f), C{0});
  }
};

/// aten/src/ATen/native/cpu/Activation.cpp: threshold_kernel. NaN passes, and so does its gradient.
template <class T>
struct Threshold {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::kept;

  explicit Threshold(const Values& values)
      : threshold(constant<T>(values[0])), value(rounded_constant<T>(values[1])) {}

  RECTIFY_INLINE C forward(C x) const { return select(x <= threshold, value, x); }
  RECTIFY_INLINE C derivative(C x) const { return select(x <= threshold, C{0}, C{1}); }

  C threshold, value;
};

/// aten/src/ATen/native/cpu/Activation.cpp: shrink_backward_kernel, of both shrinking functions.
template <class T>
struct Shrink {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::none;

  explicit Shrink(const Values& values) : lambd(rounded_constant<T>(values[0])) {}

  RECTIFY_INLINE C derivative(C x) const {
    return select((x < -lambd) | (x > lambd), C{1}, C{0});  // 0 at NaN
  }

  C lambd;
};

/// hardshrink_kernel there.
template <class T>
struct Hardshrink : Shrink<T> {
  using C = Compute<T>;
  using Shrink<T>::Shrink;
  using Shrink<T>::lambd;

  RECTIFY_INLINE C forward(C x) const { return select((x >= -lambd) & (x <= lambd), C{0}, x); }
};

/// softshrink_kernel there.
template <class T>
struct Softshrink : Shrink<T> {
  using C = Compute<T>;
  using Shrink<T>::Shrink;
  using Shrink<T>::lambd;

  RECTIFY_INLINE C forward(C x) const {
    // lambd is 0 at least; NaN stays.
    return select(magnitude(x) <= lambd, C{0}, x - with_sign(lambd, x));
  }
};

/// torch/nn/functional.py: softsign is input / (input.abs() + 1); its gradient, that of these
/// operations. Each is rounded to the dtype.
template <class T>
struct Softsign {
  using C = Compute<T>;
  static constexpr Integers integers = Integers::as_float32;

  explicit Softsign(const Values&) {}

  RECTIFY_INLINE C forward(C x) const { return x / rounded<T>(magnitude(x) + 1); }

  /// The denominator is of the integer type, and wraps in it.
  template <class I>
  requires(!std::is_same_v<I, bool>) RECTIFY_INLINE float forward_of_integer(I x) const {
    const auto wrapped = static_cast<std::uint64_t>(static_cast<std::int64_t>(x));
    const auto denominator = static_cast<I>((x < 0 ? 0 - wrapped : wrapped) + 1);
    return static_cast<float>(x) / static_cast<float>(denominator);
  }

  RECTIFY_INLINE C derivative(C x) const {
    const C denominator = rounded<T>(magnitude(x) + 1);
    const C sign = select(x > 0, C{1}, select(x < 0, C{-1}, C{0}));
    const C quotient = rounded<T>(-rounded<T>(rounded<T>(x / denominator) / denominator));
    return rounded<T>(C{1} / denominator) + rounded<T>(quotient * sign);
  }
};

}  // namespace function

RECTIFY_FUNCTION_WITH_OUTPUT(Relu)
RECTIFY_FUNCTION_WITH_OUTPUT(LeakyRelu)
RECTIFY_FUNCTION(Relu6)
RECTIFY_FUNCTION(Hardtanh)
RECTIFY_FUNCTION(Hardswish)
RECTIFY_FUNCTION(Hardsigmoid)
RECTIFY_FUNCTION(Threshold)
RECTIFY_FUNCTION(Hardshrink)
RECTIFY_FUNCTION(Softshrink)
RECTIFY_FUNCTION(Softsign)

// ---- prelu --------------------------------------------------------------------------------------

namespace {

using function::PRelu;

/// Elements of channels, each of which has a weight: `inner` of one follow one another.
template <class Op, class T>
struct LoopOverChannels {
  template <Target kTarget>
  RECTIFY_INLINE static void run(const PRelu<T>* channels, const T* from, T* to,
                                 const Extent* extent) {
    Exactly how;
    for (std::size_t outer = 0; outer < extent->outer; ++outer) {
      if (extent->inner == 1) {
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < extent->size; ++c)
          to[c] = narrow<T>(Op::of(channels[c], widen(from[c]), how));
      } else {
        for (std::size_t c = 0; c < extent->size; ++c)
          Loop<Op, T>::template run<kTarget>(channels[c], from + c * extent->inner,
                                             to + c * extent->inner, extent->inner);
      }
      from += extent->size * extent->inner;
      to += extent->size * extent->inner;
    }
  }
};

template <class Op>
void prelu(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
           const Values& values) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      const T* const first = reinterpret_cast<const T*>(from);
      T* const out = reinterpret_cast<T*>(to);
      if (values.list.size() == 1) {
        return run_on_target<Loop<Op, T>>(PRelu<T>(values.list[0]), first, out, extent.numel());
      }
      const std::vector<PRelu<T>> channels(values.list.begin(), values.list.end());
      run_on_target<LoopOverChannels<Op, T>>(channels.data(), first, out, &extent);
    } else {
      refuse_kernel();
    }
  });
}

}  // namespace

void prelu_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                   const Values& values) {
  prelu<Forward>(dtype, from, to, extent, values);
}

void prelu_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                    const Values& values) {
  prelu<Backward>(dtype, from, to, extent, values);
}

// ---- rrelu --------------------------------------------------------------------------------------

namespace {

/// aten/src/ATen/native/Activation.cpp: _rrelu_with_noise_train. Elements in their order; each that is
/// not above zero draws a slope from PyTorch's generator, two words of MT19937 with the first one
/// high, of which the low 53 bits are the fraction (ATen/core/DistributionsHelper.h,
/// uniform_real_distribution<double>).
template <class T>
void rrelu_in_training(const T* from, T* to, std::size_t n, const Values& values, bool gradient) {
  using C = Compute<T>;
  const auto lower = static_cast<double>(static_cast<C>(values[0]));
  const auto upper = static_cast<double>(static_cast<C>(values[1]));
  MersenneTwister words(values.seed);
  words.discard(values.drawn);
  for (std::size_t i = 0; i < n; ++i) {
    const C x = widen(from[i]);
    C slope{1};
    if (x <= 0) {
      const std::uint64_t high = words();
      const std::uint64_t low = words();
      const std::uint64_t bits = (high << 32 | low) & ((std::uint64_t{1} << 53) - 1);
      slope = static_cast<C>(static_cast<double>(bits) * 0x1p-53 * (upper - lower) + lower);
    }
    to[i] = narrow<T>(gradient ? slope : x <= 0 ? x * slope : x);
  }
}

template <class Op>
void rrelu(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
           const Values& values) {
  constexpr std::size_t kTraining = 2;
  if (values[kTraining] == 0)
    return elementwise<function::RRelu, Op>(dtype, from, to, extent, values);
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      rrelu_in_training(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), extent.numel(),
                        values, std::is_same_v<Op, Backward>);
    } else {
      refuse_kernel();
    }
  });
}

}  // namespace

void rrelu_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                   const Values& values) {
  rrelu<Forward>(dtype, from, to, extent, values);
}

void rrelu_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                    const Values& values) {
  rrelu<Backward>(dtype, from, to, extent, values);
}

}  // namespace rectify::inline v1
