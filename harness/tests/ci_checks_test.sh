#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The checks that read the tree rather than run it notice what they are for: a loop without a bound, a bound without its
# loop, a guard or a test of the checklist that is gone; a cell that the corpora do not reach; a line that is not
# covered and not explained, and an explanation without its line.

cd "${SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
touchstone=${TOUCHSTONE_BIN:-build/host-release/touchstone}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# expect <code> <word that must be in the output> <what it is about> <command>...
expect() {
    code=$1 word=$2 about=$3
    shift 3
    "$@" >"$work/out" 2>&1
    seen=$?
    if [ "$seen" -ne "$code" ] || ! grep -q -e "$word" "$work/out"; then
        echo "FAILED: $about: exit code $seen, wanted $code with '$word'"
        tail -n 5 "$work/out"
        failures=$((failures + 1))
    fi
}

# --- loops

mkdir -p "$work/tree/ci"
cp -r monitor "$work/tree/"
cp ci/loops.txt "$work/tree/ci/"
expect 0 'each with its bound' 'the loops as they are' ci/check-loops --root "$work/tree"
cat >>"$work/tree/monitor/core/fence.c" <<'CODE'
void fence_for_ever(void)
{
    while (fence_is_pending())
        fence_wait();
}
CODE
expect 1 'no bound: monitor/core/fence.c: fence_for_ever' 'a loop without a bound' ci/check-loops --root "$work/tree"
sed -i 's|^    while (fence_is_pending())|    /* At most as often as there are harts. */\n&|' "$work/tree/monitor/core/fence.c"
expect 0 'each with its bound' 'a comment above the loop' ci/check-loops --root "$work/tree"
printf 'monitor/core/fence.c: gone: while (true)\n    It was here once.\n' >>"$work/tree/ci/loops.txt"
expect 1 'no such loop any more' 'a bound without its loop' ci/check-loops --root "$work/tree"

# --- checklist

list=monitor/doc/checklist.md
expect 0 '56 points' 'the checklist as it is' ci/check-checklist
# shellcheck disable=SC2016 # backquotes are what is looked for
sed 's/`monitor\/core\/address.c:nonconf_range`/`monitor\/core\/address.c:nonconf_ranges`/' $list >"$work/guard.md"
expect 1 "has no 'nonconf_ranges'" 'a guard that is gone' ci/check-checklist "$work/guard.md"
sed 's/tsm_info\.trace/no_such.trace/' $list >"$work/test.md"
expect 1 'no_such.trace is not there' 'a test that is gone' ci/check-checklist "$work/test.md"
sed '/^| 17 |/d' $list >"$work/point.md"
expect 1 'missing: \[17\]' 'a point that is gone' ci/check-checklist "$work/point.md"
sed 's/^\(| 5 |[^|]*|\)[^|]*|/\1 trust |/' $list >"$work/none.md"
expect 1 'point 5 names no guard' 'a point without a guard' ci/check-checklist "$work/none.md"

# --- matrix

if [ -x "$touchstone" ]; then
    expect 0 ' 0 missing, 0 refuted, 0 not listed' 'the matrix as it is' "$touchstone" matrix --missing corpora
    mkdir "$work/seeds"
    cp corpora/seeds/*.trace "$work/seeds"
    rm "$work/seeds/mmio_instruction_is_gone.trace"
    expect 1 'MISSING mmio: fetch that faults: goes on' 'a cell without a seed' "$touchstone" matrix "$work/seeds"
    expect 2 'no file or folder' 'no corpora' "$touchstone" matrix
fi

# --- uncovered lines: a function of two lines, the second never run

mkdir -p "$work/cov/ci" "$work/cov/monitor/core"
file=$work/cov/monitor/core/x.c
printf '%s:\n    1|      1|int f(int a)\n    2|      1|{\n    3|      1|    if (a)\n    4|      0|        return 1;\n    5|      1|    return 0;\n    6|      1|}\n' "$file" >"$work/lines.txt"
printf '{"data":[{"files":[{"filename":"%s","summary":{"lines":{"count":100,"covered":99},"branches":{"count":10,"covered":9}}}],"functions":[{"name":"f","filenames":["%s"],"regions":[[1,1,6,2]]}]}]}' \
    "$file" "$file" >"$work/export.json"
# shellcheck disable=SC2317 # called by expect
gate() { python3 ci/coverage_gate.py "$work" "$work/fragment.json" "$work/cov" "$1" "$2"; }
: >"$work/cov/ci/uncovered.txt"
expect 1 'not covered, and not in ci/uncovered.txt: monitor/core/x.c: f: return 1;' 'a line without a reason' gate 95 85
printf 'monitor/core/x.c: f: return 1;\n    It is never called so.\n' >"$work/cov/ci/uncovered.txt"
expect 0 'floor 95' 'a line with a reason' gate 95 85
expect 1 'floor 100' 'lines below the floor' gate 100 85
expect 1 'floor 95' 'branches below the floor' gate 99 95
printf 'monitor/core/x.c: f: return 2;\n    It was never called so.\n' >>"$work/cov/ci/uncovered.txt"
expect 1 'covered or gone: monitor/core/x.c: f: return 2;' 'a reason without its line' gate 95 85

[ "$failures" -eq 0 ] && echo "the checks notice what they are for"
exit "$failures"
