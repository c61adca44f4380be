// Which sanitizer the program is compiled with, for what would blind one or mislead it.
#pragma once

#if defined(__has_feature)
#define RECTIFY_HAS_FEATURE(name) __has_feature(name)
#else
#define RECTIFY_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || RECTIFY_HAS_FEATURE(address_sanitizer)
#define RECTIFY_ASAN 1
#else
#define RECTIFY_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || RECTIFY_HAS_FEATURE(thread_sanitizer)
#define RECTIFY_TSAN 1
#else
#define RECTIFY_TSAN 0
#endif
