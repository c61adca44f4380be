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
# What the program needs is looked up by two tools, which a bare system lacks.
find_program(RECTIFY_DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(RECTIFY_FILE file)
if(RECTIFY_DPKG_SHLIBDEPS AND RECTIFY_FILE)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
elseif(RECTIFY_DPKG_DEB)
  message(STATUS "Packages will name no libraries that they need: that takes dpkg-dev and file")
endif()
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
# zlib is in the program for the sake of its start (Dependencies.cmake). A Debian package, of whatever preset, says so to lintian;
# what is installed elsewhere has no use for it.
file(CONFIGURE OUTPUT lintian-overrides CONTENT "rectify: embedded-library zlib *\n")
install(CODE "if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/lintian/overrides\" TYPE FILE RENAME rectify
    FILES \"${PROJECT_BINARY_DIR}/lintian-overrides\")
endif()" COMPONENT runtime)
include(CPack)
