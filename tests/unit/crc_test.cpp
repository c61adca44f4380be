#include "kernels/crc.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <vector>

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

/// Those that can be tried here, each named in what fails.
std::vector<Crc32Way> ways() {
  std::vector<Crc32Way> found;
  std::copy_if(std::begin(kCrc32Ways), std::end(kCrc32Ways), std::back_inserter(found),
               has_crc32_way);
  return found;
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
      const std::uint32_t wanted = by_bits(before, part);
      CHECK(crc32_of(before, text.data() + begin, size) == wanted);
      for (const Crc32Way way : ways()) {
        CAPTURE(static_cast<int>(way));
        CHECK(crc32_of(way, before, text.data() + begin, size) == wanted);
      }
    }
  }
  CHECK(crc32_of(0, text.data(), text.size()) == by_bits(0, text));
}

TEST_CASE("a checksum is that of its definition where two parts are worked on together") {
  std::mt19937 random(2);
  std::string text(160000, '\0');
  for (char& c : text) c = static_cast<char>(random());
  // What a round takes of blocks of 16 bytes, and of 32.
  for (const std::size_t round : {14336u, 14208u}) {
    for (std::size_t rounds = 3; rounds < 10; ++rounds) {
      for (const std::size_t more :
           {0u, 1u, 63u, 64u, 127u, 128u, 9599u, 9600u, 9663u, 9664u, 9665u, 9727u, 9728u, 9729u}) {
        const std::size_t size = rounds * round + more;
        const std::size_t begin = size % 17;
        CAPTURE(size);
        const auto before = static_cast<std::uint32_t>(random());
        const std::uint32_t wanted = by_bits(before, text.substr(begin, size));
        CHECK(crc32_of(before, text.data() + begin, size) == wanted);
        for (const Crc32Way way : ways()) {
          CAPTURE(static_cast<int>(way));
          CHECK(crc32_of(way, before, text.data() + begin, size) == wanted);
        }
      }
    }
  }
}

TEST_CASE("a checksum goes on behind bytes that have one") {
  const std::string text(5000, 'x');
  for (const std::size_t first : {0u, 1u, 255u, 256u, 1000u, 5000u}) {
    const std::uint32_t before = crc32_of(0, text.data(), first);
    CHECK(crc32_of(before, text.data() + first, text.size() - first) == by_bits(0, text));
  }
}

TEST_CASE("checksums of parts join to that of the whole") {
  std::string text(70000, '\0');
  std::mt19937 random(3);
  for (char& c : text) c = static_cast<char>(random());
  const std::uint32_t whole = by_bits(0, text);
  for (const std::size_t first : {0u, 1u, 16u, 272u, 4096u, 65536u, 69999u, 70000u}) {
    CAPTURE(first);
    const std::uint32_t before = crc32_of(0, text.data(), first);
    const std::uint32_t behind = crc32_of(0, text.data() + first, text.size() - first);
    CHECK(crc32_joined(before, behind, text.size() - first) == whole);
  }
}

}  // namespace
}  // namespace rectify
