#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Traces on the booted image: seeds without guests are equal to the last step, one with a guest is played up to its entry,
# a wrong expectation is seen at its step, and what is no trace is named in one line. Skipped where QEMU is not installed or
# the firmware is not built.

: "${SOURCE_DIR:=.}" "${FIRMWARE_ELF:=$SOURCE_DIR/build/firmware/fw.elf}" "${BUILD_DIR:=$SOURCE_DIR/build/host-release}"
: "${TOUCHSTONE_BIN:=$BUILD_DIR/touchstone}"
firmware=$(dirname "$FIRMWARE_ELF")

if ! command -v qemu-system-riscv64 >/dev/null; then
    echo "skipped: qemu-system-riscv64 not found, install the Debian package qemu-system-misc"
    exit 77
fi
if [ ! -f "$FIRMWARE_ELF" ] || [ ! -f "$firmware/player.elf" ]; then
    echo "skipped: $FIRMWARE_ELF and $firmware/player.elf have not been built"
    exit 77
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# plays <exit code> <text> <path>...
plays() {
    wanted=$1
    text=$2
    shift 2
    "$TOUCHSTONE_BIN" run --engine qemu -v --firmware "$firmware" "$@" >"$work/log" 2>&1
    code=$?
    if [ "$code" -ne "$wanted" ] || ! grep -q "$text" "$work/log"; then
        echo "FAILED: '$*' ends with $code instead of $wanted, or does not say '$text':"
        sed 's/^/  | /' "$work/log"
        failed=1
    fi
}

cat >"$work/two_harts.trace" <<'TRACE'
touchstone 1 harts=2
h0 host_load(addr=win[3], width=8) -> TRAP 5
h0 hsm_hart_start(hartid=1, start_addr=ram[4]+2, opaque=0) -> SUCCESS 0
h1 covh_convert_pages(base=win[0], num_pages=8) -> SUCCESS 8
h0 covh_global_fence() -> SUCCESS 0
h0 covh_global_fence() -> ALREADY_STARTED 0
h1 covh_local_fence() -> SUCCESS 0
h0 host_write64(addr=ram[1], value=win[0]) -> NONE
h0 host_write64(addr=ram[1]+8, value=win[4]) -> NONE
h1 covh_create_tvm(params_addr=ram[1], params_len=16) -> SUCCESS tvm[0]
h0 covh_destroy_tvm(guest_id=tvm[0]) -> SUCCESS 0
h1 host_load(addr=ram[1]+8, width=8) -> VALUE win[4]
TRACE
plays 0 '1 equal, 0 equal up to' "$work/two_harts.trace"
sed 's/num_pages=8) -> SUCCESS 8/num_pages=8) -> SUCCESS 7/' "$work/two_harts.trace" >"$work/wrong.trace"
plays 7 'differs at step 2: answer 0 0x8' "$work/wrong.trace"
sed 's/-> TRAP 5/-> VALUE 0/' "$work/two_harts.trace" >"$work/open.trace"
plays 7 'differs at step 0: trap 5' "$work/open.trace"
plays 0 'skipped at step .*: a vCPU is entered' "$SOURCE_DIR/corpora/seeds/qemu_payload_devices.trace"
echo 'no trace' >"$work/none.trace"
plays 1 'none.trace' "$work/none.trace"
plays 4 'no such file' "$work/nothing.trace"
exit "$failed"
