#include "lib/manager/event_queue.h"

#include <algorithm>
#include <utility>

namespace session::manager {

void EventQueue::push(SessionEvent event) {
  events_.push_back(std::move(event));
  if (teller_ == std::this_thread::get_id()) ++batch_;  // from an observer
}

std::uint64_t EventQueue::observe(SessionObserver call) {
  auto observers = std::make_shared<Observers>(*observers_);
  observers->push_back({next_number_, std::move(call)});
  observers_ = std::move(observers);
  return next_number_++;
}

void EventQueue::unobserve(std::uint64_t number) {
  auto observers = std::make_shared<Observers>(*observers_);
  std::erase_if(*observers, [&](const Observer& observer) { return observer.number == number; });
  observers_ = std::move(observers);
}

void EventQueue::drop_oldest() {
  for (; events_.size() > kMaxWaitingEvents; events_.pop_front()) ++dropped_;
}

SessionEvent EventQueue::next() {
  if (dropped_ != dropped_told_) {
    return EventsDropped{dropped_ - std::exchange(dropped_told_, dropped_)};
  }
  SessionEvent event = std::move(events_.front());
  events_.pop_front();
  if (batch_ != 0) --batch_;
  return event;
}

bool EventQueue::tell(std::unique_lock<std::recursive_mutex>& lock) noexcept {
  if (teller_ != std::thread::id()) {
    drop_oldest();
    return false;
  }
  teller_ = std::this_thread::get_id();
  batch_ = events_.size();
  while (!events_.empty() && (batch_ != 0 || is_closed_)) {
    const SessionEvent event = next();
    const auto observers = observers_;
    lock.unlock();
    std::uint64_t failures = 0;
    for (const Observer& observer : *observers) {
      try {
        observer.call(event);
      } catch (...) {
        ++failures;  // an observer's trouble is not the session's
      }
    }
    lock.lock();
    failures_ += failures;
  }
  teller_ = {};
  return !events_.empty();
}

}  // namespace session::manager
