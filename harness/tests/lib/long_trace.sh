#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# long_trace.sh SOURCE OPERATIONS: a long trace that ends in a finding, for the minimiser: what hosts of the seeds do, one after
# the other and without what they expect, before the operations on standard input. Nothing that takes a hart away from the host,
# and no fence: the end works whatever seeds are added.

echo "touchstone 1 harts=2"
find "$1/corpora" -name '*.trace' | sort | xargs cat 2>/dev/null | sed -n 's/ *\(->\|#\).*//; /^h[01] /p' |
    grep -E '^h[01] (covh_|host_(load|store|write64|fetch))' | grep -v -e reclaim -e run_tvm -e fence | head -n "$2"
cat
