// A damaged session written anew: whole revisions as they were, the newest state from what is left.

#include <algorithm>
#include <set>
#include <utility>

#include "format/commit.h"
#include "format/layout.h"
#include "lib/operations/recovery.h"
#include "lib/operations/repair_image.h"
#include "lib/operations/rewrite.h"
#include "lib/operations/salvaged_state.h"
#include "lib/store/head.h"
#include "lib/store/revision_name.h"

namespace session::operations {
namespace {

LostItem lost_revision(std::uint64_t revision, const std::string& why) {
  LostItem item;
  item.revision = revision;
  item.message = "revision " + std::to_string(revision) + " cannot be opened any more: " + why;
  return item;
}

std::vector<std::string> words_of(const std::vector<LostItem>& lost) {
  std::vector<std::string> words;
  words.reserve(lost.size());
  for (const LostItem& item : lost) words.push_back(item.message);
  return words;
}

class DamagedRewrite {
 public:
  DamagedRewrite(const Image& image, const std::string& path, const RepairOptions& options,
                 const std::string& preserved_as, const std::set<std::uint64_t>& unsound,
                 RepairReport& report)
      : image_(image),
        options_(options),
        preserved_as_(preserved_as),
        unsound_(unsound),
        report_(report),
        salvage_(image, report),
        rewriter_(path, rewriting(image, options)) {}

  void run() {
    add_whole_revisions();
    const store::HeadSearch search = store::search_head(*image_.patient(), image_.path, image_.tag);
    const bool has_lost_head = search.damaged_offset && !knows_commit_at(*search.damaged_offset);
    if (has_lost_head) lose(newest_ + 1, "its commit is damaged");
    next_ = newest_ + (has_lost_head ? 2 : 1) + contradicted_behind();
    if (!options_.from.empty()) {
      go_back();
    } else if (report_.revision != newest_ || newest_ == 0 || search.damaged_offset ||
               contradicted_behind() != 0) {
      add_remains();
    }
    if (report_.refused) return;
    rewriter_.finish();
    RepairAction action;
    action.step = RepairStep::kRewrite;
    action.message = "the file was written anew, with " + std::to_string(rewriter_.added()) +
                     " of its revisions as they were";
    report_.actions.push_back(std::move(action));
  }

 private:
  static RewriteOptions rewriting(const Image& image, const RepairOptions& options) {
    RewriteOptions rewriting;
    rewriting.files = options.files;
    if (image.header) rewriting.header = *image.header;
    rewriting.marks_lost_checkpoints = true;
    return rewriting;
  }

  void lose(std::uint64_t revision, const std::string& why) {
    report_.lost.push_back(lost_revision(revision, why));
  }

  // A head may be unbelievable for what it vouches for alone; then its number is known.
  [[nodiscard]] bool knows_commit_at(std::uint64_t offset) const {
    const std::vector<RevisionInfo>& commits = salvage_.commits();
    return std::any_of(commits.begin(), commits.end(),
                       [&](const RevisionInfo& info) { return info.offset == offset; });
  }

  [[nodiscard]] Snapshot open(const RevisionInfo& info) const {
    return Snapshot(store::View::open(salvage_.pages(),
                                      image_.header.value_or(format::FileHeader{}), info.offset));
  }

  void add_whole_revisions() {
    std::set<std::uint64_t> known;
    auto unread = salvage_.unread().begin();
    const auto lose_unread = [&](std::uint64_t before) {
      for (; unread != salvage_.unread().end() && *unread < before; ++unread) {
        if (!known.insert(*unread).second) continue;
        newest_ = std::max(newest_, *unread);
        lose(*unread, "its commit is damaged, or what that is compressed with");
      }
    };
    for (const RevisionInfo& info : salvage_.commits()) {
      lose_unread(info.revision);
      known.insert(info.revision);
      newest_ = std::max(newest_, info.revision);
      if (info.parent != 0 && !known.contains(info.parent)) {
        lose(info.parent, "its commit is damaged");
      }
      if (unsound_.contains(info.revision)) {
        lose(info.revision, "what its commit says of it does not hold");
        continue;
      }
      try {
        rewriter_.add(open(info));
        report_.revision = info.revision;
        whole_.push_back(info);
      } catch (const Error& error) {
        // kLimit: nobody wrote what is that large.
        if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kLimit) throw;
        lose(info.revision, error.message());
      }
    }
    lose_unread(~std::uint64_t{0});
    lose_contradicted();
    if (newest_ != 0) return;
    LostItem item;
    item.message =
        "every commit is destroyed, and with them all revisions: what pages still held was put "
        "together, and records that had been deleted may be among it";
    report_.lost.push_back(std::move(item));
  }

  // Commits behind all those that are believed: they may be newer, and had numbers too.
  [[nodiscard]] std::uint64_t contradicted_behind() const {
    const std::uint64_t last = salvage_.commits().empty() ? 0 : salvage_.commits().back().offset;
    const auto& contradicted = salvage_.contradicted();
    return static_cast<std::uint64_t>(
        std::count_if(contradicted.begin(), contradicted.end(),
                      [last](const RevisionInfo& info) { return info.offset > last; }));
  }
  void lose_contradicted() {
    for (const RevisionInfo& info : salvage_.contradicted()) {
      LostItem item;
      item.message = "a commit at offset " + std::to_string(info.offset) +
                     " says that it is revision " + std::to_string(info.revision) +
                     ", which the commits around it contradict";
      report_.lost.push_back(std::move(item));
    }
  }

  [[nodiscard]] std::int64_t time() const {
    return options_.clock ? options_.clock() : store::system_nanos();
  }

  // The newest state, from what is left of it.
  void add_remains() {
    const std::int64_t now = time();
    salvage_.collect();
    Remains::Records& recoveries = salvage_.state()[slot(Table::kRecoveries)];
    const auto is_taken = [&](std::string_view key) { return recoveries.contains(key); };
    recoveries.emplace(recovery_key(recoveries.size(), is_taken),
                       recovery_record({now, next_, "damage", "written anew from what was left",
                                        preserved_as_, words_of(report_.lost)}));
    rewriter_.add_state(salvage_.state(), *salvage_.pages(), next_, now, "repaired");
    report_.revision = next_;
  }

  // The newest state becomes that of a revision that was asked for.
  void go_back() {
    const auto found = chosen_revision();
    if (!found) return;
    const RevisionInfo& chosen = *found;
    const std::int64_t now = time();
    const std::string method = "back to revision " + std::to_string(chosen.revision);
    const Snapshot last = open(whole_.back());
    rewriter_.add_again(
        open(chosen), next_, now, "repaired: " + method,
        recovery_key(
            last.count(Table::kRecoveries),
            [&](std::string_view key) { return last.find(Table::kRecoveries, key).has_value(); }),
        recovery_record({now, next_, "damage", method, preserved_as_, words_of(report_.lost)}));
    report_.revision = next_;
    std::vector<std::uint64_t> behind;
    for (const RevisionInfo& info : whole_) {
      if (info.revision > chosen.revision) behind.push_back(info.revision);
    }
    report_.actions.push_back(action_of_going_back(chosen.revision, next_, behind));
  }

  // Nothing, and refused, if it cannot be read whole.
  [[nodiscard]] std::optional<RevisionInfo> chosen_revision() {
    if (whole_.empty()) {
      refuse("not one revision of this file is whole");
      return std::nullopt;
    }
    std::uint64_t number = 0;
    try {
      number = store::resolve_revision(open(whole_.back()).view(), options_.from);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      number = revision_of_lost_name();
      if (number == 0) throw;
    }
    const auto found = std::find_if(whole_.begin(), whole_.end(), [&](const RevisionInfo& info) {
      return info.revision == number;
    });
    if (found != whole_.end()) return *found;
    refuse("revision " + std::to_string(number) + " is damaged itself and cannot be read whole");
    return std::nullopt;
  }

  void refuse(std::string why) {
    report_.refused = true;
    report_.refusal = std::move(why);
  }

  // What no whole revision knows: the number or checkpoint of one that is lost; 0 if none is called
  // so.
  [[nodiscard]] std::uint64_t revision_of_lost_name() const {
    for (const LostItem& item : report_.lost) {
      if (item.revision != 0 && std::to_string(item.revision) == options_.from) {
        return item.revision;
      }
    }
    for (const RevisionInfo& info : salvage_.commits()) {
      const bool is_named =
          std::to_string(info.revision) == options_.from ||
          (!info.checkpoint.empty() && info.checkpoint.starts_with(options_.from));
      if (is_named) return info.revision;
    }
    return 0;
  }

  const Image& image_;
  const RepairOptions& options_;
  const std::string& preserved_as_;
  const std::set<std::uint64_t>& unsound_;
  RepairReport& report_;
  SalvagedState salvage_;
  Rewriter rewriter_;
  std::vector<RevisionInfo> whole_;
  std::uint64_t newest_ = 0;  // that a commit names
  std::uint64_t next_ = 0;
};

}  // namespace

RepairAction action_of_going_back(std::uint64_t chosen, std::uint64_t made,
                                  const std::vector<std::uint64_t>& behind) {
  constexpr std::size_t kNamed = 8;
  RepairAction action;
  action.step = RepairStep::kFrom;
  action.message =
      "revision " + std::to_string(made) + " has the content of revision " + std::to_string(chosen);
  if (behind.empty()) {
    action.message += ", the newest that is whole";
    return action;
  }
  action.message += "; newer than that, and kept as they were: ";
  for (std::size_t i = 0; i < std::min(behind.size(), kNamed); ++i) {
    action.message += (i == 0 ? "" : ", ") + std::to_string(behind[behind.size() - 1 - i]);
  }
  if (behind.size() > kNamed) {
    action.message += " and " + std::to_string(behind.size() - kNamed) + " more";
  }
  return action;
}

void rewrite_damaged(const Image& image, const std::string& path, const RepairOptions& options,
                     const std::string& preserved_as, const std::set<std::uint64_t>& unsound,
                     RepairReport& report) {
  DamagedRewrite(image, path, options, preserved_as, unsound, report).run();
}

}  // namespace session::operations
