// Trajectories of SWE-agent: one JSON document (lib/convert/swe_agent.h maps its two lists).
//
// The entries of "history" are the messages "history/<place>", those of "trajectory" the messages
// "trajectory/<place>". Both tell the same conversation, so the steps are not shown where there is
// a history. Everything else of the document is the value "swe-agent/document", in which the lists
// are empty.

#include <capnp/message.h>

#include <array>
#include <ostream>

#include "lib/convert/converter.h"
#include "lib/convert/swe_agent.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/transcript.h"
#include "lib/convert/transcript_work.h"
#include "lib/io/read_whole.h"

namespace session::convert {
namespace {

using json::Value;
using transcript::Work;

constexpr std::string_view kDocumentKey = "swe-agent/document";
constexpr std::string_view kHistory = "history";
constexpr std::string_view kTrajectory = "trajectory";

std::string entry_key(std::string_view list, std::uint64_t position) {
  return std::string(list) + "/" + transcript::position_key(position);
}

// The state after a step: an object, or its text.
Value state_of(const Value& step) {
  const Value* state = step.find("state");
  if (state == nullptr) return {};
  if (!state->is_string()) return *state;
  try {
    return json::parse(state->text());
  } catch (const Error&) {
    return {};
  }
}

// The file the editor says it shows: "[File: path (12 lines total)]".
std::string_view shown_file(std::string_view observation) {
  constexpr std::string_view kHead = "[File: ";
  std::size_t at = 0;
  if (!observation.starts_with(kHead)) {
    at = observation.find("\n[File: ");
    if (at == std::string_view::npos) return {};
    ++at;
  }
  observation.remove_prefix(at + kHead.size());
  const std::string_view line = observation.substr(0, observation.find('\n'));
  const std::size_t end = line.rfind(" (");
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

struct Word {
  std::string_view word;
  std::string_view action;
};
// The commands of the window editor, which show the file they were about when they worked.
constexpr std::array<Word, 5> kEditorWords = {{{"open", "read"},
                                               {"create", "write"},
                                               {"edit", "edit"},
                                               {"insert", "edit"},
                                               {"append", "edit"}}};
// What the other editor says when it worked.
constexpr std::array<Word, 4> kReplies = {{{"File created successfully at: ", "write"},
                                           {"The file ", "edit"},
                                           {"Last edit to ", "edit"},
                                           {"Here's the result of running `cat -n` on ", "read"}}};

std::string_view word_of(std::string_view text, std::size_t number) {
  constexpr std::string_view kSpace = " \t\r\n";
  while (true) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin);
    const std::size_t end = text.find_first_of(kSpace);
    if (number-- == 0) return text.substr(0, end);
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end);
  }
}

void follow_step(const Value& step, Work& work) {
  const Value state = state_of(step);
  const std::string_view directory = get_text(state, "working_dir").value_or("");
  work.ran_in(directory);
  const std::string_view action = get_text(step, "action").value_or("");
  const std::string_view observation = get_text(step, "observation").value_or("");
  const std::string_view command = word_of(action, 0);
  if (command == "str_replace_editor") {
    for (const Word& reply : kReplies) {
      if (!observation.starts_with(reply.word)) continue;
      work.touch(transcript::below(directory, word_of(action, 2)), reply.action, std::nullopt);
    }
    return;
  }
  for (const Word& editor : kEditorWords) {
    if (command != editor.word || observation.starts_with("Your proposed edit")) continue;
    work.touch(transcript::below(directory, shown_file(observation)), editor.action, std::nullopt);
  }
}

// The member at the end of a path through objects.
const Value* find_deep(const Value& from, std::initializer_list<std::string_view> path) {
  const Value* value = &from;
  for (const std::string_view name : path) {
    if (value != nullptr) value = value->find(name);
  }
  return value;
}

std::string model_of(const Value& document) {
  const Value* name = find_deep(document, {"replay_config", "agent", "model", "name"});
  return name != nullptr && name->is_string() ? std::string(name->text()) : std::string();
}

void note_session(const Value& document, Work& work) {
  work.property("environment", get_text(document, "environment").value_or(""));
  const Value* id = find_deep(document, {"replay_config", "problem_statement", "id"});
  if (id != nullptr && id->is_string()) work.property("instance", id->text());
  const Value* info = document.find("info");
  if (info == nullptr) return;
  work.property("exit_status", get_text(*info, "exit_status").value_or(""));
  const Value* stats = info->find("model_stats");
  if (stats != nullptr && stats->is_object()) work.property("model_stats", *stats);
}

class SweAgentConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kSweAgent; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::SWE_AGENT; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    if (source.first_line) return is_trajectory(*source.first_line);
    if (!source.one_document) return false;
    // A document of many lines, or one too long to be seen whole.
    const std::string_view head = source.head;
    const std::size_t begin = head.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos || head[begin] != '{') return false;
    const auto has = [&](std::string_view name) {
      return head.find("\"" + std::string(name) + "\"") != std::string_view::npos;
    };
    const bool has_steps = has("observation") && has("action");
    return has(kTrajectory) && (has_steps || (has(kHistory) && has("role")));
  }

  void read(const std::string& path, ImportContext& into) const override {
    const std::string text = io::read_whole(path);
    Value document = json::parse(text);
    if (!is_trajectory(document)) {
      throw Error(ErrorCode::kBadSource,
                  "line 1, column 1: a SWE-agent trajectory is a JSON object with a list "
                  "\"trajectory\" or \"history\"");
    }
    Work work;
    note_session(document, work);
    const std::string model = model_of(document);
    const bool has_history = !get_items(document, kHistory).empty();
    read_list(document, kHistory, model, false, swe_history_to_message, into);
    read_list(document, kTrajectory, model, has_history, swe_step_to_message, into);
    for (const Value& step : get_items(document, kTrajectory)) follow_step(step, work);
    put_document(std::move(document), into);
    into.progress(text.size());
    work.finish(into);
    into.erase_missing({Table::kValues});
  }

  void write(ExportContext& out) const override {
    Value document = document_of(out.snapshot());
    Value history = Value::array();
    Value trajectory = Value::array();
    std::uint64_t left_out = 0;
    out.each(Table::kMessages, [&](std::string_view key, AnyRecord record) {
      const auto message = record.as<schema::Message>();
      const bool is_ours = message.getOrigin() == origin();
      if (!is_ours && (message.getFlags() & transcript::kNotShown) != 0) {
        ++left_out;
        return;
      }
      try {
        if (is_ours && key.starts_with(kTrajectory)) {
          trajectory.items().push_back(message_to_swe_step(message));
        } else {
          history.items().push_back(message_to_swe_history(message));
        }
      } catch (const Error& error) {
        throw Error(error.code(), "message " + json::quote(key) + ": " + error.message());
      }
    });
    place(document, kTrajectory, std::move(trajectory));
    place(document, kHistory, std::move(history));
    out.out() << json::to_pretty_text(document);
    if (left_out != 0) {
      out.warn(std::to_string(left_out) +
               " messages of another format that are not shown were left out");
    }
    transcript::warn_of_other_tables(out, origin(), "swe-agent");
  }

 private:
  static bool is_trajectory(const Value& document) {
    if (!document.is_object()) return false;
    const Value* trajectory = document.find(kTrajectory);
    if (trajectory != nullptr && trajectory->is_array()) return true;
    const Value* history = document.find(kHistory);
    return history != nullptr && history->is_array() && document.find("info") != nullptr;
  }

  template <class Map>
  static void read_list(const Value& document, std::string_view name, const std::string& model,
                        bool hides, Map map, ImportContext& into) {
    std::uint64_t position = 0;
    for (const Value& entry : get_items(document, name)) {
      capnp::MallocMessageBuilder message;
      auto record = message.initRoot<schema::Message>();
      map(entry, record);
      // The document says once which model it was.
      if (record.getRole() == schema::Role::ASSISTANT && !model.empty()) {
        set_text(model, record, &schema::Message::Builder::initModel);
      }
      if (hides) record.setFlags(record.getFlags() | transcript::kNotShown);
      into.put(entry_key(name, ++position), record.asReader());
      into.progress(0);  // so that it can be interrupted
    }
  }

  static void put_document(Value document, ImportContext& into) {
    for (const std::string_view name : {kHistory, kTrajectory}) {
      Value* list = document.find(name);
      if (list != nullptr && list->is_array()) list->items().clear();
    }
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<schema::Value>();
    record.setOrigin(into.origin());
    record.setMediaType("application/json");
    set_text(json::to_text(document), record, &schema::Value::Builder::initText);
    into.put(kDocumentKey, record.asReader());
  }

  static Value document_of(const Snapshot& snapshot) {
    const auto entry = snapshot.find(Table::kValues, kDocumentKey);
    if (!entry) {
      Value document = Value::object();
      document.add(kTrajectory, Value::array());
      document.add(kHistory, Value::array());
      document.add("info", Value::object());
      return document;
    }
    const WholeRecord whole = snapshot.whole(Table::kValues, *entry);
    Value document = json::parse(view(whole.as<schema::Value>().getText()));
    if (document.is_object()) return document;
    throw Error(ErrorCode::kBadSource,
                "the value " + json::quote(kDocumentKey) + " is no JSON object");
  }

  // A document that had no list gets one only for what is to be in it.
  static void place(Value& document, std::string_view name, Value list) {
    Value* there = document.find(name);
    if (there != nullptr && (there->is_array() || !list.items().empty())) {
      *there = std::move(list);
    } else if (there == nullptr && !list.items().empty()) {
      document.add(name, std::move(list));
    }
  }
};

}  // namespace

std::unique_ptr<Converter> make_swe_agent_converter() {
  return std::make_unique<SweAgentConverter>();
}

}  // namespace session::convert
