#include "lib/io/mapping.h"

#include <sys/stat.h>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>
#include <limits>

#include "lib/io/system_error.h"

namespace session::io {
namespace {

namespace bip = boost::interprocess;

// Boost's own file_mapping opens a file by its name, and by then the name may lead to another file:
// a compactor renames. A mapped_region takes anything that shows a handle, so we show ours.
class OpenFileHandle {
 public:
  explicit OpenFileHandle(int descriptor) : descriptor_(descriptor) {}
  [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const { return {descriptor_, false}; }

 private:
  int descriptor_;
};

class MappedFile : public Mapping {
 public:
  MappedFile(int descriptor, std::size_t size_bytes)
      : region_(OpenFileHandle(descriptor), bip::read_only, 0, size_bytes) {
    bytes_ = {static_cast<const std::byte*>(region_.get_address()), region_.get_size()};
  }

 private:
  bip::mapped_region region_;
};

// Of nothing: Boost takes size 0 for "the whole file", and the system refuses to map it.
class EmptyMapping : public Mapping {};

}  // namespace

std::shared_ptr<const Mapping> map_descriptor(int descriptor, const std::string& path,
                                              std::uint64_t size_bytes) {
  if (size_bytes == 0) return std::make_shared<EmptyMapping>();
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw system_error(errno, "cannot map the file", path);
  // Beyond the end, touching the memory would kill the process with SIGBUS.
  if (size_bytes > static_cast<std::uint64_t>(status.st_size)) {
    throw Error(ErrorCode::kIo,
                "cannot map " + std::to_string(size_bytes) + " bytes: the file has only " +
                    std::to_string(status.st_size) + "; it was cut short by another program",
                path);
  }
  if (size_bytes > std::numeric_limits<std::size_t>::max()) {
    throw system_error(ENOMEM, "cannot map the file", path);
  }
  try {
    return std::make_shared<MappedFile>(descriptor, static_cast<std::size_t>(size_bytes));
  } catch (const bip::interprocess_exception& failure) {
    throw system_error(failure.get_native_error(), "cannot map the file", path);
  }
}

}  // namespace session::io
