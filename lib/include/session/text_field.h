#pragma once
// A text field of a record, found without touching the text.
//
//   static const auto kTitle = session::TextField::of<session::schema::Task>("title");
//   for (const auto& task : now.all<session::schema::Task>()) bytes += kTitle.in(*task).size();
//
// A generated getter looks at the zero byte behind the text, which lies elsewhere in memory than
// the record: a walk that only wants to know lengths, or whether there is a text, waits for one
// more line of memory for each. This reads the pointer in the record alone. What it returns is
// valid as long as the record. Any thread.

#include <string_view>

#include <capnp/any.h>
#include <capnp/schema.h>

#include "session/error.h"

namespace session {

class TextField {
 public:
  // Of a schema's struct. Throws kUsage if it has no text field of this name.
  template <class Struct>
  [[nodiscard]] static TextField of(const char* name) {
    return TextField(capnp::Schema::from<Struct>(), name);
  }

  // The text, empty where the field is not set, and where a large text is kept in a blob.
  [[nodiscard]] std::string_view in(capnp::AnyStruct::Reader record) const;

 private:
  TextField(const capnp::StructSchema& schema, const char* name);

  std::uint32_t pointer_ = 0;
};

}  // namespace session
