// A whole file from anywhere, repaired. Whatever it is, repairing ends; what it puts in place is
// clean and needs no second repair; and the original is still there, byte for byte, also where it
// refuses.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "fuzz/support/mutate.h"
#include "session/repair.h"
#include "session/verify.h"
#include "tests/support/simulated_disk.h"

namespace {

using session::RepairReport;
using session::RepairVerdict;
using session::test::SimulatedDisk;

constexpr const char* kPath = "/d/input.session";

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

RepairReport repair_on(SimulatedDisk& disk) {
  session::RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  return session::repair(kPath, options);
}

void check_result(SimulatedDisk& disk) {
  session::VerifyOptions options;
  options.level = session::VerifyLevel::kFull;
  options.jobs = 1;
  options.files = &disk;
  const auto verdict = session::verify(kPath, options).verdict;
  if (verdict != session::Verdict::kClean) {
    fail("what repair made is " + std::string(session::verdict_name(verdict)));
  }
  const std::vector<std::byte> once = disk.contents(kPath);
  const RepairReport again = repair_on(disk);
  if (again.verdict != RepairVerdict::kClean || disk.contents(kPath) != once) {
    fail("what repair made was repaired again");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> original(bytes.begin(), bytes.end());
  SimulatedDisk disk;
  disk.put(kPath, original);
  RepairReport report;
  try {
    report = repair_on(disk);
  } catch (const session::Error& error) {
    if (error.code() == session::ErrorCode::kInternal) fail(error.what());
    if (disk.contents(kPath) != original) fail("refused, and yet changed");
    return 0;
  }
  if (report.verdict == RepairVerdict::kClean) {
    if (disk.contents(kPath) != original) fail("called clean, and yet changed");
    return 0;
  }
  if (disk.contents(report.backup) != original) fail("the original is not kept");
  check_result(disk);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
