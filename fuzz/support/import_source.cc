#include "fuzz/support/import_source.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/support/work_folder.h"
#include "lib/convert/json.h"
#include "session/error.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::fuzz {
namespace {

namespace json = convert::json;
using json::Value;

// False if the source is refused, as bad sources are.
bool comes_in(const std::string& source, const std::string& session, SourceFormat format) {
  ImportOptions options;
  options.from = format;
  try {
    (void)import_sources({source}, session, options);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadSource || error.file().empty()) throw;
    if (std::filesystem::exists(session))
      fail("a source that was refused left a session", "", error.what());
    return false;
  }
}

void expect_no_change(const std::string& source, const std::string& session, SourceFormat format) {
  ImportOptions options;
  options.from = format;
  for (const ImportedSource& report : import_sources({source}, session, options).sources) {
    if (report.upserts + report.erases == 0) continue;
    fail("the same source again is a change", read_file(source),
         std::to_string(report.upserts) + " written, " + std::to_string(report.erases) + " erased");
  }
}

// ---- what is the same JSON ----------------------------------------------------------------------

bool is_lines(SourceFormat format) {
  return format == SourceFormat::kJsonl || format == SourceFormat::kBeads ||
         format == SourceFormat::kClaudeCode || format == SourceFormat::kCodex;
}

// Of a tracker the order of lines is no content; a conversation has one.
std::vector<std::string> lines_of(std::string_view text, SourceFormat format) {
  // Before a line of its own it is none of JSON.
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      lines.push_back(json::to_sorted_text(json::parse(line, kDeep)));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (format == SourceFormat::kJsonl || format == SourceFormat::kBeads) {
    std::sort(lines.begin(), lines.end());
  }
  return lines;
}

// Of our own JSON: neither an empty table nor the name of the schema says anything.
void drop_silent_members(Value& document) {
  std::erase_if(document.members(), [](const json::Member& member) {
    return member.name() == "schema" ||
           (member.value.is_object() && member.value.members().empty());
  });
}

std::string content_of(std::string_view text, SourceFormat format) {
  if (!is_lines(format)) {
    Value document = json::parse(text, kDeep);
    if (format == SourceFormat::kJson) drop_silent_members(document);
    return json::to_sorted_text(document);
  }
  std::string all;
  for (const std::string& line : lines_of(text, format)) all += line + "\n";
  return all;
}

std::string exported(const std::string& session, SourceFormat format) {
  std::ostringstream out;
  (void)export_session(Reader::open(session).head(), format, out);
  return out.str();
}

void expect_same_files(const std::string& wanted_root, const std::string& got_root) {
  const Files wanted = files_below(wanted_root);
  const Files got = files_below(got_root);
  for (const auto& [name, text] : wanted) {
    const auto found = got.find(name);
    if (found == got.end()) fail("a file is missing", name, "");
    if (!is_same_file(text, found->second)) fail("a file differs: " + name, text, found->second);
  }
  for (const auto& [name, text] : got) {
    if (!wanted.contains(name)) fail("a file came from nowhere", "", name);
  }
}

}  // namespace

void check_import(SourceFormat format, const std::uint8_t* data, std::size_t size) {
  const auto known = import_formats();
  if (std::find(known.begin(), known.end(), format) == known.end()) return;
  const std::string text(data, data + size);
  const WorkFolder& folder = emptied_folder();
  const std::string source = write_file(folder.path("source"), text);
  if (!comes_in(source, folder.session(), format)) return;
  const std::string written = exported(folder.session(), format);
  const std::string wanted = content_of(text, format);
  const std::string got = content_of(written, format);
  if (wanted != got) fail("what came in does not go out", wanted, got);
  expect_no_change(source, folder.session(), format);
  // An empty list of lines is no file of any tracker.
  if (!written.empty()) {
    expect_no_change(write_file(folder.path("again"), written), folder.session(), format);
  }
}

void check_aca_import(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const WorkFolder& folder = emptied_folder();
  const std::string source = folder.path("5e550000-0000-4000-8000-000000000001");
  std::filesystem::create_directory(source);
  write_entries(source, text);
  if (!comes_in(source, folder.session(), SourceFormat::kAca)) return;
  const std::string out = folder.path("out");
  (void)export_session_directory(Reader::open(folder.session()).head(), SourceFormat::kAca, out);
  expect_same_files(source, out);
  expect_no_change(source, folder.session(), SourceFormat::kAca);
}

void check_apply(const std::uint8_t* data, std::size_t size) {
  const WorkFolder& folder = emptied_folder();
  const auto apply = [](Writer& writer, const std::string& text) {
    std::istringstream operations(text);
    Transaction change = writer.begin();
    const ApplyReport report = apply_operations(change, operations, "operations");
    (void)change.commit();
    return report;
  };
  Writer writer = Writer::create(folder.session());
  try {
    (void)apply(writer, std::string(data, data + size));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadSource) throw;
    if (writer.head().revision() != 1) fail("refused operations were committed", "", error.what());
    return;
  }
  std::ostringstream out;
  (void)export_session(writer.head(), SourceFormat::kJsonl, out);
  const ApplyReport again = apply(writer, out.str());
  if (again.upserts + again.erases != 0) fail("what came out changes something", "", out.str());
}

}  // namespace session::fuzz
