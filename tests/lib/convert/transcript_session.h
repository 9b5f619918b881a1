#pragma once
// A transcript in and out again, as a whole: what the tests of the three formats share.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/converter.h"
#include "lib/convert/json.h"
#include "session/convert.h"
#include "session/reader.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace session::test {

[[nodiscard]] inline std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

class TranscriptSession : public ::testing::Test {
 protected:
  explicit TranscriptSession(SourceFormat format) : format_(format) {}

  std::string write(std::string_view name, std::string_view text) {
    std::ofstream(dir_.file(name), std::ios::binary) << text;
    return dir_.file(name);
  }
  ImportedSource import_file(const std::string& path) {
    ImportOptions options;
    options.from = format_;
    return import_sources({path}, session_, options).sources.at(0);
  }
  ImportedSource import_text(std::string_view text) { return import_file(write("source", text)); }

  [[nodiscard]] Snapshot head() const { return Reader::open(session_).head(); }
  [[nodiscard]] std::string exported() const {
    std::ostringstream out;
    (void)export_session(head(), format_, out);
    return out.str();
  }
  [[nodiscard]] std::string exported_on_one_line() const {
    if (format_ != SourceFormat::kSweAgent) return exported();
    return convert::json::to_text(
        convert::json::parse(exported(), {.max_depth = convert::json::kMaxOwnJsonDepth}));
  }
  [[nodiscard]] static std::vector<convert::json::Value> lines_of(const std::string& text) {
    std::vector<convert::json::Value> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (!line.empty()) {
        lines.push_back(convert::json::parse(line, {.max_depth = convert::json::kMaxOwnJsonDepth}));
      }
    }
    return lines;
  }
  // The message of the error the import ends with.
  std::string refusal(std::string_view text) {
    try {
      (void)import_text(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      EXPECT_FALSE(std::filesystem::exists(session_));
      return error.message();
    }
    return "imported";
  }
  void start_anew() { std::filesystem::remove(session_); }

  // A sample of the shared data: it comes back, a second import changes nothing, and the size of
  // the file is in a reasonable relation to that of the source.
  void check_sample(const std::string& path) {
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
    EXPECT_EQ(&convert::recognise(path), &convert::converter_for(format_));
    const ImportedSource first = import_file(path);
    EXPECT_TRUE(first.warnings.empty());
    std::ifstream in(path, std::ios::binary);
    std::ostringstream source;
    source << in.rdbuf();
    if (format_ == SourceFormat::kSweAgent) {
      EXPECT_EQ(convert::json::parse(exported()), convert::json::parse(source.str()));
    } else {
      EXPECT_EQ(lines_of(exported()), lines_of(source.str()));
    }
    const ImportedSource second = import_file(path);
    EXPECT_EQ(second.upserts + second.erases, 0U);
    EXPECT_EQ(second.revision, first.revision);
    const auto file_bytes = std::filesystem::file_size(session_);
    std::cout << source.str().size() << " bytes of source, " << file_bytes << " of session file, "
              << first.upserts << " records\n";
    constexpr std::size_t kEmptyFileBytes = 4096;
    EXPECT_LT(file_bytes, kEmptyFileBytes + 2 * source.str().size());
  }

  // The same sample with something else at many random places.
  void check_mutated_sample(const std::string& path) {
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
    RandomJson random(random_seed());
    random.use_names({"type",      "message", "content", "role",      "payload",       "text",
                      "input",     "id",      "uuid",    "timestamp", "toolUseResult", "status",
                      "todos",     "action",  "state",   "history",   "call_id",       "output",
                      "arguments", "cwd",     "@"});
    std::ifstream in(path, std::ios::binary);
    std::ostringstream source;
    source << in.rdbuf();
    std::string text;
    if (format_ == SourceFormat::kSweAgent) {
      convert::json::Value document = convert::json::parse(source.str());
      for (const std::string_view list : {"history", "trajectory"}) {
        for (auto& entry : document.find(list)->items()) {
          if (random.chance(0.5)) entry = random.mutated(std::move(entry));
        }
      }
      text = convert::json::to_text(document);
    } else {
      for (convert::json::Value& line : lines_of(source.str())) {
        const auto mutated = random.chance(0.5) ? random.mutated(std::move(line)) : line;
        if (mutated.is_object()) text += convert::json::to_text(mutated) + "\n";
      }
    }
    (void)import_text(text);
    EXPECT_TRUE(lines_of(exported_on_one_line()) == lines_of(text));
    EXPECT_EQ(import_text(text).upserts, 0U);
  }

  TempDir dir_;
  SourceFormat format_;
  std::string session_ = dir_.file("work.session");
};

}  // namespace session::test
