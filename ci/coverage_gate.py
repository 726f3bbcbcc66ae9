# SPDX-License-Identifier: Apache-2.0
"""The judgement behind ci/coverage: floors for lines and branches, and a reason for every line that no seed reaches.

ci/uncovered.txt names such a line by file, function and text, not by number, so that it stays valid while code moves:

    monitor/core/boot.c: monitor_boot_hart: return false;
        Only when the hardware does not take the PMP configuration, and the simulated machine always does.

A line that is missed and has no entry fails, and so does an entry whose line is reached, gone or repeated in vain.

    python3 ci/coverage_gate.py PROFILE-FOLDER FRAGMENT ROOT LINE-FLOOR BRANCH-FLOOR
"""

import collections
import json
import os
import re
import sys

GATED = ("monitor/core/", "monitor/host_flow/", "monitor/guest_flow/", "monitor/crossing/")
REASONS = "ci/uncovered.txt"
SHOWN = re.compile(r"^\s*(\d+)\|\s*([\d.]+[kMGTE]?)\|(.*)$")
SPACES = re.compile(r"\s+")


def read_reasons(path):
    """{(file, function, text): reason}; complains about what cannot be read."""
    reasons, mistakes, key = {}, [], None
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                if key is None:
                    mistakes.append(f"{path}:{number}: a reason without a line above it")
                else:
                    reasons[key] = (reasons[key] + " " + line.strip()).strip()
                continue
            parts = line.strip().split(": ", 2)
            if len(parts) != 3:
                mistakes.append(f"{path}:{number}: expected 'file: function: text'")
                continue
            key = tuple(parts)
            if key in reasons:
                mistakes.append(f"{path}:{number}: is there twice")
            reasons[key] = ""
    mistakes += [f"{path}: no reason for {': '.join(key)}" for key, reason in reasons.items() if not reason]
    return reasons, mistakes


def functions_of(exported, root):
    """Per file, the ranges of lines of its functions."""
    found = collections.defaultdict(list)
    for function in exported["functions"]:
        name = function["name"].rsplit(":", 1)[-1]
        first = function["regions"][0]
        found[os.path.relpath(function["filenames"][0], root)].append((first[0], first[2], name))
    return found


def missed_lines(folder, exported, root):
    """(file, function, text) of every line with code that was never executed, in order."""
    functions, missed, name = functions_of(exported, root), [], None
    with open(os.path.join(folder, "lines.txt"), encoding="utf-8") as stream:
        for line in stream:
            if line.rstrip("\n").endswith((".c:", ".h:")):
                name = os.path.relpath(line.strip()[:-1], root)
                continue
            shown = SHOWN.match(line)
            if not shown or shown.group(2) != "0" or not name.startswith(GATED):
                continue
            number, text = int(shown.group(1)), SPACES.sub(" ", shown.group(3)).strip()
            # Braces do nothing, and lines of the preprocessor stand for code that is counted where it ends up.
            if text in ("", "{", "}", "else", "} else {") or text.startswith("#"):
                continue
            owners = [f for first, last, f in functions.get(name, ()) if first <= number <= last]
            missed.append((name, owners[0] if owners else "?", text))
    return missed


def share(part, whole):
    return 100.0 * part / whole if whole else 0.0


def main():
    folder, fragment, root, floor, branch_floor = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
    with open(os.path.join(folder, "export.json"), encoding="utf-8") as stream:
        exported = json.load(stream)["data"][0]
    files = []
    for entry in exported["files"]:
        lines, branches = entry["summary"]["lines"], entry["summary"].get("branches", {"count": 0, "covered": 0})
        files.append(
            {
                "file": os.path.relpath(entry["filename"], root),
                "lines": lines["count"],
                "covered": lines["covered"],
                "branches": branches["count"],
                "branches_covered": branches["covered"],
            }
        )
    files.sort(key=lambda entry: entry["file"])
    counted = [entry for entry in files if entry["file"].startswith(GATED)]
    total = {key: sum(entry[key] for entry in counted) for key in ("lines", "covered", "branches", "branches_covered")}
    percent, taken = share(total["covered"], total["lines"]), share(total["branches_covered"], total["branches"])

    reasons, mistakes = read_reasons(os.path.join(root, REASONS))
    missed = missed_lines(folder, exported, root)
    for key in dict.fromkeys(missed):
        if key not in reasons:
            mistakes.append(f"not covered, and not in {REASONS}: {': '.join(key)}")
    for key in reasons:
        if key not in missed:
            mistakes.append(f"in {REASONS}, but covered or gone: {': '.join(key)}")

    for entry in files:
        print(f'{share(entry["covered"], entry["lines"]):6.1f} %  {entry["covered"]:5}/{entry["lines"]:<5}  {entry["file"]}')
    print(f'{percent:6.1f} %  {total["covered"]:5}/{total["lines"]:<5}  lines by the seeds alone (floor {floor} %)')
    print(f'{taken:6.1f} %  {total["branches_covered"]:5}/{total["branches"]:<5}  branches (floor {branch_floor} %)')
    print("\n".join(mistakes), end="\n" if mistakes else "")
    passed = percent >= floor and taken >= branch_floor and not mistakes

    result = {
        "schema": "touchstone-fragment/1",
        "kind": "coverage",
        "files": files,
        "total": {**total, "percent": round(percent, 2), "floor": floor, "branch_floor": branch_floor, "passed": passed},
        "uncovered": [
            {"file": f, "function": function, "text": text, "reason": reasons.get((f, function, text)) or None}
            for f, function, text in dict.fromkeys(missed)
        ],
    }
    with open(fragment + ".new", "w", encoding="utf-8") as stream:
        json.dump(result, stream, indent=1)
        stream.write("\n")
    os.replace(fragment + ".new", fragment)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
