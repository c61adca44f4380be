#pragma once

#include <string>

namespace rectify::app {

/// The manual as man(1) reads it: the prose of manual.roff, and a paragraph for each option.
std::string manual();

}  // namespace rectify::app
