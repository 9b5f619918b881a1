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

// Of calls that can only fail for want of memory.
void require_done(std::size_t result) {
  if (ZSTD_isError(result) != 0) throw std::bad_alloc();
}

// A prefix is raw bytes whatever they look like, and forgotten behind the frame.
std::size_t compress_behind(Bytes prefix, Bytes raw, int level, std::span<std::byte> out) {
  ZSTD_CCtx* const context = compressor();
  require_done(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters));
  require_done(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level));
  require_done(ZSTD_CCtx_refPrefix(context, prefix.data(), prefix.size()));
  return ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size());
}

}  // namespace

std::optional<std::vector<std::byte>> compress(Bytes raw, int level, Bytes prefix) {
  std::vector<std::byte> out(raw.size() - raw.size() / 8);
  const std::size_t size = prefix.empty() ? ZSTD_compressCCtx(compressor(), out.data(), out.size(),
                                                              raw.data(), raw.size(), level)
                                          : compress_behind(prefix, raw, level, out);
  if (ZSTD_isError(size) != 0) return std::nullopt;  // it did not fit: not worth it
  out.resize(size);
  return out;
}

bool is_one_frame(Bytes stored) {
  return ZSTD_findFrameCompressedSize(stored.data(), stored.size()) == stored.size();
}

bool decompress(Bytes stored, std::span<std::byte> out, Bytes prefix) {
  ZSTD_DCtx* const context = decompressor();
  if (!prefix.empty()) require_done(ZSTD_DCtx_refPrefix(context, prefix.data(), prefix.size()));
  const std::size_t size =
      ZSTD_decompressDCtx(context, out.data(), out.size(), stored.data(), stored.size());
  return ZSTD_isError(size) == 0 && size == out.size();
}

}  // namespace session::format
