#pragma once
// The names of a SimulatedDisk's files: those that programs see, and those that are certainly on
// the disk. The model is explained in simulated_disk.h. Paths are absolute and normal.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace session::test {

using Inode = std::uint64_t;

class DiskNames {
 public:
  [[nodiscard]] std::optional<Inode> find(const std::string& path) const;
  // Whether some name is inside `path`.
  [[nodiscard]] bool is_directory(const std::string& path) const;
  // The names in a directory, sorted.
  [[nodiscard]] std::vector<std::string> list(const std::string& directory) const;
  [[nodiscard]] std::size_t count_of(Inode inode) const;

  void create(const std::string& path, Inode inode);
  void create_durably(const std::string& path, Inode inode);
  void remove(const std::string& path);
  void rename(const std::string& from, const std::string& to);      // `from` is there
  void exchange(const std::string& one, const std::string& other);  // both are there
  void sync_directory(const std::string& directory);

  [[nodiscard]] std::size_t changes_in_flight() const { return unsynced_.size(); }
  // The names after a crash in which the first `changes` in flight have happened.
  [[nodiscard]] DiskNames after_crash(std::size_t changes) const;
  // The files that have a name, or may have one after a crash.
  [[nodiscard]] std::set<Inode> reachable() const;

 private:
  using Table = std::map<std::string, Inode>;

  // What one creation, rename or removal does, whole or not at all. No inode: the name goes.
  using Change = std::vector<std::pair<std::string, std::optional<Inode>>>;

  static void carry_out(const Change& change, Table& table);
  static std::set<std::string> directories_of(const Change& change);
  void make(Change change);

  Table seen_;
  Table durable_;
  std::vector<Change> unsynced_;  // in the order in which they were made
};

}  // namespace session::test
