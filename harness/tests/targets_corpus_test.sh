#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What fuzzing services look for beside each target is made by the build, opens, decodes, and is the same each time.

. "${0%/*}/lib/cli.sh"

once "seeds do not depend on the build"
command -v cmake >/dev/null || exit 77

seeds() { cmake --build "$BUILD_DIR" --target fuzz-seeds >"$scratch/out" 2>"$scratch/err"; }

seeds || fail "the seeds can be made"
for file in "$SOURCE_DIR"/harness/targets/*_fuzzer.c; do
    target=${file##*/}
    target=${target%.c}
    [ -x "$BUILD_DIR/$target" ] || continue # needs what is not installed
    beside=$BUILD_DIR/$target
    says "$beside.options" '^\[libfuzzer\]$' "$target has options"
    holds "$target: options that are known" sh -c "! grep -v -e '^\[libfuzzer\]$' -e '^\(max_len\|len_control\|timeout\) = [0-9]*$' '$beside.options'"
    mkdir "$scratch/$target"
    holds "$target: the archive opens" python3 -m zipfile -e "${beside}_seed_corpus.zip" "$scratch/$target"
    count=$(find "$scratch/$target" -type f | wc -l)
    if [ -d "$SOURCE_DIR/harness/targets/${target}_corpus" ]; then
        holds "$target: its own seeds" diff -r "$scratch/$target" "$SOURCE_DIR/harness/targets/${target}_corpus"
    else
        holds "$target: all of the corpora" test "$count" -eq "$(find "$SOURCE_DIR/corpora" -name '*.trace' | wc -l)"
        holds "$target: a dictionary" sh -c "! grep -v -E -e '^#' -e '^\$' -e '^[A-Za-z0-9_.-]+=\"([^\"\\\\]|\\\\x[0-9a-fA-F]{2}|\\\\\\\\|\\\\\")*\"\$' '$beside.dict'"
    fi
done
find "$scratch/host_abi_fuzzer" -type f -exec "$TOUCHSTONE_BIN" check {} + >"$scratch/out" 2>"$scratch/err" || fail "every seed decodes"
"$BUILD_DIR/finding_fuzzer" "$scratch/finding_fuzzer" >"$scratch/out" 2>"$scratch/err" || fail "what is a finding and what is none is told apart"

cp "$BUILD_DIR/host_abi_fuzzer_seed_corpus.zip" "$scratch/before.zip"
rm "$BUILD_DIR/seed_corpus.zip"
seeds || fail "the seeds can be made again"
holds "the same bytes again" cmp "$scratch/before.zip" "$BUILD_DIR/host_abi_fuzzer_seed_corpus.zip"
finish
