# SPDX-License-Identifier: Apache-2.0
"""Figures of the scoreboard: one JSON object per line and run, only ever added to.

A run is named by what it was (set, setting, plant, digest of the patch, engine, seed) and by the commit of what it ran on. A
second start does what is missing. Not detected within a limit below the budget is an answer that a longer run may
replace: the one with the larger limit counts.
"""

import hashlib
import json
import os
import platform
import subprocess
import threading

SCHEMA = "touchstone-scoreboard-row/1"
# What decides about the outcome of a run; a plant's own patch has a digest.
MEASURED = ("monitor", "harness/machine", "harness/concurrency", "harness/agents", "harness/oracles", "harness/trace",
            "harness/targets", "harness/cli", "corpora")
NAMES = {"set": str, "setting": str, "commit": str, "plant": str, "patch": str, "engine": str, "seed": int}
FACTS = {"detected": bool, "executions": int, "cpu_seconds": (int, float), "limit": (int, float), "derived": bool,
         "machine": str}
MAYBE = {"reached": bool, "triggered": bool, "oracle": str, "property": str, "call": str, "text": str}


class BadRows(Exception):
    """A file of rows has a line that is none; the text names it."""


def mistake(row):
    """What is wrong with a row, or None."""
    if not isinstance(row, dict) or row.get("schema") != SCHEMA:
        return f"not an object of {SCHEMA}"
    for name, kind in {**NAMES, **FACTS}.items():
        if not isinstance(row.get(name), kind) or (kind is int and isinstance(row[name], bool)):
            return f"{name} is missing, or is not what it should be"
    for name, kind in MAYBE.items():
        if row.get(name) is not None and not isinstance(row[name], kind):
            return f"{name} is not what it should be"
    if row["executions"] < 0 or row["cpu_seconds"] < 0 or row["limit"] < 0:
        return "a number is negative"
    return None


def key_of(row):
    return tuple(row[name] for name in NAMES)


class Rows:
    """The rows of one file. Safe to add to from several threads, and from several processes."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.by_key = {}
        self.order = []
        self.commits = {}  # in the order in which they came first, as keys
        self.read()

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as stream:
                text = stream.read()
        except FileNotFoundError:
            return
        except UnicodeDecodeError as problem:
            raise BadRows(f"{self.path}: byte {problem.start}: not UTF-8") from problem
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            if not line.endswith("\n"):
                raise BadRows(f"{self.path}, line {number}: cut short; delete that line to go on")
            try:
                row = json.loads(line)
            except ValueError as problem:
                raise BadRows(f"{self.path}, line {number}: not JSON: {problem}") from problem
            wrong = mistake(row)
            if wrong is not None:
                raise BadRows(f"{self.path}, line {number}: {wrong}")
            self.take(row)

    def take(self, row):
        key = key_of(row)
        self.commits.setdefault(row["commit"])
        old = self.by_key.get(key)
        if old is None:
            self.order.append(key)
        if old is None or row["limit"] >= old["limit"]:
            self.by_key[key] = row

    def add(self, row):
        """Write a row at once, as a whole."""
        wrong = mistake(row)
        if wrong is not None:
            raise BadRows(f"{row}: {wrong}")
        with self.lock:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(fd, (json.dumps(row, sort_keys=True) + "\n").encode())
            finally:
                os.close(fd)
            self.take(row)

    def done(self, key, limit):
        """Is this run answered, for somebody who would give it `limit` seconds?"""
        with self.lock:
            row = self.by_key.get(key)
        return row is not None and (row["detected"] or row["limit"] >= limit)

    def of(self, **wanted):
        """Rows with these values, in the order in which they came first."""
        return [row for row in (self.by_key[key] for key in self.order)
                if all(row[name] == value for name, value in wanted.items())]


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def commit_of(root):
    """The last commit that changed what is measured; marked when the files differ from it."""
    def git(*words):
        done = subprocess.run(["git", "-C", root, *words], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    name = git("log", "-1", "--format=%h", "--abbrev=12", "--", *MEASURED)
    if not name:
        return "unknown"
    return name + ("-changed" if git("status", "--porcelain", "--", *MEASURED) else "")


def machine():
    """The processor by name and the number of its threads."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            names = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    except OSError:
        names = []
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} threads"
