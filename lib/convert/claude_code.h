#pragma once
// A line of a Claude Code transcript and a message, both ways: the mapping alone, without files.
//
//   type      user, assistant, system, summary; a user's line that only holds results of tools is a
//             message of the tool. Any other type ("progress", "file-history-snapshot", ...) is an
//             event that is not shown
//   text      the content where it is a text, else its first piece if that is a text
//   blocks    the other pieces of the content: text, thinking, tool_use, tool_result, image; what
//             is none of these is kept whole as JSON
//   flags     isSidechain, isMeta
//   id        uuid, parentUuid; of a summary the leafUuid is what it follows
//   tokens    of the line's API message, which may be spread over several lines that all repeat
//             them: equal counts on lines that follow each other are one use of the model
//
// What the fields do not say exactly is kept in `extra` (transcript.h), so a line comes back as it
// was.

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert {

// Fills an empty message from a line, which must be an object.
void claude_code_to_message(const json::Value& line, schema::Message::Builder message);

// For a message that came from there, the line as it was but for what was changed since; for any
// other, the nearest one. Throws kBadSource when the message's `extra` cannot be used.
[[nodiscard]] json::Value message_to_claude_code(schema::Message::Reader message);

}  // namespace session::convert
