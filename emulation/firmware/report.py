#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Table for the report: on how many traces host library and firmware agree, and why any was left out.

Reads what `touchstone run --engine unicorn --json` and `touchstone differential --json` printed.
"""

import argparse
import collections
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "reports"))

import fragment  # noqa: E402

COLUMNS = ["traces", ">number", ">equal", ">differ", ">skipped", ">operations", "~why skipped"]


def load(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError) as problem:
        sys.exit(f"{path}: {problem}")


def folder_of(name):
    return name.rpartition("/")[0] or "."


def row(name, verdicts, steps, reasons):
    total = sum(verdicts.values())
    status = "failed" if verdicts["differs"] or verdicts["error"] else "passed"
    cells = [name, total, verdicts["equal"], verdicts["differs"], verdicts["skipped"], steps, "; ".join(sorted(reasons))]
    return {"cells": cells, "status": status}


def corpus_rows(run):
    folders = collections.defaultdict(list)
    for entry in run["files"]:
        folders[folder_of(entry["file"])].append(entry)
    for name, entries in sorted(folders.items()):
        verdicts = collections.Counter(entry["verdict"] for entry in entries)
        reasons = {entry["reason"] for entry in entries if entry["verdict"] == "skipped"}
        yield row(name, verdicts, sum(entry["steps"] for entry in entries), reasons)


def generated_row(result):
    verdicts = collections.Counter(equal=result["equal"], differs=result["differ"], skipped=result["skipped"])
    name = f"{result['generated']} generated from {result['seeds']} seeds, with these, seed {result['seed']}"
    return row(name, verdicts, result["steps"], set())


def differences(run):
    for entry in run["files"]:
        if entry["verdict"] == "differs":
            yield f"{entry['file']}: step {entry['step']}, {entry['operation']}: {entry['field']}"


def table(run, generated):
    rows = list(corpus_rows(run)) + [generated_row(generated)]
    notes = ["Compared after every operation: what the acting agent saw, all registers, TLB and PMP of every hart, all state of "
             "the monitor, all memory that was written."]
    return fragment.table("engines", "Library and firmware", "Does the binary that ships do what the library does that was fuzzed?",
                          "ci/replay-firmware", COLUMNS, rows, run["differ"] + generated["differ"],
                          notes + list(differences(run)), passed=run["equal"] + generated["equal"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="output of touchstone run --engine unicorn --json")
    parser.add_argument("differential", help="output of touchstone differential --json")
    parser.add_argument("-o", required=True, metavar="FILE", help="where the table goes")
    options = parser.parse_args()
    result = table(load(options.run), load(options.differential))
    fragment.write(options.o, result)
    for entry in result["rows"]:
        name, total, equal, differ, skipped, steps, why = entry["cells"]
        text = f"{name}: {total} traces, {equal} equal, {differ} differ, {skipped} skipped, {steps} operations"
        print(f"{text}; skipped: {why}" if why else text)
    for note in result["notes"][1:]:
        print(note)


if __name__ == "__main__":
    main()
