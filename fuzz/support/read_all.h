#pragma once
// Reads everything a session file can be asked for, as every reader of every kind would, and
// touches each byte it gets.
//
// Failures are part of what is seen: session::Error, and kj::Exception from a getter of a forged
// record (session/snapshot.h says where). Anything else goes through to the fuzzer.

#include <capnp/dynamic.h>

#include <cstdint>

#include "session/reader.h"
#include "session/table.h"

namespace session::fuzz {

// A hash over what was seen: two ways to the same content must see the same.
class Seen {
 public:
  void add(std::uint64_t number) { hash_ = (hash_ ^ number) * 0x9E3779B97F4A7C15; }
  void add(std::string_view text);
  void add_failure(std::uint64_t kind) {
    add(kind);
    ++failures_;
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  std::uint64_t hash_ = 0;
  std::uint64_t failures_ = 0;
};

// Every field of the record as the table's schema has it.
void read_record(Table table, capnp::AnyStruct::Reader record, Seen& seen);

// Everything one revision shows.
void read_snapshot(const Snapshot& snapshot, Seen& seen);

// Opens the file and reads everything of its head and of some other revisions.
void read_file(io::FileSystem& files, const std::string& path, ReadMode mode, Seen& seen);

// Runs `f`; a failure is seen, too.
template <class F>
void seeing_failures(Seen& seen, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    seen.add_failure(static_cast<std::uint64_t>(error.code()) + 1000);
  } catch (const kj::Exception&) {
    seen.add_failure(2000);
  }
}

}  // namespace session::fuzz
