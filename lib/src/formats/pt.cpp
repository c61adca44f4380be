// torch.save's format since PyTorch 1.6 (torch/serialization.py, caffe2/serialize/inline_container.h):
// a zip archive with a folder, in it data.pkl, which is a pickle, and data/0, data/1 ..., the bytes of
// the storages that its tensors are views of. Tensors may share one, and have any strides.

#include "pt.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <unordered_set>
#include <utility>

#include "pickle.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kMostPickleBytes = std::size_t{64} << 20;
constexpr std::size_t kMostDepth = 64;
constexpr std::size_t kMostSecondNames = 100'000;
constexpr std::size_t kMostItems = std::size_t{16} << 20;
constexpr std::size_t kMostNameBytes = std::size_t{24} << 20;
constexpr std::size_t kMostPartBytes = std::size_t{1} << 16;
constexpr std::string_view kDetach = "torch.save tensors under one name each";
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

/// Of an element of dtypes without a storage of their own, which are not read.
constexpr std::pair<std::string_view, std::uint64_t> kOtherSizes[] = {
    {"complex32", 4},   {"complex64", 8},       {"complex128", 16},     {"float8_e4m3fn", 1},
    {"float8_e5m2", 1}, {"float8_e4m3fnuz", 1}, {"float8_e5m2fnuz", 1}, {"float8_e8m0fnu", 1}};

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
    counts_.resize(pickle_.values.size());
    const Count all = count(pickle_.top, "", 0);
    if (all.tensors == 0) {
      throw Error(ErrorKind::data,
                  "no tensor in it: expected a tensor, or dicts, lists or tuples of them", {},
                  {file_->name()});
    }
    const auto made = static_cast<std::uint64_t>(
        std::count_if(pickle_.values.begin(), pickle_.values.end(),
                      [](const Pickle::Value& value) { return value.kind == Kind::tensor; }));
    if (all.tensors > made + kMostSecondNames) {
      fail("it has " + text_of_count(all.tensors) + " names for " + std::to_string(made) +
               (made == 1 ? " tensor" : " tensors") + ", and at most " +
               std::to_string(kMostSecondNames) + " are read that name one again",
           "", std::string(kDetach));
    }
    if (all.bytes > kMostNameBytes) {
      fail("the names of its tensors take " + text_of_count(all.bytes) + " bytes, and at most " +
               std::to_string(kMostNameBytes) + " are read",
           "", std::string(kDetach));
    }
    if (all.items > kMostItems) {
      fail("its lists and dicts have " + text_of_count(all.items) +
               " items, each as often as it is there, and at most " + std::to_string(kMostItems) +
               " are read",
           "", std::string(kDetach));
    }
    arrays_.arrays.reserve(static_cast<std::size_t>(all.tensors));
    arrays_.nameless = pickle_[pickle_.top].kind == Kind::tensor;
    std::string path;
    visit(pickle_.top, path);
    return std::move(arrays_);
  }

 private:
  using Kind = Pickle::Kind;

  [[noreturn]] void fail(const std::string& what, const std::string& name,
                         std::string hint = {}) const {
    throw Error(ErrorKind::data, what, std::move(hint), {place_of(file_->name(), name)});
  }

  // ---- names

  /// Of a value and all below it. Numbers that are too large to matter are kMost.
  struct Count {
    static constexpr std::uint64_t kMost = std::uint64_t{1} << 40;

    std::uint64_t tensors = 0;
    std::uint64_t bytes = 0;  // of their names, from here on
    std::uint64_t items = 0;  // that are passed on all paths to them
    std::uint32_t height = 0;
    enum class State : std::uint8_t { unknown, begun, known } state = State::unknown;
  };

  static std::string text_of_count(std::uint64_t count) {
    return count == Count::kMost ? "more than 10^12" : std::to_string(count);
  }

  /// The part of a name that a dict's key is: what Python's str() gives of it.
  std::string_view key_text(std::uint32_t index) {
    const Pickle::Value& key = pickle_[index];
    if (key.kind == Kind::text) return key.text;
    const auto [found, is_new] = key_texts_.try_emplace(index);
    if (is_new) {
      std::optional<std::string> text = text_of(pickle_, index, kMostPartBytes);
      if (!text) fail("a name is too long", "");
      key_bytes_ += text->size();
      if (key_bytes_ > kMostNameBytes) fail("its dicts have keys that are too long", "");
      found->second = *std::move(text);
    }
    return found->second;
  }

  /// Calls use(value, part of a name) for what a list, a tuple or a dict holds.
  template <class Use>
  void for_each_item(const Pickle::Value& value, Use use) {
    if (value.kind == Kind::list || value.kind == Kind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        std::array<char, 20> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), i).ptr;
        use(value.items[i], std::string_view(digits.data(), end));
      }
    } else if (value.kind == Kind::dict) {
      for (std::size_t i = 0; i < value.items.size(); i += 2) {
        if (is_inner(value.items[i + 1])) use(value.items[i + 1], key_text(value.items[i]));
      }
    }
  }

  /// Whether it may be, or hold, a tensor.
  bool is_inner(std::uint32_t index) const {
    const Kind kind = pickle_[index].kind;
    return kind == Kind::tensor || kind == Kind::list || kind == Kind::tuple || kind == Kind::dict;
  }

  /// Python would keep the last value of a key; who names two has damaged the file, or hides one.
  void check_keys_differ(const Pickle::Value& dict) {
    std::unordered_set<std::string_view> texts, others;
    std::unordered_set<std::int64_t> numbers;
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const Pickle::Value& key = pickle_[dict.items[i]];
      const bool is_number = key.kind == Kind::integer && key.text.empty();
      if (is_number ? !numbers.insert(key.number).second
          : key.kind == Kind::text
              ? !texts.insert(key.text).second
              : is_inner(dict.items[i + 1]) && !others.insert(key_text(dict.items[i])).second) {
        fail("a dict has the key " +
                 (key.kind == Kind::text ? in_quotes(key.text)
                                         : escaped(key_text(dict.items[i]), 100)) +
                 " twice",
             "");
      }
    }
  }

  /// How many tensors there are, each as often as there is a path to it, and what their names take,
  /// without making any. Each value is looked at once.
  Count count(std::uint32_t index, std::string_view part, std::size_t depth) {
    if (!is_inner(index)) return {};
    Count& known = counts_[index];
    if (known.state == Count::State::begun || depth + known.height > kMostDepth)
      fail("it is nested more than 64 deep, or in itself", std::string(part));
    if (known.state == Count::State::known) return known;
    const Pickle::Value& value = pickle_[index];
    known.state = Count::State::begun;
    if (value.kind == Kind::dict) check_keys_differ(value);
    Count sum;
    sum.tensors = value.kind == Kind::tensor ? 1 : 0;
    for_each_item(value, [&](std::uint32_t item, std::string_view step) {
      const Count below = count(item, step, depth + 1);
      sum.tensors = std::min(sum.tensors + below.tensors, Count::kMost);
      std::uint64_t bytes = 0;
      if (__builtin_mul_overflow(below.tensors, step.size() + 1, &bytes)) bytes = Count::kMost;
      sum.bytes = std::min(sum.bytes + std::min(bytes, Count::kMost) + below.bytes, Count::kMost);
      sum.items = std::min(sum.items + below.items, Count::kMost);
      sum.height = std::max(sum.height, below.height + 1);
    });
    sum.items = sum.tensors == 0 ? 0 : sum.items + value.items.size();
    sum.state = Count::State::known;
    return counts_[index] = sum;
  }

  void visit(std::uint32_t index, std::string& path) {
    const Pickle::Value& value = pickle_[index];
    if (value.kind == Kind::tensor) {
      arrays_.arrays.push_back(tensor(value, path));
      return;
    }
    for_each_item(value, [&](std::uint32_t item, std::string_view step) {
      if (counts_[item].tensors == 0) return;
      const std::size_t before = path.size();
      if (before + step.size() > kMostPartBytes) fail("a name is too long", path);
      if (before != 0) path += '.';
      path += step;
      visit(item, path);
      path.resize(before);
    });
  }

  // ---- tensors

  std::int64_t whole(std::uint32_t index, const std::string& name) const {
    const Pickle::Value& value = pickle_[index];
    if (value.kind != Kind::integer || value.number < 0 || !value.text.empty())
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
    if (!found->second->refusal.empty()) fail("its storage: " + found->second->refusal, name);
    if (found->second->deflated) {
      fail("its storage is deflated, and torch.save stores them", name,
           "unzip the archive and zip -0 it again, or torch.save what torch.load gives");
    }
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
    const std::size_t metadata = value.number == 3 ? 7 : 6;
    if (value.items.size() > metadata) take_metadata(array, value.items[metadata], name);
    if (!array.entry.known) {  // refused if it is to be read
      std::uint64_t bytes = value.number == 3 || row == std::end(kStorages) ? 0 : row->bytes;
      for (const auto& [known, size] : kOtherSizes) {
        if (known == word) bytes = size;
      }
      if (std::find(array.entry.shape.begin(), array.entry.shape.end(), 0) !=
          array.entry.shape.end())
        bytes = 0;
      for (const std::int64_t size : array.entry.shape) {
        if (bytes != 0 && __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes))
          fail("its shape " + to_string(array.entry.shape) + " takes more than 64 bits of bytes",
               name);
      }
      array.entry.bytes = bytes;
      return array;
    }
    const DType dtype = *array.entry.known;
    const std::uint64_t item = itemsize(dtype);
    const std::uint64_t unit = value.number == 3 ? 1 : item;
    if (from.member->size / unit != static_cast<std::uint64_t>(from.elements)) {
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
    const std::uint64_t begin =
        array.entry.bytes == 0 ? 0 : static_cast<std::uint64_t>(offset) * item;
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

  /// What PyTorch keeps beside the numbers: bits that say how to read them.
  void take_metadata(Array& array, std::uint32_t index, const std::string& name) const {
    const Pickle::Value& value = pickle_[index];
    if (value.kind == Kind::none) return;
    if (value.kind != Kind::dict) fail("its metadata are not a dict", name);
    for (std::size_t i = 0; i < value.items.size(); i += 2) {
      const Pickle::Value& key = pickle_[value.items[i]];
      const Pickle::Value& set = pickle_[value.items[i + 1]];
      const std::string word = key.kind == Kind::text ? key.text : "another key than a text";
      const std::string dtype = ", and its dtype " + array.entry.dtype;
      const std::string hint = "torch.save what resolve_conj() and resolve_neg() give of it";
      if (word != "neg" && word != "conj")
        fail("its metadata have " + in_quotes(word) + ", where 'conj' and 'neg' are known", name);
      if (set.kind != Kind::boolean || set.number != 1)
        fail("its metadata have " + in_quotes(word) + " that is not True", name, hint);
      if (word == "conj" && array.entry.known)
        fail("it is said to be conjugated" + dtype + " is not complex", name, hint);
      if (word == "neg" && array.entry.known == DType::boolean)
        fail("it is said to be negated" + dtype + " has no sign", name, hint);
      if (word == "neg") array.negated = true;
    }
  }

  /// Sets the strides unless the order is C's; all elements must be in the storage.
  void lay_out(Array& array, const std::vector<std::int64_t>& strides, std::int64_t offset,
               std::uint64_t elements, const std::string& name) const {
    const Shape& shape = array.entry.shape;
    if (array.entry.bytes == 0) return;  // none to be anywhere
    std::int64_t last = offset, product = 1;
    bool is_plain = true, fits = true;
    for (std::size_t i = shape.size(); i-- > 0;) {
      std::int64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
      is_plain = is_plain && (shape[i] == 1 || strides[i] == product);
      product *= shape[i];  // numel() has looked at it
    }
    if (!fits || static_cast<std::uint64_t>(last) >= elements)
      fail("it reaches beyond the end of its storage", name);
    if (!is_plain) array.strides = strides;
  }

  std::shared_ptr<const Source> file_;
  std::map<std::string, const ZipMember*> members_;
  std::map<const ZipMember*, std::function<void()>> checks_;
  std::string folder_;
  std::string place_;
  bool swapped_ = false;
  Pickle pickle_;
  Arrays arrays_;
  std::vector<Count> counts_;                       // of each value
  std::map<std::uint32_t, std::string> key_texts_;  // of keys that are not texts
  std::size_t key_bytes_ = 0;                       // of these
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
  Arrays arrays = Tensors(file, members).read();
  arrays.any_order = true;
  return arrays;
}

}  // namespace rectify::inline v1
