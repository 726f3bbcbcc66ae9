# SPDX-License-Identifier: Apache-2.0
"""Runs a program and what it starts, and stops all of it after so many seconds of processor time.

Engines count real time, which on a busy machine says little. Here the processor time of the whole family is read from
/proc: of processes that run and, through their parents, of those that have ended. The first signal is polite, so that an engine can
write its statistics; what does not listen is killed.
"""

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time

ADDR_NO_RANDOMIZE = 0x0040000
POLL_SECONDS = 0.1
GRACE_SECONDS = 20  # between the polite signal and the other one
TICKS = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    """(parent, processor seconds of it and of its ended children); None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / TICKS


def family(root):
    """{pid: processor seconds} of a process and all that descend from it."""
    known = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat is not None:
                known[int(name)] = stat
    members, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in known.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return {pid: known[pid][1] for pid in members if pid in known}


class Done:
    """What became of a run. `limited`: the limit ended it. `code`: negative for a signal."""

    def __init__(self, code, output, errors, cpu_seconds, limited):
        self.code = code
        self.output = output
        self.errors = errors
        self.cpu_seconds = cpu_seconds
        self.limited = limited


class Meter:
    """Starts programs, one at a time per thread. After stop() all of them end, and no other starts: what run() returns
    then is of a run that was cut short."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = set()
        self.stopped = False

    def stop(self):
        with self.lock:
            self.stopped = True
            running = list(self.running)
        for child in running:
            self.end(child, signal.SIGTERM)

    @staticmethod
    def end(child, number):
        """Signals the family, eldest last when it is to be killed, so that nobody is left behind."""
        members = [child.pid] if number == signal.SIGTERM else sorted(family(child.pid), reverse=True)
        for pid in members:
            try:
                os.kill(pid, number)
            except OSError:
                pass

    def run(self, words, folder, limit, env=None):
        """Run `words` in `folder` for at most `limit` seconds of processor time."""

        def prepare():
            # Many random bits in addresses do not go well with the shadow memory of sanitizers.
            ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            # Each session has a share of its own of the processors: whoever was nice stays so.
            try:
                with open("/proc/self/autogroup", "w", encoding="ascii") as stream:
                    stream.write(str(os.nice(0)))
            except OSError:
                pass
            # Should this process die, nobody polls any more.
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 30, int(limit) + 60))

        out, err = os.path.join(folder, "out.txt"), os.path.join(folder, "err.txt")
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            with self.lock:
                if self.stopped:
                    raise KeyboardInterrupt
                child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=folder,
                                         env=env, preexec_fn=prepare, start_new_session=True)
                self.running.add(child)
            try:
                status, usage, seen, limited = self.watch(child, limit)
            finally:
                with self.lock:
                    self.running.discard(child)
            child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for path in (out, err):
            with open(path, encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read())
        return Done(child.returncode, texts[0], texts[1], max(seen, usage.ru_utime + usage.ru_stime), limited)

    def watch(self, child, limit):
        seen, told = 0.0, None
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                return status, usage, seen, told is not None
            seen = max(seen, sum(family(child.pid).values()))
            if told is None and seen >= limit:
                told = time.monotonic()
                self.end(child, signal.SIGTERM)
            elif told is not None and time.monotonic() - told > GRACE_SECONDS:
                self.end(child, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
