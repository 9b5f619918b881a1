#include "cli/context.h"

#include <unistd.h>

#include "cli/io/interrupt.h"
#include "cli/render/text.h"

namespace session::cli {
namespace {

constexpr std::size_t kTextHoldBytes = 64 * 1024;
// A document of up to this size comes out whole or not at all, should something fail half-way.
constexpr std::size_t kJsonHoldBytes = 16 * 1024 * 1024;

}  // namespace

Context::Context()
    : output_(std::make_unique<FdOutput>(STDOUT_FILENO, "standard output", kTextHoldBytes)) {}

std::ostream& Context::out() {
  if (bar_) bar_->clear();
  return *output_;
}

Style Context::style() const {
  return Style::for_output(options.color, STDOUT_FILENO);
}

std::size_t Context::columns() const {
  return output_columns(STDOUT_FILENO);
}

ProgressCallback Context::progress() {
  if (!bar_) {
    const bool visible = bar_allowed_ && !options.quiet && ::isatty(STDERR_FILENO) == 1;
    bar_ = std::make_unique<ProgressBar>(visible);
  }
  return [bar = bar_.get()](const Progress& progress) {
    bar->update(progress);
    return !interrupted();
  };
}

void Context::without_progress_bar() {
  bar_allowed_ = false;
}

void Context::remark(std::string_view text) {
  if (options.quiet) return;
  if (bar_) bar_->clear();
  const std::string line = "sessiontool: " + one_line(text) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

JsonDocument::JsonDocument(Context& context, ExitCode exit_code) : Json(context.out()) {
  context.output().buffer().hold(kJsonHoldBytes);
  begin_object();
  field("schema", "sessiontool." + context.command + "/1");
  field("exit_code", static_cast<int>(exit_code));
}

void JsonDocument::finish() {
  end_object();
  Json::finish();
}

}  // namespace session::cli
