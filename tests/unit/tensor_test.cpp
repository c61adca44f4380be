#include "rectify/tensor.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "golden.hpp"
#include "rectify/activation.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"
#include "rectify/print.hpp"

using namespace rectify;

TEST_CASE("copies share their elements, a clone does not") {
  Tensor a = Tensor::of<float>({1, 2});
  Tensor b = a;
  Tensor c = a.clone();
  b.data<float>()[0] = 9;
  CHECK(a.data<float>()[0] == 9);
  CHECK(c.data<float>()[0] == 1);
}

TEST_CASE("a tensor that was moved from can be assigned to, and has no elements") {
  Tensor from = Tensor::of({1.0f, -2.0f});
  Tensor to = std::move(from);
  CHECK(to.numel() == 2);
  // NOLINTBEGIN(bugprone-use-after-move): that is what is tried
  CHECK(from.numel() == 0);
  const std::function<void()> uses[] = {
      [&] { from.bytes(); },
      [&] { from.data<float>(); },
      [&] { from.clone(); },
      [&] { from.to(DType::float32); },
      [&] { from.to(DType::float64); },
      [&] { to_string(from); },
      [&] { functional::relu(from); },
      [&] { functional::relu(from, true); },
      [&] { gradient(Module::parse("gelu"), from); },
      [&] { functional::softmax(from, 0); },
  };
  for (const auto& use : uses) CHECK_THROWS_AS(use(), Error);
  // NOLINTEND(bugprone-use-after-move)
  from = to.clone();
  CHECK(from.data<float>()[1] == -2.0f);
  Tensor& same = to;
  to = std::move(same);
  CHECK(to.data<float>()[0] == 1.0f);
}

TEST_CASE("elements begin at a cache line, however many there are") {
  for (const std::int64_t size : {0, 1, 63, 64, 65, 1000, 100'000}) {
    CAPTURE(size);
    std::vector<Tensor> tensors;
    for (int i = 0; i < 20; ++i) {
      const Tensor& tensor = tensors.emplace_back(Tensor::empty({size}, DType::uint8));
      CHECK(reinterpret_cast<std::uintptr_t>(tensor.bytes()) % 64 == 0);
      CHECK((i == 0 || tensor.bytes() != tensors[0].bytes()));
    }
  }
  const Tensor tensor;
  CHECK(tensor.shape() == Shape{0});
  CHECK(tensor.bytes() != nullptr);
  CHECK(tensor.data<float>().empty());
  CHECK(tensor.clone().shape() == Shape{0});
  CHECK(tensor.reshape({3, 0}).numel() == 0);
  Tensor other = tensor;
  const Tensor moved = std::move(other);
  CHECK(moved.bytes() == tensor.bytes());
}

TEST_CASE("a shape whose elements cannot be counted is refused before anything is allocated") {
  struct Row {
    Shape shape;
    std::string_view why;
  };
  const Row rows[] = {
      {{-1}, "negative"},
      {{4294967296, 4294967296}, "the product is 2^64"},
      {{4611686018427387904}, "the bytes are 2^64"},
      {{0, std::numeric_limits<std::int64_t>::max()}, "a zero does not excuse the other size"},
      {{std::numeric_limits<std::int64_t>::max(), 0}, "nor behind it"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK_THROWS_AS(Tensor::empty(row.shape, DType::float32), Error);
  }
  CHECK(numel({}) == 1);
  CHECK(numel({2, 0, 3}) == 0);
}

TEST_CASE("elements are read as what they are, or not at all") {
  Tensor x = Tensor::of<float>({1});
  CHECK_THROWS_AS(x.data<double>(), Error);
  CHECK_THROWS_AS(x.reshape({2}), Error);
  CHECK_THROWS_AS(x.prefix({2}), Error);
  CHECK(x.reshape({1, 1}).shape() == Shape{1, 1});
}

TEST_CASE("values have to fill the shape") {
  const float values[] = {1, 2, 3};
  CHECK_THROWS_WITH_AS(Tensor::of<float>(values, {2, 2}), "3 values do not fill the shape [2, 2]",
                       Error);
  CHECK(Tensor::of<float>(values, {3, 1}).numel() == 3);
}

TEST_CASE("a tensor is made of a vector, an array or a span") {
  const std::vector<float> vector = {1, 2, 3, 4};
  CHECK(Tensor::of(vector).shape() == Shape{4});
  CHECK(Tensor::of(vector, {2, 2}).data<float>()[3] == 4);
  CHECK(Tensor::of(std::vector<std::int64_t>{5}).dtype() == DType::int64);
  CHECK(Tensor::of(std::array<double, 2>{1, 2}).dtype() == DType::float64);
  CHECK(Tensor::of(std::span(vector).first(2)).shape() == Shape{2});
  CHECK(Tensor::of(std::vector<double>{}).shape() == Shape{0});
  CHECK_THROWS_WITH_AS(Tensor::of(vector, {3}), "4 values do not fill the shape [3]", Error);
  Tensor copy = Tensor::of(vector);
  copy.data<float>()[0] = 9;
  CHECK(vector[0] == 1);
}

TEST_CASE("names of dtypes are torch's") {
  CHECK(find_dtype("float32") == DType::float32);
  CHECK(find_dtype("torch.bfloat16") == DType::bfloat16);
  CHECK(find_dtype("bool") == DType::boolean);
  CHECK_FALSE(find_dtype("float"));
  CHECK(to_string(Shape{2, 3}) == "[2, 3]");
}

TEST_CASE("conversions round as torch's do and refuse what does not fit") {
  struct Row {
    double value;
    DType to;
    double expected;  // NaN: refused
    std::string_view why;
  };
  const double refused = std::numeric_limits<double>::quiet_NaN();
  const Row rows[] = {
      {1.9, DType::int32, 1, "truncates"},
      {-1.9, DType::int32, -1, "toward zero"},
      {-0.9, DType::uint8, 0, "even below an unsigned zero"},
      {-1, DType::uint8, refused, "negative"},
      {127.9, DType::int8, 127, "just fits"},
      {128, DType::int8, refused, "one too many"},
      {-128.9, DType::int8, -128, "just fits below"},
      {-129, DType::int8, refused, "one too few"},
      {9223372036854774784.0, DType::int64, 9223372036854774784.0, "the largest double below 2^63"},
      {9223372036854775808.0, DType::int64, refused, "2^63"},
      {-9223372036854775808.0, DType::int64, -9223372036854775808.0, "-2^63"},
      {std::numeric_limits<double>::infinity(), DType::int64, refused, "infinity"},
      {refused, DType::int32, refused, "NaN"},
      {65519.99999999999, DType::float16, std::numeric_limits<double>::infinity(),
       "by way of float32, which is 65520"},
      {65519, DType::float16, 65504, "rounds down"},
      {1e300, DType::float32, std::numeric_limits<double>::infinity(), "too large for float32"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const Tensor x = Tensor::of<double>({row.value});
    if (std::isnan(row.expected)) {
      CHECK_THROWS_AS(x.to(row.to), Error);
    } else {
      CHECK(x.to(row.to).to(DType::float64).data<double>()[0] == row.expected);
    }
  }
}

TEST_CASE("every float16 and bfloat16 value goes to float32 and back") {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float half = to_float(float16{bits});
    const float brain = to_float(bfloat16{bits});
    if (half == half) CHECK(to_float16(half).bits == bits);
    if (brain == brain) CHECK(to_bfloat16(brain).bits == bits);
    CHECK((to_float16(half).bits & 0x7C00u) == (bits & 0x7C00u));
  }
}
