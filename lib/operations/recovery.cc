#include "lib/operations/recovery.h"

#include <capnp/message.h>

#include <algorithm>

#include "format/record_key.h"
#include "lib/convert/text_fields.h"
#include "session/schema/record.capnp.h"

namespace session::operations {

format::Record recovery_record(const RecoveryFacts& facts) {
  constexpr std::size_t kMaxNamed = 100;
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Recovery>();
  record.setTime(facts.time_nanos);
  record.setTimeForm(convert::utc_form(facts.time_nanos));
  record.setRecoveredTo(facts.revision);
  record.setReason(facts.reason.c_str());
  record.setMethod(facts.method.c_str());
  record.setPreservedAs(facts.preserved_as.c_str());
  const std::size_t count = std::min(facts.lost.size(), kMaxNamed);
  auto lost = record.initLost(static_cast<std::uint32_t>(count));
  for (std::uint32_t i = 0; i < count; ++i) {
    convert::copy_text(facts.lost[i], lost.init(i, convert::list_size(facts.lost[i].size())));
  }
  return format::Record::of(record.asReader());
}

std::string recovery_key(std::uint64_t count,
                         const std::function<bool(std::string_view)>& is_taken) {
  for (std::uint64_t number = count + 1;; ++number) {
    std::string key = format::position_key(number);
    if (!is_taken(key)) return key;
  }
}

}  // namespace session::operations
