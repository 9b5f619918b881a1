#pragma once
// A simulated disk with places that cannot be read, or are read wrongly a few times.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/system_error.h"
#include "tests/support/simulated_disk.h"

namespace session::test {

struct BadPlaces {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> unreadable;  // [begin, end)
  std::map<std::uint64_t, int> wrong_reads;  // bytes, and how many of their next reads are wrong
};

class FaultyReads : public SimulatedDisk {
 public:
  explicit FaultyReads(std::shared_ptr<BadPlaces> places) : places_(std::move(places)) {}

  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override {
    return std::make_unique<FaultyFile>(SimulatedDisk::open(path, mode), places_, path);
  }

 private:
  class FaultyFile : public io::File {
   public:
    FaultyFile(std::unique_ptr<io::File> file, std::shared_ptr<BadPlaces> places, std::string path)
        : file_(std::move(file)), places_(std::move(places)), path_(std::move(path)) {}

    std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
      for (const auto& [begin, end] : places_->unreadable) {
        if (offset < end && begin < offset + into.size()) {
          throw io::system_error(EIO, "cannot read", path_, std::max(begin, offset));
        }
      }
      const std::size_t got = file_->read_at(offset, into);
      auto& wrong = places_->wrong_reads;
      for (auto at = wrong.lower_bound(offset); at != wrong.end() && at->first < offset + got;) {
        into[at->first - offset] ^= std::byte{1};
        at = --at->second == 0 ? wrong.erase(at) : std::next(at);
      }
      return got;
    }
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
      file_->write_at(offset, bytes);
    }
    void sync_data() override { file_->sync_data(); }
    void truncate(std::uint64_t size) override { file_->truncate(size); }
    std::uint64_t size_bytes() override { return file_->size_bytes(); }
    io::FileIdentity identity() override { return file_->identity(); }
    std::shared_ptr<const io::Mapping> map(std::uint64_t size) override { return file_->map(size); }

   private:
    std::unique_ptr<io::File> file_;
    std::shared_ptr<BadPlaces> places_;
    std::string path_;
  };

  std::shared_ptr<BadPlaces> places_;
};

}  // namespace session::test
