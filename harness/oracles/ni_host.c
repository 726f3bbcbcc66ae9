/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NI, the other way round: what the twin's host has other values in, as far as registers hold it; see ni.h.
 *
 * They differ while the host makes a call that begins or enters a guest, and, when a guest was entered, until the hart is
 * the host's again. General registers and CSRs have to come back then: the difference is taken away, and where it is not
 * there any more the comparison of the hosts sees one. Floating-point and vector registers come back as zeros after a
 * run, and as they were when there was none.
 */
#include "harness/oracles/ni.h"

#include <string.h>

#include "harness/machine/internal.h"
#include "harness/oracles/oracle.h"

#define A0 10u
#define A6 16u
#define ARGUMENTS 6u
#define RESULTS 2u

#define SSTATUS_BITS (STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_SUM | STATUS_MXR)
#define HSTATUS_BITS UINT64_C(0x7003c0) /* GVA, SPV, SPVP, HU, VTVM, VTW, VTSR */
#define ENVCFG_BITS UINT64_C(0xc1)      /* FIOM, CBCFE, CBZE: CBIE has a reserved value */
#define EXCEPTIONS_OF_A_GUEST UINT64_C(0xb1ff)
#define COUNTERS UINT64_C(0xffffffff)
#define ATP_BITS (NI_HOST_SECRET & ((UINT64_C(1) << 60) - 1)) /* not the mode */
#define HGATP_BITS (NI_HOST_SECRET & ((UINT64_C(1) << 58) - 4))
#define FCSR_BITS 0xffu
#define VCSR_BITS 0x7u

/* A timer that is as far off as this stays so, whatever its other bits are. */
#define FAR_OFF (UINT64_C(1) << 63)

/* What the host may write to CSRs at any time; never what the interrupts it gets while a guest runs depend on. */
static const struct {
    enum csr_slot slot;
    uint64_t bits;
} differs[] = {
    {SLOT_mstatus, SSTATUS_BITS},
    {SLOT_mie, IRQ_S_BITS | IRQ_VS_BITS}, /* sie and hie */
    {SLOT_stvec, NI_HOST_SECRET},
    {SLOT_scounteren, COUNTERS},
    {SLOT_senvcfg, ENVCFG_BITS},
    {SLOT_sscratch, NI_HOST_SECRET},
    {SLOT_sepc, NI_HOST_SECRET},
    {SLOT_satp, ATP_BITS},
    {SLOT_hstatus, HSTATUS_BITS},
    {SLOT_hedeleg, EXCEPTIONS_OF_A_GUEST},
    {SLOT_hideleg, IRQ_VS_BITS},
    {SLOT_htimedelta, NI_HOST_SECRET},
    {SLOT_hcounteren, COUNTERS},
    {SLOT_henvcfg, ENVCFG_STCE | ENVCFG_BITS},
    {SLOT_hstateen0, STATEEN_SE0 | STATEEN_ENVCFG},
    {SLOT_hstateen1, STATEEN_SE0},
    {SLOT_hstateen2, STATEEN_SE0},
    {SLOT_hstateen3, STATEEN_SE0},
    {SLOT_htval, NI_HOST_SECRET},
    {SLOT_htinst, NI_HOST_SECRET},
    {SLOT_vsstatus, SSTATUS_BITS},
    {SLOT_vstvec, NI_HOST_SECRET},
    {SLOT_vsscratch, NI_HOST_SECRET},
    {SLOT_vsepc, NI_HOST_SECRET},
    {SLOT_vscause, NI_HOST_SECRET},
    {SLOT_vstval, NI_HOST_SECRET},
    {SLOT_vstimecmp, NI_HOST_SECRET},
    {SLOT_vsatp, ATP_BITS},
};

/* --- which call, and what it takes ---------------------------------------------------------------------------------- */

/* Calls in which something of a TVM begins, or goes on. The others get only other arguments. */
static bool begins(uint16_t call)
{
    return call == CALL_covh_run_tvm_vcpu || call == CALL_covh_create_tvm_vcpu || call == CALL_covh_finalize_tvm ||
           call == CALL_covh_promote_to_tvm || call == CALL_covh_create_tvm;
}

/* Registers that a call does not take. Those of the answer come back with it. */
static uint32_t unused_registers(unsigned arguments)
{
    unsigned used = arguments < RESULTS ? RESULTS : arguments;

    return ~(1u | ((1u << used) - 1) << A0 | 3u << A6);
}

/* Argument registers behind the last one that the call has. */
static const struct trace_op *other_arguments(const struct world *w, const struct trace_op *op, unsigned arguments,
                                              struct trace_op *changed)
{
    *changed = *op;
    for (unsigned i = arguments; i < ARGUMENTS; i++) {
        changed->kind[i] = ARG_RAW;
        changed->a[i] = world_resolve(w->twin, op, i) ^ NI_HOST_SECRET;
    }
    return changed;
}

/* --- putting the difference there, and taking it back ------------------------------------------------------------- */

static void flip(struct machine_hart *hart, const struct ni_planted *p)
{
    for (unsigned i = 1; i < 32; i++)
        if ((p->x >> i & 1) != 0)
            hart->x[i] ^= NI_HOST_SECRET;
    if (!p->state)
        return;
    for (unsigned i = 0; i < sizeof(differs) / sizeof(differs[0]); i++)
        hart->csr[differs[i].slot] ^= differs[i].bits;
    hart->csr[SLOT_stimecmp] ^= p->stimecmp;
    hart->csr[SLOT_hvip] ^= p->hvip;
    hart->csr[SLOT_hgatp] ^= p->hgatp;
}

/* Registers that a run leaves at zero for the host: those that are not, were not touched. */
static void flip_units(struct machine_hart *hart, bool back)
{
    uint64_t word[NI_VECTOR_WORDS];

    for (unsigned i = 0; i < 32; i++)
        hart->f[i] ^= !back || hart->f[i] != 0 ? NI_HOST_SECRET : 0;
    memcpy(word, hart->v, sizeof(word));
    for (unsigned i = 0; i < NI_VECTOR_WORDS; i++)
        word[i] ^= !back || word[i] != 0 ? NI_HOST_SECRET : 0;
    memcpy(hart->v, word, sizeof(word));
}

/* Registers that the monitor fills, or leaves at zero, and that are too narrow to tell. */
static void narrow_registers(struct machine_hart *hart, uint64_t *at[NI_NARROW], uint64_t bits[NI_NARROW])
{
    uint64_t *const registers[NI_NARROW] = {&hart->fcsr, &hart->vcsr, &hart->vstart, &hart->csr[SLOT_scause],
                                            &hart->csr[SLOT_stval]};
    static const uint64_t differ[NI_NARROW] = {FCSR_BITS, VCSR_BITS, 8 * MACHINE_VLENB - 1, NI_HOST_SECRET,
                                               NI_HOST_SECRET};

    memcpy(at, registers, sizeof(registers));
    memcpy(bits, differ, sizeof(differ));
}

static void plant_narrow(struct machine_hart *hart, struct ni_planted *p)
{
    uint64_t *at[NI_NARROW];
    uint64_t bits[NI_NARROW];

    narrow_registers(hart, at, bits);
    for (unsigned i = 0; i < NI_NARROW; i++) {
        p->before[i] = *at[i];
        *at[i] = p->after[i] = *at[i] != bits[i] ? *at[i] ^ bits[i] : 1; /* zero would say that it was cleared */
    }
}

static void restore_narrow(struct machine_hart *hart, const struct ni_planted *p)
{
    uint64_t *at[NI_NARROW];
    uint64_t bits[NI_NARROW];

    narrow_registers(hart, at, bits);
    for (unsigned i = 0; i < NI_NARROW; i++)
        if (*at[i] == p->after[i])
            *at[i] = p->before[i];
}

/* Interrupts that the vCPU of a run does not take from the host: all, unless it has said something about that. */
static uint64_t refused_interrupts(const struct world *w, const struct trace_op *op)
{
    const struct ni_vcpu *v = NULL;

    if (op->call == CALL_covh_run_tvm_vcpu)
        v = ni_guest_known(w, world_resolve(w, op, 0), (uint32_t)world_resolve(w, op, 1));
    bool allows = v != NULL ? v->allows : w->ni->forgot;
    return allows ? IRQ_BIT(IRQ_VSSI) | IRQ_BIT(IRQ_VSTI) : IRQ_VS_BITS;
}

const struct trace_op *ni_host_plant(struct world *w, uint32_t h, const struct trace_op *op, struct trace_op *changed)
{
    struct machine *m = w->twin->machine;
    struct machine_hart *hart = &m->hart[h];
    struct ni_planted *p = &w->ni->planted[h];
    const struct abi_call *call = op->op == OP_HOST_CALL ? abi_call_by_id(op->call) : NULL;

    if (call == NULL || call->eid != SBI_EID_COVH || hart->virt || hart->parked || machine_halted(m))
        return op;
    if (hart->priv != PRIV_S)
        return op; /* an ecall of the host's user mode is the host's */
    *p = (struct ni_planted){.set = true, .state = begins(op->call)};
    p->x = unused_registers(call->args);
    if (p->state) {
        p->stimecmp = hart->csr[SLOT_stimecmp] >= FAR_OFF ? NI_HOST_SECRET & (FAR_OFF - 1) : 0;
        p->hvip = refused_interrupts(w, op);
        p->hgatp = op->call != CALL_covh_promote_to_tvm ? HGATP_BITS : 0; /* which takes it from there */
        flip_units(hart, false);
        plant_narrow(hart, p);
    }
    flip(hart, p);
    ni_memory_plant(w, h, op);
    return call->args < ARGUMENTS ? other_arguments(w, op, call->args, changed) : op;
}

void ni_host_take_back(struct world *w)
{
    ni_memory_take_back(w);
    for (uint32_t h = 0; h < w->machine->config.harts; h++) {
        struct ni_planted *p = &w->ni->planted[h];
        struct machine_hart *hart = &w->twin->machine->hart[h];
        if (!p->set || machine_in_guest(w->twin->machine, h))
            continue;
        flip(hart, p);
        if (p->state) {
            flip_units(hart, true);
            restore_narrow(hart, p);
        }
        p->set = false;
    }
}
