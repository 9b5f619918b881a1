#include "session/error.h"

#include <array>
#include <utility>

namespace session {
namespace {

constexpr std::array<std::string_view, 13> kNames = {
    "usage",     "limit",  "io",     "not_a_session", "newer_version", "bad_source", "damaged",
    "not_found", "exists", "locked", "poisoned",      "interrupted",   "internal"};
static_assert(kNames.size() == static_cast<std::size_t>(ErrorCode::kInternal) + 1);

std::string full_text(const std::string& what, const std::string& file,
                      std::optional<std::uint64_t> offset) {
  std::string text = file;
  if (offset) text += (text.empty() ? "offset " : " at offset ") + std::to_string(*offset);
  if (!text.empty()) text += ": ";
  return text + what;
}

}  // namespace

std::string_view error_code_name(ErrorCode code) {
  return kNames.at(static_cast<std::size_t>(code));
}

Error::Error(ErrorCode code, const std::string& what, std::string file,
             std::optional<std::uint64_t> offset)
    : std::runtime_error(full_text(what, file, offset)),
      code_(code),
      message_(what),
      file_(std::move(file)),
      offset_(offset) {}

Error Error::in_file(const std::string& file) const {
  return file_.empty() ? Error(code_, message_, file, offset_) : *this;
}

}  // namespace session
