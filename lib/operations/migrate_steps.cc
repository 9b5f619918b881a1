#include "lib/operations/migrate_steps.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "lib/convert/aca.h"
#include "lib/convert/aca_directory.h"
#include "lib/convert/json.h"
#include "session/convert.h"
#include "session/reader.h"
#include "session/verify.h"

namespace session::operations {
namespace {

namespace fs = std::filesystem;
namespace aca = convert::aca;

[[noreturn]] void not_the_same(const std::string& what) {
  throw Error(ErrorCode::kInternal,
              "the result would not be the same session: " + what + "; nothing was put in place");
}

bool is_same_json(const std::string& left, const std::string& right) {
  try {
    return convert::json::parse(left) == convert::json::parse(right);
  } catch (const Error&) {
    return false;
  }
}

bool is_same_file(const fs::path& left, const fs::path& right) {
  const std::string one = aca::read_file(left.string());
  const std::string other = aca::read_file(right.string());
  return one == other || (left.extension() == ".json" && is_same_json(one, other));
}

// Both directories hold these files, and each is the same in both.
void compare_files(const std::vector<std::string>& files, const std::string& left,
                   const std::string& right) {
  for (const std::string& file : files) {
    std::error_code ignored;
    if (!fs::exists(fs::path(right) / file, ignored)) not_the_same(file + " is missing");
    if (!is_same_file(fs::path(left) / file, fs::path(right) / file)) {
      not_the_same(file + " differs");
    }
  }
}

void compare_directories(const std::string& left, const std::string& right,
                         const std::set<std::string>& may_be_new) {
  const std::vector<std::string> files = aca::list_files(left).files;
  compare_files(files, left, right);
  for (const std::string& file : aca::list_files(right).files) {
    if (!std::binary_search(files.begin(), files.end(), file) && !may_be_new.contains(file)) {
      not_the_same(file + " was not there before");
    }
  }
}

void verify_whole(const MigrationPlace& place) {
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.progress = place.progress;
  options.files = &place.files;
  const Verdict verdict = verify(place.result, options).verdict;
  if (verdict != Verdict::kClean) not_the_same("it is " + std::string(verdict_name(verdict)));
}

ImportedSource import_one(const MigrationInput& input, const std::string& path,
                          const MigrationPlace& place) {
  ImportOptions options;
  options.progress = place.progress;
  ImportedSource imported;
  CreateOptions create;
  create.files = &place.files;
  Writer writer = Writer::create_draft(path, create);
  aca::import_directory(input.path, input.session, writer, options, imported,
                        aca::Unreadable::kSalvaged);
  writer.publish();
  writer.close();
  return imported;
}

Snapshot head_of(const std::string& path, const MigrationPlace& place) {
  ReaderOptions options;
  options.files = &place.files;
  return Reader::open(path, options).head();
}

void describe(const Snapshot& head, MigratedSession& report) {
  report.revision = head.revision();
  report.checkpoints = head.checkpoints().size();
  report.records = 0;
  for (const Table table : kContentTables) report.records += head.count(table);
}

// ---- 1 -> 2 -------------------------------------------------------------------------------------

void compare_with_source(const MigrationInput& input, const std::string& back) {
  const aca::Source source = aca::find_source(input.path).value();
  for (const std::string& session : source.sessions) {
    const std::string id = aca::directory_name(session);
    if (!input.session.empty() && id != input.session) continue;
    const std::string below = aca::session_place(source.layout, id);
    const std::string made = below.empty() ? back : back + "/" + below;
    // A state that was missing has one now.
    compare_directories(session, made, {std::string(aca::kStateFile)});
  }
  const auto folder = aca::folder_place(source.layout);
  const bool has_folder =
      input.session.empty() || aca::directory_name(source.sessions.front()) == input.session;
  if (!folder || !has_folder) return;
  const auto at = [&](const std::string& root) {
    return folder->empty() ? root : root + "/" + *folder;
  };
  compare_files(aca::list_folder_files(source).files, at(source.path), at(back));
}

void directory_to_file(const MigrationInput& input, const MigrationPlace& place,
                       MigratedSession& report) {
  ImportedSource imported = import_one(input, place.result, place);
  report.warnings.insert(report.warnings.end(), imported.warnings.begin(), imported.warnings.end());
  verify_whole(place);
  const Snapshot head = head_of(place.result, place);
  const std::string back = place.bench + "/back";
  (void)export_session_directory(head, SourceFormat::kAca, back, place.progress);
  compare_with_source(input, back);
  fs::remove_all(back);
  describe(head, report);
  report.bytes = place.files.open(place.result, io::OpenMode::kRead)->size_bytes();
}

// ---- 2 -> 1 -------------------------------------------------------------------------------------

std::uint64_t bytes_below(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const std::string& file : aca::list_files(directory).files) {
    bytes += fs::file_size(fs::path(directory) / file);
  }
  return bytes;
}

void file_to_directory(const MigrationInput& input, const MigrationPlace& place,
                       MigratedSession& report) {
  const Snapshot head = head_of(input.path, place);
  if (!head.get<schema::Value>(aca::kSourceKey)) {
    throw Error(ErrorCode::kUsage,
                "this session did not come from format 1; `sessiontool export --to aca` makes a "
                "directory of it, without what that format has no place for",
                input.path);
  }
  ExportReport made =
      export_session_directory(head, SourceFormat::kAca, place.result, place.progress);
  report.is_lossy = !made.warnings.empty();
  report.warnings.insert(report.warnings.end(), made.warnings.begin(), made.warnings.end());
  const std::string again = place.bench + "/again.session";
  const std::string back = place.bench + "/back";
  (void)import_one({place.result, ""}, again, place);
  (void)export_session_directory(head_of(again, place), SourceFormat::kAca, back, place.progress);
  compare_directories(place.result, back, {});
  fs::remove_all(back);
  place.files.remove(again);
  describe(head, report);
  report.bytes = bytes_below(place.result);
}

constexpr std::array kWork = {
    MigrationWork{{1, 2, "a directory of JSON files into a session file"}, directory_to_file},
    MigrationWork{{2, 1, "a session file into the directory it came from"}, file_to_directory},
};

}  // namespace

std::span<const MigrationWork> migration_work() {
  return kWork;
}

}  // namespace session::operations
