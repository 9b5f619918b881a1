#include "format/compression.h"

#include <zstd.h>

#include <memory>
#include <new>

#include "session/error.h"

namespace session::format {
namespace {

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// A context is a few hundred KiB of tables: one per thread instead of one per frame.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

}  // namespace

std::optional<std::vector<std::byte>> compress(Bytes raw, int level) {
  std::vector<std::byte> out(raw.size() - raw.size() / 8);
  const std::size_t size =
      ZSTD_compressCCtx(compressor(), out.data(), out.size(), raw.data(), raw.size(), level);
  if (ZSTD_isError(size) != 0) return std::nullopt;  // it did not fit: not worth it
  out.resize(size);
  return out;
}

bool decompress(Bytes stored, std::span<std::byte> out) {
  const std::size_t size =
      ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), stored.data(), stored.size());
  return ZSTD_isError(size) == 0 && size == out.size();
}

}  // namespace session::format
