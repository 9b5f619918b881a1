// What is there, which steps it needs, and results that appear whole or not at all.

#include "session/migrate.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "lib/convert/aca_directory.h"
#include "lib/convert/json.h"
#include "lib/io/file.h"
#include "lib/operations/migrate_steps.h"
#include "lib/store/head.h"
#include "session/verify.h"

namespace session {
namespace operations {
namespace {

namespace fs = std::filesystem;
namespace aca = convert::aca;

constexpr std::string_view kExtension = ".session";

// A directory beside the results, gone with everything in it at the end.
class Bench {
 public:
  explicit Bench(const fs::path& beside)
      : path_(beside / (".migrating-" + std::to_string(::getpid()))) {
    std::error_code failed;
    if (!fs::create_directory(path_, failed)) {
      throw Error(ErrorCode::kIo,
                  "cannot make it: " + (failed ? failed.message() : "it is there already"),
                  path_.string());
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

SessionVersion version_of_file(const std::string& path) {
  SessionVersion found;
  found.path = path;
  try {
    const auto file = io::system_files().open(path, io::OpenMode::kRead);
    const format::FileHeader header = store::read_file_header(*file, path);
    found.version = header.major;
    found.minor = header.minor;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) throw;
    found.problem = error;
  }
  return found;
}

// ---- places -------------------------------------------------------------------------------------

std::string name_of(const SessionVersion& session) {
  return session.session.empty() ? fs::path(session.path).stem().string() : session.session;
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

void refuse_existing(const std::string& place, const MigrateOptions& options) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(place, ignored))) return;
  if (options.overwrite && fs::is_regular_file(place, ignored)) return;
  throw Error(ErrorCode::kExists,
              is_directory(place) ? "is there already; name another directory"
                                  : "is there already; --force replaces it",
              place);
}

fs::path parent_of(const std::string& place) {
  const fs::path parent = fs::path(place).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

class Migration {
 public:
  Migration(const std::string& source, const MigrateOptions& options)
      : source_(source),
        options_(options),
        files_(options.files != nullptr ? *options.files : io::system_files()),
        sessions_(find_versions(source)) {}

  MigrateReport run() {
    report_.to = options_.to;
    report_.from = options_.to;
    for (const SessionVersion& session : sessions_) {
      if (session.problem && sessions_.size() == 1) throw *session.problem;
      if (session.version != 0) report_.from = session.version;
    }
    report_.steps = plan_migration(report_.from, options_.to);
    if (report_.steps.empty()) {
      tell_of_problems();
      return std::move(report_);
    }
    choose_places();
    make_all();
    return std::move(report_);
  }

 private:
  // Where there is nothing to do, what cannot be read is told all the same.
  void tell_of_problems() {
    for (const SessionVersion& session : sessions_) {
      if (!session.problem) continue;
      MigratedSession& result = report_.sessions.emplace_back();
      result.source = session.path;
      result.session = name_of(session);
      result.failure = session.problem;
    }
  }

  [[nodiscard]] bool makes_files() const { return options_.to >= 2; }

  // Sessions of one workspace go back into one directory; everything else has a place of its own.
  [[nodiscard]] bool is_merged() const { return !makes_files() && sessions_.size() > 1; }

  void choose_places() {
    std::string output = options_.output;
    while (output.size() > 1 && output.back() == '/') output.pop_back();
    const bool into_directory =
        makes_files() && (sessions_.size() > 1 || (!output.empty() && is_directory(output)));
    if (into_directory && !output.empty() && !is_directory(output)) {
      refuse_existing(output, options_);
      if (options_.files != nullptr) {
        throw Error(ErrorCode::kUsage,
                    "make this directory first: where files are made elsewhere, "
                    "none is made for them",
                    output);
      }
      new_directory_ = output;
    }
    for (const SessionVersion& session : sessions_) {
      const std::string name = name_of(session) + (makes_files() ? std::string(kExtension) : "");
      std::string place = output;
      if (output.empty() && is_merged()) {
        throw Error(ErrorCode::kUsage, "several sessions go back into one directory: name it (-o)");
      }
      if (output.empty()) place = name;
      if (into_directory && !output.empty()) place = output + "/" + name;
      refuse_existing(place, options_);
      refuse_inside_source(place);
      places_.push_back(place);
    }
  }

  void refuse_inside_source(const std::string& place) const {
    const auto source = aca::find_source(source_);
    if (!source || !aca::is_in(*source, place)) return;
    throw Error(ErrorCode::kUsage, "lies in the directory that is read; choose a place outside",
                place);
  }

  void make_all() {
    const std::string first = places_.front();
    const Bench bench(new_directory_.empty() ? parent_of(first) : parent_of(new_directory_));
    std::vector<std::string> made(sessions_.size());
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      report_.sessions.push_back({});
      MigratedSession& result = report_.sessions.back();
      result.source = sessions_[i].path;
      result.session = name_of(sessions_[i]);
      try {
        made[i] = make(sessions_[i], bench, i, result);
      } catch (const Error& error) {
        const bool goes_on = sessions_.size() > 1 && error.code() != ErrorCode::kInterrupted &&
                             error.code() != ErrorCode::kIo;
        if (!goes_on) throw;
        result.failure = error;
      }
    }
    if (is_merged()) merge(bench, made);
    put_in_place(bench, made);
  }

  // The session in its new version, on the bench.
  std::string make(const SessionVersion& session, const Bench& bench, std::size_t number,
                   MigratedSession& result) const {
    if (session.problem) throw *session.problem;
    if (!convert::json::is_utf8(session.session)) {
      throw Error(ErrorCode::kBadSource,
                  "the name of its directory is not UTF-8, and no record could hold it; rename it",
                  session.path);
    }
    if (session.version != report_.from) {
      throw Error(ErrorCode::kUsage,
                  "is of version " + std::to_string(session.version) + " among others of version " +
                      std::to_string(report_.from),
                  session.path);
    }
    MigrationInput input{session.session.empty() ? session.path : source_, session.session};
    for (const MigrationStep& step : report_.steps) {
      const auto work = std::find_if(
          migration_work().begin(), migration_work().end(), [&](const MigrationWork& one) {
            return one.about.from == step.from && one.about.to == step.to;
          });
      // A bench of its own, so that nothing one session leaves behind is in another's way.
      const std::string own = bench.at(std::to_string(number) + "-" + std::to_string(step.to));
      fs::create_directory(own);
      const std::string place =
          own + "/made" + (step.to >= 2 ? std::string(kExtension) : std::string());
      work->run(input, {place, own, files_, options_.progress}, result);
      input = {place, ""};
    }
    return input.path;
  }

  // Into one directory what came from one. Files they share must be the same.
  void merge(const Bench& bench, std::vector<std::string>& made) {
    const std::string whole = bench.at("whole");
    fs::create_directory(whole);
    bool is_empty = true;
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (made[i].empty()) continue;
      try {
        move_files(made[i], whole);
        is_empty = false;
      } catch (const Error& error) {
        report_.sessions[i].failure = error;
      }
    }
    made.assign(made.size(), "");
    if (!is_empty) made.front() = whole;
  }

  static void move_files(const std::string& from, const std::string& to) {
    const std::vector<std::string> files = aca::list_files(from).files;
    for (const std::string& file : files) {
      const fs::path place = fs::path(to) / file;
      std::error_code ignored;
      if (fs::exists(place, ignored) &&
          aca::read_file(place.string()) != aca::read_file((fs::path(from) / file).string())) {
        throw Error(ErrorCode::kUsage, "two sessions have the same file with another content (" +
                                           file + "); give each a directory of its own");
      }
    }
    for (const std::string& file : files) {
      const fs::path place = fs::path(to) / file;
      fs::create_directories(place.parent_path());
      fs::rename(fs::path(from) / file, place);
    }
  }

  void put_in_place(const Bench& bench, const std::vector<std::string>& made) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      MigratedSession& result = report_.sessions[i];
      if (!result.failure) result.output = places_[i];
    }
    if (options_.dry_run) return;
    place_all(bench, made);
  }

  void place_all(const Bench& bench, const std::vector<std::string>& made) const {
    std::string below = new_directory_;
    if (!new_directory_.empty()) below = bench.at("directory");
    if (!below.empty()) fs::create_directory(below);
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (made[i].empty()) continue;
      if (below.empty()) {
        place_one(made[i], places_[i]);
      } else {
        fs::rename(made[i], fs::path(below) / fs::path(places_[i]).filename());
      }
    }
    if (!below.empty()) {
      place_one(below, new_directory_);
    }
    if (new_directory_.empty() && makes_files()) {
      files_.sync_directory(places_.front());
    } else {
      io::system_files().sync_directory(new_directory_.empty() ? places_.front() : new_directory_);
    }
  }

  void place_one(const std::string& from, const std::string& to) const {
    // Directories are not of the seam.
    const bool is_tree = is_directory(from);
    if (is_tree) io::sync_tree(from);
    io::FileSystem& files = is_tree ? io::system_files() : files_;
    if (options_.overwrite && files.exists(to)) {
      // Whoever writes the file that goes would lose what it commits meanwhile.
      const std::string real = files.real_path(to);
      const std::unique_ptr<io::Lock> lock = files.lock(real);
      files.rename(from, real);
      files.sync_directory(real);  // behind a link that is another one
    } else {
      files.rename_new(from, to);
    }
  }

  const std::string& source_;
  const MigrateOptions& options_;
  io::FileSystem& files_;
  std::vector<SessionVersion> sessions_;
  std::vector<std::string> places_;
  std::string new_directory_;  // made for all of them; empty: there is one, or none is needed
  MigrateReport report_;
};

}  // namespace
}  // namespace operations

std::span<const MigrationStep> migration_steps() {
  static const std::vector<MigrationStep> steps = [] {
    std::vector<MigrationStep> all;
    for (const auto& work : operations::migration_work()) all.push_back(work.about);
    return all;
  }();
  return steps;
}

std::vector<MigrationStep> plan_migration(unsigned from, unsigned to,
                                          std::span<const MigrationStep> steps) {
  std::map<unsigned, MigrationStep> reached;  // by the step that led there first
  std::deque<unsigned> next = {from};
  while (!next.empty() && next.front() != to) {
    const unsigned at = next.front();
    next.pop_front();
    for (const MigrationStep& step : steps) {
      if (step.from != at || step.to == from || reached.contains(step.to)) continue;
      reached.emplace(step.to, step);
      next.push_back(step.to);
    }
  }
  if (next.empty()) {
    throw Error(ErrorCode::kUsage, "there is no way from format " + std::to_string(from) + " to " +
                                       std::to_string(to) +
                                       "; `sessiontool migrate --list` shows the steps there are");
  }
  std::vector<MigrationStep> plan;
  for (unsigned at = to; at != from; at = plan.back().from) plan.push_back(reached.at(at));
  std::reverse(plan.begin(), plan.end());
  return plan;
}

std::vector<SessionVersion> find_versions(const std::string& source) {
  namespace aca = convert::aca;
  std::error_code ignored;
  if (!std::filesystem::exists(source, ignored)) {
    throw Error(ErrorCode::kNotFound, "no such file or directory; check the path", source);
  }
  if (!std::filesystem::is_directory(source, ignored)) {
    return {operations::version_of_file(source)};
  }
  std::vector<SessionVersion> found;
  if (const auto directory = aca::find_source(source)) {
    for (const std::string& session : directory->sessions) {
      found.push_back({session, aca::directory_name(session), 1, 0, {}});
    }
    return found;
  }
  for (const std::string& file : find_session_files(source)) {
    found.push_back(operations::version_of_file(file));
  }
  if (found.empty()) {
    throw Error(ErrorCode::kBadSource,
                "holds no session: neither .aca/sessions/<uuid>/meta/session.json below it nor a "
                "session file",
                source);
  }
  return found;
}

MigrateReport migrate(const std::string& source, const MigrateOptions& options) {
  try {
    return operations::Migration(source, options).run();
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(ErrorCode::kIo, error.code().message(), error.path1().string());
  }
}

}  // namespace session
