// Files whose deltas are compressed with the leaves they went to: they hold what they held, name
// what they need, and what is damaged in them is known exactly.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "format/prefix.h"
#include "session/layout.h"
#include "session/repair.h"
#include "tests/lib/operations/prefix_support.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

std::map<std::uint64_t, SessionState> states_of(const FileBytes& file,
                                                ReadMode mode = ReadMode::kMapped) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  std::map<std::uint64_t, SessionState> states;
  const Reader reader = read_on(disk, kDiskPath, mode);
  reader.head().history([&](const RevisionInfo& info) {
    const Snapshot snapshot = reader.at(info.revision);
    EXPECT_EQ(contradiction_in(snapshot), "");
    states.emplace(info.revision, state_of(snapshot));
    return true;
  });
  return states;
}

// ---- what they hold -----------------------------------------------------------------------------

TEST(CompactPrefixProperty, EveryRevisionIsWhatItWasAndTheFileIsSmaller) {
  RandomRecord random(random_seed());
  for (int round = 0; round < 6; ++round) {
    const FileBytes file = saved_one_by_one(random);
    const auto with = round % 2 == 0 ? compacting : +[](SimulatedDisk& disk) {
      CompactOptions options = compacting(disk);
      options.archive = true;
      return options;
    };
    const FileBytes small = compacted(file, with);
    EXPECT_GT(prefixed_in(small), 5U);
    EXPECT_LT(small.size(), file.size());
    EXPECT_EQ(fingerprints_of(small), fingerprints_of(file));
    const auto states = states_of(file);
    EXPECT_EQ(states_of(small).size(), states.size());
    for (const ReadMode mode : {ReadMode::kMapped, ReadMode::kCopy}) {
      for (const auto& [revision, state] : states_of(small, mode)) {
        for (const Table table : kContentTables) {
          EXPECT_EQ(state.table(table), states.at(revision).table(table)) << revision;
        }
      }
    }
    const Verified verified = verify_bytes(small, VerifyLevel::kFull);
    EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
    EXPECT_EQ(verify_bytes(small, VerifyLevel::kQuick).report.verdict, Verdict::kClean);
  }
}

TEST(CompactPrefix, TheNewestRevisionAndItsTreesAreNotCompressed) {
  RandomRecord random(random_seed());
  SimulatedDisk disk;
  const FileBytes small = compacted(saved_one_by_one(random));
  disk.put(kDiskPath, small);
  const Reader reader = read_on(disk);
  const store::View& view = reader.head().view();
  EXPECT_FALSE(view.pending().empty());
  for (const RevisionInfo& info : view.pending()) {
    EXPECT_EQ(view.pages()->header(info.offset).codec, format::Codec::kNone);
  }
  for (const format::RootRef& root : view.roots()) {
    if (root.empty()) continue;
    EXPECT_EQ(view.pages()->header(root.offset).codec, format::Codec::kNone);
  }
}

TEST(CompactPrefix, AgainAndAgainGivesTheSame) {
  RandomRecord random(random_seed());
  FileBytes file = saved_one_by_one(random);
  const auto fingerprints = fingerprints_of(file);
  const FileBytes once = compacted(file);
  const FileBytes twice = compacted(once);
  EXPECT_EQ(fingerprints_of(twice), fingerprints);
  const auto frames = frames_of(once);
  const auto again = frames_of(twice);
  ASSERT_EQ(again.size(), frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(again[i].kind, frames[i].kind);
    if (frames[i].kind != format::FrameKind::kCommit) {
      EXPECT_EQ(again[i].codec, frames[i].codec) << frames[i].own_offset;
    }
  }
}

TEST(CompactPrefix, ArchivingAndThinningSuchAFileKeepsWhatIsKept) {
  RandomRecord random(random_seed());
  const FileBytes file = saved_one_by_one(random);
  const auto fingerprints = fingerprints_of(file);
  const FileBytes archive = compacted(compacted(file), [](SimulatedDisk& disk) {
    CompactOptions options = compacting(disk);
    options.archive = true;
    return options;
  });
  EXPECT_EQ(fingerprints_of(archive), fingerprints);
  for (const FileBytes& from : {compacted(file), archive}) {
    const FileBytes thin = compacted(from, [](SimulatedDisk& disk) {
      CompactOptions options = compacting(disk);
      options.retention.keep_last = 13;
      return options;
    });
    const auto kept = fingerprints_of(thin);
    EXPECT_EQ(kept.size(), 13U);
    for (const auto& [revision, fingerprint] : kept) {
      EXPECT_EQ(fingerprint, fingerprints.at(revision)) << revision;
    }
  }
}

TEST(CompactPrefix, WhatIsErasedIsInNoFrame) {
  const std::string secret = "the secret word";
  const FileBytes file = file_with([&](Writer& writer) {
    for (int i = 0; i < 20; ++i) {
      Transaction change = writer.begin();
      put_message(change, numbered("", static_cast<std::uint64_t>(i)), "an ordinary message");
      put_value(change, "env/TOKEN", secret + std::to_string(i));
      (void)change.commit(i % 8 == 0 ? folded() : relaxed());
    }
  });
  const FileBytes small = compacted(file, [](SimulatedDisk& disk) {
    CompactOptions options = compacting(disk);
    options.erase = {parse_record_name("values/env/TOKEN")};
    return options;
  });
  EXPECT_GT(prefixed_in(small), 5U);
  const std::uint64_t tag = value_or_throw(format::decode_file_header(small)).tag();
  const auto load = [&](std::uint64_t offset, std::vector<std::byte>&) {
    return format::load_frame(small, offset, tag);
  };
  std::vector<std::byte> buffer;
  for (const format::FrameHeader& header : frames_of(small)) {
    const auto frame = value_or_throw(format::load_frame(small, header.own_offset, tag));
    const auto payload = value_or_throw(format::unpack(frame, buffer, load));
    EXPECT_EQ(format::as_text(payload).find(secret), std::string_view::npos) << header.own_offset;
  }
  EXPECT_EQ(verify_bytes(small, VerifyLevel::kFull).report.verdict, Verdict::kClean);
}

// ---- what they need -----------------------------------------------------------------------------

bool names_feature(const FileBytes& file, std::uint64_t offset, bool& has_trees) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  const format::FileHeader header = value_or_throw(format::decode_file_header(file));
  const store::PageSource pages(disk.open(kDiskPath, io::OpenMode::kRead), file.size(),
                                header.tag(), true);
  const store::LoadedCommit commit = store::load_commit(pages, offset);
  has_trees = commit.reader.hasTrees();
  if (!has_trees) return false;
  for (const auto feature : commit.reader.getTrees().getFeatures()) {
    EXPECT_TRUE(feature.getIsRequired());
    EXPECT_EQ(std::string(feature.getName().cStr()), "zstd-prefix");
  }
  return format::has_feature(commit.reader.getTrees(), format::kPrefixFeature);
}

// So a reader that does not know the codec meets its name, wherever the file was cut.
void expect_named_before_needed(const FileBytes& file) {
  bool is_named = false;
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (is_prefixed(frame)) {
      EXPECT_TRUE(is_named) << frame.own_offset;
    } else if (frame.kind == format::FrameKind::kCommit) {
      bool has_trees = false;
      const bool names = names_feature(file, frame.own_offset, has_trees);
      if (!has_trees) continue;
      EXPECT_TRUE(names || !is_named) << "later trees name it, too";
      is_named = names;
    }
  }
  EXPECT_TRUE(is_named);
}

TEST(CompactPrefix, TheFeatureIsNamedBeforeWhatNeedsItAndCarriedOnByWhoeverWrites) {
  RandomRecord random(random_seed());
  SimulatedDisk disk;
  disk.put(kDiskPath, compacted(saved_one_by_one(random)));
  expect_named_before_needed(disk.contents(kDiskPath));
  const auto before = fingerprints_of(disk.contents(kDiskPath));
  {
    Writer writer = open_on(disk);
    for (int i = 0; i < 6; ++i) {
      Transaction change = writer.begin();
      put_task(change, numbered("u", static_cast<std::uint64_t>(i)), {.title = "later"});
      (void)change.commit(i % 3 == 2 ? folded() : relaxed());
    }
    writer.close();
  }
  expect_named_before_needed(disk.contents(kDiskPath));
  auto after = fingerprints_of(disk.contents(kDiskPath));
  EXPECT_EQ(after.size(), before.size() + 6);
  after.erase(after.upper_bound(before.rbegin()->first), after.end());
  EXPECT_EQ(after, before);
}

TEST(CompactPrefix, AFileWithoutSuchDeltasDoesNotNameIt) {
  const FileBytes small = compacted(many_deltas());
  EXPECT_EQ(prefixed_in(small), 0U) << "no snapshot folds them";
  for (const format::FrameHeader& frame : frames_of(small)) {
    bool has_trees = false;
    if (frame.kind != format::FrameKind::kCommit) continue;
    EXPECT_FALSE(names_feature(small, frame.own_offset, has_trees)) << frame.own_offset;
  }
}

TEST(CompactPrefix, ADeltaWhoseTreesDoNotNameTheFeatureIsFound) {
  RandomRecord random(random_seed());
  FileBytes file = compacted(saved_one_by_one(random, 1, 8));
  const std::string name(format::kPrefixFeature);
  for (const format::FrameHeader& frame : frames_of(file)) {
    const auto payload = payload_of(file, frame.own_offset);
    const std::size_t at = format::as_text(payload).find(name);
    if (at == std::string_view::npos) continue;
    std::memcpy(payload.data() + at, "zstd-suffix", name.size());
    reseal_frame(file, frame.own_offset);
  }
  const Verified verified = verify_bytes(file);
  const auto is_said = [](const Finding& finding) {
    return finding.code == FindingCode::kCommitField &&
           finding.message.find("which its trees do not say") != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(verified.findings.begin(), verified.findings.end(), is_said))
      << verified.text();
}

// ---- what becomes of them -----------------------------------------------------------------------

TEST(CompactPrefix, CutBehindAnyCommitItOpensAtThatCommit) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random));
  const auto states = states_of(file);
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  const Reader whole = read_on(disk);
  whole.head().history([&](const RevisionInfo& info) {
    FileBytes part = file;
    cut(part, whole.at(info.revision).view().pages()->header(info.offset).end());
    SimulatedDisk other;
    other.put(kDiskPath, part);
    for (const ReadMode mode : {ReadMode::kMapped, ReadMode::kCopy}) {
      const Snapshot head = read_on(other, kDiskPath, mode).head();
      EXPECT_EQ(head.revision(), info.revision);
      for (const Table table : kContentTables) {
        EXPECT_EQ(state_of(head).table(table), states.at(info.revision).table(table));
      }
    }
    (void)open_on(other);
    return true;
  });
}

// Such a file was synced before it got its name: a delta that is sound and leans on what is not is
// no torn tail.
TEST(CompactPrefix, CutBehindADeltaThatLeansOnDamageItDoesNotStepBack) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random, 2, 8));
  const std::uint64_t tag = value_or_throw(format::decode_file_header(file)).tag();
  std::size_t seen = 0;
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (!is_prefixed(frame)) continue;
    const auto leaning = value_or_throw(format::load_frame(file, frame.own_offset, tag));
    for (const std::uint64_t place : value_or_throw(format::read_prefixed(leaning)).offsets) {
      FileBytes damaged = file;
      cut(damaged, frame.end());
      flip_bit(damaged, (place + format::kFrameHeaderBytes + 16) * 8);
      SimulatedDisk disk;
      disk.put(kDiskPath, damaged);
      EXPECT_EQ(error_of([&] { (void)read_on(disk); }), ErrorCode::kDamaged);
      EXPECT_EQ(verify_bytes(damaged).report.verdict, Verdict::kLossy);
      RepairOptions options;
      options.files = &disk;
      options.accept_loss = true;
      EXPECT_FALSE(repair(kDiskPath, options).lost.empty());
      EXPECT_EQ(verify_bytes(disk.contents(kDiskPath)).report.verdict, Verdict::kClean);
      ++seen;
    }
  }
  EXPECT_GT(seen, 5U);
}

TEST(CompactPrefix, LayoutSaysWhatADeltaLeansOn) {
  RandomRecord random(random_seed());
  SimulatedDisk disk;
  disk.put(kDiskPath, compacted(saved_one_by_one(random)));
  std::map<std::uint64_t, std::string> kinds;
  std::size_t seen = 0;
  walk_layout(
      kDiskPath,
      [&](const LayoutEntry& entry) {
        kinds[entry.offset] = entry.kind;
        if (entry.codec != "zstd-prefix") return true;
        ++seen;
        EXPECT_EQ(entry.kind, "commit");
        EXPECT_NE(entry.detail.find("delta"), std::string::npos) << entry.detail;
        EXPECT_TRUE(std::any_of(entry.points_to.begin(), entry.points_to.end(),
                                [&](std::uint64_t at) { return kinds[at] == "leaf"; }));
        return true;
      },
      &disk);
  EXPECT_EQ(seen, prefixed_in(disk.contents(kDiskPath)));
}

// Each frame damaged in turn. What a finding names is what cannot be opened, neither more nor less.
TEST(CompactPrefix, VerifyNamesTheFrameThatIsDamagedAndTheRevisionsThatNeedIt) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random, 2, 8));
  const std::uint64_t head = fingerprints_of(file).rbegin()->first;
  std::size_t leant_on = 0;
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (frame.kind == format::FrameKind::kSeal || frame.kind == format::FrameKind::kBlob) continue;
    FileBytes damaged = file;
    flip_bit(damaged, (frame.own_offset + format::kFrameHeaderBytes + frame.stored_size / 2) * 8);
    const Revisions bad = unreadable_in(file, damaged);
    const Verified verified = verify_bytes(damaged);
    EXPECT_NE(verified.report.verdict, Verdict::kClean);
    Revisions named;
    for (const Finding& finding : verified.findings) {
      if (finding.effect == FindingEffect::kNone) continue;
      // The head vouches for all of so small a file, and a lost delta may have brought a blob.
      const bool follows =
          finding.code == FindingCode::kLostCommit || finding.code == FindingCode::kBlobMissing;
      EXPECT_TRUE(follows || finding.offset == frame.own_offset)
          << frame.own_offset << ": " << verified.text();
      named.insert(finding.revisions.begin(), finding.revisions.end());
    }
    // Nobody lists the head but itself, and what is derived is not read by a revision's content.
    if (frame.kind == format::FrameKind::kCommit && bad.contains(head)) continue;
    if (frame.table > slot(Table::kValues)) continue;
    EXPECT_TRUE(std::includes(named.begin(), named.end(), bad.begin(), bad.end()))
        << format::frame_kind_name(frame.kind) << "@" << frame.own_offset << verified.text();
    if (frame.kind != format::FrameKind::kLeaf) continue;
    EXPECT_EQ(named, bad) << "leaf@" << frame.own_offset << verified.text();
    const bool has_delta = std::any_of(bad.begin(), bad.end(), [&](std::uint64_t revision) {
      SimulatedDisk disk;
      disk.put(kDiskPath, file);
      return read_on(disk).at(revision).info().kind == CommitKind::kDelta;
    });
    if (has_delta) ++leant_on;
  }
  EXPECT_GT(leant_on, 3U);
}

}  // namespace
}  // namespace session::test
