// Files whose deltas are compressed with the leaves they went to: they hold what they held, name
// what they need, and what is damaged in them is known exactly.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "format/file_header.h"
#include "format/prefix.h"
#include "lib/store/view.h"
#include "session/compact.h"
#include "session/layout.h"
#include "session/protect.h"
#include "session/repair.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using Revisions = std::set<std::uint64_t>;

CompactOptions compacting(SimulatedDisk& disk) {
  CompactOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  return options;
}

// Messages saved one by one, tasks that change, a large text now and then; a snapshot every
// `window` commits, and some deltas behind the last one.
FileBytes saved_one_by_one(RandomRecord& random, int windows = 3, int window = 8) {
  return file_with([&](Writer& writer) {
    for (int i = 0; i < windows * window + window / 2; ++i) {
      Transaction change = writer.begin();
      const std::string number = numbered("", static_cast<std::uint64_t>(i));
      put_message(change, number, "message " + std::to_string(random.number()) + number);
      if (random.one_in(3)) {
        put_task(change, numbered("t", random.below(6)),
                 {.title = "at " + number, .parent = {}, .rank = i});
      }
      if (random.one_in(6)) (void)change.erase(Table::kTasks, numbered("t", random.below(6)));
      if (random.one_in(8)) put_value(change, "v/" + number, std::string(5000, 'a'));
      CommitOptions options = relaxed();
      options.as_snapshot = i % window == 0;
      options.message = "save " + number;
      (void)change.commit(options);
    }
  });
}

FileBytes compacted(const FileBytes& file, CompactOptions (*with)(SimulatedDisk&) = compacting) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  (void)compact(kDiskPath, with(disk));
  return disk.contents(kDiskPath);
}

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

std::map<std::uint64_t, Digest> fingerprints_of(const FileBytes& file) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  std::map<std::uint64_t, Digest> found;
  const Reader reader = read_on(disk);
  reader.head().history([&](const RevisionInfo& info) {
    found[info.revision] = reader.at(info.revision).fingerprint();
    return true;
  });
  return found;
}

std::vector<format::FrameHeader> frames_of(const FileBytes& file) {
  const std::uint64_t tag = value_or_throw(format::decode_file_header(file)).tag();
  std::vector<format::FrameHeader> frames;
  for (std::uint64_t at = format::kFileHeaderBytes; at < file.size();) {
    frames.push_back(value_or_throw(format::load_frame(file, at, tag)).header);
    at = frames.back().end();
  }
  return frames;
}

bool is_prefixed(const format::FrameHeader& frame) {
  return frame.codec == format::Codec::kZstdPrefix;
}

std::size_t prefixed_in(const FileBytes& file) {
  const auto frames = frames_of(file);
  return static_cast<std::size_t>(std::count_if(frames.begin(), frames.end(), is_prefixed));
}

// Opens every revision of a sound file's damaged copy and reads it whole: which cannot be.
Revisions unreadable_in(const FileBytes& sound, const FileBytes& damaged) {
  SimulatedDisk good;
  good.put(kDiskPath, sound);
  SimulatedDisk disk;
  disk.put(kDiskPath, damaged);
  const Reader was = read_on(good);
  const auto file = std::shared_ptr<io::File>(disk.open(kDiskPath, io::OpenMode::kRead));
  const format::FileHeader header = value_or_throw(format::decode_file_header(sound));
  Revisions bad;
  was.head().history([&](const RevisionInfo& info) {
    try {
      const auto pages =
          std::make_shared<store::PageSource>(file, damaged.size(), header.tag(), false);
      (void)state_of(Snapshot(store::View::open(pages, header, info.offset)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
      bad.insert(info.revision);
    }
    return true;
  });
  return bad;
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

// Without parity: what cannot be opened is listed as lost, and all else is as it was.
TEST(CompactPrefix, RepairLosesExactlyWhatLeansOnWhatIsLost) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random, 2, 6));
  const auto fingerprints = fingerprints_of(file);
  for (const format::FrameHeader& frame : frames_of(file)) {
    const bool may_be_leant_on =
        frame.kind == format::FrameKind::kLeaf || frame.kind == format::FrameKind::kCommit;
    if (!may_be_leant_on || frame.table > slot(Table::kValues)) continue;
    FileBytes damaged = file;
    flip_bit(damaged, (frame.own_offset + format::kFrameHeaderBytes + frame.stored_size / 2) * 8);
    const Revisions bad = unreadable_in(file, damaged);
    SimulatedDisk disk;
    disk.put(kDiskPath, damaged);
    RepairOptions options;
    options.files = &disk;
    options.accept_loss = true;
    const RepairReport report = repair(kDiskPath, options);
    SCOPED_TRACE(std::string(format::frame_kind_name(frame.kind)) + "@" +
                 std::to_string(frame.own_offset));
    EXPECT_EQ(verify_bytes(disk.contents(kDiskPath), VerifyLevel::kFull).report.verdict,
              Verdict::kClean);
    Revisions lost;
    for (const LostItem& item : report.lost) {
      if (item.revision != 0) lost.insert(item.revision);
    }
    const auto left = fingerprints_of(disk.contents(kDiskPath));
    for (const auto& [revision, fingerprint] : fingerprints) {
      EXPECT_NE(left.contains(revision), lost.contains(revision)) << revision;
      if (!bad.contains(revision)) {
        ASSERT_TRUE(left.contains(revision)) << revision;
        EXPECT_EQ(left.at(revision), fingerprint) << revision;
      }
    }
  }
}

TEST(CompactPrefixProperty, RepairKeepsWhatIsWholeAfterAnyDamage) {
  RandomRecord random(random_seed());
  std::mt19937_64 damaging(random.number());
  const FileBytes file = compacted(saved_one_by_one(random));
  const auto fingerprints = fingerprints_of(file);
  for (int round = 0; round < 40; ++round) {
    FileBytes damaged = file;
    std::string deed;
    for (int i = 0; i <= round % 3; ++i) deed += damage_at_random(damaged, 700, damaging) + "; ";
    SimulatedDisk disk;
    disk.put(kDiskPath, damaged);
    RepairOptions options;
    options.files = &disk;
    options.accept_loss = true;
    SCOPED_TRACE(deed);
    if (error_of([&] { (void)repair(kDiskPath, options); }) == ErrorCode::kNotASession) continue;
    const Verified verified = verify_bytes(disk.contents(kDiskPath), VerifyLevel::kFull);
    EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
    const std::uint64_t newest = fingerprints.rbegin()->first;
    for (const auto& [revision, fingerprint] : fingerprints_of(disk.contents(kDiskPath))) {
      if (revision > newest || !fingerprints.contains(revision)) continue;
      // A head that was lost is made anew, with its number if nobody knows that it was there.
      const bool is_made = read_on(disk).at(revision).info().message == "repaired";
      EXPECT_TRUE(is_made || fingerprint == fingerprints.at(revision)) << revision;
    }
  }
}

// The leaves stand before the deltas that led to them, and are newer.
TEST(CompactPrefix, WhereTheSnapshotIsLostItsLeavesAreStillTheNewestWord) {
  FileBytes file = compacted(file_with([&](Writer& writer) {
    for (int i = 1; i <= 6; ++i) {
      Transaction change = writer.begin();
      put_value(change, "v/counter", "at " + std::to_string(i) + " of a row of saved values");
      put_value(change, "v/" + std::to_string(i), "beside it, so that the leaf is worth it");
      (void)change.commit(relaxed());
    }
    Transaction change = writer.begin();
    put_value(change, "v/other", "the last");
    (void)change.commit(folded());
  }));
  const auto frames = frames_of(file);
  std::vector<format::FrameHeader> commits;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(commits),
               [](const auto& frame) { return frame.kind == format::FrameKind::kCommit; });
  ASSERT_TRUE(is_prefixed(commits[commits.size() - 3]));
  // The snapshot, and the delta that brought the counter's last value.
  for (const std::size_t back : {1U, 2U}) {
    const format::FrameHeader& lost = commits[commits.size() - back];
    zero_block(file, lost.own_offset, lost.frame_bytes());
  }
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  (void)repair(kDiskPath, options);
  const Snapshot head = read_on(disk).head();
  const auto counter = head.get<schema::Value>("v/counter");
  ASSERT_TRUE(counter);
  EXPECT_EQ(text((*counter)->getText()), "at 6 of a row of saved values");
}

// So are they where the last deltas before that snapshot have nothing to lean on.
TEST(CompactPrefix, ALeafWrittenAheadIsNewerThanADeltaThatLeansOnNothing) {
  RandomRecord random(random_seed());
  const auto noise = [&] {
    std::string bytes(3000, 0);
    for (char& byte : bytes) byte = static_cast<char>(random.number());
    return bytes;
  };
  const auto put_bytes = [](Transaction& change, std::string_view key, const std::string& bytes) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Value>().setBytes(
        {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
    change.upsert(key, message.getRoot<schema::Value>().asReader());
  };
  std::string last;
  FileBytes file = compacted(file_with([&](Writer& writer) {
    for (int i = 1; i <= 7; ++i) {
      Transaction change = writer.begin();
      if (i >= 6) {
        last = noise();
        put_bytes(change, "v/k", last);
      } else {
        put_value(change, "v/" + std::to_string(i), "beside it, so that the leaf is worth it");
      }
      (void)change.commit(relaxed());
    }
    Transaction change = writer.begin();
    put_value(change, "v/other", "the last");
    (void)change.commit(folded());
  }));
  const auto frames = frames_of(file);
  std::vector<format::FrameHeader> commits;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(commits),
               [](const auto& frame) { return frame.kind == format::FrameKind::kCommit; });
  ASSERT_TRUE(is_prefixed(commits[commits.size() - 4]));
  ASSERT_FALSE(is_prefixed(commits[commits.size() - 3]));
  for (const std::size_t back : {1U, 2U}) {
    const format::FrameHeader& lost = commits[commits.size() - back];
    zero_block(file, lost.own_offset, lost.frame_bytes());
  }
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  (void)repair(kDiskPath, options);
  const Snapshot head = read_on(disk).head();
  const auto value = head.get<schema::Value>("v/k");
  ASSERT_TRUE(value);
  const auto bytes = (*value)->getBytes();
  EXPECT_TRUE(std::ranges::equal(bytes.asChars(), last));
}

// A delta that does not lean on the lost leaf says what its records were last.
TEST(CompactPrefix, WhatAReadableDeltaBehindALostLeafSaysIsTaken) {
  FileBytes file = compacted(file_with([&](Writer& writer) {
    for (int i = 0; i < 8; ++i) {
      Transaction change = writer.begin();
      // The first delta behind the first snapshot, which the others lean on, has it last.
      if (i < 2) put_value(change, "v/counter", "at " + std::to_string(i));
      put_value(change, "v/d" + std::to_string(i), "one of a row of values that were saved");
      (void)change.commit(i == 0 || i == 7 ? folded() : relaxed());
    }
  }));
  ASSERT_GT(prefixed_in(file), 3U);
  format::FrameHeader leaf;
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (frame.kind != format::FrameKind::kLeaf || frame.table != slot(Table::kValues)) continue;
    const std::string_view payload = format::as_text(payload_of(file, frame.own_offset));
    if (payload.find("v/counter") != std::string_view::npos) leaf = frame;
  }
  zero_block(file, leaf.own_offset, leaf.frame_bytes());
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  (void)repair(kDiskPath, options);
  const Snapshot head = read_on(disk).head();
  const auto counter = head.get<schema::Value>("v/counter");
  ASSERT_TRUE(counter);
  EXPECT_EQ(text((*counter)->getText()), "at 1");
}

TEST(CompactPrefix, WithParityItIsRepairedToTheBit) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random), [](SimulatedDisk& disk) {
    CompactOptions options = compacting(disk);
    options.parity_percent = 20;
    return options;
  });
  ASSERT_GT(prefixed_in(file), 5U);
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (frame.kind != format::FrameKind::kLeaf && !is_prefixed(frame)) continue;
    FileBytes damaged = file;
    zero_block(damaged, frame.own_offset, frame.frame_bytes());
    SimulatedDisk disk;
    disk.put(kDiskPath, damaged);
    RepairOptions options;
    options.files = &disk;
    EXPECT_EQ(repair(kDiskPath, options).verdict, RepairVerdict::kRestored);
    EXPECT_EQ(disk.contents(kDiskPath), file) << frame.own_offset;
  }
}

}  // namespace
}  // namespace session::test
