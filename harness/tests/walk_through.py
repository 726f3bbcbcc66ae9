#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""walk_through.py PAGE FOLDER whole|short: runs the commands of a page in FOLDER and compares what they say.

In blocks of code, a line that begins with "$ " is a command; what follows up to the next one is what it says, with "(ends with N)" for
an exit code that is not 0. A block of `diff` becomes FOLDER/fix.patch.

The lines have to be the same, but for what differs from run to run and machine to machine: the build, hashes of states, how many inputs
the engines kept, and in what ci/fuzz says all numbers. A line "..." stands for any number of lines. `short` leaves ci/fuzz out, which takes minutes.

Exit codes: 0 all the same; 1 not.
"""

import re
import subprocess
import sys


def blocks(page):
    kind, lines = None, []
    for line in page.splitlines():
        if line.startswith("```"):
            if kind is None:
                kind, lines = line[3:] or "text", []
            else:
                yield kind, lines
                kind = None
        elif kind is not None:
            lines.append(line)


def commands(lines):
    """(command, what it is to say) of one block."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def share(match):
    """How many inputs the engines kept depends on their luck; that all of them, or none, show it does not."""
    total = match.group(1)
    silent, shown = (number if number == "0" else "ALL" if number == total else "SOME" for number in match.groups()[1:])
    return f"(ALL inputs, {silent} silent, {shown} show it)"


def plain(line, numbers):
    line = re.sub(r'"build": "[^"]*"', '"build": "BUILD"', line).rstrip()
    line = re.sub(r" hash=[0-9a-fA-F]{16}$", " hash=HASH", line)
    line = re.sub(r"\((\d+) inputs, (\d+) silent, (\d+) show it\)$", share, line)
    return re.sub(r"\d+", "N", line) if numbers else line


def same(wanted, said):
    """`wanted` may have "..." for any number of lines."""
    at = 0
    for number, line in enumerate(wanted):
        if line == "...":
            continue
        after_gap = number > 0 and wanted[number - 1] == "..."
        while after_gap and at < len(said) and said[at] != line:
            at += 1
        if at >= len(said) or said[at] != line:
            return False
        at += 1
    return at == len(said) or (wanted and wanted[-1] == "...")


def main():
    page, folder, mode = sys.argv[1:]
    with open(page, encoding="utf-8") as stream:
        text = stream.read()
    ran = bad = 0
    for kind, lines in blocks(text):
        if kind == "diff":
            with open(f"{folder}/fix.patch", "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
            continue
        for command, wanted in commands(lines):
            fuzz = command.startswith("ci/fuzz")
            if fuzz and mode == "short":
                continue
            done = subprocess.run(command, shell=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, text=True, errors="replace")
            said = done.stdout.splitlines() + ([f"(ends with {done.returncode})"] if done.returncode != 0 else [])
            ran += 1
            if not same([plain(line, fuzz) for line in wanted], [plain(line, fuzz) for line in said]):
                bad += 1
                print(f"$ {command}\nsays something else than the page:", *said, sep="\n")
    print(f"{ran} commands, {bad} say something else")
    return 1 if bad or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
