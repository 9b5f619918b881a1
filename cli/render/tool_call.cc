#include "cli/render/tool_call.h"

#include <array>

#include "cli/render/rapidjson.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kMostColumns = 300;
constexpr std::size_t kMostBytes = 4 * kMostColumns;

// In the order in which they are looked for.
constexpr std::array<const char*, 16> kSalient = {
    "command", "cmd",   "file_path", "notebook_path", "filename",    "pattern", "query", "path",
    "url",     "chars", "subject",   "description",   "explanation", "prompt",  "input", "id"};
constexpr std::array<const char*, 2> kLists = {"todos", "plan"};

using Json = rapidjson::Value;

// Numbers stay texts, and nothing recurses: the input is a stranger's.
constexpr unsigned kParse = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
                            rapidjson::kParseValidateEncodingFlag;

std::string_view text_of(const Json& value) {
  return {value.GetString(), value.GetStringLength()};
}

std::string short_line(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, kMostBytes);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return cut_to_width(one_line(text), kMostColumns);
}

std::string files_of_patch(std::string_view patch) {
  std::string files;
  while (!patch.empty() && files.size() < kMostBytes) {
    const std::size_t end = patch.find('\n');
    const std::string_view line = patch.substr(0, end);
    patch = end == std::string_view::npos ? std::string_view() : patch.substr(end + 1);
    const std::size_t name = line.find(" File: ");
    if (!line.starts_with("*** ") || name == std::string_view::npos) continue;
    files += (files.empty() ? "" : ", ") + std::string(line.substr(name + 7));
  }
  return files;
}

std::string summary_of_text(std::string_view text) {
  const std::size_t patch = text.find("*** Begin Patch");
  if (patch != std::string_view::npos) {
    const std::string files = files_of_patch(text.substr(patch));
    if (!files.empty()) return short_line(files);
  }
  return short_line(text);
}

std::string summary_of_list(const Json& list) {
  std::uint64_t done = 0;
  for (const Json& item : list.GetArray()) {
    if (!item.IsObject()) continue;
    const auto status = item.FindMember("status");
    if (status == item.MemberEnd() || !status->value.IsString()) continue;
    if (text_of(status->value) == "completed") ++done;
  }
  return counted(list.Size(), "item") + ", " + std::to_string(done) + " done";
}

// A command given word by word; of one given to a shell what the shell is to run.
std::string summary_of_words(const Json& words) {
  std::string line;
  std::string_view last;
  bool runs_shell = false;
  for (const Json& word : words.GetArray()) {
    if (!word.IsString()) return {};
    last = text_of(word);
    runs_shell = runs_shell || last == "-lc" || last == "-c";
    if (line.size() < kMostBytes) line += (line.empty() ? "" : " ") + std::string(last);
  }
  return summary_of_text(runs_shell ? last : line);
}

std::string summary_of_object(const Json& object) {
  for (const char* name : kLists) {
    const auto list = object.FindMember(name);
    if (list != object.MemberEnd() && list->value.IsArray()) return summary_of_list(list->value);
  }
  for (const char* name : kSalient) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd()) continue;
    std::string summary;
    if (member->value.IsString()) summary = summary_of_text(text_of(member->value));
    if (member->value.IsArray()) summary = summary_of_words(member->value);
    if (!summary.empty()) return summary;
  }
  return {};
}

}  // namespace

std::string call_summary(std::string_view input) {
  rapidjson::Document document;
  document.Parse<kParse>(input.data(), input.size());
  if (document.HasParseError()) return summary_of_text(input);
  if (document.IsString()) return summary_of_text(text_of(document));
  if (document.IsObject()) {
    if (document.ObjectEmpty()) return {};
    std::string summary = summary_of_object(document);
    if (!summary.empty()) return summary;
  }
  return short_line(input);
}

std::string output_text(std::string_view output) {
  if (!output.starts_with('{')) return std::string(output);
  rapidjson::Document document;
  document.Parse<kParse>(output.data(), output.size());
  const Json& report = document;
  if (!document.HasParseError() && report.IsObject() && report.HasMember("metadata")) {
    const auto inner = report.FindMember("output");
    if (inner != report.MemberEnd() && inner->value.IsString()) {
      return std::string(text_of(inner->value));
    }
  }
  return std::string(output);
}

}  // namespace session::cli
