#include "lib/io/system_error.h"

#include <cerrno>
#include <system_error>

namespace session::io {
namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kExists;
    default:
      return ErrorCode::kIo;
  }
}

std::string_view hint_for(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EEXIST:
      return "nothing was overwritten; choose another name";
    case ENOSPC:
      return "free some space on that file system and try again";
    case EDQUOT:
      return "free some of your quota and try again";
    case EFBIG:
      return "the file would exceed what this file system or `ulimit -f` allows";
    case EACCES:
    case EPERM:
      return "check the owner and the permissions of the file and its directory";
    case EROFS:
      return "work on a copy in a writable place";
    case EIO:
      return "the storage failed; copy the file elsewhere and run `verify` on the copy";
    case EMFILE:
    case ENFILE:
      return "close some files or raise `ulimit -n`";
    case ENOMEM:
      return "free some memory, or raise `ulimit -v` if it is set";
    case ENOLCK:
    case EOPNOTSUPP:
      return "this file system may not support it; work on a copy on a local disk";
    case ELOOP:
      return "it is, or leads through, symbolic links that cannot be followed here";
    case EXDEV:
      return "both names must be on one file system";
    case ESTALE:
      return "the network file system lost the file; open it again";
    default:
      return {};
  }
}

}  // namespace

Error system_error(int error, std::string_view action, const std::string& path,
                   std::optional<std::uint64_t> offset) {
  std::string text(action);
  text += ": " + std::generic_category().message(error);
  if (const std::string_view hint = hint_for(error); !hint.empty()) {
    text += "; ";
    text += hint;
  }
  return {code_of(error), text, path, offset};
}

}  // namespace session::io
