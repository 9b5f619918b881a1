#pragma once
// What the checks of structure share.

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/file_header.h"
#include "lib/operations/scan.h"
#include "lib/operations/verify_damage.h"
#include "lib/operations/verify_log.h"
#include "lib/store/page_source.h"

namespace session::operations {

struct VerifyContext {
  VerifyLevel level = VerifyLevel::kDefault;
  PatientFile& file;
  format::FileHeader header;
  const store::PageSource& pages;  // for look-ups, which come back to the same pages
  const store::PageSource& once;   // for the walk, which does not
  const Scan* scan = nullptr;      // nothing at kQuick
  DamageBook& book;
  FindingLog& log;
  std::function<void(std::uint64_t bytes)> advance;  // throws kInterrupted

  // A page; what the scan found sound is asked for again before it is called damaged.
  [[nodiscard]] format::OrDamage<store::Page> load(std::uint64_t offset, format::FrameKind kind,
                                                   std::uint32_t expected_stored_size = 0) {
    auto page = once.load(offset, kind, expected_stored_size);
    if (format::damage_in(page) == nullptr) return page;
    if (scan != nullptr && scan->damage_at(offset) != nullptr) return page;
    auto again = once.load(offset, kind);
    if (format::damage_in(again) == nullptr) transient.push_back({offset, 0});
    return again;
  }

  // Bytes of frames that were looked at where there is no scan that counts them.
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::vector<Span> transient;  // frames that were read wrongly once

  // sum_of_places() of all leaves below an index page just above them, for who asks again: enough
  // for some 8 GiB of tasks. When it is full it forgets, and the newest trees come last.
  static constexpr std::size_t kMaxPlaces = std::size_t{1} << 16;
  std::unordered_map<std::uint64_t, std::uint64_t> places;
  void remember_places(std::uint64_t offset, std::uint64_t sum) {
    if (places.size() == kMaxPlaces) places.clear();
    places.emplace(offset, sum);
  }
};

// A key as people and scripts read it: blobs in hex, revisions in decimal, of a child its own key.
[[nodiscard]] std::string key_text(Table table, std::string_view key);

}  // namespace session::operations
