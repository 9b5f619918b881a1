#pragma once
// The two lists of a SWE-agent trajectory and messages, both ways: the mapping alone, without
// files.
//
//   history      what the model was told and said: role, content, agent. tool_calls, or where there
//                are none the action, are tool calls; the content of a tool's entry is its result
//   trajectory   a step: the response (text), the thought if the response does not begin with it
//                (thinking), the action (tool call) and the observation (tool result)
//
// Actions are command lines: the tool's name is their first word, its input the whole as a JSON
// string. What the fields do not say exactly, the state among it, is kept in `extra`
// (transcript.h), so an entry comes back as it was, even one that is no object.

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert {

// Fill an empty message.
void swe_history_to_message(const json::Value& entry, schema::Message::Builder message);
void swe_step_to_message(const json::Value& step, schema::Message::Builder message);

// For a message that came from there, the entry as it was but for what was changed since; for any
// other, the nearest one. Throw kBadSource when the message's `extra` cannot be used.
[[nodiscard]] json::Value message_to_swe_history(schema::Message::Reader message);
[[nodiscard]] json::Value message_to_swe_step(schema::Message::Reader message);

}  // namespace session::convert
