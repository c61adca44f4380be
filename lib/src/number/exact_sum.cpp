// The seldom part of exact sums: storage, carries, and what is made of a sum when all terms are in.
// Plain big-number arithmetic on a few dozen digits at most.

#include "number/exact_sum.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace rectify::inline v1 {
namespace {

__extension__ using Wide = unsigned __int128;

/// A natural number: 32-bit digits, the least significant first, none of them a leading zero.
using Natural = std::vector<std::uint32_t>;

void trim(Natural& x) {
  while (!x.empty() && x.back() == 0) x.pop_back();
}

int bits_of(Wide x) {
  const auto high = static_cast<std::uint64_t>(x >> 64);
  return high != 0 ? 128 - std::countl_zero(high)
                   : 64 - std::countl_zero(static_cast<std::uint64_t>(x));
}

int bits_of(const Natural& x) {
  return x.empty() ? 0 : 32 * static_cast<int>(x.size()) - std::countl_zero(x.back());
}

bool bit_at(const Natural& x, int position) {
  if (position < 0) return false;
  const auto digit = static_cast<std::size_t>(position / 32);
  return digit < x.size() && ((x[digit] >> (position % 32)) & 1u) != 0;
}

/// Whether there is a one among the lowest `count` bits.
bool any_below(const Natural& x, int count) {
  for (int position = 0; position < count; position += 32) {
    const auto digit = static_cast<std::size_t>(position / 32);
    if (digit >= x.size()) return false;
    const int taken = std::min(32, count - position);
    if ((x[digit] & (0xFFFFFFFFu >> (32 - taken))) != 0) return true;
  }
  return false;
}

/// The `count` (at most 127) bits from `lowest` on, which may be negative: zeros stand below.
Wide bits_from(const Natural& x, int lowest, int count) {
  Wide bits = 0;
  const int end = std::min(lowest + count, 32 * static_cast<int>(x.size()));
  for (int digit = std::max(lowest, 0) / 32; 32 * digit < end; ++digit) {
    const int shift = 32 * digit - lowest;
    const std::uint32_t value = x[static_cast<std::size_t>(digit)];
    bits |= shift >= 0 ? Wide{value} << shift : Wide{value >> -shift};
  }
  return bits & ((Wide{1} << count) - 1);
}

Natural natural(std::uint64_t x) {
  return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)};
}

Natural product(const Natural& a, const Natural& b) {
  Natural result(a.size() + b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      carry += std::uint64_t{a[i]} * b[j] + result[i + j];
      result[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    result[i + b.size()] = static_cast<std::uint32_t>(carry);
  }
  trim(result);
  return result;
}

/// a - b; nothing if that is negative.
std::optional<Natural> difference(Natural a, const Natural& b) {
  if (b.size() > a.size()) return std::nullopt;
  std::int64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    borrow += std::int64_t{a[i]} - (i < b.size() ? std::int64_t{b[i]} : 0);
    a[i] = static_cast<std::uint32_t>(borrow);
    borrow >>= 32;
  }
  if (borrow != 0) return std::nullopt;
  trim(a);
  return a;
}

/// magnitude * 2^exponent to nearest, ties to even, where `more` says that a little (less than a
/// unit of the last place of magnitude) is to be added.
double rounded(Wide magnitude, int exponent, bool more) {
  const int bits = bits_of(magnitude);
  // Bits that the result can have: 53, fewer if it is subnormal; 0 if it is less than the least.
  const int kept = std::min(53, bits + exponent + 1074);
  if (kept < 0) return 0;
  const int dropped = bits - kept;
  if (dropped <= 0) return std::ldexp(static_cast<double>(magnitude), exponent);
  const Wide one = 1;
  auto result = static_cast<std::uint64_t>(dropped >= 128 ? Wide{0} : magnitude >> dropped);
  const Wide rest = magnitude & ((one << (dropped - 1)) - 1);
  const bool half = (magnitude >> (dropped - 1) & 1) != 0;
  if (half && (rest != 0 || more || (result & 1) != 0)) ++result;
  return std::ldexp(static_cast<double>(result), exponent + dropped);
}

/// The greatest integer whose square is at most x; x < 2^112.
std::uint64_t square_root(Wide x) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<long double>(x)));
  while (Wide{root} * root > x) --root;
  while (Wide{root + 1} * (root + 1) <= x) ++root;
  return root;
}

}  // namespace

/// The sum as sign, magnitude and exponent (a multiple of 32).
struct ExactSum::Parts {
  bool negative = false;
  Natural magnitude;
  int exponent = 0;
};

ExactSum& ExactSum::operator=(const ExactSum& other) {
  if (this == &other) return *this;
  ExactSum copy;
  if (other.on_heap()) {
    copy.digits_.heap = new std::int64_t[other.capacity_];
    copy.capacity_ = other.capacity_;
    std::copy_n(other.digits_.heap, other.size_, copy.digits_.heap);
  } else {
    copy.digits_ = other.digits_;
  }
  copy.first_ = other.first_;
  copy.size_ = other.size_;
  copy.adds_ = other.adds_;
  swap(copy);
  return *this;
}

void ExactSum::swap(ExactSum& other) noexcept {
  std::swap(digits_, other.digits_);
  std::swap(first_, other.first_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(adds_, other.adds_);
}

void ExactSum::widen(int digit, int count) {
  const int first = size_ == 0 ? digit : std::min<int>(first_, digit);
  const int last = size_ == 0 ? digit + count : std::max<int>(first_ + size_, digit + count);
  const int size = last - first;
  const int moved = size_ == 0 ? 0 : first_ - first;
  if (size > capacity_) {
    // At most twice, so that storage is settled after a few terms.
    const int capacity = size <= 2 * kInline ? 2 * kInline : kMost;
    auto* const heap = new std::int64_t[static_cast<std::size_t>(capacity)]();
    std::copy_n(words(), size_, heap + moved);
    if (on_heap()) delete[] digits_.heap;
    digits_.heap = heap;
    capacity_ = static_cast<std::uint8_t>(capacity);
  } else {
    std::int64_t* const here = words();
    std::copy_backward(here, here + size_, here + size_ + moved);
    std::fill_n(here, moved, 0);
    std::fill(here + moved + size_, here + size, 0);
  }
  first_ = static_cast<std::int16_t>(first);
  size_ = static_cast<std::uint8_t>(size);
}

/// Leaves every word but the uppermost in [0, 2^32), and that one in [-2^31, 2^31).
void ExactSum::carry() {
  adds_ = kAddsToCarry;
  if (size_ == 0) return;
  std::int64_t* here = words();
  for (int i = 0;; ++i) {
    const std::int64_t up = here[i] >> 32;
    if (i + 1 == size_) {
      if (here[i] == static_cast<std::int32_t>(here[i])) return;
      widen(first_ + size_, 1);
      here = words();
    }
    here[i] &= 0xFFFFFFFF;
    here[i + 1] += up;
  }
}

void ExactSum::add_multiple(double x, std::uint64_t times) {
  int exponent = 0;
  const auto fraction =
      static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(x), &exponent), 53));
  if (fraction != 0) {
    // Subnormals have trailing zeros here: keep the exponent within that of the least double.
    const int zeros = std::countr_zero(fraction);
    add_scaled(Wide{fraction >> zeros} * times, exponent - 53 + zeros, x < 0);
  }
}

void ExactSum::add(const ExactSum& other, bool negated) {
  if (other.size_ == 0) return;
  ExactSum carried = other;  // words below 2^32, as reach() counts on
  carried.carry();
  std::int64_t* const to = reach(carried.first_, carried.size_);
  const std::int64_t* const from = carried.words();
  for (int i = 0; i < carried.size_; ++i) to[i] += negated ? -from[i] : from[i];
}

ExactSum::Parts ExactSum::parts() const {
  ExactSum carried = *this;
  carried.carry();
  Parts parts;
  if (carried.size_ == 0) return parts;
  parts.exponent = 32 * carried.first_;
  const std::int64_t* const from = carried.words();
  parts.negative = from[carried.size_ - 1] < 0;
  std::int64_t carry = 0;
  for (int i = 0; i < carried.size_; ++i) {
    carry += parts.negative ? -from[i] : from[i];
    parts.magnitude.push_back(static_cast<std::uint32_t>(carry));
    carry >>= 32;
  }
  trim(parts.magnitude);
  return parts;
}

int ExactSum::sign() const {
  const Parts sum = parts();
  return sum.magnitude.empty() ? 0 : sum.negative ? -1 : 1;
}

double ExactSum::mean(std::uint64_t count) const {
  const Parts sum = parts();
  if (sum.magnitude.empty()) return 0;
  // 127 bits by at most 64 leave 63 or more.
  const int lowest = bits_of(sum.magnitude) - 127;
  const Wide dividend = bits_from(sum.magnitude, lowest, 127);
  const bool more = dividend % count != 0 || any_below(sum.magnitude, lowest);
  const double result = rounded(dividend / count, sum.exponent + lowest, more);
  return sum.negative ? 0.0 - result : result;
}

void ExactSum::add_mean(const ExactSum& sum, std::uint64_t count) {
  const Parts parts = sum.parts();
  // 127 bits by at most 64, and once more what is left, with the next 64. What is left then makes the
  // last bit one, so that a tie stays none.
  const int lowest = bits_of(parts.magnitude) - 127;
  const Wide dividend = bits_from(parts.magnitude, lowest, 127);
  const Wide rest = (dividend % count) << 64 | bits_from(parts.magnitude, lowest - 64, 64);
  add_scaled(dividend / count, parts.exponent + lowest, parts.negative);
  const bool more = rest % count != 0 || any_below(parts.magnitude, lowest - 64);
  add_scaled(rest / count | static_cast<Wide>(more), parts.exponent + lowest - 64, parts.negative);
}

double ExactSum::quotient(const ExactSum& a, std::uint64_t times, const ExactSum& b) {
  const Parts divisor = b.parts();
  Parts dividend = a.parts();
  dividend.magnitude = product(dividend.magnitude, natural(times));
  // Long division, a bit at a time: the first may be zero, so that there are 63 or 64.
  constexpr int kBits = 126;
  int next = bits_of(dividend.magnitude) - kBits;
  const int below = bits_of(divisor.magnitude) - kBits;
  const Wide by = bits_from(divisor.magnitude, below, kBits);
  Wide rest = bits_from(dividend.magnitude, next, kBits);
  Wide quotient = 0;
  for (int i = 0;; ++i) {
    quotient <<= 1;
    if (rest >= by) {
      rest -= by;
      quotient |= 1;
    }
    if (i == 63) break;
    rest = rest << 1 | static_cast<Wide>(bit_at(dividend.magnitude, --next));
  }
  if (quotient == 0) return 0;
  const bool more = rest != 0 || any_below(dividend.magnitude, next);
  return rounded(quotient, dividend.exponent + next - divisor.exponent - below, more);
}

std::optional<double> ExactSum::standard_deviation(const ExactSum& sum, const ExactSum& squares,
                                                   std::uint64_t k) {
  const Parts s = sum.parts();
  const Parts q = squares.parts();
  if (q.negative) return std::nullopt;
  Natural minuend = product(q.magnitude, natural(k));
  Natural subtrahend = product(s.magnitude, s.magnitude);
  int exponent = std::min(q.exponent, 2 * s.exponent);
  // To one exponent; both are multiples of 32.
  const auto shift = [&](Natural& x, int from) {
    if (!x.empty()) x.insert(x.begin(), static_cast<std::size_t>((from - exponent) / 32), 0u);
  };
  shift(minuend, q.exponent);
  shift(subtrahend, 2 * s.exponent);
  const std::optional<Natural> numerator = difference(std::move(minuend), subtrahend);
  if (!numerator) return std::nullopt;
  if (numerator->empty()) return 0.0;

  // Long division by k (k - 1) < 2^124, a bit at a time: a quotient of 110 or 111 bits with an even
  // exponent, whose root has 55 or 56.
  const Wide divisor = Wide{k} * (k - 1);
  int next = bits_of(*numerator);
  const int first = bits_of(divisor) - 1;
  next -= first;
  Wide rest = bits_from(*numerator, next, first);
  Wide quotient = 0;
  for (int i = 0; i < 111 || (next + exponent) % 2 != 0; ++i) {
    rest = rest << 1 | static_cast<Wide>(bit_at(*numerator, --next));
    quotient <<= 1;
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  const bool more = rest != 0 || any_below(*numerator, next);
  const std::uint64_t root = square_root(quotient);
  return rounded(root, (next + exponent) / 2, more || Wide{root} * root != quotient);
}

std::string ExactSum::text() const {
  const Parts sum = parts();
  if (sum.magnitude.empty()) return "0";
  int zeros = 0;
  while (!bit_at(sum.magnitude, zeros)) ++zeros;
  const int bits = bits_of(sum.magnitude) - zeros;
  std::string text = sum.negative ? "-" : "";
  for (int digit = (bits - 1) / 4; digit >= 0; --digit) {
    text += "0123456789abcdef"[static_cast<std::size_t>(
        bits_from(sum.magnitude, zeros + 4 * digit, 4))];
  }
  return text + 'p' + std::to_string(sum.exponent + zeros);
}

std::optional<ExactSum> ExactSum::from_text(std::string_view text, Terms terms) {
  ExactSum sum;
  if (text == "0") return sum;
  constexpr std::size_t kMostDigits = std::size_t{8} * kMost;
  const std::string_view whole = text;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t p = text.find('p');
  if (p == std::string_view::npos || p == 0 || p > kMostDigits) return std::nullopt;
  const std::string_view exponent_text = text.substr(p + 1);
  int exponent = 0;
  const auto [end, status] =
      std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  if (status != std::errc{} || end != exponent_text.data() + exponent_text.size())
    return std::nullopt;
  // Every term is a multiple of the least double, or of its square, and 2^62 terms stay below this.
  const int power = terms == Terms::squares ? 2 : 1;
  const int most = power * 1024 + 64;
  if (exponent < power * -1074 || exponent > most || exponent + 4 * static_cast<int>(p) > most + 4)
    return std::nullopt;
  for (std::size_t i = 0; i < p; ++i) {
    unsigned digit = 0;
    if (std::from_chars(&text[i], &text[i] + 1, digit, 16).ec != std::errc{}) return std::nullopt;
    sum.add_scaled(Wide{digit}, exponent + 4 * static_cast<int>(p - 1 - i), negative);
  }
  // One way to write a sum: whatever text() does not write is refused (capitals, zeros, "1p+2").
  if (sum.text() != whole) return std::nullopt;
  return sum;
}

}  // namespace rectify::inline v1
