// T5: what does a conversation cost that is saved, durably, after each message? Ours keeps each
// state; a row a message in SQLite or LMDB keeps the last. A JSON file is written whole each time:
// its sum is made from samples at some lengths. Then: what is left when it is compacted.

#include <filesystem>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "lib/io/file.h"
#include "session/compact.h"

namespace {

using namespace session::bench;
namespace fs = std::filesystem;

double payload_bytes(std::uint64_t messages) {
  double bytes = 0;
  for (std::uint64_t i = 0; i < messages; ++i) {
    bytes += static_cast<double>(message_payload_bytes(i));
  }
  return bytes;
}

double size_of(const std::string& path) {
  return static_cast<double>(fs::file_size(path));
}

void remove_all_of(const std::string& path) {
  for (const char* suffix : {"", ".lock", "-lock", "-wal", "-shm"}) fs::remove(path + suffix);
}

// Leaves the conversation at `path`.
double save(const Peer& peer, const std::string& path, std::uint64_t messages) {
  remove_all_of(path);
  const Stopwatch watch;
  const auto store = peer.new_conversation(path);
  for (std::uint64_t i = 0; i < messages; ++i) store->append(i);
  store->close();
  return watch.seconds();
}

double append_payloads(const std::string& path, std::uint64_t messages) {
  remove_all_of(path);
  const Stopwatch watch;
  const auto file = session::io::system_files().open(path, session::io::OpenMode::kCreateNew);
  const std::vector<std::byte> block(4096, std::byte{0x5A});
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < messages; ++i) {
    const auto part = std::span(block).first(message_payload_bytes(i));
    file->write_at(end, part);
    file->sync_data();
    end += part.size();
  }
  return watch.seconds();
}

double json_seconds(const std::string& path, std::uint64_t messages) {
  constexpr std::uint64_t kSamples = 8;
  double sum = 0;
  for (std::uint64_t i = 1; i <= kSamples; ++i) {
    // The middle of each eighth stands for all of it.
    sum += json_save_seconds(path, messages * (2 * i - 1) / (2 * kSamples));
  }
  return sum / kSamples * static_cast<double>(messages);
}

void ask_speed(const Scale& scale) {
  Comparison comparison("T5 " + std::to_string(scale.messages) + " messages, saved after each",
                        "s");
  for (const Peer& peer : all_stores()) {
    if (!peer.new_conversation) continue;
    const std::string path = scratch_file("conversation-" + peer.name);
    comparison.add(peer.name, [=, &scale] {
      return Sample{save(peer, path, scale.messages), size_of(path)};
    });
  }
  const std::string floor = scratch_file("conversation-floor");
  comparison.add("append of the payload and fdatasync", [=, &scale] {
    return Sample{append_payloads(floor, scale.messages), size_of(floor)};
  });
  const std::string json = scratch_file("conversation-json");
  comparison.add("JSON file, extrapolated",
                 [=, &scale] { return Sample{json_seconds(json, scale.messages)}; });
  comparison.run(scale);
}

Sample compacted(const std::string& path, double payload, std::uint64_t keep_last, bool archive) {
  session::CompactOptions options;
  options.output = scratch_file("compacted");
  options.overwrite = true;
  options.archive = archive;
  options.retention.keep_last = keep_last;
  return {static_cast<double>(session::compact(path, options).bytes_after) / payload};
}

void ask_size(Scale scale) {
  const double payload = payload_bytes(scale.messages);
  scale.rounds = 1;  // sizes repeat exactly
  Comparison comparison("T5 size of that conversation", "times the payload");
  for (const Peer& peer : all_stores()) {
    if (!peer.new_conversation) continue;
    const std::string path = scratch_file("conversation-" + peer.name);
    comparison.add(peer.name, [=] { return Sample{size_of(path) / payload}; });
  }
  const std::string ours = scratch_file("conversation-" + our_store().name);
  const auto add = [&](const char* name, std::uint64_t keep_last, bool archive) {
    comparison.add(name, [=] { return compacted(ours, payload, keep_last, archive); });
  };
  add("sessiontool, compacted to the last state", 1, false);
  add("sessiontool, compacted, every revision", 0, false);
  add("sessiontool, archived, every revision", 0, true);
  add("sessiontool, archived, the last state", 1, true);
  comparison.run(scale);
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "save a conversation after each message");
  ask_speed(scale);
  ask_size(scale);
}
