#pragma once
// The end of the file: where frames are appended, and what is known to be on the disk.
//
// Frames collect in memory and reach the file in large writes; a commit frame goes in one write
// with what is left. Each commit carries length and XXH3-128 of everything written since the last
// sync that completed, so a commit that reached the disk before something it needs is never
// believed.
//
// After a failed sync nothing is known about the disk any more (Linux drops the dirty pages), so
// the log is poisoned: every later call throws kPoisoned. Not thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/frame.h"
#include "lib/io/file.h"
#include "session/writer.h"

namespace session::store {

class Log {
 public:
  // `discard`: nothing is written, for a dry run.
  Log(std::shared_ptr<io::File> file, std::string path, std::uint64_t file_tag, std::uint64_t end,
      bool discard = false);

  // Where the next frame will stand.
  [[nodiscard]] std::uint64_t end() const { return written_end_ + buffer_.size(); }
  // How far the log has come: its end, and the payloads appended so far before and after
  // compression.
  struct Position {
    std::uint64_t end = 0;
    std::uint64_t raw_bytes = 0;
    std::uint64_t stored_bytes = 0;
  };
  [[nodiscard]] Position position() const { return {end(), raw_bytes_, stored_bytes_}; }
  [[nodiscard]] const std::shared_ptr<io::File>& file() const { return file_; }
  [[nodiscard]] std::uint64_t file_tag() const { return file_tag_; }

  format::FrameHeader append(format::FrameKind kind, std::uint64_t home, format::Bytes payload,
                             int compression_level = 0, std::uint16_t table = 0,
                             const format::Prefix* prefix = nullptr);
  // The payload of a frame of another file, as it stands there.
  format::FrameHeader append_stored(std::uint64_t home, const format::Frame& frame);
  // From now on every frame but those of parity is compressed at `level` or what it is given,
  // whichever is more.
  void compress_all(int level) { least_level_ = level; }
  // Hands everything to the system, so that it can be read back. No sync.
  void write_out();

  // What the next commit has to vouch for, after syncing when it would be too much.
  struct Unsynced {
    std::uint64_t bytes = 0;
    format::Hash128 hash;
  };
  [[nodiscard]] Unsynced prepare_commit();
  // Appends the commit (or seal) frame and writes. `reserve`: zeros are written ahead of it.
  format::FrameHeader finish_commit(format::FrameKind kind, std::uint64_t home,
                                    format::Bytes payload, Durability durability, bool reserve,
                                    const format::Prefix* prefix = nullptr);

  void sync();
  // Forgets what was appended since `end`, which no commit refers to. Never cuts a commit that
  // reached the file, for a reader may have seen it: poisons instead, as nobody knows then what
  // the caller made of it.
  void roll_back(std::uint64_t end);
  // Something that commits rely on could not be made durable.
  void poison() { poisoned_ = true; }
  // Cuts the file at the end of the log: reserve and remains of failed writes.
  void trim();
  void require_healthy() const;
  [[nodiscard]] bool poisoned() const { return poisoned_; }
  // Up to here the file was on the disk when the last sync completed.
  [[nodiscard]] std::uint64_t synced_end() const { return synced_end_; }

 private:
  void write_buffer(std::uint64_t zeros_behind);

  std::shared_ptr<io::File> file_;
  std::string path_;
  std::uint64_t file_tag_;
  std::uint64_t written_end_;    // of what was handed to the system
  std::uint64_t reserved_end_;   // up to here the file holds bytes or zeros
  std::uint64_t committed_end_;  // of the newest commit or seal that was handed to the system
  std::uint64_t synced_end_;
  std::vector<std::byte> buffer_;  // frames behind written_end_
  std::size_t hashed_ = 0;         // of the buffer, already in unsynced_
  format::HashStream unsynced_;
  std::uint64_t raw_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
  int least_level_ = 0;
  bool discard_;
  bool poisoned_ = false;
};

}  // namespace session::store
