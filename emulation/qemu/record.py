#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the log of the QEMU payload into traces that replay on the host library.

Each line of the log that begins with '@' (payload.h has the list) becomes one operation with what came of it on the
real firmware as expectation. Addresses become handles, as far as the argument of the call is a physical address, so
the trace is independent of where things lie. Names and kinds of arguments come from monitor/abi/calls.def.

Contents of pages that the monitor copies are not in the log: a fill pattern stands for them.

A line '@trace NAME' begins another trace. The first one is written to FILE, the others beside it, with their name at
the end: FILE_NAME.trace.

Exit code: 0 written; 1 the log has no trace in it, or one that does not fit; 2 usage; 4 a file is in the way.
"""

import argparse
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = 4096

# Physical memory as the trace format names it: handle, first address, number of frames.
RANGES = (
    ("win", 0x84000000, 1024),
    ("mon", 0x80000000, 512),
    ("ram", 0x80200000, 1024),
    ("mmio", 0x02000000, 16),
)
PHYSICAL = {"CONF_PAGE", "CONF_PAGES", "HOST_BUF", "HOST_PAGE"}
MAX_RECORDS = 512
ECALL_FROM_GUEST = 10

HEADER = """\
# Recorded from the real firmware in QEMU by emulation/qemu/record.py: {what}.
# Each expectation is what the firmware answered there.
touchstone 1 harts=4
"""

WHAT = {
    "payload": "two confidential guests one after the other, in the same frames",
    "vcpus": "four vCPUs of one TVM on four harts that start, interrupt, fence, stop and suspend each other",
    "devices": "a guest with an emulated device, memory that it shares and takes back, console and injected interrupt",
    "promoted": "a VM of the host that is promoted to a TVM, with two vCPUs",
}


class BadLog(Exception):
    """A line that cannot be understood; the text says which."""


def number(text):
    return int(text, 16)


def read_file(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError as error:
        print(f"record.py: {path}: {error.strerror}", file=sys.stderr)
        sys.exit(4)


class Abi:
    """The call table and the constants that the trace text knows by name."""

    def __init__(self):
        constants = read_file(os.path.join(ROOT, "monitor/abi/sbi.h"))
        ids = re.findall(r"#define SBI_EID_(\w+) (0x\w+?)u?\n", constants)
        self.eid = {name: number(value) for name, value in ids}
        self.eid_name = {value: name for name, value in self.eid.items()}
        self.error = {0: "SUCCESS"}
        for name, value in re.findall(r"#define SBI_ERR_(\w+) \((-\d+)\)", constants):
            self.error[int(value)] = name
        table = re.sub(r"/\*.*?\*/", "", read_file(os.path.join(ROOT, "monitor/abi/calls.def")), flags=re.S)
        fields = r"0x\w+,\s*(HOST|GUEST),\s*(\w+),\s*(\d+),\s*(\w+),\s*(ABI_\w+.*?)"
        self.calls = {}
        for entry in re.findall(r"ABI_CALL(?:_UNSERVED)?\(" + fields + r"\)\n", table, re.S):
            caller, extension, fid, name, arguments = entry
            kinds = re.findall(r"ABI_ARG\((\w+),\s*(\w+)\)", arguments)
            self.calls[(caller, self.eid[extension], int(fid))] = (name, kinds)

    def find(self, caller, eid, fid):
        return self.calls.get((caller, eid, fid))


def plain(value):
    return str(value) if value < PAGE else hex(value)


def physical(address):
    """Handle of a physical address, or the number when no handle names it."""
    for name, base, frames in RANGES:
        if base <= address < base + frames * PAGE:
            frame, offset = divmod(address - base, PAGE)
            return f"{name}[{frame}]" + (f"+{offset:#x}" if offset else "")
    return plain(address)


def host_memory(address):
    """Handle of memory that the payload uses: it must be among what a trace can name."""
    handle = physical(address)
    if not handle.startswith("ram["):
        raise BadLog(f"{address:#x} is not in the host memory of a trace")
    return handle


class Recorder:
    """One log on its way to a trace."""

    def __init__(self, abi, name):
        self.abi = abi
        self.name = name
        self.lines = []
        self.records = 0
        self.tvms = {}  # id on the real machine -> handle
        self.pending = None  # guest operation whose exit has not been seen
        self.fills = 0

    def comment(self, text):
        self.lines.append(f"# {text}")

    def operation(self, hart, text, expected=None):
        self.records += 1 if expected is None else 2
        self.lines.append(f"{hart} {text}" + (f" -> {expected}" if expected else ""))

    # --- arguments and answers

    def argument(self, kind, name, value, caller="HOST"):
        if caller == "HOST" and (kind in PHYSICAL or (kind == "PC" and name == "start_addr")):
            return physical(value)
        if kind == "TVM":
            return self.tvms.get(value, plain(value))
        if kind == "EID":
            return self.abi.eid_name.get(value, plain(value))
        return plain(value)

    def call_text(self, caller, eid, fid, args):
        """Text of a call, and its name when the table has it."""
        found = self.abi.find(caller, eid, fid)
        if found is None:
            words = [f"a{i}={plain(value)}" for i, value in enumerate(args)]
            words += [f"a6={plain(fid)}", f"a7={self.argument('EID', 'a7', eid)}"]
            return f"{'host' if caller == 'HOST' else 'guest'}_ecall({', '.join(words)})", None
        name, kinds = found
        words = [f"{arg}={self.argument(kind, arg, value, caller)}" for (kind, arg), value in zip(kinds, args)]
        return f"{name}({', '.join(words)})", name

    def answer(self, error, value, name=None):
        error = error - (1 << 64) if error >> 63 else error
        if error not in self.abi.error:
            raise BadLog(f"unknown error {error}")
        if error != 0:
            return f"{self.abi.error[error]} {plain(value)}"
        if name in ("covh_create_tvm", "covh_promote_to_tvm"):
            handle = f"tvm[{len(self.tvms)}]"
            self.tvms[value] = handle
            return f"SUCCESS {handle}"
        return f"SUCCESS {plain(value)}"

    # --- lines, one method per first word

    def line_call(self, hart, words):
        at = words.index("->")
        eid, fid, *args = [number(word) for word in words[:at]]
        text, name = self.call_text("HOST", eid, fid, args)
        answer = words[at + 1 :]
        if answer == ["none"]:
            self.operation(hart, text)
        else:
            self.operation(hart, text, self.answer(number(answer[0]), number(answer[1]), name))

    def line_enter(self, hart, words):
        eid, fid, *args = [number(word) for word in words]
        self.operation(hart, self.call_text("HOST", eid, fid, args)[0], "ENTER")

    def line_guest(self, hart, words):
        what, rest = words[0], words[1:]
        if what == "note":
            self.comment(f"{hart}: the guest {' '.join(rest)}")
            return
        if what == "reg":
            self.operation(hart, f"guest_reg(reg={number(rest[0])}, value={plain(number(rest[1]))})")
            return
        at = rest.index("->")
        args, outcome = [number(word) for word in rest[:at]], rest[at + 1 :]
        name = None
        if what == "load":
            text = f"guest_load(addr={hex(args[0])}, width={args[1]})"
        elif what == "store":
            text = f"guest_store(addr={hex(args[0])}, width={args[1]}, value={plain(args[2])})"
        elif what == "fetch":
            text = f"guest_fetch(addr={hex(args[0])})"
        elif what == "virtual":
            text = f"guest_virtual(insn={hex(args[0])})"
        elif what == "exec":
            text = f"guest_exec(insn={hex(args[0])}, addr={hex(args[1])}, tinst=0)"
        elif what == "csr" and len(args) == 1:
            text = f"guest_csr_read(csr={hex(args[0])})"
        elif what == "csr":
            text = f"guest_csr_write(csr={hex(args[0])}, value={plain(args[1])})"
        elif what == "wfi":
            text = "guest_wfi()"
        elif what == "interrupted":
            text = f"irq(number={args[0]}, level=1)"
        elif what == "call":
            text, name = self.call_text("GUEST", args[0], args[1], (args[2:] + [0] * 6)[:6])
        else:
            raise BadLog(f"the guest cannot {what}")
        if outcome == ["none"]:
            self.operation(hart, text, "NONE")
        elif outcome == ["exit"]:
            self.pending = text
        elif outcome[0] == "value":
            self.operation(hart, text, f"VALUE {plain(number(outcome[1]))}")
        elif outcome[0] == "trap":
            self.operation(hart, text, f"TRAP {number(outcome[1])}")
        else:
            self.operation(hart, text, self.answer(number(outcome[0]), number(outcome[1]), name))

    def line_exit(self, hart, words):
        error, *values = [number(word) for word in words]
        if self.pending is None or error != 0:
            raise BadLog("an exit that nothing led to")
        shown = dict(zip(("value", "scause", "stval", "htval", "htinst", "a0", "a1", "a6", "a7"), values))
        # A trace compares at most seven: of a call its registers, of everything else a0 at most.
        if "a7" in shown and shown["scause"] == ECALL_FROM_GUEST:
            names = ("value", "scause", "a0", "a1", "a6", "a7")
        else:
            names = tuple(name for name in shown if name not in ("a1", "a6", "a7"))
        fields = [f"{name}={plain(shown[name])}" for name in names]
        self.operation(hart, self.pending, "EXIT error=SUCCESS " + " ".join(fields))
        self.pending = None

    def line_ram(self, hart, words):
        address, value = [number(word) for word in words]
        self.operation(hart, f"host_write64(addr={host_memory(address)}, value={physical(value)})")

    def line_copy(self, hart, words):
        address, length = [number(word) for word in words]
        self.fills += 1
        self.operation(hart, f"host_fill(addr={host_memory(address)}, len={plain(length)}, pattern={self.fills})")

    def line_load(self, hart, words):
        address, value = number(words[0]), number(words[2])
        self.operation(hart, f"host_load(addr={host_memory(address)}, width=8)", f"VALUE {plain(value)}")

    def line_probe(self, hart, words):
        kind, address, width, _, outcome, value = words
        place = f"addr={physical(number(address))}"
        text = {"load": f"{place}, width={width}", "store": f"{place}, width={width}, value=0", "fetch": place}[kind]
        self.operation(hart, f"host_{kind}({text})", f"{outcome.upper()} {number(value)}")

    def line_irq(self, hart, words):
        self.operation(hart, f"irq(number={number(words[0])}, level={number(words[1])})")

    def line_csr(self, hart, words):
        csr, value = number(words[0]), number(words[1])
        self.operation(hart, f"host_csr_write(csr={hex(csr)}, value={plain(value)})", "VALUE 0")

    def line_fdt(self, hart, words):
        address, cpus, base, size = [number(word) for word in words]
        text = f"addr={host_memory(address)}, cpus={cpus}, mem_base={hex(base)}, mem_size={hex(size)}"
        self.operation(hart, f"host_fdt({text})")

    def line(self, text):
        if text.startswith("## "):
            self.lines.append("")
            self.comment(text[3:])
        if not text.startswith("@"):
            return
        words = text[1:].split()
        try:
            getattr(self, "line_" + words[0])(words[1], words[2:])
        except (AttributeError, KeyError, IndexError, ValueError) as error:
            raise BadLog(f"not understood: {text[:100]} ({error})") from error

    def trace(self):
        if not self.records:
            raise BadLog("no line of the payload in it")
        if self.pending is not None:
            raise BadLog("it ends inside of a guest")
        if self.records > MAX_RECORDS:
            raise BadLog(f"{self.records} operations and expectations, a trace has at most {MAX_RECORDS}")
        return HEADER.format(what=WHAT.get(self.name, self.name)) + "\n".join(self.lines) + "\n"


def record(path):
    """Name and text of each trace in the log."""
    abi = Abi()
    recorders = []
    for count, line in enumerate(read_file(path).splitlines(), 1):
        if line.startswith("@trace "):
            recorders.append(Recorder(abi, line.split()[1]))
            continue
        if not recorders and line.startswith("@"):
            recorders.append(Recorder(abi, "payload"))
        try:
            if recorders:
                recorders[-1].line(line.strip())
        except BadLog as error:
            raise BadLog(f"line {count}: {error}") from error
    if not recorders:
        raise BadLog("no line of the payload in it")
    return [(recorder.name, recorder.trace()) for recorder in recorders]


def file_of(out, name, first):
    """Where a trace goes."""
    stem, suffix = os.path.splitext(out)
    return out if first else f"{stem}_{name}{suffix}"


def main():
    parser = argparse.ArgumentParser(prog="touchstone record", description=__doc__.split("\n")[0])
    parser.add_argument("log", help="console log of the payload")
    parser.add_argument("-o", dest="out", required=True, help="(first) trace to write")
    parser.add_argument("--force", action="store_true", help="overwrite")
    args = parser.parse_args()
    try:
        traces = record(args.log)
    except BadLog as error:
        print(f"record.py: {args.log}: {error}", file=sys.stderr)
        return 1
    for index, (name, text) in enumerate(traces):
        path = file_of(args.out, name, index == 0)
        try:
            with open(path, "w" if args.force else "x", encoding="utf-8") as out:
                out.write(text)
        except OSError as error:
            print(f"record.py: {path}: {error.strerror}", file=sys.stderr)
            return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
