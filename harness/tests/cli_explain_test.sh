#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A trace is told as a story: answers, what the model expected, which frames, tables, TVMs, PMP entries, TLB entries and
# registers changed. The page has a picture per step and nothing that has to be fetched.

. "${0%/*}/lib/cli.sh"

cat >"$scratch/life.trace" <<'END'
touchstone 1 harts=1
h0 covh_convert_pages(base=win[0], num_pages=16)
h0 covh_global_fence()
h0 host_write64(addr=ram[1], value=win[0])
h0 host_write64(addr=ram[1]+8, value=win[4])
h0 covh_create_tvm(params_addr=ram[1], params_len=16)
h0 covh_add_tvm_memory_region(guest_id=tvm[0], gpa=0x80000000, len=0x200000)
h0 covh_add_tvm_page_table_pages(guest_id=tvm[0], base=win[8], num_pages=4)
h0 covh_create_tvm_vcpu(guest_id=tvm[0], vcpu_id=0, state_page_addr=win[6])
h0 covh_finalize_tvm(guest_id=tvm[0], entry_sepc=0x80000000, entry_arg=0, identity_addr=0)
h0 covh_add_tvm_zero_pages(guest_id=tvm[0], base=win[12], page_type=4K, num_pages=1, gpa=0x80000000)
h0 nacl_set_shmem(shmem_lo=ram[32], shmem_hi=0, flags=0)
h0 covh_run_tvm_vcpu(guest_id=tvm[0], vcpu_id=0)
h0 guest_load(addr=0x80000000, width=8)
END
touchstone explain "$scratch/life.trace" --html "$scratch/life.html"
expect 0 "a trace without a finding"
says "$scratch/out" "win\[0\] to win\[15\]: NONCONF -> CONVERTING" "frames change hands"
says "$scratch/out" "the model expects SUCCESS 0x10" "the model is asked"
says "$scratch/out" "TVM slot 0 (id 1): absent -> initializing" "a TVM begins"
says "$scratch/out" "table win\[[0-9]*\], entry [0-9]*: 0x[0-9a-f]* -> 0x" "an entry of a table"
says "$scratch/out" "PMP entry [0-9]*: 0x" "PMP"
says "$scratch/out" "TLB now has 0x80000000 -> 0x8080c000 (guest" "a cached translation"
says "$scratch/out" "hart 0: host -> guest" "the world that runs"
says "$scratch/out" "hart 0: .*x11 = 0x10" "registers"
says "$scratch/out" "^No promise was broken" "the end"
holds "a picture for each step" test "$(grep -c '<svg' "$scratch/life.html")" -eq 13
holds "nothing is fetched" sh -c "! grep -q 'https*://[^w]' '$scratch/life.html'"
touchstone explain "$scratch/life.trace" --html "$scratch/life.html"
expect 2 "a page is not overwritten"
touchstone explain "$scratch/missing.trace"
expect 2 "no such trace"
one_line "$scratch/err" "no such trace"
touchstone explain --findings "$scratch" no-such-finding
expect 2 "no such finding"

# A witness on the real monitor breaks nothing; told or run, the verdict is the same.
for witness in "$SOURCE_DIR"/harness/plants/O*.witness.trace; do
    touchstone explain "$witness"
    expect 0 "explain of ${witness##*/}"
done
finish
