# SPDX-License-Identifier: Apache-2.0
"""Traces as the machine in QEMU can play them: their operations with addresses of this machine, what each has to show, and
what this machine cannot show."""

import os
import re
import subprocess
import tempfile

import play_fdt
from play_guest import GUEST_OPS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TOUCHSTONE_BUILD") or os.path.join(ROOT, "build/host-release")

# The machine that traces are about, and the one in QEMU (monitor/riscv/platform.h).
PAGE = 4096
HOST_PAGES, WINDOW_PAGES = 1536, 1024
SIMULATED_WINDOW = 0x80800  # its first frame (harness/machine/machine.h)
BASES = {1: 0x84000000, 2: 0x80200000, 4: 0x80000000, 5: 0x02000000}  # by argument kind: win, ram, mon, mmio
WIN, RAM, TVM = 1, 2, 3
MAX_HARTS = 8
END_OF_RAM = 0x88000000
TRACE_AT, TRACE_MAGIC = 0x87000000, 0x31594C50

HEADER, RECORD = 32, 80
CALL, ECALL, GUEST_CALL, LOAD, STORE, FETCH = 1, 2, 3, 5, 6, 7
CSR_READ, CSR_WRITE, FILL, WRITE64, FENCE, IRQ, EXPECT, NOP, FDT, TIME = 11, 12, 22, 23, 24, 21, 29, 0, 31, 26
HOST_REG, TYPED = 15, 25
PLAY = {CALL: 1, ECALL: 1, LOAD: 2, STORE: 3, FETCH: 4, CSR_READ: 5, CSR_WRITE: 6, FILL: 7, FENCE: 8, IRQ: 9, NOP: 10, WRITE64: 3, FDT: 11}
PLAY_GUEST = 12
SLEEPS = 2  # in the last byte of the argument flags: a suspension that lasts
PLAY.update({op: PLAY_GUEST for op in {*GUEST_OPS, TIME, TYPED}})
PLAY[HOST_REG] = PLAY[NOP]
RESULT, ENTER, EXIT, VALUE, TRAP, NONE = range(6)

CANNOT = {
    18: "no instruction of the host raises this trap",
    28: "the player stays in HS-mode",
}
OWN_CSRS = {0x100, 0x180}
COVH, HSM, SRST = 0x434F5648, 0x48534D, 0x53525354
VERDICT = re.compile(r"^= (\d+) ([rvtnx])((?: 0x[0-9a-f]+)*)$")
LETTERS = {RESULT: "r", ENTER: "e", EXIT: "x", VALUE: "v", TRAP: "t", NONE: "n"}
FIELDS = {"r": 2, "e": 0, "x": 14, "v": 1, "t": 1, "n": 0}


def abi_calls():
    """(eid, fid) by number, from the tables that the monitor is built with."""
    with open(os.path.join(ROOT, "monitor/abi/sbi.h"), encoding="utf-8") as stream:
        eids = {name: int(value, 16) for name, value in re.findall(r"#define SBI_EID_(\w+) (0x[0-9A-Fa-f]+)u", stream.read())}
    with open(os.path.join(ROOT, "monitor/abi/calls.def"), encoding="utf-8") as stream:
        rows = re.findall(r"^ABI_CALL(?:_UNSERVED)?\((0x\w+), \w+, (\w+), (\d+),", stream.read(), re.M)
    return {int(number, 16): (eids[ext], int(fid)) for number, ext, fid in rows}


def in_this_window(value):
    """A word of memory, and if it is an hgatp or a table entry that leads into the simulated machine's window, into that of this one."""
    root = value >> 60 in (8, 9, 10) and SIMULATED_WINDOW <= value & 0xFFFFFFFFFFF < SIMULATED_WINDOW + WINDOW_PAGES
    entry = value & 1 and value >> 54 == 0 and SIMULATED_WINDOW <= value >> 10 < SIMULATED_WINDOW + WINDOW_PAGES
    distance = BASES[WIN] // PAGE - SIMULATED_WINDOW
    return value + distance if root else value + (distance << 10) if entry else value


def number(kind, value):
    """An argument with the addresses of this machine; TVMs have their number still."""
    if kind in BASES:
        frame, offset = value & 0xFFFFFFFF, value >> 32
        offset -= (offset & 0x80000000) << 1
        if kind == RAM and HOST_PAGES - 4 <= frame:  # the window begins where the host's memory ends
            value = BASES[WIN] + (frame - HOST_PAGES) * PAGE + offset
        elif kind == WIN and frame >= WINDOW_PAGES and offset >= 0:  # there is nothing behind it
            value = END_OF_RAM + (frame - WINDOW_PAGES) * PAGE + offset
        else:
            value = BASES[kind] + frame * PAGE + offset
    return value & 0xFFFFFFFFFFFFFFFF


class Step:
    """One operation of a trace and what it must do, or None when the trace does not say."""

    def __init__(self, record):
        self.op, self.hart = record[0], record[1]
        self.call = int.from_bytes(record[4:6], "little")
        self.kind = list(record[8:16])
        self.a = [int.from_bytes(record[16 + 8 * n : 24 + 8 * n], "little") for n in range(8)]
        self.expect = None

    def numbers(self):
        """Its arguments; those that name a TVM are of no use."""
        return [number(kind, value) for kind, value in zip(self.kind, self.a)]


class Trace:
    def __init__(self, path, calls):
        self.path, self.calls = path, calls
        data = self.read(path)
        self.harts = data[6]
        self.iopmp = data[7]
        self.host_pages = int.from_bytes(data[8:12], "little")
        self.window_pages = int.from_bytes(data[12:16], "little")
        self.tail = int.from_bytes(data[28:32], "little")
        self.steps = []
        for at in range(HEADER, len(data) - self.tail - RECORD + 1, RECORD):
            step = Step(data[at : at + RECORD])
            if step.op == EXPECT and self.steps:
                self.steps[-1].expect = step
            elif step.op != EXPECT:
                self.steps.append(step)

    @staticmethod
    def read(path):
        """Its bytes in binary form: text is assembled by the touchstone command."""
        with open(path, "rb") as stream:
            data = stream.read()
        if data[:4] == b"TST1":
            return data
        with tempfile.NamedTemporaryFile(suffix=".tst") as out:
            done = subprocess.run([os.path.join(BUILD, "touchstone"), "asm", "--force", path, "-o", out.name],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ValueError(done.stderr.strip() or f"{path}: not a trace")
            with open(out.name, "rb") as stream:
                return stream.read()

    def eid_fid(self, step):
        if step.op in (CALL, GUEST_CALL):
            eid, fid = self.calls.get(step.call, (0, 0))
            return eid, fid | (step.a[6] & 0x3F) << 26
        return step.a[7], step.a[6]

    def cannot(self):
        """Why this machine cannot show any of it, or None."""
        if self.tail:
            return "its harts overlap inside of the monitor"
        if self.iopmp:
            return "it says of its machine how the IOPMP behaves"
        if self.harts > MAX_HARTS:
            return f"it has more than {MAX_HARTS} harts"
        if self.host_pages not in (0, HOST_PAGES) or self.window_pages not in (0, WINDOW_PAGES):
            return "its machine has another size of memory"
        return None

    def cannot_step(self, step):
        if step.op in CANNOT:
            return CANNOT[step.op]
        if step.op not in PLAY:
            return "only the simulated machine has this operation: devices, faults, races"
        expect = step.expect.call if step.expect else None
        if step.op == FETCH and expect != TRAP:
            return "it runs whatever lies in memory there"
        if step.op in (CSR_READ, CSR_WRITE) and step.a[0] & 0xFFF in OWN_CSRS:
            return "the player needs this CSR itself"
        if step.op in (CALL, ECALL):
            eid, fid = self.eid_fid(step)
            answers = expect == RESULT and step.expect.a[0] != 0
            if eid == HSM and fid == 3 and not answers and (expect not in (NONE, RESULT) or step.a[0] & 0xFFFFFFFF):
                return "a hart forgets its registers, and the player with them"
            if eid == HSM and fid == 3 and expect == NONE and self.tells_time(len(self.steps)):
                return "time passes by itself while a hart sleeps"
        return None

    def leave_out(self, step):
        """
        Why a step is not performed although others after it are, or None: what it does depends on the machine, and on
        the harness's one it changed nothing that a trace can see.
        """
        if step.op == HOST_REG:
            return "registers of the host are the player's own"
        expect = step.expect
        if expect is None:
            return None
        if expect.call == TRAP and expect.a[0] in (4, 6):
            return "QEMU performs misaligned accesses"
        if step.op == CALL and self.eid_fid(step) in ((0x10, 4), (0x10, 5), (0x10, 6)):
            return "the numbers of the processor are its own"
        return None

    def tells_time(self, count):
        """Does it set the clock? Then that stands still in between, or a slow machine would be late."""
        return any(step.op == TIME for step in self.steps[:count])

    def has_guests(self, count):
        """Does it run a vCPU?"""
        return any(step.op in (TIME, TYPED) or step.op == IRQ and step.a[0] == 9 or step.op in (CALL, ECALL) and self.eid_fid(step)[0] == COVH and self.eid_fid(step)[1] & 0xFFFF == 15
                   for step in self.steps[:count])

    def record(self, step, count, behind):
        """The step as the player reads it (player.c), one of `count`; `behind` collects what does not fit."""
        if self.leave_out(step):
            return PLAY[NOP].to_bytes(4, "little") + step.hart.to_bytes(4, "little") + bytes(RECORD - 8)
        values = step.numbers()
        tvm = [1 if kind == TVM else 0 for kind in step.kind]
        if step.op in (CALL, ECALL):
            values[7], values[6] = self.eid_fid(step)
            tvm[6:8] = [0, 0] if step.op == CALL else tvm[6:8]
            if values[7] == HSM and values[6] == 3 and step.expect and step.expect.call == NONE:
                tvm[7] |= SLEEPS
        if step.op == WRITE64:
            values[2], tvm[2] = in_this_window(values[1]) if step.kind[1] == 0 else values[1], tvm[1]
            values[1], tvm[1] = 8, 0
        if step.op == FDT:  # a copy from behind the records
            data = play_fdt.tree(*values[1:4])
            values[1], values[2] = TRACE_AT + RECORD * (count + 1) + len(behind), len(data)
            behind.extend(data)
        play = PLAY_GUEST if step.op == IRQ and step.a[0] == 9 else PLAY[step.op]
        head = play.to_bytes(4, "little") + step.hart.to_bytes(4, "little") + bytes(tvm)
        return head + b"".join(value.to_bytes(8, "little") for value in values)

    def blob(self, count):
        head = bytes(16) + b"".join(n.to_bytes(8, "little") for n in (TRACE_MAGIC, count, self.tells_time(count), 0, 0, 0, 0, 0))
        behind = bytearray()
        return head + b"".join(self.record(step, count, behind) for step in self.steps[:count]) + behind


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def slot_of(mask, field):
    """Where an expectation keeps a field (harness/trace/ops.c): the first six have places of their own."""
    if not mask >> field & 1:
        return None
    if field < 6:
        return field
    free = [slot for slot in range(7) if slot >= 6 or not mask >> slot & 1]
    before = bin(mask >> 6 & (1 << field - 6) - 1).count("1")
    return free[before] if before < len(free) else None


def with_ids(kind, value, ids):
    """An argument, TVMs by their id."""
    if kind != TVM:
        return number(kind, value)
    offset = value >> 32
    offset -= (offset & 0x80000000) << 1
    which = value & 0xFFFFFFFF
    return (ids[which] if which < len(ids) else 0) + offset & 0xFFFFFFFFFFFFFFFF


def difference(step, seen, ids):
    """What of a step is not as the trace says, or None. `seen` is a letter and numbers."""
    expect = step.expect
    if expect is None:
        return None
    letter, *values = seen
    wanted = LETTERS[expect.call]
    if step.op in (WRITE64, FILL, FDT) and wanted == "n" and letter == "v":
        return None  # the trace sees nothing of a store that succeeds
    if letter != wanted:
        return f"{describe(seen)} instead of {NAMES[wanted]}"
    for field in range(FIELDS[letter]):
        slot = slot_of(expect.a[7], field)
        if slot is None or values[field] is None:
            continue
        value = with_ids(expect.kind[slot], expect.a[slot], ids)
        if value != values[field]:
            name = FIELD_NAMES[field] + " " if letter == "x" else ""
            wanted = signed(value) if letter in "rx" and field == 0 else hex(value)
            return f"{describe(seen)}, and {name}{wanted} was recorded"
    return None


NAMES = {"r": "an answer", "e": "an entry", "x": "an exit", "v": "a value", "t": "a trap", "n": "nothing"}
FIELD_NAMES = ["error", "value", "scause", "stval", "htval", "htinst", *(f"a{n}" for n in range(8))]


def describe(seen):
    letter, *values = seen
    return {
        "r": lambda: f"answer {signed(values[0])} {values[1]:#x}",
        "e": lambda: "entry",
        "x": lambda: f"exit {signed(values[0])} {' '.join(hex(v) for v in values[1:6])}",
        "v": lambda: f"value {values[0]:#x}",
        "t": lambda: f"trap {values[0]}",
        "n": lambda: "nothing",
    }[letter]()
