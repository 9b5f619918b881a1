#include "session/reader.h"

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <utility>

#include "format/frame.h"
#include "lib/io/file.h"
#include "lib/io/watch.h"
#include "lib/store/head.h"
#include "lib/store/parity.h"
#include "lib/store/revision_name.h"
#include "lib/store/view.h"

namespace session {
namespace {

using Clock = std::chrono::steady_clock;

// How long a file may be no session before that is believed, and how often it is looked at then.
constexpr std::chrono::seconds kPatience(1);
constexpr std::chrono::milliseconds kPatientLook(20);

std::string uuid_text(const std::array<std::byte, 16>& bytes) {
  boost::uuids::uuid uuid;
  std::transform(bytes.begin(), bytes.end(), uuid.begin(),
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  return boost::uuids::to_string(uuid);
}

std::string session_id_of(const store::View& view) {
  const auto identity = view.find(Table::kUpkeep, "identity");
  if (!identity) return {};
  return store::to_string(identity->record.as<schema::Upkeep>().getIdentity().getSessionId());
}

// Empty if it has none that can be read.
std::string readable_session_id(const store::View& view) {
  try {
    return format::guarded([&] { return session_id_of(view); });
  } catch (const Error&) {
    return {};
  }
}

// Whether the session that `now` shows, in another file, had `was` as a revision, as far as can be
// said: it may have been compacted away.
bool goes_on_from(const RevisionInfo& was, const store::View& now) {
  if (now.info().revision < was.revision) return false;
  try {
    return format::guarded([&] {
      const auto offset = now.commit_offset(was.revision);
      if (!offset) return true;
      const store::LoadedCommit commit = store::load_commit(*now.pages(), *offset);
      return commit.reader.getTime() == was.time_nanos;
    });
  } catch (const Error&) {
    return true;
  }
}

}  // namespace

struct Reader::Impl {
  std::string path;
  ReaderOptions options;
  std::shared_ptr<io::File> file;
  format::FileHeader header;
  store::Head head;
  std::shared_ptr<const store::View> view;
  // Since the first wait:
  std::unique_ptr<io::Watch> watch;
  std::string session_id;
  std::optional<Clock::time_point> unreadable_since;  // what stands at the path now

  [[nodiscard]] io::FileSystem& files() const {
    return options.files != nullptr ? *options.files : io::system_files();
  }

  void open() {
    const std::shared_ptr<io::File> found = files().open(path, io::OpenMode::kRead);
    load(found, store::read_file_header(*found, path));
  }

  // A writer may cut its reserve or a tail while we look at the end: look again then. Or it may
  // finish a commit and seal it between our looks at the two: real damage is still there then.
  store::Head find_head(io::File& from, std::uint64_t tag) const {
    constexpr int kAttempts = 8;
    for (int attempt = 1;; ++attempt) {
      const std::uint64_t size = from.size_bytes();
      try {
        return store::find_head(from, path, tag);
      } catch (const Error& error) {
        const bool was_cut = error.code() == ErrorCode::kIo && from.size_bytes() != size;
        const bool in_doubt = error.code() == ErrorCode::kDamaged && attempt == 1;
        if ((!was_cut && !in_doubt) || attempt == kAttempts) throw;
      }
    }
  }

  // Shows the newest revision of `from`; if that fails, what was shown before stays.
  void load(std::shared_ptr<io::File> from, const format::FileHeader& its_header) {
    const store::Head found = find_head(*from, its_header.tag());
    if (from == file && found.commit_offset == head.commit_offset) {
      head = found;
      return;
    }
    auto pages = std::make_shared<store::PageSource>(from, found.commit_end, its_header.tag(),
                                                     options.mode == ReadMode::kCopy);
    view = store::View::open(std::move(pages), its_header, found.commit_offset);
    const bool is_another_file = from != file;
    file = std::move(from);
    header = its_header;
    head = found;
    // Kept, as the pages it stands in may be gone when it is asked for.
    if (watch && is_another_file) session_id = readable_session_id(*view);
  }

  [[nodiscard]] bool is_at_path() const {
    const auto there = files().identity(path);
    return !there || *there == file->identity();
  }

  void refresh() {
    if (!is_at_path()) {
      open();
      return;
    }
    try {
      load(file, header);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged || !files().exists(path)) throw;
      open();  // the bytes of another session were copied into this file
    }
  }

  HeadChange look() {
    if (is_at_path() && !store::has_moved_on(*file, head)) return HeadChange::kNone;
    const auto before = view;
    const auto before_file = file;
    const std::string before_session = session_id;
    refresh();
    if (view == before) return HeadChange::kNone;
    const RevisionInfo& was = before->info();
    const bool goes_on = file == before_file
                             ? view->info().revision >= was.revision
                             : session_id == before_session && goes_on_from(was, *view);
    if (!goes_on) return HeadChange::kReplaced;
    return view->info().revision == was.revision ? HeadChange::kNone : HeadChange::kNewer;
  }

  // What stands at the path may be on its way there.
  HeadChange look_patiently() {
    try {
      const HeadChange change = look();
      unreadable_since.reset();
      return change;
    } catch (const Error& error) {
      const ErrorCode code = error.code();
      const bool may_pass = code == ErrorCode::kNotASession || code == ErrorCode::kDamaged ||
                            code == ErrorCode::kNotFound;
      if (!may_pass) throw;
      if (!unreadable_since) unreadable_since = Clock::now();
      if (Clock::now() - *unreadable_since < kPatience) return HeadChange::kNone;
      unreadable_since.reset();
      throw;
    }
  }

  HeadChange wait(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
    const auto deadline = io::deadline_after(timeout);
    bool may_have_changed = !watch || unreadable_since;
    if (!watch) {
      watch = options.poll ? io::watch_by_looking() : files().watch(path);
      session_id = readable_session_id(*view);
    }
    for (;;) {
      if (may_have_changed) {
        const HeadChange change = look_patiently();
        if (change != HeadChange::kNone) return change;
      }
      std::chrono::nanoseconds left = deadline - Clock::now();
      if (stop.stop_requested() || (may_have_changed && left.count() <= 0)) break;
      if (unreadable_since) left = std::min<std::chrono::nanoseconds>(left, kPatientLook);
      may_have_changed = watch->wait(left, stop) || unreadable_since;
      if (!may_have_changed) break;
    }
    return HeadChange::kNone;
  }

  template <class F>
  auto named(F&& f) const {
    try {
      return format::guarded(std::forward<F>(f));
    } catch (const Error& error) {
      throw error.in_file(path);
    }
  }
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Reader Reader::open(const std::string& path, ReaderOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->options = options;
  impl->named([&] { impl->open(); });
  return Reader(std::move(impl));
}

Snapshot Reader::head() const {
  return Snapshot(impl_->view);
}

bool Reader::refresh() {
  return impl_->named([&] {
    const std::uint64_t before = impl_->view->info().revision;
    const auto id = impl_->header.file_id;
    impl_->refresh();
    return impl_->view->info().revision != before || impl_->header.file_id != id;
  });
}

HeadChange Reader::wait_for_change(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  return impl_->named([&] { return impl_->wait(timeout, stop); });
}

Snapshot Reader::at(std::uint64_t revision) const {
  return impl_->named([&] {
    if (revision == impl_->view->info().revision) return head();
    const auto offset = impl_->view->commit_offset(revision);
    if (!offset) store::throw_no_such_revision(*impl_->view, revision);
    return Snapshot(store::View::open(impl_->view->pages(), impl_->header, *offset));
  });
}

Snapshot Reader::at(std::string_view revision) const {
  return at(impl_->named([&] { return store::resolve_revision(*impl_->view, revision); }));
}

FileInfo Reader::info() const {
  return impl_->named([&] {
    const store::View& view = *impl_->view;
    FileInfo info;
    info.path = impl_->path;
    info.file_id = uuid_text(impl_->header.file_id);
    info.writer = view.writer();
    info.major = impl_->header.major;
    info.minor = impl_->header.minor;
    info.created_nanos = impl_->header.created_nanos;
    info.file_bytes = impl_->head.file_bytes;
    info.head_end = impl_->head.end;
    info.tail_bytes = impl_->head.tail_bytes;
    info.reserve_bytes = info.file_bytes - info.head_end - info.tail_bytes;
    info.uncovered_bytes = info.head_end;
    const auto groups = store::parity_groups(*impl_->file, impl_->path, impl_->header.tag(),
                                             impl_->head.parity_offset);
    std::uint64_t parity_behind_head = 0;
    for (const format::ParityGroup& group : groups) {
      info.parity_bytes += group.parity_bytes();
      if (group.parity_begin > impl_->head.commit_offset) {
        parity_behind_head += group.parity_bytes();
      }
    }
    if (!groups.empty() && groups.front().parity_end() <= info.head_end) {
      info.uncovered_bytes = info.head_end - groups.front().parity_end();
    }
    info.sealed = impl_->head.sealed && impl_->head.tail_bytes == 0;
    info.revisions = view.revision_count();
    info.checkpoints = view.size(Table::kCheckpoints).count;
    info.head = view.info();
    info.live_bytes = format::kFileHeaderBytes +
                      (impl_->head.end - impl_->head.commit_offset - parity_behind_head);
    for (const Table table : kAllTables) {
      info.tables.push_back(view.size(table));
      info.live_bytes += info.tables.back().stored_bytes;
    }
    for (const RevisionInfo& delta : view.pending()) {
      if (delta.revision != info.head.revision) info.live_bytes += delta.size_bytes;
    }
    store::ViewCursor blobs(nullptr, *view.pages(), view.roots()[slot(Table::kBlobs)],
                            {&view.run(Table::kBlobs)});
    for (blobs.seek({}); blobs.valid(); blobs.next()) {
      for (const auto part : blobs.record().as<schema::Blob>().getParts()) {
        info.live_bytes += format::align_up(format::kFrameHeaderBytes + part.getStoredBytes());
      }
    }
    info.parity_bytes = std::min(info.parity_bytes, info.head_end);
    info.live_bytes = std::min(info.live_bytes, info.head_end - info.parity_bytes);
    info.session_id = session_id_of(view);
    io::FileSystem& files = impl_->files();
    if (files.exists(info.path)) {
      if (const auto holder = files.lock_holder(files.real_path(info.path))) {
        info.is_being_written = true;
        info.writer_process = holder->process.value_or(0);
      }
    }
    return info;
  });
}

}  // namespace session
