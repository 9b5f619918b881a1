#pragma once
// What differs between two revisions, for a person: tasks as a tree beneath the titles of their
// parents, fields as before → after, long texts line by line. "+" was added, "-" removed, "~"
// changed.

#include <cstddef>
#include <ostream>
#include <string>

#include "cli/render/style.h"
#include "session/diff.h"

namespace session::cli {

class DiffText {
 public:
  struct Side {
    const std::string& file;
    const RevisionInfo& revision;
  };

  // `columns`: of the output; 0: lines are as long as they are.
  DiffText(std::ostream& out, const Style& style, std::size_t columns)
      : out_(out), style_(style), columns_(columns) {}

  void head(const Side& left, const Side& right);
  // How many of each table; or that there is nothing.
  void counts(const DiffSummary& summary);
  void changes(const Diff& difference);

 private:
  void line(const RecordChange& change, const Diff& difference);

  std::ostream& out_;
  Style style_;
  std::size_t columns_;
};

}  // namespace session::cli
