/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler of harts: every program gets to its end, decisions decide and nothing else does, a circle of waiting is seen
 * as one, and a wait that somebody ends is none.
 */
#include "harness/machine/internal.h"
#include "harness/machine/schedule.h"
#include "harness/tests/test.h"

#define HARTS 3u

/* What the harts do: each its own list of steps, one per turn. */
enum step { END, LOCK_CREATE, UNLOCK_CREATE, LOCK_PAGES, UNLOCK_PAGES, WAIT, RAISE, FENCE, SELF_IPI };

struct script {
    struct machine *m;
    enum step step[HARTS][8];
    uint32_t at[HARTS];
    bool flag; /* what WAIT waits for and RAISE raises */
    char order[64];
    uint32_t order_len;
};

static bool ready(void *data, uint32_t hart)
{
    const struct script *s = data;

    return s->step[hart][s->at[hart]] != END;
}

static void turn(void *data, uint32_t hart)
{
    struct script *s = data;
    struct monitor *monitor = s->m->monitor;
    struct hart *h = &monitor->hart[hart];

    if (s->order_len + 1 < sizeof(s->order))
        s->order[s->order_len++] = (char)('0' + hart);
    switch (s->step[hart][s->at[hart]++]) {
    case LOCK_CREATE: hal_lock(h, &monitor->create_lock); break;
    case UNLOCK_CREATE: hal_unlock(h, &monitor->create_lock); break;
    case LOCK_PAGES: hal_lock(h, &monitor->pages_lock); break;
    case UNLOCK_PAGES: hal_unlock(h, &monitor->pages_lock); break;
    case WAIT:
        while (!s->flag)
            hal_relax(h);
        break;
    case RAISE: s->flag = true; break;
    case FENCE: hal_fence_all(h); break;
    case SELF_IPI:
        hal_ipi_send(h, hart);
        hal_ipi_clear(h);
        break;
    case END: break;
    }
}

static struct machine *m;
static struct schedule *scheduler;
static struct script script;

static enum schedule_end run_with(const struct script *s, const struct schedule_decisions *decisions)
{
    machine_reset(m);
    script = *s;
    script.m = m;
    schedule_start(scheduler, decisions);
    return schedule_run(scheduler, 1000);
}

static enum schedule_end run(const struct script *s, uint64_t seed)
{
    return run_with(s, &(struct schedule_decisions){.seed = seed});
}

static void all_get_to_the_end(void)
{
    const struct script s = {.step = {{LOCK_CREATE, LOCK_PAGES, FENCE, UNLOCK_PAGES, UNLOCK_CREATE},
                                      {LOCK_CREATE, UNLOCK_CREATE, FENCE, SELF_IPI},
                                      {LOCK_PAGES, FENCE, UNLOCK_PAGES, WAIT, RAISE}}};
    struct script with_raise = s;

    with_raise.step[1][4] = RAISE;
    for (uint64_t seed = 0; seed < 200; seed++) {
        CHECK_EQ(run(&with_raise, seed), SCHEDULE_DONE);
        CHECK_EQ(m->violation.kind, VIOLATION_NONE);
        CHECK_EQ(script.at[0], 5);
        CHECK_EQ(script.at[1], 5);
        CHECK_EQ(script.at[2], 5);
    }
}

static void decisions_decide(void)
{
    static const uint8_t stay[64] = {0};
    uint8_t to_last[64];
    const struct script s = {.step = {{FENCE, FENCE}, {FENCE, FENCE}, {FENCE, FENCE}}};
    char order[64];

    memset(to_last, 128 + 1, sizeof(to_last)); /* 129 = 0 modulo 3, 1 modulo 2 */
    CHECK_EQ(run_with(&s, &(struct schedule_decisions){.bytes = stay, .len = sizeof(stay)}), SCHEDULE_DONE);
    CHECK_STR(script.order, "001122");
    uint64_t digest = schedule_digest(scheduler);
    CHECK_EQ(run_with(&s, &(struct schedule_decisions){.seed = 9, .bytes = stay, .len = sizeof(stay)}), SCHEDULE_DONE);
    CHECK_EQ(schedule_digest(scheduler), digest);
    run_with(&s, &(struct schedule_decisions){.bytes = to_last, .len = sizeof(to_last)});
    CHECK(schedule_digest(scheduler) != digest);

    run(&s, 5);
    digest = schedule_digest(scheduler);
    memcpy(order, script.order, sizeof(order));
    run(&s, 5);
    CHECK_EQ(schedule_digest(scheduler), digest);
    CHECK_STR(script.order, order);
    unsigned others = 0;
    for (uint64_t seed = 6; seed < 26; seed++) {
        run(&s, seed);
        others += strcmp(script.order, order) != 0;
    }
    CHECK(others > 10);
}

/* Hart 0 never gives its lock back, the others want it. */
static void deadlock(void)
{
    const struct script s = {.step = {{LOCK_PAGES}, {FENCE, LOCK_PAGES, UNLOCK_PAGES}, {LOCK_PAGES, UNLOCK_PAGES}}};
    unsigned seen = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        CHECK_EQ(run(&s, seed), SCHEDULE_STOPPED);
        /* When nobody else is left to want it, it is only held. */
        CHECK(m->violation.kind == VIOLATION_DEADLOCK || m->violation.kind == VIOLATION_LOCK);
        seen += m->violation.kind == VIOLATION_DEADLOCK;
    }
    CHECK(seen > 10);
    const struct script one = {.step = {{LOCK_PAGES}, {WAIT, LOCK_PAGES}, {WAIT, LOCK_PAGES}}};
    struct script both = one;
    both.step[0][1] = RAISE;
    CHECK_EQ(run(&both, 1), SCHEDULE_STOPPED);
    CHECK_EQ(m->violation.kind, VIOLATION_DEADLOCK);
    CHECK(strstr(m->violation.text, "hart 1 waits for pages_lock of hart 0") != NULL);
    CHECK(strstr(m->violation.text, "hart 2 waits for pages_lock of hart 0") != NULL);
}

static void lost_wake_up(void)
{
    const struct script nobody = {.step = {{FENCE}, {WAIT}, {FENCE, FENCE}}};
    const struct script somebody = {.step = {{FENCE, RAISE}, {WAIT}, {WAIT, FENCE}}};
    static uint8_t only_waits[1u << 14];

    CHECK_EQ(run(&nobody, 1), SCHEDULE_STOPPED);
    CHECK_EQ(m->violation.kind, VIOLATION_WAKE_UP);
    CHECK_EQ(m->violation.hart, 1);
    for (uint64_t seed = 0; seed < 100; seed++) {
        CHECK_EQ(run(&somebody, seed), SCHEDULE_DONE);
        CHECK_EQ(m->violation.kind, VIOLATION_NONE);
    }
    /* Decisions that would turn the two wait loops for ever: the hart that ends them gets its turn. */
    for (size_t i = 0; i < sizeof(only_waits); i++)
        only_waits[i] = i == 0 ? 128 : 255; /* hart 2 first, then always the second of two that may */
    uint64_t before = schedule_steps(scheduler);
    CHECK_EQ(run_with(&somebody, &(struct schedule_decisions){.bytes = only_waits, .len = sizeof(only_waits)}),
             SCHEDULE_DONE);
    CHECK(schedule_steps(scheduler) - before < sizeof(only_waits) / 2);
}

/* The harts are out of the monitor when a pause is asked for, and go on where they were. */
static void pauses(void)
{
    const struct script s = {.step = {{FENCE, FENCE}, {LOCK_PAGES, UNLOCK_PAGES, FENCE}, {FENCE}}};
    unsigned quiet = 0;

    machine_reset(m);
    script = s;
    script.m = m;
    schedule_start(scheduler, &(struct schedule_decisions){.seed = 3});
    script.step[1][0] = FENCE;
    script.step[1][1] = FENCE;
    while (schedule_run(scheduler, 1) == SCHEDULE_QUIET)
        quiet++;
    CHECK_EQ(quiet, 6);
    CHECK_EQ(script.at[0] + script.at[1] + script.at[2], 6);
    CHECK_EQ(m->violation.kind, VIOLATION_NONE);
}

int main(void)
{
    struct machine_config config = machine_default_config();

    config.harts = HARTS;
    m = machine_create(&config);
    scheduler = m != NULL
                    ? schedule_create(m, &(struct schedule_programs){.ready = ready, .turn = turn, .data = &script})
                    : NULL;
    if (scheduler == NULL)
        test_error("no memory for a machine and its scheduler");
    all_get_to_the_end();
    decisions_decide();
    deadlock();
    lost_wake_up();
    pauses();
    schedule_destroy(scheduler);
    machine_destroy(m);
    return test_finish();
}
