#include "fuzz/support/mutate_json.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/convert/json.h"
#include "session/error.h"
#include "tests/support/random_json.h"

// The engine's own mutations.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace session::fuzz {
namespace {

namespace json = convert::json;
using json::Value;

constexpr std::size_t kMaxNames = 64;

// The names in a value, for new members to meet what the mapping knows.
void collect_names(const Value& value, std::vector<std::string>& names) {
  if (value.is_array()) {
    for (const Value& item : value.items()) collect_names(item, names);
  }
  if (!value.is_object()) return;
  for (const json::Member& member : value.members()) {
    if (names.size() < kMaxNames) names.emplace_back(member.name());
    collect_names(member.value, names);
  }
}

std::optional<std::string> mutated_json(std::string_view text, test::RandomJson& random) {
  Value value;
  try {
    value = json::parse(text);
  } catch (const Error&) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  collect_names(value, names);
  if (!names.empty()) random.use_names(std::move(names));
  return json::to_text(random.mutated(std::move(value)));
}

// The document, or one of the lines, changed; or a line more, or one less.
std::optional<std::string> mutated_source(std::string_view text, test::RandomJson& random) {
  if (auto document = mutated_json(text, random)) return document;
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.empty()) return std::nullopt;
  const std::size_t at = random.below(lines.size());
  auto line = mutated_json(lines[at], random);
  if (!line) return std::nullopt;
  if (random.chance(0.1)) {
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (random.chance(0.2)) {
    lines.push_back(std::move(*line));
  } else {
    lines[at] = std::move(*line);
  }
  std::string result;
  for (const std::string& each : lines) result += each + "\n";
  return result;
}

}  // namespace

std::size_t mutate_source(std::uint8_t* data, std::size_t size, std::size_t max_size,
                          unsigned seed) {
  test::RandomJson random(seed);
  if (random.chance(0.7)) {
    const auto result = mutated_source(std::string(data, data + size), random);
    if (result && result->size() <= max_size) {
      std::copy(result->begin(), result->end(), data);
      return result->size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

}  // namespace session::fuzz
