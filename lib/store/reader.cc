#include "session/reader.h"

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <utility>

#include "format/frame.h"
#include "lib/io/file.h"
#include "lib/store/head.h"
#include "lib/store/parity.h"
#include "lib/store/revision_name.h"
#include "lib/store/view.h"

namespace session {
namespace {

std::string uuid_text(const std::array<std::byte, 16>& bytes) {
  boost::uuids::uuid uuid;
  std::transform(bytes.begin(), bytes.end(), uuid.begin(),
                 [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  return boost::uuids::to_string(uuid);
}

}  // namespace

struct Reader::Impl {
  std::string path;
  ReaderOptions options;
  std::shared_ptr<io::File> file;
  format::FileHeader header;
  store::Head head;
  std::shared_ptr<const store::View> view;

  [[nodiscard]] io::FileSystem& files() const {
    return options.files != nullptr ? *options.files : io::system_files();
  }

  void open() {
    const std::shared_ptr<io::File> found = files().open(path, io::OpenMode::kRead);
    load(found, store::read_file_header(*found, path));
  }

  // A writer may cut its reserve or a tail while we look at the end: look again then.
  store::Head find_head(io::File& from, std::uint64_t tag) const {
    constexpr int kAttempts = 8;
    for (int attempt = 1;; ++attempt) {
      const std::uint64_t size = from.size_bytes();
      try {
        return store::find_head(from, path, tag);
      } catch (const Error& error) {
        const bool was_cut = error.code() == ErrorCode::kIo && from.size_bytes() != size;
        if (!was_cut || attempt == kAttempts) throw;
      }
    }
  }

  // Shows the newest revision of `from`; if that fails, what was shown before stays.
  void load(std::shared_ptr<io::File> from, const format::FileHeader& its_header) {
    const store::Head found = find_head(*from, its_header.tag());
    auto pages = std::make_shared<store::PageSource>(from, found.commit_end, its_header.tag(),
                                                     options.mode == ReadMode::kCopy);
    view = store::View::open(std::move(pages), its_header, found.commit_offset);
    file = std::move(from);
    header = its_header;
    head = found;
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
    const std::string id = uuid_text(impl_->header.file_id);
    const auto there = impl_->files().identity(impl_->path);
    if (there && !(*there == impl_->file->identity())) {
      impl_->open();
    } else {
      impl_->load(impl_->file, impl_->header);
    }
    return impl_->view->info().revision != before || uuid_text(impl_->header.file_id) != id;
  });
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
    if (const auto identity = view.find(Table::kUpkeep, "identity")) {
      info.session_id =
          store::to_string(identity->record.as<schema::Upkeep>().getIdentity().getSessionId());
    }
    return info;
  });
}

}  // namespace session
