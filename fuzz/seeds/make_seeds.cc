// Writes the seed corpora: small sessions of every shape, the payloads found in them, and the small
// sources of source_seeds.h.
//
//   session_fuzz_seeds write CORPUS     makes them anew; the same bytes each time
//   session_fuzz_seeds check CORPUS     fails if a seed can no longer be read: after a change of
//                                       the format, seeds that are not rewritten test nothing
//
// Seeds that are older than a bug's fix stay readable or not, as they are: they are named after
// what they showed, and `check` looks only at the names it would write.

#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "format/file_header.h"
#include "format/frame.h"
#include "fuzz/seeds/source_seeds.h"
#include "fuzz/support/memory_files.h"
#include "fuzz/support/reseal.h"
#include "lib/convert/aca.h"
#include "lib/operations/repack.h"
#include "lib/store/page_source.h"
#include "session/convert.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/writer.h"

namespace {

namespace fs = std::filesystem;
using namespace session;

using Bytes = std::vector<std::byte>;
using Corpus = std::map<std::string, Bytes>;  // by path below the corpus folder

constexpr std::array<std::byte, 16> kFileId = {std::byte{0x5E}, std::byte{0xED}};

Bytes read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void write_bytes(const fs::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  const auto text = format::as_text(bytes);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) throw Error(ErrorCode::kIo, "cannot be written", path.string());
}

// A file's id is random; here it must not be. Its header stands in snapshot commits, too. The
// reserve is cut short: zeros tell a fuzzer nothing.
void make_nameless(Bytes& file) {
  constexpr std::size_t kReserve = 192;
  auto header = std::get<format::FileHeader>(format::decode_file_header(file));
  const auto old_bytes = format::encode(header);
  header.file_id = kFileId;
  const auto new_bytes = format::encode(header);
  for (auto at = file.begin(); at != file.end();) {
    at = std::search(at, file.end(), old_bytes.begin(), old_bytes.end());
    if (at != file.end()) at = std::copy(new_bytes.begin(), new_bytes.end(), at);
  }
  const fuzz::FramePlace last = fuzz::frames_of(file).back();
  const std::size_t end = format::align_up(last.offset + last.size_bytes);
  file.resize(std::min(file.size(), end + kReserve));
  fuzz::reseal(file, fuzz::Reseal::kAndPlaces);
}

class Session {
 public:
  explicit Session(const fs::path& path) : path_(path), writer_(create(path)) {
    auto first = writer_.begin();
    capnp::MallocMessageBuilder message;
    auto identity = message.initRoot<schema::Upkeep>().initIdentity();
    identity.setSessionId("5eed0000-0000-4000-8000-000000000000");
    first.upsert("identity", message.getRoot<schema::Upkeep>().asReader());
    first.commit();
    writer_.publish();
  }

  void change(const std::function<void(Transaction&)>& work, CommitOptions options = {}) {
    auto change = writer_.begin();
    work(change);
    change.commit(options);
  }
  Writer& writer() { return writer_; }

  [[nodiscard]] Bytes bytes() const {
    Bytes file = read_bytes(path_);
    make_nameless(file);
    return file;
  }
  [[nodiscard]] Bytes closed() {
    writer_.close();
    return bytes();
  }

 private:
  static Writer create(const fs::path& path) {
    CreateOptions options;
    options.leaf_target_log2 = format::kMinTargetLog2;
    options.index_target_log2 = format::kMinTargetLog2;
    options.clock = [now = std::int64_t{1'795'000'000'000'000'000}]() mutable {
      return now += 1'000'000'000;
    };
    return Writer::create_draft(path.string(), options);
  }

  fs::path path_;
  Writer writer_;
};

std::string numbered(const char* prefix, int n) {
  std::string digits = std::to_string(n);
  return prefix + std::string(6 - digits.size(), '0') + digits;
}

void put_task(Transaction& change, int n, int parent) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle(("task " + std::to_string(n)).c_str());
  if (parent >= 0) task.setParent(numbered("t-", parent).c_str());
  task.setRank(n % 7 - 3);
  task.setStatus(static_cast<schema::TaskStatus>(n % 6));
  if (n % 5 == 0) {
    auto dependency = task.initDependencies(1)[0];
    dependency.setTarget(numbered("t-", n / 5).c_str());
    task.initTags(2).set(0, "tag");
    task.initStatusDetail().initResult().setOutput("{\"n\": 1}");
  }
  change.upsert(numbered("t-", n), task.asReader());
}

void put_message(Transaction& change, int n, const std::string& text) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Message>();
  record.setText(text.c_str());
  record.setRole(schema::Role::ASSISTANT);
  auto block = record.initBlocks(2)[1];
  block.setKind(schema::Block::Kind::TOOL_CALL);
  block.setInput("{}");
  change.upsert(numbered("0000", n), record.asReader());
}

void put_value(Transaction& change, const std::string& key, const std::string& text) {
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  value.setText(text.c_str());
  change.upsert(key, value.asReader());
}

std::string noise(std::size_t size) {
  std::minstd_rand random(7);
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>(' ' + random() % 90);
  return text;
}

CommitOptions as_snapshot() {
  CommitOptions options;
  options.as_snapshot = true;
  return options;
}

void tasks(Transaction& change, int from, int to) {
  for (int n = from; n < to; ++n) put_task(change, n, n / 3 - 1);
}

// Two states of everything that `diff` tells apart: lists, long texts, texts kept apart, what a
// source said besides, moves.
constexpr std::array<const char*, 2> kStates = {
    R"({"table":"tasks","key":"a","record":{"title":"A","tags":["x","y"],"description":"1\n2\n3"}}
{"table":"tasks","key":"b","record":{"title":"B","parent":"a","rank":1,"comments":[{"id":"1"}]}}
{"table":"tasks","key":"c","record":{"origin":"beads","extra":{"=ref":"1","/labels":{"=0":1}}}}
{"table":"tasks","key":"d","record":{"dependencies":[{"target":"a"},{"target":"b"}]}}
{"table":"files","key":"f","record":{"size_bytes":1,"modified_at":"2026-01-01T00:00:00Z"}}
{"table":"session","key":"metadata","record":{"metadata":{"properties":{"p":{"q":[1,2]}}}}}
{"table":"executions","key":"a#1","record":{"task":"a","errors":["one","two"]}})",
    R"({"table":"tasks","key":"a","record":{"title":"A","tags":["y","z"],"description":"1\n4\n3"}}
{"table":"tasks","key":"b","record":{"title":"B","rank":2,"comments":[{"id":"1","text":"t"}]}}
{"table":"tasks","key":"c","record":{"origin":"beads","extra":{"=ref":"2","-labels":"0"}}}
{"table":"tasks","key":"d","record":{"dependencies":[{"target":"b","type":"exclusive"}]}}
{"table":"files","key":"f","record":{"size_bytes":1,"modified_at":"2026-01-02T00:00:00Z"}}
{"table":"session","key":"metadata","record":{"metadata":{"properties":{"p":{"q":[2]}}}}}
{"table":"executions","key":"a#1","delete":true})"};

void put_state(Transaction& change, std::size_t number) {
  std::istringstream operations(kStates.at(number));
  (void)apply_operations(change, operations, "state");
  put_message(change, 1, std::string(5000, number == 0 ? 'y' : 'z'));
}

// What compact makes of a session, in a file whose id is not random.
Bytes compacted(const fs::path& folder, const Bytes& file) {
  const fs::path path = folder / "compacted";
  write_bytes(path, file);
  const Snapshot head = Reader::open(path.string()).head();
  operations::RepackPlan plan;
  plan.pages = head.view().pages();
  plan.header = head.view().header();
  head.history([&](const RevisionInfo& info) {
    plan.kept.insert(plan.kept.begin(), info);
    return true;
  });
  CreateOptions create;
  create.file_id = kFileId;
  create.leaf_target_log2 = plan.header.leaf_target_log2;
  create.index_target_log2 = plan.header.index_target_log2;
  create.clock = [begin = plan.header.created_nanos] { return begin; };
  create.overwrite = true;
  const auto draft = store::WriterCore::create_draft(path.string(), create);
  operations::Repacker(draft, plan).run();
  draft->publish();
  draft->close();
  return read_bytes(path);
}

Corpus make_sessions(const fs::path& folder) {
  Corpus corpus;
  corpus["empty"] = Session(folder / "empty").closed();

  Session deltas(folder / "deltas");
  for (int n = 0; n < 5; ++n) {
    deltas.change([&](Transaction& change) {
      put_task(change, n, n - 1);
      put_message(change, n, "saved alone");
      if (n == 3) (void)change.erase(Table::kTasks, numbered("t-", 1));
    });
  }
  corpus["deltas_unsealed"] = deltas.bytes();
  corpus["deltas"] = deltas.closed();

  Session relaxed(folder / "relaxed");
  CommitOptions options;
  options.durability = Durability::kRelaxed;
  for (int n = 0; n < 6; ++n) {
    relaxed.change([&](Transaction& change) { put_value(change, numbered("a/", n), "x"); },
                   options);
  }
  corpus["relaxed"] = relaxed.bytes();

  Session tree(folder / "tree");
  tree.change([](Transaction& change) { tasks(change, 0, 26); }, as_snapshot());
  tree.change([](Transaction& change) { put_task(change, 7, -1); });
  corpus["tree"] = tree.closed();

  Session blobs(folder / "blobs");
  blobs.change([](Transaction& change) {
    put_message(change, 1, std::string(9000, 'z'));
    put_value(change, "large/noise", noise(4200));
    put_value(change, "large/same", std::string(9000, 'z'));
  });
  corpus["blobs"] = blobs.closed();

  Session history(folder / "history");
  for (int n = 0; n < 3; ++n) {
    history.change([&](Transaction& change) { tasks(change, n * 2, n * 2 + 2); });
    CheckpointOptions checkpoint;
    checkpoint.id = "c0ffee00-0000-4000-8000-00000000000" + std::to_string(n);
    checkpoint.description = n == 1 ? "before the storm" : "as usual";
    (void)history.writer().checkpoint(checkpoint);
  }
  history.change([](Transaction& change) { (void)change.erase(Table::kTasks, "t-000002"); });
  corpus["history"] = history.closed();

  Session saved(folder / "saved");
  for (int n = 0; n < 9; ++n) {
    saved.change([&](Transaction& change) { put_message(change, n, "said and saved one by one"); },
                 n == 6 ? as_snapshot() : CommitOptions{});
  }
  corpus["prefixed"] = compacted(folder, saved.closed());

  Session states(folder / "states");
  states.change([](Transaction& change) { put_state(change, 0); }, as_snapshot());
  states.change([](Transaction& change) { put_state(change, 1); });
  corpus["states"] = states.closed();

  Bytes torn = corpus["deltas_unsealed"];
  const auto frames = fuzz::frames_of(torn);
  torn.resize(frames.back().offset + frames.back().size_bytes / 2);
  corpus["torn"] = std::move(torn);
  return corpus;
}

// The largest payload of each kind in the session, as page_fuzz takes them.
void add_payloads(Corpus& corpus, const std::string& name, const Bytes& file) {
  static constexpr std::array kKinds = {format::FrameKind::kLeaf, format::FrameKind::kIndex,
                                        format::FrameKind::kCommit, format::FrameKind::kSeal};
  const auto header = std::get<format::FileHeader>(format::decode_file_header(file));
  for (const fuzz::FramePlace& place : fuzz::frames_of(file)) {
    const auto loaded = format::load_frame(file, place.offset, header.tag());
    if (format::damage_in(loaded) != nullptr) continue;
    const auto& frame = std::get<format::Frame>(loaded);
    const auto kind = std::find(kKinds.begin(), kKinds.end(), frame.header.kind);
    if (kind == kKinds.end() || frame.header.codec != format::Codec::kNone) continue;
    Bytes payload(frame.stored.begin(), frame.stored.end());
    std::fill_n(payload.begin(), 8, std::byte{0});
    payload[0] = static_cast<std::byte>(kind - kKinds.begin());
    payload[1] = static_cast<std::byte>(frame.header.table);
    const std::string kind_name(format::frame_kind_name(frame.header.kind));
    Bytes& largest = corpus["page/" + name + "_" + kind_name];
    if (payload.size() > largest.size()) largest = std::move(payload);
  }
}

Bytes with_parity(const fs::path& folder, const Bytes& file) {
  const fs::path path = folder / "protected";
  write_bytes(path, file);
  (void)protect(path.string());
  return read_bytes(path);
}

// Sessions behind the byte that chooses how compact_fuzz compacts them.
void add_compactions(Corpus& corpus, const std::string& name, const Bytes& file) {
  static constexpr std::pair<const char*, std::uint8_t> kChoices[] = {
      {"plain", 0}, {"archived", 1}, {"thinned", 2}, {"elsewhere", 6}, {"erased", 32}};
  for (const auto& [how, choice] : kChoices) {
    if ((choice == 1 || choice == 32) != (name == "tree")) continue;
    Bytes& seed = corpus["compact/" + name + "_" + how];
    seed = {std::byte{choice}};
    seed.insert(seed.end(), file.begin(), file.end());
  }
}

// One that came from a directory of format 1.
Bytes with_directory(const fs::path& folder, const std::string& state) {
  const fs::path directory = folder / "5e550000-0000-4000-8000-000000000001";
  fs::create_directories(directory / "meta");
  const auto text = std::as_bytes(std::span(state));
  write_bytes(directory / "meta" / "session.json", {text.begin(), text.end()});
  Session session(folder / "from_directory");
  ImportedSource imported;
  ImportOptions options;
  options.message = "import";  // else it names the folder
  convert::aca::import_directory(directory.string(), "", session.writer(), options, imported,
                                 convert::aca::Unreadable::kSalvaged);
  return session.closed();
}

// Lives of sessions, as the model takes them: any bytes are one.
void add_lives(Corpus& corpus) {
  static constexpr std::size_t kSizes[] = {60, 200, 400, 800};
  for (const std::size_t size : kSizes) {
    std::minstd_rand random(static_cast<unsigned>(size));
    Bytes& life = corpus["model/life_of_" + std::to_string(size)];
    for (std::size_t i = 0; i < size; ++i) life.push_back(static_cast<std::byte>(random() >> 8));
  }
}

Corpus make_corpus(const fs::path& folder) {
  Corpus corpus;
  for (const auto& [name, file] : make_sessions(folder)) {
    if (name != "states") corpus["open/" + name] = file;
    const bool has_codecs = name == "blobs" || name == "prefixed";
    if (name == "tree" || name == "deltas" || has_codecs) corpus["frame/" + name] = file;
    if (name == "history" || name == "torn" || has_codecs) {
      corpus["verify/" + name] = file;
      corpus["repair/" + name] = file;
    }
    if (name == "tree" || name == "history" || name == "states") corpus["diff/" + name] = file;
    if (name == "tree" || name == "history" || name == "deltas") add_payloads(corpus, name, file);
    if (name == "tree" || name == "history" || has_codecs) {
      add_compactions(corpus, name, file);
    }
    if (name == "tree" || name == "deltas") corpus["parity/" + name] = with_parity(folder, file);
  }
  for (const auto& [name, text] : fuzz::source_seeds()) {
    const auto bytes = std::as_bytes(std::span(text));
    corpus[name] = {bytes.begin(), bytes.end()};
  }
  corpus["migrate/session"] =
      with_directory(folder, std::string(format::as_text(corpus.at("migrate/state"))));
  add_lives(corpus);
  corpus["open/parity"] = corpus["parity/tree"];
  corpus["repair/parity"] = corpus["parity/tree"];
  return corpus;
}

void write_corpus(const Corpus& corpus, const fs::path& folder) {
  for (const auto& [name, bytes] : corpus) {
    fs::create_directories((folder / name).parent_path());
    write_bytes(folder / name, bytes);
    std::printf("%6zu %s\n", bytes.size(), name.c_str());
  }
}

bool is_text(const std::string& name) {
  static constexpr const char* kTexts[] = {"import_", "apply/", "revision/", "model/"};
  return std::any_of(std::begin(kTexts), std::end(kTexts),
                     [&](const char* begin) { return name.starts_with(begin); }) ||
         (name.starts_with("migrate/") && name != "migrate/session");
}

// A session seed shows the same head as one written now; a payload passes its checks; a source is
// what it is.
bool is_current(const std::string& name, const Bytes& seed, const Bytes& now) {
  if (is_text(name)) return seed == now;
  if (name.starts_with("page/")) {
    Bytes payload = seed;
    if (payload.size() < 8 || payload.size() % 8 != 0) return false;
    static constexpr std::array kKinds = {format::FrameKind::kLeaf, format::FrameKind::kIndex,
                                          format::FrameKind::kCommit, format::FrameKind::kSeal};
    const auto kind = kKinds.at(std::to_integer<std::size_t>(payload[0]));
    const auto table = std::to_integer<std::uint16_t>(payload[1]);
    format::store(payload, 0, std::uint64_t{payload.size() / 8 - 1} << 32);
    return !store::check_payload(kind, table, payload);
  }
  const std::size_t choice_bytes = name.starts_with("compact/") ? 1 : 0;
  const auto head = [choice_bytes](const Bytes& bytes) {
    const auto session = std::span(bytes).subspan(choice_bytes);
    fuzz::MemoryFiles files(session);
    ReaderOptions options;
    options.files = &files;
    const Snapshot snapshot = Reader::open(fuzz::MemoryFiles::kPath, options).head();
    return std::pair(snapshot.revision(), snapshot.fingerprint());
  };
  return head(seed) == head(now);
}

int check_corpus(const Corpus& corpus, const fs::path& folder) {
  int stale = 0;
  for (const auto& [name, bytes] : corpus) {
    bool current = false;
    try {
      current = fs::exists(folder / name) && is_current(name, read_bytes(folder / name), bytes);
    } catch (const Error& error) {
      std::printf("%s\n", error.what());
    }
    if (current) continue;
    std::printf("%s: the seed no longer shows what it should\n", name.c_str());
    ++stale;
  }
  if (stale > 0) std::printf("write them anew: session_fuzz_seeds write %s\n", folder.c_str());
  return stale == 0 ? 0 : 1;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::string verb = argument_count == 3 ? arguments[1] : "";
  if (verb != "write" && verb != "check") {
    std::fprintf(stderr, "usage: session_fuzz_seeds write|check CORPUS\n");
    return 2;
  }
  std::string work = (fs::temp_directory_path() / "session_seeds_XXXXXX").string();
  if (mkdtemp(work.data()) == nullptr) return 1;
  int result = 1;
  try {
    const Corpus corpus = make_corpus(work);
    if (verb == "write") write_corpus(corpus, arguments[2]);
    result = verb == "write" ? 0 : check_corpus(corpus, arguments[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  fs::remove_all(work);
  return result;
}
