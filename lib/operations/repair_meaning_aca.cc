// What came from aca: lists and counters are made anew from the records, and files that nobody can
// read are set aside, so that the directory written from the session agrees with itself.

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/convert/aca.h"
#include "lib/convert/aca_checkpoint.h"
#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_mend.h"
#include "lib/convert/aca_text.h"
#include "lib/operations/meaning_aca.h"
#include "lib/operations/repair_meaning_parts.h"
#include "lib/store/view.h"

namespace session::operations {
namespace {

namespace aca = convert::aca;
namespace json = convert::json;

constexpr std::string_view kMetadataKey = "metadata";
constexpr std::string_view kMadeAnew = "the list is made from the tasks";

class AcaCorrections {
 public:
  explicit AcaCorrections(Corrections& corrections)
      : corrections_(corrections),
        state_(aca::records_to_state(corrections.now(), [this] { corrections_.advance(); })) {}

  void run() {
    correct_lists();
    correct_outline();
    correct_files();
  }

 private:
  [[nodiscard]] const Snapshot& now() const { return corrections_.now(); }

  // ---- lists in tasks ---------------------------------------------------------------------------

  void correct_lists() {
    const auto codes = {FindingCode::kBrokenChildReference, FindingCode::kDuplicateChild,
                        FindingCode::kUnlistedChild, FindingCode::kInconsistentRoots,
                        FindingCode::kKeyDiffersFromId};
    if (corrections_.keys(Table::kTasks, codes).empty()) return;
    std::map<std::string, std::vector<std::string_view>> wrong;
    for (const std::string& key : aca::tasks_with_wrong_lists(state_)) wrong[key] = {"children"};
    for (const std::string& key :
         corrections_.keys(Table::kTasks, {FindingCode::kKeyDiffersFromId})) {
      wrong[key].push_back("id");
    }
    for (const json::Member& task : tasks()) {
      if (!has_other_parent(task)) continue;
      wrong[std::string(task.name())].push_back("parent_id");
      told_roots_.emplace(task.name());
      corrections_.tell(FindingCode::kInconsistentRoots, Table::kTasks, task.name(),
                        "the task named a parent that it cannot have",
                        member_text(task.name(), "parent_id"), "as its record says");
    }
    for (const auto& [key, members] : wrong) drop_words(key, members);
    for (const Finding& finding : corrections_.findings()) {
      const bool is_list = std::find(codes.begin(), codes.end(), finding.code) != codes.end();
      // Roots are told of with the list they stand in.
      if (!is_list || finding.code == FindingCode::kInconsistentRoots) continue;
      const bool is_id = finding.code == FindingCode::kKeyDiffersFromId;
      const bool is_lister = finding.code == FindingCode::kBrokenChildReference;
      corrections_.tell(finding.code, Table::kTasks, finding.key, finding.message,
                        is_id       ? member_text(finding.key, "id")
                        : is_lister ? member_text(finding.key, "children")
                                    : std::string(),
                        is_id ? quoted(finding.key) : std::string(kMadeAnew));
    }
  }

  [[nodiscard]] const json::Object& tasks() const {
    static const json::Object none;
    const json::Value* tree = aca::get_object(state_, "task_tree");
    const json::Value* tasks = tree != nullptr ? aca::get_object(*tree, "tasks") : nullptr;
    return tasks != nullptr ? tasks->members() : none;
  }

  // A parent that its record does not have, were it only one without a name.
  [[nodiscard]] bool has_other_parent(const json::Member& task) const {
    const auto said = convert::get_text(task.value, "parent_id");
    if (!said) return false;
    const auto record = now().get<schema::Task>(task.name());
    if (!record) return false;
    const std::string_view parent = text_view((*record)->getParent());
    return parent.empty() || parent != *said;
  }

  [[nodiscard]] std::string member_text(std::string_view key, std::string_view member) const {
    const auto& all = tasks();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const json::Member& m) { return m.name() == key; });
    const json::Value* said = found != all.end() ? found->value.find(member) : nullptr;
    return said != nullptr ? json::to_text(*said) : std::string();
  }

  void drop_words(const std::string& key, const std::vector<std::string_view>& members) {
    corrections_.edit<schema::Task>(key, [&](schema::Task::Reader before, auto task) {
      if (!before.hasExtra() || before.getOrigin() != schema::Origin::ACA) return;
      const std::string extra = aca::without_members(text_view(before.getExtra()), members);
      if (extra.empty()) {
        task.disownExtra();
      } else {
        convert::set_text(extra, task, &schema::Task::Builder::initExtra);
      }
    });
  }

  // ---- counters, times, the list of checkpoints -------------------------------------------------

  void correct_outline() {
    aca::Outline outline = aca::records_to_outline(now(), [this] { corrections_.advance(); });
    const std::vector<aca::Mend> mends = aca::mend_outline(state_, outline);
    const bool is_listed_anew = correct_checkpoint_list(outline.document);
    if (mends.empty() && !is_listed_anew) return;
    for (const aca::Mend& mend : mends) tell(mend);
    corrections_.edit<schema::SessionRecord>(kMetadataKey, [&](auto, auto record) {
      record.disownExtra();
      aca::set_extra(outline.derived, outline.document, record);
    });
  }

  void tell(const aca::Mend& mend) {
    // Of a task, whose finding was told of with all other lists.
    if (mend.kind == aca::DefectKind::kKey || mend.kind == aca::DefectKind::kChild) return;
    if (mend.kind != aca::DefectKind::kRoots) {
      corrections_.tell(code_of(mend.kind).value(), Table::kSession, kMetadataKey,
                        mend.place + " was wrong", json::to_text(mend.before),
                        json::to_text(mend.after));
      return;
    }
    // The first has the whole list.
    std::string before = json::to_text(mend.before);
    for (const Finding& finding : corrections_.findings()) {
      if (finding.code != FindingCode::kInconsistentRoots) continue;
      if (told_roots_.contains(finding.key)) continue;
      corrections_.tell(finding.code, Table::kTasks, finding.key, finding.message,
                        std::exchange(before, {}), std::string(kMadeAnew));
    }
  }

  // True if it was changed.
  bool correct_checkpoint_list(json::Value& document) {
    json::Value* metadata = document.find("metadata");
    json::Value* list = metadata != nullptr ? metadata->find("checkpoints") : nullptr;
    if (list == nullptr || !list->is_array()) return false;
    bool is_changed = false;
    std::set<std::string, std::less<>> listed;
    std::erase_if(list->items(), [&](json::Value& entry) {
      const auto name = convert::get_text(entry, "id");
      if (!name || !name->starts_with(aca::kCheckpointPrefix)) return false;
      const std::string id(name->substr(aca::kCheckpointPrefix.size()));
      listed.insert(id);
      if (const auto record = now().get<schema::Checkpoint>(id)) {
        is_changed = correct_count(entry, (*record)->getRevision()) || is_changed;
        return false;
      }
      if (now().find(Table::kValues, std::string(aca::kFilePrefix) + aca::checkpoint_file(id))) {
        return false;
      }
      corrections_.tell(FindingCode::kBrokenReference, Table::kSession, kMetadataKey,
                        "the checkpoint " + id + " was listed and is not there",
                        json::to_text(entry), "it is not listed");
      is_changed = true;
      return true;
    });
    for (const std::string& id :
         corrections_.keys(Table::kCheckpoints, {FindingCode::kUnlistedCheckpoint})) {
      if (listed.contains(id)) continue;
      const auto record = now().get<schema::Checkpoint>(id);
      if (!record) continue;
      list->items().push_back(aca::listed_checkpoint(id, **record));
      corrections_.tell(FindingCode::kUnlistedCheckpoint, Table::kCheckpoints, id,
                        "the checkpoint was not in the session's own list", "not listed",
                        json::to_text(list->items().back()));
      is_changed = true;
    }
    return is_changed;
  }

  // The number of tasks a listed checkpoint has; true if another one stood there.
  bool correct_count(json::Value& entry, std::uint64_t revision) {
    json::Value* said = entry.find("task_count");
    const store::View& view = now().view();
    const auto offset = view.commit_offset(revision);
    if (said == nullptr || !offset) return false;
    const auto then = store::View::open(view.pages(), view.header(), *offset);
    const json::Value count = json::Value::natural(then->size(Table::kTasks).count);
    if (*said == count) return false;
    const auto id = convert::get_text(entry, "id").value_or("");
    corrections_.tell(FindingCode::kInconsistentCounter, Table::kSession, kMetadataKey,
                      "the task_count of the listed " + std::string(id) + " was wrong",
                      json::to_text(*said), json::to_text(count));
    *said = count;
    return true;
  }

  // ---- files that came along --------------------------------------------------------------------

  void correct_files() {
    for (const Finding& finding : corrections_.findings()) {
      if (finding.table != Table::kValues) continue;
      if (!now().find(Table::kValues, finding.key)) continue;
      if (finding.code == FindingCode::kForeignVersion) {
        correct_shape(finding);
        continue;
      }
      const std::string kept = corrections_.move_aside(finding.key);
      corrections_.tell(finding.code, Table::kValues, finding.key, finding.message,
                        "a file of the session's directory",
                        "no file there; its bytes are the value " + quoted(kept));
    }
  }

  // A checkpoint's file of another version: mended, with the checksum beside it.
  void correct_shape(const Finding& finding) {
    if (!mended_.insert(finding.key).second) return;  // one finding for each thing in it
    const auto entry = now().find(Table::kValues, finding.key);
    const WholeRecord whole = now().whole(Table::kValues, *entry);
    const auto bytes = whole.as<schema::Value>().getBytes();
    json::Value document =
        json::parse({reinterpret_cast<const char*>(bytes.begin()), bytes.size()});
    const std::vector<std::string> words = aca::mend_shape(document);
    const std::string kept = corrections_.move_aside(finding.key);
    const std::string text = aca::file_text(document);
    put_bytes(finding.key, text);
    const std::string sidecar = aca::sidecar_of(finding.key);
    if (now().find(Table::kValues, sidecar)) put_bytes(sidecar, aca::checksum(text));
    for (const std::string& word : words) {
      corrections_.tell(FindingCode::kForeignVersion, Table::kValues, finding.key, word,
                        "the file as it was is the value " + quoted(kept),
                        "as this version reads it");
    }
  }

  void put_bytes(std::string_view key, std::string_view bytes) {
    capnp::MallocMessageBuilder message;
    auto value = message.initRoot<schema::Value>();
    value.setOrigin(schema::Origin::ACA);
    auto data = value.initBytes(convert::list_size(bytes.size()));
    if (!bytes.empty()) std::memcpy(data.begin(), bytes.data(), bytes.size());
    corrections_.change().upsert(key, value.asReader());
  }

  Corrections& corrections_;
  json::Value state_;
  std::set<std::string> mended_;      // files
  std::set<std::string> told_roots_;  // tasks
};

}  // namespace

void correct_imported_aca(Corrections& corrections) {
  if (is_imported_from_aca(corrections.now())) AcaCorrections(corrections).run();
}

}  // namespace session::operations
