/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote fences between harts that wait for each other. Somebody asks in two steps, and what happens between those two is
 * shorter than what the scheduler can part: here the one who asks is played, and the one who is asked is the monitor.
 */
#include "harness/machine/schedule.h"
#include "harness/tests/test.h"
#include "monitor/core/ipi.h"

#define ASKED 0u /* the hart that waits for a fence of ASKER meanwhile */
#define ASKER 1u

struct run {
    struct machine *m;
    enum { REQUEST_LEFT, REQUEST_SERVED, STARTS } asker; /* what is left when the ticket is drawn, or: it only starts */
    bool begun[2], done[2];
};

static bool ready(void *data, uint32_t hart)
{
    const struct run *r = data;

    return hart <= ASKER && !r->begun[hart];
}

static void turn(void *data, uint32_t hart)
{
    struct run *r = data;
    struct hart *asked = &r->m->monitor->hart[ASKED];
    struct hart *h = &r->m->monitor->hart[hart];

    r->begun[hart] = true;
    if (hart == ASKED) {
        ipi_remote_fence(h, (struct hart_set){1u << ASKED | 1u << ASKER}, IPI_REQUEST_FENCE);
    } else if (r->asker == STARTS) {
        shared_store(&h->hsm_state, SBI_HSM_STARTED);
    } else {
        if (r->asker == REQUEST_LEFT)
            shared_or(&asked->ipi_request, IPI_REQUEST_FENCE);
        uint32_t ticket = __atomic_add_fetch(&asked->fence_wanted, 1, __ATOMIC_ACQ_REL);
        hal_ipi_send(h, ASKED);
        while (shared_load(&asked->fence_done) != ticket) /* and serves nothing itself until then */
            hal_relax(h);
    }
    r->done[hart] = true;
}

static void run(struct schedule *s, struct run *r, uint64_t seed)
{
    memset(r->begun, 0, sizeof(r->begun));
    memset(r->done, 0, sizeof(r->done));
    schedule_start(s, &(struct schedule_decisions){.seed = seed});
    CHECK_EQ(schedule_run(s, 2), SCHEDULE_QUIET);
    CHECK_EQ(r->m->violation.kind, VIOLATION_NONE);
    CHECK(r->done[ASKED] && r->done[ASKER]);
}

static void both_go_on(struct schedule *s, struct run *r)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        machine_reset(r->m);
        r->m->monitor->hart[ASKER].hsm_state = SBI_HSM_STARTED;
        run(s, r, seed);
    }
}

/* A hart that starts while others are waited for drew no ticket, however many it drew before: half of all numbers. */
static void starting_hart_is_not_waited_for(struct schedule *s, struct run *r)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        machine_reset(r->m);
        struct hart *starting = &r->m->monitor->hart[ASKER];
        starting->hsm_state = SBI_HSM_STOPPED;
        starting->fence_wanted = starting->fence_done = UINT32_C(1) << 31;
        run(s, r, seed);
    }
}

int main(void)
{
    static struct run r;
    struct machine_config config = machine_default_config();

    config.harts = 2;
    r.m = machine_create(&config);
    struct schedule *s =
        r.m != NULL ? schedule_create(r.m, &(struct schedule_programs){.ready = ready, .turn = turn, .data = &r})
                    : NULL;
    if (s == NULL)
        test_error("no memory for a machine and its scheduler");
    r.asker = REQUEST_LEFT;
    both_go_on(s, &r);
    r.asker = REQUEST_SERVED;
    both_go_on(s, &r);
    r.asker = STARTS;
    starting_hart_is_not_waited_for(s, &r);
    schedule_destroy(s);
    machine_destroy(r.m);
    return test_finish();
}
