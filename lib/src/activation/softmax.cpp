// softmax, softmin and log_softmax over the slices of a tensor, with the sums in PyTorch's order
// (aten/src/ATen/native/cpu/SoftMaxKernel.cpp). Along the last dimension a slice is summed in the
// lanes of an AVX2 vector, eight of float32 or four of float64, and then the lanes; along another
// dimension, element by element. exp is the vector loops' (elementary.hpp), but for the elements
// that PyTorch leaves to the C library by their place in the slice: the last few of a row of 16
// bits, and of the columns beside one another.

#include <cstddef>
#include <cstring>
#include <vector>

#include "activation/c_library.hpp"
#include "activation/elementary.hpp"
#include "activation/loops.hpp"

namespace rectify::inline v1 {
namespace {

enum class Kind { softmax, softmin, log_softmax };

// Not one template: GCC 12 takes no vector_size that depends on a parameter here.
template <class C>
struct Vector;
template <>
struct Vector<float> {
  using Type = float __attribute__((vector_size(32)));
};
template <>
struct Vector<double> {
  using Type = double __attribute__((vector_size(32)));
};

template <class T>
struct Slices {
  using C = Compute<T>;
  static constexpr std::size_t kLanes = 32 / sizeof(C);
  static constexpr bool kHalf = sizeof(T) == 2;
  using Lanes = typename Vector<C>::Type;

  RECTIFY_INLINE static void load(Lanes& lanes, const C* from) {
    std::memcpy(&lanes, from, sizeof lanes);
  }

  // ---- sums

  RECTIFY_INLINE static C sum_in_order(const C* values, std::size_t n) {
    C total = 0;
    for (std::size_t i = 0; i < n; ++i) total += values[i];
    return total;
  }

  /// Of float32 the halves on top of one another, of float64 one lane after the other.
  RECTIFY_INLINE static C sum_of_lanes(C (&lanes)[kLanes]) {
    if constexpr (sizeof(C) == sizeof(double)) return sum_in_order(lanes, kLanes);
    for (std::size_t half = kLanes / 2; half != 0; half /= 2) {
      for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    }
    return lanes[0];
  }

  /// In lanes. Of 16-bit dtypes those behind the last whole vector come after the lanes; of the
  /// others they belong to the first lanes, unless there is no whole vector.
  RECTIFY_INLINE static C sum(const C* values, std::size_t n) {
    if (n < kLanes) return sum_in_order(values, n);
    Lanes vector;
    load(vector, values);
    std::size_t i = kLanes;
    for (; i + kLanes <= n; i += kLanes) {
      Lanes next;
      load(next, values + i);
      vector += next;
    }
    C lanes[kLanes];
    std::memcpy(lanes, &vector, sizeof lanes);
    if constexpr (!kHalf) {
      for (std::size_t l = 0; i + l < n; ++l) lanes[l] += values[i + l];
    }
    C total = sum_of_lanes(lanes);
    if constexpr (kHalf) {
      for (; i < n; ++i) total += values[i];
    }
    return total;
  }

  /// log_softmax of 16 bits, and the gradients of softmax, add in two sets of lanes in turn, and those to one
  /// another (aten/src/ATen/cpu/vec/functional_bfloat16.h: reduce_all).
  RECTIFY_INLINE static C sum_in_two_sets(const C* values, std::size_t n) {
    if (n <= kLanes) return sum_in_order(values, n);
    C lanes[2 * kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) {
      C& lane = lanes[i % (2 * kLanes)];
      lane = i < 2 * kLanes ? values[i] : lane + values[i];
    }
    C first[kLanes];
    const std::size_t second = n < 2 * kLanes ? n - kLanes : kLanes;
    for (std::size_t l = 0; l < kLanes; ++l)
      first[l] = l < second ? lanes[l] + lanes[kLanes + l] : lanes[l];
    // Those of two sets that are not full are added in order (functional_base.h: vec_reduce_all).
    return n < 2 * kLanes ? sum_in_order(first, kLanes) : sum_of_lanes(first);
  }

  // ---- a slice

  /// NaN wins; of equal zeros it does not matter which.
  RECTIFY_INLINE static C greatest(const C* values, std::size_t n) {
    const auto greater = [](C a, C b) RECTIFY_ALWAYS_INLINE {
      return elementary::select((b > a) | elementary::is_nan(b), b, a);
    };
    C most = values[0];
    std::size_t i = 0;
    if (n >= 2 * kLanes) {
      Lanes first;
      Lanes second;
      load(first, values);
      load(second, values + kLanes);
      for (i = 2 * kLanes; i + 2 * kLanes <= n; i += 2 * kLanes) {
        Lanes x;
        Lanes y;
        load(x, values + i);
        load(y, values + i + kLanes);
        first = ((x > first) | (x != x)) ? x : first;
        second = ((y > second) | (y != y)) ? y : second;
      }
      for (std::size_t l = 0; l < kLanes; ++l) most = greater(greater(most, first[l]), second[l]);
    }
    for (; i < n; ++i) most = greater(most, values[i]);
    return most;
  }

  /// exp of all; from `first_scalar` on it is the C library's.
  RECTIFY_INLINE static void exponentials(const C* from, C* to, std::size_t n,
                                          std::size_t first_scalar) {
    RECTIFY_INDEPENDENT
    for (std::size_t i = 0; i < first_scalar; ++i) to[i] = elementary::exp(from[i]);
    for (std::size_t i = first_scalar; i < n; ++i) to[i] = c_library::exp(from[i]);
  }

  /// Row by row; `d` and `e` are scratch of a row.
  template <Kind kKind>
  RECTIFY_INLINE static void rows(const T* x, T* y, const Extent& extent, C* d, C* e) {
    const std::size_t n = extent.size;
    for (std::size_t row = 0; row < extent.outer; ++row, x += n, y += n) {
      RECTIFY_INDEPENDENT
      for (std::size_t i = 0; i < n; ++i)
        d[i] = kKind == Kind::softmin ? -widen(x[i]) : widen(x[i]);
      const C most = greatest(d, n);
      RECTIFY_INDEPENDENT
      for (std::size_t i = 0; i < n; ++i) d[i] -= most;
      if constexpr (kKind == Kind::log_softmax) {
        exponentials(d, e, n, n);
        C log = 0;
        if constexpr (kHalf) {
          log = rounded<T>(elementary::log(rounded<T>(sum_in_two_sets(e, n))));
        } else {
          log = elementary::log(sum(e, n));
        }
        RECTIFY_INDEPENDENT
        for (std::size_t i = 0; i < n; ++i) y[i] = narrow<T>(d[i] - log);
      } else {
        exponentials(d, e, n, kHalf ? n - n % kLanes : n);
        const C factor = C{1} / sum(e, n);
        RECTIFY_INDEPENDENT
        for (std::size_t i = 0; i < n; ++i) y[i] = narrow<T>(e[i] * factor);
      }
    }
  }

  /// Of columns beside one another the first that PyTorch leaves to the C library: those behind the last
  /// whole vector.
  RECTIFY_INLINE static std::size_t first_scalar_column(std::size_t inner) {
    return inner - inner % (32 / sizeof(T));
  }

  /// Columns beside one another, `inner` of them; `most`, `total` and `e` are scratch of as many
  /// values each.
  template <Kind kKind>
  RECTIFY_INLINE static void columns(const T* x, T* y, const Extent& extent, C* most, C* total,
                                     C* e) {
    const std::size_t inner = extent.inner;
    const std::size_t first_scalar = first_scalar_column(inner);
    const auto value_of = [](T value) RECTIFY_ALWAYS_INLINE {
      return kKind == Kind::softmin ? -widen(value) : widen(value);
    };
    for (std::size_t block = 0; block < extent.outer; ++block) {
      RECTIFY_INDEPENDENT
      for (std::size_t c = 0; c < inner; ++c) most[c] = value_of(x[c]), total[c] = 0;
      for (std::size_t i = 1; i < extent.size; ++i) {
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) {
          const C value = value_of(x[i * inner + c]);
          most[c] =
              elementary::select((value > most[c]) | elementary::is_nan(value), value, most[c]);
        }
      }
      const auto row_of_exponentials = [&](std::size_t i) RECTIFY_ALWAYS_INLINE {
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) e[c] = value_of(x[i * inner + c]) - most[c];
        exponentials(e, e, inner, first_scalar);
      };
      for (std::size_t i = 0; i < extent.size; ++i) {
        row_of_exponentials(i);
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) total[c] += e[c];
      }
      if constexpr (kKind == Kind::log_softmax) {
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) total[c] = elementary::log(total[c]);
      }
      for (std::size_t i = 0; i < extent.size; ++i) {
        if constexpr (kKind != Kind::log_softmax) {
          row_of_exponentials(i);
          if constexpr (kHalf) {  // that are stored in the output before they are divided
            for (std::size_t c = first_scalar; c < inner; ++c) e[c] = rounded<T>(e[c]);
          }
        }
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) {
          const std::size_t at = i * inner + c;
          y[at] = narrow<T>(kKind == Kind::log_softmax ? (value_of(x[at]) - most[c]) - total[c]
                                                       : e[c] / total[c]);
        }
      }
      x += extent.size * inner;
      y += extent.size * inner;
    }
  }

  // ---- gradients, from the output, for an output gradient of ones

  /// softmax: (1 - sum of y) * y, which is rounding alone; softmin's is its negative. log_softmax:
  /// 1 - exp(y) * n.
  template <Kind kKind>
  RECTIFY_INLINE static void gradient_rows(T* g, const Extent& extent, C* e) {
    const std::size_t n = extent.size;
    for (std::size_t row = 0; row < extent.outer; ++row, g += n) {
      RECTIFY_INDEPENDENT
      for (std::size_t i = 0; i < n; ++i) e[i] = widen(g[i]);
      if constexpr (kKind == Kind::log_softmax) {
        RECTIFY_INDEPENDENT
        for (std::size_t i = 0; i < n; ++i)
          g[i] = narrow<T>(std::fma(-elementary::exp(e[i]), static_cast<C>(n), C{1}));
      } else {
        const C rest = C{1} - (kHalf ? sum_in_two_sets(e, n) : sum(e, n));
        RECTIFY_INDEPENDENT
        for (std::size_t i = 0; i < n; ++i) g[i] = narrow<T>(signed_as<kKind>(rest * e[i]));
      }
    }
  }

  template <Kind kKind>
  RECTIFY_INLINE static void gradient_columns(T* g, const Extent& extent, C* total) {
    const std::size_t inner = extent.inner;
    for (std::size_t block = 0; block < extent.outer; ++block, g += extent.size * inner) {
      RECTIFY_INDEPENDENT
      for (std::size_t c = 0; c < inner; ++c) total[c] = 0;
      for (std::size_t i = 0; i < extent.size; ++i) {
        RECTIFY_INDEPENDENT
        for (std::size_t c = 0; c < inner; ++c) total[c] += widen(g[i * inner + c]);
      }
      for (std::size_t i = 0; i < extent.size; ++i) {
        T* const row = g + i * inner;
        if constexpr (kKind == Kind::log_softmax) {
          const auto derivative =
              [n = static_cast<C>(extent.size)](C exponential)
                  RECTIFY_ALWAYS_INLINE { return std::fma(-exponential, n, C{1}); };
          const std::size_t first_scalar = first_scalar_column(inner);
          RECTIFY_INDEPENDENT
          for (std::size_t c = 0; c < first_scalar; ++c)
            row[c] = narrow<T>(derivative(elementary::exp(widen(row[c]))));
          for (std::size_t c = first_scalar; c < inner; ++c)
            row[c] = narrow<T>(derivative(c_library::exp(widen(row[c]))));
        } else {
          RECTIFY_INDEPENDENT
          for (std::size_t c = 0; c < inner; ++c)
            row[c] = narrow<T>(signed_as<kKind>((C{1} - total[c]) * widen(row[c])));
        }
      }
    }
  }

  template <Kind kKind>
  RECTIFY_INLINE static C signed_as(C x) {
    return kKind == Kind::softmin ? -x : x;
  }
};

/// What run_on_target() runs.
template <class T, Kind kKind, bool kGradient>
struct Run {
  RECTIFY_INLINE static void run(const T* from, T* to, const Extent* extent, Compute<T>* scratch) {
    using S = Slices<T>;
    const std::size_t part = scratch_part(*extent);
    if (extent->last) {
      S::template rows<kKind>(from, to, *extent, scratch, scratch + part);
      if constexpr (kGradient) S::template gradient_rows<kKind>(to, *extent, scratch);
    } else {
      S::template columns<kKind>(from, to, *extent, scratch, scratch + part, scratch + 2 * part);
      if constexpr (kGradient) S::template gradient_columns<kKind>(to, *extent, scratch);
    }
  }

  static std::size_t scratch_part(const Extent& extent) {
    return extent.last ? extent.size : extent.inner;
  }
};

template <Kind kKind, bool kGradient>
void over_slices(DType dtype, const std::byte* from, std::byte* to, const Extent& extent) {
  if (extent.numel() == 0) return;
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (is_floating<T>) {
      using Kernel = Run<T, kKind, kGradient>;
      std::vector<Compute<T>> scratch(3 * Kernel::scratch_part(extent));
      run_on_target<Kernel>(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), &extent,
                            scratch.data());
    } else {
      refuse_kernel();
    }
  });
}

}  // namespace

void softmax_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                     const Values&) {
  over_slices<Kind::softmax, false>(dtype, from, to, extent);
}

void softmax_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                      const Values&) {
  over_slices<Kind::softmax, true>(dtype, from, to, extent);
}

void softmin_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                     const Values&) {
  over_slices<Kind::softmin, false>(dtype, from, to, extent);
}

void softmin_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                      const Values&) {
  over_slices<Kind::softmin, true>(dtype, from, to, extent);
}

void log_softmax_forward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                         const Values&) {
  over_slices<Kind::log_softmax, false>(dtype, from, to, extent);
}

void log_softmax_backward(DType dtype, const std::byte* from, std::byte* to, const Extent& extent,
                          const Values&) {
  over_slices<Kind::log_softmax, true>(dtype, from, to, extent);
}

}  // namespace rectify::inline v1
