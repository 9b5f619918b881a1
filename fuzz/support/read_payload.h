#pragma once
// Reads a payload as its kind says, after the checks and never before; and holds the checks against
// what they promise: what passes is canonical to Cap'n Proto too, every key is found where it
// stands, and pages built from what was read are sound again. Aborts where that fails.

#include "format/bytes.h"
#include "format/frame.h"

namespace session::fuzz {

// `payload` must be 8-byte aligned.
void read_payload(format::FrameKind kind, format::Bytes payload);

}  // namespace session::fuzz
