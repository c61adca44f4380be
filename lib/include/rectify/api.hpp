// What every header begins with: the language it is written in, and what a shared library shows.
#pragma once

#if __cplusplus <= 201703L
#error rectify needs C++20: compile with -std=c++20 or later
#include "rectify/needs C++20"  // is not there: the compiler stops here, before a page of errors
#endif

// The names in a namespace marked so are the library's; a shared one shows no others. What is
// declared in a class but is not for its users is marked RECTIFY_LOCAL.
#if defined __GNUC__
#define RECTIFY_API __attribute__((visibility("default")))
#define RECTIFY_LOCAL __attribute__((visibility("hidden")))
#else
#define RECTIFY_API
#define RECTIFY_LOCAL
#endif

/// The library. All of it stands in the inline namespace v1, so that two versions of it may meet in
/// one program: users write rectify::Tensor, linkers see rectify::v1::Tensor.
namespace rectify {}
