#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fuzz target without an engine: runs files and directories, ignores engine flags, and answers bad input with one line
# and an exit code. Needs BUILD_DIR with host_abi_fuzzer; skipped where that was built with an engine.
set -u

target=${BUILD_DIR:?}/host_abi_fuzzer
source=${SOURCE_DIR:?}
[ -x "$target" ] || exit 77
"$target" 2>&1 | grep -q '^usage: ' || exit 77

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

# expect <exit code> <part of the output> <arguments...>
expect() {
    wanted=$1 part=$2
    shift 2
    "$target" "$@" >"$work/out" 2>&1
    code=$?
    cases=$((cases + 1))
    if [ "$code" -ne "$wanted" ] || ! grep -qF -- "$part" "$work/out"; then
        failures=$((failures + 1))
        echo "failed: $* gave $code, wanted $wanted and '$part'; it said:"
        cat "$work/out"
    fi
}

seeds=$(find "$source/corpora/seeds" -name '*.trace' | wc -l)
expect 0 "$seeds inputs, nothing found" "$source/corpora/seeds"
expect 0 "1 inputs, nothing found" -runs=1 -max_len=10 -- "$source/corpora/seeds/two_tvms.trace"

: >"$work/empty"
head -c 100 /dev/zero >"$work/zero"
head -c 60000 "$target" >"$work/random"
expect 0 "3 inputs, nothing found" "$work/empty" "$work/zero" "$work/random"
mkdir -p "$work/tree/inner"
cp "$work/zero" "$work/tree/a"
cp "$work/zero" "$work/tree/inner/b"
expect 0 "2 inputs, nothing found" "$work/tree"

expect 2 "usage: "
expect 2 "usage: " -runs=5
expect 2 "unknown option -h" -h
expect 2 "error: $work/none: No such file or directory" "$work/none"
head -c 2000000 /dev/zero >"$work/large"
expect 2 "error: $work/large: larger than 1 MiB" "$work/large"

echo "$((cases - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
