#pragma once
// Random JSON of every kind, the odd ones often: what the property tests throw at the converters.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/json.h"

namespace session::test {

class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) : engine_(seed) {}

  // Member names are often taken from here, so that they meet the fields of a record.
  void use_names(std::vector<std::string> names) { names_ = std::move(names); }

  [[nodiscard]] std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  [[nodiscard]] bool chance(double share) { return std::bernoulli_distribution(share)(engine_); }
  template <class Container>
  [[nodiscard]] const auto& one_of(const Container& choices) {
    return choices[below(std::size(choices))];
  }

  [[nodiscard]] convert::json::Value value(std::size_t depth = 4);
  [[nodiscard]] convert::json::Value object(std::size_t depth = 4);
  // Three hundred levels of it.
  [[nodiscard]] convert::json::Value deep();
  // Something else at one or a few random places of `value`.
  [[nodiscard]] convert::json::Value mutated(convert::json::Value value);
  [[nodiscard]] std::string lexeme();
  [[nodiscard]] std::string text();
  [[nodiscard]] std::string name();

 private:
  void mutate(convert::json::Value& value);
  std::mt19937_64 engine_;
  std::vector<std::string> names_;
};

}  // namespace session::test
