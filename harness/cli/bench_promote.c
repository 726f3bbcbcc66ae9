/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touchstone bench, promote_to_tvm: the longest call of the interface, which is not interrupted. Pages that it copies,
 * maps and measures per second, for a VM of 2 MiB and the pages of its device tree; no oracle watches.
 */
#include <string.h>

#include "harness/cli/bench.h"

#define VM_PAGES 516u /* one large page and four small ones */
#define LARGE_BASE (MACHINE_HOST_BASE + UINT64_C(512) * PAGE_SIZE)
#define LARGE_SIZE UINT64_C(0x200000)
#define FILL_SIZE UINT64_C(0x10000)

static const char text[] = "touchstone 1 harts=1\n"
                           "h0 covh_convert_pages(base=win[0], num_pages=1024)\n"
                           "h0 covh_global_fence()\n"
                           "h0 nacl_set_shmem(shmem_lo=ram[32], shmem_hi=0, flags=0)\n"
                           "h0 host_fill(addr=ram[128], len=0x3000, pattern=3)\n"
                           "h0 host_fdt(addr=ram[131], cpus=4, mem_base=0x80000000, mem_size=0x4000)\n"
                           /* Sv39x4: root, one table with a 2 MiB leaf, one with four pages */
                           "h0 host_write64(addr=ram[64]+0x10, value=0x20091001)\n"
                           "h0 host_write64(addr=ram[68], value=0x20091401)\n"
                           "h0 host_write64(addr=ram[68]+8, value=0x201000df)\n"
                           "h0 host_write64(addr=ram[69], value=0x200a00df)\n"
                           "h0 host_write64(addr=ram[69]+8, value=0x200a04df)\n"
                           "h0 host_write64(addr=ram[69]+0x10, value=0x200a08df)\n"
                           "h0 host_write64(addr=ram[69]+0x18, value=0x200a0cdf)\n"
                           "h0 host_write64(addr=ram[32]+0x1c00, value=0x80000000_00080240)\n"
                           "h0 covh_promote_to_tvm(fdt_addr=0x80003000, tap_addr=0, entry_sepc=0, identity_addr=0)\n"
                           "h0 covh_destroy_tvm(guest_id=tvm[0])\n";

bool bench_promote(double seconds, double *pages_per_second)
{
    static struct trace t;
    struct trace_error error;
    struct step_result r = {0};
    double spent = 0;
    uint64_t pages = 0;

    if (!trace_parse(&t, text, sizeof(text) - 1, &error))
        return false;
    struct machine_config config = world_config_for(&t);
    struct world *w = world_create(&config, 0);
    if (w == NULL)
        return false;
    /* Pages of zeros would not be measured. */
    for (uint64_t at = 0; at < LARGE_SIZE; at += FILL_SIZE) {
        struct trace_op fill = {.op = OP_HOST_FILL, .a = {LARGE_BASE + at, FILL_SIZE, at}};
        world_step(w, &fill, &r);
    }
    for (uint32_t i = 0; i + 2 < t.count; i++)
        world_step(w, &t.op[i], &r);
    bool good = true;
    while (good && spent < seconds) {
        double before = cpu_seconds();
        world_step(w, &t.op[t.count - 2], &r);
        spent += cpu_seconds() - before;
        good = r.kind == EXPECT_RESULT && r.error == SBI_SUCCESS;
        pages += VM_PAGES;
        /* Handles count up to a limit: always the newest one. */
        w->tvm_id[0] = r.value;
        world_step(w, &t.op[t.count - 1], &r);
        good = good && r.error == SBI_SUCCESS;
    }
    world_destroy(w);
    *pages_per_second = (double)pages / spent;
    return good;
}
