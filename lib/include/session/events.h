#pragma once
// What a session tells its observers: each change, in the order it happened, when it is done.

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "session/error.h"
#include "session/writer.h"

namespace session {

struct TaskCreated {
  std::string key;
};
// Any change but of its place; `before` equals `after` when the status stayed.
struct TaskChanged {
  std::string key;
  schema::TaskStatus before = schema::TaskStatus::PENDING;
  schema::TaskStatus after = schema::TaskStatus::PENDING;
};
struct TaskMoved {
  std::string key;
  std::string parent;  // the new one
};
struct TaskRemoved {
  std::string key;
};
// A record of another table was written.
struct RecordAdded {
  Table table = Table::kMessages;
  std::string key;
};
// Session::erase() took it away.
struct RecordErased {
  Table table = Table::kMessages;
  std::string key;
};
struct Saved {
  CommitResult result;
};
// Everything is still in memory and is tried again at the next occasion, unless `is_final`: then
// the session is going away and what was not saved is lost.
struct SaveFailed {
  ErrorCode code = ErrorCode::kIo;
  std::string message;
  bool is_final = false;
};
struct CheckpointMade {
  CommitResult result;
  schema::Trigger trigger = schema::Trigger::MANUAL;
  bool is_automatic = false;
};
struct CheckpointDeleted {
  std::string id;
};
struct Restored {
  std::uint64_t revision = 0;  // whose content came back
  CommitResult result;
};
struct ShutdownRequested {};
// Opening had something to put in order: Session::recovery() says what.
struct Recovered {
  std::uint64_t revision = 0;
  std::string reason;
};

// Observers were too slow: so many events before this place are not told. What changed is in the
// session all the same.
struct EventsDropped {
  std::uint64_t count = 0;
};

using SessionEvent =
    std::variant<TaskCreated, TaskChanged, TaskMoved, TaskRemoved, RecordAdded, RecordErased, Saved,
                 SaveFailed, CheckpointMade, CheckpointDeleted, Restored, ShutdownRequested,
                 Recovered, EventsDropped>;

// Called outside the session's lock, by one thread at a time, which is one of those that changed
// something or the session's own; so a call may return before its events are delivered. It may call
// the session. What it throws is counted and dropped. It is called until it is taken away or the
// session has gone, so it must live as long. On the session's own thread all signals are blocked,
// and so in a program that is started there.
//
// While an observer is busy, SessionConfig::max_waiting_events of other threads wait; beyond that
// the oldest are dropped. What a thread changed while nobody was busy is told whole, however much.
using SessionObserver = std::function<void(const SessionEvent&)>;

}  // namespace session
