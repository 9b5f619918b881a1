#include <filesystem>

#include "lib/convert/converter.h"
#include "lib/io/file.h"
#include "session/convert.h"

namespace session {
namespace {

using convert::Converter;
using convert::ImportContext;

std::uint64_t size_of(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

// Reads one source into a transaction.
ImportedSource read_source(Transaction& change, const std::string& source,
                           const ImportOptions& options) {
  ImportedSource report;
  report.source = source;
  convert::at_source(source, [&] {
    if (!io::system_files().exists(source)) {
      throw Error(ErrorCode::kNotFound, "no such file");
    }
    const Converter& converter =
        options.from ? convert::converter_for(*options.from) : convert::recognise(source);
    report.format = converter.format();
    ImportContext context(change, options, report, converter.origin(), size_of(source));
    converter.read(source, context);
    context.check_references();
  });
  return report;
}

void import_each(Writer& writer, const std::vector<std::string>& sources,
                 const ImportOptions& options, ImportReport& report) {
  for (const std::string& source : sources) {
    Transaction change = writer.begin();
    change.spill_above(options.memory_bytes);
    report.sources.push_back(read_source(change, source, options));
    CommitOptions commit;
    commit.message = options.message.empty() ? "import " + source : options.message;
    const CommitResult result = change.commit(commit);
    report.sources.back().revision = result.revision;
    report.sources.back().written_bytes = result.written_bytes;
  }
}

// One transaction for all, so that each source is compared with what the one before left; nothing
// of it is written.
void compare_each(Writer& writer, const std::vector<std::string>& sources,
                  const ImportOptions& options, ImportReport& report) {
  Transaction change = writer.begin();
  for (const std::string& source : sources) {
    report.sources.push_back(read_source(change, source, options));
  }
  change.rollback();
}

Writer open_output(const std::string& output, const ImportOptions& options, bool& created) {
  io::FileSystem& files = options.files != nullptr ? *options.files : io::system_files();
  created = options.overwrite || !files.exists(files.real_path(output));
  if (created) {
    CreateOptions create;
    create.overwrite = options.overwrite;
    create.files = options.files;
    return Writer::create_draft(output, create);
  }
  WriterOptions open;
  open.files = options.files;
  open.dry_run = options.dry_run;
  return Writer::open(output, open);
}

}  // namespace

ImportReport import_sources(const std::vector<std::string>& sources, const std::string& output,
                            const ImportOptions& options) {
  ImportReport report;
  report.output = output;
  if (sources.empty()) throw Error(ErrorCode::kUsage, "nothing to import");
  Writer writer = open_output(output, options, report.created);
  if (options.dry_run) {
    compare_each(writer, sources, options, report);
  } else {
    import_each(writer, sources, options, report);
    if (report.created) writer.publish();
  }
  writer.close();
  return report;
}

}  // namespace session
