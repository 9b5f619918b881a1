// SQLite: WAL mode, a column for each field that the tasks have. Durable is `synchronous=FULL`, a
// sync for each commit; relaxed is `NORMAL`, a sync only when the log is moved into the database.

#include <sqlite3.h>

#include <stdexcept>

#include "bench/compare/store.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

constexpr std::int64_t kMappedBytes = std::int64_t{1} << 40;
// Once for a file, which keeps it.
constexpr const char* kUseLog = "PRAGMA journal_mode=WAL";

class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    check(sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr));
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int at, std::string_view text) {
    check(sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()),
                            SQLITE_TRANSIENT));
  }
  void bind(int at, std::int64_t number) { check(sqlite3_bind_int64(statement_, at, number)); }
  // True while there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) check(result);
    return result == SQLITE_ROW;
  }
  void reset() { check(sqlite3_reset(statement_)); }
  void run() {
    while (step()) {
    }
    reset();
  }
  [[nodiscard]] std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  // Without `column_text` first this would be the size of what is stored, which is the same here.
  [[nodiscard]] std::uint64_t text_bytes(int column) {
    (void)sqlite3_column_text(statement_, column);
    return static_cast<std::uint64_t>(sqlite3_column_bytes(statement_, column));
  }

 private:
  void check(int result) {
    if (result != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_));
  }
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  explicit Database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(database_));
    }
  }
  ~Database() { sqlite3_close(database_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  void run(const std::string& sql) { Statement(database_, sql.c_str()).run(); }
  [[nodiscard]] sqlite3* get() const { return database_; }

 private:
  sqlite3* database_ = nullptr;
};

std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

// Key first or last, as the statement has it.
void bind_task(Statement& statement, int key_at, int first, std::string_view key,
               schema::Task::Reader task) {
  statement.bind(key_at, key);
  statement.bind(first, view(task.getTitle()));
  statement.bind(first + 1, view(task.getDescription()));
  statement.bind(first + 2, static_cast<std::int64_t>(task.getStatus()));
  statement.bind(first + 3, static_cast<std::int64_t>(task.getPriority()));
  statement.bind(first + 4, task.getCreatedAt());
  statement.bind(first + 5, task.getUpdatedAt());
}

std::string build(std::int64_t tasks) {
  return built_once("sqlite-" + std::to_string(tasks), [&](const std::string& path) {
    Database database(path);
    database.run(kUseLog);
    database.run(
        "CREATE TABLE tasks(key TEXT PRIMARY KEY, title TEXT, description TEXT, status INTEGER, "
        "priority INTEGER, created_at INTEGER, updated_at INTEGER)");
    database.run("BEGIN");
    Statement insert(database.get(), "INSERT INTO tasks VALUES(?,?,?,?,?,?,?)");
    each_task(tasks, [&](std::string_view key, schema::Task::Reader task) {
      bind_task(insert, 1, 2, key, task);
      insert.run();
    });
    database.run("COMMIT");
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  });
}

const char* synchronous(Access access) {
  return access == Access::kRelaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL";
}

class SqliteTasks : public TaskStore {
 public:
  SqliteTasks(const std::string& path, Access access, std::int64_t mapped_bytes) : database_(path) {
    if (mapped_bytes != 0) database_.run("PRAGMA mmap_size=" + std::to_string(mapped_bytes));
    get_ = std::make_unique<Statement>(database_.get(), "SELECT title FROM tasks WHERE key=?");
    if (access == Access::kRead) return;
    database_.run(synchronous(access));
    begin_ = std::make_unique<Statement>(database_.get(), "BEGIN IMMEDIATE");
    commit_ = std::make_unique<Statement>(database_.get(), "COMMIT");
    update_ = std::make_unique<Statement>(
        database_.get(),
        "UPDATE tasks SET title=?, description=?, status=?, priority=?, created_at=?, "
        "updated_at=? WHERE key=?");
  }
  [[nodiscard]] std::uint64_t title_bytes(std::string_view key) override {
    get_->bind(1, key);
    if (!get_->step()) throw std::runtime_error("a task is missing");
    const std::uint64_t bytes = get_->text_bytes(0);
    get_->reset();
    return bytes;
  }
  [[nodiscard]] std::uint64_t scan() override {
    Statement all(database_.get(), "SELECT status, title FROM tasks");
    std::uint64_t sum = 0;
    while (all.step()) sum += static_cast<std::uint64_t>(all.number(0)) + all.text_bytes(1);
    return sum;
  }
  void change(std::span<const std::uint64_t> numbers, std::uint64_t version) override {
    constexpr int kKeyAt = 7;
    begin_->run();
    for (const std::uint64_t number : numbers) {
      with_task(number, version, [&](std::string_view key, schema::Task::Reader task) {
        bind_task(*update_, kKeyAt, 1, key, task);
        update_->run();
      });
    }
    commit_->run();
  }

 private:
  Database database_;
  std::unique_ptr<Statement> get_;
  std::unique_ptr<Statement> begin_;
  std::unique_ptr<Statement> commit_;
  std::unique_ptr<Statement> update_;
};

class SqliteMessages : public MessageStore {
 public:
  explicit SqliteMessages(const std::string& path) : database_(path) {
    database_.run(kUseLog);
    database_.run(
        "CREATE TABLE messages(position TEXT PRIMARY KEY, text TEXT, role INTEGER, time INTEGER)");
    database_.run(synchronous(Access::kDurable));
    insert_ = std::make_unique<Statement>(database_.get(), "INSERT INTO messages VALUES(?,?,?,?)");
  }
  void append(std::uint64_t number) override {
    with_message(number, [&](std::string_view key, schema::Message::Reader message) {
      insert_->bind(1, key);
      insert_->bind(2, view(message.getText()));
      insert_->bind(3, static_cast<std::int64_t>(message.getRole()));
      insert_->bind(4, message.getTime());
      insert_->run();
    });
  }
  void close() override { database_.run("PRAGMA wal_checkpoint(TRUNCATE)"); }

 private:
  Database database_;
  std::unique_ptr<Statement> insert_;
};

Peer peer(const std::string& name, std::int64_t mapped_bytes) {
  return {name, build,
          [=](const std::string& path, Access access) {
            return std::make_unique<SqliteTasks>(path, access, mapped_bytes);
          },
          mapped_bytes == 0,
          [](const std::string& path) { return std::make_unique<SqliteMessages>(path); }};
}

}  // namespace

Peer sqlite_store() {
  return peer("SQLite", 0);
}
Peer sqlite_mapped_store() {
  Peer mapped = peer("SQLite, mapped", kMappedBytes);
  mapped.new_conversation = nullptr;
  return mapped;
}

double sqlite_run(const std::string& path, const std::string& statement) {
  const Database database(path);
  Statement run(database.get(), statement.c_str());
  double result = 0;
  while (run.step()) result = static_cast<double>(run.number(0));
  return result;
}

double sqlite_except(const std::string& path, const std::string& other) {
  Database database(path);
  database.run("ATTACH '" + other + "' AS other");
  Statement count(database.get(),
                  "SELECT count(*) FROM (SELECT key, title, description, status, priority, "
                  "created_at, updated_at FROM main.tasks EXCEPT SELECT key, title, description, "
                  "status, priority, created_at, updated_at FROM other.tasks)");
  return count.step() ? static_cast<double>(count.number(0)) : 0;
}

}  // namespace session::bench
