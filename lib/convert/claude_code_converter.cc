// Transcripts of Claude Code: JSONL, a line an entry (lib/convert/claude_code.h has the mapping).
// A message's key is its place among the lines, so they come back in their order, and of a
// transcript that grew only the new lines are committed.

#include <capnp/message.h>

#include <array>
#include <ostream>
#include <unordered_map>

#include "format/checksum.h"
#include "lib/convert/claude_code.h"
#include "lib/convert/converter.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/transcript.h"
#include "lib/convert/transcript_work.h"

namespace session::convert {
namespace {

using json::Value;
using transcript::Work;

// Calls that wait for their result, and prompts of side chains that have not begun: no conversation
// has so many at once, and none so large.
constexpr std::size_t kMostWaiting = 10'000;
constexpr std::size_t kMostWaitingBytes = std::size_t{16} << 20;
constexpr std::size_t kMostChains = 100'000;

struct FileTool {
  std::string_view name;
  std::string_view path;  // the argument
  std::string_view action;
};
constexpr std::array<FileTool, 6> kFileTools = {{{"Read", "file_path", "read"},
                                                 {"Write", "file_path", "write"},
                                                 {"Edit", "file_path", "edit"},
                                                 {"MultiEdit", "file_path", "edit"},
                                                 {"NotebookRead", "notebook_path", "read"},
                                                 {"NotebookEdit", "notebook_path", "edit"}}};

std::uint64_t hash_of(std::string_view text) {
  return format::xxh3_128(format::as_bytes(text)).low;
}

// Follows the conversation and notes what it says of todo lists and files: a call counts when its
// result is there and no error.
class Follower {
 public:
  explicit Follower(Work& work) : work_(work) {}

  void line(const Value& line) {
    work_.ran_in(get_text(line, "cwd").value_or(""));
    work_.property("session_id", get_text(line, "sessionId").value_or(""));
    work_.property("agent_version", get_text(line, "version").value_or(""));
    work_.property("git_branch", get_text(line, "gitBranch").value_or(""));
    const std::string chain = chain_of(line);
    const Value* message = line.find("message");
    if (message == nullptr) return;
    for (const Value& piece : get_items(*message, "content")) {
      const std::string_view type = get_text(piece, "type").value_or("");
      if (type == "tool_use") call(piece);
      if (type == "tool_result") result(line, piece, chain);
    }
  }

 private:
  struct Call {
    std::string path;
    std::string_view action;  // empty: no file
    std::optional<std::vector<transcript::TodoItem>> todos;
    std::size_t size_bytes = 0;
  };

  // The side chain a line belongs to; "" is the main conversation. Where lines do not name it, it
  // has the id of its first line, to which the parents of the others lead.
  std::string chain_of(const Value& line) {
    if (!is_true(line, "isSidechain")) return "";
    if (const auto agent = get_text(line, "agentId")) return std::string(*agent);
    const std::string_view id = get_text(line, "uuid").value_or("");
    const auto parent = get_text(line, "parentUuid");
    const auto known = parent ? chains_.find(hash_of(*parent)) : chains_.end();
    if (known != chains_.end()) {
      chains_.emplace(hash_of(id), known->second);
      return roots_[known->second];
    }
    if (roots_.size() == kMostChains) return "more";
    chains_.emplace(hash_of(id), static_cast<std::uint32_t>(roots_.size()));
    roots_.emplace_back(id);
    begin_chain(line, id);
    return std::string(id);
  }

  void begin_chain(const Value& line, std::string_view chain) {
    const Value* message = line.find("message");
    const auto prompt = message != nullptr ? get_text(*message, "content") : std::nullopt;
    if (!prompt) return;
    const auto named = descriptions_.find(hash_of(*prompt));
    work_.name_chain(chain, named != descriptions_.end() ? named->second : *prompt);
  }

  void call(const Value& piece) {
    const auto id = get_text(piece, "id");
    const std::string_view name = get_text(piece, "name").value_or("");
    const Value* input = piece.find("input");
    if (!id || input == nullptr) return;
    Call made;
    if (name == "TodoWrite") {
      if (const Value* todos = input->find("todos")) {
        made.todos = transcript::todo_items(*todos, "content");
      }
    }
    for (const FileTool& tool : kFileTools) {
      if (tool.name != name) continue;
      made.path = std::string(get_text(*input, tool.path).value_or(""));
      made.action = tool.action;
    }
    const auto prompt = get_text(*input, "prompt");
    const auto description = get_text(*input, "description");
    if (prompt && description && descriptions_.size() < kMostWaiting) {
      descriptions_[hash_of(*prompt)] = transcript::short_title(*description);
    }
    if (!made.todos && made.action.empty()) return;
    made.size_bytes = id->size() + json::approximate_size_bytes(*input);
    wait_for_result(*id, std::move(made));
  }

  void wait_for_result(std::string_view id, Call call) {
    if (calls_.size() == kMostWaiting || waiting_bytes_ + call.size_bytes > kMostWaitingBytes) {
      calls_.clear();
      waiting_bytes_ = 0;
    }
    if (call.size_bytes > kMostWaitingBytes) return;
    const std::size_t size_bytes = call.size_bytes;
    if (calls_.emplace(std::string(id), std::move(call)).second) waiting_bytes_ += size_bytes;
  }

  void result(const Value& line, const Value& piece, const std::string& chain) {
    const auto found = calls_.find(std::string(get_text(piece, "tool_use_id").value_or("")));
    if (found == calls_.end()) return;
    Call made = std::move(found->second);
    calls_.erase(found);
    waiting_bytes_ -= made.size_bytes;
    if (is_true(piece, "is_error")) return;
    const auto time = get_time(line, "timestamp");
    if (!made.action.empty()) work_.touch(made.path, made.action, time);
    if (!made.todos) return;
    // What the tool says the list is now counts more than what it was told.
    const Value* said = line.find("toolUseResult");
    const Value* now = said != nullptr ? said->find("newTodos") : nullptr;
    auto items = now != nullptr ? transcript::todo_items(*now, "content") : std::nullopt;
    work_.todos(chain).become(items ? std::move(*items) : std::move(*made.todos), time);
  }

  Work& work_;
  std::unordered_map<std::string, Call> calls_;
  std::size_t waiting_bytes_ = 0;
  std::unordered_map<std::uint64_t, std::string> descriptions_;  // by their prompt's hash
  std::unordered_map<std::uint64_t, std::uint32_t> chains_;      // by a line's id
  std::vector<std::string> roots_;
};

class ClaudeCodeConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kClaudeCode; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::CLAUDE_CODE; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    if (!source.first_line) {
      // A first line too long to be seen whole, or one with an error in it.
      constexpr std::size_t kNear = 2000;
      const std::string_view head = std::string_view(source.head).substr(0, kNear);
      return head.starts_with('{') && head.find("\"sessionId\"") != std::string_view::npos &&
             head.find("\"parentUuid\"") != std::string_view::npos;
    }
    const Value& line = *source.first_line;
    const auto type = get_text(line, "type");
    if (!type) return false;
    if (*type == "summary") return get_text(line, "summary") && get_text(line, "leafUuid");
    if (*type == "file-history-snapshot") return line.find("snapshot") != nullptr;
    return get_text(line, "sessionId").has_value() &&
           (get_text(line, "uuid") || get_text(line, "operation") || *type == "custom-title");
  }

  void read(const std::string& path, ImportContext& into) const override {
    Work work;
    Follower follower(work);
    transcript::each_line(path, into,
                          [&](const Value& line, std::uint64_t position, std::uint64_t number) {
                            capnp::MallocMessageBuilder message;
                            auto record = message.initRoot<schema::Message>();
                            claude_code_to_message(line, record);
                            into.put(transcript::position_key(position), record.asReader(), number);
                            follower.line(line);
                          });
    work.finish(into);
  }

  void write(ExportContext& out) const override {
    std::string last_id;
    transcript::write_lines(out, origin(), "claude-code",
                            [&](std::string_view key, schema::Message::Reader message) {
                              Value line = message_to_claude_code(message);
                              if (message.getOrigin() != origin()) chain(line, key, last_id);
                              std::vector<Value> lines;
                              lines.push_back(std::move(line));
                              return lines;
                            });
  }

 private:
  // Claude Code follows its lines from the last one back: a line from elsewhere gets an id if it
  // has none, and a parent.
  static void chain(Value& line, std::string_view key, std::string& last_id) {
    Value* parent = line.find("parentUuid");
    if (parent == nullptr) return;
    if (parent->is_null() && !last_id.empty()) *parent = Value::string(last_id);
    if (line.find("uuid") == nullptr) line.add("uuid", Value::string(key));
    if (line.find("sessionId") == nullptr) line.add("sessionId", Value::string("imported"));
    last_id = std::string(get_text(line, "uuid").value_or(key));
  }
};

}  // namespace

std::unique_ptr<Converter> make_claude_code_converter() {
  return std::make_unique<ClaudeCodeConverter>();
}

}  // namespace session::convert
