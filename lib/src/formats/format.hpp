// What a format is made of: a Decoder that cuts bytes into chunks and makes Results of them, an
// Encoder that makes bytes of Results.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "randn.hpp"
#include "rectify/error.hpp"
#include "rectify/stream.hpp"

namespace rectify::inline v1 {

/// Memory that is not set to anything when it grows, unlike a vector's.
class Buffer {
 public:
  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  /// Makes room for `size` bytes and one more, keeping the first `keep`.
  void reserve(std::size_t size, std::size_t keep);

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
};

struct OpenArray;

/// Rows of an array in a file, and where they begin there.
struct StoredRows {
  DType dtype = DType::float32;
  Shape shape;
  std::uint64_t begin = 0;
};

/// A run of bytes that can be decoded on its own. Used again and again, so that its memory is.
struct Chunk {
  Buffer bytes;  // [0, size) are the chunk's, and there is room for one more
  std::size_t size = 0;
  std::uint64_t line = 1;    // of its first byte
  std::uint64_t column = 1;  // of its first byte
  bool last = false;         // nothing follows
  // Of text that is read where it is decoded:
  bool left_unread = false;
  std::uint64_t offset = 0;      // where it stands in the input
  std::uint64_t line_feeds = 0;  // in it, once it has been read
  // What the format needs to know besides:
  bool begins = true;            // a tensor begins here
  bool ends = true;              // and ends here
  bool glued = false;            // json: no white space stands between this and what came before
  Buffer apart;                  // csv: its columns, one by one
  std::uint64_t blank_rows = 0;  // csv: blank lines in front of it that are rows, too
  std::uint64_t blank_line = 0;  // csv: the line of the first of them
  std::string blank_hint;        // csv: what to do about it, if none may be missing
  Shape element;         // json: shape of an array's elements, where only some of them are here
  std::optional<Shape> ahead;  // json: no rows of the first value, which stands behind the part
  bool swapped = false;  // npy: in the other byte order
  Result result;         // npy: the values themselves
  StoredRows stored;     // npy: or where they are, if not in_order
  // Of a file of several arrays: the one that this is of, which rows of it, and how they are read.
  std::shared_ptr<const OpenArray> array;
  std::int64_t row = 0, rows = 0;
  bool only_edges = false;
  bool in_order = false;  // they are in the result
  DrawnWords drawn;       // of noise, whose words `bytes` holds
  std::uint32_t crc = 0;  // of `size` bytes, which decode() has read

  std::string_view text() const { return {bytes.data(), size}; }
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  /// Leaves of the input one part, before the first cut(). Throws Error{usage} if what it reads has
  /// none; so does cut(), if that turns out later.
  virtual void restrict_to(const Part& part) = 0;

  /// Fills the next chunk; false at the end of the input. In order, and cheap: decode() has the
  /// work.
  virtual bool cut(Chunk& chunk) = 0;

  /// Appends the Results of a chunk. Any thread. Throws Error with the place.
  virtual void decode(Chunk& chunk, std::vector<Result>& results) const = 0;

  /// Told of each chunk that decode() has been called with, in order. Throws Error for what is wrong
  /// with all that has been decoded so far. Lines of what decode() has thrown or given count from
  /// lines_before() as it was before.
  virtual void decoded(const Chunk&) {}

  /// The tensors there are, if that is known before they are read.
  virtual std::optional<std::vector<Entry>> entries() const { return std::nullopt; }

  /// Lines of the file which lines in Errors and Results do not count: those in front of the part at
  /// hand, and of chunks that were decoded() before the one at hand.
  virtual std::uint64_t lines_before() const { return 0; }

  /// Whether it reads a table, of which single columns may be left as they are.
  virtual bool has_columns() const { return false; }

  /// What a user should know of how the input was read, which may be once all of it was cut.
  virtual std::optional<Error> note() const { return std::nullopt; }
};

namespace detail {

/// Turns Results into bytes. encode() runs on any thread, put() in order.
class Encoder {
 public:
  virtual ~Encoder() = default;

  /// Whether slabs of a tensor like this may come, in so many columns, or whole tensors only. The
  /// same for all slabs of a tensor.
  virtual bool takes_slabs(const Result& result, std::size_t columns) const = 0;

  /// Set: of a tensor that these options summarise, the edges are enough.
  virtual const PrintOptions* edges() const { return nullptr; }

  /// Whether several numbers or rows may come stacked, as the slices of one tensor.
  virtual bool takes_stacks() const { return false; }

  /// Whether a tensor that is not a table becomes one line, so that parts of it would not join.
  virtual bool line_per_tensor() const { return false; }

  /// Whether it is a file of several named tensors, so that one that is not operated on stays in it.
  virtual bool is_container() const { return false; }

  /// Whether the tensors of a file had better come in an order in which each begins at a multiple of
  /// what an element takes.
  virtual bool wants_widest_first() const { return false; }

  /// Whether it shows that a single row of text is a vector, and one of several is not.
  virtual bool tells_rows_from_vectors() const { return true; }

  /// The format of which lines in front of a table that were skipped are written again; "": none.
  virtual std::string_view writes_skipped_of() const { return ""; }

  /// Whether a vector that is a record of JSON Lines looks otherwise than one that is a document.
  virtual bool tells_records() const { return false; }

  /// So many processors may be used by put(). Before the first Result; one without it.
  virtual void use_threads(unsigned) {}

  /// Whether it writes the rows of a table of this style as they stand, but for their numbers, which
  /// are as format_number() writes them.
  virtual bool keeps(const TableStyle&) const { return false; }

  /// Appends the bytes of a Result to `text`, and may drop the columns and the style of one that has not
  /// passed, if put() does without: memory is given back soonest by the thread that has it. Any thread.
  virtual void encode(Result& result, std::string& text) const = 0;

  /// Writes the Result that `text` is of. In order.
  virtual void put(const Result& result, std::string_view text) = 0;

  /// Of the torch format: what put() has been given.
  virtual Printed printed() const { return {}; }

  virtual void finish() {}
};

}  // namespace detail

/// Of UTF-8. Skipped where a text begins with it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Text read block by block, cut where a format says, with the line and column that each chunk
/// begins at.
class TextCutter {
 public:
  TextCutter(Source& source, std::size_t block_bytes)
      : source_(source), block_bytes_(block_bytes == 0 ? 1 : block_bytes) {}

  /// Sets how much is read at a time from here on.
  void read_blocks_of(std::size_t bytes) { block_bytes_ = bytes == 0 ? 1 : bytes; }
  /// Fills `chunk` with what was left over and as much new text as makes a block, or with a block
  /// of what was left over if that is more. Waits if nothing is there, but no longer than until
  /// something is. A byte order mark at the start is skipped.
  void fill(Chunk& chunk);
  /// Whether the chunk at hand has all that fill() or grow() wanted for it, and more may be to
  /// come.
  bool full(const Chunk& chunk) const { return chunk.size >= wanted_; }
  /// Reads on behind what the chunk has: the rest of what was wanted, as far as it is there, or of
  /// a full chunk twice as much.
  void grow(Chunk& chunk);
  /// Keeps the first `size` bytes in the chunk and leaves the rest for the next; sets chunk.last.
  void split(Chunk& chunk, std::size_t size);
  /// Instead of reading the next block: the last of its whole lines, or as much of their end as had
  /// to be looked at, up to the line feed. Empty if the input cannot be read anywhere, or ends in
  /// the block, or has very long lines there: then fill() is to be called.
  std::string_view last_lines_ahead();
  /// Behind that: makes a chunk of these lines, which load() reads. The next begins behind them.
  void leave_unread(Chunk& chunk);
  /// Reads what leave_unread() has left. Any thread. Throws Error{io} if that is no longer there.
  void load(Chunk& chunk) const;
  /// Told of each chunk that has been read, in order: counts its lines if they were left unread.
  void loaded(const Chunk& chunk);
  /// Whether nothing is left behind the chunk at hand.
  bool ended() const { return ended_ && rest_size_ == 0; }
  /// Where the chunk at hand begins: bytes from the start of the input.
  std::uint64_t offset(const Chunk& chunk) const;
  /// Sets the part of the text that is wanted.
  void restrict_to(const Part& part) { part_ = part; }
  bool is_restricted() const { return part_.has_value(); }
  /// Whether the start of the text is wanted.
  bool has_start() const { return !part_ || part_->index == 1; }
  /// Whether other parts may have more of it.
  bool is_of_several() const { return part_ && part_->count > 1; }
  /// Where the lines of the part that is wanted of the text from `body` on end: both bytes from the
  /// start of the input. Throws as size_in_parts() does.
  std::uint64_t part_end(std::uint64_t body) const {
    return share_begin(body, part_->index, part_->count);
  }
  /// Goes to those lines; drops what is at hand. The input ends with them from here on.
  void go_to_part(std::uint64_t body);
  /// Line breaks in front of them, which it reads, and of all loaded() chunks: what chunks' lines do
  /// not count.
  std::uint64_t lines_before() const;

 private:
  void read(Chunk& chunk);
  bool take_rest(Chunk& chunk);
  std::uint64_t line_start(std::uint64_t body, std::uint64_t at) const;
  std::uint64_t share_begin(std::uint64_t body, std::uint64_t index, std::uint64_t count) const;

  Source& source_;
  std::size_t block_bytes_;
  Buffer rest_;  // [rest_begin_, rest_begin_ + rest_size_) is left over
  std::size_t rest_begin_ = 0;
  std::size_t rest_size_ = 0;
  std::size_t wanted_ = 0;  // bytes of the chunk at hand
  std::uint64_t line_ = 1;  // counted from the end of the last chunk that was left unread
  std::uint64_t column_ = 1;
  std::vector<char> ahead_;      // of the next block, its end
  std::size_t lines_ahead_ = 0;  // bytes of its whole lines
  std::uint64_t lines_loaded_ = 0;
  std::optional<Part> part_;
  std::uint64_t part_begin_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

/// The size of an input of which a part is wanted. Throws Error{usage} if it cannot be gone back in.
std::uint64_t size_in_parts(const Source& source);

/// The place of `at`, a position in the chunk's text.
Place place_in(const Chunk& chunk, const std::string& source, const char* at);

/// What becomes of a table whose positive numbers stay as they are, and which is written as it was
/// read: its text may be changed where it stands.
class Rewriting {
 public:
  virtual ~Rewriting() = default;
  /// Whether that is so for a table of this style that is read as this dtype.
  virtual bool takes(DType dtype, const TableStyle& style) const = 0;
  /// Whether all that is negative becomes the same.
  virtual bool negatives_become_alike() const = 0;
  /// Makes of the values what becomes of them. Any thread.
  virtual void change(Elements values) const = 0;
};

/// What the writer can do with.
struct Wanted {
  /// Set: of tensors that these summarise, the edges are enough.
  const PrintOptions* edges = nullptr;
  /// Short values of one shape may come stacked, as slices of one tensor.
  bool stacks = false;
  /// A tensor that is not a table becomes one line.
  bool line_per_tensor = false;
  /// Whether a first row is the only one has to be known.
  bool tells_rows_from_vectors = true;
  /// The format of which text that was skipped is written again.
  std::string_view skipped_of = "";
  /// Whether a first JSON value is the only one has to be known.
  bool tells_records = true;
  /// A file of several tensors without a floating one is of no use.
  bool needs_floating = false;
  /// What long rows had better come together, up to some MiB.
  std::int64_t rows = 1;
  /// Of several tensors those of wide elements had better come first, if not all of them would begin
  /// at a multiple of an element otherwise.
  bool widest_first = false;
  /// What is written of a tensor may be of another size.
  bool resizes = false;
  /// Set: the text of a table's rows will do.
  const Rewriting* rewriting = nullptr;
};

/// Whether a file that begins so is refused as something else than text or an array: gzip data, a
/// pickle, an HTML page ...
bool is_mistaken(std::string_view head);

/// Of a Result of Lines::rows: the values that a column has on each.
inline std::size_t fields_of(const Result& result, const Column& column) {
  return column.fields.value_or(result.fields);
}

/// Throws Error{usage} for one of several tensors with names, of which `format` holds one.
void check_alone(const Result& result, std::string_view format);

/// Whether it is one of the tensors of a file that names them. A name may be empty.
inline bool is_named(const Result& result) {
  return !result.name.empty() || (result.file && !result.file->nameless);
}

/// What a column of a tensor is called in a file of several: NAME, or NAME.LABEL of several columns.
std::string name_of(const std::string& tensor, const Column& column);

/// Throws Error{unsupported} for a tensor without elements whose text would go on for ever:
/// nothing, many million times.
void check_text(const Tensor& tensor);

/// "1 row", "2 rows".
inline std::string plural(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

/// A row of the table of formats. A format reads, writes, or both.
struct Format {
  enum class Kind : std::uint8_t {
    /// Lines and numbers in digits.
    text,
    /// Values as they stand in memory, with a dtype.
    binary,
  };
  std::string_view name;
  Kind kind;
  std::vector<std::string_view> extensions;
  /// Of those for some formats alone (kFormatOptions).
  std::vector<std::string_view> options;
  /// The source and the options must outlive what it makes.
  std::unique_ptr<Decoder> (*decoder)(Source&, const ReadOptions&, const Wanted& wanted);
  std::unique_ptr<detail::Encoder> (*encoder)(Output&, const WriteOptions&);
};

/// The decoder of the format that the options name or, where they name none, that the input has by
/// its extension or its content. Throws Error{data} for what people pass by mistake, Error{usage}
/// for options that the format does not take. The source and the options must outlive it. `inflated`:
/// what gzip data hold, which may not be such data again.
std::unique_ptr<Decoder> make_decoder(Source& source, const ReadOptions& options,
                                      const Wanted& wanted, bool inflated = false);
std::unique_ptr<Decoder> make_decoder(Source& source, const ReadOptions&& options,
                                      const Wanted& wanted, bool inflated = false) = delete;

/// Whether a source's content is compressed, so that its size says little. Looks at its first bytes.
bool is_compressed(Source& source);

/// A field of ReadOptions that only some formats take, as option() calls it.
struct FormatOption {
  std::string_view field;
  bool (*is_given)(const ReadOptions&);
};
inline constexpr FormatOption kFormatOptions[] = {
    {"read.header", [](const ReadOptions& o) { return o.header != Header::automatic; }},
    {"read.delimiter", [](const ReadOptions& o) { return o.delimiter != '\0'; }},
    {"read.decimal", [](const ReadOptions& o) { return o.decimal != '.'; }},
    {"missing", [](const ReadOptions& o) { return o.missing.has_value(); }},
    {"missing_words", [](const ReadOptions& o) { return !o.missing_words.empty(); }},
    {"skip", [](const ReadOptions& o) { return o.skip != 0; }},
    {"skip_after_header", [](const ReadOptions& o) { return o.skip_after_header != 0; }},
    {"comment", [](const ReadOptions& o) { return !o.comment.empty(); }},
    {"columns", [](const ReadOptions& o) { return !o.columns.empty(); }},
    {"keep", [](const ReadOptions& o) { return !o.keep.empty(); }},
    // Who compares has asked for it, of any format.
    {"ndmin", [](const ReadOptions& o) { return o.ndmin != 0 && !o.rows_of_one; }},
    {"pointer", [](const ReadOptions& o) { return o.pointer.has_value(); }},
    {"keys", [](const ReadOptions& o) { return !o.keys.empty(); }},
};

std::span<const Format> formats();
const Format* find_format(std::string_view name);
/// What is written where no format is named: what print() prints.
const Format& printed_format();

// Each in the file of its name:
std::unique_ptr<Decoder> csv_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> tsv_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> json_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> jsonl_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> npy_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> gzip_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> zip_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> safetensors_decoder(Source&, const ReadOptions&, const Wanted&);
std::unique_ptr<Decoder> noise_decoder(const Noise&);
std::unique_ptr<detail::Encoder> csv_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> tsv_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> json_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> jsonl_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> npy_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> npz_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> safetensors_encoder(Output&, const WriteOptions&);
std::unique_ptr<detail::Encoder> torch_encoder(Output&, const WriteOptions&);

}  // namespace rectify::inline v1
