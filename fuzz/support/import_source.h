#pragma once
// What every importer promises, of any bytes: a source is refused with an error of its own, or it
// comes in, goes out as the same JSON, and coming in again changes nothing. Ends the process where
// that is not so.

#include <cstddef>
#include <cstdint>

#include "session/convert.h"

namespace session::fuzz {

// A source that is one file. Does nothing for a format this build does not import.
void check_import(SourceFormat format, const std::uint8_t* data, std::size_t size);

// A source that is a directory; the input is its files, as write_entries() takes them.
void check_aca_import(const std::uint8_t* data, std::size_t size);

// Operations, as `apply` takes them: refused with an error of the source, or what they make comes
// out as operations that change nothing.
void check_apply(const std::uint8_t* data, std::size_t size);

}  // namespace session::fuzz
