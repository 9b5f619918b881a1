#include "lib/convert/aca_checkpoint.h"

#include <utility>

#include "lib/convert/aca_fields.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::Checkpoint;
using schema::Trigger;

constexpr std::string_view kDirectory = "checkpoints/";

// The list keeps the whole text; a description is to be read by people.
std::string cut(std::string_view text) {
  constexpr std::size_t kMaxBytes = 1000;
  if (text.size() <= kMaxBytes) return std::string(text);
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end));
}

void automatic(const Value& trigger, CheckpointOptions& options) {
  options.trigger = Trigger::BEFORE_RISKY_OPERATION;
  const auto kind = get_variant(&trigger);
  if (!kind) return;
  if (kind->name == "TimeInterval") {
    options.trigger = Trigger::TIME_INTERVAL;
    options.amount = get_real(*kind->body, "minutes").value_or(0);
  } else if (kind->name == "TaskCompletion") {
    options.trigger = Trigger::TASK_COMPLETION;
    options.amount = get_real(*kind->body, "count").value_or(0);
  } else if (kind->name == "SignificantProgress") {
    options.trigger = Trigger::SIGNIFICANT_PROGRESS;
    options.amount = get_real(*kind->body, "percentage").value_or(0);
  }
}

void trigger(const Value& listed, CheckpointOptions& options) {
  const auto kind = get_variant(listed.find("trigger_reason"));
  if (!kind) return;
  const auto reason = [&](std::string_view name) {
    return cut(get_text(*kind->body, name).value_or(""));
  };
  if (kind->name == "Manual") options.reason = reason("reason");
  if (kind->name == "Error") {
    options.trigger = Trigger::ERROR;
    options.reason = reason("error_type");
  }
  if (kind->name == "Milestone") {
    options.trigger = Trigger::MILESTONE;
    options.reason = reason("milestone");
  }
  const Value* inside = kind->name == "Automatic" ? kind->body->find("trigger") : nullptr;
  if (inside != nullptr) automatic(*inside, options);
}

Value one(std::string_view name, Value value) {
  Value object = Value::object();
  object.add(name, std::move(value));
  return object;
}

Value automatic(Value kind) {
  return variant("Automatic", one("trigger", std::move(kind)));
}

Value trigger_to_json(Checkpoint::Reader record) {
  const auto amount = static_cast<std::uint64_t>(
      record.getAmount() > 0 && record.getAmount() < 1e15 ? record.getAmount() : 0);
  switch (record.getTrigger()) {
    case Trigger::TIME_INTERVAL:
      return automatic(variant("TimeInterval", one("minutes", Value::natural(amount))));
    case Trigger::TASK_COMPLETION:
      return automatic(variant("TaskCompletion", one("count", Value::natural(amount))));
    case Trigger::SIGNIFICANT_PROGRESS:
      return automatic(variant("SignificantProgress", one("percentage", real(record.getAmount()))));
    case Trigger::BEFORE_RISKY_OPERATION:
      return automatic(Value::string("BeforeRiskyOperation"));
    case Trigger::ERROR:
      return variant("Error", one("error_type", text_or_empty(record.getReason())));
    case Trigger::BEFORE_RESTORE:  // aca's word for its own emergency checkpoint
      return variant("Error", one("error_type", Value::string("pre_recovery")));
    case Trigger::MILESTONE:
      return variant("Milestone", one("milestone", text_or_empty(record.getReason())));
    default:
      return variant("Manual", one("reason", text_or_empty(record.getReason())));
  }
}

}  // namespace

std::string checkpoint_file(std::string_view id) {
  std::string path(kDirectory);
  path += kCheckpointPrefix;
  path += id;
  path += kJsonSuffix;
  return path;
}

std::string sidecar_of(std::string_view json_file) {
  return std::string(json_file.substr(0, json_file.size() - kJsonSuffix.size())) +
         std::string(kChecksumSuffix);
}

std::optional<std::string> checkpoint_id(std::string_view file) {
  if (!file.starts_with(kDirectory) || !file.ends_with(kJsonSuffix)) return std::nullopt;
  file.remove_prefix(kDirectory.size());
  file.remove_suffix(kJsonSuffix.size());
  if (!file.starts_with(kCheckpointPrefix) || file.find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  file.remove_prefix(kCheckpointPrefix.size());
  if (file.empty()) return std::nullopt;
  return std::string(file);
}

CheckpointOptions checkpoint_options(std::string_view id, const Value* listed) {
  CheckpointOptions options;
  options.id = id;
  if (listed == nullptr) {
    options.description = "a file that the session's list of checkpoints does not name";
    return options;
  }
  options.description = cut(get_text(*listed, "description").value_or(""));
  const Value* is_automatic = listed->find("is_automatic");
  options.is_automatic =
      is_automatic != nullptr && is_automatic->is_bool() && is_automatic->as_bool();
  trigger(*listed, options);
  if (const auto time = get_time(*listed, "created_at")) options.time_nanos = time->nanos;
  return options;
}

void complete_checkpoint(const Value* listed, bool has_sidecar, const std::optional<Value>& order,
                         Checkpoint::Builder record) {
  record.setOrigin(schema::Origin::ACA);
  if (listed != nullptr) {
    const CheckpointOptions options = checkpoint_options({}, listed);
    set_text(options.description, record, &Checkpoint::Builder::initDescription);
    set_text(options.reason, record, &Checkpoint::Builder::initReason);
    if (const auto time = get_time(*listed, "created_at")) {
      record.setTime(time->nanos);
      record.setTimeForm(time->form);
    }
    if (const auto count = get_natural(*listed, "task_count")) record.setTaskCount(*count);
    if (const auto size = get_natural(*listed, "size_bytes")) record.setSizeBytes(*size);
  }
  record.disownExtra();
  record.disownBlobs();  // nothing that is left is that large
  if (!has_sidecar) return;
  Value note = Value::object();
  note.add("=sidecar", Value::boolean(true));
  if (order) note.add("=order", *order);
  set_text(json::to_text(note), record, &Checkpoint::Builder::initExtra);
}

CheckpointNote checkpoint_note(Checkpoint::Reader record) {
  CheckpointNote note;
  if (!record.hasExtra() || record.getOrigin() != schema::Origin::ACA) return note;
  const Value extra = parse_patch(view(record.getExtra()));
  note.has_sidecar = extra.find("=sidecar") != nullptr;
  if (const Value* order = extra.find("=order")) note.order = *order;
  return note;
}

Value listed_checkpoint(std::string_view id, Checkpoint::Reader record) {
  Value entry = Value::object();
  entry.add("id", Value::string(std::string(kCheckpointPrefix) + std::string(id)));
  entry.add("created_at", time_or_epoch(record.getTime(), record.getTimeForm()));
  entry.add("description", text_or_empty(record.getDescription()));
  entry.add("task_count", Value::natural(record.getTaskCount()));
  entry.add("size_bytes", Value::natural(record.getSizeBytes()));
  entry.add("is_automatic", Value::boolean(record.getIsAutomatic()));
  entry.add("trigger_reason", trigger_to_json(record));
  return entry;
}

}  // namespace session::convert::aca
