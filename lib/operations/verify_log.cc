#include "lib/operations/verify_log.h"

#include <algorithm>
#include <utility>

namespace session::operations {
FindingLog::FindingLog(const std::string& path, const VerifyOptions& options)
    : quoted_path_(shell_quoted(path)), options_(options) {}

Finding FindingLog::make(FindingCode code, FindingEffect effect, std::string message) {
  Finding finding;
  finding.code = code;
  finding.severity = finding_kinds().at(static_cast<std::size_t>(code)).severity;
  finding.effect = effect;
  finding.message = std::move(message);
  return finding;
}

std::string FindingLog::command_for(const Finding& finding) const {
  std::string repair = "sessiontool repair " + quoted_path_;
  if (layer_of(finding.code) == FindingLayer::kMeaning) {
    return is_correctable(finding.code) ? repair + " --fix-semantics" : std::string();
  }
  if (finding.code == FindingCode::kTornTail) return repair;
  switch (finding.effect) {
    case FindingEffect::kNone:
      return {};
    case FindingEffect::kRestorable:
      return repair;
    case FindingEffect::kLoss:
      break;
  }
  return repair + " --accept-loss";
}

void FindingLog::add(Finding finding) {
  if (finding.repair.empty()) finding.repair = command_for(finding);
  if (finding.revisions.size() > kMaxRevisionsNamed) finding.revisions.resize(kMaxRevisionsNamed);
  ++findings_;
  if (finding.severity >= Severity::kError) ++errors_;
  if (finding.severity == Severity::kWarning) ++warnings_;
  if (layer_of(finding.code) == FindingLayer::kMeaning) {
    // What is only remarked on is no defect.
    if (finding.severity != Severity::kInfo) ++semantic_;
  } else {
    worst_ = std::max(worst_, finding.effect);
  }
  if (options_.on_finding) options_.on_finding(finding);
}

void FindingLog::count_into(VerifyReport& report) const {
  report.findings = findings_;
  report.semantic_findings = semantic_;
  report.errors = errors_;
  report.warnings = warnings_;
}

FindingCode code_of(format::DamageKind kind) {
  return finding_from_name(format::damage_name(kind)).value();
}

std::string shell_quoted(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=,:@%";
  const bool is_plain =
      !text.empty() && text.front() != '-' && text.find_first_not_of(kPlain) == std::string::npos;
  if (is_plain) return text;
  std::string quoted = text.starts_with('-') ? "'./" : "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace session::operations
