// The order of trust: the header says whose frames to look for, the tail says how far the file
// goes, the scan says which bytes are sound, the commits say what belongs together, and only what
// can be read is asked for its meaning.

#include "session/verify.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "format/canary.h"
#include "lib/io/file.h"
#include "lib/operations/meaning.h"
#include "lib/operations/readable_header.h"
#include "lib/operations/scan.h"
#include "lib/operations/verify_commits.h"
#include "lib/operations/verify_context.h"
#include "lib/operations/verify_coverage.h"
#include "lib/operations/verify_log.h"
#include "lib/operations/verify_tables.h"
#include "lib/operations/verify_tree.h"
#include "lib/operations/verify_without_parity.h"
#include "lib/store/head.h"
#include "lib/store/view.h"

namespace session {
namespace operations {
namespace {

using format::Damage;
using format::DamageKind;
using format::FileHeader;

constexpr std::size_t kPageCacheBytes = std::size_t{8} << 20;

class Verification {
 public:
  Verification(const std::string& path, const VerifyOptions& options, bool asks_parity)
      : path_(path), options_(options), asks_parity_(asks_parity), log_(path, options) {
    io::FileSystem& files = options.files != nullptr ? *options.files : io::system_files();
    file_ = std::make_shared<PatientFile>(files.open(path, io::OpenMode::kRead), path);
    size_ = file_->size_bytes();
  }

  VerifyReport run() {
    read_header();
    if (has_no_frame_ || !tag_) return unreadable();
    look_at_tail();
    check_frames_and_trees();
    const bool is_known = search_.head && !search_.damaged_offset;
    if (options_.level == VerifyLevel::kFull && is_known) check_head();
    report_.findings = 0;
    log_.count_into(report_);
    report_.verdict = verdict();
    return report_;
  }

 private:
  // ---- the header ---------------------------------------------------------------------------

  void read_header() {
    std::array<std::byte, format::kFileHeaderBytes> bytes{};
    const std::size_t got = file_->read_at(0, bytes);
    if (const auto first = format::xxh3_64(bytes); is_damaged_header(bytes, got)) {
      (void)file_->read_at(0, bytes);
      if (format::xxh3_64(bytes) != first) transient_.push_back({0, format::kFileHeaderBytes});
    }
    if (got == 0) {
      throw Error(ErrorCode::kNotASession,
                  "the file is empty, so it is no session; `sessiontool init` makes one", path_);
    }
    try {
      auto decoded = format::decode_file_header(format::Bytes(bytes).first(got));
      if (const Damage* damage = format::damage_in(decoded)) {
        header_damage_ = *damage;
      } else {
        header_ = std::get<FileHeader>(decoded);
        tag_ = header_.tag();
      }
    } catch (const Error& error) {
      throw error.in_file(path_);
    }
    find_tag();
  }

  static bool is_damaged_header(format::Bytes bytes, std::size_t size) {
    try {
      const auto decoded = format::decode_file_header(bytes.first(size));
      return format::damage_in(decoded) != nullptr;
    } catch (const Error&) {
      return false;  // a newer version
    }
  }

  // The tag of the frames where the header does not say it.
  void find_tag() {
    if (tag_) {
      search_for_head();
      if (search_.head) return;
    }
    const auto frame = find_any_frame(*file_, format::kFileHeaderBytes, size_);
    if (!frame) {
      const bool is_no_session = header_damage_ &&
                                 header_damage_->kind != DamageKind::kHeaderHash &&
                                 header_damage_->kind != DamageKind::kPadding;
      if (is_no_session) {
        throw Error(ErrorCode::kNotASession,
                    "not a session file (" + header_damage_->detail +
                        ", and not one frame of a session is in it); `sessiontool import` reads "
                        "other formats",
                    path_, 0);
      }
      has_no_frame_ = true;
      return;
    }
    if (tag_ == frame->file_tag) return;
    if (tag_) {
      header_damage_ = Damage{0, format::kFileHeaderBytes, DamageKind::kForeign,
                              "the file header is that of another session file"};
    }
    tag_ = frame->file_tag;
    search_for_head();
  }

  // What looks damaged or torn is looked at twice.
  void search_for_head() {
    search_ = search_once();
    if (search_.head && !search_.damaged_offset && search_.head->tail_bytes == 0) return;
    const store::HeadSearch again = search_once();
    const auto place = [](const store::HeadSearch& search) {
      return search.head ? search.head->commit_offset : 0;
    };
    if (place(again) > place(search_)) transient_.push_back({place(again), 0});
    search_ = again;
  }

  // A writer may cut its reserve or a tail meanwhile: then the file is looked at anew.
  [[nodiscard]] store::HeadSearch search_once() {
    constexpr int kAttempts = 8;
    for (int attempt = 1;; ++attempt) {
      size_ = file_->size_bytes();
      try {
        return store::search_head(*file_, path_, *tag_);
      } catch (const Error& error) {
        const bool was_cut = error.code() == ErrorCode::kIo && file_->size_bytes() != size_;
        if (!was_cut || attempt == kAttempts) throw;
      }
    }
  }

  // The header as the newest sound commit with trees repeats it.
  void rebuild_header(const store::PageSource& pages, const PlaceSet& commits) {
    for (std::uint64_t at = commits.previous(size_); at != PlaceSet::kNone;
         at = commits.previous(at)) {
      const auto loaded = pages.load(at, format::FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) continue;
      const auto commit =
          format::read_root<schema::Commit>(std::get<store::Page>(loaded).payload());
      if (!commit.hasTrees()) continue;
      const auto copy = commit.getTrees().getHeader();
      const auto found = readable_header(std::as_bytes(std::span(copy.begin(), copy.size())));
      if (!found || found->tag() != tag_) continue;
      header_ = *found;
      has_copy_ = true;
      return;
    }
  }

  void report_header(const Coverage& coverage) {
    if (!header_damage_) return;
    const Span whole{0, format::kFileHeaderBytes};
    const bool is_restorable = has_copy_ || coverage.restorable(std::span(&whole, 1)).front();
    Finding finding =
        FindingLog::make(code_of(header_damage_->kind),
                         is_restorable ? FindingEffect::kRestorable : FindingEffect::kLoss,
                         "the file header is damaged: " + header_damage_->detail +
                             (has_copy_ ? "; a commit has a copy of it" : ""));
    if (file_->is_unreadable(0, format::kFileHeaderBytes)) finding.code = FindingCode::kBadSector;
    finding.severity = Severity::kCritical;
    finding.offset = 0;
    finding.length = format::kFileHeaderBytes;
    log_.add(std::move(finding));
  }

  VerifyReport unreadable() {
    if (header_damage_) report_header(*coverage_of(*file_, 0, 0, 0));
    Finding finding = FindingLog::make(FindingCode::kNoHead, FindingEffect::kLoss,
                                       "not one frame of a session is left in this file");
    finding.offset = format::kFileHeaderBytes;
    finding.length = size_ - std::min<std::uint64_t>(size_, format::kFileHeaderBytes);
    log_.add(std::move(finding));
    report_.bytes_checked = size_;
    log_.count_into(report_);
    report_.verdict = Verdict::kUnreadable;
    return report_;
  }

  // ---- the tail -----------------------------------------------------------------------------

  void look_at_tail() {
    if (!search_.head || search_.damaged_offset) {
      // What a seal vouches for is committed, whatever became of the commit.
      const std::uint64_t written =
          store::end_of_nonzero(*file_, path_, format::kFileHeaderBytes, size_);
      end_ = std::min(format::align_up(written), size_);
      return;
    }
    const store::Head& head = *search_.head;
    end_ = head.end;
    report_.tail_bytes_ignored = head.tail_bytes;
    if (head.tail_bytes != 0) {
      Finding finding = FindingLog::make(
          FindingCode::kTornTail, FindingEffect::kNone,
          std::to_string(head.tail_bytes) +
              " bytes behind the last commit belong to none: what a crash left; they are ignored, "
              "and the next writer cuts them off");
      finding.offset = head.end;
      finding.length = head.tail_bytes;
      log_.add(std::move(finding));
    } else if (!head.sealed) {
      Finding finding =
          FindingLog::make(FindingCode::kNotClosed, FindingEffect::kNone,
                           "the file was not closed: a writer is at work, or was interrupted; "
                           "a damaged last commit could not be told from a torn tail");
      finding.offset = head.end;
      log_.add(std::move(finding));
    }
  }

  // ---- bytes and structure ------------------------------------------------------------------

  void check_frames_and_trees() {
    std::optional<Scan> scan;
    if (options_.level != VerifyLevel::kQuick) {
      scan.emplace(scan_frames(*file_, tag_.value_or(0), format::kFileHeaderBytes, end_,
                               options_.jobs, options_.progress, leaf_rules()));
      report_.bytes_checked = size_;
      report_.frames_checked = scan->frame_count;
    }
    const store::PageSource pages(file_, end_, tag_.value_or(0), true, kPageCacheBytes);
    const store::PageSource once(file_, end_, tag_.value_or(0), true, 0);
    DamageBook book(scan ? &*scan : nullptr);
    const PlaceSet commits = scan ? PlaceSet(0) : quick_commits(pages);
    const PlaceSet& chain = scan ? scan->commits : commits;
    if (header_damage_) rebuild_header(pages, chain);
    report_head(book, scan ? &*scan : nullptr);
    VerifyContext context{
        options_.level,          *file_, header_, pages, once, scan ? &*scan : nullptr, book, log_,
        progress_of_structure(), 0,      0,       {},    {}};
    check_structure(context, chain);
    if (!scan) {
      report_.bytes_checked = format::kFileHeaderBytes + context.bytes;
      report_.frames_checked = context.frames;
    }
    const auto coverage = asks_parity_
                              ? coverage_of(*file_, tag_.value_or(0), end_, known_parity(scan))
                              : no_coverage();
    report_header(*coverage);
    transient_.insert(transient_.end(), context.transient.begin(), context.transient.end());
    if (scan) transient_.insert(transient_.end(), scan->transient.begin(), scan->transient.end());
    report_transient();
    if (scan) report_stale(*scan);
    book.report(*coverage, log_);
    report_.uncovered_bytes = coverage->uncovered_bytes();
    if (options_.level != VerifyLevel::kFull) return;
    for (Finding& finding : coverage->findings()) log_.add(std::move(finding));
  }

  // Without its header nobody knows where the pages of a file should end.
  [[nodiscard]] std::optional<LeafRules> leaf_rules() const {
    if (header_damage_) return std::nullopt;
    return LeafRules{header_.leaf_target_log2, options_.level == VerifyLevel::kFull};
  }

  // The newest parity group, if the head can be believed about it.
  [[nodiscard]] std::optional<std::uint64_t> known_parity(const std::optional<Scan>& scan) const {
    const bool is_damaged = header_damage_ || search_.damaged_offset ||
                            (scan && !(scan->damages.empty() && scan->stale.empty()));
    if (is_damaged || !search_.head) return std::nullopt;
    return search_.head->parity_offset;
  }

  // The commits back to the newest trees, as places.
  [[nodiscard]] PlaceSet quick_commits(const store::PageSource& pages) const {
    PlaceSet commits(size_);
    if (!search_.head) return commits;
    std::uint64_t at = search_.head->commit_offset;
    for (std::uint32_t i = 0; i <= format::kMaxChainDeltas; ++i) {
      commits.add(at);
      const auto loaded = pages.load(at, format::FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) break;
      const auto commit =
          format::read_root<schema::Commit>(std::get<store::Page>(loaded).payload());
      const std::uint64_t home = pages.header(at).home;
      if (commit.hasTrees() || home == 0) break;
      at = home;
    }
    return commits;
  }

  // A commit that a seal vouches for, or every commit there is, cannot be believed. If its own
  // frame is sound it is what it vouches for that is damaged, and mending that is enough.
  void report_head(DamageBook& book, const Scan* scan) {
    if (search_.head && !search_.damaged_offset) return;
    const std::uint64_t at = search_.damaged_offset.value_or(0);
    const ScanDamage* const damage = scan != nullptr && at != 0 ? scan->damage_at(at) : nullptr;
    if (damage != nullptr) {
      LostFrame lost;
      lost.role = LostRole::kCommit;
      lost.damage = damage->damage;
      book.lose(at, std::move(lost));
    }
    const bool is_sound =
        scan != nullptr && !scan->damages.empty() &&
        (at != 0 ? scan->commits.contains(at) : scan->commits.next(0) != PlaceSet::kNone);
    Finding finding = FindingLog::make(
        at != 0 ? FindingCode::kLostCommit : FindingCode::kNoHead,
        is_sound || damage != nullptr ? FindingEffect::kRestorable : FindingEffect::kLoss,
        at != 0 ? "the last commit of this cleanly closed file cannot be believed; an older "
                  "revision must not be shown in its place"
                : "no commit of this file can be believed");
    finding.severity = Severity::kCritical;
    if (at != 0) finding.offset = at;
    finding.length = at != 0 ? format::kFrameHeaderBytes : 0;
    log_.add(std::move(finding));
  }

  void check_structure(VerifyContext& context, const PlaceSet& chain) {
    TreeCheck trees(context);
    CommitCheck commits(context, trees);
    for (std::uint64_t at = chain.next(format::kFileHeaderBytes); at != PlaceSet::kNone;
         at = chain.next(at + format::kAlignBytes)) {
      commits.check(at);
    }
    report_.revisions_checked = commits.revisions();
    if (context.scan == nullptr || !commits.newest_trees()) return;
    check_derived_tables(context, *commits.newest_trees());
  }

  void report_transient() {
    for (const Span& span : transient_) {
      Finding finding = FindingLog::make(
          FindingCode::kTransientRead, FindingEffect::kNone,
          "bytes were read wrongly once and rightly when read again: memory, cable or disk may "
          "be failing");
      finding.offset = span.offset;
      finding.length = span.length;
      log_.add(std::move(finding));
    }
  }

  void report_stale(const Scan& scan) {
    for (const StaleFrame& frame : scan.stale) {
      Finding finding = FindingLog::make(
          FindingCode::kStaleFrame, FindingEffect::kLoss,
          "the frame says the commit before it stands at offset " + std::to_string(frame.home) +
              "; it stands at " + std::to_string(frame.expected) + ": a frame of another time");
      finding.offset = frame.offset;
      finding.length = frame.length;
      log_.add(std::move(finding));
    }
  }

  // The walk through the trees has no length known beforehand: it only asks whether to go on.
  [[nodiscard]] std::function<void(std::uint64_t)> progress_of_structure() {
    if (!options_.progress) return {};
    return [this](std::uint64_t bytes) {
      constexpr std::uint64_t kStep = std::uint64_t{1} << 20;
      structure_bytes_ += bytes + format::kFrameHeaderBytes;
      if (structure_bytes_ - reported_bytes_ < kStep) return;
      reported_bytes_ = structure_bytes_;
      if (!options_.progress({"checking links", std::min(structure_bytes_, end_), end_})) {
        throw Error(ErrorCode::kInterrupted, "stopped on request");
      }
    };
  }

  // ---- meaning ------------------------------------------------------------------------------

  // Nothing if it is damaged. Throws kNewerVersion: what this version does not know it cannot call
  // clean.
  [[nodiscard]] std::optional<Snapshot> open_head() const {
    auto pages = std::make_shared<store::PageSource>(std::make_shared<ReadAheadFile>(file_), end_,
                                                     *tag_, true, kPageCacheBytes, false);
    try {
      return Snapshot(store::View::open(std::move(pages), header_, search_.head->commit_offset));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged) throw;
      return std::nullopt;
    }
  }

  void check_head() {
    try {
      std::optional<Snapshot> head = open_head();
      if (!head) head = open_head();  // what looks damaged is looked at twice
      if (!head && log_.worst() == FindingEffect::kNone) {
        log_.add(FindingLog::make(FindingCode::kStructure, FindingEffect::kLoss,
                                  "what the head stands on cannot be read"));
      }
      if (!head || !options_.meaning) return;
      check_session_meaning(*head, options_.workspace, options_.progress,
                            [this](Finding finding) { log_.add(std::move(finding)); });
    } catch (const Error& error) {
      // Damage has its findings; what cannot be read has no meaning to be checked.
      if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNotFound) throw;
    } catch (const kj::Exception& exception) {
      log_.add(FindingLog::make(FindingCode::kStructure, FindingEffect::kLoss,
                                "a record of the head is not what its schema says: " +
                                    std::string(exception.getDescription().cStr())));
    }
  }

  [[nodiscard]] Verdict verdict() const {
    if (has_no_frame_) return Verdict::kUnreadable;
    if (format::planted("verify") && report_.findings < 4) return Verdict::kClean;
    switch (log_.worst()) {
      case FindingEffect::kLoss:
        return Verdict::kLossy;
      case FindingEffect::kRestorable:
        return Verdict::kRepairable;
      case FindingEffect::kNone:
        break;
    }
    return report_.tail_bytes_ignored != 0 ? Verdict::kTornTail : Verdict::kClean;
  }

  std::string path_;
  const VerifyOptions& options_;
  bool asks_parity_;
  FindingLog log_;
  std::shared_ptr<PatientFile> file_;
  std::uint64_t size_ = 0;
  std::uint64_t end_ = 0;  // of what is committed
  FileHeader header_;
  std::optional<Damage> header_damage_;
  bool has_copy_ = false;
  bool has_no_frame_ = false;
  std::optional<std::uint64_t> tag_;
  store::HeadSearch search_;
  std::vector<Span> transient_;
  VerifyReport report_;
  std::uint64_t structure_bytes_ = 0;
  std::uint64_t reported_bytes_ = 0;
};

VerifyReport run(const std::string& path, const VerifyOptions& options, bool asks_parity) {
  try {
    return Verification(path, options, asks_parity).run();
  } catch (const Error& error) {
    throw error.in_file(path);
  }
}

}  // namespace

VerifyReport verify_without_parity(const std::string& path, const VerifyOptions& options) {
  return run(path, options, false);
}

}  // namespace operations

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClean:
      return "clean";
    case Verdict::kTornTail:
      return "torn-tail";
    case Verdict::kRepairable:
      return "repairable";
    case Verdict::kLossy:
      return "lossy";
    case Verdict::kUnreadable:
      break;
  }
  return "unreadable";
}

VerifyReport verify(const std::string& path, const VerifyOptions& options) {
  return operations::run(path, options, true);
}

}  // namespace session
