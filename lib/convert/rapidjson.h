#pragma once
// The one include of RapidJSON. Its stack adds to a null pointer before its first use: harmless,
// but the undefined-behaviour sanitizer stops there, so these headers are exempt from that check.

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif

#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#if defined(__clang__)
#pragma clang attribute pop
#endif
