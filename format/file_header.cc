#include "format/file_header.h"

#include <algorithm>
#include <string>

#include "format/checksum.h"

namespace session::format {
namespace {

constexpr std::size_t kHashAt = 56;

Damage header_damage(DamageKind kind, std::string detail) {
  return {0, kFileHeaderBytes, kind, std::move(detail)};
}

bool is_target(std::uint8_t log2) {
  return log2 >= kMinTargetLog2 && log2 <= kMaxTargetLog2;
}

void refuse_other_major(std::uint16_t major) {
  if (major == kMajorVersion) return;
  const std::string number = std::to_string(major);
  throw Error(ErrorCode::kNewerVersion,
              "session format " + number + " needs a sessiontool that knows format " + number +
                  "; this one reads format " + std::to_string(kMajorVersion));
}

}  // namespace

std::uint64_t FileHeader::tag() const {
  return xxh3_64(file_id);
}

std::array<std::byte, kFileHeaderBytes> encode(const FileHeader& header) {
  std::array<std::byte, kFileHeaderBytes> bytes{};
  std::transform(kFileMagic.begin(), kFileMagic.end(), bytes.begin(),
                 [](std::uint8_t b) { return std::byte{b}; });
  store(bytes, 8, header.major);
  store(bytes, 10, header.minor);
  store(bytes, 12, header.leaf_target_log2);
  store(bytes, 13, header.index_target_log2);
  std::copy(header.file_id.begin(), header.file_id.end(), bytes.begin() + 16);
  store(bytes, 32, static_cast<std::uint64_t>(header.created_nanos));
  store(bytes, kHashAt, xxh3_64(Bytes(bytes).first(kHashAt)));
  return bytes;
}

OrDamage<FileHeader> decode_file_header(Bytes bytes) {
  if (bytes.size() < kFileHeaderBytes) {
    return header_damage(DamageKind::kBeyondEnd, "the file is shorter than its header");
  }
  bytes = bytes.first(kFileHeaderBytes);
  const bool has_magic =
      std::equal(kFileMagic.begin(), kFileMagic.end(), bytes.begin(),
                 [](std::uint8_t want, std::byte have) { return std::byte{want} == have; });
  const bool hash_fits = load<std::uint64_t>(bytes, kHashAt) == xxh3_64(bytes.first(kHashAt));
  if (!has_magic) return header_damage(DamageKind::kMagic, "the file header's magic is not there");
  if (!hash_fits) {
    return header_damage(DamageKind::kHeaderHash, "the file header does not hash to what it says");
  }
  refuse_other_major(load<std::uint16_t>(bytes, 8));

  FileHeader header;
  header.major = load<std::uint16_t>(bytes, 8);
  header.minor = load<std::uint16_t>(bytes, 10);
  header.leaf_target_log2 = load<std::uint8_t>(bytes, 12);
  header.index_target_log2 = load<std::uint8_t>(bytes, 13);
  std::copy_n(bytes.begin() + 16, header.file_id.size(), header.file_id.begin());
  header.created_nanos = static_cast<std::int64_t>(load<std::uint64_t>(bytes, 32));
  if (!is_target(header.leaf_target_log2) || !is_target(header.index_target_log2)) {
    return header_damage(DamageKind::kHeaderField, "the page targets are out of range");
  }
  if (!all_zero(bytes.subspan(14, 2)) || !all_zero(bytes.subspan(40, 16))) {
    return header_damage(DamageKind::kPadding, "the file header's reserved bytes are not zero");
  }
  return header;
}

}  // namespace session::format
