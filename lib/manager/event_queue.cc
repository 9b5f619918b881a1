#include "lib/manager/event_queue.h"

#include <algorithm>
#include <new>
#include <utility>

namespace session::manager {

void EventQueue::push(SessionEvent event) {
  events_.push_back(std::move(event));
  if (teller_ == std::this_thread::get_id()) ++batch_;  // from an observer
}

std::uint64_t EventQueue::observe(SessionObserver call) {
  auto observers = std::make_shared<Observers>(*observers_);
  observers->push_back({next_number_, std::move(call), std::make_shared<std::atomic<bool>>(false)});
  observers_ = std::move(observers);
  return next_number_++;
}

void EventQueue::unobserve(std::uint64_t number) {
  auto observers = std::make_shared<Observers>(*observers_);
  std::erase_if(*observers, [&](const Observer& observer) {
    if (observer.number == number) *observer.is_gone = true;  // also for who is telling now
    return observer.number == number;
  });
  observers_ = std::move(observers);
}

void EventQueue::drop_oldest() {
  for (; events_.size() > max_waiting_; events_.pop_front()) ++dropped_;
}

EventQueue::Events EventQueue::take_batch() {
  const std::size_t count = is_closed_ ? events_.size() : std::min(batch_, events_.size());
  const auto end = events_.begin() + static_cast<std::ptrdiff_t>(count);
  Events batch;
  if (dropped_ != dropped_told_) batch.emplace_back(EventsDropped{dropped_ - dropped_told_});
  batch.insert(batch.end(), events_.begin(), end);  // copies: what throws here leaves them
  events_.erase(events_.begin(), end);
  dropped_told_ = dropped_;
  batch_ = 0;
  return batch;
}

std::uint64_t EventQueue::tell_all(const Events& events, const Observers& observers) {
  std::uint64_t failures = 0;
  for (const SessionEvent& event : events) {
    for (const Observer& observer : observers) {
      if (*observer.is_gone) continue;
      try {
        observer.call(event);
      } catch (...) {
        ++failures;  // an observer's trouble is not the session's
      }
    }
  }
  return failures;
}

bool EventQueue::tell(std::unique_lock<std::recursive_mutex>& lock) noexcept {
  if (teller_ != std::thread::id()) {
    drop_oldest();
    return false;
  }
  teller_ = std::this_thread::get_id();
  batch_ = events_.size();
  try {
    while (!events_.empty() && (batch_ != 0 || is_closed_)) {
      const Events batch = take_batch();
      const auto observers = observers_;
      lock.unlock();
      const std::uint64_t failures = tell_all(batch, *observers);
      lock.lock();
      failures_ += failures;
    }
  } catch (const std::bad_alloc&) {
    // They wait until there is memory, or until newer ones take their place.
  }
  teller_ = {};
  return !events_.empty();
}

}  // namespace session::manager
