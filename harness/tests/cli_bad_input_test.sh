#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Whatever a trace file holds, the answer is one line that names the file and the place, exit code 2, and never a crash;
# and the other files still run.

. "${0%/*}/lib/cli.sh"

good=$scratch/good.trace
printf 'touchstone 1 harts=2\nh0 base_get_spec_version() -> SUCCESS 0x2000000\n' >"$good"
touchstone asm "$good" -o "$scratch/good.tst"
expect 0 "a good trace assembles"
touchstone run "$good" "$scratch/good.tst"
expect 0 "a good trace runs in both forms"
says "$scratch/out" '^2 traces, 2 ok' "both forms ran"

: >"$scratch/empty.tst"
: >"$scratch/empty.trace"
head -c 60 "$scratch/good.tst" >"$scratch/cut-record.tst"
head -c 9 "$scratch/good.tst" >"$scratch/cut-header.tst"
# Random, but the same each time.
awk 'BEGIN { srand(7); for (i = 0; i < 5000; i++) printf "%c", int(rand() * 255) + 1 }' >"$scratch/random.tst"
awk 'BEGIN { for (i = 0; i < 45000; i++) printf "A" }' >"$scratch/letters.tst"
{ cat "$scratch/good.tst" && head -c 60000 /dev/zero; } >"$scratch/oversized.tst"
head -c 2000000 /dev/zero >"$scratch/huge.tst"
awk 'BEGIN { print "touchstone 1 harts=2"; for (i = 0; i < 600; i++) print "h0 base_get_impl_id()" }' >"$scratch/long.trace"
printf 'touchstone 1 harts=2\nh0 no_such_call()\n' >"$scratch/unknown.trace"
printf 'touchstone 1 harts=2\nh0 base_probe_extension(eid=99999999999999999999)\n' >"$scratch/number.trace"
printf 'touchstone 9 harts=2\n' >"$scratch/version.trace"
printf 'touchstone 1 harts=2\nh7 base_get_impl_id()\n' >"$scratch/hart.trace"
mkdir "$scratch/folder.tst"

for name in empty.tst empty.trace cut-record.tst cut-header.tst random.tst letters.tst oversized.tst huge.tst long.trace \
    unknown.trace number.trace version.trace hart.trace folder.tst missing.tst; do
    for command in print check; do
        touchstone "$command" "$scratch/$name"
        expect 2 "$command of $name"
        one_line "$scratch/err" "$command of $name complains in one line"
        says "$scratch/err" "$name: " "$command names $name"
    done
    [ "$name" = folder.tst ] && continue
    touchstone run "$scratch/$name" "$good"
    expect 2 "run of $name"
    one_line "$scratch/err" "run of $name complains in one line"
    says "$scratch/out" '^ok .*good.trace' "a good file beside $name still runs"
    touchstone min "$scratch/$name" -o "$scratch/min.tst"
    expect 2 "min of $name"
done
for name in unknown number version hart; do
    touchstone check "$scratch/$name.trace"
    says "$scratch/err" "$name.trace: line [12]: " "the line is named in $name.trace"
done
touchstone check "$scratch/cut-record.tst"
says "$scratch/err" 'cut-record.tst: offset [0-9]' "the offset is named"

# Any bytes are an input for a fuzzer, and for those who ask for that.
touchstone run --any "$scratch/random.tst"
if [ "$code" -eq 0 ] || [ "$code" -eq 5 ]; then pass; else fail "run --any takes any bytes"; fi

touchstone run "$scratch/nowhere"
expect 2 "a folder that is not there"
mkdir "$scratch/hollow"
touchstone run "$scratch/hollow"
expect 2 "a folder without traces"
one_line "$scratch/err" "a folder without traces is told in one line"

finish
