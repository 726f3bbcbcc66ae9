/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of a guest: host interrupts leave the TVM, faults are judged by region (cove-abi, guest-fault classification),
 * virtual instructions are waiting or are injected, everything else ends the vCPU. Causes are compared whole, 64 bits.
 * A fault that another vCPU or hart has just settled is answered by letting the guest try again, never by a loop here.
 */
#include "monitor/core/gstage.h"
#include "monitor/core/guest_memory.h"
#include "monitor/core/region_change.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"

#define WFI_LENGTH 4u

/* Records of exits stay out of the frame of a function that calls deep: the stack is wiped as deep as that goes (trap.S). */
#define NOT_INLINE __attribute__((noinline))

/* Left pending: the host takes it when it runs again. */
static bool is_host_interrupt(uint64_t cause)
{
    return cause == (CAUSE_INTERRUPT | IRQ_SSI) || cause == (CAUSE_INTERRUPT | IRQ_STI) ||
           cause == (CAUSE_INTERRUPT | IRQ_SEI);
}

struct decision guest_exception(struct hart *h, const struct trap *t)
{
    switch (t->cause) {
    case CAUSE_GUEST_FETCH_PAGE_FAULT:
    case CAUSE_GUEST_LOAD_PAGE_FAULT:
    case CAUSE_GUEST_STORE_PAGE_FAULT: return guest_page_fault(h, t);
    case CAUSE_VIRTUAL_INSTRUCTION: return guest_virtual_instruction(h, t);
    default:
        return decide_exit(is_host_interrupt(t->cause) ? exit_host_interrupt(t->cause & ~CAUSE_INTERRUPT)
                                                       : exit_fatal(t->cause));
    }
}

/* The access fault that a guest takes for an address that it cannot have in this way. */
static struct decision inject_access_fault(struct hart *h, const struct trap *t)
{
    switch (t->cause) {
    case CAUSE_GUEST_FETCH_PAGE_FAULT: vcpu_inject_exception(h, CAUSE_FETCH_ACCESS, t->tval); break;
    case CAUSE_GUEST_LOAD_PAGE_FAULT: vcpu_inject_exception(h, CAUSE_LOAD_ACCESS, t->tval); break;
    default: vcpu_inject_exception(h, CAUSE_STORE_ACCESS, t->tval); break;
    }
    return decide_resume();
}

/*
 * Was it the walk of the guest's own page tables that faulted? (priv. spec, pseudoinstructions in mtinst) Hardware that
 * leaves mtinst 0 does not say: then a guest that keeps tables in shared memory or in a device harms only itself.
 */
static bool is_table_walk(const struct trap *t)
{
    return t->tinst != 0 && (t->tinst & 1) == 0;
}

/* Whose memory an address is, and whether it is mapped. */
struct place {
    bool declared;
    uint32_t type; /* enum region_type, when declared */
    enum leaf_kind leaf;
};

static struct place place_of(struct hart *h, struct gpa page)
{
    struct place p = {0};
    struct tvm *tvm = tvm_lock_current(h);
    const struct region *r =
        tvm_gpa_range_valid(tvm, page, PAGE_SIZE) ? tvm_region_containing(tvm, page, PAGE_SIZE) : NULL;
    if (r != NULL) {
        p.declared = true;
        p.type = r->type;
        p.leaf = gstage_lookup(h->monitor, tvm, page).kind;
    }
    tvm_unlock(h, tvm);
    return p;
}

/* Another hart mapped it meanwhile, or is about to take it away: forget what is known of it and try again. */
static struct decision try_again(struct hart *h)
{
    hal_fence_all(h);
    return decide_resume();
}

NOT_INLINE static struct decision confidential_fault(struct hart *h, const struct trap *t, struct gpa page,
                                                     enum leaf_kind leaf)
{
    if (leaf == LEAF_DATA || leaf == LEAF_DATA_LEAVING)
        return try_again(h);
    if (leaf == LEAF_NONE && reserve_fault_in(h, page))
        return try_again(h);
    return decide_exit(exit_page_fault(t->cause, page));
}

/* Neither code nor page tables may lie in memory that the host can write. */
NOT_INLINE static struct decision shared_fault(struct hart *h, const struct trap *t, struct gpa page,
                                               enum leaf_kind leaf)
{
    if (t->cause == CAUSE_GUEST_FETCH_PAGE_FAULT || is_table_walk(t))
        return inject_access_fault(h, t);
    return leaf == LEAF_SHARED ? try_again(h) : decide_exit(exit_page_fault(t->cause, page));
}

struct decision guest_page_fault(struct hart *h, const struct trap *t)
{
    /* mtval2 is shifted right by two; the lowest bits are those of the virtual address, unless a table entry faulted. */
    struct gpa gpa = {t->tval2 << 2 | (t->tval & 3)};
    struct gpa page = {gpa.value & ~(uint64_t)PAGE_MASK};
    struct place p = place_of(h, page);
    if (!p.declared)
        return inject_access_fault(h, t);
    switch (p.type) {
    case REGION_CONFIDENTIAL:
    case REGION_CONFIDENTIAL_REMOVABLE: return confidential_fault(h, t, page, p.leaf);
    case REGION_SHARED:
    case REGION_SHARED_REMOVABLE: return shared_fault(h, t, page, p.leaf);
    default: break;
    }
    if (t->cause == CAUSE_GUEST_FETCH_PAGE_FAULT || is_table_walk(t))
        return inject_access_fault(h, t);
    return guest_mmio(h, t, gpa);
}

struct decision guest_virtual_instruction(struct hart *h, const struct trap *t)
{
    uint32_t fetched;
    uint64_t insn = t->tval;
    if (insn == 0) {
        if (!guest_fetch(h, &fetched))
            return decide_resume();
        insn = fetched;
    }
    if (insn == INSN_WFI) {
        h->frame->pc += WFI_LENGTH;
        return vcpu_fall_asleep(h) ? decide_exit(exit_wfi()) : decide_resume();
    }
    vcpu_inject_exception(h, CAUSE_ILLEGAL_INSTRUCTION, insn);
    return decide_resume();
}
