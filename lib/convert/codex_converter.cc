// Rollouts of Codex: JSONL, a line an entry (lib/convert/codex.h has the mapping). A message's key
// is its place among the lines, so they come back in their order, and of a rollout that grew only
// the new lines are committed.

#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <deque>
#include <unordered_map>

#include "lib/convert/codex.h"
#include "lib/convert/converter.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/transcript.h"
#include "lib/convert/transcript_work.h"

namespace session::convert {
namespace {

using json::Value;
using transcript::Work;

// Files of patches that wait for their result: no conversation has so many at once, and none with
// names so long.
constexpr std::size_t kMostWaiting = 10'000;
constexpr std::size_t kMostWaitingBytes = std::size_t{16} << 20;
constexpr std::array<std::string_view, 6> kLineTypes = {
    "session_meta", "response_item", "event_msg", "turn_context", "compacted", "ghost_snapshot"};

// A JSON text inside a text; null if it is none.
Value inner_json(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const Error&) {
    return {};
  }
}

// Follows the rollout and notes what it says of plans and files. A plan counts when it is given, a
// patch when Codex says that it went in.
class Follower {
 public:
  explicit Follower(Work& work) : work_(work) {}

  void line(const Value& line) {
    const Value& payload = codex_payload(line);
    const auto time = get_time(line, "timestamp");
    const std::string_view type = get_text(line, "type").value_or("");
    const std::string_view inner = get_text(payload, "type").value_or("");
    if (type == "session_meta" || type == "turn_context" || get_text(line, "instructions")) {
      session(payload, type);
    } else if (inner == "function_call" || inner == "custom_tool_call" ||
               inner == "local_shell_call") {
      call(payload, time);
    } else if (inner == "function_call_output" || inner == "custom_tool_call_output") {
      result(payload, time);
    } else if (inner == "patch_apply_end") {
      patched(payload, time);
    }
  }
  // Of the last turn that named one.
  [[nodiscard]] const std::string& model() const { return model_; }

 private:
  void session(const Value& payload, std::string_view type) {
    directory_ = std::string(get_text(payload, "cwd").value_or(directory_));
    work_.ran_in(directory_);
    if (type == "turn_context") {
      model_ = std::string(get_text(payload, "model").value_or(model_));
      return;
    }
    work_.property("session_id", get_text(payload, "id").value_or(""));
    work_.property("agent_version", get_text(payload, "cli_version").value_or(""));
    work_.property("originator", get_text(payload, "originator").value_or(""));
    if (const Value* git = payload.find("git")) {
      work_.property("git_branch", get_text(*git, "branch").value_or(""));
      work_.property("git_commit", get_text(*git, "commit_hash").value_or(""));
    }
  }

  void call(const Value& payload, std::optional<TimeText> time) {
    const std::string_view name = get_text(payload, "name").value_or("");
    const Value arguments = inner_json(get_text(payload, "arguments").value_or(""));
    if (name == "update_plan") {
      const Value* plan = arguments.find("plan");
      auto items = plan != nullptr ? transcript::todo_items(*plan, "step") : std::nullopt;
      if (items) work_.todos("").become(std::move(*items), time);
      return;
    }
    const auto id = get_text(payload, "call_id");
    const std::string patch = patch_in(payload, name, arguments);
    if (!id || patch.empty()) return;
    auto files = transcript::patched_files(patch);
    if (files.empty()) return;
    wait_for_result(*id, std::move(files));
  }

  void wait_for_result(std::string_view id, std::vector<transcript::PatchedFile> files) {
    const std::size_t count = files.size();
    const std::size_t size_bytes = bytes_of(id, files);
    if (waiting_files_ + count > kMostWaiting || waiting_bytes_ + size_bytes > kMostWaitingBytes) {
      patches_.clear();
      waiting_files_ = waiting_bytes_ = 0;
    }
    if (count > kMostWaiting || size_bytes > kMostWaitingBytes) return;
    if (!patches_.emplace(std::string(id), std::move(files)).second) return;
    waiting_files_ += count;
    waiting_bytes_ += size_bytes;
  }

  static std::size_t bytes_of(std::string_view id,
                              const std::vector<transcript::PatchedFile>& files) {
    std::size_t bytes = id.size();
    for (const auto& file : files) bytes += sizeof(file) + file.path.size();
    return bytes;
  }

  // The patch a call applies: as its input, as an argument, or as what a shell is to run.
  static std::string patch_in(const Value& payload, std::string_view name, const Value& arguments) {
    if (name == "apply_patch") {
      const auto input = get_text(payload, "input");
      return std::string(input ? *input : get_text(arguments, "input").value_or(""));
    }
    const Value* action = payload.find("action");
    for (const Value& word : get_items(action != nullptr ? *action : arguments, "command")) {
      if (word.is_string() && word.text().find("*** Begin Patch") != std::string_view::npos) {
        return std::string(word.text());
      }
    }
    return {};
  }

  void result(const Value& payload, std::optional<TimeText> time) {
    const auto found = patches_.find(std::string(get_text(payload, "call_id").value_or("")));
    if (found == patches_.end()) return;
    const auto files = std::move(found->second);
    patches_.erase(found);
    waiting_files_ -= files.size();
    waiting_bytes_ -= bytes_of(get_text(payload, "call_id").value_or(""), files);
    if (!went_in(get_text(payload, "output").value_or(""))) return;
    for (const auto& file : files) touch(file.path, file.action, time);
  }

  static bool went_in(std::string_view output) {
    const Value report = inner_json(output);
    const Value* metadata = report.find("metadata");
    const Value* code = metadata != nullptr ? metadata->find("exit_code") : nullptr;
    if (code != nullptr) return code->is_number() && code->lexeme() == "0";
    return output.starts_with("Exit code: 0\n") || output.starts_with("Success.");
  }

  void patched(const Value& payload, std::optional<TimeText> time) {
    const Value* success = payload.find("success");
    const Value* changes = payload.find("changes");
    if (success == nullptr || !success->is_bool() || !success->as_bool() || changes == nullptr ||
        !changes->is_object()) {
      return;
    }
    for (const json::Member& change : changes->members()) {
      const std::string_view type = get_text(change.value, "type").value_or("");
      const bool deletes = type == "delete" || change.value.find("delete") != nullptr;
      const bool adds = type == "add" || change.value.find("add") != nullptr;
      touch(change.name(), deletes ? "delete" : adds ? "write" : "edit", time);
    }
  }

  void touch(std::string_view path, std::string_view action, std::optional<TimeText> time) {
    work_.touch(transcript::below(directory_, path), action, time);
  }

  Work& work_;
  std::string directory_;
  std::string model_;
  std::unordered_map<std::string, std::vector<transcript::PatchedFile>> patches_;
  std::size_t waiting_files_ = 0;
  std::size_t waiting_bytes_ = 0;
};

// Puts messages, a few of them late: that an event repeats an item only the lines beside it tell.
// An item for the model is followed (user) or preceded (assistant, reasoning) by what the screen
// showed of it.
class Echoes {
 public:
  explicit Echoes(ImportContext& into) : into_(into) {}

  void put(CodexVoice voice, std::unique_ptr<capnp::MallocMessageBuilder> message,
           std::uint64_t position, std::uint64_t line) {
    Waiting waiting{std::move(message), position, line};
    if (voice.says != says_) flush();
    if (voice.says == CodexEcho::kNone) {
      write(waiting);
      return;
    }
    says_ = voice.says;
    if (voice.is_event) {
      held_words_ += waiting.message->sizeInWords();
      events_.push_back(std::move(waiting));
      if (events_.size() > kMostHeld || held_words_ > kMostHeldWords) flush();
    } else {
      has_item_ = true;
      write(waiting);
    }
  }

  // Writes the events of a run of lines that say the same kind of thing.
  void flush() {
    for (Waiting& event : events_) {
      auto record = event.message->getRoot<schema::Message>();
      if (has_item_) record.setFlags(record.getFlags() | transcript::kNotShown);
      write(event);
    }
    events_.clear();
    held_words_ = 0;
    has_item_ = false;
    says_ = CodexEcho::kNone;
  }

 private:
  static constexpr std::size_t kMostHeld = 64;
  static constexpr std::size_t kMostHeldWords = std::size_t{2} << 20;

  struct Waiting {
    std::unique_ptr<capnp::MallocMessageBuilder> message;
    std::uint64_t position = 0;
    std::uint64_t line = 0;
  };

  void write(const Waiting& waiting) {
    into_.put(transcript::position_key(waiting.position),
              waiting.message->getRoot<schema::Message>().asReader(), waiting.line);
  }

  ImportContext& into_;
  CodexEcho says_ = CodexEcho::kNone;
  bool has_item_ = false;
  std::deque<Waiting> events_;
  std::size_t held_words_ = 0;
};

class CodexConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kCodex; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::CODEX; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    if (!source.first_line) {
      // A first line too long to be seen whole, or one with an error in it.
      constexpr std::size_t kNear = 2000;
      const std::string_view head = std::string_view(source.head).substr(0, kNear);
      return head.starts_with('{') && head.find("\"payload\"") != std::string_view::npos &&
             head.find("\"session_meta\"") != std::string_view::npos;
    }
    const Value& line = *source.first_line;
    if (get_text(line, "record_type")) return true;
    // The first line of the older form.
    const bool has_origin = line.find("instructions") != nullptr || line.find("git") != nullptr;
    if (get_text(line, "id") && get_text(line, "timestamp") && has_origin) return true;
    const std::string_view type = get_text(line, "type").value_or("");
    const Value* payload = line.find("payload");
    // A bare item.
    if (type == "message" && get_text(line, "role")) return line.find("content") != nullptr;
    if (type == "function_call") return get_text(line, "call_id").has_value();
    return payload != nullptr && payload->is_object() &&
           std::find(kLineTypes.begin(), kLineTypes.end(), type) != kLineTypes.end();
  }

  void read(const std::string& path, ImportContext& into) const override {
    Work work;
    Follower follower(work);
    Echoes echoes(into);
    transcript::each_line(
        path, into, [&](const Value& line, std::uint64_t position, std::uint64_t number) {
          follower.line(line);
          auto message = std::make_unique<capnp::MallocMessageBuilder>();
          auto record = message->initRoot<schema::Message>();
          codex_to_message(line, record);
          // No line says which model spoke; the turn it belongs to does.
          if (record.getRole() == schema::Role::ASSISTANT && !follower.model().empty()) {
            set_text(follower.model(), record, &schema::Message::Builder::initModel);
          }
          echoes.put(codex_voice(line), std::move(message), position, number);
        });
    echoes.flush();
    work.finish(into);
  }

  void write(ExportContext& out) const override {
    transcript::write_lines(out, origin(), "codex",
                            [](std::string_view, schema::Message::Reader message) {
                              return message_to_codex(message);
                            });
  }
};

}  // namespace

std::unique_ptr<Converter> make_codex_converter() {
  return std::make_unique<CodexConverter>();
}

}  // namespace session::convert
