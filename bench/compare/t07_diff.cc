// T7: what does it cost to find 100 changes among all tasks? Ours compares two revisions of one
// file; the others two files.

#include <filesystem>
#include <fstream>

#include "bench/compare/comparison.h"
#include "bench/compare/process.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/convert.h"
#include "session/diff.h"
#include "session/reader.h"

namespace {

using namespace session::bench;
using session::Reader;

constexpr int kChanges = 100;
constexpr std::uint64_t kBefore = 2;  // the revision that has the tasks

// A copy of the peer's file with 100 tasks changed in one commit.
std::string changed(const Peer& peer, std::int64_t tasks) {
  const std::string path = scratch_file("changed-" + peer.name);
  std::filesystem::copy_file(peer.file(tasks), path);
  RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
  std::vector<std::uint64_t> chosen;
  for (int i = 0; i < kChanges; ++i) chosen.push_back(numbers.next());
  peer.open(path, Access::kDurable)->change(chosen, 1);
  return path;
}

void expect_changes(double found) {
  // Some tasks were drawn twice.
  if (found < kChanges * 0.9) throw std::runtime_error("the changes were not found");
}

void expect_changes(const session::Snapshot& left, const session::Snapshot& right) {
  expect_changes(static_cast<double>(session::diff(left, right).changes.size()));
}

template <class Work>
auto timed(Work work) {
  return [work] {
    const Stopwatch watch;
    work();
    return Sample{watch.seconds() * 1e3};
  };
}

std::string write_lines(const session::Snapshot& snapshot, const char* name) {
  std::string path = scratch_file(name);
  std::ofstream file(path);
  session::export_session(snapshot, session::SourceFormat::kJsonl, file);
  return path;
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "find 100 changes among all tasks");
  const std::string ours = changed(our_store(), scale.tasks);
  const std::string sqlite = changed(sqlite_store(), scale.tasks);
  const std::string sqlite_before = sqlite_store().file(scale.tasks);
  const Reader reader = Reader::open(ours);
  const auto left = reader.at(kBefore);
  const auto right = reader.head();
  const std::string left_lines = write_lines(left, "left.jsonl");
  const std::string right_lines = write_lines(right, "right.jsonl");

  Comparison comparison("T7 diff, " + std::to_string(kChanges) + " changes in " +
                            std::to_string(scale.tasks) + " tasks",
                        "ms");
  comparison.add("sessiontool, in process", timed([&] { expect_changes(left, right); }));
  comparison.add("sessiontool, opened first", timed([&] {
                   const Reader fresh = Reader::open(ours);
                   expect_changes(fresh.at(kBefore), fresh.head());
                 }));
  const std::vector<std::string> command = {SESSIONTOOL_BINARY, "diff",
                                            ours + "@" + std::to_string(kBefore), ours};
  comparison.add("sessiontool diff, the command",
                 [=] { return Sample{seconds_of_program(command, {1}) * 1e3}; });
  comparison.add("SQLite, EXCEPT of two tables",
                 timed([&] { expect_changes(sqlite_except(sqlite, sqlite_before)); }));
  if (has_program("sqldiff")) {
    comparison.add("sqldiff", [=] {
      return Sample{seconds_of_program({"sqldiff", sqlite_before, sqlite}) * 1e3};
    });
  }
  comparison.add("diff of sorted JSON lines", [=] {
    return Sample{seconds_of_program({"diff", left_lines, right_lines}, {1}) * 1e3};
  });
  comparison.run(scale);
}
