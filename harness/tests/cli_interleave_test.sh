#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Harts that overlap inside the monitor end with no deadlock, no lost wake-up and all locks free, in orders that the seed
# alone decides.

. "${0%/*}/lib/cli.sh"

steps=1000000
touchstone interleave --harts 4 --steps "$steps" --findings "$scratch/findings"
cat "$scratch/out"
expect 0 "$steps steps on four harts are clean"
touchstone interleave --harts 8 --steps 200000 --seed 2 --findings "$scratch/findings"
cat "$scratch/out"
expect 0 "eight harts are clean"
touchstone interleave --harts 2 --steps 200000 --seed 3 --findings "$scratch/findings"
expect 0 "two harts are clean"

# Where the monitor is also built with a yield point at each access.
if [ -x "$BUILD_DIR/touchstone-fine" ]; then
    "$BUILD_DIR/touchstone-fine" interleave --steps 2000000 --findings "$scratch/findings" >"$scratch/out" 2>"$scratch/err"
    code=$?
    cat "$scratch/out"
    expect 0 "between any two accesses of the monitor"
fi

digest() { sed -n 's/.* digest \([0-9a-f]*\).*/\1/p' "$scratch/out"; }

touchstone interleave --rounds 50 --seed 7
first=$(digest)
touchstone interleave --rounds 50 --seed 7
holds "the same seed gives the same run" test "$first" = "$(digest)"
touchstone interleave --rounds 50 --seed 8
holds "another seed gives another one" test "$first" != "$(digest)"

trace=$SOURCE_DIR/corpora/seeds/two_harts.trace
touchstone interleave --trace "$trace" --rounds 20
expect 0 "a trace of the corpora in twenty orders"
printf '\000' >"$scratch/stay"
head -c 4000 /dev/zero | tr '\000' '\377' >"$scratch/turn"
touchstone interleave --trace "$trace" --rounds 1 --decisions "$scratch/turn"
first=$(digest)
touchstone interleave --trace "$trace" --rounds 1 --decisions "$scratch/stay"
holds "explicit decisions decide" test "$first" != "$(digest)"

touchstone interleave --harts 1
expect 2 "one hart does not overlap"
touchstone interleave --trace "$scratch/none"
expect 2 "a trace that is not there"
finish
