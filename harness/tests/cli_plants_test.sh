#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The scoreboard tells the truth: a patch that changes nothing is not detected, one that does not apply or compile is
# reported as such, a planted bug is reached, triggered and detected, and a patch without a canary leaves those two open.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"

# value <key>: of the one plant in the JSON output.
value() {
    python3 -c 'import json, sys
print(json.dumps(json.load(open(sys.argv[1]))["plants"][0][sys.argv[2]]))' "$scratch/out" "$1"
}

# is <key> <value> <what is promised>
is() {
    seen=$(value "$1")
    if [ "$seen" = "$2" ]; then pass; else fail "$3: $1 is $seen, not $2"; fi
}

touchstone plants --list
expect 0 "plants --list"
for letter in O T L R S P; do
    says "$scratch/out" "^${letter}[0-9]" "there is a plant of class $letter"
done
holds "there are at least 20" test "$(wc -l <"$scratch/out")" -ge 20
touchstone plants --only NO-SUCH-PLANT
expect 2 "a plant that is not there"
touchstone plants --patch "$scratch/missing.patch"
expect 2 "a patch that is not there"

cat >"$scratch/harmless.patch" <<'PATCH'
--- a/monitor/host_flow/supd.c
+++ b/monitor/host_flow/supd.c
@@ -7,1 +7,1 @@
-    (void)h;
+    (void)h; /* nothing changes */
PATCH
sed -n '/(void)h;/=' "$SOURCE_DIR/monitor/host_flow/supd.c" | head -n 1 >"$scratch/line"
sed -i "s/-7,1 +7,1/-$(cat "$scratch/line"),1 +$(cat "$scratch/line"),1/" "$scratch/harmless.patch"
touchstone plants --json --seconds 2 --patch "$scratch/harmless.patch"
expect 7 "a patch that changes nothing"
is build_failed false "a harmless patch builds"
is detected false "a harmless patch is not detected"
is reached null "no canary, no reached"
is triggered null "no canary, no triggered"

sed 's/(void)h; .*/this is not C/' "$scratch/harmless.patch" >"$scratch/broken.patch"
sed -i 's/^-this is not C/-    (void)h;/' "$scratch/broken.patch"
touchstone plants --json --seconds 2 --patch "$scratch/broken.patch"
expect 2 "a patch that does not compile"
is build_failed true "a patch that does not compile is reported"
is detected false "and is not detected"

sed 's/(void)h;/(void)no_such_line;/' "$scratch/harmless.patch" >"$scratch/astray.patch"
touchstone plants --json --seconds 2 --patch "$scratch/astray.patch"
expect 2 "a patch that does not apply"
is build_failed true "a patch that does not apply is reported"

touchstone plants --json --seconds 30 --only O09
expect 0 "a planted bug"
is reached true "it is reached"
is triggered true "it is triggered"
is detected true "it is detected"

# The firmware alone: what a register plant does to it is seen, a change of nothing is not.
if [ -x "$BUILD_DIR/switch_replay" ]; then
    touchstone plants --binary --json --only R17
    expect 0 "a planted bug in the firmware alone"
    is oracle '"REG"' "the replay of the switch sees it"
    is reached null "on the firmware nobody counts"
    touchstone plants --binary --json --patch "$scratch/harmless.patch" --output "$scratch/table.json"
    expect 7 "a patch that changes nothing in the firmware"
    is detected false "it is not detected there"
    says "$scratch/table.json" '"failed": 1' "and the table for the report says so"
fi

# A canary that is silent where the bug bites is wrong, and no detection makes up for that.
sed 's/TOUCHSTONE_PLANT_TRIGGERED(i > 0)/TOUCHSTONE_PLANT_TRIGGERED(i > 1000000)/' "$SOURCE_DIR/harness/plants/O09.patch" >"$scratch/Y09.patch"
touchstone plants --json --seconds 30 --patch "$scratch/Y09.patch"
expect 7 "a canary that is silent"
is detected true "the bug is detected all the same"
says "$scratch/err" 'Y09: ORD has detected it.*the canary is wrong' "and the canary is named"

# The same finding from the text, from the binary form and from a program in C.
planted=$BUILD_DIR/plants/O09/plain/touchstone
cp "$SOURCE_DIR/harness/plants/O09.witness.trace" "$scratch/witness.trace"
"$planted" run "$scratch/witness.trace" | grep -v '^1 traces' >"$scratch/text"
says "$scratch/text" '^FINDING .*: ORD scrub-missing in covh_reclaim_pages (S0 confidentiality)$' "its witness shows it"
"$planted" asm "$scratch/witness.trace" -o "$scratch/witness.tst"
"$planted" run "$scratch/witness.tst" | grep -v '^1 traces' | sed 's/witness.tst/witness.trace/' >"$scratch/binary"
holds "the binary form shows the same" cmp "$scratch/text" "$scratch/binary"
"$planted" to-c --build "$scratch/witness.trace" -o "$scratch/witness.c" >"$scratch/out" 2>"$scratch/err"
code=$?
expect 0 "it becomes a program in C that links the planted monitor"
"$scratch/witness" >"$scratch/from-c"
holds "which ends with the code of a finding" test $? -eq 5
holds "and shows the same" cmp "$scratch/text" "$scratch/from-c"

touchstone plants --control
expect 0 "the clean monitor is silent on every witness"

finish
