#include "lib/convert/codex.h"

#include <algorithm>
#include <array>
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

constexpr std::string_view kWebSearch = "web_search";
constexpr std::string_view kLocalShell = "local_shell";

// Events that tell a person that something went wrong.
constexpr std::array<std::string_view, 5> kShownEvents = {"error", "stream_error", "warning",
                                                          "turn_aborted", "background_event"};
// How texts begin that the program writes in the user's name.
constexpr std::array<std::string_view, 4> kProgramTexts = {
    "<environment_context>", "<user_instructions>", "# AGENTS.md instructions", "<turn_aborted>"};

void hide(Builder message) {
  message.setFlags(message.getFlags() | transcript::kNotShown);
}

// ---- line to message ----------------------------------------------------------------------------

Role role_of(std::string_view word) {
  if (word == "user") return Role::USER;
  if (word == "assistant") return Role::ASSISTANT;
  if (word == "developer") return Role::DEVELOPER;
  if (word == "system") return Role::SYSTEM;
  if (word == "tool") return Role::TOOL;
  return Role::UNSET;
}

bool is_text_type(std::string_view type) {
  return type == "input_text" || type == "output_text" || type == "text";
}

Piece content_piece(const Value& content) {
  Piece piece;
  const std::string_view type = get_text(content, "type").value_or("");
  if (is_text_type(type) && get_text(content, "text")) {
    piece.kind = Block::Kind::TEXT;
    piece.text = owned(get_text(content, "text"));
    return piece;
  }
  if (type == "input_image" && get_text(content, "image_url")) {
    piece.kind = Block::Kind::IMAGE;
    piece.text = owned(get_text(content, "image_url"));
    return piece;
  }
  return transcript::other_piece(content);
}

void read_message(const Value& item, Builder message) {
  message.setRole(role_of(get_text(item, "role").value_or("")));
  std::vector<Piece> pieces;
  for (const Value& content : get_items(item, "content")) {
    Piece piece = content_piece(content);
    if (pieces.empty() && !message.hasText() && piece.kind == Block::Kind::TEXT) {
      set_text(*piece.text, message, &Builder::initText);
    } else {
      pieces.push_back(std::move(piece));
    }
  }
  transcript::set_blocks(pieces, message);
  const std::string_view text = view(message.asReader().getText());
  const bool is_program =
      std::any_of(kProgramTexts.begin(), kProgramTexts.end(),
                  [&](std::string_view head) { return text.starts_with(head); });
  if (message.getRole() == Role::DEVELOPER || (message.getRole() == Role::USER && is_program)) {
    hide(message);
  }
}

void read_reasoning(const Value& item, Builder message) {
  message.setRole(Role::ASSISTANT);
  std::vector<Piece> pieces;
  for (const std::string_view list : {"summary", "content"}) {
    for (const Value& part : get_items(item, list)) {
      Piece piece;
      piece.kind = Block::Kind::THINKING;
      piece.text = owned(get_text(part, "text"));
      // The content repeats the summary in more words; which of them it is says the name.
      if (list == "content") piece.name = "content";
      pieces.push_back(std::move(piece));
    }
  }
  transcript::set_blocks(pieces, message);
  if (pieces.empty()) hide(message);
}

void read_call(const Value& item, std::string_view type, Builder message) {
  Piece piece;
  piece.kind = Block::Kind::TOOL_CALL;
  piece.call_id = owned(get_text(item, "call_id"));
  piece.name = owned(get_text(item, "name"));
  if (type == "function_call") {
    piece.input = owned(get_text(item, "arguments"));
  } else if (type == "custom_tool_call") {
    if (const auto input = get_text(item, "input")) {
      piece.input = json::to_text(Value::string(*input));
    }
  } else {
    piece.name = std::string(type == "web_search_call" ? kWebSearch : kLocalShell);
    if (const Value* action = item.find("action")) piece.input = json::to_text(*action);
  }
  message.setRole(Role::ASSISTANT);
  transcript::set_blocks({piece}, message);
}

void read_output(const Value& item, Builder message) {
  Piece piece;
  piece.kind = Block::Kind::TOOL_RESULT;
  piece.call_id = owned(get_text(item, "call_id"));
  if (const Value* output = item.find("output")) {
    if (output->is_string()) piece.text = std::string(output->text());
    if (output->is_object()) piece.text = owned(get_text(*output, "content"));
    if (output->is_array()) piece.text = transcript::joined_text(*output);
  }
  message.setRole(Role::TOOL);
  transcript::set_blocks({piece}, message);
}

void read_event(std::string_view name, Builder message) {
  message.setRole(Role::EVENT);
  hide(message);
  transcript::set_blocks({transcript::marker(name)}, message);
}

bool is_call(std::string_view type) {
  return type == "function_call" || type == "custom_tool_call" || type == "local_shell_call" ||
         type == "web_search_call";
}

// False for an item that is none of these.
bool read_item(const Value& item, Builder message) {
  const std::string_view type = get_text(item, "type").value_or("");
  if (type == "message") {
    read_message(item, message);
  } else if (type == "reasoning") {
    read_reasoning(item, message);
  } else if (is_call(type)) {
    read_call(item, type, message);
  } else if (type == "function_call_output" || type == "custom_tool_call_output" ||
             type == "local_shell_call_output") {
    read_output(item, message);
  } else {
    return false;
  }
  return true;
}

void read_tokens(const Value& event, Builder message) {
  const Value* info = event.find("info");
  const Value* usage = info != nullptr ? info->find("last_token_usage") : nullptr;
  if (usage == nullptr) return;
  message.setInputTokens(transcript::token_count(*usage, "input_tokens"));
  message.setOutputTokens(transcript::token_count(*usage, "output_tokens"));
  message.setCachedTokens(transcript::token_count(*usage, "cached_input_tokens"));
}

void read_event_message(const Value& event, Builder message) {
  const std::string_view type = get_text(event, "type").value_or("");
  if (type == "agent_reasoning" && get_text(event, "text")) {
    Piece piece;
    piece.kind = Block::Kind::THINKING;
    piece.text = owned(get_text(event, "text"));
    message.setRole(Role::ASSISTANT);
    transcript::set_blocks({piece, transcript::marker(type)}, message);
    return;
  }
  read_event(type, message);
  set_text_if(event, "message", message, &Builder::initText);
  if (type == "token_count") read_tokens(event, message);
  const bool is_shown =
      std::find(kShownEvents.begin(), kShownEvents.end(), type) != kShownEvents.end();
  if (type == "user_message") message.setRole(Role::USER);
  if (type == "agent_message") message.setRole(Role::ASSISTANT);
  if (is_shown || type == "user_message" || type == "agent_message") {
    message.setFlags(message.getFlags() & ~transcript::kNotShown);
  }
}

void read_line(const Value& line, Builder message) {
  const std::string_view type = get_text(line, "type").value_or("");
  const Value& payload = codex_payload(line);
  if (&payload == &line) {
    if (!read_item(line, message)) {
      read_event(get_text(line, "record_type").value_or(type), message);
    }
  } else if (type == "event_msg") {
    read_event_message(payload, message);
  } else if (type == "compacted") {
    message.setRole(Role::SUMMARY);
    set_text_if(payload, "message", message, &Builder::initText);
  } else if (type == "response_item") {
    if (!read_item(payload, message)) {
      read_event(get_text(payload, "type").value_or(""), message);
    }
  } else {
    read_event(type, message);
    if (type == "turn_context") set_text_if(payload, "model", message, &Builder::initModel);
  }
}

// ---- message to line ----------------------------------------------------------------------------

Value typed(std::string_view type) {
  Value result = Value::object();
  result.add("type", Value::string(type));
  return result;
}

Value with_text(std::string_view type, kj::StringPtr text) {
  Value result = typed(type);
  result.add("text", Value::string(view(text)));
  return result;
}

std::string_view role_word(Role role) {
  switch (role) {
    case Role::ASSISTANT:
    case Role::SUMMARY:
      return "assistant";
    case Role::DEVELOPER:
      return "developer";
    case Role::SYSTEM:
      return "system";
    case Role::TOOL:
      return "tool";
    default:
      return "user";
  }
}

Value message_item(Reader message) {
  Value item = typed("message");
  item.add("role", Value::string(role_word(message.getRole())));
  const std::string_view text_type =
      message.getRole() == Role::ASSISTANT ? "output_text" : "input_text";
  Value content = Value::array();
  if (message.hasText()) content.items().push_back(with_text(text_type, message.getText()));
  for (const auto block : message.getBlocks()) {
    if (transcript::is_kept_text(block)) continue;
    if (block.getKind() == Block::Kind::TEXT) {
      content.items().push_back(with_text(text_type, block.getText()));
    } else if (block.getKind() == Block::Kind::IMAGE) {
      Value image = typed("input_image");
      add_text_if(image, "image_url", block.hasText(), block.getText());
      content.items().push_back(std::move(image));
    } else if (block.getKind() == Block::Kind::OTHER && block.hasInput()) {
      content.items().push_back(transcript::input_value(block));
    }
  }
  item.add("content", std::move(content));
  return item;
}

Value reasoning_item(Reader message) {
  Value summary = Value::array();
  Value content = Value::array();
  for (const auto block : message.getBlocks()) {
    if (block.getKind() != Block::Kind::THINKING) continue;
    const bool in_content = block.hasName();
    Value part = typed(in_content ? "reasoning_text" : "summary_text");
    add_text_if(part, "text", block.hasText(), block.getText());
    (in_content ? content : summary).items().push_back(std::move(part));
  }
  Value item = typed("reasoning");
  item.add("summary", std::move(summary));
  item.add("content", content.items().empty() ? Value() : std::move(content));
  return item;
}

Value call_item(Block::Reader block) {
  const std::string_view name = view(block.getName());
  const std::string_view input = view(block.getInput());
  if (name == kWebSearch || name == kLocalShell) {
    Value item = typed(name == kWebSearch ? "web_search_call" : "local_shell_call");
    item.add("status", Value::string("completed"));
    add_text_if(item, "call_id", block.hasCallId(), block.getCallId());
    if (block.hasInput()) item.add("action", transcript::input_value(block));
    return item;
  }
  // What is called with a bare text is a tool of its own kind.
  const bool is_custom = input.starts_with('"');
  Value item = typed(is_custom ? "custom_tool_call" : "function_call");
  if (is_custom) item.add("status", Value::string("completed"));
  add_text_if(item, "call_id", block.hasCallId(), block.getCallId());
  add_text_if(item, "name", block.hasName(), block.getName());
  if (is_custom) {
    item.add("input", transcript::input_value(block));
  } else {
    add_text_if(item, "arguments", block.hasInput(), block.getInput());
  }
  return item;
}

Value output_item(Block::Reader block) {
  Value item = typed("function_call_output");
  add_text_if(item, "call_id", block.hasCallId(), block.getCallId());
  add_text_if(item, "output", block.hasText(), block.getText());
  return item;
}

std::optional<Block::Reader> first_of(Reader message, Block::Kind kind) {
  for (const auto block : message.getBlocks()) {
    if (block.getKind() == kind) return block;
  }
  return std::nullopt;
}

Value item_of(Reader message) {
  if (!message.hasText()) {
    if (const auto call = first_of(message, Block::Kind::TOOL_CALL)) return call_item(*call);
    if (const auto result = first_of(message, Block::Kind::TOOL_RESULT))
      return output_item(*result);
    if (first_of(message, Block::Kind::THINKING)) return reasoning_item(message);
  }
  return message_item(message);
}

Value event_payload(Reader message, std::string_view name) {
  Value payload = typed(name);
  if (name == "agent_reasoning") {
    if (const auto thinking = first_of(message, Block::Kind::THINKING)) {
      add_text_if(payload, "text", thinking->hasText(), thinking->getText());
    }
  }
  add_text_if(payload, "message", message.hasText(), message.getText());
  return payload;
}

// What the fields alone say.
Value fields_to_line(Reader message) {
  const auto name = transcript::marker_of(message);
  const bool is_bare = message.getTimeForm() == 0;
  if (is_bare && !name) return item_of(message);
  if (is_bare) {
    Value line = Value::object();
    line.add("record_type", Value::string(*name));
    return line;
  }
  Value line = Value::object();
  add_time_if(line, "timestamp", message.getTime(), message.getTimeForm());
  const auto finish = [&line](std::string_view type, Value payload) {
    line.add("type", Value::string(type));
    line.add("payload", std::move(payload));
    return std::move(line);
  };
  if (name == "session_meta" || name == "turn_context") {
    Value payload = Value::object();
    add_text_if(payload, "model", message.hasModel(), message.getModel());
    return finish(*name, std::move(payload));
  }
  if (name) return finish("event_msg", event_payload(message, *name));
  if (message.getRole() == Role::SUMMARY) {
    Value payload = Value::object();
    add_text_if(payload, "message", message.hasText(), message.getText());
    return finish("compacted", std::move(payload));
  }
  return finish("response_item", item_of(message));
}

// A message of another agent, which may say and do several things at once.
std::vector<Value> foreign_lines(Reader message) {
  std::vector<Value> items;
  const auto thinks = first_of(message, Block::Kind::THINKING);
  if (thinks) items.push_back(reasoning_item(message));
  const bool has_text = message.hasText() || first_of(message, Block::Kind::TEXT).has_value() ||
                        first_of(message, Block::Kind::IMAGE).has_value();
  if (has_text) items.push_back(message_item(message));
  for (const auto block : message.getBlocks()) {
    if (block.getKind() == Block::Kind::TOOL_CALL) items.push_back(call_item(block));
    if (block.getKind() == Block::Kind::TOOL_RESULT) items.push_back(output_item(block));
  }
  if (message.getTimeForm() == 0) return items;
  std::vector<Value> lines;
  for (Value& item : items) {
    Value line = Value::object();
    add_time_if(line, "timestamp", message.getTime(), message.getTimeForm());
    line.add("type", Value::string("response_item"));
    line.add("payload", std::move(item));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

const Value& codex_payload(const Value& line) {
  const Value* payload = line.find("payload");
  return payload != nullptr && payload->is_object() && get_text(line, "type") ? *payload : line;
}

void codex_to_message(const Value& line, Builder message) {
  message.setOrigin(schema::Origin::CODEX);
  set_time_if(line, "timestamp", message, &Builder::setTime, &Builder::setTimeForm);
  read_line(line, message);
  const Value& payload = codex_payload(line);
  if (message.getRole() != Role::EVENT) set_text_if(payload, "id", message, &Builder::initId);
  transcript::keep_rest(fields_to_line(message.asReader()), line, message);
}

std::vector<Value> message_to_codex(Reader message) {
  if (message.getOrigin() != schema::Origin::CODEX) return foreign_lines(message);
  std::vector<Value> lines;
  lines.push_back(transcript::with_rest(fields_to_line(message), message));
  return lines;
}

CodexVoice codex_voice(const Value& line) {
  const std::string_view type = get_text(line, "type").value_or("");
  const Value& payload = codex_payload(line);
  if (&payload == &line) return {};
  const std::string_view inner = get_text(payload, "type").value_or("");
  if (type == "event_msg") {
    if (inner == "user_message") return {CodexEcho::kUser, true};
    if (inner == "agent_message") return {CodexEcho::kAssistant, true};
    if (inner == "agent_reasoning") return {CodexEcho::kReasoning, true};
  }
  if (type == "response_item") {
    if (inner == "reasoning") return {CodexEcho::kReasoning, false};
    const std::string_view role = get_text(payload, "role").value_or("");
    if (inner == "message" && role == "user") return {CodexEcho::kUser, false};
    if (inner == "message" && role == "assistant") return {CodexEcho::kAssistant, false};
  }
  return {};
}

}  // namespace session::convert
