#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The linked firmware keeps what its linker script promises: page-aligned segments of which none is both writable and
# executable, all inside one 2 MiB region; the symbols that debuggers and the switch replay load it by; and a stack
# that is deep enough on every path, and wiped as deep as a guest's traps go. Skipped where the firmware has not been built.

. "${0%/*}/lib/once.sh"
once "it looks at the firmware alone"

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}"

if [ ! -f "$FIRMWARE_ELF" ]; then
    echo "skipped: $FIRMWARE_ELF has not been built"
    exit 77
fi
for tool in readelf nm python3; do
    command -v "$tool" >/dev/null || { echo "$tool not found: install binutils and python3"; exit 1; }
done

failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}

# Address of a symbol as 16 hexadecimal digits, or nothing.
address() { nm "$FIRMWARE_ELF" | awk -v name="$1" '$3 == name { print $1 }'; }

# One line per segment: address and size in memory, both 16 digits, then the flags.
segments() {
    readelf -l -W "$FIRMWARE_ELF" | awk '$1 == "LOAD" {
        flags = ""
        for (i = 7; i < NF; i++) flags = flags $i
        print substr($3, 3), substr($6, 3), flags
    }'
}

# Numbers in these ranges do not fit every shell's arithmetic, so Python compares.
segments | python3 -c '
import sys

BASE, SIZE = 0x80000000, 0x200000
bad, kinds = [], set()
for line in sys.stdin:
    start, size, flags = line.split()
    start, size = int(start, 16), int(size, 16)
    kinds.add(flags)
    if "W" in flags and "E" in flags:
        bad.append(f"segment at {start:#x} is writable and executable")
    if start % 4096:
        bad.append(f"segment at {start:#x} does not begin on a page")
    if start < BASE or start + size > BASE + SIZE:
        bad.append(f"segment at {start:#x} leaves the 2 MiB region of the monitor")
if kinds != {"RE", "R", "RW"}:
    bad.append("segments are " + ", ".join(sorted(kinds)) + " and not one each of R, RE, RW")
print("\n".join(bad), end="\n" if bad else "")
sys.exit(1 if bad else 0)
' || fail "segments of $FIRMWARE_ELF"

[ "$(address _start)" = 0000000080000000 ] || fail "_start is not the first instruction of the image"
for name in trap_entry trap_leave trap_return trap_mret fatal_entry riscv_trap g_monitor riscv_stacks \
    hal_csr_swap hal_fp_save hal_fp_load hal_fp_zero; do
    [ -n "$(address "$name")" ] || fail "symbol $name is missing"
done

# mtvec keeps the address of a handler without its two lowest bits; guard pages begin on a page.
for name in trap_entry fatal_entry hart_stop; do
    case $(address "$name") in
        *[048c]) ;;
        *) fail "$name is not aligned to 4 bytes" ;;
    esac
done
case $(address riscv_stacks) in
    *000) ;;
    *) fail "riscv_stacks does not begin on a page" ;;
esac

# Two checkouts give the same bits: no folder of this machine is named, not even in the debug information.
here=$(cd "$SOURCE_DIR" && pwd)
for folder in "$here" "$(cd "$(dirname "$FIRMWARE_ELF")" && pwd)" "${HOME:-/root}"; do
    [ "$folder" = / ] || ! grep -q -a -F "$folder/" "$FIRMWARE_ELF" || fail "$folder is named in $FIRMWARE_ELF"
done

python3 "$SOURCE_DIR/monitor/riscv/stack_bound.py" "$FIRMWARE_ELF" || fail "stack of the firmware"

[ "$failed" -eq 0 ] && echo "layout of the firmware is as promised"
exit "$failed"
