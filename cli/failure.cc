#include "cli/failure.h"

#include <kj/exception.h>
#include <unistd.h>

#include <new>
#include <optional>
#include <sstream>
#include <string>

#include "cli/render/text.h"
#include "session/error.h"

namespace session::cli {
namespace {

// Every failure as one of the library's: only that has a code and a place.
Error as_error(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) {
    return {ErrorCode::kIo, "not enough memory; close something or raise `ulimit -v`"};
  }
  if (const auto* forged = dynamic_cast<const kj::Exception*>(&failure)) {
    return {ErrorCode::kDamaged, std::string("a record is not what it should be (") +
                                     forged->getDescription().cStr() +
                                     "); somebody else may have made it so"};
  }
  return {ErrorCode::kInternal,
          std::string(failure.what()) + "; this is a bug, please report it with what you did"};
}

void write_to_stderr(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string as_json(const Error& error, ExitCode exit_code) {
  std::ostringstream out;
  Json document(out);
  document.begin_object().field("schema", "sessiontool.error/1");
  document.field("exit_code", static_cast<int>(exit_code));
  document.field("code", error_code_name(error.code())).field("message", error.message());
  document.field("file", error.file().empty() ? std::optional<std::string>() : error.file());
  document.field("offset", error.offset()).end_object();
  document.finish();
  return out.str();
}

ExitCode report(Context& context, const Error& error) {
  const ExitCode exit_code = exit_code_for(error.code());
  static_cast<void>(context.out());  // no progress bar in the same line
  if (context.options.json) {
    context.output().buffer().discard();
    write_to_stderr(as_json(error, exit_code));
  } else {
    write_to_stderr("sessiontool: " + one_line(error.what()) + "\n");
  }
  return exit_code;
}

}  // namespace

ExitCode report_failure(Context& context, const std::exception& failure) {
  return report(context, as_error(failure));
}

ExitCode report_wrong_usage(Context& context, std::string_view message) {
  return report(context, Error(ErrorCode::kUsage, std::string(message)));
}

}  // namespace session::cli
