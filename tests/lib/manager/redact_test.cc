// Secrets in environment variables do not reach the file.

#include "lib/manager/redact.h"

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <string>
#include <vector>

#include "tests/support/running_session.h"

namespace session::test {
namespace {

TEST(Redaction, KnowsSecretsByTheirNames) {
  for (const char* name : {"API_KEY", "openai_api_key", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN",
                           "PGPASSWORD", "MYSQL_PWD", "KEY", "DATABASE_URL", "BASIC_AUTH",
                           "GOOGLE_APPLICATION_CREDENTIALS", "SSH_KEY_FILE", "DB_PASS"}) {
    EXPECT_TRUE(manager::names_a_secret(name, {})) << name;
  }
  for (const char* name : {"PATH", "PWD", "OLDPWD", "HOME", "KEYBOARD_LAYOUT", "MONKEY", "AUTHOR",
                           "LANG", "COMPASS"}) {
    EXPECT_FALSE(manager::names_a_secret(name, {})) << name;
  }
  const std::vector<std::string> more{"internal"};
  EXPECT_TRUE(manager::names_a_secret("MY_INTERNAL_THING", more));
}

void set_two(schema::ExecutionContext::Builder context) {
  auto list = context.initEnvironment(2);
  list[0].setName("API_KEY");
  list[0].setValue("sk-1234567890");
  list[1].setName("LANG");
  list[1].setValue("C");
}

TEST(Redaction, KeepsSecretsOutOfTheFileUnlessToldNotTo) {
  for (const bool redacted : {true, false}) {
    SimulatedDisk disk;
    SessionConfig config = config_on(disk);
    config.redact_secrets = redacted;
    {
      Session session = Session::open(config);
      session.set_context(set_two);
    }
    const Snapshot head = read_on(disk).head();
    const auto record = head.get<schema::SessionRecord>("context");
    const auto environment = (*record)->getContext().getEnvironment();
    EXPECT_EQ(text(environment[0].getValue()), redacted ? "[redacted]" : "sk-1234567890");
    EXPECT_EQ(text(environment[1].getValue()), "C");
    const auto bytes = disk.contents(kDiskPath);
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    EXPECT_EQ(all.find("sk-1234567890") == std::string_view::npos, redacted);
  }
}

std::string value_of(capnp::List<schema::Property>::Reader environment) {
  return text(environment[0].getValue());
}

TEST(Redaction, LeavesNoWayForAContextAround) {
  SimulatedDisk disk;
  Session session = session_on(disk);
  capnp::MallocMessageBuilder message;
  set_two(message.initRoot<schema::SessionRecord>().initContext());
  session.put(Table::kSession, "context", message.getRoot<schema::SessionRecord>().asReader());
  EXPECT_EQ(
      value_of((*session.get<schema::SessionRecord>("context"))->getContext().getEnvironment()),
      "[redacted]");
  const auto plan = [](schema::Task::Builder task) {
    auto variable = task.initPlan().initEnvironment(1)[0];
    variable.setName("API_KEY");
    variable.setValue("sk-1234567890");
  };
  session.tasks().create({.key = "made", .fill = plan});
  session.tasks().create({.key = "edited"});
  session.tasks().edit("edited", plan);
  for (const char* key : {"made", "edited"}) {
    EXPECT_EQ(value_of((*session.tasks().get(key))->getPlan().getEnvironment()), "[redacted]");
  }
}

}  // namespace
}  // namespace session::test
