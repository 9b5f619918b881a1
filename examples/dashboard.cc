// A dashboard beside a running session: another process that follows it, and prints where the work
// stands after each commit. It takes no lock, and the one who writes does not notice it.
//
//   dashboard FILE
//
// Ends when nobody writes the session any more, and on Ctrl-C.

#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>

#include "session/reader.h"
#include "session/tasks.h"

namespace {

using session::schema::TaskStatus;

std::atomic<bool> is_asked_to_stop = false;

void ask_to_stop(int) {
  is_asked_to_stop = true;
}

// A revision never changes: what is read here fits together, whatever is written meanwhile.
void print_status(const session::Snapshot& head) {
  session::TaskCounts counts;
  std::string running;
  for (const auto& task : head.all<session::schema::Task>()) {
    const auto status = static_cast<std::size_t>(task->getStatus());
    if (status >= session::kTaskStatuses) continue;  // of a later version
    ++counts.by_status[status];
    if (task->getStatus() != TaskStatus::IN_PROGRESS) continue;
    running += (running.empty() ? "; now " : ", ") + std::string(task->getTitle().cStr());
  }
  std::cout << "revision " << head.revision() << ": " << counts.of(TaskStatus::COMPLETED) << " of "
            << counts.total() << " tasks done, " << counts.of(TaskStatus::FAILED) << " failed, "
            << head.count(session::Table::kMessages) << " messages" << running << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: dashboard FILE\n";
    return 2;
  }
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  try {
    session::Reader reader = session::Reader::open(argv[1], {session::ReadMode::kCopy});
    print_status(reader.head());
    while (!is_asked_to_stop) {
      switch (reader.wait_for_change(std::chrono::milliseconds(200))) {
        case session::HeadChange::kReplaced:
          std::cout << "another file stands here now" << std::endl;
          print_status(reader.head());
          break;
        case session::HeadChange::kNewer:
          print_status(reader.head());
          break;
        case session::HeadChange::kNone:
          if (reader.info().is_being_written) break;
          // It may have written its last words while we asked.
          if (reader.refresh()) print_status(reader.head());
          std::cout << "nobody writes this session any more" << std::endl;
          return 0;
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
