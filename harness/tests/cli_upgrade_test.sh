#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Traces of yesterday: the files of the freeze still run, with the same state in both forms; what is not canonical, or from
# before the format had a tail, is brought into the form of today; what is not known is refused. Hostile tails too.

. "${0%/*}/lib/cli.sh"

frozen=$SOURCE_DIR/harness/tests/frozen
touchstone run "$frozen/v1-plain.trace" "$frozen/v1-plain.tst"
expect 0 "a frozen trace does what it did"
holds "with the same state in both forms" test "$(sed -n 's/^ok .*\(hash=.*\)/\1/p' "$scratch/out" | sort -u | wc -l)" -eq 1
touchstone check "$frozen/v1.trace" "$frozen/v1.tst"
expect 0 "all that there was at the freeze is understood"

touchstone upgrade "$frozen/v1.tst" -o "$scratch/v1.trace"
expect 0 "a canonical file"
holds "is the frozen text" cmp "$scratch/v1.trace" "$frozen/v1.trace"
touchstone upgrade "$frozen/v1.trace" -o "$scratch/v1.tst"
holds "and the text is the frozen file" cmp "$scratch/v1.tst" "$frozen/v1.tst"
touchstone upgrade "$frozen/v1.tst" -o "$scratch/v1.trace"
expect 2 "what is there is not overwritten"
one_line "$scratch/err" "and that is said"

# From before the tail: seed 7, then three decisions, behind the last record.
{ cat "$frozen/v1-plain.tst" && printf '\007\200\377\001'; } >"$scratch/old.tst"
touchstone check "$scratch/old.tst"
expect 2 "check refuses it"
touchstone upgrade "$scratch/old.tst" -o "$scratch/new.trace"
expect 0 "upgrade takes it"
says "$scratch/out" 'old.tst: 3 decisions behind the records became a schedule' "and says what it did"
{ cat "$frozen/v1-plain.trace" && printf 'schedule seed=7\ndecisions 80ff01\n'; } >"$scratch/wanted.trace"
holds "decisions become a schedule" cmp "$scratch/new.trace" "$scratch/wanted.trace"

# poke <file> <offset> <octal byte>: a copy with one other byte.
poke() {
    cp "$frozen/v1.tst" "$scratch/$1"
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$3" | dd of="$scratch/$1" bs=1 seek="$2" conv=notrunc 2>"$scratch/dd"
}
poke code.tst 32 377
touchstone upgrade "$scratch/code.tst" -o "$scratch/code.trace"
expect 0 "an unknown operation becomes an ecall"
says "$scratch/out" 'code.tst: offset 32: operation 0: unknown code 255; brought into canonical form' "what was wrong is said"
poke version.tst 4 002
touchstone upgrade "$scratch/version.tst" -o "$scratch/version.trace"
expect 2 "an unknown version"
says "$scratch/err" 'version.tst: offset 4: version 2, but only version 1 is known' "is refused with its place"
printf 'touchstone 2 harts=2\n' >"$scratch/later.trace"
touchstone upgrade "$scratch/later.trace" -o "$scratch/later.tst"
expect 2 "in text as well"
holds "nothing was written" test ! -e "$scratch/later.tst" -a ! -e "$scratch/version.trace"
head -c 100 /dev/urandom >"$scratch/noise.tst"
touchstone upgrade "$scratch/noise.tst" -o "$scratch/noise.trace"
expect 2 "what is no trace"
one_line "$scratch/err" "is refused in one line"

# Hostile tails: each is refused in one line with the first place that is wrong.
size=$(wc -c <"$frozen/v1.tst")
tail=$((size - 86))
refused() {
    touchstone check "$scratch/$1"
    expect 2 "$1"
    one_line "$scratch/err" "$1"
    says "$scratch/err" "$1: offset $2: $3" "$1"
}
poke tail-huge.tst 31 377
refused tail-huge.tst 28 'a tail of 4278190166 bytes, but at most 4112'
poke tail-short.tst 28 100
refused tail-short.tst $((size - 22)) '22 bytes follow the tail'
poke tag.tst "$tail" 011
refused tag.tst "$tail" 'tail: unknown tag 9'
poke reserved.tst $((tail + 2)) 001
refused reserved.tst $((tail + 2)) 'tail: a reserved field is not 0'
poke length.tst $((tail + 7)) 177
refused length.tst $((tail + 4)) 'tail: a blob of [0-9]* bytes, but 78 are left'
poke seedless.tst $((tail + 4)) 003
refused seedless.tst $((tail + 4)) 'schedule: 3 bytes, but its seed alone has 8'
head -c $((size - 10)) "$frozen/v1.tst" >"$scratch/cut-tail.tst"
refused cut-tail.tst $((size - 10)) 'truncated: the header announces a tail of 86 bytes, the file has 76'
{ cat "$frozen/v1.tst" && echo; } >"$scratch/more.tst"
refused more.tst "$size" '1 bytes follow the tail'
finish
