#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A finding that takes five hundred operations becomes one that a person would have written, with the same identity: for
# an oracle, for a process that dies, and for harts that overlap. How many executions that took is printed.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"

# operations <trace>
operations() { grep -c '^h[0-9]' "$1"; }

# long_trace <operations>: that many, and those on standard input behind them.
long_trace() { sh "${0%/*}/lib/long_trace.sh" "$SOURCE_DIR" "$1"; }

# --- an oracle
planted --only O09
long_trace 508 >"$scratch/long.trace" <<'END'
h0 covh_convert_pages(base=win[100], num_pages=3)
h0 covh_global_fence()
h1 covh_local_fence()
h0 covh_reclaim_pages(base=win[100], num_pages=3)
END
holds "the finding is long" test "$(operations "$scratch/long.trace")" -eq 512
run_planted run "$scratch/long.trace"
expect 5 "the long trace is a finding"
says "$scratch/out" "step 511" "at its end"
run_planted min "$scratch/long.trace" -o "$scratch/short.trace"
expect 0 "it is shortened"
cat "$scratch/out"
holds "to three operations" test "$(operations "$scratch/short.trace")" -eq 3
says "$scratch/short.trace" 'touchstone 1 harts=1$' "on one hart"
says "$scratch/short.trace" 'reclaim_pages(base=win\[0\], num_pages=2)' "with small numbers"
run_planted run "$scratch/short.trace"
expect 5 "the short trace is a finding"
says "$scratch/out" "ORD scrub-missing in covh_reclaim_pages" "and the same one"
touchstone run "$scratch/short.trace"
expect 0 "the clean monitor has nothing to say against it"
run_planted min "$scratch/long.trace" -o "$scratch/short.trace"
expect 2 "nothing is overwritten"
run_planted min --force --execs 3 "$scratch/long.trace" -o "$scratch/less.trace"
expect 0 "a budget of executions"
holds "is kept" grep -q "in 3 executions" "$scratch/out"
touchstone min "$scratch/short.trace" -o "$scratch/nothing.trace"
expect 2 "nothing to shorten"
holds "and nothing is written" test ! -e "$scratch/nothing.trace"

# --- a process that dies
cat >"$scratch/crash.patch" <<'PATCH'
--- a/monitor/host_flow/supd.c
+++ b/monitor/host_flow/supd.c
@@ -7,1 +7,3 @@
-    (void)h;
+    (void)h;
+    if (h->hsm_state != 4711)
+        __builtin_trap();
PATCH
line=$(sed -n '/(void)h;/=' "$SOURCE_DIR/monitor/host_flow/supd.c" | head -n 1)
sed -i "s/-7,1 +7,3/-$line,1 +$line,3/" "$scratch/crash.patch"
planted --patch "$scratch/crash.patch"
echo "h0 supd_get_active_domains()" | long_trace 300 >"$scratch/dies.trace"
run_planted min "$scratch/dies.trace" -o "$scratch/dead.trace"
expect 0 "a crash is shortened"
cat "$scratch/out"
says "$scratch/out" "SAN signal-" "as a crash"
holds "to one operation" test "$(operations "$scratch/dead.trace")" -eq 1

# --- harts that overlap
planted --patch "$SOURCE_DIR/harness/tests/breaks/interleave-run-claim.patch" --variant plain
run_planted interleave --harts 4 --steps 5000000 --findings "$scratch/findings"
expect 5 "a race is found"
folder=$(sed -n 's|.*again: .* run \(.*\)/min.trace$|\1|p' "$scratch/out")
holds "what the finding wrote is short" test "$(operations "$folder/min.trace")" -lt 40
run_planted print "$folder/input.tst"
cp "$scratch/out" "$scratch/input.trace"
before=$(operations "$scratch/input.trace")
run_planted min "$folder/input.tst" -o "$scratch/race.trace"
expect 0 "a race is shortened"
cat "$scratch/out"
holds "to less than a quarter" test "$((4 * $(operations "$scratch/race.trace")))" -lt "$before"
says "$scratch/race.trace" "^schedule seed=" "with its schedule"
run_planted run "$scratch/race.trace"
expect 5 "the short trace shows the race"
touchstone run "$scratch/race.trace"
expect 0 "and the clean monitor does not race"
finish
