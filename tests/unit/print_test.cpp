#include "rectify/print.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "golden.hpp"
#include "half.hpp"
#include "rectify/error.hpp"

namespace rectify {
namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

std::string printed(std::initializer_list<float> values, const PrintOptions& options = {}) {
  return to_string(Tensor::of(values), options);
}

/// 0, 1, 2, ... in that shape.
Tensor counting(Shape shape, DType dtype) {
  Tensor tensor = Tensor::empty(std::move(shape), DType::int64);
  std::int64_t next = 0;
  for (std::int64_t& x : tensor.data<std::int64_t>()) x = next++;
  return tensor.to(dtype);
}

/// What C's printf makes of a value under '%.4f' or '%.4e', or of a whole one as print() does.
std::string by_printf(double value, std::int64_t precision, SciMode mode) {
  if (std::isnan(value)) return "nan";  // printf shows the sign as well
  const bool whole = value == std::trunc(value) && (value == 0 || mode == SciMode::off);
  const char* format = whole ? "%.*f" : mode == SciMode::on ? "%.*e" : "%.*f";
  std::array<char, 1400> text;
  std::snprintf(text.data(), text.size(), format, whole ? 0 : static_cast<int>(precision), value);
  return text.data() + std::string(whole && std::isfinite(value) ? "." : "");
}

template <class T>
void check_against_printf(T element, std::int64_t precision) {
  const Tensor tensor = Tensor::of(std::span<const T>(&element, 1), {});
  const auto value = static_cast<double>(widen(element));
  const DType dtype = dtype_of<T>;
  const std::string suffix =
      dtype == DType::float32 ? "" : ", dtype=torch." + std::string(name(dtype));
  for (const SciMode mode : {SciMode::off, SciMode::on}) {
    const std::string expected = "tensor(" + by_printf(value, precision, mode) + suffix + ")";
    const std::string text =
        to_string(tensor, {.precision = precision, .linewidth = kHuge, .sci_mode = mode});
    if (text != expected) {  // a check only for what fails: there are millions
      CAPTURE(precision);
      CHECK_EQ(text, expected);
    }
  }
}

/// The elements that print() shows of a summarised tensor, as a tensor of their own.
Tensor edges_of(const Tensor& whole, const PrintOptions& options) {
  Shape shape = whole.shape();
  for (std::int64_t& size : shape) size = shown_size(size, options);
  Tensor edges = Tensor::empty(shape, whole.dtype());
  const std::size_t itemsize = rectify::itemsize(whole.dtype());
  for (std::int64_t i = 0; i < edges.numel(); ++i) {
    std::int64_t rest = i;
    std::int64_t from = 0;
    std::int64_t stride = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      const std::int64_t index = rest % shape[d];
      const std::int64_t hidden = whole.shape()[d] - shape[d];
      from += stride * (index < options.edgeitems ? index : index + hidden);
      stride *= whole.shape()[d];
      rest /= shape[d];
    }
    std::memcpy(edges.bytes() + static_cast<std::size_t>(i) * itemsize,
                whole.bytes() + static_cast<std::size_t>(from) * itemsize, itemsize);
  }
  return edges;
}

TEST_CASE("every recorded tensor is printed as PyTorch prints it") {
  const auto records = golden("print.jsonl");
  CHECK_GT(records.size(), 1000);
  for (const nlohmann::json& record : records) {
    const std::string why = record.value("why", std::string("random"));
    CAPTURE(why);
    CAPTURE(record.at("options").dump());
    const Tensor tensor = tensor_of(record);
    const PrintOptions options = print_options_of(record.at("options"));
    const auto text = record.at("text").get<std::string>();
    CHECK_EQ(to_string(tensor, options), text);
    if (summarises(tensor.shape(), options)) {
      CHECK_EQ(to_string(edges_of(tensor, options), tensor.shape(), options), text);
    }
  }
}

TEST_CASE("a tensor is printed like its list") {
  CHECK_EQ(printed({2, -4, 5, -6}), "tensor([ 2., -4.,  5., -6.])");
  CHECK_EQ(printed({2, -0.04f}), "tensor([ 2.0000, -0.0400])");
  CHECK_EQ(to_string(Tensor()), "tensor([])");
}

TEST_CASE("the notation follows the numbers shown") {
  const struct {
    std::string_view why;
    std::initializer_list<float> values;
    SciMode sci_mode;
    const char* text;
  } rows[] = {
      {"a ratio of 1000 is not over", {1, 1000}, SciMode::automatic, "tensor([   1., 1000.])"},
      {"1001 is", {1, 1001}, SciMode::automatic, "tensor([1.0000e+00, 1.0010e+03])"},
      {"1e8 is not over", {1e8f}, SciMode::automatic, "tensor([100000000.])"},
      {"its successor is", {100000008.0f}, SciMode::automatic, "tensor([1.0000e+08])"},
      {"float32's 1e-4 is below 1e-4",
       {1e-4f, .01f},
       SciMode::automatic,
       "tensor([1.0000e-04, 1.0000e-02])"},
      {"zeros, nan and inf alone do not ask sci_mode",
       {0, -0.0f, NAN},
       SciMode::on,
       "tensor([0., -0., nan])"},
      {"the width is that of the forced notation",
       {0.5f, 100},
       SciMode::on,
       "tensor([5.0000e-01, 1.0000e+02])"},
      {"also off", {1e9f, 0.5f}, SciMode::off, "tensor([1000000000.0000,          0.5000])"},
      {"zeros, nan and inf do not widen the column",
       {1, NAN, -0.0f, -INFINITY},
       SciMode::automatic,
       "tensor([1., nan, -0., -inf])"},
      {"the sign of nan is not shown", {-NAN}, SciMode::automatic, "tensor([nan])"},
      {"a digit gained by rounding widens it",
       {9.99996f, 1.5f},
       SciMode::automatic,
       "tensor([10.0000,  1.5000])"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK_EQ(printed(row.values, {.sci_mode = row.sci_mode}), row.text);
  }
}

TEST_CASE("an exponent of three digits widens the column, be it the largest or the smallest") {
  CHECK_EQ(to_string(Tensor::of({-1e-100, 1e-99})),
           "tensor([-1.0000e-100,   1.0000e-99], dtype=torch.float64)");
  // The negative extreme and the positive one differ in length by the sign and by the exponent.
  CHECK_EQ(to_string(Tensor::of({-1e-99, 9.99999e-100, 1e-100})),
           "tensor([-1.0000e-99,  1.0000e-99, 1.0000e-100], dtype=torch.float64)");
}

TEST_CASE("every float16 and bfloat16 is printed as printf prints it") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    check_against_printf(float16{static_cast<std::uint16_t>(bits)}, 4);
    check_against_printf(bfloat16{static_cast<std::uint16_t>(bits)}, 4);
  }
}

TEST_CASE("float32 is printed as printf prints it, at any precision") {
  std::mt19937 random(1);
  const float largest = std::numeric_limits<float>::max();
  for (const std::int64_t precision : {0, 1, 2, 4, 7, 8, 11, 12, 13, 20}) {
    // Every exponent, at the powers of two and beside them.
    for (int exponent = -149; exponent < 128; ++exponent) {
      const float power = std::ldexp(1.0f, exponent);
      for (const float x : {power, std::nextafter(power, 0.0f), std::nextafter(power, largest)}) {
        check_against_printf(x, precision);
      }
    }
    // Every power of ten, where rounding carries into a further digit.
    for (int exponent = -45; exponent <= 38; ++exponent) {
      float x = static_cast<float>(std::pow(10.0, exponent));
      for (int i = 0; i < 4; ++i) x = std::nextafter(x, 0.0f);
      for (int i = 0; i < 8; ++i, x = std::nextafter(x, largest)) {
        check_against_printf(x, precision);
      }
    }
    for (int i = 0; i < 2000; ++i) {
      // Exact ties: odd multiples of powers of two.
      const auto odd = static_cast<float>(2 * (random() % 4096) + 1);
      check_against_printf(std::ldexp(odd, -static_cast<int>(random() % 24)), precision);
      // What people have, and anything at all.
      check_against_printf(static_cast<float>(random() % 2000001) / 1e4f - 100.0f, precision);
      check_against_printf(std::bit_cast<float>(static_cast<std::uint32_t>(random())), precision);
    }
  }
}

TEST_CASE("float64 is printed as printf prints it, at any precision") {
  std::mt19937_64 random(1);
  for (const std::int64_t precision : {0, 1, 4, 12, 17, 340, 1000}) {
    for (int i = 0; i < 1000; ++i) {
      check_against_printf(std::bit_cast<double>(random()), precision);
      check_against_printf(std::ldexp(static_cast<double>(2 * (random() % 4096) + 1),
                                      -static_cast<int>(random() % 50)),
                           precision);
    }
    check_against_printf(std::numeric_limits<double>::max(), precision);
    check_against_printf(-std::numeric_limits<double>::max(), precision);
    check_against_printf(-std::numeric_limits<double>::denorm_min(), precision);
  }
}

/// The nested lists of _tensor_str_with_formatter in torch/_tensor_str.py, of texts that are there.
std::string nested(std::span<const std::string> texts, std::span<const std::int64_t> shape,
                   std::size_t indent, std::size_t width) {
  std::string out = "[";
  const auto size = static_cast<std::size_t>(shape[0]);
  const std::size_t slice = texts.size() / size;
  const std::size_t a_line = std::max<std::size_t>(1, (80 - indent) / (width + 2));
  for (std::size_t i = 0; i < size; ++i) {
    if (shape.size() == 1) {
      if (i != 0) out += i % a_line == 0 ? ",\n" + std::string(indent + 1, ' ') : ", ";
      out += std::string(width - std::min(width, texts[i].size()), ' ') + texts[i];
      continue;
    }
    if (i != 0)
      out += "," + std::string(shape.size() - 1, '\n') + std::string(indent + 1, ' ');
    out += nested(texts.subspan(i * slice, slice), shape.subspan(1), indent + 1, width);
  }
  return out + "]";
}

TEST_CASE("a long text has every element in its place, whatever stands beside it") {
  std::mt19937 random(1);
  const struct {
    std::string_view why;
    float scale;
    SciMode mode;
    bool negative;
  } rows[] = {
      {"fixed", 50, SciMode::off, true},
      {"fixed, of one sign", 50, SciMode::off, false},
      {"of eight digits", 5000, SciMode::off, true},
      {"of nine", 50000, SciMode::off, true},
      {"scientific", 50, SciMode::on, true},
      {"scientific, of one sign", 50, SciMode::on, false},
      {"with zeros behind the point and large exponents", 3e9f, SciMode::on, true},
      {"of exponents that a double cannot scale exactly", 3e-12f, SciMode::on, true},
  };
  const Shape shapes[] = {{50001}, {3, 5, 2003}, {20011, 1, 2}, {1, 40000}};
  for (const auto& row : rows) {
    for (const Shape& shape : shapes) {
      CAPTURE(row.why);
      CAPTURE(to_string(shape));
      Tensor tensor = Tensor::empty(shape, DType::float32);
      std::vector<std::string> texts;
      std::size_t width = 0;
      std::size_t i = 0;
      for (float& x : tensor.data<float>()) {
        x = std::ldexp(row.scale, -static_cast<int>(random() % 12)) *
            (static_cast<float>(random() % 4096) + 0.5f) / 4096;
        if (row.negative && random() % 2 == 0) x = -x;
        if (i % 97 == 0) x = std::array{0.0f, -0.0f, NAN, INFINITY, -INFINITY}[i % 5];
        ++i;
        std::array<char, 64> printed;
        std::snprintf(printed.data(), printed.size(), row.mode == SciMode::on ? "%.4e" : "%.4f",
                      static_cast<double>(x));
        texts.emplace_back(std::isnan(x) ? "nan" : printed.data());
        if (x != 0 && std::isfinite(x)) width = std::max(width, texts.back().size());
      }
      const PrintOptions options{.threshold = PrintOptions::kNoThreshold, .sci_mode = row.mode};
      const std::string expected = "tensor(" + nested(texts, shape, 7, width) + ")";
      const std::string text = to_string(tensor, options);
      const auto at = static_cast<std::size_t>(
          std::mismatch(text.begin(), text.end(), expected.begin(), expected.end()).first -
          text.begin());
      CHECK_EQ(text.substr(at, 40), expected.substr(std::min(at, expected.size()), 40));
    }
  }
}

TEST_CASE("the edges print as the whole tensor does") {
  const Shape shapes[] = {{7},        {20},         {1, 20},      {20, 1},           {9, 9},
                          {2, 9},     {9, 2},       {4, 5, 6},    {7, 1, 7},         {1, 1, 30},
                          {30, 1, 1}, {2, 3, 4, 5}, {5, 5, 5, 5}, {1, 2, 1, 3, 1, 8}};
  const DType dtypes[] = {DType::float32, DType::float64, DType::bfloat16, DType::int16,
                          DType::boolean};
  for (const Shape& shape : shapes) {
    for (const DType dtype : dtypes) {
      const Tensor tensor = counting(shape, dtype);
      for (const std::int64_t edgeitems : {0, 1, 2, 3, 100}) {
        for (const std::int64_t linewidth : {1, 25, 80}) {
          const PrintOptions options{
              .threshold = 6, .edgeitems = edgeitems, .linewidth = linewidth};
          CAPTURE(to_string(shape));
          CAPTURE(name(dtype));
          CAPTURE(edgeitems);
          CAPTURE(linewidth);
          REQUIRE(summarises(shape, options));
          CHECK_EQ(to_string(edges_of(tensor, options), shape, options),
                   to_string(tensor, options));
        }
      }
    }
  }
}

TEST_CASE("the edges of more elements than memory holds can be printed") {
  const Shape shape{std::int64_t{1} << 40, std::int64_t{1} << 20};
  CHECK_EQ(to_string(counting({2, 2}, DType::float32), shape, {.edgeitems = 1}),
           "tensor([[0.,  ..., 1.],\n        ...,\n        [2.,  ..., 3.]])");
}

TEST_CASE("edges that do not belong to the shape are refused") {
  const PrintOptions options{.threshold = 6};
  const struct {
    std::string_view why;
    Shape edges;
    Shape shape;
  } rows[] = {
      {"the whole is shown", {6}, {6}}, {"a 0-d tensor is always shown whole", {}, {}},
      {"not shortened", {10}, {10}},    {"shortened too far", {4}, {10}},
      {"another rank", {1, 6}, {10}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK_THROWS_AS(to_string(counting(row.edges, DType::float32), row.shape, options), Error);
  }
}

TEST_CASE("only tensors with more elements than the threshold are summarised") {
  CHECK_FALSE(summarises({1000}, {}));
  CHECK(summarises({1001}, {}));
  CHECK(summarises({7, 143}, {}));
  CHECK_FALSE(summarises({}, {.threshold = 0}));
  CHECK_FALSE(summarises({0, 5000}, {.threshold = 0}));
  CHECK_FALSE(summarises({std::int64_t{1} << 60}, {.threshold = PrintOptions::kNoThreshold}));
}

TEST_CASE("a dimension keeps its edges, or all if they would meet") {
  CHECK_EQ(shown_size(6, {}), 6);
  CHECK_EQ(shown_size(7, {}), 6);
  CHECK_EQ(shown_size(0, {}), 0);
  CHECK_EQ(shown_size(5, {.edgeitems = 0}), 0);
  CHECK_EQ(shown_size(kHuge, {.edgeitems = kHuge / 2 - 1}), kHuge - 3);
  CHECK_EQ(shown_size(kHuge, {.edgeitems = std::int64_t{1} << 62}), kHuge);
  CHECK_EQ(shown_size(kHuge, {.edgeitems = kHuge}), kHuge);
}

TEST_CASE("options at the ends of their ranges") {
  const struct {
    std::string_view why;
    std::initializer_list<float> values;
    PrintOptions options;
    const char* text;
  } rows[] = {
      {"no decimals, no point", {1.5f, 0.3f}, {.precision = 0}, "tensor([2, 0])"},
      {"no decimals", {1.5f}, {.precision = 0, .sci_mode = SciMode::on}, "tensor([2e+00])"},
      {"one element a line", {1, -2}, {.linewidth = 1}, "tensor([ 1.,\n        -2.])"},
      {"everything on a line", {1, -2}, {.linewidth = kHuge}, "tensor([ 1., -2.])"},
      {"without edges the size is told",
       {1, 2},
       {.threshold = 1, .edgeitems = 0},
       "tensor([...], size=(2,))"},
      {"also where the whole is shown", {1}, {.edgeitems = 0}, "tensor([1.], size=(1,))"},
      {"but not of no elements, which have one dimension", {}, {.edgeitems = 0}, "tensor([])"},
      {"edges beyond any size", {1, 2}, {.threshold = 0, .edgeitems = kHuge}, "tensor([1., 2.])"},
      {"twice 2^62 is no int64",
       {1, 2},
       {.threshold = 0, .edgeitems = std::int64_t{1} << 62},
       "tensor([1., 2.])"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK_EQ(printed(row.values, row.options), row.text);
  }
}

TEST_CASE("without edges the size is told before the dtype, whatever the rank") {
  // torch/_tensor_str.py: str(tuple(self.shape)), as Python writes a tuple.
  const PrintOptions options{.threshold = 1, .edgeitems = 0};
  CHECK_EQ(to_string(counting({}, DType::float32), options), "tensor(0., size=())");
  CHECK_EQ(to_string(counting({3}, DType::int64), options), "tensor([...], size=(3,))");
  CHECK_EQ(to_string(counting({2, 3}, DType::float64), options),
           "tensor([...], size=(2, 3), dtype=torch.float64)");
  CHECK_EQ(to_string(counting({0, 3}, DType::float32), options), "tensor([], size=(0, 3))");
  // Both count for the width of the line, the parenthesis does not.
  CHECK_EQ(to_string(counting({2, 3}, DType::float64),
                     {.threshold = 1, .edgeitems = 0, .linewidth = 25}),
           "tensor([...],\n       size=(2, 3),\n       dtype=torch.float64)");
}

TEST_CASE("the longest text there is has room") {
  constexpr double kMost = std::numeric_limits<double>::max();
  const std::string text =
      to_string(Tensor::of({-kMost, 0.5}), {.precision = 1000, .sci_mode = SciMode::off});
  const std::string zeros(1000, '0');
  CHECK(text.starts_with("tensor([-179769313486231570814527423731704356798"));
  CHECK_EQ(text.find("." + zeros + ",\n"), std::string("tensor([").size() + 310);
  CHECK(text.ends_with(" 0.5" + zeros.substr(1) + "],\n       dtype=torch.float64)"));
}

TEST_CASE("options out of their ranges are refused") {
  const struct {
    PrintOptions options;
    const char* message;
  } rows[] = {
      {{.precision = -1}, "precision must be from 0 to 1000, not -1"},
      {{.precision = 1001}, "precision must be from 0 to 1000, not 1001"},
      {{.threshold = -1}, "threshold must be 0 or more, not -1"},
      {{.edgeitems = -1}, "edgeitems must be 0 or more, not -1"},
      {{.linewidth = 0}, "linewidth must be 1 or more, not 0"},
  };
  for (const auto& row : rows) {
    CHECK_THROWS_WITH_AS(printed({1}, row.options), row.message, Error);
  }
}

TEST_CASE("a tensor may have any number of dimensions") {
  constexpr std::size_t kDimensions = 100'000;
  const std::string text = to_string(counting(Shape(kDimensions, 1), DType::float32));
  CHECK_EQ(text,
           "tensor(" + std::string(kDimensions, '[') + "0." + std::string(kDimensions, ']') + ")");
}

TEST_CASE("slices of more dimensions are further apart") {
  CHECK_EQ(to_string(counting({2, 1, 2, 1}, DType::int64)),
           "tensor([[[[0],\n          [1]]],\n\n\n        [[[2],\n          [3]]]])");
}

}  // namespace
}  // namespace rectify
