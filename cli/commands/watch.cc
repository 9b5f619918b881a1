// sessiontool watch: commits as they happen.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/render/names.h"
#include "cli/render/revision.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/reader.h"

namespace session::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A signal that comes just before the wait is seen after it.
constexpr std::chrono::milliseconds kSlice(100);

struct Options {
  std::string file;
  std::string since;
  std::string timeout;
  std::uint64_t limit = 0;  // 0: none
  bool json_lines = false;
};

std::optional<std::int64_t> timeout_of(const Options& options) {
  if (options.timeout.empty()) return std::nullopt;
  if (const auto span = parse_span(options.timeout)) return span;
  throw Error(ErrorCode::kUsage, "--timeout does not understand '" + options.timeout +
                                     "'; give a number and a unit: 30s, 5m, 2h");
}

// A number may be of a revision that is not kept any more.
std::uint64_t since_of(const Options& options, const Reader& reader) {
  const std::uint64_t head = reader.head().revision();
  if (options.since.empty()) return head;
  std::uint64_t number = 0;
  const char* end = options.since.data() + options.since.size();
  const auto parsed = std::from_chars(options.since.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return reader.at(std::string_view(options.since)).revision();
  }
  if (number <= head) return number;
  throw Error(ErrorCode::kNotFound,
              "there is no revision " + options.since + " yet; the head is " + std::to_string(head),
              options.file);
}

std::optional<CheckpointInfo> checkpoint_of(const Snapshot& snapshot,
                                            const RevisionInfo& revision) {
  if (revision.checkpoint.empty()) return std::nullopt;
  const auto entry = snapshot.get<schema::Checkpoint>(revision.checkpoint);
  if (!entry) return std::nullopt;  // deleted since
  CheckpointInfo checkpoint;
  checkpoint.id = revision.checkpoint;
  checkpoint.trigger = (*entry)->getTrigger();
  checkpoint.description = view((*entry)->getDescription());
  return checkpoint;
}

class Follower {
 public:
  Follower(Context& context, const Options& options)
      : context_(context),
        options_(options),
        timeout_nanos_(timeout_of(options)),
        reader_(Reader::open(options.file, {ReadMode::kCopy})),
        last_(since_of(options, reader_)) {}

  void run() {
    if (!context_.options.json) {
      context_.remark("following " + options_.file + " from revision " + std::to_string(last_) +
                      "; Ctrl-C ends it");
    }
    const auto begun = Clock::now();
    show_new();
    while (!is_done()) {
      std::chrono::nanoseconds slice = kSlice;
      if (timeout_nanos_) {
        const auto left = std::chrono::nanoseconds(*timeout_nanos_) - (Clock::now() - begun);
        if (left <= left.zero()) return;
        slice = std::min(slice, left);
      }
      follow(reader_.wait_for_change(slice));
    }
  }

 private:
  [[nodiscard]] bool is_done() const { return options_.limit != 0 && shown_ == options_.limit; }

  void follow(HeadChange change) {
    stop_if_interrupted();
    context_.output().buffer().stop_if_nobody_reads();
    if (change == HeadChange::kReplaced) show_replacement();
    if (change == HeadChange::kNewer) show_new();
    note_presence();
  }

  // A repair or a compaction exchanges the file in one step; else somebody took it away.
  void note_presence() {
    std::error_code error;
    const bool is_there = std::filesystem::exists(options_.file, error) || error.value() != 0;
    if (is_there == is_there_) return;
    is_there_ = is_there;
    if (!context_.options.json) {
      context_.remark(options_.file + (is_there ? " is there again"
                                                : " is gone; waiting for one to take its place"));
      return;
    }
    Json line(context_.out());
    line.begin_object().field("type", is_there ? "returned" : "gone");
    end(line);
  }

  // The commits after the last one that was shown.
  void show_new() {
    const Snapshot head = reader_.head();
    if (is_done()) return;
    head.history_after(last_, [&](const RevisionInfo& revision) {
      stop_if_interrupted();
      if (revision.revision > last_ + 1) show_gap(last_ + 1, revision.revision - 1);
      show(revision, checkpoint_of(head, revision));
      last_ = revision.revision;
      ++shown_;
      return !is_done();
    });
  }

  void show(const RevisionInfo& revision, const std::optional<CheckpointInfo>& checkpoint) {
    const CheckpointInfo* its = checkpoint ? &*checkpoint : nullptr;
    if (!context_.options.json) {
      show_text(revision, its);
      return;
    }
    Json line(context_.out());
    line.begin_object().field("type", "commit");
    write_revision(line, revision, its);
    end(line);
  }

  void show_text(const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
    const Style style = context_.style();
    const Ink ink = checkpoint != nullptr ? Ink::kYellow : Ink::kPlain;
    const std::string number = pad_left(std::to_string(revision.revision), 6);
    const std::string time = short_time(revision.time_nanos);
    const std::string kind = pad_right(std::string(kind_words(revision, checkpoint)), 8);
    const std::string changes = pad_left(change_words(revision), 6);
    std::string words = message_words(revision, checkpoint);
    const std::size_t used = number.size() + time.size() + kind.size() + changes.size() + 8;
    if (const std::size_t columns = context_.columns(); columns != 0) {
      words = cut_to_width(words, columns > used ? columns - used : 0);
    }
    std::string line = style.paint(ink, number) + "  " + style.paint(Ink::kDim, time) + "  " +
                       style.paint(ink, kind) + "  " + changes;
    if (!words.empty()) line += "  " + words;
    context_.out() << line << std::endl;
  }

  // Revisions that a compaction dropped before they could be shown.
  void show_gap(std::uint64_t first, std::uint64_t last) {
    if (!context_.options.json) {
      context_.remark((first == last ? "revision " + std::to_string(first) + " is"
                                     : "revisions " + std::to_string(first) + " to " +
                                           std::to_string(last) + " are") +
                      " not kept any more");
      return;
    }
    Json line(context_.out());
    line.begin_object().field("type", "skipped").field("first", first).field("last", last);
    end(line);
  }

  void show_replacement() {
    last_ = reader_.head().revision();
    if (!context_.options.json) {
      context_.remark("another session, or an earlier state of this one, has taken the place of " +
                      options_.file + "; going on from its revision " + std::to_string(last_));
      return;
    }
    Json line(context_.out());
    line.begin_object().field("type", "replaced").field("revision", last_);
    line.field("session", reader_.info().session_id);
    end(line);
  }

  void end(Json& line) {
    line.end_object().finish();
    context_.out().flush();
  }

  Context& context_;
  const Options& options_;
  std::optional<std::int64_t> timeout_nanos_;
  Reader reader_;
  std::uint64_t last_;
  std::uint64_t shown_ = 0;
  bool is_there_ = true;
};

ExitCode run(Context& context, const Options& options) {
  // A stream is no document: --json means its lines, and its errors are JSON too.
  context.options.json = context.options.json || options.json_lines;
  Follower(context, options).run();
  return ExitCode::kDone;
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("watch", "Print commits as they happen, one line each, until Ctrl-C");
  command.add_option("FILE", options->file, "session file, written by whomever")->required();
  command.add_flag("--json-lines", options->json_lines,
                   "one JSON object a line: a commit, or why some cannot be shown");
  command
      .add_option("--since", options->since,
                  "first the commits after this revision (0: all that are kept)")
      ->type_name("REV");
  command.add_option("--limit", options->limit, "end after N commits")->type_name("N");
  command.add_option("--timeout", options->timeout, "end after so long: 30s, 5m, 2h")
      ->type_name("TIME");
  on_run(command, context, options, run);
}

}  // namespace session::cli
