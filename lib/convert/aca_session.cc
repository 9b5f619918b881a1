#include "lib/convert/aca_session.h"

#include <numeric>
#include <string_view>
#include <utility>

#include "lib/convert/aca_fields.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::Metadata;
using schema::SessionRecord;
using schema::TaskStatus;

constexpr std::uint64_t kMebibyte = 1ULL << 20;
constexpr std::string_view kNilId = "00000000-0000-0000-0000-000000000000";

std::uint64_t total(const Summary& summary) {
  return std::accumulate(summary.tasks_by_status.begin(), summary.tasks_by_status.end(),
                         std::uint64_t{0});
}

Value count(const Summary& summary, TaskStatus status) {
  return Value::natural(summary.tasks_by_status[static_cast<std::size_t>(status)]);
}

Value epoch() {
  return time_or_epoch(0, kNoTime);
}

Value strings(const std::vector<std::string>& list) {
  Value result = Value::array();
  for (const std::string& text : list) result.items().push_back(Value::string(text));
  return result;
}

template <class Builder>
void take_texts(const Value& object, std::string_view name, Room& room, Builder& record,
                capnp::List<capnp::Text>::Builder (Builder::*init)(unsigned)) {
  const json::Array& items = get_items(object, name);
  if (!items.empty() && room.take(*object.find(name))) set_texts_if(object, name, record, init);
}

// ---- metadata -----------------------------------------------------------------------------------

Value version() {
  Value version = Value::object();
  version.add("major", Value::natural(1));
  version.add("minor", Value::natural(0));
  version.add("patch", Value::natural(0));
  version.add("agent_version", Value::string(""));
  version.add("format_version", Value::string("1.0"));
  return version;
}

Value mode_to_json(Metadata::Reader metadata) {
  Value mode = Value::object();
  if (metadata.getMode() == Metadata::Mode::HOST) mode.add("type", Value::string("host"));
  if (metadata.getMode() == Metadata::Mode::CONTAINER) {
    mode.add("type", Value::string("container"));
    mode.add("image", text_or_empty(metadata.getContainer().getImage()));
    mode.add("resource_percentage", real(metadata.getContainer().getResourcePercentage()));
  }
  return mode;
}

Value container_to_json(schema::Container::Reader container) {
  if (!container.hasId()) return {};
  Value info = Value::object();
  info.add("container_id", text_or_empty(container.getId()));
  info.add("container_name", text_or_empty(container.getName()));
  info.add("image", text_or_empty(container.getImage()));
  info.add("created_at", time_or_epoch(container.getCreatedAt(), container.getCreatedAtForm()));
  info.add("status", text_or_empty(container.getStatus()));
  Value limits;
  if (container.getMemoryBytes() != 0) {
    limits = Value::object();
    limits.add("memory_bytes", Value::natural(container.getMemoryBytes()));
    limits.add("cpu_quota",
               container.getCpuQuota() == 0 ? Value() : Value::integer(container.getCpuQuota()));
  }
  info.add("resource_limits", std::move(limits));
  return info;
}

void container_from_json(const Value& metadata, schema::Container::Builder container) {
  using Builder = schema::Container::Builder;
  if (const Value* mode = get_object(metadata, "execution_mode")) {
    set_text_if(*mode, "image", container, &Builder::initImage);
    container.setResourcePercentage(get_real(*mode, "resource_percentage").value_or(0));
  }
  const Value* info = get_object(metadata, "container_info");
  if (info == nullptr) return;
  set_text_if(*info, "container_id", container, &Builder::initId);
  set_text_if(*info, "container_name", container, &Builder::initName);
  set_text_if(*info, "image", container, &Builder::initImage);
  set_text_if(*info, "status", container, &Builder::initStatus);
  set_time_if(*info, "created_at", container, &Builder::setCreatedAt, &Builder::setCreatedAtForm);
  const Value* limits = get_object(*info, "resource_limits");
  if (limits == nullptr) return;
  container.setMemoryBytes(get_natural(*limits, "memory_bytes").value_or(0));
  container.setCpuQuota(get_integer(*limits, "cpu_quota").value_or(0));
}

Value metadata_to_json(Metadata::Reader metadata, const Summary& summary) {
  Value object = Value::object();
  object.add("id", Value::string(kNilId));
  object.add("name", text_or_empty(metadata.getName()));
  object.add("description", text_or_null(metadata.hasDescription(), metadata.getDescription()));
  object.add("created_at", epoch());
  object.add("last_updated", epoch());
  object.add("version", version());
  object.add("checkpoints", Value::array());
  object.add("total_tasks", Value::natural(total(summary)));
  object.add("completed_tasks", count(summary, TaskStatus::COMPLETED));
  object.add("failed_tasks", count(summary, TaskStatus::FAILED));
  object.add("session_tags", texts(metadata.getTags()));
  object.add("workspace_root", text_or_empty(metadata.getWorkspace()));
  object.add("custom_properties", properties(metadata.getProperties(), Values::kJson));
  const bool has_mode = metadata.getMode() != Metadata::Mode::UNSET;
  object.add("execution_mode", has_mode ? mode_to_json(metadata) : Value());
  object.add("container_info", container_to_json(metadata.getContainer()));
  return object;
}

Value tree_to_json(const Summary& summary) {
  Value statistics = Value::object();
  statistics.add("total_tasks", Value::natural(total(summary)));
  statistics.add("pending_tasks", count(summary, TaskStatus::PENDING));
  statistics.add("in_progress_tasks", count(summary, TaskStatus::IN_PROGRESS));
  statistics.add("completed_tasks", count(summary, TaskStatus::COMPLETED));
  statistics.add("failed_tasks", count(summary, TaskStatus::FAILED));
  statistics.add("blocked_tasks", count(summary, TaskStatus::BLOCKED));
  statistics.add("skipped_tasks", count(summary, TaskStatus::SKIPPED));
  statistics.add("average_completion_time", Value());
  statistics.add("success_rate", real(0));
  Value metadata = Value::object();
  metadata.add("created_at", epoch());
  metadata.add("updated_at", epoch());
  metadata.add("version", Value::natural(1));
  metadata.add("total_tasks_created", Value::natural(total(summary)));
  metadata.add("statistics", std::move(statistics));
  Value tree = Value::object();
  tree.add("tasks", Value::object());
  tree.add("roots", strings(summary.roots));
  tree.add("metadata", std::move(metadata));
  return tree;
}

// ---- context ------------------------------------------------------------------------------------

Value context_to_json(schema::ExecutionContext::Reader context) {
  Value object = Value::object();
  object.add("current_working_directory", text_or_empty(context.getWorkingDirectory()));
  object.add("environment_variables", properties(context.getEnvironment(), Values::kTexts));
  object.add("active_file_watchers", texts(context.getWatchers()));
  Value usage = Value::object();
  usage.add("memory_usage_mb", Value::natural(context.getMemoryBytes() / kMebibyte));
  usage.add("cpu_usage_percent", real(context.getCpuPercent()));
  usage.add("disk_usage_mb", Value::natural(context.getDiskBytes() / kMebibyte));
  usage.add("open_file_handles", Value::natural(context.getOpenFiles()));
  usage.add("network_connections", Value::natural(context.getNetworkConnections()));
  object.add("resource_usage", std::move(usage));
  return object;
}

std::uint64_t mebibytes(const Value& object, std::string_view name) {
  const std::uint64_t number = get_natural(object, name).value_or(0);
  return number <= ~std::uint64_t{0} / kMebibyte ? number * kMebibyte : 0;
}

}  // namespace

Value records_to_document(SessionRecord::Reader metadata, SessionRecord::Reader context,
                          const Summary& summary) {
  Value document = Value::object();
  document.add("metadata", metadata_to_json(metadata.getMetadata(), summary));
  document.add("task_tree", tree_to_json(summary));
  document.add("execution_context", with_extra(context_to_json(context.getContext()), context));
  Value files = Value::object();
  files.add("tracked_files", Value::object());
  files.add("workspace_files", strings(summary.workspace_files));
  files.add("temp_files", strings(summary.temporary_files));
  files.add("created_directories", strings(summary.created_directories));
  document.add("file_system_state", std::move(files));
  return with_extra(std::move(document), metadata);
}

void document_to_metadata(const Value& document, SessionRecord::Builder record) {
  using Builder = Metadata::Builder;
  record.setOrigin(schema::Origin::ACA);
  auto metadata = record.initMetadata();
  const Value* source = get_object(document, "metadata");
  if (source == nullptr) return;
  Room room;
  set_text_if(*source, "name", metadata, &Builder::initName);
  set_text_if(*source, "description", metadata, &Builder::initDescription);
  set_text_if(*source, "workspace_root", metadata, &Builder::initWorkspace);
  take_texts(*source, "session_tags", room, metadata, &Builder::initTags);
  const Value* custom = get_object(*source, "custom_properties");
  if (custom != nullptr && !custom->members().empty() && room.take(*custom)) {
    const auto members = sorted_members(*custom, Values::kJson);
    fill(metadata.initProperties(list_size(members.size())), members, Values::kJson);
  }
  const Value* mode = get_object(*source, "execution_mode");
  const auto type = mode != nullptr ? get_text(*mode, "type") : std::nullopt;
  if (type == "host") metadata.setMode(Metadata::Mode::HOST);
  if (type == "container") metadata.setMode(Metadata::Mode::CONTAINER);
  if (type == "container" || get_object(*source, "container_info") != nullptr) {
    container_from_json(*source, metadata.initContainer());
  }
}

void document_to_context(const Value& document, SessionRecord::Builder record) {
  using Builder = schema::ExecutionContext::Builder;
  const Value& source = *get_object(document, "execution_context");
  record.setOrigin(schema::Origin::ACA);
  auto context = record.initContext();
  Room room;
  set_text_if(source, "current_working_directory", context, &Builder::initWorkingDirectory);
  take_texts(source, "active_file_watchers", room, context, &Builder::initWatchers);
  const Value* environment = get_object(source, "environment_variables");
  if (environment != nullptr && !environment->members().empty() && room.take(*environment)) {
    const auto members = sorted_members(*environment, Values::kTexts);
    fill(context.initEnvironment(list_size(members.size())), members, Values::kTexts);
  }
  if (const Value* usage = get_object(source, "resource_usage")) {
    context.setMemoryBytes(mebibytes(*usage, "memory_usage_mb"));
    context.setCpuPercent(get_real(*usage, "cpu_usage_percent").value_or(0));
    context.setDiskBytes(mebibytes(*usage, "disk_usage_mb"));
    context.setOpenFiles(get_natural32(*usage, "open_file_handles").value_or(0));
    context.setNetworkConnections(get_natural32(*usage, "network_connections").value_or(0));
  }
  set_extra(context_to_json(context.asReader()), source, record);
}

void set_document_extra(const Value& document, SessionRecord::Reader context,
                        const Summary& summary, SessionRecord::Builder metadata) {
  set_extra(records_to_document(metadata.asReader(), context, summary), document, metadata);
}

}  // namespace session::convert::aca
