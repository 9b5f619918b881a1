// A session's directory into a session file (aca.h says what becomes of what).

#include <capnp/message.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "format/canary.h"
#include "lib/convert/aca.h"
#include "lib/convert/aca_check.h"
#include "lib/convert/aca_checkpoint.h"
#include "lib/convert/aca_directory.h"
#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_state.h"
#include "lib/convert/aca_text.h"
#include "lib/store/tree_diff.h"

namespace session::convert::aca {
namespace {

using json::Value;

struct CheckpointFile {
  std::string id;
  std::string path;               // in the session's directory
  const Value* listed = nullptr;  // in the list of the head's state
  std::int64_t time_nanos = 0;
  bool has_state = false;    // a revision of its own
  bool is_kept = false;      // its bytes are kept
  bool has_sidecar = false;  // a right one
  std::optional<Value> order;
};

class DirectoryImport {
 public:
  DirectoryImport(const std::string& path, const std::string& id,
                  Unreadable unreadable = Unreadable::kRefused) {
    auto source = find_source(path);
    if (!source) throw Error(ErrorCode::kBadSource, no_session(path));
    source_ = std::move(*source);
    directory_ = pick(id);
    is_first_ = directory_ == source_.sessions.front();
    id_ = directory_name(directory_);
    const FileList list = list_files(directory_);
    files_.insert(list.files.begin(), list.files.end());
    find_head(unreadable);
    for (const std::string& name : list.skipped) {
      warn(name + " is no regular file and was left out");
    }
    look_at_checkpoints();
    look_at_sidecars();
    look_at_temporary_files();
    head_text_ = {};
    for (const std::string& finding : shape_findings(head_)) warn(kHead + finding);
    for (const Defect& defect : meaning_findings(head_)) warn(kHead + defect.text);
  }

  void run(Writer& writer, const ImportOptions& options, ImportedSource& report) {
    const auto before = head_of(writer);
    const auto known = known_checkpoints(writer);
    for (CheckpointFile& checkpoint : checkpoints_) {
      if (!checkpoint.has_state) continue;
      const Value state = json::parse(read(checkpoint.path));
      const auto found = known.find(checkpoint.id);
      const std::uint64_t revision =
          found != known.end() ? found->second
                               : commit_checkpoint(checkpoint, state, writer, options, report);
      compare(checkpoint, state, writer.at(revision));
    }
    Transaction change = writer.begin();
    change.spill_above(options.memory_bytes);
    ImportContext into(change, options, report, schema::Origin::ACA, 0);
    put_head(into);
    complete_checkpoints(into);
    CommitOptions commit;
    commit.message = options.message.empty() ? "import " + source_.path : options.message;
    const CommitResult result = change.commit(commit);
    report.revision = result.revision;
    report.written_bytes += result.written_bytes;
    count_changes(before, writer.head(), report);
  }

  void preview(ImportContext& into) {
    for (const CheckpointFile& checkpoint : checkpoints_) {
      if (!checkpoint.has_state) continue;
      if (into.change().get<schema::Checkpoint>(checkpoint.id)) continue;
      capnp::MallocMessageBuilder message;
      into.put(checkpoint.id, message.initRoot<schema::Checkpoint>().asReader());
    }
    put_head(into);
  }

 private:
  static constexpr const char* kHead = "meta/session.json: ";

  static std::string no_session(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored)
               ? "no session of aca in this directory; expected .aca/sessions/<uuid>/"
                 "meta/session.json below it"
               : "a session of aca is a directory: a workspace, an .aca, or .aca/sessions/<uuid>";
  }

  [[nodiscard]] std::string pick(const std::string& id) const {
    for (const std::string& session : source_.sessions) {
      if (directory_name(session) == id) return session;
    }
    if (id.empty() && source_.sessions.size() == 1) return source_.sessions.front();
    if (!id.empty()) throw Error(ErrorCode::kNotFound, "no session " + id + " in this directory");
    throw Error(ErrorCode::kUsage, "holds " + std::to_string(source_.sessions.size()) +
                                       " sessions; give a directory as output, or name one of "
                                       "them: " +
                                       source_.sessions.front());
  }

  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  [[nodiscard]] std::string path_of(const std::string& file) const {
    return directory_ + "/" + file;
  }
  [[nodiscard]] std::string read(const std::string& file) const { return read_file(path_of(file)); }

  void find_head(Unreadable unreadable) {
    try {
      read_head();
    } catch (const Error& error) {
      if (unreadable == Unreadable::kRefused || error.code() != ErrorCode::kBadSource) throw;
      if (!salvage_head(error)) throw;
    }
  }

  // The newest state that another file of the session has. False if none can be read.
  bool salvage_head(const Error& error) {
    std::string from;
    std::int64_t newest = 0;
    for (const std::string& file : files_) {
      const bool is_copy = file.starts_with("temp/") && file.ends_with(".json");
      if (!is_copy && !checkpoint_id(file)) continue;
      try {
        Value state = json::parse(read(file));
        if (!state.is_object() || !fits_a_record(state)) continue;
        const std::int64_t time = time_of({}, state);
        if (!from.empty() && time < newest) continue;
        from = file;
        newest = time;
        head_ = std::move(state);
      } catch (const Error& other) {
        if (other.code() != ErrorCode::kBadSource) throw;
      }
    }
    if (from.empty()) return false;
    is_salvaged_ = true;
    warn(kHead + error.message() + "; the state is that of " + from +
         ", the newest that can be read" +
         (files_.contains(std::string(kStateFile)) ? "; its bytes are kept" : ""));
    return true;
  }

  void read_head() {
    at_source(path_of(std::string(kStateFile)), [&] {
      std::error_code ignored;
      if (!std::filesystem::exists(path_of(std::string(kStateFile)), ignored)) {
        throw Error(ErrorCode::kBadSource,
                    "the session's state is missing; copy one of checkpoints/ there to import the "
                    "session as it was then");
      }
      head_text_ = read(std::string(kStateFile));
      if (head_text_.empty()) {
        throw Error(ErrorCode::kBadSource,
                    "the session's state is empty; copy one of checkpoints/ there to import the "
                    "session as it was then");
      }
      head_ = json::parse(head_text_);
      if (!head_.is_object()) {
        throw Error(ErrorCode::kBadSource, "line 1, column 1: a session's state is a JSON object");
      }
    });
  }

  // ---- what lies there --------------------------------------------------------------------------

  // The head's list, by id.
  [[nodiscard]] std::map<std::string, const Value*> listed_checkpoints() {
    std::map<std::string, const Value*> listed;
    const Value* metadata = get_object(head_, "metadata");
    if (metadata == nullptr) return listed;
    for (const Value& entry : get_items(*metadata, "checkpoints")) {
      const auto name = get_text(entry, "id");
      if (!name || !name->starts_with(kCheckpointPrefix)) {
        warn(std::string(kHead) + "a checkpoint is listed without a name");
        continue;
      }
      const std::string id(name->substr(kCheckpointPrefix.size()));
      if (!listed.emplace(id, &entry).second) {
        warn(std::string(kHead) + "the checkpoint " + id + " is listed twice");
      }
      if (!files_.contains(checkpoint_file(id))) {
        warn("the checkpoint " + id + " is listed, but its file is missing");
      }
    }
    return listed;
  }

  void look_at_checkpoints() {
    const auto listed = listed_checkpoints();
    for (const std::string& file : files_) {
      const auto id = checkpoint_id(file);
      if (!id) continue;
      CheckpointFile checkpoint;
      checkpoint.id = *id;
      checkpoint.path = file;
      const auto entry = listed.find(*id);
      if (entry != listed.end()) {
        checkpoint.listed = entry->second;
      } else {
        warn(file + " is not in the session's list of checkpoints");
      }
      look_at_checkpoint(checkpoint);
      checkpoints_.push_back(std::move(checkpoint));
    }
    std::stable_sort(checkpoints_.begin(), checkpoints_.end(),
                     [](const auto& a, const auto& b) { return a.time_nanos < b.time_nanos; });
  }

  void look_at_checkpoint(CheckpointFile& checkpoint) {
    const std::string text = read(checkpoint.path);
    checkpoint.has_sidecar = has_right_sidecar(checkpoint.path, text);
    const auto state = parse_or_warn(checkpoint.path, text);
    checkpoint.has_state = state && state->is_object() && fits_a_record(*state);
    checkpoint.is_kept = !checkpoint.has_state;
    if (state && !checkpoint.has_state) {
      warn(checkpoint.path + " is no state of a session; its bytes are kept");
    }
    if (!checkpoint.has_state) return;
    for (const std::string& finding : shape_findings(*state)) {
      warn(checkpoint.path + ": " + finding);
      checkpoint.is_kept = true;
    }
    compare_with_list(checkpoint, *state, text.size());
    checkpoint.time_nanos = time_of(checkpoint, *state);
  }

  static bool fits_a_record(const Value& state) {
    return get_object(state, "metadata") != nullptr || get_object(state, "task_tree") != nullptr;
  }

  static std::int64_t time_of(const CheckpointFile& checkpoint, const Value& state) {
    if (checkpoint.listed != nullptr) {
      if (const auto time = get_time(*checkpoint.listed, "created_at")) return time->nanos;
    }
    const Value* metadata = get_object(state, "metadata");
    const auto time = metadata != nullptr ? get_time(*metadata, "last_updated") : std::nullopt;
    return time ? time->nanos : 0;
  }

  void compare_with_list(const CheckpointFile& checkpoint, const Value& state,
                         std::size_t size_bytes) {
    if (checkpoint.listed == nullptr) return;
    const Value* tree = get_object(state, "task_tree");
    const Value* tasks = tree != nullptr ? get_object(*tree, "tasks") : nullptr;
    const std::uint64_t count = tasks != nullptr ? tasks->members().size() : 0;
    const auto said = get_natural(*checkpoint.listed, "task_count");
    if (said && *said != count) {
      warn(checkpoint.path + " holds " + std::to_string(count) + " tasks; the list says " +
           std::to_string(*said));
    }
    const auto said_size = get_natural(*checkpoint.listed, "size_bytes");
    if (said_size && *said_size != 0 && *said_size != size_bytes) {
      warn(checkpoint.path + " has " + std::to_string(size_bytes) + " bytes; the list says " +
           std::to_string(*said_size));
    }
  }

  std::optional<Value> parse_or_warn(const std::string& file, const std::string& text) {
    if (text.empty()) {
      warn(file + " is empty");
      return std::nullopt;
    }
    try {
      return json::parse(text);
    } catch (const Error& error) {
      warn(file + ": " + error.message() + "; its bytes are kept");
      return std::nullopt;
    }
  }

  // True if there is one and it is right; warns if it is wrong.
  bool has_right_sidecar(const std::string& file, const std::string& text) {
    const std::string sidecar = sidecar_of(file);
    if (!files_.contains(sidecar)) return false;
    if (read(sidecar) == checksum(text)) return true;
    warn(file + " does not match its checksum in " + sidecar);
    return false;
  }

  void look_at_sidecars() {
    constexpr std::string_view kSidecar = ".checksum";
    for (const std::string& file : files_) {
      if (!file.ends_with(kSidecar)) continue;
      const std::string of = file.substr(0, file.size() - kSidecar.size()) + ".json";
      if (!files_.contains(of)) warn(file + " is there, but " + of + " is missing");
    }
  }

  void look_at_temporary_files() {
    for (const std::string& file : files_) {
      if (!file.starts_with("temp/") || !file.ends_with(".json")) continue;
      const std::string text = read(file);
      (void)has_right_sidecar(file, text);
      if (text != head_text_) (void)parse_or_warn(file, text);
    }
  }

  // ---- commits ----------------------------------------------------------------------------------

  // Nothing in a file that is only being made.
  static std::optional<Snapshot> head_of(const Writer& writer) {
    try {
      return writer.head();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      return std::nullopt;
    }
  }

  // From head to head: what went back and forth between the checkpoints is history.
  static void count_changes(const std::optional<Snapshot>& before, const Snapshot& after,
                            ImportedSource& report) {
    report.upserts = 0;
    report.erases = 0;
    const auto count = [&](Table table) {
      if (!before) {
        report.upserts += after.count(table);
        return;
      }
      store::diff_views(before->view(), after.view(), table, [&](const store::Difference& found) {
        ++(found.after ? report.upserts : report.erases);
      });
    };
    for (const Table table : kContentTables) count(table);
    count(Table::kCheckpoints);
  }

  // Checkpoints the session has, with their revisions.
  static std::map<std::string, std::uint64_t> known_checkpoints(Writer& writer) {
    std::map<std::string, std::uint64_t> known;
    Transaction look = writer.begin();
    for (Cursor cursor = look.cursor(Table::kCheckpoints); cursor.valid(); cursor.next()) {
      known.emplace(cursor.key(), cursor.record().as<schema::Checkpoint>().getRevision());
    }
    look.rollback();
    return known;
  }

  std::uint64_t commit_checkpoint(const CheckpointFile& checkpoint, const Value& state,
                                  Writer& writer, const ImportOptions& options,
                                  ImportedSource& report) {
    Transaction change = writer.begin();
    change.spill_above(options.memory_bytes);
    ImportContext into(change, options, report, schema::Origin::ACA, 0);
    into.progress(0);
    state_to_records(state, into);
    const CommitResult result =
        change.checkpoint(checkpoint_options(checkpoint.id, checkpoint.listed),
                          "import " + source_.path + ": " + checkpoint.path);
    report.written_bytes += result.written_bytes;
    return result.revision;
  }

  // The revision must give the file back; else its bytes are kept.
  void compare(CheckpointFile& checkpoint, const Value& state, const Snapshot& revision) {
    const Value made = records_to_state(revision);
    if (!(made == state)) {
      warn(checkpoint.path + " differs from revision " + std::to_string(revision.revision()) +
           ", which was imported as this checkpoint; its bytes are kept");
      checkpoint.is_kept = true;
    }
    if (checkpoint.is_kept || !checkpoint.has_sidecar) return;
    auto order = order_of(made, state);
    if (order && depth(*order) <= kMaxPatchDepth - 8) checkpoint.order = std::move(order);
  }

  static std::size_t depth(const Value& value) {
    std::size_t deepest = 0;
    if (value.is_array()) {
      for (const Value& item : value.items()) deepest = std::max(deepest, depth(item));
    }
    if (value.is_object()) {
      for (const auto& member : value.members()) deepest = std::max(deepest, depth(member.value));
    }
    return deepest + 1;
  }

  void put_head(ImportContext& into) {
    for (std::string& warning : warnings_) into.warn(std::move(warning));
    warnings_.clear();
    state_to_records(head_, into);
    put_identity(into);
    const bool is_narrower = put_source(into);
    std::set<std::string> keys;
    put_files(into, keys);
    if (!is_narrower && is_first_) put_folder(into, keys);
    erase_files(into, keys, is_narrower);
  }

  // Which of the directory's files come back from records.
  [[nodiscard]] std::set<std::string> files_of_records() const {
    std::set<std::string> made;
    if (!is_salvaged_) made.emplace(kStateFile);
    for (const CheckpointFile& checkpoint : checkpoints_) {
      if (checkpoint.is_kept) continue;
      made.insert(checkpoint.path);
      if (checkpoint.has_sidecar) made.insert(sidecar_of(checkpoint.path));
    }
    return made;
  }

  void put_files(ImportContext& into, std::set<std::string>& keys) {
    const std::set<std::string> made = files_of_records();
    std::uint64_t done = 0;
    for (const std::string& file : files_) {
      if (made.contains(file)) continue;
      const std::string key = std::string(kFilePrefix) + file;
      std::string bytes = read(file);
      if (format::planted("migrate")) bytes.resize(std::min(bytes.find('\0'), bytes.size()));
      put_bytes(into, key, bytes);
      keys.insert(key);
      into.progress(done += bytes.size());
    }
  }

  void put_folder(ImportContext& into, std::set<std::string>& keys) {
    const auto place = folder_place(source_.layout);
    if (!place) return;
    const std::string folder = place->empty() ? source_.path : source_.path + "/" + *place;
    const FileList list = list_folder_files(source_);
    for (const std::string& file : list.skipped) {
      into.warn(file + " is no regular file and was left out");
    }
    for (const std::string& file : list.files) {
      const std::string key = std::string(kFolderPrefix) + file;
      put_bytes(into, key, read_file(folder + "/" + file));
      keys.insert(key);
    }
  }

  static void put_bytes(ImportContext& into, const std::string& key, std::string_view bytes) {
    capnp::MallocMessageBuilder message;
    auto value = message.initRoot<schema::Value>();
    value.setOrigin(schema::Origin::ACA);
    auto data = value.initBytes(list_size(bytes.size()));
    if (!bytes.empty()) std::memcpy(data.begin(), bytes.data(), bytes.size());
    into.put(key, value.asReader());
  }

  // Says where the session came from. True if the session came from more than is looked at now:
  // then what was said stays, and so does what else was found there.
  bool put_source(ImportContext& into) {
    if (const auto old = into.change().get<schema::Value>(kSourceKey)) {
      const Value said = parsed((*old)->getText());
      const auto layout = layout_from_name(get_text(said, "layout").value_or(""));
      if (get_text(said, "directory") == id_ && layout && *layout > source_.layout) return true;
    }
    Value said = Value::object();
    said.add("directory", Value::string(id_));
    said.add("layout", Value::string(layout_name(source_.layout)));
    capnp::MallocMessageBuilder message;
    auto value = message.initRoot<schema::Value>();
    value.setOrigin(schema::Origin::ACA);
    set_text(json::to_text(said), value, &schema::Value::Builder::initText);
    into.put(kSourceKey, value.asReader());
    return false;
  }

  // The versions `info` shows.
  void put_identity(ImportContext& into) {
    const Value* metadata = get_object(head_, "metadata");
    const Value* version = metadata != nullptr ? get_object(*metadata, "version") : nullptr;
    const auto entry = into.change().get<schema::Upkeep>("identity");
    if (version == nullptr || !entry) return;
    capnp::MallocMessageBuilder message;
    message.setRoot(**entry);
    auto identity = message.getRoot<schema::Upkeep>().getIdentity();
    using Builder = schema::Identity::Builder;
    set_text_if(*version, "agent_version", identity, &Builder::initAgentVersion);
    set_text_if(*version, "format_version", identity, &Builder::initSourceVersion);
    into.put("identity", message.getRoot<schema::Upkeep>().asReader());
  }

  static void erase_files(ImportContext& into, const std::set<std::string>& keys,
                          bool is_narrower) {
    std::vector<std::string> missing;
    for (Cursor cursor = into.change().cursor(Table::kValues, "aca/"); cursor.valid();
         cursor.next()) {
      if (!cursor.key().starts_with("aca/")) break;
      const bool is_file = cursor.key().starts_with(kFilePrefix);
      const bool is_folder = cursor.key().starts_with(kFolderPrefix) && !is_narrower;
      const bool is_ours = cursor.record().as<schema::Value>().getOrigin() == schema::Origin::ACA;
      if ((!is_file && !is_folder) || !is_ours) continue;
      if (!keys.contains(std::string(cursor.key()))) missing.emplace_back(cursor.key());
    }
    for (const std::string& key : missing) into.erase(Table::kValues, key);
  }

  void complete_checkpoints(ImportContext& into) const {
    for (const CheckpointFile& checkpoint : checkpoints_) {
      if (!checkpoint.has_state) continue;
      const auto entry = into.change().get<schema::Checkpoint>(checkpoint.id);
      if (!entry) continue;
      capnp::MallocMessageBuilder message;
      message.setRoot(**entry);
      auto record = message.getRoot<schema::Checkpoint>();
      const bool has_sidecar = checkpoint.has_sidecar && !checkpoint.is_kept;
      complete_checkpoint(checkpoint.listed, has_sidecar, checkpoint.order, record);
      into.put(checkpoint.id, record.asReader());
    }
  }

  Source source_;
  std::string directory_;
  std::string id_;
  bool is_first_ = false;
  bool is_salvaged_ = false;  // the head's own file cannot be read
  std::string head_text_;     // only for the constructor
  Value head_;
  std::set<std::string> files_;
  std::vector<CheckpointFile> checkpoints_;
  std::vector<std::string> warnings_;
};

}  // namespace

void import_directory(const std::string& path, const std::string& id, Writer& writer,
                      const ImportOptions& options, ImportedSource& report, Unreadable unreadable) {
  DirectoryImport(path, id, unreadable).run(writer, options, report);
}

void preview_directory(const std::string& path, const std::string& id, ImportContext& into) {
  DirectoryImport(path, id).preview(into);
}

}  // namespace session::convert::aca
