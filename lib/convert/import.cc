#include <algorithm>
#include <filesystem>
#include <set>

#include "lib/convert/converter.h"
#include "lib/io/file.h"
#include "session/convert.h"

namespace session {
namespace {

using convert::Converter;
using convert::ImportContext;

// A session to be imported: one of a source's.
struct Part {
  std::string source;
  const Converter* converter = nullptr;
  std::string session;  // empty where a source has one
};

[[noreturn]] void bad_source(const std::string& what) {
  throw Error(ErrorCode::kBadSource, what);
}

// What can be said before a byte is read, and better than by whoever reads it.
void check_kind(const std::string& source, const Converter* converter) {
  std::error_code failed;
  const auto type = std::filesystem::status(source, failed).type();
  const bool is_file = type == std::filesystem::file_type::regular;
  const bool is_directory = type == std::filesystem::file_type::directory;
  if (converter == nullptr) {
    if (!is_file && !is_directory) bad_source("no regular file; say what comes out of it (--from)");
    return;
  }
  if (is_directory && !converter->writes_directory()) {
    bad_source("this is a directory, and " + std::string(source_format_name(converter->format())) +
               " is a file; name the file in it");
  }
  // An empty session of ours is an empty list of lines. Of others it is what a full disk leaves,
  // and would erase everything that came from there before.
  const bool is_empty = is_file && std::filesystem::file_size(source, failed) == 0;
  if (is_empty && !failed && converter->origin() != schema::Origin::NATIVE) {
    throw convert::empty_source();
  }
}

const Converter& converter_of(const std::string& source, const ImportOptions& options) {
  if (!io::system_files().exists(source)) {
    throw Error(ErrorCode::kNotFound, "no such file; check the path");
  }
  const Converter* named = options.from ? &convert::converter_for(*options.from) : nullptr;
  check_kind(source, named);
  return named != nullptr ? *named : convert::recognise(source);
}

std::vector<Part> parts_of(const std::vector<std::string>& sources, const ImportOptions& options) {
  std::vector<Part> parts;
  for (const std::string& source : sources) {
    convert::at_source(source, [&] {
      const Converter& converter = converter_of(source, options);
      for (const std::string& session : converter.sessions(source)) {
        parts.push_back({source, &converter, session});
      }
    });
  }
  return parts;
}

ImportedSource report_of(const Part& part, const std::string& output) {
  ImportedSource report;
  report.source = part.source;
  report.output = output;
  report.format = part.converter->format();
  return report;
}

void import_each(Writer& writer, const std::string& output, const std::vector<Part>& parts,
                 const ImportOptions& options, ImportReport& report) {
  for (const Part& part : parts) {
    ImportedSource source = report_of(part, output);
    convert::at_source(part.source, [&] {
      part.converter->import_session(part.source, part.session, writer, options, source);
    });
    report.sources.push_back(std::move(source));
  }
}

// One transaction for all, so that each source is compared with what the one before left; nothing
// of it is written.
void compare_each(Writer& writer, const std::string& output, const std::vector<Part>& parts,
                  const ImportOptions& options, ImportReport& report) {
  Transaction change = writer.begin();
  for (const Part& part : parts) {
    ImportedSource source = report_of(part, output);
    convert::at_source(part.source, [&] {
      ImportContext into(change, options, source, part.converter->origin(), 0);
      part.converter->preview(part.source, part.session, into);
    });
    report.sources.push_back(std::move(source));
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

void import_into_file(const std::string& output, const std::vector<Part>& parts,
                      const ImportOptions& options, ImportReport& report) {
  bool created = false;
  Writer writer = open_output(output, options, created);
  if (options.dry_run) {
    compare_each(writer, output, parts, options, report);
  } else {
    import_each(writer, output, parts, options, report);
    if (created) writer.publish();
  }
  writer.close();
  report.created = report.created || created;
}

// Each session to a file of its own name.
void import_into_directory(const std::string& directory, const std::vector<Part>& parts,
                           const ImportOptions& options, ImportReport& report) {
  if (!options.dry_run) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed) throw Error(ErrorCode::kIo, "cannot make it: " + failed.message(), directory);
  }
  for (const Part& part : parts) {
    const auto file = std::filesystem::path(directory) / (part.session + ".session");
    import_into_file(file.string(), {part}, options, report);
  }
}

// Several sessions do not fit one file; one goes to a directory if there is one.
bool wants_directory(const std::string& output, const std::vector<Part>& parts) {
  const auto named = [](const Part& part) { return !part.session.empty(); };
  std::error_code ignored;
  const bool is_directory = std::filesystem::is_directory(output, ignored);
  if (!std::any_of(parts.begin(), parts.end(), named)) return false;
  std::set<std::string> sessions;
  for (const Part& part : parts) sessions.insert(part.session);
  const bool all_named = std::all_of(parts.begin(), parts.end(), named);
  if (is_directory && all_named) return true;
  if (sessions.size() == 1) return false;
  if (!all_named || std::filesystem::exists(output, ignored)) {
    throw Error(ErrorCode::kUsage,
                "the sources hold " + std::to_string(sessions.size()) +
                    " sessions, each for a file of its own; give a directory as output",
                output);
  }
  return true;
}

}  // namespace

ImportReport import_sources(const std::vector<std::string>& sources, const std::string& output,
                            const ImportOptions& options) {
  ImportReport report;
  report.output = output;
  if (sources.empty()) throw Error(ErrorCode::kUsage, "nothing to import");
  const std::vector<Part> parts = parts_of(sources, options);
  if (wants_directory(output, parts)) {
    import_into_directory(output, parts, options, report);
  } else {
    import_into_file(output, parts, options, report);
  }
  return report;
}

}  // namespace session
