#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is each known kind of defect planted, or is there a reason why not? Checks bank.tsv against the patches beside it.

Exit codes: 0 they agree; 1 they do not, with a line for each mistake; 2 the table cannot be read.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
STATES = ("plant", "none", "later")


def mistakes(path, folder):
    found, seen = [], set()
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        where = f"{path}, line {number}"
        if not re.fullmatch(r"[A-Z]\d\d", fields[0]) or len(fields) > 3 or fields[1:2] == [] or fields[1] not in STATES:
            found.append(f"{where}: not an id, one of {', '.join(STATES)}, and a reason")
            continue
        if fields[0] in seen:
            found.append(f"{where}: {fields[0]} for the second time")
        seen.add(fields[0])
        patch = os.path.exists(os.path.join(folder, fields[0] + ".patch"))
        if fields[1] == "plant" and not patch:
            found.append(f"{where}: there is no {fields[0]}.patch")
        if fields[1] != "plant" and patch:
            found.append(f"{where}: there is a {fields[0]}.patch")
        if fields[1] != "plant" and len("".join(fields[2:]).strip()) < 20:
            found.append(f"{where}: no reason")
    return found


def main():
    path = sys.argv[1] if len(sys.argv) == 2 else os.path.join(HERE, "bank.tsv")
    try:
        found = mistakes(path, HERE)
    except (OSError, UnicodeDecodeError) as problem:
        print(f"bank.py: {problem}", file=sys.stderr)
        return 2
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
