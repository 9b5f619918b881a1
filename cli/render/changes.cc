#include "cli/render/changes.h"

#include <algorithm>

#include "cli/io/interrupt.h"
#include "cli/render/change_fields.h"
#include "cli/render/change_tree.h"
#include "cli/render/names.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kLabelColumns = 72;

std::string words_of(const DiffText::Side& side) {
  return "revision " + std::to_string(side.revision.revision) + ", " +
         short_time(side.revision.time_nanos);
}

std::string first_line(std::string_view text) {
  return cut_to_width(one_line(text.substr(0, text.find('\n'))), kLabelColumns);
}

std::string joined(std::string_view word, std::string_view text) {
  const std::string line = first_line(text);
  return line.empty() ? std::string(word) : std::string(word) + ": " + line;
}

// Its text, or else its first block.
std::string label_of(schema::Message::Reader message) {
  const std::string_view role = role_word(message.getRole());
  const auto blocks = message.getBlocks();
  if (message.hasText() || blocks.size() == 0) return joined(role, view(message.getText()));
  std::string label;
  if (blocks[0].getKind() == schema::Block::Kind::TOOL_CALL) {
    label = std::string(role) + " calls " + first_line(view(blocks[0].getName()));
  } else {
    label = joined(role, view(blocks[0].getText()));
  }
  return blocks.size() == 1 ? label : label + ", " + counted(blocks.size(), "block");
}

// What a record is about, beside its key.
std::string label_of(Table table, const AnyEntry& entry) {
  switch (table) {
    case Table::kExecutions:
      return std::string(status_words(entry.record().as<schema::Execution>().getStatus()));
    case Table::kMessages:
      return label_of(entry.record().as<schema::Message>());
    case Table::kFiles:
      return human_bytes(entry.record().as<schema::File>().getSizeBytes());
    case Table::kEvents: {
      const auto event = entry.record().as<schema::Event>();
      return joined(one_line(view(event.getKind())), view(event.getText()));
    }
    case Table::kValues:
      return first_line(view(entry.record().as<schema::Value>().getText()));
    default:
      return {};
  }
}

std::string_view words_of(ChangeNature nature) {
  switch (nature) {
    case ChangeNature::kContent:
      return "content changed";
    case ChangeNature::kTouched:
      return "only its time changed";
    case ChangeNature::kEdited:
      return "edited";
    default:
      return {};
  }
}

}  // namespace

void DiffText::head(const Side& left, const Side& right) {
  const auto name = [this](const std::string& file) {
    return style_.paint(Ink::kBold, one_line(file));
  };
  out_ << name(left.file) << "  " << words_of(left) << "  →  ";
  if (left.file != right.file) out_ << name(right.file) << "  ";
  out_ << words_of(right) << '\n';
}

void DiffText::counts(const DiffSummary& summary) {
  const bool is_equal = std::all_of(summary.begin(), summary.end(),
                                    [](const TableChanges& table) { return table.total() == 0; });
  if (is_equal) {
    out_ << "no difference\n";
    return;
  }
  TextTable table(out_, style_, columns_,
                  {{""}, {"added", true}, {"removed", true}, {"changed", true}});
  for (const Table name : kContentTables) {
    const TableChanges& changes = summary[slot(name)];
    if (changes.total() == 0) continue;
    const auto cell = [](std::uint64_t count, ChangeKind kind) {
      return Cell{count == 0 ? std::string("-") : grouped(count),
                  count == 0 ? Ink::kDim : change_ink(kind)};
    };
    table.row({{std::string(table_name(name))},
               cell(changes.added, ChangeKind::kAdded),
               cell(changes.removed, ChangeKind::kRemoved),
               cell(changes.changed, ChangeKind::kChanged)});
  }
  table.finish();
}

void DiffText::line(const RecordChange& change, const Diff& difference) {
  static const std::string margin = "    ";
  std::string words = one_line(change.key);
  const AnyEntry& entry = change.right ? *change.right : *change.left;
  const std::string label = label_of(change.table, entry);
  if (columns_ > 0) words = cut_to_width(words, columns_ > 4 ? columns_ - 4 : 1);
  out_ << "  " << style_.paint(change_ink(change.kind), change_mark(change.kind)) << ' '
       << style_.paint(Ink::kBold, words);
  if (change.kind == ChangeKind::kChanged) {
    out_ << "  " << style_.paint(Ink::kDim, words_of(nature_of(change))) << '\n';
    write_change_fields(out_, style_, columns_, margin, change, difference);
    return;
  }
  if (!label.empty()) {
    const std::size_t taken = display_width(words) + 6;
    out_ << "  "
         << (columns_ == 0 ? label : cut_to_width(label, columns_ > taken ? columns_ - taken : 1));
  }
  out_ << '\n';
}

void DiffText::changes(const Diff& difference) {
  Table last = Table::kRevisions;  // none of those that are shown
  for (const RecordChange& change : difference.changes) {
    stop_if_interrupted();
    if (change.table != last) {
      out_ << '\n' << style_.paint(Ink::kBold, table_name(change.table)) << '\n';
      last = change.table;
      if (last == Table::kTasks) draw_change_tree(out_, style_, columns_, difference);
    }
    if (change.table != Table::kTasks) line(change, difference);
  }
}

}  // namespace session::cli
