#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The log of silence: how long everything that attacks the monitor has attacked the real one, and found nothing.

Runs each fuzz target (libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer), the hunt and the interleaver on the
clean monitor, all oracles on, each for so many seconds of processor time, and appends a line per run to a file of figures.
ci/silence builds what this needs. A run that was interrupted is logged with what it did until then.

Exit codes: 0 nothing found; 2 usage, or a log that cannot be read; 4 an engine did not run; 5 a finding, see findings/;
130 interrupted, nothing found until then.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "reports"))

import meter  # noqa: E402
from files import write_whole  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
COLUMNS = ("commit", "target", "engine", "cpu_seconds", "executions", "findings")
FUZZERS = ("host_abi_fuzzer", "guest_abi_fuzzer", "multi_hart_fuzzer", "promote_fuzzer", "mmio_decode_fuzzer", "ctxswitch_fuzzer",
           "trace_codec_fuzzer")
COMMANDS = {"hunt": "touchstone", "interleave": "touchstone", "interleave-fine": "touchstone-fine"}
LONGEST = "40992"  # bytes of the longest trace
TIMEOUT = 600  # seconds for one input
ENDLESS = str(1 << 62)  # steps of the interleaver: processor time ends it
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:symbolize=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


class BadLog(Exception):
    """The log has a line that is none; the text names it."""


def read_log(path):
    """Rows of a log as dicts with numbers; [] when there is none yet."""
    rows = []
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return rows
    if not lines or lines[0] != "\t".join(COLUMNS):
        raise BadLog(f"{path}, line 1: not the heading of a log of silence")
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        good = len(fields) == len(COLUMNS) and all(fields[:3]) and re.fullmatch(r"\d+(\.\d+)?", fields[3]) and \
            fields[4].isdigit() and fields[5].isdigit()
        if not good:
            raise BadLog(f"{path}, line {number}: not {len(COLUMNS)} fields of a log of silence")
        rows.append(dict(zip(COLUMNS, (*fields[:3], float(fields[3]), int(fields[4]), int(fields[5])))))
    return rows


def append(path, row):
    """One line at the end, in one write, so that two writers do not mix."""
    text = "\t".join((row["commit"], row["target"], row["engine"], f"{row['cpu_seconds']:.1f}", str(row["executions"]),
                      str(row["findings"]))) + "\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if os.fstat(fd).st_size == 0:
            os.write(fd, ("\t".join(COLUMNS) + "\n").encode())
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def commit_of(root):
    """The commit, marked when the monitor or its adversary differs from it."""
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)

    name = git("rev-parse", "--short=12", "HEAD")
    if name.returncode != 0:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "monitor", "harness").stdout.strip()
    return name.stdout.decode().strip() + ("-changed" if changed else "")


def keep_input(path, folder, name, text):
    """Keep an input that the real monitor was accused with, named by what is in it, and a text beside it. Returns its path."""
    with open(path, "rb") as stream:
        data = stream.read()
    base = os.path.join(folder, f"{name}-{hashlib.sha256(data).hexdigest()[:12]}")
    kept = base + (".trace" if path.endswith(".trace") else ".tst")
    if not os.path.exists(kept):
        write_whole(base + ".txt", text)
        shutil.copyfile(path, kept + ".part")
        os.replace(kept + ".part", kept)
    return kept


class Attack:
    def __init__(self, chosen, seed):
        self.build = chosen.build
        self.seconds = chosen.seconds
        self.findings = chosen.findings
        self.seed = seed
        self.meter = meter.Meter()

    def fuzzer(self, target):
        """Returns (Done, executions, findings)."""
        folder = os.path.join(self.build, "silence", target)
        corpus = os.path.join(folder, "corpus")
        os.makedirs(corpus, exist_ok=True)
        artefacts = tempfile.mkdtemp(prefix="run-", dir=folder)
        longest = LONGEST
        options = os.path.join(ROOT, "harness", "targets", target + ".options")
        if os.path.exists(options):
            with open(options, encoding="utf-8") as stream:
                longest = re.search(r"^max_len = (\d+)", stream.read(), re.M).group(1)
        # An engine's own limit is in real time, of which a busy machine may take any amount: steps are bounded by LIV.
        words = [os.path.join(self.build, "fuzz-libfuzzer", target), f"-seed={self.seed}", f"-timeout={TIMEOUT}",
                 "-rss_limit_mb=2048", f"-max_len={longest}", "-len_control=0", "-entropic=0", "-print_final_stats=1",
                 "-artifact_prefix=" + artefacts + os.sep, corpus, os.path.join(self.build, "silence", "seeds")]
        done = self.meter.run(words, artefacts, self.seconds, dict(os.environ, **SANITIZERS))
        counts = re.findall(r"^stat::number_of_executed_units: *(\d+)", done.errors, re.M) or \
            re.findall(r"^#(\d+)", done.errors, re.M)[-1:]
        found = 0
        for name in sorted(os.listdir(artefacts)):
            if name.startswith("timeout-") and self.ends(words[0], os.path.join(artefacts, name)):
                print(f"silence: {target}: an input took {TIMEOUT} s of real time, but not of processor time: no finding",
                      file=sys.stderr)
            elif name.startswith(("crash-", "leak-", "timeout-", "oom-")):
                with open(os.path.join(artefacts, "err.txt"), encoding="utf-8", errors="replace") as stream:
                    keep_input(os.path.join(artefacts, name), self.findings, target, stream.read())
                found += 1
        if counts or found:
            shutil.rmtree(artefacts)
        return done, int(counts[0]) if counts else 0, found

    @staticmethod
    def ends(program, path):
        """Does an input end by itself within the time for one, of this process alone? Whoever stops an engine for a while, or the
        whole machine, takes time from it that its clock counts."""
        with tempfile.TemporaryDirectory() as folder:
            alone = meter.Meter()  # an interruption ends the attack, and not the look at what came of it
            return alone.run([program, path], folder, TIMEOUT, dict(os.environ, **SANITIZERS)).code == 0

    def command(self, name):
        program = os.path.join(self.build, "host-release", COMMANDS[name])
        if name == "hunt":
            words = ["hunt", "--seconds", str(self.seconds)]
        else:
            words = ["interleave", "--harts", "4", "--steps", ENDLESS]
        words = [program, *words, "--seed", str(self.seed), "--seeds", os.path.join(ROOT, "corpora"), "--findings",
                 self.findings, "--json"]
        with tempfile.TemporaryDirectory() as folder:
            done = self.meter.run(words, folder, self.seconds + (10 if name == "hunt" else 0))
        try:
            said = json.loads(done.output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            return done, 0, 0 if done.code in (0, 130) else 1
        return done, said.get("executions", said.get("rounds", 0)), int(bool(said.get("found") or said.get("finding")))

    def run(self, target):
        return self.command(target) if target in COMMANDS else self.fuzzer(target)


def hours(rows):
    return sum(row["cpu_seconds"] for row in rows) / 3600


def since_last_finding(rows):
    """What came after the last run that found something: a finding that was mended begins the proof anew."""
    last = max((place for place, row in enumerate(rows) if row["findings"]), default=-1)
    return rows[last + 1:]


def totals(rows):
    lines = {}
    for row in rows:
        entry = lines.setdefault((row["target"], row["engine"]), [0, 0.0, 0, 0])
        entry[0] += 1
        entry[1] += row["cpu_seconds"]
        entry[2] += row["executions"]
        entry[3] += row["findings"]
    print(f"{'target':<20} {'engine':<16} {'runs':>5} {'CPU s':>10} {'executions':>14} {'findings':>9}")
    for (target, engine), (runs, seconds, executions, found) in sorted(lines.items()):
        print(f"{target:<20} {engine:<16} {runs:>5} {seconds:>10.1f} {executions:>14} {found:>9}")
    print(f"{hours(rows):.2f} processor hours, {sum(row['executions'] for row in rows)} executions, "
          f"{sum(row['findings'] for row in rows)} findings; {hours(since_last_finding(rows)):.2f} processor hours since the "
          "last finding")


def arguments():
    parser = argparse.ArgumentParser(prog="ci/silence", allow_abbrev=False, description=__doc__.split("\n\n")[1],
                                     epilog=__doc__.split("\n\n")[2])
    names = FUZZERS + tuple(COMMANDS)
    parser.add_argument("--seconds", type=int, default=60, help="processor time of each run (default 60)")
    parser.add_argument("--target", action="append", choices=names, help="only this (may be repeated)")
    parser.add_argument("--log", default=os.path.join(ROOT, "reports", "silence.tsv"), help="default reports/silence.tsv")
    parser.add_argument("--findings", default=os.path.join(ROOT, "findings"), help="folder (default findings)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder of the builds (default build)")
    parser.add_argument("--total", action="store_true", help="only sum up the log")
    parser.add_argument("--add", nargs=5, metavar=("TARGET", "ENGINE", "SECONDS", "EXECUTIONS", "FINDINGS"),
                        help="only add what another script has run")
    chosen = parser.parse_args()
    if not 1 <= chosen.seconds <= 86400:
        parser.error("--seconds takes 1 to 86400")
    chosen.findings, chosen.build = os.path.abspath(chosen.findings), os.path.abspath(chosen.build)
    chosen.target = chosen.target or list(names)
    return chosen


def main():
    chosen = arguments()
    try:
        rows = read_log(chosen.log)
    except (BadLog, OSError, UnicodeDecodeError) as problem:
        print(f"ci/silence: {problem}", file=sys.stderr)
        return 2
    if chosen.total:
        totals(rows)
        return 0
    commit = commit_of(ROOT)
    if chosen.add:
        try:
            target, engine, seconds, executions, findings = chosen.add
            append(chosen.log, {"commit": commit, "target": target, "engine": engine, "cpu_seconds": float(seconds),
                                "executions": int(executions), "findings": int(findings)})
        except ValueError as problem:
            print(f"ci/silence: --add: {problem}", file=sys.stderr)
            return 2
        return 0
    found = 0
    for number, target in enumerate(chosen.target, 1):
        # Another seed each time, so that nobody hears the same silence twice.
        attack = Attack(chosen, 1 + len(rows))

        def stop(*_, attack=attack):
            attack.meter.stop()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        done, executions, findings = attack.run(target)
        if executions == 0 and findings == 0 and not attack.meter.stopped:
            text = (done.errors.strip() or f"ended with code {done.code}").splitlines()[-1]
            print(f"ci/silence: {target} did not run: {text}", file=sys.stderr)
            return 4
        row = {"commit": commit, "target": target if target in FUZZERS else "touchstone",
               "engine": "libFuzzer" if target in FUZZERS else target, "cpu_seconds": done.cpu_seconds,
               "executions": executions, "findings": findings}
        if executions:
            append(chosen.log, row)
        rows.append(row)
        found += findings
        print(f"[{number}/{len(chosen.target)}] {target:<20} {done.cpu_seconds:8.1f} CPU s {executions:>10} executions, "
              f"{findings} findings", flush=True)
        if attack.meter.stopped:
            return 5 if found else 130
    return 5 if found else 0


if __name__ == "__main__":
    sys.exit(main())
