// What became of a session: which of its bytes are damaged now and what that costs, and what was
// lost before, as its own records of recoveries tell it.
//
//   losses FILE
//
// Exit code 0: nothing is or was lost; 1: something.

#include <ctime>
#include <iostream>
#include <string>
#include <string_view>

#include "session/reader.h"
#include "session/verify.h"

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::string day(std::int64_t nanos) {
  const std::time_t seconds = nanos / kNanosPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string text(sizeof "2026-11-22 10:00", '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts));
  return text;
}

// Every frame, link and count. True if something cannot be brought back.
bool print_damage(const std::string& path) {
  session::VerifyOptions options;
  bool is_lost = false;
  options.on_finding = [&](const session::Finding& finding) {
    if (finding.effect == session::FindingEffect::kNone) return;
    is_lost |= finding.effect == session::FindingEffect::kLoss;
    std::cout << "damaged: " << finding.message;
    if (finding.table) std::cout << " (" << session::table_name(*finding.table) << ")";
    if (!finding.repair.empty()) std::cout << "; " << finding.repair;
    std::cout << '\n';
  };
  const session::VerifyReport report = session::verify(path, options);
  std::cout << path << " is " << session::verdict_name(report.verdict) << '\n';
  return is_lost;
}

bool print_recoveries(const std::string& path) {
  bool is_lost = false;
  const session::Snapshot head = session::Reader::open(path).head();
  for (const auto& recovery : head.all<session::schema::Recovery>()) {
    std::cout << day(recovery->getTime()) << ": " << recovery->getReason().cStr() << "; "
              << recovery->getMethod().cStr() << '\n';
    for (const auto lost : recovery->getLost()) {
      std::cout << "  lost: " << lost.cStr() << '\n';
      is_lost = true;
    }
    if (recovery->getPreservedAs().size() == 0) continue;
    std::cout << "  kept as " << recovery->getPreservedAs().cStr() << '\n';
  }
  return is_lost;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: losses FILE\n";
    return 2;
  }
  try {
    bool is_lost = print_damage(argv[1]);
    is_lost |= print_recoveries(argv[1]);
    return is_lost ? 1 : 0;
  } catch (const std::exception& error) {  // too little is left to be read: repair comes first
    std::cerr << error.what() << '\n';
    return 1;
  }
}
