#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone switch --csrs: whose is each of the 4096 CSR numbers, and what happens to the state of each extension.

csr_space.txt gives every number a class. This program refuses a number that no line names or that two name, a register
that binutils knows by another name or that has none in the table, an extension that monitor/riscv/isa_state.def does not
list, and a class that disagrees with the switch list of the monitor or with csr_classes.def.

Exit codes: 0 the table is complete and agrees; 5 it is not; 2 usage or a damaged table; 3 a tool is missing; 4 cannot run.
"""

import argparse
import collections
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import fragment  # noqa: E402

CLASSES = ("swap", "scrub", "constant", "host", "denied")
# What a class of csr_classes.def may be here. An alias has the class of what it views.
AGREE = {"SWAP": {"swap"}, "STATUS": {"swap"}, "FLOAT": {"scrub"}, "VECTOR": {"scrub"}, "HOST": {"host"},
         "CONST": {"constant", "host"}, "TRAP": {"constant"}, "PMP": {"constant"}, "CLOCK": {"constant", "host", "swap"},
         "ALIAS": {"swap", "scrub", "host"}, "ABSENT": {"constant", "denied"}}

Entry = collections.namedtuple("Entry", "first last name csr_class extension why line")


class Problem(Exception):
    """Ends the command: exit code and one line."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def read_table(path):
    entries = []
    for number, line in enumerate(read(path).splitlines(), 1):
        line = line.strip()
        if line == "" or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        span = re.fullmatch(r"0x([0-9a-f]{3})(?:-0x([0-9a-f]{3}))?", parts[0])
        if len(parts) != 5 or span is None or parts[2] not in CLASSES or "" in parts:
            raise Problem(2, f"{path}:{number}: not `number or first-last | name | class | extension | why`")
        first = int(span.group(1), 16)
        entries.append(Entry(first, int(span.group(2) or span.group(1), 16), parts[1], parts[2], parts[3], parts[4], number))
        if entries[-1].last < first:
            raise Problem(2, f"{path}:{number}: the range ends before it begins")
    return entries


def names_of(entry):
    """The name of each number of an entry: `pmpcfg0..15` counts up."""
    counted = re.fullmatch(r"([a-z]+)(\d+)(h?)\.\.(\d+)h?", entry.name)
    if counted is None:
        return [entry.name] * (entry.last - entry.first + 1)
    stem, low, suffix, high = counted.groups()
    if int(high) - int(low) != entry.last - entry.first:
        raise Problem(2, f"line {entry.line}: {entry.name} are not as many as the numbers")
    return [f"{stem}{i}{suffix}" for i in range(int(low), int(high) + 1)]


def binutils_names(tool):
    """{number: name} of all CSRs that the disassembler of the platform knows."""
    if shutil.which(tool) is None:
        raise Problem(3, f"{tool} is missing: install the Debian package binutils-riscv64-unknown-elf")
    with tempfile.NamedTemporaryFile(suffix=".bin") as stream:
        for number in range(4096):
            stream.write(struct.pack("<I", number << 20 | 0x2573))  # csrrs a0, number, zero
        stream.flush()
        done = subprocess.run([tool, "-b", "binary", "-m", "riscv:rv64", "-M", "no-aliases", "-D", stream.name],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    found = re.findall(r"^\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+csrrs\s+a0,([a-z0-9]+),zero$", done.stdout, re.M)
    if done.returncode != 0 or len(found) != 4096:
        raise Problem(4, f"{tool} does not disassemble CSR accesses")
    return {int(at, 16) // 4: name for at, name in found if not name.startswith("0x")}


def check(entries, source, tool):
    """(what is wrong, [entry of each number], {extension: (action, reason)})"""
    wrong = []
    owner = [None] * 4096
    named = {}
    for entry in entries:
        for number, name in zip(range(entry.first, entry.last + 1), names_of(entry)):
            if owner[number] is not None:
                wrong.append(f"0x{number:03x} has two lines: {owner[number].line} and {entry.line}")
            owner[number] = entry
            named[number] = name
    wrong += [f"0x{number:03x} is in no class: nobody has decided whose it is" for number in range(4096) if owner[number] is None]

    for number, name in sorted(binutils_names(tool).items()):
        if owner[number] is not None and named[number] != name:
            wrong.append(f"0x{number:03x} is {name} for binutils, and {named[number]} here (line {owner[number].line})")

    isa = {name: (action, reason) for name, action, reason in re.findall(
        r'^ISA\((\w+), (\w+), "([^"]*)"\)', read(os.path.join(source, "monitor/riscv/isa_state.def")), re.M)}
    for entry in entries:
        if entry.extension != "-" and entry.extension not in isa:
            wrong.append(f"line {entry.line}: extension {entry.extension} is not in isa_state.def")
        elif entry.csr_class in ("swap", "scrub") and isa[entry.extension][0] not in ("SWAP", "NONE"):
            wrong.append(f"line {entry.line}: {entry.name} is switched, but isa_state.def says {isa[entry.extension][0]} for it")

    switched = {int(number, 16): name for number, name in re.findall(
        r"WORLD_CSR\(\d+, (0x[0-9a-f]+), (\w+)\)", read(os.path.join(source, "monitor/hal/world_state.h")))}
    for number, name in switched.items():
        if owner[number] is not None and (owner[number].csr_class != "swap" or named[number] != name):
            wrong.append(f"0x{number:03x} {name} is switched by the monitor, and {owner[number].csr_class} here")
    said = {entry.first for entry in entries if entry.why.startswith("WORLD_CSRS")}
    wrong += [f"0x{number:03x} is said to be in WORLD_CSRS and is not" for number in sorted(said - set(switched))]

    replayed = re.findall(r"^CSR\((0x[0-9a-f]+), (\w+), (\w+),", read(os.path.join(HERE, "csr_classes.def")), re.M)
    for number, name, csr_class in replayed:
        entry = owner[int(number, 16)]
        if entry is not None and (entry.csr_class not in AGREE[csr_class] or named[int(number, 16)] != name):
            wrong.append(f"{number} {name} is {csr_class} in csr_classes.def, and {entry.name} {entry.csr_class} here")
    return wrong, owner, isa


def main():
    parser = argparse.ArgumentParser(prog="touchstone switch --csrs", allow_abbrev=False)
    parser.add_argument("--table", default=os.path.join(HERE, "csr_space.txt"))
    parser.add_argument("--source", default=os.path.dirname(os.path.dirname(HERE)))
    parser.add_argument("--objdump", default="riscv64-unknown-elf-objdump")
    parser.add_argument("--output")
    chosen = parser.parse_args()
    entries = read_table(chosen.table)
    wrong, owner, isa = check(entries, chosen.source, chosen.objdump)
    for line in wrong:
        print(f"{chosen.table}: {line}")
    counts = collections.Counter(entry.csr_class for entry in owner if entry is not None)
    print("4096 CSR numbers: " + ", ".join(f"{counts[name]} {name}" for name in CLASSES) +
          f"; {len(isa)} extensions; {len(wrong)} wrong")
    if chosen.output:
        rows = [{"cells": [f"0x{e.first:03x}" + (f"-0x{e.last:03x}" if e.last != e.first else ""), e.name, e.csr_class, e.extension,
                           e.why], "status": "passed"} for e in entries if e.why != "unallocated"]
        rows += [{"cells": ["extension", name, action.lower(), name, reason], "status": "passed"}
                 for name, (action, reason) in isa.items()]
        fragment.write(chosen.output, fragment.table(
            "switch-csrs", "Whose is each CSR", "Is there state of the processor that nobody has thought about?",
            "ci/touchstone switch --csrs", ["number", "name", "class", "extension", "why"], rows, len(wrong), wrong[:20]))
    return 5 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"touchstone switch: {problem}", file=sys.stderr)
        sys.exit(problem.code)
    except OSError as problem:
        print(f"touchstone switch: {problem}", file=sys.stderr)
        sys.exit(4)
