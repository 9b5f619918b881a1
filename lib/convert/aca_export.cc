// A session file as aca's directory: the state, the checkpoints, and what was kept of other files.

#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include "lib/convert/aca.h"
#include "lib/convert/aca_checkpoint.h"
#include "lib/convert/aca_directory.h"
#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_state.h"
#include "lib/convert/aca_text.h"
#include "lib/io/file.h"
#include "lib/store/view.h"

namespace session::convert::aca {
namespace {

using json::Value;

class DirectoryExport {
 public:
  DirectoryExport(const Snapshot& snapshot, std::string directory, ExportReport& report,
                  const ProgressCallback& progress)
      : snapshot_(snapshot),
        directory_(std::move(directory)),
        report_(report),
        progress_(progress) {}

  void run() {
    read_source();
    write_values();
    Value head = records_to_state(snapshot_, [this] { count(); });
    if (!is_from_aca_) fill_in(head);
    write_checkpoints(head);
    const std::string state(kStateFile);
    if (!kept_.contains(state)) write(place(state), file_text(head));
    for (const Table table : {Table::kMessages, Table::kEvents}) {
      if (const std::uint64_t left_out = snapshot_.count(table); left_out != 0) {
        warn("aca has no place for " + std::to_string(left_out) + " records of table " +
             std::string(table_name(table)));
      }
    }
  }

 private:
  void warn(std::string text) {
    constexpr std::size_t kMaxWarnings = 100;
    if (report_.warnings.size() < kMaxWarnings) report_.warnings.push_back(std::move(text));
  }

  void count() {
    constexpr std::uint64_t kReportEvery = 256;
    if (++report_.records % kReportEvery != 0 || !progress_) return;
    if (!progress_({"exporting", report_.records, 0})) {
      throw Error(ErrorCode::kInterrupted, "interrupted");
    }
  }

  // Where the session lay, and under which name; a session of our own gets a workspace.
  void read_source() {
    id_ = identity();
    const auto entry = snapshot_.get<schema::Value>(kSourceKey);
    if (!entry) return;
    is_from_aca_ = true;
    const Value said = parsed((*entry)->getText());
    layout_ = layout_from_name(get_text(said, "layout").value_or("")).value_or(layout_);
    const std::string_view directory = get_text(said, "directory").value_or("");
    const bool is_name = directory.find('/') == std::string_view::npos;
    if (is_name && is_safe_path(directory)) id_ = directory;
  }

  [[nodiscard]] std::string identity() const {
    const auto upkeep = snapshot_.get<schema::Upkeep>("identity");
    const std::string id(upkeep ? view((*upkeep)->getIdentity().getSessionId())
                                : std::string_view());
    return is_safe_path(id) && id.find('/') == std::string::npos
               ? id
               : "00000000-0000-0000-0000-000000000000";
  }

  // A file of the session's directory, seen from the top.
  [[nodiscard]] std::string place(const std::string& file) const {
    const std::string below = session_place(layout_, id_);
    return below.empty() ? file : below + "/" + file;
  }

  void write(const std::string& file, std::string_view bytes) {
    namespace fs = std::filesystem;
    report_.bytes += bytes.size();
    if (directory_.empty()) return;
    const fs::path path = fs::path(directory_) / file;
    std::error_code failed;
    fs::create_directories(path.parent_path(), failed);
    if (failed) throw Error(ErrorCode::kIo, "cannot be made: " + failed.message(), path.string());
    const auto out = io::system_files().open(path.string(), io::OpenMode::kCreateNew);
    out->write_at(0, std::as_bytes(std::span(bytes)));
    out->sync_data();
  }

  // ---- files kept as they were ------------------------------------------------------------------

  void write_values() {
    std::uint64_t others = 0;
    for (Cursor cursor = snapshot_.cursor(Table::kValues); cursor.valid(); cursor.next()) {
      const std::string_view key = cursor.key();
      if (key.starts_with(kFilePrefix)) {
        write_value(cursor, kFilePrefix.size(), session_place(layout_, id_));
      } else if (key.starts_with(kFolderPrefix)) {
        const auto folder = folder_place(layout_);
        if (folder) write_value(cursor, kFolderPrefix.size(), *folder);
      } else if (key != kSourceKey) {
        ++others;
      }
      count();
    }
    if (others != 0) warn("aca has no place for " + std::to_string(others) + " values");
  }

  void write_value(const Cursor& cursor, std::size_t prefix, const std::string& below) {
    const std::string file(cursor.key().substr(prefix));
    if (!is_safe_path(file)) {
      warn("the value " + std::string(json::quote(cursor.key())) +
           " names no file below the session's directory and was left out");
      return;
    }
    const WholeRecord whole = snapshot_.whole(Table::kValues, cursor.entry());
    const auto bytes = whole.as<schema::Value>().getBytes();
    write(below.empty() ? file : below + "/" + file,
          {reinterpret_cast<const char*>(bytes.begin()), bytes.size()});
    if (cursor.key().starts_with(kFilePrefix)) kept_.insert(file);
  }

  // ---- checkpoints ------------------------------------------------------------------------------

  void write_checkpoints(Value& head) {
    Value added = Value::array();
    for (Cursor cursor = snapshot_.cursor(Table::kCheckpoints); cursor.valid(); cursor.next()) {
      const WholeRecord whole = snapshot_.whole(Table::kCheckpoints, cursor.entry());
      const std::string id(whole.key());
      const auto record = whole.as<schema::Checkpoint>();
      if (id.find('/') != std::string::npos || !is_safe_path(id)) continue;
      const bool is_acas = record.getOrigin() == schema::Origin::ACA;
      if (kept_.contains(checkpoint_file(id))) continue;
      // What the store has made and not completed yet is of this very import.
      if (!write_checkpoint(id, record, is_acas) || is_acas) continue;
      added.items().push_back(listed_checkpoint(id, record));
    }
    list(head, std::move(added));
  }

  // False if the revision is gone.
  bool write_checkpoint(const std::string& id, schema::Checkpoint::Reader record, bool is_acas) {
    const store::View& view = snapshot_.view();
    const std::uint64_t revision = record.getRevision();
    Value state;
    if (revision == snapshot_.revision()) {
      state = records_to_state(snapshot_, [this] { count(); });
    } else {
      const auto offset = view.commit_offset(revision);
      if (!offset) {
        warn("the revision of checkpoint " + id + " is no longer kept");
        return false;
      }
      const Snapshot then(store::View::open(view.pages(), view.header(), *offset));
      state = records_to_state(then, [this] { count(); });
    }
    const CheckpointNote note = checkpoint_note(record);
    if (note.order) put_in_order(state, *note.order);
    const std::string text = file_text(state);
    const std::string file = checkpoint_file(id);
    write(place(file), text);
    const bool wants_sidecar = note.has_sidecar || !is_acas;
    if (wants_sidecar && !kept_.contains(sidecar_of(file))) {
      write(place(sidecar_of(file)), checksum(text));
    }
    return true;
  }

  // Adds to the list those that aca does not know, unless it has an entry for them.
  static void list(Value& head, Value added) {
    Value* metadata = head.find("metadata");
    Value* known = metadata != nullptr ? metadata->find("checkpoints") : nullptr;
    if (known == nullptr || !known->is_array()) return;
    for (Value& entry : added.items()) {
      const auto id = get_text(entry, "id");
      bool is_known = false;
      for (const Value& old : known->items()) is_known = is_known || get_text(old, "id") == id;
      if (!is_known) known->items().push_back(std::move(entry));
    }
  }

  // What a session of our own says of itself elsewhere.
  void fill_in(Value& head) const {
    Value* metadata = head.find("metadata");
    if (metadata == nullptr) return;
    if (Value* id = metadata->find("id")) *id = Value::string(id_);
    const auto upkeep = snapshot_.get<schema::Upkeep>("identity");
    if (!upkeep) return;
    const auto about = (*upkeep)->getIdentity();
    if (Value* created = metadata->find("created_at")) {
      *created = time_or_epoch(about.getCreatedAt(), about.getCreatedAtForm());
    }
    if (Value* updated = metadata->find("last_updated")) {
      const std::int64_t now = snapshot_.info().time_nanos;
      *updated = time_or_epoch(now, utc_form(now));
    }
  }

  const Snapshot& snapshot_;
  std::string directory_;
  ExportReport& report_;
  const ProgressCallback& progress_;
  Layout layout_ = Layout::kWorkspace;
  std::string id_;
  bool is_from_aca_ = false;
  std::set<std::string> kept_;  // files of the session's directory that were written
};

}  // namespace

void export_directory(const Snapshot& snapshot, const std::string& directory, ExportReport& report,
                      const ProgressCallback& progress) {
  DirectoryExport(snapshot, directory, report, progress).run();
}

}  // namespace session::convert::aca
