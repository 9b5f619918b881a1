#include "format/record_shape.h"

#include <algorithm>
#include <array>
#include <span>

#include "format/wire.h"
#include "session/table.h"

namespace session::format {
namespace {

using wire::ElementSize;
using wire::Pointer;
using wire::PointerKind;
using wire::Word;

// ---- what the pointers of each struct lead to, in their order -----------------------------------

// Written out, because asking the schema would cost whoever opens one file and reads one record
// more than the reading; a test compares it with the schema.

struct Shape;

struct Field {
  enum class Kind : std::uint8_t { kText, kData, kTexts, kStruct, kStructs };
  Kind kind;
  const Shape* of = nullptr;
};

struct Shape {
  std::span<const Field> fields;
};

constexpr Field kText{Field::Kind::kText};
constexpr Field kData{Field::Kind::kData};
constexpr Field kTexts{Field::Kind::kTexts};
constexpr Field one(const Shape& shape) {
  return {Field::Kind::kStruct, &shape};
}
constexpr Field list_of(const Shape& shape) {
  return {Field::Kind::kStructs, &shape};
}

constexpr Shape kPlain{};  // without pointers

constexpr std::array kBlobRefFields = {kData, kText};
constexpr Shape kBlobRef{kBlobRefFields};
constexpr Field kBlobs = list_of(kBlobRef);

constexpr std::array kTwoTextFields = {kText, kText};
constexpr std::array kThreeTextFields = {kText, kText, kText};
constexpr std::array kFourTextFields = {kText, kText, kText, kText};
constexpr Shape kProperty{kTwoTextFields};
constexpr Shape kFileReference{kTwoTextFields};
constexpr Shape kDependency{kThreeTextFields};
constexpr Shape kComment{kThreeTextFields};
constexpr Shape kRepository{kFourTextFields};
constexpr Shape kBlock{kFourTextFields};
constexpr Shape kContainer{kFourTextFields};
constexpr Shape kIdentity{kFourTextFields};

constexpr std::array kTaskResultFields = {kText, kTexts, kTexts, kTexts, kText};
constexpr Shape kTaskResult{kTaskResultFields};
constexpr std::array kTaskErrorFields = {
    kText, kText, kText, kText, kText, kTexts, list_of(kProperty)};
constexpr Shape kTaskError{kTaskErrorFields};
constexpr std::array kStatusDetailFields = {kText, one(kTaskResult), one(kTaskError)};
constexpr Shape kStatusDetail{kStatusDetailFields};
constexpr std::array kTaskPlanFields = {list_of(kRepository),
                                        list_of(kFileReference),
                                        kTexts,
                                        kTexts,
                                        kTexts,
                                        list_of(kProperty),
                                        kTexts};
constexpr Shape kTaskPlan{kTaskPlanFields};
constexpr std::array kTaskFields = {kBlobs,
                                    kText,
                                    kText,
                                    kText,
                                    kText,
                                    kText,
                                    one(kStatusDetail),
                                    list_of(kDependency),
                                    kTexts,
                                    kText,
                                    kText,
                                    kText,
                                    kText,
                                    list_of(kComment),
                                    one(kTaskPlan),
                                    kText};
constexpr Shape kTask{kTaskFields};

constexpr std::array kExecutionFields = {kBlobs, kText, one(kStatusDetail), kText, kTexts,
                                         kTexts, kText};
constexpr Shape kExecution{kExecutionFields};
constexpr std::array kMessageFields = {kBlobs, kText,           kText, kText, kText,
                                       kText,  list_of(kBlock), kText, kText};
constexpr Shape kMessage{kMessageFields};
constexpr std::array kFileFields = {kBlobs, kText, kText, kText};
constexpr Shape kFile{kFileFields};
constexpr std::array kEventFields = {kBlobs, kText, kText, kText, kText};
constexpr Shape kEvent{kEventFields};
constexpr std::array kValueFields = {kBlobs, kData, kText, kText, kText};
constexpr Shape kValue{kValueFields};

constexpr std::array kMetadataFields = {kText,          kText, kText, kTexts, list_of(kProperty),
                                        one(kContainer)};
constexpr Shape kMetadata{kMetadataFields};
constexpr std::array kContextFields = {kText, list_of(kProperty), kTexts};
constexpr Shape kContext{kContextFields};
constexpr std::array kSessionFields = {kBlobs, one(kMetadata), one(kContext), kText};
constexpr Shape kSession{kSessionFields};

constexpr std::array kUpkeepFields = {kBlobs, one(kIdentity), one(kPlain), one(kPlain), kText};
constexpr Shape kUpkeep{kUpkeepFields};
constexpr std::array kCheckpointFields = {kBlobs, kText, kText, kTexts, kText};
constexpr Shape kCheckpoint{kCheckpointFields};
constexpr std::array kRecoveryFields = {kBlobs, kText, kText, kTexts, kText, kText};
constexpr Shape kRecovery{kRecoveryFields};
constexpr std::array kBlobFields = {kBlobs, list_of(kPlain)};
constexpr Shape kBlob{kBlobFields};
constexpr std::array kOnlyBlobsField = {kBlobs};
constexpr Shape kOnlyBlobs{kOnlyBlobsField};  // Child, Revision

constexpr std::array<const Shape*, kTableSlots> kShapes = {
    nullptr, &kSession, &kTask,       &kExecution, &kMessage,   &kFile, &kEvent,
    &kValue, &kUpkeep,  &kCheckpoint, &kRecovery,  &kOnlyBlobs, &kBlob, &kOnlyBlobs};

// ---- the walk -----------------------------------------------------------------------------------

// Every word was proved to be there (check_canonical), and shapes hold no circle, so this ends.

bool is_text(const Word* object, Pointer pointer) {
  return pointer.kind() == PointerKind::kList && pointer.element() == ElementSize::kByte &&
         pointer.count() != 0 && reinterpret_cast<const char*>(object)[pointer.count() - 1] == 0;
}

bool is_texts(const Word* object, Pointer pointer) {
  if (pointer.kind() != PointerKind::kList || pointer.element() != ElementSize::kPointer) {
    return false;
  }
  for (const Word* place = object; place < object + pointer.count(); ++place) {
    const Pointer text{*place};
    if (text.bits != 0 && !is_text(place + 1 + text.offset(), text)) return false;
  }
  return true;
}

bool has_shape(std::span<const Word> pointers, const Shape& shape);

bool is_structs(const Word* object, Pointer pointer, const Shape& shape) {
  if (pointer.kind() != PointerKind::kList || pointer.element() != ElementSize::kComposite) {
    return false;
  }
  const Pointer tag{*object};
  if (tag.pointers() == 0) return true;
  const std::size_t step = tag.data_words() + std::size_t{tag.pointers()};
  const Word* element = object + 1;
  for (std::uint32_t left = tag.tag_elements(); left > 0; --left, element += step) {
    if (!has_shape({element + tag.data_words(), tag.pointers()}, shape)) return false;
  }
  return true;
}

bool has_shape(std::span<const Word> pointers, const Shape& shape) {
  const std::size_t known = std::min(pointers.size(), shape.fields.size());
  for (std::size_t i = 0; i < known; ++i) {
    const Word* const place = &pointers[i];
    const Pointer pointer{*place};
    if (pointer.bits == 0) continue;
    const Word* const object = place + 1 + pointer.offset();
    const Field& field = shape.fields[i];
    bool fits = false;
    switch (field.kind) {
      case Field::Kind::kText:
        fits = is_text(object, pointer);
        break;
      case Field::Kind::kData:
        fits = pointer.kind() == PointerKind::kList && pointer.element() == ElementSize::kByte;
        break;
      case Field::Kind::kTexts:
        fits = is_texts(object, pointer);
        break;
      case Field::Kind::kStruct:
        fits = pointer.kind() == PointerKind::kStruct &&
               has_shape({object + pointer.data_words(), pointer.pointers()}, *field.of);
        break;
      case Field::Kind::kStructs:
        fits = is_structs(object, pointer, *field.of);
        break;
    }
    if (!fits) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> check_records(schema::Leaf::Reader leaf, std::uint16_t table) {
  constexpr std::size_t kRecords = 3;  // the pointer of Leaf.records
  if (table >= kShapes.size() || kShapes[table] == nullptr) return std::nullopt;
  const std::span<const Word> pointers = wire::pointers_of(leaf);
  const Word* const place = &pointers[kRecords];
  const Pointer list{*place};
  if (is_structs(place + 1 + list.offset(), list, *kShapes[table])) return std::nullopt;
  return "a field of a record is not what the schema says, or a text has no end";
}

}  // namespace session::format
