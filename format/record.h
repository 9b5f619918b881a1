#pragma once
// Records, in Cap'n Proto's canonical form (capnproto.org/encoding.html, "Canonicalization"): one
// segment, objects in pre-order, trailing zero words and null pointers cut off. The same content is
// the same bytes, and a schema that grew does not change what was written before it grew.
//
// Messages inside a frame stand in the standard stream framing with one segment, so `capnp decode`
// reads them. They are read without bounds checks after check_message() has passed once: it walks
// every pointer within bounds and proves that no two objects overlap.

#include <capnp/any.h>
#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/bytes.h"

namespace session::format {

// A record of any table, wherever it stands: in a page, in a commit, in a Record.
using RecordView = capnp::AnyStruct::Reader;

// Words of a canonical record (of a Record, a page or a delta), the root pointer not counted: what
// a page pads it with does not count.
[[nodiscard]] std::uint64_t canonical_words(RecordView record);

// A record of its own, canonical and immutable; copies share the bytes. Any thread.
class Record {
 public:
  Record() = default;
  // Throws kLimit when the record is beyond kMaxRecordBytes or its fixed part too wide.
  explicit Record(RecordView record);
  template <class Reader>
  [[nodiscard]] static Record of(const Reader& reader) {
    return Record(RecordView(reader));
  }

  [[nodiscard]] RecordView view() const;  // valid as long as any copy of this Record lives
  [[nodiscard]] std::uint64_t words() const { return words_->size() - 1; }
  [[nodiscard]] Bytes bytes() const;  // the canonical segment
  [[nodiscard]] bool empty() const { return words_ == nullptr; }
  friend bool operator==(const Record& a, const Record& b);

 private:
  std::shared_ptr<const kj::Array<capnp::word>> words_;
};

// The canonical message of `root` in stream framing: the payload of a frame. `root` was built in
// this process or checked: it is read without bounds checks.
template <class Reader>
[[nodiscard]] std::vector<std::byte> canonical_payload(const Reader& root);
[[nodiscard]] std::vector<std::byte> canonical_payload(RecordView root);
template <class Reader>
std::vector<std::byte> canonical_payload(const Reader& root) {
  return canonical_payload(RecordView(root));
}

// Nothing if `payload` is one canonical message; else one clause that says what is wrong. Time and
// memory are linear in the payload whatever it holds.
[[nodiscard]] std::optional<std::string> check_message(Bytes payload);

// The root of a payload that check_message() passed, in place. `payload` must be 8-byte aligned.
template <class Struct>
[[nodiscard]] typename Struct::Reader read_root(Bytes payload) {
  return capnp::readMessageUnchecked<Struct>(
      reinterpret_cast<const capnp::word*>(payload.data() + sizeof(std::uint64_t)));
}

// Runs `f`, turning Cap'n Proto's exception into session::Error(kDamaged): a message can be
// well-formed and still not be what the schema says, if somebody made it so.
template <class F>
auto guarded(F&& f) -> decltype(f());

[[noreturn]] void throw_as_damage(const kj::Exception& exception);

template <class F>
auto guarded(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const kj::Exception& exception) {
    throw_as_damage(exception);
  }
}

}  // namespace session::format
