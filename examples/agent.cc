// An agent's main loop on a session that survives anything: kill -9 it at any moment, start it
// again with the same file, and it goes on where its last save was.
//
//   agent FILE [TASKS]
//
// "done KEY" is printed when the disk has it.

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "session/manager.h"

namespace {

std::atomic<session::Session*> running = nullptr;  // for the signal handler alone

void ask_to_stop(int) {
  if (session::Session* session = running) session->request_shutdown();
}

// A chain of tasks, each waiting for the one before. All of them or none are made.
void plan(session::Session& session, int count) {
  session.transaction([&](session::Session::Edit&) {
    std::string before;
    for (int i = 0; i < count; ++i) {
      session::NewTask task{.title = "step " + std::to_string(i)};
      if (!before.empty()) task.dependencies.push_back({before});
      before = session.tasks().create(task);
    }
  });
  session.save("the plan");
}

// What was under way when the last process ended is to be done again.
void take_up_again(session::Session& session) {
  std::vector<std::string> interrupted;
  for (const auto& task : session.saved().all<session::schema::Task>()) {
    if (task->getStatus() == session::schema::TaskStatus::IN_PROGRESS) {
      interrupted.emplace_back(task.key());
    }
  }
  for (const std::string& key : interrupted) session.tasks().reset(key);
}

void work(session::Session& session) {
  while (!session.shutdown_requested()) {
    const auto key = session.tasks().next();
    if (!key) return;
    session.tasks().start(*key);
    session.save();
    session.transaction([&](session::Session::Edit&) {  // the answer and the status, or neither
      session.add_message({.text = "did it", .task = *key});
      session.tasks().complete(*key);
    });
    session.save();
    std::cout << "done " << *key << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: agent FILE [TASKS]\n";
    return 2;
  }
  try {
    session::SessionConfig config;
    config.path = argv[1];
    config.name = "example";
    session::Session session = session::Session::open(config);
    running = &session;
    std::signal(SIGTERM, ask_to_stop);
    if (session.recovery()) std::cout << "recovered: " << session.recovery()->reason << std::endl;
    if (session.tasks().counts().total() == 0) plan(session, argc > 2 ? std::atoi(argv[2]) : 10);
    take_up_again(session);
    work(session);
    running = nullptr;
    session.shutdown();
    return 0;
  } catch (const std::exception& error) {
    running = nullptr;
    std::cerr << error.what() << '\n';
    return 1;
  }
}
