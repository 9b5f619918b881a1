#include "tests/support/crash_run.h"

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "lib/operations/parity_groups.h"
#include "session/protect.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {
namespace {

constexpr std::uint64_t kTaskKeys = 60;
constexpr std::size_t kLargeTextBytes = 9000;

std::string error_text(const std::exception& error) {
  return std::string("unexpected error: ") + error.what();
}

std::string compare(const Snapshot& snapshot, const SessionState& wanted) {
  const SessionState found = state_of(snapshot);
  if (found == wanted) return {};
  return "revision " + std::to_string(snapshot.revision()) + ": " + wanted.difference(found);
}

// Every parity group there is agrees with what it protects.
std::string parity_contradiction(SimulatedDisk& disk) {
  const auto file = disk.open(kDiskPath, io::OpenMode::kRead);
  const std::uint64_t tag = operations::find_file_tag(*file).value();
  const auto groups = operations::find_parity_groups(*file, tag);
  const auto outcome = operations::check_by_parity(*file, groups, tag);
  if (outcome.damaged.empty() && outcome.unfinished.empty()) return {};
  return "parity that does not fit what it protects";
}

}  // namespace

const SessionState& CrashRun::head() const {
  static const SessionState nothing;
  const auto at = promise_.states.find(revision_);
  return at == promise_.states.end() ? nothing : at->second;
}

void CrashRun::create(std::uint32_t parity_percent) {
  promise_.states[1] = SessionState();
  CreateOptions options = creating_on(disk_);
  options.parity_percent = parity_percent;
  writer_ = Writer::create(kDiskPath, options);
  promise_.acknowledged = revision_ = 1;
}

void CrashRun::create_from_draft(int changes) {
  writer_ = Writer::create_draft(kDiskPath, creating_on(disk_));
  SessionState next;
  {
    Transaction change = writer_->begin();
    Twin twin(change, next);
    for (int i = 0; i < changes; ++i) change_something(twin, SessionState());
    promise_.states[1] = next;
    (void)change.commit();
  }
  writer_->publish();
  promise_.acknowledged = revision_ = 1;
}

void CrashRun::open() {
  writer_ = open_on(disk_);
  revision_ = writer_->report().recovered_to;
  promise_.states.erase(promise_.states.upper_bound(revision_), promise_.states.end());
  // What opening found it has rewritten and synced.
  promise_.acknowledged = revision_;
}

void CrashRun::close() {
  writer_->close();
  promise_.acknowledged = revision_;
}

void CrashRun::change_something(Twin& twin, const SessionState& before) {
  const std::string key = numbered("t", random_() % kTaskKeys);
  switch (random_() % 6) {
    case 0:
      if (before.table(Table::kTasks).contains(key)) {
        twin.erase(Table::kTasks, key);
        return;
      }
      [[fallthrough]];
    case 1:
    case 2: {
      const std::uint64_t parent = random_() % kTaskKeys;
      twin.task(key, std::string(random_() % 120, 'x') + std::to_string(random_()),
                parent % 3 == 0 ? "" : numbered("t", parent),
                static_cast<std::int64_t>(random_() % 7) - 3);
      return;
    }
    case 3:
      twin.value("test/" + std::to_string(random_() % 20), std::to_string(random_()));
      return;
    default:
      twin.message(numbered("m", random_() % 1'000), std::string(random_() % 300, 'm'));
  }
}

void CrashRun::try_commit(Transaction& change, SessionState next, const CommitOptions& options) {
  promise_.states.insert_or_assign(revision_ + 1, std::move(next));
  const CommitResult result = change.commit(options);
  if (result.revision != revision_ + 1) throw std::logic_error("another revision than expected");
  ++revision_;
  if (options.durability == Durability::kDurable) promise_.acknowledged = revision_;
}

void CrashRun::commit(int changes, Durability durability, bool as_snapshot) {
  Transaction change = writer_->begin();
  SessionState next = head();
  Twin twin(change, next);
  for (int i = 0; i < changes; ++i) change_something(twin, next);
  twin.value("test/revision", std::to_string(revision_ + 1));  // never empty
  CommitOptions options;
  options.durability = durability;
  options.as_snapshot = as_snapshot;
  try_commit(change, std::move(next), options);
}

void CrashRun::commit_blobs() {
  Transaction change = writer_->begin();
  SessionState next = head();
  Twin twin(change, next);
  const auto letter = static_cast<char>('a' + random_() % 3);
  std::string noise;  // that no codec can shrink
  while (noise.size() < kLargeTextBytes) noise += std::to_string(random_());
  twin.message(numbered("m", random_() % 100), std::string(kLargeTextBytes, letter));
  twin.message(numbered("m", 100 + random_() % 100), noise);
  twin.value("test/revision", std::to_string(revision_ + 1));
  try_commit(change, std::move(next), {});
}

void CrashRun::commit_spilled(int changes, std::uint64_t spill_above_bytes) {
  Transaction change = writer_->begin();
  change.spill_above(spill_above_bytes);
  SessionState next = head();
  Twin twin(change, next);
  for (int i = 0; i < changes; ++i) change_something(twin, next);
  twin.value("test/revision", std::to_string(revision_ + 1));
  try_commit(change, std::move(next), {});
}

void CrashRun::roll_back_spilled(int changes, std::uint64_t spill_above_bytes) {
  Transaction change = writer_->begin();
  change.spill_above(spill_above_bytes);
  SessionState forgotten = head();
  Twin twin(change, forgotten);
  for (int i = 0; i < changes; ++i) change_something(twin, forgotten);
  change.rollback();
}

void CrashRun::checkpoint(const std::string& description) {
  SessionState next = head();
  next.add_checkpoint(revision_ + 1, description);
  promise_.states.insert_or_assign(revision_ + 1, std::move(next));
  CheckpointOptions options;
  options.description = description;
  options.id = "00000000-0000-4000-8000-" + numbered("", revision_) + "000000";
  (void)writer_->checkpoint(options);
  promise_.acknowledged = ++revision_;
}

void CrashRun::restore(std::uint64_t revision) {
  SessionState emergency = head();
  emergency.add_checkpoint(revision_ + 1, "before restoring revision " + std::to_string(revision));
  SessionState restored = emergency;
  restored.restore(promise_.states.at(revision));
  promise_.states.insert_or_assign(revision_ + 1, std::move(emergency));
  promise_.states.insert_or_assign(revision_ + 2, std::move(restored));
  (void)writer_->restore(revision);
  promise_.acknowledged = revision_ += 2;
}

void CrashRun::flush() {
  writer_->flush();
  promise_.acknowledged = revision_;
}

void CrashRun::protect() {
  ProtectOptions options;
  options.files = &disk_;
  (void)session::protect(kDiskPath, options);
}

AfterCrash examine(SimulatedDisk& disk, const Promise& promise, bool thorough) {
  try {
    if (!disk.exists(kDiskPath)) {
      if (promise.acknowledged == 0) return {};
      return {0, "the file is gone"};
    }
    const Reader reader = read_on(disk);
    const Snapshot head = reader.head();
    AfterCrash found{head.revision(), {}};
    if (found.revision < promise.acknowledged || found.revision > promise.newest()) {
      found.wrong = "found revision " + std::to_string(found.revision) + ", acknowledged " +
                    std::to_string(promise.acknowledged) + ", newest " +
                    std::to_string(promise.newest());
      return found;
    }
    found.wrong = compare(head, promise.states.at(found.revision));
    if (!thorough || !found.wrong.empty()) return found;
    found.wrong = contradiction_in(head);
    for (const auto& [revision, state] : promise.states) {
      if (!found.wrong.empty() || revision >= found.revision) break;
      found.wrong = compare(reader.at(revision), state);
    }
    return found;
  } catch (const std::exception& error) {
    return {0, error_text(error)};
  }
}

std::string go_on(SimulatedDisk& disk, Promise promise, std::uint64_t seed) {
  try {
    const AfterCrash before = examine(disk, promise, false);
    if (!before.wrong.empty()) return before.wrong;
    CrashRun run(disk, promise, seed);
    if (before.revision == 0) {
      run.create();
    } else {
      run.open();
    }
    if (before.revision != 0 && promise.newest() != before.revision) {
      return "a writer went on from revision " + std::to_string(promise.newest()) +
             " where a reader saw " + std::to_string(before.revision);
    }
    // Half of the writers look and go: what they leave must be as whole.
    if (seed % 2 == 0) {
      run.commit(2, Durability::kDurable);
      run.commit(1, Durability::kRelaxed);
    }
    run.close();
    const AfterCrash after = examine(disk, promise, true);
    if (!after.wrong.empty()) return "after going on: " + after.wrong;
    const FileInfo info = read_on(disk).info();
    if (!info.sealed || info.tail_bytes != 0) {
      return "closed, but not sealed";
    }
    const std::string damage = damage_in_frames(disk.contents(kDiskPath), info.head_end);
    if (!damage.empty()) return "going on left damage " + damage;
    return parity_contradiction(disk);
  } catch (const std::exception& error) {
    return error_text(error);
  }
}

}  // namespace session::test
