// LMDB: a Cap'n Proto message of one segment for each record. Durable syncs each commit; relaxed is
// MDB_NOSYNC, no sync at all.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <lmdb.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "bench/compare/store.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

// Address space, not room on the disk.
constexpr std::size_t kMapBytes = std::size_t{16} << 30;
constexpr mdb_mode_t kMode = 0600;
constexpr std::size_t kLargestWords = 1024;

void check(int result) {
  if (result != MDB_SUCCESS) throw std::runtime_error(mdb_strerror(result));
}

MDB_val value_of(const void* data, std::size_t size) {
  return {size, const_cast<void*>(data)};
}

class Environment {
 public:
  Environment(const std::string& path, unsigned flags) {
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, kMapBytes));
    check(mdb_env_open(environment_, path.c_str(), MDB_NOSUBDIR | flags, kMode));
  }
  ~Environment() { mdb_env_close(environment_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  [[nodiscard]] MDB_env* get() const { return environment_; }

 private:
  MDB_env* environment_ = nullptr;
};

// A transaction of LMDB, aborted unless committed.
class Work {
 public:
  Work(const Environment& environment, unsigned flags) {
    check(mdb_txn_begin(environment.get(), nullptr, flags, &transaction_));
    check(mdb_dbi_open(transaction_, nullptr, 0, &table_));
  }
  ~Work() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  template <class Record>
  void put(std::string_view key, typename Record::Reader record) {
    capnp::MallocMessageBuilder message;
    message.setRoot(record);
    const auto words = capnp::messageToFlatArray(message);
    MDB_val name = value_of(key.data(), key.size());
    MDB_val value = value_of(words.begin(), words.asBytes().size());
    check(mdb_put(transaction_, table_, &name, &value, 0));
  }
  void erase(std::string_view key) {
    MDB_val name = value_of(key.data(), key.size());
    check(mdb_del(transaction_, table_, &name, nullptr));
  }
  [[nodiscard]] MDB_val get(std::string_view key) {
    MDB_val name = value_of(key.data(), key.size());
    MDB_val value;
    check(mdb_get(transaction_, table_, &name, &value));
    return value;
  }
  [[nodiscard]] MDB_cursor* cursor() {
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(transaction_, table_, &cursor));
    return cursor;
  }
  void commit() {
    check(mdb_txn_commit(transaction_));
    transaction_ = nullptr;
  }

 private:
  MDB_txn* transaction_ = nullptr;
  MDB_dbi table_ = 0;
};

// LMDB aligns values to two bytes, Cap'n Proto needs eight: so they are copied.
template <class Use>
auto with_copy(const MDB_val& value, Use use) {
  std::array<capnp::word, kLargestWords> words;
  if (value.mv_size > sizeof(words)) throw std::runtime_error("a value is too large");
  std::memcpy(words.data(), value.mv_data, value.mv_size);
  capnp::FlatArrayMessageReader message(
      kj::arrayPtr(words.data(), value.mv_size / sizeof(capnp::word)));
  return use(message.getRoot<schema::Task>());
}

unsigned flags_of(Access access) {
  if (access == Access::kRead) return MDB_RDONLY;
  return access == Access::kRelaxed ? MDB_NOSYNC : 0;
}

class LmdbTasks : public TaskStore {
 public:
  LmdbTasks(const std::string& path, Access access) : environment_(path, flags_of(access)) {
    if (access == Access::kRead) reader_ = std::make_unique<Work>(environment_, MDB_RDONLY);
  }
  [[nodiscard]] std::uint64_t title_bytes(std::string_view key) override {
    return with_copy(reader_->get(key),
                     [](schema::Task::Reader task) { return task.getTitle().size(); });
  }
  [[nodiscard]] std::uint64_t scan() override {
    std::uint64_t sum = 0;
    MDB_cursor* cursor = reader_->cursor();
    MDB_val key;
    MDB_val value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
      sum += with_copy(value, [](schema::Task::Reader task) {
        return static_cast<std::uint64_t>(task.getStatus()) + task.getTitle().size();
      });
    }
    mdb_cursor_close(cursor);
    return sum;
  }
  void change(std::span<const std::uint64_t> numbers, std::uint64_t version) override {
    Work transaction(environment_, 0);
    for (const std::uint64_t number : numbers) {
      with_task(number, version, [&](std::string_view key, schema::Task::Reader task) {
        transaction.put<schema::Task>(key, task);
      });
    }
    transaction.commit();
  }

 private:
  Environment environment_;
  std::unique_ptr<Work> reader_;
};

class LmdbMessages : public MessageStore {
 public:
  explicit LmdbMessages(const std::string& path) : environment_(path, 0) {}
  void append(std::uint64_t number) override {
    Work transaction(environment_, 0);
    with_message(number, [&](std::string_view key, schema::Message::Reader message) {
      transaction.put<schema::Message>(key, message);
    });
    transaction.commit();
  }
  void close() override {}

 private:
  Environment environment_;
};

}  // namespace

Peer lmdb_store() {
  return {"LMDB",
          [](std::int64_t tasks) {
            return built_once("lmdb-" + std::to_string(tasks), [&](const std::string& path) {
              const Environment environment(path, 0);
              Work transaction(environment, 0);
              each_task(tasks, [&](std::string_view key, schema::Task::Reader task) {
                transaction.put<schema::Task>(key, task);
              });
              transaction.commit();
            });
          },
          [](const std::string& path, Access access) {
            return std::make_unique<LmdbTasks>(path, access);
          },
          true, [](const std::string& path) { return std::make_unique<LmdbMessages>(path); }};
}

void lmdb_erase_half(const std::string& path, std::int64_t tasks) {
  const Environment environment(path, 0);
  Work transaction(environment, 0);
  for (std::int64_t i = 0; i < tasks; i += 2) {
    transaction.erase(task_key(static_cast<std::uint64_t>(i)));
  }
  transaction.commit();
}

void lmdb_compact(const std::string& from, const std::string& to) {
  const Environment environment(from, MDB_RDONLY);
  check(mdb_env_copy2(environment.get(), to.c_str(), MDB_CP_COMPACT));
}

}  // namespace session::bench
