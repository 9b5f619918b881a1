#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "format/checksum.h"
#include "lib/operations/meaning_parts.h"

namespace session::operations {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOurChecksum = "sha256:";

// Nothing if it cannot be read.
std::optional<std::string> checksum_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  format::Sha256 hash;
  std::array<char, 64 << 10> buffer;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
  }
  return std::string(kOurChecksum) + to_hex(hash.finish());
}

class WorkspaceRules {
 public:
  WorkspaceRules(MeaningContext& context, const std::string& directory)
      : context_(context), directory_(directory) {}

  void check(std::string_view key, schema::File::Reader file) {
    const fs::path path = directory_ / fs::path(std::string(key));
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      find(FindingCode::kFileMissing, key, "the file is not in the workspace");
      return;
    }
    const auto wanted =
        file.getIsCreatedDirectory() ? fs::file_type::directory : fs::file_type::regular;
    if (status.type() != wanted) {
      find(FindingCode::kFileChanged, key,
           file.getIsCreatedDirectory() ? "no directory stands there any more"
                                        : "no regular file stands there any more");
      return;
    }
    if (!file.getIsCreatedDirectory() && file.getIsTracked()) compare(key, file, path);
  }

 private:
  void compare(std::string_view key, schema::File::Reader file, const fs::path& path) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) {
      find(FindingCode::kFileChanged, key, "the file cannot be read: " + error.message());
      return;
    }
    if (size != file.getSizeBytes()) {
      find(FindingCode::kFileChanged, key,
           "the file has " + std::to_string(size) + " bytes; the session says " +
               std::to_string(file.getSizeBytes()));
      return;
    }
    const std::string_view said = text_view(file.getChecksum());
    if (!said.starts_with(kOurChecksum)) return;
    const auto found = checksum_of(path);
    if (found == said) return;
    find(FindingCode::kFileChanged, key,
         found ? "the file's content is another one" : "the file cannot be read");
  }

  void find(FindingCode code, std::string_view key, std::string message) {
    context_.find(code, Table::kFiles, key, std::move(message));
  }

  MeaningContext& context_;
  fs::path directory_;
};

}  // namespace

void check_workspace(MeaningContext& context, const std::string& directory) {
  WorkspaceRules rules(context, directory);
  for (Cursor cursor = context.snapshot().cursor(Table::kFiles); cursor.valid(); cursor.next()) {
    context.advance();
    const auto file = cursor.record().as<schema::File>();
    const bool is_expected =
        file.getIsTracked() || file.getIsWorkspace() || file.getIsCreatedDirectory();
    if (is_expected && !file.getIsTemporary()) rules.check(cursor.key(), file);
  }
}

}  // namespace session::operations
