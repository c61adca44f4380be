#include "arrays.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "dispatch.hpp"
#include "integers.hpp"
#include "kernels/crc.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {

/// An array that is being read, and what its chunks share.
struct OpenArray {
  Array array;
  std::string place;
  Source source;
};

namespace {

// In an order in which the first dimension's elements stand together, more rows at a time are worth a
// read each.
constexpr std::int64_t kStridedBytes = std::int64_t{8} << 20;
constexpr std::int64_t kStridedRows = 1024;
constexpr std::int64_t kMostWantedBytes = std::int64_t{4} << 20;
// So much is read at once rather than piece by piece, although not all of it is wanted.
constexpr std::int64_t kSpanBytes = std::int64_t{64} << 10;
// Between runs that are no farther apart, what is not wanted is read as fast as the next is asked for.
constexpr std::int64_t kApartBytes = std::int64_t{4} << 10;
// More than this is asked of memory only as the bytes arrive, if it is not known that they are there.
constexpr std::size_t kTrustedBytes = std::size_t{64} << 20;

void swap_bytes(std::byte* bytes, std::size_t count, std::size_t size) {
  for (std::size_t i = 0; i < count; ++i) std::reverse(bytes + i * size, bytes + (i + 1) * size);
}

/// bool is one byte, 0 or 1; anything else is true, as in NumPy and PyTorch.
void normalize_bools(std::byte* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(bytes[i] != std::byte{0});
}

/// Bytes from a place of an array on, all of them.
void read_all(const OpenArray& open, std::uint64_t at, char* to, std::size_t size) {
  const std::size_t got = open.source.read_at(at, to, size);
  if (got == size) return;
  const Entry& entry = open.array.entry;
  throw Error(ErrorKind::data,
              "unexpected end in the data: shape " + to_string(entry.shape) + " of " +
                  std::string(name(*entry.known)) + " takes " + std::to_string(entry.bytes) +
                  " bytes, and of the " + std::to_string(size) + " from byte " +
                  std::to_string(at) + " on " + std::to_string(got) + " are there",
              "the file was cut short", {open.place});
}

/// Where tensors of these sizes, one behind the other, would begin between two multiples of what an
/// element takes, or may, puts those of wide elements first, as the library of safetensors does; else
/// leaves all in their order.
void align(std::vector<Array>& arrays, bool resized) {
  const auto size_of = [](const Array& array) {
    return array.entry.known ? itemsize(*array.entry.known) : 1;
  };
  std::uint64_t at = 0;
  const bool aligned = std::all_of(arrays.begin(), arrays.end(), [&](const Array& array) {
    return std::exchange(at, at + array.entry.bytes) % size_of(array) == 0;
  });
  if (aligned && !resized) return;
  std::stable_sort(arrays.begin(), arrays.end(),
                   [&](const Array& a, const Array& b) { return size_of(a) > size_of(b); });
}

/// What a view with PyTorch's negative bit shows of its storage: integers wrap.
void negate(Tensor& tensor) {
  dispatch(tensor.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for (T& value : tensor.data<T>()) {
      if constexpr (is_floating<T>) {
        auto* const bytes = reinterpret_cast<unsigned char*>(&value);
        bytes[sizeof(T) - 1] ^= 0x80;  // the sign, little endian
      } else {
        value = static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(value));
      }
    }
  });
}

/// Where each index of a shape is in C order.
std::vector<std::int64_t> c_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/// A dimension of a block: its size, and how far apart its elements are in the file and in memory.
struct Step {
  std::int64_t size, from, to;
};

/// Elements from their places in a file to C order in memory.
class Gatherer {
 public:
  /// The steps from the widest in the file to the narrowest.
  Gatherer(const OpenArray& open, std::vector<Step> steps)
      : open_(open),
        item_(static_cast<std::int64_t>(itemsize(*open.array.entry.known))),
        steps_(std::move(steps)) {
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const Step& a, const Step& b) { return a.from > b.from; });
    spans_.assign(steps_.size() + 1, 1);
    counts_.assign(steps_.size() + 1, 1);
    for (std::size_t i = steps_.size(); i-- > 0;) {
      spans_[i] = spans_[i + 1] + (steps_[i].size - 1) * steps_[i].from;
      counts_[i] = counts_[i + 1] * steps_[i].size;
    }
  }

  void gather(std::int64_t from, std::byte* to) { gather(0, from, to); }

 private:
  void gather(std::size_t dim, std::int64_t from, std::byte* to) {
    const bool dense = counts_[dim] == spans_[dim];
    if (dim == steps_.size() || spans_[dim] * item_ <= kSpanBytes ||
        (dense && spans_[dim] * item_ <= 4 * kStridedBytes)) {
      buffer_.resize(static_cast<std::size_t>(spans_[dim] * item_));
      read_all(open_, static_cast<std::uint64_t>(from * item_), buffer_.data(), buffer_.size());
      copy(dim, buffer_.data(), to);
      return;
    }
    const Step& step = steps_[dim];
    const std::int64_t run = spans_[dim + 1] * item_;
    const std::int64_t apart = step.from * item_;
    if (run > kSpanBytes || apart == 0 || apart > kApartBytes) {
      for (std::int64_t i = 0; i < step.size; ++i)
        gather(dim + 1, from + i * step.from, to + i * step.to * item_);
      return;
    }
    const std::int64_t together = 4 * kSpanBytes / apart;
    for (std::int64_t i = 0; i < step.size; i += together) {
      const std::int64_t count = std::min(together, step.size - i);
      buffer_.resize(static_cast<std::size_t>((count - 1) * apart + run));
      read_all(open_, static_cast<std::uint64_t>((from + i * step.from) * item_), buffer_.data(),
               buffer_.size());
      for (std::int64_t k = 0; k < count; ++k)
        copy(dim + 1, buffer_.data() + k * apart, to + (i + k) * step.to * item_);
    }
  }

  void copy(std::size_t dim, const char* from, std::byte* to) const {
    if (dim + 1 >= steps_.size()) {
      const Step step = dim == steps_.size() ? Step{1, 0, 0} : steps_[dim];
      switch (item_) {
        case 1:
          return copy_run<1>(step, from, to);
        case 2:
          return copy_run<2>(step, from, to);
        case 4:
          return copy_run<4>(step, from, to);
        default:
          return copy_run<8>(step, from, to);
      }
    }
    const Step& step = steps_[dim];
    for (std::int64_t i = 0; i < step.size; ++i)
      copy(dim + 1, from + i * step.from * item_, to + i * step.to * item_);
  }

  template <std::int64_t kItem>
  static void copy_run(const Step& step, const char* from, std::byte* to) {
    for (std::int64_t i = 0; i < step.size; ++i)
      std::memcpy(to + i * step.to * kItem, from + i * step.from * kItem, kItem);
  }

  const OpenArray& open_;
  std::int64_t item_;
  std::vector<Step> steps_;
  std::vector<std::int64_t> spans_;   // elements from the first to the last, of a dimension and on
  std::vector<std::int64_t> counts_;  // and how many there are
  std::vector<char> buffer_;
};

class ArraysDecoder final : public Decoder {
 public:
  ArraysDecoder(Source& source, Arrays arrays, const ReadOptions& options, const Wanted& wanted)
      : source_(source),
        arrays_(std::move(arrays.arrays)),
        end_(arrays.end),
        dtype_(options.dtype),
        slab_bytes_(std::clamp<std::int64_t>(static_cast<std::int64_t>(options.block_bytes), 1,
                                             kSlabBytes)),
        edges_(wanted.edges),
        wanted_rows_(wanted.rows) {
    if (wanted.widest_first && arrays.any_order && !dtype_) align(arrays_, wanted.resizes);
    auto contents = std::make_shared<Contents>();
    contents->metadata = std::move(arrays.metadata);
    contents->nameless = arrays.nameless;
    // What is converted is to be operated on, whatever its dtype in the file.
    by_keys_ = !options.keys.empty();
    contents->chosen = by_keys_ || dtype_ || arrays.nameless;
    for (const Array& array : arrays_) {
      contents->entries.push_back(array.entry);
      if (dtype_) contents->entries.back().known = dtype_;
    }
    contents_ = std::move(contents);
    if (wanted.needs_floating && !by_keys_) check_taken();
  }

  std::optional<std::vector<Entry>> entries() const override {
    std::vector<Entry> all;
    for (const Array& array : arrays_) all.push_back(array.entry);
    return all;
  }

  void restrict_to(const Part&) override {
    throw Error(
        ErrorKind::usage,
        option("part") + " divides one table or array, and this is a file of several",
        by_keys_ ? "leave it out: " + option("keys") + " has divided it"
                 : "leave it out: " + option("keys", "NAME") + " divides it by tensors, a run each",
        {source_.name()});
  }

  bool cut(Chunk& chunk) override {
    if (open_ == nullptr && !open_next()) {
      check_end();
      return false;
    }
    const Entry& entry = open_->array.entry;
    const Shape& shape = entry.shape;
    const std::int64_t rows = shape.empty() ? 1 : shape[0];
    const bool anywhere = open_->array.open != nullptr && open_->source.size().has_value();
    chunk.begins = row_ == 0;
    chunk.array = open_;
    chunk.row = row_;
    chunk.result = {};
    chunk.only_edges =
        edges_ != nullptr && anywhere && summarises(shape, *edges_) &&
        (!dtype_ || (is_floating_point(*dtype_) && !may_be_inexact(*entry.known, *dtype_)));
    const bool strided = !open_->array.strides.empty();
    if (open_->array.check && chunk.begins && !chunk.only_edges) open_->array.check();
    const bool whole = chunk.only_edges || shape.empty() || entry.bytes == 0 || rows == 0 ||
                       (strided && !anywhere);
    chunk.rows = whole ? rows : std::min(rows - row_, slab_rows());
    row_ += chunk.rows;
    chunk.ends = row_ >= rows;
    chunk.result.begins = chunk.begins;
    chunk.result.ends = chunk.ends;
    chunk.result.name = entry.name;
    chunk.result.file = contents_;
    chunk.result.passed = !contents_->chosen && !is_floating_point(*entry.known);
    if (!shape.empty()) chunk.result.length = shape[0];
    if (shape.size() >= 2) chunk.result.lines = Lines::slices;
    chunk.in_order = !anywhere;
    if (!anywhere) {
      Shape slab = shape;
      if (!slab.empty()) slab[0] = chunk.rows;
      chunk.result.columns.push_back({"", read_on(std::move(slab))});
      if (chunk.ends) end_member();
    }
    if (chunk.ends) {
      open_ = nullptr;
      ++next_;
    }
    chunk.last = open_ == nullptr && next_ == arrays_.size();
    if (chunk.last) check_end();
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    const OpenArray& open = *chunk.array;
    const Array& array = open.array;
    if (chunk.only_edges) {
      chunk.result.columns.push_back({"", edges_of(open)});
      chunk.result.whole = array.entry.shape;
    } else if (!chunk.in_order) {
      chunk.result.columns.push_back({"", rows_of(chunk)});
    } else if (!array.strides.empty()) {
      chunk.result.columns[0].tensor = in_c_order(open, chunk.result.columns[0].tensor);
    }
    Tensor& tensor = chunk.result.columns[0].tensor;
    const auto count = static_cast<std::size_t>(tensor.numel());
    if (array.swapped) swap_bytes(tensor.bytes(), count, itemsize(tensor.dtype()));
    if (tensor.dtype() == DType::boolean) normalize_bools(tensor.bytes(), count);
    if (array.negated) negate(tensor);
    if (dtype_) {
      try {
        tensor = converted(tensor, *dtype_, open.place, chunk.result.inexact);
      } catch (const Error& error) {
        throw error.at({open.place});
      }
    }
    results.push_back(std::move(chunk.result));
  }

  void decoded(const Chunk& chunk) override {
    const auto& checksum = chunk.array->array.checksum;
    if (!checksum || chunk.only_edges || chunk.in_order) return;
    if (chunk.begins) crc_ = checksum->before;
    crc_ = crc32_joined(crc_, chunk.crc, chunk.size);
    if (!chunk.ends || crc_ == checksum->whole) return;
    throw Error(ErrorKind::data, "the checksum (CRC-32) is not that of the archive: damaged", {},
                {chunk.array->place});
  }

 private:
  void check_taken() const {
    const auto taken = [&](const Array& array) {
      // One of a dtype that is not known is told by name when it is opened.
      return contents_->chosen || !array.entry.known || is_floating_point(*array.entry.known);
    };
    if (std::any_of(arrays_.begin(), arrays_.end(), taken)) return;
    if (arrays_.empty()) throw Error(ErrorKind::data, "no tensor in it", {}, {source_.name()});
    const Entry& first = arrays_[0].entry;
    throw Error(ErrorKind::data,
                "no floating tensor in it: " + in_quotes(first.name) + " is " +
                    std::string(name(*first.known)) +
                    (arrays_.size() == 1 ? "" : ", the first of " + std::to_string(arrays_.size())),
                option("dtype", "float32") + " takes all of them", {source_.name()});
  }

  /// Of a file that is read on, and tells its size by its end alone.
  void check_end() {
    if (!end_) return;
    const std::uint64_t end = *std::exchange(end_, std::nullopt);
    if (source_.position() < end) source_.skip(end - source_.position());
    if (source_.position() == end && source_.peek(1).empty()) return;
    throw Error(ErrorKind::data,
                "the tensors end at byte " + std::to_string(end) + ", and the file " +
                    (source_.position() < end ? "at byte " + std::to_string(source_.position())
                                              : "does not"),
                source_.position() < end ? "the file was cut short" : "", {source_.name()});
  }

  bool open_next() {
    if (next_ == arrays_.size()) return false;
    const Array& array = arrays_[next_];
    const std::string place = place_of(source_.name(), array.entry.name);
    if (!array.entry.known) {
      throw Error(ErrorKind::data,
                  array.refusal.empty()
                      ? "dtype " + in_quotes(array.entry.dtype) + " is not supported"
                      : array.refusal,
                  (array.hint.empty() ? "" : array.hint + "; ") + option("keys", "NAME") +
                      " chooses other tensors",
                  {place});
    }
    row_ = 0;
    taken_ = 0;
    if (array.open) {
      open_ = std::make_shared<OpenArray>(OpenArray{array, place, array.open()});
    } else {
      if (source_.position() < array.begin) source_.skip(array.begin - source_.position());
      open_ = std::make_shared<OpenArray>(OpenArray{array, place, Source::memory({}, place)});
    }
    return true;
  }

  std::int64_t slab_rows() const {
    const Array& array = open_->array;
    const auto row_bytes = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(array.entry.bytes) / array.entry.shape[0]);
    std::int64_t rows =
        slab_bytes_ == kSlabBytes
            ? rows_of_slab(array.begin + static_cast<std::uint64_t>(row_ * row_bytes), row_bytes)
            : std::max<std::int64_t>(1, slab_bytes_ / row_bytes);
    rows = std::max(rows, std::min(wanted_rows_, kMostWantedBytes / row_bytes));
    if (array.strides.empty()) return rows;
    const bool narrow =
        *std::min_element(array.strides.begin(), array.strides.end()) == array.strides[0];
    return narrow ? std::clamp<std::int64_t>(kStridedBytes / row_bytes, 1,
                                             std::max(rows, kStridedRows))
                  : rows;
  }

  [[noreturn]] void fail_short(std::uint64_t found) const {
    const Entry& entry = open_->array.entry;
    throw Error(ErrorKind::data,
                "unexpected end in the data: shape " + to_string(entry.shape) + " of " +
                    std::string(name(*entry.known)) + " takes " + std::to_string(entry.bytes) +
                    " bytes, " + std::to_string(found) + " are there",
                "the file was cut short", {open_->place});
  }

  /// The next elements of an array that is read on.
  Tensor read_on(Shape shape) {
    Source& from = open_->array.open ? open_->source : source_;
    const DType dtype = *open_->array.entry.known;
    const auto bytes = static_cast<std::size_t>(numel(shape, dtype)) * itemsize(dtype);
    Buffer doubted;
    if (bytes > kTrustedBytes) {  // it may hold less than it says: takes memory as bytes arrive
      std::size_t have = 0;
      for (std::size_t want = kTrustedBytes; have < bytes; want *= 2) {
        want = std::min(want, bytes);
        doubted.reserve(want, have);
        have += from.read(doubted.data() + have, want - have);
        if (have < want) fail_short(taken_ + have);
      }
    }
    Tensor tensor = Tensor::empty(std::move(shape), dtype);
    if (doubted.data() != nullptr) {
      std::memcpy(tensor.bytes(), doubted.data(), bytes);
    } else if (const std::size_t got = from.read(reinterpret_cast<char*>(tensor.bytes()), bytes);
               got < bytes) {
      fail_short(taken_ + got);
    }
    taken_ += bytes;
    return tensor;
  }

  /// Behind an array that was inflated its checksum is looked at, once all is read.
  void end_member() {
    if (!open_->array.open) return;
    if (!open_->source.peek(1).empty())
      throw Error(ErrorKind::data, "bytes follow the array", {}, {open_->place});
  }

  Tensor rows_of(Chunk& chunk) const {
    const OpenArray& open = *chunk.array;
    Shape shape = open.array.entry.shape;
    if (!shape.empty()) shape[0] = chunk.rows;
    Tensor tensor = Tensor::empty(std::move(shape), *open.array.entry.known);
    chunk.size = tensor.nbytes();
    chunk.crc = 0;
    if (tensor.numel() == 0) return tensor;
    if (open.array.strides.empty()) {
      const std::uint64_t row_bytes =
          open.array.entry.bytes / static_cast<std::uint64_t>(open.array.entry.shape.empty()
                                                                  ? 1
                                                                  : open.array.entry.shape[0]);
      const std::uint64_t at = static_cast<std::uint64_t>(chunk.row) * row_bytes;
      char* const to = reinterpret_cast<char*>(tensor.bytes());
      read_all(open, at, to, tensor.nbytes());
      if (open.array.checksum) chunk.crc = crc32_of(0, to, tensor.nbytes());
      return tensor;
    }
    const std::vector<std::int64_t>& from = open.array.strides;
    const std::vector<std::int64_t> to = c_strides(tensor.shape());
    std::vector<Step> steps;
    for (std::size_t i = 0; i < from.size(); ++i)
      steps.push_back({tensor.shape()[i], from[i], to[i]});
    const std::int64_t first = from.empty() ? 0 : chunk.row * from[0];
    Gatherer(open, std::move(steps)).gather(first, tensor.bytes());
    return tensor;
  }

  /// A whole array that was read on, as its elements stood in the file.
  static Tensor in_c_order(const OpenArray& open, const Tensor& raw) {
    if (raw.numel() == 0) return raw;
    OpenArray memory{
        open.array, open.place,
        Source::memory({reinterpret_cast<const char*>(raw.bytes()), raw.nbytes()}, open.place)};
    Tensor tensor = Tensor::empty(raw.shape(), raw.dtype());
    const std::vector<std::int64_t> to = c_strides(raw.shape());
    std::vector<Step> steps;
    for (std::size_t i = 0; i < to.size(); ++i)
      steps.push_back({raw.shape()[i], open.array.strides[i], to[i]});
    Gatherer(memory, std::move(steps)).gather(0, tensor.bytes());
    return tensor;
  }

  /// What a summary shows, and nothing else of it is read.
  Tensor edges_of(const OpenArray& open) const {
    const Shape& shape = open.array.entry.shape;
    Shape shown;
    for (const std::int64_t size : shape) shown.push_back(shown_size(size, *edges_));
    Tensor tensor = Tensor::empty(shown, *open.array.entry.known);
    if (tensor.numel() == 0) return tensor;
    const std::vector<std::int64_t> strides =
        open.array.strides.empty() ? c_strides(shape) : open.array.strides;
    std::byte* to = tensor.bytes();
    read_edges(open, shown, strides, 0, 0, to);
    return tensor;
  }

  static void read_edges(const OpenArray& open, const Shape& shown,
                         const std::vector<std::int64_t>& strides, std::size_t dim, std::int64_t at,
                         std::byte*& to) {
    const Shape& shape = open.array.entry.shape;
    const std::size_t item = itemsize(*open.array.entry.known);
    if (dim == shown.size()) {
      const std::uint64_t position = static_cast<std::uint64_t>(at) * item;
      read_all(open, position, reinterpret_cast<char*>(to), item);
      to += item;
      return;
    }
    const std::int64_t head = shown[dim] == shape[dim] ? shown[dim] : shown[dim] / 2;
    for (std::int64_t i = 0; i < shown[dim]; ++i) {
      const std::int64_t index = i < head ? i : shape[dim] - shown[dim] + i;
      read_edges(open, shown, strides, dim + 1, at + index * strides[dim], to);
    }
  }

  Source& source_;
  std::vector<Array> arrays_;
  std::shared_ptr<const Contents> contents_;
  std::optional<std::uint64_t> end_;
  std::optional<DType> dtype_;
  bool by_keys_ = false;
  std::int64_t slab_bytes_;
  const PrintOptions* edges_;
  std::int64_t wanted_rows_;
  std::size_t next_ = 0;
  std::shared_ptr<OpenArray> open_;
  std::int64_t row_ = 0;
  std::uint64_t taken_ = 0;  // bytes of an array that is read on
  std::uint32_t crc_ = 0;    // of what has been decoded of an array
};

/// Whether it may name more than one.
bool is_glob(std::string_view key) { return key.find_first_of("*?[") != std::string_view::npos; }

/// Of `arrays`, those that one of the keys names. Each must name one.
void choose(std::vector<Array>& arrays, const std::vector<std::string>& keys,
            const std::string& source) {
  std::vector<std::string_view> names;
  for (const Array& array : arrays) names.push_back(array.entry.name);
  check_keys(keys, names, {source});
  // Of many keys most are names.
  const std::unordered_set<std::string_view> as_they_stand(keys.begin(), keys.end());
  std::vector<std::string> globs;
  std::ranges::copy_if(keys, std::back_inserter(globs), is_glob);
  std::erase_if(arrays, [&](const Array& array) {
    return !as_they_stand.contains(array.entry.name) && !is_chosen(globs, array.entry.name);
  });
}

}  // namespace

bool matches(std::string_view glob, std::string_view name) {
  std::size_t g = 0, n = 0;
  std::size_t star = std::string_view::npos, from = 0;  // the last *, and where it is tried to end
  while (n < name.size() || g < glob.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      from = n;
      continue;
    }
    if (g < glob.size() && n < name.size()) {
      // A bracket that stands first is one of them.
      const bool is_set = glob[g] == '[';
      const std::size_t first = g + 1 + (glob.substr(g + 1).find_first_of("!^") == 0 ? 1 : 0);
      const std::size_t close = is_set ? glob.find(']', first + 1) : std::string_view::npos;
      if (close != std::string_view::npos) {
        std::size_t i = g + 1;
        const bool negated = glob[i] == '!' || glob[i] == '^';
        if (negated) ++i;
        bool in = false;
        for (; i < close; ++i) {
          if (i + 2 < close && glob[i + 1] == '-') {
            in = in || (glob[i] <= name[n] && name[n] <= glob[i + 2]);
            i += 2;
          } else {
            in = in || glob[i] == name[n];
          }
        }
        if (in != negated) {
          g = close + 1;
          ++n;
          continue;
        }
      } else if (glob[g] == '?' || glob[g] == name[n]) {
        ++g;
        ++n;
        continue;
      }
    }
    if (star == std::string_view::npos || from == name.size()) return false;
    g = star + 1;
    n = ++from;
  }
  return true;
}

bool is_chosen(const std::vector<std::string>& keys, std::string_view name) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const std::string& key) { return key == name || matches(key, name); });
}

void check_keys(const std::vector<std::string>& keys, const std::vector<std::string_view>& names,
                const Place& place) {
  // Of a short record of JSON Lines it takes longer to make a table than to look at all names.
  constexpr std::size_t kFew = 8;
  std::unordered_set<std::string_view> known;
  if (keys.size() > kFew) known.insert(names.begin(), names.end());
  for (const std::string& key : keys) {
    const bool found =
        (keys.size() > kFew ? known.contains(key)
                            : std::find(names.begin(), names.end(), key) != names.end()) ||
        (is_glob(key) && std::any_of(names.begin(), names.end(),
                                     [&](std::string_view name) { return matches(key, name); }));
    if (found) continue;
    const std::string_view near = nearest(key, names);
    throw Error(ErrorKind::usage, "no tensor is called " + in_quotes(key),
                near.empty() ? "" : "did you mean " + in_quotes(near) + "?", place);
  }
}

std::string place_of(const std::string& file, const std::string& tensor) {
  return tensor.empty() ? file : file + ":" + tensor;
}

void Room::fill(Output& output, std::string_view bytes) {
  if (bytes.size() > end_ - at_)
    throw Error(ErrorKind::usage, "a tensor has more rows than its length");
  output.overwrite(at_, bytes);
  at_ += bytes.size();
}

void Room::check_full() const {
  if (at_ != end_) throw Error(ErrorKind::usage, "a tensor has fewer rows than its length");
}

std::unique_ptr<Decoder> arrays_decoder(Source& source, Arrays arrays, const ReadOptions& options,
                                        const Wanted& wanted) {
  if (!options.keys.empty()) choose(arrays.arrays, options.keys, source.name());
  return std::make_unique<ArraysDecoder>(source, std::move(arrays), options, wanted);
}

}  // namespace rectify::inline v1
