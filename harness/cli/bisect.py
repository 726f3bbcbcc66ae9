#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone bisect: which commit brought a finding in?

Drives `git bisect run` in a work tree of its own, so that nobody's checkout moves: each commit is built there, and the input of the
finding runs on it. A commit that cannot be built is skipped. A commit is bad when it shows the same oracle, property and
call; another finding, or none, is good.

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


def identity_of(program, trace):
    """(oracle, property, call) of what a run shows; None when it shows nothing; ("SAN", ...) when the process dies."""
    done = subprocess.run([program, "run", "--json", "--any", trace], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False, text=True, errors="replace")
    if done.returncode < 0:
        return ("SAN", f"signal-{-done.returncode}", None)
    try:
        entry = json.loads(done.stdout)["files"][0]
    except (ValueError, KeyError, IndexError):
        return None
    return (entry["oracle"], entry["property"], entry["call"]) if entry["status"] == "finding" else None


def judge_commit(tree, trace, wanted, log):
    """What `git bisect run` calls in each commit: 0 good, 1 bad, 125 cannot be built."""
    build = os.path.join(tree, "build", "host-release")
    for words in (["cmake", "--preset", "host-release"], ["cmake", "--build", build, "--target", "touchstone"]):
        done = run(words, tree)
        if done.returncode != 0:
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(done.stdout[-2000:])
            return SKIP
    seen = identity_of(os.path.join(build, "touchstone"), trace)
    if wanted[0] == "SAN":
        return 1 if seen and seen[:2] == wanted[:2] else 0
    return 1 if seen == wanted else 0


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
    try:
        with open(path, encoding="utf-8") as stream:
            key = json.load(stream)["key"]
        wanted = (key["oracle"], key["property"], key["call"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return complain(2, f"{path}: {problem}")
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
            return complain(7, "git could not name one commit: commits do not build, or the finding is not at the bad end")
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
