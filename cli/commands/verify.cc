// sessiontool verify: whether files are what they should be.

#include "session/verify.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/render/findings.h"
#include "cli/render/text.h"

namespace session::cli {
namespace {

// What a person or a script can take in; the rest is counted.
constexpr std::size_t kMaxFindings = 100'000;

struct Options {
  std::vector<std::string> paths;
  bool quick = false;
  bool full = false;
  bool strict = false;
  bool repairable = false;
  std::string workspace;
  unsigned jobs = 0;
};

// A file that was verified, or why it could not be.
struct Result {
  VerifiedFile verified;
  std::optional<Error> error;
  ExitCode exit_code = ExitCode::kDone;
};

ExitCode exit_code_of(const VerifyReport& report, bool strict) {
  switch (report.verdict) {
    case Verdict::kClean:
    case Verdict::kTornTail:
      return strict && report.semantic_findings != 0 ? ExitCode::kDiffers : ExitCode::kDone;
    case Verdict::kRepairable:
      return ExitCode::kDiffers;
    case Verdict::kLossy:
      return ExitCode::kLost;
    case Verdict::kUnreadable:
      break;
  }
  return ExitCode::kInput;
}

bool is_repairable(const Result& result) {
  return !result.error && result.verified.report.verdict <= Verdict::kRepairable;
}

VerifyLevel level_of(const Options& options) {
  if (options.quick) return VerifyLevel::kQuick;
  return options.full ? VerifyLevel::kFull : VerifyLevel::kDefault;
}

std::vector<std::string> files_of(const Options& options, bool& has_directory) {
  std::vector<std::string> files;
  for (const std::string& path : options.paths) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    has_directory = true;
    for (std::string& file : find_session_files(path)) files.push_back(std::move(file));
  }
  if (files.empty()) {
    throw Error(ErrorCode::kNotFound, "no session file in this directory", options.paths.front());
  }
  return files;
}

Result verify_one(Context& context, const Options& options, const std::string& file) {
  Result result;
  result.verified.file = file;
  VerifyOptions verifying;
  verifying.level = level_of(options);
  verifying.jobs = options.jobs;
  verifying.workspace = options.workspace;
  verifying.progress = context.progress();
  verifying.on_finding = [&result](const Finding& finding) {
    if (result.verified.findings.size() < kMaxFindings) {
      result.verified.findings.push_back(finding);
    } else {
      ++result.verified.omitted;
    }
  };
  try {
    result.verified.report = verify(file, verifying);
    result.exit_code = exit_code_of(result.verified.report, options.strict);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    result.error = error;
    result.exit_code = exit_code_for(error.code());
  }
  return result;
}

// ---- for scripts --------------------------------------------------------------------------------

VerifyReport sum_of(const std::vector<Result>& results) {
  VerifyReport sum;
  for (const Result& result : results) {
    const VerifyReport& report = result.verified.report;
    sum.verdict = std::max(sum.verdict, result.error ? Verdict::kUnreadable : report.verdict);
    sum.bytes_checked += report.bytes_checked;
    sum.frames_checked += report.frames_checked;
    sum.revisions_checked += report.revisions_checked;
    sum.tail_bytes_ignored += report.tail_bytes_ignored;
    sum.uncovered_bytes += report.uncovered_bytes;
    sum.semantic_findings += report.semantic_findings;
  }
  return sum;
}

void write_report(Json& document, const VerifyReport& report) {
  document.field("verdict", verdict_name(report.verdict));
  document.field("bytes_checked", report.bytes_checked);
  document.field("frames_checked", report.frames_checked);
  document.field("revisions_checked", report.revisions_checked);
  document.field("tail_bytes_ignored", report.tail_bytes_ignored);
  document.field("uncovered_bytes", report.uncovered_bytes);
  document.field("semantic_findings", report.semantic_findings);
}

void write_error(Json& document, const Error& error) {
  document.key("error").begin_object();
  document.field("code", error_code_name(error.code())).field("message", error.message());
  document.field("offset", error.offset()).end_object();
}

void write_json(Context& context, const std::vector<Result>& results, ExitCode exit_code,
                bool has_several) {
  JsonDocument document(context, exit_code);
  if (!has_several) document.field("file", results.front().verified.file);
  const VerifyReport sum = sum_of(results);
  write_report(document, sum);
  document.field("repairable", std::all_of(results.begin(), results.end(), is_repairable));
  document.key("findings").begin_array();
  std::uint64_t omitted = 0;
  for (const Result& result : results) {
    omitted += result.verified.omitted;
    for (const Finding& finding : result.verified.findings) {
      write_finding(document, finding, has_several ? &result.verified.file : nullptr);
    }
  }
  document.end_array();
  document.field("findings_omitted", omitted);
  if (has_several) {
    document.key("files").begin_array();
    for (const Result& result : results) {
      document.begin_object().field("file", result.verified.file);
      document.field("exit_code", static_cast<int>(result.exit_code));
      if (result.error) {
        write_error(document, *result.error);
      } else {
        write_report(document, result.verified.report);
      }
      document.end_object();
    }
    document.end_array();
  }
  document.finish();
}

// ---- for people ---------------------------------------------------------------------------------

void write_text(Context& context, const Options& options, const Result& result) {
  if (result.error) {
    context.out() << one_line(result.error->what()) << "\n";
    return;
  }
  if (!options.repairable) {
    write_findings(context.out(), context.style(), result.verified);
    return;
  }
  if (options.paths.size() > 1) context.out() << one_line(result.verified.file) << ": ";
  context.out() << (is_repairable(result) ? "yes" : "no") << "\n";
}

ExitCode run(Context& context, const Options& options) {
  if (options.quick && options.full) {
    throw Error(ErrorCode::kUsage, "give either --quick or --full");
  }
  if (!options.workspace.empty() && !options.full) {
    throw Error(ErrorCode::kUsage, "--workspace compares what only --full reads; add --full");
  }
  bool has_several = options.paths.size() > 1;
  const std::vector<std::string> files = files_of(options, has_several);
  std::vector<Result> results;
  ExitCode exit_code = ExitCode::kDone;
  for (const std::string& file : files) {
    stop_if_interrupted();
    Result result = verify_one(context, options, file);
    if (result.error && !has_several) throw Error(*result.error);
    exit_code = worse(exit_code, result.exit_code);
    if (context.options.json) {
      results.push_back(std::move(result));
    } else {
      write_text(context, options, result);
    }
  }
  if (context.options.json) write_json(context, results, exit_code, has_several);
  return exit_code;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("verify", "Check files to the last bit: bytes, structure, meaning");
  command.add_option("PATH", options->paths, "session files; directories are searched")->required();
  command.add_flag("--quick", options->quick,
                   "only header, tail, the last commits, roots and index pages");
  command.add_flag("--full", options->full,
                   "also SHA-256 digests, parity, and what the head means");
  command.add_flag("--strict", options->strict, "exit 1 for findings of meaning, too");
  command.add_flag("--repairable", options->repairable,
                   "only answer whether repair would restore all of it");
  command
      .add_option("--workspace", options->workspace,
                  "with --full: compare tracked files with this directory")
      ->type_name("DIR");
  command.add_option("-j,--jobs", options->jobs, "threads (default: one per processor)")
      ->type_name("N");
  on_run(command, context, options, run);
}

}  // namespace session::cli
