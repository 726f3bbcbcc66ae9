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
touchstone scoreboard --setting handles+luck
expect 2 "a line of no table"
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

# Each plant is shown as of the newest commit with figures for it, and what is not of the first one is marked.
{ sed -n 's/"commit": "[^"]*"/"commit": "0123456789ab"/; /"O09"/p' "$scratch/kept"; cat "$scratch/kept"; } >"$data/engines.jsonl"
score --render --patch "$scratch/Z00.patch"
says "$data/README.md" '^Commit [^;]*, 2 runs\.$' "the newest figures count"
sed -n 's/"commit": "[^"]*"/"commit": "0123456789ab"/; /"O09"/p; /"Z00"/p' "$scratch/kept" |
    sed '/"Z00"/s/0123456789ab/ba9876543210/' >"$data/engines.jsonl"
score --render --patch "$scratch/Z00.patch"
says "$data/README.md" '^\[1\] Commit 0123456789ab, .*; \[2\] Commit ba9876543210, ' "both commits are named"
says "$data/README.md" '^| Z00 .*missed in 1 s (1 of 3 runs) \[2\]' "a cell of the second one says so"
score --render --patch "$scratch/Z00.patch" --commit 0123456789ab
says "$data/README.md" '^| Z00 .* not measured | not measured | not measured' "a commit that was asked for stands alone"
cp "$scratch/kept" "$data/engines.jsonl"

# What the clean build is accused with as well is no figure: it ends the run, and the input is kept.
printf 'TST1' >"$scratch/input"
python3 - "$plants" "$scratch" <<'CODE' >"$scratch/out" 2>"$scratch/err"
import os, sys, types
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import engines, meter
tree = types.SimpleNamespace(source=sys.argv[2], tree=sys.argv[2])
bench = engines.Bench(tree, sys.argv[2], meter.Meter(), os.path.join(sys.argv[2], "findings"))
path = os.path.join(sys.argv[2], "input")
bench.innocent(["sh", "-c", "exit 0"], path, sys.argv[2])
try:
    bench.innocent(["sh", "-c", "echo FINDING OWN claimed there >&2; exit 5"], path, sys.argv[2])
except engines.Accused as problem:
    print(problem)
CODE
code=$?
expect 0 "a clean build that objects"
says "$scratch/out" 'accused as well: FINDING OWN claimed there; see .*findings/clean-sh-[0-9a-f]*.tst$' "it is told"
holds "the input is kept" cmp "$scratch/input" "$scratch"/findings/clean-sh-*.tst

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
{ printf 'commit\ttarget\tengine\tcpu_seconds\texecutions\tfindings\n'
  printf 'abc\thunt\thunt\t%s\t9\t%s\n' 7200.0 0 3600.0 1 1800.0 0; } >"$scratch/log.tsv"
python3 "$plants/silence.py" --total --log "$scratch/log.tsv" >"$scratch/out"
says "$scratch/out" '^3.50 processor hours, 27 executions, 1 findings; 0.50 processor hours since' "a finding begins it anew"

# An engine that was stopped for a while says that an input took too long; only one that takes as long again is a finding.
mkdir -p "$scratch/build/fuzz-libfuzzer" "$scratch/build/silence/seeds"
cat >"$scratch/build/fuzz-libfuzzer/trace_codec_fuzzer" <<'ENGINE'
#!/bin/sh
# Says of the input that it took too long, and of the input alone what the file beside it says.
[ -e "$1" ] && exit "$(cat "${0%/*}/code")"
for word; do case $word in -artifact_prefix=*) echo slow >"${word#*=}timeout-1" ;; esac; done
echo 'stat::number_of_executed_units: 7' >&2
exit 70
ENGINE
chmod +x "$scratch/build/fuzz-libfuzzer/trace_codec_fuzzer"
for wanted in 0 5; do
    [ "$wanted" = 0 ] && echo 0 >"$scratch/build/fuzz-libfuzzer/code" || echo 70 >"$scratch/build/fuzz-libfuzzer/code"
    python3 "$plants/silence.py" --seconds 5 --target trace_codec_fuzzer --build "$scratch/build" --log "$scratch/stopped.tsv" \
        --findings "$scratch/stopped" >"$scratch/out" 2>"$scratch/err"
    code=$?
    expect "$wanted" "an input that took too long, and alone ends with $(cat "$scratch/build/fuzz-libfuzzer/code")"
done
says "$scratch/stopped.tsv" 'trace_codec_fuzzer.*7	0$' "an engine that was stopped has found nothing"
says "$scratch/stopped.tsv" 'trace_codec_fuzzer.*7	1$' "an input that never ends is a finding"

finish
