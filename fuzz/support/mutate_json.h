#pragma once
// Mutations that know what a source is made of: JSON, as one document or one value a line, with
// other bytes between them perhaps. Bytes changed at random would mostly test the parser.

#include <cstddef>
#include <cstdint>

namespace session::fuzz {

// What LLVMFuzzerCustomMutator asks for. Most results are JSON again, some are not.
[[nodiscard]] std::size_t mutate_source(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                        unsigned seed);

}  // namespace session::fuzz
