#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Worst-case stack of the firmware, from its disassembly.

Takes each function's frame from what it subtracts from sp, and its calls from jumps to other functions, and adds up
the deepest path below each entry point. Refuses what it cannot bound: recursion, calls through pointers, frames of
variable size. Numbers as in layout.h.

Exit code: 0 every stack suffices; 1 one does not, or cannot be bounded; 2 usage; 3 no disassembler.
"""

import argparse
import re
import subprocess
import sys

# Entry points, and how many bytes of stack they start with.
ROOTS = {"riscv_trap": 8192, "riscv_boot_first": 8192, "riscv_boot_other": 8192, "riscv_fatal_trap": 1024}

# These set sp instead of moving it.
SETS_SP = {"_start", "trap_entry", "trap_return", "trap_mret", "fatal_entry"}

OBJDUMP = "riscv64-unknown-elf-objdump"

LABEL = re.compile(r"^0*([0-9a-f]+) <([^>]+)>:$")
FRAME = re.compile(r"\badd[i]?\s+sp,sp,(-\d+)$")
MOVES_SP = re.compile(r"\b(add|sub|addi|mv|ld|and|lui|auipc)\s+sp,(?!sp,-?\d+$)")
JUMP = re.compile(r"\b(jal|j|jalr|jr|tail|call|b\w+)\s+(?:.*[ ,])?([0-9a-f]+) <[^>+]+(\+0x[0-9a-f]+)?>$")
POINTER = re.compile(r"\bjalr\s+(\w+)$|\bjalr\s+\w+,")


class Unbounded(Exception):
    """Why no bound can be given."""


def disassemble(path):
    try:
        done = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        print(f"{OBJDUMP} not found: install the Debian package binutils-riscv64-unknown-elf", file=sys.stderr)
        sys.exit(3)
    except subprocess.CalledProcessError as error:
        raise Unbounded(error.stderr.strip()) from error
    return done.stdout.splitlines()


def functions(lines):
    """Frame and callees of each function, by address: names of static functions repeat."""
    found, here, own = {}, None, None
    for line in lines:
        label = LABEL.match(line)
        if label:
            here = found[label.group(1)] = {"name": label.group(2), "frame": 0, "calls": set()}
            own = label.group(1)
            continue
        text = re.sub(r"\s+#\s*", " ", line.split("\t", 1)[-1].strip()).replace("\t", " ")
        if here is None or not text:
            continue
        name = here["name"]
        frame, jump = FRAME.search(text), JUMP.search(text)
        if name not in SETS_SP and MOVES_SP.search(text):
            raise Unbounded(f"{name} moves its stack pointer by a variable amount: {text}")
        if frame and name not in SETS_SP:
            here["frame"] -= int(frame.group(1))
        if jump and jump.group(3) is None and jump.group(2) == own and jump.group(1) in ("jal", "jalr", "call"):
            raise Unbounded(f"{name} calls itself")
        if jump and jump.group(3) is None and jump.group(2) != own:
            here["calls"].add(jump.group(2))
        elif not jump and POINTER.search(text):
            raise Unbounded(f"{name} calls through a pointer: {text}")
    return found


def deepest(found, own, path=()):
    """Bytes below and including the function at `own`, and the path that needs them."""
    here = found[own]
    if own in path:
        cycle = [found[function]["name"] for function in (*path[path.index(own) :], own)]
        raise Unbounded("recursion: " + " -> ".join(cycle))
    if "deepest" not in here:
        calls = sorted(call for call in here["calls"] if found[call]["name"] not in SETS_SP)
        below = max((deepest(found, call, (*path, own)) for call in calls), default=(0, ()))
        here["deepest"] = (here["frame"] + below[0], (here["name"], *below[1]))
    return here["deepest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("elf", help="firmware image")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the functions on the deepest path")
    args = parser.parse_args()
    try:
        found = functions(disassemble(args.elf))
        good = True
        for root, stack in ROOTS.items():
            starts = [own for own, function in found.items() if function["name"] == root]
            if len(starts) != 1:
                raise Unbounded(f"{args.elf} has no function {root}")
            need, path = deepest(found, starts[0])
            good = good and need <= stack
            print(f"{root}: {need} of {stack} bytes" + (": " + " ".join(path) if args.verbose else ""))
    except Unbounded as error:
        print(f"stack not bounded: {error}")
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
