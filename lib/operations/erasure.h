#pragma once
// What is left of records that were erased for good: a record in `recoveries`, with the reason
// "erased", that lists for each of them its table and the SHA-256 of its name. Not the name: that
// may be the secret itself.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/record.h"
#include "lib/store/view.h"
#include "session/compact.h"

namespace session::operations {

inline constexpr std::string_view kErasedReason = "erased";

// "tasks sha256:<hex>", the hash being that of "tasks/st-12".
[[nodiscard]] std::string marker_text(Table table, std::string_view key);

// Of a marker in the table, the texts it lists; nothing for another recovery.
[[nodiscard]] std::vector<std::string> erased_names(schema::Recovery::Reader recovery);

// A record of the table `recoveries`.
[[nodiscard]] format::Record erasure_marker(const std::vector<RecordName>& names,
                                            const RevisionInfo& head, std::int64_t time_nanos);

// kUsage: erasing `parent` alone would leave `child` without it.
[[noreturn]] void throw_left_behind(const std::string& parent, const std::string& child,
                                    const RevisionInfo& revision);

}  // namespace session::operations
