// The pump: which format, chunks through the operation on every processor, results in order, slabs
// gathered for formats that need whole tensors.

#include "rectify/stream.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "dispatch.hpp"
#include "formats/format.hpp"
#include "rectify/compare.hpp"
#include "rectify/error.hpp"
#include "workers.hpp"

namespace rectify {
namespace {

// ---- which format ------------------------------------------------------------------------------

constexpr std::size_t kFirstLookBytes = std::size_t{4} << 10;
constexpr std::size_t kSniffBytes = std::size_t{64} << 10;
constexpr std::size_t kMostSniffBytes = std::size_t{4}
                                        << 20;  // the longest first line that tells JSON Lines

struct Mistake {
  std::string_view magic;
  std::string_view what;
  std::string_view remedy;
};

/// What people pass by mistake, by how it begins.
constexpr Mistake kMistakes[] = {
    {"\x1F\x8B", "gzip data", "gzip -dc FILE | rectify"},
    {"PK\x03\x04", "a zip archive (.npz, .pt and .xlsx are such)",
     "numpy.save the array to .npy, or unzip -p it"},
    {"BZh91AY&SY", "bzip2 data", "bzip2 -dc FILE | rectify"},
    {"\xFD"
     "7zXZ",
     "xz data", "xz -dc FILE | rectify"},
    {"\x28\xB5\x2F\xFD", "zstd data", "zstd -dc FILE | rectify"},
    {"version https://git-lfs", "a Git LFS pointer, not the data", "git lfs pull fetches it"},
    {"\xFF\xFE", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | rectify"},
    {"\xFE\xFF", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | rectify"},
    {"\x80\x02", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x03", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x04", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x05", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x89HDF", "an HDF5 file", "numpy.save the array to .npy"},
    {"\x89PNG", "a PNG image", ""},
    {"%PDF", "a PDF document", ""},
    {"\x7F"
     "ELF",
     "a program", ""},
};
constexpr std::string_view kMarkup[] = {"<!doctype html", "<html", "<?xml"};  // in small letters
constexpr Mistake kHtml = {"", "an HTML page", "a download that needs another address, or a login"};
constexpr Mistake kXml = {"", "an XML document", ""};
constexpr Mistake kUtf16 = {"", "UTF-16 text", "iconv -f UTF-16LE -t UTF-8 FILE | rectify"};

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

/// What a file that begins with `head` is, if rectify does not read it but people pass it; else
/// null.
const Mistake* mistake_in(std::string_view head) {
  for (const Mistake& mistake : kMistakes) {
    if (head.starts_with(mistake.magic)) return &mistake;
  }
  const std::size_t word = head.find_first_not_of(" \t\r\n");
  if (word != std::string_view::npos) {
    const std::string_view text = head.substr(word);
    for (const std::string_view begin : kMarkup) {
      if (starts_with_word(text, begin)) return begin == "<?xml" ? &kXml : &kHtml;
    }
  }
  if (head.size() >= 2 && head[0] != '\0' && head[1] == '\0' &&
      (head.size() < 4 || head[3] == '\0')) {
    return &kUtf16;
  }
  return nullptr;
}

/// Whether more of a text that begins with `head` may tell that it begins with `word`, which
/// `head` is too short for.
bool may_become(std::string_view head, std::string_view word) {
  return head.size() < word.size() && starts_with_word(head, word.substr(0, head.size()));
}

/// Whether mistake_in() may say something else of more than `head`.
bool is_mistake_open(std::string_view head) {
  if (head.size() < 2 || (head.size() < 4 && head[1] == '\0')) return true;
  for (const Mistake& mistake : kMistakes) {
    if (mistake.magic.size() > head.size() && mistake.magic.starts_with(head)) return true;
  }
  const std::size_t word = head.find_first_not_of(" \t\r\n");
  if (word == std::string_view::npos) return true;
  const std::string_view text = head.substr(word);
  return std::any_of(std::begin(kMarkup), std::end(kMarkup),
                     [&](std::string_view begin) { return may_become(text, begin); });
}

/// The first bytes of a source: what is there, and more as long as that does not tell. Whoever
/// looks decides alike on what is there and on more, so that it does not depend on when it comes.
class Head {
 public:
  explicit Head(Source& source) : source_(source) { more(kFirstLookBytes); }

  std::string_view text() const { return text_; }

  /// Waits for more, up to `most` bytes in all; false: there is none.
  bool more(std::size_t most) {
    const std::size_t before = text_.size();
    if (before >= most) return false;
    const std::size_t step = before < kFirstLookBytes ? kFirstLookBytes
                             : before < kSniffBytes   ? kSniffBytes
                                                      : 4 * before;
    const std::size_t size = std::min(step, most);
    // Memory shows more than was asked for.
    text_ = source_.peek(before + 1, size).substr(0, size);
    return text_.size() > before;
  }

  /// Whether more() would not wait.
  bool ready() const { return source_.ready(text_.size()); }

  /// Looks at as much as it takes to tell.
  bool starts_with(std::string_view magic) {
    while (text_.size() < magic.size() && magic.starts_with(text_) && more(magic.size())) {
    }
    return text_.starts_with(magic);
  }

 private:
  Source& source_;
  std::string_view text_;
};

/// Throws if the input begins like something that rectify does not read but people pass to it.
void recognize_mistakes(const Source& source, Head& look) {
  while (is_mistake_open(look.text()) && look.more(kFirstLookBytes)) {
  }
  const std::string_view head = look.text().substr(0, kFirstLookBytes);
  if (const Mistake* const mistake = mistake_in(head); mistake != nullptr) {
    throw Error(ErrorKind::data, "this is " + std::string(mistake->what),
                std::string(mistake->remedy), {source.name(), 1, 1});
  }
}

/// Follows an array or object to where it ends. Brackets in strings are none.
class Brackets {
 public:
  explicit Brackets(std::size_t begin) : at_(begin) {}

  /// Looks on in a text that has grown; whether the value ends in it.
  bool end_in(std::string_view text) {
    for (; !ended_ && at_ < text.size(); ++at_) {
      const char c = text[at_];
      if (in_string_) {
        in_string_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '[' || c == '{') {
        ++depth_;
      } else if (c == ']' || c == '}') {
        ended_ = --depth_ == 0;
      } else if (c == '"') {
        in_string_ = true;
      }
    }
    return ended_;
  }

  std::size_t end() const { return at_; }  // once it has ended

 private:
  std::size_t at_;
  std::int64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool ended_ = false;
};

/// Several JSON values, the first of them, at `begin`, whole before the second begins.
bool is_json_lines(Head& head, std::size_t begin, bool tells_records) {
  Brackets value(begin);
  do {
    if (!value.end_in(head.text())) continue;
    if (head.text().find_first_not_of(" \t\r\n", value.end()) != std::string_view::npos)
      return true;
    // Alone so far. Where it makes no difference, it need not wait for the next.
    if (!tells_records && !head.ready()) return true;
  } while (head.more(kMostSniffBytes));
  return false;
}

std::string_view format_of_content(Head& head, const ReadOptions& options, bool tells_records) {
  if (head.starts_with("\x93NUMPY")) return "npy";
  const std::size_t begin = head.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  std::size_t first = std::string_view::npos;
  do {
    first = head.text().find_first_not_of(" \t\r\n", begin);
  } while (first == std::string_view::npos && head.more(kSniffBytes));
  if (first == std::string_view::npos) return options.pointer ? "json" : "csv";
  const char c = head.text()[first];
  if (c == '[' || c == '{') return is_json_lines(head, first, tells_records) ? "jsonl" : "json";
  if (options.pointer) return "json";
  std::size_t newline = std::string_view::npos;
  do {
    newline = head.text().find('\n', first);
  } while (newline == std::string_view::npos && head.more(kSniffBytes));
  const std::string_view line = head.text().substr(first, newline - first);
  const bool tabs =
      line.find('\t') != std::string_view::npos && line.find(',') == std::string_view::npos;
  return tabs && options.delimiter == '\0' ? "tsv" : "csv";
}

std::unique_ptr<Decoder> make_decoder(Source& source, const ReadOptions& options,
                                      const Wanted& wanted) {
  if (!options.format.empty()) {
    const Format* asked = find_format(options.format);
    if (asked == nullptr || asked->decoder == nullptr) {
      throw Error(ErrorKind::usage, "no format " + in_quotes(options.format) + " can be read");
    }
  }
  std::string format = options.format.empty() ? format_of_extension(source.name()) : options.format;
  const char* for_rows = options.header != Header::automatic ? "--header"
                         : options.delimiter != '\0'         ? "--delimiter"
                         : options.decimal != '.'            ? "--decimal"
                         : options.missing                   ? "--missing"
                                                             : nullptr;
  Head head(source);
  recognize_mistakes(source, head);
  if (format.empty() || find_format(format)->decoder == nullptr) {
    // The format's name, or what is made of several values, may depend on whether there are
    // several.
    const bool tells_records =
        wanted.tells_records || options.rows_of_one || options.part || for_rows != nullptr;
    format = format_of_content(head, options, tells_records);
  }
  const bool text = format != "npy";
  if (text && options.dtype == DType::boolean) {
    throw Error(ErrorKind::usage, "text is not read as bool", "--dtype uint8");
  }
  const bool rows = format == "csv" || format == "tsv";
  if (!rows && for_rows != nullptr) {
    throw Error(ErrorKind::usage, for_rows + (" is for CSV, and this is " + format), {},
                {source.name()});
  }
  if (options.pointer && format != "json" && format != "jsonl") {
    throw Error(ErrorKind::usage, "--pointer is for JSON, and this is " + format, {},
                {source.name()});
  }
  return find_format(format)->decoder(source, options, wanted);
}

/// An error about the output names it itself; all others are about the input, and get the file's
/// own line in a part of it.
Error in_its_place(const Error& error, const Source& source, const ReadOptions& read,
                   const Decoder& decoder) {
  if (error.kind() == ErrorKind::io) return error;
  Place place = error.place();
  if (read.part && place.line != 0) place.line += decoder.lines_before();
  if (place.source.empty()) place.source = source.name();
  return Error(error.kind(), error.message(), error.hint(), std::move(place));
}

// ---- the edges of a tensor that arrives in slabs
// -------------------------------------------------

/// Copies rows [first, last) of `from`, of the other dimensions what is shown.
template <class T>
T* copy_edges(const T* from, T* to, const Shape& shape, std::size_t dim, std::int64_t first,
              std::int64_t last, const PrintOptions& options) {
  std::int64_t stride = 1;
  for (std::size_t i = dim + 1; i < shape.size(); ++i) stride *= shape[i];
  for (std::int64_t i = first; i < last; ++i) {
    const T* row = from + i * stride;
    if (dim + 1 == shape.size()) {
      *to++ = *row;
      continue;
    }
    const std::int64_t size = shape[dim + 1];
    const std::int64_t shown = shown_size(size, options);
    const std::int64_t head = shown == size ? size : shown / 2;
    to = copy_edges(row, to, shape, dim + 1, 0, head, options);
    to = copy_edges(row, to, shape, dim + 1, size - (shown - head), size, options);
  }
  return to;
}

Tensor edge_rows(const Tensor& slab, std::int64_t first, std::int64_t last,
                 const PrintOptions& options) {
  Shape shape = slab.shape();
  for (std::size_t i = 1; i < shape.size(); ++i) shape[i] = shown_size(shape[i], options);
  shape[0] = last - first;
  Tensor result = Tensor::empty(std::move(shape), slab.dtype());
  if (result.numel() == 0) return result;
  dispatch(slab.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    copy_edges(slab.data<T>().data(), result.data<T>().data(), slab.shape(), 0, first, last,
               options);
  });
  return result;
}

/// The slabs one after the other.
Tensor concatenate(std::vector<Tensor>& slabs) {
  if (slabs.size() == 1) return slabs[0];
  Shape shape = slabs[0].shape();
  shape[0] = 0;
  for (const Tensor& slab : slabs) shape[0] += slab.shape()[0];
  Tensor result = Tensor::empty(std::move(shape), slabs[0].dtype());
  std::byte* to = result.bytes();
  for (Tensor& slab : slabs) {
    if (slab.nbytes() != 0) std::memcpy(to, slab.bytes(), slab.nbytes());
    to += slab.nbytes();
    slab = Tensor();  // memory that is not needed twice
  }
  return result;
}

}  // namespace

bool is_mistaken(std::string_view head) { return mistake_in(head) != nullptr; }

// ---- gathering ---------------------------------------------------------------------------------

/// Makes a whole tensor of slabs or, where the edges are enough, keeps no more than those.
struct Writer::Gather {
  struct Kept {
    std::vector<Tensor> slabs;  // all of them, until there are more elements than the threshold
    std::vector<Tensor> head;   // then the first rows
    std::vector<Tensor> tail;   // and the last
  };

  bool active = false;
  Result result;
  std::vector<Kept> columns;
  Shape shape;  // so far
  bool only_edges = false;

  void add(Result&& slab, const PrintOptions* edges) {
    if (slab.begins) {
      active = true;
      result = slab;
      columns.assign(slab.columns.size(), {});
      shape = slab.columns[0].tensor.shape();
      shape[0] = 0;
      only_edges = false;
    }
    const std::int64_t rows = slab.columns[0].tensor.shape()[0];
    const bool was_edges = only_edges;
    const std::int64_t before = shape[0];
    shape[0] += rows;
    only_edges = edges != nullptr && summarises(shape, *edges);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Kept& kept = columns[i];
      Tensor& tensor = slab.columns[i].tensor;
      if (!only_edges) {
        // Of slabs without rows, which may have been given much memory, one tells the shape.
        if (rows != 0 || kept.slabs.empty()) kept.slabs.push_back(std::move(tensor));
        continue;
      }
      if (!was_edges && !kept.slabs.empty()) {
        keep_edges(kept, concatenate(kept.slabs), 0, *edges);
        kept.slabs.clear();
      }
      keep_edges(kept, tensor, before, *edges);
    }
  }

  /// `slab` holds rows `before` and on.
  static void keep_edges(Kept& kept, const Tensor& slab, std::int64_t before,
                         const PrintOptions& edges) {
    const std::int64_t rows = slab.shape()[0];
    const std::int64_t first =
        std::clamp<std::int64_t>(edges.edgeitems - std::min(before, edges.edgeitems), 0, rows);
    if (first != 0) kept.head.push_back(edge_rows(slab, 0, first, edges));
    const std::int64_t last = std::min(rows - first, edges.edgeitems);
    if (last != 0) kept.tail.push_back(edge_rows(slab, rows - last, rows, edges));
    // Slabs may have few rows each: drop those at the front that later ones have pushed out.
    std::int64_t count = 0;
    for (const Tensor& tensor : kept.tail) count += tensor.shape()[0];
    while (!kept.tail.empty() && count > edges.edgeitems) {
      Tensor& oldest = kept.tail.front();
      const std::int64_t size = oldest.shape()[0];
      const std::int64_t excess = std::min(count - edges.edgeitems, size);
      if (excess == size) {
        kept.tail.erase(kept.tail.begin());
      } else {
        oldest = edge_rows(oldest, excess, size, edges);  // its other dimensions are short already
      }
      count -= excess;
    }
  }

  Result take(const PrintOptions* edges) {
    active = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Kept& kept = columns[i];
      Tensor& tensor = result.columns[i].tensor;
      if (!only_edges) {
        tensor = concatenate(kept.slabs);
        continue;
      }
      std::move(kept.tail.begin(), kept.tail.end(), std::back_inserter(kept.head));
      if (kept.head.empty()) kept.head.push_back(edge_rows(tensor, 0, 0, *edges));
      tensor = concatenate(kept.head);
    }
    if (only_edges) result.whole = shape;
    result.length = shape[0];
    result.ends = true;
    columns.clear();
    return std::move(result);
  }
};

Writer::Writer(Output& output, const WriteOptions& options)
    : output_(output), gather_(std::make_unique<Gather>()) {
  const Format* format = find_format(options.format.empty() ? "torch" : options.format);
  if (format == nullptr || format->encoder == nullptr) {
    throw Error(ErrorKind::usage, "no format " + in_quotes(options.format) + " can be written");
  }
  encoder_ = format->encoder(output, options);
}

Writer::~Writer() = default;

void Writer::write(Result result) {
  const bool whole = result.begins && result.ends;
  if (!whole && !encoder_->takes_slabs(result)) {
    const bool ends = result.ends;
    gather_->add(std::move(result), encoder_->edges());
    if (!ends) return;
    result = gather_->take(encoder_->edges());
  }
  std::string text;
  encoder_->encode(result, text);
  encoder_->put(result, text);
}

void Writer::finish() { encoder_->finish(); }

Printed Writer::printed() const { return encoder_->printed(); }

// ---- the operation -----------------------------------------------------------------------------

namespace {

/// `own_input`: nobody sees the input again, and its memory may as well hold the output.
void operate(const Operation& operation, Result& result, bool own_input) {
  const Tensor input = result.columns.at(0).tensor;
  if (operation.inplace && operation.modes.size() > 1) {
    throw Error(
        ErrorKind::usage,
        "--inplace takes one --mode: a second would see what the first has made of the input");
  }
  const bool single = operation.modes.size() == 1;
  const bool reuse = own_input && single && !operation.echo && !operation.gradient;
  std::vector<Column> columns;
  if (operation.echo) columns.push_back({"input", input});
  for (const Activation* mode : operation.modes) {
    std::string label = single ? (operation.echo ? "output" : "") : std::string(mode->name);
    Tensor output = operation.gradient
                        ? gradient(*mode, input, operation.parameters, operation.inplace)
                        : apply(*mode, input, operation.parameters, operation.inplace || reuse);
    columns.push_back({std::move(label), std::move(output)});
  }
  result.columns = std::move(columns);
}

}  // namespace

void operate(const Operation& operation, Result& result) { operate(operation, result, false); }

// ---- the pump ----------------------------------------------------------------------------------

namespace {

/// What is to be done before reading waits, for as long as this lives.
class BeforeWaiting {
 public:
  BeforeWaiting(Source& source, std::function<bool()> call) : source_(source) {
    source_.before_waiting(std::move(call));
  }
  BeforeWaiting(const BeforeWaiting&) = delete;
  BeforeWaiting& operator=(const BeforeWaiting&) = delete;
  ~BeforeWaiting() { source_.before_waiting(nullptr); }

 private:
  Source& source_;
};

}  // namespace

void run(Source& source, const ReadOptions& read, const Operation& operation, Writer& writer,
         const RunOptions& options) {
  struct Item {
    Chunk chunk;
    std::vector<Result> results;
    std::string text;               // of the results that are encoded
    std::vector<std::size_t> ends;  // where the text of each ends
    std::exception_ptr error;       // of what stands behind them
  };
  detail::Encoder& encoder = *writer.encoder_;
  const std::unique_ptr<Decoder> decoder =
      make_decoder(source, read,
                   {encoder.edges(), encoder.takes_stacks(), encoder.line_per_tensor(),
                    encoder.tells_rows_from_vectors(), encoder.tells_records()});
  const auto encodes = [&](const Result& result) {
    return (result.begins && result.ends) || encoder.takes_slabs(result);
  };
  try {
    ordered<Item>(
        options.threads == 0 ? processors() : options.threads,
        [&](Item& item, const auto& land) {
          const BeforeWaiting guard(source, [&] {
            if (land()) return true;
            if (!writer.output_.can_overwrite()) writer.output_.flush();
            return false;
          });
          return decoder->cut(item.chunk);
        },
        [](const Item& item) { return item.chunk.last; },
        [&](Item& item) {
          item.results.clear();
          item.text.clear();
          item.ends.clear();
          item.error = nullptr;
          try {
            decoder->decode(item.chunk, item.results);
          } catch (const Error&) {
            item.error = std::current_exception();  // the tensors before it come first
          }
          for (std::size_t i = 0; i < item.results.size(); ++i) {
            Result& result = item.results[i];
            try {
              operate(operation, result, true);
              if (encodes(result)) encoder.encode(result, item.text);
            } catch (const Error&) {
              item.error = std::current_exception();  // likewise
              item.results.resize(i);
              break;
            }
            item.ends.push_back(item.text.size());
          }
        },
        [&](Item& item) {
          std::size_t begin = 0;
          for (std::size_t i = 0; i < item.results.size(); ++i) {
            Result& result = item.results[i];
            if (encodes(result)) {
              encoder.put(result, std::string_view(item.text).substr(begin, item.ends[i] - begin));
            } else {
              writer.write(std::move(result));
            }
            begin = item.ends[i];
          }
          if (item.error) std::rethrow_exception(item.error);
          if (options.progress) options.progress(source.position());
        });
  } catch (const Error& error) {
    throw in_its_place(error, source, read, *decoder);
  }
}

std::vector<Report> compare(Source& source, const ReadOptions& read, const CompareOptions& options,
                            std::vector<std::vector<std::string>>* names, const RunOptions& run) {
  struct Item {
    Chunk chunk;
    std::vector<Result> results;
    std::size_t tensor = 0;  // which of the input's the chunk is of, if it is a slab of one
    std::vector<Report> reports;
  };
  ReadOptions reading = read;
  reading.rows_of_one = true;
  reading.ndmin = 2;
  const std::unique_ptr<Decoder> decoder = make_decoder(source, reading, {.rows = 16});

  // Slabs are added to whichever report of their tensor no other thread is adding to: sums are
  // exact, so it does not show.
  std::mutex mutex;
  std::map<std::size_t, std::vector<Report>> idle;
  const auto add = [&](std::size_t tensor, const Tensor& slab) {
    std::optional<Report> report;
    {
      const std::lock_guard lock(mutex);
      std::vector<Report>& reports = idle[tensor];
      if (!reports.empty()) {
        report = std::move(reports.back());
        reports.pop_back();
      }
    }
    if (!report) report.emplace(options, slab.dtype(), slab.shape());
    report->add(slab);
    const std::lock_guard lock(mutex);
    idle[tensor].push_back(std::move(*report));
  };
  // Where rows are units, their order matters.
  const auto in_order = [&](const Tensor& slab) {
    if (!options.unit_axis || slab.dim() < 2) return false;
    const std::int64_t axis = *options.unit_axis;
    return axis == 0 || axis == -static_cast<std::int64_t>(slab.dim());
  };

  std::vector<Report> reports;
  std::size_t begun = 0;
  try {
    ordered<Item>(
        run.threads == 0 ? processors() : run.threads,
        [&](Item& item, const auto& land) {
          const BeforeWaiting guard(source, [&] { return land(); });
          if (!decoder->cut(item.chunk)) return false;
          begun += item.chunk.begins ? 1u : 0u;
          item.tensor = begun;
          return true;
        },
        [](const Item& item) { return item.chunk.last; },
        [&](Item& item) {
          item.results.clear();
          item.reports.clear();
          decoder->decode(item.chunk, item.results);
          for (const Result& result : item.results) {
            const Tensor& slab = result.columns[0].tensor;
            if (result.begins && result.ends) {
              item.reports.emplace_back(options, slab.dtype(), slab.shape()).add(slab);
            } else if (!in_order(slab)) {
              add(item.tensor, slab);
            }
          }
        },
        [&](Item& item) {
          std::size_t whole = 0;
          for (const Result& result : item.results) {
            const Tensor& slab = result.columns[0].tensor;
            if (result.begins && names != nullptr) names->push_back(result.names);
            if (result.begins && result.ends) {
              reports.push_back(std::move(item.reports[whole++]));
              continue;
            }
            if (in_order(slab)) {
              if (result.begins) reports.emplace_back(options, slab.dtype(), slab.shape());
              reports.back().add(slab);
            } else if (result.ends) {
              // All slabs before this one have been added: they have passed here.
              const std::lock_guard lock(mutex);
              const auto found = idle.find(item.tensor);
              Report& report = reports.emplace_back(std::move(found->second.front()));
              for (std::size_t i = 1; i < found->second.size(); ++i) report.merge(found->second[i]);
              idle.erase(found);
            }
          }
          if (run.progress) run.progress(source.position());
        });
  } catch (const Error& error) {
    throw in_its_place(error, source, read, *decoder);
  }
  return reports;
}

std::vector<Tensor> load(Source source, const ReadOptions& options) {
  std::vector<Tensor> tensors;
  std::vector<Tensor> slabs;
  const std::unique_ptr<Decoder> decoder = make_decoder(source, options, {});
  Chunk chunk;
  std::vector<Result> results;
  try {
    while (decoder->cut(chunk)) {
      results.clear();
      decoder->decode(chunk, results);
      for (Result& result : results) {
        slabs.push_back(std::move(result.columns[0].tensor));
        if (!result.ends) continue;
        tensors.push_back(concatenate(slabs));
        slabs.clear();
      }
      if (chunk.last) break;
    }
  } catch (const Error& error) {
    throw in_its_place(error, source, options, *decoder);
  }
  return tensors;
}

void save(const std::string& path, std::span<const Tensor> tensors, WriteOptions options) {
  if (options.format.empty()) options.format = format_of_extension(path);
  if (options.format.empty() && Output::puts_in_place(path)) {
    throw Error(ErrorKind::usage, "the extension names no format that can be written",
                "WriteOptions::format does", {path});
  }
  Output output = Output::file(path);
  Writer writer(output, options);
  for (const Tensor& tensor : tensors) {
    Result result;
    result.columns.push_back({"", tensor});
    if (tensor.dim() >= 2) result.lines = Lines::slices;
    writer.write(std::move(result));
  }
  writer.finish();
  output.commit();
}

std::string format_of_extension(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return "";
  for (const Format& format : formats()) {
    for (const std::string_view extension : format.extensions) {
      const std::string_view found = path.substr(dot + 1);
      if (found.size() == extension.size() && starts_with_word(found, extension))
        return std::string(format.name);
    }
  }
  return "";
}

std::vector<std::string> readable_formats() {
  std::vector<std::string> names;
  for (const Format& format : formats()) {
    if (format.decoder != nullptr) names.emplace_back(format.name);
  }
  return names;
}

std::vector<std::string> writable_formats() {
  std::vector<std::string> names;
  for (const Format& format : formats()) {
    if (format.encoder != nullptr) names.emplace_back(format.name);
  }
  return names;
}

}  // namespace rectify
