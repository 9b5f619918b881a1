#pragma once
// What one file of a SimulatedDisk holds: what readers see, what is certainly on the platter, and
// what a crash may make of the difference. The model is explained in simulated_disk.h.

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <vector>

namespace session::test {

inline constexpr std::size_t kSectorBytes = 512;

// What a sector that did not reach the disk looks like afterwards.
enum class LostSector : std::uint8_t { kOld, kZero, kGarbage };

// Where a file ends after a crash when its last size was not synced: where it ended at the last
// sync, where the writer saw it end, or behind the last in-flight sector that was kept.
enum class LostSize : std::uint8_t { kOld, kNew, kEndOfKept };

class DiskContent {
 public:
  DiskContent() = default;
  // Durable from the start.
  explicit DiskContent(std::vector<std::byte> bytes);

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return current_; }

  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void truncate(std::uint64_t size_bytes);
  void sync();
  // The sync that reported an error: what was dirty is not durable, and counts as clean.
  void fail_sync();

  [[nodiscard]] std::size_t sectors_in_flight() const { return sectors_.size(); }
  [[nodiscard]] bool size_in_flight() const { return smallest_size_ != largest_size_; }

  // The bytes after a crash. `keeps(i)` says whether the i-th sector in flight, in the order of
  // their offsets, is kept as last written. Garbage is the same each time.
  [[nodiscard]] std::vector<std::byte> after_crash(const std::function<bool(std::size_t)>& keeps,
                                                   LostSector lost, LostSize size) const;
  // A random one: each sector new, an earlier version of itself, old, zero, garbage or torn.
  [[nodiscard]] std::vector<std::byte> after_crash(std::mt19937_64& random) const;

 private:
  using SectorBytes = std::vector<std::byte>;

  // A sector whose state on the disk is not known.
  struct Sector {
    // Bytes that were written with another value than the durable one since that was synced. The
    // others cannot change in a crash: old and new are the same.
    std::bitset<kSectorBytes> at_stake;
    std::vector<SectorBytes> earlier;  // versions that were overwritten before any sync
    std::uint64_t written_at = 0;      // grows with each write to the file
    bool dirty = true;                 // false after a failed sync: the next sync skips it
  };

  [[nodiscard]] SectorBytes sector_of(const std::vector<std::byte>& bytes, std::size_t index) const;
  void change(std::uint64_t begin, std::uint64_t end, bool without_durable_value,
              const std::function<void()>& apply);
  void note_size();
  [[nodiscard]] SectorBytes lost_bytes(std::size_t index, const Sector& sector, LostSector lost,
                                       std::mt19937_64& random) const;
  [[nodiscard]] SectorBytes random_bytes(std::size_t index, const Sector& sector,
                                         std::mt19937_64& random) const;
  [[nodiscard]] std::size_t random_size(std::size_t end_of_kept, std::mt19937_64& random) const;
  static void place(std::vector<std::byte>& result, std::size_t index, const Sector& sector,
                    const SectorBytes& bytes);

  std::vector<std::byte> current_;
  std::vector<std::byte> durable_;
  std::map<std::size_t, Sector> sectors_;
  std::size_t smallest_size_ = 0;  // of all sizes since the last sync, its own included
  std::size_t largest_size_ = 0;
  std::uint64_t writes_ = 0;
};

}  // namespace session::test
