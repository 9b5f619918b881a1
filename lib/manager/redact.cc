#include "lib/manager/redact.h"

#include <algorithm>
#include <array>

#include "lib/store/view.h"

namespace session::manager {
namespace {

// Anywhere in a name. Too much is redacted rather than too little.
constexpr std::array<std::string_view, 11> kParts = {
    "SECRET",  "TOKEN",  "PASSWORD",  "PASSWD",       "PASSPHRASE",       "CREDENTIAL",
    "PRIVATE", "APIKEY", "ACCESSKEY", "DATABASE_URL", "CONNECTION_STRING"};
// Only as a word of its own between underlines: KEYBOARD_LAYOUT and AUTHOR are no secrets.
constexpr std::array<std::string_view, 7> kWords = {"KEY",    "KEYS", "AUTH",  "PASS",
                                                    "COOKIE", "DSN",  "BEARER"};
// A working directory alone, a password behind another word: MYSQL_PWD.
constexpr std::string_view kLastWord = "_PWD";

// Not the locale's: names are ASCII.
std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

bool has_word(std::string_view name, std::string_view word) {
  for (std::size_t at = name.find(word); at != std::string_view::npos;
       at = name.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || name[at - 1] == '_';
    if (begins && (end == name.size() || name[end] == '_')) return true;
  }
  return false;
}

}  // namespace

bool names_a_secret(std::string_view name, std::span<const std::string> more) {
  const std::string upper_name = upper(name);
  const auto contains = [&](std::string_view part) {
    return upper_name.find(part) != std::string::npos;
  };
  const auto is_word = [&](std::string_view word) { return has_word(upper_name, word); };
  return std::any_of(kParts.begin(), kParts.end(), contains) ||
         std::any_of(kWords.begin(), kWords.end(), is_word) || upper_name.ends_with(kLastWord) ||
         std::any_of(more.begin(), more.end(),
                     [&](const std::string& part) { return contains(upper(part)); });
}

void redact(capnp::List<schema::Property>::Builder environment, std::span<const std::string> more) {
  for (auto variable : environment) {
    if (names_a_secret(store::to_string(variable.getName().asReader()), more)) {
      variable.setValue(kRedacted);
    }
  }
}

}  // namespace session::manager
