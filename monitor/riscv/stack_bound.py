#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Worst-case stack of the firmware, from its disassembly.

Takes each function's frame from what it subtracts from sp, and its calls from jumps to other functions, and adds up
the deepest path below each entry point. Refuses what it cannot bound: recursion, calls through pointers, frames of
variable size. Numbers as in layout.h.

Adds up as well how deep the code goes that can have words of a guest on its stack, and compares that with how deep trap_leave
of the image wipes when the guest leaves.

Exit code: 0 every stack suffices and the wipe reaches; 1 one does not, or cannot be bounded; 2 usage; 3 no disassembler.
"""

import argparse
import re
import subprocess
import sys

# Entry points, and how many bytes of stack they start with.
ROOTS = {"riscv_trap": 8192, "riscv_boot_first": 8192, "riscv_boot_other": 8192, "riscv_fatal_trap": 1024}

# These set sp instead of moving it.
SETS_SP = {"_start", "trap_entry", "trap_leave", "trap_return", "trap_mret", "fatal_entry"}

# What serves a guest or enters one is everything below riscv_trap, without: calls of the host, of which one enters a guest; other
# traps of the host; the wait of a stopped hart, which runs no guest; and the end of a hart, which never runs a world again.
SERVES, WIPES, HOST_CALLS, ENTERS_GUEST = "riscv_trap", "trap_leave", "host_route", "covh_run_tvm_vcpu"
NO_GUEST = {"host_unexpected_trap", "riscv_park_until_started", "hal_fatal"}

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
            here = found[label.group(1)] = {"name": label.group(2), "frame": 0, "wiped": 0, "calls": set()}
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
        if frame and name == WIPES:
            here["wiped"] -= int(frame.group(1))
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


def one(found, name):
    """The address of the function of this name."""
    starts = [own for own, function in found.items() if function["name"] == name]
    if len(starts) != 1:
        raise Unbounded(f"the image has no function {name}" if not starts else f"the image has {len(starts)} functions {name}")
    return starts[0]


def with_guest(found):
    """The same call graph without the calls on which no word of a guest can be on the stack."""
    host_calls, entry = one(found, HOST_CALLS), one(found, ENTERS_GUEST)
    if entry not in found[host_calls]["calls"]:
        raise Unbounded(f"{HOST_CALLS} does not call {ENTERS_GUEST}: who enters a guest cannot be told from the other calls")
    kept = {}
    for own, function in found.items():
        calls = {entry} if own == host_calls else {call for call in function["calls"] if found[call]["name"] not in NO_GUEST}
        kept[own] = {"name": function["name"], "frame": function["frame"], "calls": calls}
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("elf", help="firmware image")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the functions on the deepest path")
    args = parser.parse_args()
    try:
        found = functions(disassemble(args.elf))
        good = True
        for root, stack in ROOTS.items():
            need, path = deepest(found, one(found, root))
            good = good and need <= stack
            print(f"{root}: {need} of {stack} bytes" + (": " + " ".join(path) if args.verbose else ""))
        wiped = found[one(found, WIPES)]["wiped"]
        need, path = deepest(with_guest(found), one(found, SERVES))
        good = good and need <= wiped
        print(f"behind a guest {wiped} bytes are wiped, and it can have used {need}" + (": " + " ".join(path) if args.verbose else ""))
    except Unbounded as error:
        print(f"stack of {args.elf} not bounded: {error}")
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
