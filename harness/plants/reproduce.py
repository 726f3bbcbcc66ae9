# SPDX-License-Identifier: Apache-2.0
"""touchstone plants --reproduce: what the harness finds of each plant, made short and shown again.

For each plant: the harness finds it (what seeds expect is ignored), the minimiser shortens what was found, and the result is compared
with the witness that stands beside the patch: it may have three operations more. Then it runs twenty times as text, as
binary and as a compiled C program, each time in a new process, and has to be the same finding each time, to the letter.
The witness has to show the bug as well.

Of what is found the shortest is kept: up to six inputs are shortened, as long as none is short enough. Seeds that come to a finding
in few steps are first, one of each kind of finding; harts that overlap are tried in other orders.

What only an expectation sees is shown by the witness itself, whose lines say what must happen. What no trace can show has a
header `Witness: switch: why` instead of a witness, and is shown twenty times by the replay of the firmware's world switch.
"""

import glob
import itertools
import os
import re
import subprocess

import judging
import planting
import reproduced
import rows

INPUTS_TRIED = 6
MIN_SECONDS = 1200
REASONS = ("switch",)  # what may stand for a witness


def operations(path):
    with open(path, encoding="utf-8") as stream:
        return sum(bool(re.match(r"h[0-7] ", line)) for line in stream)


def begins_with_comment(path):
    with open(path, encoding="utf-8") as stream:
        return stream.readline().startswith("# ")


def witness_path(plant):
    return os.path.join(os.path.dirname(plant.path), plant.id + ".witness.trace")


def witness_reason(plant):
    """(engine, why) of a plant without a witness, as its header says, or None."""
    match = re.fullmatch(r"([a-z]+): *(\S.{19,})", plant.header.get("Witness", ""))
    return match.groups() if match and match.group(1) in REASONS else None


def facts_of(plant, commit, machine):
    """What a line of the record is about."""
    witness = witness_path(plant)
    digest = "-"
    if os.path.exists(witness):
        with open(witness, encoding="utf-8") as stream:
            digest = rows.digest_of(stream.read())
    return {"plant": plant.id, "commit": commit, "machine": machine, "patch": rows.digest_of(plant.text), "witness_file": digest}


def finding_of(output):
    """What a run says that it has seen, without the names of files: the same for the same finding in each form."""
    lines = output.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(r"FINDING |MISMATCH ", line)), None)
    if start is None:
        return None
    told = [line for line in lines[start:] if not re.match(r"\d+ traces, |  again: ", line)]
    return "\n".join(re.sub(r"\S+\.(?:trace|tst)(?::\d+)?", "TRACE", line) for line in told)


class Reproducer:
    def __init__(self, builder, judge):
        self.builder = builder
        self.judge = judge

    def run(self, words, plant, seconds=judging.FIXED_WORK_SECONDS):
        return self.judge.children.run(words, self.judge.environment(plant), seconds, self.judge.folder(plant))[:3]

    def identity(self, words, plant):
        """What one run says, or how the process died; None when it says nothing."""
        code, output, errors = self.run(words, plant)
        if code in (0, 2, 3, 4):
            return None
        return finding_of(output) or judging.sanitizer_text(errors) or f"ended with {code}"

    def again(self, words, plant, wanted):
        """How many of so many new processes say this."""
        return sum(self.identity(words, plant) == wanted for _ in range(reproduced.TIMES))

    def as_c(self, plant, program, folder):
        """The compiled C form, or None when the compiler refuses it."""
        variant = os.path.basename(os.path.dirname(program))
        target = os.path.join(folder, "min-c")
        words = [self.builder.compiler(variant), "-std=c17", "-Wall", "-Werror", "-g", *planting.VARIANTS[variant][1],
                 "-I", os.path.join(self.builder.work, plant.id, "source"), os.path.join(folder, "min.c"), "@" + program + ".link",
                 "-o", target]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return target if done.returncode == 0 else None

    def crashing_seed(self, plant, program):
        """The first seed that takes the process down, found by halves: what was said before is lost with the process."""
        seeds = sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.judge.corpora)
                       for name in names if name.endswith(".trace"))
        while len(seeds) > 1:
            half = seeds[:len(seeds) // 2]
            code = self.run([program, "run", "--any", *half], plant)[0]
            seeds = half if code not in (0, 5) else seeds[len(seeds) // 2:]
        return seeds

    def overlapping(self, plant, program, seed):
        """What the interleaver finds with this seed, as it was found."""
        folder = os.path.join(self.judge.folder(plant), f"interleave-{seed}")
        steps = judging.INTERLEAVE_STEPS[os.path.basename(os.path.dirname(program))]
        self.run([program, "interleave", "--json", "--no-min", "--steps", str(steps), "--seed", str(seed), "--seeds", self.judge.corpora,
                  "--findings", folder], plant)
        return sorted(glob.glob(os.path.join(folder, "*", "input.tst")))

    def inputs(self, plant, verdict, program):
        """Traces that show it, the most promising first."""
        if verdict.crashed:
            yield from self.crashing_seed(plant, program)
        elif verdict.schedule is not None:
            for seed in range(1, INPUTS_TRIED + 1):
                yield from self.overlapping(plant, program, seed)
        elif verdict.candidates:
            kinds = {}
            for kind, path in verdict.candidates:
                kinds.setdefault(kind, []).append(path)
            # One of each kind, then the second ones.
            for rank in range(INPUTS_TRIED):
                yield from (paths[rank] for paths in kinds.values() if rank < len(paths))
        elif verdict.reproducer and os.path.exists(verdict.reproducer):
            yield verdict.reproducer

    def shortest(self, plant, verdict, program, folder, enough):
        """(operations before, after, executions) of the shortest finding, which is folder/min.trace then; None: nothing was kept."""
        best, text = None, os.path.join(folder, "min.trace")
        for number, path in enumerate(itertools.islice(self.inputs(plant, verdict, program), INPUTS_TRIED)):
            tried = os.path.join(folder, f"min-{number}.trace")
            said = self.run([program, "min", "--force", "--any", path, "-o", tried], plant, MIN_SECONDS)[1]
            counted = re.search(r"(\d+) operations to (\d+) in (\d+) executions", said)
            if not counted:
                continue
            numbers = tuple(int(group) for group in counted.groups())
            if best is None or numbers[1] < best[1]:
                best = numbers
                os.replace(tried, text)
            if best[1] <= enough:
                break
        return best

    # ---------------------------------------------------------------- ways to show a plant

    def one(self, plant, facts):
        """A line of the record."""
        with self.builder.alone(plant.id):
            row = {**{name: "-" for name in reproduced.COLUMNS}, **facts, "status": "failed"}
            entry, verdict, program = self.judge.judge_alone(plant)
            row["finding"] = entry["text"] or "not found"
            if entry["build_failed"]:
                return row
            if witness_reason(plant) is not None:
                return self.by_firmware(plant, verdict, row)
            if not os.path.exists(witness_path(plant)):
                row["finding"] = "no witness, and no reason in the header of the patch"
                return row
            if verdict.detected and program is not None:
                return self.by_trace(plant, verdict, program, row)
            return self.by_expectation(plant, row)

    def by_trace(self, plant, verdict, program, row):
        folder = os.path.join(self.builder.work, plant.id, "reproduce")
        os.makedirs(folder, exist_ok=True)
        row["witness"] = operations(witness_path(plant))
        row["engine"] = f"{'interleave' if verdict.schedule else 'seeds' if verdict.seed or verdict.crashed else 'hunt'}, " + \
            os.path.basename(os.path.dirname(program))
        enough = row["witness"] + reproduced.MORE_ALLOWED
        numbers = self.shortest(plant, verdict, program, folder, enough)
        if numbers is None:
            row["finding"] = "the harness kept no input, or it cannot be made shorter"
            return row
        row["operations"], row["short"], row["executions"] = numbers
        same = self.forms(plant, program, folder, row)
        shows = self.witness_shows(plant, program)
        if shows is None:
            row["finding"] += "; but the witness shows nothing"
        good = same and shows is not None and row["short"] <= enough
        return dict(row, status="passed" if good else "failed")

    def witness_shows(self, plant, program):
        """What the witness shows, on this build or on the fast one: between any two accesses a schedule is another one."""
        shows = self.identity([program, "run", "--any", witness_path(plant)], plant)
        if shows is None and os.path.basename(os.path.dirname(program)) != "plain":
            plain = self.builder.host(plant, os.path.join(self.builder.work, plant.id, "source"), "plain")
            shows = self.identity([plain, "run", "--any", witness_path(plant)], plant)
        return shows

    def forms(self, plant, program, folder, row):
        """Run folder/min.trace in all forms; True when it is the same finding each time."""
        text, binary = os.path.join(folder, "min.trace"), os.path.join(folder, "min.tst")
        self.run([program, "asm", "--force", text, "-o", binary], plant)
        self.run([program, "to-c", "--force", text, "-o", os.path.join(folder, "min.c")], plant)
        wanted = self.identity([program, "run", text], plant)
        if wanted is None:
            row["finding"] = "what was made short shows nothing"
            return False
        row["finding"] = re.sub(r"^(FINDING|MISMATCH) TRACE: ", "", wanted.splitlines()[0])
        row["text"], row["binary"] = (self.again([program, "run", path], plant, wanted) for path in (text, binary))
        compiled = self.as_c(plant, program, folder)
        row["c"] = self.again([compiled], plant, wanted) if compiled else 0
        return all(row[name] == reproduced.TIMES for name in ("text", "binary", "c"))

    def by_expectation(self, plant, row):
        """No oracle objects: the witness says what must happen, and it does not."""
        folder = os.path.join(self.builder.work, plant.id, "reproduce")
        os.makedirs(folder, exist_ok=True)
        program = self.builder.host(plant, os.path.join(self.builder.work, plant.id, "source"), "plain")
        with open(witness_path(plant), encoding="utf-8") as stream, open(os.path.join(folder, "min.trace"), "w", encoding="utf-8") as out:
            out.write(stream.read())
        row["engine"] = "expectation of the witness"
        row["witness"] = row["short"] = row["operations"] = operations(witness_path(plant))
        return dict(row, status="passed" if self.forms(plant, program, folder, row) else "failed")

    def by_firmware(self, plant, verdict, row):
        """The replay of the switch says the same each time."""
        row["engine"] = "replay of the world switch"
        if verdict.detected:
            words = self.judge.switch_words(plant, os.path.join(self.builder.work, plant.id, "source"))
            wanted = (verdict.property, verdict.text)
            row["firmware"] = sum(judging.switch_objection(plant, *self.run(words + judging.SHORT_REPLAY, plant)) == wanted
                                  for _ in range(reproduced.TIMES))
        return dict(row, status="passed" if row["firmware"] == reproduced.TIMES else "failed")
