# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the tests of the command line share: a scratch folder that goes away, and checks that count. Source it.
#
#   TOUCHSTONE_BIN   the command under test         SOURCE_DIR   top of the source tree         BUILD_DIR   its build

# shellcheck source=once.sh
. "${0%/*}/lib/once.sh"

set -u
: "${TOUCHSTONE_BIN:?the command under test}"
SOURCE_DIR=${SOURCE_DIR:-$(pwd)}
TOUCHSTONE_SOURCE=$SOURCE_DIR
export TOUCHSTONE_SOURCE LC_ALL=C

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0
code=0

fail() {
    failed=$((failed + 1))
    printf 'failed: %s\n' "$*" >&2
    sed 's/^/    out| /' "$scratch/out" >&2
    sed 's/^/    err| /' "$scratch/err" >&2
}

pass() { passed=$((passed + 1)); }

# touchstone <arguments>: runs it; output in $scratch/out and $scratch/err, exit code in $code.
touchstone() {
    "$TOUCHSTONE_BIN" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    code=$?
}

# expect <exit code> <what is promised>
expect() {
    if [ "$code" -eq "$1" ]; then pass; else fail "$2: exit code $code, not $1"; fi
}

# says <file> <pattern> <what is promised>
says() {
    if grep -q -e "$2" "$1"; then pass; else fail "$3: no '$2'"; fi
}

# holds <what is promised> <command...>
holds() {
    promise=$1
    shift
    if "$@" >"$scratch/held" 2>&1; then pass; else fail "$promise"; fi
}

# one_line <file> <what is promised>: exactly one line.
one_line() {
    if [ "$(wc -l <"$1")" -eq 1 ]; then pass; else fail "$2: not one line"; fi
}

# planted <options of plants --build>: builds a planted monitor; its command is $planted from then on.
planted() {
    touchstone plants --build "$@"
    if [ "$code" -eq 3 ]; then
        cat "$scratch/err"
        exit 77
    fi
    expect 0 "a planted build: $*"
    planted=$(sed 's/.* //' "$scratch/out")
}

# run_planted <arguments>: like touchstone, with the planted one.
run_planted() {
    "$planted" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    code=$?
}

finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
