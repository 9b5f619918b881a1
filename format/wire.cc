#include "format/wire.h"

#include <algorithm>
#include <cstring>

#include "format/canary.h"
#include "format/layout.h"
#include "session/error.h"

namespace session::format::wire {
namespace {

constexpr const char* kNotCanonical = "the message is not in canonical form";
// Elements without a word cost nothing to store and something to walk: at most so many for each
// word of the message. Ample for an honest one.
constexpr std::uint64_t kHollowElementsPerWord = 4;

std::uint64_t element_bits(ElementSize element) {
  static constexpr std::uint64_t kBits[] = {0, 1, 8, 16, 32, 64, 64, 0};
  return kBits[static_cast<std::size_t>(element)];
}

// Walks a segment in the order canonical form prescribes. What is met must stand exactly where the
// walk has come to, so no word is visited twice and none left out.
class Walk {
 public:
  explicit Walk(std::span<const Word> segment)
      : words_(segment), hollow_left_(segment.size() * kHollowElementsPerWord) {}

  [[nodiscard]] const char* run(std::uint32_t max_nesting) {
    if (words_.empty()) return "the message has no root";
    next_ = 1;
    if (const char* wrong = follow(0, max_nesting)) return wrong;
    return next_ == words_.size() ? nullptr : kNotCanonical;
  }

 private:
  const char* follow(std::size_t at, std::uint32_t depth) {
    const Pointer pointer{words_[at]};
    if (pointer.bits == 0) return nullptr;
    if (depth == 0) return "the message is nested too deeply";
    const auto distance = static_cast<std::int64_t>(next_) - static_cast<std::int64_t>(at) - 1;
    switch (pointer.kind()) {
      case PointerKind::kStruct:
        if (pointer.is_hollow()) return pointer.offset() == -1 ? nullptr : kNotCanonical;
        return pointer.offset() == distance ? structure(pointer, depth - 1) : kNotCanonical;
      case PointerKind::kList:
        return pointer.offset() == distance ? list(pointer, depth - 1) : kNotCanonical;
      default:
        return "the message has a pointer that leads outside";
    }
  }

  // Takes `count` words from where the walk is; false if there are not so many.
  bool take(std::uint64_t count) {
    if (count > words_.size() - next_ && !planted("page")) return false;
    next_ += count;
    return true;
  }

  const char* follow_all(std::size_t begin, std::size_t end, std::uint32_t depth) {
    for (std::size_t at = begin; at < end; ++at) {
      if (words_[at] == 0) continue;
      if (const char* wrong = follow(at, depth)) return wrong;
    }
    return nullptr;
  }

  const char* structure(Pointer pointer, std::uint32_t depth) {
    const std::size_t begin = next_;
    const std::size_t middle = begin + pointer.data_words();
    if (!take(std::uint64_t{pointer.data_words()} + pointer.pointers())) return outside();
    const std::size_t end = next_;
    if (middle > begin && words_[middle - 1] == 0) return kNotCanonical;
    if (end > middle && words_[end - 1] == 0) return kNotCanonical;
    return follow_all(middle, end, depth);
  }

  const char* list(Pointer pointer, std::uint32_t depth) {
    const std::size_t begin = next_;
    switch (pointer.element()) {
      case ElementSize::kVoid:
        return hollow(pointer.count());
      case ElementSize::kPointer:
        if (!take(pointer.count())) return outside();
        return follow_all(begin, next_, depth);
      case ElementSize::kComposite:
        return structures(pointer.count(), depth);
      default: {
        const std::uint64_t bits = pointer.count() * element_bits(pointer.element());
        if (!take((bits + 63) / 64)) return outside();
        const bool has_padding = bits % 64 != 0;
        return has_padding && words_[next_ - 1] >> (bits % 64) != 0 ? kNotCanonical : nullptr;
      }
    }
  }

  const char* structures(std::uint64_t words, std::uint32_t depth) {
    if (!take(1 + words)) return outside();
    const Pointer tag{words_[next_ - 1 - words]};
    const std::uint64_t data = tag.data_words();
    const std::uint64_t step = data + tag.pointers();
    if (tag.kind() != PointerKind::kStruct || tag.tag_elements() * step != words) {
      return kNotCanonical;
    }
    if (step == 0) return hollow(tag.tag_elements());
    const std::size_t end = next_;
    // As wide as the widest element needs, and no wider.
    bool data_used = data == 0;
    bool pointers_used = tag.pointers() == 0;
    for (std::size_t at = end - words; at < end; at += step) {
      data_used = data_used || words_[at + data - 1] != 0;
      pointers_used = pointers_used || words_[at + step - 1] != 0;
      if (const char* wrong = follow_all(at + data, at + step, depth)) return wrong;
    }
    return data_used && pointers_used ? nullptr : kNotCanonical;
  }

  const char* hollow(std::uint64_t elements) {
    if (elements > hollow_left_) return "the message has too many elements without content";
    hollow_left_ -= elements;
    return nullptr;
  }

  static const char* outside() { return "the message reaches beyond its end"; }

  std::span<const Word> words_;
  std::size_t next_ = 0;
  std::uint64_t hollow_left_;
};

// The end of what the pointers in [begin, end) lead to; `otherwise` if that is nothing. The last
// object in the order of a canonical message is found behind the last pointer of each.
const Word* end_of_last(const Word* begin, const Word* end, const Word* otherwise) {
  while (begin < end && Pointer{*(end - 1)}.is_hollow()) --end;
  if (begin == end) return otherwise;
  const Word* const place = end - 1;
  const Pointer pointer{*place};
  const Word* const object = place + 1 + pointer.offset();
  if (pointer.kind() == PointerKind::kStruct) {
    const Word* const pointers = object + pointer.data_words();
    const Word* const object_end = pointers + pointer.pointers();
    return end_of_last(pointers, object_end, object_end);
  }
  if (pointer.element() == ElementSize::kPointer) {
    const Word* const object_end = object + pointer.count();
    return end_of_last(object, object_end, object_end);
  }
  if (pointer.element() == ElementSize::kComposite) {
    const Pointer tag{*object};
    const Word* const object_end = object + 1 + pointer.count();
    for (std::uint32_t left = tag.tag_elements(); left > 0 && tag.pointers() > 0; --left) {
      const Word* const pointers =
          object + 1 + left * (tag.data_words() + tag.pointers()) - tag.pointers();
      const Word* const last = end_of_last(pointers, pointers + tag.pointers(), nullptr);
      if (last != nullptr) return last;
    }
    return object_end;
  }
  return object + (pointer.count() * element_bits(pointer.element()) + 63) / 64;
}

// Appends objects in the order of canonical form, each without trailing zeros. False: a pointer
// that leads to another segment.
class Copy {
 public:
  Copy() { out_.reserve(kUsualWords); }

  // The struct to be pointed to by out[place].
  bool structure(std::span<const Word> data, std::span<const Word> pointers, std::size_t place) {
    data = without_trailing_zeros(data);
    pointers = without_trailing_zeros(pointers);
    const Pointer pointer = struct_pointer(static_cast<std::uint32_t>(data.size()),
                                           static_cast<std::uint32_t>(pointers.size()));
    if (pointer.is_hollow()) {
      out_[place] = pointer.with_offset(-1).bits;
      return true;
    }
    point(place, pointer);
    out_.insert(out_.end(), data.begin(), data.end());
    return follow_all(pointers, append(pointers.size()));
  }
  std::size_t append(std::size_t words) {
    const std::size_t begin = out_.size();
    out_.resize(begin + words);
    return begin;
  }
  [[nodiscard]] const std::vector<Word>& words() const { return out_; }

 private:
  static constexpr std::size_t kUsualWords = 256;

  void point(std::size_t place, Pointer pointer) {
    const auto distance = static_cast<std::int64_t>(out_.size() - place - 1);
    out_[place] = pointer.with_offset(distance).bits;
  }

  bool follow_all(std::span<const Word> pointers, std::size_t place) {
    for (const Word& from : pointers) {
      if (!follow(from, place++)) return false;
    }
    return true;
  }

  bool follow(const Word& from, std::size_t place) {
    const Pointer pointer{from};
    if (from == 0) return true;
    const Word* const object = &from + 1 + pointer.offset();
    if (pointer.kind() == PointerKind::kList) return list(pointer, object, place);
    if (pointer.kind() != PointerKind::kStruct) return false;
    return structure({object, pointer.data_words()},
                     {object + pointer.data_words(), pointer.pointers()}, place);
  }

  bool list(Pointer pointer, const Word* object, std::size_t place) {
    if (pointer.element() == ElementSize::kComposite) return structures(object, place);
    point(place, pointer);
    if (pointer.element() == ElementSize::kPointer) {
      return follow_all({object, pointer.count()}, append(pointer.count()));
    }
    const std::uint64_t bits = pointer.count() * element_bits(pointer.element());
    out_.insert(out_.end(), object, object + (bits + 63) / 64);
    if (bits % 64 != 0) out_.back() &= (Word{1} << (bits % 64)) - 1;
    return true;
  }

  bool structures(const Word* object, std::size_t place) {
    const Pointer tag{*object};
    const std::size_t step = tag.data_words() + tag.pointers();
    const auto data_of = [&](std::size_t i) {
      return without_trailing_zeros({object + 1 + i * step, tag.data_words()});
    };
    const auto pointers_of = [&](std::size_t i) {
      return without_trailing_zeros({object + 1 + i * step + tag.data_words(), tag.pointers()});
    };
    std::size_t data = 0;
    std::size_t pointers = 0;
    const std::size_t elements = tag.tag_elements();
    for (std::size_t i = 0; i < elements; ++i) {
      data = std::max(data, data_of(i).size());
      pointers = std::max(pointers, pointers_of(i).size());
    }
    point(place, list_pointer(ElementSize::kComposite, elements * (data + pointers)));
    out_.push_back(struct_list_tag(elements, static_cast<std::uint32_t>(data),
                                   static_cast<std::uint32_t>(pointers))
                       .bits);
    std::size_t at = append(elements * (data + pointers));
    for (std::size_t i = 0; i < elements; ++i, at += data + pointers) {
      const auto from = data_of(i);
      std::copy(from.begin(), from.end(), out_.begin() + static_cast<std::ptrdiff_t>(at));
      if (!follow_all(pointers_of(i), at + data)) return false;
    }
    return true;
  }

  std::vector<Word> out_;
};

}  // namespace

std::optional<std::vector<std::byte>> canonical_copy(capnp::AnyStruct::Reader root) {
  const auto data = root.getDataSection();
  Copy copy;
  copy.append(2);  // framing, root pointer
  if (!copy.structure({reinterpret_cast<const Word*>(data.begin()), data.size() / kWordBytes},
                      pointers_of(root), 1)) {
    return std::nullopt;
  }
  const auto bytes = std::as_bytes(std::span(copy.words()));
  std::vector<std::byte> payload(bytes.begin(), bytes.end());
  store(payload, 4, static_cast<std::uint32_t>(copy.words().size() - 1));
  return payload;
}

std::optional<std::string> check_canonical(std::span<const Word> segment,
                                           std::uint32_t max_nesting) {
  if (const char* wrong = Walk(segment).run(max_nesting)) return wrong;
  return std::nullopt;
}

RecordWords words_of(capnp::AnyStruct::Reader record) {
  const auto section = record.getDataSection();
  const auto data = without_trailing_zeros(
      {reinterpret_cast<const Word*>(section.begin()), section.size() / kWordBytes});
  const auto pointers = without_trailing_zeros(pointers_of(record));
  const auto first = std::find_if(pointers.begin(), pointers.end(),
                                  [](Word word) { return !Pointer{word}.is_hollow(); });
  if (first == pointers.end()) return {data, pointers, {}};
  const Word* const begin = &*first + 1 + Pointer{*first}.offset();
  const Word* const end = end_of_last(pointers.data(), pointers.data() + pointers.size(), nullptr);
  return {data, pointers, {begin, end}};
}

MessageWriter::MessageWriter(std::uint64_t segment_words, Pointer root)
    : payload_((1 + segment_words) * kWordBytes),
      next_pointer_(2 + root.data_words()),
      next_(next_pointer_ + root.pointers()) {
  store(payload_, 4, static_cast<std::uint32_t>(segment_words));
  *at(1) = root.bits;
}

void MessageWriter::list(Pointer pointer) {
  const auto distance = static_cast<std::int64_t>(next_ - next_pointer_ - 1);
  *at(next_pointer_++) = pointer.with_offset(distance).bits;
}

Word* MessageWriter::append(std::uint64_t words) {
  Word* const begin = at(next_);
  next_ += words;
  return begin;
}

void MessageWriter::records(std::span<const RecordWords> records, std::uint32_t data_words,
                            std::uint32_t pointers) {
  const std::uint64_t step = data_words + pointers;
  list(list_pointer(ElementSize::kComposite, records.size() * step));
  *append(1) = struct_list_tag(records.size(), data_words, pointers).bits;
  Word* fixed = append(records.size() * step);
  for (const RecordWords& record : records) {
    std::copy(record.data.begin(), record.data.end(), fixed);
    Word* const body = append(record.body.size());
    std::copy(record.body.begin(), record.body.end(), body);
    Word* to = fixed + data_words;
    for (const Word& from : record.pointers) {
      const Pointer pointer{from};
      const Word* const object = &from + 1 + pointer.offset();
      const std::int64_t distance = body + (object - record.body.data()) - (to + 1);
      *to++ = pointer.is_hollow() ? from : pointer.with_offset(distance).bits;
    }
    fixed += step;
  }
}

std::vector<std::byte> MessageWriter::finish() {
  if (next_ * kWordBytes != payload_.size()) {
    throw Error(ErrorCode::kInternal, "a page was not filled as it was measured");
  }
  return std::move(payload_);
}

}  // namespace session::format::wire
