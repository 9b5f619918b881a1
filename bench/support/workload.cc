#include "bench/support/workload.h"

#include <array>
#include <cstdlib>
#include <string_view>

namespace session::bench {
namespace {

constexpr std::uint64_t kTitleLeast = 20;
constexpr std::uint64_t kTitleSpread = 41;
constexpr std::uint64_t kDescriptionLeast = 131;
constexpr std::uint64_t kDescriptionSpread = 401;
constexpr std::uint64_t kMessageLeast = 216;
constexpr std::uint64_t kMessageSpread = 1001;
// The times of a task; status and priority are a byte each.
constexpr std::uint64_t kTaskNumberBytes = 2 * 8 + 2;
constexpr std::int64_t kFirstTimeNanos = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecondNanos = 1'000'000'000;

constexpr std::array<std::string_view, 32> kWords = {
    "session", "task",   "the",    "of",    "parser", "returns", "failed", "and",
    "retry",   "build",  "commit", "index", "with",   "a",       "file",   "schema",
    "reader",  "writer", "after",  "test",  "cache",  "for",     "lock",   "module",
    "is",      "add",    "remove", "when",  "error",  "path",    "to",     "tree"};

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
std::uint64_t mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

void fill_text(capnp::Text::Builder text, std::uint64_t seed) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view word = kWords[mix(seed++) % kWords.size()];
    for (std::size_t i = 0; i < word.size() && at < text.size(); ++i) text[at++] = word[i];
    if (at < text.size()) text[at++] = ' ';
  }
}

std::uint64_t title_bytes(std::uint64_t number) {
  return kTitleLeast + mix(number ^ 0x11) % kTitleSpread;
}
std::uint64_t description_bytes(std::uint64_t number) {
  return kDescriptionLeast + mix(number ^ 0x22) % kDescriptionSpread;
}

}  // namespace

std::string task_key(std::uint64_t number) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const std::array<std::uint64_t, 2> bits = {mix(number), mix(~number)};
  std::string key;
  for (std::size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) key.push_back('-');
    key.push_back(kDigits[bits[i / 16] >> (60 - 4 * (i % 16)) & 15]);
  }
  return key;
}

void fill_task(schema::Task::Builder task, std::uint64_t number, std::uint64_t version) {
  const auto created = kFirstTimeNanos + static_cast<std::int64_t>(number) * kSecondNanos;
  const std::uint64_t seed = mix(number ^ mix(version));
  fill_text(task.initTitle(static_cast<std::uint32_t>(title_bytes(number))), mix(number));
  fill_text(task.initDescription(static_cast<std::uint32_t>(description_bytes(number))), seed);
  task.setStatus(static_cast<schema::TaskStatus>(seed % 6));
  task.setPriority(static_cast<schema::Priority>(number % 6));
  task.setCreatedAt(created);
  task.setUpdatedAt(created + static_cast<std::int64_t>(version) * kSecondNanos);
}

std::uint64_t task_payload_bytes(std::uint64_t number) {
  return task_key(number).size() + title_bytes(number) + description_bytes(number) +
         kTaskNumberBytes;
}

std::string message_key(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(10 - digits.size(), '0') + digits;
}

void fill_message(schema::Message::Builder message, std::uint64_t number) {
  const auto size = static_cast<std::uint32_t>(message_payload_bytes(number));
  fill_text(message.initText(size), mix(number));
  message.setRole(number % 2 == 0 ? schema::Role::USER : schema::Role::ASSISTANT);
  message.setTime(kFirstTimeNanos + static_cast<std::int64_t>(number) * kSecondNanos);
}

std::uint64_t message_payload_bytes(std::uint64_t number) {
  return kMessageLeast + mix(number ^ 0x33) % kMessageSpread;
}

std::uint64_t RandomNumbers::next() {
  return mix(state_++) % limit_;
}

std::int64_t large_task_count() {
  constexpr std::int64_t kDefault = 100'000;
  const char* wanted = std::getenv("SESSIONTOOL_BENCH_TASKS");
  if (wanted == nullptr) return kDefault;
  const std::int64_t count = std::strtoll(wanted, nullptr, 10);
  return count > kSmallTaskCount ? count : kDefault;
}

}  // namespace session::bench
