// An oracle for exact sums: numbers m * 2^e of any size with +, -, * and comparison, written to be
// obviously right rather than fast, and a check of rounding that divides nothing: a double is the
// correctly rounded value of a quotient if the exact one lies between the midpoints around it.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>
#include <vector>

class Dyadic {
 public:
  Dyadic() = default;
  Dyadic(double x) {  // NOLINT: as a number would
    int exponent = 0;
    const double fraction = std::frexp(std::abs(x), &exponent);
    *this = Dyadic(static_cast<std::uint64_t>(std::ldexp(fraction, 53)));
    negative_ = x < 0;
    shift(exponent - 53);
  }
  static Dyadic integer(std::int64_t x) {
    const auto bits = static_cast<std::uint64_t>(x);
    Dyadic result(x < 0 ? std::uint64_t{0} - bits : bits);
    result.negative_ = x < 0;
    return result;
  }
  explicit Dyadic(std::uint64_t x)
      : digits_{static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)} {
    trim();
  }

  bool zero() const { return digits_.empty(); }

  Dyadic operator-() const {
    Dyadic result = *this;
    result.negative_ = !negative_ && !zero();
    return result;
  }
  Dyadic abs() const { return negative_ ? -*this : *this; }

  Dyadic operator+(const Dyadic& other) const {
    Dyadic a = *this;
    Dyadic b = other;
    a.align(b);
    if (a.negative_ == b.negative_) {
      std::uint64_t carry = 0;
      for (std::size_t i = 0; i < a.digits_.size(); ++i) {
        carry += std::uint64_t{a.digits_[i]} + b.digits_[i];
        a.digits_[i] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
      a.digits_.push_back(static_cast<std::uint32_t>(carry));
    } else {
      if (std::lexicographical_compare(a.digits_.rbegin(), a.digits_.rend(), b.digits_.rbegin(),
                                       b.digits_.rend()))
        std::swap(a, b);
      std::int64_t borrow = 0;
      for (std::size_t i = 0; i < a.digits_.size(); ++i) {
        borrow += std::int64_t{a.digits_[i]} - std::int64_t{b.digits_[i]};
        a.digits_[i] = static_cast<std::uint32_t>(borrow);
        borrow >>= 32;
      }
    }
    a.trim();
    return a;
  }
  Dyadic operator-(const Dyadic& other) const { return *this + -other; }
  /// Without copies where the signs agree.
  Dyadic& operator+=(const Dyadic& other) {
    if (other.zero()) return *this;
    if (zero() || negative_ != other.negative_) return *this = *this + other;
    if (other.exponent_ < exponent_) {
      digits_.insert(digits_.begin(), static_cast<std::size_t>(exponent_ - other.exponent_), 0u);
      exponent_ = other.exponent_;
    }
    const auto offset = static_cast<std::size_t>(other.exponent_ - exponent_);
    if (digits_.size() <= offset + other.digits_.size())
      digits_.resize(offset + other.digits_.size() + 1);
    std::uint64_t carry = 0;
    for (std::size_t i = offset; i < digits_.size(); ++i) {
      carry += digits_[i];
      if (i - offset < other.digits_.size()) carry += other.digits_[i - offset];
      digits_[i] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) digits_.push_back(static_cast<std::uint32_t>(carry));
    trim();
    return *this;
  }

  Dyadic operator*(const Dyadic& other) const {
    Dyadic result;
    result.digits_.resize(digits_.size() + other.digits_.size());
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < other.digits_.size(); ++j) {
        carry += std::uint64_t{digits_[i]} * other.digits_[j] + result.digits_[i + j];
        result.digits_[i + j] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
      result.digits_[i + other.digits_.size()] = static_cast<std::uint32_t>(carry);
    }
    result.exponent_ = exponent_ + other.exponent_;
    result.negative_ = negative_ != other.negative_;
    result.trim();
    return result;
  }

  std::strong_ordering operator<=>(const Dyadic& other) const {
    if (other.zero()) {
      return zero()      ? std::strong_ordering::equal
             : negative_ ? std::strong_ordering::less
                         : std::strong_ordering::greater;
    }
    const Dyadic difference = *this - other;
    return difference.zero()      ? std::strong_ordering::equal
           : difference.negative_ ? std::strong_ordering::less
                                  : std::strong_ordering::greater;
  }
  bool operator==(const Dyadic& other) const { return (*this - other).zero(); }

 private:
  void shift(int bits) {
    const int digits = bits >= 0 ? bits / 32 : -((-bits + 31) / 32);
    exponent_ += digits;
    const int rest = bits - 32 * digits;
    std::uint64_t carry = 0;
    for (std::uint32_t& digit : digits_) {
      carry |= std::uint64_t{digit} << rest;
      digit = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    digits_.push_back(static_cast<std::uint32_t>(carry));
    trim();
  }
  void align(Dyadic& other) {
    if (zero()) exponent_ = other.exponent_;
    if (other.zero()) other.exponent_ = exponent_;
    const int least = std::min(exponent_, other.exponent_);
    for (Dyadic* x : {this, &other}) {
      x->digits_.insert(x->digits_.begin(), static_cast<std::size_t>(x->exponent_ - least), 0u);
      x->exponent_ = least;
    }
    const std::size_t size = std::max(digits_.size(), other.digits_.size());
    digits_.resize(size);
    other.digits_.resize(size);
  }
  void trim() {
    while (!digits_.empty() && digits_.back() == 0) digits_.pop_back();
    if (digits_.empty()) negative_ = false;
  }

  bool negative_ = false;
  std::vector<std::uint32_t> digits_;  // the least significant first
  int exponent_ = 0;                   // of 2^32
};

/// A sum that keeps what is positive and what is negative apart, which is faster.
struct DyadicSum {
  Dyadic plus, minus;

  DyadicSum& operator+=(const Dyadic& x) {
    (x < Dyadic() ? minus : plus) += x;
    return *this;
  }
  operator Dyadic() const { return plus + minus; }
};

/// The number halfway between two neighbouring doubles; 2^1024 stands for infinity.
inline Dyadic halfway(double a, double b) {
  const auto exact = [](double x) {
    return std::isinf(x) ? Dyadic(x > 0 ? 0x1p1023 : -0x1p1023) * Dyadic(2.0) : Dyadic(x);
  };
  return (exact(a) + exact(b)) * Dyadic(0.5);
}

/// Whether `value` is what rounding to nearest, ties to even, makes of the number q for which
/// order(x), x any Dyadic, tells how x compares with q.
template <class Order>
bool rounds_to(double value, const Order& order) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool even = (std::bit_cast<std::uint64_t>(value) & 1) == 0;  // infinity, too
  if (value != kInfinity) {
    const auto upper = order(halfway(value, std::nextafter(value, kInfinity)));
    if (upper < 0 || (upper == 0 && !even)) return false;
  }
  if (value != -kInfinity) {
    const auto lower = order(halfway(value, std::nextafter(value, -kInfinity)));
    if (lower > 0 || (lower == 0 && !even)) return false;
  }
  return true;
}

/// Whether `value` is sum / divisor, correctly rounded.
inline bool is_quotient(double value, const Dyadic& sum, const Dyadic& divisor) {
  return rounds_to(value, [&](const Dyadic& x) { return x * divisor <=> sum; });
}
inline bool is_quotient(double value, const Dyadic& sum, std::uint64_t count) {
  return is_quotient(value, sum, Dyadic(count));
}

/// Whether `value` is sqrt((k * squares - sum^2) / (k * (k - 1))), correctly rounded.
inline bool is_deviation(double value, const Dyadic& sum, const Dyadic& squares, std::uint64_t k) {
  const Dyadic dividend = Dyadic(k) * squares - sum * sum;
  const Dyadic divisor = Dyadic(k) * Dyadic(k - 1);
  return value >= 0 && rounds_to(value, [&](const Dyadic& x) {
           if (x < Dyadic()) return std::strong_ordering::less;
           return x * x * divisor <=> dividend;
         });
}
