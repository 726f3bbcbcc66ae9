#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# One trace, one result: the corpora give the same lines, hashes included, in two processes; a hunt with the same seed
# makes the same inputs and keeps the same ones; another seed does not.

. "${0%/*}/lib/cli.sh"

touchstone run "$SOURCE_DIR/corpora"
expect 0 "the corpora replay"
cp "$scratch/out" "$scratch/first"
touchstone run "$SOURCE_DIR/corpora"
holds "two processes say the same" cmp "$scratch/out" "$scratch/first"
env -i TOUCHSTONE_SOURCE="$SOURCE_DIR" SOME_VARIABLE=0123456789 "$TOUCHSTONE_BIN" run "$SOURCE_DIR/corpora" >"$scratch/out" 2>"$scratch/err"
holds "the environment changes nothing" cmp "$scratch/out" "$scratch/first"
holds "there are hashes" grep -q 'hash=[0-9a-f]\{16\}$' "$scratch/first"

hunt() {
    touchstone hunt --execs "$1" --seed "$2" --corpus "$scratch/corpus-$3" --findings "$scratch/findings"
    expect 0 "hunt $3"
    cp "$scratch/out" "$scratch/hunt-$3"
    (cd "$scratch/corpus-$3" && cat ./*.tst | cksum && ls) >"$scratch/corpus-$3.list"
}
hunt 400 11 a
hunt 400 11 b
hunt 400 12 c
holds "the same seed gives the same numbers" cmp "$scratch/hunt-a" "$scratch/hunt-b"
holds "the same seed keeps the same inputs" cmp "$scratch/corpus-a.list" "$scratch/corpus-b.list"
if cmp -s "$scratch/corpus-a.list" "$scratch/corpus-c.list"; then fail "another seed makes other inputs"; else pass; fi

finish
