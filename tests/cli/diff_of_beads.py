#!/usr/bin/env python3
"""Whether `sessiontool diff` says of a tracker's history what its own files say.

    diff_of_beads.py SESSIONTOOL SEQUENCE.tar.zst DIRECTORY

Each file of the sequence becomes one revision. Then all neighbouring pairs and 200 random ones are
compared twice: here, as JSON by key and top-level field, and by `diff --json-lines`, whose fields
go by the names of our records. FIELDS says which field of an issue each of those comes from.
Python's standard library only; exit code 77: the sequence cannot be unpacked here.
"""

import json
import os
import random
import subprocess
import sys

# Our record's field -> the issue's. Absent here: `status_detail` and `extra`, see below.
FIELDS = {
    "title": "title",
    "description": "description",
    "details": "design",
    "acceptance": "acceptance_criteria",
    "notes": "notes",
    "status": "status",
    "priority": "priority",
    "kind": "issue_type",
    "assignee": "assignee",
    "created_by": "created_by",
    "estimated_nanos": "estimated_minutes",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "tags": "labels",
    "dependencies": "dependencies",
    "parent": "dependencies",
    "comments": "comments",
}
# What the details of a status are called depends on the status.
DETAILS = {
    "closed": {"at": "closed_at", "reason": "close_reason"},
    "tombstone": {"at": "deleted_at", "reason": "delete_reason"},
    "blocked": {"expected": "defer_until"},
    "deferred": {"expected": "defer_until"},
}


def read_issues(path):
    with open(path, encoding="utf-8") as lines:
        issues = [json.loads(line) for line in lines if line.strip()]
    return {issue["id"]: issue for issue in issues}


def top_level_changes(left, right):
    absent = object()
    return {
        name
        for name in left.keys() | right.keys()
        if left.get(name, absent) != right.get(name, absent)
    }


def expected_changes(left, right):
    """{id: (change, fields or None)}"""
    result = {}
    for key in left.keys() | right.keys():
        if key not in left:
            result[key] = ("added", None)
        elif key not in right:
            result[key] = ("removed", None)
        elif left[key] != right[key]:
            result[key] = ("changed", top_level_changes(left[key], right[key]))
    return result


def name_in_issue(path, issue):
    """Of a field on one side, whose issue is given: its top-level name, and whether it is all of it."""
    if path.startswith("extra."):
        name = path[len("extra."):].split(".")[0].split("[")[0]
        return name, path == "extra." + name
    if path.startswith("status_detail."):
        return DETAILS[issue["status"]][path[len("status_detail."):]], True
    name = path.split(".")[0].split("[")[0]
    return FIELDS[name], name == path


def told_fields(change, left, right):
    """The top-level fields of the issue that the fields of our record speak of.

    A value that one side keeps in a field of its own and the other in `extra` (the time an issue was
    closed, of one that is not closed any more) only moved in our record, and not in the issue.
    """
    values = {}  # name: ([values on the left], [values on the right])
    parts = set()
    for field in change["fields"]:
        sides = (("left", left, 0), ("right", right, 1))
        for side, issue, position in sides:
            is_there = field["change"] != ("added" if side == "left" else "removed")
            if not is_there:
                continue
            name, is_whole = name_in_issue(field["path"], issue)
            if is_whole:
                values.setdefault(name, ([], []))[position].append(field[side])
            else:
                parts.add(name)
    return parts | {name for name, (before, after) in values.items() if before != after}


def told_changes(tool, session, left_revision, right_revision, left, right):
    arguments = [tool, "diff", f"{session}@{left_revision}", f"{session}@{right_revision}",
                 "--json-lines"]
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    changes = [line for line in lines if line["type"] == "change"]
    if done.returncode != (1 if changes else 0):
        sys.exit(f"diff ended with {done.returncode}: {done.stderr}")
    result = {}
    for change in changes:
        key = change["key"]
        fields = None
        if change["change"] == "changed":
            fields = told_fields(change, left[key], right[key])
        result[key] = (change["change"], fields)
        if change["table"] != "tasks":
            sys.exit(f"a change of table {change['table']}: {key}")
    return result


def main():
    tool, sequence, directory = sys.argv[1:]
    unpacked = subprocess.run(["tar", "--zstd", "-xf", sequence, "-C", directory],
                              capture_output=True, encoding="utf-8", check=False)
    if unpacked.returncode != 0:
        print(unpacked.stderr, file=sys.stderr)
        sys.exit(77)
    files = sorted(os.path.join(folder, name)
                   for folder, _, names in os.walk(directory)
                   for name in names if name.endswith(".jsonl"))
    session = os.path.join(directory, "sequence.session")
    subprocess.run([tool, "import", "--quiet", *files, "-o", session], check=True)
    issues = [read_issues(path) for path in files]

    seed = int(os.environ.get("SESSIONTOOL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {seed} (repeat with SESSIONTOOL_SEED={seed})")
    choice = random.Random(seed)
    neighbours = [(i, i + 1) for i in range(len(files) - 1)]
    pairs = [tuple(choice.choices(range(len(files)), k=2)) for _ in range(200)]
    changed = 0
    for left, right in neighbours + pairs:
        expected = expected_changes(issues[left], issues[right])
        told = told_changes(tool, session, left + 1, right + 1, issues[left], issues[right])
        if told != expected:
            for key in sorted(told.keys() | expected.keys()):
                if told.get(key) != expected.get(key):
                    print(f"{key}: told {told.get(key)}, expected {expected.get(key)}")
            sys.exit(f"versions {left + 1} and {right + 1} are told wrong")
        changed += len(expected)
    print(f"{len(neighbours)} neighbouring and {len(pairs)} random pairs, {changed} changes of "
          "issues: all told as they are")


main()
