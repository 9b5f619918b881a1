#include "fuzz/support/work_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "session/error.h"

namespace session::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStateFile = "meta/session.json";

bool is_usable(const fs::path& path) {
  if (path.empty() || path.is_absolute() || !path.has_filename()) return false;
  return std::all_of(path.begin(), path.end(), [](const fs::path& part) {
    constexpr std::size_t kMaxName = 100;
    return part != ".." && part != "." && part.string().size() <= kMaxName;
  });
}

void write_entry(const fs::path& root, std::string_view name, std::string_view content) {
  if (name.find('\0') != std::string_view::npos || !is_usable(fs::path(name))) return;
  const fs::path place = root / fs::path(name);
  std::error_code failed;
  // Where one file's name is another one's directory, the first has it.
  fs::create_directories(place.parent_path(), failed);
  if (!failed && !fs::exists(place, failed)) write_file(place.string(), content);
}

}  // namespace

void fail(std::string_view what, const std::string& wanted, const std::string& got) {
  std::fprintf(stderr, "%.*s\n--- wanted\n%s\n--- got\n%s\n", static_cast<int>(what.size()),
               what.data(), wanted.c_str(), got.c_str());
  std::abort();
}

WorkFolder::WorkFolder() {
  std::error_code ignored;
  const fs::path memory = "/dev/shm";
  std::string name = ((fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path()) /
                      "session_fuzz_XXXXXX")
                         .string();
  if (::mkdtemp(name.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = name;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void WorkFolder::empty() const {
  for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
}

const WorkFolder& emptied_folder() {
  static const WorkFolder folder;
  folder.empty();
  return folder;
}

std::string write_file(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  return path;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_entries(const fs::path& root, std::string_view text) {
  std::string_view name = kStateFile;
  while (!text.empty()) {
    std::size_t end = text.starts_with('@') ? 0 : text.find("\n@");
    if (end != 0 && end != std::string_view::npos) ++end;
    const std::string_view content = text.substr(0, end);
    if (!content.empty()) write_entry(root, name, content);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    const std::size_t line = std::min(text.find('\n'), text.size());
    name = text.substr(0, line);
    text.remove_prefix(std::min(line + 1, text.size()));
  }
}

Files files_below(const fs::path& root) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(root).generic_string()] = read_file(entry.path());
  }
  return files;
}

bool is_same_file(const std::string& wanted, const std::string& got) {
  if (wanted == got) return true;
  try {
    return convert::json::parse(wanted, kDeep) == convert::json::parse(got, kDeep);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace session::fuzz
