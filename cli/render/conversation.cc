#include "cli/render/conversation.h"

#include <string>

#include "cli/render/names.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kToolLines = 10;
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

std::string tokens_of(schema::Message::Reader message) {
  std::string text;
  if (message.getInputTokens() != 0) text += grouped(message.getInputTokens()) + " in";
  if (message.getCachedTokens() != 0) {
    text += (text.empty() ? "" : ", ") + grouped(message.getCachedTokens()) + " cached";
  }
  if (message.getOutputTokens() != 0) {
    text += (text.empty() ? "" : ", ") + grouped(message.getOutputTokens()) + " out";
  }
  return text.empty() ? text : text + " tokens";
}

std::string_view without_leading_zeros(std::string_view key) {
  const std::size_t first = key.find_first_not_of('0');
  return first == std::string_view::npos ? key.substr(key.empty() ? 0 : key.size() - 1)
                                         : key.substr(first);
}

std::string head_of(const Style& style, std::string_view key, schema::Message::Reader message) {
  const schema::Role role = message.getRole();
  std::string line = style.paint(Ink::kDim, "#" + one_line(without_leading_zeros(key))) + " " +
                     style.paint(role_ink(role), role_word(role));
  std::string rest;
  const auto add = [&rest](std::string_view text) {
    if (!text.empty()) rest += "  " + one_line(text);
  };
  add(view(message.getAgent()));
  if (message.getTimeForm() != 0) add(short_time(message.getTime()));
  add(view(message.getModel()));
  add(tokens_of(message));
  if (message.hasTask()) add("task " + std::string(view(message.getTask())));
  if ((message.getFlags() & kSideChain) != 0) add("side chain");
  if ((message.getFlags() & kNotShown) != 0) add("not shown");
  return line + style.paint(Ink::kDim, rest);
}

void write_block(Page& page, schema::Block::Reader block) {
  const Style& style = page.style();
  switch (block.getKind()) {
    case schema::Block::Kind::TEXT:
      page.block(view(block.getText()), 2);
      return;
    case schema::Block::Kind::THINKING:
      page.block(view(block.getText()), 2, kToolLines, Ink::kDim);
      return;
    case schema::Block::Kind::TOOL_CALL:
      page.line("  " + style.paint(Ink::kYellow, "→ " + one_line(view(block.getName()))));
      page.block(view(block.getInput()), 4, kToolLines);
      return;
    case schema::Block::Kind::TOOL_RESULT:
      page.line("  " + style.paint(block.getIsError() ? Ink::kRed : Ink::kBlue,
                                   block.getIsError() ? "← error" : "← result"));
      page.block(view(block.getText()), 4, kToolLines);
      return;
    case schema::Block::Kind::IMAGE:
      page.line("  " + style.paint(Ink::kDim, "[image]"));
      return;
    default:
      page.line("  " + style.paint(Ink::kDim, "[" + one_line(view(block.getName())) + "]"));
      page.block(view(block.getText()), 4, kToolLines);
  }
}

}  // namespace

void write_message(Page& page, std::string_view key, schema::Message::Reader message) {
  page.line(head_of(page.style(), key, message));
  page.block(view(message.getText()), 2);
  for (const auto block : message.getBlocks()) write_block(page, block);
  page.line("");
}

}  // namespace session::cli
