#pragma once
// A writer's life, decided byte by byte, beside a model of what it must lead to: the content of
// every revision as a map, and the newest revision that may not be lost any more. The disk is
// simulated and loses power when the bytes say so.
//
// The bytes: first the shape of the file, then one operation after the other, each with what it
// needs. Behind their end every decision is 0. Ends the process when the session and the model
// disagree.

#include <cstddef>
#include <cstdint>

namespace session::fuzz {

void check_against_model(const std::uint8_t* data, std::size_t size);

}  // namespace session::fuzz
