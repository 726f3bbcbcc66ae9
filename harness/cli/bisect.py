#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone bisect: which commit brought a finding in?

Drives `git bisect run` in a work tree of its own, so that nobody's checkout moves: each commit is built there, and the input of the
finding is judged by what was built. A commit that cannot be built is skipped. A commit is bad when it shows the same oracle,
property and call; another finding, or none, is good. What a sanitizer found is looked for with that sanitizer.

Exit codes: 0 the first bad commit is named; 2 usage; 3 a tool is missing; 4 the environment is in the way; 7 not decided.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIP = 125


def complain(code, text):
    print(f"touchstone bisect: {text}", file=sys.stderr)
    return code


def run(words, folder=None, **more):
    return subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, text=True, errors="replace", **more)


# ---------------------------------------------------------------- one commit


def preset_for(oracle, prop):
    """The build that shows it."""
    if oracle != "SAN" or prop.startswith("signal-") or prop == "exit":
        return "host-release"
    if prop.startswith("ub"):
        return "host-ubsan"
    return "host-msan" if prop == "use-of-uninitialized-value" else "host-asan"


def identity_of(program, trace):
    """(oracle, property, call) of what an input shows, None when it shows nothing. Judged in a process that may die."""
    with tempfile.TemporaryDirectory() as findings:
        done = subprocess.run([program, "triage", "--json", "--no-min", "--findings", findings, trace], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True, errors="replace")
    try:
        entry = json.loads(done.stdout)["findings"][0]
        return (entry["oracle"], entry["property"], entry["call"])
    except (ValueError, KeyError, IndexError):
        return None


def judge_commit(tree, trace, wanted, log):
    """What `git bisect run` calls in each commit: 0 good, 1 bad, 125 cannot be built."""
    preset = preset_for(*wanted[:2])
    build = os.path.join(tree, "build", preset)
    for words in (["cmake", "--preset", preset], ["cmake", "--build", build, "--target", "touchstone"]):
        done = run(words, tree)
        if done.returncode != 0:
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(done.stdout[-2000:].rstrip() + "\n")
            return SKIP
    return 1 if identity_of(os.path.join(build, "touchstone"), trace) == wanted else 0


def why_undecided(log):
    """What keeps commits from being built, if that is it."""
    if not os.path.exists(log):
        return "the finding is not at the bad end, or is at the good one"
    with open(log, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    errors = [line for line in lines if "error" in line or "undefined reference" in line] or lines[-1:]
    return f"commits do not build: {errors[-1] if errors else 'no reason given'}"


# ---------------------------------------------------------------- the command


def find(findings, name):
    """Folder of the finding that `name` means."""
    if os.path.isfile(os.path.join(name, "bug.json")):
        return name
    folders = sorted(entry for entry in os.listdir(findings) if name in entry and not entry.startswith("."))
    exact = [entry for entry in folders if entry == name]
    folders = exact or folders
    if len(folders) != 1:
        raise OSError(f"{name}: {'no finding' if not folders else 'more than one finding'} of that name in {findings}")
    return os.path.join(findings, folders[0])


def bisect(folder, good, bad):
    path = os.path.join(folder, "bug.json")
    if not os.path.isfile(path):  # a pipe would be waited for
        return complain(2, f"{path}: is no file")
    try:
        with open(path, encoding="utf-8") as stream:
            key = json.load(stream)["key"]
        wanted = (key["oracle"], key["property"], key["call"])
        if not all(isinstance(word, str) for word in wanted):
            raise ValueError("key: oracle, property and call have to be texts")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        return complain(2, f"{path}: {str(problem) or type(problem).__name__}")
    trace = os.path.abspath(os.path.join(folder, "min.tst"))
    if not os.path.isfile(trace):
        return complain(2, f"{trace}: no such file")
    if shutil.which("git") is None:
        return complain(3, "git not found: install the Debian package git")
    for commit in (good, bad):
        if run(["git", "rev-parse", "--verify", "--quiet", commit + "^{commit}"], SOURCE).returncode != 0:
            return complain(2, f"{commit}: no such commit in {SOURCE}")
    work = tempfile.mkdtemp(prefix="touchstone-bisect-")
    tree, log = os.path.join(work, "tree"), os.path.join(work, "log")
    try:
        added = run(["git", "worktree", "add", "--detach", tree, bad], SOURCE)
        if added.returncode != 0:
            return complain(4, added.stdout.strip().splitlines()[-1])
        started = run(["git", "bisect", "start", bad, good], tree)
        if started.returncode != 0:
            return complain(2, started.stdout.strip().splitlines()[-1])
        judge = [sys.executable, os.path.abspath(__file__), "--commit", tree, trace, log, *map(str, wanted)]
        done = subprocess.Popen(["git", "bisect", "run", *judge], cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace")
        first = None
        for line in done.stdout:
            if line.startswith("Bisecting: "):
                print("  " + line.strip(), file=sys.stderr, flush=True)
            if line.rstrip().endswith("is the first bad commit"):
                first = line.split()[0]
        done.wait()
        if first is None:
            return complain(7, f"git could not name one commit: {why_undecided(log)}")
        print(f"{' '.join(wanted)} came with")
        print(run(["git", "log", "-1", "--format=%h %s%n%an, %ad", "--date=short", first], SOURCE).stdout.strip())
        return 0
    finally:
        if os.path.isdir(tree):
            run(["git", "bisect", "reset"], tree)
        run(["git", "worktree", "remove", "--force", tree], SOURCE)
        shutil.rmtree(work, ignore_errors=True)


def main():
    if len(sys.argv) == 8 and sys.argv[1] == "--commit":
        tree, trace, log, *wanted = sys.argv[2:]
        return judge_commit(tree, trace, tuple(wanted), log)
    parser = argparse.ArgumentParser(prog="touchstone bisect", add_help=False, allow_abbrev=False)
    parser.add_argument("--findings", default="findings")
    parser.add_argument("--good", required=True)
    parser.add_argument("--bad", default="HEAD")
    parser.add_argument("id")
    chosen = parser.parse_args()
    try:
        return bisect(find(chosen.findings, chosen.id), chosen.good, chosen.bad)
    except OSError as problem:
        return complain(2, problem)


if __name__ == "__main__":
    sys.exit(main())
