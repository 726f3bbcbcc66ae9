#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the harness finds of a plant is short, measured against the witness beside the patch, and the same finding in each of twenty new
# processes, as text, binary and C: for a bug that spoils the process it runs in, and one of overlapping harts. A witness that
# shows nothing is no witness. The record keeps what was measured, and refuses what it cannot read. Each plant has a witness or a reason.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"
plants=$SOURCE_DIR/harness/plants
record=$scratch/record.tsv

touchstone plants --reproduce --record "$record" --only O05 --only C07
if [ "$code" -eq 3 ]; then
    cat "$scratch/err"
    exit 77
fi
expect 0 "two plants, found and shown again"
says "$record" "^O05.*	OWN transition in covh_convert_pages .*	20	20	20	-	passed$" "one found by a seed is shown in all forms"
says "$record" "^C07.*	interleave, plain	ORD remote-fence .*	20	20	20	-	passed$" "one of overlapping harts too"
touchstone plants --reproduce --record "$record" --only O05 --only C07
expect 0 "the same again"
says "$scratch/err" ' 2 of 2 are there, 0 are missing$' "nothing is measured twice"

# The same bug under another name, with a witness that shows nothing.
cp "$plants/O09.patch" "$scratch/Z09.patch"
printf '# Nothing happens.\ntouchstone 1 harts=1\n' >"$scratch/Z09.witness.trace"
touchstone plants --reproduce --record "$record" --patch "$scratch/Z09.patch"
expect 7 "a witness that shows nothing"
says "$record" '^Z09.*the witness shows nothing.*	failed$' "is said to show nothing"
says "$record" '^O05' "and the record keeps the others"

printf 'O05\tand nothing else\n' >>"$record"
touchstone plants --reproduce --record "$record" --only O05
expect 2 "a record that is spoilt"
says "$scratch/err" 'record.tsv, line 5: not' "with the line"
touchstone plants --record "$record"
expect 2 "a record of nothing"

# bank <exit code> <pattern> <what is promised>: the static check, on a folder with one plant.
bank() {
    python3 "$plants/bank.py" /dev/null "$scratch/plants" >"$scratch/out" 2>"$scratch/err"
    code=$?
    expect "$1" "$3"
    [ -z "$2" ] || says "$scratch/err" "$2" "$3"
}

mkdir "$scratch/plants"
cp "$plants/O09.patch" "$scratch/plants"
bank 1 'O09.patch: no witness' "a plant without a witness is named"
cp "$plants/O09.witness.trace" "$scratch/plants"
bank 0 '' "with it all is well"
sed -i '/^#/d' "$scratch/plants/O09.witness.trace"
bank 1 'does not begin with a comment' "a witness that explains nothing is named"
rm "$scratch/plants/O09.witness.trace"
sed -i 's/^Predicted: .*/&\nWitness: switch: too short/' "$scratch/plants/O09.patch"
bank 1 'O09.patch: no witness' "a reason that is none is not taken"
cp "$plants/O09.witness.trace" "$scratch/plants/O10.witness.trace"
bank 1 'O10.witness.trace: a witness of no plant' "a witness of nothing is named"

# objects <code> <output>: what a replay of the firmware is taken for, for a plant whose header wants to see fcsr.
objects() {
    printf '%s\n' "$2" >"$scratch/said"
    python3 - "$plants" "$1" "$scratch/said" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import judging, planting
plant = planting.Plant(sys.argv[1] + "/R01.patch")
seen = judging.switch_objection(plant, int(sys.argv[2]), open(sys.argv[3]).read(), "")
print("nothing" if seen is None else seen[0] or "something else")
PY
}

# taken <answer> <what is promised> <code> <output>
taken() {
    if [ "$(objects "$3" "$4")" = "$1" ]; then pass; else fail "$2: $(objects "$3" "$4"), not $1"; fi
}
taken nothing "a replay without objection" 0 'switch replay: 62901 replays'
taken switch "an objection that the header names" 5 'violation: guest_to_host/wfi: f registers and fcsr: fcsr: must be 0x0, is 0x1 (2 times, first in replay 3)'
taken 'something else' "another objection is no detection" 5 'violation: host_to_guest/run: hypervisor CSRs: hvip: must be 0x0, is 0x1 (2 times, first in replay 3)'
taken 'something else' "and neither is a firmware that does not boot" 4 'switch_replay: the firmware does not boot'

finish
