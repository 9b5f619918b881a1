#pragma once
// The one include of RapidJSON in here. Its stack adds to a null pointer before its first use:
// harmless, but the undefined-behaviour sanitizer stops there, so these headers are exempt from
// that check.

// What they include themselves is not.
#include <iterator>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif

#include <rapidjson/document.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/writer.h>

#if defined(__clang__)
#pragma clang attribute pop
#endif
