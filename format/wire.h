#pragma once
// Cap'n Proto's encoding (capnproto.org/encoding.html) word by word, for what happens to every
// page: proving once that a message is canonical, finding the packed lists at each look-up, and
// moving whole records from page to page. Asking the library for each object costs ten times as
// much there; everywhere else it is asked.
//
// All but check_canonical() read without checks: only from messages that passed it, or that were
// just made canonical.

#include <capnp/any.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/bytes.h"

namespace session::format::wire {

using Word = std::uint64_t;
inline constexpr std::size_t kWordBytes = sizeof(Word);

enum class PointerKind : std::uint8_t { kStruct = 0, kList = 1, kFar = 2, kOther = 3 };
enum class ElementSize : std::uint8_t {
  kVoid,
  kBit,
  kByte,
  kTwoBytes,
  kFourBytes,
  kEightBytes,
  kPointer,
  kComposite
};

// The 64 bits of a pointer, or of the tag before a list of structs. All zero: null.
struct Pointer {
  Word bits = 0;

  [[nodiscard]] PointerKind kind() const { return static_cast<PointerKind>(bits & 3); }
  // Words from the end of the pointer to its object; of a tag: the number of elements.
  [[nodiscard]] std::int64_t offset() const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)) >> 2;
  }
  [[nodiscard]] std::uint32_t tag_elements() const { return static_cast<std::uint32_t>(bits) >> 2; }
  [[nodiscard]] std::uint32_t data_words() const {
    return static_cast<std::uint32_t>(bits >> 32) & 0xFFFF;
  }
  [[nodiscard]] std::uint32_t pointers() const { return static_cast<std::uint32_t>(bits >> 48); }
  [[nodiscard]] ElementSize element() const { return static_cast<ElementSize>(bits >> 32 & 7); }
  // Elements; of a list of structs: words behind the tag.
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(bits >> 35); }
  // Null, or a struct without a word: nothing stands in memory for it.
  [[nodiscard]] bool is_hollow() const { return kind() == PointerKind::kStruct && bits >> 32 == 0; }
  [[nodiscard]] Pointer with_offset(std::int64_t offset) const {
    return {(bits & ~Word{0xFFFFFFFC}) | static_cast<std::uint32_t>(offset) << 2};
  }
};

[[nodiscard]] constexpr Pointer struct_pointer(std::uint32_t data_words, std::uint32_t pointers) {
  return {Word{data_words} << 32 | Word{pointers} << 48};
}
[[nodiscard]] constexpr Pointer list_pointer(ElementSize element, std::uint64_t count) {
  return {1 | static_cast<Word>(element) << 32 | count << 35};
}
[[nodiscard]] constexpr Pointer struct_list_tag(std::uint64_t elements, std::uint32_t data_words,
                                                std::uint32_t pointers) {
  return {elements << 2 | Word{data_words} << 32 | Word{pointers} << 48};
}

// Nothing if the segment is one canonical message, root pointer first, every word in use once; else
// one clause. Time is linear in the segment and depth bounded (kMaxNesting) whatever it holds, and
// so is what reading it can cost: elements that take no room are counted and bounded.
[[nodiscard]] std::optional<std::string> check_canonical(std::span<const Word> segment,
                                                         std::uint32_t max_nesting = kMaxNesting);

[[nodiscard]] inline std::span<const Word> without_trailing_zeros(std::span<const Word> words) {
  while (!words.empty() && words.back() == 0) words = words.first(words.size() - 1);
  return words;
}

// The pointers of a struct, wherever it stands.
[[nodiscard]] inline std::span<const Word> pointers_of(capnp::AnyStruct::Reader record) {
  const auto data = record.getDataSection();
  return {reinterpret_cast<const Word*>(data.end()), record.getPointerSection().size()};
}

// The root struct of a frame's payload.
struct Root {
  std::span<const Word> data;
  std::span<const Word> pointers;
};
[[nodiscard]] inline Root root_of(Bytes payload) {
  const auto* const words = reinterpret_cast<const Word*>(payload.data());
  const Pointer pointer{words[1]};  // behind the framing; canonical: its struct follows at once
  return {{words + 2, pointer.data_words()},
          {words + 2 + pointer.data_words(), pointer.pointers()}};
}

// Whether there is no such pointer, or a null one.
[[nodiscard]] inline bool is_absent(std::span<const Word> pointers, std::size_t at) {
  return at >= pointers.size() || pointers[at] == 0;
}

// The numbers a list pointer leads to. `has_numbers` first: asked once, when a page is checked.
template <class Number>
[[nodiscard]] bool has_numbers(std::span<const Word> pointers, std::size_t at) {
  constexpr auto kElement = sizeof(Number) == 8   ? ElementSize::kEightBytes
                            : sizeof(Number) == 4 ? ElementSize::kFourBytes
                                                  : ElementSize::kByte;
  if (at >= pointers.size()) return false;
  const Pointer pointer{pointers[at]};
  return pointer.kind() == PointerKind::kList && pointer.element() == kElement;
}
template <class Number>
[[nodiscard]] std::span<const Number> numbers(std::span<const Word> pointers, std::size_t at) {
  if (at >= pointers.size()) return {};
  const Word* const place = pointers.data() + at;
  const Pointer pointer{*place};
  return {reinterpret_cast<const Number*>(place + 1 + pointer.offset()), pointer.count()};
}

// A canonical record as what it is made of: its fixed part without trailing zeros, and its body,
// everything its pointers lead to, which lies together in order.
struct RecordWords {
  std::span<const Word> data;
  std::span<const Word> pointers;
  std::span<const Word> body;

  [[nodiscard]] std::uint64_t size() const { return data.size() + pointers.size() + body.size(); }
};
[[nodiscard]] RecordWords words_of(capnp::AnyStruct::Reader record);

// The canonical payload of a message that was built in memory and not altered since; nothing if it
// lies in several segments.
[[nodiscard]] std::optional<std::vector<std::byte>> canonical_copy(capnp::AnyStruct::Reader root);

// Writes a message of known size from front to back: the framing word, the root struct, then lists
// in the order of their pointers.
class MessageWriter {
 public:
  MessageWriter(std::uint64_t segment_words, Pointer root);

  // Points the root's next pointer to what is appended next.
  void list(Pointer pointer);
  [[nodiscard]] Word* append(std::uint64_t words);  // zeros, to be filled at once
  // A list of the records, each with room for `data_words` and `pointers`.
  void records(std::span<const RecordWords> records, std::uint32_t data_words,
               std::uint32_t pointers);
  // The payload: `segment_words` were appended.
  [[nodiscard]] std::vector<std::byte> finish();

  [[nodiscard]] Word* root_data() { return at(2); }

 private:
  [[nodiscard]] Word* at(std::uint64_t word) {
    return reinterpret_cast<Word*>(payload_.data()) + word;
  }
  std::vector<std::byte> payload_;
  std::uint64_t next_pointer_;  // of the root, in words from the start of the payload
  std::uint64_t next_;          // the first word not yet written
};

}  // namespace session::format::wire
