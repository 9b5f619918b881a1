#include "format/record.h"

#include <cstring>

#include "format/wire.h"
#include "session/error.h"

namespace session::format {
namespace {

constexpr std::uint64_t kWordBytes = sizeof(capnp::word);

}  // namespace

std::uint64_t canonical_words(RecordView record) {
  return wire::words_of(record).size();
}

Record::Record(RecordView record)
    : words_(std::make_shared<const kj::Array<capnp::word>>(record.canonicalize())) {
  const wire::RecordWords made = wire::words_of(view());
  if (made.data.size() > kMaxRecordDataWords || made.pointers.size() > kMaxRecordPointers) {
    throw Error(ErrorCode::kLimit, "a record's fixed part is wider than the format allows");
  }
  if (words() * kWordBytes > kMaxRecordBytes) {
    throw Error(ErrorCode::kLimit, "a record of " + std::to_string(words() * kWordBytes) +
                                       " bytes is above the limit of " +
                                       std::to_string(kMaxRecordBytes) + " (texts above " +
                                       std::to_string(kInlineBytes) +
                                       " bytes are kept apart and do not count)");
  }
  // What no reader would open is not written.
  const std::span<const wire::Word> segment(reinterpret_cast<const wire::Word*>(words_->begin()),
                                            words_->size());
  if (const auto wrong = wire::check_canonical(segment, kMaxRecordNesting)) {
    throw Error(ErrorCode::kLimit, "a record that no reader would open: " + *wrong);
  }
}

RecordView Record::view() const {
  return capnp::readMessageUnchecked<capnp::AnyPointer>(words_->begin()).getAs<capnp::AnyStruct>();
}

Bytes Record::bytes() const {
  const auto bytes = words_->asBytes();
  return std::as_bytes(std::span(bytes.begin(), bytes.size()));
}

bool operator==(const Record& a, const Record& b) {
  if (a.words_ == b.words_) return true;
  if (a.empty() || b.empty() || a.words_->size() != b.words_->size()) return false;
  return std::memcmp(a.words_->begin(), b.words_->begin(), a.words_->size() * kWordBytes) == 0;
}

std::vector<std::byte> canonical_payload(RecordView root) {
  if (auto payload = wire::canonical_copy(root)) return std::move(*payload);
  const kj::Array<capnp::word> words = root.canonicalize();
  std::vector<std::byte> payload(kWordBytes + words.size() * kWordBytes);
  store(payload, 4, static_cast<std::uint32_t>(words.size()));
  std::memcpy(payload.data() + kWordBytes, words.begin(), words.size() * kWordBytes);
  return payload;
}

std::optional<std::string> check_message(Bytes payload) {
  if (payload.size() < 2 * kWordBytes || payload.size() % kWordBytes != 0) {
    return "a payload of " + std::to_string(payload.size()) + " bytes is no message";
  }
  if (load<std::uint32_t>(payload, 0) != 0 ||
      load<std::uint32_t>(payload, 4) != payload.size() / kWordBytes - 1) {
    return "the message is not one segment of the payload's size";
  }
  const std::span<const wire::Word> segment(
      reinterpret_cast<const wire::Word*>(payload.data() + kWordBytes),
      payload.size() / kWordBytes - 1);
  return wire::check_canonical(segment);
}

void throw_as_damage(const kj::Exception& exception) {
  throw Error(ErrorCode::kDamaged, "a record is not what its schema says: " +
                                       std::string(exception.getDescription().cStr()) +
                                       "; `sessiontool verify` names all that is damaged");
}

}  // namespace session::format
