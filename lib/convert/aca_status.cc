#include "lib/convert/aca_status.h"

#include <array>
#include <limits>
#include <string>

#include "lib/convert/text_fields.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::StatusDetail;
using schema::TaskError;
using schema::TaskResult;
using schema::TaskStatus;

// The name of a variant, and of the time at which it was entered.
struct StatusName {
  std::string_view name;
  std::string_view at;
};
// In the order of the enum.
constexpr std::array<StatusName, 6> kStatusNames = {{{"Pending", ""},
                                                     {"InProgress", "started_at"},
                                                     {"Blocked", "blocked_at"},
                                                     {"Completed", "completed_at"},
                                                     {"Failed", "failed_at"},
                                                     {"Skipped", "skipped_at"}}};

using Kind = TaskError::Kind;
constexpr std::array<std::string_view, 7> kErrorNames = {
    "Other",         "ClaudeError",     "BuildError",  "FileSystemError",
    "ResourceError", "DependencyError", "TimeoutError"};

template <class Builder>
void take_texts(const Value& object, std::string_view name, Room& room, Builder& record,
                capnp::List<capnp::Text>::Builder (Builder::*init)(unsigned)) {
  const Value* list = object.find(name);
  if (list == nullptr || !list->is_array() || list->items().empty()) return;
  if (room.take(*list)) set_texts_if(object, name, record, init);
}

// ---- results ------------------------------------------------------------------------------------

// Any value as text, its members sorted.
void set_json_if(const Value& object, std::string_view name, TaskResult::Builder& result,
                 capnp::Text::Builder (TaskResult::Builder::*init)(unsigned)) {
  const Value* value = object.find(name);
  if (value != nullptr && !value->is_null()) set_text(json::to_sorted_text(*value), result, init);
}

void result_from_json(const Variant& variant, Room& room, TaskResult::Builder result) {
  const Value& body = *variant.body;
  using Builder = TaskResult::Builder;
  if (variant.name == "Partial") {
    result.setKind(TaskResult::Kind::PARTIAL);
    set_json_if(body, "completed_work", result, &Builder::initOutput);
    set_json_if(body, "remaining_work", result, &Builder::initRemaining);
  } else {
    set_json_if(body, "output", result, &Builder::initOutput);
    take_texts(body, "files_created", room, result, &Builder::initFilesCreated);
    take_texts(body, "build_artifacts", room, result, &Builder::initArtifacts);
  }
  take_texts(body, "files_modified", room, result, &Builder::initFilesModified);
}

Value result_to_json(TaskResult::Reader result) {
  Value body = Value::object();
  const Value output = result.hasOutput() ? parsed(result.getOutput()) : Value();
  if (result.getKind() == TaskResult::Kind::PARTIAL) {
    body.add("completed_work", output);
    body.add("remaining_work",
             result.hasRemaining() ? parsed(result.getRemaining()) : Value::array());
    body.add("files_modified", texts(result.getFilesModified()));
    return variant("Partial", std::move(body));
  }
  body.add("output", output);
  body.add("files_created", texts(result.getFilesCreated()));
  body.add("files_modified", texts(result.getFilesModified()));
  body.add("build_artifacts", texts(result.getArtifacts()));
  return variant("Success", std::move(body));
}

// ---- errors -------------------------------------------------------------------------------------

// What else a kind of error carries is kept by name, as JSON.
constexpr std::array<std::string_view, 9> kNamed = {
    "message",        "exit_code",    "stdout",
    "stderr",         "path",         "operation",
    "affected_files", "elapsed_time", "missing_dependencies"};

void properties_from_json(const Value& body, Room& room, TaskError::Builder error) {
  Value rest = Value::object();
  for (const json::Member& member : body.members()) {
    bool is_named = false;
    for (const std::string_view name : kNamed) is_named = is_named || member.name() == name;
    if (!is_named) rest.add(member.name(), member.value);
  }
  if (rest.members().empty() || !room.take(rest)) return;
  fill(error.initProperties(list_size(rest.members().size())), sorted_members(rest, Values::kJson),
       Values::kJson);
}

void error_from_json(const Variant& variant, Kind kind, Room& room, TaskError::Builder error) {
  using Builder = TaskError::Builder;
  const Value& body = *variant.body;
  error.setKind(kind);
  set_text_if(body, "message", error, &Builder::initMessage);
  set_text_if(body, "path", error, &Builder::initPath);
  set_text_if(body, "operation", error, &Builder::initOperation);
  set_text_if(body, "stdout", error, &Builder::initOutput);
  set_text_if(body, "stderr", error, &Builder::initErrorOutput);
  const auto code = get_integer(body, "exit_code");
  if (code && *code >= std::numeric_limits<std::int32_t>::min() &&
      *code <= std::numeric_limits<std::int32_t>::max()) {
    error.setExitCode(static_cast<std::int32_t>(*code));
  }
  if (kind == Kind::BUILD) take_texts(body, "affected_files", room, error, &Builder::initFiles);
  if (kind == Kind::DEPENDENCY) {
    take_texts(body, "missing_dependencies", room, error, &Builder::initFiles);
  }
  if (const auto elapsed = get_duration(body, "elapsed_time")) error.setElapsedNanos(*elapsed);
  properties_from_json(body, room, error);
}

// The members each kind always has, from the fields and from what was kept by name.
class ErrorBody {
 public:
  explicit ErrorBody(TaskError::Reader error)
      : error_(error), kept_(properties(error.getProperties(), Values::kJson)) {}

  ErrorBody& add(std::string_view name, Value value) {
    body_.add(name, std::move(value));
    return *this;
  }
  ErrorBody& kept(std::string_view name, Value otherwise) {
    const Value* value = kept_.find(name);
    if (value != nullptr) return add(name, *value);
    return add(name, std::move(otherwise));
  }
  ErrorBody& message() { return add("message", text_or_empty(error_.getMessage())); }
  [[nodiscard]] Value take() {
    for (const json::Member& member : kept_.members()) {
      if (body_.find(member.name()) == nullptr) body_.add(member.name(), member.value);
    }
    return std::move(body_);
  }

 private:
  TaskError::Reader error_;
  Value kept_;
  Value body_ = Value::object();
};

Value error_body(TaskError::Reader error) {
  ErrorBody body(error);
  switch (error.getKind()) {
    case Kind::AGENT:
      body.message().kept("error_code", Value()).kept("retry_possible", Value::boolean(false));
      break;
    case Kind::BUILD:
      body.add("exit_code", Value::integer(error.getExitCode()))
          .add("stdout", text_or_empty(error.getOutput()))
          .add("stderr", text_or_empty(error.getErrorOutput()))
          .add("affected_files", texts(error.getFiles()));
      break;
    case Kind::FILE_SYSTEM:
      body.message()
          .add("path", text_or_null(error.hasPath(), error.getPath()))
          .add("operation", text_or_empty(error.getOperation()));
      break;
    case Kind::RESOURCE:
      body.kept("resource_type", Value::string(""))
          .kept("limit_exceeded", Value::string(""))
          .kept("current_usage", Value::string(""));
      break;
    case Kind::DEPENDENCY:
      body.message()
          .add("missing_dependencies", texts(error.getFiles()))
          .kept("conflict_dependencies", Value::array());
      break;
    case Kind::TIMEOUT:
      body.add("operation", text_or_empty(error.getOperation()))
          .kept("timeout_duration", duration(0))
          .add("elapsed_time", duration(error.getElapsedNanos()));
      break;
    default:
      body.message().kept("source", Value());
  }
  return body.take();
}

std::optional<Kind> error_kind(std::string_view name) {
  for (std::size_t i = 0; i < kErrorNames.size(); ++i) {
    if (kErrorNames[i] == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

Value error_to_json(TaskError::Reader error) {
  const auto kind = static_cast<std::size_t>(error.getKind());
  return variant(kErrorNames[kind < kErrorNames.size() ? kind : 0], error_body(error));
}

}  // namespace

std::optional<TaskStatus> status_of(const Value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_string() && value->text() == "Pending") return TaskStatus::PENDING;
  const auto variant = get_variant(value);
  if (!variant || !variant->body->is_object()) return std::nullopt;
  for (std::size_t i = 1; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i].name == variant->name) return static_cast<TaskStatus>(i);
  }
  return std::nullopt;
}

void status_to_detail(const Value& value, Room& room, StatusDetail::Builder detail) {
  using Builder = StatusDetail::Builder;
  const TaskStatus status = *status_of(&value);
  const Value& body = *get_variant(&value)->body;
  set_time_if(body, kStatusNames[static_cast<std::size_t>(status)].at, detail, &Builder::setAt,
              &Builder::setAtForm);
  const std::string_view expected =
      status == TaskStatus::BLOCKED ? "retry_after" : "estimated_completion";
  if (status == TaskStatus::BLOCKED || status == TaskStatus::IN_PROGRESS) {
    set_time_if(body, expected, detail, &Builder::setExpected, &Builder::setExpectedForm);
  }
  if (status == TaskStatus::BLOCKED || status == TaskStatus::SKIPPED) {
    set_text_if(body, "reason", detail, &Builder::initReason);
  }
  if (status == TaskStatus::COMPLETED) {
    const auto result = get_variant(body.find("result"));
    if (result && result->body->is_object() &&
        (result->name == "Success" || result->name == "Partial")) {
      result_from_json(*result, room, detail.initResult());
    }
  }
  if (status == TaskStatus::FAILED) {
    detail.setRetryCount(get_natural32(body, "retry_count").value_or(0));
    const auto error = get_variant(body.find("error"));
    const auto kind = error ? error_kind(error->name) : std::nullopt;
    if (kind && error->body->is_object()) error_from_json(*error, *kind, room, detail.initError());
  }
}

Value detail_to_status(TaskStatus status, StatusDetail::Reader detail) {
  const auto number = static_cast<std::size_t>(status);
  if (status == TaskStatus::PENDING || number >= kStatusNames.size()) {
    return Value::string("Pending");
  }
  const StatusName& name = kStatusNames[number];
  const auto at = [&] { return time_or_epoch(detail.getAt(), detail.getAtForm()); };
  const auto expected = [&] {
    return time_or_null(detail.getExpected(), detail.getExpectedForm());
  };
  Value body = Value::object();
  switch (status) {
    case TaskStatus::IN_PROGRESS:
      body.add(name.at, at());
      body.add("estimated_completion", expected());
      break;
    case TaskStatus::BLOCKED:
      body.add("reason", text_or_empty(detail.getReason()));
      body.add(name.at, at());
      body.add("retry_after", expected());
      break;
    case TaskStatus::COMPLETED:
      body.add(name.at, at());
      body.add("result", result_to_json(detail.getResult()));
      break;
    case TaskStatus::FAILED:
      body.add(name.at, at());
      body.add("error", error_to_json(detail.getError()));
      body.add("retry_count", Value::natural(detail.getRetryCount()));
      break;
    default:
      body.add("reason", text_or_empty(detail.getReason()));
      body.add(name.at, at());
  }
  return variant(name.name, std::move(body));
}

}  // namespace session::convert::aca
