// An activation that the user chooses, and errors in the words of one's own program.
//   chosen MODE FILE          as in: chosen 'elu(alpha=0.5)' acts.csv

#include <iostream>
#include <rectify/rectify.hpp>
#include <string>

int main(int argc, char** argv) {
  using namespace rectify;
  if (argc != 3) {
    std::cerr << "usage: chosen MODE FILE\n";
    return 2;
  }
  try {
    const Module module = Module::parse(argv[1]);
    std::cout << module.text() << ": " << module.activation().summary << '\n';
    for (const Tensor& tensor : load(Source::file(argv[2])))
      std::cout << to_string(apply(module, tensor)) << '\n';
  } catch (const Error& error) {
    // what() names fields as C++ does, `.missing = nan`. A program that reads them from a file of
    // settings shows them as they stand there.
    std::cout << error.line([](std::string_view field, std::string_view value) {
      return "the setting " + std::string(field) + (value.empty() ? "" : ": ") + std::string(value);
    }) << '\n';
    return error.kind() == ErrorKind::usage ? 2 : 1;
  }
}
