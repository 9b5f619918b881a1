#include "lib/manager/execution_table.h"

#include <utility>

#include "format/record_key.h"
#include "lib/manager/core.h"

namespace session::manager {

void ExecutionTable::stand_on(Transaction& change) {
  change_ = &change;
  written_.clear();
}

void ExecutionTable::put(std::string_view key, AnyRecord record) {
  change_->upsert_any(Table::kExecutions, key, record);
  written_.emplace(key);
}

std::vector<std::string> ExecutionTable::keys_of(std::string_view task) const {
  const std::string prefix = std::string(task) + '#';
  std::set<std::pair<std::uint64_t, std::string>> found;
  const auto add = [&](std::string_view key) {
    const auto number = format::execution_number(key, task);
    if (number && change_->find(Table::kExecutions, key)) found.emplace(*number, key);
  };
  const Snapshot saved = change_->base();
  for (Cursor at = saved.cursor(Table::kExecutions, prefix);
       at.valid() && at.key().starts_with(prefix); at.next()) {
    add(at.key());
  }
  for (auto at = written_.lower_bound(prefix); at != written_.end() && at->starts_with(prefix);
       ++at) {
    add(*at);
  }
  std::vector<std::string> keys;
  for (const auto& [number, key] : found) keys.push_back(key);
  return keys;
}

std::string ExecutionTable::next_key(std::string_view task) const {
  const auto keys = keys_of(task);
  const auto last = keys.empty() ? 0 : format::execution_number(keys.back(), task);
  return format::execution_key(task, last.value_or(0) + 1);
}

std::vector<Entry<schema::Execution>> ExecutionTable::of(std::string_view task) const {
  std::vector<Entry<schema::Execution>> executions;
  for (const std::string& key : keys_of(task)) {
    if (const auto entry = change_->find(Table::kExecutions, key)) {
      executions.emplace_back(own(*entry));
    }
  }
  return executions;
}

}  // namespace session::manager
