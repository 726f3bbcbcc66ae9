#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `touchstone symbolic` says in one line what is wrong with an image that it cannot use, and does not call that proved.

: "${SOURCE_DIR:=.}"
: "${TOUCHSTONE_BIN:=build/host-release/touchstone}"
/usr/bin/python3 -c 'import z3' 2>/dev/null || { echo "skipped: no python3-z3"; exit 77; }
command -v riscv64-unknown-elf-objdump >/dev/null || { echo "skipped: no riscv64-unknown-elf-objdump"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# expect <code> <text> <argument>...
expect() {
    code=$1 text=$2
    shift 2
    "$TOUCHSTONE_BIN" symbolic "$@" >"$work/out" 2>&1
    got=$?
    if [ "$got" -eq "$code" ] && grep -q -e "$text" "$work/out"; then
        echo "ok: $text"
    else
        echo "FAILED: wanted exit code $code and '$text', got $got and:"
        sed 's/^/  | /' "$work/out"
        bad=1
    fi
}

expect 4 "$work/none: No such file" "$work/none"
echo "no ELF file" >"$work/text"
expect 4 "$work/text: not a 64-bit RISC-V ELF file" "$work/text"
expect 4 "not a 64-bit RISC-V ELF file" "$TOUCHSTONE_BIN"
expect 2 "unrecognized arguments" --nonsense
exit "$bad"
