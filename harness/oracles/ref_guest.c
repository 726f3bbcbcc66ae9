/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REF: what a guest's calls and traps do, from the ABI. A guest is answered at once, goes on with something delivered
 * to it, or leaves with an exit of the closed table. Where the outcome depends on an instruction in guest memory, the
 * model says "either" and follows what it sees (ref.c checks the exit's fields all the same).
 */
#include "harness/oracles/oracle.h"
#include "harness/oracles/ref.h"

#define A0 10u
#define CAUSE_VS_ECALL 10u
#define CAUSE_FETCH_FAULT 20u
#define CAUSE_LOAD_FAULT 21u
#define CAUSE_VIRTUAL 22u
#define CAUSE_STORE_FAULT 23u
#define INTERRUPT (UINT64_C(1) << 63)
#define WAIT_FOR_INTERRUPT 0x10500073u
#define CSR_VSIE 0x204u
#define CSR_VSIP 0x244u
#define VSIP_SOFTWARE 2u

#define SUSPEND_LAST_RESERVED 0x0fffffffu
#define SUSPEND_KIND 0x7fffffffu /* bit 31: whether registers are kept */

/* Inside of a handler: does rule `name` hold, of which the model says `condition`? */
#define HOLDS(name, condition) ref_holds(c->r, RULE_##name, (condition))

struct guest {
    struct world *w;
    struct ref *r;
    struct ref_hart *hart;
    struct ref_tvm *t;
    struct ref_vcpu *v;
    const uint64_t *x;
    const uint64_t *a;
};

static const struct ref_answer resume = {.kind = ANSWER_RESUME};
static const struct ref_answer unknown = {.kind = ANSWER_UNKNOWN};

void ref_guest_left(struct ref *r, uint32_t hart, uint32_t state)
{
    struct ref_hart *h = &r->hart[hart];
    struct ref_tvm *t = &r->tvm[h->tvm];
    struct ref_vcpu *v = &t->vcpu[h->vcpu];

    v->state = state;
    t->running--;
    if (v->entered == t->fence)
        t->running_now--;
    else
        t->running_before--;
    h->tvm = REF_TVMS;
}

/* The call leaves, and the host sees the first `shown` arguments. */
static struct ref_answer exit_call(const struct guest *c, unsigned shown, uint64_t value, uint32_t state)
{
    struct ref_answer answer = {.kind = ANSWER_EXIT, .scause = CAUSE_VS_ECALL, .value = value};

    for (unsigned i = 0; i < shown; i++)
        answer.a[i] = c->a[i];
    answer.a[6] = c->a[6] & 0xffffu; /* the function, without a domain */
    answer.a[7] = c->a[7];
    ref_guest_left(c->r, (uint32_t)(c->hart - c->r->hart), state);
    return answer;
}

/* --- standard extensions ---------------------------------------------------------------------------------------- */

static struct ref_answer probe(const struct guest *c)
{
    static const uint32_t offered[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,  SBI_EID_RFENCE,
                                       SBI_EID_HSM,  SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_COVG};

    for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++)
        if (c->a[0] == offered[i])
            return answer_value(1);
    return answer_value(0);
}

/* Does the mask name a vCPU that does not exist? */
static bool mask_valid(const struct guest *c)
{
    if (c->a[1] == UINT64_MAX)
        return true;
    for (uint64_t bit = 0; bit < 64; bit++) {
        if ((c->a[0] >> bit & 1u) == 0)
            continue;
        if (c->a[1] >= REF_VCPUS || c->a[1] + bit >= REF_VCPUS || c->t->vcpu[c->a[1] + bit].state == REF_VCPU_ABSENT)
            return false;
    }
    return true;
}

static bool mask_names(const struct guest *c, uint32_t vcpu)
{
    if (c->a[1] == UINT64_MAX)
        return true;
    return vcpu >= c->a[1] && vcpu - c->a[1] < 64 && (c->a[0] >> (vcpu - c->a[1]) & 1u) != 0;
}

/* A target that is on no hart can only come to life with the host's help: the host may be told. */
static struct ref_answer send_ipi(const struct guest *c)
{
    struct ref_answer answer = answer_value(0);

    if (!HOLDS(guest_mask, mask_valid(c)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    for (uint32_t i = 0; i < REF_VCPUS; i++) {
        uint32_t state = c->t->vcpu[i].state;
        if (mask_names(c, i) && state != REF_VCPU_ABSENT && state != REF_VCPU_RUNNING)
            answer.or_exit = true;
    }
    return answer;
}

/* A vCPU starts with translation off: where, is a guest-physical address in memory that is the guest's own. */
static bool entry_valid(const struct guest *c, uint64_t pc)
{
    int region = ref_region_at(c->t, pc);

    return pc % 2 == 0 && (region == REF_CONFIDENTIAL || region == REF_CONFIDENTIAL_REMOVABLE);
}

static struct ref_answer hart_start(const struct guest *c)
{
    struct ref_vcpu *target = &c->t->vcpu[c->a[0] % REF_VCPUS];

    if (!HOLDS(guest_start_id,
               c->a[0] < REF_VCPUS && target->state != REF_VCPU_ABSENT && target->state != REF_VCPU_DEAD))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(guest_start_stopped, target->state == REF_VCPU_STOPPED))
        return answer_error(SBI_ERR_ALREADY_AVAILABLE);
    if (c->t->followed) /* its regions are not the model's */
        return unknown;
    if (!HOLDS(guest_start_address, entry_valid(c, c->a[1])))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    ref_vcpu_becomes(c->t, (uint32_t)c->a[0] % REF_VCPUS, REF_VCPU_RUNNABLE);
    return exit_call(c, 1, 0, REF_VCPU_RUNNABLE);
}

static struct ref_answer hart_status(const struct guest *c)
{
    const struct ref_vcpu *target = &c->t->vcpu[c->a[0] % REF_VCPUS];

    if (!HOLDS(guest_status_id, c->a[0] < REF_VCPUS && target->state != REF_VCPU_ABSENT))
        return answer_error(SBI_ERR_INVALID_PARAM);
    switch ((enum ref_vcpu_state)target->state) {
    case REF_VCPU_ABSENT: break;
    case REF_VCPU_STOPPED:
    case REF_VCPU_DEAD: return answer_value(SBI_HSM_STOPPED);
    case REF_VCPU_SUSPENDED: return answer_value(SBI_HSM_SUSPENDED);
    case REF_VCPU_RUNNABLE:
    case REF_VCPU_RUNNING:
    case REF_VCPU_BLOCKED: break;
    }
    return answer_value(SBI_HSM_STARTED);
}

/* Its software interrupt is pending and enabled: there is nothing to wait for, and nobody else who knows. */
static bool awake(const struct guest *c)
{
    uint32_t hart = (uint32_t)(c->hart - c->r->hart);

    return (machine_csr_read(c->w->machine, hart, CSR_VSIP) & machine_csr_read(c->w->machine, hart, CSR_VSIE) &
            VSIP_SOFTWARE) != 0;
}

static struct ref_answer hart_suspend(const struct guest *c)
{
    uint32_t type = (uint32_t)c->a[0];

    uint32_t kind = type & SUSPEND_KIND;

    if (!HOLDS(guest_suspend_type, kind == 0))
        return answer_error(kind <= SUSPEND_LAST_RESERVED ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED);
    if (type != 0 && c->t->followed)
        return unknown;
    if (type != 0 && !HOLDS(guest_suspend_address, entry_valid(c, c->a[1])))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (awake(c))
        return type == 0 ? answer_value(0) : answer_error(SBI_ERR_FAILED);
    return exit_call(c, 0, 0, REF_VCPU_SUSPENDED);
}

static struct ref_answer system_reset(const struct guest *c)
{
    uint32_t type = (uint32_t)c->a[0];
    uint32_t reason = (uint32_t)c->a[1];

    if (type >= 0xf0000000u)
        return answer_error(SBI_ERR_NOT_SUPPORTED);
    if (!HOLDS(guest_reset_type, type <= 2) || !HOLDS(guest_reset_reason, reason <= 1 || reason >= 0xe0000000u))
        return answer_error(SBI_ERR_INVALID_PARAM);
    c->t->state = REF_DEAD;
    struct ref_answer answer = exit_call(c, 2, 1, REF_VCPU_DEAD);
    answer.a[0] = type;
    answer.a[1] = reason;
    return answer;
}

static struct ref_answer console(const struct guest *c)
{
    uint32_t shared = 1u << REF_SHARED;

    if (c->a[0] == 0)
        return answer_value(0);
    if (!HOLDS(guest_console_buffer, c->a[2] == 0 && ref_gpa_range(c->t, c->a[1], c->a[0], 1) &&
                                         ref_region_covers(c->t, c->a[1], c->a[0], shared, false)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    c->v->wait = WAIT_ECALL;
    return exit_call(c, 3, 0, REF_VCPU_BLOCKED);
}

static struct ref_answer console_byte(const struct guest *c)
{
    struct ref_answer answer;

    c->v->wait = WAIT_ECALL;
    answer = exit_call(c, 1, 0, REF_VCPU_BLOCKED);
    answer.a[0] &= 0xff;
    return answer;
}

/* --- COVG ------------------------------------------------------------------------------------------------------- */

/* What all calls on a range of guest addresses refuse; 0 when they do not. */
static int64_t range_error(const struct guest *c)
{
    if (!HOLDS(guest_range_len, c->a[1] != 0 && c->a[1] % REF_PAGE == 0))
        return SBI_ERR_INVALID_PARAM;
    return HOLDS(guest_range, ref_gpa_range(c->t, c->a[0], c->a[1], REF_PAGE)) ? 0 : SBI_ERR_INVALID_ADDRESS;
}

static struct ref_answer add_mmio(const struct guest *c)
{
    int64_t error = range_error(c);

    if (error != 0)
        return answer_error(error);
    if (!HOLDS(mmio_disjoint, !ref_region_overlaps(c->t, c->a[0], c->a[1])))
        return answer_error(SBI_ERR_INVALID_ADDRESS);
    if (!HOLDS(mmio_room, ref_region_put(c->t, c->a[0], c->a[1], REF_MMIO)))
        return answer_error(SBI_ERR_FAILED);
    return exit_call(c, 2, 0, REF_VCPU_RUNNABLE);
}

static struct ref_answer remove_mmio(const struct guest *c)
{
    int64_t error = range_error(c);

    if (error != 0)
        return answer_error(error);
    ref_region_drop_overlapping(c->t, c->a[0], c->a[1], REF_MMIO);
    return exit_call(c, 2, 0, REF_VCPU_RUNNABLE);
}

/* 2 MiB leaves that the range cuts are split: a table each. */
static uint64_t splits(const struct ref_tvm *t, uint64_t gfn, uint64_t count)
{
    uint64_t needed = 0;
    const struct ref_run *first = ref_run_at(t, gfn);
    const struct ref_run *last = ref_run_at(t, gfn + count);

    if (first != NULL && first->large && gfn % REF_LARGE != 0)
        needed++;
    if (last != NULL && last->large && (gfn + count) % REF_LARGE != 0 &&
        (needed == 0 || (gfn + count) / REF_LARGE != gfn / REF_LARGE))
        needed++;
    return needed;
}

/* The 2 MiB leaf around `gfn` becomes 512 small ones. */
static void split(struct ref_tvm *t, uint64_t gfn)
{
    const struct ref_run *run = ref_run_at(t, gfn);

    if (run == NULL || !run->large || gfn % REF_LARGE == 0)
        return;
    uint64_t start = gfn - gfn % REF_LARGE;
    t->pool -= ref_tables(t, start, REF_LARGE, false, true);
    ref_run_cut(t, start, REF_LARGE);
    for (size_t i = 0; i < t->runs; i++)
        if (t->run[i].gfn == start)
            t->run[i].large = false;
}

static struct ref_answer change_region(const struct guest *c, bool share)
{
    int64_t error = range_error(c);
    uint32_t from = share ? REF_CONFIDENTIAL : REF_SHARED;
    uint64_t gfn = c->a[0] / REF_PAGE;
    uint64_t count = c->a[1] / REF_PAGE;

    if (error != 0)
        return answer_error(error);
    if (!HOLDS(share_type, ref_region_covers(c->t, c->a[0], c->a[1], 1u << from, false)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    if (!HOLDS(share_tables, splits(c->t, gfn, count) <= c->t->pool))
        return answer_error(SBI_ERR_FAILED);
    if (!HOLDS(share_room,
               ref_region_put(c->t, c->a[0], c->a[1], share ? REF_CONFIDENTIAL_REMOVABLE : REF_SHARED_REMOVABLE)))
        return answer_error(SBI_ERR_FAILED);
    split(c->t, gfn);
    split(c->t, gfn + count);
    c->v->wait = share ? WAIT_SHARE : WAIT_UNSHARE;
    c->v->gpa = c->a[0];
    c->v->len = c->a[1];
    return exit_call(c, 2, 0, REF_VCPU_BLOCKED);
}

/* Ids are bits of hvip: what a host may raise at all is VSEI and the local interrupts from 13. */
static struct ref_answer interrupt(const struct guest *c)
{
    uint64_t id = c->a[0];

    if (!HOLDS(interrupt_id, id == UINT64_MAX || id == 10 || (id >= 13 && id <= 63)))
        return answer_error(SBI_ERR_INVALID_PARAM);
    return exit_call(c, 1, 0, REF_VCPU_RUNNABLE);
}

/* --- routing ---------------------------------------------------------------------------------------------------- */

static struct guest current(struct world *w, uint32_t hart, const uint64_t *x)
{
    struct ref *r = ref_of(w);
    struct guest c = {.w = w, .r = r, .hart = &r->hart[hart], .x = x, .a = x == NULL ? NULL : &x[A0]};

    c.t = &r->tvm[c.hart->tvm];
    c.v = &c.t->vcpu[c.hart->vcpu];
    return c;
}

struct ref_answer ref_guest_call(struct world *w, uint32_t hart, const uint64_t *x)
{
    struct guest call = current(w, hart, x);
    const struct guest *c = &call;
    uint16_t id = ref_call_name(true, x);
    bool memory = id >= CALL_covg_add_mmio_region && id <= CALL_covg_unshare_memory_region;

    if (c->t->followed && (memory || id == CALL_guest_dbcn_console_write || id == CALL_guest_dbcn_console_read))
        return unknown;
    switch (id) {
    case CALL_none: return answer_error(SBI_ERR_NOT_SUPPORTED);
    case CALL_guest_base_get_spec_version: return answer_value(UINT64_C(2) << 24);
    case CALL_guest_base_get_impl_id: return answer_value(SBI_IMPL_ID);
    case CALL_guest_base_get_impl_version: return answer_value(SBI_IMPL_VERSION);
    case CALL_guest_base_probe_extension: return probe(c);
    case CALL_guest_base_get_mvendorid:
    case CALL_guest_base_get_marchid:
    case CALL_guest_base_get_mimpid:
    case CALL_guest_time_set_timer:
    case CALL_guest_rfence_hfence_gvma_vmid:
    case CALL_guest_rfence_hfence_gvma:
    case CALL_guest_rfence_hfence_vvma_asid:
    case CALL_guest_rfence_hfence_vvma: return answer_value(0);
    case CALL_guest_ipi_send: return send_ipi(c);
    case CALL_guest_rfence_fence_i:
    case CALL_guest_rfence_sfence_vma:
    case CALL_guest_rfence_sfence_vma_asid:
        return HOLDS(guest_mask, mask_valid(c)) ? answer_value(0) : answer_error(SBI_ERR_INVALID_PARAM);
    case CALL_guest_hsm_hart_start: return hart_start(c);
    case CALL_guest_hsm_hart_stop: return exit_call(c, 0, 1, REF_VCPU_STOPPED);
    case CALL_guest_hsm_hart_get_status: return hart_status(c);
    case CALL_guest_hsm_hart_suspend: return hart_suspend(c);
    case CALL_guest_srst_system_reset: return system_reset(c);
    case CALL_guest_dbcn_console_write:
    case CALL_guest_dbcn_console_read: return console(c);
    case CALL_guest_dbcn_console_write_byte: return console_byte(c);
    case CALL_covg_add_mmio_region: return add_mmio(c);
    case CALL_covg_remove_mmio_region: return remove_mmio(c);
    case CALL_covg_share_memory_region: return change_region(c, true);
    case CALL_covg_unshare_memory_region: return change_region(c, false);
    case CALL_covg_allow_external_interrupt:
    case CALL_covg_deny_external_interrupt: return interrupt(c);
    default: return unknown;
    }
}

static struct ref_answer exit_trap(const struct guest *c, struct ref_answer answer, uint32_t state)
{
    answer.kind = ANSWER_EXIT;
    ref_guest_left(c->r, (uint32_t)(c->hart - c->r->hart), state);
    return answer;
}

/* A guest-page fault, by what the guest said the address is. */
static struct ref_answer fault(const struct guest *c, const struct ref_trap *trap)
{
    uint64_t page = trap->tval2 << 2 & ~(REF_PAGE - 1);
    const struct ref_run *run = ref_run_at(c->t, page / REF_PAGE);
    /* Standard hardware has four values here that are no instruction; whatever else is none is taken for one of them. */
    bool implicit = trap->tinst != 0 && (trap->tinst & 1) == 0;
    bool mapped = run != NULL && !run->blocked;
    /* tval2 loses the top two bits of nothing: an address beyond the width belongs to no region. */
    int region = trap->tval2 >> 54 != 0 ? -1 : ref_region_at(c->t, page);

    switch (region) {
    case REF_CONFIDENTIAL:
    case REF_CONFIDENTIAL_REMOVABLE:
        if (c->t->followed)
            return unknown;
        break;
    case REF_SHARED:
    case REF_SHARED_REMOVABLE:
        if (c->t->followed)
            return unknown;
        if (trap->cause == CAUSE_FETCH_FAULT || implicit)
            return resume;
        break;
    case REF_MMIO: return trap->cause == CAUSE_FETCH_FAULT || implicit ? resume : unknown;
    default: return c->t->followed ? unknown : resume;
    }
    if (mapped)
        return resume;
    return exit_trap(c, (struct ref_answer){.scause = trap->cause, .htval = page >> 2}, REF_VCPU_RUNNABLE);
}

struct ref_answer ref_guest_trap(struct world *w, uint32_t hart, const struct ref_trap *trap)
{
    struct guest guest = current(w, hart, NULL);
    const struct guest *c = &guest;

    switch (trap->cause) {
    case INTERRUPT | 1:
    case INTERRUPT | 5:
    case INTERRUPT | 9: return exit_trap(c, (struct ref_answer){.scause = trap->cause}, REF_VCPU_RUNNABLE);
    case CAUSE_FETCH_FAULT:
    case CAUSE_LOAD_FAULT:
    case CAUSE_STORE_FAULT: return fault(c, trap);
    case CAUSE_VIRTUAL:
        if (trap->tval == 0)
            return unknown;
        if (trap->tval != WAIT_FOR_INTERRUPT || awake(c))
            return resume;
        return exit_trap(
            c, (struct ref_answer){.scause = CAUSE_VIRTUAL, .stval = WAIT_FOR_INTERRUPT, .htinst = WAIT_FOR_INTERRUPT},
            REF_VCPU_RUNNABLE);
    default: return exit_trap(c, (struct ref_answer){.scause = trap->cause, .value = 1}, REF_VCPU_DEAD);
    }
}
