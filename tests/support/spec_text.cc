#include "tests/support/spec_text.h"

#include <cstdint>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "tests/support/vectors.h"

namespace session::test {
namespace {

const std::regex& dump_line() {
  static const std::regex pattern("^([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)( .*)?$");
  return pattern;
}

std::string trimmed(std::string text) {
  const std::string blanks = " \t`";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream in(row.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) cells.push_back(trimmed(cell));
  return cells;
}

std::string bytes_of(const std::string& hex) {
  std::istringstream in(hex);
  std::string bytes;
  for (std::string byte; in >> byte;)
    bytes.push_back(static_cast<char>(std::stoi(byte, nullptr, 16)));
  return bytes;
}

std::string hex_of(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!hex.empty()) hex += ' ';
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace

std::filesystem::path spec_directory() {
  return std::filesystem::path(SESSIONTOOL_SOURCE_DIR) / "spec";
}

std::string read_spec(std::string_view name) {
  return read_whole_file(spec_directory() / name);
}

std::vector<std::vector<std::string>> spec_table(std::string_view spec, std::string_view name) {
  const std::string marker = "<!-- table: " + std::string(name) + " -->";
  const std::size_t at = spec.find(marker);
  if (at == std::string_view::npos) throw std::runtime_error("no " + marker + " in spec/");
  std::istringstream in{std::string(spec.substr(at + marker.size()))};
  std::vector<std::vector<std::string>> rows;
  std::string line;
  while (std::getline(in, line) && line.empty()) {
  }
  constexpr int kHeadingLines = 2;
  for (int n = 0; line.starts_with('|'); ++n) {
    if (n >= kHeadingLines) rows.push_back(cells_of(line));
    if (!std::getline(in, line)) break;
  }
  return rows;
}

std::string dumped_bytes(std::string_view spec) {
  std::istringstream in{std::string(spec)};
  std::string bytes;
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, match, dump_line())) continue;
    const std::size_t offset = std::stoul(match[1], nullptr, 16);
    if (offset != bytes.size()) throw std::runtime_error("a gap in the dump before " + line);
    bytes += bytes_of(match[2]);
  }
  return bytes;
}

std::string with_dump(const std::string& spec, std::string_view bytes) {
  std::istringstream in(spec);
  std::string out;
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_match(line, match, dump_line())) {
      const std::size_t offset = std::stoul(match[1], nullptr, 16);
      const std::size_t size = bytes_of(match[2]).size();
      const std::string old_hex = match[2];
      std::string hex = hex_of(bytes.substr(std::min(offset, bytes.size()), size));
      hex.resize(old_hex.size(), ' ');
      line = match[1].str() + "  " + hex + match[3].str();
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace session::test
