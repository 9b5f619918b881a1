#pragma once
// Files whose deltas are compressed with the leaves they went to, and what is in them.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "format/file_header.h"
#include "lib/store/view.h"
#include "session/compact.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/random_record.h"
#include "tests/support/session_state.h"

namespace session::test {

using Revisions = std::set<std::uint64_t>;

[[nodiscard]] inline CompactOptions compacting(SimulatedDisk& disk) {
  CompactOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  return options;
}

// Messages saved one by one, tasks that change, a large text now and then; a snapshot every
// `window` commits, and some deltas behind the last one.
[[nodiscard]] inline FileBytes saved_one_by_one(RandomRecord& random, int windows = 3,
                                                int window = 8) {
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

[[nodiscard]] inline FileBytes compacted(const FileBytes& file,
                                         CompactOptions (*with)(SimulatedDisk&) = compacting) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  (void)compact(kDiskPath, with(disk));
  return disk.contents(kDiskPath);
}

[[nodiscard]] inline std::map<std::uint64_t, Digest> fingerprints_of(const FileBytes& file) {
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

[[nodiscard]] inline std::vector<format::FrameHeader> frames_of(const FileBytes& file) {
  const std::uint64_t tag = value_or_throw(format::decode_file_header(file)).tag();
  std::vector<format::FrameHeader> frames;
  for (std::uint64_t at = format::kFileHeaderBytes; at < file.size();) {
    frames.push_back(value_or_throw(format::load_frame(file, at, tag)).header);
    at = frames.back().end();
  }
  return frames;
}

[[nodiscard]] inline bool is_prefixed(const format::FrameHeader& frame) {
  return frame.codec == format::Codec::kZstdPrefix;
}

[[nodiscard]] inline std::size_t prefixed_in(const FileBytes& file) {
  const auto frames = frames_of(file);
  return static_cast<std::size_t>(std::count_if(frames.begin(), frames.end(), is_prefixed));
}

// Opens every revision of a sound file's damaged copy and reads it whole: which cannot be.
[[nodiscard]] inline Revisions unreadable_in(const FileBytes& sound, const FileBytes& damaged) {
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

}  // namespace session::test
