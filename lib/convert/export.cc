#include <array>
#include <ostream>

#include "lib/convert/converter.h"
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
  CountingBuffer counter(out.rdbuf());
  std::ostream counted(&counter);
  convert::ExportContext context(snapshot, counted, report, progress);
  convert::converter_for(format).write(context);
  counted.flush();
  if (!counted || !out) throw Error(ErrorCode::kIo, "the export could not be written");
  report.bytes = counter.bytes();
  return report;
}

}  // namespace session
