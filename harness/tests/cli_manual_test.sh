#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What people read about the command is complete: every command and every option that it takes is in the overview, in its
# help, in the manual page and in the completions; colour is for terminals that want it.

. "${0%/*}/lib/cli.sh"

touchstone --help
expect 0 "--help"
cp "$scratch/out" "$scratch/overview"
sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$scratch/overview" >"$scratch/commands"
holds "at least twenty commands" test "$(wc -l <"$scratch/commands")" -ge 20
# The table in the source has no command that the overview leaves out, and none twice.
sed -n 's/^    {"\([a-z-]*\)",.*/\1/p' "$SOURCE_DIR/harness/cli/main.c" | sort >"$scratch/table"
sort "$scratch/commands" >"$scratch/sorted"
holds "the overview has all commands, once" cmp "$scratch/table" "$scratch/sorted"
# Every exit code of the header is explained.
sed -n 's/^    CLI_[A-Z]* = \([0-9]*\),\{0,1\} .*/\1/p' "$SOURCE_DIR/harness/cli/cli.h" >"$scratch/codes"
holds "there are exit codes" test "$(wc -l <"$scratch/codes")" -ge 7
while read -r number; do
    says "$scratch/overview" "^ *$number  [a-z]" "exit code $number is explained"
done <"$scratch/codes"

touchstone man
expect 0 "the manual page"
sed 's/\\-/-/g' "$scratch/out" >"$scratch/page"
cp "$scratch/out" "$scratch/touchstone.1"
if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww "$scratch/touchstone.1" >"$scratch/rendered" 2>"$scratch/err"
    holds "groff takes it without a warning" test ! -s "$scratch/err"
fi
touchstone completion bash
cp "$scratch/out" "$scratch/completion.bash"
holds "bash takes its completion" bash -n "$scratch/completion.bash"
touchstone completion zsh
cp "$scratch/out" "$scratch/completion.zsh"
touchstone completion fish
expect 2 "a shell without completion"

while read -r name; do
    touchstone "$name" --help
    expect 0 "$name --help"
    says "$scratch/out" "^usage: touchstone $name" "help of $name"
    says "$scratch/page" "^.SS touchstone $name" "$name is in the manual"
    says "$scratch/completion.zsh" "^        '$name:" "$name is in the completion for zsh"
    sed -n 's/^  \(-.*\)/\1/p' "$scratch/out" | sed 's/  .*//' | grep -o -e '--\{0,1\}[a-z][a-z-]*' | sort -u >"$scratch/options"
    while read -r option; do
        says "$scratch/page" " $option" "$option of $name is in the manual"
        says "$scratch/completion.bash" "^            $name) options='.* ${option}[ ']" "$option of $name is in the completion"
    done <"$scratch/options"
done <"$scratch/commands"

# offered <words...>: what bash offers for the last word.
offered() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _touchstone; printf "%s\n" "${COMPREPLY[@]}"' \
        - "$scratch/completion.bash" "$@" >"$scratch/out"
}
offered touchstone up
says "$scratch/out" '^upgrade$' "commands are completed"
offered touchstone to-c --bu
says "$scratch/out" '^--build$' "options are completed"
offered touchstone to-c corp
holds "anything else is a file" test "$(tr -d '\n' <"$scratch/out")" = ""

# Colour on a terminal, and only where it is wanted.
printf 'touchstone 1\nh0 nop()\n' >"$scratch/t.trace"
on_terminal() {
    python3 -c 'import os, pty, sys
pty.spawn(sys.argv[1:])' "$@" >"$scratch/out" 2>&1 </dev/null
}
escape=$(printf '\033')
TERM=xterm on_terminal "$TOUCHSTONE_BIN" run "$scratch/t.trace"
says "$scratch/out" "$escape" "colour on a terminal"
TERM=xterm NO_COLOR=1 on_terminal "$TOUCHSTONE_BIN" run "$scratch/t.trace"
holds "none with NO_COLOR" sh -c "! grep -q '$escape' '$scratch/out'"
TERM=dumb on_terminal "$TOUCHSTONE_BIN" run "$scratch/t.trace"
holds "none on a dumb one" sh -c "! grep -q '$escape' '$scratch/out'"
TERM=xterm touchstone run "$scratch/t.trace"
holds "none in a file" sh -c "! grep -q '$escape' '$scratch/out'"

touchstone check --json "$scratch/t.trace"
holds "check as an object" python3 -c 'import json, sys; o = json.load(open(sys.argv[1]))["files"][0]; assert o["ok"] and o["operations"] == 1' "$scratch/out"
finish
