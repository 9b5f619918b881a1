#pragma once
// Sessions to be damaged, and what verifying makes of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "format/commit.h"
#include "format/page.h"
#include "session/verify.h"
#include "tests/support/damage.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {

struct Verified {
  VerifyReport report;
  std::vector<Finding> findings;

  [[nodiscard]] bool has(FindingCode code) const { return first(code) != nullptr; }
  [[nodiscard]] const Finding* first(FindingCode code) const {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const Finding& finding) { return finding.code == code; });
    return found == findings.end() ? nullptr : &*found;
  }
  // For a failed test: "payload_hash@128 revisions_table@0 ".
  [[nodiscard]] std::string text() const {
    std::string all = std::string(verdict_name(report.verdict)) + ":";
    for (const Finding& finding : findings) {
      all += " " + std::string(finding_name(finding.code)) + "@" +
             std::to_string(finding.offset.value_or(0)) + "(" + finding.message + ")";
    }
    return all;
  }
};

[[nodiscard]] inline Verified verify_on(SimulatedDisk& disk, VerifyOptions options = {},
                                        const std::string& path = kDiskPath) {
  Verified verified;
  options.files = &disk;
  options.jobs = 1;
  options.on_finding = [&](const Finding& finding) { verified.findings.push_back(finding); };
  verified.report = verify(path, options);
  return verified;
}

[[nodiscard]] inline Verified verify_bytes(const FileBytes& file,
                                           VerifyLevel level = VerifyLevel::kDefault) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  VerifyOptions options;
  options.level = level;
  return verify_on(disk, options);
}

// A file made by `fill(writer)`, closed; `fill` may close it itself.
template <class Fill>
[[nodiscard]] FileBytes file_with(Fill fill) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    fill(writer);
    writer.close();
  }
  return disk.contents(kDiskPath);
}

// One snapshot with a tree of tasks, a checkpoint.
[[nodiscard]] inline FileBytes small_snapshot(std::uint64_t tasks = 12) {
  return file_with([&](Writer& writer) {
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < tasks; ++i) {
      put_task(change, numbered("t", i),
               {.title = "task " + std::to_string(i),
                .parent = i < 3 ? "" : numbered("t", i / 4),
                .rank = static_cast<std::int64_t>(i)});
    }
    put_message(change, "0000000001", "Shall I start?");
    CheckpointOptions checkpoint;
    checkpoint.description = "a checkpoint";
    (void)change.checkpoint(checkpoint);
  });
}

// Durable and relaxed deltas over one snapshot.
[[nodiscard]] inline FileBytes many_deltas(int deltas = 8) {
  return file_with([&](Writer& writer) {
    for (int i = 0; i < deltas; ++i) {
      auto change = writer.begin();
      put_task(change, numbered("t", static_cast<std::uint64_t>(i) % 5),
               {.title = "delta " + std::to_string(i)});
      put_value(change, "a/" + std::to_string(i), "value");
      (void)change.commit(i % 3 == 0 ? CommitOptions{} : relaxed());
    }
  });
}

// Texts that leave their records, and compress.
[[nodiscard]] inline FileBytes with_blobs(std::size_t blob_bytes = 5000) {
  return file_with([&](Writer& writer) {
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < 4; ++i) {
      put_task(change, numbered("t", i), {.title = "task " + std::to_string(i)});
    }
    put_message(change, "0000000001", std::string(blob_bytes, 'm'));
    (void)change.commit(folded());
    auto delta = writer.begin();
    put_message(delta, "0000000002", std::string(blob_bytes + 1, 'n'));
    (void)delta.commit();
  });
}

// The root of a table in the newest trees.
[[nodiscard]] inline std::size_t root_of(FileBytes& file, Table table) {
  std::size_t root = 0;
  constexpr int kCommit = 4;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind != kCommit) continue;
    forge<schema::Commit>(file, place.offset, [&](schema::Commit::Builder commit) {
      if (!commit.hasTrees()) return;
      for (auto one : commit.getTrees().getRoots()) {
        if (one.getTable() == static_cast<std::uint16_t>(table)) root = one.getOffset();
      }
    });
  }
  EXPECT_NE(root, 0U);
  return root;
}

}  // namespace session::test
