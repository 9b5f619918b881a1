#pragma once
// The events of a session on their way to its observers, in their order, by one thread at a time.
//
// A thread that has something to tell takes out what waits, its own included, and tells that and no
// more: what others add meanwhile goes to the session's own thread, so that a slow observer holds
// nobody for ever. Taking it out at once, it does not queue for the lock with every event.
// While one thread is telling, the others go on and their events wait; only so many do, the oldest
// are dropped for newer ones, and observers hear how many.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "session/events.h"

namespace session::manager {

class EventQueue {
 public:
  explicit EventQueue(std::size_t max_waiting) : max_waiting_(max_waiting) {}

  // ---- under the session's lock
  void push(SessionEvent event);
  [[nodiscard]] std::size_t mark() const { return events_.size(); }
  void roll_back_to(std::size_t mark) { events_.resize(mark); }
  // From now on whoever tells goes on to the end: nothing is added any more.
  void close() { is_closed_ = true; }
  std::uint64_t observe(SessionObserver call);
  void unobserve(std::uint64_t number);
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  // Lets the lock go while observers are called; outside units. True if something is left that no
  // thread is about to tell.
  [[nodiscard]] bool tell(std::unique_lock<std::recursive_mutex>& lock) noexcept;

 private:
  struct Observer {
    std::uint64_t number;
    SessionObserver call;
    std::shared_ptr<std::atomic<bool>> is_gone;
  };
  using Observers = std::vector<Observer>;
  using Events = std::deque<SessionEvent>;

  void drop_oldest();
  [[nodiscard]] Events take_batch();
  // How often an observer threw.
  [[nodiscard]] static std::uint64_t tell_all(const Events& events, const Observers& observers);

  std::size_t max_waiting_;
  Events events_;
  std::shared_ptr<const Observers> observers_ = std::make_shared<Observers>();
  std::uint64_t next_number_ = 1;
  std::uint64_t failures_ = 0;
  std::uint64_t dropped_ = 0;       // in all
  std::uint64_t dropped_told_ = 0;  // of them, observers have heard
  std::thread::id teller_;          // none: nobody is telling
  std::size_t batch_ = 0;           // how many of those that wait it has to tell
  bool is_closed_ = false;
};

}  // namespace session::manager
