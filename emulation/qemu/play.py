#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays traces on the firmware in QEMU and compares each step with what the trace says of it.

The host's side of a trace is carried out by a program on the booted image (player/player.c): calls, loads, stores, fetches,
CSRs, fences, on the harts that the trace names. What guests do is done by instructions of the guest (play_guest.py). A file
is "equal", "skipped at step N: reason" (all before it was played and equal), or "differs at step N". Steps whose outcome
depends on the machine are left out, and counted.

Exit code: 0 nothing differs; 1 a file is no trace; 2 usage; 3 a tool is missing; 4 a file is in the way; 7 a step differs.
"""

import argparse
import concurrent.futures
import json
import os
import struct
import subprocess
import sys
import tempfile

import gdb
import play_guest
import play_harts
from play_trace import BUILD, CALL, COVH, ECALL, ROOT, SRST, TRACE_AT, VERDICT, Trace, abi_calls, difference

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import fragment  # noqa: E402

PLAYER_SYMBOLS = ["payload_main", "entering", "hand_over", "finish", "next", "turn", "away", "alive", "tvm_count"]


def symbols(path, names):
    """Addresses of names in a 64-bit little-endian ELF file."""
    with open(path, "rb") as stream:
        data = stream.read()
    offset, size, count = struct.unpack_from("<Q", data, 0x28)[0], *struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + n * size) for n in range(count)]
    found = {}
    for section in (s for s in sections if s[1] == 2):
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            text = data[strings + name : data.index(b"\0", strings + name)].decode()
            if text in names:
                found[text] = value
    if len(found) != len(names):
        stop(4, f"{path} has no symbol {sorted(set(names) - set(found))[0]}")
    return found


def stop(code, text):
    print(f"play.py: {text}", file=sys.stderr)
    sys.exit(code)


class Player:
    def __init__(self, args):
        self.args = args
        self.again = set()  # traces that took a second boot
        self.calls = abi_calls()
        self.symbols = symbols(os.path.join(args.firmware, "fw.elf"), ["trap_mret"])
        self.symbols.update(symbols(os.path.join(args.firmware, "player.elf"), PLAYER_SYMBOLS))

    def command(self, trace, blob):
        command = [*self.args.qemu.split(), "-M", "virt", "-cpu", "rv64,h=true,v=true", "-smp", str(trace.harts)]
        command += ["-m", "128M", "-nographic", "-no-reboot", "-bios", os.path.join(self.args.firmware, "fw.elf")]
        command += ["-kernel", os.path.join(self.args.firmware, "player.elf")]
        return command + ["-device", f"loader,file={blob},addr={TRACE_AT:#x},force-raw=on"]

    def alone(self, command):
        """Console of a boot in which no guest is entered."""
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  errors="replace", timeout=self.args.seconds, check=False)
            return done.stdout
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace")

    def with_guests(self, command, trace, count, folder):
        """
        The console; what was seen of guests, by number of the step; and the step that cannot be played, with the reason.
        Raises gdb.Dead when the emulator's port does.
        """
        socket = os.path.join(folder, "gdb")
        why = None
        with open(os.path.join(folder, "console"), "w+b") as out:
            process = subprocess.Popen([*command, "-S", "-gdb", f"unix:{socket},server=on,wait=off"], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT)
            session = None
            try:
                port = gdb.Port(socket, trace.harts, self.args.seconds)
                session = play_guest.Session(port, self.symbols, trace.steps[:count], trace.eid_fid, trace.leave_out)
                session.play()
            except play_harts.Cannot as reason:
                why = session.number, str(reason)
            except gdb.Dead:
                raise
            except gdb.Lost:
                pass  # then an answer is missing, or the trace has switched the machine off
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            return out.read().decode(errors="replace"), session.seen if session else {}, why

    def play(self, path):
        """One row: file, status, steps that were played, text."""
        try:
            trace = Trace(path, self.calls)
        except (OSError, ValueError) as error:
            return {"file": path, "status": "error", "steps": 0, "steps_of_all": 0, "text": str(error), "reason": None}
        why = trace.cannot()
        count = 0
        while why is None and count < len(trace.steps):
            why = trace.cannot_step(trace.steps[count])
            count += why is None
        wrong = None
        if count:
            count, reason, wrong = self.compare(path, trace, count)
            why = reason or why
        row = {"file": path, "status": "skipped" if why else "equal", "steps": count, "text": f"at step {count}: {why}" if why else ""}
        row["reason"], row["steps_of_all"] = why, len(trace.steps)
        left = [reason for reason in map(trace.leave_out, trace.steps[:count]) if reason]
        row["steps"] -= len(left)
        row["left_out"] = len(left)
        if left and not why:
            row["text"] = f"but for {len(left)} steps left out: {', '.join(sorted(set(left)))}"
            row["reason"] = f"left out: {', '.join(sorted(set(left)))}"
        if path in self.again and not row["reason"]:
            row["text"] = row["reason"] = "played twice: at first the debugging port fell silent"
        return {**row, "status": "differs", "text": wrong} if wrong else row

    def compare(self, path, trace, count):
        """Plays `count` steps: how many could be, why no more (None: all of them), what differs (None: nothing)."""
        guests, why = {}, None
        with tempfile.TemporaryDirectory() as folder:
            blob = os.path.join(folder, "trace")
            with open(blob, "wb") as out:
                out.write(trace.blob(count))
            command = self.command(trace, blob)
            if trace.has_guests(count):
                try:
                    console, guests, why = self.with_guests(command, trace, count, folder)
                except gdb.Dead:
                    # Not the firmware's silence, which is no answer: told, and tried once more.
                    self.again.add(path)
                    print(f"{path}: the debugging port fell silent, played again", file=sys.stderr)
                    try:
                        console, guests, why = self.with_guests(command, trace, count, folder)
                    except gdb.Dead:
                        console = "player: the debugging port fell silent twice"
            else:
                console = self.alone(command)
        seen = {}
        for line in console.replace("\r", "").replace("\0", "").splitlines():
            match = VERDICT.match(line)
            if match:
                number, letter, values = match.groups()
                seen[int(number)] = (letter, *(int(v, 16) for v in values.split()))
        if why:
            count, why = why[0] - 1, why[1]
        ids, reset = [], False
        for number, step in enumerate(trace.steps[:count], 1):
            got = guests.get(number) or seen.get(number)
            if reset:
                got = "n", 0, 0
            if got is None:
                last = [line for line in console.splitlines() if line.startswith(("player:", "touchstone: hart"))]
                return count, None, f"at step {number - 1}: no answer; {last[-1] if last else 'the console ends'}"
            if trace.leave_out(step):
                continue
            if step.op in (CALL, ECALL) and got[0] == "r" and got[1] == 0:
                eid, fid = trace.eid_fid(step)
                if eid == COVH and fid & 0xFFFF in (5, 7):
                    ids.append(got[2])
            if step.op in (CALL, ECALL) and got[0] == "x":
                got = ("r", *got[1:3])  # no guest was entered
            reset = reset or step.op in (CALL, ECALL) and trace.eid_fid(step) == (SRST, 0) and got[0] == "n"
            wrong = difference(step, got, ids)
            if wrong:
                return count, None, f"at step {number - 1}: {wrong}"
        return count, why, None


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone run --engine qemu", description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="traces, text or binary, or folders of them")
    parser.add_argument("--firmware", default=os.path.join(ROOT, "build/firmware"), metavar="DIR",
                        help="firmware build (default build/firmware)")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="COMMAND", help="emulator, with its arguments")
    parser.add_argument("--all-engines", action="store_true", help="run the traces on host library and Unicorn too, for the table")
    parser.add_argument("--unicorn", metavar="FILE", help="for --all-engines: what run --engine unicorn --json has printed before")
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


def verdicts(paths, words):
    """What `touchstone run` with these words says of each file: "equal", or its own word and reason; {} when it cannot run."""
    done = subprocess.run([os.path.join(BUILD, "touchstone"), "run", *words, "--json", *paths], stdout=subprocess.PIPE, check=False)
    try:
        return verdicts_in(done.stdout)
    except (ValueError, KeyError):
        return {}


def verdicts_of_unicorn(args):
    """The same of that engine, or of the file in which it has said so already."""
    if args.unicorn is None:
        return verdicts(args.paths, ["--engine", "unicorn"])
    try:
        with open(args.unicorn, encoding="utf-8") as stream:
            return verdicts_in(stream.read())
    except (OSError, ValueError, KeyError) as problem:
        return stop(4, f"{args.unicorn}: not what touchstone run --engine unicorn --json prints: {problem}")


def verdicts_in(text):
    files = json.loads(text)["files"]
    said = {}
    for entry in files:
        verdict = entry.get("verdict") or {"ok": "equal"}.get(entry["status"], entry["status"])
        why = entry.get("reason") if verdict == "skipped" else None
        said[entry["file"]] = f"{verdict}: {why}" if why else verdict
    return said


def table(rows, others):
    """For the report: how many traces are equal, on which engines, and why others end early. `others`: {engine: {file: verdict}}."""
    count = {}
    for row in rows:
        said = [said.get(row["file"], "not run") for said in others.values()]
        why = row["reason"] if row["status"] in ("equal", "skipped") else row["text"]
        whole = {"skipped": "equal, but not to the end"}.get(row["status"], row["status"])
        count.setdefault((*said, whole, why or ""), []).append((row["steps"], row["steps_of_all"]))
    lines = []
    for key, steps in sorted(count.items()):
        wrong = [word for word in key[:-1] if not word.startswith(("equal", "skipped", "not run"))]
        ends = key[-2] == "equal" and all(word == "equal" for word in key[:-2])
        lines.append({"cells": [*key, len(steps), sum(s for s, _ in steps), sum(s for _, s in steps)],
                      "status": "failed" if wrong else "passed" if ends else "skipped"})
    return fragment.table(
        "qemu-traces", "Traces on all engines" if others else "Traces on the firmware in QEMU",
        "Does the booted image answer a trace as the host library does, and the firmware in Unicorn?",
        f"ci/touchstone run --engine qemu{' --all-engines' if others else ''} corpora",
        [*others, "firmware in QEMU", "~because", ">traces", ">operations played in QEMU", ">of"], lines,
        sum(row["status"] not in ("equal", "skipped") for row in rows),
        notes=["Guests' operations are instructions of guests, also in QEMU. A trace that is not played to its end was equal up to "
               "there."])


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
    others = {}
    if args.all_engines:
        others = {"host library": verdicts(args.paths, []), "firmware in Unicorn": verdicts_of_unicorn(args)}
    result = table(rows, others)
    if args.json:
        fragment.write(args.json, result)
    for row in result["rows"]:
        *verdict, why, traces, steps, of = row["cells"]
        print(f"{traces:5} traces, {steps:6} of {of:6} steps: {' | '.join(verdict)}{': ' + why if why else ''}")
    good = sum(row["status"] == "equal" for row in rows)
    bad = sum(row["status"] not in ("equal", "skipped") for row in rows)
    print(f"{len(rows)} traces, {good} equal, {len(rows) - good - bad} equal up to a step that is skipped, {bad} not equal")
    return 7 if any(row["status"] == "differs" for row in rows) else 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
