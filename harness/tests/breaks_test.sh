#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Breaking the monitor by hand, in ways that nobody planted, is seen: each patch in breaks/ takes one protection away,
# and the harness has to object to every one of them.

. "${0%/*}/lib/cli.sh"

case ${BUILD_DIR##*/} in
    host-asan | host-ubsan | host-msan | host-gcc | host-clang19 | coverage)
        echo "planted builds do not depend on this one: tested once, with host-release"
        exit 77
        ;;
esac

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
