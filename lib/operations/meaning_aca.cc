// A session that came from aca keeps what its lists and counters said beside the records. Written
// out again they are checked by the rules that its import warned by; the files it brought along as
// bytes are looked at one by one.

#include <set>
#include <string>
#include <utility>

#include "lib/convert/aca.h"
#include "lib/convert/aca_check.h"
#include "lib/convert/aca_checkpoint.h"
#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_state.h"
#include "lib/convert/json.h"
#include "lib/operations/meaning_aca.h"
#include "lib/operations/meaning_parts.h"

namespace session::operations {
namespace {

namespace aca = convert::aca;
namespace json = convert::json;

constexpr std::string_view kMetadataKey = "metadata";

class AcaRules {
 public:
  explicit AcaRules(MeaningContext& context) : context_(context) {}

  void run() {
    const json::Value document =
        aca::records_to_state(context_.snapshot(), [this] { context_.advance(); });
    for (const aca::Defect& defect : aca::meaning_findings(document)) {
      const auto code = code_of(defect.kind);
      if (!code) continue;
      const bool is_task = !defect.key.empty();
      context_.find(*code, is_task ? Table::kTasks : Table::kSession,
                    is_task ? std::string_view(defect.key) : kMetadataKey, defect.text);
    }
    read_files();
    check_list(document);
    for (const std::string& file : checksums_) check_checksum(file);
  }

 private:
  // The files that came along as bytes.
  void read_files() {
    const Snapshot& snapshot = context_.snapshot();
    for (Cursor cursor = snapshot.cursor(Table::kValues, aca::kFilePrefix);
         cursor.valid() && cursor.key().starts_with(aca::kFilePrefix); cursor.next()) {
      context_.advance();
      const std::string file(cursor.key().substr(aca::kFilePrefix.size()));
      if (file.ends_with(aca::kChecksumSuffix)) checksums_.insert(file);
      if (!file.ends_with(aca::kJsonSuffix)) continue;
      documents_.insert(file);
      const WholeRecord whole = snapshot.whole(Table::kValues, cursor.entry());
      const auto bytes = whole.as<schema::Value>().getBytes();
      check_document(cursor.key(), {reinterpret_cast<const char*>(bytes.begin()), bytes.size()});
    }
  }

  void check_document(std::string_view key, std::string_view text) {
    if (text.empty()) {
      find(FindingCode::kBrokenSourceFile, key, "the file is empty");
      return;
    }
    json::Value document;
    try {
      document = json::parse(text);
    } catch (const Error& error) {
      find(FindingCode::kBrokenSourceFile, key, error.message());
      return;
    }
    const bool is_state =
        document.is_object() && aca::checkpoint_id(key.substr(aca::kFilePrefix.size())).has_value();
    if (!is_state) return;
    for (const std::string& wrong : aca::shape_findings(document)) {
      find(FindingCode::kForeignVersion, key, wrong);
    }
  }

  // `metadata.checkpoints` against the checkpoints there are.
  void check_list(const json::Value& document) {
    const json::Value* metadata = aca::get_object(document, "metadata");
    if (metadata == nullptr) return;
    std::set<std::string, std::less<>> listed;
    for (const json::Value& entry : convert::get_items(*metadata, "checkpoints")) {
      const auto name = convert::get_text(entry, "id");
      if (!name || !name->starts_with(aca::kCheckpointPrefix)) continue;
      const std::string id(name->substr(aca::kCheckpointPrefix.size()));
      listed.insert(id);
      if (has_record(id) || documents_.contains(aca::checkpoint_file(id))) continue;
      context_.find(FindingCode::kBrokenReference, Table::kSession, kMetadataKey,
                    "the checkpoint " + id + " is listed and is not there");
    }
    for (const CheckpointInfo& checkpoint : context_.snapshot().checkpoints()) {
      if (listed.contains(checkpoint.id) || !is_imported(checkpoint.id)) continue;
      context_.find(FindingCode::kUnlistedCheckpoint, Table::kCheckpoints, checkpoint.id,
                    "the checkpoint is not in the session's own list");
    }
  }

  // A checksum that was kept as a file is one that no record gives back: it is wrong, or what it
  // belongs to is not there.
  void check_checksum(const std::string& file) {
    const std::string stem = file.substr(0, file.size() - aca::kChecksumSuffix.size());
    const std::string document = stem + std::string(aca::kJsonSuffix);
    const auto id = aca::checkpoint_id(document);
    if (!id || documents_.contains(document)) return;
    const std::string key = std::string(aca::kFilePrefix) + file;
    if (has_record(*id)) {
      find(FindingCode::kChecksumMismatch, key,
           "the checkpoint does not match the checksum that stood beside it");
    } else {
      find(FindingCode::kBrokenReference, key, "the file this checksum belongs to is missing");
    }
  }

  [[nodiscard]] bool has_record(std::string_view id) const {
    return context_.snapshot().find(Table::kCheckpoints, id).has_value();
  }
  [[nodiscard]] bool is_imported(std::string_view id) const {
    const auto record = context_.snapshot().get<schema::Checkpoint>(id);
    return record && (*record)->getOrigin() == schema::Origin::ACA;
  }
  void find(FindingCode code, std::string_view key, std::string message) {
    context_.find(code, Table::kValues, key, std::move(message));
  }

  MeaningContext& context_;
  std::set<std::string, std::less<>> documents_;
  std::set<std::string, std::less<>> checksums_;
};

}  // namespace

// Nothing for what the records themselves show.
std::optional<FindingCode> code_of(aca::DefectKind kind) {
  switch (kind) {
    case aca::DefectKind::kChild:
      return FindingCode::kBrokenChildReference;
    case aca::DefectKind::kKey:
      return FindingCode::kKeyDiffersFromId;
    case aca::DefectKind::kDuplicate:
      return FindingCode::kDuplicateChild;
    case aca::DefectKind::kUnlisted:
      return FindingCode::kUnlistedChild;
    case aca::DefectKind::kRoots:
      return FindingCode::kInconsistentRoots;
    case aca::DefectKind::kTime:
      return FindingCode::kTimeOrder;
    case aca::DefectKind::kCount:
      return FindingCode::kInconsistentCounter;
    case aca::DefectKind::kVersion:
      return FindingCode::kForeignVersion;
    case aca::DefectKind::kReference:
    case aca::DefectKind::kCircle:
    case aca::DefectKind::kTaskTime:
      break;
  }
  return std::nullopt;
}

bool is_imported_from_aca(const Snapshot& snapshot) {
  const auto metadata = snapshot.get<schema::SessionRecord>(kMetadataKey);
  return metadata && (*metadata)->getOrigin() == schema::Origin::ACA;
}

void check_imported_aca(MeaningContext& context) {
  if (is_imported_from_aca(context.snapshot())) AcaRules(context).run();
}

}  // namespace session::operations
