#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A mistake in the world switch is seen: the firmware's text is broken in one place at a time, in memory, and the
# replay has to object, with exit code 5, and name what is wrong. Every CSR of the switch list and every register
# counts. The control: the firmware as it is passes, on both engines. Builds beside host-release, where the replay itself is what is
# looked at, make some of the mistakes only.

. "${0%/*}/lib/once.sh"

set -u
SOURCE_DIR=${SOURCE_DIR:-$(pwd)}
FIRMWARE_ELF=${FIRMWARE_ELF:-$SOURCE_DIR/build/firmware/fw.elf}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build/host-release}
replay=$BUILD_DIR/switch_replay

[ -x "$replay" ] || { echo "skipped: this build has no switch_replay"; exit 77; }
[ -f "$FIRMWARE_ELF" ] || { echo "skipped: no firmware image at $FIRMWARE_ELF"; exit 77; }

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0

# expect <exit code> <pattern in the output> <promise> <arguments>: replays a little, from always the same states.
expect() {
    wanted=$1 pattern=$2 promise=$3
    shift 3
    "$replay" "$FIRMWARE_ELF" --runs 600 --pairs 60 "$@" >"$scratch/out" 2>&1 </dev/null
    code=$?
    if [ "$code" -eq "$wanted" ] && grep -q -e "$pattern" "$scratch/out"; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    printf 'failed: %s: exit code %d, wanted %d and "%s"\n' "$promise" "$code" "$wanted" "$pattern"
    grep -e '^violation' -e '^switch' "$scratch/out" | head -5
}

expect 0 ' 0 violations' 'the clean firmware passes' --slow
expect 0 ' 0 with another outcome' 'both engines agree on it' --slow

# What is dropped from the switch of CSRs, floating-point and general registers.
csrs=$(sed -n 's/^ *WORLD_CSR([0-9]*, 0x[0-9a-f]*, \([a-z0-9]*\)).*/\1/p' "$SOURCE_DIR/monitor/hal/world_state.h")
[ "$(echo "$csrs" | wc -w)" -ge 33 ] || { echo "failed: the list of CSRs cannot be read"; failed=$((failed + 1)); }
numbers=$(seq 0 31)
if other_build; then
    csrs=$(echo "$csrs" | head -3)
    numbers='0 1 31'
fi
for csr in $csrs; do
    expect 5 "$csr" "$csr left out of the switch" --drop-csr "$csr"
done
for n in $numbers; do
    expect 5 "f registers and fcsr: f$n:" "f$n not loaded" --drop-fld "$n"
    expect 5 "f registers and fcsr: f$n:" "f$n not saved" --drop-fsd "$n"
    [ "$n" -eq 0 ] || expect 5 "x registers: x$n:" "x$n not loaded" --drop-ld "$n"
    [ "$n" -eq 0 ] || expect 5 "x registers: x$n:" "x$n not saved" --drop-sd "$n"
done
expect 5 'f registers and fcsr' 'fld and fsd exchanged' --swap-fp
expect 5 'f registers and fcsr' 'floating point not cleared for the host' --return hal_fp_zero
expect 5 '^violation: ' 'FS not opened before the guest is loaded' --nop hal_fp_load+4

# Isolation and order.
expect 5 'window while the host runs' 'window not closed' --return isolation_close_window
expect 5 'window while a guest runs' 'window not opened' --return isolation_open_window
expect 5 'sfence.vma after PMP write' 'no sfence.vma' --drop-fence sfence.vma
expect 5 'hfence.gvma after' 'no hfence.gvma' --drop-fence hfence.gvma
expect 5 'hfence.vvma after hgatp write' 'no hfence.vvma' --drop-fence hfence.vvma
expect 5 'hypervisor CSRs: hgatp' 'hgatp not switched' --return hal_hgatp_write
expect 5 'virtual supervisor CSRs: vsatp' 'vsatp not switched' --return hal_vsatp_write

# Locks use LR and SC as well and break a reservation by themselves: only without both does it survive.
expect 0 ' 0 violations' 'the store-conditional of the switch is enough' --return hal_lock --return hal_unlock
expect 5 'LR/SC reservation' 'reservation survives' --drop-sc --return hal_lock --return hal_unlock

# What a guest leaves on the stack of the monitor; the wipe costs only those who run behind a guest.
expect 5 'secrets left behind: stack of the hart: 0x' 'the stack is not wiped' --drop-wipe
expect 5 'wiped stack: the stack is wiped where no guest left' 'every call wipes' --nop trap_leave+8

# Two values that are both right: one run alone shows nothing, whatever it is compared with.
expect 0 ' 0 violations' 'a leak that no single run shows' --leak-fcsr --runs 5000 --pairs 0
expect 5 'two runs compared: pmpaddr15: .*: runs 0 and 1 of group 0 (8 times' 'that leak, in two runs' --leak-fcsr

# What a guest must not carry over, and what the host must be told.
expect 5 '^violation: ' 'the guest context is not set up again' --return vcpu_normalise
expect 5 'exit record' 'no exit record' --return exit_record_apply
expect 5 '^violation: ' 'no fault injected' --return vcpu_inject_exception
expect 5 'no business' 'the entry does not find its hart' --nop trap_entry
expect 5 'fatal: lock taken twice' 'a lock that is never released' --return tvm_unlock

# The mutation itself must find its place, or nothing is proved.
expect 4 'no such function' 'a function that is not there' --return no_such_function
expect 4 'is no CSR' 'a CSR that is not switched' --drop-csr mtvec
expect 2 'unknown option' 'an option that is not there' --no-such-option x

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
