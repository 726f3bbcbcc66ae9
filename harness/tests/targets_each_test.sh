#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target, built without an engine, takes every seed, and what is none, without a finding. Needs BUILD_DIR;
# skipped where the targets were built with an engine.
set -u

build=${BUILD_DIR:?}
source=${SOURCE_DIR:?}
"$build/trace_codec_fuzzer" 2>&1 | grep -q '^usage: ' || exit 77

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

: >"$work/empty"
printf '# no header' >"$work/unfinished"
head -c 3000 /dev/zero >"$work/zero"
head -c 60000 "$build/trace_codec_fuzzer" >"$work/program"
cp "$source"/corpora/seeds/*.trace "$work"

# A trace, a seed, and decisions.
"$build/touchstone" asm "$source/corpora/seeds/two_harts.trace" -o "$work/decided" || exit 1
printf '\004\001\002\003\000\000\001\003' >>"$work/decided"

# For the world switch: the guest asks for memory to be shared where a page is (the random words are ones), and the mailbox of
# the host happens to say yes (they are zeros), to which the monitor answers with an error.
{
    printf '\022\377\000'
    head -c 2040 /dev/zero | tr '\000' '\377'
    printf '\012\000\377'
    head -c 2040 /dev/zero
} >"$work/agreed"
count=$(find "$work" -type f | wc -l)

for file in "$source"/harness/targets/*_fuzzer.c; do
    target=${file##*/}
    target=${target%.c}
    # Left out where the library it compares with cannot be used.
    [ -x "$build/$target" ] || case $target in mmio_decode_fuzzer | ctxswitch_fuzzer) continue ;; esac
    # Runs the linked firmware.
    [ "$target" != ctxswitch_fuzzer ] || [ -f "${FIRMWARE_ELF:-/nonexistent}" ] || continue
    if "$build/$target" "$work" >"$work.out" 2>&1 && grep -qx "$count inputs, nothing found" "$work.out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$target:"
        tail -n 20 "$work.out"
    fi
done
rm -f "$work.out"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
