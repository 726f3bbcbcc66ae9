/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimiser's pass over the decisions of the scheduler: what a seed decided becomes a string of decisions that goes to the
 * end of the run; then decisions that change the hart for no reason become "goes on", and the tail goes if it is not needed.
 */
#include <string.h>

#include "harness/cli/shorten.h"

#define FIRST_CHANGE 128u /* decisions from here on choose a hart, those below go on */
#define TAIL_SEEDS 16u

static bool try_order(struct shortener *s, const struct trace *order, bool settled)
{
    static struct verdict seen;

    if (shorten_over(s))
        return false;
    s->trials++;
    if (!judge_run(s->judge, order, settled, &seen)) {
        s->broken = true;
        return false;
    }
    if (!same_verdict(&seen, &s->wanted))
        return false;
    s->seen = seen;
    return true;
}

/* The decisions that the last run took, as the string of `t`. */
static void write_down(const struct shortener *s, struct trace *t)
{
    size_t taken = s->seen.decisions < TRACE_MAX_DECISIONS ? s->seen.decisions : TRACE_MAX_DECISIONS;

    memcpy(t->decision, judge_decisions(s->judge), taken);
    t->decisions = (uint16_t)taken;
}

/* Let the hart go on through [first, first + count) if that changes nothing. */
static void settle(struct shortener *s, struct trace *order, uint32_t first, uint32_t count)
{
    uint8_t kept[TRACE_MAX_DECISIONS];
    bool any = false;

    for (uint32_t i = first; i < first + count; i++)
        any = any || order->decision[i] >= FIRST_CHANGE;
    memcpy(kept, order->decision + first, count);
    memset(order->decision + first, 0, count);
    if (any && !try_order(s, order, true))
        memcpy(order->decision + first, kept, count);
}

/* Which hart, as plainly as it can be said. */
static void plain_choice(struct shortener *s, struct trace *order, uint32_t at)
{
    for (uint8_t choice = FIRST_CHANGE; choice < order->decision[at] && choice < FIRST_CHANGE + 8; choice++) {
        uint8_t kept = order->decision[at];

        order->decision[at] = choice;
        if (try_order(s, order, true))
            return;
        order->decision[at] = kept;
    }
}

static void settle_all(struct shortener *s, struct trace *order)
{
    for (uint32_t length = order->decisions; length > 0; length /= 2) {
        for (uint32_t first = 0; first < order->decisions && !shorten_over(s); first += length)
            settle(s, order, first, length < order->decisions - first ? length : order->decisions - first);
    }
    for (uint32_t i = 0; i < order->decisions; i++) {
        if (order->decision[i] >= FIRST_CHANGE)
            plain_choice(s, order, i);
    }
}

/* Up to the last change of hart; what comes after it is often all the same, and then up to a small seed. */
static bool without_tail(struct shortener *s, struct trace *order)
{
    uint16_t all = order->decisions;
    uint64_t seed = order->schedule_seed;

    while (order->decisions > 0 && order->decision[order->decisions - 1] < FIRST_CHANGE)
        order->decisions--;
    for (uint64_t tail = 0; tail < TAIL_SEEDS; tail++) {
        order->schedule_seed = 2 * tail + (seed & 1); /* odd seeds share handles of TVMs */
        if (try_order(s, order, false))
            return true;
    }
    order->decisions = all;
    order->schedule_seed = seed;
    return false;
}

bool shorten_order(struct shortener *s)
{
    static struct trace order;

    trace_copy(&order, &s->best);
    if (!try_order(s, &order, s->settled))
        return false;
    write_down(s, &order);
    order.schedule_seed &= 1;
    if (!try_order(s, &order, true))
        return false;
    settle_all(s, &order);
    /* A trace has no other way to say "goes on" than to say it to the end. */
    if (!try_order(s, &order, true))
        return false;
    write_down(s, &order);
    if (!without_tail(s, &order) && !try_order(s, &order, false))
        return false;
    trace_copy(&s->best, &order);
    trace_copy(&s->written, &order);
    s->settled = false;
    return true;
}
