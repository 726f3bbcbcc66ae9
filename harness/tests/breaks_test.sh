#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Breaking the monitor by hand, in ways that nobody planted, is seen: each patch in breaks/ takes one protection away,
# and the harness has to object to every one of them.

. "${0%/*}/lib/cli.sh"

once "planted builds do not depend on this one"

wanted=0
for patch in "$SOURCE_DIR"/harness/tests/breaks/*.patch; do
    set -- "$@" --patch "$patch"
    wanted=$((wanted + 1))
done
touchstone plants --json --seconds 60 "$@"
if [ "$code" -eq 3 ]; then
    cat "$scratch/err"
    exit 77
fi
cat "$scratch/err"
expect 0 "every break is detected"
holds "there are at least ten" test "$wanted" -ge 10
holds "each was judged and detected" test "$(grep -c '"detected": true' "$scratch/out")" -eq "$wanted"
finish
