#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# touchstone switch --mutants tells the truth: a mistake of one instruction that the replay objects to is detected, one
# in mutants-equivalent.txt is equivalent, one that is neither is named, and a line of the list that nothing needs is an error.
# Two functions here; all of them are a step of ci/test, which leaves the table for the report.
# Only beside the ordinary build: other compilers of the replay would only repeat it.

set -u
SOURCE_DIR=${SOURCE_DIR:-$(pwd)}
FIRMWARE_ELF=${FIRMWARE_ELF:-$SOURCE_DIR/build/firmware/fw.elf}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build/host-release}
replay=$BUILD_DIR/switch_replay

[ "${BUILD_DIR##*/}" = host-release ] || { echo "skipped: runs in host-release only"; exit 77; }
[ -x "$replay" ] || { echo "skipped: this build has no switch_replay"; exit 77; }
[ -f "$FIRMWARE_ELF" ] || { echo "skipped: no firmware image at $FIRMWARE_ELF"; exit 77; }

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
failed=0

# expect <exit code> <pattern> <promise> <arguments>
expect() {
    wanted=$1 pattern=$2 promise=$3
    shift 3
    python3 "$SOURCE_DIR/emulation/unicorn/mutants.py" --firmware "$FIRMWARE_ELF" --replay "$replay" "$@" \
        >"$scratch/out" 2>"$scratch/err"
    code=$?
    [ "$code" -eq "$wanted" ] && grep -q -e "$pattern" "$scratch/out" "$scratch/err" && return
    failed=1
    echo "failed: $promise: exit code $code, wanted $wanted and '$pattern'"
    tail -n 20 "$scratch/out" "$scratch/err"
}

list=$SOURCE_DIR/emulation/unicorn/mutants-equivalent.txt
: >"$scratch/empty"
{ cat "$list" && echo 'trap_return | mret | nobody needs it'; } >"$scratch/stale"

expect 0 ' 0 survived' 'each mistake is detected, or equivalent' --function trap_entry --function hart_stop \
    --output "$scratch/result.json"
grep -q '"failed": 0' "$scratch/result.json" || { failed=1 && echo "failed: no result"; }
expect 5 'hart_stop: csrrci zero,mstatus,8 .*nothing objects' 'a survivor is named' --function hart_stop --equivalent "$scratch/empty"
expect 2 'no assembly function' 'a function that is not there' --function no_such_function
echo 'one | two' >"$scratch/damaged"
expect 2 'damaged:1: not' 'a damaged list' --equivalent "$scratch/damaged"
python3 - "$SOURCE_DIR" "$scratch/stale" <<'PYTHON' || { failed=1 && echo "failed: a stale line is not read"; }
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1] + "/emulation/unicorn")
import mutants
assert mutants.stale(mutants.read_equivalents(sys.argv[2]), {("hart_stop", "csrrci zero,mstatus,8")})
assert not mutants.stale({("a", "b"): "c"}, {("a", "b")})
PYTHON

[ "$failed" -eq 0 ] && echo "passed"
exit "$failed"
