#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What `touchstone linux` does without a network and without Linux: it says that it is skipped and why, believes neither a
# cache that somebody changed nor a known version with another digest, makes the same file system twice, reads back the
# device trees it writes, and its judge finds fault with a console that lacks something.

. "${0%/*}/lib/once.sh"
once "no host build runs"

: "${SOURCE_DIR:=.}"
command -v python3 >/dev/null || { echo "python3 not found: install the Debian package python3"; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# A mirror that nobody answers at, and an empty cache.
TOUCHSTONE_DEBIAN_MIRROR=http://127.0.0.1:9/debian TOUCHSTONE_CACHE=$work/cache \
    python3 "$SOURCE_DIR/emulation/linux/boot.py" --fetch >"$work/out" 2>&1
code=$?
if [ "$code" -ne 77 ] || ! grep -q '^skipped: trixie: ' "$work/out"; then
    echo "FAILED: without network the exit code is $code, and the output:"
    sed 's/^/  | /' "$work/out"
    exit 1
fi
echo "ok: skipped without network"

PYTHONPATH=$SOURCE_DIR/emulation/linux PYTHONDONTWRITEBYTECODE=1 python3 - "$work" <<'PYTHON'
import argparse
import gzip
import json
import os
import sys

import boot
import fdt
import initramfs
import packages

failed = 0


def check(what, good):
    global failed
    print(("ok: " if good else "FAILED: ") + what)
    failed += not good


def raises(error, function, *words):
    try:
        function(*words)
    except error:
        return True
    return False


# The cache.
folder = os.path.join(sys.argv[1], "suite")
os.mkdir(folder)
for name in packages.WANTED:
    with open(os.path.join(folder, name), "wb") as file:
        file.write(name.encode())
digests = {name: packages.digest(os.path.join(folder, name)) for name in packages.WANTED}
with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
    json.dump({"files": digests, "packages": []}, file)
check("a whole cache is used", packages.cached(folder) is not None)
with open(os.path.join(folder, "kernel"), "ab") as file:
    file.write(b"!")
check("a changed cache is not used", packages.cached(folder) is None)
os.remove(os.path.join(folder, "kernel"))
check("a cache with a hole is not used", packages.cached(folder) is None)
check("no cache is no cache", packages.cached(os.path.join(sys.argv[1], "nothing")) is None)

# Pins.
pin = dict(packages.pins()[0])
check("a pinned package is known", packages.check_pin(pin))
check("another version is not", not packages.check_pin({**pin, "version": "0"}))
check("another digest is refused", raises(packages.Wrong, packages.check_pin, {**pin, "sha256": "0" * 64}))

# The file system in memory.
files = {"bin/sh": (b"x" * 5, 0o755), "init": (b"y", 0o755)}
one, two = (initramfs.build(dict(order), {"bin/ls": "sh"}, ("dev",)) for order in (files.items(), reversed(files.items())))
check("the same files give the same archive", one == two)
archive = gzip.decompress(one)
names = [archive[at + 110 :].split(b"\0", 1)[0].decode() for at in range(0, len(archive), 4) if archive[at : at + 6] == b"070701"]
check("the archive holds what was asked for", names == ["bin", "dev", "bin/sh", "init", "bin/ls", "TRAILER!!!"])

# Device trees.
root = fdt.Node("")
root.properties["model"] = fdt.text("m")
cpus = root.add("cpus")
cpus.add("cpu@0", reg=fdt.cell(0))
blob = fdt.write(root)
check("a tree is read as it was written", fdt.write(fdt.parse(blob)) == blob)
idle = fdt.parse(fdt.with_idle_states(blob, boot.NON_RETENTIVE)).child("cpus")
state = idle.child("idle-states").child(fdt.idle_name(boot.NON_RETENTIVE))
check("an idle state is added", state.properties["riscv,sbi-suspend-param"] == fdt.cell(boot.NON_RETENTIVE))
check("each hart names it", idle.child("cpu@0").properties["cpu-idle-states"] == state.properties["phandle"])

# The judge: a good console, and each of its lines missing.
good = [
    *(f"init: dmesg SBI {name} extension detected" for name in boot.EXTENSIONS),
    "init: dmesg SBI specification v2.0 detected",
    "[    0.000000] earlycon: sbi0 at I/O port 0x0",
    "OF: reserved mem: 0x80000000 nomap a",
    "OF: reserved mem: 0x84000000 nomap b",
    "init: kernel Linux R riscv64",
    "init: harts 2 online 0-1",
    "init: loaded kvm",
    "init: /dev/kvm is there",
    "init: dmesg kvm [1]: hypervisor extension available",
    "init: computed on cpu0",
    "init: computed on cpu1",
    "init: slept 2 s and 2 s went by",
    "init: cpu1 on, online 0-1",
    f"init: idle {fdt.idle_name(0)} used 3 4  rejected 0 0 ",
    "init: devmem 0x0c000000 ends with 0",
    "init: devmem 0x80000000 ends with 139",
    "init: devmem 0x84000000 ends with 139",
    "init: devmem 0x02000000 ends with 135",
    "init: end",
    "[    9.0] reboot: Power down",
]
args = argparse.Namespace(seconds=1)


def faults(lines, code=0):
    return [what for holds, what in boot.judge(args, "\n".join(lines), code, 2, "R", boot.RETENTIVE) if not holds]


check("a good console is good", faults(good) == [])
check("each missing line is noticed", all(faults(good[:i] + good[i + 1 :]) for i in range(len(good))))
check("an emulator that had to be stopped is noticed", bool(faults(good, None)) and bool(faults(good, 1)))
for trouble in ("Kernel panic - not syncing", "Oops [#1]", "rcu: INFO: rcu_sched self-detected stall on CPU"):
    check(f"noticed: {trouble}", faults([*good, trouble]) == ["kernel reports no trouble"])
check("noticed: an end of a hart", bool(faults([*good, "touchstone: hart 1: fatal: x"])))
check("noticed: window open", bool(faults([line.replace("84000000 ends with 139", "84000000 ends with 0") for line in good])))
check("noticed: no idle", bool(faults([line.replace("used 3 4", "used 3 0") for line in good])))
sys.exit(failed != 0)
PYTHON
