#include "bench/support/files.h"

#include <capnp/message.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "bench/support/workload.h"
#include "format/layout.h"

namespace session::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSpillBytes = std::uint64_t{256} << 20;

class ScratchDirectory {
 public:
  ScratchDirectory()
      : path_(fs::temp_directory_path() / ("session-bench-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

CommitOptions relaxed() {
  CommitOptions options;
  options.durability = Durability::kRelaxed;
  return options;
}

std::string built_once(const std::string& name,
                       const std::function<void(const std::string&)>& build) {
  const std::string path = scratch_file(name);
  if (!fs::exists(path)) {
    const std::string draft = path + ".building";
    build(draft);
    fs::rename(draft, path);
  }
  return path;
}

}  // namespace

std::string scratch_file(std::string_view name) {
  static const ScratchDirectory directory;
  return directory.file(name);
}

void put_task(Transaction& change, std::uint64_t number, std::uint64_t version) {
  capnp::MallocMessageBuilder message;
  fill_task(message.initRoot<schema::Task>(), number, version);
  change.upsert(task_key(number), message.getRoot<schema::Task>().asReader());
}

void put_message(Transaction& change, std::uint64_t number) {
  capnp::MallocMessageBuilder message;
  fill_message(message.initRoot<schema::Message>(), number);
  change.upsert(message_key(number), message.getRoot<schema::Message>().asReader());
}

void put_tasks(Transaction& change, std::int64_t tasks) {
  std::vector<std::pair<std::string, std::uint64_t>> order;
  order.reserve(static_cast<std::size_t>(tasks));
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(tasks); ++i) {
    order.emplace_back(task_key(i), i);
  }
  std::sort(order.begin(), order.end());
  change.spill_above(kSpillBytes);
  for (const auto& [key, number] : order) put_task(change, number, 0);
}

std::string task_file(std::int64_t tasks) {
  return built_once("tasks-" + std::to_string(tasks), [&](const std::string& path) {
    Writer writer = Writer::create(path);
    auto change = writer.begin();
    put_tasks(change, tasks);
    CommitOptions options;
    options.as_snapshot = true;
    change.commit(options);
    writer.close();
  });
}

std::string pending_file(std::int64_t tasks) {
  const std::string base = task_file(tasks);
  return built_once("pending-" + std::to_string(tasks), [&](const std::string& path) {
    fs::copy_file(base, path);
    Writer writer = Writer::open(path);
    RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
    for (std::uint64_t i = 1; i <= format::kMaxPendingDeltas; ++i) {
      auto change = writer.begin();
      put_task(change, numbers.next(), i);
      change.commit(relaxed());
    }
    writer.close();
  });
}

std::string revisions_file(std::int64_t revisions) {
  const std::string base = task_file(kSmallTaskCount);
  return built_once("revisions-" + std::to_string(revisions), [&](const std::string& path) {
    fs::copy_file(base, path);
    Writer writer = Writer::open(path);
    RandomNumbers numbers(kSmallTaskCount);
    while (true) {
      auto change = writer.begin();
      put_task(change, numbers.next(), 1 + change.base().revision());
      if (change.commit(relaxed()).revision >= static_cast<std::uint64_t>(revisions)) break;
    }
    writer.close();
  });
}

ScratchCopy::ScratchCopy(const std::string& path) : path_(path + ".copy") {
  fs::copy_file(path, path_, fs::copy_options::overwrite_existing);
}
ScratchCopy::~ScratchCopy() {
  remove_session(path_);
}

void remove_session(const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
  fs::remove(path + ".lock", ignored);
}

}  // namespace session::bench
