// safetensors (github.com/huggingface/safetensors): eight bytes with the header's length, little
// endian; the header, a JSON object of each tensor's dtype, shape and data_offsets, and texts under
// __metadata__; then the data, of which the tensors take every byte once. Tensors come in the order
// of their data. Refused on purpose, as the library does: a header over 100 MB, one with a name
// twice, data with holes, overlaps or a rest, and what dtypes PyTorch's rectifiers do not have (F8).

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "arrays.hpp"
#include "dispatch.hpp"
#include "format.hpp"
#include "utf8.hpp"

namespace rectify::inline v1 {
namespace {

static_assert(std::endian::native == std::endian::little, "data are read and written as they are");

constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // the library's own limit
constexpr std::size_t kMostDimensions = 64;
constexpr std::size_t kLengthBytes = 8;
constexpr std::string_view kMetadata = "__metadata__";

struct DTypeRow {
  std::string_view name;
  std::optional<DType> dtype;
  std::uint64_t bits;
};
constexpr DTypeRow kDTypes[] = {
    {"F32", DType::float32, 32},  {"F16", DType::float16, 16},  {"BF16", DType::bfloat16, 16},
    {"F64", DType::float64, 64},  {"I64", DType::int64, 64},    {"I32", DType::int32, 32},
    {"I16", DType::int16, 16},    {"I8", DType::int8, 8},       {"U8", DType::uint8, 8},
    {"BOOL", DType::boolean, 8},  {"U16", DType::uint16, 16},   {"U32", DType::uint32, 32},
    {"U64", DType::uint64, 64},   {"F8_E4M3", std::nullopt, 8}, {"F8_E5M2", std::nullopt, 8},
    {"F8_E8M0", std::nullopt, 8}, {"C64", std::nullopt, 64},
};

const DTypeRow* find_row(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                         [&](const DTypeRow& row) { return row.name == name; });
  return found == std::end(kDTypes) ? nullptr : found;
}

/// The header's events, in which nothing else may come than what it is made of.
class Header final : public nlohmann::json_sax<nlohmann::json> {
 public:
  struct Tensor {
    std::string name, dtype;
    Shape shape;
    std::vector<std::uint64_t> offsets;
    bool has_dtype = false, has_shape = false, has_offsets = false;
  };
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;

  explicit Header(const std::string& source) : source_(source) {}

  bool start_object(std::size_t) override {
    if (depth_ == 0 || (depth_ == 1 && list_ == nullptr)) {
      ++depth_;
      if (depth_ == 2 && !in_metadata_) {
        tensors.emplace_back().name = name_;
      }
      return true;
    }
    fail("an object");
  }
  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) {
      const Tensor& tensor = tensors.back();
      if (!tensor.has_dtype || !tensor.has_shape || !tensor.has_offsets)
        fail_tensor("lacks dtype, shape or data_offsets");
    }
    --depth_;
    in_metadata_ = false;
    return true;
  }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = text == kMetadata;
      if (!names_.insert(text).second) fail_header(in_quotes(text) + " twice");
      if (!in_metadata_ && tensors.size() == kMostTensors)
        fail_header("more than a million tensors");
      return true;
    }
    key_ = text;
    if (in_metadata_) {
      if (!metadata_names_.insert(text).second)
        fail_header(in_quotes(text) + " twice under " + in_quotes(kMetadata));
      return true;
    }
    Tensor& tensor = tensors.back();
    bool* const seen = text == "dtype"          ? &tensor.has_dtype
                       : text == "shape"        ? &tensor.has_shape
                       : text == "data_offsets" ? &tensor.has_offsets
                                                : nullptr;
    if (seen == nullptr) fail_tensor("has the key " + in_quotes(text));
    if (std::exchange(*seen, true)) fail_tensor("has the key " + in_quotes(text) + " twice");
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) {
      metadata.emplace_back(key_, text);
      return true;
    }
    if (depth_ != 2 || list_ != nullptr || key_ != "dtype") fail("the text " + in_quotes(text));
    tensors.back().dtype = text;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || list_ != nullptr || key_ == "dtype") fail("a list");
    list_ = key_ == "shape" ? &shape_ : &tensors.back().offsets;
    shape_.clear();
    return true;
  }
  bool end_array() override {
    Tensor& tensor = tensors.back();
    if (list_ == &shape_) tensor.shape.assign(shape_.begin(), shape_.end());
    if (list_ == &tensor.offsets && tensor.offsets.size() != 2)
      fail_tensor("has data_offsets that are not a begin and an end");
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (list_ == nullptr) fail("the number " + std::to_string(number));
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      fail_tensor("has a number beyond 63 bits");
    list_->push_back(number);
    if (list_->size() > kMostDimensions) fail_tensor("has more than 64 dimensions");
    return true;
  }
  bool number_integer(number_integer_t number) override {
    fail("the number " + std::to_string(number));
  }
  bool number_float(number_float_t, const string_t& text) override { fail("the number " + text); }
  bool null() override {
    if (depth_ == 1 && in_metadata_) return true;  // none
    fail("null");
  }
  bool boolean(bool) override { fail("true or false"); }
  bool binary(binary_t&) override { fail("bytes"); }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    throw Error(
        ErrorKind::data,
        "the header is not JSON: at byte " + std::to_string(at + kLengthBytes) + " of the file", {},
        {source_});
  }

 private:
  static constexpr std::size_t kMostTensors = 1'000'000;

  [[noreturn]] void fail_header(const std::string& what) const {
    throw Error(ErrorKind::data, "the header has " + what, {}, {source_});
  }
  [[noreturn]] void fail(const std::string& what) const {
    fail_header(what + (depth_ == 0 ? " where an object was expected"
                        : depth_ == 1 || in_metadata_
                            ? " under " + in_quotes(in_metadata_ ? kMetadata : name_)
                            : " under " + in_quotes(name_) + ", " + in_quotes(key_)));
  }
  [[noreturn]] void fail_tensor(const std::string& what) const {
    throw Error(ErrorKind::data, "the header's entry " + what, {}, {place_of(source_, name_)});
  }

  std::string source_;
  int depth_ = 0;  // of objects
  bool in_metadata_ = false;
  std::string name_, key_;
  std::set<std::string> names_, metadata_names_;
  std::vector<std::uint64_t> shape_;
  std::vector<std::uint64_t>* list_ = nullptr;  // the one that is being read
};

[[noreturn]] void fail(const Source& source, std::string message, std::string hint = {}) {
  throw Error(ErrorKind::data, std::move(message), std::move(hint), {source.name()});
}

std::string read_header(Source& source) {
  unsigned char bytes[kLengthBytes];
  const std::size_t got = source.read(reinterpret_cast<char*>(bytes), sizeof bytes);
  if (got == 0) fail(source, "no tensor in it: the file is empty");
  if (got < sizeof bytes) fail(source, "unexpected end in the header's length");
  std::uint64_t length = 0;
  for (std::size_t i = sizeof bytes; i-- > 0;) length = length << 8 | bytes[i];
  const std::string said = "the header is said to have " + std::to_string(length) + " bytes, ";
  if (length > kMostHeaderBytes)
    fail(source, said + "more than 100 MB", "is this a safetensors file?");
  if (const auto size = source.size(); size && length > *size - kLengthBytes)
    fail(source, said + "more than the file", "the file was cut short");
  std::string text;
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  while (text.size() < length) {  // memory is taken as the bytes arrive
    const std::size_t before = text.size();
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, length - before));
    text.resize(before + size);
    const std::size_t there = source.read(text.data() + before, size);
    if (there < size) {
      fail(source, "unexpected end in the header: " + std::to_string(before + there) + " of " +
                       std::to_string(length) + " bytes are there");
    }
  }
  return text;
}

/// What the header says of a tensor, checked.
Array array_of(const Source& source, const Header::Tensor& tensor) {
  const auto fail_here = [&](const std::string& message) {
    throw Error(ErrorKind::data, message, {}, {place_of(source.name(), tensor.name)});
  };
  const DTypeRow* const row = find_row(tensor.dtype);
  Array array;
  array.entry = {tensor.name, tensor.dtype, row == nullptr ? std::nullopt : row->dtype,
                 tensor.shape, 0};
  if (tensor.offsets[1] < tensor.offsets[0]) fail_here("its data end before they begin");
  array.entry.bytes = tensor.offsets[1] - tensor.offsets[0];
  array.begin = tensor.offsets[0];
  if (row == nullptr) return array;  // its size is not known
  std::uint64_t bytes = row->bits / 8;
  bool fits = true;
  for (const std::int64_t size : tensor.shape)
    fits = fits && !__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes);
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) {
    fits = true;
    bytes = 0;
  }
  if (!fits || bytes != array.entry.bytes) {
    fail_here("shape " + to_string(tensor.shape) + " of " + tensor.dtype + " takes " +
              (fits ? std::to_string(bytes) : "more than 64 bits of") +
              " bytes, and its data have " + std::to_string(array.entry.bytes));
  }
  try {
    if (row->dtype) numel(tensor.shape, *row->dtype);
  } catch (const Error& error) {
    throw error.at({place_of(source.name(), tensor.name)});
  }
  return array;
}

Arrays read_arrays(Source& source) {
  const std::string text = read_header(source);
  if (!text.starts_with('{'))
    fail(source, "the header does not begin with '{' but with " + in_quotes(text.substr(0, 8)));
  // Which nlohmann_json takes for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string::npos) {
    fail(source, "the header has a NUL at byte " + std::to_string(nul + kLengthBytes) +
                     " of the file: it ends with blanks");
  }
  Header header(source.name());
  nlohmann::json::sax_parse(text, &header);
  Arrays arrays;
  arrays.metadata = std::move(header.metadata);
  for (const Header::Tensor& tensor : header.tensors)
    arrays.arrays.push_back(array_of(source, tensor));
  std::stable_sort(arrays.arrays.begin(), arrays.arrays.end(), [](const Array& a, const Array& b) {
    return std::pair(a.begin, a.entry.bytes) < std::pair(b.begin, b.entry.bytes);
  });
  std::uint64_t end = 0;
  for (const Array& array : arrays.arrays) {
    if (array.begin != end) {
      throw Error(ErrorKind::data,
                  "its data begin at " + std::to_string(array.begin) +
                      ", and those before end at " + std::to_string(end) +
                      ": a hole, or an overlap",
                  {}, {place_of(source.name(), array.entry.name)});
    }
    if (__builtin_add_overflow(end, array.entry.bytes, &end))
      fail(source, "more data than 64 bits");
  }
  const std::uint64_t data = kLengthBytes + text.size();
  if (const auto size = source.size(); size && *size - data != end) {
    const std::uint64_t there = *size - data;
    fail(source,
         "the tensors take " + std::to_string(end) + " bytes, and " + std::to_string(there) +
             " are there",
         there < end ? "the file was cut short" : "");
  }
  if (!source.size()) arrays.end = data + end;
  for (Array& array : arrays.arrays) {
    array.begin += data;
    if (!source.size()) continue;
    array.open = [&source, place = place_of(source.name(), array.entry.name), begin = array.begin,
                  bytes = array.entry.bytes] { return source.slice(begin, bytes, place); };
  }
  return arrays;
}

// ---- writing -----------------------------------------------------------------------------------

class SafetensorsEncoder final : public detail::Encoder {
 public:
  explicit SafetensorsEncoder(Output& output) : output_(output) {}

  bool is_container() const override { return true; }

  bool wants_widest_first() const override { return true; }

  // The header stands first and tells of all tensors, which are not known before the last. Of several
  // at a time each has a place of its own, which takes to know its size.
  bool takes_slabs(const Result& result, std::size_t columns) const override {
    return output_.can_overwrite() && (columns == 1 || result.length.has_value());
  }

  void encode(Result&, std::string&) const override {}

  void put(const Result& result, std::string_view) override {
    if (result.begins) {
      if (result.file && result.file != file_) {
        file_ = result.file;
        add_metadata(file_->metadata);
      }
      if (!begun_) begin(result);
      std::string name = result.name;
      if (!is_named(result)) name = "arr_" + std::to_string(nameless_++);
      for (const Column& column : result.columns) add(name_of(name, column), column.tensor);
      rooms_.clear();
      if (!result.ends && result.columns.size() > 1) make_rooms(result);
    }
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      const Tensor& tensor = result.columns[i].tensor;
      const std::string_view bytes(reinterpret_cast<const char*>(tensor.bytes()), tensor.nbytes());
      Written& written = written_[written_.size() - result.columns.size() + i];
      if (!result.begins) written.shape[0] += tensor.shape()[0];
      written.bytes += bytes.size();
      if (rooms_.empty()) {
        write(bytes);
        continue;
      }
      rooms_[i].fill(output_, bytes);
      if (result.ends) rooms_[i].check_full();
    }
  }

  void finish() override {
    std::string text = header();
    const std::size_t padded = (std::max(text.size(), room_) + 7) / 8 * 8;
    text.append(padded - text.size(), ' ');
    std::string start;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
      start += static_cast<char>(static_cast<std::uint64_t>(padded) >> (8 * i) & 0xFF);
    start += text;
    if (!output_.can_overwrite()) {
      output_.write(start);
      output_.write(held_);
    } else if (!begun_) {
      output_.write(start);
    } else {
      if (start.size() > kLengthBytes + room_)
        output_.insert(start_, start.size() - kLengthBytes - room_);
      output_.overwrite(start_, start);
    }
  }

 private:
  struct Written {
    std::string name;
    DType dtype;
    Shape shape;
    std::uint64_t bytes = 0;
  };

  /// A name and what else a tensor may take in the header, whatever its numbers.
  static std::size_t most_bytes(std::string_view name, std::size_t dimensions) {
    constexpr std::size_t kWords = 60;
    constexpr std::size_t kDigits = 20;
    return nlohmann::json(name)
               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
               .size() +
           kWords + kDigits * (2 + dimensions);
  }

  /// Makes room for the header. What is known of it does not depend on how the input came.
  void begin(const Result& result) {
    begun_ = true;
    start_ = output_.position();
    room_ = 2;
    for (const auto& [name, text] : metadata_) room_ += most_bytes(name, 0) + most_bytes(text, 0);
    if (result.file) {
      for (const Entry& entry : result.file->entries) {
        for (const Column& column : result.columns)
          room_ += most_bytes(name_of(entry.name, column), entry.shape.size());
      }
    } else {
      for (const Column& column : result.columns)
        room_ += most_bytes(name_of("arr_0", column), column.tensor.dim());
    }
    room_ = (room_ + 7) / 8 * 8;
    if (output_.can_overwrite()) output_.write(std::string(kLengthBytes + room_, ' '));
  }

  /// All that the inputs say of themselves, which is one file's from here on.
  void add_metadata(const std::vector<std::pair<std::string, std::string>>& metadata) {
    for (const auto& [name, text] : metadata) {
      const auto [said, is_new] = said_.try_emplace(name, text);
      if (is_new) {
        metadata_.emplace_back(name, text);
      } else if (said->second != text) {
        throw Error(ErrorKind::unsupported,
                    "its metadata say " + in_quotes(text) + " of " + in_quotes(name) +
                        ", and those of an input before it " + in_quotes(said->second),
                    "a file holds one of them: give each an output of its own, or " +
                        option("write.format", "npz") + ", which has no metadata");
      }
    }
  }

  void add(std::string name, const Tensor& tensor) {
    std::uint32_t code = 0;
    for (std::string_view rest = name; !rest.empty();) {
      const std::size_t length = utf8_length(rest, code);
      if (length == 0) {
        throw Error(ErrorKind::unsupported,
                    "the name " + in_quotes(name) + " is not UTF-8, as safetensors' names are");
      }
      rest.remove_prefix(length);
    }
    if (name == kMetadata) {
      throw Error(ErrorKind::unsupported,
                  "a tensor is called " + in_quotes(name) +
                      ", which safetensors have for what describes the file",
                  option("write.format", "npz") + " takes any name");
    }
    if (!names_.insert(name).second)
      throw Error(ErrorKind::unsupported, "two tensors are called " + in_quotes(name));
    written_.push_back({std::move(name), tensor.dtype(), tensor.shape()});
  }

  /// For all rows of the tensors of which a slab is here.
  void make_rooms(const Result& result) {
    for (const Column& column : result.columns) {
      Shape shape = column.tensor.shape();
      shape[0] = result.length.value_or(0);
      const DType dtype = column.tensor.dtype();
      const auto count = static_cast<std::uint64_t>(numel(shape, dtype));
      rooms_.emplace_back(output_, count * itemsize(dtype));
    }
  }

  void write(std::string_view bytes) {
    if (output_.can_overwrite()) {
      output_.write(bytes);
    } else {
      held_ += bytes;
    }
  }

  std::string header() const {
    const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
    std::string text = "{";
    if (!metadata_.empty()) {
      text += quoted(std::string(kMetadata)) + ":{";
      for (const auto& [name, value] : metadata_)
        text += (text.ends_with('{') ? "" : ",") + quoted(name) + ":" + quoted(value);
      text += '}';
    }
    std::uint64_t begin = 0;
    for (const Written& written : written_) {
      const auto* const row =
          std::find_if(std::begin(kDTypes), std::end(kDTypes),
                       [&](const DTypeRow& one) { return one.dtype == written.dtype; });
      if (!text.ends_with('{')) text += ',';
      text += quoted(written.name) + ":{\"dtype\":\"" + std::string(row->name) + "\",\"shape\":[";
      for (const std::int64_t size : written.shape)
        text += (text.ends_with('[') ? "" : ",") + std::to_string(size);
      text += "],\"data_offsets\":[" + std::to_string(begin) + ',';
      begin += written.bytes;
      text += std::to_string(begin) + "]}";
    }
    return text + '}';
  }

  Output& output_;
  bool begun_ = false;
  std::uint64_t start_ = 0;
  std::size_t room_ = 0;  // of the header's text
  std::size_t nameless_ = 0;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::map<std::string, std::string> said_;  // the same by names
  std::shared_ptr<const Contents> file_;     // of which they have come
  std::vector<Written> written_;
  std::vector<Room> rooms_;  // of the tensors at hand, if they are not appended
  std::set<std::string> names_;
  std::string held_;  // the data, where the header cannot be written later
};

}  // namespace

std::unique_ptr<Decoder> safetensors_decoder(Source& source, const ReadOptions& options,
                                             const Wanted& wanted) {
  return arrays_decoder(source, read_arrays(source), options, wanted);
}

std::unique_ptr<detail::Encoder> safetensors_encoder(Output& output, const WriteOptions&) {
  return std::make_unique<SafetensorsEncoder>(output);
}

}  // namespace rectify::inline v1
