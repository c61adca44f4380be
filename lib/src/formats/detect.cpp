// Which format an input has: by its extension, else by its content. What people pass by mistake is
// called by its name. The decision is the same whenever the bytes arrive.

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "dispatch.hpp"
#include "format.hpp"
#include "rectify/error.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::size_t kFirstLookBytes = std::size_t{4} << 10;
constexpr std::size_t kSniffBytes = std::size_t{64} << 10;
constexpr std::size_t kMostSniffBytes = std::size_t{4}
                                        << 20;  // the longest first line that tells JSON Lines

constexpr std::string_view kGzip = "\x1F\x8B";
constexpr std::string_view kZip = "PK";

struct Mistake {
  std::string_view magic;
  std::string_view what;
  std::string_view remedy;
};

/// What people pass by mistake, by how it begins.
constexpr Mistake kMistakes[] = {
    {"PK\x03\x04", "a zip archive (.npz, .pt and .xlsx are such)",
     "FILE.npz as its name, if it is one of NumPy's"},
    {"BZh91AY&SY", "bzip2 data", "bzip2 -dc FILE | rectify"},
    {"\xFD"
     "7zXZ",
     "xz data", "xz -dc FILE | rectify"},
    {"\x28\xB5\x2F\xFD", "zstd data", "zstd -dc FILE | rectify"},
    {"version https://git-lfs", "a Git LFS pointer, not the data", "git lfs pull fetches it"},
    {std::string_view("\xFF\xFE\0\0", 4), "UTF-32 text", "iconv -f UTF-32 -t UTF-8 FILE | rectify"},
    {std::string_view("\0\0\xFE\xFF", 4), "UTF-32 text", "iconv -f UTF-32 -t UTF-8 FILE | rectify"},
    {"\xFF\xFE", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | rectify"},
    {"\xFE\xFF", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE | rectify"},
    {"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19",
     "a PyTorch file in the format of releases before 1.6",
     "python3 -c \"import torch; torch.save(torch.load('FILE'), 'FILE.pt')\""},
    {"\x80\x02", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x03", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x04", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x80\x05", "a Python pickle, which is never read", "numpy.save the array to .npy"},
    {"\x89HDF", "an HDF5 file", "numpy.save the array to .npy"},
    {"\x89PNG", "a PNG image", ""},
    {"\xFF\xD8\xFF", "a JPEG image", ""},
    {"GIF87a", "a GIF image", ""},
    {"GIF89a", "a GIF image", ""},
    {std::string_view("II*\0", 4), "a TIFF image", ""},
    {std::string_view("MM\0*", 4), "a TIFF image", ""},
    {"\x04\x22\x4D\x18", "LZ4 data", "lz4 -dc FILE | rectify"},
    {"LZIP\x01", "lzip data", "lzip -dc FILE | rectify"},
    {"Obj\x01", "an Avro file", ""},
    {"CDF\x01", "a netCDF file", "numpy.save the array to .npy"},
    {"CDF\x02", "a netCDF file", "numpy.save the array to .npy"},
    {"SIMPLE  =", "a FITS file", "numpy.save the array to .npy"},
    {"PAR1\x15", "a Parquet file", "pandas.read_parquet(FILE).to_csv(index=False) makes CSV of it"},
    {std::string_view("ARROW1\0\0", 8), "an Arrow file",
     "pandas.read_feather(FILE).to_csv(index=False) makes CSV of it"},
    {std::string_view("GGUF\2\0", 6), "a GGUF file", "numpy.save the tensor to .npy"},
    {std::string_view("GGUF\3\0", 6), "a GGUF file", "numpy.save the tensor to .npy"},
    {"SQLite format 3", "an SQLite database", "sqlite3 -csv FILE 'select ...' | rectify"},
    {"MATLAB 5.0 MAT-file", "a MATLAB file", "numpy.save the array to .npy"},
    {"\xD0\xCF\x11\xE0", "an old Excel workbook", "save it as CSV"},
    {"tensor([", "a printed tensor, which may have few digits", "write JSON or CSV for programs"},
    {"array([", "a printed NumPy array, which may have few digits", "numpy.save writes .npy"},
    {"Array([", "a printed JAX array, which may have few digits", "numpy.save writes .npy"},
    {"tf.Tensor(", "a printed TensorFlow tensor, which may have few digits",
     "numpy.save writes .npy"},
    {"@relation", "an ARFF file", "sed '1,/^@[Dd]/d' FILE | rectify"},
    {"@RELATION", "an ARFF file", "sed '1,/^@[Dd]/d' FILE | rectify"},
    {"%PDF", "a PDF document", ""},
    {"\x7F"
     "ELF",
     "a program", ""},
};
constexpr std::string_view kMarkup[] = {"<!doctype html", "<html", "<?xml"};  // in small letters
constexpr Mistake kHtml = {"", "an HTML page", "a download that needs another address, or a login"};
constexpr Mistake kXml = {"", "an XML document", ""};
constexpr Mistake kUtf16 = {"", "UTF-16 text", "iconv -f UTF-16LE -t UTF-8 FILE | rectify"};
constexpr Mistake kUtf16Be = {"", "UTF-16 text", "iconv -f UTF-16BE -t UTF-8 FILE | rectify"};

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
  if (head.size() >= 4 && head[0] == '\0' && head[1] != '\0' && head[2] == '\0' && head[3] != '\0')
    return &kUtf16Be;
  return nullptr;
}

/// Whether more of a text that begins with `head` may tell that it begins with `word`, which
/// `head` is too short for.
bool may_become(std::string_view head, std::string_view word) {
  return head.size() < word.size() && starts_with_word(head, word.substr(0, head.size()));
}

/// Whether mistake_in() may say something else of more than `head`.
bool is_mistake_open(std::string_view head) {
  if (head.size() < 2 || (head.size() < 4 && (head[0] == '\0' || head[1] == '\0'))) return true;
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
    if (head.text().find_first_not_of(" \t\r\n\x1E", value.end()) != std::string_view::npos)
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
    first = head.text().find_first_not_of(" \t\r\n\x1E", begin);
  } while (first == std::string_view::npos && head.more(kSniffBytes));
  if (first == std::string_view::npos && head.text().find('\x1E') != std::string_view::npos)
    return "jsonl";
  if (first == std::string_view::npos) return options.pointer ? "json" : "csv";
  // RS begins each text of a JSON sequence (RFC 7464), of which there may be more.
  if (head.text().substr(begin, first - begin).find('\x1E') != std::string_view::npos)
    return "jsonl";
  const char c = head.text()[first];
  if (c == '[' || c == '{') return is_json_lines(head, first, tells_records) ? "jsonl" : "json";
  if (options.pointer) return "json";
  std::size_t newline = std::string_view::npos;
  do {
    newline = head.text().find('\n', first);
  } while (newline == std::string_view::npos && head.more(kSniffBytes));
  const std::string_view line = head.text().substr(first, newline - first);
  const bool tabs = line.find('\t') != std::string_view::npos &&
                    (options.decimal == ',' || line.find(',') == std::string_view::npos);
  return tabs && options.delimiter == '\0' ? "tsv" : "csv";
}

bool takes(const Format& format, const FormatOption& option) {
  return std::find(format.options.begin(), format.options.end(), option.field) !=
         format.options.end();
}

/// The first option given that the format does not take; null if it takes all.
const FormatOption* misplaced(const ReadOptions& options, const Format& format) {
  for (const FormatOption& option : kFormatOptions) {
    if (option.is_given(options) && !takes(format, option)) return &option;
  }
  return nullptr;
}

/// The format that an option is for, or the first of several: "CSV".
std::string taker_of(const FormatOption& option) {
  if (option.field == "keys") return "files of several tensors";
  std::string name;
  for (const Format& format : formats()) {
    if (name.empty() && takes(format, option)) name = format.name;
  }
  for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
  return name;
}

/// Whether a text begins as a safetensors file does: with the length of a header, up to 100 MB, and its
/// brace, if it is not cut short in a file of the format's name. Looks no further than a line.
bool is_safetensors(Head& head, bool is_named) {
  constexpr std::size_t kLength = 8;
  constexpr std::string_view kMostLength("\xFF\xFF\xFF\x05\0\0\0\0", kLength);  // 100 MB
  const auto may_be = [&] {
    const std::string_view text = head.text();
    for (std::size_t i = 3; i < std::min(kLength, text.size()); ++i)
      if (static_cast<unsigned char>(text[i]) > static_cast<unsigned char>(kMostLength[i]))
        return false;
    return !text.empty() && (text.size() <= kLength || is_named || text[kLength] == '{');
  };
  while (head.text().size() <= kLength && may_be() &&
         head.text().find('\n', 1) == std::string_view::npos && head.more(kLength + 1)) {
  }
  return (is_named || head.text().size() > kLength) && may_be();
}

/// A path whose extension is that of what gzip data hold.
std::string_view without_gz(std::string_view path) {
  constexpr std::string_view kExtension = ".gz";
  return path.ends_with(kExtension) ? path.substr(0, path.size() - kExtension.size()) : path;
}

}  // namespace

bool is_mistaken(std::string_view head) { return mistake_in(head) != nullptr; }

bool is_compressed(Source& source) {
  // As much as is looked at next: a small file is read at once.
  const std::string_view head = source.peek(kGzip.size(), kFirstLookBytes);
  return head.starts_with(kGzip) || head.starts_with(kZip);
}

std::unique_ptr<Decoder> make_decoder(Source& source, const ReadOptions& options,
                                      const Wanted& wanted, bool inflated) {
  if (const Noise* const noise = source.noise()) return noise_decoder(*noise);
  const Format* format = nullptr;
  if (options.format.empty()) {
    format = find_format(format_of_extension(without_gz(source.name())));
  } else {
    format = find_format(options.format);
    if (format == nullptr || format->decoder == nullptr)
      throw Error(ErrorKind::usage, "no format " + in_quotes(options.format) + " can be read");
  }
  Head head(source);
  if (head.starts_with(kGzip)) {
    if (!inflated) return gzip_decoder(source, options, wanted);
    throw Error(ErrorKind::data, "this is gzip data within gzip data", "gzip -dc FILE | rectify",
                {source.name()});
  }
  const Format* const safetensors = find_format("safetensors");
  const Format* const zip = find_format("npz");
  const bool is_zip = head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06");
  if (is_zip && (format == nullptr || format->decoder == zip->decoder)) {
    format = zip;
  } else if (!is_safetensors(head, format == safetensors)) {
    recognize_mistakes(source, head);
  } else if (format == nullptr) {
    format = safetensors;
  }
  if (format != nullptr && format->kind == Format::Kind::text && head.starts_with("\x93NUMPY")) {
    throw Error(ErrorKind::data, "this is an npy array, not " + std::string(format->name),
                option("read.format", "npy"), {source.name(), 1, 1});
  }
  if (format == nullptr || format->decoder == nullptr) {
    // The format's name, which an error tells, or what is made of several values, may depend on
    // whether there are several.
    const bool tells_records = wanted.tells_records || options.rows_of_one ||
                               misplaced(options, *find_format("jsonl")) != nullptr;
    format = find_format(format_of_content(head, options, tells_records));
  }
  if (format->kind == Format::Kind::text && options.dtype && !is_dtype_of_text(*options.dtype)) {
    throw Error(ErrorKind::usage, "text is not read as " + std::string(name(*options.dtype)),
                option("dtype", *options.dtype == DType::boolean ? "uint8" : "int64"));
  }
  if (const FormatOption* const given = misplaced(options, *format); given != nullptr) {
    throw Error(ErrorKind::usage,
                option(given->field) + " is for " + taker_of(*given) + ", and this is " +
                    std::string(format->name),
                {}, {source.name()});
  }
  return format->decoder(source, options, wanted);
}

}  // namespace rectify::inline v1
