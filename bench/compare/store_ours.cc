// Our library, and the flat file.

#include <memory>
#include <stdexcept>

#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/flat_file.h"
#include "bench/support/workload.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::bench {
namespace {

std::uint64_t sum_of(schema::Task::Reader task) {
  return static_cast<std::uint64_t>(task.getStatus()) + task.getTitle().size();
}

class OurTasks : public TaskStore {
 public:
  OurTasks(const std::string& path, Access access) {
    if (access == Access::kRead) {
      snapshot_.emplace(Reader::open(path).head());
    } else {
      writer_.emplace(Writer::open(path));
      if (access == Access::kRelaxed) options_.durability = Durability::kRelaxed;
    }
  }
  [[nodiscard]] std::uint64_t title_bytes(std::string_view key) override {
    return (*snapshot_.value().get<schema::Task>(key))->getTitle().size();
  }
  [[nodiscard]] std::uint64_t scan() override {
    std::uint64_t sum = 0;
    for (const auto& task : snapshot_.value().all<schema::Task>()) sum += sum_of(*task);
    return sum;
  }
  void change(std::span<const std::uint64_t> numbers, std::uint64_t version) override {
    Transaction change = writer_.value().begin();
    for (const std::uint64_t number : numbers) put_task(change, number, version);
    (void)change.commit(options_);
  }

 private:
  std::optional<Snapshot> snapshot_;
  std::optional<Writer> writer_;
  CommitOptions options_;
};

class OurMessages : public MessageStore {
 public:
  explicit OurMessages(const std::string& path) : writer_(Writer::create(path)) {}
  void append(std::uint64_t number) override {
    Transaction change = writer_.begin();
    put_message(change, number);
    (void)change.commit();
  }
  void close() override { writer_.close(); }

 private:
  Writer writer_;
};

class FlatTasks : public TaskStore {
 public:
  explicit FlatTasks(const std::string& path) : file_(path) {}
  [[nodiscard]] std::uint64_t title_bytes(std::string_view key) override {
    return file_.get(key)->getTitle().size();
  }
  [[nodiscard]] std::uint64_t scan() override {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < file_.all().size(); ++i) {
      sum += sum_of(file_.all().record(i).as<schema::Task>());
    }
    return sum;
  }
  void change(std::span<const std::uint64_t> /*numbers*/, std::uint64_t /*version*/) override {
    throw std::logic_error("the flat file cannot be changed");
  }

 private:
  FlatFile file_;
};

}  // namespace

Peer our_store() {
  return {"sessiontool", task_file,
          [](const std::string& path, Access access) {
            return std::make_unique<OurTasks>(path, access);
          },
          true, [](const std::string& path) { return std::make_unique<OurMessages>(path); }};
}

Peer flat_store() {
  return {
      "flat Cap'n Proto file", FlatFile::path_of,
      [](const std::string& path, Access /*access*/) { return std::make_unique<FlatTasks>(path); },
      false, nullptr};
}

}  // namespace session::bench
