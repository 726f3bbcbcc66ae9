#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every CSR number has exactly one class, and the class agrees with what the monitor does. The controls: a line less, a
# line twice, a wrong class and a wrong name are each refused, by number.

. "${0%/*}/lib/once.sh"
once "it looks at the firmware alone"

set -u
SOURCE_DIR=${SOURCE_DIR:-$(pwd)}
command -v riscv64-unknown-elf-objdump >/dev/null || { echo "skipped: no riscv64-unknown-elf-objdump"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
table=$SOURCE_DIR/emulation/unicorn/csr_space.txt
failed=0

# expect <exit code> <pattern> <promise> <sed script>: the table as the script leaves it
expect() {
    sed -e "$4" "$table" >"$scratch/table"
    python3 "$SOURCE_DIR/emulation/unicorn/csr_space.py" --table "$scratch/table" >"$scratch/out" 2>&1
    code=$?
    [ "$code" -eq "$1" ] && grep -q -e "$2" "$scratch/out" && return
    failed=1
    echo "failed: $3: exit code $code, wanted $1 and '$2'"
    head -n 5 "$scratch/out"
}

expect 0 '4096 CSR numbers: .* 0 wrong' 'the table is complete' ''
expect 5 '0x10a is in no class' 'a number without a class' '/^0x10a /d'
expect 5 '0x10a has two lines' 'a number with two' '/^0x10a /p'
expect 5 '0x10a senvcfg is switched by the monitor, and host here' 'a class that is not the truth' '/^0x10a /s/swap/host/'
expect 5 '0x10a is senvcfg for binutils, and other here' 'a name that is not the truth' '/^0x10a /s/senvcfg/other/'
expect 5 '0x10e is said to be in WORLD_CSRS and is not' 'a switch that does not take place' '/^0x10e /s/hstateen2.*/WORLD_CSRS/'
expect 5 'extension zzz is not in isa_state.def' 'an extension that nobody knows' '/^0x015 /s/zkr/zzz/'
expect 2 'table:.*: not' 'a damaged line' '/^0x015 /s/|/;/'

[ "$failed" -eq 0 ] && echo passed
exit "$failed"
