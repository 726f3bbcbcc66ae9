# SPDX-License-Identifier: Apache-2.0
"""The record of `touchstone plants --reproduce`: one line per plant in a table of tab-separated columns, with the commit and
machine that each line was measured on. A plant is measured again when the harness, its patch or its witness has changed.
"""

import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "reports"))

import files  # noqa: E402
import fragment  # noqa: E402

TIMES = 20
MORE_ALLOWED = 3
FACTS = ("plant", "commit", "machine", "patch", "witness_file")  # what a line is about
NUMBERS = ("operations", "short", "witness", "executions", "text", "binary", "c", "firmware")  # or "-"
COLUMNS = FACTS + ("engine", "finding") + NUMBERS + ("status",)
STATES = ("passed", "failed")


class BadRecord(Exception):
    """The record has a line that is none; the text names it."""


def read(path):
    """Lines by plant as dicts; {} when there is no record yet."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return {}
    if not lines or lines[0] != "\t".join(COLUMNS):
        raise BadRecord(f"{path}, line 1: not the heading of a record of reproductions")
    rows = {}
    for number, line in enumerate(lines[1:], 2):
        row = dict(zip(COLUMNS, line.split("\t")))
        if line.count("\t") != len(COLUMNS) - 1 or not all(row.values()) or row["status"] not in STATES or \
                not all(re.fullmatch(r"\d+|-", row[name]) for name in NUMBERS):
            raise BadRecord(f"{path}, line {number}: not {len(COLUMNS)} columns of a reproduction")
        if row["plant"] in rows:
            raise BadRecord(f"{path}, line {number}: {row['plant']} for the second time")
        rows[row["plant"]] = row
    return rows


def write(path, rows):
    """The whole record at once, sorted by plant."""
    lines = ["\t".join(COLUMNS)]
    for _, row in sorted(rows.items()):
        lines.append("\t".join(re.sub(r"\s+", " ", str(row[name])) for name in COLUMNS))
    files.write_whole(path, "\n".join(lines) + "\n")


def same_subject(row, facts):
    """Is this line about the same patch, witness and commit?"""
    return row is not None and all(row[name] == facts[name] for name in FACTS if name != "machine")


def table(rows, stale=(), unknown=()):
    """The table for the report. `stale`: plants whose patch or witness is another one by now; `unknown`: those not measured yet."""
    lines = []
    for name, row in sorted(rows.items()):
        cells = [name, row["finding"], row["engine"], *(int(row[key]) if str(row[key]).isdigit() else row[key] for key in NUMBERS)]
        lines.append({"cells": cells, "status": "skipped" if name in stale else row["status"]})
    commits = sorted({row["commit"] for row in rows.values()})
    notes = [f"made short: at most {MORE_ALLOWED} operations more than the witness beside the patch",
             f"text, binary, C, firmware: of {TIMES} runs in new processes, how many were the same finding; what no trace can show is "
             "shown by the replay of the firmware's world switch, and what only an expectation sees by the witness itself",
             f"Measured on {', '.join(sorted({row['machine'] for row in rows.values()}))}, commits {', '.join(commits)}."]
    if stale:
        notes.append(f"Patch or witness changed since, to be measured again: {', '.join(sorted(stale))}.")
    if unknown:
        notes.append(f"Not measured yet: {', '.join(unknown)}.")
    return fragment.table(
        "reproduce", "Plants, found and shown again",
        "Is what the harness finds short, and does it happen again each time, in each form?",
        "ci/touchstone plants --reproduce --record reports/reproduce.tsv",
        ["plant", "finding", "found with", ">operations", ">made short", ">witness", ">executions", ">text", ">binary", ">C", ">firmware"],
        lines, None, notes)
