#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the firmware with the payload in QEMU and judges the console.

Each boot (one per --cpu: without and with vector registers) is good when the payload's last line counts no failed check and as many passed ones as the log shows, when
nobody reported something fatal, and when the machine powered itself off within the time limit.

Exit code: 0 good; 1 a check failed or the boot did not come to its end; 2 usage; 3 no QEMU; 4 a file is in the way.
"""

import argparse
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "qemu-system-misc"

CHECK = re.compile(r"\[(ok|FAIL)\] (.+)")
SUMMARY = re.compile(r"payload: (\d+) passed, (\d+) failed")
FATAL = re.compile(r"touchstone: hart \d+: .*")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--firmware", default=os.path.join(ROOT, "build/firmware/fw.elf"), help="firmware ELF")
    parser.add_argument("--payload", default=os.path.join(ROOT, "build/firmware/payload.elf"), help="payload ELF")
    parser.add_argument("--log", default=os.path.join(ROOT, "build/results/qemu.log"), help="where the console goes")
    parser.add_argument("--json", help="where to write the result for the report")
    parser.add_argument("--cpu", action="append", help="CPU to boot; again for more (default: without and with V)")
    parser.add_argument("--seconds", type=int, default=120, help="time limit of a boot (default 120)")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="COMMAND", help="emulator, with its arguments if it needs any")
    args = parser.parse_args()
    args.cpu = args.cpu or ["rv64,h=true", "rv64,h=true,v=true"]
    return args


def stop(code, text):
    print(f"boot.py: {text}", file=sys.stderr)
    sys.exit(code)


def qemu_version(qemu):
    """First line of --version; ends the program when there is no such emulator."""
    try:
        done = subprocess.run([*qemu.split(), "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        stop(3, f"{qemu} not found or not working: install the Debian package {PACKAGE}")
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def boot(args, cpu):
    """Console text, and the emulator's exit code or None when it had to be stopped."""
    command = [*args.qemu.split(), "-M", "virt", "-cpu", cpu, "-smp", "4", "-m", "128M", "-nographic", "-no-reboot"]
    command += ["-bios", args.firmware, "-kernel", args.payload]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    )
    try:
        text = process.communicate(timeout=args.seconds)[0]
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        text = process.communicate()[0]
        code = None
    return text.replace("\r", "").replace("\0", ""), code


def checks_of(text):
    """The payload's checks. Names carry the part of the story, and a number from the second of a name on."""
    checks, seen, part = [], {}, ""
    for line in text.splitlines():
        if line.startswith("## "):
            part = line[3:].strip() + ": "
        match = CHECK.fullmatch(line)
        if not match:
            continue
        name = part + match.group(2)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name += f" ({seen[name]})"
        checks.append({"name": name, "status": "passed" if match.group(1) == "ok" else "failed"})
    return checks


def judge(text, code, checks, seconds):
    """The boot as a whole, as one more list of checks."""
    summaries = SUMMARY.findall(text)
    passed = sum(check["status"] == "passed" for check in checks)
    counted = len(summaries) == 1 and (int(summaries[0][0]), int(summaries[0][1])) == (passed, len(checks) - passed)
    whole = [
        (code is not None, f"powers off within {seconds} seconds"),
        (code in (0, None) or len(checks) > passed, f"emulator ends with 0, not {code}"),
        (counted and passed > 0, "payload comes to its end and counts what the log shows"),
        (not FATAL.search(text), "monitor reports nothing fatal"),
    ]
    return [{"name": "boot: " + name, "status": "passed" if ok else "failed"} for ok, name in whole]


def fragment(version, checks, log):
    inside = os.path.relpath(os.path.abspath(log), ROOT)
    return {
        "schema": "touchstone-fragment/1",
        "kind": "qemu",
        "qemu": version,
        "passed": sum(check["status"] == "passed" for check in checks),
        "failed": sum(check["status"] == "failed" for check in checks),
        "checks": checks,
        "log": os.path.abspath(log) if inside.startswith("..") else inside,
    }


def log_of(path, index):
    """Where the console of a boot goes: the first one to the file that was asked for, the others beside it."""
    stem, suffix = os.path.splitext(path)
    return path if index == 0 else f"{stem}_{index + 1}{suffix}"


def write(path, text):
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path + ".part", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(path + ".part", path)
    except OSError as error:
        stop(4, f"cannot write {path}: {error.strerror}")


def main():
    args = arguments()
    for path in (args.firmware, args.payload):
        if not os.path.isfile(path):
            stop(4, f"{path} does not exist: build it with cmake --preset firmware && cmake --build --preset firmware")
    version = qemu_version(args.qemu)
    checks, console = [], ""
    for index, cpu in enumerate(args.cpu):
        text, code = boot(args, cpu)
        write(log_of(args.log, index), text)
        found = checks_of(text)
        found += judge(text, code, found, args.seconds)
        if index != 0:
            found = [{"name": f"{cpu}: {check['name']}", "status": check["status"]} for check in found]
        checks += found
        if not console or any(check["status"] == "failed" for check in found):
            console = text
    result = fragment(version, checks, args.log)
    if args.json:
        write(args.json, json.dumps(result, indent=1) + "\n")
    for check in checks:
        if check["status"] == "failed":
            print(f"failed: {check['name']}")
    if result["failed"]:
        print("last lines of the console:")
        print("\n".join("  | " + line for line in console.splitlines()[-8:]))
    print(f"boot in QEMU: {result['passed']} checks passed, {result['failed']} failed; log: {result['log']}")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
