#pragma once
// The floor of zero-copy: all tasks as one Cap'n Proto message in one mapped file, sorted, with the
// same packed list of key prefixes that our pages have. No history, no checksums, no updates.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/page.h"
#include "lib/io/file.h"
#include "session/schema/record.capnp.h"

namespace session::bench {

class FlatFile {
 public:
  // Built once per process, as the session files are.
  [[nodiscard]] static std::string path_of(std::int64_t tasks);
  explicit FlatFile(const std::string& path);

  [[nodiscard]] std::optional<schema::Task::Reader> get(std::string_view key) const;
  [[nodiscard]] const format::LeafView& all() const { return tasks_; }

 private:
  std::unique_ptr<io::File> file_;
  std::shared_ptr<const io::Mapping> mapping_;
  format::LeafView tasks_;
};

}  // namespace session::bench
