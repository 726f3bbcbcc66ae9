#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The scoreboard measures each run once and keeps it: a second start has nothing to do, an interrupted one goes on, figures that
# are spoilt are named and left alone, and a patch that changes nothing is reported as missed, by name. The log of silence
# refuses a spoilt line too. Each known kind of defect is planted or has a reason.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"
plants=$SOURCE_DIR/harness/plants
data=$scratch/data

# runs <number> <what is promised>: rows of the first table.
runs() {
    if [ "$(wc -l <"$data/engines.jsonl")" -eq "$1" ]; then pass; else fail "$2: not $1 rows"; fi
}

# score <argument...>: one engine, one seed, few seconds.
score() { touchstone scoreboard --data "$data" --set engines --engine hunt --seeds 1 --limit 1 "$@"; }

holds "each known kind of defect is planted or has a reason" python3 "$plants/bank.py"
printf 'A01\tplant\nA01\tlater\tshort\nZZ9\tnone\tthere is no such thing here at all\n' >"$scratch/bank.tsv"
python3 "$plants/bank.py" "$scratch/bank.tsv" >"$scratch/out" 2>"$scratch/err"
code=$?
expect 1 "a wrong table of defects"
says "$scratch/err" 'line 2: A01 for the second time' "a defect that is listed twice"
says "$scratch/err" 'line 2: there is a A01.patch' "a defect that is planted after all"
says "$scratch/err" 'line 3: not an id' "a line that is none"

touchstone scoreboard --set everything
expect 2 "a table that there is not"
touchstone scoreboard --seeds 0
expect 2 "no seeds"
score --only NO-SUCH-PLANT
expect 2 "a plant that is not there"

# A patch that changes nothing must be missed.
line=$(sed -n '/(void)h;/=' "$SOURCE_DIR/monitor/host_flow/supd.c" | head -n 1)
cat >"$scratch/Z00.patch" <<PATCH
Title: a comment
Predicted: E

--- a/monitor/host_flow/supd.c
+++ b/monitor/host_flow/supd.c
@@ -$line,1 +$line,1 @@
-    (void)h;
+    (void)h; /* nothing changes */
PATCH
score --only O09 --patch "$scratch/Z00.patch"
expect 0 "a planted bug and a patch that changes nothing"
runs 2 "two runs"
says "$data/engines.jsonl" '"detected": true.*"plant": "O09"' "the bug is detected"
says "$data/engines.jsonl" '"detected": false.*"plant": "Z00"' "the harmless patch is not"
says "$data/README.md" '^- Z00, a comment: .*within 1 s' "it is missed by name, with the reason"
says "$data/README.md" '^| O09 .* yes | yes |.* not measured | not measured | ORD' "what was not run is not measured"

score --only O09 --patch "$scratch/Z00.patch"
expect 0 "the same again"
says "$scratch/err" ' 0 runs are missing' "nothing is run twice"
runs 2 "no row is added"
sed -i '$d' "$data/engines.jsonl"
score --only O09 --patch "$scratch/Z00.patch"
says "$scratch/err" ' 1 runs are missing' "what is missing is run"
runs 2 "it is there again"

cp "$data/engines.jsonl" "$scratch/kept"
printf '{"schema": "touchstone-scoreboard-row/1", "plant": 7}\n' >>"$data/engines.jsonl"
score --render
expect 2 "figures with a row that is none"
says "$scratch/err" 'engines.jsonl, line 3: ' "the line is named"
printf '{"schema"' >"$data/engines.jsonl"
score --render
expect 2 "figures that were cut short"
says "$scratch/err" 'line 1: cut short' "it says so"
holds "spoilt figures are left alone" test "$(cat "$data/engines.jsonl")" = '{"schema"'
cp "$scratch/kept" "$data/engines.jsonl"

# An interruption keeps what is measured, and adds no half run.
"$TOUCHSTONE_BIN" scoreboard --data "$data" --set engines --engine hunt --seeds 9 --limit 60 --patch "$scratch/Z00.patch" \
    >"$scratch/out" 2>"$scratch/err" </dev/null &
child=$!
until grep -q 'are missing' "$scratch/err"; do
    kill -0 "$child" 2>/dev/null || break
    sleep 0.2
done
kill -TERM "$child"
wait "$child"
code=$?
expect 130 "an interrupted scoreboard"
holds "no half run is kept" cmp "$scratch/kept" "$data/engines.jsonl"

printf 'commit\ttarget\tengine\tcpu_seconds\texecutions\tfindings\nabc\thunt\thunt\t1.0\tmany\t0\n' >"$scratch/log.tsv"
python3 "$plants/silence.py" --total --log "$scratch/log.tsv" >"$scratch/out" 2>"$scratch/err"
code=$?
expect 2 "a log of silence with a line that is none"
says "$scratch/err" 'log.tsv, line 2: ' "the line is named"

finish
