// The option line: parsed, or refused as wrong usage in one clean line. With a table behind it, that
// is read and written as the line says, in several ways that must agree.
//
// The words of the line stand on a line each, without the program's own name; an empty line and all
// that follows is a table.
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "help.hpp"
#include "options.hpp"

namespace rectify::fuzz {
namespace {

using app::Options;

void check(const Options& o) {
  const bool compares = o.command == Options::Command::compare;
  need(!o.operation.modes.empty(), "no mode");
  need(!compares || !o.compare.modes.empty(), "nothing to compare");
  need(!o.check || o.fail_if_dead || o.fail_if_dormant, "--check");
  need(o.run.threads <= 1024, "--threads");
  need(o.read.ndmin >= 0 && o.read.ndmin <= 2, "--ndmin");
  need(o.read.delimiter != o.read.decimal, "--delimiter");
  need(!o.read.part || (o.read.part->index >= 1 && o.read.part->index <= o.read.part->count),
       "--part");
  need(!(o.fail_if_dead && !(*o.fail_if_dead >= 0 && *o.fail_if_dead <= 1)), "--fail-if-dead");
  need(!(o.fail_if_dormant && !(*o.fail_if_dormant >= 0 && *o.fail_if_dormant <= 1)),
       "--fail-if-dormant");
  need(o.dormant_below >= 0 || o.dormant_below == -1, "--dormant-below");
  need(o.dead_below == -1 || (o.dead_below >= 0 && o.dead_below <= 1), "--dead-below");
  need((o.tensor ? 1 : 0) + (o.randn ? 1 : 0) + (o.inputs.empty() ? 0 : 1) <= 1, "two sources");
  for (const std::int64_t size : o.randn.value_or(Shape{})) need(size >= 0, "--randn");
  need(!o.seed || o.randn || app::draws(o), "--seed");
  // What prints with these options is printed.
  const Tensor tensor = Tensor::of<float>({2, -4, 1e-9F, 3e9F, 0, 1, -1});
  for (const Shape& shape : {Shape{7}, Shape{7, 1}, Shape{1, 7}}) {
    need(to_string(tensor.reshape(shape), o.write.print).starts_with("tensor("), "no print");
  }
}

/// Reads and writes the table, whole and in pieces, in parts if there are to be some.
void check_table(std::string_view table, Options o) {
  const auto is_text = [](std::string_view format) { return format == "csv" || format == "tsv"; };
  if (o.read.format.empty()) o.read.format = "csv";
  if (o.write.format.empty()) o.write.format = "csv";
  const bool is_writable = is_text(o.write.format) || o.write.format == "json" ||
                           o.write.format == "jsonl" || o.write.format == "npy" ||
                           o.write.format == "torch";
  if (o.command != Options::Command::apply || !is_text(o.read.format) || !is_writable) return;
  constexpr std::size_t kBlocks[] = {1, 5, 16, 100, 1 << 20};
  Way other;
  other.block_bytes = kBlocks[table.size() % std::size(kBlocks)];
  other.threads = 1 + table.size() % 2;
  other.from = table.size() % 3 == 0 ? Way::From::file : Way::From::pipe;
  const std::uint64_t parts = o.read.part ? std::min<std::uint64_t>(o.read.part->count, 5) : 0;
  o.read.part.reset();
  check_ways(table, o.read, o.write, other);
  const bool is_floating = !o.read.dtype || is_floating_point(*o.read.dtype);
  if (parts != 0 && is_text(o.write.format) && is_floating)
    check_parts(table, o.read, o.write, parts, other);
}

void run(std::string_view text) {
  const bool is_alone = text.find("\n\n") == std::string_view::npos;
  const std::size_t end = text.starts_with('\n') ? 0
                          : is_alone             ? text.size()
                                                 : text.find("\n\n") + 1;
  const std::string_view table = end == text.size() ? "" : text.substr(end + 1);
  text = text.substr(0, end);
  std::vector<std::string> words = {"rectify"};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    words.emplace_back(line.substr(0, line.find('\0')));  // as the system passes them
  }
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  try {
    const Options options = app::parse_options(static_cast<int>(argv.size()), argv.data());
    if (options.ask == Options::Ask::run) {
      check(options);
      if (!table.empty()) check_table(table, options);
    } else {
      need(!app::short_help(options.command).empty() && !app::help(options.command).empty(),
           "no help");
    }
  } catch (const Error& error) {
    need(error.kind() == ErrorKind::usage, std::string("no matter of usage: ") + error.what());
    check_message(error.what());
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
