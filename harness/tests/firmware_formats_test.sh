#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All three image formats, as ELF and as flat binary, boot the QEMU payload to its end with no failed check, and the device
# tree that the host gets has the memory of the monitor and the window reserved. fw_jump and fw_payload need nobody who
# tells them where to go; fw_dynamic refuses when nobody does. Skipped where QEMU is not installed or the firmware is not built.

. "${0%/*}/lib/once.sh"
once "only the firmware runs"

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
cpu=rv64,h=true,v=true,vlen=128 # as emulation/qemu/boot.py has it

# console <text> <QEMU options>...: runs the machine until its console shows the text, for at most 60 seconds.
console() {
    text=$1
    shift
    : >"$log"
    qemu-system-riscv64 -M virt -cpu "$cpu" -smp 4 -m 128M -display none -monitor none -serial "file:$log" \
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

# A loader that wants the host on another hart. QEMU always says hart 0, so a stage before the firmware is made here: the image
# begins with a jump to it; it puts the image's first instructions back, points a2 to a structure of its own and goes there. The
# host says on which hart it runs, by the console of the firmware.
python3 - "$folder/fw_dynamic.bin" "$work/image.bin" "$work/stage.bin" "$work/host.bin" <<'PYTHON' || exit 1
import struct
import sys

with open(sys.argv[1], "rb") as file:
    image = bytearray(file.read())
info = struct.pack("<6Q", 0x4942534F, 2, 0x80200000, 1, 0, 1)
code = struct.pack(
    "<10I",
    0x00000297,  # auipc t0, 0            0x83000100
    0xF802B303,  # ld    t1, -0x80(t0)    the first instructions
    0xF0028613,  # addi  a2, t0, -0x100   the structure
    0xFD000397,  # auipc t2, -0x3000
    0xEF438393,  # addi  t2, t2, -0x10c   0x80000000
    0xF1402E73,  # csrr  t3, mhartid
    0x000E1463,  # bnez  t3, 8            only hart 0 takes the detour out: it has taken it itself then
    0x0063B023,  # sd    t1, 0(t2)
    0x0000100F,  # fence.i
    0x00038067,  # jr    t2
)
stage = info.ljust(0x80, b"\0") + bytes(image[:8]).ljust(0x80, b"\0") + code
image[:8] = struct.pack("<2I", 0x03000297, 0x10028067)  # auipc t0, 0x3000; jr 0x100(t0)
host = struct.pack(
    "<11I",
    0x00050413,  # mv   s0, a0
    0x444248B7,  # lui  a7, 0x44424
    0x34E88893,  # addi a7, a7, 0x34e      DBCN
    0x00200813,  # li   a6, 2              console_write_byte
    0x00A00513,  # li   a0, newline
    0x00000073,  # ecall
    0x03040513,  # addi a0, s0, '0'
    0x00000073,  # ecall
    0x02100513,  # li   a0, '!'
    0x00000073,  # ecall
    0x0000006F,  # j    .
)
for path, data in ((sys.argv[2], image), (sys.argv[3], stage), (sys.argv[4], host)):
    with open(path, "wb") as file:
        file.write(data)
PYTHON
shows "a loader that names hart 1" '^1!' -bios "$work/image.bin" \
    -device "loader,file=$work/stage.bin,addr=0x83000000,force-raw=on" \
    -device "loader,file=$work/host.bin,addr=0x80200000,force-raw=on"

# A device tree without SiFive's test device: the machine is switched off through the register that syscon-poweroff names.
tree=$work/tree
qemu-system-riscv64 -M "virt,dumpdtb=$tree" -cpu "$cpu" -smp 4 -m 128M -display none >/dev/null 2>&1
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
    timeout 60 qemu-system-riscv64 -M virt -cpu "$cpu" -smp 4 -m 128M -display none -monitor none \
        -serial "file:$log" -no-reboot -bios "$folder/fw_dynamic.bin" -kernel "$PAYLOAD_ELF" "$@" </dev/null
}
if ends -dtb "$tree" && grep -q -a "$good" "$log"; then
    echo "ok: power off by syscon-poweroff"
else
    echo "FAILED: power off by syscon-poweroff"
    failed=1
fi
exit "$failed"
