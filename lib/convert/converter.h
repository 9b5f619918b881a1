#pragma once
// The frame every foreign format stands in: recognise, read into a transaction, write out of a
// snapshot. One file per format implements it; import.cc and export.cc do what all have in common
// (difference to the head, duplicates, erasing what a source no longer has, dangling references,
// progress).

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/checksum.h"
#include "lib/convert/json.h"
#include "lib/convert/line_reader.h"
#include "session/convert.h"

namespace session::convert {

// What a source looks like before it is read.
struct Probe {
  std::string path;
  bool is_directory = false;
  std::string head;                       // its first bytes, at most kProbeBytes
  std::optional<json::Value> first_line;  // the first line that is not blank, if it is JSON
  bool one_document = false;              // the first line alone is no JSON: one document, perhaps
};
inline constexpr std::size_t kProbeBytes = std::size_t{256} << 10;

[[nodiscard]] Probe probe(const std::string& path);

// Where a converter puts what it reads. One per source.
class ImportContext {
 public:
  ImportContext(Transaction& change, const ImportOptions& options, ImportedSource& report,
                schema::Origin origin, std::uint64_t total_bytes);

  // Writes the record unless an equal one is there. `line` says where it stands in the source. Two
  // records of one source under one key are an error of the source: throws kBadSource naming both
  // lines. So is a message, task, event or value that a foreign source would put in the place of
  // one of another origin. Of what was made of a source (files, put_derived) the other's stays,
  // with a warning.
  template <class RecordReader>
  void put(std::string_view key, const RecordReader& record, std::uint64_t line = 0) {
    put_any(kTableOf<capnp::FromReader<RecordReader>>, key, AnyRecord(record), line);
  }
  void put_any(Table table, std::string_view key, AnyRecord record, std::uint64_t line = 0);
  // The same for a record the source does not hold as such.
  template <class RecordReader>
  void put_derived(std::string_view key, const RecordReader& record) {
    constexpr Table kTable = kTableOf<capnp::FromReader<RecordReader>>;
    if (leaves_alone(kTable, key)) return;
    put_any(kTable, key, AnyRecord(record));
  }
  void erase(Table table, std::string_view key);

  // Imported all the same, but worth a word. Kept up to a limit; the rest is counted.
  void warn(std::string text);
  // The values of a source of one JSON value a line (each_json_line); the user is asked whether to
  // go on also while none come. Throws kBadSource when a foreign source has none.
  void each_line(const std::string& path,
                 const std::function<void(const json::Value& value, std::uint64_t line)>& use,
                 std::size_t max_depth = json::kMaxJsonDepth);
  // Calls the user's callback; throws kInterrupted when it says so.
  void progress(std::uint64_t done_bytes);
  [[nodiscard]] Transaction& change() { return change_; }
  [[nodiscard]] const ImportOptions& options() const { return options_; }
  [[nodiscard]] schema::Origin origin() const { return origin_; }

  // After the last record: erases what the head has of these tables and the source has not. A
  // foreign source speaks only for records of its own origin; our own JSON speaks for all.
  void erase_missing(const std::vector<Table>& tables);
  // Warns of parents and dependencies that lead nowhere.
  void check_references();

 private:
  [[nodiscard]] bool speaks_for(Table table, AnyRecord record) const;
  // Whose record stands there, if this source may not replace it.
  [[nodiscard]] std::optional<schema::Origin> other_owner(Table table, std::string_view key) const;
  // True, with a warning the first time, if it is another's.
  [[nodiscard]] bool leaves_alone(Table table, std::string_view key);
  void refuse_others(Table table, std::string_view key, std::uint64_t line);

  struct KeyHash {
    std::size_t operator()(const format::Hash128& hash) const { return hash.low; }
  };

  Transaction& change_;
  const ImportOptions& options_;
  ImportedSource& report_;
  schema::Origin origin_;
  std::uint64_t total_bytes_;
  std::uint64_t done_bytes_ = 0;
  std::uint64_t dropped_warnings_ = 0;
  bool left_alone_ = false;
  // 128-bit hashes instead of keys: about 56 bytes a record, whatever its key.
  std::unordered_map<format::Hash128, std::uint32_t, KeyHash> seen_;
};

// Where a converter writes to.
class ExportContext {
 public:
  ExportContext(const Snapshot& snapshot, std::ostream& out, ExportReport& report,
                const ProgressCallback& progress);

  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] std::ostream& out() { return out_; }
  // Every record of a table in key order, with its large texts in place.
  void each(Table table, const std::function<void(std::string_view key, AnyRecord record)>& visit);
  void warn(std::string text);

 private:
  const Snapshot& snapshot_;
  std::ostream& out_;
  ExportReport& report_;
  const ProgressCallback& progress_;
};

class Converter {
 public:
  virtual ~Converter() = default;
  [[nodiscard]] virtual SourceFormat format() const = 0;
  [[nodiscard]] virtual schema::Origin origin() const = 0;
  // Is this unmistakably one of ours?
  [[nodiscard]] virtual bool recognises(const Probe& source) const = 0;
  // Reads the whole source; throws kBadSource with the place ("line L, column C: ...").
  virtual void read(const std::string& path, ImportContext& into) const = 0;
  virtual void write(ExportContext& out) const = 0;

  // ---- for formats that are directories; the defaults are for those that are files ----

  // The names of the sessions a source holds; one without a name unless a source can hold several.
  [[nodiscard]] virtual std::vector<std::string> sessions(const std::string& path) const;
  // Brings one of them into a file, in as many commits as it has states: by default one, of what
  // read() reads. Fills the report.
  virtual void import_session(const std::string& path, const std::string& session, Writer& writer,
                              const ImportOptions& options, ImportedSource& report) const;
  // What that would change, in a transaction that is rolled back.
  virtual void preview(const std::string& path, const std::string& session,
                       ImportContext& into) const;
  // A directory is written instead of a stream; write() throws kUsage.
  [[nodiscard]] virtual bool writes_directory() const { return false; }
  // Below `directory`, which exists and is empty; nowhere if its name is empty, for a dry run.
  virtual void write_directory(const Snapshot& snapshot, const std::string& directory,
                               ExportReport& report, const ProgressCallback& progress) const;
};

// In the order in which they are asked to recognise a source: the strictest first.
[[nodiscard]] const std::vector<std::unique_ptr<Converter>>& converters();
[[nodiscard]] const Converter& converter_for(SourceFormat format);
// Throws kBadSource when nobody recognises the source.
[[nodiscard]] const Converter& recognise(const std::string& path);

// One per format, each in a file of its own.
[[nodiscard]] std::unique_ptr<Converter> make_json_converter();
[[nodiscard]] std::unique_ptr<Converter> make_jsonl_converter();
[[nodiscard]] std::unique_ptr<Converter> make_beads_converter();
[[nodiscard]] std::unique_ptr<Converter> make_aca_converter();
[[nodiscard]] std::unique_ptr<Converter> make_claude_code_converter();
[[nodiscard]] std::unique_ptr<Converter> make_codex_converter();
[[nodiscard]] std::unique_ptr<Converter> make_swe_agent_converter();
[[nodiscard]] std::unique_ptr<Converter> make_taskmaster_converter();

// Of a source with nothing in it.
[[nodiscard]] Error empty_source();

// The error with the source's name, if it has none, and what to do, if it does not say.
[[nodiscard]] Error source_error(const Error& error, const std::string& path);

// Runs `f` with errors that are about this source.
template <class F>
void at_source(const std::string& path, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    throw source_error(error, path);
  }
}

}  // namespace session::convert
