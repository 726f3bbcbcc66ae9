# SPDX-License-Identifier: Apache-2.0
"""touchstone plants --reproduce: what the harness finds of each plant, made short and shown again.

For each plant: the harness finds it (what seeds expect is ignored), the minimiser shortens what was found, and the result is compared
with the witness that stands beside the patch: it may have three operations more. Then it runs twenty times as text, as
binary and as a compiled C program, each time in a new process, and has to be the same finding each time.

Plants that no trace shows (the register replay, the test with faults) are listed with what does show them.
"""

import json
import os
import re
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "reports"))

import fragment  # noqa: E402
import planting  # noqa: E402

TIMES = 20
MORE_ALLOWED = 3
OTHER_JUDGES = {
    "REG": "shown again by replaying the world switch (switch_replay)",
    "FAULT": "shown again by fault_injection_test",
    "SEED": "no oracle alone sees it: a seed's expectation does",
}
COLUMNS = ["plant", "finding", "found with", ">operations", ">made short", ">witness", ">executions", ">text", ">binary", ">C"]


def operations(path):
    with open(path, encoding="utf-8") as stream:
        return sum(bool(re.match(r"h[0-7] ", line)) for line in stream)


class Reproducer:
    def __init__(self, builder, judge):
        self.builder = builder
        self.judge = judge

    def run(self, words, plant, variant_env=None):
        done = subprocess.run(words, env=variant_env or self.judge.environment(plant), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def identity(self, program, trace, plant):
        """What one run says: (oracle, property, call), or how the process died."""
        code, output, errors = self.run([program, "run", "--json", "--any", trace], plant)
        try:
            entry = json.loads(output)["files"][0]
            return (entry["oracle"], entry["property"], entry["call"])
        except (ValueError, KeyError, IndexError):
            match = re.search(r"(?:Sanitizer: |runtime error: )(\S+)", errors)
            return ("SAN", match.group(1) if match else code, None)

    def same_in_c(self, plant, source, variant, folder, wanted):
        """How often the compiled C form shows the finding."""
        objects = [name for name in self.builder.objects(plant, source, variant)
                   if not os.path.basename(name).startswith(("harness-cli-", "cli-"))]
        code_file, program = os.path.join(folder, "min.c"), os.path.join(folder, "min-c")
        command = [self.builder.compiler(variant), "-std=c17", "-Wall", "-Werror", "-g", *planting.VARIANTS[variant][1], "-I", source,
                   "-isystem", os.path.join(self.builder.bearssl, "inc"), code_file, *objects, *planting.VARIANTS[variant][2],
                   "-lnettle", "-o", program]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            return done.stdout.decode(errors="replace").strip().splitlines()[-1][:200]
        same = 0
        for _ in range(TIMES):
            code, output, errors = self.run([program], plant)
            if wanted[0] == "SAN":
                same += code not in (0, 5, 7) and (isinstance(wanted[1], int) or wanted[1] in errors)
            else:
                same += code == 5 and f": {wanted[0]} {wanted[1]} in {wanted[2]} " in output
        return same

    def one(self, plant):
        """A row of the table: cells and whether it is as promised."""
        with self.builder.alone(plant.id):
            return self.one_alone(plant)

    def one_alone(self, plant):
        entry, verdict, program = self.judge.judge_alone(plant)
        where = entry.get("oracle") or "-"
        blank = {"cells": [plant.id, where] + ["-"] * 8, "status": "skipped"}
        if entry["build_failed"] or not entry["detected"]:
            blank["cells"][2] = entry["text"] or "not found"
            return dict(blank, status="failed")
        if where in OTHER_JUDGES:
            blank["cells"][2] = OTHER_JUDGES[where]
            return blank
        if verdict.schedule is not None and "--trace" in verdict.schedule:
            verdict.reproducer = verdict.schedule[verdict.schedule.index("--trace") + 1]
        if program is None or not verdict.reproducer or not os.path.exists(verdict.reproducer):
            blank["cells"][2] = "the harness kept no input"
            return dict(blank, status="failed")
        return self.shorten(plant, verdict, program, where)

    def shorten(self, plant, verdict, program, where):
        folder = os.path.join(self.builder.work, plant.id, "reproduce")
        os.makedirs(folder, exist_ok=True)
        text, binary = os.path.join(folder, "min.trace"), os.path.join(folder, "min.tst")
        cells = [plant.id, f"{where} {verdict.property}", os.path.basename(os.path.dirname(program))]
        code, said, errors = self.run([program, "min", "--force", "--any", verdict.reproducer, "-o", text], plant)
        counted = re.search(r"(\d+) operations to (\d+) in (\d+) executions", said)
        if code != 0 or not counted:
            return {"cells": cells + [errors.strip()[-200:]] + ["-"] * 6, "status": "failed"}
        witness = os.path.join(os.path.dirname(plant.path), plant.id + ".witness.trace")
        known = operations(witness) if os.path.exists(witness) else None
        self.run([program, "asm", "--force", text, "-o", binary], plant)
        self.run([program, "to-c", "--force", text, "-o", os.path.join(folder, "min.c")], plant)
        wanted = self.identity(program, text, plant)
        same = [sum(self.identity(program, path, plant) == wanted for _ in range(TIMES)) for path in (text, binary)]
        variant = os.path.basename(os.path.dirname(program))
        source = os.path.join(self.builder.work, plant.id, "source")
        same.append(self.same_in_c(plant, source, variant, folder, wanted))
        short = known is not None and int(counted.group(2)) <= known + MORE_ALLOWED
        good = short and wanted[0] == where and all(number == TIMES for number in same)
        return {"cells": cells + [int(counted.group(1)), int(counted.group(2)), known if known is not None else "none",
                                  int(counted.group(3)), *same], "status": "passed" if good else "failed"}


def table(rows):
    """The fragment for the report."""
    return fragment.table(
        "reproduce", "Plants, found and shown again",
        "Is what the harness finds short, and does it happen again each time, in each form?",
        "ci/touchstone plants --reproduce", COLUMNS, rows,
        notes=[f"made short: at most {MORE_ALLOWED} operations more than the witness beside the patch",
               f"text, binary, C: of {TIMES} runs in new processes, how many were the same finding"])
