#include "fuzz/seeds/source_seeds.h"

#include <string_view>

namespace session::fuzz {
namespace {

constexpr std::string_view kIssues =
    R"({"id":"g-1","title":"Garden","description":"","status":"open","priority":1,"issue_type":"epic","created_at":"2026-03-01T08:00:00.5+01:00","updated_at":"2026-03-01T08:00:00Z","labels":["spring"]}
{"id":"g-2","title":"Dig","status":"closed","issue_type":"task","created_at":"2026-03-01T08:00:00Z","closed_at":"2026-03-02T08:00:00Z","close_reason":"done","estimated_minutes":90,"dependencies":[{"issue_id":"g-2","depends_on_id":"g-1","type":"parent-child","created_at":"2026-03-01T08:00:00Z","created_by":"noor"}],"comments":[{"id":1,"issue_id":"g-2","author":"noor","text":"stones","created_at":"2026-03-01T09:00:00Z"}]}
{"id":"g-3","title":"Sow \u003cseeds\u003e","status":"tombstone","deleted_at":"2026-03-03T08:00:00Z","delete_reason":"rain","dependencies":[{"issue_id":"g-3","depends_on_id":"g-9","type":"blocks"}],"new":[1.50,null,{}]}
)";

constexpr std::string_view kTagged = R"({
  "master": {
    "tasks": [
      {"id": 1, "title": "Garden", "description": "d", "details": "how", "testStrategy": "look",
       "priority": "high", "dependencies": [], "status": "done", "subtasks": [
         {"id": 1, "title": "Dig", "status": "done", "dependencies": []},
         {"id": "1.2", "title": "Sow", "status": "review", "dependencies": [1, "1.1"]}]},
      {"id": 2, "title": "Water", "status": "in-progress", "dependencies": [1, "1.2"],
       "updatedAt": "2026-03-01T08:00:00.000Z", "subtasks": [{"id": 31.1}, {"id": 31.10}]}
    ],
    "metadata": {"created": "2026-03-01T08:00:00.000Z", "description": "spring"}
  },
  "later": {"tasks": []}
})";

constexpr std::string_view kMixed =
    R"({"version":"1","tags":{"master":{"name":"m","tasks":[{"id":"1"},null,{"id":{}}]}},)"
    R"("a/b":{"tasks":[{"id":1}]},"a":{"tasks":[{"id":"b/1","subtasks":[{"id":1}]}]},)"
    R"("tasks":[{"id":7,"dependencies":[null,1.50,"a.b"],"subtasks":null}],"metadata":{"n":3}})";

constexpr std::string_view kRecords =
    R"({"table":"session","key":"metadata","record":{"metadata":{"name":"Garden","tags":["spring"]}}}
{"table":"tasks","key":"g-1","record":{"title":"Garden","rank":1,"status":"in_progress","dependencies":[{"target":"g-2"}]}}
{"table":"messages","key":"0000000001","record":{"text":"Shall I?","role":"assistant","time":"2026-03-01T08:00:00Z"}}
{"table":"files","key":"plan.md","record":{"size_bytes":18446744073709551615,"checksum":"00ff"}}
{"table":"values","key":"a/b","record":{"text":"{}","media_type":"application/json"}}
)";

constexpr std::string_view kDocument =
    R"({
"schema":"sessiontool.session/1",
"tasks":{
"g-1":{"title":"Garden","rank":1,"status":"pending","unknown":[1.50,null]},
"g-2":{"title":"Dig","parent":"g-1","status":"completed","status_detail":{"at":"2026-03-01T08:00:00Z"}}
},
"events":{
"0000000001":{"kind":"started","time":"2026-03-01T08:00:00Z"}
}
}
)";

constexpr std::string_view kOperations =
    R"({"table":"tasks","key":"g-1","record":{"title":"Garden"}}
{"table":"tasks","key":"g-2","record":{"title":"Dig","parent":"g-1"}}
{"table":"tasks","key":"g-1","delete":true}
)";

constexpr std::string_view kState =
    R"({"metadata":{"id":"0a0a0a0a-0000-4000-8000-00000000000a","name":"Garden","description":null,"created_at":"2026-03-01T08:00:00Z","last_updated":"2026-03-01T09:30:00.250Z","version":{"major":1,"minor":0,"patch":0,"agent_version":"0.9","format_version":"1.0"},"checkpoints":[],"total_tasks":1,"completed_tasks":1,"failed_tasks":0,"session_tags":["spring"],"workspace_root":"/garden","custom_properties":{"z":[1.50,null]},"execution_mode":{"type":"host"}},
"task_tree":{"tasks":{"t-1":{"id":"t-1","title":"Dig","description":"deep","status":{"Completed":{"completed_at":"2026-03-01T08:20:00Z","result":{"Success":{"output":null,"files_created":["hole"],"files_modified":[],"build_artifacts":[]}}}},"parent_id":null,"children":[],"dependencies":[],"created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-01T08:20:00Z","metadata":{"priority":"High","estimated_complexity":null,"estimated_duration":[-2,500000000],"repository_refs":[],"file_refs":[],"tags":[],"context_requirements":{"required_files":[],"required_repositories":[],"build_dependencies":[],"environment_vars":{},"claude_context_keys":[]}},"execution_history":[]}},"roots":["t-1"],"metadata":{"created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-01T08:20:00Z","version":1,"total_tasks_created":1,"statistics":{"total_tasks":1,"pending_tasks":0,"in_progress_tasks":0,"completed_tasks":1,"failed_tasks":0,"blocked_tasks":0,"skipped_tasks":0,"average_completion_time":null,"success_rate":1.0}}},
"execution_context":{"current_working_directory":"/garden","environment_variables":{"A":"1"},"active_file_watchers":[],"resource_usage":{"memory_usage_mb":1,"cpu_usage_percent":0.5,"disk_usage_mb":0,"open_file_handles":3,"network_connections":0}},
"file_system_state":{"tracked_files":{"plan.md":{"size":18446744073709551615,"modified":"2026-03-01T08:00:00Z","checksum":"0f","is_generated":false}},"workspace_files":["a"],"temp_files":[],"created_directories":[]}})";

std::string aca_files() {
  std::string text = "@meta/session.json\n" + std::string(kState);
  text += "\n@checkpoints/checkpoint_aaaaaaaa-0000-4000-8000-000000000001.json\n";
  text += R"({"metadata":{"created_at":"2026-03-01T08:10:00Z"},"task_tree":{"tasks":{}}})";
  text += "\n@checkpoints/checkpoint_aaaaaaaa-0000-4000-8000-000000000002.json\n{\"cut";
  text += "\n@checkpoints/checkpoint_aaaaaaaa-0000-4000-8000-000000000001.checksum\n12ab";
  text += "\n@logs/run.log\nline";
  return text;
}

// Two sessions, one with a copy that was cut short, and what belongs to none of them.
std::string aca_workspace() {
  const std::string sessions = "@.aca/sessions/0f0e0d0c-0000-4000-8000-00000000000";
  std::string text = sessions + "1/meta/session.json\n" + std::string(kState);
  text += "\n" + sessions + "1/temp/session_1.json\n" + std::string(kState.substr(0, 40));
  text += "\n" + sessions + "2/meta/session.json\n" + std::string(kState);
  text += "\n@.aca/settings.toml\ncolour = 1\n@notes.txt\noutside";
  return text;
}

constexpr std::string_view kClaudeCode =
    R"({"type":"summary","summary":"Garden","leafUuid":"u-3"}
{"parentUuid":null,"isSidechain":false,"userType":"external","cwd":"/garden","sessionId":"s","version":"1.0","gitBranch":"main","type":"user","message":{"role":"user","content":"Dig."},"uuid":"u-1","timestamp":"2026-03-01T08:00:00.000Z"}
{"parentUuid":"u-1","isSidechain":false,"cwd":"/garden","sessionId":"s","type":"assistant","message":{"id":"m-1","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"c-1","name":"TodoWrite","input":{"todos":[{"content":"dig","status":"pending","id":"1"}]}}],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":5,"cache_read_input_tokens":7}},"uuid":"u-2","timestamp":"2026-03-01T08:00:01.000Z"}
{"parentUuid":"u-2","isSidechain":true,"cwd":"/garden","sessionId":"s","type":"user","message":{"role":"user","content":[{"tool_use_id":"c-1","type":"tool_result","content":"ok","is_error":false}]},"uuid":"u-3","timestamp":"2026-03-01T08:00:02.000Z","toolUseResult":{"oldTodos":[],"newTodos":[{"content":"dig","status":"pending"}]}}
)";

constexpr std::string_view kCodex =
    R"({"timestamp":"2026-03-01T08:00:00.000Z","type":"session_meta","payload":{"id":"s","timestamp":"2026-03-01T08:00:00.000Z","cwd":"/garden","cli_version":"0.1","git":{"branch":"main"}}}
{"timestamp":"2026-03-01T08:00:01.000Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"Dig."}]}}
{"timestamp":"2026-03-01T08:00:02.000Z","type":"response_item","payload":{"type":"function_call","name":"shell","arguments":"{\"command\":[\"ls\"]}","call_id":"c-1"}}
{"timestamp":"2026-03-01T08:00:03.000Z","type":"response_item","payload":{"type":"function_call_output","call_id":"c-1","output":"plan.md"}}
{"timestamp":"2026-03-01T08:00:04.000Z","type":"event_msg","payload":{"type":"token_count","info":null}}
{"timestamp":"2026-03-01T08:00:05.000Z","type":"compacted","payload":{"message":"short"}}
)";

constexpr std::string_view kSweAgent =
    R"({"environment":"garden","trajectory":[{"action":"ls\n","observation":"plan.md","response":"Look.\n","thought":"Look.","state":"{\"open_file\": \"n/a\"}"}],"history":[{"role":"system","content":"You dig.","agent":"primary"},{"role":"user","content":"Dig.","agent":"primary"},{"role":"assistant","content":"Look.","thought":"Look.","action":"ls\n","agent":"primary","tool_calls":[{"id":"c-1","type":"function","function":{"name":"bash","arguments":"{}"}}]},{"role":"tool","content":"plan.md","tool_call_ids":["c-1"],"agent":"primary","message_type":"observation"}],"info":{"exit_status":"submitted","submission":"","model_stats":{"total_cost":1.50,"tokens_sent":3,"tokens_received":5,"api_calls":1}}})";

}  // namespace

std::map<std::string, std::string> source_seeds() {
  std::map<std::string, std::string> seeds;
  const auto add = [&](const char* name, std::string_view text) { seeds.emplace(name, text); };
  add("import_beads/issues", kIssues);
  add("import_taskmaster/tagged", kTagged);
  add("import_taskmaster/mixed", kMixed);
  add("import_taskmaster/legacy", R"({"tasks":[{"id":1}],"metadata":{"taskCount":1}})");
  add("import_taskmaster/twice", R"({"tasks":[{"id":1},{"id":"1"}]})");
  add("import_json/document", kDocument);
  add("import_jsonl/records", kRecords);
  add("import_aca/state", kState);
  add("import_aca/files", aca_files());
  add("migrate/state", kState);
  add("migrate/files", aca_files());
  add("migrate/workspace", aca_workspace());
  add("revision/number", "work.session@7");
  add("revision/back", "a@b@~3\na@b\na");
  add("revision/whole_name", "a@b\na@b");
  add("revision/ambiguous", "work.session@before");
  add("revision/prefix", "work.session@1a2b");
  add("revision/words", "work.session@mail to x@y\nwork.session");
  add("revision/time", "work.session@2023-11-14T23:13:45.5+01:00");
  add("revision/too_large", "work.session@18446744073709551616");
  add("import_claude_code/conversation", kClaudeCode);
  add("import_codex/rollout", kCodex);
  add("import_swe_agent/trajectory", kSweAgent);
  add("apply/operations", kOperations);
  add("apply/records", kRecords);
  return seeds;
}

}  // namespace session::fuzz
