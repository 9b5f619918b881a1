#include "lib/io/renames.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "lib/io/system_error.h"

namespace session::io {
namespace {

Error rename_error(int error, const std::string& from, const std::string& to) {
  if (error == EEXIST) return system_error(error, "cannot put " + from + " in its place", to);
  return system_error(error, "cannot rename it to " + to, from);
}

}  // namespace

void rename_by_link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) throw rename_error(errno, from, to);
  if (::unlink(from.c_str()) != 0) {
    const int error = errno;
    ::unlink(to.c_str());
    throw rename_error(error, from, to);
  }
}

void rename_to_free_name(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno != ENOSYS && errno != EINVAL) throw rename_error(errno, from, to);
  rename_by_link(from, to);
}

void exchange_names(const std::string& one, const std::string& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != ENOSYS && errno != EINVAL) throw rename_error(errno, one, other);
  exchange_by_third_name(one, other);
}

void exchange_by_third_name(const std::string& one, const std::string& other) {
  const std::string aside = one + ".exchanged";
  // With a second name for a moment `other` is never missing.
  if (::link(other.c_str(), aside.c_str()) == 0) {
    if (::rename(one.c_str(), other.c_str()) != 0) {
      const int error = errno;
      ::unlink(aside.c_str());
      throw rename_error(error, one, other);
    }
  } else {
    rename_to_free_name(other, aside);
    rename_to_free_name(one, other);
  }
  rename_to_free_name(aside, one);
}

}  // namespace session::io
