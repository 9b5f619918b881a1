#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "format/checksum.h"
#include "lib/operations/meaning_parts.h"

namespace session::operations {
namespace {

constexpr std::uint32_t kOnSideChain = 1;

std::uint64_t hash_of(std::string_view text) {
  return format::xxh3_64(format::as_bytes(text));
}

class MessageRules {
 public:
  explicit MessageRules(MeaningContext& context) : context_(context) {}

  void run() {
    for (Cursor cursor = context_.snapshot().cursor(Table::kMessages); cursor.valid();
         cursor.next()) {
      context_.advance();
      check(cursor.key(), cursor.record().as<schema::Message>());
    }
    // What refers to a message that comes behind it was put off until all are known.
    for (const Reference& one : parents_) {
      if (!ids_.contains(one.target)) find(FindingCode::kBrokenReference, one.key, one.message);
    }
    for (const Reference& one : results_) {
      if (!calls_.contains(one.target)) {
        find(FindingCode::kToolResultWithoutCall, one.key, one.message);
      }
    }
    report_open_calls();
  }

 private:
  struct Reference {
    std::uint64_t target;
    std::string key;
    std::string message;
  };

  void check(std::string_view key, schema::Message::Reader message) {
    const std::string_view id = text_view(message.getId());
    if (!id.empty() && !ids_.insert(hash_of(id)).second) {
      find(FindingCode::kDuplicateMessage, key,
           "another message has the same id: " + std::string(id));
    }
    for (const auto block : message.getBlocks()) check_call(key, block);
    const std::string_view parent = text_view(message.getParentId());
    if (!parent.empty() && !ids_.contains(hash_of(parent))) {
      parents_.push_back({hash_of(parent), std::string(key),
                          "the message follows one that does not exist: " + std::string(parent)});
    }
    const std::string_view task = text_view(message.getTask());
    if (!task.empty() && !context_.tasks().contains(task)) {
      find(FindingCode::kBrokenReference, key,
           "the message belongs to a task that does not exist: " + std::string(task));
    }
    check_time(key, message);
  }

  void check_call(std::string_view key, schema::Block::Reader block) {
    if (!block.hasCallId()) return;
    const std::uint64_t call = hash_of(text_view(block.getCallId()));
    if (block.getKind() == schema::Block::Kind::TOOL_CALL) {
      calls_.insert(call);
      if (!answered_.contains(call)) open_.emplace(call, key);
    }
    if (block.getKind() != schema::Block::Kind::TOOL_RESULT) return;
    answered_.insert(call);
    open_.erase(call);
    if (calls_.contains(call)) return;
    results_.push_back(
        {call, std::string(key),
         "a tool's result answers no call: " + std::string(text_view(block.getCallId()))});
  }

  void report_open_calls() {
    std::vector<std::string> keys;
    for (const auto& [call, key] : open_) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    for (const std::string& key : keys) {
      find(FindingCode::kToolCallWithoutResult, key, "a tool was called and gave no result");
    }
  }

  // Side chains run beside the main one, and each agent has its own clock.
  void check_time(std::string_view key, schema::Message::Reader message) {
    if (message.getTimeForm() == 0 || (message.getFlags() & kOnSideChain) != 0) return;
    const auto [last, is_first] =
        last_times_.try_emplace(hash_of(text_view(message.getAgent())), message.getTime());
    if (is_first) return;
    if (message.getTime() < last->second) {
      find(FindingCode::kTimeOrder, key, "the message is older than the one before it");
    }
    last->second = message.getTime();
  }

  void find(FindingCode code, std::string_view key, std::string message) {
    context_.find(code, Table::kMessages, key, std::move(message));
  }

  MeaningContext& context_;
  std::unordered_set<std::uint64_t> ids_;
  std::unordered_set<std::uint64_t> calls_;
  std::unordered_set<std::uint64_t> answered_;
  std::unordered_map<std::uint64_t, std::string> open_;  // calls without a result so far
  std::vector<Reference> parents_;
  std::vector<Reference> results_;
  std::map<std::uint64_t, std::int64_t> last_times_;
};

}  // namespace

void check_messages(MeaningContext& context) {
  MessageRules(context).run();
}

void check_events(MeaningContext& context) {
  std::optional<std::int64_t> last;
  for (Cursor cursor = context.snapshot().cursor(Table::kEvents); cursor.valid(); cursor.next()) {
    context.advance();
    const auto event = cursor.record().as<schema::Event>();
    const std::string_view task = text_view(event.getTask());
    if (!task.empty() && !context.tasks().contains(task)) {
      context.find(FindingCode::kBrokenReference, Table::kEvents, cursor.key(),
                   "the event is about a task that does not exist: " + std::string(task));
    }
    if (event.getTimeForm() == 0) continue;
    if (last && event.getTime() < *last) {
      context.find(FindingCode::kTimeOrder, Table::kEvents, cursor.key(),
                   "the event is older than the one before it");
    }
    last = event.getTime();
  }
}

}  // namespace session::operations
