#include "fuzz/support/model.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "session/compact.h"
#include "session/verify.h"
#include "tests/support/crash_run.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::fuzz {
namespace {

using test::Promise;
using test::SessionState;
using test::SimulatedDisk;

// A life is short: what a longer one finds, several short ones find sooner.
constexpr int kOperations = 60;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

void require(bool holds, const char* promise) {
  if (!holds) fail(std::string("broken: ") + promise);
}

class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return at_ >= bytes_.size(); }
  std::size_t byte() { return done() ? 0 : bytes_[at_++]; }
  std::size_t below(std::size_t limit) { return byte() % limit; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

class Life {
 public:
  explicit Life(std::span<const std::uint8_t> bytes) : choices_(bytes) {}

  void run() {
    shape_ = choices_.byte();
    create();
    for (int n = 0; n < kOperations && !choices_.done(); ++n) {
      try {
        step();
        owes_word_ = owes_word_ || is_failing_;
      } catch (const test::CrashNow&) {
        come_up_again();
      } catch (const Error& error) {
        require_expected(error);
        come_up_again();
      }
      is_failing_ = false;
      disk_.clear_faults();
    }
    end();
  }

 private:
  void create() {
    promise_.states[1] = SessionState();
    CreateOptions options = test::creating_on(disk_);
    if (shape_ % 4 == 1) options.parity_percent = 10;
    if (shape_ % 4 == 2) options.leaf_target_log2 = options.index_target_log2 = 0;
    writer_ = Writer::create(test::kDiskPath, options);
    promise_.acknowledged = revision_ = 1;
  }

  void step() {
    const std::size_t what = choices_.byte();
    constexpr std::size_t kKinds = 16;
    if (what >= 13 * kKinds) {
      disk_.crash_after(disk_.operations() + choices_.below(20));
    } else if (what >= 11 * kKinds) {
      let_a_call_fail();
    }
    run_operation(what % kKinds);
    // A crash that was due later happens now.
    if (what >= 13 * kKinds) throw test::CrashNow();
  }

  void let_a_call_fail() {
    static constexpr int kErrors[] = {EIO, ENOSPC, EFBIG, ENOMEM};
    test::Fault fault;
    const std::size_t how = choices_.byte();
    fault.error = kErrors[how % std::size(kErrors)];
    fault.from_then_on = how / 4 % 2 == 1;
    fault.nth = 1 + choices_.below(40);
    disk_.fail(fault);
    is_failing_ = true;
  }

  // A call failed in this step; or in one before, where nobody could be told: in a transaction that
  // went out of scope, in the parity behind a commit.
  void require_expected(const Error& error) const {
    const bool is_told_late = owes_word_ && error.code() == ErrorCode::kPoisoned;
    if (!is_failing_ && !is_told_late) fail(std::string("unexpected: ") + error.what());
    require_honest(error);
  }

  // A call that fails is no damage, and nothing that only a bug explains.
  static void require_honest(const Error& error) {
    const bool blames_the_file =
        error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNotASession;
    if (blames_the_file || error.code() == ErrorCode::kInternal) {
      fail(std::string("a failed call is told as: ") + error.what());
    }
  }

  void run_operation(std::size_t kind) {
    switch (kind) {
      case 6:
        return flush();
      case 7:
        return checkpoint();
      case 8:
        return delete_checkpoint();
      case 9:
        return restore();
      case 10:
      case 11:
        return look_back();
      case 12:
        return compact();
      case 13:
        return reopen();
      case 14:
        return be_killed();
      default:
        return change_and_end();
    }
  }

  // ---- transactions

  [[nodiscard]] const SessionState& head() const { return promise_.states.at(revision_); }

  void change_and_end() {
    Transaction change = writer_->begin();
    SessionState next = head();
    if (choices_.below(8) == 0) change.spill_above(2000);
    std::vector<std::pair<std::size_t, SessionState>> savepoints;
    for (std::size_t left = 1 + choices_.below(12); left > 0; --left) {
      edit(change, next, savepoints);
    }
    if (choices_.below(4) == 0) require_same(change.so_far(), next);
    end_transaction(change, std::move(next));
  }

  void edit(Transaction& change, SessionState& next,
            std::vector<std::pair<std::size_t, SessionState>>& savepoints) {
    static constexpr std::size_t kSizes[] = {0, 5, 90, 400, 4090, 9000};
    test::Twin twin(change, next);
    const std::size_t what = choices_.byte();
    const std::string task = test::numbered("t", choices_.below(24));
    const auto size = [this] { return kSizes[choices_.below(std::size(kSizes))]; };
    switch (what % 10) {
      case 0:
      case 1:
        return twin.erase(Table::kTasks, task);
      case 2:
      case 3: {
        const std::size_t parent = choices_.below(32);
        return twin.task(task, std::string(size(), 'x'),
                         parent > 23 ? "" : test::numbered("t", parent),
                         static_cast<std::int64_t>(what / 10) - 12);
      }
      case 4:
        return twin.message(test::numbered("m", choices_.below(200)), std::string(size(), 'm'));
      case 5:
        return twin.erase(Table::kValues, "a/" + std::to_string(what % 4));
      case 6:
        return savepoints.emplace_back(change.savepoint(), next), void();
      case 7:
        return end_savepoint(change, next, savepoints);
      default:
        twin.value("a/" + std::to_string(what % 4),
                   std::string(size(), static_cast<char>('a' + choices_.below(3))));
    }
  }

  void end_savepoint(Transaction& change, SessionState& next,
                     std::vector<std::pair<std::size_t, SessionState>>& savepoints) {
    if (savepoints.empty()) return;
    const std::size_t choice = choices_.byte();
    const std::size_t index = choice / 2 % savepoints.size();
    if (choice % 2 == 0) {
      change.roll_back_to(savepoints[index].first);
      next = std::move(savepoints[index].second);
    } else {
      change.release(savepoints[index].first);
    }
    savepoints.resize(index);
  }

  void end_transaction(Transaction& change, SessionState next) {
    const std::size_t how = choices_.below(8);
    if (how == 6) return change.rollback();
    if (how == 7) return;  // rolled back by going out of scope
    CommitOptions options;
    if (how < 3) options.durability = Durability::kRelaxed;
    options.as_snapshot = how == 3;
    if (how == 4) {
      const std::string id = new_checkpoint_id();
      next.add_checkpoint(revision_ + 1, "with changes");
      pinned_.insert(revision_ + 1);
      promise_.states.insert_or_assign(revision_ + 1, std::move(next));
      CheckpointOptions checkpoint;
      checkpoint.description = "with changes";
      checkpoint.id = id;
      return committed(change.checkpoint(checkpoint, options).revision, 1, true);
    }
    require(!change.empty() || next == head(), "a transaction with changes is not empty");
    const bool is_empty = change.empty() && !options.as_snapshot;
    if (!is_empty) promise_.states.insert_or_assign(revision_ + 1, std::move(next));
    const bool is_durable = options.durability == Durability::kDurable && !is_empty;
    committed(change.commit(options).revision, is_empty ? 0 : 1, is_durable);
  }

  void committed(std::uint64_t revision, std::uint64_t steps, bool is_durable) {
    require(revision == revision_ + steps, "revisions are counted one by one");
    revision_ = revision;
    if (is_durable) promise_.acknowledged = revision_;
  }

  // ---- the other operations

  [[nodiscard]] std::string new_checkpoint_id() {
    return "00000000-0000-4000-8000-" + test::numbered("", ++checkpoints_) + "000000";
  }

  void flush() {
    writer_->flush();
    promise_.acknowledged = revision_;
  }

  void checkpoint() {
    CheckpointOptions options;
    options.id = new_checkpoint_id();
    options.description = "checkpoint " + std::to_string(choices_.below(3));
    const bool is_manual = choices_.below(2) == 0;
    if (!is_manual) options.trigger = schema::Trigger::ERROR;
    SessionState next = head();
    next.add_checkpoint(revision_ + 1, options.description);
    if (is_manual) pinned_.insert(revision_ + 1);
    promise_.states.insert_or_assign(revision_ + 1, std::move(next));
    committed(writer_->checkpoint(options).revision, 1, true);
  }

  void delete_checkpoint() {
    const auto all = writer_->head().checkpoints();
    if (all.empty()) return;
    const CheckpointInfo& gone = all[choices_.below(all.size())];
    SessionState next = head();
    next.keep_checkpoints([&](std::uint64_t revision) { return revision != gone.revision; });
    promise_.states.insert_or_assign(revision_ + 1, std::move(next));
    unpinning_ = gone.revision;
    committed(writer_->delete_checkpoint(gone.id).revision, 1, true);
    pinned_.erase(gone.revision);
  }

  [[nodiscard]] std::uint64_t some_revision() {
    auto at = promise_.states.begin();
    std::advance(at, choices_.below(std::min<std::size_t>(promise_.states.size(), 256)));
    return at->first;
  }

  void restore() {
    const std::uint64_t revision = some_revision();
    SessionState emergency = head();
    emergency.add_checkpoint(revision_ + 1,
                             "before restoring revision " + std::to_string(revision));
    SessionState restored = emergency;
    restored.restore(promise_.states.at(revision));
    promise_.states.insert_or_assign(revision_ + 1, std::move(emergency));
    promise_.states.insert_or_assign(revision_ + 2, std::move(restored));
    committed(writer_->restore(revision).revision, 2, true);
  }

  void require_same(const Snapshot& snapshot, const SessionState& wanted) {
    if (is_failing_) return;  // what cannot be read is not compared
    const SessionState found = test::state_of(snapshot);
    if (!(found == wanted)) fail(wanted.difference(found));
    const std::string wrong = test::contradiction_in(snapshot);
    if (!wrong.empty()) fail(wrong);
  }

  // Through the writer, by number or by name; and what is not there is not there.
  void look_back() {
    const std::uint64_t revision = some_revision();
    const bool by_name = choices_.below(2) == 0;
    const auto steps = static_cast<std::uint64_t>(
        std::distance(promise_.states.find(revision), promise_.states.end()) - 1);
    const Snapshot found = by_name ? writer_->at(std::string_view("~" + std::to_string(steps)))
                                   : writer_->at(revision);
    require(found.revision() == revision, "a revision is found by its number and its place");
    require_same(found, promise_.states.at(revision));
    if (is_failing_) return;
    for (const std::uint64_t absent : {revision - 1, revision + 1}) {
      if (promise_.states.contains(absent)) continue;
      require(test::error_of([&] { (void)writer_->at(absent); }) == ErrorCode::kNotFound,
              "a revision that is not kept is not found");
    }
  }

  // What a compaction leaves: the newest ones, those of checkpoints made by hand, the head.
  [[nodiscard]] Promise thinned(std::size_t keep_last) const {
    std::set<std::uint64_t> kept;
    std::size_t left = keep_last;
    for (auto at = promise_.states.rbegin(); at != promise_.states.rend(); ++at) {
      const bool is_head = at->first == revision_;
      if (keep_last == 0 || left > 0 || is_head || pinned_.contains(at->first))
        kept.insert(at->first);
      if (left > 0) --left;
    }
    Promise after;
    after.acknowledged = revision_;
    for (const std::uint64_t revision : kept) {
      SessionState state = promise_.states.at(revision);
      state.keep_checkpoints([&](std::uint64_t pinned) { return kept.contains(pinned); });
      after.states.emplace(revision, std::move(state));
    }
    return after;
  }

  void compact() {
    CompactOptions options;
    options.files = &disk_;
    options.retention.keep_last = choices_.below(6);
    options.archive = choices_.below(2) == 1;
    compacted_ = thinned(options.retention.keep_last);
    const CompactReport report = writer_->compact(options);
    for (const RevisionFate& fate : report.revisions) {
      require(fate.kept == compacted_->states.contains(fate.revision),
              "compact keeps what its rules keep");
    }
    promise_ = std::move(*compacted_);
    compacted_.reset();
  }

  void reopen() {
    writer_->close();
    promise_.acknowledged = revision_;
    writer_.reset();
    open();
  }

  void open() {
    writer_ = test::open_on(disk_);
    owes_word_ = false;
    revision_ = writer_->report().recovered_to;
    promise_.states.erase(promise_.states.upper_bound(revision_), promise_.states.end());
    promise_.acknowledged = revision_;
    pinned_.erase(pinned_.upper_bound(revision_), pinned_.end());
  }

  // What a process wrote that ends without a word is there all the same.
  void be_killed() {
    const std::uint64_t before = revision_;
    SimulatedDisk left = disk_.killed();
    writer_.reset();
    disk_ = std::move(left);
    open();
    require(revision_ == before, "what was written survives the process");
    require_same(writer_->head(), head());
  }

  // ---- crashes

  void come_up_again() {
    writer_.reset();
    std::mt19937_64 random(choices_.byte());
    switch (choices_.below(4)) {
      case 0:
        disk_ = disk_.crashed_with_mask(choices_.byte());
        break;
      case 1:
        disk_ = disk_.killed();
        break;
      default:
        disk_ = disk_.crashed(random);
    }
    is_failing_ = false;
    test::AfterCrash found = test::examine(disk_, promise_, true);
    if (compacted_ && !found.wrong.empty()) {
      promise_ = std::move(*compacted_);
      found = test::examine(disk_, promise_, true);
    }
    compacted_.reset();
    if (!found.wrong.empty()) fail("after a crash: " + found.wrong);
    open();
    require(revision_ == found.revision, "a writer goes on from what a reader sees");
    if (unpinning_ != 0 && is_unpinned(unpinning_)) pinned_.erase(unpinning_);
  }

  // The checkpoint's deletion was under way, and happened.
  [[nodiscard]] bool is_unpinned(std::uint64_t revision) const {
    const auto all = writer_->head().checkpoints();
    return std::none_of(all.begin(), all.end(),
                        [&](const CheckpointInfo& one) { return one.revision == revision; });
  }

  void end() {
    try {
      writer_->close();
    } catch (const Error& error) {
      require_expected(error);
      come_up_again();
      writer_->close();
    }
    writer_.reset();
    promise_.acknowledged = revision_;
    const test::AfterCrash found = test::examine(disk_, promise_, true);
    if (!found.wrong.empty()) fail("in the end: " + found.wrong);
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.meaning = false;
    options.jobs = 1;
    options.files = &disk_;
    require(verify(test::kDiskPath, options).verdict == Verdict::kClean, "what is closed is clean");
  }

  Choices choices_;
  SimulatedDisk disk_;
  Promise promise_;
  std::size_t shape_ = 0;
  bool is_failing_ = false;  // a call of the disk fails in this step
  bool owes_word_ = false;   // one has failed, and no call of this writer has said so
  std::uint64_t revision_ = 0;
  std::uint64_t checkpoints_ = 0;
  std::set<std::uint64_t> pinned_;  // revisions of checkpoints made by hand
  std::uint64_t unpinning_ = 0;
  std::optional<Promise> compacted_;  // while a compaction is under way: what holds after it
  std::optional<Writer> writer_;
};

}  // namespace

void check_against_model(const std::uint8_t* data, std::size_t size) {
  Life({data, size}).run();
}

}  // namespace session::fuzz
