// Rows of a text changed where they stand.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "format.hpp"
#include "integers.hpp"
#include "number/number.hpp"

namespace rectify::inline v1 {

/// Appends `rows`, numbers of type T in this dialect, to `text` as they are written again. False: it
/// takes a look at their values, and what was appended means nothing.
template <class T>
bool rewrite(std::string_view rows, const Dialect& dialect, const Rewriting& rewriting,
             std::string& text) {
  constexpr std::size_t kMost = 512;
  std::array<Spot, kMost> spots;
  std::array<T, kMost> values;
  std::array<char, kStayingBytes + (kMost + 1) * kNumberBytes> buffer;
  const bool is_json = dialect.grammar == NumberGrammar::json;
  const bool alike = rewriting.negatives_become_alike();
  const char* const first = rows.data();
  const char* const last = first + rows.size();
  std::size_t column = 0;
  for (const char* p = first; p != last;) {
    const Changing found =
        find_changing<T>(p, last, dialect, column, alike, std::span(spots), std::span(values));
    const std::span<T> changing = std::span(values).first(found.count);
    if (!found.good || (!is_json && may_be_inexact<T>(changing))) return false;
    if (p == first && found.end != last) {
      // Where most are read and written all the same, that is done quicker for all.
      const auto unread = alike ? std::count(changing.begin(), changing.end(), T{-1}) : 0;
      const std::size_t most = alike ? found.of / 2 : found.of - found.of / 4;
      if (found.count - static_cast<std::size_t>(unread) > most) return false;
    }
    rewriting.change(changing);
    // JSON has words of its own for what is not finite.
    if (is_json &&
        !std::all_of(changing.begin(), changing.end(), [](T x) { return std::isfinite(x); }))
      return false;
    char* const out = buffer.data();
    const char* const out_end =
        write_changed<T>(out, p, found.end, last, std::span(spots).first(found.count), changing);
    text.append(out, static_cast<std::size_t>(out_end - out));
    p = found.end;
    column = found.column;
  }
  return true;
}

}  // namespace rectify::inline v1
