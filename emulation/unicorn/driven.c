/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to steps; see driven.h. */
#include "emulation/unicorn/driven.h"

#include "emulation/unicorn/steps.h"

#define HEADER 3u
#define PAIR 0x80u
#define GUEST_SECRETS 0x40u /* of a pair: the runs differ in these */
#define EDGE_BITS 0x3fu

struct input {
    const uint8_t *bytes;
    size_t left;
};

/* Up to `words` words of the input, and what follows when they are used up. */
static struct prng draw_from(struct input *in, unsigned words, uint64_t state)
{
    size_t size = words * sizeof(uint64_t);
    size = size < in->left ? size : in->left;
    struct prng r = {.state = state, .bytes = in->bytes, .left = size};
    in->bytes += size;
    in->left -= size;
    return r;
}

static void one_step(struct replayer *r, unsigned choice, struct prng *shown, struct prng *other)
{
    bool ok;
    if (r->guest_dead) {
        step_host(r, EDGE_RUN_DEAD, other);
        replay_back_to_base(r);
        return;
    }
    if (r->in_guest) {
        unsigned which = choice % (exit_edge_count + guest_edge_count);
        guest_randomise(r, shown, other);
        ok = which < exit_edge_count ? step_exit(r, possible_exit(r, exit_edges[which]), shown, other)
                                     : step_guest(r, guest_edges[which - exit_edge_count], shown, other);
    } else {
        unsigned which = choice % (host_edge_count + 2);
        if (which == host_edge_count && r->misfits)
            ok = step_host(r, EDGE_RUN_MISFIT, other);
        else
            ok = which < host_edge_count ? step_host(r, host_edges[which], other) : step_run(r, other);
    }
    if (!ok)
        replay_back_to_base(r);
}

static void one_pair(struct replayer *r, unsigned number, unsigned choice, struct prng shown, struct prng other)
{
    struct prng unlike = {.state = ~other.state};
    bool secrets = (choice & GUEST_SECRETS) != 0;
    unsigned which = choice & EDGE_BITS;
    struct prng same = {.state = other.state};
    struct run_group group = {.number = number, .guest_secrets = secrets, .partners = 1, .shown = shown};
    group.alike = secrets ? same : other;
    group.varied[0] = secrets ? other : same;
    group.varied[1] = unlike;
    replay_back_to_base(r);
    group.edge = exit_edges[which % (secrets ? exit_edge_count : exits_without_answer)];
    if (secrets && which >= exit_edge_count && which < exit_edge_count + guest_edge_count)
        group.edge = guest_edges[which - exit_edge_count];
    else if (secrets && which >= exit_edge_count + guest_edge_count)
        group.edge = host_edges[which % host_edge_count];
    group.edge = possible_exit(r, group.edge);
    replay_group(r, &group);
    replay_back_to_base(r);
}

void replay_driven(struct replayer *r, const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    if (!r->usable)
        return;
    r->checker.pmp = (struct pmp_memory){0}; /* an input counts the same, whatever ran before it */
    replay_back_to_base(r);
    for (unsigned i = 0; i < DRIVEN_STEPS_MAX && in.left >= HEADER; i++) {
        const uint8_t *header = in.bytes;
        in.bytes += HEADER;
        in.left -= HEADER;
        uint64_t state = (uint64_t)i << 24 | (uint64_t)header[0] << 16 | (uint64_t)header[1] << 8 | header[2];
        struct prng shown = draw_from(&in, header[1], state), other = draw_from(&in, header[2], ~state << 1);
        if ((header[0] & PAIR) != 0)
            one_pair(r, i, header[0], shown, other);
        else
            one_step(r, header[0], &shown, &other);
        if (findings_total_violations(r->findings) != 0)
            break;
    }
    replay_back_to_base(r);
}
