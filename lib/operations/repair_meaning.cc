#include "lib/operations/repair_meaning.h"

#include <algorithm>
#include <utility>

#include "format/checksum.h"
#include "format/layout.h"
#include "format/record.h"
#include "lib/convert/text_fields.h"
#include "lib/operations/repair_meaning_parts.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"

namespace session::operations {
namespace {

constexpr std::string_view kSetAside = "sessiontool/set-aside/";
constexpr std::uint64_t kSpillBytes = std::uint64_t{64} << 20;
// What one correction lays bare the next look finds; more than a few looks no session needs.
constexpr int kMaxLooks = 16;

}  // namespace

bool Corrections::look() {
  refresh();
  findings_.clear();
  check_session_meaning(now_, {}, progress_, [this](Finding finding) {
    if (is_correctable(finding.code)) findings_.push_back(std::move(finding));
  });
  return !findings_.empty();
}

bool Corrections::has(FindingCode code) const {
  return std::any_of(findings_.begin(), findings_.end(),
                     [&](const Finding& finding) { return finding.code == code; });
}

std::set<std::string> Corrections::keys(Table table,
                                        std::initializer_list<FindingCode> codes) const {
  std::set<std::string> keys;
  for (const Finding& finding : findings_) {
    const bool is_one = std::find(codes.begin(), codes.end(), finding.code) != codes.end();
    if (is_one && finding.table == table) keys.insert(finding.key);
  }
  return keys;
}

void Corrections::tell(FindingCode code, Table table, std::string_view key, std::string message,
                       std::string before, std::string after) {
  RepairAction action;
  action.step = RepairStep::kMeaning;
  action.message = std::move(message);
  action.finding = code;
  action.table = table;
  action.key = std::string(key);
  action.before = std::move(before);
  action.after = std::move(after);
  actions_.push_back(std::move(action));
}

// A key that no value has yet.
std::string Corrections::free_key(Table table, std::string_view key) const {
  constexpr std::size_t kRoomForNumber = 16;
  std::string name = std::string(kSetAside) + std::string(table_name(table)) + "/";
  const bool fits = name.size() + key.size() + kRoomForNumber <= format::kMaxKeyBytes;
  name += fits ? std::string(key) : to_hex(format::sha256(format::as_bytes(key)));
  std::string free = name;
  for (int n = 2; change_.find(Table::kValues, free); ++n) free = name + "#" + std::to_string(n);
  return free;
}

std::string Corrections::set_aside(Table table, std::string_view key,
                                   const convert::json::Value& content) {
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  convert::set_text(convert::json::to_sorted_text(content), value,
                    &schema::Value::Builder::initText);
  value.setMediaType("application/json");
  std::string name = free_key(table, key);
  change_.upsert(name, value.asReader());
  return name;
}

std::string Corrections::move_aside(std::string_view key) {
  std::string name = free_key(Table::kValues, key);
  if (const auto entry = now_.find(Table::kValues, key)) {
    const WholeRecord whole = now_.whole(Table::kValues, *entry);
    change_.upsert_any(Table::kValues, name, whole.record());
  }
  (void)change_.erase(Table::kValues, key);
  return name;
}

void Corrections::advance() {
  constexpr std::uint64_t kStep = 256;
  if (++records_ % kStep != 0 || !progress_) return;
  if (!progress_({"correcting the meaning", 0, 0})) {
    throw Error(ErrorCode::kInterrupted, "stopped on request");
  }
}

// What the session says of itself, and what its checkpoints count.
void correct_bookkeeping(Corrections& corrections) {
  for (const std::string& key : corrections.keys(Table::kUpkeep, {FindingCode::kMissingMetadata})) {
    const auto entry = corrections.now().get<schema::Upkeep>(key);
    capnp::MallocMessageBuilder message;
    if (entry) {
      message.setRoot(**entry);
    } else {
      message.initRoot<schema::Upkeep>();
    }
    auto record = message.getRoot<schema::Upkeep>();
    const std::string id = store::new_uuid();
    (record.hasIdentity() ? record.getIdentity() : record.initIdentity()).setSessionId(id.c_str());
    corrections.change().upsert(key, record.asReader());
    corrections.tell(FindingCode::kMissingMetadata, Table::kUpkeep, key,
                     "the session had no id of its own", "no id", id);
  }
  const store::View& view = corrections.now().view();
  for (const std::string& key :
       corrections.keys(Table::kCheckpoints, {FindingCode::kInconsistentCounter})) {
    corrections.edit<schema::Checkpoint>(key, [&](schema::Checkpoint::Reader before, auto record) {
      const auto offset = view.commit_offset(before.getRevision());
      if (!offset) return;
      const auto then = store::View::open(view.pages(), view.header(), *offset);
      const std::uint64_t tasks = then->size(Table::kTasks).count;
      record.setTaskCount(tasks);
      corrections.tell(FindingCode::kInconsistentCounter, Table::kCheckpoints, key,
                       "the checkpoint counted its tasks wrongly",
                       std::to_string(before.getTaskCount()), std::to_string(tasks));
    });
  }
}

std::vector<std::int64_t> rising_times(const std::vector<std::int64_t>& times) {
  // The length of the longest run of rising times that begins with each: the algorithm of Schensted
  // (1961), from the end. `best[n]` is the latest time with which a run of n + 1 begins.
  std::vector<std::uint32_t> lengths(times.size());
  std::vector<std::int64_t> best;
  for (std::size_t i = times.size(); i > 0; --i) {
    const auto at = std::upper_bound(best.begin(), best.end(), times[i - 1], std::greater<>());
    lengths[i - 1] = static_cast<std::uint32_t>(at - best.begin()) + 1;
    if (at == best.end()) {
      best.push_back(times[i - 1]);
    } else {
      *at = times[i - 1];
    }
  }
  // Of all such runs the one that goes on earliest each time: who came first is believed.
  std::vector<std::int64_t> risen(times);
  std::size_t wanted = best.size();
  std::size_t first = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const bool is_begun = wanted != best.size();
    const bool follows = !is_begun || times[i] >= risen[i - 1];
    if (wanted != 0 && lengths[i] == wanted && follows) {
      if (!is_begun) first = i;
      --wanted;
    } else if (is_begun) {
      risen[i] = risen[i - 1];
    }
  }
  for (std::size_t i = 0; i < first; ++i) risen[i] = risen[first];
  return risen;
}

std::vector<RepairAction> correct_meaning(Transaction& change, const ProgressCallback& progress) {
  return format::guarded([&] {
    change.spill_above(kSpillBytes);
    Corrections corrections(change, progress);
    for (int looks = 0; looks < kMaxLooks && corrections.look(); ++looks) {
      const std::uint64_t changes = change.changes();
      const std::size_t told = corrections.told();
      // Lists that contradict each other are told of before they are made anew with the tasks.
      correct_imported_aca(corrections);
      corrections.refresh();
      correct_tasks(corrections);
      correct_executions(corrections);
      correct_messages(corrections);
      correct_events(corrections);
      correct_bookkeeping(corrections);
      if (change.changes() != changes) continue;
      corrections.take_back(told);
      break;
    }
    return corrections.take_actions();
  });
}

}  // namespace session::operations
