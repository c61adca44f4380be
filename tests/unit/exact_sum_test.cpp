#include "number/exact_sum.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "dyadic.hpp"

using rectify::ExactSum;

namespace {

constexpr double kGreatest = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

ExactSum sum_of(const std::vector<double>& values) {
  ExactSum sum;
  for (const double x : values) sum.add(x);
  return sum;
}

ExactSum squares_of(const std::vector<double>& values) {
  ExactSum sum;
  for (const double x : values) sum.add_square(x);
  return sum;
}

/// Random values of one kind each: alike, far apart, of any bits, cancelling.
std::vector<double> random_values(std::mt19937_64& random, int kind, std::size_t count) {
  std::vector<double> values;
  std::normal_distribution<double> normal;
  while (values.size() < count) {
    double x = normal(random);
    if (kind == 1) x = std::ldexp(x, static_cast<int>(random() % 200) - 100);
    if (kind == 2) x = std::bit_cast<double>(random());
    if (kind == 3) x = std::ldexp(x, -1060);
    if (kind == 4) x = std::ldexp(x, 1020);
    if (kind == 5 && values.size() % 2 == 1) x = -values.back() * (1 + 0x1p-52);
    if (kind == 6) x = static_cast<double>(static_cast<float>(x));
    if (std::isfinite(x)) values.push_back(x);
  }
  return values;
}

void check_against_oracle(const std::vector<double>& values) {
  DyadicSum terms;
  Dyadic squares;
  for (const double x : values) {
    terms += Dyadic(x);
    squares += Dyadic(x) * Dyadic(x);
  }
  const Dyadic sum = terms;
  const ExactSum ours = sum_of(values);
  const ExactSum our_squares = squares_of(values);
  CHECK(ours.sign() == (sum <=> Dyadic() > 0 ? 1 : sum == Dyadic() ? 0 : -1));
  for (const std::uint64_t count :
       {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{values.size()}, std::uint64_t{1} << 62,
        (std::uint64_t{1} << 62) - 1}) {
    CAPTURE(count);
    CHECK(is_quotient(ours.mean(count), sum, count));
    CHECK(is_quotient(our_squares.mean(count), squares, count));
    ExactSum mean;
    mean.add_mean(ours, count);
    CHECK(is_quotient(mean.mean(1), sum, count));
    if (squares <=> Dyadic() > 0) {
      CHECK(is_quotient(ExactSum::quotient(ours, count, our_squares), sum.abs() * Dyadic(count),
                        squares));
    }
  }
  if (values.size() >= 2) {
    const std::optional<double> deviation =
        ExactSum::standard_deviation(ours, our_squares, values.size());
    REQUIRE(deviation);
    CHECK(is_deviation(*deviation, sum, squares, values.size()));
  }
}

}  // namespace

TEST_CASE("means and standard deviations are rounded once, whatever the values") {
  std::mt19937_64 random(1);
  for (int kind = 0; kind < 7; ++kind) {
    CAPTURE(kind);
    for (const std::size_t count : {1u, 2u, 3u, 7u, 100u, 700u}) {
      CAPTURE(count);
      check_against_oracle(random_values(random, kind, count));
    }
  }
}

TEST_CASE("the edges of the doubles are as exact as their middle") {
  struct Row {
    std::vector<double> values;
    const char* why;
  };
  const Row rows[] = {
      {{0.0, -0.0}, "zeros"},
      {{kGreatest, kGreatest, kGreatest}, "the sum overflows, the mean does not"},
      {{kGreatest, -kGreatest}, "the standard deviation overflows"},
      {{-kGreatest, -kGreatest, 1.0}, "negative, and a small rest"},
      {{kLeast}, "the least double, whose third rounds to zero"},
      {{kLeast, kLeast, kLeast, 2 * kLeast}, "ties among subnormals"},
      {{kLeast, -kLeast, kLeast}, "cancellation among them"},
      {{1.0, 0x1p-53}, "a tie that goes to even"},
      {{1.0 + 0x1p-52, 0x1p-53}, "a tie that goes up"},
      {{1.0, 0x1p-53, kLeast}, "a tie broken a thousand bits below"},
      {{1.0, 0x1p-53, -kLeast}, "and downwards"},
      {{0x1p1023, 0x1p970, -kLeast}, "next to overflow"},
      {{1e308, 1e-308, -1e308}, "what is left after cancellation"},
      {{3.0, 3.0, 3.0}, "no deviation"},
      {{1.0, 1.0 + 0x1p-52}, "a deviation far below the values"},
      {{kLeast, 2 * kLeast}, "a subnormal deviation"},
      {{0x1.fffffffffffffp-1022, 0x1p-1074}, "the border of the subnormals"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    check_against_oracle(row.values);
  }
}

TEST_CASE("a sum without terms is zero, and zeros are positive") {
  const ExactSum none;
  CHECK(none.text() == "0");
  CHECK(none.sign() == 0);
  CHECK_FALSE(std::signbit(none.mean(3)));
  CHECK_FALSE(std::signbit(sum_of({-0.0, -0.0}).mean(2)));
  CHECK_FALSE(std::signbit(sum_of({-1.5, 1.5}).mean(2)));
  CHECK(*ExactSum::standard_deviation(none, none, 2) == 0);
}

TEST_CASE("neither order nor grouping shows") {
  std::mt19937_64 random(2);
  for (int kind = 0; kind < 7; ++kind) {
    CAPTURE(kind);
    std::vector<double> values = random_values(random, kind, 3000);
    const std::string expected = sum_of(values).text();
    const std::string expected_squares = squares_of(values).text();
    for (int round = 0; round < 5; ++round) {
      std::shuffle(values.begin(), values.end(), random);
      std::vector<ExactSum> parts(1 + random() % 20);
      std::vector<ExactSum> squares(parts.size());
      for (const double x : values) {
        const std::size_t part = random() % parts.size();
        parts[part].add(x);
        squares[part].add_square(x);
      }
      ExactSum whole;
      ExactSum whole_squares;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        whole.add(*ExactSum::from_text(parts[i].text(), ExactSum::Terms::squares));
        whole_squares.add(squares[i]);
      }
      CHECK(whole.text() == expected);
      CHECK(whole_squares.text() == expected_squares);
      for (const ExactSum& part : parts) whole.add(part, true);
      CHECK(whole.text() == "0");
    }
  }
}

TEST_CASE("many terms of one sign carry all the way up") {
  for (const double x : {1.0 - 0x1p-53, -0x1.fffffffffffffp-7, kGreatest, -kGreatest, kLeast}) {
    CAPTURE(x);
    constexpr std::uint64_t kTerms = 300'000;
    ExactSum sum;
    ExactSum squares;
    for (std::uint64_t i = 0; i < kTerms; ++i) {
      sum.add(x);
      squares.add_square(x);
    }
    ExactSum expected;
    expected.add_multiple(x, kTerms);
    CHECK(sum.text() == expected.text());
    CHECK(is_quotient(squares.mean(kTerms), Dyadic(x) * Dyadic(x), 1));
    for (int doubling = 0; doubling < 40; ++doubling) sum.add(ExactSum(sum));
    CHECK(sum.mean(kTerms << 40) == x);
  }
}

TEST_CASE("integers are added as they are") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kFewest = std::numeric_limits<std::int64_t>::min();
  ExactSum sum;
  ExactSum squares;
  Dyadic expected;
  Dyadic expected_squares;
  for (const std::int64_t x : {kMost, kFewest, std::int64_t{0}, std::int64_t{-1}, kFewest, kFewest,
                               std::int64_t{1} << 53, (std::int64_t{1} << 53) + 1}) {
    sum.add_integer(x);
    squares.add_integer_square(x);
    expected += Dyadic::integer(x);
    expected_squares += Dyadic::integer(x) * Dyadic::integer(x);
  }
  CHECK(is_quotient(sum.mean(8), expected, 8));
  CHECK(is_quotient(squares.mean(8), expected_squares, 8));
  CHECK(
      is_deviation(*ExactSum::standard_deviation(sum, squares, 8), expected, expected_squares, 8));
}

TEST_CASE("multiples are exact, of subnormals too") {
  for (const double x : {0.1, -3.0, kLeast, -0x1.8p-1060, kGreatest, 0.0}) {
    for (const std::uint64_t times : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345},
                                      std::numeric_limits<std::uint64_t>::max()}) {
      ExactSum sum;
      sum.add_multiple(x, times);
      CHECK(is_quotient(sum.mean(7), Dyadic(x) * Dyadic(times), 7));
    }
  }
}

TEST_CASE("sums that no values have, have no standard deviation") {
  CHECK_FALSE(ExactSum::standard_deviation(sum_of({2.0}), sum_of({1.0}), 2));
  CHECK_FALSE(ExactSum::standard_deviation(sum_of({0.0}), sum_of({-1.0}), 2));
  CHECK(ExactSum::standard_deviation(sum_of({2.0}), sum_of({2.0}), 2) == 0.0);
}

TEST_CASE("a sum is written in one way, and nothing else is read") {
  CHECK(sum_of({0.75}).text() == "3p-2");
  CHECK(sum_of({-160.0}).text() == "-5p5");
  CHECK(sum_of({0x1.abcdefp40, 1.0}).text() == "1abcdef0001p0");
  for (const char* text : {"",
                           "-",
                           "p",
                           "p0",
                           "-0",
                           "0p0",
                           "1",
                           "1p",
                           "p1",
                           "1p+1",
                           "1p01",
                           "01p1",
                           "2p1",
                           "Ap0",
                           "ap0",
                           "+1p0",
                           " 1p0",
                           "1p0 ",
                           "1 p0",
                           "1p 0",
                           "-1p-2149",
                           "1p99999999999",
                           "1p-99999999999",
                           "1p2113",
                           "1p0p0",
                           "0x1p0",
                           "1.8p0",
                           "--1p0",
                           "1p0x",
                           "gp0"}) {
    CAPTURE(text);
    CHECK_FALSE(ExactSum::from_text(text, ExactSum::Terms::squares));
  }
  CHECK_FALSE(ExactSum::from_text(std::string(2000, 'f') + "p0", ExactSum::Terms::squares));
  CHECK_FALSE(ExactSum::from_text(std::string("1\0p0", 4), ExactSum::Terms::squares));
  for (const char* text : {"0", "1p-2148", "-1p2112", "ffffffffffffffffffffffffp-2148", "-5p5"}) {
    CAPTURE(text);
    const std::optional<ExactSum> sum = ExactSum::from_text(text, ExactSum::Terms::squares);
    REQUIRE(sum);
    CHECK(sum->text() == text);
  }
}

TEST_CASE("a sum of doubles has narrower bounds than one of squares") {
  for (const char* text : {"1p-1074", "-1p1088", "0"})
    CHECK(ExactSum::from_text(text, ExactSum::Terms::doubles));
  for (const char* text : {"1p-1075", "1p1089", "1p-2148", "fp2112"})
    CHECK_FALSE(ExactSum::from_text(text, ExactSum::Terms::doubles));
}

TEST_CASE("copies are their own, whether the digits are few or many") {
  ExactSum few = sum_of({1.0});
  ExactSum many = sum_of({1e300, 1e-300});
  ExactSum copy = many;
  copy.add(1.0);
  CHECK(copy.text() != many.text());
  copy = few;
  CHECK(copy.text() == "1p0");
  ExactSum moved = std::move(many);
  CHECK(moved.text() == sum_of({1e-300, 1e300}).text());
  few = moved;
  CHECK(few.text() == moved.text());
  const ExactSum& itself = few;
  few = itself;
  few.add(few);
  CHECK(few.text() == sum_of({2e300, 2e-300}).text());
}
