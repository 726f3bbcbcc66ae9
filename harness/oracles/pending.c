/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OWN, answers: what a vCPU waits for when it has left its hart, and what it must find when it goes on.
 *
 * An exit is classified here by the trap that caused it, from the guest's own registers and memory and the closed exit
 * table of the ABI, never from what the monitor noted down. When the vCPU is run again, the registers that it left with
 * are brought to where the ABI says they must be, given what the host put into its mailbox; registers.c compares.
 *
 * Accesses to emulated devices are judged here as a whole: what the host is shown is the access that the guest's
 * instruction makes, with the register a0 in place of the real one.
 */
#include "harness/oracles/registers.h"

#include <string.h>

#include "harness/agents/access_insn.h"
#include "monitor/core/tvm.h"

#define A0 10u
#define A1 11u
#define CAUSE_ECALL_GUEST 10u
#define CAUSE_LOAD_FAULT 21u
#define CAUSE_VIRTUAL 22u
#define CAUSE_STORE_FAULT 23u
#define CSR_SCAUSE 0x142u
#define CSR_STVAL 0x143u
#define CSR_HTVAL 0x643u
#define CSR_HTINST 0x64au
#define CSR_VSIE 0x204u
#define CSR_VSTIMECMP 0x24du
#define CSR_HTIMEDELTA 0x605u

#define PTE_V 1u
#define PTE_R 2u
#define PTE_W 4u
#define PTE_X 8u
#define PTE_U 0x10u
#define PTE_A 0x40u
#define PTE_D 0x80u
#define PTE_RESERVED (UINT64_C(0x3ff) << 54)

/* --- what the guest's instruction was ----------------------------------------------------------------------------- */

/*
 * Bytes of guest memory at a guest-physical address, within one page; false where no frame of the TVM is mapped. Shared
 * memory holds neither code nor tables.
 */
static bool guest_bytes(const struct world *w, uint32_t slot, uint64_t gpa, void *out, size_t len)
{
    struct own_leaf leaf;

    if (!own_leaf(w, slot, gpa >> PAGE_SHIFT, &leaf) || !leaf.present)
        return false;
    uint64_t pa = leaf.page << PAGE_SHIFT | (gpa & PAGE_MASK);
    if (!machine_is_window(w->machine, pa, len))
        return false;
    memcpy(out, machine_peek(w->machine, pa, len), len);
    return true;
}

/* Is this an entry that a fetch in this mode can go through: a pointer below the last level, or an executable leaf? */
static bool allows_fetch(uint64_t pte, unsigned level, bool user)
{
    bool leaf = (pte & (PTE_R | PTE_X)) != 0;
    uint64_t low = ((UINT64_C(1) << 9 * level) - 1) << 10;

    if ((pte & PTE_V) == 0 || (pte & PTE_RESERVED) != 0 || (pte & (PTE_R | PTE_W)) == PTE_W)
        return false;
    if (!leaf)
        return level > 0 && (pte & (PTE_U | PTE_A | PTE_D)) == 0;
    return (pte & PTE_X) != 0 && (pte & PTE_A) != 0 && ((pte & PTE_U) != 0) == user && (pte & low) == 0;
}

/* Where the guest's own tables send a fetch. False where a processor would fault. */
static bool guest_translation(const struct world *w, uint32_t slot, const struct entry *e, uint64_t va, uint64_t *gpa)
{
    uint64_t vsatp = e->before.csr[GUEST_VSATP];
    unsigned mode = (unsigned)(vsatp >> 60);
    uint64_t table = (vsatp & ((UINT64_C(1) << 44) - 1)) << PAGE_SHIFT;
    uint64_t pte;

    *gpa = va;
    if (mode == 0)
        return true;
    unsigned unused = 64 - (39 + 9 * (mode - 8)); /* upper bits, which repeat the highest bit below them */
    if ((uint64_t)((int64_t)(va << unused) >> unused) != va)
        return false;
    for (unsigned level = mode - 8 + 2;; level--) {
        if (level > 4 || !guest_bytes(w, slot, table + (va >> (12 + 9 * level) & 511) * 8, &pte, sizeof(pte)) ||
            !allows_fetch(pte, level, e->before.priv == PRIV_U))
            return false;
        table = (pte >> 10 & ((UINT64_C(1) << 44) - 1)) << PAGE_SHIFT;
        if ((pte & (PTE_R | PTE_X)) != 0) {
            uint64_t offset = (UINT64_C(1) << (12 + 9 * level)) - 1;
            *gpa = (table & ~offset) | (va & offset);
            return true;
        }
    }
}

static bool guest_half(const struct world *w, uint32_t slot, const struct entry *e, uint64_t va, uint16_t *half)
{
    uint64_t gpa;

    return guest_translation(w, slot, e, va, &gpa) && guest_bytes(w, slot, gpa, half, sizeof(*half));
}

/* Instruction that the guest was at. False when it cannot be known. */
static bool guest_instruction(const struct world *w, uint32_t slot, const struct entry *e, uint32_t *insn)
{
    uint16_t low, high = 0;

    if (!guest_half(w, slot, e, e->before.pc, &low))
        return false;
    if ((low & 3) == 3 && !guest_half(w, slot, e, e->before.pc + 2, &high))
        return false;
    *insn = (uint32_t)high << 16 | low;
    return true;
}

bool pending_instruction(const struct world *w, uint32_t h, const struct entry *e, uint32_t *insn)
{
    /* Where a trace made the fetch fail there is nothing to go by, for the monitor neither: the guest tries again. */
    return w->failed == NULL && guest_instruction(w, w->oracle_state->running_slot[h] % MONITOR_MAX_TVMS, e, insn);
}

/* The access behind a fault: as mtinst describes it, or as the instruction in memory says. */
static bool faulting_access(const struct world *w, uint32_t slot, const struct entry *e, struct access_insn *d)
{
    uint32_t insn;

    if (e->trap.tinst != 0) {
        bool pseudo = (e->trap.tinst & 1) == 0;
        bool offset = (e->trap.tinst >> 15 & 31) != 0; /* a misaligned access, of which this is a later part */
        bool compressed = (e->trap.tinst & 2) == 0;
        if (pseudo || offset || e->trap.tinst > UINT32_MAX)
            return false;
        *d = access_insn_decode((uint32_t)e->trap.tinst | 2);
        d->len = compressed ? 2 : 4;
        return true;
    }
    if (!guest_instruction(w, slot, e, &insn))
        return false;
    *d = access_insn_decode(insn);
    return true;
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

static void want(struct world *w, uint32_t h, const char *what, uint64_t seen, uint64_t expected)
{
    if (seen != expected)
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "mmio-exit",
                      "hart %u: the host is shown 0x%llx as %s of a device access, which is 0x%llx", h,
                      (unsigned long long)seen, what, (unsigned long long)expected);
}

/* The access with a0 as its register and no address. */
static uint32_t shown_access(const struct access_insn *d)
{
    unsigned size = d->width == 1 ? 0 : d->width == 2 ? 1 : d->width == 4 ? 2 : 3;

    if (d->form == FORM_STORE)
        return 0x23u | size << 12 | A0 << 20;
    return 0x03u | (d->sign || d->width == 8 ? size : size | 4) << 12 | A0 << 7;
}

static void judge_device_exit(struct world *w, uint32_t h, const struct entry *e, const struct access_insn *d)
{
    uint64_t gpa = e->trap.tval2 << 2 | (e->trap.tval & 3);
    uint64_t data = e->before.x[d->reg] & (UINT64_MAX >> (64 - 8 * d->width));

    want(w, h, "scause", machine_csr_read(w->machine, h, CSR_SCAUSE), e->cause);
    want(w, h, "stval", machine_csr_read(w->machine, h, CSR_STVAL), gpa & 3);
    want(w, h, "htval", secret_shown_csr(w, h, CSR_HTVAL), gpa >> 2);
    want(w, h, "htinst", secret_shown_csr(w, h, CSR_HTINST), shown_access(d));
    if (d->form == FORM_STORE)
        want(w, h, "data", e->shown.gpr[0], data);
}

/* --- when a vCPU leaves ------------------------------------------------------------------------------------------- */

static struct pending after_call(const struct entry *e, bool promoted, struct world_image *image)
{
    const uint64_t *a = &e->before.x[A0];
    struct pending p = {0};

    image->pc += 4;
    if (promoted && e->call == CALL_covg_unshare_memory_region) {
        image->x[A0] = image->x[A1] = 0; /* done in place, and the host was only told */
        return p;
    }
    switch ((enum call_id)e->call) {
    case CALL_covg_share_memory_region:
    case CALL_covg_unshare_memory_region:
        p.kind = AWAIT_REGION;
        p.shares = e->call == CALL_covg_share_memory_region;
        p.gpa = a[0];
        p.len = a[1];
        break;
    case CALL_guest_dbcn_console_write:
    case CALL_guest_dbcn_console_read:
        p.kind = AWAIT_CALL;
        p.limit = a[0];
        break;
    case CALL_guest_dbcn_console_write_byte: p.kind = AWAIT_CALL; break;
    case CALL_guest_hsm_hart_stop: p.kind = AWAIT_START; break;
    case CALL_guest_hsm_hart_suspend:
        if ((uint32_t)a[0] == SBI_HSM_SUSPEND_NON_RETENTIVE) {
            p.kind = AWAIT_WAKE_UP;
            p.pc = a[1];
            p.opaque = a[2];
            break;
        }
        image->x[A0] = image->x[A1] = 0;
        break;
    default: image->x[A0] = image->x[A1] = 0; break; /* the host was only told */
    }
    return p;
}

/* What every exit tells the host so that it knows when to run the vCPU again: the guest's timer, and what it listens to. */
static void judge_hints(struct world *w, uint32_t h, uint32_t slot, const struct entry *e)
{
    const struct tvm_history *t = &w->oracle_state->tvm[slot];
    const struct {
        unsigned csr;
        uint64_t value;
        bool known;
    } hint[] = {{CSR_VSIE, e->before.csr[G_VSIE], true},
                {CSR_VSTIMECMP, e->before.csr[G_VSTIMECMP], true},
                {CSR_HTIMEDELTA, t->htimedelta, t->timed}};

    for (unsigned i = 0; i < sizeof(hint) / sizeof(hint[0]); i++) {
        uint64_t seen = secret_shown_csr(w, h, hint[i].csr);
        if (hint[i].known && seen != hint[i].value)
            oracle_report(w, ORACLE_OWN, S4_ABI, "exit-hint",
                          "hart %u: the host is shown 0x%llx as CSR 0x%x of a guest that left, which is 0x%llx", h,
                          (unsigned long long)seen, hint[i].csr, (unsigned long long)hint[i].value);
    }
}

struct pending pending_leave(struct world *w, uint32_t h, const struct entry *e, struct world_image *image)
{
    uint32_t slot = w->oracle_state->running_slot[h] % MONITOR_MAX_TVMS;
    bool data_fault = e->cause == CAUSE_LOAD_FAULT || e->cause == CAUSE_STORE_FAULT;
    struct pending p = {0};
    struct access_insn d;

    judge_hints(w, h, slot, e);
    if (e->cause == CAUSE_ECALL_GUEST)
        return after_call(e, w->oracle_state->tvm[slot].facts.promoted != 0, image);
    if (e->cause == CAUSE_VIRTUAL)
        image->pc += 4; /* only waiting for an interrupt leaves, and it is over */
    if (!data_fault || secret_shown_csr(w, h, CSR_HTINST) == 0)
        return p;

    bool known =
        faulting_access(w, slot, e, &d) && d.plain && (d.form == FORM_STORE) == (e->cause == CAUSE_STORE_FAULT);
    if (!known || !own_in_region(w, slot, e->trap.tval2 >> 10, 1, 1u << REGION_MMIO)) {
        oracle_report(w, ORACLE_OWN, S1_ISOLATION, "mmio-exit",
                      "hart %u: the host is shown a device access that the guest did not make", h);
        return p;
    }
    judge_device_exit(w, h, e, &d);
    p.kind = d.form == FORM_STORE ? AWAIT_NOTHING : AWAIT_LOAD;
    p.insn = d;
    image->pc += d.len;
    return p;
}

/* --- when it goes on ---------------------------------------------------------------------------------------------- */

static bool is_error(int64_t error)
{
    return (error <= SBI_ERR_FAILED && error >= SBI_ERR_NO_SHMEM) || (error <= SBI_ERR_AUTH && error >= SBI_ERR_BUSY);
}

/* The host's answer to a call, as far as the guest may see it: an error of the interface, or success and a value. */
static void answer_call(struct world *w, uint32_t h, const struct pending *p, const uint64_t reply[2],
                        struct world_image *image)
{
    int64_t shown = (int64_t)w->machine->hart[h].x[A0];
    bool plausible = reply[0] == SBI_SUCCESS || is_error((int64_t)reply[0]);
    uint64_t value = p->kind == AWAIT_CALL && reply[1] < p->limit ? reply[1] : p->limit;

    image->x[A0] = reply[0];
    image->x[A1] = reply[0] == SBI_SUCCESS ? value : 0;
    /* What no SBI call returns becomes some error of the monitor's choice; so may the errors that only CoVE has. */
    if ((!plausible || (int64_t)reply[0] <= SBI_ERR_AUTH) && is_error(shown))
        image->x[A0] = (uint64_t)shown;
}

void pending_resume(struct world *w, uint32_t h, const struct pending *p, const uint64_t reply[2],
                    struct world_image *image)
{
    switch (p->kind) {
    case AWAIT_NOTHING:
    case AWAIT_START: return;
    case AWAIT_LOAD:
        if (p->insn.reg != 0)
            image->x[p->insn.reg] = access_insn_extend(&p->insn, reply[0]);
        return;
    case AWAIT_CALL:
    case AWAIT_REGION: answer_call(w, h, p, reply, image); return;
    case AWAIT_WAKE_UP:
        image->pc = p->pc;
        image->x[A1] = p->opaque;
        image->x[A0] = w->machine->monitor->hart[h].vcpu_id;
        return;
    }
}

/* --- accesses that were refused ----------------------------------------------------------------------------------- */

bool pending_could_emulate(const struct world *w, uint32_t h, const struct entry *e)
{
    uint32_t slot = w->oracle_state->running_slot[h] % MONITOR_MAX_TVMS;
    uint64_t gpa = e->trap.tval2 << 2 | (e->trap.tval & 3);
    struct access_insn d;

    if (e->cause != CAUSE_LOAD_FAULT && e->cause != CAUSE_STORE_FAULT)
        return false;
    return own_in_region(w, slot, gpa >> PAGE_SHIFT, 1, 1u << REGION_MMIO) && faulting_access(w, slot, e, &d) &&
           d.plain && (d.form == FORM_STORE) == (e->cause == CAUSE_STORE_FAULT) &&
           (gpa & PAGE_MASK) + d.width <= PAGE_SIZE;
}
