// Tensors from bytes and back: what flows, where it comes from, what is done to it, and where it
// goes.
//
//     Source source = Source::file("acts.csv");
//     Output output = Output::file("out.json");
//     Writer writer(output, {.format = "json"});
//     run(source, {}, Operation{.modes = Module::parse_list("relu")}, writer);
//     writer.finish();
//     output.commit();
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rectify/activation.hpp"
#include "rectify/api.hpp"
#include "rectify/error.hpp"
#include "rectify/io.hpp"
#include "rectify/print.hpp"
#include "rectify/tensor.hpp"

namespace rectify {
inline namespace v1 RECTIFY_API {

// ---- what flows --------------------------------------------------------------------------------

/// What a line of a line-based output (jsonl, csv) holds.
enum class Lines : std::uint8_t {
  /// A whole tensor.
  tensor,
  /// `fields` values, as they stood in a row of text; the tensor may have dropped dimensions of
  /// size 1.
  rows,
  /// A slice along the first dimension.
  slices,
};

/// What a file says of one of its tensors.
struct Entry {
  /// Empty if the file gives none.
  std::string name;
  /// As the file calls it.
  std::string dtype;
  /// Nothing: not one of rectify's.
  std::optional<DType> known;
  Shape shape;
  std::uint64_t bytes = 0;
};

/// What a file of several tensors says of itself.
struct Contents {
  /// The tensors that are read of it, in their order, with the dtypes that they are read as.
  std::vector<Entry> entries;
  /// What safetensors call so: texts by their names.
  std::vector<std::pair<std::string, std::string>> metadata;
  /// Whether all entries are operated on, not only floating ones: ReadOptions::keys chose them, or
  /// ReadOptions::dtype converts them.
  bool chosen = false;
  /// Whether it is not a file of several, but of one tensor without a name.
  bool nameless = false;
};

/// A named part of a Result; the name is empty when there is only one.
struct Column {
  std::string label;
  Tensor tensor;
  /// Of Lines::rows: values a row, if they are not as many as the Result's.
  std::optional<std::size_t> fields = std::nullopt;
};

/// How a table of text is written, where one that was read is written again.
struct TableStyle {
  /// A blank for runs of blanks.
  char delimiter = ',';
  char decimal = '.';
  /// Lines end in CR LF.
  bool crlf = false;
  /// A line `sep=;` stands in front: it names the delimiter.
  bool names_delimiter = false;
  /// Lines that begin so are comments; empty: none are.
  std::string comment = {};
  /// Lines in front of the header that were skipped, as they stand.
  std::string preamble;
  /// Whether a column's name is in quotes; of each column of the table, or empty.
  std::vector<bool> quoted;
  /// Lines behind the header that were skipped: a field for each column of the table.
  std::vector<std::vector<std::string>> behind_header;
  /// Those of another number of fields than the header, as they stand: sentences, rules of hyphens. Of
  /// each line one or none; empty if columns are left out, or change places.
  std::vector<std::optional<std::string>> behind_header_lines;
  /// The format it is that of, "csv" or "tsv".
  std::string format;
};

/// Columns of a table that are no part of the tensor, as they stand in the text.
struct KeptColumns {
  /// How many columns of the tensor stand before each.
  std::vector<std::size_t> before;
  /// A header's names of them, or empty. An unnamed one that the header has no field for is the first.
  std::vector<std::string> names;
  std::vector<bool> quoted;
  std::vector<std::vector<std::string>> behind_header;
  /// The header is one field shorter than the rows: the first of these is not in it (R's row names).
  bool first_is_nameless = false;
  /// The fields of all rows, one after the other, and where each ends in that.
  std::string text;
  std::vector<std::size_t> ends;
};

/// Integers of the input that the dtype they are read as does not hold exactly.
struct Inexact {
  std::uint64_t count = 0;
  /// Where the first stands in a text; of an array, which one it is in.
  Place first;
  /// The first of an array, in digits.
  std::string value;
  /// Whether float64 holds all of them, or int64.
  bool in_float64 = true;
  bool in_int64 = true;
};

/// One tensor, or what was made of it under several names, whole or a slab of rows along the first
/// dimension. What an activation gives may have a shape and a dtype of its own. A tensor's slabs
/// follow one another; the first begins, the last ends.
struct Result {
  /// The tensor's, in a file of several; empty if it gives none.
  std::string name;
  /// Of a file of several tensors; the same for all of them.
  std::shared_ptr<const Contents> file;
  /// Of a file of several tensors one that is not floating and that no key chose: it passes as it
  /// is.
  bool passed = false;
  std::vector<Column> columns;
  bool begins = true;
  bool ends = true;
  Lines lines = Lines::tensor;
  /// Of Lines::rows: values a row.
  std::size_t fields = 0;
  /// Whether other parts of the input have more rows of the tensor.
  bool of_part = false;
  /// A CSV header's, of the fields; set where the tensor begins.
  std::vector<std::string> names;
  /// Size of the first dimension of the whole tensor, where known before its end.
  std::optional<std::int64_t> length;
  /// Set: only the edges are here (print.hpp), of a tensor of this shape.
  std::optional<Shape> whole;
  /// Of a table that was read.
  std::shared_ptr<const TableStyle> style;
  /// Of this slab's rows.
  std::shared_ptr<KeptColumns> kept;
  /// In this slab.
  Inexact inexact;
  /// Of a table: this slab's rows as they are written, where that is known without its values. The
  /// tensor has no rows then.
  std::optional<std::string> text;
};

// ---- options -----------------------------------------------------------------------------------

/// Whether a table has a header. Automatic, where one is read: its first row is data if all fields
/// that are not empty are numbers. It is a header if none is, and one at least neither begins like
/// a number nor stands for a missing value (NA, null, - ...). Anything else, and an empty field
/// before 0, 1, 2 ..., which is how pandas writes names that are numbers, throws an Error.
enum class Header : std::uint8_t { automatic, yes, no };
enum class NanText : std::uint8_t { literal, null, string };

/// The index-th of `count` parts of an input, counted from 1. Text is divided by bytes, and a line
/// belongs to the part that holds its first one; npy is divided by rows. All parts together are the
/// input, each row once.
struct Part {
  std::uint64_t index = 1;
  std::uint64_t count = 1;
};

struct ReadOptions {
  /// "json", "jsonl", "csv", "tsv", "npy", "npz", "pt", "safetensors"; empty: by extension, else by content.
  std::string format;
  /// Of the result; nothing: float32 for text, its own for npy.
  std::optional<DType> dtype;
  /// JSON: RFC 6901 pointer to the value to read. A step `*` leads into every element of a list; the
  /// values found are the rows of one tensor.
  std::optional<std::string> pointer;
  /// JSON in memory, all of which is read at once: also tuples, commas behind a last element and numbers
  /// as they are typed in Python: (1, 2), [1, 2,], 2., .5, +1.
  bool python = false;
  /// CSV: whether the first row is one; automatic: see Header.
  Header header = Header::automatic;
  /// CSV: between fields; '\0': a comma, or a tab for tsv, or what a first line `sep=;` names.
  char delimiter = '\0';
  /// The delimiter that is any run of blanks and tabs; those at the ends of a line mean nothing.
  static constexpr char kBlanks = '\v';
  /// CSV: the decimal point.
  char decimal = '.';
  /// CSV: the number an empty field stands for, or a blank line between the rows of a single
  /// column; nothing: an error.
  std::optional<std::string> missing;
  /// CSV: what stands for an empty field: NA, null, -. `missing` is nan then, if nothing else is given.
  std::vector<std::string> missing_words;
  /// CSV: lines in front of the header, or of the first row, that are skipped.
  std::size_t skip = 0;
  /// CSV: lines behind the header that are skipped: units, a second header.
  std::size_t skip_after_header = 0;
  /// CSV: lines that begin so are skipped; empty: none.
  std::string comment;
  /// CSV: the columns that are the tensor, in this order: names, numbers from 1, ranges (5-7), globs
  /// (unit*); empty: all that are not kept.
  std::vector<std::string> columns;
  /// CSV: columns that are no part of the tensor and pass unchanged to CSV.
  std::vector<std::string> keep;
  /// CSV: 2 keeps two dimensions where one row, column or number would drop them.
  int ndmin = 0;
  /// Of a regular CSV, TSV, JSON Lines or npy file; implies ndmin 2.
  std::optional<Part> part;
  /// JSON Lines: the values are the rows of one tensor.
  bool rows_of_one = false;
  /// Of a file of several tensors: the names of those to read, or patterns of names as in a shell
  /// (`layer?.*`); empty: all, those that are not floating without being operated on.
  std::vector<std::string> keys;
  /// How much is read at a time; results do not depend on it.
  std::size_t block_bytes = std::size_t{256} << 10;
};

struct WriteOptions {
  /// "torch", "json", "jsonl", "csv", "tsv", "npy", "npz", "safetensors"; empty: torch, for save() by name.
  std::string format;
  /// CSV: automatic: if the input had one, or if there are labels.
  Header header = Header::automatic;
  /// CSV: between fields and in numbers; '\0': as in the input if that is of the same format, else a
  /// comma or a tab, and a point.
  char delimiter = '\0';
  char decimal = '\0';
  /// CSV, JSON: how floating numbers are written, as in C: "%.4f", "%.3e", "%g"; empty: with the
  /// fewest digits that bring them back.
  std::string float_format;
  /// JSON: NaN and infinities as Python writes them, as null, or as strings.
  NanText nan = NanText::literal;
  /// Of the format torch.
  PrintOptions print;
};

/// What is done to each tensor: every mode gives a column, labelled when there are several.
struct Operation {
  std::vector<Module> modes;
  /// The gradient instead of the value.
  bool gradient = false;
  /// In the input's own memory; one mode only.
  bool inplace = false;
  /// The input as a column "input" before the "output".
  bool echo = false;
};

/// How a run is carried out; none of it changes a byte of the result.
struct RunOptions {
  /// 0: as many as there are processors for this process.
  unsigned threads = 0;
  /// Called now and then, in the calling thread, with the input that is being read.
  std::function<void(const Source&)> progress;
  /// Called in the calling thread with what the user should know, although it is not an error.
  std::function<void(const Error&)> note = nullptr;
  /// Of several inputs: whether threads that open them get descriptors of their own (unshare(2)), so that
  /// they need not take turns. What one of them opens, no other can read; what was open stays so until
  /// they end. For Sources::open that opens a file and does nothing else; it is called once more, in the
  /// calling thread, for a file that is not small.
  bool own_descriptors = false;
};

/// Sources that are read one after the other. open(i) opens the i-th, on any thread and maybe before
/// those in front of it have been read; it throws Error{io} if it cannot.
struct Sources {
  std::size_t count = 0;
  std::function<Source(std::size_t)> open;
  /// Whether opening the i-th may have to wait, as for the writer of a FIFO: it is opened in its turn
  /// then. Null: none has to.
  std::function<bool(std::size_t)> waits = nullptr;
};

// ---- running -----------------------------------------------------------------------------------

class Convert;
class Gather;
namespace detail {
class Encoder;
}

/// What the torch format has printed, and how much of it by its edges alone.
struct Printed {
  std::uint64_t tensors = 0;
  /// Of these, tensors of which elements were left out.
  std::uint64_t shortened = 0;
  /// The shape of the first of those.
  Shape first_shortened;
};

/// Writes Results to an Output in one format; several tensors follow one another.
class Writer {
 public:
  /// Throws Error{usage} for a format that cannot be written.
  Writer(Output& output, const WriteOptions& options);
  ~Writer();

  /// Writes the next Result: a whole tensor, or the next slab of one. Throws Error{unsupported} for
  /// what the format cannot hold, Error{usage} for a second array in an npy file: numpy.load would
  /// read the first alone.
  void write(Result result);

  /// What has been printed so far; of other formats nothing.
  Printed printed() const;

  /// To be called after the last one, before the output is committed.
  void finish();

 private:
  friend class Convert;
  Output& output_;
  std::unique_ptr<detail::Encoder> encoder_;
  std::unique_ptr<Gather> gather_;
};

/// Applies the operation to a Result whose single column is the input.
/// Throws as apply() and gradient() do, and Error{usage} for several modes in place.
void operate(const Operation& operation, Result& result);

/// Reads every tensor of `source`, applies `operation` and writes to `writer`, in blocks and on
/// several threads. Memory does not grow with the input as long as the format written takes slabs.
/// Where the input has to be waited for, what is complete is written first, and an output that is
/// no file to be put in place is flushed.
/// Throws the Error that stands first in the input, with its place.
void run(Source& source, const ReadOptions& read, const Operation& operation, Writer& writer,
         const RunOptions& options = {});

/// The same for several inputs, one after the other. Small files are in flight at once.
void run(const Sources& sources, const ReadOptions& read, const Operation& operation,
         Writer& writer, const RunOptions& options = {});

/// A tensor and what it is called.
struct Named {
  std::string name;
  Tensor tensor;
};

/// What is in a file or text: of files of several tensors and of npy files the headers alone are
/// read. A file of one tensor gives it no name.
std::vector<Entry> list(Source source, const ReadOptions& options = {});

/// Every tensor of a file of several, or those that ReadOptions::keys names, with their names.
std::vector<Named> load_named(Source source, const ReadOptions& options = {});

/// Writes tensors under their names to a file of several, as save() does.
void save_named(const std::string& path, std::span<const Named> tensors, WriteOptions options = {});

/// Every tensor of a file or text, whole.
std::vector<Tensor> load(Source source, const ReadOptions& options = {});

/// Writes tensors to a file, which is replaced whole. The format is the one given, else that of the
/// path's extension, else torch for what is written to directly (Output::puts_in_place). Throws
/// Error{usage} for a file whose extension names none, and as Writer does.
void save(const std::string& path, std::span<const Tensor> tensors, WriteOptions options = {});

/// The format that a path's extension names, or "" if it names none.
std::string format_of_extension(std::string_view path);

/// The formats there are, in the order in which help names them.
std::vector<std::string> readable_formats();
std::vector<std::string> writable_formats();

}  // namespace v1
}  // namespace rectify
