#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the crashes of cli_mixed_test: harness/tests/mixed/make.py [PLANT...]

Two hundred inputs of the twelve plants in twelve.tsv. Each is what `touchstone hunt` found on a monitor with that one plant, from a
trace that stops right before the bug shows, with a random number of its own. What comes behind the finding is cut off. How a
finding is called plays no part in the choice. Operations that show something on a monitor with the other eleven plants are
taken out, as the input would be a crash of two bugs; when it is none of the one plant then, it is left out.

Needs a built host-release; takes some minutes. Run it again when cli_mixed_test says that a crash shows nothing any more.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
TOUCHSTONE = os.environ.get("TOUCHSTONE_BIN") or os.path.join(SOURCE, "build", "host-release", "touchstone")
TOTAL = 200
DROPPED = 24  # operations of another plant in one input
ATTEMPTS = 200  # random numbers tried for one plant
EXECUTIONS = 100000  # of one hunt


def run(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True,
                          errors="replace")
    return done.returncode, done.stdout, done.stderr


def patch_of(plant):
    for folder in ("plants", "tests/breaks"):
        path = os.path.join(SOURCE, "harness", folder, plant + ".patch")
        if os.path.exists(path):
            return path
    sys.exit(f"{plant}: no such patch")


def build(patch):
    code, said, errors = run([TOUCHSTONE, "plants", "--build", "--patch", patch])
    if code != 0:
        sys.exit(f"{patch}: {errors}")
    return said.split()[-1]


def combined(plants, path):
    with open(path, "w", encoding="utf-8") as out:
        for plant in plants:
            with open(patch_of(plant), encoding="utf-8") as patch:
                text = patch.read()
            out.write(text[text.index("--- a/"):])
    return path


def finding_step(program, path):
    """Number of the operation at which the input fails; None when it does not."""
    code, said, _ = run([program, "run", "--json", "--any", path])
    if code not in (0, 5, 7):
        return -1  # the process died
    entry = json.loads(said)["files"][0]
    return entry["step"] if entry["status"] == "finding" else None


def operations(text):
    return [line for line in text.splitlines() if re.match(r"h[0-7] ", line)]


def cut(text, count):
    """The header and the first `count` operations, without what they expect."""
    header = next(line for line in text.splitlines() if line.startswith("touchstone 1"))
    return "\n".join([header] + [line.split(" ->")[0] for line in operations(text)[:count]]) + "\n"


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def folders_of(findings):
    return [name for name in os.listdir(findings) if not name.startswith(".")] if os.path.isdir(findings) else []


def start_of(plant, program, work):
    """A trace that stops right before the bug shows."""
    witness = os.path.join(SOURCE, "harness", "plants", plant + ".witness.trace")
    if not os.path.exists(witness):
        code, _, errors = run([program, "hunt", "--seconds", "20", "--findings", work])
        if code != 5:
            sys.exit(f"{plant}: the hunt found nothing {errors}")
        witness = os.path.join(work, folders_of(work)[0], "min.trace")
    with open(witness, encoding="utf-8") as stream:
        text = stream.read()
    count = len(operations(text))
    path = os.path.join(work, "start.trace")
    while count > 0 and finding_step(program, write(path, cut(text, count))) is not None:
        count -= 1
    return cut(text, count)


def crash(program, others, seeds, number, work):
    """Text of one crash, or None."""
    findings = os.path.join(work, f"findings-{number}")
    run([program, "hunt", "--no-min", "--execs", str(EXECUTIONS), "--seed", str(number), "--seeds", seeds, "--findings", findings])
    folders = folders_of(findings)
    if len(folders) != 1:
        return None
    folder = os.path.join(findings, folders[0])
    with open(os.path.join(folder, "bug.json"), encoding="utf-8") as stream:
        step = json.load(stream)["step"]
    _, text, _ = run([TOUCHSTONE, "print", "--any", os.path.join(folder, "input.tst")])
    path = os.path.join(work, "crash.trace")
    lines = cut(text, 0).splitlines() + operations(cut(text, step + 1))
    for _ in range(DROPPED):
        write(path, "\n".join(lines) + "\n")
        if finding_step(program, path) is None:
            return None
        at = finding_step(others, path)
        if at is None:
            with open(path, encoding="utf-8") as stream:
                return stream.read()
        if at < 0:  # it died: nothing says where
            return None
        del lines[1 + at]
    return None


def make(plant, plants, wanted):
    with tempfile.TemporaryDirectory() as work:
        program = build(patch_of(plant))
        others = build(combined([name for name in plants if name != plant], os.path.join(work, f"without-{plant}.patch")))
        seeds = os.path.join(work, "seeds")
        first = os.path.join(work, "first")
        os.mkdir(seeds)
        os.mkdir(first)
        write(os.path.join(seeds, "start.trace"), start_of(plant, program, first))
        crashes, number = [], 0
        while len(crashes) < wanted and number < ATTEMPTS:
            number += 1
            text = crash(program, others, seeds, number, work)
            if text is not None and text not in crashes:
                crashes.append(text)
        if len(crashes) < wanted:
            sys.exit(f"{plant}: only {len(crashes)} crashes in {ATTEMPTS} hunts")
        write(os.path.join(HERE, plant + ".crashes"),
              "# SPDX-License-Identifier: Apache-2.0\n# Made by harness/tests/mixed/make.py.\n" + "".join(crashes))
        print(f"{plant}: {len(crashes)} crashes of {number} hunts", flush=True)


def main():
    with open(os.path.join(HERE, "twelve.tsv"), encoding="utf-8") as stream:
        plants = [line.split("\t")[0] for line in stream if not line.startswith("#")]
    for at, plant in enumerate(plants):
        if not sys.argv[1:] or plant in sys.argv[1:]:
            make(plant, plants, TOTAL // len(plants) + (at < TOTAL % len(plants)))


if __name__ == "__main__":
    main()
