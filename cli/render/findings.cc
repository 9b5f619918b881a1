#include "cli/render/findings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kRevisionsShown = 6;

Ink ink_of(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return Ink::kDim;
    case Severity::kWarning:
      return Ink::kYellow;
    case Severity::kError:
    case Severity::kCritical:
      break;
  }
  return Ink::kRed;
}

Ink ink_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClean:
    case Verdict::kTornTail:
      return Ink::kGreen;
    case Verdict::kRepairable:
      return Ink::kYellow;
    case Verdict::kLossy:
    case Verdict::kUnreadable:
      break;
  }
  return Ink::kRed;
}

std::string_view title_of(FindingLayer layer) {
  switch (layer) {
    case FindingLayer::kBytes:
      return "Bytes";
    case FindingLayer::kStructure:
      return "Structure";
    case FindingLayer::kMeaning:
      break;
  }
  return "Meaning";
}

std::string place_of(const Finding& finding) {
  std::string place;
  if (finding.offset) {
    place = "at " + std::to_string(*finding.offset);
    if (finding.length != 0) place += ", " + counted(finding.length, "byte");
  }
  if (finding.table) {
    if (!place.empty()) place += "  ";
    place += std::string(table_name(*finding.table));
  }
  if (finding.after_key) {
    place += " behind " + one_line(*finding.after_key) + " up to " + one_line(finding.key);
  } else if (!finding.key.empty()) {
    place += " " + one_line(finding.key);
  }
  return place;
}

std::string revisions_of(const Finding& finding) {
  if (finding.revisions.empty()) return {};
  std::string text = finding.revisions.size() == 1 ? "  revision " : "  revisions ";
  for (std::size_t i = 0; i < finding.revisions.size() && i < kRevisionsShown; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(finding.revisions[i]);
  }
  if (finding.revisions.size() > kRevisionsShown) {
    text += " and " + grouped(finding.revisions.size() - kRevisionsShown) + " more";
  }
  return text;
}

void write(std::ostream& out, const Style& style, const Finding& finding) {
  const std::string place = place_of(finding);
  out << "  " << style.paint(ink_of(finding.severity), severity_name(finding.severity)) << "  "
      << style.paint(Ink::kBold, finding_name(finding.code));
  if (!place.empty()) out << "  " << place;
  out << style.paint(Ink::kDim, revisions_of(finding)) << "\n"
      << "    " << one_line(finding.message) << "\n";
}

// What to do next, worst first: each command once.
std::vector<std::string> next_commands(const VerifiedFile& verified) {
  std::vector<std::string> commands;
  for (const Finding& finding : verified.findings) {
    if (finding.repair.empty()) continue;
    if (std::find(commands.begin(), commands.end(), finding.repair) == commands.end()) {
      commands.push_back(finding.repair);
    }
  }
  return commands;
}

std::string summary_of(const VerifiedFile& verified) {
  const VerifyReport& report = verified.report;
  std::string text = human_bytes(report.bytes_checked) + ", " +
                     counted(report.frames_checked, "frame") + ", " +
                     counted(report.revisions_checked, "revision") + " checked";
  if (report.tail_bytes_ignored != 0) {
    text += "; " + counted(report.tail_bytes_ignored, "byte") + " of a torn tail ignored";
  }
  if (report.errors != 0) text += "; " + counted(report.errors, "error");
  if (report.warnings != 0) text += "; " + counted(report.warnings, "warning");
  if (report.semantic_findings != 0) {
    text += "; " + counted(report.semantic_findings, "finding") + " of meaning";
  }
  return text;
}

}  // namespace

void write_findings(std::ostream& out, const Style& style, const VerifiedFile& verified) {
  constexpr std::array kLayers = {FindingLayer::kBytes, FindingLayer::kStructure,
                                  FindingLayer::kMeaning};
  for (const FindingLayer layer : kLayers) {
    bool has_title = false;
    for (const Finding& finding : verified.findings) {
      if (layer_of(finding.code) != layer) continue;
      if (!has_title) out << style.paint(Ink::kBold, title_of(layer)) << "\n";
      has_title = true;
      write(out, style, finding);
    }
  }
  if (verified.omitted != 0) {
    out << "  and " << counted(verified.omitted, "finding") << " more\n";
  }
  out << one_line(verified.file) << ": "
      << style.paint(ink_of(verified.report.verdict), verdict_name(verified.report.verdict)) << "  "
      << style.paint(Ink::kDim, summary_of(verified)) << "\n";
  for (const std::string& command : next_commands(verified)) {
    out << "  next: " << one_line(command) << "\n";
  }
}

void write_finding(Json& document, const Finding& finding, const std::string* file) {
  using Text = std::optional<std::string>;
  document.begin_object();
  if (file != nullptr) document.field("file", *file);
  document.field("severity", severity_name(finding.severity));
  document.field("code", finding_name(finding.code));
  document.field("offset", finding.offset).field("length", finding.length);
  document.field("table", finding.table ? Text(table_name(*finding.table)) : Text());
  document.field("key", finding.key.empty() ? Text() : Text(finding.key));
  document.field("after_key", finding.after_key);
  document.key("revisions").begin_array();
  for (const std::uint64_t revision : finding.revisions) document.number(revision);
  document.end_array();
  document.field("repair", finding.repair.empty() ? Text() : Text(finding.repair));
  document.field("effect", effect_name(finding.effect));
  document.field("message", finding.message).end_object();
}

}  // namespace session::cli
