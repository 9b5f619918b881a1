#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include "lib/io/file.h"
#include "lib/io/renames.h"
#include "lib/io/system_error.h"
#include "lib/io/transfer.h"
#include "session/error.h"
#include "tests/support/temp_dir.h"

namespace session::io {
namespace {

using test::TempDir;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  std::ranges::transform(bytes, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

Error failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInternal, "nothing was thrown"};
}

Error failure_of_opening(const std::string& path, OpenMode mode = OpenMode::kRead) {
  return failure_of([&] { (void)system_files().open(path, mode); });
}

TEST(SystemFile, ReadsBackWhatWasWritten) {
  const TempDir dir;
  const auto file = system_files().open(dir.file("s"), OpenMode::kCreateNew);
  file->write_at(0, bytes_of("hello"));
  file->write_at(3, bytes_of("p me"));
  file->sync_data();
  std::array<std::byte, 7> read{};
  EXPECT_EQ(file->read_at(0, read), 7U);
  EXPECT_EQ(text_of(read), "help me");
  EXPECT_EQ(file->size_bytes(), 7U);
  EXPECT_EQ(content_of(dir.file("s")), "help me");
}

TEST(SystemFile, ReadsShortOnlyAtTheEnd) {
  const TempDir dir;
  write_file(dir.file("s"), "0123456789");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  std::array<std::byte, 4> read{};
  EXPECT_EQ(file->read_at(8, read), 2U);
  EXPECT_EQ(file->read_at(10, read), 0U);
  EXPECT_EQ(file->read_at(std::numeric_limits<std::uint64_t>::max(), read), 0U);
}

TEST(SystemFile, ExactReadBeyondTheEndSaysWhereTheFileEnds) {
  const TempDir dir;
  write_file(dir.file("s"), "0123456789");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  std::array<std::byte, 4> read{};
  read_exactly(*file, dir.file("s"), 6, read);
  EXPECT_EQ(text_of(read), "6789");
  const Error failure = failure_of([&] { read_exactly(*file, dir.file("s"), 8, read); });
  EXPECT_EQ(failure.code(), ErrorCode::kIo);
  EXPECT_EQ(failure.file(), dir.file("s"));
  EXPECT_EQ(failure.offset(), 10U);
}

TEST(SystemFile, IsCutAndGrownWithZeros) {
  const TempDir dir;
  const auto file = system_files().open(dir.file("s"), OpenMode::kCreateNew);
  file->write_at(0, bytes_of("abcdef"));
  file->truncate(2);
  file->truncate(4);
  EXPECT_EQ(content_of(dir.file("s")), std::string("ab\0\0", 4));
}

TEST(SystemFile, IsCreatedForItsOwnerOnly) {
  const TempDir dir;
  (void)system_files().open(dir.file("s"), OpenMode::kCreateNew);
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("s").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(SystemFile, IsNotCreatedOverAnother) {
  const TempDir dir;
  write_file(dir.file("s"), "keep");
  EXPECT_EQ(failure_of_opening(dir.file("s"), OpenMode::kCreateNew).code(), ErrorCode::kExists);
  EXPECT_EQ(content_of(dir.file("s")), "keep");
}

TEST(SystemFile, ThatIsMissingIsNotFound) {
  const TempDir dir;
  write_file(dir.file("s"), "");
  for (const std::string name : {"no", "no/file", "s/file"}) {
    const Error failure = failure_of_opening(dir.file(name));
    EXPECT_EQ(failure.code(), ErrorCode::kNotFound);
    EXPECT_EQ(failure.file(), dir.file(name));
  }
}

TEST(SystemFile, ThatIsADirectoryIsNoSession) {
  const TempDir dir;
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
    const Error failure = failure_of_opening(dir.path(), mode);
    EXPECT_EQ(failure.code(), ErrorCode::kNotASession);
    EXPECT_NE(failure.message().find("a directory"), std::string::npos);
  }
}

TEST(SystemFile, ThatIsAPipeIsRefusedWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
    const Error failure = failure_of_opening(dir.file("pipe"), mode);
    EXPECT_EQ(failure.code(), ErrorCode::kNotASession);
    EXPECT_NE(failure.message().find("a named pipe"), std::string::npos);
  }
}

TEST(SystemFile, ThatIsASocketOrADeviceIsNoSession) {
  const TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir.file("socket");
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  std::ranges::copy(path, address.sun_path);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  // The sockets interface has its casts built in.
  const void* any = &address;
  ASSERT_EQ(::bind(socket, static_cast<const sockaddr*>(any), sizeof(address)), 0);
  EXPECT_EQ(failure_of_opening(path).code(), ErrorCode::kNotASession);
  ::close(socket);
  EXPECT_EQ(failure_of_opening("/dev/null").code(), ErrorCode::kNotASession);
}

TEST(SystemFile, WithoutPermissionIsAnErrorThatSaysSo) {
  const TempDir dir;
  write_file(dir.file("s"), "x");
  ASSERT_EQ(::chmod(dir.file("s").c_str(), 0), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Root may read anything: become somebody else.
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(1);
    const Error failure = failure_of_opening(dir.file("s"));
    const bool is_clear = failure.code() == ErrorCode::kIo &&
                          failure.message().find("permissions") != std::string::npos;
    ::_exit(is_clear ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SystemFile, PathsThatTheSystemWouldMisreadAreRefused) {
  const TempDir dir;
  write_file(dir.file("s"), "x");
  EXPECT_EQ(failure_of_opening("").code(), ErrorCode::kUsage);
  EXPECT_EQ(failure_of_opening(dir.file(std::string_view("s\0t", 3))).code(), ErrorCode::kUsage);
}

TEST(SystemFile, WriteBeyondTheSizeLimitFailsWithPathOffsetAndHint) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto file = system_files().open(dir.file("s"), OpenMode::kCreateNew);
    try {
      file->write_at(0, std::vector<std::byte>(4096));
      ::_exit(1);
    } catch (const Error& error) {
      const bool is_clear = error.code() == ErrorCode::kIo && error.offset() == 1000U &&
                            error.file() == dir.file("s") &&
                            error.message().find("ulimit -f") != std::string::npos;
      ::_exit(is_clear ? 0 : 2);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SystemFile, WriteBeyondAnyOffsetFailsInsteadOfWrappingAround) {
  const TempDir dir;
  const auto file = system_files().open(dir.file("s"), OpenMode::kCreateNew);
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(failure_of([&] { file->write_at(kLast, bytes_of("x")); }).code(), ErrorCode::kIo);
  EXPECT_EQ(failure_of([&] { file->write_at(kLast / 2, bytes_of("x")); }).code(), ErrorCode::kIo);
  EXPECT_EQ(failure_of([&] { file->truncate(kLast); }).code(), ErrorCode::kIo);
  EXPECT_EQ(file->size_bytes(), 0U);
}

TEST(SystemFile, OpenedForReadingRefusesWrites) {
  const TempDir dir;
  write_file(dir.file("s"), "keep");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  EXPECT_EQ(failure_of([&] { file->write_at(0, bytes_of("x")); }).code(), ErrorCode::kIo);
  EXPECT_EQ(content_of(dir.file("s")), "keep");
}

TEST(Mapping, ShowsTheBytesAsked) {
  const TempDir dir;
  write_file(dir.file("s"), "0123456789");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  EXPECT_EQ(text_of(file->map(10)->bytes()), "0123456789");
  EXPECT_EQ(text_of(file->map(4)->bytes()), "0123");
}

TEST(Mapping, OfNothingIsEmpty) {
  const TempDir dir;
  const auto file = system_files().open(dir.file("s"), OpenMode::kCreateNew);
  EXPECT_TRUE(file->map(0)->bytes().empty());
}

TEST(Mapping, BeyondTheEndIsRefused) {
  const TempDir dir;
  write_file(dir.file("s"), "0123456789");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  EXPECT_EQ(failure_of([&] { (void)file->map(11); }).code(), ErrorCode::kIo);
  EXPECT_EQ(failure_of([&] { (void)file->map(std::uint64_t{1} << 62U); }).code(), ErrorCode::kIo);
}

TEST(Mapping, StaysReadableAfterTheFileIsReplacedRemovedAndClosed) {
  const TempDir dir;
  write_file(dir.file("s"), "old");
  write_file(dir.file("new"), "new");
  auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  const auto mapping = file->map(3);
  system_files().rename(dir.file("new"), dir.file("s"));
  system_files().remove(dir.file("s"));
  file.reset();
  EXPECT_EQ(text_of(mapping->bytes()), "old");
}

TEST(Mapping, IsOfTheOpenFileEvenIfItsNameLeadsElsewhereByThen) {
  const TempDir dir;
  write_file(dir.file("s"), "old");
  write_file(dir.file("new"), "new");
  const auto file = system_files().open(dir.file("s"), OpenMode::kRead);
  system_files().rename(dir.file("new"), dir.file("s"));
  EXPECT_EQ(text_of(file->map(3)->bytes()), "old");
}

TEST(SystemFiles, TellOneFileFromAnotherWhateverItsName) {
  const TempDir dir;
  write_file(dir.file("a"), "");
  write_file(dir.file("b"), "");
  std::filesystem::create_hard_link(dir.file("a"), dir.file("a2"));
  const auto file = system_files().open(dir.file("a"), OpenMode::kRead);
  EXPECT_EQ(file->identity(), system_files().identity(dir.file("a2")));
  EXPECT_EQ(file->identity().link_count, 2U);
  EXPECT_FALSE(file->identity() == *system_files().identity(dir.file("b")));
  EXPECT_EQ(system_files().identity(dir.file("c")), std::nullopt);
}

TEST(SystemFiles, KnowWhatExists) {
  const TempDir dir;
  write_file(dir.file("a"), "");
  EXPECT_TRUE(system_files().exists(dir.file("a")));
  EXPECT_TRUE(system_files().exists(dir.path()));
  EXPECT_FALSE(system_files().exists(dir.file("b")));
  EXPECT_FALSE(system_files().exists(dir.file("a/b")));
}

TEST(SystemFiles, RenameReplaces) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  write_file(dir.file("b"), "b");
  system_files().rename(dir.file("a"), dir.file("b"));
  system_files().sync_directory(dir.file("b"));
  EXPECT_EQ(content_of(dir.file("b")), "a");
  EXPECT_FALSE(system_files().exists(dir.file("a")));
  EXPECT_EQ(failure_of([&] { system_files().rename(dir.file("a"), dir.file("b")); }).code(),
            ErrorCode::kNotFound);
}

// Both ways: by one call, and by a link where the file system has no such call.
class RenameNew
    : public testing::TestWithParam<void (*)(const std::string& from, const std::string& to)> {};

TEST_P(RenameNew, GivesAFreeName) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  GetParam()(dir.file("a"), dir.file("b"));
  EXPECT_EQ(content_of(dir.file("b")), "a");
  EXPECT_FALSE(system_files().exists(dir.file("a")));
}

TEST_P(RenameNew, RefusesATakenName) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  write_file(dir.file("b"), "b");
  const Error failure = failure_of([&] { GetParam()(dir.file("a"), dir.file("b")); });
  EXPECT_EQ(failure.code(), ErrorCode::kExists);
  EXPECT_EQ(failure.file(), dir.file("b"));
  EXPECT_EQ(content_of(dir.file("a")), "a");
  EXPECT_EQ(content_of(dir.file("b")), "b");
}

TEST_P(RenameNew, OfAMissingFileIsNotFound) {
  const TempDir dir;
  const Error failure = failure_of([&] { GetParam()(dir.file("a"), dir.file("b")); });
  EXPECT_EQ(failure.code(), ErrorCode::kNotFound);
  EXPECT_EQ(failure.file(), dir.file("a"));
}

void through_the_seam(const std::string& from, const std::string& to) {
  system_files().rename_new(from, to);
}

INSTANTIATE_TEST_SUITE_P(Ways, RenameNew, testing::Values(&through_the_seam, &rename_by_link));

class Exchange
    : public testing::TestWithParam<void (*)(const std::string& one, const std::string& other)> {};

TEST_P(Exchange, SwapsWhatTwoNamesStandFor) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  write_file(dir.file("b"), "b");
  GetParam()(dir.file("a"), dir.file("b"));
  EXPECT_EQ(content_of(dir.file("a")), "b");
  EXPECT_EQ(content_of(dir.file("b")), "a");
  EXPECT_EQ(system_files().list(dir.path()).size(), 2U);
}

// No file system gives a directory a second name, as some give none to a file.
TEST_P(Exchange, DoesWithoutSecondNames) {
  const TempDir dir;
  for (const char* const name : {"a", "b"}) {
    std::filesystem::create_directory(dir.file(name));
    write_file(dir.file(name) + "/was", name);
  }
  GetParam()(dir.file("a"), dir.file("b"));
  EXPECT_EQ(content_of(dir.file("a") + "/was"), "b");
  EXPECT_EQ(content_of(dir.file("b") + "/was"), "a");
  EXPECT_EQ(system_files().list(dir.path()).size(), 2U);
}

TEST_P(Exchange, ThatFailsLeavesBothNamesAndNoThird) {
  const TempDir dir;
  std::filesystem::create_directory(dir.file("a"));
  write_file(dir.file("b"), "b");
  try {
    GetParam()(dir.file("a"), dir.file("b"));  // one of the two ways cannot put a directory there
  } catch (const Error&) {
    EXPECT_EQ(content_of(dir.file("b")), "b");
    EXPECT_TRUE(std::filesystem::is_directory(dir.file("a")));
  }
  EXPECT_EQ(system_files().list(dir.path()).size(), 2U);
}

TEST_P(Exchange, NeedsBothNames) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  EXPECT_EQ(failure_of([&] { GetParam()(dir.file("a"), dir.file("b")); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(content_of(dir.file("a")), "a");
}

void exchange_through_the_seam(const std::string& one, const std::string& other) {
  system_files().exchange(one, other);
}

INSTANTIATE_TEST_SUITE_P(Ways, Exchange,
                         testing::Values(&exchange_through_the_seam, &exchange_by_third_name));

TEST(SystemFiles, RemoveRemovesAFile) {
  const TempDir dir;
  write_file(dir.file("a"), "a");
  system_files().remove(dir.file("a"));
  EXPECT_FALSE(system_files().exists(dir.file("a")));
  EXPECT_EQ(failure_of([&] { system_files().remove(dir.file("a")); }).code(), ErrorCode::kNotFound);
}

TEST(SystemFiles, RealPathFollowsLinksAndResolvesANewFilesDirectory) {
  const TempDir dir;
  write_file(dir.file("a"), "");
  std::filesystem::create_symlink(dir.file("a"), dir.file("link"));
  std::filesystem::create_directory_symlink(dir.path(), dir.file("here"));
  EXPECT_EQ(system_files().real_path(dir.file("link")), dir.file("a"));
  EXPECT_EQ(system_files().real_path(dir.file("here/./a")), dir.file("a"));
  EXPECT_EQ(system_files().real_path(dir.file("here/new")), dir.file("new"));
  EXPECT_EQ(failure_of([&] { (void)system_files().real_path(dir.file("no/new")); }).code(),
            ErrorCode::kNotFound);
}

TEST(SystemFiles, RealPathOfALinkToNothingIsNotFound) {
  const TempDir dir;
  std::filesystem::create_symlink(dir.file("nothing"), dir.file("link"));
  EXPECT_EQ(failure_of([&] { (void)system_files().real_path(dir.file("link")); }).code(),
            ErrorCode::kNotFound);
}

TEST(SystemFiles, ListNamesInOrder) {
  const TempDir dir;
  for (const std::string name : {"b", "a", ".hidden"}) write_file(dir.file(name), "");
  EXPECT_EQ(system_files().list(dir.path()), (std::vector<std::string>{".hidden", "a", "b"}));
  EXPECT_EQ(failure_of([&] { (void)system_files().list(dir.file("no")); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(failure_of([&] { (void)system_files().list(dir.file("a")); }).code(),
            ErrorCode::kNotFound);
}

TEST(SystemFiles, SyncOfAMissingDirectoryIsAnError) {
  const TempDir dir;
  EXPECT_EQ(failure_of([&] { system_files().sync_directory(dir.file("no/a")); }).code(),
            ErrorCode::kNotFound);
}

TEST(SystemError, HasTheSystemsWordsPathOffsetAndWhatToDo) {
  const Error full = system_error(ENOSPC, "cannot write 5 bytes", "s", 7);
  EXPECT_EQ(full.code(), ErrorCode::kIo);
  EXPECT_STREQ(full.what(),
               "s at offset 7: cannot write 5 bytes: No space left on device; free some space on "
               "that file system and try again");
}

TEST(Transfer, CarriesOnAfterShortCountsAndInterruptions) {
  std::vector<std::size_t> calls;
  const Transfer transfer = transfer_fully(10, [&](std::size_t done, std::size_t remaining) {
    EXPECT_EQ(done + remaining, 10U);
    calls.push_back(done);
    if (calls.size() % 2 == 1) {
      errno = EINTR;
      return ssize_t{-1};
    }
    return std::min<ssize_t>(4, static_cast<ssize_t>(remaining));
  });
  EXPECT_EQ(transfer.bytes, 10U);
  EXPECT_EQ(transfer.error, 0);
  EXPECT_EQ(calls, (std::vector<std::size_t>{0, 0, 4, 4, 8, 8}));
}

TEST(Transfer, StopsAtAnErrorKeepingWhatWasDone) {
  const Transfer transfer = transfer_fully(10, [](std::size_t done, std::size_t) {
    if (done == 0) return ssize_t{6};
    errno = EIO;
    return ssize_t{-1};
  });
  EXPECT_EQ(transfer.bytes, 6U);
  EXPECT_EQ(transfer.error, EIO);
}

TEST(Transfer, StopsWhereNothingMoves) {
  const Transfer transfer =
      transfer_fully(10, [](std::size_t done, std::size_t) { return ssize_t{done == 0 ? 3 : 0}; });
  EXPECT_EQ(transfer.bytes, 3U);
  EXPECT_EQ(transfer.error, 0);
}

TEST(Transfer, InterruptedCallIsRepeated) {
  int calls = 0;
  const int error = uninterrupted([&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 0;
  });
  EXPECT_EQ(error, 0);
  EXPECT_EQ(calls, 3);
}

TEST(SystemFiles, AFileThatIsOpenedForReadingCannotBeWritten) {
  const TempDir dir;
  write_file(dir.file("file"), "content");
  const auto file = system_files().open(dir.file("file"), OpenMode::kRead);
  const Error error = failure_of([&] { file->write_at(0, bytes_of("x")); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_EQ(content_of(dir.file("file")), "content");
}

TEST(SystemFiles, WhoCouldReadAFileMayReadWhatTakesItsPlace) {
  const TempDir dir;
  const std::string old_file = dir.file("old");
  const std::string new_file = dir.file("new");
  write_file(old_file, "old");
  write_file(new_file, "new");
  constexpr mode_t kMode = 0640;
  ASSERT_EQ(::chmod(old_file.c_str(), kMode), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(old_file.c_str(), 1, 1), 0);
  }
  system_files().copy_access(old_file, new_file);
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::stat(old_file.c_str(), &before), 0);
  ASSERT_EQ(::stat(new_file.c_str(), &after), 0);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
  system_files().copy_access(dir.file("nobody"), new_file);  // changes nothing
  system_files().copy_access(old_file, dir.file("nobody"));
}

// As acl(5) has it: a version, then a tag, the rights and an id for each.
std::vector<std::byte> access_list_for(std::uint32_t user) {
  struct Entry {
    std::uint16_t tag;
    std::uint16_t rights;
    std::uint32_t id;
  };
  constexpr std::uint32_t kVersion = 2;
  constexpr std::uint32_t kNoId = 0xFFFFFFFF;
  const std::array<Entry, 5> entries{{{0x01, 6, kNoId},    // the owner
                                      {0x02, 6, user},     // somebody named
                                      {0x04, 0, kNoId},    // the group
                                      {0x10, 6, kNoId},    // the most that a named one may
                                      {0x20, 0, kNoId}}};  // all others
  std::vector<std::byte> list(sizeof kVersion + sizeof entries);
  std::memcpy(list.data(), &kVersion, sizeof kVersion);
  std::memcpy(list.data() + sizeof kVersion, entries.data(), sizeof entries);
  return list;
}

TEST(SystemFiles, AnAccessListIsGivenOnAndOpensTheFileToNoGroup) {
  constexpr const char* kName = "system.posix_acl_access";
  const TempDir dir;
  write_file(dir.file("old"), "old");
  write_file(dir.file("new"), "new");
  ASSERT_EQ(::chmod(dir.file("new").c_str(), 0600), 0);
  const std::vector<std::byte> list = access_list_for(1);
  if (::setxattr(dir.file("old").c_str(), kName, list.data(), list.size(), 0) != 0) {
    GTEST_SKIP() << "this file system has no access lists";
  }
  system_files().copy_access(dir.file("old"), dir.file("new"));
  std::vector<std::byte> given(list.size());
  EXPECT_EQ(::getxattr(dir.file("new").c_str(), kName, given.data(), given.size()),
            static_cast<ssize_t>(list.size()));
  EXPECT_TRUE(given == list);
}

}  // namespace
}  // namespace session::io
