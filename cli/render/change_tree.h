#pragma once
// The tasks that differ, as a tree: each beneath its parent, which is shown faintly where it did
// not change itself. A task that moved stands where it is now, one that is gone where it was.

#include <cstddef>
#include <ostream>

#include "cli/render/style.h"
#include "session/diff.h"

namespace session::cli {

void draw_change_tree(std::ostream& out, const Style& style, std::size_t columns,
                      const Diff& difference);

}  // namespace session::cli
