#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All three image formats, as ELF and as flat binary, boot the QEMU payload to its end with no failed check, and the device
# tree that the host gets has the memory of the monitor and the window reserved. fw_jump and fw_payload need nobody who
# tells them where to go; fw_dynamic refuses when nobody does. Skipped where QEMU is not installed or the firmware is not built.

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}"
folder=$(dirname "$FIRMWARE_ELF")
: "${PAYLOAD_ELF:=$folder/payload.elf}"

if ! command -v qemu-system-riscv64 >/dev/null; then
    echo "skipped: qemu-system-riscv64 not found, install the Debian package qemu-system-misc"
    exit 77
fi
for kind in dynamic jump payload; do
    for form in elf bin; do
        if [ ! -f "$folder/fw_$kind.$form" ]; then
            echo "skipped: $folder/fw_$kind.$form has not been built"
            exit 77
        fi
    done
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/console
failed=0

# console <text> <QEMU options>...: runs the machine until its console shows the text, for at most 60 seconds.
console() {
    text=$1
    shift
    : >"$log"
    qemu-system-riscv64 -M virt -cpu rv64,h=true -smp 2 -m 128M -display none -monitor none -serial "file:$log" \
        -no-reboot "$@" </dev/null 2>"$work/errors" &
    emulator=$!
    for _ in $(seq 600); do
        grep -q -a "$text" "$log" && break
        kill -0 "$emulator" 2>/dev/null || break
        sleep 0.1
    done
    kill "$emulator" 2>/dev/null
    wait "$emulator" 2>/dev/null
    grep -q -a "$text" "$log"
}

# shows <what> <text> <QEMU options>...
shows() {
    what=$1
    shift
    if console "$@"; then
        echo "ok: $what"
    else
        echo "FAILED: $what; the console shows:"
        cat "$work/errors"
        tail -n 5 "$log" | sed 's/^/  | /'
        failed=1
    fi
}

good='^payload: [0-9]* passed, 0 failed'
for form in elf bin; do
    shows "fw_dynamic.$form" "$good" -bios "$folder/fw_dynamic.$form" -kernel "$PAYLOAD_ELF"
    shows "fw_jump.$form" "$good" -bios "$folder/fw_jump.$form" -device "loader,file=$PAYLOAD_ELF"
    shows "fw_payload.$form" "$good" -bios "$folder/fw_payload.$form"
done
shows "fw_dynamic with no next stage refuses" 'cannot start: the loader names no usable entry' -bios "$folder/fw_dynamic.bin"

# ACLINT devices instead of a CLINT; and two CLINTs, which one word per hart in a row cannot serve.
shows "an ACLINT" "$good" -M virt,aclint=on -bios "$folder/fw_dynamic.bin" -kernel "$PAYLOAD_ELF"
shows "two CLINTs are refused" 'cannot start: the device tree does not name one device for machine software interrupts' \
    -smp 4 -object memory-backend-ram,size=64M,id=a -object memory-backend-ram,size=64M,id=b \
    -numa node,memdev=a,cpus=0-1 -numa node,memdev=b,cpus=2-3 -bios "$folder/fw_dynamic.bin" -kernel "$PAYLOAD_ELF"

# A device tree without SiFive's test device: the machine is switched off through the register that syscon-poweroff names.
tree=$work/tree
qemu-system-riscv64 -M "virt,dumpdtb=$tree" -cpu rv64,h=true -smp 2 -m 128M -display none >/dev/null 2>&1
PYTHONPATH=$SOURCE_DIR/emulation/linux python3 - "$tree" <<'PYTHON' || exit 1
import sys

import fdt

with open(sys.argv[1], "rb") as file:
    root = fdt.parse(file.read())
tests = [node for parent in (root, *root.children) for node in parent.children if node.name.startswith("test@")]
for node in tests:
    node.properties["compatible"] = fdt.text("syscon")
with open(sys.argv[1], "wb") as file:
    file.write(fdt.write(root))
sys.exit(len(tests) != 1)
PYTHON
ends() {
    timeout 60 qemu-system-riscv64 -M virt -cpu rv64,h=true -smp 2 -m 128M -display none -monitor none \
        -serial "file:$log" -no-reboot -bios "$folder/fw_dynamic.bin" -kernel "$PAYLOAD_ELF" "$@" </dev/null
}
if ends -dtb "$tree" && grep -q -a "$good" "$log"; then
    echo "ok: power off by syscon-poweroff"
else
    echo "FAILED: power off by syscon-poweroff"
    failed=1
fi
exit "$failed"
