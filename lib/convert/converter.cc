#include "lib/convert/converter.h"

#include <capnp/dynamic.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "format/layout.h"
#include "format/record.h"
#include "lib/io/file.h"

namespace session::convert {
namespace {

constexpr std::size_t kMaxWarnings = 100;
constexpr const char* kFileOfItsOwn = "import it into a file of its own";

format::Hash128 key_hash(Table table, std::string_view key) {
  std::string bytes;
  bytes.reserve(key.size() + 1);
  bytes.push_back(static_cast<char>(slot(table)));
  bytes += key;
  return format::xxh3_128(format::as_bytes(bytes));
}

// The parser's own words, where they are about the source and not about the cut we made.
std::optional<std::string> why_no_json(const Probe& source) {
  const std::size_t begin = source.head.find_first_not_of(" \t\r\n");
  const bool is_whole = source.head.size() < kProbeBytes;
  const bool begins_well = source.head[begin] == '{' || source.head[begin] == '[';
  if (begins_well && !is_whole) return std::nullopt;
  try {
    const std::size_t end = is_whole ? std::string::npos : source.head.find('\n', begin);
    (void)json::parse(std::string_view(source.head).substr(0, end));
  } catch (const Error& error) {
    return error.message();
  }
  return std::nullopt;
}

// Nobody recognised it.
std::string why_unknown(const Probe& source) {
  std::string known;
  for (const SourceFormat format : import_formats()) {
    known += (known.empty() ? "" : ", ") + std::string(source_format_name(format));
  }
  const std::string hint = "say what it is with --from (" + known + ")";
  if (source.is_directory) return "no session of aca in this directory; name a file in it";
  const bool is_whole = source.head.size() < kProbeBytes;
  if (is_whole && is_blank(source.head)) return empty_source().message();
  const auto byte = [](char c) { return static_cast<std::uint8_t>(c); };
  if (std::ranges::equal(source.head.substr(0, format::kFileMagic.size()), format::kFileMagic, {},
                         byte)) {
    return "this is a session file already; export what is in it first";
  }
  if (!source.one_document) return "no known format; " + hint;
  const auto reason = why_no_json(source);
  if (!reason) return "JSON, but of no known format; " + hint;
  // Where it says what to do, that is to be done first.
  return reason->find("; ") != std::string::npos ? *reason : *reason + "; " + hint;
}

std::string origin_name(schema::Origin origin) {
  for (const auto& converter : converters()) {
    if (converter->origin() == origin && origin != schema::Origin::NATIVE) {
      return std::string(source_format_name(converter->format()));
    }
  }
  return "sessiontool";
}

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

std::optional<schema::Origin> origin_of(Table table, AnyRecord record) {
  const auto dynamic = record.as<capnp::DynamicStruct>(table_schema(table));
  KJ_IF_MAYBE (field, table_schema(table).findFieldByName("origin")) {
    return dynamic.get(*field).as<schema::Origin>();
  }
  return std::nullopt;
}

}  // namespace

Probe probe(const std::string& path) {
  Probe probe;
  probe.path = path;
  std::error_code ignored;
  probe.is_directory = std::filesystem::is_directory(path, ignored);
  if (probe.is_directory) return probe;
  const auto file = io::system_files().open(path, io::OpenMode::kRead);
  std::vector<std::byte> bytes(kProbeBytes);
  bytes.resize(file->read_at(0, bytes));
  probe.head = std::string(format::as_text(bytes));
  const std::size_t begin = probe.head.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return probe;
  const std::size_t end = probe.head.find('\n', begin);
  try {
    probe.first_line = json::parse(std::string_view(probe.head).substr(begin, end - begin));
  } catch (const Error&) {
    probe.one_document = true;
  }
  return probe;
}

Error empty_source() {
  return Error(ErrorCode::kBadSource, "the file is empty; name one that has something in it");
}

Error source_error(const Error& error, const std::string& path) {
  // A semicolon stands before what is to be done.
  const bool says_it = error.message().find("; ") != std::string::npos;
  if (error.code() != ErrorCode::kBadSource || says_it) return error.in_file(path);
  return Error(error.code(), error.message() + "; mend the source and try again", error.file(),
               error.offset())
      .in_file(path);
}

ImportContext::ImportContext(Transaction& change, const ImportOptions& options,
                             ImportedSource& report, schema::Origin origin,
                             std::uint64_t total_bytes)
    : change_(change),
      options_(options),
      report_(report),
      origin_(origin),
      total_bytes_(total_bytes) {}

void ImportContext::put_any(Table table, std::string_view key, AnyRecord record,
                            std::uint64_t line) {
  const auto [at, is_new] =
      seen_.try_emplace(key_hash(table, key), static_cast<std::uint32_t>(line));
  if (!is_new) {
    std::string text = "the key " + json::quote(key) + " stands twice in this source";
    if (line != 0) {
      text = "line " + std::to_string(line) + ", column 1: " + text + ", first on line " +
             std::to_string(at->second);
    }
    throw Error(ErrorCode::kBadSource, text + "; remove one of them");
  }
  if (table == Table::kFiles && leaves_alone(table, key)) return;
  try {
    refuse_others(table, key, line);
    if (change_.upsert_if_different(table, key, record)) ++report_.upserts;
  } catch (const Error& error) {
    // Beyond a limit of the format, or no key at all: the source's fault, not the caller's.
    if (error.code() != ErrorCode::kLimit && error.code() != ErrorCode::kUsage) throw;
    throw at_line(Error(ErrorCode::kBadSource, error.message()), line);
  }
}

void ImportContext::erase(Table table, std::string_view key) {
  if (change_.erase(table, key)) ++report_.erases;
}

void ImportContext::warn(std::string text) {
  if (report_.warnings.size() < kMaxWarnings) {
    report_.warnings.push_back(std::move(text));
    return;
  }
  ++dropped_warnings_;
  if (dropped_warnings_ > 1) report_.warnings.pop_back();
  report_.warnings.push_back("and " + std::to_string(dropped_warnings_) + " more");
}

void ImportContext::each_line(const std::string& path,
                              const std::function<void(const json::Value&, std::uint64_t)>& use,
                              std::size_t max_depth) {
  LineReader lines = LineReader::open(path, kMaxLineBytes, [this] { progress(done_bytes_); });
  const auto report = [this](std::uint64_t consumed_bytes) { progress(consumed_bytes); };
  const std::uint64_t used =
      each_json_line(lines, {.max_depth = max_depth, .progress = report}, use);
  // Blank lines would erase all that came from there before.
  if (used == 0 && origin_ != schema::Origin::NATIVE) throw empty_source();
}

void ImportContext::progress(std::uint64_t done_bytes) {
  done_bytes_ = done_bytes;
  if (!options_.progress) return;
  if (options_.progress({"importing", done_bytes, total_bytes_})) return;
  throw Error(ErrorCode::kInterrupted, "interrupted; nothing of this source was imported");
}

bool ImportContext::speaks_for(Table table, AnyRecord record) const {
  return origin_ == schema::Origin::NATIVE || origin_of(table, record) == origin_;
}

std::optional<schema::Origin> ImportContext::other_owner(Table table, std::string_view key) const {
  if (origin_ == schema::Origin::NATIVE) return std::nullopt;
  const auto found = change_.find(table, key);
  if (!found || speaks_for(table, found->record())) return std::nullopt;
  return origin_of(table, found->record());
}

bool ImportContext::leaves_alone(Table table, std::string_view key) {
  const auto owner = other_owner(table, key);
  if (!owner) return false;
  if (!left_alone_) {
    warn("table " + std::string(table_name(table)) + " has a record " + json::quote(key) + " of " +
         origin_name(*owner) + " already, which was left as it is, as will be others like it; " +
         kFileOfItsOwn);
  }
  left_alone_ = true;
  return true;
}

void ImportContext::refuse_others(Table table, std::string_view key, std::uint64_t line) {
  const bool is_content = table == Table::kMessages || table == Table::kTasks ||
                          table == Table::kEvents || table == Table::kValues;
  if (!is_content) return;
  const auto owner = other_owner(table, key);
  if (!owner) return;
  // A tracker's key is its own: a task edited here as a whole belongs to it all the same.
  if (table == Table::kTasks && *owner == schema::Origin::NATIVE) {
    warn("task " + json::quote(key) + " was written here since; the source's word replaces it");
    return;
  }
  throw at_line(Error(ErrorCode::kBadSource, "the key " + json::quote(key) + " in table " +
                                                 std::string(table_name(table)) + " is " +
                                                 origin_name(*owner) + "'s already, not " +
                                                 origin_name(origin_) + "'s; " + kFileOfItsOwn),
                line);
}

void ImportContext::erase_missing(const std::vector<Table>& tables) {
  for (const Table table : tables) {
    std::vector<std::string> missing;
    for (Cursor cursor = change_.cursor(table); cursor.valid(); cursor.next()) {
      if (seen_.contains(key_hash(table, cursor.key()))) continue;
      if (speaks_for(table, cursor.record())) missing.emplace_back(cursor.key());
    }
    for (const std::string& key : missing) {
      if (change_.erase(table, key)) ++report_.erases;
    }
  }
}

void ImportContext::check_references() {
  const auto exists = [&](std::string_view key) {
    return seen_.contains(key_hash(Table::kTasks, key)) ||
           change_.find(Table::kTasks, key).has_value();
  };
  for (Cursor cursor = change_.cursor(Table::kTasks); cursor.valid(); cursor.next()) {
    const auto task = cursor.record().as<schema::Task>();
    const std::string parent = text_of(task.getParent());
    if (!parent.empty() && !exists(parent)) {
      warn("task " + json::quote(cursor.key()) +
           " has a parent that does not exist: " + json::quote(parent));
    }
    for (const auto dependency : task.getDependencies()) {
      const std::string target = text_of(dependency.getTarget());
      if (target == parent || target.empty() || exists(target)) continue;
      warn("task " + json::quote(cursor.key()) +
           " depends on one that does not exist: " + json::quote(target));
    }
  }
}

ExportContext::ExportContext(const Snapshot& snapshot, std::ostream& out, ExportReport& report,
                             const ProgressCallback& progress)
    : snapshot_(snapshot), out_(out), report_(report), progress_(progress) {}

void ExportContext::each(Table table,
                         const std::function<void(std::string_view key, AnyRecord record)>& visit) {
  constexpr std::uint64_t kReportEvery = 1024;
  for (Cursor cursor = snapshot_.cursor(table); cursor.valid(); cursor.next()) {
    const WholeRecord whole = snapshot_.whole(table, cursor.entry());
    format::guarded([&] { visit(whole.key(), whole.record()); });
    if (!out_) throw Error(ErrorCode::kIo, "the export could not be written");
    if (++report_.records % kReportEvery == 0 && progress_ &&
        !progress_({"exporting", report_.records, 0})) {
      throw Error(ErrorCode::kInterrupted, "interrupted");
    }
  }
}

void ExportContext::warn(std::string text) {
  if (report_.warnings.size() < kMaxWarnings) report_.warnings.push_back(std::move(text));
}

std::vector<std::string> Converter::sessions(const std::string&) const {
  return {""};
}

void Converter::import_session(const std::string& path, const std::string& session, Writer& writer,
                               const ImportOptions& options, ImportedSource& report) const {
  Transaction change = writer.begin();
  change.spill_above(options.memory_bytes);
  std::error_code failed;
  const auto size_bytes = std::filesystem::file_size(path, failed);
  ImportContext into(change, options, report, origin(), failed ? 0 : size_bytes);
  preview(path, session, into);
  CommitOptions commit;
  commit.message = options.message.empty() ? "import " + path : options.message;
  const CommitResult result = change.commit(commit);
  report.revision = result.revision;
  report.written_bytes = result.written_bytes;
}

void Converter::preview(const std::string& path, const std::string&, ImportContext& into) const {
  read(path, into);
  into.check_references();
}

void Converter::write_directory(const Snapshot&, const std::string&, ExportReport&,
                                const ProgressCallback&) const {
  throw Error(ErrorCode::kUsage,
              "the format " + std::string(source_format_name(format())) + " is a file");
}

const std::vector<std::unique_ptr<Converter>>& converters() {
  static const std::vector<std::unique_ptr<Converter>> all = [] {
    std::vector<std::unique_ptr<Converter>> list;
    list.push_back(make_json_converter());
    list.push_back(make_jsonl_converter());
    list.push_back(make_beads_converter());
    list.push_back(make_aca_converter());
    list.push_back(make_claude_code_converter());
    list.push_back(make_codex_converter());
    list.push_back(make_swe_agent_converter());
    list.push_back(make_taskmaster_converter());
    return list;
  }();
  return all;
}

const Converter& converter_for(SourceFormat format) {
  for (const auto& converter : converters()) {
    if (converter->format() == format) return *converter;
  }
  throw Error(ErrorCode::kUsage, "this version does not convert the format " +
                                     std::string(source_format_name(format)));
}

const Converter& recognise(const std::string& path) {
  const Probe source = probe(path);
  for (const auto& converter : converters()) {
    if (converter->recognises(source)) return *converter;
  }
  throw Error(ErrorCode::kBadSource, why_unknown(source), path);
}

}  // namespace session::convert
