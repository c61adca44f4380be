// torch.save's format since PyTorch 1.6 (torch/serialization.py, caffe2/serialize/inline_container.h):
// a zip archive with a folder, in it data.pkl, which is a pickle, and data/0, data/1 ..., the bytes of
// the storages that its tensors are views of. Tensors may share one, and have any strides.

#include "pt.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "pickle.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kMostPickleBytes = std::size_t{64} << 20;
constexpr std::size_t kMostDepth = 64;
constexpr std::size_t kMostVisits = std::size_t{4} << 20;
constexpr std::string_view kPickle = "/data.pkl";

struct StorageRow {
  std::string_view name;
  std::optional<DType> dtype;
  std::uint64_t bytes;
  std::string_view word;
};
constexpr StorageRow kStorages[] = {
    {"FloatStorage", DType::float32, 4, "float32"},
    {"HalfStorage", DType::float16, 2, "float16"},
    {"BFloat16Storage", DType::bfloat16, 2, "bfloat16"},
    {"DoubleStorage", DType::float64, 8, "float64"},
    {"LongStorage", DType::int64, 8, "int64"},
    {"IntStorage", DType::int32, 4, "int32"},
    {"ShortStorage", DType::int16, 2, "int16"},
    {"CharStorage", DType::int8, 1, "int8"},
    {"ByteStorage", DType::uint8, 1, "uint8"},
    {"BoolStorage", DType::boolean, 1, "bool"},
    {"ComplexFloatStorage", std::nullopt, 8, "complex64"},
    {"ComplexDoubleStorage", std::nullopt, 16, "complex128"},
    {"QInt8Storage", std::nullopt, 1, "qint8"},
    {"QUInt8Storage", std::nullopt, 1, "quint8"},
    {"QInt32Storage", std::nullopt, 4, "qint32"},
    {"UntypedStorage", std::nullopt, 1, ""},
};

class Tensors {
 public:
  Tensors(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members)
      : file_(file) {
    const ZipMember& pickle = *find_pickle(members);
    folder_ = pickle.name.substr(0, pickle.name.size() - kPickle.size());
    for (const ZipMember& member : members) {
      members_.emplace(member.name, &member);
      if (member.name == folder_ + "/byteorder")
        swapped_ = read_member(*file, member, 16).starts_with("big");
    }
    place_ = file->name() + ":" + pickle.name;
    pickle_ = read_pickle(read_member(*file, pickle, kMostPickleBytes), place_);
  }

  Arrays read() {
    visit(pickle_.top, "", 0);
    if (arrays_.arrays.empty()) {
      throw Error(ErrorKind::data,
                  "no tensor in it: expected a tensor, or dicts, lists or tuples of them", {},
                  {file_->name()});
    }
    return std::move(arrays_);
  }

 private:
  using Kind = Pickle::Kind;

  [[noreturn]] void fail(const std::string& what, const std::string& name) const {
    throw Error(ErrorKind::data, what, {}, {place_of(file_->name(), name)});
  }

  void visit(std::uint32_t index, const std::string& path, std::size_t depth) {
    if (depth > kMostDepth) fail("it is nested more than 64 deep, or in itself", path);
    if (++visits_ > kMostVisits) fail("it has more than four million values", path);
    const Pickle::Value& value = pickle_[index];
    const auto below = [&](const std::string& step) {
      if (path.size() + step.size() > (std::size_t{1} << 16)) fail("a name is too long", path);
      return path.empty() ? step : path + "." + step;
    };
    if (value.kind == Kind::tensor) {
      arrays_.arrays.push_back(tensor(value, path));
    } else if (value.kind == Kind::list || value.kind == Kind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i)
        visit(value.items[i], below(std::to_string(i)), depth + 1);
    } else if (value.kind == Kind::dict) {
      for (std::size_t i = 0; i < value.items.size(); i += 2) {
        const Pickle::Value& key = pickle_[value.items[i]];
        std::string step = key.kind == Kind::text ? key.text : std::to_string(key.number);
        visit(value.items[i + 1], below(step), depth + 1);
      }
    }
  }

  std::int64_t whole(std::uint32_t index, const std::string& name) const {
    const Pickle::Value& value = pickle_[index];
    if (value.kind != Kind::integer || value.number < 0)
      fail("its size, stride or offset is not a whole number from 0", name);
    return value.number;
  }

  std::vector<std::int64_t> wholes(std::uint32_t index, const std::string& name) const {
    constexpr std::size_t kMostDimensions = 64;
    const Pickle::Value& value = pickle_[index];
    if (value.kind != Kind::tuple && value.kind != Kind::list)
      fail("its size or stride is not a tuple", name);
    if (value.items.size() > kMostDimensions) fail("it has more than 64 dimensions", name);
    std::vector<std::int64_t> numbers;
    for (const std::uint32_t item : value.items) numbers.push_back(whole(item, name));
    return numbers;
  }

  /// ('storage', torch.FloatStorage, key, location, elements)
  struct Storage {
    const ZipMember* member = nullptr;
    std::string type;
    std::int64_t elements = 0;
  };

  Storage storage(std::uint32_t index, const std::string& name) const {
    const Pickle::Value& value = pickle_[index];
    if (value.kind != Kind::persistent || value.items.size() < 5 ||
        pickle_[value.items[0]].text != "storage" || pickle_[value.items[1]].kind != Kind::global ||
        pickle_[value.items[2]].kind != Kind::text)
      fail("its storage is not named as torch.save names one", name);
    const std::string& key = pickle_[value.items[2]].text;
    const auto found = members_.find(folder_ + "/data/" + key);
    if (found == members_.end())
      fail("its storage " + in_quotes(key) + " is not in the archive", name);
    if (found->second->deflated) fail("its storage is deflated, and torch.save stores them", name);
    const std::string& type = pickle_[value.items[1]].text;
    return {found->second, type.substr(type.rfind('.') + 1), whole(value.items[4], name)};
  }

  Array tensor(const Pickle::Value& value, const std::string& name) {
    const Storage from = storage(value.items[0], name);
    const std::int64_t offset = whole(value.items[1], name);
    Array array;
    array.swapped = swapped_;
    array.entry.name = name;
    array.entry.shape = wholes(value.items[2], name);
    const std::vector<std::int64_t> strides = wholes(value.items[3], name);
    const auto* const row =
        std::find_if(std::begin(kStorages), std::end(kStorages),
                     [&](const StorageRow& one) { return one.name == from.type; });
    std::string word = row == std::end(kStorages) ? from.type : std::string(row->word);
    if (row != std::end(kStorages)) array.entry.known = row->dtype;
    if (value.number == 3) {  // a dtype of its own, on bytes
      word = pickle_[value.items[6]].text;
      word = word.substr(word.rfind('.') + 1);
      array.entry.known = find_dtype(word);
    }
    array.entry.dtype = word;
    if (!array.entry.known) return array;  // refused if it is to be read
    const DType dtype = *array.entry.known;
    const std::uint64_t item = itemsize(dtype);
    const std::uint64_t unit = value.number == 3 ? 1 : item;
    if (from.member->size / unit < static_cast<std::uint64_t>(from.elements) ||
        static_cast<std::uint64_t>(from.elements) * unit != from.member->size) {
      fail("its storage is said to have " + std::to_string(from.elements) + " elements, and has " +
               std::to_string(from.member->size) + " bytes",
           name);
    }
    try {
      array.entry.bytes = static_cast<std::uint64_t>(numel(array.entry.shape, dtype)) * item;
    } catch (const Error& error) {
      throw error.at({place_of(file_->name(), name)});
    }
    if (strides.size() != array.entry.shape.size())
      fail("it has " + std::to_string(array.entry.shape.size()) + " sizes and " +
               std::to_string(strides.size()) + " strides",
           name);
    lay_out(array, strides, offset, from.member->size / item, name);
    const std::uint64_t begin = static_cast<std::uint64_t>(offset) * item;
    const bool plain = array.strides.empty();
    if (plain && begin == 0 && array.entry.bytes == from.member->size) {
      array.checksum = {0, from.member->crc};
    } else {
      array.check = checks_[from.member];
      if (!array.check) {
        // Once for all tensors that share it.
        array.check = [file = file_, member = *from.member, done = std::make_shared<bool>(false)] {
          if (!std::exchange(*done, true)) check_stored(*file, member);
        };
        checks_[from.member] = array.check;
      }
    }
    const std::uint64_t size =
        plain ? array.entry.bytes : from.member->size - std::min(begin, from.member->size);
    array.open = [file = file_, at = from.member->begin + begin, size,
                  place = place_of(file_->name(), name)] { return file->slice(at, size, place); };
    return array;
  }

  /// Sets the strides unless the order is C's; all elements must be in the storage.
  void lay_out(Array& array, const std::vector<std::int64_t>& strides, std::int64_t offset,
               std::uint64_t elements, const std::string& name) const {
    const Shape& shape = array.entry.shape;
    std::int64_t last = offset, product = 1;
    bool is_plain = true, fits = true;
    for (std::size_t i = shape.size(); i-- > 0;) {
      std::int64_t reach = 0;
      fits = fits &&
             !__builtin_mul_overflow(std::max<std::int64_t>(shape[i] - 1, 0), strides[i], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
      is_plain = is_plain && (shape[i] == 1 || strides[i] == product);
      product *= std::max<std::int64_t>(shape[i], 1);  // numel() has looked at it
    }
    const bool is_empty = array.entry.bytes == 0;
    const auto end = static_cast<std::uint64_t>(is_empty ? offset : last);
    if (!fits || (is_empty ? end > elements : end >= elements))
      fail("it reaches beyond the end of its storage", name);
    if (!is_plain && !is_empty) array.strides = strides;
  }

  std::shared_ptr<const Source> file_;
  std::map<std::string, const ZipMember*> members_;
  std::map<const ZipMember*, std::function<void()>> checks_;
  std::string folder_;
  std::string place_;
  bool swapped_ = false;
  Pickle pickle_;
  Arrays arrays_;
  std::size_t visits_ = 0;
};

}  // namespace

const ZipMember* find_pickle(const std::vector<ZipMember>& members) {
  for (const ZipMember& member : members) {
    if (member.name.ends_with(kPickle) &&
        member.name.find('/') == member.name.size() - kPickle.size())
      return &member;
  }
  return nullptr;
}

Arrays read_pt(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members) {
  return Tensors(file, members).read();
}

}  // namespace rectify::inline v1
