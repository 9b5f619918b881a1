#pragma once
// A file that reads past bad sectors. What the disk does not give back reads as zeros, so that
// every check behind it fails as it does for any other damage, and is remembered, so that it can
// be called by its name.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/io/file.h"

namespace session::operations {

// For reading only; any thread.
class PatientFile : public io::File {
 public:
  PatientFile(std::shared_ptr<io::File> file, std::string path);

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::uint64_t size_bytes() override { return file_->size_bytes(); }
  io::FileIdentity identity() override { return file_->identity(); }

  // Throw kUsage: nothing is written here, and a mapping would meet the bad sector.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  void sync_data() override;
  void truncate(std::uint64_t size_bytes) override;
  std::shared_ptr<const io::Mapping> map(std::uint64_t size_bytes) override;

  // Whether some of these bytes could not be read.
  [[nodiscard]] bool is_unreadable(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::size_t read_in_blocks(std::uint64_t offset, std::span<std::byte> into);
  void remember(std::uint64_t begin, std::uint64_t end);

  std::shared_ptr<io::File> file_;
  std::string path_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> unreadable_;  // begin -> end, apart from each other
};

// The same file for who walks through its trees: where small reads follow each other, a stretch is
// read at once and they are served from that. Pages in the order of their keys lie in several rows
// in the file, one from each time that many were written, so several stretches are held. A read
// elsewhere is passed on. For reading only; one thread at a time.
class ReadAheadFile : public io::File {
 public:
  explicit ReadAheadFile(std::shared_ptr<PatientFile> file) : file_(std::move(file)) {}

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::uint64_t size_bytes() override { return file_->size_bytes(); }
  io::FileIdentity identity() override { return file_->identity(); }
  [[nodiscard]] const std::string& path() const override { return file_->path(); }

  // As PatientFile's.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  void sync_data() override { file_->sync_data(); }
  void truncate(std::uint64_t size_bytes) override { file_->truncate(size_bytes); }
  std::shared_ptr<const io::Mapping> map(std::uint64_t size_bytes) override;

 private:
  static constexpr std::size_t kStretches = 16;
  struct Stretch {
    std::uint64_t begin = 0;
    std::uint64_t used = 0;  // when
    std::vector<std::byte> bytes;

    [[nodiscard]] std::uint64_t end() const { return begin + bytes.size(); }
  };

  // The one that holds all of it, read now if that is worth it; else nullptr.
  [[nodiscard]] const Stretch* stretch_with(std::uint64_t offset, std::uint64_t size);

  std::shared_ptr<PatientFile> file_;
  std::array<Stretch, kStretches> stretches_;
  std::uint64_t now_ = 0;
  std::uint64_t last_ = 0;    // where the last read past the stretches ended
  std::uint32_t in_row_ = 0;  // of such reads, each near the end of the one before
};

}  // namespace session::operations
