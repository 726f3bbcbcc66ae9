#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Is what the README tells people to do still there? Scripts, presets, subcommands with their options, links; and the
# trace that it prints still gets, step by step, the printed answers from the real monitor, without a finding.

cd "${SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
touchstone=${TOUCHSTONE_BIN:-build/host-release/touchstone}
[ -x "$touchstone" ] || {
    echo "$touchstone has not been built"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "README.md: $*"
    failures=$((failures + 1))
}

# Commands are what stands between backquotes, and lines of code that begin with a blank or a dollar sign.
# shellcheck disable=SC2016 # backquotes are what is looked for
sed '/^```/,/^```/d' README.md | tr '\n' ' ' | grep -o '`[^`]*`' | tr -d '`' >"$work/commands"
sed -n -e 's/^    \(ci\/.*\)/\1/p' -e 's/^\$ //p' README.md | sed 's/ *#.*//' >>"$work/commands"

grep -o 'ci/[a-z-]\{1,\}' "$work/commands" | sort -u >"$work/scripts"
while read -r script; do
    [ -x "$script" ] || fail "$script is not there"
done <"$work/scripts"
grep -o 'preset [a-z][a-z0-9-]*' "$work/commands" | sort -u >"$work/presets"
while read -r _ preset; do
    grep -q "\"name\": \"$preset\"" CMakePresets.json || fail "no preset $preset"
done <"$work/presets"
grep -o 'ci/touchstone [a-z]\{2,\}.*' "$work/commands" | sort -u >"$work/calls"
while read -r _ command rest; do
    if "$touchstone" "$command" --help >"$work/help" 2>&1; then
        for word in $rest; do
            case $word in
                -*) grep -q -e " $word" "$work/help" || fail "touchstone $command knows no $word" ;;
            esac
        done
    else
        fail "touchstone knows no command $command"
    fi
done <"$work/calls"
[ "$(wc -l <"$work/calls")" -ge 10 ] || fail "this test found too few commands"

grep -o '](\([^)]*\))' README.md | tr -d ']()' >"$work/links"
while read -r link; do
    [ -e "$link" ] || fail "link to $link, which is not there"
done <"$work/links"

{
    echo "touchstone 1 harts=2"
    sed -n 's/^ \{1,\}[0-9]\{1,\} \(h[0-9] .*\)/\1/p' README.md
} >"$work/readme.trace"
[ "$(wc -l <"$work/readme.trace")" -gt 2 ] || fail "no trace found"
"$touchstone" run "$work/readme.trace" >"$work/run" 2>&1 || {
    cat "$work/run"
    fail "its trace does something else on this monitor"
}
if [ "$failures" -gt 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "scripts, presets, commands, links and the trace of README.md are in order"
