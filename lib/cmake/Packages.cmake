# cpack: rectify and librectify-dev as Debian packages, and one tarball with both.
set(CPACK_PACKAGE_CONTACT "The rectify authors <rectify@example.org>")
set(CPACK_PACKAGE_VENDOR "The rectify authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME rectify-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)
find_program(RECTIFY_DPKG_DEB dpkg-deb)
if(RECTIFY_DPKG_DEB)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME rectify)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION math)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "gnuplot-nox, parallel")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME librectify-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Reads tensors as JSON, CSV or NPY, from files, pipes or the command line,
applies ReLU, Leaky ReLU and their family, and prints what PyTorch prints.
Compares activations and tells which units are dead.")
set(CPACK_COMPONENT_DEV_DESCRIPTION "The library that rectify stands on: a static archive, its headers, and files
for CMake and pkg-config.")
# zlib is in the program for the sake of its start (Dependencies.cmake).
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  file(CONFIGURE OUTPUT lintian-overrides CONTENT "rectify: embedded-library zlib *\n")
  install(FILES ${PROJECT_BINARY_DIR}/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME rectify
    COMPONENT runtime)
endif()
include(CPack)
