#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The firmware boots in QEMU on four harts, without and with vector registers, the payload's checks pass, and the traces
# recorded from those boots replay on the host library with the same results, call by call. Skipped where QEMU is not
# installed or the firmware is not built.

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}" "${BUILD_DIR:=$SOURCE_DIR/build}"
: "${PAYLOAD_ELF:=$(dirname "$FIRMWARE_ELF")/payload.elf}" "${TOUCHSTONE_BIN:=$BUILD_DIR/touchstone}"

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

python3 "$SOURCE_DIR/emulation/qemu/boot.py" --firmware "$FIRMWARE_ELF" --payload "$PAYLOAD_ELF" \
    --log "$work/boot.log" --json "$work/boot.json" --seconds 120 || exit 1
python3 "$SOURCE_DIR/emulation/qemu/record.py" "$work/boot.log" -o "$work/qemu_payload.trace" || exit 1
python3 "$SOURCE_DIR/emulation/qemu/record.py" "$work/boot_2.log" -o "$work/vector.trace" || exit 1
if ! "$TOUCHSTONE_BIN" run "$work"/*.trace; then
    echo "FAILED: a recorded boot does not replay on the host library"
    exit 1
fi
if [ "$(grep -c 'vector registers unchanged' "$work/boot_2.log")" -lt 5 ]; then
    echo "FAILED: no guest used vector registers"
    exit 1
fi

# The seeds in the corpora are this boot, recorded once: the same actions with the same results. Where the payload keeps
# its buffers is the compiler's business.
same_buffers() { sed 's/ram\[[0-9]*\]\(+0x[0-9a-f]*\)\{0,1\}/ram/g' "$1"; }
for trace in "$work"/qemu_payload*.trace; do
    name=$(basename "$trace")
    same_buffers "$SOURCE_DIR/corpora/seeds/$name" >"$work/seed"
    same_buffers "$trace" >"$work/boot"
    if ! diff "$work/seed" "$work/boot" >"$work/difference"; then
        head -n 10 "$work/difference"
        echo "FAILED: corpora/seeds/$name is not what this boot does; record it again"
        exit 1
    fi
done
