#!/usr/bin/env python3
"""Says whether two files of JSON lines hold the same objects: same_json.py LEFT RIGHT

The order of the lines and of an object's keys does not count. Numbers count as they are written
(1.50 is not 1.5), and so do absent, null and empty. Exit code: 0 the same, 1 not, 2 not readable.
"""

import json
import sys


class Number(str):
    """A number's own text, so that it never equals a string of the same letters."""

    def __eq__(self, other):
        return isinstance(other, Number) and str.__eq__(self, other)

    __hash__ = str.__hash__


def without_duplicates(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"a key twice in {[key for key, _ in pairs]}")
    return value


def read(path):
    records = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line, parse_int=Number, parse_float=Number,
                                    object_pairs_hook=without_duplicates)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
            if record["id"] in records:
                raise ValueError(f"{path}:{number}: {record['id']} twice")
            records[record["id"]] = record
    return records


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        left, right = (read(path) for path in sys.argv[1:])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"same_json: {error}", file=sys.stderr)
        return 2
    different = [key for key in sorted(left.keys() | right.keys())
                 if key not in left or key not in right or left[key] != right[key]]
    for key in different:
        print(f"{key}:\n  {sys.argv[1]}: {left.get(key)}\n  {sys.argv[2]}: {right.get(key)}")
    if not different:
        print(f"the same: {len(left)} objects")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
