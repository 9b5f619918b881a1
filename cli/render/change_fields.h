#pragma once
// The fields of one change, and its mark.

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/render/style.h"
#include "session/diff.h"

namespace session::cli {

// "+", "-" or "~", and its colour.
[[nodiscard]] std::string_view change_mark(ChangeKind kind);
[[nodiscard]] Ink change_ink(ChangeKind kind);

// The title of a task on the newer side, where it is there, else on the older; empty: on neither.
[[nodiscard]] std::string title_in(const Diff& difference, std::string_view task);

// Each on a line or more, with `margin` before them.
void write_change_fields(std::ostream& out, const Style& style, std::size_t columns,
                         const std::string& margin, const RecordChange& change,
                         const Diff& difference);

}  // namespace session::cli
