#include "kernels/crc.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>

namespace rectify {
namespace {

/// Bit by bit, as the checksum is defined: the remainder by x^32 + x^26 + x^23 + ... + 1, lowest
/// bits first.
std::uint32_t by_bits(std::uint32_t before, const std::string& text) {
  std::uint32_t crc = ~before;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

TEST_CASE("the checksum of nine digits is the one that everybody has") {
  const std::string digits = "123456789";
  CHECK(crc32_of(0, digits.data(), digits.size()) == 0xCBF43926u);
}

TEST_CASE("a checksum is that of its definition, for every length, place and beginning") {
  std::mt19937 random(1);
  std::string text(6000, '\0');
  for (char& c : text) c = static_cast<char>(random());
  for (const std::size_t begin : {0u, 1u, 7u, 15u}) {
    for (std::size_t size = 0; size < 1200; ++size) {
      CAPTURE(begin);
      CAPTURE(size);
      const auto before = static_cast<std::uint32_t>(random());
      const std::string part = text.substr(begin, size);
      CHECK(crc32_of(before, text.data() + begin, size) == by_bits(before, part));
    }
  }
  CHECK(crc32_of(0, text.data(), text.size()) == by_bits(0, text));
}

TEST_CASE("a checksum goes on behind bytes that have one") {
  const std::string text(5000, 'x');
  for (const std::size_t first : {0u, 1u, 255u, 256u, 1000u, 5000u}) {
    const std::uint32_t before = crc32_of(0, text.data(), first);
    CHECK(crc32_of(before, text.data() + first, text.size() - first) == by_bits(0, text));
  }
}

}  // namespace
}  // namespace rectify
