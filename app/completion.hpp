#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rectify::app {

/// The shells that completion is written for.
std::vector<std::string> shells();

/// A script that makes `shell`, one of shells(), complete what rectify takes: options of the command
/// at hand, the words of those that have some, lists of modes, files.
std::string completion(std::string_view shell);

}  // namespace rectify::app
