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
    Module mode = Module::parse(record.at("op").get<std::string>());
    if (record.contains("slope"))
      mode = mode.with("negative_slope", record.at("slope").get<double>());
    const bool inplace = record.value("inplace", false);
    const bool hashed = record.contains("recipe");
    const auto input = [&] {
      return hashed ? tensor_of(record) : tensor_of_field(record, "input");
    };

    if (record.contains("error")) {
      CHECK_THROWS_AS(apply(mode, input(), inplace), Error);
      continue;
    }
    const Tensor x = input();
    const Tensor y = apply(mode, x, inplace);
    CHECK((y.bytes() == x.bytes()) == inplace);
    if (hashed) {
      CHECK(hash_of(y) == record.at("output_sha256").get<std::string>());
      CHECK(hash_of(gradient(mode, input())) ==
            record.at("grad_sha256").get<std::string>());
      continue;
    }
    CHECK(same_bits(y, tensor_of_field(record, "output")));
    if (record.contains("grad_error")) {
      CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
    } else if (record.contains("grad")) {
      CHECK(same_bits(gradient(mode, input(), inplace),
                      tensor_of_field(record, "grad")));
    } else {
      CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
    }
  }
}

TEST_CASE("the family's values and gradients are those of PyTorch's vector loops") {
  std::size_t records = 0;
  for (const nlohmann::json& record : golden("family.jsonl")) {
    CAPTURE(record.dump().substr(0, 300));
    const Activation* const activation = find_activation(record.at("op").get<std::string>());
    if (activation == nullptr) continue;  // the data are of more activations than there are yet
    ++records;
    Module mode(*activation);
    for (const auto& [name, value] : record.at("params").items())
      mode = mode.with(name, value.get<double>());
    const bool inplace = record.at("inplace").get<bool>();
    const bool hashed = record.contains("recipe");
    const auto input = [&] {
      return hashed ? tensor_of(record) : tensor_of_field(record, "input");
    };
    if (record.contains("error")) {
      CHECK(message_of([&] { apply(mode, input(), inplace); }) ==
            record.at("error").get<std::string>());
      continue;
    }
    const auto answer = [&](const char* field) {
      const std::string vector = std::string(field) + "_vector";
      return tensor_of_field(record, record.contains(vector) ? vector.c_str() : field);
    };
    if (hashed) {
      CHECK(hash_of(apply(mode, input())) == record.at("output_sha256").get<std::string>());
      CHECK(hash_of(gradient(mode, input())) == record.at("grad_sha256").get<std::string>());
      continue;
    }
    const Tensor x = input();
    const Tensor y = apply(mode, x, inplace);
    CHECK((y.bytes() == x.bytes()) == inplace);
    CHECK(same_bits(y, answer("output")));
    if (record.contains("grad")) {
      CHECK(same_bits(gradient(mode, input(), inplace), answer("grad")));
    } else if (record.contains("grad_error")) {
      CHECK(message_of([&] { gradient(mode, input(), inplace); }) ==
            record.at("grad_error").get<std::string>());
    } else {
      CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
    }
  }
  CHECK(records > 180);
}

TEST_CASE("a module reads and writes PyTorch's repr") {
  struct Row {
    const char* text;
    const char* repr;
    const char* label;
    const char* why;
  };
  constexpr Row kRows[] = {
      {"relu", "ReLU()", "relu", "its own name"},
      {"ReLU()", "ReLU()", "relu", "torch.nn's repr"},
      {" nn.ReLU( ) ", "ReLU()", "relu", "blanks, and what Python writes before it"},
      {"torch.nn.functional.leaky_relu", "LeakyReLU(negative_slope=0.01)", "leaky", "the function"},
      {"F.leaky_relu", "LeakyReLU(negative_slope=0.01)", "leaky", "as people import it"},
      {"LEAKY", "LeakyReLU(negative_slope=0.01)", "leaky", "any case"},
      {"leaky(0.2)", "LeakyReLU(negative_slope=0.2)", "leaky(0.2)", "by position"},
      {"LeakyReLU(negative_slope=0.2)", "LeakyReLU(negative_slope=0.2)", "leaky(0.2)", "by name"},
      {"leaky( negative_slope = .5 )", "LeakyReLU(negative_slope=0.5)", "leaky(0.5)", "blanks"},
      {"leaky(1e-5)", "LeakyReLU(negative_slope=1e-05)", "leaky(1e-05)", "an exponent"},
      {"leaky(+2)", "LeakyReLU(negative_slope=2.0)", "leaky(2)", "a whole number"},
      {"ELU(alpha=1.0)", "ELU(alpha=1.0)", "elu(1)", "another one's repr"},
      {"ReLU6(inplace=False)", "ReLU6()", "relu6", "what PyTorch leaves out"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.why);
    const Module mode = Module::parse(row.text);
    CHECK(mode.text() == row.repr);
    CHECK(mode.label() == row.label);
    CHECK(Module::parse(mode.text()) == mode);
  }
  const std::vector<Module> several = Module::parse_list("relu, leaky(0.2),elu(alpha=0.5)");
  REQUIRE(several.size() == 3);
  CHECK(several[1].value("negative_slope") == 0.2);
  CHECK(several[2].label() == "elu(0.5)");
}

TEST_CASE("a module that cannot be says why, and what is near") {
  struct Row {
    const char* text;
    const char* message;
    const char* hint;
  };
  constexpr Row kRows[] = {
      {"relo", "there is no activation 'relo'", "did you mean relu?"},
      {"nn.LeakyRelU6x", "there is no activation 'nn.LeakyRelU6x'", "did you mean LeakyReLU?"},
      {"gaussian", "there is no activation 'gaussian'", "there are leaky, relu, relu6, elu, softmax"},
      {"", "there is no activation ''", "there are leaky, relu, relu6, elu, softmax"},
      {"leaky(slope=1)", "leaky has no parameter 'slope'", "did you mean negative_slope?"},
      {"leaky(negative_slop=1)", "leaky has no parameter 'negative_slop'",
       "did you mean negative_slope?"},
      {"relu(1)", "relu takes no parameter, and 'relu(1)' gives more", ""},
      {"leaky(1, 2)", "leaky takes 1 parameter, and 'leaky(1, 2)' gives more", ""},
      {"leaky(0.1", "'leaky(0.1' lacks the closing parenthesis", ""},
      {"leaky(0.1) x", "'leaky(0.1) x' lacks the closing parenthesis", ""},
      {"leaky(x)", "negative_slope of leaky takes a number, not 'x'", ""},
      {"leaky(=1)", "leaky has no parameter ''", "did you mean negative_slope?"},
      {"leaky(negative_slope=1, negative_slope=2)",
       "negative_slope is given twice in 'leaky(negative_slope=1, negative_slope=2)'", ""},
      {"relu(inplace=True)", "a mode by itself is not in place",
       "inplace is asked of the operation as a whole"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.text);
    try {
      Module::parse(row.text);
      FAIL("it was taken");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK(error.message() == row.message);
      CHECK(error.hint() == row.hint);
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
  CHECK(message_of([] { gradient(Module::parse("relu"), Tensor::of<std::int32_t>({1})); }) ==
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
        const Module mode(row);
        const Tensor y = apply(mode, x);
        CHECK(y.shape() == x.shape());
        CHECK(y.dtype() == dtype);
        if (row.traits.in_place) CHECK(same_bits(apply(mode, x.clone(), true), y));
        if (row.scope != Scope::element) continue;
        for (std::int64_t i = 0; i < n; i += 13) {  // one by one gives what the loop gives
          const auto size = static_cast<std::ptrdiff_t>(itemsize(dtype));
          Tensor one = Tensor::empty({}, dtype);
          std::memcpy(one.bytes(), x.bytes() + i * size, itemsize(dtype));
          CHECK(std::memcmp(apply(mode, one).bytes(), y.bytes() + i * size, itemsize(dtype)) == 0);
        }
      }
    }
  }
}
