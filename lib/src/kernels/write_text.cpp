// Runs of values to text. Float32, which most tensors are, goes four values at a time where the
// processor can; all else, and what those four cannot decide, is format_number()'s.
//
// The shortest digits of a float32 y > 0, in doubles. Let 2^e <= y < 2^(e+1), V = y * 10^k with
// 10^8 <= 2^e * 10^k < 10^9, and h half the distance of y's neighbours times 10^k. Then V / h is
// between 2^24 and 2^25, so that 5.9 < h < 59.7: every decimal within h of V reads back as y, and
//
//   - at most one multiple of 1000 is; it ends in all the zeros that any decimal there can end in;
//   - failing that, the multiple of 100 nearest to V, if it is within h;
//   - failing that, the multiple of 10 nearest to V, which always is.
//
// That is the shortest decimal, and the closest to y of several: what Schubfach finds (write.cpp).
// V and h carry a relative error of some 2^-51, hence less than 1e-6. Where a decision hangs on
// less than 1e-5 (whether a multiple is within h, or which of two is nearer) the value is left to
// format_number(). So are decimals that lie within the error of a double from the end of the
// interval, which format_number() tries out.
//
// Laying out: the digits of V, one a byte, and the characters "10.-" are one vector, of which a
// shuffle makes the text. Sign, exponent and number of digits choose the shuffle, the number of
// zeros at the end its length.
//
// Between numbers that change, text is copied 32 characters at a time, since most of it is shorter.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "dispatch.hpp"
#include "half.hpp"
#include "kernels/target.hpp"
#include "number/number.hpp"
#include "number/powers_of_ten.hpp"

#if RECTIFY_X86_KERNELS
#include <immintrin.h>
#endif

namespace rectify::inline v1 {
namespace {

char* write_word(char* out, std::string_view word) {
  std::memcpy(out, word.data(), word.size());
  return out + word.size();
}

template <class T>
char* write_one(char* out, T value, const NumberWords& words) {
  if constexpr (is_floating<T>) {
    const auto wide = widen(value);
    if (!std::isfinite(wide)) [[unlikely]] {
      if (std::isnan(wide)) return write_word(out, words.nan);
      return write_word(out, wide > 0 ? words.infinity : words.minus_infinity);
    }
  }
  return format_number(out, value);
}

/// A separator in a word, so that it is written without asking for its length.
struct Behind {
  std::uint64_t text = 0;
  std::size_t size;

  explicit Behind(std::string_view characters) : size(characters.size()) {
    std::memcpy(&text, characters.data(), size);
  }
  RECTIFY_INLINE char* write(char* out) const {
    std::memcpy(out, &text, sizeof text);
    return out + size;
  }
};

template <class T>
char* write_singly(char* out, std::span<const T> values, const Separators& separators,
                   std::size_t column, const NumberWords& words) {
  const Behind between(separators.between);
  const Behind after_row(separators.after_row);
  std::size_t left = separators.width - column;  // in the row
  for (const T value : values) {
    out = write_one(out, value, words);
    if (--left != 0) {
      out = between.write(out);
    } else if (separators.row_ends != nullptr) {
      out = separators.row_ends->write(out, left);
    } else {
      out = after_row.write(out);
      left = separators.width;
    }
  }
  return out;
}

#if RECTIFY_X86_KERNELS

#define RECTIFY_AVX2 __attribute__((target("avx2,fma,bmi,lzcnt")))

/// 10^k for the scale of an exponent, and 2^(exponent - 24) * 10^k: what makes V and h.
struct alignas(16) Scale {
  double tens = 0;
  double half_distance = 0;
};

/// 10^k, with an error of three roundings at most.
constexpr double power_of_ten_as_double(int k) {
  double power = 1;
  for (int i = 0; i < (k < 0 ? -k : k) % 22; ++i) power *= 10;
  for (int i = 0; i < (k < 0 ? -k : k) / 22; ++i) power *= 1e22;
  return k < 0 ? 1 / power : power;
}

constexpr double power_of_two(int e) {
  double power = 1;
  for (int i = 0; i < e; ++i) power *= 2;
  for (int i = 0; i > e; --i) power /= 2;
  return power;
}

/// By biased exponent. Zero has zero digits; subnormals, infinities and NaN go another way.
constexpr auto kScales = [] {
  std::array<Scale, 256> scales{};
  for (int biased = 1; biased < 255; ++biased) {
    const int e = biased - 127;
    const double tens = power_of_ten_as_double(8 - floor_log10_power_of_two(e));
    scales[static_cast<std::size_t>(biased)] = {tens, power_of_two(e - 24) * tens};
  }
  return scales;
}();

/// How a number is laid out. The lengths are by zeros at the end of the eight last digits; 0: it
/// takes more room than this way has.
struct alignas(64) Layout {
  std::uint8_t shuffle[16] = {};
  /// Of all but the exponent, then of all.
  std::uint8_t mantissa[9] = {};
  std::uint8_t length[9] = {};
  char exponent[4] = {};
};

/// The exponents of float32's powers of two are those of ten from -38 to 38.
constexpr int kLeastExponent = -38;
constexpr std::size_t kExponents = 77;

/// By sign, then by whether there are nine digits, the first of them 1 (else eight), then by the
/// exponent of 10 of the largest power of two in the number. Then an empty one, and two of zero.
constexpr std::size_t kNine = kExponents;
constexpr std::size_t kNegative = 2 * kExponents;
constexpr std::size_t kNoLayout = 4 * kExponents;
constexpr std::size_t kZeros = kNoLayout + 1;  // 0.0, -0.0

/// Where the characters of a layout are found in the vector.
enum : std::uint8_t { kOne = 8, kZero, kPoint, kMinus };

constexpr Layout make_layout(bool negative, bool nine, int exponent) {
  Layout layout;
  std::array<std::uint8_t, 64> text{};
  std::size_t size = 0;
  const auto put = [&](std::uint8_t c) { text[size++] = c; };
  std::array<std::uint8_t, 9> digits{};
  std::size_t count = 0;
  if (nine) digits[count++] = kOne;
  for (std::uint8_t i = 0; i < 8; ++i) digits[count++] = i;

  if (negative) put(kMinus);
  const bool positional = exponent >= -4 && exponent < 16;
  const auto whole = static_cast<std::size_t>(exponent < 0 ? 0 : exponent) + 1;
  if (!positional) {
    put(digits[0]);
    put(kPoint);
    for (std::size_t i = 1; i < count; ++i) put(digits[i]);
    const int magnitude = exponent < 0 ? -exponent : exponent;
    layout.exponent[0] = 'e';
    layout.exponent[1] = exponent < 0 ? '-' : '+';
    layout.exponent[2] = static_cast<char>('0' + magnitude / 10);
    layout.exponent[3] = static_cast<char>('0' + magnitude % 10);
  } else if (exponent < 0) {
    put(kZero);
    put(kPoint);
    for (int i = -1; i > exponent; --i) put(kZero);
    for (std::size_t i = 0; i < count; ++i) put(digits[i]);
  } else {
    for (std::size_t i = 0; i < whole; ++i) put(i < count ? digits[i] : std::uint8_t{kZero});
    put(kPoint);
    for (std::size_t i = whole; i < count; ++i) put(digits[i]);
    put(kZero);
  }
  for (std::size_t i = 0; i < 16; ++i) layout.shuffle[i] = text[i];

  for (std::size_t zeros = 0; zeros <= 8; ++zeros) {
    const std::size_t significant = count - zeros;
    if (significant == 0) continue;
    std::size_t mantissa = negative ? 1 : 0;
    if (!positional) {
      mantissa += significant == 1 ? 1 : significant + 1;
    } else if (exponent < 0) {
      mantissa += static_cast<std::size_t>(1 - exponent) + significant;
    } else {
      mantissa += significant > whole ? significant + 1 : whole + 2;
    }
    if (mantissa > 16) continue;
    layout.mantissa[zeros] = static_cast<std::uint8_t>(mantissa);
    layout.length[zeros] = static_cast<std::uint8_t>(positional ? mantissa : mantissa + 4);
  }
  return layout;
}

/// The layout of 0.0, whose exponent is none of a normal number's.
constexpr Layout zero_layout(bool negative) {
  Layout layout;
  std::size_t size = 0;
  if (negative) layout.shuffle[size++] = kMinus;
  for (const std::uint8_t c : {kZero, kPoint, kZero}) layout.shuffle[size++] = c;
  layout.mantissa[8] = layout.length[8] = static_cast<std::uint8_t>(size);
  return layout;
}

constexpr auto kLayouts = [] {
  std::array<Layout, kZeros + 2> layouts{};
  for (std::size_t i = 0; i < kNoLayout; ++i) {
    const bool nine = i % kNegative >= kNine;
    const int exponent = static_cast<int>(i % kExponents) + kLeastExponent;
    layouts[i] = make_layout(i >= kNegative, nine, exponent + (nine ? 1 : 0));
  }
  layouts[kZeros] = zero_layout(false);
  layouts[kZeros + 1] = zero_layout(true);
  return layouts;
}();

/// Digits and layouts of a batch.
struct Batch {
  static constexpr std::size_t kSize = 128;
  alignas(32) std::uint64_t digits[kSize];
  alignas(32) std::uint32_t layouts[kSize];
};

/// Fills four places of the batch.
RECTIFY_AVX2 inline void convert_four(const float* values, std::uint64_t* digits,
                                      std::uint32_t* layouts) {
  const __m256d kMagnitude = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7FFFFFFFFFFFFFFF));
  const __m256d kDoubt = _mm256_set1_pd(1e-5);
  const __m128 value = _mm_loadu_ps(values);
  const __m128i bits = _mm_castps_si128(value);
  const __m128i magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7FFFFFFF));
  const __m128i biased = _mm_srli_epi32(magnitude, 23);

  // V and h.
  const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(biased));
  const auto high = static_cast<std::uint64_t>(_mm_extract_epi64(biased, 1));
  const __m256d first_and_third =
      _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(&kScales[low & 255].tens)),
                           _mm_load_pd(&kScales[high & 255].tens), 1);
  const __m256d second_and_fourth =
      _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(&kScales[low >> 32].tens)),
                           _mm_load_pd(&kScales[high >> 32].tens), 1);
  const __m256d tens = _mm256_unpacklo_pd(first_and_third, second_and_fourth);
  const __m256d h = _mm256_unpackhi_pd(first_and_third, second_and_fourth);
  const __m256d v = _mm256_mul_pd(_mm256_cvtps_pd(_mm_castsi128_ps(magnitude)), tens);

  // The nearest multiples of 10, 100 and 1000, and their distances from V, which are exact.
  const auto kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  const __m256d tenth = _mm256_round_pd(_mm256_mul_pd(v, _mm256_set1_pd(1e-1)), kNearest);
  const __m256d hundredth = _mm256_round_pd(_mm256_mul_pd(v, _mm256_set1_pd(1e-2)), kNearest);
  const __m256d thousandth = _mm256_round_pd(_mm256_mul_pd(v, _mm256_set1_pd(1e-3)), kNearest);
  const __m256d from_tenth =
      _mm256_and_pd(kMagnitude, _mm256_fnmadd_pd(tenth, _mm256_set1_pd(1e1), v));
  const __m256d from_hundredth =
      _mm256_and_pd(kMagnitude, _mm256_fnmadd_pd(hundredth, _mm256_set1_pd(1e2), v));
  const __m256d from_thousandth =
      _mm256_and_pd(kMagnitude, _mm256_fnmadd_pd(thousandth, _mm256_set1_pd(1e3), v));
  // Below a power of two the neighbour is half as far: there only what is within half of h counts,
  // and from there on there is doubt.
  const __m128i fraction = _mm_and_si128(bits, _mm_set1_epi32(0x7FFFFF));
  const __m256d is_power =
      _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm_cmpeq_epi32(fraction, _mm_setzero_si128())));
  const __m256d nearer =
      _mm256_sub_pd(_mm256_blendv_pd(h, _mm256_mul_pd(h, _mm256_set1_pd(0.5)), is_power), kDoubt);
  const __m256d farther = _mm256_add_pd(h, kDoubt);
  const __m256d takes_hundredth = _mm256_cmp_pd(from_hundredth, nearer, _CMP_LT_OQ);
  const __m256d takes_thousandth = _mm256_cmp_pd(from_thousandth, nearer, _CMP_LT_OQ);
  __m256d doubt =
      _mm256_andnot_pd(takes_hundredth, _mm256_cmp_pd(from_hundredth, farther, _CMP_LT_OQ));
  // A tie between two multiples of 100 or 10; for a power of two also 10 being too coarse.
  const __m256d coarse = _mm256_blendv_pd(
      _mm256_or_pd(is_power, _mm256_cmp_pd(from_tenth, _mm256_set1_pd(5 - 1e-5), _CMP_GT_OQ)),
      _mm256_cmp_pd(from_hundredth, _mm256_set1_pd(50 - 1e-5), _CMP_GT_OQ), takes_hundredth);
  doubt = _mm256_or_pd(doubt, coarse);
  doubt = _mm256_or_pd(doubt, _mm256_cmp_pd(from_thousandth, farther, _CMP_LT_OQ));
  doubt = _mm256_andnot_pd(takes_thousandth, doubt);

  __m256d chosen =
      _mm256_blendv_pd(tenth, _mm256_mul_pd(hundredth, _mm256_set1_pd(10)), takes_hundredth);
  chosen =
      _mm256_blendv_pd(chosen, _mm256_mul_pd(thousandth, _mm256_set1_pd(100)), takes_thousandth);
  __m128i number = _mm256_cvtpd_epi32(chosen);
  const __m128i nine = _mm_cmpgt_epi32(number, _mm_set1_epi32(99999999));
  number = _mm_sub_epi32(number, _mm_and_si128(nine, _mm_set1_epi32(100000000)));

  // The eight digits: fours, then pairs, then digits, by reciprocals.
  const __m256i wide = _mm256_cvtepu32_epi64(number);
  const __m256i upper =
      _mm256_srli_epi64(_mm256_mul_epu32(wide, _mm256_set1_epi64x(0xD1B71759)), 45);
  const __m256i fours = _mm256_or_si256(
      upper, _mm256_slli_epi64(
                 _mm256_sub_epi64(wide, _mm256_mul_epu32(upper, _mm256_set1_epi64x(10000))), 32));
  const __m256i hundreds =
      _mm256_srli_epi16(_mm256_mulhi_epu16(fours, _mm256_set1_epi32(0x147B)), 3);
  const __m256i pairs = _mm256_or_si256(
      hundreds,
      _mm256_slli_epi32(
          _mm256_sub_epi16(fours, _mm256_mullo_epi16(hundreds, _mm256_set1_epi32(100))), 16));
  const __m256i tens_of_pairs = _mm256_mulhi_epu16(pairs, _mm256_set1_epi16(6554));
  const __m256i ones = _mm256_or_si256(
      tens_of_pairs,
      _mm256_slli_epi16(
          _mm256_sub_epi16(pairs, _mm256_mullo_epi16(tens_of_pairs, _mm256_set1_epi16(10))), 8));
  _mm256_store_si256(reinterpret_cast<__m256i*>(digits), ones);

  // The layout: floor(log10(2^exponent)) as floor_log10_power_of_two() has it.
  const __m128i exponent = _mm_srai_epi32(
      _mm_mullo_epi32(_mm_sub_epi32(biased, _mm_set1_epi32(127)), _mm_set1_epi32(1262611)), 22);
  __m128i layout = _mm_sub_epi32(exponent, _mm_set1_epi32(kLeastExponent));
  layout = _mm_add_epi32(layout, _mm_and_si128(nine, _mm_set1_epi32(kNine)));
  layout =
      _mm_add_epi32(layout, _mm_and_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32(kNegative)));
  // Left to format_number(): what is in doubt, subnormals, infinities, NaN (biased exponents 0 and
  // 255), and the float32 nearest to 1e-4, whose value is less than its digits and wants an
  // exponent.
  const __m128i in_doubt = _mm_castps_si128(_mm256_castps256_ps128(_mm256_permutevar8x32_ps(
      _mm256_castpd_ps(doubt), _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6))));
  const __m128i odd =
      _mm_or_si128(_mm_cmpgt_epi32(_mm_set1_epi32(1), biased),
                   _mm_or_si128(_mm_cmpgt_epi32(biased, _mm_set1_epi32(254)),
                                _mm_cmpeq_epi32(magnitude, _mm_set1_epi32(0x38D1B717))));
  layout = _mm_blendv_epi8(layout, _mm_set1_epi32(kNoLayout), _mm_or_si128(in_doubt, odd));
  const __m128i zero = _mm_sub_epi32(_mm_set1_epi32(kZeros), _mm_srai_epi32(bits, 31));
  layout = _mm_blendv_epi8(layout, zero, _mm_cmpeq_epi32(magnitude, _mm_setzero_si128()));
  _mm_store_si128(reinterpret_cast<__m128i*>(layouts), layout);
}

/// Writes number i of the batch, whose value it is.
RECTIFY_INLINE RECTIFY_AVX2 char* write_converted(char* out, const Batch& batch, std::size_t i,
                                                  float value, const NumberWords& words) {
  const __m128i characters = _mm_set_epi64x(0x2D2E3031, 0x3030303030303030);
  const std::uint64_t digits = batch.digits[i];
  const auto zeros = static_cast<std::size_t>(std::countl_zero(digits)) / 8;
  const Layout& layout = kLayouts[batch.layouts[i]];
  const std::size_t length = layout.length[zeros];
  if (length == 0) [[unlikely]]
    return write_one(out, value, words);
  const __m128i text = _mm_add_epi8(_mm_cvtsi64_si128(static_cast<long long>(digits)), characters);
  const __m128i shuffle = _mm_load_si128(reinterpret_cast<const __m128i*>(layout.shuffle));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(text, shuffle));
  std::memcpy(out + layout.mantissa[zeros], layout.exponent, sizeof layout.exponent);
  return out + length;
}

/// Converts up to Batch::kSize values.
RECTIFY_INLINE RECTIFY_AVX2 void convert_all(const float* values, std::size_t count, Batch& batch) {
  std::size_t done = 0;
  for (; done + 4 <= count; done += 4)
    convert_four(values + done, batch.digits + done, batch.layouts + done);
  if (done == count) return;
  float last[4] = {};
  std::memcpy(last, values + done, (count - done) * sizeof(float));
  convert_four(last, batch.digits + done, batch.layouts + done);
}

RECTIFY_AVX2 char* write_float32(char* out, std::span<const float> values,
                                 const Separators& separators, std::size_t column,
                                 const NumberWords& words) {
  const Behind between(separators.between);
  const Behind after_row(separators.after_row);
  std::size_t left = separators.width - column;  // in the row
  Batch batch;
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), Batch::kSize);
    convert_all(values.data(), count, batch);
    for (std::size_t i = 0; i < count;) {
      const std::size_t end = i + std::min(left, count - i);
      left -= end - i;
      for (; i < end; ++i) {
        out = write_converted(out, batch, i, values[i], words);
        out = between.write(out);
      }
      if (left == 0 && separators.row_ends != nullptr) {
        out = separators.row_ends->write(out - between.size, left);
      } else if (left == 0) {
        out = after_row.write(out - between.size);
        left = separators.width;
      }
    }
    values = values.subspan(count);
  }
  return out;
}

/// Copies the text up to `end`, in steps of a length that is known as long as so much may be read.
RECTIFY_INLINE RECTIFY_AVX2 char* copy(char* out, const char* from, const char* end,
                                       const char* limit) {
  constexpr std::ptrdiff_t kStep = 32;
  const std::ptrdiff_t size = end - from;
  if (limit - from >= size + kStep) [[likely]] {
    std::memcpy(out, from, kStep);
    for (std::ptrdiff_t done = kStep; done < size; done += kStep)
      std::memcpy(out + done, from + done, kStep);
  } else {
    std::memcpy(out, from, static_cast<std::size_t>(size));
  }
  return out + size;
}

RECTIFY_AVX2 char* write_changed_float32(char* out, const char* first, const char* last,
                                         const char* limit, std::span<const Spot> spots,
                                         std::span<const float> values) {
  const NumberWords words;
  const auto zeros = static_cast<std::size_t>(std::count_if(
      values.begin(), values.end(), [](float x) { return std::bit_cast<std::uint32_t>(x) == 0; }));
  // The others take less time one by one than all do in fours.
  if (zeros >= values.size() - values.size() / 8) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      out = copy(out, first, spots[i].begin, limit);
      first = spots[i].end;
      if (std::bit_cast<std::uint32_t>(values[i]) == 0) [[likely]] {
        std::memcpy(out, "0.0", 4);
        out += 3;
      } else {
        out = write_one(out, values[i], words);
      }
    }
    return copy(out, first, last, limit);
  }
  Batch batch;
  for (std::size_t begin = 0; begin < values.size(); begin += Batch::kSize) {
    const std::size_t count = std::min(values.size() - begin, Batch::kSize);
    convert_all(values.data() + begin, count, batch);
    for (std::size_t i = 0; i < count; ++i) {
      const Spot& spot = spots[begin + i];
      out = copy(out, first, spot.begin, limit);
      first = spot.end;
      out = write_converted(out, batch, i, values[begin + i], words);
    }
  }
  return copy(out, first, last, limit);
}

#endif

}  // namespace

template <class T>
char* write_numbers(char* out, std::span<const T> values, const Separators& separators,
                    std::size_t column, const NumberWords& words) {
#if RECTIFY_X86_KERNELS
  if constexpr (std::is_same_v<T, float>) {
    if (target() != Target::baseline) {
      return write_float32(out, values, separators, column, words);
    }
  }
#endif
  return write_singly(out, values, separators, column, words);
}

template <class T>
char* write_changed(char* out, const char* first, const char* last,
                    [[maybe_unused]] const char* limit, std::span<const Spot> spots,
                    std::span<const T> values) {
#if RECTIFY_X86_KERNELS
  if constexpr (std::is_same_v<T, float>) {
    if (target() != Target::baseline)
      return write_changed_float32(out, first, last, limit, spots, values);
  }
#endif
  for (std::size_t i = 0; i < values.size(); ++i) {
    out = std::copy(first, spots[i].begin, out);
    out = write_one(out, values[i], {});
    first = spots[i].end;
  }
  return std::copy(first, last, out);
}

template char* write_changed(char*, const char*, const char*, const char*, std::span<const Spot>,
                             std::span<const float>);
template char* write_changed(char*, const char*, const char*, const char*, std::span<const Spot>,
                             std::span<const double>);

#define RECTIFY_WRITE_NUMBERS(T)                                                          \
  template char* write_numbers(char*, std::span<const T>, const Separators&, std::size_t, \
                               const NumberWords&)
RECTIFY_WRITE_NUMBERS(float16);
RECTIFY_WRITE_NUMBERS(bfloat16);
RECTIFY_WRITE_NUMBERS(float);
RECTIFY_WRITE_NUMBERS(double);
RECTIFY_WRITE_NUMBERS(std::int8_t);
RECTIFY_WRITE_NUMBERS(std::int16_t);
RECTIFY_WRITE_NUMBERS(std::int32_t);
RECTIFY_WRITE_NUMBERS(std::int64_t);
RECTIFY_WRITE_NUMBERS(std::uint8_t);
RECTIFY_WRITE_NUMBERS(std::uint16_t);
RECTIFY_WRITE_NUMBERS(std::uint32_t);
RECTIFY_WRITE_NUMBERS(std::uint64_t);
RECTIFY_WRITE_NUMBERS(bool);
#undef RECTIFY_WRITE_NUMBERS

}  // namespace rectify::inline v1
