#include "lib/convert/claude_code.h"

#include <algorithm>
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

// ---- line to message ----------------------------------------------------------------------------

Piece image_piece(const Value& content) {
  const Value* source = content.find("source");
  const auto data = source != nullptr ? get_text(*source, "data") : std::nullopt;
  if (!data) return transcript::other_piece(content);
  Piece piece;
  piece.kind = Block::Kind::IMAGE;
  piece.name = owned(get_text(*source, "media_type"));
  piece.text = owned(data);
  return piece;
}

Piece piece_of(const Value& content) {
  const std::string_view type = get_text(content, "type").value_or("");
  Piece piece;
  if (type == "text" && get_text(content, "text")) {
    piece.kind = Block::Kind::TEXT;
    piece.text = owned(get_text(content, "text"));
  } else if (type == "thinking" && get_text(content, "thinking")) {
    piece.kind = Block::Kind::THINKING;
    piece.text = owned(get_text(content, "thinking"));
  } else if (type == "tool_use") {
    piece.kind = Block::Kind::TOOL_CALL;
    piece.call_id = owned(get_text(content, "id"));
    piece.name = owned(get_text(content, "name"));
    if (const Value* input = content.find("input")) piece.input = json::to_text(*input);
  } else if (type == "tool_result") {
    piece.kind = Block::Kind::TOOL_RESULT;
    piece.call_id = owned(get_text(content, "tool_use_id"));
    piece.is_error = is_true(content, "is_error");
    piece.text = owned(get_text(content, "content"));
    const Value* pieces = content.find("content");
    if (pieces != nullptr && pieces->is_array()) piece.text = transcript::joined_text(*pieces);
  } else if (type == "image") {
    return image_piece(content);
  } else {
    return transcript::other_piece(content);
  }
  return piece;
}

void read_content(const Value& content, Builder message) {
  if (content.is_string()) {
    set_text(content.text(), message, &Builder::initText);
    return;
  }
  if (!content.is_array()) return;
  std::vector<Piece> pieces;
  for (const Value& item : content.items()) {
    Piece piece = piece_of(item);
    if (pieces.empty() && !message.hasText() && piece.kind == Block::Kind::TEXT) {
      set_text(*piece.text, message, &Builder::initText);
    } else {
      pieces.push_back(std::move(piece));
    }
  }
  const bool is_result = !message.hasText() && !pieces.empty() &&
                         std::all_of(pieces.begin(), pieces.end(), [](const Piece& piece) {
                           return piece.kind == Block::Kind::TOOL_RESULT;
                         });
  if (message.getRole() == Role::USER && is_result) message.setRole(Role::TOOL);
  transcript::set_blocks(pieces, message);
}

void read_api_message(const Value& api, Builder message) {
  set_text_if(api, "model", message, &Builder::initModel);
  if (const Value* content = api.find("content")) read_content(*content, message);
  const Value* usage = api.find("usage");
  if (usage == nullptr) return;
  message.setInputTokens(transcript::token_count(*usage, "input_tokens"));
  message.setOutputTokens(transcript::token_count(*usage, "output_tokens"));
  message.setCachedTokens(transcript::token_count(*usage, "cache_read_input_tokens"));
}

void read_by_type(const Value& line, std::string_view type, Builder message) {
  const Value* api = line.find("message");
  const bool has_message = api != nullptr && api->is_object();
  if ((type == "user" || type == "assistant") && has_message) {
    message.setRole(type == "user" ? Role::USER : Role::ASSISTANT);
    read_api_message(*api, message);
  } else if (type == "summary" && get_text(line, "summary")) {
    message.setRole(Role::SUMMARY);
    set_text_if(line, "summary", message, &Builder::initText);
    set_text_if(line, "leafUuid", message, &Builder::initParentId);
  } else if (type == "system") {
    message.setRole(Role::SYSTEM);
    set_text_if(line, "content", message, &Builder::initText);
  } else {
    message.setRole(Role::EVENT);
    message.setFlags(message.getFlags() | transcript::kNotShown);
    transcript::set_blocks({transcript::marker(type)}, message);
  }
}

// ---- message to line ----------------------------------------------------------------------------

Value typed(std::string_view type) {
  Value result = Value::object();
  result.add("type", Value::string(type));
  return result;
}

Value text_content(kj::StringPtr text) {
  Value result = typed("text");
  result.add("text", Value::string(view(text)));
  return result;
}

Value content_of(Block::Reader block) {
  switch (block.getKind()) {
    case Block::Kind::TEXT:
      return text_content(block.getText());
    case Block::Kind::THINKING: {
      Value result = typed("thinking");
      result.add("thinking", Value::string(view(block.getText())));
      return result;
    }
    case Block::Kind::TOOL_CALL: {
      Value result = typed("tool_use");
      add_text_if(result, "id", block.hasCallId(), block.getCallId());
      add_text_if(result, "name", block.hasName(), block.getName());
      if (block.hasInput()) result.add("input", transcript::input_value(block));
      return result;
    }
    case Block::Kind::TOOL_RESULT: {
      Value result = typed("tool_result");
      add_text_if(result, "tool_use_id", block.hasCallId(), block.getCallId());
      add_text_if(result, "content", block.hasText(), block.getText());
      if (block.getIsError()) result.add("is_error", Value::boolean(true));
      return result;
    }
    case Block::Kind::IMAGE: {
      Value source = typed("base64");
      add_text_if(source, "media_type", block.hasName(), block.getName());
      add_text_if(source, "data", block.hasText(), block.getText());
      Value result = typed("image");
      result.add("source", std::move(source));
      return result;
    }
    default:
      return transcript::input_value(block);
  }
}

// A user writes a plain text where there is nothing else; the assistant always pieces.
Value content_of(Reader message, bool is_assistant) {
  Value pieces = Value::array();
  if (message.hasText()) pieces.items().push_back(text_content(message.getText()));
  for (const auto block : message.getBlocks()) {
    if (transcript::is_kept_text(block)) continue;
    if (block.getKind() == Block::Kind::OTHER && !block.hasInput()) continue;
    pieces.items().push_back(content_of(block));
  }
  if (!is_assistant && message.hasText() && pieces.items().size() == 1) {
    return Value::string(view(message.getText()));
  }
  return pieces;
}

Value api_message(Reader message) {
  const bool is_assistant = message.getRole() == Role::ASSISTANT;
  Value api = Value::object();
  if (is_assistant) api.add("type", Value::string("message"));
  api.add("role", Value::string(is_assistant ? "assistant" : "user"));
  add_text_if(api, "model", message.hasModel(), message.getModel());
  api.add("content", content_of(message, is_assistant));
  const bool is_foreign = message.getOrigin() != schema::Origin::CLAUDE_CODE;
  const bool has_usage = message.getInputTokens() != 0 || message.getOutputTokens() != 0 ||
                         message.getCachedTokens() != 0;
  if (!is_assistant || (is_foreign && !has_usage)) return api;
  api.add("stop_reason", Value());
  api.add("stop_sequence", Value());
  Value usage = Value::object();
  usage.add("input_tokens", Value::natural(message.getInputTokens()));
  usage.add("cache_read_input_tokens", Value::natural(message.getCachedTokens()));
  usage.add("output_tokens", Value::natural(message.getOutputTokens()));
  api.add("usage", std::move(usage));
  return api;
}

// What Claude Code itself says of a tool that failed: the result, after a word.
void add_failure(Value& line, Reader message) {
  const auto blocks = message.getBlocks();
  if (blocks.size() == 0 || !blocks[0].getIsError() || !blocks[0].hasText()) return;
  line.add("toolUseResult", Value::string("Error: " + std::string(view(blocks[0].getText()))));
}

std::string_view type_of(Reader message) {
  switch (message.getRole()) {
    case Role::ASSISTANT:
      return "assistant";
    case Role::SYSTEM:
    case Role::DEVELOPER:
      return "system";
    case Role::EVENT:
    case Role::UNSET:
      return transcript::marker_of(message).value_or("system");
    default:
      return "user";
  }
}

// What the fields alone say.
Value fields_to_line(Reader message) {
  Value line = Value::object();
  if (message.getRole() == Role::SUMMARY) {
    line.add("type", Value::string("summary"));
    add_text_if(line, "summary", message.hasText(), message.getText());
    add_text_if(line, "leafUuid", message.hasParentId(), message.getParentId());
    return line;
  }
  const std::string_view type = type_of(message);
  const bool is_event = message.getRole() == Role::EVENT;
  if (message.hasParentId() || !is_event) {
    line.add("parentUuid",
             message.hasParentId() ? Value::string(view(message.getParentId())) : Value());
  }
  if (!is_event) {
    line.add("isSidechain", Value::boolean((message.getFlags() & transcript::kSideChain) != 0));
  }
  line.add("type", Value::string(type));
  if (type == "user" || type == "assistant") {
    line.add("message", api_message(message));
  } else {
    add_text_if(line, "content", message.hasText(), message.getText());
  }
  if (!is_event && (message.getFlags() & transcript::kNotShown) != 0) {
    line.add("isMeta", Value::boolean(true));
  }
  add_text_if(line, "agentId", message.hasAgent(), message.getAgent());
  add_text_if(line, "uuid", message.hasId(), message.getId());
  add_time_if(line, "timestamp", message.getTime(), message.getTimeForm());
  if (message.getRole() == Role::TOOL) add_failure(line, message);
  return line;
}

}  // namespace

void claude_code_to_message(const Value& line, Builder message) {
  message.setOrigin(schema::Origin::CLAUDE_CODE);
  set_text_if(line, "uuid", message, &Builder::initId);
  set_text_if(line, "parentUuid", message, &Builder::initParentId);
  set_text_if(line, "agentId", message, &Builder::initAgent);
  set_time_if(line, "timestamp", message, &Builder::setTime, &Builder::setTimeForm);
  message.setFlags((is_true(line, "isSidechain") ? transcript::kSideChain : 0U) |
                   (is_true(line, "isMeta") ? transcript::kNotShown : 0U));
  read_by_type(line, get_text(line, "type").value_or(""), message);
  transcript::keep_rest(fields_to_line(message.asReader()), line, message);
}

Value message_to_claude_code(Reader message) {
  Value line = fields_to_line(message);
  if (message.getOrigin() != schema::Origin::CLAUDE_CODE) return line;
  return transcript::with_rest(std::move(line), message);
}

}  // namespace session::convert
