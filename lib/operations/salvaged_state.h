#pragma once
// The newest state of a damaged session, as far as it is left: the records of the newest trees that
// can be read, older versions of those that cannot, and all that was written behind these trees.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/commit.h"
#include "format/frame.h"
#include "format/record.h"
#include "lib/operations/repair_image.h"
#include "lib/operations/salvage.h"
#include "lib/operations/scan.h"
#include "lib/store/page_source.h"
#include "session/repair.h"
#include "session/revision.h"

namespace session::operations {

// Reads the whole file once when made, and again in collect(). Memory as the state's records.
class SalvagedState {
 public:
  explicit SalvagedState(const Image& image, RepairReport& report);

  [[nodiscard]] const std::shared_ptr<store::PageSource>& pages() const { return pages_; }
  // Sound commits whose numbers rise, oldest first.
  [[nodiscard]] const std::vector<RevisionInfo>& commits() const { return commits_; }
  // Sound commits whose numbers do not fit among those.
  [[nodiscard]] const std::vector<RevisionInfo>& contradicted() const { return contradicted_; }
  // Revisions whose commits are sound themselves and compressed with frames that are not, and those
  // just before them that are damaged; as far as their numbers are known, rising.
  [[nodiscard]] const std::vector<std::uint64_t>& unread() const { return unread_; }

  // Everything, table by table: the newest trees, then all that was written behind them, in order.
  void collect();

  [[nodiscard]] std::array<Remains::Records, kTableSlots>& state() { return state_; }

 private:
  using Records = Remains::Records;

  void read_commits();
  void keep_rising(const std::vector<RevisionInfo>& sound);
  void keep(Table table, std::string_view key, format::RecordView record);
  [[nodiscard]] bool put_together(const LostPage& page, const Remains& remains, Records& records);
  // And the one before it, which it names as its home, if that was lost.
  void note_unread(std::uint64_t offset, std::vector<std::uint64_t>& unread);
  // A commit that cannot be read does not say its number; the newest trees list it.
  void name_unread(std::vector<std::uint64_t> places);
  // Records of the pages that can be read, and of the lost ones what older frames hold.
  void collect_table(Table table);
  // The keys of all tasks: `children` has them too.
  [[nodiscard]] std::optional<std::set<std::string>> task_keys() const;
  void fill_in(const LostPage& page, const Remains& remains,
               const std::optional<std::set<std::string>>& names, Records& records);
  void lose_record(Table table, const std::string& key);
  void lose(LostItem item);
  // What was written behind the newest trees: deltas, and pages of a commit that is lost.
  void replay(std::uint64_t offset, const WrittenOrder& order);
  void replay_leaf(const format::FrameHeader& frame);
  void replay_delta(const format::FrameHeader& frame);
  void put(Table table, std::string_view key, std::optional<format::Record> record);
  // Records keep what they say themselves; the texts that stood in a lost blob are gone.
  void drop_lost_blobs();
  void drop_references(Table table, const std::string& key, format::Record& record);
  // Somebody wrote a list that leads to texts and not to where they belong.
  void lose_list(Table table, const std::string& key);
  void list_stale();

  RepairReport& report_;
  std::shared_ptr<PatientFile> patient_;
  std::uint64_t size_;
  Scan scan_;
  std::shared_ptr<store::PageSource> pages_;
  std::vector<RevisionInfo> commits_;
  std::vector<RevisionInfo> contradicted_;
  std::optional<std::pair<std::uint64_t, format::Roots>> trees_;  // the newest, and their commit
  std::vector<std::uint64_t> unread_;
  std::multimap<std::uint64_t, format::FrameHeader> waiting_;  // leaves, by their age
  std::array<Records, kTableSlots> state_;
  std::array<std::set<std::string>, kTableSlots> stale_;
  std::array<std::set<std::string>, kTableSlots> lost_records_;
};

}  // namespace session::operations
