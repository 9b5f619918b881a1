// One JSON file, `{"tasks": {key: {...}}}`. Reading loads it with simdjson, and makes an index of
// the keys when a second one is wanted; changing holds it in memory, and each commit writes it anew
// beside the old one, syncs it and renames it.

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

using nlohmann::json;

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

json task_to_json(schema::Task::Reader task) {
  return {{"title", text_of(task.getTitle())},
          {"description", text_of(task.getDescription())},
          {"status", static_cast<int>(task.getStatus())},
          {"priority", static_cast<int>(task.getPriority())},
          {"created_at", task.getCreatedAt()},
          {"updated_at", task.getUpdatedAt()}};
}

void write_whole(const std::string& path, const std::string& text, bool sync) {
  const std::string draft = path + ".new";
  const int file = ::open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  bool is_good = file >= 0;
  for (std::size_t at = 0; is_good && at < text.size();) {
    const ssize_t written = ::write(file, text.data() + at, text.size() - at);
    is_good = written > 0;
    at += static_cast<std::size_t>(written);
  }
  is_good = is_good && (!sync || ::fdatasync(file) == 0);
  is_good = ::close(file) == 0 && is_good;
  if (!is_good) throw std::runtime_error("cannot write " + draft);
  std::filesystem::rename(draft, path);
}

class JsonReader {
 public:
  explicit JsonReader(const std::string& path) : document_(parser_.load(path)) {
    tasks_ = document_["tasks"].get_object();
  }
  // The first is found by looking; whoever wants a second gets an index.
  [[nodiscard]] simdjson::dom::element at(std::string_view key) {
    if (!std::exchange(was_asked_, true)) return tasks_.at_key(key);
    if (by_key_.empty()) {
      by_key_.reserve(tasks_.size());
      for (const auto field : tasks_) by_key_.emplace(field.key, field.value);
    }
    return by_key_.at(key);
  }
  [[nodiscard]] const simdjson::dom::object& all() const { return tasks_; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element document_;
  simdjson::dom::object tasks_;
  bool was_asked_ = false;
  std::unordered_map<std::string_view, simdjson::dom::element> by_key_;
};

std::uint64_t title_size(simdjson::dom::element task) {
  return std::string_view(task["title"]).size();
}

class JsonTasks : public TaskStore {
 public:
  JsonTasks(std::string path, Access access)
      : path_(std::move(path)), is_durable_(access == Access::kDurable) {
    if (access == Access::kRead) {
      reader_ = std::make_unique<JsonReader>(path_);
    } else {
      std::ifstream file(path_);
      document_ = json::parse(file);
    }
  }
  [[nodiscard]] std::uint64_t title_bytes(std::string_view key) override {
    return title_size(reader_->at(key));
  }
  [[nodiscard]] std::uint64_t scan() override {
    std::uint64_t sum = 0;
    for (const auto field : reader_->all()) {
      sum += std::uint64_t(field.value["status"]) + title_size(field.value);
    }
    return sum;
  }
  void change(std::span<const std::uint64_t> numbers, std::uint64_t version) override {
    for (const std::uint64_t number : numbers) {
      with_task(number, version, [&](std::string_view key, schema::Task::Reader task) {
        document_["tasks"][std::string(key)] = task_to_json(task);
      });
    }
    write_whole(path_, document_.dump(), is_durable_);
  }

 private:
  std::string path_;
  bool is_durable_;
  std::unique_ptr<JsonReader> reader_;
  json document_;
};

}  // namespace

Peer json_store() {
  return {"JSON file",
          [](std::int64_t tasks) {
            return built_once("json-" + std::to_string(tasks), [&](const std::string& path) {
              json document;
              each_task(tasks, [&](std::string_view key, schema::Task::Reader task) {
                document["tasks"][std::string(key)] = task_to_json(task);
              });
              write_whole(path, document.dump(), false);
            });
          },
          [](const std::string& path, Access access) {
            return std::make_unique<JsonTasks>(path, access);
          },
          true, nullptr};
}

double json_save_seconds(const std::string& path, std::uint64_t messages) {
  json document;
  for (std::uint64_t i = 0; i < messages; ++i) {
    with_message(i, [&](std::string_view key, schema::Message::Reader message) {
      document["messages"][std::string(key)] = {{"text", text_of(message.getText())},
                                                {"role", static_cast<int>(message.getRole())},
                                                {"time", message.getTime()}};
    });
  }
  const Stopwatch watch;
  write_whole(path, document.dump(), true);
  return watch.seconds();
}

}  // namespace session::bench
