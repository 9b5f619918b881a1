#pragma once
// A value made when it is first asked for. If making it throws, the caller gets the exception, and
// the next one tries again.
//
// Not std::call_once: it runs the caller's code below a C function of the C library, and in a
// program that links libgcc statically, as the tool does, an exception does not come through that:
// the program aborts.

#include <atomic>
#include <mutex>
#include <utility>

namespace session::store {

// Any thread. `make` must not ask for the same value.
template <class T>
class Lazy {
 public:
  template <class Make>
  [[nodiscard]] const T& get(Make make) const {
    if (is_made_.load(std::memory_order_acquire)) return value_;
    const std::lock_guard lock(mutex_);
    if (!is_made_.load(std::memory_order_relaxed)) {
      value_ = std::move(make)();
      is_made_.store(true, std::memory_order_release);
    }
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::atomic<bool> is_made_ = false;
  mutable T value_{};
};

}  // namespace session::store
