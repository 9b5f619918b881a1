#include "bench/compare/comparison.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

namespace session::bench {
namespace {

// Three significant digits, none of them an exponent.
std::string figure(double value) {
  if (value == 0) return "0";
  const int before = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  std::string text(64, '\0');
  const int size =
      std::snprintf(text.data(), text.size(), "%.*f", std::clamp(3 - before, 0, 6), value);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

Scale read_scale(int argc, char** argv, const std::string& question) {
  Scale scale;
  CLI::App app(question);
  app.add_option("--tasks", scale.tasks, "tasks in a session")->check(CLI::PositiveNumber);
  app.add_option("--messages", scale.messages, "messages in a conversation")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", scale.rounds, "how often each is measured")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", scale.seconds_each, "after which one is not measured again");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return scale;
}

Comparison::Comparison(std::string title, std::string unit, Better better)
    : title_(std::move(title)), unit_(std::move(unit)), better_(better) {}

void Comparison::add(std::string name, std::function<Sample()> measure) {
  contestants_.push_back({std::move(name), std::move(measure), {}, {}});
}

void Comparison::measure(Contestant& contestant, const Scale& scale) const {
  if (!contestant.values.empty() && contestant.seconds > scale.seconds_each) return;
  const Stopwatch watch;
  const Sample sample = contestant.measure();
  contestant.seconds += watch.seconds();
  contestant.values.push_back(sample.value);
  contestant.bytes.push_back(sample.bytes);
}

void Comparison::run(const Scale& scale) {
  std::vector<std::size_t> order(contestants_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random;
  for (int round = 0; round < scale.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) measure(contestants_[i], scale);
  }
  print();
}

void Comparison::print() const {
  const bool has_bytes = std::any_of(contestants_.begin(), contestants_.end(),
                                     [](const Contestant& one) { return median(one.bytes) > 0; });
  const double ours = median(contestants_.front().values);
  std::printf("\n**%s** (%s; %s is better)\n\n", title_.c_str(), unit_.c_str(),
              better_ == Better::kLess ? "less" : "more");
  std::printf("| | median | least | most | against ours |%s n |\n", has_bytes ? " bytes |" : "");
  std::printf("| --- | ---: | ---: | ---: | ---: |%s ---: |\n", has_bytes ? " ---: |" : "");
  for (const Contestant& one : contestants_) {
    const auto [least, most] = std::minmax_element(one.values.begin(), one.values.end());
    const double middle = median(one.values);
    std::printf("| %s | %s | %s | %s | %s |", one.name.c_str(), figure(middle).c_str(),
                figure(*least).c_str(), figure(*most).c_str(), figure(middle / ours).c_str());
    if (has_bytes) std::printf(" %s |", figure(median(one.bytes)).c_str());
    std::printf(" %zu |\n", one.values.size());
  }
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double written_bytes() {
  std::ifstream io("/proc/self/io");
  for (std::string name, value; io >> name >> value;) {
    if (name == "wchar:") return std::strtod(value.c_str(), nullptr);
  }
  throw std::runtime_error("this system does not tell how many bytes a process writes");
}

}  // namespace session::bench
