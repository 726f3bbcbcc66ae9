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

# One file that says what each hart does and in which order they go on.
cat >"$scratch/scheduled.trace" <<'TRACE'
touchstone 1 harts=2
h0 hsm_hart_start(hartid=1, start_addr=ram[0], opaque=0) -> SUCCESS
h0 covh_convert_pages(base=win[0], num_pages=4) -> SUCCESS 4
h1 covh_convert_pages(base=win[8], num_pages=4) -> SUCCESS 4
h0 covh_global_fence()
h1 covh_local_fence()
schedule seed=7
decisions 80ff0031
TRACE
order() { sed -n 's/.* order=\([0-9a-f]*\).*/\1/p' "$scratch/out"; }
touchstone run "$scratch/scheduled.trace"
expect 0 "a trace with a schedule replays"
first=$(order)
touchstone asm "$scratch/scheduled.trace" -o "$scratch/scheduled.tst"
touchstone run "$scratch/scheduled.tst"
holds "its binary form has the same order" test -n "$first" -a "$first" = "$(order)"
sed 's/^decisions.*/decisions ffffffffffffffffffffffffffffffff/' "$scratch/scheduled.trace" >"$scratch/other.trace"
touchstone run "$scratch/other.trace"
holds "other decisions make another order" test "$first" != "$(order)"
sed 's/SUCCESS 4/SUCCESS 5/' "$scratch/scheduled.trace" >"$scratch/wrong.trace"
touchstone run "$scratch/wrong.trace"
expect 7 "expectations are judged in the order of the schedule"
says "$scratch/out" 'wrong.trace:3: step 2: h0 covh_convert_pages(base=win.0., num_pages=4)' "a mismatch names line and step"
touchstone interleave --trace "$scratch/scheduled.trace" --rounds 1
first=$(digest)
touchstone interleave --trace "$scratch/scheduled.trace" --rounds 1 --seed 9
holds "a given seed takes the place of the trace's" test "$first" != "$(digest)"

touchstone interleave --harts 1
expect 2 "one hart does not overlap"
touchstone interleave --trace "$scratch/none"
expect 2 "a trace that is not there"
finish
