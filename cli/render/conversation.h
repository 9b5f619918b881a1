#pragma once
// Messages as a conversation: who, when and with which model; the text; each call of a tool on one
// line, its result shortened below it; side chains set apart by a margin; and at the end how much
// was said and how many tokens it took. Messages that repeat others or are not for a person are
// counted and left out.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "cli/render/page.h"
#include "session/schema/record.capnp.h"

namespace session::cli {

class Conversation {
 public:
  // Texts are broken at `columns`; 0: lines are as long as they are. The page must outlive this.
  Conversation(Page& page, std::size_t columns) : page_(page), columns_(columns) {}

  void add(std::string_view key, schema::Message::Reader message);
  void finish();

 private:
  struct Totals {
    std::uint64_t messages = 0;
    std::uint64_t not_shown = 0;
    std::uint64_t calls = 0;
    std::uint64_t failed = 0;
    std::uint64_t on_side_chains = 0;
    std::uint64_t input_tokens = 0;
    std::uint64_t cached_tokens = 0;
    std::uint64_t output_tokens = 0;
  };
  struct Speaker {
    schema::Role role = schema::Role::UNSET;
    bool is_side = false;
    std::string agent;
    friend bool operator==(const Speaker&, const Speaker&) = default;
  };

  void count_tokens(schema::Message::Reader message);
  [[nodiscard]] bool opens_turn(const Speaker& speaker, schema::Message::Reader message) const;
  void head(std::string_view key, const Speaker& speaker, schema::Message::Reader message);
  void block(schema::Block::Reader block, bool is_native);
  void call(schema::Block::Reader block);
  void result(schema::Block::Reader block);
  // Text of many lines, broken and with the margin; at most `most_lines` (0: all).
  void text(std::string_view text, std::size_t indent, std::size_t most_lines, Ink ink);
  void line(std::string_view text);
  [[nodiscard]] std::string name_of_call(std::string_view call_id) const;
  // How much fits on a line behind what stands there already.
  [[nodiscard]] std::size_t room(std::size_t used) const;

  Page& page_;
  std::size_t columns_;
  Totals totals_;
  Speaker last_;
  bool has_last_ = false;
  bool last_thought_ = false;  // and did nothing else
  // Of the last use of a model: the messages it was cut into all repeat its tokens.
  std::tuple<std::string, std::uint32_t, std::uint32_t> last_use_;
  std::uint32_t last_output_tokens_ = 0;
  std::map<std::string, std::string, std::less<>> names_;  // of the tools called, by the call's id
};

}  // namespace session::cli
