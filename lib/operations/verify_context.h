#pragma once
// What the checks of structure share.

#include <functional>
#include <string>
#include <string_view>

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
  const store::PageSource& pages;
  const Scan* scan = nullptr;  // nothing at kQuick
  DamageBook& book;
  FindingLog& log;
  std::function<void(std::uint64_t bytes)> advance;  // throws kInterrupted

  // Bytes of frames that were looked at where there is no scan that counts them.
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
};

// A key as people and scripts read it: blobs in hex, revisions in decimal, of a child its own key.
[[nodiscard]] std::string key_text(Table table, std::string_view key);

}  // namespace session::operations
