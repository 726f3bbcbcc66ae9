#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The runner of attacks tells its outcomes apart: an attack that succeeds on the image under test, one that breaks, one
# that hangs and one that a machine cannot show are not taken for a blocked one; and a boot is the same twice. Skipped
# where QEMU is not installed or the firmware is not built.

. "${0%/*}/lib/once.sh"
once "only the firmware runs"

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}"
build=$(dirname "$FIRMWARE_ELF")

for tool in qemu-system-riscv64 ninja patch; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool not found" && exit 77; }
done
[ -f "$build/attacks/window_load.elf" ] || { echo "skipped: $build/attacks has not been built" && exit 77; }

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# attacks <exit code> <text> <argument>...: the runner ends with this code and says this.
attacks() {
    wanted=$1
    text=$2
    shift 2
    python3 "$SOURCE_DIR/emulation/qemu/attacks.py" --build "$build" --output "$work/out" "$@" >"$work/log" 2>&1
    code=$?
    if [ "$code" -ne "$wanted" ] || ! grep -q "$text" "$work/log"; then
        echo "FAILED: '$*' ends with $code instead of $wanted, or does not say '$text':"
        sed 's/^/  | /' "$work/log"
        failed=1
    fi
}

attacks 0 '1 blocked, 0 not' --only window_load
cp "$work/out"/window_load.qemu*.log "$work/first"
attacks 0 '1 blocked, 0 not' --only window_load
cmp "$work/first" "$work/out"/window_load.qemu*.log || {
    echo "FAILED: two boots of one attack differ"
    failed=1
}
attacks 0 '1 succeed without their defence, 0 not' --disarm --only window_load

# An image without the defence, taken for the one that ships.
mkdir -p "$work/open/attacks"
cp "$work/out/firmware/window-open/fw.elf" "$work/open/fw.elf"
cp "$build/attacks"/window_load.elf "$build/attacks"/monitor_load.elf "$work/open/attacks"
build=$work/open
attacks 1 'window_load  *succeeded' --only window_load
attacks 0 '1 blocked' --only monitor_load

# No end, and no attack in the image.
printf 'not an image' >"$work/open/attacks/monitor_load.elf"
attacks 1 'monitor_load  *error' --only monitor_load --seconds 5
rm "$work/open/attacks/monitor_load.elf"
attacks 4 'does not exist' --only monitor_load
attacks 2 'no attack has' --only nonsense
exit "$failed"
