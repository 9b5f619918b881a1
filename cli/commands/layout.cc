// sessiontool layout: the bytes of a file, frame by frame; and the format's constants.

#include "session/layout.h"

#include <string>

#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kPointersShown = 4;

struct Options {
  std::string file;
  bool numbers = false;
};

ExitCode write_numbers(Context& context) {
  if (context.options.json) {
    JsonDocument document(context);
    document.key("numbers").begin_array();
    for (const FormatNumber& number : format_numbers()) {
      document.begin_object().field("name", number.name).field("value", number.value);
      document.field("unit", number.unit).end_object();
    }
    document.end_array();
    document.finish();
    return ExitCode::kDone;
  }
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"number"}, {"value", true}, {"unit"}});
  for (const FormatNumber& number : format_numbers()) {
    table.row({{std::string(number.name)},
               {std::to_string(number.value)},
               {std::string(number.unit), Ink::kDim}});
  }
  table.finish();
  return ExitCode::kDone;
}

void write_json(Json& document, const LayoutEntry& entry) {
  document.begin_object();
  document.field("offset", entry.offset).field("size_bytes", entry.size_bytes);
  document.field("kind", entry.kind).field("codec", entry.codec);
  document.field("stored_size", entry.stored_size).field("raw_size", entry.raw_size);
  document.field("home", entry.home).field("detail", entry.detail);
  document.key("points_to").begin_array();
  for (const std::uint64_t offset : entry.points_to) document.number(offset);
  document.end_array().end_object();
}

std::string pointers_of(const LayoutEntry& entry) {
  std::string text;
  for (std::size_t i = 0; i < entry.points_to.size() && i < kPointersShown; ++i) {
    text += (i == 0 ? "→ " : ", ") + std::to_string(entry.points_to[i]);
  }
  if (entry.points_to.size() > kPointersShown) {
    text += " and " + grouped(entry.points_to.size() - kPointersShown) + " more";
  }
  return text;
}

void write_row(TextTable& table, const LayoutEntry& entry) {
  const std::string pointers = pointers_of(entry);
  std::string detail = one_line(entry.detail);
  if (!detail.empty() && !pointers.empty()) detail += "  ";
  const Ink ink = entry.kind == "damaged"  ? Ink::kRed
                  : entry.kind == "commit" ? Ink::kYellow
                                           : Ink::kPlain;
  const bool packed = !entry.codec.empty() && entry.codec != "none";
  table.row({{std::to_string(entry.offset), Ink::kDim},
             {std::to_string(entry.size_bytes)},
             {one_line(entry.kind), ink},
             {packed ? entry.codec + " " + std::to_string(entry.raw_size) : ""},
             {detail + pointers}});
}

ExitCode write_frames(Context& context, const Options& options) {
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file).key("frames").begin_array();
    walk_layout(options.file, [&document](const LayoutEntry& entry) {
      stop_if_interrupted();
      write_json(document, entry);
      return true;
    });
    document.end_array();
    document.finish();
    return ExitCode::kDone;
  }
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"offset", true}, {"size", true}, {"kind"}, {"unpacked"}, {"what"}});
  walk_layout(options.file, [&table](const LayoutEntry& entry) {
    stop_if_interrupted();
    write_row(table, entry);
    return true;
  });
  table.finish();
  return ExitCode::kDone;
}

ExitCode run(Context& context, const Options& options) {
  if (options.numbers == options.file.empty()) {
    return options.numbers ? write_numbers(context) : write_frames(context, options);
  }
  throw Error(ErrorCode::kUsage, "give either a FILE or --numbers");
}

}  // namespace

void add_layout(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "layout", "Show the bytes: frames, offsets, kinds, sizes, who points where");
  command.add_option("FILE", options->file, "session file");
  command.add_flag("--numbers", options->numbers, "the constants of the format; needs no FILE");
  on_run(command, context, options, run);
}

}  // namespace session::cli
