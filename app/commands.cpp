#include "commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <random>
#include <utility>

#include "progress.hpp"

namespace rectify::app {
namespace {

void apply_to_noise(const Options& options, Writer& writer) {
  std::uint64_t seed = 0;
  if (options.seed) {
    seed = *options.seed;
  } else {
    seed = std::random_device{}();
    if (options.verbose) fmt::print(stderr, "rectify: --seed {}\n", seed);
  }
  Generator generator(seed);
  Result result;
  try {
    result.columns.push_back(
        {"", randn(*options.randn, generator, options.read.dtype.value_or(DType::float32))});
    if (options.randn->size() >= 2) result.lines = Lines::slices;
    operate(options.operation, result);
  } catch (const Error& error) {
    throw error.at({"--randn"});
  }
  writer.write(std::move(result));
}

}  // namespace

void apply(const Options& options) {
  Output output = options.output && *options.output != "-" ? Output::file(*options.output)
                                                           : Output::standard_output();
  Writer writer(output, options.write);
  if (options.randn) {
    apply_to_noise(options, writer);
  } else {
    std::vector<std::string> inputs = options.inputs;
    if (inputs.empty()) inputs.emplace_back("-");
    for (const std::string& input : inputs) {
      Source source = options.tensor ? Source::memory(*options.tensor, "--tensor")
                      : input == "-" ? Source::standard_input()
                                     : Source::file(input);
      Progress progress(source);
      RunOptions run_options = options.run;
      run_options.progress = [&](std::uint64_t bytes) { progress.show(bytes); };
      try {
        run(source, options.read, options.operation, writer, run_options);
      } catch (const Error&) {
        output.flush();  // what came before is right, and whole
        throw;
      }
      output.flush();
    }
  }
  writer.finish();
  output.commit();
}

void print(const std::string& text) {
  Output output = Output::standard_output();
  output.write(text);
  output.commit();
}

}  // namespace rectify::app
