#include "fuzz/support/memory_files.h"

#include <algorithm>

#include "session/error.h"

namespace session::fuzz {
namespace {

using SharedBytes = std::shared_ptr<const std::vector<std::byte>>;

[[noreturn]] void read_only() {
  throw Error(ErrorCode::kIo, "this file system is for reading only");
}

class CopiedMapping : public io::Mapping {
 public:
  explicit CopiedMapping(std::span<const std::byte> bytes) : copy_(bytes.begin(), bytes.end()) {
    bytes_ = copy_;
  }

 private:
  std::vector<std::byte> copy_;
};

class MemoryFile : public io::File {
 public:
  explicit MemoryFile(SharedBytes bytes) : bytes_(std::move(bytes)) {}

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_->size()) return 0;
    const std::size_t size = std::min<std::uint64_t>(into.size(), bytes_->size() - offset);
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
    return size;
  }
  std::uint64_t size_bytes() override { return bytes_->size(); }
  io::FileIdentity identity() override { return {1, 1, 1}; }
  std::shared_ptr<const io::Mapping> map(std::uint64_t size_bytes) override {
    if (size_bytes > bytes_->size()) throw Error(ErrorCode::kIo, "the file is shorter");
    return std::make_shared<CopiedMapping>(std::span(*bytes_).first(size_bytes));
  }
  void write_at(std::uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) override {
    read_only();
  }
  void sync_data() override { read_only(); }
  void truncate(std::uint64_t /*size_bytes*/) override { read_only(); }

 private:
  SharedBytes bytes_;
};

}  // namespace

MemoryFiles::MemoryFiles(std::span<const std::byte> bytes)
    : bytes_(std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end())) {}

std::unique_ptr<io::File> MemoryFiles::open(const std::string& path, io::OpenMode mode) {
  if (mode != io::OpenMode::kRead) read_only();
  if (path != kPath) throw Error(ErrorCode::kNotFound, "no such file", path);
  return std::make_unique<MemoryFile>(bytes_);
}

bool MemoryFiles::exists(const std::string& path) {
  return path == kPath;
}

std::optional<io::FileIdentity> MemoryFiles::identity(const std::string& path) {
  if (path != kPath) return std::nullopt;
  return io::FileIdentity{1, 1, 1};
}

std::string MemoryFiles::real_path(const std::string& path) {
  return path;
}

std::vector<std::string> MemoryFiles::list(const std::string& /*directory*/) {
  return {std::string(kPath).substr(1)};
}

void MemoryFiles::rename(const std::string& /*from*/, const std::string& /*to*/) {
  read_only();
}

void MemoryFiles::rename_new(const std::string& /*from*/, const std::string& /*to*/) {
  read_only();
}

void MemoryFiles::exchange(const std::string& /*one*/, const std::string& /*other*/) {
  read_only();
}

void MemoryFiles::remove(const std::string& /*path*/) {
  read_only();
}

void MemoryFiles::sync_directory(const std::string& /*path*/) {
  read_only();
}

std::unique_ptr<io::Lock> MemoryFiles::lock(const std::string& /*path*/) {
  read_only();
}

}  // namespace session::fuzz
