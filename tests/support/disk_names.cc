#include "tests/support/disk_names.h"

#include <algorithm>
#include <filesystem>

namespace session::test {
namespace {

std::string prefix_of(std::string directory) {
  if (directory.empty() || directory.back() != '/') directory += '/';
  return directory;
}

}  // namespace

std::optional<Inode> DiskNames::find(const std::string& path) const {
  const auto found = seen_.find(path);
  if (found == seen_.end()) return std::nullopt;
  return found->second;
}

bool DiskNames::is_directory(const std::string& path) const {
  const std::string prefix = prefix_of(path);
  const auto inside = seen_.lower_bound(prefix);
  return inside != seen_.end() && inside->first.starts_with(prefix);
}

std::vector<std::string> DiskNames::list(const std::string& directory) const {
  const std::string prefix = prefix_of(directory);
  std::set<std::string> found;
  for (auto name = seen_.lower_bound(prefix);
       name != seen_.end() && name->first.starts_with(prefix); ++name) {
    const std::string rest = name->first.substr(prefix.size());
    found.insert(rest.substr(0, rest.find('/')));
  }
  return {found.begin(), found.end()};
}

std::size_t DiskNames::count_of(Inode inode) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(seen_, [&](const auto& name) { return name.second == inode; }));
}

void DiskNames::carry_out(const Change& change, Table& table) {
  for (const auto& [name, inode] : change) {
    if (inode) {
      table[name] = *inode;
    } else {
      table.erase(name);
    }
  }
}

std::set<std::string> DiskNames::directories_of(const Change& change) {
  std::set<std::string> directories;
  for (const auto& [name, inode] : change) {
    directories.insert(std::filesystem::path(name).parent_path().string());
  }
  return directories;
}

void DiskNames::make(Change change) {
  carry_out(change, seen_);
  unsynced_.push_back(std::move(change));
}

void DiskNames::create(const std::string& path, Inode inode) {
  make({{path, inode}});
}

void DiskNames::create_durably(const std::string& path, Inode inode) {
  seen_[path] = durable_[path] = inode;
}

void DiskNames::remove(const std::string& path) {
  make({{path, std::nullopt}});
}

void DiskNames::rename(const std::string& from, const std::string& to) {
  if (from != to) make({{from, std::nullopt}, {to, seen_.at(from)}});
}

void DiskNames::exchange(const std::string& one, const std::string& other) {
  make({{one, seen_.at(other)}, {other, seen_.at(one)}});
}

// Makes durable what concerns the directory, and before it all that this builds on: an earlier
// change in a directory that one of these touches too.
void DiskNames::sync_directory(const std::string& directory) {
  std::set<std::string> directories = {directory};
  std::vector<bool> is_synced(unsynced_.size());
  for (std::size_t i = unsynced_.size(); i-- > 0;) {
    const std::set<std::string> touched = directories_of(unsynced_[i]);
    is_synced[i] = std::ranges::any_of(
        touched, [&](const std::string& one) { return directories.contains(one); });
    if (is_synced[i]) directories.insert(touched.begin(), touched.end());
  }
  std::vector<Change> remaining;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    if (is_synced[i]) {
      carry_out(unsynced_[i], durable_);
    } else {
      remaining.push_back(std::move(unsynced_[i]));
    }
  }
  unsynced_ = std::move(remaining);
}

DiskNames DiskNames::after_crash(std::size_t changes) const {
  DiskNames after;
  after.durable_ = durable_;
  for (std::size_t i = 0; i < std::min(changes, unsynced_.size()); ++i) {
    carry_out(unsynced_[i], after.durable_);
  }
  after.seen_ = after.durable_;
  return after;
}

std::set<Inode> DiskNames::reachable() const {
  std::set<Inode> found;
  for (const auto& [name, inode] : seen_) found.insert(inode);
  for (const auto& [name, inode] : durable_) found.insert(inode);
  for (const Change& change : unsynced_) {
    for (const auto& [name, inode] : change) {
      if (inode) found.insert(*inode);
    }
  }
  return found;
}

}  // namespace session::test
