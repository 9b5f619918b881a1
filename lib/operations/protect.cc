#include "session/protect.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "format/parity.h"
#include "lib/store/head.h"
#include "lib/store/parity.h"
#include "lib/store/writer_core.h"
#include "session/reader.h"

namespace session {
namespace {

using format::ParityGroup;

static_assert(kLeastParityPercent == format::kMinParityPercent &&
              kMostParityPercent == format::kMaxParityPercent &&
              kUsualParityPercent == format::kParityPercent);

std::uint32_t percent_for(const ProtectOptions& options, const store::View& head) {
  if (options.percent != 0) return options.percent;
  const std::uint32_t policy = store::parity_policy(head);
  return policy != 0 ? policy : kUsualParityPercent;
}

// Turns "so many bytes more" into where the work is.
store::ProtectProgress as_progress(const ProgressCallback& callback, std::uint64_t total_bytes) {
  if (!callback) return {};
  return [callback, state = Progress{"protecting", 0, total_bytes}](std::uint64_t bytes) mutable {
    state.done_bytes = std::min(state.total_bytes, state.done_bytes + bytes);
    if (!callback(state)) {
      throw Error(ErrorCode::kInterrupted, "interrupted; no parity was added");
    }
  };
}

void add_groups(ProtectReport& report, const std::vector<ParityGroup>& groups) {
  report.groups_added = groups.size();
  for (const ParityGroup& group : groups) {
    report.covered_bytes += group.range_bytes();
    report.parity_bytes += group.parity_bytes();
  }
}

// What protect() would add, but for the seal it might have to write first.
void plan(ProtectReport& report, const std::string& path, const ProtectOptions& options) {
  io::FileSystem& files = options.files != nullptr ? *options.files : io::system_files();
  const std::shared_ptr<io::File> file = files.open(path, io::OpenMode::kRead);
  const format::FileHeader header = store::read_file_header(*file, path);
  const store::Head head = store::find_head(*file, path, header.tag());
  const auto view = store::View::open(
      std::make_shared<store::PageSource>(file, head.commit_end, header.tag(), true), header,
      head.commit_offset);
  report.percent = percent_for(options, *view);
  const auto groups = store::parity_groups(*file, path, header.tag(), head.parity_offset);
  const std::uint64_t covered = groups.empty() ? 0 : groups.front().parity_end();
  add_groups(report,
             store::plan_parity_groups(std::min(covered, head.end), head.end, report.percent,
                                       head.parity_offset, head.commit_offset));
}

void run(ProtectReport& report, const std::string& path, const ProtectOptions& options) {
  WriterOptions writer;
  writer.files = options.files;
  // A percentage that is none must not cost the file a seal.
  if (options.percent != 0) (void)format::longest_parity_range(options.percent);
  const auto core = store::WriterCore::open(path, writer);
  report.percent = percent_for(options, *core->head_view());
  add_groups(report,
             core->protect(report.percent, as_progress(options.progress, core->uncovered_bytes())));
  report.uncovered_bytes = core->uncovered_bytes();
  core->close();
}

}  // namespace

ProtectReport protect(const std::string& path, const ProtectOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  ProtectReport report;
  try {
    format::guarded([&] {
      if (options.dry_run) {
        plan(report, path, options);
      } else {
        run(report, path, options);
      }
    });
  } catch (const Error& error) {
    throw error.in_file(path);
  }
  report.duration_nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  return report;
}

}  // namespace session
