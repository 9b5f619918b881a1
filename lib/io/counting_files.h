#pragma once
// A file system that counts the calls made through it, for the figures of a running session.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/io/file.h"

namespace session::io {

struct CallCounts {
  std::atomic<std::uint64_t> reads = 0;  // mappings too
  std::atomic<std::uint64_t> writes = 0;
  std::atomic<std::uint64_t> syncs = 0;
};

class CountingFiles : public FileSystem {
 public:
  // `files` must outlive this; files opened through it may outlive both.
  explicit CountingFiles(FileSystem& files) : files_(files) {}

  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override;
  bool exists(const std::string& path) override { return files_.exists(path); }
  std::optional<FileIdentity> identity(const std::string& path) override {
    return files_.identity(path);
  }
  void rename(const std::string& from, const std::string& to) override { files_.rename(from, to); }
  void rename_new(const std::string& from, const std::string& to) override {
    files_.rename_new(from, to);
  }
  void exchange(const std::string& one, const std::string& other) override {
    files_.exchange(one, other);
  }
  void remove(const std::string& path) override { files_.remove(path); }
  void copy_access(const std::string& from, const std::string& to) override {
    files_.copy_access(from, to);
  }
  void sync_directory(const std::string& path) override {
    ++counts_->syncs;
    files_.sync_directory(path);
  }
  std::string real_path(const std::string& path) override { return files_.real_path(path); }
  std::unique_ptr<Lock> lock(const std::string& path) override { return files_.lock(path); }
  std::vector<std::string> list(const std::string& directory) override {
    return files_.list(directory);
  }

  [[nodiscard]] const CallCounts& counts() const { return *counts_; }

 private:
  FileSystem& files_;
  std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
};

}  // namespace session::io
