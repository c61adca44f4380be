#include "rectify/tensor.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "dispatch.hpp"
#include "half.hpp"
#include "rectify/error.hpp"
#include "sanitizers.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t itemsize;
};

constexpr Row kRows[] = {
    {DType::float16, "float16", 2}, {DType::bfloat16, "bfloat16", 2},
    {DType::float32, "float32", 4}, {DType::float64, "float64", 8},
    {DType::int8, "int8", 1},       {DType::int16, "int16", 2},
    {DType::int32, "int32", 4},     {DType::int64, "int64", 8},
    {DType::uint8, "uint8", 1},     {DType::uint16, "uint16", 2},
    {DType::uint32, "uint32", 4},   {DType::uint64, "uint64", 8},
    {DType::boolean, "bool", 1},
};

const Row& row(DType dtype) { return kRows[static_cast<std::size_t>(dtype)]; }

/// True if truncating `x` gives a value of the integer type To. The bounds are powers of two, hence
/// exact in a double.
template <class To>
bool fits(double x) {
  constexpr double kLowest = static_cast<double>(std::numeric_limits<To>::min());
  constexpr double kBeyond =
      2.0 * static_cast<double>(To{1} << (std::numeric_limits<To>::digits - 1));
  const double whole = std::trunc(x);
  return whole >= kLowest && whole < kBeyond;  // false for NaN
}

/// Names the value, not where it stands: a caller may hold a slab of a larger tensor.
template <class From>
[[noreturn]] void refuse(From value, DType to) {
  char text[32];
  char* const end = std::to_chars(text, text + sizeof text, value).ptr;
  throw Error(ErrorKind::data,
              std::string(text, end) + " cannot be converted to " + std::string(name(to)) +
                  " without overflow",
              "choose a wider dtype");
}

template <class From, class To>
void convert(std::span<const From> from, std::span<To> to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto x = widen(from[i]);
    if constexpr (std::is_same_v<To, bool>) {
      to[i] = x != 0;
    } else if constexpr (is_half<To>) {
      to[i] = narrow<To>(static_cast<float>(x));
    } else if constexpr (is_floating<To>) {
      to[i] = static_cast<To>(x);
    } else if constexpr (is_floating<From>) {
      const auto wide = static_cast<double>(x);
      if (!fits<To>(wide)) refuse(x, dtype_of<To>);
      to[i] = static_cast<To>(wide);
    } else {
      using Whole = std::conditional_t<std::is_same_v<From, bool>, std::uint8_t, From>;
      const auto whole = static_cast<Whole>(x);
      if (!std::in_range<To>(whole)) refuse(whole, dtype_of<To>);
      to[i] = static_cast<To>(x);
    }
  }
}

}  // namespace

std::string_view name(DType dtype) { return row(dtype).name; }

std::size_t itemsize(DType dtype) { return row(dtype).itemsize; }

bool is_floating_point(DType dtype) {
  return dispatch(dtype, [](auto type) { return is_floating<typename decltype(type)::type>; });
}

std::optional<DType> find_dtype(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::int64_t numel(const Shape& shape, DType dtype) {
  std::int64_t product = 1;
  std::int64_t bytes = static_cast<std::int64_t>(itemsize(dtype));  // of the sizes that are not 0
  for (const std::int64_t size : shape) {
    if (size < 0) {
      throw Error(ErrorKind::data,
                  "a dimension cannot have the negative size " + std::to_string(size));
    }
    if (size != 0 && __builtin_mul_overflow(bytes, size, &bytes)) {
      throw Error(ErrorKind::data,
                  "the shape " + to_string(shape) + " has more elements than can be addressed");
    }
    product = size == 0 ? 0 : product * size;
  }
  return product;
}

std::string to_string(const Shape& shape) {
  constexpr std::size_t kMost = 16;  // enough to recognize a shape in a message
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size() && i < kMost; ++i) {
    if (i != 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() > kMost ? ", ...]" : "]");
}

Tensor::Tensor() : shape_{0} {
  // It is not null, and nobody's: many are made to be assigned to, and none has an element.
  alignas(kAlignment) static std::byte nothing[kAlignment];
  memory_ = std::shared_ptr<void>(std::shared_ptr<void>(), nothing);
}

Tensor Tensor::empty(Shape shape, DType dtype) {
  Tensor tensor(dtype);
  tensor.numel_ = rectify::numel(shape, dtype);
  tensor.shape_ = std::move(shape);
  // A whole cache line at least, so that data() is never null.
  const std::size_t bytes = std::max(tensor.nbytes(), kAlignment);
#if RECTIFY_ASAN  // which sees a step beyond what was asked for
  constexpr std::align_val_t kAligned{kAlignment};
  tensor.memory_ = std::shared_ptr<void>(::operator new(bytes, kAligned),
                                         [](void* memory) { ::operator delete(memory, kAligned); });
#else
  // It is aligned here: malloc takes several times as long for that, while other threads wait.
  std::size_t room = bytes + kAlignment;
  auto memory = std::make_shared_for_overwrite<std::byte[]>(room);
  void* first = memory.get();
  std::align(kAlignment, bytes, first, room);
  tensor.memory_ = std::shared_ptr<void>(std::move(memory), first);
#endif
  return tensor;
}

template <class T>
// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved
Tensor Tensor::of(std::span<const T> values, Shape shape) {
  Tensor tensor = empty(std::move(shape), dtype_of<T>);
  if (tensor.numel() != static_cast<std::int64_t>(values.size())) {
    throw Error(ErrorKind::usage, std::to_string(values.size()) + " values do not fill the shape " +
                                      to_string(tensor.shape()));
  }
  if (!values.empty()) std::memcpy(tensor.bytes(), values.data(), tensor.nbytes());
  return tensor;
}

template Tensor Tensor::of<float16>(std::span<const float16>, Shape);
template Tensor Tensor::of<bfloat16>(std::span<const bfloat16>, Shape);
template Tensor Tensor::of<float>(std::span<const float>, Shape);
template Tensor Tensor::of<double>(std::span<const double>, Shape);
template Tensor Tensor::of<std::int8_t>(std::span<const std::int8_t>, Shape);
template Tensor Tensor::of<std::int16_t>(std::span<const std::int16_t>, Shape);
template Tensor Tensor::of<std::int32_t>(std::span<const std::int32_t>, Shape);
template Tensor Tensor::of<std::int64_t>(std::span<const std::int64_t>, Shape);
template Tensor Tensor::of<std::uint8_t>(std::span<const std::uint8_t>, Shape);
template Tensor Tensor::of<std::uint16_t>(std::span<const std::uint16_t>, Shape);
template Tensor Tensor::of<std::uint32_t>(std::span<const std::uint32_t>, Shape);
template Tensor Tensor::of<std::uint64_t>(std::span<const std::uint64_t>, Shape);
template Tensor Tensor::of<bool>(std::span<const bool>, Shape);

Tensor Tensor::clone() const {
  check(dtype_);
  Tensor copy = empty(shape_, dtype_);
  std::memcpy(copy.bytes(), bytes(), nbytes());
  return copy;
}

Tensor Tensor::reshape(Shape shape) const {
  if (rectify::numel(shape, dtype_) != numel_) {
    throw Error(ErrorKind::usage, "shape " + to_string(shape) + " is invalid for input of size " +
                                      std::to_string(numel_));
  }
  Tensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Tensor Tensor::prefix(Shape shape) const {
  const std::int64_t count = rectify::numel(shape, dtype_);
  if (count > numel_) {
    throw Error(ErrorKind::usage,
                "a prefix of shape " + to_string(shape) + " is longer than the tensor");
  }
  Tensor other = *this;
  other.shape_ = std::move(shape);
  other.numel_ = count;
  return other;
}

Tensor Tensor::to(DType dtype) const {
  check(dtype_);
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype);
  dispatch(dtype_, [&](auto from) {
    dispatch(dtype, [&](auto to) {
      convert<typename decltype(from)::type, typename decltype(to)::type>(
          data<typename decltype(from)::type>(), result.data<typename decltype(to)::type>());
    });
  });
  return result;
}

void Tensor::refuse_moved() {
  throw Error(ErrorKind::usage, "the tensor was moved from, and has no elements");
}

void Tensor::check(DType wanted) const {
  if (memory_ == nullptr) refuse_moved();
  if (wanted != dtype_) {
    throw Error(ErrorKind::usage, "expected a tensor of " + std::string(name(wanted)) +
                                      " but it has " + std::string(name(dtype_)));
  }
}

}  // namespace rectify::inline v1
