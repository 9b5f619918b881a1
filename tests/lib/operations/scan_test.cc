// The scan finds every frame, whatever stands between them and however many threads look.

#include "lib/operations/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/damage.h"
#include "tests/support/disk_session.h"
#include "tests/support/faulty_reads.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

using operations::PatientFile;
using operations::PlaceSet;
using operations::Scan;

constexpr std::uint64_t kTag = 0x1234'5678'9ABC'DEF0;
// A range that one thread takes.
constexpr std::uint64_t kRange = std::uint64_t{16} << 20;

FileBytes noise(std::size_t size, std::mt19937_64& random) {
  FileBytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Frames of blobs, each three followed by one that says it is a commit, up to `size`.
struct Frames {
  FileBytes file = FileBytes(format::kFileHeaderBytes);
  std::uint64_t last_commit = 0;

  void add(format::FrameKind kind, format::Bytes payload) {
    const std::uint64_t at = file.size();
    (void)format::append_frame(file, 0, kind, last_commit, kTag, payload);
    if (kind == format::FrameKind::kCommit) last_commit = at;
  }
};

Frames frames_up_to(std::size_t size, std::size_t largest, std::mt19937_64& random) {
  Frames frames;
  const FileBytes source = noise(largest, random);
  for (int i = 0; frames.file.size() < size; ++i) {
    const auto payload = std::span(source).first(1 + random() % largest);
    frames.add(i % 4 == 3 ? format::FrameKind::kCommit : format::FrameKind::kBlob, payload);
  }
  return frames;
}

Scan scan(const FileBytes& file, unsigned jobs) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  PatientFile patient(disk.open(kDiskPath, io::OpenMode::kRead), kDiskPath);
  return operations::scan_frames(patient, kTag, format::kFileHeaderBytes, file.size(), jobs, {});
}

std::string text_of(const Scan& scan) {
  std::string text = std::to_string(scan.frame_count) + " frames";
  for (const auto& damage : scan.damages) {
    text += ", " + std::string(format::damage_name(damage.damage.kind)) + " " +
            std::to_string(damage.offset) + "-" + std::to_string(damage.end);
  }
  for (const auto& stale : scan.stale) text += ", stale " + std::to_string(stale.offset);
  for (std::uint64_t at = scan.commits.next(0); at != PlaceSet::kNone;
       at = scan.commits.next(at + 64)) {
    text += " " + std::to_string(at);
  }
  return text;
}

// Repair cannot do without the frames, however large the file is.
TEST(Scan, KnowsTheFramesOfFilesOfTheSizeThatIsAskedFor) {
  std::mt19937_64 random(7);
  const FileBytes file = frames_up_to(100'000, 5000, random).file;
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  PatientFile patient(disk.open(kDiskPath, io::OpenMode::kRead), kDiskPath);
  const auto scanned = [&](std::uint64_t exact_bytes) {
    return operations::scan_frames(patient, kTag, format::kFileHeaderBytes, file.size(), 1, {},
                                   std::nullopt, exact_bytes);
  };
  const Scan without = scanned(file.size() - 1);
  EXPECT_FALSE(without.knows_frames);
  EXPECT_EQ(without.frames.next(0), PlaceSet::kNone);
  EXPECT_NE(without.commits.next(0), PlaceSet::kNone);
  for (const std::uint64_t exact_bytes : {std::uint64_t{file.size()}, Scan::kAnyBytes}) {
    const Scan with = scanned(exact_bytes);
    EXPECT_TRUE(with.knows_frames);
    EXPECT_EQ(with.frames.next(0), format::kFileHeaderBytes);
  }
}

TEST(Scan, FindsEveryFrameOfASoundFile) {
  std::mt19937_64 random(random_seed());
  const Frames frames = frames_up_to(3 * kRange - 1'000'000, 900'000, random);
  for (const unsigned jobs : {1U, 3U}) {
    const Scan found = scan(frames.file, jobs);
    EXPECT_TRUE(found.damages.empty()) << text_of(found);
    EXPECT_TRUE(found.stale.empty()) << text_of(found);
    EXPECT_EQ(found.commits.previous(frames.file.size()), frames.last_commit);
    std::uint64_t at = format::kFileHeaderBytes;
    for (std::uint64_t i = 0; i < found.frame_count; ++i) {
      ASSERT_TRUE(found.frames.contains(at));
      at = found.frames.next(at + 64);
    }
    EXPECT_EQ(at, PlaceSet::kNone);
  }
}

TEST(Scan, ManyThreadsSeeWhatOneSees) {
  std::mt19937_64 random(random_seed());
  const Frames frames = frames_up_to(2 * kRange + 3'000'000, 300'000, random);
  for (int run = 0; run < 6; ++run) {
    FileBytes file = frames.file;
    for (int i = 0; i < 12 && !file.empty(); ++i) (void)damage_at_random(file, 1 << 20, random);
    if (file.size() < format::kFileHeaderBytes) continue;
    // And always across the border of a range.
    if (file.size() > kRange + 5000) zero_block(file, kRange - 4000, 8000);
    EXPECT_EQ(text_of(scan(file, 1)), text_of(scan(file, 3)));
  }
}

TEST(Scan, DamageAcrossTheBorderOfARangeIsOne) {
  std::mt19937_64 random(random_seed());
  Frames frames = frames_up_to(kRange + 3'000'000, 5'000, random);
  zero_block(frames.file, kRange - 20'000, 40'000);
  const Scan found = scan(frames.file, 2);
  ASSERT_LE(found.damages.size(), 2U) << text_of(found);
  // The first zeros may fall on padding, which they do not change.
  EXPECT_LT(found.damages.front().offset, kRange - 20'000 + format::kAlignBytes);
  EXPECT_GE(found.damages.back().end, kRange + 20'000);
  EXPECT_LT(found.damages.back().end, kRange + 20'000 + 6'000);
}

// Somebody put a whole frame of this very place into a payload, where a thread begins to look.
TEST(Scan, AFrameInsideOfAPayloadIsNotTakenForOne) {
  std::mt19937_64 random(random_seed());
  Frames frames;
  const FileBytes source = noise(500'000, random);
  while (frames.file.size() + 600'000 < kRange) {
    frames.add(format::FrameKind::kBlob, std::span(source).first(400'000));
  }
  const std::uint64_t outer = frames.file.size();
  FileBytes payload = noise(1'000'000, random);
  const std::uint64_t inside = kRange - outer - format::kFrameHeaderBytes;
  FileBytes forged;
  (void)format::append_frame(forged, kRange, format::FrameKind::kCommit, 0, kTag,
                             std::span(source).first(1000));
  std::copy(forged.begin(), forged.end(), payload.begin() + static_cast<std::ptrdiff_t>(inside));
  frames.add(format::FrameKind::kBlob, payload);
  for (int i = 0; i < 5; ++i) {
    frames.add(format::FrameKind::kBlob, std::span(source).first(5000));
  }
  for (const unsigned jobs : {1U, 2U}) {
    const Scan found = scan(frames.file, jobs);
    EXPECT_TRUE(found.damages.empty()) << text_of(found);
    EXPECT_TRUE(found.frames.contains(outer));
    EXPECT_FALSE(found.frames.contains(kRange));
    EXPECT_EQ(found.commits.next(0), PlaceSet::kNone);
  }
}

TEST(Scan, GoesOnBehindDamageAtTheNextFrame) {
  std::mt19937_64 random(random_seed());
  const Frames frames = frames_up_to(200'000, 3000, random);
  const Scan whole = scan(frames.file, 1);
  std::vector<std::uint64_t> places;
  for (std::uint64_t at = whole.frames.next(0); at != PlaceSet::kNone;
       at = whole.frames.next(at + 64)) {
    places.push_back(at);
  }
  for (std::size_t i = 0; i + 1 < places.size(); i += 3) {
    FileBytes file = frames.file;
    zero_block(file, places[i], 64);
    const Scan found = scan(file, 1);
    ASSERT_EQ(found.damages.size(), 1U) << text_of(found);
    EXPECT_EQ(found.damages[0].offset, places[i]);
    EXPECT_EQ(found.damages[0].end, places[i + 1]);
    EXPECT_EQ(found.frame_count, whole.frame_count - 1);
    EXPECT_EQ(found.damage_at(places[i] + 10), found.damages.data());
    EXPECT_EQ(found.damage_at(places[i + 1]), nullptr);
  }
}

TEST(Scan, StopsWhenToldTo) {
  std::mt19937_64 random(random_seed());
  const Frames frames = frames_up_to(100'000, 3000, random);
  SimulatedDisk disk;
  disk.put(kDiskPath, frames.file);
  PatientFile file(disk.open(kDiskPath, io::OpenMode::kRead), kDiskPath);
  EXPECT_EQ(error_of([&] {
              (void)operations::scan_frames(file, kTag, 64, frames.file.size(), 1,
                                            [](const Progress&) { return false; });
            }),
            ErrorCode::kInterrupted);
}

TEST(Scan, PlacesAreFoundForwardsAndBackwards) {
  std::mt19937_64 random(random_seed());
  constexpr std::uint64_t kSize = 5 * PlaceSet::kPieceBytes + 640;
  PlaceSet set(kSize);
  std::set<std::uint64_t> expected;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t at = random() % (kSize / 64) * 64;
    set.add(at);
    expected.insert(at);
  }
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t from = random() % (kSize / 64) * 64;
    const auto next = expected.lower_bound(from);
    EXPECT_EQ(set.next(from), next == expected.end() ? PlaceSet::kNone : *next);
    EXPECT_EQ(set.previous(from), next == expected.begin() ? PlaceSet::kNone : *std::prev(next));
    EXPECT_EQ(set.contains(from), expected.contains(from));
  }
}

TEST(Scan, WhatCannotBeReadIsZerosAndRemembered) {
  auto places = std::make_shared<BadPlaces>();
  places->unreadable = {{4096, 8192}, {20480, 20481}};
  FaultyReads disk(places);
  disk.put(kDiskPath, FileBytes(40'000, std::byte{7}));
  PatientFile file(disk.open(kDiskPath, io::OpenMode::kRead), kDiskPath);
  FileBytes bytes(40'000);
  EXPECT_EQ(file.read_at(0, bytes), bytes.size());
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{0}), 8192);
  EXPECT_EQ(bytes[4095], std::byte{7});
  EXPECT_EQ(bytes[8192], std::byte{7});
  EXPECT_TRUE(file.is_unreadable(8000, 10));
  EXPECT_TRUE(file.is_unreadable(0, 4097));
  EXPECT_FALSE(file.is_unreadable(0, 4096));
  EXPECT_FALSE(file.is_unreadable(8192, 100));
  EXPECT_TRUE(file.is_unreadable(20480, 1));
}

}  // namespace
}  // namespace session::test
