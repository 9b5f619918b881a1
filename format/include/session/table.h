#pragma once
// The tables of a session: each a sorted map from key bytes to one kind of record.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "session/schema/record.capnp.h"

namespace session {

// The numbers stand in files and never change.
enum class Table : std::uint16_t {
  kSession = 1,      // "metadata", "context" -> SessionRecord
  kTasks = 2,        // the id its source gave it -> Task
  kExecutions = 3,   // "<task>#<number>" -> Execution
  kMessages = 4,     // position, ten digits -> Message
  kFiles = 5,        // path -> File
  kEvents = 6,       // position, ten digits -> Event
  kValues = 7,       // "namespace/name" -> Value
  kUpkeep = 8,       // "identity", "statistics", "policy" -> Upkeep
  kCheckpoints = 9,  // UUID -> Checkpoint
  kRecoveries = 10,  // number, ten digits -> Recovery
  kChildren = 11,    // parent, rank, child -> Child (derived)
  kBlobs = 12,       // SHA-256 -> Blob (derived)
  kRevisions = 13,   // number -> Revision (derived)
};

inline constexpr std::array kAllTables = {
    Table::kSession,  Table::kTasks,  Table::kExecutions, Table::kMessages,    Table::kFiles,
    Table::kEvents,   Table::kValues, Table::kUpkeep,     Table::kCheckpoints, Table::kRecoveries,
    Table::kChildren, Table::kBlobs,  Table::kRevisions};
inline constexpr std::size_t kTableSlots = 14;  // one past the highest number

// What a fingerprint covers. Everything else is bookkeeping or can be derived.
inline constexpr std::array kContentTables = {Table::kSession,  Table::kTasks, Table::kExecutions,
                                              Table::kMessages, Table::kFiles, Table::kEvents,
                                              Table::kValues};

[[nodiscard]] constexpr std::size_t slot(Table table) {
  return static_cast<std::size_t>(table);
}
[[nodiscard]] constexpr bool is_content(Table table) {
  return table <= Table::kValues;
}

// "tasks", "messages", ...; an unknown name gives nothing.
[[nodiscard]] std::string_view table_name(Table table);
[[nodiscard]] std::optional<Table> table_from_name(std::string_view name);
[[nodiscard]] std::optional<Table> table_from_number(std::uint16_t number);

// The table a record type belongs to.
template <class Record>
inline constexpr Table kTableOf = [] {
  static_assert(sizeof(Record) == 0, "not a record of any table");
  return Table::kSession;
}();
template <>
inline constexpr Table kTableOf<schema::SessionRecord> = Table::kSession;
template <>
inline constexpr Table kTableOf<schema::Task> = Table::kTasks;
template <>
inline constexpr Table kTableOf<schema::Execution> = Table::kExecutions;
template <>
inline constexpr Table kTableOf<schema::Message> = Table::kMessages;
template <>
inline constexpr Table kTableOf<schema::File> = Table::kFiles;
template <>
inline constexpr Table kTableOf<schema::Event> = Table::kEvents;
template <>
inline constexpr Table kTableOf<schema::Value> = Table::kValues;
template <>
inline constexpr Table kTableOf<schema::Upkeep> = Table::kUpkeep;
template <>
inline constexpr Table kTableOf<schema::Checkpoint> = Table::kCheckpoints;
template <>
inline constexpr Table kTableOf<schema::Recovery> = Table::kRecoveries;
template <>
inline constexpr Table kTableOf<schema::Child> = Table::kChildren;
template <>
inline constexpr Table kTableOf<schema::Blob> = Table::kBlobs;
template <>
inline constexpr Table kTableOf<schema::Revision> = Table::kRevisions;

// The schema of a table's records, for code that works on every table alike.
[[nodiscard]] capnp::StructSchema table_schema(Table table);

}  // namespace session
