#pragma once
// What every command is given: the global options, where results go, and how it is to look.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/exit_codes.h"
#include "cli/io/streams.h"
#include "cli/render/json.h"
#include "cli/render/progress.h"
#include "cli/render/style.h"
#include "session/progress.h"

namespace session::cli {

struct GlobalOptions {
  bool json = false;
  bool quiet = false;
  ColorChoice color = ColorChoice::kAuto;
  std::string at;  // a revision, for a file whose name has an @
};

class Context {
 public:
  Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  GlobalOptions options;

  // What the command line asks for: its command sets it while the arguments are read, main calls
  // it.
  std::function<ExitCode()> run;
  std::string command;
  bool takes_revision = false;

  // Standard output. Takes the progress bar off the screen first.
  [[nodiscard]] std::ostream& out();
  [[nodiscard]] FdOutput& output() noexcept { return *output_; }
  [[nodiscard]] Style style() const;
  [[nodiscard]] std::size_t columns() const;

  // Draws a bar (if there is anybody to see it) and stops the work after Ctrl-C.
  [[nodiscard]] ProgressCallback progress();
  // No bar in this run: the results share its terminal.
  void without_progress_bar();

  // A remark for the person, on standard error; not with --quiet.
  void remark(std::string_view text);

 private:
  std::unique_ptr<FdOutput> output_;
  std::unique_ptr<ProgressBar> bar_;
  bool bar_allowed_ = true;
};

// The one JSON document a command prints. Opens it with the schema's name and the exit code; the
// command adds its fields; finish() closes it.
class JsonDocument : public Json {
 public:
  explicit JsonDocument(Context& context, ExitCode exit_code = ExitCode::kDone);
  void finish();
};

}  // namespace session::cli
