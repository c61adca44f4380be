// The tensors of a file of several: what there is, one by its name, all of them rectified into
// another file.

#include <iostream>
#include <rectify/rectify.hpp>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: named IN OUT\n";
    return 2;
  }
  try {
    for (const rectify::Entry& entry : rectify::list(rectify::Source::file(argv[1])))
      std::cout << entry.name << ' ' << entry.dtype << ' ' << rectify::to_string(entry.shape)
                << '\n';

    rectify::ReadOptions options;
    options.keys = {"layer2"};
    const auto layer2 = rectify::load_named(rectify::Source::file(argv[1]), options);
    std::cout << rectify::to_string(layer2.at(0).tensor) << '\n';

    auto tensors = rectify::load_named(rectify::Source::file(argv[1]));
    for (rectify::Named& named : tensors) named.tensor = rectify::nn::ReLU{}(named.tensor);
    rectify::save_named(argv[2], tensors);
  } catch (const rectify::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
