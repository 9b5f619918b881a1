#pragma once
// A line of a Codex rollout and a message, both ways: the mapping alone, without files.
//
//   lines     {"timestamp", "type", "payload"}; before that form existed the payload stood bare,
//   and
//             so it is written for a message without a time
//   messages  response_item/message, with its role; its first text is the message's, what else is
//   in
//             it are blocks. Instructions a program put in (developer, AGENTS.md, the environment)
//             are not shown
//   thinking  response_item/reasoning: a block for each part of the summary and the content
//   tools     function_call, custom_tool_call, local_shell_call, web_search_call and their outputs:
//             joined by the call_id
//   twice     event_msg/user_message, agent_message and agent_reasoning say what a response_item
//             says as well; which of them repeat one only their neighbours tell (codex_voice)
//   events    everything else (session_meta, turn_context, token_count, "record_type": "state"):
//             not shown, but for what went wrong. token_count has the tokens of the last use of the
//             model, turn_context the model; compacted is a summary
//
// What the fields do not say exactly is kept in `extra` (transcript.h), so a line comes back as it
// was.

#include <cstdint>
#include <vector>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert {

// Fills an empty message from a line, which must be an object.
void codex_to_message(const json::Value& line, schema::Message::Builder message);

// What is in the line: its payload, or itself.
[[nodiscard]] const json::Value& codex_payload(const json::Value& line);

// For a message that came from there, the line as it was but for what was changed since; for any
// other, the nearest ones: Codex has an item for each text, thought, call and result. Throws
// kBadSource when the message's `extra` cannot be used.
[[nodiscard]] std::vector<json::Value> message_to_codex(schema::Message::Reader message);

// Which of the two logs in a rollout a line belongs to, and what it says there.
enum class CodexEcho : std::uint8_t { kNone, kUser, kAssistant, kReasoning };
struct CodexVoice {
  CodexEcho says = CodexEcho::kNone;
  bool is_event = false;  // the copy for the screen, not the one for the model
};
[[nodiscard]] CodexVoice codex_voice(const json::Value& line);

}  // namespace session::convert
