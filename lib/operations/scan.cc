#include "lib/operations/scan.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace session::operations {
namespace {

using format::Bytes;
using format::Damage;
using format::DamageKind;
using format::FrameHeader;
using format::FrameKind;

constexpr std::uint64_t kReadBytes = std::uint64_t{256} << 10;  // stays in the processor's cache
constexpr std::uint64_t kRangeBytes = 8 * PlaceSet::kPieceBytes;
// A range with more would not be read by anybody one by one.
constexpr std::size_t kMaxStale = 1024;

// The file through a buffer that is read at once.
class Window {
 public:
  Window(PatientFile& file, std::uint64_t end) : file_(file), end_(end) {}

  // [offset, offset + length), less at the end.
  [[nodiscard]] Bytes at(std::uint64_t offset, std::uint64_t length) {
    length = std::min(length, end_ - std::min(offset, end_));
    if (offset < begin_ || !format::fits(offset - begin_, length, size_)) fill(offset, length);
    const std::uint64_t skip = offset - begin_;
    return Bytes(buffer_).subspan(skip, std::min(length, size_ - skip));
  }
  // The same past the buffer: what the disk says when asked again.
  [[nodiscard]] std::vector<std::byte> again(std::uint64_t offset, std::uint64_t length) {
    std::vector<std::byte> bytes(std::min(length, end_ - std::min(offset, end_)));
    bytes.resize(file_.read_at(offset, bytes));
    return bytes;
  }
  [[nodiscard]] std::uint64_t end() const { return end_; }

 private:
  void fill(std::uint64_t offset, std::uint64_t length) {
    buffer_.resize(std::max(kReadBytes, length));
    begin_ = offset;
    const std::uint64_t wanted = std::min<std::uint64_t>(buffer_.size(), end_ - offset);
    size_ = file_.read_at(offset, std::span(buffer_).first(wanted));
  }

  PatientFile& file_;
  std::uint64_t end_;
  std::vector<std::byte> buffer_;
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
};

// What one range comes to.
struct RangeResult {
  std::uint64_t first = 0;    // where its first frame stands; its end if there is none
  std::uint64_t stopped = 0;  // where the walk stands: at or behind the range's end
  bool is_lost = false;       // stopped inside damage
  std::optional<std::uint64_t> first_home;  // of the frames before the first commit
  std::optional<std::uint64_t> last_commit;
  std::vector<ScanDamage> damages;
  std::vector<StaleFrame> stale;
  std::vector<Span> transient;
  std::vector<LeafFacts> leaves;
  std::uint64_t frame_count = 0;
};

struct LeafLook {
  std::optional<LeafRules> rules;
  std::size_t most_a_range = 0;
};

class RangeScan {
 public:
  RangeScan(PatientFile& file, std::uint64_t tag, std::uint64_t end, Scan& map,
            const LeafLook& leaves)
      : file_(file), window_(file, end), tag_(tag), map_(map), leaves_(leaves) {}

  // The frames that begin in [begin, limit). `synced`: one is known to begin at `begin`, or ought
  // to; else the first valid header is looked for.
  RangeResult run(std::uint64_t begin, std::uint64_t limit, bool synced) {
    result_ = {};
    before_ = {};
    // At once, so that growing leaves nothing behind; what is not used takes no memory.
    constexpr std::uint64_t kLeastBytes = 2 * format::kAlignBytes;
    if (leaves_.rules) {
      result_.leaves.reserve(
          std::min<std::uint64_t>(leaves_.most_a_range, (limit - begin) / kLeastBytes));
    }
    std::uint64_t at = synced ? begin : next_header(begin, limit);
    result_.first = at;
    while (at < limit) at = step(at, limit);
    result_.stopped = at;
    return std::move(result_);
  }
  [[nodiscard]] ScanDamage damage_of(std::uint64_t at, std::uint64_t end) {
    auto decoded = format::decode_frame_header(window_.at(at, format::kFrameHeaderBytes), at, tag_);
    const Damage* found = format::damage_in(decoded);
    return note(at, end,
                found != nullptr ? *found
                                 : Damage{at, end - at, DamageKind::kMagic, "no frame begins here"},
                std::nullopt);
  }

 private:
  using Decoded = format::OrDamage<FrameHeader>;

  [[nodiscard]] Decoded decode(std::uint64_t at) {
    return format::decode_frame_header(window_.at(at, format::kFrameHeaderBytes), at, tag_);
  }
  // The first place in [from, limit) with a valid header; `limit` if there is none.
  [[nodiscard]] std::uint64_t next_header(std::uint64_t from, std::uint64_t limit) {
    for (; from < limit; from += format::kAlignBytes) {
      const Bytes bytes = window_.at(from, format::kFrameHeaderBytes);
      if (bytes.size() < format::kFrameHeaderBytes) return limit;
      if (format::load<std::uint32_t>(bytes, 0) != format::kFrameMagic) continue;
      if (format::damage_in(decode(from)) == nullptr) return from;
    }
    return limit;
  }

  static std::optional<Damage> wrong_body(const FrameHeader& header, Bytes frame) {
    if (frame.size() < header.frame_bytes()) {
      return Damage{header.own_offset, frame.size(), DamageKind::kBeyondEnd,
                    "the frame reaches beyond the end"};
    }
    const Bytes stored = frame.subspan(format::kFrameHeaderBytes, header.stored_size);
    const std::uint64_t behind = format::kFrameHeaderBytes + header.stored_size;
    if (format::xxh3_128(stored) != header.payload_hash) {
      return Damage{header.own_offset + format::kFrameHeaderBytes, header.stored_size,
                    DamageKind::kPayloadHash,
                    "the payload of the " + std::string(frame_kind_name(header.kind)) +
                        " frame does not hash to what its header says"};
    }
    if (!format::all_zero(frame.subspan(behind, header.frame_bytes() - behind))) {
      return Damage{header.own_offset + behind, header.frame_bytes() - behind, DamageKind::kPadding,
                    "the padding behind a frame is not zero"};
    }
    return std::nullopt;
  }

  // One frame, or one stretch of damage. Where to go on.
  std::uint64_t step(std::uint64_t at, std::uint64_t limit) {
    const Decoded decoded = decode(at);
    if (const Damage* found = format::damage_in(decoded)) return skip_no_frame(at, limit, *found);
    const FrameHeader header = std::get<FrameHeader>(decoded);
    const Bytes frame = window_.at(at, header.frame_bytes());
    const auto wrong = wrong_body(header, frame);
    if (!wrong) {
      look_into(header, frame);
      return accept(header);
    }
    const std::vector<std::byte> second = window_.again(at, header.frame_bytes());
    const auto still = format::decode_frame_header(second, at, tag_);
    if (format::damage_in(still) == nullptr && std::get<FrameHeader>(still) == header &&
        !wrong_body(header, second)) {
      result_.transient.push_back({at, header.frame_bytes()});
      return accept(header);
    }
    return skip_bad_body(header, *wrong, limit);
  }

  std::uint64_t accept(const FrameHeader& header) {
    ++result_.frame_count;
    if (map_.knows_frames) map_.frames.add(header.own_offset);
    check_home(header);
    if (header.kind == FrameKind::kCommit) {
      map_.commits.add(header.own_offset);
      result_.last_commit = header.own_offset;
    }
    return header.end();
  }

  // A leaf that cannot be unpacked has no facts; the walk says why.
  void look_into(const FrameHeader& header, Bytes frame) {
    if (!leaves_.rules || header.kind != FrameKind::kLeaf) return;
    if (result_.leaves.size() >= leaves_.most_a_range) return;
    const Bytes stored = frame.subspan(format::kFrameHeaderBytes, header.stored_size);
    const auto raw = format::raw_payload({header, stored}, unpacked_);
    if (format::damage_in(raw) != nullptr) return;
    if (auto facts = facts_of_leaf(header, std::get<Bytes>(raw), *leaves_.rules, before_)) {
      result_.leaves.push_back(*facts);
    }
  }

  void check_home(const FrameHeader& header) {
    std::uint64_t expected = 0;
    if (result_.last_commit) {
      expected = *result_.last_commit;
    } else {
      if (!result_.first_home) result_.first_home = header.home;
      expected = *result_.first_home;
    }
    if (header.home != expected && result_.stale.size() < kMaxStale) {
      result_.stale.push_back({header.own_offset, header.frame_bytes(), header.home, expected});
    }
  }

  std::uint64_t skip_no_frame(std::uint64_t at, std::uint64_t limit, const Damage& first) {
    const std::vector<std::byte> second = window_.again(at, format::kFrameHeaderBytes);
    const auto decoded = format::decode_frame_header(second, at, tag_);
    if (format::damage_in(decoded) == nullptr) {
      const FrameHeader& header = std::get<FrameHeader>(decoded);
      const std::vector<std::byte> frame = window_.again(at, header.frame_bytes());
      if (!wrong_body(header, frame)) {
        result_.transient.push_back({at, format::kFrameHeaderBytes});
        return accept(header);
      }
    }
    const std::uint64_t next = next_header(at + format::kAlignBytes, limit);
    result_.is_lost = next >= limit;
    add(note(at, next, first, std::nullopt));
    return next;
  }

  // The header is sound, so it says where the next frame begins, if one does there. If none does,
  // it may have been left by another time, and the next frame stands somewhere behind it.
  std::uint64_t skip_bad_body(const FrameHeader& header, const Damage& damage,
                              std::uint64_t limit) {
    std::uint64_t next = window_.end();
    const bool fits = format::fits(header.own_offset, header.frame_bytes(), window_.end());
    if (fits) next = header.end();
    if (next < window_.end() && format::damage_in(decode(next)) != nullptr) {
      const std::uint64_t inside = next_header(header.own_offset + format::kAlignBytes, next);
      if (inside < next) next = inside;
    } else if (!fits) {
      next = next_header(header.own_offset + format::kAlignBytes, limit);
      result_.is_lost = next >= limit;
    }
    add(note(header.own_offset, next, damage, header));
    return next;
  }

  [[nodiscard]] ScanDamage note(std::uint64_t at, std::uint64_t end, Damage damage,
                                std::optional<FrameHeader> header) const {
    if (!header) {
      damage.offset = at;
      damage.length = end - at;
    }
    return {at, end, std::move(damage), header,
            file_.is_unreadable(at, std::max<std::uint64_t>(end - at, 1))};
  }
  void add(ScanDamage damage) {
    if (result_.damages.size() < Scan::kMaxDamages) {
      result_.damages.push_back(std::move(damage));
    } else {
      result_.damages.back().end = damage.end;
    }
  }

  PatientFile& file_;
  Window window_;
  std::uint64_t tag_;
  Scan& map_;
  LeafLook leaves_;
  std::vector<std::byte> unpacked_;
  LeafBefore before_;
  RangeResult result_;
};

struct RangePlan {
  std::uint64_t begin = 0;
  std::uint64_t limit = 0;
};

std::vector<RangePlan> plan_ranges(std::uint64_t begin, std::uint64_t end) {
  std::vector<RangePlan> plan;
  while (begin < end) {
    const std::uint64_t limit = std::min((begin / kRangeBytes + 1) * kRangeBytes, end);
    plan.push_back({begin, limit});
    begin = limit;
  }
  return plan;
}

// Runs the ranges on threads while the caller's thread reports.
class Pool {
 public:
  Pool(PatientFile& file, std::uint64_t tag, std::uint64_t end, Scan& map, const LeafLook& leaves,
       const std::vector<RangePlan>& plan)
      : file_(file),
        tag_(tag),
        end_(end),
        map_(map),
        leaves_(leaves),
        plan_(plan),
        results_(plan.size()) {}

  std::vector<RangeResult> run(unsigned jobs, const ProgressCallback& progress) {
    const std::size_t count = std::min<std::size_t>(jobs, plan_.size());
    if (count <= 1) {
      RangeScan scan(file_, tag_, end_, map_, leaves_);
      for (std::size_t i = 0; i < plan_.size() && !stopped_; ++i) {
        results_[i] = scan.run(plan_[i].begin, plan_[i].limit, i == 0);
        done_bytes_ += plan_[i].limit - plan_[i].begin;
        report(progress);
      }
      rethrow();
      return std::move(results_);
    }
    {
      std::vector<std::jthread> threads;
      const Stop stop{stopped_};  // for who leaves early: a thread that cannot be made, a callback
      threads.reserve(count);
      while (running_ < count && start_one(threads)) {
      }
      wait(progress);
    }
    rethrow();
    return std::move(results_);
  }

 private:
  struct Stop {
    std::atomic<bool>& flag;
    ~Stop() { flag = true; }
  };

  // False where the system allows no more threads: those there are do all the work.
  bool start_one(std::vector<std::jthread>& threads) {
    try {
      threads.emplace_back([this] { work(); });
    } catch (const std::system_error& failure) {
      if (running_ != 0) return false;
      throw Error(ErrorCode::kIo, std::string("no thread can be made: ") + failure.what());
    }
    ++running_;
    return true;
  }

  void work() {
    try {
      RangeScan scan(file_, tag_, end_, map_, leaves_);
      while (!stopped_) {
        const std::size_t at = next_++;
        if (at >= plan_.size()) break;
        results_[at] = scan.run(plan_[at].begin, plan_[at].limit, at == 0);
        done_bytes_ += plan_[at].limit - plan_[at].begin;
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stopped_ = true;
    }
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }

  void wait(const ProgressCallback& progress) {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex_);
    while (running_ != ended_) {
      changed_.wait_for(lock, 50ms);
      lock.unlock();
      report(progress);
      lock.lock();
    }
  }

  void report(const ProgressCallback& progress) {
    if (!progress || stopped_) return;
    if (progress({"verifying", done_bytes_, end_})) return;
    stopped_ = true;
    const std::lock_guard lock(mutex_);
    if (!failure_) {
      failure_ = std::make_exception_ptr(Error(ErrorCode::kInterrupted, "stopped on request"));
    }
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  PatientFile& file_;
  std::uint64_t tag_;
  std::uint64_t end_;
  Scan& map_;
  const LeafLook& leaves_;
  const std::vector<RangePlan>& plan_;
  std::vector<RangeResult> results_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> done_bytes_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;  // of the caller's thread
  std::size_t ended_ = 0;
  std::exception_ptr failure_;
};

// Puts the ranges together.
class Stitch {
 public:
  Stitch(Scan& map, RangeScan& scan) : map_(map), scan_(scan) {}

  void add(const RangePlan& plan, RangeResult result, bool is_first) {
    if (!is_first) join(plan, result);
    check_home(result);
    map_.frame_count += result.frame_count;
    for (ScanDamage& damage : result.damages) add(std::move(damage));
    append(map_.stale, result.stale, kMaxStale);
    append(map_.transient, result.transient, Scan::kMaxDamages);
    map_.leaves.push_back(std::move(result.leaves));
    position_ = result.stopped;
    is_lost_ = result.is_lost;
  }

 private:
  template <class T>
  static void append(std::vector<T>& to, const std::vector<T>& from, std::size_t most) {
    const std::size_t room = most - std::min(most, to.size());
    to.insert(to.end(), from.begin(),
              from.begin() + static_cast<std::ptrdiff_t>(std::min(room, from.size())));
  }

  void join(const RangePlan& plan, RangeResult& result) {
    if (is_lost_) {  // inside damage, which goes on up to the first frame
      if (!map_.damages.empty()) extend(map_.damages.back(), result.first);
      result.is_lost = result.is_lost || result.first >= plan.limit;
      return;
    }
    if (position_ == result.first) return;
    if (position_ < result.first) {
      add(scan_.damage_of(position_, result.first));
      result.is_lost = result.is_lost || result.first >= plan.limit;
      return;
    }
    map_.frames.clear(plan.begin, plan.limit);
    map_.commits.clear(plan.begin, plan.limit);
    result = scan_.run(std::min(position_, plan.limit), plan.limit, true);
    result.stopped = std::max(result.stopped, position_);
  }

  static void extend(ScanDamage& damage, std::uint64_t end) {
    damage.end = std::max(damage.end, end);
    if (!damage.header) damage.damage.length = damage.end - damage.offset;
  }

  void check_home(RangeResult& result) {
    if (result.first_home && *result.first_home != last_commit_ &&
        result.stale.size() < kMaxStale) {
      result.stale.push_back({result.first, 0, *result.first_home, last_commit_});
    }
    if (result.last_commit) last_commit_ = *result.last_commit;
  }

  void add(ScanDamage damage) {
    if (map_.damages.size() < Scan::kMaxDamages) {
      map_.damages.push_back(std::move(damage));
    } else {
      extend(map_.damages.back(), damage.end);
    }
  }

  Scan& map_;
  RangeScan& scan_;
  std::uint64_t position_ = 0;
  bool is_lost_ = false;
  std::uint64_t last_commit_ = 0;
};

}  // namespace

const ScanDamage* Scan::damage_at(std::uint64_t offset) const {
  auto behind = std::upper_bound(
      damages.begin(), damages.end(), offset,
      [](std::uint64_t at, const ScanDamage& damage) { return at < damage.offset; });
  if (behind == damages.begin()) return nullptr;
  --behind;
  return offset < behind->end ? &*behind : nullptr;
}

const LeafFacts* LeafFinder::at(std::uint64_t offset) {
  // The first range begins behind the file header, all others at a multiple of their size.
  const std::uint64_t range = offset / kRangeBytes;
  if (range >= scan_.leaves.size() || !format::is_aligned(offset)) return nullptr;
  const std::vector<LeafFacts>& known = scan_.leaves[range];
  const std::uint64_t place = offset / format::kAlignBytes;
  if (range != range_) next_ = 0;
  range_ = range;
  if (next_ >= known.size() || known[next_].place != place) {
    const auto found = std::lower_bound(
        known.begin(), known.end(), place,
        [](const LeafFacts& facts, std::uint64_t wanted) { return facts.place < wanted; });
    next_ = static_cast<std::size_t>(found - known.begin());
    if (found == known.end() || found->place != place) return nullptr;
  }
  return &known[next_++];
}

Scan scan_frames(PatientFile& file, std::uint64_t file_tag, std::uint64_t begin, std::uint64_t end,
                 unsigned jobs, const ProgressCallback& progress,
                 const std::optional<LeafRules>& rules, std::uint64_t exact_bytes) {
  Scan map(end);
  map.knows_frames = end <= exact_bytes;
  map.bytes = end - std::min(begin, end);
  if (jobs == 0) jobs = std::max(1U, std::thread::hardware_concurrency());
  const std::vector<RangePlan> plan = plan_ranges(begin, end);
  const LeafLook leaves{map.knows_frames ? rules : std::nullopt,
                        Scan::kMaxLeafFacts / std::max<std::size_t>(plan.size(), 1)};
  std::vector<RangeResult> results =
      Pool(file, file_tag, end, map, leaves, plan).run(jobs, progress);
  RangeScan scan(file, file_tag, end, map, leaves);
  Stitch stitch(map, scan);
  for (std::size_t i = 0; i < plan.size(); ++i) stitch.add(plan[i], std::move(results[i]), i == 0);
  // A home inside damage is the commit that was lost there.
  std::erase_if(map.stale, [&](const StaleFrame& frame) {
    return frame.home > frame.expected && map.damage_at(frame.home) != nullptr;
  });
  return map;
}

std::optional<FrameHeader> find_any_frame(PatientFile& file, std::uint64_t from,
                                          std::uint64_t end) {
  Window window(file, end);
  for (; format::fits(from, format::kFrameHeaderBytes, end); from += format::kAlignBytes) {
    const Bytes bytes = window.at(from, format::kFrameHeaderBytes);
    if (bytes.size() < format::kFrameHeaderBytes) return std::nullopt;
    if (format::load<std::uint32_t>(bytes, 0) != format::kFrameMagic) continue;
    constexpr std::size_t kTagAt = 32;
    const auto decoded =
        format::decode_frame_header(bytes, from, format::load<std::uint64_t>(bytes, kTagAt));
    if (format::damage_in(decoded) == nullptr) return std::get<FrameHeader>(decoded);
  }
  return std::nullopt;
}

}  // namespace session::operations
