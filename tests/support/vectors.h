#pragma once
// The files of spec/vectors: how each is made, byte for byte the same every time, and what a reader
// has to find in it.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace session::test {

struct Vector {
  std::string_view name;   // of the files NAME.session and NAME.json
  std::string_view about;  // one sentence: what it is for
  // For a file that must be refused: the code of the error, and words its message has to have.
  std::string_view error;
  std::vector<std::string_view> mentions;
  void (*make)(const std::string& path, std::string_view name);
  // Holds zstd frames, which another version of zstd may write differently.
  bool is_compressed = false;
};

[[nodiscard]] const std::vector<Vector>& all_vectors();

// Where they stand in the source tree.
[[nodiscard]] std::filesystem::path vectors_directory();

// What NAME.json says: read from the session file at `path`, whatever made it.
[[nodiscard]] std::string describe_vector(const Vector& vector, const std::string& path);

[[nodiscard]] std::string read_whole_file(const std::filesystem::path& path);
void write_whole_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace session::test
