# SPDX-License-Identifier: Apache-2.0
"""Each engine on one planted build, with one seed of its random choices and a limit of processor time.

  libfuzzer   host_abi_fuzzer under libFuzzer, or multi_hart_fuzzer for bugs that take overlapping harts
  afl         the same targets under AFL++, with the mutator for traces; the seeds first, by the target alone
  hunt        `touchstone hunt`
  interleave  `touchstone interleave`, a third of the time on the plain build, the rest where each access is a yield point
  faults      fault_injection_test, for what only shows when a resource is short: no seed, no limit
  switch      the world switch of the patched firmware on Unicorn: no seed, no limit

All start from the committed seeds and ignore what these expect. What an engine found is shown to the clean build of the
same engine, which must be silent: otherwise the harness is wrong, and that is no detection.
"""

import glob
import json
import os
import re
import shutil
import subprocess

import judging
import planting
import silence

ENGINES = ("libfuzzer", "afl", "hunt", "interleave", "faults", "switch")
SEEDLESS = ("faults", "switch")
SANITIZERS = {"address": "san", "memory": "init"}
LONGEST = 40992  # bytes of the longest trace
ENDLESS = str(1 << 62)
FIXED_WORK_SECONDS = 600
PLAIN_SHARE = 1 / 3  # of the interleaver's time
REAL_TIME_LIMIT = "300"  # seconds for one input, on a machine that may be busy: steps are bounded by the budget of LIV
FINDING = re.compile(r"^FINDING (\S+) (\S+) (\S+)\n(.*)$", re.M)


class EngineFailed(Exception):
    """The engine did not do its work; the text says what it said last."""


class Accused(Exception):
    """What an engine found, the clean build shows as well: an oracle or the monitor is wrong, and no figure counts before
    that is mended. The text says what was said and where the input is."""


class Outcome:
    """What a run came to."""

    def __init__(self):
        self.detected = False
        self.oracle = self.property = self.call = self.text = None
        self.executions = 0
        self.cpu_seconds = 0.0
        self.limited = False
        self.by_seed = False  # by a seed as it is: another choice of random numbers would change nothing
        self.reached = self.triggered = None

    def found(self, oracle, text, name=None, call=None):
        self.detected = True
        self.oracle, self.property, self.call, self.text = oracle, name, call, text


def engines_of(plant):
    """The engines that can show this bug at all."""
    judge = plant.header.get("Judge")
    if plant.firmware_only() or judge == "switch":
        return ("switch",)
    if judge == "faults":
        return ("faults",)
    if judge == "interleave":
        return ("libfuzzer", "afl", "interleave")
    if plant.header.get("Class") == "CONC":
        return ("libfuzzer", "afl", "hunt", "interleave")
    return ("libfuzzer", "afl", "hunt")


def target_of(plant):
    overlap = plant.header.get("Judge") == "interleave" or plant.header.get("Class") == "CONC"
    return "multi_hart_fuzzer" if overlap else "host_abi_fuzzer"


def sanitizer_of(plant):
    """"", "san" or "init": the build that a bug needs which no oracle can see."""
    wanted = plant.header.get("Sanitizer")
    if wanted is not None and wanted not in SANITIZERS:
        raise planting.BuildFailed(f"Sanitizer: {wanted}: address or memory")
    return SANITIZERS.get(wanted, "")


def finding_of(text):
    """(oracle, property, call, sentence) of what a target printed, or None."""
    match = FINDING.search(text)
    if match is None:
        return None
    return match.group(1), match.group(2), match.group(3), match.group(4).split(": ", 1)[-1]


class Bench:
    """Runs engines. `seeds`: "corpora" or "none"; `env`: what the environment adds; `oracles`: of the hunt. `findings`: the
    folder for inputs that the clean build objects to as well."""

    def __init__(self, builder, build, meter, findings):
        self.builder = builder
        self.findings = findings
        self.build = build  # folder of the clean build: mutator, seeds, switch_replay
        self.meter = meter
        self.corpora = os.path.join(builder.source, "corpora")
        self.seeds = os.path.join(builder.tree, "seeds")  # another run may be at work in the same folder
        self.nothing = os.path.join(builder.tree, "no-seeds")
        self.seed_count = 0

    def prepare(self):
        """The seeds in binary, without expectations, once."""
        os.makedirs(self.nothing, exist_ok=True)
        words = [os.path.join(self.build, "touchstone"), "seeds", self.corpora, "-o", self.seeds]
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise EngineFailed("no seeds: " + done.stdout.decode(errors="replace").strip())
        self.seed_count = len(os.listdir(self.seeds))

    def environment(self, folder, more):
        env = dict(os.environ, TOUCHSTONE_SOURCE=self.builder.source, NO_COLOR="1", **judging.SANITIZER_OPTIONS)
        env["TOUCHSTONE_CANARY"] = os.path.join(folder, "canary.bin")
        env.update(more)
        return env

    def run(self, engine, plant, source, seed, limit, settings):
        """One Outcome. `settings`: {"oracles", "env", "empty"}, each optional."""
        folder = os.path.join(self.builder.work, plant.id, f"run-{engine}-{seed}")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        outcome = Outcome()
        getattr(self, engine)(plant, source, folder, seed, limit, settings, outcome)
        outcome.reached, outcome.triggered = judging.read_canary(os.path.join(folder, "canary.bin"), plant)
        shutil.rmtree(folder, ignore_errors=True)
        return outcome

    def start(self, words, folder, limit, env, outcome):
        done = self.meter.run(words, folder, limit, env)
        outcome.cpu_seconds += done.cpu_seconds
        outcome.limited |= done.limited
        return done

    def innocent(self, words, reproducer, folder):
        """Accused, with the input kept, when the clean build objects as well. The time is not the engine's."""
        done = self.meter.run(words, folder, FIXED_WORK_SECONDS, self.environment(folder, {"TOUCHSTONE_CANARY": ""}))
        if done.code == 0 or self.meter.stopped:
            return
        text = "\n".join((" ".join(words), (done.errors + done.output).strip()))
        path = silence.keep_input(reproducer, self.findings, "clean-" + os.path.basename(words[0]), text + "\n")
        said = re.search(r"^FINDING .*$", text, re.M)
        raise Accused(f"the clean monitor is accused as well: {said.group(0) if said else done.code}; see {path}")

    @staticmethod
    def crashed(done, outcome):
        text = judging.sanitizer_text(done.errors) or (f"ended by signal {-done.code}" if done.code < 0 else
                                                       done.errors.strip()[-200:])
        outcome.found("SAN", text, "crash")

    # ---------------------------------------------------------------- fuzzers

    def judge_text(self, done, outcome):
        said = finding_of(done.errors)
        if said is not None:
            outcome.found(said[0], said[3], said[1], said[2])
        else:
            self.crashed(done, outcome)

    def libfuzzer(self, plant, source, folder, seed, limit, settings, outcome):
        kind = sanitizer_of(plant)
        variant, target = "libfuzzer" + ("-" + kind if kind else ""), target_of(plant)
        program = self.builder.host(plant, source, variant, target)
        corpus = os.path.join(folder, "corpus")
        os.makedirs(corpus)
        words = [program, f"-seed={seed}", f"-timeout={REAL_TIME_LIMIT}", "-rss_limit_mb=2048", f"-max_len={LONGEST}",
                 "-len_control=0", "-entropic=0", "-print_final_stats=1", "-artifact_prefix=" + folder + os.sep, corpus,
                 self.nothing if settings.get("empty") else self.seeds]
        done = self.start(words, folder, limit, self.environment(folder, settings.get("env", {})), outcome)
        counts = re.findall(r"^stat::number_of_executed_units: *(\d+)", done.errors, re.M) or \
            re.findall(r"^#(\d+)", done.errors, re.M)[-1:]
        outcome.executions = int(counts[0]) if counts else 0
        artefacts = [name for name in sorted(glob.glob(os.path.join(folder, "*-*")))
                     if os.path.basename(name).startswith(("crash-", "leak-", "timeout-", "oom-"))]
        if artefacts:
            self.judge_text(done, outcome)
            self.innocent([self.builder.clean_program(variant, target), artefacts[0]], artefacts[0], folder)
        elif not done.limited and not self.meter.stopped:
            raise EngineFailed(f"libFuzzer ended with {done.code}: {done.errors.strip()[-200:]}")

    def afl(self, plant, source, folder, seed, limit, settings, outcome):
        kind = sanitizer_of(plant)
        variant, target = "afl" + ("-" + kind if kind else ""), target_of(plant)
        program = self.builder.host(plant, source, variant, target)
        env = self.environment(folder, settings.get("env", {}))
        clean = self.builder.clean_program(variant, target)
        # A seed that crashes is not a find to afl-fuzz, which leaves it out; so the target sees all seeds first.
        seeds = sorted(glob.glob(os.path.join(self.seeds, "*")))
        done = self.start([program, *seeds], folder, limit, env, outcome)
        if done.code != 0 and not done.limited:
            read = re.findall(r"^Reading \d+ bytes from (.*)$", done.output, re.M) or \
                self.first_bad([program], seeds, folder)
            outcome.executions = len(read)
            outcome.by_seed = True
            self.judge_text(done, outcome)
            if read:
                self.innocent([clean, read[-1]], read[-1], folder)
            return
        outcome.executions = len(seeds)
        if done.limited or self.meter.stopped:
            return
        self.afl_fuzz(program, clean, folder, seed, limit, env, outcome)

    def first_bad(self, words, seeds, folder):
        """The seeds up to the first one that crashes, when the process could not tell any more. Not counted as time."""
        for count, seed in enumerate(seeds, 1):
            if self.meter.run(words + [seed], folder, FIXED_WORK_SECONDS, self.environment(folder, {})).code != 0:
                return seeds[:count]
        return []

    def afl_fuzz(self, program, clean, folder, seed, limit, env, outcome):
        planting.need("afl-fuzz", "afl++")
        env = {name: value for name, value in env.items() if name not in judging.SANITIZER_OPTIONS}
        env.update(AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_NO_AFFINITY="1",
                   AFL_SKIP_CRASHES="1", AFL_BENCH_UNTIL_CRASH="1", TERM="dumb", AFL_CUSTOM_MUTATOR_LIBRARY=os.path.join(
                       self.build, "touchstone_mutator.so"))
        output = os.path.join(folder, "afl")
        words = ["afl-fuzz", "-i", self.seeds, "-o", output, "-s", str(seed), "-t", REAL_TIME_LIMIT + "00", "-m", "none", "--",
                 program]
        done = self.start(words, folder, max(0.1, limit - outcome.cpu_seconds), env, outcome)
        try:
            with open(os.path.join(output, "default", "fuzzer_stats"), encoding="utf-8") as stream:
                outcome.executions += int(re.search(r"^execs_done *: *(\d+)", stream.read(), re.M).group(1))
        except (OSError, AttributeError) as problem:
            if not done.limited and not self.meter.stopped:
                raise EngineFailed(f"afl-fuzz ended with {done.code}: {done.output.strip()[-200:]}") from problem
        crashes = sorted(glob.glob(os.path.join(output, "default", "crashes", "id:*")) +
                         glob.glob(os.path.join(output, "default", "hangs", "id:*")))
        if crashes:
            again = self.meter.run([program, crashes[0]], folder, FIXED_WORK_SECONDS, env)
            self.judge_text(again, outcome)
            self.innocent([clean, crashes[0]], crashes[0], folder)

    # ---------------------------------------------------------------- commands

    def hunt(self, plant, source, folder, seed, limit, settings, outcome):
        variant = sanitizer_of(plant) or settings.get("variant") or "plain"
        program = self.builder.host(plant, source, variant)
        words = [program, "hunt", "--json", "--seed", str(seed), "--seconds", str(max(1, int(limit))), "--seeds",
                 self.nothing if settings.get("empty") else self.corpora, "--findings", os.path.join(folder, "findings")]
        if "oracles" in settings:
            words += ["--oracles", settings["oracles"]]
        done = self.start(words, folder, limit + 10, self.environment(folder, {}), outcome)
        said = last_object(done.output)
        if said is None:
            if self.meter.stopped:
                return
            if done.code in (0, 2, 3, 4):
                raise EngineFailed(f"hunt ended with {done.code}: {done.errors.strip()[-200:]}")
            self.crashed(done, outcome)
            return
        outcome.executions = said["executions"]
        outcome.by_seed = said["executions"] <= self.seed_count and not settings.get("empty")
        outcome.limited = not said["found"]
        if said["found"]:
            text = judging.sanitizer_text(done.errors) if said["property"] == "crash" else None
            outcome.found(said["oracle"], text or said["text"], said["property"], said.get("call"))
            if said.get("reproducer"):
                self.innocent([self.builder.clean_program(variant), "run", "--any", said["reproducer"]], said["reproducer"],
                              folder)

    def interleave(self, plant, source, folder, seed, limit, settings, outcome):
        del settings
        for variant, share in (("plain", limit * PLAIN_SHARE), ("fine", limit * (1 - PLAIN_SHARE))):
            program = self.builder.host(plant, source, variant)
            words = [program, "interleave", "--json", "--steps", ENDLESS, "--seed", str(seed), "--seeds", self.corpora,
                     "--findings", os.path.join(folder, "findings")]
            done = self.start(words, folder, share, self.environment(folder, {}), outcome)
            said = last_object(done.output) or {}
            outcome.executions += said.get("rounds", said.get("executions", 0))
            if "finding" in said:
                finding = said["finding"]
                outcome.found(finding["oracle"], finding["text"], finding["property"], finding["call"])
                self.innocent([self.builder.clean_program(variant), "interleave", "--trace", finding["file"], "--seed",
                               str(finding["schedule_seed"]), "--rounds", "1"], finding["file"], folder)
                return
            if self.meter.stopped:
                return
            if not done.limited:
                if done.code in (0, 2, 3, 4):
                    raise EngineFailed(f"interleave ended with {done.code}: {done.errors.strip()[-200:]}")
                self.crashed(done, outcome)
                return

    # ---------------------------------------------------------------- work of a fixed size

    def faults(self, plant, source, folder, seed, limit, settings, outcome):
        del seed, limit, settings
        program = self.builder.faults(plant, source, "plain")
        done = self.start([program, self.builder.source], folder, FIXED_WORK_SECONDS, self.environment(folder, {}), outcome)
        counted = re.search(r"(\d+) passed", done.output)
        outcome.executions = int(counted.group(1)) if counted else 0
        if done.code != 0:
            lines = [line.strip() for line in done.errors.splitlines()]
            outcome.found("FAULT", " ".join(lines[:2]) or f"ended with {done.code}", "changed")

    def switch(self, plant, source, folder, seed, limit, settings, outcome):
        del seed, limit, settings
        program = os.path.join(self.build, "switch_replay")
        if not os.path.exists(program):
            raise planting.MissingTool("switch_replay was not built: install the Debian package libunicorn-dev")
        firmware = self.builder.firmware(plant, source)
        done = self.start([program, os.path.join(firmware, "fw.elf")], folder, FIXED_WORK_SECONDS,
                          self.environment(folder, {}), outcome)
        replays = re.search(r"(\d+) replays", done.output)
        outcome.executions = int(replays.group(1)) if replays else 0
        objection = judging.switch_objection(plant, done.code, done.output, done.errors)
        if objection is not None and objection[0] is not None:
            outcome.found("REG", objection[1], objection[0])


def last_object(text):
    try:
        return json.loads(text.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
