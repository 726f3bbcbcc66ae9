#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone switch --mutants: every mistake of one instruction in the assembly of the firmware, one at a time.

Each instruction of each function that monitor/riscv/*.S defines is replaced by a nop of its size, and each two
neighbouring loads or stores of the same kind exchange their offsets, in the linked image. The replay has to object to
each, or mutants-equivalent.txt has to say why there is nothing to object to. A line there that no surviving mutant
needs is stale and an error: the list can only be as long as it has to be.

Exit codes: 0 all detected or equivalent; 5 one survived, or the list is stale; 2 usage; 3 a tool is missing; 4 cannot run.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import fragment  # noqa: E402

# What the assembler puts between functions, and guards behind a return: nobody executes it, or it does nothing.
PADDING = ("addi zero,zero,0", "c.addi zero,0", "c.nop", "c.unimp", "unimp", ".insn 2, 0x0")
TRANSFERS = {"ld": "load", "sd": "store", "fld": "load f", "fsd": "store f"}


class Problem(Exception):
    """Ends the command: exit code and one line."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def assembly_functions(source):
    """{function: file} as the assembly sources define them; `probe x, CSR` defines riscv_has_x."""
    found = {}
    for path in sorted(glob.glob(os.path.join(source, "monitor", "riscv", "*.S"))):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        names = re.findall(r"^\s*\.type\s+([A-Za-z0-9_]+),\s*@function", text, re.M)
        names += ["riscv_has_" + name for name in re.findall(r"^\s*probe\s+([a-z0-9_]+),", text, re.M)]
        for name in names:
            found[name] = os.path.basename(path)
    return found


def disassemble(objdump, firmware):
    """{function: [(address, size, text)]} of the whole image."""
    done = subprocess.run([objdump, "-d", "-M", "no-aliases", firmware], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Problem(4, f"{objdump}: {done.stderr.strip()}")
    functions, current = {}, None
    for line in done.stdout.splitlines():
        label = re.match(r"^([0-9a-f]+) <([^>]+)>:$", line)
        if label:
            current = functions.setdefault(label.group(2), [])
            continue
        insn = re.match(r"^\s*([0-9a-f]+):\t([0-9a-f]{4,8})\s*\t(.*)$", line)
        if insn and current is not None:
            text = re.sub(r"\s*(#.*)?$", "", insn.group(3))
            text = re.sub(r"\b[0-9a-f]{8} (<[^>]+>)", r"\1", text.replace("\t", " "))
            current.append((int(insn.group(1), 16), len(insn.group(2)) // 2, text))
    return functions


# Labels inside of a function end its listing: what follows belongs to the function that ran into it.
def instructions(functions, name, order):
    """The function and the local labels that follow it up to the next function of the sources."""
    listed = list(functions)
    start = listed.index(name)
    out = list(functions[name])
    for label in listed[start + 1:]:
        if label in order or label not in ("wait_for_boot_hart", "trap_mret"):
            break
        out += functions[label]
    return out


def make_mutants(functions, names):
    """[(line for the replay, file, function, instruction text)]"""
    mutants = []
    for name, file in names.items():
        if name not in functions:
            raise Problem(4, f"the firmware has no function {name}, which {file} defines")
        body = instructions(functions, name, names)
        for address, _, text in body:
            if text not in PADDING:
                mutants.append((f"nop {address:#x}", file, name, text))
        previous = {}
        for address, size, text in body:
            kind = text.split()[0]
            if kind not in TRANSFERS or size != 4:
                continue
            where = re.search(r"(-?\d+)\((\w+)\)", text)
            key = (kind, where.group(2))
            if key in previous and previous[key][1] != where.group(1):
                mutants.append((f"swap {previous[key][0]:#x} {address:#x}", file, name, f"{previous[key][2]} <-> {text}"))
            previous[key] = (address, where.group(1), text)
    return mutants


def read_equivalents(path):
    """{(function, text): reason} from lines `function | instruction | reason`."""
    out = {}
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            line = line.strip()
            if line == "" or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split("|")]
            if len(parts) != 3 or "" in parts:
                raise Problem(2, f"{path}:{number}: not `function | instruction | reason`")
            if (parts[0], parts[1]) in out:
                raise Problem(2, f"{path}:{number}: twice in the list")
            out[(parts[0], parts[1])] = parts[2]
    return out


def stale(equivalents, used):
    """Lines that no surviving mutant needed."""
    return [key for key in equivalents if key not in used]


def judge(replay, firmware, lines):
    """Verdicts of one process: [(survived, by)]."""
    done = subprocess.run([replay, firmware, "--mutants"], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Problem(4, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{replay} ended with {done.returncode}")
    verdicts = [line.split("\t") for line in done.stdout.splitlines()]
    if [verdict[0] for verdict in verdicts] != lines:
        raise Problem(4, f"{replay} did not judge all mutants")
    return [(verdict[1] == "survived", verdict[2]) for verdict in verdicts]


def main():
    parser = argparse.ArgumentParser(prog="touchstone switch --mutants", allow_abbrev=False)
    parser.add_argument("--firmware", required=True)
    parser.add_argument("--replay", required=True)
    parser.add_argument("--source", default=os.path.dirname(os.path.dirname(HERE)))
    parser.add_argument("--equivalent", default=os.path.join(HERE, "mutants-equivalent.txt"))
    parser.add_argument("--objdump", default="riscv64-unknown-elf-objdump")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--function", action="append", default=[])
    parser.add_argument("--output")
    chosen = parser.parse_args()
    if shutil.which(chosen.objdump) is None:
        raise Problem(3, f"{chosen.objdump} is missing: install the Debian package binutils-riscv64-unknown-elf")
    names = assembly_functions(chosen.source)
    for name in chosen.function:
        if name not in names:
            raise Problem(2, f"no assembly function {name}; there are: {' '.join(names)}")
    equivalents = read_equivalents(chosen.equivalent)
    wanted = {name: file for name, file in names.items() if not chosen.function or name in chosen.function}
    mutants = make_mutants(disassemble(chosen.objdump, chosen.firmware), wanted)
    if judge(chosen.replay, chosen.firmware, ["clean"]) != [(True, "")]:
        raise Problem(4, "the firmware as it is does not pass: see switch_replay")

    chunks = [mutants[start:start + 16] for start in range(0, len(mutants), 16)]
    verdicts = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, chosen.jobs)) as pool:
        for part in pool.map(lambda chunk: judge(chosen.replay, chosen.firmware, [m[0] for m in chunk]), chunks):
            verdicts += part
            print(f"\r{len(verdicts)} of {len(mutants)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)

    rows, bad, used = [], [], set()
    counts = {"nop": [0, 0, 0], "swap": [0, 0, 0]}  # all, detected, equivalent
    for (line, file, name, text), (survived, by) in zip(mutants, verdicts):
        kind = line.split()[0]
        reason = equivalents.get((name, text))
        counts[kind][0] += 1
        if not survived:
            counts[kind][1] += 1
            verdict = "detected"
        elif reason is not None:
            counts[kind][2] += 1
            used.add((name, text))
            verdict, by = "equivalent", reason
        else:
            verdict = "SURVIVED"
            bad.append(f"{file}: {name}: {text} ({line}): nothing objects")
        rows.append({"cells": [file, name, "left out" if kind == "nop" else "offsets exchanged", text, verdict, by],
                     "status": "failed" if verdict == "SURVIVED" else "passed"})
    if not chosen.function:
        bad += [f"{chosen.equivalent}: {name} | {text}: stale: no surviving mutant needs it"
                for name, text in stale(equivalents, used)]
    for line in bad:
        print(line)
    for kind, title in (("nop", "instructions left out"), ("swap", "offsets exchanged")):
        total, detected, equivalent = counts[kind]
        print(f"{title}: {total}, {detected} detected, {equivalent} equivalent, {total - detected - equivalent} survived")
    if chosen.output:
        fragment.write(chosen.output, fragment.table(
            "switch-mutants", "Mistakes of one instruction in the assembly",
            "Would the replay notice if any one instruction of the trap entry, the world switch or the boot code were missing?",
            "ci/touchstone switch --mutants",
            ["file", "function", "mistake", "instruction", "verdict", "first objection, or reason"], rows, len(bad), bad[:20]))
    return 5 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"touchstone switch: {problem}", file=sys.stderr)
        sys.exit(problem.code)
    except OSError as problem:
        print(f"touchstone switch: {problem}", file=sys.stderr)
        sys.exit(4)
    except KeyboardInterrupt:
        sys.exit(130)
