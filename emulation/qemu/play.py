#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays traces on the firmware in QEMU and compares each step with what the trace says of it.

The host's side of a trace is carried out for real: calls, loads, stores, fetches, CSRs, fences, on the harts that the trace
names (player/player.c). Guests of traces are agents of the harness and not code, so a trace is played up to the first step that
only the simulated machine can carry out. A file is "equal", "skipped at step N: reason" (all before it was
played and equal), or "differs at step N". Steps whose outcome depends on the machine are left out, and counted.

Exit code: 0 nothing differs; 1 a file is no trace; 2 usage; 3 a tool is missing; 4 a file is in the way; 7 a step differs.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

import play_fdt

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import fragment  # noqa: E402

ROOT = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TOUCHSTONE_BUILD") or os.path.join(ROOT, "build/host-release")

# The machine that traces are about, and the one in QEMU (monitor/riscv/platform.h).
PAGE = 4096
HOST_PAGES, WINDOW_PAGES = 1536, 1024
SIMULATED_WINDOW = 0x80800  # its first frame (harness/machine/machine.h)
BASES = {1: 0x84000000, 2: 0x80200000, 4: 0x80000000, 5: 0x02000000}  # by argument kind: win, ram, mon, mmio
WIN, RAM, TVM = 1, 2, 3
MAX_HARTS = 4
TRACE_AT, TRACE_MAGIC = 0x87000000, 0x31594C50

HEADER, RECORD = 32, 80
CALL, ECALL, LOAD, STORE, FETCH = 1, 2, 5, 6, 7
CSR_READ, CSR_WRITE, FILL, WRITE64, FENCE, IRQ, EXPECT, NOP, FDT = 11, 12, 22, 23, 24, 21, 29, 0, 31
PLAY = {CALL: 1, ECALL: 1, LOAD: 2, STORE: 3, FETCH: 4, CSR_READ: 5, CSR_WRITE: 6, FILL: 7, FENCE: 8, IRQ: 9, NOP: 10, WRITE64: 3, FDT: 11}
RESULT, ENTER, EXIT, VALUE, TRAP, NONE = range(6)

AGENT = "a guest acts, and guests of traces are agents of the harness, not code"
CANNOT = {
    3: AGENT, 4: AGENT, 8: AGENT, 9: AGENT, 10: AGENT, 13: AGENT, 14: AGENT, 16: AGENT, 17: AGENT, 19: AGENT, 20: AGENT,
    27: AGENT, 30: AGENT,
    15: "registers of the host are the player's own",
    18: "no instruction raises this trap",
    25: "nobody types at the console",
    26: "time passes by itself",
    28: "the player stays in HS-mode",
}
OWN_CSRS = {0x100, 0x104, 0x105, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180}
COVH, HSM = 0x434F5648, 0x48534D
VERDICT = re.compile(r"^= (\d+) ([rvtn])(?: (0x[0-9a-f]+))?(?: (0x[0-9a-f]+))?$")


def stop(code, text):
    print(f"play.py: {text}", file=sys.stderr)
    sys.exit(code)


def abi_calls():
    """(eid, fid) by number, from the tables that the monitor is built with."""
    with open(os.path.join(ROOT, "monitor/abi/sbi.h"), encoding="utf-8") as stream:
        eids = {name: int(value, 16) for name, value in re.findall(r"#define SBI_EID_(\w+) (0x[0-9A-Fa-f]+)u", stream.read())}
    with open(os.path.join(ROOT, "monitor/abi/calls.def"), encoding="utf-8") as stream:
        rows = re.findall(r"^ABI_CALL(?:_UNSERVED)?\((0x\w+), HOST, (\w+), (\d+),", stream.read(), re.M)
    return {int(number, 16): (eids[ext], int(fid)) for number, ext, fid in rows}


def names_window(value):
    """Is this number an hgatp or a table entry that leads to where the simulated machine has its window?"""
    root = value >> 60 in (8, 9, 10) and SIMULATED_WINDOW <= value & 0xFFFFFFFFFFF < SIMULATED_WINDOW + WINDOW_PAGES
    entry = value & 1 and value >> 54 == 0 and SIMULATED_WINDOW <= value >> 10 < SIMULATED_WINDOW + WINDOW_PAGES
    return bool(root or entry)


class Step:
    """One operation of a trace and what it must do, or None when the trace does not say."""

    def __init__(self, record):
        self.op, self.hart = record[0], record[1]
        self.call = int.from_bytes(record[4:6], "little")
        self.kind = list(record[8:16])
        self.a = [int.from_bytes(record[16 + 8 * n : 24 + 8 * n], "little") for n in range(8)]
        self.expect = None


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
        if step.op == CALL:
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
        if step.op == WRITE64 and step.kind[1] == 0 and names_window(step.a[1]):
            return "a table or root names the window of the harness's machine, which lies elsewhere here"
        expect = step.expect.call if step.expect else None
        if step.op == FETCH and expect != TRAP:
            return "it runs whatever lies in memory there"
        if step.op in (CSR_READ, CSR_WRITE) and step.a[0] & 0xFFF in OWN_CSRS:
            return "the player needs this CSR itself"
        if step.op == IRQ and step.a[0] not in (1, 5):
            return "no device raises an external interrupt"
        if step.op in (CALL, ECALL):
            eid, fid = self.eid_fid(step)
            answers = expect == RESULT and step.expect.a[0] != 0
            if eid == COVH and fid & 0xFFFF == 15 and not answers:
                return "a vCPU is entered, and guests of traces are agents of the harness, not code"
            if eid == HSM and fid == 3 and not answers:
                return "a hart sleeps until the harness wakes it"
        return None

    def leave_out(self, step):
        """
        Why a step is not performed although others after it are, or None: what it does depends on the machine, and on
        the harness's one it changed nothing.
        """
        expect = step.expect
        if expect is None:
            return None
        near_end = any(kind == RAM and HOST_PAGES - 4 <= value & 0xFFFFFFFF <= HOST_PAGES + 4 for kind, value in
                       zip(step.kind, step.a))
        behind = any(kind == WIN and value & 0xFFFFFFFF >= WINDOW_PAGES for kind, value in zip(step.kind, step.a))
        unchanged = expect.call == TRAP or (expect.call == RESULT and expect.a[0] != 0)
        if near_end and unchanged:
            return "the end of host memory is elsewhere"
        if behind and unchanged:
            return "behind the window there is memory"
        if expect.call == TRAP and expect.a[0] in (4, 6):
            return "QEMU performs misaligned accesses"
        if step.op == CALL and self.eid_fid(step) in ((0x10, 4), (0x10, 5), (0x10, 6)):
            return "the numbers of the processor are its own"
        return None

    def record(self, step, count, behind):
        """The step as the player reads it (player.c), one of `count`; `behind` collects what does not fit."""
        if self.leave_out(step):
            return PLAY[NOP].to_bytes(4, "little") + step.hart.to_bytes(4, "little") + bytes(RECORD - 8)
        values, tvm = [], []
        for kind, value in zip(step.kind, step.a):
            if kind in BASES:
                offset = value >> 32
                offset -= (offset & 0x80000000) << 1
                value = BASES[kind] + (value & 0xFFFFFFFF) * PAGE + offset
            values.append(value & 0xFFFFFFFFFFFFFFFF)
            tvm.append(1 if kind == TVM else 0)
        if step.op in (CALL, ECALL):
            values[7], values[6] = self.eid_fid(step)
            tvm[6:8] = [0, 0] if step.op == CALL else tvm[6:8]
        if step.op == WRITE64:
            values[2], tvm[2] = values[1], tvm[1]
            values[1], tvm[1] = 8, 0
        if step.op == FDT:  # a copy from behind the records
            data = play_fdt.tree(*values[1:4])
            values[1], values[2] = TRACE_AT + RECORD * (count + 1) + len(behind), len(data)
            behind.extend(data)
        head = PLAY.get(step.op, PLAY[NOP]).to_bytes(4, "little") + step.hart.to_bytes(4, "little") + bytes(tvm)
        return head + b"".join(value.to_bytes(8, "little") for value in values)

    def blob(self, count):
        head = bytes(16) + TRACE_MAGIC.to_bytes(8, "little") + count.to_bytes(8, "little") + bytes(48)
        behind = bytearray()
        return head + b"".join(self.record(step, count, behind) for step in self.steps[:count]) + behind


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def difference(step, seen, ids):
    """What of a step is not as the trace says, or None. `seen` is (letter, number, number)."""
    expect = step.expect
    if expect is None:
        return None
    letters = {RESULT: "r", VALUE: "v", TRAP: "t", NONE: "n"}
    letter, first, second = seen
    wanted = letters.get(expect.call)
    if step.op in (WRITE64, FILL, FDT) and wanted == "n" and letter == "v":
        return None  # the trace sees nothing of a store that succeeds
    if letter != wanted:
        return f"{describe(seen)} instead of {wanted or 'a guest'}"
    values = []
    for kind, value in zip(expect.kind[:2], expect.a[:2]):
        if kind in BASES:
            value = BASES[kind] + (value & 0xFFFFFFFF) * PAGE + (value >> 32)
        if kind == TVM:
            value = ids[value & 0xFFFFFFFF] if value & 0xFFFFFFFF < len(ids) else 0
        values.append(value)
    count = {"r": 2, "v": 1, "t": 1, "n": 0}[letter]
    for n, got in zip(range(count), (first, second)):
        if expect.a[7] >> n & 1 and got != values[n]:
            return f"{describe(seen)}, and {hex(values[n]) if n else signed(values[n])} was recorded"
    return None


def describe(seen):
    letter, first, second = seen
    return {
        "r": lambda: f"answer {signed(first)} {second:#x}",
        "v": lambda: f"value {first:#x}",
        "t": lambda: f"trap {first}",
        "n": lambda: "nothing",
    }[letter]()


class Player:
    def __init__(self, args):
        self.args = args
        self.calls = abi_calls()

    def console(self, trace, count):
        with tempfile.NamedTemporaryFile(suffix=".play") as blob:
            blob.write(trace.blob(count))
            blob.flush()
            command = [*self.args.qemu.split(), "-M", "virt", "-cpu", "rv64,h=true,v=true", "-smp", str(trace.harts)]
            command += ["-m", "128M", "-nographic", "-no-reboot", "-bios", os.path.join(self.args.firmware, "fw.elf")]
            command += ["-kernel", os.path.join(self.args.firmware, "player.elf")]
            command += ["-device", f"loader,file={blob.name},addr={TRACE_AT:#x},force-raw=on"]
            try:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      errors="replace", timeout=self.args.seconds, check=False)
                return done.stdout.replace("\r", "").replace("\0", "")
            except subprocess.TimeoutExpired as late:
                return (late.stdout or b"").decode(errors="replace").replace("\r", "")

    def play(self, path):
        """One row: file, status, steps that were played, text."""
        try:
            trace = Trace(path, self.calls)
        except (OSError, ValueError) as error:
            return {"file": path, "status": "error", "steps": 0, "text": str(error), "reason": None}
        why = trace.cannot()
        count = 0
        while why is None and count < len(trace.steps):
            why = trace.cannot_step(trace.steps[count])
            count += why is None
        row = {"file": path, "status": "skipped" if why else "equal", "steps": count, "text": f"at step {count}: {why}" if why else ""}
        row["reason"] = why
        left = [reason for reason in map(trace.leave_out, trace.steps[:count]) if reason]
        row["steps"] -= len(left)
        row["left_out"] = len(left)
        if left and not why:
            row["text"] = f"but for {len(left)} steps left out: {', '.join(sorted(set(left)))}"
            row["reason"] = f"left out: {', '.join(sorted(set(left)))}"
        if count:
            wrong = self.compare(trace, count)
            if wrong:
                return {**row, "status": "differs", "text": wrong}
        return row

    def compare(self, trace, count):
        console = self.console(trace, count)
        seen = {}
        for line in console.splitlines():
            match = VERDICT.match(line)
            if match:
                number, letter, *values = match.groups()
                seen.setdefault(int(number), (letter, *(int(v, 16) if v else 0 for v in values)))
        ids = []
        for number, step in enumerate(trace.steps[:count], 1):
            if number not in seen:
                last = [line for line in console.splitlines() if line.startswith(("player:", "touchstone: hart"))]
                return f"at step {number - 1}: no answer; {last[-1] if last else 'the console ends'}"
            got = seen[number]
            if trace.leave_out(step):
                continue
            if step.op in (CALL, ECALL) and got[0] == "r" and got[1] == 0:
                eid, fid = trace.eid_fid(step)
                if eid == COVH and fid & 0xFFFF in (5, 7):
                    ids.append(got[2])
            wrong = difference(step, got, ids)
            if wrong:
                return f"at step {number - 1}: {wrong}"
        return None


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone run --engine qemu", description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="traces, text or binary, or folders of them")
    parser.add_argument("--firmware", default=os.path.join(ROOT, "build/firmware"), metavar="DIR",
                        help="firmware build (default build/firmware)")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="COMMAND", help="emulator, with its arguments")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each equal trace, too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="boots at once")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="time limit of a boot (default 60)")
    parser.add_argument("--json", metavar="FILE", help="where to write the table for the report")
    return parser.parse_args()


def files_of(paths):
    found = []
    for path in paths:
        if os.path.isdir(path):
            inside = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
            found += sorted(name for name in inside if name.endswith((".trace", ".tst")))
        elif os.path.isfile(path):
            found.append(path)
        else:
            stop(4, f"{path}: no such file or folder")
    return found


def table(rows):
    """For the report: how many traces are equal, and why others end early."""
    count = {}
    for row in rows:
        key = (row["status"], row["reason"] if row["status"] in ("equal", "skipped") else row["text"])
        count.setdefault(key, []).append(row["steps"])
    lines = [
        {"cells": [status, why or "", len(steps), sum(steps)],
         "status": {"equal": "passed", "skipped": "skipped"}.get(status, "failed")}
        for (status, why), steps in sorted(count.items(), key=str)
    ]
    return fragment.table(
        "qemu-traces", "Traces on the firmware in QEMU", "Does the booted image answer a trace as the host library does?",
        "ci/touchstone run --engine qemu corpora", ["result", "~because", ">traces", ">steps played and equal"], lines,
        sum(row["status"] not in ("equal", "skipped") for row in rows))


def main():
    args = arguments()
    for name in ("fw.elf", "player.elf"):
        if not os.path.isfile(os.path.join(args.firmware, name)):
            stop(4, f"{args.firmware}/{name} does not exist: build it with cmake --preset firmware && cmake --build --preset firmware")
    try:
        subprocess.run([*args.qemu.split(), "--version"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        stop(3, f"{args.qemu} not found or not working: install the Debian package qemu-system-misc")
    player = Player(args)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(max(args.jobs, 1)) as pool:
        for row in pool.map(player.play, files_of(args.paths)):
            rows.append(row)
            if args.verbose or row["status"] in ("differs", "error"):
                print(f"{row['file']}: {row['status']} {row['text']}".rstrip(), flush=True)
    if args.json:
        fragment.write(args.json, table(rows))
    for row in table(rows)["rows"]:
        status, why, traces, steps = row["cells"]
        print(f"{traces:5} traces, {steps:6} steps: {status}{': ' + why if why else ''}")
    good = sum(row["status"] == "equal" for row in rows)
    bad = sum(row["status"] not in ("equal", "skipped") for row in rows)
    print(f"{len(rows)} traces, {good} equal, {len(rows) - good - bad} equal up to a step that is skipped, {bad} not equal")
    return 7 if any(row["status"] == "differs" for row in rows) else 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
