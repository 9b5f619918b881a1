#include "tests/memory/failing_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace session::test {
namespace {

std::atomic<bool> is_counting = false;
std::atomic<bool> goes_on = false;
std::atomic<std::uint64_t> made = 0;
std::atomic<std::uint64_t> wanted = 0;  // the first that fails
std::atomic<std::uint64_t> failed = 0;

bool is_due() {
  if (!is_counting) return false;
  const std::uint64_t number = ++made;
  if (goes_on ? number < wanted : number != wanted) return false;
  ++failed;
  return true;
}

}  // namespace

FailingNew::FailingNew(std::uint64_t nth, bool from_then_on) {
  failed = 0;
  made = 0;
  wanted = nth;
  goes_on = from_then_on;
  is_counting = true;
}

FailingNew::~FailingNew() {
  is_counting = false;
}

std::uint64_t FailingNew::failures() {
  return failed;
}

}  // namespace session::test

// Cap'n Proto 0.9 loses the second segment of a message if there is no memory to write it down in.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:capnp::MallocMessageBuilder::allocateSegment\n";
}

// malloc, so that the sanitizers go on watching.
void* operator new(std::size_t size) {
  if (session::test::is_due()) throw std::bad_alloc();
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return session::test::is_due() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
