// Pickles: values or an error, whatever the bytes, and every number among the values names one.
#include <string>

#include "formats/pickle.hpp"
#include "fuzz.hpp"

namespace rectify::fuzz {
namespace {

void run(std::string_view text) {
  try {
    const Pickle pickle = read_pickle(text, "<stdin>");
    need(pickle.top < pickle.values.size(), "no value at the top");
    for (const Pickle::Value& value : pickle.values) {
      for (const std::uint32_t item : value.items)
        need(item < pickle.values.size(), "no such value");
    }
  } catch (const Error& error) {
    check_error(error);
    need(error.kind() == ErrorKind::data, "another kind of error");
  }
}

}  // namespace
}  // namespace rectify::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rectify::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
