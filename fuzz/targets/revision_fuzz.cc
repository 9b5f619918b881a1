// FILE@REV, as people type it: taken apart, and the name of the revision looked up in a session
// whose checkpoints are named to be mistaken for numbers, times and each other. The first line is
// the argument; the others name files that exist. What is found must be what a plain reading of the
// rules finds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/arguments/revision.h"
#include "lib/convert/time_text.h"
#include "session/compact.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace {

using session::CheckpointInfo;
using session::ErrorCode;
using session::RevisionInfo;
using session::cli::RevisionName;
using session::test::SimulatedDisk;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// ---- the parting @ ------------------------------------------------------------------------------

// Nothing for what is wrong usage.
std::optional<RevisionName> plainly_split(const std::string& argument,
                                          const std::vector<std::string>& files) {
  const auto exists = [&](const std::string& name) {
    return std::find(files.begin(), files.end(), name) != files.end();
  };
  if (argument.empty()) return std::nullopt;
  std::vector<std::size_t> places;  // from the last
  for (std::size_t at = argument.size(); at > 0; --at) {
    if (argument[at - 1] == '@') places.push_back(at - 1);
  }
  if (exists(argument) || places.empty()) return RevisionName{argument, "head"};
  std::size_t parting = places.front();
  for (auto at = places.rbegin(); at != places.rend(); ++at) {
    if (*at > 0 && exists(argument.substr(0, *at))) parting = *at;
  }
  if (parting == 0 || parting + 1 == argument.size()) return std::nullopt;
  return RevisionName{argument.substr(0, parting), argument.substr(parting + 1)};
}

void check_split(const std::string& argument, const std::vector<std::string>& files) {
  const auto wanted = plainly_split(argument, files);
  try {
    const RevisionName got = session::cli::split_revision(
        argument, "", [&](const std::string& name) { return std::ranges::count(files, name) > 0; });
    if (!wanted || got.file != wanted->file || got.revision != wanted->revision) {
      fail(argument + " is parted into " + got.file + " and " + got.revision);
    }
  } catch (const session::Error& error) {
    if (wanted || error.code() != ErrorCode::kUsage) fail(argument + ": " + error.what());
  }
}

// ---- the revision's name ------------------------------------------------------------------------

// What can be named, and a session that has it.
struct Named {
  SimulatedDisk disk;
  std::vector<RevisionInfo> history;  // newest first
  std::vector<CheckpointInfo> checkpoints;
};

void add_checkpoint(session::Writer& writer, const std::string& id, const std::string& words) {
  session::CheckpointOptions options;
  options.id = id;
  options.description = words;
  (void)writer.checkpoint(options);
}

const Named& named() {
  static const Named all = [] {
    Named made;
    {
      session::Writer writer = session::test::create_on(made.disk);
      for (int n = 0; n < 12; ++n) {
        auto change = writer.begin();
        session::test::put_value(change, "a/n", std::to_string(n));
        (void)change.commit();
      }
      add_checkpoint(writer, "1a2b0000-0000-4000-8000-000000000001", "before");
      add_checkpoint(writer, "1a2c0000-0000-4000-8000-000000000002", "before");
      add_checkpoint(writer, "77770000-0000-4000-8000-000000000003", "head");
      add_checkpoint(writer, "7777", "~1");
      add_checkpoint(writer, "cafe0000-0000-4000-8000-000000000005", "3");
      add_checkpoint(writer, "cafe", "1a2b0000-0000-4000-8000-000000000001");
      add_checkpoint(writer, "beef0000-0000-4000-8000-000000000007", "2023-11-14T22:13:40Z");
      add_checkpoint(writer, "fade0000-0000-4000-8000-000000000008", "mail to x@y");
      add_checkpoint(writer, "99999999999999999999", "no number");
      session::CompactOptions thin;
      thin.files = &made.disk;
      thin.retention.keep_last = 11;  // so that numbers are missing
      (void)writer.compact(thin);
    }
    const auto head = session::test::read_on(made.disk).head();
    head.history([&](const RevisionInfo& info) {
      made.history.push_back(info);
      return true;
    });
    made.checkpoints = head.checkpoints();
    return made;
  }();
  return all;
}

using Answer = std::variant<std::uint64_t, ErrorCode>;

std::optional<std::uint64_t> number_in(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  std::uint64_t number = 0;
  for (const char digit : text) {
    if (__builtin_mul_overflow(number, std::uint64_t{10}, &number)) return {};
    if (__builtin_add_overflow(number, static_cast<std::uint64_t>(digit - '0'), &number)) return {};
  }
  return number;
}

template <class Matches>
std::optional<Answer> only(Matches matches) {
  std::optional<Answer> found;
  for (const CheckpointInfo& checkpoint : named().checkpoints) {
    if (!matches(checkpoint)) continue;
    found = found ? Answer(ErrorCode::kUsage) : Answer(checkpoint.revision);
  }
  return found;
}

Answer plainly_resolved(std::string_view name) {
  const std::vector<RevisionInfo>& history = named().history;
  if (name == "head") return history.front().revision;
  if (name.starts_with('~')) {
    if (const auto steps = number_in(name.substr(1))) {
      if (*steps >= history.size()) return ErrorCode::kNotFound;
      return history[*steps].revision;
    }
  }
  if (const auto number = number_in(name)) {
    for (const RevisionInfo& info : history) {
      if (info.revision == *number) return *number;
    }
    return ErrorCode::kNotFound;
  }
  if (const auto it = only([&](const CheckpointInfo& c) { return c.id == name; })) return *it;
  if (const auto it = only([&](const CheckpointInfo& c) { return c.description == name; })) {
    return *it;
  }
  if (name.size() >= 4) {
    if (const auto it = only([&](const CheckpointInfo& c) { return c.id.starts_with(name); })) {
      return *it;
    }
  }
  if (const auto time = session::convert::parse_time(name)) {
    for (const RevisionInfo& info : history) {
      if (info.time_nanos <= time->nanos) return info.revision;
    }
  }
  return ErrorCode::kNotFound;
}

void check_resolved(const std::string& name) {
  static SimulatedDisk disk = named().disk;
  static const session::Reader reader = session::test::read_on(disk);
  Answer got;
  try {
    got = reader.at(std::string_view(name)).revision();
  } catch (const session::Error& error) {
    got = error.code();
  }
  if (got != plainly_resolved(name)) fail("\"" + name + "\" names another revision than it should");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += static_cast<char>(data[i]);
    }
  }
  const std::string argument = lines.front();
  lines.erase(lines.begin());
  check_split(argument, lines);
  check_resolved(argument);
  if (const auto parts = plainly_split(argument, lines)) check_resolved(parts->revision);
  return 0;
}
