#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots Debian's kernel for riscv64 on the firmware in QEMU, to busybox, with KVM loaded, and judges the console.

The kernel is the one of Debian trixie; while that suite's package lists cannot be verified, one of --fallback. With 1,
2 and 4 harts as QEMU describes itself, and with 2 harts and idle states in the device tree, so that Linux suspends harts
through the firmware, retentive and not.

Exit code: 0 good; 1 a check failed; 2 usage; 3 no QEMU; 4 a file is missing or in the way; 77 skipped: Debian's
packages cannot be had here and now, and are not in the cache.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fdt  # noqa: E402
import initramfs  # noqa: E402
import packages  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGE = "qemu-system-misc"
SUITE, FALLBACK = "trixie", ["forky"]
SKIPPED = 77
MACHINE = ["-M", "virt", "-cpu", "rv64,h=true", "-m", "1G"]
COMMAND_LINE = "earlycon=sbi console=ttyS0 panic=-1"
RETENTIVE, NON_RETENTIVE = 0x00000000, 0x80000000
IDLE = {RETENTIVE: "retentive", NON_RETENTIVE: "non-retentive"}

EXTENSIONS = ("TIME", "IPI", "RFENCE", "SRST", "DBCN", "HSM")
TROUBLE = re.compile(r"Kernel panic|Oops|BUG:|WARNING:|Call Trace|Unable to handle|rcu.*stall")
FATAL = re.compile(r"touchstone: hart \d+: .*")


def arguments():
    parser = argparse.ArgumentParser(
        prog="touchstone linux", description=__doc__.split("\n", maxsplit=1)[0], epilog=__doc__.split("\n\n")[-1]
    )
    parser.add_argument("--harts", type=int, action="append", choices=range(1, 9), metavar="N", help="1 to 8; repeatable")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="PROGRAM", help="emulator to use")
    parser.add_argument("--firmware", default=os.path.join(ROOT, "build/firmware/fw_dynamic.elf"), metavar="FILE")
    parser.add_argument("--suite", default=SUITE, help=f"Debian suite to take the kernel from (default {SUITE})")
    parser.add_argument(
        "--fallback", action="append", metavar="SUITE", help=f"instead, when that cannot be had (default {FALLBACK[0]})"
    )
    parser.add_argument("--no-fallback", action="store_true", help="that suite or none")
    parser.add_argument("--no-idle", action="store_true", help="leave out the boots with idle states")
    parser.add_argument("--refresh", action="store_true", help="download again, even when the cache has a kernel")
    parser.add_argument("--fetch", action="store_true", help="fill the cache and print the digests, boot nothing")
    parser.add_argument("--seconds", type=int, default=180, metavar="N", help="time limit of one boot (default 180)")
    parser.add_argument("--output", default=os.path.join(ROOT, "build/results/linux"), metavar="DIR", help="for consoles")
    parser.add_argument("--json", metavar="FILE", help="where to write the result for the report")
    return parser.parse_args()


def stop(code, text):
    print(f"touchstone linux: {text}", file=sys.stderr)
    sys.exit(code)


def qemu_version(qemu):
    try:
        done = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        stop(3, f"{qemu} not found or not working: install the Debian package {PACKAGE}")
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def find_files(args):
    """Folder and manifest of the first suite that can be had, and why the ones before it could not."""
    reasons = []
    for suite in [args.suite] + ([] if args.no_fallback else args.fallback or FALLBACK):
        try:
            folder, manifest = packages.provide(suite, print, args.refresh)
            return folder, manifest, reasons
        except packages.Unavailable as error:
            reasons.append(f"{suite}: {error}")
        except packages.Wrong as error:
            stop(1, str(error))
        except OSError as error:
            stop(4, f"{error.filename or packages.cache_folder()}: {error.strerror}")
    print("skipped: " + "; ".join(reasons))
    sys.exit(SKIPPED)


def build_initramfs(folder, path):
    def content(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    with open(os.path.join(HERE, "init"), "rb") as file:
        files = {"init": (file.read(), 0o755)}
    files["bin/busybox"] = (content("busybox"), 0o755)
    for module in ("irqbypass.ko", "kvm.ko"):
        files["modules/" + module] = (content(module), 0o644)
    with open(path, "wb") as out:
        out.write(initramfs.build(files, folders=("dev", "proc", "sys")))


def dump_fdt(args, harts, path):
    """The tree that QEMU would give to this machine."""
    command = [args.qemu, *MACHINE[:1], MACHINE[1] + f",dumpdtb={path}", *MACHINE[2:], "-smp", str(harts)]
    subprocess.run([*command, "-display", "none"], capture_output=True, check=True, timeout=60)
    with open(path, "rb") as file:
        return file.read()


def boot(args, harts, folder, ramdisk, tree):
    """Console text, and the emulator's exit code or None when it had to be stopped."""
    command = [args.qemu, *MACHINE, "-smp", str(harts), "-nographic", "-no-reboot", "-bios", args.firmware]
    command += ["-kernel", os.path.join(folder, "kernel"), "-initrd", ramdisk, "-append", COMMAND_LINE]
    command += ["-dtb", tree] if tree else []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    ) as process:
        try:
            text, code = process.communicate(timeout=args.seconds)[0], process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            text, code = process.communicate()[0], None
    return text.replace("\r", "").replace("\0", ""), code


def idle_ok(text, harts, suspend_type):
    """Every hart has used the state, and nobody was refused."""
    state = fdt.idle_name(suspend_type)
    match = re.search(rf"^init: idle {state} used ([\d ]+) rejected ([\d ]+)$", text, re.MULTILINE)
    used, rejected = ([int(word) for word in group.split()] for group in match.groups()) if match else ([], [])
    return len(used) == harts and all(used) and not any(rejected)


def judge(args, text, code, harts, release, suspend_type):
    """(holds, what) for each thing that a good boot shows."""
    lines = set(text.splitlines())
    online = "0" if harts == 1 else f"0-{harts - 1}"
    slept = re.search(r"^init: slept 2 s and (\d+) s went by$", text, re.MULTILINE)
    checks = [
        (code is not None, f"powers off within {args.seconds} seconds"),
        (code == 0 and "reboot: Power down" in text, "the end is a power-off that the firmware carried out"),
        (not FATAL.search(text), "monitor reports nothing fatal"),
        (not TROUBLE.search(text), "kernel reports no trouble"),
        ("init: dmesg SBI specification v2.0 detected" in lines, "kernel sees SBI v2.0"),
        (all(f"init: dmesg SBI {name} extension detected" in lines for name in EXTENSIONS), "kernel sees our extensions"),
        ("earlycon: sbi0" in text, "early console is the firmware's"),
        (len(re.findall(r"reserved mem: .* nomap ", text)) >= 2, "kernel keeps off the memory of monitor and window"),
        (f"init: kernel Linux {release} riscv64" in lines, f"busybox runs on Linux {release}"),
        (f"init: harts {harts} online {online}" in lines, f"{harts} harts are online"),
        ("init: loaded kvm" in lines and "init: /dev/kvm is there" in lines, "KVM is loaded"),
        (re.search(r"kvm \[\d+\]: hypervisor extension available", text), "KVM says that the hypervisor extension is available"),
        (all(f"init: computed on cpu{hart}" in lines for hart in range(harts)), "every hart computes"),
        (slept and 1 <= int(slept.group(1)) <= 4, "time passes as it should"),
        (all(f"init: cpu{hart} on, online {online}" in lines for hart in range(1, harts)), "harts stop and start again"),
        ("init: devmem 0x0c000000 ends with 0" in lines, "programs of the host may read a device of the host"),
        (
            len(re.findall(r"^init: devmem 0x[0-9a-f]+ ends with 1(?:35|39)$", text, re.MULTILINE)) == 3,
            "a program that reads monitor, window or M-mode's device ends by a signal",
        ),
        ("init: end" in lines, "the first process comes to its end"),
    ]
    if suspend_type is not None:
        checks.append((idle_ok(text, harts, suspend_type), f"idle harts are suspended, {IDLE[suspend_type]}"))
    return checks


def write(path, text):
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path + ".part", "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(path + ".part", path)
    except OSError as error:
        stop(4, f"cannot write {path}: {error.strerror}")


def runs(args):
    """(harts, suspend type or None) of each boot."""
    wanted = [(harts, None) for harts in args.harts or (1, 2, 4)]
    if not args.no_idle:
        wanted += [((args.harts or [2])[-1], kind) for kind in (RETENTIVE, NON_RETENTIVE)]
    return wanted


def boot_all(args, folder, manifest):
    checks, logs = [], []
    with tempfile.TemporaryDirectory(prefix="touchstone-linux-") as work:
        ramdisk = os.path.join(work, "initramfs.gz")
        build_initramfs(folder, ramdisk)
        for harts, suspend_type in runs(args):
            name = f"{harts} hart{'s' * (harts > 1)}" + (f", idle {IDLE[suspend_type]}" if suspend_type is not None else "")
            tree = None
            if suspend_type is not None:
                tree = os.path.join(work, "tree")
                blob = fdt.with_idle_states(dump_fdt(args, harts, tree), suspend_type)
                with open(tree, "wb") as out:
                    out.write(blob)
            text, code = boot(args, harts, folder, ramdisk, tree)
            log = os.path.join(args.output, name.replace(", ", "-").replace(" ", "-") + ".log")
            write(log, text)
            logs.append(f"==== {name} ====\n{text}")
            seen = judge(args, text, code, harts, manifest["release"], suspend_type)
            for holds, what in seen:
                kernel = f"Linux of Debian {manifest['suite']}"
                checks.append({"name": f"{kernel}, {name}: {what}", "status": "passed" if holds else "failed"})
                if not holds:
                    print(f"failed: {name}: {what}")
            good = sum(bool(holds) for holds, _ in seen)
            print(f"Linux {manifest['release']} on {name}: {good} of {len(seen)} checks passed; console: {os.path.relpath(log)}")
    return checks, logs


def main():
    args = arguments()
    if not args.fetch and not os.path.isfile(args.firmware):
        stop(4, f"{args.firmware} does not exist: build it with cmake --preset firmware && cmake --build --preset firmware")
    version = None if args.fetch else qemu_version(args.qemu)
    folder, manifest, reasons = find_files(args)
    for reason in reasons:
        print(f"not available: {reason}")
    print(f"kernel of Debian {manifest['suite']}, {manifest['release']}")
    for package in manifest["packages"]:
        pinned = "pinned" if package["pinned"] else "not pinned, verified by the archive's signed list"
        print(f"  {package['sha256']}  {package['name']} {package['version']} ({pinned})")
    if args.fetch:
        print(json.dumps({"packages": manifest["packages"]}, indent=1))
        return 0
    checks, logs = boot_all(args, folder, manifest)
    failed = sum(check["status"] == "failed" for check in checks)
    console = os.path.join(args.output, "console.log")
    write(console, "\n".join(logs))
    inside = os.path.relpath(os.path.abspath(console), ROOT)
    result = {
        "schema": "touchstone-fragment/1",
        "kind": "qemu",
        "qemu": version,
        "linux": {key: manifest[key] for key in ("suite", "release", "packages", "files")},
        "not_available": reasons,
        "passed": len(checks) - failed,
        "failed": failed,
        "checks": checks,
        "log": os.path.abspath(console) if inside.startswith("..") else inside,
    }
    if args.json:
        write(args.json, json.dumps(result, indent=1) + "\n")
    instead = f" instead of {args.suite}" if manifest["suite"] != args.suite else ""
    print(f"Debian {manifest['suite']}{instead} in QEMU: {result['passed']} checks passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
