#pragma once
// Directories of files, as importers read them and exports leave them.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "lib/convert/json.h"

namespace session::test {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// Content by path below `root`, with '/'.
inline std::map<std::string, std::string> files_below(const std::filesystem::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) {
      files[entry.path().lexically_relative(root).generic_string()] = read_text(entry.path());
    }
  }
  return files;
}

// Every file of one is in the other: JSON by value, all else byte for byte.
inline void expect_same_files(const std::filesystem::path& left,
                              const std::filesystem::path& right) {
  const auto wanted = files_below(left);
  const auto made = files_below(right);
  for (const auto& [name, text] : wanted) {
    const auto found = made.find(name);
    ASSERT_NE(found, made.end()) << name << " is missing";
    if (text == found->second) continue;
    ASSERT_TRUE(name.ends_with(".json")) << name << " differs";
    EXPECT_TRUE(convert::json::parse(text) == convert::json::parse(found->second))
        << name << " differs";
  }
  for (const auto& [name, text] : made) {
    EXPECT_TRUE(wanted.contains(name)) << name << " was not there";
  }
}

}  // namespace session::test
