#pragma once
// What every importer promises, of any bytes: a source is refused with an error of its own, or it
// comes in, goes out as the same JSON, and coming in again changes nothing. Ends the process where
// that is not so.
//
// Sources and sessions are files in a directory of this process, in memory where the machine has
// such a place: converters read their sources as the user names them, by path.

#include <cstddef>
#include <cstdint>

#include "session/convert.h"

namespace session::fuzz {

// A source that is one file. Does nothing for a format this build does not import.
void check_import(SourceFormat format, const std::uint8_t* data, std::size_t size);

// A source that is a directory. The input is its files, one after the other: "@PATH\n" and what is
// in it up to the next line that begins with "@"; what comes before the first of these lines is the
// state. A PATH that leads out of the directory is passed over.
void check_aca_import(const std::uint8_t* data, std::size_t size);

// Operations, as `apply` takes them: refused with an error of the source, or what they make comes
// out as operations that change nothing.
void check_apply(const std::uint8_t* data, std::size_t size);

}  // namespace session::fuzz
