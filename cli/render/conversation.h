#pragma once
// Messages as a conversation.

#include <string_view>

#include "cli/render/page.h"
#include "session/schema/record.capnp.h"

namespace session::cli {

// Who, when, with which model and how many tokens; the text; tool calls and results, long ones cut.
void write_message(Page& page, std::string_view key, schema::Message::Reader message);

}  // namespace session::cli
