#include "cli/render/conversation.h"

#include <algorithm>
#include <vector>

#include "cli/render/names.h"
#include "cli/render/text.h"
#include "cli/render/tool_call.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kResultLines = 6;
constexpr std::size_t kThinkingLines = 6;
// What a program put in: prompts, instructions, summaries.
constexpr std::size_t kProgramLines = 8;
constexpr std::size_t kMostColumns = 160;   // of a line that is cut, where nothing else bounds it
constexpr std::size_t kMostNames = 10'000;  // of calls that nothing answers
constexpr std::uint32_t kSideChain = 1;
constexpr std::uint32_t kNotShown = 2;

Ink role_ink(schema::Role role) {
  switch (role) {
    case schema::Role::USER:
      return Ink::kCyan;
    case schema::Role::ASSISTANT:
      return Ink::kGreen;
    case schema::Role::SYSTEM:
    case schema::Role::DEVELOPER:
      return Ink::kMagenta;
    case schema::Role::TOOL:
      return Ink::kBlue;
    default:
      return Ink::kDim;
  }
}

bool is_of_program(schema::Role role) {
  return role != schema::Role::USER && role != schema::Role::ASSISTANT &&
         role != schema::Role::TOOL && role != schema::Role::UNSET;
}

// "history/000000012" -> "history/12"
std::string short_key(std::string_view key) {
  const std::size_t digits = key.rfind('/') == std::string_view::npos ? 0 : key.rfind('/') + 1;
  const std::size_t first = key.find_first_not_of('0', digits);
  if (first == std::string_view::npos) return std::string(key);
  return std::string(key.substr(0, digits)) + std::string(key.substr(first));
}

// Broken at spaces; what is longer than a line by itself stays whole. What follows keeps the indent
// of the line it was.
void break_line(std::string_view line, std::size_t columns, std::vector<std::string>& into) {
  if (columns == 0 || display_width(line) <= columns) {
    into.emplace_back(line);
    return;
  }
  const std::size_t begin = std::min(line.find_first_not_of(' '), columns / 2);
  const std::string margin(begin == std::string_view::npos ? 0 : begin, ' ');
  std::string now = margin;
  std::size_t width = margin.size();
  bool has_word = false;
  line.remove_prefix(margin.size());
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' ', 1), line.size());
    std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    std::size_t needs = display_width(word);
    if (has_word && width + needs > columns) {
      into.push_back(std::move(now));
      now = margin;
      width = margin.size();
      if (word.starts_with(' ')) {
        word.remove_prefix(1);
        --needs;
      }
    }
    now += word;
    width += needs;
    has_word = true;
  }
  into.push_back(std::move(now));
}

std::size_t count_lines(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text.empty() ? 0
                      : 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The name of an entry that is no message.
std::string_view event_name(schema::Message::Reader message) {
  for (const auto block : message.getBlocks()) {
    if (block.getKind() == schema::Block::Kind::OTHER && !block.hasText() && !block.hasInput()) {
      return view(block.getName());
    }
  }
  return {};
}

bool has_block(schema::Message::Reader message, schema::Block::Kind kind) {
  for (const auto block : message.getBlocks()) {
    if (block.getKind() == kind) return true;
  }
  return false;
}

bool says_something(schema::Message::Reader message) {
  return message.getText().size() != 0 || has_block(message, schema::Block::Kind::TEXT);
}

bool only_thinks(schema::Message::Reader message) {
  return !says_something(message) && has_block(message, schema::Block::Kind::THINKING);
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string line;
  for (const std::string& part : parts) {
    if (!line.empty()) line += between;
    line += part;
  }
  return line;
}

}  // namespace

std::size_t Conversation::room(std::size_t used) const {
  const std::size_t columns = columns_ == 0 ? kMostColumns : columns_;
  constexpr std::size_t kLeast = 20;
  return columns > used + kLeast ? columns - used : kLeast;
}

void Conversation::line(std::string_view text) {
  if (!last_.is_side) {
    page_.line(text);
    return;
  }
  page_.line(page_.style().paint(Ink::kDim, "┆") + (text.empty() ? "" : " " + std::string(text)));
}

void Conversation::text(std::string_view text, std::size_t indent, std::size_t most_lines,
                        Ink ink) {
  const std::string safe = many_lines(text);
  std::string_view rest = safe;
  while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  const std::string margin(indent, ' ');
  const std::size_t used = indent + (last_.is_side ? 2 : 0);
  std::size_t shown = 0;
  while (!rest.empty()) {
    if (most_lines > 0 && shown == most_lines) {
      line(margin + page_.style().paint(Ink::kDim, "… " + counted(count_lines(rest), "more line")));
      return;
    }
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::vector<std::string> pieces;
    if (most_lines > 0) {
      pieces.push_back(cut_to_width(rest.substr(0, end), room(used)));
    } else {
      break_line(rest.substr(0, end), columns_ == 0 ? 0 : room(used), pieces);
    }
    for (const std::string& piece : pieces) {
      line(piece.empty() ? "" : margin + page_.style().paint(ink, piece));
    }
    ++shown;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// A model's use is counted once, with the largest output seen of it.
void Conversation::count_tokens(schema::Message::Reader message) {
  if (message.getInputTokens() == 0 && message.getCachedTokens() == 0 &&
      message.getOutputTokens() == 0) {
    return;
  }
  const std::tuple use(std::string(view(message.getModel())), message.getInputTokens(),
                       message.getCachedTokens());
  if (use == last_use_) {
    if (message.getOutputTokens() > last_output_tokens_) {
      totals_.output_tokens += message.getOutputTokens() - last_output_tokens_;
      last_output_tokens_ = message.getOutputTokens();
    }
    return;
  }
  last_use_ = use;
  last_output_tokens_ = message.getOutputTokens();
  totals_.input_tokens += message.getInputTokens();
  totals_.cached_tokens += message.getCachedTokens();
  totals_.output_tokens += message.getOutputTokens();
}

// Calls and results belong to the turn before them, and what is said to the thought before it.
bool Conversation::opens_turn(const Speaker& speaker, schema::Message::Reader message) const {
  if (!has_last_ || speaker.is_side != last_.is_side || speaker.agent != last_.agent) return true;
  if (last_thought_ && speaker.role == last_.role) return false;
  const bool is_work =
      !says_something(message) && !only_thinks(message) && message.getBlocks().size() != 0 &&
      (speaker.role == schema::Role::TOOL || speaker.role == schema::Role::ASSISTANT);
  const bool follows_work =
      last_.role == schema::Role::TOOL || last_.role == schema::Role::ASSISTANT;
  return !is_work || !follows_work;
}

void Conversation::head(std::string_view key, const Speaker& speaker,
                        schema::Message::Reader message) {
  const Style& style = page_.style();
  std::string rest;
  const auto add = [&rest](std::string_view part) {
    if (!part.empty()) rest += "  " + one_line(part);
  };
  if (speaker.role == schema::Role::EVENT) add(event_name(message));
  add(speaker.agent);
  if (message.getTimeForm() != 0) add(short_time(message.getTime()));
  add(view(message.getModel()));
  if (message.hasTask()) add("task " + std::string(view(message.getTask())));
  if (speaker.is_side) add("side chain");
  line(style.paint(Ink::kDim, "#" + one_line(short_key(key))) + " " +
       style.paint(role_ink(speaker.role), role_word(speaker.role)) + style.paint(Ink::kDim, rest));
}

std::string Conversation::name_of_call(std::string_view call_id) const {
  const auto found = names_.find(call_id);
  return found == names_.end() ? std::string("result") : found->second;
}

void Conversation::call(schema::Block::Reader block) {
  ++totals_.calls;
  const std::string name = one_line(view(block.getName()));
  if (block.hasCallId()) {
    if (names_.size() == kMostNames) names_.clear();
    names_[std::string(view(block.getCallId()))] = name;
  }
  const std::string arrow = "→ " + name;
  std::string summary = call_summary(view(block.getInput()));
  // A command line begins with the name already.
  const bool repeats = summary == name || summary.starts_with(name + " ");
  if (repeats) summary.erase(0, name.size() + 1);
  const std::size_t used = 6 + display_width(arrow) + (last_.is_side ? 2 : 0);
  line("  " + page_.style().paint(Ink::kYellow, arrow) +
       (summary.empty() ? "" : "  " + cut_to_width(summary, room(used))));
}

void Conversation::result(schema::Block::Reader block) {
  const Style& style = page_.style();
  const Ink ink = block.getIsError() ? Ink::kRed : Ink::kBlue;
  if (block.getIsError()) ++totals_.failed;
  const std::string output = output_text(view(block.getText()));
  const std::size_t lines = count_lines(output);
  const std::string arrow =
      "← " + name_of_call(view(block.getCallId())) + (block.getIsError() ? " failed" : "");
  if (lines > 1) {
    line("  " + style.paint(ink, arrow) +
         style.paint(Ink::kDim, "  " + human_bytes(output.size())));
    text(output, 4, kResultLines, Ink::kPlain);
    return;
  }
  const std::string said = lines == 0 ? "(nothing)" : one_line(output.substr(0, 4 * kMostColumns));
  const std::size_t used = 6 + display_width(arrow) + (last_.is_side ? 2 : 0);
  std::string shown = cut_to_width(said, room(used));
  if (output.size() > 4 * kMostColumns) shown += "  " + human_bytes(output.size());
  line("  " + style.paint(ink, arrow) + "  " +
       (lines == 0 ? style.paint(Ink::kDim, shown) : shown));
}

void Conversation::block(schema::Block::Reader block, bool is_native) {
  const Style& style = page_.style();
  switch (block.getKind()) {
    case schema::Block::Kind::TEXT:
      text(view(block.getText()), 2, 0, Ink::kPlain);
      return;
    case schema::Block::Kind::THINKING:
      text(view(block.getText()), 4, kThinkingLines, Ink::kDim);
      return;
    case schema::Block::Kind::TOOL_CALL:
      call(block);
      return;
    case schema::Block::Kind::TOOL_RESULT:
      result(block);
      return;
    case schema::Block::Kind::IMAGE: {
      // Kept as base64.
      std::string what = "[image";
      if (block.hasName()) what += " " + one_line(view(block.getName()));
      if (block.hasText()) what += ", " + human_bytes(block.getText().size() / 4 * 3);
      line("  " + style.paint(Ink::kDim, what + "]"));
      return;
    }
    default:
      // A text that an importer keeps for the export, or the name of an event.
      if (!is_native && !block.hasInput()) return;
      line("  " + style.paint(Ink::kDim, "[" + one_line(view(block.getName())) + "]"));
      text(view(block.getText()), 4, kResultLines, Ink::kPlain);
  }
}

void Conversation::add(std::string_view key, schema::Message::Reader message) {
  ++totals_.messages;
  count_tokens(message);
  if ((message.getFlags() & kNotShown) != 0) {
    ++totals_.not_shown;
    return;
  }
  const Speaker speaker{message.getRole(), (message.getFlags() & kSideChain) != 0,
                        std::string(view(message.getAgent()))};
  if (speaker.is_side) ++totals_.on_side_chains;
  const bool opens = opens_turn(speaker, message);
  if (opens && has_last_) {
    // The empty line belongs to the margin only between two turns of side chains.
    last_.is_side = last_.is_side && speaker.is_side;
    line("");
  }
  last_ = speaker;
  has_last_ = true;
  last_thought_ = only_thinks(message);
  if (opens) head(key, speaker, message);
  const bool is_program = is_of_program(speaker.role);
  text(view(message.getText()), 2, is_program ? kProgramLines : 0,
       is_program ? Ink::kDim : Ink::kPlain);
  const bool is_native = message.getOrigin() == schema::Origin::NATIVE;
  for (const auto item : message.getBlocks()) block(item, is_native);
}

void Conversation::finish() {
  if (totals_.messages == 0) return;
  std::vector<std::string> parts;
  std::string messages = counted(totals_.messages, "message");
  if (totals_.not_shown != 0) messages += ", " + grouped(totals_.not_shown) + " not shown";
  if (totals_.on_side_chains != 0) {
    messages += ", " + grouped(totals_.on_side_chains) + " on side chains";
  }
  parts.push_back(std::move(messages));
  if (totals_.calls != 0) {
    std::string calls = counted(totals_.calls, "tool call");
    if (totals_.failed != 0) calls += ", " + grouped(totals_.failed) + " failed";
    parts.push_back(std::move(calls));
  }
  std::vector<std::string> tokens;
  if (totals_.input_tokens != 0) tokens.push_back(grouped(totals_.input_tokens) + " in");
  if (totals_.cached_tokens != 0) tokens.push_back(grouped(totals_.cached_tokens) + " cached");
  if (totals_.output_tokens != 0) tokens.push_back(grouped(totals_.output_tokens) + " out");
  if (!tokens.empty()) parts.push_back("tokens: " + joined(tokens, ", "));
  page_.line("");
  page_.line(page_.style().paint(Ink::kDim, joined(parts, " · ")));
}

}  // namespace session::cli
