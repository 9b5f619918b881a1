// Runs a fuzz target over files instead of over a fuzzer's ideas, so that every corpus is an
// ordinary test of every build, also where no fuzzing engine exists.
//
// Each argument is a file or a folder (its files, also those in folders below, in the order of
// their names). The empty input always runs first. A folder that does not exist counts as empty; a
// file that cannot be read is a failure.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <ios>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argument_count, char*** arguments);

// Custom mutators call the engine's own; here there is no engine, and nothing is mutated.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerMutate(std::uint8_t* /*data*/,
                                                              std::size_t size,
                                                              std::size_t /*max_size*/) {
  return size;
}

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& argument) {
  if (fs::is_regular_file(argument)) return {argument};
  std::vector<fs::path> files;
  if (!fs::exists(argument)) {
    // Most likely a corpus nobody has filled yet; a name that looks like a file is a mistake.
    if (argument.has_extension()) throw std::runtime_error(argument.string() + ": no such file");
    return files;
  }
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argument)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<char> contents_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> bytes(fs::file_size(file));
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw std::runtime_error(file.string() + ": cannot be read");
  }
  return bytes;
}

// A copy of exactly this size, so that a sanitizer sees the first byte read beyond it.
void run(const std::vector<char>& input) {
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::size_t run_all(const std::vector<std::string>& arguments) {
  run({});
  std::size_t count = 1;
  for (const std::string& argument : arguments) {
    for (const fs::path& file : files_of(argument)) {
      // Said before the run: if the target ends the process, this is the last line.
      std::printf("%s\n", file.c_str());
      std::fflush(stdout);
      run(contents_of(file));
      ++count;
    }
  }
  return count;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argument_count, &arguments);
    const std::size_t count = run_all({arguments + 1, arguments + argument_count});
    std::printf("%zu inputs, the empty one included\n", count);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
  }
}
