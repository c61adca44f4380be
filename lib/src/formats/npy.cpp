// NumPy's .npy, versions 1 to 3 (numpy/lib/format.py): \x93NUMPY, major, minor, the header's
// length, a Python dict literal with exactly descr, fortran_order and shape, then the data. Both
// byte orders, C and Fortran order; several arrays may follow one another. Refused on purpose:
// pickles, text, dates, complex and structured dtypes, headers over 10,000 bytes (NumPy's own
// limit).

#include "npy.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "arrays.hpp"
#include "dispatch.hpp"
#include "format.hpp"
#include "integers.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMostHeaderBytes = 10000;
constexpr std::size_t kMostReadDimensions = 64;   // NumPy 2
constexpr std::size_t kMostWriteDimensions = 32;  // every NumPy
// More than this is asked of memory only as the bytes arrive, if it is not known that they are
// there.
constexpr std::size_t kTrustedBytes = std::size_t{64} << 20;

static_assert(std::endian::native == std::endian::little, "swap() and the descr written assume it");

struct DescrRow {
  std::string_view kind;  // without the byte order
  DType dtype;
};
constexpr DescrRow kDescrs[] = {
    {"f2", DType::float16}, {"f4", DType::float32}, {"f8", DType::float64}, {"i1", DType::int8},
    {"i2", DType::int16},   {"i4", DType::int32},   {"i8", DType::int64},   {"u1", DType::uint8},
    {"u2", DType::uint16},  {"u4", DType::uint32},  {"u8", DType::uint64},  {"b1", DType::boolean},
    {"?", DType::boolean},
};

/// The dict literal of a header, as numpy.load's literal_eval takes it: strings, True and False,
/// tuples of whole numbers.
class HeadReader {
 public:
  HeadReader(std::string_view text, std::optional<DType> wanted, const std::string& name)
      : p_(text.data()), end_(p_ + text.size()), wanted_(wanted), name_(name) {}

  NpyHead read() {
    NpyHead head;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    for (skip(); !at('}'); skip()) {
      const std::string_view key = string("a key");
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        read_descr(head);
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        head.fortran = truth();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        head.shape = shape();
      } else {
        fail("the header has the key " + in_quotes(key) +
             (key == "descr" || key == "fortran_order" || key == "shape" ? " twice" : ""));
      }
      skip();
      if (!at('}')) expect(',');
    }
    expect('}');
    skip();
    if (p_ != end_)
      fail("the header goes on behind its end: " +
           in_quotes({p_, static_cast<std::size_t>(end_ - p_)}));
    if (!has_descr || !has_order || !has_shape) {
      if (!head.refusal.empty()) fail(head.refusal, head.hint);
      fail("the header lacks descr, fortran_order or shape");
    }
    return head;
  }

 private:
  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), {name_});
  }

  void skip() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r' || *p_ == '\f'))
      ++p_;
  }
  bool at(char c) const { return p_ != end_ && *p_ == c; }
  void expect(char c) {
    skip();
    if (!at(c))
      fail(std::string(
               "the header is not a Python dict of descr, fortran_order and shape: expected '") +
           c + "' but found " + rest());
    ++p_;
  }
  std::string rest() const {
    return p_ == end_
               ? "its end"
               : in_quotes(std::string_view(p_, static_cast<std::size_t>(end_ - p_)).substr(0, 20));
  }

  std::string_view string(std::string_view what) {
    skip();
    if (p_ + 1 < end_ && *p_ == 'u' && (p_[1] == '\'' || p_[1] == '"'))
      ++p_;  // as Python 2 writes it
    if (!at('\'') && !at('"'))
      fail("the header has " + rest() + " where " + std::string(what) + " in quotes was expected");
    const char quote = *p_++;
    const char* begin = p_;
    while (p_ != end_ && *p_ != quote && *p_ != '\\' && *p_ != '\n') ++p_;
    if (!at(quote)) fail("the header has a string that is not closed");
    return {begin, static_cast<std::size_t>(p_++ - begin)};
  }

  void read_descr(NpyHead& head) {
    skip();
    if (at('[') || at('(')) {
      head.descr = structure();
      head.refusal = "structured dtypes are not supported";
      head.hint = supported();
      return;
    }
    const std::string_view descr = string("a dtype");
    head.descr = descr;
    std::string_view kind = descr;
    char order = '=';
    if (!kind.empty() && std::string_view("<>|=").find(kind.front()) != std::string_view::npos) {
      order = kind.front();
      kind.remove_prefix(1);
    }
    for (const DescrRow& row : kDescrs) {
      if (row.kind != kind && name(row.dtype) != descr)
        continue;  // numpy.dtype takes its name, too
      head.dtype = row.dtype;
      head.swapped = order == '>' && itemsize(row.dtype) > 1;
      return;
    }
    if (kind == "V2" && order != '>') {
      // NumPy has no bfloat16. Two bytes of no type are what it writes of an array of ml_dtypes,
      // which JAX and others have it from.
      if (wanted_ == DType::bfloat16) {
        head.dtype = DType::bfloat16;
        return;
      }
      head.refusal = "dtype " + in_quotes(descr) + " is two bytes of no type";
      head.hint = option("dtype", "bfloat16") + " reads them as what JAX and ml_dtypes write so";
      return;
    }
    if (kind.starts_with('O')) {
      head.refusal = "it holds Python objects (a pickle), which are never read";
      head.hint = "save it with astype('float32')";
      return;
    }
    head.refusal = "dtype " + in_quotes(descr) + " is not supported";
    head.hint = supported();
  }

  /// The text of a list or a tuple.
  std::string_view structure() {
    const char* const begin = p_;
    std::size_t depth = 0;
    do {
      if (p_ == end_) fail("the header has a dtype that is not closed");
      if (at('\'') || at('"')) {
        string("a name");
        continue;
      }
      if (at('[') || at('(')) ++depth;
      if (at(']') || at(')')) --depth;
      ++p_;
    } while (depth != 0);
    return {begin, static_cast<std::size_t>(p_ - begin)};
  }

  static std::string supported() {
    return "float16, float32, float64, int8 to int64, uint8 to uint64 and bool are: save it with "
           "astype('float32')";
  }

  bool truth() {
    skip();
    for (const auto& [word, value] :
         {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (std::string_view(p_, static_cast<std::size_t>(end_ - p_)).starts_with(word)) {
        p_ += word.size();
        return value;
      }
    }
    fail("fortran_order is neither True nor False but " + rest());
  }

  Shape shape() {
    expect('(');
    Shape sizes;
    for (skip(); !at(')'); skip()) {
      std::int64_t size = 0;
      const char* begin = p_;
      for (; p_ != end_ && *p_ >= '0' && *p_ <= '9'; ++p_) {
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, *p_ - '0', &size)) {
          fail("the shape has a size beyond 63 bits");
        }
      }
      if (p_ == begin) fail("the shape has " + rest() + " where a size was expected");
      if (size != 0 && *begin == '0') {  // an octal number in Python 2, and none in Python 3
        p_ = begin;
        fail("the shape has " + rest() + " where a size was expected: none begins with a zero");
      }
      if (at('L')) ++p_;  // Python 2 wrote long integers so
      sizes.push_back(size);
      if (sizes.size() > kMostReadDimensions) fail("the shape has more than 64 dimensions");
      skip();
      if (at(')')) {
        if (sizes.size() == 1) fail("the shape is a number in brackets, not a tuple");
        break;
      }
      expect(',');
    }
    expect(')');
    return sizes;
  }

  const char* p_;
  const char* end_;
  std::optional<DType> wanted_;
  const std::string& name_;
};

}  // namespace

NpyHead read_npy_head(Source& source, std::optional<DType> wanted, bool follows) {
  const auto fail = [&](std::string message, std::string hint = {}) {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), {source.name()});
  };
  std::string prefix(kMagic.size() + 2, '\0');
  const std::size_t got = source.read(prefix.data(), prefix.size());
  if (follows && !prefix.starts_with(kMagic)) {
    fail("bytes that are not an array follow the array: " + in_quotes(prefix.substr(0, got)));
  }
  if (got == 0) fail("no tensor in it: the file is empty");
  if (!prefix.starts_with(std::string(kMagic).substr(0, std::min(got, kMagic.size())))) {
    fail("it does not begin as a .npy file does: " + in_quotes(prefix.substr(0, got)),
         option("read.format") + " names another format");
  }
  if (got < prefix.size())
    fail("unexpected end in the first 8 bytes: " + std::to_string(got) + " are there");
  const auto major = static_cast<unsigned char>(prefix[6]);
  const auto minor = static_cast<unsigned char>(prefix[7]);
  if (major < 1 || major > 3 || minor != 0) {
    fail("format version " + std::to_string(major) + "." + std::to_string(minor) + " is unknown",
         "1.0, 2.0 and 3.0 are read");
  }
  unsigned char length_bytes[4] = {};
  const std::size_t length_size = major == 1 ? 2 : 4;
  if (source.read(reinterpret_cast<char*>(length_bytes), length_size) < length_size) {
    fail("unexpected end in the header's length");
  }
  std::uint64_t length = 0;
  for (std::size_t i = length_size; i-- > 0;) length = length << 8 | length_bytes[i];
  if (length > kMostHeaderBytes) {
    fail("the header is said to have " + std::to_string(length) + " bytes, more than 10000",
         "NumPy refuses such files, too");
  }
  std::string text(length, '\0');
  const std::size_t there = source.read(text.data(), text.size());
  if (there < length) {
    fail("unexpected end in the header: " + std::to_string(there) + " of " +
         std::to_string(length) + " bytes are there");
  }
  NpyHead head = HeadReader(text, wanted, source.name()).read();
  try {
    // Of a dtype that is not known, the sizes alone are looked at.
    const DType dtype = head.dtype.value_or(DType::uint8);
    const auto count = static_cast<std::uint64_t>(numel(head.shape, dtype));
    if (head.dtype) head.bytes = count * itemsize(dtype);
  } catch (const Error& error) {
    throw error.at({source.name()});
  }
  const bool narrow = std::count_if(head.shape.begin(), head.shape.end(),
                                    [](std::int64_t n) { return n != 1; }) <= 1;
  if (narrow) head.fortran = false;  // the order of the elements is the same
  return head;
}

namespace {

/// Reverses the bytes of each element.
void swap(std::byte* bytes, std::size_t count, std::size_t size) {
  for (std::size_t i = 0; i < count; ++i) std::reverse(bytes + i * size, bytes + (i + 1) * size);
}

/// bool is one byte, 0 or 1; anything else is true, as in NumPy.
void normalize_bools(std::byte* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::byte>(bytes[i] != std::byte{0});
}

class NpyDecoder final : public Decoder {
 public:
  NpyDecoder(Source& source, const ReadOptions& options, const Wanted& wanted)
      : source_(source),
        dtype_(options.dtype),
        slab_bytes_(std::max<std::size_t>(options.block_bytes, 1)),
        edges_(wanted.edges),
        line_per_tensor_(wanted.line_per_tensor),
        wanted_rows_(wanted.rows) {
    slab_bytes_ = std::min(slab_bytes_, static_cast<std::size_t>(kSlabBytes));
  }

  /// One whose elements cannot be read can be listed.
  std::optional<std::vector<Entry>> entries() const override {
    const auto size = source_.size();
    if (!size || *size <= source_.position()) return std::nullopt;
    const std::uint64_t bytes = *size - source_.position();
    Source probe = source_.slice(source_.position(), bytes, source_.name());
    const NpyHead head = read_npy_head(probe, dtype_);
    if (head.dtype) return std::nullopt;
    return {{{"", head.descr, std::nullopt, head.shape, bytes - probe.position()}}};
  }

  void restrict_to(const Part& part) override { part_ = part; }

  bool cut(Chunk& chunk) override {
    if (done_) return false;
    if (rows_left_ == 0) {
      if (any_ && source_.peek(1).empty()) return false;  // known only now
      read_head();
    }
    chunk.begins = at_head_;
    chunk.swapped = head_.swapped;
    chunk.in_order = true;
    // A conversion that can fail, or not be exact, has to see every element.
    const bool edges_are_enough =
        !dtype_ || (is_floating_point(*dtype_) && !may_be_inexact(*head_.dtype, *dtype_));
    if (at_head_ && edges_ != nullptr && edges_are_enough && !part_ &&
        summarises(head_.shape, *edges_) && source_.size()) {
      chunk.result = edges_of_array();
      chunk.ends = true;
    } else if (at_head_ && ((head_.fortran && !fortran_in_slabs()) || head_.shape.empty() ||
                            row_bytes_ == 0 || rows_ == 0)) {
      chunk.result = {};
      chunk.result.columns.push_back({"", whole_array()});
      chunk.ends = true;
    } else {
      const std::int64_t rows = std::min(rows_left_, slab_rows());
      Shape shape = head_.shape;
      shape[0] = rows;
      chunk.result = {};
      chunk.in_order = head_.fortran || !source_.size();
      if (chunk.in_order) {
        chunk.result.columns.push_back({"", head_.fortran ? read_fortran_rows(std::move(shape))
                                                          : read_tensor(std::move(shape))});
      } else {  // what reading it takes is left to decode(), on any thread
        chunk.stored = {*head_.dtype, std::move(shape), source_.position()};
        source_.skip(static_cast<std::uint64_t>(rows * row_bytes_));
      }
      rows_left_ -= rows;
      chunk.ends = rows_left_ == 0;
    }
    chunk.result.begins = chunk.begins;
    chunk.result.of_part = part_ && part_->count > 1;
    chunk.result.ends = chunk.ends;
    if (!head_.shape.empty()) chunk.result.length = head_.shape[0];
    if (head_.shape.size() >= 2) chunk.result.lines = Lines::slices;
    at_head_ = false;
    if (chunk.ends) {
      rows_left_ = 0;
      const std::uint64_t end = array_begin_ + file_bytes_;
      if (source_.position() < end) source_.skip(end - source_.position());
      // Whether another array follows is not waited for: this one is complete.
      done_ = source_.ready() && source_.peek(1).empty();
      if (part_ && !done_) {
        throw Error(ErrorKind::usage,
                    option("part") + " divides one array, and here another follows", {},
                    {source_.name()});
      }
    }
    chunk.last = done_;
    return true;
  }

  void decode(Chunk& chunk, std::vector<Result>& results) const override {
    if (!chunk.in_order) chunk.result.columns.push_back({"", read_stored(chunk.stored)});
    Tensor& tensor = chunk.result.columns[0].tensor;
    const auto count = static_cast<std::size_t>(tensor.numel());
    if (chunk.swapped) swap(tensor.bytes(), count, itemsize(tensor.dtype()));
    if (tensor.dtype() == DType::boolean) normalize_bools(tensor.bytes(), count);
    if (dtype_) {
      try {
        tensor = converted(tensor, *dtype_, source_.name(), chunk.result.inexact);
      } catch (const Error& error) {
        throw error.at({source_.name()});
      }
    }
    results.push_back(std::move(chunk.result));
  }

 private:
  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    throw Error(ErrorKind::data, std::move(message), std::move(hint), {source_.name()});
  }

  void read_head() {
    head_ = read_npy_head(source_, dtype_, any_);
    if (!head_.dtype) fail(head_.refusal, head_.hint);
    bytes_ = static_cast<std::int64_t>(head_.bytes);
    rows_ = head_.shape.empty() ? 1 : head_.shape[0];
    row_bytes_ = rows_ == 0 ? 0 : bytes_ / rows_;
    rows_left_ = rows_;
    taken_ = 0;
    if (const auto size = source_.size()) {
      const std::uint64_t left = *size - std::min(*size, source_.position());
      if (static_cast<std::uint64_t>(bytes_) > left) fail_short(left);
    }
    array_begin_ = source_.position();
    file_bytes_ = static_cast<std::uint64_t>(bytes_);
    file_rows_ = rows_;
    first_row_ = 0;
    if (part_) go_to_part();
    at_head_ = true;
    any_ = true;
  }

  void go_to_part() {
    size_in_parts(source_);  // throws where there is none
    if (head_.shape.empty())
      throw Error(ErrorKind::usage, "a single number cannot be divided", {}, {source_.name()});
    if (line_per_tensor_ && head_.shape.size() == 1) {
      throw Error(ErrorKind::usage, "a 1-D array is one line of JSON Lines, which has no parts",
                  option("write.format", "csv") + " has a line for each value", {source_.name()});
    }
    __extension__ using Wide = unsigned __int128;
    const auto share = [&](std::uint64_t k) {
      return static_cast<std::int64_t>(static_cast<Wide>(rows_) * k / part_->count);
    };
    first_row_ = share(part_->index - 1);
    rows_ = rows_left_ = head_.shape[0] = share(part_->index) - first_row_;
    bytes_ = rows_ * row_bytes_;
    if (!head_.fortran) source_.skip(static_cast<std::uint64_t>(first_row_ * row_bytes_));
  }

  [[noreturn]] void fail_short(std::uint64_t found) const {
    fail("unexpected end in the data: shape " + to_string(head_.shape) + " of " +
             std::string(name(*head_.dtype)) + " takes " + std::to_string(bytes_) + " bytes, " +
             std::to_string(found) + " are there",
         "the file was cut short");
  }

  /// Elements of an array in C order, of a source with a size.
  Tensor read_stored(const StoredRows& stored) const {
    Tensor tensor = Tensor::empty(stored.shape, stored.dtype);
    const std::size_t got =
        source_.read_at(stored.begin, reinterpret_cast<char*>(tensor.bytes()), tensor.nbytes());
    if (got < tensor.nbytes()) {  // it was whole when its size was asked for
      fail("unexpected end in the data: rows from byte " + std::to_string(stored.begin) +
               " on take " + std::to_string(tensor.nbytes()) + " bytes, " + std::to_string(got) +
               " are there",
           "the file was cut short while it was read");
    }
    return tensor;
  }

  /// The next elements of the array, as they stand in the file.
  Tensor read_tensor(Shape shape) {
    const std::int64_t count = numel(shape, *head_.dtype);
    const std::size_t bytes = static_cast<std::size_t>(count) * itemsize(*head_.dtype);
    if (bytes > kTrustedBytes && !source_.size()) return read_doubting(std::move(shape), bytes);
    Tensor tensor = Tensor::empty(std::move(shape), *head_.dtype);
    const std::size_t got = source_.read(reinterpret_cast<char*>(tensor.bytes()), bytes);
    if (got < bytes) fail_short(taken_ + got);
    taken_ += got;
    return tensor;
  }

  /// From a pipe, which may hold less than its header says: takes memory as bytes arrive.
  Tensor read_doubting(Shape shape, std::size_t bytes) {
    Buffer buffer;
    std::size_t have = 0;
    for (std::size_t want = kTrustedBytes;; want *= 2) {
      want = std::min(want, bytes);
      buffer.reserve(want, have);
      have += source_.read(buffer.data() + have, want - have);
      if (have < want) fail_short(taken_ + have);
      if (have == bytes) break;
    }
    taken_ += have;
    Tensor tensor = Tensor::empty(std::move(shape), *head_.dtype);
    std::memcpy(tensor.bytes(), buffer.data(), bytes);
    return tensor;
  }

  Tensor whole_array() {
    Tensor tensor = read_tensor(head_.shape);
    return head_.fortran && tensor.numel() != 0 ? c_order(tensor) : tensor;
  }

  /// In Fortran order the first dimension's elements stand together, one run for every index of the
  /// others. Runs of so many rows are worth a read each; fewer are not, unless the rows are very
  /// long.
  static constexpr std::int64_t kFortranRows = 1024;
  static constexpr std::int64_t kFewestFortranRows = 16;
  static constexpr std::int64_t kMostFewBytes = std::int64_t{256} << 20;
  static constexpr std::int64_t kMostFortranBytes = std::int64_t{8} << 20;
  static constexpr std::int64_t kMostWantedBytes = std::int64_t{4} << 20;

  std::int64_t slab_rows() const {
    const auto rows =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(slab_bytes_) / row_bytes_);
    if (!head_.fortran) {
      const std::int64_t whole = slab_bytes_ == static_cast<std::size_t>(kSlabBytes)
                                     ? rows_of_slab(source_.position(), row_bytes_)
                                     : rows;
      return std::max(whole, std::min(wanted_rows_, kMostWantedBytes / row_bytes_));
    }
    const auto fewest = std::clamp<std::int64_t>(kMostFewBytes / row_bytes_, 1, kFewestFortranRows);
    return std::clamp<std::int64_t>(kMostFortranBytes / row_bytes_, fewest,
                                    std::max(rows, kFortranRows));
  }

  bool fortran_in_slabs() const { return source_.size().has_value(); }  // which a part needs, too

  /// The rows in front of which rows_left_ are left.
  Tensor read_fortran_rows(Shape shape) {
    const std::size_t item = itemsize(*head_.dtype);
    const std::int64_t first = first_row_ + rows_ - rows_left_;
    const std::size_t run = static_cast<std::size_t>(shape[0]) * item;
    Tensor runs = Tensor::empty(std::move(shape), *head_.dtype);
    std::byte* to = runs.bytes();
    if (runs.shape()[0] == file_rows_) {  // all of them: the runs follow one another
      const std::size_t got =
          source_.read_at(array_begin_, reinterpret_cast<char*>(to), runs.nbytes());
      if (got < runs.nbytes()) fail_short(got);
      return c_order(runs);
    }
    for (std::int64_t i = 0; i < row_bytes_ / static_cast<std::int64_t>(item); ++i, to += run) {
      const std::uint64_t at = static_cast<std::uint64_t>(i * file_rows_ + first) * item;
      if (source_.read_at(array_begin_ + at, reinterpret_cast<char*>(to), run) < run)
        fail_short(at);
    }
    return c_order(runs);
  }

  /// Moves bytes, not elements: until decode() has made them 0 or 1, those of bool are not values
  /// of that type, nor are swapped ones of any.
  static Tensor c_order(const Tensor& fortran) {
    Tensor result = Tensor::empty(fortran.shape(), fortran.dtype());
    dispatch(fortran.dtype(), [&](auto type) {
      constexpr std::size_t kSize = sizeof(typename decltype(type)::type);
      transpose<kSize>(fortran.bytes(), result.bytes(), fortran.shape(), 0, 1);
    });
    return result;
  }

  /// Fortran order to C order: the elements of dimension `dim` and on, `stride` elements apart.
  /// Returns the end of what it wrote.
  template <std::size_t Size>
  static std::byte* transpose(const std::byte* from, std::byte* to, const Shape& shape,
                              std::size_t dim, std::int64_t stride) {
    const std::int64_t size = shape[dim];
    const std::int64_t step = stride * static_cast<std::int64_t>(Size);
    for (std::int64_t i = 0; i < size; ++i, from += step) {
      if (dim + 1 == shape.size()) {
        std::memcpy(to, from, Size);
        to += Size;
      } else {
        to = transpose<Size>(from, to, shape, dim + 1, stride * size);
      }
    }
    return to;
  }

  // ---- a summary reads only what it shows
  // --------------------------------------------------------

  Result edges_of_array() {
    Shape shown;
    for (const std::int64_t size : head_.shape) shown.push_back(shown_size(size, *edges_));
    Result result;
    result.whole = head_.shape;
    Tensor tensor = Tensor::empty(std::move(shown), *head_.dtype);
    if (tensor.numel() != 0) {
      std::vector<std::int64_t> strides(head_.shape.size());
      std::int64_t stride = 1;
      for (std::size_t i = 0; i < strides.size(); ++i) {
        const std::size_t dim = head_.fortran ? i : strides.size() - 1 - i;
        strides[dim] = stride;
        stride *= head_.shape[dim];
      }
      std::byte* to = tensor.bytes();
      read_edges(tensor.shape(), strides, 0, 0, to);
    }
    result.columns.push_back({"", std::move(tensor)});
    source_.skip(static_cast<std::uint64_t>(bytes_));
    return result;
  }

  void read_edges(const Shape& shown, const std::vector<std::int64_t>& strides, std::size_t dim,
                  std::int64_t at, std::byte*& to) {
    const std::size_t item = itemsize(*head_.dtype);
    if (dim == shown.size()) {
      const std::uint64_t position = source_.position() + static_cast<std::uint64_t>(at) * item;
      if (source_.read_at(position, reinterpret_cast<char*>(to), item) < item)
        fail_short(position - source_.position());
      to += item;
      return;
    }
    const std::int64_t head = shown[dim] == head_.shape[dim] ? shown[dim] : shown[dim] / 2;
    for (std::int64_t i = 0; i < shown[dim]; ++i) {
      const std::int64_t index = i < head ? i : head_.shape[dim] - shown[dim] + i;
      read_edges(shown, strides, dim + 1, at + index * strides[dim], to);
    }
  }

  Source& source_;
  std::optional<DType> dtype_;
  std::optional<Part> part_;
  std::size_t slab_bytes_;
  const PrintOptions* edges_;
  bool line_per_tensor_;
  std::int64_t wanted_rows_;

  NpyHead head_;
  std::int64_t bytes_ = 0;  // of the array
  std::int64_t rows_ = 0;   // its first dimension
  std::int64_t row_bytes_ = 0;
  std::int64_t rows_left_ = 0;
  std::uint64_t array_begin_ = 0;
  std::uint64_t file_bytes_ = 0;  // of the array in the file, of which a part may be read
  std::int64_t file_rows_ = 0;
  std::int64_t first_row_ = 0;
  std::uint64_t taken_ = 0;  // bytes of the array read
  bool at_head_ = false;
  bool any_ = false;
  bool done_ = false;
};

// ---- writing -----------------------------------------------------------------------------------

}  // namespace

std::string npy_header(DType dtype, const Shape& shape) {
  constexpr std::size_t kGrowthDigits = 21;  // numpy.lib.format.GROWTH_AXIS_MAX_DIGITS
  constexpr std::size_t kAlign = 64;
  std::string_view kind;
  for (const DescrRow& row : kDescrs) {
    if (row.dtype == dtype && kind.empty()) kind = row.kind;
  }
  std::string text = "{'descr': '";
  text += itemsize(dtype) == 1 ? '|' : '<';
  text += std::string(kind) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += std::to_string(shape[i]);
    if (i + 1 != shape.size()) text += ", ";
  }
  text += shape.size() == 1 ? ",), }" : "), }";
  if (!shape.empty()) text.append(kGrowthDigits - std::to_string(shape[0]).size(), ' ');
  const std::size_t before = kMagic.size() + 4;
  text.append(kAlign - (before + text.size() + 1) % kAlign,
              ' ');  // NumPy pads by 64 where none is needed
  text += '\n';
  std::string header(kMagic);
  header +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  return header + text;
}

void check_npy(const Tensor& tensor) {
  if (tensor.dtype() == DType::bfloat16) {
    throw Error(ErrorKind::unsupported, "bfloat16 has no .npy",
                option("dtype", "float32") + " holds every bfloat16 value, and " +
                    option("write.format", "safetensors") + " has it");
  }
  if (tensor.dim() > kMostWriteDimensions) {
    throw Error(ErrorKind::unsupported,
                "a tensor of " + std::to_string(tensor.dim()) + " dimensions has no .npy",
                "NumPy's arrays have at most 32; " + option("write.format", "json") + " holds any");
  }
}

namespace {

class NpyEncoder final : public detail::Encoder {
 public:
  explicit NpyEncoder(Output& output) : output_(output) {}

  // The header stands first and tells the number of rows.
  bool takes_slabs(const Result& result, std::size_t) const override {
    return result.length.has_value() || output_.can_overwrite();
  }

  void encode(Result& result, std::string&) const override {
    const Tensor& tensor = result.columns[0].tensor;
    check_alone(result, "npy");
    if (result.columns.size() > 1) {
      throw Error(
          ErrorKind::usage,
          "npy holds one array a tensor, and here are " + std::to_string(result.columns.size()),
          "one run for each, or " + option("write.format", "json"));
    }
    check_npy(tensor);
  }

  void put(const Result& result, std::string_view) override {
    const Tensor& tensor = result.columns[0].tensor;
    if (result.begins) {
      if (std::exchange(begun_, true) && output_.is_file()) {
        throw Error(ErrorKind::usage,
                    "a .npy file holds one array, and here is another: numpy.load would read the "
                    "first alone",
                    option("write.format", "jsonl") + " holds them all, or write a file for each");
      }
      shape_ = tensor.shape();
      if (!result.ends) shape_[0] = result.length.value_or(0);
      start_ = output_.position();
      rows_ = 0;
      output_.write(npy_header(tensor.dtype(), shape_));
    }
    output_.write({reinterpret_cast<const char*>(tensor.bytes()), tensor.nbytes()});
    if (!shape_.empty()) rows_ += tensor.shape()[0];
    if (result.ends && !shape_.empty() && rows_ != shape_[0]) {
      shape_[0] = rows_;
      output_.overwrite(start_, npy_header(tensor.dtype(), shape_));
    }
  }

 private:
  Output& output_;
  bool begun_ = false;
  Shape shape_;
  std::uint64_t start_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> npy_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  return std::make_unique<NpyDecoder>(source, options, wanted);
}

std::unique_ptr<detail::Encoder> npy_encoder(Output& output, const WriteOptions&) {
  return std::make_unique<NpyEncoder>(output);
}

}  // namespace rectify::inline v1
