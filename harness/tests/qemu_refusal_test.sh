#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# On a machine that it cannot protect, the firmware says why and never enters the host. As a control, the same host
# entered on a machine that it supports prints its first line. Skipped where QEMU is not installed or the firmware is
# not built.

. "${0%/*}/lib/once.sh"
once "only the firmware runs"

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}"
: "${PAYLOAD_ELF:=$(dirname "$FIRMWARE_ELF")/payload.elf}"

if ! command -v qemu-system-riscv64 >/dev/null; then
    echo "skipped: qemu-system-riscv64 not found, install the Debian package qemu-system-misc"
    exit 77
fi
if [ ! -f "$FIRMWARE_ELF" ] || [ ! -f "$PAYLOAD_ELF" ]; then
    echo "skipped: $FIRMWARE_ELF and $PAYLOAD_ELF have not been built"
    exit 77
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/console
failed=0

# console <text> <QEMU options>...: runs the machine until its console shows the text, for at most 30 seconds.
console() {
    text=$1
    shift
    : >"$log"
    qemu-system-riscv64 -M virt "$@" -display none -monitor none -serial "file:$log" -no-reboot \
        -bios "$FIRMWARE_ELF" -kernel "$host" </dev/null 2>/dev/null &
    emulator=$!
    for _ in $(seq 300); do
        grep -q -a "$text" "$log" && break
        kill -0 "$emulator" 2>/dev/null || break
        sleep 0.1
    done
    kill "$emulator" 2>/dev/null
    wait "$emulator" 2>/dev/null
    grep -q -a "$text" "$log"
}

# refuses <reason> <QEMU options>...
refuses() {
    reason=$1
    shift
    if ! console "cannot start: $reason" "$@"; then
        echo "FAILED: no refusal because $reason; the console shows:"
        sed 's/^/  | /' "$log" | tail -n 5
        failed=1
    elif grep -q -a '^## boot' "$log"; then
        echo "FAILED: refused because $reason, and the host ran all the same"
        failed=1
    else
        echo "ok: $reason"
    fi
}

host=$PAYLOAD_ELF
if ! console '^## boot' -cpu rv64,h=true -smp 2 -m 128M; then
    echo "FAILED: the host does not start on a machine that is supported"
    failed=1
fi

refuses 'the hart lacks one of the extensions' -cpu rv64,h=false -smp 2 -m 128M
refuses 'the hart lacks one of the extensions' -cpu rv64,h=true,d=false -smp 2 -m 128M
refuses 'the hart lacks the Sstc extension' -cpu rv64,h=true,sstc=false -smp 2 -m 128M
refuses 'too little RAM for the window' -cpu rv64,h=true -smp 2 -m 66M
refuses 'the device tree lies in the window' -cpu rv64,h=true -smp 2 -m 68M
refuses 'hart ids are not' -cpu rv64,h=true -smp 9 -m 128M

# A hart without PMP cannot be closed off: it ends in the monitor, and its host never starts.
if ! console 'hart 0: fatal: trap in the monitor' -cpu rv64,h=true,pmp=false -smp 2 -m 128M || grep -q -a '^## boot' "$log"; then
    echo "FAILED: no end of a hart without PMP; the console shows:"
    sed 's/^/  | /' "$log" | tail -n 5
    failed=1
else
    echo "ok: the hart has no PMP"
fi

# An extension that nobody listed does not keep the host from running, but it is named.
if ! console 'unknown extensions, .*: xventanacondops' -cpu rv64,h=true,xventanacondops=true -smp 2 -m 128M; then
    echo "FAILED: an extension that nobody listed is not named; the console shows:"
    sed 's/^/  | /' "$log" | tail -n 5
    failed=1
else
    echo "ok: an unknown extension is named"
fi

# The same host, but loaded into the window: QEMU names the lowest address of a segment as the entry.
host=$work/host.elf
python3 - "$PAYLOAD_ELF" "$host" <<'PYTHON' || exit 1
import struct
import sys

image = bytearray(open(sys.argv[1], "rb").read())
start, = struct.unpack_from("<Q", image, 32)
size, count = struct.unpack_from("<HH", image, 54)
for header in range(start, start + size * count, size):
    address, = struct.unpack_from("<Q", image, header + 24)
    if address:
        struct.pack_into("<Q", image, header + 24, address - 0x80200000 + 0x84000000)
open(sys.argv[2], "wb").write(image)
PYTHON
refuses 'the loader names no usable entry' -cpu rv64,h=true -smp 2 -m 128M
exit "$failed"
