#pragma once
// Work in other processes.

#include <string>
#include <vector>

namespace session::bench {

// What a program that calls tell_seconds() told. Throws if it fails.
[[nodiscard]] double seconds_told_by(const std::vector<std::string>& command);
void tell_seconds(double seconds);

// Seconds from starting a program until its end, its output thrown away. Throws unless it ends with
// one of `good` codes.
[[nodiscard]] double seconds_of_program(const std::vector<std::string>& command,
                                        const std::vector<int>& good = {0});

// Whether a program of that name is in the search path.
[[nodiscard]] bool has_program(const std::string& name);

}  // namespace session::bench
