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
    if (starts_with_word(text, "<!doctype html") || starts_with_word(text, "<html")) {
      return &kHtml;
    }
    if (text.starts_with("<?xml")) return &kXml;
  }
  if (head.size() >= 2 && head[0] != '\0' && head[1] == '\0' &&
      (head.size() < 4 || head[3] == '\0')) {
    return &kUtf16;
  }
  return nullptr;
}

/// Throws if the input begins like something that rectify does not read but people pass to it.
void recognize_mistakes(const Source& source, std::string_view head) {
  if (const Mistake* const mistake = mistake_in(head); mistake != nullptr) {
    throw Error(ErrorKind::data, "this is " + std::string(mistake->what),
                std::string(mistake->remedy), {source.name(), 1, 1});
  }
}

/// Where the array or object that `text` begins with ends, or npos if it goes on. Brackets in
/// strings are none.
std::size_t end_of_value(std::string_view text) {
  std::int64_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i + 1;
    } else if (c == '"') {
      in_string = true;
    }
  }
  return std::string_view::npos;
}

/// An array or object, if that is what the text begins with.
std::string_view json_value(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '[' && text[first] != '{')) return {};
  return text.substr(first);
}

/// Several JSON values, the first of them whole before the second begins, within what has been
/// peeked.
bool is_json_lines(std::string_view value) {
  const std::size_t end = end_of_value(value);
  return end != std::string_view::npos &&
         value.find_first_not_of(" \t\r\n", end) != std::string_view::npos;
}

std::string_view format_of_content(std::string_view head, const ReadOptions& options) {
  if (head.starts_with("\x93NUMPY")) return "npy";
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return options.pointer ? "json" : "csv";
  const std::string_view text = head.substr(first);
  if (!json_value(text).empty()) return is_json_lines(text) ? "jsonl" : "json";
  if (options.pointer) return "json";
  const std::string_view line = text.substr(0, text.find('\n'));
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
  // Memory shows more than was asked for: what is decided must not depend on the kind of source.
  const auto peek = [&](std::size_t size) { return source.peek(size).substr(0, size); };
  std::string_view head = peek(kFirstLookBytes);
  recognize_mistakes(source, head);
  if (format.empty() || find_format(format)->decoder == nullptr) {
    if (head.size() == kFirstLookBytes) head = peek(kSniffBytes);
    for (std::size_t size = kSniffBytes;
         head.size() == size && size < kMostSniffBytes && !json_value(head).empty() &&
         end_of_value(json_value(head)) == std::string_view::npos;) {
      size *= 4;
      head = peek(size);
    }
    format = format_of_content(head, options);
  }
  const bool text = format != "npy";
  if (text && options.dtype == DType::boolean) {
    throw Error(ErrorKind::usage, "text is not read as bool", "--dtype uint8");
  }
  const bool rows = format == "csv" || format == "tsv";
  const char* misplaced = options.header != Header::automatic ? "--header"
                          : options.delimiter != '\0'         ? "--delimiter"
                          : options.decimal != '.'            ? "--decimal"
                          : options.missing                   ? "--missing"
                                                              : nullptr;
  if (!rows && misplaced != nullptr) {
    throw Error(ErrorKind::usage, misplaced + (" is for CSV, and this is " + format), {},
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

Writer::Writer(Output& output, const WriteOptions& options) : gather_(std::make_unique<Gather>()) {
  const Format* format = find_format(options.format);
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
  for (const Module& mode : operation.modes) {
    std::string label = single ? (operation.echo ? "output" : "") : mode.label();
    const bool own_memory = reuse && mode.activation().scope == Scope::element &&
                            mode.activation().traits.in_place;
    Tensor output = operation.gradient
                        ? gradient(mode, input, operation.inplace)
                        : apply(mode, input, operation.inplace || own_memory);
    columns.push_back({std::move(label), std::move(output)});
  }
  result.columns = std::move(columns);
}

}  // namespace

void operate(const Operation& operation, Result& result) { operate(operation, result, false); }

// ---- the pump ----------------------------------------------------------------------------------

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
  const std::unique_ptr<Decoder> decoder = make_decoder(
      source, read, {encoder.edges(), encoder.takes_stacks(), encoder.line_per_tensor()});
  const auto encodes = [&](const Result& result) {
    return (result.begins && result.ends) || encoder.takes_slabs(result);
  };
  try {
    ordered<Item>(
        options.threads == 0 ? processors() : options.threads,
        [&](Item& item) { return decoder->cut(item.chunk); },
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

std::vector<Tally> compare(Source& source, const ReadOptions& read, const CompareOptions& options,
                           std::vector<std::vector<std::string>>* names, const RunOptions& run) {
  struct Item {
    Chunk chunk;
    std::vector<Result> results;
    std::size_t tensor = 0;  // which of the input's the chunk is of, if it is a slab of one
    std::vector<Tally> tallies;
  };
  ReadOptions reading = read;
  reading.rows_of_one = true;
  reading.ndmin = 2;
  const std::unique_ptr<Decoder> decoder = make_decoder(source, reading, {.rows = 16});

  // Slabs are added to whichever tally of their tensor no other thread is adding to: sums are
  // exact, so it does not show.
  std::mutex mutex;
  std::map<std::size_t, std::vector<Tally>> idle;
  const auto add = [&](std::size_t tensor, const Tensor& slab) {
    std::optional<Tally> tally;
    {
      const std::lock_guard lock(mutex);
      std::vector<Tally>& others = idle[tensor];
      if (!others.empty()) {
        tally = std::move(others.back());
        others.pop_back();
      }
    }
    if (!tally) tally.emplace(options, slab.dtype(), slab.shape());
    tally->add(slab);
    const std::lock_guard lock(mutex);
    idle[tensor].push_back(std::move(*tally));
  };
  // Where rows are units, their order matters; where rows are taken together, all must be there.
  const auto in_order = [&](const Tensor& slab) {
    if (needs_whole(options, slab.shape())) return true;
    if (!options.unit_axis || slab.dim() < 2) return false;
    const std::int64_t axis = *options.unit_axis;
    return axis == 0 || axis == -static_cast<std::int64_t>(slab.dim());
  };

  std::vector<Tally> tallies;
  std::vector<Tensor> gathered;  // of the tensor at hand, if it is needed whole
  std::size_t begun = 0;
  try {
    ordered<Item>(
        run.threads == 0 ? processors() : run.threads,
        [&](Item& item) {
          if (!decoder->cut(item.chunk)) return false;
          begun += item.chunk.begins ? 1u : 0u;
          item.tensor = begun;
          return true;
        },
        [](const Item& item) { return item.chunk.last; },
        [&](Item& item) {
          item.results.clear();
          item.tallies.clear();
          decoder->decode(item.chunk, item.results);
          for (const Result& result : item.results) {
            const Tensor& slab = result.columns[0].tensor;
            if (read.part && read.part->count > 1 && needs_whole(options, slab.shape())) {
              throw Error(ErrorKind::usage,
                          "an activation along the first dimension takes all rows together, and a "
                          "part has but some of them");
            }
            if (result.begins && result.ends) {
              item.tallies.emplace_back(options, slab.dtype(), slab.shape()).add(slab);
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
              tallies.push_back(std::move(item.tallies[whole++]));
              continue;
            }
            if (in_order(slab)) {
              if (result.begins) tallies.emplace_back(options, slab.dtype(), slab.shape());
              if (!needs_whole(options, slab.shape())) {
                tallies.back().add(slab);
                continue;
              }
              gathered.push_back(slab);
              if (!result.ends) continue;
              tallies.back().add(concatenate(gathered));
              gathered.clear();
            } else if (result.ends) {
              // All slabs before this one have been added: they have passed here.
              const std::lock_guard lock(mutex);
              const auto found = idle.find(item.tensor);
              Tally& tally = tallies.emplace_back(std::move(found->second.front()));
              for (std::size_t i = 1; i < found->second.size(); ++i) tally.merge(found->second[i]);
              idle.erase(found);
            }
          }
          if (run.progress) run.progress(source.position());
        });
  } catch (const Error& error) {
    throw in_its_place(error, source, read, *decoder);
  }
  return tallies;
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
  const std::string by_extension = format_of_extension(path);
  if (!by_extension.empty() && options.format == "torch") options.format = by_extension;
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
