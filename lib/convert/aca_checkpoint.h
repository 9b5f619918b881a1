#pragma once
// What aca says of a checkpoint in `metadata.checkpoints`, and our record of it.
//
// The record's `extra` keeps two things that are no content of any revision: whether a right
// checksum stood beside the file ("=sidecar"), and the order its checksum covers ("=order", see
// aca_text.h).

#include <optional>
#include <string>
#include <string_view>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"
#include "session/writer.h"

namespace session::convert::aca {

inline constexpr std::string_view kCheckpointPrefix = "checkpoint_";
inline constexpr std::string_view kJsonSuffix = ".json";
inline constexpr std::string_view kChecksumSuffix = ".checksum";

// "checkpoints/checkpoint_<id>.json" and the checksum beside a file.
[[nodiscard]] std::string checkpoint_file(std::string_view id);
[[nodiscard]] std::string sidecar_of(std::string_view json_file);
// The id in the name of a checkpoint's file; nothing if it is none.
[[nodiscard]] std::optional<std::string> checkpoint_id(std::string_view file);

// `listed` may be null: a file that no list names.
[[nodiscard]] CheckpointOptions checkpoint_options(std::string_view id, const json::Value* listed);
// What is left to say once the store has made the record: figures and time as listed.
void complete_checkpoint(const json::Value* listed, bool has_sidecar,
                         const std::optional<json::Value>& order,
                         schema::Checkpoint::Builder record);

struct CheckpointNote {
  bool has_sidecar = false;
  std::optional<json::Value> order;
};
[[nodiscard]] CheckpointNote checkpoint_note(schema::Checkpoint::Reader record);

// An entry of `metadata.checkpoints`, for a checkpoint that aca did not make.
[[nodiscard]] json::Value listed_checkpoint(std::string_view id, schema::Checkpoint::Reader record);

}  // namespace session::convert::aca
