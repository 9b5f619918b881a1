#include "lib/convert/transcript.h"

#include <capnp/dynamic.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <ostream>

#include "format/layout.h"
#include "lib/convert/line_reader.h"
#include "lib/convert/residual.h"
#include "lib/convert/room.h"
#include "lib/convert/text_fields.h"
#include "session/error.h"

namespace session::convert::transcript {
namespace {

using json::Value;
using schema::Block;

constexpr std::string_view kReference = "@";
// Below this a reference is no shorter than the text.
constexpr std::size_t kLeastReferredBytes = 32;
// A message with more texts is looked through no further: the search stays linear in its size.
constexpr std::size_t kMostKnownTexts = 64;

bool is_reference_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of('@') == std::string_view::npos;
}

// The member of an object that looks like a reference, escaped or not.
template <class AnyValue>
auto* reference_in(AnyValue& value) {
  using Member = decltype(&value.members()[0]);
  if (!value.is_object() || value.members().size() != 1) return Member{nullptr};
  auto& member = value.members()[0];
  return is_reference_name(member.name()) ? &member : Member{nullptr};
}

// Puts references in a patch in place of the texts a message has.
class Encoder {
 public:
  explicit Encoder(schema::Message::Reader message) {
    if (message.hasText()) know("text", view(message.getText()));
    unsigned i = 0;
    for (const auto block : message.getBlocks()) {
      if (block.hasText()) know(path_of(i), view(block.getText()));
      ++i;
    }
    next_block_ = i;
  }

  void encode(Value& value, std::string_view name) {
    if (value.is_string()) {
      if (auto reference = refer(value.text(), name)) value = std::move(*reference);
    } else if (value.is_array()) {
      for (Value& item : value.items()) encode(item, name);
    } else if (value.is_object()) {
      // What is inside first: it must not see the escape.
      auto* member = reference_in(value);
      for (auto& inner : value.members()) encode(inner.value, inner.name());
      if (member != nullptr) {
        const std::string escaped = std::string(member->name()) + "@";
        *member = json::Member(escaped, std::move(member->value));
      }
    }
  }

  // The texts that are in no field and too large to stay in the patch.
  [[nodiscard]] std::vector<Piece>& kept() { return kept_; }

 private:
  struct Known {
    std::string path;
    std::string text;
    std::optional<std::size_t> offset;  // in its field, of a piece that was found there
    std::size_t next = 0;               // behind the last piece that was found: they come in order
  };

  static std::string path_of(std::size_t block) {
    return "blocks." + std::to_string(block) + ".text";
  }

  void know(std::string path, std::string_view text, std::optional<std::size_t> offset = {}) {
    if (text.size() < kLeastReferredBytes || known_.size() == kMostKnownTexts) return;
    known_.push_back({std::move(path), std::string(text), offset});
  }

  static Value whole(std::string_view path) {
    Value result = Value::object();
    result.add(kReference, Value::string(path));
    return result;
  }

  static Value piece(std::string_view path, std::size_t offset, std::size_t size) {
    Value place = Value::array();
    place.items().push_back(Value::string(path));
    place.items().push_back(Value::natural(offset));
    place.items().push_back(Value::natural(size));
    Value result = Value::object();
    result.add(kReference, std::move(place));
    return result;
  }

  std::optional<Value> refer(std::string_view text, std::string_view name) {
    if (text.size() < kLeastReferredBytes) return std::nullopt;
    for (const Known& known : known_) {
      if (known.text != text) continue;
      return known.offset ? piece(known.path, *known.offset, text.size()) : whole(known.path);
    }
    for (Known& known : known_) {
      if (known.offset) continue;
      // A line break stands between pieces that were joined.
      for (const std::size_t at : {std::size_t{0}, known.next, known.next + 1}) {
        if (at > known.text.size()) continue;
        if (!std::string_view(known.text).substr(at).starts_with(text)) continue;
        known.next = at + text.size();
        const std::string path = known.path;
        know(path, text, at);
        return piece(path, at, text.size());
      }
    }
    if (text.size() <= format::kInlineBytes) return std::nullopt;
    return keep(text, name);
  }

  // Nothing if the record has no room for one more.
  std::optional<Value> keep(std::string_view text, std::string_view name) {
    if (!name.empty() && std::string_view("=~/").find(name.front()) != std::string_view::npos) {
      name.remove_prefix(1);
    }
    Piece piece;
    piece.name = std::string(name);
    if (!room_.take_bytes(kElementBytes + field_bytes(*piece.name) + field_bytes(text))) {
      return std::nullopt;
    }
    piece.text = std::string(text);
    kept_.push_back(std::move(piece));
    const std::string path = path_of(next_block_++);
    know(path, text);
    return whole(path);
  }

  std::vector<Known> known_;
  std::vector<Piece> kept_;
  Room room_;  // beside that of the blocks that are there already
  std::size_t next_block_ = 0;
};

std::optional<std::uint64_t> as_number(const Value& value) {
  if (!value.is_number()) return std::nullopt;
  const std::string_view digits = value.lexeme();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// Puts the texts back in.
class Decoder {
 public:
  explicit Decoder(schema::Message::Reader message) : message_(message) {}

  void decode(Value& value) const {
    if (value.is_array()) {
      for (Value& item : value.items()) decode(item);
      return;
    }
    if (!value.is_object()) return;
    auto* member = reference_in(value);
    if (member != nullptr && member->name() == kReference) {
      value = Value::string(referred(member->value));
      return;
    }
    for (auto& inner : value.members()) decode(inner.value);
    if (member != nullptr) {
      const std::string name(member->name().substr(1));
      *member = json::Member(name, std::move(member->value));
    }
  }

 private:
  [[noreturn]] static void fail(const Value& place) {
    throw Error(ErrorCode::kBadSource,
                "the message's `extra` refers to a text that is not there: " +
                    json::quote(json::to_text(place)));
  }

  [[nodiscard]] std::string_view referred(const Value& place) const {
    if (place.is_string()) {
      const auto text = field(place.text());
      if (!text) fail(place);
      return *text;
    }
    if (!place.is_array() || place.items().size() != 3 || !place.items()[0].is_string()) {
      fail(place);
    }
    const auto text = field(place.items()[0].text());
    const auto offset = as_number(place.items()[1]);
    const auto size = as_number(place.items()[2]);
    if (!text || !offset || !size || *offset > text->size() || *size > text->size() - *offset) {
      fail(place);
    }
    return text->substr(*offset, *size);
  }

  [[nodiscard]] std::optional<std::string_view> field(std::string_view path) const {
    if (path == "text") {
      if (!message_.hasText()) return std::nullopt;
      return view(message_.getText());
    }
    constexpr std::string_view kBefore = "blocks.";
    constexpr std::string_view kAfter = ".text";
    if (!path.starts_with(kBefore) || !path.ends_with(kAfter)) return std::nullopt;
    const auto blocks = message_.getBlocks();
    unsigned index = 0;
    const auto [end, error] = std::from_chars(path.data() + kBefore.size(),
                                              path.data() + path.size() - kAfter.size(), index);
    if (error != std::errc() || end != path.data() + path.size() - kAfter.size() ||
        index >= blocks.size() || !blocks[index].hasText()) {
      return std::nullopt;
    }
    return view(blocks[index].getText());
  }

  schema::Message::Reader message_;
};

std::size_t bytes_of(const Piece& piece) {
  std::size_t bytes = kElementBytes;
  for (const auto* text : {&piece.call_id, &piece.name, &piece.text, &piece.input}) {
    if (*text) bytes += field_bytes(**text);
  }
  return bytes;
}

void set_block(const Piece& piece, Block::Builder block) {
  block.setKind(piece.kind);
  block.setIsError(piece.is_error);
  if (piece.call_id) set_text(*piece.call_id, block, &Block::Builder::initCallId);
  if (piece.name) set_text(*piece.name, block, &Block::Builder::initName);
  if (piece.text) set_text(*piece.text, block, &Block::Builder::initText);
  if (piece.input) set_text(*piece.input, block, &Block::Builder::initInput);
}

void append_blocks(const std::vector<Piece>& pieces, schema::Message::Builder message) {
  const auto before = message.disownBlocks();
  const unsigned had = before.getReader().size();
  auto blocks = message.initBlocks(list_size(had + pieces.size()));
  for (unsigned i = 0; i < had; ++i) blocks.setWithCaveats(i, before.getReader()[i]);
  for (unsigned i = 0; i < pieces.size(); ++i) set_block(pieces[i], blocks[had + i]);
}

}  // namespace

std::string position_key(std::uint64_t position) {
  std::array<char, 24> digits{};
  const int size = std::snprintf(digits.data(), digits.size(), "%09llu",
                                 static_cast<unsigned long long>(position));
  return {digits.data(), static_cast<std::size_t>(size)};
}

void set_blocks(const std::vector<Piece>& pieces, schema::Message::Builder message) {
  Room room;
  std::size_t count = 0;
  while (count < pieces.size() && room.take_bytes(bytes_of(pieces[count]))) ++count;
  if (count == 0) return;
  auto blocks = message.initBlocks(list_size(count));
  for (unsigned i = 0; i < blocks.size(); ++i) set_block(pieces[i], blocks[i]);
}

Piece other_piece(const Value& content) {
  Piece piece;
  if (const auto type = get_text(content, "type")) piece.name = std::string(*type);
  piece.input = json::to_text(content);
  return piece;
}

Piece marker(std::string_view name) {
  Piece piece;
  piece.name = std::string(name);
  return piece;
}

std::optional<std::string_view> marker_of(schema::Message::Reader message) {
  for (const auto block : message.getBlocks()) {
    if (block.getKind() != Block::Kind::OTHER || !block.hasName() || block.hasInput() ||
        block.hasText()) {
      continue;
    }
    return view(block.getName());
  }
  return std::nullopt;
}

bool is_kept_text(Block::Reader block) {
  return block.getKind() == Block::Kind::OTHER && block.hasText() && !block.hasInput();
}

Value input_value(Block::Reader block) {
  const std::string_view text = view(block.getInput());
  try {
    return json::parse(text, {.max_depth = json::kMaxOwnJsonDepth});
  } catch (const Error&) {
    return Value::string(text);
  }
}

std::optional<std::string> joined_text(const Value& content) {
  if (!content.is_array()) return std::nullopt;
  std::optional<std::string> text;
  for (const Value& item : content.items()) {
    const auto piece = get_text(item, "text");
    if (!piece) continue;
    if (text) {
      *text += "\n";
      *text += *piece;
    } else {
      text = std::string(*piece);
    }
  }
  return text;
}

std::uint32_t token_count(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  if (value == nullptr || !value->is_number()) return 0;
  const auto number = as_number(*value);
  if (!number || *number > UINT32_MAX || std::to_string(*number) != value->lexeme()) return 0;
  return static_cast<std::uint32_t>(*number);
}

void keep_rest(const Value& made, const Value& source, schema::Message::Builder message) {
  auto rest = difference(made, source);
  if (!rest) return;
  Encoder encoder(message.asReader());
  encoder.encode(*rest, {});
  if (!encoder.kept().empty()) append_blocks(encoder.kept(), message);
  set_text(json::to_text(*rest), message, &schema::Message::Builder::initExtra);
}

Value with_rest(Value made, schema::Message::Reader message) {
  if (!message.hasExtra()) return made;
  Value patch = parse_patch(view(message.getExtra()));
  (void)take_own_patch(patch);
  Decoder(message).decode(patch);
  return merge(std::move(made), patch);
}

void each_line(const std::string& path, ImportContext& into,
               const std::function<void(const Value&, std::uint64_t, std::uint64_t)>& use) {
  std::uint64_t position = 0;
  into.each_line(path, [&](const Value& value, std::uint64_t line) {
    if (!value.is_object()) {
      throw Error(ErrorCode::kBadSource, "line " + std::to_string(line) +
                                             ", column 1: a line of a transcript must be a JSON "
                                             "object");
    }
    use(value, ++position, line);
  });
}

void write_lines(ExportContext& out, schema::Origin origin, std::string_view format_name,
                 const LinesOf& lines_of) {
  std::uint64_t left_out = 0;
  out.each(Table::kMessages, [&](std::string_view key, AnyRecord record) {
    const auto message = record.as<schema::Message>();
    if (message.getOrigin() != origin && (message.getFlags() & kNotShown) != 0) {
      ++left_out;
      return;
    }
    try {
      for (const Value& line : lines_of(key, message)) out.out() << json::to_text(line) << '\n';
    } catch (const Error& error) {
      throw Error(error.code(), "message " + json::quote(key) + ": " + error.message());
    }
  });
  if (left_out != 0) {
    out.warn(std::to_string(left_out) +
             " messages of another format that are not shown were left "
             "out");
  }
  warn_of_other_tables(out, origin, format_name);
}

void warn_of_other_tables(ExportContext& out, schema::Origin origin, std::string_view format_name) {
  for (const Table table : kContentTables) {
    if (table == Table::kMessages) continue;
    std::uint64_t left_out = 0;
    for (Cursor cursor = out.snapshot().cursor(table); cursor.valid(); cursor.next()) {
      const auto record = cursor.record().as<capnp::DynamicStruct>(table_schema(table));
      KJ_IF_MAYBE (field, table_schema(table).findFieldByName("origin")) {
        // What was made of the messages comes back with them.
        if (record.get(*field).as<schema::Origin>() == origin) continue;
      }
      ++left_out;
    }
    if (left_out == 0) continue;
    out.warn(std::string(format_name) + " has no place for " + std::to_string(left_out) +
             " records of table " + std::string(table_name(table)));
  }
}

}  // namespace session::convert::transcript
