#pragma once
// Reads a payload as its kind says, after the checks and never before; and holds the checks against
// what they promise: what passes is canonical to Cap'n Proto too, every key is found where it
// stands, every field of a record of a known table can be read, and pages built from what was read
// are sound again. Aborts where that fails.

#include "format/bytes.h"
#include "format/frame.h"

namespace session::fuzz {

// `payload` must be 8-byte aligned; `table` is what the frame's header says.
void read_payload(format::FrameKind kind, std::uint16_t table, format::Bytes payload);

}  // namespace session::fuzz
