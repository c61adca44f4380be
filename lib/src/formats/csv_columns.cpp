#include "csv_columns.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "format.hpp"

namespace rectify::inline v1 {
namespace {

struct Range {
  std::size_t first, last;
};

/// "3", "5-7" or "5-", of columns counted from 1.
std::optional<Range> range_of(std::string_view word) {
  const char* const end = word.data() + word.size();
  Range range{};
  const auto [dash, error] = std::from_chars(word.data(), end, range.first);
  if (error != std::errc{} || range.first == 0) return std::nullopt;
  range.last = range.first;
  if (dash == end) return range;
  if (*dash != '-') return std::nullopt;
  range.last = static_cast<std::size_t>(-1);
  if (dash + 1 == end) return range;
  const auto [stop, error_behind] = std::from_chars(dash + 1, end, range.last);
  if (error_behind != std::errc{} || stop != end || range.last < range.first) return std::nullopt;
  return range;
}

/// The columns of each name, in their order.
using Places = std::unordered_map<std::string_view, std::vector<std::size_t>>;

/// The columns that a word of an option stands for.
std::vector<std::size_t> meant(std::string_view field, const std::string& word,
                               std::span<const std::string> names, const Places& places,
                               std::size_t fields) {
  const auto named = places.find(word);
  std::vector<std::size_t> found =
      named == places.end() ? std::vector<std::size_t>() : named->second;
  if (const auto range = range_of(word)) {
    std::vector<std::size_t> counted;
    if (range->first <= fields && (range->last <= fields || word.back() == '-')) {
      for (std::size_t i = range->first; i <= std::min(range->last, fields); ++i)
        counted.push_back(i - 1);
    }
    if (!found.empty() && !counted.empty() && found != counted) {
      throw Error(
          ErrorKind::usage,
          option(field, in_quotes(word)) + " is the name of one column and the number of another",
          word.find('-') == std::string::npos
              ? "as a range it is the number: " + option(field, word + "-" + word)
              : "");
    }
    if (found.empty() && counted.empty()) {
      throw Error(ErrorKind::usage,
                  option(field, in_quotes(word)) + ": the table has " + plural(fields, "column"));
    }
    return counted.empty() ? found : counted;
  }
  if (!found.empty()) return found;
  if (names.empty() && word.find_first_not_of("0123456789-") == std::string::npos) {
    throw Error(ErrorKind::usage,
                option(field, in_quotes(word)) + " is not a column, nor a range of them",
                "columns are counted from 1, and a range goes up: 3-5, or 3- to the last");
  }
  if (names.empty()) {
    throw Error(ErrorKind::usage,
                option(field, in_quotes(word)) + " is a name, and the table has no header",
                "columns are counted from 1");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (::fnmatch(word.c_str(), names[i].c_str(), 0) == 0) found.push_back(i);
  }
  if (found.empty()) {
    std::string hint = "the header has ";
    for (std::size_t i = 0; i < names.size() && i < 20; ++i)
      hint += (i == 0 ? "" : ", ") + in_quotes(names[i]);
    throw Error(ErrorKind::usage, "no column is called " + in_quotes(word), hint);
  }
  return found;
}

}  // namespace

bool CsvColumns::all() const {
  for (std::size_t i = 0; i < role.size(); ++i) {
    if (role[i] != static_cast<std::int32_t>(i)) return false;
  }
  return true;
}

bool CsvColumns::in_place() const {
  std::int32_t next = 0;
  for (const std::int32_t to : role) {
    if (to == kDropped || (to >= 0 && to != next)) return false;
    next += to >= 0 ? 1 : 0;
  }
  return true;
}

CsvColumns choose_columns(std::span<const std::string> names, std::size_t fields,
                          std::span<const std::string> columns, std::span<const std::string> keep) {
  CsvColumns chosen;
  chosen.role.assign(fields, CsvColumns::kDropped);
  Places places;
  if (!keep.empty() || !columns.empty()) {
    for (std::size_t i = 0; i < names.size(); ++i) places[names[i]].push_back(i);
  }
  for (const std::string& word : keep) {
    for (const std::size_t i : meant("keep", word, names, places, fields))
      chosen.role[i] = CsvColumns::kFirstKept;
  }
  const auto take = [&](std::size_t i) {
    if (chosen.role[i] == CsvColumns::kDropped)
      chosen.role[i] = static_cast<std::int32_t>(chosen.width++);
  };
  for (const std::string& word : columns) {
    for (const std::size_t i : meant("columns", word, names, places, fields)) take(i);
  }
  if (columns.empty()) {
    for (std::size_t i = 0; i < fields; ++i) take(i);
  }
  if (chosen.width == 0) {
    throw Error(ErrorKind::usage, "no column is left for the tensor: " + option("keep") +
                                      " leaves all of them as they are");
  }
  std::size_t before = 0;
  for (std::int32_t& role : chosen.role) {
    before += role >= 0 ? 1u : 0u;
    if (role != CsvColumns::kFirstKept) continue;
    role -= static_cast<std::int32_t>(chosen.kept++);
    chosen.before.push_back(before);
  }
  return chosen;
}

bool takes_first_by_number(std::span<const std::string> words) {
  return std::any_of(words.begin(), words.end(), [](const std::string& word) {
    const auto range = range_of(word);
    return range && range->first == 1;
  });
}

}  // namespace rectify::inline v1
