#include "reference.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace reference {
namespace {

constexpr std::uint32_t kSign = 0x80000000;
constexpr std::uint32_t kInfinity = 0x7F800000;
constexpr std::uint32_t kQuiet = 0x00400000;
constexpr std::uint32_t kOne = 0x3F800000;

bool is_nan(std::uint32_t x) { return (x & ~kSign) > kInfinity; }
bool is_positive(std::uint32_t x) { return x > 0 && x <= kInfinity; }
bool is_negative(std::uint32_t x) { return x > kSign && x <= (kSign | kInfinity); }

template <class F>
Patterns map(const Patterns& x, F f) {
  Patterns y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = f(x[i]);
  return y;
}

/// The shortest text with an exponent, or the one of so many digits after the point; a zero behind.
template <class... Precision>
std::string_view scientific(std::array<char, 64>& room, float x, Precision... precision) {
  const auto result = std::to_chars(room.data(), room.data() + room.size(), x,
                                    std::chars_format::scientific, precision...);
  *result.ptr = '\0';
  return {room.data(), result.ptr};
}

bool reads_back_by_way_of_a_double(std::string_view text, float x) {
  double wide = 0;
  std::from_chars(text.data(), text.data() + text.size(), wide);
  return static_cast<float>(wide) == x;
}

}  // namespace

Patterns relu(const Patterns& x) {
  return map(x, [](std::uint32_t value) { return is_negative(value) ? 0 : value; });
}

Patterns relu_gradient(const Patterns& x) {
  return map(x, [](std::uint32_t value) { return is_positive(value) || is_nan(value) ? kOne : 0; });
}

Patterns leaky_relu(const Patterns& x, double slope) {
  // The product of two float32 is exact in double, so this rounds once.
  const double factor = static_cast<float>(slope);
  return map(x, [factor](std::uint32_t value) {
    if (is_positive(value)) return value;
    if (is_nan(value)) return value | kQuiet;
    const double product = static_cast<double>(std::bit_cast<float>(value)) * factor;
    return std::bit_cast<std::uint32_t>(static_cast<float>(product));
  });
}

Patterns leaky_relu_gradient(const Patterns& x, double slope) {
  const auto otherwise = std::bit_cast<std::uint32_t>(static_cast<float>(slope));
  return map(x, [=](std::uint32_t value) { return is_positive(value) ? kOne : otherwise; });
}

bool append_text(std::string& out, float x) {
  if (std::isnan(x)) {
    out += "nan";
    return false;
  }
  if (std::signbit(x)) out += '-';
  x = std::fabs(x);
  if (std::isinf(x) || x == 0) {
    out += x == 0 ? "0.0" : "inf";
    return false;
  }
  std::array<char, 64> room;
  std::string_view text = scientific(room, x);  // "d.ddde+dd"
  bool longer = false;
  while (!reads_back_by_way_of_a_double(text, x)) {
    const auto digits = text.find('e') - (text.find('.') == text.npos ? 0 : 1);
    text = scientific(room, x, static_cast<int>(digits));
    longer = true;
  }

  const std::size_t e = text.find('e');
  const int exponent = std::atoi(room.data() + e + 1);
  if (x < 1e-4 || x >= 1e16) {
    out += text;
    return longer;
  }
  std::string digits(text.substr(0, 1));
  if (e > 2) digits += text.substr(2, e - 2);
  if (exponent < 0) {
    out += "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    return longer;
  }
  const auto point = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < point + 1) digits.resize(point + 1, '0');
  out.append(digits, 0, point).append(1, '.').append(digits, point);
  return longer;
}

std::string print(std::span<const float> x, Notation notation) {
  const auto counts = [](float value) { return std::isfinite(value) && value != 0; };
  bool whole = true;
  double low = HUGE_VAL;
  double high = 0;
  for (const float value : x) {
    if (!counts(value)) continue;
    whole = whole && std::trunc(value) == value;
    low = std::min<double>(low, std::fabs(value));
    high = std::max<double>(high, std::fabs(value));
  }
  const bool exponents =
      high != 0 &&
      (notation == Notation::automatic ? high / low > 1000 || high > 1e8 || (!whole && low < 1e-4)
                                       : notation == Notation::scientific);
  const char* format = exponents ? "%.4e" : whole ? "%.0f." : "%.4f";

  std::vector<std::string> texts;
  std::size_t width = 1;
  for (const float value : x) {
    std::array<char, 64> room;
    std::snprintf(room.data(), room.size(), std::isfinite(value) ? format : "%f",
                  static_cast<double>(value));
    texts.emplace_back(std::isnan(value) ? "nan" : room.data());
    if (counts(value)) width = std::max(width, texts.back().size());
  }
  std::string out = "tensor([";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) out += ",\n        ";
    if (texts[i].size() < width) out.append(width - texts[i].size(), ' ');
    out += texts[i];
  }
  return out + "])";
}

}  // namespace reference
