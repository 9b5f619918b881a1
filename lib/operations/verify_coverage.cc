#include "lib/operations/verify_coverage.h"

namespace session::operations {
namespace {

class NoCoverage : public Coverage {
 public:
  explicit NoCoverage(std::uint64_t end) : end_(end) {}

  [[nodiscard]] std::vector<bool> restorable(std::span<const Span> damaged) const override {
    return std::vector<bool>(damaged.size(), false);
  }
  [[nodiscard]] std::uint64_t uncovered_bytes() const override { return end_; }
  [[nodiscard]] std::vector<Finding> findings() const override { return {}; }

 private:
  std::uint64_t end_;
};

}  // namespace

std::unique_ptr<Coverage> coverage_of(PatientFile&, std::uint64_t, const Scan&, std::uint64_t end) {
  return std::make_unique<NoCoverage>(end);
}

}  // namespace session::operations
