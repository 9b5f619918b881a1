// What all imports have in common: which source goes to which file, and what is left when one of
// them fails.

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "lib/convert/aca_directory.h"
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

// A session file and what goes into it.
struct Target {
  std::string path;
  std::vector<Part> parts;
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

// The head as it was before a source that failed after its first commits, as a new revision: a
// session must not show half of what came in. Returns what to tell of it.
Error take_back(Writer& writer, std::uint64_t before, const Error& error) {
  if (writer.head().revision() == before) return error;
  const std::string old = std::to_string(before);
  // An interruption says that nothing came in, which is not so here.
  std::string text = error.code() == ErrorCode::kInterrupted ? "interrupted" : error.message();
  try {
    const CommitResult restored = writer.restore(before);
    text += "; the head, revision " + std::to_string(restored.revision) +
            ", has the content of revision " + old +
            " again, and the checkpoints that came in are kept";
  } catch (const Error& failure) {
    text += "; revision " + std::to_string(writer.head().revision()) +
            " is the head now and holds only a part of the source (" + failure.message() +
            "); `sessiontool restore " + writer.path() + "@" + old + "` brings the old head back";
  }
  return Error(error.code(), text, error.file(), error.offset());
}

void import_each(Writer& writer, const Target& target, bool is_draft, const ImportOptions& options,
                 ImportReport& report) {
  for (const Part& part : target.parts) {
    ImportedSource source = report_of(part, target.path);
    // A draft goes whole.
    const std::uint64_t before = is_draft ? 0 : writer.head().revision();
    try {
      convert::at_source(part.source, [&] {
        part.converter->import_session(part.source, part.session, writer, options, source);
      });
    } catch (const Error& error) {
      if (is_draft) throw;
      throw take_back(writer, before, error);
    }
    report.sources.push_back(std::move(source));
  }
}

// One transaction for all, so that each source is compared with what the one before left; nothing
// of it is written.
void compare_each(Writer& writer, const Target& target, bool is_draft, const ImportOptions& options,
                  ImportReport& report) {
  const std::uint64_t head = is_draft ? 0 : writer.head().revision();
  Transaction change = writer.begin();
  for (const Part& part : target.parts) {
    ImportedSource source = report_of(part, target.path);
    source.revision = head;
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

// The error with what stays all the same: whoever tries again should know.
Error with_what_stays(const Error& error, const ImportReport& report,
                      const std::set<std::string>& standing) {
  constexpr std::size_t kMostNamed = 8;
  std::size_t count = 0;
  std::string names;
  for (const ImportedSource& source : report.sources) {
    if (!standing.contains(source.output) || source.upserts + source.erases == 0) continue;
    if (++count > kMostNamed) continue;
    names += (count == 1 ? "" : ", ") + source.source + " (revision " +
             std::to_string(source.revision) + " of " + source.output + ")";
  }
  if (count == 0) return error;
  if (count > kMostNamed) names += " and " + std::to_string(count - kMostNamed) + " more";
  return Error(error.code(), error.message() + "; imported already: " + names, error.file(),
               error.offset());
}

// New files appear when every source is in, so that of a failure none is left.
void import_targets(const std::vector<Target>& targets, const ImportOptions& options,
                    ImportReport& report) {
  std::set<std::string> standing;  // files that stay as they are now, whatever fails later
  try {
    std::vector<Writer> drafts;
    for (const Target& target : targets) {
      bool created = false;
      Writer writer = open_output(target.path, options, created);
      report.created = report.created || created;
      if (options.dry_run) {
        compare_each(writer, target, created, options, report);
        continue;
      }
      if (!created) standing.insert(target.path);
      import_each(writer, target, created, options, report);
      if (created) {
        drafts.push_back(std::move(writer));
      } else {
        writer.close();
      }
    }
    // Each draft is of a target of its own, in their order.
    auto target = targets.begin();
    for (Writer& draft : drafts) {
      while (standing.contains(target->path)) ++target;
      draft.publish();
      standing.insert(target->path);
      draft.close();
    }
  } catch (const Error& error) {
    throw with_what_stays(error, report, standing);
  }
}

// A directory for outputs, made with its parents when missing, and taken away again unless kept.
// In one that was there before, lock files may stay: a process may be waiting for one.
class OutputDirectory {
 public:
  explicit OutputDirectory(const std::string& path) : path_(path) {
    std::error_code failed;
    for (auto at = std::filesystem::absolute(path, failed);
         !std::filesystem::exists(std::filesystem::symlink_status(at, failed)) &&
         at != at.parent_path();
         at = at.parent_path()) {
      made_.push_back(at);
    }
    std::filesystem::create_directories(path, failed);
    if (failed) throw Error(ErrorCode::kIo, "cannot make it: " + failed.message(), path);
  }
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory() {
    if (made_.empty()) return;
    std::error_code ignored;
    std::vector<std::filesystem::path> locks;
    for (std::filesystem::directory_iterator at(path_, ignored), end; at != end && !ignored;
         at.increment(ignored)) {
      if (at->path().extension() == ".lock") locks.push_back(at->path());
    }
    for (const auto& lock : locks) std::filesystem::remove(lock, ignored);
    for (const auto& directory : made_) std::filesystem::remove(directory, ignored);
  }
  // Now they are not taken away any more, and their names are on the disk.
  void keep() {
    for (const auto& directory : made_) io::system_files().sync_directory(directory.string());
    made_.clear();
  }

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  // the innermost first
};

// An output among the files of its source would be imported into itself the next time, and its lock
// read like a file of the source, which drops it.
void refuse_outputs_in_sources(const std::vector<Target>& targets) {
  for (const Target& target : targets) {
    for (const Part& part : target.parts) {
      if (part.converter->format() != SourceFormat::kAca) continue;
      const auto source = convert::aca::find_source(part.source);
      if (!source || !convert::aca::is_in(*source, target.path)) continue;
      throw Error(ErrorCode::kUsage,
                  "lies in the directory that is imported (" + part.source +
                      ") and would be imported with it; choose a place outside",
                  target.path);
    }
  }
}

// Each session to a file of its own name.
std::vector<Target> targets_in(const std::string& directory, const std::vector<Part>& parts) {
  std::vector<Target> targets;
  for (const Part& part : parts) {
    const auto file = std::filesystem::path(directory) / (part.session + ".session");
    const auto found = std::find_if(targets.begin(), targets.end(), [&](const Target& target) {
      return target.path == file.string();
    });
    if (found != targets.end()) {
      found->parts.push_back(part);
    } else {
      targets.push_back({file.string(), {part}});
    }
  }
  return targets;
}

void import_into_file(const std::string& output, const std::vector<Part>& parts,
                      const ImportOptions& options, ImportReport& report) {
  const std::vector<Target> targets = {{output, parts}};
  refuse_outputs_in_sources(targets);
  import_targets(targets, options, report);
}

// A dry run needs the directory too, for as long as it lasts: to find out what could not be made.
void import_into_directory(const std::string& directory, const std::vector<Part>& parts,
                           const ImportOptions& options, ImportReport& report) {
  const std::vector<Target> targets = targets_in(directory, parts);
  refuse_outputs_in_sources(targets);
  OutputDirectory made(directory);
  import_targets(targets, options, report);
  if (!options.dry_run) made.keep();
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
