#pragma once
// Mutations that know what a session file is made of: words of Cap'n Proto messages, frames that
// stand at multiples of 64. Bytes inserted at random would only ever test the first check.

#include <cstddef>
#include <cstdint>

namespace session::fuzz {

// What LLVMFuzzerCustomMutator asks for. Most results have right checksums, some do not.
[[nodiscard]] std::size_t mutate_file(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                      unsigned seed);
// The same for bytes that are words of one message.
[[nodiscard]] std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                         unsigned seed);

}  // namespace session::fuzz
