// What may be migrated, from anywhere: directories of format 1 (as write_entries() takes them), and
// session files. Whatever it is, the source stays as it is, and a refusal leaves nothing behind.
// What came in from a directory is sound, and goes out as the same files.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "format/layout.h"
#include "fuzz/support/mutate.h"
#include "fuzz/support/mutate_json.h"
#include "fuzz/support/work_folder.h"
#include "session/migrate.h"
#include "session/verify.h"

namespace {

namespace fs = std::filesystem;
using namespace session;
using fuzz::fail;
using fuzz::Files;

constexpr const char* kSource = "5e550000-0000-4000-8000-000000000001";
constexpr std::string_view kStateFile = "meta/session.json";

bool is_session_file(const std::uint8_t* data, std::size_t size) {
  return size >= format::kFileMagic.size() &&
         std::memcmp(data, format::kFileMagic.data(), format::kFileMagic.size()) == 0;
}

std::size_t entries_in(const std::string& folder) {
  const fs::directory_iterator all(folder);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

MigrateReport migrated(const std::string& source, const std::string& output, unsigned to) {
  MigrateOptions options;
  options.to = to;
  options.output = output;
  return migrate(source, options);
}

void require_sound(const MigrateReport& report) {
  for (const MigratedSession& session : report.sessions) {
    if (session.failure && session.failure->code() == ErrorCode::kInternal) {
      fail("a session was not carried over whole", session.session, session.failure->what());
    }
    if (session.output.empty()) continue;
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.jobs = 1;
    const Verdict verdict = verify(session.output, options).verdict;
    if (verdict != Verdict::kClean) {
      fail("what migrate made is damaged", session.session, std::string(verdict_name(verdict)));
    }
  }
}

// A state that was missing has one now; what lies beside the sessions may have stayed.
void require_same_files(const Files& wanted, const Files& got, bool is_one_session) {
  for (const auto& [name, text] : got) {
    const auto source = wanted.find(name);
    if (source == wanted.end() && !name.ends_with(kStateFile)) {
      fail("a file came from nowhere", "", name);
    }
    if (source != wanted.end() && !fuzz::is_same_file(source->second, text)) {
      fail("a file differs: " + name, source->second, text);
    }
  }
  if (!is_one_session) return;
  for (const auto& [name, text] : wanted) {
    if (!got.contains(name)) fail("a file is missing", name, "");
  }
}

// There, checked, and back again.
void migrate_directory(const std::string& source, const fuzz::WorkFolder& folder) {
  const Files files = fuzz::files_below(source);
  const std::string there = folder.path("there");
  MigrateReport report;
  try {
    report = migrated(source, there, kNewestFormat);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) fail("a refusal", "that says why", error.what());
    if (entries_in(folder.path("")) != 1) fail("a refusal left something", "", error.what());
    return;
  }
  if (fuzz::files_below(source) != files) fail("the source was changed", "", "");
  require_sound(report);
  if (!report.is_whole()) return;
  const std::string back = folder.path("back");
  const MigrateReport returned = migrated(there, back, kOldestFormat);
  for (const MigratedSession& session : returned.sessions) {
    if (session.failure) fail("no way back", session.session, session.failure->what());
  }
  require_same_files(files, fuzz::files_below(back), files.contains(std::string(kStateFile)));
}

void migrate_file(const std::string& source, const fuzz::WorkFolder& folder) {
  const std::string before = fuzz::read_file(source);
  const std::string back = folder.path("back");
  try {
    (void)migrated(source, back, kOldestFormat);
  } catch (const Error& error) {
    if (entries_in(folder.path("")) != 1) fail("a refusal left something", "", error.what());
    return;
  }
  if (fuzz::read_file(source) != before) fail("the source was changed", "", "");
  require_sound(migrated(back, folder.path("there"), kNewestFormat));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const fuzz::WorkFolder& folder = fuzz::emptied_folder();
  if (is_session_file(data, size)) {
    migrate_file(fuzz::write_file(folder.session(), text), folder);
    return 0;
  }
  const std::string source = folder.path(kSource);
  fs::create_directory(source);
  fuzz::write_entries(source, text);
  migrate_directory(source, folder);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  if (is_session_file(data, size)) return fuzz::mutate_file(data, size, max_size, seed);
  return fuzz::mutate_source(data, size, max_size, seed);
}
