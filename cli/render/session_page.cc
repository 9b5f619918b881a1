#include "cli/render/session_page.h"

#include <array>
#include <string>
#include <utility>

#include "cli/render/names.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kShortChecksum = 19;  // "sha256:" and twelve digits

std::string flags_of(schema::File::Reader file) {
  const std::array flags = {
      std::pair(file.getIsTracked(), "tracked"), std::pair(file.getIsGenerated(), "generated"),
      std::pair(file.getIsWorkspace(), "workspace"), std::pair(file.getIsTemporary(), "temporary"),
      std::pair(file.getIsCreatedDirectory(), "directory")};
  std::string text;
  for (const auto& [set, word] : flags) {
    if (set) text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

void write_properties(Page& page, std::string_view title,
                      capnp::List<schema::Property>::Reader properties) {
  if (properties.size() > 0) page.heading(title);
  for (const auto property : properties) {
    page.line("  " + page.style().paint(Ink::kDim, one_line(view(property.getName()))) + " = " +
              one_line(view(property.getValue())));
  }
}

void write_container(Page& page, schema::Container::Reader container) {
  page.heading("Container");
  page.fact("image", view(container.getImage()));
  page.fact("name", view(container.getName()));
  page.fact("id", view(container.getId()));
  page.fact("status", view(container.getStatus()));
  if (container.getMemoryBytes() != 0) page.fact("memory", human_bytes(container.getMemoryBytes()));
}

Ink severity_ink(schema::Event::Severity severity) {
  switch (severity) {
    case schema::Event::Severity::WARNING:
      return Ink::kYellow;
    case schema::Event::Severity::ERROR:
      return Ink::kRed;
    default:
      return Ink::kDim;
  }
}

}  // namespace

void write_metadata(Page& page, schema::Metadata::Reader metadata) {
  page.fact("name", view(metadata.getName()));
  page.fact("workspace", view(metadata.getWorkspace()));
  std::string tags;
  for (const auto tag : metadata.getTags()) {
    tags += (tags.empty() ? "" : ", ") + std::string(view(tag));
  }
  page.fact("tags", tags);
  switch (metadata.getMode()) {
    case schema::Metadata::Mode::HOST:
      page.fact("runs", "on the host");
      break;
    case schema::Metadata::Mode::CONTAINER:
      page.fact("runs", "in a container");
      break;
    default:
      break;
  }
  page.paragraph("Description", view(metadata.getDescription()));
  write_properties(page, "Properties", metadata.getProperties());
  if (metadata.hasContainer()) write_container(page, metadata.getContainer());
}

void write_context(Page& page, schema::ExecutionContext::Reader context) {
  page.heading("Execution");
  page.fact("directory", view(context.getWorkingDirectory()));
  if (context.getMemoryBytes() != 0) page.fact("memory", human_bytes(context.getMemoryBytes()));
  if (context.getDiskBytes() != 0) page.fact("disk", human_bytes(context.getDiskBytes()));
  if (context.getCpuPercent() != 0) {
    page.fact("processor", std::to_string(static_cast<int>(context.getCpuPercent())) + " %");
  }
  if (context.getOpenFiles() != 0) page.fact("open files", grouped(context.getOpenFiles()));
  if (context.getNetworkConnections() != 0) {
    page.fact("connections", grouped(context.getNetworkConnections()));
  }
  write_properties(page, "Environment", context.getEnvironment());
  if (context.getWatchers().size() > 0) page.heading("Watched files");
  for (const auto watcher : context.getWatchers()) page.line("  " + one_line(view(watcher)));
}

std::vector<Column> file_columns() {
  return {{"size", true}, {"modified"}, {"action"}, {"checksum"}, {"is"}, {"path"}};
}

std::vector<Cell> file_row(std::string_view path, schema::File::Reader file) {
  // A transcript names files it knows no size of.
  const bool is_known = file.getIsTracked() || file.getSizeBytes() != 0 || file.hasChecksum();
  return {{is_known ? human_bytes(file.getSizeBytes()) : ""},
          {file.getModifiedAtForm() == 0 ? "" : short_time(file.getModifiedAt()), Ink::kDim},
          {one_line(view(file.getLastAction()))},
          {cut_to_width(one_line(view(file.getChecksum())), kShortChecksum), Ink::kDim},
          {flags_of(file)},
          {one_line(path)}};
}

std::vector<Column> event_columns() {
  return {{"time"}, {"severity"}, {"kind"}, {"task"}, {"text"}};
}

std::vector<Cell> event_row(schema::Event::Reader event) {
  return {{event.getTimeForm() == 0 ? "" : short_time(event.getTime()), Ink::kDim},
          {std::string(severity_word(event.getSeverity())), severity_ink(event.getSeverity())},
          {one_line(view(event.getKind()))},
          {one_line(view(event.getTask()))},
          {one_line(view(event.getText()))}};
}

}  // namespace session::cli
