# SPDX-License-Identifier: Apache-2.0
"""How the writers of this folder touch the disk.

A file appears whole or not at all: it is written under another name and renamed. The history is one line of JSON per
report and only grows.
"""

import json
import os
import tempfile


def write_whole(path, text):
    """Writes `text` to `path` so that a reader sees the old file or the new one, never half of either."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def to_json(document):
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def history_line(results):
    """What is remembered of a report after the next one has replaced it."""
    totals = results["totals"]
    return {
        "generated": results["generated"],
        "commit": results["project"]["commit"],
        "modified": results["project"]["modified"],
        "verdict": results["verdict"]["state"],
        "missing": results["missing"],
        "executions": totals["executions"],
        "edges": max((fuzz["edges"] for fuzz in results["fuzz"]), default=0),
        "findings": (totals["open_findings"] or totals["fuzz_findings"]) + totals["switch_violations"],
        "coverage_percent": totals["coverage_percent"],
        "plants": totals["plants"],
        "plants_detected": totals["plants_detected"],
    }


def append_history(path, line):
    """Adds one line. Lines of the file that cannot be read are left as they are."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    data = json.dumps(line, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"  # an earlier writer was killed in the middle
        os.write(handle, b"\n" + data if torn else data)
    finally:
        os.close(handle)


def read_history(path, count):
    """The last `count` readable lines, oldest first."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("generated"), str):
            entries.append(entry)
    return entries[-count:]
