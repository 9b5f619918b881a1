#pragma once
// The version of the library and the tool (semantic versioning; the format has its own numbers).

#define SESSIONTOOL_VERSION "0.1.0"
