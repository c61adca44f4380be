#include "rectify/activation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "dispatch.hpp"
#include "golden.hpp"
#include "rectify/error.hpp"
#include "rectify/nn.hpp"
#include "rectify/random.hpp"
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
      CHECK(hash_of(gradient(mode, input())) == record.at("grad_sha256").get<std::string>());
      continue;
    }
    CHECK(same_bits(y, tensor_of_field(record, "output")));
    if (record.contains("grad_error")) {
      CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
    } else if (record.contains("grad")) {
      CHECK(same_bits(gradient(mode, input(), inplace), tensor_of_field(record, "grad")));
    } else {
      CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
    }
  }
}

namespace {

/// The module that a record of the family calls.
Module module_of(const nlohmann::json& record) {
  Module mode(*find_activation(record.at("op").get<std::string>()));
  for (const auto& [name, value] : record.at("params").items()) {
    if (name == "seed") {
      mode = mode.seeded(value.get<std::uint64_t>());
    } else if (value.is_string()) {
      mode = mode.with(name, value.get<std::string>());
    } else if (value.is_array()) {
      mode = mode.with(name, value.get<std::vector<double>>());
    } else {
      mode = mode.with(name, value.is_boolean() ? value.get<bool>() : value.get<double>());
    }
  }
  return mode;
}

/// What PyTorch answers in a field; where it has two answers, that of its vector loops.
std::string answer_of(const nlohmann::json& record, const std::string& field,
                      const std::string& kind) {
  const std::string vector = field + "_vector" + kind;
  return record.at(record.contains(vector) ? vector : field + kind).get<std::string>();
}

void check_family(const nlohmann::json& record) {
  CAPTURE(record.dump().substr(0, 300));
  const bool inplace = record.at("inplace").get<bool>();
  const bool hashed = record.contains("recipe");
  const auto input = [&] { return hashed ? tensor_of(record) : tensor_of_field(record, "input"); };
  if (record.contains("error")) {
    CHECK(message_of([&] { apply(module_of(record), input(), inplace); }) ==
          record.at("error").get<std::string>());
    return;
  }
  const Module mode = module_of(record);
  if (hashed) {
    CHECK(hash_of(apply(mode, input())) == answer_of(record, "output", "_sha256"));
    CHECK(hash_of(gradient(mode, input())) == answer_of(record, "grad", "_sha256"));
    return;
  }
  nlohmann::json of_output = record;
  if (record.contains("output_dtype")) of_output["dtype"] = record.at("output_dtype");
  if (record.contains("output_shape")) of_output["shape"] = record.at("output_shape");
  of_output["output"] = answer_of(record, "output", "");
  const Tensor x = input();
  const Tensor y = apply(mode, x, inplace);
  CHECK((y.bytes() == x.bytes()) == inplace);
  CHECK(same_bits(y, tensor_of_field(of_output, "output")));
  if (record.contains("grad")) {
    of_output = record;
    of_output["grad"] = answer_of(record, "grad", "");
    CHECK(same_bits(gradient(mode, input(), inplace), tensor_of_field(of_output, "grad")));
  } else if (record.contains("grad_error")) {
    CHECK(message_of([&] { gradient(mode, input(), inplace); }) ==
          record.at("grad_error").get<std::string>());
  } else {
    CHECK_THROWS_AS(gradient(mode, input(), inplace), Error);
  }
}

}  // namespace

TEST_CASE("the family's values and gradients are those of PyTorch's vector loops") {
  std::size_t records = 0;
  for (const char* const file : {"family.jsonl", "family_sizes.jsonl", "family_dims.jsonl"}) {
    for (const nlohmann::json& record : golden(file)) {
      check_family(record);
      ++records;
    }
  }
  CHECK(records == 2176);
}

TEST_CASE("a number that no value of the parameter has is refused") {
  struct Row {
    const char* activation;
    const char* parameter;
    double value;
    bool taken;
  };
  const Row rows[] = {
      {"gelu", "approximate", 1, true},    {"gelu", "approximate", 2, false},
      {"gelu", "approximate", -1, false},  {"gelu", "approximate", 0.5, false},
      {"gelu", "approximate", NAN, false}, {"softmax", "dim", -3, true},
      {"softmax", "dim", 0.5, false},      {"softmax", "dim", NAN, false},
      {"softmax", "dim", 1e30, false},     {"rrelu", "training", 1, true},
      {"rrelu", "training", 0.5, false},   {"elu", "alpha", NAN, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.activation);
    CAPTURE(row.value);
    const Module mode(*find_activation(row.activation));
    if (row.taken) {
      CHECK_FALSE(mode.with(row.parameter, row.value).text().empty());
    } else {
      CHECK_THROWS_AS(mode.with(row.parameter, row.value), Error);
    }
  }
}

TEST_CASE("hardtanh keeps the bits of NaN, and a module of it wants its limits apart") {
  const std::uint32_t bits[] = {0x7FA00001, 0xFFA00000, 0x7FC00000};
  Tensor x = Tensor::empty({3}, DType::float32);
  std::memcpy(x.bytes(), bits, sizeof bits);
  CHECK(std::memcmp(functional::hardtanh(x, -1, 1).bytes(), bits, sizeof bits) == 0);
  CHECK(message_of([&] {
          nn::Hardtanh{1, 1}(x);
        }) == "max_val (1.0) must be greater than min_val (1.0)");
  const Module function = Module::parse("hardtanh(1, 1)");
  CHECK(function.text() == "hardtanh(min_val=1.0, max_val=1.0)");
  CHECK(Module::parse(function.text()) == function);
  CHECK(message_of([&] {
          functional::prelu(x, Tensor::of({0.5f}).reshape({1, 1}));
        }) == "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = 2");
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
      {"gelu(tanh)", "GELU(approximate='tanh')", "gelu(tanh)", "a word"},
      {"GELU(approximate='none')", "GELU(approximate='none')", "gelu(none)", "a word in quotes"},
      {"hardtanh(-2, 2)", "Hardtanh(min_val=-2.0, max_val=2.0)", "hardtanh(-2, 2)", "two of them"},
      {"hardtanh(max_val=2)", "Hardtanh(min_val=-1.0, max_val=2.0)", "hardtanh(max_val=2)",
       "the second alone"},
      {"Hardshrink(0.5)", "Hardshrink(0.5)", "hardshrink(0.5)", "a repr without names"},
      {"PReLU(num_parameters=1)", "PReLU(num_parameters=1)", "prelu(0.25)", "a weight for all"},
      {"PReLU(num_parameters=3, init=0.1)", "PReLU(weight=[0.1, 0.1, 0.1])",
       "prelu([0.1, 0.1, 0.1])", "a weight for each channel"},
      {"nn.PReLU(2)", "PReLU(num_parameters=2)", "prelu([0.25, 0.25])", "how many, first"},
      {"PReLU(2, 0.1)", "PReLU(weight=[0.1, 0.1])", "prelu([0.1, 0.1])", "then what each is"},
      {"torch.nn.prelu(1, init=0.5)", "PReLU(weight=0.5)", "prelu(0.5)", "a package's module"},
      {"F.prelu(2)", "PReLU(weight=2.0)", "prelu(2)", "a function's weight"},
      {"prelu(0.5)", "PReLU(weight=0.5)", "prelu(0.5)", "a weight"},
      {"nn.RReLU(0.1, 0.2, False)", "RReLU(lower=0.1, upper=0.2)", "rrelu(0.1, 0.2)",
       "a module's third is inplace"},
      {"F.rrelu(0.1, 0.2, True, False)", "RReLU(lower=0.1, upper=0.2, training=True)",
       "rrelu(0.1, 0.2, True)", "a function's fourth"},
      {"nn.Hardtanh(-2, 2, False)", "Hardtanh(min_val=-2.0, max_val=2.0)", "hardtanh(-2, 2)",
       "inplace by its place"},
      {"nn.ReLU(False)", "ReLU()", "relu", "inplace alone"},
      {"prelu([0.1, -2])", "PReLU(weight=[0.1, -2.0])", "prelu([0.1, -2.0])", "a list"},
      {"rrelu", "RReLU(lower=0.125, upper=0.3333333333333333)", "rrelu", "in evaluation"},
      {"rrelu(0.1, 0.2, training)", "RReLU(lower=0.1, upper=0.2, training=True)",
       "rrelu(0.1, 0.2, True)", "in training"},
      {"rrelu(training=True)", "RReLU(lower=0.125, upper=0.3333333333333333, training=True)",
       "rrelu(training=True)", "in training, by name"},
      {"Threshold(threshold=0.1, value=20)", "Threshold(threshold=0.1, value=20.0)",
       "threshold(0.1, 20)", "what must be given"},
      {"softplus(inf, nan)", "Softplus(beta=inf, threshold=nan)", "softplus(inf, nan)",
       "numbers that PyTorch takes"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.why);
    const Module mode = Module::parse(row.text);
    CHECK(mode.text() == row.repr);
    CHECK(mode.label() == row.label);
    CHECK(Module::parse(mode.text()).text() == row.repr);
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
      {"gaussian", "there is no activation 'gaussian'",
       "there are leaky, relu, relu6, prelu, rrelu, elu, selu, celu, gelu, silu, mish, hardtanh, "
       "hardswish, hardsigmoid, softplus, softsign, threshold, tanhshrink, hardshrink, softshrink, "
       "logsigmoid, sigmoid, tanh, glu, softmax, softmin, log_softmax"},
      {"elu(alpha=)", "alpha of elu takes a number, not ''", ""},
      {"leaky(slope=1)", "leaky has no parameter 'slope'", "did you mean negative_slope?"},
      {"leaky(negative_slop=1)", "leaky has no parameter 'negative_slop'",
       "did you mean negative_slope?"},
      {"relu(1)", "relu takes no parameter, and 'relu(1)' gives more", ""},
      {"leaky(1, 2)", "leaky takes 1 parameter, and 'leaky(1, 2)' gives more", ""},
      {"leaky(0.1", "'leaky(0.1' lacks the closing parenthesis", ""},
      {"leaky(0.1) x", "'leaky(0.1) x' lacks the closing parenthesis", ""},
      {"leaky(x)", "negative_slope of leaky takes a number, not 'x'", ""},
      {"gelu(foo)", "approximate argument must be either none or tanh.", ""},
      {"gelu(tan)", "approximate argument must be either none or tanh.", "did you mean tanh?"},
      {"softmax(0.5)", "dim of softmax takes a whole number, not '0.5'", ""},
      {"rrelu(training=2)", "training of rrelu is True or False, not '2'", ""},
      {"prelu([])", "weight of prelu takes a number or [several, numbers], not '[]'", ""},
      {"prelu([1, x])", "weight of prelu takes a number or [several, numbers], not '[1, x]'", ""},
      {"PReLU(num_parameters=0)", "num_parameters is a whole number above zero, not '0'", ""},
      {"PReLU(0.25)", "num_parameters is a whole number above zero, not '0.25'",
       "prelu(0.25) takes the weight"},
      {"PReLU(2, num_parameters=3)",
       "num_parameters is given twice in 'PReLU(2, num_parameters=3)'", ""},
      {"PReLU(2, 0.1, 3)", "prelu takes 1 parameter, and 'PReLU(2, 0.1, 3)' gives more", ""},
      {"nn.RReLU(0.1, 0.2, True)", "a mode by itself is not in place: the operation as a whole is",
       "leave it out: .inplace is of all modes"},
      {"nn.LeakyReLU(0.1, True)", "a mode by itself is not in place: the operation as a whole is",
       "leave it out: .inplace is of all modes"},
      {"nn.Sigmoid(False)", "sigmoid takes no parameter, and 'nn.Sigmoid(False)' gives more", ""},
      {"PReLU(num_parameters=3, weight=[1, 2])",
       "'PReLU(num_parameters=3, weight=[1, 2])' gives a list and its length", ""},
      {"threshold",
       "Threshold.__init__() missing 2 required positional arguments: 'threshold' and "
       "'value'",
       "threshold(0, 0)"},
      {"threshold(1)", "Threshold.__init__() missing 1 required positional argument: 'value'",
       "threshold(0, 0)"},
      {"leaky(=1)", "leaky has no parameter ''", "did you mean negative_slope?"},
      {"leaky(negative_slope=1, negative_slope=2)",
       "negative_slope is given twice in 'leaky(negative_slope=1, negative_slope=2)'", ""},
      {"relu(inplace=True)", "a mode by itself is not in place: the operation as a whole is",
       "leave it out: .inplace is of all modes"},
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

TEST_CASE("each function and module of torch's names is the row that it is called after") {
  const Tensor x = Tensor::of<float>({0.5f, -0.75f, 3, -6});
  const Tensor weight = Tensor::of<double>({0.5});
  struct Row {
    const char* text;
    Tensor by_function, by_module;
  };
  const Row rows[] = {
      {"relu6", functional::relu6(x), nn::ReLU6{}(x)},
      {"prelu(0.5)", functional::prelu(x, weight), nn::PReLU{.weight = weight}(x)},
      {"rrelu(0.1, 0.3)", functional::rrelu(x, 0.1, 0.3), nn::RReLU{.lower = 0.1, .upper = 0.3}(x)},
      {"elu(0.5)", functional::elu(x, 0.5), nn::ELU{.alpha = 0.5}(x)},
      {"selu", functional::selu(x), nn::SELU{}(x)},
      {"celu(2)", functional::celu(x, 2), nn::CELU{.alpha = 2}(x)},
      {"gelu(tanh)", functional::gelu(x, "tanh"), nn::GELU{.approximate = "tanh"}(x)},
      {"silu", functional::silu(x), nn::SiLU{}(x)},
      {"mish", functional::mish(x), nn::Mish{}(x)},
      {"hardtanh(-2, 1)", functional::hardtanh(x, -2, 1),
       nn::Hardtanh{.min_val = -2, .max_val = 1}(x)},
      {"hardswish", functional::hardswish(x), nn::Hardswish{}(x)},
      {"hardsigmoid", functional::hardsigmoid(x), nn::Hardsigmoid{}(x)},
      {"softplus(2, 5)", functional::softplus(x, 2, 5), nn::Softplus{.beta = 2, .threshold = 5}(x)},
      {"softsign", functional::softsign(x), nn::Softsign{}(x)},
      {"threshold(1, 2)", functional::threshold(x, 1, 2),
       nn::Threshold{.threshold = 1, .value = 2}(x)},
      {"tanhshrink", functional::tanhshrink(x), nn::Tanhshrink{}(x)},
      {"hardshrink(1)", functional::hardshrink(x, 1), nn::Hardshrink{.lambd = 1}(x)},
      {"softshrink(1)", functional::softshrink(x, 1), nn::Softshrink{.lambd = 1}(x)},
      {"logsigmoid", functional::logsigmoid(x), nn::LogSigmoid{}(x)},
      {"sigmoid", functional::sigmoid(x), nn::Sigmoid{}(x)},
      {"tanh", functional::tanh(x), nn::Tanh{}(x)},
      {"glu", functional::glu(x), nn::GLU{}(x)},
      {"softmax(0)", functional::softmax(x, 0), nn::Softmax{.dim = 0}(x)},
      {"softmin", functional::softmin(x), nn::Softmin{}(x)},
      {"log_softmax", functional::log_softmax(x), nn::LogSoftmax{}(x)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Tensor wanted = apply(Module::parse(row.text), x);
    CHECK(same_bits(row.by_function, wanted));
    CHECK(same_bits(row.by_module, wanted));
  }
  const Tensor drawn = functional::rrelu(x, 0.1, 0.3, true, false, 7);
  CHECK(same_bits(drawn, nn::RReLU{.lower = 0.1, .upper = 0.3, .training = true, .seed = 7}(x)));
  CHECK(!same_bits(drawn, functional::rrelu(x, 0.1, 0.3, true, false, 8)));
}

TEST_CASE("each function of single elements works in the caller's own memory") {
  const std::vector<float> x = {0.5f, -0.75f, 3, -6, -0.0f};
  const Tensor weight = Tensor::of<double>({0.5});
  struct Row {
    const char* text;
    std::function<void(Elements)> function;
  };
  using namespace functional;
  const Row rows[] = {
      {"relu", [](Elements e) { relu(e); }},
      {"leaky(0.4)", [](Elements e) { leaky_relu(e, 0.4); }},
      {"leaky", [](Elements e) { leaky_relu(e); }},
      {"relu6", [](Elements e) { relu6(e); }},
      {"prelu(0.5)", [&](Elements e) { prelu(e, weight); }},
      {"rrelu(0.1, 0.3)", [](Elements e) { rrelu(e, 0.1, 0.3); }},
      {"elu(0.5)", [](Elements e) { elu(e, 0.5); }},
      {"selu", [](Elements e) { selu(e); }},
      {"celu(2)", [](Elements e) { celu(e, 2); }},
      {"gelu(tanh)", [](Elements e) { gelu(e, "tanh"); }},
      {"silu", [](Elements e) { silu(e); }},
      {"mish", [](Elements e) { mish(e); }},
      {"hardtanh(-2, 1)", [](Elements e) { hardtanh(e, -2, 1); }},
      {"hardswish", [](Elements e) { hardswish(e); }},
      {"hardsigmoid", [](Elements e) { hardsigmoid(e); }},
      {"softplus(2, 5)", [](Elements e) { softplus(e, 2, 5); }},
      {"softsign", [](Elements e) { softsign(e); }},
      {"threshold(1, 2)", [](Elements e) { functional::threshold(e, 1, 2); }},
      {"tanhshrink", [](Elements e) { tanhshrink(e); }},
      {"hardshrink(1)", [](Elements e) { hardshrink(e, 1); }},
      {"softshrink(1)", [](Elements e) { softshrink(e, 1); }},
      {"logsigmoid", [](Elements e) { logsigmoid(e); }},
      {"sigmoid", [](Elements e) { sigmoid(e); }},
      {"tanh", [](Elements e) { functional::tanh(e); }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::vector<float> memory = x;
    row.function(memory);
    CHECK(same_bits(Tensor::of(memory), apply(Module::parse(row.text), Tensor::of(x))));
  }
}

TEST_CASE("every activation has the same bits in the caller's memory, of every dtype and length") {
  for (const Activation& row : activations()) {
    const Module module = Module::parse(
        std::string(row.name) +
        (!row.parameters.empty() && row.parameters.front().required ? "(0.5, -1)" : ""));
    CAPTURE(row.name);
    for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64,
                              DType::int32, DType::int64}) {
      for (const std::int64_t size : {0, 1, 33, 1023, 1025, 5000}) {
        if (row.scope == Scope::slice && size == 0) continue;
        Generator generator(7);
        const Tensor x = randn({size}, generator, DType::float32).to(dtype);
        Tensor own = x.clone();
        const Elements elements = dispatch(
            dtype, [&](auto type) { return Elements(own.data<typename decltype(type)::type>()); });
        Tensor wanted;
        try {
          wanted = apply(module, x);
        } catch (const Error& error) {
          CHECK_THROWS_WITH_AS(apply(module, elements), error.what(), Error);
          CHECK(same_bits(own, x));
          continue;
        }
        if (wanted.dtype() != dtype || wanted.shape() != x.shape()) {
          CHECK_THROWS_AS(apply(module, elements), Error);
          CHECK(same_bits(own, x));
          continue;
        }
        apply(module, elements);
        CHECK(same_bits(own, wanted));
      }
    }
  }
}

TEST_CASE("relu and leaky past the caches have the bits that they have in them") {
  std::mt19937 words(5);
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::size_t item = itemsize(dtype);
    const std::size_t bytes = (std::size_t{8} << 20) + 20 * item;
    std::vector<std::byte> input(bytes + item), expected(bytes), beside(bytes + item);
    for (std::byte& byte : input) byte = static_cast<std::byte>(words() >> 8);
    for (const std::string_view name : {"relu", "leaky(0.3)"}) {
      CAPTURE(name);
      const Module mode = Module::parse(name);
      for (const auto kernel : {mode.activation().forward, mode.activation().backward}) {
        constexpr std::size_t kSmall = 4096;
        for (std::size_t at = 0; at < bytes; at += kSmall) {
          const Extent extent{.outer = std::min(kSmall, bytes - at) / item};
          kernel(dtype, input.data() + item + at, expected.data() + at, extent, mode.values());
        }
        const Extent extent{.outer = bytes / item};
        for (const std::size_t shift : {std::size_t{0}, item}) {
          kernel(dtype, input.data() + item, beside.data() + shift, extent, mode.values());
          CHECK(std::memcmp(beside.data() + shift, expected.data(), bytes) == 0);
        }
        std::vector<std::byte> own(input.begin() + static_cast<std::ptrdiff_t>(item), input.end());
        kernel(dtype, own.data(), own.data(), extent, mode.values());
        CHECK(std::memcmp(own.data(), expected.data(), bytes) == 0);
      }
    }
  }
}

TEST_CASE("the caller's memory is a vector, an array, a span or a part of one, of any dtype") {
  double array[] = {-1, 1};
  functional::relu(array);
  CHECK(array[0] == 0.0);
  std::vector<std::int64_t> whole = {-1, 2, -3};
  functional::relu(std::span(whole).subspan(1));
  CHECK(whole == std::vector<std::int64_t>{-1, 2, 0});
  CHECK(message_of([&] { functional::leaky_relu(whole, 0.1); }) ==
        "\"leaky_relu_cpu\" not implemented for 'Long'");
  CHECK(message_of([&] { functional::softsign(whole); }) ==
        "softsign of int64 does not fit into its input's memory");
  CHECK(whole == std::vector<std::int64_t>{-1, 2, 0});
  static_assert(!std::is_constructible_v<Elements, const std::vector<float>&>);
  static_assert(!std::is_constructible_v<Elements, std::vector<float>>, "of a temporary");
  static_assert(!std::is_constructible_v<Elements, std::vector<bool>&>, "which has bits");
  static_assert(!std::is_constructible_v<Elements, std::vector<std::string>&>);
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
  CHECK(find_activation("gelu2") == nullptr);
  for (const Activation& row : activations()) CHECK(find_activation(row.name) == &row);
}

TEST_CASE(
    "whatever the activation: the dtype is kept, in place and not give the same bits, "
    "lengths do not matter") {
  for (const Activation& row : activations()) {
    for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
      for (const std::int64_t n : {0, 1, 7, 8, 31, 64, 1000}) {
        CAPTURE(row.name);
        CAPTURE(n);
        Tensor wide = Tensor::empty({n, 2}, DType::float64);
        for (std::int64_t i = 0; i < 2 * n; ++i) {
          wide.data<double>()[static_cast<std::size_t>(i)] =
              std::sin(static_cast<double>(i) + 0.5) * 100;
        }
        const Tensor x = wide.to(dtype);
        const Module mode(row);
        const Tensor y = apply(mode, x);
        CHECK((y.shape() == x.shape()) == (row.shape_of == nullptr));
        CHECK(y.dtype() == dtype);
        if (row.traits.in_place) CHECK(same_bits(apply(mode, x.clone(), true), y));
        if (row.scope != Scope::element) continue;
        for (std::int64_t i = 0; i < 2 * n; i += 13) {  // one by one gives what the loop gives
          const auto size = static_cast<std::ptrdiff_t>(itemsize(dtype));
          Tensor one = Tensor::empty({}, dtype);
          std::memcpy(one.bytes(), x.bytes() + i * size, itemsize(dtype));
          CHECK(std::memcmp(apply(mode, one).bytes(), y.bytes() + i * size, itemsize(dtype)) == 0);
        }
      }
    }
  }
}
