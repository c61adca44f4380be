// Tensors: a dtype, a shape and contiguous memory in C (row-major) order. No strides, no views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rectify/api.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

/// The element types, named as PyTorch names them (`boolean` is torch.bool).
enum class DType : std::uint8_t {
  float16,
  bfloat16,
  float32,
  float64,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  boolean
};

/// IEEE 754 binary16. A value is its bits; arithmetic is done in float and rounded once to nearest,
/// ties to even.
struct float16 {
  std::uint16_t bits = 0;
};

/// The upper half of a float32, as PyTorch's bfloat16. A value is its bits.
struct bfloat16 {
  std::uint16_t bits = 0;
};

/// "float32" for torch.float32, and so on; "bool" for DType::boolean.
std::string_view name(DType dtype);

/// The dtype of that name, with or without "torch."; nothing if there is none.
std::optional<DType> find_dtype(std::string_view name);

/// Bytes of one element.
std::size_t itemsize(DType dtype);

/// True for float16, bfloat16, float32 and float64.
bool is_floating_point(DType dtype);

/// Sizes of the dimensions, outermost first; empty for a 0-d tensor. No size is negative.
using Shape = std::vector<std::int64_t>;

/// The number of elements: the product of the sizes, 1 for a 0-d shape.
/// Throws Error{data} if a size is negative, or if the bytes of such a tensor of `dtype` could not
/// be counted in 63 bits (whatever zeros stand beside an impossible size).
std::int64_t numel(const Shape& shape, DType dtype = DType::float64);

/// "[2, 3]", as torch.Size prints it between its parentheses.
std::string to_string(const Shape& shape);

namespace detail {
template <class T>
struct dtype_of;
template <>
struct dtype_of<float16> {
  static constexpr DType value = DType::float16;
};
template <>
struct dtype_of<bfloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct dtype_of<std::int8_t> {
  static constexpr DType value = DType::int8;
};
template <>
struct dtype_of<std::int16_t> {
  static constexpr DType value = DType::int16;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct dtype_of<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct dtype_of<std::uint16_t> {
  static constexpr DType value = DType::uint16;
};
template <>
struct dtype_of<std::uint32_t> {
  static constexpr DType value = DType::uint32;
};
template <>
struct dtype_of<std::uint64_t> {
  static constexpr DType value = DType::uint64;
};
template <>
struct dtype_of<bool> {
  static constexpr DType value = DType::boolean;
};
}  // namespace detail

template <class T>
inline constexpr DType dtype_of = detail::dtype_of<T>::value;

/// A std::vector, std::array or std::span of a dtype's elements, an array, or what else lies in
/// memory one element behind the other. Not std::vector<bool>, which has bits.
template <class R>
concept ElementRange = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> && requires {
  detail::dtype_of<std::ranges::range_value_t<R>>::value;
};

/// One whose elements may be changed, and are there beyond the call that it is given to: not a
/// container that is a temporary.
template <class R>
concept MutableElementRange = ElementRange<R> && std::ranges::borrowed_range<R> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

/// Elements in memory that somebody else owns, to be changed there: a parameter's type, which takes
/// any MutableElementRange. It owns nothing, and must not outlive the memory.
class Elements {
 public:
  template <MutableElementRange R>
  // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload)
  Elements(R&& range)
      : bytes_(reinterpret_cast<std::byte*>(std::ranges::data(range))),
        size_(std::ranges::size(range)),
        dtype_(rectify::dtype_of<std::ranges::range_value_t<R>>) {}

  DType dtype() const { return dtype_; }
  std::size_t size() const { return size_; }
  std::byte* bytes() const { return bytes_; }

 private:
  std::byte* bytes_;
  std::size_t size_;
  DType dtype_;
};

/// A handle on memory, as in PyTorch: copies of a Tensor share their elements, clone() does not. One that was
/// moved from can be assigned to; who asks for its elements gets Error{usage}.
class Tensor {
 public:
  /// An empty float32 tensor of shape [0].
  Tensor();

  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&& other) noexcept
      : memory_(std::move(other.memory_)),
        shape_(std::move(other.shape_)),
        numel_(std::exchange(other.numel_, 0)),
        dtype_(other.dtype_) {}
  Tensor& operator=(Tensor&& other) noexcept {
    if (this == &other) return *this;
    memory_ = std::move(other.memory_);
    shape_ = std::move(other.shape_);
    numel_ = std::exchange(other.numel_, 0);
    dtype_ = other.dtype_;
    return *this;
  }
  ~Tensor() = default;

  /// A tensor of that shape whose elements are not set. Throws as numel() does; std::bad_alloc if
  /// there is no memory.
  static Tensor empty(Shape shape, DType dtype);

  /// A tensor with these elements, in C order; their number must be numel(shape), else
  /// Error{usage}.
  template <class T>
  static Tensor of(std::span<const T> values, Shape shape);
  template <class T>
  static Tensor of(std::initializer_list<T> values) {
    return of(std::span<const T>(values.begin(), values.size()),
              {static_cast<std::int64_t>(values.size())});
  }
  /// The same of a std::vector and its like; without a shape, of one dimension.
  template <ElementRange R>
  static Tensor of(const R& values, Shape shape) {
    return of(std::span<const std::ranges::range_value_t<R>>(std::ranges::data(values),
                                                             std::ranges::size(values)),
              std::move(shape));
  }
  template <ElementRange R>
  static Tensor of(const R& values) {
    return of(values, {static_cast<std::int64_t>(std::ranges::size(values))});
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t dim() const { return shape_.size(); }
  std::int64_t numel() const { return numel_; }
  std::size_t nbytes() const { return static_cast<std::size_t>(numel_) * itemsize(dtype_); }

  /// The elements in C order. Throws Error{usage} if T is not this tensor's element type.
  template <class T>
  std::span<T> data() {
    check(dtype_of<T>);
    return {static_cast<T*>(memory_.get()), static_cast<std::size_t>(numel_)};
  }
  template <class T>
  std::span<const T> data() const {
    check(dtype_of<T>);
    return {static_cast<const T*>(memory_.get()), static_cast<std::size_t>(numel_)};
  }

  /// The elements as raw bytes, in C order and the machine's byte order. 64-byte aligned. Those of
  /// bool must be 0 or 1 before anything reads them as elements.
  std::byte* bytes() {
    if (memory_ == nullptr) refuse_moved();
    return static_cast<std::byte*>(memory_.get());
  }
  const std::byte* bytes() const {
    if (memory_ == nullptr) refuse_moved();
    return static_cast<const std::byte*>(memory_.get());
  }

  /// A copy with memory of its own.
  Tensor clone() const;

  /// The same memory under another shape with as many elements, else Error{usage}.
  Tensor reshape(Shape shape) const;

  /// The first elements as a tensor of that shape, which must not have more of them, else
  /// Error{usage}. Shares memory.
  Tensor prefix(Shape shape) const;

  /// The elements converted, in memory of its own unless the dtype is already that. As PyTorch's
  /// .to(): to 16 bits by way of float32, to an integer by truncation. Unlike it, what an integer
  /// dtype cannot hold (NaN, infinities, 300 in int8) throws Error{data} instead of wrapping.
  Tensor to(DType dtype) const;

 private:
  explicit Tensor(DType dtype) : dtype_(dtype) {}
  /// Throws unless that is its dtype, and it has elements to be read.
  void check(DType wanted) const;
  [[noreturn]] static void refuse_moved();

  std::shared_ptr<void> memory_;
  Shape shape_;
  std::int64_t numel_ = 0;
  DType dtype_ = DType::float32;
};

}  // namespace v1
}  // namespace rectify
