#pragma once
// The figures of a session in its file.

#include "session/manager.h"

namespace session::manager {

[[nodiscard]] SessionStatistics read(schema::Statistics::Reader record);
void write(const SessionStatistics& statistics, schema::Statistics::Builder record);

}  // namespace session::manager
