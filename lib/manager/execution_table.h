#pragma once
// The executions of tasks through the open transaction. Importers and deletions leave gaps between
// their numbers, so those that were saved are walked; those written since are remembered by their
// keys. Not thread-safe.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "session/writer.h"

namespace session::manager {

class ExecutionTable {
 public:
  // Stands on `change`, which is empty, from now on.
  void stand_on(Transaction& change);

  void put(std::string_view key, AnyRecord record);
  // By their numbers.
  [[nodiscard]] std::vector<std::string> keys_of(std::string_view task) const;
  // Behind all of them.
  [[nodiscard]] std::string next_key(std::string_view task) const;
  // Oldest first; copies.
  [[nodiscard]] std::vector<Entry<schema::Execution>> of(std::string_view task) const;

 private:
  Transaction* change_ = nullptr;
  // Since the last save; some may be gone again.
  std::set<std::string, std::less<>> written_;
};

}  // namespace session::manager
