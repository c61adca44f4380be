#include "rectify/activation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "golden.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"
#include "sha256.hpp"

using namespace rectify;

namespace {

/// The bytes with every NaN made the same one, as the recorded hashes have them.
std::string hash_of(Tensor tensor) {
  const bool is_float16 = tensor.dtype() == DType::float16;
  for (std::size_t i = 0; i < tensor.nbytes() / 2; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes() + 2 * i, 2);
    const std::uint16_t infinity = is_float16 ? 0x7C00 : 0x7F80;
    if ((bits & 0x7FFFu) > infinity) bits = is_float16 ? 0x7E00 : 0x7FC0;
    std::memcpy(tensor.bytes() + 2 * i, &bits, 2);
  }
  return sha256_hex({tensor.bytes(), tensor.nbytes()});
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

}  // namespace

TEST_CASE("values and gradients are PyTorch's, bit for bit, on every dtype and in place") {
  for (const nlohmann::json& record : golden("activations.jsonl")) {
    CAPTURE(record.dump().substr(0, 300));
    const Activation& activation = *find_activation(record.at("op").get<std::string>());
    Parameters parameters;
    if (record.contains("slope")) parameters.negative_slope = record.at("slope").get<double>();
    const bool inplace = record.value("inplace", false);
    const bool hashed = record.contains("recipe");
    const auto input = [&] {
      return hashed ? tensor_of(record) : tensor_of_field(record, "input");
    };

    if (record.contains("error")) {
      CHECK_THROWS_AS(apply(activation, input(), parameters, inplace), Error);
      continue;
    }
    const Tensor x = input();
    const Tensor y = apply(activation, x, parameters, inplace);
    CHECK((y.bytes() == x.bytes()) == inplace);
    if (hashed) {
      CHECK(hash_of(y) == record.at("output_sha256").get<std::string>());
      CHECK(hash_of(gradient(activation, input(), parameters)) ==
            record.at("grad_sha256").get<std::string>());
      continue;
    }
    CHECK(same_bits(y, tensor_of_field(record, "output")));
    if (record.contains("grad_error")) {
      CHECK_THROWS_AS(gradient(activation, input(), parameters, inplace), Error);
    } else if (record.contains("grad")) {
      CHECK(same_bits(gradient(activation, input(), parameters, inplace),
                      tensor_of_field(record, "grad")));
    } else {
      CHECK_THROWS_AS(gradient(activation, input(), parameters, inplace), Error);
    }
  }
}

TEST_CASE("modules and functions have torch's names and meaning") {
  const Tensor x = Tensor::of<float>({2, -4, 5, -6});
  CHECK(same_bits(nn::LeakyReLU{.negative_slope = 0.5}(x), Tensor::of<float>({2, -2, 5, -3})));
  CHECK(same_bits(functional::leaky_relu(x, 0.5), Tensor::of<float>({2, -2, 5, -3})));
  CHECK(same_bits(functional::leaky_relu(x), Tensor::of<float>({2, -4 * 0.01f, 5, -6 * 0.01f})));
  CHECK(same_bits(nn::ReLU{}(x), Tensor::of<float>({2, 0, 5, 0})));
  CHECK(same_bits(functional::relu(Tensor::of<std::int64_t>({-7, 7})),
                  Tensor::of<std::int64_t>({0, 7})));
  CHECK(x.data<float>()[1] == -4.0f);
}

TEST_CASE("in place, the result is the input's memory") {
  Tensor x = Tensor::of<double>({-1, 1});
  const Tensor y = nn::ReLU{.inplace = true}(x);
  CHECK(y.bytes() == x.bytes());
  CHECK(x.data<double>()[0] == 0.0);
}

TEST_CASE("what PyTorch refuses is refused in its words") {
  const auto leaky = [](const Tensor& x, double slope) {
    return [=] { functional::leaky_relu(x, slope); };
  };
  CHECK(message_of(leaky(Tensor::of<std::int64_t>({1}), 0.1)) ==
        "\"leaky_relu_cpu\" not implemented for 'Long'");
  CHECK(message_of(leaky(Tensor::of<std::uint8_t>({1}), 0.1)) ==
        "\"leaky_relu_cpu\" not implemented for 'Byte'");
  CHECK(message_of(leaky(Tensor::of<std::int8_t>({1}), 0.1)) ==
        "\"leaky_relu_cpu\" not implemented for 'Char'");
  CHECK(message_of(leaky(Tensor::of<std::int16_t>({1}), 0.1)) ==
        "\"leaky_relu_cpu\" not implemented for 'Short'");
  CHECK(message_of(leaky(Tensor::of<bool>({true}), 0.1)) ==
        "\"leaky_relu_cpu\" not implemented for 'Bool'");
  CHECK(message_of([] { functional::relu(Tensor::of<bool>({true})); }) ==
        "Boolean inputs not supported for relu");
  CHECK(message_of(leaky(Tensor::of<float>({1}), 1e39)) ==
        "the slope cannot be converted to type float without overflow");
  CHECK(message_of(leaky(Tensor::of<double>({1}), 1e39)) == "");
  CHECK(message_of(leaky(Tensor::of<double>({1}), std::numeric_limits<double>::infinity())) != "");
  CHECK(message_of([] { gradient(*find_activation("relu"), Tensor::of<std::int32_t>({1})); }) ==
        "Only Tensors of floating point and complex dtype can require gradients");
}

TEST_CASE("an activation is found by its own name and by torch's") {
  CHECK(find_activation("leaky") == find_activation("leaky_relu"));
  CHECK(find_activation("gelu") == nullptr);
  for (const Activation& row : activations()) CHECK(find_activation(row.name) == &row);
}

TEST_CASE(
    "whatever the activation: shape and dtype are kept, in place and not give the same bits, "
    "lengths do not matter") {
  for (const Activation& row : activations()) {
    for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
      for (const std::int64_t n : {0, 1, 7, 8, 31, 64, 1000}) {
        CAPTURE(row.name);
        CAPTURE(n);
        Tensor wide = Tensor::empty({n, 1}, DType::float64);
        for (std::int64_t i = 0; i < n; ++i) {
          wide.data<double>()[static_cast<std::size_t>(i)] =
              std::sin(static_cast<double>(i) + 0.5) * 100;
        }
        const Tensor x = wide.to(dtype);
        const Tensor y = apply(row, x);
        CHECK(y.shape() == x.shape());
        CHECK(y.dtype() == dtype);
        CHECK(same_bits(apply(row, x.clone(), {}, true), y));
        for (std::int64_t i = 0; i < n; i += 13) {  // one by one gives what the loop gives
          const auto size = static_cast<std::ptrdiff_t>(itemsize(dtype));
          Tensor one = Tensor::empty({}, dtype);
          std::memcpy(one.bytes(), x.bytes() + i * size, itemsize(dtype));
          CHECK(std::memcmp(apply(row, one).bytes(), y.bytes() + i * size, itemsize(dtype)) == 0);
        }
      }
    }
  }
}
