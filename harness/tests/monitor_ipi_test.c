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
    bool request_is_left; /* when the ticket is drawn; else it was served before */
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
        ipi_remote_fence(h, (struct hart_set){1u << ASKER}, IPI_REQUEST_FENCE);
    } else {
        if (r->request_is_left)
            shared_or(&asked->ipi_request, IPI_REQUEST_FENCE);
        uint32_t ticket = __atomic_add_fetch(&asked->fence_wanted, 1, __ATOMIC_ACQ_REL);
        hal_ipi_send(h, ASKED);
        while (shared_load(&asked->fence_done) != ticket) /* and serves nothing itself until then */
            hal_relax(h);
    }
    r->done[hart] = true;
}

static void both_go_on(struct schedule *s, struct run *r, bool request_is_left)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        machine_reset(r->m);
        r->m->monitor->hart[ASKER].hsm_state = SBI_HSM_STARTED;
        r->request_is_left = request_is_left;
        memset(r->begun, 0, sizeof(r->begun));
        memset(r->done, 0, sizeof(r->done));
        schedule_start(s, &(struct schedule_decisions){.seed = seed});
        CHECK_EQ(schedule_run(s, 2), SCHEDULE_QUIET);
        CHECK_EQ(r->m->violation.kind, VIOLATION_NONE);
        CHECK(r->done[ASKED] && r->done[ASKER]);
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
    both_go_on(s, &r, true);
    both_go_on(s, &r, false);
    schedule_destroy(s);
    machine_destroy(r.m);
    return test_finish();
}
