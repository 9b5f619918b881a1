#include "bench/support/flat_file.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

// Ample for a task with its share of the lists, so that the message is one segment.
constexpr std::uint64_t kWordsPerTask = 128;

void build(const std::string& path, std::int64_t count) {
  std::vector<std::pair<std::string, std::uint64_t>> order;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    order.emplace_back(task_key(i), i);
  }
  std::sort(order.begin(), order.end());
  const auto n = static_cast<std::uint32_t>(order.size());
  capnp::MallocMessageBuilder message(static_cast<std::uint32_t>(n * kWordsPerTask));
  auto flat = message.initRoot<schema::Leaf>();
  auto prefixes = flat.initPrefixes(n);
  auto ends = flat.initKeyEnds(n);
  std::string keys;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::string& key = order[i].first;
    keys += key;
    ends.set(i, static_cast<std::uint32_t>(keys.size()));
    prefixes.set(i, format::read_big_endian(std::string_view(key).substr(0, 8)));
  }
  flat.setKeys({reinterpret_cast<const kj::byte*>(keys.data()), keys.size()});
  auto tasks = flat.getRecords().initAs<capnp::List<schema::Task>>(n);
  for (std::uint32_t i = 0; i < n; ++i) fill_task(tasks[i], order[i].second);
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  const auto file = io::system_files().open(path, io::OpenMode::kCreateNew);
  file->write_at(0, std::as_bytes(std::span(bytes.begin(), bytes.size())));
}

}  // namespace

std::string FlatFile::path_of(std::int64_t tasks) {
  const std::string path = scratch_file("flat-" + std::to_string(tasks));
  if (!std::filesystem::exists(path)) build(path, tasks);
  return path;
}

FlatFile::FlatFile(const std::string& path)
    : file_(io::system_files().open(path, io::OpenMode::kRead)),
      mapping_(file_->map(file_->size_bytes())),
      tasks_(mapping_->bytes()) {}

std::optional<schema::Task::Reader> FlatFile::get(std::string_view key) const {
  const auto at = tasks_.find(key);
  if (!at) return std::nullopt;
  return tasks_.record(*at).as<schema::Task>();
}

}  // namespace session::bench
