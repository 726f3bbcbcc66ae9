#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Exit codes and help are part of the interface: scripts and people rely on them. Nothing is overwritten unasked.

. "${0%/*}/lib/cli.sh"

commands="run print asm check seeds dict record hunt min matrix bench plants"
touchstone --help
expect 0 "help"
for command in $commands; do
    says "$scratch/out" "^  $command " "help lists $command"
done
for command in $commands; do
    touchstone "$command" --help
    expect 0 "$command --help"
    says "$scratch/out" "^usage: touchstone $command" "$command --help shows usage"
    touchstone "$command" --no-such-option
    expect 2 "$command with an unknown option"
done
touchstone
expect 2 "no command"
touchstone no-such-command
expect 2 "an unknown command"
for arguments in run print check asm min matrix seeds record; do
    touchstone $arguments
    expect 2 "$arguments without a file"
done
touchstone hunt --seconds minus
expect 2 "hunt with a bad number"
touchstone run --oracles own,nonsense x
expect 2 "run with an unknown oracle"

good=$scratch/good.trace
printf 'touchstone 1 harts=2\nh0 base_get_spec_version() -> SUCCESS 0x2000000\n' >"$good"
for oracles in none own liv ord own,liv all; do
    touchstone run --oracles "$oracles" "$good"
    expect 0 "run --oracles $oracles"
done

# A wrong expectation is told as a story: where, what, expected, seen.
printf '# first line\ntouchstone 1 harts=2\nh0 base_get_impl_id()\nh0 base_get_spec_version() -> SUCCESS 7\n' >"$scratch/wrong.trace"
touchstone run "$scratch/wrong.trace" "$good"
expect 7 "a step that does something else"
says "$scratch/out" 'wrong.trace:4: step 1: h0 base_get_spec_version()' "the line and the step are named"
says "$scratch/out" 'expected SUCCESS 7' "what was expected is told"
says "$scratch/out" 'seen     SUCCESS 0x2000000' "what was seen is told"
touchstone run --json "$scratch/wrong.trace"
expect 7 "the same in JSON"
holds "the JSON parses" python3 -m json.tool "$scratch/out"
says "$scratch/out" '"status":"mismatch"' "the JSON says mismatch"

# Nothing is overwritten unless asked for.
touchstone asm "$good" -o "$scratch/good.tst"
expect 0 "asm"
cp "$scratch/good.tst" "$scratch/kept.tst"
printf 'precious' >"$scratch/good.tst"
touchstone asm "$good" -o "$scratch/good.tst"
expect 2 "asm onto an existing file"
holds "the existing file is untouched" grep -q '^precious$' "$scratch/good.tst"
touchstone asm --force "$good" -o "$scratch/good.tst"
expect 0 "asm --force"
holds "asm --force overwrites" cmp "$scratch/good.tst" "$scratch/kept.tst"
touchstone asm "$good" -o "$scratch/no/such/folder.tst"
expect 4 "asm into a folder that is not there"

# Both forms say the same.
touchstone print "$good"
cp "$scratch/out" "$scratch/text"
touchstone print "$scratch/good.tst"
holds "text and binary print the same" cmp "$scratch/out" "$scratch/text"

touchstone seeds "$SOURCE_DIR/corpora" -o "$scratch/seeds"
expect 0 "seeds"
touchstone seeds "$SOURCE_DIR/corpora" -o "$scratch/seeds"
expect 0 "seeds again, same content"
for seed in "$scratch"/seeds/*.tst; do
    printf 'precious' >"$seed"
    break
done
touchstone seeds "$SOURCE_DIR/corpora" -o "$scratch/seeds"
expect 2 "seeds onto another content"
holds "the other content is untouched" grep -q '^precious$' "$seed"

touchstone dict
expect 0 "dict"
holds "the dictionary has entries" test "$(grep -c '^[a-z_0-9]*="' "$scratch/out")" -gt 20

touchstone hunt --execs 50 --findings "$scratch/findings" --json
expect 0 "hunt on the clean monitor"
holds "the JSON of hunt parses" python3 -m json.tool "$scratch/out"

# A tool that is missing is named with its package.
mkdir "$scratch/path"
PATH=$scratch/path "$TOUCHSTONE_BIN" plants --list >"$scratch/out" 2>"$scratch/err"
code=$?
expect 3 "plants without python3"
says "$scratch/err" 'Debian package python3' "the package is named"

# A full disk is not success.
if [ -w /dev/full ]; then
    "$TOUCHSTONE_BIN" dict >/dev/full 2>"$scratch/err"
    code=$?
    expect 4 "output that cannot be written"
fi

finish
