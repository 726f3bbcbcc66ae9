#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Host library and firmware are the same monitor: every trace of the corpora and generated ones give the same answers,
# exit records and states on both, step by step. The control: an image with one instruction that a wrong compiler could
# have written is told apart, in the monitor's core as well as in what only the firmware has.

. "${0%/*}/lib/cli.sh"

once "the firmware does not depend on this build"
firmware=${FIRMWARE_ELF:-$SOURCE_DIR/build/firmware/fw.elf}
firmware=${firmware%/*}
[ -x "$BUILD_DIR/firmware_replay" ] || { echo "skipped: this build has no firmware_replay"; exit 77; }
[ -f "$firmware/fw_machine_1024.elf" ] || { echo "skipped: no firmware images in $firmware"; exit 77; }

traces=$(find "$SOURCE_DIR/corpora" -name '*.trace' | wc -l)
left_out=$(grep -rlE --include='*.trace' '^(schedule |h[0-7] fail\()' "$SOURCE_DIR/corpora" | wc -l)
touchstone run --engine unicorn --firmware "$firmware" "$SOURCE_DIR/corpora"
expect 0 "the corpora are the same on both"
says "$scratch/out" "^$traces traces .*: $((traces - left_out)) equal, 0 differ, $left_out skipped" \
    "each trace without a schedule or a function that fails was compared"

touchstone differential --traces 100 --seed 5 --firmware "$firmware" --findings "$scratch/findings"
expect 0 "generated traces are the same on both"
says "$scratch/out" ": $((traces + 100)) equal, 0 differ, 0 skipped" "each generated trace was compared"

# mistake <instruction> <trace> <what the difference is about>
mistake() {
    touchstone run --engine unicorn --firmware "$firmware" --miscompile "$1" "$SOURCE_DIR/corpora/seeds/$2.trace"
    expect 5 "$1 is seen"
    says "$scratch/out" "$3" "$1 is seen where it acts"
}

# Only the firmware has these functions.
mistake shift@hal_conf_rw two_tvms '^  window frame 4 (state 4) +0x0: '
mistake shift@hal_conf_scrub two_tvms '^  window frame [0-9]* (state [0-9]*) +0x'
mistake skip@hal_untrusted_write tsm_info '^  host RAM 0x'
mistake shift@hal_vector_load two_tvms '^  hart 0 v8 byte 0: '
mistake shift@hal_vector_save two_tvms '^  window frame [0-9]* (state 5) +0x'
mistake skip@riscv_trap host_harts_suspend '^  hart [0-9] parked: '
mistake truncate@platform_is_host_ram two_tvms 'does not boot'
mistake skip@isa_state_check two_tvms 'no end after'
# The same C as in the library, but for the compiler.
mistake truncate@covh_convert_pages errors_convert '^    firmware h0 covh_convert_pages(base=win\[0\], num_pages=0xf*) -> INVALID_PARAM'
mistake sign@covh_convert_pages errors_convert '^    firmware h0 covh_convert_pages(base=win\[0\], num_pages=0x10*) -> INVALID_ADDRESS'
mistake sign@tvm_gpa_range_valid errors_region '^    firmware h0 covh_add_tvm_memory_region(.*) -> SUCCESS'
mistake truncate@br_range_enc64be errors_measured '^  window frame [0-9]* (state 4) +0x'

# What is found by generated traces is written down, and differs again when it is replayed.
touchstone differential --traces 5 --seeds "$SOURCE_DIR/corpora/seeds/errors_region.trace" --firmware "$firmware" \
    --findings "$scratch/findings" --miscompile sign@tvm_gpa_range_valid
expect 5 "a difference ends the run with a finding"
touchstone run --engine unicorn --firmware "$firmware" --miscompile sign@tvm_gpa_range_valid --first "$scratch/findings"
expect 5 "the written trace differs again"
touchstone run --engine unicorn --firmware "$firmware" "$scratch/findings"
expect 0 "and does not without the mistake"

touchstone run --engine unicorn --firmware "$scratch" "$SOURCE_DIR/corpora"
expect 4 "without the images it cannot run"
one_line "$scratch/err" "and says so once"
says "$scratch/err" 'fw_machine_1024.elf: cannot be opened' "naming the file"
touchstone run --engine spike "$SOURCE_DIR/corpora"
expect 2 "an engine that does not exist is refused"
finish
