// What does parity cost on one core: to make it (protect), and to use it (a damaged file restored)?
//
// Expectation: 233 + 14 blocks are 14 multiplications of each byte, three passes of ISA-L's five or
// six outputs over data that stays in the second-level cache: 2 to 5 GB/s; hashing and reading take
// 0.1 ns a byte each. Checking is reading and hashing alone: near the speed of memory. Restoring a
// burst of 5 % touches every stripe: a check, and encoding once more.

#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <vector>

#include "format/frame.h"
#include "format/parity_code.h"

namespace session::bench {
namespace {

using format::ParityGroup;

constexpr std::uint64_t kTag = 1;

struct Sample {
  std::vector<std::byte> bytes;
  ParityGroup group;

  explicit Sample(std::uint64_t size, std::uint32_t percent)
      : bytes(size), group(format::plan_parity(0, size, size, percent)) {
    std::mt19937_64 random(1);
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
      format::store(std::span(bytes), at, std::uint64_t{random()});
    }
  }
  [[nodiscard]] format::ReadAt reader() const {
    return [this](std::uint64_t offset, std::span<std::byte> into) {
      std::memcpy(into.data(), bytes.data() + offset, into.size());
    };
  }
  [[nodiscard]] format::WriteAt writer() {
    return [this](std::uint64_t offset, format::Bytes from) {
      std::memcpy(bytes.data() + offset, from.data(), from.size());
    };
  }
  void protect() {
    const auto stream = format::encode_parity(group, reader());
    for (std::uint32_t index = 0; index < group.frames(); ++index) {
      std::vector<std::byte> frame;
      (void)format::append_frame(frame, bytes.size(), format::FrameKind::kParity, group.home, kTag,
                                 format::parity_payload(group, kTag, stream, index));
      bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
  }
};

constexpr std::int64_t kFileBytes = 64 << 20;

void EncodeParity(benchmark::State& state) {
  const Sample sample(kFileBytes, static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(format::encode_parity(sample.group, sample.reader()));
  }
  state.SetBytesProcessed(state.iterations() * kFileBytes);
}

void CheckParity(benchmark::State& state) {
  Sample sample(kFileBytes, 6);
  sample.protect();
  for (auto _ : state) {
    const format::ParityCheck check(sample.group, kTag, sample.reader());
    if (!check.is_clean()) state.SkipWithError("damaged");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sample.bytes.size()));
}

// Five percent of the file in one piece.
void RestoreBurst(benchmark::State& state) {
  Sample sample(kFileBytes, 6);
  sample.protect();
  for (auto _ : state) {
    state.PauseTiming();
    std::memset(sample.bytes.data() + kFileBytes / 3, 0x5A, kFileBytes / 20);
    state.ResumeTiming();
    format::ParityCheck check(sample.group, kTag, sample.reader());
    if (!check.restore(sample.writer()).empty()) state.SkipWithError("not restored");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sample.bytes.size()));
}

BENCHMARK(EncodeParity)->ArgName("percent")->Arg(1)->Arg(6)->Arg(20)->Unit(benchmark::kMillisecond);
BENCHMARK(CheckParity)->Unit(benchmark::kMillisecond);
BENCHMARK(RestoreBurst)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace session::bench
