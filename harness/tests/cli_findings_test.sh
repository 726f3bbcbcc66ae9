#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A finding is a folder that tells its whole story: made by a hunt, by last words of a hunt that died and by triage; added to
# and never overwritten, by several writers at once too; with damaged files in it nothing is lost. verify-fix tells fixed
# from not fixed, and keeps what it said before.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"

# field <name>: a member of the bug.json of $finding, as JSON.
field() {
    python3 -c 'import json, sys
bug = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    bug = bug[name]
print(json.dumps(bug))' "$finding/bug.json" "$1"
}

# is <field> <value> <promise>
is() { holds "$3: $1 is $(field "$1"), not $2" test "$(field "$1")" = "$2"; }

store=$scratch/findings

# --- a hunt
planted --only O09
run_planted hunt --seconds 30 --seeds "$SOURCE_DIR/corpora" --findings "$store"
expect 5 "a hunt finds it"
finding=$(echo "$store"/*)
for name in bug.json title.txt input.tst min.tst min.trace min.c run.log command.txt environment.txt occurrences.txt; do
    holds "the folder has $name" test -s "$finding/$name"
done
is count 1 "found once"
is severity '"S0"' "severity"
is key.property '"scrub-missing"' "identity"
is status '"open"' "state"
is reproduced.times 5 "five of five"
holds "it is short" test "$(grep -c '^h[0-9]' "$finding/min.trace")" -eq 3
says "$finding/run.log" "^FINDING min.trace: ORD scrub-missing" "the log tells the finding"
says "$finding/command.txt" "^touchstone hunt --seconds 30 " "the command that found it"

# --- the same again: the same input changes nothing, another one adds to it
cp "$finding/bug.json" "$scratch/before.json"
run_planted triage --findings "$store" "$finding/input.tst"
expect 5 "triage of the same input"
holds "changes nothing" cmp -s "$finding/bug.json" "$scratch/before.json"
mkdir "$scratch/crashes"
for pages in 2 3 4 5 6 7; do
    printf 'touchstone 1 harts=1\nh0 covh_convert_pages(base=win[0], num_pages=9)\nh0 covh_global_fence()\nh0 covh_reclaim_pages(base=win[0], num_pages=%d)\n' \
        "$pages" >"$scratch/one.trace"
    touchstone asm --force "$scratch/one.trace" -o "$scratch/crashes/id:00000$pages,sig:06,src:000000"
done
# Two at once, on the same inputs.
"$planted" triage --findings "$store" --engine AFL++ "$scratch/crashes" >"$scratch/first" 2>&1 &
run_planted triage --findings "$store" --engine AFL++ "$scratch/crashes"
wait
expect 5 "triage of six inputs, twice at once"
holds "is one finding" test "$(find "$store" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1
is count 7 "each input counts once"
holds "their inputs are kept" test "$(find "$finding/inputs" -type f | wc -l)" -eq 6
holds "and the first one stays" cmp -s "$finding/title.txt" "$finding/title.txt"

# --- damaged and hostile folders: a line, and nothing is lost
printf '{"schema": "touchstone-bug/1", "id": "x' >"$finding/bug.json"
touchstone verify-fix --findings "$store" scrub-missing
expect 2 "a cut bug.json"
one_line "$scratch/err" "a cut bug.json is one line"
says "$scratch/err" "bug.json: offset 39: " "that says where"
printf 'touchstone 1 harts=1\nh0 covh_convert_pages(base=win[0], num_pages=9)\nh0 covh_global_fence()\nh0 covh_reclaim_pages(base=win[0], num_pages=8)\n' >"$scratch/eight.trace"
run_planted triage --findings "$store" "$scratch/eight.trace"
expect 5 "a new input for it"
holds "the damaged file is kept" test "$(cat "$finding/bug.json.damaged-1")" = '{"schema": "touchstone-bug/1", "id": "x'
is count 8 "the count is that of the inputs"
is history "$(field history)" "bug.json is whole again"
for text in '' '[]' '{}' 'null' '{"schema": "touchstone-bug/1"}' '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[' '{"schema": "\u12"}' \
    '{"schema": "touchstone-bug/1", "id": "\u001b[2J", "key": {}}' '{"schema": "touchstone-bug/1", "id": "x", "key": {}, "note": 1}' \
    '{"schema": "touchstone-bug/1", "id": "x", "key": {"call": 7}}' '{"schema": "touchstone-bug/1", "id": "x", "key": {}, "count": -1}'; do
    printf '%s' "$text" >"$finding/bug.json"
    touchstone verify-fix --findings "$store" scrub-missing
    expect 2 "a bug.json of '$text'"
    one_line "$scratch/err" "a bug.json of '$text'"
done
python3 -c 'print("[" + ", ".join(["\"\""] * 250000) + "]")' >"$finding/bug.json"
prlimit --as=1000000000 "$TOUCHSTONE_BIN" verify-fix --findings "$store" scrub-missing >"$scratch/out" 2>"$scratch/err"
one_line "$scratch/err" "a bug.json of many strings"
says "$scratch/err" "schema, id or key is missing" "takes no more memory than it has bytes"
# What is no file is not waited for. not_waited_for <what is made there, in words> <name>
not_waited_for() {
    timeout 20 "$TOUCHSTONE_BIN" verify-fix --findings "$store" scrub-missing >"$scratch/out" 2>"$scratch/err" </dev/null
    code=$?
    expect 2 "$2 is $1"
    one_line "$scratch/err" "$2 is $1"
    says "$scratch/err" "$2: " "which is named"
}
mv "$finding/bug.json" "$scratch/many.json"
mkfifo "$finding/bug.json" && not_waited_for "a pipe" bug.json && rm "$finding/bug.json"
mkdir "$finding/bug.json" && not_waited_for "a folder" bug.json && rmdir "$finding/bug.json"
ln -s bug.json "$finding/bug.json" && not_waited_for "a link to itself" bug.json && rm "$finding/bug.json"
ln -s /dev/zero "$finding/bug.json" && not_waited_for "a device" bug.json && rm "$finding/bug.json"
cp "$scratch/before.json" "$finding/bug.json"
mkfifo "$finding/inputs/pipe" && not_waited_for "a pipe" inputs/pipe && rm "$finding/inputs/pipe"
holds "and none of it changes what is there" cmp "$scratch/before.json" "$finding/bug.json"
head -c 50 "$finding/min.tst" >"$scratch/cut" && cp "$scratch/cut" "$finding/min.tst"
cp "$scratch/before.json" "$finding/bug.json"
run_planted verify-fix --findings "$store" scrub-missing
expect 5 "a cut min.tst: the other inputs still show it"
touchstone verify-fix --findings "$store" no-such-finding
expect 2 "a finding that is not there"
one_line "$scratch/err" "a finding that is not there"

# --- fixed or not
touchstone verify-fix --findings "$store" scrub-missing
expect 0 "on the real monitor it is fixed"
is status '"fixed"' "state"
run_planted verify-fix --json --findings "$store" scrub-missing
expect 5 "on the planted one it is still there"
says "$scratch/out" '"verdict":"still there"' "and says so"
is status '"open"' "state"
holds "the history has all three" test "$(field history | grep -o '"event"' | wc -l)" -eq 3
cat >"$scratch/other.patch" <<'PATCH'
--- a/monitor/host_flow/supd.c
+++ b/monitor/host_flow/supd.c
@@ -7,1 +7,3 @@
-    (void)h;
+    (void)h;
+    if (h->hsm_state != 4711)
+        __builtin_trap();
PATCH
line=$(sed -n '/(void)h;/=' "$SOURCE_DIR/monitor/host_flow/supd.c" | head -n 1)
sed -i "s/-7,1 +7,3/-$line,1 +$line,3/" "$scratch/other.patch"

# --- a hunt that dies
planted --patch "$scratch/other.patch"
run_planted hunt --seconds 30 --seeds "$SOURCE_DIR/corpora" --findings "$store"
expect 5 "a hunt that dies"
finding=$(echo "$store"/san-signal-*)
says "$scratch/out" "reproduce: touchstone run $finding/min.tst" "has a finding as well"
is operations "$(field operations)" "with a bug.json"
holds "made short" test "$(field shortest)" -eq 1
is key.call '"supd_get_active_domains"' "with the call that was made"
holds "and nothing is left beside it" test -z "$(find "$store" -maxdepth 1 -name 'crash-*')"

run_planted explain --findings "$store" --html "$scratch/crash.html" san-signal
expect 5 "a crash is told as a story"
says "$scratch/out" "^ *0  h0 supd_get_active_domains()" "up to the step that nobody survived"
says "$scratch/out" "^Broken at step 0: SAN, property signal-[0-9]*, in supd_get_active_domains (S2 " "and which promise that broke"
says "$scratch/crash.html" "Broken at step 0: SAN" "on the page as well"

# --- the same where a sanitizer speaks: sorted, shortened and told there
planted --patch "$SOURCE_DIR/harness/tests/breaks/unknown-tvm.patch" --variant san
printf 'touchstone 1 harts=1\nh0 covh_global_fence()\nh0 covh_add_tvm_shared_pages(guest_id=9, base=ram[1], page_type=4K, num_pages=1, gpa=0)\n' >"$scratch/null.trace"
run_planted triage --findings "$store" "$scratch/null.trace"
expect 5 "triage with sanitizers"
finding=$(echo "$store"/san-ub-null-*)
is key.site '"monitor/core/tvm.c"' "the file that the sanitizer blames"
is shortest 1 "made short"
says "$finding/death.log" "^monitor/core/tvm.c:.*null pointer" "what it said is kept"
run_planted explain --findings "$store" san-ub-null
expect 5 "explain with sanitizers"
says "$scratch/out" "^  *monitor/core/tvm.c:.*runtime error: member access within null pointer" "has what it said in the story"
run_planted min "$scratch/null.trace" -o "$scratch/null-short.trace"
expect 0 "min with sanitizers"
says "$scratch/out" "SAN ub-null in covh_add_tvm_shared_pages, 2 operations to 1 in " "keeps what it was"
touchstone verify-fix --findings "$store" san-ub-null
expect 0 "and the clean monitor does not have it"

# --- a harness that leaks state: what one input left makes a later one fail
cat >"$scratch/leak.patch" <<'PATCH'
--- a/monitor/host_flow/supd.c
+++ b/monitor/host_flow/supd.c
@@ -7,1 +7,5 @@
-    (void)h;
+    (void)h;
+    static unsigned calls;
+    calls++;
+    if (calls > 9)
+        return decision_value(4711);
PATCH
sed -n "$((line - 6)),$((line + 6))p" "$SOURCE_DIR/monitor/host_flow/supd.c" >"$scratch/held"
returns=$(sed -n 's/.*return \([a-z_]*\)(.*/\1/p' "$scratch/held" | head -n 1)
sed -i "s/-7,1 +7,5/-$line,1 +$line,5/; s/decision_value/$returns/" "$scratch/leak.patch"
planted --patch "$scratch/leak.patch"
printf 'touchstone 1 harts=1\nh0 supd_get_active_domains()\n' >"$scratch/call.trace"
run_planted run "$scratch/call.trace"
mkdir "$scratch/calls"
cp "$scratch/call.trace" "$scratch/calls/call.trace"
run_planted hunt --execs 400 --seeds "$scratch/calls" --findings "$scratch/leaks"
expect 5 "a leak of state shows up as a finding"
finding=$(echo "$scratch/leaks"/*-leak)
is status '"harness"' "and is called a bug of the harness"
is reproduced.times 0 "as the input alone shows nothing"
says "$finding/title.txt" "^bug of the harness" "its title says so"
holds "the inputs before it are kept" test -s "$finding/prefix/00.tst"
finish
