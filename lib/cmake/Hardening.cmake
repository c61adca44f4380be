# rectify_harden(TARGET): what makes a memory error end the program instead of being put to use. Not in Debug builds,
# as _FORTIFY_SOURCE needs an optimizer, nor in the presets of the sanitizers, which see more without it. It costs about
# a hundredth of the time of reading and writing text. -fstack-clash-protection is left out: it touches the pages of
# buffers that a short run has no use for, and no size of a frame comes from the input.
include(CheckCXXCompilerFlag)
include(CheckCXXSourceCompiles)
include(CheckLinkerFlag)
include(CheckPIESupported)

option(RECTIFY_HARDENING "Stack protector, fortified and asserting libraries, PIE and full RELRO" ${PROJECT_IS_TOP_LEVEL})

if(RECTIFY_HARDENING)
  check_pie_supported(LANGUAGES CXX)
  check_cxx_compiler_flag(-fPIE RECTIFY_HAS_PIE)
  check_cxx_compiler_flag(-fstack-protector-strong RECTIFY_HAS_STACK_PROTECTOR)
  check_linker_flag(CXX LINKER:-z,relro,-z,now RECTIFY_HAS_RELRO)
  # Not where a distribution's flags or compiler have set it, perhaps to 3, nor without an optimizer, which only warns.
  block()
    set(CMAKE_TRY_COMPILE_CONFIGURATION ${CMAKE_BUILD_TYPE})
    if(CMAKE_CONFIGURATION_TYPES)
      set(CMAKE_TRY_COMPILE_CONFIGURATION Release)
    endif()
    check_cxx_source_compiles("
      #if defined _FORTIFY_SOURCE || !defined __OPTIMIZE__
      #error leave it
      #endif
      int main() {}" RECTIFY_FORTIFIES_${CMAKE_BUILD_TYPE})
  endblock()
endif()

function(rectify_harden target)
  if(NOT RECTIFY_HARDENING)
    return()
  endif()
  set(optimized $<NOT:$<CONFIG:Debug>>)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  elseif(type MATCHES "^(STATIC|OBJECT)_LIBRARY$" AND RECTIFY_HAS_PIE AND NOT CMAKE_POSITION_INDEPENDENT_CODE)
    target_compile_options(${target} PRIVATE -fPIE) # -fPIC would keep functions from being inlined
  endif()
  if(RECTIFY_HAS_STACK_PROTECTOR)
    target_compile_options(${target} PRIVATE $<${optimized}:-fstack-protector-strong>)
  endif()
  target_compile_definitions(${target} PRIVATE $<${optimized}:_GLIBCXX_ASSERTIONS>)
  if(RECTIFY_FORTIFIES_${CMAKE_BUILD_TYPE})
    target_compile_definitions(${target} PRIVATE $<${optimized}:_FORTIFY_SOURCE=2>)
  endif()
  if(RECTIFY_HAS_RELRO)
    target_link_options(${target} PRIVATE $<${optimized}:LINKER:-z,relro,-z,now>)
  endif()
endfunction()
