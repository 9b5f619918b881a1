#pragma once
// Memory that runs out on request. Linked into a program of its own: it replaces operator new of
// the whole program.

#include <cstdint>

namespace session::test {

// From its making to its end: the n-th allocation, counted from 1, throws std::bad_alloc, and with
// `from_then_on` each one after it too. One at a time.
class FailingNew {
 public:
  FailingNew(std::uint64_t nth, bool from_then_on);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  [[nodiscard]] static std::uint64_t failures();  // since the last one was made
};

}  // namespace session::test
