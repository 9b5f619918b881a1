// What a compaction does, in its order. Everything happens on a draft beside the file; the last
// step is a rename.

#include "session/compact.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "format/parity.h"
#include "lib/operations/repack.h"
#include "lib/operations/retention.h"
#include "lib/store/head.h"
#include "lib/store/parity.h"
#include "lib/store/revision_name.h"
#include "lib/store/writer_core.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/verify.h"
#include "session/writer.h"

namespace session {
namespace operations {
namespace {

// Turns "so many bytes more" into where the work is.
class Counter {
 public:
  Counter(const ProgressCallback& callback, std::uint64_t total_bytes)
      : callback_(callback), state_{"compacting", 0, total_bytes} {}
  void advance(std::uint64_t bytes) {
    if (!callback_) return;
    state_.done_bytes = std::min(state_.total_bytes, state_.done_bytes + bytes);
    since_ += bytes + 1;
    if (since_ < kStepBytes) return;
    since_ = 0;
    if (!callback_(state_)) {
      throw Error(ErrorCode::kInterrupted, "interrupted; the file was left as it was");
    }
  }

 private:
  static constexpr std::uint64_t kStepBytes = 1U << 20;
  const ProgressCallback& callback_;
  Progress state_;
  std::uint64_t since_ = 0;
};

bool has_shape_of(const format::ParityGroup& group, std::uint32_t percent) {
  if (group.range_bytes() > format::longest_parity_range(percent)) return false;
  const auto planned = format::plan_parity(group.begin, group.end, group.parity_begin, percent);
  return planned.rows == group.rows && planned.stripes == group.stripes &&
         planned.block_log2 == group.block_log2;
}

// The highest percentage that gives all groups their shapes, or the usual one.
std::uint32_t percent_of(const std::vector<format::ParityGroup>& groups) {
  for (std::uint32_t percent = kMostParityPercent; percent >= kLeastParityPercent; --percent) {
    if (std::all_of(groups.begin(), groups.end(), [percent](const format::ParityGroup& group) {
          return has_shape_of(group, percent);
        })) {
      return percent;
    }
  }
  return kUsualParityPercent;
}

class Compaction {
 public:
  // `head`: of the file at `path`, with its links resolved.
  Compaction(const Snapshot& head, std::string path, const CompactOptions& options)
      : options_(options),
        files_(options.files != nullptr ? *options.files : io::system_files()),
        head_(head),
        path_(std::move(path)) {
    report_.dry_run = options.dry_run;
    head.history([&](const RevisionInfo& info) {
      history_.push_back(info);
      return true;
    });
    std::reverse(history_.begin(), history_.end());
  }

  CompactReport run() {
    const auto begin = std::chrono::steady_clock::now();
    report_.bytes_before = head_.view().pages()->file()->size_bytes();
    report_.revisions =
        plan_retention(history_, head_.checkpoints(), options_.retention, dropped());
    const auto draft = make_draft();
    Counter counter(options_.progress, head_.view().pages()->size_bytes());
    Repacker repacker(draft, plan([&](std::uint64_t bytes) { counter.advance(bytes); }));
    repacker.run();
    note_erased(repacker, *draft);
    require_same_content(repacker.changed(), *draft);
    protect(*draft);
    verify_draft(*draft);
    report_.bytes_after = draft->file_bytes();
    if (!options_.dry_run) {
      draft->publish();
      report_.output = draft->path();
    }
    draft->close();
    report_.duration_nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::steady_clock::now() - begin)
                                 .count();
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::int64_t now() const {
    return options_.clock ? options_.clock() : store::system_nanos();
  }

  // The revisions of checkpoints that were named.
  [[nodiscard]] std::set<std::uint64_t> dropped() const {
    std::set<std::uint64_t> revisions;
    for (const std::string& name : options_.drop) {
      const std::uint64_t revision = store::resolve_checkpoint(head_.view(), name).revision;
      if (revision == head_.revision()) {
        throw Error(ErrorCode::kUsage,
                    "the checkpoint \"" + name + "\" is the newest revision, which always stays");
      }
      revisions.insert(revision);
    }
    return revisions;
  }

  // In place we hold the file's lock already, and a dry run's draft has a name of its own.
  [[nodiscard]] std::shared_ptr<store::WriterCore> make_draft() const {
    const format::FileHeader& header = head_.view().header();
    CreateOptions create;
    create.files = options_.files;
    create.leaf_target_log2 = header.leaf_target_log2;
    create.index_target_log2 = header.index_target_log2;
    create.clock = [begin = header.created_nanos] { return begin; };
    std::string target = options_.output.empty() ? path_ : options_.output;
    create.overwrite = options_.output.empty() || options_.overwrite;
    auto locking = options_.output.empty() ? store::DraftLock::kLeave : store::DraftLock::kTake;
    if (options_.dry_run) {
      target = path_ + ".dry-run-" + std::to_string(store::system_nanos());
      locking = store::DraftLock::kLeave;
    }
    auto draft = store::WriterCore::create_draft(target, create, locking);
    draft->leave_parity_to_caller();
    return draft;
  }

  [[nodiscard]] RepackPlan plan(std::function<void(std::uint64_t)> copied) const {
    RepackPlan plan;
    plan.pages = head_.view().pages();
    plan.header = head_.view().header();
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (report_.revisions[i].kept) plan.kept.push_back(history_[i]);
    }
    plan.erase = options_.erase;
    plan.now_nanos = now();
    plan.archive = options_.archive;
    plan.copied = std::move(copied);
    return plan;
  }

  void note_erased(const Repacker& repacker, const store::WriterCore& draft) {
    for (std::size_t i = 0; i < options_.erase.size(); ++i) {
      const RecordName& name = options_.erase[i];
      if (repacker.erased()[i] == 0) {
        throw Error(ErrorCode::kNotFound, "no kept revision has a record \"" + name.key +
                                              "\" in its table " +
                                              std::string(table_name(name.table)));
      }
      report_.erased.push_back({name, repacker.erased()[i]});
    }
    const store::View& old = head_.view();
    for (const std::uint64_t revision : repacker.changed()) {
      const auto before =
          store::View::open(old.pages(), old.header(), old.commit_offset(revision).value());
      report_.fingerprints.push_back(
          {revision, before->fingerprint(), draft.view_at(revision)->fingerprint()});
    }
    if (!options_.erase.empty()) list_copies(draft.present_path());
  }

  // What stays must be what it was, whatever the draft says of itself: every stored fingerprint,
  // and that of the head.
  void require_same_content(const std::vector<std::uint64_t>& changed,
                            const store::WriterCore& draft) const {
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const RevisionInfo& info = history_[i];
      if (!report_.revisions[i].kept) continue;
      if (std::find(changed.begin(), changed.end(), info.revision) != changed.end()) continue;
      const bool is_head = info.revision == head_.revision();
      if (!info.fingerprint && !is_head) continue;
      const Digest before = is_head ? head_.fingerprint() : *info.fingerprint;
      if (draft.view_at(info.revision)->fingerprint() == before) continue;
      throw Error(ErrorCode::kDamaged,
                  "revision " + std::to_string(info.revision) +
                      " would not have the fingerprint it had, so the file was left as it was; "
                      "`sessiontool verify --full` says whether it is damaged");
    }
  }

  // What we know of that holds the erased content still.
  void list_copies(const std::string& draft) {
    if (!options_.output.empty()) report_.copies.push_back(path_);
    const std::filesystem::path file(path_);
    const std::string name = file.filename().string();
    for (const std::string& other : files_.list(file.parent_path().string())) {
      // What a run that was killed left behind.
      const bool is_draft = other.starts_with(name) && other.ends_with(".partial") &&
                            other != std::filesystem::path(draft).filename();
      if (is_draft || other.starts_with(name + ".damaged-") || other.starts_with(name + ".tail-")) {
        report_.copies.push_back((file.parent_path() / other).string());
      }
    }
  }

  void protect(store::WriterCore& draft) {
    std::uint32_t percent = options_.parity_percent;
    if (percent == 0) percent = store::parity_policy(head_.view());
    if (percent == 0) percent = percent_of_file();
    report_.parity_percent = percent;
    Counter counter(options_.progress, draft.uncovered_bytes());
    for (const format::ParityGroup& group :
         draft.protect(percent, [&](std::uint64_t bytes) { counter.advance(bytes); })) {
      report_.parity_bytes += group.parity_bytes();
    }
  }

  [[nodiscard]] std::uint32_t percent_of_file() const {
    io::File& file = *head_.view().pages()->file();
    const std::uint64_t tag = head_.view().header().tag();
    const store::Head found = store::find_head(file, path_, tag);
    const auto groups = store::parity_groups(file, path_, tag, found.parity_offset);
    return groups.empty() ? 0 : percent_of(groups);
  }

  void verify_draft(const store::WriterCore& draft) const {
    VerifyOptions verifying;
    verifying.level = VerifyLevel::kFull;
    verifying.meaning = false;
    verifying.files = options_.files;
    verifying.progress = options_.progress;
    std::string found;
    verifying.on_finding = [&](const Finding& finding) {
      if (found.empty() && finding.effect != FindingEffect::kNone) found = finding.message;
    };
    if (verify(draft.present_path(), verifying).verdict == Verdict::kClean) return;
    throw Error(ErrorCode::kDamaged,
                "what compact made does not verify (" + found +
                    "), so the file was left as it was; `sessiontool verify --full` says whether "
                    "it is damaged");
  }

  const CompactOptions& options_;
  io::FileSystem& files_;
  Snapshot head_;
  std::string path_;
  std::vector<RevisionInfo> history_;  // oldest first
  CompactReport report_;
};

// With the file's lock held, by whoever writes it.
CompactReport compact_in_place(store::WriterCore& writer, const CompactOptions& options) {
  writer.acquire();
  try {
    writer.require_replaceable();
    CompactReport report = format::guarded(
        [&] { return Compaction(Snapshot(writer.head_view()), writer.path(), options).run(); });
    if (!report.output.empty() && options.output.empty()) writer.move_to_new_file();
    writer.release();
    return report;
  } catch (...) {
    writer.release();
    throw;
  }
}

}  // namespace
}  // namespace operations

CompactReport compact(const std::string& path, const CompactOptions& options) {
  try {
    if (options.output.empty() && !options.dry_run) {
      WriterOptions writing;
      writing.files = options.files;
      writing.clock = options.clock;
      const auto writer = store::WriterCore::open(path, writing);
      CompactReport report = operations::compact_in_place(*writer, options);
      writer->close();
      return report;
    }
    ReaderOptions reading;
    reading.files = options.files;
    io::FileSystem& files = options.files != nullptr ? *options.files : io::system_files();
    if (!options.output.empty() && files.identity(options.output) == files.identity(path)) {
      throw Error(ErrorCode::kUsage,
                  "is the file that is compacted; leave the output out to compact it in place",
                  options.output);
    }
    const Reader reader = Reader::open(path, reading);
    return format::guarded([&] {
      return operations::Compaction(reader.head(), files.real_path(path), options).run();
    });
  } catch (const Error& error) {
    throw error.in_file(path);
  }
}

CompactReport Writer::compact(const CompactOptions& options) {
  return operations::compact_in_place(*core_, options);
}

}  // namespace session
