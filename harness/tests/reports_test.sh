#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The writers of reports/: are fragments read strictly, and would consumers accept what is written?

. "${0%/*}/lib/once.sh"
once "no host build runs"

cd "${SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
command -v python3 >/dev/null 2>&1 || {
    echo "python3 not found: install the Debian package python3"
    exit 77
}
exec python3 -B -m unittest discover -s reports/tests -p '*_test.py'
