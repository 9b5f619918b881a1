#pragma once
// Random records of every table, made through the schema so that a new field is tested as soon as
// it exists; and keys that are hard on searches. The same seed gives the same on every machine.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "format/record.h"
#include "session/table.h"

namespace session::test {

class RandomRecord {
 public:
  explicit RandomRecord(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t number() { return engine_(); }
  [[nodiscard]] std::size_t below(std::size_t limit) { return engine_() % limit; }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }

  // Every field is set with a chance of its own, from none to all of them.
  [[nodiscard]] format::Record of(Table table);
  // One of a kind, for tests that count bytes: a value with a text of this length.
  [[nodiscard]] format::Record value(std::size_t text_bytes);
  // A record as a later version might write it: wider than any schema here.
  [[nodiscard]] format::Record wider_than_known();

  [[nodiscard]] std::string text(std::size_t size_bytes);
  // Shares its beginning with others, is the beginning of others, holds zero bytes and 0xFF, is
  // sometimes long.
  [[nodiscard]] std::string key();

 private:
  std::mt19937_64 engine_;
};

}  // namespace session::test
