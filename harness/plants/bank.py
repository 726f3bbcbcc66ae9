#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is each known kind of defect planted, or is there a reason why not? Checks bank.tsv against the patches beside it, and that each
patch has a witness: <ID>.witness.trace, or a header that says why no trace can show it and what does.

Exit codes: 0 they agree; 1 they do not, with a line for each mistake; 2 the table cannot be read.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import planting  # noqa: E402
import reproduce  # noqa: E402

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


def without_witness(folder):
    found = []
    patches = sorted(name for name in os.listdir(folder) if name.endswith(".patch"))
    traces = {name for name in os.listdir(folder) if name.endswith(".witness.trace")}
    for name in patches:
        plant = planting.Plant(os.path.join(folder, name))
        witness = reproduce.witness_path(plant)
        there, reason = os.path.basename(witness) in traces, reproduce.witness_reason(plant)
        traces.discard(os.path.basename(witness))
        if there and "Witness" in plant.header:
            found.append(f"{plant.path}: has a witness, and a header that says why it has none")
        elif there and not reproduce.begins_with_comment(witness):
            found.append(f"{witness}: does not begin with a comment that says what happens")
        elif not there and reason is None:
            found.append(f"{plant.path}: no witness beside it, and no header \"Witness: switch: why\"")
    return found + [f"{os.path.join(folder, name)}: a witness of no plant" for name in sorted(traces)]


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "bank.tsv")
    folder = sys.argv[2] if len(sys.argv) > 2 else HERE
    try:
        found = mistakes(path, folder) + without_witness(folder)
    except (OSError, UnicodeDecodeError) as problem:
        print(f"bank.py: {problem}", file=sys.stderr)
        return 2
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
