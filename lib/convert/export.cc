#include <unistd.h>

#include <array>
#include <filesystem>
#include <ostream>

#include "lib/convert/converter.h"
#include "lib/io/file.h"
#include "session/convert.h"

namespace session {
namespace {

struct FormatName {
  SourceFormat format;
  std::string_view name;
};

constexpr std::array kFormatNames = {
    FormatName{SourceFormat::kJson, "json"},   FormatName{SourceFormat::kJsonl, "jsonl"},
    FormatName{SourceFormat::kBeads, "beads"}, FormatName{SourceFormat::kTaskmaster, "taskmaster"},
    FormatName{SourceFormat::kAca, "aca"},     FormatName{SourceFormat::kClaudeCode, "claude-code"},
    FormatName{SourceFormat::kCodex, "codex"}, FormatName{SourceFormat::kSweAgent, "swe-agent"},
};

// Counts what passes through.
class CountingBuffer : public std::streambuf {
 public:
  explicit CountingBuffer(std::streambuf* to) : to_(to) {}
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 protected:
  int_type overflow(int_type c) override {
    ++bytes_;
    return to_->sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    bytes_ += static_cast<std::uint64_t>(size);
    return to_->sputn(text, size);
  }
  int sync() override { return to_->pubsync(); }

 private:
  std::streambuf* to_;
  std::uint64_t bytes_ = 0;
};

// A directory under another name beside its place, gone unless it is put there.
class DraftDirectory {
 public:
  explicit DraftDirectory(const std::filesystem::path& place)
      : place_(place), draft_(place.string() + ".partial-" + std::to_string(::getpid())) {
    std::error_code failed;
    if (!std::filesystem::create_directory(draft_, failed)) {
      throw Error(ErrorCode::kIo,
                  "cannot make it: " + (failed ? failed.message() : "it is there already"),
                  draft_.string());
    }
    std::filesystem::permissions(draft_, std::filesystem::perms::owner_all, failed);
  }
  DraftDirectory(const DraftDirectory&) = delete;
  DraftDirectory& operator=(const DraftDirectory&) = delete;
  ~DraftDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(draft_, ignored);
  }

  [[nodiscard]] std::string path() const { return draft_.string(); }
  void put_in_place() const {
    io::sync_tree(draft_.string());
    std::error_code failed;
    std::filesystem::rename(draft_, place_, failed);
    if (failed) {
      throw Error(ErrorCode::kIo, "cannot be put in place: " + failed.message(), place_.string());
    }
    io::system_files().sync_directory(place_.string());
  }

 private:
  std::filesystem::path place_;
  std::filesystem::path draft_;
};

}  // namespace

std::string_view source_format_name(SourceFormat format) {
  for (const FormatName& entry : kFormatNames) {
    if (entry.format == format) return entry.name;
  }
  return "unknown";
}

std::optional<SourceFormat> source_format_from_name(std::string_view name) {
  for (const FormatName& entry : kFormatNames) {
    if (entry.name == name) return entry.format;
  }
  return std::nullopt;
}

std::vector<SourceFormat> import_formats() {
  std::vector<SourceFormat> formats;
  for (const auto& converter : convert::converters()) formats.push_back(converter->format());
  return formats;
}

std::vector<SourceFormat> export_formats() {
  return import_formats();
}

ExportReport export_session(const Snapshot& snapshot, SourceFormat format, std::ostream& out,
                            const ProgressCallback& progress) {
  ExportReport report;
  report.format = format;
  report.revision = snapshot.revision();
  if (out.rdbuf() == nullptr) throw Error(ErrorCode::kUsage, "the stream has no buffer");
  CountingBuffer counter(out.rdbuf());
  std::ostream counted(&counter);
  // What the caller's stream throws knows the cause, and comes through; the rest has none.
  counted.exceptions(std::ios::badbit);
  try {
    convert::ExportContext context(snapshot, counted, report, progress);
    convert::converter_for(format).write(context);
    counted.flush();
  } catch (const std::ios_base::failure&) {
    throw Error(ErrorCode::kIo, "the export could not be written; is there room for it?");
  }
  if (!out) throw Error(ErrorCode::kIo, "the export could not be written; is there room for it?");
  report.bytes = counter.bytes();
  return report;
}

bool is_directory_format(SourceFormat format) {
  return convert::converter_for(format).writes_directory();
}

ExportReport export_session_directory(const Snapshot& snapshot, SourceFormat format,
                                      const std::string& directory,
                                      const ProgressCallback& progress, bool dry_run) {
  namespace fs = std::filesystem;
  ExportReport report;
  report.format = format;
  report.revision = snapshot.revision();
  const convert::Converter& converter = convert::converter_for(format);
  std::error_code ignored;
  fs::path place(directory);
  if (!place.has_filename()) place = place.parent_path();
  if (fs::exists(fs::symlink_status(place, ignored)) &&
      !(fs::is_directory(place, ignored) && fs::is_empty(place, ignored))) {
    throw Error(ErrorCode::kExists, "is there already and no empty directory; name another one",
                directory);
  }
  if (dry_run) {
    converter.write_directory(snapshot, "", report, progress);
    return report;
  }
  const DraftDirectory draft(place);
  converter.write_directory(snapshot, draft.path(), report, progress);
  draft.put_in_place();
  return report;
}

}  // namespace session
