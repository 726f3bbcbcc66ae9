/* SPDX-License-Identifier: Apache-2.0 */
/* What the most used ways through the monitor cost; see replay.h. */
#include "emulation/unicorn/steps.h"

/* General registers, pc and mstatus, which every trap moves twice: into the frame and out of one. */
#define FRAME_ELEMENTS (31u + 2u)

/* Registers and CSRs of a world that the processor does not bank, beyond the frame. */
static uint64_t banked_elements(void)
{
    uint64_t count = 32 + 32; /* f and v */
    for (unsigned slot = 0; slot < CSR_SLOTS; slot++) {
        enum csr_class class = csr_table[slot].class;
        count += class == CLASS_SWAP || class == CLASS_FLOAT || class == CLASS_VECTOR;
    }
    return count;
}

bool replay_costs(const struct firmware_image *fw, struct path_cost costs[PATH_COSTS], struct findings *findings,
                  char *why, size_t why_size)
{
    static struct replayer r;
    static const enum edge exits[] = {EDGE_EXIT_SSI, EDGE_EXIT_MMIO_LOAD};
    bool opened = replayer_open_lesser(&r, fw, COUNTING, 1, findings, why, why_size);
    uint64_t round_trip = 2 * (2 * FRAME_ELEMENTS + 2 * banked_elements());
    costs[0] = (struct path_cost){.name = "host-null-call", .elements = 2 * FRAME_ELEMENTS};
    costs[1] = (struct path_cost){.name = "guest-exit-and-entry", .elements = round_trip};
    costs[2] = (struct path_cost){.name = "mmio-load-round-trip", .elements = round_trip};
    for (unsigned i = 0; opened && r.usable && i < COUNT(exits); i++) {
        struct prng rng = {.state = 1}, secret = {.state = 2};
        replay_back_to_base(&r);
        uint64_t before = r.hart.instructions;
        bool ok = step_exit(&r, exits[i], &rng, &secret);
        uint64_t exit = r.hart.instructions - before;
        before = r.hart.instructions;
        if (i == 0 && ok && step_host(&r, EDGE_HOST_BASE, &rng))
            costs[0].instructions = r.hart.instructions - before;
        before = r.hart.instructions;
        if (ok && step_run(&r, &rng))
            costs[1 + i].instructions = exit + r.hart.instructions - before;
    }
    replayer_close(&r);
    return opened;
}
