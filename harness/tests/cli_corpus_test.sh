#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Collections of traces: what is added was replayed and says what it does, nothing is added twice and nothing overwritten;
# a merge reaches what all reached; the check names what is wrong with each file.

. "${0%/*}/lib/cli.sh"

cat >"$scratch/New-Seed.trace" <<'TRACE'
touchstone 1 harts=2
h0 covh_convert_pages(base=win[7], num_pages=3)
h0 covh_global_fence() -> SUCCESS
TRACE
touchstone asm "$scratch/New-Seed.trace" -o "$scratch/again.tst"
seeds=$scratch/corpora/seeds
touchstone corpus add --about "three pages" --to "$seeds" "$scratch/New-Seed.trace"
expect 0 "a trace is added"
says "$seeds/new_seed.trace" '^# three pages$' "with a comment"
says "$seeds/new_seed.trace" '^h0 covh_convert_pages(base=win.7., num_pages=3) -> SUCCESS 3$' "and with what it does"
says "$seeds/new_seed.trace" '^h0 covh_global_fence() -> SUCCESS$' "what was expected before stays as it was"
touchstone corpus add --about "again" --to "$seeds" "$scratch/again.tst"
expect 0 "the same trace again"
says "$scratch/out" 'does the same as .*/new_seed.trace' "is not added"
holds "the folder has one file" test "$(find "$seeds" -type f | wc -l)" -eq 1
sed 's/num_pages=3/num_pages=4/' "$scratch/New-Seed.trace" >"$scratch/other.trace"
touchstone corpus add --about "other" --to "$seeds" --name new_seed "$scratch/other.trace"
expect 2 "another trace of the same name"
one_line "$scratch/err" "is refused in one line"
says "$seeds/new_seed.trace" 'num_pages=3' "and overwrites nothing"
sed 's/-> SUCCESS/-> DENIED/' "$scratch/other.trace" >"$scratch/wrong.trace"
touchstone corpus add --about "wrong" --to "$seeds" "$scratch/wrong.trace"
expect 7 "a trace that does something else than it expects is not added"
touchstone corpus add --to "$seeds" "$scratch/other.trace"
expect 2 "a seed says what it shows"
touchstone corpus add --about "not there" --to "$seeds" "$scratch/none.trace"
expect 2 "a file that is not there"
touchstone corpus check "$scratch/corpora"
expect 0 "what was added passes the check"

# One mistake each.
bad() {
    touchstone corpus check "$scratch/bad"
    expect "$1" "$3"
    says "$scratch/err" "$2" "$3"
    rm -f "$scratch/bad"/*
}
mkdir "$scratch/bad"
cp "$seeds/new_seed.trace" "$scratch/bad/Bad-Name.trace"
bad 2 'Bad-Name.trace: a name has small letters' "a bad name"
sed 1d "$seeds/new_seed.trace" >"$scratch/bad/silent.trace"
bad 2 'silent.trace: line 1: expected a comment' "no comment"
sed 's/SUCCESS 3/SUCCESS 4/' "$seeds/new_seed.trace" >"$scratch/bad/wrong.trace"
bad 7 'wrong.trace: step 0: h0 covh_convert_pages.*expected' "an expectation that does not hold"
sed 's/ ->.*//' "$seeds/new_seed.trace" >"$scratch/bad/mute.trace"
bad 7 'mute.trace: it expects nothing' "no expectation"
cp "$seeds/new_seed.trace" "$scratch/bad/one.trace"
sed 's/ -> SUCCESS$//' "$seeds/new_seed.trace" >"$scratch/bad/two.trace"
bad 2 'two.trace: does the same as .*one.trace' "two that do the same"
printf '# cut\ntouchstone 1 harts=2\nh0 nop(' >"$scratch/bad/cut.trace"
bad 2 'cut.trace: line or offset 3: expected' "a broken file"
i=0
while [ "$i" -le 400 ]; do
    sed "s/num_pages=3) -> SUCCESS 3/num_pages=$i)/" "$seeds/new_seed.trace" >"$scratch/bad/n$i.trace"
    i=$((i + 1))
done
bad 2 'bad: 401 files, but 400 are the limit' "too many"
touchstone corpus check --json "$scratch/corpora"
holds "the check as an object" python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert o["bad"] == 0 and o["files"] == 1' "$scratch/out"

# A merge: what the copies reach is what all reach, and one of two that reach the same is enough.
mkdir "$scratch/many" "$scratch/many/b"
cp "$SOURCE_DIR"/corpora/seeds/errors_c*.trace "$SOURCE_DIR"/corpora/seeds/two_*.trace "$scratch/many"
cp "$scratch/many/two_harts.trace" "$scratch/many/b/copy.trace"
touchstone corpus merge "$scratch/many" -o "$scratch/few"
expect 0 "a merge"
reached=$(sed 's/.* reach \([0-9]*\) features; \([0-9]*\) of them.*/\1/' "$scratch/out")
kept=$(sed 's/.* reach \([0-9]*\) features; \([0-9]*\) of them.*/\2/' "$scratch/out")
holds "keeps fewer" test "$kept" -lt "$(find "$scratch/many" -name '*.trace' | wc -l)"
holds "as many as it says" test "$kept" -eq "$(find "$scratch/few" -name '*.trace' | wc -l)"
touchstone corpus merge "$scratch/few" -o "$scratch/fewer"
says "$scratch/out" " reach $reached features; $kept of them" "and they reach the same, with none to spare"
printf 'touchstone 1\n' >"$scratch/few/two_harts.trace"
cp "$scratch/few/two_harts.trace" "$scratch/mine"
touchstone corpus merge "$scratch/many" -o "$scratch/few"
holds "a merge overwrites nothing" cmp "$scratch/mine" "$scratch/few/two_harts.trace"

touchstone corpus stats --json "$SOURCE_DIR/corpora"
expect 0 "numbers"
holds "as an object, of all traces" python3 -c 'import glob, json, sys
o = json.load(open(sys.argv[1]))
assert o["traces"] == len(glob.glob(sys.argv[2] + "/corpora/**/*.trace", recursive=True)) == sum(o["harts"])
assert o["uses"]["covh_convert_pages"]["traces"] > 50 and o["overlapping"] > 0' "$scratch/out" "$SOURCE_DIR"
touchstone corpus
expect 2 "nothing to do"
touchstone corpus polish
expect 2 "a part that there is not"
finish
