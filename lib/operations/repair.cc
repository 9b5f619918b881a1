// What a repair does, in its order. Everything happens on files beside the damaged one; the last
// step swaps names.

#include "session/repair.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "format/canary.h"
#include "lib/operations/parity_groups.h"
#include "lib/operations/readable_header.h"
#include "lib/operations/recovery.h"
#include "lib/operations/repair_image.h"
#include "lib/operations/repair_meaning.h"
#include "lib/operations/scan.h"
#include "lib/operations/verify_log.h"
#include "lib/operations/verify_without_parity.h"
#include "lib/store/head.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"
#include "session/reader.h"
#include "session/verify.h"
#include "session/writer.h"

namespace session {
namespace operations {
namespace {

using format::FrameKind;

// A file that goes away again, with its lock, unless it is kept.
class Draft {
 public:
  Draft(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  ~Draft() {
    try {
      remove();
    } catch (...) {
      // Left behind under a name of its own, which says what it is.
    }
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  void remove() {
    // Nobody else has ever heard of this name, so its lock can go as well.
    if (files_.exists(path_ + ".lock")) files_.remove(path_ + ".lock");
    if (!kept_ && files_.exists(path_)) files_.remove(path_);
  }

  io::FileSystem& files_;
  std::string path_;
  bool kept_ = false;
};

class Repair {
 public:
  Repair(const std::string& path, const RepairOptions& options)
      : options_(options),
        files_(options.files != nullptr ? *options.files : io::system_files()),
        path_(files_.real_path(path)) {
    if (!files_.exists(path_)) throw Error(ErrorCode::kNotFound, "no such file", path);
    target_ = options.output.empty() ? path_ : files_.real_path(options.output);
    if (target_ != path_ && files_.exists(target_) && !options.overwrite) {
      throw Error(ErrorCode::kExists, "exists already; nothing was changed", options.output);
    }
    stamp_ = std::to_string(options.clock ? options.clock() : store::system_nanos());
  }

  RepairReport run() {
    const std::unique_ptr<io::Lock> lock = files_.lock(path_);
    Draft image_file(files_, target_ + ".repair-" + stamp_);
    Draft rewritten(files_, target_ + ".rewritten-" + stamp_);
    Verdict found = check(path_, VerifyLevel::kDefault);
    if (found == Verdict::kUnreadable) {
      throw Error(ErrorCode::kNotASession, "not one frame of a session is left in this file",
                  path_);
    }
    if (found == Verdict::kClean) found = check(path_, VerifyLevel::kFull);
    if (found == Verdict::kClean || found == Verdict::kTornTail) refuse_from();
    Draft* result = &image_file;
    if (found != Verdict::kClean) {
      result = mend_damage(image_file, rewritten);
      if (report_.refused) return std::move(report_);
    } else if (wants_corrections()) {
      copy_file(image_file.path());
    } else {
      keep_clean_file(image_file);
      return std::move(report_);
    }
    if (wants_corrections() && !correct(*result)) {
      if (found == Verdict::kClean) {
        files_.remove(image_file.path());
        keep_clean_file(image_file);
        return std::move(report_);
      }
      report_.bit_exact = false;  // a writer has been there
    }
    judge();
    if (report_.refused || options_.dry_run) return std::move(report_);
    put_in_place(*result);
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::string backup_name() const { return path_ + ".damaged-" + stamp_; }
  // Where the damaged original is afterwards.
  [[nodiscard]] std::string preserved_as() const {
    return target_ == path_ ? backup_name() : path_;
  }

  // A full check is the judge of what is whole; of meaning it counts what it finds where that is to
  // be mended. Before it, kDefault only asks whether there is anything to mend.
  [[nodiscard]] Verdict check(const std::string& path, VerifyLevel level) {
    VerifyOptions verifying;
    verifying.level = level;
    verifying.meaning = options_.fix_semantics;
    verifying.files = options_.files;
    verifying.progress = options_.progress;
    correctable_ = 0;
    damage_.clear();
    concerned_.clear();
    verifying.on_finding = [this](const Finding& finding) {
      if (is_correctable(finding.code)) ++correctable_;
      if (finding.effect == FindingEffect::kNone) return;
      concerned_.insert(finding.revisions.begin(), finding.revisions.end());
      if (!damage_.empty()) return;
      damage_ = std::string(finding_name(finding.code)) + ": " + finding.message;
    };
    const VerifyReport found = level == VerifyLevel::kDefault
                                   ? verify_without_parity(path, verifying)
                                   : verify(path, verifying);
    if (options_.fix_semantics) report_.semantic_findings = found.semantic_findings;
    return found.verdict;
  }
  [[nodiscard]] bool is_clean(const std::string& path) {
    return check(path, VerifyLevel::kFull) == Verdict::kClean;
  }
  void require_clean(const std::string& path) {
    if (!is_clean(path)) throw_unclean();
  }
  [[noreturn]] void throw_unclean() const {
    throw Error(ErrorCode::kInternal,
                "what repair made does not verify (" + damage_ + "); the file was left as it was",
                path_);
  }
  [[nodiscard]] bool wants_corrections() const {
    return options_.fix_semantics && correctable_ != 0;
  }

  void refuse_from() const {
    if (options_.from.empty()) return;
    throw Error(ErrorCode::kUsage,
                "this file is not damaged; `sessiontool restore " +
                    shell_quoted(path_ + "@" + options_.from) +
                    "` makes an older revision the newest state",
                path_);
  }

  // ---- damage -----------------------------------------------------------------------------------

  // Bytes and structure, on copies; the one that is whole. None if that was refused.
  Draft* mend_damage(Draft& image_file, Draft& rewritten) {
    restore_bytes(image_file.path());
    bool is_mended = is_clean(image_file.path());
    if (!is_mended) {
      bool exact = true;
      auto pages = rebuild_pages(image_, exact, options_.progress);
      report_.bit_exact = report_.bit_exact && exact;
      std::move(pages.begin(), pages.end(), std::back_inserter(report_.actions));
      image_.file->sync_data();
      is_mended = is_clean(image_file.path());
    }
    if (is_mended) {
      if (!options_.from.empty()) go_back(image_file);
      return &image_file;
    }
    report_.bit_exact = false;
    rewrite(rewritten.path());
    if (report_.refused) {
      report_.verdict = RepairVerdict::kLossy;
      report_.actions.clear();
      report_.revision = 0;
      return nullptr;
    }
    return &rewritten;
  }

  // What somebody forged can be read and carried over and still be wrong, which only the check of
  // the result tells. The revisions that it names are left out then, and it all begins again; each
  // round leaves out some, and the last one all.
  void rewrite(const std::string& path) {
    constexpr int kPatience = 8;
    const RepairReport before = report_;
    std::set<std::uint64_t> unsound;
    for (int round = 1;; ++round) {
      rewrite_damaged(image_, path, options_, preserved_as(), unsound, report_);
      if (report_.refused || is_clean(path)) return;
      const std::size_t known = unsound.size();
      if (round < kPatience) unsound.insert(concerned_.begin(), concerned_.end());
      if (unsound.size() == known) {
        const std::vector<std::uint64_t> all = revisions_in(path);
        unsound.insert(all.begin(), all.end());
      }
      if (unsound.size() == known) throw_unclean();
      files_.remove(path);
      report_ = before;
    }
  }

  // As far as they can be listed.
  [[nodiscard]] std::vector<std::uint64_t> revisions_in(const std::string& path) const {
    ReaderOptions reading;
    reading.files = options_.files;
    std::vector<std::uint64_t> revisions;
    try {
      Reader::open(path, reading).head().history([&](const RevisionInfo& info) {
        revisions.push_back(info.revision);
        return true;
      });
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
    }
    return revisions;
  }

  // ---- commits behind what is whole -------------------------------------------------------------

  [[nodiscard]] Writer open_draft(const Draft& draft) const {
    WriterOptions writing;
    writing.files = options_.files;
    writing.clock = options_.clock;
    return Writer::open(draft.path(), writing);
  }

  void go_back(const Draft& draft) {
    Writer writer = open_draft(draft);
    const std::uint64_t chosen = writer.at(std::string_view(options_.from)).revision();
    std::vector<std::uint64_t> behind;
    writer.head().history([&](const RevisionInfo& info) {
      if (info.revision <= chosen) return false;
      behind.insert(behind.begin(), info.revision);
      return true;
    });
    report_.revision = writer.restore(chosen).revision;
    writer.close();
    report_.bit_exact = false;
    report_.actions.push_back(action_of_going_back(chosen, report_.revision, behind));
    require_clean(draft.path());
  }

  // One commit with all corrections, and a word of it among the session's recoveries. False if
  // nothing could be corrected: what is found stands beside the records, in what a source said.
  [[nodiscard]] bool correct(const Draft& draft) {
    Writer writer = open_draft(draft);
    Transaction change = writer.begin();
    std::vector<RepairAction> actions = correct_meaning(change, options_.progress);
    if (actions.empty()) return false;
    const std::string words = std::to_string(actions.size()) + " corrections of the meaning";
    RecoveryFacts facts;
    facts.time_nanos = options_.clock ? options_.clock() : store::system_nanos();
    facts.revision = change.base().revision() + 1;
    facts.reason = "findings of meaning";
    facts.method = words;
    facts.preserved_as = preserved_as();
    for (const RepairAction& action : actions) {
      facts.lost.push_back(std::string(table_name(*action.table)) + " \"" + action.key +
                           "\": " + action.message + ": " + action.before);
    }
    const auto is_taken = [&](std::string_view key) {
      return change.find(Table::kRecoveries, key).has_value();
    };
    change.upsert(recovery_key(change.so_far().count(Table::kRecoveries), is_taken),
                  recovery_record(facts).view().as<schema::Recovery>());
    CommitOptions commit;
    commit.message = "repaired: " + words;
    report_.revision = change.commit(commit).revision;
    writer.close();
    report_.bit_exact = false;
    std::move(actions.begin(), actions.end(), std::back_inserter(report_.actions));
    require_clean(draft.path());
    return true;
  }

  // A clean file is left alone; elsewhere it goes byte for byte.
  void keep_clean_file(Draft& draft) {
    report_.revision = head_revision(path_);
    if (options_.dry_run) return;
    if (target_ == path_) {
      // A repair that ended before it had synced the name may be what made it clean.
      files_.sync_directory(path_);
      return;
    }
    copy_file(draft.path());
    put_in_place(draft);
  }

  void copy_file(const std::string& copy) const {
    const std::shared_ptr<io::File> from = files_.open(path_, io::OpenMode::kRead);
    const std::shared_ptr<io::File> to = files_.open(copy, io::OpenMode::kCreateNew);
    (void)restore_by_parity(*from, *to, {}, 0, options_.progress);
    to->sync_data();
  }

  [[nodiscard]] std::uint64_t head_revision(const std::string& path) const {
    const std::shared_ptr<io::File> file = files_.open(path, io::OpenMode::kRead);
    const format::FileHeader header = store::read_file_header(*file, path);
    const store::Head head = store::find_head(*file, path, header.tag());
    const auto pages =
        std::make_shared<store::PageSource>(file, head.commit_end, header.tag(), true);
    return store::describe(store::load_commit(*pages, head.commit_offset)).revision;
  }

  // ---- parity, header, tail ---------------------------------------------------------------------

  void restore_bytes(const std::string& draft) {
    const std::shared_ptr<io::File> from = files_.open(path_, io::OpenMode::kRead);
    PatientFile patient(from, path_);
    const auto tag = find_file_tag(patient);
    if (!tag) {
      throw Error(ErrorCode::kNotASession, "not one frame of a session is left in this file",
                  path_);
    }
    image_.path = draft;
    image_.tag = *tag;
    image_.file = files_.open(draft, io::OpenMode::kCreateNew);
    const auto groups = find_parity_groups(*from, *tag, options_.progress);
    const ParityOutcome outcome =
        restore_by_parity(*from, *image_.file, groups, *tag, options_.progress);
    for (const format::ByteRange& range : outcome.restored) {
      add(RepairStep::kParity, range.begin, range.size_bytes(),
          "restored from parity, bit for bit");
    }
    rebuild_header();
    cut_tail();
    image_.file->sync_data();
  }

  void rebuild_header() {
    std::array<std::byte, format::kFileHeaderBytes> bytes{};
    (void)image_.file->read_at(0, bytes);
    const auto decoded = format::decode_file_header(bytes);
    if (format::damage_in(decoded) == nullptr &&
        std::get<format::FileHeader>(decoded).tag() == image_.tag) {
      image_.header = std::get<format::FileHeader>(decoded);
      return;
    }
    image_.header = header_in_commits();
    if (!image_.header) return;
    image_.file->write_at(0, format::encode(*image_.header));
    add(RepairStep::kHeader, 0, format::kFileHeaderBytes,
        "the file header was taken from a commit, which repeats it");
  }

  [[nodiscard]] std::optional<format::FileHeader> header_in_commits() const {
    const auto patient = image_.patient();
    const std::uint64_t size = image_.file->size_bytes();
    const Scan scan = scan_frames(*patient, image_.tag, format::kFileHeaderBytes, size, 0, {});
    const store::PageSource pages(patient, size, image_.tag, true);
    for (std::uint64_t at = scan.commits.previous(size); at != PlaceSet::kNone;
         at = scan.commits.previous(at)) {
      const auto loaded = pages.load(at, FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) continue;
      const auto commit =
          format::read_root<schema::Commit>(std::get<store::Page>(loaded).payload());
      if (!commit.hasTrees()) continue;
      const auto data = commit.getTrees().getHeader();
      const auto found =
          readable_header({reinterpret_cast<const std::byte*>(data.begin()), data.size()});
      if (found && found->tag() == image_.tag) return found;
    }
    return std::nullopt;
  }

  void cut_tail() {
    const store::HeadSearch search = store::search_head(*image_.patient(), image_.path, image_.tag);
    if (!search.head || search.damaged_offset || search.head->tail_bytes == 0) return;
    image_.file->truncate(search.head->end);
    add(RepairStep::kTail, search.head->end, search.head->tail_bytes,
        "a torn tail, which belongs to no commit, was cut off");
  }

  // ---- the result -------------------------------------------------------------------------------

  void judge() {
    const bool lost_records =
        !report_.stale.empty() ||
        std::any_of(report_.lost.begin(), report_.lost.end(),
                    [](const LostItem& item) { return item.table.has_value(); });
    if (lost_records) {
      report_.verdict = RepairVerdict::kLossy;
    } else {
      report_.verdict = report_.lost.empty() ? RepairVerdict::kRestored : RepairVerdict::kRecovered;
    }
    report_.refused = !options_.accept_loss && report_.verdict != RepairVerdict::kRestored;
    if (report_.revision == 0 && image_.header) report_.revision = head_revision(image_.path);
  }

  // The result gets the backup's name first: then one step makes the original the backup, and at no
  // moment it has a name that somebody might clear away.
  void exchange_with_original(const std::string& draft) {
    const std::string backup = backup_name();
    files_.copy_access(target_, draft);
    files_.rename_new(draft, backup);
    try {
      if (format::planted("repair") && report_.verdict == RepairVerdict::kLossy) {
        files_.rename(backup, target_);
      } else {
        files_.exchange(backup, target_);
      }
    } catch (...) {
      if (files_.exists(target_)) files_.remove(backup);
      throw;
    }
    report_.backup = backup;
  }

  void put_in_place(Draft& draft) {
    if (target_ == path_ && report_.verdict != RepairVerdict::kClean) {
      exchange_with_original(draft.path());
    } else if (options_.overwrite && files_.exists(target_)) {
      // Whoever writes the file that goes would lose what it commits meanwhile.
      const auto lock = target_ != path_ ? files_.lock(target_) : nullptr;
      files_.copy_access(target_, draft.path());
      files_.rename(draft.path(), target_);
    } else {
      files_.rename_new(draft.path(), target_);
    }
    draft.keep();
    files_.sync_directory(target_);
    report_.output = target_;
  }

  void add(RepairStep step, std::uint64_t offset, std::uint64_t length, std::string message) {
    RepairAction action;
    action.step = step;
    action.offset = offset;
    action.length = length;
    action.message = std::move(message);
    report_.actions.push_back(std::move(action));
  }

  const RepairOptions& options_;
  io::FileSystem& files_;
  std::string path_;
  std::string target_;
  std::string stamp_;
  Image image_;
  RepairReport report_;
  std::string damage_;                 // what the last check found first
  std::set<std::uint64_t> concerned_;  // the revisions that any of it concerns
  std::uint64_t correctable_ = 0;      // findings of meaning in what was checked last
};

}  // namespace
}  // namespace operations

std::string_view repair_verdict_name(RepairVerdict verdict) {
  constexpr std::array<std::string_view, 4> kNames = {"clean", "restored", "recovered", "lossy"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

std::string_view repair_step_name(RepairStep step) {
  constexpr std::array<std::string_view, 8> kNames = {"parity",  "tail",    "header", "page",
                                                      "rewrite", "records", "from",   "meaning"};
  return kNames.at(static_cast<std::size_t>(step));
}

RepairReport repair(const std::string& path, const RepairOptions& options) {
  try {
    return operations::Repair(path, options).run();
  } catch (const Error& error) {
    throw error.in_file(path);
  }
}

}  // namespace session
