#pragma once
// What the transcripts of coding agents have in common: a message is an object of the source, its
// pieces are blocks, its place is its key, and what fields cannot say is kept beside it.
//
// `extra` of a message is a patch (residual.h) with one addition: a text in it that stands in the
// message already is not kept a second time, but referred to.
//
//   {"@": "blocks.0.text"}            the whole text of that field
//   {"@": ["blocks.0.text", 0, 80]}   80 bytes of it, from byte 0 on
//   {"@@": value}                     what the source wrote as {"@": value}, and so on
//
// A text too large for a record that no field has becomes a block of its own at the message's end:
// kind `other` with a name and a text, but no input. So the output of a tool, the file it read and
// the file as it was before an edit are blobs, stored once however often a transcript repeats them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/converter.h"
#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert::transcript {

inline constexpr std::uint32_t kSideChain = 1;  // bits of Message.flags
inline constexpr std::uint32_t kNotShown = 2;

// "000000012": sorts by position, so that a transcript that grew keeps the keys it had.
[[nodiscard]] std::string position_key(std::uint64_t position);

// A block about to be made.
struct Piece {
  schema::Block::Kind kind = schema::Block::Kind::OTHER;
  bool is_error = false;
  std::optional<std::string> call_id;
  std::optional<std::string> name;
  std::optional<std::string> text;
  std::optional<std::string> input;
};

// Fills the message's list of blocks as far as there is room; leaves it absent if there are none.
void set_blocks(const std::vector<Piece>& pieces, schema::Message::Builder message);

// A piece of content no other kind of block fits: kept whole, as JSON.
[[nodiscard]] Piece other_piece(const json::Value& content);
// What a transcript calls an entry that is no message: one block with nothing but the name.
[[nodiscard]] Piece marker(std::string_view name);
// The name of such an entry; nothing for a message.
[[nodiscard]] std::optional<std::string_view> marker_of(schema::Message::Reader message);
// A block keep_rest() made: no part of the content.
[[nodiscard]] bool is_kept_text(schema::Block::Reader block);

// What a tool was called with: JSON in a text, and back. A text that is no JSON is a string.
[[nodiscard]] json::Value input_value(schema::Block::Reader block);

// The texts of a list of {"text"} one below the other; nothing if there is no text in it.
[[nodiscard]] std::optional<std::string> joined_text(const json::Value& content);

// A count of tokens that comes back to the letter; 0 for anything else.
[[nodiscard]] std::uint32_t token_count(const json::Value& object, std::string_view name);

// The last step of a mapping: `made` is what the message's fields say, `source` what they should.
void keep_rest(const json::Value& made, const json::Value& source,
               schema::Message::Builder message);
// And back. Throws kBadSource when the `extra` is no patch or refers to what is not there.
[[nodiscard]] json::Value with_rest(json::Value made, schema::Message::Reader message);

// The objects of a JSONL source, with their positions, from 1, and the numbers of their lines.
// Blank lines do not count. Throws kBadSource with line and column; says of a last line that is cut
// off that it is the last.
void each_line(
    const std::string& path, ImportContext& into,
    const std::function<void(const json::Value&, std::uint64_t position, std::uint64_t line)>& use);

// Writes the lines of each message. Of a session that came from elsewhere what is not shown to a
// person is left out. Warns of what a transcript has no place for.
using LinesOf =
    std::function<std::vector<json::Value>(std::string_view key, schema::Message::Reader message)>;
void write_lines(ExportContext& out, schema::Origin origin, std::string_view format_name,
                 const LinesOf& lines_of);

// The same warning, for a format that writes in another way.
void warn_of_other_tables(ExportContext& out, schema::Origin origin, std::string_view format_name);

}  // namespace session::convert::transcript
