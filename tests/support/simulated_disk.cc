#include "tests/support/simulated_disk.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include "lib/io/lock.h"
#include "lib/io/system_error.h"
#include "tests/support/disk_names.h"

namespace session::test {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string absolute(const std::string& path) {
  if (path.empty()) throw io::system_error(ENOENT, "cannot use an empty path", path);
  return (std::filesystem::path("/") / path).lexically_normal().string();
}

bool is_operation(DiskCall call) {
  switch (call) {
    case DiskCall::kCreate:
    case DiskCall::kWrite:
    case DiskCall::kSync:
    case DiskCall::kTruncate:
    case DiskCall::kRename:
    case DiskCall::kRemove:
    case DiskCall::kSyncDirectory:
      return true;
    default:
      return false;
  }
}

class CopiedMapping : public io::Mapping {
 public:
  explicit CopiedMapping(std::vector<std::byte> copy) : copy_(std::move(copy)) { bytes_ = copy_; }

 private:
  std::vector<std::byte> copy_;
};

}  // namespace

struct SimulatedDisk::State {
  mutable std::mutex mutex;
  DiskNames names;
  std::map<Inode, std::shared_ptr<DiskContent>> files;
  Inode next_inode = 1;
  std::set<std::string> locked;

  std::vector<DiskOperation> history;
  std::size_t calls = 0;
  std::optional<std::size_t> crash_after;
  bool has_crashed = false;
  std::vector<Fault> faults;
  std::size_t faults_met = 0;

  // Counts the call; returns the errno with which it must fail, or 0.
  int enter(DiskOperation operation);
  // As above, for calls that do nothing when they fail.
  void enter_or_fail(DiskOperation operation, const std::string& action);

  Inode find(const std::string& path, const std::string& action) const;
  void create_durably(const std::string& path, std::vector<std::byte> bytes);
  void rename(const std::string& from, const std::string& to, bool replaces);
  // A new state with only what a process or machine starting anew can find.
  [[nodiscard]] std::shared_ptr<State> fork() const;
  // The same after a crash; `settle` says what becomes of a file.
  template <class Settle>
  [[nodiscard]] std::shared_ptr<State> crash(std::size_t name_changes, Settle settle) const;
};

int SimulatedDisk::State::enter(DiskOperation operation) {
  if (has_crashed) throw CrashNow{};
  const DiskCall kind = operation.kind;
  if (is_operation(kind)) {
    if (crash_after && history.size() >= *crash_after) {
      has_crashed = true;
      throw CrashNow{};
    }
    history.push_back(std::move(operation));
  }
  ++calls;
  // Every fault counts the call, also when an earlier one makes it fail.
  auto due = faults.end();
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (fault->kind && *fault->kind != kind) continue;
    if (fault->nth > 1) {
      --fault->nth;
    } else if (due == faults.end()) {
      due = fault;
    }
  }
  if (due == faults.end()) return 0;
  const int error = due->error;
  if (!due->from_then_on) faults.erase(due);
  ++faults_met;
  return error;
}

void SimulatedDisk::State::enter_or_fail(DiskOperation operation, const std::string& action) {
  const std::string path = operation.path;
  if (const int error = enter(std::move(operation)); error != 0) {
    throw io::system_error(error, action, path);
  }
}

Inode SimulatedDisk::State::find(const std::string& path, const std::string& action) const {
  const std::optional<Inode> found = names.find(path);
  if (!found) throw io::system_error(ENOENT, action, path);
  return *found;
}

void SimulatedDisk::State::create_durably(const std::string& path, std::vector<std::byte> bytes) {
  const Inode inode = next_inode++;
  files[inode] = std::make_shared<DiskContent>(std::move(bytes));
  names.create_durably(path, inode);
}

void SimulatedDisk::State::rename(const std::string& from, const std::string& to, bool replaces) {
  const std::string action = "cannot rename it to " + to;
  enter_or_fail({DiskCall::kRename, from}, action);
  find(from, action);
  if (!replaces && names.find(to)) {
    throw io::system_error(EEXIST, "cannot put " + from + " in its place", to);
  }
  names.rename(from, to);
}

std::shared_ptr<SimulatedDisk::State> SimulatedDisk::State::fork() const {
  auto copy = std::make_shared<State>();
  copy->names = names;
  copy->next_inode = next_inode;
  for (const Inode inode : names.reachable()) {
    copy->files[inode] = std::make_shared<DiskContent>(*files.at(inode));
  }
  return copy;
}

template <class Settle>
std::shared_ptr<SimulatedDisk::State> SimulatedDisk::State::crash(std::size_t name_changes,
                                                                  Settle settle) const {
  auto after = std::make_shared<State>();
  after->names = names.after_crash(name_changes);
  after->next_inode = next_inode;
  const std::set<Inode> left = after->names.reachable();
  // All are settled, also those that lost their name: the n-th sector in flight stays the same one.
  for (const Inode inode : names.reachable()) {
    auto settled = std::make_shared<DiskContent>(settle(*files.at(inode)));
    if (left.contains(inode)) after->files[inode] = std::move(settled);
  }
  return after;
}

class SimulatedDisk::OpenFile : public io::File {
 public:
  OpenFile(std::shared_ptr<State> state, std::string path, Inode inode, bool writable)
      : state_(std::move(state)),
        content_(state_->files.at(inode)),
        path_(std::move(path)),
        inode_(inode),
        writable_(writable) {}

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    const std::lock_guard guard(state_->mutex);
    if (const int error = state_->enter({DiskCall::kRead, path_, offset, into.size()})) {
      throw io::system_error(error, "cannot read", path_, offset);
    }
    const std::vector<std::byte>& bytes = content_->bytes();
    if (offset >= bytes.size()) return 0;
    const std::size_t size = std::min<std::uint64_t>(into.size(), bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
    return size;
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::lock_guard guard(state_->mutex);
    const int error = state_->enter({DiskCall::kWrite, path_, offset, bytes.size()});
    refuse_unless_writable("cannot write");
    content_->write(offset, error == 0 ? bytes : bytes.first(bytes.size() / 2));
    if (error != 0) {
      throw io::system_error(error, "cannot write", path_, offset + bytes.size() / 2);
    }
  }

  void sync_data() override {
    const std::lock_guard guard(state_->mutex);
    if (const int error = state_->enter({DiskCall::kSync, path_})) {
      content_->fail_sync();
      throw io::system_error(error, "cannot sync the file to the disk", path_);
    }
    content_->sync();
  }

  void truncate(std::uint64_t size_bytes) override {
    const std::lock_guard guard(state_->mutex);
    state_->enter_or_fail({DiskCall::kTruncate, path_, 0, size_bytes},
                          "cannot set the file's size");
    refuse_unless_writable("cannot set the file's size");
    content_->truncate(size_bytes);
  }

  std::uint64_t size_bytes() override {
    const std::lock_guard guard(state_->mutex);
    state_->enter_or_fail({DiskCall::kStatus, path_}, "cannot ask for the file's state");
    return content_->bytes().size();
  }

  io::FileIdentity identity() override {
    const std::lock_guard guard(state_->mutex);
    state_->enter_or_fail({DiskCall::kStatus, path_}, "cannot ask for the file's state");
    return {1, inode_, state_->names.count_of(inode_)};
  }

  std::shared_ptr<const io::Mapping> map(std::uint64_t size_bytes) override {
    const std::lock_guard guard(state_->mutex);
    state_->enter_or_fail({DiskCall::kMap, path_}, "cannot map the file");
    const std::vector<std::byte>& bytes = content_->bytes();
    if (size_bytes > bytes.size()) {
      throw Error(ErrorCode::kIo, "cannot map more bytes than the file has", path_);
    }
    return std::make_shared<CopiedMapping>(std::vector<std::byte>(
        bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size_bytes)));
  }

 private:
  void refuse_unless_writable(const std::string& action) const {
    if (!writable_) throw io::system_error(EBADF, action, path_);
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<DiskContent> content_;
  std::string path_;
  Inode inode_;
  bool writable_;
};

class SimulatedDisk::HeldLock : public io::Lock {
 public:
  HeldLock(std::shared_ptr<State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)) {}
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock() override {
    const std::lock_guard guard(state_->mutex);
    state_->locked.erase(path_);
  }

 private:
  std::shared_ptr<State> state_;
  std::string path_;
};

SimulatedDisk::SimulatedDisk() : state_(std::make_shared<State>()) {}
SimulatedDisk::SimulatedDisk(std::shared_ptr<State> state) : state_(std::move(state)) {}
SimulatedDisk::SimulatedDisk(SimulatedDisk&& other) noexcept = default;
SimulatedDisk& SimulatedDisk::operator=(SimulatedDisk&& other) noexcept = default;
SimulatedDisk::~SimulatedDisk() = default;

SimulatedDisk::SimulatedDisk(const SimulatedDisk& other) : io::FileSystem(other) {
  const std::lock_guard guard(other.state_->mutex);
  state_ = other.state_->fork();
  state_->history = other.state_->history;
  state_->calls = other.state_->calls;
  state_->crash_after = other.state_->crash_after;
  state_->has_crashed = other.state_->has_crashed;
  state_->faults = other.state_->faults;
  state_->faults_met = other.state_->faults_met;
}

SimulatedDisk& SimulatedDisk::operator=(const SimulatedDisk& other) {
  return *this = SimulatedDisk(other);
}

std::unique_ptr<io::File> SimulatedDisk::open(const std::string& path, io::OpenMode mode) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  const bool creates = mode == io::OpenMode::kCreateNew;
  const std::string action = creates ? "cannot create the file" : "cannot open the file";
  state_->enter_or_fail({creates ? DiskCall::kCreate : DiskCall::kOpen, name}, action);
  if (creates) {
    if (state_->names.find(name) || state_->names.is_directory(name)) {
      throw io::system_error(EEXIST, action, name);
    }
    const Inode inode = state_->next_inode++;
    state_->files[inode] = std::make_shared<DiskContent>();
    state_->names.create(name, inode);
  } else if (state_->names.is_directory(name)) {
    throw Error(ErrorCode::kNotASession, "this is a directory, not a session file", name);
  }
  return std::make_unique<OpenFile>(state_, name, state_->find(name, action),
                                    mode != io::OpenMode::kRead);
}

bool SimulatedDisk::exists(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  state_->enter_or_fail({DiskCall::kStatus, name}, "cannot ask whether the file is there");
  return state_->names.find(name) || state_->names.is_directory(name);
}

std::optional<io::FileIdentity> SimulatedDisk::identity(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  state_->enter_or_fail({DiskCall::kStatus, name}, "cannot ask whether the file is there");
  const std::optional<Inode> inode = state_->names.find(name);
  if (!inode) return std::nullopt;
  return io::FileIdentity{1, *inode, state_->names.count_of(*inode)};
}

void SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard(state_->mutex);
  state_->rename(absolute(from), absolute(to), true);
}

void SimulatedDisk::rename_new(const std::string& from, const std::string& to) {
  const std::lock_guard guard(state_->mutex);
  state_->rename(absolute(from), absolute(to), false);
}

void SimulatedDisk::exchange(const std::string& one, const std::string& other) {
  const std::lock_guard guard(state_->mutex);
  const std::string first = absolute(one);
  const std::string second = absolute(other);
  const std::string action = "cannot exchange it with " + second;
  state_->enter_or_fail({DiskCall::kRename, first}, action);
  state_->find(first, action);
  state_->find(second, "cannot exchange it with " + first);
  state_->names.exchange(first, second);
}

void SimulatedDisk::remove(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  const std::string action = "cannot remove the file";
  state_->enter_or_fail({DiskCall::kRemove, name}, action);
  state_->find(name, action);
  state_->names.remove(name);
}

void SimulatedDisk::sync_directory(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  state_->enter_or_fail({DiskCall::kSyncDirectory, name}, "cannot sync the directory to the disk");
  state_->names.sync_directory(std::filesystem::path(name).parent_path().string());
  // Files that have lost their last name for good; who has one open keeps it.
  const std::set<Inode> reachable = state_->names.reachable();
  std::erase_if(state_->files, [&](const auto& file) { return !reachable.contains(file.first); });
}

std::string SimulatedDisk::real_path(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  state_->enter_or_fail({DiskCall::kStatus, path}, "cannot resolve the path");
  return absolute(path);
}

std::unique_ptr<io::Lock> SimulatedDisk::lock(const std::string& path) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(path);
  const std::string lock_name = name + ".lock";
  state_->enter_or_fail({DiskCall::kLock, lock_name}, "cannot lock the file");
  if (state_->locked.contains(name)) throw io::locked_error(name, ::getpid());
  state_->create_durably(lock_name, bytes_of(std::to_string(::getpid()) + "\n"));
  auto held = std::make_unique<HeldLock>(state_, name);
  state_->locked.insert(name);
  return held;
}

std::vector<std::string> SimulatedDisk::list(const std::string& directory) {
  const std::lock_guard guard(state_->mutex);
  const std::string name = absolute(directory);
  state_->enter_or_fail({DiskCall::kList, name}, "cannot list the directory");
  return state_->names.list(name);
}

void SimulatedDisk::put(const std::string& path, std::vector<std::byte> bytes) {
  const std::lock_guard guard(state_->mutex);
  state_->create_durably(absolute(path), std::move(bytes));
}

std::vector<std::byte> SimulatedDisk::contents(const std::string& path) const {
  const std::lock_guard guard(state_->mutex);
  return state_->files.at(state_->find(absolute(path), "cannot open the file"))->bytes();
}

std::size_t SimulatedDisk::operations() const {
  const std::lock_guard guard(state_->mutex);
  return state_->history.size();
}

std::size_t SimulatedDisk::calls() const {
  const std::lock_guard guard(state_->mutex);
  return state_->calls;
}

std::vector<DiskOperation> SimulatedDisk::history() const {
  const std::lock_guard guard(state_->mutex);
  return state_->history;
}

void SimulatedDisk::crash_after(std::size_t n) {
  const std::lock_guard guard(state_->mutex);
  state_->crash_after = n;
}

bool SimulatedDisk::has_crashed() const {
  const std::lock_guard guard(state_->mutex);
  return state_->has_crashed;
}

void SimulatedDisk::fail(const Fault& fault) {
  const std::lock_guard guard(state_->mutex);
  state_->faults.push_back(fault);
}

void SimulatedDisk::clear_faults() {
  const std::lock_guard guard(state_->mutex);
  state_->faults.clear();
}

std::size_t SimulatedDisk::faults_met() const {
  const std::lock_guard guard(state_->mutex);
  return state_->faults_met;
}

std::size_t SimulatedDisk::sectors_in_flight() const {
  const std::lock_guard guard(state_->mutex);
  std::size_t count = 0;
  for (const Inode inode : state_->names.reachable()) {
    count += state_->files.at(inode)->sectors_in_flight();
  }
  return count;
}

std::size_t SimulatedDisk::directory_operations_in_flight() const {
  const std::lock_guard guard(state_->mutex);
  return state_->names.changes_in_flight();
}

SimulatedDisk SimulatedDisk::crashed(std::mt19937_64& random) const {
  const std::lock_guard guard(state_->mutex);
  const std::size_t name_changes = random() % (state_->names.changes_in_flight() + 1);
  return SimulatedDisk(state_->crash(
      name_changes, [&](const DiskContent& file) { return file.after_crash(random); }));
}

SimulatedDisk SimulatedDisk::crashed_with(const CrashChoice& choice) const {
  const std::lock_guard guard(state_->mutex);
  std::size_t first = 0;
  return SimulatedDisk(state_->crash(choice.directory_operations, [&](const DiskContent& file) {
    const auto keeps = [&](std::size_t i) {
      return first + i >= 64 || ((choice.keep_mask >> (first + i)) & 1U) != 0;
    };
    std::vector<std::byte> bytes = file.after_crash(keeps, choice.lost_sectors, choice.sizes);
    first += file.sectors_in_flight();
    return bytes;
  }));
}

SimulatedDisk SimulatedDisk::crashed_with_mask(std::uint64_t keep_mask) const {
  CrashChoice choice;
  choice.keep_mask = keep_mask;
  return crashed_with(choice);
}

std::vector<CrashChoice> SimulatedDisk::every_crash() const {
  constexpr std::size_t kMostSectors = 16;
  const std::size_t sectors = sectors_in_flight();
  if (sectors > kMostSectors) {
    throw std::length_error(std::to_string(sectors) + " sectors in flight: too many to try all");
  }
  const std::lock_guard guard(state_->mutex);
  const std::set<Inode> reachable = state_->names.reachable();
  const bool size_in_flight = std::ranges::any_of(
      reachable, [&](Inode inode) { return state_->files.at(inode)->size_in_flight(); });
  const std::uint64_t masks = std::uint64_t{1} << sectors;
  std::vector<CrashChoice> choices;
  for (std::uint64_t mask = 0; mask < masks; ++mask) {
    for (const LostSector lost : {LostSector::kOld, LostSector::kZero, LostSector::kGarbage}) {
      if (lost != LostSector::kOld && mask == masks - 1) continue;  // nothing is lost
      for (const LostSize size : {LostSize::kNew, LostSize::kOld, LostSize::kEndOfKept}) {
        if (size != LostSize::kNew && !size_in_flight) continue;
        for (std::size_t done = 0; done <= state_->names.changes_in_flight(); ++done) {
          choices.push_back({mask, lost, size, done});
        }
      }
    }
  }
  return choices;
}

SimulatedDisk SimulatedDisk::killed() const {
  const std::lock_guard guard(state_->mutex);
  return SimulatedDisk(state_->fork());
}

}  // namespace session::test
