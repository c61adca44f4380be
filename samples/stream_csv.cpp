// A table of any length, a block at a time: ReLU of a CSV file or of standard input, as CSV.
//   stream_csv [INPUT [OUTPUT]]
// Memory does not grow with the input. OUTPUT is replaced whole at the end, or not at all, so that
// it may be INPUT itself.

#include <exception>
#include <iostream>
#include <rectify/rectify.hpp>
#include <string>

int main(int argc, char** argv) {
  using namespace rectify;
  const std::string input = argc > 1 ? argv[1] : "-";
  const std::string output = argc > 2 ? argv[2] : "-";
  try {
    Source source = input == "-" ? Source::standard_input() : Source::file(input);
    Output sink = output == "-" ? Output::standard_output() : Output::file(output);

    // An empty field is read as NaN, which ReLU keeps. A header goes through as it is.
    ReadOptions read;
    read.format = "csv";
    read.missing = "nan";
    WriteOptions write;
    write.format = "csv";
    Operation relu;
    relu.modes = Module::parse_list("relu");

    Writer writer(sink, write);
    run(source, read, relu, writer);
    writer.finish();
    sink.commit();  // from here on the file is there
  } catch (const ReaderGone&) {
    return 0;  // as in `stream_csv | head`: nobody wants more
  } catch (const Error& error) {
    std::cerr << "stream_csv: " << error.what() << '\n';  // with the file, line and column
    return 1;
  } catch (const std::exception& error) {  // std::bad_alloc
    std::cerr << "stream_csv: " << error.what() << '\n';
    return 1;
  }
}
