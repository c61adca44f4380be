// The machine of pickletools.py: a stack of values, marks in it, and a memo. Names are looked up in a
// table here, and a call makes a value of the kind that the table says.

#include "pickle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include "number/number.hpp"
#include "rectify/error.hpp"
#include "rectify/tensor.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kMostValues = std::size_t{4} << 20;
constexpr std::size_t kMostTextBytes = std::size_t{1} << 16;  // of a name
constexpr std::size_t kMostTupleDepth = 16;                   // of one that is a key

constexpr std::size_t kMostCopiedBytes = std::size_t{16} << 20;  // of texts that are there again

struct Function {
  std::string_view name;
  std::size_t least, most;  // arguments
};
constexpr Function kFunctions[] = {{"torch._utils._rebuild_tensor", 4, 4},
                                   {"torch._utils._rebuild_tensor_v2", 6, 7},
                                   {"torch._utils._rebuild_tensor_v3", 7, 8},
                                   {"torch._utils._rebuild_parameter", 3, 3},
                                   {"torch._utils._rebuild_parameter_with_state", 4, 4},
                                   {"collections.OrderedDict", 0, 1},
                                   {"torch.Size", 1, 1},
                                   {"torch.device", 1, 2},
                                   {"torch.serialization._get_layout", 1, 1}};

const Function* find_function(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kFunctions), std::end(kFunctions),
                   [&](const Function& function) { return function.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

constexpr std::string_view kDTypes[] = {"float16",
                                        "bfloat16",
                                        "float32",
                                        "float64",
                                        "int8",
                                        "int16",
                                        "int32",
                                        "int64",
                                        "uint8",
                                        "bool",
                                        "uint16",
                                        "uint32",
                                        "uint64",
                                        "complex32",
                                        "complex64",
                                        "complex128",
                                        "float8_e4m3fn",
                                        "float8_e5m2",
                                        "float8_e4m3fnuz",
                                        "float8_e5m2fnuz",
                                        "float",
                                        "double",
                                        "half",
                                        "long",
                                        "int",
                                        "short"};

bool is_storage(std::string_view name) {
  constexpr std::string_view kStorage = "Storage";
  for (const std::string_view module : {"torch.storage.", "torch."}) {
    if (!name.starts_with(module)) continue;
    std::string_view rest = name.substr(module.size());
    if (!rest.ends_with(kStorage)) return false;
    rest.remove_suffix(kStorage.size());
    return std::all_of(rest.begin(), rest.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
  }
  return false;
}

bool is_known(std::string_view name) {
  constexpr std::string_view kTorch = "torch.";
  if (is_storage(name) || find_function(name) != nullptr) return true;
  return name.starts_with(kTorch) && std::find(std::begin(kDTypes), std::end(kDTypes),
                                               name.substr(kTorch.size())) != std::end(kDTypes);
}

/// An integer, little endian in two's complement, in decimal.
std::string digits(std::string_view bytes) {
  constexpr std::uint64_t kNineDigits = 1'000'000'000;
  std::vector<std::uint32_t> number((bytes.size() + 3) / 4);  // little endian, without the sign
  const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80) != 0;
  unsigned carry = negative ? 1 : 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned byte = static_cast<unsigned char>(bytes[i]);
    carry += negative ? byte ^ 0xFFu : byte;
    number[i / 4] |= (carry & 0xFFu) << 8 * (i % 4);
    carry >>= 8;
  }
  const auto shorten = [&] {
    while (!number.empty() && number.back() == 0) number.pop_back();
    return !number.empty();
  };
  std::string text;  // from its end
  while (shorten()) {
    std::uint64_t rest = 0;
    for (std::size_t i = number.size(); i-- > 0;) {
      rest = rest << 32 | number[i];
      number[i] = static_cast<std::uint32_t>(rest / kNineDigits);
      rest %= kNineDigits;
    }
    const bool last = !shorten();
    for (int i = 0; i < 9 && !(last && rest == 0); ++i, rest /= 10)
      text += static_cast<char>('0' + rest % 10);
  }
  if (text.empty()) text = "0";
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

/// As Python's repr writes a text, or bytes.
std::string quoted(std::string_view text, bool of_bytes) {
  const bool twice =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = twice ? '"' : '\'';
  std::string result(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t word = std::string_view("\t\n\r").find(c);
    if (word != std::string_view::npos) {
      result += '\\';
      result += "tnr"[word];
    } else if (byte < 0x20 || byte == 0x7F || (of_bytes && byte > 0x7F)) {
      constexpr std::string_view kHex = "0123456789abcdef";
      result += "\\x";
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    } else {
      if (c == quote || c == '\\') result += '\\';
      result += c;
    }
  }
  return result + quote;
}

/// Appends what repr gives, to at most so many bytes, and returns whether they were enough.
bool append_repr(const Pickle& pickle, std::uint32_t index, std::size_t depth, std::size_t most,
                 std::string& text) {
  using Kind = Pickle::Kind;
  const Pickle::Value& value = pickle[index];
  switch (value.kind) {
    case Kind::none:
      text += value.text.empty() ? "None" : value.text;
      break;
    case Kind::boolean:
      text += value.number == 0 ? "False" : "True";
      break;
    case Kind::integer:
      text += value.text.empty() ? std::to_string(value.number) : digits(value.text);
      break;
    case Kind::text:
      text += quoted(value.text, false);
      break;
    case Kind::tuple:
      if (depth == kMostTupleDepth) return false;
      text += '(';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i != 0) text += ", ";
        if (!append_repr(pickle, value.items[i], depth + 1, most, text)) return false;
      }
      text += value.items.size() == 1 ? ",)" : ")";
      break;
    case Kind::tensor:
      text += "Tensor";
      break;
    case Kind::real:
    case Kind::global:
    case Kind::list:
    case Kind::dict:
    case Kind::persistent:
    case Kind::mark:
      text += value.text;
      break;
  }
  return text.size() <= most;
}

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  Pickle run() {
    while (!step()) {
    }
    return std::move(pickle_);
  }

 private:
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  [[noreturn]] void fail(const std::string& what, std::string hint = {}) const {
    throw Error(ErrorKind::data, "the pickle " + what + ", at byte " + std::to_string(op_),
                std::move(hint), {source_});
  }

  // ---- bytes

  std::string_view take(std::size_t size) {
    if (size > bytes_.size() - at_) fail("ends too early");
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    const std::string_view bytes = take(size);
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("ends too early");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  // ---- values

  std::uint32_t make(Value value) {
    if (pickle_.values.size() == kMostValues) fail("has more than four million values");
    pickle_.values.push_back(std::move(value));
    return static_cast<std::uint32_t>(pickle_.values.size() - 1);
  }
  Value& of(std::uint32_t i) { return pickle_.values[i]; }

  void push(Value value) { stack_.push_back(make(std::move(value))); }
  void push(Kind kind, std::int64_t value = 0) { push({kind, value, {}, {}}); }
  void push_text(std::string_view text) { push({Kind::text, 0, std::string(text), {}}); }

  std::uint32_t pop() {
    if (stack_.empty() || of(stack_.back()).kind == Kind::mark) fail("takes a value where none is");
    const std::uint32_t value = stack_.back();
    stack_.pop_back();
    return value;
  }
  std::uint32_t top() {
    const std::uint32_t value = pop();
    stack_.push_back(value);
    return value;
  }
  std::vector<std::uint32_t> pop_to_mark() {
    if (marks_.empty()) fail("takes what stands behind a mark where none is");
    const std::size_t mark = marks_.back();
    marks_.pop_back();
    if (mark >= stack_.size()) fail("takes what stands behind a mark that is gone");
    std::vector<std::uint32_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark) + 1,
                                     stack_.end());
    stack_.resize(mark);
    return items;
  }
  std::vector<std::uint32_t> pop_many(std::size_t count) {
    std::vector<std::uint32_t> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void push_global(std::string name) {
    if (!is_known(name)) {
      fail("names " + in_quotes(name) + ", which is not a part of tensors: nothing of it is run",
           "torch.save a tensor, or a dict or list of tensors alone");
    }
    push({Kind::global, 0, std::move(name), {}});
  }

  void memoize(std::uint64_t key) {
    if (memo_.size() >= kMostValues) fail("remembers more than four million values");
    memo_[key] = top();
  }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) fail("asks for what it has not remembered");
    stack_.push_back(found->second);
    if (stack_.size() > kMostValues) fail("has more than four million values");
  }

  void append(std::uint32_t to, const std::vector<std::uint32_t>& items, Kind kind) {
    Value& value = of(to);
    if (value.kind != kind || (kind == Kind::dict && items.size() % 2 != 0))
      fail("adds to what is not a list or a dict");
    items_ += items.size();
    if (items_ > kMostValues) fail("has more than four million values");
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void call() {
    const std::uint32_t arguments = pop();
    const std::uint32_t function = pop();
    if (of(function).kind != Kind::global || of(arguments).kind != Kind::tuple)
      fail("calls what is not a function");
    const Function* const known = find_function(of(function).text);
    if (known == nullptr)
      fail("calls " + of(function).text + ", which is not a function of the list");
    const std::string_view name = known->name;
    if (const std::size_t count = of(arguments).items.size();
        count < known->least || count > known->most)
      fail("calls " + std::string(name) + " with " + std::to_string(count) + " arguments");
    const std::vector<std::uint32_t> items = of(arguments).items;
    if (name == "torch._utils._rebuild_tensor") {
      push({Kind::tensor, 1, {}, items});
    } else if (name == "torch._utils._rebuild_tensor_v2") {
      push({Kind::tensor, 2, {}, items});
    } else if (name == "torch._utils._rebuild_tensor_v3") {
      push({Kind::tensor, 3, {}, items});
    } else if (name.starts_with("torch._utils._rebuild_parameter")) {
      if (of(items[0]).kind != Kind::tensor) fail("makes a parameter of what is not a tensor");
      stack_.push_back(items[0]);
    } else if (name == "collections.OrderedDict") {
      Value dict{Kind::dict, 0, {}, {}};
      if (!items.empty()) {
        for (const std::uint32_t pair : of(items[0]).items) {
          if (of(pair).items.size() != 2) fail("makes a dict of what are not pairs");
          dict.items.insert(dict.items.end(), of(pair).items.begin(), of(pair).items.end());
          if ((items_ += 2) > kMostValues) fail("has more than four million values");
        }
      }
      push(std::move(dict));
    } else if (name == "torch.Size") {
      if (of(items[0]).kind != Kind::tuple && of(items[0]).kind != Kind::list)
        fail("makes a size of what is not a tuple");
      stack_.push_back(items[0]);
    } else {  // torch.device, torch.serialization._get_layout
      push({Kind::none, 0, copied(of(items[0]).text), {}});
    }
  }

  /// The next opcode; whether it was the last.
  bool step() {
    op_ = at_;
    const auto op = static_cast<unsigned char>(take(1)[0]);
    switch (op) {
      case 0x80:  // PROTO
        if (const std::uint64_t version = number(1); version > 5)
          fail("is of protocol " + std::to_string(version));
        return false;
      case 0x95:  // FRAME
        number(8);
        return false;
      case '.':  // STOP
        pickle_.top = pop();
        if (!stack_.empty()) fail("ends with more than one value");
        return true;
      case '(':  // MARK
        marks_.push_back(stack_.size());
        push(Kind::mark);
        return false;
      case 'N':
        push(Kind::none);
        return false;
      case 0x88:
        push(Kind::boolean, 1);
        return false;
      case 0x89:
        push(Kind::boolean, 0);
        return false;
      case 'J':
        push(Kind::integer, static_cast<std::int32_t>(number(4)));
        return false;
      case 'K':
        push(Kind::integer, static_cast<std::int64_t>(number(1)));
        return false;
      case 'M':
        push(Kind::integer, static_cast<std::int64_t>(number(2)));
        return false;
      case 0x8A:
        push_long(number(1));
        return false;
      case 'G': {
        const double real = std::bit_cast<double>(__builtin_bswap64(number(8)));
        std::array<char, kNumberBytes> text;
        push({Kind::real, 0, {text.data(), format_number(text.data(), real)}, {}});
        return false;
      }
      case 'X':
        push_text(take(number(4)));
        return false;
      case 0x8C:
        push_text(take(number(1)));
        return false;
      case 0x8D:
        push_text(take(number(8)));
        return false;
      case 'U':
        push_text(take(number(1)));
        return false;
      case 'T':
        push_text(take(number(4)));
        return false;
      case 'C':
        push_bytes(take(number(1)));
        return false;
      case 'B':
        push_bytes(take(number(4)));
        return false;
      case ')':
        push(Kind::tuple);
        return false;
      case 't':
        push({Kind::tuple, 0, {}, counted(pop_to_mark())});
        return false;
      case 0x85:
        push({Kind::tuple, 0, {}, counted(pop_many(1))});
        return false;
      case 0x86:
        push({Kind::tuple, 0, {}, counted(pop_many(2))});
        return false;
      case 0x87:
        push({Kind::tuple, 0, {}, counted(pop_many(3))});
        return false;
      case ']':
        push(Kind::list);
        return false;
      case 'a': {
        const std::vector<std::uint32_t> items = pop_many(1);
        append(top(), items, Kind::list);
        return false;
      }
      case 'e': {
        const std::vector<std::uint32_t> items = pop_to_mark();
        append(top(), items, Kind::list);
        return false;
      }
      case '}':
        push(Kind::dict);
        return false;
      case 's': {
        const std::vector<std::uint32_t> items = pop_many(2);
        append(top(), items, Kind::dict);
        return false;
      }
      case 'u': {
        const std::vector<std::uint32_t> items = pop_to_mark();
        append(top(), items, Kind::dict);
        return false;
      }
      case 'q':
        memoize(number(1));
        return false;
      case 'r':
        memoize(number(4));
        return false;
      case 0x94:
        memoize(memo_.size());
        return false;
      case 'h':
        recall(number(1));
        return false;
      case 'j':
        recall(number(4));
        return false;
      case 'c': {
        const std::string_view module = line();
        const std::string_view name = line();
        if (module.size() + name.size() > kMostTextBytes) fail("has a name that is too long");
        push_global(std::string(module) + "." + std::string(name));
        return false;
      }
      case 0x93: {
        const std::uint32_t name = pop();
        const std::uint32_t module = pop();
        if (of(name).kind != Kind::text || of(module).kind != Kind::text)
          fail("has a name that is not text");
        if (of(module).text.size() + of(name).text.size() > kMostTextBytes)
          fail("has a name that is too long");
        push_global(copied(of(module).text) + "." + copied(of(name).text));
        return false;
      }
      case 'R':
        call();
        return false;
      case 'b': {  // what torch.save says besides: versions of modules, attributes of parameters
        pop();
        const Kind kind = of(top()).kind;
        if (kind != Kind::dict && kind != Kind::tensor) fail("sets the state of what has none");
        return false;
      }
      case 'Q': {
        const std::uint32_t id = pop();
        if (of(id).kind != Kind::tuple) fail("names a storage by what is not a tuple");
        push({Kind::persistent, 0, {}, counted(of(id).items)});
        return false;
      }
      default:
        fail("has the opcode " + in_quotes({bytes_.data() + op_, 1}) +
                 ", which tensors are not written with",
             "torch.save a tensor, or a dict or list of tensors alone");
    }
  }

  template <class Items>
  std::vector<std::uint32_t> counted(Items&& items) {
    items_ += items.size();
    if (items_ > kMostValues) fail("has more than four million values");
    return std::forward<Items>(items);
  }

  /// A text that the pickle has once and may show any number of times.
  std::string copied(const std::string& text) {
    copied_bytes_ += text.size();
    if (copied_bytes_ > kMostCopiedBytes) fail("repeats texts of more than 16 MiB");
    return text;
  }

  /// Bytes, of which more than there may be in a name are not shown.
  void push_bytes(std::string_view bytes) {
    push({Kind::none, 0, "b" + quoted(bytes.substr(0, kMostTextBytes), true), {}});
  }

  void push_long(std::uint64_t size) {
    if (size > 8) {
      push({Kind::integer, 0, std::string(take(size)), {}});
      return;
    }
    std::uint64_t value = number(size);
    const unsigned bits = static_cast<unsigned>(8 * size);
    if (size != 0 && size < 8 && (value >> (bits - 1) & 1) != 0) value |= ~std::uint64_t{0} << bits;
    push(Kind::integer, static_cast<std::int64_t>(value));
  }

  std::string_view bytes_;
  const std::string& source_;
  std::size_t at_ = 0;
  std::size_t op_ = 0;  // of the opcode at hand
  Pickle pickle_;
  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, std::uint32_t> memo_;
  std::size_t items_ = 0;         // of all tuples, lists and dicts
  std::size_t copied_bytes_ = 0;  // of texts
};

}  // namespace

std::optional<std::string> text_of(const Pickle& pickle, std::uint32_t index, std::size_t most) {
  std::string text;
  if (!append_repr(pickle, index, 0, most, text)) return std::nullopt;
  return text;
}

Pickle read_pickle(std::string_view bytes, const std::string& source) {
  return Machine(bytes, source).run();
}

}  // namespace rectify::inline v1
