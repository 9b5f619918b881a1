#include "session/diff.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "format/record.h"
#include "lib/operations/diff_fields.h"
#include "lib/operations/diff_sequence.h"
#include "lib/store/blob_fields.h"
#include "lib/store/tree_diff.h"
#include "lib/store/view.h"

namespace session {
namespace {

using operations::Step;

// How often the caller hears where we are.
constexpr std::uint64_t kChangesPerReport = 256;

struct Stopped {};  // the visitor has seen enough

class Walk {
 public:
  Walk(const Snapshot& left, const Snapshot& right, const ChangeVisitor& visit,
       const DiffOptions& options)
      : left_(left), right_(right), visit_(visit), options_(options) {}

  void table(Table table) {
    store::diff_views(left_.view(), right_.view(), table,
                      [&](const store::Difference& difference) { tell(table, difference); });
  }
  [[nodiscard]] const DiffSummary& summary() const { return summary_; }

 private:
  void tell(Table table, const store::Difference& difference) {
    RecordChange change;
    change.table = table;
    change.key = difference.key;
    // The key stands in one of the two pages, so each entry keeps both.
    std::shared_ptr<const void> keep;
    if (difference.keep_before || difference.keep_after) {
      keep = std::make_shared<
          const std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
          difference.keep_before, difference.keep_after);
    }
    if (difference.before) change.left.emplace(difference.key, *difference.before, keep);
    if (difference.after) change.right.emplace(difference.key, *difference.after, keep);
    change.kind = !change.left    ? ChangeKind::kAdded
                  : !change.right ? ChangeKind::kRemoved
                                  : ChangeKind::kChanged;
    if (options_.with_fields) {
      change.fields = operations::diff_fields(left_, right_, change, options_.max_text_bytes);
    }
    count(change);
    if (!visit_(change)) throw Stopped();
  }

  void count(const RecordChange& change) {
    TableChanges& table = summary_[slot(change.table)];
    ++(change.kind == ChangeKind::kAdded     ? table.added
       : change.kind == ChangeKind::kRemoved ? table.removed
                                             : table.changed);
    for (const auto* entry : {&change.left, &change.right}) {
      if (*entry) progress_.done_bytes += (*entry)->record().totalSize().wordCount * 8;
    }
    if (++told_ % kChangesPerReport != 0 || !options_.progress) return;
    if (!options_.progress(progress_)) throw Error(ErrorCode::kInterrupted, "interrupted");
  }

  const Snapshot& left_;
  const Snapshot& right_;
  const ChangeVisitor& visit_;
  const DiffOptions& options_;
  DiffSummary summary_ = {};
  Progress progress_{"comparing", 0, 0};
  std::uint64_t told_ = 0;
};

// The parts of a record that it keeps apart go with it.
void copy_blobs(const Snapshot& from, AnyRecord record, Transaction& to) {
  std::set<std::string_view> copied;
  for (const auto blob : store::blobs_of(record)) {
    const auto bytes = blob.getDigest();
    Digest digest;
    if (bytes.size() != digest.size()) {
      throw Error(ErrorCode::kDamaged, "a record refers to a blob by a malformed digest");
    }
    if (!copied.emplace(reinterpret_cast<const char*>(bytes.begin()), bytes.size()).second)
      continue;
    std::memcpy(digest.data(), bytes.begin(), digest.size());
    (void)to.add_blob(from.blob(digest));
  }
}

bool is_as_on_the_left(const RecordChange& change, const Transaction& transaction) {
  const auto there = transaction.find(change.table, change.key);
  if (there.has_value() != change.left.has_value()) return false;
  return !there || there->record() == change.left->record();
}

// Lines as numbers, equal ones with the same.
class Lines {
 public:
  std::vector<std::uint32_t> add(std::string_view text, std::vector<std::string_view>& lines) {
    std::vector<std::uint32_t> numbers;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      lines.push_back(text.substr(0, end));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      const auto next = static_cast<std::uint32_t>(numbers_.size());
      numbers.push_back(numbers_.emplace(lines.back(), next).first->second);
    }
    return numbers;
  }

 private:
  std::map<std::string_view, std::uint32_t> numbers_;
};

bool has_only(const RecordChange& change, std::initializer_list<std::string_view> paths) {
  return std::all_of(change.fields.begin(), change.fields.end(), [&](const FieldChange& field) {
    return std::find(paths.begin(), paths.end(), field.path) != paths.end();
  });
}

bool has_any(const RecordChange& change, std::initializer_list<std::string_view> paths) {
  return std::any_of(change.fields.begin(), change.fields.end(), [&](const FieldChange& field) {
    return std::find(paths.begin(), paths.end(), field.path) != paths.end();
  });
}

}  // namespace

std::string_view change_kind_name(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdded:
      return "added";
    case ChangeKind::kRemoved:
      return "removed";
    case ChangeKind::kChanged:
      break;
  }
  return "changed";
}

ChangeKind FieldChange::kind() const {
  if (left.kind == FieldValue::Kind::kAbsent) return ChangeKind::kAdded;
  return right.kind == FieldValue::Kind::kAbsent ? ChangeKind::kRemoved : ChangeKind::kChanged;
}

std::string_view change_nature_name(ChangeNature nature) {
  switch (nature) {
    case ChangeNature::kAdded:
      return "added";
    case ChangeNature::kRemoved:
      return "removed";
    case ChangeNature::kMoved:
      return "moved";
    case ChangeNature::kContent:
      return "content";
    case ChangeNature::kTouched:
      return "touched";
    case ChangeNature::kEdited:
      break;
  }
  return "edited";
}

ChangeNature nature_of(const RecordChange& change) {
  if (change.kind == ChangeKind::kAdded) return ChangeNature::kAdded;
  if (change.kind == ChangeKind::kRemoved) return ChangeNature::kRemoved;
  if (change.fields.empty()) return ChangeNature::kEdited;
  if (change.table == Table::kTasks && has_only(change, {"parent", "rank"})) {
    return ChangeNature::kMoved;
  }
  if (change.table == Table::kFiles) {
    if (has_any(change, {"size_bytes", "checksum"})) return ChangeNature::kContent;
    if (has_only(change, {"modified_at"})) return ChangeNature::kTouched;
  }
  return ChangeNature::kEdited;
}

bool compares(const DiffOptions& options, Table table) {
  const auto& tables = options.tables;
  if (!is_content(table)) return false;
  return tables.empty() || std::find(tables.begin(), tables.end(), table) != tables.end();
}

DiffSummary each_change(const Snapshot& left, const Snapshot& right, const ChangeVisitor& visit,
                        const DiffOptions& options) {
  Walk walk(left, right, visit, options);
  try {
    format::guarded([&] {
      for (const Table table : kContentTables) {
        if (compares(options, table)) walk.table(table);
      }
    });
  } catch (const Stopped&) {
    // What was visited is counted.
  }
  return walk.summary();
}

bool differ(const Snapshot& left, const Snapshot& right, const DiffOptions& options) {
  bool found = false;
  DiffOptions first = options;
  first.with_fields = false;
  (void)each_change(
      left, right, [&](const RecordChange&) { return !(found = true); }, first);
  return found;
}

Diff diff(const Snapshot& left, const Snapshot& right, const DiffOptions& options) {
  Diff result{left, right, {}, {}};
  result.summary = each_change(
      left, right,
      [&](const RecordChange& change) {
        result.changes.push_back(change);
        return true;
      },
      options);
  return result;
}

void apply_diff(const Diff& diff, Transaction& transaction) {
  format::guarded([&] {
    for (const RecordChange& change : diff.changes) {
      if (!is_as_on_the_left(change, transaction)) {
        throw Error(ErrorCode::kUsage,
                    std::string("the record '") + change.key + "' of table " +
                        std::string(table_name(change.table)) +
                        " is not what it is on the left side of the difference; apply it to the "
                        "revision it was made from");
      }
      if (!change.right) {
        (void)transaction.erase(change.table, change.key);
        continue;
      }
      copy_blobs(diff.right, change.right->record(), transaction);
      transaction.upsert_any(change.table, change.key, change.right->record());
    }
  });
}

std::vector<DiffLine> diff_lines(std::string_view left, std::string_view right) {
  Lines lines;
  std::vector<std::string_view> before;
  std::vector<std::string_view> after;
  const auto before_numbers = lines.add(left, before);
  const auto after_numbers = lines.add(right, after);
  std::vector<DiffLine> result;
  for (const auto& step : operations::diff_sequences(before_numbers, after_numbers)) {
    const bool is_left = step.step != Step::kAdded;
    const LineMark mark = step.step == Step::kSame ? LineMark::kSame
                          : is_left                ? LineMark::kRemoved
                                                   : LineMark::kAdded;
    result.push_back({mark, is_left ? before[step.left] : after[step.right]});
  }
  return result;
}

}  // namespace session
