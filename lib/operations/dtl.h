#pragma once
// The one include of dtl, which names more of the standard library than it includes.

// What it does not include itself comes first.
#include <cstddef>
#include <utility>

#include <dtl/dtl.hpp>
