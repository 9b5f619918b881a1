#include "tests/support/vectors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include <capnp/dynamic.h>
#include <capnp/message.h>

#include "format/checksum.h"
#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "format/record.h"
#include "lib/convert/json.h"
#include "lib/convert/record_json.h"
#include "lib/operations/repack.h"
#include "lib/store/view.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::test {
namespace {

namespace json = convert::json;

constexpr std::int64_t kFirstNanos = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kStepNanos = 1'000'000'001;

std::array<std::byte, 16> uuid_bytes(std::string_view name) {
  const Digest digest = format::sha256(format::as_bytes(name));
  std::array<std::byte, 16> id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  id[6] = (id[6] & std::byte{0x0F}) | std::byte{0x40};
  id[8] = (id[8] & std::byte{0x3F}) | std::byte{0x80};
  return id;
}

std::string uuid_text(std::string_view name) {
  std::string text = format::hex(uuid_bytes(name));
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

// A session whose every byte follows from the calls made on it: the clock stands still but for
// tick(), and the ids come from the vector's name.
class Maker {
 public:
  Maker(const std::string& path, std::string_view name, std::uint8_t target_log2 = 0)
      : path_(path), name_(name), writer_(Writer::create_draft(path, options(target_log2))) {}

  class Change {
   public:
    explicit Change(Maker& maker) : maker_(maker), transaction_(maker.writer_.begin()) {}

    Change& put(Table table, std::string_view key, std::string_view record) {
      capnp::MallocMessageBuilder message;
      const auto schema = table_schema(table);
      auto builder = message.initRoot<capnp::DynamicStruct>(schema);
      convert::record_from_json(table, json::parse(record), builder);
      transaction_.upsert_any(
          table, key, message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>());
      return *this;
    }
    Change& erase(Table table, std::string_view key) {
      if (!transaction_.erase(table, key)) throw std::logic_error("nothing to erase");
      return *this;
    }
    void commit(const std::string& message, bool as_snapshot = false,
                Durability durability = Durability::kDurable) {
      CommitOptions options;
      options.message = message;
      options.as_snapshot = as_snapshot;
      options.durability = durability;
      maker_.tick();
      transaction_.commit(options);
    }
    void checkpoint(const std::string& description) {
      CheckpointOptions options;
      options.description = description;
      options.id = uuid_text(std::string(maker_.name_) + " checkpoint " + description);
      options.tags = {"vector"};
      maker_.tick();
      transaction_.checkpoint(options);
    }

   private:
    Maker& maker_;
    Transaction transaction_;
  };

  [[nodiscard]] Change change() { return Change(*this); }
  // The first commit, as Writer::create makes it.
  void start() {
    change().commit("");
    writer_.publish();
  }
  void publish() { writer_.publish(); }
  void erase_checkpoint(const std::string& description) {
    tick();
    writer_.delete_checkpoint(uuid_text(std::string(name_) + " checkpoint " + description));
  }
  void close() { writer_.close(); }
  // With the same clock, for a writer that opens the file again.
  [[nodiscard]] WriterOptions writing() {
    tick();
    WriterOptions options;
    options.clock = [clock = clock_] { return *clock; };
    return options;
  }
  // The file as it stands, without the reserve behind the head.
  [[nodiscard]] std::string bytes() const {
    return read_whole_file(path_).substr(0, Reader::open(path_).info().head_end);
  }

 private:
  void tick() { *clock_ += kStepNanos; }
  [[nodiscard]] CreateOptions options(std::uint8_t target_log2) const {
    CreateOptions options;
    options.clock = [clock = clock_] { return *clock; };
    options.leaf_target_log2 = target_log2;
    options.index_target_log2 = target_log2;
    options.file_id = uuid_bytes("file " + std::string(name_));
    options.session_id = uuid_text("session " + std::string(name_));
    options.written_by = "spec/vectors";
    return options;
  }

  std::string path_;
  std::string_view name_;
  std::shared_ptr<std::int64_t> clock_ = std::make_shared<std::int64_t>(kFirstNanos);
  Writer writer_;
};

// Replaces a file that is still open: the writer goes with it, and what it does to its own path no
// longer matters.
void replace_after(Maker& maker, const std::string& path, const std::string& bytes) {
  maker.close();
  write_whole_file(path, bytes);
}

// ---- the vectors --------------------------------------------------------------------------------

void make_smallest(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.close();
}

void fill_deltas(Maker& maker) {
  maker.start();
  maker.change()
      .put(Table::kSession, "metadata",
           R"({"metadata": {"name": "vector", "tags": ["a", ""], "properties": {"depth": 1.10}}})")
      .put(Table::kTasks, "st-1",
           R"({"title": "root", "status": "in_progress", "priority": "high",
               "created_at": "2026-01-01T09:00:00.120+02:00", "vendor_field": [1, null]})")
      .put(Table::kTasks, "st-2", R"({"title": "", "parent": "st-1", "rank": 2})")
      .put(Table::kTasks, "st-10", R"({"title": "ten", "parent": "st-1", "rank": -1, "tags": []})")
      .commit("three tasks");
  maker.change()
      .put(Table::kTasks, "st-2",
           R"({"title": "moved to the roots", "rank": 7, "status": "completed",
               "dependencies": [{"target": "st-10", "type": "related"}]})")
      .erase(Table::kTasks, "st-10")
      .put(
          Table::kMessages, "0000000001",
          R"({"role": "user", "text": "Gr\u00fc\u00dfe \ud83c\udf0d", "time": "2026-01-01T00:00:02Z"})")
      .commit("one changed, one erased, one message");
  maker.change()
      .put(Table::kTasks, "st-10", R"({"title": "ten again", "estimated_nanos": 90000000000})")
      .put(Table::kExecutions, "st-10#1",
           R"({"task": "st-10", "memory_bytes": 18446744073709551615})")
      .put(Table::kFiles, "src/main.cc", R"({"size_bytes": 12, "is_tracked": true})")
      .put(Table::kEvents, "0000000001", R"({"kind": "tick", "severity": "warning"})")
      .put(Table::kValues, "demo/bytes", R"({"bytes": "AAECAw==", "media_type": "x/y"})")
      .commit("what was erased comes back; every content table has a record");
}

void make_deltas(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  fill_deltas(maker);
  maker.close();
}

std::string numbered_key(std::string_view prefix, int n) {
  const std::string digits = std::to_string(n);
  return std::string(prefix) + std::string(3 - digits.size(), '0') + digits;
}

void make_snapshot_levels(const std::string& path, std::string_view name) {
  Maker maker(path, name, format::kMinTargetLog2);
  {
    auto change = maker.change();
    for (int n = 0; n < 44; ++n) {
      change.put(Table::kValues, numbered_key("level/", n),
                 R"({"text": ")" + std::string(static_cast<std::size_t>(n % 5) * 9, 'x') + "\"}");
    }
    change.commit("a tree of three levels");
  }
  maker.publish();
  maker.close();
}

std::string pattern_text(std::size_t size_bytes) {
  static constexpr std::string_view kPattern = "the same line again and again; ";
  std::string text;
  while (text.size() < size_bytes) text += kPattern;
  text.resize(size_bytes);
  return text;
}

// Letters that no compressor shortens by an eighth.
std::string noise_text(std::size_t size_bytes) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
      "-_.,:;!?()[]{}<>=*&%$#@^~|`'";
  std::uint64_t state = 88172645463325252;  // xorshift64
  std::string text;
  while (text.size() < size_bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    text.push_back(kLetters[(state >> 20) % kLetters.size()]);
  }
  return text;
}

std::string quoted(const std::string& text) {
  return json::to_text(json::Value::string(text));
}

void make_blobs(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  const std::string two_parts = quoted(pattern_text(format::kBlobPartBytes + 4321));
  maker.change()
      .put(Table::kMessages, "0000000001",
           R"({"role": "tool", "blocks": [{"kind": "text", "text": "small"},
               {"kind": "tool_result", "call_id": "c1", "text": )" +
               two_parts + "}]}")
      .put(Table::kMessages, "0000000002", R"({"role": "assistant", "text": )" + two_parts + "}")
      .commit("a text of two parts, stored once");
  maker.change()
      .put(Table::kValues, "demo/noise",
           R"({"text": )" + quoted(noise_text(format::kInlineBytes + 1)) + "}")
      .put(Table::kValues, "demo/inline", R"({"text": )" + quoted(pattern_text(40)) + "}")
      .commit("one byte too large to stay in its record");
  maker.close();
}

void make_checkpoint(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.change().put(Table::kTasks, "a", R"({"title": "one"})").commit("first");
  maker.change().put(Table::kTasks, "b", R"({"title": "two", "parent": "a"})").checkpoint("early");
  maker.change().put(Table::kTasks, "a", R"({"title": "one, edited"})").commit("second");
  maker.change().checkpoint("nothing changed");
  maker.change().erase(Table::kTasks, "b").commit("third");
  maker.erase_checkpoint("early");
  maker.close();
}

void make_unsealed(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  for (const char* title : {"one", "two", "three"}) {
    maker.change()
        .put(Table::kTasks, "a", std::string(R"({"title": ")") + title + "\"}")
        .commit("relaxed", false, Durability::kRelaxed);
  }
  replace_after(maker, path, maker.bytes());
}

void make_torn_tail(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.change().put(Table::kTasks, "a", R"({"title": "kept"})").commit("whole");
  const std::string whole = maker.bytes();
  maker.change().put(Table::kTasks, "a", R"({"title": "torn"})").commit("cut");
  replace_after(maker, path, maker.bytes().substr(0, whole.size() + 200));
}

void make_reserve(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.change().put(Table::kTasks, "a", R"({"title": "kept"})").commit("whole");
  replace_after(maker, path, maker.bytes() + std::string(1000, '\0'));
}

void make_sealed_tail(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.close();
  write_whole_file(path, read_whole_file(path) + "torn" + std::string(100, '\0'));
}

// The smallest file with a feature in its only commit.
void make_features(const std::string& path, std::string_view name, bool is_required) {
  make_smallest(path, name);
  const std::string whole = read_whole_file(path);
  const auto bytes = format::as_bytes(whole);
  const auto header = value_or_throw(format::decode_file_header(bytes));
  const std::uint64_t offset = Reader::open(path).head().info().offset;
  const format::Frame frame = value_or_throw(format::load_frame(bytes, offset, header.tag()));

  capnp::MallocMessageBuilder message;
  message.setRoot(format::read_root<schema::Commit>(frame.stored));
  auto feature = message.getRoot<schema::Commit>().getTrees().initFeatures(1)[0];
  feature.setName("colours");
  feature.setSince("9.1");
  feature.setIsRequired(is_required);
  std::vector<std::byte> out(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  const auto commit = message.getRoot<schema::Commit>().asReader();
  format::append_frame(out, 0, format::FrameKind::kCommit, 0, header.tag(),
                       format::canonical_payload(commit));

  capnp::MallocMessageBuilder seal_message;
  auto seal = seal_message.initRoot<schema::Seal>();
  seal.setCommitOffset(offset);
  seal.setRevision(1);
  format::append_frame(out, 0, format::FrameKind::kSeal, offset, header.tag(),
                       format::canonical_payload(seal.asReader()));
  write_whole_file(path, format::as_text(out));
}

void make_features_ignorable(const std::string& path, std::string_view name) {
  make_features(path, name, false);
}

void make_features_required(const std::string& path, std::string_view name) {
  make_features(path, name, true);
}

void make_newer_major(const std::string& path, std::string_view name) {
  make_smallest(path, name);
  const std::string whole = read_whole_file(path);
  auto header = value_or_throw(format::decode_file_header(format::as_bytes(whole)));
  header.major = format::kMajorVersion + 1;
  const auto bytes = format::encode(header);
  write_whole_file(path, std::string(format::as_text(bytes)) + whole.substr(bytes.size()));
}

void make_sealed_damage(const std::string& path, std::string_view name) {
  make_smallest(path, name);
  const std::uint64_t offset = Reader::open(path).head().info().offset;
  std::string bytes = read_whole_file(path);
  char& byte = bytes[offset + format::kFrameHeaderBytes + 20];
  byte = static_cast<char>(byte ^ 1);
  write_whole_file(path, bytes);
}

void make_parity(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  maker.change().put(Table::kValues, "vector/first", R"({"text": "protected"})").commit("first");
  maker.close();
  protect(path, {.percent = 20});
  Writer writer = Writer::open(path, maker.writing());
  {
    auto change = writer.begin();
    (void)change.erase(Table::kValues, "vector/first");
    CommitOptions options;
    options.message = "behind a group";
    change.commit(options);
  }
  writer.close();
  protect(path, {.percent = 1});
}

// As compact writes it, in a file whose id follows from the vector's name.
void make_prefix(const std::string& path, std::string_view name) {
  Maker maker(path, name);
  maker.start();
  for (const char* title : {"one", "one and two", "one, two and three"}) {
    maker.change()
        .put(Table::kTasks, "a", std::string(R"({"title": ")") + title + "\"}")
        .put(Table::kValues, "vector/last", std::string(R"({"text": ")") + title + "\"}")
        .commit("saved");
  }
  maker.change().checkpoint("folded");
  maker.change().put(Table::kTasks, "a", R"({"title": "four"})").commit("behind the snapshot");
  maker.close();

  const Snapshot head = Reader::open(path).head();
  operations::RepackPlan plan;
  plan.pages = head.view().pages();
  plan.header = head.view().header();
  head.history([&](const RevisionInfo& info) {
    plan.kept.insert(plan.kept.begin(), info);
    return true;
  });
  CreateOptions create;
  create.file_id = uuid_bytes("file " + std::string(name));
  create.written_by = head.view().writer();
  create.overwrite = true;
  create.clock = [begin = plan.header.created_nanos] { return begin; };
  const auto draft = store::WriterCore::create_draft(path, create);
  operations::Repacker(draft, plan).run();
  draft->publish();
  draft->close();
}

}  // namespace

const std::vector<Vector>& all_vectors() {
  static const std::vector<Vector> vectors = {
      {"smallest", "The smallest file: one empty revision, closed cleanly.", {}, {}, make_smallest},
      {"deltas",
       "Deltas over the first snapshot: records written, changed, moved, erased and written again.",
       {},
       {},
       make_deltas},
      {"snapshot_levels",
       "A tree of three levels, made with the smallest page targets.",
       {},
       {},
       make_snapshot_levels},
      {"blobs",
       "Texts outside their records: one of two compressed parts that two messages share, and one "
       "stored as it is.",
       {},
       {},
       make_blobs,
       true},
      {"checkpoint",
       "Snapshots with checkpoints, deltas between them, and a checkpoint deleted again.",
       {},
       {},
       make_checkpoint},
      {"unsealed",
       "Not closed, and never synced since the first commit: the head vouches for what lies "
       "before it.",
       {},
       {},
       make_unsealed},
      {"torn_tail",
       "The last commit is cut: the one before it is the head.",
       {},
       {},
       make_torn_tail},
      {"reserve", "Zeros behind the head are a reserve, not a tail.", {}, {}, make_reserve},
      {"sealed_tail",
       "Closed cleanly, then some bytes of a later writer: a tail, and no longer sealed.",
       {},
       {},
       make_sealed_tail},
      {"features_ignorable",
       "An unknown feature that a reader may pass over.",
       {},
       {},
       make_features_ignorable},
      {"features_required",
       "An unknown feature without which the file cannot be read: refused by name.",
       "newer_version",
       {"colours", "9.1"},
       make_features_required},
      {"newer_major", "Another major version: refused.", "newer_version", {"3"}, make_newer_major},
      {"sealed_damage",
       "A bit of the last commit is flipped, and a seal vouches for it: damage, no torn tail.",
       "damaged",
       {},
       make_sealed_damage},
      {"prefix",
       "Deltas that lean on the leaves of the snapshot behind them, and a feature that says so.",
       {},
       {},
       make_prefix,
       true},
      {"parity",
       "Two parity groups: one behind a seal, and one over what was appended since.",
       {},
       {},
       make_parity},
  };
  return vectors;
}

std::filesystem::path vectors_directory() {
  return std::filesystem::path(SESSIONTOOL_SOURCE_DIR) / "spec" / "vectors";
}

std::string read_whole_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_whole_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace session::test
