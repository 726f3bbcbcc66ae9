/* SPDX-License-Identifier: Apache-2.0 */
/* NI: two worlds side by side; see ni.h. */
#include "harness/oracles/ni.h"

#include <stdlib.h>
#include <string.h>

#include "harness/machine/internal.h"
#include "harness/oracles/oracle.h"

#define A0 10u
#define SHOWN 8u
#define CAUSE_STORE_FAULT 23u
#define CSR_SCAUSE 0x142u
#define CSR_STVAL 0x143u
#define CSR_SIP 0x144u
#define HTINST_SIZE_SHIFT 12
#define HTINST_SIZE_MASK 3u

static void leak(struct world *w, const char *property, const char *what, uint32_t hart, uint64_t number, uint64_t one,
                 uint64_t other)
{
    oracle_report(w, ORACLE_NI, S0_CONFIDENTIALITY, property,
                  "hart %u: %s %llu is 0x%llx, and 0x%llx when the guest has other secrets", hart, what,
                  (unsigned long long)number, (unsigned long long)one, (unsigned long long)other);
}

/* --- the twin becomes a copy ------------------------------------------------------------------------------------ */

/*
 * Does the host begin or enter a guest, as far as can be guessed? The call that begins one is repeated: the twin's host has
 * other values in it.
 */
static bool may_begin(const struct world *w, uint32_t h, const struct trace_op *op)
{
    const struct monitor *m = w->machine->monitor;
    uint32_t state = op->call == CALL_covh_finalize_tvm ? TVM_INITIALIZING : TVM_RUNNABLE;

    if (op->op != OP_HOST_CALL)
        return false;
    if (op->call == CALL_covh_promote_to_tvm)
        return m->hart[h].shmem_set;
    if (op->call != CALL_covh_finalize_tvm && (op->call != CALL_covh_run_tvm_vcpu || !m->hart[h].shmem_set))
        return false;
    uint64_t id = world_resolve(w, op, 0);
    for (uint32_t i = 0; i < MONITOR_MAX_TVMS; i++)
        if (m->tvm[i].state == state && m->tvm[i].id == id)
            return true;
    return false;
}

/* At most once per run: a trace may be full of runs that are refused, and operations are cheaper to repeat than frames. */
static void copy_world(struct world *w)
{
    struct world *twin = w->twin;

    if (!machine_copy(twin->machine, w->machine))
        return;
    memory_host_changes_clear(w->machine);
    memcpy(twin->tvm_id, w->tvm_id, w->tvm_count * sizeof(w->tvm_id[0]));
    twin->tvm_count = w->tvm_count;
    twin->step = w->step;
    twin->device_reached = w->device_reached;
    twin->overrun = w->overrun;
    twin->stored_secret = false;
    w->twin_copied = w->twin_stale = true;
    w->past_count = 0;
}

/*
 * What a guest is about to execute is the same in both worlds, wherever its own stores have come from: a program is no secret, and
 * the monitor, which may have to look the instruction up, goes another way for another one.
 */
static void same_code(struct world *w, uint32_t h)
{
    const struct machine_hart *hart = &w->machine->hart[h];

    for (unsigned i = 0; i < 2; i++) {
        uint16_t parcel;
        struct walk_result at = walk(w->machine, h, hart->pc + i * sizeof(parcel), ACCESS_FETCH);
        if (!at.ok || !machine_is_window(w->machine, at.pa, sizeof(parcel)))
            return;
        memcpy(&parcel, machine_peek(w->machine, at.pa, sizeof(parcel)), sizeof(parcel));
        if (memcmp(machine_peek(w->twin->machine, at.pa, sizeof(parcel)), &parcel, sizeof(parcel)) != 0)
            machine_poke(w->twin->machine, at.pa, &parcel, sizeof(parcel));
    }
}

void ni_before(struct world *w, uint32_t h, const struct trace_op *op)
{
    struct ni_state *n = w->ni;
    const struct monitor *monitor = w->machine->monitor;

    n->was_guest = machine_in_guest(w->machine, h);
    if (!w->twin_runs && !w->twin_copied && may_begin(w, h, op))
        copy_world(w);
    if (!w->twin_runs || !n->was_guest)
        return; /* only what a guest's registers held is asked for */
    if (w->twin->stored_secret)
        same_code(w, h);
    memcpy(n->x[0], w->machine->hart[h].x, sizeof(n->x[0]));
    memcpy(n->x[1], w->twin->machine->hart[h].x, sizeof(n->x[1]));
    n->tvm = monitor->tvm[monitor->hart[h].tvm_slot % MONITOR_MAX_TVMS].id;
    n->vcpu = monitor->hart[h].vcpu_id;
    n->frame = monitor->hart[h].vcpu_frame.index;
}

/* --- what a guest shows on purpose ------------------------------------------------------------------------------ */

static uint64_t mailbox_address(const struct world *w, uint32_t h, unsigned i)
{
    return w->machine->monitor->hart[h].shmem.value + NACL_GPR_OFFSET(A0 + i);
}

/* Is the pair of words that the hosts were shown a pair of words that one register of the guest held? */
static bool guest_showed(const struct world *w, const struct step_result *mine, unsigned i, uint64_t one,
                         uint64_t other)
{
    uint64_t mask = UINT64_MAX;

    if (mine->scause != CAUSE_STORE_FAULT)
        return w->ni->x[0][A0 + i] == one && w->ni->x[1][A0 + i] == other;
    unsigned size = (unsigned)(mine->htinst >> HTINST_SIZE_SHIFT) & HTINST_SIZE_MASK;
    if (i != 0)
        return false;
    if (size < 3)
        mask = (UINT64_C(1) << (8u << size)) - 1;
    for (unsigned r = 1; r < 32; r++)
        if ((w->ni->x[0][r] & mask) == one && (w->ni->x[1][r] & mask) == other)
            return true;
    return false;
}

static void equalise_shown(struct world *w, uint32_t h, struct step_result *mine, struct step_result *twin)
{
    for (unsigned i = 0; i < SHOWN; i++) {
        if (mine->a[i] == twin->a[i] || !guest_showed(w, mine, i, mine->a[i], twin->a[i]))
            continue;
        machine_poke(w->twin->machine, mailbox_address(w, h, i), &mine->a[i], sizeof(mine->a[i]));
        twin->a[i] = mine->a[i];
    }
}

/* --- what the host sees ----------------------------------------------------------------------------------------- */

static void compare_words(struct world *w, uint32_t h, const char *property, const char *what, const uint64_t *one,
                          const uint64_t *other, uint32_t count)
{
    if (memcmp(one, other, count * sizeof(*one)) == 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (one[i] != other[i])
            leak(w, property, what, h, i, one[i], other[i]);
}

static void compare_hart(struct world *w, uint32_t h)
{
    static const uint16_t shown_csrs[] = {CSR_SCAUSE, CSR_STVAL, CSR_SIP};
    const struct machine *m = w->machine;
    const struct machine *t = w->twin->machine;
    const struct machine_hart *one = &m->hart[h];
    const struct machine_hart *other = &t->hart[h];

    if (machine_in_guest(m, h) != machine_in_guest(t, h) || one->parked != other->parked)
        leak(w, "ni-way", "place", h, 0, machine_in_guest(m, h), machine_in_guest(t, h));
    if (machine_in_guest(m, h) || one->parked || w->finding.found)
        return;
    if (one->priv != other->priv || one->pc != other->pc)
        leak(w, "ni-register", "pc in mode", h, one->priv, one->pc, other->pc);
    compare_words(w, h, "ni-register", "x", one->x, other->x, 32);
    compare_words(w, h, "ni-register", "f", one->f, other->f, 32);
    if (one->fcsr != other->fcsr)
        leak(w, "ni-register", "fcsr", h, 0, one->fcsr, other->fcsr);
    if (memcmp(one->v, other->v, sizeof(one->v)) != 0 || one->vl != other->vl || one->vtype != other->vtype ||
        one->vstart != other->vstart || one->vcsr != other->vcsr)
        leak(w, "ni-register", "vector unit, vl", h, 0, one->vl, other->vl);
    if (memcmp(one->csr, other->csr, sizeof(one->csr)) == 0)
        return;
    for (unsigned i = 0; i < HOST_CSR_COUNT && !w->finding.found; i++)
        if (machine_csr_read(m, h, host_csrs[i]) != machine_csr_read(t, h, host_csrs[i]))
            leak(w, "ni-csr", "CSR", h, host_csrs[i], machine_csr_read(m, h, host_csrs[i]),
                 machine_csr_read(t, h, host_csrs[i]));
    for (unsigned i = 0; i < sizeof(shown_csrs) / sizeof(shown_csrs[0]); i++)
        if (machine_csr_read(m, h, shown_csrs[i]) != machine_csr_read(t, h, shown_csrs[i]))
            leak(w, "ni-csr", "CSR", h, shown_csrs[i], machine_csr_read(m, h, shown_csrs[i]),
                 machine_csr_read(t, h, shown_csrs[i]));
}

/* One frame of host memory. False after a report. */
static bool compare_host_frame(struct world *w, uint32_t h, uint32_t frame, bool open)
{
    const uint8_t *one = memory_frame(w->machine, frame);
    const uint8_t *other = memory_frame(w->twin->machine, frame);
    uint32_t at = 0;

    if (memcmp(one, other, PAGE_SIZE) == 0)
        return true;
    if (open) {
        machine_poke(w->twin->machine, MACHINE_HOST_BASE + (uint64_t)frame * PAGE_SIZE, one, PAGE_SIZE);
        return true;
    }
    while (one[at] == other[at])
        at++;
    leak(w, "ni-memory", "host memory byte", h, MACHINE_HOST_BASE + (uint64_t)frame * PAGE_SIZE + at, one[at],
         other[at]);
    return false;
}

/*
 * Host memory was equal after the step before: only what either world has written since can differ. What a guest's own
 * store put into shared memory, it showed on purpose: `open` says that nothing else happened.
 */
static void compare_host_memory(struct world *w, uint32_t h, bool open)
{
    const struct machine_private *one = w->machine->private;
    const struct machine_private *other = w->twin->machine->private;

    for (uint32_t i = 0; i < one->host_changed_count; i++)
        if (!compare_host_frame(w, h, one->host_changed[i], open))
            return;
    for (uint32_t i = 0; i < other->host_changed_count; i++)
        if ((one->frame_flags[other->host_changed[i]] & FRAME_CHANGED) == 0 &&
            !compare_host_frame(w, h, other->host_changed[i], open))
            return;
    memory_host_changes_clear(w->machine);
    memory_host_changes_clear(w->twin->machine);
}

static void compare_rest(struct world *w, uint32_t h)
{
    const struct machine *m = w->machine;
    const struct machine *t = w->twin->machine;

    if (m->console_total != t->console_total || memcmp(m->console, t->console, m->console_len) != 0)
        leak(w, "ni-console", "console bytes", h, 0, m->console_total, t->console_total);
    if (m->time != t->time || m->steps != t->steps)
        leak(w, "ni-work", "primitives of the last trap at time", h, m->time, m->steps, t->steps);
    if (m->halted != t->halted)
        leak(w, "ni-way", "reset", h, 0, m->halted, t->halted);
}

static void compare(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine,
                    const struct step_result *twin)
{
    struct step_result one = *mine;
    struct step_result other = *twin;

    /* The twin's machine found the monitor out of its rules where this one did not: its way depends on a secret. */
    if (w->twin->machine->violation.kind != w->machine->violation.kind)
        leak(w, "ni-way", "violation", h, 0, w->machine->violation.kind, w->twin->machine->violation.kind);
    if (one.kind == EXPECT_EXIT && other.kind == EXPECT_EXIT)
        equalise_shown(w, h, &one, &other);
    for (uint32_t i = 0; i < w->machine->config.harts && !w->finding.found; i++)
        compare_hart(w, i);
    if (!w->finding.found)
        compare_host_memory(w, h, mine->kind == EXPECT_VALUE && machine_in_guest(w->machine, h));
    if (!w->finding.found)
        compare_rest(w, h);
    if (!w->finding.found)
        ni_guest_after(w, h, op, mine, twin);
}

/* --- the twin's steps ------------------------------------------------------------------------------------------- */

/* Keep an operation for later. False when there is no memory for it. */
static bool remember(struct world *w, const struct trace_op *op)
{
    if (w->past_count == w->past_room) {
        uint32_t room = w->past_room != 0 ? 2 * w->past_room : 64;
        struct trace_op *grown = realloc(w->past, room * sizeof(*grown));

        if (grown == NULL)
            return false;
        w->past = grown;
        w->past_room = room;
    }
    w->past[w->past_count++] = *op;
    return true;
}

/* The twin performs `op`, its host having other values of its own. */
static void twin_step(struct world *w, uint32_t h, const struct trace_op *op, struct step_result *result)
{
    struct trace_op changed;

    op = ni_host_plant(w, h, op, &changed);
    world_step(w->twin, op, result);
    ni_host_take_back(w);
}

static void catch_up(struct world *w)
{
    if (!w->twin_copied && w->twin_stale)
        world_reset(w->twin);
    w->twin_runs = w->twin_stale = true;
    for (uint32_t i = 0; i < w->past_count; i++)
        twin_step(w, w->past[i].hart % w->machine->config.harts, &w->past[i], NULL);
    w->past_count = 0;
}

void ni_step(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine)
{
    struct step_result twin;

    if (!w->twin_runs) {
        bool secret = mine->kind == EXPECT_ENTER || machine_in_guest(w->machine, h);
        if (!secret && remember(w, op))
            return;
        catch_up(w);
    }
    twin_step(w, h, op, &twin);
    compare(w, h, op, mine, &twin);
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

bool ni_create(struct world *w)
{
    w->ni = calloc(1, sizeof(*w->ni));
    w->twin->is_twin = true;
    memory_window_vary(w->twin->machine, NI_HOST_SECRET);
    return w->ni != NULL;
}

void ni_destroy(struct world *w)
{
    free(w->ni);
}

void ni_reset(struct world *w)
{
    struct ni_state *n = w->ni;

    w->twin_runs = w->twin_copied = false;
    w->past_count = 0;
    memset(n->planted, 0, sizeof(n->planted));
    n->words = 0;
    n->gprs_at = NULL;
    n->was_guest = n->unsure = n->forgot = false;
    n->vcpus = 0;
}
