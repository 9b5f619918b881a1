// T11: what does one call of the tool cost, as a script makes it in a loop?

#include "bench/compare/comparison.h"
#include "bench/compare/process.h"
#include "bench/compare/store.h"

namespace {

using namespace session::bench;

auto calls(const std::vector<std::string>& command) {
  return [=] {
    constexpr int kCalls = 20;
    std::vector<double> seconds;
    for (int i = 0; i < kCalls; ++i) seconds.push_back(seconds_of_program(command));
    return Sample{median(seconds) * 1e3};
  };
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "one call of the tool");
  const std::string file = our_store().file(scale.tasks);
  const std::string database = sqlite_store().file(scale.tasks);
  Comparison comparison("T11 one call, " + std::to_string(scale.tasks) + " tasks", "ms");
  comparison.add("sessiontool info", calls({SESSIONTOOL_BINARY, "info", file}));
  comparison.add("sessiontool --version", calls({SESSIONTOOL_BINARY, "--version"}));
  if (has_program("sqlite3")) {
    comparison.add("sqlite3 --version", calls({"sqlite3", "--version"}));
    comparison.add("sqlite3, a count of the tasks",
                   calls({"sqlite3", database, "SELECT count(*) FROM tasks"}));
  }
  comparison.add("an empty program", calls({EMPTY_PROGRAM}));
  comparison.run(scale);
}
