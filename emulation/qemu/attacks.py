#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the attacks of emulation/qemu/attacks, one boot each, and judges them.

An attack is "blocked" when every hart on which it was tried says so; "succeeded" when one got what it wanted; "error" when
the attack itself went wrong, or the boot did not come to its end; "skip", with the reason, where the machine cannot show
it; "limit" when it succeeded and its header says that nothing on this platform can stop it. With --disarm each attack runs on a
firmware without the defence that its header names, and has to succeed there: otherwise it would prove nothing.

Exit code: 0 all blocked (--disarm: all succeed); 1 some are not, or broke; 2 usage; 3 a tool is missing; 4 a file is in the way.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ATTACKS = os.path.join(HERE, "attacks")
sys.path.insert(0, HERE)

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import disarm  # noqa: E402 beside this file
import fragment  # noqa: E402

HARTS = 4
VERDICT = re.compile(r"attack: hart (\d+): (blocked|SUCCEEDED|error|skip): (.*)")
END = "attack: end"
FATAL = re.compile(r"touchstone: (hart \d+: .*|cannot start.*)")
FIELD = re.compile(r"^ \* (Attack|Stopped by|Succeeds without|Machine): (.*(?:\n \*   .*)*)", re.M)
NOTHING = "nothing"


class Attack:
    """One attack, with what the header of its source says."""

    def __init__(self, source):
        with open(source, encoding="utf-8") as stream:
            head = stream.read().split("*/\n#include", 1)[0]
        fields = {name: re.sub(r"\n \*   ", " ", text).strip() for name, text in FIELD.findall(head)}
        missing = {"Attack", "Stopped by", "Succeeds without"} - set(fields)
        if missing:
            stop(4, f"{source}: the header has no '{sorted(missing)[0]}:'")
        self.name = os.path.splitext(os.path.basename(source))[0]
        self.text, self.defence = fields["Attack"], fields["Stopped by"]
        without = [word.strip() for word in fields["Succeeds without"].split(",")]
        self.limit = without == [NOTHING]
        self.patches = [] if self.limit else without
        words = [word.strip() for word in fields.get("Machine", "").split(",") if word.strip()]
        self.cpu = [word for word in words if "=" in word and " " not in word]
        self.together = "together" in words
        self.devices = [word.split(" ", 1)[1] for word in words if word.startswith("device ")]
        self.limited = next((word.split(" ", 1)[1] for word in words if word.startswith("limit ")), None)
        self.needs = next((word.split(" ", 1)[1] for word in words if word.startswith("disarmed ")), None)


class Emulator:
    def __init__(self, command):
        self.command = command
        try:
            done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            stop(3, f"{command[0]} not found or not working: install the Debian package qemu-system-misc")
        found = re.search(r"version (\d+(?:\.\d+)*)", done.stdout)
        self.version = found.group(1) if found else "unknown"

    def boot(self, attack, firmware, image, seconds, until_success):
        """Console of one boot, and why it was cut short, or None. `until_success`: no need to see what comes after."""
        cpu = ",".join(["rv64,h=true", *attack.cpu])
        command = [*self.command, "-M", "virt", "-cpu", cpu, "-smp", str(HARTS), "-m", "128M", "-nographic", "-no-reboot"]
        command += [] if attack.together else ["-icount", "shift=10,sleep=off"]
        for device in attack.devices:
            command += ["-device", device]
        command += ["-bios", firmware, "-kernel", image]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   errors="replace")
        late = threading.Event()
        watch = threading.Timer(seconds, lambda: (late.set(), process.kill()))
        watch.start()
        lines = []
        for line in process.stdout:
            lines.append(line.replace("\0", "").rstrip())
            if (until_success and ": SUCCEEDED: " in line) or FATAL.search(line):
                process.kill()
        process.wait()
        watch.cancel()
        return "\n".join(lines) + "\n", f"no end within {seconds} seconds" if late.is_set() else None


def stop(code, text):
    print(f"attacks.py: {text}", file=sys.stderr)
    sys.exit(code)


def arguments():
    parser = argparse.ArgumentParser(prog="touchstone attacks", description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build/firmware"), metavar="DIR",
                        help="firmware build with the attacks (default build/firmware)")
    parser.add_argument("--qemu", action="append", metavar="COMMAND",
                        help="emulator, with its arguments if it needs any; again for more (default qemu-system-riscv64)")
    parser.add_argument("--only", action="append", metavar="WORD", help="attacks with WORD in their name or patches; again for more")
    parser.add_argument("--disarm", action="store_true", help="each attack on a firmware without its defence: all must succeed")
    parser.add_argument("--list", action="store_true", help="print what each attack does, and end")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="boots at once")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="time limit of a boot (default 60)")
    parser.add_argument("--output", default=os.path.join(ROOT, "build/results/attacks"), metavar="DIR", help="for consoles")
    parser.add_argument("--json", metavar="FILE", help="where to write the result for the report")
    args = parser.parse_args()
    if args.jobs < 1 or args.seconds < 1:
        parser.error("--jobs and --seconds take positive numbers")
    return args


def select(only):
    sources = sorted(os.path.join(ATTACKS, name) for name in os.listdir(ATTACKS) if name.endswith(".c"))
    found = [Attack(source) for source in sources]
    if only:
        found = [a for a in found if any(word in name for word in only for name in [a.name, *a.patches])]
        if not found:
            stop(2, f"no attack has '{only[0]}' in its name")
    return found


def of_version(emulator, major):
    """Is it of this major version? None is no version."""
    return major is not None and emulator.version.split(".")[0] == major


def judge(console, cut, disarmed, limit):
    """(outcome, detail) of one boot. `disarmed`: nothing is asked of the boot after a success. `limit`: it may succeed."""
    said = [(int(hart), word, how) for hart, word, how in VERDICT.findall(console)]
    words = {word for _, word, _ in said}
    of = {word: f"hart {hart}: {how}" for hart, word, how in reversed(said)}
    if disarmed and "SUCCEEDED" in words:
        return "succeeded", of["SUCCEEDED"]
    fatal = FATAL.search(console)
    if fatal:
        return "error", fatal.group(0)
    if "error" in words:
        return "error", of["error"]
    if "SUCCEEDED" in words:
        return ("limit" if limit else "succeeded"), of["SUCCEEDED"]
    if cut or END not in console.splitlines():
        return "error", cut or "the boot did not come to its end"
    if sorted(hart for hart, _, _ in said) != list(range(HARTS)):
        return "error", f"{len(said)} verdicts of {HARTS} harts"
    return ("skip", of["skip"]) if "skip" in words else ("blocked", of["blocked"])


class Run:
    def __init__(self, args, attacks):
        self.args, self.attacks = args, attacks
        self.emulators = [Emulator(command.split()) for command in args.qemu or ["qemu-system-riscv64"]]
        self.firmware = os.path.join(args.build, "fw.elf")
        self.disarmed = {}
        os.makedirs(args.output, exist_ok=True)

    def image(self, attack):
        return os.path.join(self.args.build, "attacks", attack.name + ".elf")

    def check_files(self):
        for path in [self.firmware, *map(self.image, self.attacks)]:
            if not os.path.isfile(path):
                stop(4, f"{path} does not exist: build it with cmake --preset firmware && cmake --build --preset firmware")

    def build_disarmed(self):
        builder = disarm.Builder(ROOT, self.args.build, os.path.join(self.args.output, "firmware"))
        for patches in sorted({tuple(a.patches) for a in self.attacks if a.patches}):
            try:
                self.disarmed[patches] = builder.build(patches)
            except disarm.Failed as error:
                stop(1, str(error))

    def one(self, work):
        attack, emulator = work
        disarmed = self.args.disarm
        result = {"attack": attack.name, "qemu": emulator.version, "without": ", ".join(attack.patches) if disarmed else ""}
        if disarmed and attack.needs and not of_version(emulator, attack.needs):
            return {**result, "outcome": "skip", "detail": f"shown on QEMU {attack.needs} only"}
        firmware = self.disarmed[tuple(attack.patches)] if disarmed else self.firmware
        console, cut = emulator.boot(attack, firmware, self.image(attack), self.args.seconds, disarmed)
        name = f"{attack.name}.qemu{emulator.version}{'.disarmed' if disarmed else ''}.log"
        with open(os.path.join(self.args.output, name), "w", encoding="utf-8") as out:
            out.write(console)
        limit = attack.limit or of_version(emulator, attack.limited)
        outcome, detail = judge(console, cut, disarmed, limit)
        return {**result, "outcome": outcome, "detail": detail}

    def all(self):
        works = [(a, e) for e in self.emulators for a in self.attacks if not (self.args.disarm and a.limit)]
        results = []
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            for number, result in enumerate(pool.map(self.one, works), 1):
                results.append(result)
                print(f"[{number:3}/{len(works)}] QEMU {result['qemu']:7} {result['attack']:28} {result['outcome']:9} "
                      f"{result['detail']}", flush=True)
        return results


def table(results, attacks, disarmed):
    """A table for the report: one row per attack and emulator."""
    wanted = "succeeded" if disarmed else "blocked"
    text = {a.name: (a.text, a.defence) for a in attacks}

    def status(result):
        if result["outcome"] in ("skip", "limit"):
            return "skipped"
        return "passed" if result["outcome"] == wanted else "failed"

    rows = [
        {"cells": [r["attack"], *text[r["attack"]], r["without"], r["qemu"], r["outcome"], r["detail"]], "status": status(r)}
        for r in results
    ]
    return fragment.table(
        "disarmed" if disarmed else "attacks",
        "Attacks without their defence" if disarmed else "Attacks in QEMU",
        "Is each attack real: does it succeed on a firmware that lacks the defence which stops it?" if disarmed
        else "Does the image that ships stop what a hypervisor or a guest tries, on every hart?",
        "ci/attacks",
        ["attack", "what is tried", "what stops it", "taken away", "QEMU", "outcome", "first hart"],
        rows,
        notes=[f"{r['attack']}, QEMU {r['qemu']}: {r['outcome']}: {r['detail']}" for r in results
               if r["outcome"] in ("skip", "limit")],
    )


def write(path, value):
    try:
        fragment.write(path, value)
    except OSError as error:
        stop(4, f"cannot write {path}: {error.strerror}")


def main():
    args = arguments()
    attacks = select(args.only)
    if args.list:
        for attack in attacks:
            without = "nothing stops it here" if attack.limit else "succeeds without " + ", ".join(attack.patches)
            print(f"{attack.name}\n  {attack.text}\n  stopped by {attack.defence}\n  {without}")
        return 0
    if shutil.which("patch") is None and args.disarm:
        stop(3, "patch not found: install the Debian package patch")
    run = Run(args, attacks)
    run.check_files()
    if args.disarm:
        run.build_disarmed()
    results = run.all()
    result = table(results, attacks, args.disarm)
    if args.json:
        write(args.json, result)
    count = {o: sum(r["outcome"] == o for r in results) for o in ("blocked", "succeeded", "limit", "skip")}
    good = f"{count['succeeded']} succeed without their defence" if args.disarm else f"{count['blocked']} blocked"
    print(f"attacks: {good}, {result['failed']} not, {count['limit']} known limits, {count['skip']} skipped")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
