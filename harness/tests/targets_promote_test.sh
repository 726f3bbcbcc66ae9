#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fuzz target of promote_to_tvm without an engine: hundreds of damaged VMs, the same in every run, and no finding. Needs
# BUILD_DIR with promote_fuzzer; skipped where that was built with an engine.
set -u

target=${BUILD_DIR:?}/promote_fuzzer
[ -x "$target" ] || exit 77
"$target" 2>&1 | grep -q '^usage: ' || exit 77

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# 400 files of 1 to 80 bytes, so that some VMs stay whole; awk in the C locale writes bytes, and 0 is left out.
count=400
LC_ALL=C awk -v count="$count" -v work="$work" 'BEGIN {
    state = 7
    for (file = 0; file < count; file++) {
        name = work "/" file
        printf "" >name
        for (i = 0; i < 1 + file % 80; i++) {
            state = (state * 16807) % 2147483647
            printf "%c", 1 + int(state / 64) % 255 >name
        }
        close(name)
    }
}' || exit 1

"$target" "$work" >"$work.out" 2>&1
code=$?
if [ "$code" -ne 0 ] || ! grep -qF "$count inputs, nothing found" "$work.out"; then
    head -n 60 "$work.out"
    rm -f "$work.out"
    echo "0 passed, 1 failed"
    exit 1
fi
rm -f "$work.out"
echo "1 passed, 0 failed"
