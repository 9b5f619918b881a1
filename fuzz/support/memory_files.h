#pragma once
// A file system that holds one file, in memory and for reading only. A mapping is a copy of exactly
// the bytes asked for, so that a sanitizer sees the first byte read beyond them.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/io/file.h"

namespace session::fuzz {

class MemoryFiles : public io::FileSystem {
 public:
  static constexpr const char* kPath = "/input.session";

  explicit MemoryFiles(std::span<const std::byte> bytes);

  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override;
  bool exists(const std::string& path) override;
  std::optional<io::FileIdentity> identity(const std::string& path) override;
  std::string real_path(const std::string& path) override;
  std::vector<std::string> list(const std::string& directory) override;

  // What would change something throws kIo.
  void rename(const std::string& from, const std::string& to) override;
  void rename_new(const std::string& from, const std::string& to) override;
  void exchange(const std::string& one, const std::string& other) override;
  void remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;
  std::unique_ptr<io::Lock> lock(const std::string& path) override;

 private:
  std::shared_ptr<const std::vector<std::byte>> bytes_;
};

}  // namespace session::fuzz
