# Targets that an outside project already has; then installed packages (Debian: libcli11-dev libfmt-dev
# nlohmann-json3-dev doctest-dev); else the pinned releases.
include(FetchContent)

macro(rectify_dependency target name repository tag)
  if(NOT TARGET ${target})
    FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON SYSTEM FIND_PACKAGE_ARGS)
    FetchContent_MakeAvailable(${name})
  endif()
endmacro()

if(NOT TARGET Threads::Threads)
  find_package(Threads REQUIRED)
endif()
rectify_dependency(nlohmann_json::nlohmann_json nlohmann_json https://github.com/nlohmann/json v3.11.2)
if(RECTIFY_APP)
  rectify_dependency(CLI11::CLI11 CLI11 https://github.com/CLIUtils/CLI11 v2.1.2)
  rectify_dependency(fmt::fmt-header-only fmt https://github.com/fmtlib/fmt 9.1.0)
endif()
if(RECTIFY_TESTS)
  rectify_dependency(doctest::doctest doctest https://github.com/doctest/doctest v2.4.9)
endif()
