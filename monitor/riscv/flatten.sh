#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# flatten.sh OBJCOPY FROM TO: an ELF file becomes the flat binary that it loads; any other file is copied as it is.

set -eu
magic=$(head -c 4 "$2" | od -A n -t x1 | tr -d ' \n')
if [ "$magic" = 7f454c46 ]; then
    "$1" -O binary --gap-fill 0 "$2" "$3"
else
    cp "$2" "$3"
fi
