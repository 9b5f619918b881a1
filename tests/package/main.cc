// Uses the installed library the way a stranger would: public headers only.

#include <cstdio>
#include <optional>

#include <session/error.h>
#include <session/table.h>

int main() {
  const std::optional<session::Table> tasks = session::table_from_name("tasks");
  if (tasks != session::Table::kTasks) return 1;
  try {
    throw session::Error(session::ErrorCode::kNotFound, "no such task", "a.session");
  } catch (const session::Error& error) {
    std::printf("%s\n", error.what());
    return session::error_code_name(error.code()) == "not_found" ? 0 : 1;
  }
}
