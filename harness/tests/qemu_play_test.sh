#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Traces on the booted image: those of hosts and those of guests are equal to the last step, a wrong expectation is seen at
# its step, also of a guest, of its entry and of its exit, and what is no trace is named in one line. Skipped where QEMU is not installed or
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
guest=$SOURCE_DIR/corpora/short/device.trace
exits=$SOURCE_DIR/corpora/short/run_and_exits.trace
plays 0 '2 equal, 0 equal up to' "$guest" "$exits"
# wrong <text> <sed script> <trace>: with one expectation changed it differs, as the text says.
wrong() {
    sed "$2" "$3" >"$work/guest.trace"
    plays 7 "$1" "$work/guest.trace"
}
wrong 'differs at step 20: value 0x77, and 0x76' 's/-> VALUE 119/-> VALUE 118/' "$guest"
wrong 'differs at step 14: exit 0 .*, and htinst 0xa03027' 's/htinst=0xa03023/htinst=0xa03027/' "$guest"
wrong 'differs at step 11: entry instead of an answer' '0,/-> ENTER/s//-> INVALID_PARAM 0/' "$guest"
wrong 'differs at step 12: exit .*, and scause 0x8000000000000009' 's/scause=0x8000000000000005/scause=0x8000000000000009/' "$exits"
plays 0 'skipped at step .*: no instruction raises this trap' "$SOURCE_DIR/corpora/seeds/guest_faults.trace"
echo 'no trace' >"$work/none.trace"
plays 1 'none.trace' "$work/none.trace"
plays 4 'no such file' "$work/nothing.trace"
exit "$failed"
