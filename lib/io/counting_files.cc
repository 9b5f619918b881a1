#include "lib/io/counting_files.h"

#include <utility>

namespace session::io {
namespace {

class CountingFile : public File {
 public:
  CountingFile(std::unique_ptr<File> file, std::shared_ptr<CallCounts> counts)
      : file_(std::move(file)), counts_(std::move(counts)) {}

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    ++counts_->reads;
    return file_->read_at(offset, into);
  }
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    ++counts_->writes;
    file_->write_at(offset, bytes);
  }
  void sync_data() override {
    ++counts_->syncs;
    file_->sync_data();
  }
  void truncate(std::uint64_t size_bytes) override {
    ++counts_->writes;
    file_->truncate(size_bytes);
  }
  std::uint64_t size_bytes() override { return file_->size_bytes(); }
  const std::string& path() const override { return file_->path(); }
  FileIdentity identity() override { return file_->identity(); }
  std::shared_ptr<const Mapping> map(std::uint64_t size_bytes) override {
    ++counts_->reads;
    return file_->map(size_bytes);
  }

 private:
  std::unique_ptr<File> file_;
  std::shared_ptr<CallCounts> counts_;
};

}  // namespace

std::unique_ptr<File> CountingFiles::open(const std::string& path, OpenMode mode) {
  return std::make_unique<CountingFile>(files_.open(path, mode), counts_);
}

}  // namespace session::io
