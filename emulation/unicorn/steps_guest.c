/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that the monitor serves, and nobody else notices; see steps.h. */
#include "emulation/unicorn/steps.h"

#include <string.h>

#include "emulation/unicorn/worlds.h"
#include "monitor/abi/sbi.h"

#define INSN_WFI 0x10500073u
#define UNKNOWN_EID UINT64_C(0x0bad0000)
#define COVG_ADD_MMIO_REGION 0u
#define COVG_SHARE_MEMORY_REGION 2u
#define COVG_UNSHARE_MEMORY_REGION 3u

const enum edge guest_edges[] = {EDGE_GUEST_BASE,   EDGE_GUEST_UNKNOWN,  EDGE_GUEST_VIRTUAL,
                                 EDGE_GUEST_ACCESS, EDGE_GUEST_SPURIOUS, EDGE_GUEST_WFI,
                                 EDGE_GUEST_IPI,    EDGE_GUEST_REFUSED,  EDGE_GUEST_MSI};
const unsigned guest_edge_count = COUNT(guest_edges);

void guest_randomise(struct replayer *r, struct prng *shown, struct prng *secret)
{
    world_random_guest(&r->hart, shown, secret);
    world_random_page(&r->hart, r->scene.guest_page, secret);
    memcpy(r->guest_page, hart_peek(&r->hart, r->scene.guest_page, PAGE_SIZE), PAGE_SIZE);
}

/* What the hardware does when a guest takes an exception itself: that is what an injected one has to look like. */
static void deliver_to_guest(struct view *v, uint64_t cause, uint64_t tval)
{
    uint64_t status = v->csr.value[SLOT_vsstatus];
    uint64_t stacked = (v->csr.mode == MODE_S ? STATUS_SPP : 0) | ((status & STATUS_SIE) != 0 ? STATUS_SPIE : 0);
    v->csr.value[SLOT_vsstatus] = (status & ~(STATUS_SPP | STATUS_SPIE | STATUS_SIE)) | stacked;
    v->csr.value[SLOT_vsepc] = v->regs.pc;
    v->csr.value[SLOT_vscause] = cause;
    v->csr.value[SLOT_vstval] = tval;
    v->regs.pc = v->csr.value[SLOT_vstvec] & ~UINT64_C(3);
    v->csr.mode = MODE_S;
}

/* An address that no region of the TVM contains; sometimes none that its tables could translate. */
static uint64_t undeclared_page(struct prng *rng)
{
    uint64_t region_end = SCENE_GPA + (uint64_t)SCENE_REGION_PAGES * PAGE_SIZE;
    switch (prng_below(rng, 3)) {
    case 0: return region_end;
    case 1: return SCENE_GPA - PAGE_SIZE;
    default: return region_end + (prng_next(rng) >> 6 & ~UINT64_C(0xfff));
    }
}

/* A system instruction that a guest may meet a virtual-instruction exception with, but wfi. */
static uint64_t virtual_instruction(struct prng *rng)
{
    static const uint32_t insns[] = {0x60002573 /* csrr a0, hstatus */, 0x22000073 /* hfence.vvma */,
                                     0xc0002573 /* rdcycle a0 */, 0x10200073 /* sret */};
    return insns[prng_below(rng, COUNT(insns))];
}

/* guest -> guest: the monitor serves the guest and nobody else notices. */
bool step_guest(struct replayer *r, enum edge edge, struct prng *shown, struct prng *secret)
{
    static const uint64_t fault_cause[] = {20, 21, 23}, access_cause[] = {1, 5, 7};
    struct emulated_hart *h = &r->hart;
    bool call =
        edge == EDGE_GUEST_BASE || edge == EDGE_GUEST_UNKNOWN || edge == EDGE_GUEST_IPI || edge == EDGE_GUEST_REFUSED;
    int64_t error = SBI_SUCCESS;
    if (call)
        h->csr.mode = MODE_S; /* a user process calls its own kernel */
    unsigned kind = (unsigned)prng_below(shown, 3);
    struct csr_trap trap = {.cause = 10};
    struct view expected;
    switch (edge) {
    case EDGE_GUEST_BASE:
        h->regs.x[A6] = 0;
        h->regs.x[A7] = SBI_EID_BASE;
        break;
    case EDGE_GUEST_UNKNOWN:
        h->regs.x[A7] = kind == 0 ? SBI_EID_COVH : UNKNOWN_EID | (prng_next(secret) & 0xffff);
        error = SBI_ERR_NOT_SUPPORTED;
        break;
    case EDGE_GUEST_IPI:
        h->regs.x[A0] = 1;
        h->regs.x[A1] = 0;
        h->regs.x[A6] = 0;
        h->regs.x[A7] = SBI_EID_IPI;
        break;
    case EDGE_GUEST_REFUSED: /* not a whole page */
        h->regs.x[A0] = SCENE_GPA;
        h->regs.x[A1] = PAGE_SIZE + 1 + (prng_next(secret) & 0x7ff);
        h->regs.x[A6] = kind == 0   ? COVG_SHARE_MEMORY_REGION
                        : kind == 1 ? COVG_UNSHARE_MEMORY_REGION
                                    : COVG_ADD_MMIO_REGION;
        h->regs.x[A7] = SBI_EID_COVG;
        error = SBI_ERR_INVALID_PARAM;
        break;
    case EDGE_GUEST_VIRTUAL: trap = (struct csr_trap){.cause = 22, .tval = virtual_instruction(secret)}; break;
    case EDGE_GUEST_ACCESS: trap = page_fault(fault_cause[kind], undeclared_page(secret), secret); break;
    case EDGE_GUEST_SPURIOUS:
        trap = page_fault(fault_cause[kind], page_of_region(secret, 0, SCENE_PRESENT_PAGES), secret);
        break;
    case EDGE_GUEST_WFI: /* its software interrupt is pending and enabled: there is nothing to wait for */
        trap = (struct csr_trap){.cause = 22, .tval = INSN_WFI};
        h->csr.value[SLOT_hvip] |= HVIP_VSSIP;
        h->csr.value[SLOT_mie] |= HVIP_VSSIP;
        break;
    default: trap.cause = IRQ(3); break;
    }
    expected = view_of(h);
    if (edge == EDGE_GUEST_WFI)
        expected.regs.pc += 4;
    if (call) {
        expected.regs.x[A0] = (uint64_t)error;
        expected.regs.x[A1] = edge == EDGE_GUEST_BASE ? SBI_SPEC_VERSION : 0;
        expected.regs.pc += 4;
    }
    if (edge == EDGE_GUEST_IPI) /* raised before its next instruction */
        expected.csr.value[SLOT_hvip] |= HVIP_VSSIP;
    if (edge == EDGE_GUEST_VIRTUAL)
        deliver_to_guest(&expected, 2, trap.tval);
    if (edge == EDGE_GUEST_ACCESS)
        deliver_to_guest(&expected, access_cause[kind], trap.tval);
    struct csr_file live = h->csr;
    if (!play(r, edge, &trap))
        return false;
    check_world(&r->checker, edge, true, false, &expected, &live);
    check_stores(&r->checker, edge, edge == EDGE_GUEST_MSI ? &msip_cleared : &no_stores);
    check_guest_memory(r, edge);
    r->in_guest = h->csr.virt;
    return r->in_guest;
}
