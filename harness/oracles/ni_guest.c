/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, the other way round: what guests see; see ni.h.
 *
 * A guest may differ between the worlds by its own secrets only. Those it has when it leaves its hart are kept; when it
 * goes on, each register differs as it did then, or not at all: it was cleared, or holds an answer, which is the same in
 * both. Whatever else differs is somebody else's. While it runs, what the monitor answers is the same in both, and CSRs are.
 */
#include "harness/oracles/ni.h"

#include <string.h>

#include "harness/machine/internal.h"
#include "harness/oracles/oracle.h"
#include "harness/trace/ops.h"
#include "monitor/core/vcpu.h"

#define A0 10u
#define A7 17u
#define CAUSE_ECALL 10u
#define CAUSE_LOAD_FAULT 21u
#define WIDTH_SHIFT 12
#define COVG_SHARE 2u
#define COVG_UNSHARE 3u
#define COVG_ALLOW 4u
#define CSR_LAST_OF_UNITS 0xffu /* fcsr, vcsr and their neighbours */
#define CSR_SSCRATCH 0x140u
#define CSR_STVAL 0x143u

/* In which bits the CSRs of a hart that runs a guest may differ. */
static const uint64_t csr_may_differ[SLOT_COUNT] = {
    /* The guest's secrets; and instructions, which it may have made of any of them. */
    [SLOT_vsscratch] = ~NI_HOST_SECRET,
    [SLOT_vstval] = UINT64_MAX,
    /* The host's, and live. */
    [SLOT_stimecmp] = NI_HOST_SECRET,
    /* No world sees those. */
    [SLOT_mtvec] = UINT64_MAX,
    [SLOT_mscratch] = UINT64_MAX,
    [SLOT_mepc] = UINT64_MAX,
    [SLOT_mcause] = UINT64_MAX,
    [SLOT_mtval] = UINT64_MAX,
    [SLOT_mtval2] = UINT64_MAX,
    [SLOT_mtinst] = UINT64_MAX,
};

static const uint16_t csr_number[SLOT_COUNT] = {
#define CSR_PLAIN(name, number, writable) [SLOT_##name] = (number),
#define CSR_RULED(name, number) [SLOT_##name] = (number),
#define CSR_VIEW(name, number)
#define CSR_CONST(name, number, value)
#include "harness/machine/csr_file.def"
};

/* Does a pair of words differ by the host's secret, or by a half of it? Secrets of guests differ in other bits. */
static bool by_host(uint64_t difference)
{
    uint32_t low = (uint32_t)difference;

    return low == (uint32_t)NI_HOST_SECRET || low == NI_HOST_SECRET >> 32 || difference >> 32 == NI_HOST_SECRET >> 32;
}

static void report(struct world *w, uint32_t h, const char *what, unsigned number, uint64_t one, uint64_t other)
{
    oracle_report(w, ORACLE_NI, S1_ISOLATION, "ni-guest-register",
                  "hart %u: %s %u of the guest is 0x%llx, and 0x%llx when the host has other values of its own", h,
                  what, number, (unsigned long long)one, (unsigned long long)other);
}

/* --- who is known --------------------------------------------------------------------------------------------------- */

const struct ni_vcpu *ni_guest_known(const struct world *w, uint64_t tvm, uint32_t vcpu)
{
    const struct ni_state *n = w->ni;

    for (uint32_t i = 0; i < n->vcpus && i < NI_VCPUS; i++)
        if (n->known[i].tvm == tvm && n->known[i].vcpu == vcpu)
            return &n->known[i];
    return NULL;
}

static struct ni_vcpu *room_for(struct world *w, uint64_t tvm, uint32_t vcpu)
{
    struct ni_state *n = w->ni;
    const struct ni_vcpu *known = ni_guest_known(w, tvm, vcpu);

    if (known != NULL)
        return &n->known[known - n->known];
    n->forgot = n->forgot || n->vcpus >= NI_VCPUS;
    struct ni_vcpu *v = &n->known[n->vcpus++ % NI_VCPUS];
    v->allows = n->forgot;
    v->tvm = tvm;
    v->vcpu = vcpu;
    return v;
}

static const struct vcpu *saved_vcpu(const struct machine *m, uint32_t frame)
{
    return (const void *)(m->window + (size_t)(frame % m->config.window_pages) * PAGE_SIZE);
}

static void difference(uint64_t *out, const void *one, const void *other, unsigned count)
{
    const uint8_t *a = one;
    const uint8_t *b = other;

    for (unsigned i = 0; i < count; i++) {
        uint64_t x, y;
        memcpy(&x, a + 8 * (size_t)i, sizeof(x));
        memcpy(&y, b + 8 * (size_t)i, sizeof(y));
        out[i] = x ^ y;
    }
}

/* What the next run takes from the mailbox, by what the host was shown. */
static void note_question(struct ni_vcpu *v, const struct step_result *seen)
{
    uint64_t function = seen->a[6];

    v->reply[0] = v->reply[1] = 0;
    if (seen->scause == CAUSE_LOAD_FAULT && seen->htinst != 0) {
        unsigned size = (unsigned)(seen->htinst >> WIDTH_SHIFT) & 3;
        v->reply[0] = UINT64_MAX >> (64 - (8u << size));
    }
    if (seen->scause != CAUSE_ECALL)
        return;
    if (seen->a[7] == SBI_EID_DBCN ||
        (seen->a[7] == SBI_EID_COVG && (function == COVG_SHARE || function == COVG_UNSHARE)))
        v->reply[0] = v->reply[1] = UINT64_MAX;
    v->allows = v->allows || (seen->a[7] == SBI_EID_COVG && function == COVG_ALLOW);
}

static void note_exit(struct world *w, const struct step_result *seen)
{
    const struct ni_state *n = w->ni;
    const struct vcpu *one = saved_vcpu(w->machine, n->frame);
    const struct vcpu *other = saved_vcpu(w->twin->machine, n->frame);
    struct ni_vcpu *v = room_for(w, n->tvm, n->vcpu);

    note_question(v, seen);
    difference(v->differs.x, n->x[0], n->x[1], 32);
    difference(v->differs.f, one->ctx.f, other->ctx.f, 32);
    difference(v->differs.v, one->vector.v, other->vector.v, NI_VECTOR_WORDS);
    v->differs.fcsr = one->ctx.fcsr ^ other->ctx.fcsr;
    v->differs.vs[0] = one->ctx.csr[WORLD_SLOT_vsscratch] ^ other->ctx.csr[WORLD_SLOT_vsscratch];
    v->differs.vs[1] = one->ctx.csr[WORLD_SLOT_vstval] ^ other->ctx.csr[WORLD_SLOT_vstval];
}

/* --- registers ------------------------------------------------------------------------------------------------------ */

/* Each word differs as it did, or not at all. */
static void judge_words(struct world *w, uint32_t h, const char *what, const void *one, const void *other,
                        const uint64_t *before, unsigned count)
{
    bool unsure = w->ni->unsure;

    if (memcmp(one, other, count * sizeof(uint64_t)) == 0)
        return;
    for (unsigned i = 0; i < count && !w->finding.found; i++) {
        uint64_t a, b;
        memcpy(&a, (const uint8_t *)one + 8 * (size_t)i, sizeof(a));
        memcpy(&b, (const uint8_t *)other + 8 * (size_t)i, sizeof(b));
        if (a != b && (by_host(a ^ b) || (!unsure && (a ^ b) != before[i])))
            report(w, h, what, i, a, b);
    }
}

static void judge_csrs(struct world *w, uint32_t h)
{
    const uint64_t *one = w->machine->hart[h].csr;
    const uint64_t *other = w->twin->machine->hart[h].csr;
    uint64_t wrong = by_host(one[SLOT_vstval] ^ other[SLOT_vstval]);

    for (unsigned i = 0; i < SLOT_COUNT; i++)
        wrong |= (one[i] ^ other[i]) & ~csr_may_differ[i];
    if (wrong == 0 || w->ni->unsure)
        return;
    for (unsigned i = 0; i < SLOT_COUNT && !w->finding.found; i++)
        if (((one[i] ^ other[i]) & ~csr_may_differ[i]) != 0 || (i == SLOT_vstval && by_host(one[i] ^ other[i])))
            report(w, h, "CSR", csr_number[i], one[i], other[i]);
}

static void judge_entry(struct world *w, uint32_t h)
{
    static const struct ni_registers no_secrets;
    const struct machine_hart *one = &w->machine->hart[h];
    const struct machine_hart *other = &w->twin->machine->hart[h];
    const struct hart *hart = &w->machine->monitor->hart[h];
    uint64_t tvm = w->machine->monitor->tvm[hart->tvm_slot % MONITOR_MAX_TVMS].id;
    const struct ni_vcpu *v = ni_guest_known(w, tvm, hart->vcpu_id);
    const struct ni_registers *before = v != NULL ? &v->differs : &no_secrets;

    w->ni->unsure = w->ni->unsure || (v == NULL && w->ni->forgot);
    judge_words(w, h, "x", one->x, other->x, before->x, 32);
    judge_words(w, h, "f", one->f, other->f, before->f, 32);
    judge_words(w, h, "vector word", one->v, other->v, before->v, NI_VECTOR_WORDS);
    judge_words(w, h, "fcsr", &one->fcsr, &other->fcsr, &before->fcsr, 1);
    judge_words(w, h, "vsscratch", &one->csr[SLOT_vsscratch], &other->csr[SLOT_vsscratch], &before->vs[0], 1);
    judge_words(w, h, "vstval", &one->csr[SLOT_vstval], &other->csr[SLOT_vstval], &before->vs[1], 1);
    if (one->vstart != other->vstart || one->vcsr != other->vcsr || one->vl != other->vl || one->vtype != other->vtype)
        report(w, h, "vector CSRs, vstart", 0, one->vstart, other->vstart);
    if ((one->pc != other->pc || one->priv != other->priv) && !w->ni->unsure)
        report(w, h, "pc, in mode", one->priv, one->pc, other->pc);
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

static void judge_answer(struct world *w, uint32_t h, const struct step_result *mine, const struct step_result *twin)
{
    bool answers = mine->kind == EXPECT_RESULT || mine->kind == EXPECT_TRAP;

    if (mine->kind != twin->kind || (answers && (mine->error != twin->error || mine->value != twin->value)))
        oracle_report(
            w, ORACLE_NI, S1_ISOLATION, "ni-guest-way",
            "hart %u: the guest's operation answers %lld, 0x%llx, and %lld, 0x%llx when others keep other secrets", h,
            (long long)mine->error, (unsigned long long)mine->value, (long long)twin->error,
            (unsigned long long)twin->value);
}

static void judge_value(struct world *w, uint32_t h, const struct trace_op *op, uint64_t one, uint64_t other)
{
    unsigned csr = (unsigned)(op->a[0] & 0xfff);
    bool is_csr = op->op == OP_GUEST_CSR_READ;
    bool secret = csr <= CSR_LAST_OF_UNITS || csr == CSR_SSCRATCH || csr == CSR_STVAL;

    if (is_csr && !secret && one != other && !w->ni->unsure)
        report(w, h, "CSR", csr, one, other);
    else if (!is_csr && by_host(one ^ other))
        oracle_report(w, ORACLE_NI, S1_ISOLATION, "ni-guest-memory",
                      "hart %u: the guest's memory holds 0x%llx, and 0x%llx when others keep other values", h,
                      (unsigned long long)one, (unsigned long long)other);
}

/* The guest acted and goes on: what it did not change itself differs as before. */
static void judge_served(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine,
                         const struct step_result *twin)
{
    uint64_t before[32];

    judge_answer(w, h, mine, twin);
    if (mine->kind == EXPECT_VALUE) {
        if (trace_op_is_guest(op->op)) /* and not a device's, which may be let everywhere */
            judge_value(w, h, op, mine->value, twin->value);
        return;
    }
    difference(before, w->ni->x[0], w->ni->x[1], 32);
    judge_words(w, h, "x", w->machine->hart[h].x, w->twin->machine->hart[h].x, before, 32);
}

/* --- memory --------------------------------------------------------------------------------------------------------- */

/* Frames that a TVM was given: they are the same in both worlds, whatever they held before. */
static void judge_frames(struct world *w, uint32_t h, uint64_t address, uint64_t type, uint64_t count)
{
    uint64_t bytes = count * PAGE_SIZE << 9 * (type & 3);
    const uint8_t *one = machine_peek(w->machine, address, bytes);
    const uint8_t *other = machine_peek(w->twin->machine, address, bytes);
    uint64_t at = 0;

    if (one == NULL || other == NULL || memcmp(one, other, bytes) == 0)
        return;
    while (one[at] == other[at])
        at++;
    oracle_report(w, ORACLE_NI, S1_ISOLATION, "ni-guest-memory",
                  "hart %u: a page at 0x%llx of a guest holds the byte 0x%x, and 0x%x when others keep other values", h,
                  (unsigned long long)(address + at), one[at], other[at]);
}

static void judge_gift(struct world *w, uint32_t h, const struct trace_op *op)
{
    if (op->call == CALL_covh_add_tvm_zero_pages)
        judge_frames(w, h, world_resolve(w, op, 1), world_resolve(w, op, 2), world_resolve(w, op, 3));
    if (op->call == CALL_covh_add_tvm_measured_pages)
        judge_frames(w, h, world_resolve(w, op, 2), world_resolve(w, op, 3), world_resolve(w, op, 4));
}

/* --- after a step --------------------------------------------------------------------------------------------------- */

/* A guest that called with secrets as arguments has told others what they did not know. */
static void note_arguments(struct ni_state *n, const struct trace_op *op)
{
    if (n->was_guest && op->op == OP_GUEST_TRAP && op->a[0] == CAUSE_ECALL)
        n->unsure = n->unsure || memcmp(&n->x[0][A0], &n->x[1][A0], (A7 - A0 + 1) * sizeof(n->x[0][0])) != 0;
}

void ni_guest_after(struct world *w, uint32_t h, const struct trace_op *op, const struct step_result *mine,
                    const struct step_result *twin)
{
    bool guest = machine_in_guest(w->machine, h);

    note_arguments(w->ni, op);
    if (w->ni->was_guest && !guest && mine->kind == EXPECT_EXIT)
        note_exit(w, mine);
    else if (w->ni->was_guest && guest)
        judge_served(w, h, op, mine, twin);
    else if (guest && mine->kind == EXPECT_ENTER)
        judge_entry(w, h);
    else if (op->op == OP_HOST_CALL && mine->kind == EXPECT_RESULT && mine->error == SBI_SUCCESS)
        judge_gift(w, h, op);
    for (uint32_t i = 0; i < w->machine->config.harts && !w->finding.found; i++)
        if (machine_in_guest(w->machine, i))
            judge_csrs(w, i);
}
