#include "lib/convert/swe_agent.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/text_fields.h"
#include "lib/convert/transcript.h"

namespace session::convert {
namespace {

using json::Value;
using schema::Block;
using schema::Role;
using transcript::Piece;
using Builder = schema::Message::Builder;
using Reader = schema::Message::Reader;

// ---- to messages --------------------------------------------------------------------------------

Role role_of(std::string_view word) {
  if (word == "user") return Role::USER;
  if (word == "assistant") return Role::ASSISTANT;
  if (word == "system") return Role::SYSTEM;
  if (word == "tool") return Role::TOOL;
  return Role::UNSET;
}

Piece action_piece(std::string_view action) {
  Piece piece;
  piece.kind = Block::Kind::TOOL_CALL;
  const std::size_t begin = action.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos) {
    const std::string_view words = action.substr(begin);
    piece.name = std::string(words.substr(0, words.find_first_of(" \t\r\n")));
  }
  piece.input = json::to_text(Value::string(action));
  return piece;
}

Piece call_piece(const Value& call) {
  Piece piece;
  piece.kind = Block::Kind::TOOL_CALL;
  piece.call_id = owned(get_text(call, "id"));
  if (const Value* function = call.find("function")) {
    piece.name = owned(get_text(*function, "name"));
    piece.input = owned(get_text(*function, "arguments"));
  }
  return piece;
}

Piece result_piece(std::optional<std::string> text) {
  Piece piece;
  piece.kind = Block::Kind::TOOL_RESULT;
  piece.text = std::move(text);
  return piece;
}

// The content's text, or texts one below the other; pieces that are none are kept whole.
std::optional<std::string> read_content(const Value& content, std::vector<Piece>& others) {
  if (content.is_string()) return std::string(content.text());
  if (!content.is_array()) return std::nullopt;
  for (const Value& item : content.items()) {
    if (!get_text(item, "text")) others.push_back(transcript::other_piece(item));
  }
  return transcript::joined_text(content);
}

void read_history(const Value& entry, Builder message) {
  message.setRole(role_of(get_text(entry, "role").value_or("")));
  set_text_if(entry, "agent", message, &Builder::initAgent);
  std::vector<Piece> pieces;
  const Value* content = entry.find("content");
  auto text = content != nullptr ? read_content(*content, pieces) : std::nullopt;
  if (message.getRole() == Role::TOOL) {
    Piece result = result_piece(std::move(text));
    const auto& ids = get_items(entry, "tool_call_ids");
    if (!ids.empty() && ids[0].is_string()) result.call_id = std::string(ids[0].text());
    pieces.insert(pieces.begin(), std::move(result));
  } else if (text) {
    set_text(*text, message, &Builder::initText);
  }
  const auto& calls = get_items(entry, "tool_calls");
  for (const Value& call : calls) pieces.push_back(call_piece(call));
  const auto action = get_text(entry, "action");
  if (calls.empty() && action) pieces.push_back(action_piece(*action));
  if (is_true(entry, "is_demo")) message.setFlags(transcript::kNotShown);
  transcript::set_blocks(pieces, message);
}

void read_step(const Value& step, Builder message) {
  message.setRole(Role::ASSISTANT);
  set_text_if(step, "response", message, &Builder::initText);
  std::vector<Piece> pieces;
  const auto thought = get_text(step, "thought");
  if (thought && !get_text(step, "response").value_or("").starts_with(*thought)) {
    Piece thinking;
    thinking.kind = Block::Kind::THINKING;
    thinking.text = owned(thought);
    pieces.push_back(std::move(thinking));
  }
  if (const auto action = get_text(step, "action")) pieces.push_back(action_piece(*action));
  if (const auto observation = get_text(step, "observation")) {
    pieces.push_back(result_piece(owned(observation)));
  }
  transcript::set_blocks(pieces, message);
}

// ---- from messages ------------------------------------------------------------------------------

std::string_view role_word(Role role) {
  switch (role) {
    case Role::ASSISTANT:
      return "assistant";
    case Role::SYSTEM:
    case Role::DEVELOPER:
      return "system";
    case Role::TOOL:
      return "tool";
    default:
      return "user";
  }
}

Value call_of(Block::Reader block) {
  Value function = Value::object();
  add_text_if(function, "name", block.hasName(), block.getName());
  add_text_if(function, "arguments", block.hasInput(), block.getInput());
  Value call = Value::object();
  call.add("type", Value::string("function"));
  add_text_if(call, "id", block.hasCallId(), block.getCallId());
  call.add("function", std::move(function));
  return call;
}

// A call that nothing can answer by its id is a command line.
bool is_action(Block::Reader block) {
  return block.getKind() == Block::Kind::TOOL_CALL && !block.hasCallId() &&
         view(block.getInput()).starts_with('"');
}

Value fields_to_history(Reader message) {
  Value entry = Value::object();
  entry.add("role", Value::string(role_word(message.getRole())));
  add_text_if(entry, "agent", message.hasAgent(), message.getAgent());
  add_text_if(entry, "content", message.hasText(), message.getText());
  const bool is_foreign = message.getOrigin() != schema::Origin::SWE_AGENT;
  Value calls = Value::array();
  bool has_action = false;
  for (const auto block : message.getBlocks()) {
    if (block.getKind() == Block::Kind::TOOL_RESULT && entry.find("tool_call_ids") == nullptr) {
      if (!message.hasText()) add_text_if(entry, "content", block.hasText(), block.getText());
      if (!block.hasCallId()) continue;
      Value ids = Value::array();
      ids.items().push_back(Value::string(view(block.getCallId())));
      entry.add("tool_call_ids", std::move(ids));
    } else if (is_action(block) && !has_action) {
      entry.add("action", transcript::input_value(block));
      has_action = true;
    } else if (block.getKind() == Block::Kind::TOOL_CALL) {
      calls.items().push_back(call_of(block));
    } else if (is_foreign && block.getKind() == Block::Kind::THINKING &&
               entry.find("thought") == nullptr) {
      add_text_if(entry, "thought", block.hasText(), block.getText());
    }
  }
  if (is_foreign && entry.find("content") == nullptr) entry.add("content", Value::string(""));
  if (!calls.items().empty()) entry.add("tool_calls", std::move(calls));
  return entry;
}

Value fields_to_step(Reader message) {
  Value step = Value::object();
  for (const auto block : message.getBlocks()) {
    switch (block.getKind()) {
      case Block::Kind::THINKING:
        if (step.find("thought") == nullptr) {
          add_text_if(step, "thought", block.hasText(), block.getText());
        }
        break;
      case Block::Kind::TOOL_CALL:
        if (step.find("action") == nullptr) step.add("action", transcript::input_value(block));
        break;
      case Block::Kind::TOOL_RESULT:
        if (step.find("observation") == nullptr) {
          add_text_if(step, "observation", block.hasText(), block.getText());
        }
        break;
      default:
        break;
    }
  }
  add_text_if(step, "response", message.hasText(), message.getText());
  return step;
}

}  // namespace

void swe_history_to_message(const Value& entry, Builder message) {
  message.setOrigin(schema::Origin::SWE_AGENT);
  read_history(entry, message);
  transcript::keep_rest(fields_to_history(message.asReader()), entry, message);
}

void swe_step_to_message(const Value& step, Builder message) {
  message.setOrigin(schema::Origin::SWE_AGENT);
  read_step(step, message);
  transcript::keep_rest(fields_to_step(message.asReader()), step, message);
}

Value message_to_swe_history(Reader message) {
  Value entry = fields_to_history(message);
  if (message.getOrigin() != schema::Origin::SWE_AGENT) return entry;
  return transcript::with_rest(std::move(entry), message);
}

Value message_to_swe_step(Reader message) {
  Value step = fields_to_step(message);
  if (message.getOrigin() != schema::Origin::SWE_AGENT) return step;
  return transcript::with_rest(std::move(step), message);
}

}  // namespace session::convert
