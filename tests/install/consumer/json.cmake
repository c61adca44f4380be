# What an outside project has already is not looked for again.
include_guard(GLOBAL)  # projects inside it
find_path(JSON_INCLUDE nlohmann/json.hpp REQUIRED)
add_library(nlohmann_json INTERFACE)
target_include_directories(nlohmann_json SYSTEM INTERFACE ${JSON_INCLUDE})
add_library(nlohmann_json::nlohmann_json ALIAS nlohmann_json)
