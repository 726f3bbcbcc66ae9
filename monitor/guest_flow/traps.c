/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of a guest: host interrupts leave the TVM, faults are judged by region, virtual instructions are waiting or
 * are injected, everything else ends the vCPU. Causes are compared whole, 64 bits.
 */
#include "monitor/core/gstage.h"
#include "monitor/core/riscv_bits.h"
#include "monitor/core/vcpu.h"
#include "monitor/crossing/exit_record.h"
#include "monitor/guest_flow/handlers.h"
#include "monitor/hal/hal.h"

#define WFI_LENGTH 4u

struct decision guest_exception(struct hart *h, const struct trap *t)
{
    switch (t->cause) {
    case CAUSE_INTERRUPT | IRQ_SSI:
    case CAUSE_INTERRUPT | IRQ_STI:
    case CAUSE_INTERRUPT | IRQ_SEI:
        /* Left pending: the host takes it when it runs again. */
        return decide_exit(exit_host_interrupt(t->cause & ~CAUSE_INTERRUPT));
    case CAUSE_GUEST_FETCH_PAGE_FAULT:
    case CAUSE_GUEST_LOAD_PAGE_FAULT:
    case CAUSE_GUEST_STORE_PAGE_FAULT: return guest_page_fault(h, t);
    case CAUSE_VIRTUAL_INSTRUCTION: return guest_virtual_instruction(h, t);
    default: return decide_exit(exit_fatal(t->cause));
    }
}

/* The access fault that a guest takes for an address that nobody backs. */
static uint64_t access_fault_for(uint64_t guest_page_fault_cause)
{
    switch (guest_page_fault_cause) {
    case CAUSE_GUEST_FETCH_PAGE_FAULT: return CAUSE_FETCH_ACCESS;
    case CAUSE_GUEST_LOAD_PAGE_FAULT: return CAUSE_LOAD_ACCESS;
    default: return CAUSE_STORE_ACCESS;
    }
}

struct decision guest_page_fault(struct hart *h, const struct trap *t)
{
    /* mtval2 holds the address shifted right by two; only the page number is judged and shown. */
    struct gpa page = {(t->tval2 << 2) & ~(uint64_t)PAGE_MASK};
    struct tvm *tvm = tvm_lock_current(h);
    bool valid = tvm_gpa_range_valid(tvm, page, PAGE_SIZE);
    bool declared = valid && tvm_region_containing(tvm, page, PAGE_SIZE) != NULL;
    bool mapped = declared && gstage_is_mapped(h->monitor, tvm, page);
    tvm_unlock(h, tvm);

    if (!declared) {
        vcpu_inject_exception(h, access_fault_for(t->cause), t->tval);
        return decide_resume();
    }
    if (mapped) {
        /* Another hart mapped it meanwhile: forget the absence and try again. */
        hal_fence_all(h);
        return decide_resume();
    }
    return decide_exit(exit_page_fault(t->cause, page));
}

struct decision guest_virtual_instruction(struct hart *h, const struct trap *t)
{
    if (t->tval == INSN_WFI) {
        h->frame->pc += WFI_LENGTH;
        return decide_exit(exit_wfi());
    }
    vcpu_inject_exception(h, CAUSE_ILLEGAL_INSTRUCTION, t->tval);
    return decide_resume();
}
