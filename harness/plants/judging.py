# SPDX-License-Identifier: Apache-2.0
"""Lets the harness loose on a planted build and says what it saw first.

Order: the seeds with their expectations, then the hunt, each on the fast build and on those with sanitizers, then harts
that overlap, which for plants of class CONC come before the hunt; then, if
nothing was seen or the patch is about the hardware, the world switch of the patched firmware on Unicorn and its boot in
QEMU. The first that objects decides, unless the clean monitor makes it
object to the same trace: then the harness is wrong, and that is no detection. Its name is the oracle of the verdict:

  OWN LIV ORD   an oracle of the harness        SAN   a sanitizer, or a crash
  SEED          a seed's step answered otherwise than written in it
  REG           the register replay on Unicorn  BOOT  the payload in QEMU
  FAULT         a call that fails has changed something

A patch may say who alone is to judge it: "Judge: interleave", "Judge: faults" for fault_injection_test, or "Judge: switch".
"""

import ctypes
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
import time

import planting

HUNT_EXIT = {0, 5}
FIXED_WORK_SECONDS = 60
SHORT_REPLAY = ["--runs", "600", "--pairs", "60"]  # most that are seen at all are seen in these
INTERLEAVE_STEPS = {"plain": 5000000, "fine": 60000000}
ADDR_NO_RANDOMIZE = 0x0040000
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0:allocator_may_return_null=1",
    "MSAN_OPTIONS": "abort_on_error=1",
    "UBSAN_OPTIONS": "abort_on_error=1:print_stacktrace=0",
}


class Verdict:
    def __init__(self):
        self.detected = False
        self.oracle = None
        self.property = None
        self.call = None
        self.text = None
        self.executions = 0
        self.cpu_seconds = 0.0
        self.schedule = None  # arguments of `touchstone interleave` that show it
        self.reproducer = None  # trace that shows it on the patched build
        self.seed = None  # seed that shows it
        self.candidates = []  # (kind, path) of all seeds that some oracle objects to, those that show it in the fewest steps first
        self.crashed = False  # the process that ran the seeds died: one of them shows it

    def withdraw(self, reason):
        self.detected = False
        self.oracle = None
        self.text = reason

    def found(self, oracle, text, **more):
        self.detected = True
        self.oracle = oracle
        self.text = text
        for name, value in more.items():
            setattr(self, name, value)


class Children:
    """Processes that were started and not yet ended, so that an interruption ends them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = set()
        self.stopped = False

    def run(self, words, env, limit, folder):
        """Returns (exit code, output, errors, processor seconds). `limit`: processor seconds before it is killed."""
        def bound():
            # Many random bits in addresses do not go well with the shadow memory of sanitizers.
            ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 3))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        out, err = os.path.join(folder, "out.txt"), os.path.join(folder, "err.txt")
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            with self.lock:
                if self.stopped:
                    raise KeyboardInterrupt
                child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=folder,
                                         env=env, preexec_fn=bound, start_new_session=True)
                self.running.add(child)
            # Nothing that is judged sleeps for long; the rest of the allowance is for a busy machine.
            watchdog = threading.Timer(20 * limit + 60, child.kill)
            watchdog.start()
            try:
                _, status, usage = os.wait4(child.pid, 0)
            finally:
                watchdog.cancel()
                with self.lock:
                    self.running.discard(child)
            child.returncode = os.waitstatus_to_exitcode(status)
        with open(out, encoding="utf-8", errors="replace") as stream:
            output = stream.read()
        with open(err, encoding="utf-8", errors="replace") as stream:
            errors = stream.read()
        return child.returncode, output, errors, usage.ru_utime + usage.ru_stime

    def stop(self):
        with self.lock:
            self.stopped = True
            for child in self.running:
                try:
                    os.killpg(child.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass


def sanitizer_text(errors):
    """The line in which a sanitizer says what it saw, without addresses."""
    for pattern in (r"(?:ERROR|WARNING): \w+Sanitizer: ([^\n]*)", r"runtime error: ([^\n]*)"):
        match = re.search(pattern, errors)
        if match:
            text = re.sub(r"0x[0-9a-f]{6,}", "(address)", match.group(1))
            frames = re.findall(r"#\d+ \S+ in (\S+) (?:\S*/)?((?:monitor|harness)/\S+:\d+)", errors)
            place = next((f" in {name} ({where})" for name, where in frames if where.startswith("monitor/")), "")
            return re.sub(r" on address.*| on unknown.*", "", text) + place
    return None


def read_canary(path, plant):
    """(reached, triggered) as the counters in a file say, or None twice when the patch does not tell."""
    if not plant.has_canary:
        return None, None
    try:
        with open(path, "rb") as stream:
            reached, triggered = struct.unpack("<QQ", stream.read(16))
    except (OSError, struct.error):
        return False, False
    return reached > 0, triggered > 0


def switch_objection(plant, code, output, errors):
    """
    What a replay of the world switch has against a plant: (property, text), None when nothing. When the header says what has to be
    seen ("Switch:", a regular expression), something else is no detection: the property is None then.
    """
    if code == 0:
        return None
    lines = [line for line in (output + errors).splitlines() if line.strip()]
    # How often it was seen depends on the length of the replay, where it was seen first does not.
    violations = [re.sub(r" \(\d+ times, first in replay (\d+)\)$", r", first in replay \1", line.partition(": ")[2])
                  for line in lines if line.startswith("violation: ")]
    expected = plant.header.get("Switch")
    if expected is None and violations:
        return "switch", violations[0][:200]
    if expected is None:
        # The clean firmware replays, so one that does not even come up is broken by the patch.
        return "boot", (lines[0] if lines else f"exit code {code}")[:200]
    seen = next((line for line in violations if re.search(expected, line)), None)
    if code == 5 and seen is not None:
        return "switch", seen[:200]
    said = violations[0] if violations else lines[0] if lines else f"exit code {code}"
    return None, f"the replay of the switch objects to something else than {expected}: {said}"[:300]


class Judge:
    def __init__(self, builder, build, seconds, children, blind=False, binary=False):
        self.builder = builder
        self.build = build  # folder of the clean build: switch_replay is there
        self.seconds = seconds
        self.children = children
        self.binary = binary  # only what is linked into the firmware is judged
        self.blind = blind  # seeds are inputs, what they expect is ignored
        self.failing = {}  # seeds that the clean monitor of a variant fails
        self.failing_lock = threading.Lock()
        self.corpora = os.path.join(builder.source, "corpora")

    def environment(self, plant=None):
        env = dict(os.environ, TOUCHSTONE_SOURCE=self.builder.source, NO_COLOR="1", **SANITIZER_OPTIONS)
        env["TOUCHSTONE_CANARY"] = self.canary_file(plant) if plant else ""
        return env

    def folder(self, plant):
        return os.path.join(self.builder.work, plant.id)

    def canary_file(self, plant):
        return os.path.join(self.folder(plant), "canary.bin")

    # ---------------------------------------------------------------- host

    def start(self, plant, verdict, words, limit):
        code, output, errors, cpu = self.children.run(words, self.environment(plant), limit, self.folder(plant))
        verdict.cpu_seconds += cpu
        return code, output, errors

    def run_words(self, program):
        return [program, "run", "--json"] + (["--any"] if self.blind else []) + [self.corpora]

    def failing_seeds(self, variant):
        """Seeds that fail without any plant: they prove nothing. Normally none."""
        with self.failing_lock:
            if variant not in self.failing:
                folder = self.builder.clean_objects(variant)
                _, output, _, _ = self.children.run(self.run_words(self.builder.clean_program(variant)), self.environment(),
                                                    self.fixed_limit(), folder)
                try:
                    files = json.loads(output)["files"]
                except (ValueError, KeyError):
                    files = []
                self.failing[variant] = {entry["file"] for entry in files if entry["status"] != "ok"}
                for name in sorted(self.failing[variant]):
                    print(f"touchstone plants: {name} fails on the clean monitor and is left out", file=sys.stderr)
            return self.failing[variant]

    def fixed_limit(self):
        """Processor seconds for work of a fixed size, which the budget of the search does not shorten: slow is no hang."""
        return max(self.seconds, FIXED_WORK_SECONDS)

    def seeds(self, plant, program, variant, verdict):
        code, output, errors = self.start(plant, verdict, self.run_words(program), self.fixed_limit())
        if code == 0:
            verdict.executions += output.count('"file":')
            return
        if code in (2, 3, 4):
            return  # nothing to judge with: no seeds, or no memory
        if code not in (5, 7, 8):
            verdict.executions += output.count('"file":') + 1
            said = sanitizer_text(errors) or (f"ended by signal {-code}" if code < 0 else errors.strip()[-200:])
            oracle = "LIV" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "SAN"
            verdict.found(oracle, said, property="crash" if oracle == "SAN" else "hang")
            verdict.crashed = True
            return
        entries = json.loads(output)["files"]
        verdict.candidates = [((entry["oracle"], entry["property"], entry["call"]), os.path.abspath(entry["file"])) for entry in sorted(entries, key=lambda entry: entry["steps"])
                              if entry["status"] == "finding" and entry["file"] not in self.failing_seeds(variant)]
        for entry in entries:
            verdict.executions += 1
            if entry["status"] in ("ok", "bad-input") or entry["file"] in self.failing_seeds(variant):
                continue
            seed = os.path.relpath(entry["file"], self.builder.source)
            if entry["status"] == "finding":
                verdict.found(entry["oracle"], entry["text"], property=entry["property"], call=entry["call"],
                              seed=seed, reproducer=os.path.abspath(entry["file"]))
            else:
                verdict.found("SEED", f"{seed}: step {entry.get('step')}: {entry.get('text')}", property=entry["status"],
                              seed=seed)
            return

    def hunt(self, plant, program, verdict, seconds):
        findings = os.path.join(self.folder(plant), "findings")
        words = [program, "hunt", "--json", "--no-min", "--seconds", str(max(1, int(seconds))), "--seeds", self.corpora, "--findings",
                 findings]
        code, output, errors = self.start(plant, verdict, words, 2 * seconds + 30)
        try:
            said = json.loads(output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            said = None
        if said is None:
            text = sanitizer_text(errors) or (f"ended by signal {-code}" if code < 0 else errors.strip()[-200:])
            if code not in HUNT_EXIT:
                verdict.found("SAN", text, property="crash")
            return
        verdict.executions += said["executions"]
        if said["found"]:
            text = sanitizer_text(errors) if said["oracle"] == "SAN" else None
            verdict.found(said["oracle"], text or said["text"], property=said["property"], call=said.get("call"),
                          reproducer=said.get("reproducer"))

    def interleave(self, plant, program, variant, verdict):
        findings = os.path.join(self.folder(plant), "findings")
        words = ["interleave", "--json", "--no-min", "--steps", str(INTERLEAVE_STEPS[variant]), "--seeds", self.corpora, "--findings", findings]
        code, output, errors = self.start(plant, verdict, [program] + words, self.fixed_limit())
        try:
            said = json.loads(output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            said = {}
        verdict.executions += said.get("rounds", said.get("executions", 0))
        if code != 0 and "finding" in said:
            finding = said["finding"]
            verdict.found(finding["oracle"], finding["text"], property=finding["property"], call=finding["call"],
                          schedule=["--trace", finding["file"], "--seed", str(finding["schedule_seed"]), "--rounds", "1"])
        elif code not in (0, 2, 3, 4):
            text = sanitizer_text(errors) or said.get("text") or f"ended with {code}"
            verdict.found("SAN", text, property="crash",
                          schedule=["--skip", str(said.get("executions", 0)), "--rounds", "1", "--seeds", self.corpora])

    def faults(self, plant, source, verdict):
        program = self.builder.faults(plant, source, "plain")
        code, output, errors = self.start(plant, verdict, [program, self.builder.source], self.fixed_limit())
        counted = re.search(r"(\d+) passed", output)
        verdict.executions += int(counted.group(1)) if counted else 0
        if code != 0:
            lines = [line.strip() for line in errors.splitlines()]
            verdict.found("FAULT", " ".join(lines[:2]) or f"ended with {code}", property="changed")

    def innocent(self, plant, variant, verdict):
        """Withdraws a verdict that the clean monitor would get for the same trace, or the same order of harts."""
        if verdict.schedule is not None:
            code, output, errors, _ = self.children.run(
                [self.builder.clean_program(variant), "interleave"] + verdict.schedule, self.environment(), self.fixed_limit(),
                self.folder(plant))
            if code != 0:
                said = (output or errors).strip().splitlines()
                verdict.withdraw(f"the clean monitor is accused as well: {said[0] if said else code}")
            return
        if verdict.reproducer is None or not os.path.exists(verdict.reproducer):
            return
        program = self.builder.clean_program(variant)
        code, output, errors, _ = self.children.run([program, "run", "--any", verdict.reproducer],
                                                    self.environment(), self.fixed_limit(), self.folder(plant))
        if code != 0:
            said = (output or errors).strip().splitlines()
            verdict.withdraw(f"the clean monitor is accused as well: {said[0] if said else code}")

    def host(self, plant, source, verdict):
        if plant.header.get("Judge") == "faults":
            self.faults(plant, source, verdict)
            return None
        programs = {}
        budget_start = verdict.cpu_seconds
        overlap = [("interleave", "plain", 0), ("interleave", "fine", 0)]
        seeds = [("seeds", "plain", 0), ("seeds", "san", 0), ("seeds", "init", 0)]
        hunts = [("hunt", "plain", 0.6), ("hunt", "san", 0.5), ("hunt", "init", 1.0)]
        stages = seeds + (overlap + hunts if plant.header.get("Class") == "CONC" else hunts + overlap)
        for kind, variant, share in overlap if plant.header.get("Judge") == "interleave" else stages:
            if not self.builder.available(variant):
                continue
            if variant not in programs:
                programs[variant] = self.builder.host(plant, source, variant)
            left = self.seconds - (verdict.cpu_seconds - budget_start)
            if kind == "seeds":
                self.seeds(plant, programs[variant], variant, verdict)
            elif kind == "interleave":
                self.interleave(plant, programs[variant], variant, verdict)
            elif left >= 1:
                self.hunt(plant, programs[variant], verdict, left * share)
            if verdict.detected:
                self.innocent(plant, variant, verdict)
                return programs[variant]
        return None

    # ---------------------------------------------------------------- firmware

    def clean_switch(self):
        """None when the replay of the clean firmware has nothing to say, else what it says: then it proves nothing."""
        program = os.path.join(self.build, "switch_replay")
        if not os.path.exists(program):
            raise planting.MissingTool("switch_replay was not built: install the Debian package libunicorn-dev")
        firmware = self.builder.clean_firmware()
        code, output, errors, _ = self.children.run([program, os.path.join(firmware, "fw.elf"), *SHORT_REPLAY],
                                                    self.environment(), self.fixed_limit(), firmware)
        return None if code == 0 else (errors or output).strip().splitlines()[0]

    def switch_words(self, plant, source):
        """The replay of the patched firmware's world switch. The program is that of the clean build."""
        return [os.path.join(self.build, "switch_replay"), os.path.join(self.builder.firmware(plant, source), "fw.elf")]

    def switch(self, plant, source, verdict):
        """The patched firmware's world switch on Unicorn."""
        if not os.path.exists(os.path.join(self.build, "switch_replay")):
            if plant.firmware_only() or self.binary:
                raise planting.MissingTool("switch_replay was not built: install the Debian package libunicorn-dev")
            return
        words = self.switch_words(plant, source)
        for more in (SHORT_REPLAY, []):
            code, output, errors = self.start(plant, verdict, words + more, self.fixed_limit())
            replays = re.search(r"(\d+) replays", output)
            verdict.executions += int(replays.group(1)) if replays else 0
            objection = switch_objection(plant, code, output, errors)
            if objection is not None and objection[0] is not None:
                verdict.found("REG", objection[1], property=objection[0])
                return
            verdict.text = objection[1] if objection is not None else verdict.text

    # ---------------------------------------------------------------- all

    def judge(self, plant):
        with self.builder.alone(plant.id):
            return self.judge_alone(plant)

    def judge_alone(self, plant):
        """The verdict on one plant as the object that --json prints."""
        verdict = Verdict()
        failure = None
        program = None
        start = time.monotonic()
        try:
            source = self.builder.copy_source(plant)
            if not plant.firmware_only() and not self.binary and plant.header.get("Judge") != "switch":
                program = self.host(plant, source, verdict)
            if not verdict.detected:
                self.switch(plant, source, verdict)
        except planting.BuildFailed as problem:
            failure = str(problem)
        # On the firmware nobody counts.
        firmware = self.binary or plant.header.get("Judge") == "switch"  # where no canary counts
        reached, triggered = (None, None) if firmware else read_canary(self.canary_file(plant), plant)
        return {
            "id": plant.id, "title": plant.header.get("Title"), "class": plant.header.get("Class"),
            "predicted": plant.header.get("Predicted"), "build_failed": failure is not None, "reached": reached,
            "triggered": triggered, "detected": verdict.detected, "oracle": verdict.oracle, "property": verdict.property,
            "call": verdict.call, "executions": verdict.executions, "cpu_seconds": round(verdict.cpu_seconds, 3),
            "wall_seconds": round(time.monotonic() - start, 3), "text": failure or verdict.text, "seed": verdict.seed,
        }, verdict, program
