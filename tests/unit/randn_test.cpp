#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "golden.hpp"
#include "rectify/error.hpp"
#include "rectify/random.hpp"
#include "rectify/stream.hpp"
#include "rectify/tensor.hpp"
#include "sha256.hpp"

namespace rectify {
namespace {

std::span<const std::byte> raw(const Tensor& tensor) { return {tensor.bytes(), tensor.nbytes()}; }

std::string sha256_of(std::string_view text) {
  return sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
}

/// A seed as torch.manual_seed takes it: -2^63 to 2^64 - 1.
std::uint64_t seed_of(const nlohmann::json& seed) {
  return seed.is_number_unsigned() ? seed.get<std::uint64_t>()
                                   : static_cast<std::uint64_t>(seed.get<std::int64_t>());
}

/// The bytes of `count` elements of a tensor, from `start` on.
std::span<const std::byte> part(const Tensor& tensor, std::size_t start, std::size_t count) {
  const std::size_t size = itemsize(tensor.dtype());
  return raw(tensor).subspan(start * size, count * size);
}

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

TEST_CASE("the generator's words are those of std::mt19937, however they are drawn") {
  for (const std::uint32_t seed : {0u, 1u, 5489u, 0xFFFFFFFFu}) {
    std::mt19937 expected(seed);
    MersenneTwister words(seed);
    std::mt19937 random(7);
    for (int i = 0; i < 2000; ++i) {
      const auto count = static_cast<std::uint32_t>(random() % (i % 50 == 0 ? 2000 : 20));
      switch (random() % 3) {
        case 0:
          REQUIRE_EQ(words(), expected());
          break;
        case 1:
          words.discard(count);
          expected.discard(count);
          break;
        default: {
          std::vector<std::uint32_t> some(count);
          words.fill(some);
          for (const std::uint32_t word : some) REQUIRE_EQ(word, expected());
        }
      }
    }
  }
}

TEST_CASE("noise that is read slab by slab is the whole draw") {
  const Shape shapes[] = {{},      {0},    {1},     {15},     {16},   {17},      {31},        {33, 5},
                          {5, 33}, {0, 3}, {3, 0},  {2, 3, 4}, {1, 1}, {32768}, {32769},     {32783},
                          {65541}, {9, 7281}, {40000, 3}, {3, 40000}, {100003}, {10, 100, 37}};
  for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::bfloat16}) {
    for (const Shape& shape : shapes) {
      CAPTURE(to_string(shape));
      CAPTURE(name(dtype));
      Generator generator(11);
      const Tensor whole = randn(shape, generator, dtype);
      const Noise noise{shape, 11, dtype};
      CHECK_EQ(noise.drawn(), generator.drawn());
      const std::vector<Tensor> read = load(Source::noise(noise, "noise"));
      REQUIRE_EQ(read.size(), 1);
      CHECK_EQ(read[0].shape(), shape);
      CHECK_EQ(read[0].dtype(), dtype);
      CHECK(equal(raw(read[0]), raw(whole)));
    }
  }
}

TEST_CASE("noise beyond any memory, or of integers, is refused before it is drawn") {
  CHECK_THROWS_AS((Noise{{std::int64_t{1} << 45}, 0}.drawn()), Error);
  CHECK_THROWS_AS((Noise{{2}, 0, DType::int64}.drawn()), Error);
  CHECK_THROWS_AS(load(Source::noise({{2}, 0, DType::int64}, "noise")), Error);
}

TEST_CASE("every recorded draw is repeated bit for bit") {
  const auto records = golden("randn.jsonl");
  CHECK_GT(records.size(), 300);
  for (const nlohmann::json& record : records) {
    CAPTURE(record.at("seed").dump());
    CAPTURE(record.at("dtype").dump());
    CAPTURE(record.at("shape").dump());
    Generator generator(seed_of(record.at("seed")));
    const Tensor drawn = randn(record.at("shape").get<Shape>(), generator, dtype_of_record(record));
    if (record.contains("output")) {
      CHECK(same_bits(drawn, tensor_of_field(record, "output")));
    } else {
      CHECK_EQ(sha256_hex(raw(drawn)), record.at("output_sha256").get<std::string>());
    }
  }
}

TEST_CASE("small draws continue one stream, the left-over sine included") {
  for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::bfloat16}) {
    CAPTURE(name(dtype));
    Generator once(7);
    const Tensor whole = randn({15}, once, dtype);
    Generator often(7);
    const Tensor first = randn({3}, often, dtype);
    const Tensor none = randn({0}, often, dtype);
    const Tensor second = randn({2, 2}, often, dtype);
    const Tensor third = randn({8}, often, dtype);
    CHECK_EQ(none.numel(), 0);
    CHECK(equal(raw(first), part(whole, 0, 3)));
    CHECK(equal(raw(second), part(whole, 3, 4)));
    CHECK(equal(raw(third), part(whole, 7, 8)));
  }
}

TEST_CASE("the left-over sine waits through a large draw and a change of dtype") {
  Generator once(0);
  const Tensor pair = randn({2}, once, DType::float64);
  Generator often(0);
  randn({}, often, DType::float32);
  randn({16}, often, DType::bfloat16);
  CHECK(equal(raw(randn({1}, often, DType::float64)), part(pair, 1, 1)));
}

TEST_CASE("large draws continue one stream") {
  Generator once(3);
  const Tensor whole = randn({48}, once);
  Generator often(3);
  const Tensor first = randn({16}, often);
  const Tensor second = randn({2, 16}, often);
  CHECK(equal(raw(first), part(whole, 0, 16)));
  CHECK(equal(raw(second), part(whole, 16, 32)));
}

TEST_CASE("a large draw that is not a whole number of blocks draws its last 16 values anew") {
  Generator one(3);
  const Tensor blocks = randn({32}, one);
  Generator other(3);
  const Tensor more = randn({33}, other);
  CHECK(equal(part(blocks, 0, 17), part(more, 0, 17)));
  CHECK_FALSE(equal(part(blocks, 17, 15), part(more, 17, 15)));
}

TEST_CASE("16 bits get float32's numbers, rounded, from 16 values on as below") {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    for (const std::int64_t count : {1, 15, 16, 32, 4096, 65536}) {
      CAPTURE(name(dtype));
      CAPTURE(count);
      Generator narrow(11);
      Generator wide(11);
      CHECK(same_bits(randn({count}, narrow, dtype), randn({count}, wide).to(dtype)));
    }
  }
}

TEST_CASE("the last 16 values of 16 bits are float32's of the block that a whole draw has there") {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    for (const std::int64_t count : {17, 31, 4097, 70001}) {
      CAPTURE(name(dtype));
      CAPTURE(count);
      const auto whole = static_cast<std::size_t>(count / 16 * 16);
      const auto end = static_cast<std::size_t>(count) - 16;
      Generator narrow(11);
      const Tensor drawn = randn({count}, narrow, dtype);
      Generator wide(11);
      const Tensor blocks = randn({count / 16 * 16 + 16}, wide).to(dtype);
      CHECK(equal(part(drawn, 0, end), part(blocks, 0, end)));
      CHECK(equal(part(drawn, end, 16), part(blocks, whole, 16)));
      // Both generators stand at the same word.
      CHECK(same_bits(randn({16}, narrow), randn({16}, wide)));
    }
  }
}

TEST_CASE("only the low 32 bits of a seed count") {
  Generator seven(7);
  Generator large((std::uint64_t{1} << 32) + 7);
  CHECK(same_bits(randn({20}, seven), randn({20}, large)));
}

TEST_CASE("the numbers are standard normal") {
  for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::bfloat16}) {
    CAPTURE(name(dtype));
    Generator generator(1);
    const Tensor drawn = randn({100, 1000}, generator, dtype).to(DType::float64);
    double sum = 0;
    double squares = 0;
    for (const double x : drawn.data<double>()) {
      sum += x;
      squares += x * x;
    }
    CHECK_LT(std::abs(sum / 1e5), 0.02);
    CHECK_LT(std::abs(squares / 1e5 - 1), 0.02);
  }
}

TEST_CASE("the shape is kept and plays no part in the values") {
  Generator flat(5);
  Generator deep(5);
  const Tensor tensor = randn({2, 3, 4}, deep);
  CHECK_EQ(tensor.shape(), Shape{2, 3, 4});
  CHECK(same_bits(tensor.reshape({24}), randn({24}, flat)));
  CHECK_EQ(randn({}, deep).shape(), Shape{});
}

TEST_CASE("what cannot be drawn is refused") {
  Generator generator(1);
  CHECK_THROWS_WITH_AS(randn({3}, generator, DType::int64),
                       doctest::Contains("randn draws floating point numbers, not int64"), Error);
  CHECK_THROWS_AS(randn({3}, generator, DType::boolean), Error);
  CHECK_THROWS_AS(randn({2, -1}, generator), Error);
}

TEST_CASE("the hash these tests rely on is SHA-256") {
  // The examples of FIPS 180-4, and lengths about the end of a block.
  CHECK_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK_EQ(sha256_of(std::string(55, 'a')),
           "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK_EQ(sha256_of(std::string(64, 'a')),
           "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  CHECK_EQ(sha256_of(std::string(1000000, 'a')),
           "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace rectify
