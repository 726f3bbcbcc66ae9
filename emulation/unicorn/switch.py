#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""touchstone switch: finds the firmware and switch_replay, and becomes the program that does the work.

Exit codes are those of switch_replay, mutants.py and csr_space.py: 0 nothing found, 5 something is, 2 usage, 3 a tool is
missing, 4 it cannot run.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("TOUCHSTONE_SOURCE") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TOUCHSTONE_BUILD") or os.path.join(SOURCE, "build", "host-release")


def fail(code, text):
    print(f"touchstone switch: {text}", file=sys.stderr)
    sys.exit(code)


def main():
    words = sys.argv[1:]
    firmware = os.path.join(SOURCE, "build", "firmware", "fw.elf")
    if "--firmware" in words:
        at = words.index("--firmware")
        if at + 1 == len(words):
            fail(2, "--firmware takes a file")
        firmware = words[at + 1]
        del words[at:at + 2]
    if "--csrs" in words:
        words.remove("--csrs")
        os.execv(sys.executable, [sys.executable, os.path.join(HERE, "csr_space.py"), "--source", SOURCE] + words)
    replay = os.path.join(BUILD, "switch_replay")
    if not os.path.exists(replay):
        fail(3, f"{replay} was not built: install the Debian package libunicorn-dev, then ci/replay-switch")
    if not os.path.isfile(firmware):
        fail(4, f"{firmware}: no firmware; ci/replay-switch builds it")
    if "--mutants" in words:
        words.remove("--mutants")
        os.execv(sys.executable, [sys.executable, os.path.join(HERE, "mutants.py"), "--source", SOURCE, "--firmware", firmware,
                                  "--replay", replay] + words)
    os.execv(replay, [replay, firmware] + words)


if __name__ == "__main__":
    main()
